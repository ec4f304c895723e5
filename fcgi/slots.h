/*
 * slots.h: the workers of a pool, each in its slot: start, replace, watch over
 * and end them.  Slot i owns entry i of the shared table of heartbeats.
 *
 * Nothing here waits: slots_turn does what is due now, slots_until says when
 * something will be, and slots_read and slots_died take in what was said.
 */
#ifndef FCGI_SLOTS_H
#define FCGI_SLOTS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/compiler.h"
#include "base/shm.h"

struct handover;
struct pool_start;

enum slot_state {
	SLOT_FREE,
	SLOT_WAITING,  /* its worker died, start_at_us is when to try again */
	SLOT_STARTING, /* forked, not yet ready */
	SLOT_SERVING,
	SLOT_LEAVING /* told to go */
};

struct slot {
	enum slot_state state;
	bool due; /* to be replaced */
	pid_t pid;
	int64_t started_us;
	int64_t start_at_us;
	int64_t backoff_us; /* before the next but one start */
	int64_t kill_at_us; /* 0 = no reason to */
};

struct slots {
	const struct pool_start *start;
	int signals;   /* the supervisor's own: not for a worker */
	int report[2]; /* what workers tell: we read from [0] */
	struct slot slot[SHM_WORKERS_MAX];
	/* one replacement at a time; -1 = none */
	int heir;
	int leaver;
	int64_t looked_us; /* when the workers were last looked at */
	int64_t pardon_us; /* nobody is taken for hung before */
};

bool slots_open(
    struct slots *slots, const struct pool_start *start, int signals) MUSTCHECK;
void slots_close(struct slots *slots);

/* Take over the workers of an older image, all of them due for replacement,
 * and start what is missing. */
void slots_fill(struct slots *slots, int64_t now);
/* Who is there, for the next image. */
void slots_note(const struct slots *slots, struct handover *handover);

/* Start what waited long enough, and renew what is due, one by one: the new one
 * serves before the old one is told to go. */
void slots_turn(struct slots *slots, int64_t now);
/* Kill who hangs, or was told to go and did not. */
void slots_watch(struct slots *slots, int64_t now);
/* Read what the workers told. */
void slots_read(struct slots *slots);
/* A child ended; nothing happens when it was no worker. */
void slots_died(struct slots *slots, pid_t pid, int status, int64_t now);
/* Tell all to go, and start none again. */
void slots_stop(struct slots *slots, int64_t now);

int64_t slots_count(const struct slots *slots, enum slot_state state);
/* Is any replacement due or under way? */
bool slots_renewing(const struct slots *slots);
/* When something is to be done, at the latest `until`. */
int64_t slots_until(const struct slots *slots, int64_t until);

#endif
