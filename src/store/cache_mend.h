/*
 * cache_mend.h: make the cache fit to be believed: empty a Redis that is not
 * who it was, and do deletions again that nobody confirmed.
 *
 * A Redis that was restored from its disk, or a replica that took over, holds
 * values and epochs whose deletion it never saw.  Its run_id is then not the
 * one it stores, and all of ours is deleted before anything is believed.
 *
 * For cache*.c alone.
 */
#ifndef STORE_CACHE_MEND_H
#define STORE_CACHE_MEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"

struct cache_scripts;
struct redis_line;
struct scope;
struct shm;
struct uuid;

/* Begins as zeroes behind the three that are borrowed. */
struct cache_mend {
	struct redis_line *line;
	struct cache_scripts *scripts;
	struct shm *shm; /* may be NULL: nothing is remembered */
	int64_t meet_at_us; /* not before then: acquaint, mend */
	int64_t mend_at_us;
	bool owes; /* a deletion of ours failed, its marks were left */
};

/* Have a line to a Redis that can be believed; false: not now. */
bool cache_mend_acquaint(struct cache_mend *mend, struct scope *sc) MUSTCHECK;

/*
 * Before a read: get acquainted, and do deletions again that nobody confirmed:
 * their writer died, or Redis was away.  Who reads next does them.  Until then
 * those keys are not served, so a failure here costs speed and nothing else.
 */
void cache_mend_run(struct cache_mend *mend, struct scope *sc);

/* A deletion failed, and its marks stand. */
void cache_mend_owe(struct cache_mend *mend);

/*
 * Days of a franchise, today and (with `facts`) the franchise itself were
 * deleted.  That also answers for what we failed to delete before.  Left alone,
 * those marks would only grow old once we stop writing these days, and the
 * busiest days would be the ones that are not cached.
 */
void cache_mend_settle(struct cache_mend *mend, const struct uuid *franchise,
    const int64_t *days, size_t count, bool facts);

#endif
