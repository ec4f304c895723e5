/* refund_plan.c: share a refund out over payments. */
#include "app/refund_plan.h"

#include <string.h>

#include "app/booking_write.h"
#include "app/payment_row.h"
#include "base/instant.h"
#include "base/scope.h"
#include "store/args.h"

enum err
refund_plan_make(struct app *app, struct scope *sc, const struct uuid *booking,
    int64_t amount, struct refund_plan *ret_plan)
{
	struct refund_plan plan = { .count = 0 };
	struct payment_row *rows = NULL;
	size_t count = 0;
	enum err e;

	if (amount > 0) {
		e = payment_rows(app, sc, booking, &rows, &count);
		if (e)
			return e;
	}
	for (size_t i = count; i > 0 && amount > 0; i--) {
		const struct payment_row *p = &rows[i - 1];
		int64_t left = p->amount - p->refunded;

		if (strcmp(p->status, "succeeded") != 0 || left <= 0 ||
		    p->of_others)
			continue;
		if (plan.count == REFUND_PLAN_MAX)
			break;
		uuid_new(&plan.ids[plan.count]);
		plan.payments[plan.count] = p->id;
		plan.amounts[plan.count] = left < amount ? left : amount;
		amount -= plan.amounts[plan.count++];
	}
	if (amount > 0)
		return scope_fail(sc, ERR_CONFLICT, "the payments do not hold "
		    "what is to be refunded");

	*ret_plan = plan;
	return ERR_OK;
}

void
refund_plan_news(const struct refund_plan *plan, struct scope *sc,
    struct news *news)
{
	for (size_t i = 0; i < plan->count; i++)
		news_payment(news, sc, "refund", &plan->ids[i], NONE);
}

void
refund_plan_args(const struct refund_plan *plan, struct args *args)
{
	args_uuids(args, plan->ids, plan->count);
	args_uuids(args, plan->payments, plan->count);
	args_i64s(args, plan->amounts, plan->count);
}
