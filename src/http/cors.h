/*
 * cors.h: which web pages may call us from a browser (Fetch standard).
 *
 * Exact origins only, never "*", never credentials: tokens go in headers.
 */
#ifndef HTTP_CORS_H
#define HTTP_CORS_H

#include <stdbool.h>

struct request;
struct response;

/* origins: separated by commas, as CORS_ORIGINS. */
bool cors_allows(const char *origins, const char *origin);

/* The headers of an actual answer; nothing for another origin or none. */
void cors_answer(const char *origins, const struct request *req,
    struct response *res);

/* The headers of a preflight; methods: as in Allow.  Returns whether the
 * request was one. */
bool cors_preflight(const char *origins, const struct request *req,
    const char *methods, struct response *res);

#endif
