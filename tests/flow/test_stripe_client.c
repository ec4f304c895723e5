/* test_stripe_client.c: the calls to Stripe against a server that answers what
 * it is told to, and what each answer comes to. */
#include "remote/stripe.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "support/faults.h"
#include "unit/unit.h"

#define KEY "pay:0001:create"
#define REFUND_JSON(ID) \
	"{\"id\":\"" ID "\",\"object\":\"refund\",\"amount\":500," \
	"\"currency\":\"usd\",\"status\":\"succeeded\",\"created\":1800000000}"
#define PAGE_JSON(ITEMS, MORE) \
	"{\"object\":\"list\",\"url\":\"/v1/refunds\",\"has_more\":" MORE "," \
	"\"data\":[" ITEMS "]}"

struct stand {
	struct faults faults;
	struct shm *shm;
	struct arena *arena;
	struct scope sc;
	struct http_client_settings conf;
	struct http_client *http;
	char base_url[64];
	struct stripe stripe;
	struct stripe_call call;
};

static void
stand_open(struct stand *s)
{
	char why[256] = "";

	memset(s, 0, sizeof *s);
	signal(SIGPIPE, SIG_IGN);
	faults_start(&s->faults, false);
	s->shm = shm_open_file(NULL, why, sizeof why);
	s->arena = arena_open(8 * 1024 * 1024);
	CU_ASSERT_PTR_NOT_NULL_FATAL(s->shm);
	CU_ASSERT_PTR_NOT_NULL_FATAL(s->arena);
	scope_init(&s->sc, s->arena, 20 * USEC_PER_SEC);
	s->conf = (struct http_client_settings){
		.service = SHM_STRIPE,
		.shm = s->shm,
		.breaker = { 5, 30 * USEC_PER_SEC },
		.bulkhead = 1,
		.connect_us = 2 * USEC_PER_SEC,
		.total_us = 4 * USEC_PER_SEC,
		.retry_wait_us = 1000,
		.user_agent = "customer-booking/test",
	};
	s->http = http_client_open(&s->conf, why, sizeof why);
	CU_ASSERT_PTR_NOT_NULL_FATAL(s->http);
	snprintf(s->base_url, sizeof s->base_url, "%s",
	    faults_url(&s->faults, "/say"));
	s->stripe = (struct stripe){ s->http, s->base_url, "sk_test_secret" };
	s->call = (struct stripe_call){ .key = KEY };
}

static void
stand_close(struct stand *s)
{
	/* Stripe's words are no fault of our caller's. */
	CU_ASSERT_EQUAL(s->sc.fault_count, 0);
	http_client_close(s->http);
	arena_close(s->arena);
	shm_close(s->shm);
	faults_stop(&s->faults);
}

static struct http_client_answer
ask(struct stand *s, const char *method, const char *path, const char *body)
{
	struct http_client_answer answer;
	const struct http_client_request request = {
		.method = method,
		.url = faults_url(&s->faults, path),
		.body = body,
		.body_len = body ? strlen(body) : 0,
		.answer_max = 65536,
	};

	CU_ASSERT_EQUAL_FATAL(http_client_call(s->http, &s->sc, &request,
	    &answer), HTTP_CLIENT_ANSWERED);
	s->sc.why[0] = '\0';
	return answer;
}

/* What the server answers next. */
static void
script(struct stand *s, const char *answer)
{
	CU_ASSERT_EQUAL(ask(s, "PUT", "/script", answer).status, 200);
}

/* Whether the last request had it. */
static bool
saw(struct stand *s, const char *what)
{
	return strstr(ask(s, "GET", "/seen", NULL).body, what) != NULL;
}

static enum stripe_kind
create_refund(struct stand *s, struct stripe_refund *refund)
{
	struct stripe_refund_new wanted = {
		.currency = currency_find("USD"),
		.amount = 500,
		.payment_intent = "pi_1",
	};

	memset(refund, 0x55, sizeof *refund);
	return stripe_refund_create(&s->stripe, &s->sc, &s->call, &wanted,
	    refund);
}

