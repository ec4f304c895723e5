/* payment_settle.c: payments and refunds put into effect. */
#include "app/payment_settle.h"

#include <string.h>

#include "app/app.h"
#include "app/booking_room.h"
#include "app/days.h"
#include "app/payment_row.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/instant.h"
#include "base/json.h"
#include "base/scope.h"
#include "domain/access.h"
#include "store/db.h"

#define FACTS_MAX 1024

static const struct caller settler = { .kind = CALLER_SYSTEM,
	.name = "system" };

/* A payment or a refund and the booking it is for, as they stand.  Of the
 * booking nothing personal: no event of money tells any of it, and what Stripe
 * did has to count also when the booking's key is lost. */
struct payment_case {
	struct payment_row payment;
	struct booking_row row;
	struct booking *booking;
};

static enum err
load_case(struct app *app, struct scope *sc, const struct uuid *payment,
    struct payment_case *c)
{
	enum err e;

	e = payment_find(app, sc, payment, NULL, NULL, &c->payment);
	if (!e)
		e = booking_row_load(app, sc, &settler,
		    &c->payment.booking_id, NULL, &c->row);
	if (!e)
		c->booking = booking_row_outline(app, sc, &c->row);
	return e;
}

static const char *
money_facts(struct scope *sc, const char *member, const struct uuid *id,
    const struct uuid *payment, int64_t amount, const char *currency,
    const char *reason)
{
	struct buf out;

	buf_init(&out, sc->arena, FACTS_MAX);
	buf_printf(&out, "{\"%s\":", member);
	json_put_uuid(&out, id);
	if (payment) {
		buf_puts(&out, ",\"payment_id\":");
		json_put_uuid(&out, payment);
	}
	buf_puts(&out, ",\"amount\":");
	json_put_money(&out, amount);
	buf_puts(&out, ",\"currency\":");
	json_put_text(&out, currency);
	if (reason) {
		buf_puts(&out, ",\"reason\":");
		json_put_text(&out, reason);
	}
	buf_putc(&out, '}');
	return out.data;
}

static void
tell_payment(struct decision *d, struct scope *sc, const char *type,
    const struct payment_row *p, const char *reason)
{
	news_work(&d->news, "events", type, money_facts(sc, "payment_id",
	    &p->id, NULL, p->amount, p->currency, reason), NONE);
}

static void
tell_confirmed(struct decision *d, struct scope *sc, struct payment_case *c)
{
	struct booking now = *c->booking;
	struct uuid id;

	uuid_new(&id);
	now.status = lifecycle_word(BOOKING_CONFIRMED);
	news_event(&d->news, sc, "BookingConfirmed", &id, &now, NULL);
	news_ticket(&d->news);
}

/* What has become of what the payment was for. */
static enum err
change_of(struct scope *sc, const struct payment_case *c,
    enum settlement_change *ret_change)
{
	const struct payment_row *p = &c->payment;

	if (uuid_is_none(&p->change)) {
		*ret_change = CHANGE_NONE;
		return ERR_OK;
	}
	if (uuid_equal(&p->change, &c->row.change.id)) {
		*ret_change = CHANGE_STANDS;
		return ERR_OK;
	}
	/* It ended after the payment was read: then that has changed too. */
	if (!p->change_end)
		return scope_fail(sc, ERR_STALE, "the change is over");
	if (!settlement_parse_change(p->change_end, ret_change))
		return scope_fail(sc, ERR_INTERNAL, "unknown end of a change");
	return ERR_OK;
}

static enum err
step_of(struct scope *sc, const struct payment_case *c, bool places_gone,
    enum settlement_step *ret_step)
{
	const struct booking_row *row = &c->row;
	struct settlement_facts facts = { .due = row->total,
		.amount = c->payment.amount,
		.begun = row->start_us <= row->as_of_us,
		.over = row->end_us <= row->as_of_us };
	enum err e;

	if (!lifecycle_parse(row->status, &facts.booking))
		return scope_fail(sc, ERR_INTERNAL, "unknown state in row");
	e = change_of(sc, c, &facts.change);
	if (e)
		return e;
	if (facts.change == CHANGE_STANDS) {
		facts.due = booking_row_change_due(row);
		facts.begun = facts.begun ||
		    row->change.start_us <= row->as_of_us;
	}
	*ret_step = settlement_of(&facts);
	if (places_gone && (*ret_step == SETTLE_RETAKE ||
	    *ret_step == SETTLE_CHANGE))
		*ret_step = SETTLE_REFUND_LATE;
	return ERR_OK;
}

