/* test_cloud.c: queue and bucket as the settings name them, and what the doctor
 * says of them. */
#include "app/cloud.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/app.h"
#include "base/arena.h"
#include "base/clock.h"
#include "support/aws_stand.h"
#include "unit/unit.h"

static struct aws_stand s;
static char why[256];

static const char *const names[] = { "SQS_QUEUE_URL", "S3_BUCKET",
	"AWS_REGION", "AWS_ENDPOINT_URL_SQS", "AWS_ENDPOINT_URL_S3",
	"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY",
	"AWS_EC2_METADATA_DISABLED", "AWS_CONTAINER_CREDENTIALS_FULL_URI" };

static void
forget(void)
{
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		unsetenv(names[i]);
}

/* All that the sandbox needs, as an operator would say it. */
static void
begin(void)
{
	aws_stand_open(&s);
	forget();
	setenv("SQS_QUEUE_URL", s.queue_url, 1);
	setenv("S3_BUCKET", AWS_SANDBOX_BUCKET, 1);
	setenv("AWS_REGION", AWS_SANDBOX_REGION, 1);
	setenv("AWS_ENDPOINT_URL_S3", s.sandbox.url, 1);
	setenv("AWS_ACCESS_KEY_ID", AWS_SANDBOX_KEY_ID, 1);
	setenv("AWS_SECRET_ACCESS_KEY", AWS_SANDBOX_SECRET, 1);
	setenv("AWS_EC2_METADATA_DISABLED", "true", 1);
}

static void
end(void)
{
	forget();
	aws_stand_close(&s);
}

static const struct settings *
load(void)
{
	const struct settings *conf = settings_load_some(why, sizeof why);

	if (!conf)
		fprintf(stderr, "%s\n", why);
	CU_ASSERT_PTR_NOT_NULL_FATAL(conf);
	return conf;
}

static void
test_what_the_settings_name_is_sent_to(void)
{
	static const struct sqs_entry entry = { "e", "{}", 2, "g", "d" };
	static const struct s3_object object = { "qr/a.png", "image/png", NULL,
		"png", 3 };
	struct sqs_result result;
	const struct settings *conf;
	struct cloud *c;
	const char *code;

	begin();
	conf = load();
	c = cloud_open(conf, s.shm, why, sizeof why);
	CU_ASSERT_PTR_NOT_NULL_FATAL(c);
	CU_ASSERT_PTR_NOT_NULL_FATAL(cloud_sqs(c));
	CU_ASSERT_PTR_NOT_NULL_FATAL(cloud_s3(c));
	CU_ASSERT_EQUAL(aws_stand_calls(&s), 0);
	CU_ASSERT_EQUAL(sqs_send(cloud_sqs(c), &s.sc, &entry, 1, &result),
	    AWS_DONE);
	CU_ASSERT_EQUAL(result.fate, AWS_DONE);
	CU_ASSERT_EQUAL(s3_put(cloud_s3(c), &s.sc, &object, &code), AWS_DONE);
	CU_ASSERT_EQUAL(aws_stand_count(&s, "/state", "\"group\": \"g\""), 1);
	CU_ASSERT_EQUAL(aws_stand_count(&s, "/buckets/documents",
	    "\"AES256\""), 1);

	/* The host's breakers know of it. */
	aws_stand_fault(&s, "sqs:SendMessageBatch", "\"kind\":\"fail\"");
	CU_ASSERT_EQUAL(sqs_send(cloud_sqs(c), &s.sc, &entry, 1, &result),
	    AWS_LATER);
	CU_ASSERT_EQUAL(aws_stand_breaker(&s, SHM_SQS).failures, 1);
	cloud_close(c);
	settings_free(conf);
	end();
}

static void
test_one_of_them_may_be_alone(void)
{
	const struct settings *conf;
	struct cloud *c;

	begin();
	unsetenv("S3_BUCKET");
	conf = load();
	c = cloud_open(conf, NULL, why, sizeof why);
	CU_ASSERT_PTR_NOT_NULL_FATAL(c);
	CU_ASSERT_PTR_NOT_NULL(cloud_sqs(c));
	CU_ASSERT_PTR_NULL(cloud_s3(c));
	cloud_close(c);
	settings_free(conf);

	unsetenv("SQS_QUEUE_URL");
	setenv("S3_BUCKET", AWS_SANDBOX_BUCKET, 1);
	unsetenv("AWS_ENDPOINT_URL_S3");
	conf = load();
	c = cloud_open(conf, NULL, why, sizeof why);
	CU_ASSERT_PTR_NOT_NULL_FATAL(c);
	CU_ASSERT_PTR_NULL(cloud_sqs(c));
	CU_ASSERT_STRING_EQUAL(s3_url(cloud_s3(c), &s.sc, "a"),
	    "https://documents.s3.us-east-1.amazonaws.com/a");
	cloud_close(c);
	settings_free(conf);
	end();
}

static void
test_a_queue_of_awss_is_asked_for_at_its_own_host(void)
{
	const struct settings *conf;
	struct cloud *c;

	begin();
	setenv("SQS_QUEUE_URL", "https://sqs.eu-central-1.amazonaws.com/1/q",
	    1);
	conf = load();
	c = cloud_open(conf, NULL, why, sizeof why);
	CU_ASSERT_PTR_NOT_NULL_FATAL(c);
	CU_ASSERT_STRING_EQUAL(cloud_sqs(c)->endpoint,
	    "https://sqs.eu-central-1.amazonaws.com");
	/* The address knows better than the setting, which is the bucket's. */
	CU_ASSERT_STRING_EQUAL(cloud_sqs(c)->service.region, "eu-central-1");
	CU_ASSERT_STRING_EQUAL(cloud_s3(c)->service.region, "us-east-1");
	cloud_close(c);
	settings_free(conf);

	setenv("AWS_ENDPOINT_URL_SQS", s.sandbox.url, 1);
	conf = load();
	c = cloud_open(conf, NULL, why, sizeof why);
	CU_ASSERT_PTR_NOT_NULL_FATAL(c);
	CU_ASSERT_STRING_EQUAL(cloud_sqs(c)->endpoint, s.sandbox.url);
	CU_ASSERT_STRING_EQUAL(cloud_sqs(c)->queue_url,
	    "https://sqs.eu-central-1.amazonaws.com/1/q");
	cloud_close(c);
	settings_free(conf);
	end();
}

