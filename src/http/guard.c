/* guard.c: who calls, and may he? */
#include "http/guard.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "app/callers.h"
#include "base/buf.h"
#include "base/scope.h"
#include "http/call.h"
#include "http/request.h"
#include "http/response.h"

#define REALM "Bearer realm=\"customer-booking\""
#define SCOPES_MAX 256
#define SCHEME "Bearer"

const char *
guard_bearer(const char *authorization)
{
	size_t len = strlen(SCHEME);

	if (strncasecmp(authorization, SCHEME, len) != 0 ||
	    authorization[len] != ' ')
		return NULL;
	authorization += len + strspn(authorization + len, " ");
	return *authorization ? authorization : NULL;
}

static enum err
identify(struct call *call)
{
	const char *authorization = request_header(call->req, "authorization");
	const char *key = request_header(call->req, "x-api-key");
	const char *customer = request_header(call->req, "x-customer-id");
	const char *token;

	if (authorization && key)
		return scope_fail(call->sc, ERR_BAD_REQUEST,
		    "send Authorization or X-API-Key, not both");
	if (customer && !key) {
		scope_fault_param(call->sc, "X-Customer-Id", "unexpected",
		    "goes with a secret X-API-Key only");
		return scope_fail(call->sc, ERR_BAD_REQUEST,
		    "X-Customer-Id without X-API-Key");
	}
	if (key)
		return caller_from_key(call->app, call->sc, key, customer,
		    &call->caller);
	if (!authorization)
		return ERR_OK;

	token = guard_bearer(authorization);
	if (!token)
		return scope_fail(call->sc, ERR_BAD_CREDENTIALS,
		    "Authorization is not of the form Bearer TOKEN");
	return caller_from_bearer(call->app, call->sc, token, &call->caller);
}

/* Is this a kind of caller the route is for? */
static bool
kind_fits(const struct route *route, enum caller_kind kind)
{
	switch (kind) {
	case CALLER_CUSTOMER:
	case CALLER_GUEST:
		return route->who == ROUTE_CUSTOMER;
	case CALLER_MANAGE:
		return route->who == ROUTE_CUSTOMER &&
		    (route->flags & ROUTE_MANAGE) != 0;
	case CALLER_SECRET:
		return true;
	case CALLER_PUBLISHABLE:
		return route->who == ROUTE_KEY;
	case CALLER_NOBODY:
	case CALLER_SYSTEM:
	case CALLER__MAX:
		break;
	}
	return false;
}

enum err
guard_admit(struct call *call)
{
	const struct route *route = call->route;
	struct caller *caller = &call->caller;
	enum err e;

	*caller = (struct caller){ .kind = CALLER_NOBODY, .name = "nobody" };
	e = identify(call);
	caller->address = call->req->remote;
	if (e || route->who == ROUTE_ANYONE)
		return e;

	if (caller->kind == CALLER_NOBODY)
		return scope_fail(call->sc, ERR_UNAUTHENTICATED,
		    "no credentials were sent");
	if (!kind_fits(route, caller->kind))
		return scope_fail(call->sc, ERR_FORBIDDEN,
		    "this kind of credentials is not for this route");
	if (!access_allows(caller, route->rights))
		return scope_fail(call->sc, ERR_FORBIDDEN,
		    "the credentials lack the scope");
	if (route->who == ROUTE_CUSTOMER && uuid_is_none(&caller->customer)) {
		scope_fault_param(call->sc, "X-Customer-Id", "required",
		    "must name the customer a secret key acts for");
		return scope_fail(call->sc, ERR_BAD_REQUEST,
		    "a secret key without X-Customer-Id");
	}
	return ERR_OK;
}

static const char *
scopes_of(struct call *call)
{
	struct buf words;

	buf_init(&words, call->sc->arena, SCOPES_MAX);
	for (unsigned bit = 1; bit && bit <= call->route->rights; bit <<= 1) {
		if (!(call->route->rights & bit))
			continue;
		if (words.len > 0)
			buf_putc(&words, ' ');
		buf_puts(&words, access_word((enum access_right)bit));
	}
	return words.data;
}

void
guard_challenge(struct call *call, enum err e)
{
	struct response *res = call->res;

	/* Who sent nothing is told nothing but how to (RFC 6750 3.1). */
	if (e == ERR_UNAUTHENTICATED)
		response_header(res, "WWW-Authenticate", "%s", REALM);
	else if (e == ERR_BAD_CREDENTIALS)
		response_header(res, "WWW-Authenticate",
		    REALM ", error=\"invalid_token\"");
	else if (e == ERR_FORBIDDEN)
		response_header(res, "WWW-Authenticate",
		    REALM ", error=\"insufficient_scope\", scope=\"%s\"",
		    scopes_of(call));
}
