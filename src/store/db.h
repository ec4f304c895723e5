/*
 * db.h: one Postgres connection: open, prepare every statement, run them by
 * name with the request's deadline, reopen when it is lost.  With link.c and
 * row.c the only user of libpq.
 *
 * Retries  A statement is run again (up to three times, 10, 40, 160 ms apart)
 *          after 40001, 40P01 and a lost connection; a `write` of sql/queries
 *          only when it is certain that the lost one did nothing, else it
 *          gives ERR_UNCERTAIN.  Inside a transaction nothing is run again.
 * Down     After a connection could not be had the next 200 ms say so at
 *          once, without a try.
 * Errors   ERR_UNAVAILABLE  no connection could be had
 *          ERR_UNCERTAIN    a write was sent and its answer was lost
 *          ERR_TIMEOUT      the deadline or a timeout of Postgres struck
 *          ERR_NOT_FOUND    db_one: no row
 *          ERR_*            what refusal.c's table makes of SQLSTATE and
 *                           constraint name
 *          sc->why holds the statement's name and the message's first line
 *          or refusal.c's sentence; never a parameter or a row.
 * Waits    Every wait ends with the scope's deadline; looking up the name of
 *          the server is the system's and is not bounded.
 * Hot path One send, one poll, one recv; a write on a connection that has
 *          been idle for 10 ms first polls whether it is still there.
 */
#ifndef STORE_DB_H
#define STORE_DB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/err.h"
#include "store/args.h"
#include "store/row.h"
#include "store/stmt.h" /* GENERATED: enum stmt */

struct db;
struct scope;

struct db_options {
	const char *url;          /* libpq connection string or URI; its
	                             `options` are replaced by ours */
	const char *program;      /* application_name */
	int64_t connect_timeout_s;
	int64_t statement_timeout_ms;
	int64_t lock_timeout_ms;
	bool prepare; /* prepare every statement (those marked `late` aside)
	                 when a connection opens, else each at its first use */
};

/* No connection is made yet; the texts are copied.  NULL: no memory. */
struct db *db_new(const struct db_options *options);
void db_free(struct db *db); /* accepts NULL */

/* Connect (if not connected) and prepare.  ERR_UNAVAILABLE when Postgres is
 * not there, ERR_INTERNAL with one sentence when a statement does not fit the
 * schema ("statement booking_get: column ... does not exist"). */
enum err db_connect(struct db *db, struct scope *sc) MUSTCHECK;
bool db_connected(const struct db *db);

/* Exactly one row: *row (a struct of columns->size) is filled. */
enum err db_one(struct db *db, struct scope *sc, enum stmt stmt,
    const struct args *args, const struct columns *columns, void *row)
    MUSTCHECK;

/* Any number of rows: an array in the arena. */
enum err db_all(struct db *db, struct scope *sc, enum stmt stmt,
    const struct args *args, const struct columns *columns, void *ret_rows,
    size_t *ret_count) MUSTCHECK;

/* No rows wanted; *ret_affected (may be NULL) is the command's count. */
enum err db_do(struct db *db, struct scope *sc, enum stmt stmt,
    const struct args *args, int64_t *ret_affected) MUSTCHECK;

/* The DETAIL of the last refusal (a short text our own SQL functions set:
 * an instant, an id), "" when none; in the scope's arena. */
const char *db_detail(const struct db *db);

/* A transaction of several statements, for bookingctl.  db_end commits when e
 * is ERR_OK and rolls back otherwise, and gives e or the commit's own error. */
enum err db_begin(struct db *db, struct scope *sc) MUSTCHECK;
enum err db_end(struct db *db, struct scope *sc, enum err e) MUSTCHECK;

/* For migrate.c: run a text of several statements inside a transaction.
 * ERR_INTERNAL with "NAME: line N: message" when one fails. */
enum err db_script(struct db *db, struct scope *sc, const char *name,
    const char *text) MUSTCHECK;

#endif
