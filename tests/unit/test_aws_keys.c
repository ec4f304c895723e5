/* test_aws_keys.c: names of AWS, profiles, what endpoints answer, and a file of
 * keys that changes.  The endpoints themselves: tests/flow/test_aws.c. */
#include "remote/aws_keys.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/instant.h"
#include "remote/aws_ask.h"
#include "remote/aws_names.h"
#include "remote/aws_profile.h"
#include "unit/unit.h"

static struct arena *arena;
static struct scope sc;

static void
begin(void)
{
	arena = arena_open(8 * 1024 * 1024);
	CU_ASSERT_PTR_NOT_NULL_FATAL(arena);
	scope_init(&sc, arena, USEC_PER_SEC);
}

static void
end(void)
{
	CU_ASSERT_EQUAL(sc.fault_count, 0);
	arena_close(arena);
}

/* ---- names -----------------------------------------------------------------*/

static void
test_a_queues_address_tells_its_region_where_aws_named_the_host(void)
{
	static const struct {
		const char *url;
		const char *region;
	} cases[] = {
		{ "https://sqs.eu-west-1.amazonaws.com/1/q", "eu-west-1" },
		{ "https://sqs.us-gov-west-1.amazonaws.com/1/q",
		  "us-gov-west-1" },
		{ "https://sqs.cn-north-1.amazonaws.com.cn/1/q", "cn-north-1" },
		{ "https://sqs.eusc-de-east-1.amazonaws.eu/1/q",
		  "eusc-de-east-1" },
		{ "https://sqs.eusc-de-east-1.api.amazonwebservices.eu/1/q",
		  "eusc-de-east-1" },
		{ "https://sqs-fips.us-east-2.amazonaws.com/1/q", "us-east-2" },
		{ "https://sqs.us-east-2.api.aws/1/q.fifo", "us-east-2" },
		{ "https://vpce-0a.sqs.eu-central-1.vpce.amazonaws.com/1/q",
		  "eu-central-1" },
		{ "https://eu-west-1.queue.amazonaws.com/1/q", "eu-west-1" },
		{ "https://queue.amazonaws.com/1/q", "us-east-1" },
		{ "https://sqs.eu-west-1.amazonaws.com:443/1/q", "eu-west-1" },
		{ "http://127.0.0.1:12121/1/q", NULL },
		{ "https://sqs.eu-west-1.example.com/1/q", NULL },
		{ "https://sqs.eu-west-1.amazonaws.com.example.com/", NULL },
		{ "https://sqs.amazonaws.com/1/q", NULL },
		{ "https://s3.eu-west-1.amazonaws.com/1/q", NULL },
		{ "https://sqs.EU.amazonaws.com/1/q", NULL },
		{ "https://a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.sqs.r.amazonaws.com/",
		  NULL },
		{ "sqs.eu-west-1.amazonaws.com/1/q", NULL },
		{ "", NULL },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char region[AWS_REGION_MAX] = "untouched";
		bool told = aws_region_of_queue(cases[i].url, region);

		CU_ASSERT_EQUAL(told, cases[i].region != NULL);
		CU_ASSERT_STRING_EQUAL(region, told ? cases[i].region :
		    "untouched");
	}
}

static void
test_a_host_is_written_as_its_header_has_it(void)
{
	char host[AWS_HOST_MAX];

	CU_ASSERT(aws_host_of_url("https://a.example", host));
	CU_ASSERT_STRING_EQUAL(host, "a.example");
	CU_ASSERT(aws_host_of_url("https://a.example:443/b?c", host));
	CU_ASSERT_STRING_EQUAL(host, "a.example");
	CU_ASSERT(aws_host_of_url("https://a.example:80/", host));
	CU_ASSERT_STRING_EQUAL(host, "a.example:80");
	CU_ASSERT(aws_host_of_url("http://127.0.0.1:80", host));
	CU_ASSERT_STRING_EQUAL(host, "127.0.0.1");
	CU_ASSERT(aws_host_of_url("http://[::1]:8080/x", host));
	CU_ASSERT_STRING_EQUAL(host, "[::1]:8080");
	CU_ASSERT_FALSE(aws_host_of_url("ftp://a.example", host));
	CU_ASSERT_FALSE(aws_host_of_url("https:///a", host));
}

