/* test_relay.c: turns of the relays over real rows. */
#include "app/relay.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "store/cache.h"
#include "support/world.h"
#include "unit/unit.h"

#define FILE_MAX (256 * 1024)

struct stage {
	struct world w;
	char dir[64];
	char path[96];
	struct relay_turn turn;
};

static void
stage_open(struct stage *s)
{
	world_open(&s->w);
	snprintf(s->dir, sizeof s->dir, "/tmp/relay.XXXXXX");
	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(s->dir));
	snprintf(s->path, sizeof s->path, "%s/events.jsonl", s->dir);
	s->w.conf.events_file = s->path;
}

static void
stage_close(struct stage *s)
{
	world_close(&s->w);
	unlink(s->path);
	rmdir(s->dir);
}

/* One turn, as the loop does it. */
static enum err
turn(struct stage *s, enum relay_topic topic)
{
	enum err e;

	world_next(&s->w);
	e = relay_turn(s->w.app, s->w.sc, topic, &s->turn);
	CU_ASSERT_EQUAL(e, ERR_OK);
	return e;
}

/* Turns until nothing is done any more; how many rows were. */
static size_t
turns(struct stage *s, enum relay_topic topic)
{
	size_t done = 0;

	for (int i = 0; i < 50; i++) {
		if (turn(s, topic) || s->turn.due.counts[DUE_DONE] == 0)
			break;
		done += s->turn.due.counts[DUE_DONE];
	}
	return done;
}

/* The file's text, "" when there is none. */
static const char *
sent(struct stage *s)
{
	static char text[FILE_MAX];
	char *all = unit_slurp(s->path, NULL);

	snprintf(text, sizeof text, "%s", all ? all : "");
	free(all);
	return text;
}

static int
times(const char *text, const char *word)
{
	int n = 0;

	for (; (text = strstr(text, word)); text += strlen(word))
		n++;
	return n;
}

static int64_t
number(struct stage *s, const char *sql)
{
	return pg_number(s->w.pg, "%s", sql);
}

static void
cancel(struct stage *s, const struct booking *b)
{
	struct cancel_request req = { .expected_refund = NONE };
	struct booking *gone;

	world_next(&s->w);
	CU_ASSERT_EQUAL(booking_cancel(s->w.app, s->w.sc, &s->w.customer,
	    &b->booking_id, &req, NONE, NULL, &gone), ERR_OK);
}

/* ---- events ----------------------------------------------------------------------- */

static void
test_events_are_sent_in_order_and_once(void)
{
	struct stage s;
	struct booking *b;
	const char *text;

	stage_open(&s);
	b = world_book(&s.w, 9, 17, "Alice Doe");
	CU_ASSERT_PTR_NOT_NULL_FATAL(b);
	cancel(&s, b);

	/* The second waits until the first was taken. */
	turn(&s, RELAY_EVENTS);
	CU_ASSERT_EQUAL(s.turn.due.counts[DUE_DONE], 1);
	CU_ASSERT_EQUAL(turns(&s, RELAY_EVENTS), 1);
	CU_ASSERT_EQUAL(number(&s, "select count(*) from bookings.outbox "
	    "where topic = 'events' and sent_at is not null"), 2);

	text = sent(&s);
	CU_ASSERT_EQUAL(times(text, "\n"), 2);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "\"BookingCreated\""));
	CU_ASSERT(strstr(text, "\"BookingCreated\"") <
	    strstr(text, "\"BookingCancelled\""));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "\"customer_email\":"
	    "\"John@Example.com\",\"child_name\":\"Alice Doe\""));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "\"sequence\":2}\n"));
	stage_close(&s);
}

static void
test_of_each_booking_one_event_is_under_way(void)
{
	struct stage s;

	stage_open(&s);
	for (int i = 0; i < 3; i++) {
		struct booking *b = world_book(&s.w, 9 + i, 10 + i, "Alice");

		CU_ASSERT_PTR_NOT_NULL_FATAL(b);
		cancel(&s, b);
	}
	turn(&s, RELAY_EVENTS);
	CU_ASSERT_EQUAL(s.turn.due.counts[DUE_DONE], 3);
	CU_ASSERT_EQUAL(times(sent(&s), "BookingCreated"), 3);
	CU_ASSERT_EQUAL(times(sent(&s), "BookingCancelled"), 0);
	stage_close(&s);
}

static void
test_what_another_has_in_hand_holds_back_what_follows_it(void)
{
	struct stage s;
	struct booking *b;

	stage_open(&s);
	b = world_book(&s.w, 9, 10, "Alice");
	CU_ASSERT_PTR_NOT_NULL_FATAL(b);
	cancel(&s, b);
	CU_ASSERT_EQUAL(number(&s, "select count(*) from "
	    "bookings.outbox_take_events(10, interval '1 minute')"), 1);

	CU_ASSERT_EQUAL(turns(&s, RELAY_EVENTS), 0);
	CU_ASSERT_STRING_EQUAL(sent(&s), "");

	/* It has died: its lease ends, and both are sent. */
	pg_do(s.w.pg, "update bookings.outbox set claimed_until = now() - "
	    "interval '1 second' where claimed_until is not null");
	CU_ASSERT_EQUAL(turns(&s, RELAY_EVENTS), 2);
	stage_close(&s);
}

