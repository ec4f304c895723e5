/*
 * payments.h: money in and out: one engine behind every way to pay.
 *
 * A payment attempt is a row before Stripe hears of it, and the key Stripe is
 * given is made from the row's id: a retry after a crash cannot charge twice.
 * A timeout of Stripe's means "unknown", never "failed": the attempt stays as
 * it is and the due work of the topic `payments` looks again.
 *
 * Errors   beside each call; every one may also give ERR_UNAVAILABLE,
 *          ERR_TIMEOUT and ERR_UNCERTAIN.  ERR_PAYMENTS_UNAVAILABLE: no Stripe
 *          key is configured, or Stripe cannot be asked now.
 */
#ifndef APP_PAYMENTS_H
#define APP_PAYMENTS_H

#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/err.h"
#include "base/uuid.h"

struct app;
struct booking;
struct caller;
struct due_turn;
struct payment;
struct refund;
struct refusal;
struct replay;
struct scope;

/* After a booking was made with a queued attempt: try to open its Checkout
 * Session within the request.  When Stripe cannot be had nothing changes: the
 * booking's own pay link stands, and due work finishes it later. */
void payment_open_now(struct app *app, struct scope *sc,
    const struct caller *caller, struct replay *replay,
    struct booking *booking, const struct uuid *attempt);

/*
 * Where the customer pays: the address of an open session, a fresh one when the
 * last is no longer open.  ERR_NOT_FOUND for a wrong t, ERR_STATE when there is
 * nothing to pay.
 */
enum err payment_link(struct app *app, struct scope *sc,
    const struct uuid *booking, const char *t, const char **ret_url) MUSTCHECK;

/* Is t right, and could one pay?  Opens nothing. */
enum err payment_link_check(struct app *app, struct scope *sc,
    const struct uuid *booking, const char *t) MUSTCHECK;

/*
 * Pay a booking: with a payment method at once, without one by a Checkout
 * page.  The amount is the booking's price.
 *
 * Once     The attempt of a direct payment is a row, committed together with
 *          the Idempotency-Key, before Stripe hears of it, and Stripe's own
 *          key is made of the row's id.  What is stored under the caller's key
 *          is the attempt's id until it has succeeded, then the answer.  So a
 *          repeat, after whatever crash, finds the attempt, goes on with it if
 *          it is not known how it ended, and tells how it stands: a declined
 *          one stays declined under its key, and no repeat charges twice.
 * Others   An open session is expired first, a wait for the bank's page is
 *          cancelled; what turns out to be paid is put into effect instead.
 *
 * *ret_payment, status queued or processing: not known yet; due work goes on.
 *
 * ERR_STATE     there is nothing to pay, or a payment is under way
 * ERR_DECLINED  sc->why is a sentence for the customer, ret_refusal has the
 *               decline_code; the booking still waits for a payment
 * ERR_INVALID   no payment method that Stripe takes
 * ERR_UNCERTAIN it may be paid: repeat with the same key, or read the booking
 * ERR_KEY_BUSY, ERR_KEY_REUSED   the Idempotency-Key
 */
enum err payment_make(struct app *app, struct scope *sc,
    const struct caller *caller, const struct uuid *booking,
    const char *method, struct replay *replay, struct payment **ret_payment,
    struct refusal *ret_refusal) MUSTCHECK;

/*
 * Give money of a payment back, by the staff of its franchise; due work sends
 * it.  amount: NONE = all that is left.
 *
 * ERR_NOT_FOUND  not there, or of another franchise
 * ERR_INVALID    more than is left, or no amount of its currency: sc->faults
 * ERR_STATE      it has not been paid, or all of it went back
 */
enum err payment_refund(struct app *app, struct scope *sc,
    const struct caller *caller, const struct uuid *payment, int64_t amount,
    struct replay *replay, struct refund **ret_refund) MUSTCHECK;

/* The caller's own payment; ERR_NOT_FOUND for someone else's. */
enum err payment_get(struct app *app, struct scope *sc,
    const struct caller *caller, const struct uuid *id,
    struct payment **ret_payment) MUSTCHECK;

/*
 * Stripe's webhook: `header` is Stripe-Signature, body the raw bytes.
 * ERR_BAD_CREDENTIALS: not signed by Stripe, or stale.  ERR_MALFORMED: signed,
 * but not an event.  ERR_OK only once it is stored.  Never calls Stripe.
 */
enum err webhook_receive(struct app *app, struct scope *sc,
    const char *header, const char *body, size_t len) MUSTCHECK;

/* Do what is due on the topic `payments`: at most `max` rows (due.h). */
enum err payments_work(struct app *app, struct scope *sc, size_t max,
    struct due_turn *ret_turn) MUSTCHECK;

#endif
