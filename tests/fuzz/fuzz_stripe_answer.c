/* fuzz_stripe_answer.c: any bytes as an answer of Stripe's: an object, a page or
 * an error, each whole or not at all. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/instant.h"
#include "remote/stripe_error.h"
#include "remote/stripe_object.h"

#define SIZE_MOST (256 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

union any {
	struct stripe_session session;
	struct stripe_intent intent;
	struct stripe_charge charge;
	struct stripe_refund refund;
	struct stripe_dispute dispute;
	struct stripe_balance balance;
};

static void
must(bool holds)
{
	if (!holds)
		abort();
}

static void
hold_object(enum stripe_object kind, const void *object)
{
	const char *id = stripe_object_id(kind, object);

	must(id && *id);
	if (kind == STRIPE_BALANCE) {
		const struct stripe_balance *b = object;

		must(b->amount_units - b->fee_units == b->net_units);
		must((b->currency == NULL) == (b->amount == NONE));
	}
}

static void
try_page(struct scope *sc, enum stripe_object kind, const char *text,
    size_t len)
{
	struct list items = { NULL, 0 };
	bool more;

	if (stripe_object_read_list(sc, kind, text, len, &items, &more))
		return;
	for (size_t i = 0; i < items.count; i++)
		hold_object(kind, (const char *)items.items +
		    i * stripe_object_form(kind)->size);
}

/* The first byte says what the answer is to be. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct arena *arena;
	struct stripe_trouble trouble;
	enum stripe_object kind;
	struct scope sc;
	const char *text;
	union any any;

	if (size < 1 || size > SIZE_MOST)
		return 0;
	if (!arena)
		arena = arena_open(16 * 1024 * 1024);
	must(arena != NULL);

	scope_init(&sc, arena, USEC_PER_SEC);
	text = (const char *)data + 1;
	kind = (enum stripe_object)(data[0] % STRIPE_OBJECT__MAX);
	switch (data[0] / STRIPE_OBJECT__MAX % 3) {
	case 0:
		if (!stripe_object_read(&sc, kind, text, size - 1, &any))
			hold_object(kind, &any);
		break;
	case 1:
		try_page(&sc, kind, text, size - 1);
		break;
	default:
		stripe_object_read_trouble(&sc, text, size - 1, &trouble);
		must(stripe_error_kind(402, trouble.type, trouble.code) !=
		    STRIPE_DONE);
		must(stripe_decline_sentence(trouble.code,
		    trouble.decline_code) != NULL);
	}
	must(sc.fault_count == 0);
	arena_reset(arena);
	return 0;
}
