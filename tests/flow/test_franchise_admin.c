/* test_franchise_admin.c: changes of a franchise under bookings that stand. */
#include <string.h>

#include <CUnit/CUnit.h>

#include "app/admin.h"
#include "app/availability.h"
#include "app/franchise_admin.h"
#include "support/world.h"
#include "unit/unit.h"

static struct admin *
admin_of(struct world *w)
{
	struct admin *admin = NULL;

	w->conf.database_admin_url = w->url; /* the owner's */
	world_next(w);
	CU_ASSERT_EQUAL_FATAL(admin_open(w->sc, &w->conf, &admin), ERR_OK);
	return admin;
}

static enum err
set_capacity(struct world *w, int64_t capacity)
{
	struct admin *admin = admin_of(w);
	struct franchise_facts facts;

	franchise_facts_clear(&facts);
	facts.id = w->franchise;
	facts.capacity = capacity;
	return franchise_set(admin, w->sc, &facts);
}

static enum err
set_currency(struct world *w, const char *currency)
{
	struct admin *admin = admin_of(w);
	struct franchise_facts facts;

	franchise_facts_clear(&facts);
	facts.id = w->franchise;
	facts.currency = currency;
	return franchise_set(admin, w->sc, &facts);
}

static enum err
close_day(struct world *w)
{
	struct admin *admin = admin_of(w);

	return franchise_close_day(admin, w->sc, &w->franchise,
	    w->day_us / USEC_PER_DAY, "Holiday");
}

static void
let_holds_lapse(struct world *w)
{
	pg_do(w->pg, "update bookings.bookings set hold_expires_at = now() - "
	    "interval '1 second'");
}

static void
a_hold_that_stands_keeps_its_places(void)
{
	struct world w;

	world_open(&w);
	CU_ASSERT_PTR_NOT_NULL_FATAL(world_book(&w, 9, 10, "Alice Doe"));
	CU_ASSERT_PTR_NOT_NULL_FATAL(world_book(&w, 9, 10, "Ben Doe"));
	CU_ASSERT_EQUAL(set_capacity(&w, 1), ERR_CONFLICT);
	CU_ASSERT_STRING_EQUAL(w.sc->why,
	    "the capacity may not be below what is booked: 2 places");
	CU_ASSERT_EQUAL(close_day(&w), ERR_CONFLICT);
	CU_ASSERT_STRING_EQUAL(w.sc->why, "bookings stand on that day: 2");
	CU_ASSERT_EQUAL(world_taken(&w), 2);
	CU_ASSERT_EQUAL(world_count(&w, "franchises.closed_days"), 0);
	CU_ASSERT_EQUAL(set_capacity(&w, 2), ERR_OK);
	world_close(&w);
}

static void
a_hold_that_has_lapsed_does_not_block_a_change(void)
{
	struct world w;

	world_open(&w);
	CU_ASSERT_PTR_NOT_NULL_FATAL(world_book(&w, 9, 10, "Alice Doe"));
	CU_ASSERT_PTR_NOT_NULL_FATAL(world_book(&w, 9, 10, "Ben Doe"));
	let_holds_lapse(&w);
	CU_ASSERT_EQUAL(set_capacity(&w, 1), ERR_OK);
	CU_ASSERT_EQUAL(world_taken(&w), 0);
	CU_ASSERT_EQUAL(pg_number(w.pg, "select count(*) from "
	    "bookings.bookings where booking_status = 'expired'"), 2);
	CU_ASSERT_EQUAL(pg_number(w.pg, "select count(*) from "
	    "bookings.outbox where type = 'BookingExpired'"), 2);
	world_close(&w);
}

static void
a_hold_that_has_lapsed_does_not_keep_a_day_open(void)
{
	struct world w;

	world_open(&w);
	CU_ASSERT_PTR_NOT_NULL_FATAL(world_book(&w, 9, 10, "Alice Doe"));
	let_holds_lapse(&w);
	CU_ASSERT_EQUAL(close_day(&w), ERR_OK);
	CU_ASSERT_EQUAL(world_count(&w, "franchises.closed_days"), 1);
	CU_ASSERT_EQUAL(world_taken(&w), 0);
	world_close(&w);
}

static void
the_currency_stays_until_the_last_hold_has_lapsed(void)
{
	struct world w;

	world_open(&w);
	CU_ASSERT_PTR_NOT_NULL_FATAL(world_book(&w, 9, 10, "Alice Doe"));
	CU_ASSERT_EQUAL(set_currency(&w, "EUR"), ERR_CONFLICT);
	CU_ASSERT_PTR_EQUAL(strstr(w.sc->why, "the currency stays as it is "
	    "while future bookings stand; the first is at "), w.sc->why);
	CU_ASSERT_EQUAL(set_currency(&w, "USD"), ERR_OK);
	let_holds_lapse(&w);
	CU_ASSERT_EQUAL(set_currency(&w, "EUR"), ERR_OK);
	CU_ASSERT_EQUAL(world_taken(&w), 0);
	CU_ASSERT_PTR_NOT_NULL_FATAL(world_book(&w, 9, 10, "Ben Doe"));
	CU_ASSERT_EQUAL(pg_number(w.pg, "select count(*) from "
	    "bookings.bookings where currency = 'EUR'"), 1);
	world_close(&w);
}

static void
a_change_is_seen_by_the_next_booking(void)
{
	struct world w;
	struct booking *booking = NULL;
	struct refusal refusal;

	world_open(&w);
	CU_ASSERT_PTR_NOT_NULL_FATAL(world_book(&w, 9, 10, "Alice Doe"));
	CU_ASSERT_EQUAL(set_capacity(&w, 1), ERR_OK);
	world_next(&w);
	CU_ASSERT_EQUAL(booking_create(w.app, w.sc, &w.customer,
	    world_request(&w, 9, 10, "Ben Doe"), NULL, &booking, &refusal),
	    ERR_CAPACITY);
	CU_ASSERT_PTR_NULL(booking);
	CU_ASSERT_EQUAL(world_taken(&w), 1);
	world_close(&w);
}

UNIT_SUITE(franchise_admin, UNIT_TEST(a_hold_that_stands_keeps_its_places),
    UNIT_TEST(a_hold_that_has_lapsed_does_not_block_a_change),
    UNIT_TEST(a_hold_that_has_lapsed_does_not_keep_a_day_open),
    UNIT_TEST(the_currency_stays_until_the_last_hold_has_lapsed),
    UNIT_TEST(a_change_is_seen_by_the_next_booking))
