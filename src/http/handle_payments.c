/* handle_payments.c: the payment link, payments, Stripe's webhooks. */
#include "app/payments.h"

#include <string.h>

#include "app/forms.h"
#include "app/payment_forms.h"
#include "base/buf.h"
#include "base/form.h"
#include "base/scope.h"
#include "http/answer.h"
#include "http/call.h"
#include "http/handle.h"
#include "http/idempotency.h"
#include "http/request.h"
#include "http/response.h"

enum err
on_pay(struct call *call)
{
	struct pay_query query;
	const char *url = NULL;
	enum err e;

	e = form_read_query(call->sc, call->route->query, call->req->query,
	    &query);
	if (e)
		return e;

	/* Looking is not paying: HEAD opens no session. */
	if (strcmp(call->req->method, "HEAD") == 0)
		e = payment_link_check(call->app, call->sc, &call->ids[0],
		    query.t);
	else
		e = payment_link(call->app, call->sc, &call->ids[0], query.t,
		    &url);
	if (e)
		return e;

	call->res->status = 303;
	if (url)
		response_header(call->res, "Location", "%s", url);
	response_header(call->res, "Referrer-Policy", "no-referrer");
	return ERR_OK;
}

enum err
on_payment_get(struct call *call)
{
	struct payment *payment = NULL;
	enum err e;

	e = payment_get(call->app, call->sc, &call->caller, &call->ids[0],
	    &payment);
	if (e)
		return e;

	return answer_form(call->sc, call->res, 200, &form_payment, payment);
}

/* Queued and processing: it is not known yet how it ends. */
static void
render_payment(struct scope *sc, const void *object, struct buf *out)
{
	const struct payment *payment = object;
	bool later = strcmp(payment->status, "queued") == 0 ||
	    strcmp(payment->status, "processing") == 0;

	(void)sc;
	idempotency_store(out, later ? 202 : 200, "", "", &form_payment,
	    payment);
}

static void
render_refund(struct scope *sc, const void *object, struct buf *out)
{
	(void)sc;
	idempotency_store(out, 201, "", "", &form_refund, object);
}

static enum err
pay(struct call *call, const struct uuid *booking, const char *method)
{
	struct payment *payment = NULL;
	enum err e;

	call->replay.render = render_payment;
	e = payment_make(call->app, call->sc, &call->caller, booking, method,
	    call->replay.key ? &call->replay : NULL, &payment,
	    &call->refusal);
	if (e)
		return e;

	return idempotency_reply(call, payment);
}

enum err
on_booking_payment(struct call *call)
{
	struct payment_request req;
	enum err e;

	form_clear(call->route->body, &req);
	if (call->req->body_len > 0) {
		e = form_read_json(call->sc, call->route->body,
		    call->req->body, call->req->body_len, &req);
		if (e)
			return e;
	}
	return pay(call, &call->ids[0], req.payment_method);
}

enum err
on_payment_create(struct call *call)
{
	struct payment_request req;
	enum err e;

	e = form_read_json(call->sc, call->route->body, call->req->body,
	    call->req->body_len, &req);
	if (e)
		return e;
	return pay(call, &req.booking_id, req.payment_method);
}

enum err
on_payment_refund(struct call *call)
{
	struct refund_request req;
	struct refund *refund = NULL;
	enum err e;

	form_clear(call->route->body, &req);
	if (call->req->body_len > 0) {
		e = form_read_json(call->sc, call->route->body,
		    call->req->body, call->req->body_len, &req);
		if (e)
			return e;
	}
	call->replay.render = render_refund;
	e = payment_refund(call->app, call->sc, &call->caller, &call->ids[0],
	    req.amount, call->replay.key ? &call->replay : NULL, &refund);
	if (e)
		return e;

	return idempotency_reply(call, refund);
}

enum err
on_webhook(struct call *call)
{
	static const struct webhook_answer received = { true };
	enum err e;

	e = webhook_receive(call->app, call->sc, request_header(call->req,
	    "stripe-signature"), call->req->body, call->req->body_len);
	if (e)
		return e;

	return answer_form(call->sc, call->res, 200, &form_webhook_answer,
	    &received);
}
