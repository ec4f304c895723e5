/* cache_keys.c: what stands in Redis: the keys and their lifetimes. */
#include "store/cache_keys.h"

#include <assert.h>
#include <stdio.h>

#include "base/instant.h"
#include "base/rng.h"

static const char alphabet[] =
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_";

/* The seed's keys and lifetimes, in the order of enum cache_kind. */
static const struct {
	const char *prefix;
	bool dated;
	int64_t ttl_s;
} kinds[CACHE__MAX] = {
	{ "availability:", true, 300 },
	{ "capacity:", true, 300 },
	{ "pricing:", false, 3600 },
	{ "franchise:", false, 86400 },
};

const char *
cache_keys_prefix(enum cache_kind kind)
{
	assert(kind < CACHE__MAX);

	return kinds[kind].prefix;
}

bool
cache_keys_dated(enum cache_kind kind)
{
	assert(kind < CACHE__MAX);

	return kinds[kind].dated;
}

int64_t
cache_keys_ttl_ms(enum cache_kind kind)
{
	assert(kind < CACHE__MAX);

	return kinds[kind].ttl_s * 1000;
}

static void
day_text(int64_t day, char out[DATE_TEXT_MAX])
{
	if (day == CACHE_TODAY)
		snprintf(out, DATE_TEXT_MAX, "today");
	else
		date_format(day, out);
}

void
cache_keys_value(const struct cache_key *key, char out[CACHE_KEYS_MAX])
{
	char franchise[UUID_TEXT_MAX];
	char date[DATE_TEXT_MAX] = "";

	if (cache_keys_dated(key->kind))
		day_text(key->day, date);
	snprintf(out, CACHE_KEYS_MAX, "%s%s%s%s", cache_keys_prefix(key->kind),
	    uuid_format(&key->franchise, franchise), date[0] ? ":" : "", date);
}

void
cache_keys_receipt(const struct uuid *event, char out[CACHE_KEYS_MAX])
{
	char id[UUID_TEXT_MAX];

	snprintf(out, CACHE_KEYS_MAX, "forgot:%s", uuid_format(event, id));
}

void
cache_keys_epoch(const struct uuid *franchise, int64_t day,
    char out[CACHE_KEYS_MAX])
{
	char id[UUID_TEXT_MAX];
	char date[DATE_TEXT_MAX] = "";

	if (day != NONE)
		day_text(day, date);
	snprintf(out, CACHE_KEYS_MAX, CACHE_KEYS_EPOCHS "%s%s%s",
	    uuid_format(franchise, id), date[0] ? ":" : "", date);
}

void
cache_keys_of(const struct cache_key *key, struct cache_keys *ret_keys)
{
	cache_keys_value(key, ret_keys->value);
	snprintf(ret_keys->claim, CACHE_KEYS_MAX, "claim:%.*s",
	    CACHE_KEYS_MAX - 7, ret_keys->value);
	cache_keys_epoch(&key->franchise, NONE, ret_keys->epochs[0]);
	ret_keys->epoch_count = 1;
	if (cache_keys_dated(key->kind)) {
		cache_keys_epoch(&key->franchise, key->day,
		    ret_keys->epochs[1]);
		ret_keys->epoch_count = 2;
	}
}

size_t
cache_keys_put(const struct cache_keys *keys, struct redis_words *words)
{
	redis_words_put(words, keys->value);
	redis_words_put(words, keys->claim);
	for (size_t i = 0; i < keys->epoch_count; i++)
		redis_words_put(words, keys->epochs[i]);

	return 2 + keys->epoch_count;
}

void
cache_keys_new_epoch(char out[CACHE_KEYS_EPOCH_LEN + 1])
{
	rng_text(out, CACHE_KEYS_EPOCH_LEN, alphabet);
}

void
cache_keys_new_token(char out[CACHE_KEYS_TOKEN_LEN + 1])
{
	rng_text(out, CACHE_KEYS_TOKEN_LEN, alphabet);
}
