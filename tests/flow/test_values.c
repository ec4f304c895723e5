/* test_values.c: parameters and rows: what goes to Postgres comes back. */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <CUnit/CUnit.h>

#include "base/arena.h"
#include "base/instant.h"
#include "base/scope.h"
#include "store/args.h"
#include "store/row.h"
#include "support/pg.h"
#include "unit/unit.h"

struct world {
	struct arena *arena;
	struct scope scope;
	struct args args;
	PGconn *conn;
	PGresult *result;
};

static void
open_world(struct world *w)
{
	w->arena = arena_open(1 << 20);
	scope_init(&w->scope, w->arena, 10000000);
	args_init(&w->args, w->arena);
	w->conn = pg_open(getenv("TEST_PG_URL"));
	w->result = NULL;
}

static void
close_world(struct world *w)
{
	PQclear(w->result);
	pg_close(w->conn);
	arena_close(w->arena);
}

/* What the statement says of the parameters, as db.c would have it. */
static enum err
ask(struct world *w, const char *sql, const struct columns *columns, void *row)
{
	enum err e;

	PQclear(w->result);
	w->result = PQexecParams(w->conn, sql, w->args.count, NULL,
	    w->args.values, w->args.lengths, w->args.formats, 1);
	if (PQresultStatus(w->result) != PGRES_TUPLES_OK) {
		CU_FAIL("the statement failed");
		fprintf(stderr, "%s", PQresultErrorMessage(w->result));
		return ERR_INTERNAL;
	}
	e = row_check(&w->scope, "ask", w->result, columns);
	if (e)
		return e;
	return row_read(&w->scope, "ask", w->result, 0, columns, row);
}

struct scalars {
	int64_t big, whole, small;
	bool flag;
	const char *text;
	struct uuid id;
	int64_t at;
	int64_t day;
	struct bytes bytes;
};
#define SCALAR(name, type) { #name, type, offsetof(struct scalars, name) }
static const struct column scalar_items[] = {
	SCALAR(big, COLUMN_I64), SCALAR(whole, COLUMN_I64),
	SCALAR(small, COLUMN_I64), SCALAR(flag, COLUMN_BOOL),
	SCALAR(text, COLUMN_TEXT), SCALAR(id, COLUMN_UUID),
	SCALAR(at, COLUMN_INSTANT), SCALAR(day, COLUMN_DATE),
	SCALAR(bytes, COLUMN_BYTES),
};
static const struct columns scalars = { sizeof(struct scalars), scalar_items,
	ARRAY_LEN(scalar_items) };

static const char scalar_sql[] =
    "select $1::bigint as big, $1::integer as whole, $1::smallint as small,"
    " $2::boolean as flag, $3::text as text, $4::uuid as id,"
    " $5::timestamptz as at, $6::date as day, $7::bytea as bytes";

static void
every_scalar_comes_back_as_it_went(void)
{
	const struct uuid id = { { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13,
	    14, 15, 255 } };
	struct scalars s;
	struct world w;

	open_world(&w);
	args_i64(&w.args, -12345);
	args_bool(&w.args, true);
	args_text(&w.args, "Zo\xc3\xab's \\ \"table\"\n");
	args_uuid(&w.args, &id);
	args_instant(&w.args, -1);
	args_date(&w.args, -719162);
	args_bytes(&w.args, (struct bytes){ (const uint8_t *)"\0\1\xff", 3 });
	CU_ASSERT_EQUAL_FATAL(ask(&w, scalar_sql, &scalars, &s), ERR_OK);

	CU_ASSERT_EQUAL(s.big, -12345);
	CU_ASSERT_EQUAL(s.whole, -12345);
	CU_ASSERT_EQUAL(s.small, -12345);
	CU_ASSERT_TRUE(s.flag);
	CU_ASSERT_STRING_EQUAL(s.text, "Zo\xc3\xab's \\ \"table\"\n");
	CU_ASSERT_EQUAL(memcmp(&s.id, &id, sizeof id), 0);
	CU_ASSERT_EQUAL(s.at, -1);
	CU_ASSERT_EQUAL(s.day, -719162);
	CU_ASSERT_EQUAL_FATAL(s.bytes.len, 3);
	CU_ASSERT_EQUAL(memcmp(s.bytes.data, "\0\1\xff", 3), 0);
	close_world(&w);
}

