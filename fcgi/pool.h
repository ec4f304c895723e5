/*
 * pool.h: the supervisor: keeps a number of workers alive on one listener.
 *
 * It serves nothing and connects to nothing itself, so it has little to die of.
 * A worker that dies is replaced, a hung one killed first; a new one is ready
 * before an old one is told to go.
 *
 * Signals  SIGTERM, SIGINT, SIGQUIT   each worker finishes its request, then
 *                                     the pool ends
 *          SIGHUP                     the binary now on disk says whether it
 *                                     would start, then takes over in this
 *                                     process and replaces the workers in turn
 */
#ifndef FCGI_POOL_H
#define FCGI_POOL_H

#include <stdint.h>

#include "base/compiler.h"

struct handover;
struct listener;
struct settings;
struct shm;

/* One place of the shared table is kept free for a successor. */
#define POOL_WORKERS_MAX 255

struct pool_start {
	const struct settings *conf;
	struct shm *shm;
	struct listener *listener;
	const struct handover *handover; /* NULL at a first start */
	int64_t workers;                 /* 1..POOL_WORKERS_MAX */
	char *const *argv; /* of a next image; [0] is an absolute path */
};

/* The number for this machine: two a core, 4 to 16. */
int64_t pool_default_workers(void);

/* Run until told to end.  The exit status. */
int pool_run(const struct pool_start *start) MUSTCHECK;

#endif
