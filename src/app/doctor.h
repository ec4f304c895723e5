/*
 * doctor.h: examine every setting and every dependency, and say what is the
 * matter.
 */
#ifndef APP_DOCTOR_H
#define APP_DOCTOR_H

#include <stddef.h>

#define FINDINGS_MAX 256

struct scope;

enum finding_level {
	FINDING_OK,
	FINDING_WARN,
	FINDING_FAIL,
	FINDING__MAX
};

/* Where the cause lies. */
enum finding_cause {
	CAUSE_SETTING,
	CAUSE_SERVICE, /* Postgres or Redis cannot be reached */
	CAUSE_STATE    /* they can, but something is not as it should be */
};

struct finding {
	enum finding_level level;
	enum finding_cause cause;
	const char *what; /* "DATABASE_URL", "postgres" */
	const char *text; /* one sentence; never a secret */
};

struct findings {
	struct finding items[FINDINGS_MAX];
	size_t count;
};

/* Reads the environment itself; changes nothing; never fails. */
void doctor_examine(struct scope *sc, struct findings *ret_findings);

#endif
