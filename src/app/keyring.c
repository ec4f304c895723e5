/* keyring.c: one key for one purpose, each bound to its place. */
#include "app/keyring.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/codec.h"
#include "base/rng.h"
#include "base/scope.h"
#include "base/uuid.h"

#define FORMAT 0x01
#define RING_MEMORY ((size_t)64 * 1024)
#define KEYS_TEXT_MAX 8192
#define ID_DIGITS_MAX 10
#define LINK_LEN 16

struct ring_key {
	uint32_t id;
	uint8_t key[AES_KEY_LEN];
};

struct keyring {
	struct arena *arena; /* which this struct is in */
	struct ring_key keys[KEYRING_KEYS_MAX]; /* the first is active */
	size_t count;
	uint8_t child[SHA256_LEN];
	uint8_t email[SHA256_LEN];
	uint8_t address[SHA256_LEN];
	uint8_t request[SHA256_LEN];
	uint8_t link[SHA256_LEN];
	uint8_t session[SHA256_LEN];
	bool looks_up; /* LOOKUP_SECRET was given */
	bool signs;    /* SESSION_SECRET was given */
};

/* ---- the ring ------------------------------------------------------------*/

static const struct ring_key *
key_of(const struct keyring *ring, uint32_t id)
{
	for (size_t i = 0; i < ring->count; i++) {
		if (ring->keys[i].id == id)
			return &ring->keys[i];
	}
	return NULL;
}

/* "1" to "4294967295" without leading zeros; 0 when it is not such a text. */
static uint32_t
read_id(const char *text, size_t len)
{
	uint64_t id = 0;

	if (len < 1 || len > ID_DIGITS_MAX || text[0] == '0')
		return 0;
	for (size_t i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return 0;
		id = id * 10 + (uint64_t)(text[i] - '0');
	}
	return id <= UINT32_MAX ? (uint32_t)id : 0;
}

/* Add one "id:base64url"; NULL, or what is wrong with it. */
static const char *
add_key(struct keyring *ring, const char *text, size_t len)
{
	const char *colon = memchr(text, ':', len);
	struct ring_key *key = &ring->keys[ring->count];
	uint8_t *data;
	size_t data_len;
	bool fits;

	if (ring->count == KEYRING_KEYS_MAX)
		return "there are too many keys";
	if (!colon)
		return "a key is not id:base64url";
	key->id = read_id(text, (size_t)(colon - text));
	if (key->id == 0)
		return "a key's id is not a number from 1 to 4294967295";
	if (key_of(ring, key->id))
		return "two keys have the same id";

	if (!codec_unb64url(ring->arena, colon + 1,
	    len - (size_t)(colon + 1 - text), &data, &data_len))
		return "a key is not base64url without padding";
	fits = data_len == sizeof key->key;
	if (fits)
		memcpy(key->key, data, sizeof key->key);
	crypto_wipe(data, data_len);
	if (!fits)
		return "a key is not 32 bytes long";

	ring->count++;
	return NULL;
}

static const char *
add_keys(struct keyring *ring, const char *text)
{
	const char *wrong = NULL;
	size_t len;

	if (strnlen(text, KEYS_TEXT_MAX + 1) > KEYS_TEXT_MAX)
		return "the text is too long";
	for (;;) {
		len = strcspn(text, ",");
		wrong = add_key(ring, text, len);
		if (wrong || text[len] == '\0')
			return wrong;
		text += len + 1;
	}
}

static void
derive_all(struct keyring *ring, const char *lookup, const char *session)
{
	/* The labels are part of what is stored: they never change. */
	const struct {
		const char *secret;
		const char *label;
		uint8_t *out;
	} keys[] = {
		{ lookup, "lookup.child", ring->child },
		{ lookup, "lookup.email", ring->email },
		{ lookup, "lookup.address", ring->address },
		{ lookup, "lookup.request", ring->request },
		{ session, "session.link", ring->link },
		{ session, "session.token", ring->session },
	};

	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		crypto_derive(keys[i].secret, strlen(keys[i].secret),
		    keys[i].label, keys[i].out);
}

static struct keyring *
refuse(struct keyring *ring, char *why, size_t why_max, const char *setting,
    const char *wrong)
{
	snprintf(why, why_max, "%s: %s", setting, wrong);
	keyring_close(ring);
	return NULL;
}

