/* test_response.c: an answer's headers, and a request's. */
#include "http/response.h"

#include "base/arena.h"
#include "http/request.h"
#include "unit/unit.h"

static void
a_header_set_twice_is_replaced_in_any_case(void)
{
	struct arena *arena = arena_open(64 * 1024);
	struct response res;

	response_init(&res, arena);
	response_header(&res, "ETag", "\"%d\"", 1);
	response_header(&res, "etag", "\"%d\"", 2);

	CU_ASSERT_EQUAL(res.header_count, 1);
	CU_ASSERT_STRING_EQUAL(response_get(&res, "Etag"), "\"2\"");
	arena_close(arena);
}

static void
a_value_cannot_begin_another_header(void)
{
	struct arena *arena = arena_open(64 * 1024);
	struct response res;

	response_init(&res, arena);
	response_header(&res, "Location", "/a\r\nSet-Cookie: b");
	response_header(&res, "Link", "%s", "/c\nSet-Cookie: d");
	response_header(&res, "Vary", "%s", "");

	CU_ASSERT_STRING_EQUAL(response_get(&res, "Location"), "/a");
	CU_ASSERT_STRING_EQUAL(response_get(&res, "Link"), "/c");
	CU_ASSERT_STRING_EQUAL(response_get(&res, "Vary"), "");
	CU_ASSERT_PTR_NULL(response_get(&res, "Set-Cookie"));
	arena_close(arena);
}

static void
a_cleared_answer_keeps_only_its_route(void)
{
	struct arena *arena = arena_open(64 * 1024);
	struct response res;

	response_init(&res, arena);
	res.status = 200;
	res.route = "/api/v1/bookings";
	res.code = "ok";
	response_header(&res, "ETag", "x");
	buf_puts(&res.body, "secret");
	response_clear(&res);

	CU_ASSERT_EQUAL(res.status, 0);
	CU_ASSERT_STRING_EQUAL(res.route, "/api/v1/bookings");
	CU_ASSERT_PTR_NULL(res.code);
	CU_ASSERT_PTR_NULL(response_get(&res, "ETag"));
	CU_ASSERT_EQUAL(res.body.len, 0);
	arena_close(arena);
}

static void
a_request_header_is_found_by_its_whole_name_only(void)
{
	const struct header headers[] = {
		{ "x-api-key", "k" },
		{ "host", "h" },
	};
	const struct request req = { .headers = headers, .header_count = 2 };

	CU_ASSERT_STRING_EQUAL(request_header(&req, "host"), "h");
	CU_ASSERT_PTR_NULL(request_header(&req, "x-api"));
	CU_ASSERT_PTR_NULL(request_header(&req, "x-api-key-2"));
}

UNIT_SUITE(response,
    UNIT_TEST(a_header_set_twice_is_replaced_in_any_case),
    UNIT_TEST(a_value_cannot_begin_another_header),
    UNIT_TEST(a_cleared_answer_keeps_only_its_route),
    UNIT_TEST(a_request_header_is_found_by_its_whole_name_only))
