/*
 * admin.h: what bookingctl works with: the owner's connection to Postgres, and
 * the cache whose values a change makes stale.
 */
#ifndef APP_ADMIN_H
#define APP_ADMIN_H

#include "base/compiler.h"
#include "base/err.h"

struct cache;
struct db;
struct scope;
struct settings;
struct shm;

struct admin {
	const struct settings *conf;
	struct shm *shm; /* NULL: this user may not see the pool's memory */
	struct db *db;
	struct cache *cache;
	const char *detail; /* of the last refusal, "" when none */
};

/* No connection is made.  Everything is closed with the scope's arena.
 * ERR_INVALID: a setting is missing or bad. */
enum err admin_open(struct scope *sc, const struct settings *conf,
    struct admin **ret_admin) MUSTCHECK;

#endif
