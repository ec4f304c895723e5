/* cache_purge.c: take keys away, by name or by a sweep. */
#include "store/cache_purge.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/instant.h"
#include "store/cache.h"
#include "store/cache_scripts.h"
#include "store/hint.h"
#include "store/redis_line.h"

#define SWEEP_COUNT "2000" /* keys looked at per step */
#define SWEEP_MAX_US (2 * USEC_PER_SEC)
#define SWEEP_WORDS 8
#define CURSOR_MAX 24

static_assert(CACHE_SCRIPTS_HEAD + 3 * CACHE_PURGE_EPOCHS_MAX + 6 <=
    REDIS_WORDS_MAX, "a batch of days fits one call");

/* ---- by name ----------------------------------------------------------*/

static void
put_value(struct cache_purge *purge, enum cache_kind kind,
    const struct uuid *franchise, int64_t day)
{
	struct cache_key key = { kind, *franchise, day };

	assert(purge->value_count < ARRAY_LEN(purge->values));

	cache_keys_value(&key, purge->values[purge->value_count++]);
}

void
cache_purge_add(struct cache_purge *purge, const struct uuid *franchise,
    int64_t day)
{
	assert(purge->epoch_count < ARRAY_LEN(purge->epochs));

	cache_keys_epoch(franchise, day, purge->epochs[purge->epoch_count++]);
	for (enum cache_kind kind = 0; kind < CACHE__MAX; kind++) {
		if (cache_keys_dated(kind) == (day != NONE))
			put_value(purge, kind, franchise, day);
	}
}

bool
cache_purge_run(struct cache_scripts *scripts, struct scope *sc,
    const struct cache_purge *purge, const struct cache_news *news)
{
	struct redis_words_room room;
	struct redis_words words = cache_scripts_words(&room);
	struct redis_line_reply reply;
	char epoch[CACHE_KEYS_EPOCH_LEN + 1];
	char receipt[CACHE_KEYS_MAX] = "";
	char hint[HINT_WORD_MAX] = "";
	char number[16];
	bool done;

	if (news && !uuid_is_none(&news->receipt))
		cache_keys_receipt(&news->receipt, receipt);
	if (news)
		hint_word(news->topics, hint);

	for (size_t i = 0; i < purge->epoch_count; i++)
		redis_words_put(&words, purge->epochs[i]);
	for (size_t i = 0; i < purge->value_count; i++)
		redis_words_put(&words, purge->values[i]);
	cache_keys_new_epoch(epoch);
	snprintf(number, sizeof number, "%zu", purge->epoch_count);
	redis_words_put(&words, epoch);
	redis_words_put(&words, CACHE_KEYS_EPOCH_PX);
	redis_words_put(&words, number);
	redis_words_put(&words, hint);
	redis_words_put(&words, receipt);
	redis_words_put(&words, CACHE_KEYS_RECEIPT_PX);

	if (!cache_scripts_run(scripts, sc, CACHE_SCRIPT_FORGET, &words,
	        purge->epoch_count + purge->value_count, &reply))
		return false;
	done = reply.kind == REDIS_LINE_NUMBER;
	redis_line_reply_free(&reply);

	return done;
}

/* ---- by a sweep -------------------------------------------------------*/

/* One step, from *cursor on; *cursor is then where the next begins. */
static bool
sweep_step(struct cache_scripts *scripts, struct scope *sc,
    const char *const *prefixes, size_t count, char cursor[CURSOR_MAX])
{
	struct redis_words_room room;
	struct redis_words words = cache_scripts_words(&room);
	struct redis_line_reply reply;
	bool good;

	redis_words_put(&words, cursor);
	redis_words_put(&words, SWEEP_COUNT);
	for (size_t i = 0; i < count; i++)
		redis_words_put(&words, prefixes[i]);
	if (!cache_scripts_run(scripts, sc, CACHE_SCRIPT_SWEEP, &words, 0,
	        &reply))
		return false;

	good = reply.kind == REDIS_LINE_TEXT && reply.len > 0 &&
	    reply.len < CURSOR_MAX;
	if (good)
		memcpy(cursor, reply.text, reply.len + 1);
	redis_line_reply_free(&reply);
	return good;
}

/*
 * Unlink every key that begins with one of `prefixes`, step by step.  A key
 * that was there when the sweep began is met; one stored during it stands
 * under a newer epoch.  false: not all was seen in time.
 */
static bool
sweep(struct cache_scripts *scripts, struct scope *sc,
    const char *const *prefixes, size_t count)
{
	int64_t until = clock_mono_us() + SWEEP_MAX_US;
	char cursor[CURSOR_MAX] = "0";

	assert(count <= SWEEP_WORDS);

	do {
		if (!sweep_step(scripts, sc, prefixes, count, cursor) ||
		    clock_mono_us() >= until)
			return false;
	} while (strcmp(cursor, "0") != 0);

	return true;
}

bool
cache_purge_franchise(struct cache_scripts *scripts, struct scope *sc,
    const struct uuid *franchise)
{
	char id[UUID_TEXT_MAX];
	char text[CACHE__MAX][CACHE_KEYS_MAX];
	const char *prefixes[CACHE__MAX];
	size_t count = 0;

	uuid_format(franchise, id);
	for (enum cache_kind kind = 0; kind < CACHE__MAX; kind++) {
		if (!cache_keys_dated(kind))
			continue;
		snprintf(text[count], CACHE_KEYS_MAX, "%s%s:",
		    cache_keys_prefix(kind), id);
		prefixes[count] = text[count];
		count++;
	}

	return sweep(scripts, sc, prefixes, count);
}

/* Epochs first: with them gone, no fill that is under way can put back what
 * the second sweep takes. */
bool
cache_purge_all(struct cache_scripts *scripts, struct scope *sc)
{
	const char *const epochs[] = { CACHE_KEYS_EPOCHS };
	const char *prefixes[CACHE__MAX];

	for (enum cache_kind kind = 0; kind < CACHE__MAX; kind++)
		prefixes[kind] = cache_keys_prefix(kind);

	return sweep(scripts, sc, epochs, 1) &&
	    sweep(scripts, sc, prefixes, CACHE__MAX);
}
