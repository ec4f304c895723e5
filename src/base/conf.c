/* conf.c: the environment into a struct, by the table; and its manual. */
#include "base/conf.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/json.h"

#define NAME_MAX_LEN 64
#define VALUE_MAX (64 * 1024)
#define PRINT_MAX (VALUE_MAX + 256)
#define MANUAL_COLUMNS 72
#define MASK "***"

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

static void *
slot_of(const struct conf_setting *setting, void *values)
{
	return (char *)values + setting->offset;
}

/* A variable that is set to nothing is not set: that is how a line in an
 * environment file is switched off. */
static const char *
variable(const char *name)
{
	const char *value = getenv(name);

	return value && *value ? value : NULL;
}

/* The content of a file less one newline, malloc'ed. */
static bool
read_file(const char *name, const char *path, const struct why *why,
    char **ret_value)
{
	FILE *file = fopen(path, "re");
	char *value;
	size_t len;
	bool failed;

	if (!file)
		return refuse(why, "%s: the file cannot be opened: %s", name,
		    strerror(errno));

	value = malloc(VALUE_MAX + 2);
	len = value ? fread(value, 1, VALUE_MAX + 1, file) : 0;
	failed = !value || ferror(file);
	fclose(file);

	if (failed || len > VALUE_MAX || memchr(value, '\0', len)) {
		free(value);
		return refuse(why, "%s: the file %s", name,
		    failed ? "cannot be read"
		    : len > VALUE_MAX ? "is too large" : "holds a NUL");
	}
	if (len > 0 && value[len - 1] == '\n')
		len--;
	value[len] = '\0';
	*ret_value = value;
	return true;
}

/* What the environment gives for the setting, malloc'ed; NULL = nothing. */
static bool
find_value(const struct conf_setting *setting, const struct why *why,
    char **ret_value)
{
	char file_name[NAME_MAX_LEN + sizeof "_FILE"];
	const char *value = variable(setting->name);
	const char *path;
	char *content = NULL;

	assert(strlen(setting->name) <= NAME_MAX_LEN);
	snprintf(file_name, sizeof file_name, "%s_FILE", setting->name);
	path = variable(file_name);

	if (path && !read_file(file_name, path, why, &content))
		return false;
	/* An empty file says no more than an empty variable: a unit names the
	 * files of all secrets, and not every place has all of them. */
	if (content && !*content) {
		free(content);
		content = NULL;
	}
	if (value && content) {
		free(content);
		return refuse(why, "%s and %s are both set: give one",
		    setting->name, file_name);
	}
	if (value) {
		content = strdup(value);
		if (!content)
			return refuse(why, "there is no memory");
	}
	*ret_value = content;
	return true;
}

static bool
parse_int(const struct conf_setting *setting, const char *text,
    const struct why *why, int64_t *ret_value)
{
	char *end;
	long long value;

	errno = 0;
	value = strtoll(text, &end, 10);
	if (text[strspn(text, "-0123456789")] != '\0' || end == text || *end ||
	    (errno && errno != ERANGE))
		return refuse(why, "%s must be a whole number%s%s",
		    setting->name, setting->unit ? " of " : "",
		    setting->unit ? setting->unit : "");
	if (errno == ERANGE || value < setting->min || value > setting->max)
		return refuse(why, "%s must be between %" PRId64 " and %" PRId64
		    "%s%s", setting->name, setting->min, setting->max,
		    setting->unit ? " " : "",
		    setting->unit ? setting->unit : "");
	*ret_value = value;
	return true;
}

static bool
parse_bool(const struct conf_setting *setting, const char *text,
    const struct why *why, bool *ret_value)
{
	static const char *const yes[] = { "on", "true", "1" };
	static const char *const no[] = { "off", "false", "0" };

	for (size_t i = 0; i < ARRAY_LEN(yes); i++) {
		if (strcmp(text, yes[i]) == 0 || strcmp(text, no[i]) == 0) {
			*ret_value = strcmp(text, yes[i]) == 0;
			return true;
		}
	}
	return refuse(why, "%s must be on or off", setting->name);
}

