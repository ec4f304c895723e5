/*
 * cache_keys.h: what stands in Redis: the keys, their lifetimes, and the
 * random texts behind them.
 *
 * Beside the values stand kinds of keys of our own:
 *	epoch:{franchise}[:{date}]  a random text; replaced by every change
 *	claim:{value key}           who is filling that value now
 *	cache:run                   the run_id of the Redis that is trusted
 *	forgot:{event}              the deletion after that event's commit was
 *	                            confirmed
 * A value of a date lives under both epochs, so that a change of the franchise
 * itself refuses every late fill without naming the dates.
 *
 * For cache*.c alone.  A key's text is NUL-terminated.
 */
#ifndef STORE_CACHE_KEYS_H
#define STORE_CACHE_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/uuid.h"
#include "store/cache.h"
#include "store/redis_words.h"

#define CACHE_KEYS_MAX 80 /* of a key's text, with its NUL */
#define CACHE_KEYS_RUN "cache:run"
#define CACHE_KEYS_EPOCHS "epoch:" /* how every epoch's key begins */

#define CACHE_KEYS_EPOCH_LEN 11 /* 66 random bits */
#define CACHE_KEYS_EPOCH_PX "600000" /* longer than any lease: a fill that finds
                                       another epoch, or none, is refused */
#define CACHE_KEYS_RECEIPT_PX "600000"
#define CACHE_KEYS_TOKEN_LEN 22

/* The keys a fill is about: those of its value and its claim, and the epochs
 * under which the value lives. */
struct cache_keys {
	char value[CACHE_KEYS_MAX];
	char claim[CACHE_KEYS_MAX];
	char epochs[2][CACHE_KEYS_MAX];
	size_t epoch_count;
};

const char *cache_keys_prefix(enum cache_kind kind); /* "pricing:" */
bool cache_keys_dated(enum cache_kind kind); /* is there one for each date? */
int64_t cache_keys_ttl_ms(enum cache_kind kind);

void cache_keys_value(const struct cache_key *key, char out[CACHE_KEYS_MAX]);

/* day NONE: the epoch of the franchise itself. */
void cache_keys_epoch(const struct uuid *franchise, int64_t day,
    char out[CACHE_KEYS_MAX]);

void cache_keys_receipt(const struct uuid *event, char out[CACHE_KEYS_MAX]);

void cache_keys_of(const struct cache_key *key, struct cache_keys *ret_keys);

/* Value, claim, epochs, as the scripts of a fill take them; how many. */
size_t cache_keys_put(const struct cache_keys *keys,
    struct redis_words *words);

/* What no other process has: the next epoch, the token of a claim. */
void cache_keys_new_epoch(char out[CACHE_KEYS_EPOCH_LEN + 1]);
void cache_keys_new_token(char out[CACHE_KEYS_TOKEN_LEN + 1]);

#endif
