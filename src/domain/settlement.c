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

bool
settlement_parse_change(const char *word, enum settlement_change *ret_change)
{
	static const struct {
		const char *word;
		enum settlement_change change;
	} ends[] = {
		{ "applied", CHANGE_APPLIED },
		{ "replaced", CHANGE_REPLACED },
		{ "dropped", CHANGE_DROPPED },
	};

	for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
		if (strcmp(ends[i].word, word) == 0) {
			*ret_change = ends[i].change;
			return true;
		}
	}
	return false;
}

/* Money for the booking itself, which waits for it or did. */
static enum settlement_step
unpaid(const struct settlement_facts *facts, enum settlement_step right)
{
	if (facts->over || (right == SETTLE_RETAKE && facts->begun))
		right = SETTLE_REFUND_LATE;
	return facts->change == CHANGE_NONE && facts->amount == facts->due ?
	    right : SETTLE_REFUND_SUPERSEDED;
}

/* Money that comes when the booking is paid.  `open`: it may still change. */
static enum settlement_step
paid(const struct settlement_facts *facts, bool open)
{
	static const enum settlement_step back[CHANGE__MAX] = {
		[CHANGE_NONE] = SETTLE_REFUND_DUPLICATE,
		[CHANGE_STANDS] = SETTLE_REFUND_LATE,
		[CHANGE_APPLIED] = SETTLE_REFUND_DUPLICATE,
		[CHANGE_REPLACED] = SETTLE_REFUND_SUPERSEDED,
		[CHANGE_DROPPED] = SETTLE_REFUND_LATE,
	};

	assert(facts->change < CHANGE__MAX);
	if (facts->change == CHANGE_STANDS && open && !facts->begun)
		return facts->amount == facts->due ? SETTLE_CHANGE :
		    SETTLE_REFUND_SUPERSEDED;
	return back[facts->change];
}

enum settlement_step
settlement_of(const struct settlement_facts *facts)
{
	switch (facts->booking) {
	case BOOKING_CANCELLED:
		return SETTLE_REFUND_CANCELLED;
	case BOOKING_PENDING:
		return unpaid(facts, SETTLE_CONFIRM);
	case BOOKING_EXPIRED:
		return unpaid(facts, SETTLE_RETAKE);
	case BOOKING_CONFIRMED:
		return paid(facts, true);
	case BOOKING_CHECKED_IN:
	case BOOKING_COMPLETED:
	case BOOKING_NO_SHOW:
		return paid(facts, false);
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
	case SETTLE_CHANGE:
	case SETTLE__MAX:
		break;
	}
	return NULL;
}
