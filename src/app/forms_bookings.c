/* forms_bookings.c: the tables of bookings: bodies, queries and views. */
#include "app/forms.h"

#include <stdio.h>
#include <string.h>

#include "app/forms_rows.h"
#include "base/instant.h"
#include "base/scope.h"
#include "domain/names.h"

#define POINTER_MAX 128

static const char *const booking_states[] = { "pending", "confirmed",
	"checked_in", "completed", "expired", "cancelled", "no_show", NULL };
static const char *const payment_states[] = { "pending", "queued",
	"processing", "paid", "failed", "partially_refunded", "refunded",
	"not_required", NULL };

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

#define CONTACT_ROWS(need, may, more) \
	{ "name", FIELD_TEXT, (need), 1, 100, AT(contact, name), NULL, NULL, \
	  "Full name of the parent or guardian.", "\"John Doe\"" }, \
	{ "email", FIELD_EMAIL, (need), 3, 254, AT(contact, email), NULL, NULL, \
	  "E-mail address for the confirmation.", "\"john@example.com\"" }, \
	{ "phone", FIELD_PHONE, (need), 5, 20, AT(contact, phone), NULL, NULL, \
	  "Telephone number, with the country code where possible.", \
	  "\"+1234567890\"" }, \
	{ "emergency_contact", FIELD_TEXT, (may), 1, 255, \
	  AT(contact, emergency_contact), NULL, NULL, \
	  "Whom to call when the parent cannot be reached" more ".", \
	  "\"Jane Doe +1234567891\"" },

