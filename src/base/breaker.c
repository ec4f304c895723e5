/* breaker.c: the circuit breakers' state machine: one word, moved by
 * compare-and-swap alone. */
#include "base/breaker.h"

#include <assert.h>
#include <stddef.h>
#include <unistd.h>

/*
 * The word: its two high bits name the state, the rest is what belongs to it:
 * closed the failures in a row, open the instant it opened, half-open the
 * instant the probe's lease ends.  Zeroed memory is closed without failures.
 * A probe's word is its own: the next probe's lease ends later.
 */
#define STATE_SHIFT 62
#define VALUE_MASK ((UINT64_C(1) << STATE_SHIFT) - 1)

static uint64_t
word_of(enum breaker_state state, uint64_t value)
{
	return (uint64_t)state << STATE_SHIFT | (value & VALUE_MASK);
}

static enum breaker_state
state_of(uint64_t word)
{
	return (enum breaker_state)(word >> STATE_SHIFT);
}

static int64_t
value_of(uint64_t word)
{
	return (int64_t)(word & VALUE_MASK);
}

static bool
move(struct shm_breaker *b, uint64_t from, uint64_t to)
{
	return atomic_compare_exchange_strong(&b->word, &from, to);
}

enum breaker_answer
breaker_enter(struct shm_breaker *b, const struct breaker_rules *rules,
    int64_t now, int64_t lease_us, struct breaker_pass *ret_pass)
{
	uint64_t word = atomic_load(&b->word);
	enum breaker_state state = state_of(word);
	uint64_t probe;
	bool due;

	assert(rules->failures >= 1 && rules->open_us >= 0 && lease_us > 0);

	if (state == BREAKER_CLOSED) {
		*ret_pass = (struct breaker_pass){ .before = word };
		return BREAKER_PASS;
	}

	due = state == BREAKER_OPEN
	    ? now - value_of(word) >= rules->open_us
	    : now >= value_of(word);
	probe = word_of(BREAKER_HALF_OPEN, (uint64_t)(now + lease_us));
	/* Not had: another was quicker, and is the probe now. */
	if (!due || probe == word || !move(b, word, probe)) {
		atomic_fetch_add(&b->refused, 1);
		return BREAKER_REFUSED;
	}

	atomic_store(&b->probe_pid, (int32_t)getpid());
	*ret_pass = (struct breaker_pass){ .before = word, .word = probe };
	return BREAKER_PASS;
}

static void
note_open(struct shm_breaker *b, int64_t now)
{
	atomic_store(&b->opened_us, now);
	atomic_fetch_add(&b->opened, 1);
}

/* The probe's: whoever's lease has ended has nothing to say any more. */
static void
report_probe(struct shm_breaker *b, const struct breaker_pass *pass,
    enum breaker_outcome outcome, int64_t now)
{
	switch (outcome) {
	case BREAKER_WELL:
		if (move(b, pass->word, word_of(BREAKER_CLOSED, 0)))
			atomic_store(&b->failures, 0);
		return;
	case BREAKER_FAILED:
		if (move(b, pass->word, word_of(BREAKER_OPEN, (uint64_t)now)))
			atomic_fetch_add(&b->failures, 1);
		return;
	case BREAKER_MUTE:
		/* As it was found: the next caller may probe at once. */
		(void)move(b, pass->word, pass->before);
		return;
	}
}

/* A call made while closed counts only while it is closed still: a late
 * success closes nothing, a late failure prolongs nothing. */
static void
report_call(struct shm_breaker *b, const struct breaker_rules *rules,
    enum breaker_outcome outcome, int64_t now)
{
	uint64_t word = atomic_load(&b->word);

	while (outcome != BREAKER_MUTE && state_of(word) == BREAKER_CLOSED) {
		int64_t count = value_of(word) + 1;
		uint64_t next = outcome == BREAKER_WELL
		    ? word_of(BREAKER_CLOSED, 0)
		    : count >= rules->failures
		    ? word_of(BREAKER_OPEN, (uint64_t)now)
		    : word_of(BREAKER_CLOSED, (uint64_t)count);

		if (next == word)
			return;
		/* On failure `word` is what another made of it. */
		if (!atomic_compare_exchange_weak(&b->word, &word, next))
			continue;
		atomic_store(&b->failures,
		    outcome == BREAKER_WELL ? 0 : (uint32_t)count);
		if (state_of(next) == BREAKER_OPEN)
			note_open(b, now);
		return;
	}
}

void
breaker_report(struct shm_breaker *b, const struct breaker_rules *rules,
    const struct breaker_pass *pass, enum breaker_outcome outcome, int64_t now)
{
	if (pass->word)
		report_probe(b, pass, outcome, now);
	else
		report_call(b, rules, outcome, now);
}

void
breaker_read(const struct shm_breaker *b, const struct breaker_rules *rules,
    int64_t now, struct breaker_view *ret_view)
{
	uint64_t word = atomic_load(&b->word);
	enum breaker_state state = state_of(word);
	struct breaker_view view = {
		.state = state,
		.opened = atomic_load(&b->opened),
		.refused = atomic_load(&b->refused),
	};

	if (state == BREAKER_CLOSED) {
		view.failures = (uint32_t)value_of(word);
	} else {
		view.failures = atomic_load(&b->failures);
		view.opened_us = atomic_load(&b->opened_us);
		view.probe_after_us = value_of(word);
	}
	if (state == BREAKER_OPEN)
		view.probe_after_us += rules->open_us;
	/* A lease that has ended is no probe: it is open, and one is due. */
	if (state == BREAKER_HALF_OPEN && now >= value_of(word))
		view.state = BREAKER_OPEN;
	if (view.state == BREAKER_HALF_OPEN)
		view.probe_pid = atomic_load(&b->probe_pid);
	*ret_view = view;
}

const char *
breaker_state_word(enum breaker_state state)
{
	static const char *const words[] = {
		[BREAKER_CLOSED] = "closed",
		[BREAKER_OPEN] = "open",
		[BREAKER_HALF_OPEN] = "half_open",
	};

	assert((size_t)state < BREAKER_STATE__MAX);
	return words[state];
}

const char *
breaker_service_word(enum shm_service service)
{
	static const char *const words[] = {
		[SHM_STRIPE] = "stripe",
		[SHM_SQS] = "sqs",
		[SHM_S3] = "s3",
	};

	assert((size_t)service < SHM_SERVICE__MAX);
	return words[service];
}
