/* booking_change_write.c: a change that was worked out, written. */
#include "app/booking_changing.h"

#include <string.h>

#include "app/app.h"
#include "app/booking_pending.h"
#include "app/refund_plan.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/instant.h"
#include "base/scope.h"
#include "domain/names.h"
#include "store/db.h"

/* The request opens the session of an attempt itself, or the pay link does:
 * due work is for when neither has. */
#define SESSION_GRACE_US (30 * USEC_PER_SEC)

/* Sealed for the booking; nulls when it stays. */
static void
contact_args(struct app *app, struct scope *sc, const struct changing *c,
    struct args *args)
{
	const struct contact *contact = c->b->customer_info;
	struct bytes *texts;
	uint8_t *email;

	if (!c->contact) {
		args_null(args);
		args_null(args);
		return;
	}
	texts = arena_new_array(sc->arena, struct bytes, CONTACT_TEXTS);
	email = arena_alloc(sc->arena, SHA256_LEN);
	booking_seal_contact(sc, &c->key, &c->row.contact_id, contact, texts);
	keyring_email_hash(app->ring, names_email(sc->arena, contact->email),
	    email);
	args_bytess(args, texts, CONTACT_TEXTS);
	args_bytes(args, (struct bytes){ email, SHA256_LEN });
}

/* Sealed anew, as new rows. */
static void
children_args(struct app *app, struct scope *sc, const struct changing *c,
    struct args *args)
{
	const struct booking *b = c->b;
	const struct child *children = b->children.items;
	size_t count = b->children.count;
	struct bytes *texts = arena_new_array(sc->arena, struct bytes,
	    count * CHILD_TEXTS);
	struct uuid *ids = arena_new_array(sc->arena, struct uuid, count);
	struct uuid *keys = arena_new_array(sc->arena, struct uuid, count);
	int64_t *ages = arena_new_array(sc->arena, int64_t, count);

	for (size_t i = 0; i < count; i++) {
		uuid_new(&ids[i]);
		ages[i] = children[i].age;
		keyring_child_key(app->ring, &b->customer_id,
		    names_normal(sc->arena, children[i].name), &keys[i]);
	}
	booking_seal_children(sc, &c->key, ids, children, count, texts);
	args_uuids(args, ids, count);
	args_uuids(args, keys, count);
	args_i64s(args, ages, count);
	args_bytess(args, texts, count * CHILD_TEXTS);
}

/* The days whose places move: the booking's, its new one, and that of a change
 * which gives its places back. */
static void
touch_days(struct touched *touched, const struct changing *c)
{
	touch(touched, &c->row.franchise_id, c->row.local_day);
	if (c->moved)
		touch(touched, &c->row.franchise_id, c->day.day);
	if (!uuid_is_none(&c->row.change.id))
		touch(touched, &c->row.franchise_id, c->row.change.local_day);
}

static void
news_of_change(struct scope *sc, const struct changing *c, struct news *news)
{
	bool replaces = !uuid_is_none(&c->row.change.id);

	news->was_us = c->row.start_us;
	news->held_us = replaces ? c->row.change.start_us : 0;
	news_event(news, sc, "BookingModified", &c->mark, c->b, &c->key);
	if (strcmp(c->b->status, c->row.status) != 0) {
		struct uuid id;

		uuid_new(&id);
		news_event(news, sc, "BookingConfirmed", &id, c->b, &c->key);
		news_ticket(news);
	}
	/* What cost something and is free now leaves a page behind, too. */
	if (replaces || !uuid_is_none(&c->attempt) ||
	    strcmp(c->b->status, c->row.status) != 0)
		news_work(news, "payments", "close", "{}", NONE);
	if (!uuid_is_none(&c->attempt))
		news_payment(news, sc, "session", &c->attempt,
		    c->row.as_of_us + SESSION_GRACE_US);
}

static void
now_args(struct app *app, struct scope *sc, const struct changing *c,
    struct args *args)
{
	const struct booking *b = c->b;

	args_uuid(args, &b->booking_id);
	args_uuid(args, &b->customer_id);
	args_i64(args, c->row.version);
	args_i64(args, c->moved ? c->day.version : NONE);
	args_instant(args, b->start_us);
	args_instant(args, b->end_us);
	args_i64(args, c->moved ? c->day.slot_minutes : 60);
	args_i64(args, b->total_amount);
	args_text(args, b->line_items);
	args_text(args, b->status);
	args_text(args, b->payment_status);
	args_i64(args, c->cap);
	contact_args(app, sc, c, args);
	if (c->children) {
		children_args(app, sc, c, args);
	} else {
		for (int i = 0; i < 4; i++)
			args_null(args);
	}
}

