/* response.c: put an answer together. */
#include "http/response.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/arena.h"

void
response_init(struct response *res, struct arena *arena)
{
	*res = (struct response){.arena = arena};
	buf_init(&res->body, arena, RESPONSE_BODY_MAX);
}

void
response_clear(struct response *res)
{
	const char *route = res->route;

	response_init(res, res->arena);
	res->route = route;
}

/* The header of that name, or the next free one. */
static struct response_header *
response_slot(struct response *res, const char *name)
{
	for (size_t i = 0; i < res->header_count; i++) {
		if (strcasecmp(res->headers[i].name, name) == 0)
			return &res->headers[i];
	}

	assert(res->header_count < RESPONSE_HEADERS_MAX);
	return &res->headers[res->header_count];
}

void
response_header(struct response *res, const char *name, const char *fmt, ...)
{
	struct response_header *header = response_slot(res, name);
	va_list args;
	char *value;
	int len;

	va_start(args, fmt);
	len = vsnprintf(NULL, 0, fmt, args);
	va_end(args);
	assert(len >= 0);

	value = arena_alloc(res->arena, (size_t)len + 1);
	va_start(args, fmt);
	(void)vsnprintf(value, (size_t)len + 1, fmt, args);
	va_end(args);

	/* Nothing a value holds may begin a header of its own. */
	value[strcspn(value, "\r\n")] = '\0';

	if (header == &res->headers[res->header_count])
		res->header_count++;
	header->name = name;
	header->value = value;
}

const char *
response_get(const struct response *res, const char *name)
{
	for (size_t i = 0; i < res->header_count; i++) {
		if (strcasecmp(res->headers[i].name, name) == 0)
			return res->headers[i].value;
	}
	return NULL;
}
