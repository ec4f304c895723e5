/* aws_keys.c: the chain of credentials. */
#include "remote/aws_keys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "base/instant.h"
#include "remote/aws_ask.h"
#include "remote/aws_profile.h"
#include "remote/http_client.h"

#define RENEW_BEFORE_US (300 * USEC_PER_SEC)
#define RENEW_PAUSE_US (10 * USEC_PER_SEC)
#define RENEW_UNDATED_US (900 * USEC_PER_SEC) /* keys that tell no expiry */
#define CONNECT_US USEC_PER_SEC
#define TOTAL_US (2 * USEC_PER_SEC)
#define RETRY_WAIT_US (100 * 1000)
#define CONTAINER_PATH_MAX 1024
#define CONTAINER_URL_MAX 2047

/* Plain http may go there and nowhere else but to loopback. */
static const char *const plain_hosts[] = { "169.254.169.254",
	"169.254.170.2", "169.254.170.23", "[fd00:ec2::254]",
	"[fd00:ec2::23]", NULL };

enum err
aws_keys_none(struct scope *sc, const char *fmt, ...)
{
	char text[SCOPE_WHY_MAX];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(text, sizeof text, fmt, args);
	va_end(args);
	return scope_fail(sc, ERR_UNAVAILABLE, "AWS credentials: %s", text);
}

const char *
aws_keys_source_word(enum aws_keys_source source)
{
	static const char *const words[] = {
		[AWS_KEYS_NONE] = "nothing",
		[AWS_KEYS_SETTINGS] = "settings",
		[AWS_KEYS_FILE] = "shared credentials file",
		[AWS_KEYS_CONTAINER] = "container endpoint",
		[AWS_KEYS_INSTANCE] = "instance metadata",
	};

	return words[source];
}

/* ---- a set of keys -------------------------------------------------------*/

bool
aws_key_is_plain(const char *text, size_t max)
{
	size_t len = strlen(text);

	if (len > max)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (text[i] <= ' ' || text[i] > '~')
			return false;
	}
	return true;
}

static void
copy(char *out, const char *text)
{
	memcpy(out, text, strlen(text) + 1);
}

const char *
aws_key_make(struct aws_key *ret_key, const char *id, const char *secret,
    const char *token, int64_t expires_us)
{
	if (!*id || !aws_key_is_plain(id, AWS_KEY_ID_MAX))
		return "what should be a key id is none";
	if (!*secret || !aws_key_is_plain(secret, AWS_SECRET_MAX))
		return "what should be a secret key is none";
	if (token && !aws_key_is_plain(token, AWS_TOKEN_MAX))
		return "what should be a session token is none";

	copy(ret_key->id, id);
	copy(ret_key->secret, secret);
	copy(ret_key->token, token ? token : "");
	ret_key->expires_us = expires_us;
	return NULL;
}

/* Ours now, in place of those there were. */
static void
adopt(struct aws_keys *keys, struct aws_key *key, int64_t now_us)
{
	keys->key = *key;
	crypto_wipe(key, sizeof *key);
	keys->have = true;
	keys->stale = false;
	keys->fetched_us = now_us;
	keys->renew_us = now_us + RENEW_UNDATED_US;
	if (keys->key.expires_us != NONE)
		keys->renew_us = keys->key.expires_us - RENEW_BEFORE_US;
	/* Others may not be there yet, or our clock is wrong: not at once. */
	if (keys->renew_us < now_us + RENEW_PAUSE_US)
		keys->renew_us = now_us + RENEW_PAUSE_US;
}

/* ---- the file --------------------------------------------------------------------*/

ssize_t
aws_keys_read_file(const char *path, char *out, size_t max)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	size_t len = 0;
	ssize_t n = 1;

	if (fd < 0)
		return -1;
	while (n != 0 && len < max) {
		n = read(fd, out + len, max - len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			close(fd);
			return -1;
		}
		len += (size_t)n;
	}
	close(fd);
	if (len == max) {
		errno = EFBIG;
		return -1;
	}
	out[len] = '\0';
	return (ssize_t)len;
}

