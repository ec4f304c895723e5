/*
 * cache.c: Redis in front of Postgres: the calls.
 *
 * Bottom up stand below it: redis_line.c (one connection), cache_scripts.c and
 * cache_keys.c (what is said to Redis), cache_purge.c (take keys away) and
 * cache_mend.c (what must be done before Redis is believed).
 */
#include "store/cache.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/instant.h"
#include "base/scope.h"
#include "base/shm.h"
#include "store/cache_keys.h"
#include "store/cache_mend.h"
#include "store/cache_purge.h"
#include "store/cache_scripts.h"
#include "store/cache_url.h"
#include "store/hint.h"
#include "store/redis_line.h"

#define VALUE_MAX (1024 * 1024) /* bytes of one value, ours or not */

#define CLAIM_PX "2000" /* a dead claimant is forgotten after this */
#define CLAIM_WAIT_US 150000 /* wait for another's fill, at most */
#define CLAIM_NAP_MIN_US 2000
#define CLAIM_NAP_MAX_US 10000

static_assert(VALUE_MAX < REDIS_LINE_REPLY_MAX, "a value fits a reply");

struct cache {
	struct shm *shm; /* borrowed, may be NULL */
	struct redis_line *line;
	struct cache_scripts scripts;
	struct cache_mend mend;
};

struct cache *
cache_new(const char *url, int64_t timeout_ms, struct shm *shm)
{
	struct cache_url parsed;
	struct cache *c;

	assert(timeout_ms > 0);

	if (!cache_url_parse(url, &parsed))
		return NULL;
	c = calloc(1, sizeof *c);
	if (!c)
		return NULL;
	c->line = redis_line_new(&parsed, timeout_ms * 1000, CACHE_KEYS_RUN);
	if (!c->line) {
		free(c);
		return NULL;
	}
	c->shm = shm;
	c->scripts.line = c->line;
	c->mend = (struct cache_mend){ .line = c->line,
		.scripts = &c->scripts, .shm = shm };

	return c;
}

void
cache_free(struct cache *c)
{
	if (!c)
		return;

	redis_line_free(c->line);
	free(c);
}

/* ---- reading ----------------------------------------------------------*/

/* A reply that the arena frees.  The box is made before the reply is there, so
 * that no failed allocation can lose it. */
struct box {
	struct redis_line_reply reply;
};

static void
box_free(void *data)
{
	struct box *box = data;

	redis_line_reply_free(&box->reply);
}

static struct box *
box_new(struct scope *sc)
{
	struct box *box = arena_new(sc->arena, struct box);

	arena_defer(sc->arena, box_free, box);
	return box;
}

/* What Redis holds under our keys need not be ours: bytes of a bounded length
 * is all that is believed here. */
static bool
value_take(const struct redis_line_reply *reply, struct cache_text *ret_value)
{
	if (reply->kind != REDIS_LINE_TEXT || reply->len > VALUE_MAX)
		return false;

	*ret_value = (struct cache_text){ reply->text, reply->len };
	return true;
}

static bool
key_marked(const struct cache *c, const struct cache_key *key)
{
	if (!c->shm)
		return false;
	if (shm_mark_find(c->shm, &key->franchise, NONE))
		return true;

	return cache_keys_dated(key->kind) &&
	    shm_mark_find(c->shm, &key->franchise, key->day);
}

enum cache_answer
cache_get(struct cache *c, struct scope *sc, const struct cache_key *key,
    struct cache_text *ret_value)
{
	struct redis_words_room room;
	struct redis_words w = redis_words_in(&room);
	char text[CACHE_KEYS_MAX];
	struct box *box;

	cache_mend_run(&c->mend, sc);
	if (key_marked(c, key))
		return CACHE_OFF;

	cache_keys_value(key, text);
	redis_words_put(&w, "GET");
	redis_words_put(&w, text);
	box = box_new(sc);
	if (!redis_line_ask(c->line, sc, &w, &box->reply))
		return CACHE_OFF;
	if (box->reply.kind == REDIS_LINE_NIL)
		return CACHE_MISS;

