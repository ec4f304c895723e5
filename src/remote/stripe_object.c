/* stripe_object.c: the tables of Stripe's objects. */
#include "remote/stripe_object.h"

#include <assert.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/instant.h"

/* Stripe's amounts have at most eight digits; balances sum many of them. */
#define UNITS_MAX INT64_C(1000000000000)
#define SECONDS_MAX INT64_C(253402300799) /* the year 9999 */
#define URL_MAX 8192
#define TEXT_MAX 500 /* of a metadata value, says Stripe */
#define WORD_MAX_LEN 100
#define BALANCES_MAX 100

#define MUST FIELD_REQUIRED
#define MAY FIELD_NULLABLE

/* clang-format off */
#define ID(S, NAME, MEMBER, FLAGS) \
	{ .name = NAME, .type = FIELD_TEXT, .flags = (FLAGS), .min = 1, \
	  .max = STRIPE_ID_MAX, .offset = offsetof(struct S, MEMBER) }
#define TEXT(S, NAME, MEMBER, MAX) \
	{ .name = NAME, .type = FIELD_TEXT, .flags = MAY | FIELD_MULTILINE, \
	  .min = 0, .max = (MAX), .offset = offsetof(struct S, MEMBER) }
#define WORD(S, NAME, MEMBER, FLAGS) \
	{ .name = NAME, .type = FIELD_TEXT, .flags = (FLAGS), .min = 1, \
	  .max = WORD_MAX_LEN, .offset = offsetof(struct S, MEMBER) }
#define KIND(S, WORDS) \
	{ .name = "object", .type = FIELD_WORD, .flags = MUST, \
	  .words = (WORDS), .offset = offsetof(struct S, object) }
#define UNITS(S, NAME, MEMBER, FLAGS) \
	{ .name = NAME, .type = FIELD_INT, .flags = (FLAGS), .min = -UNITS_MAX, \
	  .max = UNITS_MAX, .offset = offsetof(struct S, MEMBER) }
#define SECONDS(S, NAME, MEMBER, FLAGS) \
	{ .name = NAME, .type = FIELD_INT, .flags = (FLAGS), .min = 0, \
	  .max = SECONDS_MAX, .offset = offsetof(struct S, MEMBER) }
#define FLAG(S, NAME, MEMBER) \
	{ .name = NAME, .type = FIELD_BOOL, .flags = MAY, \
	  .offset = offsetof(struct S, MEMBER) }
#define NEST(S, NAME, MEMBER, FORM, FLAGS) \
	{ .name = NAME, .type = FIELD_OBJECT, .flags = (FLAGS), \
	  .form = &(FORM), .offset = offsetof(struct S, MEMBER) }
#define FORM(S, FIELDS) \
	{ .name = #S, .size = sizeof(struct S), .fields = (FIELDS), \
	  .count = ARRAY_LEN(FIELDS), .open = true }

static const struct field metadata_fields[] = {
	TEXT(stripe_metadata, "booking_id", booking_id, TEXT_MAX),
	TEXT(stripe_metadata, "payment_id", payment_id, TEXT_MAX),
	TEXT(stripe_metadata, "refund_id", refund_id, TEXT_MAX),
	TEXT(stripe_metadata, "franchise_id", franchise_id, TEXT_MAX),
	TEXT(stripe_metadata, "reference", reference, TEXT_MAX),
};
static const struct form metadata_form = FORM(stripe_metadata, metadata_fields);

static const char *const session_words[] = { "checkout.session", NULL };
static const struct field session_fields[] = {
	ID(stripe_session, "id", id, MUST),
	KIND(stripe_session, session_words),
	TEXT(stripe_session, "url", url, URL_MAX),
	ID(stripe_session, "payment_intent", payment_intent, MAY),
	TEXT(stripe_session, "client_reference_id", client_reference_id, TEXT_MAX),
	WORD(stripe_session, "status", status_word, MAY),
	WORD(stripe_session, "payment_status", payment_status_word, MUST),
	WORD(stripe_session, "currency", currency_word, MAY),
	UNITS(stripe_session, "amount_total", amount_units, MAY),
	SECONDS(stripe_session, "created", created_s, MUST),
	SECONDS(stripe_session, "expires_at", expires_s, MUST),
	FLAG(stripe_session, "livemode", livemode),
	NEST(stripe_session, "metadata", metadata, metadata_form, MAY),
};

