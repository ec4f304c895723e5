/*
 * routes.h: THE table: what can be asked of the product, by whom, how large,
 * and what it answers.  The router, the guard, the checks before a handler
 * and the OpenAPI document all read it; nothing in it is said elsewhere.
 */
#ifndef HTTP_ROUTES_H
#define HTTP_ROUTES_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define ROUTE_PARAMS_MAX 1 /* every parameter of a path is a UUID */
#define ROUTE_ANSWERS_MAX 2

struct call;
struct form;

enum method {
	METHOD_GET, /* and HEAD: the same without the body */
	METHOD_POST,
	METHOD_PUT,
	METHOD_DELETE,
	METHOD__MAX
};

enum route_who {
	ROUTE_ANYONE,   /* credentials are not asked for, but bad ones refused */
	ROUTE_CUSTOMER, /* a customer, a guest, or a secret key acting for one */
	ROUTE_KEY       /* a program with an API key */
};

enum {
	ROUTE_KEYED = 1 << 0,         /* takes Idempotency-Key */
	ROUTE_IF_MATCH = 1 << 1,      /* takes If-Match */
	ROUTE_BODY_OPTIONAL = 1 << 2, /* may come without its body */
	ROUTE_MANAGE = 1 << 3,        /* the token of one booking suffices */
	ROUTE_ETAG = 1 << 4,          /* answers an ETag */
	ROUTE_LOCATION = 1 << 5,      /* answers a Location */
	ROUTE_PAGE = 1 << 6,          /* browsers come here: errors as HTML too */
	ROUTE_RAW = 1 << 7            /* reads the bytes of the body itself */
};

static_assert(ERR__MAX <= 64, "one bit an error");
#define ROUTE_ERR(e) (UINT64_C(1) << (e))

struct route_answer {
	int status; /* 0 ends the list */
	const struct form *form; /* NULL: any JSON object */
	const char *help;
};

struct route {
	enum method method;
	const char *path; /* template: "/api/v1/bookings/{booking_id}" */
	enum route_who who;
	unsigned rights; /* of enum access_right: any of them suffices */
	unsigned flags;
	size_t body_max; /* bytes; 0: a body is refused */
	const struct form *body;
	const struct form *query;
	struct route_answer answers[ROUTE_ANSWERS_MAX];
	/* What a good answer may be, the best first, NULL at the end; NULL alone:
	 * JSON.  JSON is always among them. */
	const char *const *types;
	uint64_t errors;   /* ROUTE_ERR bits, beside what its demands imply */
	const char *cache; /* Cache-Control of a good answer */
	enum err (*handler)(struct call *call);
	const char *id; /* operationId */
	const char *tag;
	const char *summary;
	const char *description;
};

extern const struct route routes[];
extern const size_t routes_count;

/* "GET" */
const char *routes_method(enum method method);

/* Every error the route may answer, as ROUTE_ERR bits. */
uint64_t routes_errors(const struct route *route);

#endif
