/* test_names.c: the same child is the same child however its name is typed. */
#include "domain/names.h"

#include <setjmp.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <unicase.h>

#include "base/arena.h"
#include "base/compiler.h"
#include "unit/unit.h"

#define MEMORY ((size_t)64 * 1024)

/* The linker leads names.c's calls here, so that libunistring can be out of
 * memory (--wrap in Makefile.am). */
uint8_t *__real_u8_casefold(const uint8_t *text, size_t len,
    const char *language, uninorm_t form, uint8_t *out, size_t *ret_len);
uint8_t *__wrap_u8_casefold(const uint8_t *text, size_t len,
    const char *language, uninorm_t form, uint8_t *out, size_t *ret_len);
static bool no_memory;

uint8_t *
__wrap_u8_casefold(const uint8_t *text, size_t len, const char *language,
    uninorm_t form, uint8_t *out, size_t *ret_len)
{
	if (no_memory)
		return NULL;
	return __real_u8_casefold(text, len, language, form, out, ret_len);
}

static void
names_that_people_mean_alike_are_alike(void)
{
	static const struct {
		const char *typed;
		const char *normal;
	} cases[] = {
		{ "Alice Doe", "alice doe" },
		{ "ALICE DOE", "alice doe" },
		/* composed and decomposed */
		{ "Zo\xc3\xab", "zo\xc3\xab" },
		{ "Zoe\xcc\x88", "zo\xc3\xab" },
		{ "ZOE\xcc\x88", "zo\xc3\xab" },
		/* marks typed in another order: dot below, circumflex */
		{ "o\xcc\x82\xcc\xa3", "\xe1\xbb\x99" },
		{ "o\xcc\xa3\xcc\x82", "\xe1\xbb\x99" },
		/* sharp s, small and capital */
		{ "Gro\xc3\x9f", "gross" },
		{ "GRO\xe1\xba\x9e", "gross" },
		{ "GROSS", "gross" },
		/* Greek: the final sigma is a sigma */
		{ "\xce\xa3\xce\xaf\xcf\x83\xcf\x85\xcf\x86\xce\xbf\xcf\x82",
		    "\xcf\x83\xce\xaf\xcf\x83\xcf\x85\xcf\x86\xce\xbf\xcf\x83" },
		/* Turkish: no locale is assumed; dotted I keeps its dot */
		{ "I\xc5\x9f\xc4\xb1k", "i\xc5\x9f\xc4\xb1k" },
		{ "\xc4\xb0pek", "i\xcc\x87pek" },
		/* ligature, full width, Roman numeral, mathematical, letter-like */
		{ "\xef\xac\x81" "fi", "fifi" },
		{ "\xef\xbc\xa1\xef\xbd\x8e\xef\xbd\x8e\xef\xbd\x81", "anna" },
		{ "Karl \xe2\x85\xa3", "karl iv" },
		{ "\xf0\x9d\x90\x80nna", "anna" },
		{ "\xe2\x84\x82hris", "chris" },
		{ "Tom\xe2\x84\xa2", "tomtm" },
		/* half-width katakana: ka and its voicing mark are ga */
		{ "\xef\xbd\xb6\xef\xbe\x9e", "\xe3\x82\xac" },
		/* what nobody sees: soft hyphen, zero-width space, joiners, mark
		 * of direction, variation selector */
		{ "Al\xc2\xad" "ice Doe", "alice doe" },
		{ "\xe2\x80\x8b" "Alice\xe2\x80\x8d \xe2\x80\x8c" "Doe",
		    "alice doe" },
		{ "Alice \xe2\x80\x8e Doe\xef\xb8\x8f", "alice doe" },
		{ "\xe2\x80\x8b\xc2\xad", "" },
		/* scripts without case stay as they are */
		{ "\xe6\x9d\x8e\xe5\xb0\x8f\xe9\xbe\x99",
		    "\xe6\x9d\x8e\xe5\xb0\x8f\xe9\xbe\x99" },
	};
	struct arena *arena = arena_open(MEMORY);

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		CU_ASSERT_STRING_EQUAL(names_normal(arena, cases[i].typed),
		    cases[i].normal);
	arena_close(arena);
}

static void
white_space_of_any_kind_is_one_space_and_none_at_the_ends(void)
{
	static const char *const typed[] = {
		"anna lee",
		"  anna   lee ",
		"\tanna\r\n lee\n",
		"anna\xc2\xa0lee",               /* U+00A0 */
		"anna\xe3\x80\x80lee\xe3\x80\x80", /* U+3000 */
		"anna\xe2\x80\x83 \xe2\x80\xaflee\xe2\x80\x89", /* U+2003.. */
		"anna\xe2\x80\xa8lee",           /* U+2028 */
		"anna\xc2\x85lee",               /* U+0085 */
		"anna\x0b\x0clee",
	};
	struct arena *arena = arena_open(MEMORY);

	for (size_t i = 0; i < ARRAY_LEN(typed); i++)
		CU_ASSERT_STRING_EQUAL(names_normal(arena, typed[i]),
		    "anna lee");
	CU_ASSERT_STRING_EQUAL(names_normal(arena, ""), "");
	CU_ASSERT_STRING_EQUAL(names_normal(arena, " \xe3\x80\x80\t"), "");
	/* But a space that parts two words is not lost. */
	CU_ASSERT_STRING_NOT_EQUAL(names_normal(arena, "annalee"), "anna lee");
	arena_close(arena);
}

