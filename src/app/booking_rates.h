/*
 * booking_rates.h: what the hours of a booking cost when they were booked.
 */
#ifndef APP_BOOKING_RATES_H
#define APP_BOOKING_RATES_H

#include "base/compiler.h"
#include "base/err.h"

struct day;
struct scope;

/*
 * Slots of the day that lie within the lines of a booking (JSON, a list of
 * struct line_item) get the rate that stands there.
 *
 * ERR_CORRUPT   they are not lines of ours
 */
enum err booking_rates_keep(struct scope *sc, const char *lines,
    struct day *day) MUSTCHECK;

#endif
