/* forms_franchises.c: the tables of franchises. */
#include "app/forms.h"

#include "app/forms_rows.h"

/* clang-format off */

static const struct field peak_window_rows[] = {
	{ "weekdays", FIELD_INTS, MUST, 1, 7, AT(peak_window, weekdays), NULL,
	  NULL, "ISO weekdays: 1 is Monday, 7 is Sunday.", "[1,2,3,4,5]" },
	{ "start_time", FIELD_CLOCK, MUST, 0, 0, AT(peak_window, start), NULL,
	  NULL, "Start, local.", "\"07:00\"" },
	{ "end_time", FIELD_CLOCK, MUST, 0, 0, AT(peak_window, end), NULL,
	  NULL, "End, local.", "\"09:00\"" },
};
FORM(peak_window, "PeakWindow", peak_window, peak_window_rows,
    "Hours at the peak rate.", NULL);

static const struct field closed_day_rows[] = {
	{ "date", FIELD_DATE, MUST, 0, 0, AT(closed_day, date), NULL, NULL,
	  "The local date.", "\"2027-12-25\"" },
	{ "reason", FIELD_TEXT, ALWAYS, 0, 200, AT(closed_day, reason), NULL,
	  NULL, "Why, or null.", "\"Christmas Day\"" },
};
FORM(closed_day, "ClosedDay", closed_day, closed_day_rows,
    "A day on which the franchise is closed.", NULL);

static const struct field franchise_rows[] = {
	{ "franchise_id", FIELD_UUID, MUST, 0, 0, AT(franchise, franchise_id),
	  NULL, NULL, "Names the franchise in this API.", EX_FRANCHISE },
	{ "name", FIELD_TEXT, MUST, 1, 100, AT(franchise, name), NULL, NULL,
	  "Its name.", "\"Harbour House\"" },
	{ "address", FIELD_TEXT, MUST | FIELD_MULTILINE, 1, 1000,
	  AT(franchise, address), NULL, NULL, "Street and number.",
	  "\"12 Harbour Street\"" },
	{ "city", FIELD_TEXT, MUST, 1, 50, AT(franchise, city), NULL, NULL,
	  "City.", "\"Reykjavik\"" },
	{ "postal_code", FIELD_TEXT, MUST, 1, 10, AT(franchise, postal_code),
	  NULL, NULL, "Postal code.", "\"101\"" },
	{ "time_zone", FIELD_TEXT, MUST, 1, 64, AT(franchise, time_zone), NULL,
	  NULL, "IANA name of its time zone.", "\"Atlantic/Reykjavik\"" },
	{ "max_capacity", FIELD_INT, MUST, 0, 100000,
	  AT(franchise, max_capacity), NULL, NULL,
	  "How many children it looks after at a time.", "20" },
	{ "pricing", FIELD_OBJECT, MUST, 0, 0, AT(franchise, pricing),
	  &form_pricing, NULL, "Rates.", NULL },
	{ "operating_hours", FIELD_OBJECT, MUST, 0, 0,
	  AT(franchise, operating_hours), &form_hours, NULL,
	  "Opening hours on operating days.", NULL },
	{ "operating_days", FIELD_INTS, MUST, 0, 7,
	  AT(franchise, operating_days), NULL, NULL,
	  "ISO weekdays on which it opens: 1 is Monday, 7 is Sunday.",
	  "[1,2,3,4,5]" },
	{ "slot_minutes", FIELD_INT, MUST, 1, 60, AT(franchise, slot_minutes),
	  NULL, NULL, "Grid on which bookings start and end.", "60" },
	{ "lead_minutes", FIELD_INT, MUST, 0, 525600,
	  AT(franchise, lead_minutes), NULL, NULL,
	  "How long before its start a booking must be made.", "0" },
	{ "horizon_days", FIELD_INT, MUST, 1, 3660,
	  AT(franchise, horizon_days), NULL, NULL,
	  "How many days ahead can be booked.", "180" },
	{ "peak_windows", FIELD_LIST, MUST, 0, 100,
	  AT(franchise, peak_windows), &form_peak_window, NULL,
	  "Hours at the peak rate.", NULL },
	{ "cancellation_policy", FIELD_LIST, MUST, 0, 16,
	  AT(franchise, cancellation_policy), &form_cancel_tier, NULL,
	  "What is paid back, by the hours left before the start.", NULL },
	{ "cancellation_fee", FIELD_MONEY, MUST, 0, RATE_MAX,
	  AT(franchise, cancellation_fee), NULL, NULL,
	  "Kept from every refund.", "20.00" },
	{ "stripe_account", FIELD_TEXT, 0, 6, 100,
	  AT(franchise, stripe_account), NULL, NULL, "The connected account on "
	  "which payments are made, for Stripe's script; absent: ours.",
	  "\"acct_1Harbour\"" },
	{ "closed_days", FIELD_LIST, MUST, 0, 366, AT(franchise, closed_days),
	  &form_closed_day, NULL, "The next holidays, from today on: in a list "
	  "ten at most.", NULL },
};
FORM(franchise, "Franchise", franchise, franchise_rows,
    "A location where children are looked after.", NULL);

static const struct field franchise_query_rows[] = {
	{ "city", FIELD_TEXT, 0, 1, 50, AT(franchise_query, city), NULL, NULL,
	  "Only in this city (case does not matter).", "\"Reykjavik\"" },
	{ "postal_code", FIELD_TEXT, 0, 1, 10,
	  AT(franchise_query, postal_code), NULL, NULL,
	  "Only with this postal code.", "\"101\"" },
	{ "limit", FIELD_INT, 0, 1, 100, AT(franchise_query, limit), NULL,
	  NULL, "How many to answer at most; 20 when left out.", "20" },
	{ "cursor", FIELD_TEXT, 0, 1, CURSOR_MAX, AT(franchise_query, cursor),
	  NULL, NULL, "The next_cursor of the page before.", NULL },
};
FORM(franchise_query, "FranchiseQuery", franchise_query, franchise_query_rows,
    "Which franchises to list.", NULL);

static const struct field franchise_page_rows[] = {
	PAGE_ROWS(form_franchise)
};
FORM(franchise_page, "FranchisePage", page, franchise_page_rows,
    "A page of franchises, by name.", NULL);

/* clang-format on */
