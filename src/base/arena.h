/*
 * arena.h: the memory of one request: bump, reset, deferred clean-ups.
 *
 * Memory   Everything handed out is zeroed, aligned for any type, and lives
 *          until arena_reset or arena_close.  Nobody frees.
 * Errors   Allocation never returns NULL: when the ceiling is reached (or
 *          malloc fails) the arena jumps to where arena_catch was called, so
 *          the request fails as a whole; without a catch the process aborts.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <setjmp.h>
#include <stddef.h>

#include "base/compiler.h"

struct arena;

/* ceiling: bytes the arena may hold in all.  NULL when malloc fails. */
struct arena *arena_open(size_t ceiling);
void arena_close(struct arena *arena); /* accepts NULL */

/* Run the clean-ups, newest first, and make all memory free for reuse.  One
 * block is kept, so that a quiet worker does not grow. */
void arena_reset(struct arena *arena);

void *arena_alloc(struct arena *arena, size_t size);
void *arena_array(struct arena *arena, size_t count, size_t size);
char *arena_strdup(struct arena *arena, const char *text);
char *arena_strndup(struct arena *arena, const char *text, size_t len);
void *arena_memdup(struct arena *arena, const void *data, size_t len);
char *arena_printf(struct arena *arena, const char *fmt, ...)
    PRINTF_LIKE(2, 3);

#define arena_new(arena, type) ((type *)arena_alloc((arena), sizeof(type)))
#define arena_new_array(arena, type, count) \
	((type *)arena_array((arena), (count), sizeof(type)))

/* Call fn(data) at the next reset or close: how a PGresult or a json_object
 * is owned by the request.  When there is no room to note it, fn(data) runs at
 * once, before the jump: data never leaks. */
void arena_defer(struct arena *arena, void (*fn)(void *), void *data);

/* Where allocation failures go; NULL takes it back.  Use as
 *	jmp_buf out;
 *	if (setjmp(out)) ... failed ...
 *	arena_catch(arena, &out);
 */
void arena_catch(struct arena *arena, jmp_buf *out);

/* Fail as an allocation does: for a library that found no memory of its own. */
void arena_give_up(struct arena *arena) NORETURN;

/* Tests: let the nth allocation from now fail (1 = the next); 0 = never. */
void arena_fail_after(struct arena *arena, size_t nth);

size_t arena_used(const struct arena *arena); /* bytes handed out */

#endif
