/* test_bookings.c: the life of a booking, use case by use case. */
#include <stdio.h>
#include <string.h>

#include <CUnit/CUnit.h>

#include "app/availability.h"
#include "app/days.h"
#include "base/buf.h"
#include "base/clock.h"
#include "support/world.h"
#include "unit/unit.h"

static bool
faulty(const struct world *w, const char *pointer, const char *rule)
{
	for (const struct fault *f = w->sc->faults; f; f = f->next) {
		if (f->pointer && strcmp(f->pointer, pointer) == 0 &&
		    strcmp(f->rule, rule) == 0)
			return true;
	}
	return false;
}

static enum err
create(struct world *w, const struct caller *caller,
    const struct booking_request *req, struct refusal *refusal)
{
	struct booking *booking = NULL;

	world_next(w);
	return booking_create(w->app, w->sc, caller, req, NULL, &booking,
	    refusal);
}

static void
test_a_booking_costs_what_the_seed_says_and_leaves_its_rows(void)
{
	struct world w;
	struct booking *b;

	world_open(&w);
	b = world_book(&w, 9, 17, "Alice Doe");
	CU_ASSERT_PTR_NOT_NULL_FATAL(b);
	CU_ASSERT_EQUAL(b->total_amount, 12000);
	CU_ASSERT_STRING_EQUAL(b->currency, "USD");
	CU_ASSERT_STRING_EQUAL(b->status, "pending");
	CU_ASSERT_TRUE(b->payment_required);
	CU_ASSERT_EQUAL(strlen(b->booking_code), 9);
	CU_ASSERT_PTR_NOT_NULL(strstr(b->payment_url, "/pay/"));
	CU_ASSERT_PTR_NOT_NULL(strstr(b->manage_url, "#token="));

	CU_ASSERT_EQUAL(world_taken(&w), 8);
	CU_ASSERT_EQUAL(world_count(&w, "bookings.bookings"), 1);
	CU_ASSERT_EQUAL(world_count(&w, "bookings.booking_children"), 1);
	CU_ASSERT_EQUAL(pg_number(w.pg, "select count(*) from bookings.outbox "
	    "where topic = 'events' and type = 'BookingCreated' and "
	    "sequence = 1"), 1);
	CU_ASSERT_EQUAL(pg_number(w.pg, "select count(*) from bookings.outbox "
	    "where topic = 'events' and due_at = created_at"), 1);
	CU_ASSERT_EQUAL(pg_number(w.pg, "select count(*) from bookings.outbox "
	    "where topic = 'bookings' and type = 'expire' and due_at > now() "
	    "+ interval '34 minutes'"), 1);
	world_close(&w);
}

static void
test_a_booking_is_read_back_as_it_was_given(void)
{
	struct world w;
	struct booking *b;
	struct booking *again = NULL;
	const struct child *child;

	world_open(&w);
	b = world_book(&w, 9, 17, "Alice Doe");
	CU_ASSERT_PTR_NOT_NULL_FATAL(b);
	world_next(&w);
	CU_ASSERT_EQUAL_FATAL(booking_get(w.app, w.sc, &w.customer,
	    &b->booking_id, &again), ERR_OK);
	CU_ASSERT_STRING_EQUAL(again->customer_info->email,
	    "John@Example.com");
	CU_ASSERT_EQUAL(again->children.count, 1);
	child = again->children.items;
	CU_ASSERT_STRING_EQUAL(child[0].name, "Alice Doe");
	CU_ASSERT_STRING_EQUAL(child[0].allergies, "Peanuts");
	CU_ASSERT_PTR_NULL(child[0].special_needs);
	CU_ASSERT_EQUAL(child[0].age, 5);
	CU_ASSERT_STRING_EQUAL(again->booking_code, b->booking_code);
	CU_ASSERT_STRING_EQUAL(again->payment_url, b->payment_url);

	world_next(&w);
	CU_ASSERT_EQUAL(booking_get(w.app, w.sc, &w.stranger,
	    &b->booking_id, &again), ERR_NOT_FOUND);
	world_close(&w);
}

static void
test_nothing_personal_lies_in_the_clear(void)
{
	struct world w;

	world_open(&w);
	CU_ASSERT_PTR_NOT_NULL_FATAL(world_book(&w, 9, 10, "Alice Doe"));
	CU_ASSERT_EQUAL(pg_number(w.pg, "select count(*) from (select "
	    "to_jsonb(i)::text as t from bookings.customer_info i union all "
	    "select to_jsonb(c)::text from bookings.booking_children c union "
	    "all select to_jsonb(o)::text from bookings.outbox o union all "
	    "select to_jsonb(b)::text from bookings.bookings b) x where "
	    "t ~* ('alice|doe|peanut|example\\.com|1234567|' || "
	    "encode('Alice', 'hex'))"), 0);
	world_close(&w);
}

