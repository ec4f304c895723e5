/* booking_change.c: change the times, children or contact of a booking. */
#include "app/bookings.h"

#include <string.h>

#include "app/app.h"
#include "app/booking_changing.h"
#include "app/booking_pending.h"
#include "app/booking_quote.h"
#include "app/booking_rates.h"
#include "app/booking_room.h"
#include "app/payments.h"
#include "base/arena.h"
#include "base/crypto.h"
#include "base/instant.h"
#include "base/scope.h"
#include "domain/access.h"
#include "domain/currency.h"
#include "domain/lifecycle.h"

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

static bool
same_contact(const struct contact *a, const struct contact *b)
{
	return same_text(a->name, b->name) && same_text(a->email, b->email) &&
	    same_text(a->phone, b->phone) &&
	    same_text(a->emergency_contact, b->emergency_contact);
}

/* The same hours for as many children. */
static bool
same_places(const struct booking *a, const struct booking *b)
{
	return a->start_us == b->start_us && a->end_us == b->end_us &&
	    a->child_count == b->child_count;
}

/* What the request leaves out stays; an empty text takes away. */
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
		to->emergency_contact = *from->emergency_contact ?
		    from->emergency_contact : NULL;
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

	if (b->pending_change) {
		/* It is replaced, whatever this one comes to. */
		b->pending_change = NULL;
		b->payment_required = false;
		b->payment_url = NULL;
	}
	c->b = b;
	c->moved = !same_places(b, c->old);
	c->children = !same_children(&b->children, &c->old->children);
	c->contact = !same_contact(b->customer_info, c->old->customer_info);
}

static enum err
check_version(struct scope *sc, const struct changing *c)
{
	if (c->if_match != NONE && c->if_match != c->row.version)
		return scope_fail(sc, ERR_VERSION, "the booking has changed "
		    "since it was read");
	return ERR_OK;
}