static void
nulls_come_back_as_absent_and_not_as_zero(void)
{
	const struct uuid none = { { 0 } };
	struct scalars s;
	struct world w;

	open_world(&w);
	memset(&s, 0x55, sizeof s);
	args_i64(&w.args, NONE);
	args_bool(&w.args, false);
	args_text(&w.args, NULL);
	args_uuid(&w.args, &none);
	args_instant(&w.args, NONE);
	args_date(&w.args, NONE);
	args_bytes(&w.args, (struct bytes){ NULL, 0 });
	CU_ASSERT_EQUAL_FATAL(ask(&w, scalar_sql, &scalars, &s), ERR_OK);

	CU_ASSERT_EQUAL(s.big, NONE);
	CU_ASSERT_EQUAL(s.small, NONE);
	CU_ASSERT_FALSE(s.flag);
	CU_ASSERT_PTR_NULL(s.text);
	CU_ASSERT_EQUAL(memcmp(&s.id, &none, sizeof none), 0);
	CU_ASSERT_EQUAL(s.at, NONE);
	CU_ASSERT_EQUAL(s.day, NONE);
	CU_ASSERT_PTR_NULL(s.bytes.data);
	CU_ASSERT_EQUAL(s.bytes.len, 0);
	close_world(&w);
}

static void
empty_texts_and_bytes_are_not_null(void)
{
	struct scalars s;
	struct world w;

	open_world(&w);
	args_i64(&w.args, 0);
	args_bool(&w.args, false);
	args_text(&w.args, "");
	args_uuid(&w.args, NULL);
	args_instant(&w.args, 0);
	args_date(&w.args, 0);
	args_bytes(&w.args, (struct bytes){ (const uint8_t *)"", 0 });
	CU_ASSERT_EQUAL_FATAL(ask(&w, scalar_sql, &scalars, &s), ERR_OK);

	CU_ASSERT_EQUAL(s.big, 0);
	CU_ASSERT_PTR_NOT_NULL_FATAL(s.text);
	CU_ASSERT_STRING_EQUAL(s.text, "");
	CU_ASSERT_EQUAL(s.at, 0);
	CU_ASSERT_EQUAL(s.day, 0);
	CU_ASSERT_PTR_NOT_NULL(s.bytes.data);
	CU_ASSERT_EQUAL(s.bytes.len, 0);
	close_world(&w);
}

struct seen {
	const char *big, *at, *day, *id, *bytes, *arrays;
};
#define SEEN(name) { #name, COLUMN_TEXT, offsetof(struct seen, name) }
static const struct column seen_items[] = { SEEN(big), SEEN(at), SEEN(day),
	SEEN(id), SEEN(bytes), SEEN(arrays) };
static const struct columns seen = { sizeof(struct seen), seen_items,
	ARRAY_LEN(seen_items) };

/* A round trip alone would not notice two mistakes that cancel out. */
static void
postgres_reads_the_parameters_as_we_mean_them(void)
{
	const int64_t days[] = { 19723, 0 };
	const int64_t instants[] = { INT64_C(1705309200123456) };
	const struct uuid id = { { 0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd,
	    0xef, 0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef } };
	struct seen s;
	struct world w;

	open_world(&w);
	pg_do(w.conn, "set timezone to 'UTC'");
	args_i64(&w.args, INT64_MAX);
	args_instant(&w.args, INT64_C(1705309200123456));
	args_date(&w.args, 19723);
	args_uuid(&w.args, &id);
	args_bytes(&w.args, (struct bytes){ (const uint8_t *)"\xde\xad", 2 });
	args_dates(&w.args, days, 2);
	args_instants(&w.args, instants, 1);
	CU_ASSERT_EQUAL_FATAL(ask(&w,
	    "select $1::bigint::text as big, $2::timestamptz::text as at,"
	    " $3::date::text as day, $4::uuid::text as id,"
	    " $5::bytea::text as bytes,"
	    " $6::date[]::text || $7::timestamptz[]::text as arrays",
	    &seen, &s), ERR_OK);

	CU_ASSERT_STRING_EQUAL(s.big, "9223372036854775807");
	CU_ASSERT_STRING_EQUAL(s.at, "2024-01-15 09:00:00.123456+00");
	CU_ASSERT_STRING_EQUAL(s.day, "2024-01-01");
	CU_ASSERT_STRING_EQUAL(s.id, "01234567-89ab-cdef-0123-456789abcdef");
	CU_ASSERT_STRING_EQUAL(s.bytes, "\\xdead");
	CU_ASSERT_STRING_EQUAL(s.arrays, "{2024-01-01,1970-01-01}"
	    "{\"2024-01-15 09:00:00.123456+00\"}");
	close_world(&w);
}

