/* test_currency.c: the currencies a franchise may charge in. */
#include "domain/currency.h"

#include <string.h>

#include "unit/unit.h"

static void
each_currency_is_found_by_its_code_alone(void)
{
	static const char *const refused[] = { "", "usd", "USD ", "US", "USDT",
		"KWD", "BHD", "TND", "XAU" }; /* three decimals, or unknown */

	for (size_t i = 0; i < currency_count; i++)
		CU_ASSERT_PTR_EQUAL(currency_find(currency_table[i].code),
		    &currency_table[i]);
	for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
		CU_ASSERT_PTR_NULL(currency_find(refused[i]));
}

static void
no_code_stands_twice_and_every_row_makes_sense(void)
{
	for (size_t i = 0; i < currency_count; i++) {
		const struct currency *c = &currency_table[i];

		CU_ASSERT_EQUAL(strlen(c->code), 3);
		CU_ASSERT_TRUE(i == 0 ||
		    strcmp(currency_table[i - 1].code, c->code) < 0);
		CU_ASSERT_TRUE(c->step == 1 || c->step == 100);
		CU_ASSERT_EQUAL(c->stripe_unit, c->step);
		CU_ASSERT_TRUE(c->minimum > 0 && c->minimum < c->maximum);
		CU_ASSERT_EQUAL(c->minimum % c->step, 0);
		CU_ASSERT_EQUAL(c->maximum % c->step, 0);
		/* What NUMERIC(10,2) holds. */
		CU_ASSERT_TRUE(c->maximum <= INT64_C(9999999999));
	}
}

static void
a_currency_without_decimals_steps_by_whole_units(void)
{
	static const struct {
		const char *code;
		int64_t step;
		int64_t minimum;
		int64_t maximum;
	} cases[] = {
		{ "USD", 1, 50, 99999999 },
		{ "EUR", 1, 50, 99999999 },
		{ "GBP", 1, 30, 99999999 },
		{ "JPY", 100, 5000, INT64_C(9999999900) },
		{ "KRW", 100, 50000, INT64_C(9999999900) },
		{ "CLP", 100, 50000, INT64_C(9999999900) },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		const struct currency *c = currency_find(cases[i].code);

		CU_ASSERT_PTR_NOT_NULL_FATAL(c);
		CU_ASSERT_EQUAL(c->step, cases[i].step);
		CU_ASSERT_EQUAL(c->minimum, cases[i].minimum);
		CU_ASSERT_EQUAL(c->maximum, cases[i].maximum);
	}
}

UNIT_SUITE(currency, UNIT_TEST(each_currency_is_found_by_its_code_alone),
    UNIT_TEST(no_code_stands_twice_and_every_row_makes_sense),
    UNIT_TEST(a_currency_without_decimals_steps_by_whole_units))
