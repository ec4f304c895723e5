/*
 * jwks.h: a set of JSON web keys (RFC 7517, RFC 7518 section 6, RFC 8037): the
 * public keys of whoever signs our customers in.
 *
 * Used     RSA of 2048 to 4096 bits (RS256), EC with P-256 (ES256), OKP with
 *          Ed25519 (EdDSA): each by that one algorithm, and only if `use`,
 *          `key_ops` and `alg` do not say otherwise.
 * Passed   other keys, as RFC 7517 section 5 asks: sets hold keys for more
 * over     than us.
 * Refused  the whole set, when it holds a private or a shared key (those
 *          belong on no other machine), no key we can use, more than
 *          JWKS_KEYS_MAX, or is not such a set.
 */
#ifndef BASE_JWKS_H
#define BASE_JWKS_H

#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/err.h"

#define JWKS_TEXT_MAX ((size_t)128 * 1024)
#define JWKS_KEYS_MAX 16 /* a token without kid may cost so many checks */

struct jwks;
struct scope;

/* ERR_INVALID with sc->why, which quotes nothing but a key's kid.  The set
 * owns its memory: jwks_free. */
enum err jwks_read(struct scope *sc, const char *text, size_t len,
    struct jwks **ret_keys) MUSTCHECK;
void jwks_free(struct jwks *keys); /* accepts NULL */

size_t jwks_count(const struct jwks *keys);
size_t jwks_passed_over(const struct jwks *keys);

/*
 * Has one of the keys signed these bytes?  alg is what the token says; only
 * keys of that algorithm are tried, and, if the token has a kid (else NULL),
 * only those of that name and those without any.  NULL when it fits, else a
 * static sentence.
 */
const char *jwks_verify(const struct jwks *keys, const char *alg,
    const char *kid, const void *data, size_t len, const uint8_t *signature,
    size_t signature_len) MUSTCHECK;

#endif