struct edges {
	int64_t later, earlier, last, first;
};
#define EDGE(name, type) { #name, type, offsetof(struct edges, name) }
static const struct column edge_items[] = { EDGE(later, COLUMN_INSTANT),
	EDGE(earlier, COLUMN_INSTANT), EDGE(last, COLUMN_DATE),
	EDGE(first, COLUMN_DATE) };
static const struct columns edges = { sizeof(struct edges), edge_items,
	ARRAY_LEN(edge_items) };

static void
infinities_are_neither_absent_nor_overflow(void)
{
	struct edges s;
	struct world w;

	open_world(&w);
	CU_ASSERT_EQUAL_FATAL(ask(&w, "select 'infinity'::timestamptz as later,"
	    " '-infinity'::timestamptz as earlier, 'infinity'::date as last,"
	    " '-infinity'::date as first", &edges, &s), ERR_OK);
	CU_ASSERT_EQUAL(s.later, INT64_MAX);
	CU_ASSERT_EQUAL(s.earlier, INT64_MIN + 1);
	CU_ASSERT_EQUAL(s.last, INT64_MAX);
	CU_ASSERT_EQUAL(s.first, INT64_MIN + 1);

	args_instant(&w.args, INT64_MAX);
	args_instant(&w.args, INT64_MIN + 1);
	args_date(&w.args, INT64_MAX);
	args_date(&w.args, INT64_MIN + 1);
	CU_ASSERT_EQUAL_FATAL(ask(&w, "select $1::timestamptz as later,"
	    " $2::timestamptz as earlier, $3::date as last, $4::date as first",
	    &edges, &s), ERR_OK);
	CU_ASSERT_EQUAL(s.later, INT64_MAX);
	CU_ASSERT_EQUAL(s.earlier, INT64_MIN + 1);
	CU_ASSERT_EQUAL(s.last, INT64_MAX);
	CU_ASSERT_EQUAL(s.first, INT64_MIN + 1);
	close_world(&w);
}

struct lists {
	struct ints bigs, wholes, smalls, instants, flags;
	struct texts texts;
	struct uuids ids;
	struct bytess bytess;
};
#define LIST(name, type) { #name, type, offsetof(struct lists, name) }
static const struct column list_items[] = { LIST(bigs, COLUMN_I64S),
	LIST(wholes, COLUMN_I64S), LIST(smalls, COLUMN_I64S),
	LIST(texts, COLUMN_TEXTS), LIST(ids, COLUMN_UUIDS),
	LIST(instants, COLUMN_INSTANTS), LIST(bytess, COLUMN_BYTESS),
	LIST(flags, COLUMN_BOOLS) };
static const struct columns lists = { sizeof(struct lists), list_items,
	ARRAY_LEN(list_items) };

static const char list_sql[] =
    "select $1::bigint[] as bigs, $1::bigint[]::integer[] as wholes,"
    " $1::bigint[]::smallint[] as smalls, $2::text[] as texts,"
    " $3::uuid[] as ids, $4::timestamptz[] as instants,"
    " $5::bytea[] as bytess, array[true, null, false] as flags";

