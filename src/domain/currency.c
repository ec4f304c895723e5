/* currency.c: the currency table. */
#include "domain/currency.h"

#include <string.h>

#include "base/compiler.h"

/* Stripe takes at most eight digits of its own unit. */
#define CENTS_MAX INT64_C(99999999)
#define WHOLE_MAX INT64_C(9999999900)

/* clang-format off */
const struct currency currency_table[] = {
	{ "AUD", 1,   1,   50,    CENTS_MAX },
	{ "BRL", 1,   1,   50,    CENTS_MAX },
	{ "CAD", 1,   1,   50,    CENTS_MAX },
	{ "CHF", 1,   1,   50,    CENTS_MAX },
	{ "CLP", 100, 100, 50000, WHOLE_MAX },
	{ "CZK", 1,   1,   1500,  CENTS_MAX },
	{ "DKK", 1,   1,   250,   CENTS_MAX },
	{ "EUR", 1,   1,   50,    CENTS_MAX },
	{ "GBP", 1,   1,   30,    CENTS_MAX },
	{ "HKD", 1,   1,   400,   CENTS_MAX },
	{ "INR", 1,   1,   50,    CENTS_MAX },
	{ "JPY", 100, 100, 5000,  WHOLE_MAX },
	{ "KRW", 100, 100, 50000, WHOLE_MAX },
	{ "MXN", 1,   1,   1000,  CENTS_MAX },
	{ "NOK", 1,   1,   300,   CENTS_MAX },
	{ "NZD", 1,   1,   50,    CENTS_MAX },
	{ "PLN", 1,   1,   200,   CENTS_MAX },
	{ "SEK", 1,   1,   300,   CENTS_MAX },
	{ "SGD", 1,   1,   50,    CENTS_MAX },
	{ "USD", 1,   1,   50,    CENTS_MAX },
};
/* clang-format on */
const size_t currency_count = ARRAY_LEN(currency_table);

const struct currency *
currency_find(const char *code)
{
	for (size_t i = 0; i < currency_count; i++) {
		if (strcmp(currency_table[i].code, code) == 0)
			return &currency_table[i];
	}
	return NULL;
}
