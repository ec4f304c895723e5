/*
 * fuzz_jws.c: nobody without the key has a token taken, and a header that is
 * taken says to json-c, too, what it says to us.
 *
 * A first byte of 't' makes the rest a token, anything else a header, which
 * is then signed as by one who has the key.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "base/arena.h"
#include "base/codec.h"
#include "base/crypto.h"
#include "base/jws.h"
#include "base/scope.h"

#define CEILING ((size_t)4 * 1024 * 1024)
#define SIZE_MOST ((size_t)2 * JWS_TEXT_MAX)
#define SECRET "no corpus knows this text, 32 up"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum err
verify(struct scope *sc, const char *token, const char **ret_typ)
{
	const char *payload = NULL;
	size_t len = 0;
	enum err e;

	e = jws_verify_typ(sc, SECRET, sizeof SECRET - 1, token, ret_typ,
	    &payload, &len);
	if (!e ? !payload || payload[len] != '\0' :
	    payload || e != ERR_BAD_CREDENTIALS || sc->why[0] == '\0')
		abort();
	return e;
}

/* The second opinion, by another reader. */
static void
must_mean(const char *header, size_t size, const char *typ)
{
	struct json_tokener *tokener = json_tokener_new();
	struct json_object *root = json_tokener_parse_ex(tokener, header,
	    (int)size + 1);
	struct json_object *value;

	if (!json_object_is_type(root, json_type_object))
		abort();
	if (!json_object_object_get_ex(root, "alg", &value) ||
	    strcmp(json_object_get_string(value), "HS256") != 0)
		abort();
	if (json_object_object_get_ex(root, "crit", NULL) ||
	    json_object_object_get_ex(root, "b64", NULL))
		abort();
	if (json_object_object_get_ex(root, "typ", &value) != (typ != NULL))
		abort();
	if (typ && strcmp(json_object_get_string(value), typ) != 0)
		abort();
	json_object_put(root);
	json_tokener_free(tokener);
}

static void
try_header(struct scope *sc, const char *header, size_t size)
{
	uint8_t mac[SHA256_LEN];
	const char *typ = NULL;
	char *signing = arena_printf(sc->arena, "%s.e30",
	    codec_b64url(sc->arena, header, size));

	crypto_hmac_sha256(SECRET, sizeof SECRET - 1, signing, strlen(signing),
	    mac);
	if (!verify(sc, arena_printf(sc->arena, "%s.%s", signing,
	    codec_b64url(sc->arena, mac, sizeof mac)), &typ))
		must_mean(header, size, typ);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena;
	struct scope sc;
	const char *typ = NULL;
	char *text;

	if (size == 0 || size > SIZE_MOST)
		return 0;
	arena = arena_open(CEILING);
	if (!arena)
		return 0;
	scope_init(&sc, arena, 1000000);
	text = arena_alloc(arena, size);
	memcpy(text, data + 1, size - 1);

	if (data[0] != 't')
		try_header(&sc, text, size - 1);
	else if (!verify(&sc, text, &typ))
		abort(); /* a forgery */
	arena_close(arena);
	return 0;
}
