/*
 * migrate.h: apply sql/migrations in order: advisory lock, checksum, each in
 * its own transaction; then the grants of roles.sql.
 */
#ifndef STORE_MIGRATE_H
#define STORE_MIGRATE_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/compiler.h"
#include "base/err.h"

struct scope;

struct migration {
	int number;       /* NNNN of NNNN_name.sql */
	const char *name; /* "0001_base" */
	int64_t applied_us; /* NONE = not yet */
};

/* Apply what is missing from the folder; one line each to `report` (may be
 * NULL).  ERR_CONFLICT when an applied file was changed since, or one is
 * missing; ERR_INTERNAL with file and message when one fails. */
enum err migrate_apply(struct scope *sc, const char *url, const char *folder,
    FILE *report, size_t *ret_applied) MUSTCHECK;

/* What is there and what is applied. */
enum err migrate_status(struct scope *sc, const char *url, const char *folder,
    struct migration **ret_list, size_t *ret_count) MUSTCHECK;

#endif
