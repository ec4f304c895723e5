/* booking_pending.c: a change that waits for its money: read, and ended. */
#include "app/booking_pending.h"

#include "app/app.h"
#include "app/booking_write.h"
#include "app/bookings.h"
#include "base/arena.h"
#include "base/instant.h"
#include "base/scope.h"
#include "domain/access.h"
#include "store/db.h"

/* What booking_get does not tell of it. */
struct change_text {
	const char *line_items;
	struct bytess contact; /* none: the booking's own */
	struct uuids child_ids;
	struct ints child_ages;
	struct bytess child_texts;
};

#define COLUMN(name, kind, field) \
	{ name, kind, offsetof(struct change_text, field) }
static const struct column text_items[] = {
	COLUMN("line_items", COLUMN_TEXT, line_items),
	COLUMN("contact", COLUMN_BYTESS, contact),
	COLUMN("child_ids", COLUMN_UUIDS, child_ids),
	COLUMN("child_ages", COLUMN_I64S, child_ages),
	COLUMN("child_texts", COLUMN_BYTESS, child_texts),
};
#undef COLUMN

static enum err
load(struct app *app, struct scope *sc, const struct booking_row *row,
    struct change_text *ret_text)
{
	static const struct columns columns = { sizeof(struct change_text),
		text_items, ARRAY_LEN(text_items) };
	struct args args;
	enum err e;

	args_init(&args, sc->arena);
	args_uuid(&args, &row->id);
	args_uuid(&args, &row->change.id);
	e = db_one(app->db, sc, STMT_BOOKING_CHANGE_GET, &args, &columns,
	    ret_text);
	return e == ERR_NOT_FOUND ? scope_fail(sc, ERR_STALE,
	    "the change is over") : e;
}

enum err
booking_pending_view(struct app *app, struct scope *sc,
    const struct booking_row *row, const struct data_key *key,
    const struct booking *now, struct booking **ret_booking)
{
	struct booking *b = arena_memdup(sc->arena, now, sizeof *now);
	struct change_text text;
	enum err e;

	e = load(app, sc, row, &text);
	if (e)
		return e;
	if (text.contact.count > 0) {
		if (text.contact.count != CONTACT_TEXTS)
			return scope_fail(sc, ERR_CORRUPT, "the contact of a "
			    "change does not add up");
		b->customer_info = arena_new(sc->arena, struct contact);
		e = booking_unseal_contact(sc, key, &row->contact_id,
		    text.contact.items, b->customer_info);
	}
	if (!e)
		e = booking_unseal_children(sc, key, &text.child_ids,
		    &text.child_ages, &text.child_texts, &b->children);
	if (!e && b->children.count == 0)
		e = scope_fail(sc, ERR_CORRUPT, "a change without children");
	if (e)
		return e;

	b->start_us = row->change.start_us;
	b->end_us = row->change.end_us;
	b->child_count = row->change.child_count;
	b->total_amount = row->change.total;
	b->line_items = text.line_items;
	b->pending_change = NULL;
	b->payment_required = false;
	b->payment_url = NULL;
	*ret_booking = b;
	return ERR_OK;
}

int64_t
booking_pending_until(int64_t wanted_us, int64_t start_us,
    int64_t new_start_us)
{
	if (wanted_us > start_us)
		wanted_us = start_us;
	return wanted_us > new_start_us ? new_start_us : wanted_us;
}

enum err
booking_pending_end(struct app *app, struct scope *sc,
    const struct booking_row *row, const struct pending_end *end)
{
	struct news news = { 0 };
	struct touched touched = { .count = 0 };
	struct args args;
	enum err e;

	/* Its page, if there is one: what lands on it all the same goes back. */
	news_mark(&news, end->mark, "payments", "close", NONE);
	args_init(&args, sc->arena);
	args_uuid(&args, &row->id);
	args_uuid(&args, &row->customer_id);
	args_i64(&args, row->version);
	args_uuid(&args, &row->change.id);
	args_text(&args, end->how);
	news_args(&args, &news);
	replay_args(app, sc, &args, end->caller, end->replay, end->answer,
	    end->key);
	args_instant(&args, row->as_of_us);

	touch(&touched, &row->franchise_id, row->change.local_day);
	touch_relays(&touched, &news);
	touched_before(app, &touched);
	e = db_do(app->db, sc, STMT_BOOKING_END_CHANGE, &args, NULL);
	touched_after(app, sc, &touched, e);
	return e;
}

static const struct caller dropper = { .kind = CALLER_SYSTEM,
	.name = "system" };

enum err
booking_change_drop(struct app *app, struct scope *sc, const struct uuid *id)
{
	struct uuid mark;
	struct pending_end end = { .how = "dropped", .mark = &mark,
		.caller = &dropper };
	struct booking_row row;
	enum err e = ERR_STALE;

	for (int i = 0; i < WRITE_TRIES; i++) {
		uuid_new(&mark);
		e = booking_row_load(app, sc, &dropper, id, NULL, &row);
		if (e == ERR_NOT_FOUND || (!e &&
		    (uuid_is_none(&row.change.id) || booking_row_waits(&row))))
			return ERR_OK; /* somebody else was first */
		if (!e)
			e = booking_pending_end(app, sc, &row, &end);
		if (e != ERR_STALE && e != ERR_RETRY && e != ERR_UNCERTAIN)
			break;
	}
	return e;
}
