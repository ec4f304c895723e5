/* unit.c: run the tests: all suites, or those named as arguments. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <CUnit/Basic.h>

#include "unit/unit.h"

static const struct unit_suite *const suites[] = {
#define SUITE(name) &unit_suite_##name,
#include UNIT_SUITES
#undef SUITE
	NULL,
};

static bool
wanted(const char *name, int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		if (strcmp(name, argv[i]) == 0)
			return true;
	}
	return argc <= 1;
}

const char *
unit_vectors(void)
{
	static char path[4096];
	const char *told = getenv("VECTORS_DIR");
	const char *top = getenv("TOP_SRCDIR");

	if (told)
		snprintf(path, sizeof path, "%s", told);
	else
		snprintf(path, sizeof path, "%s/../shared/vectors",
		    top ? top : ".");

	return access(path, R_OK) == 0 ? path : NULL;
}

bool
unit_have_vectors(void)
{
	if (!unit_vectors())
		CU_ASSERT_PTR_NULL(getenv("CI"));
	return unit_vectors() != NULL;
}

char *
unit_slurp(const char *path, unsigned long *ret_len)
{
	FILE *file = fopen(path, "rb");
	char *data = NULL;
	size_t len = 0;
	size_t got;

	if (!file)
		return NULL;

	do {
		char *more = realloc(data, len + 65537);

		if (!more)
			break;
		data = more;
		got = fread(data + len, 1, 65536, file);
		len += got;
	} while (got > 0);
	fclose(file);

	if (data)
		data[len] = '\0';
	if (ret_len)
		*ret_len = len;
	return data;
}

int
main(int argc, char **argv)
{
	unsigned failures;

	if (CU_initialize_registry() != CUE_SUCCESS)
		return 2;

	for (size_t i = 0; suites[i]; i++) {
		CU_pSuite suite;

		if (!wanted(suites[i]->name, argc, argv))
			continue;
		suite = CU_add_suite(suites[i]->name, NULL, NULL);
		if (!suite)
			return 2;
		for (const struct unit_test *t = suites[i]->tests; t->name; t++) {
			if (!CU_add_test(suite, t->name, t->run))
				return 2;
		}
	}

	if (!unit_vectors() && strcmp(UNIT_SUITES, "unit/suites.h") == 0)
		fprintf(stderr, "unit: the official test vectors are not "
		    "there: set VECTORS_DIR\n");
	CU_basic_set_mode(CU_BRM_NORMAL);
	CU_basic_run_tests();
	failures = CU_get_number_of_failures();
	if (CU_get_number_of_tests_run() == 0)
		failures = 1;
	CU_cleanup_registry();

	return failures == 0 ? 0 : 1;
}
