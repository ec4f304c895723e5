/* test_jws.c: JSON web signatures: the RFC's, the official forgeries, ours. */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "base/arena.h"
#include "base/codec.h"
#include "base/crypto.h"
#include "base/jws.h"
#include "base/scope.h"
#include "unit/unit.h"

#define SECRET "0123456789abcdef0123456789abcdef"
#define SECRET_LEN 32

struct desk {
	struct arena *arena;
	struct scope sc;
};

static void
desk_open(struct desk *d)
{
	d->arena = arena_open(1 << 20);
	CU_ASSERT_PTR_NOT_NULL_FATAL(d->arena);
	scope_init(&d->sc, d->arena, 1000000);
}

static void
desk_close(struct desk *d)
{
	arena_close(d->arena);
}

/* header.payload.signature of any header, as one who has the key can. */
static char *
token_of(struct desk *d, const char *header, const char *payload)
{
	uint8_t mac[SHA256_LEN];
	char *signing = arena_printf(d->arena, "%s.%s",
	    codec_b64url(d->arena, header, strlen(header)),
	    codec_b64url(d->arena, payload, strlen(payload)));

	crypto_hmac_sha256(SECRET, SECRET_LEN, signing, strlen(signing), mac);
	return arena_printf(d->arena, "%s.%s", signing,
	    codec_b64url(d->arena, mac, sizeof mac));
}

/* Whether the token is taken with our secret; a refusal must leave everything
 * as it was, say why, and quote nothing of the token. */
static bool
taken_by(struct desk *d, const void *secret, size_t secret_len,
    const char *token)
{
	const char *payload = "untouched";
	const char *typ = "untouched";
	size_t len = 4711;
	enum err e;

	d->sc.why[0] = '\0';
	e = jws_verify_typ(&d->sc, secret, secret_len, token, &typ, &payload,
	    &len);
	if (!e) {
		CU_ASSERT_EQUAL(strlen(payload), len);
		CU_ASSERT_STRING_EQUAL(d->sc.why, "");
		return true;
	}
	CU_ASSERT_EQUAL(e, ERR_BAD_CREDENTIALS);
	CU_ASSERT_STRING_EQUAL(payload, "untouched");
	CU_ASSERT_STRING_EQUAL(typ, "untouched");
	CU_ASSERT_EQUAL(len, 4711);
	CU_ASSERT_EQUAL(strncmp(d->sc.why, "token: ", 7), 0);
	CU_ASSERT_EQUAL(d->sc.fault_count, 0);
	return false;
}

static bool
taken(struct desk *d, const char *token)
{
	return taken_by(d, SECRET, SECRET_LEN, token);
}

static bool
header_taken(struct desk *d, const char *header)
{
	return taken(d, token_of(d, header, "{}"));
}

static const char *
member(struct json_object *object, const char *name)
{
	struct json_object *value;

	if (!json_object_object_get_ex(object, name, &value))
		return "";
	return json_object_get_string(value);
}

/* vectors/<name>, or NULL where there are none; only CI insists. */
static struct json_object *
vectors(const char *name)
{
	struct json_object *all;
	char path[4352];

	if (!unit_have_vectors())
		return NULL;
	snprintf(path, sizeof path, "%s/%s", unit_vectors(), name);
	all = json_object_from_file(path);
	CU_ASSERT_PTR_NOT_NULL_FATAL(all);
	return all;
}

/* The text of vectors/jose/<name>, in the arena. */
static char *
jose(struct desk *d, const char *name)
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

static void
key_of(struct desk *d, struct json_object *jwk, uint8_t **ret_key,
    size_t *ret_len)
{
	const char *k = member(jwk, "k");

	CU_ASSERT_FATAL(codec_unb64url(d->arena, k, strlen(k), ret_key,
	    ret_len));
}

