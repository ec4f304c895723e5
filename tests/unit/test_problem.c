/* test_problem.c: what callers are told when something goes wrong. */
#include "http/problem.h"

#include <string.h>

#include "base/arena.h"
#include "base/scope.h"
#include "support/fake_app.h"
#include "unit/unit.h"

#define ONE "/api/v1/bookings/" FAKE_BOOKING
#define CHANGE "{\"end_datetime\":\"2027-01-15T10:00:00Z\"}"

static int
change(struct world *w, enum err fails, const char *why)
{
	fake.fails = fails;
	fake.why = why;
	world_header(w, "authorization", "Bearer customer");
	world_header(w, "x-request-id", "rid");
	return world_ask(w, "PUT", ONE, CHANGE);
}

static void
a_problem_has_the_members_of_rfc_9457_and_ours(void)
{
	struct world *w = world_open();

	CU_ASSERT_EQUAL(change(w, ERR_STATE, "it is completed"), 409);
	CU_ASSERT_STRING_EQUAL(world_got(w, "Content-Type"),
	    "application/problem+json");
	CU_ASSERT_STRING_EQUAL(world_got(w, "Cache-Control"), "no-store");
	CU_ASSERT_STRING_EQUAL(w->res.body.data,
	    "{\"type\":\"/docs/errors#state_conflict\","
	    "\"title\":\"The present state does not allow this\","
	    "\"status\":409,\"detail\":\"It is completed.\","
	    "\"instance\":\"" ONE "\",\"code\":\"state_conflict\","
	    "\"request_id\":\"rid\"}");
	CU_ASSERT_STRING_EQUAL(w->res.code, "state_conflict");
	world_close(w);
}

static void
the_operators_sentence_is_never_shown(void)
{
	struct world *w = world_open();

	for (int e = ERR_INTERNAL; e < ERR__MAX; e++) {
		int status = change(w, (enum err)e, "canary 7f3");

		CU_ASSERT_TRUE(status >= 500);
		CU_ASSERT_FALSE(world_says(w, "canary"));
		CU_ASSERT_STRING_EQUAL(w->res.why, "canary 7f3");
	}
	CU_ASSERT_EQUAL(change(w, ERR_STATE, "statement canary: no"), 409);
	CU_ASSERT_FALSE(world_says(w, "canary"));
	CU_ASSERT_EQUAL(change(w, ERR_CHILD_BUSY, "canary"), 409);
	CU_ASSERT_FALSE(world_says(w, "canary"));
	CU_ASSERT_EQUAL(change(w, ERR_NOT_FOUND, "canary"), 404);
	CU_ASSERT_FALSE(world_says(w, "canary"));
	CU_ASSERT_EQUAL(change(w, ERR_FORBIDDEN, "canary"), 403);
	CU_ASSERT_FALSE(world_says(w, "canary"));
	world_close(w);
}

static void
every_error_says_something_of_its_own_accord(void)
{
	for (int e = 1; e < ERR__MAX; e++)
		CU_ASSERT_TRUE(strlen(problem_sentence((enum err)e)) > 10);
}

static void
every_faulty_field_is_listed_with_its_pointer(void)
{
	struct world *w = world_open();

	world_header(w, "authorization", "Bearer customer");
	CU_ASSERT_EQUAL(world_ask(w, "PUT", ONE,
	    "{\"start_datetime\":\"x\",\"children\":[{\"age\":18}],"
	    "\"nope\":1}"), 422);
	CU_ASSERT_TRUE(world_says(w, "\"pointer\":\"/start_datetime\""));
	CU_ASSERT_TRUE(world_says(w, "\"pointer\":\"/children/0/age\""));
	CU_ASSERT_TRUE(world_says(w, "\"pointer\":\"/children/0/name\""));
	CU_ASSERT_TRUE(world_says(w, "\"pointer\":\"/nope\""));
	CU_ASSERT_TRUE(world_says(w, "\"detail\":\"4 fields are faulty.\""));
	CU_ASSERT_EQUAL(fake.calls, 0);

	world_header(w, "authorization", "Bearer customer");
	CU_ASSERT_EQUAL(world_ask(w, "GET", "/api/v1/bookings?limit=0&x=1",
	    NULL), 422);
	CU_ASSERT_TRUE(world_says(w, "\"parameter\":\"limit\""));
	CU_ASSERT_TRUE(world_says(w, "\"parameter\":\"x\""));
	CU_ASSERT_EQUAL(world_ask(w, "GET", "/health?x=1", NULL), 422);
	CU_ASSERT_EQUAL(fake.calls, 0);
	world_close(w);
}

