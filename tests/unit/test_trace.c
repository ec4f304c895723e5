/* test_trace.c: request ids and trace ids. */
#include "http/trace.h"

#include <string.h>

#include "base/arena.h"
#include "base/scope.h"
#include "support/fake_app.h"
#include "unit/unit.h"

#define TRACE "4bf92f3577b34da6a3ce929d0e0e4736"
#define SPAN "00f067aa0ba902b7"

static void
a_usable_request_id_comes_back_and_another_is_replaced(void)
{
	struct world *w = world_open();

	world_header(w, "x-request-id", "abc-1.2_3");
	CU_ASSERT_EQUAL(world_ask(w, "GET", "/nowhere", NULL), 404);
	CU_ASSERT_STRING_EQUAL(world_got(w, "X-Request-Id"), "abc-1.2_3");
	CU_ASSERT_TRUE(world_says(w, "\"request_id\":\"abc-1.2_3\""));

	world_header(w, "x-request-id", "bad id");
	CU_ASSERT_EQUAL(world_ask(w, "GET", "/health", NULL), 200);
	CU_ASSERT_EQUAL(strlen(world_got(w, "X-Request-Id")), 36);

	CU_ASSERT_FALSE(trace_request_id_valid(""));
	CU_ASSERT_FALSE(trace_request_id_valid("a/b"));
	CU_ASSERT_FALSE(trace_request_id_valid(TRACE TRACE "x"));
	CU_ASSERT_TRUE(trace_request_id_valid(TRACE TRACE));
	world_close(w);
}

static void
a_well_formed_traceparent_gives_the_trace(void)
{
	static const char *const bad[] = { "", "00", "00-" TRACE,
		"00-" TRACE "-" SPAN, "ff-" TRACE "-" SPAN "-01",
		"00-" TRACE "-" SPAN "-01-x", "00-" TRACE "-" SPAN "-0",
		"00-00000000000000000000000000000000-" SPAN "-01",
		"00-" TRACE "-0000000000000000-01",
		"00-4BF92F3577B34DA6A3CE929D0E0E4736-" SPAN "-01",
		"0-" TRACE "-" SPAN "-01" };
	struct arena *arena = arena_open(64 * 1024);

	CU_ASSERT_STRING_EQUAL(
	    trace_from_parent(arena, "00-" TRACE "-" SPAN "-01"), TRACE);
	CU_ASSERT_STRING_EQUAL(
	    trace_from_parent(arena, "cc-" TRACE "-" SPAN "-01-later"), TRACE);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		CU_ASSERT_PTR_NULL(trace_from_parent(arena, bad[i]));
	arena_close(arena);
}

static void
an_amazon_root_gives_the_trace(void)
{
	struct arena *arena = arena_open(64 * 1024);

	CU_ASSERT_STRING_EQUAL(trace_from_amazon(arena,
	    "Root=1-4bf92f35-77b34da6a3ce929d0e0e4736;Sampled=1"), TRACE);
	CU_ASSERT_STRING_EQUAL(trace_from_amazon(arena,
	    "Self=1-0-0;Root=1-4bf92f35-77b34da6a3ce929d0e0e4736"), TRACE);
	CU_ASSERT_PTR_NULL(trace_from_amazon(arena, ""));
	CU_ASSERT_PTR_NULL(trace_from_amazon(arena, "Root=1-4bf92f35"));
	CU_ASSERT_PTR_NULL(trace_from_amazon(arena,
	    "xRoot=1-4bf92f35-77b34da6a3ce929d0e0e4736"));
	CU_ASSERT_PTR_NULL(trace_from_amazon(arena,
	    "Root=1-4bf92f35-77b34da6a3ce929d0e0e47361"));
	arena_close(arena);
}

static void
the_scope_carries_the_trace_of_the_request(void)
{
	struct world *w = world_open();

	world_header(w, "traceparent", "garbage");
	world_header(w, "x-amzn-trace-id",
	    "Root=1-4bf92f35-77b34da6a3ce929d0e0e4736");
	CU_ASSERT_EQUAL(world_ask(w, "GET", "/health", NULL), 200);
	CU_ASSERT_STRING_EQUAL(w->sc->trace_id, TRACE);
	CU_ASSERT_EQUAL(world_ask(w, "GET", "/health", NULL), 200);
	CU_ASSERT_STRING_EQUAL(w->sc->trace_id, "");
	world_close(w);
}

UNIT_SUITE(trace,
    UNIT_TEST(a_usable_request_id_comes_back_and_another_is_replaced),
    UNIT_TEST(a_well_formed_traceparent_gives_the_trace),
    UNIT_TEST(an_amazon_root_gives_the_trace),
    UNIT_TEST(the_scope_carries_the_trace_of_the_request))
