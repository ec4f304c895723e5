/* form_value.c: one value against the rules of its field. */
#include "base/form_value.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/codec.h"
#include "base/form_email.h"
#include "base/instant.h"
#include "base/scope.h"
#include "base/uuid.h"

#define DETAIL_MAX 400
#define PHONE_DIGITS_MIN 5

void
form_note(const struct form_place *at, const char *rule, const char *fmt, ...)
{
	char detail[DETAIL_MAX];
	va_list args;

	va_start(args, fmt);
	vsnprintf(detail, sizeof detail, fmt, args);
	va_end(args);

	if (at->param)
		scope_fault_param(at->sc, at->param, rule, "%s", detail);
	else
		scope_fault(at->sc, at->pointer, rule, "%s", detail);
}

bool
form_has_min(const struct field *field)
{
	return field->min != 0 || field->max != 0;
}

bool
form_has_max(const struct field *field)
{
	return form_has_min(field) && field->max >= field->min;
}

bool
form_is_text(enum field_type type)
{
	switch (type) {
	case FIELD_TEXT:
	case FIELD_EMAIL:
	case FIELD_PHONE:
	case FIELD_WORD:
	case FIELD_CLOCK:
	case FIELD_UUID:
	case FIELD_INSTANT:
	case FIELD_DATE:
		return true;
	default:
		return false;
	}
}

bool
form_is_readable(const struct field *field)
{
	return field->type != FIELD_INTS && field->type != FIELD_RAW &&
	    (field->type != FIELD_TEXTS ||
	    field->flags & (FIELD_SPLIT | FIELD_ALONE));
}

void *
form_member(const struct field *field, void *object)
{
	return (char *)object + field->offset;
}

const void *
form_member_const(const struct field *field, const void *object)
{
	return (const char *)object + field->offset;
}

/* The code point at *text, which is valid UTF-8; 0 at its end. */
static uint32_t
next_code(const char **text)
{
	const unsigned char *p = (const unsigned char *)*text;
	size_t more = *p >= 0xf0 ? 3 : *p >= 0xe0 ? 2 : *p >= 0xc0 ? 1 : 0;
	uint32_t code = more == 0 ? *p : *p & (0x3fu >> more);

	/* The first byte of U+0800 or U+10000 brings no bits of its own. */
	if (*p == 0)
		return 0;
	for (size_t i = 1; i <= more; i++)
		code = code << 6 | (p[i] & 0x3f);
	*text += 1 + more;
	return code;
}

/* Unicode's white space, and what shows nothing at all. */
static bool
is_blank(uint32_t code)
{
	return (code >= 0x09 && code <= 0x0d) || code == 0x20 ||
	    code == 0x85 || code == 0xa0 || code == 0xad || code == 0x061c ||
	    code == 0x115f || code == 0x1160 || code == 0x1680 ||
	    code == 0x180e || (code >= 0x2000 && code <= 0x200f) ||
	    code == 0x2028 || code == 0x2029 || code == 0x202f ||
	    (code >= 0x205f && code <= 0x2064) || code == 0x2800 ||
	    code == 0x3000 || code == 0x3164 || code == 0xfeff ||
	    code == 0xffa0;
}

/* Controls and noncharacters: nobody types them, and they break terminals, logs
 * and the parsers of others.  So do those that turn the direction of what comes
 * after them (UAX 9): a name must not rewrite the line it stands in. */
static bool
is_forbidden(uint32_t code, bool multiline)
{
	if (multiline && (code == '\n' || code == '\t' || code == 0x2028 ||
	    code == 0x2029))
		return false;
	return code < 0x20 || (code >= 0x7f && code <= 0x9f) ||
	    (code >= 0x2028 && code <= 0x202e) ||
	    (code >= 0x2066 && code <= 0x2069) ||
	    (code & 0xfffe) == 0xfffe || (code >= 0xfdd0 && code <= 0xfdef);
}

static bool
is_empty(const char *text)
{
	uint32_t code;

	while ((code = next_code(&text)) != 0) {
		if (!is_blank(code))
			return false;
	}
	return true;
}