static void
a_full_hour_comes_with_what_fits(void)
{
	struct world *w = world_open();

	CU_ASSERT_EQUAL(change(w, ERR_CAPACITY, NULL), 409);
	CU_ASSERT_TRUE(world_says(w, "\"code\":\"capacity_exceeded\""));
	CU_ASSERT_TRUE(world_says(w, "\"full_slots\":[{\"start_datetime\":"
	    "\"2027-01-15T09:00:00Z\",\"end_datetime\":"
	    "\"2027-01-15T10:00:00Z\",\"available_capacity\":0}]"));
	CU_ASSERT_TRUE(world_says(w, "\"alternatives\":[{\"start_datetime\":"
	    "\"2027-01-15T10:00:00Z\",\"end_datetime\":"
	    "\"2027-01-15T11:00:00Z\",\"total_amount\":15.00}]"));
	CU_ASSERT_EQUAL(change(w, ERR_STATE, NULL), 409);
	CU_ASSERT_FALSE(world_says(w, "full_slots"));
	world_close(w);
}

static void
faults_are_told_only_where_they_are_the_reason(void)
{
	static const enum err others[] = { ERR_CAPACITY, ERR_STATE,
		ERR_UNCERTAIN, ERR_UNAVAILABLE };
	struct world *w = world_open();

	CU_ASSERT_EQUAL(change(w, ERR_INVALID, NULL), 422);
	CU_ASSERT_TRUE(world_says(w, "\"errors\":"));
	fake.faulty = true;
	for (size_t i = 0; i < ARRAY_LEN(others); i++) {
		CU_ASSERT_TRUE(change(w, others[i], NULL) >= 409);
		CU_ASSERT_FALSE(world_says(w, "\"errors\":"));
		CU_ASSERT_FALSE(world_says(w, "faulty"));
	}
	world_close(w);
}

static void
no_error_that_callers_meet_is_without_words(void)
{
	/* Quoting a request_id is all that is left after our own faults. */
	for (int e = ERR_OK + 1; e < ERR__MAX; e++) {
		if (err_info((enum err)e)->status < 500)
			CU_ASSERT_PTR_NULL(strstr(problem_sentence((enum err)e),
			    "request_id"));
	}
}

static void
retry_after_comes_with_what_may_pass(void)
{
	struct world *w = world_open();

	CU_ASSERT_EQUAL(change(w, ERR_UNAVAILABLE, NULL), 503);
	CU_ASSERT_TRUE(strcmp(world_got(w, "Retry-After"), "1") == 0 ||
	    strcmp(world_got(w, "Retry-After"), "2") == 0);
	CU_ASSERT_EQUAL(change(w, ERR_KEY_BUSY, NULL), 409);
	CU_ASSERT_STRING_NOT_EQUAL(world_got(w, "Retry-After"), "");
	CU_ASSERT_EQUAL(change(w, ERR_STATE, NULL), 409);
	CU_ASSERT_STRING_EQUAL(world_got(w, "Retry-After"), "");
	world_close(w);
}

static void
the_path_is_encoded_and_comes_without_its_query(void)
{
	struct world *w = world_open();

	CU_ASSERT_EQUAL(world_ask(w, "GET", "/a\n\"<\xc3\xa9?t=secret", NULL),
	    404);
	CU_ASSERT_TRUE(world_says(w, "\"instance\":\"/a%0A%22%3C%C3%A9\""));
	CU_ASSERT_FALSE(world_says(w, "secret"));
	world_close(w);
}

static void
a_request_that_was_never_read_gets_an_id_all_the_same(void)
{
	struct arena *arena = arena_open(1024 * 1024);
	struct response res;
	struct scope sc;

	scope_init(&sc, arena, 1000000);
	response_init(&res, arena);
	problem_answer(&sc, &res, scope_fail(&sc, ERR_BAD_REQUEST, "cut"));
	CU_ASSERT_EQUAL(res.status, 400);
	CU_ASSERT_EQUAL(strlen(response_get(&res, "X-Request-Id")), 36);
	CU_ASSERT_PTR_NOT_NULL(strstr(res.body.data, "\"detail\":\"Cut.\""));
	arena_close(arena);
}

UNIT_SUITE(problem, UNIT_TEST(a_problem_has_the_members_of_rfc_9457_and_ours),
    UNIT_TEST(the_operators_sentence_is_never_shown),
    UNIT_TEST(every_error_says_something_of_its_own_accord),
    UNIT_TEST(every_faulty_field_is_listed_with_its_pointer),
    UNIT_TEST(a_full_hour_comes_with_what_fits),
    UNIT_TEST(faults_are_told_only_where_they_are_the_reason),
    UNIT_TEST(no_error_that_callers_meet_is_without_words),
    UNIT_TEST(retry_after_comes_with_what_may_pass),
    UNIT_TEST(the_path_is_encoded_and_comes_without_its_query),
    UNIT_TEST(a_request_that_was_never_read_gets_an_id_all_the_same))
