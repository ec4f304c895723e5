/*
 * row.h: rows of a result into structs, by a table of columns.
 *
 * The table lists the columns in the order of the statement's select list;
 * their number, names and types are checked when a connection first gets an
 * answer to that statement.
 *
 * Memory   Texts and bytes point into the result, which lives as long as the
 *          scope's arena; arrays are in the arena.
 * Instants 'infinity' is INT64_MAX, '-infinity' INT64_MIN + 1.
 */
#ifndef STORE_ROW_H
#define STORE_ROW_H

#include <stddef.h>

#include "base/compiler.h"
#include "base/err.h"
#include "base/form.h" /* struct ints, struct texts */
#include "store/args.h" /* struct bytes */

struct pg_result; /* libpq's PGresult */
struct scope;

enum column_type {
	COLUMN_I64,      /* bigint/integer/smallint -> int64_t; null = NONE */
	COLUMN_BOOL,     /* boolean -> bool; null = false */
	COLUMN_TEXT,     /* text/varchar/json/name -> const char *; null = NULL */
	COLUMN_UUID,     /* uuid -> struct uuid; null = none */
	COLUMN_INSTANT,  /* timestamptz -> int64_t us since 1970; null = NONE */
	COLUMN_DATE,     /* date -> int64_t days since 1970; null = NONE */
	COLUMN_BYTES,    /* bytea -> struct bytes; null = {NULL, 0} */
	COLUMN_I64S,     /* bigint[]/integer[]/smallint[] -> struct ints */
	COLUMN_TEXTS,    /* text[]/varchar[] -> struct texts */
	COLUMN_UUIDS,    /* uuid[] -> struct uuids */
	COLUMN_INSTANTS, /* timestamptz[] -> struct ints, us since 1970 */
	COLUMN_BYTESS,   /* bytea[] -> struct bytess */
	COLUMN_BOOLS,    /* boolean[] -> struct ints of 0 and 1 */
	COLUMN__MAX
};

struct uuids {
	struct uuid *items;
	size_t count;
};
struct bytess {
	struct bytes *items;
	size_t count;
};

struct column {
	const char *name; /* of the result column; checked */
	enum column_type type;
	size_t offset;
};

struct columns {
	size_t size; /* of the struct */
	const struct column *items;
	size_t count;
};

/* For db.c: do the result's columns fit the table?  ERR_INTERNAL with one
 * sentence when they do not. */
enum err row_check(struct scope *sc, const char *statement,
    const struct pg_result *result, const struct columns *columns) MUSTCHECK;

/* For db.c: row `index` into a struct of columns->size, which need not have
 * been set before.  ERR_INTERNAL: bytes that are not what the type says. */
enum err row_read(struct scope *sc, const char *statement,
    const struct pg_result *result, int index, const struct columns *columns,
    void *row) MUSTCHECK;

#endif
