/* test_serve.c: whole exchanges over a puppet of the use cases. */
#include "http/serve.h"

#include <string.h>

#include "base/instant.h"
#include "support/fake_app.h"
#include "unit/unit.h"

#define BOOKINGS "/api/v1/bookings"
#define ONE BOOKINGS "/" FAKE_BOOKING

static void
as_customer(struct world *w)
{
	world_header(w, "authorization", "Bearer customer");
}

static void
a_booking_is_created_with_the_seeds_answer(void)
{
	struct world *w = world_open();

	as_customer(w);
	CU_ASSERT_EQUAL(world_ask(w, "POST", BOOKINGS,
	    "{\"franchise_id\":\"" FAKE_FRANCHISE "\","
	    "\"start_datetime\":\"2027-01-15T09:00:00Z\","
	    "\"end_datetime\":\"2027-01-15T17:00:00Z\",\"customer_info\":"
	    "{\"name\":\"John Doe\",\"email\":\"john@example.com\","
	    "\"phone\":\"+1234567890\",\"emergency_contact\":\"Jane\"},"
	    "\"child_info\":{\"name\":\"Alice Doe\",\"age\":5}}"), 201);
	CU_ASSERT_STRING_EQUAL(world_got(w, "Location"), ONE);
	CU_ASSERT_STRING_EQUAL(world_got(w, "ETag"), "\"7\"");
	CU_ASSERT_TRUE(world_says(w, "\"total_amount\":120.00,"
	    "\"currency\":\"USD\",\"payment_required\":true,"
	    "\"payment_url\":"));
	CU_ASSERT_TRUE(world_says(w, "\"manage_url\":"));
	CU_ASSERT_TRUE(world_says(w, "\"booking_code\":\"K7QM-4TXA\""));
	CU_ASSERT_FALSE(world_says(w, "customer_info"));
	CU_ASSERT_EQUAL(fake.request.end_us - fake.request.start_us,
	    INT64_C(8) * 3600 * 1000000);
	world_close(w);
}

static void
a_list_has_data_has_more_and_next_cursor_and_no_names(void)
{
	struct world *w = world_open();

	as_customer(w);
	CU_ASSERT_EQUAL(world_ask(w, "GET", BOOKINGS "?status=confirmed",
	    NULL), 200);
	CU_ASSERT_TRUE(world_says(w, "{\"data\":[{\"booking_id\""));
	CU_ASSERT_TRUE(world_says(w,
	    "\"has_more\":true,\"next_cursor\":\"abc\"}"));
	CU_ASSERT_FALSE(world_says(w, "John"));
	CU_ASSERT_FALSE(world_says(w, "Alice"));
	CU_ASSERT_EQUAL(fake.bookings.limit, 20);
	CU_ASSERT_EQUAL(fake.bookings.from, NONE);

	CU_ASSERT_EQUAL(world_ask(w, "GET", "/api/v1/franchises", NULL), 200);
	CU_ASSERT_STRING_EQUAL(w->res.body.data,
	    "{\"data\":[],\"has_more\":false,\"next_cursor\":null}");
	CU_ASSERT_STRING_EQUAL(world_got(w, "Cache-Control"),
	    "public, max-age=60");
	world_close(w);
}

static void
a_booking_is_shown_with_its_people(void)
{
	struct world *w = world_open();

	as_customer(w);
	CU_ASSERT_EQUAL(world_ask(w, "GET", ONE, NULL), 200);
	CU_ASSERT_TRUE(world_says(w, "\"name\":\"John Doe\""));
	CU_ASSERT_TRUE(world_says(w, "\"name\":\"Alice \\\"A\\\" Doe\""));
	CU_ASSERT_FALSE(world_says(w, "manage_url"));
	CU_ASSERT_STRING_EQUAL(world_got(w, "Vary"),
	    "Origin, Authorization, X-API-Key, X-Customer-Id");
	world_close(w);
}

static void
a_cancellation_takes_its_reason_from_query_or_body(void)
{
	struct world *w = world_open();

	as_customer(w);
	CU_ASSERT_EQUAL(world_ask(w, "DELETE",
	    ONE "?reason=fell+ill&expected_refund=100.00", NULL), 200);
	CU_ASSERT_STRING_EQUAL(fake.cancel.reason, "fell ill");
	CU_ASSERT_EQUAL(fake.cancel.expected_refund, 10000);
	CU_ASSERT_TRUE(world_says(w, "\"refund_amount\":100.00"));

	as_customer(w);
	CU_ASSERT_EQUAL(world_ask(w, "DELETE", ONE, "{\"reason\":\"moved\"}"),
	    200);
	CU_ASSERT_STRING_EQUAL(fake.cancel.reason, "moved");
	CU_ASSERT_EQUAL(fake.cancel.expected_refund, NONE);

	fake.calls = 0;
	as_customer(w);
	CU_ASSERT_EQUAL(world_ask(w, "DELETE", ONE "?reason=a", "{}"), 400);
	CU_ASSERT_EQUAL(fake.calls, 0);
	world_close(w);
}

