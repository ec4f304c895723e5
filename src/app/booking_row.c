/* booking_row.c: bookings out of Postgres, sealed and unsealed. */
#include "app/booking_row.h"

#include <string.h>

#include "app/app.h"
#include "app/bookings.h"
#include "base/arena.h"
#include "base/crypto.h"
#include "base/instant.h"
#include "base/scope.h"
#include "domain/access.h"
#include "domain/currency.h"
#include "domain/lifecycle.h"
#include "store/db.h"


static const char *const contact_names[CONTACT_TEXTS] = {
	"customer_info.name", "customer_info.email", "customer_info.phone",
	"customer_info.emergency_contact",
};
static const char *const child_names[CHILD_TEXTS] = {
	"booking_children.name", "booking_children.special_needs",
	"booking_children.allergies", "booking_children.pickup_authorization",
	"booking_children.special_instructions",
};

#define COLUMN(name, kind, field) \
	{ name, kind, offsetof(struct booking_row, field) }

static const struct column booking_columns[] = {
	COLUMN("id", COLUMN_UUID, id),
	COLUMN("customer_id", COLUMN_UUID, customer_id),
	COLUMN("franchise_id", COLUMN_UUID, franchise_id),
	COLUMN("booking_status", COLUMN_TEXT, status),
	COLUMN("start_datetime", COLUMN_INSTANT, start_us),
	COLUMN("end_datetime", COLUMN_INSTANT, end_us),
	COLUMN("total_amount", COLUMN_I64, total),
	COLUMN("currency", COLUMN_TEXT, currency),
	COLUMN("payment_status", COLUMN_TEXT, payment_status),
	COLUMN("reference_number", COLUMN_UUID, reference),
	COLUMN("booking_code", COLUMN_TEXT, code),
	COLUMN("child_count", COLUMN_I64, child_count),
	COLUMN("hold_expires_at", COLUMN_INSTANT, hold_expires_us),
	COLUMN("version", COLUMN_I64, version),
	COLUMN("data_key", COLUMN_BYTES, data_key),
	COLUMN("line_items", COLUMN_TEXT, line_items),
	COLUMN("cancel_hours", COLUMN_I64S, cancel_hours),
	COLUMN("cancel_percent", COLUMN_I64S, cancel_percent),
	COLUMN("cancel_fee", COLUMN_I64, cancel_fee),
	COLUMN("refund_cap_percent", COLUMN_I64, refund_cap),
	COLUMN("paid_amount", COLUMN_I64, paid),
	COLUMN("refunded_amount", COLUMN_I64, refunded),
	COLUMN("refund_amount", COLUMN_I64, refund_amount),
	COLUMN("cancellation_reason", COLUMN_BYTES, cancel_reason),
	COLUMN("cancelled_at", COLUMN_INSTANT, cancelled_us),
	COLUMN("created_at", COLUMN_INSTANT, created_us),
	COLUMN("updated_at", COLUMN_INSTANT, updated_us),
	COLUMN("qr_version", COLUMN_I64, qr_version),
	COLUMN("qr_code_url", COLUMN_TEXT, qr_code_url),
	COLUMN("checked_in_at", COLUMN_INSTANT, visit.in_us),
	COLUMN("checked_in_by", COLUMN_TEXT, visit.in_by),
	COLUMN("checked_in_with", COLUMN_TEXT, visit.in_with),
	COLUMN("checked_out_at", COLUMN_INSTANT, visit.out_us),
	COLUMN("checked_out_by", COLUMN_TEXT, visit.out_by),
	COLUMN("collected_by", COLUMN_BYTES, visit.collected_by),
	COLUMN("override_reason", COLUMN_BYTES, visit.reason),
	COLUMN("contact_id", COLUMN_UUID, contact_id),
	COLUMN("contact_name", COLUMN_BYTES, contact[0]),
	COLUMN("contact_email", COLUMN_BYTES, contact[1]),
	COLUMN("contact_phone", COLUMN_BYTES, contact[2]),
	COLUMN("contact_emergency", COLUMN_BYTES, contact[3]),
	COLUMN("child_ids", COLUMN_UUIDS, child_ids),
	COLUMN("child_ages", COLUMN_I64S, child_ages),
	COLUMN("child_texts", COLUMN_BYTESS, child_texts),
	COLUMN("local_day", COLUMN_DATE, local_day),
	COLUMN("local_today", COLUMN_DATE, local_today),
	COLUMN("time_zone", COLUMN_TEXT, time_zone),
	COLUMN("as_of", COLUMN_INSTANT, as_of_us),
	COLUMN("change_id", COLUMN_UUID, change.id),
	COLUMN("change_start", COLUMN_INSTANT, change.start_us),
	COLUMN("change_end", COLUMN_INSTANT, change.end_us),
	COLUMN("change_children", COLUMN_I64, change.child_count),
	COLUMN("change_total", COLUMN_I64, change.total),
	COLUMN("change_expires_at", COLUMN_INSTANT, change.expires_us),
	COLUMN("change_created_at", COLUMN_INSTANT, change.created_us),
	COLUMN("change_day", COLUMN_DATE, change.local_day),
	COLUMN("fingerprint", COLUMN_BYTES, stored.fingerprint),
	COLUMN("answer", COLUMN_BYTES, stored.answer),
	COLUMN("answered", COLUMN_UUID, stored.booking_id),
	COLUMN("answered_key", COLUMN_BYTES, stored.data_key),
};
#undef COLUMN

