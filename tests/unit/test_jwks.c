/* test_jwks.c: sets of public keys, and tokens that their other halves signed:
 * the RFCs' examples, the official forgeries, and what a set may not hold. */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "base/arena.h"
#include "base/codec.h"
#include "base/crypto.h"
#include "base/jwks.h"
#include "base/jws.h"
#include "base/scope.h"
#include "unit/unit.h"

/* Of RFC 7515, appendix A.3, and RFC 8037, appendices A.2 and A.4. */
#define EC_X "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"
#define EC_Y "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"
#define ED_X "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
#define ED_SIGNATURE "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki" \
    "4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"
#define EC_KEY "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" EC_X \
    "\",\"y\":\"" EC_Y "\""
#define ED_KEY "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"" ED_X "\""

struct desk {
	struct arena *arena;
	struct scope sc;
};

static void
desk_open(struct desk *d)
{
	d->arena = arena_open(4 << 20);
	CU_ASSERT_PTR_NOT_NULL_FATAL(d->arena);
	scope_init(&d->sc, d->arena, 1000000);
}

static void
desk_close(struct desk *d)
{
	arena_close(d->arena);
}

/* The set, or NULL: then why says why, and nothing else was touched. */
static struct jwks *
read_set(struct desk *d, const char *text)
{
	struct jwks *keys = NULL;
	enum err e;

	d->sc.why[0] = '\0';
	e = jwks_read(&d->sc, text, strlen(text), &keys);
	CU_ASSERT_EQUAL(e == ERR_OK, keys != NULL);
	CU_ASSERT_EQUAL(e == ERR_OK, d->sc.why[0] == '\0');
	CU_ASSERT(e == ERR_OK || e == ERR_INVALID);
	CU_ASSERT_EQUAL(d->sc.fault_count, 0);
	return keys;
}

/* A set of one key, given as JSON. */
static struct jwks *
set_of(struct desk *d, const char *key)
{
	return read_set(d, arena_printf(d->arena, "{\"keys\":[%s]}", key));
}

static bool
refused(struct desk *d, const char *text, const char *sentence)
{
	struct jwks *keys = read_set(d, text);
	bool fits = !keys && strstr(d->sc.why, sentence);

	if (!fits)
		printf("\n%s: %s\n", text, keys ? "taken" : d->sc.why);
	jwks_free(keys);
	return fits;
}

static bool
taken(struct desk *d, const struct jwks *keys, const char *token)
{
	const char *payload = "untouched";
	size_t len = 4711;
	enum err e;

	d->sc.why[0] = '\0';
	e = jws_verify_keys(&d->sc, keys, token, &payload, &len);
	if (!e) {
		CU_ASSERT_STRING_EQUAL(d->sc.why, "");
		return true;
	}
	CU_ASSERT_EQUAL(e, ERR_BAD_CREDENTIALS);
	CU_ASSERT_STRING_EQUAL(payload, "untouched");
	CU_ASSERT_EQUAL(len, 4711);
	CU_ASSERT_EQUAL(strncmp(d->sc.why, "token: ", 7), 0);
	return false;
}