/* One that nobody can read, and others behind it in the same turn. */
static void
test_a_refused_event_stops_its_own_booking_and_dies_after_its_tries(void)
{
	struct stage s;
	struct booking *bad;
	struct booking *good;

	stage_open(&s);
	bad = world_book(&s.w, 9, 10, "Alice");
	good = world_book(&s.w, 11, 12, "Alice");
	CU_ASSERT_FATAL(bad && good);
	cancel(&s, bad);
	pg_do(s.w.pg, "update bookings.outbox set sealed = '\\x0102' where id "
	    "= (select min(id) from bookings.outbox where topic = 'events')");

	turn(&s, RELAY_EVENTS);
	CU_ASSERT_EQUAL(s.turn.due.counts[DUE_DONE], 1);
	CU_ASSERT_EQUAL(s.turn.due.counts[DUE_REFUSED], 1);
	CU_ASSERT_EQUAL(s.turn.due.given_up, 0);
	CU_ASSERT_FALSE(s.turn.outage);
	CU_ASSERT_EQUAL(times(sent(&s), "\n"), 1);
	for (int i = 0; i < 5; i++) {
		pg_do(s.w.pg, "update bookings.outbox set due_at = now() "
		    "where sent_at is null and topic = 'events'");
		turn(&s, RELAY_EVENTS);
		CU_ASSERT_EQUAL(s.turn.due.counts[DUE_REFUSED], 1);
		CU_ASSERT_EQUAL(s.turn.due.given_up, i == 4 ? 1 : 0);
	}
	CU_ASSERT_EQUAL(number(&s, "select count(*) from bookings.outbox "
	    "where dead_at is not null and attempts = 6 and failure = "
	    "'unwritable'"), 1);

	/* It stays dead, and its booking's cancellation waits behind it. */
	pg_do(s.w.pg, "update bookings.outbox set due_at = now()");
	CU_ASSERT_EQUAL(turns(&s, RELAY_EVENTS), 0);
	CU_ASSERT_EQUAL(times(sent(&s), "\n"), 1);
	stage_close(&s);
}

static void
test_an_outage_uses_up_no_try_until_patience_ends(void)
{
	struct stage s;

	stage_open(&s);
	CU_ASSERT_PTR_NOT_NULL_FATAL(world_book(&s.w, 9, 10, "Alice"));
	s.w.conf.events_file = "/nonexistent/events";
	/* The row itself does not wait: its relay does. */
	for (int i = 0; i < 20; i++) {
		turn(&s, RELAY_EVENTS);
		CU_ASSERT(s.turn.outage);
		CU_ASSERT_EQUAL(s.turn.due.given_up, 0);
	}
	CU_ASSERT_EQUAL(number(&s, "select count(*) from bookings.outbox "
	    "where topic = 'events' and attempts = 0 and dead_at is null and "
	    "failing_since is not null and failure = 'file'"), 1);

	/* It is over: nothing is left of it. */
	s.w.conf.events_file = s.path;
	CU_ASSERT_EQUAL(turns(&s, RELAY_EVENTS), 1);
	CU_ASSERT_EQUAL(number(&s, "select count(*) from bookings.outbox "
	    "where topic = 'events' and (failing_since is not null or failure "
	    "is not null or claimed_until is not null)"), 0);

	CU_ASSERT_PTR_NOT_NULL_FATAL(world_book(&s.w, 11, 12, "Alice"));
	s.w.conf.events_file = "/nonexistent/events";
	turn(&s, RELAY_EVENTS);
	pg_do(s.w.pg, "update bookings.outbox set due_at = now(), "
	    "failing_since = now() - interval '25 hours' where sent_at is "
	    "null and topic = 'events'");
	turn(&s, RELAY_EVENTS);
	CU_ASSERT_EQUAL(s.turn.due.given_up, 1);
	stage_close(&s);
}

static void
test_who_comes_late_to_what_it_claimed_sends_none_of_it(void)
{
	struct stage s;

	stage_open(&s);
	CU_ASSERT_PTR_NOT_NULL_FATAL(world_book(&s.w, 9, 10, "Alice"));
	s.w.conf.relay_lease_s = 2;
	/* Half the lease is gone when the claim's answer is there. */
	pg_do(s.w.pg, "create function public.stall() returns trigger "
	    "language plpgsql as $$ begin perform pg_sleep(1); return new; "
	    "end $$");
	pg_do(s.w.pg, "create trigger stall before update on bookings.outbox "
	    "for each row when (new.claimed_until is not null) execute "
	    "function public.stall()");
	turn(&s, RELAY_EVENTS);
	CU_ASSERT_EQUAL(s.turn.due.counts[DUE_DONE], 0);
	CU_ASSERT_EQUAL(s.turn.due.counts[DUE_SOON], 1);
	CU_ASSERT_FALSE(s.turn.outage);
	CU_ASSERT_STRING_EQUAL(sent(&s), "");
	pg_do(s.w.pg, "drop trigger stall on bookings.outbox");
	CU_ASSERT_EQUAL(turns(&s, RELAY_EVENTS), 1);
	stage_close(&s);
}

