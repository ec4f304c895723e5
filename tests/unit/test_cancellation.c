/* test_cancellation.c: what comes back, to the cent and to the hour. */
#include "domain/cancellation.h"

#include "base/clock.h"
#include "base/compiler.h"
#include "base/instant.h"
#include "support/chance.h"
#include "unit/unit.h"

#define START (INT64_C(1768467600) * USEC_PER_SEC)
#define RULES_MAX 4

/* Rules are given in pairs, hours and percent. */
struct terms {
	int64_t hours[RULES_MAX];
	int64_t percent[RULES_MAX];
	struct cancellation_terms terms;
};

static const struct cancellation_terms *
terms_of(struct terms *t, size_t rules, int64_t fee, int64_t cap, int64_t step)
{
	t->terms = (struct cancellation_terms){
		.hours = { t->hours, rules },
		.percent = { t->percent, rules },
		.fee = fee,
		.cap_percent = cap,
		.step = step,
	};
	return &t->terms;
}

/* The policy a franchise has by itself: 48 h 100 %, 24 h 50 %, else nothing. */
static const struct cancellation_terms *
usual(struct terms *t, int64_t fee)
{
	*t = (struct terms){ .hours = { 48, 24 }, .percent = { 100, 50 } };
	return terms_of(t, 2, fee, 100, 1);
}

static void
the_customers_example_gives_back_a_hundred(void)
{
	struct terms t;
	struct cancellation c = cancellation_work_out(usual(&t, 2000), START,
	    START - 72 * USEC_PER_HOUR, 12000, 0);

	CU_ASSERT_EQUAL(c.refund, 10000);
	CU_ASSERT_EQUAL(c.fee, 2000);
	CU_ASSERT_EQUAL(c.percent, 100);
	CU_ASSERT_EQUAL(c.hours_before, 48);
	CU_ASSERT_EQUAL(c.valid_until_us, START - 48 * USEC_PER_HOUR);
}

static void
a_tier_holds_up_to_exactly_its_hour(void)
{
	static const struct {
		int64_t before_us;
		int64_t refund;
		int64_t hours; /* of the tier */
	} cases[] = {
		{ 1000 * USEC_PER_HOUR, 12000, 48 },
		{ 48 * USEC_PER_HOUR + 1, 12000, 48 },
		{ 48 * USEC_PER_HOUR, 12000, 48 },
		{ 48 * USEC_PER_HOUR - 1, 6000, 24 },
		{ 24 * USEC_PER_HOUR, 6000, 24 },
		{ 24 * USEC_PER_HOUR - 1, 0, NONE },
		{ 0, 0, NONE },
		{ -USEC_PER_HOUR, 0, NONE }, /* it has begun */
	};
	struct terms t;

	usual(&t, 0);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct cancellation c = cancellation_work_out(&t.terms, START,
		    START - cases[i].before_us, 12000, 0);

		CU_ASSERT_EQUAL(c.refund, cases[i].refund);
		CU_ASSERT_EQUAL(c.hours_before, cases[i].hours);
		CU_ASSERT_EQUAL(c.valid_until_us, cases[i].hours == NONE ? NONE :
		    START - cases[i].hours * USEC_PER_HOUR);
	}
}

static void
the_order_of_the_rules_does_not_matter(void)
{
	struct terms t = { .hours = { 0, 72, 24, 48 },
		.percent = { 10, 100, 25, 50 } };
	static const struct {
		int64_t hours;
		int64_t percent;
	} cases[] = { { 100, 100 }, { 72, 100 }, { 71, 50 }, { 48, 50 },
		{ 47, 25 }, { 24, 25 }, { 23, 10 }, { 0, 10 }, { -1, 0 } };

	terms_of(&t, 4, 0, 100, 1);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct cancellation c = cancellation_work_out(&t.terms, START,
		    START - cases[i].hours * USEC_PER_HOUR, 10000, 0);

		CU_ASSERT_EQUAL(c.percent, cases[i].percent);
		CU_ASSERT_EQUAL(c.refund, cases[i].percent * 100);
	}
}

