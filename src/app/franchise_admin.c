/* franchise_admin.c: set franchises up, change them, close a day. */
#include "app/franchise_admin.h"

#include <string.h>
#include <time.h>

#include "app/admin.h"
#include "app/app.h"
#include "app/bookings.h"
#include "app/keyring.h"
#include "app/settings.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/instant.h"
#include "base/scope.h"
#include "store/cache.h"
#include "store/db.h"

#define FORGET_US (5 * USEC_PER_SEC)
#define FORGET_PAUSE_NS 200000000
#define CLOSED_MAX 1000 /* days that are shown */

struct facts_row {
	struct franchise_facts facts;
	bool is_active;
};

#define COLUMN(name, kind, field) \
	{ name, kind, offsetof(struct facts_row, field) }
static const struct column facts_items[] = {
	COLUMN("id", COLUMN_UUID, facts.id),
	COLUMN("name", COLUMN_TEXT, facts.name),
	COLUMN("address", COLUMN_TEXT, facts.address),
	COLUMN("city", COLUMN_TEXT, facts.city),
	COLUMN("postal_code", COLUMN_TEXT, facts.postal_code),
	COLUMN("time_zone", COLUMN_TEXT, facts.time_zone),
	COLUMN("currency", COLUMN_TEXT, facts.currency),
	COLUMN("max_capacity", COLUMN_I64, facts.capacity),
	COLUMN("standard_rate", COLUMN_I64, facts.standard_rate),
	COLUMN("peak_hour_rate", COLUMN_I64, facts.peak_rate),
	COLUMN("open_label", COLUMN_TEXT, facts.open),
	COLUMN("close_label", COLUMN_TEXT, facts.close),
	COLUMN("operating_days", COLUMN_I64S, facts.weekdays),
	COLUMN("slot_minutes", COLUMN_I64, facts.slot_minutes),
	COLUMN("lead_minutes", COLUMN_I64, facts.lead_minutes),
	COLUMN("horizon_days", COLUMN_I64, facts.horizon_days),
	COLUMN("cancel_hours", COLUMN_I64S, facts.cancel_hours),
	COLUMN("cancel_percent", COLUMN_I64S, facts.cancel_percent),
	COLUMN("cancel_fee", COLUMN_I64, facts.cancel_fee),
	COLUMN("stripe_account", COLUMN_TEXT, facts.stripe_account),
	COLUMN("is_active", COLUMN_BOOL, is_active),
	COLUMN("version", COLUMN_I64, facts.version),
};
#undef COLUMN
static const struct columns facts_columns = { sizeof(struct facts_row),
	facts_items, ARRAY_LEN(facts_items) };

struct peak_row {
	struct uuid franchise;
	struct peak_rule rule;
};
static const struct column peak_items[] = {
	{ "franchise_id", COLUMN_UUID, offsetof(struct peak_row, franchise) },
	{ "weekdays", COLUMN_I64S, offsetof(struct peak_row, rule.weekdays) },
	{ "start_label", COLUMN_TEXT, offsetof(struct peak_row, rule.start) },
	{ "end_label", COLUMN_TEXT, offsetof(struct peak_row, rule.end) },
};
static const struct columns peak_columns = { sizeof(struct peak_row),
	peak_items, ARRAY_LEN(peak_items) };

struct closed_row {
	struct uuid franchise;
	struct closed_rule rule;
};
static const struct column closed_items[] = {
	{ "franchise_id", COLUMN_UUID, offsetof(struct closed_row, franchise) },
	{ "day", COLUMN_DATE, offsetof(struct closed_row, rule.day) },
	{ "reason", COLUMN_TEXT, offsetof(struct closed_row, rule.reason) },
};
static const struct columns closed_columns = { sizeof(struct closed_row),
	closed_items, ARRAY_LEN(closed_items) };

struct version_row {
	int64_t version;
};
static const struct column version_items[] = {
	{ "version", COLUMN_I64, offsetof(struct version_row, version) },
};
static const struct columns version_columns = { sizeof(struct version_row),
	version_items, ARRAY_LEN(version_items) };