static const char *
text_of(struct desk *d, const char *name)
{
	char path[4352];
	char *text, *copy;

	snprintf(path, sizeof path, "%s/jose/%s", unit_vectors(), name);
	text = unit_slurp(path, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(text);
	copy = arena_strndup(d->arena, text, strcspn(text, "\n"));
	free(text);
	return copy;
}

/* The public half of a key, without what is private in it. */
static const char *
public_half(struct desk *d, const char *key)
{
	static const char *const secrets[] = { "d", "p", "q", "dp", "dq", "qi",
		"k" };
	struct json_object *object = json_tokener_parse(key);
	const char *text;

	CU_ASSERT_PTR_NOT_NULL_FATAL(object);
	for (size_t i = 0; i < ARRAY_LEN(secrets); i++)
		json_object_object_del(object, secrets[i]);
	text = arena_strdup(d->arena, json_object_to_json_string(object));
	json_object_put(object);
	return text;
}

/* ---- tokens -----------------------------------------------------------------*/

static void
test_the_examples_of_rfc_7515_are_taken_by_their_keys_alone(void)
{
	static const char *const names[] = { "rfc7515_A.2", "rfc7515_A.3" };
	struct jwks *keys[2];
	struct desk d;

	if (!unit_have_vectors())
		return;
	desk_open(&d);
	for (size_t i = 0; i < 2; i++) {
		keys[i] = set_of(&d, public_half(&d, text_of(&d,
		    arena_printf(d.arena, "%s.jwk", names[i]))));
		CU_ASSERT_PTR_NOT_NULL_FATAL(keys[i]);
		CU_ASSERT_EQUAL(jwks_count(keys[i]), 1);
	}
	for (size_t i = 0; i < 2; i++) {
		for (size_t j = 0; j < 2; j++)
			CU_ASSERT_EQUAL(taken(&d, keys[i], text_of(&d,
			    arena_printf(d.arena, "%s.jwsc", names[j]))),
			    i == j);
		/* HS256, ES512, none */
		CU_ASSERT_FALSE(taken(&d, keys[i],
		    text_of(&d, "rfc7515_A.1.jwsc")));
		CU_ASSERT_FALSE(taken(&d, keys[i],
		    text_of(&d, "rfc7515_A.4.jwsc")));
		CU_ASSERT_FALSE(taken(&d, keys[i],
		    text_of(&d, "rfc7515_A.5.jwsc")));
	}
	jwks_free(keys[0]);
	jwks_free(keys[1]);
	desk_close(&d);
}

static void
test_the_example_of_rfc_8037_is_taken_and_any_change_of_it_refused(void)
{
	char token[] = "eyJhbGciOiJFZERTQSJ9."
	    "RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc." ED_SIGNATURE;
	const char *payload = NULL;
	struct jwks *keys;
	struct desk d;
	size_t len = 0;

	desk_open(&d);
	keys = set_of(&d, ED_KEY "}");
	CU_ASSERT_PTR_NOT_NULL_FATAL(keys);
	CU_ASSERT_EQUAL_FATAL(jws_verify_keys(&d.sc, keys, token, &payload,
	    &len), ERR_OK);
	CU_ASSERT_STRING_EQUAL(payload, "Example of Ed25519 signing");
	CU_ASSERT_EQUAL(len, strlen(payload));

	for (char *at = token; *at; at++) {
		char kept = *at;

		*at = kept == 'A' ? 'B' : 'A';
		CU_ASSERT_FALSE(taken(&d, keys, token));
		*at = '\0'; /* cut here */
		CU_ASSERT_FALSE(taken(&d, keys, token));
		*at = kept;
		arena_reset(d.arena);
	}
	CU_ASSERT(taken(&d, keys, token));
	jwks_free(keys);
	desk_close(&d);
}

/*
 * What a vector asks of us: its result, but for two things.  Some that are
 * called valid hold a '?' which the signature does not cover: who skips foreign
 * characters takes them.  And one is called invalid because its key was made
 * badly (ROCA): we are told which keys to trust, and do not look for that.
 */
static bool
is_good(struct json_object *test)
{
	const char *text = json_object_get_string(
	    json_object_object_get(test, "jws"));
	const char *result = json_object_get_string(
	    json_object_object_get(test, "result"));
	const char *comment = json_object_get_string(
	    json_object_object_get(test, "comment"));

	if (strcmp(comment, "rejectsKeyWithRocaVulnerability") == 0)
		return true;
	return strcmp(result, "valid") == 0 && !strchr(text, '?');
}

/* [0] groups whose key we take, [1] their tests, [2] tests of other groups. */
static void
run_group(struct desk *d, struct json_object *group, int tried[3])
{
	struct json_object *jwk = json_object_object_get(group, "public");
	struct json_object *tests = json_object_object_get(group, "tests");
	struct jwks *keys = NULL;

	if (jwk)
		keys = set_of(d, json_object_to_json_string(jwk));
	tried[0] += keys != NULL;
	for (size_t t = 0; t < json_object_array_length(tests); t++) {
		struct json_object *test = json_object_array_get_idx(tests, t);
		const char *token = json_object_get_string(
		    json_object_object_get(test, "jws"));

		tried[keys ? 1 : 2]++;
		if (keys && taken(d, keys, token) != is_good(test)) {
			printf("\nvector %d: %s: %s\n", json_object_get_int(
			    json_object_object_get(test, "tcId")),
			    json_object_get_string(json_object_object_get(test,
			    "comment")), d->sc.why);
			CU_FAIL("a vector");
		}
		arena_reset(d->arena);
	}
	jwks_free(keys);
}

static void
test_every_official_token_gives_its_result(void)
{
	static const char *const files[] = { "json_web_signature_test.json",
		"json_web_crypto_test.json" };
	int tried[3] = { 0 };
	struct desk d;

	if (!unit_have_vectors())
		return;
	desk_open(&d);
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		struct json_object *all, *groups;
		char path[4352];

		snprintf(path, sizeof path, "%s/wycheproof/%s",
		    unit_vectors(), files[i]);
		all = json_object_from_file(path);
		CU_ASSERT_PTR_NOT_NULL_FATAL(all);
		groups = json_object_object_get(all, "testGroups");
		for (size_t g = 0; g < json_object_array_length(groups); g++)
			run_group(&d, json_object_array_get_idx(groups, g),
			    tried);
		json_object_put(all);
	}
	CU_ASSERT(tried[0] == 9 && tried[1] == 301 && tried[2] == 183);
	desk_close(&d);
}