enum err
booking_row_load(struct app *app, struct scope *sc,
    const struct caller *caller, const struct uuid *id,
    const struct replay *replay, struct booking_row *ret_row)
{
	static const struct columns columns = { sizeof(struct booking_row),
		booking_columns, ARRAY_LEN(booking_columns) };
	struct booking_row row;
	struct args args;
	enum err e;

	args_init(&args, sc->arena);
	args_uuid(&args, id);
	args_uuid(&args, &caller->customer);
	args_uuid(&args, &caller->franchise);
	args_text(&args, replay ? caller->name : NULL);
	args_text(&args, replay ? replay->key : NULL);

	e = db_one(app->db, sc, STMT_BOOKING_GET, &args, &columns, &row);
	if (e == ERR_NOT_FOUND ||
	    (!e && !access_owns(caller, &row.id, &row.customer_id,
	    &row.franchise_id)))
		return scope_fail(sc, ERR_NOT_FOUND, "no such booking of the "
		    "caller's");
	if (e)
		return e;
	/* By the end it has now: a link goes with its booking. */
	if (caller->kind == CALLER_MANAGE &&
	    row.as_of_us > row.end_us + MANAGE_DAYS * USEC_PER_DAY)
		return scope_fail(sc, ERR_BAD_CREDENTIALS, "the manage link of "
		    "a booking that is over has ended");

	*ret_row = row;
	return ERR_OK;
}

bool
booking_row_lapsed(const struct booking_row *row)
{
	return strcmp(row->status, "pending") == 0 &&
	    row->hold_expires_us <= row->as_of_us;
}

bool
booking_row_waits(const struct booking_row *row)
{
	return !uuid_is_none(&row->change.id) &&
	    row->change.expires_us > row->as_of_us;
}

int64_t
booking_row_change_due(const struct booking_row *row)
{
	return row->change.total - row->total;
}

struct pending_change *
booking_pending_change(struct app *app, struct scope *sc,
    const struct uuid *booking, int64_t total, const struct change_row *change,
    int64_t as_of_us)
{
	struct pending_change *shown;

	if (uuid_is_none(&change->id) || change->expires_us <= as_of_us)
		return NULL;
	shown = arena_new(sc->arena, struct pending_change);
	*shown = (struct pending_change){
		.start_us = change->start_us,
		.end_us = change->end_us,
		.child_count = change->child_count,
		.total_amount = change->total,
		.amount_due = change->total - total,
		.expires_us = change->expires_us,
		.payment_url = booking_pay_url(app, sc, booking),
	};
	return shown;
}

