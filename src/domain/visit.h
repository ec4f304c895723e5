/*
 * visit.h: when the children of a booking may come in, and when they go home:
 * once, on its day, if it is confirmed; and every refusal by its own name.
 */
#ifndef DOMAIN_VISIT_H
#define DOMAIN_VISIT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/err.h"
#include "domain/lifecycle.h"

/* A second scan at the same desk within this time is the same scan. */
#define VISIT_REPEAT_US INT64_C(600000000)

struct scope;

/* How a booking stands when somebody comes with it. */
struct visit_facts {
	enum booking_state state;
	bool lapsed;      /* a hold whose time is up */
	int64_t day;      /* local date it is for */
	int64_t today;    /* local date there, now */
	int64_t end_us;
	int64_t now_us;
	bool same_hand;   /* it was recorded by who asks now */
	int64_t done_us;  /* when that was; NONE = not yet */
};

/*
 * May the children come in?  *ret_again: they did a moment ago, and this is the
 * same hand asking again.
 *
 * ERR_UNPAID, ERR_EXPIRED, ERR_CANCELLED, ERR_CHECKED_IN   its state
 * ERR_OTHER_DAY, ERR_OVER                                  its time
 */
enum err visit_may_begin(struct scope *sc, const struct visit_facts *facts,
    bool *ret_again) MUSTCHECK;

/*
 * May they go home?  done_us and same_hand are of the going.  A booking that was
 * completed by itself may still be told who collected.
 *
 * ERR_NOT_CHECKED_IN, ERR_COLLECTED
 */
enum err visit_may_end(struct scope *sc, const struct visit_facts *facts,
    bool *ret_again) MUSTCHECK;

#endif
