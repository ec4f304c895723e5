/*
 * instant.c: instants and dates as text: RFC 3339, and the date of HTTP.
 */
#include "base/instant.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"

#define DAY_FIRST INT64_C(-719162) /* 0001-01-01 */
#define DAY_LAST INT64_C(2932896)  /* 9999-12-31 */
#define INSTANT_FIRST (DAY_FIRST * USEC_PER_DAY)
#define INSTANT_LAST ((DAY_LAST + 1) * USEC_PER_DAY - 1)

#define FRACTION_DIGITS 6

/* A calendar day and its parts.  Years are counted from March, so that the
 * leap day is the last of its year, in eras of 400 years, which all have the
 * same number of days. */
#define ERA_DAYS 146097
#define ERA_FIRST_DAY (-719468) /* 0000-03-01 */

struct civil {
	int64_t year;
	int month;
	int day;
};

static int64_t
day_of(struct civil c)
{
	int64_t year = c.month <= 2 ? c.year - 1 : c.year;
	int64_t era = (year >= 0 ? year : year - 399) / 400;
	int64_t year_of_era = year - era * 400;
	int64_t month = c.month > 2 ? c.month - 3 : c.month + 9;
	int64_t day_of_year = (153 * month + 2) / 5 + c.day - 1;

	return era * ERA_DAYS + year_of_era * 365 + year_of_era / 4 -
	    year_of_era / 100 + day_of_year + ERA_FIRST_DAY;
}

static struct civil
civil_of(int64_t day)
{
	int64_t from = day - ERA_FIRST_DAY;
	int64_t era = (from >= 0 ? from : from - ERA_DAYS + 1) / ERA_DAYS;
	int64_t day_of_era = from - era * ERA_DAYS;
	int64_t year_of_era = (day_of_era - day_of_era / 1460 +
	    day_of_era / 36524 - day_of_era / 146096) / 365;
	int64_t day_of_year = day_of_era - (365 * year_of_era +
	    year_of_era / 4 - year_of_era / 100);
	int month = (int)((5 * day_of_year + 2) / 153);
	struct civil c;

	c.day = (int)(day_of_year - (153 * month + 2) / 5 + 1);
	c.month = month < 10 ? month + 3 : month - 9;
	c.year = year_of_era + era * 400 + (c.month <= 2);
	return c;
}

static int
days_in_month(int year, int month)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30,
		31 };
	bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

	return month == 2 && leap ? 29 : days[month - 1];
}

/* Each reader takes its characters off *at, or says no.  None looks beyond a
 * NUL, since that is never the character it wants. */
static bool
take_digits(const char **at, int count, int *ret_value)
{
	int value = 0;

	for (; count > 0; count--, (*at)++) {
		if (**at < '0' || **at > '9')
			return false;
		value = value * 10 + (**at - '0');
	}
	*ret_value = value;
	return true;
}

static bool
take_char(const char **at, char want)
{
	if (**at != want)
		return false;
	(*at)++;
	return true;
}

static bool
take_date(const char **at, int64_t *ret_day)
{
	int year, month, day;

	if (!take_digits(at, 4, &year) || !take_char(at, '-') ||
	    !take_digits(at, 2, &month) || !take_char(at, '-') ||
	    !take_digits(at, 2, &day))
		return false;
	if (year < 1 || month < 1 || month > 12 || day < 1 ||
	    day > days_in_month(year, month))
		return false;

	*ret_day = day_of((struct civil){ year, month, day });
	return true;
}

/* "." and any number of digits; those beyond microseconds are cut. */
static bool
take_fraction(const char **at, int64_t *ret_us)
{
	int64_t us = 0;
	int digits = 0;
	int digit;

	if (!take_char(at, '.')) {
		*ret_us = 0;
		return true;
	}
	if (!take_digits(at, 1, &digit))
		return false;
	do {
		if (digits++ < FRACTION_DIGITS)
			us = us * 10 + digit;
	} while (take_digits(at, 1, &digit));
	for (; digits < FRACTION_DIGITS; digits++)
		us *= 10;
	*ret_us = us;
	return true;
}

/* "Z" or "+hh:mm"; "-00:00" (no offset is known) reads as UTC. */
static bool
take_offset(const char **at, int64_t *ret_us)
{
	bool east = **at == '+';
	int hour, minute;
	int64_t us;

	if (take_char(at, 'Z') || take_char(at, 'z')) {
		*ret_us = 0;
		return true;
	}
	if (!take_char(at, '+') && !take_char(at, '-'))
		return false;
	if (!take_digits(at, 2, &hour) || !take_char(at, ':') ||
	    !take_digits(at, 2, &minute))
		return false;
	if (hour > 23 || minute > 59)
		return false;

	us = hour * USEC_PER_HOUR + minute * USEC_PER_MIN;
	*ret_us = east ? us : -us;
	return true;
}

/* Whether this instant, which a second 60 was read as, opens a month. */
static bool
follows_leap_second(int64_t us)
{
	int64_t day = us / USEC_PER_DAY;
	int64_t rest = us % USEC_PER_DAY;

	if (rest < 0) {
		rest += USEC_PER_DAY;
		day--;
	}
	return rest < USEC_PER_SEC && civil_of(day).day == 1;
}

