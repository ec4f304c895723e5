/* test_relay_aws.c: turns of the relays beside a queue and a bucket: events in
 * their order, pictures in their place, whatever goes wrong there. */
#include "app/relay.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/documents.h"
#include "app/tickets.h"
#include "app/visit_forms.h"
#include "support/aws_stand.h"
#include "support/world.h"
#include "unit/unit.h"

#define BATCH "sqs:SendMessageBatch"
#define PUT "s3:PutObject"

struct stage {
	struct world w;
	struct aws_stand aws;
	char dir[64];
	struct relay_turn turn;
};

static struct stage s;

static void
begin(void)
{
	world_open(&s.w);
	aws_stand_open(&s.aws);
	snprintf(s.dir, sizeof s.dir, "/tmp/documents.XXXXXX");
	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(s.dir));
	s.w.conf.documents_dir = s.dir;
	s.w.conf.documents_url = "https://cdn.example.com/pictures";
	s.w.app->sqs = &s.aws.sqs;
	s.w.app->s3 = &s.aws.s3;
}

static void
end(void)
{
	char command[128];

	s.w.app->sqs = NULL;
	s.w.app->s3 = NULL;
	aws_stand_close(&s.aws);
	world_close(&s.w);
	snprintf(command, sizeof command, "rm -rf %s", s.dir);
	CU_ASSERT_EQUAL(system(command), 0);
}

static void
turn(enum relay_topic topic)
{
	world_next(&s.w);
	CU_ASSERT_EQUAL(relay_turn(s.w.app, s.w.sc, topic, &s.turn), ERR_OK);
}

static size_t
turns(enum relay_topic topic)
{
	size_t done = 0;

	for (int i = 0; i < 20; i++) {
		turn(topic);
		done += s.turn.due.counts[DUE_DONE];
		if (s.turn.due.counts[DUE_DONE] == 0)
			break;
	}
	return done;
}

/* As if the time of what was put off had come. */
static void
hurry(void)
{
	pg_do(s.w.pg, "update bookings.outbox set due_at = now() where sent_at "
	    "is null and due_at > now()");
}

static int64_t
number(const char *sql)
{
	return pg_number(s.w.pg, "%s", sql);
}

/* Each for a child of its own. */
static struct booking *
book(int from)
{
	static int children;
	struct booking *b = world_book(&s.w, from, from + 1,
	    arena_printf(s.w.arena, "Child %d", ++children));

	CU_ASSERT_PTR_NOT_NULL_FATAL(b);
	return b;
}

static void
cancel(const struct booking *b)
{
	struct cancel_request req = { .expected_refund = NONE };
	struct booking *gone;

	world_next(&s.w);
	CU_ASSERT_EQUAL(booking_cancel(s.w.app, s.w.sc, &s.w.customer,
	    &b->booking_id, &req, NONE, NULL, &gone), ERR_OK);
}

static int
arrived(const char *what)
{
	return aws_stand_count(&s.aws, "/journal", what);
}

/* ---- events ----------------------------------------------------------------------- */

static void
test_events_reach_the_queue_in_order_under_their_ids(void)
{
	char group[96];
	char id[UUID_TEXT_MAX];
	struct booking *b;

	begin();
	b = book(9);
	cancel(b);
	cancel(book(11));
	CU_ASSERT_EQUAL(turns(RELAY_EVENTS), 4);
	CU_ASSERT_EQUAL(arrived("\"kind\": \"message\""), 4);
	snprintf(group, sizeof group, "\"group\": \"%s\"",
	    uuid_format(&b->booking_id, id));
	CU_ASSERT_EQUAL(arrived(group), 2);
	CU_ASSERT_EQUAL(number("select count(*) from bookings.outbox where "
	    "topic = 'events' and sent_at is not null"), 4);
	end();
}

static void
test_of_a_batch_that_was_taken_in_part_the_rest_alone_is_sent_again(void)
{
	begin();
	for (int i = 0; i < 4; i++)
		book(9 + i);
	aws_stand_fault(&s.aws, BATCH, "\"kind\":\"partial\",\"entries\":[1,3],"
	    "\"sender_fault\":false,\"code\":\"InternalError\"");
	turn(RELAY_EVENTS);
	CU_ASSERT_EQUAL(s.turn.due.counts[DUE_DONE], 2);
	CU_ASSERT_EQUAL(s.turn.due.counts[DUE_OUTAGE], 2);
	CU_ASSERT_FALSE(s.turn.outage);
	CU_ASSERT_EQUAL(number("select count(*) from bookings.outbox where "
	    "topic = 'events' and sent_at is null and attempts = 0 and "
	    "failure = 'InternalError'"), 2);
	hurry();
	CU_ASSERT_EQUAL(turns(RELAY_EVENTS), 2);
	CU_ASSERT_EQUAL(arrived("\"kind\": \"message\""), 4);
	CU_ASSERT_EQUAL(aws_stand_calls(&s.aws), 2);
	end();
}

