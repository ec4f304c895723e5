/* row.c: rows of a result into structs, by a table of columns. */
#include "store/row.h"

#include <endian.h>
#include <libpq-fe.h>
#include <string.h>

#include "base/arena.h"
#include "base/instant.h"
#include "base/scope.h"
#include "store/wire.h"

#define COLUMN_OIDS_MAX 6

/* What each type of column may be in Postgres; 0 ends the list. */
static const Oid oids[COLUMN__MAX][COLUMN_OIDS_MAX] = {
	[COLUMN_I64] = { OID_INT8, OID_INT4, OID_INT2 },
	[COLUMN_BOOL] = { OID_BOOL },
	[COLUMN_TEXT] = { OID_TEXT, OID_VARCHAR, OID_JSON, OID_NAME,
	    OID_BPCHAR },
	[COLUMN_UUID] = { OID_UUID },
	[COLUMN_INSTANT] = { OID_TIMESTAMPTZ },
	[COLUMN_DATE] = { OID_DATE },
	[COLUMN_BYTES] = { OID_BYTEA },
	[COLUMN_I64S] = { OID_INT8S, OID_INT4S, OID_INT2S },
	[COLUMN_TEXTS] = { OID_TEXTS, OID_VARCHARS },
	[COLUMN_UUIDS] = { OID_UUIDS },
	[COLUMN_INSTANTS] = { OID_TIMESTAMPTZS },
	[COLUMN_BYTESS] = { OID_BYTEAS },
	[COLUMN_BOOLS] = { OID_BOOLS },
};

/* One value as it came: data NULL is SQL null. */
struct piece {
	const uint8_t *data;
	size_t len;
};

static uint32_t
get32(const uint8_t *at)
{
	uint32_t v;

	memcpy(&v, at, sizeof v);
	return be32toh(v);
}

/* A whole number of 2, 4 or 8 bytes. */
static bool
get_int(struct piece p, int64_t *ret_v)
{
	uint64_t wide;
	uint16_t narrow;

	switch (p.len) {
	case 8:
		memcpy(&wide, p.data, sizeof wide);
		*ret_v = (int64_t)be64toh(wide);
		return true;
	case 4:
		*ret_v = (int32_t)get32(p.data);
		return true;
	case 2:
		memcpy(&narrow, p.data, sizeof narrow);
		*ret_v = (int16_t)be16toh(narrow);
		return true;
	default:
		return false;
	}
}

/* INT64_MIN is NONE to us and -infinity to Postgres: keep them apart. */
static int64_t
since_1970(int64_t wire, int64_t epoch, int64_t infinity)
{
	int64_t v;

	if (wire == infinity || __builtin_add_overflow(wire, epoch, &v))
		return INT64_MAX;
	if (wire == -infinity - 1)
		return INT64_MIN + 1;

	return v;
}

/* Each takes a value that is not null and writes it where the struct (or the
 * list) has it; false: the bytes are not what the type says. */
static bool
put_i64(struct piece p, void *at)
{
	return get_int(p, at);
}

static bool
put_bool(struct piece p, void *at)
{
	if (p.len != 1)
		return false;
	*(bool *)at = p.data[0] != 0;
	return true;
}

static bool
put_flag(struct piece p, void *at)
{
	if (p.len != 1)
		return false;
	*(int64_t *)at = p.data[0] != 0;
	return true;
}

static bool
put_uuid(struct piece p, void *at)
{
	struct uuid *id = at;

	if (p.len != sizeof id->b)
		return false;
	memcpy(id->b, p.data, sizeof id->b);
	return true;
}

static bool
put_instant(struct piece p, void *at)
{
	int64_t wire;

	if (p.len != 8 || !get_int(p, &wire))
		return false;
	*(int64_t *)at = since_1970(wire, WIRE_EPOCH_US, INT64_MAX);
	return true;
}

static bool
put_date(struct piece p, void *at)
{
	int64_t wire;

	if (p.len != 4 || !get_int(p, &wire))
		return false;
	*(int64_t *)at = since_1970(wire, WIRE_EPOCH_DAY, INT32_MAX);
	return true;
}

static bool
put_bytes(struct piece p, void *at)
{
	*(struct bytes *)at = (struct bytes){ p.data, p.len };
	return true;
}

/* ---- arrays ------------------------------------------------------------ */

struct array {
	const uint8_t *at;
	const uint8_t *end;
	size_t count;
};

static bool
array_open(struct piece p, struct array *ret_array)
{
	uint32_t dimensions;

	if (p.len < WIRE_ARRAY_HEAD)
		return false;
	dimensions = get32(p.data);
	ret_array->at = p.data + WIRE_ARRAY_HEAD;
	ret_array->end = p.data + p.len;
	ret_array->count = 0;
	if (dimensions == 0)
		return true;
	if (dimensions != 1 || p.len < WIRE_ARRAY_HEAD + WIRE_ARRAY_DIMENSION)
		return false;

	ret_array->count = get32(ret_array->at);
	ret_array->at += WIRE_ARRAY_DIMENSION;
	/* Each element takes at least its length's four bytes. */
	return ret_array->count <= p.len / 4;
}

