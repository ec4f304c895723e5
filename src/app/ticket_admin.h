/*
 * ticket_admin.h: what an operator does about a QR code that fell into the
 * wrong hands.
 */
#ifndef APP_TICKET_ADMIN_H
#define APP_TICKET_ADMIN_H

#include <stdint.h>

#include "base/compiler.h"
#include "base/err.h"

struct admin;
struct scope;
struct uuid;

/*
 * No QR code of the booking that was shown until now holds any more.  `by` is
 * kept beside it: who revoked it.  *ret_version is the new code's number.
 *
 * ERR_NOT_FOUND  no such booking
 * ERR_STATE      nobody can be checked in with it any more
 */
enum err ticket_revoke(struct admin *admin, struct scope *sc,
    const struct uuid *booking, const char *by, int64_t *ret_version)
    MUSTCHECK;

#endif
