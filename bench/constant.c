/*
 * constant.c: the least a FastCGI worker beside Redis can do: one GET, and the
 * value as the answer.  What booking-api is measured against.
 *
 *	constant SOCKET REDIS_SOCKET KEY WORKERS
 *
 * It takes its connections as fcgi/worker.c and fcgi/exchange.c do: accept4 on
 * a shared non-blocking listener, then libfcgi, then a plain close.
 */
#include <fcgiapp.h>
#include <hiredis/hiredis.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 64

static const char head[] =
    "Status: 200 OK\r\n"
    "Content-Type: application/json\r\n"
    "ETag: \"737f0486705e8e11\"\r\n"
    "Cache-Control: no-cache\r\n"
    "Vary: Origin\r\n"
    "X-Request-Id: 261d533475e890186addfb2ea4aafdd0\r\n"
    "Content-Length: ";

static int
listen_at(const char *path)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	(void)unlink(path);
	if (strlen(path) >= sizeof to.sun_path)
		return -1;
	memcpy(to.sun_path, path, strlen(path));
	(void)umask(0077);
	if (fd < 0 || bind(fd, (struct sockaddr *)&to, sizeof to) != 0 ||
	    listen(fd, BACKLOG) != 0)
		return -1;
	return fd;
}

static void
answer(FCGX_Request *fcgi, redisContext *redis, const char *key)
{
	redisReply *value = redisCommand(redis, "GET %s", key);
	char waste[1024];
	char len[32];

	if (!value || value->type != REDIS_REPLY_STRING) {
		fputs("constant: Redis does not have the value\n", stderr);
		exit(1);
	}
	(void)snprintf(len, sizeof len, "%zu\r\n\r\n", value->len);
	(void)FCGX_PutStr(head, (int)sizeof head - 1, fcgi->out);
	(void)FCGX_PutStr(len, (int)strlen(len), fcgi->out);
	(void)FCGX_PutStr(value->str, (int)value->len, fcgi->out);
	freeReplyObject(value);

	while (FCGX_GetStr(waste, sizeof waste, fcgi->in) > 0)
		continue;
	(void)FCGX_FClose(fcgi->err);
	(void)FCGX_FClose(fcgi->out);
	(void)FCGX_Detach(fcgi);
	fcgi->keepConnection = 0;
	FCGX_Finish_r(fcgi);
	fcgi->ipcFd = -1;
}

static void
work(int listener, const char *redis_path, const char *key)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLEXCLUSIVE };
	redisContext *redis = redisConnectUnix(redis_path);
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	FCGX_Request fcgi;

	/* It ends with whoever started it. */
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (!redis || redis->err || FCGX_Init() != 0 ||
	    FCGX_InitRequest(&fcgi, -1, 0) != 0 || epoll < 0 ||
	    epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event) != 0) {
		fputs("constant: a worker cannot start\n", stderr);
		exit(1);
	}
	(void)signal(SIGTERM, SIG_DFL);
	(void)signal(SIGPIPE, SIG_IGN);

	for (;;) {
		int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

		if (fd < 0) {
			(void)epoll_wait(epoll, &event, 1, -1);
			continue;
		}
		fcgi.ipcFd = fd;
		fcgi.keepConnection = 1;
		fcgi.detached = 0;
		if (FCGX_Accept_r(&fcgi) == 0)
			answer(&fcgi, redis, key);
	}
}

int
main(int argc, char **argv)
{
	int listener;
	int workers;

	if (argc != 5 || (workers = (int)strtol(argv[4], NULL, 10)) < 1) {
		fputs("constant SOCKET REDIS_SOCKET KEY WORKERS\n", stderr);
		return 2;
	}
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	listener = listen_at(argv[1]);
	if (listener < 0) {
		perror("constant");
		return 1;
	}
	for (int i = 0; i < workers; i++) {
		if (fork() == 0)
			work(listener, argv[2], argv[3]);
	}
	(void)pause();
	return 0;
}
