/* cache_url.c: read the address of Redis, strictly. */
#include "store/cache_url.h"

#include <stddef.h>
#include <string.h>

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* Copy text[0..len) decoded; there is no arena yet when settings are read. */
static bool
take_word(const char *text, size_t len, char *out, size_t out_max)
{
	size_t used = 0;

	for (size_t i = 0; i < len; i++) {
		char c = text[i];

		if (c == '%') {
			int high = i + 2 < len ? hex_digit(text[i + 1]) : -1;
			int low = high >= 0 ? hex_digit(text[i + 2]) : -1;

			if (low < 0)
				return false;
			c = (char)(high * 16 + low);
			i += 2;
		}
		if (c == '\0' || used + 1 >= out_max)
			return false;
		out[used++] = c;
	}
	out[used] = '\0';

	return true;
}

static bool
take_number(const char *text, size_t len, int least, int most, int *ret_number)
{
	int number = 0;

	if (len == 0 || len > 5)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		number = number * 10 + (text[i] - '0');
	}
	if (number < least || number > most)
		return false;

	*ret_number = number;
	return true;
}

static bool
take_login(const char *text, size_t len, struct cache_url *url)
{
	const char *colon = memchr(text, ':', len);
	size_t user_len = colon ? (size_t)(colon - text) : 0;

	if (!colon || user_len + 1 == len)
		return false;
	if (!take_word(text, user_len, url->user, sizeof url->user))
		return false;

	return take_word(colon + 1, len - user_len - 1, url->password,
	    sizeof url->password);
}

static bool
take_host(const char *text, size_t len, struct cache_url *url)
{
	const char *end;
	size_t host_len;
	size_t skip = 0;

	if (len > 0 && text[0] == '[') {
		end = memchr(text, ']', len);
		if (!end)
			return false;
		skip = 1;
		host_len = (size_t)(end - text) - 1;
		end++;
	} else {
		end = memchr(text, ':', len);
		if (!end)
			end = text + len;
		host_len = (size_t)(end - text);
	}
	if (host_len == 0 || host_len >= sizeof url->host)
		return false;
	memcpy(url->host, text + skip, host_len);
	url->host[host_len] = '\0';

	if (end == text + len)
		return true;
	if (*end != ':')
		return false;
	return take_number(end + 1, len - (size_t)(end + 1 - text), 1, 65535,
	    &url->port);
}

static bool
take_redis(const char *rest, struct cache_url *url)
{
	size_t len = strcspn(rest, "/");
	const char *at = memrchr(rest, '@', len);
	const char *host = at ? at + 1 : rest;
	const char *db = rest + len;

	/* What follows ? or # is not known to us: refuse, do not guess. */
	if (strpbrk(host, "?#"))
		return false;
	if (at && !take_login(rest, (size_t)(at - rest), url))
		return false;
	if (!take_host(host, len - (size_t)(host - rest), url))
		return false;
	if (db[0] == '\0' || db[1] == '\0')
		return true;

	return take_number(db + 1, strlen(db + 1), 0, CACHE_URL_DB_MAX,
	    &url->db);
}

bool
cache_url_parse(const char *text, struct cache_url *ret_url)
{
	struct cache_url url = { .port = CACHE_URL_PORT };
	bool good = false;

	if (text[0] == '\0')
		good = true;
	else if (strncmp(text, "redis://", 8) == 0)
		good = take_redis(text + 8, &url);
	else if (strncmp(text, "unix:///", 8) == 0)
		good = text[8] != '\0' && take_word(text + 7,
		    strlen(text + 7), url.path, sizeof url.path);

	if (good)
		*ret_url = url;
	return good;
}
