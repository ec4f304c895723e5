/* test_s3_sandbox.c: objects in the sandbox's bucket. */
#include "remote/s3.h"

#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "support/aws_stand.h"
#include "unit/unit.h"

static struct aws_stand s;
static const char *code;

static const unsigned char png[] = { 0x89, 'P', 'N', 'G', 0, 0xff, '\r', '\n' };

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

static enum aws_fate
put(const char *key)
{
	const struct s3_object object = { key, "image/png",
		"private, max-age=86400", png, sizeof png };

	code = "untouched";
	s.sc.why[0] = '\0';
	return s3_put(&s.s3, &s.sc, &object, &code);
}

static enum aws_fate
get(const char *key, size_t max, size_t *ret_len)
{
	const char *body = NULL;
	enum aws_fate fate;

	code = "untouched";
	fate = s3_get(&s.s3, &s.sc, key, max, &body, ret_len, &code);
	if (fate == AWS_DONE)
		CU_ASSERT(*ret_len == sizeof png &&
		    memcmp(body, png, sizeof png) == 0);
	return fate;
}

static void
hold(enum aws_fate got, enum aws_fate want, const char *want_code)
{
	if (got != want)
		fprintf(stderr, "%s, code %s: %s\n", aws_fate_word(got),
		    code ? code : "-", s.sc.why);
	CU_ASSERT_EQUAL(got, want);
	CU_ASSERT_EQUAL(code == NULL, want == AWS_DONE);
	if (want_code && code)
		CU_ASSERT_STRING_EQUAL(code, want_code);
}

static void
test_an_object_is_put_read_replaced_and_deleted(void)
{
	size_t len = 0;

	begin();
	hold(get("qr/a.png", 100, &len), AWS_MISSING, "NoSuchKey");
	hold(put("qr/a.png"), AWS_DONE, NULL);
	hold(get("qr/a.png", 100, &len), AWS_DONE, NULL);
	hold(put("qr/a.png"), AWS_DONE, NULL);
	hold(get("qr/a.png", 7, &len), AWS_LATER, "oversize");
	CU_ASSERT_EQUAL(aws_stand_count(&s, "/buckets/documents",
	    "\"image/png\""), 1);
	CU_ASSERT_EQUAL(aws_stand_count(&s, "/buckets/documents",
	    "\"private, max-age=86400\""), 1);
	CU_ASSERT_EQUAL(aws_stand_count(&s, "/buckets/documents",
	    "\"AES256\""), 1);
	code = "untouched";
	hold(s3_delete(&s.s3, &s.sc, "qr/a.png", &code), AWS_DONE, NULL);
	hold(get("qr/a.png", 100, &len), AWS_MISSING, "NoSuchKey");
	/* It is gone: that is what was wanted. */
	hold(s3_delete(&s.s3, &s.sc, "qr/a.png", &code), AWS_DONE, NULL);
	CU_ASSERT_EQUAL(aws_stand_breaker(&s, SHM_S3).failures, 0);
	end();
}

static void
test_any_key_that_can_be_one_leads_to_its_object(void)
{
	static const char *const keys[] = { "a b+c", "\xc3\xa9/\xf0\x9f\x91\xb6",
		"d//e/", "%2F%41", "f=g&h?i#j;k:l@m,n$o!p*q'(r)", "[s]{t}|u^~" };
	size_t len = 0;

	begin();
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		hold(put(keys[i]), AWS_DONE, NULL);
		hold(get(keys[i], 100, &len), AWS_DONE, NULL);
	}
	CU_ASSERT_EQUAL(aws_stand_count(&s, "/buckets/documents",
	    "\"size\": 8"), (int)ARRAY_LEN(keys));
	CU_ASSERT_EQUAL(aws_stand_count(&s, "/buckets/documents",
	    "\"d//e/\""), 1);
	CU_ASSERT_EQUAL(aws_stand_count(&s, "/buckets/documents",
	    "\"%2F%41\""), 1);
	end();
}

static void
test_a_key_that_can_be_none_is_rejected_and_nothing_is_sent(void)
{
	size_t len = 0;

	begin();
	hold(put("../events/a"), AWS_REJECTED, "InvalidURI");
	hold(get("", 100, &len), AWS_REJECTED, "InvalidURI");
	hold(s3_delete(&s.s3, &s.sc, "a/./b", &code), AWS_REJECTED,
	    "InvalidURI");
	CU_ASSERT_EQUAL(aws_stand_calls(&s), 0);
	end();
}

