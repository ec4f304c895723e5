/* reconcile.c: Stripe = payments = journal, page by page. */
#include "app/reconcile.h"

#include <string.h>

#include "app/app.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/instant.h"
#include "base/scope.h"
#include "remote/stripe.h"
#include "store/db.h"

#define PAGE_MEMORY_MAX ((size_t)64 * 1024 * 1024)
#define PAGE_BUDGET_US (5 * USEC_PER_MIN)

/* One run, and the memory of the page it is at. */
struct run {
	struct app *app;
	const struct reconcile_request *request;
	struct reconciled *counts;
	struct uuid id;
	const char *account; /* connected account, NULL = our own */
	struct arena *arena;
	struct scope sc; /* of the page */
	bool denies;                /* this account does: it cannot be asked */
	char denied[SCOPE_WHY_MAX]; /* why the last that does cannot be asked */
};

#define COLUMN(name, kind, field) \
	{ name, kind, offsetof(struct difference, field) }
static const struct column difference_items[] = {
	COLUMN("kind", COLUMN_TEXT, kind),
	COLUMN("booking_id", COLUMN_UUID, booking),
	COLUMN("our_id", COLUMN_UUID, ours),
	COLUMN("stripe_id", COLUMN_TEXT, stripe),
	COLUMN("theirs", COLUMN_I64, theirs),
	COLUMN("ours", COLUMN_I64, here),
	COLUMN("currency", COLUMN_TEXT, currency),
	COLUMN("note", COLUMN_TEXT, note),
};
#undef COLUMN
static const struct columns difference_columns = { sizeof(struct difference),
	difference_items, ARRAY_LEN(difference_items) };

static void
page_begin(struct run *r)
{
	arena_reset(r->arena);
	scope_init(&r->sc, r->arena, PAGE_BUDGET_US);
}

static void
tell(struct run *r, const struct difference *d)
{
	r->counts->differences++;
	r->request->tell(r->request->data, d);
}

/* Run a statement that gives differences, and tell them. */
static enum err
compare(struct run *r, enum stmt stmt, const struct args *args)
{
	struct difference *found;
	size_t count;
	enum err e;

	e = db_all(r->app->db, &r->sc, stmt, args, &difference_columns, &found,
	    &count);
	for (size_t i = 0; !e && i < count; i++)
		tell(r, &found[i]);
	return e;
}

static enum err
stripe_failed(struct run *r, enum stripe_kind kind)
{
	if (kind == STRIPE_DENIED) {
		(void)scope_fail(&r->sc, ERR_PAYMENTS_UNAVAILABLE,
		    "Stripe does not take our key%s%s",
		    r->account ? " for account " : "",
		    r->account ? r->account : "");
		memcpy(r->denied, r->sc.why, sizeof r->denied);
		r->denies = true;
		return ERR_PAYMENTS_UNAVAILABLE;
	}
	if (!r->sc.why[0])
		(void)scope_fail(&r->sc, ERR_PAYMENTS_UNAVAILABLE,
		    "Stripe cannot be asked: %s", stripe_kind_word(kind));
	return ERR_PAYMENTS_UNAVAILABLE;
}

static const char *
code_of(const struct currency *currency)
{
	return currency ? currency->code : NULL;
}

static enum err
see(struct run *r, const char *const *objects, size_t count,
    int64_t *ret_fresh)
{
	struct args args;

	args_init(&args, r->arena);
	args_uuid(&args, &r->id);
	args_texts(&args, objects, count);
	return db_do(r->app->db, &r->sc, STMT_RECONCILE_SEE, &args, ret_fresh);
}

/* Movements whose fee is to be entered once it is told. */
static enum err
expect(struct run *r, const char *const *movements, const char *const *objects,
    size_t count)
{
	struct args args;

	if (r->request->dry_run)
		return ERR_OK;
	args_init(&args, r->arena);
	args_texts(&args, movements, count);
	args_texts(&args, objects, count);
	return db_do(r->app->db, &r->sc, STMT_FEES_EXPECT, &args, NULL);
}

/* ---- charges ----------------------------------------------------------------- */

