/*
 * migrate.h: apply sql/migrations in order: advisory lock, checksum, each in
 * its own transaction; then the grants of roles.sql.
 *
 * The folder holds migrations/NNNN_name.sql and roles.sql, which is run after
 * them every time, in a transaction, and so must bear repetition.  What was
 * applied, with the SHA-256 of its text, stands in meta.migrations, which the
 * runner makes itself.  Two runners at once apply each file once.
 */
#ifndef STORE_MIGRATE_H
#define STORE_MIGRATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/compiler.h"
#include "base/err.h"

struct scope;

struct migration {
	int number;         /* NNNN of NNNN_name.sql */
	const char *name;   /* "0001_base" */
	int64_t applied_us; /* NONE = not yet */
	bool gone;          /* applied, but not in the folder */
	bool changed;       /* applied, but another text than the folder's */
};

/* Apply what is not applied yet; one line each to `report` (may be NULL).
 * ERR_CONFLICT when an applied file was changed since or is gone, and when a
 * new one stands before an applied one; ERR_INTERNAL with file, line and
 * message when one fails (those before it stay applied, *ret_applied is left
 * alone); ERR_UNAVAILABLE, ERR_TIMEOUT as in db.h.  A statement may take what
 * is left of the scope, a lock ten seconds. */
enum err migrate_apply(struct scope *sc, const char *url, const char *folder,
    FILE *report, size_t *ret_applied) MUSTCHECK;

/* What is there and what is applied, by number. */
enum err migrate_status(struct scope *sc, const char *url, const char *folder,
    struct migration **ret_list, size_t *ret_count) MUSTCHECK;

#endif
