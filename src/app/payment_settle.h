/*
 * payment_settle.h: what Stripe says about a payment or a refund, put into
 * effect once, however often and in whatever order it is said.
 */
#ifndef APP_PAYMENT_SETTLE_H
#define APP_PAYMENT_SETTLE_H

#include <stdint.h>

#include "base/compiler.h"
#include "base/err.h"
#include "domain/settlement.h"

struct app;
struct scope;
struct uuid;

/* Where the word comes from: a webhook's event, or NULLs when we asked. */
struct stripe_word {
	const char *event; /* "evt_..." */
	const char *type;  /* "checkout.session.completed" */
	const char *object; /* id of what it is about */
};

struct payment_outcome {
	enum attempt_state to;
	const char *intent;   /* NULL = not told, like the next */
	int64_t amount;       /* hundredths that were received; NONE */
	const char *currency; /* "USD"; NULL */
	const char *failure;  /* Stripe's code */
};

/*
 * ERR_OK        it took effect, now or before
 * ERR_CONFLICT  Stripe speaks of another amount than the attempt: nothing was
 *               done, an operator must look
 */
enum err payment_settle(struct app *app, struct scope *sc,
    const struct uuid *payment, const struct payment_outcome *outcome,
    const struct stripe_word *word) MUSTCHECK;

/* status: "pending", "succeeded", "failed". */
enum err refund_settle(struct app *app, struct scope *sc,
    const struct uuid *refund, const char *status, const char *stripe_id,
    const char *failure, const struct stripe_word *word) MUSTCHECK;

/* A refund that Stripe made and nobody asked for here. */
struct refund_elsewhere {
	const char *stripe_id;
	const char *status; /* "pending" or "succeeded" */
	int64_t amount;     /* hundredths */
	const char *currency;
};

/*
 * It becomes a row, as if staff had sent it.
 * ERR_OK        it is one, now or before; or a refund of ours that is not sent
 *               yet is in its way: Stripe will refuse that one, and then all
 *               are read again
 * ERR_CONFLICT  it is of another currency, or more than was paid is gone:
 *               nothing was done, an operator must look
 */
enum err refund_enter(struct app *app, struct scope *sc,
    const struct uuid *payment, const struct refund_elsewhere *made) MUSTCHECK;

#endif
