/* jws.c: JSON web signatures: first the signature, then what it says. */
#include "base/jws.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>

#include "base/arena.h"
#include "base/codec.h"
#include "base/crypto.h"
#include "base/json.h"
#include "base/jwks.h"
#include "base/scope.h"

#define HEADER_DEPTH_MAX 8

/* What of a header concerns us; NULL = absent. */
struct header {
	const char *alg;
	const char *typ;
	const char *kid;
	bool kid_escaped; /* it has one, in a spelling we do not read */
};

/* One of the three parts, still base64url. */
struct part {
	const char *text;
	size_t len;
};

/* Exactly two dots: fewer or more is another kind of token. */
static bool
split(const char *token, struct part parts[3])
{
	const char *at = token;

	for (int i = 0; i < 3; i++) {
		parts[i].text = at;
		parts[i].len = strcspn(at, ".");
		at += parts[i].len;
		if (*at != (i < 2 ? '.' : '\0'))
			return false;
		at++;
	}
	return true;
}

static const char *
skip_space(const char *at)
{
	return at + strspn(at, " \t\r\n");
}

/* Past the string that starts at `at`.  As all below, only for text that
 * json_check has passed: every string, object and list ends. */
static const char *
skip_string(const char *at)
{
	for (at++; *at != '"'; at++) {
		if (*at == '\\')
			at++;
	}
	return at + 1;
}

/* Past the value that starts at `at`. */
static const char *
skip_value(const char *at)
{
	int depth = 0;

	do {
		if (*at == '"') {
			at = skip_string(at);
			continue;
		}
		if (*at == '{' || *at == '[')
			depth++;
		if (*at == '}' || *at == ']')
			depth--;
		at++;
	} while (depth > 0 || !strchr(",}] \t\r\n", *at));
	return at;
}

/*
 * The content of the string between the quotes.  An escape is refused (NULL):
 * the few words we compare need none, and a word with two spellings is how
 * two readers of one header come to disagree.
 */
static const char *
plain(struct scope *sc, const char *from, const char *end)
{
	size_t len = (size_t)(end - from) - 2;

	if (memchr(from, '\\', len + 2))
		return NULL;
	return arena_strndup(sc->arena, from + 1, len);
}

/* Take one member in; NULL, or what is wrong with it. */
static const char *
read_member(struct scope *sc, const char *name, const char *from,
    const char *end, struct header *header)
{
	const char *ignored = NULL;
	const char **kept = &ignored;

	/* crit demands what we do not know (RFC 7515 section 4.1.11), and an
	 * unencoded payload (RFC 7797) would be read as something else. */
	if (strcmp(name, "crit") == 0 || strcmp(name, "b64") == 0)
		return "the header has crit or b64";

	if (strcmp(name, "alg") == 0)
		kept = &header->alg;
	else if (strcmp(name, "typ") == 0)
		kept = &header->typ;
	else if (strcmp(name, "kid") == 0)
		kept = &header->kid;
	else if (strcmp(name, "cty") != 0)
		return NULL; /* to be ignored: RFC 7515 section 4 */

	if (*from != '"')
		return "alg, typ, kid or cty is not a string";
	*kept = plain(sc, from, end);
	if (!*kept && (kept == &header->alg || kept == &header->typ))
		return "alg or typ holds an escape";
	header->kid_escaped = header->kid_escaped ||
	    (!*kept && kept == &header->kid);
	return NULL;
}

/* Read the JSON text of a header; NULL, or what is wrong with it. */
static const char *
read_header(struct scope *sc, const char *text, size_t len,
    struct header *header)
{
	const char *at = text;
	const char *wrong;
	size_t where;

	wrong = json_check(text, len, HEADER_DEPTH_MAX, &where);
	if (wrong)
		return "the header is not JSON";
	at = skip_space(at);
	if (*at != '{')
		return "the header is not an object";

	/* The check also said that no name comes twice. */
	for (at = skip_space(at + 1); *at != '}'; at = skip_space(at)) {
		const char *name;
		const char *end = skip_string(at);
		const char *value;

		name = plain(sc, at, end);
		if (!name)
			return "a header name holds an escape";
		value = skip_space(skip_space(end) + 1); /* past the colon */
		end = skip_value(value);
		wrong = read_member(sc, name, value, end, header);
		if (wrong)
			return wrong;
		at = skip_space(end);
		if (*at == ',')
			at++;
	}
	return NULL;
}

/* The bytes as a text that ends; a NUL among them stays and is counted. */
static const char *
text_of(struct scope *sc, const uint8_t *data, size_t len)
{
	char *text = arena_alloc(sc->arena, len + 1);

	if (len > 0)
		memcpy(text, data, len);
	return text;
}