static void
test_the_example_of_rfc_7515_a1_is_taken(void)
{
	struct json_object *jwk = vectors("jose/rfc7515_A.1.jwk");
	const char *payload = NULL;
	const char *typ = NULL;
	struct desk d;
	uint8_t *key;
	size_t len, key_len;
	char *token;

	if (!jwk)
		return;
	desk_open(&d);
	key_of(&d, jwk, &key, &key_len);
	token = jose(&d, "rfc7515_A.1.jwsc");

	CU_ASSERT_EQUAL_FATAL(jws_verify_typ(&d.sc, key, key_len, token, &typ,
	    &payload, &len), ERR_OK);
	CU_ASSERT_STRING_EQUAL(typ, "JWT");
	CU_ASSERT_STRING_EQUAL(payload, "{\"iss\":\"joe\",\r\n"
	    " \"exp\":1300819380,\r\n"
	    " \"http://example.com/is_root\":true}");
	CU_ASSERT_EQUAL(len, strlen(payload));

	/* Not with a key that differs in one bit. */
	key[0] ^= 1;
	CU_ASSERT_FALSE(taken_by(&d, key, key_len, token));
	desk_close(&d);
	json_object_put(jwk);
}

static void
test_other_algorithms_of_rfc_7515_and_none_are_refused(void)
{
	static const char *const tokens[] = { "rfc7515_A.2.jwsc",
		"rfc7515_A.3.jwsc", "rfc7515_A.4.jwsc", "rfc7515_A.5.jwsc" };
	struct json_object *jwk = vectors("jose/rfc7515_A.1.jwk");
	struct desk d;
	uint8_t *key;
	size_t len;

	if (!jwk)
		return;
	desk_open(&d);
	key_of(&d, jwk, &key, &len);
	for (size_t i = 0; i < ARRAY_LEN(tokens); i++)
		CU_ASSERT_FALSE(taken_by(&d, key, len, jose(&d, tokens[i])));
	desk_close(&d);
	json_object_put(jwk);
}

/*
 * What a vector asks of us: its result, but for two mistakes of the file.
 *
 * 367, 370  are called invalid for their padding, which they do not have: they
 *           are the valid vector 357, byte for byte.
 * 372, 373  are called valid, yet a '?' stands in header or payload, and the
 *           signature is that of the text without it.  Who skips foreign
 *           characters takes them; we refuse every one.
 */
static bool
should_be_taken(struct json_object *test)
{
	static const char number_357[] =
	    "eyJraWQiOiJoczI1Ni1rZXkiLCJhbGciOiJIUzI1NiJ9.VGVzdA."
	    "c1LROH7eNQwUT8KMVEO52VC3WZ9e_AnDWbZ7aMmowV8";
	const char *jws = member(test, "jws");

	if (strcmp(jws, number_357) == 0)
		return true;
	return strcmp(member(test, "result"), "valid") == 0 &&
	    !strchr(jws, '?');
}

/* Count what was tried in [0] HS256 and [1] other groups. */
static void
run_groups(struct desk *d, struct json_object *groups, int tried[2])
{
	for (size_t g = 0; g < json_object_array_length(groups); g++) {
		struct json_object *group = json_object_array_get_idx(groups, g);
		struct json_object *tests = NULL, *jwk = NULL;
		bool ours;
		uint8_t *key = NULL;
		size_t len = 0;

		json_object_object_get_ex(group, "tests", &tests);
		json_object_object_get_ex(group, "private", &jwk);
		ours = strcmp(member(jwk, "alg"), "HS256") == 0;
		if (ours)
			key_of(d, jwk, &key, &len);

		for (size_t t = 0; t < json_object_array_length(tests); t++) {
			struct json_object *test =
			    json_object_array_get_idx(tests, t);
			const char *jws = member(test, "jws");
			bool want = ours && should_be_taken(test);

			CU_ASSERT_EQUAL(ours ? taken_by(d, key, len, jws) :
			    taken(d, jws), want);
			tried[ours ? 0 : 1]++;
			arena_reset(d->arena);
			if (ours)
				key_of(d, jwk, &key, &len);
		}
	}
}

