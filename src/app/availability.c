/* availability.c: what is free on a day, and which starts fit. */
#include "app/availability.h"

#include <string.h>

#include "app/app.h"
#include "app/days.h"
#include "app/forms.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/instant.h"
#include "base/scope.h"
#include "store/cache.h"

#define ANSWER_MAX (256 * 1024)
#define UNKNOWN "null"
#define UNKNOWN_MS 10000
/* Days nobody can book are answered but never looked up as they stand. */
#define DAY_LOW 7305   /* 1990-01-01 */
#define DAY_HIGH 84006 /* 2200-01-01 */
#define HORIZON_DAYS_MAX 730 /* of any franchise: a CHECK of its table */

static enum err
no_such_franchise(struct scope *sc)
{
	return scope_fail(sc, ERR_NOT_FOUND, "no such franchise");
}

/* Can any franchise be booked on that day?  The others are not cached: whoever
 * asks for many dates would fill Redis with keys about nothing. */
static bool
worth_caching(int64_t date)
{
	int64_t today = clock_wall_us() / USEC_PER_DAY;

	return date == NONE || (date >= today - 1 &&
	    date <= today + HORIZON_DAYS_MAX + 1);
}

/* Leave only what may still be booked: the head of the day falls away. */
static void
keep_bookable(struct day *day)
{
	size_t first = 0;

	while (first < day->starts.count && !day_slot_bookable(day, first))
		first++;
	if (first == 0)
		return;
	day->starts.items += first;
	day->labels.items += first;
	day->end_labels.items += first;
	day->rates.items += first;
	day->peaks.items += first;
	day->left.items += first;
	day->starts.count -= first;
	day->labels.count -= first;
	day->end_labels.count -= first;
	day->rates.count -= first;
	day->peaks.count -= first;
	day->left.count -= first;
}

static enum err
load(struct app *app, struct scope *sc, const struct uuid *franchise,
    int64_t date, struct day *ret_day)
{
	int64_t near = date;
	enum err e;

	if (date != NONE && date < DAY_LOW)
		near = DAY_LOW;
	if (date != NONE && date > DAY_HIGH)
		near = DAY_HIGH;
	e = day_load(app, sc, franchise, near, ret_day);
	if (e)
		return e == ERR_NOT_FOUND ? no_such_franchise(sc) : e;

	if (date != NONE)
		ret_day->day = date;
	keep_bookable(ret_day);
	return ERR_OK;
}

static const char *
closed_reason(const struct day *day)
{
	if (day->day < day->today)
		return "past";
	if (!day_in_horizon(day))
		return "beyond_horizon";
	return day->closed;
}

static void
print_day(struct scope *sc, const struct day *day, struct buf *out)
{
	struct slot *slots = arena_new_array(sc->arena, struct slot,
	    day->starts.count);
	struct hours hours = { day->open_label, day->close_label };
	struct pricing pricing = { day->standard_rate, day->peak_hour_rate,
		day->currency };
	struct availability a = {
		.franchise_id = day->franchise_id,
		.date = day->day,
		.time_zone = day->time_zone,
		.operating_hours = day->closed ? NULL : &hours,
		.closed_reason = closed_reason(day),
		.available_slots = { slots, day->starts.count },
		.pricing = &pricing,
		.slot_minutes = day->slot_minutes,
		.as_of_us = day->as_of_us,
	};

	for (size_t i = 0; i < day->starts.count; i++)
		slots[i] = (struct slot){
			.start_time = day->labels.items[i],
			.end_time = day->end_labels.items[i],
			.start_us = day->starts.items[i],
			.end_us = day->starts.items[i] + day_slot_us(day),
			.available_capacity = day->left.items[i],
			.rate = day->rates.items[i],
			.peak = day->peaks.items[i] != 0,
			.bookable = true,
		};
	buf_init(out, sc->arena, ANSWER_MAX);
	form_print(out, &form_availability, &a);
}

/* Read the truth, and fill the cache when the lease is ours (else NULL). */
static enum err
read_day(struct app *app, struct scope *sc, const struct uuid *franchise,
    int64_t date, const struct cache_lease *lease, struct buf *out)
{
	int64_t since_us = clock_mono_us();
	struct day day;
	enum err e = load(app, sc, franchise, date, &day);

	if (e) {
		if (lease)
			cache_fill(app->cache, sc, lease, UNKNOWN,
			    strlen(UNKNOWN), e == ERR_NOT_FOUND ? UNKNOWN_MS :
			    0);
		return e;
	}
	print_day(sc, &day, out);
	if (out->overflow)
		return scope_fail(sc, ERR_INTERNAL, "a day too large to tell");
	if (lease)
		cache_fill(app->cache, sc, lease, out->data, out->len,
		    day_in_horizon(&day) ?
		    day_lifetime_ms(&day, since_us) : 0);
	return ERR_OK;
}

