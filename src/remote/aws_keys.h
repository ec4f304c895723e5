/*
 * aws_keys.h: by whose keys calls to AWS are signed, and where they come from.
 *
 * Chain    AWS's own order, the first that is configured: the settings
 *          themselves; a profile of the shared credentials file (when its path
 *          or a profile is named; read again when the file changes); the
 *          endpoint of containers (ECS, EKS); the instance's metadata (IMDSv2;
 *          version 1 is not asked).
 * Renewal  Keys that expire are asked for anew five minutes before.  When that
 *          fails, what is still valid is used, and it is tried again every ten
 *          seconds.  What the endpoint gave just now is used whatever our
 *          clock thinks of its expiry: the service has the last word.
 * Bounds   An answer has at most AWS_KEYS_ANSWER_MAX bytes; to connect may take
 *          a second, a try two, and there are two of them.
 * Secrets  Neither logged nor in sc->why.  What this module holds of a key is
 *          wiped when it goes: its own copies, the answer, the file's text.
 *          Copies inside of libcurl, json-c and the environment are not ours.
 * Breaker  These endpoints are judged by none, and open nobody's.
 * Units    *_us: microseconds since 1970; now_us is AWS's time, not the host's
 *          (aws.h knows how they differ).
 * Source   AWS SDKs and Tools Reference Guide (container and IMDS credential
 *          providers); botocore 1.43 (utils.py, credentials.py).
 */
#ifndef REMOTE_AWS_KEYS_H
#define REMOTE_AWS_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "base/compiler.h"
#include "base/scope.h"
#include "remote/aws_sign.h"

#define AWS_KEY_ID_MAX 128
#define AWS_TOKEN_MAX 6144 /* characters of a session token */
#define AWS_KEYS_ANSWER_MAX (16 * 1024)
#define AWS_KEYS_FILE_MAX (64 * 1024)

struct http_client;

/* Texts outlive the keys; "" = not given. */
struct aws_keys_settings {
	const char *key_id;
	const char *secret;
	const char *token;
	const char *file;    /* "" = ~/.aws/credentials, if a profile is named */
	const char *profile; /* "" = "default" */
	const char *container_path; /* at 169.254.170.2; before the URL */
	const char *container_url;
	const char *container_token;
	const char *container_token_file; /* before the token; read each time */
	const char *instance_url; /* "" = http://169.254.169.254 */
	bool instance_off;
};

enum aws_keys_source {
	AWS_KEYS_NONE, /* nothing is configured */
	AWS_KEYS_SETTINGS,
	AWS_KEYS_FILE,
	AWS_KEYS_CONTAINER,
	AWS_KEYS_INSTANCE,
	AWS_KEYS_SOURCE__MAX
};
const char *aws_keys_source_word(enum aws_keys_source source);

/* One set of keys. */
struct aws_key {
	char id[AWS_KEY_ID_MAX + 1];
	char secret[AWS_SECRET_MAX + 1];
	char token[AWS_TOKEN_MAX + 1]; /* "" = none */
	int64_t expires_us;            /* NONE = never */
};

/* The state of a file that was read. */
struct aws_keys_file {
	dev_t device;
	ino_t inode;
	off_t size;
	struct timespec changed;
};

/* The members are aws_keys.c's. */
struct aws_keys {
	struct aws_keys_settings conf;
	enum aws_keys_source source;
	struct http_client *http; /* NULL: no endpoint is asked */
	struct aws_key key;
	bool have;  /* there are keys */
	bool stale; /* ... and they are not good any more */
	int64_t fetched_us;
	int64_t renew_us; /* when to ask for others */
	struct aws_keys_file file;
	char instance_token[AWS_KEY_ID_MAX + 1];
	int64_t instance_token_until_us; /* clock_mono_us */
};

/* Nothing is asked yet.  false with a sentence in why: a setting makes no
 * sense. */
bool aws_keys_open(struct aws_keys *keys,
    const struct aws_keys_settings *settings, char *why, size_t why_max)
    MUSTCHECK;
/* Closes and wipes; harmless on one that is all zero. */
void aws_keys_close(struct aws_keys *keys);

/* ERR_UNAVAILABLE with a sentence: there are none to be had at the moment.
 * *ret_key is good until the next call. */
enum err aws_keys_get(struct aws_keys *keys, struct scope *sc,
    int64_t now_us, const struct aws_key **ret_key) MUSTCHECK;

/* The service says that these keys have expired: whatever we think of them,
 * the next aws_keys_get asks for others.  false: there will be no others. */
bool aws_keys_expired(struct aws_keys *keys);

/* ---- for aws_ask.c ---------------------------------------------------------*/

/* Printable, without a space, at most max characters: headers take it. */
bool aws_key_is_plain(const char *text, size_t max);

/* NULL, or a static sentence that says why these can be no keys; token NULL =
 * none. */
const char *aws_key_make(struct aws_key *ret_key, const char *id,
    const char *secret, const char *token, int64_t expires_us) MUSTCHECK;

/* The whole of a small file, with a NUL behind; -1 with errno. */
ssize_t aws_keys_read_file(const char *path, char *out, size_t max) MUSTCHECK;

/* ERR_UNAVAILABLE, "AWS credentials: " and the sentence. */
enum err aws_keys_none(struct scope *sc, const char *fmt, ...)
    PRINTF_LIKE(2, 3);

#endif
