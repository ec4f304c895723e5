/* payment_open.c: open a Checkout Session for a queued attempt. */
#include "app/payment_open.h"

#include <inttypes.h>
#include <string.h>

#include "app/app.h"
#include "app/booking_pending.h"
#include "app/bookings.h"
#include "app/payment_ask.h"
#include "app/payment_row.h"
#include "app/payment_settle.h"
#include "app/payments.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "base/instant.h"
#include "base/scope.h"
#include "domain/access.h"
#include "remote/stripe.h"
#include "store/db.h"

/* Stripe's least is 30 minutes, by its own clock and when the call arrives; the
 * key of a session is good for a minute, so that the same key always asks for
 * the same end. */
#define SESSION_US (30 * USEC_PER_MIN + 30 * USEC_PER_SEC)
#define KEY_US USEC_PER_MIN
/* A session about to end is not worth sending a customer to. */
#define WORTH_US (2 * USEC_PER_MIN)
/* The hold outlives its session a little, and is never longer than
 * HOLD_MAX_US. */
#define AFTER_US (4 * USEC_PER_MIN)
#define READ_AFTER_US USEC_PER_MIN
/* Whose first session came later waited for Stripe. */
#define QUEUED_US (2 * USEC_PER_MIN)

static const struct caller opener = { .kind = CALLER_SYSTEM,
	.name = "system" };

static enum err
ask_stripe(struct app *app, struct scope *sc, const struct payment_row *p,
    const struct booking_row *row, struct stripe_session *ret_session)
{
	int64_t turn = (row->as_of_us - p->created_us) / KEY_US;
	char id[UUID_TEXT_MAX];
	char booking[UUID_TEXT_MAX];
	const char *pay_url = booking_pay_url(app, sc, &row->id);
	struct stripe_call call = { .key = arena_printf(sc->arena,
	    "pay:%s:session:%" PRId64, uuid_format(&p->id, id), turn),
		.account = p->account };
	struct stripe_session_new wanted = {
		.currency = currency_find(p->currency),
		.amount = p->amount,
		.name = "Child care",
		.description = arena_printf(sc->arena, "Booking %s",
		    row->code),
		.success_url = arena_printf(sc->arena, "%s/paid/%s",
		    app->conf->public_url, uuid_format(&row->id, booking)),
		.cancel_url = pay_url,
		.expires_us = p->created_us + (turn + 1) * KEY_US +
		    SESSION_US,
		.tags = { .booking_id = row->id, .payment_id = p->id,
		    .franchise_id = row->franchise_id },
	};
	enum stripe_kind kind;

	kind = stripe_session_create(app->stripe, sc, &call, &wanted,
	    ret_session);
	if (kind == STRIPE_DONE && ret_session->url)
		return ERR_OK;
	/* Refused by ourselves: waiting would not help. */
	if (kind == STRIPE_REFUSED && call.cause == HTTP_CLIENT_LOCAL)
		return ERR_INTERNAL;
	/* The sentence stays Stripe's: for the log, and none for customers. */
	if (payment_ask_kind(kind) == ASKED_WRONG)
		return ERR_DECLINED;
	return scope_fail(sc, ERR_PAYMENTS_UNAVAILABLE, "no Checkout Session: "
	    "%s", stripe_kind_word(kind));
}

static int64_t
earlier(int64_t a_us, int64_t b_us)
{
	return a_us < b_us ? a_us : b_us;
}

/* How long the hold may be extended: from the booking on, or, where Stripe could
 * not be had then, from the first session. */
static enum err
most_of_hold(struct app *app, struct scope *sc, const struct booking_row *row,
    int64_t wanted_us, int64_t *ret_most_us)
{
	int64_t first_us = row->as_of_us;
	struct payment_row *rows = NULL;
	size_t count = 0;
	enum err e;

	*ret_most_us = row->created_us + HOLD_MAX_US;
	if (wanted_us <= *ret_most_us)
		return ERR_OK;
	e = payment_rows(app, sc, &row->id, &rows, &count);
	if (e)
		return e;
	for (size_t i = 0; i < count; i++) {
		if (rows[i].session_expires_us != NONE)
			first_us = earlier(first_us,
			    rows[i].session_expires_us - SESSION_US - KEY_US);
	}
	if (first_us > row->created_us + QUEUED_US)
		*ret_most_us = earlier(first_us + HOLD_MAX_US,
		    row->created_us + USEC_PER_DAY);
	return ERR_OK;
}

/* What the session is for is kept as long as it, and a little longer; never
 * shorter than it was kept already. */
