/* due.c: due work of the outbox: claimed, done by its kind, marked. */
#include "app/due.h"

#include <assert.h>
#include <string.h>

#include "app/app.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/form.h"
#include "base/rng.h"
#include "base/scope.h"
#include "store/db.h"

#define ROW_MAX_US (20 * USEC_PER_SEC) /* what one row may take */
#define SOON_MS 60000

static const char *const outcome_words[DUE__MAX] = {
	[DUE_DONE] = "done",
	[DUE_SOON] = "soon",
	[DUE_OUTAGE] = "outage",
	[DUE_STOPPED] = "stopped",
	[DUE_REFUSED] = "refused",
};

const char *
due_outcome_word(enum due_outcome outcome)
{
	assert(outcome < DUE__MAX);
	return outcome_words[outcome];
}

enum due_outcome
due_outcome_of(enum err e)
{
	switch (e) {
	case ERR_OK:
	case ERR_STATE:
	case ERR_NOT_FOUND:
		return DUE_DONE;
	case ERR_CONFLICT:
	case ERR_CORRUPT:
	case ERR_INTERNAL:
	case ERR_MALFORMED:
		return DUE_REFUSED;
	case ERR_KEY_ABSENT:
		return DUE_STOPPED;
	default:
		return DUE_OUTAGE;
	}
}

enum due_outcome
due_outcome_of_aws(enum aws_fate fate)
{
	static const enum due_outcome outcomes[] = {
		[AWS_DONE] = DUE_DONE,
		[AWS_MISSING] = DUE_DONE, /* as it should be, if it is gone */
		[AWS_LATER] = DUE_OUTAGE,
		[AWS_REJECTED] = DUE_REFUSED,
		[AWS_STOPPED] = DUE_STOPPED,
	};

	static_assert(ARRAY_LEN(outcomes) == AWS_FATE__MAX, "each has its");
	return outcomes[fate];
}

int64_t
due_backoff_ms(const struct settings *conf, int64_t attempts, int64_t age_ms)
{
	int64_t most = conf->relay_backoff_ms;
	uint32_t dice;

	for (int64_t i = 0; i < attempts && most < conf->relay_backoff_max_ms;
	    i++)
		most *= 2;
	if (most < age_ms / 4)
		most = age_ms / 4;
	if (most > conf->relay_backoff_max_ms)
		most = conf->relay_backoff_max_ms;
	rng_bytes(&dice, sizeof dice);
	return most * (int64_t)(dice % 1001) / 1000;
}

int64_t
due_budget_us(const struct app *app, const struct scope *sc)
{
	int64_t lease_us = app->conf->relay_lease_s * USEC_PER_SEC;
	int64_t left_us = scope_left_us(sc);

	return lease_us < left_us ? lease_us : left_us;
}

/* ---- what becomes of rows ------------------------------------------------------ */

struct due_off
due_off_room(struct scope *sc, size_t max)
{
	return (struct due_off){
		.ids = arena_new_array(sc->arena, int64_t, max),
		.leases_us = arena_new_array(sc->arena, int64_t, max),
		.delays_ms = arena_new_array(sc->arena, int64_t, max),
		.outcomes = arena_new_array(sc->arena, const char *, max),
		.failures = arena_new_array(sc->arena, const char *, max),
	};
}

void
due_off_add(struct due_off *off, int64_t id, int64_t lease_us,
    int64_t delay_ms, enum due_outcome outcome, const char *failure)
{
	size_t i = off->count++;

	off->ids[i] = id;
	off->leases_us[i] = lease_us;
	off->delays_ms[i] = delay_ms;
	/* To the row the one is as the other. */
	off->outcomes[i] = due_outcome_word(outcome == DUE_STOPPED ?
	    DUE_OUTAGE : outcome);
	off->failures[i] = failure;
}

struct given_up {
	int64_t count;
};

enum err
due_put_off(struct app *app, struct scope *sc, const struct due_off *off,
    size_t *ret_given_up)
{
	static const struct column items[] = { { "given_up", COLUMN_I64,
	    offsetof(struct given_up, count) } };
	static const struct columns columns = { sizeof(struct given_up), items,
		1 };
	struct given_up gone = { 0 };
	struct args args;
	enum err e;

	if (off->count > 0) {
		args_init(&args, sc->arena);
		args_i64s(&args, off->ids, off->count);
		args_instants(&args, off->leases_us, off->count);
		args_i64s(&args, off->delays_ms, off->count);
		args_texts(&args, off->outcomes, off->count);
		args_texts(&args, off->failures, off->count);
		args_i64(&args, app->conf->relay_retries);
		args_i64(&args, app->conf->relay_patience_s);
		e = db_one(app->db, sc, STMT_OUTBOX_PUT_OFF, &args, &columns,
		    &gone);
		if (e)
			return e;
	}
	*ret_given_up = (size_t)gone.count;
	return ERR_OK;
}

enum err
due_sent(struct app *app, struct scope *sc, const int64_t *ids, size_t count)
{
	struct args args;

	if (count == 0)
		return ERR_OK;
	args_init(&args, sc->arena);
	args_i64s(&args, ids, count);
	return db_do(app->db, sc, STMT_OUTBOX_SENT, &args, NULL);
}

/* ---- one by one ---------------------------------------------------------------- */

struct facts {
	struct uuid id;
};

