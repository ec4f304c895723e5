/*
 * exchange.h: one FastCGI connection: the request that comes in by it and the
 * answer that goes out.  The only user of libfcgi.
 *
 * libfcgi serves what it could not read: a connection that broke within the
 * parameters or the body looks like a request without them.  So nothing is
 * handed on that is not whole.
 *
 * Bounds   Each read and write waits at most EXCHANGE_WAIT_S; parameters are
 *          bounded by nginx, bodies here.
 */
#ifndef FCGI_EXCHANGE_H
#define FCGI_EXCHANGE_H

#include "base/compiler.h"
#include "base/err.h"

struct arena;
struct exchange;
struct request;
struct response;
struct scope;

#define EXCHANGE_WAIT_S 5

enum exchange_word {
	EXCHANGE_WHOLE,   /* a request: serve it */
	EXCHANGE_REFUSED, /* answer *ret_e, do no work */
	EXCHANGE_GONE     /* nobody is there to answer */
};

/* One a process.  NULL when memory is out or libfcgi does not start. */
struct exchange *exchange_open(void) MUSTCHECK;
void exchange_close(struct exchange *ex); /* accepts NULL */

/*
 * Read a request from a fresh connection, which the exchange then owns.
 *
 * *ret_req is valid until exchange_end, unless EXCHANGE_GONE; *ret_e is set
 * with EXCHANGE_REFUSED; sc->why says why it was not served.  Body and header
 * list are in the scope's arena: an allocation failure jumps to its catch.
 */
enum exchange_word exchange_read(struct exchange *ex, int fd, struct scope *sc,
    struct request *ret_req, enum err *ret_e) MUSTCHECK;

/* Send the whole answer to what was read; a client that went away is no error.
 * The head is put together in `arena`, which must have room for it. */
void exchange_write(
    struct exchange *ex, const struct response *res, struct arena *arena);

/* Let the connection and what was read from it go, answered or not. */
void exchange_end(struct exchange *ex);

#endif
