/* test_visits.c: at the desk, use case by use case. */
#include <stdio.h>
#include <string.h>

#include <CUnit/CUnit.h>

#include "app/tickets.h"
#include "app/visit_forms.h"
#include "app/visits.h"
#include "base/buf.h"
#include "support/world.h"
#include "unit/unit.h"

/* A world with a desk at franchise 1, another at franchise 2. */
struct hall {
	struct world w;
	struct caller desk;
	struct caller second; /* another key of the same franchise */
	struct caller other;  /* of franchise 2 */
};

static struct caller
key_of(const struct uuid *franchise, const char *name)
{
	return (struct caller){ .kind = CALLER_SECRET,
		.rights = ACCESS_CHECKIN_WRITE, .franchise = *franchise,
		.name = name, .address = "192.0.2.9" };
}

static void
hall_open(struct hall *h)
{
	world_open(&h->w);
	h->desk = key_of(&h->w.franchise, "key:desk");
	h->second = key_of(&h->w.franchise, "key:second");
	h->other = key_of(&h->w.free_franchise, "key:other");
}

/* Paid, and for today. */
static struct booking *
expected(struct hall *h, const char *child)
{
	struct booking *b = world_book(&h->w, 9, 10, child);

	CU_ASSERT_PTR_NOT_NULL_FATAL(b);
	world_confirm(&h->w, b);
	world_today(&h->w, b);
	return b;
}

static const char *
code_of(struct hall *h, const struct booking *b)
{
	struct ticket_view ticket = { .url = "" };

	world_next(&h->w);
	CU_ASSERT_EQUAL(ticket_get(h->w.app, h->w.sc, &h->w.customer,
	    &b->booking_id, &ticket), ERR_OK);
	return ticket.url;
}

static enum err
scan(struct hall *h, const struct caller *desk, const char *qr,
    struct visit **ret_visit)
{
	struct checkin_request req = { .qr = qr };
	struct visit *ignored;

	world_next(&h->w);
	return visit_check_in(h->w.app, h->w.sc, desk, &req, NULL,
	    ret_visit ? ret_visit : &ignored);
}

static enum err
collect(struct hall *h, const struct caller *desk, const struct booking *b,
    const char *who, const char *reason, struct visit **ret_visit)
{
	struct checkout_request req = { .collected_by = who,
		.override = reason != NULL, .reason = reason };
	struct visit *ignored;

	world_next(&h->w);
	return visit_check_out(h->w.app, h->w.sc, desk, &b->booking_id, &req,
	    NULL, ret_visit ? ret_visit : &ignored);
}

/* What a refusal must leave alone. */
static int64_t
traces(struct hall *h)
{
	return pg_number(h->w.pg, "select (select sum(version) from "
	    "bookings.bookings) * 1000000 + (select count(*) from "
	    "bookings.outbox) * 1000 + (select count(*) from "
	    "bookings.visits) * 10 + (select count(*) from "
	    "bookings.idempotency_keys)");
}

static int64_t
told(struct hall *h, const char *type)
{
	return pg_number(h->w.pg, "select count(*) from bookings.outbox "
	    "where topic = 'events' and type = '%s'", type);
}

/* ---- coming --------------------------------------------------------------------- */

static void
test_a_confirmed_booking_is_checked_in_once_and_told_once(void)
{
	struct visit *v = NULL;
	struct booking *b;
	struct child *child;
	struct hall h;

	hall_open(&h);
	b = expected(&h, "Alice Doe");
	CU_ASSERT_EQUAL_FATAL(scan(&h, &h.desk, code_of(&h, b), &v), ERR_OK);
	CU_ASSERT_EQUAL(h.w.sc->pg_trips, 3); /* find, load, write */
	CU_ASSERT_FALSE(v->already);
	CU_ASSERT_STRING_EQUAL(v->status, "checked_in");
	CU_ASSERT_STRING_EQUAL(v->checked_in_with, "qr");
	CU_ASSERT_STRING_EQUAL(v->booking_code, b->booking_code);
	CU_ASSERT_STRING_EQUAL(v->time_zone, "Atlantic/Reykjavik");
	child = v->children.items;
	CU_ASSERT_EQUAL_FATAL(v->children.count, 1);
	CU_ASSERT_STRING_EQUAL(child->name, "Alice Doe");
	CU_ASSERT_STRING_EQUAL(child->allergies, "Peanuts");
	CU_ASSERT_STRING_EQUAL(v->contact->emergency_contact,
	    "Jane Doe +1234567891");

	CU_ASSERT_EQUAL(pg_number(h.w.pg, "select count(*) from "
	    "bookings.visits where checked_in_by = 'key:desk' and "
	    "checked_in_with = 'qr' and checked_out_at is null"), 1);
	CU_ASSERT_EQUAL(pg_number(h.w.pg, "select count(*) from "
	    "bookings.outbox o join bookings.visits v using (booking_id) "
	    "where o.type = 'BookingCheckedIn' and o.sequence = 2 and "
	    "(o.facts ->> 'checked_in_at')::timestamptz = v.checked_in_at "
	    "and o.facts ->> 'status' = 'checked_in'"), 1);
	CU_ASSERT_EQUAL(told(&h, "BookingCheckedIn"), 1);
	CU_ASSERT_EQUAL(world_taken(&h.w), 1);
	world_close(&h.w);
}

static void
test_a_code_that_is_not_ours_is_refused_before_anything_is_looked_up(void)
{
	char bad[256];
	const char *good;
	struct booking *b;
	struct hall h;
	int64_t before;
	size_t len;

	hall_open(&h);
	b = expected(&h, "Alice Doe");
	good = code_of(&h, b);
	before = traces(&h);
	len = strlen(good);
	/* Every character of reference, number, key and MAC counts. */
	for (size_t i = (size_t)(strstr(good, "/checkin/") + 9 - good);
	    i < len; i++) {
		snprintf(bad, sizeof bad, "%s", good);
		bad[i] = bad[i] == '1' ? '2' : '1';
		CU_ASSERT_EQUAL(scan(&h, &h.desk, bad, NULL), ERR_FORGED);
		CU_ASSERT_EQUAL(h.w.sc->pg_trips, 0);
	}
	CU_ASSERT_EQUAL(scan(&h, &h.desk, "https://example.com/", NULL),
	    ERR_FORGED);
	CU_ASSERT_EQUAL(traces(&h), before);
	world_close(&h.w);
}