/* May it be changed, and by this caller's If-Match? */
static enum err
check_state(struct scope *sc, const struct changing *c)
{
	const struct booking_row *row = &c->row;
	enum booking_state state;
	enum err e = check_version(sc, c);

	if (e)
		return e;
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

/* The places that this booking itself gives back: its own, and what a change
 * that waits holds beyond them (of one that has lapsed the day counts them as
 * free already). */
static void
count_own_places(struct changing *c)
{
	const struct change_row *change = &c->row.change;
	bool waits = booking_row_waits(&c->row);

	for (size_t i = 0; i < c->day.starts.count; i++) {
		int64_t start = c->day.starts.items[i];
		int64_t own = 0;

		if (start >= c->old->start_us && start < c->old->end_us)
			own = c->old->child_count;
		if (waits && start >= change->start_us &&
		    start < change->end_us && change->child_count > own)
			own = change->child_count;
		c->day.left.items[i] += own;
	}
}

/* Nothing is paid yet: another price is another payment. */
static void
settle_unpaid(struct app *app, struct changing *c, int64_t total)
{
	struct booking *b = c->b;

	if (app->stripe && total > 0 && total != c->old->total_amount) {
		uuid_new(&c->attempt);
		b->payment_status = "queued";
	}
	if (total == 0) {
		b->status = "confirmed";
		b->payment_status = "not_required";
		b->payment_required = false;
		b->payment_url = NULL;
		b->hold_expires_us = NONE;
	} else if (b->hold_expires_us > b->end_us) {
		b->hold_expires_us = b->end_us; /* hold_within_hours */
	}
}

/* The refund is a row in the commit of the change: from then on it is owed. */
static void
settle_lower(struct changing *c, int64_t total)
{
	const struct booking_row *row = &c->row;
	struct cancellation_terms terms = booking_row_terms(row);
	struct cancellation whole = booking_row_cancellation(row);

	c->refund = cancellation_of_part(&terms, &whole, row->total, total,
	    row->paid - row->refunded);
	booking_show_refund(c->b, c->refund);
}

static enum err
settle_higher(struct app *app, struct scope *sc, struct changing *c,
    int64_t total)
{
	const struct currency *currency = currency_find(c->row.currency);
	int64_t due = total - c->row.total;

	/* What Stripe would not take, nobody is asked for. */
	if (currency && due < currency->minimum) {
		c->waived = due;
		return ERR_OK;
	}
	if (!app->stripe) {
		sc->retry_after_s = 60;
		return scope_fail(sc, ERR_PAYMENTS_UNAVAILABLE, "a confirmed "
		    "booking costs more, and no Stripe key is configured");
	}
	c->later = true;
	uuid_new(&c->attempt);
	return ERR_OK;
}

static enum err
settle(struct app *app, struct scope *sc, struct changing *c, int64_t total)
{
	c->b->total_amount = total;
	if (strcmp(c->row.status, "pending") == 0)
		settle_unpaid(app, c, total);
	else if (total < c->row.total)
		settle_lower(c, total);
	else if (total > c->row.total)
		return settle_higher(app, sc, c, total);
	return ERR_OK;
}

/* A booking keeps its currency, and what the day costs in another is no price
 * of it.  Postgres lets no franchise change it under bookings that stand; this
 * is for those that stood when it did. */
static enum err
check_currency(struct scope *sc, const struct changing *c)
{
	if (strcmp(c->day.currency, c->row.currency) == 0)
		return ERR_OK;
	return scope_fail(sc, ERR_STATE, "the franchise charges in another "
	    "currency now: cancel the booking and make a new one");
}

/* Fewer hours, or fewer children: what is kept was booked in time, and early
 * enough, when it was booked.  Only what is new needs a notice. */
static void
spare_notice(struct changing *c)
{
	const struct booking *b = c->b;
	const struct booking *old = c->old;

	if (b->start_us < old->start_us || b->end_us > old->end_us ||
	    b->child_count > old->child_count)
		return;
	c->day.lead_minutes = 0;
	if (c->day.horizon_days < c->day.day - c->day.today)
		c->day.horizon_days = c->day.day - c->day.today;
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
	if (!e)
		e = check_currency(sc, c);
	if (e)
		return e;
	spare_notice(c);
	/* The price of an hour is fixed when it is booked: whoever keeps it pays
	 * no other, whatever the rates have become.  More children pay today's. */
	if (c->b->child_count <= c->old->child_count)
		e = booking_rates_keep(sc, c->old->line_items, &c->day);
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

/* Is this what it waits for already?  Then it goes on waiting. */
static enum err
is_asked_for(struct app *app, struct scope *sc, const struct changing *c,
    bool *ret_same)
{
	struct booking *asked;
	enum err e;

	*ret_same = false;
	if (!booking_row_waits(&c->row))
		return ERR_OK;
	e = booking_pending_view(app, sc, &c->row, &c->key, c->old, &asked);
	if (e)
		return e;
	*ret_same = same_places(c->b, asked) &&
	    same_children(&c->b->children, &asked->children) &&
	    same_contact(c->b->customer_info, asked->customer_info);
	return ERR_OK;
}

/* The booking, how it was asked to be, and the key of its texts.  *ret_done:
 * there is nothing left to do but to answer. */
static enum err
begin(struct app *app, struct scope *sc, struct changing *c,
    const struct uuid *id, bool *ret_done)
{
	bool same = false;
	enum err e;

	*ret_done = true;
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
		e = event_stands(app, sc, &c->mark, &same);
	c->answer = c->old;
	if (e || same)
		return e;

	c->cap = c->row.refund_cap;
	c->attempt = (struct uuid){ { 0 } };
	c->later = false;
	c->waived = 0;
	c->refund = 0;
	merge(sc, c);
	e = keyring_unwrap(app->ring, sc, &c->row.id, c->row.data_key.data,
	    c->row.data_key.len, &c->key);
	if (!e)
		e = is_asked_for(app, sc, c, &same);
	if (e)
		return e;
	*ret_done = false;
	if (!same && (c->moved || c->children || c->contact))
		return ERR_OK;

	/* Already so, or already waited for: fine, even with an old If-Match.
	 * But to ask for what stands gives up what is waited for. */
	*ret_done = true;
	if (!same && booking_row_waits(&c->row)) {
		e = check_version(sc, c);
		return e ? e : change_withdraw(app, sc, c);
	}
	return booking_remember(app, sc, c->caller, c->replay, &c->row,
	    &c->answer);
}

static enum err
try_change(struct app *app, struct scope *sc, struct changing *c,
    const struct uuid *id, struct refusal *ret_refusal)
{
	bool done;
	enum err e;

	e = begin(app, sc, c, id, &done);
	if (e || done)
		return e;
	e = check_state(sc, c);
	if (!e && c->moved)
		e = work_out_move(app, sc, c);
	if (e)
		return e;

	if (c->moved && day_room(&c->day, c->span) < c->b->child_count)
		return booking_no_room(app, sc, &c->day, c->span,
		    c->b->child_count, ret_refusal);
	e = c->later ? change_later(app, sc, c) : change_now(app, sc, c);
	if (e == ERR_CHILD_BUSY)
		return booking_child_busy(app, sc, &c->row.customer_id,
		    c->b->start_us, c->b->end_us, &c->looked);
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

	uuid_new(&c.mark);
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
	/* A change that waits has a link of its own, which opens a page when
	 * the customer follows it. */
	if (!uuid_is_none(&c.attempt) && !c.later)
		payment_open_now(app, sc, caller, replay, c.answer,
		    &c.attempt);
	*ret_booking = c.answer;
	return ERR_OK;
}