static void
test_what_would_go_in_the_clear_or_to_strangers_stops_the_start(void)
{
	static const struct {
		const char *name;
		const char *value;
	} cases[] = {
		{ "SQS_QUEUE_URL", "http://queue.example.com/1/q" },
		{ "AWS_ENDPOINT_URL_SQS", "http://10.0.0.1" },
		{ "AWS_ENDPOINT_URL_S3", "http://169.254.169.254" },
		{ "AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://10.0.0.1/x" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct settings *conf;

		begin();
		setenv(cases[i].name, cases[i].value, 1);
		conf = load();
		why[0] = '\0';
		CU_ASSERT_PTR_NULL(cloud_open(conf, NULL, why, sizeof why));
		CU_ASSERT_PTR_EQUAL(strstr(why, cases[i].name), why);
		settings_free(conf);
		end();
	}
}

/* ---- the doctor --------------------------------------------------------------*/

static struct finding found[CLOUD_FINDINGS_MAX];
static size_t found_count;

static void
examine(void)
{
	const struct settings *conf = load();

	found_count = cloud_examine(&s.sc, conf, found);
	settings_free(conf);
}

static void
hold(const char *what, enum finding_level level, const char *text)
{
	size_t i = 0;

	while (i < found_count && strcmp(found[i].what, what) != 0)
		i++;
	CU_ASSERT_FATAL(i < found_count);
	if (found[i].level != level || !strstr(found[i].text, text))
		fprintf(stderr, "%s: %d, %s\n", what, found[i].level,
		    found[i].text);
	CU_ASSERT_EQUAL(found[i].level, level);
	CU_ASSERT_PTR_NOT_NULL(strstr(found[i].text, text));
	CU_ASSERT_PTR_NULL(strstr(found[i].text, AWS_SANDBOX_SECRET));
}

static void
test_the_doctor_asks_queue_and_bucket_and_leaves_no_trace(void)
{
	begin();
	examine();
	CU_ASSERT_EQUAL(found_count, 3);
	hold("aws credentials", FINDING_OK, "from: settings");
	hold("queue", FINDING_OK, "it is there, FIFO, in us-east-1");
	hold("bucket", FINDING_OK, "it is there, in us-east-1");
	CU_ASSERT_EQUAL(aws_stand_count(&s, "/state", "\"message_id\""), 0);
	CU_ASSERT_EQUAL(aws_stand_count(&s, "/buckets/documents",
	    "\"size\""), 0);

	/* With no right but to send. */
	aws_stand_fault(&s, "sqs:GetQueueAttributes",
	    "\"kind\":\"access_denied\"");
	aws_stand_fault(&s, "s3:GetObject", "\"kind\":\"access_denied\"");
	examine();
	hold("queue", FINDING_OK, "without sqs:GetQueueAttributes");
	hold("bucket", FINDING_OK, "without s3:GetObject");
	end();
}

static void
test_the_doctor_says_what_is_missing_or_wrong(void)
{
	begin();
	aws_stand_queue(&s, "nowhere.fifo");
	setenv("SQS_QUEUE_URL", s.queue_url, 1);
	setenv("S3_BUCKET", "nowhere", 1);
	examine();
	hold("queue", FINDING_FAIL, "code QueueDoesNotExist");
	hold("bucket", FINDING_FAIL, "code NoSuchBucket");
	CU_ASSERT_EQUAL(found[1].cause, CAUSE_SETTING);

	setenv("AWS_SECRET_ACCESS_KEY", "another", 1);
	examine();
	hold("queue", FINDING_FAIL, "code InvalidSignatureException");
	unsetenv("AWS_ACCESS_KEY_ID");
	unsetenv("AWS_SECRET_ACCESS_KEY");
	examine();
	CU_ASSERT_EQUAL(found_count, 1);
	hold("aws credentials", FINDING_FAIL, "none are configured");

	setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", arena_printf(s.arena,
	    "%s/_ecs/credentials", s.sandbox.url), 1);
	examine();
	hold("aws credentials", FINDING_OK, "from: container endpoint, good "
	    "until 20");
	unsetenv("SQS_QUEUE_URL");
	unsetenv("S3_BUCKET");
	examine();
	CU_ASSERT_EQUAL(found_count, 2);
	hold("queue", FINDING_OK, "EVENTS_FILE");
	hold("bucket", FINDING_OK, "DOCUMENTS_DIR");
	end();
}

UNIT_SUITE(cloud,
    UNIT_TEST(test_what_the_settings_name_is_sent_to),
    UNIT_TEST(test_one_of_them_may_be_alone),
    UNIT_TEST(test_a_queue_of_awss_is_asked_for_at_its_own_host),
    UNIT_TEST(test_what_would_go_in_the_clear_or_to_strangers_stops_the_start),
    UNIT_TEST(test_the_doctor_asks_queue_and_bucket_and_leaves_no_trace),
    UNIT_TEST(test_the_doctor_says_what_is_missing_or_wrong))