static const struct field redirect_fields[] = {
	TEXT(stripe_redirect, "url", url, URL_MAX),
};
static const struct form redirect_form = FORM(stripe_redirect, redirect_fields);
static const struct field action_fields[] = {
	WORD(stripe_action, "type", type, MUST),
	NEST(stripe_action, "redirect_to_url", redirect, redirect_form, MAY),
};
static const struct form action_form = FORM(stripe_action, action_fields);
static const struct field decline_fields[] = {
	WORD(stripe_decline, "type", type, MAY),
	WORD(stripe_decline, "code", code, MAY),
	WORD(stripe_decline, "decline_code", decline_code, MAY),
};
static const struct form decline_form = FORM(stripe_decline, decline_fields);

static const char *const intent_words[] = { "payment_intent", NULL };
static const struct field intent_fields[] = {
	ID(stripe_intent, "id", id, MUST),
	KIND(stripe_intent, intent_words),
	WORD(stripe_intent, "status", status_word, MUST),
	WORD(stripe_intent, "currency", currency_word, MUST),
	TEXT(stripe_intent, "client_secret", client_secret, TEXT_MAX),
	ID(stripe_intent, "latest_charge", latest_charge, MAY),
	ID(stripe_intent, "payment_method", payment_method, MAY),
	UNITS(stripe_intent, "amount", amount_units, MUST),
	UNITS(stripe_intent, "amount_received", received_units, MAY),
	SECONDS(stripe_intent, "created", created_s, MUST),
	FLAG(stripe_intent, "livemode", livemode),
	NEST(stripe_intent, "next_action", next_action, action_form, MAY),
	NEST(stripe_intent, "last_payment_error", last_error, decline_form, MAY),
	NEST(stripe_intent, "metadata", metadata, metadata_form, MAY),
};

static const char *const charge_words[] = { "charge", NULL };
static const struct field charge_fields[] = {
	ID(stripe_charge, "id", id, MUST),
	KIND(stripe_charge, charge_words),
	WORD(stripe_charge, "status", status_word, MUST),
	WORD(stripe_charge, "currency", currency_word, MUST),
	ID(stripe_charge, "payment_intent", payment_intent, MAY),
	ID(stripe_charge, "balance_transaction", balance_transaction, MAY),
	WORD(stripe_charge, "failure_code", failure_code, MAY),
	UNITS(stripe_charge, "amount", amount_units, MUST),
	UNITS(stripe_charge, "amount_captured", captured_units, MAY),
	UNITS(stripe_charge, "amount_refunded", refunded_units, MUST),
	SECONDS(stripe_charge, "created", created_s, MUST),
	FLAG(stripe_charge, "disputed", disputed),
	FLAG(stripe_charge, "refunded", refunded_fully),
	FLAG(stripe_charge, "livemode", livemode),
	NEST(stripe_charge, "metadata", metadata, metadata_form, MAY),
};

static const char *const refund_words[] = { "refund", NULL };
static const struct field refund_fields[] = {
	ID(stripe_refund, "id", id, MUST),
	KIND(stripe_refund, refund_words),
	WORD(stripe_refund, "status", status_word, MAY),
	WORD(stripe_refund, "currency", currency_word, MUST),
	ID(stripe_refund, "payment_intent", payment_intent, MAY),
	ID(stripe_refund, "charge", charge, MAY),
	ID(stripe_refund, "balance_transaction", balance_transaction, MAY),
	WORD(stripe_refund, "failure_reason", failure_reason, MAY),
	UNITS(stripe_refund, "amount", amount_units, MUST),
	SECONDS(stripe_refund, "created", created_s, MUST),
	NEST(stripe_refund, "metadata", metadata, metadata_form, MAY),
};

static const char *const balance_words[] = { "balance_transaction", NULL };
static const struct field balance_fields[] = {
	ID(stripe_balance, "id", id, MUST),
	KIND(stripe_balance, balance_words),
	WORD(stripe_balance, "type", type, MUST),
	WORD(stripe_balance, "reporting_category", category, MAY),
	ID(stripe_balance, "source", source, MAY),
	WORD(stripe_balance, "status", status, MAY),
	WORD(stripe_balance, "currency", currency_word, MUST),
	UNITS(stripe_balance, "amount", amount_units, MUST),
	UNITS(stripe_balance, "fee", fee_units, MUST),
	UNITS(stripe_balance, "net", net_units, MUST),
	SECONDS(stripe_balance, "created", created_s, MUST),
};
static void check_balance(struct scope *sc, const char *at, const void *object);
static const struct form balance_form = {
	.name = "stripe_balance", .size = sizeof(struct stripe_balance),
	.fields = balance_fields, .count = ARRAY_LEN(balance_fields),
	.check = check_balance, .open = true,
};

