/* handle_payments.c: the payment link, payments, Stripe's webhooks. */
#include "app/payments.h"

#include <string.h>

#include "app/forms.h"
#include "app/payment_forms.h"
#include "base/form.h"
#include "base/scope.h"
#include "http/answer.h"
#include "http/call.h"
#include "http/handle.h"
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
