/* test_aws_keys_sandbox.c: keys that expire, from the sandbox's endpoints of
 * containers and instances, and the calls that are signed with them. */
#include "remote/aws_keys.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/instant.h"
#include "support/aws_stand.h"
#include "unit/unit.h"

#define ECS "ecs:GetCredentials"
#define MS INT64_C(1000)

static struct aws_stand s;

/* Keys of the container's endpoint from now on. */
static void
use_container(void)
{
	s.keys = (struct aws_keys_settings){ "", "", "", "", "", "",
		arena_printf(s.arena, "%s/_ecs/credentials", s.sandbox.url),
		"", "", "", true };
	aws_stand_rekey(&s);
}

static void
use_instance(void)
{
	s.keys = (struct aws_keys_settings){ "", "", "", "", "", "", "", "",
		"", arena_printf(s.arena, "%s/_imds/", s.sandbox.url), false };
	aws_stand_rekey(&s);
}

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

static void
set(const char *json)
{
	aws_stand_control(&s, "POST", "/settings", json);
}

/* How often an endpoint handed keys out ("ecs", "imds", "imds_token"). */
static int
served(const char *word)
{
	const char *told = aws_stand_control(&s, "GET", "/credentials", NULL);
	const char *at = strstr(told, arena_printf(s.arena, "\"%s\": ", word));

	CU_ASSERT_PTR_NOT_NULL_FATAL(at);
	return (int)strtol(strchr(at, ':') + 1, NULL, 10);
}

static const char *
key_at(int64_t now_us)
{
	const struct aws_key *key;

	s.sc.why[0] = '\0';
	if (aws_keys_get(&s.aws.keys, &s.sc, now_us, &key))
		return "none";
	return arena_strdup(s.arena, key->id);
}

static enum aws_fate
send(const char **ret_code)
{
	static const struct sqs_entry entry = { "e", "{}", 2, "g", "d" };
	struct sqs_result result;
	enum aws_fate fate;

	s.sc.why[0] = '\0';
	fate = sqs_send(&s.sqs, &s.sc, &entry, 1, &result);
	CU_ASSERT_EQUAL(result.fate, fate);
	*ret_code = result.code;
	return fate;
}

static void
test_keys_of_a_container_sign_and_are_asked_for_once(void)
{
	const char *code;

	begin();
	use_container();
	for (int i = 0; i < 3; i++)
		CU_ASSERT_EQUAL(send(&code), AWS_DONE);
	CU_ASSERT_EQUAL(served("ecs"), 1);
	CU_ASSERT_EQUAL(strncmp(s.aws.keys.key.id, "ASIASANDBOX", 11), 0);
	CU_ASSERT(strlen(s.aws.keys.key.token) > 300);
	CU_ASSERT_EQUAL(aws_stand_count(&s, "/requests",
	    "\"key_id\": \"ASIASANDBOX"), 3);
	end();
}

static void
test_keys_of_an_instance_take_a_session_and_a_role(void)
{
	const char *code;

	begin();
	use_instance();
	CU_ASSERT_EQUAL(send(&code), AWS_DONE);
	CU_ASSERT_EQUAL(served("imds_token"), 1);
	CU_ASSERT_EQUAL(served("imds"), 1);
	/* The session holds for the next keys ... */
	CU_ASSERT(aws_keys_expired(&s.aws.keys));
	CU_ASSERT_EQUAL(send(&code), AWS_DONE);
	CU_ASSERT_EQUAL(served("imds_token"), 1);
	CU_ASSERT_EQUAL(served("imds"), 2);
	/* ... and is made anew when the instance has forgotten it. */
	aws_stand_control(&s, "POST", "/reset", NULL);
	CU_ASSERT(aws_keys_expired(&s.aws.keys));
	CU_ASSERT_EQUAL(send(&code), AWS_DONE);
	CU_ASSERT_EQUAL(served("imds_token"), 1);
	CU_ASSERT_EQUAL(served("imds"), 1);
	end();
}

static void
test_keys_are_renewed_five_minutes_before_their_end_and_not_before(void)
{
	int64_t now = clock_wall_us();
	const char *first, *second;

	begin();
	use_container();
	first = key_at(now);
	CU_ASSERT_STRING_EQUAL(key_at(now + 54 * USEC_PER_MIN), first);
	CU_ASSERT_EQUAL(served("ecs"), 1);
	aws_stand_control(&s, "POST", "/credentials/rotate", NULL);
	CU_ASSERT_STRING_EQUAL(key_at(now + 54 * USEC_PER_MIN), first);
	second = key_at(now + 56 * USEC_PER_MIN);
	CU_ASSERT_STRING_NOT_EQUAL(second, first);
	CU_ASSERT_STRING_NOT_EQUAL(second, "none");
	CU_ASSERT_EQUAL(served("ecs"), 2);
	/* A clock that is set back asks again rather than wait for ever. */
	CU_ASSERT_STRING_EQUAL(key_at(now), second);
	CU_ASSERT_EQUAL(served("ecs"), 3);
	end();
}