enum err
availability_day(struct app *app, struct scope *sc,
    const struct uuid *franchise, const struct availability_query *query,
    const char **ret_json, size_t *ret_len)
{
	struct cache_key key = { CACHE_AVAILABILITY, *franchise,
		query->date == NONE ? CACHE_TODAY : query->date };
	struct cache_lease lease;
	struct cache_text cached;
	struct buf out;
	enum cache_answer answer = CACHE_OFF;
	enum err e;

	if (worth_caching(query->date))
		answer = cache_get(app->cache, sc, &key, &cached);
	if (answer == CACHE_MISS)
		answer = cache_claim(app->cache, sc, &key, &lease, &cached);
	if (answer == CACHE_HIT) {
		if (strcmp(cached.data, UNKNOWN) == 0)
			return no_such_franchise(sc);
		*ret_json = cached.data;
		*ret_len = cached.len;
		return ERR_OK;
	}

	e = read_day(app, sc, franchise, query->date,
	    answer == CACHE_CLAIM ? &lease : NULL, &out);
	if (e)
		return e;

	*ret_json = out.data;
	*ret_len = out.len;
	return ERR_OK;
}

/* ---- bookable starts ---------------------------------------------------------- */

/* What lies under capacity:{franchise}:{date}: the slots that may still be
 * booked.  Rates come from pricing:{franchise}. */
struct capacity_slot {
	int64_t start_us;
	const char *label;
	const char *end_label;
	int64_t left;
	bool peak;
};
struct capacity {
	int64_t date;
	const char *time_zone;
	int64_t slot_minutes;
	int64_t as_of_us;
	struct list slots;
};

static const struct field capacity_slot_fields[] = {
	{ "start", FIELD_INSTANT, FIELD_REQUIRED,
	    .offset = offsetof(struct capacity_slot, start_us) },
	{ "start_time", FIELD_CLOCK, FIELD_REQUIRED,
	    .offset = offsetof(struct capacity_slot, label) },
	{ "end_time", FIELD_CLOCK, FIELD_REQUIRED,
	    .offset = offsetof(struct capacity_slot, end_label) },
	{ "available_capacity", FIELD_INT, FIELD_REQUIRED, .max = 100000,
	    .offset = offsetof(struct capacity_slot, left) },
	{ "peak", FIELD_BOOL, FIELD_REQUIRED,
	    .offset = offsetof(struct capacity_slot, peak) },
};
static const struct form form_capacity_slot = { .name = "CapacitySlot",
	.size = sizeof(struct capacity_slot), .fields = capacity_slot_fields,
	.count = ARRAY_LEN(capacity_slot_fields) };

static const struct field capacity_fields[] = {
	{ "date", FIELD_DATE, FIELD_REQUIRED,
	    .offset = offsetof(struct capacity, date) },
	{ "time_zone", FIELD_TEXT, FIELD_REQUIRED, .min = 1, .max = 100,
	    .offset = offsetof(struct capacity, time_zone) },
	{ "slot_minutes", FIELD_INT, FIELD_REQUIRED, .min = 1, .max = 1440,
	    .offset = offsetof(struct capacity, slot_minutes) },
	{ "as_of", FIELD_INSTANT, FIELD_REQUIRED,
	    .offset = offsetof(struct capacity, as_of_us) },
	{ "slots", FIELD_LIST, FIELD_REQUIRED, .max = 200,
	    .offset = offsetof(struct capacity, slots),
	    .form = &form_capacity_slot },
};
static const struct form form_capacity = { .name = "Capacity",
	.size = sizeof(struct capacity), .fields = capacity_fields,
	.count = ARRAY_LEN(capacity_fields) };

static void
print_capacity(struct scope *sc, const struct day *day, struct buf *out)
{
	struct capacity_slot *slots = arena_new_array(sc->arena,
	    struct capacity_slot, day->starts.count);
	struct capacity c = { day->day, day->time_zone, day->slot_minutes,
		day->as_of_us, { slots, day->starts.count } };

	for (size_t i = 0; i < day->starts.count; i++)
		slots[i] = (struct capacity_slot){ day->starts.items[i],
			day->labels.items[i], day->end_labels.items[i],
			day->left.items[i], day->peaks.items[i] != 0 };
	buf_init(out, sc->arena, ANSWER_MAX);
	form_print(out, &form_capacity, &c);
}

