/* booking_end.c: cancel a booking, expire a lapsed hold, end what is over. */
#include "app/bookings.h"

#include <string.h>

#include "app/app.h"
#include "app/booking_write.h"
#include "app/payment_row.h"
#include "app/refund_plan.h"
#include "base/arena.h"
#include "base/instant.h"
#include "base/scope.h"
#include "domain/access.h"
#include "domain/lifecycle.h"
#include "domain/names.h"
#include "store/db.h"

#define REASON_DEFAULT "Customer request"

/* One ending being worked out; the event's id stays the same however often it
 * is tried, so that a lost answer can be looked up. */
struct ending {
	const struct caller *caller;
	struct replay *replay;
	enum booking_move move;
	const char *event;  /* "BookingCancelled" */
	const char *reason; /* NULL = none */
	int64_t refund;     /* NONE = none promised */
	struct uuid event_id;
	bool uncertain; /* an answer was lost: look before trying again */
};

/* The booking as it stands, and the key of its texts.  What lapsed needs
 * neither texts nor key: nobody is told of them, and a hold that cannot be read
 * blocks nobody. */
static enum err
view(struct app *app, struct scope *sc, const struct ending *ending,
    const struct booking_row *row, struct data_key *ret_key,
    struct booking **ret_booking)
{
	enum err e;

	if (ending->move == MOVE_EXPIRE) {
		*ret_booking = booking_row_outline(app, sc, row);
		return ERR_OK;
	}
	e = booking_row_view(app, sc, row, ret_booking);
	return e ? e : keyring_unwrap(app->ring, sc, &row->id,
	    row->data_key.data, row->data_key.len, ret_key);
}

/* Is there a page, or a payment under way, that nobody wants any more?  Whether
 * this process could ask Stripe says nothing: a relay of bookings never can. */
static enum err
look_for_page(struct app *app, struct scope *sc,
    const struct booking_row *row, bool *ret_there)
{
	struct payment_row *rows = NULL;
	size_t count = 0;
	enum err e;

	if (!uuid_is_none(&row->change.id) ||
	    strcmp(row->status, "pending") != 0) {
		*ret_there = !uuid_is_none(&row->change.id);
		return ERR_OK;
	}
	e = payment_rows(app, sc, &row->id, &rows, &count);
	if (e)
		return e;

	*ret_there = payment_unfinished(rows, count) != NULL;
	return ERR_OK;
}

/* What the caller is shown, and the events tell. */
static void
show_end(struct booking *b, const struct ending *ending,
    const struct booking_row *row, enum booking_state state)
{
	b->status = lifecycle_word(state);
	if (row->paid == 0)
		b->payment_status = "not_required"; /* nothing is owed now */
	booking_show_refund(b, ending->refund);
	b->payment_required = false;
	b->payment_url = NULL;
	b->pending_change = NULL;
	b->hold_expires_us = NONE;
	b->cancellation_reason = ending->reason;
	b->refund_amount = ending->refund;
	b->cancelled_us = ending->move == MOVE_CANCEL ? row->as_of_us : NONE;
	b->updated_us = row->as_of_us;
	b->version = row->version + 1;
}