/* Signed by us, but of no booking: as of a database that was put back. */
static void
test_an_unknown_reference_is_told_as_a_forged_one_is(void)
{
	struct uuid nobody;
	struct hall h;
	char why[SCOPE_WHY_MAX];

	hall_open(&h);
	uuid_random(&nobody);
	CU_ASSERT_EQUAL(scan(&h, &h.desk, ticket_text(h.w.app, h.w.sc,
	    &nobody, 1), NULL), ERR_FORGED);
	snprintf(why, sizeof why, "%s", h.w.sc->why);
	CU_ASSERT_EQUAL(scan(&h, &h.desk, "x", NULL), ERR_FORGED);
	CU_ASSERT_STRING_NOT_EQUAL(h.w.sc->why, why); /* the operator knows */
	world_close(&h.w);
}

static void
test_a_higher_number_revokes_the_code(void)
{
	const char *old;
	struct booking *b;
	struct hall h;
	int64_t before;

	hall_open(&h);
	b = expected(&h, "Alice Doe");
	old = code_of(&h, b);
	CU_ASSERT_EQUAL(pg_number(h.w.pg, "select bookings.revoke_qr(id, "
	    "'an operator') from bookings.bookings"), 2);
	before = traces(&h);
	CU_ASSERT_EQUAL(scan(&h, &h.desk, old, NULL), ERR_REVOKED);
	CU_ASSERT_EQUAL(traces(&h), before);
	CU_ASSERT_EQUAL(pg_number(h.w.pg, "select count(*) from "
	    "bookings.qr_revocations where qr_version = 1 and "
	    "revoked_by = 'an operator'"), 1);
	CU_ASSERT_EQUAL(scan(&h, &h.desk, code_of(&h, b), NULL), ERR_OK);
	world_close(&h.w);
}

static void
test_the_desk_of_another_franchise_learns_nothing(void)
{
	struct checkin_request req = { .booking_code = NULL };
	struct roster_query query = { .date = NONE, .limit = NONE };
	struct visit *v = NULL;
	struct roster roster;
	struct booking *b;
	struct hall h;
	int64_t before;

	hall_open(&h);
	b = expected(&h, "Alice Doe");
	before = traces(&h);
	CU_ASSERT_EQUAL(scan(&h, &h.other, code_of(&h, b), &v),
	    ERR_OTHER_FRANCHISE);
	world_next(&h.w);
	req.booking_code = b->booking_code;
	CU_ASSERT_EQUAL(visit_check_in(h.w.app, h.w.sc, &h.other, &req, NULL,
	    &v), ERR_NOT_FOUND);
	CU_ASSERT_EQUAL(scan(&h, &h.desk, code_of(&h, b), NULL), ERR_OK);
	CU_ASSERT_EQUAL(collect(&h, &h.other, b, "John Doe", NULL, &v),
	    ERR_NOT_FOUND);
	world_next(&h.w);
	CU_ASSERT_EQUAL(visit_roster(h.w.app, h.w.sc, &h.other,
	    &h.w.franchise, &query, &roster), ERR_NOT_FOUND);
	CU_ASSERT_PTR_NULL(v);
	CU_ASSERT_NOT_EQUAL(traces(&h), before);
	CU_ASSERT_EQUAL(told(&h, "BookingCompleted"), 0);
	world_close(&h.w);
}

static void
set(struct hall *h, const struct booking *b, const char *what)
{
	char id[UUID_TEXT_MAX];

	pg_do(h->w.pg, "update bookings.bookings set %s where id = '%s'", what,
	    uuid_format(&b->booking_id, id));
}

static void
test_what_is_not_confirmed_for_today_is_refused_by_name_and_untouched(void)
{
	static const struct {
		const char *becomes;
		enum err e;
	} rows[] = {
		{ "booking_status = 'pending', hold_expires_at = now() + "
		  "interval '1 hour'", ERR_UNPAID },
		{ "booking_status = 'pending', hold_expires_at = now() - "
		  "interval '1 second'", ERR_EXPIRED },
		{ "booking_status = 'expired'", ERR_EXPIRED },
		{ "booking_status = 'cancelled'", ERR_CANCELLED },
		{ "booking_status = 'no_show'", ERR_OVER },
		{ "start_datetime = start_datetime - interval '1 hour', "
		  "booking_status = 'confirmed'", ERR_OTHER_DAY },
		{ "start_datetime = start_datetime + interval '25 hours', "
		  "end_datetime = end_datetime + interval '24 hours'",
		  ERR_OTHER_DAY },
		{ "start_datetime = start_datetime - interval '24 hours', "
		  "end_datetime = now()", ERR_OVER },
		{ "end_datetime = now() + interval '1 hour'", ERR_OK },
	};
	const char *qr;
	struct booking *b;
	struct hall h;

	hall_open(&h);
	b = expected(&h, "Alice Doe");
	qr = code_of(&h, b);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		int64_t before;
		enum err e;

		set(&h, b, rows[i].becomes);
		before = traces(&h);
		e = scan(&h, &h.desk, qr, NULL);
		if (e != rows[i].e)
			fprintf(stderr, "row %zu: %s\n", i, h.w.sc->why);
		CU_ASSERT_EQUAL(e, rows[i].e);
		CU_ASSERT_EQUAL(traces(&h) == before, rows[i].e != ERR_OK);
		CU_ASSERT_PTR_NULL(strstr(h.w.sc->why, "Doe"));
	}
	/* Put back, so that the books balance. */
	set(&h, b, "start_datetime = date_trunc('day', now() at time zone "
	    "'UTC') at time zone 'UTC', end_datetime = (date_trunc('day', "
	    "now() at time zone 'UTC') + interval '1 day') at time zone "
	    "'UTC'");
	world_close(&h.w);
}

