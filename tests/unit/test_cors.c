/* test_cors.c: which web pages may call us. */
#include "http/cors.h"

#include "support/fake_app.h"
#include "unit/unit.h"

static void
an_origin_is_allowed_only_when_it_is_listed_exactly(void)
{
	const char *list = "https://a.example,https://b.example:8443";

	CU_ASSERT_TRUE(cors_allows(list, "https://a.example"));
	CU_ASSERT_TRUE(cors_allows(list, "https://b.example:8443"));
	CU_ASSERT_FALSE(cors_allows(list, "https://b.example"));
	CU_ASSERT_FALSE(cors_allows(list, "http://a.example"));
	CU_ASSERT_FALSE(cors_allows(list, "https://a.example.evil"));
	CU_ASSERT_FALSE(cors_allows(list, "a.example"));
	CU_ASSERT_FALSE(cors_allows(list, ""));
	CU_ASSERT_FALSE(cors_allows(list, "null"));
	CU_ASSERT_FALSE(cors_allows("", "https://a.example"));
	CU_ASSERT_FALSE(cors_allows("", ""));
}

static void
a_preflight_of_a_known_page_is_told_what_it_may_send(void)
{
	struct world *w = world_open();

	world_header(w, "origin", FAKE_ORIGIN);
	world_header(w, "access-control-request-method", "POST");
	CU_ASSERT_EQUAL(world_ask(w, "OPTIONS", "/api/v1/bookings", NULL),
	    204);
	CU_ASSERT_STRING_EQUAL(world_got(w, "Access-Control-Allow-Origin"),
	    FAKE_ORIGIN);
	CU_ASSERT_STRING_EQUAL(world_got(w, "Access-Control-Allow-Methods"),
	    "GET, HEAD, POST, OPTIONS");
	CU_ASSERT_STRING_EQUAL(world_got(w, "Access-Control-Max-Age"), "600");
	CU_ASSERT_STRING_EQUAL(
	    world_got(w, "Access-Control-Allow-Credentials"), "");
	CU_ASSERT_STRING_EQUAL(world_got(w, "Allow"),
	    "GET, HEAD, POST, OPTIONS");
	CU_ASSERT_EQUAL(w->res.body.len, 0);
	CU_ASSERT_EQUAL(fake.calls, 0);
	world_close(w);
}

static void
an_unknown_page_is_told_nothing(void)
{
	struct world *w = world_open();

	world_header(w, "origin", "https://evil.example");
	world_header(w, "access-control-request-method", "POST");
	CU_ASSERT_EQUAL(world_ask(w, "OPTIONS", "/api/v1/bookings", NULL),
	    204);
	CU_ASSERT_STRING_EQUAL(world_got(w, "Access-Control-Allow-Origin"),
	    "");
	CU_ASSERT_STRING_EQUAL(world_got(w, "Access-Control-Allow-Methods"),
	    "");

	world_header(w, "origin", "https://evil.example");
	CU_ASSERT_EQUAL(world_ask(w, "GET", "/api/v1/franchises", NULL), 200);
	CU_ASSERT_STRING_EQUAL(world_got(w, "Access-Control-Allow-Origin"),
	    "");
	CU_ASSERT_STRING_EQUAL(world_got(w, "Vary"), "Origin");
	world_close(w);
}

static void
an_answer_good_or_bad_is_shown_to_a_known_page(void)
{
	struct world *w = world_open();

	world_header(w, "origin", FAKE_ORIGIN);
	CU_ASSERT_EQUAL(world_ask(w, "GET", "/api/v1/bookings", NULL), 401);
	CU_ASSERT_STRING_EQUAL(world_got(w, "Access-Control-Allow-Origin"),
	    FAKE_ORIGIN);
	CU_ASSERT_STRING_EQUAL(world_got(w, "Access-Control-Expose-Headers"),
	    "ETag, Location, Retry-After, Idempotency-Replayed, X-Request-Id, "
	    "WWW-Authenticate");

	world_header(w, "origin", FAKE_ORIGIN);
	CU_ASSERT_EQUAL(world_ask(w, "GET", "/nowhere", NULL), 404);
	CU_ASSERT_STRING_EQUAL(world_got(w, "Access-Control-Allow-Origin"),
	    FAKE_ORIGIN);
	world_close(w);
}

UNIT_SUITE(cors,
    UNIT_TEST(an_origin_is_allowed_only_when_it_is_listed_exactly),
    UNIT_TEST(a_preflight_of_a_known_page_is_told_what_it_may_send),
    UNIT_TEST(an_unknown_page_is_told_nothing),
    UNIT_TEST(an_answer_good_or_bad_is_shown_to_a_known_page))
