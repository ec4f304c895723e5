/* payments_work.c: the due work of the topic payments: what a request could
 * not finish, and what no webhook has told. */
#include "app/payments.h"

#include <inttypes.h>
#include <string.h>

#include "app/app.h"
#include "app/payment_ask.h"
#include "app/payment_open.h"
#include "app/payment_row.h"
#include "app/payment_settle.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/instant.h"
#include "base/rng.h"
#include "base/scope.h"
#include "domain/access.h"
#include "remote/stripe.h"
#include "store/db.h"

#define LEASE_S 60
#define BACKOFF_MS 1000
#define BACKOFF_MAX_MS 300000
#define PENDING_MS 60000 /* how soon a refund that is pending is read again */
#define TRIES 5
#define REFUND_PAGES_MAX 10
/* Half of what Stripe keeps a key for. */
#define KEY_TRUSTED_US (12 * USEC_PER_HOUR)

struct work {
	int64_t id;
	const char *type;
	struct uuid booking_id;
	const char *facts;
	int64_t attempts;
	int64_t age_ms; /* since it was put there */
	struct uuid subject; /* of the facts: the attempt or the refund */
};

struct work_facts {
	struct uuid id;
};

/* What became of a row. */
enum done {
	WORK_DONE,
	WORK_LATER, /* the outside is not to be had: uses up no try */
	WORK_SOON,  /* nothing is wrong, look again in a while */
	WORK_WRONG  /* it was refused: a try is used up */
};

static enum done
done_of(enum err e)
{
	switch (e) {
	case ERR_OK:
	case ERR_STATE:
	case ERR_NOT_FOUND:
		return WORK_DONE;
	case ERR_CONFLICT:
	case ERR_CORRUPT:
	case ERR_INTERNAL:
		return WORK_WRONG;
	default:
		return WORK_LATER;
	}
}

static enum done
done_of_asked(enum asked asked)
{
	static const enum done dones[] = {
		[ASKED_KNOWN] = WORK_DONE,
		[ASKED_WAIT] = WORK_SOON,
		[ASKED_LATER] = WORK_LATER,
		[ASKED_WRONG] = WORK_WRONG,
	};

	return dones[asked];
}

static enum done
done_of_stripe(enum stripe_kind kind)
{
	return done_of_asked(payment_ask_kind(kind));
}

static const struct caller worker = { .kind = CALLER_SYSTEM,
	.name = "system" };

/* A hold whose payment Stripe has not taken yet is not the customer's fault:
 * its clock starts with the first session. */
static enum err
extend_hold(struct app *app, struct scope *sc, const struct uuid *booking)
{
	struct booking_row row;
	struct decision d;
	int64_t until_us;
	enum err e;

	e = booking_row_load(app, sc, &worker, booking, NULL, &row);
	if (e)
		return e;
	until_us = row.as_of_us + app->conf->hold_s * USEC_PER_SEC;
	if (until_us > row.created_us + USEC_PER_DAY)
		until_us = row.created_us + USEC_PER_DAY;
	if (until_us > row.start_us)
		until_us = row.start_us;
	if (strcmp(row.status, "pending") != 0 || booking_row_lapsed(&row) ||
	    until_us < row.hold_expires_us + USEC_PER_MIN)
		return ERR_OK;
	decision_begin(&d, sc, &row);
	decision_hold(&d, until_us);
	news_due(&d.news, "expire", until_us);
	return decision_commit(&d, app, sc);
}

static enum done
work_session(struct app *app, struct scope *sc, const struct work *w)
{
	struct payment_opened opened;
	enum err e = payment_open(app, sc, &w->subject, &opened);

	if (e == ERR_PAYMENTS_UNAVAILABLE &&
	    extend_hold(app, sc, &w->booking_id))
		return WORK_LATER;
	return done_of(e);
}

/* A direct payment: sent again, under its key, for as long as it is wanted;
 * then, or when that is in vain, only looked for. */
static enum asked
read_direct(struct app *app, struct scope *sc, const struct payment_row *p,
    const struct booking_row *row)
{
	bool wanted = strcmp(p->status, "superseded") != 0 &&
	    strcmp(row->status, "pending") == 0 && !booking_row_lapsed(row) &&
	    row->as_of_us - p->created_us < KEY_TRUSTED_US;
	struct payment_told told;
	enum asked asked;

	if (p->intent) {
		asked = payment_ask_read(app, sc, p, &told);
		/* Nobody waits for the customer any more. */
		return asked == ASKED_WAIT && told.action && !wanted ?
		    payment_ask_end(app, sc, p) : asked;
	}
	if (!wanted)
		return payment_ask_search(app, sc, p, row->as_of_us);
	asked = payment_ask_send(app, sc, p, row, STRIPE_RETRIES, &told);
	return asked == ASKED_LATER && told.pointless ?
	    payment_ask_search(app, sc, p, row->as_of_us) : asked;
}

