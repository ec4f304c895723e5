/* franchises.c: list franchises, show one. */
#include "app/franchises.h"

#include <string.h>

#include "app/app.h"
#include "app/forms.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/codec.h"
#include "base/instant.h"
#include "base/scope.h"
#include "store/cache.h"
#include "store/db.h"

#define ANSWER_MAX (512 * 1024)
/* Holidays told of a franchise: in a list of a hundred, and alone. */
#define CLOSED_LISTED 10
#define CLOSED_ALONE 366
#define UNKNOWN "null"
#define UNKNOWN_MS 10000

struct franchise_row {
	struct franchise f;
	struct pricing pricing;
	struct hours hours;
	struct ints cancel_hours;
	struct ints cancel_percent;
	/* Of one alone. */
	int64_t as_of_us;
	int64_t valid_until_us; /* then other holidays are the next */
};

#define COLUMN(name, kind, field) \
	{ name, kind, offsetof(struct franchise_row, field) }
static const struct column franchise_items[] = {
	COLUMN("id", COLUMN_UUID, f.franchise_id),
	COLUMN("name", COLUMN_TEXT, f.name),
	COLUMN("address", COLUMN_TEXT, f.address),
	COLUMN("city", COLUMN_TEXT, f.city),
	COLUMN("postal_code", COLUMN_TEXT, f.postal_code),
	COLUMN("time_zone", COLUMN_TEXT, f.time_zone),
	COLUMN("max_capacity", COLUMN_I64, f.max_capacity),
	COLUMN("standard_rate", COLUMN_I64, pricing.standard_rate),
	COLUMN("peak_hour_rate", COLUMN_I64, pricing.peak_hour_rate),
	COLUMN("currency", COLUMN_TEXT, pricing.currency),
	COLUMN("open_label", COLUMN_TEXT, hours.open),
	COLUMN("close_label", COLUMN_TEXT, hours.close),
	COLUMN("operating_days", COLUMN_I64S, f.operating_days),
	COLUMN("slot_minutes", COLUMN_I64, f.slot_minutes),
	COLUMN("lead_minutes", COLUMN_I64, f.lead_minutes),
	COLUMN("horizon_days", COLUMN_I64, f.horizon_days),
	COLUMN("cancel_hours", COLUMN_I64S, cancel_hours),
	COLUMN("cancel_percent", COLUMN_I64S, cancel_percent),
	COLUMN("cancel_fee", COLUMN_I64, f.cancellation_fee),
	COLUMN("stripe_account", COLUMN_TEXT, f.stripe_account),
	COLUMN("version", COLUMN_I64, f.version),
	/* These two are asked of one alone. */
	COLUMN("as_of", COLUMN_INSTANT, as_of_us),
	COLUMN("valid_until", COLUMN_INSTANT, valid_until_us),
};
#undef COLUMN
#define ALONE 2
static const struct columns franchise_columns = {
	sizeof(struct franchise_row), franchise_items,
	ARRAY_LEN(franchise_items) - ALONE
};
static const struct columns alone_columns = {
	sizeof(struct franchise_row), franchise_items,
	ARRAY_LEN(franchise_items)
};

struct peak_row {
	struct uuid franchise_id;
	struct peak_window window;
};
static const struct column peak_items[] = {
	{ "franchise_id", COLUMN_UUID, offsetof(struct peak_row,
	    franchise_id) },
	{ "weekdays", COLUMN_I64S, offsetof(struct peak_row,
	    window.weekdays) },
	{ "start_label", COLUMN_TEXT, offsetof(struct peak_row,
	    window.start) },
	{ "end_label", COLUMN_TEXT, offsetof(struct peak_row, window.end) },
};
static const struct columns peak_columns = { sizeof(struct peak_row),
	peak_items, ARRAY_LEN(peak_items) };

struct closed_row {
	struct uuid franchise_id;
	struct closed_day closed;
};
static const struct column closed_items[] = {
	{ "franchise_id", COLUMN_UUID, offsetof(struct closed_row,
	    franchise_id) },
	{ "day", COLUMN_DATE, offsetof(struct closed_row, closed.date) },
	{ "reason", COLUMN_TEXT, offsetof(struct closed_row,
	    closed.reason) },
};
static const struct columns closed_columns = { sizeof(struct closed_row),
	closed_items, ARRAY_LEN(closed_items) };

