/* test_sqs_sandbox.c: messages into the sandbox's queues, whatever goes wrong on
 * the way, and what becomes of each. */
#include "remote/sqs.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "support/aws_stand.h"
#include "unit/unit.h"

#define BATCH "sqs:SendMessageBatch"
#define MS INT64_C(1000)

static struct aws_stand s;
static struct sqs_entry entries[SQS_BATCH_MAX];
static struct sqs_result results[SQS_BATCH_MAX];

static void
begin(void)
{
	aws_stand_open(&s);
}

static void
end(void)
{
	aws_stand_close(&s);
}

/* Entries e0, e1, ... each of its own group. */
static void
prepare(size_t count)
{
	for (size_t i = 0; i < count; i++)
		entries[i] = (struct sqs_entry){
			.id = arena_printf(s.arena, "e%zu", i),
			.body = arena_printf(s.arena, "{\"n\":%zu}", i),
			.len = strlen("{\"n\":0}"),
			.group = arena_printf(s.arena, "g%zu", i),
			.dedup = arena_printf(s.arena, "d%zu", i),
		};
}

static enum aws_fate
send(size_t count)
{
	memset(results, 0x55, sizeof results);
	s.sc.why[0] = '\0';
	return sqs_send(&s.sqs, &s.sc, entries, count, results);
}

static void
hold(size_t i, enum aws_fate fate, const char *code)
{
	if (results[i].fate != fate)
		fprintf(stderr, "entry %zu: %s, code %s\n", i,
		    aws_fate_word(results[i].fate), results[i].code ?
		    results[i].code : "-");
	CU_ASSERT_EQUAL(results[i].fate, fate);
	CU_ASSERT_EQUAL(results[i].code == NULL, fate == AWS_DONE);
	if (code && results[i].code)
		CU_ASSERT_STRING_EQUAL(results[i].code, code);
	CU_ASSERT_EQUAL(results[i].message_id != NULL, fate == AWS_DONE);
}

static void
hold_all(size_t count, enum aws_fate fate, const char *code)
{
	for (size_t i = 0; i < count; i++)
		hold(i, fate, code);
}

/* How many messages lie in the queues. */
static int
arrived(void)
{
	return aws_stand_count(&s, "/state", "\"message_id\"");
}

static void
test_a_batch_arrives_in_a_fifo_queue_once_however_often_it_is_sent(void)
{
	begin();
	prepare(10);
	CU_ASSERT_EQUAL(send(10), AWS_DONE);
	hold_all(10, AWS_DONE, NULL);
	CU_ASSERT_STRING_EQUAL(s.sc.why, "");
	CU_ASSERT_STRING_NOT_EQUAL(results[0].message_id,
	    results[1].message_id);
	CU_ASSERT_EQUAL(aws_stand_count(&s, "/state", "\"group\": \"g7\""), 1);
	CU_ASSERT_EQUAL(aws_stand_count(&s, "/state",
	    "\"deduplication_id\": \"d7\""), 1);
	CU_ASSERT_EQUAL(aws_stand_count(&s, "/state",
	    "\"body\": \"{\\\"n\\\":7}\""), 1);
	CU_ASSERT_EQUAL(send(10), AWS_DONE);
	hold_all(10, AWS_DONE, NULL);
	CU_ASSERT_EQUAL(arrived(), 10);
	CU_ASSERT_EQUAL(aws_stand_calls(&s), 2);
	end();
}

static void
test_a_standard_queue_gets_neither_group_nor_dedup(void)
{
	begin();
	aws_stand_queue(&s, AWS_SANDBOX_STANDARD);
	prepare(3);
	CU_ASSERT_EQUAL(send(3), AWS_DONE);
	hold_all(3, AWS_DONE, NULL);
	CU_ASSERT_EQUAL(aws_stand_count(&s, "/state", "\"group\": null"), 3);
	CU_ASSERT_EQUAL(aws_stand_count(&s, "/state",
	    "\"deduplication_id\": null"), 3);
	entries[0].group = entries[0].dedup = NULL;
	CU_ASSERT_EQUAL(send(1), AWS_DONE);
	end();
}