static void
test_a_full_hour_is_refused_with_what_is_full_and_what_fits(void)
{
	struct world w;
	struct refusal refusal = { 0 };
	const struct full_slot *full;
	const struct start_option *option;

	world_open(&w);
	CU_ASSERT_PTR_NOT_NULL(world_book(&w, 10, 12, "A"));
	CU_ASSERT_PTR_NOT_NULL(world_book(&w, 10, 12, "B"));
	CU_ASSERT_PTR_NOT_NULL(world_book(&w, 10, 12, "C"));
	CU_ASSERT_EQUAL(create(&w, &w.stranger, world_request(&w, 11, 13,
	    "D"), &refusal), ERR_CAPACITY);
	CU_ASSERT_EQUAL_FATAL(refusal.full_slots.count, 1);
	full = refusal.full_slots.items;
	CU_ASSERT_EQUAL(full[0].start_us, w.day_us + 11 * USEC_PER_HOUR);
	CU_ASSERT_EQUAL(full[0].available, 0);
	CU_ASSERT_EQUAL(refusal.alternatives.count, 3);
	option = refusal.alternatives.items;
	CU_ASSERT_EQUAL(option[0].start_us, w.day_us + 12 * USEC_PER_HOUR);

	CU_ASSERT_EQUAL(world_count(&w, "bookings.bookings"), 3);
	CU_ASSERT_EQUAL(world_taken(&w), 6);
	world_close(&w);
}

static void
test_a_period_off_the_rules_is_refused_by_name(void)
{
	struct world w;
	struct refusal refusal = { 0 };
	struct booking_request *req;

	world_open(&w);
	req = world_request(&w, 9, 17, "A");
	req->start_us += 30 * USEC_PER_MIN;
	CU_ASSERT_EQUAL(create(&w, &w.customer, req, &refusal), ERR_INVALID);
	CU_ASSERT_TRUE(faulty(&w, "/start_datetime", "slot_boundary"));

	CU_ASSERT_EQUAL(create(&w, &w.customer, world_request(&w, 17, 19,
	    "A"), &refusal), ERR_INVALID);
	CU_ASSERT_TRUE(faulty(&w, "/end_datetime", "slot_boundary"));

	req = world_request(&w, 9, 17, "A");
	req->start_us -= 20 * USEC_PER_DAY;
	req->end_us -= 20 * USEC_PER_DAY;
	CU_ASSERT_EQUAL(create(&w, &w.customer, req, &refusal), ERR_INVALID);
	CU_ASSERT_TRUE(faulty(&w, "/start_datetime", "future"));

	req = world_request(&w, 9, 17, "A");
	req->start_us += 200 * USEC_PER_DAY;
	req->end_us += 200 * USEC_PER_DAY;
	CU_ASSERT_EQUAL(create(&w, &w.customer, req, &refusal), ERR_INVALID);
	CU_ASSERT_TRUE(faulty(&w, "/start_datetime", "horizon"));

	pg_do(w.pg, "insert into franchises.closed_days select "
	    "'00000000-0000-4000-8000-0000000000f1', current_date + 10, "
	    "'holiday'");
	CU_ASSERT_EQUAL(create(&w, &w.customer, world_request(&w, 9, 17,
	    "A"), &refusal), ERR_INVALID);
	CU_ASSERT_TRUE(faulty(&w, "/start_datetime", "closed_day"));
	CU_ASSERT_EQUAL(world_count(&w, "bookings.bookings"), 0);
	CU_ASSERT_EQUAL(world_count(&w, "bookings.outbox"), 0);
	world_close(&w);
}

static void
test_a_child_cannot_be_in_two_places_at_once(void)
{
	struct world w;
	struct refusal refusal = { 0 };
	struct booking_request *req;

	world_open(&w);
	CU_ASSERT_PTR_NOT_NULL(world_book(&w, 9, 12, "\xC3\x81lice  Doe"));
	req = world_request(&w, 11, 13, "\xC3\xA1LICE doe ");
	CU_ASSERT_EQUAL(create(&w, &w.customer, req, &refusal),
	    ERR_CHILD_BUSY);
	/* another customer's child of that name, or another time: fine */
	CU_ASSERT_EQUAL(create(&w, &w.stranger, req, &refusal), ERR_OK);
	CU_ASSERT_PTR_NOT_NULL(world_book(&w, 12, 13, "\xC3\xA1lice doe"));
	CU_ASSERT_EQUAL(world_count(&w, "bookings.bookings"), 3);
	world_close(&w);
}

