/* test_instant.c: RFC 3339 texts, against the official vectors too. */
#include "base/instant.h"

#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/compiler.h"
#include "unit/format_vectors.h"
#include "unit/unit.h"

#define FIRST_US (INT64_C(-62135596800) * USEC_PER_SEC)
#define LAST_US (INT64_C(253402300800) * USEC_PER_SEC - 1)

static void
instants_are_read(void)
{
	static const struct {
		const char *text;
		int64_t us;
	} rows[] = {
		{ "1970-01-01T00:00:00Z", 0 },
		{ "1970-01-01T00:00:00.000001Z", 1 },
		{ "1969-12-31T23:59:59.999999Z", -1 },
		{ "2024-01-15T09:00:00Z", INT64_C(1705309200000000) },
		{ "2024-01-15t09:00:00z", INT64_C(1705309200000000) },
		{ "2024-01-15T09:00:00.5Z", INT64_C(1705309200500000) },
		{ "2024-01-15T09:00:00.123456Z", INT64_C(1705309200123456) },
		{ "2024-01-15T09:00:00.123456999Z",
		    INT64_C(1705309200123456) },
		{ "2024-01-15T09:00:00.000000999999999999999999999999999Z",
		    INT64_C(1705309200000000) },
		/* offsets */
		{ "2024-01-15T09:00:00+00:00", INT64_C(1705309200000000) },
		{ "2024-01-15T09:00:00-00:00", INT64_C(1705309200000000) },
		{ "2024-01-15T10:30:00+01:30", INT64_C(1705309200000000) },
		{ "2024-01-15T03:15:00-05:45", INT64_C(1705309200000000) },
		{ "2024-01-16T08:59:00+23:59", INT64_C(1705309200000000) },
		{ "2024-01-14T09:01:00-23:59", INT64_C(1705309200000000) },
		{ "1970-01-01T01:00:00.25+01:00", 250000 },
		/* the ends of the range */
		{ "0001-01-01T00:00:00Z", FIRST_US },
		{ "0001-01-01T23:59:00+23:59", FIRST_US },
		{ "9999-12-31T23:59:59.999999Z", LAST_US },
		{ "9999-12-31T00:00:59.9999999-23:59", LAST_US },
		/* leap days */
		{ "2000-02-29T00:00:00Z", INT64_C(951782400000000) },
		{ "2024-02-29T00:00:00Z", INT64_C(1709164800000000) },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		int64_t us = NONE;

		CU_ASSERT_TRUE(instant_parse(rows[i].text, &us));
		CU_ASSERT_EQUAL(us, rows[i].us);
	}
}

static void
other_texts_are_refused_and_leave_the_output_alone(void)
{
	static const char *const bad[] = { "", "2", "2024", "2024-01-15",
		"2024-01-15T", "2024-01-15T09", "2024-01-15T09:00",
		"2024-01-15T09:00Z", "2024-01-15T09:00:00",
		"2024-01-15 09:00:00Z", "2024-01-15_09:00:00Z",
		" 2024-01-15T09:00:00Z", "2024-01-15T09:00:00Z ",
		"2024-01-15T09:00:00ZZ", "2024-01-15T09:00:00Z+00:00",
		"2024-01-15T09:00:00.Z", "2024-01-15T09:00:00,5Z",
		"2024-01-15T09:00:00.5", "2024-01-15T09:00:00. 5Z",
		"2024-01-15T09:00:00.-5Z", "2024-01-15T09:00:00+01",
		"2024-01-15T09:00:00+0100", "2024-01-15T09:00:00+1:00",
		"2024-01-15T09:00:00+24:00", "2024-01-15T09:00:00-00:60",
		"2024-01-15T09:00:00+", "2024-01-15T09:00:00+-1:00",
		"2024-01-15T24:00:00Z", "2024-01-15T09:60:00Z",
		"2024-01-15T09:00:61Z", "2024-01-15T-9:00:00Z",
		"2024-01-15T+9:00:00Z", "2024-01-15T 9:00:00Z",
		"2024-00-15T09:00:00Z", "2024-13-15T09:00:00Z",
		"2024-01-00T09:00:00Z", "2024-01-32T09:00:00Z",
		"2023-02-29T09:00:00Z", "1900-02-29T09:00:00Z",
		"0000-01-01T00:00:00Z", "-001-01-01T00:00:00Z",
		"10000-01-01T00:00:00Z", "20240115T090000Z",
		"2024-W03-1T09:00:00Z", "2024-1-15T09:00:00Z",
		/* in the text's own offset within the range, in UTC not */
		"0001-01-01T00:00:00+00:01", "9999-12-31T23:59:59-00:01" };
	int64_t us = 42;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		CU_ASSERT_FALSE(instant_parse(bad[i], &us));
	CU_ASSERT_EQUAL(us, 42);
}

