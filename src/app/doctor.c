/* doctor.c: examine every setting and every dependency. */
#include "app/doctor.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/admin.h"
#include "app/app.h"
#include "app/cloud.h"
#include "app/customer_keys.h"
#include "app/franchise_admin.h"
#include "app/keyring.h"
#include "app/outbox_admin.h"
#include "app/schema.h"
#include "app/settings.h"
#include "base/arena.h"
#include "base/breaker.h"
#include "base/bulkhead.h"
#include "base/clock.h"
#include "base/instant.h"
#include "base/scope.h"
#include "base/shm.h"
#include "remote/stripe.h"
#include "store/cache.h"
#include "store/db.h"

#define POSTGRES_MIN 150000
#define POSTGRES_MIN_TEXT "15"
#define SKEW_WARN_US (1 * USEC_PER_SEC)
#define SKEW_FAIL_US (30 * USEC_PER_SEC)
#define SECRET_LETTERS_MIN 12
#define WAITS_LONG_MS 60000

struct doctor {
	struct scope *sc;
	struct settings conf; /* as far as it could be read */
	struct findings *findings;
};

static void find(struct doctor *d, enum finding_level level,
    enum finding_cause cause, const char *what, const char *fmt, ...)
    PRINTF_LIKE(5, 6);

static void
find(struct doctor *d, enum finding_level level, enum finding_cause cause,
    const char *what, const char *fmt, ...)
{
	struct findings *f = d->findings;
	char text[SCOPE_WHY_MAX * 2];
	va_list args;

	if (f->count == FINDINGS_MAX)
		return;
	va_start(args, fmt);
	vsnprintf(text, sizeof text, fmt, args);
	va_end(args);
	f->items[f->count++] = (struct finding){ level, cause, what,
		arena_strdup(d->sc->arena, text) };
}

/* ---- settings -------------------------------------------------------------- */

/* What could not be read must be something all the same. */
static void
stand_in(const struct conf_setting *setting, struct settings *conf)
{
	char *place = (char *)conf + setting->offset;

	if (setting->type == CONF_TEXT || setting->type == CONF_WORD)
		*(const char **)place = "";
	else if (setting->type == CONF_INT)
		*(int64_t *)place = setting->min;
}

struct loaded {
	const struct conf_setting *setting;
	struct settings *conf;
};

static void
unload(void *data)
{
	struct loaded *loaded = data;

	conf_free(loaded->setting, 1, loaded->conf);
}

static bool
is_given(struct doctor *d, const char *name)
{
	const char *value = getenv(name);
	const char *file = getenv(arena_printf(d->sc->arena, "%s_FILE", name));

	return (value && *value) || (file && *file);
}

static void
examine_setting(struct doctor *d, const struct conf_setting *setting)
{
	struct loaded *loaded = arena_new(d->sc->arena, struct loaded);
	char why[SCOPE_WHY_MAX];

	if (!conf_load(setting, 1, &d->conf, why, sizeof why)) {
		stand_in(setting, &d->conf);
		find(d, FINDING_FAIL, CAUSE_SETTING, setting->name, "%s", why);
		return;
	}
	*loaded = (struct loaded){ setting, &d->conf };
	arena_defer(d->sc->arena, unload, loaded);
	find(d, FINDING_OK, CAUSE_SETTING, setting->name, "%s",
	    is_given(d, setting->name) ? "set" :
	    setting->fallback && *setting->fallback ? "by default" :
	    "not set");
}

static size_t
letters(const char *secret)
{
	bool seen[256] = { false };
	size_t count = 0;

	for (; *secret; secret++) {
		count += !seen[(unsigned char)*secret];
		seen[(unsigned char)*secret] = true;
	}
	return count;
}

