/* fuzz_headers.c: any text as the value of each header we read ourselves. */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "http/conditional.h"
#include "http/cors.h"
#include "http/guard.h"
#include "http/idempotency.h"
#include "http/negotiate.h"
#include "http/trace.h"

#define SIZE_MOST (8 * 1024)
#define ARENA_MOST (1024 * 1024)
#define TRACE_LEN 32

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool holds)
{
	if (!holds)
		abort();
}

static void
try_value(struct arena *arena, const char *value)
{
	const char *key = NULL, *trace;
	struct if_match match;
	int quality = negotiate_quality(value, "application/json");

	must(quality >= 0 && quality <= 1000);
	if (negotiate_is_json(value))
		must(negotiate_quality(value, "application/json") > 0);

	if (conditional_if_match(value, &match)) {
		must(match.given && match.count <= IF_MATCH_MAX);
		for (size_t i = 0; i < match.count; i++)
			must(match.versions[i] > 0);
	}
	(void)conditional_none_match(value, "\"7\"");

	if (idempotency_key(arena, value, &key)) {
		must(*key && strlen(key) <= IDEMPOTENCY_KEY_MAX);
		for (const char *p = key; *p; p++)
			must(*p >= 0x20 && *p <= 0x7e);
	}

	trace = trace_from_parent(arena, value);
	must(!trace || strlen(trace) == TRACE_LEN);
	trace = trace_from_amazon(arena, value);
	must(!trace || strlen(trace) == TRACE_LEN);
	if (trace_request_id_valid(value))
		must(!strpbrk(value, "\r\n \"\\/"));
	must(!guard_bearer(value) || *guard_bearer(value));
	if (cors_allows("https://a.example", value))
		must(strcmp(value, "https://a.example") == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct arena *arena;

	if (size > SIZE_MOST)
		return 0;
	if (!arena)
		arena = arena_open(ARENA_MOST);
	must(arena != NULL);

	try_value(arena, arena_strndup(arena, (const char *)data, size));
	arena_reset(arena);
	return 0;
}
