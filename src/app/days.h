/*
 * days.h: a franchise's day out of the database.
 */
#ifndef APP_DAYS_H
#define APP_DAYS_H

#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/err.h"
#include "domain/day.h"
#include "store/row.h"

struct app;
struct buf;
struct uuid;

/* The columns every statement about a day begins with; `member` is a struct
 * day in struct `type`. */
#define DAY_COLUMN(type, member, name, kind, field) \
	{ name, kind, offsetof(type, member.field) }
#define DAY_COLUMNS(type, member) \
	DAY_COLUMN(type, member, "franchise_id", COLUMN_UUID, franchise_id), \
	DAY_COLUMN(type, member, "version", COLUMN_I64, version), \
	DAY_COLUMN(type, member, "is_active", COLUMN_BOOL, is_active), \
	DAY_COLUMN(type, member, "currency", COLUMN_TEXT, currency), \
	DAY_COLUMN(type, member, "time_zone", COLUMN_TEXT, time_zone), \
	DAY_COLUMN(type, member, "slot_minutes", COLUMN_I64, slot_minutes), \
	DAY_COLUMN(type, member, "lead_minutes", COLUMN_I64, lead_minutes), \
	DAY_COLUMN(type, member, "horizon_days", COLUMN_I64, horizon_days), \
	DAY_COLUMN(type, member, "standard_rate", COLUMN_I64, standard_rate), \
	DAY_COLUMN(type, member, "peak_hour_rate", COLUMN_I64, peak_hour_rate), \
	DAY_COLUMN(type, member, "open_label", COLUMN_TEXT, open_label), \
	DAY_COLUMN(type, member, "close_label", COLUMN_TEXT, close_label), \
	DAY_COLUMN(type, member, "cancel_hours", COLUMN_I64S, cancel_hours), \
	DAY_COLUMN(type, member, "cancel_percent", COLUMN_I64S, \
	    cancel_percent), \
	DAY_COLUMN(type, member, "cancel_fee", COLUMN_I64, cancel_fee), \
	DAY_COLUMN(type, member, "day", COLUMN_DATE, day), \
	DAY_COLUMN(type, member, "today", COLUMN_DATE, today), \
	DAY_COLUMN(type, member, "closed", COLUMN_TEXT, closed), \
	DAY_COLUMN(type, member, "open_at", COLUMN_INSTANT, open_us), \
	DAY_COLUMN(type, member, "close_at", COLUMN_INSTANT, close_us), \
	DAY_COLUMN(type, member, "starts", COLUMN_INSTANTS, starts), \
	DAY_COLUMN(type, member, "labels", COLUMN_TEXTS, labels), \
	DAY_COLUMN(type, member, "end_labels", COLUMN_TEXTS, end_labels), \
	DAY_COLUMN(type, member, "rates", COLUMN_I64S, rates), \
	DAY_COLUMN(type, member, "peaks", COLUMN_BOOLS, peaks), \
	DAY_COLUMN(type, member, "left_over", COLUMN_I64S, left), \
	DAY_COLUMN(type, member, "lapsed", COLUMN_I64, lapsed), \
	DAY_COLUMN(type, member, "as_of", COLUMN_INSTANT, as_of_us), \
	DAY_COLUMN(type, member, "valid_until", COLUMN_INSTANT, \
	    valid_until_us)

/* One day by its date, today there when date is NONE.  ERR_NOT_FOUND: no such
 * active franchise. */
enum err day_load(struct app *app, struct scope *sc,
    const struct uuid *franchise, int64_t date, struct day *ret_day) MUSTCHECK;

/* `count` days from `date` on (NONE: from today there). */
enum err days_load(struct app *app, struct scope *sc,
    const struct uuid *franchise, int64_t date, int64_t count,
    struct day **ret_days, size_t *ret_count) MUSTCHECK;

/* How long what was read since then (clock_mono_us) stays true by the clock
 * alone: milliseconds from now, also below 0. */
int64_t day_lifetime_ms(const struct day *day, int64_t since_us);

#endif
