/*
 * cache.h: Redis in front of Postgres: the seed's keys, their lifetimes, and
 * the rules that keep an old value from coming back.
 *
 * Trust    Redis may be down, hung or flushed at any moment: every call then
 *          says CACHE_OFF within its timeout, and after a failure the cache
 *          is left alone for a while (breaker).  No call returns an error.
 * Fill     A reader that missed claims the key: one claims, the others wait
 *          for its value (bounded) or read the truth without filling.  A fill
 *          is stored only if the key's epoch, read at the claim, still stands.
 * Change   A writer marks what it is about to change (cache_intend), commits,
 *          then replaces the epochs and deletes the values (cache_forget).  A
 *          deletion that Redis did not confirm stays marked in shared memory,
 *          and marked keys are never served before it has been redone.
 * Return   A Redis that came back from its disk, or another that took its
 *          place, is emptied of our keys before it is believed.
 */
#ifndef STORE_CACHE_H
#define STORE_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/uuid.h"

struct cache;
struct scope;
struct shm;

enum cache_kind {
	CACHE_AVAILABILITY, /* availability:{franchise}:{date}  300 s */
	CACHE_CAPACITY,     /* capacity:{franchise}:{date}      300 s */
	CACHE_PRICING,      /* pricing:{franchise}             3600 s */
	CACHE_FRANCHISE,    /* franchise:{franchise}          86400 s */
	CACHE__MAX
};

/* day is days since 1970-01-01, CACHE_TODAY for "today, wherever the franchise
 * is", and is not looked at for PRICING and FRANCHISE. */
#define CACHE_TODAY INT64_MAX

struct cache_key {
	enum cache_kind kind;
	struct uuid franchise;
	int64_t day;
};

enum cache_answer {
	CACHE_HIT,   /* the value is there */
	CACHE_MISS,  /* it is not */
	CACHE_CLAIM, /* it is not, and the caller is the one to fill it */
	CACHE_OFF    /* no cache now: read the truth, fill nothing */
};

struct cache_text {
	const char *data; /* in the arena; NULL = not there */
	size_t len;
};

struct cache_lease {
	struct cache_key key;
	char epoch[24];
	char token[24];
};

/* url: redis://[user:password@]host[:port][/db], unix:///path, or "" for none.
 * shm may be NULL (nothing is remembered).  Connects at the first call; belongs
 * to one process, so it is made after a fork.  NULL: the url is none of these
 * forms, or there is no memory. */
struct cache *cache_new(const char *url, int64_t timeout_ms, struct shm *shm);
void cache_free(struct cache *cache); /* accepts NULL */

/* One GET, one round trip (a new connection takes more). */
enum cache_answer cache_get(struct cache *cache, struct scope *sc,
    const struct cache_key *key, struct cache_text *ret_value);

/* One MGET, one round trip; values[i].data is NULL where nothing (or nothing
 * trusted) is there.  CACHE_HIT when Redis answered, else CACHE_OFF. */
enum cache_answer cache_get_many(struct cache *cache, struct scope *sc,
    const struct cache_key *keys, size_t count, struct cache_text *ret_values);

/* After a miss.  CACHE_CLAIM: read the truth, then cache_fill.  CACHE_HIT:
 * another filled it meanwhile.  CACHE_OFF: read the truth. */
enum cache_answer cache_claim(struct cache *cache, struct scope *sc,
    const struct cache_key *key, struct cache_lease *ret_lease,
    struct cache_text *ret_value);

/* ttl_ms: at most the kind's lifetime is used; <= 0 gives the lease back. */
void cache_fill(struct cache *cache, struct scope *sc,
    const struct cache_lease *lease, const char *value, size_t len,
    int64_t ttl_ms);

/* What else a commit did: the topics of the outbox it wrote due work to
 * (hint.h), and an event of it by which it can be seen afterwards that its
 * deletion was confirmed (cache_receipts; ten minutes long). */
struct cache_news {
	unsigned topics;
	struct uuid receipt; /* none: nobody asks */
};

/* Before and after a commit that changes these days of a franchise.  `facts`:
 * the franchise itself changed (pricing, franchise and all its days).
 * cache_forget takes one round trip, and tells the relay with it (news may be
 * NULL).  CACHE_TODAY is always included.  false: Redis did not answer; with
 * shared memory the marks stand until a process of this host has done it. */
void cache_intend(struct cache *cache, const struct uuid *franchise,
    const int64_t *days, size_t count, bool facts);
bool cache_forget(struct cache *cache, struct scope *sc,
    const struct uuid *franchise, const int64_t *days, size_t count,
    bool facts, const struct cache_news *news);
/* The commit did not happen: take the marks back. */
void cache_unintend(struct cache *cache, const struct uuid *franchise,
    const int64_t *days, size_t count, bool facts);

/* Tell the relays of topics alone, after a commit that made no value stale. */
void cache_hint(struct cache *cache, struct scope *sc, unsigned topics);

/* Were the deletions of these commits confirmed?  One round trip; false: Redis
 * does not say. */
bool cache_receipts(struct cache *cache, struct scope *sc,
    const struct uuid *ids, size_t count, bool *ret_there) MUSTCHECK;

/* PING: is Redis there?  (health, doctor) */
bool cache_ping(struct cache *cache, struct scope *sc);

#endif