static void
test_short_lived_keys_are_not_asked_for_with_every_call(void)
{
	int64_t now = clock_wall_us();

	begin();
	set("{\"credentials_lifetime_s\":60}");
	use_container();
	for (int i = 0; i < 5; i++)
		CU_ASSERT_STRING_NOT_EQUAL(key_at(now + i * USEC_PER_SEC),
		    "none");
	CU_ASSERT_EQUAL(served("ecs"), 1);
	CU_ASSERT_STRING_NOT_EQUAL(key_at(now + 11 * USEC_PER_SEC), "none");
	CU_ASSERT_EQUAL(served("ecs"), 2);
	end();
}

static void
test_what_is_still_valid_is_used_while_the_endpoint_fails(void)
{
	int64_t now = clock_wall_us();
	const char *first, *code;

	begin();
	use_container();
	first = key_at(now);
	aws_stand_fault(&s, ECS, "\"kind\":\"fail\",\"times\":999");
	CU_ASSERT_STRING_EQUAL(key_at(now + 56 * USEC_PER_MIN), first);
	CU_ASSERT_STRING_EQUAL(key_at(now + 59 * USEC_PER_MIN), first);
	CU_ASSERT_STRING_EQUAL(key_at(now + 61 * USEC_PER_MIN), "none");
	CU_ASSERT_PTR_NOT_NULL(strstr(s.sc.why, "AWS credentials: the "
	    "container endpoint answers with status 500"));

	/* None: the messages wait, and nobody's breaker counts it. */
	CU_ASSERT(aws_keys_expired(&s.aws.keys));
	CU_ASSERT_EQUAL(send(&code), AWS_LATER);
	CU_ASSERT_STRING_EQUAL(code, "no_credentials");
	CU_ASSERT_EQUAL(aws_stand_breaker(&s, SHM_SQS).failures, 0);
	CU_ASSERT_EQUAL(aws_stand_calls(&s), 0);
	aws_stand_control(&s, "DELETE", "/faults", NULL);
	CU_ASSERT_EQUAL(send(&code), AWS_DONE);
	end();
}

static void
test_keys_that_have_expired_at_the_service_are_replaced_at_once(void)
{
	const char *code;

	begin();
	use_container();
	CU_ASSERT_EQUAL(send(&code), AWS_DONE);
	aws_stand_control(&s, "POST", "/credentials/expire", NULL);
	CU_ASSERT_EQUAL(send(&code), AWS_DONE);
	CU_ASSERT_EQUAL(served("ecs"), 2);
	CU_ASSERT_EQUAL(aws_stand_calls(&s), 3);

	/* Once: an endpoint that has no others is not asked for ever. */
	aws_stand_fault(&s, "sqs:SendMessageBatch",
	    "\"kind\":\"expired_token\",\"times\":9");
	CU_ASSERT_EQUAL(send(&code), AWS_STOPPED);
	CU_ASSERT_STRING_EQUAL(code, "ExpiredTokenException");
	CU_ASSERT_EQUAL(aws_stand_calls(&s), 5);
	end();
}

static void
test_our_wrong_clock_does_not_keep_us_from_fresh_keys(void)
{
	const char *code;

	/* Ours is ten hours ahead of AWS's: to us the keys, good for one, were
	 * over before they came. */
	begin();
	set("{\"skew_s\":-36000}");
	use_container();
	CU_ASSERT_EQUAL(send(&code), AWS_DONE);
	CU_ASSERT(s.aws.skew_us < -35000 * USEC_PER_SEC);
	/* Asked once more by the clock that was set back, and no more. */
	CU_ASSERT_EQUAL(served("ecs"), 2);
	CU_ASSERT_EQUAL(send(&code), AWS_DONE);
	CU_ASSERT_EQUAL(send(&code), AWS_DONE);
	CU_ASSERT_EQUAL(served("ecs"), 2);
	end();
}

static void
write_token(const char *path, const char *token)
{
	FILE *file = fopen(path, "w");

	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	CU_ASSERT(fputs(token, file) >= 0);
	fclose(file);
}

