/*
 * payment_row.h: payment attempts and refunds as they lie in Postgres, and the
 * one call that changes them.  Only for the use cases of payments.
 */
#ifndef APP_PAYMENT_ROW_H
#define APP_PAYMENT_ROW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "app/booking_write.h"
#include "base/buf.h"
#include "base/compiler.h"
#include "base/err.h"
#include "base/uuid.h"
#include "domain/settlement.h"

struct app;
struct caller;
struct payment;
struct refund;
struct replay;
struct scope;

struct payment_row {
	struct uuid id;
	struct uuid booking_id;
	const char *intent; /* NULL until known */
	int64_t amount;
	const char *currency;
	const char *method; /* "checkout" or "pm_..." */
	const char *status;
	int64_t processed_us;
	int64_t created_us;
	int64_t updated_us;
	const char *session;
	const char *url;
	int64_t session_expires_us;
	const char *failure;
	int64_t refunded;
	const char *account;
	int64_t version;
	struct uuid change;     /* of the booking, that it is for; or none */
	const char *change_end; /* what became of that: see settlement.h */
	bool of_others; /* late, twice, superseded: never the booking's money */
};

struct refund_row {
	struct uuid id;
	struct uuid payment_id;
	struct uuid booking_id;
	const char *stripe_id;
	int64_t amount;
	const char *currency;
	const char *reason;
	const char *status;
	const char *failure;
	int64_t created_us;
	int64_t processed_us;
	int64_t version;
	int64_t key_turn;     /* of the keys it is asked for under */
	int64_t key_since_us; /* since when it is that one */
	int64_t as_of_us; /* when it was read, by Postgres' clock */
};

/* By any of the three; others NULL.  ERR_NOT_FOUND. */
enum err payment_find(struct app *app, struct scope *sc, const struct uuid *id,
    const char *session, const char *intent, struct payment_row *ret_row)
    MUSTCHECK;
/* All attempts at a booking, oldest first. */
enum err payment_rows(struct app *app, struct scope *sc,
    const struct uuid *booking, struct payment_row **ret_rows,
    size_t *ret_count) MUSTCHECK;
enum err refund_find(struct app *app, struct scope *sc, const struct uuid *id,
    const char *stripe_id, struct refund_row *ret_row) MUSTCHECK;
enum err refund_rows(struct app *app, struct scope *sc,
    const struct uuid *payment, struct refund_row **ret_rows,
    size_t *ret_count) MUSTCHECK;

/* Of a payment method of the customer's, not by a Checkout page. */
bool payment_is_direct(const struct payment_row *row);
/* What is due of a booking when it was read: its price while it waits for that,
 * what a change of it costs while that waits; else nothing. */
struct amount_due {
	int64_t amount;     /* hundredths */
	struct uuid change; /* none: the booking itself */
};
/* ERR_STATE with a sentence: nothing. */
enum err payment_wanted(struct scope *sc, const struct booking_row *booking,
    struct amount_due *ret_due) MUSTCHECK;
/* Is it this attempt's money that is due? */
bool payment_is_wanted(const struct payment_row *row,
    const struct booking_row *booking);
/* As its owner sees it. */
enum err payment_view(struct app *app, struct scope *sc,
    const struct payment_row *row, const struct booking_row *booking,
    struct payment **ret_payment) MUSTCHECK;
struct refund refund_view(const struct refund_row *row);

/* The attempt of a booking that is not finished, or NULL. */
const struct payment_row *payment_unfinished(const struct payment_row *rows,
    size_t count);

/*
 * One decision, as payments.apply takes it: begin, say what is to be done,
 * commit.  Members are written as JSON; what is not said stays as it is.
 */
struct decision {
	struct scope *sc;
	struct buf booking; /* each an open JSON object or list */
	struct buf rest;
	struct buf refunds;
	struct buf entries;
	struct news news;
	struct touched touched; /* when places move, or are shown otherwise */
	/* What is stored under the caller's key; NULLs without one. */
	const struct caller *caller;
	const struct replay *replay;
	const struct booking_row *row;
	const char *answer;
};

void decision_begin(struct decision *d, struct scope *sc,
    const struct booking_row *booking);
void decision_status(struct decision *d, const char *status,
    const char *payment_status);
void decision_hold(struct decision *d, int64_t expires_us); /* NONE clears */
/* What is cached of its day is forgotten. */
void decision_touch(struct decision *d, const struct booking_row *booking);
void decision_retake(struct decision *d, const struct booking_row *booking,
    int64_t slot_minutes);
/* The booking's change takes effect; or waits until then. */
void decision_change(struct decision *d, const struct booking_row *booking);
void decision_change_hold(struct decision *d, int64_t expires_us);
void decision_event(struct decision *d, const char *id, const char *type,
    const char *object);
struct payment_change {
	enum attempt_state to;
	const char *intent; /* NULL: as it was, like the next */
	const char *session;
	const char *url;
	int64_t session_expires_us; /* NONE */
	const char *failure;
};
void decision_payment(struct decision *d, const struct payment_row *row,
    const struct payment_change *change);
void decision_attempt(struct decision *d, const struct uuid *id,
    const struct amount_due *due, const char *currency, const char *method);
void decision_refund_new(struct decision *d, const struct uuid *id,
    const struct uuid *payment, int64_t amount, const char *reason);
/* One of staff's that Stripe made already: "pending" or "succeeded". */
void decision_refund_made(struct decision *d, const struct refund_row *made);
void decision_refund(struct decision *d, const struct refund_row *row,
    const char *status, const char *stripe_id, const char *failure);
void decision_entry(struct decision *d, const char *kind,
    const struct uuid *reference, const char *debit, const char *credit,
    int64_t amount, const char *currency);
/* The answer under the caller's key; replay may be NULL. */
void decision_answer(struct decision *d, const struct caller *caller,
    const struct replay *replay, const char *text);
/* ERR_STALE: something has changed, decide anew.  ERR_STATE: the Stripe event
 * had its effect.  ERR_CAPACITY: the places to retake are gone. */
enum err decision_commit(struct decision *d, struct app *app,
    struct scope *sc) MUSTCHECK;

#endif
