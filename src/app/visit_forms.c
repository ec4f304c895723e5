/* visit_forms.c: the tables of QR codes, check-in, check-out and the roster. */
#include "app/visit_forms.h"

#include <stdio.h>

#include "app/forms.h"
#include "base/compiler.h"
#include "base/scope.h"
#include "domain/ticket.h"

#define AT(type, member) offsetof(struct type, member)
#define MUST FIELD_REQUIRED
#define ALWAYS (FIELD_REQUIRED | FIELD_NULLABLE)
#define PROSE FIELD_MULTILINE
#define CHILDREN_OF_A_DAY_MAX 100000
#define POINTER_MAX 64
#define EX_ID "\"0193a5c8-7b1e-7c3a-9d42-5f0e8a6b1c2d\""
#define EX_REFERENCE "\"7f9c24e8-3b12-4fef-91e0-1c1f8a2b9d37\""
#define EX_FRANCHISE "\"11111111-1111-4111-8111-111111111111\""
#define EX_QR "\"https://booking.example.com/checkin/" \
	"7f9c24e8-3b12-4fef-91e0-1c1f8a2b9d37" \
	"?sig=1.mK3d.nQ0r1vZ8fYw2b7uXcK5tEA\""
#define EX_START "\"2027-01-15T09:00:00Z\""
#define EX_END "\"2027-01-15T17:00:00Z\""
#define EX_IN "\"2027-01-15T08:57:12Z\""

static const char *const booking_states[] = { "checked_in", "completed",
	NULL };
static const char *const ways[] = { "qr", "booking_code", NULL };
static const char *const roster_states[] = { "expected", "checked_in",
	"collected", "no_show", NULL };

static const char *
below(char out[POINTER_MAX], const char *at, const char *member)
{
	(void)snprintf(out, POINTER_MAX, "%s/%s", at, member);
	return out;
}

static void
check_checkin(struct scope *sc, const char *at, const void *object)
{
	const struct checkin_request *req = object;
	char pointer[POINTER_MAX];

	if (req->qr && req->booking_code)
		scope_fault(sc, below(pointer, at, "booking_code"),
		    "exclusive", "give qr or booking_code, not both");
	else if (!req->qr && !req->booking_code && sc->fault_count == 0)
		scope_fault(sc, below(pointer, at, "qr"), "required",
		    "is required: what was scanned, or booking_code where "
		    "nothing can be");
}

static void
check_checkout(struct scope *sc, const char *at, const void *object)
{
	const struct checkout_request *req = object;
	char pointer[POINTER_MAX];

	if (req->override && !req->reason && sc->fault_count == 0)
		scope_fault(sc, below(pointer, at, "reason"), "required",
		    "is required with override");
	else if (req->reason && !req->override)
		scope_fault(sc, below(pointer, at, "reason"), "unexpected",
		    "goes with override");
}

/* clang-format off */

/* ---- the code ------------------------------------------------------------------ */

static const struct field ticket_rows[] = {
	{ "booking_id", FIELD_UUID, MUST, 0, 0, AT(ticket_view, booking_id), NULL,
	  NULL, "The booking.", EX_ID },
	{ "reference_number", FIELD_UUID, MUST, 0, 0,
	  AT(ticket_view, reference_number), NULL, NULL,
	  "The customer's reference.", EX_REFERENCE },
	{ "booking_code", FIELD_TEXT, MUST, 1, 16, AT(ticket_view, booking_code),
	  NULL, NULL, "What to read out where nothing can be scanned.",
	  "\"K7QM-4TXA\"" },
	{ "url", FIELD_TEXT, MUST, 1, TICKET_TEXT_MAX, AT(ticket_view, url), NULL,
	  NULL, "What the QR code holds. Keep it from others: whoever has it can"
	  " show it at the desk.", EX_QR },
	{ "date", FIELD_DATE, MUST, 0, 0, AT(ticket_view, date), NULL, NULL,
	  "The day it is good for, where the franchise is.", "\"2027-01-15\"" },
	{ "time_zone", FIELD_TEXT, MUST, 1, 64, AT(ticket_view, time_zone), NULL,
	  NULL, "The franchise's time zone.", "\"America/New_York\"" },
};
static const struct field checkin_create_rows[] = {
	{ "qr", FIELD_TEXT, 0, 1, TICKET_TEXT_MAX, AT(checkin_request, qr), NULL,
	  NULL, "The text of the QR code, as it was scanned.", EX_QR },
	{ "booking_code", FIELD_TEXT, 0, 1, 16,
	  AT(checkin_request, booking_code), NULL, NULL,
	  "Instead of qr, where nothing can be scanned: the booking's short code,"
	  " with or without its dash. Ask who it is.", "\"K7QM-4TXA\"" },
};

