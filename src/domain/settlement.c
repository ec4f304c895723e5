/* settlement.c: what a payment's outcome means for its booking. */
#include "domain/settlement.h"

#include <assert.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *word;
	unsigned next; /* bits of the states it may become */
} attempts[ATTEMPT__MAX] = {
#define TO(state) (1u << ATTEMPT_##state)
#define ENDS (TO(SUCCEEDED) | TO(FAILED) | TO(EXPIRED) | TO(SUPERSEDED))
	[ATTEMPT_QUEUED] = { "queued", TO(OPEN) | TO(ACTION) | TO(PROCESSING) |
	    ENDS },
	[ATTEMPT_OPEN] = { "open", TO(ACTION) | TO(PROCESSING) | ENDS },
	[ATTEMPT_ACTION] = { "requires_action", TO(PROCESSING) | ENDS },
	[ATTEMPT_PROCESSING] = { "processing", TO(ACTION) | ENDS },
	[ATTEMPT_SUCCEEDED] = { "succeeded", 0 },
	/* Money can still land on what was given up. */
	[ATTEMPT_FAILED] = { "failed", TO(SUCCEEDED) },
	[ATTEMPT_EXPIRED] = { "expired", TO(SUCCEEDED) },
	[ATTEMPT_SUPERSEDED] = { "superseded", TO(SUCCEEDED) },
#undef ENDS
#undef TO
};

const char *
attempt_word(enum attempt_state state)
{
	assert(state < ATTEMPT__MAX);
	return attempts[state].word;
}

bool
attempt_parse(const char *word, enum attempt_state *ret_state)
{
	for (size_t i = 0; i < ATTEMPT__MAX; i++) {
		if (strcmp(attempts[i].word, word) == 0) {
			*ret_state = (enum attempt_state)i;
			return true;
		}
	}
	return false;
}

bool
attempt_may_become(enum attempt_state from, enum attempt_state to)
{
	assert(from < ATTEMPT__MAX && to < ATTEMPT__MAX);
	return (attempts[from].next & (1u << to)) != 0;
}

enum settlement_step
settlement_of(const struct settlement_facts *facts)
{
	switch (facts->booking) {
	case BOOKING_CANCELLED:
		return SETTLE_REFUND_CANCELLED;
	case BOOKING_PENDING:
		return facts->amount == facts->total ? SETTLE_CONFIRM :
		    SETTLE_REFUND_SUPERSEDED;
	case BOOKING_EXPIRED:
		return facts->amount == facts->total ? SETTLE_RETAKE :
		    SETTLE_REFUND_SUPERSEDED;
	case BOOKING_CONFIRMED:
	case BOOKING_CHECKED_IN:
	case BOOKING_COMPLETED:
	case BOOKING_NO_SHOW:
		return SETTLE_REFUND_DUPLICATE;
	case BOOKING__MAX:
		break;
	}
	abort(); /* no other state exists */
}

const char *
settlement_reason(enum settlement_step step)
{
	switch (step) {
	case SETTLE_REFUND_LATE:
		return "late";
	case SETTLE_REFUND_DUPLICATE:
		return "duplicate";
	case SETTLE_REFUND_SUPERSEDED:
		return "superseded";
	case SETTLE_REFUND_CANCELLED:
		return "cancelled";
	case SETTLE_CONFIRM:
	case SETTLE_RETAKE:
	case SETTLE__MAX:
		break;
	}
	return NULL;
}