static void
test_buckets_and_regions_have_their_letters(void)
{
	static const char *const good[] = { "abc", "booking-documents",
		"a.b-c.1", "0123456789" };
	static const char *const bad[] = { "", "ab", "Abc", "a_b", "-abc",
		"abc-", ".abc", "abc.", "a..b", "a/b", "abc?", "\xc3\xa9""abc",
		"0123456789012345678901234567890123456789012345678901234567890"
		"123" };

	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		CU_ASSERT(aws_bucket_valid(good[i]));
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		CU_ASSERT_FALSE(aws_bucket_valid(bad[i]));
	CU_ASSERT(aws_region_valid("us-east-1"));
	CU_ASSERT_FALSE(aws_region_valid(""));
	CU_ASSERT_FALSE(aws_region_valid("us/east"));
	CU_ASSERT_FALSE(aws_region_valid("-us"));
	CU_ASSERT_FALSE(aws_region_valid("us-"));
	CU_ASSERT_FALSE(aws_region_valid("a2345678901234567890123456789012x"));
	CU_ASSERT(aws_queue_is_fifo("https://h/1/a.fifo"));
	CU_ASSERT_FALSE(aws_queue_is_fifo("https://h/1/a.fifo.x"));
	CU_ASSERT_STRING_EQUAL(aws_domain("eu-west-1"), "amazonaws.com");
	CU_ASSERT_STRING_EQUAL(aws_domain("cn-north-1"), "amazonaws.com.cn");
	CU_ASSERT_STRING_EQUAL(aws_domain("eusc-de-east-1"), "amazonaws.eu");
}

/* ---- profiles --------------------------------------------------------------*/

static const char *
find(const char *text, const char *name, struct aws_profile *profile)
{
	memset(profile, 0, sizeof *profile);
	return aws_profile_find(arena_strdup(arena, text), strlen(text), name,
	    profile);
}

static void
test_a_profile_is_read_as_awss_own_tools_read_it(void)
{
	static const char text[] = "\xef\xbb\xbf# mine\r\n"
	    "aws_access_key_id = of-no-profile\n"
	    "[default]\n"
	    "aws_access_key_id=AKIADEFAULT\r\n"
	    "  aws_access_key_id = indented\n"
	    "AWS_Secret_Access_Key\t=\t de/fa+ult== \t; behind\n"
	    "region = eu-west-1\n"
	    "; [hidden]\n"
	    "[ two ] # of another account\n"
	    "aws_secret_access_key = se#cr;et\n"
	    "aws_access_key_id = AKIATWO\n"
	    "aws_session_token = to=ken==\n"
	    "[default]\n"
	    "aws_access_key_id = AKIALAST";
	struct aws_profile p;

	begin();
	CU_ASSERT_PTR_NULL(find(text, "default", &p));
	CU_ASSERT_STRING_EQUAL(p.key_id, "AKIALAST");
	CU_ASSERT_STRING_EQUAL(p.secret, "de/fa+ult==");
	CU_ASSERT_PTR_NULL(p.token);
	CU_ASSERT_PTR_NULL(find(text, "two", &p));
	CU_ASSERT_STRING_EQUAL(p.key_id, "AKIATWO");
	CU_ASSERT_STRING_EQUAL(p.secret, "se#cr;et");
	CU_ASSERT_STRING_EQUAL(p.token, "to=ken==");
	CU_ASSERT_STRING_EQUAL(find(text, "hidden", &p),
	    "it has no such profile");
	CU_ASSERT_PTR_NULL(p.key_id);
	end();
}

