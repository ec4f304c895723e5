/*
 * books.h: do the books balance?  Ledger = bookings and what changes of them
 * hold, events without a gap, children as the bookings say, money as payments,
 * refunds and journal say, visits as the states say.
 */
#ifndef APP_BOOKS_H
#define APP_BOOKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/err.h"

#define BOOKS_KIND_MAX 1000 /* differences of one check that are told */

struct admin;
struct scope;

struct books_difference {
	const char *kind; /* "ledger", "uncovered", "events", "children",
	                     "changes", "money", "journal_...", "unfinished",
	                     "visits" */
	const char *text; /* one sentence with its ids */
};

struct books {
	int64_t slots;    /* examined */
	int64_t bookings; /* examined */
	struct books_difference *differences;
	size_t count;
	bool more; /* of a check that found more than BOOKS_KIND_MAX */
	/* Not wrong, but to be known: refunds that failed and are owed. */
	struct books_difference *owed;
	size_t owed_count;
};

/* Finding differences is not an error. */
enum err books_verify(struct admin *admin, struct scope *sc,
    struct books *ret_books) MUSTCHECK;

#endif
