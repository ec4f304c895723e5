/*
 * stripe_requests.h: each request the Stripe adapter can make, with every
 * parameter it can send: the endpoint, then its parameters.  The adapter is
 * held against this list here, and the list against the types of Stripe's own
 * client in tests/tools/test_stripe_params.py.
 */
#ifndef TESTS_UNIT_STRIPE_REQUESTS_H
#define TESTS_UNIT_STRIPE_REQUESTS_H

/* clang-format off */
static const char *const stripe_requests[] = {
	"POST /v1/checkout/sessions",
	"mode=payment",
	"allowed_payment_method_types[0]=card",
	"line_items[0][quantity]=1",
	"line_items[0][price_data][currency]=usd",
	"line_items[0][price_data][unit_amount]=12000",
	"line_items[0][price_data][product_data][name]=Child%20care%20%26%20more",
	"line_items[0][price_data][product_data][description]=09%3A00%20%E2%80%93%2011%3A00",
	"success_url=https%3A%2F%2Fbook.example%2Fdone%3Fa%3D1%26b%3D2",
	"cancel_url=https%3A%2F%2Fbook.example%2Fpay",
	"customer_email=anna%2Btest%40example.com",
	"locale=de",
	"expires_at=1800001860",
	"client_reference_id=11111111-1111-1111-1111-111111111111",
	"metadata[booking_id]=11111111-1111-1111-1111-111111111111",
	"metadata[payment_id]=22222222-2222-2222-2222-222222222222",
	"metadata[refund_id]=33333333-3333-3333-3333-333333333333",
	"metadata[franchise_id]=44444444-4444-4444-4444-444444444444",
	"metadata[reference]=CB-7K2M",
	"payment_intent_data[description]=Child%20care%20%26%20more",
	"payment_intent_data[metadata][booking_id]=11111111-1111-1111-1111-111111111111",
	"payment_intent_data[metadata][payment_id]=22222222-2222-2222-2222-222222222222",
	"payment_intent_data[metadata][refund_id]=33333333-3333-3333-3333-333333333333",
	"payment_intent_data[metadata][franchise_id]=44444444-4444-4444-4444-444444444444",
	"payment_intent_data[metadata][reference]=CB-7K2M",

	"POST /v1/payment_intents",
	"amount=12000",
	"currency=usd",
	"allowed_payment_method_types[0]=card",
	"payment_method=pm_card_visa",
	"confirm=true",
	"return_url=https%3A%2F%2Fbook.example%2Fpay",
	"description=Child%20care",
	"metadata[booking_id]=11111111-1111-1111-1111-111111111111",
	"metadata[payment_id]=22222222-2222-2222-2222-222222222222",
	"metadata[refund_id]=33333333-3333-3333-3333-333333333333",
	"metadata[franchise_id]=44444444-4444-4444-4444-444444444444",
	"metadata[reference]=CB-7K2M",

	"POST /v1/payment_intents/{id}/cancel",
	"cancellation_reason=abandoned",

	"POST /v1/refunds",
	"payment_intent=pi_1",
	"amount=10000",
	"reason=requested_by_customer",
	"metadata[booking_id]=11111111-1111-1111-1111-111111111111",
	"metadata[payment_id]=22222222-2222-2222-2222-222222222222",
	"metadata[refund_id]=33333333-3333-3333-3333-333333333333",
	"metadata[franchise_id]=44444444-4444-4444-4444-444444444444",
	"metadata[reference]=CB-7K2M",

	"GET /v1/charges",
	"limit=40",
	"created[gte]=1800000000",
	"created[lt]=1800086400",
	"payment_intent=pi_1",
	"starting_after=ch_9",

	"GET /v1/refunds",
	"limit=100",
	"created[gte]=1800000000",
	"created[lt]=1800086400",
	"payment_intent=pi_1",
	"starting_after=re_9",

	"GET /v1/balance_transactions",
	"limit=100",
	"created[gte]=1800000000",
	"created[lt]=1800086400",
	"starting_after=txn_9",
};
/* clang-format on */

#endif