/* Another page for the same, still open: it is wanted no more. */
static enum err
close_others(struct app *app, struct scope *sc, struct decision *d,
    const struct payment_case *c)
{
	struct payment_row *rows = NULL;
	size_t count = 0;
	enum err e;

	e = payment_rows(app, sc, &c->row.id, &rows, &count);
	for (size_t i = 0; !e && i < count; i++) {
		enum attempt_state state;

		if (uuid_equal(&rows[i].id, &c->payment.id) ||
		    !attempt_parse(rows[i].status, &state) ||
		    state >= ATTEMPT_SUCCEEDED)
			continue;
		news_work(&d->news, "payments", "close", "{}", NONE);
		break;
	}
	return e;
}

/* The booking becomes what its change says. */
static enum err
take_change(struct app *app, struct scope *sc, struct decision *d,
    struct payment_case *c)
{
	const struct change_row *change = &c->row.change;
	struct booking becomes = *c->booking;
	struct uuid id;

	becomes.start_us = change->start_us;
	becomes.end_us = change->end_us;
	becomes.child_count = change->child_count;
	becomes.total_amount = change->total;

	uuid_new(&id);
	decision_change(d, &c->row);
	decision_status(d, NULL, "paid");
	d->news.was_us = c->row.start_us;
	news_event(&d->news, sc, "BookingModified", &id, &becomes, NULL);
	return close_others(app, sc, d, c);
}

static enum err
take_booking(struct app *app, struct scope *sc, struct decision *d,
    struct payment_case *c, int64_t retake_minutes)
{
	bool retake = retake_minutes != NONE;

	if (retake)
		decision_retake(d, &c->row, retake_minutes);
	/* Since the hold's time was over its places were shown as free, also
	 * when nobody has ended it: they are taken again in what is cached.  It
	 * may have lapsed since the booking was read. */
	decision_touch(d, &c->row);
	d->news.retaken = retake || booking_row_lapsed(&c->row);
	decision_status(d, lifecycle_word(BOOKING_CONFIRMED), "paid");
	decision_hold(d, NONE);
	tell_confirmed(d, sc, c);
	return close_others(app, sc, d, c);
}

/* Money has landed. */
static enum err
landed(struct app *app, struct scope *sc, struct decision *d,
    struct payment_case *c, bool places_gone)
{
	enum settlement_step step = SETTLE__MAX;
	int64_t minutes = NONE;
	struct uuid refund;
	struct day day;
	enum err e;

	e = step_of(sc, c, places_gone, &step);
	if (!e && step == SETTLE_RETAKE) {
		e = day_load(app, sc, &c->row.franchise_id, c->row.local_day,
		    &day);
		/* A franchise that was switched off has no places. */
		if (e == ERR_NOT_FOUND)
			e = step_of(sc, c, true, &step);
		else
			minutes = day.slot_minutes;
	}
	if (e)
		return e;

	decision_entry(d, "charge", &c->payment.id, "stripe", "customers",
	    c->payment.amount, c->payment.currency);
	tell_payment(d, sc, "PaymentProcessed", &c->payment, NULL);
	if (settlement_reason(step)) {
		uuid_new(&refund);
		decision_refund_new(d, &refund, &c->payment.id,
		    c->payment.amount, settlement_reason(step));
		return ERR_OK;
	}
	return step == SETTLE_CHANGE ? take_change(app, sc, d, c) :
	    take_booking(app, sc, d, c, minutes);
}

/* An attempt that ends without money, or is on its way. */
static void
not_landed(struct scope *sc, struct decision *d, struct payment_case *c,
    const struct payment_outcome *outcome)
{
	bool waits = strcmp(c->row.status, "pending") == 0 &&
	    strcmp(c->payment.status, "superseded") != 0;

	switch (outcome->to) {
	case ATTEMPT_FAILED:
		tell_payment(d, sc, "PaymentFailed", &c->payment,
		    outcome->failure);
		if (waits)
			decision_status(d, NULL, "failed");
		return;
	case ATTEMPT_PROCESSING:
	case ATTEMPT_ACTION:
		if (waits)
			decision_status(d, NULL, "processing");
		return;
	default:
		if (waits)
			decision_status(d, NULL, "pending");
	}
}

static enum err
keep_event(struct app *app, struct scope *sc, const struct stripe_word *word)
{
	struct args args;

	if (!word || !word->event)
		return ERR_OK;
	args_init(&args, sc->arena);
	args_text(&args, word->event);
	args_text(&args, word->type);
	args_text(&args, word->object);
	return db_do(app->db, sc, STMT_PAYMENT_KEEP_EVENT, &args, NULL);
}

