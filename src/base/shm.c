/* shm.c: the file that the processes of a host share, and its robust lock. */
#include "base/shm.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

#define SHM_MAGIC UINT64_C(0x3130676e6b6f6f62) /* "bookng01" */
#define SHM_VERSION 3 /* raise it with every change of struct shm */
#define SHM_MODE 0660
#define BOOT_ID_LEN 36
#define LOCK_WAIT_NS (200 * 1000 * 1000) /* held for microseconds at most */
#define STARTER_TRIES 200
#define STARTER_PAUSE_NS (10 * 1000 * 1000)

/* The file, byte for byte: what is mapped is what is stored. */
struct shm {
	/* Pids, monotonic times and the lock mean nothing after a reboot. */
	uint64_t magic;
	uint32_t version;
	uint32_t size;
	char boot_id[BOOT_ID_LEN + 4];

	pthread_mutex_t lock; /* of what follows, down to the workers */
	_Atomic uint32_t used;   /* entries of marks; read without the lock */
	_Atomic int64_t lost_us; /* when a mark was last lost, 0 = trust the
	                            table; set and read without the lock */
	int64_t redoing_us;      /* lost_us as the last one to redo all saw it */
	int32_t redoing_pid;     /* who that was */
	struct shm_mark marks[SHM_MARKS_MAX];

	struct shm_worker workers[SHM_WORKERS_MAX];
	struct shm_breaker breakers[SHM_SERVICE__MAX];
	_Atomic uint64_t bulkhead[SHM_BULKHEAD_MAX];
};

/* A lock inside an atomic would be a lock of one process only. */
_Static_assert(ATOMIC_INT_LOCK_FREE == 2 && ATOMIC_LLONG_LOCK_FREE == 2,
    "shared atomics must be lock-free");

static struct shm *
fail(char *why, size_t why_max, const char *path, const char *what)
{
	snprintf(why, why_max, "shared memory %s: %s: %s", path, what,
	    strerror(errno));
	return NULL;
}

/* All zero where the kernel does not tell: then a reboot is not noticed. */
static void
read_boot_id(char id[BOOT_ID_LEN])
{
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);

	memset(id, 0, BOOT_ID_LEN);
	if (fd < 0)
		return;
	if (read(fd, id, BOOT_ID_LEN) != BOOT_ID_LEN)
		memset(id, 0, BOOT_ID_LEN);
	close(fd);
}

/* ---- making and mapping --------------------------------------------------*/

/* Fill zeroed memory; 0 or an errno. */
static int
set_up(struct shm *shm)
{
	pthread_mutexattr_t attr;
	int wrong;

	wrong = pthread_mutexattr_init(&attr);
	if (wrong)
		return wrong;
	wrong = pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	if (!wrong)
		wrong = pthread_mutexattr_setrobust(&attr,
		    PTHREAD_MUTEX_ROBUST);
	if (!wrong)
		wrong = pthread_mutex_init(&shm->lock, &attr);
	pthread_mutexattr_destroy(&attr);

	shm->magic = SHM_MAGIC;
	shm->version = SHM_VERSION;
	shm->size = sizeof *shm;
	read_boot_id(shm->boot_id);
	return wrong;
}

static bool
is_ours(const struct shm *shm)
{
	char boot_id[BOOT_ID_LEN];

	read_boot_id(boot_id);
	return shm->magic == SHM_MAGIC && shm->version == SHM_VERSION &&
	    shm->size == sizeof *shm &&
	    memcmp(shm->boot_id, boot_id, sizeof boot_id) == 0;
}

static struct shm *
map(int fd)
{
	void *at = mmap(NULL, sizeof(struct shm), PROT_READ | PROT_WRITE,
	    fd < 0 ? MAP_SHARED | MAP_ANONYMOUS : MAP_SHARED, fd, 0);

	return at == MAP_FAILED ? NULL : at;
}

/* The file as it is.  NULL with errno 0: there is none of ours. */
static struct shm *
map_existing(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	struct shm *shm = NULL;
	struct stat st;

	if (fd < 0) {
		if (errno == ENOENT)
			errno = 0;
		return NULL;
	}

	errno = 0;
	if (!fstat(fd, &st) && S_ISREG(st.st_mode) &&
	    st.st_size == (off_t)sizeof *shm)
		shm = map(fd);
	close(fd);

	if (shm && !is_ours(shm)) {
		shm_close(shm);
		shm = NULL;
		errno = 0;
	}
	return shm;
}

/* A whole new file under another name, then under its own: nobody ever sees
 * half of one, and who still has an older one mapped keeps it. */
