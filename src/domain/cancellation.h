/*
 * cancellation.h: what comes back when a booking is cancelled.
 *
 *	refund = max(0, floor(paid x percent) - fee) - already refunded
 *
 * percent is that of the best rule whose hours are kept, or the cap if that is
 * worse: moving a booking cannot improve its tier.
 *
 * And what comes back when it is only made cheaper.  The fee is not taken then:
 * it is taken once, by the cancellation, which knows what came back before.
 */
#ifndef DOMAIN_CANCELLATION_H
#define DOMAIN_CANCELLATION_H

#include <stdint.h>

#include "base/form.h"

struct cancellation_terms {
	struct ints hours;   /* at least so many hours before the start ... */
	struct ints percent; /* ... so much is refunded; in step */
	int64_t fee;         /* hundredths */
	int64_t cap_percent; /* 100 = none */
	int64_t step;        /* the currency's smallest amount, hundredths */
};

struct cancellation {
	int64_t refund;         /* hundredths, >= 0 */
	int64_t percent;        /* that was applied */
	int64_t hours_before;   /* of the rule; NONE when none is kept */
	int64_t fee;            /* that was taken off */
	int64_t valid_until_us; /* when the next rule takes over; NONE */
};

struct cancellation cancellation_work_out(
    const struct cancellation_terms *terms, int64_t start_us, int64_t now_us,
    int64_t paid, int64_t refunded);

/*
 * What comes back of a booking whose price falls from `was` to `is`: the share
 * of the difference that `whole`, its cancellation now, would give; never more
 * than that cancellation, or shrinking would evade its fee; and never so much
 * that less than the new price is kept of what was paid (kept: paid less
 * refunded), or what was waived and given back by grace would be paid out.
 */
int64_t cancellation_of_part(const struct cancellation_terms *terms,
    const struct cancellation *whole, int64_t was, int64_t is, int64_t kept);

#endif