static void
give_policy(struct scope *sc, struct franchise_row *row)
{
	size_t count = row->cancel_hours.count;
	struct cancel_tier *tiers = arena_new_array(sc->arena,
	    struct cancel_tier, count);

	for (size_t i = 0; i < count; i++) {
		tiers[i].hours_before = row->cancel_hours.items[i];
		tiers[i].refund_percent = row->cancel_percent.items[i];
	}
	row->f.cancellation_policy = (struct list){ tiers, count };
}

/* Rows come ordered by franchise: each takes its run of both lists. */
static void
give_lists(struct scope *sc, struct franchise_row *row,
    const struct peak_row *peaks, size_t peak_count,
    const struct closed_row *closed, size_t closed_count)
{
	struct peak_window *windows = arena_new_array(sc->arena,
	    struct peak_window, peak_count);
	struct closed_day *days = arena_new_array(sc->arena,
	    struct closed_day, closed_count);
	size_t w = 0;
	size_t d = 0;

	for (size_t i = 0; i < peak_count; i++) {
		if (uuid_equal(&peaks[i].franchise_id, &row->f.franchise_id))
			windows[w++] = peaks[i].window;
	}
	for (size_t i = 0; i < closed_count; i++) {
		if (uuid_equal(&closed[i].franchise_id, &row->f.franchise_id))
			days[d++] = closed[i].closed;
	}
	row->f.peak_windows = (struct list){ windows, w };
	row->f.closed_days = (struct list){ days, d };
}

/* Complete rows into views. */
static enum err
complete(struct app *app, struct scope *sc, struct franchise_row *rows,
    size_t count, int64_t closed_max, struct franchise *out)
{
	struct uuid *ids = arena_new_array(sc->arena, struct uuid, count);
	struct peak_row *peaks = NULL;
	struct closed_row *closed = NULL;
	size_t peak_count = 0;
	size_t closed_count = 0;
	struct args args;
	enum err e;

	for (size_t i = 0; i < count; i++)
		ids[i] = rows[i].f.franchise_id;
	args_init(&args, sc->arena);
	args_uuids(&args, ids, count);
	e = db_all(app->db, sc, STMT_FRANCHISE_PEAKS, &args, &peak_columns,
	    &peaks, &peak_count);
	args_i64(&args, closed_max);
	if (!e)
		e = db_all(app->db, sc, STMT_FRANCHISE_CLOSED, &args,
		    &closed_columns, &closed, &closed_count);
	if (e)
		return e;

	for (size_t i = 0; i < count; i++) {
		rows[i].f.pricing = &rows[i].pricing;
		rows[i].f.operating_hours = &rows[i].hours;
		give_policy(sc, &rows[i]);
		give_lists(sc, &rows[i], peaks, peak_count, closed,
		    closed_count);
		out[i] = rows[i].f;
	}
	return ERR_OK;
}

/* ---- list --------------------------------------------------------------------- */

/* A cursor is the last name and id, "id,name", as base64url. */
static const char *
cursor_write(struct scope *sc, const struct franchise *last)
{
	char id[UUID_TEXT_MAX];
	const char *text = arena_printf(sc->arena, "%s,%s",
	    uuid_format(&last->franchise_id, id), last->name);

	return codec_b64url(sc->arena, text, strlen(text));
}

static enum err
cursor_read(struct scope *sc, const char *cursor, const char **ret_name,
    struct uuid *ret_id)
{
	uint8_t *data;
	size_t len;

	if (codec_unb64url(sc->arena, cursor, strlen(cursor), &data, &len) &&
	    len > 37 && len <= 37 + 400 && data[36] == ',' &&
	    !memchr(data, '\0', len) && codec_utf8_valid(data, len)) {
		char *id = arena_strndup(sc->arena, (char *)data, 36);

		if (uuid_parse(id, ret_id)) {
			*ret_name = arena_strndup(sc->arena, (char *)data + 37,
			    len - 37);
			return ERR_OK;
		}
	}
	scope_fault_param(sc, "cursor", "format",
	    "must be the next_cursor of an earlier page");
	return scope_faults(sc);
}

