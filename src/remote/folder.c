/* folder.c: put whole files into a folder. */
#include "remote/folder.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/rng.h"
#include "base/scope.h"

#define FOLDER_MODE 0711
#define FILE_MODE 0644
/* Where files are written; not a name that a caller can give. */
#define BESIDE ".new"
#define BESIDE_MODE 0700
#define LEFT_S 3600 /* so old is what nobody writes any more */
#define NAME_LEN 26
#define NAME_LETTERS "abcdefghijklmnopqrstuvwxyz234567"
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

/* mode: what it is made with, whatever the umask says; 0 = it is not made. */
static int
open_below(int upper, const char *folder, mode_t mode)
{
	int dir;

	if (mode && mkdirat(upper, folder, 0700) != 0 && errno != EEXIST)
		return -1;
	dir = openat(upper, folder, OPEN_FOLDER | O_NOFOLLOW);
	if (dir >= 0 && mode && fchmod(dir, mode) != 0) {
		(void)close(dir);
		return -1;
	}
	return dir;
}

static enum err
enter(struct scope *sc, const char *folder, const char *name, mode_t mode,
    struct place *ret_place)
{
	char below[FOLDER_NAME_MAX + 1];
	const char *slash = strchr(name, '/');
	int dir;

	assert(name_valid(name) || strcmp(name, BESIDE "/x") == 0);
	*ret_place = (struct place){ .dir = -1, .file = name };
	dir = open(folder, OPEN_FOLDER);
	if (dir < 0)
		return fail(sc, "open");
	if (slash) {
		int upper = dir;

		(void)snprintf(below, sizeof below, "%.*s",
		    (int)(slash - name), name);
		dir = open_below(upper, below, mode);
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

/* What writers left that were killed. */
static void
clear_away(int beside)
{
	int fd = openat(beside, ".", OPEN_FOLDER);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	time_t old = time(NULL) - LEFT_S;
	const struct dirent *entry;
	struct stat st;

	if (!dir) {
		if (fd >= 0)
			(void)close(fd);
		return;
	}
	while ((entry = readdir(dir))) {
		if (fstatat(beside, entry->d_name, &st,
		    AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) &&
		    st.st_mtime < old)
			(void)unlinkat(beside, entry->d_name, 0);
	}
	(void)closedir(dir);
}

/* Under a name that nobody else has: several hosts may share the folder, and
 * have processes of the same pid. */
static bool
write_beside(int dir, const char *beside, const void *data, size_t len)
{
	int fd = openat(dir, beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC |
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
	char own[NAME_LEN + 1];
	struct place beside;
	struct place at;
	enum err e;

	rng_text(own, NAME_LEN, NAME_LETTERS);
	e = enter(sc, folder, name, FOLDER_MODE, &at);
	if (e)
		return e;
	e = enter(sc, folder, BESIDE "/x", BESIDE_MODE, &beside);
	if (!e) {
		clear_away(beside.dir);
		if (!write_beside(beside.dir, own, data, len) ||
		    renameat(beside.dir, own, at.dir, at.file) != 0 ||
		    fsync(at.dir) != 0) {
			e = fail(sc, "write");
			(void)unlinkat(beside.dir, own, 0);
		}
		leave(&beside);
	}
	leave(&at);
	return e;
}

enum err
folder_delete(struct scope *sc, const char *folder, const char *name)
{
	struct place at;
	enum err e;

	e = enter(sc, folder, name, 0, &at);
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
