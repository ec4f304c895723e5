/*
 * own_redis.h: a Redis of the test's own, which it may stop, kill and flush.
 *
 * It listens on a socket in a temporary folder, on a port of the loopback if
 * asked, keeps nothing on disk, and dies with the process that started it.
 */
#ifndef TESTS_SUPPORT_OWN_REDIS_H
#define TESTS_SUPPORT_OWN_REDIS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct own_redis {
	pid_t pid; /* 0 = not running */
	int port;  /* 0 = socket only */
	char password[32];
	char dir[64];
	char socket[80];
	char url[96]; /* unix://… */
};

/* Start, and wait until it answers; false when it does not. */
bool own_redis_start(struct own_redis *redis, bool tcp, const char *password);
bool own_redis_restart(struct own_redis *redis); /* same addresses, empty */
void own_redis_kill(struct own_redis *redis);    /* kill -9, and wait */
void own_redis_end(struct own_redis *redis);     /* and remove the folder */

/* One inline command on a connection of its own; its raw reply, or "". */
const char *own_redis_say(const struct own_redis *redis, const char *command,
    char *out, size_t out_max);

/* A connected socket, or -1. */
int own_redis_dial(const struct own_redis *redis);

#endif
