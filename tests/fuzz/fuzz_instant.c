/* fuzz_instant.c: any text as an instant, a date, and the date of HTTP. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/instant.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What was read must be written so that it reads the same. */
static void
try_instant(const char *text)
{
	char written[INSTANT_TEXT_MAX];
	int64_t us, again;

	if (!instant_parse(text, &us))
		return;
	if (!instant_parse(instant_format(us, written), &again) || again != us)
		abort();
}

/* A date has one text only. */
static void
try_date(const char *text)
{
	char written[DATE_TEXT_MAX];
	int64_t day;
	int weekday;

	if (!date_parse(text, &day))
		return;
	if (strcmp(date_format(day, written), text) != 0)
		abort();
	weekday = date_weekday(day);
	if (weekday < 1 || weekday > 7 || date_weekday(day + 7) != weekday)
		abort();
}

/* It has one form only, and its parts are those of the instant. */
static void
try_http(const char *text)
{
	char written[INSTANT_TEXT_MAX];
	int64_t us;

	if (!instant_parse_http(text, &us))
		return;
	if (strlen(text) != strlen("Sun, 06 Nov 1994 08:49:37 GMT"))
		abort();
	instant_format(us, written);
	if (strncmp(text + 17, written + 11, 8) != 0 ||
	    strncmp(text + 12, written, 4) != 0 ||
	    strncmp(text + 5, written + 8, 2) != 0)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* Of exactly its size, so that a look beyond the NUL is found. */
	char *text = malloc(size + 1);

	if (!text)
		return 0;
	if (size > 0)
		memcpy(text, data, size);
	text[size] = '\0';
	try_instant(text);
	try_date(text);
	try_http(text);
	free(text);
	return 0;
}
