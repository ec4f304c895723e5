/*
 * negotiate.h: what the caller can read (Accept), and whether what it sent is
 * what the route reads (Content-Type, size).
 */
#ifndef HTTP_NEGOTIATE_H
#define HTTP_NEGOTIATE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/compiler.h"
#include "base/err.h"

struct call;

/* How much an Accept value (NULL: none sent) wants "application/json": 0 not
 * at all .. 1000.  The most specific range decides; an element that does not
 * parse is passed over. */
int negotiate_quality(const char *accept, const char *type);

/* application/json, with no parameter but charset=utf-8. */
bool negotiate_is_json(const char *content_type);

/* ERR_NOT_ACCEPTABLE */
enum err negotiate_accept(struct call *call) MUSTCHECK;

/* Which of the route's types the caller wants most; of equals the first. */
size_t negotiate_type(const struct call *call);

/* ERR_BAD_REQUEST (a body nobody asked for), ERR_MALFORMED (none where one is
 * needed), ERR_TOO_LARGE, ERR_MEDIA */
enum err negotiate_body(struct call *call) MUSTCHECK;

/* A browser that would rather have a page than JSON. */
bool negotiate_wants_page(const struct call *call);

#endif
