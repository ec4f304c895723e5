/*
 * scope.h: what one request carries through every call that can fail: its
 * memory, its deadline, its name, and the reason of its failure.
 *
 * A scope is the first argument.  A lower layer returns a code and leaves one
 * sentence in sc->why (for the operator; it may hold no personal data) or
 * faults (for the caller); the top logs once.
 */
#ifndef BASE_SCOPE_H
#define BASE_SCOPE_H

#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/err.h"

#define SCOPE_WHY_MAX 256
#define SCOPE_FAULTS_MAX 32

struct arena;

/* One faulty input, told to the caller. */
struct fault {
	const char *pointer; /* JSON Pointer "/child_info/age", or NULL */
	const char *param;   /* query parameter or header, or NULL */
	const char *rule;    /* stable word: "required", "max_length", ... */
	const char *detail;  /* one sentence */
	struct fault *next;
};

struct scope {
	struct arena *arena;
	int64_t deadline_us;    /* clock_mono_us() at which to give up */
	const char *request_id; /* never NULL */
	const char *trace_id;   /* never NULL, "" when none */
	char why[SCOPE_WHY_MAX];
	/* What an operator has to mend though the request was answered; as
	 * `why`, "" when there is none. */
	char notice[SCOPE_WHY_MAX];
	struct fault *faults; /* in the order found */
	struct fault **faults_end;
	size_t fault_count;
	int64_t retry_after_s; /* for Retry-After; 0 = none */
	/* what the request cost, for its log line */
	int64_t pg_us;
	int64_t redis_us;
	int64_t ext_us; /* Stripe, SQS, S3 */
	unsigned pg_trips;
	unsigned redis_trips;
	unsigned ext_trips;
};

void scope_init(struct scope *sc, struct arena *arena, int64_t budget_us);

/* Microseconds left before the deadline, at least 0. */
int64_t scope_left_us(const struct scope *sc);

/* Leave the sentence and give the code back:
 *	return scope_fail(sc, ERR_CONFLICT, "slot %s is closed", id);
 */
enum err scope_fail(struct scope *sc, enum err e, const char *fmt, ...)
    PRINTF_LIKE(3, 4);

/* Leave the notice: the top logs it beside the request.  The first one stays. */
void scope_notice(struct scope *sc, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Note a faulty field; the text is copied.  Above SCOPE_FAULTS_MAX they are
 * counted and dropped.  scope_fault_param is for query and headers. */
void scope_fault(struct scope *sc, const char *pointer, const char *rule,
    const char *fmt, ...) PRINTF_LIKE(4, 5);
void scope_fault_param(struct scope *sc, const char *param, const char *rule,
    const char *fmt, ...) PRINTF_LIKE(4, 5);

/* ERR_INVALID when any fault was noted, else ERR_OK. */
enum err scope_faults(struct scope *sc) MUSTCHECK;

#endif
