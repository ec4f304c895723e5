/* options.c: a command line read by a table. */
#include "ctl/options.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/codec.h"
#include "base/form.h"
#include "base/instant.h"
#include "base/uuid.h"

#define COLUMNS 78
#define USAGE_MAX 4096
#define MONEY_DIGITS_MAX 12

/* Where one sentence goes. */
struct why {
	char *text;
	size_t max;
};

static bool refuse(const struct why *why, const char *fmt, ...)
    PRINTF_LIKE(2, 3);

static bool
refuse(const struct why *why, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(why->text, why->max, fmt, args);
	va_end(args);
	return false;
}

static bool
is_argument(const struct option_spec *spec)
{
	return isupper((unsigned char)spec->name[0]);
}

static const char *
dashes(const struct option_spec *spec)
{
	return is_argument(spec) ? "" : "--";
}

/* ---- values ------------------------------------------------------------ */

static bool
bounded(const struct option_spec *spec)
{
	return spec->min != 0 || spec->max != 0;
}

static bool
read_text(const struct option_spec *spec, const char *text,
    const struct why *why)
{
	size_t count;

	if (!codec_utf8_valid(text, strlen(text)))
		return refuse(why, "%s%s is not UTF-8", dashes(spec),
		    spec->name);
	for (const char *p = text; *p; p++) {
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			return refuse(why, "%s%s may not hold control "
			    "characters", dashes(spec), spec->name);
	}
	count = codec_utf8_count(text);
	if (bounded(spec) && spec->min == spec->max &&
	    (int64_t)count != spec->min)
		return refuse(why, "%s%s must be of %" PRId64 " characters",
		    dashes(spec), spec->name, spec->min);
	if (bounded(spec) &&
	    ((int64_t)count < spec->min || (int64_t)count > spec->max))
		return refuse(why, "%s%s must be of %" PRId64 " to %" PRId64
		    " characters", dashes(spec), spec->name, spec->min,
		    spec->max);
	return true;
}

static bool
read_int(const struct option_spec *spec, const char *text, int64_t *ret,
    const struct why *why)
{
	size_t digits = strspn(text, "0123456789");
	int64_t value = 0;

	if (digits == 0 || digits > 18 || text[digits] != '\0')
		return refuse(why, "%s%s must be a whole number", dashes(spec),
		    spec->name);
	for (const char *p = text; *p; p++)
		value = value * 10 + (*p - '0');
	if (bounded(spec) && (value < spec->min || value > spec->max))
		return refuse(why, "%s%s must be from %" PRId64 " to %" PRId64,
		    dashes(spec), spec->name, spec->min, spec->max);

	*ret = value;
	return true;
}

static bool
read_money(const struct option_spec *spec, const char *text, int64_t *ret,
    const struct why *why)
{
	size_t digits = strspn(text, "0123456789");
	const char *rest = text + digits;
	size_t decimals = *rest == '.' ? strspn(rest + 1, "0123456789") : 0;
	int64_t value = 0;

	if (digits == 0 || digits > MONEY_DIGITS_MAX || decimals > 2 ||
	    (*rest == '.' && decimals == 0) ||
	    (*rest != '\0' && (*rest != '.' || rest[1 + decimals] != '\0')))
		return refuse(why, "%s%s must be an amount such as 15 or "
		    "22.50", dashes(spec), spec->name);
	for (size_t i = 0; i < digits; i++)
		value = value * 10 + (text[i] - '0');
	for (size_t i = 0; i < 2; i++)
		value = value * 10 + (i < decimals ? rest[1 + i] - '0' : 0);
	if (bounded(spec) && (value < spec->min || value > spec->max))
		return refuse(why, "%s%s must be from %" PRId64 ".%02d to %"
		    PRId64 ".%02d", dashes(spec), spec->name, spec->min / 100,
		    (int)(spec->min % 100), spec->max / 100,
		    (int)(spec->max % 100));

	*ret = value;
	return true;
}

static bool
read_clock(const struct option_spec *spec, const char *text,
    const struct why *why)
{
	int hour;
	int minute;

	if (strlen(text) != 5 || text[2] != ':' ||
	    strspn(text, "0123456789") != 2 ||
	    strspn(text + 3, "0123456789") != 2)
		return refuse(why, "%s%s must be a time such as 08:00",
		    dashes(spec), spec->name);
	hour = (text[0] - '0') * 10 + text[1] - '0';
	minute = (text[3] - '0') * 10 + text[4] - '0';
	if (minute > 59 || hour > 24 || (hour == 24 && minute > 0))
		return refuse(why, "%s%s must be from 00:00 to 24:00",
		    dashes(spec), spec->name);
	return true;
}

