/*
 * worker.h: one process of the pool: take a connection, answer it, log it.
 *
 * One request at a time, each with its own arena and deadline.  A worker is
 * told to go by SIGTERM, which it sees between two requests only; SIGHUP and
 * the terminal's signals are the supervisor's business.
 */
#ifndef FCGI_WORKER_H
#define FCGI_WORKER_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/clock.h"
#include "base/compiler.h"

struct settings;
struct shm;

/* From SIGTERM until it is killed: the request in hand, and those that reached
 * it at the last moment, must be done by then. */
#define WORKER_STOP_US (20 * USEC_PER_SEC)

/* What a worker tells the supervisor, by one write to its pipe. */
enum worker_news {
	WORKER_READY, /* serves from now on */
	WORKER_DUE    /* has served its number: replace it, then stop it */
};

struct worker_report {
	int32_t slot;
	int32_t pid;
	int32_t news;
};

struct worker_start {
	const struct settings *conf;
	struct shm *shm;
	size_t slot;  /* its place in the shared table */
	pid_t parent; /* it goes when this one is gone */
	int listener; /* non-blocking, listening */
	int report;   /* where reports go */
};

/* How often an idle worker shows that it lives, for a given limit. */
int64_t worker_beat_ms(int64_t hang_ms);

/* Serve until told to stop.  The exit status. */
int worker_run(const struct worker_start *start) MUSTCHECK;

#endif
