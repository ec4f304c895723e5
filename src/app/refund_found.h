/*
 * refund_found.h: the refunds of a payment as Stripe lists them: what became of
 * ours.
 */
#ifndef APP_REFUND_FOUND_H
#define APP_REFUND_FOUND_H

#include <stdbool.h>

#include "base/compiler.h"
#include "remote/stripe.h"

struct app;
struct payment_row;
struct scope;
struct uuid;

/* "pending", "succeeded", "failed": our word for what Stripe says of one. */
const char *refund_found_word(enum stripe_refund_status status);

/* The one that was asked for as the refund id of ours. */
enum stripe_kind refund_found_ours(struct app *app, struct scope *sc,
    const struct payment_row *p, const struct uuid *id,
    struct stripe_refund *ret_told, bool *ret_found) MUSTCHECK;

#endif