static void
test_the_sixth_unpaid_hold_is_refused_until_one_ends(void)
{
	static const char *const names[] = { "A", "B", "C", "D", "E" };
	struct world w;
	struct refusal refusal = { 0 };

	world_open(&w);
	for (int i = 0; i < 5; i++)
		CU_ASSERT_PTR_NOT_NULL(world_book(&w, 8 + i, 9 + i,
		    names[i]));
	CU_ASSERT_EQUAL(create(&w, &w.customer, world_request(&w, 15, 16,
	    "F"), &refusal), ERR_TOO_MANY_HOLDS);
	CU_ASSERT_TRUE(w.sc->retry_after_s > 2000 &&
	    w.sc->retry_after_s <= 2101);
	CU_ASSERT_EQUAL(world_count(&w, "bookings.bookings"), 5);

	pg_do(w.pg, "update bookings.bookings set hold_expires_at = now() "
	    "where start_datetime = (select min(start_datetime) from "
	    "bookings.bookings)");
	CU_ASSERT_PTR_NOT_NULL(world_book(&w, 15, 16, "F"));
	world_close(&w);
}

static void
test_guests_are_counted_by_session_address_and_email(void)
{
	struct world w;
	struct refusal refusal = { 0 };
	struct caller guest;
	struct booking_request *req;

	world_open(&w);
	guest = w.customer;
	guest.kind = CALLER_GUEST;
	CU_ASSERT_EQUAL(create(&w, &guest, world_request(&w, 8, 9, "A"),
	    &refusal), ERR_OK);
	CU_ASSERT_EQUAL(create(&w, &guest, world_request(&w, 9, 10, "A"),
	    &refusal), ERR_OK);
	CU_ASSERT_EQUAL(create(&w, &guest, world_request(&w, 10, 11, "A"),
	    &refusal), ERR_TOO_MANY_HOLDS);

	/* a fresh session with the same e-mail */
	uuid_random(&guest.customer);
	guest.address = "192.0.2.2";
	CU_ASSERT_EQUAL(create(&w, &guest, world_request(&w, 10, 11, "B"),
	    &refusal), ERR_TOO_MANY_HOLDS);
	/* other e-mails, until the address has three */
	guest.address = "192.0.2.1";
	req = world_request(&w, 10, 11, "C");
	req->customer_info->email = "other@example.com";
	CU_ASSERT_EQUAL(create(&w, &guest, req, &refusal), ERR_OK);
	uuid_random(&guest.customer);
	req->customer_info->email = "third@example.com";
	CU_ASSERT_EQUAL(create(&w, &guest, req, &refusal),
	    ERR_TOO_MANY_HOLDS);
	CU_ASSERT_EQUAL(world_count(&w, "bookings.bookings"), 3);
	world_close(&w);
}

static void
test_guests_with_many_addresses_of_one_network_are_counted_as_one(void)
{
	static const char *const addresses[] = { "2001:db8:1:2::1",
		"2001:db8:1:2::2", "2001:db8:1:2:ffff::3", "2001:db8:1:2::4",
		"2001:db8:1:3::4" };
	static const char *const emails[] = { "a@example.com", "b@example.com",
		"c@example.com", "d@example.com", "d@example.com" };
	struct world w;
	struct refusal refusal = { 0 };
	struct caller guest;

	world_open(&w);
	guest = w.customer;
	guest.kind = CALLER_GUEST;
	for (size_t i = 0; i < ARRAY_LEN(addresses); i++) {
		struct booking_request *req = world_request(&w, 9 + (int)i,
		    10 + (int)i, "A");

		uuid_random(&guest.customer);
		guest.address = addresses[i];
		req->customer_info->email = emails[i];
		/* three a network; the last comes from another one */
		CU_ASSERT_EQUAL(create(&w, &guest, req, &refusal),
		    i == 3 ? ERR_TOO_MANY_HOLDS : ERR_OK);
	}
	world_close(&w);
}

static void
test_a_free_booking_is_confirmed_at_once(void)
{
	struct world w;
	struct refusal refusal = { 0 };
	struct booking_request *req;
	struct booking *b = NULL;

	world_open(&w);
	req = world_request(&w, 9, 10, "A");
	req->franchise_id = w.free_franchise;
	CU_ASSERT_EQUAL_FATAL(booking_create(w.app, w.sc, &w.customer, req,
	    NULL, &b, &refusal), ERR_OK);
	CU_ASSERT_STRING_EQUAL(b->status, "confirmed");
	CU_ASSERT_STRING_EQUAL(b->payment_status, "not_required");
	CU_ASSERT_PTR_NULL(b->payment_url);
	CU_ASSERT_EQUAL(b->hold_expires_us, NONE);
	CU_ASSERT_EQUAL(pg_number(w.pg, "select count(*) from bookings.outbox "
	    "where (type, sequence) in (('BookingCreated', 1), "
	    "('BookingConfirmed', 2))"), 2);
	CU_ASSERT_EQUAL(pg_number(w.pg, "select count(*) from bookings.outbox "
	    "where topic = 'bookings'"), 0);
	world_close(&w);
}

/* ---- lapsed holds ---------------------------------------------------------- */