static bool
add_text(struct arena *arena, struct texts *texts, const char *text)
{
	if (!texts->items)
		texts->items = arena_new_array(arena, const char *,
		    OPTION_TEXTS_MAX);
	if (texts->count == OPTION_TEXTS_MAX)
		return false;
	texts->items[texts->count++] = text;
	return true;
}

static bool
read_parsed(const struct option_spec *spec, const char *text, void *place,
    const struct why *why)
{
	static const char *const wants[OPTION__MAX] = {
		[OPTION_DATE] = "a date such as 2026-12-24",
		[OPTION_INSTANT] = "an instant such as 2026-12-24T18:00:00Z",
		[OPTION_UUID] = "an id such as "
		    "00000000-0000-4000-8000-000000000001",
		[OPTION_SWITCH] = "on or off",
	};
	bool fine = false;

	if (spec->type == OPTION_DATE) {
		fine = date_parse(text, place);
	} else if (spec->type == OPTION_INSTANT) {
		fine = instant_parse(text, place);
	} else if (spec->type == OPTION_UUID) {
		fine = uuid_parse(text, place) && !uuid_is_none(place);
	} else if (strcmp(text, "on") == 0 || strcmp(text, "off") == 0) {
		*(int64_t *)place = strcmp(text, "on") == 0;
		fine = true;
	}
	return fine || refuse(why, "%s%s must be %s", dashes(spec), spec->name,
	    wants[spec->type]);
}

static bool
read_value(const struct option_spec *spec, struct arena *arena,
    const char *text, void *values, const struct why *why)
{
	void *place = (char *)values + spec->offset;

	switch (spec->type) {
	case OPTION_FLAG:
		*(bool *)place = true;
		return true;
	case OPTION_TEXT:
		*(const char **)place = text;
		return read_text(spec, text, why);
	case OPTION_TEXTS:
		if (!add_text(arena, place, text))
			return refuse(why, "--%s is there too often",
			    spec->name);
		return read_text(spec, text, why);
	case OPTION_CLOCK:
		*(const char **)place = text;
		return read_clock(spec, text, why);
	case OPTION_INT:
		return read_int(spec, text, place, why);
	case OPTION_MONEY:
		return read_money(spec, text, place, why);
	case OPTION_DATE:
	case OPTION_INSTANT:
	case OPTION_UUID:
	case OPTION_SWITCH:
		return read_parsed(spec, text, place, why);
	case OPTION__MAX:
		break;
	}
	return refuse(why, "%s cannot be read", spec->name);
}

static void
set_absent(const struct command *command, void *values)
{
	memset(values, 0, command->size);
	for (size_t i = 0; i < command->count; i++) {
		const struct option_spec *spec = &command->options[i];
		void *place = (char *)values + spec->offset;

		switch (spec->type) {
		case OPTION_INT:
		case OPTION_MONEY:
		case OPTION_DATE:
		case OPTION_INSTANT:
		case OPTION_SWITCH:
			*(int64_t *)place = NONE;
			break;
		case OPTION_TEXT:
		case OPTION_CLOCK:
			*(const char **)place = NULL;
			break;
		case OPTION_FLAG:
		case OPTION_UUID:
		case OPTION_TEXTS:
		case OPTION__MAX:
			break;
		}
	}
}

/* ---- words ------------------------------------------------------------- */

/* The option a word names ("--name" or "--name=value"); its value, if the word
 * holds one. */
static const struct option_spec *
find_option(const struct command *command, const char *word,
    const char **ret_value)
{
	size_t len = strcspn(word + 2, "=");

	for (size_t i = 0; i < command->count; i++) {
		const struct option_spec *spec = &command->options[i];

		if (!is_argument(spec) && strlen(spec->name) == len &&
		    strncmp(spec->name, word + 2, len) == 0) {
			*ret_value = word[2 + len] == '=' ?
			    word + 2 + len + 1 : NULL;
			return spec;
		}
	}
	return NULL;
}

static const struct option_spec *
next_argument(const struct command *command, const bool *seen)
{
	for (size_t i = 0; i < command->count; i++) {
		if (is_argument(&command->options[i]) && !seen[i])
			return &command->options[i];
	}
	return NULL;
}

