/*
 * booking_write.h: what every change of a booking has in common: its news for
 * the outbox, the answer under its Idempotency-Key, the cache around its
 * commit.  Only for the use cases of bookings.
 */
#ifndef APP_BOOKING_WRITE_H
#define APP_BOOKING_WRITE_H

#include <stdbool.h>
#include <stdint.h>

#include "app/booking_row.h"
#include "domain/day.h"
#include "store/cache.h"

/* A refund from each of refund_plan.h's payments, and what goes with it. */
#define NEWS_MAX 112
/* How often a change is worked out anew when what it read has changed. */
#define WRITE_TRIES 6

/* Outbox rows of one change, in step. */
struct news {
	const char *topics[NEWS_MAX];
	const char *types[NEWS_MAX];
	struct uuid ids[NEWS_MAX];
	const char *facts[NEWS_MAX]; /* JSON objects */
	struct bytes sealed[NEWS_MAX];
	int64_t due_us[NEWS_MAX]; /* NONE = now */
	size_t count;
	int64_t was_us; /* when the booking began before the change; 0 = then */
	int64_t checked_in_us; /* of its visit; 0 = none, like the next */
	int64_t checked_out_us;
	int64_t held_us; /* when the change that gives its places back would
	                    have begun; 0 = none does */
	bool retaken;   /* its places, shown as free, were taken again */
	struct uuid told; /* the first event of the booking itself */
};

/* Facts of a booking that events carry in the open, and sealed; without a key
 * (NULL) only the former. */
void news_event(struct news *news, struct scope *sc, const char *type,
    const struct uuid *event_id, const struct booking *booking,
    const struct data_key *key);
/* Due work on the booking itself. */
void news_due(struct news *news, const char *type, int64_t due_us);
/* It is confirmed: the image of its QR code is to be made. */
void news_ticket(struct news *news);
/* The same under an id chosen before, by which the write can be looked for
 * when its answer is lost (event_stands): for writes that tell no event. */
void news_mark(struct news *news, const struct uuid *id, const char *topic,
    const char *type, int64_t due_us);
/* Due work of any topic, with its facts as a JSON object. */
void news_work(struct news *news, const char *topic, const char *type,
    const char *facts, int64_t due_us);
/* Due work of the topic payments on one attempt or refund. */
void news_payment(struct news *news, struct scope *sc, const char *type,
    const struct uuid *id, int64_t due_us);
void news_args(struct args *args, const struct news *news);

/*
 * The answer stored under the key, if there is one: replay->stored is set.
 * ERR_KEY_REUSED when it was stored for another request.
 */
enum err replay_find(struct app *app, struct scope *sc,
    const struct stored_answer *stored, struct replay *replay) MUSTCHECK;
/* caller, key, fingerprint, sealed answer; nulls without a key. */
void replay_args(struct app *app, struct scope *sc, struct args *args,
    const struct caller *caller, const struct replay *replay,
    const struct booking *booking, const struct data_key *key);

/* What is stored for that object; the same with a text that is there. */
const char *replay_text(struct scope *sc, const struct replay *replay,
    const void *object);
void replay_text_args(struct app *app, struct scope *sc, struct args *args,
    const struct caller *caller, const struct replay *replay,
    const struct uuid *booking, const struct data_key *key, const char *text);
/* Store the answer of what changes nothing (ERR_STALE: there is one by now),
 * or another one in place of the stored.  Without a key: nothing. */
enum err replay_remember(struct app *app, struct scope *sc,
    const struct caller *caller, const struct replay *replay,
    const struct booking_row *row, const char *text) MUSTCHECK;
enum err replay_restate(struct app *app, struct scope *sc,
    const struct caller *caller, const struct replay *replay,
    const struct booking_row *row, const char *text) MUSTCHECK;

/* Did the write commit that tells this event, or leaves this due work?  For
 * lost answers. */
enum err event_stands(struct app *app, struct scope *sc,
    const struct uuid *event_id, bool *ret_stands) MUSTCHECK;

/* What a change touches beside its rows: days of a franchise, marked before its
 * commit and forgotten after it; and the relays, who are told then. */
struct touched {
	struct uuid franchise;
	int64_t days[4];
	size_t count;
	struct cache_news news;
};
void touch(struct touched *t, const struct uuid *franchise, int64_t day);
void touch_relays(struct touched *t, const struct news *news);
void touched_before(struct app *app, const struct touched *t);
void touched_after(struct app *app, struct scope *sc, const struct touched *t,
    enum err e);

/* The answer of a change that changes nothing, stored under its key.  ERR_STALE:
 * read the booking again. */
enum err booking_remember(struct app *app, struct scope *sc,
    const struct caller *caller, struct replay *replay,
    const struct booking_row *row, struct booking **ret_booking) MUSTCHECK;

/* The caller must act for a customer: ERR_INVALID naming X-Customer-Id. */
enum err caller_needs_customer(struct scope *sc, const struct caller *caller)
    MUSTCHECK;

/* Lines as the JSON that is stored and shown. */
const char *lines_json(struct scope *sc, const struct line *lines,
    size_t count, int64_t children);

#endif