/* Who signs with the public key as an HMAC's secret is not let in: no key of a
 * set is a secret, whatever the token says. */
static void
test_a_public_key_is_no_secret(void)
{
	static const char *const secrets[] = { EC_KEY "}", EC_X, EC_Y,
		EC_X EC_Y };
	struct jwks *keys;
	struct desk d;

	desk_open(&d);
	keys = set_of(&d, EC_KEY "}");
	CU_ASSERT_PTR_NOT_NULL_FATAL(keys);
	for (size_t i = 0; i < ARRAY_LEN(secrets); i++)
		CU_ASSERT_FALSE(taken(&d, keys, jws_sign(&d.sc, secrets[i],
		    strlen(secrets[i]), "JWT", "{}")));
	jwks_free(keys);
	desk_close(&d);
}

/* The RFC's token under another header: signatures of others are checked, and
 * what says why tells which way it went. */
static void
test_alg_and_kid_choose_the_key(void)
{
	static const struct {
		const char *header;
		const char *why;
	} cases[] = {
		{ "{\"alg\":\"ES256\"}", "does not fit" },
		{ "{\"alg\":\"ES256\",\"kid\":\"a\"}", "does not fit" },
		{ "{\"alg\":\"ES256\",\"kid\":\"b\"}", "no key of ours" },
		{ "{\"alg\":\"ES256\",\"kid\":\"\"}", "no key of ours" },
		{ "{\"alg\":\"ES256\",\"kid\":\"\\u0061\"}", "escape" },
		{ "{\"alg\":\"EdDSA\",\"kid\":\"a\"}", "does not fit" },
		{ "{\"alg\":\"EdDSA\",\"kid\":\"other\"}", "does not fit" },
		{ "{\"alg\":\"Ed25519\"}", "does not fit" },
		{ "{\"alg\":\"RS256\",\"kid\":\"a\"}", "no key of ours" },
		{ "{\"alg\":\"HS256\"}", "none of" },
		{ "{\"alg\":\"none\"}", "none of" },
		{ "{\"alg\":\"es256\"}", "none of" },
		{ "{\"alg\":\"ES256K\"}", "none of" },
		{ "{\"kid\":\"a\"}", "no alg" },
		{ "{\"alg\":\"ES256\",\"crit\":[\"exp\"]}", "crit" },
		{ "{\"alg\":\"ES256\",\"b64\":false}", "b64" },
		{ "{\"alg\":\"ES256\",\"alg\":\"ES256\"}", "not JSON" },
		{ "{\"alg\":\"ES256\"", "not JSON" },
	};
	struct jwks *keys;
	struct desk d;

	desk_open(&d);
	/* One with a name, one without. */
	keys = set_of(&d, EC_KEY ",\"kid\":\"a\"}," ED_KEY "}");
	CU_ASSERT_PTR_NOT_NULL_FATAL(keys);
	CU_ASSERT_EQUAL(jwks_count(keys), 2);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const char *token = arena_printf(d.arena, "%s.e30.%s",
		    codec_b64url(d.arena, cases[i].header,
		    strlen(cases[i].header)), ED_SIGNATURE);

		CU_ASSERT_FALSE(taken(&d, keys, token));
		if (!strstr(d.sc.why, cases[i].why)) {
			printf("\n%s: %s\n", cases[i].header, d.sc.why);
			CU_FAIL("why");
		}
	}
	jwks_free(keys);
	desk_close(&d);
}

/* ---- sets ---------------------------------------------------------------------*/

