/* test_aws.c: what AWS's refusals mean. */
#include "remote/aws_error.h"

#include <stdio.h>
#include <string.h>

#include "unit/unit.h"

static void
test_a_code_is_taken_out_of_what_stands_around_it(void)
{
	static const struct {
		const char *raw;
		const char *code;
	} cases[] = {
		{ "com.amazonaws.sqs#QueueDoesNotExist", "QueueDoesNotExist" },
		{ "com.amazon.coral.service#InvalidSignatureException",
		  "InvalidSignatureException" },
		{ "AWS.SimpleQueueService.NonExistentQueue",
		  "NonExistentQueue" },
		{ "KMS.ThrottlingException", "KMS.ThrottlingException" },
		{ "ThrottlingException:http://internal.amazon.com/x",
		  "ThrottlingException" },
		{ "AccessDenied", "AccessDenied" },
		{ NULL, "-" }, { "", "-" }, { "#", "-" }, { "a#", "-" },
		{ ":x", "-" }, { "Access Denied", "-" }, { "a\nb", "-" },
		{ "<Code>", "-" }, { "\xc3\xa9", "-" },
		{ "AWS.SimpleQueueService.", "-" },
		{ "x234567890123456789012345678901234567890123456789012345678901"
		  "234", "-" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char code[AWS_CODE_MAX] = "untouched";

		aws_error_code(cases[i].raw, code);
		CU_ASSERT_STRING_EQUAL(code, cases[i].code);
	}
}

static void
test_an_answer_is_an_outage_a_refusal_or_a_persons_work(void)
{
	static const struct {
		int status;
		const char *code;
		enum aws_fate fate;
	} cases[] = {
		/* throttled, whatever the status says */
		{ 403, "RequestThrottled", AWS_LATER },
		{ 400, "KmsThrottled", AWS_LATER },
		{ 400, "ThrottlingException", AWS_LATER },
		{ 503, "SlowDown", AWS_LATER },
		{ 429, "-", AWS_LATER },
		/* not well */
		{ 500, "InternalFailure", AWS_LATER },
		{ 500, "-", AWS_LATER },
		{ 503, "SomethingNew", AWS_LATER },
		{ 400, "RequestTimeout", AWS_LATER },
		{ 408, "-", AWS_LATER },
		{ 200, "-", AWS_LATER },
		/* what was sent */
		{ 400, "InvalidMessageContents", AWS_REJECTED },
		{ 400, "BatchRequestTooLong", AWS_REJECTED },
		{ 400, "MissingRequiredParameterException", AWS_REJECTED },
		{ 400, "EntityTooLarge", AWS_REJECTED },
		/* a person's */
		{ 400, "QueueDoesNotExist", AWS_STOPPED },
		{ 403, "AccessDenied", AWS_STOPPED },
		{ 403, "InvalidSignatureException", AWS_STOPPED },
		{ 403, "ExpiredTokenException", AWS_STOPPED },
		{ 400, "KmsDisabled", AWS_STOPPED },
		{ 400, "KMS.DisabledException", AWS_STOPPED },
		{ 404, "NoSuchBucket", AWS_STOPPED },
		{ 301, "PermanentRedirect", AWS_STOPPED },
		{ 501, "NotImplemented", AWS_STOPPED },
		/* what nobody foresaw waits until somebody looked */
		{ 400, "SomethingNew", AWS_STOPPED },
		{ 403, "-", AWS_STOPPED },
		{ 302, "-", AWS_STOPPED },
		{ 404, "NoSuchKey", AWS_MISSING },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		enum aws_fate fate = aws_error_fate(cases[i].status,
		    cases[i].code);

		if (fate != cases[i].fate)
			fprintf(stderr, "%d %s: %s\n", cases[i].status,
			    cases[i].code, aws_fate_word(fate));
		CU_ASSERT_EQUAL(fate, cases[i].fate);
	}
	for (int status = 100; status < 600; status++)
		CU_ASSERT_NOT_EQUAL(aws_error_fate(status, "-"), AWS_DONE);
}

static void
test_an_entrys_code_comes_before_whose_fault_it_is(void)
{
	CU_ASSERT_EQUAL(aws_error_entry_fate("InvalidMessageContents", true),
	    AWS_REJECTED);
	CU_ASSERT_EQUAL(aws_error_entry_fate("InternalError", false),
	    AWS_LATER);
	/* SQS calls it ours; it is an outage. */
	CU_ASSERT_EQUAL(aws_error_entry_fate("KMS.ThrottlingException", true),
	    AWS_LATER);
	CU_ASSERT_EQUAL(aws_error_entry_fate("RequestThrottled", true),
	    AWS_LATER);
	CU_ASSERT_EQUAL(aws_error_entry_fate("KMS.AccessDeniedException",
	    true), AWS_STOPPED);
	CU_ASSERT_EQUAL(aws_error_entry_fate("SomethingNew", true),
	    AWS_REJECTED);
	CU_ASSERT_EQUAL(aws_error_entry_fate("SomethingNew", false),
	    AWS_LATER);
}

static void
test_some_codes_speak_of_the_time_and_some_of_the_keys_end(void)
{
	CU_ASSERT(aws_error_is_of_time("RequestTimeTooSkewed"));
	CU_ASSERT(aws_error_is_of_time("InvalidSignatureException"));
	CU_ASSERT_FALSE(aws_error_is_of_time("AccessDenied"));
	CU_ASSERT_FALSE(aws_error_is_of_time("timeout"));
	CU_ASSERT(aws_error_is_expiry("ExpiredToken"));
	CU_ASSERT(aws_error_is_expiry("ExpiredTokenException"));
	CU_ASSERT_FALSE(aws_error_is_expiry("RequestExpired"));
}

UNIT_SUITE(aws,
    UNIT_TEST(test_a_code_is_taken_out_of_what_stands_around_it),
    UNIT_TEST(test_an_answer_is_an_outage_a_refusal_or_a_persons_work),
    UNIT_TEST(test_an_entrys_code_comes_before_whose_fault_it_is),
    UNIT_TEST(test_some_codes_speak_of_the_time_and_some_of_the_keys_end))
