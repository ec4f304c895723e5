/*
 * buf.h: a growing byte buffer in an arena, with a ceiling it must be given.
 *
 * Above the ceiling nothing is added and `overflow` stays set: the writer
 * checks once, at the end.  The content is always NUL-terminated.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>

#include "base/compiler.h"

struct arena;

struct buf {
	char *data;
	size_t len; /* without the NUL */
	size_t cap;
	size_t max; /* ceiling of len */
	bool overflow;
	struct arena *arena;
};

void buf_init(struct buf *b, struct arena *arena, size_t max);
void buf_put(struct buf *b, const void *data, size_t len);
void buf_puts(struct buf *b, const char *text);
void buf_putc(struct buf *b, char c);
void buf_printf(struct buf *b, const char *fmt, ...) PRINTF_LIKE(2, 3);

#endif
