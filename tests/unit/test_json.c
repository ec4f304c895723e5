/* test_json.c: what is JSON and what is not, and what we write. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/instant.h"
#include "base/json.h"
#include "base/uuid.h"
#include "unit/unit.h"

#define DEPTH 16
#define LONG_MAX_BYTES (64 * 1024)

static const char *
check(const char *text)
{
	size_t at = 0;

	return json_check(text, strlen(text), DEPTH, &at);
}

static size_t
wrong_at(const char *text)
{
	size_t at = SIZE_MAX;

	CU_ASSERT_PTR_NOT_NULL(json_check(text, strlen(text), DEPTH, &at));
	return at;
}

/* Files that RFC 8259 lets a parser accept, and this one refuses on purpose. */
static bool
is_stricter_here(const char *name)
{
	static const char *const names[] = {
		/* the last of two would silently win */
		"y_object_duplicated_key.json",
		"y_object_duplicated_key_and_value.json",
		/* NUL ends a text in C and in Postgres */
		"y_object_escaped_null_in_key.json",
		"y_string_null_escape.json",
		/* 81 characters: no amount or age needs them */
		"y_number_double_close_to_zero.json",
	};

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		if (strcmp(name, names[i]) == 0)
			return true;
	}
	return false;
}

static void
hold_file(const char *folder, const char *name)
{
	char path[4608];
	unsigned long len;
	char *text;
	char *exact;
	size_t at = SIZE_MAX;
	const char *wrong;
	bool must_hold = name[0] == 'y' && !is_stricter_here(name);
	bool must_not = name[0] == 'n' || is_stricter_here(name);

	snprintf(path, sizeof path, "%s/%s", folder, name);
	text = unit_slurp(path, &len);
	CU_ASSERT_PTR_NOT_NULL_FATAL(text);

	/* Memory of the exact size: a sanitizer sees a byte read beyond. */
	exact = malloc(len ? len : 1);
	CU_ASSERT_PTR_NOT_NULL_FATAL(exact);
	memcpy(exact, text, len);
	wrong = json_check(exact, len, DEPTH, &at);
	if ((must_hold && wrong) || (must_not && !wrong)) {
		fprintf(stderr, "%s: %s\n", name, wrong ? wrong : "accepted");
		CU_FAIL("a file of the official suite is judged wrongly");
	}
	CU_ASSERT(wrong ? at <= len : at == SIZE_MAX);
	free(exact);
	free(text);
}

static void
test_the_official_suite_is_judged_as_it_says(void)
{
	char folder[4352];
	size_t count = 0;
	struct dirent *entry;
	DIR *dir;

	if (!unit_have_vectors())
		return;
	snprintf(folder, sizeof folder, "%s/jsontestsuite/test_parsing",
	    unit_vectors());
	dir = opendir(folder);
	CU_ASSERT_PTR_NOT_NULL_FATAL(dir);
	while ((entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] == '.')
			continue;
		hold_file(folder, entry->d_name);
		count++;
	}
	closedir(dir);
	CU_ASSERT_EQUAL(count, 318);
}

/* Bytes of a hex text that ends at anything else. */
static size_t
unhex(const char *text, char *out, size_t max)
{
	size_t len = 0;

	for (; len < max && strspn(text, "0123456789abcdefABCDEF") >= 2; len++) {
		char pair[3] = { text[0], text[1], '\0' };

		out[len] = (char)strtoul(pair, NULL, 16);
		text += 2;
		text += strspn(text, " ");
	}
	return len;
}