static void
test_no_character_of_a_body_is_lost_or_refused(void)
{
	static const char text[] = "{\"a\":\"\xef\xbf\xbe\\\"\\\\/\xc3\xa9"
	    "\xf0\x9f\x91\xb6\xe2\x80\xa8\x7f\"}";

	begin();
	prepare(1);
	entries[0].body = text;
	entries[0].len = sizeof text - 1;
	CU_ASSERT_EQUAL(send(1), AWS_DONE);
	hold(0, AWS_DONE, NULL); /* the checksum was compared */
	CU_ASSERT_EQUAL(aws_stand_count(&s, "/state", "{\\\"a\\\":\\\""
	    "\\\\ufffe\\\\\\\"\\\\\\\\/\\u00e9\\ud83d\\udc76\\u2028"), 1);
	end();
}

static void
test_what_cannot_be_a_message_is_refused_before_it_costs_the_others(void)
{
	char *large;

	begin();
	prepare(3);
	entries[0].len = 0;
	entries[1].group = "a b";
	CU_ASSERT_EQUAL(send(3), AWS_DONE);
	hold(0, AWS_REJECTED, "MissingParameter");
	hold(1, AWS_REJECTED, "InvalidParameterValue");
	hold(2, AWS_DONE, NULL);
	CU_ASSERT_EQUAL(arrived(), 1);

	large = arena_alloc(s.arena, SQS_BATCH_BYTES_MAX + 2);
	memset(large, 'x', SQS_BATCH_BYTES_MAX + 1);
	entries[0].body = large;
	entries[0].len = SQS_BATCH_BYTES_MAX + 1;
	CU_ASSERT_EQUAL(send(1), AWS_DONE);
	hold(0, AWS_REJECTED, "BatchRequestTooLong");
	CU_ASSERT_EQUAL(aws_stand_calls(&s), 1);
	entries[0].len--;
	CU_ASSERT_EQUAL(send(1), AWS_DONE);
	hold(0, AWS_DONE, NULL);
	end();
}

static void
test_a_batch_may_be_taken_in_part(void)
{
	begin();
	prepare(4);
	aws_stand_fault(&s, BATCH, "\"kind\":\"partial\",\"entries\":[1],"
	    "\"sender_fault\":true");
	aws_stand_fault(&s, BATCH, "\"kind\":\"partial\",\"entries\":[\"e2\"],"
	    "\"code\":\"KMS.ThrottlingException\",\"sender_fault\":true");
	CU_ASSERT_EQUAL(send(4), AWS_DONE);
	hold(0, AWS_DONE, NULL);
	hold(1, AWS_REJECTED, "InvalidMessageContents");
	hold(2, AWS_DONE, NULL);
	CU_ASSERT_STRING_EQUAL(s.sc.why, "sqs: 1 of 4 messages were not taken, "
	    "the first: rejected, code InvalidMessageContents");
	CU_ASSERT_EQUAL(arrived(), 3);
	CU_ASSERT_EQUAL(send(4), AWS_DONE);
	hold(1, AWS_DONE, NULL);
	hold(2, AWS_LATER, "KMS.ThrottlingException");
	CU_ASSERT_EQUAL(arrived(), 4);
	end();
}

static void
test_what_the_answer_does_not_vouch_for_is_sent_again_and_arrives_once(void)
{
	begin();
	prepare(2);
	aws_stand_fault(&s, BATCH, "\"kind\":\"omit_entry\",\"entries\":[0]");
	CU_ASSERT_EQUAL(send(2), AWS_DONE);
	hold(0, AWS_LATER, "not_mentioned");
	hold(1, AWS_DONE, NULL);
	aws_stand_fault(&s, BATCH, "\"kind\":\"wrong_md5\"");
	CU_ASSERT_EQUAL(send(2), AWS_DONE);
	hold_all(2, AWS_LATER, "wrong_checksum");
	aws_stand_fault(&s, BATCH, "\"kind\":\"garbage\"");
	CU_ASSERT_EQUAL(send(2), AWS_DONE);
	hold_all(2, AWS_LATER, "unreadable");
	CU_ASSERT_EQUAL(send(2), AWS_DONE);
	hold_all(2, AWS_DONE, NULL);
	CU_ASSERT_EQUAL(arrived(), 2);
	end();
}