static bool
check_length(const struct form_place *at, const struct field *field,
    const char *text)
{
	int64_t length = (int64_t)codec_utf8_count(text);

	/* Only white space says as little as nothing. */
	if (field->min > 0 && is_empty(text)) {
		form_note(at, "min_length", "must not be empty");
		return false;
	}
	if (form_has_min(field) && length < field->min) {
		form_note(at, "min_length",
		    "must have at least %" PRId64 " characters", field->min);
		return false;
	}
	if (form_has_max(field) && length > field->max) {
		form_note(at, "max_length",
		    "must have at most %" PRId64 " characters", field->max);
		return false;
	}
	return true;
}

static bool
check_text(const struct form_place *at, const struct field *field,
    const char *text)
{
	bool multiline = field->flags & FIELD_MULTILINE;
	const char *p = text;
	uint32_t code;

	while ((code = next_code(&p)) != 0) {
		if (!is_forbidden(code, multiline))
			continue;
		form_note(at, "characters", multiline
		    ? "must not hold control characters other than newline "
		      "and tab"
		    : "must not hold control characters");
		return false;
	}
	return check_length(at, field, text);
}

static bool
check_email(const struct form_place *at, const struct field *field,
    const char *text)
{
	if (!check_length(at, field, text))
		return false;
	if (!form_email_valid(text)) {
		form_note(at, "format",
		    "must be an e-mail address such as name@example.com");
		return false;
	}
	return true;
}

static bool
check_phone(const struct form_place *at, const struct field *field,
    const char *text)
{
	size_t digits = 0;

	if (text[strspn(text, "0123456789 +-().")] != '\0') {
		form_note(at, "characters",
		    "must hold only digits, spaces and + - ( ) .");
		return false;
	}
	if (!check_length(at, field, text))
		return false;
	for (const char *p = text; *p; p++)
		digits += *p >= '0' && *p <= '9';
	if (digits < PHONE_DIGITS_MIN) {
		form_note(at, "format", "must have at least %d digits",
		    PHONE_DIGITS_MIN);
		return false;
	}
	return true;
}

static bool
check_word(const struct form_place *at, const struct field *field,
    const char *text)
{
	char all[DETAIL_MAX - 32];
	size_t len = 0;

	all[0] = '\0';
	for (const char *const *word = field->words; *word; word++) {
		int more;

		if (strcmp(*word, text) == 0)
			return true;
		more = snprintf(all + len, sizeof all - len, "%s%s",
		    len > 0 ? ", " : "", *word);
		if (more > 0 && (size_t)more < sizeof all - len)
			len += (size_t)more;
	}
	form_note(at, "one_of", "must be one of: %s", all);
	return false;
}

/* "00:00" to "24:00". */
static bool
clock_valid(const char *text)
{
	int hour;
	int minute;

	if (strlen(text) != 5 || text[2] != ':' ||
	    strspn(text, "0123456789") != 2 ||
	    strspn(text + 3, "0123456789") != 2)
		return false;
	hour = (text[0] - '0') * 10 + text[1] - '0';
	minute = (text[3] - '0') * 10 + text[4] - '0';

	return minute < 60 && (hour < 24 || (hour == 24 && minute == 0));
}

/* The types that are texts in the struct too. */
static bool
check_plain(const struct form_place *at, const struct field *field,
    const char *text)
{
	switch (field->type) {
	case FIELD_EMAIL:
		return check_email(at, field, text);
	case FIELD_PHONE:
		return check_phone(at, field, text);
	case FIELD_WORD:
		return check_word(at, field, text);
	case FIELD_CLOCK:
		if (clock_valid(text))
			return true;
		form_note(at, "format", "must be a time of day, HH:MM");
		return false;
	default:
		return check_text(at, field, text);
	}
}

static void
take_uuid(const struct form_place *at, const char *text, struct uuid *slot)
{
	struct uuid id;

	/* The zero UUID is how a struct says "absent". */
	if (uuid_parse(text, &id) && !uuid_is_none(&id))
		*slot = id;
	else
		form_note(at, "format", "must be a UUID");
}

