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

#define BACK(why) SETTLE_REFUND_##why
/* What becomes of the money, by the booking's state and by what the payment was
 * for: when it is as much as that costs, when it is not, and when it is but the
 * time has begun. */
static const struct {
	enum settlement_step right;
	enum settlement_step wrong;
	enum settlement_step begun;
} steps[BOOKING__MAX][CHANGE__MAX] = {
	[BOOKING_PENDING] = {
		[CHANGE_NONE] =     { SETTLE_CONFIRM,   BACK(SUPERSEDED), SETTLE_CONFIRM },
		[CHANGE_STANDS] =   { BACK(SUPERSEDED), BACK(SUPERSEDED), BACK(SUPERSEDED) },
		[CHANGE_APPLIED] =  { BACK(SUPERSEDED), BACK(SUPERSEDED), BACK(SUPERSEDED) },
		[CHANGE_REPLACED] = { BACK(SUPERSEDED), BACK(SUPERSEDED), BACK(SUPERSEDED) },
		[CHANGE_DROPPED] =  { BACK(SUPERSEDED), BACK(SUPERSEDED), BACK(SUPERSEDED) },
	},
	[BOOKING_CONFIRMED] = {
		[CHANGE_NONE] =     { BACK(DUPLICATE),  BACK(DUPLICATE),  BACK(DUPLICATE) },
		[CHANGE_STANDS] =   { SETTLE_CHANGE,    BACK(SUPERSEDED), BACK(LATE) },
		[CHANGE_APPLIED] =  { BACK(DUPLICATE),  BACK(DUPLICATE),  BACK(DUPLICATE) },
		[CHANGE_REPLACED] = { BACK(SUPERSEDED), BACK(SUPERSEDED), BACK(SUPERSEDED) },
		[CHANGE_DROPPED] =  { BACK(LATE),       BACK(LATE),       BACK(LATE) },
	},
#define OVER { \
		[CHANGE_NONE] =     { BACK(DUPLICATE),  BACK(DUPLICATE),  BACK(DUPLICATE) }, \
		[CHANGE_STANDS] =   { BACK(LATE),       BACK(LATE),       BACK(LATE) }, \
		[CHANGE_APPLIED] =  { BACK(DUPLICATE),  BACK(DUPLICATE),  BACK(DUPLICATE) }, \
		[CHANGE_REPLACED] = { BACK(SUPERSEDED), BACK(SUPERSEDED), BACK(SUPERSEDED) }, \
		[CHANGE_DROPPED] =  { BACK(LATE),       BACK(LATE),       BACK(LATE) }, \
	}
	[BOOKING_CHECKED_IN] = OVER,
	[BOOKING_COMPLETED] = OVER,
	[BOOKING_NO_SHOW] = OVER,
#undef OVER
	[BOOKING_EXPIRED] = {
		[CHANGE_NONE] =     { SETTLE_RETAKE,    BACK(SUPERSEDED), BACK(LATE) },
		[CHANGE_STANDS] =   { BACK(SUPERSEDED), BACK(SUPERSEDED), BACK(SUPERSEDED) },
		[CHANGE_APPLIED] =  { BACK(SUPERSEDED), BACK(SUPERSEDED), BACK(SUPERSEDED) },
		[CHANGE_REPLACED] = { BACK(SUPERSEDED), BACK(SUPERSEDED), BACK(SUPERSEDED) },
		[CHANGE_DROPPED] =  { BACK(SUPERSEDED), BACK(SUPERSEDED), BACK(SUPERSEDED) },
	},
	[BOOKING_CANCELLED] = {
		[CHANGE_NONE] =     { BACK(CANCELLED),  BACK(CANCELLED),  BACK(CANCELLED) },
		[CHANGE_STANDS] =   { BACK(CANCELLED),  BACK(CANCELLED),  BACK(CANCELLED) },
		[CHANGE_APPLIED] =  { BACK(CANCELLED),  BACK(CANCELLED),  BACK(CANCELLED) },
		[CHANGE_REPLACED] = { BACK(CANCELLED),  BACK(CANCELLED),  BACK(CANCELLED) },
		[CHANGE_DROPPED] =  { BACK(CANCELLED),  BACK(CANCELLED),  BACK(CANCELLED) },
	},
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
	for (unsigned i = 0; i < BOOKING__MAX * CHANGE__MAX; i++) {
		struct settlement_facts facts = {
			.booking = (enum booking_state)(i / CHANGE__MAX),
			.change = (enum settlement_change)(i % CHANGE__MAX),
			.due = 12000,
			.amount = 12000,
		};
		unsigned b = facts.booking;
		unsigned c = facts.change;

		CU_ASSERT_EQUAL(settlement_of(&facts), steps[b][c].right);
		facts.begun = true;
		CU_ASSERT_EQUAL(settlement_of(&facts), steps[b][c].begun);
		facts.begun = false;
		facts.amount = 11999;
		CU_ASSERT_EQUAL(settlement_of(&facts), steps[b][c].wrong);
		facts.amount = 12001;
		CU_ASSERT_EQUAL(settlement_of(&facts), steps[b][c].wrong);
	}
}

