/*
 * keyring.h: the keys of the product: the ring that wraps each booking's data
 * key, the keyed hashes by which encrypted data is found again, and the keys
 * of what we sign ourselves.
 *
 * Layers   ENCRYPTION_KEYS wrap a data key per booking; a data key encrypts
 *          the texts of that booking.  To forget a booking is to destroy its
 *          wrapped key.
 * Places   Every ciphertext is bound to where it is stored: moved to another
 *          row, column or booking it does not open.
 * Secrets  Nothing here is logged, and sc->why never quotes a key or a text.
 */
#ifndef APP_KEYRING_H
#define APP_KEYRING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/crypto.h"
#include "base/err.h"

#define KEYRING_KEYS_MAX 16
#define KEYRING_SECRET_MIN 32 /* characters of a secret given as text */

/* 0x01 | key id, 32 bit big-endian | nonce | ciphertext | tag */
#define WRAPPED_KEY_LEN (1 + 4 + GCM_OVERHEAD + AES_KEY_LEN)

struct keyring;
struct scope;
struct uuid;

/* Encrypts the texts of one booking.  Whoever holds one wipes it. */
struct data_key {
	uint8_t key[AES_KEY_LEN];
};

/* 0x01 | nonce | ciphertext | tag; data NULL = there is no text. */
struct sealed {
	const uint8_t *data;
	size_t len;
};

/*
 * encryption_keys is "id:base64url[,id:base64url...]", 32 bytes each, ids from
 * 1 to 2^32 - 1 and all different; the first one is active.  The secrets are
 * texts; "" is for a process that neither looks up nor signs: to ask it for
 * that is a mistake of ours, and ends it.  NULL with one sentence in why, which
 * quotes no key.
 */
struct keyring *keyring_open(const char *encryption_keys,
    const char *lookup_secret, const char *session_secret, char *why,
    size_t why_max) MUSTCHECK;
void keyring_close(struct keyring *ring); /* wipes; accepts NULL */

/* The id of the key that wraps; one wrapped by another is due to be wrapped
 * again. */
uint32_t keyring_active(const struct keyring *ring);

/* A fresh data key, and its form to be stored beside the booking. */
void keyring_new_key(const struct keyring *ring, const struct uuid *booking,
    struct data_key *ret_key, uint8_t ret_wrapped[WRAPPED_KEY_LEN]);

/* The stored form of a data key under the active key. */
void keyring_wrap(const struct keyring *ring, const struct uuid *booking,
    const struct data_key *key, uint8_t ret_wrapped[WRAPPED_KEY_LEN]);

/*
 * ERR_CORRUPT     not such bytes, forged, or of another booking
 * ERR_KEY_ABSENT  wrapped by a key that this ring does not have: in a rotation
 *                 another process has it, and this one gets it later
 */
enum err keyring_unwrap(const struct keyring *ring, struct scope *sc,
    const struct uuid *booking, const uint8_t *wrapped, size_t len,
    struct data_key *ret_key) MUSTCHECK;

/* The text of one row and column ("bookings.customer_name"), in the arena;
 * NULL gives no data. */
struct sealed keyring_seal(struct scope *sc, const struct data_key *key,
    const char *table_column, const struct uuid *row, const char *text);

/* And back; data NULL gives NULL.  ERR_CORRUPT: forged, or moved. */
enum err keyring_unseal(struct scope *sc, const struct data_key *key,
    const char *table_column, const struct uuid *row, const uint8_t *data,
    size_t len, const char **ret_text) MUSTCHECK;

/*
 * Keyed hashes, by sub-keys of LOOKUP_SECRET, one for each purpose: equal for
 * equal input, and nothing can be tried out without the key.
 */

/* Which child of which customer: the first 16 bytes. */
void keyring_child_key(const struct keyring *ring,
    const struct uuid *customer, const char *normalised_name,
    struct uuid *ret_key);
void keyring_email_hash(const struct keyring *ring,
    const char *normalised_email, uint8_t ret_hash[SHA256_LEN]);
void keyring_address_hash(const struct keyring *ring, const char *ip,
    uint8_t ret_hash[SHA256_LEN]);
void keyring_request_hash(const struct keyring *ring, const void *data,
    size_t len, uint8_t ret_hash[SHA256_LEN]);

/*
 * The signature of a link we hand out ("pay", "manage"): of purpose, id and
 * version, 22 characters in the arena.  A higher version revokes it.
 */
char *keyring_sign_link(const struct keyring *ring, struct scope *sc,
    const char *purpose, const struct uuid *id, int64_t version);
bool keyring_check_link(const struct keyring *ring, struct scope *sc,
    const char *purpose, const struct uuid *id, int64_t version,
    const char *given) MUSTCHECK;

/* Names the key of those links; tells nothing about it. */
#define KEYRING_LINK_NAME_MAX 5
void keyring_link_name(const struct keyring *ring,
    char ret_name[KEYRING_LINK_NAME_MAX]);

/* SHA256_LEN bytes: the key of our own tokens (guest, manage), a sub-key of
 * SESSION_SECRET. */
const uint8_t *keyring_session_key(const struct keyring *ring);

#endif
