/* lifecycle.c: the table of states and moves. */
#include "domain/lifecycle.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

static const struct {
	const char *word;
	bool keeps_places;
} states[BOOKING__MAX] = {
	[BOOKING_PENDING] = { "pending", true },
	[BOOKING_CONFIRMED] = { "confirmed", true },
	[BOOKING_CHECKED_IN] = { "checked_in", true },
	[BOOKING_COMPLETED] = { "completed", true },
	[BOOKING_EXPIRED] = { "expired", false },
	[BOOKING_CANCELLED] = { "cancelled", false },
	[BOOKING_NO_SHOW] = { "no_show", true },
};

/* clang-format off */
static const struct {
	enum booking_state from;
	enum booking_move move;
	enum booking_state to;
} moves[] = {
	{ BOOKING_PENDING,    MOVE_CONFIRM,  BOOKING_CONFIRMED },
	{ BOOKING_PENDING,    MOVE_EXPIRE,   BOOKING_EXPIRED },
	{ BOOKING_PENDING,    MOVE_CHANGE,   BOOKING_PENDING },
	{ BOOKING_PENDING,    MOVE_CANCEL,   BOOKING_CANCELLED },
	{ BOOKING_EXPIRED,    MOVE_CONFIRM,  BOOKING_CONFIRMED }, /* late money, places free */
	{ BOOKING_CONFIRMED,  MOVE_CHANGE,   BOOKING_CONFIRMED },
	{ BOOKING_CONFIRMED,  MOVE_CANCEL,   BOOKING_CANCELLED },
	{ BOOKING_CONFIRMED,  MOVE_CHECK_IN, BOOKING_CHECKED_IN },
	{ BOOKING_CONFIRMED,  MOVE_MISS,     BOOKING_NO_SHOW },
	{ BOOKING_CHECKED_IN, MOVE_COMPLETE, BOOKING_COMPLETED },
};
/* clang-format on */

const char *
lifecycle_word(enum booking_state state)
{
	assert(state < BOOKING__MAX);
	return states[state].word;
}

bool
lifecycle_parse(const char *word, enum booking_state *ret_state)
{
	for (size_t i = 0; i < BOOKING__MAX; i++) {
		if (strcmp(states[i].word, word) == 0) {
			*ret_state = (enum booking_state)i;
			return true;
		}
	}
	return false;
}

bool
lifecycle_next(enum booking_state from, enum booking_move move,
    enum booking_state *ret_to)
{
	for (size_t i = 0; i < ARRAY_LEN(moves); i++) {
		if (moves[i].from == from && moves[i].move == move) {
			*ret_to = moves[i].to;
			return true;
		}
	}
	return false;
}

bool
lifecycle_keeps_places(enum booking_state state)
{
	assert(state < BOOKING__MAX);
	return states[state].keeps_places;
}
