/*
 * payment_open.h: a Checkout Session for a queued attempt.
 */
#ifndef APP_PAYMENT_OPEN_H
#define APP_PAYMENT_OPEN_H

#include <stdint.h>

#include "base/compiler.h"
#include "base/err.h"

struct app;
struct scope;
struct uuid;

/* What is waited for is never kept longer than this: from the moment a booking
 * was made, or a change of a paid one was asked for. */
#define HOLD_MAX_US (2 * USEC_PER_HOUR)

struct payment_opened {
	const char *url;
	int64_t expires_us;
	int64_t hold_us; /* until when the places are kept now */
	int64_t version; /* of the booking */
};

/*
 * Open a session for the attempt, or give the one that is open.
 * ERR_PAYMENTS_UNAVAILABLE  Stripe cannot be had now: nothing has changed
 * ERR_DECLINED              Stripe does not take it, whoever pays: as above
 * ERR_STATE                 the booking does not wait for it (any more)
 */
enum err payment_open(struct app *app, struct scope *sc,
    const struct uuid *attempt, struct payment_opened *ret_opened) MUSTCHECK;

/*
 * A session to pay the booking by: the one that is open, or a fresh one; what
 * else is unfinished is ended first.
 * ERR_PAYMENTS_UNAVAILABLE  Stripe cannot be had now; *ret_attempt is queued,
 *                           unless it is none
 * ERR_DECLINED              Stripe does not take it, whoever pays: as above
 * ERR_STATE                 there is nothing to pay, or it is under way
 */
enum err payment_session(struct app *app, struct scope *sc,
    const struct uuid *booking, struct uuid *ret_attempt,
    struct payment_opened *ret_opened) MUSTCHECK;

#endif
