/* jwks.c: a set of public keys, each bound to one algorithm. */
#include "base/jwks.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/codec.h"
#include "base/form.h"
#include "base/pubkey.h"
#include "base/scope.h"

#define WRITTEN_MAX 64
#define KID_MAX 256
#define NUMBER_MAX 1024 /* characters: RSA of 6144 bits, more than we take */

/* One key as it is written; NULL = absent. */
struct jwk {
	const char *kty;
	const char *use;
	struct texts key_ops;
	const char *alg;
	const char *kid;
	const char *n;
	const char *e;
	const char *crv;
	const char *x;
	const char *y;
	const char *d;
	const char *k;
};

struct written {
	struct list keys;
};

#define AT(field) offsetof(struct jwk, field)
static const struct field jwk_fields[] = {
	{ "kty", FIELD_TEXT, FIELD_REQUIRED, .min = 1, .max = 64,
	    .offset = AT(kty) },
	{ "use", FIELD_TEXT, .min = 1, .max = 64, .offset = AT(use) },
	{ "key_ops", FIELD_TEXTS, FIELD_ALONE, .max = 16,
	    .offset = AT(key_ops) },
	{ "alg", FIELD_TEXT, .min = 1, .max = 64, .offset = AT(alg) },
	{ "kid", FIELD_TEXT, .min = 1, .max = KID_MAX, .offset = AT(kid) },
	{ "n", FIELD_TEXT, .min = 1, .max = -1, .offset = AT(n) },
	{ "e", FIELD_TEXT, .min = 1, .max = -1, .offset = AT(e) },
	{ "crv", FIELD_TEXT, .min = 1, .max = 64, .offset = AT(crv) },
	{ "x", FIELD_TEXT, .min = 1, .max = -1, .offset = AT(x) },
	{ "y", FIELD_TEXT, .min = 1, .max = -1, .offset = AT(y) },
	{ "d", FIELD_TEXT, .min = 1, .max = -1, .offset = AT(d) },
	{ "k", FIELD_TEXT, .min = 1, .max = -1, .offset = AT(k) },
};
#undef AT
static const struct form jwk_form = { .name = "JsonWebKey",
	.help = "One public key.", .size = sizeof(struct jwk),
	.fields = jwk_fields, .count = ARRAY_LEN(jwk_fields), .open = true };

static const struct field written_fields[] = {
	{ "keys", FIELD_LIST, FIELD_REQUIRED, .min = 1, .max = WRITTEN_MAX,
	    .offset = offsetof(struct written, keys), .form = &jwk_form },
};
static const struct form written_form = { .name = "RFC 7517",
	.help = "A set of public keys.", .size = sizeof(struct written),
	.fields = written_fields, .count = ARRAY_LEN(written_fields),
	.open = true };

struct key {
	const char *alg; /* the very text of the table below */
	char *kid;       /* NULL = none */
	struct pubkey *pubkey;
};

struct jwks {
	struct key keys[JWKS_KEYS_MAX];
	size_t count;
	size_t passed_over;
};

/* ---- one key ----------------------------------------------------------------*/

static bool
number(struct scope *sc, const char *text, uint8_t **ret_data, size_t *ret_len)
{
	return text && strnlen(text, NUMBER_MAX + 1) <= NUMBER_MAX &&
	    codec_unb64url(sc->arena, text, strlen(text), ret_data, ret_len);
}

static bool
coordinate(struct scope *sc, const char *text, uint8_t **ret_data)
{
	size_t len;

	return number(sc, text, ret_data, &len) && len == PUBKEY_COORDINATE_LEN;
}

static struct pubkey *
make_rsa(struct scope *sc, const struct jwk *jwk)
{
	uint8_t *n, *e;
	size_t n_len, e_len;

	if (!number(sc, jwk->n, &n, &n_len) || !number(sc, jwk->e, &e, &e_len))
		return NULL;
	return pubkey_rsa(n, n_len, e, e_len);
}

static struct pubkey *
make_p256(struct scope *sc, const struct jwk *jwk)
{
	uint8_t *x, *y;

	if (!coordinate(sc, jwk->x, &x) || !coordinate(sc, jwk->y, &y))
		return NULL;
	return pubkey_p256(x, y);
}

static struct pubkey *
make_ed25519(struct scope *sc, const struct jwk *jwk)
{
	uint8_t *x;

	return coordinate(sc, jwk->x, &x) ? pubkey_ed25519(x) : NULL;
}

/* What a key of each kind is, and the one algorithm it checks. */
static const struct kind {
	const char *kty;
	const char *crv; /* NULL: the kind has none */
	const char *alg;
	const char *also; /* another name of it (RFC 9864), or NULL */
	struct pubkey *(*make)(struct scope *sc, const struct jwk *jwk);
} kinds[] = {
	{ "RSA", NULL, "RS256", NULL, make_rsa },
	{ "EC", "P-256", "ES256", NULL, make_p256 },
	{ "OKP", "Ed25519", "EdDSA", "Ed25519", make_ed25519 },
};

