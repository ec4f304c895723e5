/* relay_documents.c: pictures of QR codes to their store. */
#include "app/relay_parts.h"

#include <string.h>

#include "app/app.h"
#include "app/booking_row.h"
#include "app/documents.h"
#include "base/arena.h"
#include "base/scope.h"
#include "domain/access.h"
#include "domain/lifecycle.h"
#include "store/db.h"

#define TURN_MAX 8
/* Of codes that were revoked one after the other the last ones are taken
 * away; an operator revokes one now and then. */
#define REMOVE_MAX 10

static const struct caller keeper = { .kind = CALLER_SYSTEM,
	.name = "system" };

/* Nobody would show a code of it any more. */
static bool
is_over(const struct booking_row *row)
{
	enum booking_state state;

	return booking_row_lapsed(row) ||
	    (lifecycle_parse(row->status, &state) &&
	    state != BOOKING_PENDING && state != BOOKING_CONFIRMED &&
	    state != BOOKING_CHECKED_IN);
}

static enum due_outcome
remove_revoked(struct app *app, struct scope *sc,
    const struct booking_row *row)
{
	enum due_outcome outcome = DUE_DONE;
	int64_t number = row->qr_version - 1;

	for (int i = 0; outcome == DUE_DONE && i < REMOVE_MAX && number > 0;
	    i++, number--)
		outcome = documents_remove(app, sc, &row->reference, number);
	return outcome;
}

/* The booking says where it is, unless its code was revoked in between: then
 * another row stands for the new one. */
static enum due_outcome
tell_booking(struct app *app, struct scope *sc, const struct booking_row *row)
{
	struct args args;

	args_init(&args, sc->arena);
	args_uuid(&args, &row->id);
	args_i64(&args, row->qr_version);
	args_text(&args, documents_url(app, sc, &row->reference,
	    row->qr_version));
	return due_outcome_of(db_do(app->db, sc, STMT_QR_STORED, &args, NULL));
}

static enum due_outcome
work_qr(struct app *app, struct scope *sc, const struct due_row *w)
{
	enum due_outcome outcome;
	struct booking_row row;
	enum err e;

	e = booking_row_load(app, sc, &keeper, &w->booking_id, NULL, &row);
	if (e)
		return due_outcome_of(e);
	outcome = remove_revoked(app, sc, &row);
	if (outcome != DUE_DONE || is_over(&row))
		return outcome;
	outcome = documents_store(app, sc, &row.reference, row.qr_version);
	return outcome == DUE_DONE ? tell_booking(app, sc, &row) : outcome;
}

enum err
relay_documents_turn(struct app *app, struct scope *sc,
    struct relay_turn *ret_turn)
{
	static const struct due_kind kinds[] = {
		{ "qr", work_qr, 0 },
	};
	static const struct due_topic topic = { "documents", kinds,
		ARRAY_LEN(kinds) };

	*ret_turn = (struct relay_turn){ .outage = false };
	return due_work(app, sc, &topic, TURN_MAX, &ret_turn->due);
}
