/* fuzz_stripe_event.c: any bytes as a webhook's body: an event has its id and
 * type, and just the object that its type promises. */
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "remote/stripe.h"

#define SIZE_MOST (256 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool holds)
{
	if (!holds)
		abort();
}

static void
try_event(struct arena *arena, const char *text, size_t len)
{
	struct stripe_event event;
	struct scope sc;
	int objects;
	enum err e;

	scope_init(&sc, arena, USEC_PER_SEC);
	e = stripe_event_parse(&sc, text, len, &event);
	must(sc.fault_count == 0);
	if (e) {
		must((e == ERR_MALFORMED || e == ERR_INVALID) && *sc.why);
		return;
	}
	must(event.id && *event.id && event.type_word && *event.type_word);
	objects = !!event.session + !!event.intent + !!event.charge +
	    !!event.refund + !!event.dispute;
	must(objects == (event.type == STRIPE_EVENT_OTHER ? 0 : 1));
	if (event.session)
		must(event.session->id && *event.session->id);
	if (event.refund && event.refund->currency)
		must(event.refund->amount == event.refund->amount_units *
		    event.refund->currency->stripe_unit);
}

/* The first byte says which allocation fails; 0 none. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct arena *arena;
	jmp_buf out;

	if (size < 1 || size > SIZE_MOST)
		return 0;
	if (!arena)
		arena = arena_open(16 * 1024 * 1024);
	must(arena != NULL);

	arena_catch(arena, &out);
	if (setjmp(out) == 0) {
		arena_fail_after(arena, data[0]);
		try_event(arena, (const char *)data + 1, size - 1);
	}
	arena_fail_after(arena, 0);
	arena_catch(arena, NULL);
	arena_reset(arena);
	return 0;
}
