/*
 * franchises.h: the franchises: listed, shown, set up, changed.
 */
#ifndef APP_FRANCHISES_H
#define APP_FRANCHISES_H

#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/err.h"

struct app;
struct franchise_query;
struct page;
struct scope;
struct uuid;

/* Active ones by name; data is of struct franchise.  ERR_INVALID: a cursor
 * that is not ours. */
enum err franchise_list(struct app *app, struct scope *sc,
    const struct franchise_query *query, struct page *ret_page) MUSTCHECK;

/* The answer as ready JSON (struct franchise by form_franchise), cached. */
enum err franchise_json(struct app *app, struct scope *sc,
    const struct uuid *id, const char **ret_json, size_t *ret_len) MUSTCHECK;

#endif
