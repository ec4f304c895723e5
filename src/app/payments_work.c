/* payments_work.c: the due work of the topic payments: what a request could
 * not finish, and what no webhook has told. */
#include "app/payments.h"

#include <inttypes.h>
#include <string.h>

#include "app/app.h"
#include "app/booking_pending.h"
#include "app/due.h"
#include "app/payment_ask.h"
#include "app/payment_open.h"
#include "app/payment_row.h"
#include "app/payment_settle.h"
#include "app/refund_found.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/instant.h"
#include "base/scope.h"
#include "domain/access.h"
#include "remote/stripe.h"
#include "store/db.h"

/* What a key did by then is on Stripe's list. */
#define REFUND_SURE_US (3 * USEC_PER_MIN)
#define FAILURE_MAX 100 /* payments.refunds.failure_reason */
/* Half of what Stripe keeps a key for. */
#define KEY_TRUSTED_US (12 * USEC_PER_HOUR)

static enum due_outcome
outcome_of(enum asked asked)
{
	static const enum due_outcome outcomes[] = {
		[ASKED_KNOWN] = DUE_DONE,
		[ASKED_WAIT] = DUE_SOON,
		[ASKED_LATER] = DUE_OUTAGE,
		[ASKED_STOPPED] = DUE_STOPPED,
		[ASKED_WRONG] = DUE_REFUSED,
	};

	return outcomes[asked];
}

static enum due_outcome
outcome_of_stripe(enum stripe_kind kind)
{
	return outcome_of(payment_ask_kind(kind));
}

static const struct caller worker = { .kind = CALLER_SYSTEM,
	.name = "system" };

/* Until when it is to be kept now, if it is wanted still. */
static int64_t
extended(const struct app *app, const struct booking_row *row, bool change)
{
	int64_t until_us = row->as_of_us + app->conf->hold_s * USEC_PER_SEC;
	int64_t most_us = change ? row->change.created_us + HOLD_MAX_US :
	    row->created_us + USEC_PER_DAY;

	return booking_pending_until(until_us < most_us ? until_us : most_us,
	    row->start_us, change ? row->change.start_us : row->start_us);
}

/* A hold whose payment Stripe has not taken yet is not the customer's fault:
 * its clock starts with the first session.  So with a change of a paid
 * booking, though not for as long: the booking stands without it. */
static enum err
extend_hold(struct app *app, struct scope *sc, const struct uuid *booking)
{
	struct booking_row row;
	struct amount_due due;
	struct decision d;
	int64_t until_us;
	bool change;
	enum err e;

	e = booking_row_load(app, sc, &worker, booking, NULL, &row);
	if (e)
		return e;
	if (payment_wanted(sc, &row, &due))
		return ERR_OK;
	change = !uuid_is_none(&due.change);
	until_us = extended(app, &row, change);
	if (until_us < (change ? row.change.expires_us : row.hold_expires_us) +
	    USEC_PER_MIN)
		return ERR_OK;
	decision_begin(&d, sc, &row);
	if (change)
		decision_change_hold(&d, until_us);
	else
		decision_hold(&d, until_us);
	news_due(&d.news, change ? "drop_change" : "expire", until_us);
	return decision_commit(&d, app, sc);
}

static enum due_outcome
work_session(struct app *app, struct scope *sc, const struct due_row *w)
{
	struct payment_opened opened;
	enum err e = payment_open(app, sc, &w->subject, &opened);

	/* What Stripe refuses keeps its places no longer than it was to; until
	 * then whoever runs this may mend what it is refused for. */
	if (e == ERR_PAYMENTS_UNAVAILABLE &&
	    extend_hold(app, sc, &w->booking_id))
		return DUE_OUTAGE;
	return due_outcome_of(e);
}

/* A direct payment: sent again, under its key, for as long as it is wanted;
 * then, or when that is in vain, only looked for. */