enum err
change_now(struct app *app, struct scope *sc, struct changing *c)
{
	struct news news = { 0 };
	struct touched touched = { 0 };
	struct refund_plan plan;
	struct args args;
	enum err e;

	e = refund_plan_make(app, sc, &c->row.id, c->refund, &plan);
	/* Refunded since the booking was read: then that has changed too. */
	if (e)
		return e == ERR_CONFLICT ? ERR_STALE : e;

	c->b->updated_us = c->row.as_of_us;
	c->b->version = c->row.version + 1;
	c->answer = c->b;
	news_of_change(sc, c, &news);
	refund_plan_news(&plan, sc, &news);

	args_init(&args, sc->arena);
	now_args(app, sc, c, &args);
	news_args(&args, &news);
	replay_args(app, sc, &args, c->caller, c->replay, c->b, &c->key);
	args_instant(&args, c->b->updated_us);
	args_uuid(&args, &c->attempt);
	args_i64(&args, c->waived);
	refund_plan_args(&plan, &args);

	touch_days(&touched, c);
	touch_relays(&touched, &news);
	touched_before(app, &touched);
	e = db_do(app->db, sc, STMT_BOOKING_CHANGE, &args, NULL);
	touched_after(app, sc, &touched, e);
	return e;
}

/* ---- once it is paid ----------------------------------------------------------- */

/* The booking as it stands, and what it waits for now. */
static struct change_row
show_later(struct app *app, struct scope *sc, struct changing *c)
{
	const struct booking_row *row = &c->row;
	struct booking *b = arena_memdup(sc->arena, c->old, sizeof *c->old);
	struct change_row change = {
		.start_us = c->b->start_us,
		.end_us = c->b->end_us,
		.child_count = c->b->child_count,
		.total = c->b->total_amount,
		.created_us = row->as_of_us,
		.expires_us = booking_pending_until(row->as_of_us +
		    app->conf->hold_s * USEC_PER_SEC, row->start_us,
		    c->b->start_us),
	};

	uuid_new(&change.id);
	b->pending_change = booking_pending_change(app, sc, &row->id,
	    row->total, &change, row->as_of_us);
	b->payment_required = true;
	b->payment_url = b->pending_change->payment_url;
	b->updated_us = row->as_of_us;
	b->version = row->version + 1;
	c->answer = b;
	return change;
}

static void
later_args(struct app *app, struct scope *sc, const struct changing *c,
    const struct change_row *change, struct args *args)
{
	args_uuid(args, &c->row.id);
	args_uuid(args, &c->row.customer_id);
	args_i64(args, c->row.version);
	args_i64(args, c->day.version);
	args_uuid(args, &change->id);
	args_instant(args, change->start_us);
	args_instant(args, change->end_us);
	args_i64(args, c->day.slot_minutes);
	args_i64(args, change->total);
	args_text(args, c->b->line_items);
	args_i64(args, c->cap);
	args_instant(args, change->expires_us);
	contact_args(app, sc, c, args);
	children_args(app, sc, c, args);
	args_uuid(args, &c->attempt);
}

enum err
change_later(struct app *app, struct scope *sc, struct changing *c)
{
	struct change_row change = show_later(app, sc, c);
	struct news news = { 0 };
	struct touched touched = { 0 };
	struct args args;
	enum err e;

	news_mark(&news, &c->mark, "bookings", "drop_change",
	    change.expires_us);
	news_payment(&news, sc, "session", &c->attempt,
	    c->row.as_of_us + SESSION_GRACE_US);
	/* A page of the change before, or one that was left from the time when
	 * the booking itself was paid. */
	news_work(&news, "payments", "close", "{}", NONE);

	args_init(&args, sc->arena);
	later_args(app, sc, c, &change, &args);
	news_args(&args, &news);
	replay_args(app, sc, &args, c->caller, c->replay, c->answer, &c->key);
	args_instant(&args, c->answer->updated_us);

	touch_days(&touched, c);
	touch_relays(&touched, &news);
	touched_before(app, &touched);
	e = db_do(app->db, sc, STMT_BOOKING_PROPOSE, &args, NULL);
	touched_after(app, sc, &touched, e);
	return e;
}

enum err
change_withdraw(struct app *app, struct scope *sc, struct changing *c)
{
	struct booking *b = arena_memdup(sc->arena, c->old, sizeof *c->old);
	struct pending_end end = { "replaced", &c->mark, c->caller, c->replay,
		b, &c->key };

	b->pending_change = NULL;
	b->payment_required = false;
	b->payment_url = NULL;
	b->updated_us = c->row.as_of_us;
	b->version = c->row.version + 1;
	c->answer = b;
	return booking_pending_end(app, sc, &c->row, &end);
}
