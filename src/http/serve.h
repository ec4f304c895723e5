/*
 * serve.h: one request in, one answer out: the only door into the product
 * for whoever speaks HTTP.
 */
#ifndef HTTP_SERVE_H
#define HTTP_SERVE_H

struct app;
struct request;
struct response;
struct scope;

/*
 * Answer the request, whatever it is: a problem document when it fails, so
 * that res->status is always set.  Adds X-Request-Id, CORS and cache headers;
 * takes the body away for HEAD.  The scope's request_id is set from the
 * request when it names a usable one.
 *
 * Allocation failures jump to the caller's arena_catch; serve_failed then
 * makes the answer (503 when a write may have been under way, else 500).  It
 * needs some memory too: sc and res hold a fresh arena by then, while what
 * the request was made of still stands.
 */
void serve(struct app *app, struct scope *sc, const struct request *req,
    struct response *res);
void serve_failed(struct scope *sc, const struct request *req,
    struct response *res);

#endif