static void
arrays_come_back_element_by_element(void)
{
	const int64_t ints[] = { -3, 0, 32767 };
	const char *const texts[] = { "a", NULL, "", "\xe2\x82\xac {,}\"" };
	const struct uuid ids[] = { { { 7 } }, { { [15] = 9 } } };
	const int64_t instants[] = { 0, NONE, INT64_C(1705309200123456) };
	const struct bytes bytess[] = { { (const uint8_t *)"\0x", 2 },
		{ NULL, 0 }, { (const uint8_t *)"", 0 } };
	struct lists s;
	struct world w;

	open_world(&w);
	args_i64s(&w.args, ints, 3);
	args_texts(&w.args, texts, 4);
	args_uuids(&w.args, ids, 2);
	args_instants(&w.args, instants, 3);
	args_bytess(&w.args, bytess, 3);
	CU_ASSERT_EQUAL_FATAL(ask(&w, list_sql, &lists, &s), ERR_OK);

	CU_ASSERT_EQUAL_FATAL(s.bigs.count, 3);
	CU_ASSERT_EQUAL(memcmp(s.bigs.items, ints, sizeof ints), 0);
	CU_ASSERT_EQUAL(memcmp(s.wholes.items, ints, sizeof ints), 0);
	CU_ASSERT_EQUAL(memcmp(s.smalls.items, ints, sizeof ints), 0);
	CU_ASSERT_EQUAL_FATAL(s.texts.count, 4);
	CU_ASSERT_STRING_EQUAL(s.texts.items[0], "a");
	CU_ASSERT_PTR_NULL(s.texts.items[1]);
	CU_ASSERT_STRING_EQUAL(s.texts.items[2], "");
	CU_ASSERT_STRING_EQUAL(s.texts.items[3], "\xe2\x82\xac {,}\"");
	CU_ASSERT_EQUAL_FATAL(s.ids.count, 2);
	CU_ASSERT_EQUAL(memcmp(s.ids.items, ids, sizeof ids), 0);
	CU_ASSERT_EQUAL_FATAL(s.instants.count, 3);
	CU_ASSERT_EQUAL(memcmp(s.instants.items, instants, sizeof instants), 0);
	CU_ASSERT_EQUAL_FATAL(s.bytess.count, 3);
	CU_ASSERT_EQUAL(memcmp(s.bytess.items[0].data, "\0x", 2), 0);
	CU_ASSERT_PTR_NULL(s.bytess.items[1].data);
	CU_ASSERT_PTR_NOT_NULL(s.bytess.items[2].data);
	CU_ASSERT_EQUAL(s.bytess.items[2].len, 0);
	CU_ASSERT_EQUAL_FATAL(s.flags.count, 3);
	CU_ASSERT_EQUAL(s.flags.items[0], 1);
	CU_ASSERT_EQUAL(s.flags.items[1], 0);
	CU_ASSERT_EQUAL(s.flags.items[2], 0);
	close_world(&w);
}

static void
empty_arrays_and_null_arrays_have_no_elements(void)
{
	struct lists s;
	struct world w;

	open_world(&w);
	memset(&s, 0x55, sizeof s);
	args_i64s(&w.args, NULL, 0);
	args_texts(&w.args, NULL, 0);
	args_uuids(&w.args, NULL, 0);
	args_instants(&w.args, NULL, 0);
	args_bytess(&w.args, NULL, 0);
	CU_ASSERT_EQUAL_FATAL(ask(&w, list_sql, &lists, &s), ERR_OK);
	CU_ASSERT_EQUAL(s.bigs.count, 0);
	CU_ASSERT_EQUAL(s.texts.count, 0);
	CU_ASSERT_EQUAL(s.ids.count, 0);
	CU_ASSERT_EQUAL(s.instants.count, 0);
	CU_ASSERT_EQUAL(s.bytess.count, 0);

	/* Postgres takes them for empty, not for null. */
	CU_ASSERT_EQUAL(ask(&w, "select cardinality($1::bigint[]) as big,"
	    " cardinality($2::text[]) as whole,"
	    " cardinality($3::uuid[]) as small,"
	    " cardinality($4::timestamptz[]) = 0 as flag,"
	    " ($5::bytea[])::text as text, null::uuid as id,"
	    " null::timestamptz as at, null::date as day,"
	    " null::bytea as bytes", &scalars, &(struct scalars){ 0 }), ERR_OK);
	CU_ASSERT_STRING_EQUAL(PQgetvalue(w.result, 0, 4), "{}");

	args_init(&w.args, w.arena);
	memset(&s, 0x55, sizeof s);
	CU_ASSERT_EQUAL_FATAL(ask(&w, "select null::bigint[] as bigs,"
	    " array[1, null]::integer[] as wholes,"
	    " null::smallint[] as smalls, null::text[] as texts,"
	    " null::uuid[] as ids, array[null]::timestamptz[] as instants,"
	    " null::bytea[] as bytess, null::boolean[] as flags",
	    &lists, &s), ERR_OK);
	CU_ASSERT_EQUAL(s.bigs.count, 0);
	CU_ASSERT_PTR_NULL(s.bigs.items);
	CU_ASSERT_EQUAL_FATAL(s.wholes.count, 2);
	CU_ASSERT_EQUAL(s.wholes.items[1], NONE);
	CU_ASSERT_EQUAL_FATAL(s.instants.count, 1);
	CU_ASSERT_EQUAL(s.instants.items[0], NONE);
	CU_ASSERT_PTR_NULL(s.texts.items);
	close_world(&w);
}