static void
head_is_get_without_the_body(void)
{
	struct world *w = world_open();

	as_customer(w);
	CU_ASSERT_EQUAL(world_ask(w, "HEAD", ONE, NULL), 200);
	CU_ASSERT_EQUAL(w->res.body.len, 0);
	CU_ASSERT_STRING_EQUAL(world_got(w, "ETag"), "\"7\"");
	CU_ASSERT_STRING_EQUAL(world_got(w, "Content-Type"),
	    "application/json");
	CU_ASSERT_EQUAL(world_ask(w, "HEAD", "/nowhere", NULL), 404);
	CU_ASSERT_EQUAL(w->res.body.len, 0);
	world_close(w);
}

static void
other_methods_are_refused_with_what_is_allowed(void)
{
	struct world *w = world_open();

	CU_ASSERT_EQUAL(world_ask(w, "PATCH", ONE, NULL), 405);
	CU_ASSERT_STRING_EQUAL(world_got(w, "Allow"),
	    "GET, HEAD, PUT, DELETE, OPTIONS");
	CU_ASSERT_EQUAL(world_ask(w, "FOO", "/health", NULL), 405);
	CU_ASSERT_STRING_EQUAL(world_got(w, "Allow"), "GET, HEAD, OPTIONS");
	CU_ASSERT_EQUAL(world_ask(w, "OPTIONS", "/health", NULL), 204);
	CU_ASSERT_STRING_EQUAL(world_got(w, "Allow"), "GET, HEAD, OPTIONS");
	CU_ASSERT_EQUAL(world_ask(w, "OPTIONS", "/nowhere", NULL), 404);
	world_close(w);
}

static void
a_path_parameter_that_is_no_uuid_is_404_and_named(void)
{
	struct world *w = world_open();

	CU_ASSERT_EQUAL(world_ask(w, "GET", BOOKINGS "/42", NULL), 404);
	CU_ASSERT_TRUE(world_says(w, "\"code\":\"not_found\""));
	CU_ASSERT_TRUE(world_says(w, "\"parameter\":\"booking_id\""));
	CU_ASSERT_EQUAL(fake.calls, 0);
	world_close(w);
}

static void
the_log_sees_the_route_and_never_the_path(void)
{
	struct world *w = world_open();

	as_customer(w);
	(void)world_ask(w, "GET", ONE, NULL);
	CU_ASSERT_STRING_EQUAL(w->res.route,
	    "/api/v1/bookings/{booking_id}");
	(void)world_ask(w, "GET", "/john@example.com", NULL);
	CU_ASSERT_STRING_EQUAL(w->res.route, "unmatched");
	world_close(w);
}

static void
health_is_503_only_when_unhealthy_and_live_asks_nobody(void)
{
	struct world *w = world_open();

	fake.health = "degraded";
	CU_ASSERT_EQUAL(world_ask(w, "GET", "/health", NULL), 200);
	CU_ASSERT_TRUE(world_says(w, "{\"status\":\"degraded\","
	    "\"database\":\"up\",\"cache\":\"up\",\"timestamp\":"));
	CU_ASSERT_STRING_EQUAL(world_got(w, "Retry-After"), "");
	fake.health = "unhealthy";
	CU_ASSERT_EQUAL(world_ask(w, "GET", "/health", NULL), 503);
	CU_ASSERT_STRING_EQUAL(world_got(w, "Cache-Control"), "no-store");
	CU_ASSERT_STRING_EQUAL(world_got(w, "Retry-After"), "2");
	CU_ASSERT_EQUAL(world_ask(w, "GET", "/health/ready", NULL), 503);
	fake.calls = 0;
	CU_ASSERT_EQUAL(world_ask(w, "GET", "/health/live", NULL), 200);
	CU_ASSERT_EQUAL(fake.calls, 0);
	world_close(w);
}

static void
a_payment_link_speaks_html_to_a_browser(void)
{
	struct world *w = world_open();

	fake.fails = ERR_PAYMENTS_UNAVAILABLE;
	world_header(w, "accept", "text/html,*/*;q=0.8");
	CU_ASSERT_EQUAL(world_ask(w, "GET", "/pay/" FAKE_BOOKING "?t=abc",
	    NULL), 503);
	CU_ASSERT_STRING_EQUAL(fake.t, "abc");
	CU_ASSERT_STRING_EQUAL(world_got(w, "Content-Type"),
	    "text/html; charset=utf-8");
	CU_ASSERT_STRING_EQUAL(world_got(w, "Referrer-Policy"),
	    "no-referrer");
	CU_ASSERT_STRING_EQUAL(world_got(w, "Cache-Control"), "no-store");
	CU_ASSERT_STRING_NOT_EQUAL(world_got(w, "Retry-After"), "");
	CU_ASSERT_TRUE(world_says(w, "Your booking stands"));
	CU_ASSERT_FALSE(world_says(w, "abc"));

	CU_ASSERT_EQUAL(world_ask(w, "GET", "/pay/" FAKE_BOOKING "?t=abc",
	    NULL), 503);
	CU_ASSERT_TRUE(world_says(w, "\"code\":\"payments_unavailable\""));
	CU_ASSERT_FALSE(world_says(w, "?t="));

	fake.fails = ERR_NOT_FOUND;
	world_header(w, "accept", "text/html");
	CU_ASSERT_EQUAL(world_ask(w, "GET", "/pay/nonsense", NULL), 404);
	CU_ASSERT_TRUE(world_says(w, "<h1>This payment link does not work"));
	world_close(w);
}

