/* refund_found.c: a payment's refunds read from Stripe's list, ours and others'. */
#include "app/refund_found.h"

#include <string.h>

#include "app/app.h"
#include "app/payment_row.h"
#include "app/payment_settle.h"
#include "base/arena.h"
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

/* By Stripe's id; or by ours, while no answer has told which it is: what was
 * asked for and is not answered yet is no stranger's.  Metadata alone prove
 * nothing: whoever sees them can give them to another refund.  ERR_NOT_FOUND. */
static enum err
find_ours(struct app *app, struct scope *sc, const struct payment_row *p,
    const struct stripe_refund *s, struct refund_row *ret_row)
{
	enum err e = refund_find(app, sc, NULL, s->id, ret_row);

	if (e != ERR_NOT_FOUND || uuid_is_none(&s->tags.refund_id))
		return e;
	e = refund_find(app, sc, &s->tags.refund_id, NULL, ret_row);
	if (!e && (!uuid_equal(&ret_row->payment_id, &p->id) ||
	    (ret_row->stripe_id && strcmp(ret_row->stripe_id, s->id) != 0)))
		return ERR_NOT_FOUND;
	return e;
}

static enum err
settle_ours(struct app *app, struct scope *sc, const struct payment_row *p,
    const struct stripe_refund *s)
{
	struct refund_row row;
	enum err e = find_ours(app, sc, p, s, &row);

	return e ? e : refund_settle(app, sc, &row.id,
	    refund_found_word(s->status), s->id, s->failure_reason, NULL);
}

/* That one failed which nobody knew of changes nothing here. */
static enum err
enter_other(struct app *app, struct scope *sc, const struct payment_row *p,
    const struct stripe_refund *s)
{
	struct refund_elsewhere made = { .stripe_id = s->id,
		.status = refund_found_word(s->status), .amount = s->amount,
		.currency = s->currency ? s->currency->code : NULL };

	return strcmp(made.status, "failed") == 0 ? ERR_OK :
	    refund_enter(app, sc, &p->id, &made);
}

/* The others, the oldest first, once ours are settled: what of those failed
 * leaves room for them. */
static enum err
take_all(struct app *app, struct scope *sc, const struct payment_row *p,
    const struct listed *listed)
{
	const struct stripe_refund **others;
	size_t room = 0;
	size_t count = 0;
	enum err e = ERR_OK;

	for (size_t i = 0; i < listed->count; i++)
		room += listed->pages[i].count;
	others = arena_new_array(sc->arena, const struct stripe_refund *,
	    room);
	for (size_t i = 0; i < listed->count; i++) {
		const struct stripe_refund *items = listed->pages[i].items;

		for (size_t k = 0; k < listed->pages[i].count; k++) {
			e = settle_ours(app, sc, p, &items[k]);
			if (e == ERR_NOT_FOUND)
				others[count++] = &items[k];
			else if (e)
				return e;
		}
	}
	e = ERR_OK;
	while (!e && count > 0)
		e = enter_other(app, sc, p, others[--count]);
	return e;
}

enum stripe_kind
refund_found_all(struct app *app, struct scope *sc,
    const struct payment_row *p, enum err *ret_e)
{
	struct listed listed;
	enum stripe_kind kind = list_refunds(app, sc, p, &listed);

	if (kind == STRIPE_DONE)
		*ret_e = take_all(app, sc, p, &listed);
	return kind;
}
