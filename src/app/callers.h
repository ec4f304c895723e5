/*
 * callers.h: credentials into a caller, and the tokens we sign ourselves.
 *
 * A customer's JWT is HS256 over JWT_SECRET, or RS256, ES256 or EdDSA by a key
 * of JWT_JWKS_FILE: sub (UUID), exp required, scope an array or a
 * space-separated text; iss and aud checked when configured; 60 s leeway.
 * Guest and manage tokens are ours: signed by a sub-key of SESSION_SECRET, typ
 * "booking-guest+jwt" and "booking-manage+jwt", issuer "customer-booking".
 */
#ifndef APP_CALLERS_H
#define APP_CALLERS_H

#include <stdint.h>

#include "base/compiler.h"
#include "base/err.h"

struct app;
struct caller;
struct guest_session;
struct scope;
struct uuid;

/* ERR_BAD_CREDENTIALS with sc->why; the token is never quoted. */
enum err caller_from_bearer(struct app *app, struct scope *sc,
    const char *token, struct caller *ret_caller) MUSTCHECK;

/* customer_id: the X-Customer-Id header or NULL; only secret keys may. */
enum err caller_from_key(struct app *app, struct scope *sc, const char *key,
    const char *customer_id, struct caller *ret_caller) MUSTCHECK;

/* A fresh guest (caller: a publishable or secret key with guest:create), who
 * stays inside the franchise of the key, if it has one. */
enum err guest_session_open(struct app *app, struct scope *sc,
    const struct caller *caller, struct guest_session *ret_session) MUSTCHECK;

/* A token for one booking, good until expires_us at most: booking_row_load ends
 * it earlier, some days after the booking. */
char *manage_token(struct app *app, struct scope *sc,
    const struct uuid *booking, const struct uuid *customer,
    int64_t expires_us);

/* A customer JWT as the identity provider would issue it (bookingctl token). */
char *customer_token(struct app *app, struct scope *sc,
    const struct uuid *customer, const char *scopes, int64_t lifetime_s);

#endif
