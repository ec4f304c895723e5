/* test_codec.c: bytes as text and back. */
#include "base/codec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/rng.h"
#include "unit/unit.h"

#define CEILING ((size_t)4 * 1024 * 1024)

/* RFC 4648 section 10, without the padding. */
static const struct {
	const char *plain;
	const char *hex;
	const char *b64;
} rfc4648[] = {
	{ "", "", "" },
	{ "f", "66", "Zg" },
	{ "fo", "666f", "Zm8" },
	{ "foo", "666f6f", "Zm9v" },
	{ "foob", "666f6f62", "Zm9vYg" },
	{ "fooba", "666f6f6261", "Zm9vYmE" },
	{ "foobar", "666f6f626172", "Zm9vYmFy" },
	{ "\xfb\xff\xfe", "fbfffe", "-__-" },
};

static void
the_vectors_of_rfc_4648_hold_both_ways(void)
{
	struct arena *arena = arena_open(CEILING);

	for (size_t i = 0; i < sizeof rfc4648 / sizeof rfc4648[0]; i++) {
		const char *plain = rfc4648[i].plain;
		size_t len = strlen(plain);
		uint8_t *back = NULL;
		size_t got = 99;

		CU_ASSERT_STRING_EQUAL(codec_hex(arena, plain, len),
		    rfc4648[i].hex);
		CU_ASSERT_STRING_EQUAL(codec_b64url(arena, plain, len),
		    rfc4648[i].b64);
		CU_ASSERT_TRUE(codec_unhex(arena, rfc4648[i].hex,
		    strlen(rfc4648[i].hex), &back, &got));
		CU_ASSERT_EQUAL(got, len);
		CU_ASSERT_EQUAL(memcmp(back, plain, len), 0);
		CU_ASSERT_TRUE(codec_unb64url(arena, rfc4648[i].b64,
		    strlen(rfc4648[i].b64), &back, &got));
		CU_ASSERT_EQUAL(got, len);
		CU_ASSERT_EQUAL(memcmp(back, plain, len), 0);
	}
	arena_close(arena);
}

static void
any_bytes_come_back_as_they_went(void)
{
	struct arena *arena = arena_open(CEILING);
	uint8_t bytes[300];

	rng_bytes(bytes, sizeof bytes);
	for (size_t len = 0; len <= sizeof bytes; len++) {
		char *hex = codec_hex(arena, bytes, len);
		char *b64 = codec_b64url(arena, bytes, len);
		uint8_t *back;
		size_t got;

		CU_ASSERT_EQUAL(strlen(b64), (len * 4 + 2) / 3);
		CU_ASSERT_TRUE_FATAL(
		    codec_unhex(arena, hex, strlen(hex), &back, &got));
		CU_ASSERT_TRUE(got == len && memcmp(back, bytes, len) == 0);
		CU_ASSERT_TRUE_FATAL(
		    codec_unb64url(arena, b64, strlen(b64), &back, &got));
		CU_ASSERT_TRUE(got == len && memcmp(back, bytes, len) == 0);
	}
	arena_close(arena);
}

static void
loose_hex_and_base64url_are_refused_and_leave_no_trace(void)
{
	static const char *const bad_hex[] = { "6", "6g", "g6", " 66", "66 ",
		"0x66", "66\n", "6 6", "\xc3\xa9" };
	static const char *const bad_b64[] = { "A", "Zg==", "Zm8=", "Zg=",
		"Zm9v\n", " Zm9v", "Zm 9v", "Zm9+", "Zm9/", "Zh", "Zm9", "-_9",
		"AAAAA", "Zm9v\x80" };
	struct arena *arena = arena_open(CEILING);
	uint8_t *data = NULL;
	size_t len = 99;

	for (size_t i = 0; i < sizeof bad_hex / sizeof bad_hex[0]; i++)
		CU_ASSERT_FALSE(codec_unhex(arena, bad_hex[i],
		    strlen(bad_hex[i]), &data, &len));
	for (size_t i = 0; i < sizeof bad_b64 / sizeof bad_b64[0]; i++)
		CU_ASSERT_FALSE(codec_unb64url(arena, bad_b64[i],
		    strlen(bad_b64[i]), &data, &len));
	CU_ASSERT_FALSE(codec_unhex(arena, "66\0", 3, &data, &len));
	CU_ASSERT_FALSE(codec_unhex(arena, "66\0\0", 4, &data, &len));
	CU_ASSERT_FALSE(codec_unb64url(arena, "Zm9\0", 4, &data, &len));
	CU_ASSERT_PTR_NULL(data);
	CU_ASSERT_EQUAL(len, 99);
	arena_close(arena);
}