static enum err
charges_page(struct run *r, const struct list *items)
{
	const struct stripe_charge *all = items->items;
	size_t n = 0;
	const char **ids = arena_new_array(r->arena, const char *,
	    items->count);
	const char **intents = arena_new_array(r->arena, const char *,
	    items->count);
	const char **movements = arena_new_array(r->arena, const char *,
	    items->count);
	const char **currencies = arena_new_array(r->arena, const char *,
	    items->count);
	struct uuid *tags = arena_new_array(r->arena, struct uuid,
	    items->count);
	int64_t *amounts = arena_new_array(r->arena, int64_t, items->count);
	int64_t *refunded = arena_new_array(r->arena, int64_t, items->count);
	int64_t *disputed = arena_new_array(r->arena, int64_t, items->count);
	struct args args;
	enum err e;

	for (size_t i = 0; i < items->count; i++) {
		const struct stripe_charge *c = &all[i];

		/* Declined, under way, or authorised only: no money moved. */
		if (c->status != STRIPE_CHARGE_SUCCEEDED || c->captured == 0)
			continue;
		ids[n] = c->id;
		intents[n] = c->payment_intent;
		movements[n] = c->balance_transaction;
		currencies[n] = code_of(c->currency);
		tags[n] = c->tags.payment_id;
		amounts[n] = c->captured;
		refunded[n] = c->refunded;
		disputed[n++] = c->disputed;
	}
	r->counts->charges += (int64_t)n;
	args_init(&args, r->arena);
	args_texts(&args, ids, n);
	args_texts(&args, intents, n);
	args_uuids(&args, tags, n);
	args_i64s(&args, amounts, n);
	args_i64s(&args, refunded, n);
	args_texts(&args, currencies, n);
	args_i64s(&args, disputed, n);
	e = compare(r, STMT_RECONCILE_CHARGES, &args);
	if (!e)
		e = see(r, intents, n, NULL);
	if (!e)
		e = expect(r, movements, intents, n);
	return e;
}

/* ---- refunds ----------------------------------------------------------------- */

static const char *
state_of(enum stripe_refund_status status)
{
	switch (status) {
	case STRIPE_REFUND_SUCCEEDED:
		return "succeeded";
	case STRIPE_REFUND_FAILED:
	case STRIPE_REFUND_CANCELED:
		return "failed";
	default:
		return "pending";
	}
}

static enum err
refunds_page(struct run *r, const struct list *items)
{
	const struct stripe_refund *all = items->items;
	size_t n = items->count;
	const char **ids = arena_new_array(r->arena, const char *, n);
	const char **intents = arena_new_array(r->arena, const char *, n);
	const char **movements = arena_new_array(r->arena, const char *, n);
	const char **currencies = arena_new_array(r->arena, const char *, n);
	const char **states = arena_new_array(r->arena, const char *, n);
	struct uuid *tags = arena_new_array(r->arena, struct uuid, n);
	int64_t *amounts = arena_new_array(r->arena, int64_t, n);
	struct args args;
	enum err e;

	for (size_t i = 0; i < n; i++) {
		ids[i] = all[i].id;
		intents[i] = all[i].payment_intent;
		movements[i] = all[i].balance_transaction;
		currencies[i] = code_of(all[i].currency);
		states[i] = state_of(all[i].status);
		tags[i] = all[i].tags.refund_id;
		amounts[i] = all[i].amount;
	}
	r->counts->refunds += (int64_t)n;
	args_init(&args, r->arena);
	args_texts(&args, ids, n);
	args_texts(&args, intents, n);
	args_uuids(&args, tags, n);
	args_i64s(&args, amounts, n);
	args_texts(&args, currencies, n);
	args_texts(&args, states, n);
	e = compare(r, STMT_RECONCILE_REFUNDS, &args);
	if (!e)
		e = see(r, ids, n, NULL);
	if (!e)
		e = expect(r, movements, ids, n);
	return e;
}

/* ---- the balance --------------------------------------------------------------- */