static const struct column edge_wrong_type[] = {
	{ "later", COLUMN_TEXT, 0 } };
static const struct column edge_wrong_name[] = {
	{ "sooner", COLUMN_INSTANT, 0 } };

static void
columns_that_differ_from_the_table_are_refused_by_name(void)
{
	const struct columns type = { sizeof(struct edges), edge_wrong_type,
		1 };
	const struct columns name = { sizeof(struct edges), edge_wrong_name,
		1 };
	const char *sql = "select now() as later";
	struct edges s = { .later = 77 };
	struct world w;

	open_world(&w);
	CU_ASSERT_EQUAL(ask(&w, sql, &type, &s), ERR_INTERNAL);
	CU_ASSERT_STRING_EQUAL(w.scope.why,
	    "statement ask: column later is of type 1184");
	CU_ASSERT_EQUAL(ask(&w, sql, &name, &s), ERR_INTERNAL);
	CU_ASSERT_STRING_EQUAL(w.scope.why,
	    "statement ask: column 1 is later, not sooner");
	CU_ASSERT_EQUAL(ask(&w, sql, &edges, &s), ERR_INTERNAL);
	CU_ASSERT_STRING_EQUAL(w.scope.why,
	    "statement ask: 1 columns, not 4");
	CU_ASSERT_EQUAL(s.later, 77);
	close_world(&w);
}

static void
an_array_of_two_dimensions_is_refused_and_not_flattened(void)
{
	static const struct column items[] = {
		{ "bigs", COLUMN_I64S, offsetof(struct lists, bigs) } };
	const struct columns columns = { sizeof(struct lists), items, 1 };
	struct lists s;
	struct world w;

	open_world(&w);
	CU_ASSERT_EQUAL(ask(&w, "select '{{1,2},{3,4}}'::bigint[] as bigs",
	    &columns, &s), ERR_INTERNAL);
	CU_ASSERT_STRING_EQUAL(w.scope.why,
	    "statement ask: column bigs does not read");
	CU_ASSERT_EQUAL(s.bigs.count, 0);
	close_world(&w);
}

UNIT_SUITE(values,
    UNIT_TEST(every_scalar_comes_back_as_it_went),
    UNIT_TEST(nulls_come_back_as_absent_and_not_as_zero),
    UNIT_TEST(empty_texts_and_bytes_are_not_null),
    UNIT_TEST(postgres_reads_the_parameters_as_we_mean_them),
    UNIT_TEST(infinities_are_neither_absent_nor_overflow),
    UNIT_TEST(arrays_come_back_element_by_element),
    UNIT_TEST(empty_arrays_and_null_arrays_have_no_elements),
    UNIT_TEST(columns_that_differ_from_the_table_are_refused_by_name),
    UNIT_TEST(an_array_of_two_dimensions_is_refused_and_not_flattened))