struct open_row {
	bool was_closed;
};
static const struct column open_items[] = {
	{ "was_closed", COLUMN_BOOL, offsetof(struct open_row, was_closed) },
};
static const struct columns open_columns = { sizeof(struct open_row),
	open_items, ARRAY_LEN(open_items) };

void
franchise_facts_clear(struct franchise_facts *facts)
{
	*facts = (struct franchise_facts){ .capacity = NONE,
		.standard_rate = NONE, .peak_rate = NONE, .slot_minutes = NONE,
		.lead_minutes = NONE, .horizon_days = NONE, .cancel_fee = NONE,
		.active = NONE, .version = NONE };
}

const char *
franchise_refusal_detail(const struct admin *admin)
{
	return admin->detail;
}

/* Our own SQL functions refuse in whole sentences: they stand alone. */
static enum err
plain(struct scope *sc, enum err e)
{
	const char *sentence = strstr(sc->why, ": ");
	char text[SCOPE_WHY_MAX];

	if ((e != ERR_CONFLICT && e != ERR_NOT_FOUND && e != ERR_STALE) ||
	    strncmp(sc->why, "statement ", 10) != 0 || !sentence)
		return e;
	memcpy(text, sentence + 2, strlen(sentence + 2) + 1);
	return scope_fail(sc, e, "%s", text);
}

/* ---- reading ------------------------------------------------------------- */

static enum err
rows_read(struct admin *admin, struct scope *sc, const struct uuid *id,
    struct franchise_facts **ret_list, size_t *ret_count)
{
	static const struct uuid none;
	struct franchise_facts *list;
	struct facts_row *rows;
	struct args args;
	size_t count;
	enum err e;

	args_init(&args, sc->arena);
	args_uuid(&args, id ? id : &none);
	e = db_all(admin->db, sc, STMT_ADMIN_FRANCHISE_LIST, &args,
	    &facts_columns, &rows, &count);
	if (e)
		return e;

	list = arena_new_array(sc->arena, struct franchise_facts, count);
	for (size_t i = 0; i < count; i++) {
		list[i] = rows[i].facts;
		list[i].active = rows[i].is_active;
	}
	*ret_list = list;
	*ret_count = count;
	return ERR_OK;
}

enum err
franchise_facts_list(struct admin *admin, struct scope *sc,
    struct franchise_facts **ret_list, size_t *ret_count)
{
	return rows_read(admin, sc, NULL, ret_list, ret_count);
}

static enum err
peaks_read(struct admin *admin, struct scope *sc,
    struct franchise_facts *facts)
{
	struct peak_row *rows;
	struct args args;
	size_t count;
	enum err e;

	args_init(&args, sc->arena);
	args_uuids(&args, &facts->id, 1);
	e = db_all(admin->db, sc, STMT_FRANCHISE_PEAKS, &args, &peak_columns,
	    &rows, &count);
	if (e)
		return e;

	facts->peaks = arena_new_array(sc->arena, struct peak_rule, count + 1);
	facts->peak_count = count;
	for (size_t i = 0; i < count; i++)
		facts->peaks[i] = rows[i].rule;
	return ERR_OK;
}

static enum err
closed_read(struct admin *admin, struct scope *sc,
    struct franchise_facts *facts)
{
	struct closed_row *rows;
	struct args args;
	size_t count;
	enum err e;

	args_init(&args, sc->arena);
	args_uuids(&args, &facts->id, 1);
	args_i64(&args, CLOSED_MAX);
	e = db_all(admin->db, sc, STMT_FRANCHISE_CLOSED, &args,
	    &closed_columns, &rows, &count);
	if (e)
		return e;

	facts->closed = arena_new_array(sc->arena, struct closed_rule,
	    count + 1);
	facts->closed_count = count;
	for (size_t i = 0; i < count; i++)
		facts->closed[i] = rows[i].rule;
	return ERR_OK;
}

