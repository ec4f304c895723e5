/* booking_change.c: change the times, children or contact of a booking. */
#include "app/bookings.h"

#include <string.h>

#include "app/app.h"
#include "app/booking_quote.h"
#include "app/booking_room.h"
#include "app/booking_write.h"
#include "app/payments.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/instant.h"
#include "base/scope.h"
#include "domain/access.h"
#include "domain/lifecycle.h"
#include "domain/names.h"
#include "store/db.h"

/* One change being worked out. */
struct changing {
	const struct caller *caller;
	const struct booking_request *req;
	struct replay *replay;
	int64_t if_match;
	struct uuid event_id;
	bool uncertain; /* an answer was lost: look before trying again */
	/* anew at every try */
	struct booking_row row;
	struct booking *old;
	struct booking *b; /* as it will stand */
	struct data_key key;
	struct day day;
	struct span span;
	bool moved;    /* times or number of children differ */
	bool children; /* children differ */
	bool contact;  /* contact differs */
	struct uuid attempt; /* to pay another price; none: as it is */
	int64_t cap;
};

static bool
same_text(const char *a, const char *b)
{
	if (!a || !b)
		return a == b;
	return strcmp(a, b) == 0;
}

static bool
same_children(const struct list *a, const struct list *b)
{
	const struct child *x = a->items;
	const struct child *y = b->items;

	if (a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++) {
		if (x[i].age != y[i].age ||
		    !same_text(x[i].name, y[i].name) ||
		    !same_text(x[i].special_needs, y[i].special_needs) ||
		    !same_text(x[i].allergies, y[i].allergies) ||
		    !same_text(x[i].pickup_authorization,
		    y[i].pickup_authorization) ||
		    !same_text(x[i].special_instructions,
		    y[i].special_instructions))
			return false;
	}
	return true;
}

/* What the request leaves out stays. */
static void
merge_contact(struct contact *to, const struct contact *from)
{
	if (from->name)
		to->name = from->name;
	if (from->email)
		to->email = from->email;
	if (from->phone)
		to->phone = from->phone;
	if (from->emergency_contact)
		to->emergency_contact = from->emergency_contact;
}

static void
merge(struct scope *sc, struct changing *c)
{
	const struct booking_request *req = c->req;
	struct list children = booking_request_children(req);
	struct booking *b = arena_memdup(sc->arena, c->old, sizeof *c->old);

	if (req->start_us != NONE)
		b->start_us = req->start_us;
	if (req->end_us != NONE)
		b->end_us = req->end_us;
	if (children.count > 0)
		b->children = children;
	b->child_count = (int64_t)b->children.count;
	b->customer_info = arena_memdup(sc->arena, c->old->customer_info,
	    sizeof *c->old->customer_info);
	if (req->customer_info)
		merge_contact(b->customer_info, req->customer_info);

	c->b = b;
	c->moved = b->start_us != c->old->start_us ||
	    b->end_us != c->old->end_us ||
	    b->child_count != c->old->child_count;
	c->children = !same_children(&b->children, &c->old->children);
	c->contact = !same_text(b->customer_info->name,
	    c->old->customer_info->name) ||
	    !same_text(b->customer_info->email,
	    c->old->customer_info->email) ||
	    !same_text(b->customer_info->phone,
	    c->old->customer_info->phone) ||
	    !same_text(b->customer_info->emergency_contact,
	    c->old->customer_info->emergency_contact);
}

/* May it be changed, and by this caller's If-Match? */
static enum err
check_state(struct scope *sc, const struct changing *c)
{
	const struct booking_row *row = &c->row;
	enum booking_state state;

	if (c->if_match != NONE && c->if_match != row->version)
		return scope_fail(sc, ERR_VERSION, "the booking has changed "
		    "since it was read");
	if (booking_row_lapsed(row))
		return scope_fail(sc, ERR_STATE, "the booking has expired");
	if (!lifecycle_parse(row->status, &state) ||
	    !lifecycle_next(state, MOVE_CHANGE, &state))
		return scope_fail(sc, ERR_STATE, "a booking that is %s cannot "
		    "be changed", row->status);
	if (row->end_us <= row->as_of_us)
		return scope_fail(sc, ERR_STATE, "a booking that is over "
		    "cannot be changed");
	if (c->moved && row->start_us <= row->as_of_us)
		return scope_fail(sc, ERR_STATE, "a booking that has begun "
		    "cannot be moved");
	return ERR_OK;
}

/* The places that this booking itself gives back. */
static void
count_own_places(struct changing *c)
{
	for (size_t i = 0; i < c->day.starts.count; i++) {
		int64_t start = c->day.starts.items[i];

		if (start >= c->old->start_us && start < c->old->end_us)
			c->day.left.items[i] += c->old->child_count;
	}
}