static void
test_one_bad_entry_costs_the_others_no_try(void)
{
	begin();
	prepare(3);
	/* The batch is refused for what is in it, then its first entry. */
	aws_stand_fault(&s, BATCH, "\"kind\":\"refuse\","
	    "\"code\":\"InvalidMessageContents\",\"times\":2");
	CU_ASSERT_EQUAL(send(3), AWS_DONE);
	hold(0, AWS_REJECTED, "InvalidMessageContents");
	hold(1, AWS_DONE, NULL);
	hold(2, AWS_DONE, NULL);
	CU_ASSERT_EQUAL(aws_stand_calls(&s), 4);
	CU_ASSERT_EQUAL(arrived(), 2);

	/* An outage met on the way is not the entries' doing. */
	aws_stand_fault(&s, BATCH, "\"kind\":\"refuse\","
	    "\"code\":\"InvalidMessageContents\"");
	aws_stand_fault(&s, BATCH, "\"kind\":\"throttle\",\"times\":9");
	CU_ASSERT_EQUAL(send(3), AWS_LATER);
	hold_all(3, AWS_LATER, "RequestThrottled");
	CU_ASSERT_EQUAL(aws_stand_calls(&s), 6);
	end();
}

static void
test_an_outage_is_told_from_a_persons_work(void)
{
	static const struct {
		const char *fault;
		enum aws_fate fate;
		const char *code;
		uint32_t failures; /* that the breaker counts */
	} cases[] = {
		{ "\"kind\":\"throttle\"", AWS_LATER, "RequestThrottled", 0 },
		{ "\"kind\":\"throttle\",\"code\":\"KmsThrottled\"", AWS_LATER,
		  "KmsThrottled", 0 },
		{ "\"kind\":\"fail\"", AWS_LATER, "InternalFailure", 1 },
		{ "\"kind\":\"unavailable\"", AWS_LATER,
		  "ServiceUnavailableException", 2 },
		{ "\"kind\":\"access_denied\"", AWS_STOPPED,
		  "AccessDeniedException", 0 },
		{ "\"kind\":\"refuse\",\"code\":\"KmsDisabled\"", AWS_STOPPED,
		  "KmsDisabled", 0 },
		{ "\"kind\":\"refuse\",\"code\":\"SomethingNew\","
		  "\"status\":400", AWS_STOPPED, "SomethingNew", 0 },
		{ "\"kind\":\"drop\"", AWS_LATER, "cut_off", 1 },
		{ "\"kind\":\"hang\",\"ms\":3000", AWS_LATER, "timeout", 2 },
	};

	begin();
	prepare(2);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		/* A cut connection is tried anew by libcurl itself. */
		aws_stand_fault(&s, BATCH, arena_printf(s.arena,
		    "%s,\"times\":%d", cases[i].fault,
		    strstr(cases[i].fault, "drop") ? 2 : 1));
		CU_ASSERT_EQUAL(send(2), cases[i].fate);
		hold_all(2, cases[i].fate, cases[i].code);
		CU_ASSERT_EQUAL(strncmp(s.sc.why, "sqs: ", 5), 0);
		CU_ASSERT_EQUAL(aws_stand_breaker(&s, SHM_SQS).failures,
		    cases[i].failures);
		aws_stand_control(&s, "DELETE", "/faults", NULL);
	}
	CU_ASSERT_EQUAL(arrived(), 0);
	aws_stand_queue(&s, "another.fifo");
	CU_ASSERT_EQUAL(send(2), AWS_STOPPED);
	hold_all(2, AWS_STOPPED, "QueueDoesNotExist");
	CU_ASSERT_EQUAL(aws_stand_breaker(&s, SHM_S3).failures, 0);
	end();
}