static void
lapse_all(struct world *w)
{
	pg_do(w->pg, "update bookings.bookings set hold_expires_at = now() - "
	    "interval '1 second'");
}

static void
test_a_lapsed_hold_that_nobody_can_read_blocks_nobody(void)
{
	struct world w;
	struct refusal refusal = { 0 };

	world_open(&w);
	CU_ASSERT_PTR_NOT_NULL(world_book(&w, 9, 10, "A"));
	CU_ASSERT_PTR_NOT_NULL(world_book(&w, 9, 10, "B"));
	CU_ASSERT_PTR_NOT_NULL(world_book(&w, 9, 10, "C"));
	pg_do(w.pg, "update bookings.bookings set data_key = '\\x00'");
	lapse_all(&w);
	CU_ASSERT_EQUAL(create(&w, &w.stranger, world_request(&w, 9, 10, "D"),
	    &refusal), ERR_OK);
	/* Nor does it keep the child. */
	CU_ASSERT_EQUAL(create(&w, &w.customer, world_request(&w, 9, 10, "A"),
	    &refusal), ERR_OK);
	CU_ASSERT_EQUAL(world_taken(&w), 2);
	world_close(&w);
}

/* Whatever it is that stands against the end of one. */
static void
test_a_lapsed_hold_that_does_not_end_keeps_none_beside_it(void)
{
	struct world w;
	struct refusal refusal = { 0 };
	struct booking *bad;
	char id[UUID_TEXT_MAX];

	world_open(&w);
	bad = world_book(&w, 9, 10, "A");
	CU_ASSERT_PTR_NOT_NULL_FATAL(bad);
	CU_ASSERT_PTR_NOT_NULL(world_book(&w, 9, 10, "B"));
	CU_ASSERT_PTR_NOT_NULL(world_book(&w, 9, 10, "C"));
	lapse_all(&w);
	pg_do(w.pg, "create function public.trap() returns trigger language "
	    "plpgsql as $$ begin raise exception 'no' using errcode = 'CB010';"
	    " end $$");
	pg_do(w.pg, "create trigger trap before update on bookings.bookings "
	    "for each row when (old.id = '%s') execute function "
	    "public.trap()", uuid_format(&bad->booking_id, id));
	CU_ASSERT_EQUAL(create(&w, &w.stranger, world_request(&w, 9, 10, "D"),
	    &refusal), ERR_OK);
	CU_ASSERT_EQUAL(create(&w, &w.stranger, world_request(&w, 9, 10, "E"),
	    &refusal), ERR_OK);
	/* That one's own place is all that it costs. */
	CU_ASSERT_NOT_EQUAL(create(&w, &w.stranger, world_request(&w, 9, 10,
	    "F"), &refusal), ERR_OK);
	CU_ASSERT_EQUAL(world_taken(&w), 3);
	world_close(&w);
}

static void
test_a_lapsed_hold_never_blocks(void)
{
	struct world w;
	struct booking *old;
	struct booking *seen = NULL;
	struct refusal refusal = { 0 };
	struct booking_request *req;

	world_open(&w);
	req = world_request(&w, 9, 10, "A");
	old = world_book(&w, 9, 10, "A");
	CU_ASSERT_PTR_NOT_NULL_FATAL(old);
	CU_ASSERT_PTR_NOT_NULL(world_book(&w, 9, 10, "B"));
	CU_ASSERT_PTR_NOT_NULL(world_book(&w, 9, 10, "C"));
	lapse_all(&w);

	world_next(&w);
	CU_ASSERT_EQUAL(booking_get(w.app, w.sc, &w.customer,
	    &old->booking_id, &seen), ERR_OK);
	CU_ASSERT_STRING_EQUAL(seen->status, "expired");
	CU_ASSERT_FALSE(seen->payment_required);

	CU_ASSERT_EQUAL(create(&w, &w.stranger, req, &refusal), ERR_OK);
	CU_ASSERT_EQUAL(world_taken(&w), 1);
	CU_ASSERT_EQUAL(pg_number(w.pg, "select count(*) from bookings.outbox "
	    "where type = 'BookingExpired' and sequence = 2"), 3);
	world_close(&w);
}

static void
test_expiring_twice_frees_once(void)
{
	struct world w;
	struct booking *b;

	world_open(&w);
	b = world_book(&w, 9, 11, "A");
	CU_ASSERT_PTR_NOT_NULL_FATAL(b);
	world_next(&w);
	CU_ASSERT_EQUAL(booking_expire(w.app, w.sc, &b->booking_id), ERR_OK);
	CU_ASSERT_EQUAL(world_taken(&w), 2); /* not lapsed: it stands */

	lapse_all(&w);
	world_next(&w);
	CU_ASSERT_EQUAL(booking_expire(w.app, w.sc, &b->booking_id), ERR_OK);
	CU_ASSERT_EQUAL(booking_expire(w.app, w.sc, &b->booking_id), ERR_OK);
	CU_ASSERT_EQUAL(world_taken(&w), 0);
	CU_ASSERT_EQUAL(pg_number(w.pg, "select count(*) from bookings.outbox "
	    "where type = 'BookingExpired'"), 1);
	world_close(&w);
}

