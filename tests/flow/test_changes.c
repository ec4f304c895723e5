/* test_changes.c: changes of paid bookings, use case by use case.  Stripe is
 * played by what payment_settle is told. */
#include <stdio.h>
#include <string.h>

#include <CUnit/CUnit.h>

#include "app/payment_settle.h"
#include "base/buf.h"
#include "support/world.h"
#include "unit/unit.h"

/* The newest payment of the world's only booking. */
static struct uuid
newest_payment(struct world *w)
{
	struct uuid id = { { 0 } };
	PGresult *r = PQexec(w->pg, "select id from payments.payments order by "
	    "created_at desc, id desc limit 1");

	CU_ASSERT_EQUAL_FATAL(PQntuples(r), 1);
	CU_ASSERT_TRUE_FATAL(uuid_parse(PQgetvalue(r, 0, 0), &id));
	PQclear(r);
	return id;
}

static enum err
land(struct world *w, const struct uuid *payment)
{
	struct payment_outcome paid = { .to = ATTEMPT_SUCCEEDED,
		.currency = "USD" };
	char text[UUID_TEXT_MAX];

	uuid_format(payment, text);
	paid.amount = pg_number(w->pg, "select (amount * 100)::bigint from "
	    "payments.payments where id = '%s'", text);
	paid.intent = arena_printf(w->arena, "pi_%s", text);
	world_next(w);
	return payment_settle(w->app, w->sc, payment, &paid, NULL);
}

/* A paid booking from 9 to `until`. */
static struct booking *
paid(struct world *w, int until)
{
	struct booking *b = world_book(w, 9, until, "Alice");
	struct uuid payment;

	CU_ASSERT_PTR_NOT_NULL_FATAL(b);
	payment = newest_payment(w);
	CU_ASSERT_EQUAL_FATAL(land(w, &payment), ERR_OK);
	return b;
}

static enum err
change_until(struct world *w, const struct booking *b, int until,
    struct booking **ret_booking)
{
	struct booking_request req = { .start_us = NONE,
		.end_us = w->day_us + until * USEC_PER_HOUR };
	struct refusal refusal = { 0 };

	world_next(w);
	return booking_change(w->app, w->sc, &w->customer, &b->booking_id,
	    &req, NONE, NULL, ret_booking, &refusal);
}

static void
lapse(struct world *w)
{
	pg_do(w->pg, "update bookings.pending_changes set expires_at = now()");
}

static int64_t
waiting(struct world *w)
{
	return world_count(w, "bookings.pending_changes");
}

static void
test_a_dearer_change_waits_and_is_applied_by_its_money(void)
{
	struct world w;
	struct booking *b;
	struct booking *now = NULL;
	struct uuid payment;

	world_open(&w);
	world_pays(&w);
	b = paid(&w, 12);
	CU_ASSERT_EQUAL_FATAL(change_until(&w, b, 13, &now), ERR_OK);
	CU_ASSERT_EQUAL(now->total_amount, 4500);
	CU_ASSERT_PTR_NOT_NULL_FATAL(now->pending_change);
	CU_ASSERT_EQUAL(now->pending_change->amount_due, 1500);
	CU_ASSERT_EQUAL(world_taken(&w), 4);
	CU_ASSERT_EQUAL(pg_number(w.pg, "select count(*) from bookings.outbox "
	    "where type = 'BookingModified'"), 0);

	payment = newest_payment(&w);
	CU_ASSERT_EQUAL(land(&w, &payment), ERR_OK);
	CU_ASSERT_EQUAL(land(&w, &payment), ERR_OK); /* told twice */
	world_next(&w);
	CU_ASSERT_EQUAL_FATAL(booking_get(w.app, w.sc, &w.customer,
	    &b->booking_id, &now), ERR_OK);
	CU_ASSERT_EQUAL(now->total_amount, 6000);
	CU_ASSERT_EQUAL(now->end_us, w.day_us + 13 * USEC_PER_HOUR);
	CU_ASSERT_PTR_NULL(now->pending_change);
	CU_ASSERT_EQUAL(now->paid_amount, 6000);
	CU_ASSERT_EQUAL(waiting(&w), 0);
	CU_ASSERT_EQUAL(world_taken(&w), 4);
	CU_ASSERT_EQUAL(pg_number(w.pg, "select count(*) from bookings.outbox "
	    "where type = 'BookingModified'"), 1);
	CU_ASSERT_EQUAL(world_count(&w, "payments.refunds"), 0);
	world_close(&w);
}

