/* booking_rates.c: give the hours of a booking the rates they were booked at. */
#include "app/booking_rates.h"

#include <string.h>

#include "app/forms.h"
#include "base/arena.h"
#include "base/form.h"
#include "base/scope.h"
#include "domain/day.h"

struct priced {
	struct list lines;
};

static const struct field priced_fields[] = {
	{ "lines", FIELD_LIST, FIELD_REQUIRED, .max = DAY_LINES_MAX,
	    .offset = offsetof(struct priced, lines),
	    .form = &form_line_item },
};
static const struct form form_priced = { .name = "Priced",
	.size = sizeof(struct priced), .fields = priced_fields,
	.count = ARRAY_LEN(priced_fields) };

static void
keep_line(struct day *day, const struct line_item *line)
{
	/* A slot has another length than then: its price must still divide. */
	if (line->rate * day->slot_minutes % 60 != 0)
		return;
	for (size_t i = 0; i < day->starts.count; i++) {
		int64_t start_us = day->starts.items[i];

		if (start_us < line->start_us || start_us >= line->end_us)
			continue;
		day->rates.items[i] = line->rate;
		day->peaks.items[i] = line->peak;
	}
}

enum err
booking_rates_keep(struct scope *sc, const char *lines, struct day *day)
{
	const char *text = arena_printf(sc->arena, "{\"lines\":%s}", lines);
	const struct line_item *items;
	struct priced priced;

	if (form_read_answer(sc, "a booking", &form_priced, text, strlen(text),
	    &priced))
		return scope_fail(sc, ERR_CORRUPT, "the lines of a price do "
		    "not add up");

	items = priced.lines.items;
	for (size_t i = 0; i < priced.lines.count; i++)
		keep_line(day, &items[i]);
	return ERR_OK;
}
