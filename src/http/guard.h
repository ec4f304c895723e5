/*
 * guard.h: who calls, and may he?
 */
#ifndef HTTP_GUARD_H
#define HTTP_GUARD_H

#include "base/compiler.h"
#include "base/err.h"

struct call;

/* The token of "Bearer TOKEN" (any case of the scheme), or NULL. */
const char *guard_bearer(const char *authorization);

/*
 * Read the credentials into call->caller and hold them against the route.
 *
 * ERR_BAD_REQUEST      two kinds of credentials, or X-Customer-Id amiss
 * ERR_UNAUTHENTICATED  none, where some are needed
 * ERR_BAD_CREDENTIALS  they do not hold (also where none are needed)
 * ERR_FORBIDDEN        they hold, but do not suffice
 */
enum err guard_admit(struct call *call) MUSTCHECK;

/* The WWW-Authenticate header of a 401 or 403 (RFC 6750). */
void guard_challenge(struct call *call, enum err e);

#endif
