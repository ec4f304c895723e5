/*
 * test_cache.c: no old value comes back, whatever happens to Redis or to the
 * process that changes it.  Each test has a Redis of its own.
 */
#include "store/cache.h"
#include "store/hint.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/compiler.h"
#include "base/instant.h"
#include "base/scope.h"
#include "base/shm.h"
#include "base/uuid.h"
#include "support/own_redis.h"
#include "unit/unit.h"

#define TIMEOUT_MS 500 /* long: a busy machine must not look like an outage */
#define DAY 19737      /* 2024-01-15 */
#define F1 "11111111-1111-4111-8111-111111111111"
#define CLIENTS 16

/* What the processes of a test tell each other. */
struct board {
	_Atomic int arrived;
	_Atomic int claims;
	_Atomic int hits;
	_Atomic int others;
};

struct bed {
	struct own_redis redis;
	struct shm *shm;
	struct cache *cache;
	struct arena *arena;
	struct scope sc;
	struct board *board;
	struct uuid f1;
	struct uuid f2;
	char out[4096];
};

/* A new request: its own deadline, and no memory of the last one. */
static struct scope *
request(struct bed *b)
{
	arena_reset(b->arena);
	scope_init(&b->sc, b->arena, 10 * USEC_PER_SEC);
	return &b->sc;
}

static void
bed_clear(struct bed *b)
{
	cache_free(b->cache);
	arena_close(b->arena);
	shm_close(b->shm);
	munmap(b->board, sizeof *b->board);
	own_redis_end(&b->redis);
}

static const char *
say(struct bed *b, const char *command)
{
	return own_redis_say(&b->redis, command, b->out, sizeof b->out);
}

static struct cache_key
at(enum cache_kind kind, const struct uuid *franchise, int64_t day)
{
	return (struct cache_key){ kind, *franchise, day };
}

/* Read through the cache as a use case does; true when `value` was stored. */
static bool
store(struct bed *b, struct cache_key key, const char *value)
{
	struct cache_lease lease;
	struct cache_text text = { NULL, 0 };

	if (cache_claim(b->cache, request(b), &key, &lease, &text) !=
	    CACHE_CLAIM)
		return false;
	cache_fill(b->cache, &b->sc, &lease, value, strlen(value), 60000);

	return cache_get(b->cache, &b->sc, &key, &text) == CACHE_HIT &&
	    text.len == strlen(value) &&
	    memcmp(text.data, value, text.len) == 0;
}

static enum cache_answer
get(struct bed *b, struct cache_key key)
{
	struct cache_text text = { NULL, 0 };

	return cache_get(b->cache, request(b), &key, &text);
}

static void
bed_make(struct bed *b, bool tcp, const char *password)
{
	char why[128] = "";

	*b = (struct bed){ .redis.pid = 0 };
	CU_ASSERT_TRUE_FATAL(own_redis_start(&b->redis, tcp, password));
	b->shm = shm_open_file(NULL, why, sizeof why);
	CU_ASSERT_PTR_NOT_NULL_FATAL(b->shm);
	b->cache = cache_new(b->redis.url, TIMEOUT_MS, b->shm);
	CU_ASSERT_PTR_NOT_NULL_FATAL(b->cache);
	b->arena = arena_open(4 * 1024 * 1024);
	b->board = mmap(NULL, sizeof *b->board, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CU_ASSERT_TRUE_FATAL(b->board != MAP_FAILED);
	CU_ASSERT_TRUE_FATAL(uuid_parse(F1, &b->f1));
	uuid_random(&b->f2);
	/* A Redis nobody has met costs the first request a few trips more. */
	if (!password[0])
		CU_ASSERT_EQUAL_FATAL(get(b, at(CACHE_PRICING, &b->f2, 0)),
		    CACHE_MISS);
	request(b);
}

static void
step(void)
{
	struct timespec ts = { 0, 2000000 };

	nanosleep(&ts, NULL);
}

/* Ask until the answer is `want`; it must never be `never` on the way. */
static bool
get_until(struct bed *b, struct cache_key key, enum cache_answer want,
    enum cache_answer never)
{
	int64_t until = clock_mono_us() + 20 * USEC_PER_SEC;

	while (clock_mono_us() < until) {
		enum cache_answer answer = get(b, key);

		if (answer == never)
			return false;
		if (answer == want)
			return true;
		step();
	}

	return false;
}

static bool
wait_for(_Atomic int *number, int least)
{
	int64_t until = clock_mono_us() + 20 * USEC_PER_SEC;

	while (*number < least && clock_mono_us() < until)
		step();
	return *number >= least;
}

/* ---- reading and filling -------------------------------------------------*/

static void
each_kind_is_missed_filled_and_hit_under_the_seeds_key(void)
{
	static const struct {
		enum cache_kind kind;
		int64_t day;
		const char *pttl;
		int64_t most_ms;
	} rows[] = {
		{ CACHE_AVAILABILITY, DAY,
		    "PTTL availability:" F1 ":2024-01-15", 300000 },
		{ CACHE_AVAILABILITY, CACHE_TODAY,
		    "PTTL availability:" F1 ":today", 300000 },
		{ CACHE_CAPACITY, DAY,
		    "PTTL capacity:" F1 ":2024-01-15", 300000 },
		{ CACHE_PRICING, 0, "PTTL pricing:" F1, 3600000 },
		{ CACHE_FRANCHISE, 0, "PTTL franchise:" F1, 86400000 },
	};
	struct bed b;

	bed_make(&b, false, "");
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct cache_key key = at(rows[i].kind, &b.f1, rows[i].day);
		struct cache_lease lease;
		struct cache_text text = { NULL, 0 };
		long long left = 0;

		CU_ASSERT_EQUAL(get(&b, key), CACHE_MISS);
		CU_ASSERT_EQUAL(b.sc.redis_trips, 1);
		CU_ASSERT_EQUAL(cache_claim(b.cache, request(&b), &key, &lease,
		    &text), CACHE_CLAIM);
		cache_fill(b.cache, &b.sc, &lease, "{\"a\":1}", 7, INT64_MAX);
		CU_ASSERT_EQUAL(cache_get(b.cache, request(&b), &key, &text),
		    CACHE_HIT);
		CU_ASSERT_EQUAL(b.sc.redis_trips, 1);
		CU_ASSERT_EQUAL(text.len, 7);
		CU_ASSERT_STRING_EQUAL(text.data, "{\"a\":1}");

		CU_ASSERT_EQUAL(sscanf(say(&b, rows[i].pttl), ":%lld", &left),
		    1);
		CU_ASSERT_TRUE(left <= rows[i].most_ms);
		CU_ASSERT_TRUE(left > rows[i].most_ms - 30000);
	}
	CU_ASSERT_STRING_EQUAL(say(&b, "KEYS claim:*"), "*0\r\n");
	bed_clear(&b);
}