static bool
array_next(struct array *array, struct piece *ret_piece)
{
	uint32_t len;

	if (array->end - array->at < 4)
		return false;
	len = get32(array->at);
	array->at += 4;
	if (len == UINT32_MAX) {
		*ret_piece = (struct piece){ NULL, 0 };
		return true;
	}
	if ((size_t)(array->end - array->at) < len)
		return false;

	*ret_piece = (struct piece){ array->at, len };
	array->at += len;
	return true;
}

/* ints, texts, uuids and bytess are all a pointer and a count. */
struct any_list {
	void *items;
	size_t count;
};

/* Null elements of whole numbers, instants: NONE; all else: all bits zero. */
static bool
put_list(struct arena *arena, struct piece p, size_t size, bool none,
    bool (*put)(struct piece p, void *at), void *at)
{
	struct any_list list = { 0 };
	struct array array;

	if (!array_open(p, &array))
		return false;
	if (array.count > 0)
		list.items = arena_array(arena, array.count, size);

	for (; list.count < array.count; list.count++) {
		char *item = (char *)list.items + list.count * size;
		struct piece piece;

		if (!array_next(&array, &piece))
			return false;
		if (!piece.data && none)
			*(int64_t *)(void *)item = NONE;
		else if (piece.data && !put(piece, item))
			return false;
	}

	memcpy(at, &list, sizeof list);
	return true;
}

/* In an array a text has no NUL behind it. */
static bool
put_texts(struct arena *arena, struct piece p, struct texts *texts)
{
	struct array array;
	const char **items = NULL;

	if (!array_open(p, &array))
		return false;
	if (array.count > 0)
		items = arena_new_array(arena, const char *, array.count);

	for (size_t i = 0; i < array.count; i++) {
		struct piece piece;

		if (!array_next(&array, &piece))
			return false;
		if (piece.data)
			items[i] = arena_strndup(arena,
			    (const char *)piece.data, piece.len);
	}

	*texts = (struct texts){ items, array.count };
	return true;
}

/* ---- rows -------------------------------------------------------------- */

static void
put_null(enum column_type type, void *at)
{
	switch (type) {
	case COLUMN_I64:
	case COLUMN_INSTANT:
	case COLUMN_DATE:
		*(int64_t *)at = NONE;
		break;
	default: /* the row was zeroed */
		break;
	}
}

static bool
put_value(struct arena *arena, enum column_type type, struct piece p, void *at)
{
	switch (type) {
	case COLUMN_I64:
		return put_i64(p, at);
	case COLUMN_BOOL:
		return put_bool(p, at);
	case COLUMN_TEXT: /* libpq ends each value with a NUL */
		*(const char **)at = (const char *)p.data;
		return true;
	case COLUMN_UUID:
		return put_uuid(p, at);
	case COLUMN_INSTANT:
		return put_instant(p, at);
	case COLUMN_DATE:
		return put_date(p, at);
	case COLUMN_BYTES:
		return put_bytes(p, at);
	case COLUMN_I64S:
		return put_list(arena, p, 8, true, put_i64, at);
	case COLUMN_TEXTS:
		return put_texts(arena, p, at);
	case COLUMN_UUIDS:
		return put_list(arena, p, 16, false, put_uuid, at);
	case COLUMN_INSTANTS:
		return put_list(arena, p, 8, true, put_instant, at);
	case COLUMN_BYTESS:
		return put_list(arena, p, sizeof(struct bytes), false,
		    put_bytes, at);
	case COLUMN_BOOLS:
		return put_list(arena, p, 8, false, put_flag, at);
	case COLUMN__MAX:
		break;
	}

	return false;
}

static bool
type_fits(enum column_type type, Oid oid)
{
	for (size_t i = 0; i < COLUMN_OIDS_MAX && oids[type][i]; i++) {
		if (oids[type][i] == oid)
			return true;
	}
	return false;
}

enum err
row_check(struct scope *sc, const char *statement, const PGresult *result,
    const struct columns *columns)
{
	size_t count = (size_t)PQnfields(result);

	if (count != columns->count)
		return scope_fail(sc, ERR_INTERNAL,
		    "statement %s: %zu columns, not %zu", statement, count,
		    columns->count);

	for (size_t i = 0; i < count; i++) {
		const struct column *column = &columns->items[i];
		const char *name = PQfname(result, (int)i);
		Oid oid = PQftype(result, (int)i);

		if (strcmp(name, column->name) != 0)
			return scope_fail(sc, ERR_INTERNAL,
			    "statement %s: column %zu is %s, not %s", statement,
			    i + 1, name, column->name);
		if (!type_fits(column->type, oid))
			return scope_fail(sc, ERR_INTERNAL,
			    "statement %s: column %s is of type %u", statement,
			    name, oid);
	}

	return ERR_OK;
}

enum err
row_read(struct scope *sc, const char *statement, const PGresult *result,
    int index, const struct columns *columns, void *row)
{
	memset(row, 0, columns->size);

	for (size_t i = 0; i < columns->count; i++) {
		const struct column *column = &columns->items[i];
		void *at = (char *)row + column->offset;
		struct piece p;

		if (PQgetisnull(result, index, (int)i)) {
			put_null(column->type, at);
			continue;
		}
		p.data = (const uint8_t *)PQgetvalue(result, index, (int)i);
		p.len = (size_t)PQgetlength(result, index, (int)i);
		if (!put_value(sc->arena, column->type, p, at))
			return scope_fail(sc, ERR_INTERNAL,
			    "statement %s: column %s does not read", statement,
			    column->name);
	}

	return ERR_OK;
}