/* Of the 64 spellings of a last letter after one whole byte, 4 are canonical:
 * one byte has one text only. */
static void
each_byte_has_one_base64url_text_only(void)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghi"
	                              "jklmnopqrstuvwxyz0123456789-_";
	struct arena *arena = arena_open(CEILING);
	int taken = 0;

	for (int i = 0; i < 64; i++) {
		char text[3] = { 'Z', letters[i], '\0' };
		uint8_t *data;
		size_t len;

		taken += codec_unb64url(arena, text, 2, &data, &len);
	}
	CU_ASSERT_EQUAL(taken, 4);
	arena_close(arena);
}

static void
percent_texts_are_decoded(void)
{
	static const struct {
		const char *text;
		bool plus;
		const char *want;
	} rows[] = {
		{ "", false, "" },
		{ "abc", false, "abc" },
		{ "a%20b", false, "a b" },
		{ "a+b", false, "a+b" },
		{ "a+b", true, "a b" },
		{ "a%2Bb", true, "a+b" },
		{ "%2f%2F", false, "//" },
		{ "%C3%A9", false, "\xc3\xa9" },
		{ "\xc3%A9", false, "\xc3\xa9" },
		{ "%2541", false, "%41" },
		{ "%0d%0a", false, "\r\n" },
	};
	struct arena *arena = arena_open(CEILING);

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		char *text = NULL;

		CU_ASSERT_TRUE_FATAL(codec_unpercent(arena, rows[i].text,
		    strlen(rows[i].text), rows[i].plus, &text));
		CU_ASSERT_STRING_EQUAL(text, rows[i].want);
	}
	arena_close(arena);
}

static void
bad_percent_texts_are_refused(void)
{
	static const char *const bad[] = { "%", "a%", "%4", "%4g", "%g4",
		"% 4", "%+4", "%00", "a%00b", "%%41", "%u0041", "%80", "%C3",
		"%C3%28", "%ED%A0%80", "%C0%AF", "\xff" };
	struct arena *arena = arena_open(CEILING);
	char *text = NULL;

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		CU_ASSERT_FALSE(codec_unpercent(arena, bad[i], strlen(bad[i]),
		    true, &text));
	/* The escape may not reach beyond the length that was given. */
	CU_ASSERT_FALSE(codec_unpercent(arena, "%41", 2, true, &text));
	CU_ASSERT_FALSE(codec_unpercent(arena, "a\0b", 3, true, &text));
	CU_ASSERT_PTR_NULL(text);
	arena_close(arena);
}

static void
only_unreserved_characters_are_left_unescaped(void)
{
	struct arena *arena = arena_open(CEILING);
	char all[256];
	char *text, *back;

	for (int i = 1; i < 128; i++)
		all[i - 1] = (char)i;
	all[127] = '\0';
	text = codec_percent(arena, all);
	/* 127 characters, 66 of them unreserved. */
	CU_ASSERT_EQUAL(strlen(text), 66 + 61 * 3);
	CU_ASSERT_TRUE(
	    codec_unpercent(arena, text, strlen(text), true, &back));
	CU_ASSERT_STRING_EQUAL(back, all);
	CU_ASSERT_STRING_EQUAL(codec_percent(arena, "a-._~ /\xc3\xa9"),
	    "a-._~%20%2F%C3%A9");
	arena_close(arena);
}

