/* fuzz_ticket.c: any bytes as what a scanner saw, a short code, and a list of
 * names with a name to look for (behind the first newline). */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/codec.h"
#include "domain/pickup.h"
#include "domain/ticket.h"

#define CEILING ((size_t)64 * 1024 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
try_ticket(struct arena *arena, const char *text)
{
	struct ticket t = { .version = -1 };
	struct ticket back;
	const char *url;

	if (!ticket_parse(text, &t)) {
		if (t.version != -1)
			abort();
		return;
	}
	if (t.version < 1 || strlen(t.key) != TICKET_KEY_LEN ||
	    strlen(t.mac) != TICKET_MAC_LEN)
		abort();
	/* Written again it reads the same. */
	url = ticket_url(arena, "https://a", &t);
	if (!ticket_parse(url, &back) || back.version != t.version ||
	    !uuid_equal(&back.reference, &t.reference) ||
	    strcmp(back.key, t.key) != 0 || strcmp(back.mac, t.mac) != 0)
		abort();
}

static void
try_code(struct arena *arena, const char *text)
{
	const char *code = ticket_code(arena, text);

	if (code && (strlen(code) != 9 || code[4] != '-' ||
	    strcmp(ticket_code(arena, code), code) != 0))
		abort();
}

/* As a form lets it through: valid UTF-8. */
static void
try_names(struct arena *arena, char *text, size_t len)
{
	char *name = strchr(text, '\n');

	if (!codec_utf8_valid(text, len))
		return;
	if (name)
		*name++ = '\0';
	if (pickup_allows(arena, text, name ? name : text) &&
	    !pickup_same(arena, name ? name : text, name ? name : text))
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena = arena_open(CEILING);
	char *text;

	if (!arena)
		return 0;
	text = arena_strndup(arena, (const char *)data, size);
	try_ticket(arena, text);
	try_code(arena, text);
	try_names(arena, text, strlen(text));
	arena_close(arena);
	return 0;
}