/* A cached day as far as spans and prices need it. */
static void
day_of_capacity(struct scope *sc, const struct uuid *franchise,
    const struct capacity *c, const struct pricing *pricing, struct day *day)
{
	const struct capacity_slot *slots = c->slots.items;
	size_t n = c->slots.count;

	*day = (struct day){ .franchise_id = *franchise, .is_active = true,
		.currency = pricing->currency, .time_zone = c->time_zone,
		.slot_minutes = c->slot_minutes, .day = c->date,
		.as_of_us = c->as_of_us };
	day->starts = (struct ints){ arena_new_array(sc->arena, int64_t, n),
		n };
	day->rates = (struct ints){ arena_new_array(sc->arena, int64_t, n), n };
	day->peaks = (struct ints){ arena_new_array(sc->arena, int64_t, n), n };
	day->left = (struct ints){ arena_new_array(sc->arena, int64_t, n), n };
	day->labels = (struct texts){ arena_new_array(sc->arena, const char *,
	    n), n };
	day->end_labels = (struct texts){ arena_new_array(sc->arena,
	    const char *, n), n };
	for (size_t i = 0; i < n; i++) {
		day->starts.items[i] = slots[i].start_us;
		day->labels.items[i] = slots[i].label;
		day->end_labels.items[i] = slots[i].end_label;
		day->left.items[i] = slots[i].left;
		day->peaks.items[i] = slots[i].peak;
		day->rates.items[i] = slots[i].peak ?
		    pricing->peak_hour_rate : pricing->standard_rate;
	}
}

static void
clear_faults(struct scope *sc)
{
	sc->faults = NULL;
	sc->faults_end = &sc->faults;
	sc->fault_count = 0;
}

/* All days out of the cache, in one round trip; false when one is missing.
 * What Redis holds is not trusted to be what we put there. */
static bool
days_cached(struct app *app, struct scope *sc, const struct cache_key *keys,
    size_t count, struct day *days)
{
	struct cache_text *texts = arena_new_array(sc->arena,
	    struct cache_text, count + 1);
	struct pricing pricing;

	if (cache_get_many(app->cache, sc, keys, count + 1, texts) !=
	    CACHE_HIT || !texts[0].data ||
	    form_read_json(sc, &form_pricing, texts[0].data, texts[0].len,
	    &pricing))
		return false;
	for (size_t i = 0; i < count; i++) {
		struct capacity c;

		if (!texts[i + 1].data || form_read_json(sc, &form_capacity,
		    texts[i + 1].data, texts[i + 1].len, &c))
			return false;
		day_of_capacity(sc, &keys[0].franchise, &c, &pricing,
		    &days[i]);
	}
	return true;
}

static void
fill_pricing(struct app *app, struct scope *sc, const struct cache_lease *lease,
    const struct day *day)
{
	struct pricing pricing = { day->standard_rate, day->peak_hour_rate,
		day->currency };
	struct buf out;

	buf_init(&out, sc->arena, ANSWER_MAX);
	form_print(&out, &form_pricing, &pricing);
	cache_fill(app->cache, sc, lease, out.data, out.len, INT64_MAX);
}

/* Take the leases of what is not there: some of it may be.  false: there is
 * nothing left to fill, for others did while this one waited. */
static bool
claim_missing(struct app *app, struct scope *sc, const struct cache_key *keys,
    size_t count, struct cache_lease *leases, bool *mine)
{
	struct cache_text text;
	bool missing = false;

	for (size_t i = 0; i < count; i++) {
		enum cache_answer answer = cache_claim(app->cache, sc,
		    &keys[i], &leases[i], &text);

		if (answer == CACHE_OFF)
			return true;
		mine[i] = answer == CACHE_CLAIM;
		missing = missing || mine[i];
	}
	return missing;
}

/* Read all days in one query; fill what may be filled.  The leases come
 * before the query, so that a change in between is not lost. */
static enum err
days_read(struct app *app, struct scope *sc, const struct uuid *franchise,
    const struct cache_key *keys, int64_t date, size_t count,
    struct day **ret_days)
{
	struct cache_lease *leases = arena_new_array(sc->arena,
	    struct cache_lease, count + 1);
	bool *mine = arena_new_array(sc->arena, bool, count + 1);
	int64_t since_us = clock_mono_us();
	struct day *days;
	size_t found;
	enum err e;