static void
a_leap_second_ends_a_month_in_utc_and_nothing_else(void)
{
	static const char *const good[] = { "2016-12-31T23:59:60Z",
		"2017-01-01T00:59:60+01:00", "2016-12-31T15:59:60-08:00",
		"2017-01-01T05:29:60.000000999+05:30" };
	static const char *const bad[] = { "2016-12-31T23:58:60Z",
		"2016-12-31T22:59:60Z", "2016-12-30T23:59:60Z",
		"2017-01-01T23:59:60Z", "2016-12-31T23:59:60+01:00",
		"2016-12-31T23:59:60-00:01", "2017-01-01T00:00:60Z",
		"2015-02-29T23:59:60Z", "2016-02-28T23:59:60Z",
		"2016-12-31T23:59:61Z", "9999-12-31T23:59:60Z" };
	int64_t us;

	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		CU_ASSERT_TRUE(instant_parse(good[i], &us));
		CU_ASSERT_EQUAL(us, INT64_C(1483228800000000));
	}
	CU_ASSERT_TRUE(instant_parse("1972-06-30T23:59:60.25Z", &us));
	CU_ASSERT_EQUAL(us, INT64_C(78796800250000));
	CU_ASSERT_TRUE(instant_parse("2016-02-29T23:59:60Z", &us));
	CU_ASSERT_EQUAL(us, INT64_C(1456790400000000));

	us = 42;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		CU_ASSERT_FALSE(instant_parse(bad[i], &us));
	CU_ASSERT_EQUAL(us, 42);
}

static void
instants_are_written_in_utc_with_microseconds_when_there_are_any(void)
{
	static const struct {
		int64_t us;
		const char *text;
	} rows[] = {
		{ 0, "1970-01-01T00:00:00Z" },
		{ 1, "1970-01-01T00:00:00.000001Z" },
		{ -1, "1969-12-31T23:59:59.999999Z" },
		{ INT64_C(1705309200500000), "2024-01-15T09:00:00.500000Z" },
		{ INT64_C(1709251199000000), "2024-02-29T23:59:59Z" },
		{ FIRST_US, "0001-01-01T00:00:00Z" },
		{ LAST_US, "9999-12-31T23:59:59.999999Z" },
	};
	char text[INSTANT_TEXT_MAX];

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CU_ASSERT_PTR_EQUAL(instant_format(rows[i].us, text), text);
		CU_ASSERT_STRING_EQUAL(text, rows[i].text);
	}
}

/* All 3 652 059 days, each against the one before it. */
static void
every_day_of_the_range_follows_the_one_before(void)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30,
		31 };
	int64_t first, last, day;
	int year = 1, month = 1, mday = 1, weekday = 1;
	unsigned wrong = 0;

	CU_ASSERT_TRUE_FATAL(date_parse("0001-01-01", &first));
	CU_ASSERT_TRUE_FATAL(date_parse("9999-12-31", &last));
	CU_ASSERT_EQUAL(last - first + 1, 3652059);
	for (day = first; day <= last; day++) {
		bool leap = year % 4 == 0 && (year % 100 || year % 400 == 0);
		char text[DATE_TEXT_MAX];
		const char *t = date_format(day, text);
		int64_t back;

		wrong += (t[0] - '0') * 1000 + (t[1] - '0') * 100 +
		        (t[2] - '0') * 10 + t[3] - '0' != year;
		wrong += (t[5] - '0') * 10 + t[6] - '0' != month;
		wrong += (t[8] - '0') * 10 + t[9] - '0' != mday;
		wrong += !date_parse(text, &back) || back != day;
		wrong += date_weekday(day) != weekday;

		weekday = weekday % 7 + 1;
		if (++mday > days[month - 1] + (month == 2 && leap)) {
			mday = 1;
			if (++month > 12) {
				month = 1;
				year++;
			}
		}
	}
	CU_ASSERT_EQUAL(wrong, 0);
	CU_ASSERT_EQUAL(year, 10000);
}