static void
a_shorter_life_is_kept_and_none_stores_nothing(void)
{
	struct cache_lease lease;
	struct cache_text text;
	struct cache_key key;
	struct bed b;
	long long left = 0;

	bed_make(&b, false, "");
	key = at(CACHE_PRICING, &b.f1, 0);
	CU_ASSERT_EQUAL(cache_claim(b.cache, &b.sc, &key, &lease, &text),
	    CACHE_CLAIM);
	cache_fill(b.cache, &b.sc, &lease, "x", 1, 0);
	CU_ASSERT_EQUAL(get(&b, key), CACHE_MISS);
	CU_ASSERT_STRING_EQUAL(say(&b, "EXISTS claim:pricing:" F1), ":0\r\n");

	CU_ASSERT_EQUAL(cache_claim(b.cache, &b.sc, &key, &lease, &text),
	    CACHE_CLAIM);
	cache_fill(b.cache, &b.sc, &lease, "x", 1, 40000);
	CU_ASSERT_EQUAL(sscanf(say(&b, "PTTL pricing:" F1), ":%lld", &left), 1);
	CU_ASSERT_TRUE(left > 0 && left <= 40000);
	bed_clear(&b);
}

static void
a_fill_under_a_dead_epoch_is_not_stored(void)
{
	const int64_t day = DAY;
	struct cache_lease lease;
	struct cache_text text;
	struct cache_key keys[3];
	struct bed b;

	bed_make(&b, false, "");
	keys[0] = at(CACHE_AVAILABILITY, &b.f1, DAY);
	keys[1] = at(CACHE_CAPACITY, &b.f1, DAY);
	keys[2] = at(CACHE_AVAILABILITY, &b.f1, CACHE_TODAY);
	for (size_t i = 0; i < 3; i++) {
		CU_ASSERT_EQUAL(cache_claim(b.cache, request(&b), &keys[i],
		    &lease, &text), CACHE_CLAIM);
		cache_forget(b.cache, &b.sc, &b.f1, &day, 1, false, NULL);
		cache_fill(b.cache, &b.sc, &lease, "old", 3, 60000);
		CU_ASSERT_EQUAL(get(&b, keys[i]), CACHE_MISS);
	}

	/* Another day's change, or another franchise's, is none of ours. */
	CU_ASSERT_EQUAL(cache_claim(b.cache, request(&b), &keys[0], &lease,
	    &text), CACHE_CLAIM);
	cache_forget(b.cache, &b.sc, &b.f1, (const int64_t[]){ DAY + 1 }, 1,
	    false, NULL);
	cache_forget(b.cache, &b.sc, &b.f2, &day, 1, true, NULL);
	cache_fill(b.cache, &b.sc, &lease, "new", 3, 60000);
	CU_ASSERT_EQUAL(get(&b, keys[0]), CACHE_HIT);
	bed_clear(&b);
}

static void
a_flush_between_claim_and_fill_stores_nothing(void)
{
	struct cache_lease lease;
	struct cache_text text;
	struct cache_key key;
	struct bed b;

	bed_make(&b, false, "");
	key = at(CACHE_AVAILABILITY, &b.f1, DAY);
	CU_ASSERT_EQUAL(cache_claim(b.cache, &b.sc, &key, &lease, &text),
	    CACHE_CLAIM);
	CU_ASSERT_STRING_EQUAL(say(&b, "FLUSHALL"), "+OK\r\n");
	cache_fill(b.cache, &b.sc, &lease, "old", 3, 60000);
	CU_ASSERT_EQUAL(get(&b, key), CACHE_MISS);

	CU_ASSERT_STRING_EQUAL(say(&b, "SCRIPT FLUSH"), "+OK\r\n");
	CU_ASSERT_TRUE(store(&b, key, "new"));
	bed_clear(&b);
}

static _Noreturn void
be_client(struct bed *b, int gate)
{
	struct cache *own = cache_new(b->redis.url, TIMEOUT_MS, b->shm);
	struct cache_key key = at(CACHE_AVAILABILITY, &b->f1, DAY);
	struct cache_lease lease;
	struct cache_text text;
	char byte;

	/* End of file is the start signal. */
	if (read(gate, &byte, 1) != 0)
		_exit(1);
	request(b);
	b->board->arrived++;
	switch (cache_claim(own, &b->sc, &key, &lease, &text)) {
	case CACHE_CLAIM:
		b->board->claims++;
		/* The slow query ends when all others are waiting. */
		wait_for(&b->board->arrived, CLIENTS);
		cache_fill(own, &b->sc, &lease, "value", 5, 60000);
		break;
	case CACHE_HIT:
		if (text.len == 5 && memcmp(text.data, "value", 5) == 0)
			b->board->hits++;
		break;
	default:
		b->board->others++;
	}
	_exit(0);
}