static struct shm *
map_new(const char *path)
{
	char name[PATH_MAX];
	struct shm *shm = NULL;
	int wrong;
	int fd;

	if (snprintf(name, sizeof name, "%s.new", path) >= (int)sizeof name) {
		errno = ENAMETOOLONG;
		return NULL;
	}
	if (unlink(name) && errno != ENOENT)
		return NULL;
	fd = open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, SHM_MODE);
	if (fd < 0)
		return NULL;

	/* The umask may have taken the group's rights, which the relay's and
	 * the operator's processes need. */
	if (!fchmod(fd, SHM_MODE) && !ftruncate(fd, sizeof *shm))
		shm = map(fd);
	wrong = shm ? set_up(shm) : errno;
	if (!wrong && rename(name, path))
		wrong = errno;
	close(fd);

	if (wrong) {
		unlink(name);
		shm_close(shm);
		errno = wrong;
		return NULL;
	}
	return shm;
}

/* Hold the directory's lock, so that one starter makes the file and the others
 * find it.  -1 with errno when it is not to be had in time. */
static int
lock_directory(const char *path)
{
	const char *slash = strrchr(path, '/');
	struct timespec pause = { 0, STARTER_PAUSE_NS };
	char dir[PATH_MAX] = ".";
	int fd;

	if (slash && (size_t)(slash - path) + 1 >= sizeof dir) {
		errno = ENAMETOOLONG;
		return -1;
	}
	if (slash) {
		size_t len = (size_t)(slash - path);

		memcpy(dir, path, len > 0 ? len : 1);
		dir[len > 0 ? len : 1] = '\0';
	}

	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	/* flock knows no timeout, and a starter must not wait for ever. */
	for (int i = 0; i < STARTER_TRIES; i++) {
		if (!flock(fd, LOCK_EX | LOCK_NB))
			return fd;
		if (errno != EWOULDBLOCK && errno != EINTR)
			break;
		nanosleep(&pause, NULL);
		errno = EWOULDBLOCK;
	}
	close(fd);
	return -1;
}

struct shm *
shm_open_file(const char *path, char *why, size_t why_max)
{
	struct shm *shm;
	int dir;

	if (!path) {
		shm = map(-1);
		if (!shm)
			return fail(why, why_max, "(private)", "mmap");
		errno = set_up(shm);
		if (errno) {
			shm_close(shm);
			return fail(why, why_max, "(private)", "lock");
		}
		return shm;
	}

	dir = lock_directory(path);
	if (dir < 0)
		return fail(why, why_max, path, "cannot lock its directory");
	shm = map_existing(path);
	if (!shm && errno) {
		fail(why, why_max, path, "cannot map it");
	} else if (!shm) {
		shm = map_new(path);
		if (!shm)
			fail(why, why_max, path, "cannot make it");
	}
	close(dir); /* and its lock */

	return shm;
}

void
shm_close(struct shm *shm)
{
	if (shm)
		munmap(shm, sizeof *shm);
}

struct shm_worker *
shm_worker(struct shm *shm, size_t i)
{
	assert(i < SHM_WORKERS_MAX);
	return &shm->workers[i];
}

struct shm_breaker *
shm_breaker(struct shm *shm, enum shm_service service)
{
	assert((size_t)service < SHM_SERVICE__MAX);
	return &shm->breakers[service];
}

_Atomic uint64_t *
shm_bulkhead(struct shm *shm, size_t i)
{
	assert(i < SHM_BULKHEAD_MAX);
	return &shm->bulkhead[i];
}

/* ---- the lock ------------------------------------------------------------*/

static void
distrust_all(struct shm *shm)
{
	shm->lost_us = clock_mono_us();
}

/* Whoever had the lock died at some line of the functions below. */
static void
repair(struct shm *shm)
{
	uint32_t used = 0;

	for (size_t i = 0; i < SHM_MARKS_MAX; i++)
		used += shm->marks[i].used;
	shm->used = used;
	distrust_all(shm);
	pthread_mutex_consistent(&shm->lock);
}

static bool
lock(struct shm *shm)
{
	struct timespec until;
	int got;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += LOCK_WAIT_NS;
	if (until.tv_nsec >= 1000000000) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}

	got = pthread_mutex_clocklock(&shm->lock, CLOCK_MONOTONIC, &until);
	if (got == EOWNERDEAD)
		repair(shm);
	return got == 0 || got == EOWNERDEAD;
}

static void
unlock(struct shm *shm)
{
	pthread_mutex_unlock(&shm->lock);
}

/* ---- cache marks ---------------------------------------------------------*/

static bool
is_of(const struct shm_mark *mark, const struct uuid *franchise, int64_t day)
{
	return mark->used && mark->day == day &&
	    uuid_equal(&mark->franchise, franchise);
}

/* Each process has its own entry for a day: when it dies, what it left behind
 * is known, whoever else works on the same day. */
static struct shm_mark *
own_mark(struct shm *shm, const struct uuid *franchise, int64_t day)
{
	pid_t pid = getpid();

	for (size_t i = 0; i < SHM_MARKS_MAX; i++) {
		if (shm->marks[i].pid == pid &&
		    is_of(&shm->marks[i], franchise, day))
			return &shm->marks[i];
	}
	return NULL;
}

