/*
 * trace.h: the names a request goes by: its own id and that of its trace.
 */
#ifndef HTTP_TRACE_H
#define HTTP_TRACE_H

#include <stdbool.h>

struct arena;
struct request;
struct scope;

/* 1..64 of A-Z a-z 0-9 . _ - */
bool trace_request_id_valid(const char *id);

/* The trace id of a W3C traceparent or of an X-Amzn-Trace-Id, as 32 hex
 * digits; NULL when it is not well-formed. */
const char *trace_from_parent(struct arena *arena, const char *value);
const char *trace_from_amazon(struct arena *arena, const char *value);

/* Give the request a new id (sc->request_id), and answer it. */
const char *trace_new(struct scope *sc);

/* Set sc->request_id (the caller's when usable, else a new one) and
 * sc->trace_id ("" when the caller brings none). */
void trace_take(struct scope *sc, const struct request *req);

#endif
