/* test_stripe.c: signatures, events, objects, parameters and errors. */
#include "remote/stripe.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/codec.h"
#include "base/crypto.h"
#include "base/instant.h"
#include "remote/stripe_error.h"
#include "remote/stripe_object.h"
#include "remote/stripe_params.h"
#include "unit/stripe_requests.h"
#include "unit/stripe_vectors.h"
#include "unit/unit.h"

#define T INT64_C(1800000000)
#define BODY "{\"id\":\"evt_1\",\"object\":\"event\"}"
#define TAGS_JSON \
	"\"metadata\":{\"booking_id\":" \
	"\"11111111-1111-1111-1111-111111111111\",\"payment_id\":\"x\"," \
	"\"reference\":\"CB-7K2M\",\"other\":\"y\"}"

static struct arena *arena;
static struct scope sc;

static void
begin(void)
{
	arena = arena_open(8 * 1024 * 1024);
	CU_ASSERT_PTR_NOT_NULL_FATAL(arena);
	scope_init(&sc, arena, USEC_PER_SEC);
}

static void
end(void)
{
	/* What Stripe says wrong is no fault of our caller's. */
	CU_ASSERT_EQUAL(sc.fault_count, 0);
	CU_ASSERT_PTR_NULL(sc.faults);
	arena_close(arena);
}

/* ---- signatures ----------------------------------------------------------*/

static enum stripe_signature
check_with(const char *header, const char *body, const char *secret,
    int64_t now_s)
{
	return stripe_signature_check(&sc, header, body, strlen(body), &secret,
	    1, now_s * USEC_PER_SEC);
}

/* A header with the true digest of BODY by "whsec_one" at the text t: in its
 * form <t> stands for t, <d> for the digest, <s> for all but its last digit. */
static const char *
signed_header(const char *t, const char *form)
{
	char *text = arena_printf(arena, "%s.%s", t, BODY);
	uint8_t mac[SHA256_LEN];
	const char *digest;
	struct buf out;

	crypto_hmac_sha256("whsec_one", 9, text, strlen(text), mac);
	digest = codec_hex(arena, mac, sizeof mac);
	buf_init(&out, arena, 1024);
	while (*form) {
		if (*form != '<') {
			buf_putc(&out, *form++);
			continue;
		}
		buf_puts(&out, form[1] == 't' ? t : "");
		buf_put(&out, digest, form[1] == 'd' ? 64 :
		    form[1] == 's' ? 63 : 0);
		form += 3;
	}
	return out.data;
}

static void
test_what_stripes_own_client_signed_is_good(void)
{
	begin();
	for (size_t i = 0; i < ARRAY_LEN(stripe_vectors); i++) {
		const struct stripe_vector *v = &stripe_vectors[i];
		char *other = arena_strdup(arena, v->payload);

		CU_ASSERT_EQUAL(check_with(v->header, v->payload, v->secret,
		    v->t), STRIPE_SIGNATURE_GOOD);
		CU_ASSERT_EQUAL(check_with(v->header, v->payload, "whsec_",
		    v->t), STRIPE_SIGNATURE_WRONG);
		other[strlen(other) / 2] ^= 1;
		CU_ASSERT_EQUAL(check_with(v->header, other, v->secret, v->t),
		    STRIPE_SIGNATURE_WRONG);
		other[strlen(other) / 2] ^= 1;
		other[strlen(other) - 1] = '\0';
		CU_ASSERT_EQUAL(check_with(v->header, other, v->secret, v->t),
		    STRIPE_SIGNATURE_WRONG);
	}
	end();
}

static void
test_a_signature_is_of_its_second_and_five_minutes_around(void)
{
	const char *header = stripe_vectors[0].header;

	begin();
	CU_ASSERT_EQUAL(check_with(header, BODY, "whsec_one", T + 300),
	    STRIPE_SIGNATURE_GOOD);
	CU_ASSERT_EQUAL(check_with(header, BODY, "whsec_one", T - 300),
	    STRIPE_SIGNATURE_GOOD);
	CU_ASSERT_EQUAL(check_with(header, BODY, "whsec_one", T + 301),
	    STRIPE_SIGNATURE_STALE);
	CU_ASSERT_EQUAL(check_with(header, BODY, "whsec_one", T - 301),
	    STRIPE_SIGNATURE_STALE);
	/* Who cannot sign is not told that he is late. */
	CU_ASSERT_EQUAL(check_with(header, BODY, "whsec_x", T + 301),
	    STRIPE_SIGNATURE_WRONG);
	end();
}

static void
test_the_time_is_plain_digits_and_stands_once(void)
{
	static const char *const bad[] = {
		"1800000000x", " 1800000000", "1800000000 ", "+1800000000",
		"-1800000000", "01800000000", "1.8e9", "0x6b49d200", "",
		"180000000000",
	};

	begin();
	CU_ASSERT_EQUAL(check_with(signed_header("1800000000", "t=<t>,v1=<d>"),
	    BODY, "whsec_one", T), STRIPE_SIGNATURE_GOOD);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		CU_ASSERT_EQUAL(check_with(signed_header(bad[i], "t=<t>,v1=<d>"),
		    BODY, "whsec_one", T), STRIPE_SIGNATURE_MALFORMED);
	CU_ASSERT_EQUAL(check_with(signed_header("1800000000",
	    "t=<t>,v1=<d>,t=1800000000"), BODY, "whsec_one", T),
	    STRIPE_SIGNATURE_MALFORMED);
	CU_ASSERT_EQUAL(check_with(signed_header("1800000000",
	    "t=1,t=<t>,v1=<d>"), BODY, "whsec_one", T),
	    STRIPE_SIGNATURE_MALFORMED);
	end();
}