static void
test_five_failures_open_the_breaker_and_then_nothing_is_sent(void)
{
	begin();
	prepare(1);
	aws_stand_fault(&s, BATCH, "\"kind\":\"fail\",\"times\":9");
	for (int i = 0; i < 5; i++)
		CU_ASSERT_EQUAL(send(1), AWS_LATER);
	CU_ASSERT_EQUAL(send(1), AWS_LATER);
	hold(0, AWS_LATER, "breaker_open");
	CU_ASSERT_EQUAL(aws_stand_calls(&s), 5);
	CU_ASSERT_EQUAL(aws_stand_breaker(&s, SHM_SQS).state, BREAKER_OPEN);
	CU_ASSERT_EQUAL(aws_stand_breaker(&s, SHM_S3).state, BREAKER_CLOSED);
	end();
}

static void
test_an_answer_that_is_lost_is_no_message_lost_or_doubled(void)
{
	begin();
	prepare(2);
	aws_stand_fault(&s, BATCH, "\"kind\":\"hang_after_effect\","
	    "\"ms\":3000");
	CU_ASSERT_EQUAL(send(2), AWS_LATER);
	hold_all(2, AWS_LATER, "timeout");
	CU_ASSERT_EQUAL(arrived(), 2);
	CU_ASSERT_EQUAL(send(2), AWS_DONE);
	hold_all(2, AWS_DONE, NULL);
	CU_ASSERT_EQUAL(arrived(), 2);

	/* And without any time left nothing is sent at all. */
	scope_init(&s.sc, s.arena, 0);
	CU_ASSERT_EQUAL(send(2), AWS_LATER);
	hold_all(2, AWS_LATER, "no_time");
	end();
}

/* How many descriptors are open. */
static int
open_files(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int count = 0;

	CU_ASSERT_PTR_NOT_NULL_FATAL(dir);
	while (readdir(dir))
		count++;
	closedir(dir);
	return count;
}

/* One call in which the nth allocation fails; false: there is no nth. */
static bool
send_without_memory(struct arena *arena, size_t nth)
{
	volatile bool jumped = false;
	struct scope sc;
	jmp_buf out;

	scope_init(&sc, arena, 20 * USEC_PER_SEC);
	if (setjmp(out) == 0) {
		arena_catch(arena, &out);
		arena_fail_after(arena, nth);
		CU_ASSERT_EQUAL(sqs_send(&s.sqs, &sc, entries, 2, results),
		    AWS_DONE);
	} else {
		jumped = true;
	}
	arena_fail_after(arena, 0);
	arena_catch(arena, NULL);
	arena_reset(arena);
	return jumped;
}

static void
test_memory_may_run_out_anywhere_and_the_next_call_is_as_good_as_ever(void)
{
	struct arena *arena = arena_open(8 * 1024 * 1024);
	size_t nth = 1;
	int files;

	begin();
	CU_ASSERT_PTR_NOT_NULL_FATAL(arena);
	prepare(2);
	/* With keys that expire, which are asked for on the way. */
	s.keys = (struct aws_keys_settings){ "", "", "", "", "", "",
		arena_printf(s.arena, "%s/_ecs/credentials", s.sandbox.url),
		"", "", "", true };
	aws_stand_rekey(&s);
	CU_ASSERT_EQUAL(send(2), AWS_DONE);
	files = open_files();
	do {
		(void)aws_keys_expired(&s.aws.keys);
	} while (send_without_memory(arena, nth++));
	CU_ASSERT(nth > 20);
	CU_ASSERT_EQUAL(open_files(), files);
	CU_ASSERT_EQUAL(arrived(), 2);
	arena_close(arena);
	end();
}

/* ---- the clock ---------------------------------------------------------------*/

static void
set_skew(int seconds)
{
	aws_stand_control(&s, "POST", "/settings", arena_printf(s.arena,
	    "{\"skew_s\":%d}", seconds));
}