enum err
booking_unseal_contact(struct scope *sc, const struct data_key *key,
    const struct uuid *contact_id, const struct bytes texts[CONTACT_TEXTS],
    struct contact *ret_contact)
{
	const char **fields[CONTACT_TEXTS] = { &ret_contact->name,
		&ret_contact->email, &ret_contact->phone,
		&ret_contact->emergency_contact };

	for (size_t i = 0; i < CONTACT_TEXTS; i++) {
		enum err e = keyring_unseal(sc, key, contact_names[i],
		    contact_id, texts[i].data, texts[i].len, fields[i]);

		if (e)
			return e;
	}
	return ERR_OK;
}

enum err
booking_unseal_children(struct scope *sc, const struct data_key *key,
    const struct uuids *ids, const struct ints *ages,
    const struct bytess *texts, struct list *ret_children)
{
	size_t count = ids->count;
	struct child *children = arena_new_array(sc->arena, struct child,
	    count);

	if (ages->count != count ||
	    texts->count != count * CHILD_TEXTS)
		return scope_fail(sc, ERR_CORRUPT, "children do not add up");
	for (size_t i = 0; i < count; i++) {
		struct child *c = &children[i];
		const char **fields[CHILD_TEXTS] = { &c->name,
			&c->special_needs, &c->allergies,
			&c->pickup_authorization, &c->special_instructions };

		c->age = ages->items[i];
		for (size_t f = 0; f < CHILD_TEXTS; f++) {
			const struct bytes *b =
			    &texts->items[i * CHILD_TEXTS + f];
			enum err e = keyring_unseal(sc, key, child_names[f],
			    &ids->items[i], b->data, b->len, fields[f]);

			if (e)
				return e;
		}
	}

	*ret_children = (struct list){ children, count };
	return ERR_OK;
}

struct booking *
booking_row_outline(struct app *app, struct scope *sc,
    const struct booking_row *row)
{
	struct booking *b = arena_new(sc->arena, struct booking);
	bool lapsed = booking_row_lapsed(row);

	b->booking_id = row->id;
	b->reference_number = row->reference;
	b->booking_code = row->code;
	b->customer_id = row->customer_id;
	b->franchise_id = row->franchise_id;
	b->status = lapsed ? "expired" : row->status;
	b->payment_status = row->payment_status;
	b->start_us = row->start_us;
	b->end_us = row->end_us;
	b->total_amount = row->total;
	b->currency = row->currency;
	b->payment_required = !lapsed && strcmp(row->status, "pending") == 0;
	b->hold_expires_us = b->payment_required ? row->hold_expires_us : NONE;
	b->pending_change = booking_pending_change(app, sc, &row->id,
	    row->total, &row->change, row->as_of_us);
	b->payment_required = b->payment_required || b->pending_change;
	if (b->payment_required)
		b->payment_url = booking_pay_url(app, sc, &row->id);
	b->paid_amount = row->paid;
	b->refunded_amount = row->refunded;
	b->child_count = row->child_count;
	b->line_items = row->line_items;
	b->refund_amount = row->refund_amount;
	b->cancelled_us = row->cancelled_us;
	b->created_us = row->created_us;
	b->updated_us = row->updated_us;
	b->qr_code_url = row->qr_code_url;
	b->qr_picture = row->qr_code_url ? row->qr_version : 0;
	b->checked_in_us = row->visit.in_us;
	b->checked_out_us = row->visit.out_us;
	b->version = row->version;
	b->lapsed = lapsed ||
	    (!uuid_is_none(&row->change.id) && !booking_row_waits(row));
	return b;
}

static enum err
unseal_people(struct scope *sc, const struct data_key *key,
    const struct booking_row *row, struct contact *contact,
    struct list *ret_children)
{
	enum err e = booking_unseal_contact(sc, key, &row->contact_id,
	    row->contact, contact);

	return e ? e : booking_unseal_children(sc, key, &row->child_ids,
	    &row->child_ages, &row->child_texts, ret_children);
}

