/*
 * request.h: one HTTP request as a value, however it came in.
 *
 * Memory   Everything lives in the request's arena (or longer).
 * Input    Untrusted; only the exchange's checks were made: the body is whole,
 *          a header marked once-only came once.
 */
#ifndef HTTP_REQUEST_H
#define HTTP_REQUEST_H

#include <stddef.h>

#define REQUEST_HEADERS_MAX 100
#define REQUEST_BODY_MAX (64 * 1024) /* a route may ask for less */

struct header {
	const char *name; /* lower case: "content-type" */
	const char *value;
};

struct request {
	const char *method; /* "GET" */
	const char *path;   /* percent-decoded and normalised by nginx
	                       (DOCUMENT_URI), "/api/v1/bookings" */
	const char *query;  /* raw, without '?'; "" when none */
	const char *remote; /* the client's address, "192.0.2.1" */
	const struct header *headers;
	size_t header_count;
	const char *body; /* NUL-terminated; never NULL */
	size_t body_len;
};

/* The value of a header by its lower-case name, or NULL. */
const char *request_header(const struct request *req, const char *name);

#endif
