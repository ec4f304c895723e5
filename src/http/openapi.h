/*
 * openapi.h: the OpenAPI 3.1 document, printed from the tables that route and
 * validate.
 */
#ifndef HTTP_OPENAPI_H
#define HTTP_OPENAPI_H

struct arena;
struct buf;

/* server: the address the product is reached at, without a slash. */
void openapi_print(struct buf *out, struct arena *arena, const char *server);

#endif
