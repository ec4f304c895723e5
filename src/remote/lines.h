/*
 * lines.h: a file of lines that other programs read: the events' place where no
 * queue is configured.
 *
 * Whole    A line is there as a whole or not at all: what was written of a
 *          batch that failed is cut off again, and so is the half line of a
 *          writer that was killed, by the next.  Writers of several processes
 *          take turns (flock).
 * Kept     ERR_OK means that the lines are on disk (fdatasync), and the file's
 *          name too.
 * Rotation The file is opened anew each time: whoever moves it away gets
 *          whole lines, and the next batch begins another one.
 * Privacy  It holds what events hold, names and e-mail addresses among it: it
 *          is made with mode 0600.
 */
#ifndef REMOTE_LINES_H
#define REMOTE_LINES_H

#include <stddef.h>

#include "base/compiler.h"
#include "base/err.h"

#define LINES_MAX 100 /* of one batch */

struct scope;

struct line_text {
	const char *text; /* without newline */
	size_t len;
};

/* ERR_UNAVAILABLE with a sentence: nothing was written. */
enum err lines_append(struct scope *sc, const char *path,
    const struct line_text *lines, size_t count) MUSTCHECK;

#endif
