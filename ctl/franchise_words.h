/*
 * franchise_words.h: the small languages of bookingctl franchise: weekdays
 * ("1-5,7"), peak windows ("07:00-09:00@1-5") and cancellation rules
 * ("48:100,24:50"), read and written.
 */
#ifndef CTL_FRANCHISE_WORDS_H
#define CTL_FRANCHISE_WORDS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/compiler.h"

struct arena;
struct buf;
struct ints;
struct peak_rule;

/* false: not such a text; the outputs are untouched. */
bool words_weekdays(struct arena *arena, const char *text,
    struct ints *ret_days) MUSTCHECK;
bool words_peak(struct arena *arena, const char *text,
    struct peak_rule *ret_peak) MUSTCHECK;
/* "none" is the empty policy. */
bool words_policy(struct arena *arena, const char *text, struct ints *ret_hours,
    struct ints *ret_percent) MUSTCHECK;

void words_put_weekdays(struct buf *out, const struct ints *days);

#endif