static void
test_only_scheme_v1_counts_and_any_of_several_will_do(void)
{
	static const struct {
		const char *form;
		enum stripe_signature result;
	} cases[] = {
		{ "t=<t>,v0=<d>", STRIPE_SIGNATURE_MALFORMED },
		{ "t=<t>,v11=<d>", STRIPE_SIGNATURE_MALFORMED },
		{ "t=<t>,v=<d>", STRIPE_SIGNATURE_MALFORMED },
		{ "t=<t>,V1=<d>", STRIPE_SIGNATURE_MALFORMED },
		{ "t=<t>, v1=<d>", STRIPE_SIGNATURE_MALFORMED },
		{ "t=<t>,v1=<d> ", STRIPE_SIGNATURE_MALFORMED },
		{ "t=<t>;v1=<d>", STRIPE_SIGNATURE_MALFORMED },
		{ "t=<t>,v1=<d>,", STRIPE_SIGNATURE_MALFORMED },
		{ ",t=<t>,v1=<d>", STRIPE_SIGNATURE_MALFORMED },
		{ "t=<t>,=,v1=<d>", STRIPE_SIGNATURE_MALFORMED },
		{ "t=<t>,v1=<s>", STRIPE_SIGNATURE_MALFORMED },
		{ "t=<t>,v1=<d>0", STRIPE_SIGNATURE_MALFORMED },
		{ "t=<t>,v0=6666,v1=<d>", STRIPE_SIGNATURE_GOOD },
		{ "t=<t>,v1=short,v1=<d>", STRIPE_SIGNATURE_GOOD },
		{ "t=<t>,v1=0000000000000000000000000000000000000000000000000"
		  "000000000000000,v1=<d>", STRIPE_SIGNATURE_GOOD },
		{ "t=<t>,v1=<d>,v1=0000000000000000000000000000000000000000000"
		  "000000000000000000000", STRIPE_SIGNATURE_GOOD },
	};

	begin();
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		CU_ASSERT_EQUAL(check_with(signed_header("1800000000",
		    cases[i].form), BODY, "whsec_one", T), cases[i].result);
	CU_ASSERT_EQUAL(check_with(NULL, BODY, "whsec_one", T),
	    STRIPE_SIGNATURE_MALFORMED);
	CU_ASSERT_EQUAL(check_with("", BODY, "whsec_one", T),
	    STRIPE_SIGNATURE_MALFORMED);
	CU_ASSERT_EQUAL(check_with("t=1800000000", BODY, "whsec_one", T),
	    STRIPE_SIGNATURE_MALFORMED);
	end();
}

static void
test_the_digest_is_lower_case_hex(void)
{
	char *header;

	begin();
	header = arena_strdup(arena, stripe_vectors[0].header);
	for (char *p = strstr(header, "v1=") + 3; *p; p++) {
		if (*p >= 'a' && *p <= 'f')
			*p = (char)(*p - 'a' + 'A');
	}
	CU_ASSERT_EQUAL(check_with(header, BODY, "whsec_one", T),
	    STRIPE_SIGNATURE_MALFORMED);
	end();
}

static void
test_secrets_roll_and_an_empty_one_signs_nothing(void)
{
	const char *rolled[] = { "whsec_new", "whsec_one" };
	const char *empty[] = { "", "whsec_new" };
	char text[] = "1800000000." BODY;
	uint8_t mac[SHA256_LEN];
	char *forged;

	begin();
	CU_ASSERT_EQUAL(stripe_signature_check(&sc, stripe_vectors[0].header,
	    BODY, strlen(BODY), rolled, 2, T * USEC_PER_SEC),
	    STRIPE_SIGNATURE_GOOD);
	CU_ASSERT_EQUAL(stripe_signature_check(&sc, stripe_vectors[0].header,
	    BODY, strlen(BODY), rolled, 1, T * USEC_PER_SEC),
	    STRIPE_SIGNATURE_WRONG);
	CU_ASSERT_EQUAL(stripe_signature_check(&sc, stripe_vectors[0].header,
	    BODY, strlen(BODY), rolled, 0, T * USEC_PER_SEC),
	    STRIPE_SIGNATURE_WRONG);

	crypto_hmac_sha256("", 0, text, strlen(text), mac);
	forged = arena_printf(arena, "t=1800000000,v1=%s",
	    codec_hex(arena, mac, sizeof mac));
	CU_ASSERT_EQUAL(stripe_signature_check(&sc, forged, BODY, strlen(BODY),
	    empty, 2, T * USEC_PER_SEC), STRIPE_SIGNATURE_WRONG);
	end();
}

