/* franchise_words.c: weekdays, peak windows and cancellation rules as text. */
#include "ctl/franchise_words.h"

#include <ctype.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "app/franchise_admin.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/form.h"

#define CLOCK_LEN 5
#define NUMBER_DIGITS_MAX 5

static bool
weekday(char c, int64_t *ret)
{
	if (c < '1' || c > '7')
		return false;
	*ret = c - '0';
	return true;
}

bool
words_weekdays(struct arena *arena, const char *text, struct ints *ret_days)
{
	bool open[8] = { false };
	struct ints days = { arena_new_array(arena, int64_t, 7), 0 };
	const char *p = text;

	for (;;) {
		int64_t first;
		int64_t last;

		if (!weekday(*p, &first))
			return false;
		last = first;
		p++;
		if (*p == '-') {
			if (!weekday(p[1], &last) || last < first)
				return false;
			p += 2;
		}
		for (int64_t day = first; day <= last; day++)
			open[day] = true;
		if (*p == '\0')
			break;
		if (*p != ',')
			return false;
		p++;
	}

	for (int day = 1; day <= 7; day++) {
		if (open[day])
			days.items[days.count++] = day;
	}
	*ret_days = days;
	return true;
}

void
words_put_weekdays(struct buf *out, const struct ints *days)
{
	for (size_t i = 0; i < days->count;) {
		size_t last = i;

		while (last + 1 < days->count &&
		    days->items[last + 1] == days->items[last] + 1)
			last++;
		buf_printf(out, "%s%d", i > 0 ? "," : "", (int)days->items[i]);
		if (last > i)
			buf_printf(out, "-%d", (int)days->items[last]);
		i = last + 1;
	}
}

/* "HH:MM", 00:00 to 24:00, at the front of the text. */
static bool
clock_at(const char *p)
{
	int hour;
	int minute;

	for (int i = 0; i < CLOCK_LEN; i++) {
		if (i == 2 ? p[i] != ':' : !isdigit((unsigned char)p[i]))
			return false;
	}
	hour = (p[0] - '0') * 10 + p[1] - '0';
	minute = (p[3] - '0') * 10 + p[4] - '0';
	return minute < 60 && (hour < 24 || (hour == 24 && minute == 0));
}

bool
words_peak(struct arena *arena, const char *text, struct peak_rule *ret_peak)
{
	struct peak_rule peak;
	const char *days = "1-7";

	if (!clock_at(text) || text[CLOCK_LEN] != '-' ||
	    !clock_at(text + CLOCK_LEN + 1))
		return false;
	if (text[2 * CLOCK_LEN + 1] == '@')
		days = text + 2 * CLOCK_LEN + 2;
	else if (text[2 * CLOCK_LEN + 1] != '\0')
		return false;
	if (!words_weekdays(arena, days, &peak.weekdays))
		return false;

	peak.start = arena_strndup(arena, text, CLOCK_LEN);
	peak.end = arena_strndup(arena, text + CLOCK_LEN + 1, CLOCK_LEN);
	*ret_peak = peak;
	return true;
}

/* A number at the front; *at moves behind it. */
static bool
number(const char **at, int64_t max, int64_t *ret)
{
	size_t digits = strspn(*at, "0123456789");
	int64_t value = 0;

	if (digits == 0 || digits > NUMBER_DIGITS_MAX)
		return false;
	for (size_t i = 0; i < digits; i++)
		value = value * 10 + ((*at)[i] - '0');
	if (value > max)
		return false;
	*at += digits;
	*ret = value;
	return true;
}

bool
words_policy(struct arena *arena, const char *text, struct ints *ret_hours,
    struct ints *ret_percent)
{
	struct ints hours = { arena_new_array(arena, int64_t,
	    CANCEL_RULES_MAX), 0 };
	struct ints percent = { arena_new_array(arena, int64_t,
	    CANCEL_RULES_MAX), 0 };
	const char *p = text;

	if (strcmp(text, "none") != 0) {
		for (;;) {
			if (hours.count == CANCEL_RULES_MAX ||
			    !number(&p, 8784, &hours.items[hours.count++]) ||
			    *p++ != ':' || !number(&p, 100,
			    &percent.items[percent.count++]))
				return false;
			if (*p == '\0')
				break;
			if (*p++ != ',')
				return false;
		}
	}
	*ret_hours = hours;
	*ret_percent = percent;
	return true;
}
