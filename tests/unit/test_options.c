/* test_options.c: a command line read by a table. */
#include "ctl/options.h"

#include <stdint.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/form.h"
#include "base/instant.h"
#include "base/uuid.h"
#include "unit/unit.h"

#define CEILING ((size_t)4 * 1024 * 1024)
#define WORDS_MAX 40
#define ID "00000000-0000-4000-8000-000000000001"

struct values {
	struct uuid who;
	const char *where;
	bool loud;
	const char *name;
	int64_t count;
	int64_t price;
	const char *open;
	int64_t day;
	int64_t at;
	int64_t active;
	struct texts tags;
};

#define AT(field) .offset = offsetof(struct values, field)

static const struct option_spec specs[] = {
	{ .name = "WHO", .type = OPTION_UUID, .required = true, AT(who),
	    .help = "Who." },
	{ .name = "WHERE", .type = OPTION_TEXT, .max = 5, AT(where),
	    .help = "Where." },
	{ .name = "loud", .type = OPTION_FLAG, AT(loud), .help = "Loud." },
	{ .name = "name", .type = OPTION_TEXT, .metavar = "NAME", .min = 1,
	    .max = 5, AT(name), .help = "Name." },
	{ .name = "count", .type = OPTION_INT, .metavar = "N", .min = 2,
	    .max = 20, AT(count), .help = "Count." },
	{ .name = "price", .type = OPTION_MONEY, .metavar = "AMOUNT",
	    .max = 99999, AT(price), .help = "Price." },
	{ .name = "open", .type = OPTION_CLOCK, .metavar = "HH:MM", AT(open),
	    .help = "Open." },
	{ .name = "day", .type = OPTION_DATE, .metavar = "DAY", AT(day),
	    .help = "Day." },
	{ .name = "at", .type = OPTION_INSTANT, .metavar = "INSTANT", AT(at),
	    .help = "At." },
	{ .name = "active", .type = OPTION_SWITCH, .metavar = "on|off",
	    AT(active), .help = "Active." },
	{ .name = "tag", .type = OPTION_TEXTS, .metavar = "TAG", .min = 1,
	    .max = 9, AT(tags), .help = "Tag." },
};

static const struct command command = {
	.name = "try it",
	.text = "Tries it.",
	.options = specs,
	.count = ARRAY_LEN(specs),
	.size = sizeof(struct values),
};

struct try {
	struct arena *arena;
	struct values values;
	bool help;
	char why[256];
};

/* A line of words parted by blanks; "_" stands for an empty word. */
static bool
read_line(struct try *t, const char *line)
{
	char *words[WORDS_MAX];
	int count = 0;

	*t = (struct try){ .arena = arena_open(CEILING) };
	while (*line && count < WORDS_MAX) {
		size_t len = strcspn(line, " ");

		words[count] = arena_strndup(t->arena, line, len);
		if (strcmp(words[count], "_") == 0)
			words[count][0] = '\0';
		count++;
		line += len + (line[len] == ' ');
	}
	memset(&t->values, 0x5a, sizeof t->values);
	return options_read(&command, t->arena, count, words, &t->values,
	    &t->help, t->why, sizeof t->why);
}

static void
what_is_not_given_is_absent(void)
{
	struct try t;

	CU_ASSERT(read_line(&t, ID));
	CU_ASSERT_EQUAL(t.values.who.b[15], 1);
	CU_ASSERT_PTR_NULL(t.values.where);
	CU_ASSERT_FALSE(t.values.loud);
	CU_ASSERT_PTR_NULL(t.values.name);
	CU_ASSERT_EQUAL(t.values.count, NONE);
	CU_ASSERT_EQUAL(t.values.price, NONE);
	CU_ASSERT_PTR_NULL(t.values.open);
	CU_ASSERT_EQUAL(t.values.day, NONE);
	CU_ASSERT_EQUAL(t.values.at, NONE);
	CU_ASSERT_EQUAL(t.values.active, NONE);
	CU_ASSERT_PTR_NULL(t.values.tags.items);
	CU_ASSERT_FALSE(t.help);
	arena_close(t.arena);
}

static void
values_come_behind_a_blank_or_an_equals_sign_in_any_order(void)
{
	struct try t;

	CU_ASSERT(read_line(&t, "--tag a --count=7 " ID " --loud --price 15.5 "
	    "here --open 24:00 --day=2028-02-29 --at 1970-01-01T00:00:01Z "
	    "--tag b --active off --name \xc3\xa9t\xc3\xa9s"));
	CU_ASSERT_STRING_EQUAL(t.values.where, "here");
	CU_ASSERT(t.values.loud);
	CU_ASSERT_STRING_EQUAL(t.values.name, "\xc3\xa9t\xc3\xa9s");
	CU_ASSERT_EQUAL(t.values.count, 7);
	CU_ASSERT_EQUAL(t.values.price, 1550);
	CU_ASSERT_STRING_EQUAL(t.values.open, "24:00");
	CU_ASSERT_EQUAL(t.values.day, 21243);
	CU_ASSERT_EQUAL(t.values.at, 1000000);
	CU_ASSERT_EQUAL(t.values.active, 0);
	CU_ASSERT_EQUAL_FATAL(t.values.tags.count, 2);
	CU_ASSERT_STRING_EQUAL(t.values.tags.items[1], "b");
	arena_close(t.arena);
}