static void
examine_secrets(struct doctor *d)
{
	const struct {
		const char *name;
		const char *value;
	} secrets[] = {
		{ "JWT_SECRET", d->conf.jwt_secret },
		{ "SESSION_SECRET", d->conf.session_secret },
		{ "LOOKUP_SECRET", d->conf.lookup_secret },
	};
	bool fine = true;

	for (size_t i = 0; i < ARRAY_LEN(secrets); i++) {
		for (size_t j = 0; j < i; j++) {
			if (*secrets[i].value == '\0' || strcmp(
			    secrets[i].value, secrets[j].value) != 0)
				continue;
			fine = false;
			find(d, FINDING_FAIL, CAUSE_SETTING, "secrets",
			    "%s and %s must not be the same", secrets[j].name,
			    secrets[i].name);
		}
		if (*secrets[i].value &&
		    letters(secrets[i].value) < SECRET_LETTERS_MIN) {
			fine = false;
			find(d, FINDING_WARN, CAUSE_SETTING, "secrets",
			    "%s does not look drawn at random",
			    secrets[i].name);
		}
	}
	if (fine)
		find(d, FINDING_OK, CAUSE_SETTING, "secrets",
		    "none equals another");
}

static void
examine_customer_keys(struct doctor *d)
{
	struct customer_keys_news news;
	struct customer_keys *keys;

	if (!*d->conf.jwt_jwks_file)
		return;
	keys = customer_keys_new(d->conf.jwt_jwks_file);
	if (keys)
		(void)customer_keys_now(keys, d->sc);
	if (keys && customer_keys_news(keys, &news))
		find(d, news.refused ? FINDING_FAIL : FINDING_OK,
		    CAUSE_SETTING, "customer keys", "%s", news.sentence);
	customer_keys_free(keys);
}

static void
examine_settings(struct doctor *d)
{
	const struct settings *all;
	struct keyring *ring;
	char why[SCOPE_WHY_MAX];

	for (size_t i = 0; i < settings_count; i++)
		examine_setting(d, &settings_table[i]);
	all = settings_load(why, sizeof why);
	if (all)
		find(d, FINDING_OK, CAUSE_SETTING, "settings",
		    "they fit together");
	else
		find(d, FINDING_FAIL, CAUSE_SETTING, "settings", "%s", why);
	settings_free(all);

	examine_secrets(d);
	ring = keyring_open(d->conf.encryption_keys, d->conf.lookup_secret,
	    d->conf.session_secret, why, sizeof why);
	if (ring)
		find(d, FINDING_OK, CAUSE_SETTING, "key ring",
		    "every key can be read");
	else
		find(d, FINDING_FAIL, CAUSE_SETTING, "key ring", "%s", why);
	keyring_close(ring);
	examine_customer_keys(d);
	if (strncmp(d->conf.public_url, "https://", 8) == 0)
		find(d, FINDING_OK, CAUSE_SETTING, "public url", "https");
	else
		find(d, FINDING_WARN, CAUSE_SETTING, "public url",
		    "PUBLIC_URL is not https: what parents type would travel "
		    "in the clear");
}

/* ---- this host -------------------------------------------------------------- */

static void
examine_host(struct doctor *d)
{
	const char *dir = d->conf.runtime_dir;
	const char *path = arena_printf(d->sc->arena, "%s/%s", dir, SHM_FILE);

	if (access(dir, W_OK | X_OK) != 0)
		find(d, FINDING_FAIL, CAUSE_STATE, "runtime dir", "%s: %s",
		    dir, strerror(errno));
	else
		find(d, FINDING_OK, CAUSE_STATE, "runtime dir",
		    "%s can be written to", dir);
	if (access(path, R_OK | W_OK) == 0)
		find(d, FINDING_OK, CAUSE_STATE, "shared memory",
		    "the pool's can be seen");
	else
		find(d, FINDING_WARN, CAUSE_STATE, "shared memory",
		    "%s: %s (booking-api makes it when it starts)", path,
		    strerror(errno));
}

static void
examine_redis(struct doctor *d, struct admin *admin)
{
	if (!*d->conf.redis_url)
		find(d, FINDING_WARN, CAUSE_SERVICE, "redis",
		    "REDIS_URL is not set: every answer comes from Postgres");
	else if (cache_ping(admin->cache, d->sc))
		find(d, FINDING_OK, CAUSE_SERVICE, "redis", "it answers");
	else
		find(d, FINDING_FAIL, CAUSE_SERVICE, "redis",
		    "it does not answer: every answer comes from Postgres");
}

/* ---- the outside -------------------------------------------------------------- */

