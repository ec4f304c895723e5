/* test_day.c: what may be booked on a day, and what it costs. */
#include "domain/day.h"

#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/instant.h"
#include "base/scope.h"
#include "support/chance.h"
#include "unit/unit.h"

#define MEMORY ((size_t)1024 * 1024)
#define SLOTS_MAX 200
#define DAY 20500 /* 2026-02-16, a Monday; its midnight is UTC's */
#define MIDNIGHT (DAY * USEC_PER_DAY)
#define AT(h, m) (MIDNIGHT + (h) * USEC_PER_HOUR + (m) * USEC_PER_MIN)

/* A day, the arrays it points to, and a scope to judge it in. */
struct fixture {
	struct day day;
	int64_t starts[SLOTS_MAX];
	int64_t rates[SLOTS_MAX];
	int64_t peaks[SLOTS_MAX];
	int64_t left[SLOTS_MAX];
	struct arena *arena;
	struct scope sc;
};

static bool
in_peak(int64_t start_us)
{
	int64_t minute = (start_us - MIDNIGHT) / USEC_PER_MIN;

	return (minute >= 7 * 60 && minute < 9 * 60) ||
	    (minute >= 17 * 60 && minute < 19 * 60);
}

/* Franchise 1 of the demonstration: 15.00 and 22.50, peak 07-09 and 17-19;
 * seen a day before, ten places left everywhere. */
static void
fixture_open(struct fixture *f, int64_t open_us, int64_t close_us,
    int64_t minutes)
{
	size_t count = 0;

	memset(f, 0, sizeof *f);
	f->arena = arena_open(MEMORY);
	scope_init(&f->sc, f->arena, USEC_PER_MIN);
	f->day = (struct day){
		.is_active = true,
		.currency = "USD",
		.time_zone = "Atlantic/Reykjavik",
		.slot_minutes = minutes,
		.horizon_days = 180,
		.standard_rate = 1500,
		.peak_hour_rate = 2250,
		.open_label = "08:00",
		.close_label = "18:00",
		.day = DAY,
		.today = DAY - 1,
		.open_us = open_us,
		.close_us = close_us,
		.as_of_us = MIDNIGHT - 12 * USEC_PER_HOUR,
		.valid_until_us = NONE,
	};
	for (int64_t at = open_us; at + minutes * USEC_PER_MIN <= close_us;
	    at += minutes * USEC_PER_MIN) {
		f->starts[count] = at;
		f->peaks[count] = in_peak(at);
		f->rates[count] = in_peak(at) ? 2250 : 1500;
		f->left[count++] = 10;
	}
	f->day.starts = (struct ints){ f->starts, count };
	f->day.rates = (struct ints){ f->rates, count };
	f->day.peaks = (struct ints){ f->peaks, count };
	f->day.left = (struct ints){ f->left, count };
}

static void
fixture_day(struct fixture *f)
{
	fixture_open(f, AT(8, 0), AT(18, 0), 60);
}

static void
fixture_close(struct fixture *f)
{
	arena_close(f->arena);
}

/* The faults of a span as "pointer rule, pointer rule", "" when it is one. */
static const char *
faults_of(struct fixture *f, int64_t start_us, int64_t end_us)
{
	static const struct span untouched = { 77, 77 };
	struct span span = untouched;
	const char *text = "";
	enum err e;

	scope_init(&f->sc, f->arena, USEC_PER_MIN);
	e = day_span(&f->sc, &f->day, start_us, end_us, &span);
	for (const struct fault *x = f->sc.faults; x; x = x->next) {
		CU_ASSERT_TRUE(strlen(x->detail) > 0);
		text = arena_printf(f->arena, "%s%s%s %s", text,
		    *text ? ", " : "", x->pointer, x->rule);
	}
	CU_ASSERT_EQUAL(e, *text ? ERR_INVALID : ERR_OK);
	if (e)
		CU_ASSERT_EQUAL(memcmp(&span, &untouched, sizeof span), 0);
	return text;
}