static void
test_a_header_has_a_limit_in_length_and_parts(void)
{
	struct buf many;
	struct buf more;
	const char *tail = strchr(stripe_vectors[0].header, ',');

	begin();
	buf_init(&many, arena, 65536);
	buf_puts(&many, "t=1800000000");
	for (int i = 0; i < STRIPE_SIGNATURE_PARTS_MAX - 2; i++)
		buf_puts(&many, ",v0=0");
	buf_init(&more, arena, 65536);
	buf_puts(&more, many.data);
	buf_puts(&many, tail);
	CU_ASSERT_EQUAL(check_with(many.data, BODY, "whsec_one", T),
	    STRIPE_SIGNATURE_GOOD);
	buf_puts(&more, ",v0=0");
	buf_puts(&more, tail);
	CU_ASSERT_EQUAL(check_with(more.data, BODY, "whsec_one", T),
	    STRIPE_SIGNATURE_MALFORMED);

	buf_init(&more, arena, 65536);
	buf_puts(&more, "t=1800000000,v0=");
	while (more.len < STRIPE_SIGNATURE_MAX)
		buf_putc(&more, '0');
	buf_puts(&more, tail);
	CU_ASSERT_EQUAL(check_with(more.data, BODY, "whsec_one", T),
	    STRIPE_SIGNATURE_MALFORMED);
	end();
}

/* ---- parameters ----------------------------------------------------------*/

static struct stripe_tags
all_tags(void)
{
	struct stripe_tags tags = { .reference = "CB-7K2M" };

	memset(&tags.booking_id, 0x11, sizeof tags.booking_id);
	memset(&tags.payment_id, 0x22, sizeof tags.payment_id);
	memset(&tags.refund_id, 0x33, sizeof tags.refund_id);
	memset(&tags.franchise_id, 0x44, sizeof tags.franchise_id);
	return tags;
}

/* The lines behind `endpoint` of the list, joined as a body. */
static const char *
listed(const char *endpoint)
{
	struct buf body;
	size_t i = 0;

	buf_init(&body, arena, 16384);
	while (strcmp(stripe_requests[i], endpoint) != 0)
		CU_ASSERT_FATAL(++i < ARRAY_LEN(stripe_requests));
	for (i++; i < ARRAY_LEN(stripe_requests); i++) {
		if (strstr(stripe_requests[i], " /v1/"))
			break;
		if (body.len > 0)
			buf_putc(&body, '&');
		buf_puts(&body, stripe_requests[i]);
	}
	return body.data;
}

static struct buf
new_body(void)
{
	struct buf body;

	buf_init(&body, arena, STRIPE_PARAMS_MAX);
	return body;
}

static const struct stripe_session_new full_session = {
	.amount = 12000,
	.name = "Child care & more",
	.description = "09:00 – 11:00",
	.success_url = "https://book.example/done?a=1&b=2",
	.cancel_url = "https://book.example/pay",
	.customer_email = "anna+test@example.com",
	.locale = "de",
	.expires_us = (T + 1860) * USEC_PER_SEC + 999999,
};

static void
test_all_that_is_ever_sent_is_what_the_list_says(void)
{
	static const struct {
		enum stripe_object object;
		const char *endpoint;
		const char *after;
	} lists[] = {
		{ STRIPE_CHARGE, "GET /v1/charges", "ch_9" },
		{ STRIPE_REFUND, "GET /v1/refunds", "re_9" },
		{ STRIPE_BALANCE, "GET /v1/balance_transactions", "txn_9" },
	};
	struct stripe_session_new session = full_session;
	struct stripe_intent_new intent = {
		.amount = 12000, .payment_method = "pm_card_visa",
		.return_url = "https://book.example/pay",
		.description = "Child care", .tags = all_tags(),
	};
	struct stripe_refund_new refund = {
		.amount = 10000, .payment_intent = "pi_1", .tags = all_tags(),
	};
	struct buf body;

	begin();
	session.currency = intent.currency = refund.currency =
	    currency_find("USD");
	session.tags = all_tags();
	body = new_body();
	CU_ASSERT_EQUAL(stripe_session_params(&body, &session), ERR_OK);
	CU_ASSERT_STRING_EQUAL(body.data, listed("POST /v1/checkout/sessions"));
	body = new_body();
	CU_ASSERT_EQUAL(stripe_intent_params(&body, &intent), ERR_OK);
	CU_ASSERT_STRING_EQUAL(body.data, listed("POST /v1/payment_intents"));
	body = new_body();
	stripe_intent_cancel_params(&body);
	CU_ASSERT_STRING_EQUAL(body.data,
	    listed("POST /v1/payment_intents/{id}/cancel"));
	body = new_body();
	CU_ASSERT_EQUAL(stripe_refund_params(&body, &refund), ERR_OK);
	CU_ASSERT_STRING_EQUAL(body.data, listed("POST /v1/refunds"));
	for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
		struct stripe_pages pages = {
			.object = lists[i].object,
			.from_us = T * USEC_PER_SEC,
			.to_us = (T + 86400) * USEC_PER_SEC,
			.payment_intent = lists[i].object == STRIPE_BALANCE
			    ? NULL : "pi_1",
		};

		snprintf(pages.after, sizeof pages.after, "%s",
		    lists[i].after);
		body = new_body();
		stripe_pages_params(&body, &pages);
		CU_ASSERT_STRING_EQUAL(body.data, listed(lists[i].endpoint));
	}
	end();
}