static void
a_cold_key_costs_one_claim_however_many_ask(void)
{
	struct bed b;
	int gate[2];
	int clean = 0;

	bed_make(&b, false, "");
	CU_ASSERT_EQUAL_FATAL(pipe(gate), 0);
	for (int i = 0; i < CLIENTS; i++) {
		pid_t pid = fork();

		if (pid == 0) {
			close(gate[1]);
			be_client(&b, gate[0]);
		}
		CU_ASSERT_TRUE(pid > 0);
	}
	close(gate[0]);
	close(gate[1]);
	for (int i = 0; i < CLIENTS; i++) {
		int status = 0;
		pid_t pid = wait(&status);

		clean += pid > 0 && pid != b.redis.pid && WIFEXITED(status) &&
		    WEXITSTATUS(status) == 0;
	}

	CU_ASSERT_EQUAL(clean, CLIENTS);
	CU_ASSERT_EQUAL(b.board->claims, 1);
	CU_ASSERT_EQUAL(b.board->hits + b.board->others, CLIENTS - 1);
	/* Who waited too long reads the truth itself, but fills nothing; on a
	 * machine that is not starved nobody does. */
	CU_ASSERT_TRUE(b.board->hits > 0);
	CU_ASSERT_EQUAL(get(&b, at(CACHE_AVAILABILITY, &b.f1, DAY)),
	    CACHE_HIT);
	bed_clear(&b);
}

static void
a_claim_that_is_given_back_passes_on(void)
{
	struct cache_lease lease;
	struct cache_text text;
	struct cache_key key;
	struct bed b;
	pid_t pid;

	bed_make(&b, false, "");
	key = at(CACHE_FRANCHISE, &b.f1, 0);
	CU_ASSERT_EQUAL(cache_claim(b.cache, &b.sc, &key, &lease, &text),
	    CACHE_CLAIM);
	pid = fork();
	if (pid == 0) {
		struct cache *own = cache_new(b.redis.url, TIMEOUT_MS, b.shm);

		cache_ping(own, request(&b));
		b.board->arrived++;
		/* On a busy machine it may have given up waiting by then. */
		alarm(20);
		while (cache_claim(own, request(&b), &key, &lease, &text) !=
		    CACHE_CLAIM)
			step();
		b.board->claims++;
		_exit(0);
	}
	CU_ASSERT_TRUE(wait_for(&b.board->arrived, 1));
	cache_fill(b.cache, request(&b), &lease, NULL, 0, -1);
	CU_ASSERT_EQUAL(waitpid(pid, NULL, 0), pid);
	CU_ASSERT_EQUAL(b.board->claims, 1);

	/* That one never filled: the next waits a while, then reads on. */
	CU_ASSERT_EQUAL(cache_claim(b.cache, request(&b), &key, &lease, &text),
	    CACHE_OFF);
	CU_ASSERT_TRUE(b.sc.redis_trips > 1 && b.sc.redis_trips < 80);
	bed_clear(&b);
}

static void
many_are_read_in_one_trip_and_marked_ones_are_left_out(void)
{
	struct cache_key keys[3];
	struct cache_text texts[3];
	const int64_t day = DAY + 1;
	struct bed b;

	bed_make(&b, false, "");
	for (int i = 0; i < 3; i++)
		keys[i] = at(CACHE_CAPACITY, &b.f1, DAY + i);
	CU_ASSERT_TRUE(store(&b, keys[0], "zero"));
	CU_ASSERT_TRUE(store(&b, keys[1], "one"));
	CU_ASSERT_EQUAL(cache_get_many(b.cache, request(&b), keys, 3, texts),
	    CACHE_HIT);
	CU_ASSERT_EQUAL(b.sc.redis_trips, 1);
	CU_ASSERT_STRING_EQUAL(texts[0].data, "zero");
	CU_ASSERT_STRING_EQUAL(texts[1].data, "one");
	CU_ASSERT_PTR_NULL(texts[2].data);

	cache_intend(b.cache, &b.f1, &day, 1, false);
	CU_ASSERT_EQUAL(cache_get_many(b.cache, request(&b), keys, 3, texts),
	    CACHE_HIT);
	CU_ASSERT_STRING_EQUAL(texts[0].data, "zero");
	CU_ASSERT_PTR_NULL(texts[1].data);

	own_redis_kill(&b.redis);
	CU_ASSERT_EQUAL(cache_get_many(b.cache, request(&b), keys, 3, texts),
	    CACHE_OFF);
	CU_ASSERT_PTR_NULL(texts[0].data);
	bed_clear(&b);
}

static void
bytes_that_are_not_ours_harm_nothing(void)
{
	struct cache_text text = { NULL, 0 };
	struct cache_key key;
	struct bed b;

	bed_make(&b, false, "");
	key = at(CACHE_PRICING, &b.f1, 0);
	CU_ASSERT_STRING_EQUAL(say(&b, "LPUSH pricing:" F1 " x"), ":1\r\n");
	CU_ASSERT_EQUAL(get(&b, key), CACHE_OFF);
	CU_ASSERT_EQUAL(get(&b, at(CACHE_PRICING, &b.f2, 0)), CACHE_MISS);

	/* Above the ceiling, first by a little, then by more than is read. */
	say(&b, "DEL pricing:" F1);
	say(&b, "SETRANGE pricing:" F1 " 1048576 x");
	CU_ASSERT_EQUAL(get(&b, key), CACHE_OFF);
	CU_ASSERT_EQUAL(get(&b, at(CACHE_PRICING, &b.f2, 0)), CACHE_MISS);
	say(&b, "SETRANGE pricing:" F1 " 9000000 x");
	CU_ASSERT_EQUAL(get(&b, key), CACHE_OFF);
	CU_ASSERT_EQUAL(get(&b, at(CACHE_PRICING, &b.f2, 0)), CACHE_MISS);

	say(&b, "DEL pricing:" F1);
	say(&b, "SETRANGE pricing:" F1 " 1048575 x");
	CU_ASSERT_EQUAL(cache_get(b.cache, request(&b), &key, &text),
	    CACHE_HIT);
	CU_ASSERT_EQUAL(text.len, 1048576);
	CU_ASSERT_EQUAL(text.data[0], '\0');
	CU_ASSERT_EQUAL(text.data[1048575], 'x');

	/* An epoch of a foreign shape is never leased. */
	say(&b, "DEL pricing:" F1);
	say(&b, "SET epoch:" F1 " short");
	CU_ASSERT_EQUAL(cache_claim(b.cache, request(&b), &key,
	    &(struct cache_lease){ .token = "" }, &text), CACHE_OFF);
	bed_clear(&b);
}

/* ---- changing ------------------------------------------------------------*/

