/* test_lifecycle.c: every state, every move, and nothing beside the table. */
#include "domain/lifecycle.h"

#include <string.h>

#include "unit/unit.h"

#define NO BOOKING__MAX /* the move is not open */

/* Every pair is written out: a move that is added or lost shows here. */
/* clang-format off */
static const enum booking_state expected[BOOKING__MAX][MOVE__MAX] = {
	[BOOKING_PENDING] = {
		[MOVE_CONFIRM] = BOOKING_CONFIRMED,
		[MOVE_EXPIRE] = BOOKING_EXPIRED,
		[MOVE_CHANGE] = BOOKING_PENDING,
		[MOVE_CANCEL] = BOOKING_CANCELLED,
		[MOVE_CHECK_IN] = NO, [MOVE_COMPLETE] = NO, [MOVE_MISS] = NO },
	[BOOKING_CONFIRMED] = {
		[MOVE_CHANGE] = BOOKING_CONFIRMED,
		[MOVE_CANCEL] = BOOKING_CANCELLED,
		[MOVE_CHECK_IN] = BOOKING_CHECKED_IN,
		[MOVE_MISS] = BOOKING_NO_SHOW,
		[MOVE_CONFIRM] = NO, [MOVE_EXPIRE] = NO, [MOVE_COMPLETE] = NO },
	[BOOKING_CHECKED_IN] = {
		[MOVE_COMPLETE] = BOOKING_COMPLETED,
		[MOVE_CONFIRM] = NO, [MOVE_EXPIRE] = NO, [MOVE_CHANGE] = NO,
		[MOVE_CANCEL] = NO, [MOVE_CHECK_IN] = NO, [MOVE_MISS] = NO },
	[BOOKING_EXPIRED] = {
		[MOVE_CONFIRM] = BOOKING_CONFIRMED,
		[MOVE_EXPIRE] = NO, [MOVE_CHANGE] = NO, [MOVE_CANCEL] = NO,
		[MOVE_CHECK_IN] = NO, [MOVE_COMPLETE] = NO, [MOVE_MISS] = NO },
	[BOOKING_COMPLETED] = {
		[MOVE_CONFIRM] = NO, [MOVE_EXPIRE] = NO, [MOVE_CHANGE] = NO,
		[MOVE_CANCEL] = NO, [MOVE_CHECK_IN] = NO,
		[MOVE_COMPLETE] = NO, [MOVE_MISS] = NO },
	[BOOKING_CANCELLED] = {
		[MOVE_CONFIRM] = NO, [MOVE_EXPIRE] = NO, [MOVE_CHANGE] = NO,
		[MOVE_CANCEL] = NO, [MOVE_CHECK_IN] = NO,
		[MOVE_COMPLETE] = NO, [MOVE_MISS] = NO },
	[BOOKING_NO_SHOW] = {
		[MOVE_CONFIRM] = NO, [MOVE_EXPIRE] = NO, [MOVE_CHANGE] = NO,
		[MOVE_CANCEL] = NO, [MOVE_CHECK_IN] = NO,
		[MOVE_COMPLETE] = NO, [MOVE_MISS] = NO },
};

static const struct {
	const char *word;
	bool keeps_places;
} words[BOOKING__MAX] = {
	[BOOKING_PENDING] =    { "pending",    true },
	[BOOKING_CONFIRMED] =  { "confirmed",  true },
	[BOOKING_CHECKED_IN] = { "checked_in", true },
	[BOOKING_COMPLETED] =  { "completed",  true },
	[BOOKING_EXPIRED] =    { "expired",    false },
	[BOOKING_CANCELLED] =  { "cancelled",  false },
	[BOOKING_NO_SHOW] =    { "no_show",    true },
};
/* clang-format on */

static void
every_move_from_every_state_leads_where_the_table_says_or_nowhere(void)
{
	for (unsigned from = 0; from < BOOKING__MAX; from++) {
		for (unsigned move = 0; move < MOVE__MAX; move++) {
			enum booking_state want = expected[from][move];
			enum booking_state to = NO;
			bool open = lifecycle_next((enum booking_state)from,
			    (enum booking_move)move, &to);

			CU_ASSERT_EQUAL(open, want != NO);
			/* A move that is not open leaves it untouched. */
			CU_ASSERT_EQUAL(to, want);
		}
	}
}

static void
every_state_has_its_word_and_keeps_its_places_or_not(void)
{
	for (unsigned i = 0; i < BOOKING__MAX; i++) {
		enum booking_state state = (enum booking_state)i;
		enum booking_state back = NO;

		CU_ASSERT_STRING_EQUAL(lifecycle_word(state), words[i].word);
		CU_ASSERT_TRUE(lifecycle_parse(words[i].word, &back));
		CU_ASSERT_EQUAL(back, state);
		CU_ASSERT_EQUAL(lifecycle_keeps_places(state),
		    words[i].keeps_places);
	}
}

static void
an_unknown_word_is_no_state(void)
{
	static const char *const unknown[] = { "", "Pending", "pending ",
		"canceled", "checked-in" };

	for (size_t i = 0; i < ARRAY_LEN(unknown); i++) {
		enum booking_state state = NO;

		CU_ASSERT_FALSE(lifecycle_parse(unknown[i], &state));
		CU_ASSERT_EQUAL(state, NO);
	}
}

static void
places_once_given_back_are_taken_again_only_by_late_money(void)
{
	for (unsigned from = 0; from < BOOKING__MAX; from++) {
		for (unsigned move = 0; move < MOVE__MAX; move++) {
			enum booking_state to;

			if (lifecycle_keeps_places((enum booking_state)from) ||
			    !lifecycle_next((enum booking_state)from,
			        (enum booking_move)move, &to) ||
			    !lifecycle_keeps_places(to))
				continue;
			CU_ASSERT_EQUAL(from, BOOKING_EXPIRED);
			CU_ASSERT_EQUAL(move, MOVE_CONFIRM);
		}
	}
}

UNIT_SUITE(lifecycle,
    UNIT_TEST(every_move_from_every_state_leads_where_the_table_says_or_nowhere),
    UNIT_TEST(every_state_has_its_word_and_keeps_its_places_or_not),
    UNIT_TEST(an_unknown_word_is_no_state),
    UNIT_TEST(places_once_given_back_are_taken_again_only_by_late_money))
