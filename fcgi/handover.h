/*
 * handover.h: what a supervisor leaves to the image that replaces it in the
 * same process: the listener and the workers that serve by it.
 *
 * It travels as one environment variable, since an exec keeps nothing else:
 *	BOOKING_HANDOVER=listener:3:own:inode,0:4711,1:4712,!2:4713
 * one slot:pid for each worker; '!' marks one already told to go.
 */
#ifndef FCGI_HANDOVER_H
#define FCGI_HANDOVER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/compiler.h"
#include "base/shm.h"
#include "fcgi/listener.h"

struct handover_worker {
	size_t slot;
	pid_t pid;
	bool leaving;
};

struct handover {
	struct listener listener;
	struct handover_worker workers[SHM_WORKERS_MAX];
	size_t count;
};

/* Put it into the environment; false when that cannot be. */
bool handover_leave(const struct handover *handover) MUSTCHECK;

/*
 * Take it out of the environment, once: what is found there is removed.  False
 * when there is none, or when it makes no sense: whoever can set it owns the
 * process anyway, but a typo must not kill strangers, so only children of this
 * process are taken over.
 */
bool handover_take(struct handover *ret_handover) MUSTCHECK;

/* Take it back: the exec failed. */
void handover_forget(void);

#endif
