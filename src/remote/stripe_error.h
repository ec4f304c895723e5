/*
 * stripe_error.h: what Stripe's refusals mean to us.
 */
#ifndef REMOTE_STRIPE_ERROR_H
#define REMOTE_STRIPE_ERROR_H

#include "remote/stripe.h"

/* type, code: NULL when not told.  Never STRIPE_DONE; what is in no row is
 * UNKNOWN. */
enum stripe_kind stripe_error_kind(int status, const char *type,
    const char *code);

#endif
