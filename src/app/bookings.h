/*
 * bookings.h: the life of a booking: made, read, listed, changed, cancelled,
 * expired.
 *
 * Errors   beside each call; every one may also give ERR_UNAVAILABLE,
 *          ERR_TIMEOUT and, where it writes, ERR_UNCERTAIN.
 * Keys     `replay` (may be NULL) carries the Idempotency-Key: when the key
 *          has an answer, replay->stored is set and nothing else is done.
 */
#ifndef APP_BOOKINGS_H
#define APP_BOOKINGS_H

#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/err.h"
#include "base/uuid.h"

struct app;
struct booking;
struct booking_query;
struct booking_request;
struct buf;
struct cancel_quote;
struct cancel_request;
struct caller;
struct page;
struct refusal;
struct scope;

/*
 * An Idempotency-Key and what the caller wants stored under it.  render writes
 * the answer (opaque to the use case) from what the use case answers (a struct
 * booking, payment or refund) as it will stand; it is stored, encrypted, in the
 * commit of the effect.
 */
struct replay {
	const char *key;         /* 1..255 printable characters */
	const char *fingerprint; /* method, path and body: what must be equal */
	size_t fingerprint_len;
	void (*render)(struct scope *sc, const void *object, struct buf *out);
	const char *stored; /* out: the answer stored earlier, or NULL */
};

/*
 * ERR_INVALID        a rule of the franchise's day is broken: sc->faults
 * ERR_CAPACITY       *ret_refusal says which hours are full and what fits
 * ERR_CHILD_BUSY     the child is elsewhere at that time
 * ERR_TOO_MANY_HOLDS sc->retry_after_s until the earliest expiry
 * ERR_KEY_BUSY, ERR_KEY_REUSED   the Idempotency-Key
 */
enum err booking_create(struct app *app, struct scope *sc,
    const struct caller *caller, const struct booking_request *req,
    struct replay *replay, struct booking **ret_booking,
    struct refusal *ret_refusal) MUSTCHECK;

/* ERR_NOT_FOUND: not there, or not the caller's. */
enum err booking_get(struct app *app, struct scope *sc,
    const struct caller *caller, const struct uuid *id,
    struct booking **ret_booking) MUSTCHECK;

/* Own bookings, newest first; data is of struct booking without the personal
 * part.  ERR_INVALID: a cursor that is not ours. */
enum err booking_list(struct app *app, struct scope *sc,
    const struct caller *caller, const struct booking_query *query,
    struct page *ret_page) MUSTCHECK;

/* Absent fields stay.  if_match: the version the caller read, NONE = any.
 * Like create, and: ERR_NOT_FOUND, ERR_STATE, ERR_VERSION. */
enum err booking_change(struct app *app, struct scope *sc,
    const struct caller *caller, const struct uuid *id,
    const struct booking_request *req, int64_t if_match,
    struct replay *replay, struct booking **ret_booking,
    struct refusal *ret_refusal) MUSTCHECK;

/* Twice is not an error: the same answer again.
 * ERR_NOT_FOUND, ERR_STATE, ERR_VERSION, ERR_REFUND_CHANGED. */
enum err booking_cancel(struct app *app, struct scope *sc,
    const struct caller *caller, const struct uuid *id,
    const struct cancel_request *req, int64_t if_match,
    struct replay *replay, struct booking **ret_booking) MUSTCHECK;

enum err booking_cancel_quote(struct app *app, struct scope *sc,
    const struct caller *caller, const struct uuid *id,
    struct cancel_quote *ret_quote) MUSTCHECK;

/* Free the places of a hold that has lapsed; ERR_OK also when it was not (any
 * more) a lapsed hold. */
enum err booking_expire(struct app *app, struct scope *sc,
    const struct uuid *id) MUSTCHECK;

/* Drop the change of a paid booking that was not paid in time, and free what it
 * holds; ERR_OK also when there was none that had lapsed. */
enum err booking_change_drop(struct app *app, struct scope *sc,
    const struct uuid *id) MUSTCHECK;

/* End a booking whose time is over: completed when the children came, no_show
 * when they did not; ERR_OK also when it was ended already. */
enum err booking_finish(struct app *app, struct scope *sc,
    const struct uuid *id) MUSTCHECK;

#endif
