/* handle_visits.c: QR codes, check-in, check-out, the roster. */
#include "app/visits.h"

#include "app/tickets.h"
#include "app/visit_forms.h"
#include "base/buf.h"
#include "base/compiler.h"
#include "base/form.h"
#include "base/scope.h"
#include "http/answer.h"
#include "http/call.h"
#include "http/handle.h"
#include "http/idempotency.h"
#include "http/negotiate.h"
#include "http/request.h"
#include "http/response.h"

/* The table lists the types in the order of `pictures`, JSON behind them. */
enum err
on_booking_qr(struct call *call)
{
	static const enum ticket_picture pictures[] = { TICKET_PNG,
		TICKET_SVG };
	size_t type = negotiate_type(call);
	struct ticket_view ticket;
	const void *data = NULL;
	size_t len = 0;
	enum err e;

	e = ticket_get(call->app, call->sc, &call->caller, &call->ids[0],
	    &ticket);
	if (e)
		return e;
	if (type >= ARRAY_LEN(pictures))
		return answer_form(call->sc, call->res, 200, &form_ticket,
		    &ticket);

	e = ticket_draw(call->sc, ticket.url, pictures[type], &data, &len);
	if (e)
		return e;
	return answer_bytes(call->sc, call->res, 200, call->route->types[type],
	    data, len);
}

static void
render_checkin(struct scope *sc, const void *object, struct buf *out)
{
	const struct visit *visit = object;

	(void)sc;
	idempotency_store(out, visit->already ? 200 : 201, "", "",
	    &form_checkin, visit);
}

static void
render_checkout(struct scope *sc, const void *object, struct buf *out)
{
	(void)sc;
	idempotency_store(out, 200, "", "", &form_checkout, object);
}

enum err
on_checkin(struct call *call)
{
	struct checkin_request req;
	struct visit *visit = NULL;
	enum err e;

	e = form_read_json(call->sc, call->route->body, call->req->body,
	    call->req->body_len, &req);
	if (e)
		return e;

	call->replay.render = render_checkin;
	e = visit_check_in(call->app, call->sc, &call->caller, &req,
	    call->replay.key ? &call->replay : NULL, &visit);
	if (e)
		return e;

	return idempotency_reply(call, visit);
}

enum err
on_checkout(struct call *call)
{
	struct checkout_request req;
	struct visit *visit = NULL;
	enum err e;

	e = form_read_json(call->sc, call->route->body, call->req->body,
	    call->req->body_len, &req);
	if (e)
		return e;

	call->replay.render = render_checkout;
	e = visit_check_out(call->app, call->sc, &call->caller, &call->ids[0],
	    &req, call->replay.key ? &call->replay : NULL, &visit);
	if (e)
		return e;

	return idempotency_reply(call, visit);
}

enum err
on_roster(struct call *call)
{
	struct roster_query query;
	struct roster roster = { 0 };
	enum err e;

	e = form_read_query(call->sc, call->route->query, call->req->query,
	    &query);
	if (e)
		return e;

	e = visit_roster(call->app, call->sc, &call->caller, &call->ids[0],
	    &query, &roster);
	if (e)
		return e;

	return answer_form(call->sc, call->res, 200, &form_roster, &roster);
}