static void
a_marked_key_is_served_again_when_the_commit_did_not_happen(void)
{
	const int64_t day = DAY;
	struct cache_key key;
	struct cache_lease lease;
	struct cache_text text;
	struct bed b;

	bed_make(&b, false, "");
	key = at(CACHE_AVAILABILITY, &b.f1, DAY);
	CU_ASSERT_TRUE(store(&b, key, "value"));
	cache_intend(b.cache, &b.f1, &day, 1, false);
	CU_ASSERT_EQUAL(get(&b, key), CACHE_OFF);
	CU_ASSERT_EQUAL(b.sc.redis_trips, 0);
	CU_ASSERT_EQUAL(cache_claim(b.cache, &b.sc, &key, &lease, &text),
	    CACHE_OFF);
	CU_ASSERT_EQUAL(get(&b, at(CACHE_AVAILABILITY, &b.f1, CACHE_TODAY)),
	    CACHE_OFF);
	CU_ASSERT_EQUAL(get(&b, at(CACHE_AVAILABILITY, &b.f1, DAY + 1)),
	    CACHE_MISS);
	cache_unintend(b.cache, &b.f1, &day, 1, false);
	CU_ASSERT_EQUAL(get(&b, key), CACHE_HIT);
	bed_clear(&b);
}

static void
a_change_deletes_in_one_trip_and_hints_the_relay_once(void)
{
	const int64_t days[] = { DAY, DAY + 1 };
	struct cache_news news = { HINT_EVENTS | HINT_DOCUMENTS,
		{ { 7, 7 } } };
	const struct uuid asked[] = { { { 7, 8 } }, news.receipt };
	bool there[2] = { true, false };
	struct cache_key keys[5];
	struct bed b;
	char heard[512] = "";
	int ear;

	bed_make(&b, false, "");
	keys[0] = at(CACHE_AVAILABILITY, &b.f1, DAY);
	keys[1] = at(CACHE_CAPACITY, &b.f1, DAY + 1);
	keys[2] = at(CACHE_AVAILABILITY, &b.f1, CACHE_TODAY);
	keys[3] = at(CACHE_PRICING, &b.f1, 0);
	keys[4] = at(CACHE_AVAILABILITY, &b.f1, DAY + 2);
	for (size_t i = 0; i < 5; i++)
		CU_ASSERT_TRUE(store(&b, keys[i], "value"));
	ear = own_redis_dial(&b.redis);
	CU_ASSERT_EQUAL(send(ear, "SUBSCRIBE booking:outbox\r\n", 26, 0), 26);
	CU_ASSERT_TRUE(recv(ear, heard, sizeof heard - 1, 0) > 0);

	cache_intend(b.cache, &b.f1, days, 2, false);
	cache_forget(b.cache, request(&b), &b.f1, days, 2, false, &news);
	CU_ASSERT_EQUAL(b.sc.redis_trips, 1);
	for (size_t i = 0; i < 3; i++)
		CU_ASSERT_EQUAL(get(&b, keys[i]), CACHE_MISS);
	CU_ASSERT_EQUAL(get(&b, keys[3]), CACHE_HIT);
	CU_ASSERT_EQUAL(get(&b, keys[4]), CACHE_HIT);

	memset(heard, 0, sizeof heard);
	CU_ASSERT_TRUE(recv(ear, heard, sizeof heard - 1, 0) > 0);
	CU_ASSERT_STRING_EQUAL(heard, "*3\r\n$7\r\nmessage\r\n$14\r\n"
	    "booking:outbox\r\n$2\r\ned\r\n");
	CU_ASSERT_EQUAL(recv(ear, heard, sizeof heard, MSG_DONTWAIT), -1);

	/* And leaves word that it was done, for that event alone. */
	CU_ASSERT_TRUE(cache_receipts(b.cache, request(&b), asked, 2, there));
	CU_ASSERT_FALSE(there[0]);
	CU_ASSERT_TRUE(there[1]);
	close(ear);
	bed_clear(&b);
}

static void
more_days_than_one_call_holds_are_all_forgotten(void)
{
	int64_t days[80];
	struct bed b;

	bed_make(&b, false, "");
	for (int i = 0; i < 80; i++) {
		days[i] = DAY + i;
		CU_ASSERT_TRUE(store(&b, at(CACHE_AVAILABILITY, &b.f1,
		    days[i]), "value"));
	}
	cache_intend(b.cache, &b.f1, days, 80, false);
	cache_forget(b.cache, request(&b), &b.f1, days, 80, false, NULL);
	CU_ASSERT_STRING_EQUAL(say(&b, "KEYS availability:*"), "*0\r\n");
	for (int i = 0; i < 80; i++)
		CU_ASSERT_FALSE(shm_mark_find(b.shm, &b.f1, days[i]));
	bed_clear(&b);
}