/* Of a UTC day's first and last hour one is today at the other end of the
 * world, and one is not. */
static void
test_the_day_is_the_franchises_own(void)
{
	static const char *const hours[] = { "0 hours", "23 hours" };
	int64_t is_today[2];
	char becomes[256];
	struct booking *b;
	struct hall h;

	hall_open(&h);
	b = expected(&h, "A");
	pg_do(h.w.pg, "update franchises.franchises set timezone = "
	    "'Pacific/Kiritimati'");
	for (size_t i = 0; i < 2; i++)
		is_today[i] = pg_number(h.w.pg, "select (((date_trunc('day', "
		    "now() at time zone 'UTC') + interval '%s') at time zone "
		    "'UTC' at time zone 'Pacific/Kiritimati')::date = (now() "
		    "at time zone 'Pacific/Kiritimati')::date)::int",
		    hours[i]);
	CU_ASSERT_EQUAL(is_today[0] + is_today[1], 1);
	for (int64_t want = 0; want <= 1; want++) {
		snprintf(becomes, sizeof becomes, "start_datetime = "
		    "(date_trunc('day', now() at time zone 'UTC') + interval "
		    "'%s') at time zone 'UTC'",
		    hours[is_today[0] == want ? 0 : 1]);
		set(&h, b, becomes);
		CU_ASSERT_EQUAL(scan(&h, &h.desk, code_of(&h, b), NULL),
		    want ? ERR_OK : ERR_OTHER_DAY);
	}
	set(&h, b, "start_datetime = date_trunc('day', now() at time zone "
	    "'UTC') at time zone 'UTC'");
	world_close(&h.w);
}

static void
test_the_same_key_may_scan_again_for_ten_minutes_and_no_other(void)
{
	struct visit *v = NULL;
	const char *qr;
	struct booking *b;
	struct hall h;
	int64_t before;

	hall_open(&h);
	b = expected(&h, "Alice Doe");
	qr = code_of(&h, b);
	CU_ASSERT_EQUAL(scan(&h, &h.desk, qr, NULL), ERR_OK);
	before = traces(&h);
	CU_ASSERT_EQUAL_FATAL(scan(&h, &h.desk, qr, &v), ERR_OK);
	CU_ASSERT_TRUE(v->already);
	CU_ASSERT_EQUAL(v->children.count, 1);
	CU_ASSERT_EQUAL(scan(&h, &h.second, qr, NULL), ERR_CHECKED_IN);
	pg_do(h.w.pg, "update bookings.visits set checked_in_at = "
	    "checked_in_at - interval '10 minutes'");
	CU_ASSERT_EQUAL(scan(&h, &h.desk, qr, NULL), ERR_CHECKED_IN);
	CU_ASSERT_EQUAL(traces(&h), before);
	world_close(&h.w);
}

static void
test_the_short_code_will_do_where_nothing_can_be_scanned(void)
{
	struct checkin_request req = { .qr = NULL };
	struct visit *v = NULL;
	char typed[16];
	struct booking *b;
	struct hall h;

	hall_open(&h);
	b = expected(&h, "Alice Doe");
	snprintf(typed, sizeof typed, "%.4s%s", b->booking_code,
	    b->booking_code + 5);
	req.booking_code = typed;
	world_next(&h.w);
	CU_ASSERT_EQUAL_FATAL(visit_check_in(h.w.app, h.w.sc, &h.desk, &req,
	    NULL, &v), ERR_OK);
	CU_ASSERT_STRING_EQUAL(v->checked_in_with, "booking_code");
	req.booking_code = "2222-2222";
	world_next(&h.w);
	CU_ASSERT_EQUAL(visit_check_in(h.w.app, h.w.sc, &h.desk, &req, NULL,
	    &v), ERR_NOT_FOUND);
	req.booking_code = "no code";
	world_next(&h.w);
	CU_ASSERT_EQUAL(visit_check_in(h.w.app, h.w.sc, &h.desk, &req, NULL,
	    &v), ERR_NOT_FOUND);
	CU_ASSERT_EQUAL(h.w.sc->pg_trips, 0);
	world_close(&h.w);
}

static void
render(struct scope *sc, const void *object, struct buf *out)
{
	const struct visit *visit = object;

	(void)sc;
	buf_printf(out, "%s %d", visit->booking_code, visit->already);
}

static void
test_a_key_gives_the_stored_answer_again(void)
{
	struct replay replay = { .key = "one", .fingerprint = "POST a",
		.fingerprint_len = 6, .render = render };
	struct checkin_request req = { .qr = NULL };
	struct visit *v = NULL;
	char want[32];
	struct booking *b;
	struct hall h;
	int64_t before;

	hall_open(&h);
	b = expected(&h, "Alice Doe");
	req.qr = code_of(&h, b);
	snprintf(want, sizeof want, "%s 0", b->booking_code);
	world_next(&h.w);
	CU_ASSERT_EQUAL(visit_check_in(h.w.app, h.w.sc, &h.desk, &req,
	    &replay, &v), ERR_OK);
	CU_ASSERT_PTR_NULL(replay.stored);
	before = traces(&h);
	world_next(&h.w);
	CU_ASSERT_EQUAL(visit_check_in(h.w.app, h.w.sc, &h.desk, &req,
	    &replay, &v), ERR_OK);
	CU_ASSERT_STRING_EQUAL(replay.stored, want);

	/* What changed nothing is remembered too. */
	replay = (struct replay){ .key = "two", .fingerprint = "POST a",
		.fingerprint_len = 6, .render = render };
	world_next(&h.w);
	CU_ASSERT_EQUAL(visit_check_in(h.w.app, h.w.sc, &h.desk, &req,
	    &replay, &v), ERR_OK);
	CU_ASSERT_TRUE(v->already);
	CU_ASSERT_EQUAL(traces(&h), before + 1);
	world_next(&h.w);
	CU_ASSERT_EQUAL(visit_check_in(h.w.app, h.w.sc, &h.desk, &req,
	    &replay, &v), ERR_OK);
	want[strlen(want) - 1] = '1';
	CU_ASSERT_STRING_EQUAL(replay.stored, want);

	replay.fingerprint = "POST b";
	replay.stored = NULL;
	world_next(&h.w);
	CU_ASSERT_EQUAL(visit_check_in(h.w.app, h.w.sc, &h.desk, &req,
	    &replay, &v), ERR_KEY_REUSED);
	world_close(&h.w);
}

