/*
 * stripe.h: Stripe's API as this product uses it: what is asked, what comes
 * back, and what it means when something else does.
 *
 * Certainty Every call ends as one enum stripe_kind.  UNKNOWN is neither done
 *          nor failed: ask again with the same key, or read the object.
 * Units    Amounts here are hundredths of the currency's unit, as everywhere;
 *          they become Stripe's own unit (currency.h: stripe_unit) on the way
 *          out and back on the way in.  A currency we do not take reads as
 *          NULL, and its amounts as NONE.  *_us is microseconds since 1970.
 * Memory   What is read lives in sc->arena.
 * Version  STRIPE_VERSION is sent with every call; it is the one that Stripe's
 *          npm client 23.1.0 is made for, whose types the parameters are held
 *          against.
 * Errors   sc->why says what happened, with Stripe's request id; it holds no
 *          message of Stripe's, no address and no key.
 */
#ifndef REMOTE_STRIPE_H
#define REMOTE_STRIPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/form.h"
#include "base/scope.h"
#include "base/uuid.h"
#include "domain/currency.h"
#include "remote/http_client.h"

#define STRIPE_VERSION "2026-10-28.endive"
#define STRIPE_URL "https://api.stripe.com"
#define STRIPE_ID_MAX 255
#define STRIPE_KEY_MAX 255 /* characters of an Idempotency-Key */
#define STRIPE_RETRIES 2

/* What one process needs to speak to Stripe; texts outlive it. */
struct stripe {
	struct http_client *http;
	const char *base_url; /* http_client_url_check'ed, without a / behind */
	const char *secret_key;
};

/* How a call ended. */
enum stripe_kind {
	STRIPE_DONE,     /* the object is there */
	STRIPE_DECLINED, /* the card was: call->code, ->decline_code, ->sentence;
	                    nothing of ours is at fault */
	STRIPE_STATE,    /* the object's state does not allow it: read it */
	STRIPE_MISSING,  /* there is no such object */
	STRIPE_REFUSED,  /* Stripe will never do this: our mistake, alarm */
	STRIPE_CONFLICT, /* the key was used for another request: read what it
	                    made, never take another key; alarm */
	STRIPE_DENIED,   /* our secret key or account is not good: alarm */
	STRIPE_LATER,    /* surely not done: try again with the same key */
	STRIPE_UNKNOWN,  /* done or not: again with the same key, or read */
	STRIPE_KIND__MAX
};
const char *stripe_kind_word(enum stripe_kind kind); /* "declined" */

/* One call: how it is to be made, and what was said of it. */
struct stripe_call {
	/* in */
	const char *key;     /* Idempotency-Key of a POST, made of our row's id */
	const char *account; /* connected account "acct_...", NULL = our own */
	unsigned retries;    /* 0, or STRIPE_RETRIES where there is time */
	/* out, always set; NULL = not told */
	enum http_client_cause cause;
	int status;       /* HTTP, 0 = no answer */
	bool replayed;    /* Stripe gave the answer it had given before */
	bool final;       /* Stripe-Should-Retry: false: a repeat would only
	                     replay this: read the object instead */
	const char *request_id;
	const char *type;
	const char *code;
	const char *decline_code;
	const char *param;
	const char *sentence; /* DECLINED: for the customer */
	struct stripe_intent *intent; /* DECLINED: the intent, if told */
};

/* One sentence for the customer about a decline; NULL = not told; never NULL,
 * and never more than the customer may know (a stolen card is simply
 * declined). */
const char *stripe_decline_sentence(const char *code,
    const char *decline_code);
/* The code as the customer may see it; NULL stays NULL. */
const char *stripe_decline_public(const char *code);

/* ---- what we hang on Stripe's objects ------------------------------------*/

/* Metadata that leads back to our rows.  All zero, NULL: absent, or not in
 * our form (the object is not ours). */
struct stripe_tags {
	struct uuid booking_id;
	struct uuid payment_id; /* the attempt */
	struct uuid refund_id;
	struct uuid franchise_id;
	const char *reference; /* CB-..., for whoever reads Stripe's dashboard */
};

/* As it is read; stripe_tags is made of it. */
struct stripe_metadata {
	const char *booking_id;
	const char *payment_id;
	const char *refund_id;
	const char *franchise_id;
	const char *reference;
};

/* ---- objects -------------------------------------------------------------*/

enum stripe_object {
	STRIPE_SESSION,
	STRIPE_INTENT,
	STRIPE_CHARGE,
	STRIPE_REFUND,
	STRIPE_DISPUTE,
	STRIPE_BALANCE, /* a balance transaction */
	STRIPE_OBJECT__MAX
};

