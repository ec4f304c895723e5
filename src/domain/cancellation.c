/* cancellation.c: the refund rule. */
#include "domain/cancellation.h"

#include <assert.h>

#include "base/clock.h"
#include "base/instant.h"

/* Rounded down, to what exists in the currency. */
static int64_t
share_of(const struct cancellation_terms *terms, int64_t amount,
    int64_t percent)
{
	int64_t share = amount / 100 * percent + amount % 100 * percent / 100;

	return share - share % terms->step;
}

struct cancellation
cancellation_work_out(const struct cancellation_terms *terms,
    int64_t start_us, int64_t now_us, int64_t paid, int64_t refunded)
{
	struct cancellation c = { .hours_before = NONE,
		.valid_until_us = NONE };
	int64_t nearest = -1; /* the largest hours still kept */
	int64_t share;

	assert(terms->hours.count == terms->percent.count);
	assert(paid >= 0 && refunded >= 0 && terms->step >= 1);
	for (size_t i = 0; i < terms->hours.count; i++) {
		int64_t hours = terms->hours.items[i];

		if (start_us - now_us < hours * USEC_PER_HOUR)
			continue;
		if (terms->percent.items[i] > c.percent) {
			c.percent = terms->percent.items[i];
			c.hours_before = hours;
		}
		if (hours > nearest)
			nearest = hours;
	}
	if (nearest >= 0)
		c.valid_until_us = start_us - nearest * USEC_PER_HOUR;
	if (c.percent > terms->cap_percent)
		c.percent = terms->cap_percent;

	share = share_of(terms, paid, c.percent);
	c.fee = share < terms->fee ? share : terms->fee;
	c.refund = share - c.fee - refunded;
	if (c.refund < 0)
		c.refund = 0;
	return c;
}

int64_t
cancellation_of_part(const struct cancellation_terms *terms,
    const struct cancellation *whole, int64_t was, int64_t is, int64_t kept)
{
	int64_t part;

	assert(is >= 0 && is <= was);
	part = share_of(terms, was - is, whole->percent);
	if (part > whole->refund)
		part = whole->refund;
	if (part > kept - is)
		part = kept - is;
	return part > 0 ? part : 0;
}
