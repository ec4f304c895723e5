/* redis_words.c: one command for Redis, word by word. */
#include "store/redis_words.h"

#include <assert.h>
#include <string.h>

struct redis_words
redis_words_in(struct redis_words_room *room)
{
	return (struct redis_words){ room->text, room->len, 0,
		REDIS_WORDS_MAX };
}

void
redis_words_add(struct redis_words *words, const char *text, size_t len)
{
	assert(words->count < words->max);

	words->text[words->count] = text;
	words->len[words->count] = len;
	words->count++;
}

void
redis_words_put(struct redis_words *words, const char *text)
{
	redis_words_add(words, text, strlen(text));
}