/* NULL when the table is full. */
static struct shm_mark *
new_mark(struct shm *shm, const struct uuid *franchise, int64_t day)
{
	for (size_t i = 0; i < SHM_MARKS_MAX; i++) {
		struct shm_mark *mark = &shm->marks[i];

		if (mark->used)
			continue;
		*mark = (struct shm_mark){
			.franchise = *franchise,
			.day = day,
			.pid = getpid(),
			.used = true,
		};
		shm->used++;
		return mark;
	}
	return NULL;
}

static void
drop(struct shm *shm, struct shm_mark *mark)
{
	memset(mark, 0, sizeof *mark);
	shm->used--;
}

void
shm_mark(struct shm *shm, const struct uuid *franchise, int64_t day)
{
	struct shm_mark *mark;

	/* Whatever comes next is not remembered; then nothing is trusted. */
	if (!lock(shm)) {
		distrust_all(shm);
		return;
	}

	mark = own_mark(shm, franchise, day);
	if (!mark)
		mark = new_mark(shm, franchise, day);
	if (mark) {
		mark->count++;
		mark->since_us = clock_mono_us();
	} else {
		distrust_all(shm);
	}

	unlock(shm);
}

void
shm_unmark(struct shm *shm, const struct uuid *franchise, int64_t day)
{
	struct shm_mark *mark;

	/* Not cleared in time: it grows old and is redone, which is harmless. */
	if (!lock(shm))
		return;

	/* One that found no room is not there to be cleared. */
	mark = own_mark(shm, franchise, day);
	if (mark && --mark->count == 0)
		drop(shm, mark);

	unlock(shm);
}

bool
shm_mark_find(struct shm *shm, const struct uuid *franchise, int64_t day)
{
	bool found = false;

	/* The usual case, at the price of two loads. */
	if (shm->lost_us == 0 && shm->used == 0)
		return false;
	if (shm->lost_us != 0 || !lock(shm))
		return true;

	for (size_t i = 0; !found && i < SHM_MARKS_MAX; i++)
		found = is_of(&shm->marks[i], franchise, day);
	found = found || shm->lost_us != 0; /* lock may have found a death */

	unlock(shm);
	return found;
}

static bool
is_dead(pid_t pid)
{
	return kill(pid, 0) && errno == ESRCH;
}

/* Deleting before the commit would prove nothing: a reader could store what
 * stood before it, with no mark left to say so. */
static bool
is_left(struct shm_mark *mark, int64_t age_us, int64_t now)
{
	if (!is_dead(mark->pid))
		return now - mark->since_us >= age_us;
	if (mark->dead_us == 0)
		mark->dead_us = now;
	return now - mark->dead_us >=
	    (age_us < SHM_DEAD_GRACE_US ? age_us : SHM_DEAD_GRACE_US);
}

size_t
shm_marks_left(struct shm *shm, int64_t age_us, struct shm_mark *out,
    size_t max, bool *ret_all)
{
	int64_t lost, now;
	size_t count = 0;

	*ret_all = false;
	if (shm->lost_us == 0 && shm->used == 0)
		return 0;
	if (!lock(shm))
		return 0;

	now = clock_mono_us();
	for (size_t i = 0; i < SHM_MARKS_MAX && count < max; i++) {
		struct shm_mark *mark = &shm->marks[i];

		if (mark->used && is_left(mark, age_us, now))
			out[count++] = *mark;
	}
	/* A writer whose mark was lost may not have committed yet: deleting
	 * before it does would prove nothing. */
	lost = shm->lost_us;
	if (lost != 0 && now - lost >= age_us) {
		shm->redoing_us = lost;
		shm->redoing_pid = getpid();
		*ret_all = true;
	}

	unlock(shm);
	return count;
}

static bool
is_same(const struct shm_mark *a, const struct shm_mark *b)
{
	return a->used && is_of(a, &b->franchise, b->day) && a->pid == b->pid &&
	    a->since_us == b->since_us && a->count == b->count;
}

void
shm_marks_redone(struct shm *shm, const struct shm_mark *marks, size_t count,
    bool all)
{
	int64_t redone;

	if (!lock(shm))
		return;

	for (size_t i = 0; i < count; i++) {
		for (size_t k = 0; k < SHM_MARKS_MAX; k++) {
			if (is_same(&shm->marks[k], &marks[i]))
				drop(shm, &shm->marks[k]);
		}
	}
	/* A mark lost since is not covered by that deletion.  If another has
	 * looked meanwhile, what we saw is forgotten: then once more. */
	redone = shm->redoing_us;
	if (all && shm->redoing_pid == getpid())
		atomic_compare_exchange_strong(&shm->lost_us, &redone, 0);

	unlock(shm);
}