static void
test_a_profile_without_both_keys_is_none(void)
{
	static const char *const bad[] = { "", "[a]", "[a]\naws_access_key_id=x",
		"[a]\naws_secret_access_key=x",
		"[a]\naws_access_key_id=\naws_secret_access_key=x",
		"[a]\naws_access_key_id=# x\naws_secret_access_key=x",
		"[a]\nrole_arn=x\nsource_profile=b\n[b]\naws_access_key_id=x\n"
		"aws_secret_access_key=y", "[a\naws_access_key_id=x\n"
		"aws_secret_access_key=y" };
	struct aws_profile p;

	begin();
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		CU_ASSERT_PTR_NOT_NULL(find(bad[i], "a", &p));
		CU_ASSERT_PTR_NULL(p.key_id);
	}
	CU_ASSERT_PTR_NOT_NULL(aws_profile_find(arena_strdup(arena, "a\0b"), 3,
	    "a", &p));
	CU_ASSERT_PTR_NULL(find("[a]\naws_access_key_id=x\n"
	    "aws_secret_access_key=y\naws_session_token=\n", "a", &p));
	CU_ASSERT_PTR_NULL(p.token);
	end();
}

/* ---- answers ---------------------------------------------------------------*/

static enum err
parse(const char *text, struct aws_key *key)
{
	char *copy = arena_strdup(arena, text);
	enum err e;

	memset(key, 0, sizeof *key);
	sc.why[0] = '\0';
	e = aws_ask_parse(&sc, copy, strlen(text), key);
	/* Nothing of it is left in our hands, nor told to anybody. */
	for (size_t i = 0; i < strlen(text); i++)
		CU_ASSERT_EQUAL(copy[i], '\0');
	CU_ASSERT_PTR_NULL(strstr(sc.why, "sec/ret"));
	CU_ASSERT_PTR_NULL(strstr(sc.why, "tok+en"));
	return e;
}

#define KEYS_JSON \
	"\"AccessKeyId\":\"ASIA1\",\"SecretAccessKey\":\"sec/ret\"," \
	"\"Token\":\"tok+en==\""

static void
test_an_endpoints_answer_is_keys_with_their_end(void)
{
	struct aws_key key;
	int64_t until = 0;

	begin();
	CU_ASSERT(instant_parse("2016-02-25T06:03:31Z", &until));
	CU_ASSERT_EQUAL(parse("{\"RoleArn\":\"arn:aws:iam::1:role/x\","
	    KEYS_JSON ",\"Expiration\":\"2016-02-25T06:03:31Z\"}", &key),
	    ERR_OK);
	CU_ASSERT_STRING_EQUAL(key.id, "ASIA1");
	CU_ASSERT_STRING_EQUAL(key.secret, "sec/ret");
	CU_ASSERT_STRING_EQUAL(key.token, "tok+en==");
	CU_ASSERT_EQUAL(key.expires_us, until);
	CU_ASSERT_EQUAL(parse("{\"Code\":\"Success\",\"Type\":\"AWS-HMAC\","
	    KEYS_JSON "}", &key), ERR_OK);
	CU_ASSERT_EQUAL(key.expires_us, NONE);
	end();
}

