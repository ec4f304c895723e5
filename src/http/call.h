/*
 * call.h: one request on its way through a route: what the checks before the
 * handler have found out, and what the handler leaves for the answer.
 *
 * Memory   Lives on serve's stack; what it points at, in the request's arena.
 */
#ifndef HTTP_CALL_H
#define HTTP_CALL_H

#include "app/bookings.h"
#include "app/forms.h"
#include "base/uuid.h"
#include "domain/access.h"
#include "http/conditional.h"
#include "http/routes.h"

struct app;
struct request;
struct response;
struct scope;

struct call {
	struct app *app;
	struct scope *sc;
	const struct request *req;
	struct response *res;
	const struct route *route;
	struct uuid ids[ROUTE_PARAMS_MAX]; /* in the order of the path */
	struct caller caller;
	struct if_match if_match;
	struct replay replay;   /* key is NULL when the caller sent none */
	struct refusal refusal; /* what a 409 capacity_exceeded carries */
};

#endif
