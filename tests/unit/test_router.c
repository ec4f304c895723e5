/* test_router.c: every row of the route table is found, and nothing else. */
#include "http/router.h"

#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "support/fake_app.h"
#include "unit/unit.h"

static void
every_route_is_found_by_its_own_path(void)
{
	struct arena *arena = arena_open(1024 * 1024);
	struct match match;
	struct uuid id;

	CU_ASSERT_TRUE_FATAL(uuid_parse(FAKE_BOOKING, &id));
	for (size_t i = 0; i < routes_count; i++) {
		const char *brace = strchr(routes[i].path, '{');
		const char *rest = brace ? strchr(brace, '}') + 1 : "";
		char path[256];

		snprintf(path, sizeof path, "%.*s%s%s",
		    brace ? (int)(brace - routes[i].path) : 255,
		    routes[i].path, brace ? FAKE_BOOKING : "", rest);
		router_match(arena, routes_method(routes[i].method), path,
		    &match);
		CU_ASSERT_PTR_EQUAL(match.route, &routes[i]);
		CU_ASSERT_PTR_NULL(match.bad_param);
		CU_ASSERT_EQUAL(uuid_equal(&match.ids[0], &id), brace != NULL);
	}
	arena_close(arena);
}

static void
no_two_routes_share_method_and_path_or_name(void)
{
	for (size_t i = 0; i < routes_count; i++) {
		for (size_t k = 0; k < i; k++) {
			CU_ASSERT_FALSE(routes[i].method == routes[k].method &&
			    strcmp(routes[i].path, routes[k].path) == 0);
			CU_ASSERT_STRING_NOT_EQUAL(routes[i].id, routes[k].id);
		}
	}
}

static void
a_path_that_is_not_in_the_table_is_not_found(void)
{
	static const char *const paths[] = { "", "/", "/api/v1",
		"/api/v1/bookings/", "/api/v1//bookings", "/api/v1/Bookings",
		"/api/v1/bookings/" FAKE_BOOKING "/",
		"/api/v1/bookings/" FAKE_BOOKING "/qr/x",
		"/api/v1/bookings//cancellation-quote", "/health/", "/healthy",
		"/health/live/x", "/pay", "/pay/", "api/v1/bookings",
		"/api/v1/bookings\n", "/api/v1/{booking_id}" };
	struct arena *arena = arena_open(1024 * 1024);
	struct match match;

	for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
		router_match(arena, "GET", paths[i], &match);
		CU_ASSERT_PTR_NULL(match.path);
		CU_ASSERT_PTR_NULL(match.route);
		CU_ASSERT_EQUAL(match.methods, 0);
	}
	arena_close(arena);
}

static void
a_parameter_that_is_not_a_uuid_is_named(void)
{
	struct arena *arena = arena_open(1024 * 1024);
	struct match match;

	router_match(arena, "GET", "/api/v1/bookings/42", &match);
	CU_ASSERT_STRING_EQUAL(match.bad_param, "booking_id");
	router_match(arena, "GET", "/api/v1/availability/x/slots", &match);
	CU_ASSERT_STRING_EQUAL(match.bad_param, "franchise_id");
	router_match(arena, "GET", "/pay/" FAKE_BOOKING "0", &match);
	CU_ASSERT_STRING_EQUAL(match.bad_param, "booking_id");
	arena_close(arena);
}

static void
a_method_is_matched_exactly_and_head_as_get(void)
{
	struct arena *arena = arena_open(1024 * 1024);
	struct match match;

	router_match(arena, "HEAD", "/health", &match);
	CU_ASSERT_PTR_NOT_NULL(match.route);
	router_match(arena, "get", "/health", &match);
	CU_ASSERT_PTR_NULL(match.route);
	router_match(arena, "PATCH", "/api/v1/bookings", &match);
	CU_ASSERT_PTR_NULL(match.route);
	CU_ASSERT_PTR_NOT_NULL(match.path);
	CU_ASSERT_STRING_EQUAL(router_allow(arena, match.methods),
	    "GET, HEAD, POST, OPTIONS");
	router_match(arena, "POST", "/api/v1/bookings/" FAKE_BOOKING, &match);
	CU_ASSERT_STRING_EQUAL(router_allow(arena, match.methods),
	    "GET, HEAD, PUT, DELETE, OPTIONS");
	arena_close(arena);
}

UNIT_SUITE(router, UNIT_TEST(every_route_is_found_by_its_own_path),
    UNIT_TEST(no_two_routes_share_method_and_path_or_name),
    UNIT_TEST(a_path_that_is_not_in_the_table_is_not_found),
    UNIT_TEST(a_parameter_that_is_not_a_uuid_is_named),
    UNIT_TEST(a_method_is_matched_exactly_and_head_as_get))
