/* test_cache_url.c: the address of Redis is read strictly. */
#include "store/cache_url.h"

#include <string.h>

#include "base/compiler.h"
#include "unit/unit.h"

static const struct good {
	const char *text;
	struct cache_url is;
} good[] = {
	{ "", { .port = 6379 } },
	{ "redis://localhost", { .host = "localhost", .port = 6379 } },
	{ "redis://localhost/", { .host = "localhost", .port = 6379 } },
	{ "redis://10.0.0.1:7000/3",
	    { .host = "10.0.0.1", .port = 7000, .db = 3 } },
	{ "redis://[::1]:7001", { .host = "::1", .port = 7001 } },
	{ "redis://[::1]", { .host = "::1", .port = 6379 } },
	{ "redis://:s%40cret@h",
	    { .host = "h", .port = 6379, .password = "s@cret" } },
	{ "redis://ann:a:b@h:1/9999", { .host = "h", .port = 1, .db = 9999,
	    .user = "ann", .password = "a:b" } },
	{ "redis://ann:p@q@h",
	    { .host = "h", .port = 6379, .user = "ann", .password = "p@q" } },
	{ "unix:///run/redis.sock",
	    { .path = "/run/redis.sock", .port = 6379 } },
	{ "unix:///a%20b/s", { .path = "/a b/s", .port = 6379 } },
};

static const char *const bad[] = { "redis", "redis:", "redis://",
	"redis:///0", "redis://:7000", "redis://h:", "redis://h:0",
	"redis://h:65536", "redis://h:+1", "redis://h/x", "redis://h/1/2",
	"redis://h/10000", "redis://h?db=1", "redis://h/1#x", "redis://[::1",
	"redis://[]:1", "redis://[::1]x", "redis://user@h", "redis://user:@h",
	"redis://:a%@h", "redis://:a%4@h", "redis://:a%zz@h",
	"redis://:a%00b@h", "rediss://h", "REDIS://h", "http://h", " ",
	"unix:", "unix://", "unix:///", "unix://relative/path",
	"unix:///a%0" };

static void
every_known_form_is_read_to_the_letter(void)
{
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		struct cache_url url = { 0 };

		CU_ASSERT_TRUE(cache_url_parse(good[i].text, &url));
		CU_ASSERT_STRING_EQUAL(url.path, good[i].is.path);
		CU_ASSERT_STRING_EQUAL(url.host, good[i].is.host);
		CU_ASSERT_EQUAL(url.port, good[i].is.port);
		CU_ASSERT_EQUAL(url.db, good[i].is.db);
		CU_ASSERT_STRING_EQUAL(url.user, good[i].is.user);
		CU_ASSERT_STRING_EQUAL(url.password, good[i].is.password);
	}
}

static void
anything_else_is_refused_and_leaves_the_output_alone(void)
{
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct cache_url url = { .host = "before", .port = 42 };

		CU_ASSERT_FALSE(cache_url_parse(bad[i], &url));
		CU_ASSERT_STRING_EQUAL(url.host, "before");
		CU_ASSERT_EQUAL(url.port, 42);
	}
}

static void
a_word_longer_than_its_room_is_refused(void)
{
	char text[2048] = "unix:///";
	struct cache_url url = { .port = 42 };

	memset(text + 8, 'p', CACHE_URL_PATH_MAX - 2);
	CU_ASSERT_TRUE(cache_url_parse(text, &url));
	CU_ASSERT_EQUAL(strlen(url.path), CACHE_URL_PATH_MAX - 1);
	text[8 + CACHE_URL_PATH_MAX - 2] = 'p';
	CU_ASSERT_FALSE(cache_url_parse(text, &url));

	memset(text, 0, sizeof text);
	memcpy(text, "redis://", 8);
	memset(text + 8, 'h', CACHE_URL_HOST_MAX);
	CU_ASSERT_FALSE(cache_url_parse(text, &url));
}

UNIT_SUITE(cache_url,
    UNIT_TEST(every_known_form_is_read_to_the_letter),
    UNIT_TEST(anything_else_is_refused_and_leaves_the_output_alone),
    UNIT_TEST(a_word_longer_than_its_room_is_refused))
