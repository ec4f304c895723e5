/* relay_bookings.c: due work on bookings: holds and changes that lapse, bookings
 * that are over, rows that are old. */
#include "app/relay_parts.h"

#include <string.h>

#include "app/app.h"
#include "app/booking_row.h"
#include "app/bookings.h"
#include "app/payment_row.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/instant.h"
#include "base/scope.h"
#include "domain/access.h"
#include "domain/settlement.h"
#include "store/db.h"

#define TURN_MAX 20
/* How long a payment under way keeps the places beyond the hold's end. */
#define GRACE_US (5 * USEC_PER_MIN)
#define OVER_MAX 50
#define OVER_PAGES_MAX 20 /* of a sweep */
#define PRUNE_MAX 1000
#define ANSWERS_KEEP_S 86400 /* DESIGN 5: an Idempotency-Key is kept 24 h */

static const struct caller keeper = { .kind = CALLER_SYSTEM,
	.name = "system" };

/* A payment that Stripe may still take, or has taken and not told. */
static bool
may_be_paid(const struct payment_row *rows, size_t count)
{
	const struct payment_row *p = payment_unfinished(rows, count);

	return p && (p->session || p->intent ||
	    strcmp(p->status, "processing") == 0);
}

/*
 * The time is up of what `over` ends.  Whoever may be paying at this moment is
 * asked for first, by the relay that speaks to Stripe; while Stripe does not
 * answer the places are kept for five minutes more, and no longer.
 */
static enum due_outcome
end_lapsed(struct app *app, struct scope *sc, const struct booking_row *row,
    int64_t expired_us, enum err (*over)(struct app *app, struct scope *sc,
    const struct uuid *id))
{
	struct payment_row *rows = NULL;
	struct args args;
	size_t count = 0;
	enum err e;

	e = payment_rows(app, sc, &row->id, &rows, &count);
	if (e)
		return due_outcome_of(e);
	if (!may_be_paid(rows, count) ||
	    row->as_of_us >= expired_us + GRACE_US)
		return due_outcome_of(over(app, sc, &row->id));

	args_init(&args, sc->arena);
	args_text(&args, "payments");
	args_text(&args, "lapse");
	args_uuid(&args, &row->id);
	e = db_do(app->db, sc, STMT_OUTBOX_ASK, &args, NULL);
	return e ? due_outcome_of(e) : DUE_SOON;
}

static enum due_outcome
work_expire(struct app *app, struct scope *sc, const struct due_row *w)
{
	struct booking_row row;
	enum err e;

	e = booking_row_load(app, sc, &keeper, &w->booking_id, NULL, &row);
	/* Extended since: another row stands for the new end. */
	if (e || !booking_row_lapsed(&row))
		return due_outcome_of(e);
	return end_lapsed(app, sc, &row, row.hold_expires_us, booking_expire);
}

static enum due_outcome
work_drop_change(struct app *app, struct scope *sc, const struct due_row *w)
{
	struct booking_row row;
	enum err e;

	e = booking_row_load(app, sc, &keeper, &w->booking_id, NULL, &row);
	/* Paid, given up or extended since. */
	if (e || uuid_is_none(&row.change.id) || booking_row_waits(&row))
		return due_outcome_of(e);
	return end_lapsed(app, sc, &row, row.change.expires_us,
	    booking_change_drop);
}

enum err
relay_bookings_turn(struct app *app, struct scope *sc,
    struct relay_turn *ret_turn)
{
	static const struct due_kind kinds[] = {
		{ "expire", work_expire, 2000 },
		{ "drop_change", work_drop_change, 2000 },
	};
	static const struct due_topic topic = { "bookings", kinds,
		ARRAY_LEN(kinds) };

	*ret_turn = (struct relay_turn){ .outage = false };
	return due_work(app, sc, &topic, TURN_MAX, &ret_turn->due);
}

/* ---- from time to time -------------------------------------------------------------- */

struct over {
	struct uuid id;
};

/* One that does not end by itself stops no other; an outage is nobody's. */
static enum err
finish_one(struct app *app, struct scope *sc, const struct uuid *id,
    struct relay_swept *swept)
{
	char text[UUID_TEXT_MAX];
	enum err e = booking_finish(app, sc, id);

