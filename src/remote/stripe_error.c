/* stripe_error.c: the table of Stripe's errors, and the table of sentences. */
#include "remote/stripe_error.h"

#include <assert.h>
#include <string.h>

#include "base/compiler.h"

/* The first row that fits holds; 0 and NULL fit anything. */
struct row {
	int status;
	const char *type;
	const char *code;
	enum stripe_kind kind;
};

/* clang-format off */
static const struct row rows[] = {
	/* Another process is at it with this key: it may be done. */
	{ 0,   NULL, "idempotency_key_in_use", STRIPE_UNKNOWN },
	{ 0,   "idempotency_error", NULL, STRIPE_CONFLICT },
	/* Turned away before anything was begun. */
	{ 0,   NULL, "lock_timeout", STRIPE_LATER },
	{ 0,   NULL, "rate_limit", STRIPE_LATER },
	{ 429, NULL, NULL, STRIPE_LATER },
	{ 401, NULL, NULL, STRIPE_DENIED },
	{ 403, NULL, NULL, STRIPE_DENIED },
	{ 0,   "authentication_error", NULL, STRIPE_DENIED },
	/* The card's, or its bank's, doing. */
	{ 0,   "card_error", NULL, STRIPE_DECLINED },
	{ 402, NULL, "payment_intent_authentication_failure", STRIPE_DECLINED },
	{ 400, NULL, "payment_intent_authentication_failure", STRIPE_DECLINED },
	{ 402, NULL, "payment_method_provider_decline", STRIPE_DECLINED },
	{ 402, NULL, "payment_intent_payment_attempt_failed", STRIPE_DECLINED },
	/* Somebody was here before. */
	{ 400, NULL, "payment_intent_unexpected_state", STRIPE_STATE },
	{ 400, NULL, "intent_invalid_state", STRIPE_STATE },
	{ 400, NULL, "charge_already_refunded", STRIPE_STATE },
	{ 400, NULL, "charge_disputed", STRIPE_STATE },
	{ 400, NULL, "refund_disputed_payment", STRIPE_STATE },
	{ 400, NULL, "resource_missing", STRIPE_MISSING },
	{ 404, NULL, NULL, STRIPE_MISSING },
	{ 400, NULL, NULL, STRIPE_REFUSED },
	{ 402, "invalid_request_error", NULL, STRIPE_REFUSED },
	{ 413, NULL, NULL, STRIPE_REFUSED },
	{ 424, NULL, NULL, STRIPE_UNKNOWN },
	{ 409, NULL, NULL, STRIPE_UNKNOWN },
	{ 0,   "api_error", NULL, STRIPE_UNKNOWN },
};
/* clang-format on */

static bool
fits(const char *wanted, const char *told)
{
	return !wanted || (told && strcmp(wanted, told) == 0);
}

enum stripe_kind
stripe_error_kind(int status, const char *type, const char *code)
{
	/* Whatever it says: who fails inside may have done it before. */
	if (status >= 500)
		return STRIPE_UNKNOWN;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if ((rows[i].status == 0 || rows[i].status == status) &&
		    fits(rows[i].type, type) && fits(rows[i].code, code))
			return rows[i].kind;
	}
	return STRIPE_UNKNOWN;
}

const char *
stripe_kind_word(enum stripe_kind kind)
{
	static const char *const words[] = {
		[STRIPE_DONE] = "done",
		[STRIPE_DECLINED] = "declined",
		[STRIPE_STATE] = "state",
		[STRIPE_MISSING] = "missing",
		[STRIPE_REFUSED] = "refused",
		[STRIPE_CONFLICT] = "conflict",
		[STRIPE_DENIED] = "denied",
		[STRIPE_LATER] = "later",
		[STRIPE_UNKNOWN] = "unknown",
	};

	assert((size_t)kind < STRIPE_KIND__MAX);
	return words[kind];
}

/* ---- sentences -----------------------------------------------------------*/

#define GENERIC "The card was declined. Please use another card or ask your bank."
#define DETAILS "Please check the card's details and try again."

/* Of Stripe's decline codes and error codes.  What is not here, and that is
 * above all what smells of fraud, gets the generic sentence. */
static const struct {
	const char *code;
	const char *sentence;
} sentences[] = {
	{ "authentication_required",
	    "Your bank asks you to confirm this payment. Please try again and "
	    "confirm it." },
	{ "payment_intent_authentication_failure",
	    "Your bank could not confirm that it was you. Please try again or "
	    "use another card." },
	{ "approve_with_id",
	    "The payment could not be authorised. Please try again." },
	{ "card_not_supported",
	    "This card does not support this kind of purchase. Please use "
	    "another card." },
	{ "card_velocity_exceeded",
	    "The card's limit has been reached. Please use another card or ask "
	    "your bank." },
	{ "currency_not_supported",
	    "This card does not support the currency. Please use another "
	    "card." },
	{ "duplicate_transaction",
	    "A payment of the same amount was made a moment ago. Please check "
	    "whether it went through before you try again." },
	{ "expired_card", "The card has expired. Please use another card." },
	{ "incorrect_address", "The address does not fit the card. " DETAILS },
	{ "incorrect_cvc", "The card's security code is not right. " DETAILS },
	{ "incorrect_number", "The card's number is not right. " DETAILS },
	{ "incorrect_pin", "The PIN is not right. Please try again." },
	{ "incorrect_zip", "The postal code does not fit the card. " DETAILS },
	{ "insufficient_funds",
	    "The card does not have enough funds. Please use another card." },
	{ "invalid_cvc", "The card's security code is not right. " DETAILS },
	{ "invalid_expiry_month",
	    "The card's expiry month is not right. " DETAILS },
	{ "invalid_expiry_year",
	    "The card's expiry year is not right. " DETAILS },
	{ "invalid_number", "The card's number is not right. " DETAILS },
	{ "issuer_not_available",
	    "The card's bank could not be reached. Please try again in a "
	    "moment." },
	{ "processing_error",
	    "The card could not be processed. Please try again in a moment." },
	{ "reenter_transaction",
	    "The card could not be processed. Please try again in a moment." },
	{ "try_again_later",
	    "The card could not be processed. Please try again in a moment." },
	{ "testmode_decline", "A test card was used. Please use a real one." },
	{ "withdrawal_count_limit_exceeded",
	    "The card's limit has been reached. Please use another card or ask "
	    "your bank." },
};

static const char *
find_sentence(const char *code)
{
	for (size_t i = 0; code && i < ARRAY_LEN(sentences); i++) {
		if (strcmp(sentences[i].code, code) == 0)
			return sentences[i].sentence;
	}
	return NULL;
}

const char *
stripe_decline_sentence(const char *code, const char *decline_code)
{
	const char *sentence = find_sentence(decline_code);

	/* A decline code we have no sentence for is not to be softened by the
	 * coarser code beside it. */
	if (!sentence && !decline_code)
		sentence = find_sentence(code);
	return sentence ? sentence : GENERIC;
}

const char *
stripe_decline_public(const char *code)
{
	/* Whoever tries a stolen card is not told that it is known to be. */
	static const char *const hidden[] = { "fraudulent", "lost_card",
		"merchant_blacklist", "pickup_card", "stolen_card" };

	for (size_t i = 0; code && i < ARRAY_LEN(hidden); i++) {
		if (strcmp(hidden[i], code) == 0)
			return "generic_decline";
	}
	return code;
}