static void
instants_agree_with_the_c_library(void)
{
	unsigned wrong = 0;

	/* An odd step, so that every hour, minute and weekday comes up. */
	for (time_t t = -62135596800; t < 253402300800; t += 99999989) {
		char want[INSTANT_TEXT_MAX], got[INSTANT_TEXT_MAX];
		int64_t us;
		struct tm tm;

		gmtime_r(&t, &tm);
		strftime(want, sizeof want, "-%m-%dT%H:%M:%SZ", &tm);
		instant_format(t * USEC_PER_SEC, got);
		wrong += strcmp(got + 4, want) != 0;
		wrong += !instant_parse(got, &us) || us != t * USEC_PER_SEC;
	}
	CU_ASSERT_EQUAL(wrong, 0);
}

static void
dates_that_do_not_exist_are_refused(void)
{
	static const char *const bad[] = { "", "2024", "2024-01", "2024-01-1",
		"2024-02-30", "2023-02-29", "1900-02-29", "2024-04-31",
		"0000-12-31", "2024-01-15T00:00:00Z", "2024-01-15 ",
		"2024/01/15", "20240115", "24-01-15", "2024-13-01" };
	int64_t day = 42;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		CU_ASSERT_FALSE(date_parse(bad[i], &day));
	CU_ASSERT_EQUAL(day, 42);
}

static void
weekdays_are_counted_from_monday_also_before_1970(void)
{
	CU_ASSERT_EQUAL(date_weekday(0), 4);
	CU_ASSERT_EQUAL(date_weekday(-1), 3);
	CU_ASSERT_EQUAL(date_weekday(3), 7);
	CU_ASSERT_EQUAL(date_weekday(4), 1);
	CU_ASSERT_EQUAL(date_weekday(-3), 1);
	CU_ASSERT_EQUAL(date_weekday(-4), 7);
	CU_ASSERT_EQUAL(date_weekday(19737), 1); /* 2024-01-15 */
}

static void
the_date_of_http_is_read_and_nothing_like_it(void)
{
	static const char *const bad[] = { "", "Sun", "Sun, ",
		"Mon, 06 Nov 1994 08:49:37 GMT", /* it was a Sunday */
		"Sun, 6 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 94 08:49:37 GMT",
		"Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994",
		"Sun, 06 Nov 1994 08:49:37 UTC", "Sun, 06 Nov 1994 08:49:37",
		"Sun, 06 Nov 1994 08:49:37 GMT ", "Sun, 06 nov 1994 08:49:37 GMT",
		"Sun, 06 Nov 1994 24:00:00 GMT", "Sun, 06 Nov 1994 08:60:00 GMT",
		"Sun, 06 Nov 1994 08:49:60 GMT", "Thu, 30 Feb 1995 00:00:00 GMT",
		"Wed, 29 Feb 1995 00:00:00 GMT", "Sun, 00 Nov 1994 00:00:00 GMT",
		"Sat, 01 Jan 0000 00:00:00 GMT" };
	int64_t us = 42;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		CU_ASSERT_FALSE(instant_parse_http(bad[i], &us));
	CU_ASSERT_EQUAL(us, 42);
	CU_ASSERT(instant_parse_http("Sun, 06 Nov 1994 08:49:37 GMT", &us));
	CU_ASSERT_EQUAL(us, INT64_C(784111777) * USEC_PER_SEC);
	CU_ASSERT(instant_parse_http("Thu, 29 Feb 2024 23:59:59 GMT", &us));
	CU_ASSERT_EQUAL(us, INT64_C(1709251199) * USEC_PER_SEC);
}

static bool
accepts_instant(const char *text)
{
	int64_t us;

	return instant_parse(text, &us);
}

static bool
accepts_date(const char *text)
{
	int64_t day;

	return date_parse(text, &day);
}

static void
the_official_vectors_hold(void)
{
	format_vectors_hold("date-time.json", 27, accepts_instant);
	format_vectors_hold("date.json", 75, accepts_date);
}

UNIT_SUITE(instant, UNIT_TEST(instants_are_read),
    UNIT_TEST(other_texts_are_refused_and_leave_the_output_alone),
    UNIT_TEST(a_leap_second_ends_a_month_in_utc_and_nothing_else),
    UNIT_TEST(
        instants_are_written_in_utc_with_microseconds_when_there_are_any),
    UNIT_TEST(every_day_of_the_range_follows_the_one_before),
    UNIT_TEST(instants_agree_with_the_c_library),
    UNIT_TEST(dates_that_do_not_exist_are_refused),
    UNIT_TEST(weekdays_are_counted_from_monday_also_before_1970),
    UNIT_TEST(the_date_of_http_is_read_and_nothing_like_it),
    UNIT_TEST(the_official_vectors_hold))