static void
test_the_set_of_rfc_7517_holds_one_key_for_us(void)
{
	struct jwks *keys;
	struct desk d;

	if (!unit_have_vectors())
		return;
	desk_open(&d);
	keys = read_set(&d, text_of(&d, "rfc7517_A.1.jwkset"));
	CU_ASSERT_PTR_NOT_NULL_FATAL(keys);
	CU_ASSERT_EQUAL(jwks_count(keys), 1); /* the other is for encryption */
	CU_ASSERT_EQUAL(jwks_passed_over(keys), 1);
	jwks_free(keys);

	/* Private keys, and shared ones. */
	CU_ASSERT(refused(&d, text_of(&d, "rfc7517_A.2.jwkset"), "key 1"));
	CU_ASSERT(refused(&d, text_of(&d, "rfc7517_A.3.jwkset"), "key 1"));
	desk_close(&d);
}

static void
test_keys_that_are_not_for_us_are_passed_over(void)
{
	static const char *const others[] = {
		"{\"kty\":\"EC\",\"crv\":\"P-384\",\"x\":\"AA\",\"y\":\"AA\"}",
		"{\"kty\":\"EC\",\"crv\":\"secp256k1\",\"x\":\"" EC_X
		"\",\"y\":\"" EC_Y "\"}",
		"{\"kty\":\"EC\",\"x\":\"" EC_X "\",\"y\":\"" EC_Y "\"}",
		"{\"kty\":\"OKP\",\"crv\":\"X25519\",\"x\":\"" ED_X "\"}",
		"{\"kty\":\"OKP\",\"crv\":\"Ed448\",\"x\":\"" ED_X "\"}",
		"{\"kty\":\"ec\",\"crv\":\"P-256\",\"x\":\"" EC_X
		"\",\"y\":\"" EC_Y "\"}",
		"{\"kty\":\"AKP\",\"alg\":\"ML-DSA-44\",\"pub\":\"AA\"}",
		EC_KEY ",\"use\":\"enc\"}", EC_KEY ",\"use\":\"SIG\"}",
		EC_KEY ",\"key_ops\":[\"sign\"]}", EC_KEY ",\"key_ops\":[]}",
		EC_KEY ",\"alg\":\"ES384\"}", EC_KEY ",\"alg\":\"EdDSA\"}",
		EC_KEY ",\"alg\":\"HS256\"}", ED_KEY ",\"alg\":\"ES256\"}",
		/* not on the curve; a coordinate too short, too long; none */
		"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" EC_Y
		"\",\"y\":\"" EC_X "\"}",
		"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AA\",\"y\":\"AA\"}",
		"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AA" EC_X
		"\",\"y\":\"" EC_Y "\"}",
		"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" EC_X "\"}",
		"{\"kty\":\"OKP\",\"crv\":\"Ed25519\"}",
		"{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"" ED_X "=\"}",
		/* a modulus of 24 bits, and none */
		"{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\"}",
		"{\"kty\":\"RSA\",\"e\":\"AQAB\"}",
	};
	struct desk d;

	desk_open(&d);
	for (size_t i = 0; i < ARRAY_LEN(others); i++) {
		struct jwks *keys = set_of(&d, arena_printf(d.arena,
		    "%s," ED_KEY "}", others[i]));

		CU_ASSERT_PTR_NOT_NULL_FATAL(keys);
		if (jwks_count(keys) != 1 || jwks_passed_over(keys) != 1) {
			printf("\n%s\n", others[i]);
			CU_FAIL("not passed over");
		}
		jwks_free(keys);
		/* Alone it is no set at all. */
		CU_ASSERT(refused(&d, arena_printf(d.arena,
		    "{\"keys\":[%s]}", others[i]), "none of the keys"));
		arena_reset(d.arena);
	}
	desk_close(&d);
}

static void
test_what_a_key_says_besides_changes_nothing(void)
{
	static const char *const keys_for_us[] = { EC_KEY ",\"use\":\"sig\"}",
		EC_KEY ",\"key_ops\":[\"sign\",\"verify\"]}",
		EC_KEY ",\"alg\":\"ES256\",\"x5c\":[1],\"ext\":true}",
		ED_KEY ",\"alg\":\"EdDSA\"}", ED_KEY ",\"alg\":\"Ed25519\"}" };
	struct desk d;

	desk_open(&d);
	for (size_t i = 0; i < ARRAY_LEN(keys_for_us); i++) {
		struct jwks *keys = set_of(&d, keys_for_us[i]);

		CU_ASSERT_PTR_NOT_NULL_FATAL(keys);
		CU_ASSERT_EQUAL(jwks_count(keys), 1);
		jwks_free(keys);
	}
	desk_close(&d);
}

