/*
 * franchise_admin.h: set franchises up, change them, close a day.
 *
 * The rules that need no database are checked here, by the tables of domain/;
 * those about what is booked, and the time zone, by franchises.save.
 *
 * Holds    that have lapsed never block: before a refusal stands they are
 *          expired, when the settings that takes (the keys) are given.
 * Units    rates and fees in hundredths; rates per hour and child; times
 *          "HH:MM", local; weekdays 1 Monday .. 7 Sunday.
 * Errors   ERR_CONFLICT   a rule is broken: one sentence in sc->why
 *          ERR_NOT_FOUND  there is no such franchise
 *          ERR_STALE      somebody else changed it meanwhile: again
 *          and those of store/db.h.
 */
#ifndef APP_FRANCHISE_ADMIN_H
#define APP_FRANCHISE_ADMIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/err.h"
#include "base/form.h"
#include "base/uuid.h"

#define PEAK_RULES_MAX 32
#define CANCEL_RULES_MAX 10

struct admin;
struct scope;

struct peak_rule {
	const char *start;
	const char *end;
	struct ints weekdays;
};

struct closed_rule {
	int64_t day;
	const char *reason;
};

/* Absent: NULL, NONE, a list whose items are NULL. */
struct franchise_facts {
	struct uuid id;
	const char *name;
	const char *address;
	const char *city;
	const char *postal_code;
	const char *time_zone;
	const char *currency;
	int64_t capacity;
	int64_t standard_rate;
	int64_t peak_rate;
	const char *open;
	const char *close;
	struct ints weekdays;
	int64_t slot_minutes;
	int64_t lead_minutes;
	int64_t horizon_days;
	struct ints cancel_hours; /* the policy, in step */
	struct ints cancel_percent;
	int64_t cancel_fee;
	const char *stripe_account; /* "" takes it away */
	int64_t active; /* 1, 0, NONE */
	struct peak_rule *peaks;
	size_t peak_count;
	struct closed_rule *closed; /* shown only; from today on */
	size_t closed_count;
	int64_t version; /* shown only */
};

/* Every field absent. */
void franchise_facts_clear(struct franchise_facts *facts);

/* Do they obey the rules?  All fields must be there.  ERR_CONFLICT. */
enum err franchise_facts_check(struct scope *sc,
    const struct franchise_facts *facts) MUSTCHECK;

/* All of them, by name, without peaks and closed days; or with everything the
 * one whose id it is. */
enum err franchise_facts_list(struct admin *admin, struct scope *sc,
    struct franchise_facts **ret_list, size_t *ret_count) MUSTCHECK;
enum err franchise_facts_get(struct admin *admin, struct scope *sc,
    const struct uuid *id, struct franchise_facts *ret_facts) MUSTCHECK;

/* Absent fields take their defaults; *facts then holds what was stored. */
enum err franchise_add(struct admin *admin, struct scope *sc,
    struct franchise_facts *facts) MUSTCHECK;

/* Absent fields stay as they are; *facts then holds what was stored. */
enum err franchise_set(struct admin *admin, struct scope *sc,
    struct franchise_facts *facts) MUSTCHECK;

/* day is a local date of the franchise. */
enum err franchise_close_day(struct admin *admin, struct scope *sc,
    const struct uuid *id, int64_t day, const char *reason) MUSTCHECK;
enum err franchise_open_day(struct admin *admin, struct scope *sc,
    const struct uuid *id, int64_t day, bool *ret_was_closed) MUSTCHECK;

/* What the last refusal was about ("2026-12-01 09:00 (8), ..."), "" when there
 * is no more to say; in the scope's arena. */
const char *franchise_refusal_detail(const struct admin *admin);

#endif
