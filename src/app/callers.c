/* callers.c: who calls: JWTs, our own tokens, API keys. */
#include "app/callers.h"

#include <string.h>

#include "app/app.h"
#include "app/customer_keys.h"
#include "app/forms.h"
#include "app/keyring.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/codec.h"
#include "base/crypto.h"
#include "base/instant.h"
#include "base/json.h"
#include "base/jws.h"
#include "base/scope.h"
#include "domain/access.h"
#include "store/db.h"

#define LEEWAY_S 60
#define OWN_ISSUER "customer-booking"
#define CLAIMS_MAX 2048
#define KEY_PREFIX "cbk_"
#define KEY_TEXT_MAX 128

/* The claims of every token we accept; a scope may be a list or a text. */
struct claims {
	struct uuid sub;
	int64_t exp;
	int64_t iat;
	int64_t nbf;
	const char *iss;
	struct texts aud;
	struct texts scope;
	struct uuid booking;
	struct uuid franchise; /* of the key that opened a guest's session */
};

#define EPOCH_MAX INT64_C(253402300799)
#define AT(field) offsetof(struct claims, field)
static const struct field claims_fields[] = {
	{ "sub", FIELD_UUID, FIELD_REQUIRED, .offset = AT(sub) },
	/* RFC 7519 2: they may have a fraction. */
	{ "exp", FIELD_INT, FIELD_REQUIRED | FIELD_CUT, .max = EPOCH_MAX,
	    .offset = AT(exp) },
	{ "iat", FIELD_INT, FIELD_CUT, .max = EPOCH_MAX,
	    .offset = AT(iat) },
	{ "nbf", FIELD_INT, FIELD_CUT, .max = EPOCH_MAX,
	    .offset = AT(nbf) },
	{ "iss", FIELD_TEXT, .min = 1, .max = 512, .offset = AT(iss) },
	{ "aud", FIELD_TEXTS, FIELD_ALONE, .max = 16, .offset = AT(aud) },
	{ "scope", FIELD_TEXTS, FIELD_SPLIT, .max = 32,
	    .offset = AT(scope) },
	{ "booking", FIELD_UUID, .offset = AT(booking) },
	/* A name that no identity provider gives to something else. */
	{ "booking_franchise", FIELD_UUID, .offset = AT(franchise) },
};
static const struct form claims_form = { .name = "Claims",
	.help = "The claims of a token.", .size = sizeof(struct claims),
	.fields = claims_fields, .count = ARRAY_LEN(claims_fields),
	.open = true };

/* What each kind of token of our own is and may; its typ tells it apart. */
static const struct {
	const char *typ;
	enum caller_kind kind;
	unsigned rights;
} own_tokens[] = {
	{ "booking-guest+jwt", CALLER_GUEST, ACCESS_BOOKING_CREATE |
	    ACCESS_BOOKING_READ | ACCESS_BOOKING_UPDATE },
	{ "booking-manage+jwt", CALLER_MANAGE, ACCESS_BOOKING_READ |
	    ACCESS_BOOKING_UPDATE },
};
#define GUEST 0
#define MANAGE 1

static const char *
customer_name(struct scope *sc, const struct uuid *customer)
{
	char text[UUID_TEXT_MAX];

	return arena_printf(sc->arena, "customer:%s",
	    uuid_format(customer, text));
}

static enum err
read_claims(struct scope *sc, const char *payload, size_t len,
    struct claims *claims)
{
	int64_t now_s = clock_wall_us() / USEC_PER_SEC;

	/* Faults in a token are not faults in the request. */
	if (form_read_json(sc, &claims_form, payload, len, claims)) {
		sc->faults = NULL;
		sc->faults_end = &sc->faults;
		sc->fault_count = 0;
		return scope_fail(sc, ERR_BAD_CREDENTIALS,
		    "the token's claims are malformed");
	}
	if (claims->exp + LEEWAY_S <= now_s)
		return scope_fail(sc, ERR_BAD_CREDENTIALS,
		    "the token has expired");
	if (claims->nbf != NONE && claims->nbf - LEEWAY_S > now_s)
		return scope_fail(sc, ERR_BAD_CREDENTIALS,
		    "the token is not valid yet");
	if (claims->iat != NONE && claims->iat - LEEWAY_S > now_s)
		return scope_fail(sc, ERR_BAD_CREDENTIALS,
		    "the token was issued in the future");
	return ERR_OK;
}

