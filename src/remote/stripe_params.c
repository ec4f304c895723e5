/* stripe_params.c: the parameters of each call, by name. */
#include "remote/stripe_params.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/codec.h"
#include "base/instant.h"

#define NAME_MAX_LEN 96

void
stripe_put_text(struct buf *out, const char *name, const char *value)
{
	if (!value || *value == '\0')
		return;
	if (out->len > 0)
		buf_putc(out, '&');
	buf_puts(out, name);
	buf_putc(out, '=');
	buf_puts(out, codec_percent(out->arena, value));
}

void
stripe_put_int(struct buf *out, const char *name, int64_t value)
{
	char digits[24];

	if (value == NONE)
		return;
	snprintf(digits, sizeof digits, "%" PRId64, value);
	stripe_put_text(out, name, digits);
}

static void
put_uuid(struct buf *out, const char *name, const struct uuid *id)
{
	char text[UUID_TEXT_MAX];

	if (!uuid_is_none(id))
		stripe_put_text(out, name, uuid_format(id, text));
}

/* Stripe takes lower case, and its answers have it. */
static void
put_currency(struct buf *out, const char *name, const struct currency *currency)
{
	char code[4] = "";

	if (!currency)
		return; /* the amount's put says so */
	for (size_t i = 0; i < 3; i++)
		code[i] = (char)(currency->code[i] | 0x20);
	stripe_put_text(out, name, code);
}

/* The amount comes out of a row: one that does not fit is to fail by itself,
 * and not to end the process and with it the work of all others. */
static enum err
put_amount(struct buf *out, const char *name, const struct currency *currency,
    int64_t amount)
{
	if (!currency || amount <= 0 || amount > currency->maximum ||
	    amount % currency->stripe_unit != 0)
		return ERR_INTERNAL;
	stripe_put_int(out, name, amount / currency->stripe_unit);
	return ERR_OK;
}

static void
put_tags(struct buf *out, const char *at, const struct stripe_tags *tags)
{
	const struct {
		const char *name;
		const struct uuid *id;
	} ids[] = {
		{ "booking_id", &tags->booking_id },
		{ "payment_id", &tags->payment_id },
		{ "refund_id", &tags->refund_id },
		{ "franchise_id", &tags->franchise_id },
	};
	char name[NAME_MAX_LEN];

	for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
		snprintf(name, sizeof name, "%s[%s]", at, ids[i].name);
		put_uuid(out, name, ids[i].id);
	}
	snprintf(name, sizeof name, "%s[reference]", at);
	stripe_put_text(out, name, tags->reference);
}

enum err
stripe_session_params(struct buf *out, const struct stripe_session_new *wanted)
{
	enum err e;

	stripe_put_text(out, "mode", "payment");
	stripe_put_text(out, "allowed_payment_method_types[0]", "card");
	stripe_put_int(out, "line_items[0][quantity]", 1);
	put_currency(out, "line_items[0][price_data][currency]",
	    wanted->currency);
	e = put_amount(out, "line_items[0][price_data][unit_amount]",
	    wanted->currency, wanted->amount);
	if (e)
		return e;
	stripe_put_text(out, "line_items[0][price_data][product_data][name]",
	    wanted->name);
	stripe_put_text(out,
	    "line_items[0][price_data][product_data][description]",
	    wanted->description);
	stripe_put_text(out, "success_url", wanted->success_url);
	stripe_put_text(out, "cancel_url", wanted->cancel_url);
	stripe_put_text(out, "customer_email", wanted->customer_email);
	stripe_put_text(out, "locale", wanted->locale);
	stripe_put_int(out, "expires_at", wanted->expires_us / USEC_PER_SEC);
	put_uuid(out, "client_reference_id", &wanted->tags.booking_id);
	put_tags(out, "metadata", &wanted->tags);
	stripe_put_text(out, "payment_intent_data[description]", wanted->name);
	put_tags(out, "payment_intent_data[metadata]", &wanted->tags);
	return ERR_OK;
}

enum err
stripe_intent_params(struct buf *out, const struct stripe_intent_new *wanted)
{
	enum err e = put_amount(out, "amount", wanted->currency,
	    wanted->amount);

	if (e)
		return e;
	put_currency(out, "currency", wanted->currency);
	stripe_put_text(out, "allowed_payment_method_types[0]", "card");
	stripe_put_text(out, "payment_method", wanted->payment_method);
	stripe_put_text(out, "confirm", "true");
	stripe_put_text(out, "return_url", wanted->return_url);
	stripe_put_text(out, "description", wanted->description);
	put_tags(out, "metadata", &wanted->tags);
	return ERR_OK;
}

void
stripe_intent_cancel_params(struct buf *out)
{
	stripe_put_text(out, "cancellation_reason", "abandoned");
}

enum err
stripe_refund_params(struct buf *out, const struct stripe_refund_new *wanted)
{
	enum err e;

	stripe_put_text(out, "payment_intent", wanted->payment_intent);
	e = put_amount(out, "amount", wanted->currency, wanted->amount);
	if (e)
		return e;
	stripe_put_text(out, "reason", "requested_by_customer");
	put_tags(out, "metadata", &wanted->tags);
	return ERR_OK;
}

void
stripe_pages_params(struct buf *out, const struct stripe_pages *pages)
{
	stripe_put_int(out, "limit", pages->object == STRIPE_CHARGE
	    ? STRIPE_CHARGE_PAGE_MAX : STRIPE_PAGE_MAX);
	if (pages->from_us > 0)
		stripe_put_int(out, "created[gte]",
		    pages->from_us / USEC_PER_SEC);
	if (pages->to_us > 0)
		stripe_put_int(out, "created[lt]",
		    pages->to_us / USEC_PER_SEC);
	assert(!pages->payment_intent || pages->object != STRIPE_BALANCE);
	stripe_put_text(out, "payment_intent", pages->payment_intent);
	stripe_put_text(out, "starting_after",
	    pages->after[0] != '\0' ? pages->after : NULL);
}
