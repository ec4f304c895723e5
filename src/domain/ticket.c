/* ticket.c: the text of a QR code, written and read; the short code. */
#include "domain/ticket.h"

#include <inttypes.h>
#include <string.h>

#include "base/arena.h"

#define PATH "/checkin/"
#define QUERY "?sig="
#define ID_LEN (UUID_TEXT_MAX - 1)
#define VERSION_DIGITS_MAX 9 /* it is an integer in Postgres */
#define CODE_LEN 8           /* without its dash */
#define B64URL "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz" \
	"0123456789-_"

char *
ticket_url(struct arena *arena, const char *base, const struct ticket *ticket)
{
	char id[UUID_TEXT_MAX];

	return arena_printf(arena, "%s" PATH "%s" QUERY "%" PRId64 ".%s.%s",
	    base, uuid_format(&ticket->reference, id), ticket->version,
	    ticket->key, ticket->mac);
}

static bool
take(const char **p, const char *word)
{
	size_t len = strlen(word);

	if (strncmp(*p, word, len) != 0)
		return false;
	*p += len;
	return true;
}

/* Exactly so many characters of base64url. */
static bool
take_b64url(const char **p, char *out, size_t len)
{
	if (strspn(*p, B64URL) != len)
		return false;
	memcpy(out, *p, len);
	out[len] = '\0';
	*p += len;
	return true;
}

/* From 1, without leading zeros. */
static bool
take_version(const char **p, int64_t *ret_version)
{
	size_t len = strspn(*p, "0123456789");
	int64_t version = 0;

	if (len < 1 || len > VERSION_DIGITS_MAX || **p == '0')
		return false;
	for (size_t i = 0; i < len; i++)
		version = version * 10 + ((*p)[i] - '0');
	*p += len;
	*ret_version = version;
	return true;
}

/* Hosts come and go, and the code on a printed sheet stays. */
static bool
skip_host(const char **p)
{
	const char *at = *p;

	if (!take(&at, "https://") && !take(&at, "http://"))
		return true;
	at = strchr(at, '/');
	if (!at || !take(&at, PATH))
		return false;
	*p = at;
	return true;
}

bool
ticket_parse(const char *text, struct ticket *ret_ticket)
{
	struct ticket t;
	char id[UUID_TEXT_MAX];
	const char *p = text;

	if (strnlen(text, TICKET_TEXT_MAX + 1) > TICKET_TEXT_MAX ||
	    !skip_host(&p) || strnlen(p, ID_LEN) < ID_LEN)
		return false;
	memcpy(id, p, ID_LEN);
	id[ID_LEN] = '\0';
	p += ID_LEN;
	if (!uuid_parse(id, &t.reference) || !take(&p, QUERY) ||
	    !take_version(&p, &t.version) || !take(&p, ".") ||
	    !take_b64url(&p, t.key, TICKET_KEY_LEN) || !take(&p, ".") ||
	    !take_b64url(&p, t.mac, TICKET_MAC_LEN) || *p != '\0')
		return false;

	*ret_ticket = t;
	return true;
}

char *
ticket_code(struct arena *arena, const char *text)
{
	char code[CODE_LEN];
	size_t len = 0;

	for (; *text; text++) {
		char c = *text;

		if (c == '-' || c == ' ')
			continue;
		if (c >= 'a' && c <= 'z')
			c = (char)(c - 'a' + 'A');
		if (len == CODE_LEN || !((c >= 'A' && c <= 'Z') ||
		    (c >= '0' && c <= '9')))
			return NULL;
		code[len++] = c;
	}
	if (len != CODE_LEN)
		return NULL;
	return arena_printf(arena, "%.4s-%.4s", code, code + 4);
}