static bool
check_text(const struct conf_setting *setting, const char *text,
    const struct why *why)
{
	int64_t len = (int64_t)strlen(text);

	if (len < setting->min)
		return refuse(why, "%s must have at least %" PRId64 " bytes",
		    setting->name, setting->min);
	if (setting->max > 0 && len > setting->max)
		return refuse(why, "%s must have at most %" PRId64 " bytes",
		    setting->name, setting->max);
	return true;
}

static bool
check_word(const struct conf_setting *setting, const char *text,
    const struct why *why)
{
	const char *word = setting->words;

	while (*word) {
		size_t len = strcspn(word, "|");

		if (strlen(text) == len && memcmp(word, text, len) == 0)
			return true;
		word += len;
		word += *word == '|';
	}
	return refuse(why, "%s must be one of %s", setting->name,
	    setting->words);
}

/* Takes `text` over: it is kept in the struct, or freed. */
static bool
take_value(const struct conf_setting *setting, char *text,
    const struct why *why, void *values)
{
	void *slot = slot_of(setting, values);
	bool fine;

	switch (setting->type) {
	case CONF_INT:
		fine = parse_int(setting, text, why, slot);
		free(text);
		return fine;
	case CONF_BOOL:
		fine = parse_bool(setting, text, why, slot);
		free(text);
		return fine;
	case CONF_WORD:
		fine = check_word(setting, text, why);
		break;
	default:
		fine = check_text(setting, text, why);
		break;
	}
	if (fine)
		*(const char **)slot = text;
	else
		free(text);
	return fine;
}

static bool
load_one(const struct conf_setting *setting, const struct why *why,
    void *values)
{
	const char *fallback = setting->fallback ? setting->fallback : "";
	char *text = NULL;

	if (!find_value(setting, why, &text))
		return false;
	if (!text && setting->flags & CONF_REQUIRED)
		return refuse(why, "%s is missing: set it, or %s_FILE",
		    setting->name, setting->name);
	if (text)
		return take_value(setting, text, why, values);

	text = strdup(fallback);
	if (!text)
		return refuse(why, "there is no memory");

	/* An empty default says "none" whatever the bounds are. */
	if (!*text && setting->type == CONF_TEXT) {
		*(const char **)slot_of(setting, values) = text;
		return true;
	}
	return take_value(setting, text, why, values);
}

/* Whether the struct holds a text for it. */
static bool
is_text(const struct conf_setting *setting)
{
	return setting->type == CONF_TEXT || setting->type == CONF_WORD;
}

void
conf_free(const struct conf_setting *table, size_t count, void *values)
{
	for (size_t i = 0; i < count; i++) {
		const char **slot = slot_of(&table[i], values);

		if (!is_text(&table[i]))
			continue;
		free((void *)(uintptr_t)*slot);
		*slot = NULL;
	}
}

bool
conf_load(const struct conf_setting *table, size_t count, void *values,
    char *why_text, size_t why_max)
{
	const struct why why = { why_text, why_max };

	for (size_t i = 0; i < count; i++) {
		if (is_text(&table[i]))
			*(const char **)slot_of(&table[i], values) = NULL;
	}
	for (size_t i = 0; i < count; i++) {
		if (!load_one(&table[i], &why, values)) {
			conf_free(table, count, values);
			return false;
		}
	}
	return true;
}

/*
 * A URL without its password: what stands between the first colon of the
 * user part and the last @ (an @ that nobody escaped is the password's, not
 * the host's), and the value of any parameter named ...password.  A
 * connection string that is no URL is not taken apart.
 */
static void
put_url(struct buf *out, const char *url)
{
	const char *host = strstr(url, "://");
	const char *at = strrchr(url, '@');
	const char *colon;
	const char *word;

	if (!host) {
		buf_puts(out, strcasestr(url, "password") ? MASK : url);
		return;
	}
	host += 3;
	colon = at && at > host ? memchr(host, ':', (size_t)(at - host)) : NULL;
	if (colon) {
		buf_put(out, url, (size_t)(colon + 1 - url));
		buf_puts(out, MASK);
		url = at;
	}

	while ((word = strcasestr(url, "password=")) != NULL) {
		word += strlen("password=");
		buf_put(out, url, (size_t)(word - url));
		buf_puts(out, MASK);
		url = word + strcspn(word, "&#");
	}
	buf_puts(out, url);
}

