/* test_clock.c: wall and monotonic time. */
#include "base/clock.h"

#include <time.h>

#include "unit/unit.h"

static void
wall_time_is_the_systems_in_microseconds(void)
{
	int64_t before = (int64_t)time(NULL) - 1;
	int64_t now = clock_wall_us();
	int64_t after = (int64_t)time(NULL) + 1;

	CU_ASSERT_TRUE(now >= before * USEC_PER_SEC);
	CU_ASSERT_TRUE(now <= after * USEC_PER_SEC);
}

static void
monotonic_time_never_falls(void)
{
	int64_t last = clock_mono_us();
	int falls = 0;

	for (int i = 0; i < 1000; i++) {
		int64_t now = clock_mono_us();

		falls += now < last;
		last = now;
	}
	CU_ASSERT_EQUAL(falls, 0);
	CU_ASSERT_TRUE(last > 0);
}

static void
fixed_wall_time_stands_while_the_monotonic_runs_on(void)
{
	int64_t start = clock_mono_us();

	clock_fix_wall(1705309200 * USEC_PER_SEC);
	while (clock_mono_us() == start)
		;
	CU_ASSERT_EQUAL(clock_wall_us(), INT64_C(1705309200000000));
	CU_ASSERT_TRUE(clock_mono_us() > start);

	clock_fix_wall(0);
	CU_ASSERT_TRUE(clock_wall_us() > INT64_C(1705309200000000));
}

UNIT_SUITE(clock, UNIT_TEST(wall_time_is_the_systems_in_microseconds),
    UNIT_TEST(monotonic_time_never_falls),
    UNIT_TEST(fixed_wall_time_stands_while_the_monotonic_runs_on))
