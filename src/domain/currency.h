/*
 * currency.h: the currencies a franchise may charge in, one table.
 *
 * Units    Inside, every amount is in hundredths of the currency's unit, which
 *          is what NUMERIC(10,2) holds: 12000 is USD 120.00 and JPY 120.  In a
 *          currency without decimals every amount is a multiple of 100.
 * Source   Stripe, "Supported currencies": decimals, minimum and maximum.
 */
#ifndef DOMAIN_CURRENCY_H
#define DOMAIN_CURRENCY_H

#include <stddef.h>
#include <stdint.h>

struct currency {
	const char *code;    /* ISO 4217, "USD" */
	int64_t step;        /* smallest amount, in hundredths: 1 or 100 */
	int64_t stripe_unit; /* hundredths in one unit of Stripe's amount */
	int64_t minimum;     /* the least Stripe charges, in hundredths */
	int64_t maximum;     /* the most, in hundredths */
};

/* NULL: not a currency we take (three decimals, or unknown). */
const struct currency *currency_find(const char *code);

extern const struct currency currency_table[];
extern const size_t currency_count;

#endif