static void
names_that_differ_stay_apart(void)
{
	static const char *const names[] = { "Zoe", "Zo\xc3\xab", "Zoey",
		"Zo e", "Ann-Lee", "Ann Lee", "O'Neil", "ONeil",
		"\xc4\xb1rem", "irem", "\xc3\xb8re", "ore" };
	struct arena *arena = arena_open(MEMORY);

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		for (size_t j = 0; j < i; j++)
			CU_ASSERT_STRING_NOT_EQUAL(
			    names_normal(arena, names[i]),
			    names_normal(arena, names[j]));
	}
	arena_close(arena);
}

/* Every code point but the surrogates, alone and after a letter. */
static void
a_normal_name_is_its_own_normal_form(void)
{
	struct arena *arena = arena_open(MEMORY);
	unsigned wrong = 0;

	for (unsigned c = 1; c <= 0x10ffff; c++) {
		char text[8] = "x";
		char *p = text + c % 2;
		char *once;

		if (c >= 0xd800 && c <= 0xdfff)
			continue;
		if (c < 0x80) {
			*p++ = (char)c;
		} else if (c < 0x800) {
			*p++ = (char)(0xc0 | c >> 6);
		} else if (c < 0x10000) {
			*p++ = (char)(0xe0 | c >> 12);
			*p++ = (char)(0x80 | (c >> 6 & 0x3f));
		} else {
			*p++ = (char)(0xf0 | c >> 18);
			*p++ = (char)(0x80 | (c >> 12 & 0x3f));
			*p++ = (char)(0x80 | (c >> 6 & 0x3f));
		}
		if (c >= 0x80)
			*p++ = (char)(0x80 | (c & 0x3f));
		*p = '\0';

		once = names_normal(arena, text);
		if (strcmp(names_normal(arena, once), once) != 0) {
			if (wrong++ == 0)
				fprintf(stderr, "U+%04X changes twice\n", c);
		}
		arena_reset(arena);
	}
	CU_ASSERT_EQUAL(wrong, 0);
	arena_close(arena);
}

static void
without_memory_no_name_is_taken_for_another(void)
{
	struct arena *arena = arena_open(MEMORY);
	char *volatile name = NULL;
	volatile bool gave_up = false;
	jmp_buf out;

	if (setjmp(out)) {
		gave_up = true;
	} else {
		arena_catch(arena, &out);
		no_memory = true;
		name = names_normal(arena, "Alice");
	}
	no_memory = false;
	CU_ASSERT_TRUE(gave_up);
	CU_ASSERT_PTR_NULL(name);
	arena_close(arena);
}

static void
an_address_is_looked_up_in_lower_case_ascii(void)
{
	static const struct {
		const char *typed;
		const char *normal;
	} cases[] = {
		{ "John@Example.COM", "john@example.com" },
		{ "AZ@[`{az", "az@[`{az" }, /* the neighbours of A-Z, a-z */
		{ "\xc3\x84@EXAMPLE.com", "\xc3\x84@example.com" },
		{ "", "" },
	};
	struct arena *arena = arena_open(MEMORY);

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const char *typed = cases[i].typed;
		char *kept = arena_strdup(arena, typed);

		CU_ASSERT_STRING_EQUAL(names_email(arena, typed),
		    cases[i].normal);
		CU_ASSERT_STRING_EQUAL(typed, kept);
	}
	arena_close(arena);
}

static void
one_household_is_one_network_however_many_addresses_it_has(void)
{
	static const struct {
		const char *address;
		const char *network;
	} cases[] = {
		{ "192.0.2.1", "192.0.2.1" },
		{ "192.0.2.2", "192.0.2.2" },
		{ "::ffff:192.0.2.1", "192.0.2.1" },
		{ "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64" },
		{ "2001:db8:1:2:ffff::1", "2001:db8:1:2::/64" },
		{ "2001:db8:1:3::1", "2001:db8:1:3::/64" },
		{ "2001:db8::1", "2001:db8::/64" },
		{ "::1", "::/64" },
		{ "", "" },
		{ "no address", "no address" },
	};
	struct arena *arena = arena_open(MEMORY);

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		CU_ASSERT_STRING_EQUAL(names_network(arena, cases[i].address),
		    cases[i].network);
	arena_close(arena);
}

UNIT_SUITE(names, UNIT_TEST(names_that_people_mean_alike_are_alike),
    UNIT_TEST(white_space_of_any_kind_is_one_space_and_none_at_the_ends),
    UNIT_TEST(names_that_differ_stay_apart),
    UNIT_TEST(a_normal_name_is_its_own_normal_form),
    UNIT_TEST(without_memory_no_name_is_taken_for_another),
    UNIT_TEST(an_address_is_looked_up_in_lower_case_ascii),
    UNIT_TEST(one_household_is_one_network_however_many_addresses_it_has))