static void
test_every_official_vector_gives_its_result_and_foreign_ones_are_refused(void)
{
	static const char *const files[] = {
		"wycheproof/json_web_signature_test.json",
		"wycheproof/json_web_crypto_test.json" };
	int tried[2] = { 0 };
	struct desk d;

	desk_open(&d);
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		struct json_object *all = vectors(files[i]);
		struct json_object *groups = NULL;

		if (!all)
			continue;
		json_object_object_get_ex(all, "testGroups", &groups);
		run_groups(&d, groups, tried);
		json_object_put(all);
	}
	CU_ASSERT(!unit_vectors() || (tried[0] == 57 && tried[1] == 427));
	desk_close(&d);
}

/*
 * The classic attack: the forger signs with the public key, which he knows,
 * as if it were an HMAC secret.  Our key is bound to HS256, so a token that
 * names another algorithm fails even when its HMAC is right.
 */
static void
test_alg_is_bound_to_the_key_even_when_the_signature_fits(void)
{
	static const char *const headers[] = { "{\"alg\":\"none\"}",
		"{\"alg\":\"None\"}", "{\"alg\":\"hs256\"}",
		"{\"alg\":\"HS256 \"}", "{\"alg\":\"HS384\"}",
		"{\"alg\":\"HS512\"}", "{\"alg\":\"RS256\"}",
		"{\"alg\":\"ES256\"}", "{\"alg\":\"EdDSA\"}", "{\"alg\":\"\"}",
		"{\"alg\":null}", "{\"alg\":256}", "{\"alg\":[\"HS256\"]}",
		"{\"alg\":{\"x\":\"HS256\"}}", "{\"alg\":true}", "{}",
		"{\"Alg\":\"HS256\"}", "{\"alg\":\"HS\\u0032\\u0035\\u0036\"}",
		"{\"\\u0061lg\":\"HS256\"}",
		"{\"alg\":\"none\",\"alg\":\"HS256\"}",
		"{\"alg\":\"HS256\",\"alg\":\"none\"}",
		"{\"x\":{\"alg\":\"HS256\"}}", "{\"x\":\"\\\",\\\"alg\"}" };
	struct desk d;

	desk_open(&d);
	for (size_t i = 0; i < ARRAY_LEN(headers); i++)
		CU_ASSERT_FALSE(header_taken(&d, headers[i]));
	CU_ASSERT(header_taken(&d, "{\"alg\":\"HS256\"}"));
	desk_close(&d);
}

static void
test_crit_b64_and_ill_typed_members_are_refused(void)
{
	static const char *const headers[] = {
		"{\"alg\":\"HS256\",\"crit\":[\"exp\"],\"exp\":1}",
		"{\"alg\":\"HS256\",\"crit\":[]}",
		"{\"crit\":null,\"alg\":\"HS256\"}",
		"{\"alg\":\"HS256\",\"b64\":false}",
		"{\"alg\":\"HS256\",\"b64\":true}",
		"{\"alg\":\"HS256\",\"cri\\u0074\":[\"exp\"]}",
		"{\"alg\":\"HS256\",\"typ\":1}", "{\"alg\":\"HS256\",\"kid\":{}}",
		"{\"alg\":\"HS256\",\"cty\":null}",
		"{\"alg\":\"HS256\",\"x\":1,\"x\":2}",
		"{\"alg\":\"HS256\",}", "{\"alg\":\"HS256\"", "\"HS256\"",
		"[\"alg\",\"HS256\"]", "{\"alg\":\"HS256\"}x", "null", "", " ",
		"{alg:\"HS256\"}", "{'alg':'HS256'}",
		"\xef\xbb\xbf{\"alg\":\"HS256\"}",
		"{\"alg\":\"HS256\",\"x\":[[[[[[[[1]]]]]]]]}",
		"{\"alg\":\"HS256\",\"x\":\"\xc3\x28\"}" };
	struct desk d;

	desk_open(&d);
	for (size_t i = 0; i < ARRAY_LEN(headers); i++)
		CU_ASSERT_FALSE(header_taken(&d, headers[i]));
	desk_close(&d);
}

