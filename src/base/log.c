/*
 * log.c: one JSON line per event, in one write.
 */
#include "base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/codec.h"
#include "base/compiler.h"
#include "base/instant.h"

/* What says that a line was cut; its place is kept free until the end. */
#define CUT_END ",\"cut\":true}\n"
#define LINE_ROOM (LOG_LINE_MAX - (sizeof CUT_END - 1))

struct line {
	char data[LOG_LINE_MAX];
	size_t len;
	bool cut;
};

static struct {
	const char *program;
	enum log_level least;
	int fd;
} log_to = { "", LOG_INFO, STDERR_FILENO };

static const char *const level_words[LOG__MAX] = {
	[LOG_DEBUG] = "debug",
	[LOG_INFO] = "info",
	[LOG_WARN] = "warn",
	[LOG_ERROR] = "error",
};

enum log_level
log_level_of(const char *word)
{
	for (int i = 0; i < LOG__MAX; i++) {
		if (strcmp(level_words[i], word) == 0)
			return (enum log_level)i;
	}
	return LOG_INFO;
}

void
log_open(const char *program, enum log_level least, int fd)
{
	log_to.program = program;
	log_to.least = least;
	log_to.fd = fd;
}

/* All of it or nothing. */
static bool
put(struct line *line, const char *text, size_t len, size_t room)
{
	if (line->len + len > room) {
		line->cut = true;
		return false;
	}
	memcpy(line->data + line->len, text, len);
	line->len += len;
	return true;
}

/* Take one character off *at; a byte that is not UTF-8 reads as U+FFFD. */
static uint32_t
take_code_point(const char **at)
{
	const unsigned char *b = (const unsigned char *)*at;
	size_t len = 1u + (b[0] >= 0xc0) + (b[0] >= 0xe0) + (b[0] >= 0xf0);
	uint32_t cp;

	if (strnlen(*at, len) < len || !codec_utf8_valid(*at, len)) {
		(*at)++;
		return 0xfffd;
	}
	cp = len == 1 ? b[0] : b[0] & (0x7fu >> len);
	for (size_t i = 1; i < len; i++)
		cp = cp << 6 | (b[i] & 0x3fu);
	*at += len;
	return cp;
}

/* Everything outside printable ASCII goes out as an escape: a terminal or a
 * log viewer then has nothing to obey, be it ESC, U+2028 or a change of the
 * writing direction.  The longest is a surrogate pair. */
static size_t
escape(uint32_t cp, char out[16])
{
	if (cp >= 0x10000)
		return (size_t)snprintf(out, 16, "\\u%04x\\u%04x",
		    0xd800 + ((cp - 0x10000) >> 10),
		    0xdc00 + ((cp - 0x10000) & 0x3ff));
	if (cp < 0x20 || cp >= 0x7f)
		return (size_t)snprintf(out, 16, "\\u%04x", cp);
	if (cp == '"' || cp == '\\')
		return (size_t)snprintf(out, 16, "\\%c", (char)cp);
	out[0] = (char)cp;
	return 1;
}

/* A text in quotes, cut between two characters when the line is full. */
static bool
put_text(struct line *line, const char *text)
{
	char one[16];

	/* Room for both quotes, so that what was begun can be ended. */
	if (line->len + 2 > LINE_ROOM) {
		line->cut = true;
		return false;
	}
	put(line, "\"", 1, LINE_ROOM);
	while (*text) {
		size_t len = escape(take_code_point(&text), one);

		if (!put(line, one, len, LINE_ROOM - 1))
			break;
	}
	return put(line, "\"", 1, LINE_ROOM);
}

static bool
put_value(struct line *line, const struct log_field *field)
{
	char number[24];
	int len;

	if (field->is_text && field->text)
		return put_text(line, field->text);
	if (field->is_text)
		return put(line, "null", 4, LINE_ROOM);
	len = snprintf(number, sizeof number, "%" PRId64, field->number);
	return put(line, number, (size_t)len, LINE_ROOM);
}

static void
put_field(struct line *line, const struct log_field *field)
{
	size_t start = line->len;

	/* A name without its value, or half a name, is worse than neither. */
	if (line->cut)
		return;
	if (!put(line, start ? "," : "{", 1, LINE_ROOM) ||
	    !put_text(line, field->name) || line->cut ||
	    !put(line, ":", 1, LINE_ROOM) || !put_value(line, field))
		line->len = start;
}

static void
compose(struct line *line, enum log_level level, const char *event,
    const struct log_field *fields, size_t count)
{
	char now[INSTANT_TEXT_MAX];
	const struct log_field head[] = {
		log_text("time", instant_format(clock_wall_us(), now)),
		log_text("level", level < LOG__MAX ? level_words[level] :
		    NULL),
		log_text("program", log_to.program),
		log_text("event", event),
	};

	for (size_t i = 0; i < ARRAY_LEN(head); i++)
		put_field(line, &head[i]);
	for (size_t i = 0; i < count && fields[i].name; i++)
		put_field(line, &fields[i]);
	if (line->cut)
		put(line, CUT_END, sizeof CUT_END - 1, LOG_LINE_MAX);
	else
		put(line, "}\n", 2, LOG_LINE_MAX);
}

void
log_fields(enum log_level level, const char *event,
    const struct log_field *fields, size_t count)
{
	int errno_before = errno;
	struct line line;

	if (level < log_to.least)
		return;

	line.len = 0;
	line.cut = false;
	compose(&line, level, event, fields, count);

	/* One write, so that the lines of many workers do not mix.  A log that
	 * cannot be written is no reason to fail: there is nobody to tell. */
	while (write(log_to.fd, line.data, line.len) < 0 && errno == EINTR)
		continue;
	errno = errno_before;
}
