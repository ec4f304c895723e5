/* payment_make.c: pay a booking, at once or by a Checkout page. */
#include "app/payments.h"

#include <string.h>

#include "app/app.h"
#include "app/bookings.h"
#include "app/payment_ask.h"
#include "app/payment_forms.h"
#include "app/payment_open.h"
#include "app/payment_row.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/instant.h"
#include "base/scope.h"
#include "domain/access.h"

/* What is stored under a key until the answer is final: "attempt UUID". */
#define POINTER "attempt "
/* A request is done with its attempt by then; due work goes on. */
#define WORK_AFTER_US (30 * USEC_PER_SEC)
#define METHOD_CHARACTERS "abcdefghijklmnopqrstuvwxyz" \
	"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"

struct making {
	const struct caller *caller;
	struct replay *replay;
	const struct uuid *booking;
	const char *method;
	/* The same however often it is tried, so that a lost answer is found. */
	struct uuid attempt;
	bool pointed; /* it is an earlier request's */
};

static enum err
check_method(struct scope *sc, const char *method)
{
	if (!method || (strncmp(method, "pm_", 3) == 0 &&
	    method[strspn(method, METHOD_CHARACTERS)] == '\0'))
		return ERR_OK;
	scope_fault(sc, "/payment_method", "format",
	    "must be the id of a payment method of Stripe's: pm_...");
	return scope_fail(sc, ERR_INVALID, "no id of a payment method");
}

/* The booking, and what is stored under the key: replay->stored is an answer,
 * or m->pointed is set. */
static enum err
load(struct app *app, struct scope *sc, struct making *m,
    struct booking_row *row)
{
	enum err e;

	e = booking_row_load(app, sc, m->caller, m->booking, m->replay, row);
	if (!e)
		e = replay_find(app, sc, &row->stored, m->replay);
	if (e || !m->replay || !m->replay->stored ||
	    strncmp(m->replay->stored, POINTER, strlen(POINTER)) != 0)
		return e;
	if (!uuid_parse(m->replay->stored + strlen(POINTER), &m->attempt))
		return scope_fail(sc, ERR_CORRUPT, "no attempt under the key");
	m->replay->stored = NULL;
	m->pointed = true;
	return ERR_OK;
}

/* ---- by a Checkout page ---------------------------------------------------------- */

static enum err
try_checkout(struct app *app, struct scope *sc, struct making *m,
    struct payment **ret_payment)
{
	struct payment_opened opened;
	struct amount_due due;
	struct payment_row p;
	struct booking_row row;
	enum err e;

	e = load(app, sc, m, &row);
	if (e || (m->replay && m->replay->stored))
		return e;
	e = payment_session(app, sc, m->booking, &m->attempt, &opened);
	if (e == ERR_PAYMENTS_UNAVAILABLE && !uuid_is_none(&m->attempt))
		e = ERR_OK; /* our own link stands, due work goes on */
	if (!e)
		e = payment_find(app, sc, &m->attempt, NULL, NULL, &p);
	if (!e)
		e = booking_row_load(app, sc, m->caller, m->booking, NULL,
		    &row);
	if (!e)
		e = payment_wanted(sc, &row, &due);
	if (!e)
		e = payment_view(app, sc, &p, &row, ret_payment);
	if (e || !m->replay)
		return e;
	return replay_remember(app, sc, m->caller, m->replay, &row,
	    replay_text(sc, m->replay, *ret_payment));
}

/* ---- at once --------------------------------------------------------------------- */

static enum err
write_attempt(struct app *app, struct scope *sc, const struct making *m,
    const struct booking_row *row, const struct amount_due *due)
{
	char id[UUID_TEXT_MAX];
	struct decision d;

	decision_begin(&d, sc, row);
	/* While a change is paid the booking is what it was. */
	if (uuid_is_none(&due->change))
		decision_status(&d, NULL, "processing");
	decision_attempt(&d, &m->attempt, due, row->currency, m->method);
	news_payment(&d.news, sc, "read", &m->attempt,
	    row->as_of_us + WORK_AFTER_US);
	decision_answer(&d, m->caller, m->replay, arena_printf(sc->arena,
	    POINTER "%s", uuid_format(&m->attempt, id)));
	return decision_commit(&d, app, sc);
}

/* The row, before Stripe hears of it. */
static enum err
try_begin(struct app *app, struct scope *sc, struct making *m)
{
	const struct payment_row *unfinished;
	struct payment_row *rows = NULL;
	struct amount_due due;
	struct booking_row row;
	size_t count = 0;
	enum err e;

	e = load(app, sc, m, &row);
	if (e || m->pointed || (m->replay && m->replay->stored))
		return e;
	e = payment_rows(app, sc, m->booking, &rows, &count);
	for (size_t i = 0; !e && i < count; i++) {
		if (uuid_equal(&rows[i].id, &m->attempt))
			return ERR_OK;
	}
	if (!e)
		e = payment_wanted(sc, &row, &due);
	if (e)
		return e;
	unfinished = payment_unfinished(rows, count);
	if (unfinished)
		return payment_ask_clear(app, sc, unfinished);
	return write_attempt(app, sc, m, &row, &due);
}