	return value_take(&box->reply, ret_value) ? CACHE_HIT : CACHE_OFF;
}

enum cache_answer
cache_get_many(struct cache *c, struct scope *sc, const struct cache_key *keys,
    size_t count, struct cache_text *ret_values)
{
	struct redis_words w = { .max = count + 1 };
	struct box *box;

	for (size_t i = 0; i < count; i++)
		ret_values[i] = (struct cache_text){ NULL, 0 };
	if (count == 0)
		return CACHE_HIT;

	cache_mend_run(&c->mend, sc);
	w.text = arena_new_array(sc->arena, const char *, count + 1);
	w.len = arena_new_array(sc->arena, size_t, count + 1);
	redis_words_put(&w, "MGET");
	for (size_t i = 0; i < count; i++) {
		char *text = arena_alloc(sc->arena, CACHE_KEYS_MAX);

		cache_keys_value(&keys[i], text);
		redis_words_put(&w, text);
	}

	box = box_new(sc);
	if (!redis_line_ask(c->line, sc, &w, &box->reply) ||
	    box->reply.kind != REDIS_LINE_LIST || box->reply.count != count)
		return CACHE_OFF;
	for (size_t i = 0; i < count; i++) {
		struct redis_line_reply item = redis_line_item(&box->reply, i);

		if (!key_marked(c, &keys[i]))
			value_take(&item, &ret_values[i]);
	}

	return CACHE_HIT;
}

/* ---- filling ----------------------------------------------------------*/

/* What the claim script says: {0}, {1, value} or {2, epoch, ...}. */
static enum cache_answer
claim_read(const struct redis_line_reply *reply, const struct cache_keys *k,
    struct cache_lease *lease, struct cache_text *ret_value)
{
	struct redis_line_reply item;

	if (reply->kind != REDIS_LINE_LIST || reply->count == 0)
		return CACHE_OFF;
	item = redis_line_item(reply, 0);
	if (item.kind != REDIS_LINE_NUMBER)
		return CACHE_OFF;
	if (item.number == 0)
		return CACHE_MISS;
	if (item.number == 1) {
		if (reply->count != 2)
			return CACHE_OFF;
		item = redis_line_item(reply, 1);
		return value_take(&item, ret_value) ? CACHE_HIT : CACHE_OFF;
	}
	if (reply->count != 1 + k->epoch_count)
		return CACHE_OFF;

	/* An epoch of another length is not ours and never will stand. */
	for (size_t i = 0; i < k->epoch_count; i++) {
		item = redis_line_item(reply, 1 + i);
		if (item.kind != REDIS_LINE_TEXT ||
		    item.len != CACHE_KEYS_EPOCH_LEN)
			return CACHE_OFF;
		memcpy(lease->epoch + i * CACHE_KEYS_EPOCH_LEN, item.text,
		    CACHE_KEYS_EPOCH_LEN);
	}

	return CACHE_CLAIM;
}

static void
nap(int64_t us)
{
	struct timespec ts = { us / USEC_PER_SEC, us % USEC_PER_SEC * 1000 };

	nanosleep(&ts, NULL);
}

/* Ask once.  CACHE_MISS: another holds the claim. */
static enum cache_answer
claim_try(struct cache *c, struct scope *sc, const struct cache_keys *k,
    struct cache_lease *lease, struct cache_text *ret_value)
{
	struct redis_words_room room;
	struct redis_words w = cache_scripts_words(&room);
	struct box *box = box_new(sc);
	char fresh[2][CACHE_KEYS_EPOCH_LEN + 1];
	size_t keys = cache_keys_put(k, &w);

	redis_words_put(&w, lease->token);
	redis_words_put(&w, CLAIM_PX);
	redis_words_put(&w, CACHE_KEYS_EPOCH_PX);
	for (size_t i = 0; i < k->epoch_count; i++) {
		cache_keys_new_epoch(fresh[i]);
		redis_words_put(&w, fresh[i]);
	}

