/* test_integration_event.c: our facts in, the Admin Portal's events out. */
#include "domain/integration_event.h"

#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/instant.h"
#include "base/scope.h"
#include "unit/unit.h"

#define BOOKING_FACTS \
	"{\"customer_id\":\"00000000-0000-4000-8000-00000000000c\"," \
	"\"franchise_id\":\"00000000-0000-4000-8000-00000000000f\"," \
	"\"reference_number\":\"00000000-0000-4000-8000-00000000000e\"," \
	"\"start_datetime\":\"2024-01-15T09:00:00Z\"," \
	"\"end_datetime\":\"2024-01-15T17:00:00Z\"," \
	"\"total_amount\":120.00,\"currency\":\"USD\",\"child_count\":1," \
	"\"status\":\"pending\",\"refund_amount\":100.00," \
	"\"was_start_datetime\":\"2024-01-14T09:00:00Z\"," \
	"\"checked_in_at\":\"2024-01-15T08:58:00Z\"}"
#define MONEY_FACTS \
	"{\"payment_id\":\"00000000-0000-4000-8000-0000000000aa\"," \
	"\"refund_id\":\"00000000-0000-4000-8000-0000000000bb\"," \
	"\"amount\":120.00,\"currency\":\"USD\",\"reason\":\"card_declined\"}"
#define PERSONAL \
	"{\"customer_email\":\"john@example.com\",\"child_name\":\"Alice " \
	"\\\"Doe\\\"\",\"cancellation_reason\":\"Customer request\"}"

#define HEAD(type) \
	"{\"event_type\":\"" type "\"," \
	"\"event_id\":\"00000000-0000-4000-8000-000000000001\"," \
	"\"timestamp\":\"2024-01-01T10:00:00Z\"," \
	"\"source\":\"customer-booking-service\",\"data\":{" \
	"\"booking_id\":\"00000000-0000-4000-8000-000000000002\""
#define TAIL \
	"},\"schema_version\":1," \
	"\"aggregate_id\":\"00000000-0000-4000-8000-000000000002\"," \
	"\"sequence\":7}"
#define FRANCHISE \
	",\"franchise_id\":\"00000000-0000-4000-8000-00000000000f\""
#define TIMES \
	",\"start_datetime\":\"2024-01-15T09:00:00Z\"" \
	",\"end_datetime\":\"2024-01-15T17:00:00Z\""
#define WHAT \
	",\"customer_id\":\"00000000-0000-4000-8000-00000000000c\"" \
	",\"reference_number\":\"00000000-0000-4000-8000-00000000000e\"" \
	",\"child_count\":1,\"total_amount\":120.00,\"currency\":\"USD\""
#define PAYMENT ",\"payment_id\":\"00000000-0000-4000-8000-0000000000aa\"" \
	",\"amount\":120.00,\"currency\":\"USD\""
#define VISIT ",\"checked_in_at\":\"2024-01-15T08:58:00Z\""

struct place {
	struct arena *arena;
	struct scope sc;
	struct integration_event event;
	const char *text;
	size_t len;
};

static enum err
write_event(struct place *p, const char *type, const char *facts,
    const char *personal)
{
	p->arena = arena_open(1 << 20);
	CU_ASSERT_PTR_NOT_NULL_FATAL(p->arena);
	scope_init(&p->sc, p->arena, USEC_PER_SEC);
	p->event = (struct integration_event){ .type = type, .sequence = 7,
		.facts = facts, .personal = personal };
	CU_ASSERT(uuid_parse("00000000-0000-4000-8000-000000000001",
	    &p->event.event_id));
	CU_ASSERT(uuid_parse("00000000-0000-4000-8000-000000000002",
	    &p->event.booking_id));
	CU_ASSERT(instant_parse("2024-01-01T10:00:00Z",
	    &p->event.occurred_us));
	p->text = NULL;
	p->len = 0;
	return integration_event_write(&p->sc, &p->event, &p->text, &p->len);
}