void
form_take_text(const struct form_place *at, const struct field *field,
    const char *text, void *object)
{
	void *slot = form_member(field, object);
	int64_t number;

	assert(form_is_text(field->type));

	switch (field->type) {
	case FIELD_UUID:
		take_uuid(at, text, slot);
		return;
	case FIELD_INSTANT:
		if (instant_parse(text, &number))
			*(int64_t *)slot = number;
		else
			form_note(at, "format", "must be a date and time with "
			    "an offset, such as 2024-01-15T09:00:00Z");
		return;
	case FIELD_DATE:
		if (date_parse(text, &number))
			*(int64_t *)slot = number;
		else
			form_note(at, "format",
			    "must be a date, such as 2024-01-15");
		return;
	default:
		if (check_plain(at, field, text))
			*(const char **)slot = text;
	}
}

enum number { NUMBER_OK, NUMBER_NOT, NUMBER_LOW, NUMBER_HIGH };

/*
 * A decimal of at most `places` places, in units of its last place: "12.5"
 * with two places is 1250.  No floating point comes near it.  The smallest
 * int64_t is NONE, hence out of range.
 */
static enum number
number_parse(const char *text, size_t places, int64_t *ret_value)
{
	bool negative = *text == '-';
	const char *p = text + negative;
	size_t whole = strspn(p, "0123456789");
	size_t digits = whole;
	size_t after = 0;
	int64_t value = 0;

	if (whole == 0 || (whole > 1 && *p == '0'))
		return NUMBER_NOT;
	if (p[whole] == '.') {
		after = strspn(p + whole + 1, "0123456789");
		if (after == 0 || after > places)
			return NUMBER_NOT;
		digits += 1 + after;
	}
	if (p[digits] != '\0')
		return NUMBER_NOT;

	for (size_t i = 0; i < whole + places; i++) {
		size_t at = i < whole ? i : i + 1; /* step over the point */
		int digit = i < whole + after ? p[at] - '0' : 0;

		if (__builtin_mul_overflow(value, 10, &value) ||
		    __builtin_sub_overflow(value, digit, &value))
			return negative ? NUMBER_LOW : NUMBER_HIGH;
	}
	if (value == INT64_MIN)
		return negative ? NUMBER_LOW : NUMBER_HIGH;

	*ret_value = negative ? value : -value;
	return NUMBER_OK;
}

/* "1640998800.25" without its fraction, when it is one. */
static const char *
cut_fraction(struct arena *arena, const char *text)
{
	size_t whole = strcspn(text, ".");
	size_t digits;

	if (text[whole] == '\0')
		return text;
	digits = strspn(text + whole + 1, "0123456789");
	if (digits == 0 || text[whole + 1 + digits] != '\0')
		return text;
	return arena_strndup(arena, text, whole);
}

static void
note_bound(const struct form_place *at, const struct field *field, bool low)
{
	int64_t bound = low ? field->min : field->max;
	uint64_t size = bound < 0 ? 0 - (uint64_t)bound : (uint64_t)bound;
	const char *rule = low ? "minimum" : "maximum";
	const char *word = low ? "least" : "most";

	if (low ? !form_has_min(field) : !form_has_max(field))
		form_note(at, rule, "must fit into 64 bits");
	else if (field->type == FIELD_MONEY)
		form_note(at, rule, "must be at %s %s%" PRIu64 ".%02" PRIu64,
		    word, bound < 0 ? "-" : "", size / 100, size % 100);
	else
		form_note(at, rule, "must be at %s %" PRId64, word, bound);
}

void
form_take_number(const struct form_place *at, const struct field *field,
    const char *text, void *object)
{
	bool money = field->type == FIELD_MONEY;
	int64_t value = 0;

	assert(money || field->type == FIELD_INT);

	if (field->flags & FIELD_CUT)
		text = cut_fraction(at->sc->arena, text);
	switch (number_parse(text, money ? 2 : 0, &value)) {
	case NUMBER_NOT:
		if (money)
			form_note(at, "format", "must be a number with at most "
			    "two decimals and no exponent");
		else
			form_note(at, "type", "must be an integer, written "
			    "without fraction or exponent");
		return;
	case NUMBER_LOW:
		note_bound(at, field, true);
		return;
	case NUMBER_HIGH:
		note_bound(at, field, false);
		return;
	case NUMBER_OK:
		break;
	}

	if (form_has_min(field) && value < field->min)
		note_bound(at, field, true);
	else if (form_has_max(field) && value > field->max)
		note_bound(at, field, false);
	else
		*(int64_t *)form_member(field, object) = value;
}