/* How it stands, after asking Stripe where that can be of use. */
static enum err
look(struct app *app, struct scope *sc, const struct making *m,
    struct payment_row *p, struct booking_row *row, struct payment_told *told)
{
	enum asked asked = ASKED_KNOWN;
	enum attempt_state state;
	enum err e;

	*told = (struct payment_told){ .action = NULL };
	e = payment_find(app, sc, &m->attempt, NULL, NULL, p);
	if (!e)
		e = booking_row_load(app, sc, m->caller, m->booking, NULL,
		    row);
	if (e)
		return e;
	if (!attempt_parse(p->status, &state) || state >= ATTEMPT_SUCCEEDED ||
	    !payment_is_wanted(p, row))
		return ERR_OK;
	/* Whatever comes of asking, the rows say how it stands. */
	if (!p->intent)
		asked = payment_ask_send(app, sc, p, row, 0, told);
	else if (state == ATTEMPT_ACTION)
		asked = payment_ask_read(app, sc, p, told);
	(void)asked;

	e = payment_find(app, sc, &m->attempt, NULL, NULL, p);
	return e ? e : booking_row_load(app, sc, m->caller, m->booking, NULL,
	    row);
}

/* It failed: what the customer is told. */
static enum err
failed(struct scope *sc, const struct payment_row *p, struct refusal *refusal)
{
	const char *code = p->failure ? p->failure : "card_declined";

	if (strcmp(code, FAILURE_METHOD) == 0) {
		scope_fault(sc, "/payment_method", "refused",
		    "is not a payment method that Stripe takes for this");
		return scope_fail(sc, ERR_INVALID, "Stripe refuses the "
		    "payment method");
	}
	refusal->decline_code = stripe_decline_public(code);
	if (strcmp(code, FAILURE_LOST) == 0)
		return scope_fail(sc, ERR_DECLINED, "The payment did not get "
		    "through, and nothing was charged. Please try again.");
	if (strncmp(code, FAILURE_REFUSED, strlen(FAILURE_REFUSED)) == 0)
		return scope_fail(sc, ERR_DECLINED, PAYMENT_REFUSED);
	return scope_fail(sc, ERR_DECLINED, "%s",
	    stripe_decline_sentence(code, NULL));
}

static enum err
tell(struct app *app, struct scope *sc, const struct making *m,
    struct payment **ret_payment, struct refusal *ret_refusal)
{
	struct next_action *next;
	struct payment_told told;
	struct payment_row p;
	struct booking_row row;
	const char *text;
	enum err e;

	e = look(app, sc, m, &p, &row, &told);
	if (!e)
		e = payment_view(app, sc, &p, &row, ret_payment);
	if (e)
		return scope_fail(sc, ERR_UNCERTAIN, "a payment stands, but "
		    "cannot be read");
	if (strcmp(p.status, "failed") == 0)
		return failed(sc, &p, ret_refusal);
	if (told.action && strcmp(p.status, "requires_action") == 0) {
		next = arena_new(sc->arena, struct next_action);
		*next = (struct next_action){ told.action->type,
			told.action->redirect ? told.action->redirect->url :
			    NULL, told.client_secret };
		(*ret_payment)->next_action = next;
	}
	if (!m->replay)
		return ERR_OK;
	text = replay_text(sc, m->replay, *ret_payment);
	/* From now on the answer is this one; if that cannot be written, the
	 * attempt is told again, as it then stands. */
	if (strcmp(p.status, "succeeded") == 0 &&
	    replay_restate(app, sc, m->caller, m->replay, &row, text))
		sc->why[0] = '\0';
	if (m->pointed)
		m->replay->stored = text;
	return ERR_OK;
}

enum err
payment_make(struct app *app, struct scope *sc, const struct caller *caller,
    const struct uuid *booking, const char *method, struct replay *replay,
    struct payment **ret_payment, struct refusal *ret_refusal)
{
	struct making m = { .caller = caller, .replay = replay,
		.booking = booking, .method = method };
	bool uncertain = false;
	enum err e;

	e = caller_needs_customer(sc, caller);
	if (!e)
		e = check_method(sc, method);
	if (e)
		return e;
	if (!app->stripe)
		return scope_fail(sc, ERR_PAYMENTS_UNAVAILABLE,
		    "no Stripe key is configured");

	uuid_new(&m.attempt);
	for (int i = 0; i < WRITE_TRIES; i++) {
		e = method ? try_begin(app, sc, &m) :
		    try_checkout(app, sc, &m, ret_payment);
		if (e == ERR_UNCERTAIN)
			uncertain = true;
		else if (e != ERR_STALE && e != ERR_RETRY)
			break;
	}
	if (e && uncertain)
		return scope_fail(sc, ERR_UNCERTAIN, "the answer to a payment "
		    "was lost and could not be looked up");
	if (e || !method || (replay && replay->stored))
		return e;
	return tell(app, sc, &m, ret_payment, ret_refusal);
}
