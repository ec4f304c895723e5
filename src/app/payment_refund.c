/* payment_refund.c: money of a payment given back by staff. */
#include "app/payments.h"

#include <string.h>

#include "app/app.h"
#include "app/bookings.h"
#include "app/payment_forms.h"
#include "app/payment_row.h"
#include "base/arena.h"
#include "base/instant.h"
#include "base/scope.h"
#include "domain/access.h"
#include "domain/currency.h"

struct refunding {
	/* It reads any booking of its franchise, as ourselves. */
	struct caller reader;
	struct replay *replay;
	const struct uuid *payment;
	int64_t amount;
	/* The same however often it is tried, so that a lost answer is found. */
	struct uuid id;
};

static enum err
within_bounds(struct scope *sc, const struct payment_row *p, int64_t amount)
{
	const struct currency *currency = currency_find(p->currency);
	int64_t left = p->amount - p->refunded;

	if (amount > left)
		scope_fault(sc, "/amount", "maximum", "must be at most what "
		    "is left of the payment: %lld.%02lld",
		    (long long)(left / 100), (long long)(left % 100));
	else if (amount < 1)
		scope_fault(sc, "/amount", "minimum", "must be above nothing");
	else if (currency && amount % currency->step != 0)
		scope_fault(sc, "/amount", "format",
		    "must be an amount that exists in %s", p->currency);
	return scope_faults(sc);
}

static enum err
write_refund(struct app *app, struct scope *sc, const struct refunding *r,
    const struct payment_row *p, const struct booking_row *row, int64_t amount,
    struct refund **ret_refund)
{
	struct refund *refund = arena_new(sc->arena, struct refund);
	struct decision d;
	enum err e;

	*refund = (struct refund){ r->id, p->id, amount, p->currency,
		"queued", "staff", NULL, row->as_of_us, NONE };
	decision_begin(&d, sc, row);
	decision_refund_new(&d, &r->id, &p->id, amount, "staff");
	if (r->replay)
		decision_answer(&d, &r->reader, r->replay, replay_text(sc,
		    r->replay, refund));
	e = decision_commit(&d, app, sc);
	if (e)
		return e;

	*ret_refund = refund;
	return ERR_OK;
}

static enum err
try_refund(struct app *app, struct scope *sc, const struct refunding *r,
    struct refund **ret_refund)
{
	struct payment_row p;
	struct booking_row row;
	struct refund_row made;
	int64_t amount = r->amount;
	enum err e;

	e = payment_find(app, sc, r->payment, NULL, NULL, &p);
	if (!e)
		e = booking_row_load(app, sc, &r->reader, &p.booking_id,
		    r->replay, &row);
	/* Read again after the booking: what went back of it since then raised
	 * the booking's version, and is refused as stale. */
	if (!e)
		e = payment_find(app, sc, r->payment, NULL, NULL, &p);
	if (!e)
		e = replay_find(app, sc, &row.stored, r->replay);
	if (e || (r->replay && r->replay->stored))
		return e;
	e = refund_find(app, sc, &r->id, NULL, &made);
	if (!e) {
		*ret_refund = arena_new(sc->arena, struct refund);
		**ret_refund = refund_view(&made);
		return ERR_OK;
	}
	if (e != ERR_NOT_FOUND)
		return e;

	if (strcmp(p.status, "succeeded") != 0)
		return scope_fail(sc, ERR_STATE, "the payment is %s: nothing "
		    "of it can go back", p.status);
	if (amount == NONE && p.refunded == p.amount)
		return scope_fail(sc, ERR_STATE, "all of the payment went back "
		    "already");
	if (amount == NONE)
		amount = p.amount - p.refunded;
	e = within_bounds(sc, &p, amount);
	if (e)
		return e;
	return write_refund(app, sc, r, &p, &row, amount, ret_refund);
}

enum err
payment_refund(struct app *app, struct scope *sc, const struct caller *caller,
    const struct uuid *payment, int64_t amount, struct replay *replay,
    struct refund **ret_refund)
{
	struct refunding r = { .reader = *caller, .replay = replay,
		.payment = payment, .amount = amount };
	bool uncertain = false;
	enum err e = ERR_STALE;

	/* The query narrows to franchise and customer, where one is named. */
	r.reader.kind = CALLER_SYSTEM;
	uuid_new(&r.id);
	for (int i = 0; i < WRITE_TRIES; i++) {
		e = try_refund(app, sc, &r, ret_refund);
		if (e == ERR_UNCERTAIN)
			uncertain = true;
		else if (e != ERR_STALE && e != ERR_RETRY)
			break;
	}
	if (e && uncertain)
		return scope_fail(sc, ERR_UNCERTAIN, "the answer to a refund "
		    "was lost and could not be looked up");
	return e == ERR_NOT_FOUND ? scope_fail(sc, e,
	    "no such payment of the caller's") : e;
}
