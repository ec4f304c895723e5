/* serve.c: one request in, one answer out. */
#include "http/serve.h"

#include <stdbool.h>
#include <string.h>

#include "app/app.h"
#include "base/arena.h"
#include "base/form.h"
#include "base/scope.h"
#include "http/call.h"
#include "http/cors.h"
#include "http/guard.h"
#include "http/idempotency.h"
#include "http/negotiate.h"
#include "http/page.h"
#include "http/problem.h"
#include "http/request.h"
#include "http/response.h"
#include "http/router.h"
#include "http/trace.h"

#define NO_ROUTE "unmatched" /* for the log: never the path itself */

static const struct form no_query = { .name = "NoQuery", .size = 1 };

static bool
is_method(const struct request *req, const char *method)
{
	return strcmp(req->method, method) == 0;
}

/* What every route asks of a request before its handler runs. */
static enum err
admit(struct call *call)
{
	struct scope *sc = call->sc;
	char nothing[1];
	enum err e;

	e = negotiate_accept(call);
	if (!e)
		e = guard_admit(call);
	if (!e)
		e = negotiate_body(call);
	if (!e && !call->route->query)
		e = form_read_query(sc, &no_query, call->req->query, nothing);
	if (!e)
		e = idempotency_read(call);
	if (e)
		return e;

	if (call->route->flags & ROUTE_IF_MATCH &&
	    !conditional_if_match(request_header(call->req, "if-match"),
	        &call->if_match)) {
		scope_fault_param(sc, "If-Match", "format",
		    "must be * or a list of at most %d entity tags",
		    IF_MATCH_MAX);
		return scope_fail(sc, ERR_BAD_REQUEST,
		    "If-Match is malformed");
	}
	return ERR_OK;
}

static enum err
run(struct call *call, const struct match *match)
{
	struct scope *sc = call->sc;
	enum err e;

	if (!match->path)
		return scope_fail(sc, ERR_NO_ROUTE, "no such path");
	if (is_method(call->req, "OPTIONS")) {
		call->res->status = 204;
		return ERR_OK;
	}
	if (!call->route)
		return scope_fail(sc, ERR_METHOD, "no such method here");
	if (match->bad_param) {
		scope_fault_param(sc, match->bad_param, "uuid",
		    "must be a UUID");
		return scope_fail(sc, ERR_NOT_FOUND, "%s is not a UUID",
		    match->bad_param);
	}

	memcpy(call->ids, match->ids, sizeof(call->ids));
	e = admit(call);
	if (e)
		return e;
	return call->route->handler(call);
}

static void
fail(struct call *call, enum err e)
{
	problem_answer_at(call->sc, call->res, e, call->req->path,
	    &call->refusal);
	if (call->route) {
		guard_challenge(call, e);
		if (negotiate_wants_page(call))
			page_answer(call->sc, call->res, e);
	}
}

/* A reader who has it already is told so (RFC 9110 13.1.2). */
static void
spare_known_body(struct call *call)
{
	const char *known = request_header(call->req, "if-none-match");
	const char *etag = response_get(call->res, "ETag");

	if (!known || !etag || call->res->status != 200 || !call->route ||
	    call->route->method != METHOD_GET)
		return;
	if (!conditional_none_match(known, etag))
		return;
	call->res->status = 304;
	buf_init(&call->res->body, call->sc->arena, RESPONSE_BODY_MAX);
}

static const char *
vary_of(const struct call *call, bool preflight)
{
	if (preflight)
		return "Origin, Access-Control-Request-Method, "
		       "Access-Control-Request-Headers";
	if (!call->route)
		return "Origin";
	if (call->route->flags & ROUTE_PAGE)
		return "Origin, Accept";
	if (call->route->types)
		return "Origin, Accept, Authorization, X-API-Key, X-Customer-Id";
	if (call->route->who != ROUTE_ANYONE)
		return "Origin, Authorization, X-API-Key, X-Customer-Id";
	return "Origin";
}

/* The headers every answer has, good or bad. */
static void
finish(struct call *call, const struct match *match)
{
	const char *origins = call->app->conf->cors_origins;
	struct response *res = call->res;
	char *allow = NULL;
	bool preflight = false;

	if (match->path && (res->status == 204 || res->status == 405)) {
		allow = router_allow(call->sc->arena, match->methods);
		response_header(res, "Allow", "%s", allow);
	}
	if (allow && res->status == 204)
		preflight = cors_preflight(origins, call->req, allow, res);
	if (!preflight)
		cors_answer(origins, call->req, res);

	spare_known_body(call);
	if (call->route && !response_get(res, "Cache-Control"))
		response_header(res, "Cache-Control", "%s",
		    res->status < 400 ? call->route->cache : "no-store");
	if (call->route && call->route->flags & ROUTE_PAGE)
		response_header(res, "Referrer-Policy", "no-referrer");
	response_header(res, "Vary", "%s", vary_of(call, preflight));
	response_header(res, "X-Request-Id", "%s", call->sc->request_id);
	if (is_method(call->req, "HEAD"))
		buf_init(&res->body, call->sc->arena, RESPONSE_BODY_MAX);
}

void
serve(struct app *app, struct scope *sc, const struct request *req,
    struct response *res)
{
	struct call call = { .app = app, .sc = sc, .req = req, .res = res };
	struct match match;
	enum err e;

	trace_take(sc, req);
	router_match(sc->arena, req->method, req->path, &match);
	call.route = match.route;
	res->route = match.path ? match.path : NO_ROUTE;

	e = run(&call, &match);
	if (e)
		fail(&call, e);
	finish(&call, &match);
}

void
serve_failed(struct scope *sc, const struct request *req, struct response *res)
{
	bool wrote = is_method(req, "POST") || is_method(req, "PUT") ||
	    is_method(req, "DELETE");

	/* What was found faulty is not why it failed. */
	sc->faults = NULL;
	sc->faults_end = &sc->faults;
	sc->fault_count = 0;
	problem_answer(sc, res,
	    scope_fail(sc, wrote ? ERR_UNCERTAIN : ERR_NO_MEMORY,
	        "the memory of a request is used up"));
	response_header(res, "Vary", "Origin");
	if (is_method(req, "HEAD"))
		buf_init(&res->body, sc->arena, RESPONSE_BODY_MAX);
}
