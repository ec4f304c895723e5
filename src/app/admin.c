/* admin.c: open what bookingctl works with. */
#include "app/admin.h"

#include <unistd.h>

#include "app/schema.h"
#include "app/settings.h"
#include "base/arena.h"
#include "base/scope.h"
#include "base/shm.h"
#include "store/cache.h"
#include "store/db.h"

/* An administrator waits longer than a parent does. */
#define STATEMENT_MS 60000
#define LOCK_MS 10000
#define REDIS_MS 1000

static void
admin_close(void *data)
{
	struct admin *admin = data;

	db_free(admin->db);
	cache_free(admin->cache);
	shm_close(admin->shm);
}

/* The pool's memory, when there is a pool here and we may write to it. */
static struct shm *
pool_memory(struct scope *sc, const struct settings *conf)
{
	const char *path = arena_printf(sc->arena, "%s/%s",
	    conf->runtime_dir, SHM_FILE);
	char why[SCOPE_WHY_MAX];

	if (access(path, R_OK | W_OK) != 0)
		return NULL;
	return shm_open_file(path, why, sizeof why);
}

enum err
admin_open(struct scope *sc, const struct settings *conf,
    struct admin **ret_admin)
{
	struct admin *admin = arena_new(sc->arena, struct admin);
	const struct db_options options = {
		.url = schema_url(conf),
		.program = "bookingctl",
		.connect_timeout_s = conf->db_connect_timeout_s,
		.statement_timeout_ms = STATEMENT_MS,
		.lock_timeout_ms = LOCK_MS,
	};

	if (!options.url)
		return scope_fail(sc, ERR_INVALID,
		    "DATABASE_ADMIN_URL or DATABASE_URL must be set");
	arena_defer(sc->arena, admin_close, admin);
	admin->conf = conf;
	admin->detail = "";
	admin->shm = pool_memory(sc, conf);
	admin->cache = cache_new(conf->redis_url, REDIS_MS, admin->shm);
	if (!admin->cache)
		return scope_fail(sc, ERR_INVALID, "REDIS_URL is not a Redis "
		    "address: redis://host:port/db or unix:///path");
	admin->db = db_new(&options);
	if (!admin->db)
		return scope_fail(sc, ERR_NO_MEMORY, "no memory to connect");

	*ret_admin = admin;
	return ERR_OK;
}