static void
test_a_post_carries_key_version_account_and_parameters(void)
{
	struct stand s;
	struct stripe_refund refund;

	stand_open(&s);
	s.call.account = "acct_1";
	script(&s, "200\nIdempotent-Replayed: true\n\n" REFUND_JSON("re_1"));
	CU_ASSERT_EQUAL(create_refund(&s, &refund), STRIPE_DONE);
	CU_ASSERT_STRING_EQUAL(refund.id, "re_1");
	CU_ASSERT_EQUAL(refund.amount, 500);
	CU_ASSERT_EQUAL(s.call.status, 200);
	CU_ASSERT(s.call.replayed);
	CU_ASSERT_FALSE(s.call.final);
	CU_ASSERT_STRING_EQUAL(s.call.request_id, "req_1");
	CU_ASSERT_STRING_EQUAL(s.sc.why, "");

	CU_ASSERT(saw(&s, "\"method\": \"POST\""));
	CU_ASSERT(saw(&s, "\"path\": \"/say/v1/refunds\""));
	CU_ASSERT(saw(&s, "\"idempotency-key\": \"" KEY "\""));
	CU_ASSERT(saw(&s, "\"stripe-version\": \"" STRIPE_VERSION "\""));
	CU_ASSERT(saw(&s, "\"stripe-account\": \"acct_1\""));
	CU_ASSERT(saw(&s, "\"authorization\": \"Bearer sk_test_secret\""));
	CU_ASSERT(saw(&s, "application/x-www-form-urlencoded"));
	CU_ASSERT(saw(&s, "payment_intent=pi_1&amount=500&reason="));
	stand_close(&s);
}

static void
test_a_get_carries_no_key_and_asks_for_its_own_object(void)
{
	struct stand s;
	struct stripe_refund refund;

	stand_open(&s);
	script(&s, "200\n\n" REFUND_JSON("re_1"));
	CU_ASSERT_EQUAL(stripe_refund_read(&s.stripe, &s.sc, &s.call, "re_1",
	    &refund), STRIPE_DONE);
	CU_ASSERT(saw(&s, "\"path\": \"/say/v1/refunds/re_1\""));
	CU_ASSERT_FALSE(saw(&s, "idempotency-key"));
	CU_ASSERT_FALSE(saw(&s, "stripe-account"));

	/* Another's object is not taken for it. */
	script(&s, "200\n\n" REFUND_JSON("re_2"));
	memset(&refund, 0, sizeof refund);
	CU_ASSERT_EQUAL(stripe_refund_read(&s.stripe, &s.sc, &s.call, "re_1",
	    &refund), STRIPE_UNKNOWN);
	CU_ASSERT_PTR_NULL(refund.id);
	stand_close(&s);
}

static void
test_an_id_that_is_none_leaves_the_house_in_no_path(void)
{
	static const char *const bad[] = {
		"", "../charges", "re_1/../x", "re_1?a=b", "re 1", "re_%2e",
	};
	struct stand s;
	struct stripe_refund refund;
	struct stripe_session session;
	unsigned trips;

	stand_open(&s);
	trips = s.sc.ext_trips;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		CU_ASSERT_EQUAL(stripe_refund_read(&s.stripe, &s.sc, &s.call,
		    bad[i], &refund), STRIPE_MISSING);
		CU_ASSERT_EQUAL(s.call.cause, HTTP_CLIENT_LOCAL);
		CU_ASSERT_EQUAL(stripe_session_expire(&s.stripe, &s.sc,
		    &s.call, bad[i], &session), STRIPE_MISSING);
	}
	CU_ASSERT_EQUAL(s.sc.ext_trips, trips);
	stand_close(&s);
}

static void
test_a_declined_card_is_a_result_with_a_sentence(void)
{
	struct stand s;
	struct stripe_intent intent = { .id = NULL };
	const struct stripe_intent_new wanted = {
		.currency = currency_find("USD"), .amount = 12000,
		.payment_method = "pm_card_visa_chargeDeclined",
		.return_url = "https://book.example/pay",
	};

	stand_open(&s);
	script(&s, "402\nStripe-Should-Retry: false\n\n{\"error\":{\"type\":"
	    "\"card_error\",\"code\":\"card_declined\",\"decline_code\":"
	    "\"insufficient_funds\",\"message\":\"PRIVATE\","
	    "\"payment_intent\":{\"id\":\"pi_1\",\"object\":"
	    "\"payment_intent\",\"amount\":12000,\"currency\":\"usd\","
	    "\"status\":\"requires_payment_method\",\"created\":1}}}");
	CU_ASSERT_EQUAL(stripe_intent_create(&s.stripe, &s.sc, &s.call,
	    &wanted, &intent), STRIPE_DECLINED);
	CU_ASSERT_PTR_NULL(intent.id);
	CU_ASSERT_STRING_EQUAL(s.call.code, "card_declined");
	CU_ASSERT_STRING_EQUAL(s.call.decline_code, "insufficient_funds");
	CU_ASSERT_PTR_NOT_NULL(strstr(s.call.sentence, "enough funds"));
	CU_ASSERT_PTR_NOT_NULL_FATAL(s.call.intent);
	CU_ASSERT_STRING_EQUAL(s.call.intent->id, "pi_1");
	CU_ASSERT(s.call.final);
	CU_ASSERT_PTR_NULL(strstr(s.sc.why, "PRIVATE"));
	CU_ASSERT_PTR_NULL(strstr(s.sc.why, "sk_test"));
	CU_ASSERT_PTR_NOT_NULL(strstr(s.sc.why, "req_1"));

	/* What was said of this call is not said of the next. */
	script(&s, "200\n\n" REFUND_JSON("re_1"));
	CU_ASSERT_EQUAL(stripe_refund_read(&s.stripe, &s.sc, &s.call, "re_1",
	    &(struct stripe_refund){ .id = NULL }), STRIPE_DONE);
	CU_ASSERT_PTR_NULL(s.call.code);
	CU_ASSERT_PTR_NULL(s.call.sentence);
	CU_ASSERT_PTR_NULL(s.call.intent);
	CU_ASSERT_STRING_EQUAL(s.call.key, KEY);
	stand_close(&s);
}

