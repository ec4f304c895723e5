/* notify.c: tell systemd how we are. */
#include "base/notify.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

void
notify_send(const char *fmt, ...)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	const char *path = getenv("NOTIFY_SOCKET");
	size_t path_len = path ? strlen(path) : 0;
	char text[256];
	va_list args;
	int len;
	int fd;

	/* '@' stands for the NUL of an abstract name. */
	if (path_len == 0 || path_len >= sizeof to.sun_path ||
	    (*path != '/' && *path != '@'))
		return;
	memcpy(to.sun_path, path, path_len);
	if (*path == '@')
		to.sun_path[0] = '\0';

	va_start(args, fmt);
	len = vsnprintf(text, sizeof text, fmt, args);
	va_end(args);
	if (len <= 0 || (size_t)len >= sizeof text)
		return;

	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	(void)sendto(fd, text, (size_t)len, MSG_NOSIGNAL | MSG_DONTWAIT,
	    (const struct sockaddr *)&to,
	    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + path_len));
	(void)close(fd);
}

int64_t
notify_watchdog_us(void)
{
	const char *usec = getenv("WATCHDOG_USEC");
	const char *pid = getenv("WATCHDOG_PID");
	int64_t every;

	if (!usec || (pid && strtol(pid, NULL, 10) != (long)getpid()))
		return 0;
	every = strtoll(usec, NULL, 10);
	return every > 0 ? every / 2 : 0;
}