static bool
asks_help(int argc, char **argv)
{
	for (int i = 0; i < argc; i++) {
		if (strcmp(argv[i], "--help") == 0 ||
		    strcmp(argv[i], "-h") == 0)
			return true;
	}
	return false;
}

/* One word, and its value when that is the next; *at is moved behind. */
static bool
read_word(const struct command *command, struct arena *arena, int argc,
    char **argv, int *at, bool *seen, void *values, const struct why *why)
{
	const char *word = argv[(*at)++];
	const char *value = NULL;
	const struct option_spec *spec;
	size_t index;

	if (strncmp(word, "--", 2) == 0 && word[2] != '\0') {
		spec = find_option(command, word, &value);
		if (!spec)
			return refuse(why, "there is no option --%.*s",
			    (int)strcspn(word + 2, "="), word + 2);
		if (spec->type == OPTION_FLAG && value)
			return refuse(why, "--%s takes no value", spec->name);
		if (spec->type != OPTION_FLAG && !value && *at < argc)
			value = argv[(*at)++];
		else if (spec->type != OPTION_FLAG && !value)
			return refuse(why, "--%s needs a value", spec->name);
	} else {
		spec = next_argument(command, seen);
		if (!spec)
			return refuse(why, "\"%s\" is one word too many", word);
		value = word;
	}

	index = (size_t)(spec - command->options);
	if (seen[index] && spec->type != OPTION_TEXTS)
		return refuse(why, "--%s is there twice", spec->name);
	seen[index] = true;
	return read_value(spec, arena, value, values, why);
}

bool
options_read(const struct command *command, struct arena *arena, int argc,
    char **argv, void *values, bool *ret_help, char *why_text, size_t why_max)
{
	const struct why why = { why_text, why_max };
	bool *seen = arena_new_array(arena, bool, command->count + 1);
	int at = 0;

	*ret_help = asks_help(argc, argv);
	set_absent(command, values);
	if (*ret_help)
		return true;

	while (at < argc) {
		if (!read_word(command, arena, argc, argv, &at, seen, values,
		    &why))
			return false;
	}
	for (size_t i = 0; i < command->count; i++) {
		const struct option_spec *spec = &command->options[i];

		if (spec->required && !seen[i])
			return refuse(&why, "%s%s is missing", dashes(spec),
			    spec->name);
	}
	return true;
}

/* ---- the manual -------------------------------------------------------- */

void
options_fold(struct buf *out, size_t indent, const char *text)
{
	size_t column = 0;

	while (*text) {
		size_t len = strcspn(text, " \n");

		if (column > 0 && column + 1 + len > COLUMNS) {
			buf_putc(out, '\n');
			column = 0;
		}
		if (column == 0) {
			buf_printf(out, "%*s", (int)indent, "");
			column = indent;
		} else {
			buf_putc(out, ' ');
			column++;
		}
		buf_put(out, text, len);
		column += len;
		text += len;
		if (*text == '\n') {
			buf_putc(out, '\n');
			column = 0;
		}
		text += *text != '\0';
	}
	buf_putc(out, '\n');
}

static void
put_usage(struct buf *out, const struct command *command)
{
	struct buf line;
	bool choice = false;

	buf_init(&line, out->arena, USAGE_MAX);
	buf_printf(&line, "Usage: bookingctl %s", command->name);
	for (size_t i = 0; i < command->count; i++) {
		const struct option_spec *spec = &command->options[i];

		if (is_argument(spec))
			buf_printf(&line, spec->required ? " %s" : " [%s]",
			    spec->name);
		else if (spec->required)
			buf_printf(&line, " --%s %s", spec->name,
			    spec->metavar);
		else
			choice = true;
	}
	buf_puts(&line, choice ? " [OPTION]..." : "");
	options_fold(out, 0, line.data);
	buf_putc(out, '\n');
}

void
options_manual(struct buf *out, const struct command *command)
{
	put_usage(out, command);
	options_fold(out, 0, command->text);
	for (size_t i = 0; i < command->count; i++) {
		const struct option_spec *spec = &command->options[i];

		buf_printf(out, "\n  %s%s%s%s\n", dashes(spec), spec->name,
		    spec->metavar ? " " : "", spec->metavar ? spec->metavar :
		    "");
		options_fold(out, 6, spec->help);
	}
	buf_puts(out, "\n  --help\n      Print this and do nothing.\n");
}