static const struct field contact_rows[] = { CONTACT_ROWS(MUST, MAYBE, "") };
static const struct field contact_change_rows[] = {
	CONTACT_ROWS(0, MAYBE | FIELD_CLEARS, "; null takes it away")
};

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
	  "Who may pick the child up: names, with commas between them. A text"
	  " that says more names nobody.", "\"John Doe, Jane Doe\"" },
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
	{ "expected_refund", FIELD_MONEY, MAYBE, 0, SUM_MAX,
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
	{ "minutes", FIELD_INT, MUST, 1, 1560, AT(line_item, minutes), NULL,
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

static const struct field pending_change_rows[] = {
	{ "start_datetime", FIELD_INSTANT, MUST, 0, 0,
	  AT(pending_change, start_us), NULL, NULL,
	  "When care would begin.", EX_START },
	{ "end_datetime", FIELD_INSTANT, MUST, 0, 0,
	  AT(pending_change, end_us), NULL, NULL, "When it would end.",
	  EX_END },
	{ "child_count", FIELD_INT, MUST, 1, CHILDREN_MAX,
	  AT(pending_change, child_count), NULL, NULL,
	  "How many children would come.", "1" },
	{ "total_amount", FIELD_MONEY, MUST, 0, MONEY_MAX,
	  AT(pending_change, total_amount), NULL, NULL,
	  "What the booking would cost.", "135.00" },
	{ "amount_due", FIELD_MONEY, MUST, 0, MONEY_MAX,
	  AT(pending_change, amount_due), NULL, NULL,
	  "What is to be paid for the change to take effect.", "15.00" },
	{ "expires_at", FIELD_INSTANT, MUST, 0, 0,
	  AT(pending_change, expires_us), NULL, NULL,
	  "Until when its places are kept; not paid by then, it is dropped.",
	  "\"2027-01-10T10:35:00Z\"" },
	{ "payment_url", FIELD_TEXT, MUST, 1, 2048,
	  AT(pending_change, payment_url), NULL, NULL,
	  "Where the customer's browser pays it.",
	  "\"https://booking.example.com/pay/"
	  "0193a5c8-7b1e-7c3a-9d42-5f0e8a6b1c2d?t=3q2-7w\"" },
};
FORM(pending_change, "PendingChange", pending_change, pending_change_rows,
    "A change of a paid booking to a higher price, which waits for the"
    " difference.", NULL);

#define BOOKING_CHANGE_ROW \
	{ "pending_change", FIELD_OBJECT, ALWAYS, 0, 0, \
	  AT(booking, pending_change), &form_pending_change, NULL, \
	  "What the booking becomes once the difference is paid; null when" \
	  " nothing waits.  Until then all else here holds.", NULL },

#define BOOKING_LINES_ROW \
	{ "line_items", FIELD_RAW, MUST | FIELD_RAW_LIST, 0, 0, \
	  AT(booking, line_items), &form_line_item, NULL, \
	  "How the price is made up.", NULL },

#define BOOKING_END_ROWS \
	{ "child_count", FIELD_INT, MUST, 1, CHILDREN_MAX, \
	  AT(booking, child_count), NULL, NULL, "How many children.", "1" }, \
	{ "refund_amount", FIELD_MONEY, ALWAYS, 0, SUM_MAX, \
	  AT(booking, refund_amount), NULL, NULL, \
	  "What was or will be paid back; null when not cancelled.", "null" }, \
	{ "cancelled_at", FIELD_INSTANT, ALWAYS, 0, 0, \
	  AT(booking, cancelled_us), NULL, NULL, \
	  "When it was cancelled, or null.", "null" }, \
	{ "created_at", FIELD_INSTANT, MUST, 0, 0, AT(booking, created_us), \
	  NULL, NULL, "When it was made.", "\"2027-01-10T10:00:00Z\"" }, \
	{ "updated_at", FIELD_INSTANT, MUST, 0, 0, AT(booking, updated_us), \
	  NULL, NULL, "When it last changed.", "\"2027-01-10T10:00:00Z\"" },

#define BOOKING_VISIT_ROWS \
	{ "qr_code_url", FIELD_TEXT, ALWAYS, 1, 500, AT(booking, qr_code_url), \
	  NULL, NULL, "Where an image of its QR code is stored; null until" \
	  " there is one. GET /bookings/{booking_id}/qr draws it at any time.", \
	  "null" }, \
	{ "checked_in_at", FIELD_INSTANT, ALWAYS, 0, 0, \
	  AT(booking, checked_in_us), NULL, NULL, \
	  "When the children came, or null.", "null" }, \
	{ "checked_out_at", FIELD_INSTANT, ALWAYS, 0, 0, \
	  AT(booking, checked_out_us), NULL, NULL, \
	  "When they were collected, or null.", "null" },

static const struct field created_rows[] = {
	BOOKING_ID_ROWS
	BOOKING_STATE_ROWS
	BOOKING_TIME_ROWS
	BOOKING_PRICE_ROWS
	{ "manage_url", FIELD_TEXT, MUST, 1, 4096, AT(booking, manage_url),
	  NULL, NULL, "A private page that shows, changes and cancels this one"
	  " booking; its token stands behind the # and is never logged. Good"
	  " until 30 days after the booking, wherever that is moved to.",
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
	BOOKING_CHANGE_ROW
	{ "paid_amount", FIELD_MONEY, MUST, 0, SUM_MAX,
	  AT(booking, paid_amount), NULL, NULL,
	  "What was paid for the booking in all.", "120.00" },
	{ "refunded_amount", FIELD_MONEY, MUST, 0, SUM_MAX,
	  AT(booking, refunded_amount), NULL, NULL,
	  "What of it went back, or is on its way.", "0.00" },
	BOOKING_LINES_ROW
	{ "customer_info", FIELD_OBJECT, ALWAYS, 0, 0,
	  AT(booking, customer_info), &form_contact, NULL,
	  "The parent or guardian; null once erased.", NULL },
	{ "children", FIELD_LIST, MUST, 0, CHILDREN_MAX,
	  AT(booking, children), &form_child, NULL, "The children.", NULL },
	{ "cancellation_reason", FIELD_TEXT, ALWAYS | FIELD_MULTILINE, 0, 500,
	  AT(booking, cancellation_reason), NULL, NULL,
	  "The reason given, or null.", "null" },
	BOOKING_VISIT_ROWS
	BOOKING_END_ROWS
};
FORM(booking, "Booking", booking, booking_rows, "A booking.", NULL);

static const struct field summary_rows[] = {
	BOOKING_ID_ROWS
	BOOKING_STATE_ROWS
	BOOKING_TIME_ROWS
	BOOKING_PRICE_ROWS
	BOOKING_HOLD_ROW
	BOOKING_CHANGE_ROW
	BOOKING_END_ROWS
};
FORM(booking_summary, "BookingSummary", booking, summary_rows,
    "A booking in a list: without names and notes.", NULL);

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
	{ "refund_amount", FIELD_MONEY, MUST, 0, SUM_MAX,
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
	{ "refund_amount", FIELD_MONEY, MUST, 0, SUM_MAX,
	  AT(cancel_quote, refund_amount), NULL, NULL,
	  "What a cancellation now pays back.", "100.00" },
	{ "paid_amount", FIELD_MONEY, MUST, 0, SUM_MAX,
	  AT(cancel_quote, paid_amount), NULL, NULL, "What was paid.",
	  "120.00" },
	{ "refunded_amount", FIELD_MONEY, MUST, 0, SUM_MAX,
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

/* clang-format on */
