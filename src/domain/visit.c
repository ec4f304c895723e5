/* visit.c: when children may come in, and when they go home. */
#include "domain/visit.h"

#include "base/instant.h"
#include "base/scope.h"

static bool
is_repeat(const struct visit_facts *facts)
{
	return facts->same_hand && facts->done_us != NONE &&
	    facts->now_us - facts->done_us <= VISIT_REPEAT_US;
}

/* clang-format off */
/* Why nobody can be checked in from there. */
static const struct {
	enum err e;
	const char *why;
} refusals[BOOKING__MAX] = {
	[BOOKING_PENDING] = { ERR_UNPAID, "the booking is not paid yet" },
	[BOOKING_EXPIRED] = { ERR_EXPIRED, "the booking was not paid in time "
	    "and has expired" },
	[BOOKING_CANCELLED] = { ERR_CANCELLED, "the booking was cancelled" },
	[BOOKING_CHECKED_IN] = { ERR_CHECKED_IN, "its children were checked in "
	    "already" },
	[BOOKING_COMPLETED] = { ERR_CHECKED_IN, "its children were checked in, "
	    "and the visit is over" },
	[BOOKING_NO_SHOW] = { ERR_OVER, "the booking's hours are over" },
};
/* clang-format on */

static enum err
refuse(struct scope *sc, enum booking_state why)
{
	return scope_fail(sc, refusals[why].e, "%s", refusals[why].why);
}

static enum err
check_day(struct scope *sc, const struct visit_facts *facts)
{
	char day[DATE_TEXT_MAX];

	if (facts->day == facts->today)
		return ERR_OK;
	return scope_fail(sc, ERR_OTHER_DAY, "the booking is for %s, not for "
	    "today", date_format(facts->day, day));
}

enum err
visit_may_begin(struct scope *sc, const struct visit_facts *facts,
    bool *ret_again)
{
	enum booking_state next;
	bool open = lifecycle_next(facts->state, MOVE_CHECK_IN, &next);
	enum err e;

	if (facts->lapsed)
		return refuse(sc, BOOKING_EXPIRED);
	if (facts->state == BOOKING_CHECKED_IN && is_repeat(facts)) {
		*ret_again = true;
		return ERR_OK;
	}
	if (open || facts->state == BOOKING_NO_SHOW) {
		e = check_day(sc, facts);
		if (e)
			return e;
	}
	if (!open)
		return refuse(sc, facts->state);
	if (facts->end_us <= facts->now_us)
		return refuse(sc, BOOKING_NO_SHOW);

	*ret_again = false;
	return ERR_OK;
}

enum err
visit_may_end(struct scope *sc, const struct visit_facts *facts,
    bool *ret_again)
{
	bool again = is_repeat(facts);

	if (facts->state != BOOKING_CHECKED_IN &&
	    facts->state != BOOKING_COMPLETED)
		return scope_fail(sc, ERR_NOT_CHECKED_IN, "the children of "
		    "this booking were not checked in");
	if (facts->done_us != NONE && !again)
		return scope_fail(sc, ERR_COLLECTED, "the children were "
		    "collected already");

	*ret_again = again;
	return ERR_OK;
}
