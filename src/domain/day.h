/*
 * day.h: one day of a franchise, and what may be booked on it: grid, lead time
 * and horizon, places, price.
 *
 * The day comes from Postgres, which alone resolves zones; here are only
 * instants, the labels to show, and rules.
 *
 * Units    *_us instants UTC; rates and amounts in hundredths; rates are per
 *          hour and child.
 */
#ifndef DOMAIN_DAY_H
#define DOMAIN_DAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/err.h"
#include "base/form.h"
#include "base/uuid.h"

#define DAY_LINES_MAX 128 /* 24 h of 15 minutes, and room for a fold */

struct scope;

struct day {
	struct uuid franchise_id;
	int64_t version;
	bool is_active;
	const char *currency;
	const char *time_zone;
	int64_t slot_minutes;
	int64_t lead_minutes;
	int64_t horizon_days;
	int64_t standard_rate;
	int64_t peak_hour_rate;
	const char *open_label; /* "08:00" */
	const char *close_label;
	struct ints cancel_hours; /* the policy, in step */
	struct ints cancel_percent;
	int64_t cancel_fee;
	int64_t day;   /* local date */
	int64_t today; /* local date of now */
	const char *closed; /* "closed_day", "not_operating", NULL = open */
	int64_t open_us;
	int64_t close_us;
	/* the slots, in step and in order */
	struct ints starts;
	struct texts labels;
	struct texts end_labels;
	struct ints rates;
	struct ints peaks; /* 0, 1 */
	struct ints left;  /* places */
	int64_t lapsed;    /* holds that lapsed but still stand in the ledger */
	int64_t as_of_us;
	int64_t valid_until_us;
};

/* Slots [first, first + count) of a day. */
struct span {
	size_t first;
	size_t count;
};

/* One stretch of equal rate. */
struct line {
	int64_t start_us;
	int64_t end_us;
	int64_t rate;
	bool peak;
	int64_t minutes;
	int64_t amount; /* for all children */
};

int64_t day_slot_us(const struct day *day);

/* May slot i be booked at the moment the day was read? */
bool day_slot_bookable(const struct day *day, size_t i);
/* Is the day within the horizon and not over? */
bool day_in_horizon(const struct day *day);

/*
 * Are start and end slot boundaries of this one day, in the future, within
 * lead time and horizon?  Faults (pointers /start_datetime, /end_datetime)
 * and ERR_INVALID otherwise.  Places are not looked at.
 */
enum err day_span(struct scope *sc, const struct day *day, int64_t start_us,
    int64_t end_us, struct span *ret_span) MUSTCHECK;

/* The least places left over the span. */
int64_t day_room(const struct day *day, struct span span);

/*
 * The price of the span: lines of equal rate and their sum.  ERR_INVALID
 * (pointer /end_datetime, rule "maximum") above what the currency allows.
 */
enum err day_price(struct scope *sc, const struct day *day, struct span span,
    int64_t children, struct line lines[DAY_LINES_MAX], size_t *ret_count,
    int64_t *ret_total) MUSTCHECK;

/* Up to `max` spans of the same length with room, nearest to the wanted start
 * first; returns how many. */
size_t day_nearby(const struct day *day, struct span wanted, int64_t children,
    struct span *out, size_t max);

#endif
