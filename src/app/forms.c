/* forms.c: the tables of every body and every view of the API. */
#include "app/forms.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/compiler.h"
#include "base/instant.h"
#include "base/scope.h"
#include "domain/names.h"

#define AT(type, member) offsetof(struct type, member)
#define MUST FIELD_REQUIRED
#define MAYBE FIELD_NULLABLE
#define ALWAYS (FIELD_REQUIRED | FIELD_NULLABLE) /* printed, null if absent */
#define PROSE (FIELD_NULLABLE | FIELD_MULTILINE)

#define MONEY_MAX INT64_C(9999999999) /* NUMERIC(10,2) */
#define RATE_MAX INT64_C(99999999)    /* NUMERIC(8,2) */
#define POINTER_MAX 128

#define FORM(id, title, type, rows, text, rule) \
	const struct form form_##id = { .name = (title), .help = (text), \
		.size = sizeof(struct type), .fields = (rows), \
		.count = ARRAY_LEN(rows), .check = (rule) }

/* The members of every booking view: said once, used by three tables. */
#define EX_ID "\"0193a5c8-7b1e-7c3a-9d42-5f0e8a6b1c2d\""
#define EX_REFERENCE "\"7f9c24e8-3b12-4fef-91e0-1c1f8a2b9d37\""
#define EX_CUSTOMER "\"3d1f6c0a-52b7-4e19-8c44-a9b0e7d6f512\""
#define EX_FRANCHISE "\"11111111-1111-4111-8111-111111111111\""
#define EX_START "\"2027-01-15T09:00:00Z\""
#define EX_END "\"2027-01-15T17:00:00Z\""

static const char *const booking_states[] = { "pending", "confirmed",
	"checked_in", "completed", "expired", "cancelled", "no_show", NULL };
static const char *const payment_states[] = { "pending", "queued",
	"processing", "paid", "failed", "partially_refunded", "refunded",
	"not_required", NULL };
static const char *const closed_reasons[] = { "closed_day", "not_operating",
	"beyond_horizon", "past", NULL };
static const char *const health_states[] = { "healthy", "degraded",
	"unhealthy", NULL };
static const char *const up_states[] = { "up", "down", NULL };
static const char *const token_types[] = { "Bearer", NULL };

/* ---- rules that span fields ----------------------------------------------- */

static const char *
below(char out[POINTER_MAX], const char *at, const char *member)
{
	(void)snprintf(out, POINTER_MAX, "%s/%s", at, member);
	return out;
}

static void
check_period(struct scope *sc, const char *at,
    const struct booking_request *req)
{
	char pointer[POINTER_MAX];

	if (req->start_us != NONE && req->end_us != NONE &&
	    req->end_us <= req->start_us)
		scope_fault(sc, below(pointer, at, "end_datetime"),
		    "after_start", "must be after start_datetime");
}

/* One child cannot take two places of the same hours. */
static void
check_names(struct scope *sc, const char *at, const struct list *children)
{
	const struct child *all = children->items;
	const char *names[CHILDREN_MAX];
	char pointer[POINTER_MAX];

	for (size_t i = 0; i < children->count && i < CHILDREN_MAX; i++) {
		names[i] = all[i].name ? names_normal(sc->arena, all[i].name)
		                       : "";
		for (size_t k = 0; k < i; k++) {
			if (!*names[i] || strcmp(names[i], names[k]) != 0)
				continue;
			(void)snprintf(pointer, sizeof(pointer),
			    "%s/children/%zu/name", at, i);
			scope_fault(sc, pointer, "unique",
			    "is the same name as child %zu of this booking",
			    k + 1);
			break;
		}
	}
}

static void
check_children(struct scope *sc, const char *at,
    const struct booking_request *req)
{
	char pointer[POINTER_MAX];

	if (req->child_info && req->children.count > 0)
		scope_fault(sc, below(pointer, at, "child_info"), "exclusive",
		    "give child_info or children, not both");
	check_names(sc, at, &req->children);
}

/* Was a child given, though not well? */
static bool
faulty_child(const struct scope *sc)
{
	for (const struct fault *f = sc->faults; f; f = f->next) {
		if (f->pointer && strncmp(f->pointer, "/child", 6) == 0)
			return true;
	}
	return false;
}

