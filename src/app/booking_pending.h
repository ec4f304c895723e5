/*
 * booking_pending.h: a change of a paid booking that waits for its money: what
 * it says, until when it waits, and its end without money.  Only for the use
 * cases of bookings and payments.
 */
#ifndef APP_BOOKING_PENDING_H
#define APP_BOOKING_PENDING_H

#include <stdint.h>

#include "app/booking_row.h"
#include "base/compiler.h"
#include "base/err.h"

struct app;
struct booking;
struct caller;
struct replay;
struct scope;

/*
 * The booking as it will stand once its change is paid; `now` is how it stands.
 * ERR_STALE: that change is over, read the booking again.
 */
enum err booking_pending_view(struct app *app, struct scope *sc,
    const struct booking_row *row, const struct data_key *key,
    const struct booking *now, struct booking **ret_booking) MUSTCHECK;

/* Until when a change may wait, that would until `wanted_us`: it never waits
 * into the booking, neither as it is nor as it would be. */
int64_t booking_pending_until(int64_t wanted_us, int64_t start_us,
    int64_t new_start_us);

/* An end without money. */
struct pending_end {
	const char *how; /* "replaced": withdrawn; "dropped": it has lapsed */
	const struct uuid *mark; /* to look for when the answer is lost */
	const struct caller *caller;
	const struct replay *replay; /* NULL = no key */
	const struct booking *answer; /* what is stored under it */
	const struct data_key *key;
};
/* ERR_STALE: the booking has changed, or the change has not lapsed. */
enum err booking_pending_end(struct app *app, struct scope *sc,
    const struct booking_row *row, const struct pending_end *end) MUSTCHECK;

#endif
