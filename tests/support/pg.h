/*
 * pg.h: the tests' own hand on the temporary Postgres: a second connection
 * that makes databases, sets traps and looks at what was done.
 *
 * Whatever fails here ends the run: the services are not what they should be.
 */
#ifndef TESTS_SUPPORT_PG_H
#define TESTS_SUPPORT_PG_H

#include <libpq-fe.h>
#include <stdint.h>

#include "base/compiler.h"

/* A new, empty database; its URL is good until the next call. */
const char *pg_database(const char *name);

PGconn *pg_open(const char *url);
void pg_close(PGconn *conn);

/* After a crash of the server: close this one when it has gone too, and open
 * another as soon as there is one to be had. */
PGconn *pg_reopen(PGconn *conn, const char *url);

/* Run it; several statements are welcome. */
void pg_do(PGconn *conn, const char *fmt, ...) PRINTF_LIKE(2, 3);

/*
 * The next commit of the application `program` stands, but its answer is lost:
 * a child process waits for it and ends its backend.  pg_answer_lost waits for
 * the child; true when it did so.
 */
void pg_lose_answer(PGconn *conn, const char *url, const char *program);
int pg_answer_lost(void);

/* One whole number. */
int64_t pg_number(PGconn *conn, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Ask again until the number is `wanted`; false after ten seconds. */
int pg_becomes(PGconn *conn, int64_t wanted, const char *fmt, ...)
    PRINTF_LIKE(3, 4);

#endif
