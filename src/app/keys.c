/* keys.c: make, list and revoke the API keys of programs. */
#include "app/keys.h"

#include <string.h>

#include "app/admin.h"
#include "app/franchise_admin.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "base/instant.h"
#include "base/rng.h"
#include "base/scope.h"
#include "domain/access.h"
#include "store/db.h"

#define ID_LEN 10
#define SECRET_LEN 43 /* of 62 letters: 256 bits */
#define LOWER "abcdefghijklmnopqrstuvwxyz0123456789"
#define ALPHABET LOWER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

static const struct column key_items[] = {
	{ "id", COLUMN_TEXT, offsetof(struct key, id) },
	{ "name", COLUMN_TEXT, offsetof(struct key, name) },
	{ "kind", COLUMN_TEXT, offsetof(struct key, kind) },
	{ "scopes", COLUMN_TEXTS, offsetof(struct key, scopes) },
	{ "franchise_id", COLUMN_UUID, offsetof(struct key, franchise) },
	{ "created_at", COLUMN_INSTANT, offsetof(struct key, created_us) },
	{ "expires_at", COLUMN_INSTANT, offsetof(struct key, expires_us) },
	{ "revoked_at", COLUMN_INSTANT, offsetof(struct key, revoked_us) },
};
static const struct columns key_columns = { sizeof(struct key), key_items,
	ARRAY_LEN(key_items) };

struct revoked {
	const char *id;
	int64_t at_us;
};
static const struct column revoked_items[] = {
	{ "id", COLUMN_TEXT, offsetof(struct revoked, id) },
	{ "revoked_at", COLUMN_INSTANT, offsetof(struct revoked, at_us) },
};
static const struct columns revoked_columns = { sizeof(struct revoked),
	revoked_items, ARRAY_LEN(revoked_items) };

static enum err
check(struct scope *sc, const struct key_request *req)
{
	bool publishable = strcmp(req->kind, "publishable") == 0;
	unsigned rights = 0;

	if (!publishable && strcmp(req->kind, "secret") != 0)
		return scope_fail(sc, ERR_CONFLICT,
		    "kind must be publishable or secret");
	for (size_t i = 0; i < req->scopes.count; i++) {
		unsigned right = access_parse(req->scopes.items[i]);

		if (right == ACCESS_NONE)
			return scope_fail(sc, ERR_CONFLICT, "scope knows "
			    "booking:create, booking:read, booking:update, "
			    "booking:*, checkin:write, payment:refund and "
			    "guest:create");
		rights |= right;
	}
	if (rights == 0)
		return scope_fail(sc, ERR_CONFLICT,
		    "scope must name one right at least");
	if (publishable && rights != ACCESS_GUEST_CREATE)
		return scope_fail(sc, ERR_CONFLICT, "scope must be "
		    "guest:create alone in a publishable key: anyone can "
		    "read it");
	if (req->expires_us != NONE && req->expires_us <= clock_wall_us())
		return scope_fail(sc, ERR_CONFLICT,
		    "expires must be in the future");
	return ERR_OK;
}

enum err
key_create(struct admin *admin, struct scope *sc, const struct key_request *req,
    const char **ret_key)
{
	struct franchise_facts facts;
	uint8_t hash[SHA256_LEN];
	char id[ID_LEN + 1];
	char secret[SECRET_LEN + 1];
	struct args args;
	const char *key;
	enum err e = check(sc, req);

	if (!e && !uuid_is_none(&req->franchise))
		e = franchise_facts_get(admin, sc, &req->franchise, &facts);
	if (e)
		return e;

	rng_text(id, ID_LEN, LOWER);
	rng_text(secret, SECRET_LEN, ALPHABET);
	crypto_sha256(secret, SECRET_LEN, hash);
	key = arena_printf(sc->arena, "cbk_%s_%s", id, secret);
	crypto_wipe(secret, sizeof secret);

	args_init(&args, sc->arena);
	args_text(&args, id);
	args_text(&args, req->name);
	args_text(&args, req->kind);
	args_bytes(&args, (struct bytes){ hash, sizeof hash });
	args_texts(&args, req->scopes.items, req->scopes.count);
	args_uuid(&args, &req->franchise);
	args_instant(&args, req->expires_us);
	e = db_do(admin->db, sc, STMT_KEY_CREATE, &args, NULL);
	if (e)
		return e;

	*ret_key = key;
	return ERR_OK;
}

enum err
key_list(struct admin *admin, struct scope *sc, struct key **ret_list,
    size_t *ret_count)
{
	return db_all(admin->db, sc, STMT_KEY_LIST, NULL, &key_columns,
	    ret_list, ret_count);
}

enum err
key_revoke(struct admin *admin, struct scope *sc, const char *id,
    int64_t *ret_revoked_us)
{
	struct revoked revoked;
	struct args args;
	enum err e;

	args_init(&args, sc->arena);
	args_text(&args, id);
	e = db_one(admin->db, sc, STMT_KEY_REVOKE, &args, &revoked_columns,
	    &revoked);
	if (e == ERR_NOT_FOUND)
		return scope_fail(sc, e, "there is no such key");
	if (e)
		return e;

	*ret_revoked_us = revoked.at_us;
	return ERR_OK;
}
