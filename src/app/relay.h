/*
 * relay.h: what one turn of a relay does: claim what is due on its topic, carry
 * it out, mark it.
 *
 * Topics   events     outbox rows to the queue (or to a file), in order
 *          payments   what Stripe has still to hear or to tell
 *          documents  QR codes to their store
 *          bookings   holds and changes that lapsed, bookings that are over,
 *                     old rows
 * Share    Any number of processes may work on one topic.
 */
#ifndef APP_RELAY_H
#define APP_RELAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "app/due.h"
#include "base/compiler.h"
#include "base/err.h"

struct app;
struct scope;

enum relay_topic {
	RELAY_EVENTS,
	RELAY_PAYMENTS,
	RELAY_DOCUMENTS,
	RELAY_BOOKINGS,
	RELAY__MAX
};

const char *relay_topic_word(enum relay_topic topic);
bool relay_topic_parse(const char *word, enum relay_topic *ret_topic)
    MUSTCHECK;

/* Can it be worked on with these settings?  ERR_INVALID with a sentence. */
enum err relay_check(const struct app *app, struct scope *sc,
    enum relay_topic topic) MUSTCHECK;

/*
 * Hear at once that there is work: a descriptor that becomes readable, or -1
 * when nobody would tell; then whether this topic was meant.
 */
int relay_hint_fd(struct app *app);
bool relay_hint_read(struct app *app, enum relay_topic topic);

struct relay_turn {
	struct due_turn due;
	/* The outside is not to be had for any row: leave it alone for a
	 * while. */
	bool outage;
};

/* ERR_*: Postgres could not be asked; the sentence is in sc->why, and *ret_turn
 * is what was done until then. */
enum err relay_turn(struct app *app, struct scope *sc, enum relay_topic topic,
    struct relay_turn *ret_turn) MUSTCHECK;

struct relay_swept {
	bool more;       /* there is more of it at once */
	size_t skipped;  /* rows that could not be worked on */
	const char *why; /* of the first of them; NULL without */
};

/* What is done from time to time, due rows or not; a no-op for most topics.
 * ERR_*: Postgres could not be asked; a row that fails by itself is skipped. */
enum err relay_sweep(struct app *app, struct scope *sc,
    enum relay_topic topic, struct relay_swept *ret_swept) MUSTCHECK;

#endif