static void
test_a_string_is_utf8_or_refused(void)
{
	char path[4352];
	char *text;
	char *line;
	char *rest;
	size_t good = 0;
	size_t bad = 0;

	if (!unit_have_vectors())
		return;
	snprintf(path, sizeof path, "%s/utf8/utf8tests.txt", unit_vectors());
	text = unit_slurp(path, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(text);

	for (line = strtok_r(text, "\n", &rest); line;
	     line = strtok_r(NULL, "\n", &rest)) {
		char json[256] = "\"";
		char *hex = strstr(line, " hex:");
		size_t len;
		size_t at;

		if (*line == '#' || !hex)
			continue;
		len = unhex(hex + 5, json + 1, sizeof json - 2);
		if (len == 0 || memchr(json + 1, '\0', len))
			continue;
		json[1 + len] = '"';
		if (strstr(line, ":valid hex:")) {
			CU_ASSERT_PTR_NULL(
			    json_check(json, len + 2, DEPTH, &at));
			good++;
		} else {
			CU_ASSERT_PTR_NOT_NULL(
			    json_check(json, len + 2, DEPTH, &at));
			bad++;
		}
	}
	free(text);
	CU_ASSERT(good >= 50);
	CU_ASSERT(bad >= 130);
}

static void
test_the_byte_that_is_wrong_is_named(void)
{
	CU_ASSERT_EQUAL(wrong_at(""), 0);
	CU_ASSERT_EQUAL(wrong_at("  x"), 2);
	CU_ASSERT_EQUAL(wrong_at("{\"a\":1,}"), 7);
	CU_ASSERT_EQUAL(wrong_at("[1,2"), 4);
	CU_ASSERT_EQUAL(wrong_at("\"ab\\q\""), 3);
	CU_ASSERT_EQUAL(wrong_at("1 2"), 2);
	CU_ASSERT_EQUAL(wrong_at("{\"a\":1,\"b\":2,\"a\":3}"), 13);
}

static void
test_a_member_twice_is_refused_however_it_is_written(void)
{
	CU_ASSERT_PTR_NOT_NULL(check("{\"a\":1,\"\\u0061\":2}"));
	CU_ASSERT_PTR_NOT_NULL(check("{\"\\/\":1,\"/\":2}"));
	CU_ASSERT_PTR_NOT_NULL(check("{\"\\n\":1,\"\\u000a\":2}"));
	CU_ASSERT_PTR_NOT_NULL(check("{\"\xc3\xa9\":1,\"\\u00E9\":2}"));
	CU_ASSERT_PTR_NOT_NULL(
	    check("{\"\xf0\x9f\x98\x80\":1,\"\\ud83d\\ude00\":2}"));
	CU_ASSERT_PTR_NOT_NULL(check("{\"\":1,\"\":2}"));
	CU_ASSERT_PTR_NOT_NULL(check("[{\"x\":{\"a\":1,\"b\":[],\"a\":1}}]"));
	/* the object goes on after one that is nested */
	CU_ASSERT_PTR_NOT_NULL(check("{\"a\":{\"a\":1},\"a\":2}"));
}

static void
test_a_name_may_stand_again_in_another_object(void)
{
	CU_ASSERT_PTR_NULL(check("{\"a\":{\"a\":{\"a\":1}},\"b\":[{\"a\":1},"
	    "{\"a\":1}]}"));
	CU_ASSERT_PTR_NULL(check("{\"a\":1,\"A\":2,\"ab\":3,\"\":4}"));
	CU_ASSERT_PTR_NULL(check("{\"e\\u0301\":1,\"\xc3\xa9\":2}"));
}

static void
test_a_surrogate_must_have_its_other_half(void)
{
	CU_ASSERT_PTR_NULL(check("\"\\ud83d\\ude00\\uD83D\\uDFFF\""));
	CU_ASSERT_PTR_NOT_NULL(check("\"\\ud83d\\ue000\""));
	CU_ASSERT_PTR_NOT_NULL(check("\"\\ud83d\\udbff\""));
	CU_ASSERT_PTR_NOT_NULL(check("\"\\ud83dxxxxxx\""));
	CU_ASSERT_PTR_NOT_NULL(check("\"\\ud83d\""));
	CU_ASSERT_PTR_NOT_NULL(check("\"\\ude00\\ud83d\""));
	CU_ASSERT_EQUAL(wrong_at("\"ab\\udfff\""), 3);
}

static void
test_depth_is_bounded_at_the_number_given(void)
{
	char text[2 * (DEPTH + 1) + 1];
	size_t at;

	for (size_t depth = 1; depth <= DEPTH + 1; depth++) {
		memset(text, '[', depth);
		memset(text + depth, ']', depth);
		CU_ASSERT_EQUAL(json_check(text, 2 * depth, DEPTH, &at) == NULL,
		    depth <= DEPTH);
	}
	CU_ASSERT_PTR_NOT_NULL(json_check("[]", 2, 0, &at));
	CU_ASSERT_PTR_NULL(json_check("1", 1, 0, &at));
}

static void
test_a_number_has_at_most_64_characters(void)
{
	char text[66];
	size_t at;

	memset(text, '1', sizeof text);
	CU_ASSERT_PTR_NULL(json_check(text, 64, DEPTH, &at));
	CU_ASSERT_PTR_NOT_NULL(json_check(text, 65, DEPTH, &at));
}

/* `count` members with names an attacker would choose: they differ only at
 * the end.  With `twice` the last is the first again. */
static size_t
write_members(char *out, size_t count, bool twice)
{
	size_t len = 0;

	out[len++] = '{';
	for (size_t i = 0; i < count; i++) {
		size_t name = twice && i == count - 1 ? 0 : i;

		len += (size_t)snprintf(out + len, 16, "%s\"%04zx\":1",
		    i > 0 ? "," : "", name);
	}
	out[len++] = '}';
	return len;
}

static void
test_duplicates_are_found_among_thousands_and_members_are_bounded(void)
{
	char *text = malloc(10 * (JSON_MEMBERS_MAX + 2));
	size_t at = 0;
	size_t len;

	CU_ASSERT_PTR_NOT_NULL_FATAL(text);
	len = write_members(text, JSON_MEMBERS_MAX, false);
	CU_ASSERT_PTR_NULL(json_check(text, len, DEPTH, &at));
	len = write_members(text, JSON_MEMBERS_MAX, true);
	CU_ASSERT_PTR_NOT_NULL(json_check(text, len, DEPTH, &at));
	CU_ASSERT_EQUAL(at, len - 1 - strlen("\"0000\":1"));
	len = write_members(text, JSON_MEMBERS_MAX + 1, false);
	CU_ASSERT_PTR_NOT_NULL(json_check(text, len, DEPTH, &at));
	free(text);
}

static void
test_a_duplicate_is_found_wherever_the_two_stand(void)
{
	char text[10 * 64];
	size_t at;

	for (size_t count = 2; count <= 40; count++) {
		for (size_t twin = 0; twin < count - 1; twin++) {
			size_t len = 1;

			/* 41 is prime: the names come in no order. */
			text[0] = '{';
			for (size_t i = 0; i < count; i++) {
				size_t name = (i == count - 1 ? twin : i) + 1;

				len += (size_t)snprintf(text + len, 16,
				    "%s\"%zu\":0", i > 0 ? "," : "",
				    name * 17 % 41);
			}
			text[len++] = '}';
			text[len] = '\0';
			CU_ASSERT_PTR_NOT_NULL(
			    json_check(text, len, DEPTH, &at));

			/* Without the last one all of them differ. */
			len = (size_t)(strrchr(text, ',') - text);
			text[len++] = '}';
			CU_ASSERT_PTR_NULL(json_check(text, len, DEPTH, &at));
		}
	}
}

/* What `put` leaves in the buffer. */
#define WRITTEN(want, put) \
	do { \
		struct arena *arena_ = arena_open(1 << 20); \
		struct buf out; \
		CU_ASSERT_PTR_NOT_NULL_FATAL(arena_); \
		buf_init(&out, arena_, 4096); \
		put; \
		CU_ASSERT_STRING_EQUAL(out.data, want); \
		arena_close(arena_); \
	} while (0)

static void
test_text_is_escaped_where_it_would_do_harm(void)
{
	WRITTEN("\"\"", json_put_text(&out, ""));
	WRITTEN("\"a\\\"b\\\\c/\"", json_put_text(&out, "a\"b\\c/"));
	WRITTEN("\"\\b\\f\\n\\r\\t\\u0001\\u001b\\u007f\"",
	    json_put_text(&out, "\b\f\n\r\t\x01\x1b\x7f"));
	WRITTEN("\"\\u2028\\u2029\xe2\x80\xa7\"",
	    json_put_text(&out, "\xe2\x80\xa8\xe2\x80\xa9\xe2\x80\xa7"));
	WRITTEN("\"\xc3\xa9\xf0\x9f\x98\x80\"",
	    json_put_text(&out, "\xc3\xa9\xf0\x9f\x98\x80"));
	WRITTEN("\"a\\ufffdb\\ufffd\"", json_put_text(&out, "a\xff" "b\xc3"));
}

static void
test_values_are_written_in_their_one_form(void)
{
	struct uuid id = { { 0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef,
	    0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef } };

	WRITTEN("\"01234567-89ab-cdef-0123-456789abcdef\"",
	    json_put_uuid(&out, &id));
	WRITTEN("\"1970-01-02T00:00:00Z\"",
	    json_put_instant(&out, INT64_C(86400000000)));
	WRITTEN("\"1970-01-02\"", json_put_date(&out, 1));
	WRITTEN("-9223372036854775808", json_put_int(&out, INT64_MIN));
	WRITTEN("120.00", json_put_money(&out, 12000));
	WRITTEN("0.00", json_put_money(&out, 0));
	WRITTEN("0.05", json_put_money(&out, 5));
	WRITTEN("-0.05", json_put_money(&out, -5));
	WRITTEN("-12.00", json_put_money(&out, -1200));
	WRITTEN("92233720368547758.07", json_put_money(&out, INT64_MAX));
	WRITTEN("-92233720368547758.08", json_put_money(&out, INT64_MIN));
}

static void
test_every_naughty_string_is_read_back_as_it_was_written(void)
{
	char path[4352];
	struct json_object *all;
	struct arena *arena = arena_open(1 << 20);
	size_t count;

	CU_ASSERT_PTR_NOT_NULL_FATAL(arena);
	if (!unit_have_vectors()) {
		arena_close(arena);
		return;
	}
	snprintf(path, sizeof path, "%s/naughty/blns.json", unit_vectors());
	all = json_object_from_file(path);
	CU_ASSERT_PTR_NOT_NULL_FATAL(all);
	count = json_object_array_length(all);
	CU_ASSERT(count >= 500);

	for (size_t i = 0; i < count; i++) {
		const char *text = json_object_get_string(
		    json_object_array_get_idx(all, i));
		struct json_object *back;
		struct buf out;
		size_t at;

		arena_reset(arena);
		buf_init(&out, arena, LONG_MAX_BYTES);
		json_put_text(&out, text);
		CU_ASSERT_FALSE(out.overflow);
		CU_ASSERT_PTR_NULL(json_check(out.data, out.len, 0, &at));
		back = json_tokener_parse(out.data);
		CU_ASSERT_STRING_EQUAL(json_object_get_string(back), text);
		json_object_put(back);
	}
	json_object_put(all);
	arena_close(arena);
}

UNIT_SUITE(json,
    UNIT_TEST(test_the_official_suite_is_judged_as_it_says),
    UNIT_TEST(test_a_string_is_utf8_or_refused),
    UNIT_TEST(test_the_byte_that_is_wrong_is_named),
    UNIT_TEST(test_a_member_twice_is_refused_however_it_is_written),
    UNIT_TEST(test_a_name_may_stand_again_in_another_object),
    UNIT_TEST(test_a_surrogate_must_have_its_other_half),
    UNIT_TEST(test_depth_is_bounded_at_the_number_given),
    UNIT_TEST(test_a_number_has_at_most_64_characters),
    UNIT_TEST(test_duplicates_are_found_among_thousands_and_members_are_bounded),
    UNIT_TEST(test_a_duplicate_is_found_wherever_the_two_stand),
    UNIT_TEST(test_text_is_escaped_where_it_would_do_harm),
    UNIT_TEST(test_values_are_written_in_their_one_form),
    UNIT_TEST(test_every_naughty_string_is_read_back_as_it_was_written))