static void
a_span_is_made_of_whole_slots_of_one_day(void)
{
	static const struct {
		int64_t start;
		int64_t end;
		const char *faults;
	} cases[] = {
		{ AT(8, 0), AT(9, 0), "" },   /* the first slot */
		{ AT(17, 0), AT(18, 0), "" }, /* the last */
		{ AT(8, 0), AT(18, 0), "" },  /* all */
		{ AT(9, 0), AT(17, 0), "" },
		{ AT(9, 0), AT(9, 0), "/end_datetime after_start" },
		{ AT(9, 0), AT(8, 0), "/end_datetime after_start" },
		{ AT(9, 0), AT(9, 0) + 1, "/end_datetime slot_boundary" },
		{ AT(9, 0), AT(9, 30), "/end_datetime slot_boundary" },
		{ AT(9, 30), AT(11, 0), "/start_datetime slot_boundary" },
		{ AT(9, 0) + 1, AT(10, 0), "/start_datetime slot_boundary" },
		{ AT(9, 30), AT(10, 30), "/start_datetime slot_boundary, "
		    "/end_datetime slot_boundary" },
		{ AT(7, 0), AT(9, 0), "/start_datetime slot_boundary" },
		{ AT(17, 0), AT(19, 0), "/end_datetime slot_boundary" },
		{ AT(18, 0), AT(19, 0), "/start_datetime slot_boundary, "
		    "/end_datetime slot_boundary" },
		{ AT(17, 0), AT(33, 0), "/end_datetime slot_boundary" },
	};
	struct fixture f;

	fixture_day(&f);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		CU_ASSERT_STRING_EQUAL(
		    faults_of(&f, cases[i].start, cases[i].end),
		    cases[i].faults);
	fixture_close(&f);
}

static void
a_span_names_its_slots(void)
{
	struct fixture f;
	struct span span;

	fixture_day(&f);
	CU_ASSERT_EQUAL(day_slot_us(&f.day), USEC_PER_HOUR);
	CU_ASSERT_EQUAL(day_span(&f.sc, &f.day, AT(9, 0), AT(17, 0), &span),
	    ERR_OK);
	CU_ASSERT_EQUAL(span.first, 1);
	CU_ASSERT_EQUAL(span.count, 8);
	fixture_close(&f);
}

static void
a_start_lies_in_the_future_and_beyond_the_lead_time(void)
{
	static const struct {
		int64_t lead;
		int64_t now;
		const char *faults;
	} cases[] = {
		{ 0, AT(9, 0) - 1, "" },
		{ 0, AT(9, 0), "/start_datetime future" },
		{ 0, AT(9, 0) + 1, "/start_datetime future" },
		{ 0, AT(30, 0), "/start_datetime future" },
		{ 120, AT(7, 0) - 1, "" },
		{ 120, AT(7, 0), "/start_datetime lead_time" }, /* exactly */
		{ 120, AT(7, 0) + 1, "/start_datetime lead_time" },
		{ 120, AT(9, 0) - 1, "/start_datetime lead_time" },
		{ 120, AT(9, 0), "/start_datetime future" },
	};
	struct fixture f;

	fixture_day(&f);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		bool open = *cases[i].faults == '\0';

		f.day.lead_minutes = cases[i].lead;
		f.day.as_of_us = cases[i].now;
		CU_ASSERT_STRING_EQUAL(faults_of(&f, AT(9, 0), AT(10, 0)),
		    cases[i].faults);
		/* What is offered and what is taken are one rule. */
		CU_ASSERT_EQUAL(day_slot_bookable(&f.day, 1), open);
	}
	fixture_close(&f);
}

