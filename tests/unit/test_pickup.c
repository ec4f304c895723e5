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
		{ "John Doe ((f) of x), Jane", "John Doe" },
		{ "Jane Doe +47 555 0199, John", "Jane Doe" },
		{ "Dr. Jane Doe", "dr. jane doe" },
		{ "John Doe Jr., Jane", "John Doe Jr" },
		{ "Zo\xc3\xab O'Neil-Smith", "ZOE\xcc\x88 o'neil-smith" },
		/* commas and letters of full width */
		{ "\xef\xbc\xaa\xef\xbd\x8f\xef\xbc\x8c Jane", "Jo" },
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
    UNIT_TEST(two_names_are_the_same_as_people_mean_it))
