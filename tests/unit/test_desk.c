/* test_desk.c: QR codes, check-in, check-out and roster, as HTTP has them. */
#include <string.h>

#include "base/instant.h"
#include "http/problem.h"
#include "support/fake_app.h"
#include "unit/unit.h"

#define QR "/api/v1/bookings/" FAKE_BOOKING "/qr"
#define CHECKINS "/api/v1/checkins"
#define CHECKOUT "/api/v1/bookings/" FAKE_BOOKING "/checkout"
#define ROSTER "/api/v1/franchises/" FAKE_FRANCHISE "/roster"
#define SCAN "{\"qr\":\"https://a/checkin/x?sig=y\"}"

/* The type of what is answered to that Accept (NULL: none is sent). */
static const char *
type_for(struct world *w, const char *accept)
{
	world_header(w, "authorization", "Bearer customer");
	if (accept)
		world_header(w, "accept", accept);
	(void)world_ask(w, "GET", QR, NULL);
	return world_got(w, "Content-Type");
}

static void
the_picture_is_the_one_that_is_wanted_most(void)
{
	static const struct {
		const char *accept;
		const char *type;
	} rows[] = {
		{ NULL, "image/png" },
		{ "*/*", "image/png" },
		{ "image/*", "image/png" },
		{ "image/png", "image/png" },
		{ "image/svg+xml", "image/svg+xml" },
		{ "application/json", "application/json" },
		{ "image/svg+xml, image/png;q=0.9", "image/svg+xml" },
		{ "image/png;q=0.1, */*;q=0.2", "image/svg+xml" },
		{ "application/json, image/*;q=0.5", "application/json" },
		/* as a browser fetches an <img> */
		{ "image/avif,image/webp,image/apng,image/svg+xml,image/*,"
		    "*/*;q=0.8", "image/png" },
		{ "text/html,application/xhtml+xml,*/*;q=0.8", "image/png" },
	};
	struct world *w = world_open();

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		CU_ASSERT_STRING_EQUAL(type_for(w, rows[i].accept),
		    rows[i].type);
		CU_ASSERT_EQUAL(w->res.status, 200);
		CU_ASSERT_STRING_EQUAL(world_got(w, "Cache-Control"),
		    "private, no-store");
		CU_ASSERT_PTR_NOT_NULL(strstr(world_got(w, "Vary"),
		    "Accept"));
	}
	CU_ASSERT_STRING_EQUAL(type_for(w, "text/plain"),
	    "application/problem+json");
	CU_ASSERT_EQUAL(w->res.status, 406);
	world_close(w);
}

static void
a_picture_is_answered_whole_and_json_tells_the_address(void)
{
	struct world *w = world_open();

	(void)type_for(w, "image/png");
	CU_ASSERT_EQUAL(w->res.body.len, 7);
	CU_ASSERT_EQUAL(memcmp(w->res.body.data, "\x89PNG\0\r\n", 7), 0);
	CU_ASSERT_STRING_EQUAL(fake.url,
	    "https://booking.example.com/checkin/x?sig=y");
	(void)type_for(w, "application/json");
	CU_ASSERT_TRUE(world_says(w, "\"url\":\"https://booking.example.com/"
	    "checkin/x?sig=y\""));
	CU_ASSERT_TRUE(world_says(w, "\"date\":\"2027-01-15\""));
	fake.fails = ERR_STATE;
	CU_ASSERT_STRING_EQUAL(type_for(w, "image/png"),
	    "application/problem+json");
	CU_ASSERT_EQUAL(w->res.status, 409);
	world_close(w);
}

static void
only_a_key_of_the_desk_may_be_at_the_desk(void)
{
	static const struct {
		const char *header;
		const char *value;
		int status;
	} rows[] = {
		{ "authorization", "Bearer customer", 403 },
		{ "authorization", "Bearer guest", 403 },
		{ "authorization", "Bearer manage", 403 },
		{ "x-api-key", "publishable", 403 },
		{ "x-api-key", "secret", 403 }, /* without checkin:write */
		{ "x-api-key", "none", 401 },
	};
	struct world *w = world_open();

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		world_header(w, rows[i].header, rows[i].value);
		CU_ASSERT_EQUAL(world_ask(w, "POST", CHECKINS, SCAN),
		    rows[i].status);
		world_header(w, rows[i].header, rows[i].value);
		CU_ASSERT_EQUAL(world_ask(w, "POST", CHECKOUT,
		    "{\"collected_by\":\"Jane\"}"), rows[i].status);
		world_header(w, rows[i].header, rows[i].value);
		CU_ASSERT_EQUAL(world_ask(w, "GET", ROSTER, NULL),
		    rows[i].status);
	}
	CU_ASSERT_EQUAL(world_ask(w, "POST", CHECKINS, SCAN), 401);
	/* Nor may the desk read what is a customer's. */
	world_header(w, "x-api-key", "desk");
	world_header(w, "x-customer-id", FAKE_CUSTOMER);
	CU_ASSERT_EQUAL(world_ask(w, "GET", QR, NULL), 403);
	CU_ASSERT_EQUAL(fake.calls, 0);
	world_close(w);
}

