/* test_sqs.c: bodies as they go out, batches, and what an answer says of each
 * entry.  The calls themselves: tests/flow/test_aws.c. */
#include "remote/sqs.h"

#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/codec.h"
#include "base/crypto.h"
#include "base/json.h"
#include "unit/unit.h"

static struct arena *arena;
static struct scope sc;

static void
begin(void)
{
	arena = arena_open(16 * 1024 * 1024);
	CU_ASSERT_PTR_NOT_NULL_FATAL(arena);
	scope_init(&sc, arena, USEC_PER_SEC);
}

static void
end(void)
{
	/* What SQS says wrong is no fault of our caller's. */
	CU_ASSERT_EQUAL(sc.fault_count, 0);
	arena_close(arena);
}

/* ---- bodies ----------------------------------------------------------------*/

static const char *
body(const char *text, size_t len)
{
	struct buf out;

	buf_init(&out, arena, 4096);
	sqs_put_body(&out, text, len);
	CU_ASSERT_FALSE(out.overflow);
	CU_ASSERT_EQUAL(strlen(out.data), out.len);
	return out.data;
}

static void
test_characters_that_sqs_does_not_take_go_out_as_their_escapes(void)
{
	static const struct {
		const char *in;
		const char *out;
	} cases[] = {
		{ "", "" },
		{ "{\"a\":\"b\"}", "{\"a\":\"b\"}" },
		{ "{\t\"a\" :\r\n1}", "{\t\"a\" :\r\n1}" },
		{ "\xef\xbf\xbe", "\\ufffe" },
		{ "a\xef\xbf\xbf""b\xef\xbf\xbe", "a\\uffffb\\ufffe" },
		{ "\xef\xbf\xbd", "\xef\xbf\xbd" }, /* U+FFFD itself may */
		{ "\x01\x1f\x0b", "\\u0001\\u001f\\u000b" },
		{ "\x7f", "\x7f" },
		{ "\xc3\xa9\xe2\x80\xa8", "\xc3\xa9\xe2\x80\xa8" },
		{ "\xf0\x9f\x91\xb6", "\xf0\x9f\x91\xb6" },
		{ "\xf0\x9f\xbf\xbe", "\xf0\x9f\xbf\xbe" }, /* U+1FFFE may */
		{ "\xff", "\\ufffd" },
		{ "a\xc3", "a\\ufffd" },
		{ "\xed\xa0\x80", "\\ufffd\\ufffd\\ufffd" }, /* a surrogate */
		{ "\xc0\xaf", "\\ufffd\\ufffd" },
		{ "\xf4\x90\x80\x80", "\\ufffd\\ufffd\\ufffd\\ufffd" },
	};

	begin();
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		CU_ASSERT_STRING_EQUAL(body(cases[i].in, strlen(cases[i].in)),
		    cases[i].out);
	CU_ASSERT_STRING_EQUAL(body("\"a\0b\"", 5), "\"a\\u0000b\"");
	end();
}

static void
test_a_body_stays_the_json_it_was(void)
{
	static const char text[] = "{\"n\":\"a\xef\xbf\xbe\xc3\xa9\\n\"}";
	const char *out;
	size_t at;

	begin();
	CU_ASSERT_PTR_NULL(json_check(text, sizeof text - 1, 4, &at));
	out = body(text, sizeof text - 1);
	CU_ASSERT_PTR_NULL(json_check(out, strlen(out), 4, &at));
	CU_ASSERT_STRING_EQUAL(out, "{\"n\":\"a\\ufffe\xc3\xa9\\n\"}");
	CU_ASSERT_STRING_EQUAL(body(out, strlen(out)), out);
	end();
}

/* ---- batches ---------------------------------------------------------------*/

static struct sqs_entry
entry(const char *id, const char *text, size_t len)
{
	return (struct sqs_entry){ .id = id, .body = text, .len = len };
}