static enum err
file_path(const struct aws_keys *keys, struct scope *sc, const char **ret_path)
{
	const char *home = getenv("HOME");

	*ret_path = keys->conf.file;
	if (**ret_path)
		return ERR_OK;
	if (!home || !*home)
		return aws_keys_none(sc, "AWS_PROFILE is set, "
		    "AWS_SHARED_CREDENTIALS_FILE and HOME are not");
	*ret_path = arena_printf(sc->arena, "%s/.aws/credentials", home);
	return ERR_OK;
}

static bool
is_same_file(const struct aws_keys_file *a, const struct aws_keys_file *b)
{
	return a->device == b->device && a->inode == b->inode &&
	    a->size == b->size && a->changed.tv_sec == b->changed.tv_sec &&
	    a->changed.tv_nsec == b->changed.tv_nsec;
}

static enum err
read_profile(struct aws_keys *keys, struct scope *sc, const char *path,
    int64_t now_us)
{
	const char *name = *keys->conf.profile ? keys->conf.profile
	    : "default";
	char *text = arena_alloc(sc->arena, AWS_KEYS_FILE_MAX);
	ssize_t len = aws_keys_read_file(path, text, AWS_KEYS_FILE_MAX);
	struct aws_profile profile;
	struct aws_key key;
	const char *wrong;

	if (len < 0)
		return aws_keys_none(sc, "the shared credentials file cannot be "
		    "read: %s", strerror(errno));
	wrong = aws_profile_find(text, (size_t)len, name, &profile);
	if (!wrong)
		wrong = aws_key_make(&key, profile.key_id, profile.secret,
		    profile.token, NONE);
	crypto_wipe(text, (size_t)len);
	if (wrong)
		return aws_keys_none(sc, "the shared credentials file: %s",
		    wrong);
	adopt(keys, &key, now_us);
	return ERR_OK;
}

static enum err
load_file(struct aws_keys *keys, struct scope *sc, int64_t now_us)
{
	struct aws_keys_file file = { 0 };
	const char *path;
	struct stat st;
	enum err e = file_path(keys, sc, &path);

	if (e)
		return e;
	if (stat(path, &st) != 0)
		return aws_keys_none(sc, "the shared credentials file cannot be "
		    "read: %s", strerror(errno));
	file.device = st.st_dev;
	file.inode = st.st_ino;
	file.size = st.st_size;
	file.changed = st.st_mtim;
	if (keys->have && !keys->stale && is_same_file(&file, &keys->file))
		return ERR_OK;
	e = read_profile(keys, sc, path, now_us);
	if (!e)
		keys->file = file;
	return e;
}

/* ---- the chain ---------------------------------------------------------------------*/

static enum aws_keys_source
source_of(const struct aws_keys_settings *conf)
{
	if (*conf->key_id)
		return AWS_KEYS_SETTINGS;
	if (*conf->file || *conf->profile)
		return AWS_KEYS_FILE;
	if (*conf->container_path || *conf->container_url)
		return AWS_KEYS_CONTAINER;
	return conf->instance_off ? AWS_KEYS_NONE : AWS_KEYS_INSTANCE;
}

/* NULL, or what is wrong with the addresses of the endpoints. */
static const char *
check_addresses(const struct aws_keys_settings *conf)
{
	const char *wrong = NULL;

	if (*conf->container_path && (conf->container_path[0] != '/' ||
	    strlen(conf->container_path) > CONTAINER_PATH_MAX))
		return "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI must be a path "
		    "that begins with /";
	if (strlen(conf->container_url) > CONTAINER_URL_MAX)
		return "AWS_CONTAINER_CREDENTIALS_FULL_URI is too long";
	if (*conf->container_url)
		wrong = http_client_url_check_hosts(conf->container_url,
		    plain_hosts);
	if (wrong)
		return "AWS_CONTAINER_CREDENTIALS_FULL_URI must be https, or "
		    "http to this machine or an endpoint of ECS or EKS";
	if (*conf->instance_url)
		wrong = http_client_url_check_hosts(conf->instance_url,
		    plain_hosts);
	return wrong ? "AWS_EC2_METADATA_SERVICE_ENDPOINT must be https, or "
	    "http to this machine or the instance's metadata" : NULL;
}