static enum asked
read_direct(struct app *app, struct scope *sc, const struct payment_row *p,
    const struct booking_row *row)
{
	bool wanted = strcmp(p->status, "superseded") != 0 &&
	    payment_is_wanted(p, row) &&
	    row->as_of_us - p->created_us < KEY_TRUSTED_US;
	struct payment_told told;
	enum asked asked;

	if (p->intent) {
		asked = payment_ask_read(app, sc, p, &told);
		/* Nobody waits for the customer any more. */
		return asked == ASKED_WAIT && told.action && !wanted ?
		    payment_ask_end(app, sc, p) : asked;
	}
	if (!wanted)
		return payment_ask_search(app, sc, p, row->as_of_us);
	asked = payment_ask_send(app, sc, p, row, STRIPE_RETRIES, &told);
	return asked == ASKED_LATER && told.pointless ?
	    payment_ask_search(app, sc, p, row->as_of_us) : asked;
}

static enum due_outcome
work_read(struct app *app, struct scope *sc, const struct due_row *w)
{
	struct booking_row row;
	struct payment_told told;
	struct payment_row p;
	enum attempt_state state;
	enum err e = payment_find(app, sc, &w->subject, NULL, NULL, &p);

	if (!e)
		e = booking_row_load(app, sc, &worker, &p.booking_id, NULL,
		    &row);
	if (e)
		return due_outcome_of(e);
	if (!attempt_parse(p.status, &state))
		return DUE_REFUSED;
	if (state == ATTEMPT_SUCCEEDED || state == ATTEMPT_FAILED ||
	    state == ATTEMPT_EXPIRED)
		return DUE_DONE;
	if (payment_is_direct(&p))
		return outcome_of(read_direct(app, sc, &p, &row));
	return p.session ? outcome_of(payment_ask_read(app, sc, &p,
	    &told)) : DUE_DONE;
}

static enum due_outcome
told_refund(struct app *app, struct scope *sc, const struct refund_row *r,
    const struct stripe_refund *s)
{
	const char *status = refund_found_word(s->status);
	enum err e = refund_settle(app, sc, &r->id, status, s->id,
	    s->failure_reason, NULL);

	/* What Stripe did stays done, whatever ails us. */
	if (e)
		return DUE_OUTAGE;
	return strcmp(status, "pending") == 0 ? DUE_SOON : DUE_DONE;
}

static enum stripe_kind
send_refund(struct app *app, struct scope *sc, const struct payment_row *p,
    const struct refund_row *r, struct stripe_call *call,
    struct stripe_refund *told)
{
	char id[UUID_TEXT_MAX];
	struct stripe_refund_new wanted = {
		.currency = currency_find(r->currency),
		.amount = r->amount,
		.payment_intent = p->intent,
		.tags = { .booking_id = r->booking_id, .payment_id = p->id,
		    .refund_id = r->id },
	};

	*call = (struct stripe_call){ .account = p->account };
	uuid_format(&r->id, id);
	call->key = r->key_turn == 0 ? arena_printf(sc->arena, "refund:%s",
	    id) : arena_printf(sc->arena, "refund:%s:%" PRId64, id,
	    r->key_turn);
	return stripe_refund_create(app->stripe, sc, call, &wanted, told);
}

/* Stripe will not make it: it stays owed, verify lists it, and staff may send
 * it again. */
static enum err
refund_refused(struct app *app, struct scope *sc, const struct refund_row *r,
    const char *code)
{
	char id[UUID_TEXT_MAX];
	enum err e;

	code = code ? arena_strndup(sc->arena, code, strnlen(code,
	    FAILURE_MAX)) : "unnamed";
	e = refund_settle(app, sc, &r->id, "failed", NULL, code, NULL);
	if (e)
		return e;
	(void)scope_fail(sc, ERR_CONFLICT, "Stripe refuses refund %s (%s): it "
	    "is owed", uuid_format(&r->id, id), code);
	return ERR_OK;
}

