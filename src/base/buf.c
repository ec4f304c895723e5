/*
 * buf.c: a growing byte buffer in an arena, with a ceiling it must be given.
 */
#include "base/buf.h"

#include <assert.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"

#define BUF_FIRST 64

void
buf_init(struct buf *b, struct arena *arena, size_t max)
{
	assert(max < SIZE_MAX / 2);

	*b = (struct buf){ .max = max, .arena = arena };
	b->cap = (max < BUF_FIRST ? max : BUF_FIRST) + 1;
	b->data = arena_alloc(arena, b->cap);
}

/* Room for `len` more bytes and the NUL; false, for ever, above the ceiling:
 * what stands in the buffer is then a true beginning of the whole. */
static bool
make_room(struct buf *b, size_t len)
{
	size_t cap;
	char *data;

	if (b->overflow || len > b->max - b->len) {
		b->overflow = true;
		return false;
	}
	if (len < b->cap - b->len)
		return true;

	cap = 2 * b->cap;
	if (cap < b->len + len + 1)
		cap = b->len + len + 1;
	if (cap > b->max + 1)
		cap = b->max + 1;
	data = arena_alloc(b->arena, cap);
	memcpy(data, b->data, b->len + 1);
	b->data = data;
	b->cap = cap;
	return true;
}

void
buf_put(struct buf *b, const void *data, size_t len)
{
	if (!make_room(b, len) || len == 0)
		return;

	memcpy(b->data + b->len, data, len);
	b->len += len;
	b->data[b->len] = '\0';
}

void
buf_puts(struct buf *b, const char *text)
{
	buf_put(b, text, strlen(text));
}

void
buf_putc(struct buf *b, char c)
{
	buf_put(b, &c, 1);
}

void
buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list args;
	int len;

	va_start(args, fmt);
	len = vsnprintf(NULL, 0, fmt, args);
	va_end(args);
	if (len < 0)
		b->overflow = true;
	if (len < 0 || !make_room(b, (size_t)len))
		return;

	va_start(args, fmt);
	vsnprintf(b->data + b->len, (size_t)len + 1, fmt, args);
	va_end(args);
	b->len += (size_t)len;
}
