/* booking_read.c: one booking, the caller's list, the quote, the pay link. */
#include "app/bookings.h"

#include <stdio.h>
#include <string.h>

#include "app/app.h"
#include "app/booking_row.h"
#include "app/booking_write.h"
#include "base/arena.h"
#include "base/codec.h"
#include "base/instant.h"
#include "base/scope.h"
#include "domain/access.h"
#include "domain/cancellation.h"
#include "domain/currency.h"
#include "store/db.h"


enum err
booking_get(struct app *app, struct scope *sc, const struct caller *caller,
    const struct uuid *id, struct booking **ret_booking)
{
	struct booking_row row;
	enum err e;

	e = caller_needs_customer(sc, caller);
	if (e)
		return e;
	e = booking_row_load(app, sc, caller, id, NULL, &row);
	if (e)
		return e;

	return booking_row_view(app, sc, &row, ret_booking);
}

/* ---- lists ------------------------------------------------------------------ */

struct listed {
	struct booking b;
	struct change_row change;
	int64_t as_of_us;
};

#define COLUMN(name, kind, field) { name, kind, offsetof(struct listed, field) }
static const struct column listed_items[] = {
	COLUMN("id", COLUMN_UUID, b.booking_id),
	COLUMN("customer_id", COLUMN_UUID, b.customer_id),
	COLUMN("franchise_id", COLUMN_UUID, b.franchise_id),
	COLUMN("booking_status", COLUMN_TEXT, b.status),
	COLUMN("start_datetime", COLUMN_INSTANT, b.start_us),
	COLUMN("end_datetime", COLUMN_INSTANT, b.end_us),
	COLUMN("total_amount", COLUMN_I64, b.total_amount),
	COLUMN("currency", COLUMN_TEXT, b.currency),
	COLUMN("payment_status", COLUMN_TEXT, b.payment_status),
	COLUMN("reference_number", COLUMN_UUID, b.reference_number),
	COLUMN("booking_code", COLUMN_TEXT, b.booking_code),
	COLUMN("child_count", COLUMN_I64, b.child_count),
	COLUMN("hold_expires_at", COLUMN_INSTANT, b.hold_expires_us),
	COLUMN("version", COLUMN_I64, b.version),
	COLUMN("refund_amount", COLUMN_I64, b.refund_amount),
	COLUMN("cancelled_at", COLUMN_INSTANT, b.cancelled_us),
	COLUMN("created_at", COLUMN_INSTANT, b.created_us),
	COLUMN("updated_at", COLUMN_INSTANT, b.updated_us),
	COLUMN("as_of", COLUMN_INSTANT, as_of_us),
	COLUMN("change_id", COLUMN_UUID, change.id),
	COLUMN("change_start", COLUMN_INSTANT, change.start_us),
	COLUMN("change_end", COLUMN_INSTANT, change.end_us),
	COLUMN("change_children", COLUMN_I64, change.child_count),
	COLUMN("change_total", COLUMN_I64, change.total),
	COLUMN("change_expires_at", COLUMN_INSTANT, change.expires_us),
};
#undef COLUMN

/* A cursor is where the page ended: created_at and id, as base64url. */
static const char *
cursor_write(struct scope *sc, const struct booking *last)
{
	char id[UUID_TEXT_MAX];
	const char *text = arena_printf(sc->arena, "%lld,%s",
	    (long long)last->created_us, uuid_format(&last->booking_id, id));

	return codec_b64url(sc->arena, text, strlen(text));
}

static enum err
cursor_read(struct scope *sc, const char *cursor, int64_t *ret_us,
    struct uuid *ret_id)
{
	uint8_t *data;
	size_t len;
	long long us;
	char id[UUID_TEXT_MAX];
	int end = 0;

	if (codec_unb64url(sc->arena, cursor, strlen(cursor), &data, &len)) {
		const char *text = arena_strndup(sc->arena, (char *)data, len);

		if (strlen(text) < 80 && sscanf(text, "%18lld,%36[0-9a-f-]%n",
		    &us, id, &end) == 2 && text[end] == '\0' && us > 0 &&
		    uuid_parse(id, ret_id)) {
			*ret_us = us;
			return ERR_OK;
		}
	}
	scope_fault_param(sc, "cursor", "format",
	    "must be the next_cursor of an earlier page");
	return scope_faults(sc);
}