enum err
franchise_facts_get(struct admin *admin, struct scope *sc,
    const struct uuid *id, struct franchise_facts *ret_facts)
{
	struct franchise_facts *list;
	size_t count;
	enum err e;

	e = rows_read(admin, sc, id, &list, &count);
	if (!e && count == 0)
		e = scope_fail(sc, ERR_NOT_FOUND,
		    "there is no such franchise");
	if (!e)
		e = peaks_read(admin, sc, &list[0]);
	if (!e)
		e = closed_read(admin, sc, &list[0]);
	if (e)
		return e;

	*ret_facts = list[0];
	return ERR_OK;
}

/* ---- writing ------------------------------------------------------------- */

static void
args_peaks(struct args *args, struct scope *sc,
    const struct franchise_facts *facts)
{
	size_t count = facts->peak_count;
	const char **starts = arena_new_array(sc->arena, const char *, count);
	const char **ends = arena_new_array(sc->arena, const char *, count);
	const char **days = arena_new_array(sc->arena, const char *, count);

	for (size_t i = 0; i < count; i++) {
		const struct ints *weekdays = &facts->peaks[i].weekdays;
		struct buf text;

		buf_init(&text, sc->arena, 64);
		for (size_t d = 0; d < weekdays->count; d++)
			buf_printf(&text, "%c%d", d == 0 ? '{' : ',',
			    (int)weekdays->items[d]);
		buf_putc(&text, '}');
		starts[i] = facts->peaks[i].start;
		ends[i] = facts->peaks[i].end;
		days[i] = text.data;
	}
	args_texts(args, starts, count);
	args_texts(args, ends, count);
	args_texts(args, days, count);
}

static void
args_facts(struct args *args, struct scope *sc,
    const struct franchise_facts *facts)
{
	args_init(args, sc->arena);
	args_uuid(args, &facts->id);
	args_i64(args, facts->version);
	args_text(args, facts->name);
	args_text(args, facts->address);
	args_text(args, facts->city);
	args_text(args, facts->postal_code);
	args_text(args, facts->time_zone);
	args_text(args, facts->currency);
	args_i64(args, facts->capacity);
	args_i64(args, facts->standard_rate);
	args_i64(args, facts->peak_rate);
	args_text(args, facts->open);
	args_text(args, facts->close);
	args_i64s(args, facts->weekdays.items, facts->weekdays.count);
	args_i64(args, facts->slot_minutes);
	args_i64(args, facts->lead_minutes);
	args_i64(args, facts->horizon_days);
	args_i64s(args, facts->cancel_hours.items, facts->cancel_hours.count);
	args_i64s(args, facts->cancel_percent.items,
	    facts->cancel_percent.count);
	args_i64(args, facts->cancel_fee);
	args_bool(args, facts->active == 1);
	args_peaks(args, sc, facts);
	args_text(args, facts->stripe_account);
}

struct hold_row {
	struct uuid id;
	bool change;
};
static const struct column hold_items[] = {
	{ "id", COLUMN_UUID, offsetof(struct hold_row, id) },
	{ "change", COLUMN_BOOL, offsetof(struct hold_row, change) },
};
static const struct columns hold_columns = { sizeof(struct hold_row),
	hold_items, ARRAY_LEN(hold_items) };

/*
 * A hold that has lapsed never blocks, nor does a change: expire and drop those
 * of the franchise, as the relay would.  false: there are none, or the settings that a change of a
 * booking needs (the keys) are not here.
 */
static bool
free_lapsed(struct admin *admin, struct scope *sc, const struct uuid *id)
{
	const struct settings *conf = admin->conf;
	struct app app = { .conf = conf, .shm = admin->shm, .db = admin->db,
		.cache = admin->cache };
	struct scope own = *sc; /* the refusal's sentence is to stay */
	struct hold_row *holds;
	char why[SCOPE_WHY_MAX];
	struct args args;
	size_t count, freed = 0;
	enum err e;

	args_init(&args, sc->arena);
	args_uuid(&args, id);
	e = db_all(admin->db, &own, STMT_ADMIN_HOLDS_LAPSED, &args,
	    &hold_columns, &holds, &count);
	if (e || count == 0)
		return false;
	app.ring = keyring_open(conf->encryption_keys, conf->lookup_secret,
	    conf->session_secret, why, sizeof why);
	if (!app.ring)
		return false;

	for (size_t i = 0; i < count; i++) {
		e = holds[i].change ?
		    booking_change_drop(&app, &own, &holds[i].id) :
		    booking_expire(&app, &own, &holds[i].id);
		freed += !e;
	}
	keyring_close(app.ring);
	return freed > 0;
}

