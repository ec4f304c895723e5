/* forms_availability.c: the tables of days, slots and starts. */
#include "app/forms.h"

#include "app/forms_rows.h"

static const char *const closed_reasons[] = { "closed_day", "not_operating",
	"beyond_horizon", "past", NULL };

/* clang-format off */

static const struct field hours_rows[] = {
	{ "open", FIELD_CLOCK, MUST, 0, 0, AT(hours, open), NULL, NULL,
	  "Opening time, local.", "\"08:00\"" },
	{ "close", FIELD_CLOCK, MUST, 0, 0, AT(hours, close), NULL, NULL,
	  "Closing time, local; 24:00 is midnight.", "\"18:00\"" },
};
FORM(hours, "OperatingHours", hours, hours_rows,
    "Opening hours in the franchise's time zone.", NULL);

static const struct field slot_rows[] = {
	{ "start_time", FIELD_CLOCK, MUST, 0, 0, AT(slot, start_time), NULL,
	  NULL, "Start, local.", "\"09:00\"" },
	{ "end_time", FIELD_CLOCK, MUST, 0, 0, AT(slot, end_time), NULL, NULL,
	  "End, local.", "\"10:00\"" },
	{ "start_datetime", FIELD_INSTANT, MUST, 0, 0, AT(slot, start_us),
	  NULL, NULL, "Start as an instant.", EX_START },
	{ "end_datetime", FIELD_INSTANT, MUST, 0, 0, AT(slot, end_us), NULL,
	  NULL, "End as an instant.", "\"2027-01-15T10:00:00Z\"" },
	{ "available_capacity", FIELD_INT, MUST, 0, 100000,
	  AT(slot, available_capacity), NULL, NULL, "Places that are left.",
	  "5" },
	{ "rate", FIELD_MONEY, MUST, 0, RATE_MAX, AT(slot, rate), NULL, NULL,
	  "Price of one hour for one child.", "15.00" },
	{ "peak", FIELD_BOOL, MUST, 0, 0, AT(slot, peak), NULL, NULL,
	  "Whether the peak rate holds.", "false" },
};
FORM(day_slot, "Slot", slot, slot_rows, "A stretch of time that can be booked.",
    NULL);

static const struct field pricing_rows[] = {
	{ "standard_rate", FIELD_MONEY, MUST, 0, RATE_MAX,
	  AT(pricing, standard_rate), NULL, NULL,
	  "Price of one hour for one child.", "15.00" },
	{ "peak_hour_rate", FIELD_MONEY, MUST, 0, RATE_MAX,
	  AT(pricing, peak_hour_rate), NULL, NULL,
	  "The same inside a peak window.", "22.50" },
	{ "currency", FIELD_TEXT, MUST, 3, 3, AT(pricing, currency), NULL,
	  NULL, "ISO 4217 code.", "\"USD\"" },
};
FORM(pricing, "Pricing", pricing, pricing_rows, "Rates of a franchise.",
    NULL);

static const struct field availability_rows[] = {
	{ "franchise_id", FIELD_UUID, MUST, 0, 0,
	  AT(availability, franchise_id), NULL, NULL, "The franchise.",
	  EX_FRANCHISE },
	{ "date", FIELD_DATE, MUST, 0, 0, AT(availability, date), NULL, NULL,
	  "The local date.", "\"2027-01-15\"" },
	{ "time_zone", FIELD_TEXT, MUST, 1, 64, AT(availability, time_zone),
	  NULL, NULL, "IANA name of the franchise's time zone.",
	  "\"Atlantic/Reykjavik\"" },
	{ "operating_hours", FIELD_OBJECT, ALWAYS, 0, 0,
	  AT(availability, operating_hours), &form_hours, NULL,
	  "Opening hours of that day; null when closed.", NULL },
	{ "closed_reason", FIELD_WORD, ALWAYS, 0, 0,
	  AT(availability, closed_reason), NULL, closed_reasons,
	  "Why nothing can be booked that day, or null.", "null" },
	{ "available_slots", FIELD_LIST, MUST, 0, 200,
	  AT(availability, available_slots), &form_day_slot, NULL,
	  "The slots that can still be booked, in order.", NULL },
	{ "pricing", FIELD_OBJECT, MUST, 0, 0, AT(availability, pricing),
	  &form_pricing, NULL, "Rates of the franchise.", NULL },
	{ "slot_minutes", FIELD_INT, MUST, 1, 60,
	  AT(availability, slot_minutes), NULL, NULL,
	  "Length of a slot: bookings start and end on this grid.", "60" },
	{ "as_of", FIELD_INSTANT, MUST, 0, 0, AT(availability, as_of_us), NULL,
	  NULL, "When this was read.", "\"2027-01-10T10:00:00Z\"" },
};
FORM(availability, "Availability", availability, availability_rows,
    "What is free on one day.", NULL);

