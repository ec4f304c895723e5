/* test_log.c: one JSON line per event. */
#include "base/log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <json-c/json.h>

#include "base/clock.h"
#include "unit/unit.h"

#define HEAD \
	"{\"time\":\"2024-01-15T09:00:00Z\",\"level\":\"info\"," \
	"\"program\":\"test\",\"event\":\"e\""

/* A datagram socket keeps each write apart, so that two writes for one line
 * would be seen as two. */
struct sink {
	int fd[2];
	char line[2 * LOG_LINE_MAX];
};

static void
sink_open(struct sink *sink, enum log_level least)
{
	CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_DGRAM, 0, sink->fd), 0);
	log_open("test", least, sink->fd[1]);
	clock_fix_wall(1705309200 * USEC_PER_SEC);
}

static void
sink_close(struct sink *sink)
{
	log_open("", LOG_INFO, STDERR_FILENO);
	clock_fix_wall(0);
	close(sink->fd[0]);
	close(sink->fd[1]);
}

/* What one write brought, or "" when nothing was written. */
static const char *
sink_next(struct sink *sink)
{
	ssize_t got = recv(sink->fd[0], sink->line, sizeof sink->line - 1,
	    MSG_DONTWAIT);

	sink->line[got > 0 ? got : 0] = '\0';
	return sink->line;
}

static void
an_event_is_one_line_in_one_write(void)
{
	struct sink sink;

	sink_open(&sink, LOG_INFO);
	log_event(LOG_INFO, "e", log_text("route", "/v1/x"),
	    log_int("ms", -3), log_text("none", NULL),
	    log_int("big", INT64_MIN));
	CU_ASSERT_STRING_EQUAL(sink_next(&sink),
	    HEAD ",\"route\":\"/v1/x\",\"ms\":-3,\"none\":null,"
	         "\"big\":-9223372036854775808}\n");
	CU_ASSERT_STRING_EQUAL(sink_next(&sink), "");
	sink_close(&sink);
}

static void
the_list_of_fields_ends_at_its_count_or_at_a_missing_name(void)
{
	const struct log_field fields[] = { log_int("a", 1), { 0 },
		log_int("b", 2) };
	struct sink sink;

	sink_open(&sink, LOG_INFO);
	log_fields(LOG_INFO, "e", fields, 3);
	CU_ASSERT_STRING_EQUAL(sink_next(&sink), HEAD ",\"a\":1}\n");
	log_fields(LOG_INFO, "e", NULL, 0);
	CU_ASSERT_STRING_EQUAL(sink_next(&sink), HEAD "}\n");
	sink_close(&sink);
}

static void
events_below_the_level_are_not_written(void)
{
	struct sink sink;

	sink_open(&sink, LOG_WARN);
	log_event(LOG_DEBUG, "e", log_int("a", 1));
	log_event(LOG_INFO, "e", log_int("a", 1));
	CU_ASSERT_STRING_EQUAL(sink_next(&sink), "");
	log_event(LOG_WARN, "e", log_int("a", 1));
	CU_ASSERT_PTR_NOT_NULL(strstr(sink_next(&sink), "\"warn\""));
	log_event(LOG_ERROR, "e", log_int("a", 1));
	CU_ASSERT_PTR_NOT_NULL(strstr(sink_next(&sink), "\"error\""));
	sink_close(&sink);
}

static void
whatever_a_terminal_could_obey_is_escaped(void)
{
	static const struct {
		const char *text;
		const char *want;
	} rows[] = {
		{ "a\"b\\c/", "a\\\"b\\\\c/" },
		{ "a\r\nb\tc", "a\\u000d\\u000ab\\u0009c" },
		{ "\x1b[31m\x7f", "\\u001b[31m\\u007f" },
		{ "\xc2\x9b", "\\u009b" },
		{ "\xe2\x80\xa8\xe2\x80\xa9", "\\u2028\\u2029" },
		{ "\xe2\x80\xae", "\\u202e" },
		{ "J\xc3\xb3n", "J\\u00f3n" },
		{ "\xf0\x9f\x98\x80", "\\ud83d\\ude00" },
		{ "\xf4\x8f\xbf\xbf", "\\udbff\\udfff" },
		{ "a\xff", "a\\ufffd" },
		{ "\xc3", "\\ufffd" },
		{ "\xc3(", "\\ufffd(" },
		{ "\xf0\x9f\x98", "\\ufffd\\ufffd\\ufffd" },
		{ "\xed\xa0\x80", "\\ufffd\\ufffd\\ufffd" },
		{ "\xc0\xaf", "\\ufffd\\ufffd" },
		{ "\xf8z", "\\ufffdz" },
	};
	struct sink sink;
	char want[LOG_LINE_MAX];

	sink_open(&sink, LOG_INFO);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		log_event(LOG_INFO, "e", log_text("t", rows[i].text));
		snprintf(want, sizeof want, HEAD ",\"t\":\"%s\"}\n",
		    rows[i].want);
		CU_ASSERT_STRING_EQUAL(sink_next(&sink), want);
	}
	log_event(LOG_INFO, "e", log_int("a\"\n", 1));
	CU_ASSERT_STRING_EQUAL(sink_next(&sink),
	    HEAD ",\"a\\\"\\u000a\":1}\n");
	sink_close(&sink);
}