static enum done
work_read(struct app *app, struct scope *sc, const struct work *w)
{
	struct booking_row row;
	struct payment_told told;
	struct payment_row p;
	enum attempt_state state;
	enum err e = payment_find(app, sc, &w->subject, NULL, NULL, &p);

	if (!e)
		e = booking_row_load(app, sc, &worker, &p.booking_id, NULL,
		    &row);
	if (e)
		return done_of(e);
	if (!attempt_parse(p.status, &state))
		return WORK_WRONG;
	if (state == ATTEMPT_SUCCEEDED || state == ATTEMPT_FAILED ||
	    state == ATTEMPT_EXPIRED)
		return WORK_DONE;
	if (payment_is_direct(&p))
		return done_of_asked(read_direct(app, sc, &p, &row));
	return p.session ? done_of_asked(payment_ask_read(app, sc, &p,
	    &told)) : WORK_DONE;
}

static enum done
told_refund(struct app *app, struct scope *sc, const struct refund_row *r,
    const struct stripe_refund *s)
{
	const char *status = s->status == STRIPE_REFUND_SUCCEEDED ?
	    "succeeded" : s->status == STRIPE_REFUND_FAILED ||
	    s->status == STRIPE_REFUND_CANCELED ? "failed" : "pending";

	if (refund_settle(app, sc, &r->id, status, s->id, s->failure_reason,
	    NULL))
		return WORK_LATER;
	return strcmp(status, "pending") == 0 ? WORK_SOON : WORK_DONE;
}

/* The refund that a lost answer was about: Stripe keeps even a 500 under the
 * key, so that asking again says nothing. */
static enum stripe_kind
find_refund(struct app *app, struct scope *sc, const struct payment_row *p,
    const struct refund_row *r, struct stripe_refund *told, bool *ret_found)
{
	struct stripe_call call = { .account = p->account };
	struct stripe_pages pages = { .object = STRIPE_REFUND,
		.payment_intent = p->intent };

	*ret_found = false;
	for (int i = 0; i < REFUND_PAGES_MAX && !pages.over; i++) {
		struct list list = { NULL, 0 };
		const struct stripe_refund *items;
		enum stripe_kind kind = stripe_pages_next(app->stripe, sc,
		    &call, &pages, &list);

		if (kind != STRIPE_DONE)
			return kind;
		items = list.items;
		for (size_t k = 0; k < list.count; k++) {
			if (!uuid_equal(&items[k].tags.refund_id, &r->id))
				continue;
			*told = items[k];
			*ret_found = true;
			return STRIPE_DONE;
		}
	}
	return STRIPE_DONE;
}

/* Ask for it, unless it is old enough to have been asked for: Stripe forgets
 * keys after a day, and must not refund twice then. */
static enum done
ask_refund(struct app *app, struct scope *sc, const struct payment_row *p,
    const struct refund_row *r)
{
	char id[UUID_TEXT_MAX];
	struct stripe_call call = { .account = p->account,
		.key = arena_printf(sc->arena, "refund:%s",
		    uuid_format(&r->id, id)) };
	struct stripe_refund_new wanted = {
		.currency = currency_find(r->currency),
		.amount = r->amount,
		.payment_intent = p->intent,
		.tags = { .booking_id = r->booking_id, .payment_id = p->id,
		    .refund_id = r->id },
	};
	struct stripe_refund told;
	enum stripe_kind kind = STRIPE_DONE;
	enum stripe_kind looked;
	bool found = false;

	if (clock_wall_us() - r->created_us > KEY_TRUSTED_US)
		kind = find_refund(app, sc, p, r, &told, &found);
	if (kind != STRIPE_DONE)
		return done_of_stripe(kind);
	if (found)
		return told_refund(app, sc, r, &told);
	kind = stripe_refund_create(app->stripe, sc, &call, &wanted, &told);
	if (kind == STRIPE_DONE)
		return told_refund(app, sc, r, &told);
	if (kind == STRIPE_LATER || kind == STRIPE_DENIED)
		return WORK_LATER;
	looked = find_refund(app, sc, p, r, &told, &found);
	if (looked == STRIPE_DONE && found)
		return told_refund(app, sc, r, &told);
	return done_of_stripe(kind);
}

static enum done
work_refund(struct app *app, struct scope *sc, const struct work *w)
{
	struct stripe_call call = { .key = NULL };
	struct stripe_refund told;
	struct payment_row p;
	struct refund_row r;
	enum stripe_kind kind;
	enum err e;

	e = refund_find(app, sc, &w->subject, NULL, &r);
	if (!e)
		e = payment_find(app, sc, &r.payment_id, NULL, NULL, &p);
	if (e)
		return done_of(e);
	if (strcmp(r.status, "succeeded") == 0 ||
	    strcmp(r.status, "failed") == 0)
		return WORK_DONE;
	if (!r.stripe_id)
		return p.intent ? ask_refund(app, sc, &p, &r) : WORK_WRONG;

	call.account = p.account;
	kind = stripe_refund_read(app->stripe, sc, &call, r.stripe_id, &told);
	return kind == STRIPE_DONE ? told_refund(app, sc, &r, &told) :
	    done_of_stripe(kind);
}

