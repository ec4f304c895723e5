/*
 * booking_changing.h: one change of a booking while it is worked out, and the
 * ways it can be written.  For booking_change.c and booking_change_write.c
 * alone.
 */
#ifndef APP_BOOKING_CHANGING_H
#define APP_BOOKING_CHANGING_H

#include <stdbool.h>
#include <stdint.h>

#include "app/booking_write.h"
#include "app/keyring.h"
#include "base/compiler.h"
#include "base/err.h"
#include "domain/day.h"

struct app;
struct booking;
struct booking_request;
struct caller;
struct replay;
struct scope;

struct changing {
	const struct caller *caller;
	const struct booking_request *req;
	struct replay *replay;
	int64_t if_match;
	/* Of the event it tells, or of the due work it leaves: how it is found
	 * when an answer is lost. */
	struct uuid mark;
	bool uncertain; /* an answer was lost: look before trying again */
	bool looked; /* for what keeps the children elsewhere */
	/* anew at every try */
	struct booking_row row;
	struct booking *old;
	struct booking *b; /* as it will stand */
	struct booking *answer;
	struct data_key key;
	struct day day;
	struct span span;
	bool moved;    /* times or number of children differ */
	bool children; /* children differ */
	bool contact;  /* contact differs */
	int64_t cap;
	/* How another price is settled.  Unpaid: by `attempt`, another one.  Paid
	 * and higher: `later`, once `attempt` has paid the difference, or the
	 * difference is waived.  Paid and lower: by a refund. */
	struct uuid attempt; /* none: the payments stay as they are */
	bool later;
	int64_t waived;
	int64_t refund;
};

/* It takes effect at once.  As booking_change, and ERR_STALE: read anew. */
enum err change_now(struct app *app, struct scope *sc, struct changing *c)
    MUSTCHECK;
/* It waits for its money: the booking stays as it is. */
enum err change_later(struct app *app, struct scope *sc, struct changing *c)
    MUSTCHECK;
/* The one that waits is given up: the booking stays as it is. */
enum err change_withdraw(struct app *app, struct scope *sc,
    struct changing *c) MUSTCHECK;

#endif