static void
test_what_is_absent_or_empty_is_not_sent(void)
{
	struct stripe_session_new session = {
		.currency = currency_find("EUR"), .amount = 50, .name = "Care",
		.success_url = "https://a.example",
		.cancel_url = "https://a.example", .customer_email = "",
		.expires_us = T * USEC_PER_SEC,
	};
	struct stripe_pages pages = { .object = STRIPE_REFUND };
	struct buf body;

	begin();
	body = new_body();
	CU_ASSERT_EQUAL(stripe_session_params(&body, &session), ERR_OK);
	CU_ASSERT_PTR_NULL(strstr(body.data, "email"));
	CU_ASSERT_PTR_NULL(strstr(body.data, "metadata"));
	CU_ASSERT_PTR_NULL(strstr(body.data, "locale"));
	CU_ASSERT_PTR_NULL(strstr(body.data, "client_reference_id"));
	CU_ASSERT_PTR_NULL(strstr(body.data, "=&"));
	body = new_body();
	stripe_pages_params(&body, &pages);
	CU_ASSERT_STRING_EQUAL(body.data, "limit=100");
	end();
}

static void
test_yen_go_out_whole_and_come_back_as_hundredths(void)
{
	struct stripe_refund_new refund = {
		.currency = currency_find("JPY"), .amount = 1200000,
		.payment_intent = "pi_1",
	};
	static const char json[] = "{\"id\":\"re_1\",\"object\":\"refund\","
	    "\"amount\":12000,\"currency\":\"jpy\",\"status\":\"pending\","
	    "\"created\":1800000000}";
	struct stripe_refund back;
	struct buf body;

	begin();
	body = new_body();
	CU_ASSERT_EQUAL(stripe_refund_params(&body, &refund), ERR_OK);
	CU_ASSERT_PTR_NOT_NULL(strstr(body.data, "&amount=12000&"));
	CU_ASSERT_EQUAL(stripe_object_read(&sc, STRIPE_REFUND, json,
	    strlen(json), &back), ERR_OK);
	CU_ASSERT_EQUAL(back.amount, 1200000);
	CU_ASSERT_PTR_EQUAL(back.currency, refund.currency);
	CU_ASSERT_EQUAL(back.status, STRIPE_REFUND_PENDING);
	end();
}

static void
test_an_amount_that_does_not_fit_is_an_error_and_not_sent(void)
{
	static const struct {
		const char *currency;
		int64_t amount;
	} rows[] = {
		{ "JPY", 4550 }, /* half a yen */
		{ "USD", 0 },
		{ "USD", -1 },
		{ "USD", INT64_C(100000000) },
		{ "KWD", 1000 }, /* none of ours */
	};

	begin();
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct currency *currency =
		    currency_find(rows[i].currency);
		struct stripe_session_new session = full_session;
		struct stripe_intent_new intent = { .currency = currency,
			.amount = rows[i].amount };
		struct stripe_refund_new refund = { .currency = currency,
			.amount = rows[i].amount, .payment_intent = "pi_1" };
		struct buf body = new_body();

		session.currency = currency;
		session.amount = rows[i].amount;
		CU_ASSERT_EQUAL(stripe_session_params(&body, &session),
		    ERR_INTERNAL);
		CU_ASSERT_EQUAL(stripe_intent_params(&body, &intent),
		    ERR_INTERNAL);
		CU_ASSERT_EQUAL(stripe_refund_params(&body, &refund),
		    ERR_INTERNAL);
		CU_ASSERT_PTR_NULL(strstr(body.data, "amount"));
	}
	end();
}

/* ---- objects -------------------------------------------------------------*/

#define SESSION_JSON \
	"{\"id\":\"cs_1\",\"object\":\"checkout.session\",\"url\":" \
	"\"https://checkout.stripe.com/c/pay/cs_1#fid\",\"status\":\"open\"," \
	"\"payment_status\":\"unpaid\",\"currency\":\"usd\"," \
	"\"amount_total\":12000,\"created\":1800000000," \
	"\"expires_at\":1800001860,\"payment_intent\":null,\"new\":[{}]," \
	TAGS_JSON "}"

static void
test_a_session_is_read_into_our_words_and_units(void)
{
	struct stripe_session s;

	begin();
	CU_ASSERT_EQUAL_FATAL(stripe_object_read(&sc, STRIPE_SESSION,
	    SESSION_JSON, strlen(SESSION_JSON), &s), ERR_OK);
	CU_ASSERT_STRING_EQUAL(s.id, "cs_1");
	CU_ASSERT_STRING_EQUAL(s.url,
	    "https://checkout.stripe.com/c/pay/cs_1#fid");
	CU_ASSERT_PTR_NULL(s.payment_intent);
	CU_ASSERT_EQUAL(s.status, STRIPE_SESSION_OPEN);
	CU_ASSERT_EQUAL(s.paid, STRIPE_PAID_NOT);
	CU_ASSERT_EQUAL(s.amount, 12000);
	CU_ASSERT_STRING_EQUAL(s.currency->code, "USD");
	CU_ASSERT_EQUAL(s.expires_us, (T + 1860) * USEC_PER_SEC);
	CU_ASSERT_EQUAL(s.tags.booking_id.b[0], 0x11);
	CU_ASSERT(uuid_is_none(&s.tags.payment_id)); /* "x" */
	CU_ASSERT(uuid_is_none(&s.tags.refund_id));
	CU_ASSERT_STRING_EQUAL(s.tags.reference, "CB-7K2M");
	CU_ASSERT_STRING_EQUAL(stripe_object_id(STRIPE_SESSION, &s), "cs_1");
	end();
}