/* A change of price moves money only once it can be paid or refunded. */
static enum err
settle(struct app *app, struct scope *sc, struct changing *c, int64_t total)
{
	struct booking *b = c->b;

	if (total != c->old->total_amount &&
	    strcmp(c->row.status, "pending") != 0) {
		sc->retry_after_s = 60;
		return scope_fail(sc, ERR_PAYMENTS_UNAVAILABLE, "a confirmed "
		    "booking changes its price");
	}
	c->attempt = (struct uuid){ { 0 } };
	if (app->stripe && total > 0 && total != c->old->total_amount) {
		uuid_new(&c->attempt);
		b->payment_status = "queued";
	}
	b->total_amount = total;
	if (total == 0 && strcmp(b->status, "pending") == 0) {
		b->status = "confirmed";
		b->payment_status = "not_required";
		b->payment_required = false;
		b->payment_url = NULL;
		b->hold_expires_us = NONE;
	}
	return ERR_OK;
}

/* Read the new day, check the grid, price it anew. */
static enum err
work_out_move(struct app *app, struct scope *sc, struct changing *c)
{
	struct line lines[DAY_LINES_MAX] = { 0 };
	size_t line_count = 0;
	int64_t total;
	enum err e;

	e = booking_quote_day(app, sc, &c->row.franchise_id, c->b->start_us,
	    &c->day);
	if (e)
		return e;
	e = day_span(sc, &c->day, c->b->start_us, c->b->end_us, &c->span);
	if (e)
		return e;
	e = day_price(sc, &c->day, c->span, c->b->child_count, lines,
	    &line_count, &total);
	if (e)
		return e;

	count_own_places(c);
	c->b->line_items = lines_json(sc, lines, line_count,
	    c->b->child_count);
	if (strcmp(c->row.status, "confirmed") == 0 &&
	    c->b->start_us != c->old->start_us) {
		struct cancellation now = booking_row_cancellation(&c->row);

		c->cap = now.percent; /* already the worse of cap and tier */
	}
	return settle(app, sc, c, total);
}

static void
change_args(struct app *app, struct scope *sc, struct changing *c,
    struct args *args)
{
	struct booking *b = c->b;
	const struct child *children = b->children.items;
	size_t count = b->children.count;
	struct bytes *contact = arena_new_array(sc->arena, struct bytes,
	    CONTACT_TEXTS);
	struct bytes *texts = arena_new_array(sc->arena, struct bytes,
	    count * CHILD_TEXTS);
	struct uuid *ids = arena_new_array(sc->arena, struct uuid, count);
	struct uuid *keys = arena_new_array(sc->arena, struct uuid, count);
	int64_t *ages = arena_new_array(sc->arena, int64_t, count);
	uint8_t *email = arena_alloc(sc->arena, SHA256_LEN);

	for (size_t i = 0; i < count; i++) {
		uuid_new(&ids[i]);
		ages[i] = children[i].age;
		keyring_child_key(app->ring, &b->customer_id,
		    names_normal(sc->arena, children[i].name), &keys[i]);
	}
	booking_seal_contact(sc, &c->key, &c->row.contact_id,
	    b->customer_info, contact);
	booking_seal_children(sc, &c->key, ids, children, count, texts);
	keyring_email_hash(app->ring, names_email(sc->arena,
	    b->customer_info->email), email);

	args_uuid(args, &b->booking_id);
	args_uuid(args, &b->customer_id);
	args_i64(args, c->row.version);
	args_i64(args, c->moved ? c->day.version : NONE);
	args_instant(args, b->start_us);
	args_instant(args, b->end_us);
	args_i64(args, c->moved ? c->day.slot_minutes : 60);
	args_i64(args, b->total_amount);
	args_text(args, b->line_items);
	args_text(args, b->status);
	args_text(args, b->payment_status);
	args_i64(args, c->cap);
	if (c->contact) {
		args_bytess(args, contact, CONTACT_TEXTS);
		args_bytes(args, (struct bytes){ email, SHA256_LEN });
	} else {
		args_null(args);
		args_null(args);
	}
	if (c->children) {
		args_uuids(args, ids, count);
		args_uuids(args, keys, count);
		args_i64s(args, ages, count);
		args_bytess(args, texts, count * CHILD_TEXTS);
	} else {
		for (int i = 0; i < 4; i++)
			args_null(args);
	}
}