static void
a_payment_link_leads_on_and_a_look_opens_nothing(void)
{
	struct world *w = world_open();

	CU_ASSERT_EQUAL(world_ask(w, "GET", "/pay/" FAKE_BOOKING "?t=abc",
	    NULL), 303);
	CU_ASSERT_STRING_EQUAL(world_got(w, "Location"),
	    "https://checkout.example.com/c/pay/cs_1");
	CU_ASSERT_STRING_EQUAL(world_got(w, "Referrer-Policy"),
	    "no-referrer");
	CU_ASSERT_EQUAL(world_ask(w, "HEAD", "/pay/" FAKE_BOOKING "?t=abc",
	    NULL), 303);
	CU_ASSERT_STRING_EQUAL(world_got(w, "Location"), "");
	world_close(w);
}

static void
a_webhook_is_handed_on_as_the_bytes_it_came_in(void)
{
	struct world *w = world_open();

	world_header(w, "stripe-signature", "t=1,v1=ab");
	CU_ASSERT_EQUAL(world_ask(w, "POST", "/api/v1/webhooks/stripe",
	    "{ \"id\" : \"evt_1\" }"), 200);
	CU_ASSERT_STRING_EQUAL(fake.t, "t=1,v1=ab|{ \"id\" : \"evt_1\" }");
	CU_ASSERT_TRUE(world_says(w, "{\"received\":true}"));
	fake.fails = ERR_BAD_CREDENTIALS;
	CU_ASSERT_EQUAL(world_ask(w, "POST", "/api/v1/webhooks/stripe",
	    "{}"), 401);
	world_close(w);
}

static void
slots_are_asked_for_one_child_and_one_day_by_default(void)
{
	struct world *w = world_open();

	CU_ASSERT_EQUAL(world_ask(w, "GET",
	    "/api/v1/availability/" FAKE_FRANCHISE "/slots", NULL), 200);
	CU_ASSERT_EQUAL(fake.slots.days, 1);
	CU_ASSERT_EQUAL(fake.slots.children, 1);
	CU_ASSERT_EQUAL(fake.slots.hours, NONE);
	CU_ASSERT_EQUAL(fake.slots.date, NONE);
	CU_ASSERT_EQUAL(world_ask(w, "GET",
	    "/api/v1/availability/" FAKE_FRANCHISE "/slots?days=32", NULL),
	    422);
	world_close(w);
}

static void
a_write_that_runs_out_of_memory_is_never_called_failed(void)
{
	struct world *w = world_open();

	fake.exhaust = true;
	as_customer(w);
	world_header(w, "x-request-id", "rid");
	CU_ASSERT_EQUAL(world_ask(w, "DELETE", ONE, NULL), 503);
	CU_ASSERT_TRUE(world_says(w, "\"code\":\"outcome_unknown\""));
	CU_ASSERT_STRING_EQUAL(world_got(w, "X-Request-Id"), "rid");
	as_customer(w);
	CU_ASSERT_EQUAL(world_ask(w, "GET", ONE, NULL), 500);
	CU_ASSERT_TRUE(world_says(w, "\"code\":\"out_of_memory\""));
	world_close(w);
}

UNIT_SUITE(serve, UNIT_TEST(a_booking_is_created_with_the_seeds_answer),
    UNIT_TEST(a_list_has_data_has_more_and_next_cursor_and_no_names),
    UNIT_TEST(a_booking_is_shown_with_its_people),
    UNIT_TEST(a_cancellation_takes_its_reason_from_query_or_body),
    UNIT_TEST(head_is_get_without_the_body),
    UNIT_TEST(other_methods_are_refused_with_what_is_allowed),
    UNIT_TEST(a_path_parameter_that_is_no_uuid_is_404_and_named),
    UNIT_TEST(the_log_sees_the_route_and_never_the_path),
    UNIT_TEST(health_is_503_only_when_unhealthy_and_live_asks_nobody),
    UNIT_TEST(a_payment_link_speaks_html_to_a_browser),
    UNIT_TEST(a_payment_link_leads_on_and_a_look_opens_nothing),
    UNIT_TEST(a_webhook_is_handed_on_as_the_bytes_it_came_in),
    UNIT_TEST(slots_are_asked_for_one_child_and_one_day_by_default),
    UNIT_TEST(a_write_that_runs_out_of_memory_is_never_called_failed))