static void
a_change_of_facts_hides_every_day_of_that_franchise_alone(void)
{
	struct cache_lease lease;
	struct cache_text text;
	struct cache_key late;
	struct bed b;

	bed_make(&b, false, "");
	/* Enough keys for several steps of the sweep. */
	CU_ASSERT_STRING_EQUAL(say(&b, "EVAL \"for i = 0, 8999 do "
	    "redis.call('SET', 'noise:' .. i, 'x') end return 1\" 0"),
	    ":1\r\n");
	for (int i = 0; i < 40; i++) {
		CU_ASSERT_TRUE(store(&b, at(CACHE_AVAILABILITY, &b.f1,
		    DAY + i), "old"));
		CU_ASSERT_TRUE(store(&b, at(CACHE_CAPACITY, &b.f1, DAY + i),
		    "old"));
	}
	CU_ASSERT_TRUE(store(&b, at(CACHE_PRICING, &b.f1, 0), "old"));
	CU_ASSERT_TRUE(store(&b, at(CACHE_FRANCHISE, &b.f1, 0), "old"));
	CU_ASSERT_TRUE(store(&b, at(CACHE_AVAILABILITY, &b.f2, DAY), "kept"));
	CU_ASSERT_TRUE(store(&b, at(CACHE_PRICING, &b.f2, 0), "kept"));
	late = at(CACHE_AVAILABILITY, &b.f1, DAY + 50);
	CU_ASSERT_EQUAL(cache_claim(b.cache, request(&b), &late, &lease,
	    &text), CACHE_CLAIM);

	cache_intend(b.cache, &b.f1, NULL, 0, true);
	CU_ASSERT_EQUAL(get(&b, at(CACHE_AVAILABILITY, &b.f1, DAY + 7)),
	    CACHE_OFF);
	CU_ASSERT_EQUAL(get(&b, at(CACHE_PRICING, &b.f1, 0)), CACHE_OFF);
	cache_forget(b.cache, request(&b), &b.f1, NULL, 0, true, NULL);

	cache_fill(b.cache, &b.sc, &lease, "old", 3, 60000);
	CU_ASSERT_EQUAL(get(&b, late), CACHE_MISS);
	CU_ASSERT_STRING_EQUAL(say(&b, "KEYS availability:" F1 "*"),
	    "*0\r\n");
	CU_ASSERT_STRING_EQUAL(say(&b, "KEYS capacity:" F1 "*"), "*0\r\n");
	CU_ASSERT_EQUAL(get(&b, at(CACHE_PRICING, &b.f1, 0)), CACHE_MISS);
	CU_ASSERT_EQUAL(get(&b, at(CACHE_FRANCHISE, &b.f1, 0)), CACHE_MISS);
	CU_ASSERT_EQUAL(get(&b, at(CACHE_AVAILABILITY, &b.f2, DAY)),
	    CACHE_HIT);
	CU_ASSERT_EQUAL(get(&b, at(CACHE_PRICING, &b.f2, 0)), CACHE_HIT);
	CU_ASSERT_STRING_EQUAL(say(&b, "EXISTS noise:8999"), ":1\r\n");
	bed_clear(&b);
}

/* ---- faults --------------------------------------------------------------*/

static void
a_hung_redis_is_waited_for_once_and_serves_nothing_old(void)
{
	const int64_t day = DAY;
	struct cache_key key;
	struct bed b;
	int64_t begin;
	int64_t spent;

	bed_make(&b, false, "");
	key = at(CACHE_AVAILABILITY, &b.f1, DAY);
	CU_ASSERT_TRUE(store(&b, key, "old"));
	CU_ASSERT_EQUAL(kill(b.redis.pid, SIGSTOP), 0);

	begin = clock_mono_us();
	CU_ASSERT_EQUAL(get(&b, key), CACHE_OFF);
	spent = clock_mono_us() - begin;
	CU_ASSERT_EQUAL(b.sc.redis_trips, 1);
	CU_ASSERT_TRUE(spent >= TIMEOUT_MS * 1000 * 7 / 8);
	CU_ASSERT_TRUE(spent < TIMEOUT_MS * 1000 * 3);

	/* Neither that request nor the next goes near it again. */
	CU_ASSERT_FALSE(cache_ping(b.cache, &b.sc));
	CU_ASSERT_EQUAL(b.sc.redis_trips, 1);
	CU_ASSERT_EQUAL(get(&b, key), CACHE_OFF);
	CU_ASSERT_EQUAL(b.sc.redis_trips, 0);

	/* What is changed meanwhile must not come back with Redis. */
	cache_intend(b.cache, &b.f1, &day, 1, false);
	cache_forget(b.cache, request(&b), &b.f1, &day, 1, false, NULL);
	CU_ASSERT_EQUAL(b.sc.redis_trips, 0);
	CU_ASSERT_EQUAL(kill(b.redis.pid, SIGCONT), 0);
	CU_ASSERT_STRING_EQUAL(say(&b, "EXISTS availability:" F1
	    ":2024-01-15"), ":1\r\n");
	CU_ASSERT_TRUE(get_until(&b, key, CACHE_MISS, CACHE_HIT));
	CU_ASSERT_TRUE(store(&b, key, "new"));
	bed_clear(&b);
}

static void
the_next_change_that_succeeds_settles_the_ones_that_failed(void)
{
	const int64_t days[] = { DAY, DAY + 1 };
	struct cache_key keys[2];
	struct bed b;

	bed_make(&b, false, "");
	keys[0] = at(CACHE_AVAILABILITY, &b.f1, DAY);
	keys[1] = at(CACHE_AVAILABILITY, &b.f1, DAY + 1);
	CU_ASSERT_TRUE(store(&b, keys[0], "old"));
	CU_ASSERT_TRUE(store(&b, keys[1], "old"));
	CU_ASSERT_EQUAL(kill(b.redis.pid, SIGSTOP), 0);
	for (int i = 0; i < 3; i++) {
		cache_intend(b.cache, &b.f1, days, 2, false);
		cache_forget(b.cache, request(&b), &b.f1, days, 2, false, NULL);
	}
	CU_ASSERT_EQUAL(kill(b.redis.pid, SIGCONT), 0);
	for (int i = 0; i < 10000 && !cache_ping(b.cache, request(&b)); i++)
		step();

	/* Of one day only: the other stays in doubt. */
	cache_intend(b.cache, &b.f1, days, 1, false);
	cache_forget(b.cache, request(&b), &b.f1, days, 1, false, NULL);
	CU_ASSERT_FALSE(shm_mark_find(b.shm, &b.f1, DAY));
	CU_ASSERT_FALSE(shm_mark_find(b.shm, &b.f1, CACHE_TODAY));
	CU_ASSERT_TRUE(shm_mark_find(b.shm, &b.f1, DAY + 1));
	CU_ASSERT_EQUAL(get(&b, keys[0]), CACHE_MISS);
	CU_ASSERT_TRUE(get_until(&b, keys[1], CACHE_MISS, CACHE_HIT));
	bed_clear(&b);
}

static void
a_killed_redis_that_came_back_costs_one_answer_and_no_pause(void)
{
	struct cache_key key;
	struct bed b;

	/* Also: nobody here ignores SIGPIPE, and the old socket is dead. */
	bed_make(&b, false, "");
	key = at(CACHE_AVAILABILITY, &b.f1, DAY);
	CU_ASSERT_TRUE(store(&b, key, "value"));
	own_redis_kill(&b.redis);
	CU_ASSERT_TRUE_FATAL(own_redis_restart(&b.redis));
	CU_ASSERT_EQUAL(get(&b, key), CACHE_OFF);
	CU_ASSERT_EQUAL(get(&b, key), CACHE_MISS);
	CU_ASSERT_TRUE(store(&b, key, "value"));
	bed_clear(&b);
}