static bool
is_alg(const struct kind *kind, const char *alg)
{
	return strcmp(alg, kind->alg) == 0 ||
	    (kind->also && strcmp(alg, kind->also) == 0);
}

/* May it be used to check signatures, by all that it says of itself? */
static bool
is_for_us(const struct jwk *jwk, const struct kind *kind)
{
	bool verifies = !jwk->key_ops.items;

	for (size_t i = 0; i < jwk->key_ops.count; i++)
		verifies = verifies ||
		    strcmp(jwk->key_ops.items[i], "verify") == 0;
	return verifies && (!jwk->use || strcmp(jwk->use, "sig") == 0) &&
	    (!jwk->alg || is_alg(kind, jwk->alg));
}

static const struct kind *
kind_of(const struct jwk *jwk)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		if (strcmp(jwk->kty, kinds[i].kty) == 0 && (!kinds[i].crv ||
		    (jwk->crv && strcmp(jwk->crv, kinds[i].crv) == 0)))
			return &kinds[i];
	}
	return NULL;
}

/* Add it, or pass it over. */
static enum err
add(struct scope *sc, struct jwks *keys, const struct jwk *jwk)
{
	const struct kind *kind = kind_of(jwk);
	struct pubkey *pubkey = NULL;
	struct key *key;

	if (kind && is_for_us(jwk, kind))
		pubkey = kind->make(sc, jwk);
	if (!pubkey) {
		keys->passed_over++;
		return ERR_OK;
	}
	if (keys->count == JWKS_KEYS_MAX) {
		pubkey_free(pubkey);
		return scope_fail(sc, ERR_INVALID, "more than %d of the keys "
		    "can be used", JWKS_KEYS_MAX);
	}
	key = &keys->keys[keys->count++];
	key->alg = kind->alg;
	key->pubkey = pubkey;
	key->kid = jwk->kid ? strdup(jwk->kid) : NULL;
	if (jwk->kid && !key->kid)
		return scope_fail(sc, ERR_NO_MEMORY, "out of memory");
	return ERR_OK;
}

/* ---- the set ----------------------------------------------------------------*/

static enum err
add_all(struct scope *sc, struct jwks *keys, const struct list *list)
{
	const struct jwk *jwk = list->items;
	enum err e;

	for (size_t i = 0; i < list->count; i++) {
		if (jwk[i].d || jwk[i].k)
			return scope_fail(sc, ERR_INVALID, "key %zu is a "
			    "private or shared one: only public keys belong "
			    "here", i + 1);
		e = add(sc, keys, &jwk[i]);
		if (e)
			return e;
	}
	if (keys->count == 0)
		return scope_fail(sc, ERR_INVALID, "none of the keys can be "
		    "used: they must be for signatures, and RSA of 2048 to "
		    "4096 bits, EC with P-256 or OKP with Ed25519");
	return ERR_OK;
}

enum err
jwks_read(struct scope *sc, const char *text, size_t len,
    struct jwks **ret_keys)
{
	struct written written;
	struct jwks *keys;
	enum err e;

	if (len > JWKS_TEXT_MAX)
		return scope_fail(sc, ERR_INVALID, "it is larger than %zu KiB",
		    JWKS_TEXT_MAX / 1024);
	if (form_read_answer(sc, "not a JSON Web Key Set", &written_form, text, len,
	    &written))
		return ERR_INVALID;
	keys = calloc(1, sizeof *keys);
	if (!keys)
		return scope_fail(sc, ERR_NO_MEMORY, "out of memory");
	e = add_all(sc, keys, &written.keys);
	if (e) {
		jwks_free(keys);
		return e;
	}
	*ret_keys = keys;
	return ERR_OK;
}

void
jwks_free(struct jwks *keys)
{
	if (!keys)
		return;
	for (size_t i = 0; i < keys->count; i++) {
		free(keys->keys[i].kid);
		pubkey_free(keys->keys[i].pubkey);
	}
	free(keys);
}

size_t
jwks_count(const struct jwks *keys)
{
	return keys->count;
}

size_t
jwks_passed_over(const struct jwks *keys)
{
	return keys->passed_over;
}

/* The name our keys have for it; NULL when none of ours is that. */
static const char *
alg_of(const char *alg)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		if (is_alg(&kinds[i], alg))
			return kinds[i].alg;
	}
	return NULL;
}

const char *
jwks_verify(const struct jwks *keys, const char *alg, const char *kid,
    const void *data, size_t len, const uint8_t *signature,
    size_t signature_len)
{
	const char *wanted = alg_of(alg);
	bool tried = false;

	for (size_t i = 0; wanted && i < keys->count; i++) {
		const struct key *key = &keys->keys[i];

		if (key->alg != wanted ||
		    (kid && key->kid && strcmp(kid, key->kid) != 0))
			continue;
		tried = true;
		if (pubkey_verify(key->pubkey, data, len, signature,
		    signature_len))
			return NULL;
	}
	return tried ? "the signature does not fit" :
	    wanted ? "it names no key of ours" :
	    "alg is none of RS256, ES256, EdDSA";
}
