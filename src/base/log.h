/*
 * log.h: one JSON line per event on stderr, typed fields, nothing personal.
 *
 *	log_event(LOG_INFO, "request", log_text("route", r), log_int("ms", 3));
 *
 * Every text is escaped; a line is cut at LOG_LINE_MAX.  Only worker.c, pool.c,
 * loop.c and the mains log.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOG_LINE_MAX 2048

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR, LOG__MAX };

struct log_field {
	const char *name; /* NULL ends the list */
	bool is_text;
	const char *text; /* NULL prints null */
	int64_t number;
};

static inline struct log_field
log_text(const char *name, const char *text)
{
	return (struct log_field){ name, true, text, 0 };
}

static inline struct log_field
log_int(const char *name, int64_t number)
{
	return (struct log_field){ name, false, NULL, number };
}

/* Of "debug", "info", "warn", "error"; LOG_INFO for any other word. */
enum log_level log_level_of(const char *word);

void log_open(const char *program, enum log_level least, int fd);
void log_fields(enum log_level level, const char *event,
    const struct log_field *fields, size_t count);

#define log_event(level, event, ...) \
	log_fields((level), (event), (struct log_field[]){ __VA_ARGS__ }, \
	    sizeof((struct log_field[]){ __VA_ARGS__ }) / \
	        sizeof(struct log_field))

#endif
