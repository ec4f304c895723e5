/*
 * jws.h: JSON web signatures in compact form (RFC 7515, RFC 8725): split,
 * check, sign.  HS256 with a secret, RS256, ES256 and EdDSA with the keys of a
 * set; the algorithm is bound to the key, never taken from the token.
 *
 * Input    up to JWS_TEXT_MAX bytes; anything outside base64url and '.' is
 *          refused, as are duplicate members, `crit`, `b64`, and any alg but
 *          the key's.  `jku`, `jwk`, `x5u` are never followed.
 */
#ifndef BASE_JWS_H
#define BASE_JWS_H

#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/err.h"

#define JWS_TEXT_MAX 4096
#define JWS_SECRET_MIN 32 /* RFC 7518 section 3.2: HS256 keys are >= 256 bit */

struct jwks;
struct scope;

/* Check the signature of `token` and give its payload (bytes in the arena,
 * NUL-terminated; not yet parsed).  ERR_BAD_CREDENTIALS with sc->why. */
enum err jws_verify(struct scope *sc, const void *secret, size_t secret_len,
    const char *token, const char **ret_payload, size_t *ret_len) MUSTCHECK;

/* The same, and the `typ` of the signed header (NULL when it has none): what
 * tells kinds of token apart that one secret signs (RFC 8725 section 3.11). */
enum err jws_verify_typ(struct scope *sc, const void *secret,
    size_t secret_len, const char *token, const char **ret_typ,
    const char **ret_payload, size_t *ret_len) MUSTCHECK;

/* Check a token that one of these keys signed. */
enum err jws_verify_keys(struct scope *sc, const struct jwks *keys,
    const char *token, const char **ret_payload, size_t *ret_len) MUSTCHECK;

/* header.payload.signature with {"alg":"HS256","typ":typ}. */
char *jws_sign(struct scope *sc, const void *secret, size_t secret_len,
    const char *typ, const char *payload);

#endif