static void
test_what_is_no_set_is_refused_with_a_sentence(void)
{
	static const struct {
		const char *text;
		const char *sentence;
	} cases[] = {
		{ "", "not a JSON Web Key Set" },
		{ "[]", "not a JSON Web Key Set" },
		{ "{}", "/keys: required" },
		{ "{\"keys\":[]}", "/keys: min_items" },
		{ "{\"keys\":{}}", "/keys: type" },
		{ "{\"keys\":[7]}", "/keys/0: type" },
		{ "{\"keys\":[{}]}", "/keys/0/kty: required" },
		{ "{\"keys\":[" EC_KEY ",\"kid\":1}]}", "/keys/0/kid: type" },
		{ "{\"keys\":[" EC_KEY "}],\"keys\":[]}", "not a JSON Web Key Set" },
		{ "-----BEGIN PUBLIC KEY-----", "not a JSON Web Key Set" },
		{ "{\"keys\":[" ED_KEY "}," EC_KEY ",\"d\":\"AA\"}]}",
		    "key 2 is a private" },
		{ "{\"keys\":[{\"kty\":\"oct\",\"k\":\"AAAA\"}]}",
		    "key 1 is a private" },
	};
	struct desk d;

	desk_open(&d);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		CU_ASSERT(refused(&d, cases[i].text, cases[i].sentence));
	desk_close(&d);
}

/* So many copies of one key, with a text between the last and the end. */
static const char *
many(struct desk *d, int count, const char *tail)
{
	char *text = arena_alloc(d->arena, 256 * 1024);
	size_t len = 0;

	for (int i = 0; i < count; i++)
		len += (size_t)snprintf(text + len, 256 * 1024 - len, "%s"
		    ED_KEY "}", i == 0 ? "{\"keys\":[" : ",");
	snprintf(text + len, 256 * 1024 - len, "]%s}", tail);
	return text;
}

static void
test_a_set_at_its_limits_is_taken_and_one_above_is_refused(void)
{
	char *tail = malloc(JWKS_TEXT_MAX + 1);
	struct jwks *keys;
	const char *text;
	struct desk d;
	size_t len;

	desk_open(&d);
	keys = read_set(&d, many(&d, JWKS_KEYS_MAX, ""));
	CU_ASSERT_PTR_NOT_NULL_FATAL(keys);
	CU_ASSERT_EQUAL(jwks_count(keys), JWKS_KEYS_MAX);
	jwks_free(keys);
	CU_ASSERT(refused(&d, many(&d, JWKS_KEYS_MAX + 1, ""),
	    "more than 16"));
	CU_ASSERT(refused(&d, many(&d, 65, ""), "/keys: max_items"));

	/* White space up to the last byte. */
	len = strlen(many(&d, 1, ""));
	CU_ASSERT_PTR_NOT_NULL_FATAL(tail);
	memset(tail, ' ', JWKS_TEXT_MAX - len);
	tail[JWKS_TEXT_MAX - len] = '\0';
	text = many(&d, 1, tail);
	CU_ASSERT_EQUAL(strlen(text), JWKS_TEXT_MAX);
	keys = read_set(&d, text);
	CU_ASSERT_PTR_NOT_NULL(keys);
	jwks_free(keys);
	CU_ASSERT(refused(&d, arena_printf(d.arena, "%s ", text),
	    "larger than 128 KiB"));
	free(tail);
	desk_close(&d);
}

UNIT_SUITE(jwks,
    UNIT_TEST(test_the_examples_of_rfc_7515_are_taken_by_their_keys_alone),
    UNIT_TEST(
    test_the_example_of_rfc_8037_is_taken_and_any_change_of_it_refused),
    UNIT_TEST(test_every_official_token_gives_its_result),
    UNIT_TEST(test_a_public_key_is_no_secret),
    UNIT_TEST(test_alg_and_kid_choose_the_key),
    UNIT_TEST(test_the_set_of_rfc_7517_holds_one_key_for_us),
    UNIT_TEST(test_keys_that_are_not_for_us_are_passed_over),
    UNIT_TEST(test_what_a_key_says_besides_changes_nothing),
    UNIT_TEST(test_what_is_no_set_is_refused_with_a_sentence),
    UNIT_TEST(test_a_set_at_its_limits_is_taken_and_one_above_is_refused))
