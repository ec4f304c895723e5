/* fuzz_route.c: any method and any path, "METHOD path". */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "http/router.h"

#define SIZE_MOST (8 * 1024)
#define ARENA_MOST (1024 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool holds)
{
	if (!holds)
		abort();
}

static void
try_path(struct arena *arena, char *text)
{
	char *path = strchr(text, ' ');
	struct match match;

	if (!path)
		return;
	*path++ = '\0';
	router_match(arena, text, path, &match);

	/* A route says its path, and a path says its methods. */
	must(!match.route || match.path);
	must((match.methods != 0) == (match.path != NULL));
	must(!match.bad_param || match.path);
	must(strstr(router_allow(arena, match.methods), "OPTIONS") != NULL);
	if (match.path && strchr(match.path, '{'))
		must(match.bad_param || !uuid_is_none(&match.ids[0]) ||
		    strstr(path, "00000000-0000-0000-0000-000000000000"));
	if (match.path && !strchr(match.path, '{'))
		must(strcmp(match.path, path) == 0);
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

	try_path(arena, arena_strndup(arena, (const char *)data, size));
	arena_reset(arena);
	return 0;
}
