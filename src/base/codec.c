/*
 * codec.c: bytes as text and back: hex, base64url, percent, UTF-8.
 */
#include "base/codec.h"

#include <string.h>

#include "base/arena.h"

static const char hex_lower[] = "0123456789abcdef";
static const char hex_upper[] = "0123456789ABCDEF";
static const char b64url[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static int
hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* -1 when the two characters are not a byte in hex. */
static int
hex_byte(const char *text)
{
	int high = hex_value(text[0]);
	int low = high < 0 ? -1 : hex_value(text[1]);

	return low < 0 ? -1 : high * 16 + low;
}

char *
codec_hex(struct arena *arena, const void *data, size_t len)
{
	const uint8_t *bytes = data;
	char *text = arena_array(arena, len + 1, 2);

	for (size_t i = 0; i < len; i++) {
		text[2 * i] = hex_lower[bytes[i] >> 4];
		text[2 * i + 1] = hex_lower[bytes[i] & 0x0f];
	}
	return text;
}

bool
codec_unhex(struct arena *arena, const char *text, size_t len,
    uint8_t **ret_data, size_t *ret_len)
{
	uint8_t *data;

	if (len % 2 != 0)
		return false;

	data = arena_alloc(arena, len / 2 + 1);
	for (size_t i = 0; i < len / 2; i++) {
		int byte = hex_byte(text + 2 * i);

		if (byte < 0)
			return false;
		data[i] = (uint8_t)byte;
	}
	*ret_data = data;
	*ret_len = len / 2;
	return true;
}

char *
codec_b64url(struct arena *arena, const void *data, size_t len)
{
	const uint8_t *bytes = data;
	char *text = arena_array(arena, len / 3 + 1, 4);
	char *at = text;

	for (size_t i = 0; i < len; i += 3) {
		size_t have = len - i < 3 ? len - i : 3;
		unsigned group = (unsigned)bytes[i] << 16;

		if (have > 1)
			group |= (unsigned)bytes[i + 1] << 8;
		if (have > 2)
			group |= bytes[i + 2];
		for (size_t k = 0; k <= have; k++)
			*at++ = b64url[group >> (18 - 6 * k) & 0x3f];
	}
	/* A last group of three characters leaves one byte for the NUL; a
	 * full one is followed by the spare group. */
	*at = '\0';
	return text;
}

static int
b64url_value(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '-')
		return 62;
	return c == '_' ? 63 : -1;
}

bool
codec_unb64url(struct arena *arena, const char *text, size_t len,
    uint8_t **ret_data, size_t *ret_len)
{
	unsigned pending = 0;
	unsigned bits = 0;
	size_t done = 0;
	uint8_t *data;

	if (len % 4 == 1)
		return false;

	data = arena_alloc(arena, len / 4 * 3 + 3);
	for (size_t i = 0; i < len; i++) {
		int value = b64url_value(text[i]);

		if (value < 0)
			return false;
		pending = pending << 6 | (unsigned)value;
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			data[done++] = (uint8_t)(pending >> bits);
			pending &= (1u << bits) - 1;
		}
	}
	/* Left-over bits that are not zero: a second spelling of the same. */
	if (pending != 0)
		return false;

	*ret_data = data;
	*ret_len = done;
	return true;
}

bool
codec_unpercent(struct arena *arena, const char *text, size_t len, bool plus,
    char **ret_text)
{
	char *out = arena_alloc(arena, len + 1);
	size_t done = 0;

	for (size_t i = 0; i < len; i++) {
		int byte = (unsigned char)text[i];

		if (byte == '%') {
			byte = len - i > 2 ? hex_byte(text + i + 1) : -1;
			i += 2;
		} else if (byte == '+' && plus) {
			byte = ' ';
		}
		/* A NUL would hide what follows it from C. */
		if (byte <= 0)
			return false;
		out[done++] = (char)byte;
	}
	if (!codec_utf8_valid(out, done))
		return false;

	*ret_text = out;
	return true;
}

static bool
is_unreserved(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
	    (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' ||
	    c == '~';
}

char *
codec_percent(struct arena *arena, const char *text)
{
	char *out = arena_array(arena, strlen(text) + 1, 3);
	char *at = out;

	for (; *text; text++) {
		unsigned char byte = (unsigned char)*text;

		if (is_unreserved(*text)) {
			*at++ = *text;
			continue;
		}
		*at++ = '%';
		*at++ = hex_upper[byte >> 4];
		*at++ = hex_upper[byte & 0x0f];
	}
	return out;
}

/* The length of the sequence a byte opens, 0 when it may open none, and the
 * range of the byte after it: that is where overlong forms, surrogates and
 * what lies above U+10FFFF are told apart (RFC 3629 section 4). */
static size_t
utf8_lead(uint8_t lead, uint8_t *ret_low, uint8_t *ret_high)
{
	*ret_low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
	*ret_high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
	if (lead < 0x80)
		return 1;
	if (lead < 0xc2 || lead > 0xf4)
		return 0;
	return lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
}

bool
codec_utf8_valid(const void *data, size_t len)
{
	const uint8_t *at = data;

	while (len > 0) {
		uint8_t low, high;
		size_t n = utf8_lead(*at, &low, &high);

		if (n == 0 || n > len)
			return false;
		if (n > 1 && (at[1] < low || at[1] > high))
			return false;
		for (size_t i = 2; i < n; i++) {
			if (at[i] < 0x80 || at[i] > 0xbf)
				return false;
		}
		at += n;
		len -= n;
	}
	return true;
}

size_t
codec_utf8_count(const char *text)
{
	size_t count = 0;

	for (; *text; text++) {
		if (((unsigned char)*text & 0xc0) != 0x80)
			count++;
	}
	return count;
}