static void
test_an_event_that_the_queue_refuses_dies_after_its_tries_alone(void)
{
	struct booking *bad;

	begin();
	bad = book(9);
	book(11);
	cancel(bad);
	for (int i = 0; i < 6; i++) {
		aws_stand_fault(&s.aws, BATCH, "\"kind\":\"partial\","
		    "\"entries\":[0],\"sender_fault\":true,"
		    "\"code\":\"InvalidMessageContents\"");
		turn(RELAY_EVENTS);
		CU_ASSERT_EQUAL(s.turn.due.counts[DUE_REFUSED], 1);
		CU_ASSERT_EQUAL(s.turn.due.counts[DUE_DONE], i == 0);
		CU_ASSERT_EQUAL(s.turn.due.given_up, i == 5);
		CU_ASSERT_FALSE(s.turn.outage);
		hurry();
	}
	CU_ASSERT_EQUAL(turns(RELAY_EVENTS), 0);
	CU_ASSERT_EQUAL(arrived("\"kind\": \"message\""), 1);
	CU_ASSERT_EQUAL(number("select count(*) from bookings.outbox where "
	    "dead_at is not null and failure = 'InvalidMessageContents'"), 1);
	end();
}

/* Whatever befalls the whole queue; `stopped`: only a person can end it. */
static void
hold_outage(const char *fault, bool stopped)
{
	cancel(book(9));
	for (int i = 0; i < 3; i++) {
		aws_stand_fault(&s.aws, BATCH, fault);
		turn(RELAY_EVENTS);
		CU_ASSERT(s.turn.outage);
		CU_ASSERT_EQUAL(s.turn.due.counts[DUE_OUTAGE], !stopped);
		CU_ASSERT_EQUAL(s.turn.due.counts[DUE_STOPPED], stopped);
		CU_ASSERT_PTR_NOT_NULL(s.turn.due.why);
		hurry();
	}
	CU_ASSERT_EQUAL(number("select count(*) from bookings.outbox where "
	    "topic = 'events' and sent_at is null and attempts = 0 and "
	    "dead_at is null"), 2);
	CU_ASSERT_EQUAL(turns(RELAY_EVENTS), 2);
}

static void
test_outages_use_up_no_try(void)
{
	begin();
	/* First: a kept connection that is cut is tried anew by libcurl. */
	hold_outage("\"kind\":\"drop_after_effect\"", false);
	hold_outage("\"kind\":\"throttle\"", false);
	hold_outage("\"kind\":\"fail\"", false);
	hold_outage("\"kind\":\"fail_after_effect\"", false);
	end();
}

/* It may have been taken: FIFO queues know it again by its id. */
static void
test_half_an_answer_is_no_answer(void)
{
	begin();
	book(9);
	aws_stand_fault(&s.aws, BATCH, "\"kind\":\"garbage\"");
	turn(RELAY_EVENTS);
	CU_ASSERT_EQUAL(s.turn.due.counts[DUE_OUTAGE], 1);
	hurry();
	CU_ASSERT_EQUAL(turns(RELAY_EVENTS), 1);
	CU_ASSERT_EQUAL(aws_stand_count(&s.aws, "/state", "\"message_id\""),
	    1);
	CU_ASSERT_EQUAL(number("select attempts from bookings.outbox where "
	    "topic = 'events'"), 0);
	end();
}

static void
test_what_only_a_person_can_mend_is_told_apart_and_waits(void)
{
	begin();
	hold_outage("\"kind\":\"access_denied\"", true);
	hold_outage("\"kind\":\"refuse\",\"code\":"
	    "\"AWS.SimpleQueueService.NonExistentQueue\"", true);
	hold_outage("\"kind\":\"refuse\",\"code\":\"InvalidClientTokenId\"",
	    true);
	end();
}