static void
a_killed_redis_is_left_alone_and_found_again(void)
{
	struct cache_lease lease;
	struct cache_text text;
	struct cache_key key;
	struct bed b;

	bed_make(&b, false, "");
	key = at(CACHE_AVAILABILITY, &b.f1, DAY);
	CU_ASSERT_TRUE(store(&b, key, "value"));
	CU_ASSERT_TRUE(cache_ping(b.cache, &b.sc));
	own_redis_kill(&b.redis);
	CU_ASSERT_EQUAL(get(&b, key), CACHE_OFF);
	CU_ASSERT_EQUAL(b.sc.redis_trips, 1);
	CU_ASSERT_EQUAL(cache_claim(b.cache, request(&b), &key, &lease, &text),
	    CACHE_OFF);
	CU_ASSERT_EQUAL(b.sc.redis_trips, 0);
	CU_ASSERT_FALSE(cache_ping(b.cache, request(&b)));

	CU_ASSERT_TRUE_FATAL(own_redis_restart(&b.redis));
	CU_ASSERT_TRUE(get_until(&b, key, CACHE_MISS, CACHE_HIT));
	CU_ASSERT_TRUE(store(&b, key, "value"));
	bed_clear(&b);
}

/* Its disk remembers a value whose deletion came later. */
static void
a_redis_restored_from_its_disk_serves_nothing_it_brought_back(void)
{
	const int64_t day = DAY;
	struct cache_lease lease;
	struct cache_text text;
	struct cache_key key;
	struct cache_key late;
	struct bed b;

	bed_make(&b, false, "");
	key = at(CACHE_AVAILABILITY, &b.f1, DAY);
	late = at(CACHE_CAPACITY, &b.f1, DAY);
	CU_ASSERT_TRUE(store(&b, key, "old"));
	CU_ASSERT_EQUAL(cache_claim(b.cache, request(&b), &late, &lease,
	    &text), CACHE_CLAIM);
	CU_ASSERT_STRING_EQUAL(say(&b, "SET foreign:key 1"), "+OK\r\n");
	CU_ASSERT_STRING_EQUAL(say(&b, "SAVE"), "+OK\r\n");
	cache_intend(b.cache, &b.f1, &day, 1, false);
	cache_forget(b.cache, request(&b), &b.f1, &day, 1, false, NULL);
	own_redis_kill(&b.redis);
	CU_ASSERT_TRUE_FATAL(own_redis_restart(&b.redis));
	CU_ASSERT_STRING_EQUAL(say(&b, "EXISTS availability:" F1
	    ":2024-01-15"), ":1\r\n");

	/* Neither a late fill under the epoch that came back, nor the value. */
	cache_fill(b.cache, request(&b), &lease, "old", 3, 60000);
	CU_ASSERT_STRING_EQUAL(say(&b, "EXISTS capacity:" F1 ":2024-01-15"),
	    ":0\r\n");
	CU_ASSERT_EQUAL(get(&b, key), CACHE_MISS);
	CU_ASSERT_EQUAL(get(&b, late), CACHE_MISS);
	CU_ASSERT_STRING_EQUAL(say(&b, "GET foreign:key"), "$1\r\n1\r\n");

	/* Who comes later to the same Redis finds it known. */
	CU_ASSERT_TRUE(store(&b, key, "new"));
	cache_free(b.cache);
	b.cache = cache_new(b.redis.url, TIMEOUT_MS, b.shm);
	CU_ASSERT_EQUAL(get(&b, key), CACHE_HIT);
	bed_clear(&b);
}

/* A pool meets its Redis with every worker at once. */
static void
a_redis_that_another_made_fit_is_not_emptied_again(void)
{
	struct cache_text text = { NULL, 0 };
	struct cache_key key;
	struct cache *early;
	struct bed b;

	bed_make(&b, false, "");
	key = at(CACHE_AVAILABILITY, &b.f1, DAY);
	own_redis_kill(&b.redis);
	CU_ASSERT_TRUE_FATAL(own_redis_restart(&b.redis));
	early = cache_new(b.redis.url, TIMEOUT_MS, b.shm);
	CU_ASSERT_PTR_NOT_NULL_FATAL(early);
	CU_ASSERT_TRUE(cache_ping(early, request(&b)));

	CU_ASSERT_EQUAL(get(&b, key), CACHE_OFF);
	CU_ASSERT_TRUE(store(&b, key, "value"));
	CU_ASSERT_EQUAL(cache_get(early, request(&b), &key, &text), CACHE_HIT);
	CU_ASSERT_EQUAL(get(&b, key), CACHE_HIT);
	cache_free(early);
	bed_clear(&b);
}

/* Run `writer` in a process that dies without another word. */
static void
in_a_process_that_dies(struct bed *b, void (*writer)(struct bed *))
{
	pid_t pid = fork();

	if (pid == 0) {
		writer(b);
		_exit(0);
	}
	CU_ASSERT_EQUAL(waitpid(pid, NULL, 0), pid);
}

static void
intend_and_die(struct bed *b)
{
	cache_intend(b->cache, &b->f1, (const int64_t[]){ DAY }, 1, false);
}

static void
intend_facts_and_die(struct bed *b)
{
	cache_intend(b->cache, &b->f1, NULL, 0, true);
}

static void
intend_too_much_and_die(struct bed *b)
{
	for (int64_t i = 0; i < SHM_MARKS_MAX + 1; i++)
		shm_mark(b->shm, &b->f2, DAY + i);
}

