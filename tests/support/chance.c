/* chance.c: SplitMix64 (Steele, Lea, Flood 2014): small, and never stuck. */
#include "support/chance.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"

struct chance
chance_open(const char *what)
{
	const char *told = getenv("TEST_SEED");
	struct chance chance;

	chance.seed = told ? strtoull(told, NULL, 10) :
	    (uint64_t)clock_wall_us();
	chance.state = chance.seed;
	fprintf(stderr, " [%s: TEST_SEED=%" PRIu64 "] ", what, chance.seed);
	return chance;
}

int64_t
chance_between(struct chance *chance, int64_t low, int64_t high)
{
	uint64_t z = chance->state += UINT64_C(0x9e3779b97f4a7c15);

	assert(low <= high);
	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	z ^= z >> 31;
	return low + (int64_t)(z % ((uint64_t)(high - low) + 1));
}
