/* suites.h: the suites of tests/unit, in the order they run. */
SUITE(crypto)