static void
without_rules_nothing_comes_back(void)
{
	struct terms t = { 0 };
	struct cancellation c = cancellation_work_out(
	    terms_of(&t, 0, 2000, 100, 1), START, START - USEC_PER_DAY * 100,
	    12000, 0);

	CU_ASSERT_EQUAL(c.refund, 0);
	CU_ASSERT_EQUAL(c.fee, 0); /* there was nothing to take it from */
	CU_ASSERT_EQUAL(c.percent, 0);
	CU_ASSERT_EQUAL(c.valid_until_us, NONE);
}

static void
fee_cap_step_and_earlier_refunds_each_take_their_part(void)
{
	static const struct {
		const char *what;
		int64_t paid;
		int64_t percent;
		int64_t cap;
		int64_t fee;
		int64_t step;
		int64_t refunded;
		int64_t refund;
		int64_t fee_taken;
	} cases[] = {
		{ "fee above the share", 1500, 100, 100, 2000, 1, 0, 0, 1500 },
		{ "fee equal to it", 2000, 100, 100, 2000, 1, 0, 0, 2000 },
		{ "one cent more", 2001, 100, 100, 2000, 1, 0, 1, 2000 },
		{ "cap worse than tier", 12000, 100, 50, 0, 1, 0, 6000, 0 },
		{ "cap better than tier", 12000, 50, 100, 0, 1, 0, 6000, 0 },
		{ "cap of nothing", 12000, 100, 0, 500, 1, 0, 0, 0 },
		{ "part refunded", 12000, 100, 100, 2000, 1, 4000, 6000, 2000 },
		{ "all refunded", 12000, 100, 100, 0, 1, 12000, 0, 0 },
		{ "more than due", 12000, 50, 100, 0, 1, 9000, 0, 0 },
		{ "nothing paid", 0, 100, 100, 2000, 1, 0, 0, 0 },
		{ "a cent is floored", 101, 50, 100, 0, 1, 0, 50, 0 },
		{ "thirds are floored", 10000, 33, 100, 0, 1, 0, 3300, 0 },
		{ "99.99 at 33 %", 9999, 33, 100, 0, 1, 0, 3299, 0 },
		{ "JPY 101 at 50 %", 10100, 50, 100, 0, 100, 0, 5000, 0 },
		{ "JPY 199 at 99 %", 19900, 99, 100, 0, 100, 0, 19700, 0 },
		{ "JPY with a fee", 10100, 50, 100, 2000, 100, 0, 3000, 2000 },
		{ "the most there is", INT64_C(9999999999), 100, 100, 0, 1, 0,
		    INT64_C(9999999999), 0 },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct terms t = { .hours = { 24 },
			.percent = { cases[i].percent } };
		struct cancellation c = cancellation_work_out(
		    terms_of(&t, 1, cases[i].fee, cases[i].cap, cases[i].step),
		    START, START - 48 * USEC_PER_HOUR, cases[i].paid,
		    cases[i].refunded);

		if (c.refund != cases[i].refund || c.fee != cases[i].fee_taken)
			fprintf(stderr, "%s\n", cases[i].what);
		CU_ASSERT_EQUAL(c.refund, cases[i].refund);
		CU_ASSERT_EQUAL(c.fee, cases[i].fee_taken);
	}
}

static struct cancellation_terms
any_terms(struct chance *chance, struct terms *t)
{
	size_t rules = (size_t)chance_between(chance, 0, RULES_MAX);
	int64_t step = chance_between(chance, 0, 1) == 0 ? 1 : 100;

	for (size_t i = 0; i < rules; i++) {
		t->hours[i] = chance_between(chance, 0, 200);
		t->percent[i] = chance_between(chance, 0, 100);
	}
	return *terms_of(t, rules, chance_between(chance, 0, 50) * 100,
	    chance_between(chance, 0, 100), step);
}