bool
aws_keys_open(struct aws_keys *keys, const struct aws_keys_settings *settings,
    char *why, size_t why_max)
{
	const struct http_client_settings http = {
		.name = "AWS credentials",
		.connect_us = CONNECT_US,
		.total_us = TOTAL_US,
		.retry_wait_us = RETRY_WAIT_US,
		.user_agent = "customer-booking",
		.plain_hosts = plain_hosts,
	};
	const char *wrong;

	*keys = (struct aws_keys){ .conf = *settings,
		.source = source_of(settings) };
	wrong = check_addresses(settings);
	if (!wrong && keys->source == AWS_KEYS_SETTINGS) {
		wrong = aws_key_make(&keys->key, settings->key_id, settings->secret,
		    settings->token, NONE);
		if (wrong)
			wrong = "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and "
			    "AWS_SESSION_TOKEN must be keys as AWS makes them";
		keys->have = !wrong;
	}
	if (wrong) {
		(void)snprintf(why, why_max, "%s", wrong);
		return false;
	}
	if (keys->source != AWS_KEYS_CONTAINER &&
	    keys->source != AWS_KEYS_INSTANCE)
		return true;
	keys->http = http_client_open(&http, why, why_max);
	return keys->http != NULL;
}

void
aws_keys_close(struct aws_keys *keys)
{
	http_client_close(keys->http);
	crypto_wipe(keys, sizeof *keys);
}

static bool
is_valid(const struct aws_keys *keys, int64_t now_us)
{
	return keys->have && !keys->stale &&
	    (keys->key.expires_us == NONE || now_us < keys->key.expires_us);
}

/* Also when the clock was set back: it was asked "later" than now. */
static bool
is_due(const struct aws_keys *keys, int64_t now_us)
{
	return !keys->have || keys->stale || now_us >= keys->renew_us ||
	    now_us < keys->fetched_us;
}

static enum err
renew_asked(struct aws_keys *keys, struct scope *sc, int64_t now_us)
{
	struct aws_key key;
	enum err e;

	if (!is_due(keys, now_us))
		return ERR_OK;
	e = keys->source == AWS_KEYS_CONTAINER
	    ? aws_ask_container(keys, sc, &key)
	    : aws_ask_instance(keys, sc, &key);
	if (!e)
		adopt(keys, &key, now_us);
	return e;
}

static enum err
renew(struct aws_keys *keys, struct scope *sc, int64_t now_us)
{
	switch (keys->source) {
	case AWS_KEYS_FILE:
		return load_file(keys, sc, now_us);
	case AWS_KEYS_CONTAINER:
	case AWS_KEYS_INSTANCE:
		return renew_asked(keys, sc, now_us);
	default:
		if (keys->have)
			return ERR_OK;
		return aws_keys_none(sc, "none are configured: set "
		    "AWS_ACCESS_KEY_ID, AWS_PROFILE, or give the container or "
		    "instance a role");
	}
}

enum err
aws_keys_get(struct aws_keys *keys, struct scope *sc, int64_t now_us,
    const struct aws_key **ret_key)
{
	enum err e = renew(keys, sc, now_us);

	if (e && !is_valid(keys, now_us))
		return e;
	if (e) /* these will do for now */
		keys->renew_us = now_us + RENEW_PAUSE_US;
	*ret_key = &keys->key;
	return ERR_OK;
}

bool
aws_keys_expired(struct aws_keys *keys)
{
	if (keys->source == AWS_KEYS_SETTINGS || keys->source == AWS_KEYS_NONE)
		return false;
	keys->stale = true;
	return true;
}