/* ---- at the desk ---------------------------------------------------------------- */

static const struct field desk_contact_rows[] = {
	{ "name", FIELD_TEXT, MUST, 1, 100, AT(contact, name), NULL, NULL,
	  "The parent or guardian who booked; may collect.", "\"John Doe\"" },
	{ "phone", FIELD_PHONE, MUST, 5, 20, AT(contact, phone), NULL, NULL,
	  "Telephone number.", "\"+1234567890\"" },
	{ "emergency_contact", FIELD_TEXT, ALWAYS, 1, 255,
	  AT(contact, emergency_contact), NULL, NULL,
	  "Whom to call when the parent cannot be reached, or null.",
	  "\"Jane Doe +1234567891\"" },
};

#define VISIT_ROWS \
	{ "booking_id", FIELD_UUID, MUST, 0, 0, AT(visit, booking_id), NULL, NULL, \
	  "The booking.", EX_ID }, \
	{ "booking_code", FIELD_TEXT, MUST, 1, 16, AT(visit, booking_code), NULL, \
	  NULL, "Its short code.", "\"K7QM-4TXA\"" }, \
	{ "franchise_id", FIELD_UUID, MUST, 0, 0, AT(visit, franchise_id), NULL, \
	  NULL, "The franchise.", EX_FRANCHISE }, \
	{ "status", FIELD_WORD, MUST, 0, 0, AT(visit, status), NULL, \
	  booking_states, "State of the booking.", "\"checked_in\"" }, \
	{ "already", FIELD_BOOL, MUST, 0, 0, AT(visit, already), NULL, NULL, \
	  "Whether it had been done before: the same key asked again within ten" \
	  " minutes, and nothing was done twice.", "false" }, \
	{ "checked_in_at", FIELD_INSTANT, MUST, 0, 0, AT(visit, checked_in_us), \
	  NULL, NULL, "When the children came.", EX_IN }, \
	{ "checked_in_with", FIELD_WORD, MUST, 0, 0, AT(visit, checked_in_with), \
	  NULL, ways, "What was shown at the desk.", "\"qr\"" },

static const struct field checkin_rows[] = {
	VISIT_ROWS
	{ "reference_number", FIELD_UUID, MUST, 0, 0, AT(visit, reference_number),
	  NULL, NULL, "The customer's reference.", EX_REFERENCE },
	{ "start_datetime", FIELD_INSTANT, MUST, 0, 0, AT(visit, start_us), NULL,
	  NULL, "When care begins.", EX_START },
	{ "end_datetime", FIELD_INSTANT, MUST, 0, 0, AT(visit, end_us), NULL, NULL,
	  "When care ends.", EX_END },
	{ "time_zone", FIELD_TEXT, MUST, 1, 64, AT(visit, time_zone), NULL, NULL,
	  "The franchise's time zone.", "\"America/New_York\"" },
	{ "unreadable", FIELD_BOOL, MUST, 0, 0, AT(visit, unreadable), NULL, NULL,
	  "Whether nothing of customer and children can be read: they are checked"
	  " in, but an allergy may be there that is not shown. Ask the parent, and"
	  " tell your administrator.", "false" },
	{ "customer", FIELD_OBJECT, ALWAYS, 0, 0, AT(visit, contact),
	  &form_desk_contact, NULL, "Who booked, and whom to call; null when"
	  " unreadable.", NULL },
	{ "children", FIELD_LIST, MUST, 0, CHILDREN_MAX, AT(visit, children),
	  &form_child, NULL, "The children: allergies, needs, and who may collect"
	  " them; none when unreadable.", NULL },
};
static const struct field checkout_create_rows[] = {
	{ "collected_by", FIELD_TEXT, MUST, 1, 100,
	  AT(checkout_request, collected_by), NULL, NULL,
	  "The name of whoever takes the children home, as the staff saw it.",
	  "\"Jane Doe\"" },
	{ "override", FIELD_BOOL, 0, 0, 0, AT(checkout_request, override), NULL,
	  NULL, "Whether to let them go with somebody who is on no list.",
	  "false" },
	{ "reason", FIELD_TEXT, PROSE, 1, 500, AT(checkout_request, reason), NULL,
	  NULL, "Why, with override; it is recorded, encrypted.",
	  "\"The mother agreed on the phone\"" },
};
static const struct field checkout_rows[] = {
	VISIT_ROWS
	{ "checked_out_at", FIELD_INSTANT, MUST, 0, 0, AT(visit, checked_out_us),
	  NULL, NULL, "When they were collected.", "\"2027-01-15T16:40:03Z\"" },
	{ "collected_by", FIELD_TEXT, MUST, 1, 100, AT(visit, collected_by), NULL,
	  NULL, "By whom.", "\"Jane Doe\"" },
	{ "overridden", FIELD_BOOL, MUST, 0, 0, AT(visit, overridden), NULL, NULL,
	  "Whether that name was on no list, and a reason was recorded.",
	  "false" },
};

