/* payment_row.c: attempts and refunds out of Postgres. */
#include "app/payment_row.h"

#include <string.h>

#include "app/app.h"
#include "base/arena.h"
#include "base/instant.h"
#include "base/scope.h"
#include "store/db.h"

#define COLUMN(name, kind, field) \
	{ name, kind, offsetof(struct payment_row, field) }
static const struct column payment_items[] = {
	COLUMN("id", COLUMN_UUID, id),
	COLUMN("booking_id", COLUMN_UUID, booking_id),
	COLUMN("stripe_payment_id", COLUMN_TEXT, intent),
	COLUMN("amount", COLUMN_I64, amount),
	COLUMN("currency", COLUMN_TEXT, currency),
	COLUMN("payment_method", COLUMN_TEXT, method),
	COLUMN("payment_status", COLUMN_TEXT, status),
	COLUMN("processed_at", COLUMN_INSTANT, processed_us),
	COLUMN("created_at", COLUMN_INSTANT, created_us),
	COLUMN("updated_at", COLUMN_INSTANT, updated_us),
	COLUMN("session_id", COLUMN_TEXT, session),
	COLUMN("session_url", COLUMN_TEXT, url),
	COLUMN("session_expires_at", COLUMN_INSTANT, session_expires_us),
	COLUMN("failure_code", COLUMN_TEXT, failure),
	COLUMN("refunded_amount", COLUMN_I64, refunded),
	COLUMN("stripe_account", COLUMN_TEXT, account),
	COLUMN("version", COLUMN_I64, version),
	COLUMN("change_id", COLUMN_UUID, change),
	COLUMN("change_end", COLUMN_TEXT, change_end),
	COLUMN("of_others", COLUMN_BOOL, of_others),
};
#undef COLUMN
static const struct columns payment_columns = { sizeof(struct payment_row),
	payment_items, ARRAY_LEN(payment_items) };

#define COLUMN(name, kind, field) \
	{ name, kind, offsetof(struct refund_row, field) }
static const struct column refund_items[] = {
	COLUMN("id", COLUMN_UUID, id),
	COLUMN("payment_id", COLUMN_UUID, payment_id),
	COLUMN("booking_id", COLUMN_UUID, booking_id),
	COLUMN("stripe_refund_id", COLUMN_TEXT, stripe_id),
	COLUMN("amount", COLUMN_I64, amount),
	COLUMN("currency", COLUMN_TEXT, currency),
	COLUMN("reason", COLUMN_TEXT, reason),
	COLUMN("refund_status", COLUMN_TEXT, status),
	COLUMN("failure_reason", COLUMN_TEXT, failure),
	COLUMN("created_at", COLUMN_INSTANT, created_us),
	COLUMN("processed_at", COLUMN_INSTANT, processed_us),
	COLUMN("version", COLUMN_I64, version),
	COLUMN("key_turn", COLUMN_I64, key_turn),
	COLUMN("key_since", COLUMN_INSTANT, key_since_us),
	COLUMN("as_of", COLUMN_INSTANT, as_of_us),
};
#undef COLUMN
static const struct columns refund_columns = { sizeof(struct refund_row),
	refund_items, ARRAY_LEN(refund_items) };

enum err
payment_find(struct app *app, struct scope *sc, const struct uuid *id,
    const char *session, const char *intent, struct payment_row *ret_row)
{
	static const struct uuid none;
	struct args args;

	args_init(&args, sc->arena);
	args_uuid(&args, id ? id : &none);
	args_text(&args, session);
	args_text(&args, intent);

	return db_one(app->db, sc, STMT_PAYMENT_FIND, &args, &payment_columns,
	    ret_row);
}

enum err
payment_rows(struct app *app, struct scope *sc, const struct uuid *booking,
    struct payment_row **ret_rows, size_t *ret_count)
{
	struct args args;

	args_init(&args, sc->arena);
	args_uuid(&args, booking);

	return db_all(app->db, sc, STMT_PAYMENT_LIST, &args, &payment_columns,
	    ret_rows, ret_count);
}

enum err
refund_find(struct app *app, struct scope *sc, const struct uuid *id,
    const char *stripe_id, struct refund_row *ret_row)
{
	static const struct uuid none;
	struct args args;

	args_init(&args, sc->arena);
	args_uuid(&args, id ? id : &none);
	args_text(&args, stripe_id);

	return db_one(app->db, sc, STMT_REFUND_FIND, &args, &refund_columns,
	    ret_row);
}

enum err
refund_rows(struct app *app, struct scope *sc, const struct uuid *payment,
    struct refund_row **ret_rows, size_t *ret_count)
{
	struct args args;

	args_init(&args, sc->arena);
	args_uuid(&args, payment);

	return db_all(app->db, sc, STMT_REFUND_LIST, &args, &refund_columns,
	    ret_rows, ret_count);
}

bool
payment_is_direct(const struct payment_row *row)
{
	return strcmp(row->method, "checkout") != 0;
}

/* Of a booking that has a price, and has not lapsed. */
static enum err
wanted_of_paid(struct scope *sc, const struct booking_row *booking,
    struct amount_due *ret_due)
{
	if (strcmp(booking->status, "confirmed") == 0 &&
	    booking_row_waits(booking)) {
		*ret_due = (struct amount_due){
			booking_row_change_due(booking), booking->change.id };
		return ERR_OK;
	}
	return scope_fail(sc, ERR_STATE, !uuid_is_none(&booking->change.id) ?
	    "the change was not paid in time" : booking->paid > 0 ?
	    "the booking is paid already" :
	    "there is nothing to pay for this booking");
}

enum err
payment_wanted(struct scope *sc, const struct booking_row *booking,
    struct amount_due *ret_due)
{
	if (booking_row_lapsed(booking) ||
	    strcmp(booking->status, "expired") == 0)
		return scope_fail(sc, ERR_STATE, "the booking has expired");
	if (strcmp(booking->status, "cancelled") == 0)
		return scope_fail(sc, ERR_STATE, "the booking is cancelled");
	if (booking->end_us <= booking->as_of_us)
		return scope_fail(sc, ERR_STATE, "the booking is over");
	if (strcmp(booking->status, "pending") != 0)
		return wanted_of_paid(sc, booking, ret_due);
	*ret_due = (struct amount_due){ .amount = booking->total };
	return ERR_OK;
}

bool
payment_is_wanted(const struct payment_row *row,
    const struct booking_row *booking)
{
	struct scope unheard = { .arena = NULL };
	struct amount_due due;

	return !payment_wanted(&unheard, booking, &due) &&
	    due.amount == row->amount && uuid_equal(&due.change, &row->change);
}

const struct payment_row *
payment_unfinished(const struct payment_row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		enum attempt_state state;

		if (attempt_parse(rows[i].status, &state) &&
		    state < ATTEMPT_SUCCEEDED)
			return &rows[i];
	}
	return NULL;
}
