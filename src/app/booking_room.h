/*
 * booking_room.h: what there is to do when a booking finds no room: free what
 * lapsed and try again, or say what is full and what fits nearby.
 */
#ifndef APP_BOOKING_ROOM_H
#define APP_BOOKING_ROOM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/err.h"
#include "domain/day.h"

struct app;
struct refusal;
struct scope;

/*
 * ERR_STALE     holds have lapsed and were expired, changes of paid bookings
 *               were dropped, or the room was taken since the day was read:
 *               read it again
 * ERR_CAPACITY  it is full: *ret_refusal is set, the sentence is the caller's
 */
enum err booking_no_room(struct app *app, struct scope *sc,
    const struct day *day, struct span span, int64_t children,
    struct refusal *ret_refusal) MUSTCHECK;

/* Free what lapsed at a franchise over the period; how many it was. */
enum err booking_room_free(struct app *app, struct scope *sc,
    const struct uuid *franchise, int64_t from_us, int64_t until_us,
    size_t *ret_freed) MUSTCHECK;

/* A child seems to be elsewhere: free what lapsed of the customer's holds and
 * changes over the period.  ERR_STALE: try again; ERR_CHILD_BUSY: it is
 * elsewhere.  *looked, false at first: nothing was found to free, which another
 * may have freed a moment ago; it takes a second time to be sure. */
enum err booking_child_busy(struct app *app, struct scope *sc,
    const struct uuid *customer, int64_t from_us, int64_t until_us,
    bool *looked) MUSTCHECK;

#endif