static void
test_dropping_twice_gives_back_once_and_what_has_not_lapsed_stays(void)
{
	struct world w;
	struct booking *b;
	struct booking *now = NULL;
	int64_t version;

	world_open(&w);
	world_pays(&w);
	b = paid(&w, 12);
	CU_ASSERT_EQUAL_FATAL(change_until(&w, b, 14, &now), ERR_OK);
	world_next(&w);
	CU_ASSERT_EQUAL(booking_change_drop(w.app, w.sc, &b->booking_id),
	    ERR_OK);
	CU_ASSERT_EQUAL(waiting(&w), 1);
	CU_ASSERT_EQUAL(world_taken(&w), 5);

	lapse(&w);
	CU_ASSERT_EQUAL(booking_change_drop(w.app, w.sc, &b->booking_id),
	    ERR_OK);
	version = pg_number(w.pg, "select version from bookings.bookings");
	CU_ASSERT_EQUAL(version, now->version + 1);
	CU_ASSERT_EQUAL(booking_change_drop(w.app, w.sc, &b->booking_id),
	    ERR_OK);
	CU_ASSERT_EQUAL(version, pg_number(w.pg, "select version from "
	    "bookings.bookings"));
	CU_ASSERT_EQUAL(waiting(&w), 0);
	CU_ASSERT_EQUAL(world_taken(&w), 3);
	CU_ASSERT_EQUAL(pg_number(w.pg, "select count(*) from "
	    "bookings.booking_children"), 1);
	CU_ASSERT_EQUAL(pg_number(w.pg, "select count(*) from "
	    "payments.payments where payment_status = 'superseded' and "
	    "change_end = 'dropped'"), 1);

	/* nor is there one of a booking that never had any */
	CU_ASSERT_EQUAL(booking_change_drop(w.app, w.sc,
	    &w.customer.customer), ERR_OK);
	world_close(&w);
}

