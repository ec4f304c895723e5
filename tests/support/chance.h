/*
 * chance.h: numbers for property tests, the same again for the same seed.
 *
 * The seed is TEST_SEED, or else the time; each test that draws prints it, so
 * that a failure can be repeated:
 *	TEST_SEED=1234 tests/unit/unit day
 */
#ifndef TESTS_SUPPORT_CHANCE_H
#define TESTS_SUPPORT_CHANCE_H

#include <stdint.h>

struct chance {
	uint64_t state;
	uint64_t seed;
};

/* Prints `what` and the seed to stderr. */
struct chance chance_open(const char *what);

/* One of low..high, both included. */
int64_t chance_between(struct chance *chance, int64_t low, int64_t high);

#endif
