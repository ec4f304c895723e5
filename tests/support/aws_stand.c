/* aws_stand.c: clients of SQS and S3 beside the sandbox. */
#include "support/aws_stand.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include <CUnit/CUnit.h>

#include "base/arena.h"
#include "base/clock.h"

static const struct breaker_rules rules = { 5, 30 * USEC_PER_SEC };

static struct http_client *
client(struct aws_stand *s, enum shm_service service, struct shm *shm,
    int64_t total_us)
{
	const struct http_client_settings conf = {
		.service = service,
		.shm = shm,
		.breaker = rules,
		.connect_us = USEC_PER_SEC,
		.total_us = total_us,
		.user_agent = "customer-booking/test",
	};
	char why[256] = "";
	struct http_client *made = http_client_open(&conf, why, sizeof why);

	(void)s;
	CU_ASSERT_STRING_EQUAL(why, "");
	CU_ASSERT_PTR_NOT_NULL_FATAL(made);
	return made;
}

void
aws_stand_rekey(struct aws_stand *s)
{
	char why[256] = "";

	aws_close(&s->aws);
	CU_ASSERT_FATAL(aws_open(&s->aws, &s->keys, why, sizeof why));
}

void
aws_stand_queue(struct aws_stand *s, const char *name)
{
	snprintf(s->queue_url, sizeof s->queue_url, "%s/" AWS_SANDBOX_ACCOUNT
	    "/%s", s->sandbox.url, name);
}

void
aws_stand_open(struct aws_stand *s)
{
	char why[256] = "";

	memset(s, 0, sizeof *s);
	signal(SIGPIPE, SIG_IGN);
	aws_sandbox_start(&s->sandbox);
	s->shm = shm_open_file(NULL, why, sizeof why);
	s->arena = arena_open(32 * 1024 * 1024);
	CU_ASSERT_PTR_NOT_NULL_FATAL(s->shm);
	CU_ASSERT_PTR_NOT_NULL_FATAL(s->arena);
	scope_init(&s->sc, s->arena, 60 * USEC_PER_SEC);
	s->control = client(s, SHM_SQS, NULL, 20 * USEC_PER_SEC);
	s->sqs_http = client(s, SHM_SQS, s->shm, USEC_PER_SEC);
	s->s3_http = client(s, SHM_S3, s->shm, USEC_PER_SEC);
	s->keys = (struct aws_keys_settings){ AWS_SANDBOX_KEY_ID,
		AWS_SANDBOX_SECRET, "", "", "", "", "", "", "", "", true };
	aws_stand_rekey(s);
	aws_stand_queue(s, AWS_SANDBOX_FIFO);
	s->sqs = (struct sqs){
		.service = { &s->aws, s->sqs_http, "sqs", AWS_SANDBOX_REGION,
		    AWS_SIGN_NORMALISED, false, sqs_read_code },
		.endpoint = s->sandbox.url,
		.queue_url = s->queue_url,
	};
	s->s3 = (struct s3){
		.service = { &s->aws, s->s3_http, "s3", AWS_SANDBOX_REGION,
		    AWS_SIGN_AS_IS, true, s3_read_code },
		.endpoint = s->sandbox.url,
		.bucket = AWS_SANDBOX_BUCKET,
		.sse = "AES256",
		.kms_key_id = "",
	};
}

void
aws_stand_close(struct aws_stand *s)
{
	/* AWS's words are no fault of our caller's, nor do they tell a key. */
	CU_ASSERT_EQUAL(s->sc.fault_count, 0);
	CU_ASSERT_PTR_NULL(strstr(s->sc.why, AWS_SANDBOX_SECRET));
	aws_close(&s->aws);
	http_client_close(s->s3_http);
	http_client_close(s->sqs_http);
	http_client_close(s->control);
	arena_close(s->arena);
	shm_close(s->shm);
	aws_sandbox_stop(&s->sandbox);
}

const char *
aws_stand_control(struct aws_stand *s, const char *method, const char *path,
    const char *json)
{
	static const struct http_client_header type = { "Content-Type",
		"application/json" };
	struct http_client_answer answer;
	struct scope own;
	const struct http_client_request request = {
		.method = method,
		.repeatable = true,
		.url = arena_printf(s->arena, "%s/_control%s", s->sandbox.url,
		    path),
		.headers = &type,
		.header_count = 1,
		.body = json,
		.body_len = json ? strlen(json) : 0,
		.answer_max = 4 * 1024 * 1024,
	};

	scope_init(&own, s->arena, 20 * USEC_PER_SEC);
	CU_ASSERT_EQUAL_FATAL(http_client_call(s->control, &own, &request,
	    &answer), HTTP_CLIENT_ANSWERED);
	if (answer.status != 200)
		fprintf(stderr, "%s: %s\n", path, answer.body);
	CU_ASSERT_EQUAL(answer.status, 200);
	return answer.body;
}

void
aws_stand_fault(struct aws_stand *s, const char *match, const char *members)
{
	const char *times = strstr(members, "\"times\"") ? "" :
	    ",\"times\":1";

	aws_stand_control(s, "POST", "/faults", arena_printf(s->arena,
	    "{\"match\":\"%s\"%s,%s}", match, times, members));
}

int
aws_stand_count(struct aws_stand *s, const char *path, const char *what)
{
	const char *at = aws_stand_control(s, "GET", path, NULL);
	int count = 0;

	while ((at = strstr(at, what))) {
		count++;
		at += strlen(what);
	}
	return count;
}

int
aws_stand_calls(struct aws_stand *s)
{
	return aws_stand_count(s, "/requests", "\"service\": \"sqs\"") +
	    aws_stand_count(s, "/requests", "\"service\": \"s3\"");
}

struct breaker_view
aws_stand_breaker(struct aws_stand *s, enum shm_service service)
{
	struct breaker_view view;

	breaker_read(shm_breaker(s->shm, service), &rules, clock_mono_us(),
	    &view);
	return view;
}
