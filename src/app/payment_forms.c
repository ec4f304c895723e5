/* payment_forms.c: the tables of payments and refunds. */
#include "app/payment_forms.h"

#include <stddef.h>

#include "base/compiler.h"

#define AT(type, member) offsetof(struct type, member)
#define MUST FIELD_REQUIRED
#define ALWAYS (FIELD_REQUIRED | FIELD_NULLABLE)
#define MONEY_MAX INT64_C(9999999999)
#define EX_ID "\"0193a5c8-7b1e-7c3a-9d42-5f0e8a6b1c2d\""
#define EX_AT "\"2027-01-10T12:00:00Z\""

static const char *const booking_states[] = { "pending", "confirmed",
	"checked_in", "completed", "expired", "cancelled", "no_show", NULL };
static const char *const payment_states[] = { "queued", "open",
	"requires_action", "processing", "succeeded", "failed", "expired",
	"superseded", NULL };
static const char *const refund_states[] = { "queued", "pending", "succeeded",
	"failed", NULL };
static const char *const refund_reasons[] = { "cancelled", "late",
	"duplicate", "superseded", "price_down", "staff", NULL };

/* clang-format off */
static const struct field refund_rows[] = {
	{ "refund_id", FIELD_UUID, MUST, 0, 0, AT(refund, refund_id), NULL, NULL,
	  "The refund.", EX_ID },
	{ "payment_id", FIELD_UUID, MUST, 0, 0, AT(refund, payment_id), NULL, NULL,
	  "The payment it goes back from.", EX_ID },
	{ "amount", FIELD_MONEY, MUST, 0, MONEY_MAX, AT(refund, amount), NULL, NULL,
	  "What goes back.", "100.00" },
	{ "currency", FIELD_TEXT, MUST, 3, 3, AT(refund, currency), NULL, NULL,
	  "ISO 4217.", "\"USD\"" },
	{ "status", FIELD_WORD, MUST, 0, 0, AT(refund, status), NULL, refund_states,
	  "queued until Stripe has it; pending while the bank works on it; "
	  "failed is still owed.", "\"succeeded\"" },
	{ "reason", FIELD_WORD, MUST, 0, 0, AT(refund, reason), NULL, refund_reasons,
	  "Why it goes back.", "\"cancelled\"" },
	{ "failure_reason", FIELD_TEXT, ALWAYS, 0, 100, AT(refund, failure), NULL, NULL,
	  "Stripe's word for why it failed.", "null" },
	{ "created_at", FIELD_INSTANT, MUST, 0, 0, AT(refund, created_us), NULL, NULL,
	  "When it was decided.", EX_AT },
	{ "processed_at", FIELD_INSTANT, ALWAYS, 0, 0, AT(refund, processed_us), NULL, NULL,
	  "When it ended.", EX_AT },
};
static const struct field next_action_rows[] = {
	{ "type", FIELD_TEXT, MUST, 0, 100, AT(next_action, type), NULL, NULL,
	  "Stripe's word for it.", "\"redirect_to_url\"" },
	{ "redirect_url", FIELD_TEXT, ALWAYS, 0, 0, AT(next_action, redirect_url), NULL, NULL,
	  "The page of the customer's bank; it leads back to /paid.", "null" },
	{ "client_secret", FIELD_TEXT, ALWAYS, 0, 0, AT(next_action, client_secret), NULL, NULL,
	  "For Stripe's own script in the browser; keep it from logs.", "null" },
};
static const struct field payment_rows_[] = {
	{ "payment_id", FIELD_UUID, MUST, 0, 0, AT(payment, payment_id), NULL, NULL,
	  "The payment.", EX_ID },
	{ "booking_id", FIELD_UUID, MUST, 0, 0, AT(payment, booking_id), NULL, NULL,
	  "The booking it pays.", EX_ID },
	{ "booking_status", FIELD_WORD, MUST, 0, 0, AT(payment, booking_status), NULL,
	  booking_states, "Where the booking stands.", "\"confirmed\"" },
	{ "status", FIELD_WORD, MUST, 0, 0, AT(payment, status), NULL, payment_states,
	  "Where it stands.", "\"succeeded\"" },
	{ "amount", FIELD_MONEY, MUST, 0, MONEY_MAX, AT(payment, amount), NULL, NULL,
	  "What is asked for: the booking's price, never the client's word.", "120.00" },
	{ "refunded_amount", FIELD_MONEY, MUST, 0, MONEY_MAX, AT(payment, refunded_amount),
	  NULL, NULL, "What has gone back of it, or is on its way.", "0.00" },
	{ "currency", FIELD_TEXT, MUST, 3, 3, AT(payment, currency), NULL, NULL,
	  "ISO 4217.", "\"USD\"" },
	{ "payment_method", FIELD_TEXT, MUST, 1, 50, AT(payment, payment_method), NULL, NULL,
	  "checkout, or Stripe's payment method.", "\"checkout\"" },
	{ "payment_url", FIELD_TEXT, ALWAYS, 0, 0, AT(payment, payment_url), NULL, NULL,
	  "Where the customer pays, while that is possible.", "null" },
	{ "next_action", FIELD_OBJECT, ALWAYS, 0, 0, AT(payment, next_action),
	  &form_next_action, NULL, "requires_action, in the answer to paying: what the"
	  " customer does next.", NULL },
	{ "failure_code", FIELD_TEXT, ALWAYS, 0, 100, AT(payment, failure_code), NULL, NULL,
	  "Stripe's word for why it failed.", "null" },
	{ "refunds", FIELD_LIST, MUST, 0, 100, AT(payment, refunds), &form_refund, NULL,
	  "What goes back of it.", NULL },
	{ "created_at", FIELD_INSTANT, MUST, 0, 0, AT(payment, created_us), NULL, NULL,
	  "When it was asked for.", EX_AT },
	{ "processed_at", FIELD_INSTANT, ALWAYS, 0, 0, AT(payment, processed_us), NULL, NULL,
	  "When it ended.", EX_AT },
};
static const struct field booking_payment_rows[] = {
	{ "payment_method", FIELD_TEXT, 0, 4, 50, AT(payment_request, payment_method), NULL, NULL,
	  "Stripe's payment method (pm_...); without one the answer names a "
	  "Checkout page.", "\"pm_card_visa\"" },
};
static const struct field payment_create_rows[] = {
	{ "booking_id", FIELD_UUID, MUST, 0, 0, AT(payment_request, booking_id), NULL, NULL,
	  "The booking to pay.", EX_ID },
	{ "payment_method", FIELD_TEXT, 0, 4, 50, AT(payment_request, payment_method), NULL, NULL,
	  "Stripe's payment method (pm_...); without one the answer names a "
	  "Checkout page.", "\"pm_card_visa\"" },
};
static const struct field refund_create_rows[] = {
	{ "amount", FIELD_MONEY, 0, 1, MONEY_MAX, AT(refund_request, amount), NULL, NULL,
	  "What goes back; all that is left when absent.", "20.00" },
};
static const struct field webhook_answer_rows[] = {
	{ "received", FIELD_BOOL, MUST, 0, 0, AT(webhook_answer, received), NULL, NULL,
	  "The event is stored.", "true" },
};
/* clang-format on */

#define FORM(id, title, type, rows, text) \
	const struct form form_##id = { .name = (title), .help = (text), \
		.size = sizeof(struct type), .fields = (rows), \
		.count = ARRAY_LEN(rows) }

FORM(next_action, "NextAction", next_action, next_action_rows,
    "What the customer has to do before the payment can go on.");
FORM(refund, "Refund", refund, refund_rows, "Money that goes back.");
FORM(payment, "Payment", payment, payment_rows_, "One attempt to pay.");
FORM(booking_payment, "BookingPayment", payment_request, booking_payment_rows,
    "How to pay a booking.");
FORM(payment_create, "PaymentCreate", payment_request, payment_create_rows,
    "What to pay, and how.");
FORM(refund_create, "RefundCreate", refund_request, refund_create_rows,
    "How much goes back.");
FORM(webhook_answer, "WebhookAnswer", webhook_answer, webhook_answer_rows,
    "The event is stored.");
