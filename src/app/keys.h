/*
 * keys.h: make, list and revoke the API keys of programs.
 *
 * A key is the text cbk_<id>_<secret>.  The id is a name; the secret is drawn
 * here, given out once, and stored only as its SHA-256.
 */
#ifndef APP_KEYS_H
#define APP_KEYS_H

#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/err.h"
#include "base/form.h"
#include "base/uuid.h"

struct admin;
struct scope;

struct key_request {
	const char *name;
	const char *kind;     /* "publishable" or "secret" */
	struct texts scopes;  /* words of domain/access.h */
	struct uuid franchise; /* none: any */
	int64_t expires_us;   /* NONE: never */
};

struct key {
	const char *id;
	const char *name;
	const char *kind;
	struct texts scopes;
	struct uuid franchise;
	int64_t created_us;
	int64_t expires_us; /* NONE: never */
	int64_t revoked_us; /* NONE: it is not */
};

/* *ret_key is the whole text.  ERR_CONFLICT: a rule is broken.  ERR_NOT_FOUND:
 * no such franchise. */
enum err key_create(struct admin *admin, struct scope *sc,
    const struct key_request *req, const char **ret_key) MUSTCHECK;

/* Oldest first, revoked ones too. */
enum err key_list(struct admin *admin, struct scope *sc, struct key **ret_list,
    size_t *ret_count) MUSTCHECK;

/* Twice is not an error.  ERR_NOT_FOUND. */
enum err key_revoke(struct admin *admin, struct scope *sc, const char *id,
    int64_t *ret_revoked_us) MUSTCHECK;

#endif
