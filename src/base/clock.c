/*
 * clock.c: what time it is.
 */
#include "base/clock.h"

#include <stdlib.h>
#include <time.h>

static int64_t fixed_wall_us; /* 0: the clock runs */

static int64_t
read_clock(clockid_t id)
{
	struct timespec now;

	/* Cannot fail for these two clocks; going on without time could. */
	if (clock_gettime(id, &now))
		abort();
	return (int64_t)now.tv_sec * USEC_PER_SEC + now.tv_nsec / 1000;
}

int64_t
clock_wall_us(void)
{
	return fixed_wall_us ? fixed_wall_us : read_clock(CLOCK_REALTIME);
}

int64_t
clock_mono_us(void)
{
	return read_clock(CLOCK_MONOTONIC);
}

void
clock_fix_wall(int64_t wall_us)
{
	fixed_wall_us = wall_us;
}
