/* json.c: the strict check of JSON text, and the writer of what we send. */
#include "base/json.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "base/buf.h"
#include "base/instant.h"
#include "base/uuid.h"

#define NUMBER_MAX 64

/* A member's name: where it starts (behind the quote) and whose it is. */
struct member {
	uint32_t at;
	uint32_t object; /* ordinal of the object it stands in */
};

struct scan {
	const unsigned char *text;
	const unsigned char *p;
	const unsigned char *end;
	const char *wrong; /* the first thing that does not hold, or NULL */
	const unsigned char *wrong_at;
	int depth;
	int depth_max;
	uint32_t objects; /* opened so far */
	uint32_t open[JSON_DEPTH_LIMIT]; /* the object's ordinal, 0 = array */
	size_t member_count;
	struct member members[JSON_MEMBERS_MAX];
};

static bool
wrong_here(struct scan *s, const unsigned char *at, const char *sentence)
{
	if (!s->wrong) {
		s->wrong = sentence;
		s->wrong_at = at;
	}
	return false;
}

static void
skip_space(struct scan *s)
{
	while (s->p < s->end && (*s->p == ' ' || *s->p == '\t' ||
	    *s->p == '\n' || *s->p == '\r'))
		s->p++;
}

static int
hex_digit(unsigned char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* Four hex digits, or -1. */
static int32_t
hex_unit(const unsigned char *p, const unsigned char *end)
{
	int32_t unit = 0;

	if (end - p < 4)
		return -1;
	for (int i = 0; i < 4; i++) {
		int digit = hex_digit(p[i]);

		if (digit < 0)
			return -1;
		unit = unit * 16 + digit;
	}
	return unit;
}

/*
 * The bytes of the UTF-8 sequence at p, or 0 when there is none (RFC 3629
 * table 3-7: the second byte's range is what keeps out overlong forms,
 * surrogates and what lies above U+10FFFF).
 */
static size_t
utf8_len(const unsigned char *p, const unsigned char *end)
{
	unsigned char low = 0x80;
	unsigned char high = 0xbf;
	size_t len;

	if (p[0] < 0x80)
		return 1;
	if (p[0] >= 0xc2 && p[0] <= 0xdf)
		len = 2;
	else if (p[0] >= 0xe0 && p[0] <= 0xef)
		len = 3;
	else if (p[0] >= 0xf0 && p[0] <= 0xf4)
		len = 4;
	else
		return 0;

	if (p[0] == 0xe0)
		low = 0xa0;
	else if (p[0] == 0xed)
		high = 0x9f;
	else if (p[0] == 0xf0)
		low = 0x90;
	else if (p[0] == 0xf4)
		high = 0x8f;

	if ((size_t)(end - p) < len || p[1] < low || p[1] > high)
		return 0;
	for (size_t i = 2; i < len; i++) {
		if (p[i] < 0x80 || p[i] > 0xbf)
			return 0;
	}
	return len;
}

/* s->p stands on the backslash. */
static bool
scan_escape(struct scan *s)
{
	const unsigned char *at = s->p;
	int32_t unit;

	s->p++;
	if (s->p == s->end)
		return wrong_here(s, at, "an escape is cut off");
	if (*s->p != 'u') {
		if (!memchr("\"\\/bfnrt", *s->p, 8))
			return wrong_here(s, at, "an escape is not known");
		s->p++;
		return true;
	}

	unit = hex_unit(s->p + 1, s->end);
	if (unit < 0)
		return wrong_here(s, at, "\\u takes four hex digits");
	if (unit == 0)
		return wrong_here(s, at, "NUL is not allowed in a string");
	s->p += 5;
	if (unit < 0xd800 || unit > 0xdfff)
		return true;

	/* A high surrogate must be followed by a low one, else it is alone. */
	if (unit <= 0xdbff && s->end - s->p >= 6 && s->p[0] == '\\' &&
	    s->p[1] == 'u') {
		unit = hex_unit(s->p + 2, s->end);
		if (unit >= 0xdc00 && unit <= 0xdfff) {
			s->p += 6;
			return true;
		}
	}
	return wrong_here(s, at, "a surrogate stands alone");
}

/* s->p stands on the opening quote. */
static bool
scan_string(struct scan *s)
{
	const unsigned char *at = s->p;

	s->p++;
	while (s->p < s->end && *s->p != '"') {
		size_t len;

		if (*s->p == '\\') {
			if (!scan_escape(s))
				return false;
			continue;
		}
		if (*s->p < 0x20)
			return wrong_here(s, s->p,
			    "a control character in a string is not escaped");
		len = utf8_len(s->p, s->end);
		if (len == 0)
			return wrong_here(s, s->p, "the text is not UTF-8");
		s->p += len;
	}
	if (s->p == s->end)
		return wrong_here(s, at, "a string is not closed");

	s->p++;
	return true;
}

static size_t
scan_digits(struct scan *s)
{
	const unsigned char *first = s->p;

	while (s->p < s->end && *s->p >= '0' && *s->p <= '9')
		s->p++;
	return (size_t)(s->p - first);
}

static bool
scan_number(struct scan *s)
{
	const unsigned char *at = s->p;
	const unsigned char *digits;
	size_t count;

	if (*s->p == '-')
		s->p++;
	digits = s->p;
	count = scan_digits(s);
	if (count == 0)
		return wrong_here(s, at, "a number has no digits");
	if (count > 1 && *digits == '0')
		return wrong_here(s, at, "a number starts with 0");

	if (s->p < s->end && *s->p == '.') {
		s->p++;
		if (scan_digits(s) == 0)
			return wrong_here(s, at, "a fraction has no digits");
	}
	if (s->p < s->end && (*s->p == 'e' || *s->p == 'E')) {
		s->p++;
		if (s->p < s->end && (*s->p == '+' || *s->p == '-'))
			s->p++;
		if (scan_digits(s) == 0)
			return wrong_here(s, at, "an exponent has no digits");
	}
	if (s->p - at > NUMBER_MAX)
		return wrong_here(s, at, "a number is too long");

	return true;
}

static bool
scan_literal(struct scan *s, const char *word)
{
	size_t len = strlen(word);

	if ((size_t)(s->end - s->p) < len || memcmp(s->p, word, len) != 0)
		return wrong_here(s, s->p, "a value is expected");
	s->p += len;
	return true;
}

/* A member's name and its colon. */
static bool
scan_name(struct scan *s)
{
	struct member *member;

	skip_space(s);
	if (s->p == s->end || *s->p != '"')
		return wrong_here(s, s->p, "a member's name is expected");
	if (s->member_count == JSON_MEMBERS_MAX)
		return wrong_here(s, s->p, "there are too many members");

	member = &s->members[s->member_count++];
	member->at = (uint32_t)(s->p + 1 - s->text);
	member->object = s->open[s->depth - 1];
	if (!scan_string(s))
		return false;

	skip_space(s);
	if (s->p == s->end || *s->p != ':')
		return wrong_here(s, s->p, "a colon is expected");
	s->p++;
	return true;
}

/*
 * Enter an object or array.  *ret_value says whether a value follows; if not
 * it was empty and is left again.
 */
static bool
scan_open(struct scan *s, bool *ret_value)
{
	bool object = *s->p == '{';

	if (s->depth == s->depth_max)
		return wrong_here(s, s->p, "the nesting is too deep");
	s->open[s->depth++] = object ? ++s->objects : 0;
	s->p++;

	skip_space(s);
	if (s->p < s->end && *s->p == (object ? '}' : ']')) {
		s->p++;
		s->depth--;
		*ret_value = false;
		return true;
	}
	*ret_value = true;
	return object ? scan_name(s) : true;
}

static bool
scan_scalar(struct scan *s)
{
	switch (*s->p) {
	case '"':
		return scan_string(s);
	case 't':
		return scan_literal(s, "true");
	case 'f':
		return scan_literal(s, "false");
	case 'n':
		return scan_literal(s, "null");
	default:
		if (*s->p == '-' || (*s->p >= '0' && *s->p <= '9'))
			return scan_number(s);
		return wrong_here(s, s->p, "a value is expected");
	}
}

/* Behind a value: close what ends here; *ret_value when another follows. */
static bool
scan_behind(struct scan *s, bool *ret_value)
{
	*ret_value = false;

	while (s->depth > 0) {
		bool object = s->open[s->depth - 1] != 0;

		skip_space(s);
		if (s->p == s->end)
			return wrong_here(s, s->p, "the text is cut off");
		if (*s->p == ',') {
			s->p++;
			*ret_value = true;
			return object ? scan_name(s) : true;
		}
		if (*s->p != (object ? '}' : ']'))
			return wrong_here(s, s->p,
			    "a comma or the end of the list is expected");
		s->p++;
		s->depth--;
	}
	return true;
}

static bool
scan_document(struct scan *s)
{
	bool value = true;

	if (s->end - s->p >= 3 && memcmp(s->p, "\xef\xbb\xbf", 3) == 0)
		return wrong_here(s, s->p, "a byte order mark is not allowed");

	while (value) {
		skip_space(s);
		if (s->p == s->end)
			return wrong_here(s, s->p, "a value is expected");

		if (*s->p == '{' || *s->p == '[') {
			if (!scan_open(s, &value))
				return false;
			if (value)
				continue;
		} else if (!scan_scalar(s)) {
			return false;
		}
		if (!scan_behind(s, &value))
			return false;
	}

	skip_space(s);
	if (s->p != s->end)
		return wrong_here(s, s->p, "something follows the value");
	return true;
}

/* The next character of a string that was scanned, unescaped; 0 at its end.
 * Units of UTF-16 and bytes of UTF-8 are told apart by making the latter into
 * code points, so that "é" and "\u00e9" are the same name. */
static uint32_t
next_character(const unsigned char **p)
{
	static const char letters[] = "bfnrt";
	static const char meaning[] = "\b\f\n\r\t";
	const unsigned char *c = *p;
	uint32_t code;
	size_t len;

	if (*c == '"')
		return 0;
	if (*c == '\\' && c[1] == 'u') {
		code = (uint32_t)hex_unit(c + 2, c + 6);
		*p = c + 6;
		if (code < 0xd800 || code > 0xdbff)
			return code;
		*p = c + 12;
		return 0x10000 + ((code - 0xd800) << 10) +
		    ((uint32_t)hex_unit(c + 8, c + 12) - 0xdc00);
	}
	if (*c == '\\') {
		const char *letter = strchr(letters, c[1]);

		*p = c + 2;
		return letter ? (uint32_t)meaning[letter - letters] : c[1];
	}

	len = utf8_len(c, c + 4); /* it was checked: nothing is cut off */
	*p = c + len;
	if (len == 1)
		return *c;
	code = *c & (0x7fu >> len);
	for (size_t i = 1; i < len; i++)
		code = code << 6 | (c[i] & 0x3f);
	return code;
}

static int
member_compare(const struct scan *s, const struct member *a,
    const struct member *b)
{
	const unsigned char *pa = s->text + a->at;
	const unsigned char *pb = s->text + b->at;
	uint32_t ca;
	uint32_t cb;

	if (a->object != b->object)
		return a->object < b->object ? -1 : 1;
	do {
		ca = next_character(&pa);
		cb = next_character(&pb);
	} while (ca == cb && ca != 0);

	return ca == cb ? 0 : ca < cb ? -1 : 1;
}

static void
sift_down(struct scan *s, size_t root, size_t count)
{
	struct member *m = s->members;

	for (;;) {
		size_t child = 2 * root + 1;
		struct member kept = m[root];

		if (child >= count)
			return;
		if (child + 1 < count &&
		    member_compare(s, &m[child], &m[child + 1]) < 0)
			child++;
		if (member_compare(s, &m[root], &m[child]) >= 0)
			return;
		m[root] = m[child];
		m[child] = kept;
		root = child;
	}
}

/*
 * Two members of one object with one name.  A heap sort, because its worst
 * case is n log n for whatever names an attacker thinks of, and it needs no
 * memory.
 */
static bool
find_duplicates(struct scan *s)
{
	size_t count = s->member_count;
	struct member *m = s->members;

	for (size_t i = count / 2; i > 0; i--)
		sift_down(s, i - 1, count);
	for (size_t left = count; left > 1; left--) {
		struct member last = m[left - 1];

		m[left - 1] = m[0];
		m[0] = last;
		sift_down(s, 0, left - 1);
	}

	for (size_t i = 1; i < count; i++) {
		uint32_t later = m[i].at;

		if (member_compare(s, &m[i - 1], &m[i]) != 0)
			continue;
		if (m[i - 1].at > later)
			later = m[i - 1].at;
		return wrong_here(s, s->text + later - 1,
		    "a member's name stands twice in an object");
	}
	return true;
}

const char *
json_check(const char *text, size_t len, int depth_max, size_t *ret_at)
{
	struct scan s;

	assert(depth_max >= 0 && depth_max <= JSON_DEPTH_LIMIT);
	assert(len <= UINT32_MAX);

	s.text = (const unsigned char *)text;
	s.p = s.text;
	s.end = s.text + len;
	s.wrong = NULL;
	s.wrong_at = s.text;
	s.depth = 0;
	s.depth_max = depth_max;
	s.objects = 0;
	s.member_count = 0;

	if (scan_document(&s) && find_duplicates(&s))
		return NULL;

	*ret_at = (size_t)(s.wrong_at - s.text);
	return s.wrong;
}

/* What an ASCII character is written as, or NULL when it stands for itself. */
static const char *
short_escape(unsigned char c)
{
	switch (c) {
	case '"':
		return "\\\"";
	case '\\':
		return "\\\\";
	case '\b':
		return "\\b";
	case '\f':
		return "\\f";
	case '\n':
		return "\\n";
	case '\r':
		return "\\r";
	case '\t':
		return "\\t";
	default:
		return NULL;
	}
}

/* Write one character that may not stand for itself; the bytes it took, or 0
 * when it may. */
static size_t
put_escaped(struct buf *out, const unsigned char *p, size_t len)
{
	const char *escape = short_escape(*p);

	if (len == 0) { /* not UTF-8: never pass it on */
		buf_puts(out, "\\ufffd");
		return 1;
	}
	if (escape) {
		buf_puts(out, escape);
		return 1;
	}
	if (*p < 0x20 || *p == 0x7f) {
		buf_printf(out, "\\u%04x", *p);
		return 1;
	}
	/* Line ends to JavaScript, though not to JSON. */
	if (len == 3 && p[0] == 0xe2 && p[1] == 0x80 &&
	    (p[2] == 0xa8 || p[2] == 0xa9)) {
		buf_puts(out, p[2] == 0xa8 ? "\\u2028" : "\\u2029");
		return 3;
	}
	return 0;
}

void
json_put_text(struct buf *out, const char *text)
{
	const unsigned char *p = (const unsigned char *)text;
	const unsigned char *end = p + strlen(text);
	const unsigned char *plain = p; /* not yet written */

	buf_putc(out, '"');
	while (p < end) {
		size_t len = utf8_len(p, end);
		size_t before = (size_t)(p - plain);
		size_t taken;

		/* Most text needs no escape and is written in one piece. */
		if (len == 1 && *p >= 0x20 && *p != '"' && *p != '\\' &&
		    *p != 0x7f) {
			p++;
			continue;
		}
		buf_put(out, plain, before);
		taken = put_escaped(out, p, len);
		if (taken == 0) {
			buf_put(out, p, len);
			taken = len;
		}
		p += taken;
		plain = p;
	}
	buf_put(out, plain, (size_t)(p - plain));
	buf_putc(out, '"');
}

void
json_put_uuid(struct buf *out, const struct uuid *id)
{
	char text[UUID_TEXT_MAX];

	buf_printf(out, "\"%s\"", uuid_format(id, text));
}

void
json_put_instant(struct buf *out, int64_t us)
{
	char text[INSTANT_TEXT_MAX];

	buf_printf(out, "\"%s\"", instant_format(us, text));
}

void
json_put_date(struct buf *out, int64_t day)
{
	char text[DATE_TEXT_MAX];

	buf_printf(out, "\"%s\"", date_format(day, text));
}

void
json_put_int(struct buf *out, int64_t value)
{
	buf_printf(out, "%" PRId64, value);
}

void
json_put_money(struct buf *out, int64_t hundredths)
{
	/* The magnitude of INT64_MIN has no int64_t, hence unsigned. */
	uint64_t size = hundredths < 0 ? 0 - (uint64_t)hundredths
	    : (uint64_t)hundredths;

	buf_printf(out, "%s%" PRIu64 ".%02" PRIu64, hundredths < 0 ? "-" : "",
	    size / 100, size % 100);
}