static void
test_members_we_do_not_know_are_ignored_whatever_they_hold(void)
{
	static const char *const headers[] = {
		" {\r\n\t\"alg\" : \"HS256\" , \"kid\" : \"a\\/b\" }\n",
		"{\"kid\":\"1\",\"cty\":\"x\",\"alg\":\"HS256\"}",
		"{\"jku\":\"https://evil.example/\",\"alg\":\"HS256\"}",
		"{\"jwk\":{\"kty\":\"oct\",\"k\":\"AA\"},\"alg\":\"HS256\"}",
		"{\"x5c\":[\"]\",\"}\",\"\\\"\"],\"alg\":\"HS256\"}",
		"{\"a\":[],\"b\":{},\"c\":[{},[]],\"d\":-1.5e3,\"e\":true,"
		"\"f\":null,\"g\":\"\",\"\":0,\"h\":\"\\\\\","
		"\"alg\":\"HS256\"}",
		"{\"alg\":\"HS256\",\"x\":{\"alg\":\"none\",\"crit\":[1]}}",
		"{\"x\":\"\\\",\\\"alg\\\":\\\"none\",\"alg\":\"HS256\"}" };
	struct desk d;

	desk_open(&d);
	for (size_t i = 0; i < ARRAY_LEN(headers); i++)
		CU_ASSERT(header_taken(&d, headers[i]));
	desk_close(&d);
}

static void
test_what_we_sign_we_take_and_see_its_typ(void)
{
	static const char text[] = "{\"sub\":\"\xc3\xa9\",\"n\":1}";
	const char *payload = NULL;
	const char *typ = NULL;
	struct desk d;
	char *token;
	size_t len;

	desk_open(&d);
	token = jws_sign(&d.sc, SECRET, SECRET_LEN, "booking-guest+jwt", text);
	CU_ASSERT_EQUAL_FATAL(jws_verify_typ(&d.sc, SECRET, SECRET_LEN, token,
	    &typ, &payload, &len), ERR_OK);
	CU_ASSERT_STRING_EQUAL(payload, text);
	CU_ASSERT_EQUAL(len, sizeof text - 1);
	CU_ASSERT_STRING_EQUAL(typ, "booking-guest+jwt");

	payload = NULL;
	CU_ASSERT_EQUAL(jws_verify(&d.sc, SECRET, SECRET_LEN, token, &payload,
	    &len), ERR_OK);
	CU_ASSERT_STRING_EQUAL(payload, text);

	token = token_of(&d, "{\"alg\":\"HS256\"}", "");
	CU_ASSERT_EQUAL_FATAL(jws_verify_typ(&d.sc, SECRET, SECRET_LEN, token,
	    &typ, &payload, &len), ERR_OK);
	CU_ASSERT_PTR_NULL(typ);
	CU_ASSERT_EQUAL(len, 0);
	CU_ASSERT_STRING_EQUAL(payload, "");
	desk_close(&d);
}

static void
test_any_change_of_one_character_is_refused(void)
{
	static const char others[] = "AQgw01-_.=+/ \n\x80?";
	struct desk d;
	char *token;

	desk_open(&d);
	token = jws_sign(&d.sc, SECRET, SECRET_LEN, "t", "{\"a\":1}");
	for (char *at = token; *at; at++) {
		char kept = *at;

		for (const char *other = others; *other; other++) {
			*at = *other;
			if (*other != kept)
				CU_ASSERT_FALSE(taken(&d, token));
		}
		*at = '\0'; /* cut here */
		CU_ASSERT_FALSE(taken(&d, token));
		*at = kept;
	}
	CU_ASSERT(taken(&d, token));
	desk_close(&d);
}