static void
check_create(struct scope *sc, const char *at, const void *object)
{
	const struct booking_request *req = object;
	char pointer[POINTER_MAX];

	check_period(sc, at, req);
	check_children(sc, at, req);
	if (!req->child_info && req->children.count == 0 && !faulty_child(sc))
		scope_fault(sc, below(pointer, at, "child_info"), "required",
		    "is required: child_info for one child, or children");
}

static void
check_change(struct scope *sc, const char *at, const void *object)
{
	const struct booking_request *req = object;

	check_period(sc, at, req);
	check_children(sc, at, req);
	if (sc->fault_count == 0 && uuid_is_none(&req->franchise_id) &&
	    req->start_us == NONE && req->end_us == NONE &&
	    !req->customer_info && !req->child_info && req->children.count == 0)
		scope_fault(sc, at, "min_properties",
		    "must hold at least one field to change");
}

static void
check_booking_query(struct scope *sc, const char *at, const void *object)
{
	const struct booking_query *query = object;

	(void)at;
	if (query->from != NONE && query->until != NONE &&
	    query->until < query->from)
		scope_fault_param(sc, "until", "after_from",
		    "must not be before from");
}

/* clang-format off */

/* ---- people ---------------------------------------------------------------- */

#define CONTACT_ROWS(need) \
	{ "name", FIELD_TEXT, (need), 1, 100, AT(contact, name), NULL, NULL, \
	  "Full name of the parent or guardian.", "\"John Doe\"" }, \
	{ "email", FIELD_EMAIL, (need), 3, 254, AT(contact, email), NULL, NULL, \
	  "E-mail address for the confirmation.", "\"john@example.com\"" }, \
	{ "phone", FIELD_PHONE, (need), 5, 20, AT(contact, phone), NULL, NULL, \
	  "Telephone number, with the country code where possible.", \
	  "\"+1234567890\"" }, \
	{ "emergency_contact", FIELD_TEXT, MAYBE, 1, 255, \
	  AT(contact, emergency_contact), NULL, NULL, \
	  "Whom to call when the parent cannot be reached.", \
	  "\"Jane Doe +1234567891\"" },

static const struct field contact_rows[] = { CONTACT_ROWS(MUST) };
static const struct field contact_change_rows[] = { CONTACT_ROWS(0) };

FORM(contact, "CustomerInfo", contact, contact_rows,
    "The parent or guardian who books.", NULL);
FORM(contact_change, "CustomerInfoChange", contact, contact_change_rows,
    "What changes about the parent; a field left out stays as it is.", NULL);

static const struct field child_rows[] = {
	{ "name", FIELD_TEXT, MUST, 1, 100, AT(child, name), NULL, NULL,
	  "Full name of the child.", "\"Alice Doe\"" },
	{ "age", FIELD_INT, MUST, 0, 17, AT(child, age), NULL, NULL,
	  "Age in completed years on the day of care.", "5" },
	{ "special_needs", FIELD_TEXT, PROSE, 0, 1000,
	  AT(child, special_needs), NULL, NULL,
	  "Special needs the staff must know of.", "\"None\"" },
	{ "allergies", FIELD_TEXT, PROSE, 0, 1000, AT(child, allergies),
	  NULL, NULL, "Allergies and intolerances.", "\"Peanuts\"" },
	{ "pickup_authorization", FIELD_TEXT, PROSE, 0, 1000,
	  AT(child, pickup_authorization), NULL, NULL,
	  "Who may pick the child up.", "\"John Doe, Jane Doe\"" },
	{ "special_instructions", FIELD_TEXT, PROSE, 0, 1000,
	  AT(child, special_instructions), NULL, NULL,
	  "Anything else the staff should know.", "\"Likes to draw\"" },
};
FORM(child, "ChildInfo", child, child_rows, "A child to be looked after.",
    NULL);

/* ---- requests about bookings ------------------------------------------------ */

