/*
 * app.h: what a process owns: settings, connections, keys; built in order,
 * torn down in reverse.
 */
#ifndef APP_APP_H
#define APP_APP_H

#include <stddef.h>
#include <stdint.h>

#include "app/settings.h"
#include "base/clock.h"
#include "base/compiler.h"
#include "base/err.h"

/* Seed: five failures open the breaker, 30 s later one probe. */
#define APP_BREAKER_FAILURES 5
#define APP_BREAKER_OPEN_US (30 * USEC_PER_SEC)

struct cache;
struct cloud;
struct customer_keys;
struct db;
struct hint;
struct keyring;
struct s3;
struct scope;
struct shm;
struct sqs;
struct stripe;

struct app {
	const struct settings *conf;
	struct shm *shm; /* NULL in bookingctl when the file is not there */
	struct db *db;
	struct cache *cache;
	struct keyring *ring;
	struct customer_keys *customer_keys; /* NULL: no JWT_JWKS_FILE */
	struct stripe *stripe; /* NULL: no key, no payments */
	struct cloud *cloud;   /* NULL: neither of these */
	const struct sqs *sqs; /* NULL: events go to a file */
	const struct s3 *s3;   /* NULL: documents go to a folder */
	struct hint *hint;     /* relays only; opened when one first listens */
};

/* Build an app (no connection is made).  `program` is what Postgres lists it
 * as.  NULL with one sentence in why. */
struct app *app_open(const struct settings *conf, struct shm *shm,
    const char *program, char *why, size_t why_max) MUSTCHECK;
void app_close(struct app *app); /* accepts NULL */

/* Connect to Postgres and prepare; a worker calls it before it serves. */
enum err app_ready(struct app *app, struct scope *sc) MUSTCHECK;

/*
 * Would Postgres have room for so many connections of ours, besides those it
 * holds now?  The supervisor asks before its first start.
 *
 * ERR_CONFLICT     no; sc->why says it in one sentence: "Postgres has
 *                  max_connections=..., ... in use, ..."
 * ERR_UNAVAILABLE  Postgres cannot be asked
 */
enum err app_room(struct app *app, struct scope *sc, int64_t workers)
    MUSTCHECK;

#endif
