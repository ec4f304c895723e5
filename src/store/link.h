/*
 * link.h: the wire below db.c: open a connection, prepare, send, wait, take.
 *
 * Every wait ends at the moment it is given (clock_mono_us), the look-up of
 * the server's name aside, which is the system's.
 */
#ifndef STORE_LINK_H
#define STORE_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/err.h"
#include "store/stmt.h" /* GENERATED: enum stmt */

struct db_options;
struct pg_conn; /* libpq's PGconn */
struct scope;

enum link_outcome {
	LINK_ANSWERED, /* all of the answer was taken */
	LINK_LOST,     /* the connection ended first */
	LINK_LATE      /* the moment came first */
};

/* Send what is left to send and take the answer.  take: read what has come,
 * true when that was all. */
enum link_outcome link_exchange(struct pg_conn *conn, int64_t until_us,
    bool (*take)(struct pg_conn *conn, void *data), void *data);

/* ERR_UNAVAILABLE: it could not be had; ERR_INTERNAL: the URL is none.
 * *farewell lives as long as the connection and becomes true when the server
 * says, unasked, that it ends it. */
enum err link_open(const struct db_options *options, struct scope *sc,
    int64_t until_us, bool *farewell, struct pg_conn **ret_conn) MUSTCHECK;

/* Prepare these statements in one round trip.  Besides what refusal.c makes of
 * the first error: ERR_UNAVAILABLE when the connection was lost, ERR_TIMEOUT
 * when the moment came.  After any the connection is to be closed. */
enum err link_prepare(struct pg_conn *conn, struct scope *sc,
    const enum stmt *list, size_t count, int64_t until_us) MUSTCHECK;

/* Did the server close an idle connection?  What it said before is read away. */
bool link_went_away(struct pg_conn *conn);

/* scope_fail with the first line of a message of libpq's or Postgres's:
 * "{what}{name}: {message}". */
enum err link_fail(struct scope *sc, enum err e, const char *what,
    const char *name, const char *message);

#endif
