/*
 * booking_quote.h: what a booking would meet: the day it would fall on, with
 * ledger rows made for it, and the answer stored under its Idempotency-Key.
 */
#ifndef APP_BOOKING_QUOTE_H
#define APP_BOOKING_QUOTE_H

#include "app/booking_row.h"
#include "domain/day.h"

struct booking_quote {
	struct day day; /* franchise_id is none: no such franchise */
	struct stored_answer stored;
};

/* caller and replay may be NULL: no stored answer is looked for. */
enum err booking_quote(struct app *app, struct scope *sc,
    const struct uuid *franchise, int64_t start_us,
    const struct caller *caller, const struct replay *replay,
    struct booking_quote *ret_quote) MUSTCHECK;

/* The day alone, of a franchise that exists.  ERR_STATE when it is closed for
 * good. */
enum err booking_quote_day(struct app *app, struct scope *sc,
    const struct uuid *franchise, int64_t start_us, struct day *ret_day)
    MUSTCHECK;

#endif
