/*
 * breaker.h: stop calling a service that keeps failing: one circuit breaker
 * per service, shared by all processes of a host through shm.h.
 *
 *	closed     calls pass; rules->failures of them failing in a row open it
 *	open       calls are refused at once; rules->open_us after it opened the
 *	           next caller becomes the one probe
 *	half-open  the probe is under way: its success closes the breaker, its
 *	           failure opens it anew.  A probe is a lease: whoever has it and
 *	           does not report before lease_us have passed (it was killed, it
 *	           stands still) loses it to the next caller.
 *
 * Use      every breaker_enter that says BREAKER_PASS is followed by exactly
 *          one breaker_report.  A report that comes too late (the state has
 *          moved on since) changes nothing.
 * Units    *_us are microseconds; instants are clock_mono_us().
 * Errors   None: lock-free, never waits, and a process that dies at any line
 *          leaves a state that the others go on from.
 */
#ifndef BASE_BREAKER_H
#define BASE_BREAKER_H

#include <stdint.h>

#include "base/compiler.h"
#include "base/shm.h"

struct breaker_rules {
	uint32_t failures; /* in a row that open it, at least 1 */
	int64_t open_us;   /* from opening to the first probe */
};

/* What a caller was let in with; only for breaker_report. */
struct breaker_pass {
	uint64_t before; /* the state's word as it was found */
	uint64_t word;   /* the probe's own word; 0 = an ordinary call */
};

enum breaker_answer { BREAKER_PASS, BREAKER_REFUSED };

enum breaker_outcome {
	BREAKER_WELL,   /* the service answered as it should */
	BREAKER_FAILED, /* it did not: unreachable, timeout, 5xx, 429 */
	BREAKER_MUTE    /* the call says nothing of it: it was not made */
};

/* May a call be made at `now`?  If it is the probe, it is reported within
 * lease_us.  *ret_pass is set when BREAKER_PASS. */
enum breaker_answer breaker_enter(struct shm_breaker *b,
    const struct breaker_rules *rules, int64_t now, int64_t lease_us,
    struct breaker_pass *ret_pass) MUSTCHECK;

void breaker_report(struct shm_breaker *b, const struct breaker_rules *rules,
    const struct breaker_pass *pass, enum breaker_outcome outcome,
    int64_t now);

enum breaker_state {
	BREAKER_CLOSED,
	BREAKER_OPEN,
	BREAKER_HALF_OPEN,
	BREAKER_STATE__MAX
};

/* For the operator; the fields are read one by one while others write. */
struct breaker_view {
	enum breaker_state state;
	uint32_t failures;      /* in a row */
	int64_t opened_us;      /* when it left closed; 0 when closed */
	int64_t probe_after_us; /* when the next probe may start; 0 = closed */
	int32_t probe_pid;      /* who has the probe; 0 unless half-open */
	uint64_t opened;        /* times it opened since the host started */
	uint64_t refused;       /* calls turned away since then */
};
void breaker_read(const struct shm_breaker *b,
    const struct breaker_rules *rules, int64_t now,
    struct breaker_view *ret_view);

const char *breaker_state_word(enum breaker_state state); /* "half_open" */
const char *breaker_service_word(enum shm_service service); /* "stripe" */

#endif