static void
test_an_answer_without_keys_says_so_and_quotes_nothing(void)
{
	static const struct {
		const char *json;
		const char *why;
	} cases[] = {
		{ "", "JSON" },
		{ "<html>", "JSON" },
		{ "[]", "type" },
		{ "{}", "no keys" },
		{ "{\"AccessKeyId\":\"A\",\"SecretAccessKey\":null}", "no keys" },
		{ "{\"Code\":\"AssumeRoleUnauthorizedAccess\","
		  "\"Message\":\"EC2 cannot assume the role\"}",
		  "code AssumeRoleUnauthorizedAccess" },
		{ "{\"Code\":\"a b\",\"Message\":\"x\"}", "code -" },
		{ "{\"AccessKeyId\":\"A B\",\"SecretAccessKey\":\"sec/ret\"}",
		  "key id" },
		{ "{\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"sec/ret x\"}",
		  "secret key" },
		{ "{\"AccessKeyId\":\"\",\"SecretAccessKey\":\"sec/ret\"}",
		  "key id" },
		{ "{\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"sec/ret\","
		  "\"Token\":\"tok+en \\u00e9\"}", "session token" },
		{ "{\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"sec/ret\\r\\nX\"}",
		  "/SecretAccessKey" },
		{ "{" KEYS_JSON ",\"Expiration\":\"tomorrow\"}",
		  "/Expiration" },
		{ "{\"AccessKeyId\":7,\"SecretAccessKey\":\"sec/ret\"}",
		  "/AccessKeyId" },
	};
	struct aws_key key;

	begin();
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CU_ASSERT_EQUAL(parse(cases[i].json, &key), ERR_UNAVAILABLE);
		CU_ASSERT_EQUAL(strncmp(sc.why, "AWS credentials: ", 17), 0);
		CU_ASSERT_PTR_NOT_NULL(strstr(sc.why, cases[i].why));
		CU_ASSERT_STRING_EQUAL(key.id, "");
		CU_ASSERT_STRING_EQUAL(key.secret, "");
	}
	end();
}

/* ---- where they come from --------------------------------------------------*/

static const struct aws_keys_settings nothing = { "", "", "", "", "", "", "",
	"", "", "", true };

static void
hold_source(struct aws_keys_settings conf, enum aws_keys_source source)
{
	struct aws_keys keys;
	char why[256] = "";

	CU_ASSERT_FATAL(aws_keys_open(&keys, &conf, why, sizeof why));
	CU_ASSERT_EQUAL(keys.source, source);
	CU_ASSERT_STRING_EQUAL(why, "");
	aws_keys_close(&keys);
	CU_ASSERT_STRING_EQUAL(keys.key.secret, "");
	CU_ASSERT_EQUAL(keys.key.secret[1], '\0');
}

static void
test_the_first_of_awss_order_that_is_configured_is_asked(void)
{
	struct aws_keys_settings conf = nothing;

	hold_source(conf, AWS_KEYS_NONE);
	conf.instance_off = false;
	hold_source(conf, AWS_KEYS_INSTANCE);
	conf.container_url = "http://169.254.170.23/v1/credentials";
	hold_source(conf, AWS_KEYS_CONTAINER);
	conf.container_path = "/v2/credentials/1";
	hold_source(conf, AWS_KEYS_CONTAINER);
	conf.profile = "relay";
	hold_source(conf, AWS_KEYS_FILE);
	conf.key_id = "AKIA1";
	conf.secret = "secret";
	hold_source(conf, AWS_KEYS_SETTINGS);
}

static void
test_addresses_that_make_no_sense_stop_the_start(void)
{
	static const struct aws_keys_settings bad[] = {
		{ "", "", "", "", "", "v2/x", "", "", "", "", true },
		{ "", "", "", "", "", "", "http://10.0.0.1/", "", "", "", true },
		{ "", "", "", "", "", "", "/v2/x", "", "", "", true },
		{ "", "", "", "", "", "", "", "", "", "http://10.0.0.1", false },
		{ "A", "", "", "", "", "", "", "", "", "", true },
		{ "A B", "x", "", "", "", "", "", "", "", "", true },
		{ "A", "x y", "", "", "", "", "", "", "", "", true },
		{ "A", "x", "y\nz", "", "", "", "", "", "", "", true },
	};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct aws_keys keys;
		char why[256] = "";

		CU_ASSERT_FALSE(aws_keys_open(&keys, &bad[i], why, sizeof why));
		CU_ASSERT_EQUAL(strncmp(why, "AWS_", 4), 0);
		aws_keys_close(&keys);
	}
}

