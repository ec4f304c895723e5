/*
 * stripe_error.h: what Stripe's refusals mean: one table for what to do, one
 * for what to tell the customer.
 */
#ifndef REMOTE_STRIPE_ERROR_H
#define REMOTE_STRIPE_ERROR_H

#include "remote/stripe.h"

/* type, code: NULL when not told.  Never STRIPE_DONE; what is in no row is
 * UNKNOWN. */
enum stripe_kind stripe_error_kind(int status, const char *type,
    const char *code);

/* One sentence for the customer; never NULL, and never more than the customer
 * may know (a stolen card is simply declined). */
const char *stripe_decline_sentence(const char *code,
    const char *decline_code);

#endif
