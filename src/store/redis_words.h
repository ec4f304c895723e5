/*
 * redis_words.h: one command for Redis, word by word.
 *
 * Memory   The words are borrowed: they live until the command was sent.
 *          Nothing is allocated: after a commit nothing may fail for want of
 *          memory.
 */
#ifndef STORE_REDIS_WORDS_H
#define STORE_REDIS_WORDS_H

#include <stddef.h>

#define REDIS_WORDS_MAX 128 /* of one command in the usual room */

struct redis_words {
	const char **text;
	size_t *len;
	size_t count;
	size_t max;
};

/* The usual room for words, on the caller's stack. */
struct redis_words_room {
	const char *text[REDIS_WORDS_MAX];
	size_t len[REDIS_WORDS_MAX];
};

/* No words yet, and room for REDIS_WORDS_MAX. */
struct redis_words redis_words_in(struct redis_words_room *room);

/* Put one word behind the others; there must be room for it. */
void redis_words_add(struct redis_words *words, const char *text, size_t len);
void redis_words_put(struct redis_words *words, const char *text);

#endif