static void
test_what_is_not_quite_the_object_is_refused(void)
{
	static const char *const bad[] = {
		"", "[]", "null", "{}", "<html>", "{\"id\":\"re_1\"",
		"{\"id\":1,\"object\":\"refund\",\"amount\":1,\"currency\":"
		"\"usd\",\"created\":1}",
		"{\"id\":\"re_1\",\"object\":\"charge\",\"amount\":1,"
		"\"currency\":\"usd\",\"created\":1}",
		"{\"id\":\"re_1\",\"object\":\"refund\",\"amount\":\"1\","
		"\"currency\":\"usd\",\"created\":1}",
		"{\"id\":\"re_1\",\"object\":\"refund\",\"amount\":1.5,"
		"\"currency\":\"usd\",\"created\":1}",
		"{\"id\":\"re_1\",\"object\":\"refund\",\"amount\":"
		"9000000000000000000,\"currency\":\"usd\",\"created\":1}",
		"{\"id\":\"re_1\",\"object\":\"refund\",\"amount\":1,"
		"\"amount\":2,\"currency\":\"usd\",\"created\":1}",
		"{\"id\":\"re_1\",\"object\":\"refund\",\"amount\":1,"
		"\"currency\":\"usd\"}",
		"{\"id\":\"\",\"object\":\"refund\",\"amount\":1,"
		"\"currency\":\"usd\",\"created\":1}",
		"{\"id\":\"re_1\",\"object\":\"refund\",\"amount\":1,"
		"\"currency\":\"usd\",\"created\":1,\"charge\":{\"id\":\"x\"}}",
	};
	struct stripe_refund refund;

	begin();
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		sc.why[0] = '\0';
		CU_ASSERT_NOT_EQUAL(stripe_object_read(&sc, STRIPE_REFUND,
		    bad[i], strlen(bad[i]), &refund), ERR_OK);
		CU_ASSERT_PTR_EQUAL(strstr(sc.why, "stripe: stripe_refund:"),
		    sc.why);
	}
	end();
}

static void
test_a_currency_we_do_not_take_has_no_amount(void)
{
	static const char *const codes[] = { "kwd", "USD", "us", "usdx", "u$d" };
	struct stripe_refund r;

	begin();
	for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
		char *json = arena_printf(arena, "{\"id\":\"re_1\",\"object\":"
		    "\"refund\",\"amount\":500,\"currency\":\"%s\","
		    "\"created\":1}", codes[i]);

		CU_ASSERT_EQUAL(stripe_object_read(&sc, STRIPE_REFUND, json,
		    strlen(json), &r), ERR_OK);
		CU_ASSERT_PTR_NULL(r.currency);
		CU_ASSERT_EQUAL(r.amount, NONE);
		CU_ASSERT_EQUAL(r.amount_units, 500);
		CU_ASSERT_EQUAL(r.status, STRIPE_REFUND_OTHER);
	}
	end();
}

static void
test_an_intent_says_what_is_left_to_do_and_what_failed(void)
{
	static const char json[] = "{\"id\":\"pi_1\",\"object\":"
	    "\"payment_intent\",\"status\":\"requires_action\",\"currency\":"
	    "\"usd\",\"amount\":12000,\"amount_received\":0,\"created\":"
	    "1800000000,\"client_secret\":\"pi_1_secret_2\",\"next_action\":"
	    "{\"type\":\"redirect_to_url\",\"redirect_to_url\":{\"url\":"
	    "\"https://hooks.stripe.com/3ds\",\"return_url\":null}},"
	    "\"last_payment_error\":{\"type\":\"card_error\",\"code\":"
	    "\"card_declined\",\"decline_code\":\"insufficient_funds\","
	    "\"message\":\"no\"},\"metadata\":{}}";
	struct stripe_intent i;

	begin();
	CU_ASSERT_EQUAL_FATAL(stripe_object_read(&sc, STRIPE_INTENT, json,
	    strlen(json), &i), ERR_OK);
	CU_ASSERT_EQUAL(i.status, STRIPE_INTENT_REQUIRES_ACTION);
	CU_ASSERT_EQUAL(i.amount, 12000);
	CU_ASSERT_EQUAL(i.received, 0);
	CU_ASSERT_STRING_EQUAL(i.client_secret, "pi_1_secret_2");
	CU_ASSERT_PTR_NOT_NULL_FATAL(i.next_action);
	CU_ASSERT_STRING_EQUAL(i.next_action->type, "redirect_to_url");
	CU_ASSERT_STRING_EQUAL(i.next_action->redirect->url,
	    "https://hooks.stripe.com/3ds");
	CU_ASSERT_STRING_EQUAL(i.last_error->decline_code,
	    "insufficient_funds");
	end();
}