/* For any policy: 0 <= refund <= paid - refunded, never more by waiting, never
 * less by having paid more, never more under a lower cap. */
static void
a_refund_is_never_negative_nor_above_what_was_paid_and_only_falls(void)
{
	struct chance chance = chance_open("refund");

	for (int i = 0; i < 20000; i++) {
		struct terms t;
		struct cancellation_terms terms = any_terms(&chance, &t);
		int64_t most = INT64_C(9999999999) / terms.step;
		int64_t paid = chance_between(&chance, 0, most) * terms.step;
		int64_t more = chance_between(&chance, 0, most) * terms.step;
		int64_t refunded = terms.step *
		    chance_between(&chance, 0, paid / terms.step);
		int64_t now = START - chance_between(&chance,
		    -USEC_PER_HOUR, 250 * USEC_PER_HOUR);
		int64_t later = now + chance_between(&chance, 0,
		    100 * USEC_PER_HOUR);
		struct cancellation c = cancellation_work_out(&terms, START,
		    now, paid, refunded);
		int64_t refund = c.refund;

		CU_ASSERT_TRUE_FATAL(refund >= 0);
		CU_ASSERT_TRUE_FATAL(refund == 0 || refund + refunded <= paid);
		CU_ASSERT_EQUAL_FATAL(refund % terms.step, 0);
		CU_ASSERT_TRUE_FATAL(c.percent <= terms.cap_percent);

		if (c.valid_until_us != NONE) {
			CU_ASSERT_EQUAL_FATAL(cancellation_work_out(&terms,
			    START, c.valid_until_us, paid, refunded).refund,
			    refund);
		}
		CU_ASSERT_TRUE_FATAL(cancellation_work_out(&terms, START, later,
		    paid, refunded).refund <= refund);
		CU_ASSERT_TRUE_FATAL(cancellation_work_out(&terms, START, now,
		    paid < more ? more : paid, refunded).refund >= refund);
		terms.cap_percent = chance_between(&chance, 0,
		    terms.cap_percent);
		CU_ASSERT_TRUE_FATAL(cancellation_work_out(&terms, START, now,
		    paid, refunded).refund <= refund);
	}
}

/* ---- made cheaper ---------------------------------------------------------- */

static void
a_lower_price_gives_back_its_share_within_its_bounds(void)
{
	static const struct {
		const char *what;
		int64_t paid;
		int64_t refunded;
		int64_t was;
		int64_t is;
		int64_t percent;
		int64_t fee;
		int64_t step;
		int64_t back;
	} cases[] = {
		{ "all of an hour", 12000, 0, 12000, 10500, 100, 0, 1, 1500 },
		{ "half of an hour", 12000, 0, 12000, 10500, 50, 0, 1, 750 },
		{ "nothing of an hour", 12000, 0, 12000, 10500, 0, 0, 1, 0 },
		{ "no fee is taken", 12000, 0, 12000, 10500, 100, 2000, 1, 1500 },
		{ "but it is not evaded", 12000, 0, 12000, 1500, 100, 2000, 1,
		    10000 },
		{ "nor bit by bit", 12000, 9000, 3000, 1500, 100, 2000, 1, 1000 },
		{ "the fee eats it all", 1500, 0, 1500, 1000, 100, 2000, 1, 0 },
		{ "a cent is floored", 10101, 0, 10101, 10000, 50, 0, 1, 50 },
		{ "yen are whole", 1010000, 0, 1010000, 999900, 50, 0, 100, 5000 },
		{ "yen are floored", 1010000, 0, 1010000, 1000100, 50, 0, 100,
		    4900 },
		{ "what was waived stays", 1500, 0, 1540, 1500, 100, 0, 1, 0 },
		{ "what staff gave counts", 12000, 2000, 12000, 6000, 100, 0, 1,
		    4000 },
		{ "what was kept stays kept", 12000, 0, 6000, 3000, 50, 0, 1,
		    1500 },
		{ "nor twice", 12000, 6000, 6000, 0, 50, 0, 1, 0 },
		{ "free from now on", 12000, 0, 12000, 0, 100, 0, 1, 12000 },
		{ "the same price", 12000, 0, 12000, 12000, 100, 0, 1, 0 },
		{ "never paid", 0, 0, 40, 0, 100, 0, 1, 0 },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct terms t = { .hours = { 24 },
			.percent = { cases[i].percent } };
		const struct cancellation_terms *terms = terms_of(&t, 1,
		    cases[i].fee, 100, cases[i].step);
		struct cancellation whole = cancellation_work_out(terms, START,
		    START - 48 * USEC_PER_HOUR, cases[i].paid,
		    cases[i].refunded);
		int64_t back = cancellation_of_part(terms, &whole,
		    cases[i].was, cases[i].is,
		    cases[i].paid - cases[i].refunded);

		if (back != cases[i].back)
			fprintf(stderr, "%s: %lld\n", cases[i].what,
			    (long long)back);
		CU_ASSERT_EQUAL(back, cases[i].back);
	}
}

