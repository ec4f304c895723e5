/* relay_events.c: events in order, to the queue or to a file. */
#include "app/relay_parts.h"

#include <string.h>

#include "app/app.h"
#include "app/keyring.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "base/instant.h"
#include "base/scope.h"
#include "domain/integration_event.h"
#include "remote/lines.h"
#include "remote/sqs.h"
#include "store/cache.h"
#include "store/db.h"

#define CLAIM_MAX 50
#define FAILURE_MAX 60

struct event_row {
	int64_t id;
	const char *type;
	struct uuid booking_id;
	struct uuid event_id;
	int64_t sequence;
	const char *facts;
	struct bytes sealed;
	int64_t created_us;
	struct bytes data_key;
	int64_t attempts;
	int64_t age_ms;
	struct uuid franchise_id;
	struct ints days; /* whose cached values its commit made stale */
	int64_t lease_us; /* as in struct due_row */
};

#define COLUMN(name, kind, field) \
	{ name, kind, offsetof(struct event_row, field) }
static const struct column event_items[] = {
	COLUMN("id", COLUMN_I64, id),
	COLUMN("type", COLUMN_TEXT, type),
	COLUMN("booking_id", COLUMN_UUID, booking_id),
	COLUMN("event_id", COLUMN_UUID, event_id),
	COLUMN("sequence", COLUMN_I64, sequence),
	COLUMN("facts", COLUMN_TEXT, facts),
	COLUMN("sealed", COLUMN_BYTES, sealed),
	COLUMN("created_at", COLUMN_INSTANT, created_us),
	COLUMN("data_key", COLUMN_BYTES, data_key),
	COLUMN("attempts", COLUMN_I64, attempts),
	COLUMN("age_ms", COLUMN_I64, age_ms),
	COLUMN("franchise_id", COLUMN_UUID, franchise_id),
	COLUMN("days", COLUMN_I64S, days),
	COLUMN("lease", COLUMN_INSTANT, lease_us),
};
#undef COLUMN

/* A row, its message, and what became of it. */
struct message {
	const struct event_row *row;
	const char *text; /* NULL: it could not be written */
	size_t len;
	enum due_outcome outcome;
	const char *failure;
};

/* ---- from row to message --------------------------------------------------------- */

static enum err
unseal(struct app *app, struct scope *sc, const struct event_row *row,
    const char **ret_text)
{
	struct data_key key;
	enum err e;

	*ret_text = NULL;
	if (!row->sealed.data)
		return ERR_OK;
	e = keyring_unwrap(app->ring, sc, &row->booking_id,
	    row->data_key.data, row->data_key.len, &key);
	if (e)
		return e;
	e = keyring_unseal(sc, &key, "outbox.sealed", &row->event_id,
	    row->sealed.data, row->sealed.len, ret_text);
	crypto_wipe(&key, sizeof key);
	return e;
}

/* What cannot be made into a message is refused as the queue would refuse it:
 * it blocks its own booking, and an operator has to look.  What waits for a key
 * of the ring is not at fault.  Its faults stay in a scope of its own: the next
 * one is judged by itself. */
static void
compose(struct app *app, struct scope *sc, const struct event_row *row,
    struct message *m, struct relay_turn *turn)
{
	struct integration_event event = { .type = row->type,
		.event_id = row->event_id, .booking_id = row->booking_id,
		.occurred_us = row->created_us, .sequence = row->sequence,
		.facts = row->facts };
	struct scope own;
	enum err e;

	scope_init(&own, sc->arena, scope_left_us(sc));
	*m = (struct message){ .row = row, .outcome = DUE_OUTAGE };
	e = unseal(app, &own, row, &event.personal);
	if (!e)
		e = integration_event_write(&own, &event, &m->text, &m->len);
	if (!e)
		return;
	m->text = NULL;
	m->outcome = e == ERR_KEY_ABSENT ? DUE_STOPPED : DUE_REFUSED;
	m->failure = e == ERR_KEY_ABSENT ? "key_absent" : "unwritable";
	turn->due.why = arena_strdup(sc->arena, own.why);
}

/* ---- the cache, once more --------------------------------------------------------- */

/* Nobody can read a day that is none out of the cache's keys or the marks, and
 * nothing was cached of it. */
