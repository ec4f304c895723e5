/* test_negotiate.c: Accept, Content-Type and the size of a body. */
#include "http/negotiate.h"

#include <stdlib.h>
#include <string.h>

#include "support/fake_app.h"
#include "unit/unit.h"

#define BOOKINGS "/api/v1/bookings"

static void
the_most_specific_range_of_accept_decides(void)
{
	static const struct {
		const char *accept;
		int quality;
	} rows[] = {
		{ NULL, 1000 }, { "", 1000 }, { "*/*", 1000 },
		{ "application/json", 1000 }, { "APPLICATION/JSON", 1000 },
		{ "application/*;q=0.5", 500 }, { "text/html", 0 },
		{ "text/html, */*;q=0.1", 100 },
		{ "application/json;q=0", 0 },
		{ "application/json;q=0, */*", 0 },
		{ "*/*, application/json;q=0.2", 200 },
		{ "application/json ; charset=utf-8 ; q=0.25", 250 },
		{ "application/json;q=1.000", 1000 },
		{ "application/json;q=1.001", 0 },
		{ "application/json;q=0.0001", 0 },
		{ "application/json;q=2", 0 }, { "application/json;q=", 0 },
		{ "application/json;q", 0 }, { "application", 0 },
		{ "*/json", 0 }, { ",,application/json,", 1000 },
		{ "text/html;a=\"x, application/json\"", 0 },
		{ "application/jsonx", 0 }, { "application/xml, garbage", 0 },
		{ "text/html,application/xhtml+xml,*/*;q=0.8", 800 },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		CU_ASSERT_EQUAL(negotiate_quality(rows[i].accept,
		    "application/json"), rows[i].quality);
}

static void
only_json_in_utf8_is_json(void)
{
	static const char *const good[] = { "application/json",
		"Application/JSON", "application/json; charset=utf-8",
		"application/json;charset=\"UTF-8\"", " application/json " };
	static const char *const bad[] = { "", "text/plain",
		"application/json; charset=latin1", "application/json, x/y",
		"application/json;", "application/json; charset",
		"application/problem+json", "application/*", "*/*",
		"application/json; boundary=x", "application/jsonp" };

	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		CU_ASSERT_TRUE(negotiate_is_json(good[i]));
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		CU_ASSERT_FALSE(negotiate_is_json(bad[i]));
}

static void
a_body_must_be_json_where_one_is_read(void)
{
	struct world *w = world_open();

	world_header(w, "authorization", "Bearer customer");
	world_header(w, "content-type", "text/plain");
	CU_ASSERT_EQUAL(world_ask(w, "POST", BOOKINGS, "{}"), 415);
	world_header(w, "authorization", "Bearer customer");
	CU_ASSERT_EQUAL(world_ask(w, "POST", BOOKINGS, NULL), 400);
	CU_ASSERT_TRUE(world_says(w, "malformed_body"));
	world_header(w, "authorization", "Bearer customer");
	CU_ASSERT_EQUAL(world_ask(w, "GET", BOOKINGS, "{}"), 400);
	world_header(w, "accept", "text/html");
	CU_ASSERT_EQUAL(world_ask(w, "GET", "/health", NULL), 406);
	CU_ASSERT_EQUAL(fake.calls, 0);
	world_close(w);
}

static void
a_body_may_be_as_large_as_the_ceiling_and_no_larger(void)
{
	struct world *w = world_open();
	char *body = malloc(64 * 1024 + 2);

	memset(body, ' ', 64 * 1024 + 1);
	body[64 * 1024 + 1] = '\0';
	world_header(w, "authorization", "Bearer customer");
	CU_ASSERT_EQUAL(world_ask(w, "POST", BOOKINGS, body), 413);
	body[64 * 1024] = '\0';
	world_header(w, "authorization", "Bearer customer");
	CU_ASSERT_EQUAL(world_ask(w, "POST", BOOKINGS, body), 400);
	CU_ASSERT_TRUE(world_says(w, "malformed_body"));
	free(body);
	world_close(w);
}

UNIT_SUITE(negotiate, UNIT_TEST(the_most_specific_range_of_accept_decides),
    UNIT_TEST(only_json_in_utf8_is_json),
    UNIT_TEST(a_body_must_be_json_where_one_is_read),
    UNIT_TEST(a_body_may_be_as_large_as_the_ceiling_and_no_larger))
