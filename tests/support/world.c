/* world.c: a whole application over a fresh database. */
#include "support/world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <CUnit/CUnit.h>

#include "app/callers.h"
#include "store/migrate.h"

#define SECRET "0123456789abcdef0123456789abcdef0123456789"
#define F1 "00000000-0000-4000-8000-0000000000f1"
#define F2 "00000000-0000-4000-8000-0000000000f2"

static const char *
top_folder(void)
{
	const char *top = getenv("TOP_SRCDIR");

	return top ? top : "..";
}

static void
fill(struct world *w)
{
	pg_do(w->pg, "insert into franchises.franchises (id, name, address, "
	    "city, postal_code, max_capacity, standard_rate, peak_hour_rate, "
	    "open_time, close_time, operating_days, timezone, cancel_fee) "
	    "values ('" F1 "', 'One', 'Street 1', 'Town', '1', 3, 15.00, "
	    "22.50, '08:00', '18:00', '{1,2,3,4,5,6,7}', "
	    "'Atlantic/Reykjavik', 20.00), ('" F2 "', 'Two', 'Street 2', "
	    "'Town', '2', 1, 0, 0, '08:00', '18:00', '{1,2,3,4,5,6,7}', "
	    "'Atlantic/Reykjavik', 0)");
	pg_do(w->pg, "insert into franchises.peak_windows (franchise_id, "
	    "weekdays, start_time, end_time) values "
	    "('" F1 "', '{1,2,3,4,5,6,7}', '07:00', '09:00'), "
	    "('" F1 "', '{1,2,3,4,5,6,7}', '17:00', '19:00')");
}

static void
settle(struct world *w)
{
	static char redis[256];

	w->conf = (struct settings){
		.database_url = w->url,
		.redis_url = redis,
		.public_url = "https://booking.test",
		.request_deadline_ms = 10000,
		.db_connect_timeout_s = 2,
		.db_statement_timeout_ms = 5000,
		.db_lock_timeout_ms = 2000,
		.redis_timeout_ms = 200,
		.stripe_secret_key = "",
		.stripe_webhook_secrets = "",
		.stripe_url = "http://127.0.0.1:1",
		.documents_url = "",
		.stripe_timeout_ms = 1000,
		.sqs_queue_url = "",
		.s3_bucket = "",
		.jwt_secret = SECRET "jwt",
		.jwt_jwks_file = "",
		.jwt_issuer = "",
		.jwt_audience = "",
		.session_secret = SECRET "session",
		.lookup_secret = SECRET "lookup",
		.encryption_keys =
		    "1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8",
		.guest_session_s = 3600,
		.hold_s = 2100,
		.holds_max = 5,
		.events_file = "",
		.relay_poll_ms = 1000,
		.relay_lease_s = 60,
		.relay_retries = 5,
		.relay_backoff_ms = 1000,
		.relay_backoff_max_ms = 300000,
		.relay_patience_s = 86400,
		.outbox_keep_s = 2592000,
		.stripe_events_keep_s = 7776000,
		.complete_after_s = 14400,
		.guest_holds_max = 2,
		.guest_holds_per_address = 3,
	};
	snprintf(redis, sizeof redis, "unix://%s",
	    getenv("TEST_REDIS_SOCKET"));
}

void
world_open(struct world *w)
{
	char folder[512];
	char why[256] = "";
	size_t applied;

	memset(w, 0, sizeof *w);
	w->arena = arena_open(64 << 20);
	CU_ASSERT_PTR_NOT_NULL_FATAL(w->arena);
	w->sc = &w->scope;
	world_next(w);
	snprintf(w->url, sizeof w->url, "%s", pg_database("world"));
	w->pg = pg_open(w->url);
	snprintf(folder, sizeof folder, "%s/sql", top_folder());
	CU_ASSERT_EQUAL_FATAL(migrate_apply(w->sc, w->url, folder, NULL,
	    &applied), ERR_OK);
	fill(w);
	settle(w);
	w->app = app_open(&w->conf, NULL, "tests", why, sizeof why);
	CU_ASSERT_STRING_EQUAL(why, "");
	CU_ASSERT_PTR_NOT_NULL_FATAL(w->app);
	CU_ASSERT_EQUAL_FATAL(app_ready(w->app, w->sc), ERR_OK);

	CU_ASSERT_TRUE(uuid_parse(F1, &w->franchise));
	CU_ASSERT_TRUE(uuid_parse(F2, &w->free_franchise));
	w->customer = (struct caller){ .kind = CALLER_CUSTOMER,
		.rights = ACCESS_BOOKING_CREATE | ACCESS_BOOKING_READ |
		    ACCESS_BOOKING_UPDATE,
		.name = "customer:one", .address = "192.0.2.1" };
	w->stranger = w->customer;
	w->stranger.name = "customer:two";
	uuid_random(&w->customer.customer);
	uuid_random(&w->stranger.customer);
	w->day_us = (clock_wall_us() / USEC_PER_DAY + 10) * USEC_PER_DAY;
}

void
world_pays(struct world *w)
{
	char why[256] = "";

	app_close(w->app);
	w->conf.stripe_secret_key = "sk_test_nobody";
	w->app = app_open(&w->conf, NULL, "tests", why, sizeof why);
	CU_ASSERT_STRING_EQUAL(why, "");
	CU_ASSERT_PTR_NOT_NULL_FATAL(w->app);
	world_next(w);
	CU_ASSERT_EQUAL_FATAL(app_ready(w->app, w->sc), ERR_OK);
}

