/* test_guard.c: who is let in where, and what the others are told. */
#include "http/guard.h"

#include <string.h>

#include "support/fake_app.h"
#include "unit/unit.h"

#define BOOKINGS "/api/v1/bookings"
#define ONE BOOKINGS "/" FAKE_BOOKING
#define CREATE_BODY \
	"{\"franchise_id\":\"" FAKE_FRANCHISE "\"," \
	"\"start_datetime\":\"2027-01-15T09:00:00Z\"," \
	"\"end_datetime\":\"2027-01-15T10:00:00Z\"," \
	"\"customer_info\":{\"name\":\"J\",\"email\":\"j@example.com\"," \
	"\"phone\":\"+1234567\"},\"child_info\":{\"name\":\"A\",\"age\":5}}"

static void
a_bearer_token_is_read_in_any_case_of_its_scheme(void)
{
	CU_ASSERT_STRING_EQUAL(guard_bearer("Bearer a.b.c"), "a.b.c");
	CU_ASSERT_STRING_EQUAL(guard_bearer("bEARER  a"), "a");
	CU_ASSERT_PTR_NULL(guard_bearer("Bearer"));
	CU_ASSERT_PTR_NULL(guard_bearer("Bearer "));
	CU_ASSERT_PTR_NULL(guard_bearer("Bearera"));
	CU_ASSERT_PTR_NULL(guard_bearer("Basic YTpi"));
	CU_ASSERT_PTR_NULL(guard_bearer(""));
}

/* One row: credentials, route, and the status they get. */
static void
every_kind_of_caller_is_let_in_where_it_belongs(void)
{
	static const struct {
		const char *header, *value, *method, *path, *body;
		int status;
	} rows[] = {
		{ "authorization", "Bearer customer", "GET", ONE, NULL, 200 },
		{ "authorization", "Bearer guest", "GET", BOOKINGS, NULL, 200 },
		{ "authorization", "Bearer guest", "POST", BOOKINGS,
		    CREATE_BODY, 201 },
		{ "authorization", "Bearer reader", "GET", ONE, NULL, 200 },
		{ "authorization", "Bearer reader", "DELETE", ONE, NULL, 403 },
		{ "authorization", "Bearer reader", "POST", BOOKINGS,
		    CREATE_BODY, 403 },
		{ "authorization", "Bearer manage", "GET", ONE, NULL, 200 },
		{ "authorization", "Bearer manage", "DELETE", ONE, NULL, 200 },
		{ "authorization", "Bearer manage", "GET", BOOKINGS, NULL,
		    403 },
		{ "authorization", "Bearer manage", "POST", BOOKINGS,
		    CREATE_BODY, 403 },
		{ "authorization", "Bearer customer", "POST",
		    "/api/v1/guest-sessions", NULL, 403 },
		{ "x-api-key", "publishable", "POST",
		    "/api/v1/guest-sessions", NULL, 201 },
		{ "x-api-key", "secret", "POST", "/api/v1/guest-sessions",
		    NULL, 201 },
		{ "x-api-key", "publishable", "GET", BOOKINGS, NULL, 403 },
		{ "x-api-key", "secret", "GET", BOOKINGS, NULL, 400 },
		{ "x-api-key", "publishable", "GET", "/api/v1/franchises",
		    NULL, 200 },
		{ "x-api-key", "stale", "GET", "/api/v1/franchises", NULL,
		    401 },
		{ "x-unused", "", "GET", "/api/v1/franchises", NULL, 200 },
		{ "x-unused", "", "GET", BOOKINGS, NULL, 401 },
		{ "x-unused", "", "POST", "/api/v1/guest-sessions", NULL,
		    401 },
	};
	struct world *w = world_open();

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		fake.calls = 0;
		world_header(w, rows[i].header, rows[i].value);
		CU_ASSERT_EQUAL(world_ask(w, rows[i].method, rows[i].path,
		    rows[i].body), rows[i].status);
		CU_ASSERT_EQUAL(fake.calls, rows[i].status < 300 ? 1 : 0);
	}
	world_close(w);
}