struct keyring *
keyring_open(const char *encryption_keys, const char *lookup_secret,
    const char *session_secret, char *why, size_t why_max)
{
	struct arena *arena = arena_open(RING_MEMORY);
	struct keyring *ring;
	const char *wrong;

	if (!arena)
		return refuse(NULL, why, why_max, "keys", "out of memory");
	ring = arena_new(arena, struct keyring);
	ring->arena = arena;

	wrong = add_keys(ring, encryption_keys);
	if (wrong)
		return refuse(ring, why, why_max, "ENCRYPTION_KEYS", wrong);
	if (*lookup_secret && strlen(lookup_secret) < KEYRING_SECRET_MIN)
		return refuse(ring, why, why_max, "LOOKUP_SECRET",
		    "shorter than 32 characters");
	if (*session_secret && strlen(session_secret) < KEYRING_SECRET_MIN)
		return refuse(ring, why, why_max, "SESSION_SECRET",
		    "shorter than 32 characters");

	derive_all(ring, lookup_secret, session_secret);
	ring->looks_up = *lookup_secret != '\0';
	ring->signs = *session_secret != '\0';
	return ring;
}

void
keyring_close(struct keyring *ring)
{
	struct arena *arena;

	if (!ring)
		return;
	arena = ring->arena;
	crypto_wipe(ring, sizeof *ring);
	arena_close(arena);
}

uint32_t
keyring_active(const struct keyring *ring)
{
	return ring->keys[0].id;
}

/* ---- data keys -----------------------------------------------------------*/

/* "table.column|row": what a ciphertext is bound to. */
#define PLACE_MAX 128

static void
place_of(const char *table_column, const struct uuid *row,
    char out[PLACE_MAX])
{
	char id[UUID_TEXT_MAX];
	int len = snprintf(out, PLACE_MAX, "%s|%s", table_column,
	    uuid_format(row, id));

	assert(len > 0 && len < PLACE_MAX);
	(void)len;
}

static void
put_id(uint32_t id, uint8_t out[4])
{
	for (int i = 0; i < 4; i++)
		out[i] = (uint8_t)(id >> (24 - 8 * i));
}

static uint32_t
get_id(const uint8_t in[4])
{
	return (uint32_t)in[0] << 24 | (uint32_t)in[1] << 16 |
	    (uint32_t)in[2] << 8 | in[3];
}

void
keyring_wrap(const struct keyring *ring, const struct uuid *booking,
    const struct data_key *key, uint8_t ret_wrapped[WRAPPED_KEY_LEN])
{
	const struct ring_key *active = &ring->keys[0];
	char place[PLACE_MAX];

	place_of("bookings.data_key", booking, place);
	ret_wrapped[0] = FORMAT;
	put_id(active->id, ret_wrapped + 1);
	crypto_seal(active->key, place, key->key, sizeof key->key,
	    ret_wrapped + 5);
}

void
keyring_new_key(const struct keyring *ring, const struct uuid *booking,
    struct data_key *ret_key, uint8_t ret_wrapped[WRAPPED_KEY_LEN])
{
	rng_bytes(ret_key->key, sizeof ret_key->key);
	keyring_wrap(ring, booking, ret_key, ret_wrapped);
}

enum err
keyring_unwrap(const struct keyring *ring, struct scope *sc,
    const struct uuid *booking, const uint8_t *wrapped, size_t len,
    struct data_key *ret_key)
{
	const struct ring_key *ring_key;
	struct data_key key;
	char place[PLACE_MAX];

	if (!wrapped || len != WRAPPED_KEY_LEN || wrapped[0] != FORMAT)
		return scope_fail(sc, ERR_CORRUPT,
		    "data key: not a wrapped key");
	ring_key = key_of(ring, get_id(wrapped + 1));
	if (!ring_key)
		return scope_fail(sc, ERR_KEY_ABSENT,
		    "data key: wrapped by key %" PRIu32 ", which the ring "
		    "does not have", get_id(wrapped + 1));

	place_of("bookings.data_key", booking, place);
	if (!crypto_open(ring_key->key, place, wrapped + 5, len - 5, key.key))
		return scope_fail(sc, ERR_CORRUPT,
		    "data key: does not open with key %" PRIu32, ring_key->id);

	*ret_key = key;
	crypto_wipe(&key, sizeof key);
	return ERR_OK;
}

/* ---- texts ---------------------------------------------------------------*/

struct sealed
keyring_seal(struct scope *sc, const struct data_key *key,
    const char *table_column, const struct uuid *row, const char *text)
{
	char place[PLACE_MAX];
	struct sealed sealed = { 0 };
	uint8_t *data;
	size_t len;

	if (!text)
		return sealed;

	place_of(table_column, row, place);
	len = strlen(text);
	sealed.len = 1 + len + GCM_OVERHEAD;
	data = arena_alloc(sc->arena, sealed.len);
	data[0] = FORMAT;
	crypto_seal(key->key, place, text, len, data + 1);
	sealed.data = data;
	return sealed;
}