static void
a_day_is_within_the_horizon_up_to_its_last_day(void)
{
	static const struct {
		int64_t today;
		int64_t horizon;
		bool in;
		const char *faults;
	} cases[] = {
		{ DAY, 0, true, "" },
		{ DAY, 180, true, "" },
		{ DAY - 180, 180, true, "" },
		{ DAY - 181, 180, false, "/start_datetime horizon" },
		{ DAY - 1, 0, false, "/start_datetime horizon" },
	};
	struct fixture f;

	fixture_day(&f);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		f.day.today = cases[i].today;
		f.day.horizon_days = cases[i].horizon;
		CU_ASSERT_EQUAL(day_in_horizon(&f.day), cases[i].in);
		CU_ASSERT_EQUAL(day_slot_bookable(&f.day, 0), cases[i].in);
		CU_ASSERT_STRING_EQUAL(faults_of(&f, AT(8, 0), AT(9, 0)),
		    cases[i].faults);
	}
	/* A day that is over is not within it. */
	f.day.today = DAY + 1;
	CU_ASSERT_FALSE(day_in_horizon(&f.day));
	fixture_close(&f);
}

static void
a_closed_day_says_why_and_nothing_of_the_grid(void)
{
	static const char *const why[] = { "closed_day", "not_operating" };
	struct fixture f;

	fixture_open(&f, AT(8, 0), AT(8, 0), 60);
	for (size_t i = 0; i < ARRAY_LEN(why); i++) {
		f.day.closed = why[i];
		CU_ASSERT_STRING_EQUAL(faults_of(&f, AT(9, 30), AT(10, 0)),
		    arena_printf(f.arena, "/start_datetime %s", why[i]));
		CU_ASSERT_PTR_NOT_NULL(
		    strstr(f.sc.faults->detail, "2026-02-16"));
	}
	/* Past and closed: both are said. */
	f.day.as_of_us = AT(12, 0);
	CU_ASSERT_STRING_EQUAL(faults_of(&f, AT(9, 0), AT(10, 0)),
	    "/start_datetime future, /start_datetime not_operating");
	fixture_close(&f);
}

static void
a_day_may_last_until_midnight_or_all_day(void)
{
	struct fixture f;

	fixture_open(&f, AT(20, 0), AT(24, 0), 30);
	CU_ASSERT_STRING_EQUAL(faults_of(&f, AT(23, 30), AT(24, 0)), "");
	CU_ASSERT_STRING_EQUAL(faults_of(&f, AT(23, 30), AT(24, 30)),
	    "/end_datetime slot_boundary");
	fixture_close(&f);

	fixture_open(&f, AT(0, 0), AT(24, 0), 15);
	CU_ASSERT_EQUAL(f.day.starts.count, 96);
	CU_ASSERT_STRING_EQUAL(faults_of(&f, AT(0, 0), AT(24, 0)), "");
	CU_ASSERT_STRING_EQUAL(faults_of(&f, AT(-1, 0), AT(1, 0)),
	    "/start_datetime slot_boundary");
	fixture_close(&f);
}

static void
the_tail_shorter_than_a_slot_is_not_sold(void)
{
	struct fixture f;

	fixture_open(&f, AT(8, 0), AT(9, 50), 60);
	CU_ASSERT_EQUAL(f.day.starts.count, 1);
	CU_ASSERT_STRING_EQUAL(faults_of(&f, AT(8, 0), AT(9, 0)), "");
	CU_ASSERT_STRING_EQUAL(faults_of(&f, AT(8, 0), AT(9, 50)),
	    "/end_datetime slot_boundary");
	CU_ASSERT_STRING_EQUAL(faults_of(&f, AT(9, 0), AT(10, 0)),
	    "/start_datetime slot_boundary, /end_datetime slot_boundary");
	fixture_close(&f);
}

