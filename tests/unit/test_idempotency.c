/* test_idempotency.c: the Idempotency-Key header and stored answers. */
#include "http/idempotency.h"

#include <stdio.h>
#include <string.h>

#include <json-c/json.h>

#include "base/arena.h"
#include "support/fake_app.h"
#include "unit/unit.h"

#define BOOKINGS "/api/v1/bookings"
#define ONE BOOKINGS "/" FAKE_BOOKING

/* A quoted key of the vectors; those the vectors join from two header lines
 * never reach us. */
static void
try_vector(struct arena *arena, struct json_object *test)
{
	struct json_object *raw = json_object_object_get(test, "raw");
	struct json_object *expected =
	    json_object_object_get(test, "expected");
	const char *text =
	    json_object_get_string(json_object_array_get_idx(raw, 0));
	const char *want, *key = "untouched";
	bool good;

	if (text[0] != '"' || json_object_array_length(raw) != 1)
		return;
	good = idempotency_key(arena, text, &key);
	if (json_object_get_boolean(
	        json_object_object_get(test, "must_fail"))) {
		CU_ASSERT_FALSE(good);
		CU_ASSERT_STRING_EQUAL(key, "untouched");
		return;
	}
	want = json_object_get_string(json_object_array_get_idx(expected, 0));
	if (!*want || strlen(want) > IDEMPOTENCY_KEY_MAX) {
		CU_ASSERT_FALSE(good);
		return;
	}
	CU_ASSERT_TRUE(good);
	CU_ASSERT_STRING_EQUAL(key, want);
}

static void
a_quoted_key_is_read_as_the_vectors_of_structured_fields_say(void)
{
	const char *vectors = unit_vectors();
	struct arena *arena = arena_open(1024 * 1024);
	struct json_object *tests;
	char path[4200];

	if (vectors) {
		snprintf(path, sizeof path, "%s/structured-fields/string.json",
		    vectors);
		tests = json_object_from_file(path);
		CU_ASSERT_PTR_NOT_NULL_FATAL(tests);
		CU_ASSERT_EQUAL(json_object_array_length(tests), 14);
		for (size_t i = 0; i < json_object_array_length(tests); i++)
			try_vector(arena,
			    json_object_array_get_idx(tests, i));
		json_object_put(tests);
	}
	arena_close(arena);
}

static void
a_bare_key_is_taken_up_to_its_length(void)
{
	struct arena *arena = arena_open(1024 * 1024);
	char text[IDEMPOTENCY_KEY_MAX + 2];
	const char *key = NULL;

	CU_ASSERT_TRUE(idempotency_key(arena, " 8e03978e-40d5 ", &key));
	CU_ASSERT_STRING_EQUAL(key, "8e03978e-40d5");
	CU_ASSERT_TRUE(idempotency_key(arena, "\"8e03978e-40d5\"", &key));
	CU_ASSERT_STRING_EQUAL(key, "8e03978e-40d5");

	memset(text, 'k', sizeof text);
	text[IDEMPOTENCY_KEY_MAX] = '\0';
	CU_ASSERT_TRUE(idempotency_key(arena, text, &key));
	CU_ASSERT_EQUAL(strlen(key), IDEMPOTENCY_KEY_MAX);
	text[IDEMPOTENCY_KEY_MAX] = 'k';
	text[IDEMPOTENCY_KEY_MAX + 1] = '\0';
	CU_ASSERT_FALSE(idempotency_key(arena, text, &key));

	CU_ASSERT_FALSE(idempotency_key(arena, "", &key));
	CU_ASSERT_FALSE(idempotency_key(arena, "a b", &key));
	CU_ASSERT_FALSE(idempotency_key(arena, "a,b", &key));
	CU_ASSERT_FALSE(idempotency_key(arena, "a\"b", &key));
	CU_ASSERT_FALSE(idempotency_key(arena, "k\xc3\xa9y", &key));
	CU_ASSERT_FALSE(idempotency_key(arena, "k\x01y", &key));
	CU_ASSERT_FALSE(idempotency_key(arena, "\"a\" b", &key));
	arena_close(arena);
}

static void
a_bad_key_is_refused_by_name_and_nothing_is_done(void)
{
	struct world *w = world_open();

	world_header(w, "authorization", "Bearer customer");
	world_header(w, "idempotency-key", "\"unfinished");
	CU_ASSERT_EQUAL(world_ask(w, "DELETE", ONE, NULL), 400);
	CU_ASSERT_TRUE(world_says(w, "\"parameter\":\"Idempotency-Key\""));
	CU_ASSERT_EQUAL(fake.calls, 0);
	world_close(w);
}