static void
test_a_containers_token_is_read_from_its_file_each_time(void)
{
	char path[] = "/tmp/aws-token-XXXXXX";
	int64_t now = clock_wall_us();
	int fd = mkstemp(path);

	CU_ASSERT_FATAL(fd >= 0);
	close(fd);
	begin();
	set("{\"ecs_token\":\"Bearer one\"}");
	use_container();
	CU_ASSERT_STRING_EQUAL(key_at(now), "none");
	CU_ASSERT_PTR_NOT_NULL(strstr(s.sc.why, "status 401"));
	s.keys.container_token = "Bearer one";
	aws_stand_rekey(&s);
	CU_ASSERT_STRING_NOT_EQUAL(key_at(now), "none");

	s.keys.container_token_file = path;
	aws_stand_rekey(&s);
	write_token(path, "Bearer one\n");
	CU_ASSERT_STRING_NOT_EQUAL(key_at(now), "none");
	set("{\"ecs_token\":\"Bearer two\"}");
	write_token(path, "Bearer two");
	CU_ASSERT(aws_keys_expired(&s.aws.keys));
	CU_ASSERT_STRING_NOT_EQUAL(key_at(now), "none");
	write_token(path, "Bearer two\nX-Other: b");
	CU_ASSERT(aws_keys_expired(&s.aws.keys));
	CU_ASSERT_STRING_EQUAL(key_at(now), "none");
	CU_ASSERT_PTR_NOT_NULL(strstr(s.sc.why, "cannot stand in a header"));
	unlink(path);
	CU_ASSERT_STRING_EQUAL(key_at(now), "none");
	CU_ASSERT_PTR_NOT_NULL(strstr(s.sc.why, "TOKEN_FILE cannot be read"));
	CU_ASSERT_PTR_NULL(strstr(s.sc.why, "Bearer"));
	end();
}

static void
test_an_endpoint_that_hangs_or_babbles_is_waited_for_within_the_deadline(void)
{
	static const char *const faults[] = { "\"kind\":\"hang\",\"ms\":9000",
		"\"kind\":\"drop\",\"times\":9", "\"kind\":\"garbage\"" };

	begin();
	use_container();
	for (size_t i = 0; i < ARRAY_LEN(faults); i++) {
		int64_t start = clock_mono_us();

		aws_stand_fault(&s, ECS, faults[i]);
		scope_init(&s.sc, s.arena, 300 * MS);
		CU_ASSERT_STRING_EQUAL(key_at(clock_wall_us()), "none");
		CU_ASSERT_EQUAL(strncmp(s.sc.why, "AWS credentials: ", 17), 0);
		CU_ASSERT(clock_mono_us() - start < 5 * USEC_PER_SEC);
		aws_stand_control(&s, "DELETE", "/faults", NULL);
	}
	/* Once more within the call, when there is time. */
	scope_init(&s.sc, s.arena, 20 * USEC_PER_SEC);
	aws_stand_fault(&s, ECS, "\"kind\":\"fail\"");
	CU_ASSERT_STRING_NOT_EQUAL(key_at(clock_wall_us()), "none");
	end();
}

static void
test_an_instance_that_gives_nothing_says_what(void)
{
	begin();
	use_instance();
	aws_stand_fault(&s, "imds:GetToken",
	    "\"kind\":\"refuse\",\"code\":\"Forbidden\",\"status\":403");
	CU_ASSERT_STRING_EQUAL(key_at(0), "none");
	CU_ASSERT_STRING_EQUAL(s.sc.why, "AWS credentials: the instance "
	    "metadata answers with status 403");
	aws_stand_fault(&s, "imds:GetCredentials",
	    "\"kind\":\"refuse\",\"code\":\"NotFound\",\"status\":404");
	CU_ASSERT_STRING_EQUAL(key_at(0), "none");
	CU_ASSERT_STRING_EQUAL(s.sc.why,
	    "AWS credentials: the instance has no role");
	CU_ASSERT_STRING_NOT_EQUAL(key_at(0), "none");
	end();
}

UNIT_SUITE(aws_keys_sandbox,
    UNIT_TEST(test_keys_of_a_container_sign_and_are_asked_for_once),
    UNIT_TEST(test_keys_of_an_instance_take_a_session_and_a_role),
    UNIT_TEST(test_keys_are_renewed_five_minutes_before_their_end_and_not_before),
    UNIT_TEST(test_short_lived_keys_are_not_asked_for_with_every_call),
    UNIT_TEST(test_what_is_still_valid_is_used_while_the_endpoint_fails),
    UNIT_TEST(test_keys_that_have_expired_at_the_service_are_replaced_at_once),
    UNIT_TEST(test_our_wrong_clock_does_not_keep_us_from_fresh_keys),
    UNIT_TEST(test_a_containers_token_is_read_from_its_file_each_time),
    UNIT_TEST(test_an_endpoint_that_hangs_or_babbles_is_waited_for_within_the_deadline),
    UNIT_TEST(test_an_instance_that_gives_nothing_says_what))