/* With the pool's memory the pool does it when Redis answers again.  Without,
 * nobody else knows: so it is tried for a while.  Each try has a scope of its
 * own, as a request does not ask a Redis twice that did not answer. */
static bool
forget(struct admin *admin, struct scope *sc, const struct uuid *id,
    bool is_new)
{
	const struct timespec pause = { 0, FORGET_PAUSE_NS };
	int64_t until_us = clock_mono_us() + FORGET_US;

	for (;;) {
		struct scope own;

		scope_init(&own, sc->arena, FORGET_US);
		if (cache_forget(admin->cache, &own, id, NULL, 0, true, NULL))
			return true;
		if (admin->shm || is_new || !*admin->conf->redis_url)
			return true;
		if (clock_mono_us() >= until_us)
			return false;
		nanosleep(&pause, NULL);
	}
}

/*
 * After a write: what may have changed is not to be served from the cache.
 * Only a refusal is certain to have changed nothing.  Of a franchise that is
 * new Redis holds at most, for some seconds, that there is none; and whoever
 * was told to add it once more would have two.
 */
static enum err
settle(struct admin *admin, struct scope *sc, const struct uuid *id,
    bool is_new, enum err e)
{
	admin->detail = db_detail(admin->db);
	if (e && e != ERR_UNCERTAIN)
		cache_unintend(admin->cache, id, NULL, 0, true);
	else if (!forget(admin, sc, id, is_new) && !e)
		return scope_fail(sc, ERR_UNAVAILABLE, "the change is made, "
		    "but Redis does not answer, and may tell the old state "
		    "for up to a day: do the same once more when it does");
	return plain(sc, e);
}

static enum err
try_save(struct admin *admin, struct scope *sc,
    const struct franchise_facts *facts, const struct args *args,
    struct version_row *row)
{
	const struct uuid *id = &facts->id;
	enum err e;

	cache_intend(admin->cache, id, NULL, 0, true);
	e = db_one(admin->db, sc, STMT_ADMIN_FRANCHISE_SAVE, args,
	    &version_columns, row);
	return settle(admin, sc, id, facts->version == NONE, e);
}

static enum err
save(struct admin *admin, struct scope *sc, struct franchise_facts *facts)
{
	struct version_row row;
	struct args args;
	enum err e;

	e = franchise_facts_check(sc, facts);
	if (e)
		return e;

	args_facts(&args, sc, facts);
	e = try_save(admin, sc, facts, &args, &row);
	if (e == ERR_CONFLICT && free_lapsed(admin, sc, &facts->id))
		e = try_save(admin, sc, facts, &args, &row);
	if (e)
		return e;

	facts->version = row.version;
	return ERR_OK;
}

static void
default_int(int64_t *value, int64_t fallback)
{
	if (*value == NONE)
		*value = fallback;
}

static void
default_text(const char **value, const char *fallback)
{
	if (!*value)
		*value = fallback;
}

static void
default_ints(struct ints *value, const struct ints *fallback)
{
	if (!value->items)
		*value = *fallback;
}