/* In an outage one batch meets it; what else was claimed is handed back. */
static void
test_in_an_outage_one_batch_meets_it_and_the_rest_is_handed_back(void)
{
	begin();
	s.w.conf.holds_max = 100;
	for (int i = 0; i < 24; i++)
		book(8 + i % 10);
	aws_stand_fault(&s.aws, BATCH, "\"kind\":\"fail\"");
	turn(RELAY_EVENTS);
	CU_ASSERT_EQUAL(s.turn.due.counts[DUE_OUTAGE], 10);
	CU_ASSERT_EQUAL(s.turn.due.counts[DUE_SOON], 14);
	CU_ASSERT_EQUAL(number("select count(*) from bookings.outbox where "
	    "topic = 'events' and claimed_until is not null"), 0);
	hurry();
	CU_ASSERT_EQUAL(turns(RELAY_EVENTS), 24);
	CU_ASSERT_EQUAL(arrived("\"kind\": \"message\""), 24);
	end();
}

/* ---- pictures ---------------------------------------------------------------------- */

/* Confirmed, with its row due. */
static struct booking *
confirmed(int from)
{
	struct booking_request *req = world_request(&s.w, from, from + 1,
	    "Alice Doe");
	struct booking *b = NULL;
	struct refusal refusal = { 0 };

	req->franchise_id = s.w.free_franchise;
	world_next(&s.w);
	CU_ASSERT_EQUAL_FATAL(booking_create(s.w.app, s.w.sc, &s.w.customer,
	    req, NULL, &b, &refusal), ERR_OK);
	return b;
}

/* However long the lease is: the turn knows how much time it has itself. */
static void
test_what_a_turn_has_no_time_for_is_handed_back(void)
{
	begin();
	s.w.conf.relay_lease_s = 3600;
	for (int i = 0; i < 6; i++)
		confirmed(8 + i);
	/* Two pictures each, and so four at most in what two thirds are. */
	aws_stand_fault(&s.aws, PUT, "\"kind\":\"delay\",\"ms\":300,"
	    "\"times\":100");
	world_next(&s.w);
	scope_init(s.w.sc, s.w.arena, 3 * USEC_PER_SEC);
	CU_ASSERT_EQUAL(relay_turn(s.w.app, s.w.sc, RELAY_DOCUMENTS,
	    &s.turn), ERR_OK);
	CU_ASSERT(s.turn.due.counts[DUE_DONE] >= 1);
	CU_ASSERT(s.turn.due.counts[DUE_SOON] >= 1);
	CU_ASSERT_EQUAL(s.turn.due.counts[DUE_DONE] +
	    s.turn.due.counts[DUE_SOON], 6);
	CU_ASSERT_EQUAL(number("select count(*) from bookings.outbox where "
	    "topic = 'documents' and claimed_until is not null"), 0);
	end();
}

static struct booking *
read_again(const struct booking *b)
{
	struct booking *found = NULL;

	world_next(&s.w);
	CU_ASSERT_EQUAL_FATAL(booking_get(s.w.app, s.w.sc, &s.w.customer,
	    &b->booking_id, &found), ERR_OK);
	return found;
}

/* Is that very picture stored under the address of the booking? */
static bool
is_stored(const struct booking *b, int64_t number)
{
	const char *url = documents_url(s.w.app, s.w.sc, &b->reference_number,
	    number);
	const char *text = ticket_text(s.w.app, s.w.sc, &b->reference_number,
	    number);
	const char *key = strstr(url, "qr/");
	const char *code;
	const char *body = NULL;
	char path[256];
	const void *want;
	char *file;
	size_t want_len;
	size_t len = 0;
	bool same;

	CU_ASSERT_PTR_NOT_NULL_FATAL(key);
	CU_ASSERT_EQUAL(ticket_draw(s.w.sc, text, TICKET_PNG, &want,
	    &want_len), ERR_OK);
	if (s.w.app->s3)
		return s3_get(s.w.app->s3, s.w.sc, key, 65536, &body, &len,
		    &code) == AWS_DONE && len == want_len &&
		    memcmp(body, want, len) == 0;
	snprintf(path, sizeof path, "%s/%s", s.dir, key);
	file = unit_slurp(path, &len);
	same = file && len == want_len && memcmp(file, want, len) == 0;
	free(file);
	return same;
}