/* Nobody pays for hours that are over, whatever the hold says. */
static void
money_for_hours_that_are_over_goes_back(void)
{
	static const enum booking_state unpaid[] = { BOOKING_PENDING,
		BOOKING_EXPIRED };

	for (size_t i = 0; i < ARRAY_LEN(unpaid); i++) {
		struct settlement_facts facts = { .booking = unpaid[i],
			.change = CHANGE_NONE, .due = 12000, .amount = 12000,
			.begun = true, .over = true };

		CU_ASSERT_EQUAL(settlement_of(&facts), SETTLE_REFUND_LATE);
	}
}

/* Only what changes a booking takes money; only what is asked for, and in time. */
static void
a_change_takes_effect_by_its_own_money_alone(void)
{
	unsigned taken = 0;

	for (unsigned i = 0; i < BOOKING__MAX * CHANGE__MAX * 2; i++) {
		struct settlement_facts facts = {
			.booking = (enum booking_state)(i / 2 / CHANGE__MAX),
			.change = (enum settlement_change)(i / 2 %
			    CHANGE__MAX),
			.begun = i % 2 == 1,
			.due = 1500,
			.amount = 1500,
		};

		if (settlement_of(&facts) != SETTLE_CHANGE)
			continue;
		taken++;
		CU_ASSERT_EQUAL(facts.booking, BOOKING_CONFIRMED);
		CU_ASSERT_EQUAL(facts.change, CHANGE_STANDS);
		CU_ASSERT_FALSE(facts.begun);
	}
	CU_ASSERT_EQUAL(taken, 1);
}

static void
every_end_of_a_change_has_its_word_and_no_other_word_is_one(void)
{
	static const struct {
		const char *word;
		enum settlement_change change;
	} ends[] = { { "applied", CHANGE_APPLIED },
		{ "replaced", CHANGE_REPLACED },
		{ "dropped", CHANGE_DROPPED } };
	static const char *const unknown[] = { "", "none", "stands", "Applied",
		"dropped " };
	enum settlement_change change = CHANGE__MAX;

	for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
		CU_ASSERT_TRUE(settlement_parse_change(ends[i].word, &change));
		CU_ASSERT_EQUAL(change, ends[i].change);
	}
	for (size_t i = 0; i < ARRAY_LEN(unknown); i++) {
		change = CHANGE__MAX;
		CU_ASSERT_FALSE(settlement_parse_change(unknown[i], &change));
		CU_ASSERT_EQUAL(change, CHANGE__MAX);
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
    UNIT_TEST(money_for_hours_that_are_over_goes_back),
    UNIT_TEST(money_is_used_or_sent_back_as_the_booking_stands),
    UNIT_TEST(a_change_takes_effect_by_its_own_money_alone),
    UNIT_TEST(every_end_of_a_change_has_its_word_and_no_other_word_is_one),
    UNIT_TEST(every_step_that_refunds_says_why_and_no_other_does))