enum err
booking_row_view(struct app *app, struct scope *sc,
    const struct booking_row *row, struct booking **ret_booking)
{
	struct booking *b = booking_row_outline(app, sc, row);
	struct data_key key;
	enum err e;

	e = keyring_unwrap(app->ring, sc, &row->id, row->data_key.data,
	    row->data_key.len, &key);
	if (e)
		return e;

	b->customer_info = arena_new(sc->arena, struct contact);
	e = unseal_people(sc, &key, row, b->customer_info, &b->children);
	if (!e)
		e = keyring_unseal(sc, &key, "bookings.cancellation_reason",
		    &row->id, row->cancel_reason.data,
		    row->cancel_reason.len, &b->cancellation_reason);
	crypto_wipe(&key, sizeof key);
	if (e)
		return e;

	*ret_booking = b;
	return ERR_OK;
}

static struct bytes
seal(struct scope *sc, const struct data_key *key, const char *name,
    const struct uuid *row, const char *text)
{
	struct sealed s = keyring_seal(sc, key, name, row, text);

	return (struct bytes){ s.data, s.len };
}

void
booking_seal_contact(struct scope *sc, const struct data_key *key,
    const struct uuid *contact_id, const struct contact *contact,
    struct bytes out[CONTACT_TEXTS])
{
	const char *texts[CONTACT_TEXTS] = { contact->name, contact->email,
		contact->phone, contact->emergency_contact };

	for (size_t i = 0; i < CONTACT_TEXTS; i++)
		out[i] = seal(sc, key, contact_names[i], contact_id, texts[i]);
}

void
booking_seal_children(struct scope *sc, const struct data_key *key,
    const struct uuid *ids, const struct child *children, size_t count,
    struct bytes *out)
{
	for (size_t i = 0; i < count; i++) {
		const struct child *c = &children[i];
		const char *texts[CHILD_TEXTS] = { c->name, c->special_needs,
			c->allergies, c->pickup_authorization,
			c->special_instructions };

		for (size_t f = 0; f < CHILD_TEXTS; f++)
			out[i * CHILD_TEXTS + f] = seal(sc, key,
			    child_names[f], &ids[i], texts[f]);
	}
}

const char *
booking_pay_url(struct app *app, struct scope *sc, const struct uuid *id)
{
	char text[UUID_TEXT_MAX];

	return arena_printf(sc->arena, "%s/pay/%s?t=%s", app->conf->public_url,
	    uuid_format(id, text), keyring_sign_link(app->ring, sc, "pay", id,
	    PAY_LINK_VERSION));
}

struct list
booking_request_children(const struct booking_request *req)
{
	if (req->child_info)
		return (struct list){ req->child_info, 1 };
	return req->children;
}

enum err
booking_row_cancellable(struct scope *sc, const struct booking_row *row)
{
	enum booking_state state;
	enum booking_state next;

	if (booking_row_lapsed(row))
		return scope_fail(sc, ERR_STATE, "the booking has expired");
	if (!lifecycle_parse(row->status, &state))
		return scope_fail(sc, ERR_INTERNAL, "unknown state in row");
	if (!lifecycle_next(state, MOVE_CANCEL, &next))
		return scope_fail(sc, ERR_STATE, "a booking that is %s cannot "
		    "be cancelled", row->status);
	if (row->end_us <= row->as_of_us)
		return scope_fail(sc, ERR_STATE, "a booking that is over "
		    "cannot be cancelled");
	return ERR_OK;
}

struct cancellation_terms
booking_row_terms(const struct booking_row *row)
{
	const struct currency *currency = currency_find(row->currency);

	return (struct cancellation_terms){
		.hours = row->cancel_hours,
		.percent = row->cancel_percent,
		.fee = row->cancel_fee,
		.cap_percent = row->refund_cap,
		.step = currency ? currency->step : 1,
	};
}

struct cancellation
booking_row_cancellation(const struct booking_row *row)
{
	struct cancellation_terms terms = booking_row_terms(row);

	return cancellation_work_out(&terms, row->start_us, row->as_of_us,
	    row->paid, row->refunded);
}

void
booking_show_refund(struct booking *booking, int64_t refund)
{
	if (refund <= 0)
		return;
	booking->refunded_amount += refund;
	booking->payment_status =
	    booking->refunded_amount >= booking->paid_amount ? "refunded" :
	    "partially_refunded";
}
