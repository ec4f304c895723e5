/*
 * lifecycle.h: the states of a booking and the one table of moves between
 * them.
 */
#ifndef DOMAIN_LIFECYCLE_H
#define DOMAIN_LIFECYCLE_H

#include <stdbool.h>

#include "base/compiler.h"

enum booking_state {
	BOOKING_PENDING, /* a hold: places are kept while the customer pays */
	BOOKING_CONFIRMED,
	BOOKING_CHECKED_IN,
	BOOKING_COMPLETED,
	BOOKING_EXPIRED,
	BOOKING_CANCELLED,
	BOOKING_NO_SHOW,
	BOOKING__MAX
};

enum booking_move {
	MOVE_CONFIRM, /* paid, or nothing to pay */
	MOVE_EXPIRE,
	MOVE_CHANGE, /* times, children */
	MOVE_CANCEL,
	MOVE_CHECK_IN,
	MOVE_COMPLETE,
	MOVE_MISS, /* nobody came */
	MOVE__MAX
};

const char *lifecycle_word(enum booking_state state);
bool lifecycle_parse(const char *word, enum booking_state *ret_state)
    MUSTCHECK;

/* false: that move is not open from there. */
bool lifecycle_next(enum booking_state from, enum booking_move move,
    enum booking_state *ret_to) MUSTCHECK;

/* Does a booking in this state keep its places? */
bool lifecycle_keeps_places(enum booking_state state);

#endif
