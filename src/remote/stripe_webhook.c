/* stripe_webhook.c: is it Stripe who speaks, and what does he say? */
#include "remote/stripe.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/codec.h"
#include "base/crypto.h"
#include "base/instant.h"
#include "remote/stripe_object.h"

/* ---- signatures ----------------------------------------------------------*/

#define HEX_LEN (2 * SHA256_LEN)
#define SECONDS_DIGITS_MAX 11 /* the year 5138 */

/* A header, taken apart; texts point into it. */
struct signature {
	const char *t;
	size_t t_len;
	int64_t t_s;
	const char *v1[STRIPE_SIGNATURE_PARTS_MAX];
	size_t count;
};

static bool
is_lower_hex(const char *text, size_t len)
{
	return strspn(text, "0123456789abcdef") >= len;
}

/* Plain digits; stripe-node would read 123x, and 0123 is no way to say it. */
static bool
take_seconds(struct signature *sig, const char *value, size_t len)
{
	if (sig->t || len == 0 || len > SECONDS_DIGITS_MAX ||
	    strspn(value, "0123456789") < len || *value == '0')
		return false;
	sig->t = value;
	sig->t_len = len;
	for (size_t i = 0; i < len; i++)
		sig->t_s = 10 * sig->t_s + (value[i] - '0');
	return true;
}

static bool
take_part(struct signature *sig, const char *part, size_t len)
{
	const char *equals = memchr(part, '=', len);
	size_t key_len;
	size_t value_len;

	if (!equals || equals == part)
		return false;
	key_len = (size_t)(equals - part);
	value_len = len - key_len - 1;
	if (key_len == 1 && *part == 't')
		return take_seconds(sig, equals + 1, value_len);
	/* One that cannot be a digest matches nothing; another may. */
	if (key_len == 2 && memcmp(part, "v1", 2) == 0 &&
	    value_len == HEX_LEN && is_lower_hex(equals + 1, HEX_LEN))
		sig->v1[sig->count++] = equals + 1;
	return true;
}

static bool
take_apart(const char *header, struct signature *sig)
{
	size_t left = header ? strnlen(header, STRIPE_SIGNATURE_MAX + 1) : 0;
	const char *part = header;

	memset(sig, 0, sizeof *sig);
	if (left == 0 || left > STRIPE_SIGNATURE_MAX)
		return false;
	for (size_t i = 0; i < STRIPE_SIGNATURE_PARTS_MAX; i++) {
		size_t len = strcspn(part, ",");

		if (!take_part(sig, part, len))
			return false;
		if (part[len] == '\0')
			return sig->t != NULL;
		part += len + 1;
	}
	return false;
}

/* Every pair is looked at, so that time tells nothing. */
static bool
is_of_a_secret(const struct signature *sig, const char *signed_text,
    size_t len, const char *const *secrets, size_t secret_count)
{
	static const char digits[] = "0123456789abcdef";
	unsigned matches = 0;

	for (size_t i = 0; i < secret_count; i++) {
		uint8_t mac[SHA256_LEN];
		char hex[HEX_LEN];

		if (*secrets[i] == '\0')
			continue;
		crypto_hmac_sha256(secrets[i], strlen(secrets[i]), signed_text,
		    len, mac);
		for (size_t k = 0; k < SHA256_LEN; k++) {
			hex[2 * k] = digits[mac[k] >> 4];
			hex[2 * k + 1] = digits[mac[k] & 0x0f];
		}
		for (size_t k = 0; k < sig->count; k++)
			matches += crypto_equal(hex, sig->v1[k], HEX_LEN);
		crypto_wipe(mac, sizeof mac);
		crypto_wipe(hex, sizeof hex);
	}
	return matches > 0;
}

enum stripe_signature
stripe_signature_check(struct scope *sc, const char *header, const void *body,
    size_t len, const char *const *secrets, size_t secret_count,
    int64_t now_us)
{
	struct signature sig;
	char *text;
	int64_t age_s;

	assert(secret_count <= STRIPE_SECRETS_MAX);

	if (!take_apart(header, &sig) || sig.count == 0)
		return STRIPE_SIGNATURE_MALFORMED;

	text = arena_alloc(sc->arena, sig.t_len + 1 + len);
	memcpy(text, sig.t, sig.t_len);
	text[sig.t_len] = '.';
	if (len > 0)
		memcpy(text + sig.t_len + 1, body, len);
	if (!is_of_a_secret(&sig, text, sig.t_len + 1 + len, secrets,
	        secret_count))
		return STRIPE_SIGNATURE_WRONG;

	/* Only now: whoever cannot sign learns nothing of our clock. */
	age_s = now_us / USEC_PER_SEC - sig.t_s;
	if (age_s > STRIPE_TOLERANCE_S || age_s < -STRIPE_TOLERANCE_S)
		return STRIPE_SIGNATURE_STALE;
	return STRIPE_SIGNATURE_GOOD;
}

/* ---- events --------------------------------------------------------------*/