#define BALANCE_JSON(NET) \
	"{\"id\":\"txn_1\",\"object\":\"balance_transaction\",\"type\":" \
	"\"charge\",\"currency\":\"usd\",\"amount\":12000,\"fee\":378," \
	"\"net\":" NET ",\"created\":1800000000,\"source\":\"ch_1\"}"

static void
test_a_balance_that_does_not_add_up_is_no_balance(void)
{
	static const char good[] = BALANCE_JSON("11622");
	static const char bad[] = BALANCE_JSON("11623");
	static const char dispute[] = "{\"id\":\"dp_1\",\"object\":\"dispute\","
	    "\"status\":\"lost\",\"currency\":\"usd\",\"amount\":12000,"
	    "\"charge\":\"ch_1\",\"created\":1800000000,"
	    "\"balance_transactions\":[" BALANCE_JSON("11622") "]}";
	const struct stripe_balance *first;
	struct stripe_balance b;
	struct stripe_dispute d;

	begin();
	CU_ASSERT_EQUAL(stripe_object_read(&sc, STRIPE_BALANCE, good,
	    strlen(good), &b), ERR_OK);
	CU_ASSERT_EQUAL(b.amount, 12000);
	CU_ASSERT_EQUAL(b.fee, 378);
	CU_ASSERT_EQUAL(b.net, 11622);
	CU_ASSERT_EQUAL(stripe_object_read(&sc, STRIPE_BALANCE, bad,
	    strlen(bad), &b), ERR_INVALID);
	CU_ASSERT_PTR_NOT_NULL(strstr(sc.why, "/net"));

	CU_ASSERT_EQUAL_FATAL(stripe_object_read(&sc, STRIPE_DISPUTE, dispute,
	    strlen(dispute), &d), ERR_OK);
	CU_ASSERT_EQUAL(d.status, STRIPE_DISPUTE_LOST);
	CU_ASSERT_EQUAL_FATAL(d.balance.count, 1);
	first = d.balance.items;
	CU_ASSERT_EQUAL(first->fee, 378);
	end();
}

static void
test_a_page_is_a_list_of_whole_objects(void)
{
	static const char good[] = "{\"object\":\"list\",\"data\":["
	    BALANCE_JSON("11622") "," BALANCE_JSON("11622") "],"
	    "\"has_more\":true,\"url\":\"/v1/balance_transactions\"}";
	static const char bad[] = "{\"object\":\"list\",\"data\":["
	    BALANCE_JSON("11622") "," BALANCE_JSON("1") "],"
	    "\"has_more\":true}";
	static const char endless[] = "{\"object\":\"list\",\"data\":[]}";
	struct list items = { NULL, 7 };
	const struct stripe_balance *b;
	bool more = false;

	begin();
	CU_ASSERT_EQUAL(stripe_object_read_list(&sc, STRIPE_BALANCE, bad,
	    strlen(bad), &items, &more), ERR_INVALID);
	CU_ASSERT_EQUAL(stripe_object_read_list(&sc, STRIPE_BALANCE, endless,
	    strlen(endless), &items, &more), ERR_INVALID);
	CU_ASSERT_EQUAL(items.count, 7);
	CU_ASSERT_FALSE(more);
	CU_ASSERT_EQUAL(stripe_object_read_list(&sc, STRIPE_BALANCE, good,
	    strlen(good), &items, &more), ERR_OK);
	CU_ASSERT_EQUAL_FATAL(items.count, 2);
	CU_ASSERT(more);
	b = items.items;
	CU_ASSERT_EQUAL(b[1].net, 11622);
	end();
}

/* ---- events --------------------------------------------------------------*/

#define EVENT_JSON(TYPE, OBJECT) \
	"{\"id\":\"evt_1\",\"object\":\"event\",\"api_version\":" \
	"\"2026-10-28.endive\",\"created\":1800000000,\"livemode\":false," \
	"\"type\":\"" TYPE "\",\"data\":{\"object\":" OBJECT "}}"

static enum err
parse(const char *json, struct stripe_event *event)
{
	memset(event, 0x55, sizeof *event);
	return stripe_event_parse(&sc, json, strlen(json), event);
}

static void
test_each_type_of_event_brings_its_object(void)
{
	static const char refund[] = "{\"id\":\"re_1\",\"object\":\"refund\","
	    "\"amount\":500,\"currency\":\"usd\",\"status\":\"failed\","
	    "\"failure_reason\":\"unknown\",\"created\":1}";
	struct stripe_event event;
	char *json;

	begin();
	CU_ASSERT_EQUAL_FATAL(parse(EVENT_JSON("checkout.session.completed",
	    SESSION_JSON), &event), ERR_OK);
	CU_ASSERT_EQUAL(event.type, STRIPE_EVENT_SESSION_COMPLETED);
	CU_ASSERT_STRING_EQUAL(event.id, "evt_1");
	CU_ASSERT_STRING_EQUAL(event.api_version, STRIPE_VERSION);
	CU_ASSERT_EQUAL(event.created_us, T * USEC_PER_SEC);
	CU_ASSERT_PTR_NULL(event.account);
	CU_ASSERT_PTR_NOT_NULL_FATAL(event.session);
	CU_ASSERT_STRING_EQUAL(event.session->id, "cs_1");
	CU_ASSERT_EQUAL(event.session->amount, 12000);
	CU_ASSERT_PTR_NULL(event.intent);
	CU_ASSERT_PTR_NULL(event.refund);

	json = arena_printf(arena, EVENT_JSON("refund.failed", "%s"), refund);
	CU_ASSERT_EQUAL_FATAL(parse(json, &event), ERR_OK);
	CU_ASSERT_EQUAL(event.type, STRIPE_EVENT_REFUND_FAILED);
	CU_ASSERT_PTR_NOT_NULL_FATAL(event.refund);
	CU_ASSERT_EQUAL(event.refund->status, STRIPE_REFUND_FAILED);
	CU_ASSERT_PTR_NULL(event.session);
	end();
}