static enum err
try_settle(struct app *app, struct scope *sc, const struct uuid *payment,
    const struct payment_outcome *outcome, const struct stripe_word *word,
    bool places_gone)
{
	struct payment_change change = { .to = outcome->to,
		.intent = outcome->intent, .session_expires_us = NONE,
		.failure = outcome->failure };
	struct payment_case c;
	struct decision d;
	enum attempt_state from;
	enum err e;

	e = load_case(app, sc, payment, &c);
	if (e)
		return e;
	if (!attempt_parse(c.payment.status, &from))
		return scope_fail(sc, ERR_INTERNAL, "unknown state in row");
	/* No way is known to it.  Should there be one, somebody must look. */
	if (from == ATTEMPT_SUCCEEDED && outcome->to == ATTEMPT_SUCCEEDED &&
	    outcome->intent && c.payment.intent &&
	    strcmp(outcome->intent, c.payment.intent) != 0)
		return scope_fail(sc, ERR_CONFLICT, "Stripe was paid twice for "
		    "one payment: refund the second there");
	if (!attempt_may_become(from, outcome->to))
		return keep_event(app, sc, word);
	/* Absent is an amount in a currency that we do not know. */
	if (outcome->to == ATTEMPT_SUCCEEDED &&
	    (outcome->amount != c.payment.amount || !outcome->currency ||
	    strcmp(outcome->currency, c.payment.currency) != 0))
		return scope_fail(sc, ERR_CONFLICT, "Stripe received another "
		    "amount than this payment asked for");

	decision_begin(&d, sc, &c.row);
	if (word)
		decision_event(&d, word->event, word->type, word->object);
	decision_payment(&d, &c.payment, &change);
	if (outcome->to == ATTEMPT_SUCCEEDED)
		e = landed(app, sc, &d, &c, places_gone);
	else
		not_landed(sc, &d, &c, outcome);
	if (e)
		return e;
	return decision_commit(&d, app, sc);
}

/* Holds that have lapsed may keep the places, or the child, though nobody waits
 * for them any more.  *looked: nothing was found to free, which another may have
 * freed a moment ago: it takes a second time to be sure. */
static enum err
make_room(struct app *app, struct scope *sc, const struct uuid *payment,
    enum err why, bool *looked)
{
	struct payment_case c;
	size_t freed = 0;
	enum err e;

	if (*looked)
		return why;
	e = load_case(app, sc, payment, &c);
	if (e)
		return e;
	if (why == ERR_CHILD_BUSY)
		return booking_child_busy(app, sc, &c.row.customer_id,
		    c.row.start_us, c.row.end_us, looked);
	e = booking_room_free(app, sc, &c.row.franchise_id, c.row.start_us,
	    c.row.end_us, &freed);
	if (e)
		return e;

	*looked = freed == 0;
	return ERR_STALE;
}

enum err
payment_settle(struct app *app, struct scope *sc, const struct uuid *payment,
    const struct payment_outcome *outcome, const struct stripe_word *word)
{
	bool places_gone = false;
	bool looked[2] = { false, false }; /* for places, for the child */
	enum err e = ERR_STALE;

	/* What is decided anew finds its own effect, if an answer was lost. */
	for (int i = 0; i < WRITE_TRIES; i++) {
		e = try_settle(app, sc, payment, outcome, word, places_gone);
		/* No places, or the child has another one by now. */
		if (e == ERR_CAPACITY || e == ERR_CHILD_BUSY) {
			enum err room = make_room(app, sc, payment, e,
			    &looked[e == ERR_CHILD_BUSY]);

			/* Only what is known to be gone sends money back. */
			if (room != e && room != ERR_STALE)
				return room;
			places_gone = room == e;
			e = ERR_STALE;
		} else if (e == ERR_STATE)
			return ERR_OK; /* the event had its effect */
		else if (e != ERR_STALE && e != ERR_RETRY &&
		    e != ERR_UNCERTAIN)
			return e;
	}
	return e;
}

/* ---- refunds ------------------------------------------------------------------ */

static bool
refund_may_become(const char *from, const char *to)
{
	/* failed after succeeded: the bank sent it back (Stripe, "Failed
	 * refunds"). */
	if (strcmp(from, "queued") == 0)
		return true;
	if (strcmp(from, "pending") == 0)
		return strcmp(to, "pending") != 0;
	return strcmp(from, "succeeded") == 0 && strcmp(to, "failed") == 0;
}

/* What it becomes, in the journal and for the world.  When one fails, another may
 * have been made at Stripe in its stead, for which there is room only now. */
static void
enter_refund(struct decision *d, struct scope *sc, const struct refund_row *r,
    const char *to)
{
	bool was = strcmp(r->status, "succeeded") == 0;

	if (strcmp(to, "succeeded") == 0) {
		decision_entry(d, "refund", &r->id, "customers", "stripe",
		    r->amount, r->currency);
		news_work(&d->news, "events", "RefundProcessed", money_facts(sc,
		    "refund_id", &r->id, &r->payment_id, r->amount,
		    r->currency, r->reason), NONE);
	} else if (strcmp(to, "failed") == 0) {
		if (was)
			decision_entry(d, "refund_failed", &r->id, "stripe",
			    "customers", r->amount, r->currency);
		news_payment(&d->news, sc, "refunds", &r->payment_id, NONE);
	}
}