/* clang-format off */
static const struct {
	const char *word;
	enum stripe_event_type type;
	enum stripe_object object;
} handled[] = {
	{ "checkout.session.completed", STRIPE_EVENT_SESSION_COMPLETED, STRIPE_SESSION },
	{ "checkout.session.async_payment_succeeded", STRIPE_EVENT_SESSION_ASYNC_SUCCEEDED, STRIPE_SESSION },
	{ "checkout.session.async_payment_failed", STRIPE_EVENT_SESSION_ASYNC_FAILED, STRIPE_SESSION },
	{ "checkout.session.expired", STRIPE_EVENT_SESSION_EXPIRED, STRIPE_SESSION },
	{ "payment_intent.succeeded", STRIPE_EVENT_INTENT_SUCCEEDED, STRIPE_INTENT },
	{ "payment_intent.payment_failed", STRIPE_EVENT_INTENT_FAILED, STRIPE_INTENT },
	{ "payment_intent.processing", STRIPE_EVENT_INTENT_PROCESSING, STRIPE_INTENT },
	{ "charge.refunded", STRIPE_EVENT_CHARGE_REFUNDED, STRIPE_CHARGE },
	{ "refund.updated", STRIPE_EVENT_REFUND_UPDATED, STRIPE_REFUND },
	{ "refund.failed", STRIPE_EVENT_REFUND_FAILED, STRIPE_REFUND },
	{ "charge.dispute.created", STRIPE_EVENT_DISPUTE_CREATED, STRIPE_DISPUTE },
	{ "charge.dispute.updated", STRIPE_EVENT_DISPUTE_UPDATED, STRIPE_DISPUTE },
	{ "charge.dispute.funds_withdrawn", STRIPE_EVENT_DISPUTE_UPDATED, STRIPE_DISPUTE },
	{ "charge.dispute.funds_reinstated", STRIPE_EVENT_DISPUTE_UPDATED, STRIPE_DISPUTE },
	{ "charge.dispute.closed", STRIPE_EVENT_DISPUTE_CLOSED, STRIPE_DISPUTE },
};

static const char *const event_words[] = { "event", NULL };
static const struct field event_fields[] = {
	{ .name = "id", .type = FIELD_TEXT, .flags = FIELD_REQUIRED, .min = 1,
	  .max = STRIPE_ID_MAX, .offset = offsetof(struct stripe_event, id) },
	{ .name = "object", .type = FIELD_WORD, .flags = FIELD_REQUIRED,
	  .words = event_words, .offset = offsetof(struct stripe_event, object) },
	{ .name = "type", .type = FIELD_TEXT, .flags = FIELD_REQUIRED, .min = 1,
	  .max = STRIPE_ID_MAX, .offset = offsetof(struct stripe_event, type_word) },
	{ .name = "account", .type = FIELD_TEXT, .flags = FIELD_NULLABLE, .min = 1,
	  .max = STRIPE_ID_MAX, .offset = offsetof(struct stripe_event, account) },
	{ .name = "api_version", .type = FIELD_TEXT, .flags = FIELD_NULLABLE, .min = 1,
	  .max = STRIPE_ID_MAX, .offset = offsetof(struct stripe_event, api_version) },
	{ .name = "created", .type = FIELD_INT, .flags = FIELD_REQUIRED, .min = 0,
	  .max = INT64_C(253402300799), .offset = offsetof(struct stripe_event, created_s) },
	{ .name = "livemode", .type = FIELD_BOOL, .flags = FIELD_NULLABLE,
	  .offset = offsetof(struct stripe_event, livemode) },
};
static const struct form event_form = {
	.name = "stripe_event", .size = sizeof(struct stripe_event),
	.fields = event_fields, .count = ARRAY_LEN(event_fields), .open = true,
};
/* clang-format on */

struct event_data {
	void *object;
};
struct event_body {
	struct event_data *data;
};

/* The object inside, now that its type is known. */
static enum err
read_object(struct scope *sc, enum stripe_object kind, const char *body,
    size_t len, void **ret_object)
{
	const struct field data_fields[] = {
		{ .name = "object", .type = FIELD_OBJECT,
		  .flags = FIELD_REQUIRED, .form = stripe_object_form(kind),
		  .offset = offsetof(struct event_data, object) },
	};
	const struct form data_form = {
		.name = "stripe_event_data", .size = sizeof(struct event_data),
		.fields = data_fields, .count = 1, .open = true,
	};
	const struct field body_fields[] = {
		{ .name = "data", .type = FIELD_OBJECT,
		  .flags = FIELD_REQUIRED, .form = &data_form,
		  .offset = offsetof(struct event_body, data) },
	};
	const struct form body_form = {
		.name = "stripe_event", .size = sizeof(struct event_body),
		.fields = body_fields, .count = 1, .open = true,
	};
	struct event_body event;
	enum err e = stripe_object_read_form(sc, &body_form, body, len,
	    &event);

	if (e)
		return e;
	stripe_object_finish(kind, event.data->object);
	*ret_object = event.data->object;
	return ERR_OK;
}

static void
put_object(struct stripe_event *event, enum stripe_object kind, void *object)
{
	switch (kind) {
	case STRIPE_SESSION:
		event->session = object;
		return;
	case STRIPE_INTENT:
		event->intent = object;
		return;
	case STRIPE_CHARGE:
		event->charge = object;
		return;
	case STRIPE_REFUND:
		event->refund = object;
		return;
	case STRIPE_DISPUTE:
		event->dispute = object;
		return;
	default:
		assert(false); /* only what events are about */
	}
}

enum err
stripe_event_parse(struct scope *sc, const char *body, size_t len,
    struct stripe_event *ret_event)
{
	struct stripe_event event;
	void *object;
	enum err e;

	e = stripe_object_read_form(sc, &event_form, body, len, &event);
	if (e)
		return e;

	event.created_us = event.created_s * USEC_PER_SEC;
	event.type = STRIPE_EVENT_OTHER;
	for (size_t i = 0; i < ARRAY_LEN(handled); i++) {
		if (strcmp(handled[i].word, event.type_word) != 0)
			continue;
		e = read_object(sc, handled[i].object, body, len, &object);
		if (e)
			return e;
		event.type = handled[i].type;
		put_object(&event, handled[i].object, object);
	}

	*ret_event = event;
	return ERR_OK;
}
