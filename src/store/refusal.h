/*
 * refusal.h: the one table that says what a SQLSTATE and a constraint's name
 * mean to us.
 *
 * Our own SQL functions refuse with SQLSTATEs of class CB; the constraints
 * are those of sql/migrations.
 */
#ifndef STORE_REFUSAL_H
#define STORE_REFUSAL_H

#include "base/err.h"

enum refusal_way {
	REFUSAL_FINAL, /* the answer */
	REFUSAL_AGAIN, /* nothing was done: the same statement may be run again */
	REFUSAL_LOST   /* nothing was done, and the connection is of no use */
};

struct refusal {
	const char *sqlstate;   /* five characters, or the first of them */
	const char *constraint; /* NULL = whatever it is */
	enum err err;
	enum refusal_way way;
	const char *sentence; /* for sc->why; NULL = Postgres's own message */
};

/* Never NULL: what the table does not name is ERR_INTERNAL.  Both may be
 * NULL. */
const struct refusal *refusal_find(const char *sqlstate,
    const char *constraint);

#endif