static int64_t
keep_booking(struct decision *d, const struct booking_row *row, int64_t end_us,
    int64_t most_us)
{
	int64_t until_us = earlier(earlier(end_us + AFTER_US, most_us),
	    row->start_us);

	if (until_us < row->hold_expires_us)
		until_us = row->hold_expires_us;
	decision_status(d, NULL, "pending");
	decision_hold(d, until_us);
	news_due(&d->news, "expire", until_us);
	return until_us;
}

static int64_t
keep_change(struct decision *d, const struct booking_row *row, int64_t end_us)
{
	const struct change_row *change = &row->change;
	int64_t until_us = booking_pending_until(earlier(end_us + AFTER_US,
	    change->created_us + HOLD_MAX_US), row->start_us,
	    change->start_us);

	if (until_us < change->expires_us)
		until_us = change->expires_us;
	decision_change_hold(d, until_us);
	news_due(&d->news, "drop_change", until_us);
	return until_us;
}

/* Record the session; the attempt stays unfinished until Stripe says more. */
static enum err
record(struct app *app, struct scope *sc, const struct payment_row *p,
    const struct booking_row *row, const struct stripe_session *session,
    struct payment_opened *opened)
{
	struct payment_change change = { .to = ATTEMPT_OPEN,
		.session = session->id, .url = session->url,
		.session_expires_us = session->expires_us };
	struct decision d;
	int64_t most_us;
	int64_t hold_us;
	enum err e;

	e = most_of_hold(app, sc, row, session->expires_us + AFTER_US,
	    &most_us);
	if (e)
		return e;
	decision_begin(&d, sc, row);
	decision_payment(&d, p, &change);
	hold_us = uuid_is_none(&p->change) ?
	    keep_booking(&d, row, session->expires_us, most_us) :
	    keep_change(&d, row, session->expires_us);
	/* When its webhook is late, it is read. */
	news_payment(&d.news, sc, "read", &p->id,
	    session->expires_us + READ_AFTER_US);
	*opened = (struct payment_opened){ .url = session->url,
		.expires_us = session->expires_us, .hold_us = hold_us,
		.version = row->version + 1 };
	return decision_commit(&d, app, sc);
}

static enum err
try_open(struct app *app, struct scope *sc, const struct uuid *attempt,
    struct stripe_session *session, struct payment_opened *opened)
{
	struct amount_due due;
	struct payment_row p;
	struct booking_row row;
	enum err e;

	e = payment_find(app, sc, attempt, NULL, NULL, &p);
	if (!e)
		e = booking_row_load(app, sc, &opener, &p.booking_id, NULL,
		    &row);
	if (!e)
		e = payment_wanted(sc, &row, &due);
	if (e)
		return e;
	if (!payment_is_wanted(&p, &row))
		return scope_fail(sc, ERR_STATE, "something else is to be "
		    "paid by now");
	if (strcmp(p.status, "open") == 0 &&
	    p.session_expires_us > row.as_of_us + WORTH_US) {
		*opened = (struct payment_opened){ .url = p.url,
			.expires_us = p.session_expires_us,
			.hold_us = row.hold_expires_us,
			.version = row.version };
		return ERR_OK;
	}
	if (strcmp(p.status, "queued") != 0)
		return scope_fail(sc, ERR_STATE, "the payment is %s",
		    p.status);

	if (!session->id) {
		e = ask_stripe(app, sc, &p, &row, session);
		if (e)
			return e;
	}
	return record(app, sc, &p, &row, session, opened);
}

/* Meanwhile the attempt was given up: nobody shall pay on a session that
 * nobody knows.  Should this fail: what lands on it goes back. */
static void
close_stray(struct app *app, struct scope *sc, const struct uuid *attempt,
    const struct stripe_session *session)
{
	struct payment_row p;
	struct stripe_session closed;
	struct stripe_call call = { .key = NULL };

	if (payment_find(app, sc, attempt, NULL, NULL, &p) || (p.session &&
	    strcmp(p.session, session->id) == 0))
		return;
	call.account = p.account;
	if (stripe_session_expire(app->stripe, sc, &call, session->id,
	    &closed))
		return;
}

enum err
payment_open(struct app *app, struct scope *sc, const struct uuid *attempt,
    struct payment_opened *ret_opened)
{
	struct stripe_session session = { .id = NULL };
	enum err e = ERR_STALE;

	if (!app->stripe)
		return scope_fail(sc, ERR_PAYMENTS_UNAVAILABLE,
		    "no Stripe key is configured");
	for (int i = 0; i < WRITE_TRIES; i++) {
		e = try_open(app, sc, attempt, &session, ret_opened);
		if (e != ERR_STALE && e != ERR_RETRY && e != ERR_UNCERTAIN)
			break;
	}
	if (e == ERR_STATE && session.id)
		close_stray(app, sc, attempt, &session);
	return e;
}

/* The answer kept under the key, now that the session's address is known.
 * Without it the repeat shows our own pay link, which is as good. */