static void
keep_real_days(struct ints *days)
{
	size_t kept = 0;

	for (size_t i = 0; i < days->count; i++) {
		if (date_exists(days->items[i]))
			days->items[kept++] = days->items[i];
	}
	days->count = kept;
}

/* Whoever committed may have died before Redis heard of it; on this host the
 * marks know, on another nobody does.  So what left no receipt is done again. */
static void
forget_again(struct app *app, struct scope *sc, struct event_row *rows,
    size_t count)
{
	const struct event_row **stale = arena_new_array(sc->arena,
	    const struct event_row *, count);
	struct uuid *ids = arena_new_array(sc->arena, struct uuid, count);
	bool *there = arena_new_array(sc->arena, bool, count);
	size_t n = 0;

	for (size_t i = 0; i < count; i++) {
		keep_real_days(&rows[i].days);
		if (rows[i].days.count == 0)
			continue;
		stale[n] = &rows[i];
		ids[n++] = rows[i].event_id;
	}
	/* Without Redis there is nothing stale, and when it comes back it is
	 * emptied before it is believed. */
	if (n == 0 || !cache_receipts(app->cache, sc, ids, n, there))
		return;
	for (size_t i = 0; i < n; i++) {
		const struct event_row *row = stale[i];
		/* Lest each retry of an outage does it once more. */
		struct cache_news news = { .receipt = row->event_id };

		if (there[i])
			continue;
		cache_intend(app->cache, &row->franchise_id, row->days.items,
		    row->days.count, false);
		cache_forget(app->cache, sc, &row->franchise_id,
		    row->days.items, row->days.count, false, &news);
	}
}

/* ---- delivery ---------------------------------------------------------------------- */

/* Where no queue is configured. */
static void
to_file(struct app *app, struct scope *sc, struct message *messages,
    size_t count, int64_t budget_us, struct relay_turn *turn)
{
	struct line_text lines[LINES_MAX];
	enum due_outcome outcome;
	struct scope own;

	/* As with a queue: whoever holds the file, the rows are marked. */
	scope_init(&own, sc->arena, budget_us / 3);
	for (size_t i = 0; i < count; i++)
		lines[i] = (struct line_text){ messages[i].text,
			messages[i].len };
	outcome = lines_append(&own, app->conf->events_file, lines, count) ?
	    DUE_OUTAGE : DUE_DONE;
	for (size_t i = 0; i < count; i++) {
		messages[i].outcome = outcome;
		messages[i].failure = outcome == DUE_DONE ? NULL : "file";
	}
	if (outcome == DUE_OUTAGE) {
		turn->outage = true;
		turn->due.why = arena_strdup(sc->arena, own.why);
	}
}

static void
to_queue(struct app *app, struct scope *sc, struct message *messages,
    const struct sqs_entry *entries, size_t count, int64_t budget_us,
    struct relay_turn *turn)
{
	struct sqs_result results[SQS_BATCH_MAX];
	struct scope own;

	/* Another third, whatever the queue does. */
	scope_init(&own, sc->arena, budget_us / 3);
	own.request_id = sc->request_id;
	turn->outage = sqs_send(app->sqs, &own, entries, count, results) !=
	    AWS_DONE;
	sc->ext_us += own.ext_us;
	for (size_t i = 0; i < count; i++) {
		messages[i].outcome = due_outcome_of_aws(results[i].fate);
		messages[i].failure = results[i].code;
	}
	if (own.why[0])
		turn->due.why = arena_strdup(sc->arena, own.why);
}

/* One batch: how many of the messages it took; each has its outcome.  Of one
 * booking there is one message at most: only its oldest can be claimed. */
static size_t
deliver(struct app *app, struct scope *sc, struct message *messages,
    size_t count, int64_t budget_us, struct relay_turn *turn)
{
	struct sqs_entry entries[SQS_BATCH_MAX];

	if (!app->sqs) {
		if (count > LINES_MAX)
			count = LINES_MAX;
		to_file(app, sc, messages, count, budget_us, turn);
		return count;
	}

	if (count > SQS_BATCH_MAX)
		count = SQS_BATCH_MAX;
	for (size_t i = 0; i < count; i++) {
		char id[UUID_TEXT_MAX];
		const struct event_row *row = messages[i].row;
		const char *event = arena_strdup(sc->arena,
		    uuid_format(&row->event_id, id));

		entries[i] = (struct sqs_entry){ .id = event,
			.body = messages[i].text, .len = messages[i].len,
			.group = arena_strdup(sc->arena,
			    uuid_format(&row->booking_id, id)),
			.dedup = event };
	}
	count = sqs_fit(entries, count);
	to_queue(app, sc, messages, entries, count, budget_us, turn);
	return count;
}

