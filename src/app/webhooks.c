/* webhooks.c: what Stripe tells us, stored once, put into effect. */
#include "app/payments.h"

#include <stdlib.h>
#include <string.h>

#include "app/app.h"
#include "app/payment_row.h"
#include "app/payment_settle.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/instant.h"
#include "base/scope.h"
#include "domain/access.h"
#include "remote/stripe.h"
#include "store/cache.h"
#include "store/db.h"
#include "store/hint.h"

/* STRIPE_WEBHOOK_SECRETS: one, or the old and the new with a comma between. */
static size_t
secrets_of(struct scope *sc, const char *text, const char **out)
{
	char *copy = arena_strdup(sc->arena, text);
	size_t count = 0;

	while (*copy && count < STRIPE_SECRETS_MAX) {
		size_t len = strcspn(copy, ",");
		bool last = copy[len] == '\0';
		char *secret = copy + strspn(copy, " ");

		copy[len] = '\0';
		secret[strcspn(secret, " ")] = '\0';
		if (*secret)
			out[count++] = secret;
		copy += len + (last ? 0 : 1);
	}
	return count;
}

static enum err
keep(struct app *app, struct scope *sc, const struct stripe_word *word)
{
	struct args args;

	args_init(&args, sc->arena);
	args_text(&args, word->event);
	args_text(&args, word->type);
	args_text(&args, word->object ? word->object : "");
	return db_do(app->db, sc, STMT_PAYMENT_KEEP_EVENT, &args, NULL);
}

/* The attempt an object speaks of; ERR_NOT_FOUND when it is none of ours. */
static enum err
find(struct app *app, struct scope *sc, const struct stripe_tags *tags,
    const char *session, const char *intent, struct payment_row *row)
{
	return payment_find(app, sc, tags ? &tags->payment_id : NULL, session,
	    intent, row);
}

/* Whoever has an account connected to ours can give his own payments any tags:
 * only what is told of the account that it is on is told of a payment. */
static bool
is_of(const struct stripe_event *event, const struct payment_row *row)
{
	if (!event->account || !row->account)
		return event->account == row->account;
	return strcmp(event->account, row->account) == 0;
}

static const char *
code_of(const struct currency *currency)
{
	return currency ? currency->code : NULL;
}

static enum err
on_session(struct app *app, struct scope *sc, const struct stripe_event *event,
    const struct stripe_word *word)
{
	const struct stripe_session *s = event->session;
	struct payment_outcome outcome = { .intent = s->payment_intent,
		.amount = s->amount, .currency = code_of(s->currency) };
	struct payment_row row;
	enum err e;

	e = find(app, sc, &s->tags, s->id, s->payment_intent, &row);
	if (e == ERR_NOT_FOUND || (!e && !is_of(event, &row)))
		return keep(app, sc, word);
	if (e)
		return e;

	switch (event->type) {
	case STRIPE_EVENT_SESSION_COMPLETED:
		outcome.to = s->paid == STRIPE_PAID_YES ? ATTEMPT_SUCCEEDED :
		    ATTEMPT_PROCESSING;
		break;
	case STRIPE_EVENT_SESSION_ASYNC_SUCCEEDED:
		outcome.to = ATTEMPT_SUCCEEDED;
		break;
	case STRIPE_EVENT_SESSION_ASYNC_FAILED:
		outcome.to = ATTEMPT_FAILED;
		break;
	default:
		outcome.to = ATTEMPT_EXPIRED;
	}
	/* A session whose answer was lost belongs to the attempt and is not the
	 * one that the customer has: its money counts, its end does not. */
	if ((outcome.to == ATTEMPT_EXPIRED || outcome.to == ATTEMPT_FAILED) &&
	    (!row.session || strcmp(row.session, s->id) != 0))
		return keep(app, sc, word);
	return payment_settle(app, sc, &row.id, &outcome, word);
}

