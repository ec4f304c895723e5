/* pickup.c: a name against a list of names that a parent typed. */
#include "domain/pickup.h"

#include <stddef.h>
#include <string.h>

#include "base/arena.h"
#include "base/compiler.h"
#include "domain/names.h"

/* Around a name: list marks and telephone numbers. */
#define AROUND " -*.+0123456789"
#define DIGITS "0123456789"
#define SEPARATORS ",;&/|"
/* What no list of names holds. */
#define PROSE ":!?\"<>=()[]{}"
/* Between the words of a name, of a note. */
#define GAPS " -._*"
#define NOTE_GAPS " ,;&/|"
#define WORDS_MAX 6
#define MARK_DIGITS_MAX 2 /* "12. Jane Doe" */
#define PHONE_DIGITS_MIN 7
#define PHONE_DIGITS_MAX 15 /* E.164 */

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

/* A folded name as any keyboard types it: telephones make another apostrophe of
 * ', and of two first names some make one with a hyphen. */
static const char *
typed_plainly(struct arena *arena, const char *name)
{
	static const struct {
		const char *fine;
		char plain;
	} marks[] = { { "\u2018", '\'' }, { "\u2019", '\'' },
		{ "\u02bc", '\'' }, { "`", '\'' },
		{ "\u2010", ' ' }, { "\u2013", ' ' }, { "-", ' ' } };
	char *text = arena_strdup(arena, name);
	char *to = text;

	while (*name) {
		size_t i = 0;

		while (i < ARRAY_LEN(marks) && strncmp(name, marks[i].fine,
		    strlen(marks[i].fine)) != 0)
			i++;
		*to++ = i < ARRAY_LEN(marks) ? marks[i].plain : *name;
		name += i < ARRAY_LEN(marks) ? strlen(marks[i].fine) : 1;
	}
	*to = '\0';
	return text;
}

static bool
alike(struct arena *arena, const char *a, const char *b)
{
	return strcmp(typed_plainly(arena, a), typed_plainly(arena, b)) == 0;
}

bool
pickup_same(struct arena *arena, const char *a, const char *b)
{
	const char *x = fold(arena, a);

	return *x && alike(arena, x, fold(arena, b));
}

static bool
is_one_of(const char *const *words, size_t count, const char *word, size_t len)
{
	for (size_t i = 0; i < count; i++) {
		if (strlen(words[i]) == len && memcmp(words[i], word, len) == 0)
			return true;
	}
	return false;
}

/* A word that says who somebody is, and cannot take a permission back. */
static bool
is_note_word(const char *word, size_t len)
{
	static const char *const words[] = { "mother", "mom", "mum", "mummy",
		"mama", "father", "dad", "daddy", "papa", "parent", "parents",
		"stepmother", "step-mother", "stepfather", "step-father",
		"grandmother", "grandma", "granny", "gran", "nan", "nana",
		"grandfather", "grandpa", "grandad", "granddad", "grandparent",
		"grandparents", "aunt", "auntie", "aunty", "uncle", "sister",
		"brother", "cousin", "niece", "nephew", "godmother",
		"godfather", "godparent", "guardian", "wife", "husband",
		"partner", "spouse", "nanny", "babysitter", "baby-sitter",
		"childminder", "sitter", "au", "pair", "au-pair", "neighbour",
		"neighbor", "friend", "colleague", "family", "teacher",
		"maternal", "paternal", "big", "elder", "older", "younger",
		"f", "m", "a", "an", "the", "my", "our", "his", "her", "their",
		"of", "from", "in-law", "law", "in", "and", "or", "child",
		"child's", "work", "home", "mobile", "cell", "phone",
		"telephone", "tel" };

	while (len > 0 && strchr(".:", word[len - 1]))
		len--;
	return is_one_of(words, ARRAY_LEN(words), word, len);
}

static bool
is_number(const char *word, size_t len)
{
	return strspn(word, "+-." DIGITS) >= len && strcspn(word, DIGITS) < len;
}

/*
 * "(aunt, from work)" says something about a name, and is no name.  A note is
 * passed over only when each of its words is known to be harmless: what else it
 * may say ("not any more", in whatever language) is for a person to read.  Its
 * numbers stay, without the brackets.  false: it may say anything.
 */
static bool
drop_note(const char *note, size_t len, char **to)
{
	const char *end = note + len;

	*(*to)++ = ' ';
	while (note < end) {
		size_t n = strcspn(note, NOTE_GAPS ")");

		if (is_number(note, n)) {
			memmove(*to, note, n);
			*to += n;
			*(*to)++ = ' ';
		} else if (n > 0 && !is_note_word(note, n)) {
			return false;
		}
		note += n + 1;
	}
	return true;
}

