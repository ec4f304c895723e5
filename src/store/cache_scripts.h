/*
 * cache_scripts.h: the cache's Lua scripts, and how they are run: by digest,
 * with the text following only where Redis does not know it.
 *
 * For cache*.c alone.
 */
#ifndef STORE_CACHE_SCRIPTS_H
#define STORE_CACHE_SCRIPTS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/compiler.h"
#include "store/redis_words.h"

struct redis_line;
struct redis_line_reply;
struct scope;

enum cache_script {
	/* KEYS value, claim, epochs; ARGV token, px of claim and epoch, epochs
	 * to begin with.  {0}: another fills it; {1, value}: it is there;
	 * {2, epoch, ...}: claimed. */
	CACHE_SCRIPT_CLAIM,
	/* KEYS value, claim, epochs; ARGV token, px ("0": give the claim back),
	 * value, epochs expected. */
	CACHE_SCRIPT_FILL,
	/* KEYS epochs, then values; ARGV epoch, px, number of epochs, hint,
	 * receipt and its px; hint and receipt "" = none. */
	CACHE_SCRIPT_FORGET,
	/* ARGV cursor, count, prefixes.  The next cursor. */
	CACHE_SCRIPT_SWEEP,
	CACHE_SCRIPT__MAX
};

#define CACHE_SCRIPTS_SHA_LEN 40
#define CACHE_SCRIPTS_HEAD 3 /* words of the call itself */

struct cache_scripts {
	struct redis_line *line; /* borrowed */
	/* learnt from Redis; "" = not yet */
	char sha[CACHE_SCRIPT__MAX][CACHE_SCRIPTS_SHA_LEN + 1];
};

/* The words of a script's call: its keys and arguments are put behind. */
struct redis_words cache_scripts_words(struct redis_words_room *room);

/*
 * Run one script: words are what cache_scripts_words began, then `keys` keys
 * and the arguments.  One round trip, or two where Redis forgot the script.
 *
 * false: there is no answer or it is an error; *ret_reply is then untouched.
 */
bool cache_scripts_run(struct cache_scripts *scripts, struct scope *sc,
    enum cache_script script, struct redis_words *words, size_t keys,
    struct redis_line_reply *ret_reply) MUSTCHECK;

#endif
