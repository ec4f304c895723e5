/* test_stripe_sandbox.c: the Stripe adapter and the sandbox's Stripe, which
 * others wrote: payments, refunds and mishaps from the first call to the
 * balance. */
#include "remote/stripe.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "support/stripe_sandbox.h"
#include "unit/unit.h"

struct stand {
	struct stripe_sandbox sandbox;
	struct arena *arena;
	struct scope sc;
	struct http_client *http;
	struct stripe stripe;
	struct stripe_call call;
	int keys;
};

/* A client without a connection. */
static void
reopen(struct stand *s)
{
	const struct http_client_settings conf = {
		.service = SHM_STRIPE,
		.connect_us = 2 * USEC_PER_SEC,
		.total_us = 4 * USEC_PER_SEC,
		.retry_wait_us = 1000,
		.user_agent = "customer-booking/test",
	};
	char why[256] = "";

	http_client_close(s->http);
	s->http = http_client_open(&conf, why, sizeof why);
	CU_ASSERT_PTR_NOT_NULL_FATAL(s->http);
	s->stripe.http = s->http;
}

static void
stand_open(struct stand *s)
{
	memset(s, 0, sizeof *s);
	signal(SIGPIPE, SIG_IGN);
	stripe_sandbox_start(&s->sandbox);
	s->arena = arena_open(16 * 1024 * 1024);
	CU_ASSERT_PTR_NOT_NULL_FATAL(s->arena);
	scope_init(&s->sc, s->arena, 60 * USEC_PER_SEC);
	reopen(s);
	s->stripe = (struct stripe){ s->http, s->sandbox.url,
		STRIPE_SANDBOX_KEY };
}

static void
stand_close(struct stand *s)
{
	http_client_close(s->http);
	arena_close(s->arena);
	stripe_sandbox_stop(&s->sandbox);
}

static void
new_key(struct stand *s)
{
	s->call.key = arena_printf(s->arena, "pay:%d:create", ++s->keys);
}

/* Tell or ask the sandbox; the answer's body. */
static const char *
control(struct stand *s, const char *method, const char *path,
    const char *json)
{
	static const struct http_client_header headers[] = {
		{ "Content-Type", "application/json" },
		{ "Authorization", "Bearer " STRIPE_SANDBOX_KEY },
		{ "Stripe-Version", STRIPE_VERSION },
	};
	struct http_client_answer answer;
	const struct http_client_request request = {
		.method = method,
		.repeatable = true,
		.url = arena_printf(s->arena, "%s%s", s->sandbox.url, path),
		.headers = headers,
		.header_count = 3,
		.body = json,
		.body_len = json ? strlen(json) : 0,
		.answer_max = 1024 * 1024,
	};

	CU_ASSERT_EQUAL_FATAL(http_client_call(s->http, &s->sc, &request,
	    &answer), HTTP_CLIENT_ANSWERED);
	CU_ASSERT_EQUAL(answer.status, 200);
	return answer.body;
}

static struct stripe_tags
some_tags(void)
{
	struct stripe_tags tags = { .reference = "CB-7K2M" };

	uuid_new(&tags.booking_id);
	uuid_new(&tags.payment_id);
	uuid_new(&tags.refund_id);
	uuid_new(&tags.franchise_id);
	return tags;
}

static enum stripe_kind
open_session(struct stand *s, const char *currency, int64_t amount,
    struct stripe_tags *tags, struct stripe_session *session)
{
	const struct stripe_session_new wanted = {
		.currency = currency_find(currency),
		.amount = amount,
		.name = "Child care & more – 子",
		.description = "09:00 – 11:00",
		.success_url = "https://book.example/done?id={CHECKOUT_SESSION_ID}",
		.cancel_url = "https://book.example/pay",
		.customer_email = "anna@example.com",
		.locale = "de",
		.expires_us = clock_wall_us() + 31 * USEC_PER_MIN,
		.tags = *tags,
	};

	new_key(s);
	return stripe_session_create(&s->stripe, &s->sc, &s->call, &wanted,
	    session);
}