/* The value as text, masked. */
static void
put_value(struct buf *out, const struct conf_setting *setting,
    const void *values)
{
	const void *slot = (const char *)values + setting->offset;
	const char *text;

	if (setting->type == CONF_INT) {
		json_put_int(out, *(const int64_t *)slot);
		return;
	}
	if (setting->type == CONF_BOOL) {
		buf_puts(out, *(const bool *)slot ? "on" : "off");
		return;
	}

	text = *(const char *const *)slot;
	if (setting->flags & CONF_SECRET)
		buf_puts(out, *text ? MASK : "");
	else if (setting->flags & CONF_URL)
		put_url(out, text);
	else
		buf_puts(out, text);
}

/* One setting as "NAME=value" or as a JSON member. */
static void
print_one(FILE *out, struct arena *arena, const struct conf_setting *setting,
    const void *values, bool json)
{
	struct buf text;
	struct buf line;

	buf_init(&text, arena, PRINT_MAX);
	buf_init(&line, arena, 6 * PRINT_MAX);
	put_value(&text, setting, values);

	if (!json) {
		buf_printf(&line, "%s=%s\n", setting->name, text.data);
	} else if (setting->type == CONF_INT) {
		buf_printf(&line, "\"%s\":%s", setting->name, text.data);
	} else if (setting->type == CONF_BOOL) {
		buf_printf(&line, "\"%s\":%s", setting->name,
		    strcmp(text.data, "on") == 0 ? "true" : "false");
	} else {
		buf_printf(&line, "\"%s\":", setting->name);
		json_put_text(&line, text.data);
	}
	fwrite(line.data, 1, line.len, out);
	arena_reset(arena);
}

void
conf_print(FILE *out, const struct conf_setting *table, size_t count,
    const void *values, bool json)
{
	struct arena *arena = arena_open(16 * PRINT_MAX);

	if (!arena)
		return;
	if (json)
		fputc('{', out);
	for (size_t i = 0; i < count; i++) {
		if (json && i > 0)
			fputc(',', out);
		print_one(out, arena, &table[i], values, json);
	}
	if (json)
		fputs("}\n", out);
	arena_close(arena);
}

/* The sentences, folded at white space. */
static void
print_folded(FILE *out, const char *text)
{
	size_t column = 0;

	while (*text) {
		size_t len = strcspn(text, " ");

		if (column > 0 && column + 1 + len > MANUAL_COLUMNS - 4)
			column = 0;
		fputs(column == 0 ? "\n    " : " ", out);
		fwrite(text, 1, len, out);
		column += len + (column > 0);
		text += len;
		text += strspn(text, " ");
	}
	fputc('\n', out);
}

static void
print_bounds(FILE *out, const struct conf_setting *setting)
{
	const char *unit = setting->unit ? setting->unit : "bytes";

	switch (setting->type) {
	case CONF_INT:
		fprintf(out, "whole number, %" PRId64 " to %" PRId64 "%s%s",
		    setting->min, setting->max, setting->unit ? " " : "",
		    setting->unit ? setting->unit : "");
		return;
	case CONF_BOOL:
		fputs("on or off", out);
		return;
	case CONF_WORD:
		fprintf(out, "one of %s", setting->words);
		return;
	default:
		fputs(setting->flags & CONF_URL ? "URL" : "text", out);
		if (setting->max > 0)
			fprintf(out, ", %" PRId64 " to %" PRId64 " %s",
			    setting->min, setting->max, unit);
		return;
	}
}

void
conf_manual(FILE *out, const struct conf_setting *table, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct conf_setting *setting = &table[i];
		const char *fallback = setting->fallback;

		if (i > 0)
			fputc('\n', out);
		fprintf(out, "%s (", setting->name);
		print_bounds(out, setting);
		if (setting->flags & CONF_SECRET)
			fputs("; secret", out);
		if (setting->flags & CONF_REQUIRED)
			fputs("; required)", out);
		else if (fallback && *fallback)
			fprintf(out, "; default %s)", fallback);
		else
			fputs("; default none)", out);
		print_folded(out, setting->help);
	}
}