#define REQUEST_ROWS(need, contact_form) \
	{ "franchise_id", FIELD_UUID, (need), 0, 0, \
	  AT(booking_request, franchise_id), NULL, NULL, \
	  "The franchise that looks after the child; it cannot be changed.", \
	  EX_FRANCHISE }, \
	{ "start_datetime", FIELD_INSTANT, (need), 0, 0, \
	  AT(booking_request, start_us), NULL, NULL, \
	  "When care begins: the start of a slot, with any offset.", \
	  EX_START }, \
	{ "end_datetime", FIELD_INSTANT, (need), 0, 0, \
	  AT(booking_request, end_us), NULL, NULL, \
	  "When care ends: the end of a slot of the same day.", EX_END }, \
	{ "customer_info", FIELD_OBJECT, (need), 0, 0, \
	  AT(booking_request, customer_info), &(contact_form), NULL, \
	  "The parent or guardian who books.", NULL }, \
	{ "child_info", FIELD_OBJECT, 0, 0, 0, \
	  AT(booking_request, child_info), &form_child, NULL, \
	  "The child; give this or children, not both.", NULL }, \
	{ "children", FIELD_LIST, 0, 1, CHILDREN_MAX, \
	  AT(booking_request, children), &form_child, NULL, \
	  "Several children for the same hours, instead of child_info.", \
	  NULL },

static const struct field create_rows[] = { REQUEST_ROWS(MUST, form_contact) };
static const struct field change_rows[] = {
	REQUEST_ROWS(0, form_contact_change)
};

FORM(booking_create, "BookingCreate", booking_request, create_rows,
    "A booking to be made.  Give child_info or children.", check_create);
FORM(booking_change, "BookingChange", booking_request, change_rows,
    "What changes about a booking; a field left out stays as it is.",
    check_change);

static const struct field cancel_rows[] = {
	{ "reason", FIELD_TEXT, PROSE, 0, 500, AT(cancel_request, reason),
	  NULL, NULL, "Why the booking is cancelled.",
	  "\"Customer request\"" },
	{ "expected_refund", FIELD_MONEY, MAYBE, 0, MONEY_MAX,
	  AT(cancel_request, expected_refund), NULL, NULL,
	  "The refund the customer was quoted; when it no longer holds,"
	  " nothing is cancelled and the answer is 409.", "100.00" },
};
FORM(cancel, "CancelRequest", cancel_request, cancel_rows,
    "How a booking is cancelled.", NULL);

static const struct field booking_query_rows[] = {
	{ "status", FIELD_WORD, 0, 0, 0, AT(booking_query, status), NULL,
	  booking_states, "Only bookings in this state.", "\"confirmed\"" },
	{ "from", FIELD_DATE, 0, 0, 0, AT(booking_query, from), NULL, NULL,
	  "Only bookings that start on or after this UTC date.",
	  "\"2027-01-01\"" },
	{ "until", FIELD_DATE, 0, 0, 0, AT(booking_query, until), NULL, NULL,
	  "Only bookings that start on or before this UTC date.",
	  "\"2027-01-31\"" },
	{ "limit", FIELD_INT, 0, 1, 100, AT(booking_query, limit), NULL, NULL,
	  "How many to answer at most; 20 when left out.", "20" },
	{ "cursor", FIELD_TEXT, 0, 1, 512, AT(booking_query, cursor), NULL,
	  NULL, "The next_cursor of the page before.", NULL },
};
FORM(booking_query, "BookingQuery", booking_query, booking_query_rows,
    "Which bookings to list.", check_booking_query);

static const struct field pay_query_rows[] = {
	{ "t", FIELD_TEXT, MUST, 1, 256, AT(pay_query, t), NULL, NULL,
	  "The signature of the link.", NULL },
};
FORM(pay_query, "PayQuery", pay_query, pay_query_rows, "A payment link.",
    NULL);

/* ---- views of bookings ------------------------------------------------------- */