/* ---- change ---------------------------------------------------------------- */

static struct booking_request *
nothing(struct world *w)
{
	struct booking_request *req = arena_new(w->arena,
	    struct booking_request);

	req->start_us = NONE;
	req->end_us = NONE;
	return req;
}

static enum err
change(struct world *w, const struct booking *b,
    const struct booking_request *req, int64_t if_match,
    struct booking **ret_booking, struct refusal *refusal)
{
	world_next(w);
	return booking_change(w->app, w->sc, &w->customer, &b->booking_id, req,
	    if_match, NULL, ret_booking, refusal);
}

static void
test_a_change_moves_places_price_and_children_together(void)
{
	struct world w;
	struct booking *b;
	struct booking *now = NULL;
	struct booking *later = NULL;
	struct refusal refusal = { 0 };
	struct booking_request *req;
	struct child two[2] = { { .name = "A", .age = 5 },
		{ .name = "B", .age = 3 } };

	world_open(&w);
	b = world_book(&w, 9, 12, "A");
	CU_ASSERT_PTR_NOT_NULL_FATAL(b);
	req = nothing(&w);
	req->start_us = w.day_us + 11 * USEC_PER_HOUR;
	req->end_us = w.day_us + 13 * USEC_PER_HOUR;
	req->children = (struct list){ two, 2 };
	CU_ASSERT_EQUAL_FATAL(change(&w, b, req, b->version, &now, &refusal),
	    ERR_OK);
	CU_ASSERT_EQUAL(now->total_amount, 6000);
	CU_ASSERT_EQUAL(now->version, 2);
	CU_ASSERT_EQUAL(world_taken(&w), 4);
	CU_ASSERT_EQUAL(pg_number(w.pg, "select count(*) from bookings.outbox "
	    "where type = 'BookingModified' and sequence = 2"), 1);

	/* what is read is what was answered */
	world_next(&w);
	CU_ASSERT_EQUAL_FATAL(booking_get(w.app, w.sc, &w.customer,
	    &b->booking_id, &later), ERR_OK);
	CU_ASSERT_EQUAL(later->updated_us, now->updated_us);
	CU_ASSERT_EQUAL(later->version, now->version);

	/* the old times are free again for the child */
	CU_ASSERT_PTR_NOT_NULL(world_book(&w, 9, 11, "A"));
	world_close(&w);
}

static void
test_a_change_that_fails_leaves_the_booking_whole(void)
{
	struct world w;
	struct booking *b;
	struct booking *now = NULL;
	struct refusal refusal = { 0 };
	struct booking_request *req;

	world_open(&w);
	for (int i = 0; i < 3; i++)
		CU_ASSERT_PTR_NOT_NULL(world_book(&w, 14, 15,
		    i == 0 ? "X" : i == 1 ? "Y" : "Z"));
	b = world_book(&w, 9, 12, "A");
	CU_ASSERT_PTR_NOT_NULL_FATAL(b);
	req = nothing(&w);
	req->start_us = w.day_us + 13 * USEC_PER_HOUR;
	req->end_us = w.day_us + 15 * USEC_PER_HOUR;
	CU_ASSERT_EQUAL(change(&w, b, req, NONE, &now, &refusal),
	    ERR_CAPACITY);
	CU_ASSERT_EQUAL(refusal.full_slots.count, 1);

	world_next(&w);
	CU_ASSERT_EQUAL_FATAL(booking_get(w.app, w.sc, &w.customer,
	    &b->booking_id, &now), ERR_OK);
	CU_ASSERT_EQUAL(now->version, 1);
	CU_ASSERT_EQUAL(now->start_us, w.day_us + 9 * USEC_PER_HOUR);
	CU_ASSERT_EQUAL(world_taken(&w), 6);
	CU_ASSERT_EQUAL(pg_number(w.pg, "select count(*) from bookings.outbox "
	    "where type = 'BookingModified'"), 0);
	world_close(&w);
}

static void
test_a_change_may_use_the_places_it_gives_back(void)
{
	struct world w;
	struct booking *b;
	struct booking *now = NULL;
	struct refusal refusal = { 0 };
	struct booking_request *req;

	world_open(&w);
	b = world_book(&w, 9, 12, "A");
	CU_ASSERT_PTR_NOT_NULL_FATAL(b);
	CU_ASSERT_PTR_NOT_NULL(world_book(&w, 9, 12, "B"));
	CU_ASSERT_PTR_NOT_NULL(world_book(&w, 9, 12, "C"));
	req = nothing(&w);
	req->start_us = w.day_us + 10 * USEC_PER_HOUR;
	req->end_us = w.day_us + 13 * USEC_PER_HOUR;
	CU_ASSERT_EQUAL(change(&w, b, req, NONE, &now, &refusal), ERR_OK);
	CU_ASSERT_EQUAL(world_taken(&w), 9);
	world_close(&w);
}

