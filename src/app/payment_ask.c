/* payment_ask.c: what Stripe says about one attempt, put into effect. */
#include "app/payment_ask.h"

#include <string.h>

#include "app/app.h"
#include "app/payment_row.h"
#include "app/payment_settle.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/instant.h"
#include "base/scope.h"

#define FAILURE_MAX 100 /* payments.payments.failure_code */
/* No answer comes later than this after the question. */
#define SURE_US (2 * USEC_PER_MIN)
#define SEARCH_BEFORE_US USEC_PER_MIN /* clocks differ */
#define SEARCH_PAGES_MAX 40 /* 4,000 charges since then: an operator must look */

enum asked
payment_ask_kind(enum stripe_kind kind)
{
	return kind == STRIPE_LATER || kind == STRIPE_UNKNOWN ||
	    kind == STRIPE_DENIED ? ASKED_LATER : ASKED_WRONG;
}

static enum asked
settle(struct app *app, struct scope *sc, const struct payment_row *p,
    const struct payment_outcome *outcome)
{
	switch (payment_settle(app, sc, &p->id, outcome, NULL)) {
	case ERR_OK:
		return outcome->to == ATTEMPT_PROCESSING ||
		    outcome->to == ATTEMPT_ACTION ? ASKED_WAIT : ASKED_KNOWN;
	case ERR_CONFLICT:
	case ERR_CORRUPT:
	case ERR_INTERNAL:
		return ASKED_WRONG;
	case ERR_KEY_ABSENT:
		return ASKED_STOPPED;
	default:
		return ASKED_LATER;
	}
}

static enum asked
settle_as(struct app *app, struct scope *sc, const struct payment_row *p,
    enum attempt_state to, const char *intent, const char *failure)
{
	struct payment_outcome outcome = { .to = to, .intent = intent,
		.amount = NONE };

	if (failure)
		outcome.failure = arena_strndup(sc->arena, failure,
		    strnlen(failure, FAILURE_MAX));
	return settle(app, sc, p, &outcome);
}

/* ---- direct payments ----------------------------------------------------------- */

static const char *
failure_of(const struct stripe_decline *error)
{
	if (!error)
		return NULL;
	return error->decline_code ? error->decline_code : error->code;
}

static enum asked
take_intent(struct app *app, struct scope *sc, const struct payment_row *p,
    const struct stripe_intent *i, struct payment_told *told)
{
	struct payment_outcome paid = { ATTEMPT_SUCCEEDED, i->id, i->received,
		i->currency ? i->currency->code : NULL, NULL };

	switch (i->status) {
	case STRIPE_INTENT_SUCCEEDED:
		return settle(app, sc, p, &paid);
	case STRIPE_INTENT_REQUIRES_ACTION:
		told->action = i->next_action;
		told->client_secret = i->client_secret;
		return settle_as(app, sc, p, ATTEMPT_ACTION, i->id, NULL);
	case STRIPE_INTENT_REQUIRES_PAYMENT_METHOD:
		return settle_as(app, sc, p, ATTEMPT_FAILED, i->id,
		    failure_of(i->last_error));
	case STRIPE_INTENT_CANCELED:
		return settle_as(app, sc, p, ATTEMPT_EXPIRED, i->id, NULL);
	default:
		return settle_as(app, sc, p, ATTEMPT_PROCESSING, i->id, NULL);
	}
}

/* Refused for good.  All but the method is ours and always the same: unless
 * Stripe names another parameter, or the account, the method is what it does
 * not take. */
static const char *
refused_word(struct scope *sc, const struct stripe_call *call)
{
	static const char *const accounts[] = { "account_invalid",
		"account_closed", "capability_not_active",
		"country_unsupported", "livemode_mismatch",
		"platform_account_required", "testmode_charges_only" };
	bool account = false;

	for (size_t i = 0; call->code && i < ARRAY_LEN(accounts); i++)
		account = account || strcmp(call->code, accounts[i]) == 0;
	if (!account && (!call->param ||
	    strcmp(call->param, "payment_method") == 0))
		return FAILURE_METHOD;
	return arena_printf(sc->arena, FAILURE_REFUSED "%s",
	    call->code ? call->code : "unnamed");
}