/* ---- the day -------------------------------------------------------------------- */

static const struct field roster_query_rows[] = {
	{ "date", FIELD_DATE, 0, 0, 0, AT(roster_query, date), NULL, NULL,
	  "The day, where the franchise is; today there when left out. Today's"
	  " tells who is still there from yesterday, too.",
	  "\"2027-01-15\"" },
	{ "limit", FIELD_INT, 0, 1, 100, AT(roster_query, limit), NULL, NULL,
	  "How many to answer at most; 20 when left out.", "20" },
	{ "cursor", FIELD_TEXT, 0, 1, 512, AT(roster_query, cursor), NULL, NULL,
	  "The next_cursor of the page before.", NULL },
};
static const struct field roster_entry_rows[] = {
	{ "booking_id", FIELD_UUID, MUST, 0, 0, AT(roster_entry, booking_id), NULL,
	  NULL, "The booking.", EX_ID },
	{ "booking_code", FIELD_TEXT, MUST, 1, 16, AT(roster_entry, booking_code),
	  NULL, NULL, "Its short code.", "\"K7QM-4TXA\"" },
	{ "status", FIELD_WORD, MUST, 0, 0, AT(roster_entry, status), NULL,
	  roster_states, "checked_in until somebody records who collected them.",
	  "\"expected\"" },
	{ "start_time", FIELD_CLOCK, MUST, 0, 0, AT(roster_entry, start_time),
	  NULL, NULL, "When care begins, local time.", "\"09:00\"" },
	{ "end_time", FIELD_CLOCK, MUST, 0, 0, AT(roster_entry, end_time), NULL,
	  NULL, "When care ends, local time.", "\"17:00\"" },
	{ "start_datetime", FIELD_INSTANT, MUST, 0, 0, AT(roster_entry, start_us),
	  NULL, NULL, "When care begins.", EX_START },
	{ "end_datetime", FIELD_INSTANT, MUST, 0, 0, AT(roster_entry, end_us),
	  NULL, NULL, "When care ends.", EX_END },
	{ "checked_in_at", FIELD_INSTANT, ALWAYS, 0, 0,
	  AT(roster_entry, checked_in_us), NULL, NULL,
	  "When the children came, or null.", EX_IN },
	{ "checked_out_at", FIELD_INSTANT, ALWAYS, 0, 0,
	  AT(roster_entry, checked_out_us), NULL, NULL,
	  "When they were collected, or null.", "null" },
	{ "child_count", FIELD_INT, MUST, 1, CHILDREN_MAX,
	  AT(roster_entry, child_count), NULL, NULL, "How many children.", "2" },
	{ "child_ages", FIELD_INTS, MUST, 0, CHILDREN_MAX,
	  AT(roster_entry, child_ages), NULL, NULL, "How old they are.", "[5,7]" },
	{ "unreadable", FIELD_BOOL, MUST, 0, 0, AT(roster_entry, unreadable), NULL,
	  NULL, "Whether names, contacts or notes of this booking cannot be read:"
	  " what is not shown is not known, an allergy too. Ask the parent, and"
	  " tell your administrator.", "false" },
	{ "customer", FIELD_OBJECT, ALWAYS, 0, 0, AT(roster_entry, contact),
	  &form_desk_contact, NULL, "Who booked, and whom to call; null when it"
	  " cannot be read.", NULL },
	{ "children", FIELD_LIST, MUST, 0, CHILDREN_MAX, AT(roster_entry, children),
	  &form_child, NULL, "The children: allergies, needs, and who may collect"
	  " them; none of them when one cannot be read.", NULL },
};
static const struct field occupancy_rows[] = {
	{ "present", FIELD_INT, MUST, 0, CHILDREN_OF_A_DAY_MAX,
	  AT(occupancy, present), NULL, NULL,
	  "Children who are there: checked in, and not collected.", "7" },
	{ "expected", FIELD_INT, MUST, 0, CHILDREN_OF_A_DAY_MAX,
	  AT(occupancy, expected), NULL, NULL, "Children still to come.", "4" },
	{ "collected", FIELD_INT, MUST, 0, CHILDREN_OF_A_DAY_MAX,
	  AT(occupancy, collected), NULL, NULL, "Children who went home.", "2" },
	{ "no_show", FIELD_INT, MUST, 0, CHILDREN_OF_A_DAY_MAX,
	  AT(occupancy, no_show), NULL, NULL, "Children who never came.", "0" },
	{ "capacity", FIELD_INT, MUST, 0, CHILDREN_OF_A_DAY_MAX,
	  AT(occupancy, capacity), NULL, NULL,
	  "Places of the current slot; of any slot, when there is none now.",
	  "20" },
};
static const struct field roster_rows[] = {
	{ "franchise_id", FIELD_UUID, MUST, 0, 0, AT(roster, franchise_id), NULL,
	  NULL, "The franchise.", EX_FRANCHISE },
	{ "date", FIELD_DATE, MUST, 0, 0, AT(roster, date), NULL, NULL,
	  "The day, where the franchise is.", "\"2027-01-15\"" },
	{ "time_zone", FIELD_TEXT, MUST, 1, 64, AT(roster, time_zone), NULL, NULL,
	  "The franchise's time zone.", "\"America/New_York\"" },
	{ "occupancy", FIELD_OBJECT, MUST, 0, 0, AT(roster, occupancy),
	  &form_occupancy, NULL, "The whole day in numbers of children.", NULL },
	{ "data", FIELD_LIST, MUST, 0, 100, AT(roster, data), &form_roster_entry,
	  NULL, "Who comes, by their hours.", NULL },
	{ "has_more", FIELD_BOOL, MUST, 0, 0, AT(roster, has_more), NULL, NULL,
	  "Whether another page follows.", "false" },
	{ "next_cursor", FIELD_TEXT, ALWAYS, 0, 512, AT(roster, next_cursor), NULL,
	  NULL, "What to send as cursor for the next page, or null.", "null" },
	{ "as_of", FIELD_INSTANT, MUST, 0, 0, AT(roster, as_of_us), NULL, NULL,
	  "When this was true.", EX_IN },
};
/* clang-format on */

