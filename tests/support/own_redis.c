/* own_redis.c: start, stop and question a private redis-server. */
#include "support/own_redis.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define START_TRIES 2000
#define START_STEP_NS 5000000 /* 2000 x 5 ms: ten seconds to come up */

int
own_redis_dial(const struct own_redis *redis)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	struct timeval limit = { 5, 0 };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(to.sun_path, sizeof to.sun_path, "%s", redis->socket);
	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
	if (connect(fd, (const struct sockaddr *)&to, sizeof to) < 0) {
		close(fd);
		return -1;
	}

	return fd;
}

const char *
own_redis_say(const struct own_redis *redis, const char *command, char *out,
    size_t out_max)
{
	const char *password = redis->password[0] ? redis->password : NULL;
	char text[512];
	size_t len = 0;
	ssize_t n = 1;
	int fd = own_redis_dial(redis);
	char *skip;

	out[0] = '\0';
	if (fd < 0)
		return out;
	snprintf(text, sizeof text, "%s%s%s%s\r\nQUIT\r\n",
	    password ? "AUTH " : "", password ? password : "",
	    password ? "\r\n" : "", command);
	if (send(fd, text, strlen(text), MSG_NOSIGNAL) == (ssize_t)strlen(text))
		while (n > 0 && len + 1 < out_max) {
			n = recv(fd, out + len, out_max - len - 1, 0);
			len += n > 0 ? (size_t)n : 0;
		}
	close(fd);

	/* Without the answers to AUTH and QUIT. */
	out[len] = '\0';
	if (len >= 5 && strcmp(out + len - 5, "+OK\r\n") == 0)
		out[len - 5] = '\0';
	skip = password ? strstr(out, "\r\n") : NULL;
	if (skip)
		memmove(out, skip + 2, strlen(skip + 2) + 1);
	return out;
}

static int
free_port(void)
{
	struct sockaddr_in at = { .sin_family = AF_INET };
	socklen_t len = sizeof at;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int port = 0;

	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd >= 0 && bind(fd, (const struct sockaddr *)&at, len) == 0 &&
	    getsockname(fd, (struct sockaddr *)&at, &len) == 0)
		port = ntohs(at.sin_port);
	if (fd >= 0)
		close(fd);

	return port;
}

static void
become_server(const struct own_redis *redis)
{
	char port[16];

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	snprintf(port, sizeof port, "%d", redis->port);
	execlp("redis-server", "redis-server", "--port", port, "--bind",
	    "127.0.0.1", "--unixsocket", redis->socket, "--dir", redis->dir,
	    "--logfile", "log", "--save", "", "--appendonly", "no",
	    "--requirepass", redis->password, (char *)NULL);
	_exit(127);
}

bool
own_redis_restart(struct own_redis *redis)
{
	struct timespec step = { 0, START_STEP_NS };
	char out[256];

	redis->pid = fork();
	if (redis->pid == 0)
		become_server(redis);
	for (int i = 0; redis->pid > 0 && i < START_TRIES; i++) {
		if (strcmp(own_redis_say(redis, "PING", out, sizeof out),
		    "+PONG\r\n") == 0)
			return true;
		if (waitpid(redis->pid, NULL, WNOHANG) == redis->pid)
			break;
		nanosleep(&step, NULL);
	}

	return false;
}

bool
own_redis_start(struct own_redis *redis, bool tcp, const char *password)
{
	const char *tmp = getenv("TMPDIR");

	*redis = (struct own_redis){ .port = tcp ? free_port() : 0 };
	snprintf(redis->password, sizeof redis->password, "%s", password);
	snprintf(redis->dir, sizeof redis->dir, "%s/own-redis-XXXXXX",
	    tmp && strlen(tmp) < 40 ? tmp : "/tmp");
	if (!mkdtemp(redis->dir))
		return false;
	snprintf(redis->socket, sizeof redis->socket, "%s/s", redis->dir);
	snprintf(redis->url, sizeof redis->url, "unix://%s", redis->socket);

	return own_redis_restart(redis);
}

void
own_redis_kill(struct own_redis *redis)
{
	if (redis->pid <= 0)
		return;

	kill(redis->pid, SIGKILL);
	waitpid(redis->pid, NULL, 0);
	redis->pid = 0;
}

void
own_redis_end(struct own_redis *redis)
{
	char file[80];

	own_redis_kill(redis);
	snprintf(file, sizeof file, "%s/log", redis->dir);
	unlink(file);
	snprintf(file, sizeof file, "%s/dump.rdb", redis->dir); /* after SAVE */
	unlink(file);
	unlink(redis->socket);
	rmdir(redis->dir);
}
