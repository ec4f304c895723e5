/*
 * clock.h: what time it is.
 *
 * Units    microseconds; wall time since the Unix epoch, UTC.
 * Durations are taken from the monotonic clock only.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

#define USEC_PER_SEC INT64_C(1000000)
#define USEC_PER_MIN (60 * USEC_PER_SEC)
#define USEC_PER_HOUR (60 * USEC_PER_MIN)
#define USEC_PER_DAY (24 * USEC_PER_HOUR)

int64_t clock_wall_us(void);
int64_t clock_mono_us(void);

/* Tests: hold wall time still at this instant; 0 lets it run again. */
void clock_fix_wall(int64_t wall_us);

#endif