static enum err
from_own(struct scope *sc, const struct claims *claims, size_t kind,
    struct caller *caller)
{
	if (!claims->iss || strcmp(claims->iss, OWN_ISSUER) != 0)
		return scope_fail(sc, ERR_BAD_CREDENTIALS,
		    "the token's issuer is not ours");
	if ((own_tokens[kind].kind == CALLER_MANAGE) ==
	    uuid_is_none(&claims->booking))
		return scope_fail(sc, ERR_BAD_CREDENTIALS,
		    "the token's booking does not fit its kind");

	caller->kind = own_tokens[kind].kind;
	caller->rights = own_tokens[kind].rights;
	caller->booking = claims->booking;
	caller->franchise = claims->franchise;
	return ERR_OK;
}

static bool
holds(const struct texts *texts, const char *wanted)
{
	for (size_t i = 0; i < texts->count; i++) {
		if (strcmp(texts->items[i], wanted) == 0)
			return true;
	}
	return false;
}

static enum err
from_provider(struct app *app, struct scope *sc, const struct claims *claims,
    struct caller *caller)
{
	const struct settings *conf = app->conf;

	if (conf->jwt_issuer[0] && (!claims->iss ||
	    strcmp(claims->iss, conf->jwt_issuer) != 0))
		return scope_fail(sc, ERR_BAD_CREDENTIALS,
		    "the token is from another issuer");
	if (conf->jwt_audience[0] && !holds(&claims->aud, conf->jwt_audience))
		return scope_fail(sc, ERR_BAD_CREDENTIALS,
		    "the token is for another audience");

	caller->kind = CALLER_CUSTOMER;
	caller->rights = ACCESS_NONE;
	for (size_t i = 0; i < claims->scope.count; i++)
		caller->rights |= access_parse(claims->scope.items[i]);
	/* A customer is a customer, whatever its token says. */
	caller->rights &= ACCESS_BOOKING_CREATE | ACCESS_BOOKING_READ |
	    ACCESS_BOOKING_UPDATE;
	return ERR_OK;
}

/* A token of the provider's: by the secret we share, or by one of its keys. */
static enum err
verify_customer(struct app *app, struct scope *sc, const char *token,
    const char **ret_payload, size_t *ret_len)
{
	const char *secret = app->conf->jwt_secret;
	const struct jwks *keys = NULL;
	enum err e = ERR_BAD_CREDENTIALS;

	if (*secret)
		e = jws_verify(sc, secret, strlen(secret), token, ret_payload,
		    ret_len);
	if (e && app->customer_keys)
		keys = customer_keys_now(app->customer_keys, sc);
	if (e && keys)
		e = jws_verify_keys(sc, keys, token, ret_payload, ret_len);
	return e;
}

enum err
caller_from_bearer(struct app *app, struct scope *sc, const char *token,
    struct caller *ret_caller)
{
	const uint8_t *session_key = keyring_session_key(app->ring);
	struct caller caller = { .address = ret_caller->address };
	const char *payload;
	const char *typ = NULL;
	struct claims claims;
	size_t kind = ARRAY_LEN(own_tokens);
	size_t len;
	enum err e;

	e = jws_verify_typ(sc, session_key, SHA256_LEN, token, &typ, &payload,
	    &len);
	if (!e) {
		for (kind = 0; kind < ARRAY_LEN(own_tokens); kind++) {
			if (typ && strcmp(typ, own_tokens[kind].typ) == 0)
				break;
		}
		if (kind == ARRAY_LEN(own_tokens))
			return scope_fail(sc, ERR_BAD_CREDENTIALS,
			    "the token is of an unknown kind");
	} else {
		e = verify_customer(app, sc, token, &payload, &len);
		if (e)
			return e;
	}