/* ---- going ---------------------------------------------------------------------- */

static struct booking *
present(struct hall *h, const char *child)
{
	struct booking *b = expected(h, child);

	CU_ASSERT_EQUAL_FATAL(scan(h, &h->desk, code_of(h, b), NULL), ERR_OK);
	return b;
}

static void
test_children_go_home_once_with_somebody_of_the_list(void)
{
	struct visit *v = NULL;
	struct booking *b;
	struct hall h;
	int64_t before;

	hall_open(&h);
	b = expected(&h, "Alice Doe");
	CU_ASSERT_EQUAL(collect(&h, &h.desk, b, "John Doe", NULL, NULL),
	    ERR_NOT_CHECKED_IN);
	CU_ASSERT_EQUAL(scan(&h, &h.desk, code_of(&h, b), NULL), ERR_OK);
	CU_ASSERT_EQUAL_FATAL(collect(&h, &h.desk, b, " john  DOE", NULL, &v),
	    ERR_OK);
	CU_ASSERT_STRING_EQUAL(v->status, "completed");
	CU_ASSERT_FALSE(v->overridden);
	CU_ASSERT_FALSE(v->already);
	CU_ASSERT_TRUE(v->checked_out_us >= v->checked_in_us);

	CU_ASSERT_EQUAL(told(&h, "BookingCompleted"), 1);
	CU_ASSERT_EQUAL(pg_number(h.w.pg, "select count(*) from "
	    "bookings.outbox o join bookings.visits v using (booking_id) "
	    "where o.type = 'BookingCompleted' and o.sequence = 3 and "
	    "(o.facts ->> 'checked_out_at')::timestamptz = v.checked_out_at "
	    "and (o.facts ->> 'checked_in_at')::timestamptz = "
	    "v.checked_in_at"), 1);
	/* The name is not in the clear, and no reason was recorded. */
	CU_ASSERT_EQUAL(pg_number(h.w.pg, "select count(*) from "
	    "bookings.visits where position('doe'::bytea in collected_by) = 0 "
	    "and position('DOE'::bytea in collected_by) = 0 "
	    "and octet_length(collected_by) > 30 and override_reason is null "
	    "and checked_out_by = 'key:desk'"), 1);

	before = traces(&h);
	CU_ASSERT_EQUAL(collect(&h, &h.desk, b, "John Doe", NULL, &v), ERR_OK);
	CU_ASSERT_TRUE(v->already);
	CU_ASSERT_STRING_EQUAL(v->collected_by, " john  DOE");
	CU_ASSERT_EQUAL(collect(&h, &h.desk, b, "Tom Doe", "no", NULL),
	    ERR_COLLECTED);
	CU_ASSERT_EQUAL(collect(&h, &h.second, b, "John Doe", NULL, NULL),
	    ERR_COLLECTED);
	CU_ASSERT_EQUAL(scan(&h, &h.desk, ticket_text(h.w.app, h.w.sc,
	    &b->reference_number, 1), NULL), ERR_CHECKED_IN);
	CU_ASSERT_EQUAL(traces(&h), before);
	world_close(&h.w);
}

static void
test_whoever_is_on_no_list_needs_a_reason_that_is_kept_sealed(void)
{
	struct visit *v = NULL;
	struct booking *b;
	struct hall h;
	int64_t before;

	hall_open(&h);
	b = present(&h, "Alice Doe");
	before = traces(&h);
	CU_ASSERT_EQUAL(collect(&h, &h.desk, b, "Tom Doe", NULL, NULL),
	    ERR_NOT_AUTHORISED);
	CU_ASSERT_PTR_NULL(strstr(h.w.sc->why, "Tom"));
	CU_ASSERT_EQUAL(traces(&h), before);
	CU_ASSERT_EQUAL_FATAL(collect(&h, &h.desk, b, "Tom Doe",
	    "The mother called", &v), ERR_OK);
	CU_ASSERT_TRUE(v->overridden);
	CU_ASSERT_EQUAL(pg_number(h.w.pg, "select count(*) from "
	    "bookings.visits where override_reason is not null and "
	    "position('mother'::bytea in override_reason) = 0"), 1);
	CU_ASSERT_EQUAL(pg_number(h.w.pg, "select count(*) from "
	    "bookings.outbox where facts::text like '%%Tom%%' or "
	    "facts::text like '%%mother%%'"), 0);
	world_close(&h.w);
}

/* Each of two children has a list of its own. */
static void
test_whoever_collects_must_be_on_the_list_of_every_child(void)
{
	struct child two[2] = { { .name = "A", .age = 5,
	    .pickup_authorization = "Jane Doe, Tom Doe" },
		{ .name = "B", .age = 3,
		    .pickup_authorization = "Tom Doe" } };
	struct booking_request *req;
	struct booking *b = NULL;
	struct refusal refusal;
	struct visit *v = NULL;
	struct hall h;

	hall_open(&h);
	req = world_request(&h.w, 9, 10, NULL);
	req->child_info = NULL;
	req->children = (struct list){ two, 2 };
	world_next(&h.w);
	CU_ASSERT_EQUAL_FATAL(booking_create(h.w.app, h.w.sc, &h.w.customer,
	    req, NULL, &b, &refusal), ERR_OK);
	world_confirm(&h.w, b);
	world_today(&h.w, b);
	CU_ASSERT_EQUAL(scan(&h, &h.desk, code_of(&h, b), NULL), ERR_OK);
	CU_ASSERT_EQUAL(collect(&h, &h.desk, b, "Jane Doe", NULL, NULL),
	    ERR_NOT_AUTHORISED);
	/* A reason that was not needed is not kept. */
	CU_ASSERT_EQUAL(collect(&h, &h.desk, b, "Tom Doe", "just so", &v),
	    ERR_OK);
	CU_ASSERT_FALSE(v->overridden);
	CU_ASSERT_EQUAL(pg_number(h.w.pg, "select count(*) from "
	    "bookings.visits where override_reason is null"), 1);
	world_close(&h.w);
}

