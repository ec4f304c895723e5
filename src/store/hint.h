/*
 * hint.h: hear at once that there is work: a subscription to the channel on
 * which writers tell, after their commit, of what topics they wrote to.
 *
 * Trust    A hint is only a reason to look: one may be lost, and none says
 *          what there is.  Whoever listens polls as well.
 * Process  It ignores SIGPIPE.
 * Waits    Connecting is bounded by the timeout, and tried again at most once
 *          a second.  Reading never blocks.
 */
#ifndef STORE_HINT_H
#define STORE_HINT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"

#define HINT_CHANNEL "booking:outbox"

/* What a message consists of: a letter for each topic. */
enum hint_topic {
	HINT_EVENTS = 1 << 0,    /* 'e' */
	HINT_PAYMENTS = 1 << 1,  /* 'p' */
	HINT_DOCUMENTS = 1 << 2, /* 'd' */
	HINT_BOOKINGS = 1 << 3,  /* 'b' */
	HINT_ALL = 15
};

#define HINT_WORD_MAX 8
/* The message for a set of topics. */
const char *hint_word(unsigned topics, char word[HINT_WORD_MAX]);
/* The topic's bit; 0 = no such topic. */
unsigned hint_of(const char *topic) MUSTCHECK;

struct hint;

/* url as in cache_new; "" = there is no Redis, and hint_fd is always -1.
 * NULL: not an address of Redis, or no memory. */
struct hint *hint_open(const char *url, int64_t timeout_ms);
void hint_close(struct hint *hint); /* accepts NULL */

/* A descriptor that becomes readable with a hint, or -1: nobody would tell.
 * Connects when that is due. */
int hint_fd(struct hint *hint);

/* Read what is there.  true: one of `topics` was told of. */
bool hint_read(struct hint *hint, unsigned topics);

#endif
