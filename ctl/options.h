/*
 * options.h: a command line read by a table, and its manual printed from it.
 *
 * Nothing here prints or ends the program.
 */
#ifndef CTL_OPTIONS_H
#define CTL_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"

struct arena;
struct buf;

/* What an option's value is, and what stands for it in the struct. */
enum option_type {
	OPTION_FLAG,  /* takes no value -> bool */
	OPTION_TEXT,  /* min..max characters -> const char *, NULL = absent */
	OPTION_INT,   /* min..max -> int64_t, NONE = absent */
	OPTION_MONEY, /* 15 or 22.50, min..max hundredths -> int64_t, NONE */
	OPTION_CLOCK, /* HH:MM, 00:00..24:00 -> const char *, NULL */
	OPTION_DATE,  /* 2026-12-24 -> int64_t days since 1970, NONE */
	OPTION_INSTANT, /* 2026-12-24T18:00:00Z -> int64_t us, NONE */
	OPTION_UUID,  /* -> struct uuid, none = absent */
	OPTION_SWITCH, /* on | off -> int64_t 1, 0, NONE */
	OPTION_TEXTS, /* as TEXT, may be repeated -> struct texts; items NULL =
	                 absent */
	OPTION__MAX
};

#define OPTION_TEXTS_MAX 32

struct option_spec {
	const char *name; /* "slot-minutes"; a NAME in capitals is an argument
	                     that stands alone, in the order of the table */
	enum option_type type;
	bool required;
	int64_t min; /* min and max both 0: no bounds */
	int64_t max;
	size_t offset;
	const char *metavar; /* "MINUTES" */
	const char *help;
};

/* One thing bookingctl can do: "franchise add". */
struct command {
	const char *name;
	const char *summary; /* one line, for the list of commands */
	const char *text;    /* paragraphs, for its own help */
	const struct option_spec *options;
	size_t count;
	size_t size; /* of the struct the values go to */
};

/*
 * Read the words that follow the command.  values is a struct of
 * command->size, set to "all absent" first; it points into argv and arena.
 * false: one sentence in why.  *ret_help: --help was asked, nothing else was
 * looked at.
 */
bool options_read(const struct command *command, struct arena *arena, int argc,
    char **argv, void *values, bool *ret_help, char *why, size_t why_max)
    MUSTCHECK;

/* The manual of one command. */
void options_manual(struct buf *out, const struct command *command);

/* A paragraph, broken at 78 columns, `indent` spaces in front of each line. */
void options_fold(struct buf *out, size_t indent, const char *text);

#endif