/* The dispute behind a movement, compared once a run; its intent. */
static enum err
dispute_of(struct run *r, const char *id, const char **ret_intent)
{
	struct stripe_call call = { .account = r->account,
		.retries = STRIPE_RETRIES };
	struct stripe_dispute d;
	enum stripe_kind kind;
	struct args args;
	int64_t fresh = 0;
	enum err e;

	kind = stripe_dispute_read(r->app->stripe, &r->sc, &call, id, &d);
	if (kind != STRIPE_DONE)
		return stripe_failed(r, kind);
	*ret_intent = d.payment_intent;
	e = see(r, &id, 1, &fresh);
	if (e || fresh == 0)
		return e;
	args_init(&args, r->arena);
	args_text(&args, d.id);
	args_text(&args, d.payment_intent);
	args_i64(&args, d.status == STRIPE_DISPUTE_OPEN ||
	    d.status == STRIPE_DISPUTE_LOST ? d.amount : 0);
	args_text(&args, code_of(d.currency));
	return compare(r, STMT_RECONCILE_DISPUTE, &args);
}

/* What a movement is for: the intent or the refund by which we know it; NULL
 * when it is nobody's in particular (a payout). */
static enum err
object_of(struct run *r, const struct stripe_balance *b,
    const char **ret_object)
{
	struct stripe_call call = { .account = r->account,
		.retries = STRIPE_RETRIES };
	struct stripe_charge charge;
	enum stripe_kind kind;

	*ret_object = NULL;
	if (!b->source || !b->category)
		return ERR_OK;
	if (strncmp(b->category, "dispute", 7) == 0)
		return dispute_of(r, b->source, ret_object);
	if (strncmp(b->category, "refund", 6) == 0) {
		*ret_object = b->source;
		return ERR_OK;
	}
	if (strcmp(b->category, "charge") != 0)
		return ERR_OK;
	kind = stripe_charge_read(r->app->stripe, &r->sc, &call, b->source,
	    &charge);
	if (kind != STRIPE_DONE)
		return stripe_failed(r, kind);
	*ret_object = charge.payment_intent;
	return ERR_OK;
}

struct stranger {
	const char *movement;
};

static const struct stripe_balance *
movement_of(const struct list *items, const char *id)
{
	const struct stripe_balance *all = items->items;
	size_t i = 0;

	while (i < items->count && strcmp(all[i].id, id) != 0)
		i++;
	return i < items->count ? &all[i] : NULL;
}

/* Movements nobody expects: disputes, and charges from before from_us. */
static enum err
strangers(struct run *r, const struct list *items, const char *const *ids,
    size_t n)
{
	static const struct column column[] = { { "movement", COLUMN_TEXT,
	    offsetof(struct stranger, movement) } };
	static const struct columns columns = { sizeof(struct stranger),
		column, 1 };
	struct stranger *found;
	struct args args;
	size_t count;
	enum err e;

	args_init(&args, r->arena);
	args_texts(&args, ids, n);
	e = db_all(r->app->db, &r->sc, STMT_FEES_STRANGERS, &args, &columns,
	    &found, &count);
	for (size_t i = 0; !e && i < count; i++) {
		const struct stripe_balance *b = movement_of(items,
		    found[i].movement);
		const char *object = NULL;

		/* Without a fee there is nothing to enter. */
		if (!b || (b->fee == 0 && (!b->category ||
		    strncmp(b->category, "dispute", 7) != 0)))
			continue;
		/* A dry run expects nothing, so all would be strangers. */
		if (r->request->dry_run && b->category &&
		    strncmp(b->category, "dispute", 7) != 0)
			continue;
		e = object_of(r, b, &object);
		if (!e && object)
			e = expect(r, &b->id, &object, 1);
	}
	return e;
}

static void
tell_currency(struct run *r, const struct stripe_balance *b)
{
	tell(r, &(struct difference){ .kind = "fee_currency",
		.stripe = b->id, .theirs = NONE, .here = NONE,
		.note = b->currency_word });
}

/* A bank sends a refund back long after it was made: then the refund is on none
 * of the pages since from_us, and only the movement says that it failed. */