static void
the_reader_redoes_what_a_dead_writer_left(void)
{
	struct cache_lease lease;
	struct cache_lease early;
	struct cache_text text;
	struct cache_key key;
	struct cache_key capacity;
	struct bed b;

	bed_make(&b, false, "");
	key = at(CACHE_AVAILABILITY, &b.f1, DAY);
	capacity = at(CACHE_CAPACITY, &b.f1, DAY);
	CU_ASSERT_TRUE(store(&b, key, "old"));
	CU_ASSERT_EQUAL(cache_claim(b.cache, request(&b), &capacity, &lease,
	    &text), CACHE_CLAIM);
	in_a_process_that_dies(&b, intend_and_die);

	/* Its commit may still come: what is read now must not be stored. */
	CU_ASSERT_EQUAL(get(&b, key), CACHE_OFF);
	CU_ASSERT_EQUAL(cache_claim(b.cache, request(&b), &key, &early, &text),
	    CACHE_OFF);
	CU_ASSERT_TRUE(get_until(&b, key, CACHE_MISS, CACHE_HIT));
	CU_ASSERT_FALSE(shm_mark_find(b.shm, &b.f1, DAY));
	CU_ASSERT_FALSE(shm_mark_find(b.shm, &b.f1, CACHE_TODAY));
	cache_fill(b.cache, &b.sc, &lease, "old", 3, 60000);
	CU_ASSERT_EQUAL(get(&b, capacity), CACHE_MISS);
	CU_ASSERT_TRUE(store(&b, key, "new"));
	bed_clear(&b);
}

static void
facts_that_a_dead_writer_left_are_redone_for_all_days(void)
{
	struct cache_key key;
	struct bed b;

	bed_make(&b, false, "");
	key = at(CACHE_AVAILABILITY, &b.f1, DAY);
	CU_ASSERT_TRUE(store(&b, key, "old"));
	CU_ASSERT_TRUE(store(&b, at(CACHE_PRICING, &b.f1, 0), "old"));
	CU_ASSERT_TRUE(store(&b, at(CACHE_PRICING, &b.f2, 0), "kept"));
	in_a_process_that_dies(&b, intend_facts_and_die);

	CU_ASSERT_TRUE(get_until(&b, key, CACHE_MISS, CACHE_HIT));
	CU_ASSERT_EQUAL(get(&b, at(CACHE_PRICING, &b.f1, 0)), CACHE_MISS);
	CU_ASSERT_EQUAL(get(&b, at(CACHE_PRICING, &b.f2, 0)), CACHE_HIT);
	CU_ASSERT_FALSE(shm_mark_find(b.shm, &b.f1, NONE));
	bed_clear(&b);
}

static void
when_marks_were_lost_everything_of_ours_is_deleted(void)
{
	struct cache_lease lease;
	struct cache_text text;
	struct cache_key key;
	struct cache_key late;
	struct bed b;

	bed_make(&b, false, "");
	key = at(CACHE_AVAILABILITY, &b.f1, DAY);
	late = at(CACHE_PRICING, &b.f1, 0);
	CU_ASSERT_TRUE(store(&b, key, "old"));
	CU_ASSERT_EQUAL(cache_claim(b.cache, request(&b), &late, &lease,
	    &text), CACHE_CLAIM);
	CU_ASSERT_STRING_EQUAL(say(&b, "SET foreign:key 1"), "+OK\r\n");
	in_a_process_that_dies(&b, intend_too_much_and_die);

	CU_ASSERT_EQUAL(get(&b, key), CACHE_OFF);
	CU_ASSERT_TRUE(get_until(&b, key, CACHE_MISS, CACHE_HIT));
	cache_fill(b.cache, &b.sc, &lease, "old", 3, 60000);
	CU_ASSERT_EQUAL(get(&b, late), CACHE_MISS);
	CU_ASSERT_STRING_EQUAL(say(&b, "GET foreign:key"), "$1\r\n1\r\n");
	CU_ASSERT_TRUE(store(&b, key, "new"));
	bed_clear(&b);
}

static void
a_commit_slower_than_a_marks_patience_is_still_remembered(void)
{
	const int64_t day = DAY;
	struct shm_mark marks[8];
	struct cache_key key;
	struct bed b;
	size_t count;
	bool all;

	bed_make(&b, false, "");
	key = at(CACHE_AVAILABILITY, &b.f1, DAY);
	cache_intend(b.cache, &b.f1, &day, 1, false);
	/* A reader takes the mark away before the commit ... */
	count = shm_marks_left(b.shm, 0, marks, 8, &all);
	CU_ASSERT_EQUAL(count, 2);
	shm_marks_redone(b.shm, marks, count, false);
	CU_ASSERT_TRUE(store(&b, key, "old"));
	/* ... and the deletion after it is not even sent. */
	CU_ASSERT_EQUAL(kill(b.redis.pid, SIGSTOP), 0);
	CU_ASSERT_FALSE(cache_ping(b.cache, request(&b)));
	cache_forget(b.cache, request(&b), &b.f1, &day, 1, false, NULL);
	CU_ASSERT_EQUAL(kill(b.redis.pid, SIGCONT), 0);
	CU_ASSERT_STRING_EQUAL(say(&b, "EXISTS availability:" F1
	    ":2024-01-15"), ":1\r\n");
	CU_ASSERT_TRUE(get_until(&b, key, CACHE_MISS, CACHE_HIT));
	bed_clear(&b);
}

/* ---- where Redis is ------------------------------------------------------*/

