/* test_settlement.c: every pair of the attempt table, every state money meets. */
#include "domain/settlement.h"

#include <string.h>

#include "unit/unit.h"

/* Every pair is written out: a step that is added or lost shows here. */
/* clang-format off */
static const bool expected[ATTEMPT__MAX][ATTEMPT__MAX] = {
	/*  from                    queued open   action proc.  succ.  failed exp.   supers. */
	[ATTEMPT_QUEUED] =        { false, true,  true,  true,  true,  true,  true,  true },
	[ATTEMPT_OPEN] =          { false, false, true,  true,  true,  true,  true,  true },
	[ATTEMPT_ACTION] =        { false, false, false, true,  true,  true,  true,  true },
	[ATTEMPT_PROCESSING] =    { false, false, true,  false, true,  true,  true,  true },
	[ATTEMPT_SUCCEEDED] =     { false, false, false, false, false, false, false, false },
	[ATTEMPT_FAILED] =        { false, false, false, false, true,  false, false, false },
	[ATTEMPT_EXPIRED] =       { false, false, false, false, true,  false, false, false },
	[ATTEMPT_SUPERSEDED] =    { false, false, false, false, true,  false, false, false },
};

static const char *const words[ATTEMPT__MAX] = {
	[ATTEMPT_QUEUED] = "queued",
	[ATTEMPT_OPEN] = "open",
	[ATTEMPT_ACTION] = "requires_action",
	[ATTEMPT_PROCESSING] = "processing",
	[ATTEMPT_SUCCEEDED] = "succeeded",
	[ATTEMPT_FAILED] = "failed",
	[ATTEMPT_EXPIRED] = "expired",
	[ATTEMPT_SUPERSEDED] = "superseded",
};

/* What becomes of the money, by the booking's state: when it is as much as the
 * booking costs, and when it is not. */
static const struct {
	enum settlement_step right;
	enum settlement_step wrong;
} steps[BOOKING__MAX] = {
	[BOOKING_PENDING] =    { SETTLE_CONFIRM, SETTLE_REFUND_SUPERSEDED },
	[BOOKING_CONFIRMED] =  { SETTLE_REFUND_DUPLICATE, SETTLE_REFUND_DUPLICATE },
	[BOOKING_CHECKED_IN] = { SETTLE_REFUND_DUPLICATE, SETTLE_REFUND_DUPLICATE },
	[BOOKING_COMPLETED] =  { SETTLE_REFUND_DUPLICATE, SETTLE_REFUND_DUPLICATE },
	[BOOKING_EXPIRED] =    { SETTLE_RETAKE, SETTLE_REFUND_SUPERSEDED },
	[BOOKING_CANCELLED] =  { SETTLE_REFUND_CANCELLED, SETTLE_REFUND_CANCELLED },
	[BOOKING_NO_SHOW] =    { SETTLE_REFUND_DUPLICATE, SETTLE_REFUND_DUPLICATE },
};
/* clang-format on */

static void
an_attempt_becomes_what_the_table_says_and_nothing_else(void)
{
	for (unsigned from = 0; from < ATTEMPT__MAX; from++) {
		for (unsigned to = 0; to < ATTEMPT__MAX; to++)
			CU_ASSERT_EQUAL(
			    attempt_may_become((enum attempt_state)from,
			        (enum attempt_state)to),
			    expected[from][to]);
	}
}

static void
money_that_landed_is_never_forgotten(void)
{
	for (unsigned to = 0; to < ATTEMPT__MAX; to++)
		CU_ASSERT_FALSE(attempt_may_become(ATTEMPT_SUCCEEDED,
		    (enum attempt_state)to));
	for (unsigned from = 0; from < ATTEMPT__MAX; from++)
		CU_ASSERT_EQUAL(attempt_may_become((enum attempt_state)from,
		    ATTEMPT_SUCCEEDED), from != ATTEMPT_SUCCEEDED);
}

static void
every_state_of_an_attempt_has_its_word_and_back(void)
{
	for (unsigned i = 0; i < ATTEMPT__MAX; i++) {
		enum attempt_state back = ATTEMPT__MAX;

		CU_ASSERT_STRING_EQUAL(attempt_word((enum attempt_state)i),
		    words[i]);
		CU_ASSERT_TRUE(attempt_parse(words[i], &back));
		CU_ASSERT_EQUAL(back, i);
	}
}

static void
an_unknown_word_is_no_state_of_an_attempt(void)
{
	static const char *const unknown[] = { "", "Open", "open ", "paid",
		"canceled" };

	for (size_t i = 0; i < ARRAY_LEN(unknown); i++) {
		enum attempt_state state = ATTEMPT__MAX;

		CU_ASSERT_FALSE(attempt_parse(unknown[i], &state));
		CU_ASSERT_EQUAL(state, ATTEMPT__MAX);
	}
}

static void
money_is_used_or_sent_back_as_the_booking_stands(void)
{
	for (unsigned i = 0; i < BOOKING__MAX; i++) {
		struct settlement_facts facts = {
			.booking = (enum booking_state)i,
			.total = 12000,
			.amount = 12000,
		};

		CU_ASSERT_EQUAL(settlement_of(&facts), steps[i].right);
		facts.amount = 11999;
		CU_ASSERT_EQUAL(settlement_of(&facts), steps[i].wrong);
		facts.amount = 12001;
		CU_ASSERT_EQUAL(settlement_of(&facts), steps[i].wrong);
	}
}

static void
every_step_that_refunds_says_why_and_no_other_does(void)
{
	static const char *const reasons[SETTLE__MAX] = {
		[SETTLE_REFUND_LATE] = "late",
		[SETTLE_REFUND_DUPLICATE] = "duplicate",
		[SETTLE_REFUND_SUPERSEDED] = "superseded",
		[SETTLE_REFUND_CANCELLED] = "cancelled",
	};

	for (unsigned i = 0; i < SETTLE__MAX; i++) {
		const char *reason = settlement_reason(
		    (enum settlement_step)i);

		CU_ASSERT_EQUAL(reason != NULL, reasons[i] != NULL);
		if (reason && reasons[i])
			CU_ASSERT_STRING_EQUAL(reason, reasons[i]);
	}
}

UNIT_SUITE(settlement,
    UNIT_TEST(an_attempt_becomes_what_the_table_says_and_nothing_else),
    UNIT_TEST(money_that_landed_is_never_forgotten),
    UNIT_TEST(every_state_of_an_attempt_has_its_word_and_back),
    UNIT_TEST(an_unknown_word_is_no_state_of_an_attempt),
    UNIT_TEST(money_is_used_or_sent_back_as_the_booking_stands),
    UNIT_TEST(every_step_that_refunds_says_why_and_no_other_does))
