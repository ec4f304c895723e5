/* payments.c: a payment as its owner sees it. */
#include "app/payments.h"

#include "app/app.h"
#include "app/payment_forms.h"
#include "app/payment_row.h"
#include "base/arena.h"
#include "base/instant.h"
#include "base/scope.h"
#include "domain/access.h"

static void
show(struct scope *sc, const struct payment_row *row,
    const struct refund_row *refunds, size_t count, struct payment *p)
{
	struct refund *list = arena_new_array(sc->arena, struct refund, count);

	for (size_t i = 0; i < count; i++)
		list[i] = (struct refund){ refunds[i].id,
			refunds[i].payment_id, refunds[i].amount,
			refunds[i].currency, refunds[i].status,
			refunds[i].reason, refunds[i].failure,
			refunds[i].created_us, refunds[i].processed_us };
	*p = (struct payment){
		.payment_id = row->id,
		.booking_id = row->booking_id,
		.status = row->status,
		.amount = row->amount,
		.refunded_amount = row->refunded,
		.currency = row->currency,
		.payment_method = row->method,
		.failure_code = row->failure,
		.refunds = { list, count },
		.created_us = row->created_us,
		.processed_us = row->processed_us,
	};
}

enum err
payment_get(struct app *app, struct scope *sc, const struct caller *caller,
    const struct uuid *id, struct payment **ret_payment)
{
	struct payment *payment = arena_new(sc->arena, struct payment);
	struct refund_row *refunds = NULL;
	struct payment_row row;
	struct booking_row booking;
	size_t count = 0;
	enum attempt_state state;
	enum err e;

	e = caller_needs_customer(sc, caller);
	if (!e)
		e = payment_find(app, sc, id, NULL, NULL, &row);
	if (!e)
		e = booking_row_load(app, sc, caller, &row.booking_id, NULL,
		    &booking);
	if (!e)
		e = refund_rows(app, sc, &row.id, &refunds, &count);
	if (e)
		return e == ERR_NOT_FOUND ? scope_fail(sc, e,
		    "no such payment of the caller's") : e;

	show(sc, &row, refunds, count, payment);
	if (attempt_parse(row.status, &state) && state < ATTEMPT_ACTION &&
	    !booking_row_lapsed(&booking))
		payment->payment_url = row.url ? row.url :
		    booking_pay_url(app, sc, &booking.id);
	*ret_payment = payment;
	return ERR_OK;
}