enum stripe_session_status {
	STRIPE_SESSION_OTHER, /* a word we do not know, or none */
	STRIPE_SESSION_OPEN,
	STRIPE_SESSION_COMPLETE,
	STRIPE_SESSION_EXPIRED
};

enum stripe_paid {
	STRIPE_PAID_OTHER,
	STRIPE_PAID_YES,
	STRIPE_PAID_NOT,
	STRIPE_PAID_NOT_REQUIRED
};

struct stripe_session {
	const char *id;
	const char *object;
	const char *url; /* NULL unless open */
	const char *payment_intent; /* NULL until there is one */
	const char *client_reference_id;
	const char *status_word;
	const char *payment_status_word;
	const char *currency_word;
	int64_t amount_units;
	int64_t created_s;
	int64_t expires_s;
	bool livemode;
	struct stripe_metadata *metadata;
	/* made of the above */
	enum stripe_session_status status;
	enum stripe_paid paid;
	const struct currency *currency;
	int64_t amount; /* total */
	int64_t created_us;
	int64_t expires_us;
	struct stripe_tags tags;
};

enum stripe_intent_status {
	STRIPE_INTENT_OTHER,
	STRIPE_INTENT_REQUIRES_PAYMENT_METHOD, /* declined, or not tried yet */
	STRIPE_INTENT_REQUIRES_CONFIRMATION,
	STRIPE_INTENT_REQUIRES_ACTION, /* the customer's turn: 3-D Secure */
	STRIPE_INTENT_REQUIRES_CAPTURE,
	STRIPE_INTENT_PROCESSING,
	STRIPE_INTENT_SUCCEEDED,
	STRIPE_INTENT_CANCELED
};

struct stripe_redirect {
	const char *url;
};
struct stripe_action {
	const char *type; /* "redirect_to_url" */
	struct stripe_redirect *redirect;
};
struct stripe_decline {
	const char *type;
	const char *code;
	const char *decline_code;
};

struct stripe_intent {
	const char *id;
	const char *object;
	const char *status_word;
	const char *currency_word;
	const char *client_secret;
	const char *latest_charge;
	const char *payment_method;
	int64_t amount_units;
	int64_t received_units;
	int64_t created_s;
	bool livemode;
	struct stripe_action *next_action; /* NULL unless REQUIRES_ACTION */
	struct stripe_decline *last_error; /* why the last try failed */
	struct stripe_metadata *metadata;
	/* made of the above */
	enum stripe_intent_status status;
	const struct currency *currency;
	int64_t amount;
	int64_t received; /* what was really paid */
	int64_t created_us;
	struct stripe_tags tags;
};

enum stripe_charge_status {
	STRIPE_CHARGE_OTHER,
	STRIPE_CHARGE_SUCCEEDED,
	STRIPE_CHARGE_PENDING,
	STRIPE_CHARGE_FAILED
};

struct stripe_charge {
	const char *id;
	const char *object;
	const char *status_word;
	const char *currency_word;
	const char *payment_intent;
	const char *balance_transaction;
	const char *failure_code;
	int64_t amount_units;
	int64_t captured_units;
	int64_t refunded_units;
	int64_t created_s;
	bool disputed;
	bool refunded_fully;
	bool livemode;
	struct stripe_metadata *metadata;
	/* made of the above */
	enum stripe_charge_status status;
	const struct currency *currency;
	int64_t amount;
	int64_t captured;
	int64_t refunded;
	int64_t created_us;
	struct stripe_tags tags;
};

enum stripe_refund_status {
	STRIPE_REFUND_OTHER,
	STRIPE_REFUND_PENDING,
	STRIPE_REFUND_REQUIRES_ACTION,
	STRIPE_REFUND_SUCCEEDED,
	STRIPE_REFUND_FAILED,
	STRIPE_REFUND_CANCELED
};

struct stripe_refund {
	const char *id;
	const char *object;
	const char *status_word;
	const char *currency_word;
	const char *payment_intent;
	const char *charge;
	const char *balance_transaction;
	const char *failure_reason;
	int64_t amount_units;
	int64_t created_s;
	struct stripe_metadata *metadata;
	/* made of the above */
	enum stripe_refund_status status;
	const struct currency *currency;
	int64_t amount;
	int64_t created_us;
	struct stripe_tags tags;
};

/* A movement on our balance with Stripe, in the currency of that balance
 * (which may differ from the charge's). */
struct stripe_balance {
	const char *id;
	const char *object;
	const char *type; /* "charge", "refund", "adjustment", ... */
	const char *category; /* reporting_category */
	const char *source; /* the charge's, refund's or dispute's id */
	const char *status;
	const char *currency_word;
	int64_t amount_units;
	int64_t fee_units;
	int64_t net_units;
	int64_t created_s;
	/* made of the above */
	const struct currency *currency;
	int64_t amount; /* gross: negative when it leaves */
	int64_t fee;
	int64_t net; /* amount - fee, which is checked */
	int64_t created_us;
};