static enum stripe_kind
pay_directly(struct stand *s, const char *method, const char *currency,
    int64_t amount, struct stripe_intent *intent)
{
	const struct stripe_intent_new wanted = {
		.currency = currency_find(currency),
		.amount = amount,
		.payment_method = method,
		.return_url = "https://book.example/pay",
		.description = "Child care",
		.tags = some_tags(),
	};

	memset(intent, 0, sizeof *intent);
	new_key(s);
	return stripe_intent_create(&s->stripe, &s->sc, &s->call, &wanted,
	    intent);
}

static enum stripe_kind
give_back(struct stand *s, const char *intent, int64_t amount,
    struct stripe_refund *refund)
{
	const struct stripe_refund_new wanted = {
		.currency = currency_find("USD"),
		.amount = amount,
		.payment_intent = intent,
		.tags = some_tags(),
	};

	memset(refund, 0, sizeof *refund);
	return stripe_refund_create(&s->stripe, &s->sc, &s->call, &wanted,
	    refund);
}

static void
test_a_session_is_opened_paid_and_read_back_with_our_tags(void)
{
	struct stand s;
	struct stripe_tags tags = some_tags();
	struct stripe_session session;
	struct stripe_session again;
	struct stripe_intent intent;
	struct stripe_charge charge;

	stand_open(&s);
	CU_ASSERT_EQUAL_FATAL(open_session(&s, "USD", 12000, &tags, &session),
	    STRIPE_DONE);
	CU_ASSERT_EQUAL(session.status, STRIPE_SESSION_OPEN);
	CU_ASSERT_EQUAL(session.paid, STRIPE_PAID_NOT);
	CU_ASSERT_EQUAL(session.amount, 12000);
	CU_ASSERT_PTR_NOT_NULL(session.url);
	CU_ASSERT(uuid_equal(&session.tags.booking_id, &tags.booking_id));
	CU_ASSERT(uuid_equal(&session.tags.payment_id, &tags.payment_id));

	control(&s, "POST", arena_printf(s.arena, "/_control/sessions/%s",
	    session.id), "{\"action\":\"pay\",\"payment_method\":"
	    "\"pm_card_visa\"}");
	CU_ASSERT_EQUAL_FATAL(stripe_session_read(&s.stripe, &s.sc, &s.call,
	    session.id, &again), STRIPE_DONE);
	CU_ASSERT_EQUAL(again.status, STRIPE_SESSION_COMPLETE);
	CU_ASSERT_EQUAL(again.paid, STRIPE_PAID_YES);
	CU_ASSERT_PTR_NOT_NULL_FATAL(again.payment_intent);

	CU_ASSERT_EQUAL_FATAL(stripe_intent_read(&s.stripe, &s.sc, &s.call,
	    again.payment_intent, &intent), STRIPE_DONE);
	CU_ASSERT_EQUAL(intent.status, STRIPE_INTENT_SUCCEEDED);
	CU_ASSERT_EQUAL(intent.received, 12000);
	CU_ASSERT(uuid_equal(&intent.tags.payment_id, &tags.payment_id));
	CU_ASSERT_PTR_NOT_NULL_FATAL(intent.latest_charge);
	CU_ASSERT_EQUAL_FATAL(stripe_charge_read(&s.stripe, &s.sc, &s.call,
	    intent.latest_charge, &charge), STRIPE_DONE);
	CU_ASSERT_EQUAL(charge.status, STRIPE_CHARGE_SUCCEEDED);
	CU_ASSERT_EQUAL(charge.amount, 12000);
	CU_ASSERT_EQUAL(charge.refunded, 0);

	/* What is paid does not expire: read it, as we have. */
	s.call.key = NULL;
	CU_ASSERT_EQUAL(stripe_session_expire(&s.stripe, &s.sc, &s.call,
	    session.id, &again), STRIPE_REFUSED);
	stand_close(&s);
}

static void
test_an_open_session_expires_once(void)
{
	struct stand s;
	struct stripe_tags tags = some_tags();
	struct stripe_session session;
	struct stripe_session gone;

	stand_open(&s);
	CU_ASSERT_EQUAL_FATAL(open_session(&s, "EUR", 50, &tags, &session),
	    STRIPE_DONE);
	new_key(&s);
	CU_ASSERT_EQUAL_FATAL(stripe_session_expire(&s.stripe, &s.sc, &s.call,
	    session.id, &gone), STRIPE_DONE);
	CU_ASSERT_EQUAL(gone.status, STRIPE_SESSION_EXPIRED);
	CU_ASSERT_PTR_NULL(gone.url);
	CU_ASSERT_EQUAL(stripe_session_read(&s.stripe, &s.sc, &s.call,
	    "cs_test_nowhere", &gone), STRIPE_MISSING);
	stand_close(&s);
}