static const struct field availability_query_rows[] = {
	{ "date", FIELD_DATE, 0, 0, 0, AT(availability_query, date), NULL,
	  NULL, "A local date of the franchise; today there when left out.",
	  "\"2027-01-15\"" },
};
FORM(availability_query, "AvailabilityQuery", availability_query,
    availability_query_rows, "Which day.", NULL);

static const struct field slots_query_rows[] = {
	{ "date", FIELD_DATE, 0, 0, 0, AT(slots_query, date), NULL, NULL,
	  "The first local date; today there when left out.",
	  "\"2027-01-15\"" },
	{ "days", FIELD_INT, 0, 1, 31, AT(slots_query, days), NULL, NULL,
	  "How many days to look at; 1 when left out.", "7" },
	{ "children", FIELD_INT, 0, 1, CHILDREN_MAX, AT(slots_query, children),
	  NULL, NULL, "For how many children; 1 when left out.", "2" },
	{ "hours", FIELD_INT, 0, 1, 24, AT(slots_query, hours), NULL, NULL,
	  "How long the stay is; one slot when left out.", "8" },
};
FORM(slots_query, "SlotsQuery", slots_query, slots_query_rows,
    "What to look for.", NULL);

static const struct field bookable_start_rows[] = {
	{ "date", FIELD_DATE, MUST, 0, 0, AT(bookable_start, date), NULL, NULL,
	  "The local date.", "\"2027-01-15\"" },
	{ "start_time", FIELD_CLOCK, MUST, 0, 0,
	  AT(bookable_start, start_time), NULL, NULL, "Start, local.",
	  "\"09:00\"" },
	{ "end_time", FIELD_CLOCK, MUST, 0, 0, AT(bookable_start, end_time),
	  NULL, NULL, "End, local.", "\"17:00\"" },
	{ "start_datetime", FIELD_INSTANT, MUST, 0, 0,
	  AT(bookable_start, start_us), NULL, NULL, "Start as an instant.",
	  EX_START },
	{ "end_datetime", FIELD_INSTANT, MUST, 0, 0,
	  AT(bookable_start, end_us), NULL, NULL, "End as an instant.",
	  EX_END },
	{ "available_capacity", FIELD_INT, MUST, 0, 100000,
	  AT(bookable_start, available_capacity), NULL, NULL,
	  "Places that are left over the whole stay.", "5" },
	{ "total_amount", FIELD_MONEY, MUST, 0, MONEY_MAX,
	  AT(bookable_start, total_amount), NULL, NULL,
	  "What the stay costs for all children.", "120.00" },
};
FORM(bookable_start, "BookableStart", bookable_start, bookable_start_rows,
    "A stay that can be booked.", NULL);

static const struct field slots_answer_rows[] = {
	{ "franchise_id", FIELD_UUID, MUST, 0, 0,
	  AT(slots_answer, franchise_id), NULL, NULL, "The franchise.",
	  EX_FRANCHISE },
	{ "time_zone", FIELD_TEXT, MUST, 1, 64, AT(slots_answer, time_zone),
	  NULL, NULL, "IANA name of the franchise's time zone.",
	  "\"Atlantic/Reykjavik\"" },
	{ "currency", FIELD_TEXT, MUST, 3, 3, AT(slots_answer, currency), NULL,
	  NULL, "ISO 4217 code of the amounts.", "\"USD\"" },
	{ "children", FIELD_INT, MUST, 1, CHILDREN_MAX,
	  AT(slots_answer, children), NULL, NULL, "For how many children.",
	  "1" },
	{ "minutes", FIELD_INT, MUST, 1, 1500, AT(slots_answer, minutes), NULL,
	  NULL, "Length of the stay.", "480" },
	{ "data", FIELD_LIST, MUST, 0, 6200, AT(slots_answer, data),
	  &form_bookable_start, NULL, "The stays, in order.", NULL },
	{ "has_more", FIELD_BOOL, MUST, 0, 0, AT(slots_answer, has_more), NULL,
	  NULL, "Always false: the days bound the list.", "false" },
	{ "next_cursor", FIELD_TEXT, ALWAYS, 0, 512,
	  AT(slots_answer, next_cursor), NULL, NULL, "Always null.", "null" },
	{ "as_of", FIELD_INSTANT, MUST, 0, 0, AT(slots_answer, as_of_us), NULL,
	  NULL, "When this was read.", "\"2027-01-10T10:00:00Z\"" },
};
FORM(slots_answer, "BookableStarts", slots_answer, slots_answer_rows,
    "Stays that can be booked over some days.", NULL);

/* clang-format on */
