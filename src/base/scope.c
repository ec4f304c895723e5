/*
 * scope.c: what one request carries through every call that can fail.
 */
#include "base/scope.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"

#define DETAIL_MAX 512

void
scope_init(struct scope *sc, struct arena *arena, int64_t budget_us)
{
	memset(sc, 0, sizeof *sc);
	sc->arena = arena;
	sc->request_id = "";
	sc->trace_id = "";
	sc->faults_end = &sc->faults;
	if (__builtin_add_overflow(clock_mono_us(), budget_us,
	        &sc->deadline_us))
		sc->deadline_us = INT64_MAX;
}

int64_t
scope_left_us(const struct scope *sc)
{
	int64_t now = clock_mono_us();

	return sc->deadline_us > now ? sc->deadline_us - now : 0;
}

enum err
scope_fail(struct scope *sc, enum err e, const char *fmt, ...)
{
	char why[SCOPE_WHY_MAX];
	va_list args;

	/* Aside first: the arguments may quote the sentence that stands. */
	va_start(args, fmt);
	if (vsnprintf(why, sizeof why, fmt, args) < 0)
		why[0] = '\0';
	va_end(args);
	memcpy(sc->why, why, sizeof why);
	return e;
}

void
scope_notice(struct scope *sc, const char *fmt, ...)
{
	va_list args;

	if (sc->notice[0] != '\0')
		return;
	va_start(args, fmt);
	if (vsnprintf(sc->notice, sizeof sc->notice, fmt, args) < 0)
		sc->notice[0] = '\0';
	va_end(args);
}

static const char *
copy_text(struct scope *sc, const char *text)
{
	return text ? arena_strdup(sc->arena, text) : NULL;
}

static void
add_fault(struct scope *sc, const char *pointer, const char *param,
    const char *rule, const char *detail)
{
	struct fault *fault = arena_new(sc->arena, struct fault);

	fault->pointer = copy_text(sc, pointer);
	fault->param = copy_text(sc, param);
	fault->rule = copy_text(sc, rule);
	fault->detail = copy_text(sc, detail);
	*sc->faults_end = fault;
	sc->faults_end = &fault->next;
}

void
scope_fault(struct scope *sc, const char *pointer, const char *rule,
    const char *fmt, ...)
{
	char detail[DETAIL_MAX];
	va_list args;

	if (sc->fault_count++ >= SCOPE_FAULTS_MAX)
		return;
	va_start(args, fmt);
	if (vsnprintf(detail, sizeof detail, fmt, args) < 0)
		detail[0] = '\0';
	va_end(args);
	add_fault(sc, pointer, NULL, rule, detail);
}

void
scope_fault_param(struct scope *sc, const char *param, const char *rule,
    const char *fmt, ...)
{
	char detail[DETAIL_MAX];
	va_list args;

	if (sc->fault_count++ >= SCOPE_FAULTS_MAX)
		return;
	va_start(args, fmt);
	if (vsnprintf(detail, sizeof detail, fmt, args) < 0)
		detail[0] = '\0';
	va_end(args);
	add_fault(sc, NULL, param, rule, detail);
}

enum err
scope_faults(struct scope *sc)
{
	if (sc->fault_count == 0)
		return ERR_OK;

	/* Only the rule: a pointer may hold a name the caller made up. */
	return scope_fail(sc, ERR_INVALID, "%zu faults, the first: %s",
	    sc->fault_count, sc->faults->rule);
}
