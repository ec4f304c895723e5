/*
 * bulkhead.h: how many workers of a pool may be inside a call to the outside
 * at once, so that a slow service cannot take the whole pool with it.
 *
 * A place belongs to a process until it leaves, until its supervisor clears it
 * (it died), or until its lease ends: so neither a crash of a worker nor one of
 * the whole pool can fill the bulkhead for ever.
 *
 * Errors   None: lock-free, never waits.
 */
#ifndef BASE_BULKHEAD_H
#define BASE_BULKHEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/compiler.h"

struct shm;

struct bulkhead_place {
	size_t index;
	uint64_t word;
};

/* A quarter of the pool, at least one. */
size_t bulkhead_limit(int64_t workers);

/* Take one of `limit` places until until_us (clock_mono_us) at the latest.
 * false at once when all are taken; else *ret_place is for bulkhead_leave. */
bool bulkhead_enter(struct shm *shm, size_t limit, int64_t now,
    int64_t until_us, struct bulkhead_place *ret_place) MUSTCHECK;
/* Harmless when the lease had ended and another has the place. */
void bulkhead_leave(struct shm *shm, const struct bulkhead_place *place);

/* A process has died: whatever it had is free. */
void bulkhead_clear(struct shm *shm, pid_t pid);

/* How many places are taken. */
size_t bulkhead_used(struct shm *shm, int64_t now);

#endif
