/* fuzz_percent.c: any bytes as a percent-encoded text. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/codec.h"

#define CEILING ((size_t)64 * 1024 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
try_one(struct arena *arena, const char *text, size_t len, bool plus)
{
	char *plain = NULL;
	char *again = NULL;
	char *escaped;

	if (!codec_unpercent(arena, text, len, plus, &plain)) {
		if (plain)
			abort();
		return;
	}
	if (!codec_utf8_valid(plain, strlen(plain)) || strlen(plain) > len)
		abort();
	if (codec_utf8_count(plain) > strlen(plain))
		abort();

	/* Escaped again it must read the same, whatever + means. */
	escaped = codec_percent(arena, plain);
	if (!codec_unpercent(arena, escaped, strlen(escaped), plus, &again) ||
	    strcmp(plain, again) != 0)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena = arena_open(CEILING);
	char *text;

	if (!arena)
		return 0;
	/* Without a NUL, so that a look beyond the length is found. */
	text = arena_memdup(arena, data, size);
	try_one(arena, text, size, false);
	try_one(arena, text, size, true);
	arena_close(arena);
	return 0;
}
