/* payments.c: a payment as its owner sees it. */
#include "app/payments.h"

#include "app/app.h"
#include "app/payment_forms.h"
#include "app/payment_row.h"
#include "base/arena.h"
#include "base/instant.h"
#include "base/scope.h"
#include "remote/stripe.h"

struct refund
refund_view(const struct refund_row *row)
{
	return (struct refund){ row->id, row->payment_id, row->amount,
		row->currency, row->status, row->reason, row->failure,
		row->created_us, row->processed_us };
}

enum err
payment_view(struct app *app, struct scope *sc, const struct payment_row *row,
    const struct booking_row *booking, struct payment **ret_payment)
{
	struct payment *p = arena_new(sc->arena, struct payment);
	bool lapsed = booking_row_lapsed(booking);
	struct refund_row *rows = NULL;
	enum attempt_state state;
	struct refund *list;
	size_t count = 0;
	enum err e;

	e = refund_rows(app, sc, &row->id, &rows, &count);
	if (e)
		return e;
	list = arena_new_array(sc->arena, struct refund, count);
	for (size_t i = 0; i < count; i++)
		list[i] = refund_view(&rows[i]);
	*p = (struct payment){
		.payment_id = row->id,
		.booking_id = row->booking_id,
		.booking_status = lapsed ? "expired" : booking->status,
		.status = row->status,
		.amount = row->amount,
		.refunded_amount = row->refunded,
		.currency = row->currency,
		.payment_method = row->method,
		.failure_code = stripe_decline_public(row->failure),
		.refunds = { list, count },
		.created_us = row->created_us,
		.processed_us = row->processed_us,
	};
	if (attempt_parse(row->status, &state) && state < ATTEMPT_ACTION &&
	    !payment_is_direct(row) && payment_is_wanted(row, booking))
		p->payment_url = row->url ? row->url :
		    booking_pay_url(app, sc, &booking->id);
	*ret_payment = p;
	return ERR_OK;
}

enum err
payment_get(struct app *app, struct scope *sc, const struct caller *caller,
    const struct uuid *id, struct payment **ret_payment)
{
	struct payment_row row;
	struct booking_row booking;
	enum err e;

	e = caller_needs_customer(sc, caller);
	if (!e)
		e = payment_find(app, sc, id, NULL, NULL, &row);
	if (!e)
		e = booking_row_load(app, sc, caller, &row.booking_id, NULL,
		    &booking);
	if (!e)
		e = payment_view(app, sc, &row, &booking, ret_payment);
	return e == ERR_NOT_FOUND ? scope_fail(sc, e,
	    "no such payment of the caller's") : e;
}
