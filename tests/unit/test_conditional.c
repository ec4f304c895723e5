/* test_conditional.c: If-Match, If-None-Match, ETag. */
#include "http/conditional.h"

#include "base/instant.h"
#include "support/fake_app.h"
#include "unit/unit.h"

#define ONE "/api/v1/bookings/" FAKE_BOOKING

static void
if_match_reads_versions_and_passes_over_other_tags(void)
{
	struct if_match m;

	CU_ASSERT_TRUE(conditional_if_match(NULL, &m));
	CU_ASSERT_FALSE(m.given);
	CU_ASSERT_TRUE(conditional_if_match(" * ", &m));
	CU_ASSERT_TRUE(m.given && m.any);
	CU_ASSERT_TRUE(conditional_if_match("\"3\"", &m));
	CU_ASSERT_EQUAL(m.count, 1);
	CU_ASSERT_EQUAL(m.versions[0], 3);
	CU_ASSERT_TRUE(conditional_if_match(
	    "\"3\" , W/\"4\",, \"abc\",\"05\", \"6\"", &m));
	CU_ASSERT_EQUAL(m.count, 2);
	CU_ASSERT_EQUAL(m.versions[1], 6);
	CU_ASSERT_TRUE(conditional_if_match("W/\"3\"", &m));
	CU_ASSERT_EQUAL(m.count, 0);
	CU_ASSERT_FALSE(m.any);
	CU_ASSERT_TRUE(conditional_if_match("\"a,b\", \"9\"", &m));
	CU_ASSERT_EQUAL(m.count, 1);
	CU_ASSERT_EQUAL(m.versions[0], 9);
}

static void
if_match_reads_the_version_whatever_else_is_there(void)
{
	static const char *const none[] = { "\"3.\"", "\"3.x\"", "\"3.01\"",
		"\".1\"", "\"3.1.1\"", "\"3,1\"", "W/\"3.1\"", "\"0.1\"",
		"\"1234567890123456789\"", "\"3.1234567890123456789\"",
		"\"3.lapse\"", "\"3.lapsed.1\"", "\"3.lapsedd\"",
		"\"3lapsed\"", "\"3..lapsed\"", "\"lapsed\"",
		"\"3.1.\"", "W/\"3.lapsed\"" };
	char tag[CONDITIONAL_TAG_MAX];
	struct if_match m;

	CU_ASSERT_TRUE(conditional_if_match(conditional_tag(12, 0, false,
	    tag), &m));
	CU_ASSERT_STRING_EQUAL(tag, "\"12\"");
	CU_ASSERT_EQUAL(m.versions[0], 12);
	CU_ASSERT_TRUE(conditional_if_match(conditional_tag(12, 34, false,
	    tag), &m));
	CU_ASSERT_STRING_EQUAL(tag, "\"12.34\"");
	CU_ASSERT_EQUAL(m.count, 1);
	CU_ASSERT_EQUAL(m.versions[0], 12);
	CU_ASSERT_TRUE(conditional_if_match(conditional_tag(12, 0, true,
	    tag), &m));
	CU_ASSERT_STRING_EQUAL(tag, "\"12.lapsed\"");
	CU_ASSERT_EQUAL(m.count, 1);
	CU_ASSERT_EQUAL(m.versions[0], 12);
	CU_ASSERT_TRUE(conditional_if_match(conditional_tag(INT64_MAX,
	    INT64_MAX, true, tag), &m));
	CU_ASSERT_STRING_EQUAL(tag, "\"9223372036854775807."
	    "9223372036854775807.lapsed\"");
	CU_ASSERT_TRUE(conditional_if_match("\"12.34.lapsed\"", &m));
	CU_ASSERT_EQUAL(m.count, 1);
	CU_ASSERT_EQUAL(m.versions[0], 12);
	for (size_t i = 0; i < ARRAY_LEN(none); i++) {
		CU_ASSERT_TRUE(conditional_if_match(none[i], &m));
		CU_ASSERT_EQUAL(m.count, 0);
	}
	/* A new picture is another answer. */
	CU_ASSERT_FALSE(conditional_none_match("\"12\"", "\"12.1\""));
	CU_ASSERT_FALSE(conditional_none_match("\"12.1\"", "\"12.2\""));
}

static void
what_is_no_list_of_tags_is_refused(void)
{
	static const char *const bad[] = { "", " ", ",", "3", "\"3", "3\"",
		"\"3\" \"4\"", "*, \"3\"", "W/3", "w/\"3\"", "\"3\";",
		"\"a b\"", "\"3\"x",
		("\"1\",\"1\",\"1\",\"1\",\"1\",\"1\",\"1\",\"1\",\"1\","
		 "\"1\",\"1\",\"1\",\"1\",\"1\",\"1\",\"1\",\"1\"") };
	struct if_match m;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		CU_ASSERT_FALSE(conditional_if_match(bad[i], &m));
}

