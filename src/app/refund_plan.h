/*
 * refund_plan.h: from which payments an amount goes back: the newest first,
 * each up to what is left of it.
 */
#ifndef APP_REFUND_PLAN_H
#define APP_REFUND_PLAN_H

#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/err.h"
#include "base/uuid.h"

#define REFUND_PLAN_MAX 100 /* as many as payment_rows gives */

struct app;
struct args;
struct news;
struct scope;

struct refund_plan {
	struct uuid ids[REFUND_PLAN_MAX]; /* of the refunds to be */
	struct uuid payments[REFUND_PLAN_MAX];
	int64_t amounts[REFUND_PLAN_MAX]; /* hundredths */
	size_t count;
};

/* ERR_CONFLICT when the payments do not hold so much. */
enum err refund_plan_make(struct app *app, struct scope *sc,
    const struct uuid *booking, int64_t amount, struct refund_plan *ret_plan)
    MUSTCHECK;
/* The due work of each, and the arrays a statement takes. */
void refund_plan_news(const struct refund_plan *plan, struct scope *sc,
    struct news *news);
void refund_plan_args(const struct refund_plan *plan, struct args *args);

#endif
