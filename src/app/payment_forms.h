/*
 * payment_forms.h: the bodies and views of payments and refunds.
 */
#ifndef APP_PAYMENT_FORMS_H
#define APP_PAYMENT_FORMS_H

#include <stdint.h>

#include "base/form.h"
#include "base/uuid.h"

struct refund {
	struct uuid refund_id;
	struct uuid payment_id;
	int64_t amount;
	const char *currency;
	const char *status; /* queued, pending, succeeded, failed */
	const char *reason;
	const char *failure; /* Stripe's word */
	int64_t created_us;
	int64_t processed_us;
};

struct next_action {
	const char *type;          /* "redirect_to_url" */
	const char *redirect_url;  /* the bank's page; NULL = none */
	const char *client_secret; /* for Stripe's own script */
};

struct payment {
	struct uuid payment_id;
	struct uuid booking_id;
	const char *booking_status;
	const char *status;
	int64_t amount;
	int64_t refunded_amount;
	const char *currency;
	const char *payment_method;
	const char *payment_url;  /* while the customer can pay there */
	const struct next_action *next_action; /* the customer's turn */
	const char *failure_code; /* Stripe's, when it failed */
	struct list refunds;      /* of struct refund */
	int64_t created_us;
	int64_t processed_us;
};

/* POST /bookings/{id}/payment; POST /payments names the booking too. */
struct payment_request {
	struct uuid booking_id;
	const char *payment_method; /* "pm_..."; NULL = a Checkout page */
};

struct refund_request { /* POST /payments/{id}/refund */
	int64_t amount; /* NONE = all that is left */
};

struct webhook_answer {
	bool received;
};

extern const struct form form_payment, form_next_action, form_refund,
    form_payment_create, form_booking_payment, form_refund_create,
    form_webhook_answer;

#endif
