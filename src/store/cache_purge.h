/*
 * cache_purge.h: take keys away: those of some days by one call, those of a
 * franchise or of everyone by a sweep.
 *
 * For cache*.c alone.  Every call answers whether Redis confirmed it.
 */
#ifndef STORE_CACHE_PURGE_H
#define STORE_CACHE_PURGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "store/cache_keys.h"

struct cache_news;
struct cache_scripts;
struct scope;

#define CACHE_PURGE_DAYS 32 /* taken away by one call */
#define CACHE_PURGE_EPOCHS_MAX (CACHE_PURGE_DAYS + 2) /* today, the facts */

/* What one call does away with.  It stands on the stack, not in the arena:
 * after a commit nothing may fail for want of memory. */
struct cache_purge {
	char epochs[CACHE_PURGE_EPOCHS_MAX][CACHE_KEYS_MAX];
	char values[2 * CACHE_PURGE_EPOCHS_MAX][CACHE_KEYS_MAX];
	size_t epoch_count;
	size_t value_count;
};

/* At most CACHE_PURGE_EPOCHS_MAX times.  day NONE: the franchise itself. */
void cache_purge_add(struct cache_purge *purge, const struct uuid *franchise,
    int64_t day);

/* Replace the epochs, delete the values, leave the receipt and tell the relay
 * (news NULL: neither): one round trip. */
bool cache_purge_run(struct cache_scripts *scripts, struct scope *sc,
    const struct cache_purge *purge, const struct cache_news *news) MUSTCHECK;

/* All values of the franchise's days. */
bool cache_purge_franchise(struct cache_scripts *scripts, struct scope *sc,
    const struct uuid *franchise) MUSTCHECK;

/* All values and epochs there are. */
bool cache_purge_all(struct cache_scripts *scripts, struct scope *sc) MUSTCHECK;

#endif