static void
the_fingerprint_is_method_path_body_and_the_query_of_a_delete(void)
{
	struct world *w = world_open();

	world_header(w, "authorization", "Bearer customer");
	world_header(w, "idempotency-key", "k1");
	CU_ASSERT_EQUAL(world_ask(w, "DELETE", ONE "?reason=ill", NULL), 200);
	CU_ASSERT_STRING_EQUAL(fake.key, "k1");
	CU_ASSERT_STRING_EQUAL(fake.fingerprint,
	    "DELETE\n" ONE "\nreason=ill\n");

	world_header(w, "authorization", "Bearer customer");
	world_header(w, "idempotency-key", "k1");
	CU_ASSERT_EQUAL(world_ask(w, "PUT", ONE,
	    "{\"end_datetime\":\"2027-01-15T10:00:00Z\"}"), 200);
	CU_ASSERT_STRING_EQUAL(fake.fingerprint, "PUT\n" ONE
	    "\n{\"end_datetime\":\"2027-01-15T10:00:00Z\"}");
	world_close(w);
}

static void
a_programs_request_for_another_customer_is_another_request(void)
{
	static const char other[] = "22222222-2222-4222-8222-222222222222";
	struct world *w = world_open();

	world_header(w, "x-api-key", "secret");
	world_header(w, "x-customer-id", FAKE_CUSTOMER);
	world_header(w, "idempotency-key", "k1");
	CU_ASSERT_EQUAL(world_ask(w, "DELETE", ONE, NULL), 200);
	CU_ASSERT_STRING_EQUAL(fake.fingerprint,
	    "DELETE\n" ONE "\n\n" FAKE_CUSTOMER "\n");

	world_header(w, "x-api-key", "secret");
	world_header(w, "x-customer-id", other);
	world_header(w, "idempotency-key", "k1");
	(void)world_ask(w, "DELETE", ONE, NULL);
	CU_ASSERT_PTR_NOT_NULL(strstr(fake.fingerprint, other));
	world_close(w);
}

static void
a_stored_answer_is_sent_again_to_the_byte(void)
{
	struct world *w = world_open();
	char first[4096];

	world_header(w, "authorization", "Bearer customer");
	world_header(w, "idempotency-key", "k1");
	CU_ASSERT_EQUAL(world_ask(w, "DELETE", ONE, NULL), 200);
	CU_ASSERT_STRING_EQUAL(world_got(w, "Idempotency-Replayed"), "");
	CU_ASSERT_STRING_EQUAL(world_got(w, "ETag"), "\"7\"");
	snprintf(first, sizeof first, "%s", w->res.body.data);

	fake.stored = fake.rendered;
	world_header(w, "authorization", "Bearer customer");
	world_header(w, "idempotency-key", "k1");
	CU_ASSERT_EQUAL(world_ask(w, "DELETE", ONE, NULL), 200);
	CU_ASSERT_STRING_EQUAL(world_got(w, "Idempotency-Replayed"), "true");
	CU_ASSERT_STRING_EQUAL(world_got(w, "ETag"), "\"7\"");
	CU_ASSERT_STRING_EQUAL(w->res.body.data, first);

	fake.stored = "201\n\"7\"\n/api/v1/bookings/x\n{\"a\":\"\\n\"}";
	world_header(w, "authorization", "Bearer customer");
	world_header(w, "idempotency-key", "k1");
	CU_ASSERT_EQUAL(world_ask(w, "DELETE", ONE, NULL), 201);
	CU_ASSERT_STRING_EQUAL(world_got(w, "Location"),
	    "/api/v1/bookings/x");
	CU_ASSERT_STRING_EQUAL(w->res.body.data, "{\"a\":\"\\n\"}");
	world_close(w);
}

static void
a_stored_text_that_is_not_ours_is_never_sent(void)
{
	static const char *const texts[] = { "", "200", "200\n", "200\n\n",
		"500\n\n\n{}", "2000\n\n\n{}", "2x0\n\n\n{}", "20x\n\n\n{}" };
	struct world *w = world_open();

	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		fake.stored = texts[i];
		world_header(w, "authorization", "Bearer customer");
		world_header(w, "idempotency-key", "k1");
		CU_ASSERT_EQUAL(world_ask(w, "DELETE", ONE, NULL), 500);
		CU_ASSERT_STRING_EQUAL(world_got(w, "Idempotency-Replayed"),
		    "");
	}
	world_close(w);
}

UNIT_SUITE(idempotency,
    UNIT_TEST(a_quoted_key_is_read_as_the_vectors_of_structured_fields_say),
    UNIT_TEST(a_bare_key_is_taken_up_to_its_length),
    UNIT_TEST(a_bad_key_is_refused_by_name_and_nothing_is_done),
    UNIT_TEST(the_fingerprint_is_method_path_body_and_the_query_of_a_delete),
    UNIT_TEST(a_programs_request_for_another_customer_is_another_request),
    UNIT_TEST(a_stored_answer_is_sent_again_to_the_byte),
    UNIT_TEST(a_stored_text_that_is_not_ours_is_never_sent))
