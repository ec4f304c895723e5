/*
 * refund_found.h: the refunds of a payment as Stripe lists them: what became of
 * ours, and what somebody else sent back, in Stripe's dashboard say.
 */
#ifndef APP_REFUND_FOUND_H
#define APP_REFUND_FOUND_H

#include <stdbool.h>

#include "base/compiler.h"
#include "base/err.h"
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

/*
 * All of a payment that has succeeded and whose PaymentIntent is known: ours are
 * settled as Stripe tells, what nobody here asked for is entered
 * (refund_enter).  Done again it has no other effect.  *ret_e is what came of
 * them, when DONE.
 */
enum stripe_kind refund_found_all(struct app *app, struct scope *sc,
    const struct payment_row *p, enum err *ret_e) MUSTCHECK;

#endif
