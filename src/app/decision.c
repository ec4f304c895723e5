/* decision.c: one decision about a booking's money, written at once. */
#include "app/payment_row.h"

#include <assert.h>

#include "app/app.h"
#include "base/arena.h"
#include "base/crypto.h"
#include "base/instant.h"
#include "base/json.h"
#include "base/scope.h"
#include "store/db.h"

#define PART_MAX 16384

static void
text_member(struct buf *out, const char *name, const char *value)
{
	if (!value)
		return;
	buf_printf(out, ",\"%s\":", name);
	json_put_text(out, value);
}

static void
uuid_member(struct buf *out, const char *name, const struct uuid *value)
{
	buf_printf(out, ",\"%s\":", name);
	json_put_uuid(out, value);
}

static void
int_member(struct buf *out, const char *name, int64_t value)
{
	buf_printf(out, ",\"%s\":", name);
	json_put_int(out, value);
}

static void
instant_member(struct buf *out, const char *name, int64_t us)
{
	buf_printf(out, ",\"%s\":", name);
	if (us == NONE)
		buf_puts(out, "null");
	else
		json_put_instant(out, us);
}

void
decision_begin(struct decision *d, struct scope *sc,
    const struct booking_row *booking)
{
	*d = (struct decision){ .sc = sc, .row = booking };
	buf_init(&d->booking, sc->arena, PART_MAX);
	buf_init(&d->rest, sc->arena, PART_MAX);
	buf_init(&d->refunds, sc->arena, PART_MAX);
	buf_init(&d->entries, sc->arena, PART_MAX);
	buf_puts(&d->booking, "{\"id\":");
	json_put_uuid(&d->booking, &booking->id);
	uuid_member(&d->booking, "customer", &booking->customer_id);
	int_member(&d->booking, "version", booking->version);
}

void
decision_status(struct decision *d, const char *status,
    const char *payment_status)
{
	text_member(&d->booking, "status", status);
	text_member(&d->booking, "payment_status", payment_status);
}

void
decision_hold(struct decision *d, int64_t expires_us)
{
	instant_member(&d->booking, "hold_expires_at", expires_us);
}

void
decision_touch(struct decision *d, const struct booking_row *booking)
{
	touch(&d->touched, &booking->franchise_id, booking->local_day);
}

void
decision_retake(struct decision *d, const struct booking_row *booking,
    int64_t slot_minutes)
{
	int_member(&d->booking, "retake", slot_minutes);
	decision_touch(d, booking);
}

void
decision_change(struct decision *d, const struct booking_row *booking)
{
	uuid_member(&d->booking, "change", &booking->change.id);
	decision_touch(d, booking);
	touch(&d->touched, &booking->franchise_id, booking->change.local_day);
}

void
decision_change_hold(struct decision *d, int64_t expires_us)
{
	instant_member(&d->booking, "change_expires_at", expires_us);
}

void
decision_event(struct decision *d, const char *id, const char *type,
    const char *object)
{
	if (!id)
		return;
	buf_puts(&d->rest, ",\"event\":{\"id\":");
	json_put_text(&d->rest, id);
	text_member(&d->rest, "type", type);
	text_member(&d->rest, "object", object);
	buf_putc(&d->rest, '}');
}

void
decision_payment(struct decision *d, const struct payment_row *row,
    const struct payment_change *change)
{
	struct buf *out = &d->rest;

	buf_puts(out, ",\"payment\":{\"id\":");
	json_put_uuid(out, &row->id);
	int_member(out, "version", row->version);
	text_member(out, "status", attempt_word(change->to));
	text_member(out, "intent", change->intent);
	text_member(out, "session", change->session);
	text_member(out, "url", change->url);
	text_member(out, "failure", change->failure);
	if (change->session_expires_us != NONE)
		instant_member(out, "session_expires_at",
		    change->session_expires_us);
	buf_putc(out, '}');
}

void
decision_attempt(struct decision *d, const struct uuid *id,
    const struct amount_due *due, const char *currency, const char *method)
{
	struct buf *out = &d->rest;

	buf_puts(out, ",\"attempt\":{\"id\":");
	json_put_uuid(out, id);
	int_member(out, "amount", due->amount);
	text_member(out, "currency", currency);
	text_member(out, "method", method);
	if (!uuid_is_none(&due->change))
		uuid_member(out, "change", &due->change);
	buf_putc(out, '}');
}