/* A second opinion on every code point, and on every pair of bytes. */
static void
utf8_is_exactly_what_rfc_3629_says(void)
{
	unsigned wrong = 0;

	for (unsigned cp = 0x800; cp < 0x120000; cp++) {
		char three[3] = { (char)(0xe0 | cp >> 12),
			(char)(0x80 | (cp >> 6 & 0x3f)),
			(char)(0x80 | (cp & 0x3f)) };
		char four[4] = { (char)(0xf0 | cp >> 18),
			(char)(0x80 | (cp >> 12 & 0x3f)),
			(char)(0x80 | (cp >> 6 & 0x3f)),
			(char)(0x80 | (cp & 0x3f)) };
		bool surrogate = cp >= 0xd800 && cp < 0xe000;

		if (cp < 0x10000)
			wrong += codec_utf8_valid(three, 3) == surrogate;
		wrong += codec_utf8_valid(four, 4) !=
		    (cp >= 0x10000 && cp <= 0x10ffff);
		wrong += codec_utf8_valid(four, 3);
	}
	for (unsigned pair = 0; pair < 0x10000; pair++) {
		uint8_t two[2] = { (uint8_t)(pair >> 8), (uint8_t)pair };
		bool ascii = two[0] < 0x80 && two[1] < 0x80;
		bool one = two[0] >= 0xc2 && two[0] <= 0xdf &&
		    two[1] >= 0x80 && two[1] <= 0xbf;

		wrong += codec_utf8_valid(two, 2) != (ascii || one);
	}
	CU_ASSERT_EQUAL(wrong, 0);
	CU_ASSERT_TRUE(codec_utf8_valid("", 0));
	CU_ASSERT_TRUE(codec_utf8_valid("a\0b", 3));
}

/* "C2 A9" or "C2A9" as bytes; the vectors write both. */
static size_t
loose_hex(const char *text, uint8_t *out, size_t max)
{
	size_t len = 0;

	while (len < max) {
		unsigned byte;

		text += strspn(text, " ");
		if (sscanf(text, "%2x", &byte) != 1)
			break;
		out[len++] = (uint8_t)byte;
		text += 2;
	}
	return len;
}

/* One line "number:valid:text", "number:valid hex:..", "number:invalid hex:..";
 * whether it was a case. */
static bool
try_utf8_line(char *line)
{
	uint8_t bytes[256];
	char *kind = strchr(line, ':');
	char *value = kind ? strchr(kind + 1, ':') : NULL;
	bool valid;
	size_t len;

	if (line[0] == '#' || !value)
		return false;
	*value++ = '\0';
	kind += 1 + strspn(kind + 1, " ");
	valid = strncmp(kind, "valid", 5) == 0;
	if (strcmp(kind, "valid") == 0) {
		len = strlen(value);
		memcpy(bytes, value, len);
	} else {
		value[strcspn(value, ":")] = '\0';
		len = loose_hex(value, bytes, sizeof bytes);
	}

	CU_ASSERT_TRUE(len > 0);
	if (codec_utf8_valid(bytes, len) != valid) {
		fprintf(stderr, "%s %s: %s\n", line, kind, value);
		CU_FAIL("a vector does not hold");
	}
	return true;
}

static void
the_utf8_vectors_hold(void)
{
	const char *vectors = unit_vectors();
	char path[4200];
	char *text, *rest, *line;
	int tried = 0;

	if (!vectors)
		return;

	snprintf(path, sizeof path, "%s/utf8/utf8tests.txt", vectors);
	text = unit_slurp(path, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(text);
	rest = text;
	while ((line = strsep(&rest, "\n")))
		tried += try_utf8_line(line);
	free(text);
	CU_ASSERT_EQUAL(tried, 222);
}

static void
code_points_are_counted_not_bytes(void)
{
	CU_ASSERT_EQUAL(codec_utf8_count(""), 0);
	CU_ASSERT_EQUAL(codec_utf8_count("abc"), 3);
	CU_ASSERT_EQUAL(codec_utf8_count("J\xc3\xb3n"), 3);
	CU_ASSERT_EQUAL(codec_utf8_count("\xe2\x82\xac\xf0\x9f\x98\x80"), 2);
}

UNIT_SUITE(codec, UNIT_TEST(the_vectors_of_rfc_4648_hold_both_ways),
    UNIT_TEST(any_bytes_come_back_as_they_went),
    UNIT_TEST(loose_hex_and_base64url_are_refused_and_leave_no_trace),
    UNIT_TEST(each_byte_has_one_base64url_text_only),
    UNIT_TEST(percent_texts_are_decoded),
    UNIT_TEST(bad_percent_texts_are_refused),
    UNIT_TEST(only_unreserved_characters_are_left_unescaped),
    UNIT_TEST(utf8_is_exactly_what_rfc_3629_says),
    UNIT_TEST(the_utf8_vectors_hold),
    UNIT_TEST(code_points_are_counted_not_bytes))