static void
test_each_answer_to_a_refund_comes_to_one_kind(void)
{
	static const struct {
		const char *script;
		enum stripe_kind kind;
	} cases[] = {
		{ "500\n\n{\"error\":{\"type\":\"api_error\"}}",
		    STRIPE_UNKNOWN },
		{ "502\n\n<html>Bad Gateway</html>", STRIPE_UNKNOWN },
		{ "429\n\n{\"error\":{\"type\":\"invalid_request_error\","
		  "\"code\":\"rate_limit\"}}", STRIPE_LATER },
		{ "400\n\n{\"error\":{\"type\":\"idempotency_error\"}}",
		    STRIPE_CONFLICT },
		{ "409\n\n{\"error\":{\"type\":\"idempotency_error\",\"code\":"
		  "\"idempotency_key_in_use\"}}", STRIPE_UNKNOWN },
		{ "401\n\n{\"error\":{\"type\":\"invalid_request_error\"}}",
		    STRIPE_DENIED },
		{ "404\n\n{\"error\":{\"type\":\"invalid_request_error\","
		  "\"code\":\"resource_missing\"}}", STRIPE_MISSING },
		{ "400\n\n{\"error\":{\"type\":\"invalid_request_error\","
		  "\"code\":\"charge_already_refunded\"}}", STRIPE_STATE },
		{ "400\n\n{\"error\":{\"type\":\"invalid_request_error\"}}",
		    STRIPE_REFUSED },
		/* Done, says the status; what, does not say the body. */
		{ "200\n\nnot JSON", STRIPE_UNKNOWN },
		{ "200\n\n{\"id\":\"re_1\"}", STRIPE_UNKNOWN },
		{ "200\n\n", STRIPE_UNKNOWN },
		{ "302\nLocation: /ok\n\n", STRIPE_UNKNOWN },
	};
	struct stand s;
	struct stripe_refund before;
	struct stripe_refund refund;

	stand_open(&s);
	memset(&before, 0x55, sizeof before);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		script(&s, cases[i].script);
		CU_ASSERT_EQUAL(create_refund(&s, &refund), cases[i].kind);
		CU_ASSERT_EQUAL(memcmp(&refund, &before, sizeof refund), 0);
		CU_ASSERT_NOT_EQUAL(s.sc.why[0], '\0');
	}
	stand_close(&s);
}

static void
test_a_key_makes_a_repeat_harmless_and_none_forbids_it(void)
{
	struct stand s;
	struct stripe_refund refund;
	struct stripe_session session;

	stand_open(&s);
	s.call.retries = STRIPE_RETRIES;
	script(&s, "500\n\n{}");
	script(&s, "500\n\n{}");
	script(&s, "200\n\n" REFUND_JSON("re_1"));
	CU_ASSERT_EQUAL(create_refund(&s, &refund), STRIPE_DONE);
	CU_ASSERT(saw(&s, "\"idempotency-key\": \"" KEY "\""));

	/* 500 that would only be replayed: once, and told so. */
	script(&s, "500\nStripe-Should-Retry: false\n\n{}");
	CU_ASSERT_EQUAL(create_refund(&s, &refund), STRIPE_UNKNOWN);
	CU_ASSERT(s.call.final);

	s.call.key = NULL;
	script(&s, "500\n\n{}");
	script(&s, "200\n\n{}");
	CU_ASSERT_EQUAL(stripe_session_expire(&s.stripe, &s.sc, &s.call,
	    "cs_1", &session), STRIPE_UNKNOWN);
	CU_ASSERT_EQUAL(s.call.status, 500);
	CU_ASSERT(saw(&s, "\"path\": \"/say/v1/checkout/sessions/cs_1/expire"));
	stand_close(&s);
}

