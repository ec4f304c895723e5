/* names.c: fold names and e-mail addresses. */
#include "domain/names.h"

#include <stdlib.h>
#include <string.h>

#include <unicase.h>
#include <unictype.h>
#include <uninorm.h>
#include <unistr.h>

#include "base/arena.h"

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
	uint8_t *folded = u8_casefold((const uint8_t *)name, strlen(name),
	    NULL, UNINORM_NFKC, NULL, &len);

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
