/*
 * fuzz_jwks.c: a set of keys that is taken is, to json-c too, a set of public
 * keys, and lets in nothing but what one of them signed.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "base/arena.h"
#include "base/jwks.h"
#include "base/jws.h"
#include "base/scope.h"

#define CEILING ((size_t)8 * 1024 * 1024)

/* RFC 8037, appendix A: the token, and the key that signed it. */
#define TOKEN "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc." \
    "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7" \
    "sVvpAr_MuM0KAg"
#define SIGNER "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The second opinion, by another reader.  Returns whether the signer is in. */
static int
must_be_public(const char *text, size_t size, const struct jwks *keys)
{
	struct json_tokener *tokener = json_tokener_new();
	struct json_object *root = json_tokener_parse_ex(tokener, text,
	    (int)size + 1);
	struct json_object *list = json_object_object_get(root, "keys");
	size_t count = json_object_array_length(list);
	int signer = 0;

	if (count != jwks_count(keys) + jwks_passed_over(keys) ||
	    jwks_count(keys) < 1 || jwks_count(keys) > JWKS_KEYS_MAX)
		abort();
	for (size_t i = 0; i < count; i++) {
		struct json_object *key = json_object_array_get_idx(list, i);
		const char *x = json_object_get_string(
		    json_object_object_get(key, "x"));

		if (json_object_object_get_ex(key, "d", NULL) ||
		    json_object_object_get_ex(key, "k", NULL))
			abort();
		signer |= x && strcmp(x, SIGNER) == 0;
	}
	json_object_put(root);
	json_tokener_free(tokener);
	return signer;
}

static void
try_token(struct scope *sc, const struct jwks *keys, int signer)
{
	const char *payload = NULL;
	size_t len = 0;
	enum err e = jws_verify_keys(sc, keys, TOKEN, &payload, &len);

	if (!e ? !signer || len != strlen("Example of Ed25519 signing") :
	    e != ERR_BAD_CREDENTIALS || payload)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct jwks *keys = NULL;
	struct arena *arena;
	struct scope sc;
	char *text;
	enum err e;

	if (size > JWKS_TEXT_MAX)
		return 0;
	arena = arena_open(CEILING);
	if (!arena)
		return 0;
	scope_init(&sc, arena, 1000000);
	text = arena_alloc(arena, size + 1);
	if (size > 0)
		memcpy(text, data, size);
	e = jwks_read(&sc, text, size, &keys);
	if (e ? keys || !sc.why[0] || e != ERR_INVALID : !keys)
		abort();
	if (keys)
		try_token(&sc, keys, must_be_public(text, size, keys));
	jwks_free(keys);
	arena_close(arena);
	return 0;
}