/* In a bucket or in a folder. */
static void
hold_picture(bool bucket)
{
	struct booking *b;
	struct booking *now;
	char want[256];

	begin();
	if (!bucket) {
		s.w.app->s3 = NULL;
		s.w.conf.documents_url = "";
	}
	b = confirmed(9);
	CU_ASSERT_PTR_NULL(b->qr_code_url);
	CU_ASSERT_EQUAL(turns(RELAY_DOCUMENTS), 1);
	now = read_again(b);
	CU_ASSERT_PTR_NOT_NULL_FATAL(now->qr_code_url);
	CU_ASSERT_STRING_EQUAL(now->qr_code_url, documents_url(s.w.app,
	    s.w.sc, &b->reference_number, 1));
	snprintf(want, sizeof want, "%s/qr/", bucket ?
	    "https://cdn.example.com/pictures" :
	    arena_printf(s.w.arena, "%s/documents", s.w.conf.public_url));
	CU_ASSERT_EQUAL(strncmp(now->qr_code_url, want, strlen(want)), 0);
	CU_ASSERT(is_stored(b, 1));
	/* What its owner decided on is as it was, the answer is not. */
	CU_ASSERT_EQUAL(now->version, b->version);
	CU_ASSERT_EQUAL(b->qr_picture, 0);
	CU_ASSERT_EQUAL(now->qr_picture, 1);

	/* A repeat, as after a crash before the mark, changes nothing. */
	pg_do(s.w.pg, "update bookings.outbox set sent_at = null where topic = "
	    "'documents'");
	CU_ASSERT_EQUAL(turns(RELAY_DOCUMENTS), 1);
	CU_ASSERT(is_stored(b, 1));
	CU_ASSERT_STRING_EQUAL(read_again(b)->qr_code_url, now->qr_code_url);
	end();
}

static void
test_a_picture_is_stored_in_the_bucket_and_the_booking_says_where(void)
{
	hold_picture(true);
}

static void
test_a_picture_is_stored_in_the_folder_and_the_booking_says_where(void)
{
	hold_picture(false);
}

/* SVG beside PNG, each encrypted at rest and with its type. */
static void
test_objects_are_private_encrypted_and_named_by_nothing_that_can_be_guessed(
    void)
{
	struct booking *b;
	char id[UUID_TEXT_MAX];

	begin();
	b = confirmed(9);
	CU_ASSERT_EQUAL(turns(RELAY_DOCUMENTS), 1);
	CU_ASSERT_EQUAL(aws_stand_count(&s.aws, "/buckets/documents",
	    "\"x-amz-server-side-encryption\": \"AES256\""), 2);
	CU_ASSERT_EQUAL(aws_stand_count(&s.aws, "/buckets/documents",
	    "image/png"), 1);
	CU_ASSERT_EQUAL(aws_stand_count(&s.aws, "/buckets/documents",
	    "image/svg+xml"), 1);
	uuid_format(&b->reference_number, id);
	CU_ASSERT_EQUAL(aws_stand_count(&s.aws, "/buckets/documents", id), 0);
	uuid_format(&b->booking_id, id);
	CU_ASSERT_EQUAL(aws_stand_count(&s.aws, "/buckets/documents", id), 0);
	CU_ASSERT_EQUAL(aws_stand_count(&s.aws, "/buckets/documents",
	    " Doe"), 0);
	end();
}

static void
test_a_code_that_was_revoked_is_taken_away_and_the_new_one_is_there(void)
{
	struct booking *b;

	for (int bucket = 0; bucket < 2; bucket++) {
		begin();
		if (!bucket)
			s.w.app->s3 = NULL;
		b = confirmed(9);
		CU_ASSERT_EQUAL(turns(RELAY_DOCUMENTS), 1);
		for (int i = 0; i < 2; i++)
			pg_do(s.w.pg, "select bookings.revoke_qr(id, 'test') "
			    "from bookings.bookings");
		CU_ASSERT_PTR_NULL(read_again(b)->qr_code_url);
		CU_ASSERT_EQUAL(turns(RELAY_DOCUMENTS), 2);
		CU_ASSERT_FALSE(is_stored(b, 1));
		CU_ASSERT_FALSE(is_stored(b, 2));
		CU_ASSERT(is_stored(b, 3));
		CU_ASSERT_EQUAL(read_again(b)->qr_picture, 3);
		end();
	}
}

