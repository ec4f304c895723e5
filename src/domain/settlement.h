/*
 * settlement.h: what a payment's outcome means for its booking: the rules for
 * money that comes in time, late, twice, or for something that changed.
 */
#ifndef DOMAIN_SETTLEMENT_H
#define DOMAIN_SETTLEMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "domain/lifecycle.h"

/* States of one payment attempt (payments.payments.payment_status). */
enum attempt_state {
	ATTEMPT_QUEUED,     /* Stripe has not answered for it yet */
	ATTEMPT_OPEN,       /* a Checkout Session waits for the customer */
	ATTEMPT_ACTION,     /* 3-D Secure: the customer must act */
	ATTEMPT_PROCESSING, /* Stripe works on it */
	ATTEMPT_SUCCEEDED,
	ATTEMPT_FAILED,
	ATTEMPT_EXPIRED,
	ATTEMPT_SUPERSEDED, /* no longer wanted; may still be paid */
	ATTEMPT__MAX
};

const char *attempt_word(enum attempt_state state);
bool attempt_parse(const char *word, enum attempt_state *ret_state) MUSTCHECK;
/* Only forward: what Stripe tells late or twice changes nothing. */
bool attempt_may_become(enum attempt_state from, enum attempt_state to);

/* What a payment is for, and what has become of that. */
enum settlement_change {
	CHANGE_NONE,     /* for the booking itself */
	CHANGE_STANDS,   /* for a change of it, which waits for this money */
	CHANGE_APPLIED,  /* for one that has taken effect */
	CHANGE_REPLACED, /* ... that the customer gave up for another, or none */
	CHANGE_DROPPED,  /* ... that was not paid in time */
	CHANGE__MAX
};

/* payments.payments.change_end; false: no such word. */
bool settlement_parse_change(const char *word,
    enum settlement_change *ret_change) MUSTCHECK;

/* How the booking stands when the money lands. */
struct settlement_facts {
	enum booking_state booking;
	int64_t due;    /* hundredths that would settle what it is for: the
	                   booking's price, or what the change costs */
	int64_t amount; /* hundredths that landed */
	enum settlement_change change;
	bool begun; /* the time of the booking, as it is or as it would be */
	bool over;  /* the time of the booking, as it is */
};

enum settlement_step {
	SETTLE_CONFIRM, /* the booking is confirmed */
	SETTLE_RETAKE,  /* take the places again, then confirm; if they are gone,
	                   SETTLE_REFUND_LATE */
	SETTLE_CHANGE,  /* the change takes effect: its places are held */
	SETTLE_REFUND_LATE,       /* the hold was over and the places gone, or the
	                             booking itself was over */
	SETTLE_REFUND_DUPLICATE,  /* it was paid already */
	SETTLE_REFUND_SUPERSEDED, /* the price has changed since */
	SETTLE_REFUND_CANCELLED,  /* it was cancelled meanwhile */
	SETTLE__MAX
};

enum settlement_step settlement_of(const struct settlement_facts *facts);

/* The reason a refund of that step is given (payments.refunds.reason); NULL
 * for the steps that refund nothing. */
const char *settlement_reason(enum settlement_step step);

#endif