static enum err
on_intent(struct app *app, struct scope *sc, const struct stripe_event *event,
    const struct stripe_word *word)
{
	const struct stripe_intent *i = event->intent;
	struct payment_outcome outcome = { .intent = i->id,
		.amount = i->received, .currency = code_of(i->currency) };
	struct payment_row row;
	enum err e;

	e = find(app, sc, &i->tags, NULL, i->id, &row);
	if (e && e != ERR_NOT_FOUND)
		return e;
	/* On a Checkout page a declined card is not the end: the customer
	 * tries another one there. */
	if (e || !is_of(event, &row) || (event->type == STRIPE_EVENT_INTENT_FAILED &&
	    strcmp(row.method, "checkout") == 0))
		return keep(app, sc, word);

	if (event->type == STRIPE_EVENT_INTENT_SUCCEEDED) {
		outcome.to = ATTEMPT_SUCCEEDED;
	} else if (event->type == STRIPE_EVENT_INTENT_FAILED) {
		outcome.to = ATTEMPT_FAILED;
		if (i->last_error)
			outcome.failure = i->last_error->decline_code ?
			    i->last_error->decline_code : i->last_error->code;
	} else {
		outcome.to = ATTEMPT_PROCESSING;
	}
	return payment_settle(app, sc, &row.id, &outcome, word);
}

/* Money of it went back at Stripe: what did, due work reads from there. */
static enum err
tell_refunded(struct app *app, struct scope *sc, const struct stripe_word *word,
    const struct payment_row *p)
{
	struct args args;
	enum err e = ERR_RETRY;

	args_init(&args, sc->arena);
	args_text(&args, word->event);
	args_text(&args, word->type);
	args_text(&args, word->object);
	args_uuid(&args, &p->id);
	/* Told again it has no other effect, also when an answer was lost. */
	for (int i = 0; i < WRITE_TRIES; i++) {
		e = db_do(app->db, sc, STMT_PAYMENT_TELL_REFUNDED, &args, NULL);
		if (e != ERR_RETRY && e != ERR_UNCERTAIN)
			break;
	}
	if (!e)
		cache_hint(app->cache, sc, HINT_PAYMENTS);
	return e;
}

static enum err
on_charge(struct app *app, struct scope *sc, const struct stripe_event *event,
    const struct stripe_word *word)
{
	const struct stripe_charge *c = event->charge;
	struct payment_row p;
	enum err e;

	e = find(app, sc, NULL, NULL, c->payment_intent, &p);
	/* It may come before anybody told which intent the attempt has. */
	if (e == ERR_NOT_FOUND) {
		e = find(app, sc, &c->tags, NULL, NULL, &p);
		if (!e && p.intent)
			e = ERR_NOT_FOUND;
	}
	if (e == ERR_NOT_FOUND || (!e && !is_of(event, &p)))
		return keep(app, sc, word);
	return e ? e : tell_refunded(app, sc, word, &p);
}

/* A refund that nobody asked for here; if it failed, nothing has happened. */
static enum err
on_other_refund(struct app *app, struct scope *sc,
    const struct stripe_event *event, const struct stripe_word *word)
{
	const struct stripe_refund *r = event->refund;
	struct payment_row p;
	enum err e;

	e = find(app, sc, NULL, NULL, r->payment_intent, &p);
	if (e && e != ERR_NOT_FOUND)
		return e;
	return e || r->status == STRIPE_REFUND_FAILED ||
	    r->status == STRIPE_REFUND_CANCELED || !is_of(event, &p) ?
	    keep(app, sc, word) : tell_refunded(app, sc, word, &p);
}

static enum err
on_refund(struct app *app, struct scope *sc, const struct stripe_event *event,
    const struct stripe_word *word)
{
	const struct stripe_refund *r = event->refund;
	const char *status = NULL;
	struct payment_row p;
	struct refund_row row;
	enum err e;

	e = refund_find(app, sc, &r->tags.refund_id, r->id, &row);
	if (e == ERR_NOT_FOUND || (!e && row.stripe_id &&
	    strcmp(row.stripe_id, r->id) != 0))
		return on_other_refund(app, sc, event, word);
	if (!e)
		e = payment_find(app, sc, &row.payment_id, NULL, NULL, &p);
	if (e && e != ERR_NOT_FOUND)
		return e;
	/* Metadata of ours can be given to a refund of any payment. */
	if (!e && r->payment_intent && p.intent &&
	    strcmp(r->payment_intent, p.intent) != 0)
		return on_other_refund(app, sc, event, word);
	if (r->status == STRIPE_REFUND_SUCCEEDED)
		status = "succeeded";
	else if (r->status == STRIPE_REFUND_FAILED ||
	    r->status == STRIPE_REFUND_CANCELED)
		status = "failed";
	else if (r->status == STRIPE_REFUND_PENDING)
		status = "pending";
	if (e || !status || !is_of(event, &p))
		return keep(app, sc, word);

	return refund_settle(app, sc, &row.id, status, r->id,
	    r->failure_reason, word);
}

