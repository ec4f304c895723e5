/*
 * redis_line.h: one connection to Redis: its time limits, its pipelining and
 * its breaker.  With hint.c the only
 * user of hiredis.
 *
 * Time     A call ends within the line's timeout and what is left of the
 *          scope, whichever is less.
 * Breaker  After a failure Redis is left alone for a while, and by the request
 *          that met the failure for good.
 * Trust    Who is at the other end is asked when the line is opened.  Where it
 *          is not who stored what is there, only a line that dares is used.
 * Memory   A reply is the caller's: redis_line_reply_free.
 */
#ifndef STORE_REDIS_LINE_H
#define STORE_REDIS_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "store/redis_words.h"

struct cache_url;
struct redis_line;
struct scope;

#define REDIS_LINE_RUN_LEN 40 /* of the name a Redis gives itself */
#define REDIS_LINE_PIPE_MAX 2 /* commands of one round trip */
#define REDIS_LINE_REPLY_MAX ((1024 + 64) * 1024) /* bytes of one reply */

enum redis_line_kind {
	REDIS_LINE_NONE, /* there is no reply */
	REDIS_LINE_NIL,
	REDIS_LINE_TEXT,
	REDIS_LINE_STATUS, /* "OK", "PONG" */
	REDIS_LINE_ERROR,
	REDIS_LINE_NUMBER,
	REDIS_LINE_LIST,
	REDIS_LINE_OTHER /* nothing this product asks for */
};

struct redis_line_reply {
	enum redis_line_kind kind;
	const char *text; /* TEXT, STATUS, ERROR: a NUL follows */
	size_t len;
	int64_t number; /* NUMBER */
	size_t count;   /* LIST: redis_line_item gives each */
	void *raw;      /* what holds the bytes; the line's own matter */
};

enum redis_line_state {
	REDIS_LINE_DOWN,
	REDIS_LINE_STRANGE, /* connected, but it cannot be believed */
	REDIS_LINE_TRUSTED
};

/* Connects at the first call.  run_key (borrowed) is the key under which a
 * Redis that is trusted stores its own run_id.  NULL: there is no memory. */
struct redis_line *redis_line_new(const struct cache_url *url,
    int64_t timeout_us, const char *run_key);
void redis_line_free(struct redis_line *line); /* accepts NULL */

/*
 * Send `count` commands and read as many replies: one round trip on a line that
 * stands.  Every command may be sent twice, as a line that was closed meanwhile
 * is opened anew.
 *
 * false: there is no answer, nothing is to be freed, ret_replies is untouched.
 */
bool redis_line_exchange(struct redis_line *line, struct scope *sc,
    const struct redis_words *commands, size_t count,
    struct redis_line_reply *ret_replies) MUSTCHECK;

/* One command; an answer that is an error counts as none. */
bool redis_line_ask(struct redis_line *line, struct scope *sc,
    const struct redis_words *command, struct redis_line_reply *ret_reply)
    MUSTCHECK;

/* Connect, whoever is there.  redis_line_state says what came of it. */
void redis_line_open(struct redis_line *line, struct scope *sc);
enum redis_line_state redis_line_state(const struct redis_line *line);

/* The run_id of who is, or was last, at the other end; "" = untold. */
const char *redis_line_run(const struct redis_line *line);

/* Believe who is at the other end, until the line is opened again. */
void redis_line_believe(struct redis_line *line);

/* Until it is taken back: speak to a stranger too. */
void redis_line_dare(struct redis_line *line, bool dare);

/* An item of a list.  It lives in its list and is not freed. */
struct redis_line_reply redis_line_item(const struct redis_line_reply *list,
    size_t i);

/* Accepts a reply of kind NONE and leaves one. */
void redis_line_reply_free(struct redis_line_reply *reply);

#endif