	clear_faults(sc);
	if (keys && !claim_missing(app, sc, keys, count + 1, leases, mine) &&
	    days_cached(app, sc, keys, count, *ret_days))
		return ERR_OK;
	clear_faults(sc);
	e = days_load(app, sc, franchise, date, (int64_t)count, &days, &found);
	for (size_t i = 0; i < count + 1; i++) {
		struct buf out;

		if (!mine[i])
			continue;
		if (e || found != count) {
			cache_fill(app->cache, sc, &leases[i], "", 0, 0);
		} else if (i == 0) {
			fill_pricing(app, sc, &leases[0], &days[0]);
		} else {
			struct day day = days[i - 1];

			keep_bookable(&day);
			print_capacity(sc, &day, &out);
			cache_fill(app->cache, sc, &leases[i], out.data,
			    out.len, out.overflow || !day_in_horizon(&day) ?
			    0 : day_lifetime_ms(&day, since_us));
		}
	}
	if (e)
		return e;

	for (size_t i = 0; i < found; i++)
		keep_bookable(&days[i]);
	*ret_days = days;
	return ERR_OK;
}

static enum err
list_starts(struct scope *sc, const struct day *days, size_t count,
    const struct slots_query *q, struct slots_answer *a)
{
	struct bookable_start *starts;
	size_t slots = 0;
	size_t found = 0;

	for (size_t d = 0; d < count; d++)
		slots += days[d].starts.count;
	starts = arena_new_array(sc->arena, struct bookable_start, slots);
	for (size_t d = 0; d < count; d++) {
		const struct day *day = &days[d];
		size_t length = (size_t)(a->minutes / day->slot_minutes);

		for (size_t i = 0; i + length <= day->starts.count; i++) {
			struct span span = { i, length };
			struct line lines[DAY_LINES_MAX] = { 0 };
			size_t line_count;
			struct bookable_start *s = &starts[found];

			if (day_room(day, span) < q->children)
				continue;
			if (day_price(sc, day, span, q->children, lines,
			    &line_count, &s->total_amount)) {
				clear_faults(sc); /* too dear to sell at once */
				continue;
			}
			s->date = day->day;
			s->start_us = day->starts.items[i];
			s->end_us = s->start_us +
			    (int64_t)length * day_slot_us(day);
			s->start_time = day->labels.items[i];
			s->end_time = day->end_labels.items[i + length - 1];
			s->available_capacity = day_room(day, span);
			found++;
		}
	}
	a->data = (struct list){ starts, found };
	return ERR_OK;
}

enum err
availability_slots(struct app *app, struct scope *sc,
    const struct uuid *franchise, const struct slots_query *query,
    struct slots_answer *ret_answer)
{
	struct slots_query q = *query;
	struct cache_key *keys = NULL;
	struct day *days;
	size_t count;
	enum err e;

	q.days = q.days == NONE ? 1 : q.days;
	q.children = q.children == NONE ? 1 : q.children;
	count = (size_t)q.days;
	if (q.date != NONE && q.date < DAY_LOW)
		q.date = DAY_LOW;
	if (q.date != NONE && q.date > DAY_HIGH)
		q.date = DAY_HIGH;

	days = arena_new_array(sc->arena, struct day, count);
	/* Without a date only Postgres knows which day it is there, but for
	 * one day alone the cache has a name for it. */
	if ((q.date != NONE || count == 1) && worth_caching(q.date)) {
		keys = arena_new_array(sc->arena, struct cache_key, count + 1);
		keys[0] = (struct cache_key){ CACHE_PRICING, *franchise, 0 };
		for (size_t i = 0; i < count; i++)
			keys[i + 1] = (struct cache_key){ CACHE_CAPACITY,
				*franchise, q.date == NONE ? CACHE_TODAY :
				q.date + (int64_t)i };
	}
	if (!keys || !days_cached(app, sc, keys, count, days)) {
		e = days_read(app, sc, franchise, keys, q.date, count, &days);
		if (e)
			return e;
	}

	*ret_answer = (struct slots_answer){
		.franchise_id = *franchise,
		.time_zone = days[0].time_zone,
		.currency = days[0].currency,
		.children = q.children,
		.minutes = q.hours == NONE ? days[0].slot_minutes :
		    q.hours * 60,
		.as_of_us = days[0].as_of_us,
	};
	return list_starts(sc, days, count, &q, ret_answer);
}