static const struct field line_item_rows[] = {
	{ "start_datetime", FIELD_INSTANT, MUST, 0, 0, AT(line_item, start_us),
	  NULL, NULL, "Start of the stretch with this rate.", EX_START },
	{ "end_datetime", FIELD_INSTANT, MUST, 0, 0, AT(line_item, end_us),
	  NULL, NULL, "End of it.", EX_END },
	{ "rate", FIELD_MONEY, MUST, 0, RATE_MAX, AT(line_item, rate), NULL,
	  NULL, "Price of one hour for one child.", "15.00" },
	{ "minutes", FIELD_INT, MUST, 1, 1500, AT(line_item, minutes), NULL,
	  NULL, "Length of the stretch.", "480" },
	{ "children", FIELD_INT, MUST, 1, CHILDREN_MAX,
	  AT(line_item, children), NULL, NULL, "How many children.", "1" },
	{ "amount", FIELD_MONEY, MUST, 0, MONEY_MAX, AT(line_item, amount),
	  NULL, NULL, "What the stretch costs.", "120.00" },
	{ "peak", FIELD_BOOL, MUST, 0, 0, AT(line_item, peak), NULL, NULL,
	  "Whether the peak rate holds.", "false" },
};
FORM(line_item, "LineItem", line_item, line_item_rows,
    "One line of the price: a stretch of hours at one rate.", NULL);

#define BOOKING_ID_ROWS \
	{ "booking_id", FIELD_UUID, MUST, 0, 0, AT(booking, booking_id), \
	  NULL, NULL, "Names the booking in this API.", EX_ID }, \
	{ "reference_number", FIELD_UUID, MUST, 0, 0, \
	  AT(booking, reference_number), NULL, NULL, \
	  "The customer's reference; the QR code carries it.", EX_REFERENCE }, \
	{ "booking_code", FIELD_TEXT, MUST, 1, 16, AT(booking, booking_code), \
	  NULL, NULL, "A short code that people can read out.", \
	  "\"K7QM-4TXA\"" },

#define BOOKING_STATE_ROWS \
	{ "status", FIELD_WORD, MUST, 0, 0, AT(booking, status), NULL, \
	  booking_states, "State of the booking; pending is a hold that keeps" \
	  " the places while the customer pays.", "\"pending\"" }, \
	{ "payment_status", FIELD_WORD, MUST, 0, 0, \
	  AT(booking, payment_status), NULL, payment_states, \
	  "State of the payment.", "\"pending\"" },

#define BOOKING_TIME_ROWS \
	{ "franchise_id", FIELD_UUID, MUST, 0, 0, AT(booking, franchise_id), \
	  NULL, NULL, "The franchise that looks after the child.", \
	  EX_FRANCHISE }, \
	{ "start_datetime", FIELD_INSTANT, MUST, 0, 0, AT(booking, start_us), \
	  NULL, NULL, "When care begins.", EX_START }, \
	{ "end_datetime", FIELD_INSTANT, MUST, 0, 0, AT(booking, end_us), \
	  NULL, NULL, "When care ends.", EX_END },

#define BOOKING_PRICE_ROWS \
	{ "total_amount", FIELD_MONEY, MUST, 0, MONEY_MAX, \
	  AT(booking, total_amount), NULL, NULL, \
	  "Price of the whole booking, fixed when it was made or changed.", \
	  "120.00" }, \
	{ "currency", FIELD_TEXT, MUST, 3, 3, AT(booking, currency), NULL, \
	  NULL, "ISO 4217 code of the franchise's currency.", "\"USD\"" }, \
	{ "payment_required", FIELD_BOOL, MUST, 0, 0, \
	  AT(booking, payment_required), NULL, NULL, \
	  "Whether something is still to be paid.", "true" }, \
	{ "payment_url", FIELD_TEXT, ALWAYS, 1, 2048, \
	  AT(booking, payment_url), NULL, NULL, \
	  "Where the customer's browser pays; null when nothing is due.", \
	  "\"https://booking.example.com/pay/" \
	  "0193a5c8-7b1e-7c3a-9d42-5f0e8a6b1c2d?t=3q2-7w\"" },

#define BOOKING_HOLD_ROW \
	{ "hold_expires_at", FIELD_INSTANT, ALWAYS, 0, 0, \
	  AT(booking, hold_expires_us), NULL, NULL, \
	  "Until when an unpaid booking keeps its places; null when it is" \
	  " no longer a hold.", "\"2027-01-10T10:35:00Z\"" },

#define BOOKING_LINES_ROW \
	{ "line_items", FIELD_RAW, MUST | FIELD_RAW_LIST, 0, 0, \
	  AT(booking, line_items), &form_line_item, NULL, \
	  "How the price is made up.", NULL },

