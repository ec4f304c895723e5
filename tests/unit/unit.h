/*
 * unit.h: how a test file says what it holds.
 *
 *	UNIT_SUITE(arena, UNIT_TEST(memory_is_zeroed), ...)
 *
 * A test is a static void function of no arguments whose name is a sentence;
 * suites.h lists the suites in the order they run.  tests/flow names its own
 * list in UNIT_SUITES.
 */
#ifndef TESTS_UNIT_UNIT_H
#define TESTS_UNIT_UNIT_H

#include <stdbool.h>

#include <CUnit/CUnit.h>

struct unit_test {
	const char *name;
	void (*run)(void);
};

struct unit_suite {
	const char *name;
	const struct unit_test *tests;
};

#define UNIT_TEST(fn) { #fn, fn }
#define UNIT_SUITE(suite, ...) \
	const struct unit_suite unit_suite_##suite = { #suite, \
		(const struct unit_test[]){ __VA_ARGS__, { 0 } } };

#ifndef UNIT_SUITES
#define UNIT_SUITES "unit/suites.h"
#endif
#define SUITE(name) extern const struct unit_suite unit_suite_##name;
#include UNIT_SUITES
#undef SUITE

/* Where the official vectors lie (VECTORS_DIR, else ../shared/vectors beside
 * the project), or NULL when they are not there: the run then says so, and
 * fails when CI is set. */
const char *unit_vectors(void);

/* Whether they are there; a failure of the test that asks, when CI is set and
 * they are not. */
bool unit_have_vectors(void);

/* A file's bytes, NUL-terminated, malloc'ed; NULL when it cannot be read. */
char *unit_slurp(const char *path, unsigned long *ret_len);

#endif