/* The pool's own judgement of a service, out of its shared memory. */
static void
examine_breakers(struct doctor *d, struct shm *shm)
{
	static const struct breaker_rules rules = { APP_BREAKER_FAILURES,
		APP_BREAKER_OPEN_US };
	int64_t now = clock_mono_us();
	size_t limit = bulkhead_limit(d->conf.api_workers);
	size_t used;

	if (!shm)
		return; /* said of the host */
	for (int i = 0; i < SHM_SERVICE__MAX; i++) {
		enum shm_service service = (enum shm_service)i;
		struct breaker_view view;

		breaker_read(shm_breaker(shm, service), &rules, now, &view);
		find(d, view.state == BREAKER_CLOSED ? FINDING_OK :
		    FINDING_WARN, CAUSE_SERVICE, arena_printf(d->sc->arena,
		    "breaker %s", breaker_service_word(service)),
		    "%s, %u failures in a row, opened %" PRIu64 " times, %"
		    PRIu64 " calls refused", breaker_state_word(view.state),
		    view.failures, view.opened, view.refused);
	}
	used = bulkhead_used(shm, now);
	find(d, used >= limit ? FINDING_WARN : FINDING_OK, CAUSE_STATE,
	    "bulkhead", "%zu of %zu workers are inside calls to the outside",
	    used, limit);
}

/* Ask for one movement of the balance: it shows the key, the account and the
 * way there, and changes nothing. */
static void
ask_stripe(struct doctor *d, struct app *app)
{
	struct stripe_call call = { .account = NULL };
	struct stripe_pages pages = { .object = STRIPE_BALANCE,
		.from_us = clock_wall_us() };
	struct list items;
	enum stripe_kind kind;
	const char *key = d->conf.stripe_secret_key;
	const char *mode = strstr(key, "_live_") ? "live" :
	    strstr(key, "_test_") ? "test" : "unknown";

	kind = stripe_pages_next(app->stripe, d->sc, &call, &pages, &items);
	if (kind == STRIPE_DONE)
		find(d, FINDING_OK, CAUSE_SERVICE, "stripe",
		    "it answers at %s, mode %s", d->conf.stripe_url, mode);
	else if (kind == STRIPE_DENIED)
		find(d, FINDING_FAIL, CAUSE_SETTING, "stripe",
		    "it does not take STRIPE_SECRET_KEY (mode %s)", mode);
	else
		find(d, FINDING_FAIL, CAUSE_SERVICE, "stripe",
		    "it cannot be asked: %s", d->sc->why);
	if (strcmp(mode, "test") == 0 &&
	    strcmp(d->conf.stripe_url, STRIPE_URL) == 0)
		find(d, FINDING_WARN, CAUSE_SETTING, "stripe mode",
		    "the key is one for tests: no money moves");
}

static void
examine_stripe(struct doctor *d)
{
	struct settings conf = d->conf;
	char why[SCOPE_WHY_MAX];
	struct app *app;

	if (!*conf.stripe_secret_key) {
		find(d, FINDING_WARN, CAUSE_SETTING, "stripe",
		    "STRIPE_SECRET_KEY is not set: nobody can pay");
		return;
	}
	if (!*conf.stripe_webhook_secrets)
		find(d, FINDING_WARN, CAUSE_SETTING, "stripe webhooks",
		    "STRIPE_WEBHOOK_SECRETS is not set: payments are only "
		    "seen when due work asks for them");
	conf.api_workers = 0; /* outside of the pool: no bulkhead */
	app = app_open(&conf, NULL, "bookingctl", why, sizeof why);
	if (!app) {
		find(d, FINDING_FAIL, CAUSE_SETTING, "stripe", "%s", why);
		return;
	}
	ask_stripe(d, app);
	app_close(app);
}

static void
examine_cloud(struct doctor *d)
{
	struct finding found[CLOUD_FINDINGS_MAX];
	size_t count = cloud_examine(d->sc, &d->conf, found);

	for (size_t i = 0; i < count; i++)
		find(d, found[i].level, found[i].cause, found[i].what, "%s",
		    found[i].text);
}

/* ---- Postgres --------------------------------------------------------------- */

struct server {
	int64_t version;
	const char *version_text;
	int64_t now_us;
	bool standby;
};
static const struct column server_items[] = {
	{ "version", COLUMN_I64, offsetof(struct server, version) },
	{ "version_text", COLUMN_TEXT, offsetof(struct server, version_text) },
	{ "now", COLUMN_INSTANT, offsetof(struct server, now_us) },
	{ "standby", COLUMN_BOOL, offsetof(struct server, standby) },
};
static const struct columns server_columns = { sizeof(struct server),
	server_items, ARRAY_LEN(server_items) };

