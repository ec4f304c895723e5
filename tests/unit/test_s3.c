/* test_s3.c: addresses of objects, and the code in S3's XML.  The calls
 * themselves: tests/flow/test_aws.c. */
#include "remote/s3.h"

#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "unit/unit.h"

static struct arena *arena;
static struct scope sc;

static void
begin(void)
{
	arena = arena_open(4 * 1024 * 1024);
	CU_ASSERT_PTR_NOT_NULL_FATAL(arena);
	scope_init(&sc, arena, USEC_PER_SEC);
}

static void
end(void)
{
	CU_ASSERT_EQUAL(sc.fault_count, 0);
	arena_close(arena);
}

static void
test_a_bucket_is_in_the_host_at_aws_and_in_the_path_elsewhere(void)
{
	static const struct {
		const char *endpoint;
		const char *region;
		const char *bucket;
		const char *url;
	} cases[] = {
		{ "", "eu-west-1", "documents",
		  "https://documents.s3.eu-west-1.amazonaws.com/qr/a.png" },
		{ "", "cn-north-1", "documents",
		  "https://documents.s3.cn-north-1.amazonaws.com.cn/qr/a.png" },
		{ "", "eu-west-1", "my.documents",
		  "https://s3.eu-west-1.amazonaws.com/my.documents/qr/a.png" },
		{ "http://127.0.0.1:12121", "us-east-1", "documents",
		  "http://127.0.0.1:12121/documents/qr/a.png" },
	};

	begin();
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct s3 s3 = {
			.service = { .region = cases[i].region },
			.endpoint = cases[i].endpoint,
			.bucket = cases[i].bucket,
		};

		CU_ASSERT_STRING_EQUAL(s3_url(&s3, &sc, "qr/a.png"),
		    cases[i].url);
	}
	end();
}

static const char *
path_of(const char *key)
{
	static const struct s3 s3 = { .service = { .region = "r" },
		.endpoint = "http://h", .bucket = "b" };
	const char *url = s3_url(&s3, &sc, key);

	return url ? url + strlen("http://h/b") : NULL;
}

static void
test_each_byte_of_a_key_is_encoded_once_and_slashes_are_left(void)
{
	static const struct {
		const char *key;
		const char *path;
	} cases[] = {
		{ "a", "/a" },
		{ "qr/CB-7K2M_1.~png", "/qr/CB-7K2M_1.~png" },
		{ "a b+c%20?d=e&f#g", "/a%20b%2Bc%2520%3Fd%3De%26f%23g" },
		{ "\xc3\xa9/\xf0\x9f\x91\xb6", "/%C3%A9/%F0%9F%91%B6" },
		{ "a//b/", "/a//b/" },
		{ "/a", "//a" },
		{ "...", "/..." },
		{ ".a/..b", "/.a/..b" },
	};

	begin();
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		CU_ASSERT_STRING_EQUAL(path_of(cases[i].key), cases[i].path);
	end();
}

static void
test_a_key_that_can_be_none_has_no_address(void)
{
	char long_key[S3_KEY_MAX + 2];

	begin();
	memset(long_key, '%', sizeof long_key);
	long_key[S3_KEY_MAX + 1] = '\0';
	CU_ASSERT_PTR_NULL(path_of(long_key));
	long_key[S3_KEY_MAX] = '\0';
	CU_ASSERT_PTR_NOT_NULL(path_of(long_key));
	CU_ASSERT_PTR_NULL(path_of(""));
	CU_ASSERT_PTR_NULL(path_of(".."));
	CU_ASSERT_PTR_NULL(path_of("../other-bucket/a"));
	CU_ASSERT_PTR_NULL(path_of("a/./b"));
	CU_ASSERT_PTR_NULL(path_of("a/.."));
	CU_ASSERT_PTR_NULL(path_of("a\xff"));
	end();
}

static void
test_the_code_is_found_in_the_xml_and_nothing_else_is_believed(void)
{
	static const struct {
		const char *xml;
		const char *code;
	} cases[] = {
		{ "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error>"
		  "<Code>NoSuchKey</Code><Message>The specified key does not "
		  "exist.</Message><Key>qr/a.png</Key></Error>", "NoSuchKey" },
		{ "<Error><Message>&lt;Code>Other</Message>"
		  "<Code>SlowDown</Code></Error>", "SlowDown" },
		{ "", NULL },
		{ "<Error>", NULL },
		{ "<Code>NoSuchKey</Code>", NULL },
		{ "<Error><Code></Code></Error>", NULL },
		{ "<Error><Code>NoSuch", NULL },
		{ "<Error><Code", NULL },
		{ "{\"__type\":\"x\"}", NULL },
		{ "<Error><Code>A234567890123456789012345678901234567890123456"
		  "789012345678901234</Code></Error>", NULL },
	};

	begin();
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		/* Of its own size, so that a look behind its end is found. */
		size_t len = strlen(cases[i].xml);
		char *xml = arena_memdup(arena, cases[i].xml, len + 1);
		const char *code = s3_find_code(&sc, xml, len);

		if (cases[i].code && code)
			CU_ASSERT_STRING_EQUAL(code, cases[i].code);
		CU_ASSERT_EQUAL(code != NULL, cases[i].code != NULL);
	}
	/* What is behind the end is not looked at. */
	CU_ASSERT_PTR_NULL(s3_find_code(&sc, "<Error><Code>A</Code>", 14));
	CU_ASSERT_PTR_NOT_NULL(s3_find_code(&sc, "<Error><Code>A</Code>", 15));
	end();
}

UNIT_SUITE(s3,
    UNIT_TEST(test_a_bucket_is_in_the_host_at_aws_and_in_the_path_elsewhere),
    UNIT_TEST(test_each_byte_of_a_key_is_encoded_once_and_slashes_are_left),
    UNIT_TEST(test_a_key_that_can_be_none_has_no_address),
    UNIT_TEST(test_the_code_is_found_in_the_xml_and_nothing_else_is_believed))
