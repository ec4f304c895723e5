/* pickup.c: a name against a list of names that a parent typed. */
#include "domain/pickup.h"

#include <stddef.h>
#include <string.h>

#include "base/arena.h"
#include "base/compiler.h"
#include "domain/names.h"

/* Around a name: list marks and telephone numbers. */
#define AROUND " -*.+0123456789"
#define SEPARATORS ",;&/|"
/* What no list of names holds. */
#define PROSE ":!?\"<>=()[]"
#define WORDS_MAX 6

/* One name, folded, without what stands around it. */
static char *
bare(char *text)
{
	size_t len;

	text += strspn(text, AROUND);
	len = strlen(text);
	while (len > 0 && strchr(AROUND, text[len - 1]))
		len--;
	text[len] = '\0';
	return text;
}

static char *
fold(struct arena *arena, const char *name)
{
	return bare(names_normal(arena, name));
}

bool
pickup_same(struct arena *arena, const char *a, const char *b)
{
	const char *x = fold(arena, a);

	return *x && strcmp(x, fold(arena, b)) == 0;
}

/* "(aunt, from work)" says something about a name, and is no name. */
static void
drop_notes(char *text)
{
	char *to = text;
	int depth = 0;

	for (const char *p = text; *p; p++) {
		if (*p == '(')
			depth++;
		if (depth == 0)
			*to++ = *p;
		else if (*p == ')')
			depth--;
	}
	/* One that is never closed: let the text be seen as prose. */
	if (depth > 0)
		*to++ = '(';
	*to = '\0';
}

/* A line is an entry; so is what stands on either side of "and". */
static char *
entries_of(struct arena *arena, const char *list)
{
	static const char *const joins[] = { " and ", " or " };
	char *text = arena_strdup(arena, list);

	for (char *p = text; *p; p++) {
		if (*p == '\n')
			*p = ',';
	}
	text = names_normal(arena, text);
	drop_notes(text);
	for (size_t i = 0; i < ARRAY_LEN(joins); i++) {
		char *at;

		while ((at = strstr(text, joins[i])) != NULL) {
			memset(at, ' ', strlen(joins[i]));
			*at = ',';
		}
	}
	return text;
}

static bool
is_stop_word(const char *word, size_t len)
{
	static const char *const words[] = { "not", "no", "never", "nobody",
		"except", "but", "without", "do", "don't", "don\u2019t",
		"only", "if", "unless" };

	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		if (strlen(words[i]) == len && memcmp(words[i], word, len) == 0)
			return true;
	}
	return false;
}

/* Could this be a name? */
static bool
is_name(const char *entry)
{
	int words = 0;

	if (strpbrk(entry, PROSE))
		return false;
	while (*entry) {
		size_t len = strcspn(entry, " ");

		if (is_stop_word(entry, len) || ++words > WORDS_MAX)
			return false;
		entry += len + strspn(entry + len, " ");
	}
	return true;
}

bool
pickup_allows(struct arena *arena, const char *list, const char *name)
{
	const char *wanted = fold(arena, name);
	bool found = false;
	char *text;

	if (!list || !*wanted)
		return false;
	text = entries_of(arena, list);
	while (*text) {
		size_t len = strcspn(text, SEPARATORS);
		char *entry = bare(arena_strndup(arena, text, len));

		if (!is_name(entry))
			return false;
		found = found || strcmp(entry, wanted) == 0;
		text += len + (text[len] != '\0');
	}
	return found;
}