static void
test_more_or_fewer_parts_padding_and_space_are_refused(void)
{
	struct desk d;
	char *t;

	desk_open(&d);
	t = jws_sign(&d.sc, SECRET, SECRET_LEN, "t", "{\"a\":1}");
	CU_ASSERT_FALSE(taken(&d, arena_printf(d.arena, "%s.", t)));
	CU_ASSERT_FALSE(taken(&d, arena_printf(d.arena, ".%s", t)));
	CU_ASSERT_FALSE(taken(&d, arena_printf(d.arena, "%s.e30", t)));
	CU_ASSERT_FALSE(taken(&d, arena_printf(d.arena, "%s=", t)));
	CU_ASSERT_FALSE(taken(&d, arena_printf(d.arena, " %s", t)));
	CU_ASSERT_FALSE(taken(&d, arena_printf(d.arena, "%s\n", t)));
	CU_ASSERT_FALSE(taken(&d, arena_printf(d.arena, "%sA", t)));
	CU_ASSERT_FALSE(taken(&d, ""));
	CU_ASSERT_FALSE(taken(&d, "."));
	CU_ASSERT_FALSE(taken(&d, ".."));
	CU_ASSERT_FALSE(taken(&d, "..."));
	desk_close(&d);
}

static void
test_a_header_with_a_zero_byte_is_refused(void)
{
	static const char header[] = "{\"alg\":\"HS256\"}\0{}";
	uint8_t mac[SHA256_LEN];
	struct desk d;
	char *signing;

	desk_open(&d);
	signing = arena_printf(d.arena, "%s.e30",
	    codec_b64url(d.arena, header, sizeof header - 1));
	crypto_hmac_sha256(SECRET, SECRET_LEN, signing, strlen(signing), mac);
	CU_ASSERT_FALSE(taken(&d, arena_printf(d.arena, "%s.%s", signing,
	    codec_b64url(d.arena, mac, sizeof mac))));
	desk_close(&d);
}

static void
test_a_token_at_the_limit_is_taken_and_one_above_is_refused(void)
{
	char payload[JWS_TEXT_MAX];
	bool limit_seen = false;
	struct desk d;

	desk_open(&d);
	for (size_t len = 2970; len < 3080; len++) {
		char *token;

		memset(payload, 'x', len);
		payload[len] = '\0';
		token = token_of(&d, "{\"alg\":\"HS256\"}", payload);
		CU_ASSERT_EQUAL(taken(&d, token),
		    strlen(token) <= JWS_TEXT_MAX);
		limit_seen = limit_seen || strlen(token) == JWS_TEXT_MAX;
		arena_reset(d.arena);
	}
	CU_ASSERT(limit_seen);
	desk_close(&d);
}

UNIT_SUITE(jws,
    UNIT_TEST(test_the_example_of_rfc_7515_a1_is_taken),
    UNIT_TEST(test_other_algorithms_of_rfc_7515_and_none_are_refused),
    UNIT_TEST(
        test_every_official_vector_gives_its_result_and_foreign_ones_are_refused),
    UNIT_TEST(test_alg_is_bound_to_the_key_even_when_the_signature_fits),
    UNIT_TEST(test_crit_b64_and_ill_typed_members_are_refused),
    UNIT_TEST(test_members_we_do_not_know_are_ignored_whatever_they_hold),
    UNIT_TEST(test_what_we_sign_we_take_and_see_its_typ),
    UNIT_TEST(test_any_change_of_one_character_is_refused),
    UNIT_TEST(test_more_or_fewer_parts_padding_and_space_are_refused),
    UNIT_TEST(test_a_header_with_a_zero_byte_is_refused),
    UNIT_TEST(test_a_token_at_the_limit_is_taken_and_one_above_is_refused))