static void
test_ten_entries_and_256_kib_fit_into_a_batch(void)
{
	struct sqs_entry entries[12];
	char *large;

	begin();
	large = arena_alloc(arena, SQS_BATCH_BYTES_MAX + 2);
	memset(large, 'x', SQS_BATCH_BYTES_MAX + 1);
	for (size_t i = 0; i < ARRAY_LEN(entries); i++)
		entries[i] = entry("a", "{}", 2);
	CU_ASSERT_EQUAL(sqs_fit(entries, 0), 0);
	CU_ASSERT_EQUAL(sqs_fit(entries, 1), 1);
	CU_ASSERT_EQUAL(sqs_fit(entries, 12), SQS_BATCH_MAX);
	entries[3] = entry("b", large, SQS_BATCH_BYTES_MAX - 6);
	CU_ASSERT_EQUAL(sqs_fit(entries, 12), 4);
	entries[3].len++;
	CU_ASSERT_EQUAL(sqs_fit(entries, 12), 3);
	CU_ASSERT_EQUAL(sqs_fit(&entries[3], 9), 3);
	/* One that is too long goes by itself, to be refused. */
	entries[0] = entry("c", large, SQS_BATCH_BYTES_MAX + 1);
	CU_ASSERT_EQUAL(sqs_fit(entries, 12), 1);
	/* Counted is what goes out: six bytes for three. */
	memset(large, '\x01', SQS_BATCH_BYTES_MAX / 6 + 1);
	entries[0] = entry("d", large, SQS_BATCH_BYTES_MAX / 6);
	CU_ASSERT_EQUAL(sqs_fit(entries, 2), 2);
	entries[0].len++;
	CU_ASSERT_EQUAL(sqs_fit(entries, 2), 1);
	end();
}

/* ---- answers ---------------------------------------------------------------*/

#define SUM_A "0cc175b9c0f1b6a831c399e269772661" /* of "a" */
#define SUM_B "92eb5ffee6ae2fec3ad71c777531578f" /* of "b" */
#define TAKEN(ID, SUM) \
	"{\"Id\":\"" ID "\",\"MessageId\":\"m-" ID "\"," \
	"\"MD5OfMessageBody\":\"" SUM "\",\"SequenceNumber\":\"1\"}"
#define FAILED(ID, CODE, FAULT) \
	"{\"Id\":\"" ID "\",\"Code\":\"" CODE "\",\"SenderFault\":" FAULT "," \
	"\"Message\":\"about a child\\u0000\"}"

static struct sqs_result results[2];

static void
answer(const char *json)
{
	const struct sqs_entry entries[2] = { entry("a", "a", 1),
		entry("b", "b", 1) };
	static const char *const sums[2] = { SUM_A, SUM_B };

	memset(results, 0x55, sizeof results);
	sc.why[0] = '\0';
	sqs_read_answer(&sc, json, strlen(json), entries, sums, 2, results);
	CU_ASSERT_PTR_NULL(strstr(sc.why, "child"));
}

static void
hold(size_t i, enum aws_fate fate, const char *code)
{
	CU_ASSERT_EQUAL(results[i].fate, fate);
	if (code)
		CU_ASSERT_STRING_EQUAL(results[i].code, code);
	CU_ASSERT_EQUAL(results[i].code == NULL, fate == AWS_DONE);
	CU_ASSERT_EQUAL(results[i].message_id != NULL, fate == AWS_DONE);
}

static void
test_a_batch_is_taken_entry_by_entry(void)
{
	begin();
	answer("{\"Successful\":[" TAKEN("b", SUM_B) "," TAKEN("a", SUM_A)
	    "],\"Failed\":[]}");
	hold(0, AWS_DONE, NULL);
	hold(1, AWS_DONE, NULL);
	CU_ASSERT_STRING_EQUAL(results[0].message_id, "m-a");
	CU_ASSERT_STRING_EQUAL(results[1].message_id, "m-b");

	answer("{\"Failed\":[{\"Id\":\"a\",\"SenderFault\":true,\"Code\":"
	    "\"InvalidMessageContents\",\"Message\":\"x\"}],"
	    "\"Successful\":[" TAKEN("b", SUM_B) "]}");
	hold(0, AWS_REJECTED, "InvalidMessageContents");
	hold(1, AWS_DONE, NULL);

	answer("{\"Successful\":null,\"Failed\":["
	    "{\"Id\":\"a\",\"SenderFault\":false,\"Code\":\"InternalError\"},"
	    "{\"Id\":\"b\",\"SenderFault\":true,"
	    "\"Code\":\"KMS.DisabledException\"}]}");
	hold(0, AWS_LATER, "InternalError");
	hold(1, AWS_STOPPED, "KMS.DisabledException");
	end();
}

