/*
 * arena.c: the memory of one request: bump, reset, deferred clean-ups.
 */
#include "base/arena.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Under ASan what is not handed out is poisoned, and a gap stands behind each
 * object, so that a write past its end is found as with malloc. */
#if defined(__SANITIZE_ADDRESS__)
#define ARENA_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ARENA_ASAN 1
#endif
#endif

#ifdef ARENA_ASAN
#include <sanitizer/asan_interface.h>
#define HIDE(at, len) ASAN_POISON_MEMORY_REGION((at), (len))
#define SHOW(at, len) ASAN_UNPOISON_MEMORY_REGION((at), (len))
#define GAP ((size_t)16)
#else
#define HIDE(at, len) ((void)0)
#define SHOW(at, len) ((void)0)
#define GAP ((size_t)0)
#endif

#define ALIGN alignof(max_align_t)
#define BLOCK_FIRST ((size_t)32 * 1024)
#define BLOCK_MAX ((size_t)256 * 1024)
/* Above this an object gets a block of its own, so that it neither wastes the
 * rest of the current block nor inflates the next. */
#define LARGE ((size_t)64 * 1024)

struct block {
	struct block *next;
	size_t cap;
	alignas(max_align_t) unsigned char data[];
};

struct cleanup {
	struct cleanup *next;
	void (*fn)(void *);
	void *data;
};

struct arena {
	struct block *blocks; /* newest first; the last one is kept on reset */
	struct block *kept;
	struct block *current; /* where the next small object goes */
	size_t current_used;
	size_t next_cap;
	size_t ceiling;
	size_t held; /* sum of the blocks' cap */
	size_t used; /* sum of what was asked for */
	struct cleanup *cleanups;
	jmp_buf *out;
	size_t fail_after;
};

static size_t
min_size(size_t a, size_t b)
{
	return a < b ? a : b;
}

static struct block *
block_add(struct arena *arena, size_t cap)
{
	struct block *block;

	if (cap > arena->ceiling - arena->held)
		return NULL;
	block = malloc(sizeof *block + cap);
	if (!block)
		return NULL;

	block->cap = cap;
	block->next = arena->blocks;
	arena->blocks = block;
	arena->held += cap;
	HIDE(block->data, cap);
	return block;
}

struct arena *
arena_open(size_t ceiling)
{
	struct arena *arena = calloc(1, sizeof *arena);

	if (!arena)
		return NULL;

	arena->ceiling = ceiling;
	arena->next_cap = 2 * BLOCK_FIRST;
	arena->kept = block_add(arena, min_size(BLOCK_FIRST, ceiling));
	if (!arena->kept) {
		free(arena);
		return NULL;
	}
	arena->current = arena->kept;
	return arena;
}

static void
run_cleanups(struct arena *arena)
{
	/* Each is taken off before it runs: it may itself defer another. */
	while (arena->cleanups) {
		struct cleanup *cleanup = arena->cleanups;

		arena->cleanups = cleanup->next;
		cleanup->fn(cleanup->data);
	}
}

void
arena_reset(struct arena *arena)
{
	run_cleanups(arena);

	while (arena->blocks != arena->kept) {
		struct block *block = arena->blocks;

		arena->blocks = block->next;
		free(block);
	}
	HIDE(arena->kept->data, arena->kept->cap);
	arena->current = arena->kept;
	arena->current_used = 0;
	arena->next_cap = 2 * BLOCK_FIRST;
	arena->held = arena->kept->cap;
	arena->used = 0;
}

void
arena_close(struct arena *arena)
{
	if (!arena)
		return;

	arena_reset(arena);
	free(arena->kept);
	free(arena);
}

void
arena_give_up(struct arena *arena)
{
	if (arena->out)
		longjmp(*arena->out, 1);
	abort();
}

/* Make room for `need` bytes in the current block, or in a new one. */
static bool
make_room(struct arena *arena, size_t need)
{
	struct block *block;
	size_t cap;

	if (need <= arena->current->cap - arena->current_used)
		return true;

	cap = min_size(arena->next_cap, arena->ceiling - arena->held);
	if (cap < need)
		return false;
	block = block_add(arena, cap);
	if (!block)
		return false;

	arena->current = block;
	arena->current_used = 0;
	arena->next_cap = min_size(2 * arena->next_cap, BLOCK_MAX);
	return true;
}

/* NULL instead of a jump, for arena_defer. */
static void *
take(struct arena *arena, size_t size)
{
	unsigned char *at;
	size_t need;

	if (arena->fail_after > 0 && --arena->fail_after == 0)
		return NULL;
	if (size > SIZE_MAX - sizeof(struct block) - GAP - ALIGN)
		return NULL;

	/* An empty object has an address of its own, too. */
	need = ((size ? size : 1) + ALIGN - 1) / ALIGN * ALIGN + GAP;
	if (need > LARGE) {
		struct block *block = block_add(arena, need);

		if (!block)
			return NULL;
		at = block->data;
	} else {
		if (!make_room(arena, need))
			return NULL;
		at = arena->current->data + arena->current_used;
		arena->current_used += need;
	}

	arena->used += size;
	SHOW(at, size);
	memset(at, 0, size);
	return at;
}

void *
arena_alloc(struct arena *arena, size_t size)
{
	void *at = take(arena, size);

	if (!at)
		arena_give_up(arena);
	return at;
}

void *
arena_array(struct arena *arena, size_t count, size_t size)
{
	size_t total;

	if (__builtin_mul_overflow(count, size, &total))
		arena_give_up(arena);
	return arena_alloc(arena, total);
}

void *
arena_memdup(struct arena *arena, const void *data, size_t len)
{
	void *copy = arena_alloc(arena, len);

	/* memcpy may not be given NULL, not even for no bytes. */
	if (len > 0)
		memcpy(copy, data, len);
	return copy;
}

char *
arena_strdup(struct arena *arena, const char *text)
{
	return arena_memdup(arena, text, strlen(text) + 1);
}

char *
arena_strndup(struct arena *arena, const char *text, size_t len)
{
	size_t taken = len > 0 ? strnlen(text, len) : 0;
	char *copy = arena_alloc(arena, taken + 1);

	if (taken > 0)
		memcpy(copy, text, taken);
	return copy;
}

char *
arena_printf(struct arena *arena, const char *fmt, ...)
{
	va_list args;
	char *text;
	int len;

	va_start(args, fmt);
	len = vsnprintf(NULL, 0, fmt, args);
	va_end(args);
	if (len < 0)
		arena_give_up(arena);

	text = arena_alloc(arena, (size_t)len + 1);
	va_start(args, fmt);
	vsnprintf(text, (size_t)len + 1, fmt, args);
	va_end(args);
	return text;
}

void
arena_defer(struct arena *arena, void (*fn)(void *), void *data)
{
	struct cleanup *cleanup = take(arena, sizeof *cleanup);

	/* The caller has handed `data` over: it may not leak on the way out. */
	if (!cleanup) {
		fn(data);
		arena_give_up(arena);
	}
	cleanup->fn = fn;
	cleanup->data = data;
	cleanup->next = arena->cleanups;
	arena->cleanups = cleanup;
}

void
arena_catch(struct arena *arena, jmp_buf *out)
{
	arena->out = out;
}

void
arena_fail_after(struct arena *arena, size_t nth)
{
	arena->fail_after = nth;
}

size_t
arena_used(const struct arena *arena)
{
	return arena->used;
}
