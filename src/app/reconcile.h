/*
 * reconcile.h: prove that Stripe, the payments and the journal say the same of
 * every booking, in both directions, and enter what Stripe kept as its fee.
 *
 * Stripe is read page by page and each page is compared in one statement, so
 * that memory does not grow with the business.  What happens while it runs may
 * be seen on one side only: run it again before you believe a difference that
 * is a minute old.
 */
#ifndef APP_RECONCILE_H
#define APP_RECONCILE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/err.h"
#include "base/uuid.h"

struct app;
struct scope;

/* Amounts are hundredths, NONE = there is none; texts NULL likewise. */
struct difference {
	const char *kind;    /* "unknown_charge": docs/operators.md has all */
	struct uuid booking; /* none = not ours, as far as we know */
	struct uuid ours;    /* the payment or refund */
	const char *stripe;  /* "ch_..." */
	int64_t theirs;
	int64_t here;
	const char *currency;
	const char *note;
};

struct reconcile_request {
	int64_t from_us; /* created since; 0 = ever */
	bool dry_run;    /* enter no fees */
	/* Told of each as it is found; it lives until the call returns. */
	void (*tell)(void *data, const struct difference *difference);
	void *data;
};

struct reconciled {
	int64_t charges;   /* that succeeded at Stripe, like the next read */
	int64_t refunds;
	int64_t movements; /* of the balance */
	int64_t fees;      /* entered by this run */
	int64_t waiting;   /* charges whose movement Stripe has not told yet */
	int64_t differences;
};

/*
 * Finding differences is no error.  ERR_PAYMENTS_UNAVAILABLE: Stripe could not
 * be asked (to the end); what was told until then holds.  *ret_reconciled is
 * set in that case too.
 */
enum err reconcile_run(struct app *app, struct scope *sc,
    const struct reconcile_request *request,
    struct reconciled *ret_reconciled) MUSTCHECK;

#endif