static const char *const dispute_words[] = { "dispute", NULL };
static const struct field dispute_fields[] = {
	ID(stripe_dispute, "id", id, MUST),
	KIND(stripe_dispute, dispute_words),
	WORD(stripe_dispute, "status", status_word, MUST),
	WORD(stripe_dispute, "currency", currency_word, MUST),
	ID(stripe_dispute, "payment_intent", payment_intent, MAY),
	ID(stripe_dispute, "charge", charge, MUST),
	WORD(stripe_dispute, "reason", reason, MAY),
	UNITS(stripe_dispute, "amount", amount_units, MUST),
	SECONDS(stripe_dispute, "created", created_s, MUST),
	{ .name = "balance_transactions", .type = FIELD_LIST, .flags = MAY,
	  .max = BALANCES_MAX, .form = &balance_form,
	  .offset = offsetof(struct stripe_dispute, balance) },
	NEST(stripe_dispute, "metadata", metadata, metadata_form, MAY),
};

static const struct form forms[STRIPE_OBJECT__MAX] = {
	[STRIPE_SESSION] = FORM(stripe_session, session_fields),
	[STRIPE_INTENT] = FORM(stripe_intent, intent_fields),
	[STRIPE_CHARGE] = FORM(stripe_charge, charge_fields),
	[STRIPE_REFUND] = FORM(stripe_refund, refund_fields),
	[STRIPE_DISPUTE] = FORM(stripe_dispute, dispute_fields),
	[STRIPE_BALANCE] = {
		.name = "stripe_balance", .size = sizeof(struct stripe_balance),
		.fields = balance_fields, .count = ARRAY_LEN(balance_fields),
		.check = check_balance, .open = true,
	},
};

/* The error of a refusal. */
static const struct field trouble_fields[] = {
	TEXT(stripe_trouble, "type", type, TEXT_MAX),
	TEXT(stripe_trouble, "code", code, TEXT_MAX),
	TEXT(stripe_trouble, "decline_code", decline_code, TEXT_MAX),
	TEXT(stripe_trouble, "param", param, TEXT_MAX),
	NEST(stripe_trouble, "payment_intent", intent, forms[STRIPE_INTENT], MAY),
};
static const struct form trouble_form = FORM(stripe_trouble, trouble_fields);
struct refusal {
	struct stripe_trouble *error;
};
static const struct field refusal_fields[] = {
	NEST(refusal, "error", error, trouble_form, MUST),
};
static const struct form refusal_form = FORM(refusal, refusal_fields);
/* clang-format on */

/* What Stripe says of itself must add up before we build a ledger on it. */
static void
check_balance(struct scope *sc, const char *at, const void *object)
{
	const struct stripe_balance *b = object;
	const char *pointer;

	if (b->amount_units == NONE || b->fee_units == NONE ||
	    b->net_units == NONE ||
	    b->amount_units - b->fee_units == b->net_units)
		return;
	pointer = arena_printf(sc->arena, "%s/net", at);
	scope_fault(sc, pointer, "one_of", "must be amount less fee");
}

const struct form *
stripe_object_form(enum stripe_object kind)
{
	assert((size_t)kind < STRIPE_OBJECT__MAX);
	return &forms[kind];
}

/* ---- into our units and words --------------------------------------------*/

struct word {
	const char *word;
	int value;
};