/* clang-format off */
static const struct {
	const char *type;
	const char *facts;
	const char *personal;
	const char *want;
} cases[] = {
	{ "BookingCreated", BOOKING_FACTS, PERSONAL,
	  HEAD("BookingCreated") FRANCHISE TIMES
	  ",\"customer_email\":\"john@example.com\",\"child_name\":\"Alice \\\"Doe\\\"\"" WHAT TAIL },
	{ "BookingConfirmed", BOOKING_FACTS, PERSONAL,
	  HEAD("BookingConfirmed") FRANCHISE TIMES WHAT TAIL },
	{ "BookingModified", BOOKING_FACTS, PERSONAL,
	  HEAD("BookingModified") FRANCHISE TIMES
	  ",\"previous_start_datetime\":\"2024-01-14T09:00:00Z\"" WHAT TAIL },
	{ "BookingCancelled", BOOKING_FACTS, PERSONAL,
	  HEAD("BookingCancelled") ",\"cancellation_reason\":\"Customer request\""
	  ",\"refund_amount\":100.00,\"currency\":\"USD\"" FRANCHISE TIMES TAIL },
	{ "BookingExpired", BOOKING_FACTS, PERSONAL, HEAD("BookingExpired") FRANCHISE TIMES TAIL },
	{ "BookingCheckedIn", BOOKING_FACTS, NULL,
	  HEAD("BookingCheckedIn") FRANCHISE TIMES VISIT TAIL },
	{ "BookingCompleted", BOOKING_FACTS, NULL,
	  HEAD("BookingCompleted") FRANCHISE TIMES VISIT TAIL },
	{ "BookingNoShow", BOOKING_FACTS, NULL, HEAD("BookingNoShow") FRANCHISE TIMES TAIL },
	{ "PaymentProcessed", MONEY_FACTS, NULL, HEAD("PaymentProcessed") PAYMENT TAIL },
	{ "PaymentFailed", MONEY_FACTS, NULL,
	  HEAD("PaymentFailed") PAYMENT ",\"reason\":\"card_declined\"" TAIL },
	{ "RefundProcessed", MONEY_FACTS, NULL,
	  HEAD("RefundProcessed") ",\"refund_id\":\"00000000-0000-4000-8000-0000000000bb\""
	  PAYMENT ",\"reason\":\"card_declined\"" TAIL },
};
/* clang-format on */

static void
test_each_type_says_what_the_contract_says_and_no_more(void)
{
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct place p;

		CU_ASSERT_EQUAL(write_event(&p, cases[i].type, cases[i].facts,
		    cases[i].personal), ERR_OK);
		CU_ASSERT_PTR_NOT_NULL_FATAL(p.text);
		CU_ASSERT_STRING_EQUAL(p.text, cases[i].want);
		CU_ASSERT_EQUAL(p.len, strlen(cases[i].want));
		arena_close(p.arena);
	}
}

/* Names go where the contract asks for them, and nowhere else. */
static void
test_personal_facts_are_told_by_three_words_alone(void)
{
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		bool created = strcmp(cases[i].type, "BookingCreated") == 0;
		bool cancelled = strcmp(cases[i].type,
		    "BookingCancelled") == 0;
		struct place p;

		CU_ASSERT_EQUAL(write_event(&p, cases[i].type, cases[i].facts,
		    PERSONAL), ERR_OK);
		CU_ASSERT_EQUAL(strstr(p.text, "john@example.com") != NULL,
		    created);
		CU_ASSERT_EQUAL(strstr(p.text, "Alice") != NULL, created);
		CU_ASSERT_EQUAL(strstr(p.text, "Customer request") != NULL,
		    cancelled);
		arena_close(p.arena);
	}
}

static void
test_what_was_erased_is_told_as_null(void)
{
	struct place p;

	CU_ASSERT_EQUAL(write_event(&p, "BookingCreated", BOOKING_FACTS,
	    NULL), ERR_OK);
	CU_ASSERT_PTR_NOT_NULL(strstr(p.text, ",\"customer_email\":null,"
	    "\"child_name\":null,"));
	arena_close(p.arena);
}

static void
test_half_an_event_is_not_told(void)
{
	static const struct {
		const char *type;
		const char *facts;
		const char *personal;
		enum err want;
		const char *why;
	} bad[] = {
		{ "BookingCancelled", "{\"franchise_id\":"
		    "\"00000000-0000-4000-8000-00000000000f\"}", PERSONAL,
		    ERR_CORRUPT, "refund_amount" },
		{ "PaymentProcessed", "{\"amount\":1.00,\"currency\":\"USD\"}",
		    NULL, ERR_CORRUPT, "payment_id" },
		{ "BookingExpired", "{", NULL, ERR_CORRUPT, "read" },
		{ "BookingExpired", "[]", NULL, ERR_CORRUPT, "read" },
		{ "BookingCreated", BOOKING_FACTS, "{\"child_name\":7}",
		    ERR_CORRUPT, "read" },
		{ "BookingForgotten", BOOKING_FACTS, NULL, ERR_INTERNAL,
		    "BookingForgotten" },
	};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct place p;

		CU_ASSERT_EQUAL(write_event(&p, bad[i].type, bad[i].facts,
		    bad[i].personal), bad[i].want);
		CU_ASSERT_PTR_NULL(p.text);
		CU_ASSERT_PTR_NOT_NULL(strstr(p.sc.why, bad[i].why));
		/* Nothing of the facts is quoted. */
		CU_ASSERT_PTR_NULL(strstr(p.sc.why, "USD"));
		arena_close(p.arena);
	}
}

UNIT_SUITE(integration_event,
    UNIT_TEST(test_each_type_says_what_the_contract_says_and_no_more),
    UNIT_TEST(test_personal_facts_are_told_by_three_words_alone),
    UNIT_TEST(test_what_was_erased_is_told_as_null),
    UNIT_TEST(test_half_an_event_is_not_told))