/* What is absent, taken from elsewhere. */
static void
fill(struct franchise_facts *facts, const struct franchise_facts *from)
{
	default_text(&facts->name, from->name);
	default_text(&facts->address, from->address);
	default_text(&facts->city, from->city);
	default_text(&facts->postal_code, from->postal_code);
	default_text(&facts->time_zone, from->time_zone);
	default_text(&facts->currency, from->currency);
	default_int(&facts->capacity, from->capacity);
	default_int(&facts->standard_rate, from->standard_rate);
	default_int(&facts->peak_rate, from->peak_rate);
	default_text(&facts->open, from->open);
	default_text(&facts->close, from->close);
	default_ints(&facts->weekdays, &from->weekdays);
	default_int(&facts->slot_minutes, from->slot_minutes);
	default_int(&facts->lead_minutes, from->lead_minutes);
	default_int(&facts->horizon_days, from->horizon_days);
	if (!facts->cancel_hours.items) {
		facts->cancel_hours = from->cancel_hours;
		facts->cancel_percent = from->cancel_percent;
	}
	default_int(&facts->cancel_fee, from->cancel_fee);
	default_text(&facts->stripe_account, from->stripe_account);
	default_int(&facts->active, from->active);
	if (!facts->peaks) {
		facts->peaks = from->peaks;
		facts->peak_count = from->peak_count;
	}
}

enum err
franchise_add(struct admin *admin, struct scope *sc,
    struct franchise_facts *facts)
{
	int64_t weekdays[] = { 1, 2, 3, 4, 5 };
	int64_t hours[] = { 48, 24 };
	int64_t percent[] = { 100, 50 };
	struct franchise_facts defaults = { .currency = "USD",
		.peak_rate = facts->standard_rate,
		.weekdays = { weekdays, ARRAY_LEN(weekdays) },
		.slot_minutes = 60, .lead_minutes = 0, .horizon_days = 180,
		.cancel_hours = { hours, ARRAY_LEN(hours) },
		.cancel_percent = { percent, ARRAY_LEN(percent) },
		.cancel_fee = 0, .active = 1 };
	enum err e;

	defaults.weekdays.items = arena_memdup(sc->arena, weekdays,
	    sizeof weekdays);
	defaults.cancel_hours.items = arena_memdup(sc->arena, hours,
	    sizeof hours);
	defaults.cancel_percent.items = arena_memdup(sc->arena, percent,
	    sizeof percent);
	fill(facts, &defaults);
	if (uuid_is_none(&facts->id))
		uuid_random(&facts->id);
	facts->version = NONE; /* it is new */
	e = save(admin, sc, facts);
	return e;
}

enum err
franchise_set(struct admin *admin, struct scope *sc,
    struct franchise_facts *facts)
{
	struct franchise_facts now;
	enum err e;

	e = franchise_facts_get(admin, sc, &facts->id, &now);
	if (e)
		return e;

	fill(facts, &now);
	facts->version = now.version;
	return save(admin, sc, facts);
}

static enum err
try_close_day(struct admin *admin, struct scope *sc, const struct uuid *id,
    const struct args *args)
{
	enum err e;

	cache_intend(admin->cache, id, NULL, 0, true);
	e = db_do(admin->db, sc, STMT_ADMIN_CLOSE_DAY, args, NULL);
	return settle(admin, sc, id, false, e);
}

enum err
franchise_close_day(struct admin *admin, struct scope *sc,
    const struct uuid *id, int64_t day, const char *reason)
{
	struct args args;
	enum err e;

	args_init(&args, sc->arena);
	args_uuid(&args, id);
	args_date(&args, day);
	args_text(&args, reason);
	e = try_close_day(admin, sc, id, &args);
	if (e == ERR_CONFLICT && free_lapsed(admin, sc, id))
		e = try_close_day(admin, sc, id, &args);
	return e;
}

enum err
franchise_open_day(struct admin *admin, struct scope *sc,
    const struct uuid *id, int64_t day, bool *ret_was_closed)
{
	struct open_row row;
	struct args args;
	enum err e;

	args_init(&args, sc->arena);
	args_uuid(&args, id);
	args_date(&args, day);
	cache_intend(admin->cache, id, NULL, 0, true);
	e = db_one(admin->db, sc, STMT_ADMIN_OPEN_DAY, &args, &open_columns,
	    &row);
	e = settle(admin, sc, id, false, e);
	if (e)
		return e;

	*ret_was_closed = row.was_closed;
	return ERR_OK;
}