	if (due_outcome_of(e) != DUE_REFUSED)
		return e;
	if (swept->skipped++ == 0)
		swept->why = arena_printf(sc->arena, "booking %s: %s",
		    uuid_format(id, text), sc->why);
	return ERR_OK;
}

/* The oldest of them behind those that would not end, which stay the oldest;
 * each in a commit of its own, and whoever is second finds it done. */
static enum err
finish_page(struct app *app, struct scope *sc, struct relay_swept *swept,
    size_t *ret_count)
{
	static const struct column items[] = { { "id", COLUMN_UUID,
	    offsetof(struct over, id) } };
	static const struct columns columns = { sizeof(struct over), items,
		1 };
	struct over *rows = NULL;
	size_t count = 0;
	struct args args;
	enum err e;

	args_init(&args, sc->arena);
	args_i64(&args, app->conf->complete_after_s);
	args_i64(&args, OVER_MAX);
	args_i64(&args, (int64_t)swept->skipped);
	e = db_all(app->db, sc, STMT_BOOKINGS_OVER, &args, &columns, &rows,
	    &count);
	for (size_t i = 0; !e && i < count; i++)
		e = finish_one(app, sc, &rows[i].id, swept);
	*ret_count = count;
	return e;
}

static enum err
finish_over(struct app *app, struct scope *sc, struct relay_swept *swept)
{
	size_t count = OVER_MAX;
	size_t all = 0;
	enum err e = ERR_OK;

	for (int i = 0; !e && count == OVER_MAX && i < OVER_PAGES_MAX; i++) {
		e = finish_page(app, sc, swept, &count);
		all += count;
	}
	/* Those that are skipped come again: at once only beside others. */
	swept->more = count == OVER_MAX && swept->skipped < all;
	return e;
}

struct pruned {
	int64_t answers;
	int64_t sent;
	int64_t events; /* of Stripe's */
};

static enum err
prune(struct app *app, struct scope *sc, struct relay_swept *swept)
{
	static const struct column items[] = {
		{ "answers", COLUMN_I64, offsetof(struct pruned, answers) },
		{ "sent", COLUMN_I64, offsetof(struct pruned, sent) },
	};
	static const struct columns columns = { sizeof(struct pruned), items,
		ARRAY_LEN(items) };
	struct pruned gone = { 0 };
	struct args args;
	enum err e;

	args_init(&args, sc->arena);
	args_i64(&args, ANSWERS_KEEP_S);
	args_i64(&args, app->conf->outbox_keep_s);
	args_i64(&args, PRUNE_MAX);
	e = db_one(app->db, sc, STMT_OUTBOX_PRUNE, &args, &columns, &gone);
	swept->more = swept->more || gone.answers == PRUNE_MAX ||
	    gone.sent == PRUNE_MAX;
	return e;
}

static enum err
prune_stripe(struct app *app, struct scope *sc, struct relay_swept *swept)
{
	static const struct column items[] = { { "events", COLUMN_I64,
	    offsetof(struct pruned, events) } };
	static const struct columns columns = { sizeof(struct pruned), items,
		1 };
	struct pruned gone = { 0 };
	struct args args;
	enum err e;

	args_init(&args, sc->arena);
	args_i64(&args, app->conf->stripe_events_keep_s);
	args_i64(&args, PRUNE_MAX);
	e = db_one(app->db, sc, STMT_STRIPE_EVENTS_PRUNE, &args, &columns,
	    &gone);
	swept->more = swept->more || gone.events == PRUNE_MAX;
	return e;
}

enum err
relay_bookings_sweep(struct app *app, struct scope *sc,
    struct relay_swept *ret_swept)
{
	struct relay_swept swept = { .more = false };
	enum err e = finish_over(app, sc, &swept);

	if (!e)
		e = prune(app, sc, &swept);
	if (!e)
		e = prune_stripe(app, sc, &swept);
	if (e)
		return e;

	*ret_swept = swept;
	return ERR_OK;
}