#define BOOKING_END_ROWS \
	{ "child_count", FIELD_INT, MUST, 1, CHILDREN_MAX, \
	  AT(booking, child_count), NULL, NULL, "How many children.", "1" }, \
	{ "refund_amount", FIELD_MONEY, ALWAYS, 0, MONEY_MAX, \
	  AT(booking, refund_amount), NULL, NULL, \
	  "What was or will be paid back; null when not cancelled.", "null" }, \
	{ "cancelled_at", FIELD_INSTANT, ALWAYS, 0, 0, \
	  AT(booking, cancelled_us), NULL, NULL, \
	  "When it was cancelled, or null.", "null" }, \
	{ "created_at", FIELD_INSTANT, MUST, 0, 0, AT(booking, created_us), \
	  NULL, NULL, "When it was made.", "\"2027-01-10T10:00:00Z\"" }, \
	{ "updated_at", FIELD_INSTANT, MUST, 0, 0, AT(booking, updated_us), \
	  NULL, NULL, "When it last changed.", "\"2027-01-10T10:00:00Z\"" },

static const struct field created_rows[] = {
	BOOKING_ID_ROWS
	BOOKING_STATE_ROWS
	BOOKING_TIME_ROWS
	BOOKING_PRICE_ROWS
	{ "manage_url", FIELD_TEXT, MUST, 1, 4096, AT(booking, manage_url),
	  NULL, NULL, "A private page that shows, changes and cancels this one"
	  " booking; its token stands behind the # and is never logged.",
	  "\"https://booking.example.com/manage/"
	  "0193a5c8-7b1e-7c3a-9d42-5f0e8a6b1c2d#token=eyJhbGciOi...\"" },
	BOOKING_HOLD_ROW
	BOOKING_LINES_ROW
};
FORM(booking_created, "BookingCreated", booking, created_rows,
    "The booking just made.", NULL);

static const struct field booking_rows[] = {
	BOOKING_ID_ROWS
	BOOKING_STATE_ROWS
	{ "customer_id", FIELD_UUID, MUST, 0, 0, AT(booking, customer_id),
	  NULL, NULL, "The customer it belongs to.", EX_CUSTOMER },
	BOOKING_TIME_ROWS
	BOOKING_PRICE_ROWS
	BOOKING_HOLD_ROW
	BOOKING_LINES_ROW
	{ "customer_info", FIELD_OBJECT, ALWAYS, 0, 0,
	  AT(booking, customer_info), &form_contact, NULL,
	  "The parent or guardian; null once erased.", NULL },
	{ "children", FIELD_LIST, MUST, 0, CHILDREN_MAX,
	  AT(booking, children), &form_child, NULL, "The children.", NULL },
	{ "cancellation_reason", FIELD_TEXT, ALWAYS | FIELD_MULTILINE, 0, 500,
	  AT(booking, cancellation_reason), NULL, NULL,
	  "The reason given, or null.", "null" },
	BOOKING_END_ROWS
};
FORM(booking, "Booking", booking, booking_rows, "A booking.", NULL);

static const struct field summary_rows[] = {
	BOOKING_ID_ROWS
	BOOKING_STATE_ROWS
	BOOKING_TIME_ROWS
	BOOKING_PRICE_ROWS
	BOOKING_HOLD_ROW
	BOOKING_END_ROWS
};
FORM(booking_summary, "BookingSummary", booking, summary_rows,
    "A booking in a list: without names and notes.", NULL);

#define PAGE_ROWS(of) \
	{ "data", FIELD_LIST, MUST, 0, 100, AT(page, data), &(of), NULL, \
	  "The items of this page.", NULL }, \
	{ "has_more", FIELD_BOOL, MUST, 0, 0, AT(page, has_more), NULL, NULL, \
	  "Whether another page follows.", "false" }, \
	{ "next_cursor", FIELD_TEXT, ALWAYS, 0, 512, AT(page, next_cursor), \
	  NULL, NULL, "What to send as cursor for the next page, or null.", \
	  "null" },

static const struct field booking_page_rows[] = {
	PAGE_ROWS(form_booking_summary)
};
FORM(booking_page, "BookingPage", page, booking_page_rows,
    "A page of bookings, newest first.", NULL);