static void
test_yen_are_charged_whole(void)
{
	struct stand s;
	struct stripe_intent intent;

	stand_open(&s);
	CU_ASSERT_EQUAL_FATAL(pay_directly(&s, "pm_card_visa", "JPY", 1200000,
	    &intent), STRIPE_DONE);
	CU_ASSERT_EQUAL(intent.status, STRIPE_INTENT_SUCCEEDED);
	CU_ASSERT_EQUAL(intent.amount_units, 12000);
	CU_ASSERT_EQUAL(intent.received, 1200000);
	stand_close(&s);
}

static void
test_cards_are_declined_each_for_its_reason(void)
{
	static const struct {
		const char *method;
		const char *code;
		const char *decline_code;
		const char *word; /* of the sentence */
	} cases[] = {
		{ "pm_card_visa_chargeDeclinedInsufficientFunds",
		    "card_declined", "insufficient_funds", "enough funds" },
		{ "pm_card_chargeDeclinedExpiredCard", "expired_card",
		    "expired_card", "has expired" },
		{ "pm_card_visa_chargeDeclinedStolenCard", "card_declined",
		    "stolen_card", "was declined" },
	};
	struct stand s;
	struct stripe_intent intent;

	stand_open(&s);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CU_ASSERT_EQUAL(pay_directly(&s, cases[i].method, "USD", 12000,
		    &intent), STRIPE_DECLINED);
		CU_ASSERT_PTR_NULL(intent.id);
		CU_ASSERT_EQUAL(s.call.status, 402);
		CU_ASSERT_PTR_NOT_NULL_FATAL(s.call.decline_code);
		CU_ASSERT_STRING_EQUAL(s.call.code, cases[i].code);
		CU_ASSERT_STRING_EQUAL(s.call.decline_code,
		    cases[i].decline_code);
		CU_ASSERT_PTR_NOT_NULL(strstr(s.call.sentence, cases[i].word));
		CU_ASSERT_PTR_NOT_NULL_FATAL(s.call.intent);
		CU_ASSERT_EQUAL(s.call.intent->status,
		    STRIPE_INTENT_REQUIRES_PAYMENT_METHOD);
	}
	CU_ASSERT_EQUAL(pay_directly(&s, "pm_card_nonsense", "USD", 12000,
	    &intent), STRIPE_MISSING);
	stand_close(&s);
}

static void
test_three_d_secure_says_where_to_go_and_can_be_called_off(void)
{
	struct stand s;
	struct stripe_intent intent;
	struct stripe_intent done;

	stand_open(&s);
	CU_ASSERT_EQUAL_FATAL(pay_directly(&s,
	    "pm_card_threeDSecure2Required", "USD", 12000, &intent),
	    STRIPE_DONE);
	CU_ASSERT_EQUAL(intent.status, STRIPE_INTENT_REQUIRES_ACTION);
	CU_ASSERT_EQUAL(intent.received, 0);
	CU_ASSERT_PTR_NOT_NULL_FATAL(intent.next_action);
	CU_ASSERT_STRING_EQUAL(intent.next_action->type, "redirect_to_url");
	CU_ASSERT_PTR_NOT_NULL(intent.next_action->redirect->url);
	control(&s, "POST", arena_printf(s.arena,
	    "/_control/payment_intents/%s", intent.id),
	    "{\"action\":\"authenticate\"}");
	CU_ASSERT_EQUAL_FATAL(stripe_intent_read(&s.stripe, &s.sc, &s.call,
	    intent.id, &done), STRIPE_DONE);
	CU_ASSERT_EQUAL(done.status, STRIPE_INTENT_SUCCEEDED);
	new_key(&s);
	CU_ASSERT_EQUAL(stripe_intent_cancel(&s.stripe, &s.sc, &s.call,
	    intent.id, &done), STRIPE_STATE);

	CU_ASSERT_EQUAL_FATAL(pay_directly(&s,
	    "pm_card_threeDSecure2Required", "USD", 12000, &intent),
	    STRIPE_DONE);
	new_key(&s);
	CU_ASSERT_EQUAL_FATAL(stripe_intent_cancel(&s.stripe, &s.sc, &s.call,
	    intent.id, &done), STRIPE_DONE);
	CU_ASSERT_EQUAL(done.status, STRIPE_INTENT_CANCELED);
	stand_close(&s);
}