static const char *
dispute_word(enum stripe_dispute_status status)
{
	switch (status) {
	case STRIPE_DISPUTE_INQUIRY:
		return "inquiry";
	case STRIPE_DISPUTE_WON:
		return "won";
	case STRIPE_DISPUTE_LOST:
		return "lost";
	case STRIPE_DISPUTE_CLOSED:
		return "closed";
	case STRIPE_DISPUTE_OPEN:
		break;
	}
	return "open";
}

/* Money taken back by the customer's bank, and given again: tell_dispute knows
 * which word counts.  One in another currency than was paid in has no place in
 * our books; reconcile shows it. */
static enum err
on_dispute(struct app *app, struct scope *sc, const struct stripe_event *event,
    const struct stripe_word *word)
{
	const struct stripe_dispute *d = event->dispute;
	const char *currency = code_of(d->currency);
	struct payment_row p;
	struct args args;
	enum err e;

	e = find(app, sc, NULL, NULL, d->payment_intent, &p);
	if (e == ERR_NOT_FOUND || (!e && (d->amount <= 0 || !currency ||
	    strcmp(currency, p.currency) != 0 || !is_of(event, &p))))
		return keep(app, sc, word);
	if (e)
		return e;

	args_init(&args, sc->arena);
	args_text(&args, word->event);
	args_text(&args, word->type);
	args_text(&args, word->object);
	args_uuid(&args, &p.id);
	args_i64(&args, d->amount);
	args_text(&args, dispute_word(d->status));
	args_instant(&args, event->created_us);
	/* Told again it has no other effect, also when an answer was lost. */
	for (int i = 0; i < WRITE_TRIES; i++) {
		e = db_do(app->db, sc, STMT_DISPUTE_TELL, &args, NULL);
		if (e != ERR_RETRY && e != ERR_UNCERTAIN)
			break;
	}
	return e;
}

static enum err
put_into_effect(struct app *app, struct scope *sc,
    const struct stripe_event *event)
{
	struct stripe_word word = { event->id, event->type_word, NULL };

	if (event->session) {
		word.object = event->session->id;
		return on_session(app, sc, event, &word);
	}
	if (event->intent) {
		word.object = event->intent->id;
		return on_intent(app, sc, event, &word);
	}
	if (event->refund) {
		word.object = event->refund->id;
		return on_refund(app, sc, event, &word);
	}
	if (event->dispute) {
		word.object = event->dispute->id;
		return on_dispute(app, sc, event, &word);
	}
	if (event->charge) {
		word.object = event->charge->id;
		return on_charge(app, sc, event, &word);
	}
	return keep(app, sc, &word);
}

enum err
webhook_receive(struct app *app, struct scope *sc, const char *header,
    const char *body, size_t len)
{
	const char *secrets[STRIPE_SECRETS_MAX];
	size_t count = secrets_of(sc, app->conf->stripe_webhook_secrets,
	    secrets);
	struct stripe_event event;
	enum err e;

	if (!app->stripe || count == 0)
		return scope_fail(sc, ERR_PAYMENTS_UNAVAILABLE,
		    "no webhook secret is configured");
	switch (stripe_signature_check(sc, header, body, len, secrets, count,
	    clock_wall_us())) {
	case STRIPE_SIGNATURE_GOOD:
		break;
	case STRIPE_SIGNATURE_MALFORMED:
		return scope_fail(sc, ERR_BAD_CREDENTIALS,
		    "Stripe-Signature is missing or malformed");
	case STRIPE_SIGNATURE_WRONG:
		return scope_fail(sc, ERR_BAD_CREDENTIALS,
		    "the webhook is not signed by Stripe");
	case STRIPE_SIGNATURE_STALE:
		return scope_fail(sc, ERR_BAD_CREDENTIALS,
		    "the webhook's signature is too old");
	}

	e = stripe_event_parse(sc, body, len, &event);
	if (e)
		return scope_fail(sc, ERR_MALFORMED, "the webhook is signed, "
		    "but not an event we can read");
	return put_into_effect(app, sc, &event);
}