static void
test_an_event_of_no_concern_to_us_is_kept_whatever_it_holds(void)
{
	struct stripe_event event;

	begin();
	CU_ASSERT_EQUAL(parse(EVENT_JSON("balance.available",
	    "{\"object\":\"balance\",\"available\":[],\"status\":{\"a\":1}}"),
	    &event), ERR_OK);
	CU_ASSERT_EQUAL(event.type, STRIPE_EVENT_OTHER);
	CU_ASSERT_STRING_EQUAL(event.type_word, "balance.available");
	CU_ASSERT_PTR_NULL(event.session);
	CU_ASSERT_PTR_NULL(event.intent);
	CU_ASSERT_PTR_NULL(event.charge);
	CU_ASSERT_PTR_NULL(event.refund);
	CU_ASSERT_PTR_NULL(event.dispute);
	end();
}

static void
test_an_event_whose_object_is_not_of_its_type_is_refused(void)
{
	static const char *const bad[] = {
		EVENT_JSON("checkout.session.completed",
		    "{\"id\":\"pi_1\",\"object\":\"payment_intent\"}"),
		EVENT_JSON("payment_intent.succeeded", SESSION_JSON),
		EVENT_JSON("charge.refunded", "null"),
		EVENT_JSON("charge.refunded", "[]"),
		"{\"id\":\"evt_1\",\"object\":\"event\",\"created\":1,"
		"\"type\":\"charge.refunded\"}",
		"{\"id\":\"evt_1\",\"object\":\"v2.core.event\","
		"\"created\":1,\"type\":\"a\"}",
		"{\"id\":\"evt_1\",\"object\":\"event\",\"type\":\"a\"}",
		"{\"object\":\"event\",\"created\":1,\"type\":\"a\"}",
		"{\"id\":\"evt_1\",\"object\":\"event\",\"created\":1,"
		"\"type\":\"a\"}x",
	};
	struct stripe_event event;
	struct stripe_event before;

	begin();
	memset(&before, 0x55, sizeof before);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		CU_ASSERT_NOT_EQUAL(parse(bad[i], &event), ERR_OK);
		CU_ASSERT_EQUAL(memcmp(&event, &before, sizeof event), 0);
	}
	end();
}

/* ---- errors --------------------------------------------------------------*/

