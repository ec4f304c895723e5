/* day.c: grid, lead time, horizon, places and price of a franchise's day. */
#include "domain/day.h"

#include <assert.h>
#include <inttypes.h>

#include "base/clock.h"
#include "base/instant.h"
#include "base/scope.h"
#include "domain/currency.h"

int64_t
day_slot_us(const struct day *day)
{
	return day->slot_minutes * USEC_PER_MIN;
}

bool
day_in_horizon(const struct day *day)
{
	return day->day >= day->today &&
	    day->day <= day->today + day->horizon_days;
}

bool
day_slot_bookable(const struct day *day, size_t i)
{
	assert(i < day->starts.count);

	return day_in_horizon(day) && day->starts.items[i] >
	    day->as_of_us + day->lead_minutes * USEC_PER_MIN;
}

/* The slot that starts at this instant, or -1. */
static int
slot_at(const struct day *day, int64_t us)
{
	for (size_t i = 0; i < day->starts.count; i++) {
		if (day->starts.items[i] == us)
			return (int)i;
	}
	return -1;
}

static void
check_moment(struct scope *sc, const struct day *day, int64_t start_us)
{
	int64_t lead_us = day->lead_minutes * USEC_PER_MIN;

	if (start_us <= day->as_of_us) {
		scope_fault(sc, "/start_datetime", "future",
		    "must lie in the future");
	} else if (start_us <= day->as_of_us + lead_us) {
		scope_fault(sc, "/start_datetime", "lead_time",
		    "must be more than %" PRId64 " minutes ahead at this "
		    "franchise", day->lead_minutes);
	} else if (day->day > day->today + day->horizon_days) {
		scope_fault(sc, "/start_datetime", "horizon",
		    "must be within %" PRId64 " days from today at this "
		    "franchise", day->horizon_days);
	}
}

static void
check_grid(struct scope *sc, const struct day *day, int first, int last)
{
	if (first < 0) {
		scope_fault(sc, "/start_datetime", "slot_boundary",
		    "must be the start of a slot: every %" PRId64
		    " minutes from %s, %s time", day->slot_minutes,
		    day->open_label, day->time_zone);
	}
	if (last < 0) {
		scope_fault(sc, "/end_datetime", "slot_boundary",
		    "must be the end of a slot of the same day: every %" PRId64
		    " minutes until %s, %s time", day->slot_minutes,
		    day->close_label, day->time_zone);
	}
}

enum err
day_span(struct scope *sc, const struct day *day, int64_t start_us,
    int64_t end_us, struct span *ret_span)
{
	int first;
	int last;

	if (end_us <= start_us) {
		scope_fault(sc, "/end_datetime", "after_start",
		    "must be after start_datetime");
		return scope_faults(sc);
	}
	check_moment(sc, day, start_us);
	if (day->closed) {
		char date[DATE_TEXT_MAX];

		/* The calendar's last instant is a day that no date can name
		 * further east. */
		scope_fault(sc, "/start_datetime", day->closed,
		    "the franchise is closed on %s", date_exists(day->day) ?
		    date_format(day->day, date) : "that day");
		return scope_faults(sc);
	}

	first = slot_at(day, start_us);
	last = slot_at(day, end_us - day_slot_us(day));
	check_grid(sc, day, first, last);
	if (scope_faults(sc))
		return scope_fail(sc, ERR_INVALID, "not a bookable period");

	assert(last >= first);
	ret_span->first = (size_t)first;
	ret_span->count = (size_t)(last - first + 1);
	return ERR_OK;
}

int64_t
day_room(const struct day *day, struct span span)
{
	int64_t room = INT64_MAX;

	for (size_t i = span.first; i < span.first + span.count; i++) {
		if (day->left.items[i] < room)
			room = day->left.items[i];
	}
	return room;
}

enum err
day_price(struct scope *sc, const struct day *day, struct span span,
    int64_t children, struct line lines[DAY_LINES_MAX], size_t *ret_count,
    int64_t *ret_total)
{
	const struct currency *currency = currency_find(day->currency);
	size_t count = 0;
	int64_t total = 0;

	assert(span.count >= 1 && children >= 1);
	for (size_t i = span.first; i < span.first + span.count; i++) {
		int64_t start = day->starts.items[i];
		int64_t rate = day->rates.items[i];
		bool peak = day->peaks.items[i] != 0;
		int64_t amount = rate * day->slot_minutes / 60 * children;

		/* A rate that does not divide exactly is refused when the
		 * franchise is set up, so nothing is lost by dividing. */
		if (rate * day->slot_minutes % 60 != 0)
			return scope_fail(sc, ERR_INTERNAL,
			    "a rate does not divide by the slot");
		if (count == 0 || lines[count - 1].rate != rate ||
		    lines[count - 1].peak != peak) {
			if (count == DAY_LINES_MAX)
				return scope_fail(sc, ERR_INTERNAL,
				    "more than %d price lines", DAY_LINES_MAX);
			lines[count++] = (struct line){ .start_us = start,
				.rate = rate, .peak = peak };
		}
		lines[count - 1].end_us = start + day_slot_us(day);
		lines[count - 1].minutes += day->slot_minutes;
		lines[count - 1].amount += amount;
		total += amount;
	}
	if (!currency || total > currency->maximum) {
		scope_fault(sc, "/end_datetime", "maximum",
		    "the price is above what can be charged at once in %s",
		    day->currency);
		return scope_faults(sc);
	}

	*ret_count = count;
	*ret_total = total;
	return ERR_OK;
}

size_t
day_nearby(const struct day *day, struct span wanted, int64_t children,
    struct span *out, size_t max)
{
	size_t found = 0;
	size_t slots = day->starts.count;

	for (size_t distance = 1; distance < slots && found < max; distance++) {
		for (int side = 0; side < 2 && found < max; side++) {
			struct span span = { .count = wanted.count };

			if (side == 0 && wanted.first < distance)
				continue;
			span.first = side == 0 ? wanted.first - distance :
			    wanted.first + distance;
			if (span.first + span.count > slots)
				continue;
			if (!day_slot_bookable(day, span.first) ||
			    day_room(day, span) < children)
				continue;
			out[found++] = span;
		}
	}
	return found;
}