	e = read_claims(sc, payload, len, &claims);
	if (e)
		return e;
	e = kind < ARRAY_LEN(own_tokens) ?
	    from_own(sc, &claims, kind, &caller) :
	    from_provider(app, sc, &claims, &caller);
	if (e)
		return e;

	caller.customer = claims.sub;
	caller.name = customer_name(sc, &claims.sub);
	*ret_caller = caller;
	return ERR_OK;
}

/* ---- API keys ---------------------------------------------------------------- */

struct key_row {
	const char *id;
	const char *kind;
	struct bytes secret_hash;
	struct texts scopes;
	struct uuid franchise_id;
};

static const struct column key_items[] = {
	{ "id", COLUMN_TEXT, offsetof(struct key_row, id) },
	{ "kind", COLUMN_TEXT, offsetof(struct key_row, kind) },
	{ "secret_hash", COLUMN_BYTES, offsetof(struct key_row, secret_hash) },
	{ "scopes", COLUMN_TEXTS, offsetof(struct key_row, scopes) },
	{ "franchise_id", COLUMN_UUID, offsetof(struct key_row,
	    franchise_id) },
};

/* cbk_<id>_<secret>: the id is a name, the secret is compared by its hash. */
static bool
split_key(struct scope *sc, const char *key, const char **ret_id,
    const char **ret_secret)
{
	const char *id = key + strlen(KEY_PREFIX);
	const char *end;

	if (strlen(key) > KEY_TEXT_MAX ||
	    strncmp(key, KEY_PREFIX, strlen(KEY_PREFIX)) != 0)
		return false;
	end = strchr(id, '_');
	if (!end || end == id || end[1] == '\0')
		return false;
	*ret_id = arena_strndup(sc->arena, id, (size_t)(end - id));
	*ret_secret = end + 1;
	return codec_utf8_valid(id, strlen(id));
}

static enum err
load_key(struct app *app, struct scope *sc, const char *key,
    struct key_row *ret_row)
{
	static const struct columns columns = { sizeof(struct key_row),
		key_items, ARRAY_LEN(key_items) };
	static const uint8_t nothing[SHA256_LEN];
	struct key_row row = { 0 };
	uint8_t hash[SHA256_LEN];
	const uint8_t *stored = nothing;
	const char *id;
	const char *secret;
	struct args args;
	bool fits;
	enum err e;

	if (!split_key(sc, key, &id, &secret))
		return scope_fail(sc, ERR_BAD_CREDENTIALS,
		    "not the form of an API key");
	args_init(&args, sc->arena);
	args_text(&args, id);
	e = db_one(app->db, sc, STMT_KEY_GET, &args, &columns, &row);
	if (e && e != ERR_NOT_FOUND)
		return e;

	/* An unknown id costs the same comparison. */
	if (!e && row.secret_hash.len == SHA256_LEN)
		stored = row.secret_hash.data;
	crypto_sha256(secret, strlen(secret), hash);
	fits = crypto_equal(stored, hash, sizeof hash);
	if (e || !fits)
		return scope_fail(sc, ERR_BAD_CREDENTIALS,
		    "no such API key, or it was revoked");

	*ret_row = row;
	return ERR_OK;
}

enum err
caller_from_key(struct app *app, struct scope *sc, const char *key,
    const char *customer_id, struct caller *ret_caller)
{
	struct caller caller = { .address = ret_caller->address };
	struct key_row row = { 0 };
	enum err e;

	e = load_key(app, sc, key, &row);
	if (e)
		return e;

	caller.kind = strcmp(row.kind, "secret") == 0 ? CALLER_SECRET :
	    CALLER_PUBLISHABLE;
	for (size_t i = 0; i < row.scopes.count; i++)
		caller.rights |= access_parse(row.scopes.items[i]);
	if (caller.kind == CALLER_PUBLISHABLE)
		caller.rights &= ACCESS_GUEST_CREATE;
	caller.franchise = row.franchise_id;
	caller.name = arena_printf(sc->arena, "key:%s", row.id);
	if (customer_id && caller.kind != CALLER_SECRET) {
		scope_fault_param(sc, "X-Customer-Id", "forbidden",
		    "may only come with a secret key");
		return scope_faults(sc);
	}
	if (customer_id && (!uuid_parse(customer_id, &caller.customer) ||
	    uuid_is_none(&caller.customer))) {
		scope_fault_param(sc, "X-Customer-Id", "format",
		    "must be a UUID");
		return scope_faults(sc);
	}

	*ret_caller = caller;
	return ERR_OK;
}

