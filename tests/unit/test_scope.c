/* test_scope.c: deadline, reason and faults of one request. */
#include "base/scope.h"

#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "unit/unit.h"

#define CEILING ((size_t)1024 * 1024)

static void
a_new_scope_is_empty_and_has_its_budget(void)
{
	struct arena *arena = arena_open(CEILING);
	struct scope sc;

	memset(&sc, 0xa5, sizeof sc);
	scope_init(&sc, arena, 10 * USEC_PER_SEC);
	CU_ASSERT_PTR_EQUAL(sc.arena, arena);
	CU_ASSERT_STRING_EQUAL(sc.request_id, "");
	CU_ASSERT_STRING_EQUAL(sc.trace_id, "");
	CU_ASSERT_STRING_EQUAL(sc.why, "");
	CU_ASSERT_PTR_NULL(sc.faults);
	CU_ASSERT_EQUAL(sc.retry_after_s, 0);
	CU_ASSERT_EQUAL(sc.pg_trips + sc.redis_trips, 0);
	CU_ASSERT_TRUE(scope_left_us(&sc) > 0);
	CU_ASSERT_TRUE(scope_left_us(&sc) <= 10 * USEC_PER_SEC);
	arena_close(arena);
}

static void
what_is_left_never_falls_below_nothing_nor_wraps(void)
{
	struct scope sc;

	scope_init(&sc, NULL, -USEC_PER_DAY);
	CU_ASSERT_EQUAL(scope_left_us(&sc), 0);
	scope_init(&sc, NULL, INT64_MAX);
	CU_ASSERT_EQUAL(sc.deadline_us, INT64_MAX);
	CU_ASSERT_TRUE(scope_left_us(&sc) > USEC_PER_DAY);
	sc.deadline_us = INT64_MIN;
	CU_ASSERT_EQUAL(scope_left_us(&sc), 0);
}

static void
a_failure_leaves_its_sentence_and_may_quote_the_last(void)
{
	struct scope sc;

	scope_init(&sc, NULL, 0);
	CU_ASSERT_EQUAL(scope_fail(&sc, ERR_CONFLICT, "slot %d closed", 7),
	    ERR_CONFLICT);
	CU_ASSERT_STRING_EQUAL(sc.why, "slot 7 closed");
	CU_ASSERT_EQUAL(scope_fail(&sc, ERR_STATE, "booking: %s", sc.why),
	    ERR_STATE);
	CU_ASSERT_STRING_EQUAL(sc.why, "booking: slot 7 closed");

	scope_fail(&sc, ERR_STATE, "%*d", 1000, 1);
	CU_ASSERT_EQUAL(strlen(sc.why), SCOPE_WHY_MAX - 1);
}

static void
faults_are_copied_in_the_order_found(void)
{
	struct arena *arena = arena_open(CEILING);
	struct scope sc;
	char pointer[] = "/child_info/age";

	scope_init(&sc, arena, 0);
	CU_ASSERT_EQUAL(scope_faults(&sc), ERR_OK);
	CU_ASSERT_STRING_EQUAL(sc.why, "");

	scope_fault(&sc, pointer, "maximum", "at most %d", 17);
	scope_fault_param(&sc, "date", "format", "not a date");
	pointer[1] = 'X';

	CU_ASSERT_EQUAL(sc.fault_count, 2);
	CU_ASSERT_STRING_EQUAL(sc.faults->pointer, "/child_info/age");
	CU_ASSERT_PTR_NULL(sc.faults->param);
	CU_ASSERT_STRING_EQUAL(sc.faults->rule, "maximum");
	CU_ASSERT_STRING_EQUAL(sc.faults->detail, "at most 17");
	CU_ASSERT_PTR_NULL(sc.faults->next->pointer);
	CU_ASSERT_STRING_EQUAL(sc.faults->next->param, "date");
	CU_ASSERT_PTR_NULL(sc.faults->next->next);

	CU_ASSERT_EQUAL(scope_faults(&sc), ERR_INVALID);
	CU_ASSERT_STRING_EQUAL(sc.why, "2 faults, the first: maximum");
	CU_ASSERT_PTR_NULL(strstr(sc.why, "child"));
	arena_close(arena);
}

static void
faults_above_the_maximum_are_counted_and_dropped(void)
{
	struct arena *arena = arena_open(CEILING);
	struct scope sc;
	size_t kept = 0;
	size_t used;

	scope_init(&sc, arena, 0);
	for (int i = 0; i < SCOPE_FAULTS_MAX; i++)
		scope_fault(&sc, "/a", "r", "%d", i);
	used = arena_used(arena);
	for (int i = 0; i < 1000; i++) {
		scope_fault(&sc, "/b", "r", "%d", i);
		scope_fault_param(&sc, "b", "r", "%d", i);
	}
	for (struct fault *f = sc.faults; f; f = f->next)
		kept++;
	CU_ASSERT_EQUAL(kept, SCOPE_FAULTS_MAX);
	CU_ASSERT_EQUAL(sc.fault_count, SCOPE_FAULTS_MAX + 2000);
	CU_ASSERT_EQUAL(arena_used(arena), used);
	CU_ASSERT_EQUAL(scope_faults(&sc), ERR_INVALID);
	arena_close(arena);
}

static void
the_first_notice_stays_and_is_no_failure(void)
{
	struct arena *arena = arena_open(4096);
	struct scope sc;

	scope_init(&sc, arena, 1000);
	CU_ASSERT_STRING_EQUAL(sc.notice, "");
	scope_notice(&sc, "booking %d", 1);
	scope_notice(&sc, "booking %d", 2);
	CU_ASSERT_STRING_EQUAL(sc.notice, "booking 1");
	CU_ASSERT_STRING_EQUAL(sc.why, "");
	CU_ASSERT_EQUAL(scope_faults(&sc), ERR_OK);
	arena_close(arena);
}

UNIT_SUITE(scope, UNIT_TEST(a_new_scope_is_empty_and_has_its_budget),
    UNIT_TEST(what_is_left_never_falls_below_nothing_nor_wraps),
    UNIT_TEST(a_failure_leaves_its_sentence_and_may_quote_the_last),
    UNIT_TEST(the_first_notice_stays_and_is_no_failure),
    UNIT_TEST(faults_are_copied_in_the_order_found),
    UNIT_TEST(faults_above_the_maximum_are_counted_and_dropped))
