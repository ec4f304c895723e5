/* handle_pay.c: the payment link, followed by the customer's browser. */
#include "app/bookings.h"
#include "app/forms.h"
#include "base/form.h"
#include "base/scope.h"
#include "http/call.h"
#include "http/handle.h"
#include "http/request.h"

enum err
on_pay(struct call *call)
{
	struct pay_query query;
	enum err e;

	e = form_read_query(call->sc, call->route->query, call->req->query,
	    &query);
	if (e)
		return e;

	return booking_pay_link(call->app, call->sc, &call->ids[0], query.t);
}