static enum due_outcome
work_one(struct app *app, struct scope *sc, const struct due_kind *kind,
    struct due_row *row)
{
	static const struct field fields[] = { { "id", FIELD_UUID,
	    .offset = offsetof(struct facts, id) } };
	static const struct form form = { .name = "Due",
		.size = sizeof(struct facts), .fields = fields, .count = 1,
		.open = true };
	struct facts facts;

	if (form_read_json(sc, &form, row->facts, strlen(row->facts), &facts))
		return DUE_REFUSED;
	row->subject = facts.id;
	return kind->work(app, sc, row);
}

static enum due_outcome
nobody_knows(struct app *app, struct scope *sc, const struct due_row *row)
{
	(void)app;
	scope_fail(sc, ERR_INTERNAL, "nobody knows work of type %s",
	    row->type);
	return DUE_REFUSED;
}

static const struct due_kind *
kind_of(const struct due_topic *topic, const char *type)
{
	static const struct due_kind unknown = { "", nobody_knows, 0 };

	for (size_t i = 0; i < topic->count; i++) {
		if (strcmp(topic->kinds[i].type, type) == 0)
			return &topic->kinds[i];
	}
	return &unknown;
}

static enum err
finish(struct app *app, struct scope *sc, const struct due_row *row,
    enum due_outcome outcome, int64_t soon_ms, struct due_turn *turn)
{
	struct due_off off;
	size_t given_up;
	enum err e;

	if (outcome == DUE_DONE)
		return due_sent(app, sc, &row->id, 1);

	off = due_off_room(sc, 1);
	due_off_add(&off, row->id, row->lease_us, outcome == DUE_SOON ?
	    soon_ms : due_backoff_ms(app->conf, row->attempts, row->age_ms),
	    outcome, outcome == DUE_SOON ? NULL : due_outcome_word(outcome));
	e = due_put_off(app, sc, &off, &given_up);
	if (!e)
		turn->given_up += given_up;
	return e;
}

/* With a time of its own: a slow neighbour costs it nothing. */
static enum err
do_row(struct app *app, struct scope *sc, const struct due_topic *topic,
    struct due_row *row, int64_t row_us, struct due_turn *turn)
{
	const struct due_kind *kind = kind_of(topic, row->type);
	struct scope own;
	enum due_outcome outcome;

	scope_init(&own, sc->arena, row_us);
	own.request_id = sc->request_id;
	outcome = work_one(app, &own, kind, row);
	turn->counts[outcome]++;
	if (outcome != DUE_DONE && outcome != DUE_SOON)
		turn->why = arena_printf(sc->arena, "%s: %s", row->type,
		    own.why[0] ? own.why : due_outcome_word(outcome));

	scope_init(&own, sc->arena, row_us);
	own.request_id = sc->request_id;
	return finish(app, &own, row, outcome, kind->soon_ms > 0 ?
	    kind->soon_ms : SOON_MS, turn);
}

/* What cannot be done within the lease is anybody's again.  It must not want
 * for time that rows before it used up. */
static enum err
hand_back(struct app *app, struct scope *sc, const struct due_row *rows,
    size_t count, int64_t row_us, struct due_turn *turn)
{
	struct due_off off = due_off_room(sc, count);
	struct scope own;
	size_t given_up;

	scope_init(&own, sc->arena, row_us);
	own.request_id = sc->request_id;
	for (size_t i = 0; i < count; i++)
		due_off_add(&off, rows[i].id, rows[i].lease_us, 0, DUE_SOON,
		    NULL);
	turn->counts[DUE_SOON] += count;
	return due_put_off(app, &own, &off, &given_up);
}

enum err
due_work(struct app *app, struct scope *sc, const struct due_topic *topic,
    size_t max, struct due_turn *ret_turn)
{
	static const struct column items[] = {
		{ "id", COLUMN_I64, offsetof(struct due_row, id) },
		{ "type", COLUMN_TEXT, offsetof(struct due_row, type) },
		{ "booking_id", COLUMN_UUID, offsetof(struct due_row,
		    booking_id) },
		{ "facts", COLUMN_TEXT, offsetof(struct due_row, facts) },
		{ "attempts", COLUMN_I64, offsetof(struct due_row,
		    attempts) },
		{ "age_ms", COLUMN_I64, offsetof(struct due_row, age_ms) },
		{ "lease", COLUMN_INSTANT, offsetof(struct due_row,
		    lease_us) },
	};
	static const struct columns columns = { sizeof(struct due_row), items,
		ARRAY_LEN(items) };
	int64_t budget_us = due_budget_us(app, sc);
	int64_t row_us = budget_us / 3 < ROW_MAX_US ? budget_us / 3 :
	    ROW_MAX_US;
	struct due_turn turn = { .given_up = 0 };
	struct due_row *rows = NULL;
	int64_t claimed_us;
	size_t count = 0;
	size_t next = 0;
	struct args args;
	enum err e;

	args_init(&args, sc->arena);
	args_text(&args, topic->name);
	args_i64(&args, (int64_t)max);
	args_i64(&args, app->conf->relay_lease_s);
	claimed_us = clock_mono_us();
	e = db_all(app->db, sc, STMT_OUTBOX_CLAIM, &args, &columns, &rows,
	    &count);
	while (!e && next < count &&
	    clock_mono_us() + 2 * row_us < claimed_us + budget_us)
		e = do_row(app, sc, topic, &rows[next++], row_us,
		    &turn);
	if (!e)
		e = hand_back(app, sc, rows + next, count - next, row_us,
		    &turn);
	*ret_turn = turn;
	return e;
}