/* In an outage it is the relay that waits longer and longer, not the row. */
static int64_t
wait_ms(struct app *app, const struct message *m,
    const struct relay_turn *turn)
{
	if (m->outcome == DUE_REFUSED)
		return due_backoff_ms(app->conf, m->row->attempts, 0);
	if (m->outcome == DUE_SOON || turn->outage)
		return 0;
	return due_backoff_ms(app->conf, 0, m->row->age_ms);
}

/* Mark what was sent, put off what was not. */
static enum err
mark(struct app *app, struct scope *sc, const struct message *messages,
    size_t count, struct relay_turn *turn)
{
	int64_t *sent = arena_new_array(sc->arena, int64_t, count);
	struct due_off off = due_off_room(sc, count);
	size_t given_up = 0;
	size_t n = 0;
	enum err e;

	for (size_t i = 0; i < count; i++) {
		const struct message *m = &messages[i];

		turn->due.counts[m->outcome]++;
		if (m->outcome == DUE_DONE)
			sent[n++] = m->row->id;
		else
			due_off_add(&off, m->row->id, m->row->lease_us,
			    wait_ms(app, m, turn), m->outcome, m->failure);
	}
	e = due_sent(app, sc, sent, n);
	if (!e)
		e = due_put_off(app, sc, &off, &given_up);
	turn->due.given_up += given_up;
	return e;
}

/* Batch after batch, each marked before the next: what a crash repeats is one
 * batch.  In an outage the rest is handed back untried, and so it is when too
 * little is left of the lease: whoever stood still must not send behind another
 * what that one has sent, and more of the booking, since. */
static enum err
deliver_all(struct app *app, struct scope *sc, struct message *messages,
    size_t count, int64_t claimed_us, int64_t budget_us,
    struct relay_turn *turn)
{
	/* A third for the last batch, and one to mark it. */
	int64_t until_us = claimed_us + budget_us / 3;
	enum err e = ERR_OK;

	while (!e && count > 0 && !turn->outage &&
	    clock_mono_us() < until_us) {
		size_t n = deliver(app, sc, messages, count,
		    budget_us, turn);

		e = mark(app, sc, messages, n, turn);
		messages += n;
		count -= n;
	}
	for (size_t i = 0; i < count; i++)
		messages[i].outcome = DUE_SOON;
	return e || count == 0 ? e : mark(app, sc, messages, count, turn);
}

enum err
relay_events_turn(struct app *app, struct scope *sc,
    struct relay_turn *ret_turn)
{
	static const struct columns columns = { sizeof(struct event_row),
		event_items, ARRAY_LEN(event_items) };
	int64_t budget_us = due_budget_us(app, sc);
	struct relay_turn turn = { .outage = false };
	struct message *messages;
	struct message *refused;
	struct event_row *rows = NULL;
	size_t refused_count = 0;
	size_t count = 0;
	int64_t claimed_us = clock_mono_us();
	size_t good = 0;
	struct args args;
	enum err e;

	args_init(&args, sc->arena);
	args_i64(&args, CLAIM_MAX);
	args_i64(&args, app->conf->relay_lease_s);
	e = db_all(app->db, sc, STMT_OUTBOX_CLAIM_EVENTS, &args, &columns,
	    &rows, &count);
	if (e)
		return e;

	messages = arena_new_array(sc->arena, struct message, count);
	refused = arena_new_array(sc->arena, struct message, count);
	for (size_t i = 0; i < count; i++) {
		struct message m;

		compose(app, sc, &rows[i], &m, &turn);
		if (m.text)
			messages[good++] = m;
		else
			refused[refused_count++] = m;
	}
	if (refused_count > 0)
		e = mark(app, sc, refused, refused_count, &turn);
	if (!e && count > 0) {
		forget_again(app, sc, rows, count);
		e = deliver_all(app, sc, messages, good, claimed_us,
		    budget_us, &turn);
	}
	*ret_turn = turn;
	return e;
}