static void
room_is_the_least_of_the_span_and_no_others(void)
{
	struct fixture f;

	fixture_day(&f);
	f.left[3] = 2;
	f.left[4] = 7;
	CU_ASSERT_EQUAL(day_room(&f.day, (struct span){ 0, 3 }), 10);
	CU_ASSERT_EQUAL(day_room(&f.day, (struct span){ 0, 4 }), 2);
	CU_ASSERT_EQUAL(day_room(&f.day, (struct span){ 3, 1 }), 2);
	CU_ASSERT_EQUAL(day_room(&f.day, (struct span){ 4, 6 }), 7);
	fixture_close(&f);
}

static void
a_price_is_the_sum_over_its_slots(void)
{
	static const struct {
		int64_t minutes;
		int64_t start;
		int64_t end;
		int64_t children;
		size_t lines;
		int64_t total;
	} cases[] = {
		{ 60, AT(9, 0), AT(17, 0), 1, 1, 12000 }, /* the customer's */
		{ 60, AT(9, 0), AT(17, 0), 10, 1, 120000 },
		{ 60, AT(8, 0), AT(9, 0), 1, 1, 2250 },
		{ 60, AT(8, 0), AT(10, 0), 1, 2, 3750 },
		{ 60, AT(8, 0), AT(18, 0), 1, 3, 16500 },
		{ 60, AT(16, 0), AT(18, 0), 2, 2, 7500 },
		{ 30, AT(8, 30), AT(9, 0), 1, 1, 1125 },
		{ 30, AT(8, 30), AT(9, 30), 1, 2, 1875 },
		{ 30, AT(16, 30), AT(17, 30), 3, 2, 5625 },
		{ 15, AT(9, 0), AT(9, 15), 1, 1, 375 },
		{ 15, AT(8, 45), AT(9, 15), 2, 2, 1876 },
		{ 15, AT(8, 0), AT(18, 0), 1, 3, 16504 },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct fixture f;
		struct line lines[DAY_LINES_MAX];
		struct span span;
		size_t count;
		int64_t total;

		fixture_open(&f, AT(8, 0), AT(18, 0), cases[i].minutes);
		/* A rate divides by its slot: 22.52, not 22.50, by 15. */
		for (size_t s = 0; cases[i].minutes == 15 &&
		    s < f.day.rates.count; s++)
			f.rates[s] = f.peaks[s] ? 2252 : 1500;
		CU_ASSERT_EQUAL_FATAL(day_span(&f.sc, &f.day, cases[i].start,
		    cases[i].end, &span), ERR_OK);
		CU_ASSERT_EQUAL(day_price(&f.sc, &f.day, span,
		    cases[i].children, lines, &count, &total), ERR_OK);
		CU_ASSERT_EQUAL(count, cases[i].lines);
		CU_ASSERT_EQUAL(total, cases[i].total);
		fixture_close(&f);
	}
}

static void
the_lines_of_a_price_say_from_when_to_when_at_which_rate(void)
{
	static const struct line want[] = {
		{ AT(8, 0), AT(9, 0), 2250, true, 60, 4500 },
		{ AT(9, 0), AT(17, 0), 1500, false, 480, 24000 },
		{ AT(17, 0), AT(18, 0), 2250, true, 60, 4500 },
	};
	struct fixture f;
	struct line lines[DAY_LINES_MAX];
	size_t count;
	int64_t total;

	fixture_day(&f);
	CU_ASSERT_EQUAL(day_price(&f.sc, &f.day, (struct span){ 0, 10 }, 2,
	    lines, &count, &total), ERR_OK);
	CU_ASSERT_EQUAL(total, 33000);
	CU_ASSERT_EQUAL_FATAL(count, ARRAY_LEN(want));
	for (size_t i = 0; i < count; i++) {
		CU_ASSERT_EQUAL(lines[i].start_us, want[i].start_us);
		CU_ASSERT_EQUAL(lines[i].end_us, want[i].end_us);
		CU_ASSERT_EQUAL(lines[i].rate, want[i].rate);
		CU_ASSERT_EQUAL(lines[i].peak, want[i].peak);
		CU_ASSERT_EQUAL(lines[i].minutes, want[i].minutes);
		CU_ASSERT_EQUAL(lines[i].amount, want[i].amount);
	}

	/* Peak at the rate of every other hour is a line of its own. */
	for (size_t i = 0; i < f.day.rates.count; i++)
		f.rates[i] = 1500;
	CU_ASSERT_EQUAL(day_price(&f.sc, &f.day, (struct span){ 0, 10 }, 1,
	    lines, &count, &total), ERR_OK);
	CU_ASSERT_EQUAL(count, 3);
	CU_ASSERT_EQUAL(total, 15000);
	fixture_close(&f);
}