static bool
examine_server(struct doctor *d, struct admin *admin)
{
	struct server server;
	int64_t skew;
	enum err e = db_connect(admin->db, d->sc);

	if (!e)
		e = db_one(admin->db, d->sc, STMT_SERVER_FACTS, NULL,
		    &server_columns, &server);
	if (e) {
		find(d, FINDING_FAIL, CAUSE_SERVICE, "postgres", "%s",
		    d->sc->why);
		return false;
	}

	skew = llabs(server.now_us - clock_wall_us());
	if (server.standby)
		find(d, FINDING_FAIL, CAUSE_STATE, "postgres",
		    "this is a standby: it only reads");
	else if (server.version < POSTGRES_MIN)
		find(d, FINDING_FAIL, CAUSE_STATE, "postgres",
		    "version %s: " POSTGRES_MIN_TEXT " or later is needed",
		    server.version_text);
	else
		find(d, FINDING_OK, CAUSE_STATE, "postgres", "version %s",
		    server.version_text);
	find(d, skew > SKEW_FAIL_US ? FINDING_FAIL : skew > SKEW_WARN_US ?
	    FINDING_WARN : FINDING_OK, CAUSE_STATE, "clock",
	    "this host and Postgres differ by %" PRId64 " ms", skew / 1000);
	return true;
}

static void
examine_schema(struct doctor *d)
{
	struct schema_step *steps;
	size_t missing = 0;
	size_t other = 0;
	size_t count;

	if (schema_status(d->sc, &d->conf, &steps, &count)) {
		find(d, FINDING_FAIL, CAUSE_STATE, "migrations", "%s",
		    d->sc->why);
		return;
	}
	for (size_t i = 0; i < count; i++) {
		missing += steps[i].applied_us == NONE;
		other += steps[i].gone || steps[i].changed;
	}
	if (missing + other == 0)
		find(d, FINDING_OK, CAUSE_STATE, "migrations",
		    "all %zu are applied", count);
	else
		find(d, FINDING_FAIL, CAUSE_STATE, "migrations",
		    "%zu are missing and %zu are not those of SQL_DIR: "
		    "bookingctl migrate --status lists them", missing, other);
}

static void
free_db(void *db)
{
	db_free(db);
}

/* As a worker of the pool would: connect, prepare everything, find room. */
static void
examine_pool(struct doctor *d)
{
	const struct db_options options = {
		.url = d->conf.database_url,
		.program = "bookingctl",
		.connect_timeout_s = d->conf.db_connect_timeout_s,
		.statement_timeout_ms = d->conf.db_statement_timeout_ms,
		.lock_timeout_ms = d->conf.db_lock_timeout_ms,
		.prepare = true,
	};
	struct app app = { .conf = &d->conf };
	enum err e;

	if (!*options.url)
		return; /* said among the settings */
	app.db = db_new(&options);
	if (!app.db)
		return;
	arena_defer(d->sc->arena, free_db, app.db);

	e = db_connect(app.db, d->sc);
	if (e) {
		find(d, FINDING_FAIL, e == ERR_UNAVAILABLE ? CAUSE_SERVICE :
		    CAUSE_STATE, "statements", "%s", d->sc->why);
		return;
	}
	find(d, FINDING_OK, CAUSE_STATE, "statements",
	    "every statement of the API fits the schema");

	e = app_room(&app, d->sc, d->conf.api_workers > 0 ?
	    d->conf.api_workers : 1);
	if (e == ERR_CONFLICT)
		find(d, FINDING_WARN, CAUSE_STATE, "connections", "%s "
		    "(a pool that runs already has its own)", d->sc->why);
	else if (e)
		find(d, FINDING_FAIL, CAUSE_STATE, "connections", "%s",
		    d->sc->why);
	else
		find(d, FINDING_OK, CAUSE_STATE, "connections",
		    "Postgres has room for the workers");
	if (!*d->conf.database_admin_url)
		find(d, FINDING_WARN, CAUSE_SETTING, "roles",
		    "without DATABASE_ADMIN_URL the API owns the tables it "
		    "works with: give it a role of its own");
}

