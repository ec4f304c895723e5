/*
 * visits.h: at the desk: children come in, children go home, and who is there.
 *
 * Callers  are staff: a key with checkin:write, for its own franchise alone; a
 *          key that is bound to none is the operator's, and may for any.
 * Errors   beside each call; every one may also give ERR_UNAVAILABLE,
 *          ERR_TIMEOUT and, where it writes, ERR_UNCERTAIN, ERR_KEY_BUSY and
 *          ERR_KEY_REUSED.
 * Keys     `replay` as in bookings.h.
 */
#ifndef APP_VISITS_H
#define APP_VISITS_H

#include "base/compiler.h"
#include "base/err.h"

struct app;
struct caller;
struct checkin_request;
struct checkout_request;
struct replay;
struct roster;
struct roster_query;
struct scope;
struct uuid;
struct visit;

/*
 * The children of one booking come in.  visit->already: the same key did it
 * within VISIT_REPEAT_US, and nothing was done now.
 *
 * ERR_FORGED, ERR_REVOKED, ERR_OTHER_FRANCHISE   the QR code
 * ERR_NOT_FOUND        no booking code of this franchise
 * ERR_UNPAID ...       as visit_may_begin says
 */
enum err visit_check_in(struct app *app, struct scope *sc,
    const struct caller *caller, const struct checkin_request *req,
    struct replay *replay, struct visit **ret_visit) MUSTCHECK;

/*
 * They go home with somebody: the customer, or a name on the list of every one
 * of them; else ERR_NOT_AUTHORISED, unless it is overridden with a reason.
 *
 * ERR_NOT_FOUND        not there, or another franchise's
 * ERR_NOT_CHECKED_IN, ERR_COLLECTED
 */
enum err visit_check_out(struct app *app, struct scope *sc,
    const struct caller *caller, const struct uuid *id,
    const struct checkout_request *req, struct replay *replay,
    struct visit **ret_visit) MUSTCHECK;

/* Who comes on a day.  ERR_NOT_FOUND: another franchise, ERR_INVALID: a cursor
 * that is not ours. */
enum err visit_roster(struct app *app, struct scope *sc,
    const struct caller *caller, const struct uuid *franchise,
    const struct roster_query *query, struct roster *ret_roster) MUSTCHECK;

#endif
