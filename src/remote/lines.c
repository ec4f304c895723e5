/* lines.c: append whole lines to a file. */
#include "remote/lines.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/scope.h"

#define TURN_PAUSE_NS 2000000
#define LOOK_BACK 4096 /* bytes at a time, for the last line's end */

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

/* A writer that was killed in the midst of a line left its beginning.  Nobody
 * has called it written: it goes, lest the next line be lost behind it. */
static bool
mend(int fd, off_t *size)
{
	char part[LOOK_BACK];
	off_t end = *size;

	while (end > 0) {
		size_t len = end < LOOK_BACK ? (size_t)end : LOOK_BACK;
		ssize_t n = pread(fd, part, len, end - (off_t)len);
		const char *newline;

		if (n < 0 && errno == EINTR)
			continue;
		if (n != (ssize_t)len)
			return false;
		newline = memrchr(part, '\n', len);
		end -= (off_t)len;
		if (newline) {
			end += newline - part + 1;
			break;
		}
	}
	if (end < *size && ftruncate(fd, end) != 0)
		return false;
	*size = end;
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
	if (!mend(fd, &before.st_size))
		return fail(sc, "half a line stands at its end");
	if (!write_whole(fd, parts, 2 * count) || fdatasync(fd) != 0) {
		int why = errno;

		if (ftruncate(fd, before.st_size) != 0)
			return fail(sc, "half a line stands at its end");
		errno = why;
		return fail(sc, "write");
	}
	return ERR_OK;
}

/* A file's name outlives a power cut only once its folder is on disk. */
static bool
keep_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	char folder[PATH_MAX];
	bool ok;
	int dir;

	if (slash && (size_t)(slash - path) >= sizeof folder)
		return false;
	(void)snprintf(folder, sizeof folder, "%.*s",
	    slash ? (int)(slash - path) : 1, slash ? path : ".");
	dir = open(*folder ? folder : "/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return false;
	ok = fsync(dir) == 0;
	close(dir);
	return ok;
}

/* Whoever rotates may have moved it away before we had its lock. */
static bool
is_at(int fd, const char *path, bool *ret_empty)
{
	struct stat mine;
	struct stat there;

	if (fstat(fd, &mine) != 0 || stat(path, &there) != 0)
		return false;
	*ret_empty = mine.st_size == 0;
	return mine.st_dev == there.st_dev && mine.st_ino == there.st_ino;
}

enum err
lines_append(struct scope *sc, const char *path, const struct line_text *lines,
    size_t count)
{
	bool there = false;
	bool empty = false;
	enum err e = ERR_OK;

	assert(count <= LINES_MAX);
	while (!e && !there && count > 0) {
		int fd = open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC |
		    O_NOFOLLOW, S_IRUSR | S_IWUSR);

		if (fd < 0)
			return fail(sc, "open");
		if (!take_turn(sc, fd))
			e = fail(sc, "another has it");
		there = !e && is_at(fd, path, &empty);
		if (there && empty && !keep_name(path))
			e = fail(sc, "sync the folder");
		if (there && !e)
			e = append(sc, fd, lines, count);
		close(fd); /* and its lock */
		if (!e && !there && scope_left_us(sc) == 0)
			e = scope_fail(sc, ERR_UNAVAILABLE, "the file of "
			    "events: it is moved away again and again");
	}
	return e;
}