/* The booking as it will stand, written. */
static enum err
release(struct app *app, struct scope *sc, const struct ending *ending,
    const struct booking_row *row, struct booking **ret_booking)
{
	struct news news = { 0 };
	struct touched touched = { 0 };
	enum booking_state state;
	struct booking *b;
	struct data_key key = { { 0 } };
	struct sealed reason;
	struct refund_plan plan;
	struct args args;
	bool changes = !uuid_is_none(&row->change.id);
	bool page = false;
	enum err e;

	if (!lifecycle_parse(row->status, &state) ||
	    !lifecycle_next(state, ending->move, &state))
		return scope_fail(sc, ERR_STALE, "the state has changed");
	e = view(app, sc, ending, row, &key, &b);
	if (!e)
		e = refund_plan_make(app, sc, &row->id, ending->refund, &plan);
	if (!e)
		e = look_for_page(app, sc, row, &page);
	/* Refunded since the booking was read: then that has changed too. */
	if (e == ERR_CONFLICT)
		return ERR_STALE;
	if (e)
		return e;

	show_end(b, ending, row, state);
	news.held_us = changes ? row->change.start_us : 0;
	news_event(&news, sc, ending->event, &ending->event_id, b,
	    ending->move == MOVE_EXPIRE ? NULL : &key);
	refund_plan_news(&plan, sc, &news);
	/* A session that is still open is closed; what lands on it all the
	 * same goes back. */
	if (page)
		news_work(&news, "payments", "close", "{}", NONE);
	reason = keyring_seal(sc, &key, "bookings.cancellation_reason",
	    &row->id, ending->reason);

	args_init(&args, sc->arena);
	args_uuid(&args, &row->id);
	args_uuid(&args, &row->customer_id);
	args_i64(&args, row->version);
	args_text(&args, b->status);
	args_text(&args, b->payment_status);
	args_bytes(&args, (struct bytes){ reason.data, reason.len });
	args_i64(&args, ending->refund);
	news_args(&args, &news);
	replay_args(app, sc, &args, ending->caller, ending->replay, b, &key);
	args_instant(&args, b->updated_us);
	refund_plan_args(&plan, &args);
	crypto_wipe(&key, sizeof key);

	touch(&touched, &row->franchise_id, row->local_day);
	if (changes)
		touch(&touched, &row->franchise_id, row->change.local_day);
	touch_relays(&touched, &news);
	touched_before(app, &touched);
	e = db_do(app->db, sc, STMT_BOOKING_RELEASE, &args, NULL);
	touched_after(app, sc, &touched, e);
	if (e)
		return e;

	*ret_booking = b;
	return ERR_OK;
}

enum err
booking_remember(struct app *app, struct scope *sc,
    const struct caller *caller, struct replay *replay,
    const struct booking_row *row, struct booking **ret_booking)
{
	struct booking *b;
	enum err e;

	e = booking_row_view(app, sc, row, &b);
	if (!e)
		e = replay_remember(app, sc, caller, replay, row,
		    replay ? replay_text(sc, replay, b) : NULL);
	/* A lost answer is read again: then it is stored, or it is not. */
	if (e == ERR_UNCERTAIN)
		return ERR_STALE;
	if (e)
		return e;

	*ret_booking = b;
	return ERR_OK;
}

static enum err
check_expected(struct scope *sc, const struct cancel_request *req,
    const struct cancellation *c, const char *currency)
{
	if (req->expected_refund == NONE || req->expected_refund == c->refund)
		return ERR_OK;
	return scope_fail(sc, ERR_REFUND_CHANGED, "the refund is %lld.%02lld "
	    "%s now, not what was expected: ask for the quote again",
	    (long long)(c->refund / 100), (long long)(c->refund % 100),
	    currency);
}

static enum err
try_cancel(struct app *app, struct scope *sc, struct ending *ending,
    const struct uuid *id, const struct cancel_request *req, int64_t if_match,
    struct booking **ret_booking)
{
	struct booking_row row;
	struct cancellation c;
	bool stands = false;
	enum err e;

	e = booking_row_load(app, sc, ending->caller, id, ending->replay,
	    &row);
	if (e)
		return e;
	e = replay_find(app, sc, &row.stored, ending->replay);
	if (e || (ending->replay && ending->replay->stored))
		return e;
	if (ending->uncertain)
		e = event_stands(app, sc, &ending->event_id, &stands);
	if (e)
		return e;
	if (stands)
		return booking_row_view(app, sc, &row, ret_booking);
	/* Twice is not an error: the same answer again. */
	if (strcmp(row.status, "cancelled") == 0)
		return booking_remember(app, sc, ending->caller,
		    ending->replay, &row, ret_booking);
	if (if_match != NONE && if_match != row.version)
		return scope_fail(sc, ERR_VERSION, "the booking has changed "
		    "since it was read");
	e = booking_row_cancellable(sc, &row);
	if (e)
		return e;

	c = booking_row_cancellation(&row);
	e = check_expected(sc, req, &c, row.currency);
	if (e)
		return e;
	ending->refund = c.refund;
	return release(app, sc, ending, &row, ret_booking);
}

/* A form that was left empty sends an empty text. */
static const char *
reason_of(struct scope *sc, const struct cancel_request *req)
{
	bool given = req->reason && *names_normal(sc->arena, req->reason);

	return given ? req->reason : REASON_DEFAULT;
}