static void
restate(struct app *app, struct scope *sc, const struct caller *caller,
    const struct replay *replay, const struct booking *booking)
{
	struct booking_row row;

	if (!replay || booking_row_load(app, sc, &opener,
	    &booking->booking_id, NULL, &row))
		return;
	if (replay_restate(app, sc, caller, replay, &row,
	    replay_text(sc, replay, booking)))
		return;
}

void
payment_open_now(struct app *app, struct scope *sc,
    const struct caller *caller, struct replay *replay,
    struct booking *booking, const struct uuid *attempt)
{
	struct payment_opened opened;

	if (payment_open(app, sc, attempt, &opened))
		return;
	booking->payment_url = opened.url;
	booking->payment_status = "pending";
	booking->hold_expires_us = opened.hold_us;
	booking->version = opened.version;
	restate(app, sc, caller, replay, booking);
}

/* ---- the link that never dies -------------------------------------------------- */

/* The last attempt is over: another one, queued. */
static enum err
new_attempt(struct app *app, struct scope *sc, const struct booking_row *row,
    const struct amount_due *due, struct uuid *ret_id)
{
	struct decision d;
	struct uuid id;
	enum err e;

	uuid_new(&id);
	decision_begin(&d, sc, row);
	/* While a change is paid the booking is what it was. */
	if (uuid_is_none(&due->change))
		decision_status(&d, NULL, "queued");
	decision_attempt(&d, &id, due, row->currency, "checkout");
	news_payment(&d.news, sc, "session", &id,
	    row->as_of_us + 30 * USEC_PER_SEC);
	e = decision_commit(&d, app, sc);
	if (e)
		return e;
	*ret_id = id;
	return ERR_OK;
}

/* Is it for what is due, and does its page take money, or will it? */
static bool
can_be_paid(const struct payment_row *p, const struct booking_row *row)
{
	if (payment_is_direct(p) || !payment_is_wanted(p, row))
		return false;
	return strcmp(p->status, "queued") == 0 ||
	    (strcmp(p->status, "open") == 0 &&
	    p->session_expires_us > row->as_of_us + WORTH_US);
}

static enum err
try_session(struct app *app, struct scope *sc, const struct uuid *booking,
    struct uuid *attempt, struct payment_opened *opened)
{
	const struct payment_row *p;
	struct payment_row *rows = NULL;
	struct amount_due due;
	struct booking_row row;
	size_t count = 0;
	enum err e;

	e = booking_row_load(app, sc, &opener, booking, NULL, &row);
	if (!e)
		e = payment_rows(app, sc, booking, &rows, &count);
	if (!e)
		e = payment_wanted(sc, &row, &due);
	if (e)
		return e;

	p = payment_unfinished(rows, count);
	/* Only what a customer can still be sent to is kept. */
	if (p && !can_be_paid(p, &row))
		return payment_ask_clear(app, sc, p);
	if (p) {
		*attempt = p->id;
	} else {
		e = new_attempt(app, sc, &row, &due, attempt);
		if (e)
			return e;
	}
	return payment_open(app, sc, attempt, opened);
}

enum err
payment_session(struct app *app, struct scope *sc, const struct uuid *booking,
    struct uuid *ret_attempt, struct payment_opened *ret_opened)
{
	enum err e = ERR_STALE;

	*ret_attempt = (struct uuid){ 0 };
	for (int i = 0; i < WRITE_TRIES; i++) {
		e = try_session(app, sc, booking, ret_attempt, ret_opened);
		if (e != ERR_STALE && e != ERR_RETRY && e != ERR_UNCERTAIN)
			break;
		*ret_attempt = (struct uuid){ 0 };
	}
	return e == ERR_DECLINED ? scope_fail(sc, e, PAYMENT_REFUSED) : e;
}

enum err
payment_link_check(struct app *app, struct scope *sc,
    const struct uuid *booking, const char *t)
{
	if (!t || !keyring_check_link(app->ring, sc, "pay", booking,
	    PAY_LINK_VERSION, t))
		return scope_fail(sc, ERR_NOT_FOUND, "no such payment link");
	if (!app->stripe) {
		sc->retry_after_s = 60;
		return scope_fail(sc, ERR_PAYMENTS_UNAVAILABLE,
		    "no Stripe key is configured");
	}
	return ERR_OK;
}

enum err
payment_link(struct app *app, struct scope *sc, const struct uuid *booking,
    const char *t, const char **ret_url)
{
	struct payment_opened opened;
	struct uuid attempt;
	enum err e = payment_link_check(app, sc, booking, t);

	if (!e)
		e = payment_session(app, sc, booking, &attempt, &opened);
	if (e)
		return e;

	*ret_url = opened.url;
	return ERR_OK;
}