static void
test_of_a_booking_that_was_cancelled_meanwhile_none_is_stored(void)
{
	begin();
	cancel(confirmed(9));
	CU_ASSERT_EQUAL(turns(RELAY_DOCUMENTS), 1);
	CU_ASSERT_EQUAL(aws_stand_calls(&s.aws), 0);
	CU_ASSERT_EQUAL(number("select count(*) from bookings.bookings where "
	    "qr_code_url is not null"), 0);
	end();
}

static void
test_a_store_that_is_away_costs_the_booking_nothing(void)
{
	struct booking *b;
	struct ticket_view ticket;

	begin();
	b = confirmed(9);
	aws_stand_fault(&s.aws, PUT, "\"kind\":\"fail\"");
	turn(RELAY_DOCUMENTS);
	CU_ASSERT_EQUAL(s.turn.due.counts[DUE_OUTAGE], 1);
	CU_ASSERT_STRING_EQUAL(read_again(b)->status, "confirmed");
	CU_ASSERT_PTR_NULL(read_again(b)->qr_code_url);
	CU_ASSERT_EQUAL(ticket_get(s.w.app, s.w.sc, &s.w.customer,
	    &b->booking_id, &ticket), ERR_OK);
	hurry();
	aws_stand_fault(&s.aws, PUT, "\"kind\":\"access_denied\"");
	turn(RELAY_DOCUMENTS);
	CU_ASSERT_EQUAL(s.turn.due.counts[DUE_STOPPED], 1);
	hurry();
	CU_ASSERT_EQUAL(turns(RELAY_DOCUMENTS), 1);
	CU_ASSERT(is_stored(b, 1));

	/* So it is with a folder that is not there. */
	s.w.app->s3 = NULL;
	s.w.conf.documents_dir = "/nonexistent";
	CU_ASSERT_EQUAL(rmdir(s.dir), 0);
	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(strcpy(s.dir,
	    "/tmp/documents.XXXXXX")));
	confirmed(11);
	turn(RELAY_DOCUMENTS);
	CU_ASSERT_EQUAL(s.turn.due.counts[DUE_OUTAGE], 1);
	CU_ASSERT_PTR_NOT_NULL(strstr(s.turn.due.why, "No such file"));
	end();
}

static void
test_with_a_bucket_somebody_has_to_say_where_pictures_can_be_had(void)
{
	begin();
	CU_ASSERT_EQUAL(relay_check(s.w.app, s.w.sc, RELAY_DOCUMENTS), ERR_OK);
	s.w.conf.documents_url = "";
	CU_ASSERT_EQUAL(relay_check(s.w.app, s.w.sc, RELAY_DOCUMENTS),
	    ERR_INVALID);
	CU_ASSERT_PTR_NOT_NULL(strstr(s.w.sc->why, "DOCUMENTS_URL"));
	s.w.app->s3 = NULL;
	CU_ASSERT_EQUAL(relay_check(s.w.app, s.w.sc, RELAY_DOCUMENTS), ERR_OK);
	end();
}

UNIT_SUITE(relay_aws,
    UNIT_TEST(test_events_reach_the_queue_in_order_under_their_ids),
    UNIT_TEST(test_of_a_batch_that_was_taken_in_part_the_rest_alone_is_sent_again),
    UNIT_TEST(test_an_event_that_the_queue_refuses_dies_after_its_tries_alone),
    UNIT_TEST(test_outages_use_up_no_try),
    UNIT_TEST(test_half_an_answer_is_no_answer),
    UNIT_TEST(test_what_only_a_person_can_mend_is_told_apart_and_waits),
    UNIT_TEST(test_in_an_outage_one_batch_meets_it_and_the_rest_is_handed_back),
    UNIT_TEST(test_what_a_turn_has_no_time_for_is_handed_back),
    UNIT_TEST(test_a_picture_is_stored_in_the_bucket_and_the_booking_says_where),
    UNIT_TEST(test_a_picture_is_stored_in_the_folder_and_the_booking_says_where),
    UNIT_TEST(test_objects_are_private_encrypted_and_named_by_nothing_that_can_be_guessed),
    UNIT_TEST(test_a_code_that_was_revoked_is_taken_away_and_the_new_one_is_there),
    UNIT_TEST(test_of_a_booking_that_was_cancelled_meanwhile_none_is_stored),
    UNIT_TEST(test_a_store_that_is_away_costs_the_booking_nothing),
    UNIT_TEST(test_with_a_bucket_somebody_has_to_say_where_pictures_can_be_had))
