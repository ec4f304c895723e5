/*
 * shm.h: one versioned file in the runtime directory, mapped by every process
 * of a host: facts that must outlive a worker and be seen by its siblings.
 *
 * Today: the worker table of the pool (heartbeats), the cache marks: days of a
 * franchise whose cached values may not be trusted, and the state behind
 * breaker.h and bulkhead.h.
 *
 * Errors   A process that dies while it holds the lock blocks nobody: the lock
 *          is robust, and what it was writing is not trusted.  A file of
 *          another version, or from before the last boot, is replaced.
 */
#ifndef BASE_SHM_H
#define BASE_SHM_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/compiler.h"
#include "base/uuid.h"

#define SHM_FILE "shared" /* its name in the runtime directory */
#define SHM_WORKERS_MAX 256
#define SHM_MARKS_MAX 512
#define SHM_BULKHEAD_MAX (SHM_WORKERS_MAX / 4)

struct shm;

struct shm_worker {
	_Atomic int32_t pid;         /* 0 = slot free */
	_Atomic int64_t busy_since;  /* clock_mono_us, 0 = idle */
	_Atomic int64_t beat_us;     /* clock_mono_us of the last sign of life */
	_Atomic int64_t requests;
};

/* The services outside that every process of the host judges together. */
enum shm_service { SHM_STRIPE, SHM_SQS, SHM_S3, SHM_SERVICE__MAX };

/* Read and written by breaker.c alone; breaker_read tells what it says. */
struct shm_breaker {
	_Atomic uint64_t word;      /* state and its time or count: the truth */
	_Atomic uint32_t failures;  /* in a row; for the reader only, as are */
	_Atomic int32_t probe_pid;  /* ... who took the last probe, */
	_Atomic int64_t opened_us;  /* ... clock_mono_us it left closed, */
	_Atomic uint64_t opened;    /* ... how often it did since boot, */
	_Atomic uint64_t refused;   /* ... and calls it turned away */
};

/* Map (making it if need be) `path`; NULL with a sentence in why.  path NULL
 * gives a private anonymous mapping, shared with children only. */
struct shm *shm_open_file(const char *path, char *why, size_t why_max);
void shm_close(struct shm *shm); /* accepts NULL */

struct shm_worker *shm_worker(struct shm *shm, size_t i); /* i < MAX */
struct shm_breaker *shm_breaker(struct shm *shm, enum shm_service service);
/* A place of the bulkhead: who has it until when, see bulkhead.c; 0 = free.
 * i < SHM_BULKHEAD_MAX. */
_Atomic uint64_t *shm_bulkhead(struct shm *shm, size_t i);

/*
 * Cache marks.  A writer marks before its commit and clears when Redis has
 * confirmed the deletion; a mark whose owner died, or was left, says "delete
 * again before you trust".  day is days since 1970-01-01, or NONE for the
 * franchise itself.  When the table is full every key is distrusted
 * (shm_mark_find answers true for all) until everything has been deleted once,
 * age_us after the last mark that found no room.
 *
 * A process may mark the same day more than once; it takes as many shm_unmark
 * of the same process to clear it.
 */
void shm_mark(struct shm *shm, const struct uuid *franchise, int64_t day);
void shm_unmark(struct shm *shm, const struct uuid *franchise, int64_t day);
bool shm_mark_find(struct shm *shm, const struct uuid *franchise, int64_t day);

struct shm_mark {
	struct uuid franchise;
	int64_t day;
	int32_t pid;        /* who marked */
	int64_t since_us;   /* clock_mono_us of the last shm_mark */
	int64_t dead_us;    /* when its owner was first seen dead, 0 = not */
	uint32_t count;     /* shm_mark without its shm_unmark, of this pid */
	bool used;
};
/* What a dead owner had begun may still commit until Postgres, which looks for
 * its client once a second, has missed it. */
#define SHM_DEAD_GRACE_US INT64_C(2000000)
/* Copy marks that were abandoned: owner seen dead SHM_DEAD_GRACE_US ago (or
 * age_us, if that is less), or older than age_us.  Returns how many (at most
 * max); *ret_all says whether the table had overflowed age_us ago or earlier,
 * so that everything must be deleted. */
size_t shm_marks_left(struct shm *shm, int64_t age_us, struct shm_mark *out,
    size_t max, bool *ret_all);
/* What shm_marks_left gave has been deleted: forget it, but for marks that
 * were made anew since. */
void shm_marks_redone(struct shm *shm, const struct shm_mark *marks,
    size_t count, bool all);

#endif
