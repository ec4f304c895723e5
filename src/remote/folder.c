/* folder.c: put whole files into a folder. */
#include "remote/folder.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/scope.h"

#define FOLDER_MODE 0711
#define FILE_MODE 0644
#define OPEN_FOLDER (O_RDONLY | O_DIRECTORY | O_CLOEXEC)

static enum err
fail(struct scope *sc, const char *what)
{
	return scope_fail(sc, ERR_UNAVAILABLE, "the folder of documents: "
	    "%s: %s", what, strerror(errno));
}

/* A name in two parts: where, and what. */
struct place {
	int dir; /* of the file itself; closed by leave() */
	const char *file;
	bool missing; /* there is no such folder */
};

static bool
part_valid(const char *part, size_t len)
{
	return len > 0 && part[0] != '.' && strspn(part, "ABCDEFGHIJKLMNOPQRST"
	    "UVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-_") >= len;
}

static bool
name_valid(const char *name)
{
	size_t first = strcspn(name, "/");

	if (strlen(name) > FOLDER_NAME_MAX || !part_valid(name, first))
		return false;
	return !name[first] || part_valid(name + first + 1,
	    strlen(name + first + 1));
}

/* The permissions whatever the umask says. */
static int
open_below(int upper, const char *folder, bool make)
{
	int dir;

	if (make && mkdirat(upper, folder, 0700) != 0 && errno != EEXIST)
		return -1;
	dir = openat(upper, folder, OPEN_FOLDER | O_NOFOLLOW);
	if (dir >= 0 && make && fchmod(dir, FOLDER_MODE) != 0) {
		(void)close(dir);
		return -1;
	}
	return dir;
}

static enum err
enter(struct scope *sc, const char *folder, const char *name, bool make,
    struct place *ret_place)
{
	char below[FOLDER_NAME_MAX + 1];
	const char *slash = strchr(name, '/');
	int dir;

	assert(name_valid(name));
	*ret_place = (struct place){ .dir = -1, .file = name };
	dir = open(folder, OPEN_FOLDER);
	if (dir < 0)
		return fail(sc, "open");
	if (slash) {
		int upper = dir;

		(void)snprintf(below, sizeof below, "%.*s",
		    (int)(slash - name), name);
		dir = open_below(upper, below, make);
		(void)close(upper);
		ret_place->missing = dir < 0 && errno == ENOENT;
		if (dir < 0)
			return fail(sc, "open what is below");
		ret_place->file = slash + 1;
	}
	ret_place->dir = dir;
	return ERR_OK;
}

static void
leave(const struct place *place)
{
	int kept = errno;

	(void)close(place->dir);
	errno = kept;
}

static bool
write_whole(int fd, const char *data, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, data, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return false;
		data += n;
		len -= (size_t)n;
	}
	return true;
}

/* One writer a process, so that its pid makes the name its own; what a process
 * that was killed left there is written over by the next of that pid. */
static bool
write_beside(int dir, const char *beside, const void *data, size_t len)
{
	int fd = openat(dir, beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC |
	    O_NOFOLLOW, S_IRUSR | S_IWUSR);
	bool ok;
	int kept;

	if (fd < 0)
		return false;
	ok = write_whole(fd, data, len) && fchmod(fd, FILE_MODE) == 0 &&
	    fsync(fd) == 0;
	kept = errno;
	(void)close(fd);
	errno = kept;
	return ok;
}

enum err
folder_put(struct scope *sc, const char *folder, const char *name,
    const void *data, size_t len)
{
	char beside[32];
	struct place at;
	enum err e;

	e = enter(sc, folder, name, true, &at);
	if (e)
		return e;
	(void)snprintf(beside, sizeof beside, ".new-%ld", (long)getpid());
	if (!write_beside(at.dir, beside, data, len) ||
	    renameat(at.dir, beside, at.dir, at.file) != 0 ||
	    fsync(at.dir) != 0) {
		e = fail(sc, "write");
		(void)unlinkat(at.dir, beside, 0);
	}
	leave(&at);
	return e;
}

enum err
folder_delete(struct scope *sc, const char *folder, const char *name)
{
	struct place at;
	enum err e;

	e = enter(sc, folder, name, false, &at);
	if (e)
		return at.missing ? ERR_OK : e;
	if (unlinkat(at.dir, at.file, 0) != 0 && errno != ENOENT)
		e = fail(sc, "remove");
	leave(&at);
	return e;
}

enum err
folder_check(struct scope *sc, const char *folder)
{
	int dir = open(folder, OPEN_FOLDER);
	enum err e = ERR_OK;

	if (dir < 0)
		return fail(sc, "open");
	if (faccessat(dir, ".", W_OK | X_OK, AT_EACCESS) != 0)
		e = fail(sc, "write");
	(void)close(dir);
	return e;
}
