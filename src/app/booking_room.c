/* booking_room.c: free lapsed holds, or say what is full. */
#include "app/booking_room.h"

#include "app/app.h"
#include "app/bookings.h"
#include "app/due.h"
#include "app/forms.h"
#include "base/arena.h"
#include "base/scope.h"
#include "store/db.h"

#define OPTIONS_MAX 3

/* The full slots of the span, and the nearest spans that fit. */
static void
tell(struct scope *sc, const struct day *day, struct span span,
    int64_t children, struct refusal *ret_refusal)
{
	struct full_slot *full = arena_new_array(sc->arena, struct full_slot,
	    span.count);
	struct start_option *options = arena_new_array(sc->arena,
	    struct start_option, OPTIONS_MAX);
	struct span near[OPTIONS_MAX];
	size_t full_count = 0;
	size_t count = day_nearby(day, span, children, near, OPTIONS_MAX);
	size_t priced = 0;

	for (size_t i = span.first; i < span.first + span.count; i++) {
		if (day->left.items[i] >= children)
			continue;
		full[full_count].start_us = day->starts.items[i];
		full[full_count].end_us = day->starts.items[i] +
		    day_slot_us(day);
		full[full_count++].available = day->left.items[i];
	}
	for (size_t i = 0; i < count; i++) {
		struct line lines[DAY_LINES_MAX] = { 0 };
		size_t line_count;
		struct start_option *o = &options[priced];

		o->start_us = day->starts.items[near[i].first];
		o->end_us = o->start_us +
		    (int64_t)near[i].count * day_slot_us(day);
		if (day_price(sc, day, near[i], children, lines, &line_count,
		    &o->total_amount) == ERR_OK)
			priced++;
	}
	ret_refusal->full_slots = (struct list){ full, full_count };
	ret_refusal->alternatives = (struct list){ options, priced };
}

struct lapsed {
	struct uuid id;
	bool change;
};

static enum err
end_lapsed(struct app *app, struct scope *sc, const struct lapsed *row)
{
	return row->change ? booking_change_drop(app, sc, &row->id) :
	    booking_expire(app, sc, &row->id);
}

/* Expire the lapsed holds, and drop the lapsed changes, of a franchise or of a
 * customer over a period; *ret_freed says how many.  One that does not end by
 * itself keeps its own place and no other's. */
static enum err
free_lapsed(struct app *app, struct scope *sc, enum stmt holds,
    const struct uuid *whose, int64_t from_us, int64_t until_us,
    size_t *ret_freed)
{
	static const struct column items[] = {
		{ "id", COLUMN_UUID, offsetof(struct lapsed, id) },
		{ "change", COLUMN_BOOL, offsetof(struct lapsed, change) },
	};
	static const struct columns columns = { sizeof(struct lapsed), items,
		ARRAY_LEN(items) };
	struct lapsed *rows = NULL;
	size_t count = 0, freed = 0;
	enum err failed = ERR_OK;
	struct args args;
	enum err e;

	args_init(&args, sc->arena);
	args_uuid(&args, whose);
	args_instant(&args, from_us);
	args_instant(&args, until_us);
	e = db_all(app->db, sc, holds, &args, &columns, &rows, &count);
	for (size_t i = 0; !e && i < count; i++) {
		e = end_lapsed(app, sc, &rows[i]);
		if (!e) {
			freed++;
		} else if (due_outcome_of(e) == DUE_REFUSED) {
			failed = e;
			e = ERR_OK;
		}
	}
	if (!e && freed == 0)
		e = failed;
	if (e)
		return e;

	*ret_freed = freed;
	return ERR_OK;
}

enum err
booking_no_room(struct app *app, struct scope *sc, const struct day *day,
    struct span span, int64_t children, struct refusal *ret_refusal)
{
	int64_t from_us = day->starts.items[span.first];
	size_t freed = 0;
	enum err e;

	if (day->lapsed > 0) {
		e = free_lapsed(app, sc, STMT_HOLDS_LAPSED,
		    &day->franchise_id, from_us, from_us +
		    (int64_t)span.count * day_slot_us(day), &freed);
		if (e || freed > 0)
			return e ? e : ERR_STALE;
	}
	if (day_room(day, span) >= children)
		return ERR_STALE;

	tell(sc, day, span, children, ret_refusal);
	return scope_fail(sc, ERR_CAPACITY, "not enough places are left at "
	    "that time");
}

enum err
booking_room_free(struct app *app, struct scope *sc,
    const struct uuid *franchise, int64_t from_us, int64_t until_us,
    size_t *ret_freed)
{
	return free_lapsed(app, sc, STMT_HOLDS_LAPSED, franchise, from_us,
	    until_us, ret_freed);
}

enum err
booking_child_busy(struct app *app, struct scope *sc,
    const struct uuid *customer, int64_t from_us, int64_t until_us,
    bool *looked)
{
	size_t freed = 0;
	enum err e;

	if (*looked)
		return ERR_CHILD_BUSY;
	e = free_lapsed(app, sc, STMT_HOLDS_LAPSED_OF, customer, from_us,
	    until_us, &freed);
	if (e)
		return e;

	*looked = freed == 0;
	return ERR_STALE;
}