/* Its key changes only when Stripe gives a failure that it keeps under the last
 * one, and does not list the refund well after whatever else it answered. */
static enum due_outcome
use_key(struct app *app, struct scope *sc, const struct refund_row *r,
    bool kept)
{
	bool sure = r->as_of_us - r->key_since_us >= REFUND_SURE_US;
	enum err e = ERR_OK;
	struct args args;

	args_init(&args, sc->arena);
	args_uuid(&args, &r->id);
	args_i64(&args, r->key_turn);
	args_i64(&args, r->key_turn + (kept && sure));
	if (!kept || sure)
		e = db_do(app->db, sc, STMT_REFUND_USE_KEY, &args, NULL);
	(void)e; /* not noted, it is asked for under the same key */
	return DUE_OUTAGE;
}

/* It was asked for, and is not on Stripe's list. */
static enum due_outcome
not_made(struct app *app, struct scope *sc, const struct due_row *w,
    const struct refund_row *r, const struct stripe_call *call,
    enum stripe_kind sent)
{
	bool last = w->attempts >= app->conf->relay_retries;

	if (sent == STRIPE_UNKNOWN)
		return use_key(app, sc, r, call->replayed);
	/* It waits for money, as what is sent later under another key does. */
	if (sent == STRIPE_REFUSED && call->code &&
	    strcmp(call->code, "balance_insufficient") == 0)
		return use_key(app, sc, r, call->replayed);
	if (sent == STRIPE_CONFLICT || call->cause == HTTP_CLIENT_LOCAL)
		return outcome_of_stripe(sent); /* somebody must look */
	/* What it is refused for may be mended, for a few tries, or is lasting.
	 * The relay says why once: the row is done the next time. */
	if (sent == STRIPE_STATE || last) {
		if (refund_refused(app, sc, r, call->code))
			return DUE_OUTAGE;
		return last ? DUE_DONE : DUE_REFUSED;
	}
	return outcome_of_stripe(sent);
}

/* Ask for it.  Stripe forgets a key after a day, and must not refund twice then,
 * nor under another key what it made under the one before: it is looked for.  So
 * is one that a lost answer was about: even a 500 is kept under the key, so that
 * asking again says nothing. */
static enum due_outcome
ask_refund(struct app *app, struct scope *sc, const struct due_row *w,
    const struct payment_row *p, const struct refund_row *r)
{
	enum stripe_kind looked = STRIPE_DONE;
	enum stripe_kind sent;
	struct stripe_refund told;
	struct stripe_call call;
	bool found = false;

	if (r->key_turn > 0 || r->as_of_us - r->created_us > KEY_TRUSTED_US)
		looked = refund_found_ours(app, sc, p, &r->id, &told, &found);
	if (looked != STRIPE_DONE)
		return outcome_of_stripe(looked);
	if (found)
		return told_refund(app, sc, r, &told);

	sent = send_refund(app, sc, p, r, &call, &told);
	if (sent == STRIPE_DONE)
		return told_refund(app, sc, r, &told);
	if (sent == STRIPE_LATER || sent == STRIPE_DENIED)
		return DUE_OUTAGE;
	looked = refund_found_ours(app, sc, p, &r->id, &told, &found);
	if (looked != STRIPE_DONE)
		return outcome_of_stripe(looked);
	return found ? told_refund(app, sc, r, &told) :
	    not_made(app, sc, w, r, &call, sent);
}

static enum due_outcome
work_refund(struct app *app, struct scope *sc, const struct due_row *w)
{
	struct stripe_call call = { .key = NULL };
	struct stripe_refund told;
	struct payment_row p;
	struct refund_row r;
	enum stripe_kind kind;
	enum err e;

	e = refund_find(app, sc, &w->subject, NULL, &r);
	if (!e)
		e = payment_find(app, sc, &r.payment_id, NULL, NULL, &p);
	if (e)
		return due_outcome_of(e);
	if (strcmp(r.status, "succeeded") == 0 ||
	    strcmp(r.status, "failed") == 0)
		return DUE_DONE;
	if (!r.stripe_id)
		return p.intent ? ask_refund(app, sc, w, &p, &r) : DUE_REFUSED;

	call.account = p.account;
	kind = stripe_refund_read(app->stripe, sc, &call, r.stripe_id, &told);
	return kind == STRIPE_DONE ? told_refund(app, sc, &r, &told) :
	    outcome_of_stripe(kind);
}

