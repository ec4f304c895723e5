/*
 * instant.h: instants and dates as text: RFC 3339, and the date of HTTP.
 *
 * Units    An instant is int64 microseconds since the Unix epoch, UTC.
 *          A date is int64 days since 1970-01-01 (proleptic Gregorian).
 * Range    years 0001 to 9999.
 */
#ifndef BASE_INSTANT_H
#define BASE_INSTANT_H

#include <stdbool.h>
#include <stdint.h>

/* "Not given", for instants, dates and integers alike. */
#define NONE INT64_MIN

#define INSTANT_TEXT_MAX 32 /* "2024-01-15T09:00:00.123456Z" and the NUL */
#define DATE_TEXT_MAX 16

/* RFC 3339 date-time with any offset; seconds 60 is taken only as RFC 3339
 * allows a leap second (23:59:60 UTC at a month's end) and read as the next
 * second.  More than six fraction digits are cut.  false: not such a text. */
bool instant_parse(const char *text, int64_t *ret_us);

/* "2024-01-15T09:00:00Z"; microseconds only when there are any.  Returns
 * out. */
char *instant_format(int64_t us, char out[INSTANT_TEXT_MAX]);

/* The date of HTTP's headers, in the one form that is still written (RFC 9110
 * section 5.6.7): "Sun, 06 Nov 1994 08:49:37 GMT", on the right weekday. */
bool instant_parse_http(const char *text, int64_t *ret_us);

/* "2024-01-15", a day that exists. */
bool date_parse(const char *text, int64_t *ret_day);
/* Of the years 1 to 9999: what date_format can write. */
bool date_exists(int64_t day);
char *date_format(int64_t day, char out[DATE_TEXT_MAX]);

/* ISO weekday of a date: 1 = Monday .. 7 = Sunday. */
int date_weekday(int64_t day);

#endif
