/*
 * listener.h: the unix socket the workers share: inherited from systemd, or
 * made here.
 *
 * It is never TCP: who may speak FastCGI to us is who may open the file.
 * Errors   false with one sentence in why.
 */
#ifndef FCGI_LISTENER_H
#define FCGI_LISTENER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"

struct settings;

struct listener {
	int fd;
	bool own;       /* made here: the file is removed at the end */
	uint64_t inode; /* of the file, so that no other's is removed */
};

/* How many connections may wait, for a number of workers. */
int64_t listener_backlog(int64_t workers);

/*
 * Take the socket of LISTEN_FDS when LISTEN_PID is this process, else make the
 * one the settings name; either way its queue is as long as API_BACKLOG, or
 * else the number of workers, wants it.  A file there that no process listens on is replaced;
 * one that is in use, or is no socket, is left alone and refused.
 */
bool listener_open(struct listener *ret_listener, const struct settings *conf,
    int64_t workers, char *why, size_t why_max) MUSTCHECK;

/* Close; remove our own file when `remove` says so and it is still ours. */
void listener_close(struct listener *listener, const char *path, bool remove);

#endif
