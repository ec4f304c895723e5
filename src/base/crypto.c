/* crypto.c: digests, MACs and authenticated encryption by OpenSSL's EVP. */
#include "base/crypto.h"

#include <assert.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include "base/rng.h"

/*
 * A step that fails only when memory is out or the library lacks SHA-256 or
 * AES.  No caller could go on without it, and none may go on with half a
 * result, so the process ends.
 */
static void
must(bool done)
{
	if (!done)
		abort();
}

/*
 * What OpenSSL looks up by name is looked up once per process: the look-up
 * costs more than the work.  What is kept below is never freed and never
 * change; a process has one thread.
 */
static const EVP_MD *
sha256(void)
{
	static EVP_MD *md;

	if (!md)
		md = EVP_MD_fetch(NULL, "SHA256", NULL);
	must(md);
	return md;
}

static const EVP_CIPHER *
aes_256_gcm(void)
{
	static EVP_CIPHER *cipher;

	if (!cipher)
		cipher = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
	must(cipher);
	return cipher;
}

/* A copy of an HMAC that knows its digest and no key: choosing the digest is
 * the slow half of making one, and no key outlives the call it was for. */
static EVP_MAC_CTX *
hmac_sha256_new(void)
{
	static EVP_MAC_CTX *blank;
	EVP_MAC_CTX *ctx;

	if (!blank) {
		char digest[] = "SHA256";
		OSSL_PARAM params[] = {
			OSSL_PARAM_construct_utf8_string(
			    OSSL_MAC_PARAM_DIGEST, digest, 0),
			OSSL_PARAM_construct_end(),
		};
		EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);

		must(mac);
		blank = EVP_MAC_CTX_new(mac);
		EVP_MAC_free(mac); /* the context keeps its own reference */
		must(blank && EVP_MAC_CTX_set_params(blank, params));
	}

	ctx = EVP_MAC_CTX_dup(blank);
	must(ctx);
	return ctx;
}

void
crypto_sha256(const void *data, size_t len, uint8_t out[SHA256_LEN])
{
	must(EVP_Digest(data, len, out, NULL, sha256(), NULL));
}

void
crypto_hmac_sha256(const void *key, size_t key_len, const void *data,
    size_t len, uint8_t out[SHA256_LEN])
{
	EVP_MAC_CTX *ctx = hmac_sha256_new();
	size_t out_len;

	/* A NULL key would mean "the key of last time". */
	assert(key);

	must(EVP_MAC_init(ctx, key, key_len, NULL));
	must(EVP_MAC_update(ctx, data, len));
	must(EVP_MAC_final(ctx, out, &out_len, SHA256_LEN));
	EVP_MAC_CTX_free(ctx);
}

bool
crypto_md5(const void *data, size_t len, uint8_t out[MD5_LEN])
{
	static EVP_MD *md;

	/* The default provider has it; one for FIPS has not, and a checksum is
	 * no reason to end the process. */
	if (!md)
		md = EVP_MD_fetch(NULL, "MD5", NULL);
	return md && EVP_Digest(data, len, out, NULL, md, NULL);
}

void
crypto_derive(const void *secret, size_t secret_len, const char *label,
    uint8_t out[SHA256_LEN])
{
	crypto_hmac_sha256(secret, secret_len, label, strlen(label), out);
}

/* An AES-256-GCM with key and nonce set and the aad taken in. */
static EVP_CIPHER_CTX *
gcm_start(bool seal, const uint8_t key[AES_KEY_LEN],
    const uint8_t nonce[GCM_NONCE_LEN], const char *aad)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	size_t aad_len = strlen(aad);
	int done;

	assert(aad_len <= INT_MAX);

	/* The nonce length, 96 bits, is the cipher's default. */
	must(ctx);
	must(EVP_CipherInit_ex2(ctx, aes_256_gcm(), key, nonce, seal, NULL));
	must(EVP_CipherUpdate(ctx, NULL, &done, (const uint8_t *)aad,
	    (int)aad_len));

	return ctx;
}

void
crypto_seal(const uint8_t key[AES_KEY_LEN], const char *aad, const void *data,
    size_t len, uint8_t *out)
{
	uint8_t *text = out + GCM_NONCE_LEN;
	EVP_CIPHER_CTX *ctx;
	int done = 0;

	assert(len <= INT_MAX);

	rng_bytes(out, GCM_NONCE_LEN);
	ctx = gcm_start(true, key, out, aad);

	if (len > 0)
		must(EVP_CipherUpdate(ctx, text, &done, data, (int)len));
	assert((size_t)done == len);
	must(EVP_CipherFinal_ex(ctx, text + len, &done));
	must(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, GCM_TAG_LEN,
	    text + len) > 0);

	EVP_CIPHER_CTX_free(ctx);
}

bool
crypto_open(const uint8_t key[AES_KEY_LEN], const char *aad,
    const uint8_t *sealed, size_t len, uint8_t *out)
{
	uint8_t tag[GCM_TAG_LEN];
	uint8_t none[1]; /* where Final writes its no bytes */
	EVP_CIPHER_CTX *ctx;
	size_t text_len;
	bool fits;
	int done = 0;

	assert(len <= INT_MAX);

	if (len < GCM_OVERHEAD)
		return false;
	text_len = len - GCM_OVERHEAD;
	memcpy(tag, sealed + GCM_NONCE_LEN + text_len, sizeof tag);

	ctx = gcm_start(false, key, sealed, aad);
	if (text_len > 0)
		must(EVP_CipherUpdate(ctx, out, &done, sealed + GCM_NONCE_LEN,
		    (int)text_len));
	assert((size_t)done == text_len);
	must(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, sizeof tag, tag) >
	    0);
	fits = EVP_CipherFinal_ex(ctx, none, &done) > 0;
	EVP_CIPHER_CTX_free(ctx);

	/* Unproven plaintext is nobody's business. */
	if (!fits)
		crypto_wipe(out, text_len);
	return fits;
}

bool
crypto_equal(const void *a, const void *b, size_t len)
{
	return CRYPTO_memcmp(a, b, len) == 0;
}

void
crypto_wipe(void *data, size_t len)
{
	if (len > 0)
		OPENSSL_cleanse(data, len);
}
