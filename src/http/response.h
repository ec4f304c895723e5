/*
 * response.h: one HTTP answer as a value: status, headers, body.
 */
#ifndef HTTP_RESPONSE_H
#define HTTP_RESPONSE_H

#include <stddef.h>

#include "base/buf.h"
#include "base/compiler.h"

#define RESPONSE_HEADERS_MAX 24
#define RESPONSE_BODY_MAX (1024 * 1024)

struct arena;

struct response_header {
	const char *name; /* "Content-Type" */
	const char *value;
};

struct response {
	struct arena *arena;
	int status; /* 0 until set */
	struct response_header headers[RESPONSE_HEADERS_MAX];
	size_t header_count;
	struct buf body;
	const char *code;  /* public error code for the log line, or NULL */
	const char *route; /* route template for the log line, never the path */
	const char *why;   /* the operator's sentence, or NULL */
};

void response_init(struct response *res, struct arena *arena);
/* Drop headers and body, keep route. */
void response_clear(struct response *res);
/* Set or replace; value is copied; CR, LF and NUL end it. */
void response_header(struct response *res, const char *name,
    const char *fmt, ...) PRINTF_LIKE(3, 4);
const char *response_get(const struct response *res, const char *name);

#endif
