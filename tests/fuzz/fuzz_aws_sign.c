/* fuzz_aws_sign.c: any path, query and header value in a request that is signed:
 * the canonical form has its lines, its letters, and is its own canonical form. */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "remote/aws_sign.h"

#define SIZE_MOST (8 * 1024)
#define LETTERS \
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~%"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool holds)
{
	if (!holds)
		abort();
}

static bool
sign(struct scope *sc, enum aws_sign_paths paths, const char *path,
    const char *query, const char *value, struct aws_signature *s)
{
	const struct http_client_header headers[] = {
		{ "X-Own", value }, { "Host", "a.example" }, { "x-own", "b" },
	};
	const struct aws_sign_scope by = { "AKID", "secret", "r", "s", 0 };
	const struct aws_sign_request request = {
		.method = "GET", .path = path, .query = query,
		.headers = headers, .header_count = 3, .payload = "hash",
		.paths = paths,
	};

	return aws_sign(sc, &request, &by, s) == ERR_OK;
}

/* The n-th line of the canonical request, of a copy. */
static char *
line_of(struct arena *arena, const char *canonical, int n)
{
	for (; n > 0; n--) {
		canonical = strchr(canonical, '\n');
		must(canonical != NULL);
		canonical++;
	}
	return arena_strndup(arena, canonical, strcspn(canonical, "\n"));
}

static void
hold(struct scope *sc, enum aws_sign_paths paths, const char *path,
    const char *query, const char *value)
{
	struct aws_signature s, again;
	const char *own_path, *own_query;

	if (!sign(sc, paths, path, query, value, &s))
		return;
	own_path = line_of(sc->arena, s.canonical, 1);
	own_query = line_of(sc->arena, s.canonical, 2);
	/* The empty path is "/"; a path as it is begins as it likes. */
	must(*own_path != '\0');
	must(paths == AWS_SIGN_AS_IS || *own_path == '/');
	must(own_path[strspn(own_path, LETTERS "/")] == '\0');
	must(own_query[strspn(own_query, LETTERS "=&")] == '\0');
	must(strncmp(line_of(sc->arena, s.canonical, 3), "host:", 5) == 0);
	must(strncmp(line_of(sc->arena, s.canonical, 4), "x-own:", 6) == 0);
	must(strcmp(line_of(sc->arena, s.canonical, 5), "") == 0);
	must(strcmp(line_of(sc->arena, s.canonical, 6), "host;x-own") == 0);
	must(strcmp(line_of(sc->arena, s.canonical, 7), "hash") == 0);

	/* What is canonical stays as it is (a path only where it is not
	 * encoded once more). */
	if (!sign(sc, AWS_SIGN_AS_IS, own_path, own_query, value, &again))
		return;
	must(strcmp(line_of(sc->arena, again.canonical, 1), own_path) == 0);
	must(strcmp(line_of(sc->arena, again.canonical, 2), own_query) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct arena *arena;
	char *part[3];
	struct scope sc;
	char *text;

	if (size > SIZE_MOST)
		return 0;
	if (!arena)
		arena = arena_open(4 * 1024 * 1024);
	must(arena != NULL);

	scope_init(&sc, arena, USEC_PER_SEC);
	text = arena_strndup(arena, (const char *)data, size);
	for (int i = 0; i < 3; i++) {
		part[i] = text ? text : arena_strdup(arena, "");
		text = text ? strpbrk(text, "?\n") : NULL;
		if (text)
			*text++ = '\0';
	}
	hold(&sc, AWS_SIGN_NORMALISED, part[0], part[1], part[2]);
	hold(&sc, AWS_SIGN_AS_IS, part[0], part[1], part[2]);
	must(sc.fault_count == 0);
	arena_reset(arena);
	return 0;
}
