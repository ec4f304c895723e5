/* lines.c: append whole lines to a file. */
#include "remote/lines.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/scope.h"

#define TURN_PAUSE_NS 2000000

static enum err
fail(struct scope *sc, const char *what)
{
	return scope_fail(sc, ERR_UNAVAILABLE, "the file of events: %s: %s",
	    what, strerror(errno));
}

/* flock knows no timeout. */
static bool
take_turn(struct scope *sc, int fd)
{
	const struct timespec pause = { 0, TURN_PAUSE_NS };

	while (flock(fd, LOCK_EX | LOCK_NB) != 0) {
		if ((errno != EWOULDBLOCK && errno != EINTR) ||
		    scope_left_us(sc) == 0)
			return false;
		nanosleep(&pause, NULL);
	}
	return true;
}

static bool
write_whole(int fd, struct iovec *parts, size_t count)
{
	while (count > 0) {
		ssize_t n = writev(fd, parts, (int)count);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return false;
		while (count > 0 && (size_t)n >= parts->iov_len) {
			n -= (ssize_t)parts->iov_len;
			parts++;
			count--;
		}
		if (count > 0) {
			parts->iov_base = (char *)parts->iov_base + n;
			parts->iov_len -= (size_t)n;
		}
	}
	return true;
}

/* On a file that is ours alone for the moment. */
static enum err
append(struct scope *sc, int fd, const struct line_text *lines, size_t count)
{
	struct iovec parts[2 * LINES_MAX];
	struct stat before;

	for (size_t i = 0; i < count; i++) {
		parts[2 * i].iov_base = (void *)(uintptr_t)lines[i].text;
		parts[2 * i].iov_len = lines[i].len;
		parts[2 * i + 1].iov_base = (void *)(uintptr_t)"\n";
		parts[2 * i + 1].iov_len = 1;
	}
	if (fstat(fd, &before) != 0)
		return fail(sc, "stat");
	if (!write_whole(fd, parts, 2 * count) || fdatasync(fd) != 0) {
		int why = errno;

		if (ftruncate(fd, before.st_size) != 0)
			return fail(sc, "half a line stands at its end");
		errno = why;
		return fail(sc, "write");
	}
	return ERR_OK;
}

enum err
lines_append(struct scope *sc, const char *path, const struct line_text *lines,
    size_t count)
{
	enum err e;
	int fd;

	assert(count <= LINES_MAX);
	if (count == 0)
		return ERR_OK;
	fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW,
	    S_IRUSR | S_IWUSR);
	if (fd < 0)
		return fail(sc, "open");
	e = take_turn(sc, fd) ? append(sc, fd, lines, count) :
	    fail(sc, "another has it");
	close(fd); /* and its lock */
	return e;
}
