/* fuzz_stripe_signature.c: any header over any body: nothing but a signature by
 * the secret is good, and one that is stays good only as it is. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "remote/stripe.h"

#define SECRET "whsec_one"
#define NOW (INT64_C(1800000000) * USEC_PER_SEC)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool holds)
{
	if (!holds)
		abort();
}

/* A header up to the first NUL, the body behind it. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const secrets[] = { "whsec_new", SECRET, "" };
	static struct arena *arena;
	const uint8_t *body = size > 0 ? memchr(data, '\0', size) : NULL;
	enum stripe_signature result;
	struct scope sc;
	size_t len;

	if (!body || size > 65536)
		return 0;
	if (!arena)
		arena = arena_open(4 * 1024 * 1024);
	must(arena != NULL);

	body++;
	len = size - (size_t)(body - data);
	scope_init(&sc, arena, USEC_PER_SEC);
	result = stripe_signature_check(&sc, (const char *)data, body, len,
	    secrets, 3, NOW);
	must(sc.fault_count == 0);
	if (result == STRIPE_SIGNATURE_GOOD) {
		uint8_t *other = arena_memdup(arena, body, len + (len == 0));

		/* Of another body, by no secret, or much later, it is not. */
		must(stripe_signature_check(&sc, (const char *)data, body, len,
		    secrets, 1, NOW) == STRIPE_SIGNATURE_WRONG);
		must(stripe_signature_check(&sc, (const char *)data, body, len,
		    secrets, 3, NOW + 700 * USEC_PER_SEC) ==
		    STRIPE_SIGNATURE_STALE);
		if (len > 0) {
			other[0] ^= 1;
			must(stripe_signature_check(&sc, (const char *)data,
			    other, len, secrets, 3, NOW) ==
			    STRIPE_SIGNATURE_WRONG);
		}
	}
	arena_reset(arena);
	return 0;
}
