/* refusal.c: what a SQLSTATE and a constraint's name mean to us. */
#include "store/refusal.h"

#include <stdbool.h>
#include <string.h>

#include "base/compiler.h"

/* The first that fits holds; the last fits everything. */
/* clang-format off */
static const struct refusal table[] = {
	/* our own functions; their message says what is the matter */
	{ "CB001", NULL, ERR_CAPACITY,       REFUSAL_FINAL, NULL },
	{ "CB002", NULL, ERR_KEY_BUSY,       REFUSAL_FINAL, NULL },
	{ "CB003", NULL, ERR_STALE,          REFUSAL_FINAL, NULL },
	{ "CB004", NULL, ERR_TOO_MANY_HOLDS, REFUSAL_FINAL, NULL },
	{ "CB005", NULL, ERR_NOT_FOUND,      REFUSAL_FINAL, NULL },
	{ "CB006", NULL, ERR_STALE,          REFUSAL_FINAL, NULL },
	{ "CB007", NULL, ERR_STATE,          REFUSAL_FINAL, NULL },
	{ "CB008", NULL, ERR_STALE,          REFUSAL_FINAL, NULL },
	{ "CB01",  NULL, ERR_CONFLICT,       REFUSAL_FINAL, NULL },

	/* constraints */
	{ "23P01", "booking_children_one_place", ERR_CHILD_BUSY, REFUSAL_FINAL,
	  "the child is elsewhere at that time" },
	{ "23514", "slot_ledger_not_oversold", ERR_CAPACITY, REFUSAL_FINAL,
	  "a slot has fewer places left" },
	{ "23514", "payments_refund_within_paid", ERR_STALE, REFUSAL_FINAL,
	  "more would go back than was paid" },
	{ "23505", "bookings_pkey", ERR_STALE, REFUSAL_FINAL,
	  "the booking is there already" },
	{ "23505", "idx_bookings_reference", ERR_RETRY, REFUSAL_FINAL,
	  "the reference number is taken: draw another" },
	{ "23505", "bookings_booking_code_key", ERR_RETRY, REFUSAL_FINAL,
	  "the booking code is taken: draw another" },
	{ "23505", "franchises_pkey", ERR_CONFLICT, REFUSAL_FINAL,
	  "another franchise has that id" },

	/* Postgres itself */
	{ "40001", NULL, ERR_RETRY,   REFUSAL_AGAIN, NULL },
	{ "40P01", NULL, ERR_RETRY,   REFUSAL_AGAIN, NULL },
	{ "40003", NULL, ERR_UNCERTAIN, REFUSAL_FINAL, NULL },
	{ "55P03", NULL, ERR_TIMEOUT, REFUSAL_FINAL, "a lock was not to be had" },
	{ "57014", NULL, ERR_TIMEOUT, REFUSAL_FINAL, NULL },
	{ "53",    NULL, ERR_UNAVAILABLE, REFUSAL_FINAL, NULL },
	{ "08",    NULL, ERR_UNAVAILABLE, REFUSAL_LOST, NULL },
	{ "57P",   NULL, ERR_UNAVAILABLE, REFUSAL_LOST, NULL },
	{ "25P03", NULL, ERR_UNAVAILABLE, REFUSAL_LOST, NULL },
	/* after a failover: the old primary only reads */
	{ "25006", NULL, ERR_UNAVAILABLE, REFUSAL_LOST, NULL },

	/* Messages of class 22 quote the value: it may be personal. */
	{ "22",    NULL, ERR_INTERNAL, REFUSAL_FINAL, "a value does not fit" },
	{ "",      NULL, ERR_INTERNAL, REFUSAL_FINAL, NULL },
};
/* clang-format on */

static bool
fits(const struct refusal *r, const char *sqlstate, const char *constraint)
{
	if (strncmp(sqlstate, r->sqlstate, strlen(r->sqlstate)) != 0)
		return false;

	return !r->constraint ||
	    (constraint && strcmp(constraint, r->constraint) == 0);
}

const struct refusal *
refusal_find(const char *sqlstate, const char *constraint)
{
	size_t i = 0;

	while (i + 1 < ARRAY_LEN(table) &&
	    !fits(&table[i], sqlstate ? sqlstate : "", constraint))
		i++;

	return &table[i];
}
