/* cache_scripts.c: the cache's Lua scripts, and how they are run. */
#include "store/cache_scripts.h"

#include <stdio.h>
#include <string.h>

#include "store/hint.h"
#include "store/redis_line.h"

static const char *const texts[CACHE_SCRIPT__MAX] = {
	/* Our own token counts as won: the first answer may have been lost with
	 * its connection. */
	[CACHE_SCRIPT_CLAIM] =
	    "local v = redis.call('GET', KEYS[1])\n"
	    "if v then return {1, v} end\n"
	    "if not redis.call('SET', KEYS[2], ARGV[1], 'NX', 'PX', ARGV[2])\n"
	    "and redis.call('GET', KEYS[2]) ~= ARGV[1] then return {0} end\n"
	    "local r = {2}\n"
	    "for i = 3, #KEYS do\n"
	    "  local e = redis.call('GET', KEYS[i])\n"
	    "  if not e then\n"
	    "    e = ARGV[i + 1]\n"
	    "    redis.call('SET', KEYS[i], e, 'PX', ARGV[3])\n"
	    "  end\n"
	    "  r[#r + 1] = e\n"
	    "end\n"
	    "return r\n",
	[CACHE_SCRIPT_FILL] =
	    "local good = ARGV[2] ~= '0'\n"
	    "for i = 3, #KEYS do\n"
	    "  if redis.call('GET', KEYS[i]) ~= ARGV[i + 1] then\n"
	    "    good = false\n"
	    "  end\n"
	    "end\n"
	    "if good then\n"
	    "  redis.call('SET', KEYS[1], ARGV[3], 'PX', ARGV[2])\n"
	    "end\n"
	    "if redis.call('GET', KEYS[2]) == ARGV[1] then\n"
	    "  redis.call('DEL', KEYS[2])\n"
	    "end\n"
	    "return good and 1 or 0\n",
	[CACHE_SCRIPT_FORGET] =
	    "for i, k in ipairs(KEYS) do\n"
	    "  if i <= tonumber(ARGV[3]) then\n"
	    "    redis.call('SET', k, ARGV[1], 'PX', ARGV[2])\n"
	    "  else\n"
	    "    redis.call('DEL', k)\n"
	    "  end\n"
	    "end\n"
	    "if ARGV[5] ~= '' then\n"
	    "  redis.call('SET', ARGV[5], '1', 'PX', ARGV[6])\n"
	    "end\n"
	    "if ARGV[4] ~= '' then\n"
	    "  redis.call('PUBLISH', '" HINT_CHANNEL "', ARGV[4])\n"
	    "end\n"
	    "return 1\n",
	[CACHE_SCRIPT_SWEEP] =
	    "local r = redis.call('SCAN', ARGV[1], 'COUNT', ARGV[2])\n"
	    "for _, k in ipairs(r[2]) do\n"
	    "  for i = 3, #ARGV do\n"
	    "    if string.sub(k, 1, #ARGV[i]) == ARGV[i] then\n"
	    "      redis.call('UNLINK', k)\n"
	    "      break\n"
	    "    end\n"
	    "  end\n"
	    "end\n"
	    "return r[1]\n",
};

struct redis_words
cache_scripts_words(struct redis_words_room *room)
{
	struct redis_words words = redis_words_in(room);

	for (int i = 0; i < CACHE_SCRIPTS_HEAD; i++)
		redis_words_put(&words, "");
	return words;
}

static void
set_word(struct redis_words *words, size_t i, const char *text)
{
	words->text[i] = text;
	words->len[i] = strlen(text);
}

/* Send the text with its call, and learn the digest in the same trip. */
static bool
teach(struct cache_scripts *scripts, struct scope *sc, enum cache_script s,
    struct redis_words *words, struct redis_line_reply *ret_reply)
{
	struct redis_words_room room;
	struct redis_words commands[2] = { redis_words_in(&room) };
	struct redis_line_reply replies[2];

	redis_words_put(&commands[0], "SCRIPT");
	redis_words_put(&commands[0], "LOAD");
	redis_words_put(&commands[0], texts[s]);
	set_word(words, 0, "EVAL");
	set_word(words, 1, texts[s]);
	commands[1] = *words;
	if (!redis_line_exchange(scripts->line, sc, commands, 2, replies))
		return false;

	if (replies[0].kind == REDIS_LINE_TEXT &&
	    replies[0].len == CACHE_SCRIPTS_SHA_LEN)
		memcpy(scripts->sha[s], replies[0].text,
		    CACHE_SCRIPTS_SHA_LEN + 1);
	redis_line_reply_free(&replies[0]);
	*ret_reply = replies[1];
	return true;
}

/* Redis forgets scripts when it restarts. */
static bool
forgotten(const struct redis_line_reply *reply)
{
	return reply->kind == REDIS_LINE_ERROR &&
	    strncmp(reply->text, "NOSCRIPT", 8) == 0;
}

bool
cache_scripts_run(struct cache_scripts *scripts, struct scope *sc,
    enum cache_script s, struct redis_words *words, size_t keys,
    struct redis_line_reply *ret_reply)
{
	char number[16];
	struct redis_line_reply reply = { .kind = REDIS_LINE_NONE };

	snprintf(number, sizeof number, "%zu", keys);
	set_word(words, 2, number);
	if (scripts->sha[s][0]) {
		set_word(words, 0, "EVALSHA");
		set_word(words, 1, scripts->sha[s]);
		if (!redis_line_exchange(scripts->line, sc, words, 1, &reply))
			return false;
	}

	if (reply.kind == REDIS_LINE_NONE || forgotten(&reply)) {
		redis_line_reply_free(&reply);
		if (!teach(scripts, sc, s, words, &reply))
			return false;
	}
	if (reply.kind == REDIS_LINE_ERROR) {
		redis_line_reply_free(&reply);
		return false;
	}

	*ret_reply = reply;
	return true;
}