static const struct field cancelled_rows[] = {
	BOOKING_ID_ROWS
	BOOKING_STATE_ROWS
	{ "cancellation_reason", FIELD_TEXT, ALWAYS | FIELD_MULTILINE, 0, 500,
	  AT(booking, cancellation_reason), NULL, NULL,
	  "The reason given, or null.", "\"Customer request\"" },
	{ "refund_amount", FIELD_MONEY, MUST, 0, MONEY_MAX,
	  AT(booking, refund_amount), NULL, NULL,
	  "What is paid back under the franchise's policy.", "100.00" },
	{ "currency", FIELD_TEXT, MUST, 3, 3, AT(booking, currency), NULL,
	  NULL, "ISO 4217 code of the amounts.", "\"USD\"" },
	{ "cancelled_at", FIELD_INSTANT, MUST, 0, 0, AT(booking, cancelled_us),
	  NULL, NULL, "When it was cancelled.", "\"2027-01-12T15:00:00Z\"" },
};
FORM(cancelled, "BookingCancelled", booking, cancelled_rows,
    "The booking just cancelled.", NULL);

static const struct field cancel_tier_rows[] = {
	{ "hours_before", FIELD_INT, MUST, 0, 8760,
	  AT(cancel_tier, hours_before), NULL, NULL,
	  "Holds when at least so many hours are left before the start.",
	  "48" },
	{ "refund_percent", FIELD_INT, MUST, 0, 100,
	  AT(cancel_tier, refund_percent), NULL, NULL,
	  "The share of the price that is paid back.", "100" },
};
FORM(cancel_tier, "CancellationTier", cancel_tier, cancel_tier_rows,
    "One rule of a cancellation policy.", NULL);

static const struct field cancel_quote_rows[] = {
	{ "booking_id", FIELD_UUID, MUST, 0, 0, AT(cancel_quote, booking_id),
	  NULL, NULL, "The booking.", EX_ID },
	{ "refund_amount", FIELD_MONEY, MUST, 0, MONEY_MAX,
	  AT(cancel_quote, refund_amount), NULL, NULL,
	  "What a cancellation now pays back.", "100.00" },
	{ "paid_amount", FIELD_MONEY, MUST, 0, MONEY_MAX,
	  AT(cancel_quote, paid_amount), NULL, NULL, "What was paid.",
	  "120.00" },
	{ "refunded_amount", FIELD_MONEY, MUST, 0, MONEY_MAX,
	  AT(cancel_quote, refunded_amount), NULL, NULL,
	  "What was paid back already.", "0.00" },
	{ "refund_percent", FIELD_INT, MUST, 0, 100,
	  AT(cancel_quote, refund_percent), NULL, NULL,
	  "The share that the rule in force pays back.", "100" },
	{ "cancellation_fee", FIELD_MONEY, MUST, 0, RATE_MAX,
	  AT(cancel_quote, cancellation_fee), NULL, NULL,
	  "The fee that is kept from it.", "20.00" },
	{ "currency", FIELD_TEXT, MUST, 3, 3, AT(cancel_quote, currency), NULL,
	  NULL, "ISO 4217 code of the amounts.", "\"USD\"" },
	{ "hours_before", FIELD_INT, ALWAYS, 0, 8760,
	  AT(cancel_quote, hours_before), NULL, NULL,
	  "The rule in force: at least so many hours before the start; null"
	  " when none holds.", "48" },
	{ "valid_until", FIELD_INSTANT, ALWAYS, 0, 0,
	  AT(cancel_quote, valid_until_us), NULL, NULL,
	  "When the next rule begins to hold, or null.",
	  "\"2027-01-13T09:00:00Z\"" },
	{ "policy", FIELD_LIST, MUST, 0, 16, AT(cancel_quote, policy),
	  &form_cancel_tier, NULL, "The whole policy of this booking.", NULL },
	{ "as_of", FIELD_INSTANT, MUST, 0, 0, AT(cancel_quote, as_of_us), NULL,
	  NULL, "When this was worked out.", "\"2027-01-12T15:00:00Z\"" },
};
FORM(cancel_quote, "CancellationQuote", cancel_quote, cancel_quote_rows,
    "What cancelling now would pay back, and why.", NULL);