/* A new one, up to what it may have besides. */
static void
refund_members(struct decision *d, const struct uuid *id,
    const struct uuid *payment, int64_t amount, const char *reason)
{
	struct buf *out = &d->refunds;

	buf_printf(out, "%s{\"id\":", out->len > 0 ? "," : "");
	json_put_uuid(out, id);
	uuid_member(out, "payment", payment);
	int_member(out, "amount", amount);
	text_member(out, "reason", reason);
}

void
decision_refund_new(struct decision *d, const struct uuid *id,
    const struct uuid *payment, int64_t amount, const char *reason)
{
	refund_members(d, id, payment, amount, reason);
	buf_putc(&d->refunds, '}');
	news_payment(&d->news, d->sc, "refund", id, NONE);
}

void
decision_refund_made(struct decision *d, const struct refund_row *made)
{
	refund_members(d, &made->id, &made->payment_id, made->amount,
	    made->reason);
	text_member(&d->refunds, "status", made->status);
	text_member(&d->refunds, "stripe_id", made->stripe_id);
	buf_putc(&d->refunds, '}');
}

void
decision_refund(struct decision *d, const struct refund_row *row,
    const char *status, const char *stripe_id, const char *failure)
{
	struct buf *out = &d->rest;

	buf_puts(out, ",\"refund\":{\"id\":");
	json_put_uuid(out, &row->id);
	int_member(out, "version", row->version);
	text_member(out, "status", status);
	text_member(out, "stripe_id", stripe_id);
	text_member(out, "failure", failure);
	buf_putc(out, '}');
}

void
decision_entry(struct decision *d, const char *kind,
    const struct uuid *reference, const char *debit, const char *credit,
    int64_t amount, const char *currency)
{
	struct buf *out = &d->entries;

	buf_printf(out, "%s{\"kind\":", out->len > 0 ? "," : "");
	json_put_text(out, kind);
	uuid_member(out, "reference", reference);
	text_member(out, "debit", debit);
	text_member(out, "credit", credit);
	int_member(out, "amount", amount);
	text_member(out, "currency", currency);
	buf_putc(out, '}');
}

void
decision_answer(struct decision *d, const struct caller *caller,
    const struct replay *replay, const char *text)
{
	d->caller = caller;
	d->replay = replay;
	d->answer = text;
}

/* Seal and bind what is stored under the key. */
static enum err
put_answer(struct decision *d, struct app *app, struct scope *sc,
    struct args *args)
{
	const struct booking_row *row = d->row;
	struct data_key key = { 0 };

	if (d->replay) {
		enum err e = keyring_unwrap(app->ring, sc, &row->id,
		    row->data_key.data, row->data_key.len, &key);

		if (e)
			return e;
	}
	replay_text_args(app, sc, args, d->caller, d->replay, &row->id, &key,
	    d->answer);
	crypto_wipe(&key, sizeof key);
	return ERR_OK;
}

enum err
decision_commit(struct decision *d, struct app *app, struct scope *sc)
{
	struct args args;
	struct buf all;
	enum err e;

	buf_init(&all, sc->arena, 4 * PART_MAX);
	buf_printf(&all, "{\"booking\":%s}%s", d->booking.data,
	    d->rest.data ? d->rest.data : "");
	if (d->refunds.len > 0)
		buf_printf(&all, ",\"refunds\":[%s]", d->refunds.data);
	if (d->entries.len > 0)
		buf_printf(&all, ",\"entries\":[%s]", d->entries.data);
	buf_putc(&all, '}');
	assert(!all.overflow);

	args_init(&args, sc->arena);
	args_text(&args, all.data);
	news_args(&args, &d->news);
	e = put_answer(d, app, sc, &args);
	if (e)
		return e;
	touch_relays(&d->touched, &d->news);
	touched_before(app, &d->touched);
	e = db_do(app->db, sc, STMT_PAYMENT_APPLY, &args, NULL);
	touched_after(app, sc, &d->touched, e);
	return e;
}