/* Money of a payment went back at Stripe.  That it was paid at all may not have
 * been told yet: that comes first. */
static enum due_outcome
work_refunds(struct app *app, struct scope *sc, const struct due_row *w)
{
	enum stripe_kind kind = STRIPE_DONE;
	enum due_outcome outcome = DUE_DONE;
	struct payment_told told;
	struct payment_row p;
	enum err e = payment_find(app, sc, &w->subject, NULL, NULL, &p);

	if (!e && strcmp(p.status, "succeeded") != 0) {
		outcome = p.session || p.intent ? outcome_of(
		    payment_ask_read(app, sc, &p, &told)) :
		    work_read(app, sc, w);
		e = payment_find(app, sc, &w->subject, NULL, NULL, &p);
	}
	if (!e && outcome == DUE_DONE && p.intent &&
	    strcmp(p.status, "succeeded") == 0)
		kind = refund_found_all(app, sc, &p, &e);
	if (kind != STRIPE_DONE)
		return outcome_of_stripe(kind);
	return e ? due_outcome_of(e) : outcome;
}

/* Sessions and intents of a booking that nobody wants any more. */
static enum due_outcome
work_close(struct app *app, struct scope *sc, const struct due_row *w)
{
	struct payment_row *rows = NULL;
	enum due_outcome worst = DUE_DONE;
	size_t count = 0;
	enum err e;

	e = payment_rows(app, sc, &w->booking_id, &rows, &count);
	if (e)
		return due_outcome_of(e);
	for (size_t i = 0; i < count; i++) {
		enum asked asked;

		if (strcmp(rows[i].status, "superseded") != 0 ||
		    (!rows[i].session && !rows[i].intent))
			continue;
		asked = payment_ask_end(app, sc, &rows[i]);
		if (asked != ASKED_KNOWN && asked != ASKED_WAIT)
			worst = outcome_of(asked);
	}
	return worst;
}

/* The time of a hold, or of a change, is up while a payment may be under way:
 * see to it that it can be paid no more, or that what was paid counts. */
static enum due_outcome
work_lapse(struct app *app, struct scope *sc, const struct due_row *w)
{
	const struct payment_row *p;
	struct payment_row *rows = NULL;
	struct booking_row row;
	size_t count = 0;
	enum err e;

	e = booking_row_load(app, sc, &worker, &w->booking_id, NULL, &row);
	if (!e)
		e = payment_rows(app, sc, &w->booking_id, &rows, &count);
	if (e)
		return due_outcome_of(e);
	p = payment_unfinished(rows, count);
	if (!p || payment_is_wanted(p, &row) || (!p->session && !p->intent))
		return DUE_DONE;
	return outcome_of(payment_ask_end(app, sc, p));
}

static const struct due_kind kinds[] = {
	{ "session", work_session, 0 },
	{ "read", work_read, 0 },
	{ "refund", work_refund, 0 },
	{ "refunds", work_refunds, 0 },
	{ "close", work_close, 0 },
	{ "lapse", work_lapse, 5000 },
};

enum err
payments_work(struct app *app, struct scope *sc, size_t max,
    struct due_turn *ret_turn)
{
	static const struct due_topic topic = { "payments", kinds,
		ARRAY_LEN(kinds) };

	if (!app->stripe)
		return scope_fail(sc, ERR_PAYMENTS_UNAVAILABLE,
		    "no Stripe key is configured");
	return due_work(app, sc, &topic, max, ret_turn);
}
