/* app.c: build what a process owns, and tear it down. */
#include "app/app.h"

#include <stdio.h>
#include <stdlib.h>

#include "app/cloud.h"
#include "app/customer_keys.h"
#include "app/keyring.h"
#include "base/bulkhead.h"
#include "base/clock.h"
#include "base/scope.h"
#include "remote/stripe.h"
#include "store/cache.h"
#include "store/db.h"
#include "store/hint.h"

/* Seed: two retries, a second apart. */
#define RETRY_WAIT_US USEC_PER_SEC
#define CONNECT_US (2 * USEC_PER_SEC)

/* Without a key there are no payments, and app->stripe stays NULL. */
static bool
open_stripe(struct app *app, int64_t workers, char *why, size_t why_max)
{
	const struct settings *conf = app->conf;
	struct http_client_settings settings = {
		.service = SHM_STRIPE,
		.shm = app->shm,
		.breaker = { APP_BREAKER_FAILURES, APP_BREAKER_OPEN_US },
		.bulkhead = workers > 0 ? bulkhead_limit(workers) : 0,
		.connect_us = CONNECT_US,
		.total_us = conf->stripe_timeout_ms * 1000,
		.retry_wait_us = RETRY_WAIT_US,
		.user_agent = "customer-booking",
	};
	const char *wrong;
	struct stripe *stripe;

	if (!conf->stripe_secret_key[0])
		return true;
	wrong = http_client_url_check(conf->stripe_url);
	if (wrong) {
		snprintf(why, why_max, "STRIPE_URL: %s", wrong);
		return false;
	}
	stripe = calloc(1, sizeof *stripe);
	if (!stripe) {
		snprintf(why, why_max, "there is no memory to start");
		return false;
	}
	app->stripe = stripe;
	stripe->base_url = conf->stripe_url;
	stripe->secret_key = conf->stripe_secret_key;
	stripe->http = http_client_open(&settings, why, why_max);
	return stripe->http != NULL;
}

static bool
open_cloud(struct app *app, char *why, size_t why_max)
{
	const struct settings *conf = app->conf;

	if (!*conf->sqs_queue_url && !*conf->s3_bucket)
		return true;
	app->cloud = cloud_open(conf, app->shm, why, why_max);
	if (!app->cloud)
		return false;
	app->sqs = cloud_sqs(app->cloud);
	app->s3 = cloud_s3(app->cloud);
	return true;
}

/* Read when the first asks for them: a relay never does. */
static bool
open_customer_keys(struct app *app, char *why, size_t why_max)
{
	if (!*app->conf->jwt_jwks_file)
		return true;
	app->customer_keys = customer_keys_new(app->conf->jwt_jwks_file);
	if (!app->customer_keys)
		snprintf(why, why_max, "there is no memory to start");
	return app->customer_keys != NULL;
}

struct app *
app_open(const struct settings *conf, struct shm *shm, const char *program,
    char *why, size_t why_max)
{
	struct app *app = calloc(1, sizeof *app);
	struct db_options options = {
		.url = conf->database_url,
		.program = program,
		.connect_timeout_s = conf->db_connect_timeout_s,
		.statement_timeout_ms = conf->db_statement_timeout_ms,
		.lock_timeout_ms = conf->db_lock_timeout_ms,
		.prepare = true,
	};

	if (!app) {
		snprintf(why, why_max, "there is no memory to start");
		return NULL;
	}
	app->conf = conf;
	app->shm = shm;
	app->ring = keyring_open(conf->encryption_keys, conf->lookup_secret,
	    conf->session_secret, why, why_max);
	if (!app->ring) {
		app_close(app);
		return NULL;
	}
	app->cache = cache_new(conf->redis_url, conf->redis_timeout_ms, shm);
	if (!app->cache) {
		snprintf(why, why_max, "REDIS_URL is not a Redis address: "
		    "redis://host:port/db or unix:///path");
		app_close(app);
		return NULL;
	}
	app->db = db_new(&options);
	if (!app->db) {
		snprintf(why, why_max, "there is no memory to start");
		app_close(app);
		return NULL;
	}
	if (!open_customer_keys(app, why, why_max) ||
	    !open_stripe(app, conf->api_workers, why, why_max) ||
	    !open_cloud(app, why, why_max)) {
		app_close(app);
		return NULL;
	}
	return app;
}

void
app_close(struct app *app)
{
	if (!app)
		return;
	cloud_close(app->cloud);
	if (app->stripe)
		http_client_close(app->stripe->http);
	free(app->stripe);
	hint_close(app->hint);
	db_free(app->db);
	cache_free(app->cache);
	customer_keys_free(app->customer_keys);
	keyring_close(app->ring);
	free(app);
}

enum err
app_ready(struct app *app, struct scope *sc)
{
	return db_connect(app->db, sc);
}

struct room {
	int64_t max_connections;
	int64_t reserved;
	int64_t in_use;
};

static const struct column room_columns[] = {
	{ "max_connections", COLUMN_I64, offsetof(struct room,
	    max_connections) },
	{ "reserved", COLUMN_I64, offsetof(struct room, reserved) },
	{ "in_use", COLUMN_I64, offsetof(struct room, in_use) },
};

enum err
app_room(struct app *app, struct scope *sc, int64_t workers)
{
	static const struct columns columns = { sizeof(struct room),
		room_columns, ARRAY_LEN(room_columns) };
	struct room room;
	struct args args;
	int64_t left;
	enum err e;

	args_init(&args, sc->arena);
	e = db_one(app->db, sc, STMT_SERVER_ROOM, &args, &columns, &room);
	if (e)
		return e;

	/* The connection that asks is in use itself, and will be given back. */
	left = room.max_connections - room.reserved - room.in_use + 1;
	if (left < workers)
		return scope_fail(sc, ERR_CONFLICT, "%lld Postgres connections "
		    "are needed, one a worker and one for a successor, and "
		    "%lld are left (max_connections %lld, in use %lld): set "
		    "API_WORKERS lower or max_connections higher",
		    (long long)workers,
		    (long long)(left > 0 ? left : 0),
		    (long long)room.max_connections, (long long)room.in_use);
	return ERR_OK;
}