static void
test_a_file_that_another_holds_leaves_time_to_hand_its_rows_back(void)
{
	struct stage s;
	int fd;

	stage_open(&s);
	CU_ASSERT_PTR_NOT_NULL_FATAL(world_book(&s.w, 9, 10, "Alice"));
	s.w.conf.relay_lease_s = 2;
	fd = open(s.path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	CU_ASSERT_FATAL(fd >= 0 && flock(fd, LOCK_EX) == 0);
	turn(&s, RELAY_EVENTS);
	CU_ASSERT(s.turn.outage);
	CU_ASSERT_EQUAL(number(&s, "select count(*) from bookings.outbox "
	    "where topic = 'events' and claimed_until is null and "
	    "failure = 'file' and attempts = 0"), 1);

	CU_ASSERT_EQUAL(close(fd), 0);
	CU_ASSERT_EQUAL(turns(&s, RELAY_EVENTS), 1);
	stage_close(&s);
}

/* The app as a process with this ring would have it. */
static void
reopen(struct stage *s, const char *keys)
{
	char why[256] = "";

	app_close(s->w.app);
	s->w.conf.encryption_keys = keys;
	s->w.app = app_open(&s->w.conf, NULL, "tests", why, sizeof why);
	CU_ASSERT_STRING_EQUAL(why, "");
	CU_ASSERT_PTR_NOT_NULL_FATAL(s->w.app);
	world_next(&s->w);
	CU_ASSERT_EQUAL_FATAL(app_ready(s->w.app, s->w.sc), ERR_OK);
}

/* A rotation reaches one host after the other. */
static void
test_what_was_wrapped_by_a_key_we_do_not_have_waits_for_it(void)
{
	struct stage s;
	const char *keys;

	stage_open(&s);
	keys = s.w.conf.encryption_keys;
	CU_ASSERT_PTR_NOT_NULL_FATAL(world_book(&s.w, 9, 10, "Alice"));
	pg_do(s.w.pg, "update bookings.bookings set hold_expires_at = now() "
	    "- interval '1 second'");
	reopen(&s, "2:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
	/* More often than a row that is refused would bear. */
	for (int i = 0; i < 8; i++) {
		pg_do(s.w.pg, "update bookings.outbox set due_at = now() - "
		    "interval '1 second'");
		turn(&s, RELAY_EVENTS);
		CU_ASSERT_EQUAL(s.turn.due.counts[DUE_STOPPED], 1);
		CU_ASSERT_EQUAL(s.turn.due.counts[DUE_REFUSED], 0);
		CU_ASSERT_EQUAL(s.turn.due.given_up, 0);
		CU_ASSERT_PTR_NOT_NULL_FATAL(s.turn.due.why);
		CU_ASSERT_PTR_NOT_NULL(strstr(s.turn.due.why,
		    "wrapped by key 1"));
	}
	CU_ASSERT_EQUAL(number(&s, "select count(*) from bookings.outbox "
	    "where attempts = 0 and dead_at is null and failing_since is "
	    "not null"), 1);
	CU_ASSERT_STRING_EQUAL(sent(&s), "");

	/* It has come. */
	reopen(&s, keys);
	pg_do(s.w.pg, "update bookings.outbox set due_at = now() - interval "
	    "'1 second'");
	CU_ASSERT_EQUAL(turns(&s, RELAY_BOOKINGS), 1);
	CU_ASSERT_EQUAL(turns(&s, RELAY_EVENTS), 2);
	CU_ASSERT_EQUAL(times(sent(&s), "BookingExpired"), 1);
	stage_close(&s);
}

/* A host that died between its commit and Redis: nobody else knows. */
static void
test_a_deletion_without_receipt_is_made_again(void)
{
	struct cache_key key = { .kind = CACHE_AVAILABILITY };
	struct cache_lease lease;
	struct cache_text text;
	struct stage s;
	int deleted = 0;

	stage_open(&s);
	key.franchise = s.w.franchise;
	key.day = s.w.day_us / USEC_PER_DAY;
	for (int i = 0; i < 2; i++) {
		CU_ASSERT_PTR_NOT_NULL_FATAL(world_book(&s.w, 9 + i, 10 + i,
		    "Alice"));
		world_next(&s.w);
		CU_ASSERT_EQUAL_FATAL(cache_claim(s.w.app->cache, s.w.sc,
		    &key, &lease, &text), CACHE_CLAIM);
		cache_fill(s.w.app->cache, s.w.sc, &lease, "old", 3, 60000);
		/* The second time no receipt was left: as if it were of
		 * another event. */
		if (i == 1)
			pg_do(s.w.pg, "update bookings.outbox set event_id = "
			    "gen_random_uuid(), sealed = null where topic = "
			    "'events' and sent_at is null");
		CU_ASSERT_EQUAL(turns(&s, RELAY_EVENTS), 1);
		world_next(&s.w);
		deleted = cache_get(s.w.app->cache, s.w.sc, &key, &text) ==
		    CACHE_MISS;
		CU_ASSERT_EQUAL(deleted, i);
	}
	stage_close(&s);
}

/* An outage that outlasts the receipts: every retry meets the event again. */
static void
test_a_deletion_that_is_made_again_leaves_its_receipt(void)
{
	struct cache_key key = { .kind = CACHE_AVAILABILITY };
	struct cache_lease lease;
	struct cache_text text;
	struct stage s;

	stage_open(&s);
	key.franchise = s.w.franchise;
	key.day = s.w.day_us / USEC_PER_DAY;
	CU_ASSERT_PTR_NOT_NULL_FATAL(world_book(&s.w, 9, 10, "Alice"));
	pg_do(s.w.pg, "update bookings.outbox set event_id = "
	    "gen_random_uuid(), sealed = null where topic = 'events'");
	s.w.conf.events_file = "/nonexistent/events";
	turn(&s, RELAY_EVENTS);
	CU_ASSERT(s.turn.outage);

	world_next(&s.w);
	CU_ASSERT_EQUAL_FATAL(cache_claim(s.w.app->cache, s.w.sc, &key,
	    &lease, &text), CACHE_CLAIM);
	cache_fill(s.w.app->cache, s.w.sc, &lease, "new", 3, 60000);
	for (int i = 0; i < 3; i++) {
		pg_do(s.w.pg, "update bookings.outbox set due_at = now() "
		    "where topic = 'events'");
		turn(&s, RELAY_EVENTS);
		CU_ASSERT(s.turn.outage);
		CU_ASSERT_EQUAL(cache_get(s.w.app->cache, s.w.sc, &key,
		    &text), CACHE_HIT);
	}
	stage_close(&s);
}

/* ---- due work ---------------------------------------------------------------------- */

static void
test_a_hold_that_lapsed_is_expired_and_one_that_did_not_is_left(void)
{
	struct stage s;

	stage_open(&s);
	CU_ASSERT_PTR_NOT_NULL_FATAL(world_book(&s.w, 9, 10, "Alice"));
	CU_ASSERT_PTR_NOT_NULL_FATAL(world_book(&s.w, 11, 12, "Alice"));
	CU_ASSERT_EQUAL(turns(&s, RELAY_BOOKINGS), 0);

	/* Both rows are due; one hold has been extended since. */
	pg_do(s.w.pg, "update bookings.outbox set due_at = now() - interval "
	    "'1 second' where topic = 'bookings'");
	pg_do(s.w.pg, "update bookings.bookings set hold_expires_at = now() "
	    "- interval '1 second' where start_datetime = (select "
	    "min(start_datetime) from bookings.bookings)");
	CU_ASSERT_EQUAL(turns(&s, RELAY_BOOKINGS), 2);
	CU_ASSERT_EQUAL(number(&s, "select count(*) from bookings.bookings "
	    "where booking_status = 'expired'"), 1);
	CU_ASSERT_EQUAL(number(&s, "select count(*) from bookings.bookings "
	    "where booking_status = 'pending'"), 1);
	CU_ASSERT_EQUAL(world_taken(&s.w), 1);
	CU_ASSERT_EQUAL(number(&s, "select count(*) from bookings.outbox "
	    "where type = 'BookingExpired'"), 1);
	stage_close(&s);
}

/* Somebody may be paying at this moment. */
static void
test_a_hold_is_kept_a_little_while_a_payment_may_be_under_way(void)
{
	struct stage s;

	stage_open(&s);
	CU_ASSERT_PTR_NOT_NULL_FATAL(world_book(&s.w, 9, 10, "Alice"));
	pg_do(s.w.pg, "insert into payments.payments (id, booking_id, amount, "
	    "payment_method, payment_status, session_id) select "
	    "gen_random_uuid(), id, 15, 'checkout', 'open', 'cs_1' from "
	    "bookings.bookings");
	pg_do(s.w.pg, "update bookings.bookings set hold_expires_at = now() "
	    "- interval '1 second'");
	for (int i = 0; i < 3; i++) {
		pg_do(s.w.pg, "update bookings.outbox set due_at = now() - "
		    "interval '1 second' where topic = 'bookings'");
		turn(&s, RELAY_BOOKINGS);
		CU_ASSERT_EQUAL(s.turn.due.counts[DUE_SOON], 1);
	}
	/* Stripe's relay is asked, once, and the places are still kept. */
	CU_ASSERT_EQUAL(number(&s, "select count(*) from bookings.outbox "
	    "where topic = 'payments' and type = 'lapse'"), 1);
	CU_ASSERT_EQUAL(world_taken(&s.w), 1);

	/* Stripe is away: not for ever. */
	pg_do(s.w.pg, "update bookings.bookings set hold_expires_at = now() "
	    "- interval '5 minutes'");
	pg_do(s.w.pg, "update bookings.outbox set due_at = now() - interval "
	    "'1 second' where topic = 'bookings'");
	CU_ASSERT_EQUAL(turns(&s, RELAY_BOOKINGS), 1);
	CU_ASSERT_EQUAL(world_taken(&s.w), 0);
	CU_ASSERT_EQUAL(number(&s, "select count(*) from payments.payments "
	    "where payment_status = 'superseded'"), 1);
	/* Its page is closed when Stripe is back, though a relay of bookings
	 * holds no key of Stripe's. */
	CU_ASSERT_EQUAL(number(&s, "select count(*) from bookings.outbox "
	    "where topic = 'payments' and type = 'close'"), 1);
	stage_close(&s);
}

static void
test_work_that_nobody_knows_is_refused_and_found_by_its_operator(void)
{
	struct stage s;
	struct booking *b;

	stage_open(&s);
	b = world_book(&s.w, 9, 10, "Alice");
	CU_ASSERT_PTR_NOT_NULL_FATAL(b);
	pg_do(s.w.pg, "insert into bookings.outbox (topic, type, booking_id, "
	    "event_id, facts) select 'bookings', 'dance', id, "
	    "gen_random_uuid(), '{}' from bookings.bookings");
	turn(&s, RELAY_BOOKINGS);
	CU_ASSERT_EQUAL(s.turn.due.counts[DUE_REFUSED], 1);
	CU_ASSERT_PTR_NOT_NULL_FATAL(s.turn.due.why);
	CU_ASSERT_PTR_NOT_NULL(strstr(s.turn.due.why, "dance"));
	CU_ASSERT_EQUAL(number(&s, "select count(*) from bookings.outbox "
	    "where type = 'dance' and attempts = 1 and due_at > now()"), 1);
	stage_close(&s);
}

static void
test_waits_grow_by_chance_and_have_an_end(void)
{
	struct settings conf = { .relay_backoff_ms = 100,
		.relay_backoff_max_ms = 10000 };
	static const struct {
		int64_t attempts;
		int64_t age_ms;
		int64_t most;
	} cases[] = {
		{ 0, 0, 100 }, { 1, 0, 200 }, { 4, 0, 1600 },
		{ 50, 0, 10000 }, { 0, 20000, 5000 }, { 0, INT64_C(1) << 40,
		    10000 },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		int64_t low = INT64_MAX;
		int64_t high = 0;

		for (int k = 0; k < 400; k++) {
			int64_t ms = due_backoff_ms(&conf, cases[i].attempts,
			    cases[i].age_ms);

			low = ms < low ? ms : low;
			high = ms > high ? ms : high;
		}
		/* 400 draws: the chance to miss a quarter is below 2^-160. */
		CU_ASSERT(low >= 0 && low < cases[i].most / 4);
		CU_ASSERT(high <= cases[i].most &&
		    high > cases[i].most * 3 / 4);
	}
}

/* ---- from time to time --------------------------------------------------------------- */

static void
sweep(struct stage *s)
{
	struct relay_swept swept = { .more = true };

	world_next(&s->w);
	CU_ASSERT_EQUAL(relay_sweep(s->w.app, s->w.sc, RELAY_BOOKINGS,
	    &swept), ERR_OK);
	CU_ASSERT_FALSE(swept.more);
	CU_ASSERT_EQUAL(swept.skipped, 0);
}

/* A booking that ended so many hours ago. */
static void
age(struct stage *s, const struct booking *b, const char *status, int hours)
{
	char id[UUID_TEXT_MAX];

	pg_do(s->w.pg, "update bookings.bookings set booking_status = '%s', "
	    "payment_status = 'not_required', start_datetime = now() - "
	    "interval '%d hours', end_datetime = now() - interval '%d hours' "
	    "where id = '%s'", status, hours + 1, hours,
	    uuid_format(&b->booking_id, id));
	pg_do(s->w.pg, "update bookings.booking_children c set period = "
	    "tstzrange(b.start_datetime, b.end_datetime) from "
	    "bookings.bookings b where b.id = c.booking_id");
	pg_do(s->w.pg, "update franchises.slot_ledger l set booked = "
	    "coalesce((select sum(b.child_count) from bookings.bookings b "
	    "where b.franchise_id = l.franchise_id and b.start_datetime <= "
	    "l.slot_start and b.end_datetime > l.slot_start), 0)");
}

static void
test_bookings_that_are_over_end_by_what_happened(void)
{
	struct stage s;
	struct booking *missed;
	struct booking *came;
	struct booking *late;

	stage_open(&s);
	missed = world_book(&s.w, 9, 10, "Alice");
	came = world_book(&s.w, 11, 12, "Alice");
	late = world_book(&s.w, 13, 14, "Alice");
	CU_ASSERT_FATAL(missed && came && late);
	age(&s, missed, "confirmed", 1);
	age(&s, came, "checked_in", 5);
	age(&s, late, "checked_in", 3); /* may still be collected */
	pg_do(s.w.pg, "insert into bookings.visits select id, "
	    "start_datetime, 'key:desk', 'qr' from bookings.bookings "
	    "where booking_status = 'checked_in'");

	sweep(&s);
	sweep(&s); /* twice is once */
	CU_ASSERT_EQUAL(number(&s, "select count(*) from bookings.bookings "
	    "where booking_status = 'no_show'"), 1);
	CU_ASSERT_EQUAL(number(&s, "select count(*) from bookings.bookings "
	    "where booking_status = 'completed'"), 1);
	CU_ASSERT_EQUAL(number(&s, "select count(*) from bookings.bookings "
	    "where booking_status = 'checked_in'"), 1);
	CU_ASSERT_EQUAL(number(&s, "select count(*) from bookings.outbox "
	    "where type in ('BookingNoShow', 'BookingCompleted')"), 2);
	CU_ASSERT_EQUAL(turns(&s, RELAY_EVENTS), 5);
	CU_ASSERT_EQUAL(times(sent(&s), "BookingNoShow"), 1);
	CU_ASSERT_EQUAL(times(sent(&s), "checked_in_at"), 1);
	CU_ASSERT_EQUAL(times(sent(&s), "checked_out_at"), 0);
	stage_close(&s);
}

/* Its key is lost, or its bytes are. */
static void
spoil(struct stage *s, const struct booking *b)
{
	char id[UUID_TEXT_MAX];

	pg_do(s->w.pg, "update bookings.bookings set data_key = '\\x00' "
	    "where id = '%s'", uuid_format(&b->booking_id, id));
}

static void
test_a_booking_that_nobody_can_read_ends_as_any_other(void)
{
	struct stage s;
	struct booking *missed;
	struct booking *hold;
	struct booking *good;

	stage_open(&s);
	missed = world_book(&s.w, 9, 10, "Alice");
	hold = world_book(&s.w, 11, 12, "Alice");
	good = world_book(&s.w, 13, 14, "Alice");
	CU_ASSERT_FATAL(missed && hold && good);
	CU_ASSERT_EQUAL(turns(&s, RELAY_EVENTS), 3);
	age(&s, missed, "confirmed", 2);
	age(&s, good, "confirmed", 1);
	spoil(&s, missed);
	spoil(&s, hold);
	pg_do(s.w.pg, "update bookings.bookings set hold_expires_at = now() "
	    "where booking_status = 'pending'");

	sweep(&s);
	CU_ASSERT_EQUAL(number(&s, "select count(*) from bookings.bookings "
	    "where booking_status = 'no_show'"), 2);
	world_next(&s.w);
	CU_ASSERT_EQUAL(booking_expire(s.w.app, s.w.sc, &hold->booking_id),
	    ERR_OK);
	CU_ASSERT_EQUAL(number(&s, "select count(*) from bookings.bookings "
	    "where booking_status = 'expired'"), 1);
	/* What is told of an end needs no text of theirs. */
	CU_ASSERT_EQUAL(turns(&s, RELAY_EVENTS), 3);
	CU_ASSERT_EQUAL(times(sent(&s), "\"BookingNoShow\""), 2);
	CU_ASSERT_EQUAL(times(sent(&s), "\"BookingExpired\""), 1);
	stage_close(&s);
}

/* Whatever Postgres says of one booking, under that SQLSTATE. */
static void
refuse(struct stage *s, const struct booking *b, const char *code)
{
	char id[UUID_TEXT_MAX];

	pg_do(s->w.pg, "create or replace function public.trap() returns "
	    "trigger language plpgsql as $$ begin raise exception 'no' using "
	    "errcode = '%s'; end $$", code);
	pg_do(s->w.pg, "create or replace trigger trap before update on "
	    "bookings.bookings for each row when (old.id = '%s') execute "
	    "function public.trap()", uuid_format(&b->booking_id, id));
}

static void
test_a_booking_that_does_not_end_stops_no_other_and_no_cleaning(void)
{
	struct stage s;
	struct booking *bad;
	struct booking *good;
	struct relay_swept swept;
	char id[UUID_TEXT_MAX];

	stage_open(&s);
	bad = world_book(&s.w, 9, 10, "Alice");
	good = world_book(&s.w, 11, 12, "Alice");
	CU_ASSERT_FATAL(bad && good);
	age(&s, bad, "confirmed", 2);
	age(&s, good, "confirmed", 1);
	pg_do(s.w.pg, "insert into bookings.idempotency_keys (caller, key, "
	    "fingerprint, booking_id, answer, created_at) select 'c', 'old', "
	    "'', b.id, '', now() - interval '25 hours' from (select id from "
	    "bookings.bookings limit 1) b");

	/* An outage is no booking's fault: nothing is passed over. */
	refuse(&s, bad, "57P03");
	world_next(&s.w);
	CU_ASSERT_NOT_EQUAL(relay_sweep(s.w.app, s.w.sc, RELAY_BOOKINGS,
	    &swept), ERR_OK);
	CU_ASSERT_EQUAL(number(&s, "select count(*) from bookings.bookings "
	    "where booking_status = 'no_show'"), 0);

	refuse(&s, bad, "CB010");
	world_next(&s.w);
	CU_ASSERT_EQUAL_FATAL(relay_sweep(s.w.app, s.w.sc, RELAY_BOOKINGS,
	    &swept), ERR_OK);
	CU_ASSERT_EQUAL(swept.skipped, 1);
	CU_ASSERT_FALSE(swept.more);
	CU_ASSERT_PTR_NOT_NULL_FATAL(swept.why);
	CU_ASSERT_PTR_NOT_NULL(strstr(swept.why, uuid_format(&bad->booking_id,
	    id)));
	CU_ASSERT_EQUAL(number(&s, "select count(*) from bookings.bookings "
	    "where booking_status = 'no_show'"), 1);
	CU_ASSERT_EQUAL(world_count(&s.w, "bookings.idempotency_keys"), 0);
	stage_close(&s);
}

/* More of them than are looked at in one go, each older than `b`. */
static void
crowd(struct stage *s, const struct booking *b, int count)
{
	char id[UUID_TEXT_MAX];

	pg_do(s->w.pg, "create table public.crowd as select b.*, "
	    "gen_random_uuid() as as_id from bookings.bookings b, "
	    "generate_series(1, %d) where b.id = '%s'", count,
	    uuid_format(&b->booking_id, id));
	pg_do(s->w.pg, "update public.crowd set reference_number = as_id, "
	    "booking_code = as_id, event_sequence = 0, start_datetime = "
	    "start_datetime - interval '1 day', end_datetime = end_datetime "
	    "- interval '1 day'");
	pg_do(s->w.pg, "insert into bookings.bookings select (jsonb_populate_"
	    "record(null::bookings.bookings, to_jsonb(c) || "
	    "jsonb_build_object('id', c.as_id))).* from public.crowd c");
	pg_do(s->w.pg, "insert into bookings.customer_info select "
	    "gen_random_uuid(), c.as_id, i.name, i.email, i.phone, "
	    "i.emergency_contact from bookings.customer_info i join "
	    "public.crowd c on c.id = i.booking_id");
	pg_do(s->w.pg, "create or replace trigger trap before update on "
	    "bookings.bookings for each row when (old.event_sequence = 0) "
	    "execute function public.trap()");
}

static void
disperse(struct stage *s)
{
	pg_do(s->w.pg, "delete from bookings.customer_info where booking_id "
	    "in (select as_id from public.crowd)");
	pg_do(s->w.pg, "delete from bookings.bookings where id in (select "
	    "as_id from public.crowd)");
}

static void
test_many_that_do_not_end_hide_nobody_behind_them(void)
{
	struct relay_swept swept = { .more = true };
	struct booking *good;
	struct stage s;

	stage_open(&s);
	good = world_book(&s.w, 9, 10, "Alice");
	CU_ASSERT_PTR_NOT_NULL_FATAL(good);
	age(&s, good, "confirmed", 1);
	refuse(&s, good, "CB010");
	crowd(&s, good, 120);
	world_next(&s.w);
	CU_ASSERT_EQUAL_FATAL(relay_sweep(s.w.app, s.w.sc, RELAY_BOOKINGS,
	    &swept), ERR_OK);
	CU_ASSERT_EQUAL(swept.skipped, 120);
	CU_ASSERT_FALSE(swept.more);
	CU_ASSERT_EQUAL(number(&s, "select count(*) from bookings.bookings "
	    "where booking_status = 'no_show'"), 1);
	disperse(&s);
	stage_close(&s);
}

static void
test_what_is_old_is_forgotten_and_what_is_dead_is_not(void)
{
	struct stage s;

	stage_open(&s);
	CU_ASSERT_PTR_NOT_NULL_FATAL(world_book(&s.w, 9, 10, "Alice"));
	CU_ASSERT_PTR_NOT_NULL_FATAL(world_book(&s.w, 11, 12, "Alice"));
	CU_ASSERT_EQUAL(turns(&s, RELAY_EVENTS), 2);
	pg_do(s.w.pg, "insert into bookings.idempotency_keys (caller, key, "
	    "fingerprint, booking_id, answer, created_at) select 'c', n, '', "
	    "b.id, '', now() - interval '25 hours' * (n = 'old')::int from "
	    "(select id from bookings.bookings limit 1) b, unnest(array["
	    "'old', 'new']) n");
	sweep(&s);
	CU_ASSERT_EQUAL(world_count(&s.w, "bookings.idempotency_keys"), 1);
	CU_ASSERT_EQUAL(number(&s, "select count(*) from "
	    "bookings.idempotency_keys where key = 'new'"), 1);
	CU_ASSERT_EQUAL(number(&s, "select count(*) from bookings.outbox "
	    "where topic = 'events'"), 2);

	pg_do(s.w.pg, "update bookings.outbox set sent_at = sent_at - "
	    "interval '31 days', created_at = created_at - interval '31 "
	    "days' where topic = 'events'");
	pg_do(s.w.pg, "update bookings.outbox set sent_at = null, dead_at = "
	    "now() - interval '31 days' where id = (select max(id) from "
	    "bookings.outbox where topic = 'events')");
	pg_do(s.w.pg, "update bookings.bookings set created_at = created_at "
	    "- interval '31 days'");
	sweep(&s);
	CU_ASSERT_EQUAL(number(&s, "select count(*) from bookings.outbox "
	    "where topic = 'events'"), 1);
	CU_ASSERT_EQUAL(number(&s, "select count(*) from bookings.outbox "
	    "where dead_at is not null"), 1);
	CU_ASSERT_EQUAL(world_count(&s.w, "bookings.pruned"), 1);
	stage_close(&s);
}

static void
test_stripes_events_are_forgotten_long_after_stripe_sends_them_again(void)
{
	struct relay_swept swept = { .more = false };
	struct stage s;

	stage_open(&s);
	s.w.conf.stripe_events_keep_s = 2678400; /* 31 days */
	pg_do(s.w.pg, "insert into payments.stripe_events (stripe_event_id, "
	    "type, object_id, received_at) select 'evt_' || d || '_' || n, "
	    "'t', 'o', now() - interval '1 day' * d from unnest(array[30, "
	    "32]) d, generate_series(1, 1001) n");
	world_next(&s.w);
	CU_ASSERT_EQUAL(relay_sweep(s.w.app, s.w.sc, RELAY_BOOKINGS, &swept),
	    ERR_OK);
	CU_ASSERT_TRUE(swept.more);
	CU_ASSERT_EQUAL(world_count(&s.w, "payments.stripe_events"), 1002);
	sweep(&s);
	CU_ASSERT_EQUAL(number(&s, "select count(*) from "
	    "payments.stripe_events where received_at < now() - interval "
	    "'31 days'"), 0);
	CU_ASSERT_EQUAL(world_count(&s.w, "payments.stripe_events"), 1001);
	stage_close(&s);
}

UNIT_SUITE(relay,
    UNIT_TEST(test_events_are_sent_in_order_and_once),
    UNIT_TEST(test_of_each_booking_one_event_is_under_way),
    UNIT_TEST(test_what_another_has_in_hand_holds_back_what_follows_it),
    UNIT_TEST(
        test_a_refused_event_stops_its_own_booking_and_dies_after_its_tries),
    UNIT_TEST(test_an_outage_uses_up_no_try_until_patience_ends),
    UNIT_TEST(test_who_comes_late_to_what_it_claimed_sends_none_of_it),
    UNIT_TEST(test_a_file_that_another_holds_leaves_time_to_hand_its_rows_back),
    UNIT_TEST(test_what_was_wrapped_by_a_key_we_do_not_have_waits_for_it),
    UNIT_TEST(test_a_deletion_without_receipt_is_made_again),
    UNIT_TEST(test_a_deletion_that_is_made_again_leaves_its_receipt),
    UNIT_TEST(test_a_hold_that_lapsed_is_expired_and_one_that_did_not_is_left),
    UNIT_TEST(test_a_hold_is_kept_a_little_while_a_payment_may_be_under_way),
    UNIT_TEST(test_work_that_nobody_knows_is_refused_and_found_by_its_operator),
    UNIT_TEST(test_waits_grow_by_chance_and_have_an_end),
    UNIT_TEST(test_bookings_that_are_over_end_by_what_happened),
    UNIT_TEST(test_a_booking_that_nobody_can_read_ends_as_any_other),
    UNIT_TEST(test_a_booking_that_does_not_end_stops_no_other_and_no_cleaning),
    UNIT_TEST(test_many_that_do_not_end_hide_nobody_behind_them),
    UNIT_TEST(test_what_is_old_is_forgotten_and_what_is_dead_is_not),
    UNIT_TEST(
        test_stripes_events_are_forgotten_long_after_stripe_sends_them_again))