/* Nobody recorded it in time: the booking ended by itself, hours ago. */
static void
test_a_visit_that_ended_by_itself_is_still_told_who_collected(void)
{
	struct visit *v = NULL;
	struct booking *b;
	struct hall h;

	hall_open(&h);
	b = present(&h, "Alice Doe");
	set(&h, b, "end_datetime = now()");
	world_next(&h.w);
	CU_ASSERT_EQUAL(booking_finish(h.w.app, h.w.sc, &b->booking_id),
	    ERR_OK);
	CU_ASSERT_EQUAL(told(&h, "BookingCompleted"), 1);
	CU_ASSERT_EQUAL(pg_number(h.w.pg, "select count(*) from "
	    "bookings.outbox where type = 'BookingCompleted' and "
	    "facts ? 'checked_in_at' and not facts ? 'checked_out_at'"), 1);
	CU_ASSERT_EQUAL(scan(&h, &h.desk, ticket_text(h.w.app, h.w.sc,
	    &b->reference_number, 1), NULL), ERR_CHECKED_IN);
	CU_ASSERT_EQUAL_FATAL(collect(&h, &h.desk, b, "John Doe", NULL, &v),
	    ERR_OK);
	CU_ASSERT_STRING_EQUAL(v->status, "completed");
	CU_ASSERT_EQUAL(told(&h, "BookingCompleted"), 1);
	CU_ASSERT_EQUAL(collect(&h, &h.second, b, "John Doe", NULL, NULL),
	    ERR_COLLECTED);
	set(&h, b, "end_datetime = start_datetime + interval '1 day'");
	world_close(&h.w);
}

static void
test_a_booking_that_is_checked_in_is_neither_changed_nor_cancelled(void)
{
	struct cancel_request cancel = { .expected_refund = NONE };
	struct booking_request *req;
	struct contact contact = { .name = "Jim Doe" };
	struct booking *b;
	struct booking *now = NULL;
	struct refusal refusal;
	struct hall h;
	int64_t before;

	hall_open(&h);
	b = present(&h, "Alice Doe");
	before = traces(&h);
	req = world_request(&h.w, 9, 10, NULL);
	*req = (struct booking_request){ .start_us = NONE, .end_us = NONE,
		.customer_info = &contact };
	world_next(&h.w);
	CU_ASSERT_EQUAL(booking_change(h.w.app, h.w.sc, &h.w.customer,
	    &b->booking_id, req, NONE, NULL, &now, &refusal), ERR_STATE);
	world_next(&h.w);
	CU_ASSERT_EQUAL(booking_cancel(h.w.app, h.w.sc, &h.w.customer,
	    &b->booking_id, &cancel, NONE, NULL, &now), ERR_STATE);
	CU_ASSERT_EQUAL(traces(&h), before);
	world_next(&h.w);
	CU_ASSERT_EQUAL(booking_get(h.w.app, h.w.sc, &h.w.customer,
	    &b->booking_id, &now), ERR_OK);
	CU_ASSERT_STRING_EQUAL(now->status, "checked_in");
	CU_ASSERT_NOT_EQUAL(now->checked_in_us, NONE);
	CU_ASSERT_EQUAL(now->checked_out_us, NONE);
	CU_ASSERT_PTR_NULL(now->qr_code_url);
	world_close(&h.w);
}

/* ---- what is lost on the way ------------------------------------------------------ */

static void
test_a_lost_answer_is_looked_up_and_nothing_is_done_twice(void)
{
	struct visit *v = NULL;
	const char *qr;
	struct booking *b;
	struct hall h;

	hall_open(&h);
	b = expected(&h, "Alice Doe");
	qr = code_of(&h, b);
	pg_lose_answer(h.w.pg, h.w.url, "tests");
	CU_ASSERT_EQUAL_FATAL(scan(&h, &h.desk, qr, &v), ERR_OK);
	CU_ASSERT_TRUE(pg_answer_lost());
	CU_ASSERT_FALSE(v->already);
	CU_ASSERT_EQUAL(told(&h, "BookingCheckedIn"), 1);

	pg_lose_answer(h.w.pg, h.w.url, "tests");
	CU_ASSERT_EQUAL_FATAL(collect(&h, &h.desk, b, "John Doe", NULL, &v),
	    ERR_OK);
	CU_ASSERT_TRUE(pg_answer_lost());
	CU_ASSERT_FALSE(v->already);
	CU_ASSERT_STRING_EQUAL(v->collected_by, "John Doe");
	CU_ASSERT_EQUAL(told(&h, "BookingCompleted"), 1);
	world_close(&h.w);
}

/* ---- the day -------------------------------------------------------------------- */

