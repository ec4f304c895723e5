/* handle_bookings.c: make, list, read, change, cancel and quote bookings. */
#include "app/bookings.h"

#include <inttypes.h>
#include <stdio.h>

#include "app/forms.h"
#include "base/buf.h"
#include "base/form.h"
#include "base/instant.h"
#include "base/scope.h"
#include "http/answer.h"
#include "http/call.h"
#include "http/conditional.h"
#include "http/handle.h"
#include "http/idempotency.h"
#include "http/request.h"
#include "http/response.h"

#define LIMIT_DEFAULT 20
#define LOCATION "/api/v1/bookings/"

typedef void render_fn(struct scope *sc, const void *object, struct buf *out);

static const char *
etag_of(const struct booking *booking, char out[CONDITIONAL_TAG_MAX])
{
	return conditional_tag(booking->version, booking->qr_picture,
	    booking->lapsed, out);
}

static void
render_created(struct scope *sc, const void *object, struct buf *out)
{
	const struct booking *booking = object;
	char location[sizeof(LOCATION) + UUID_TEXT_MAX];
	char id[UUID_TEXT_MAX];
	char etag[CONDITIONAL_TAG_MAX];

	(void)sc;
	(void)snprintf(location, sizeof(location), LOCATION "%s",
	    uuid_format(&booking->booking_id, id));
	idempotency_store(out, 201, etag_of(booking, etag), location,
	    &form_booking_created, booking);
}

static void
render_changed(struct scope *sc, const void *object, struct buf *out)
{
	const struct booking *booking = object;
	char etag[CONDITIONAL_TAG_MAX];

	(void)sc;
	idempotency_store(out, 200, etag_of(booking, etag), "", &form_booking,
	    booking);
}

static void
render_cancelled(struct scope *sc, const void *object, struct buf *out)
{
	const struct booking *booking = object;
	char etag[CONDITIONAL_TAG_MAX];

	(void)sc;
	idempotency_store(out, 200, etag_of(booking, etag), "",
	    &form_cancelled, booking);
}

/* What the use case is handed: NULL when the caller sent no key. */
static struct replay *
replay_of(struct call *call, render_fn *render)
{
	call->replay.render = render;
	return call->replay.key ? &call->replay : NULL;
}

/*
 * The version If-Match asks for, NONE for any.  Of a list, the one the booking
 * has now; when it has none of them, one that cannot hold: whether that
 * matters is for the use case to say.
 */
static enum err
wanted_version(struct call *call, int64_t *ret_version)
{
	const struct if_match *match = &call->if_match;
	struct booking *booking = NULL;
	enum err e;

	*ret_version = NONE;
	if (!match->given || match->any)
		return ERR_OK;
	*ret_version = match->count == 1 ? match->versions[0] : VERSION_NEVER;
	if (match->count < 2)
		return ERR_OK;

	e = booking_get(call->app, call->sc, &call->caller, &call->ids[0],
	    &booking);
	if (e)
		return e;
	for (size_t i = 0; i < match->count; i++) {
		if (match->versions[i] == booking->version)
			*ret_version = booking->version;
	}
	return ERR_OK;
}

enum err
on_booking_create(struct call *call)
{
	struct replay *replay = replay_of(call, render_created);
	struct booking_request req;
	struct booking *booking = NULL;
	enum err e;

	e = form_read_json(call->sc, call->route->body, call->req->body,
	    call->req->body_len, &req);
	if (e)
		return e;

	e = booking_create(call->app, call->sc, &call->caller, &req, replay,
	    &booking, &call->refusal);
	if (e)
		return e;

	return idempotency_reply(call, booking);
}

enum err
on_booking_list(struct call *call)
{
	struct booking_query query;
	struct page page = { 0 };
	enum err e;

	e = form_read_query(call->sc, call->route->query, call->req->query,
	    &query);
	if (e)
		return e;
	if (query.limit == NONE)
		query.limit = LIMIT_DEFAULT;

	e = booking_list(call->app, call->sc, &call->caller, &query, &page);
	if (e)
		return e;

	return answer_form(call->sc, call->res, 200, &form_booking_page,
	    &page);
}

enum err
on_booking_get(struct call *call)
{
	struct booking *booking = NULL;
	enum err e;

	e = booking_get(call->app, call->sc, &call->caller, &call->ids[0],
	    &booking);
	if (e)
		return e;

	conditional_etag_version(call->res, booking->version,
	    booking->qr_picture, booking->lapsed);
	return answer_form(call->sc, call->res, 200, &form_booking, booking);
}

enum err
on_booking_change(struct call *call)
{
	struct replay *replay = replay_of(call, render_changed);
	struct booking_request req;
	struct booking *booking = NULL;
	int64_t version = NONE;
	enum err e;

	e = form_read_json(call->sc, call->route->body, call->req->body,
	    call->req->body_len, &req);
	if (!e)
		e = wanted_version(call, &version);
	if (e)
		return e;

	e = booking_change(call->app, call->sc, &call->caller, &call->ids[0],
	    &req, version, replay, &booking, &call->refusal);
	if (e)
		return e;

	return idempotency_reply(call, booking);
}

/* The reason comes in the body or in the query. */
static enum err
read_cancel(struct call *call, struct cancel_request *ret_req)
{
	const struct request *req = call->req;

	if (req->body_len == 0)
		return form_read_query(call->sc, call->route->query,
		    req->query, ret_req);
	if (*req->query)
		return scope_fail(call->sc, ERR_BAD_REQUEST,
		    "give the reason in the query or in a body, not both");
	return form_read_json(call->sc, call->route->body, req->body,
	    req->body_len, ret_req);
}

enum err
on_booking_cancel(struct call *call)
{
	struct replay *replay = replay_of(call, render_cancelled);
	struct cancel_request req;
	struct booking *booking = NULL;
	int64_t version = NONE;
	enum err e;

	e = read_cancel(call, &req);
	if (!e)
		e = wanted_version(call, &version);
	if (e)
		return e;

	e = booking_cancel(call->app, call->sc, &call->caller, &call->ids[0],
	    &req, version, replay, &booking);
	if (e)
		return e;

	return idempotency_reply(call, booking);
}

enum err
on_booking_cancel_quote(struct call *call)
{
	struct cancel_quote quote = { 0 };
	enum err e;

	e = booking_cancel_quote(call->app, call->sc, &call->caller,
	    &call->ids[0], &quote);
	if (e)
		return e;

	return answer_form(call->sc, call->res, 200, &form_cancel_quote,
	    &quote);
}
