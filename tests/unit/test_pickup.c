/* test_pickup.c: who may take a child home, by what a parent typed. */
#include "domain/pickup.h"

#include <stdio.h>

#include "base/arena.h"
#include "base/compiler.h"
#include "unit/unit.h"

#define MEMORY ((size_t)256 * 1024)

static void
a_name_on_the_list_is_found_however_it_is_typed(void)
{
	static const struct {
		const char *list;
		const char *name;
	} rows[] = {
		{ "John Doe, Jane Doe", "Jane Doe" },
		{ "John Doe, Jane Doe", "  jane\tDOE " },
		{ "Jane Doe", "Jane Doe" },
		{ "John Doe;Jane Doe", "Jane Doe" },
		{ "John Doe\nJane Doe\n", "Jane Doe" },
		{ "John Doe and Jane Doe", "Jane Doe" },
		{ "John Doe AND Jane Doe and Jim Doe", "Jim Doe" },
		{ "John Doe or Jane Doe", "John Doe" },
		{ "John Doe & Jane Doe", "Jane Doe" },
		{ "John Doe/Jane Doe", "John Doe" },
		{ "- John Doe\n- Jane Doe", "Jane Doe" },
		{ "1. John Doe\n2. Jane Doe", "John Doe" },
		{ "John Doe (father), Jane Doe (aunt, from work)", "Jane Doe" },
		{ "John Doe (Grandfather)", "John Doe" },
		{ "John Doe (grandfather +47 555 0199)", "John Doe" },
		{ "John Doe (husband of my mother), Jane", "John Doe" },
		{ "John Doe (step-father), Jane", "John Doe" },
		{ "John Doe (), Jane", "John Doe" },
		{ "(Uncle) John Doe, Jane", "John Doe" },
		{ "Jane Doe +47 555 0199, John", "Jane Doe" },
		{ "Jane Doe (+47 555 0199), John", "Jane Doe" },
		{ "Jane Doe (555) 555-0199, John", "Jane Doe" },
		{ "Jane Doe 555-0199, John", "Jane Doe" },
		{ "Jane Doe +49 (0) 30 5550199, John", "Jane Doe" },
		{ "Jane Doe, 555-0199, John", "Jane Doe" },
		{ "+47 555 0199 Jane Doe, John", "Jane Doe" },
		{ "Jane Doe (tel.: 030 5550199), John", "Jane Doe" },
		{ "Jane Doe 22334455, John", "Jane Doe" },
		{ "Dr. Jane Doe", "dr. jane doe" },
		{ "John Doe Jr., Jane", "John Doe Jr" },
		{ "Zo\xc3\xab O'Neil-Smith", "ZOE\xcc\x88 o'neil-smith" },
		/* commas and letters of full width */
		{ "\xef\xbc\xaa\xef\xbd\x8f\xef\xbc\x8c Jane", "Jo" },
		/* a telephone's apostrophe, a hyphen or none */
		{ "Sin\xc3\xa9" "ad O'Neil, John", "Sin\xc3\xa9" "ad O\xe2\x80\x99Neil" },
		{ "John, Ed O\xe2\x80\x99Neil", "ed o'neil" },
		{ "Anne Marie Doe, John", "Anne-Marie Doe" },
		{ "Anne\xe2\x80\x90Marie Doe, John", "Anne Marie Doe" },
		{ "Grandma, John", "grandma" },
		{ ", ,Jane Doe,,", "Jane Doe" },
		{ "Sandy Orlando", "Sandy Orlando" }, /* no "and", no "or" */
	};
	struct arena *arena = arena_open(MEMORY);

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (!pickup_allows(arena, rows[i].list, rows[i].name))
			fprintf(stderr, "%s is not found\n", rows[i].name);
		CU_ASSERT_TRUE(pickup_allows(arena, rows[i].list,
		    rows[i].name));
	}
	arena_close(arena);
}

static void
nobody_else_is(void)
{
	static const struct {
		const char *list;
		const char *name;
	} rows[] = {
		{ NULL, "John Doe" },
		{ "", "John Doe" },
		{ "John Doe", "" },
		{ "John Doe, 12", "12" }, /* a number is no name */
		{ "John Doe", "John" },
		{ "John Doe", "Doe" },
		{ "John Doe", "John  Does" },
		{ "John Doe, Jane Doe", "John Doe, Jane Doe" },
		{ "John Doe and Jane Doe", "John Doe and Jane Doe" },
		{ "John Doe (not Tom Doe), Jane", "Tom Doe" },
		{ "John Doe (Tom Doe, Jane Doe", "Jane Doe" },
		{ "John Doe (father)", "father" },
	};
	struct arena *arena = arena_open(MEMORY);

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		CU_ASSERT_FALSE(pickup_allows(arena, rows[i].list,
		    rows[i].name));
	arena_close(arena);
}

