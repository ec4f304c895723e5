/* args.c: the parameters of one statement, in Postgres's binary format. */
#include "store/args.h"

#include <assert.h>
#include <endian.h>
#include <string.h>

#include "base/arena.h"
#include "base/instant.h"
#include "store/wire.h"

static void
put32(uint8_t *at, uint32_t v)
{
	v = htobe32(v);
	memcpy(at, &v, sizeof v);
}

static void
put64(uint8_t *at, uint64_t v)
{
	v = htobe64(v);
	memcpy(at, &v, sizeof v);
}

/* Postgres counts from 2000; what lies beyond its int64 is its infinity. */
static uint64_t
instant_wire(int64_t us)
{
	int64_t wire;

	if (us == INT64_MAX)
		wire = INT64_MAX;
	else if (__builtin_sub_overflow(us, WIRE_EPOCH_US, &wire))
		wire = INT64_MIN;

	return (uint64_t)wire;
}

static uint32_t
date_wire(int64_t day)
{
	int64_t wire;

	if (__builtin_sub_overflow(day, WIRE_EPOCH_DAY, &wire) ||
	    wire < INT32_MIN)
		wire = INT32_MIN;
	else if (wire > INT32_MAX)
		wire = INT32_MAX;

	return (uint32_t)(int32_t)wire;
}

static void
args_put(struct args *a, const void *data, size_t len)
{
	assert(a->count < ARGS_MAX);
	assert(len <= INT32_MAX);

	a->values[a->count] = data;
	a->lengths[a->count] = data ? (int)len : 0;
	a->formats[a->count] = 1;
	a->count++;
}

static void
args_put64(struct args *a, uint64_t v)
{
	uint8_t *data = arena_alloc(a->arena, 8);

	put64(data, v);
	args_put(a, data, 8);
}

void
args_init(struct args *a, struct arena *arena)
{
	a->arena = arena;
	a->count = 0;
}

void
args_i64(struct args *a, int64_t v)
{
	if (v == NONE)
		args_put(a, NULL, 0);
	else
		args_put64(a, (uint64_t)v);
}

void
args_bool(struct args *a, bool v)
{
	args_put(a, v ? "\1" : "\0", 1);
}

void
args_text(struct args *a, const char *v)
{
	args_put(a, v, v ? strlen(v) : 0);
}

void
args_uuid(struct args *a, const struct uuid *v)
{
	if (!v || uuid_is_none(v))
		args_put(a, NULL, 0);
	else
		args_put(a, v->b, sizeof v->b);
}

void
args_instant(struct args *a, int64_t us)
{
	if (us == NONE)
		args_put(a, NULL, 0);
	else
		args_put64(a, instant_wire(us));
}

void
args_date(struct args *a, int64_t day)
{
	uint8_t *data;

	if (day == NONE) {
		args_put(a, NULL, 0);
		return;
	}

	data = arena_alloc(a->arena, 4);
	put32(data, date_wire(day));
	args_put(a, data, 4);
}

void
args_bytes(struct args *a, struct bytes v)
{
	args_put(a, v.data, v.len);
}

/* ---- arrays ------------------------------------------------------------ */

/*
 * The wire form: dimensions, flag "has nulls", element OID; for the one
 * dimension its count and lower bound; then each element as length (-1: null)
 * and bytes.  A piece of data NULL is a null element.
 */
struct array {
	uint8_t *data;
	uint8_t *at;
};

static struct array
array_open(struct args *a, uint32_t oid, size_t count, size_t bytes,
    bool nulls)
{
	struct array array;

	/* The arena's ceiling is far below; this keeps the sum honest. */
	assert(count <= INT32_MAX && bytes <= INT32_MAX);

	array.data = arena_alloc(a->arena,
	    WIRE_ARRAY_HEAD + WIRE_ARRAY_DIMENSION + 4 * count + bytes);
	put32(array.data, count > 0);
	put32(array.data + 4, nulls);
	put32(array.data + 8, oid);
	array.at = array.data + WIRE_ARRAY_HEAD;
	if (count > 0) {
		put32(array.at, (uint32_t)count);
		put32(array.at + 4, 1);
		array.at += WIRE_ARRAY_DIMENSION;
	}

	return array;
}

static void
array_put(struct array *array, const void *data, size_t len)
{
	put32(array->at, data ? (uint32_t)len : UINT32_MAX);
	array->at += 4;
	if (!data)
		return;
	memcpy(array->at, data, len);
	array->at += len;
}

static void
array_put64(struct array *array, uint64_t v)
{
	uint8_t data[8];

	put64(data, v);
	array_put(array, data, sizeof data);
}

static void
array_close(struct args *a, const struct array *array)
{
	args_put(a, array->data, (size_t)(array->at - array->data));
}

void
args_i64s(struct args *a, const int64_t *v, size_t count)
{
	struct array array = array_open(a, OID_INT8, count, 8 * count, false);

	for (size_t i = 0; i < count; i++)
		array_put64(&array, (uint64_t)v[i]);
	array_close(a, &array);
}

void
args_instants(struct args *a, const int64_t *v, size_t count)
{
	struct array array;
	bool nulls = false;

	for (size_t i = 0; i < count; i++)
		nulls = nulls || v[i] == NONE;
	array = array_open(a, OID_TIMESTAMPTZ, count, 8 * count, nulls);
	for (size_t i = 0; i < count; i++) {
		if (v[i] == NONE)
			array_put(&array, NULL, 0);
		else
			array_put64(&array, instant_wire(v[i]));
	}
	array_close(a, &array);
}

void
args_dates(struct args *a, const int64_t *v, size_t count)
{
	struct array array = array_open(a, OID_DATE, count, 4 * count, false);

	for (size_t i = 0; i < count; i++) {
		uint8_t data[4];

		put32(data, date_wire(v[i]));
		array_put(&array, data, sizeof data);
	}
	array_close(a, &array);
}

void
args_uuids(struct args *a, const struct uuid *v, size_t count)
{
	struct array array = array_open(a, OID_UUID, count, 16 * count, false);

	for (size_t i = 0; i < count; i++)
		array_put(&array, v[i].b, sizeof v[i].b);
	array_close(a, &array);
}

void
args_texts(struct args *a, const char *const *v, size_t count)
{
	struct array array;
	size_t bytes = 0;
	bool nulls = false;

	for (size_t i = 0; i < count; i++) {
		bytes += v[i] ? strlen(v[i]) : 0;
		nulls |= !v[i];
	}

	array = array_open(a, OID_TEXT, count, bytes, nulls);
	for (size_t i = 0; i < count; i++)
		array_put(&array, v[i], v[i] ? strlen(v[i]) : 0);
	array_close(a, &array);
}

void
args_bytess(struct args *a, const struct bytes *v, size_t count)
{
	struct array array;
	size_t bytes = 0;
	bool nulls = false;

	for (size_t i = 0; i < count; i++) {
		bytes += v[i].data ? v[i].len : 0;
		nulls |= !v[i].data;
	}

	array = array_open(a, OID_BYTEA, count, bytes, nulls);
	for (size_t i = 0; i < count; i++)
		array_put(&array, v[i].data, v[i].len);
	array_close(a, &array);
}

void
args_null(struct args *a)
{
	args_put(a, NULL, 0);
}