static const struct word session_states[] = {
	{ "open", STRIPE_SESSION_OPEN },
	{ "complete", STRIPE_SESSION_COMPLETE },
	{ "expired", STRIPE_SESSION_EXPIRED },
	{ NULL, STRIPE_SESSION_OTHER },
};
static const struct word paid_states[] = {
	{ "paid", STRIPE_PAID_YES },
	{ "unpaid", STRIPE_PAID_NOT },
	{ "no_payment_required", STRIPE_PAID_NOT_REQUIRED },
	{ NULL, STRIPE_PAID_OTHER },
};
static const struct word intent_states[] = {
	{ "requires_payment_method", STRIPE_INTENT_REQUIRES_PAYMENT_METHOD },
	{ "requires_confirmation", STRIPE_INTENT_REQUIRES_CONFIRMATION },
	{ "requires_action", STRIPE_INTENT_REQUIRES_ACTION },
	{ "requires_capture", STRIPE_INTENT_REQUIRES_CAPTURE },
	{ "processing", STRIPE_INTENT_PROCESSING },
	{ "succeeded", STRIPE_INTENT_SUCCEEDED },
	{ "canceled", STRIPE_INTENT_CANCELED },
	{ NULL, STRIPE_INTENT_OTHER },
};
static const struct word charge_states[] = {
	{ "succeeded", STRIPE_CHARGE_SUCCEEDED },
	{ "pending", STRIPE_CHARGE_PENDING },
	{ "failed", STRIPE_CHARGE_FAILED },
	{ NULL, STRIPE_CHARGE_OTHER },
};
static const struct word refund_states[] = {
	{ "pending", STRIPE_REFUND_PENDING },
	{ "requires_action", STRIPE_REFUND_REQUIRES_ACTION },
	{ "succeeded", STRIPE_REFUND_SUCCEEDED },
	{ "failed", STRIPE_REFUND_FAILED },
	{ "canceled", STRIPE_REFUND_CANCELED },
	{ NULL, STRIPE_REFUND_OTHER },
};
static const struct word dispute_states[] = {
	{ "won", STRIPE_DISPUTE_WON },
	{ "lost", STRIPE_DISPUTE_LOST },
	{ "warning_needs_response", STRIPE_DISPUTE_INQUIRY },
	{ "warning_under_review", STRIPE_DISPUTE_INQUIRY },
	{ "warning_closed", STRIPE_DISPUTE_CLOSED },
	{ "prevented", STRIPE_DISPUTE_CLOSED },
	{ NULL, STRIPE_DISPUTE_OPEN },
};

/* The last row holds for what is in no other. */
static int
value_of(const struct word *words, const char *word)
{
	while (words->word && (!word || strcmp(words->word, word) != 0))
		words++;
	return words->value;
}

static const struct currency *
currency_of(const char *word)
{
	char code[4] = "";

	if (!word || strlen(word) != 3)
		return NULL;
	for (size_t i = 0; i < 3; i++) {
		if (word[i] < 'a' || word[i] > 'z')
			return NULL;
		code[i] = (char)(word[i] - 'a' + 'A');
	}
	return currency_find(code);
}

static int64_t
amount_of(const struct currency *currency, int64_t units)
{
	if (!currency || units == NONE)
		return NONE;
	return units * currency->stripe_unit;
}

static int64_t
us_of(int64_t seconds)
{
	return seconds == NONE ? NONE : seconds * USEC_PER_SEC;
}

static void
take_id(const char *text, struct uuid *ret_id)
{
	if (!text || !uuid_parse(text, ret_id))
		memset(ret_id, 0, sizeof *ret_id);
}

static void
take_tags(const struct stripe_metadata *metadata, struct stripe_tags *tags)
{
	memset(tags, 0, sizeof *tags);
	if (!metadata)
		return;
	take_id(metadata->booking_id, &tags->booking_id);
	take_id(metadata->payment_id, &tags->payment_id);
	take_id(metadata->refund_id, &tags->refund_id);
	take_id(metadata->franchise_id, &tags->franchise_id);
	tags->reference = metadata->reference;
}

static void
finish_session(struct stripe_session *s)
{
	s->status = (enum stripe_session_status)value_of(session_states,
	    s->status_word);
	s->paid = (enum stripe_paid)value_of(paid_states,
	    s->payment_status_word);
	s->currency = currency_of(s->currency_word);
	s->amount = amount_of(s->currency, s->amount_units);
	s->created_us = us_of(s->created_s);
	s->expires_us = us_of(s->expires_s);
	take_tags(s->metadata, &s->tags);
}

static void
finish_intent(struct stripe_intent *i)
{
	i->status = (enum stripe_intent_status)value_of(intent_states,
	    i->status_word);
	i->currency = currency_of(i->currency_word);
	i->amount = amount_of(i->currency, i->amount_units);
	i->received = amount_of(i->currency, i->received_units);
	i->created_us = us_of(i->created_s);
	take_tags(i->metadata, &i->tags);
}

static void
finish_charge(struct stripe_charge *c)
{
	c->status = (enum stripe_charge_status)value_of(charge_states,
	    c->status_word);
	c->currency = currency_of(c->currency_word);
	c->amount = amount_of(c->currency, c->amount_units);
	c->captured = amount_of(c->currency, c->captured_units);
	c->refunded = amount_of(c->currency, c->refunded_units);
	c->created_us = us_of(c->created_s);
	take_tags(c->metadata, &c->tags);
}