static enum err
write_change(struct app *app, struct scope *sc, struct changing *c)
{
	struct news news = { 0 };
	struct touched touched = { 0 };
	struct args args;
	enum err e;

	c->b->updated_us = c->row.as_of_us;
	c->b->version = c->row.version + 1;
	news.was_us = c->row.start_us;
	news_event(&news, sc, "BookingModified", &c->event_id, c->b, &c->key);
	if (strcmp(c->b->status, c->row.status) != 0) {
		struct uuid id;

		uuid_new(&id);
		news_event(&news, sc, "BookingConfirmed", &id, c->b, &c->key);
		news_ticket(&news);
	}

	if (!uuid_is_none(&c->attempt)) {
		news_work(&news, "payments", "close", "{}", NONE);
		news_payment(&news, sc, "session", &c->attempt,
		    c->row.as_of_us + 30 * USEC_PER_SEC);
	}

	args_init(&args, sc->arena);
	change_args(app, sc, c, &args);
	news_args(&args, &news);
	replay_args(app, sc, &args, c->caller, c->replay, c->b, &c->key);
	args_instant(&args, c->b->updated_us);
	args_uuid(&args, &c->attempt);

	touch(&touched, &c->row.franchise_id, c->row.local_day);
	if (c->moved)
		touch(&touched, &c->row.franchise_id, c->day.day);
	touch_relays(&touched, &news);
	touched_before(app, &touched);
	e = db_do(app->db, sc, STMT_BOOKING_CHANGE, &args, NULL);
	touched_after(app, sc, &touched, e);
	return e;
}

static enum err
try_change(struct app *app, struct scope *sc, struct changing *c,
    const struct uuid *id, struct refusal *ret_refusal)
{
	bool stands = false;
	enum err e;

	e = booking_row_load(app, sc, c->caller, id, c->replay, &c->row);
	if (e)
		return e;
	e = replay_find(app, sc, &c->row.stored, c->replay);
	if (e || (c->replay && c->replay->stored))
		return e;
	if (!uuid_is_none(&c->req->franchise_id) &&
	    !uuid_equal(&c->req->franchise_id, &c->row.franchise_id)) {
		scope_fault(sc, "/franchise_id", "unchanged",
		    "a booking cannot move to another franchise");
		return scope_faults(sc);
	}
	e = booking_row_view(app, sc, &c->row, &c->old);
	if (!e && c->uncertain)
		e = event_stands(app, sc, &c->event_id, &stands);
	if (e)
		return e;

	c->b = c->old;
	if (stands)
		return ERR_OK;
	c->cap = c->row.refund_cap;
	merge(sc, c);
	/* Already so: fine, even with an old If-Match. */
	if (!c->moved && !c->children && !c->contact)
		return booking_remember(app, sc, c->caller, c->replay,
		    &c->row, &c->b);
	e = check_state(sc, c);
	if (!e && c->moved)
		e = work_out_move(app, sc, c);
	if (!e)
		e = keyring_unwrap(app->ring, sc, &c->row.id,
		    c->row.data_key.data, c->row.data_key.len, &c->key);
	if (e)
		return e;

	if (c->moved && day_room(&c->day, c->span) < c->b->child_count)
		return booking_no_room(app, sc, &c->day, c->span,
		    c->b->child_count, ret_refusal);
	e = write_change(app, sc, c);
	if (e == ERR_CHILD_BUSY)
		return booking_child_busy(app, sc, &c->row.customer_id,
		    c->b->start_us, c->b->end_us);
	if (e == ERR_CAPACITY)
		return !c->moved ? ERR_STALE : booking_no_room(app, sc,
		    &c->day, c->span, c->b->child_count, ret_refusal);
	return e;
}

enum err
booking_change(struct app *app, struct scope *sc, const struct caller *caller,
    const struct uuid *id, const struct booking_request *req, int64_t if_match,
    struct replay *replay, struct booking **ret_booking,
    struct refusal *ret_refusal)
{
	struct changing c = { .caller = caller, .req = req, .replay = replay,
		.if_match = if_match };
	enum err e;

	e = caller_needs_customer(sc, caller);
	if (e)
		return e;

	uuid_new(&c.event_id);
	for (int i = 0; i < WRITE_TRIES; i++) {
		e = try_change(app, sc, &c, id, ret_refusal);
		if (e == ERR_UNCERTAIN)
			c.uncertain = true;
		else if (e != ERR_STALE && e != ERR_RETRY)
			break;
	}
	crypto_wipe(&c.key, sizeof c.key);
	if (e && c.uncertain)
		return scope_fail(sc, ERR_UNCERTAIN, "the answer to a change "
		    "was lost and could not be looked up");
	if (e)
		return e;

	if (replay && replay->stored)
		return ERR_OK;
	if (!uuid_is_none(&c.attempt))
		payment_open_now(app, sc, caller, replay, c.b, &c.attempt);
	*ret_booking = c.b;
	return ERR_OK;
}