static void
test_nobody_there_is_later_and_no_answer_is_unknown(void)
{
	struct stand s;
	struct stripe_refund refund;

	stand_open(&s);
	s.stripe.base_url = "http://127.0.0.1:1";
	CU_ASSERT_EQUAL(create_refund(&s, &refund), STRIPE_LATER);
	CU_ASSERT_EQUAL(s.call.cause, HTTP_CLIENT_CONNECT);
	CU_ASSERT_EQUAL(s.call.status, 0);

	snprintf(s.base_url, sizeof s.base_url, "%s",
	    faults_url(&s.faults, "/silent"));
	s.stripe.base_url = s.base_url;
	CU_ASSERT_EQUAL(create_refund(&s, &refund), STRIPE_UNKNOWN);
	CU_ASSERT_EQUAL(s.call.cause, HTTP_CLIENT_CUT);
	stand_close(&s);
}

static enum stripe_kind
next_page(struct stand *s, struct stripe_pages *pages, struct list *items)
{
	return stripe_pages_next(&s->stripe, &s->sc, &s->call, pages, items);
}

static void
test_a_list_is_read_to_its_end_whatever_becomes_of_the_arena(void)
{
	struct stand s;
	struct stripe_pages pages = {
		.object = STRIPE_REFUND,
		.from_us = INT64_C(1800000000) * USEC_PER_SEC,
	};
	struct list items;

	stand_open(&s);
	script(&s, "200\n\n" PAGE_JSON(REFUND_JSON("re_3") ","
	    REFUND_JSON("re_2"), "true"));
	CU_ASSERT_EQUAL(next_page(&s, &pages, &items), STRIPE_DONE);
	CU_ASSERT_EQUAL(items.count, 2);
	CU_ASSERT_FALSE(pages.over);
	CU_ASSERT(saw(&s, "/say/v1/refunds?limit=100&created[gte]=1800000000\""));
	arena_reset(s.arena);

	/* A page that fails is asked for again. */
	script(&s, "500\n\n{}");
	CU_ASSERT_EQUAL(next_page(&s, &pages, &items), STRIPE_UNKNOWN);
	CU_ASSERT_FALSE(pages.over);
	script(&s, "200\n\n" PAGE_JSON(REFUND_JSON("re_1"), "false"));
	CU_ASSERT_EQUAL(next_page(&s, &pages, &items), STRIPE_DONE);
	CU_ASSERT(saw(&s, "&starting_after=re_2\""));
	CU_ASSERT_EQUAL(items.count, 1);
	CU_ASSERT(pages.over);
	stand_close(&s);
}

static void
test_a_list_that_never_ends_is_left(void)
{
	static const char *const bad[] = {
		"200\n\n" PAGE_JSON("", "true"),
		"200\n\n" PAGE_JSON(REFUND_JSON("re_9"), "true"),
		"200\n\n" PAGE_JSON(REFUND_JSON("re 9"), "true"),
	};
	struct stand s;
	struct list items = { NULL, 7 };

	stand_open(&s);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct stripe_pages pages = {
			.object = STRIPE_REFUND, .after = "re_9",
		};

		script(&s, bad[i]);
		CU_ASSERT_EQUAL(next_page(&s, &pages, &items), STRIPE_UNKNOWN);
		CU_ASSERT_EQUAL(items.count, 7);
		CU_ASSERT_STRING_EQUAL(pages.after, "re_9");
	}
	stand_close(&s);
}

static void
test_an_event_is_fetched_as_it_would_have_been_sent(void)
{
	struct stand s;
	struct stripe_event event;

	stand_open(&s);
	script(&s, "200\n\n{\"id\":\"evt_1\",\"object\":\"event\",\"created\":1,"
	    "\"type\":\"refund.updated\",\"data\":{\"object\":"
	    REFUND_JSON("re_1") "}}");
	CU_ASSERT_EQUAL(stripe_event_read(&s.stripe, &s.sc, &s.call, "evt_1",
	    &event), STRIPE_DONE);
	CU_ASSERT_EQUAL(event.type, STRIPE_EVENT_REFUND_UPDATED);
	CU_ASSERT_STRING_EQUAL(event.refund->id, "re_1");
	stand_close(&s);
}

UNIT_SUITE(stripe_client,
    UNIT_TEST(test_a_post_carries_key_version_account_and_parameters),
    UNIT_TEST(test_a_get_carries_no_key_and_asks_for_its_own_object),
    UNIT_TEST(test_an_id_that_is_none_leaves_the_house_in_no_path),
    UNIT_TEST(test_a_declined_card_is_a_result_with_a_sentence),
    UNIT_TEST(test_each_answer_to_a_refund_comes_to_one_kind),
    UNIT_TEST(test_a_key_makes_a_repeat_harmless_and_none_forbids_it),
    UNIT_TEST(test_nobody_there_is_later_and_no_answer_is_unknown),
    UNIT_TEST(test_a_list_is_read_to_its_end_whatever_becomes_of_the_arena),
    UNIT_TEST(test_a_list_that_never_ends_is_left),
    UNIT_TEST(test_an_event_is_fetched_as_it_would_have_been_sent))