static void
test_one_key_refunds_once_and_never_another_sum(void)
{
	struct stand s;
	struct stripe_intent intent;
	struct stripe_refund first;
	struct stripe_refund second;

	stand_open(&s);
	CU_ASSERT_EQUAL_FATAL(pay_directly(&s, "pm_card_visa", "USD", 12000,
	    &intent), STRIPE_DONE);
	new_key(&s);
	{
		/* The tags are part of the request, so both are one. */
		const struct stripe_refund_new wanted = {
			.currency = currency_find("USD"), .amount = 10000,
			.payment_intent = intent.id, .tags = some_tags(),
		};

		CU_ASSERT_EQUAL_FATAL(stripe_refund_create(&s.stripe, &s.sc,
		    &s.call, &wanted, &first), STRIPE_DONE);
		CU_ASSERT_FALSE(s.call.replayed);
		CU_ASSERT_EQUAL_FATAL(stripe_refund_create(&s.stripe, &s.sc,
		    &s.call, &wanted, &second), STRIPE_DONE);
		CU_ASSERT(s.call.replayed);
	}
	CU_ASSERT_STRING_EQUAL(first.id, second.id);
	CU_ASSERT_EQUAL(first.amount, 10000);
	CU_ASSERT_EQUAL(first.status, STRIPE_REFUND_SUCCEEDED);
	CU_ASSERT_EQUAL(give_back(&s, intent.id, 1000, &second),
	    STRIPE_CONFLICT);

	/* More than is left. */
	new_key(&s);
	CU_ASSERT_EQUAL(give_back(&s, intent.id, 2001, &second),
	    STRIPE_REFUSED);
	new_key(&s);
	CU_ASSERT_EQUAL(give_back(&s, intent.id, 2000, &second), STRIPE_DONE);
	new_key(&s);
	CU_ASSERT_EQUAL(give_back(&s, intent.id, 1, &second), STRIPE_STATE);
	CU_ASSERT_STRING_EQUAL(s.call.code, "charge_already_refunded");
	stand_close(&s);
}

static void
test_a_refund_that_fails_later_says_so_when_read(void)
{
	struct stand s;
	struct stripe_intent intent;
	struct stripe_refund refund;

	stand_open(&s);
	CU_ASSERT_EQUAL_FATAL(pay_directly(&s, "pm_card_refundFail", "USD",
	    12000, &intent), STRIPE_DONE);
	new_key(&s);
	CU_ASSERT_EQUAL_FATAL(give_back(&s, intent.id, 12000, &refund),
	    STRIPE_DONE);
	CU_ASSERT_NOT_EQUAL(refund.status, STRIPE_REFUND_FAILED);
	control(&s, "POST", "/_control/clock", "{\"advance_s\": 86400}");
	CU_ASSERT_EQUAL_FATAL(stripe_refund_read(&s.stripe, &s.sc, &s.call,
	    refund.id, &refund), STRIPE_DONE);
	CU_ASSERT_EQUAL(refund.status, STRIPE_REFUND_FAILED);
	CU_ASSERT_PTR_NOT_NULL(refund.failure_reason);
	stand_close(&s);
}

/* Make the fault, and pay into it. */
static enum stripe_kind
pay_into(struct stand *s, const char *kind, bool kept,
    struct stripe_intent *intent)
{
	control(s, "POST", "/_control/faults", arena_printf(s->arena,
	    "{\"match\":\"POST /v1/payment_intents\",\"kind\":\"%s\","
	    "\"times\":1,\"saved\":false}", kind));
	if (!kept)
		reopen(s);
	return pay_directly(s, "pm_card_visa", "USD", 12000, intent);
}