/* A note that is not plain, not closed or in another leaves its bracket: the
 * text is prose then. */
static void
drop_notes(char *text)
{
	char *to = text;

	while (*text) {
		size_t len = strcspn(text + 1, "()");

		if (*text != '(') {
			*to++ = *text++;
			continue;
		}
		if (text[1 + len] != ')' || !drop_note(text + 1, len, &to)) {
			*to++ = '(';
			break;
		}
		text += len + 2;
	}
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
		"none", "nor", "neither", "except", "but", "without", "do",
		"only", "if", "unless", "dont", "cannot", "cant", "isnt",
		"until", "till", "since", "from", "after", "before", "when",
		"while", "during", "longer", "any", "anymore", "anyone",
		"anybody", "everyone", "everybody", "allowed", "permitted",
		"authorised", "authorized", "banned", "barred", "blocked",
		"forbidden", "prohibited", "excluded", "removed", "revoked",
		"refused", "denied", "suspended", "former", "formerly", "ex",
		"with", "is", "must", "should", "please", "first", "me",
		"monday", "mondays", "tuesday", "tuesdays", "wednesday",
		"wednesdays", "thursday", "thursdays", "friday", "fridays",
		"saturday", "saturdays", "sunday", "sundays", "weekday",
		"weekdays", "weekend", "weekends" };
	/* "don't", "can't", "isn't" */
	static const char *const ends[] = { "n't", "n\u2019t" };

	for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
		size_t n = strlen(ends[i]);

		if (len > n && memcmp(word + len - n, ends[i], n) == 0)
			return true;
	}
	return is_one_of(words, ARRAY_LEN(words), word, len);
}

/* Could this be a name? */
static bool
is_name(const char *entry)
{
	int words = 0;

	if (strpbrk(entry, PROSE))
		return false;
	while (*entry) {
		size_t len = strcspn(entry, GAPS);
		size_t gap = strspn(entry + len, GAPS);

		if (is_stop_word(entry, len))
			return false;
		entry += len + gap;
		if (!*entry || memchr(entry - gap, ' ', gap))
			words++;
	}
	return words <= WORDS_MAX;
}

/* "2024", "20241231", "31122024" */
static bool
is_year(const char *digits, size_t len)
{
	const char *last = digits + len - 4;

	if (len != 4 && len != 8)
		return false;
	return memcmp(digits, "19", 2) == 0 || memcmp(digits, "20", 2) == 0 ||
	    memcmp(last, "19", 2) == 0 || memcmp(last, "20", 2) == 0;
}

/* A telephone number, and not a day or an hour: that could be the end of a
 * permission. */
static bool
is_phone(const char *text)
{
	bool plus = text[strspn(text, " -.")] == '+';
	size_t digits = 0, groups = 0, hours = 0, longest = 0;

	while (text[strcspn(text, DIGITS)]) {
		size_t len;

		text += strcspn(text, DIGITS);
		len = strspn(text, DIGITS);
		if (!plus && is_year(text, len))
			return false;
		digits += len;
		groups++;
		hours += len == 4;
		longest = len > longest ? len : longest;
		text += len;
	}
	if (digits < PHONE_DIGITS_MIN || digits > PHONE_DIGITS_MAX)
		return false;
	return plus || (longest > 2 && groups > hours);
}

/* Nothing but a mark of a list, or a telephone number. */
static bool
may_lead(const char *text, bool name)
{
	size_t digits = strspn(text + strcspn(text, DIGITS), DIGITS);

	if (!strpbrk(text, "+" DIGITS))
		return true;
	if (name && digits <= MARK_DIGITS_MAX && !strchr(text, '+'))
		return true;
	return is_phone(text);
}

/* An asterisk behind a name is explained elsewhere. */
static bool
may_follow(const char *text)
{
	return !strpbrk(text, "*+" DIGITS) || is_phone(text);
}

/* The entry without what stands around its name, which may be all of it.
 * false: more stands there than lists have. */
static bool
take_name(struct arena *arena, const char *entry, const char **ret_name)
{
	size_t lead = strspn(entry, AROUND);
	size_t end = strlen(entry);

	while (end > lead && strchr(AROUND, entry[end - 1]))
		end--;
	if (!may_lead(arena_strndup(arena, entry, lead), end > lead) ||
	    !may_follow(entry + end))
		return false;
	*ret_name = arena_strndup(arena, entry + lead, end - lead);
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
		const char *entry;

		if (!take_name(arena, arena_strndup(arena, text, len),
		    &entry) || !is_name(entry))
			return false;
		found = found || alike(arena, entry, wanted);
		text += len + (text[len] != '\0');
	}
	return found;
}