static enum err
came_back(struct run *r, const struct stripe_balance *b)
{
	struct stripe_call call = { .account = r->account,
		.retries = STRIPE_RETRIES };
	struct stripe_refund refund;
	struct list one = { &refund, 1 };
	enum stripe_kind kind;
	int64_t fresh = 0;
	enum err e;

	e = see(r, &b->source, 1, &fresh);
	if (e || fresh == 0)
		return e;
	kind = stripe_refund_read(r->app->stripe, &r->sc, &call, b->source,
	    &refund);
	return kind == STRIPE_DONE ? refunds_page(r, &one) :
	    stripe_failed(r, kind);
}

static enum err
returns(struct run *r, const struct list *items)
{
	const struct stripe_balance *all = items->items;
	enum err e = ERR_OK;

	for (size_t i = 0; !e && i < items->count; i++) {
		if (all[i].source && all[i].category &&
		    strcmp(all[i].category, "refund_failure") == 0)
			e = came_back(r, &all[i]);
	}
	return e;
}

static enum err
balance_page(struct run *r, const struct list *items)
{
	const struct stripe_balance *all = items->items;
	const char **ids = arena_new_array(r->arena, const char *,
	    items->count);
	const char **currencies = arena_new_array(r->arena, const char *,
	    items->count);
	int64_t *fees = arena_new_array(r->arena, int64_t, items->count);
	struct args args;
	int64_t lines = 0;
	size_t n = 0;
	enum err e;

	for (size_t i = 0; i < items->count; i++) {
		if (!all[i].currency) {
			tell_currency(r, &all[i]);
			continue;
		}
		ids[n] = all[i].id;
		currencies[n] = all[i].currency->code;
		fees[n++] = all[i].fee;
	}
	r->counts->movements += (int64_t)n;
	e = returns(r, items);
	if (!e)
		e = strangers(r, items, ids, n);
	if (e)
		return e;
	args_init(&args, r->arena);
	args_texts(&args, ids, n);
	args_i64s(&args, fees, n);
	args_texts(&args, currencies, n);
	e = compare(r, STMT_FEES_DIFFER, &args);
	if (!e && !r->request->dry_run)
		e = db_do(r->app->db, &r->sc, STMT_FEES_ENTER, &args, &lines);
	r->counts->fees += lines / 2; /* two lines to an entry */
	return e;
}

/* ---- ours that Stripe did not show -------------------------------------------- */

struct unseen {
	bool refund;
	struct uuid id;
	struct uuid booking;
	const char *stripe_id;
	int64_t amount;
	const char *currency;
	const char *state;
};

#define COLUMN(name, kind, field) \
	{ name, kind, offsetof(struct unseen, field) }
static const struct column unseen_items[] = {
	COLUMN("refund", COLUMN_BOOL, refund),
	COLUMN("id", COLUMN_UUID, id),
	COLUMN("booking_id", COLUMN_UUID, booking),
	COLUMN("stripe_id", COLUMN_TEXT, stripe_id),
	COLUMN("amount", COLUMN_I64, amount),
	COLUMN("currency", COLUMN_TEXT, currency),
	COLUMN("state", COLUMN_TEXT, state),
};
#undef COLUMN
static const struct columns unseen_columns = { sizeof(struct unseen),
	unseen_items, ARRAY_LEN(unseen_items) };

/* What Stripe says of one object. */
struct theirs {
	bool known;
	const char *state; /* NULL: the one that we say */
	int64_t amount;
	const struct currency *currency;
};