enum err
booking_cancel(struct app *app, struct scope *sc, const struct caller *caller,
    const struct uuid *id, const struct cancel_request *req, int64_t if_match,
    struct replay *replay, struct booking **ret_booking)
{
	struct ending ending = { .caller = caller, .replay = replay,
		.move = MOVE_CANCEL, .event = "BookingCancelled",
		.reason = reason_of(sc, req) };
	enum err e;

	e = caller_needs_customer(sc, caller);
	if (e)
		return e;

	uuid_new(&ending.event_id);
	for (int i = 0; i < WRITE_TRIES; i++) {
		e = try_cancel(app, sc, &ending, id, req, if_match,
		    ret_booking);
		if (e == ERR_UNCERTAIN)
			ending.uncertain = true;
		else if (e != ERR_STALE && e != ERR_RETRY)
			break;
	}
	if (e && ending.uncertain)
		return scope_fail(sc, ERR_UNCERTAIN, "the answer to a "
		    "cancellation was lost and could not be looked up");
	return e;
}

static const struct caller expirer = { .kind = CALLER_SYSTEM,
	.name = "system" };

enum err
booking_expire(struct app *app, struct scope *sc, const struct uuid *id)
{
	struct ending ending = { .caller = &expirer, .move = MOVE_EXPIRE,
		.event = "BookingExpired", .refund = NONE };
	struct booking_row row;
	struct booking *booking;
	enum err e = ERR_STALE;

	uuid_new(&ending.event_id);
	for (int i = 0; i < WRITE_TRIES; i++) {
		e = booking_row_load(app, sc, &expirer, id, NULL, &row);
		if (e == ERR_NOT_FOUND || (!e && !booking_row_lapsed(&row)))
			return ERR_OK; /* somebody else was first */
		if (!e)
			e = release(app, sc, &ending, &row, &booking);
		if (e != ERR_STALE && e != ERR_RETRY && e != ERR_UNCERTAIN)
			break;
	}
	return e;
}

/* ---- its time is over ------------------------------------------------------------ */

static enum err
try_finish(struct app *app, struct scope *sc, const struct uuid *id,
    const struct uuid *event_id)
{
	struct booking_row row;
	struct news news = { 0 };
	struct touched touched = { .count = 0 };
	enum booking_state from;
	enum booking_state to;
	enum booking_move move;
	struct booking *b;
	struct args args;
	enum err e;

	e = booking_row_load(app, sc, &expirer, id, NULL, &row);
	if (e)
		return e == ERR_NOT_FOUND ? ERR_OK : e;
	if (!lifecycle_parse(row.status, &from))
		return scope_fail(sc, ERR_INTERNAL, "unknown state in row");
	move = from == BOOKING_CHECKED_IN ? MOVE_COMPLETE : MOVE_MISS;
	if (row.end_us > row.as_of_us || !lifecycle_next(from, move, &to))
		return ERR_OK; /* somebody else was first */
	b = booking_row_outline(app, sc, &row);
	b->status = lifecycle_word(to);
	/* A change that nobody has dropped yet goes with it. */
	if (!uuid_is_none(&row.change.id)) {
		news.held_us = row.change.start_us;
		news_work(&news, "payments", "close", "{}", NONE);
		touch(&touched, &row.franchise_id, row.change.local_day);
	}
	if (row.visit.in_us != NONE)
		news.checked_in_us = row.visit.in_us;
	news_event(&news, sc, to == BOOKING_COMPLETED ? "BookingCompleted" :
	    "BookingNoShow", event_id, b, NULL);
	args_init(&args, sc->arena);
	args_uuid(&args, &row.id);
	args_uuid(&args, &row.customer_id);
	args_i64(&args, row.version);
	args_text(&args, row.status);
	args_text(&args, b->status);
	news_args(&args, &news);
	touch_relays(&touched, &news);
	touched_before(app, &touched);
	e = db_do(app->db, sc, STMT_BOOKING_FINISH, &args, NULL);
	touched_after(app, sc, &touched, e);
	return e;
}

enum err
booking_finish(struct app *app, struct scope *sc, const struct uuid *id)
{
	struct uuid event_id;
	enum err e = ERR_STALE;

	uuid_new(&event_id);
	for (int i = 0; i < WRITE_TRIES; i++) {
		e = try_finish(app, sc, id, &event_id);
		if (e != ERR_STALE && e != ERR_RETRY && e != ERR_UNCERTAIN)
			break;
	}
	return e;
}