static enum asked
not_sent(struct app *app, struct scope *sc, const struct payment_row *p,
    enum stripe_kind kind, const struct stripe_call *call,
    struct payment_told *told)
{
	enum asked asked;

	switch (kind) {
	case STRIPE_DECLINED:
		return settle_as(app, sc, p, ATTEMPT_FAILED,
		    call->intent ? call->intent->id : NULL,
		    call->decline_code ? call->decline_code : call->code);
	case STRIPE_MISSING:
	case STRIPE_REFUSED:
		return settle_as(app, sc, p, ATTEMPT_FAILED, NULL,
		    refused_word(sc, call));
	case STRIPE_LATER:
	case STRIPE_DENIED:
		return ASKED_LATER; /* surely not done */
	default:
		break;
	}
	/* Nobody knows: it is under way until somebody does. */
	told->pointless = kind != STRIPE_UNKNOWN || call->final ||
	    call->replayed;
	asked = settle_as(app, sc, p, ATTEMPT_PROCESSING, NULL, NULL);
	return asked == ASKED_WRONG || asked == ASKED_STOPPED ? asked :
	    ASKED_LATER;
}

enum asked
payment_ask_send(struct app *app, struct scope *sc,
    const struct payment_row *p, const struct booking_row *row,
    unsigned retries, struct payment_told *ret_told)
{
	char id[UUID_TEXT_MAX];
	char booking[UUID_TEXT_MAX];
	struct stripe_call call = { .key = arena_printf(sc->arena,
	    "pay:%s:intent", uuid_format(&p->id, id)),
		.account = p->account, .retries = retries };
	struct stripe_intent_new wanted = {
		.currency = currency_find(p->currency),
		.amount = p->amount,
		.payment_method = p->method,
		.return_url = arena_printf(sc->arena, "%s/paid/%s",
		    app->conf->public_url, uuid_format(&row->id, booking)),
		.description = arena_printf(sc->arena, "Booking %s",
		    row->code),
		.tags = { .booking_id = row->id, .payment_id = p->id,
		    .franchise_id = row->franchise_id },
	};
	struct stripe_intent intent;
	enum stripe_kind kind;

	*ret_told = (struct payment_told){ .action = NULL };
	kind = stripe_intent_create(app->stripe, sc, &call, &wanted, &intent);
	if (kind == STRIPE_DONE)
		return take_intent(app, sc, p, &intent, ret_told);
	return not_sent(app, sc, p, kind, &call, ret_told);
}

enum asked
payment_ask_search(struct app *app, struct scope *sc,
    const struct payment_row *p, int64_t now_us)
{
	struct stripe_pages pages = { .object = STRIPE_CHARGE,
		.from_us = p->created_us - SEARCH_BEFORE_US };
	struct stripe_call call = { .account = p->account };

	for (int page = 0; !pages.over; page++) {
		const struct stripe_charge *charges;
		struct list items;
		enum stripe_kind kind;

		if (page == SEARCH_PAGES_MAX)
			return ASKED_WRONG; /* the webhook has to tell */
		kind = stripe_pages_next(app->stripe, sc, &call, &pages,
		    &items);
		if (kind != STRIPE_DONE)
			return payment_ask_kind(kind);
		charges = items.items;
		for (size_t i = 0; i < items.count; i++) {
			struct payment_row found = *p;
			struct payment_told told;

			if (!charges[i].payment_intent ||
			    !uuid_equal(&charges[i].tags.payment_id, &p->id))
				continue;
			found.intent = charges[i].payment_intent;
			return payment_ask_read(app, sc, &found, &told);
		}
	}
	/* Since when it is given up, or not known what became of it: a queued
	 * one, as it was read, was asked for a moment ago at the earliest. */
	if (strcmp(p->status, "queued") == 0 ||
	    now_us < p->updated_us + SURE_US)
		return ASKED_WAIT;
	return settle_as(app, sc, p, ATTEMPT_FAILED, NULL, FAILURE_LOST);
}

/* ---- either kind --------------------------------------------------------------- */