static enum err
ask_for(struct run *r, const struct unseen *u, struct theirs *ret_theirs)
{
	struct stripe_call call = { .account = r->account,
		.retries = STRIPE_RETRIES };
	struct theirs theirs = { .known = true };
	struct stripe_intent intent;
	struct stripe_refund refund;
	enum stripe_kind kind;

	if (u->refund) {
		kind = stripe_refund_read(r->app->stripe, &r->sc, &call,
		    u->stripe_id, &refund);
	} else {
		kind = stripe_intent_read(r->app->stripe, &r->sc, &call,
		    u->stripe_id, &intent);
	}
	*ret_theirs = (struct theirs){ .known = false };
	if (kind == STRIPE_MISSING)
		return ERR_OK;
	if (kind != STRIPE_DONE)
		return stripe_failed(r, kind);
	if (u->refund) {
		theirs.amount = refund.amount;
		theirs.currency = refund.currency;
		if (strcmp(state_of(refund.status), u->state) != 0)
			theirs.state = state_of(refund.status);
	} else {
		theirs.amount = intent.received;
		theirs.currency = intent.currency;
		if (intent.status != STRIPE_INTENT_SUCCEEDED)
			theirs.state = intent.status_word;
	}
	*ret_theirs = theirs;
	return ERR_OK;
}

/* The kind of difference; NULL: there is none. */
static const char *
differs(const struct unseen *u, const struct theirs *theirs)
{
	if (!theirs->known)
		return u->refund ? "missing_refund" : "missing_charge";
	if (theirs->state)
		return u->refund ? "refund_status" : "charge_status";
	if (theirs->amount != u->amount || !theirs->currency ||
	    strcmp(theirs->currency->code, u->currency) != 0)
		return u->refund ? "refund_amount" : "charge_amount";
	return NULL;
}

/* Created before the run's first day and finished within it, or gone. */
static enum err
unseen_one(struct run *r, const struct unseen *u)
{
	struct theirs theirs = { .known = false };
	const char *kind;
	const char *note = NULL;
	enum err e = ERR_OK;

	if (u->stripe_id)
		e = ask_for(r, u, &theirs);
	else
		note = "it has no id of Stripe's";
	kind = differs(u, &theirs);
	if (e || !kind)
		return e;
	if (theirs.state)
		note = arena_printf(r->arena, "%s at Stripe, %s here",
		    theirs.state, u->state);
	tell(r, &(struct difference){
		.kind = kind,
		.booking = u->booking,
		.ours = u->id,
		.stripe = u->stripe_id,
		.theirs = theirs.known ? theirs.amount : NONE,
		.here = u->amount,
		.currency = u->currency,
		.note = note,
	});
	return ERR_OK;
}

static enum err
unseen(struct run *r)
{
	struct uuid after = { { 0 } };
	size_t count = 0;
	enum err e;

	do {
		struct unseen *rows;
		struct args args;

		page_begin(r);
		args_init(&args, r->arena);
		args_uuid(&args, &r->id);
		args_text(&args, r->account);
		args_instant(&args, r->request->from_us > 0 ?
		    r->request->from_us : NONE);
		args_uuid(&args, &after);
		e = db_all(r->app->db, &r->sc, STMT_RECONCILE_UNSEEN, &args,
		    &unseen_columns, &rows, &count);
		for (size_t i = 0; !e && i < count; i++)
			e = unseen_one(r, &rows[i]);
		if (!e && count > 0)
			after = rows[count - 1].id;
	} while (!e && count > 0);
	return e;
}

/* ---- the whole ------------------------------------------------------------------ */

static enum err
pages(struct run *r, enum stripe_object object,
    enum err (*page)(struct run *, const struct list *))
{
	struct stripe_pages pages = { .object = object,
		.from_us = r->request->from_us };
	enum err e = ERR_OK;

	while (!e && !pages.over) {
		struct stripe_call call = { .account = r->account,
			.retries = STRIPE_RETRIES };
		enum stripe_kind kind;
		struct list items;

		page_begin(r);
		kind = stripe_pages_next(r->app->stripe, &r->sc, &call, &pages,
		    &items);
		e = kind == STRIPE_DONE ? page(r, &items) :
		    stripe_failed(r, kind);
	}
	return e;
}

/* The journal against the rows; amounts of `theirs` are the rows'. */
struct journal_row {
	const char *kind;
	struct uuid booking;
	int64_t rows;
	int64_t journal;
	const char *currency;
};