enum err
franchise_list(struct app *app, struct scope *sc,
    const struct franchise_query *query, struct page *ret_page)
{
	int64_t limit = query->limit == NONE ? 20 : query->limit;
	const char *after_name = NULL;
	struct uuid after_id = { { 0 } };
	struct franchise_row *rows = NULL;
	struct franchise *views;
	size_t count = 0;
	struct args args;
	enum err e;

	if (query->cursor) {
		e = cursor_read(sc, query->cursor, &after_name, &after_id);
		if (e)
			return e;
	}
	args_init(&args, sc->arena);
	args_text(&args, query->city);
	args_text(&args, query->postal_code);
	args_text(&args, after_name);
	args_uuid(&args, &after_id);
	args_i64(&args, limit + 1);
	e = db_all(app->db, sc, STMT_FRANCHISE_LIST, &args,
	    &franchise_columns, &rows, &count);
	if (e)
		return e;

	ret_page->has_more = (int64_t)count > limit;
	if (ret_page->has_more)
		count = (size_t)limit;
	views = arena_new_array(sc->arena, struct franchise, count);
	if (count > 0) {
		e = complete(app, sc, rows, count, CLOSED_LISTED, views);
		if (e)
			return e;
	}
	ret_page->next_cursor = ret_page->has_more ?
	    cursor_write(sc, &views[count - 1]) : NULL;
	ret_page->data = (struct list){ views, count };
	return ERR_OK;
}

/* ---- one ---------------------------------------------------------------------- */

/* *ret_left_ms: how long that is true by the clock alone. */
static enum err
read_one(struct app *app, struct scope *sc, const struct uuid *id,
    struct buf *out, int64_t *ret_left_ms)
{
	int64_t since_us = clock_mono_us();
	struct franchise_row row;
	struct franchise view;
	struct args args;
	enum err e;

	args_init(&args, sc->arena);
	args_uuid(&args, id);
	e = db_one(app->db, sc, STMT_FRANCHISE_GET, &args, &alone_columns,
	    &row);
	if (!e)
		e = complete(app, sc, &row, 1, CLOSED_ALONE, &view);
	if (e)
		return e;

	buf_init(out, sc->arena, ANSWER_MAX);
	form_print(out, &form_franchise, &view);
	if (out->overflow)
		return scope_fail(sc, ERR_INTERNAL, "a franchise too large to "
		    "tell");
	*ret_left_ms = (row.valid_until_us - row.as_of_us -
	    (clock_mono_us() - since_us)) / 1000;
	return ERR_OK;
}

enum err
franchise_json(struct app *app, struct scope *sc, const struct uuid *id,
    const char **ret_json, size_t *ret_len)
{
	struct cache_key key = { CACHE_FRANCHISE, *id, 0 };
	struct cache_lease lease;
	struct cache_text cached;
	enum cache_answer answer;
	struct buf out;
	int64_t left_ms = 0;
	enum err e;

	answer = cache_get(app->cache, sc, &key, &cached);
	if (answer == CACHE_MISS)
		answer = cache_claim(app->cache, sc, &key, &lease, &cached);
	if (answer == CACHE_HIT) {
		if (strcmp(cached.data, UNKNOWN) == 0)
			return scope_fail(sc, ERR_NOT_FOUND,
			    "no such franchise");
		*ret_json = cached.data;
		*ret_len = cached.len;
		return ERR_OK;
	}

	e = read_one(app, sc, id, &out, &left_ms);
	if (answer == CACHE_CLAIM && e)
		cache_fill(app->cache, sc, &lease, UNKNOWN, strlen(UNKNOWN),
		    e == ERR_NOT_FOUND ? UNKNOWN_MS : 0);
	else if (answer == CACHE_CLAIM)
		cache_fill(app->cache, sc, &lease, out.data, out.len, left_ms);
	if (e)
		return e;

	*ret_json = out.data;
	*ret_len = out.len;
	return ERR_OK;
}
