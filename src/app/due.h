/*
 * due.h: due work of the outbox: claimed by lease, done by its kind, then
 * marked or put off.
 *
 * Twice    A row whose worker dies is another's when its lease ends, so that
 *          every kind must bear to be done twice.
 * Outages  use up no tries: the row waits, backed off by how long it has
 *          failed.  A row that is refused itself is dead after RELAY_RETRIES
 *          more tries, and stays for an operator to look at.
 */
#ifndef APP_DUE_H
#define APP_DUE_H

#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/err.h"
#include "base/uuid.h"
#include "remote/aws_error.h"

struct app;
struct scope;
struct settings;

enum due_outcome {
	DUE_DONE,
	DUE_SOON,    /* nothing is wrong: look again in a while */
	DUE_OUTAGE,  /* the outside is not to be had: uses up no try */
	DUE_STOPPED, /* an outage that only a person can end: a key, no queue */
	DUE_REFUSED, /* the row itself is refused: a try is used up */
	DUE__MAX
};

/* A row of the outbox in our hands. */
struct due_row {
	int64_t id;
	const char *type;
	struct uuid booking_id;
	const char *facts; /* JSON */
	int64_t attempts;  /* refusals so far */
	int64_t age_ms;    /* since it began to fail, 0 = it does not */
	int64_t lease_us;  /* until when it is ours; nobody else was told so */
	struct uuid subject; /* "id" of the facts: what it is about; or none */
};

struct due_kind {
	const char *type;
	enum due_outcome (*work)(struct app *app, struct scope *sc,
	    const struct due_row *row);
	int64_t soon_ms; /* how long DUE_SOON is; 0 = a minute */
};

struct due_topic {
	const char *name; /* bookings.outbox.topic */
	const struct due_kind *kinds;
	size_t count;
};

/* What became of the rows of one turn. */
struct due_turn {
	size_t counts[DUE__MAX];
	size_t given_up; /* of those put off: nobody tries any more */
	const char *why; /* the last failure's sentence, NULL = none */
};

/*
 * Claim at most `max` rows that are due and do them one by one, each within a
 * time of its own.  ERR_*: Postgres could not be asked; what was claimed is
 * due again when its lease ends.  *ret_turn is what was done until then.
 */
enum err due_work(struct app *app, struct scope *sc,
    const struct due_topic *topic, size_t max, struct due_turn *ret_turn)
    MUSTCHECK;

/* What becomes of rows that were not done, in step.  A row that is another's by
 * now, its lease being another, is left alone. */
struct due_off {
	int64_t *ids;
	int64_t *leases_us;
	int64_t *delays_ms;
	const char **outcomes;
	const char **failures; /* a code; NULL = none */
	size_t count;
};
struct due_off due_off_room(struct scope *sc, size_t max);
void due_off_add(struct due_off *off, int64_t id, int64_t lease_us,
    int64_t delay_ms, enum due_outcome outcome, const char *failure);
enum err due_put_off(struct app *app, struct scope *sc,
    const struct due_off *off, size_t *ret_given_up) MUSTCHECK;
enum err due_sent(struct app *app, struct scope *sc, const int64_t *ids,
    size_t count) MUSTCHECK;

/* How long a turn may take that claims now: as long as its lease, and as it has
 * time at all. */
int64_t due_budget_us(const struct app *app, const struct scope *sc);

/*
 * How long to wait: by chance between nothing and
 * min(RELAY_BACKOFF_MAX_MS, max(RELAY_BACKOFF_MS x 2^attempts, age / 4)), "full
 * jitter": lest all come back at once.
 */
int64_t due_backoff_ms(const struct settings *conf, int64_t attempts,
    int64_t age_ms);

/* What an error of our own, and what AWS's answer, says about the row. */
enum due_outcome due_outcome_of(enum err e);
enum due_outcome due_outcome_of_aws(enum aws_fate fate);
const char *due_outcome_word(enum due_outcome outcome);

#endif