static void
test_an_old_version_is_refused_unless_nothing_would_change(void)
{
	struct world w;
	struct booking *b;
	struct booking *now = NULL;
	struct refusal refusal = { 0 };
	struct booking_request *req;

	world_open(&w);
	b = world_book(&w, 9, 12, "A");
	CU_ASSERT_PTR_NOT_NULL_FATAL(b);
	req = nothing(&w);
	req->end_us = w.day_us + 13 * USEC_PER_HOUR;
	CU_ASSERT_EQUAL(change(&w, b, req, 7, &now, &refusal), ERR_VERSION);
	CU_ASSERT_EQUAL(change(&w, b, req, 1, &now, &refusal), ERR_OK);
	CU_ASSERT_EQUAL(change(&w, b, req, 1, &now, &refusal), ERR_OK);
	CU_ASSERT_EQUAL(now->version, 2);
	CU_ASSERT_EQUAL(pg_number(w.pg, "select count(*) from bookings.outbox "
	    "where type = 'BookingModified'"), 1);
	world_close(&w);
}

static void
test_a_change_of_contact_keeps_price_places_and_the_rest(void)
{
	struct world w;
	struct booking *b;
	struct booking *now = NULL;
	struct refusal refusal = { 0 };
	struct booking_request *req;
	struct contact contact = { .phone = "+4412345678" };

	world_open(&w);
	b = world_book(&w, 9, 12, "A");
	CU_ASSERT_PTR_NOT_NULL_FATAL(b);
	pg_do(w.pg, "update franchises.franchises set standard_rate = 30, "
	    "version = version + 1");
	req = nothing(&w);
	req->customer_info = &contact;
	CU_ASSERT_EQUAL_FATAL(change(&w, b, req, NONE, &now, &refusal),
	    ERR_OK);
	CU_ASSERT_EQUAL(now->total_amount, 4500);
	world_next(&w);
	CU_ASSERT_EQUAL_FATAL(booking_get(w.app, w.sc, &w.customer,
	    &b->booking_id, &now), ERR_OK);
	CU_ASSERT_STRING_EQUAL(now->customer_info->phone, "+4412345678");
	CU_ASSERT_STRING_EQUAL(now->customer_info->name, "John Doe");
	CU_ASSERT_EQUAL(now->total_amount, 4500);
	CU_ASSERT_EQUAL(world_taken(&w), 3);
	world_close(&w);
}

/* ---- cancel ---------------------------------------------------------------- */

static enum err
cancel(struct world *w, const struct booking *b,
    const struct cancel_request *req, struct booking **ret_booking)
{
	world_next(w);
	return booking_cancel(w->app, w->sc, &w->customer, &b->booking_id, req,
	    NONE, NULL, ret_booking);
}

static void
test_cancelling_frees_the_places_and_answers_the_same_twice(void)
{
	struct world w;
	struct booking *b;
	struct booking *first = NULL;
	struct booking *second = NULL;
	struct cancel_request req = { .reason = "We moved away",
		.expected_refund = NONE };

	world_open(&w);
	b = world_book(&w, 9, 12, "A");
	CU_ASSERT_PTR_NOT_NULL_FATAL(b);
	CU_ASSERT_EQUAL_FATAL(cancel(&w, b, &req, &first), ERR_OK);
	CU_ASSERT_STRING_EQUAL(first->status, "cancelled");
	CU_ASSERT_EQUAL(first->refund_amount, 0);
	CU_ASSERT_EQUAL(world_taken(&w), 0);
	CU_ASSERT_EQUAL_FATAL(cancel(&w, b, &req, &second), ERR_OK);
	CU_ASSERT_STRING_EQUAL(second->cancellation_reason, "We moved away");
	CU_ASSERT_EQUAL(second->version, first->version);
	CU_ASSERT_EQUAL(second->cancelled_us, first->cancelled_us);
	CU_ASSERT_EQUAL(second->updated_us, first->updated_us);
	CU_ASSERT_EQUAL(pg_number(w.pg, "select count(*) from bookings.outbox "
	    "where type = 'BookingCancelled'"), 1);
	CU_ASSERT_PTR_NOT_NULL(world_book(&w, 9, 12, "A"));
	world_close(&w);
}