static void
finish_refund(struct stripe_refund *r)
{
	r->status = (enum stripe_refund_status)value_of(refund_states,
	    r->status_word);
	r->currency = currency_of(r->currency_word);
	r->amount = amount_of(r->currency, r->amount_units);
	r->created_us = us_of(r->created_s);
	take_tags(r->metadata, &r->tags);
}

static void
finish_balance(struct stripe_balance *b)
{
	b->currency = currency_of(b->currency_word);
	b->amount = amount_of(b->currency, b->amount_units);
	b->fee = amount_of(b->currency, b->fee_units);
	b->net = amount_of(b->currency, b->net_units);
	b->created_us = us_of(b->created_s);
}

static void
finish_dispute(struct stripe_dispute *d)
{
	struct stripe_balance *items = d->balance.items;

	d->status = (enum stripe_dispute_status)value_of(dispute_states,
	    d->status_word);
	d->currency = currency_of(d->currency_word);
	d->amount = amount_of(d->currency, d->amount_units);
	d->created_us = us_of(d->created_s);
	take_tags(d->metadata, &d->tags);
	for (size_t i = 0; i < d->balance.count; i++)
		finish_balance(&items[i]);
}

void
stripe_object_finish(enum stripe_object kind, void *object)
{
	switch (kind) {
	case STRIPE_SESSION:
		finish_session(object);
		return;
	case STRIPE_INTENT:
		finish_intent(object);
		return;
	case STRIPE_CHARGE:
		finish_charge(object);
		return;
	case STRIPE_REFUND:
		finish_refund(object);
		return;
	case STRIPE_DISPUTE:
		finish_dispute(object);
		return;
	case STRIPE_BALANCE:
		finish_balance(object);
		return;
	case STRIPE_OBJECT__MAX:
		break;
	}
	assert(false);
}

const char *
stripe_object_id(enum stripe_object kind, const void *object)
{
	const struct form *form = stripe_object_form(kind);

	/* The first field of every table. */
	assert(strcmp(form->fields[0].name, "id") == 0);
	return *(const char *const *)((const char *)object +
	    form->fields[0].offset);
}

/* ---- reading -------------------------------------------------------------*/

enum err
stripe_object_read_form(struct scope *sc, const struct form *form,
    const char *text, size_t len, void *object)
{
	return form_read_answer(sc, "stripe", form, text, len, object);
}

enum err
stripe_object_read(struct scope *sc, enum stripe_object kind,
    const char *text, size_t len, void *object)
{
	enum err e = stripe_object_read_form(sc, stripe_object_form(kind),
	    text, len, object);

	if (!e)
		stripe_object_finish(kind, object);
	return e;
}

struct page {
	const char *object;
	struct list data;
	bool has_more;
};

enum err
stripe_object_read_list(struct scope *sc, enum stripe_object kind,
    const char *text, size_t len, struct list *ret_items, bool *ret_has_more)
{
	static const char *const words[] = { "list", NULL };
	const struct field fields[] = {
		KIND(page, words),
		{ .name = "data", .type = FIELD_LIST, .flags = MUST,
		  .max = BALANCES_MAX, .form = stripe_object_form(kind),
		  .offset = offsetof(struct page, data) },
		{ .name = "has_more", .type = FIELD_BOOL, .flags = MUST,
		  .offset = offsetof(struct page, has_more) },
	};
	const struct form form = {
		.name = "stripe_list", .size = sizeof(struct page),
		.fields = fields, .count = ARRAY_LEN(fields), .open = true,
	};
	struct page page;
	char *item;
	enum err e = stripe_object_read_form(sc, &form, text, len, &page);

	if (e)
		return e;
	item = page.data.items;
	for (size_t i = 0; i < page.data.count; i++) {
		stripe_object_finish(kind, item);
		item += stripe_object_form(kind)->size;
	}
	*ret_items = page.data;
	*ret_has_more = page.has_more;
	return ERR_OK;
}

void
stripe_object_read_trouble(struct scope *sc, const char *text, size_t len,
    struct stripe_trouble *ret_trouble)
{
	struct refusal refusal;

	memset(ret_trouble, 0, sizeof *ret_trouble);
	if (stripe_object_read_form(sc, &refusal_form, text, len, &refusal))
		return;
	*ret_trouble = *refusal.error;
	if (ret_trouble->intent)
		finish_intent(ret_trouble->intent);
}