static void
a_price_goes_up_to_what_the_currency_allows(void)
{
	static const struct {
		const char *currency;
		int64_t rate; /* of one slot of an hour, one child */
		enum err e;
	} cases[] = {
		{ "USD", 99999999, ERR_OK },
		{ "USD", 100000000, ERR_INVALID },
		{ "JPY", 180000, ERR_OK },
		{ "JPY", INT64_C(9999999900), ERR_OK },
		{ "JPY", INT64_C(10000000000), ERR_INVALID },
		{ "KWD", 1000, ERR_INVALID }, /* not one we take */
		{ "USD", 0, ERR_OK },         /* free of charge */
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct fixture f;
		struct line lines[DAY_LINES_MAX];
		size_t count = 77;
		int64_t total = 77;
		enum err e;

		fixture_day(&f);
		f.day.currency = cases[i].currency;
		f.rates[1] = cases[i].rate;
		e = day_price(&f.sc, &f.day, (struct span){ 1, 1 }, 1, lines,
		    &count, &total);
		CU_ASSERT_EQUAL(e, cases[i].e);
		if (e) {
			CU_ASSERT_EQUAL(count, 77);
			CU_ASSERT_EQUAL(total, 77);
			CU_ASSERT_EQUAL_FATAL(f.sc.fault_count, 1);
			CU_ASSERT_STRING_EQUAL(f.sc.faults->pointer,
			    "/end_datetime");
			CU_ASSERT_STRING_EQUAL(f.sc.faults->rule, "maximum");
		} else {
			CU_ASSERT_EQUAL(total, cases[i].rate);
			CU_ASSERT_PTR_NULL(f.sc.faults);
		}
		fixture_close(&f);
	}
}

static void
a_rate_that_does_not_divide_by_the_slot_is_our_mistake(void)
{
	struct fixture f;
	struct line lines[DAY_LINES_MAX];
	size_t count = 77;
	int64_t total = 77;

	fixture_open(&f, AT(8, 0), AT(18, 0), 15);
	f.rates[5] = 1501;
	CU_ASSERT_EQUAL(day_price(&f.sc, &f.day, (struct span){ 5, 1 }, 4,
	    lines, &count, &total), ERR_INTERNAL);
	CU_ASSERT_EQUAL(total, 77);
	CU_ASSERT_PTR_NULL(f.sc.faults); /* not the caller's */
	fixture_close(&f);
}

static void
a_price_has_no_more_lines_than_there_is_room_for(void)
{
	struct fixture f;
	struct line lines[DAY_LINES_MAX];
	size_t count = 77;
	int64_t total = 77;

	fixture_open(&f, AT(0, 0), AT(40, 0), 15);
	for (size_t i = 0; i < f.day.starts.count; i++)
		f.rates[i] = i % 2 ? 400 : 800;
	CU_ASSERT_EQUAL(day_price(&f.sc, &f.day,
	    (struct span){ 0, DAY_LINES_MAX + 1 }, 1, lines, &count, &total),
	    ERR_INTERNAL);
	CU_ASSERT_EQUAL(count, 77);
	CU_ASSERT_EQUAL(day_price(&f.sc, &f.day,
	    (struct span){ 0, DAY_LINES_MAX }, 1, lines, &count, &total),
	    ERR_OK);
	CU_ASSERT_EQUAL(count, DAY_LINES_MAX);
	fixture_close(&f);
}