static void
test_an_object_is_encrypted_by_the_key_that_is_named(void)
{
	begin();
	s.s3.sse = "aws:kms";
	hold(put("a"), AWS_DONE, NULL);
	s.s3.kms_key_id = "arn:aws:kms:us-east-1:123456789012:key/1";
	hold(put("b"), AWS_DONE, NULL);
	CU_ASSERT_EQUAL(aws_stand_count(&s, "/buckets/documents",
	    "\"aws:kms\""), 2);
	CU_ASSERT_EQUAL(aws_stand_count(&s, "/buckets/documents",
	    "\"arn:aws:kms:us-east-1:123456789012:key/1\""), 1);
	end();
}

static void
test_an_outage_is_told_from_a_persons_work(void)
{
	static const struct {
		const char *fault;
		enum aws_fate fate;
		const char *code;
		uint32_t failures;
	} cases[] = {
		{ "\"kind\":\"throttle\"", AWS_LATER, "SlowDown", 1 },
		{ "\"kind\":\"fail\"", AWS_LATER, "InternalError", 2 },
		{ "\"kind\":\"access_denied\"", AWS_STOPPED, "AccessDenied",
		  0 },
		{ "\"kind\":\"refuse\",\"code\":\"PermanentRedirect\","
		  "\"status\":301", AWS_STOPPED, "PermanentRedirect", 0 },
		{ "\"kind\":\"refuse\",\"code\":\"KMS.DisabledException\","
		  "\"status\":400", AWS_STOPPED, "KMS.DisabledException", 0 },
		{ "\"kind\":\"refuse\",\"code\":\"RequestTimeout\","
		  "\"status\":400", AWS_LATER, "RequestTimeout", 0 },
		{ "\"kind\":\"refuse\",\"code\":\"EntityTooLarge\","
		  "\"status\":400", AWS_REJECTED, "EntityTooLarge", 0 },
		{ "\"kind\":\"hang\",\"ms\":3000", AWS_LATER, "timeout", 1 },
	};

	begin();
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		aws_stand_fault(&s, "s3:PutObject", cases[i].fault);
		hold(put("a"), cases[i].fate, cases[i].code);
		CU_ASSERT_EQUAL(strncmp(s.sc.why, "s3: ", 4), 0);
		CU_ASSERT_EQUAL(aws_stand_breaker(&s, SHM_S3).failures,
		    cases[i].failures);
		aws_stand_control(&s, "DELETE", "/faults", NULL);
	}
	CU_ASSERT_EQUAL(aws_stand_count(&s, "/buckets/documents",
	    "\"size\""), 0);
	s.s3.bucket = "another-bucket";
	hold(put("a"), AWS_STOPPED, "NoSuchBucket");
	CU_ASSERT_EQUAL(aws_stand_breaker(&s, SHM_SQS).failures, 0);
	end();
}

static void
test_s3_too_is_told_the_right_time_and_no_wrong_key(void)
{
	begin();
	aws_stand_control(&s, "POST", "/settings", "{\"skew_s\":-7200}");
	hold(put("a"), AWS_DONE, NULL);
	CU_ASSERT_EQUAL(aws_stand_calls(&s), 2);
	s.keys.secret = "another-secret";
	aws_stand_rekey(&s);
	aws_stand_control(&s, "POST", "/settings", "{\"skew_s\":0}");
	hold(put("b"), AWS_STOPPED, "SignatureDoesNotMatch");
	CU_ASSERT_EQUAL(aws_stand_calls(&s), 3);
	end();
}

UNIT_SUITE(s3_sandbox,
    UNIT_TEST(test_an_object_is_put_read_replaced_and_deleted),
    UNIT_TEST(test_any_key_that_can_be_one_leads_to_its_object),
    UNIT_TEST(test_a_key_that_can_be_none_is_rejected_and_nothing_is_sent),
    UNIT_TEST(test_an_object_is_encrypted_by_the_key_that_is_named),
    UNIT_TEST(test_an_outage_is_told_from_a_persons_work),
    UNIT_TEST(test_s3_too_is_told_the_right_time_and_no_wrong_key))
