/* cache_mend.c: make the cache fit to be believed. */
#include "store/cache_mend.h"

#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/instant.h"
#include "base/shm.h"
#include "store/cache_keys.h"
#include "store/cache_purge.h"
#include "store/redis_line.h"

#define MEND_MARKS_MAX CACHE_PURGE_DAYS
#define MEND_EVERY_US 100000
#define MEND_AGE_US (3 * USEC_PER_SEC)

/* ---- acquaintance -----------------------------------------------------*/

/* Has somebody done so since our line was opened?  A whole pool comes at once,
 * and what the first of them has filled is not to be swept by the others. */
static bool
is_afresh(struct cache_mend *m, struct scope *sc, const char *run)
{
	struct redis_words_room room;
	struct redis_words words = redis_words_in(&room);
	struct redis_line_reply reply;
	bool same;

	redis_words_put(&words, "GET");
	redis_words_put(&words, CACHE_KEYS_RUN);
	if (!redis_line_ask(m->line, sc, &words, &reply))
		return false;

	same = reply.kind == REDIS_LINE_TEXT && strcmp(reply.text, run) == 0;
	redis_line_reply_free(&reply);
	return same;
}

static bool
empty(struct cache_mend *m, struct scope *sc, const char *run)
{
	struct redis_words_room room;
	struct redis_words words = redis_words_in(&room);
	struct redis_line_reply reply;

	redis_words_put(&words, "SET");
	redis_words_put(&words, CACHE_KEYS_RUN);
	redis_words_put(&words, run);
	if (!cache_purge_all(m->scripts, sc) ||
	    !redis_line_ask(m->line, sc, &words, &reply))
		return false;

	redis_line_reply_free(&reply);
	return true;
}

/* Make a Redis that is not who it was start afresh. */
static bool
start_afresh(struct cache_mend *m, struct scope *sc)
{
	char run[REDIS_LINE_RUN_LEN + 1];
	bool done;

	memcpy(run, redis_line_run(m->line), sizeof run);
	redis_line_dare(m->line, true);
	done = is_afresh(m, sc, run) || empty(m, sc, run);
	redis_line_dare(m->line, false);

	/* A line that broke in between may have led to yet another. */
	return done && strcmp(run, redis_line_run(m->line)) == 0;
}

bool
cache_mend_acquaint(struct cache_mend *m, struct scope *sc)
{
	int64_t start = clock_mono_us();
	int64_t end;

	if (redis_line_state(m->line) == REDIS_LINE_DOWN)
		redis_line_open(m->line, sc);
	if (redis_line_state(m->line) != REDIS_LINE_STRANGE)
		return redis_line_state(m->line) == REDIS_LINE_TRUSTED;
	if (start < m->meet_at_us)
		return false;

	if (start_afresh(m, sc)) {
		redis_line_believe(m->line);
		return true;
	}

	/* A sweep that does not end must not cost every request its time. */
	end = clock_mono_us();
	m->meet_at_us = end + MEND_EVERY_US + 4 * (end - start);
	return false;
}

/* ---- mending ----------------------------------------------------------*/

/* Redo what was left: days by one call, then a franchise at a time. */
static bool
mend_marks(struct cache_mend *m, struct scope *sc, const struct shm_mark *marks,
    size_t count)
{
	struct cache_purge purge = { .epoch_count = 0 };

	for (size_t i = 0; i < count; i++)
		cache_purge_add(&purge, &marks[i].franchise, marks[i].day);
	if (!cache_purge_run(m->scripts, sc, &purge, NULL))
		return false;

	for (size_t i = 0; i < count; i++) {
		if (marks[i].day == NONE &&
		    !cache_purge_franchise(m->scripts, sc,
		        &marks[i].franchise))
			return false;
		shm_marks_redone(m->shm, &marks[i], 1, false);
	}

	return true;
}

void
cache_mend_run(struct cache_mend *m, struct scope *sc)
{
	struct shm_mark marks[MEND_MARKS_MAX];
	int64_t now = clock_mono_us();
	bool all = false;
	bool good = true;
	size_t count;

	if (!cache_mend_acquaint(m, sc) || !m->shm || now < m->mend_at_us)
		return;

	m->mend_at_us = now + MEND_EVERY_US;
	count = shm_marks_left(m->shm, MEND_AGE_US, marks, MEND_MARKS_MAX,
	    &all);
	if (count > 0)
		good = mend_marks(m, sc, marks, count);
	if (good && all) {
		good = cache_purge_all(m->scripts, sc);
		if (good)
			shm_marks_redone(m->shm, NULL, 0, true);
	}

	if (!good)
		m->mend_at_us += 5 * (clock_mono_us() - now);
}

/* ---- what we owe ------------------------------------------------------*/

void
cache_mend_owe(struct cache_mend *m)
{
	m->owes = true;
}

static bool
among(const struct shm_mark *mark, const int64_t *days, size_t count,
    bool facts)
{
	for (size_t i = 0; i < count; i++) {
		if (mark->day == days[i])
			return true;
	}

	return mark->day == CACHE_TODAY || (facts && mark->day == NONE);
}

void
cache_mend_settle(struct cache_mend *m, const struct uuid *franchise,
    const int64_t *days, size_t count, bool facts)
{
	struct shm_mark marks[SHM_MARKS_MAX];
	pid_t pid = getpid();
	bool still = false;
	bool all;
	size_t left;

	if (!m->owes || !m->shm)
		return;

	left = shm_marks_left(m->shm, 0, marks, SHM_MARKS_MAX, &all);
	for (size_t i = 0; i < left; i++) {
		if (marks[i].pid != pid)
			continue;
		if (uuid_equal(&marks[i].franchise, franchise) &&
		    among(&marks[i], days, count, facts))
			shm_marks_redone(m->shm, &marks[i], 1, false);
		else
			still = true;
	}
	m->owes = still;
}
