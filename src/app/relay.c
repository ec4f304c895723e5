/* relay.c: the topics of the outbox, and one turn of each. */
#include "app/relay.h"

#include <assert.h>
#include <string.h>

#include "app/app.h"
#include "app/documents.h"
#include "app/payments.h"
#include "app/relay_parts.h"
#include "base/scope.h"
#include "store/hint.h"

#define HINT_TIMEOUT_MS 500 /* to connect; a relay may wait a little */
#define PAYMENTS_MAX 8 /* rows of a turn: each may wait for Stripe */

static enum err
payments_turn(struct app *app, struct scope *sc, struct relay_turn *ret_turn)
{
	*ret_turn = (struct relay_turn){ .outage = false };
	return payments_work(app, sc, PAYMENTS_MAX, &ret_turn->due);
}

static const struct {
	const char *word;
	enum err (*turn)(struct app *app, struct scope *sc,
	    struct relay_turn *ret_turn);
	enum err (*sweep)(struct app *app, struct scope *sc,
	    struct relay_swept *ret_swept);
} topics[RELAY__MAX] = {
	[RELAY_EVENTS] = { "events", relay_events_turn, NULL },
	[RELAY_PAYMENTS] = { "payments", payments_turn, NULL },
	[RELAY_DOCUMENTS] = { "documents", relay_documents_turn, NULL },
	[RELAY_BOOKINGS] = { "bookings", relay_bookings_turn,
	    relay_bookings_sweep },
};

const char *
relay_topic_word(enum relay_topic topic)
{
	assert(topic < RELAY__MAX);
	return topics[topic].word;
}

bool
relay_topic_parse(const char *word, enum relay_topic *ret_topic)
{
	for (size_t i = 0; i < RELAY__MAX; i++) {
		if (strcmp(topics[i].word, word) == 0) {
			*ret_topic = (enum relay_topic)i;
			return true;
		}
	}
	return false;
}

enum err
relay_check(const struct app *app, struct scope *sc, enum relay_topic topic)
{
	/* Events hold no link and are found by nobody's name. */
	if (topic != RELAY_EVENTS && (!*app->conf->session_secret ||
	    !*app->conf->public_url))
		return scope_fail(sc, ERR_INVALID, "%s must be set for the "
		    "relay of %s", *app->conf->public_url ? "SESSION_SECRET" :
		    "PUBLIC_URL", relay_topic_word(topic));
	if (topic == RELAY_PAYMENTS && !app->stripe)
		return scope_fail(sc, ERR_INVALID, "STRIPE_SECRET_KEY is not "
		    "set: there is nothing to pay with");
	return topic == RELAY_DOCUMENTS ? documents_check(app, sc) : ERR_OK;
}

int
relay_hint_fd(struct app *app)
{
	if (!app->hint)
		app->hint = hint_open(app->conf->redis_url, HINT_TIMEOUT_MS);
	return app->hint ? hint_fd(app->hint) : -1;
}

bool
relay_hint_read(struct app *app, enum relay_topic topic)
{
	return app->hint && hint_read(app->hint,
	    hint_of(relay_topic_word(topic)));
}

enum err
relay_turn(struct app *app, struct scope *sc, enum relay_topic topic,
    struct relay_turn *ret_turn)
{
	assert(topic < RELAY__MAX);
	return topics[topic].turn(app, sc, ret_turn);
}

enum err
relay_sweep(struct app *app, struct scope *sc, enum relay_topic topic,
    struct relay_swept *ret_swept)
{
	*ret_swept = (struct relay_swept){ .more = false };
	if (!topics[topic].sweep)
		return ERR_OK;
	return topics[topic].sweep(app, sc, ret_swept);
}
