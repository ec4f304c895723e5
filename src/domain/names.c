/* names.c: fold names, e-mail and network addresses. */
#include "domain/names.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include <unicase.h>
#include <unictype.h>
#include <uninorm.h>
#include <unistr.h>

#include "base/arena.h"

/* Without what nobody sees: soft hyphens, joiners, zero-width spaces (UAX 31,
 * NFKC_Casefold). */
static uint8_t *
drop_unseen(struct arena *arena, const char *name, size_t *ret_len)
{
	const uint8_t *text = (const uint8_t *)name;
	size_t len = strlen(name);
	uint8_t *out = arena_alloc(arena, len + 1);
	size_t used = 0;

	for (size_t i = 0; i < len;) {
		ucs4_t c;
		int n = u8_mbtouc(&c, text + i, len - i);

		if (!uc_is_property(c,
		        UC_PROPERTY_DEFAULT_IGNORABLE_CODE_POINT)) {
			memcpy(out + used, text + i, (size_t)n);
			used += (size_t)n;
		}
		i += (size_t)n;
	}
	*ret_len = used;
	return out;
}

/* White space becomes one space between words and nothing at the ends. */
static char *
fold_spaces(struct arena *arena, const uint8_t *text, size_t len)
{
	char *out = arena_alloc(arena, len + 1);
	size_t used = 0;
	bool gap = false;

	for (size_t i = 0; i < len;) {
		ucs4_t c;
		int n = u8_mbtouc(&c, text + i, len - i);

		if (uc_is_property(c, UC_PROPERTY_WHITE_SPACE)) {
			gap = used > 0;
		} else {
			if (gap)
				out[used++] = ' ';
			gap = false;
			memcpy(out + used, text + i, (size_t)n);
			used += (size_t)n;
		}
		i += (size_t)n;
	}
	out[used] = '\0';
	return out;
}

char *
names_normal(struct arena *arena, const char *name)
{
	size_t len;
	const uint8_t *seen = drop_unseen(arena, name, &len);
	uint8_t *folded = u8_casefold(seen, len, NULL, UNINORM_NFKC, NULL,
	    &len);

	/* A name that is not folded would be another child. */
	if (!folded)
		arena_give_up(arena);
	arena_defer(arena, free, folded);

	return fold_spaces(arena, folded, len);
}

char *
names_email(struct arena *arena, const char *email)
{
	char *out = arena_strdup(arena, email);

	for (char *p = out; *p; p++) {
		if (*p >= 'A' && *p <= 'Z')
			*p = (char)(*p - 'A' + 'a');
	}
	return out;
}

char *
names_network(struct arena *arena, const char *address)
{
	char text[INET6_ADDRSTRLEN];
	struct in6_addr in6;

	if (inet_pton(AF_INET6, address, &in6) != 1)
		return arena_strdup(arena, address);
	if (IN6_IS_ADDR_V4MAPPED(&in6)) {
		(void)inet_ntop(AF_INET, in6.s6_addr + 12, text, sizeof text);
		return arena_strdup(arena, text);
	}

	memset(in6.s6_addr + 8, 0, 8);
	(void)inet_ntop(AF_INET6, &in6, text, sizeof text);
	return arena_printf(arena, "%s/64", text);
}
