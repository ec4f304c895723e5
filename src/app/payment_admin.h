/*
 * payment_admin.h: payments as an operator sees them: found, shown with all
 * that hangs on them, and their due work set going again.
 */
#ifndef APP_PAYMENT_ADMIN_H
#define APP_PAYMENT_ADMIN_H

#include <stddef.h>
#include <stdint.h>

#include "app/payment_row.h"
#include "base/compiler.h"
#include "base/err.h"
#include "base/uuid.h"

struct admin;
struct app;
struct scope;

struct payment_filter {
	const char *status;  /* NULL = any */
	struct uuid booking; /* none = any */
	int64_t since_us;    /* made then or later; NONE = ever */
	int64_t max;
};

struct payment_line {
	struct uuid id;
	struct uuid booking;
	const char *status;
	int64_t amount;
	int64_t refunded;
	const char *currency;
	const char *method;
	const char *intent;  /* NULL until known */
	const char *failure; /* NULL */
	int64_t created_us;
};

/* Newest first. */
enum err payment_browse(struct admin *admin, struct scope *sc,
    const struct payment_filter *filter, struct payment_line **ret_lines,
    size_t *ret_count) MUSTCHECK;

struct payment_entry { /* a line of the journal */
	const char *kind;
	const char *account;
	int64_t amount;
	const char *currency;
	int64_t created_us;
};

struct payment_dispute { /* what a bank has said of it */
	const char *id;     /* Stripe's */
	const char *status; /* inquiry, open, won, lost, closed */
	int64_t amount;
	int64_t held; /* so much of it was taken */
	const char *currency;
	int64_t told_us; /* when Stripe said so */
};

struct payment_due { /* work still to be done */
	int64_t id;
	const char *type;
	int64_t due_us;
	int64_t attempts;
	int64_t dead_us; /* NONE: it lives */
};

struct payment_file {
	struct payment_row payment;
	struct refund_row *refunds;
	size_t refund_count;
	struct payment_dispute *disputes;
	size_t dispute_count;
	struct payment_entry *entries;
	size_t entry_count;
	struct payment_due *due;
	size_t due_count;
};

enum err payment_inspect(struct admin *admin, struct scope *sc,
    const struct uuid *id, struct payment_file *ret_file) MUSTCHECK;

/*
 * Make what is due about a payment and its refunds due now, and what is dead
 * live again.  ERR_NOT_FOUND: there is no such payment.  *ret_count may be 0:
 * nothing is left to do.
 */
enum err payment_retry(struct admin *admin, struct scope *sc,
    const struct uuid *id, int64_t *ret_count) MUSTCHECK;

struct payment_back {
	struct uuid refund;
	int64_t amount;
	const char *currency;
};

/*
 * Give money of a payment back, as staff: the refund is owed from then on, due
 * work sends it.  amount: NONE = all that is left.
 *
 * ERR_STATE     it has not been paid, or nothing of it is left
 * ERR_CONFLICT  more than is left, or no amount of its currency
 */
enum err payment_give_back(struct app *app, struct scope *sc,
    const struct uuid *id, int64_t amount, struct payment_back *ret_back)
    MUSTCHECK;

#endif