/* Sessions and intents of a booking that nobody wants any more. */
static enum done
work_close(struct app *app, struct scope *sc, const struct work *w)
{
	struct payment_row *rows = NULL;
	enum done worst = WORK_DONE;
	size_t count = 0;
	enum err e;

	e = payment_rows(app, sc, &w->booking_id, &rows, &count);
	if (e)
		return done_of(e);
	for (size_t i = 0; i < count; i++) {
		enum asked asked;

		if (strcmp(rows[i].status, "superseded") != 0 ||
		    (!rows[i].session && !rows[i].intent))
			continue;
		asked = payment_ask_end(app, sc, &rows[i]);
		if (asked == ASKED_LATER || asked == ASKED_WRONG)
			worst = done_of_asked(asked);
	}
	return worst;
}

static const struct {
	const char *type;
	enum done (*work)(struct app *, struct scope *, const struct work *);
} kinds[] = {
	{ "session", work_session },
	{ "read", work_read },
	{ "refund", work_refund },
	{ "close", work_close },
};

static enum done
work_one(struct app *app, struct scope *sc, struct work *w)
{
	static const struct field fields[] = { { "id", FIELD_UUID,
	    .offset = offsetof(struct work_facts, id) } };
	static const struct form form = { .name = "Work",
		.size = sizeof(struct work_facts), .fields = fields,
		.count = 1, .open = true };
	struct work_facts facts;

	if (form_read_json(sc, &form, w->facts, strlen(w->facts), &facts))
		return WORK_WRONG;
	w->subject = facts.id;
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		if (strcmp(kinds[i].type, w->type) == 0)
			return kinds[i].work(app, sc, w);
	}
	return WORK_WRONG;
}

/* Outages use up no tries, so that what has waited long waits longer: a quarter
 * of its age.  Half of it is by chance, lest all come back at once. */
static int64_t
backoff_ms(const struct work *w)
{
	int64_t most = BACKOFF_MS;
	uint32_t dice;

	for (int64_t i = 1; i < w->attempts && most < BACKOFF_MAX_MS; i++)
		most *= 2;
	if (most < w->age_ms / 4)
		most = w->age_ms / 4;
	if (most > BACKOFF_MAX_MS)
		most = BACKOFF_MAX_MS;
	rng_bytes(&dice, sizeof dice);
	return most / 2 + most / 2 * (int64_t)(dice % 1000) / 1000;
}

static enum err
finish(struct app *app, struct scope *sc, const struct work *w,
    enum done done)
{
	struct args args;

	args_init(&args, sc->arena);
	args_i64(&args, w->id);
	if (done == WORK_DONE)
		return db_do(app->db, sc, STMT_WORK_DONE, &args, NULL);
	args_i64(&args, done == WORK_SOON ? PENDING_MS :
	    backoff_ms(w));
	args_bool(&args, done == WORK_WRONG);
	args_i64(&args, TRIES);
	return db_do(app->db, sc, STMT_WORK_LATER, &args, NULL);
}

enum err
payments_work(struct app *app, struct scope *sc, size_t max, size_t *ret_done)
{
	static const struct column items[] = {
		{ "id", COLUMN_I64, offsetof(struct work, id) },
		{ "type", COLUMN_TEXT, offsetof(struct work, type) },
		{ "booking_id", COLUMN_UUID, offsetof(struct work,
		    booking_id) },
		{ "facts", COLUMN_TEXT, offsetof(struct work, facts) },
		{ "attempts", COLUMN_I64, offsetof(struct work, attempts) },
		{ "age_ms", COLUMN_I64, offsetof(struct work, age_ms) },
	};
	static const struct columns columns = { sizeof(struct work), items,
		ARRAY_LEN(items) };
	struct work *rows = NULL;
	size_t count = 0;
	struct args args;
	enum err e;

	if (!app->stripe)
		return scope_fail(sc, ERR_PAYMENTS_UNAVAILABLE,
		    "no Stripe key is configured");
	args_init(&args, sc->arena);
	args_text(&args, "payments");
	args_i64(&args, (int64_t)max);
	args_i64(&args, LEASE_S);
	e = db_all(app->db, sc, STMT_WORK_CLAIM, &args, &columns, &rows,
	    &count);
	for (size_t i = 0; !e && i < count; i++)
		e = finish(app, sc, &rows[i], work_one(app, sc, &rows[i]));
	if (e)
		return e;

	*ret_done = count;
	return ERR_OK;
}
