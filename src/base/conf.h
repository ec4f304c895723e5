/*
 * conf.h: settings from the environment, declared by one table.
 *
 * Each setting NAME may be given as NAME or as NAME_FILE (a path whose content,
 * less one trailing newline, is the value), not both.  A variable set to
 * nothing is not set, nor is one whose file is empty.  A bad value is refused
 * with one sentence that names the setting, the rule, and never the value.
 */
#ifndef BASE_CONF_H
#define BASE_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/compiler.h"

enum conf_type {
	CONF_TEXT, /* const char *; min..max bytes, max 0 = no maximum; a
	              default of "" stands for "none" below any min */
	CONF_INT,  /* int64_t; min..max */
	CONF_BOOL, /* bool; on|off|true|false|1|0 */
	CONF_WORD  /* const char *, one of words ("a|b|c") */
};

enum {
	CONF_SECRET = 1 << 0,   /* masked wherever it is printed */
	CONF_REQUIRED = 1 << 1, /* no default: must be given */
	CONF_URL = 1 << 2       /* may hold a password: mask only that part */
};

struct conf_setting {
	const char *name;
	enum conf_type type;
	unsigned flags;
	const char *fallback; /* default, as text; NULL = "" / required */
	int64_t min;
	int64_t max;
	size_t offset;
	const char *words;
	const char *unit; /* "ms", "bytes", NULL */
	const char *help; /* one or two sentences */
};

/*
 * Fill `values` from the environment.  false when a value is bad or a required
 * one is missing: why holds one sentence (at most why_max bytes, with the NUL)
 * and values no text.  Texts are malloc'ed and live until conf_free, in most
 * programs as long as the process.
 */
bool conf_load(const struct conf_setting *table, size_t count, void *values,
    char *why, size_t why_max) MUSTCHECK;

/* Free the texts that conf_load put there. */
void conf_free(const struct conf_setting *table, size_t count, void *values);

/* "NAME=value" lines, masked, or one JSON object; and the manual of all
 * settings. */
void conf_print(FILE *out, const struct conf_setting *table, size_t count,
    const void *values, bool json);
void conf_manual(FILE *out, const struct conf_setting *table, size_t count);

#endif
