/*
 * crypto.h: digests, MACs, authenticated encryption and constant-time
 * comparison; with pubkey.h the only user of OpenSSL.
 */
#ifndef BASE_CRYPTO_H
#define BASE_CRYPTO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"

#define SHA256_LEN 32
#define MD5_LEN 16
#define AES_KEY_LEN 32
#define GCM_NONCE_LEN 12
#define GCM_TAG_LEN 16
#define GCM_OVERHEAD (GCM_NONCE_LEN + GCM_TAG_LEN)

void crypto_sha256(const void *data, size_t len, uint8_t out[SHA256_LEN]);
void crypto_hmac_sha256(const void *key, size_t key_len, const void *data,
    size_t len, uint8_t out[SHA256_LEN]);

/* A sub-key of `secret` for one purpose: HMAC-SHA256(secret, label).  Labels
 * differ between purposes and never change. */
void crypto_derive(const void *secret, size_t secret_len, const char *label,
    uint8_t out[SHA256_LEN]);

/* MD5, for protocols that ask for it as a checksum (SQS: MD5OfMessageBody).
 * It finds what a line or a program spoilt, and proves nothing against anyone
 * who means harm.  false: this OpenSSL does not give it (FIPS). */
bool crypto_md5(const void *data, size_t len, uint8_t out[MD5_LEN]) MUSTCHECK;

/*
 * AES-256-GCM (NIST SP 800-38D).  Sealed bytes are nonce | ciphertext | tag,
 * so out holds len + GCM_OVERHEAD; the nonce is random.  aad binds the bytes
 * to their place.  crypto_open writes len - GCM_OVERHEAD bytes and returns
 * false (out is wiped) when a single bit does not fit.
 */
void crypto_seal(const uint8_t key[AES_KEY_LEN], const char *aad,
    const void *data, size_t len, uint8_t *out);
bool crypto_open(const uint8_t key[AES_KEY_LEN], const char *aad,
    const uint8_t *sealed, size_t len, uint8_t *out) MUSTCHECK;

bool crypto_equal(const void *a, const void *b, size_t len); /* constant time */
void crypto_wipe(void *data, size_t len);

#endif