static enum err
try_refund(struct app *app, struct scope *sc, const struct uuid *refund,
    const char *status, const char *stripe_id, const char *failure,
    const struct stripe_word *word)
{
	struct payment_case c;
	struct refund_row r;
	struct decision d;
	enum err e;

	e = refund_find(app, sc, refund, NULL, &r);
	if (!e)
		e = load_case(app, sc, &r.payment_id, &c);
	if (e)
		return e;
	if (!refund_may_become(r.status, status))
		return keep_event(app, sc, word);

	decision_begin(&d, sc, &c.row);
	if (word)
		decision_event(&d, word->event, word->type, word->object);
	decision_refund(&d, &r, status, stripe_id, failure);
	enter_refund(&d, sc, &r, status);
	return decision_commit(&d, app, sc);
}

enum err
refund_settle(struct app *app, struct scope *sc, const struct uuid *refund,
    const char *status, const char *stripe_id, const char *failure,
    const struct stripe_word *word)
{
	enum err e = ERR_STALE;

	for (int i = 0; i < WRITE_TRIES; i++) {
		e = try_refund(app, sc, refund, status, stripe_id, failure,
		    word);
		if (e == ERR_STATE)
			return ERR_OK;
		if (e != ERR_STALE && e != ERR_RETRY && e != ERR_UNCERTAIN)
			return e;
	}
	return e;
}

/* ---- refunds that were made elsewhere ----------------------------------------- */

/* More would be gone than was paid: one of ours, not sent yet, has to give way. */
static enum err
no_room(struct app *app, struct scope *sc, const struct payment_row *p)
{
	struct refund_row *rows = NULL;
	size_t count = 0;
	enum err e = refund_rows(app, sc, &p->id, &rows, &count);

	for (size_t i = 0; !e && i < count; i++) {
		if (strcmp(rows[i].status, "queued") == 0)
			return ERR_OK;
	}
	return e ? e : scope_fail(sc, ERR_CONFLICT, "Stripe sent more back than "
	    "there is of the payment");
}

static enum err
write_elsewhere(struct app *app, struct scope *sc, const struct payment_case *c,
    const struct refund_elsewhere *made)
{
	struct refund_row r = { .payment_id = c->payment.id,
		.stripe_id = made->stripe_id, .amount = made->amount,
		.currency = c->payment.currency, .reason = "staff",
		.status = made->status };
	struct decision d;

	uuid_new(&r.id);
	decision_begin(&d, sc, &c->row);
	decision_refund_made(&d, &r);
	r.status = "queued"; /* until this commit it is nothing */
	enter_refund(&d, sc, &r, made->status);
	/* As with ours, its end is asked for when nobody tells it. */
	if (strcmp(made->status, "pending") == 0)
		news_payment(&d.news, sc, "refund", &r.id, c->row.as_of_us +
		    USEC_PER_MIN);
	return decision_commit(&d, app, sc);
}

static enum err
try_enter(struct app *app, struct scope *sc, const struct uuid *payment,
    const struct refund_elsewhere *made)
{
	struct payment_case c;
	struct refund_row r;
	enum err e;

	e = load_case(app, sc, payment, &c);
	/* Both after the booking: what was entered since then raised its
	 * version, and this is refused as stale. */
	if (!e)
		e = payment_find(app, sc, payment, NULL, NULL, &c.payment);
	if (e)
		return e;
	e = refund_find(app, sc, NULL, made->stripe_id, &r);
	if (e != ERR_NOT_FOUND)
		return e;
	if (made->amount < 1 || !made->currency ||
	    strcmp(made->currency, c.payment.currency) != 0)
		return scope_fail(sc, ERR_CONFLICT, "Stripe sent back another "
		    "currency than was paid");
	return made->amount > c.payment.amount - c.payment.refunded ?
	    no_room(app, sc, &c.payment) : write_elsewhere(app, sc, &c, made);
}

enum err
refund_enter(struct app *app, struct scope *sc, const struct uuid *payment,
    const struct refund_elsewhere *made)
{
	enum err e = ERR_STALE;

	/* Tried again, it finds what a lost answer was about. */
	for (int i = 0; i < WRITE_TRIES; i++) {
		e = try_enter(app, sc, payment, made);
		if (e != ERR_STALE && e != ERR_RETRY && e != ERR_UNCERTAIN)
			break;
	}
	return e;
}