static void
test_the_roster_tells_who_is_expected_there_and_gone(void)
{
	struct roster_query query = { .date = NONE, .limit = 2 };
	const struct roster_entry *e;
	struct booking *b[3];
	struct roster r = { .has_more = false };
	struct hall h;
	int seen = 0;

	hall_open(&h);
	for (int i = 0; i < 3; i++) {
		char child[] = { (char)('A' + i), '\0' };

		b[i] = expected(&h, child);
	}
	/* A hold is nobody who comes, nor is who cancelled. */
	CU_ASSERT_PTR_NOT_NULL(world_book(&h.w, 9, 10, "D"));
	CU_ASSERT_EQUAL(scan(&h, &h.desk, code_of(&h, b[1]), NULL), ERR_OK);
	CU_ASSERT_EQUAL(scan(&h, &h.desk, code_of(&h, b[2]), NULL), ERR_OK);
	CU_ASSERT_EQUAL(collect(&h, &h.desk, b[2], "John Doe", NULL, NULL),
	    ERR_OK);

	for (int page = 0; page < 2; page++) {
		world_next(&h.w);
		CU_ASSERT_EQUAL_FATAL(visit_roster(h.w.app, h.w.sc, &h.desk,
		    &h.w.franchise, &query, &r), ERR_OK);
		CU_ASSERT_EQUAL(r.has_more, page == 0);
		CU_ASSERT_EQUAL(r.data.count, page == 0 ? 2 : 1);
		CU_ASSERT_EQUAL(r.occupancy->expected, 1);
		CU_ASSERT_EQUAL(r.occupancy->present, 1);
		CU_ASSERT_EQUAL(r.occupancy->collected, 1);
		CU_ASSERT_EQUAL(r.occupancy->no_show, 0);
		CU_ASSERT_EQUAL(r.occupancy->capacity, 3);
		e = r.data.items;
		for (size_t i = 0; i < r.data.count; i++, seen++) {
			static const char *const states[] = { "expected",
				"checked_in", "collected" };
			const struct child *child = e[i].children.items;
			int which = child->name[0] - 'A';

			CU_ASSERT_STRING_EQUAL(e[i].status, states[which]);
			CU_ASSERT_TRUE(uuid_equal(&e[i].booking_id,
			    &b[which]->booking_id));
			CU_ASSERT_STRING_EQUAL(e[i].start_time, "00:00");
			CU_ASSERT_STRING_EQUAL(e[i].end_time, "24:00");
			CU_ASSERT_STRING_EQUAL(child->allergies, "Peanuts");
		}
		query.cursor = r.next_cursor;
	}
	CU_ASSERT_EQUAL(seen, 3);
	CU_ASSERT_PTR_NULL(r.next_cursor);
	world_close(&h.w);
}

/* A byte of what is sealed becomes another, and what is left then. */
struct lost {
	const char *table;
	const char *column;
	const char *of; /* the column that names the booking */
	int byte;
	bool contact;
	bool children;
	const char *why;
};

/* Twice: found again. */
static void
lose(struct hall *h, const struct booking *b, const struct lost *lost)
{
	char id[UUID_TEXT_MAX];

	pg_do(h->w.pg, "update bookings.%s set %s = set_byte(%s, %d, "
	    "get_byte(%s, %d) # 64) where %s = '%s'", lost->table,
	    lost->column, lost->column, lost->byte, lost->column, lost->byte,
	    lost->of, uuid_format(&b->booking_id, id));
}

static void
test_who_cannot_be_read_is_marked_and_hides_nobody_else(void)
{
	static const struct lost rows[] = {
		{ "booking_children", "allergies", "booking_id", 20, true,
		  false, "booking_children.allergies: does not open" },
		{ "customer_info", "phone", "booking_id", 20, false, true,
		  "customer_info.phone: does not open" },
		/* the number of the ring's key */
		{ "bookings", "data_key", "id", 4, false, false,
		  "which the ring does not have" },
		{ "bookings", "data_key", "id", 20, false, false,
		  "data key: does not open" },
	};
	struct roster_query query = { .date = NONE, .limit = NONE };
	const struct roster_entry *e;
	struct booking *b[3];
	struct roster r = { .has_more = false };
	char id[UUID_TEXT_MAX];
	struct hall h;

	hall_open(&h);
	for (int i = 0; i < 3; i++) {
		char child[] = { (char)('A' + i), '\0' };

		b[i] = expected(&h, child);
	}
	world_next(&h.w);
	CU_ASSERT_EQUAL_FATAL(visit_roster(h.w.app, h.w.sc, &h.desk,
	    &h.w.franchise, &query, &r), ERR_OK);
	CU_ASSERT_STRING_EQUAL(h.w.sc->notice, "");
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		lose(&h, b[1], &rows[i]);
		world_next(&h.w);
		CU_ASSERT_EQUAL_FATAL(visit_roster(h.w.app, h.w.sc, &h.desk,
		    &h.w.franchise, &query, &r), ERR_OK);
		CU_ASSERT_EQUAL_FATAL(r.data.count, 3);
		CU_ASSERT_EQUAL(r.occupancy->expected, 3);
		e = r.data.items;
		for (size_t k = 0; k < r.data.count; k++, e++) {
			bool there = !uuid_equal(&e->booking_id,
			    &b[1]->booking_id);

			CU_ASSERT_EQUAL(e->unreadable, !there);
			CU_ASSERT_EQUAL(e->contact != NULL,
			    there || rows[i].contact);
			CU_ASSERT_EQUAL(e->children.count,
			    there || rows[i].children ? 1 : 0);
			CU_ASSERT_STRING_EQUAL(e->status, "expected");
			CU_ASSERT_STRING_EQUAL(e->start_time, "00:00");
			CU_ASSERT_EQUAL(e->child_count, 1);
			CU_ASSERT_EQUAL_FATAL(e->child_ages.count, 1);
			CU_ASSERT_EQUAL(e->child_ages.items[0], 5);
		}
		CU_ASSERT_PTR_NOT_NULL(strstr(h.w.sc->notice, rows[i].why));
		CU_ASSERT_PTR_NOT_NULL(strstr(h.w.sc->notice,
		    uuid_format(&b[1]->booking_id, id)));
		CU_ASSERT_PTR_NULL(strstr(h.w.sc->notice, "Doe"));
		lose(&h, b[1], &rows[i]);
	}
	world_close(&h.w);
}