enum err
keyring_unseal(struct scope *sc, const struct data_key *key,
    const char *table_column, const struct uuid *row, const uint8_t *data,
    size_t len, const char **ret_text)
{
	char place[PLACE_MAX];
	uint8_t *text;

	if (!data) {
		*ret_text = NULL;
		return ERR_OK;
	}

	if (len < 1 + GCM_OVERHEAD || data[0] != FORMAT)
		return scope_fail(sc, ERR_CORRUPT, "%s: not a sealed text",
		    table_column);
	place_of(table_column, row, place);
	text = arena_alloc(sc->arena, len - 1 - GCM_OVERHEAD + 1);
	if (!crypto_open(key->key, place, data + 1, len - 1, text))
		return scope_fail(sc, ERR_CORRUPT, "%s: does not open",
		    table_column);

	*ret_text = (const char *)text;
	return ERR_OK;
}

/* ---- keyed hashes --------------------------------------------------------*/

void
keyring_child_key(const struct keyring *ring, const struct uuid *customer,
    const char *normalised_name, struct uuid *ret_key)
{
	uint8_t own[SHA256_LEN], hash[SHA256_LEN];

	assert(ring->looks_up);
	/* A key for each customer: no name can pass for a part of the id, and
	 * no name is too long. */
	crypto_hmac_sha256(ring->child, sizeof ring->child, customer->b,
	    sizeof customer->b, own);
	crypto_hmac_sha256(own, sizeof own, normalised_name,
	    strlen(normalised_name), hash);
	memcpy(ret_key->b, hash, sizeof ret_key->b);
	crypto_wipe(own, sizeof own);
}

void
keyring_email_hash(const struct keyring *ring, const char *normalised_email,
    uint8_t ret_hash[SHA256_LEN])
{
	assert(ring->looks_up);
	crypto_hmac_sha256(ring->email, sizeof ring->email, normalised_email,
	    strlen(normalised_email), ret_hash);
}

void
keyring_address_hash(const struct keyring *ring, const char *ip,
    uint8_t ret_hash[SHA256_LEN])
{
	assert(ring->looks_up);
	crypto_hmac_sha256(ring->address, sizeof ring->address, ip, strlen(ip),
	    ret_hash);
}

void
keyring_request_hash(const struct keyring *ring, const void *data, size_t len,
    uint8_t ret_hash[SHA256_LEN])
{
	assert(ring->looks_up);
	crypto_hmac_sha256(ring->request, sizeof ring->request, data, len,
	    ret_hash);
}

/* ---- what we sign --------------------------------------------------------*/

char *
keyring_sign_link(const struct keyring *ring, struct scope *sc,
    const char *purpose, const struct uuid *id, int64_t version)
{
	uint8_t hash[SHA256_LEN];
	char text[UUID_TEXT_MAX];
	char *signing = arena_printf(sc->arena, "%s|%s|%" PRId64, purpose,
	    uuid_format(id, text), version);

	assert(ring->signs && !strchr(purpose, '|'));
	crypto_hmac_sha256(ring->link, sizeof ring->link, signing,
	    strlen(signing), hash);
	return codec_b64url(sc->arena, hash, LINK_LEN);
}

bool
keyring_check_link(const struct keyring *ring, struct scope *sc,
    const char *purpose, const struct uuid *id, int64_t version,
    const char *given)
{
	const char *want = keyring_sign_link(ring, sc, purpose, id, version);
	size_t len = strlen(want);

	return strnlen(given, len + 1) == len &&
	    crypto_equal(want, given, len);
}

void
keyring_link_name(const struct keyring *ring,
    char ret_name[KEYRING_LINK_NAME_MAX])
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "abcdefghijklmnopqrstuvwxyz0123456789-_";
	uint8_t hash[SHA256_LEN];

	assert(ring->signs);
	crypto_derive(ring->link, sizeof ring->link, "name", hash);
	for (size_t i = 0; i + 1 < KEYRING_LINK_NAME_MAX; i++)
		ret_name[i] = alphabet[hash[i] % 64];
	ret_name[KEYRING_LINK_NAME_MAX - 1] = '\0';
}

const uint8_t *
keyring_session_key(const struct keyring *ring)
{
	assert(ring->signs);
	return ring->session;
}