static void
a_secret_key_acts_for_the_customer_it_names(void)
{
	struct world *w = world_open();
	struct uuid customer;

	world_header(w, "x-api-key", "secret");
	world_header(w, "x-customer-id", FAKE_CUSTOMER);
	CU_ASSERT_EQUAL(world_ask(w, "GET", BOOKINGS, NULL), 200);
	CU_ASSERT_TRUE(uuid_parse(FAKE_CUSTOMER, &customer));
	CU_ASSERT_TRUE(uuid_equal(&fake.caller.customer, &customer));
	CU_ASSERT_STRING_EQUAL(fake.caller.address, "192.0.2.1");

	world_header(w, "authorization", "Bearer customer");
	world_header(w, "x-customer-id", FAKE_CUSTOMER);
	CU_ASSERT_EQUAL(world_ask(w, "GET", BOOKINGS, NULL), 400);
	CU_ASSERT_TRUE(world_says(w, "\"parameter\":\"X-Customer-Id\""));
	world_close(w);
}

static void
who_sends_nothing_is_told_how_and_no_error(void)
{
	struct world *w = world_open();

	CU_ASSERT_EQUAL(world_ask(w, "GET", BOOKINGS, NULL), 401);
	CU_ASSERT_STRING_EQUAL(world_got(w, "WWW-Authenticate"),
	    "Bearer realm=\"customer-booking\"");
	CU_ASSERT_TRUE(world_says(w, "\"code\":\"unauthenticated\""));
	world_close(w);
}

static void
bad_credentials_are_refused_without_saying_why(void)
{
	struct world *w = world_open();

	world_header(w, "authorization", "Bearer forged");
	CU_ASSERT_EQUAL(world_ask(w, "GET", BOOKINGS, NULL), 401);
	CU_ASSERT_STRING_EQUAL(world_got(w, "WWW-Authenticate"),
	    "Bearer realm=\"customer-booking\", error=\"invalid_token\"");
	CU_ASSERT_FALSE(world_says(w, "operator"));
	CU_ASSERT_STRING_EQUAL(w->res.why, "jwt: operator's sentence");

	world_header(w, "authorization", "Basic YTpi");
	CU_ASSERT_EQUAL(world_ask(w, "GET", "/health", NULL), 401);
	CU_ASSERT_EQUAL(fake.calls, 0);
	world_close(w);
}

static void
a_missing_scope_is_named(void)
{
	struct world *w = world_open();

	world_header(w, "authorization", "Bearer reader");
	CU_ASSERT_EQUAL(world_ask(w, "DELETE", ONE, NULL), 403);
	CU_ASSERT_STRING_EQUAL(world_got(w, "WWW-Authenticate"),
	    "Bearer realm=\"customer-booking\", error=\"insufficient_scope\", "
	    "scope=\"booking:update\"");
	world_close(w);
}

static void
two_kinds_of_credentials_at_once_are_refused(void)
{
	struct world *w = world_open();

	world_header(w, "authorization", "Bearer customer");
	world_header(w, "x-api-key", "secret");
	CU_ASSERT_EQUAL(world_ask(w, "GET", BOOKINGS, NULL), 400);
	CU_ASSERT_TRUE(world_says(w, "not both"));
	CU_ASSERT_EQUAL(fake.calls, 0);
	world_close(w);
}

UNIT_SUITE(guard, UNIT_TEST(a_bearer_token_is_read_in_any_case_of_its_scheme),
    UNIT_TEST(every_kind_of_caller_is_let_in_where_it_belongs),
    UNIT_TEST(a_secret_key_acts_for_the_customer_it_names),
    UNIT_TEST(who_sends_nothing_is_told_how_and_no_error),
    UNIT_TEST(bad_credentials_are_refused_without_saying_why),
    UNIT_TEST(a_missing_scope_is_named),
    UNIT_TEST(two_kinds_of_credentials_at_once_are_refused))