	if (!cache_scripts_run(&c->scripts, sc, CACHE_SCRIPT_CLAIM, &w, keys,
	        &box->reply))
		return CACHE_OFF;
	return claim_read(&box->reply, k, lease, ret_value);
}

/*
 * Who does not get the claim asks again, so that a claim that was given back
 * (or whose fill a change refused) passes on instead of holding everyone up.
 */
enum cache_answer
cache_claim(struct cache *c, struct scope *sc, const struct cache_key *key,
    struct cache_lease *ret_lease, struct cache_text *ret_value)
{
	struct cache_lease lease = { .key = *key };
	struct cache_keys k;
	int64_t until = clock_mono_us() + CLAIM_WAIT_US;
	int64_t rest = CLAIM_NAP_MIN_US;
	enum cache_answer answer = CACHE_MISS;

	static_assert(sizeof lease.epoch > 2 * CACHE_KEYS_EPOCH_LEN &&
	    sizeof lease.token > CACHE_KEYS_TOKEN_LEN, "both fit their fields");
	cache_mend_run(&c->mend, sc);
	cache_keys_of(key, &k);
	cache_keys_new_token(lease.token);
	for (;;) {
		if (key_marked(c, key))
			return CACHE_OFF;
		answer = claim_try(c, sc, &k, &lease, ret_value);
		if (answer != CACHE_MISS)
			break;
		if (clock_mono_us() + rest >= until ||
		    scope_left_us(sc) <= rest)
			return CACHE_OFF;
		nap(rest);
		rest = rest * 2 > CLAIM_NAP_MAX_US ? CLAIM_NAP_MAX_US
		                                   : rest * 2;
	}

	if (answer == CACHE_CLAIM)
		*ret_lease = lease;
	return answer;
}

void
cache_fill(struct cache *c, struct scope *sc, const struct cache_lease *lease,
    const char *value, size_t len, int64_t ttl_ms)
{
	int64_t ttl_max = cache_keys_ttl_ms(lease->key.kind);
	struct redis_words_room room;
	struct redis_words w = cache_scripts_words(&room);
	struct cache_keys k;
	size_t keys;
	char px[24];
	struct redis_line_reply reply;

	if (ttl_ms > ttl_max)
		ttl_ms = ttl_max;
	if (ttl_ms <= 0 || len > VALUE_MAX || key_marked(c, &lease->key)) {
		ttl_ms = 0;
		len = 0;
	}
	snprintf(px, sizeof px, "%" PRId64, ttl_ms);
	cache_keys_of(&lease->key, &k);
	keys = cache_keys_put(&k, &w);
	redis_words_put(&w, lease->token);
	redis_words_put(&w, px);
	redis_words_add(&w, len > 0 ? value : "", len);
	for (size_t i = 0; i < k.epoch_count; i++)
		redis_words_add(&w, lease->epoch + i * CACHE_KEYS_EPOCH_LEN,
		    CACHE_KEYS_EPOCH_LEN);

	if (cache_scripts_run(&c->scripts, sc, CACHE_SCRIPT_FILL, &w, keys,
	        &reply))
		redis_line_reply_free(&reply);
}

/* ---- changing ---------------------------------------------------------*/

static void
mark_each(struct cache *c, const struct uuid *franchise, const int64_t *days,
    size_t count, bool facts,
    void (*fn)(struct shm *, const struct uuid *, int64_t))
{
	if (!c->shm)
		return;

	fn(c->shm, franchise, CACHE_TODAY);
	if (facts)
		fn(c->shm, franchise, NONE);
	for (size_t i = 0; i < count; i++)
		fn(c->shm, franchise, days[i]);
}

void
cache_intend(struct cache *c, const struct uuid *franchise,
    const int64_t *days, size_t count, bool facts)
{
	mark_each(c, franchise, days, count, facts, shm_mark);
}

