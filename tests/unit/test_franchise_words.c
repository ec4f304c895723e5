/* test_franchise_words.c: weekdays, peak windows and cancellation rules as
 * text, and the rules a franchise obeys. */
#include "ctl/franchise_words.h"

#include <stdint.h>
#include <string.h>

#include "app/franchise_admin.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/instant.h"
#include "base/scope.h"
#include "unit/unit.h"

#define CEILING ((size_t)1024 * 1024)

static void
weekdays_are_read_and_written(void)
{
	static const struct {
		const char *text;
		const char *back; /* NULL: refused */
	} cases[] = {
		{ "1", "1" },
		{ "1-7", "1-7" },
		{ "1,3,5", "1,3,5" },
		{ "5,1-3", "1-3,5" },
		{ "1-5,7", "1-5,7" },
		{ "2,2,1-2", "1-2" },
		{ "3-3", "3" },
		{ "", NULL },
		{ "0", NULL },
		{ "8", NULL },
		{ "5-1", NULL },
		{ "1-", NULL },
		{ "1,", NULL },
		{ ",1", NULL },
		{ "1 2", NULL },
		{ "12", NULL },
		{ "1-2-3", NULL },
	};
	struct arena *arena = arena_open(CEILING);

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct ints days = { NULL, 99 };
		bool fine = words_weekdays(arena, cases[i].text, &days);
		struct buf out;

		CU_ASSERT_EQUAL(fine, cases[i].back != NULL);
		if (!fine) {
			CU_ASSERT_EQUAL(days.count, 99);
			continue;
		}
		buf_init(&out, arena, 64);
		words_put_weekdays(&out, &days);
		CU_ASSERT_STRING_EQUAL(out.data, cases[i].back);
	}
	arena_close(arena);
}

static void
a_peak_window_is_read_with_its_days_or_all_of_them(void)
{
	static const char *const faulty[] = { "", "07:00", "07:00-", "07:00-9:00",
		"07:00 09:00", "07:00-09:00@", "07:00-09:00@8", "07:00-09:00 1",
		"24:01-24:00", "07:60-09:00", "07:00-09:00@1-5x" };
	struct arena *arena = arena_open(CEILING);
	struct peak_rule peak = { 0 };

	CU_ASSERT(words_peak(arena, "07:00-24:00", &peak));
	CU_ASSERT_STRING_EQUAL(peak.start, "07:00");
	CU_ASSERT_STRING_EQUAL(peak.end, "24:00");
	CU_ASSERT_EQUAL(peak.weekdays.count, 7);
	CU_ASSERT(words_peak(arena, "16:30-19:00@1-3,5", &peak));
	CU_ASSERT_EQUAL_FATAL(peak.weekdays.count, 4);
	CU_ASSERT_EQUAL(peak.weekdays.items[3], 5);
	for (size_t i = 0; i < ARRAY_LEN(faulty); i++) {
		CU_ASSERT_FALSE(words_peak(arena, faulty[i], &peak));
		CU_ASSERT_STRING_EQUAL(peak.start, "16:30");
	}
	arena_close(arena);
}

static void
a_cancellation_policy_is_read_and_none_is_one(void)
{
	static const char *const faulty[] = { "", "48", "48:", ":100", "48:101",
		"8785:100", "48:100,", "48:100;24:50", "-1:100", "48:100 ",
		"1:1,1:1,1:1,1:1,1:1,1:1,1:1,1:1,1:1,1:1,1:1", "None" };
	struct arena *arena = arena_open(CEILING);
	struct ints hours = { 0 };
	struct ints percent = { 0 };

	CU_ASSERT(words_policy(arena, "none", &hours, &percent));
	CU_ASSERT_PTR_NOT_NULL(hours.items);
	CU_ASSERT_EQUAL(hours.count, 0);
	CU_ASSERT(words_policy(arena, "168:100,48:75,0:10", &hours, &percent));
	CU_ASSERT_EQUAL_FATAL(hours.count, 3);
	CU_ASSERT_EQUAL_FATAL(percent.count, 3);
	CU_ASSERT_EQUAL(hours.items[0], 168);
	CU_ASSERT_EQUAL(percent.items[2], 10);
	for (size_t i = 0; i < ARRAY_LEN(faulty); i++) {
		CU_ASSERT_FALSE(words_policy(arena, faulty[i], &hours,
		    &percent));
		CU_ASSERT_EQUAL(hours.count, 3);
	}
	arena_close(arena);
}

static int64_t weekdays[] = { 1, 2, 3 };

static struct franchise_facts
sound_facts(void)
{
	return (struct franchise_facts){ .name = "n", .address = "a",
		.city = "c", .postal_code = "p", .time_zone = "UTC",
		.currency = "USD", .capacity = 5, .standard_rate = 1500,
		.peak_rate = 2250, .open = "08:00", .close = "18:00",
		.weekdays = { weekdays, ARRAY_LEN(weekdays) },
		.slot_minutes = 60, .cancel_fee = 0, .active = 1 };
}