enum stripe_dispute_status {
	STRIPE_DISPUTE_OPEN, /* any state without an end */
	STRIPE_DISPUTE_INQUIRY, /* the bank only asks: no money moves yet */
	STRIPE_DISPUTE_WON,
	STRIPE_DISPUTE_LOST,
	STRIPE_DISPUTE_CLOSED /* a warning, or prevented: no money moved */
};

struct stripe_dispute {
	const char *id;
	const char *object;
	const char *status_word;
	const char *currency_word;
	const char *payment_intent;
	const char *charge;
	const char *reason;
	int64_t amount_units;
	int64_t created_s;
	struct list balance; /* struct stripe_balance: taken and given back */
	struct stripe_metadata *metadata;
	/* made of the above */
	enum stripe_dispute_status status;
	const struct currency *currency;
	int64_t amount;
	int64_t created_us;
	struct stripe_tags tags;
};

/* ---- what is asked -------------------------------------------------------*/

/* A Checkout Session: one line, cards only. */
struct stripe_session_new {
	const struct currency *currency;
	int64_t amount;          /* above 0, a multiple of currency->stripe_unit */
	const char *name;        /* what is bought; no child's name */
	const char *description; /* or NULL */
	const char *success_url;
	const char *cancel_url;
	const char *customer_email; /* or NULL */
	const char *locale;         /* or NULL: the browser's */
	int64_t expires_us;         /* 30 minutes to 24 hours ahead */
	struct stripe_tags tags;    /* on the session and on its intent */
};

/* A PaymentIntent, confirmed at once: one card, paid while the customer is
 * there. */
struct stripe_intent_new {
	const struct currency *currency;
	int64_t amount;
	const char *payment_method; /* "pm_..." */
	const char *return_url;     /* where 3-D Secure comes back to */
	const char *description;    /* or NULL */
	struct stripe_tags tags;
};

struct stripe_refund_new {
	const struct currency *currency; /* of the payment */
	int64_t amount;
	const char *payment_intent;
	struct stripe_tags tags;
};

/*
 * The calls.  POSTs that make something need call->key; of the others only
 * those with a key are ever repeated.  An id that is none of Stripe's ("../x")
 * is answered MISSING without asking.  *ret_... is set when DONE.
 */
enum stripe_kind stripe_session_create(const struct stripe *stripe,
    struct scope *sc, struct stripe_call *call,
    const struct stripe_session_new *wanted,
    struct stripe_session *ret_session) MUSTCHECK;
enum stripe_kind stripe_session_read(const struct stripe *stripe,
    struct scope *sc, struct stripe_call *call, const char *id,
    struct stripe_session *ret_session) MUSTCHECK;
/* REFUSED when it is no longer open: read it. */
enum stripe_kind stripe_session_expire(const struct stripe *stripe,
    struct scope *sc, struct stripe_call *call, const char *id,
    struct stripe_session *ret_session) MUSTCHECK;

enum stripe_kind stripe_intent_create(const struct stripe *stripe,
    struct scope *sc, struct stripe_call *call,
    const struct stripe_intent_new *wanted,
    struct stripe_intent *ret_intent) MUSTCHECK;
enum stripe_kind stripe_intent_read(const struct stripe *stripe,
    struct scope *sc, struct stripe_call *call, const char *id,
    struct stripe_intent *ret_intent) MUSTCHECK;
/* STATE when it can no longer be: read it. */
enum stripe_kind stripe_intent_cancel(const struct stripe *stripe,
    struct scope *sc, struct stripe_call *call, const char *id,
    struct stripe_intent *ret_intent) MUSTCHECK;

enum stripe_kind stripe_refund_create(const struct stripe *stripe,
    struct scope *sc, struct stripe_call *call,
    const struct stripe_refund_new *wanted,
    struct stripe_refund *ret_refund) MUSTCHECK;
enum stripe_kind stripe_refund_read(const struct stripe *stripe,
    struct scope *sc, struct stripe_call *call, const char *id,
    struct stripe_refund *ret_refund) MUSTCHECK;

enum stripe_kind stripe_charge_read(const struct stripe *stripe,
    struct scope *sc, struct stripe_call *call, const char *id,
    struct stripe_charge *ret_charge) MUSTCHECK;
enum stripe_kind stripe_dispute_read(const struct stripe *stripe,
    struct scope *sc, struct stripe_call *call, const char *id,
    struct stripe_dispute *ret_dispute) MUSTCHECK;