static void
test_each_refusal_means_one_thing(void)
{
	static const struct {
		int status;
		const char *type;
		const char *code;
		enum stripe_kind kind;
	} cases[] = {
		{ 402, "card_error", "card_declined", STRIPE_DECLINED },
		{ 402, "card_error", NULL, STRIPE_DECLINED },
		{ 402, "invalid_request_error",
		    "payment_intent_authentication_failure", STRIPE_DECLINED },
		{ 402, "invalid_request_error", NULL, STRIPE_REFUSED },
		{ 400, "invalid_request_error", "parameter_unknown",
		    STRIPE_REFUSED },
		{ 400, "invalid_request_error", NULL, STRIPE_REFUSED },
		{ 400, "idempotency_error", NULL, STRIPE_CONFLICT },
		{ 409, "idempotency_error", "idempotency_key_in_use",
		    STRIPE_UNKNOWN },
		{ 409, "invalid_request_error", NULL, STRIPE_UNKNOWN },
		{ 429, "invalid_request_error", "lock_timeout", STRIPE_LATER },
		{ 429, "invalid_request_error", "rate_limit", STRIPE_LATER },
		{ 429, NULL, NULL, STRIPE_LATER },
		{ 401, "invalid_request_error", NULL, STRIPE_DENIED },
		{ 403, "invalid_request_error", "account_invalid",
		    STRIPE_DENIED },
		{ 404, "invalid_request_error", "resource_missing",
		    STRIPE_MISSING },
		{ 404, NULL, NULL, STRIPE_MISSING },
		{ 400, "invalid_request_error", "charge_already_refunded",
		    STRIPE_STATE },
		{ 400, "invalid_request_error",
		    "payment_intent_unexpected_state", STRIPE_STATE },
		{ 500, "api_error", NULL, STRIPE_UNKNOWN },
		{ 500, "card_error", "card_declined", STRIPE_UNKNOWN },
		{ 503, NULL, NULL, STRIPE_UNKNOWN },
		{ 302, NULL, NULL, STRIPE_UNKNOWN },
		{ 402, NULL, NULL, STRIPE_UNKNOWN },
		{ 418, NULL, NULL, STRIPE_UNKNOWN },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		CU_ASSERT_EQUAL(stripe_error_kind(cases[i].status,
		    cases[i].type, cases[i].code), cases[i].kind);
	CU_ASSERT_STRING_EQUAL(stripe_kind_word(STRIPE_LATER), "later");
}

static void
test_a_decline_is_told_in_a_sentence_that_betrays_nothing(void)
{
	static const char *const hushed[] = {
		"fraudulent", "lost_card", "stolen_card", "pickup_card",
		"merchant_blacklist", "generic_decline", "never_seen",
	};
	const char *generic = stripe_decline_sentence("card_declined",
	    "generic_decline");

	CU_ASSERT_PTR_NOT_NULL(strstr(generic, "declined"));
	for (size_t i = 0; i < ARRAY_LEN(hushed); i++) {
		CU_ASSERT_STRING_EQUAL(stripe_decline_sentence("card_declined",
		    hushed[i]), generic);
		CU_ASSERT_STRING_EQUAL(stripe_decline_public(hushed[i]),
		    i < 5 ? "generic_decline" : hushed[i]);
		/* Nor by way of the other code. */
		CU_ASSERT_STRING_EQUAL(stripe_decline_sentence("expired_card",
		    hushed[i]), generic);
	}
	CU_ASSERT_PTR_NOT_NULL(strstr(stripe_decline_sentence("card_declined",
	    "insufficient_funds"), "enough funds"));
	CU_ASSERT_PTR_NOT_NULL(strstr(stripe_decline_sentence("expired_card",
	    NULL), "expired"));
	CU_ASSERT_STRING_EQUAL(stripe_decline_sentence(NULL, NULL), generic);
}

static void
test_a_refusals_words_are_read_and_nonsense_has_none(void)
{
	static const char declined[] = "{\"error\":{\"type\":\"card_error\","
	    "\"code\":\"card_declined\",\"decline_code\":"
	    "\"insufficient_funds\",\"message\":\"Your card...\",\"param\":"
	    "\"\",\"payment_intent\":{\"id\":\"pi_1\",\"object\":"
	    "\"payment_intent\",\"status\":\"requires_payment_method\","
	    "\"currency\":\"jpy\",\"amount\":12000,\"created\":1}}}";
	static const char *const nonsense[] = {
		"", "Bad Gateway", "{}", "{\"error\":\"no\"}",
		"{\"error\":{\"code\":7}}",
	};
	struct stripe_trouble t;

	begin();
	for (size_t i = 0; i < ARRAY_LEN(nonsense); i++) {
		memset(&t, 0x55, sizeof t);
		stripe_object_read_trouble(&sc, nonsense[i],
		    strlen(nonsense[i]), &t);
		CU_ASSERT_PTR_NULL(t.type);
		CU_ASSERT_PTR_NULL(t.code);
		CU_ASSERT_PTR_NULL(t.intent);
	}
	stripe_object_read_trouble(&sc, declined, strlen(declined), &t);
	CU_ASSERT_STRING_EQUAL(t.code, "card_declined");
	CU_ASSERT_STRING_EQUAL(t.decline_code, "insufficient_funds");
	CU_ASSERT_STRING_EQUAL(t.param, "");
	CU_ASSERT_PTR_NOT_NULL_FATAL(t.intent);
	CU_ASSERT_STRING_EQUAL(t.intent->id, "pi_1");
	CU_ASSERT_EQUAL(t.intent->amount, 1200000);
	end();
}

UNIT_SUITE(stripe,
    UNIT_TEST(test_what_stripes_own_client_signed_is_good),
    UNIT_TEST(test_a_signature_is_of_its_second_and_five_minutes_around),
    UNIT_TEST(test_the_time_is_plain_digits_and_stands_once),
    UNIT_TEST(test_only_scheme_v1_counts_and_any_of_several_will_do),
    UNIT_TEST(test_the_digest_is_lower_case_hex),
    UNIT_TEST(test_secrets_roll_and_an_empty_one_signs_nothing),
    UNIT_TEST(test_a_header_has_a_limit_in_length_and_parts),
    UNIT_TEST(test_all_that_is_ever_sent_is_what_the_list_says),
    UNIT_TEST(test_what_is_absent_or_empty_is_not_sent),
    UNIT_TEST(test_an_amount_that_does_not_fit_is_an_error_and_not_sent),
    UNIT_TEST(test_yen_go_out_whole_and_come_back_as_hundredths),
    UNIT_TEST(test_a_session_is_read_into_our_words_and_units),
    UNIT_TEST(test_what_is_not_quite_the_object_is_refused),
    UNIT_TEST(test_a_currency_we_do_not_take_has_no_amount),
    UNIT_TEST(test_an_intent_says_what_is_left_to_do_and_what_failed),
    UNIT_TEST(test_a_balance_that_does_not_add_up_is_no_balance),
    UNIT_TEST(test_a_page_is_a_list_of_whole_objects),
    UNIT_TEST(test_each_type_of_event_brings_its_object),
    UNIT_TEST(test_an_event_of_no_concern_to_us_is_kept_whatever_it_holds),
    UNIT_TEST(test_an_event_whose_object_is_not_of_its_type_is_refused),
    UNIT_TEST(test_each_refusal_means_one_thing),
    UNIT_TEST(test_a_decline_is_told_in_a_sentence_that_betrays_nothing),
    UNIT_TEST(test_a_refusals_words_are_read_and_nonsense_has_none))