/* A debit that bounced leaves its session complete and unpaid for ever: only the
 * intent tells it from one that is on its way. */
static enum asked
read_unpaid(struct app *app, struct scope *sc, const struct payment_row *p,
    const char *id)
{
	struct stripe_call call = { .account = p->account };
	struct stripe_intent intent;
	struct payment_told told;
	enum stripe_kind kind;

	kind = stripe_intent_read(app->stripe, sc, &call, id, &intent);
	if (kind != STRIPE_DONE)
		return payment_ask_kind(kind);
	return take_intent(app, sc, p, &intent, &told);
}

static enum asked
read_session(struct app *app, struct scope *sc, const struct payment_row *p)
{
	struct stripe_call call = { .account = p->account };
	struct payment_outcome outcome = { .to = ATTEMPT_EXPIRED,
		.amount = NONE };
	struct stripe_session s;
	enum stripe_kind kind;

	kind = stripe_session_read(app->stripe, sc, &call, p->session, &s);
	if (kind != STRIPE_DONE)
		return payment_ask_kind(kind);
	if (s.status == STRIPE_SESSION_OPEN)
		return ASKED_WAIT;
	if (s.status == STRIPE_SESSION_COMPLETE && s.paid != STRIPE_PAID_YES &&
	    s.payment_intent)
		return read_unpaid(app, sc, p, s.payment_intent);
	if (s.status == STRIPE_SESSION_COMPLETE) {
		outcome.to = s.paid == STRIPE_PAID_YES ? ATTEMPT_SUCCEEDED :
		    ATTEMPT_PROCESSING;
		outcome.intent = s.payment_intent;
		outcome.amount = s.amount;
		outcome.currency = s.currency ? s.currency->code : NULL;
	}
	return settle(app, sc, p, &outcome);
}

enum asked
payment_ask_read(struct app *app, struct scope *sc,
    const struct payment_row *p, struct payment_told *ret_told)
{
	struct stripe_call call = { .account = p->account };
	struct stripe_intent intent;
	enum stripe_kind kind;

	*ret_told = (struct payment_told){ .action = NULL };
	if (!payment_is_direct(p))
		return read_session(app, sc, p);
	kind = stripe_intent_read(app->stripe, sc, &call, p->intent, &intent);
	if (kind != STRIPE_DONE)
		return payment_ask_kind(kind);
	return take_intent(app, sc, p, &intent, ret_told);
}

enum asked
payment_ask_end(struct app *app, struct scope *sc, const struct payment_row *p)
{
	bool direct = payment_is_direct(p);
	struct stripe_call call = { .account = p->account };
	struct stripe_session session;
	struct stripe_intent intent;
	struct payment_told told;
	enum stripe_kind kind = STRIPE_DONE;

	if (direct && p->intent)
		kind = stripe_intent_cancel(app->stripe, sc, &call, p->intent,
		    &intent);
	else if (!direct && p->session)
		kind = stripe_session_expire(app->stripe, sc, &call,
		    p->session, &session);

	switch (kind) {
	case STRIPE_DONE:
	case STRIPE_MISSING:
		return settle_as(app, sc, p, ATTEMPT_SUPERSEDED, NULL, NULL);
	case STRIPE_REFUSED:
	case STRIPE_STATE:
		/* No longer open: then it may have been paid. */
		return payment_ask_read(app, sc, p, &told);
	default:
		return payment_ask_kind(kind);
	}
}

enum err
payment_ask_clear(struct app *app, struct scope *sc,
    const struct payment_row *p)
{
	bool under_way = strcmp(p->status, "processing") == 0 ||
	    (payment_is_direct(p) && !p->intent);
	enum asked asked = ASKED_WAIT;

	if (!under_way)
		asked = payment_ask_end(app, sc, p);
	switch (asked) {
	case ASKED_KNOWN:
		return ERR_STALE;
	case ASKED_WAIT:
		return scope_fail(sc, ERR_STATE, "a payment of this booking "
		    "is under way");
	default:
		return scope_fail(sc, ERR_PAYMENTS_UNAVAILABLE, "the payment "
		    "before this one cannot be ended now");
	}
}
