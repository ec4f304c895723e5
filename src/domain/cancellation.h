/*
 * cancellation.h: what comes back when a booking is cancelled.
 *
 *	refund = max(0, floor(paid x percent) - fee) - already refunded
 *
 * percent is that of the best rule whose hours are kept, or the cap if that is
 * worse: moving a booking cannot improve its tier.
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

#endif
