/*
 * loop.h: the life of a relay: wait for a hint or for the next poll, do what is
 * due, mark it, back off when the outside is not to be had.
 */
#ifndef RELAY_LOOP_H
#define RELAY_LOOP_H

#include "app/relay.h"
#include "base/compiler.h"

struct settings;
struct shm;

struct loop_start {
	const struct settings *conf;
	struct shm *shm;
	enum relay_topic topic;
	bool once; /* until nothing is due, then end */
};

/* The exit status (sysexits.h): 0 when it was told to go, after the batch in
 * hand. */
int loop_run(const struct loop_start *start) MUSTCHECK;

#endif