static void
a_text_that_is_more_than_names_allows_nobody(void)
{
	static const char *const prose[] = {
		"not Bob Doe, Tom Doe",
		"Do not release to: Bob Doe, Tom Doe",
		"Don't let Bob come, Tom Doe",
		"Don\xe2\x80\x99t let Bob come, Tom Doe",
		"Everybody but Bob Doe, Tom Doe",
		"anyone except Bob, Tom Doe",
		"No strangers, Tom Doe",
		"Allowed: Tom Doe, Jane Doe",
		"Tom Doe, never Bob",
		"Tom Doe, only on Mondays",
		"Tom Doe, whoever my brother in law may send then",
		"Is it Bob?, Tom Doe",
		"Tom Doe, [Bob]",
		"Tom Doe, call me if it is Bob",
		"Tom Doe, Bob (my brother",
		"Tom Doe, until Friday",
		"Tom Doe, no longer",
		"Tom Doe, -not- any more",
		"Tom Doe.Not after five",
		"Tom Doe, {any more}",
		"Tom Doe, cannot",
		"Tom Doe, can't",
		"Tom Doe, isn\xe2\x80\x99t allowed",
		"Tom Doe, forbidden",
		"Tom Doe, after work",
		"Tom Doe, on Mondays",
		"Tom Doe, with a passport",
		"Tom Doe, please call first",
	};
	struct arena *arena = arena_open(MEMORY);

	for (size_t i = 0; i < ARRAY_LEN(prose); i++) {
		if (pickup_allows(arena, prose[i], "Tom Doe"))
			fprintf(stderr, "%s allows\n", prose[i]);
		CU_ASSERT_FALSE(pickup_allows(arena, prose[i], "Tom Doe"));
	}
	/* Six words are a name, seven are not. */
	CU_ASSERT_TRUE(pickup_allows(arena, "Tom, a b c d e f", "Tom"));
	CU_ASSERT_FALSE(pickup_allows(arena, "Tom, a b c d e f g", "Tom"));
	arena_close(arena);
}

/* Whom a parent took off the list stands on it still, with a note. */
static void
a_note_that_may_exclude_somebody_allows_nobody(void)
{
	static const char *const lists[] = {
		"Tom Doe (NOT allowed any more), Jane Doe",
		"Tom Doe (no longer), Jane Doe",
		"Tom Doe (only with the mother's call), Jane Doe",
		"Tom Doe (not), Jane Doe",
		"Tom Doe (the father (not)), Jane Doe",
		"Tom Doe ((not) the father), Jane Doe",
		"Tom Doe (father)(not), Jane Doe",
		"Tom Doe (father/not), Jane Doe",
		"Tom Doe (\xef\xbc\xae\xef\xbc\xaf\xef\xbc\xb4), Jane Doe",
		"Tom Doe \xef\xbc\x88not\xef\xbc\x89, Jane Doe",
		"Tom Doe (nicht mehr), Jane Doe",
		"Tom Doe (until Friday), Jane Doe",
		"Tom Doe (Mondays), Jane Doe",
		"Tom Doe (ex-husband), Jane Doe",
		"Tom Doe (banned), Jane Doe",
		"Tom Doe (ask me first), Jane Doe",
		"Tom Doe (call father), Jane Doe",
		"Tom Doe (\xe2\x9c\x97), Jane Doe",
		"Tom Doe (-), Jane Doe",
		"Tom Doe (*), Jane Doe",
		"Tom Doe (father?), Jane Doe",
		"Tom Doe (father ..), Jane Doe",
		"Tom Doe father), Jane Doe",
		/* the end of a permission, or its hours */
		"Tom Doe (31.12.2024), Jane Doe",
		"Tom Doe (2024-12-31), Jane Doe",
		"Tom Doe (1.1.-31.12.), Jane Doe",
		"Tom Doe (0800-1700), Jane Doe",
		"Tom Doe (8.00-17.00), Jane Doe",
		"Tom Doe (10.10.-12.12), Jane Doe",
		"Tom Doe (17), Jane Doe",
		"Tom Doe 31.12.2024, Jane Doe",
		"Tom Doe 0800-1700, Jane Doe",
		"Tom Doe, Jane Doe 17",
		"Tom Doe, Jane Doe, 17",
		"Tom Doe 31122024, Jane Doe",
		"Tom Doe 20241231, Jane Doe",
		"Tom Doe 19991231, Jane Doe",
		"Tom Doe 31121999, Jane Doe",
		"Tom Doe +123, Jane Doe",
		"Tom Doe +1234567890123456, Jane Doe",
		"Tom Doe*, Jane Doe",
		"- Tom Doe\n+ Jane Doe",
		"123 Tom Doe, Jane Doe",
	};
	struct arena *arena = arena_open(MEMORY);

	for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
		if (pickup_allows(arena, lists[i], "Tom Doe"))
			fprintf(stderr, "%s allows\n", lists[i]);
		CU_ASSERT_FALSE(pickup_allows(arena, lists[i], "Tom Doe"));
		/* What says more than names is for a person to read. */
		CU_ASSERT_FALSE(pickup_allows(arena, lists[i], "Jane Doe"));
	}
	arena_close(arena);
}

static void
two_names_are_the_same_as_people_mean_it(void)
{
	struct arena *arena = arena_open(MEMORY);

	CU_ASSERT_TRUE(pickup_same(arena, "John Doe", " JOHN  doe."));
	CU_ASSERT_FALSE(pickup_same(arena, "John Doe", "Jon Doe"));
	CU_ASSERT_FALSE(pickup_same(arena, "", ""));
	CU_ASSERT_FALSE(pickup_same(arena, "12", "12"));
	arena_close(arena);
}

UNIT_SUITE(pickup, UNIT_TEST(a_name_on_the_list_is_found_however_it_is_typed),
    UNIT_TEST(nobody_else_is),
    UNIT_TEST(a_text_that_is_more_than_names_allows_nobody),
    UNIT_TEST(a_note_that_may_exclude_somebody_allows_nobody),
    UNIT_TEST(two_names_are_the_same_as_people_mean_it))