static void
test_keys_of_the_settings_hold_for_ever(void)
{
	struct aws_keys_settings conf = nothing;
	const struct aws_key *key = NULL;
	struct aws_keys keys;
	char why[256];

	begin();
	conf.key_id = "AKIA1";
	conf.secret = "secret";
	conf.token = "token";
	CU_ASSERT_FATAL(aws_keys_open(&keys, &conf, why, sizeof why));
	CU_ASSERT_EQUAL(aws_keys_get(&keys, &sc, 0, &key), ERR_OK);
	CU_ASSERT_STRING_EQUAL(key->id, "AKIA1");
	CU_ASSERT_STRING_EQUAL(key->token, "token");
	CU_ASSERT_EQUAL(key->expires_us, NONE);
	CU_ASSERT_FALSE(aws_keys_expired(&keys)); /* there are no others */
	CU_ASSERT_EQUAL(aws_keys_get(&keys, &sc, INT64_MAX / 2, &key), ERR_OK);
	aws_keys_close(&keys);

	CU_ASSERT_FATAL(aws_keys_open(&keys, &nothing, why, sizeof why));
	CU_ASSERT_EQUAL(aws_keys_get(&keys, &sc, 0, &key), ERR_UNAVAILABLE);
	CU_ASSERT_PTR_NOT_NULL(strstr(sc.why, "none are configured"));
	aws_keys_close(&keys);
	end();
}

/* ---- the file --------------------------------------------------------------*/

struct desk {
	char dir[64];
	char path[128];
	struct aws_keys keys;
	int64_t writes;
};

static void
desk_open(struct desk *d)
{
	struct aws_keys_settings conf = nothing;
	char why[256];

	begin();
	memset(d, 0, sizeof *d);
	(void)snprintf(d->dir, sizeof d->dir, "/tmp/aws-keys-XXXXXX");
	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(d->dir));
	(void)snprintf(d->path, sizeof d->path, "%s/credentials", d->dir);
	conf.file = d->path;
	conf.profile = "relay";
	CU_ASSERT_FATAL(aws_keys_open(&d->keys, &conf, why, sizeof why));
}

static void
desk_close(struct desk *d)
{
	aws_keys_close(&d->keys);
	(void)unlink(d->path);
	CU_ASSERT_EQUAL(rmdir(d->dir), 0);
	end();
}

/* Anew, with a time of change of its own, however quick the test is. */
static void
write_file(struct desk *d, const char *text)
{
	struct timespec times[2] = { { .tv_nsec = UTIME_OMIT },
		{ .tv_sec = 1800000000 + d->writes++ } };
	FILE *file = fopen(d->path, "w");

	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	CU_ASSERT(fputs(text, file) >= 0);
	fclose(file);
	CU_ASSERT_EQUAL(utimensat(AT_FDCWD, d->path, times, 0), 0);
}

static const char *
id_of(struct desk *d)
{
	const struct aws_key *key;

	sc.why[0] = '\0';
	return aws_keys_get(&d->keys, &sc, 0, &key) ? "none" : key->id;
}

static void
test_a_file_is_read_again_when_it_changes_and_only_then(void)
{
	struct desk d;

	desk_open(&d);
	CU_ASSERT_STRING_EQUAL(id_of(&d), "none");
	CU_ASSERT_PTR_NOT_NULL(strstr(sc.why, "cannot be read: No such file"));
	write_file(&d, "[relay]\naws_access_key_id=A1\n"
	    "aws_secret_access_key=s1\n");
	CU_ASSERT_STRING_EQUAL(id_of(&d), "A1");
	write_file(&d, "[relay]\naws_access_key_id=A2\n"
	    "aws_secret_access_key=s2\naws_session_token=t2\n");
	CU_ASSERT_STRING_EQUAL(id_of(&d), "A2");
	CU_ASSERT_STRING_EQUAL(d.keys.key.token, "t2");
	(void)snprintf(d.keys.key.id, sizeof d.keys.key.id, "kept");
	CU_ASSERT_STRING_EQUAL(id_of(&d), "kept");
	/* ... unless the service says that they are not good. */
	CU_ASSERT(aws_keys_expired(&d.keys));
	CU_ASSERT_STRING_EQUAL(id_of(&d), "A2");
	desk_close(&d);
}

