/*
 * customer_keys.h: the public keys of whoever signs our customers in, out of
 * the file JWT_JWKS_FILE, which is read again when it changes.
 *
 * A file that cannot be read, or is no set of keys, changes nothing: the keys
 * there were stay good, and the news say what is wrong with it.
 */
#ifndef APP_CUSTOMER_KEYS_H
#define APP_CUSTOMER_KEYS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/compiler.h"
#include "base/err.h"

struct customer_keys;
struct jwks;
struct scope;

/* What came of the last look at a file that had changed. */
struct customer_keys_news {
	bool refused;
	const char *sentence; /* until the next look; nothing secret */
};

/* path: the file; kept.  NULL when there is no memory. */
struct customer_keys *customer_keys_new(const char *path) MUSTCHECK;
void customer_keys_free(struct customer_keys *keys); /* accepts NULL */

/* Read the file now: ERR_INVALID, ERR_UNAVAILABLE or ERR_NO_MEMORY with
 * sc->why, which names the setting. */
enum err customer_keys_read(struct customer_keys *keys, struct scope *sc)
    MUSTCHECK;

/* The set as it is now, NULL before any could be read.  The file is looked at
 * once a second at most.  Valid until the next call. */
const struct jwks *customer_keys_now(struct customer_keys *keys,
    struct scope *sc);

/* True once for each look that brought something to tell. */
bool customer_keys_news(struct customer_keys *keys,
    struct customer_keys_news *ret_news) MUSTCHECK;

#endif
