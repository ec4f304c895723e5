/*
 * pubkey.h: signatures that another made with a key only they have: its public
 * half, and the check.
 *
 * RS256    RSASSA-PKCS1-v1_5 with SHA-256 (RFC 8017), 2048 to 4096 bits
 * ES256    ECDSA with P-256 and SHA-256 (FIPS 186-5), as R | S (RFC 7518,
 *          section 3.4)
 * EdDSA    Ed25519 (RFC 8032)
 */
#ifndef BASE_PUBKEY_H
#define BASE_PUBKEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"

#define PUBKEY_RSA_BITS_MIN 2048 /* RFC 7518 section 3.3 */
#define PUBKEY_RSA_BITS_MAX 4096 /* what a check may cost */
#define PUBKEY_COORDINATE_LEN 32 /* of P-256; and a whole Ed25519 key */

struct pubkey;

/* Each gives a key to be freed by pubkey_free, or NULL when the numbers are no
 * such key: too short or long, even, not on the curve.  Big-endian. */
struct pubkey *pubkey_rsa(const uint8_t *n, size_t n_len, const uint8_t *e,
    size_t e_len) MUSTCHECK;
struct pubkey *pubkey_p256(const uint8_t x[PUBKEY_COORDINATE_LEN],
    const uint8_t y[PUBKEY_COORDINATE_LEN]) MUSTCHECK;
struct pubkey *pubkey_ed25519(const uint8_t x[PUBKEY_COORDINATE_LEN]) MUSTCHECK;
void pubkey_free(struct pubkey *key); /* accepts NULL */

/* Did whoever has the other half sign these bytes?  By the one algorithm that
 * goes with this kind of key. */
bool pubkey_verify(const struct pubkey *key, const void *data, size_t len,
    const uint8_t *signature, size_t signature_len) MUSTCHECK;

#endif
