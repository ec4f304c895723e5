/* refund_found.c: a payment's refunds looked for on Stripe's list. */
#include "app/refund_found.h"

#include "app/app.h"
#include "app/payment_row.h"
#include "base/scope.h"

#define PAGES_MAX 10

struct listed {
	struct list pages[PAGES_MAX]; /* struct stripe_refund, newest first */
	size_t count;
};

const char *
refund_found_word(enum stripe_refund_status status)
{
	switch (status) {
	case STRIPE_REFUND_SUCCEEDED:
		return "succeeded";
	case STRIPE_REFUND_FAILED:
	case STRIPE_REFUND_CANCELED:
		return "failed";
	default:
		return "pending";
	}
}

static enum stripe_kind
list_refunds(struct app *app, struct scope *sc, const struct payment_row *p,
    struct listed *ret_listed)
{
	struct stripe_call call = { .account = p->account };
	struct stripe_pages pages = { .object = STRIPE_REFUND,
		.payment_intent = p->intent };

	ret_listed->count = 0;
	while (ret_listed->count < PAGES_MAX && !pages.over) {
		enum stripe_kind kind = stripe_pages_next(app->stripe, sc,
		    &call, &pages, &ret_listed->pages[ret_listed->count]);

		if (kind != STRIPE_DONE)
			return kind;
		ret_listed->count++;
	}
	return STRIPE_DONE;
}

enum stripe_kind
refund_found_ours(struct app *app, struct scope *sc,
    const struct payment_row *p, const struct uuid *id,
    struct stripe_refund *ret_told, bool *ret_found)
{
	struct listed listed;
	enum stripe_kind kind = list_refunds(app, sc, p, &listed);

	*ret_found = false;
	for (size_t i = 0; kind == STRIPE_DONE && i < listed.count; i++) {
		const struct stripe_refund *items = listed.pages[i].items;

		for (size_t k = 0; k < listed.pages[i].count; k++) {
			if (!uuid_equal(&items[k].tags.refund_id, id))
				continue;
			*ret_told = items[k];
			*ret_found = true;
			return STRIPE_DONE;
		}
	}
	return kind;
}
