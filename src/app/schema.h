/*
 * schema.h: bring the database's schema up to date, and say where it stands.
 */
#ifndef APP_SCHEMA_H
#define APP_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/compiler.h"
#include "base/err.h"

struct scope;
struct settings;

struct schema_step {
	const char *name;   /* "0001_base" */
	int64_t applied_us; /* NONE = not yet */
	bool gone;          /* applied, but not in SQL_DIR */
	bool changed;       /* applied, but another text than SQL_DIR's */
};

/* The owner's database: DATABASE_ADMIN_URL, else DATABASE_URL; NULL when
 * neither is set. */
const char *schema_url(const struct settings *settings);

/* Apply what is missing; one line each to `report`.  Errors as in
 * store/migrate.h. */
enum err schema_apply(struct scope *sc, const struct settings *settings,
    FILE *report, size_t *ret_applied) MUSTCHECK;

enum err schema_status(struct scope *sc, const struct settings *settings,
    struct schema_step **ret_steps, size_t *ret_count) MUSTCHECK;

#endif