static const struct field full_slot_rows[] = {
	{ "start_datetime", FIELD_INSTANT, MUST, 0, 0, AT(full_slot, start_us),
	  NULL, NULL, "Start of the full hour.", EX_START },
	{ "end_datetime", FIELD_INSTANT, MUST, 0, 0, AT(full_slot, end_us),
	  NULL, NULL, "End of it.", "\"2027-01-15T10:00:00Z\"" },
	{ "available_capacity", FIELD_INT, MUST, 0, 100000,
	  AT(full_slot, available), NULL, NULL, "Places that are left.", "0" },
};
FORM(full_slot, "FullSlot", full_slot, full_slot_rows,
    "An hour with too few places.", NULL);

static const struct field start_option_rows[] = {
	{ "start_datetime", FIELD_INSTANT, MUST, 0, 0,
	  AT(start_option, start_us), NULL, NULL, "A start that fits.",
	  "\"2027-01-15T10:00:00Z\"" },
	{ "end_datetime", FIELD_INSTANT, MUST, 0, 0, AT(start_option, end_us),
	  NULL, NULL, "The end that goes with it.",
	  "\"2027-01-15T18:00:00Z\"" },
	{ "total_amount", FIELD_MONEY, MUST, 0, MONEY_MAX,
	  AT(start_option, total_amount), NULL, NULL,
	  "What the booking would cost then.", "127.50" },
};
FORM(start_option, "StartOption", start_option, start_option_rows,
    "Other hours that are free for the same stay.", NULL);

/* ---- availability -------------------------------------------------------------- */

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

/* ---- franchises ------------------------------------------------------------------ */

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
	{ "closed_days", FIELD_LIST, MUST, 0, 1000, AT(franchise, closed_days),
	  &form_closed_day, NULL, "Holidays, today and later.", NULL },
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
	{ "cursor", FIELD_TEXT, 0, 1, 512, AT(franchise_query, cursor), NULL,
	  NULL, "The next_cursor of the page before.", NULL },
};
FORM(franchise_query, "FranchiseQuery", franchise_query, franchise_query_rows,
    "Which franchises to list.", NULL);

static const struct field franchise_page_rows[] = {
	PAGE_ROWS(form_franchise)
};
FORM(franchise_page, "FranchisePage", page, franchise_page_rows,
    "A page of franchises, by name.", NULL);

/* ---- the rest ---------------------------------------------------------------------- */

static const struct field guest_session_rows[] = {
	{ "token", FIELD_TEXT, MUST, 1, 4096, AT(guest_session, token), NULL,
	  NULL, "Send it as Authorization: Bearer.", "\"eyJhbGciOi...\"" },
	{ "token_type", FIELD_WORD, MUST, 0, 0, AT(guest_session, token_type),
	  NULL, token_types, "How the token is sent.", "\"Bearer\"" },
	{ "expires_in", FIELD_INT, MUST, 1, 86400,
	  AT(guest_session, expires_in), NULL, NULL,
	  "Seconds until the token ends.", "3600" },
	{ "customer_id", FIELD_UUID, MUST, 0, 0,
	  AT(guest_session, customer_id), NULL, NULL,
	  "The customer made for this session.", EX_CUSTOMER },
	{ "scope", FIELD_TEXTS, MUST, 0, 16, AT(guest_session, scope), NULL,
	  NULL, "What the token allows.",
	  "[\"booking:create\",\"booking:read\",\"booking:update\"]" },
};
FORM(guest_session, "GuestSession", guest_session, guest_session_rows,
    "A session for a customer without an account.", NULL);

static const struct field health_rows[] = {
	{ "status", FIELD_WORD, MUST, 0, 0, AT(health, status), NULL,
	  health_states, "degraded: slower, but every answer is right.",
	  "\"healthy\"" },
	{ "database", FIELD_WORD, 0, 0, 0, AT(health, database), NULL,
	  up_states, "Whether Postgres answers.", "\"up\"" },
	{ "cache", FIELD_WORD, 0, 0, 0, AT(health, cache), NULL, up_states,
	  "Whether Redis answers.", "\"up\"" },
	{ "timestamp", FIELD_INSTANT, MUST, 0, 0, AT(health, timestamp_us),
	  NULL, NULL, "When this was asked.", "\"2027-01-10T10:00:00Z\"" },
};
FORM(health, "Health", health, health_rows,
    "Whether the product can serve.", NULL);

/* clang-format on */