static enum err
journal(struct run *r)
{
	static const struct column items[] = {
		{ "kind", COLUMN_TEXT, offsetof(struct journal_row, kind) },
		{ "booking_id", COLUMN_UUID, offsetof(struct journal_row,
		    booking) },
		{ "rows", COLUMN_I64, offsetof(struct journal_row, rows) },
		{ "journal", COLUMN_I64, offsetof(struct journal_row,
		    journal) },
		{ "currency", COLUMN_TEXT, offsetof(struct journal_row,
		    currency) },
	};
	static const struct columns columns = { sizeof(struct journal_row),
		items, ARRAY_LEN(items) };
	struct journal_row *rows;
	size_t count;
	enum err e;

	page_begin(r);
	e = db_all(r->app->db, &r->sc, STMT_VERIFY_JOURNAL, NULL, &columns,
	    &rows, &count);
	for (size_t i = 0; !e && i < count; i++)
		tell(r, &(struct difference){ .kind = rows[i].kind,
			.booking = rows[i].booking, .theirs = rows[i].rows,
			.here = rows[i].journal, .currency = rows[i].currency,
			.note = "the rows against the journal" });
	return e;
}

static enum err
account(struct run *r)
{
	enum err e;

	e = pages(r, STRIPE_CHARGE, charges_page);
	if (!e)
		e = pages(r, STRIPE_REFUND, refunds_page);
	if (!e)
		e = pages(r, STRIPE_BALANCE, balance_page);
	if (!e)
		e = unseen(r);
	return e;
}

struct counted {
	int64_t waiting;
};
struct account_row {
	const char *account;
};

static enum err
finish(struct run *r, enum err before)
{
	static const struct column column[] = { { "waiting", COLUMN_I64,
	    offsetof(struct counted, waiting) } };
	static const struct columns columns = { sizeof(struct counted), column,
		1 };
	struct counted counted = { 0 };
	struct args args;
	enum err e;

	/* What the page left in `why` is the reason: keep it. */
	if (before)
		return before;
	page_begin(r);
	args_init(&args, r->arena);
	args_uuid(&args, &r->id);
	e = db_do(r->app->db, &r->sc, STMT_RECONCILE_FORGET, &args, NULL);
	if (!e)
		e = db_one(r->app->db, &r->sc, STMT_FEES_WAITING, NULL,
		    &columns, &counted);
	r->counts->waiting = counted.waiting;
	return e;
}

static enum err
run_all(struct run *r, struct scope *sc)
{
	static const struct column column[] = { { "account", COLUMN_TEXT,
	    offsetof(struct account_row, account) } };
	static const struct columns columns = { sizeof(struct account_row),
		column, 1 };
	struct account_row *accounts;
	size_t count;
	enum err e;

	page_begin(r);
	e = db_all(r->app->db, sc, STMT_RECONCILE_ACCOUNTS, NULL, &columns,
	    &accounts, &count);
	if (e)
		return scope_fail(&r->sc, e, "%s", sc->why);
	for (size_t i = 0; !e && i < count; i++) {
		r->account = accounts[i].account;
		r->denies = false;
		e = account(r);
		/* One that is connected no more hides no other's, nor an
		 * outage of it. */
		if (e && r->account && r->denies)
			e = ERR_OK;
	}
	if (!e)
		e = journal(r);
	if (!e && r->denied[0])
		e = scope_fail(&r->sc, ERR_PAYMENTS_UNAVAILABLE, "%s",
		    r->denied);
	return finish(r, e);
}

enum err
reconcile_run(struct app *app, struct scope *sc,
    const struct reconcile_request *request,
    struct reconciled *ret_reconciled)
{
	struct run r = { .app = app, .request = request,
		.counts = ret_reconciled };
	enum err e;

	*ret_reconciled = (struct reconciled){ 0 };
	if (!app->stripe)
		return scope_fail(sc, ERR_PAYMENTS_UNAVAILABLE,
		    "no Stripe key is configured");
	r.arena = arena_open(PAGE_MEMORY_MAX);
	if (!r.arena)
		return scope_fail(sc, ERR_NO_MEMORY, "no memory for a page");
	uuid_new(&r.id);
	e = run_all(&r, sc);
	if (e)
		(void)scope_fail(sc, e, "%s", r.sc.why);
	arena_close(r.arena);
	return e;
}