static void
test_a_clock_that_is_wrong_is_noticed_once_and_allowed_for(void)
{
	static const int skews[] = { 3600, -3600, 40 * 86400, 0 };

	begin();
	prepare(1);
	for (size_t i = 0; i < ARRAY_LEN(skews); i++) {
		int before = aws_stand_calls(&s);

		set_skew(skews[i]);
		CU_ASSERT_EQUAL(send(1), AWS_DONE);
		CU_ASSERT_EQUAL(aws_stand_calls(&s), before + 2);
		CU_ASSERT(llabs(s.aws.skew_us - skews[i] * USEC_PER_SEC) <=
		    2 * USEC_PER_SEC);
		CU_ASSERT_EQUAL(send(1), AWS_DONE);
		CU_ASSERT_EQUAL(aws_stand_calls(&s), before + 3);
	}
	/* What AWS bears needs nothing. */
	set_skew(600);
	CU_ASSERT_EQUAL(send(1), AWS_DONE);
	CU_ASSERT_EQUAL(aws_stand_calls(&s), 4 * 3 + 1);
	end();
}

static void
test_keys_that_are_wrong_are_not_taken_for_a_wrong_clock(void)
{
	begin();
	prepare(1);
	s.keys.secret = "another-secret";
	aws_stand_rekey(&s);
	CU_ASSERT_EQUAL(send(1), AWS_STOPPED);
	hold(0, AWS_STOPPED, "InvalidSignatureException");
	CU_ASSERT_EQUAL(aws_stand_calls(&s), 1);
	CU_ASSERT_EQUAL(s.aws.skew_us, 0);

	/* Not even when the clock is wrong too: once more, and no more. */
	set_skew(3600);
	CU_ASSERT_EQUAL(send(1), AWS_STOPPED);
	CU_ASSERT_EQUAL(aws_stand_calls(&s), 3);
	s.keys.key_id = "AKIASANDBOXOTHER2222";
	aws_stand_rekey(&s);
	CU_ASSERT_EQUAL(send(1), AWS_STOPPED);
	hold(0, AWS_STOPPED, "UnrecognizedClientException");
	CU_ASSERT_EQUAL(aws_stand_breaker(&s, SHM_SQS).failures, 0);
	end();
}

static void
test_the_queue_can_be_asked_for_without_sending_to_it(void)
{
	const char *code = "untouched";

	begin();
	CU_ASSERT_EQUAL(sqs_probe(&s.sqs, &s.sc, &code), AWS_DONE);
	CU_ASSERT_PTR_NULL(code);
	aws_stand_fault(&s, "sqs:GetQueueAttributes",
	    "\"kind\":\"access_denied\"");
	CU_ASSERT_EQUAL(sqs_probe(&s.sqs, &s.sc, &code), AWS_STOPPED);
	CU_ASSERT_STRING_EQUAL(code, "AccessDeniedException");
	aws_stand_queue(&s, "nowhere");
	CU_ASSERT_EQUAL(sqs_probe(&s.sqs, &s.sc, &code), AWS_STOPPED);
	CU_ASSERT_STRING_EQUAL(code, "QueueDoesNotExist");
	CU_ASSERT_EQUAL(arrived(), 0);
	end();
}

UNIT_SUITE(sqs_sandbox,
    UNIT_TEST(test_a_batch_arrives_in_a_fifo_queue_once_however_often_it_is_sent),
    UNIT_TEST(test_a_standard_queue_gets_neither_group_nor_dedup),
    UNIT_TEST(test_no_character_of_a_body_is_lost_or_refused),
    UNIT_TEST(test_what_cannot_be_a_message_is_refused_before_it_costs_the_others),
    UNIT_TEST(test_a_batch_may_be_taken_in_part),
    UNIT_TEST(test_what_the_answer_does_not_vouch_for_is_sent_again_and_arrives_once),
    UNIT_TEST(test_one_bad_entry_costs_the_others_no_try),
    UNIT_TEST(test_an_outage_is_told_from_a_persons_work),
    UNIT_TEST(test_five_failures_open_the_breaker_and_then_nothing_is_sent),
    UNIT_TEST(test_an_answer_that_is_lost_is_no_message_lost_or_doubled),
    UNIT_TEST(test_memory_may_run_out_anywhere_and_the_next_call_is_as_good_as_ever),
    UNIT_TEST(test_a_clock_that_is_wrong_is_noticed_once_and_allowed_for),
    UNIT_TEST(test_keys_that_are_wrong_are_not_taken_for_a_wrong_clock),
    UNIT_TEST(test_the_queue_can_be_asked_for_without_sending_to_it))