/* ---- tokens we sign ------------------------------------------------------------ */

static char *
sign_own(struct app *app, struct scope *sc, size_t kind,
    const struct uuid *customer, const struct uuid *booking,
    const struct uuid *franchise, int64_t expires_s)
{
	struct buf out;

	buf_init(&out, sc->arena, CLAIMS_MAX);
	buf_puts(&out, "{\"iss\":\"" OWN_ISSUER "\",\"sub\":");
	json_put_uuid(&out, customer);
	if (booking) {
		buf_puts(&out, ",\"booking\":");
		json_put_uuid(&out, booking);
	}
	if (franchise && !uuid_is_none(franchise)) {
		buf_puts(&out, ",\"booking_franchise\":");
		json_put_uuid(&out, franchise);
	}
	buf_puts(&out, ",\"iat\":");
	json_put_int(&out, clock_wall_us() / USEC_PER_SEC);
	buf_puts(&out, ",\"exp\":");
	json_put_int(&out, expires_s);
	buf_putc(&out, '}');

	return jws_sign(sc, keyring_session_key(app->ring), SHA256_LEN,
	    own_tokens[kind].typ, out.data);
}

enum err
guest_session_open(struct app *app, struct scope *sc,
    const struct caller *caller, struct guest_session *ret_session)
{
	static const char *const words[] = { "booking:create", "booking:read",
		"booking:update" };
	struct guest_session s = { .token_type = "Bearer",
		.expires_in = app->conf->guest_session_s };

	uuid_random(&s.customer_id);
	s.token = sign_own(app, sc, GUEST, &s.customer_id, NULL,
	    &caller->franchise, clock_wall_us() / USEC_PER_SEC + s.expires_in);
	s.scope = (struct texts){ arena_memdup(sc->arena, words,
	    sizeof words), ARRAY_LEN(words) };

	*ret_session = s;
	return ERR_OK;
}

char *
manage_token(struct app *app, struct scope *sc, const struct uuid *booking,
    const struct uuid *customer, int64_t expires_us)
{
	return sign_own(app, sc, MANAGE, customer, booking, NULL,
	    expires_us / USEC_PER_SEC);
}

char *
customer_token(struct app *app, struct scope *sc, const struct uuid *customer,
    const char *scopes, int64_t lifetime_s)
{
	const struct settings *conf = app->conf;
	int64_t now_s = clock_wall_us() / USEC_PER_SEC;
	struct buf out;

	buf_init(&out, sc->arena, CLAIMS_MAX);
	buf_puts(&out, "{\"sub\":");
	json_put_uuid(&out, customer);
	buf_puts(&out, ",\"scope\":");
	json_put_text(&out, scopes);
	if (conf->jwt_issuer[0]) {
		buf_puts(&out, ",\"iss\":");
		json_put_text(&out, conf->jwt_issuer);
	}
	if (conf->jwt_audience[0]) {
		buf_puts(&out, ",\"aud\":");
		json_put_text(&out, conf->jwt_audience);
	}
	buf_puts(&out, ",\"iat\":");
	json_put_int(&out, now_s);
	buf_puts(&out, ",\"exp\":");
	json_put_int(&out, now_s + lifetime_s);
	buf_putc(&out, '}');

	return jws_sign(sc, conf->jwt_secret, strlen(conf->jwt_secret), "JWT",
	    out.data);
}