static void
test_money_for_a_change_that_is_over_goes_back_and_says_why(void)
{
	static const struct {
		const char *what;
		const char *reason;
	} cases[] = {
		{ "dropped", "late" },
		{ "replaced", "superseded" },
		{ "withdrawn", "superseded" },
		{ "cancelled", "cancelled" },
		{ "applied", "duplicate" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct cancel_request cancel = { .expected_refund = NONE };
		struct world w;
		struct booking *b;
		struct booking *now = NULL;
		struct uuid payment;

		world_open(&w);
		world_pays(&w);
		b = paid(&w, 12);
		CU_ASSERT_EQUAL_FATAL(change_until(&w, b, 13, &now), ERR_OK);
		payment = newest_payment(&w);
		switch (i) {
		case 0:
			lapse(&w);
			CU_ASSERT_EQUAL(booking_change_drop(w.app, w.sc,
			    &b->booking_id), ERR_OK);
			break;
		case 1:
			CU_ASSERT_EQUAL(change_until(&w, b, 14, &now), ERR_OK);
			break;
		case 2:
			CU_ASSERT_EQUAL(change_until(&w, b, 12, &now), ERR_OK);
			break;
		case 3:
			CU_ASSERT_EQUAL(booking_cancel(w.app, w.sc,
			    &w.customer, &b->booking_id, &cancel, NONE, NULL,
			    &now), ERR_OK);
			break;
		default:
			/* another attempt at the same change came first */
			pg_do(w.pg, "insert into payments.payments (id, "
			    "booking_id, amount, payment_method, "
			    "payment_status, change_id) select "
			    "gen_random_uuid(), booking_id, amount, "
			    "'checkout', 'superseded', change_id from "
			    "payments.payments where change_id is not null");
			CU_ASSERT_EQUAL(land(&w, &payment), ERR_OK);
			payment = newest_payment(&w);
		}
		CU_ASSERT_EQUAL(land(&w, &payment), ERR_OK);
		CU_ASSERT_EQUAL(pg_number(w.pg, "select count(*) from "
		    "payments.refunds where amount = 15 and reason = '%s'",
		    cases[i].reason), 1);
		CU_ASSERT_EQUAL(pg_number(w.pg, "select count(*) from "
		    "bookings.outbox where type = 'BookingModified'"),
		    i == 4 ? 1 : 0);
		world_close(&w);
	}
}

static void
test_a_cheaper_change_writes_its_refund_in_its_own_commit(void)
{
	struct cancel_quote quote;
	struct world w;
	struct booking *b;
	struct booking *now = NULL;

	world_open(&w);
	world_pays(&w);
	b = paid(&w, 17); /* 120.00, and a fee of 20.00 */
	CU_ASSERT_EQUAL_FATAL(change_until(&w, b, 16, &now), ERR_OK);
	CU_ASSERT_EQUAL(now->refunded_amount, 1500);
	CU_ASSERT_STRING_EQUAL(now->payment_status, "partially_refunded");
	CU_ASSERT_EQUAL(pg_number(w.pg, "select count(*) from bookings.outbox o "
	    "join payments.refunds r on r.id::text = o.facts ->> 'id' where "
	    "o.topic = 'payments' and o.type = 'refund' and r.reason = "
	    "'price_down' and r.amount = 15"), 1);

	/* To an hour: no more than a cancellation would have given. */
	CU_ASSERT_EQUAL_FATAL(change_until(&w, b, 10, &now), ERR_OK);
	CU_ASSERT_EQUAL(now->refunded_amount, 10000);
	world_next(&w);
	CU_ASSERT_EQUAL(booking_cancel_quote(w.app, w.sc, &w.customer,
	    &b->booking_id, &quote), ERR_OK);
	CU_ASSERT_EQUAL(quote.refund_amount, 0);
	CU_ASSERT_EQUAL(world_taken(&w), 1);
	world_close(&w);
}

static void
test_without_a_stripe_key_only_a_dearer_change_is_refused(void)
{
	struct world w;
	struct booking *b;
	struct booking *now = NULL;

	world_open(&w);
	b = world_book(&w, 9, 12, "Alice");
	CU_ASSERT_PTR_NOT_NULL_FATAL(b);
	pg_do(w.pg, "insert into payments.payments (id, booking_id, amount, "
	    "payment_method, payment_status) select gen_random_uuid(), id, "
	    "45.00, 'checkout', 'succeeded' from bookings.bookings");
	pg_do(w.pg, "update bookings.bookings set paid_amount = 45, "
	    "payment_status = 'paid', booking_status = 'confirmed'");
	CU_ASSERT_EQUAL(change_until(&w, b, 13, &now),
	    ERR_PAYMENTS_UNAVAILABLE);
	CU_ASSERT_TRUE(w.sc->retry_after_s > 0);
	CU_ASSERT_EQUAL(world_taken(&w), 3);
	CU_ASSERT_EQUAL(waiting(&w), 0);
	CU_ASSERT_EQUAL_FATAL(change_until(&w, b, 11, &now), ERR_OK);
	CU_ASSERT_EQUAL(now->refunded_amount, 1500);
	CU_ASSERT_EQUAL(world_taken(&w), 2);
	world_close(&w);
}

static void
test_a_change_that_waits_is_sealed_and_no_one_elses(void)
{
	struct contact contact = { .email = "secret@example.com" };
	struct booking_request req = { .start_us = NONE };
	struct refusal refusal = { 0 };
	struct child two[2] = { { .name = "Zoe Hidden", .age = 5 },
		{ .name = "Tom Hidden", .age = 3, .allergies = "Peanuts" } };
	struct world w;
	struct booking *b;
	struct booking *now = NULL;

	world_open(&w);
	world_pays(&w);
	b = paid(&w, 12);
	req.end_us = w.day_us + 13 * USEC_PER_HOUR;
	req.customer_info = &contact;
	req.children = (struct list){ two, 2 };
	world_next(&w);
	CU_ASSERT_EQUAL(booking_change(w.app, w.sc, &w.stranger,
	    &b->booking_id, &req, NONE, NULL, &now, &refusal), ERR_NOT_FOUND);
	CU_ASSERT_EQUAL_FATAL(booking_change(w.app, w.sc, &w.customer,
	    &b->booking_id, &req, NONE, NULL, &now, &refusal), ERR_OK);
	CU_ASSERT_EQUAL(now->children.count, 1);
	CU_ASSERT_EQUAL(pg_number(w.pg, "select count(*) from (select "
	    "to_jsonb(p)::text as t from bookings.pending_changes p union all "
	    "select to_jsonb(c)::text from bookings.booking_children c union "
	    "all select to_jsonb(o)::text from bookings.outbox o) x where t ~* "
	    "('hidden|peanut|secret|' || encode('Hidden', 'hex') || '|' || "
	    "encode('secret', 'hex'))"), 0);
	world_close(&w);
}

/* Its key is lost, or its bytes are: money knows nobody's name. */
static void
test_money_lands_and_goes_back_though_nobody_can_read_the_booking(void)
{
	struct uuid refund = { { 0 } };
	struct uuid payment;
	struct booking *now = NULL;
	struct booking *b;
	struct world w;
	PGresult *r;

	world_open(&w);
	world_pays(&w);
	b = world_book(&w, 9, 12, "Alice");
	CU_ASSERT_PTR_NOT_NULL_FATAL(b);
	payment = newest_payment(&w);
	pg_do(w.pg, "create table public.kept as select data_key from "
	    "bookings.bookings");
	pg_do(w.pg, "update bookings.bookings set data_key = '\\x00'");
	CU_ASSERT_EQUAL(land(&w, &payment), ERR_OK);
	CU_ASSERT_EQUAL(pg_number(w.pg, "select count(*) from "
	    "bookings.bookings where booking_status = 'confirmed'"), 1);

	/* Changed while it could be read, paid when it could not. */
	pg_do(w.pg, "update bookings.bookings set data_key = (select data_key "
	    "from public.kept)");
	CU_ASSERT_EQUAL_FATAL(change_until(&w, b, 13, &now), ERR_OK);
	payment = newest_payment(&w);
	pg_do(w.pg, "update bookings.bookings set data_key = '\\x00'");
	CU_ASSERT_EQUAL(land(&w, &payment), ERR_OK);
	CU_ASSERT_EQUAL(waiting(&w), 0);
	CU_ASSERT_EQUAL(pg_number(w.pg, "select count(*) from bookings.outbox "
	    "where type = 'BookingModified' and facts ->> 'total_amount' = "
	    "'60.00' and facts ->> 'end_datetime' = to_char((select "
	    "end_datetime from bookings.bookings) at time zone 'UTC', "
	    "'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')"), 1);

	pg_do(w.pg, "insert into payments.refunds (id, payment_id, booking_id, "
	    "amount, currency, reason) select gen_random_uuid(), id, "
	    "booking_id, 15, 'USD', 'staff' from payments.payments order by "
	    "created_at desc limit 1");
	r = PQexec(w.pg, "select id from payments.refunds");
	CU_ASSERT_TRUE_FATAL(uuid_parse(PQgetvalue(r, 0, 0), &refund));
	PQclear(r);
	world_next(&w);
	CU_ASSERT_EQUAL(refund_settle(w.app, w.sc, &refund, "succeeded",
	    "re_1", NULL, NULL), ERR_OK);
	CU_ASSERT_EQUAL(pg_number(w.pg, "select count(*) from bookings.outbox "
	    "where type in ('PaymentProcessed', 'RefundProcessed')"), 3);
	world_close(&w);
}

UNIT_SUITE(changes,
    UNIT_TEST(test_a_dearer_change_waits_and_is_applied_by_its_money),
    UNIT_TEST(
        test_dropping_twice_gives_back_once_and_what_has_not_lapsed_stays),
    UNIT_TEST(test_money_for_a_change_that_is_over_goes_back_and_says_why),
    UNIT_TEST(test_a_cheaper_change_writes_its_refund_in_its_own_commit),
    UNIT_TEST(test_without_a_stripe_key_only_a_dearer_change_is_refused),
    UNIT_TEST(test_a_change_that_waits_is_sealed_and_no_one_elses),
    UNIT_TEST(test_money_lands_and_goes_back_though_nobody_can_read_the_booking))