void
cache_unintend(struct cache *c, const struct uuid *franchise,
    const int64_t *days, size_t count, bool facts)
{
	mark_each(c, franchise, days, count, facts, shm_unmark);
}

bool
cache_forget(struct cache *c, struct scope *sc, const struct uuid *franchise,
    const int64_t *days, size_t count, bool facts,
    const struct cache_news *news)
{
	size_t next = 0;
	bool done = cache_mend_acquaint(&c->mend, sc);

	assert(!facts || !news); /* a sweep leaves no receipt */
	while (done && (next == 0 || next < count)) {
		struct cache_purge purge = { .epoch_count = 0 };

		if (next == 0) {
			cache_purge_add(&purge, franchise, CACHE_TODAY);
			if (facts)
				cache_purge_add(&purge, franchise, NONE);
		}
		for (size_t i = 0; i < CACHE_PURGE_DAYS && next < count; i++)
			cache_purge_add(&purge, franchise, days[next++]);
		done = cache_purge_run(&c->scripts, sc, &purge,
		    next >= count ? news : NULL);
		if (count == 0)
			break;
	}
	if (done && facts)
		done = cache_purge_franchise(&c->scripts, sc, franchise);

	/* Marks that grew old while the commit was slow have been redone and
	 * taken away by a reader, before there was anything to redo: so a
	 * failure marks again instead of trusting that they still stand. */
	mark_each(c, franchise, days, count, facts,
	    done ? shm_unmark : shm_mark);
	if (done)
		cache_mend_settle(&c->mend, franchise, days, count, facts);
	else
		cache_mend_owe(&c->mend);
	return done;
}

/* Whoever tells does not mind whether anybody hears. */
void
cache_hint(struct cache *c, struct scope *sc, unsigned topics)
{
	struct redis_words_room room;
	struct redis_words w = redis_words_in(&room);
	struct redis_line_reply reply;
	char word[HINT_WORD_MAX];

	if (topics == 0)
		return;
	redis_words_put(&w, "PUBLISH");
	redis_words_put(&w, HINT_CHANNEL);
	redis_words_put(&w, hint_word(topics, word));
	redis_line_dare(c->line, true);
	if (redis_line_ask(c->line, sc, &w, &reply))
		redis_line_reply_free(&reply);
	redis_line_dare(c->line, false);
}

bool
cache_receipts(struct cache *c, struct scope *sc, const struct uuid *ids,
    size_t count, bool *ret_there)
{
	struct redis_words w = { .max = count + 1 };
	struct box *box = box_new(sc);

	/* Who never deletes himself would otherwise stay a stranger. */
	if (!cache_mend_acquaint(&c->mend, sc))
		return false;
	w.text = arena_new_array(sc->arena, const char *, count + 1);
	w.len = arena_new_array(sc->arena, size_t, count + 1);
	redis_words_put(&w, "MGET");
	for (size_t i = 0; i < count; i++) {
		char *text = arena_alloc(sc->arena, CACHE_KEYS_MAX);

		cache_keys_receipt(&ids[i], text);
		redis_words_put(&w, text);
	}
	if (!redis_line_ask(c->line, sc, &w, &box->reply) ||
	    box->reply.kind != REDIS_LINE_LIST || box->reply.count != count)
		return false;

	for (size_t i = 0; i < count; i++)
		ret_there[i] = redis_line_item(&box->reply, i).kind ==
		    REDIS_LINE_TEXT;
	return true;
}

bool
cache_ping(struct cache *c, struct scope *sc)
{
	struct redis_words_room room;
	struct redis_words w = redis_words_in(&room);
	struct redis_line_reply reply;
	bool good;

	redis_words_put(&w, "PING");
	redis_line_dare(c->line, true);
	good = redis_line_ask(c->line, sc, &w, &reply);
	redis_line_dare(c->line, false);
	if (!good)
		return false;

	good = reply.kind == REDIS_LINE_STATUS;
	redis_line_reply_free(&reply);
	return good;
}
