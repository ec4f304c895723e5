/* test_hint.c: hearing of work, from a Redis that comes and goes. */
#include "store/hint.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "support/own_redis.h"
#include "unit/unit.h"

#define PATIENCE_US (10 * USEC_PER_SEC)
#define TIMEOUT_MS 500

/* Wait until there is a line; false after ten seconds. */
static bool
connected(struct hint *h)
{
	int64_t until = clock_mono_us() + PATIENCE_US;

	while (clock_mono_us() < until) {
		if (hint_fd(h) >= 0)
			return true;
		poll(NULL, 0, 10);
	}
	return false;
}

static bool
readable(struct hint *h, int ms)
{
	struct pollfd fd = { .fd = hint_fd(h), .events = POLLIN };

	return fd.fd >= 0 && poll(&fd, 1, ms) == 1;
}

static void
publish(const struct own_redis *redis, const char *word)
{
	char command[64];
	char out[64];

	snprintf(command, sizeof command, "PUBLISH %s %s", HINT_CHANNEL,
	    word);
	CU_ASSERT_STRING_EQUAL(own_redis_say(redis, command, out, sizeof out),
	    ":1\r\n");
}

static void
test_topics_are_letters_and_back(void)
{
	char word[HINT_WORD_MAX];

	CU_ASSERT_STRING_EQUAL(hint_word(HINT_ALL, word), "epdb");
	CU_ASSERT_STRING_EQUAL(hint_word(0, word), "");
	CU_ASSERT_STRING_EQUAL(hint_word(HINT_BOOKINGS | HINT_EVENTS, word),
	    "eb");
	CU_ASSERT_EQUAL(hint_of("payments"), HINT_PAYMENTS);
	CU_ASSERT_EQUAL(hint_of("weather"), 0);
}

static void
test_only_ones_own_topic_is_a_reason_to_look(void)
{
	struct own_redis redis;
	struct hint *h;

	CU_ASSERT_FATAL(own_redis_start(&redis, false, ""));
	h = hint_open(redis.url, TIMEOUT_MS);
	CU_ASSERT_PTR_NOT_NULL_FATAL(h);
	CU_ASSERT_FATAL(connected(h));

	CU_ASSERT_FALSE(readable(h, 0));
	publish(&redis, "p");
	CU_ASSERT(readable(h, 5000));
	CU_ASSERT_FALSE(hint_read(h, HINT_EVENTS));
	publish(&redis, "p");
	publish(&redis, "ed");
	publish(&redis, "b");
	CU_ASSERT(readable(h, 5000));
	while (!hint_read(h, HINT_EVENTS))
		CU_ASSERT_FATAL(readable(h, 5000)); /* in pieces, perhaps */
	hint_close(h);
	own_redis_end(&redis);
}

static void
test_a_password_is_given(void)
{
	struct own_redis redis;
	struct hint *h;
	char url[128];

	CU_ASSERT_FATAL(own_redis_start(&redis, true, "geheim"));
	snprintf(url, sizeof url, "redis://:geheim@127.0.0.1:%d/3",
	    redis.port);
	h = hint_open(url, TIMEOUT_MS);
	CU_ASSERT_PTR_NOT_NULL_FATAL(h);
	CU_ASSERT(connected(h));
	hint_close(h);

	snprintf(url, sizeof url, "redis://:falsch@127.0.0.1:%d", redis.port);
	h = hint_open(url, TIMEOUT_MS);
	CU_ASSERT_PTR_NOT_NULL_FATAL(h);
	CU_ASSERT_EQUAL(hint_fd(h), -1);
	hint_close(h);
	own_redis_end(&redis);
}

static void
test_a_redis_that_dies_is_missed_and_found_again(void)
{
	struct own_redis redis;
	struct hint *h;

	CU_ASSERT_FATAL(own_redis_start(&redis, false, ""));
	h = hint_open(redis.url, TIMEOUT_MS);
	CU_ASSERT_PTR_NOT_NULL_FATAL(h);
	CU_ASSERT_FATAL(connected(h));

	own_redis_kill(&redis);
	CU_ASSERT(readable(h, 5000)); /* its end */
	CU_ASSERT_FALSE(hint_read(h, HINT_ALL));
	CU_ASSERT_EQUAL(hint_fd(h), -1);

	CU_ASSERT_FATAL(own_redis_restart(&redis));
	CU_ASSERT_FATAL(connected(h));
	publish(&redis, "e");
	CU_ASSERT(readable(h, 5000));
	CU_ASSERT(hint_read(h, HINT_EVENTS));
	hint_close(h);
	own_redis_end(&redis);
}

/* Cut off without a word, as a host that vanishes: nobody says so. */
static void
test_a_redis_that_falls_silent_is_given_up(void)
{
	struct own_redis redis;
	struct hint *h;
	int64_t until = clock_mono_us() + 2 * PATIENCE_US;
	bool dropped = false;

	CU_ASSERT_FATAL(own_redis_start(&redis, false, ""));
	h = hint_open(redis.url, 100);
	CU_ASSERT_PTR_NOT_NULL_FATAL(h);
	CU_ASSERT_FATAL(connected(h));
	CU_ASSERT_EQUAL(kill(redis.pid, SIGSTOP), 0);
	while (!dropped && clock_mono_us() < until) {
		dropped = hint_fd(h) < 0;
		poll(NULL, 0, 20);
	}
	CU_ASSERT(dropped);
	CU_ASSERT_EQUAL(kill(redis.pid, SIGCONT), 0);
	CU_ASSERT(connected(h));
	hint_close(h);
	own_redis_end(&redis);
}

static void
test_without_an_address_nobody_tells(void)
{
	struct hint *h = hint_open("", TIMEOUT_MS);

	CU_ASSERT_PTR_NOT_NULL_FATAL(h);
	CU_ASSERT_EQUAL(hint_fd(h), -1);
	CU_ASSERT_FALSE(hint_read(h, HINT_ALL));
	hint_close(h);
	hint_close(NULL);
	CU_ASSERT_PTR_NULL(hint_open("http://redis", TIMEOUT_MS));
}

UNIT_SUITE(hint,
    UNIT_TEST(test_topics_are_letters_and_back),
    UNIT_TEST(test_only_ones_own_topic_is_a_reason_to_look),
    UNIT_TEST(test_a_password_is_given),
    UNIT_TEST(test_a_redis_that_dies_is_missed_and_found_again),
    UNIT_TEST(test_a_redis_that_falls_silent_is_given_up),
    UNIT_TEST(test_without_an_address_nobody_tells))