/* A booking lives: made cheaper and dearer, nearer and nearer to its start; then
 * it is cancelled.  Whatever it went through, no more comes back in all than its
 * first policy gives of all that was paid, and what is kept of it while it
 * stands is never less than what it costs, but for what was waived. */
static void
shrinking_never_pays_better_than_cancelling(void)
{
	struct chance chance = chance_open("price down");

	for (int i = 0; i < 3000; i++) {
		struct terms t;
		struct cancellation_terms terms = any_terms(&chance, &t);
		int64_t slot = chance_between(&chance, 1, 30) * 100;
		int64_t total = slot * chance_between(&chance, 1, 10);
		int64_t paid = total;
		int64_t refunded = 0;
		int64_t waived = 0;
		int64_t now = START - 250 * USEC_PER_HOUR;
		struct cancellation c = { 0 };

		for (int move = 0; move < 12; move++) {
			int64_t next = slot * chance_between(&chance, 0, 12);

			now += chance_between(&chance, 0, 25) * USEC_PER_HOUR;
			c = cancellation_work_out(&terms, START, now, paid,
			    refunded);
			if (chance_between(&chance, 0, 2) == 0)
				terms.cap_percent = c.percent; /* it moved */
			if (next < total) {
				int64_t back = cancellation_of_part(&terms, &c,
				    total, next, paid - refunded);

				CU_ASSERT_TRUE_FATAL(back >= 0 &&
				    back <= total - next &&
				    back <= c.refund);
				CU_ASSERT_EQUAL_FATAL(back % terms.step, 0);
				refunded += back;
			} else if (chance_between(&chance, 0, 3) == 0) {
				waived += next - total;
			} else {
				paid += next - total;
			}
			total = next;
			CU_ASSERT_TRUE_FATAL(paid + waived - refunded >= total);
		}
		c = cancellation_work_out(&terms, START, now, paid, refunded);
		CU_ASSERT_TRUE_FATAL(c.refund + refunded <= paid);
		/* Not by the tier that holds now: by the best there was. */
		CU_ASSERT_TRUE_FATAL(c.refund == 0 || c.refund + refunded ==
		    cancellation_work_out(&terms, START, now, paid, 0).refund);
	}
}

UNIT_SUITE(cancellation, UNIT_TEST(the_customers_example_gives_back_a_hundred),
    UNIT_TEST(a_tier_holds_up_to_exactly_its_hour),
    UNIT_TEST(the_order_of_the_rules_does_not_matter),
    UNIT_TEST(without_rules_nothing_comes_back),
    UNIT_TEST(fee_cap_step_and_earlier_refunds_each_take_their_part),
    UNIT_TEST(
        a_refund_is_never_negative_nor_above_what_was_paid_and_only_falls),
    UNIT_TEST(a_lower_price_gives_back_its_share_within_its_bounds),
    UNIT_TEST(shrinking_never_pays_better_than_cancelling))
