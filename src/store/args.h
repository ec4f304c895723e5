/*
 * args.h: the parameters of one statement, in Postgres's binary format.
 *
 * The SQL casts each parameter to the type named here ($1::uuid, ...), so
 * that the format and the type cannot part.  Texts and bytes are not copied:
 * they must live until the call returns.
 */
#ifndef STORE_ARGS_H
#define STORE_ARGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/uuid.h"

#define ARGS_MAX 48

struct arena;

struct bytes {
	const uint8_t *data; /* NULL = SQL null */
	size_t len;
};

struct args {
	struct arena *arena;
	int count;
	const char *values[ARGS_MAX];
	int lengths[ARGS_MAX];
	int formats[ARGS_MAX]; /* all 1: binary */
};

void args_init(struct args *a, struct arena *arena);
void args_null(struct args *a);                    /* any type's null */
void args_i64(struct args *a, int64_t v);          /* bigint; NONE = null */
void args_bool(struct args *a, bool v);            /* boolean */
void args_text(struct args *a, const char *v);     /* text; NULL = null */
void args_uuid(struct args *a, const struct uuid *v); /* uuid; none = null */
void args_instant(struct args *a, int64_t us);     /* timestamptz; NONE = null */
void args_date(struct args *a, int64_t day);       /* date; NONE = null */
void args_bytes(struct args *a, struct bytes v);   /* bytea */
/* one-dimensional arrays; count 0 gives an empty array; a NULL element of
 * texts or bytes, and NONE among instants, is a null element */
void args_i64s(struct args *a, const int64_t *v, size_t count);
void args_texts(struct args *a, const char *const *v, size_t count);
void args_uuids(struct args *a, const struct uuid *v, size_t count);
void args_instants(struct args *a, const int64_t *v, size_t count);
void args_dates(struct args *a, const int64_t *v, size_t count);
void args_bytess(struct args *a, const struct bytes *v, size_t count);

#endif
