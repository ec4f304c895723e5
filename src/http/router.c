/* router.c: from a method and a path to the row of the route table. */
#include "http/router.h"

#include <stdbool.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"

#define ALLOW_MAX 64

/* METHOD__MAX for a method no route has. */
static enum method
method_of(const char *name)
{
	if (strcmp(name, "HEAD") == 0)
		return METHOD_GET;
	for (int m = 0; m < METHOD__MAX; m++) {
		if (strcmp(routes_method((enum method)m), name) == 0)
			return (enum method)m;
	}
	return METHOD__MAX;
}

/* Segment by segment; a parameter takes any segment that is not empty. */
static bool
path_matches(const char *template, const char *path)
{
	size_t want, have;

	while (*template == '/' && *path == '/') {
		template++;
		path++;
		want = strcspn(template, "/");
		have = strcspn(path, "/");
		if (*template == '{' ? have == 0
		                     : want != have ||
		            memcmp(template, path, want) != 0)
			return false;
		template += want;
		path += have;
	}
	return *template == '\0' && *path == '\0';
}

/* The parameters of a path that matches. */
static void
take_params(struct arena *arena, const char *template, const char *path,
    struct match *match)
{
	size_t n = 0;

	while (*template == '/' && n < ROUTE_PARAMS_MAX) {
		size_t want = strcspn(++template, "/");
		size_t have = strcspn(++path, "/");

		if (*template == '{') {
			if (!uuid_parse(arena_strndup(arena, path, have),
			        &match->ids[n]))
				match->bad_param = arena_strndup(arena,
				    template + 1, want - 2);
			n++;
		}
		template += want;
		path += have;
	}
}

void
router_match(struct arena *arena, const char *method, const char *path,
    struct match *ret_match)
{
	enum method wanted = method_of(method);
	struct match match = { 0 };

	for (size_t i = 0; i < routes_count; i++) {
		const struct route *route = &routes[i];

		if (!path_matches(route->path, path))
			continue;
		match.path = route->path;
		match.methods |= 1u << route->method;
		if (route->method == wanted)
			match.route = route;
	}
	if (match.path)
		take_params(arena, match.path, path, &match);
	*ret_match = match;
}

char *
router_allow(struct arena *arena, unsigned methods)
{
	struct buf allow;

	buf_init(&allow, arena, ALLOW_MAX);
	for (int m = 0; m < METHOD__MAX; m++) {
		if (!(methods & 1u << m))
			continue;
		buf_printf(&allow, "%s, ", routes_method((enum method)m));
		if (m == METHOD_GET)
			buf_puts(&allow, "HEAD, ");
	}
	buf_puts(&allow, "OPTIONS");
	return allow.data;
}