static void
nearby_starts_come_nearest_first_and_the_earlier_of_two(void)
{
	static const size_t want[] = { 3, 5, 2, 6, 1, 7, 0, 8 };
	struct fixture f;
	struct span out[SLOTS_MAX];
	size_t count;

	fixture_day(&f);
	count = day_nearby(&f.day, (struct span){ 4, 2 }, 10, out, SLOTS_MAX);
	CU_ASSERT_EQUAL_FATAL(count, ARRAY_LEN(want));
	for (size_t i = 0; i < count; i++) {
		CU_ASSERT_EQUAL(out[i].first, want[i]);
		CU_ASSERT_EQUAL(out[i].count, 2);
	}
	CU_ASSERT_EQUAL(day_nearby(&f.day, (struct span){ 4, 2 }, 10, out, 3),
	    3);
	CU_ASSERT_EQUAL(out[2].first, 2);
	CU_ASSERT_EQUAL(day_nearby(&f.day, (struct span){ 4, 2 }, 10, out, 0),
	    0);
	fixture_close(&f);
}

static void
nearby_starts_have_room_are_bookable_and_end_on_the_day(void)
{
	struct fixture f;
	struct span out[SLOTS_MAX];
	size_t count;

	fixture_day(&f);
	f.left[3] = 1;              /* no room for two in 3, nor in 2-3 */
	f.day.as_of_us = AT(9, 0);  /* 0 and 1 have begun */
	count = day_nearby(&f.day, (struct span){ 4, 2 }, 2, out, SLOTS_MAX);
	CU_ASSERT_EQUAL_FATAL(count, 4);
	CU_ASSERT_EQUAL(out[0].first, 5);
	CU_ASSERT_EQUAL(out[1].first, 6);
	CU_ASSERT_EQUAL(out[2].first, 7);
	CU_ASSERT_EQUAL(out[3].first, 8);

	/* At the edges, and when the whole day is asked for. */
	CU_ASSERT_EQUAL(day_nearby(&f.day, (struct span){ 9, 1 }, 2, out, 1),
	    1);
	CU_ASSERT_EQUAL(out[0].first, 8);
	CU_ASSERT_EQUAL(day_nearby(&f.day, (struct span){ 0, 1 }, 11, out, 9),
	    0);
	CU_ASSERT_EQUAL(day_nearby(&f.day, (struct span){ 0, 10 }, 1, out, 9),
	    0);
	f.day.today = DAY - 500;
	CU_ASSERT_EQUAL(day_nearby(&f.day, (struct span){ 4, 2 }, 1, out, 9),
	    0);
	fixture_close(&f);
}

/* A day of any grid, opening and rates that divide by the slot. */
static void
any_day(struct fixture *f, struct chance *chance)
{
	static const int64_t grids[] = { 15, 30, 60 };
	int64_t minutes = grids[chance_between(chance, 0, 2)];
	int64_t step = chance_between(chance, 0, 1) == 0 ? 4 : 400;
	int64_t open = chance_between(chance, 0, 23);

	fixture_open(f, AT(open, 0), AT(chance_between(chance, open + 1, 24),
	    0), minutes);
	f->day.currency = step == 4 ? "USD" : "JPY";
	f->day.standard_rate = chance_between(chance, 0, 1000) * step;
	f->day.peak_hour_rate = chance_between(chance, 0, 1000) * step;
	for (size_t i = 0; i < f->day.starts.count; i++) {
		f->peaks[i] = chance_between(chance, 0, 3) == 0;
		f->rates[i] = f->peaks[i] ? f->day.peak_hour_rate :
		    f->day.standard_rate;
	}
}

