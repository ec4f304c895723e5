/*
 * payment_ask.h: ask Stripe about one attempt: send it, read it, search for
 * it, end it; what Stripe says is put into effect at once.
 *
 * Twice    A direct payment goes out under a key made of its row's id, and its
 *          row names the method before the first send: however often it is
 *          sent, by whom and after which crash, Stripe charges once.
 * Unknown  Without an answer the attempt is "processing", never failed.  When
 *          the key only gives back an old 500, or the payment is not wanted
 *          any more, it is not sent again but searched for.
 */
#ifndef APP_PAYMENT_ASK_H
#define APP_PAYMENT_ASK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/err.h"
#include "remote/stripe.h"

struct app;
struct booking_row;
struct payment_row;
struct scope;

enum asked {
	ASKED_KNOWN,   /* how it ended is in effect */
	ASKED_WAIT,    /* it is the customer's or Stripe's turn: ask in a while */
	ASKED_LATER,   /* nothing is known: Stripe, or we, cannot be had */
	ASKED_STOPPED, /* the ring lacks a key: only a person can help */
	ASKED_WRONG    /* refused: an operator must look */
};

/* What is not kept in a row. */
struct payment_told {
	const struct stripe_action *action; /* NULL unless it is wanted */
	const char *client_secret;
	bool pointless; /* to send it again: the answer stays what it is */
};

/* Why a direct payment failed, where Stripe has no word for it. */
#define FAILURE_METHOD "payment_method_refused" /* not one Stripe takes */
#define FAILURE_REFUSED "refused_"               /* ... nor this payment; its code */
#define PAYMENT_REFUSED "This cannot be paid by card, whatever the card, and " \
	"nothing was charged. Please ask the franchise."
#define FAILURE_LOST "no_answer" /* asked for in vain: nothing was charged */

/* How a call that gave no object ended. */
enum asked payment_ask_kind(enum stripe_kind kind);

/* Of a direct payment that has no PaymentIntent yet; retries as in struct
 * stripe_call. */
enum asked payment_ask_send(struct app *app, struct scope *sc,
    const struct payment_row *p, const struct booking_row *row,
    unsigned retries, struct payment_told *ret_told);

/* Its session or PaymentIntent, which is known. */
enum asked payment_ask_read(struct app *app, struct scope *sc,
    const struct payment_row *p, struct payment_told *ret_told);

/* Of a direct payment without a PaymentIntent: is there a charge of it?  Sends
 * nothing.  now_us: when p was read. */
enum asked payment_ask_search(struct app *app, struct scope *sc,
    const struct payment_row *p, int64_t now_us);

/* See to it that it cannot be paid any more; it becomes superseded, or what
 * it turned out to be. */
enum asked payment_ask_end(struct app *app, struct scope *sc,
    const struct payment_row *p);

/*
 * Make room for another attempt by ending this one, where that is possible.
 * ERR_STALE                 it is ended: read anew
 * ERR_STATE                 it is under way
 * ERR_PAYMENTS_UNAVAILABLE  Stripe cannot be asked
 */
enum err payment_ask_clear(struct app *app, struct scope *sc,
    const struct payment_row *p) MUSTCHECK;

#endif