static void
test_quote_and_cancel_agree_to_the_cent(void)
{
	struct world w;
	struct booking *b;
	struct booking *done = NULL;
	struct cancel_quote quote;
	struct cancel_request req = { .expected_refund = 12000 };

	world_open(&w);
	b = world_book(&w, 9, 17, "A");
	CU_ASSERT_PTR_NOT_NULL_FATAL(b);
	pg_do(w.pg, "insert into payments.payments (id, booking_id, amount, "
	    "payment_method, payment_status) select gen_random_uuid(), id, "
	    "120.00, 'checkout', 'succeeded' from bookings.bookings");
	pg_do(w.pg, "update bookings.bookings set paid_amount = 120.00, "
	    "payment_status = 'paid', booking_status = 'confirmed', "
	    "hold_expires_at = null");
	world_next(&w);
	CU_ASSERT_EQUAL_FATAL(booking_cancel_quote(w.app, w.sc, &w.customer,
	    &b->booking_id, &quote), ERR_OK);
	CU_ASSERT_EQUAL(quote.refund_amount, 10000); /* the seed's 100.00 */
	CU_ASSERT_EQUAL(quote.cancellation_fee, 2000);
	CU_ASSERT_EQUAL(quote.refund_percent, 100);

	CU_ASSERT_EQUAL(cancel(&w, b, &req, &done), ERR_REFUND_CHANGED);
	CU_ASSERT_EQUAL(world_taken(&w), 8);
	req.expected_refund = 10000;
	CU_ASSERT_EQUAL_FATAL(cancel(&w, b, &req, &done), ERR_OK);
	CU_ASSERT_EQUAL(done->refund_amount, 10000);
	CU_ASSERT_EQUAL(pg_number(w.pg, "select count(*) from bookings.outbox "
	    "where type = 'BookingCancelled' and "
	    "facts->>'refund_amount' = '100.00'"), 1);
	world_close(&w);
}

/* ---- Idempotency-Key --------------------------------------------------------- */

static void
render(struct scope *sc, const void *object, struct buf *out)
{
	const struct booking *booking = object;

	(void)sc;
	buf_printf(out, "total %lld", (long long)booking->total_amount);
}

static enum err
create_keyed(struct world *w, const struct caller *caller, const char *key,
    const char *fingerprint, const char **ret_stored)
{
	struct replay replay = { .key = key, .fingerprint = fingerprint,
		.fingerprint_len = strlen(fingerprint), .render = render };
	struct booking *b = NULL;
	struct refusal refusal = { 0 };
	enum err e;

	world_next(w);
	e = booking_create(w->app, w->sc, caller, world_request(w, 9, 17,
	    "A"), &replay, &b, &refusal);
	*ret_stored = replay.stored;
	return e;
}

static void
test_a_key_gives_the_stored_answer_again_and_books_once(void)
{
	struct world w;
	const char *stored = NULL;

	world_open(&w);
	CU_ASSERT_EQUAL(create_keyed(&w, &w.customer, "k", "body", &stored),
	    ERR_OK);
	CU_ASSERT_PTR_NULL(stored);
	CU_ASSERT_EQUAL(create_keyed(&w, &w.customer, "k", "body", &stored),
	    ERR_OK);
	CU_ASSERT_PTR_NOT_NULL_FATAL(stored);
	CU_ASSERT_STRING_EQUAL(stored, "total 12000");
	CU_ASSERT_EQUAL(create_keyed(&w, &w.customer, "k", "other", &stored),
	    ERR_KEY_REUSED);
	CU_ASSERT_EQUAL(world_count(&w, "bookings.bookings"), 1);
	/* another caller's key is another key */
	CU_ASSERT_EQUAL(create_keyed(&w, &w.stranger, "k", "body", &stored),
	    ERR_OK);
	CU_ASSERT_PTR_NULL(stored);
	CU_ASSERT_EQUAL(world_count(&w, "bookings.bookings"), 2);
	world_close(&w);
}

static void
test_a_key_that_is_being_worked_on_is_a_conflict(void)
{
	struct world w;
	const char *stored = NULL;

	world_open(&w);
	pg_do(w.pg, "begin; select pg_advisory_xact_lock(hashtextextended("
	    "'customer:one' || chr(10) || 'k', 1))");
	CU_ASSERT_EQUAL(create_keyed(&w, &w.customer, "k", "body", &stored),
	    ERR_KEY_BUSY);
	pg_do(w.pg, "rollback");
	CU_ASSERT_EQUAL(world_count(&w, "bookings.bookings"), 0);
	CU_ASSERT_EQUAL(create_keyed(&w, &w.customer, "k", "body", &stored),
	    ERR_OK);
	world_close(&w);
}

/* ---- availability ------------------------------------------------------------- */

static const char *
available(struct world *w)
{
	struct availability_query query = {
		.date = w->day_us / USEC_PER_DAY };
	const char *json = "";
	size_t len = 0;

	world_next(w);
	CU_ASSERT_EQUAL(availability_day(w->app, w->sc, &w->franchise, &query,
	    &json, &len), ERR_OK);
	return json;
}