static int64_t
price_of(struct fixture *f, struct span span, int64_t children)
{
	struct line lines[DAY_LINES_MAX];
	int64_t end = f->starts[span.first];
	int64_t sum = 0;
	size_t count = 0;
	int64_t total = -1;

	CU_ASSERT_EQUAL_FATAL(day_price(&f->sc, &f->day, span, children, lines,
	    &count, &total), ERR_OK);
	/* The lines tile the span, and no two neighbours are alike. */
	for (size_t i = 0; i < count; i++) {
		CU_ASSERT_EQUAL_FATAL(lines[i].start_us, end);
		CU_ASSERT_EQUAL_FATAL(lines[i].minutes * USEC_PER_MIN,
		    lines[i].end_us - lines[i].start_us);
		CU_ASSERT_TRUE_FATAL(i == 0 ||
		    lines[i].rate != lines[i - 1].rate ||
		    lines[i].peak != lines[i - 1].peak);
		end = lines[i].end_us;
		sum += lines[i].amount;
	}
	CU_ASSERT_EQUAL_FATAL(end,
	    f->starts[span.first] + (int64_t)span.count * day_slot_us(&f->day));
	CU_ASSERT_EQUAL_FATAL(sum, total);
	return total;
}

static void
any_price_is_its_slots_sum_however_it_is_cut(void)
{
	struct chance chance = chance_open("price");

	for (int i = 0; i < 3000; i++) {
		struct fixture f;
		struct span span;
		struct span head;
		struct span tail;
		int64_t children = chance_between(&chance, 1, 10);
		int64_t sum = 0;
		int64_t total;

		any_day(&f, &chance);
		span.first = (size_t)chance_between(&chance, 0,
		    (int64_t)f.day.starts.count - 1);
		span.count = (size_t)chance_between(&chance, 1,
		    (int64_t)(f.day.starts.count - span.first));
		total = price_of(&f, span, children);

		for (size_t s = span.first; s < span.first + span.count; s++)
			sum += f.rates[s] * children * f.day.slot_minutes;
		CU_ASSERT_EQUAL_FATAL(sum, total * 60);
		CU_ASSERT_EQUAL_FATAL(price_of(&f, span, 1) * children, total);
		if (strcmp(f.day.currency, "JPY") == 0)
			CU_ASSERT_EQUAL_FATAL(total % 100, 0);

		head = span;
		head.count = (size_t)chance_between(&chance, 1,
		    (int64_t)span.count);
		tail.first = head.first + head.count;
		tail.count = span.count - head.count;
		CU_ASSERT_EQUAL_FATAL(price_of(&f, head, children) +
		    (tail.count ? price_of(&f, tail, children) : 0), total);
		fixture_close(&f);
	}
}

UNIT_SUITE(day, UNIT_TEST(a_span_is_made_of_whole_slots_of_one_day),
    UNIT_TEST(a_span_names_its_slots),
    UNIT_TEST(a_start_lies_in_the_future_and_beyond_the_lead_time),
    UNIT_TEST(a_day_is_within_the_horizon_up_to_its_last_day),
    UNIT_TEST(a_closed_day_says_why_and_nothing_of_the_grid),
    UNIT_TEST(a_day_may_last_until_midnight_or_all_day),
    UNIT_TEST(the_tail_shorter_than_a_slot_is_not_sold),
    UNIT_TEST(room_is_the_least_of_the_span_and_no_others),
    UNIT_TEST(a_price_is_the_sum_over_its_slots),
    UNIT_TEST(the_lines_of_a_price_say_from_when_to_when_at_which_rate),
    UNIT_TEST(a_price_goes_up_to_what_the_currency_allows),
    UNIT_TEST(a_rate_that_does_not_divide_by_the_slot_is_our_mistake),
    UNIT_TEST(a_price_has_no_more_lines_than_there_is_room_for),
    UNIT_TEST(nearby_starts_come_nearest_first_and_the_earlier_of_two),
    UNIT_TEST(nearby_starts_have_room_are_bookable_and_end_on_the_day),
    UNIT_TEST(any_price_is_its_slots_sum_however_it_is_cut))