/* One line of JSON whose text `t` begins `text`; whether it says it was cut. */
static bool
check_cut_line(const char *line, const char *text)
{
	struct json_object *object = json_tokener_parse(line);
	struct json_object *t = NULL;
	const char *kept;
	bool cut;

	CU_ASSERT_PTR_NOT_NULL_FATAL(object);
	CU_ASSERT_TRUE(strlen(line) <= LOG_LINE_MAX);
	CU_ASSERT_PTR_EQUAL(strchr(line, '\n'), line + strlen(line) - 1);
	cut = json_object_get_boolean(json_object_object_get(object, "cut"));
	CU_ASSERT_TRUE(json_object_object_get_ex(object, "t", &t) || cut);
	if (t) {
		kept = json_object_get_string(t);
		CU_ASSERT_EQUAL(strncmp(kept, text, strlen(kept)), 0);
		CU_ASSERT_TRUE(cut || strcmp(kept, text) == 0);
	}
	json_object_put(object);
	return cut;
}

/* Every length around the end of the line, with characters of every width. */
static void
a_line_too_long_is_cut_but_stays_json_and_says_so(void)
{
	static const char *const units[] = { "x", "\"", "\n",
		"\xf0\x9f\x98\x80" };
	struct sink sink;

	sink_open(&sink, LOG_INFO);
	for (size_t u = 0; u < sizeof units / sizeof units[0]; u++) {
		char text[2 * LOG_LINE_MAX] = "";
		size_t unit = strlen(units[u]);
		int cuts = 0, wholes = 0;

		for (size_t n = 0; n + unit < 2100; n += unit) {
			memcpy(text + n, units[u], unit + 1);
			log_event(LOG_INFO, "e", log_text("t", text),
			    log_int("after", 1));
			if (check_cut_line(sink_next(&sink), text))
				cuts++;
			else
				wholes++;
		}
		CU_ASSERT_TRUE(cuts > 0);
		CU_ASSERT_TRUE(wholes > 0);
	}
	CU_ASSERT_STRING_EQUAL(sink_next(&sink), "");
	sink_close(&sink);
}

static void
a_long_name_or_event_cannot_break_the_line(void)
{
	struct sink sink;
	char huge[3 * LOG_LINE_MAX];

	memset(huge, 'y', sizeof huge - 1);
	huge[sizeof huge - 1] = '\0';
	sink_open(&sink, LOG_INFO);
	log_event(LOG_INFO, "e", log_text(huge, "v"), log_int("after", 1));
	CU_ASSERT_STRING_EQUAL(sink_next(&sink), HEAD ",\"cut\":true}\n");
	log_event(LOG_INFO, huge, log_int("after", 1));
	CU_ASSERT_TRUE(check_cut_line(sink_next(&sink), ""));
	sink_close(&sink);
}

static void
a_log_that_cannot_be_written_changes_nothing(void)
{
	log_open("test", LOG_INFO, -1);
	errno = ENOENT;
	log_event(LOG_ERROR, "e", log_int("a", 1));
	CU_ASSERT_EQUAL(errno, ENOENT);
	log_open("", LOG_INFO, STDERR_FILENO);
}

UNIT_SUITE(log, UNIT_TEST(an_event_is_one_line_in_one_write),
    UNIT_TEST(the_list_of_fields_ends_at_its_count_or_at_a_missing_name),
    UNIT_TEST(events_below_the_level_are_not_written),
    UNIT_TEST(whatever_a_terminal_could_obey_is_escaped),
    UNIT_TEST(a_line_too_long_is_cut_but_stays_json_and_says_so),
    UNIT_TEST(a_long_name_or_event_cannot_break_the_line),
    UNIT_TEST(a_log_that_cannot_be_written_changes_nothing))