static int
charges(struct stand *s)
{
	struct stripe_pages pages = { .object = STRIPE_CHARGE };
	struct list items = { NULL, 0 };

	CU_ASSERT_EQUAL(stripe_pages_next(&s->stripe, &s->sc, &s->call, &pages,
	    &items), STRIPE_DONE);
	return (int)items.count;
}

static void
test_each_mishap_is_unknown_or_surely_not_done(void)
{
	static const struct {
		const char *fault;
		bool kept; /* over a connection that is there */
		enum stripe_kind kind;
		int charges; /* that it leaves */
	} cases[] = {
		{ "fail", false, STRIPE_UNKNOWN, 0 },
		{ "fail_after_effect", false, STRIPE_UNKNOWN, 1 },
		{ "drop", false, STRIPE_UNKNOWN, 0 },
		{ "drop_after_effect", false, STRIPE_UNKNOWN, 1 },
		{ "rate_limit", false, STRIPE_LATER, 0 },
		/* These are sent anew by libcurl, with the same key: once. */
		{ "drop", true, STRIPE_DONE, 1 },
		{ "drop_after_effect", true, STRIPE_DONE, 1 },
	};
	struct stand s;
	struct stripe_intent intent;
	int before = 0;

	stand_open(&s);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		int now;

		CU_ASSERT_EQUAL(pay_into(&s, cases[i].fault, cases[i].kept,
		    &intent), cases[i].kind);
		CU_ASSERT_EQUAL(intent.id != NULL,
		    cases[i].kind == STRIPE_DONE);
		now = charges(&s);
		CU_ASSERT_EQUAL(now - before, cases[i].charges);
		before = now;
	}
	/* Half an answer says nothing, whatever was done. */
	CU_ASSERT_EQUAL(pay_into(&s, "garbage", false, &intent),
	    STRIPE_UNKNOWN);
	CU_ASSERT_PTR_NULL(intent.id);
	stand_close(&s);
}

static void
test_the_balance_is_read_page_by_page_and_adds_up(void)
{
	enum { CHARGES = 43 }; /* more than a page of charges */
	struct stand s;
	struct stripe_pages pages = { .object = STRIPE_CHARGE };
	struct stripe_pages money = { .object = STRIPE_BALANCE };
	struct stripe_intent intent;
	struct stripe_refund refund;
	struct list items;
	size_t count = 0;
	int calls = 0;
	int64_t gross = 0;
	int64_t fees = 0;

	stand_open(&s);
	for (int i = 0; i < CHARGES; i++)
		CU_ASSERT_EQUAL_FATAL(pay_directly(&s, "pm_card_visa", "USD",
		    10000, &intent), STRIPE_DONE);
	new_key(&s);
	CU_ASSERT_EQUAL_FATAL(give_back(&s, intent.id, 4000, &refund),
	    STRIPE_DONE);
	while (!pages.over && calls++ < 5) {
		CU_ASSERT_EQUAL_FATAL(stripe_pages_next(&s.stripe, &s.sc,
		    &s.call, &pages, &items), STRIPE_DONE);
		count += items.count;
	}
	CU_ASSERT_EQUAL(calls, 2);
	CU_ASSERT_EQUAL(count, CHARGES);

	control(&s, "POST", "/_control/clock", "{\"advance_s\": 3600}");
	while (!money.over) {
		const struct stripe_balance *b;

		CU_ASSERT_EQUAL_FATAL(stripe_pages_next(&s.stripe, &s.sc,
		    &s.call, &money, &items), STRIPE_DONE);
		b = items.items;
		for (size_t i = 0; i < items.count; i++) {
			gross += b[i].amount;
			fees += b[i].fee;
			CU_ASSERT_PTR_NOT_NULL(b[i].source);
		}
	}
	CU_ASSERT_EQUAL(gross, CHARGES * 10000 - 4000);
	CU_ASSERT(fees > 0);
	stand_close(&s);
}

/* "id": "evt_..." of each in the list, one after the other. */
static const char *
next_event_id(struct stand *s, const char **at)
{
	const char *id = strstr(*at, "\"evt_");
	size_t len;

	if (!id)
		return NULL;
	len = strcspn(++id, "\"");
	*at = id + len;
	return arena_strndup(s->arena, id, len);
}

