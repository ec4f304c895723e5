/*
 * router.h: from a method and a path to the row of the route table.
 */
#ifndef HTTP_ROUTER_H
#define HTTP_ROUTER_H

#include "base/uuid.h"
#include "http/routes.h"

struct arena;

struct match {
	const struct route *route; /* NULL: the path has no such method */
	const char *path;          /* the template; NULL: no such path */
	unsigned methods;          /* bits 1 << enum method the path knows */
	const char *bad_param;     /* a parameter that is not a UUID, or NULL */
	struct uuid ids[ROUTE_PARAMS_MAX];
};

/* HEAD matches as GET does; OPTIONS matches no route (route is NULL). */
void router_match(struct arena *arena, const char *method, const char *path,
    struct match *ret_match);

/* "GET, HEAD, PUT, OPTIONS": what Allow says. */
char *router_allow(struct arena *arena, unsigned methods);

#endif
