/* health.c: ask Postgres and Redis whether they are there. */
#include "app/health.h"

#include "app/app.h"
#include "app/forms.h"
#include "base/clock.h"
#include "base/scope.h"
#include "store/cache.h"
#include "store/db.h"

struct ping {
	int64_t now_us;
};

void
health_check(struct app *app, struct scope *sc, struct health *ret_health)
{
	static const struct column items[] = { { "now", COLUMN_INSTANT,
	    offsetof(struct ping, now_us) } };
	static const struct columns columns = { sizeof(struct ping), items,
		1 };
	struct args args;
	struct ping ping;
	bool database;
	bool cache;

	args_init(&args, sc->arena);
	database = db_one(app->db, sc, STMT_HEALTH_PING, &args, &columns,
	    &ping) == ERR_OK;
	cache = cache_ping(app->cache, sc);

	*ret_health = (struct health){
		.status = !database ? "unhealthy" :
		    cache ? "healthy" : "degraded",
		.database = database ? "up" : "down",
		.cache = cache ? "up" : "down",
		.timestamp_us = clock_wall_us(),
	};
}
