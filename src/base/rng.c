/*
 * rng.c: random bytes from the system's CSPRNG (getrandom).
 */
#include "base/rng.h"

#include <assert.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

void
rng_bytes(void *out, size_t len)
{
	uint8_t *at = out;

	while (len > 0) {
		ssize_t got = getrandom(at, len, 0);

		if (got < 0 && errno == EINTR)
			continue;
		/* A guessable key or token would be worse than no service. */
		if (got <= 0)
			abort();
		at += got;
		len -= (size_t)got;
	}
}

void
rng_text(char *out, size_t len, const char *alphabet)
{
	size_t letters = strlen(alphabet);
	size_t done = 0;
	uint8_t pool[64];
	unsigned fair;

	assert(letters >= 1 && letters <= 256);

	/* Bytes at or above the last whole multiple would favour the first
	 * letters: they are drawn again. */
	fair = 256 - 256 % (unsigned)letters;
	while (done < len) {
		rng_bytes(pool, sizeof pool);
		for (size_t i = 0; i < sizeof pool && done < len; i++) {
			if (pool[i] < fair)
				out[done++] = alphabet[pool[i] % letters];
		}
	}
	out[len] = '\0';
}