static void
a_check_in_is_made_once_and_told_again(void)
{
	struct world *w = world_open();

	world_header(w, "x-api-key", "desk");
	world_header(w, "idempotency-key", "one");
	CU_ASSERT_EQUAL(world_ask(w, "POST", CHECKINS, SCAN), 201);
	CU_ASSERT_STRING_EQUAL(fake.checkin.qr, "https://a/checkin/x?sig=y");
	CU_ASSERT_EQUAL(strncmp(fake.rendered, "201\n", 4), 0);
	CU_ASSERT_TRUE(world_says(w, "\"already\":false"));
	CU_ASSERT_TRUE(world_says(w, "\"emergency_contact\":null"));
	CU_ASSERT_FALSE(world_says(w, "john@example.com"));

	world_header(w, "x-api-key", "desk");
	CU_ASSERT_EQUAL(world_ask(w, "POST", CHECKINS,
	    "{\"booking_code\":\"K7QM-4TXA\"}"), 200);
	CU_ASSERT_TRUE(world_says(w, "\"already\":true"));

	fake.stored = "201\n\n\n{\"already\":false}";
	world_header(w, "x-api-key", "desk");
	world_header(w, "idempotency-key", "one");
	CU_ASSERT_EQUAL(world_ask(w, "POST", CHECKINS, SCAN), 201);
	CU_ASSERT_STRING_EQUAL(world_got(w, "Idempotency-Replayed"), "true");
	CU_ASSERT_STRING_EQUAL(w->res.body.data, "{\"already\":false}");
	world_close(w);
}

static void
each_refusal_at_the_desk_has_its_own_code(void)
{
	static const struct {
		enum err e;
		int status;
		const char *code;
	} rows[] = {
		{ ERR_FORGED, 422, "forged" },
		{ ERR_REVOKED, 409, "revoked" },
		{ ERR_OTHER_FRANCHISE, 409, "wrong_franchise" },
		{ ERR_OTHER_DAY, 409, "wrong_day" },
		{ ERR_UNPAID, 409, "unpaid" },
		{ ERR_CANCELLED, 409, "cancelled" },
		{ ERR_EXPIRED, 409, "expired" },
		{ ERR_OVER, 409, "booking_over" },
		{ ERR_CHECKED_IN, 409, "already_checked_in" },
		{ ERR_NOT_CHECKED_IN, 409, "not_checked_in" },
		{ ERR_COLLECTED, 409, "already_collected" },
		{ ERR_NOT_AUTHORISED, 409, "not_authorised" },
	};
	struct world *w = world_open();

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		fake.fails = rows[i].e;
		fake.why = "so it is";
		world_header(w, "x-api-key", "desk");
		CU_ASSERT_EQUAL(world_ask(w, "POST", CHECKINS, SCAN),
		    rows[i].status);
		CU_ASSERT_STRING_EQUAL(w->res.code, rows[i].code);
		CU_ASSERT_STRING_NOT_EQUAL(problem_sentence(rows[i].e),
		    problem_sentence(ERR_INTERNAL));
	}
	/* What does not hold is not told why. */
	fake.fails = ERR_FORGED;
	world_header(w, "x-api-key", "desk");
	(void)world_ask(w, "POST", CHECKINS, SCAN);
	CU_ASSERT_FALSE(world_says(w, "so it is"));
	CU_ASSERT_FALSE(world_says(w, "So it is"));
	world_close(w);
}

static void
a_check_out_and_a_roster_are_read_as_they_are_sent(void)
{
	struct world *w = world_open();

	world_header(w, "x-api-key", "desk");
	CU_ASSERT_EQUAL(world_ask(w, "POST", CHECKOUT, "{\"collected_by\":"
	    "\"Jane Doe\",\"override\":true,\"reason\":\"she called\"}"),
	    200);
	CU_ASSERT_STRING_EQUAL(fake.checkout.reason, "she called");
	CU_ASSERT_TRUE(world_says(w, "\"collected_by\":\"Jane Doe\","
	    "\"overridden\":true"));
	CU_ASSERT_FALSE(world_says(w, "she called"));

	world_header(w, "x-api-key", "desk");
	CU_ASSERT_EQUAL(world_ask(w, "GET", ROSTER
	    "?date=2027-01-15&limit=2&cursor=abc", NULL), 200);
	CU_ASSERT_EQUAL(fake.roster.date, 20833);
	CU_ASSERT_EQUAL(fake.roster.limit, 2);
	CU_ASSERT_STRING_EQUAL(fake.roster.cursor, "abc");
	CU_ASSERT_STRING_EQUAL(world_got(w, "Cache-Control"),
	    "private, no-store");
	CU_ASSERT_TRUE(world_says(w, "\"occupancy\":{\"present\":1,"
	    "\"expected\":2,\"collected\":3,\"no_show\":4,"
	    "\"capacity\":20}"));
	world_header(w, "x-api-key", "desk");
	CU_ASSERT_EQUAL(world_ask(w, "GET", ROSTER, NULL), 200);
	CU_ASSERT_EQUAL(fake.roster.date, NONE);
	world_close(w);
}

UNIT_SUITE(desk, UNIT_TEST(the_picture_is_the_one_that_is_wanted_most),
    UNIT_TEST(a_picture_is_answered_whole_and_json_tells_the_address),
    UNIT_TEST(only_a_key_of_the_desk_may_be_at_the_desk),
    UNIT_TEST(a_check_in_is_made_once_and_told_again),
    UNIT_TEST(each_refusal_at_the_desk_has_its_own_code),
    UNIT_TEST(a_check_out_and_a_roster_are_read_as_they_are_sent))