bool
instant_parse(const char *text, int64_t *ret_us)
{
	const char *at = text;
	int hour, minute, second;
	int64_t day, fraction, offset, us;

	if (!take_date(&at, &day))
		return false;
	if (!take_char(&at, 'T') && !take_char(&at, 't'))
		return false;
	if (!take_digits(&at, 2, &hour) || !take_char(&at, ':') ||
	    !take_digits(&at, 2, &minute) || !take_char(&at, ':') ||
	    !take_digits(&at, 2, &second))
		return false;
	if (hour > 23 || minute > 59 || second > 60)
		return false;
	if (!take_fraction(&at, &fraction) || !take_offset(&at, &offset))
		return false;
	if (*at != '\0')
		return false;

	us = day * USEC_PER_DAY + hour * USEC_PER_HOUR +
	    minute * USEC_PER_MIN + second * USEC_PER_SEC + fraction - offset;
	if (us < INSTANT_FIRST || us > INSTANT_LAST)
		return false;
	if (second == 60 && !follows_leap_second(us))
		return false;

	*ret_us = us;
	return true;
}

/* The ordinal, from 0, of the three letters among the names laid end to end. */
static bool
take_name(const char **at, const char *names, int *ret_ordinal)
{
	for (int i = 0; names[3 * i] != '\0'; i++) {
		if (strncmp(*at, names + 3 * i, 3) != 0)
			continue;
		*at += 3;
		*ret_ordinal = i;
		return true;
	}
	return false;
}

static bool
take_time(const char **at, int64_t *ret_us)
{
	int hour, minute, second;

	if (!take_digits(at, 2, &hour) || !take_char(at, ':') ||
	    !take_digits(at, 2, &minute) || !take_char(at, ':') ||
	    !take_digits(at, 2, &second))
		return false;
	if (hour > 23 || minute > 59 || second > 59)
		return false;

	*ret_us = hour * USEC_PER_HOUR + minute * USEC_PER_MIN +
	    second * USEC_PER_SEC;
	return true;
}

bool
instant_parse_http(const char *text, int64_t *ret_us)
{
	int weekday, day, month, year;
	const char *at = text;
	int64_t date, of_day;

	if (!take_name(&at, "MonTueWedThuFriSatSun", &weekday) ||
	    !take_char(&at, ',') || !take_char(&at, ' ') ||
	    !take_digits(&at, 2, &day) || !take_char(&at, ' ') ||
	    !take_name(&at, "JanFebMarAprMayJunJulAugSepOctNovDec", &month) ||
	    !take_char(&at, ' ') || !take_digits(&at, 4, &year) ||
	    !take_char(&at, ' ') || !take_time(&at, &of_day) ||
	    strcmp(at, " GMT") != 0)
		return false;
	month++;
	if (year < 1 || day < 1 || day > days_in_month(year, month))
		return false;
	date = day_of((struct civil){ year, month, day });
	if (date_weekday(date) != weekday + 1)
		return false;

	*ret_us = date * USEC_PER_DAY + of_day;
	return true;
}

bool
date_parse(const char *text, int64_t *ret_day)
{
	const char *at = text;
	int64_t day;

	if (!take_date(&at, &day) || *at != '\0')
		return false;
	*ret_day = day;
	return true;
}

bool
date_exists(int64_t day)
{
	return day >= DAY_FIRST && day <= DAY_LAST;
}

char *
date_format(int64_t day, char out[DATE_TEXT_MAX])
{
	struct civil c;

	assert(date_exists(day));

	c = civil_of(day);
	snprintf(out, DATE_TEXT_MAX, "%04d-%02d-%02d", (int)c.year % 10000,
	    c.month, c.day);
	return out;
}

char *
instant_format(int64_t us, char out[INSTANT_TEXT_MAX])
{
	char date[DATE_TEXT_MAX];
	int64_t of_day;
	int second, fraction;

	assert(us >= INSTANT_FIRST && us <= INSTANT_LAST);

	/* Counted from the first day, so that nothing is below zero. */
	of_day = (us - INSTANT_FIRST) % USEC_PER_DAY;
	date_format((us - INSTANT_FIRST) / USEC_PER_DAY + DAY_FIRST, date);
	second = (int)(of_day / USEC_PER_SEC);
	fraction = (int)(of_day % USEC_PER_SEC);
	if (fraction)
		snprintf(out, INSTANT_TEXT_MAX, "%.10sT%02d:%02d:%02d.%06dZ",
		    date, second / 3600, second / 60 % 60, second % 60,
		    fraction);
	else
		snprintf(out, INSTANT_TEXT_MAX, "%.10sT%02d:%02d:%02dZ", date,
		    second / 3600, second / 60 % 60, second % 60);
	return out;
}

int
date_weekday(int64_t day)
{
	int64_t since_monday = (day % 7 + 3) % 7; /* 1970-01-01: Thursday */

	if (since_monday < 0)
		since_monday += 7;
	return (int)since_monday + 1;
}
