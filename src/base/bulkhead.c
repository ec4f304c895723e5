/* bulkhead.c: the places of the bulkhead: one word each, owner and lease. */
#include "base/bulkhead.h"

#include <assert.h>
#include <stdatomic.h>
#include <unistd.h>

#include "base/shm.h"

/* Below the owner's pid, which Linux keeps within 22 bits, the millisecond of
 * the monotonic clock at which the lease ends: 34 years fit. */
#define UNTIL_BITS 40
#define UNTIL_MASK ((UINT64_C(1) << UNTIL_BITS) - 1)

static uint64_t
ms_of(int64_t us)
{
	return (uint64_t)(us / 1000) & UNTIL_MASK;
}

static bool
is_free(uint64_t word, int64_t now)
{
	return word == 0 || (word & UNTIL_MASK) <= ms_of(now);
}

size_t
bulkhead_limit(int64_t workers)
{
	if (workers < 8)
		return 1;
	if (workers > SHM_WORKERS_MAX)
		return SHM_BULKHEAD_MAX;
	return (size_t)workers / 4;
}

bool
bulkhead_enter(struct shm *shm, size_t limit, int64_t now, int64_t until_us,
    struct bulkhead_place *ret_place)
{
	/* The next millisecond: a lease is never shorter than asked for. */
	uint64_t mine =
	    (uint64_t)getpid() << UNTIL_BITS | (ms_of(until_us) + 1);

	assert(limit >= 1 && limit <= SHM_BULKHEAD_MAX && until_us > now);

	for (size_t i = 0; i < limit; i++) {
		_Atomic uint64_t *place = shm_bulkhead(shm, i);
		uint64_t word = atomic_load(place);

		if (!is_free(word, now) ||
		    !atomic_compare_exchange_strong(place, &word, mine))
			continue;
		*ret_place = (struct bulkhead_place){ i, mine };
		return true;
	}
	return false;
}

void
bulkhead_leave(struct shm *shm, const struct bulkhead_place *place)
{
	uint64_t mine = place->word;

	atomic_compare_exchange_strong(shm_bulkhead(shm, place->index), &mine,
	    0);
}

void
bulkhead_clear(struct shm *shm, pid_t pid)
{
	for (size_t i = 0; i < SHM_BULKHEAD_MAX; i++) {
		_Atomic uint64_t *place = shm_bulkhead(shm, i);
		uint64_t word = atomic_load(place);

		if (word >> UNTIL_BITS == (uint64_t)pid)
			atomic_compare_exchange_strong(place, &word, 0);
	}
}

size_t
bulkhead_used(struct shm *shm, int64_t now)
{
	size_t used = 0;

	for (size_t i = 0; i < SHM_BULKHEAD_MAX; i++)
		used += !is_free(atomic_load(shm_bulkhead(shm, i)), now);
	return used;
}