static void
test_what_the_answer_does_not_vouch_for_is_sent_again(void)
{
	begin();
	answer("{}");
	hold(0, AWS_LATER, "not_mentioned");
	hold(1, AWS_LATER, "not_mentioned");
	answer("{\"Successful\":[" TAKEN("a", SUM_A) "," TAKEN("c", SUM_A)
	    "]}");
	hold(0, AWS_DONE, NULL);
	hold(1, AWS_LATER, "not_mentioned");
	/* Another body than ours is in the queue, or only its sum is wrong. */
	answer("{\"Successful\":[" TAKEN("a", SUM_B) "," TAKEN("b", SUM_B)
	    "]}");
	hold(0, AWS_LATER, "wrong_checksum");
	hold(1, AWS_DONE, NULL);
	answer("{\"Successful\":[" TAKEN("a", SUM_A) "," TAKEN("a", SUM_A)
	    "]}");
	hold(0, AWS_LATER, "mentioned_twice");
	answer("{\"Successful\":[" TAKEN("a", SUM_A) "],\"Failed\":["
	    "{\"Id\":\"a\",\"SenderFault\":true,\"Code\":\"x\"}]}");
	hold(0, AWS_LATER, "mentioned_twice");
	/* A code that is no word is none; the fault still counts. */
	answer("{\"Failed\":[{\"Id\":\"a\",\"SenderFault\":true,"
	    "\"Code\":\"no <word>\"}]}");
	hold(0, AWS_REJECTED, "-");
	end();
}

static void
test_half_an_answer_is_none(void)
{
	static const char *const bad[] = { "", "<Error/>", "[]", "{\"Success",
		"{\"Successful\":{}}", "{\"Successful\":[7]}",
		"{\"Successful\":[{\"Id\":\"a\"}]}",
		"{\"Successful\":[{\"Id\":\"a\",\"MessageId\":\"m\","
		"\"MD5OfMessageBody\":7}]}",
		"{\"Failed\":[{\"Id\":\"a\",\"SenderFault\":\"yes\","
		"\"Code\":\"x\"}]}",
		/* a NUL in what SQS says of a message */
		"{\"Failed\":[" FAILED("a", "InternalError", "false") "]}",
		"{\"Successful\":[{},{},{},{},{},{},{},{},{},{},{}]}" };

	begin();
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		answer(bad[i]);
		hold(0, AWS_LATER, "unreadable");
		hold(1, AWS_LATER, "unreadable");
		CU_ASSERT_EQUAL(strncmp(sc.why, "sqs: ", 5), 0);
	}
	end();
}

static const char *
code_of(const char *text, const char *header)
{
	const struct http_client_answer a = { .status = 400, .body = text,
		.len = strlen(text),
		.kept = { [HTTP_CLIENT_AMZN_ERROR_TYPE] = header } };

	return sqs_read_code(&sc, &a);
}

static void
test_an_errors_code_is_in_the_body_or_in_its_header(void)
{
	begin();
	CU_ASSERT_STRING_EQUAL(code_of("{\"__type\":\"com.amazonaws.sqs#Queue"
	    "DoesNotExist\",\"message\":\"The queue does not exist.\"}", "x"),
	    "com.amazonaws.sqs#QueueDoesNotExist");
	CU_ASSERT_STRING_EQUAL(code_of("{\"message\":\"no\"}", "Other"),
	    "Other");
	CU_ASSERT_STRING_EQUAL(code_of("<html>", "Other"), "Other");
	CU_ASSERT_PTR_NULL(code_of("", NULL));
	CU_ASSERT_PTR_NULL(code_of("{\"__type\":7}", NULL));
	end();
}

UNIT_SUITE(sqs,
    UNIT_TEST(test_characters_that_sqs_does_not_take_go_out_as_their_escapes),
    UNIT_TEST(test_a_body_stays_the_json_it_was),
    UNIT_TEST(test_ten_entries_and_256_kib_fit_into_a_batch),
    UNIT_TEST(test_a_batch_is_taken_entry_by_entry),
    UNIT_TEST(test_what_the_answer_does_not_vouch_for_is_sent_again),
    UNIT_TEST(test_half_an_answer_is_none),
    UNIT_TEST(test_an_errors_code_is_in_the_body_or_in_its_header))