/* What waits tells whether the relays run and get through. */
static void
examine_outbox(struct doctor *d, struct admin *admin)
{
	struct outbox_topic *topics;
	struct outbox_size size;
	size_t count;
	bool well = true;

	if (outbox_stats(admin, d->sc, &topics, &count, &size)) {
		find(d, FINDING_FAIL, CAUSE_STATE, "outbox", "%s", d->sc->why);
		return;
	}
	for (size_t i = 0; i < count; i++) {
		const struct outbox_topic *t = &topics[i];

		if (t->dead > 0) {
			find(d, FINDING_FAIL, CAUSE_STATE, "outbox", "%" PRId64
			    " of the rows of %s are dead: bookingctl outbox "
			    "dead says why", t->dead, t->topic);
			well = false;
		}
		if (t->oldest_ms != NONE && t->oldest_ms > WAITS_LONG_MS) {
			find(d, FINDING_WARN, CAUSE_STATE, "outbox", "%" PRId64
			    " of the rows of %s wait, the oldest for %" PRId64 " s: "
			    "does booking-relay %s run, and what does its log "
			    "say?", t->waiting + t->in_hand, t->topic,
			    t->oldest_ms / 1000, t->topic);
			well = false;
		}
	}
	if (well)
		find(d, FINDING_OK, CAUSE_STATE, "outbox",
		    "nothing is dead, nothing waits long");
}

struct lost_zone {
	struct uuid id;
	const char *name;
	const char *time_zone;
};
static const struct column zone_items[] = {
	{ "id", COLUMN_UUID, offsetof(struct lost_zone, id) },
	{ "name", COLUMN_TEXT, offsetof(struct lost_zone, name) },
	{ "time_zone", COLUMN_TEXT, offsetof(struct lost_zone, time_zone) },
};
static const struct columns zone_columns = { sizeof(struct lost_zone),
	zone_items, ARRAY_LEN(zone_items) };

static void
examine_franchises(struct doctor *d, struct admin *admin)
{
	struct franchise_facts *list;
	struct lost_zone *zones;
	size_t zone_count;
	size_t count;
	size_t broken = 0;

	if (db_all(admin->db, d->sc, STMT_ADMIN_ZONES_MISSING, NULL,
	    &zone_columns, &zones, &zone_count) ||
	    franchise_facts_list(admin, d->sc, &list, &count)) {
		find(d, FINDING_FAIL, CAUSE_STATE, "franchises", "%s",
		    d->sc->why);
		return;
	}
	for (size_t i = 0; i < zone_count; i++)
		find(d, FINDING_FAIL, CAUSE_STATE, "time zones", "Postgres "
		    "does not know %s, the zone of %s", zones[i].time_zone,
		    zones[i].name);
	if (zone_count == 0)
		find(d, FINDING_OK, CAUSE_STATE, "time zones",
		    "Postgres knows those of all franchises");
	for (size_t i = 0; i < count; i++) {
		if (!franchise_facts_check(d->sc, &list[i]))
			continue;
		broken++;
		find(d, FINDING_WARN, CAUSE_STATE, "franchises", "%s: %s",
		    list[i].name, d->sc->why);
	}
	if (broken == 0)
		find(d, FINDING_OK, CAUSE_STATE, "franchises",
		    "all %zu obey the rules", count);
}

void
doctor_examine(struct scope *sc, struct findings *ret_findings)
{
	struct doctor *d = arena_new(sc->arena, struct doctor);
	struct admin *admin;

	*ret_findings = (struct findings){ 0 };
	d->sc = sc;
	d->findings = ret_findings;
	examine_settings(d);
	examine_host(d);
	if (admin_open(sc, &d->conf, &admin)) {
		find(d, FINDING_FAIL, CAUSE_SETTING, "addresses", "%s",
		    sc->why);
		return;
	}
	examine_redis(d, admin);
	examine_breakers(d, admin->shm);
	examine_stripe(d);
	examine_cloud(d);
	if (!examine_server(d, admin))
		return;
	examine_schema(d);
	examine_pool(d);
	examine_outbox(d, admin);
	examine_franchises(d, admin);
}
