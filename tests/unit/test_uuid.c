/* test_uuid.c: UUIDs, against the official vectors too. */
#include "base/uuid.h"

#include <string.h>

#include "base/clock.h"
#include "unit/format_vectors.h"
#include "unit/unit.h"

static int64_t
milliseconds_of(const struct uuid *id)
{
	int64_t ms = 0;

	for (int i = 0; i < 6; i++)
		ms = ms << 8 | id->b[i];
	return ms;
}

static void
ids_of_one_process_rise_without_a_repeat(void)
{
	struct uuid last, id;
	int falls = 0;

	uuid_new(&last);
	for (int i = 0; i < 20000; i++) {
		uuid_new(&id);
		falls += memcmp(last.b, id.b, sizeof id.b) >= 0;
		last = id;
	}
	CU_ASSERT_EQUAL(falls, 0);
}

static void
ids_rise_even_when_the_clock_stands_or_steps_back(void)
{
	int64_t now = clock_wall_us();
	struct uuid last, id;
	int falls = 0;

	uuid_new(&last);
	for (int i = 0; i < 20000; i++) {
		clock_fix_wall(i < 10000 ? now : now - USEC_PER_HOUR);
		uuid_new(&id);
		falls += memcmp(last.b, id.b, sizeof id.b) >= 0;
		last = id;
	}
	clock_fix_wall(0);
	CU_ASSERT_EQUAL(falls, 0);
}

static void
a_new_id_is_of_version_7_and_tells_the_time(void)
{
	struct uuid id;
	int64_t ms;

	uuid_new(&id);
	ms = clock_wall_us() / 1000;
	CU_ASSERT_EQUAL(id.b[6] >> 4, 7);
	CU_ASSERT_EQUAL(id.b[8] >> 6, 2);
	CU_ASSERT_TRUE(milliseconds_of(&id) <= ms + 1000);
	CU_ASSERT_TRUE(milliseconds_of(&id) >= ms - 1000);
}

static void
a_random_id_is_of_version_4_and_differs_from_the_next(void)
{
	struct uuid a, b;

	uuid_random(&a);
	uuid_random(&b);
	CU_ASSERT_EQUAL(a.b[6] >> 4, 4);
	CU_ASSERT_EQUAL(a.b[8] >> 6, 2);
	CU_ASSERT_FALSE(uuid_equal(&a, &b));
	CU_ASSERT_FALSE(uuid_is_none(&a));
}

static void
text_and_bytes_say_the_same(void)
{
	static const struct uuid want = { { 0x01, 0x8d, 0x0c, 0xff, 0x00, 0x10,
	    0x7a, 0xbc, 0x9d, 0xef, 0x01, 0x23, 0x45, 0x67, 0x89, 0xab } };
	struct uuid id = { 0 };
	char text[UUID_TEXT_MAX];

	CU_ASSERT_TRUE(
	    uuid_parse("018D0CFF-0010-7abc-9deF-0123456789aB", &id));
	CU_ASSERT_TRUE(uuid_equal(&id, &want));
	CU_ASSERT_STRING_EQUAL(uuid_format(&id, text),
	    "018d0cff-0010-7abc-9def-0123456789ab");
}

static void
a_refused_text_leaves_the_output_alone(void)
{
	static const char *const bad[] = { "", "-",
		"018d0cff-0010-7abc-9def-0123456789a",
		"018d0cff-0010-7abc-9def-0123456789abc",
		"{018d0cff-0010-7abc-9def-0123456789ab}",
		" 018d0cff-0010-7abc-9def-0123456789ab",
		"018d0cff-0010-7abc-9def-0123456789ab ",
		"018d0cff00107abc9def0123456789ab",
		"018d0cff-0010-7abc-9def-0123456789ag",
		"018d0cff-0010-7abc-9def+0123456789ab",
		"018d0cff-0010-7abc-9def" };
	struct uuid id, before;

	uuid_random(&before);
	id = before;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		CU_ASSERT_FALSE(uuid_parse(bad[i], &id));
	CU_ASSERT_TRUE(uuid_equal(&id, &before));
}

static void
only_all_zero_is_none(void)
{
	struct uuid id = { 0 };

	CU_ASSERT_TRUE(uuid_is_none(&id));
	id.b[15] = 1;
	CU_ASSERT_FALSE(uuid_is_none(&id));
}

static bool
accepts(const char *text)
{
	struct uuid id;

	return uuid_parse(text, &id);
}

static void
the_official_vectors_hold(void)
{
	format_vectors_hold("uuid.json", 22, accepts);
}

UNIT_SUITE(uuid, UNIT_TEST(ids_of_one_process_rise_without_a_repeat),
    UNIT_TEST(ids_rise_even_when_the_clock_stands_or_steps_back),
    UNIT_TEST(a_new_id_is_of_version_7_and_tells_the_time),
    UNIT_TEST(a_random_id_is_of_version_4_and_differs_from_the_next),
    UNIT_TEST(text_and_bytes_say_the_same),
    UNIT_TEST(a_refused_text_leaves_the_output_alone),
    UNIT_TEST(only_all_zero_is_none), UNIT_TEST(the_official_vectors_hold))