static void
each_faulty_line_is_refused_in_a_sentence_that_names_the_option(void)
{
	static const struct {
		const char *line;
		const char *why;
	} cases[] = {
		{ "", "WHO is missing" },
		{ "--loud", "WHO is missing" },
		{ "first", "WHO must be an id such as " ID },
		{ ID " here too", "\"too\" is one word too many" },
		{ ID " --nome x", "there is no option --nome" },
		{ ID " --nam x", "there is no option --nam" },
		{ ID " --names=x", "there is no option --names" },
		{ ID " --WHO x", "there is no option --WHO" },
		{ ID " --loud=on", "--loud takes no value" },
		{ ID " --name", "--name needs a value" },
		{ ID " --count 3 --count 4", "--count is there twice" },
		{ ID " --name _", "--name must be of 1 to 5 characters" },
		{ ID " --name=abcdef", "--name must be of 1 to 5 characters" },
		{ ID " --name \xc3", "--name is not UTF-8" },
		{ ID " --name a\tb", "--name may not hold control characters" },
		{ ID " --count 1", "--count must be from 2 to 20" },
		{ ID " --count 21", "--count must be from 2 to 20" },
		{ ID " --count -3", "--count must be a whole number" },
		{ ID " --count 3x", "--count must be a whole number" },
		{ ID " --count 9999999999999999999",
		    "--count must be a whole number" },
		{ ID " --price 1000", "--price must be from 0.00 to 999.99" },
		{ ID " --price 1.", "--price must be an amount such as 15 or "
		    "22.50" },
		{ ID " --price 1.001", "--price must be an amount such as 15 "
		    "or 22.50" },
		{ ID " --price .5", "--price must be an amount such as 15 or "
		    "22.50" },
		{ ID " --price -1", "--price must be an amount such as 15 or "
		    "22.50" },
		{ ID " --open 8:00", "--open must be a time such as 08:00" },
		{ ID " --open 08:60", "--open must be from 00:00 to 24:00" },
		{ ID " --open 24:01", "--open must be from 00:00 to 24:00" },
		{ ID " --day 2027-02-29",
		    "--day must be a date such as 2026-12-24" },
		{ ID " --at 2026-12-24", "--at must be an instant such as "
		    "2026-12-24T18:00:00Z" },
		{ ID " --active yes", "--active must be on or off" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct try t;

		CU_ASSERT_FALSE(read_line(&t, cases[i].line));
		CU_ASSERT_STRING_EQUAL(t.why, cases[i].why);
		arena_close(t.arena);
	}
}

static void
help_is_heard_whatever_else_is_wrong(void)
{
	static const char *const lines[] = { "--help", "-h", "x --nope --help",
		"--count --help" };

	for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
		struct try t;

		CU_ASSERT(read_line(&t, lines[i]));
		CU_ASSERT(t.help);
		CU_ASSERT_STRING_EQUAL(t.why, "");
		arena_close(t.arena);
	}
}

static void
an_option_is_not_repeated_without_end(void)
{
	char line[1024] = ID;
	size_t len = strlen(line);
	struct try t;

	for (int i = 0; i <= OPTION_TEXTS_MAX; i++) {
		memcpy(line + len, " --tag=x", 9);
		len += 8;
	}
	CU_ASSERT_FALSE(read_line(&t, line));
	CU_ASSERT_STRING_EQUAL(t.why, "--tag is there too often");
	arena_close(t.arena);
}

static void
the_manual_names_every_option_and_no_line_is_too_long(void)
{
	struct arena *arena = arena_open(CEILING);
	struct buf out;
	size_t column = 0;

	buf_init(&out, arena, CEILING);
	options_manual(&out, &command);
	for (size_t i = 0; i < ARRAY_LEN(specs); i++) {
		CU_ASSERT_PTR_NOT_NULL(strstr(out.data, specs[i].name));
		CU_ASSERT_PTR_NOT_NULL(strstr(out.data, specs[i].help));
	}
	CU_ASSERT_EQUAL(strncmp(out.data,
	    "Usage: bookingctl try it WHO [WHERE] [OPTION]...\n", 49), 0);
	options_fold(&out, 2, "many words that must be broken somewhere before "
	    "the line is longer than a terminal is wide, and not in a word");
	for (const char *p = out.data; *p; p++) {
		column = *p == '\n' ? 0 : column + 1;
		CU_ASSERT(column <= 78);
	}
	CU_ASSERT_FALSE(out.overflow);
	arena_close(arena);
}

UNIT_SUITE(options, UNIT_TEST(what_is_not_given_is_absent),
    UNIT_TEST(values_come_behind_a_blank_or_an_equals_sign_in_any_order),
    UNIT_TEST(each_faulty_line_is_refused_in_a_sentence_that_names_the_option),
    UNIT_TEST(help_is_heard_whatever_else_is_wrong),
    UNIT_TEST(an_option_is_not_repeated_without_end),
    UNIT_TEST(the_manual_names_every_option_and_no_line_is_too_long))
