/* test_visit.c: once, on its day, when confirmed; each refusal has a name. */
#include "domain/visit.h"

#include <string.h>

#include "base/arena.h"
#include "base/compiler.h"
#include "base/instant.h"
#include "base/scope.h"
#include "unit/unit.h"

#define MINUTE INT64_C(60000000)
#define NOW (INT64_C(1000) * 60 * MINUTE)

/* Confirmed, for today, an hour before it ends; nothing was done yet. */
static const struct visit_facts usual = { .state = BOOKING_CONFIRMED,
	.day = 20000, .today = 20000, .end_us = NOW + 60 * MINUTE,
	.now_us = NOW, .done_us = NONE };

typedef enum err rule(struct scope *sc, const struct visit_facts *facts,
    bool *ret_again);

/* -1: refused. */
static int
ask(rule *may, const struct visit_facts *facts, enum err want)
{
	struct arena *arena = arena_open(65536);
	struct scope sc;
	bool again = true;
	bool other = false;
	enum err e;

	scope_init(&sc, arena, 1000000);
	e = may(&sc, facts, &again);
	CU_ASSERT_EQUAL(e, want);
	CU_ASSERT_EQUAL(may(&sc, facts, &other), e);
	if (e) {
		CU_ASSERT_NOT_EQUAL(sc.why[0], '\0');
		CU_ASSERT_TRUE(again);
		CU_ASSERT_FALSE(other);
	} else {
		CU_ASSERT_EQUAL(again, other);
	}
	arena_close(arena);
	return e ? -1 : again;
}

static void
a_confirmed_booking_is_let_in_on_its_day_until_it_ends(void)
{
	struct visit_facts f = usual;

	CU_ASSERT_EQUAL(ask(visit_may_begin, &f, ERR_OK), 0);
	f.end_us = NOW + 1; /* late, but not too late */
	CU_ASSERT_EQUAL(ask(visit_may_begin, &f, ERR_OK), 0);
	f.end_us = NOW;
	ask(visit_may_begin, &f, ERR_OVER);
}

static void
each_state_is_refused_by_its_own_name(void)
{
	static const struct {
		enum booking_state state;
		bool lapsed;
		enum err e;
	} rows[] = {
		{ BOOKING_PENDING, false, ERR_UNPAID },
		{ BOOKING_PENDING, true, ERR_EXPIRED },
		{ BOOKING_EXPIRED, false, ERR_EXPIRED },
		{ BOOKING_CANCELLED, false, ERR_CANCELLED },
		{ BOOKING_CHECKED_IN, false, ERR_CHECKED_IN },
		{ BOOKING_COMPLETED, false, ERR_CHECKED_IN },
		{ BOOKING_NO_SHOW, false, ERR_OVER },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct visit_facts f = usual;

		f.state = rows[i].state;
		f.lapsed = rows[i].lapsed;
		ask(visit_may_begin, &f, rows[i].e);
		/* What it is comes before when it is. */
		f.today = f.day + 1;
		ask(visit_may_begin, &f, rows[i].e == ERR_OVER ?
		    ERR_OTHER_DAY : rows[i].e);
	}
}

static void
another_day_is_told_by_its_date(void)
{
	struct arena *arena = arena_open(65536);
	struct visit_facts f = usual;
	struct scope sc;
	bool again;

	scope_init(&sc, arena, 1000000);
	for (int by = -1; by <= 1; by += 2) {
		f.today = f.day + by;
		CU_ASSERT_EQUAL(visit_may_begin(&sc, &f, &again),
		    ERR_OTHER_DAY);
		CU_ASSERT_PTR_NOT_NULL(strstr(sc.why, "2024-10-04"));
	}
	arena_close(arena);
}

static void
the_same_hand_may_scan_twice_within_ten_minutes(void)
{
	struct visit_facts f = usual;

	f.state = BOOKING_CHECKED_IN;
	f.same_hand = true;
	ask(visit_may_begin, &f, ERR_CHECKED_IN); /* there is no scan to repeat */
	f.same_hand = false;
	f.done_us = NOW - 10 * MINUTE;
	ask(visit_may_begin, &f, ERR_CHECKED_IN); /* another hand */
	f.same_hand = true;
	CU_ASSERT_EQUAL(ask(visit_may_begin, &f, ERR_OK), 1);
	f.done_us--;
	ask(visit_may_begin, &f, ERR_CHECKED_IN);
	f.done_us = NOW;
	f.state = BOOKING_COMPLETED; /* meanwhile they went home */
	ask(visit_may_begin, &f, ERR_CHECKED_IN);
}

static void
only_who_came_goes_home(void)
{
	for (int s = 0; s < BOOKING__MAX; s++) {
		struct visit_facts f = usual;
		bool came = s == BOOKING_CHECKED_IN || s == BOOKING_COMPLETED;

		f.state = (enum booking_state)s;
		CU_ASSERT_EQUAL(ask(visit_may_end, &f, came ? ERR_OK :
		    ERR_NOT_CHECKED_IN), came ? 0 : -1);
	}
}

static void
who_went_home_is_gone_but_for_the_same_hand_a_moment_later(void)
{
	struct visit_facts f = usual;

	f.state = BOOKING_COMPLETED;
	f.done_us = NOW - 10 * MINUTE;
	ask(visit_may_end, &f, ERR_COLLECTED);
	f.same_hand = true;
	CU_ASSERT_EQUAL(ask(visit_may_end, &f, ERR_OK), 1);
	f.done_us--;
	ask(visit_may_end, &f, ERR_COLLECTED);
}

UNIT_SUITE(visit,
    UNIT_TEST(a_confirmed_booking_is_let_in_on_its_day_until_it_ends),
    UNIT_TEST(each_state_is_refused_by_its_own_name),
    UNIT_TEST(another_day_is_told_by_its_date),
    UNIT_TEST(the_same_hand_may_scan_twice_within_ten_minutes),
    UNIT_TEST(only_who_came_goes_home),
    UNIT_TEST(who_went_home_is_gone_but_for_the_same_hand_a_moment_later))
