/* test_err.c: the one table of errors. */
#include "base/err.h"

#include <ctype.h>
#include <string.h>

#include "unit/unit.h"

static void
every_error_has_a_whole_row(void)
{
	CU_ASSERT_EQUAL(err_info(ERR_OK)->status, 200);
	for (int e = ERR_OK + 1; e < ERR__MAX; e++) {
		const struct err_info *info = err_info((enum err)e);

		CU_ASSERT_TRUE(info->status >= 400 && info->status < 600);
		CU_ASSERT_PTR_NOT_NULL_FATAL(info->code);
		CU_ASSERT_PTR_NOT_NULL_FATAL(info->title);
		CU_ASSERT_EQUAL(info->status >= 500, e >= ERR_INTERNAL);
	}
}

static void
codes_are_snake_case_and_titles_have_no_full_stop(void)
{
	for (int e = 0; e < ERR__MAX; e++) {
		const struct err_info *info = err_info((enum err)e);
		size_t len = strlen(info->title);

		CU_ASSERT_EQUAL(strspn(info->code,
		                    "abcdefghijklmnopqrstuvwxyz_"),
		    strlen(info->code));
		CU_ASSERT_TRUE(len > 0 && len <= 60);
		CU_ASSERT_TRUE(isupper((unsigned char)info->title[0]));
		CU_ASSERT_NOT_EQUAL(info->title[len - 1], '.');
	}
}

static void
one_public_code_has_one_meaning(void)
{
	for (int a = 0; a < ERR__MAX; a++) {
		for (int b = a + 1; b < ERR__MAX; b++) {
			const struct err_info *one = err_info((enum err)a);
			const struct err_info *two = err_info((enum err)b);

			if (strcmp(one->code, two->code) != 0) {
				CU_ASSERT_STRING_NOT_EQUAL(one->title,
				    two->title);
				continue;
			}
			CU_ASSERT_EQUAL(one->status, two->status);
			CU_ASSERT_STRING_EQUAL(one->title, two->title);
			CU_ASSERT_EQUAL(one->retryable, two->retryable);
		}
	}
}

/* Clients branch on these: a change here is a change of the API. */
static void
the_public_promise_stands(void)
{
	static const struct {
		enum err e;
		int status;
		const char *code;
		bool retryable;
	} rows[] = {
		{ ERR_CAPACITY, 409, "capacity_exceeded", false },
		{ ERR_KEY_BUSY, 409, "idempotency_key_in_use", true },
		{ ERR_KEY_REUSED, 422, "idempotency_key_reused", false },
		{ ERR_VERSION, 412, "precondition_failed", false },
		{ ERR_INVALID, 422, "validation_failed", false },
		{ ERR_RATE, 429, "rate_limited", true },
		{ ERR_INTERNAL, 500, "internal_error", false },
		{ ERR_CORRUPT, 500, "internal_error", false },
		{ ERR_KEY_ABSENT, 503, "service_unavailable", true },
		{ ERR_UNCERTAIN, 503, "outcome_unknown", true },
		{ ERR_STALE, 503, "service_unavailable", true },
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		const struct err_info *info = err_info(rows[i].e);

		CU_ASSERT_EQUAL(info->status, rows[i].status);
		CU_ASSERT_STRING_EQUAL(info->code, rows[i].code);
		CU_ASSERT_EQUAL(info->retryable, rows[i].retryable);
	}
}

static void
only_waiting_helps_where_retryable_is_said(void)
{
	for (int e = 1; e < ERR__MAX; e++) {
		const struct err_info *info = err_info((enum err)e);
		bool later = info->status == 429 || info->status == 503 ||
		    e == ERR_KEY_BUSY;

		CU_ASSERT_EQUAL(info->retryable, later);
	}
}

static void
an_unknown_number_is_an_internal_error(void)
{
	const struct err_info *internal = err_info(ERR_INTERNAL);

	CU_ASSERT_PTR_EQUAL(err_info(ERR__MAX), internal);
	CU_ASSERT_PTR_EQUAL(err_info((enum err)12345), internal);
}

UNIT_SUITE(err, UNIT_TEST(every_error_has_a_whole_row),
    UNIT_TEST(codes_are_snake_case_and_titles_have_no_full_stop),
    UNIT_TEST(one_public_code_has_one_meaning),
    UNIT_TEST(the_public_promise_stands),
    UNIT_TEST(only_waiting_helps_where_retryable_is_said),
    UNIT_TEST(an_unknown_number_is_an_internal_error))