/* The child stands at the desk, whether we can read of it or not. */
static void
test_who_cannot_be_read_is_checked_in_all_the_same(void)
{
	static const struct lost rows[] = {
		{ "bookings", "data_key", "id", 4, false, false, "" },
		{ "booking_children", "allergies", "booking_id", 20, false,
		  false, "" },
	};
	struct hall h;

	hall_open(&h);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char child[] = { (char)('A' + i), '\0' };
		struct booking *b = expected(&h, child);
		const char *qr = code_of(&h, b);
		struct replay replay = { .key = child, .fingerprint = "POST",
			.fingerprint_len = 4, .render = render };
		struct checkin_request req = { .qr = qr };
		struct visit *v = NULL;

		lose(&h, b, &rows[i]);
		world_next(&h.w);
		CU_ASSERT_EQUAL_FATAL(visit_check_in(h.w.app, h.w.sc, &h.desk,
		    &req, &replay, &v), ERR_OK);
		CU_ASSERT_TRUE(v->unreadable);
		CU_ASSERT_FALSE(v->already);
		CU_ASSERT_PTR_NULL(v->contact);
		CU_ASSERT_EQUAL(v->children.count, 0);
		CU_ASSERT_PTR_NOT_NULL(strstr(h.w.sc->notice,
		    "cannot be read"));
		CU_ASSERT_EQUAL(told(&h, "BookingCheckedIn"), (int64_t)i + 1);

		world_next(&h.w);
		CU_ASSERT_EQUAL(visit_check_in(h.w.app, h.w.sc, &h.desk, &req,
		    &replay, &v), ERR_OK);
		CU_ASSERT_TRUE(v->already);
		CU_ASSERT_EQUAL(scan(&h, &h.second, qr, NULL),
		    ERR_CHECKED_IN);
		CU_ASSERT_EQUAL(told(&h, "BookingCheckedIn"), (int64_t)i + 1);

		/* Who may collect is not known until it can be read. */
		CU_ASSERT_NOT_EQUAL(collect(&h, &h.desk, b, "John Doe", NULL,
		    NULL), ERR_OK);
		lose(&h, b, &rows[i]);
		CU_ASSERT_EQUAL(collect(&h, &h.desk, b, "John Doe", NULL, &v),
		    ERR_OK);
		CU_ASSERT_FALSE(v->unreadable);
	}
	CU_ASSERT_EQUAL(told(&h, "BookingCompleted"), 2);
	world_close(&h.w);
}

static void
roster_of(struct hall *h, int64_t date, struct roster *ret_roster)
{
	struct roster_query query = { .date = date, .limit = NONE };

	world_next(&h->w);
	CU_ASSERT_EQUAL_FATAL(visit_roster(h->w.app, h->w.sc, &h->desk,
	    &h->w.franchise, &query, ret_roster), ERR_OK);
}

static void
test_whose_children_stay_past_midnight_are_still_there(void)
{
	const struct roster_entry *e;
	struct booking *in;
	struct booking *out;
	struct roster r;
	struct hall h;

	hall_open(&h);
	in = expected(&h, "A");
	out = expected(&h, "B");
	CU_ASSERT_EQUAL(scan(&h, &h.desk, code_of(&h, in), NULL), ERR_OK);
	/* Their day is over; one of them never came. */
	for (int i = 0; i < 2; i++)
		set(&h, i ? in : out, "start_datetime = start_datetime - "
		    "interval '1 day', end_datetime = start_datetime");
	roster_of(&h, NONE, &r);
	CU_ASSERT_EQUAL(r.occupancy->present, 1);
	CU_ASSERT_EQUAL(r.occupancy->no_show, 0);
	CU_ASSERT_EQUAL_FATAL(r.data.count, 1);
	e = r.data.items;
	CU_ASSERT_TRUE(uuid_equal(&e->booking_id, &in->booking_id));
	CU_ASSERT_STRING_EQUAL(e->status, "checked_in");
	CU_ASSERT_STRING_EQUAL(e->end_time, "24:00");

	/* They are of their own day too, and of no other. */
	roster_of(&h, r.date - 1, &r);
	CU_ASSERT_EQUAL(r.data.count, 2);
	CU_ASSERT_EQUAL(r.occupancy->present, 1);
	roster_of(&h, r.date - 1, &r);
	CU_ASSERT_EQUAL(r.data.count, 0);
	roster_of(&h, r.date + 3, &r);
	CU_ASSERT_EQUAL(r.data.count, 0);

	/* What nobody recorded for hours is no crowd of today's. */
	world_next(&h.w);
	CU_ASSERT_EQUAL(booking_finish(h.w.app, h.w.sc, &in->booking_id),
	    ERR_OK);
	roster_of(&h, NONE, &r);
	CU_ASSERT_EQUAL(r.data.count, 0);
	CU_ASSERT_EQUAL(r.occupancy->present, 0);
	roster_of(&h, r.date - 1, &r);
	CU_ASSERT_EQUAL(r.occupancy->present, 1);
	for (int i = 0; i < 2; i++)
		set(&h, i ? in : out, "start_datetime = end_datetime, "
		    "end_datetime = end_datetime + interval '1 day'");
	world_close(&h.w);
}

static void
test_who_never_came_is_told_before_anybody_says_so(void)
{
	struct roster_query query = { .date = NONE, .limit = NONE };
	const struct roster_entry *e;
	struct booking *b;
	struct roster r;
	struct hall h;

	hall_open(&h);
	b = expected(&h, "A");
	set(&h, b, "end_datetime = now()");
	for (int i = 0; i < 2; i++) {
		world_next(&h.w);
		CU_ASSERT_EQUAL(visit_roster(h.w.app, h.w.sc, &h.desk,
		    &h.w.franchise, &query, &r), ERR_OK);
		CU_ASSERT_EQUAL_FATAL(r.data.count, 1);
		e = r.data.items;
		CU_ASSERT_STRING_EQUAL(e->status, "no_show");
		CU_ASSERT_EQUAL(r.occupancy->no_show, 1);
		CU_ASSERT_EQUAL(r.occupancy->expected, 0);
		world_next(&h.w);
		CU_ASSERT_EQUAL(booking_finish(h.w.app, h.w.sc,
		    &b->booking_id), ERR_OK);
	}
	query.cursor = "no cursor";
	world_next(&h.w);
	CU_ASSERT_EQUAL(visit_roster(h.w.app, h.w.sc, &h.desk,
	    &h.w.franchise, &query, &r), ERR_INVALID);
	set(&h, b, "end_datetime = start_datetime + interval '1 day'");
	world_close(&h.w);
}

/* ---- the image -------------------------------------------------------------------- */

static int64_t
pictures_asked(struct hall *h)
{
	return pg_number(h->w.pg, "select count(*) from bookings.outbox "
	    "where topic = 'documents' and type = 'qr' and facts = '{}'");
}