static void
test_a_file_half_written_leaves_the_keys_there_were(void)
{
	struct desk d;

	desk_open(&d);
	write_file(&d, "[relay]\naws_access_key_id=A1\n"
	    "aws_secret_access_key=s1\n");
	CU_ASSERT_STRING_EQUAL(id_of(&d), "A1");
	write_file(&d, "[relay]\naws_access_key_id=A2\n");
	CU_ASSERT_STRING_EQUAL(id_of(&d), "A1");
	(void)unlink(d.path);
	CU_ASSERT_STRING_EQUAL(id_of(&d), "A1");
	/* Keys that have expired are not used for want of others. */
	CU_ASSERT(aws_keys_expired(&d.keys));
	CU_ASSERT_STRING_EQUAL(id_of(&d), "none");
	write_file(&d, "[relay]\naws_access_key_id=A2\n"
	    "aws_secret_access_key=s2\n");
	CU_ASSERT_STRING_EQUAL(id_of(&d), "A2");
	desk_close(&d);
}

static void
test_a_file_that_is_none_is_refused(void)
{
	struct desk d;
	char *large;

	desk_open(&d);
	write_file(&d, "[other]\naws_access_key_id=A1\n"
	    "aws_secret_access_key=s1\n");
	CU_ASSERT_STRING_EQUAL(id_of(&d), "none");
	CU_ASSERT_PTR_NOT_NULL(strstr(sc.why, "no such profile"));
	write_file(&d, "[relay]\naws_access_key_id=A 1\n"
	    "aws_secret_access_key=top-secret\n");
	CU_ASSERT_STRING_EQUAL(id_of(&d), "none");
	CU_ASSERT_PTR_NULL(strstr(sc.why, "top-secret"));
	large = arena_alloc(arena, AWS_KEYS_FILE_MAX + 1);
	memset(large, '#', AWS_KEYS_FILE_MAX);
	write_file(&d, large);
	CU_ASSERT_STRING_EQUAL(id_of(&d), "none");
	CU_ASSERT_PTR_NOT_NULL(strstr(sc.why, "too large"));
	(void)unlink(d.path);
	CU_ASSERT_EQUAL(mkfifo(d.path, 0600), 0); /* nobody ever writes to it */
	CU_ASSERT_STRING_EQUAL(id_of(&d), "none");
	desk_close(&d);
}

UNIT_SUITE(aws_keys,
    UNIT_TEST(test_a_queues_address_tells_its_region_where_aws_named_the_host),
    UNIT_TEST(test_a_host_is_written_as_its_header_has_it),
    UNIT_TEST(test_buckets_and_regions_have_their_letters),
    UNIT_TEST(test_a_profile_is_read_as_awss_own_tools_read_it),
    UNIT_TEST(test_a_profile_without_both_keys_is_none),
    UNIT_TEST(test_an_endpoints_answer_is_keys_with_their_end),
    UNIT_TEST(test_an_answer_without_keys_says_so_and_quotes_nothing),
    UNIT_TEST(test_the_first_of_awss_order_that_is_configured_is_asked),
    UNIT_TEST(test_addresses_that_make_no_sense_stop_the_start),
    UNIT_TEST(test_keys_of_the_settings_hold_for_ever),
    UNIT_TEST(test_a_file_is_read_again_when_it_changes_and_only_then),
    UNIT_TEST(test_a_file_half_written_leaves_the_keys_there_were),
    UNIT_TEST(test_a_file_that_is_none_is_refused))