/* Do these facts hold?  NULL, or the sentence that says why not. */
static const char *
verdict(struct scope *sc, const struct franchise_facts *facts)
{
	enum err e = franchise_facts_check(sc, facts);

	CU_ASSERT(e == ERR_OK || e == ERR_CONFLICT);
	return e ? sc->why : NULL;
}

static void
a_slot_costs_an_amount_that_can_be_charged(void)
{
	static const struct {
		const char *currency;
		int64_t minutes;
		int64_t rate;
		bool fine;
	} cases[] = {
		{ "USD", 60, 1500, true },
		{ "USD", 60, 1501, true },
		{ "USD", 15, 1500, true },
		{ "USD", 15, 1501, false }, /* 3.7525 */
		{ "USD", 30, 1501, false },
		{ "USD", 60, 0, true }, /* free of charge */
		{ "USD", 60, 50, true },
		{ "USD", 60, 49, false }, /* below the minimum */
		{ "USD", 15, 200, true },
		{ "USD", 15, 196, false }, /* 0.49 a slot */
		{ "USD", 60, 99999999, true },
		{ "USD", 60, 100000000, false },
		{ "JPY", 60, 150000, true },
		{ "JPY", 60, 150050, false }, /* half a yen */
		{ "JPY", 15, 150000, true },
		{ "JPY", 15, 150200, false }, /* 375.5 yen a slot */
		{ "JPY", 15, 150400, true },
		{ "JPY", 60, 4900, false },
		{ "KWD", 60, 1500, false }, /* three decimals */
		{ "ZZZ", 60, 1500, false },
		{ "usd", 60, 1500, false },
	};
	struct arena *arena = arena_open(CEILING);
	struct scope sc;

	scope_init(&sc, arena, USEC_PER_MIN);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct franchise_facts facts = sound_facts();

		facts.currency = cases[i].currency;
		facts.slot_minutes = cases[i].minutes;
		facts.standard_rate = cases[i].rate;
		facts.peak_rate = 0;
		CU_ASSERT_EQUAL(verdict(&sc, &facts) == NULL, cases[i].fine);
		facts.standard_rate = 0;
		facts.peak_rate = cases[i].rate;
		CU_ASSERT_EQUAL(verdict(&sc, &facts) == NULL, cases[i].fine);
	}
	arena_close(arena);
}

static void
hours_and_policy_must_make_sense(void)
{
	int64_t rising[] = { 24, 48 };
	int64_t falling[] = { 48, 24 };
	struct peak_rule twice[] = {
		{ "08:00", "09:00", { weekdays, 3 } },
		{ "08:00", "10:00", { weekdays, 3 } },
	};
	struct franchise_facts facts = sound_facts();
	struct arena *arena = arena_open(CEILING);
	struct scope sc;

	scope_init(&sc, arena, USEC_PER_MIN);
	CU_ASSERT_PTR_NULL(verdict(&sc, &facts));
	facts.close = "08:00";
	CU_ASSERT_STRING_EQUAL(verdict(&sc, &facts),
	    "close must be later than open");
	facts.close = "08:59";
	CU_ASSERT_STRING_EQUAL(verdict(&sc, &facts),
	    "close must leave room for one slot after open");
	facts.close = "24:00";
	CU_ASSERT_PTR_NULL(verdict(&sc, &facts));

	facts.cancel_hours = (struct ints){ rising, 2 };
	facts.cancel_percent = (struct ints){ falling, 2 };
	CU_ASSERT_STRING_EQUAL(verdict(&sc, &facts),
	    "cancel must count the hours downwards");
	facts.cancel_hours = (struct ints){ falling, 2 };
	CU_ASSERT_PTR_NULL(verdict(&sc, &facts));
	facts.cancel_percent = (struct ints){ rising, 2 };
	CU_ASSERT_STRING_EQUAL(verdict(&sc, &facts),
	    "cancel must not refund more the later it is");
	facts.cancel_percent = facts.cancel_hours;

	facts.peaks = twice;
	facts.peak_count = 1;
	CU_ASSERT_PTR_NULL(verdict(&sc, &facts));
	facts.peak_count = 2;
	CU_ASSERT_STRING_EQUAL(verdict(&sc, &facts),
	    "peak names the same begin and days twice");
	facts.peak_count = 0;
	facts.name = NULL;
	CU_ASSERT_STRING_EQUAL(verdict(&sc, &facts), "name is missing");
	arena_close(arena);
}

UNIT_SUITE(franchise_words, UNIT_TEST(weekdays_are_read_and_written),
    UNIT_TEST(a_peak_window_is_read_with_its_days_or_all_of_them),
    UNIT_TEST(a_cancellation_policy_is_read_and_none_is_one),
    UNIT_TEST(a_slot_costs_an_amount_that_can_be_charged),
    UNIT_TEST(hours_and_policy_must_make_sense))
