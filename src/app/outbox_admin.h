/*
 * outbox_admin.h: the outbox as an operator sees it: how much waits, what is
 * dead, and what is to be sent again.
 */
#ifndef APP_OUTBOX_ADMIN_H
#define APP_OUTBOX_ADMIN_H

#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/err.h"
#include "base/uuid.h"

struct admin;
struct scope;

struct outbox_topic {
	const char *topic;
	int64_t waiting; /* due, and in nobody's hands */
	int64_t in_hand;
	int64_t later;   /* not due yet */
	int64_t failing; /* of those that wait or are due later */
	int64_t dead;
	int64_t oldest_ms; /* how long the oldest has been due; NONE */
	int64_t sent;      /* in the last hour */
	int64_t half_ms;   /* half of those took at most this; NONE */
	int64_t most_ms;   /* ... and all but a hundredth; NONE */
};

struct outbox_size {
	int64_t bytes; /* with its indexes */
	int64_t rows;  /* as Postgres guesses, like the next */
	int64_t dead_rows;
};

/* One row for each topic. */
enum err outbox_stats(struct admin *admin, struct scope *sc,
    struct outbox_topic **ret_topics, size_t *ret_count,
    struct outbox_size *ret_size) MUSTCHECK;

struct outbox_filter {
	const char *topic; /* NULL = any */
	const char *type;  /* NULL = any */
	const char *state; /* waiting, later, sent, dead; NULL = any */
	struct uuid booking; /* none = any */
	int64_t max;
};

struct outbox_line {
	int64_t id;
	const char *topic;
	const char *type;
	struct uuid booking;
	struct uuid event;
	int64_t sequence; /* NONE: it is no event */
	int64_t created_us;
	int64_t due_us;
	int64_t sent_us; /* NONE = not yet */
	int64_t attempts;
	int64_t failing_us; /* since when; NONE */
	const char *failure;
	int64_t dead_us; /* NONE = it lives */
};

/* Newest first. */
enum err outbox_browse(struct admin *admin, struct scope *sc,
    const struct outbox_filter *filter, struct outbox_line **ret_lines,
    size_t *ret_count) MUSTCHECK;

/* What is dead lives again and is due now; how many rows.  topic NULL and
 * booking none: all of it.  dry: only count. */
enum err outbox_revive(struct admin *admin, struct scope *sc,
    const char *topic, const struct uuid *booking, bool dry,
    int64_t *ret_rows) MUSTCHECK;

struct outbox_replayed {
	int64_t rows;
	/* Not sooner than five minutes after they were sent: a FIFO queue would
	 * take them for repeats until then, and deliver none. */
	bool waits;
};

/* Events that were sent are sent again, under the same event_id: those of a
 * booking (none = any) that happened from..until (NONE = no bound). */
enum err outbox_replay(struct admin *admin, struct scope *sc,
    const struct uuid *booking, int64_t from_us, int64_t until_us, bool dry,
    struct outbox_replayed *ret_replayed) MUSTCHECK;

#endif
