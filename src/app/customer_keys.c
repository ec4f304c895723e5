/* customer_keys.c: a file of public keys, read again when it changes. */
#include "app/customer_keys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/jwks.h"
#include "base/scope.h"

#define LOOK_US USEC_PER_SEC

/* By which a file is seen to be another, or changed: in what it holds, or in who
 * may read it. */
struct identity {
	dev_t device;
	ino_t inode;
	off_t size;
	struct timespec changed; /* its inode's time */
	int error; /* why it could not be looked at; 0 = it could */
};

struct customer_keys {
	const char *path;
	struct jwks *set; /* NULL: none could be read yet */
	struct identity seen;
	int64_t look_us; /* not to be looked at before */
	bool refused;
	bool told; /* there is nothing to tell that was not told */
	char sentence[SCOPE_WHY_MAX];
};

struct customer_keys *
customer_keys_new(const char *path)
{
	struct customer_keys *keys = calloc(1, sizeof *keys);

	if (keys) {
		keys->path = path;
		keys->told = true;
	}
	return keys;
}

void
customer_keys_free(struct customer_keys *keys)
{
	if (!keys)
		return;
	jwks_free(keys->set);
	free(keys);
}

/* ---- the file ---------------------------------------------------------------*/

static struct identity
identify(const struct stat *st)
{
	return (struct identity){ st->st_dev, st->st_ino, st->st_size,
		st->st_ctim, 0 };
}

static struct identity
look(const char *path)
{
	struct stat st;

	if (stat(path, &st) != 0)
		return (struct identity){ .error = errno };
	return identify(&st);
}

static bool
is_same(const struct identity *a, const struct identity *b)
{
	return a->device == b->device && a->inode == b->inode &&
	    a->size == b->size && a->error == b->error &&
	    a->changed.tv_sec == b->changed.tv_sec &&
	    a->changed.tv_nsec == b->changed.tv_nsec;
}

static enum err
unreadable(struct scope *sc, int error)
{
	return scope_fail(sc, ERR_UNAVAILABLE,
	    "JWT_JWKS_FILE: the file cannot be read: %s", strerror(error));
}

/* What the file holds, into JWKS_TEXT_MAX + 1 bytes; so many are one above what
 * is allowed, by which jwks_read sees that it is too much. */
static enum err
slurp(struct scope *sc, int fd, char *text, size_t *ret_len)
{
	size_t len = 0;
	ssize_t n = 1;

	while (n != 0 && len <= JWKS_TEXT_MAX) {
		n = read(fd, text + len, JWKS_TEXT_MAX + 1 - len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return unreadable(sc, errno);
		len += (size_t)n;
	}
	*ret_len = len;
	return ERR_OK;
}

/* Through a descriptor: what is remembered is the file that was read. */
static enum err
read_set(struct customer_keys *keys, struct scope *sc, struct jwks **ret_set)
{
	/* First: no descriptor is open when there is no memory. */
	char *text = arena_alloc(sc->arena, JWKS_TEXT_MAX + 1);
	int fd = open(keys->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	size_t len = 0;
	struct stat st;
	enum err e;

	if (fd < 0 || fstat(fd, &st) != 0) {
		int error = errno;

		/* It may be there and not be ours to read: told once, too. */
		keys->seen = look(keys->path);
		if (fd >= 0)
			(void)close(fd);
		return unreadable(sc, error);
	}
	keys->seen = identify(&st);
	e = slurp(sc, fd, text, &len);
	(void)close(fd);
	if (e)
		return e;

	e = jwks_read(sc, text, len, ret_set);
	if (e) {
		char why[SCOPE_WHY_MAX];

		memcpy(why, sc->why, sizeof why);
		return scope_fail(sc, e, "JWT_JWKS_FILE: %s", why);
	}
	return ERR_OK;
}

enum err
customer_keys_read(struct customer_keys *keys, struct scope *sc)
{
	struct jwks *set = NULL;
	enum err e = read_set(keys, sc, &set);

	keys->look_us = clock_mono_us() + LOOK_US;
	keys->told = false;
	keys->refused = e != ERR_OK;
	if (e) {
		memcpy(keys->sentence, sc->why, sizeof keys->sentence);
		return e;
	}
	jwks_free(keys->set);
	keys->set = set;
	(void)snprintf(keys->sentence, sizeof keys->sentence,
	    "JWT_JWKS_FILE was read: %zu keys, %zu passed over",
	    jwks_count(set), jwks_passed_over(set));
	return ERR_OK;
}

/* ---- what is asked while requests come in --------------------------------------*/

const struct jwks *
customer_keys_now(struct customer_keys *keys, struct scope *sc)
{
	int64_t now_us = clock_mono_us();
	char why[SCOPE_WHY_MAX];
	struct identity there;

	if (now_us < keys->look_us)
		return keys->set;
	keys->look_us = now_us + LOOK_US;
	there = look(keys->path);
	if (is_same(&there, &keys->seen))
		return keys->set;

	/* What is wrong with the file is nothing this request did. */
	memcpy(why, sc->why, sizeof why);
	if (customer_keys_read(keys, sc))
		memcpy(sc->why, why, sizeof why);
	return keys->set;
}

bool
customer_keys_news(struct customer_keys *keys,
    struct customer_keys_news *ret_news)
{
	if (keys->told)
		return false;
	keys->told = true;
	*ret_news = (struct customer_keys_news){ keys->refused,
		keys->sentence };
	return true;
}
