/*
 * stripe_params.h: what is sent to Stripe, in its form encoding: nested names
 * in brackets, values percent-encoded.  The names are in stripe_params.c and
 * nowhere else; a test holds each against the types of Stripe's own client.
 */
#ifndef REMOTE_STRIPE_PARAMS_H
#define REMOTE_STRIPE_PARAMS_H

#include <stdint.h>

#include "base/buf.h"
#include "base/compiler.h"
#include "base/err.h"
#include "remote/stripe.h"

#define STRIPE_PARAMS_MAX (16 * 1024)
#define STRIPE_PAGE_MAX 100
/* A charge has more members than the JSON reader takes of a hundred. */
#define STRIPE_CHARGE_PAGE_MAX 40

/* NULL, "" and NONE are left out: an empty value would unset something. */
void stripe_put_text(struct buf *out, const char *name, const char *value);
void stripe_put_int(struct buf *out, const char *name, int64_t value);

/* ERR_INTERNAL: Stripe takes no such amount in that currency (NULL: in none). */
enum err stripe_session_params(struct buf *out,
    const struct stripe_session_new *wanted) MUSTCHECK;
enum err stripe_intent_params(struct buf *out,
    const struct stripe_intent_new *wanted) MUSTCHECK;
enum err stripe_refund_params(struct buf *out,
    const struct stripe_refund_new *wanted) MUSTCHECK;
void stripe_intent_cancel_params(struct buf *out);
void stripe_pages_params(struct buf *out, const struct stripe_pages *pages);

#endif