static void
test_availability_is_right_after_every_change_and_cached_between(void)
{
	struct world w;
	struct booking *b;
	struct booking *done = NULL;
	struct cancel_request req = { .expected_refund = NONE };

	world_open(&w);
	CU_ASSERT_PTR_NULL(strstr(available(&w), "\"available_capacity\":2"));
	available(&w);
	CU_ASSERT_EQUAL(w.sc->pg_trips, 0);
	CU_ASSERT_EQUAL(w.sc->redis_trips, 1);

	b = world_book(&w, 9, 10, "A");
	CU_ASSERT_PTR_NOT_NULL_FATAL(b);
	CU_ASSERT_EQUAL(w.sc->pg_trips, 2);
	CU_ASSERT_PTR_NOT_NULL(strstr(available(&w),
	    "\"available_capacity\":2"));
	CU_ASSERT_EQUAL(cancel(&w, b, &req, &done), ERR_OK);
	CU_ASSERT_PTR_NULL(strstr(available(&w), "\"available_capacity\":2"));
	world_close(&w);
}

static void
test_a_day_nobody_can_book_leaves_nothing_in_the_cache(void)
{
	struct availability_query query = { .date = 0 };
	struct slots_query slots = { .hours = NONE, .days = 2, .children = 1 };
	struct slots_answer answer;
	struct world w;
	int64_t today;
	const char *json;
	size_t len;

	world_open(&w);
	today = w.day_us / USEC_PER_DAY - 10;
	for (int i = 0; i < 2; i++) {
		query.date = i == 0 ? today + 800 : today - 3;
		slots.date = query.date;
		world_next(&w);
		CU_ASSERT_EQUAL(availability_day(w.app, w.sc, &w.franchise,
		    &query, &json, &len), ERR_OK);
		CU_ASSERT_PTR_NOT_NULL(strstr(json, i == 0 ?
		    "\"beyond_horizon\"" : "\"past\""));
		CU_ASSERT_EQUAL(availability_slots(w.app, w.sc, &w.franchise,
		    &slots, &answer), ERR_OK);
		CU_ASSERT_EQUAL(answer.data.count, 0);
		CU_ASSERT_EQUAL(w.sc->redis_trips, 0);
	}
	world_close(&w);
}

/* What is kept counts from the reading, however long that took. */
static void
test_a_day_that_was_read_slowly_is_kept_for_less_long(void)
{
	const struct day day = { .as_of_us = USEC_PER_MIN,
		.valid_until_us = 2 * USEC_PER_MIN };
	int64_t ms = day_lifetime_ms(&day, clock_mono_us() - 20 *
	    USEC_PER_SEC);

	CU_ASSERT(ms <= 40000 && ms > 30000);
}

UNIT_SUITE(bookings,
    UNIT_TEST(test_a_day_that_was_read_slowly_is_kept_for_less_long),
    UNIT_TEST(test_a_booking_costs_what_the_seed_says_and_leaves_its_rows),
    UNIT_TEST(test_a_booking_is_read_back_as_it_was_given),
    UNIT_TEST(test_nothing_personal_lies_in_the_clear),
    UNIT_TEST(test_a_full_hour_is_refused_with_what_is_full_and_what_fits),
    UNIT_TEST(test_a_period_off_the_rules_is_refused_by_name),
    UNIT_TEST(test_a_child_cannot_be_in_two_places_at_once),
    UNIT_TEST(test_the_sixth_unpaid_hold_is_refused_until_one_ends),
    UNIT_TEST(test_guests_are_counted_by_session_address_and_email),
    UNIT_TEST(
        test_guests_with_many_addresses_of_one_network_are_counted_as_one),
    UNIT_TEST(test_a_free_booking_is_confirmed_at_once),
    UNIT_TEST(test_a_lapsed_hold_never_blocks),
    UNIT_TEST(test_a_lapsed_hold_that_nobody_can_read_blocks_nobody),
    UNIT_TEST(test_a_lapsed_hold_that_does_not_end_keeps_none_beside_it),
    UNIT_TEST(test_expiring_twice_frees_once),
    UNIT_TEST(test_a_change_moves_places_price_and_children_together),
    UNIT_TEST(test_a_change_that_fails_leaves_the_booking_whole),
    UNIT_TEST(test_a_change_may_use_the_places_it_gives_back),
    UNIT_TEST(test_an_old_version_is_refused_unless_nothing_would_change),
    UNIT_TEST(test_a_change_of_contact_keeps_price_places_and_the_rest),
    UNIT_TEST(test_cancelling_frees_the_places_and_answers_the_same_twice),
    UNIT_TEST(test_quote_and_cancel_agree_to_the_cent),
    UNIT_TEST(test_a_key_gives_the_stored_answer_again_and_books_once),
    UNIT_TEST(test_a_key_that_is_being_worked_on_is_a_conflict),
    UNIT_TEST(test_availability_is_right_after_every_change_and_cached_between),
    UNIT_TEST(test_a_day_nobody_can_book_leaves_nothing_in_the_cache))