/* The open part of each view: a summary. */
static void
summarise(struct app *app, struct scope *sc, const struct listed *rows,
    size_t count, struct page *page)
{
	struct booking *items = arena_new_array(sc->arena, struct booking,
	    count);

	for (size_t i = 0; i < count; i++) {
		struct booking *b = &items[i];

		*b = rows[i].b;
		if (strcmp(b->status, "pending") == 0) {
			b->payment_required = b->hold_expires_us >
			    rows[i].as_of_us;
			if (!b->payment_required)
				b->status = "expired";
		}
		if (!b->payment_required)
			b->hold_expires_us = NONE;
		b->pending_change = booking_pending_change(app, sc,
		    &b->booking_id, b->total_amount, &rows[i].change,
		    rows[i].as_of_us);
		b->payment_required = b->payment_required ||
		    b->pending_change;
		if (b->payment_required)
			b->payment_url = booking_pay_url(app, sc,
			    &b->booking_id);
	}
	page->data = (struct list){ items, count };
}

enum err
booking_list(struct app *app, struct scope *sc, const struct caller *caller,
    const struct booking_query *query, struct page *ret_page)
{
	static const struct columns columns = { sizeof(struct listed),
		listed_items, ARRAY_LEN(listed_items) };
	int64_t limit = query->limit == NONE ? 20 : query->limit;
	int64_t after_us = NONE;
	struct uuid after_id = { { 0 } };
	struct listed *rows = NULL;
	size_t count = 0;
	struct args args;
	enum err e;

	e = caller_needs_customer(sc, caller);
	if (!e && query->cursor)
		e = cursor_read(sc, query->cursor, &after_us, &after_id);
	if (e)
		return e;

	args_init(&args, sc->arena);
	args_uuid(&args, &caller->customer);
	args_uuid(&args, &caller->franchise);
	args_text(&args, query->status);
	args_date(&args, query->from);
	args_date(&args, query->until);
	args_instant(&args, after_us);
	args_uuid(&args, &after_id);
	args_i64(&args, limit + 1);
	e = db_all(app->db, sc, STMT_BOOKING_LIST, &args, &columns, &rows,
	    &count);
	if (e)
		return e;

	ret_page->has_more = (int64_t)count > limit;
	if (ret_page->has_more)
		count = (size_t)limit;
	ret_page->next_cursor = ret_page->has_more ?
	    cursor_write(sc, &rows[count - 1].b) : NULL;
	summarise(app, sc, rows, count, ret_page);
	return ERR_OK;
}

/* ---- quote ------------------------------------------------------------------- */

enum err
booking_cancel_quote(struct app *app, struct scope *sc,
    const struct caller *caller, const struct uuid *id,
    struct cancel_quote *ret_quote)
{
	struct booking_row row;
	struct cancellation c;
	struct cancel_tier *tiers;
	enum err e;

	e = caller_needs_customer(sc, caller);
	if (e)
		return e;
	e = booking_row_load(app, sc, caller, id, NULL, &row);
	if (e)
		return e;
	e = booking_row_cancellable(sc, &row);
	if (e)
		return e;

	c = booking_row_cancellation(&row);
	tiers = arena_new_array(sc->arena, struct cancel_tier,
	    row.cancel_hours.count);
	for (size_t i = 0; i < row.cancel_hours.count; i++) {
		tiers[i].hours_before = row.cancel_hours.items[i];
		tiers[i].refund_percent = row.cancel_percent.items[i];
	}
	*ret_quote = (struct cancel_quote){
		.booking_id = row.id,
		.refund_amount = c.refund,
		.paid_amount = row.paid,
		.refunded_amount = row.refunded,
		.refund_percent = c.percent,
		.cancellation_fee = c.fee,
		.currency = row.currency,
		.hours_before = c.hours_before,
		.valid_until_us = c.valid_until_us,
		.policy = { tiers, row.cancel_hours.count },
		.as_of_us = row.as_of_us,
	};
	return ERR_OK;
}