/* What must hold after every flow, whatever it did. */
static void
check_books(struct world *w)
{
	CU_ASSERT_EQUAL(pg_number(w->pg, "select count(*) from "
	    "franchises.slot_ledger l where l.booked <> coalesce((select "
	    "sum(b.child_count) from bookings.bookings b where "
	    "b.franchise_id = l.franchise_id and b.booking_status not in "
	    "('cancelled', 'expired') and b.start_datetime <= l.slot_start "
	    "and b.end_datetime > l.slot_start), 0) + coalesce((select "
	    "sum(h.places) from bookings.held_places h where h.franchise_id "
	    "= l.franchise_id and h.slot_start = l.slot_start), 0)"), 0);
	CU_ASSERT_EQUAL(pg_number(w->pg, "select count(*) from "
	    "bookings.bookings b where not exists (select from "
	    "bookings.pruned p where b.created_at <= p.until) and "
	    "b.event_sequence <> (select count(*) "
	    "from bookings.outbox o where o.booking_id = b.id and "
	    "o.topic = 'events')"), 0);
	CU_ASSERT_EQUAL(pg_number(w->pg, "select count(*) from "
	    "bookings.bookings b where b.child_count <> (select count(*) "
	    "from bookings.booking_children c where c.booking_id = b.id and "
	    "not c.change)"), 0);
	CU_ASSERT_EQUAL(pg_number(w->pg, "select count(*) from "
	    "bookings.booking_children c where c.change and not exists "
	    "(select from bookings.pending_changes p where p.booking_id = "
	    "c.booking_id)"), 0);
	CU_ASSERT_EQUAL(pg_number(w->pg, "select count(*) from "
	    "bookings.bookings b left join bookings.visits v on "
	    "v.booking_id = b.id where (v.booking_id is not null) <> "
	    "(b.booking_status in ('checked_in', 'completed')) or "
	    "v.checked_out_at is not null and "
	    "b.booking_status <> 'completed'"), 0);
}

void
world_close(struct world *w)
{
	check_books(w);
	app_close(w->app);
	pg_close(w->pg);
	arena_close(w->arena);
}

void
world_next(struct world *w)
{
	scope_init(&w->scope, w->arena, 10 * USEC_PER_SEC);
	w->scope.request_id = "test";
	w->scope.trace_id = "";
}

struct booking_request *
world_request(struct world *w, int from, int until, const char *child)
{
	struct booking_request *req = arena_new(w->arena,
	    struct booking_request);

	req->franchise_id = w->franchise;
	req->start_us = w->day_us + from * USEC_PER_HOUR;
	req->end_us = w->day_us + until * USEC_PER_HOUR;
	req->customer_info = arena_new(w->arena, struct contact);
	req->customer_info->name = "John Doe";
	req->customer_info->email = "John@Example.com";
	req->customer_info->phone = "+1234567890";
	req->customer_info->emergency_contact = "Jane Doe +1234567891";
	req->child_info = arena_new(w->arena, struct child);
	req->child_info->name = child;
	req->child_info->age = 5;
	req->child_info->allergies = "Peanuts";
	return req;
}

struct booking *
world_book(struct world *w, int from, int until, const char *child)
{
	struct booking *booking = NULL;
	struct refusal refusal = { 0 };
	enum err e;

	world_next(w);
	e = booking_create(w->app, w->sc, &w->customer,
	    world_request(w, from, until, child), NULL, &booking, &refusal);
	CU_ASSERT_EQUAL(e, ERR_OK);
	if (e)
		fprintf(stderr, "world_book: %s\n", w->sc->why);
	return e ? NULL : booking;
}

void
world_confirm(struct world *w, const struct booking *booking)
{
	char id[UUID_TEXT_MAX];

	pg_do(w->pg, "update bookings.bookings set booking_status = "
	    "'confirmed', payment_status = 'paid', hold_expires_at = null, "
	    "version = version + 1 where id = '%s'",
	    uuid_format(&booking->booking_id, id));
}

void
world_today(struct world *w, const struct booking *booking)
{
	char id[UUID_TEXT_MAX];

	/* Its places go with it: the books balance. */
	pg_do(w->pg, "do $$ declare b bookings.bookings; "
	    "f franchises.franchises; s timestamptz; e timestamptz; begin "
	    "select * into b from bookings.bookings where id = '%s'; "
	    "select * into f from franchises.franchises "
	    "where id = b.franchise_id; "
	    "s := date_trunc('day', now() at time zone f.timezone) "
	    "at time zone f.timezone; "
	    "e := (date_trunc('day', now() at time zone f.timezone) "
	    "+ interval '1 day') at time zone f.timezone; "
	    "update franchises.slot_ledger l set booked = l.booked - "
	    "b.child_count where l.franchise_id = f.id and "
	    "l.slot_start >= b.start_datetime and "
	    "l.slot_start < b.end_datetime; "
	    "delete from franchises.slot_ledger l where "
	    "l.franchise_id = f.id and l.booked = 0; "
	    "insert into franchises.slot_ledger values (f.id, s, e, "
	    "f.max_capacity, b.child_count) on conflict (franchise_id, "
	    "slot_start) do update set booked = slot_ledger.booked + "
	    "excluded.booked; "
	    "update bookings.booking_children set period = tstzrange(s, e) "
	    "where booking_id = b.id; "
	    "update bookings.bookings set start_datetime = s, "
	    "end_datetime = e where id = b.id; end $$",
	    uuid_format(&booking->booking_id, id));
}

int64_t
world_count(struct world *w, const char *table)
{
	return pg_number(w->pg, "select count(*) from %s", table);
}

int64_t
world_taken(struct world *w)
{
	return pg_number(w->pg, "select coalesce(sum(booked), 0) from "
	    "franchises.slot_ledger");
}