#define FORM(id, title, type, rows, text, rule) \
	const struct form form_##id = { .name = (title), .help = (text), \
		.size = sizeof(struct type), .fields = (rows), \
		.count = ARRAY_LEN(rows), .check = (rule) }

FORM(ticket, "Ticket", ticket_view, ticket_rows,
    "What the QR code of a booking holds.", NULL);
FORM(checkin_create, "CheckInCreate", checkin_request, checkin_create_rows,
    "What was shown at the desk: qr or booking_code.", check_checkin);
FORM(desk_contact, "DeskContact", contact, desk_contact_rows,
    "Who booked, as the desk needs it.", NULL);
FORM(checkin, "CheckIn", visit, checkin_rows,
    "Children who came, and what to know about them.", NULL);
FORM(checkout_create, "CheckOutCreate", checkout_request,
    checkout_create_rows, "Who takes the children home.", check_checkout);
FORM(checkout, "CheckOut", visit, checkout_rows,
    "Children who went home, and with whom.", NULL);
FORM(roster_query, "RosterQuery", roster_query, roster_query_rows,
    "Which day.", NULL);
FORM(roster_entry, "RosterEntry", roster_entry, roster_entry_rows,
    "One booking of the day.", NULL);
FORM(occupancy, "Occupancy", occupancy, occupancy_rows,
    "A day in numbers of children.", NULL);
FORM(roster, "Roster", roster, roster_rows, "Who comes on a day.", NULL);