/* Does this address let us in? */
static bool
reaches(struct bed *b, const char *fmt, int port)
{
	char url[256];
	struct cache *cache;
	bool there;

	snprintf(url, sizeof url, "%.*s%d%s", (int)strcspn(fmt, "#"), fmt,
	    port, strchr(fmt, '#') + 1);
	cache = cache_new(url, TIMEOUT_MS, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(cache);
	there = cache_ping(cache, request(b));
	cache_free(cache);

	return there;
}

static void
tcp_passwords_users_and_databases_are_used(void)
{
	struct cache_key key;
	struct cache *third;
	struct cache_lease lease;
	struct cache_text text;
	struct bed b;
	char url[128];

	bed_make(&b, true, "s@cret");
	CU_ASSERT_STRING_EQUAL(say(&b, "ACL SETUSER ann on >pw ~* &* +@all"),
	    "+OK\r\n");
	CU_ASSERT_TRUE(reaches(&b, "redis://:s%40cret@127.0.0.1:#",
	    b.redis.port));
	CU_ASSERT_TRUE(reaches(&b, "redis://default:s%40cret@localhost:#/2",
	    b.redis.port));
	CU_ASSERT_TRUE(reaches(&b, "redis://ann:pw@127.0.0.1:#/",
	    b.redis.port));
	CU_ASSERT_FALSE(reaches(&b, "redis://ann:s%40cret@127.0.0.1:#",
	    b.redis.port));
	CU_ASSERT_FALSE(reaches(&b, "redis://:wrong@127.0.0.1:#",
	    b.redis.port));
	CU_ASSERT_FALSE(reaches(&b, "redis://127.0.0.1:#", b.redis.port));
	CU_ASSERT_FALSE(reaches(&b, "redis://:s%40cret@127.0.0.1:#/9999",
	    b.redis.port));

	snprintf(url, sizeof url, "redis://:s%%40cret@127.0.0.1:%d/3",
	    b.redis.port);
	third = cache_new(url, TIMEOUT_MS, NULL);
	key = at(CACHE_PRICING, &b.f1, 0);
	CU_ASSERT_EQUAL(cache_claim(third, request(&b), &key, &lease, &text),
	    CACHE_CLAIM);
	cache_fill(third, &b.sc, &lease, "x", 1, 60000);
	CU_ASSERT_EQUAL(cache_get(third, &b.sc, &key, &text), CACHE_HIT);
	cache_free(third);
	CU_ASSERT_STRING_EQUAL(say(&b, "EXISTS pricing:" F1), ":0\r\n");
	CU_ASSERT_STRING_EQUAL(say(&b, "SELECT 3\r\nEXISTS pricing:" F1),
	    "+OK\r\n:1\r\n");
	bed_clear(&b);
}

static void
without_an_address_there_is_no_cache_and_no_wait(void)
{
	const int64_t day = DAY;
	struct cache_text text;
	struct cache_lease lease;
	struct cache_key key;
	struct cache *none = cache_new("", TIMEOUT_MS, NULL);
	struct bed b = { .arena = arena_open(1024 * 1024) };

	CU_ASSERT_PTR_NOT_NULL_FATAL(none);
	key = at(CACHE_AVAILABILITY, &b.f1, DAY);
	request(&b);
	CU_ASSERT_EQUAL(cache_get(none, &b.sc, &key, &text), CACHE_OFF);
	CU_ASSERT_EQUAL(cache_get_many(none, &b.sc, &key, 1, &text),
	    CACHE_OFF);
	CU_ASSERT_PTR_NULL(text.data);
	CU_ASSERT_EQUAL(cache_claim(none, &b.sc, &key, &lease, &text),
	    CACHE_OFF);
	cache_intend(none, &b.f1, &day, 1, true);
	cache_forget(none, &b.sc, &b.f1, &day, 1, true, NULL);
	CU_ASSERT_FALSE(cache_ping(none, &b.sc));
	CU_ASSERT_EQUAL(b.sc.redis_trips, 0);
	CU_ASSERT_PTR_NULL(cache_new("redis://", TIMEOUT_MS, NULL));
	CU_ASSERT_PTR_NULL(cache_new("rediss://h", TIMEOUT_MS, NULL));
	cache_free(none);
	cache_free(NULL);
	arena_close(b.arena);
}

static void
a_request_without_time_left_asks_nothing_and_blames_nobody(void)
{
	struct cache_text text;
	struct cache_key key;
	struct bed b;

	bed_make(&b, false, "");
	key = at(CACHE_AVAILABILITY, &b.f1, DAY);
	scope_init(&b.sc, b.arena, 0);
	CU_ASSERT_EQUAL(cache_get(b.cache, &b.sc, &key, &text), CACHE_OFF);
	CU_ASSERT_EQUAL(b.sc.redis_trips, 0);
	CU_ASSERT_EQUAL(get(&b, key), CACHE_MISS);
	bed_clear(&b);
}

UNIT_SUITE(cache,
    UNIT_TEST(each_kind_is_missed_filled_and_hit_under_the_seeds_key),
    UNIT_TEST(a_shorter_life_is_kept_and_none_stores_nothing),
    UNIT_TEST(a_fill_under_a_dead_epoch_is_not_stored),
    UNIT_TEST(a_flush_between_claim_and_fill_stores_nothing),
    UNIT_TEST(a_cold_key_costs_one_claim_however_many_ask),
    UNIT_TEST(a_claim_that_is_given_back_passes_on),
    UNIT_TEST(many_are_read_in_one_trip_and_marked_ones_are_left_out),
    UNIT_TEST(bytes_that_are_not_ours_harm_nothing),
    UNIT_TEST(a_marked_key_is_served_again_when_the_commit_did_not_happen),
    UNIT_TEST(a_change_deletes_in_one_trip_and_hints_the_relay_once),
    UNIT_TEST(more_days_than_one_call_holds_are_all_forgotten),
    UNIT_TEST(a_change_of_facts_hides_every_day_of_that_franchise_alone),
    UNIT_TEST(a_hung_redis_is_waited_for_once_and_serves_nothing_old),
    UNIT_TEST(the_next_change_that_succeeds_settles_the_ones_that_failed),
    UNIT_TEST(a_killed_redis_that_came_back_costs_one_answer_and_no_pause),
    UNIT_TEST(a_killed_redis_is_left_alone_and_found_again),
    UNIT_TEST(a_redis_restored_from_its_disk_serves_nothing_it_brought_back),
    UNIT_TEST(a_redis_that_another_made_fit_is_not_emptied_again),
    UNIT_TEST(the_reader_redoes_what_a_dead_writer_left),
    UNIT_TEST(facts_that_a_dead_writer_left_are_redone_for_all_days),
    UNIT_TEST(when_marks_were_lost_everything_of_ours_is_deleted),
    UNIT_TEST(a_commit_slower_than_a_marks_patience_is_still_remembered),
    UNIT_TEST(tcp_passwords_users_and_databases_are_used),
    UNIT_TEST(without_an_address_there_is_no_cache_and_no_wait),
    UNIT_TEST(a_request_without_time_left_asks_nothing_and_blames_nobody))
