/* conditional.c: entity tags: If-Match, If-None-Match, ETag. */
#include "http/conditional.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/codec.h"
#include "base/crypto.h"
#include "http/response.h"

#define ETAG_BYTES 8
#define VERSION_DIGITS_MAX 18
#define LAPSED ".lapsed"

/* One tag of a list, without W/ and quotes. */
struct tag {
	bool weak;
	const char *text;
	size_t len;
};

static const char *
skip_blank(const char *p)
{
	return p + strspn(p, " \t");
}

/* RFC 9110 8.8.3: etagc is anything visible but the quote. */
static bool
is_tag_char(unsigned char c)
{
	return c == 0x21 || (c >= 0x23 && c != 0x7f);
}

/*
 * The next tag of a comma-separated list; *p moves behind it and its comma.
 * Empty elements are passed over.  false: the end, or (with *ret_bad) no tag.
 */
static bool
next_tag(const char **p, struct tag *ret_tag, bool *ret_bad)
{
	struct tag tag = { 0 };
	const char *at = *p;

	while (*(at = skip_blank(at)) == ',')
		at++;
	*p = at;
	if (!*at)
		return false;

	*ret_bad = true;
	if (strncmp(at, "W/", 2) == 0) {
		tag.weak = true;
		at += 2;
	}
	if (*at++ != '"')
		return false;
	tag.text = at;
	while (is_tag_char((unsigned char)*at))
		at++;
	tag.len = (size_t)(at - tag.text);
	if (*at++ != '"')
		return false;
	at = skip_blank(at);
	if (*at && *at != ',')
		return false;

	*ret_bad = false;
	*ret_tag = tag;
	*p = at;
	return true;
}

/* Digits without a leading zero at p; how many, 0 when there is no number. */
static size_t
take_number(const char *p, size_t len, int64_t *ret_number)
{
	int64_t number = 0;
	size_t i = 0;

	while (i < len && p[i] >= '0' && p[i] <= '9' && i < VERSION_DIGITS_MAX)
		number = number * 10 + (p[i++] - '0');
	if (i == 0 || p[0] == '0')
		return 0;
	*ret_number = number;
	return i;
}

/* Only the forms we print ourselves. */
static bool
version_of(const struct tag *tag, int64_t *ret_version)
{
	const char *p = tag->text;
	size_t len = tag->len;
	int64_t picture;
	int64_t version;
	size_t n;

	if (tag->weak)
		return false;
	if (len > strlen(LAPSED) && memcmp(p + len - strlen(LAPSED), LAPSED,
	    strlen(LAPSED)) == 0)
		len -= strlen(LAPSED);
	n = take_number(p, len, &version);
	if (n == 0)
		return false;
	if (n < len) {
		size_t left = len - n - 1;

		if (p[n] != '.' || left == 0 ||
		    take_number(p + n + 1, left, &picture) != left)
			return false;
	}
	*ret_version = version;
	return true;
}

bool
conditional_if_match(const char *value, struct if_match *ret_match)
{
	struct if_match match = { 0 };
	struct tag tag;
	size_t seen = 0;
	bool bad = false;

	if (!value) {
		*ret_match = match;
		return true;
	}
	match.given = true;
	value = skip_blank(value);
	if (*value == '*' && !*skip_blank(value + 1)) {
		match.any = true;
		*ret_match = match;
		return true;
	}

	while (seen < IF_MATCH_MAX && next_tag(&value, &tag, &bad)) {
		seen++;
		if (version_of(&tag, &match.versions[match.count]))
			match.count++;
	}
	if (bad || seen == 0 || *value)
		return false;
	*ret_match = match;
	return true;
}

bool
conditional_none_match(const char *value, const char *etag)
{
	size_t len = strlen(etag);
	struct tag tag;
	bool bad = false;
	bool found = false;

	value = skip_blank(value);
	if (*value == '*' && !*skip_blank(value + 1))
		return true;
	while (next_tag(&value, &tag, &bad)) {
		if (tag.len + 2 == len &&
		    memcmp(tag.text, etag + 1, tag.len) == 0)
			found = true;
	}
	return found && !bad;
}

const char *
conditional_tag(int64_t version, int64_t picture, bool lapsed,
    char out[CONDITIONAL_TAG_MAX])
{
	const char *end = lapsed ? LAPSED : "";

	if (picture > 0)
		(void)snprintf(out, CONDITIONAL_TAG_MAX, "\"%" PRId64
		    ".%" PRId64 "%s\"", version, picture, end);
	else
		(void)snprintf(out, CONDITIONAL_TAG_MAX, "\"%" PRId64 "%s\"",
		    version, end);
	return out;
}

void
conditional_etag_version(struct response *res, int64_t version,
    int64_t picture, bool lapsed)
{
	char tag[CONDITIONAL_TAG_MAX];

	response_header(res, "ETag", "%s",
	    conditional_tag(version, picture, lapsed, tag));
}

void
conditional_etag_body(struct response *res)
{
	uint8_t digest[SHA256_LEN];

	crypto_sha256(res->body.data, res->body.len, digest);
	response_header(res, "ETag", "\"%s\"",
	    codec_hex(res->arena, digest, ETAG_BYTES));
}