static enum err
refuse(struct scope *sc, const char *wrong)
{
	return scope_fail(sc, ERR_BAD_CREDENTIALS, "token: %s", wrong);
}

/* A token in its parts, and what they hold. */
struct token {
	struct part part[3];
	uint8_t *data[3];
	size_t len[3];
	size_t signed_len; /* of the text that was signed */
};

static const char *
take_apart(struct scope *sc, const char *text, struct token *token)
{
	if (strnlen(text, JWS_TEXT_MAX + 1) > JWS_TEXT_MAX)
		return "too long";
	if (!split(text, token->part))
		return "not three parts";
	for (int i = 0; i < 3; i++) {
		if (!codec_unb64url(sc->arena, token->part[i].text,
		    token->part[i].len, &token->data[i], &token->len[i]))
			return "a part is not base64url";
	}
	token->signed_len = token->part[0].len + 1 + token->part[1].len;
	return NULL;
}

static const char *
header_of(struct scope *sc, const struct token *token, struct header *header)
{
	return read_header(sc, text_of(sc, token->data[0], token->len[0]),
	    token->len[0], header);
}

static void
give_payload(struct scope *sc, const struct token *token,
    const char **ret_payload, size_t *ret_len)
{
	*ret_payload = text_of(sc, token->data[1], token->len[1]);
	*ret_len = token->len[1];
}

enum err
jws_verify_typ(struct scope *sc, const void *secret, size_t secret_len,
    const char *token, const char **ret_typ, const char **ret_payload,
    size_t *ret_len)
{
	struct header header = { 0 };
	uint8_t mac[SHA256_LEN];
	struct token t;
	const char *wrong;

	assert(secret_len >= JWS_SECRET_MIN);

	wrong = take_apart(sc, token, &t);
	if (wrong)
		return refuse(sc, wrong);

	/* The signature comes first, by the one algorithm of our key: nothing
	 * a stranger wrote is parsed, least of all the name of an algorithm. */
	crypto_hmac_sha256(secret, secret_len, token, t.signed_len, mac);
	if (t.len[2] != sizeof mac || !crypto_equal(t.data[2], mac, sizeof mac))
		return refuse(sc, "the signature does not fit");

	/* Still, who has the key may have signed for another algorithm. */
	wrong = header_of(sc, &t, &header);
	if (wrong)
		return refuse(sc, wrong);
	if (!header.alg || strcmp(header.alg, "HS256") != 0)
		return refuse(sc, "alg is not HS256");

	*ret_typ = header.typ;
	give_payload(sc, &t, ret_payload, ret_len);
	return ERR_OK;
}

enum err
jws_verify_keys(struct scope *sc, const struct jwks *keys, const char *token,
    const char **ret_payload, size_t *ret_len)
{
	struct header header = { 0 };
	struct token t;
	const char *wrong;

	wrong = take_apart(sc, token, &t);
	/* Which key it was has to be read before anything is checked. */
	if (!wrong)
		wrong = header_of(sc, &t, &header);
	if (!wrong && (!header.alg || header.kid_escaped))
		wrong = !header.alg ? "it has no alg" : "kid holds an escape";
	if (!wrong)
		wrong = jwks_verify(keys, header.alg, header.kid, token,
		    t.signed_len, t.data[2], t.len[2]);
	if (wrong)
		return refuse(sc, wrong);
	give_payload(sc, &t, ret_payload, ret_len);
	return ERR_OK;
}

enum err
jws_verify(struct scope *sc, const void *secret, size_t secret_len,
    const char *token, const char **ret_payload, size_t *ret_len)
{
	const char *typ;

	return jws_verify_typ(sc, secret, secret_len, token, &typ, ret_payload,
	    ret_len);
}

char *
jws_sign(struct scope *sc, const void *secret, size_t secret_len,
    const char *typ, const char *payload)
{
	uint8_t mac[SHA256_LEN];
	char *header;
	char *signing;
	char *token;

	assert(secret_len >= JWS_SECRET_MIN);
	assert(!strpbrk(typ, "\"\\")); /* ours: a media type */

	header = arena_printf(sc->arena, "{\"alg\":\"HS256\",\"typ\":\"%s\"}",
	    typ);
	signing = arena_printf(sc->arena, "%s.%s",
	    codec_b64url(sc->arena, header, strlen(header)),
	    codec_b64url(sc->arena, payload, strlen(payload)));
	crypto_hmac_sha256(secret, secret_len, signing, strlen(signing), mac);
	token = arena_printf(sc->arena, "%s.%s", signing,
	    codec_b64url(sc->arena, mac, sizeof mac));

	assert(strlen(token) <= JWS_TEXT_MAX); /* we can read what we sign */
	return token;
}