/* ---- lists, page by page -------------------------------------------------*/

/*
 *	struct stripe_pages pages = { .object = STRIPE_CHARGE, .from_us = t };
 *	while (!pages.over) {
 *		kind = stripe_pages_next(stripe, sc, &call, &pages, &items);
 *		...
 *	}
 *
 * Newest first.  Nothing of a page is needed for the next one, so the arena
 * may be reset between.  A page that fails may be asked for again.
 */
struct stripe_pages {
	/* in */
	enum stripe_object object; /* CHARGE, REFUND or BALANCE */
	int64_t from_us;           /* created at or after; 0 = any time */
	int64_t to_us;             /* created before; 0 = now */
	const char *payment_intent; /* only of this one; NULL = of all; not
	                               for BALANCE */
	/* the iterator's */
	char after[STRIPE_ID_MAX + 1];
	bool over;
};

/* *ret_items: structs of pages->object, laid end to end. */
enum stripe_kind stripe_pages_next(const struct stripe *stripe,
    struct scope *sc, struct stripe_call *call, struct stripe_pages *pages,
    struct list *ret_items) MUSTCHECK;

/* ---- events --------------------------------------------------------------*/

enum stripe_event_type {
	STRIPE_EVENT_OTHER, /* one we keep and do nothing about */
	STRIPE_EVENT_SESSION_COMPLETED,
	STRIPE_EVENT_SESSION_ASYNC_SUCCEEDED,
	STRIPE_EVENT_SESSION_ASYNC_FAILED,
	STRIPE_EVENT_SESSION_EXPIRED,
	STRIPE_EVENT_INTENT_SUCCEEDED,
	STRIPE_EVENT_INTENT_FAILED,
	STRIPE_EVENT_INTENT_PROCESSING,
	STRIPE_EVENT_CHARGE_REFUNDED,
	STRIPE_EVENT_REFUND_UPDATED,
	STRIPE_EVENT_REFUND_FAILED,
	STRIPE_EVENT_DISPUTE_CREATED,
	STRIPE_EVENT_DISPUTE_UPDATED, /* also: money withdrawn, reinstated */
	STRIPE_EVENT_DISPUTE_CLOSED,
	STRIPE_EVENT__MAX
};

struct stripe_event {
	const char *id;
	const char *object;
	const char *type_word;
	const char *account;     /* connected account, NULL = our own */
	const char *api_version; /* of the endpoint: STRIPE_VERSION, or beware */
	int64_t created_s;
	bool livemode;
	/* made of the above */
	enum stripe_event_type type;
	int64_t created_us;
	/* The object as it was then; all NULL for OTHER, else just one set. */
	struct stripe_session *session;
	struct stripe_intent *intent;
	struct stripe_charge *charge;
	struct stripe_refund *refund;
	struct stripe_dispute *dispute;
};

/*
 * Read the body of a webhook, whose signature has been checked, or an answer.
 * ERR_MALFORMED, ERR_INVALID: it is not an event, or not one of its type; no
 * fault is noted in sc->faults.  Of a type we do not handle only the envelope
 * is looked at.
 */
enum err stripe_event_parse(struct scope *sc, const char *body, size_t len,
    struct stripe_event *ret_event) MUSTCHECK;

enum stripe_kind stripe_event_read(const struct stripe *stripe,
    struct scope *sc, struct stripe_call *call, const char *id,
    struct stripe_event *ret_event) MUSTCHECK;

/* ---- signatures ----------------------------------------------------------*/

#define STRIPE_TOLERANCE_S 300 /* in both directions */
#define STRIPE_SIGNATURE_MAX 4096 /* characters of the header */
#define STRIPE_SIGNATURE_PARTS_MAX 32
#define STRIPE_SECRETS_MAX 8

enum stripe_signature {
	STRIPE_SIGNATURE_GOOD,
	STRIPE_SIGNATURE_MALFORMED, /* no header, or none of the form */
	STRIPE_SIGNATURE_WRONG,     /* of no secret we have */
	STRIPE_SIGNATURE_STALE      /* right, but not of now */
};

/*
 * Check Stripe-Signature over the raw body, scheme v1: "t=SECONDS,v1=HEX,..."
 * with HEX the HMAC-SHA256 by a secret (the whole text, whsec_ included) of
 * t "." body.  Any v1 by any secret will do; other schemes are passed over; t
 * stands once, as plain digits.  header may be NULL; an empty secret signs
 * nothing.  Comparison takes the same time wherever it differs.
 */
enum stripe_signature stripe_signature_check(struct scope *sc,
    const char *header, const void *body, size_t len,
    const char *const *secrets, size_t secret_count, int64_t now_us) MUSTCHECK;

#endif