static void
if_none_match_compares_weakly(void)
{
	CU_ASSERT_TRUE(conditional_none_match("\"3\"", "\"3\""));
	CU_ASSERT_TRUE(conditional_none_match("W/\"3\"", "\"3\""));
	CU_ASSERT_TRUE(conditional_none_match("\"2\", \"3\"", "\"3\""));
	CU_ASSERT_TRUE(conditional_none_match("*", "\"3\""));
	CU_ASSERT_FALSE(conditional_none_match("\"33\"", "\"3\""));
	CU_ASSERT_FALSE(conditional_none_match("\"3\", x", "\"3\""));
	CU_ASSERT_FALSE(conditional_none_match("", "\"3\""));
}

/* The version the use case is handed for an If-Match. */
static int64_t
handed(struct world *w, const char *if_match, int status)
{
	fake.if_match = 0;
	world_header(w, "authorization", "Bearer customer");
	if (if_match)
		world_header(w, "if-match", if_match);
	CU_ASSERT_EQUAL(world_ask(w, "DELETE", ONE, NULL), status);
	return fake.if_match;
}

static void
the_use_case_is_handed_one_version_to_hold_against(void)
{
	struct world *w = world_open();

	CU_ASSERT_EQUAL(handed(w, NULL, 200), NONE);
	CU_ASSERT_EQUAL(handed(w, "*", 200), NONE);
	CU_ASSERT_EQUAL(handed(w, "\"3\"", 200), 3);
	CU_ASSERT_EQUAL(handed(w, "\"3\", \"7\"", 200), FAKE_VERSION);
	CU_ASSERT_EQUAL(handed(w, "\"3\", \"4\"", 200), VERSION_NEVER);
	CU_ASSERT_EQUAL(handed(w, "W/\"7\"", 200), VERSION_NEVER);
	fake.calls = 0;
	CU_ASSERT_EQUAL(handed(w, "7", 400), 0);
	CU_ASSERT_TRUE(world_says(w, "\"parameter\":\"If-Match\""));
	CU_ASSERT_EQUAL(fake.calls, 0);
	world_close(w);
}

static void
a_reader_who_has_it_gets_304_and_no_body(void)
{
	struct world *w = world_open();

	world_header(w, "authorization", "Bearer customer");
	CU_ASSERT_EQUAL(world_ask(w, "GET", ONE, NULL), 200);
	CU_ASSERT_STRING_EQUAL(world_got(w, "ETag"), "\"7\"");
	CU_ASSERT_STRING_EQUAL(world_got(w, "Cache-Control"),
	    "private, no-store");

	world_header(w, "authorization", "Bearer customer");
	world_header(w, "if-none-match", "\"7\"");
	CU_ASSERT_EQUAL(world_ask(w, "GET", ONE, NULL), 304);
	CU_ASSERT_EQUAL(w->res.body.len, 0);
	CU_ASSERT_STRING_EQUAL(world_got(w, "ETag"), "\"7\"");

	world_header(w, "authorization", "Bearer customer");
	world_header(w, "if-none-match", "\"6\"");
	CU_ASSERT_EQUAL(world_ask(w, "GET", ONE, NULL), 200);

	/* A write is never spared its answer. */
	world_header(w, "authorization", "Bearer customer");
	world_header(w, "if-none-match", "\"7\"");
	CU_ASSERT_EQUAL(world_ask(w, "DELETE", ONE, NULL), 200);
	CU_ASSERT_TRUE(w->res.body.len > 0);
	world_close(w);
}

static void
ready_json_is_named_by_its_digest(void)
{
	struct world *w = world_open();

	CU_ASSERT_EQUAL(world_ask(w, "GET",
	    "/api/v1/availability/" FAKE_FRANCHISE, NULL), 200);
	/* sha256 of {"available_slots":[]} */
	CU_ASSERT_STRING_EQUAL(world_got(w, "ETag"), "\"c62eeba8e57662b1\"");
	CU_ASSERT_STRING_EQUAL(world_got(w, "Cache-Control"), "no-cache");
	world_close(w);
}

UNIT_SUITE(conditional,
    UNIT_TEST(if_match_reads_versions_and_passes_over_other_tags),
    UNIT_TEST(if_match_reads_the_version_whatever_else_is_there),
    UNIT_TEST(what_is_no_list_of_tags_is_refused),
    UNIT_TEST(if_none_match_compares_weakly),
    UNIT_TEST(the_use_case_is_handed_one_version_to_hold_against),
    UNIT_TEST(a_reader_who_has_it_gets_304_and_no_body),
    UNIT_TEST(ready_json_is_named_by_its_digest))