static void
test_an_image_is_asked_for_in_the_commit_that_confirms(void)
{
	struct booking_request *req;
	struct refusal refusal;
	struct booking *b = NULL;
	struct hall h;

	hall_open(&h);
	b = world_book(&h.w, 9, 10, "A");
	CU_ASSERT_EQUAL(pictures_asked(&h), 0); /* a hold has none */

	/* Free from the beginning, or by a change. */
	req = world_request(&h.w, 9, 10, "B");
	req->franchise_id = h.w.free_franchise;
	world_next(&h.w);
	CU_ASSERT_EQUAL(booking_create(h.w.app, h.w.sc, &h.w.customer, req,
	    NULL, &b, &refusal), ERR_OK);
	CU_ASSERT_EQUAL(pictures_asked(&h), 1);
	pg_do(h.w.pg, "update franchises.franchises set standard_rate = 0, "
	    "peak_hour_rate = 0");
	*req = (struct booking_request){ .start_us = NONE, .end_us =
	    h.w.day_us + 11 * USEC_PER_HOUR };
	b = world_book(&h.w, 12, 13, "C");
	CU_ASSERT_EQUAL(pictures_asked(&h), 2);
	world_close(&h.w);
}

static void
test_a_hold_that_becomes_free_by_a_change_asks_for_its_image(void)
{
	struct booking_request *req;
	struct refusal refusal;
	struct booking *b;
	struct booking *now = NULL;
	struct hall h;

	hall_open(&h);
	b = world_book(&h.w, 9, 10, "A");
	CU_ASSERT_PTR_NOT_NULL_FATAL(b);
	pg_do(h.w.pg, "update franchises.franchises set standard_rate = 0, "
	    "peak_hour_rate = 0");
	/* To other hours: those that are kept cost what they did. */
	req = world_request(&h.w, 11, 12, NULL);
	req->child_info = NULL;
	req->customer_info = NULL;
	world_next(&h.w);
	CU_ASSERT_EQUAL_FATAL(booking_change(h.w.app, h.w.sc, &h.w.customer,
	    &b->booking_id, req, NONE, NULL, &now, &refusal), ERR_OK);
	CU_ASSERT_STRING_EQUAL(now->status, "confirmed");
	CU_ASSERT_EQUAL(pictures_asked(&h), 1);
	world_close(&h.w);
}

static void
test_a_booking_that_is_over_has_no_code(void)
{
	static const char *const over[] = { "cancelled", "expired",
		"completed", "no_show" };
	struct ticket_view ticket;
	struct booking *b;
	struct hall h;

	hall_open(&h);
	b = world_book(&h.w, 9, 10, "A");
	CU_ASSERT_PTR_NOT_NULL_FATAL(b);
	CU_ASSERT_PTR_NOT_NULL(strstr(code_of(&h, b),
	    "https://booking.test/checkin/")); /* not paid, but kept ready */
	for (size_t i = 0; i < ARRAY_LEN(over); i++) {
		char becomes[64];

		snprintf(becomes, sizeof becomes, "booking_status = '%s'",
		    over[i]);
		set(&h, b, becomes);
		world_next(&h.w);
		CU_ASSERT_EQUAL(ticket_get(h.w.app, h.w.sc, &h.w.customer,
		    &b->booking_id, &ticket), ERR_STATE);
	}
	set(&h, b, "booking_status = 'pending', hold_expires_at = now()");
	world_next(&h.w);
	CU_ASSERT_EQUAL(ticket_get(h.w.app, h.w.sc, &h.w.customer,
	    &b->booking_id, &ticket), ERR_STATE);
	world_next(&h.w);
	CU_ASSERT_EQUAL(ticket_get(h.w.app, h.w.sc, &h.w.stranger,
	    &b->booking_id, &ticket), ERR_NOT_FOUND);
	world_close(&h.w);
}

UNIT_SUITE(visits,
    UNIT_TEST(test_a_confirmed_booking_is_checked_in_once_and_told_once),
    UNIT_TEST(
        test_a_code_that_is_not_ours_is_refused_before_anything_is_looked_up),
    UNIT_TEST(test_an_unknown_reference_is_told_as_a_forged_one_is),
    UNIT_TEST(test_a_higher_number_revokes_the_code),
    UNIT_TEST(test_the_desk_of_another_franchise_learns_nothing),
    UNIT_TEST(
        test_what_is_not_confirmed_for_today_is_refused_by_name_and_untouched),
    UNIT_TEST(test_the_day_is_the_franchises_own),
    UNIT_TEST(test_the_same_key_may_scan_again_for_ten_minutes_and_no_other),
    UNIT_TEST(test_the_short_code_will_do_where_nothing_can_be_scanned),
    UNIT_TEST(test_a_key_gives_the_stored_answer_again),
    UNIT_TEST(test_children_go_home_once_with_somebody_of_the_list),
    UNIT_TEST(test_whoever_is_on_no_list_needs_a_reason_that_is_kept_sealed),
    UNIT_TEST(test_whoever_collects_must_be_on_the_list_of_every_child),
    UNIT_TEST(test_a_visit_that_ended_by_itself_is_still_told_who_collected),
    UNIT_TEST(
        test_a_booking_that_is_checked_in_is_neither_changed_nor_cancelled),
    UNIT_TEST(test_a_lost_answer_is_looked_up_and_nothing_is_done_twice),
    UNIT_TEST(test_the_roster_tells_who_is_expected_there_and_gone),
    UNIT_TEST(test_who_cannot_be_read_is_marked_and_hides_nobody_else),
    UNIT_TEST(test_who_cannot_be_read_is_checked_in_all_the_same),
    UNIT_TEST(test_whose_children_stay_past_midnight_are_still_there),
    UNIT_TEST(test_who_never_came_is_told_before_anybody_says_so),
    UNIT_TEST(test_an_image_is_asked_for_in_the_commit_that_confirms),
    UNIT_TEST(test_a_hold_that_becomes_free_by_a_change_asks_for_its_image),
    UNIT_TEST(test_a_booking_that_is_over_has_no_code))
