/* test_rng.c: random bytes and texts. */
#include "base/rng.h"

#include <string.h>

#include "unit/unit.h"

static void
bytes_fill_the_whole_and_nothing_beyond(void)
{
	unsigned char bytes[4096 + 1] = { 0 };
	size_t zeros = 0;

	bytes[4096] = 0x5a;
	rng_bytes(bytes, 4096);
	for (int i = 0; i < 4096; i++)
		zeros += bytes[i] == 0;
	/* 16 are expected; 100 has a chance far below 2^-100. */
	CU_ASSERT_TRUE(zeros < 100);
	CU_ASSERT_EQUAL(bytes[4096], 0x5a);
	rng_bytes(bytes, 0);
}

static void
two_draws_differ(void)
{
	unsigned char a[32], b[32];

	rng_bytes(a, sizeof a);
	rng_bytes(b, sizeof b);
	CU_ASSERT_NOT_EQUAL(memcmp(a, b, sizeof a), 0);
}

/* 200 letters leave 56 of 256 byte values over: without the second draw the
 * first 56 letters would come up twice as often as the others. */
static void
letters_are_drawn_evenly(void)
{
	static char text[40001];
	char alphabet[201];
	size_t first = 0;

	for (int i = 0; i < 200; i++)
		alphabet[i] = (char)(i + 33);
	alphabet[200] = '\0';
	rng_text(text, 40000, alphabet);

	CU_ASSERT_EQUAL(strlen(text), 40000);
	CU_ASSERT_EQUAL(strspn(text, alphabet), 40000);
	for (int i = 0; i < 40000; i++)
		first += (unsigned char)text[i] - 33 < 56;
	/* 11200 are expected, 17500 if biased; one sigma is 90. */
	CU_ASSERT_TRUE(first > 10000 && first < 12400);
}

static void
short_texts_and_small_alphabets_work(void)
{
	char text[5] = "####";

	rng_text(text, 0, "abc");
	CU_ASSERT_STRING_EQUAL(text, "");
	CU_ASSERT_EQUAL(text[1], '#');
	rng_text(text, 3, "x");
	CU_ASSERT_STRING_EQUAL(text, "xxx");
}

UNIT_SUITE(rng, UNIT_TEST(bytes_fill_the_whole_and_nothing_beyond),
    UNIT_TEST(two_draws_differ), UNIT_TEST(letters_are_drawn_evenly),
    UNIT_TEST(short_texts_and_small_alphabets_work))
