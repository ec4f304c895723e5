/*
 * availability.h: what is free at a franchise, from the cache when it can be
 * trusted, from the ledger otherwise.
 */
#ifndef APP_AVAILABILITY_H
#define APP_AVAILABILITY_H

#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/err.h"

struct app;
struct availability_query;
struct scope;
struct slots_answer;
struct slots_query;
struct uuid;

/* The answer as ready JSON (struct availability by form_availability), one
 * Redis round trip when it is cached.  ERR_NOT_FOUND: no such (active)
 * franchise. */
enum err availability_day(struct app *app, struct scope *sc,
    const struct uuid *franchise, const struct availability_query *query,
    const char **ret_json, size_t *ret_len) MUSTCHECK;

/* Bookable starts over some days. */
enum err availability_slots(struct app *app, struct scope *sc,
    const struct uuid *franchise, const struct slots_query *query,
    struct slots_answer *ret_answer) MUSTCHECK;

#endif
