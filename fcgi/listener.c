/* listener.c: the unix socket the workers share. */
#include "fcgi/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "app/settings.h"
#include "base/compiler.h"

#define LISTEN_FD 3 /* where systemd puts the first one */

/*
 * The backlog is the queue, and its end is the load shedding: nginx gets EAGAIN
 * at once and answers 503.  So it holds what can still be answered within a
 * second or two: workers / mean seconds a request * seconds.  At 60 to 120 ms
 * of work that is sixteen a worker.  Below 64 a burst of a quiet site would be
 * turned away, above 1024 clients wait longer than they care to.
 */
int64_t
listener_backlog(int64_t workers)
{
	int64_t backlog = workers * 16;

	return backlog < 64 ? 64 : backlog > 1024 ? 1024 : backlog;
}

static bool PRINTF_LIKE(3, 4)
    refuse(char *why, size_t why_max, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(why, why_max, fmt, args);
	va_end(args);
	return false;
}

/* Non-blocking belongs to the shared socket: a worker that is late for a
 * connection must not sleep in accept, deaf to its signals. */
static bool
set_flags(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	return flags >= 0 && fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0 &&
	       fcntl(fd, F_SETFD, FD_CLOEXEC) == 0;
}

/* How many sockets were handed to this very process; 0 when none. */
static long
inherited_count(void)
{
	const char *pid = getenv("LISTEN_PID");
	const char *count = getenv("LISTEN_FDS");
	long fds = 0;

	if (pid && count && strtol(pid, NULL, 10) == (long)getpid())
		fds = strtol(count, NULL, 10);

	/* Neither the workers nor a later self are to take them again. */
	(void)unsetenv("LISTEN_PID");
	(void)unsetenv("LISTEN_FDS");
	(void)unsetenv("LISTEN_FDNAMES");
	return fds;
}

static int
backlog_of(const struct settings *conf, int64_t workers)
{
	int64_t backlog = conf->api_backlog > 0 ? conf->api_backlog
						: listener_backlog(workers);

	return (int)backlog;
}

/* The socket is systemd's; how long its queue is depends on the workers, and
 * listening once more sets that. */
static bool
inherit(struct listener *listener, long count, int backlog, char *why,
    size_t why_max)
{
	int domain = 0;
	int listening = 0;
	socklen_t len = sizeof domain;

	if (count != 1) {
		return refuse(why, why_max,
		    "LISTEN_FDS is %ld: one socket is needed", count);
	}
	if (getsockopt(LISTEN_FD, SOL_SOCKET, SO_DOMAIN, &domain, &len) != 0 ||
	    getsockopt(
		LISTEN_FD, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len) != 0 ||
	    domain != AF_UNIX || !listening || !set_flags(LISTEN_FD) ||
	    listen(LISTEN_FD, backlog) != 0) {
		return refuse(why, why_max,
		    "LISTEN_FDS: file descriptor %d is no listening unix "
		    "socket",
		    LISTEN_FD);
	}

	*listener = (struct listener){.fd = LISTEN_FD};
	return true;
}

/* Hold the folder, so that two that start at once do not remove each other's
 * socket.  -1 when it cannot be held. */
static int
lock_folder(const char *path)
{
	char copy[sizeof((struct sockaddr_un *)NULL)->sun_path];
	int fd;

	(void)snprintf(copy, sizeof copy, "%s", path);
	fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0 && flock(fd, LOCK_EX) != 0) {
		(void)close(fd);
		fd = -1;
	}
	return fd;
}

/* Remove a socket file that nobody listens on. */
static bool
clear_stale(const struct sockaddr_un *to, char *why, size_t why_max)
{
	struct stat st;
	int fd;
	int failed;

	if (lstat(to->sun_path, &st) != 0) {
		if (errno == ENOENT)
			return true;
		return refuse(why, why_max, "API_SOCKET %s: %s", to->sun_path,
		    strerror(errno));
	}
	if (!S_ISSOCK(st.st_mode)) {
		return refuse(why, why_max,
		    "API_SOCKET %s is there and is no socket", to->sun_path);
	}

	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return refuse(why, why_max, "socket: %s", strerror(errno));
	failed = connect(fd, (const struct sockaddr *)to, sizeof *to) == 0
		     ? 0
		     : errno;
	(void)close(fd);

	/* A full queue (EAGAIN) is somebody's too. */
	if (failed != ECONNREFUSED) {
		return refuse(why, why_max,
		    "API_SOCKET %s is in use by another process", to->sun_path);
	}
	if (unlink(to->sun_path) != 0) {
		return refuse(why, why_max, "API_SOCKET %s: %s", to->sun_path,
		    strerror(errno));
	}
	return true;
}

static bool
bind_and_listen(struct listener *listener, const struct sockaddr_un *to,
    mode_t mode, int backlog)
{
	struct stat st;
	mode_t before;
	bool ok;

	/* The mode comes with the file: there is no moment with another. */
	before = umask((mode_t)~mode & 0777);
	ok = bind(listener->fd, (const struct sockaddr *)to, sizeof *to) == 0;
	(void)umask(before);

	ok = ok && stat(to->sun_path, &st) == 0 &&
	     listen(listener->fd, backlog) == 0;
	if (ok)
		listener->inode = (uint64_t)st.st_ino;
	return ok;
}

static bool
make(struct listener *listener, const struct settings *conf, int64_t workers,
    char *why, size_t why_max)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	char *end;
	unsigned long mode = strtoul(conf->api_socket_mode, &end, 8);
	int folder;
	bool ok;

	if (end == conf->api_socket_mode || *end || mode > 0777) {
		return refuse(why, why_max,
		    "API_SOCKET_MODE \"%s\" is no file mode like 0660",
		    conf->api_socket_mode);
	}
	if (strlen(conf->api_socket) >= sizeof to.sun_path) {
		return refuse(why, why_max,
		    "API_SOCKET %s is longer than the %zu bytes of a socket's "
		    "path",
		    conf->api_socket, sizeof to.sun_path - 1);
	}
	(void)snprintf(to.sun_path, sizeof to.sun_path, "%s", conf->api_socket);

	folder = lock_folder(to.sun_path);
	if (folder < 0) {
		return refuse(why, why_max, "API_SOCKET %s: its folder: %s",
		    to.sun_path, strerror(errno));
	}
	ok = clear_stale(&to, why, why_max);
	if (ok) {
		*listener = (struct listener){.own = true};
		listener->fd = socket(
		    AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		ok = listener->fd >= 0 &&
		     bind_and_listen(listener, &to, (mode_t)mode,
			 backlog_of(conf, workers));
		if (!ok) {
			(void)refuse(why, why_max, "API_SOCKET %s: %s",
			    to.sun_path, strerror(errno));
		}
	}
	(void)close(folder);
	return ok;
}

bool
listener_open(struct listener *ret_listener, const struct settings *conf,
    int64_t workers, char *why, size_t why_max)
{
	long count = inherited_count();

	if (count > 0)
		return inherit(ret_listener, count, backlog_of(conf, workers),
		    why, why_max);
	return make(ret_listener, conf, workers, why, why_max);
}

void
listener_close(struct listener *listener, const char *path, bool remove)
{
	struct stat st;

	if (listener->fd < 0)
		return;
	if (remove && listener->own && lstat(path, &st) == 0 &&
	    (uint64_t)st.st_ino == listener->inode)
		(void)unlink(path);
	(void)close(listener->fd);
	listener->fd = -1;
}