static void
test_all_that_happens_is_an_event_we_can_read(void)
{
	struct stand s;
	struct stripe_tags tags = some_tags();
	struct stripe_session session;
	struct stripe_intent intent;
	struct stripe_refund refund;
	unsigned seen = 0;
	const char *at;
	const char *id;

	stand_open(&s);
	CU_ASSERT_EQUAL(open_session(&s, "USD", 5000, &tags, &session),
	    STRIPE_DONE);
	new_key(&s);
	CU_ASSERT_EQUAL(stripe_session_expire(&s.stripe, &s.sc, &s.call,
	    session.id, &session), STRIPE_DONE);
	CU_ASSERT_EQUAL(open_session(&s, "USD", 5000, &tags, &session),
	    STRIPE_DONE);
	control(&s, "POST", arena_printf(s.arena, "/_control/sessions/%s",
	    session.id), "{\"action\":\"pay\",\"payment_method\":"
	    "\"pm_card_visa\"}");
	CU_ASSERT_EQUAL(pay_directly(&s, "pm_card_visa_chargeDeclined", "USD",
	    5000, &intent), STRIPE_DECLINED);
	CU_ASSERT_EQUAL(pay_directly(&s, "pm_card_refundFail", "USD", 5000,
	    &intent), STRIPE_DONE);
	new_key(&s);
	CU_ASSERT_EQUAL(give_back(&s, intent.id, 5000, &refund), STRIPE_DONE);
	CU_ASSERT_EQUAL(pay_directly(&s, "pm_card_createDispute", "USD", 5000,
	    &intent), STRIPE_DONE);
	control(&s, "POST", "/_control/clock", "{\"advance_s\": 86400}");

	at = control(&s, "GET", "/v1/events?limit=100", NULL);
	while ((id = next_event_id(&s, &at)) != NULL) {
		struct stripe_event event;

		CU_ASSERT_EQUAL(stripe_event_read(&s.stripe, &s.sc, &s.call,
		    id, &event), STRIPE_DONE);
		seen |= 1u << event.type;
	}
	CU_ASSERT(seen & 1u << STRIPE_EVENT_SESSION_COMPLETED);
	CU_ASSERT(seen & 1u << STRIPE_EVENT_SESSION_EXPIRED);
	CU_ASSERT(seen & 1u << STRIPE_EVENT_INTENT_SUCCEEDED);
	CU_ASSERT(seen & 1u << STRIPE_EVENT_INTENT_FAILED);
	CU_ASSERT(seen & 1u << STRIPE_EVENT_CHARGE_REFUNDED);
	CU_ASSERT(seen & 1u << STRIPE_EVENT_REFUND_FAILED);
	CU_ASSERT(seen & 1u << STRIPE_EVENT_DISPUTE_CREATED);
	stand_close(&s);
}

static void
test_a_wrong_key_is_denied_and_is_in_no_sentence(void)
{
	struct stand s;
	struct stripe_intent intent;

	stand_open(&s);
	s.stripe.secret_key = "sk_test_wrongwrong";
	CU_ASSERT_EQUAL(pay_directly(&s, "pm_card_visa", "USD", 12000,
	    &intent), STRIPE_DENIED);
	CU_ASSERT_PTR_NULL(strstr(s.sc.why, "wrongwrong"));
	stand_close(&s);
}

UNIT_SUITE(stripe_sandbox,
    UNIT_TEST(test_a_session_is_opened_paid_and_read_back_with_our_tags),
    UNIT_TEST(test_an_open_session_expires_once),
    UNIT_TEST(test_yen_are_charged_whole),
    UNIT_TEST(test_cards_are_declined_each_for_its_reason),
    UNIT_TEST(test_three_d_secure_says_where_to_go_and_can_be_called_off),
    UNIT_TEST(test_one_key_refunds_once_and_never_another_sum),
    UNIT_TEST(test_a_refund_that_fails_later_says_so_when_read),
    UNIT_TEST(test_each_mishap_is_unknown_or_surely_not_done),
    UNIT_TEST(test_the_balance_is_read_page_by_page_and_adds_up),
    UNIT_TEST(test_all_that_happens_is_an_event_we_can_read),
    UNIT_TEST(test_a_wrong_key_is_denied_and_is_in_no_sentence))
