/* pubkey.c: public keys and the signatures made with their other half. */
#include "base/pubkey.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

#define EXPONENT_LEN_MAX 8
#define P256_POINT_LEN (1 + 2 * PUBKEY_COORDINATE_LEN)
#define ES256_LEN (2 * PUBKEY_COORDINATE_LEN)

/* Of ES256 in DER: two numbers of 33 bytes at most, and what is around them. */
#define ES256_DER_MAX 80

enum kind { KIND_RSA, KIND_P256, KIND_ED25519 };

struct pubkey {
	enum kind kind;
	EVP_PKEY *pkey;
};

/*
 * What goes wrong with a stranger's bytes is left in OpenSSL's queue, where
 * libcurl would take it for a fault of its own connection.
 */
static void
forget_errors(void)
{
	ERR_clear_error();
}

/* Takes pkey over, which may be NULL. */
static struct pubkey *
make(enum kind kind, EVP_PKEY *pkey)
{
	struct pubkey *key = pkey ? calloc(1, sizeof *key) : NULL;

	forget_errors();
	if (!key) {
		EVP_PKEY_free(pkey);
		return NULL;
	}
	key->kind = kind;
	key->pkey = pkey;
	return key;
}

/* The key that the numbers give, if it holds what its kind asks for. */
static EVP_PKEY *
from_params(const char *type, OSSL_PARAM_BLD *build)
{
	OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(build);
	EVP_PKEY_CTX *make_ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
	EVP_PKEY_CTX *check_ctx = NULL;
	EVP_PKEY *pkey = NULL;

	if (params && make_ctx && EVP_PKEY_fromdata_init(make_ctx) == 1 &&
	    EVP_PKEY_fromdata(make_ctx, &pkey, EVP_PKEY_PUBLIC_KEY, params) !=
	        1)
		pkey = NULL;
	if (pkey)
		check_ctx = EVP_PKEY_CTX_new_from_pkey(NULL, pkey, NULL);
	if (pkey && (!check_ctx || EVP_PKEY_public_check(check_ctx) != 1)) {
		EVP_PKEY_free(pkey);
		pkey = NULL;
	}
	EVP_PKEY_CTX_free(check_ctx);
	EVP_PKEY_CTX_free(make_ctx);
	OSSL_PARAM_free(params);
	return pkey;
}

struct pubkey *
pubkey_rsa(const uint8_t *n, size_t n_len, const uint8_t *e, size_t e_len)
{
	OSSL_PARAM_BLD *build = NULL;
	BIGNUM *modulus = NULL;
	BIGNUM *exponent = NULL;
	EVP_PKEY *pkey = NULL;
	int bits;

	if (n_len > PUBKEY_RSA_BITS_MAX / 8 || e_len > EXPONENT_LEN_MAX)
		return NULL;
	build = OSSL_PARAM_BLD_new();
	modulus = BN_bin2bn(n, (int)n_len, NULL);
	exponent = BN_bin2bn(e, (int)e_len, NULL);
	bits = modulus ? BN_num_bits(modulus) : 0;
	if (build && exponent && bits >= PUBKEY_RSA_BITS_MIN &&
	    OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, modulus) &&
	    OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, exponent))
		pkey = from_params("RSA", build);
	OSSL_PARAM_BLD_free(build);
	BN_free(modulus);
	BN_free(exponent);
	return make(KIND_RSA, pkey);
}

struct pubkey *
pubkey_p256(const uint8_t x[PUBKEY_COORDINATE_LEN],
    const uint8_t y[PUBKEY_COORDINATE_LEN])
{
	OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
	uint8_t point[P256_POINT_LEN] = { POINT_CONVERSION_UNCOMPRESSED };
	EVP_PKEY *pkey = NULL;

	memcpy(point + 1, x, PUBKEY_COORDINATE_LEN);
	memcpy(point + 1 + PUBKEY_COORDINATE_LEN, y, PUBKEY_COORDINATE_LEN);
	if (build && OSSL_PARAM_BLD_push_utf8_string(build,
	    OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0) &&
	    OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY,
	    point, sizeof point))
		pkey = from_params("EC", build);
	OSSL_PARAM_BLD_free(build);
	return make(KIND_P256, pkey);
}

struct pubkey *
pubkey_ed25519(const uint8_t x[PUBKEY_COORDINATE_LEN])
{
	return make(KIND_ED25519, EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519,
	    NULL, x, PUBKEY_COORDINATE_LEN));
}

void
pubkey_free(struct pubkey *key)
{
	if (!key)
		return;
	EVP_PKEY_free(key->pkey);
	free(key);
}

/* R | S as the DER that OpenSSL reads; 0 when it is not that. */
static size_t
der_of(const uint8_t *signature, size_t len, uint8_t der[ES256_DER_MAX])
{
	ECDSA_SIG *sig;
	BIGNUM *r, *s;
	int der_len = 0;

	if (len != ES256_LEN)
		return 0;
	sig = ECDSA_SIG_new();
	r = BN_bin2bn(signature, PUBKEY_COORDINATE_LEN, NULL);
	s = BN_bin2bn(signature + PUBKEY_COORDINATE_LEN, PUBKEY_COORDINATE_LEN,
	    NULL);
	if (sig && r && s && ECDSA_SIG_set0(sig, r, s)) {
		r = s = NULL; /* sig's now */
		assert(i2d_ECDSA_SIG(sig, NULL) <= ES256_DER_MAX);
		der_len = i2d_ECDSA_SIG(sig, &der);
	}
	BN_free(r);
	BN_free(s);
	ECDSA_SIG_free(sig);
	return der_len > 0 ? (size_t)der_len : 0;
}

bool
pubkey_verify(const struct pubkey *key, const void *data, size_t len,
    const uint8_t *signature, size_t signature_len)
{
	/* Ed25519 hashes by itself. */
	const EVP_MD *md = key->kind == KIND_ED25519 ? NULL : EVP_sha256();
	uint8_t der[ES256_DER_MAX];
	EVP_MD_CTX *ctx;
	bool fits;

	if (key->kind == KIND_P256) {
		signature_len = der_of(signature, signature_len, der);
		signature = der;
	}
	if (signature_len == 0)
		return false;

	ctx = EVP_MD_CTX_new();
	fits = ctx && EVP_DigestVerifyInit(ctx, NULL, md, NULL, key->pkey) ==
	    1 && EVP_DigestVerify(ctx, signature, signature_len, data, len) ==
	    1;
	EVP_MD_CTX_free(ctx);
	forget_errors();
	return fits;
}
