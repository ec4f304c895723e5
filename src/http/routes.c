/* routes.c: THE table: method, path, who, scope, body, answer, handler. */
#include "http/routes.h"

#include <string.h>

#include "app/forms.h"
#include "app/payment_forms.h"
#include "app/visit_forms.h"
#include "base/compiler.h"
#include "domain/access.h"
#include "http/handle.h"

#define KIB(n) ((size_t)(n)*1024)
#define API "/api/v1"

#define PRIVATE "private, no-store"
#define REVALIDATE "no-cache"

/* What any booking that takes hours may be refused for. */
#define ERR_HOURS \
	(ROUTE_ERR(ERR_CAPACITY) | ROUTE_ERR(ERR_CHILD_BUSY) | \
	    ROUTE_ERR(ERR_CONFLICT) | ROUTE_ERR(ERR_TOO_MANY_HOLDS))

/* What paying may be refused for. */
#define ERR_PAYING \
	(ROUTE_ERR(ERR_DECLINED) | ROUTE_ERR(ERR_STATE) | \
	    ROUTE_ERR(ERR_PAYMENTS_UNAVAILABLE))

/* What a scanned code, and the booking behind it, may be refused for. */
#define ERR_ARRIVING \
	(ROUTE_ERR(ERR_FORGED) | ROUTE_ERR(ERR_REVOKED) | \
	    ROUTE_ERR(ERR_OTHER_FRANCHISE) | ROUTE_ERR(ERR_OTHER_DAY) | \
	    ROUTE_ERR(ERR_UNPAID) | ROUTE_ERR(ERR_CANCELLED) | \
	    ROUTE_ERR(ERR_EXPIRED) | ROUTE_ERR(ERR_OVER) | \
	    ROUTE_ERR(ERR_CHECKED_IN))

/* In the order on_booking_qr draws them. */
static const char *const pictures[] = { "image/png", "image/svg+xml",
	"application/json", NULL };

/* clang-format off */
const struct route routes[] = {
	{ METHOD_POST, API "/bookings",
	  .who = ROUTE_CUSTOMER, .rights = ACCESS_BOOKING_CREATE,
	  .flags = ROUTE_KEYED | ROUTE_ETAG | ROUTE_LOCATION,
	  .body = &form_booking_create, .body_max = KIB(64),
	  .answers = { { 201, &form_booking_created,
	      "The booking is made and its places are kept." } },
	  .errors = ERR_HOURS, .cache = PRIVATE,
	  .handler = on_booking_create,
	  .id = "createBooking", .tag = "bookings",
	  .summary = "Book hours of care",
	  .description = "Takes the places at once or not at all. The booking"
	      " is pending, a hold, until it is paid; it expires at"
	      " hold_expires_at. When an hour is full the answer names the"
	      " full hours and up to three nearby starts that fit. Send an"
	      " Idempotency-Key, so that a retry cannot book twice." },

	{ METHOD_GET, API "/bookings",
	  .who = ROUTE_CUSTOMER, .rights = ACCESS_BOOKING_READ,
	  .query = &form_booking_query,
	  .answers = { { 200, &form_booking_page, "A page of bookings." } },
	  .cache = PRIVATE, .handler = on_booking_list,
	  .id = "listBookings", .tag = "bookings",
	  .summary = "List one's own bookings",
	  .description = "Newest first, without names and notes. Follow"
	      " next_cursor while has_more is true." },

	{ METHOD_GET, API "/bookings/{booking_id}",
	  .who = ROUTE_CUSTOMER, .rights = ACCESS_BOOKING_READ,
	  .flags = ROUTE_MANAGE | ROUTE_ETAG,
	  .answers = { { 200, &form_booking, "The booking." } },
	  .cache = PRIVATE, .handler = on_booking_get,
	  .id = "getBooking", .tag = "bookings",
	  .summary = "Read a booking",
	  .description = "Someone else's booking is answered as if it were"
	      " not there. The ETag is what If-Match takes." },

	{ METHOD_PUT, API "/bookings/{booking_id}",
	  .who = ROUTE_CUSTOMER, .rights = ACCESS_BOOKING_UPDATE,
	  .flags = ROUTE_KEYED | ROUTE_IF_MATCH | ROUTE_MANAGE | ROUTE_ETAG,
	  .body = &form_booking_change, .body_max = KIB(64),
	  .answers = { { 200, &form_booking, "The booking as it now is." } },
	  .errors = ERR_HOURS | ROUTE_ERR(ERR_STATE) |
	      ROUTE_ERR(ERR_PAYMENTS_UNAVAILABLE),
	  .cache = PRIVATE, .handler = on_booking_change,
	  .id = "changeBooking", .tag = "bookings",
	  .summary = "Change a booking",
	  .description = "Every field may be left out and then stays as it is."
	      " New hours and children replace the old ones together or not at"
	      " all. A booking that already is as asked is answered with 200."
	      " A paid booking that becomes dearer stays as it is until the"
	      " difference is paid: pending_change says what waits. One that"
	      " becomes cheaper changes at once, and the difference goes back"
	      " by the policy." },

	{ METHOD_DELETE, API "/bookings/{booking_id}",
	  .who = ROUTE_CUSTOMER, .rights = ACCESS_BOOKING_UPDATE,
	  .flags = ROUTE_KEYED | ROUTE_IF_MATCH | ROUTE_MANAGE | ROUTE_ETAG |
	      ROUTE_BODY_OPTIONAL,
	  .body = &form_cancel, .body_max = KIB(8), .query = &form_cancel,
	  .answers = { { 200, &form_cancelled, "The booking is cancelled." } },
	  .errors = ROUTE_ERR(ERR_STATE) | ROUTE_ERR(ERR_REFUND_CHANGED),
	  .cache = PRIVATE, .handler = on_booking_cancel,
	  .id = "cancelBooking", .tag = "bookings",
	  .summary = "Cancel a booking",
	  .description = "reason and expected_refund go in the query or in a"
	      " JSON body. Cancelling twice is no error: the answer is the same"
	      " again." },

	{ METHOD_GET, API "/bookings/{booking_id}/cancellation-quote",
	  .who = ROUTE_CUSTOMER, .rights = ACCESS_BOOKING_READ,
	  .flags = ROUTE_MANAGE,
	  .answers = { { 200, &form_cancel_quote, "What would be paid back." } },
	  .errors = ROUTE_ERR(ERR_STATE), .cache = PRIVATE,
	  .handler = on_booking_cancel_quote,
	  .id = "quoteCancellation", .tag = "bookings",
	  .summary = "Ask what a cancellation pays back",
	  .description = "Send the refund_amount as expected_refund when"
	      " cancelling: it is then that amount or 409 refund_changed." },

	{ METHOD_GET, API "/bookings/{booking_id}/qr",
	  .who = ROUTE_CUSTOMER, .rights = ACCESS_BOOKING_READ,
	  .flags = ROUTE_MANAGE, .types = pictures,
	  .answers = { { 200, &form_ticket, "The QR code: a picture, or what it"
	      " holds." } },
	  .errors = ROUTE_ERR(ERR_STATE), .cache = PRIVATE,
	  .handler = on_booking_qr,
	  .id = "getQrCode", .tag = "visits",
	  .summary = "Draw the QR code of a booking",
	  .description = "A PNG of 300 by 300 pixels; with Accept image/svg+xml"
	      " a drawing, with application/json the address it holds. Show it"
	      " at the desk on the day. An unpaid booking has one too; the desk"
	      " refuses it until it is paid." },

	{ METHOD_POST, API "/checkins",
	  .who = ROUTE_KEY, .rights = ACCESS_CHECKIN_WRITE,
	  .flags = ROUTE_KEYED,
	  .body = &form_checkin_create, .body_max = KIB(8),
	  .answers = { { 201, &form_checkin, "The children are checked in." },
	      { 200, &form_checkin, "This key checked them in a moment ago:"
	      " already is true." } },
	  .errors = ERR_ARRIVING | ROUTE_ERR(ERR_NOT_FOUND), .cache = PRIVATE,
	  .handler = on_checkin,
	  .id = "checkIn", .tag = "visits",
	  .summary = "Check children in",
	  .description = "For staff, with a secret key of the franchise. Once,"
	      " only on the booking's local day, only when it is confirmed. The"
	      " answer tells what to know about the children and who may collect"
	      " them. Where nothing can be scanned send booking_code, and ask"
	      " who it is." },

	{ METHOD_POST, API "/bookings/{booking_id}/checkout",
	  .who = ROUTE_KEY, .rights = ACCESS_CHECKIN_WRITE,
	  .flags = ROUTE_KEYED,
	  .body = &form_checkout_create, .body_max = KIB(8),
	  .answers = { { 200, &form_checkout, "The children went home." } },
	  .errors = ROUTE_ERR(ERR_NOT_CHECKED_IN) | ROUTE_ERR(ERR_COLLECTED) |
	      ROUTE_ERR(ERR_NOT_AUTHORISED), .cache = PRIVATE,
	  .handler = on_checkout,
	  .id = "checkOut", .tag = "visits",
	  .summary = "Record who collects the children",
	  .description = "For staff. collected_by is the customer, or a name in"
	      " the pickup_authorization of every child of the booking; case and"
	      " spaces do not matter. Anybody else is refused, unless override is"
	      " true and a reason is given, which is recorded. The booking is"
	      " completed." },

	{ METHOD_POST, API "/bookings/{booking_id}/payment",
	  .who = ROUTE_CUSTOMER,
	  .rights = ACCESS_BOOKING_CREATE | ACCESS_BOOKING_UPDATE,
	  .flags = ROUTE_KEYED | ROUTE_MANAGE | ROUTE_BODY_OPTIONAL,
	  .body = &form_booking_payment, .body_max = KIB(8),
	  .answers = { { 200, &form_payment, "Paid, or the customer's turn:"
	      " see status, payment_url and next_action." },
	      { 202, &form_payment, "It is not known yet how it ends: read"
	      " the payment again." } },
	  .errors = ERR_PAYING, .cache = PRIVATE,
	  .handler = on_booking_payment,
	  .id = "payBooking", .tag = "payments",
	  .summary = "Pay a booking",
	  .description = "Without payment_method the answer names the Checkout"
	      " page, payment_url. With one the booking is paid at once; a page"
	      " that is open is closed first. The amount is the booking's"
	      " price. After a decline the hold stands: try again, with a new"
	      " Idempotency-Key. Under the same key nothing is ever charged"
	      " twice, and a declined payment stays declined." },

	{ METHOD_GET, API "/availability/{franchise_id}",
	  .query = &form_availability_query, .flags = ROUTE_ETAG,
	  .answers = { { 200, &form_availability, "What is free that day." } },
	  .cache = REVALIDATE, .handler = on_availability_day,
	  .id = "getAvailability", .tag = "availability",
	  .summary = "See what is free on a day",
	  .description = "A closed day is answered with closed_reason and no"
	      " slots." },

	{ METHOD_GET, API "/availability/{franchise_id}/slots",
	  .query = &form_slots_query, .flags = ROUTE_ETAG,
	  .answers = { { 200, &form_slots_answer, "The stays that fit." } },
	  .cache = REVALIDATE, .handler = on_availability_slots,
	  .id = "listSlots", .tag = "availability",
	  .summary = "Find stays that can be booked",
	  .description = "Every start at which all hours of the stay are free"
	      " for so many children, with its price." },

	{ METHOD_GET, API "/franchises",
	  .query = &form_franchise_query, .flags = ROUTE_ETAG,
	  .answers = { { 200, &form_franchise_page, "A page of franchises." } },
	  .cache = "public, max-age=60", .handler = on_franchise_list,
	  .id = "listFranchises", .tag = "franchises",
	  .summary = "List the franchises",
	  .description = "By name. Follow next_cursor while has_more is true." },

	{ METHOD_GET, API "/franchises/{franchise_id}",
	  .flags = ROUTE_ETAG,
	  .answers = { { 200, &form_franchise, "The franchise." } },
	  .cache = "public, max-age=60", .handler = on_franchise_get,
	  .id = "getFranchise", .tag = "franchises",
	  .summary = "Read a franchise",
	  .description = "Its hours, rates, policy and holidays." },

	{ METHOD_GET, API "/franchises/{franchise_id}/roster",
	  .who = ROUTE_KEY, .rights = ACCESS_CHECKIN_WRITE,
	  .query = &form_roster_query,
	  .answers = { { 200, &form_roster, "A page of the day." } },
	  .cache = PRIVATE, .handler = on_roster,
	  .id = "getRoster", .tag = "visits",
	  .summary = "See who comes on a day",
	  .description = "For staff, with a secret key of the franchise: who is"
	      " expected, there, or gone; allergies and needs; who may collect;"
	      " and how full it is. Follow next_cursor while has_more is true." },

	{ METHOD_POST, API "/guest-sessions",
	  .who = ROUTE_KEY, .rights = ACCESS_GUEST_CREATE,
	  .answers = { { 201, &form_guest_session, "The session is open." } },
	  .errors = ROUTE_ERR(ERR_RATE), .cache = PRIVATE,
	  .handler = on_guest_session,
	  .id = "openGuestSession", .tag = "guests",
	  .summary = "Open a session for a guest",
	  .description = "Gives a browser a token for a customer without an"
	      " account. A publishable key suffices." },

	{ METHOD_GET, API "/openapi.json",
	  .flags = ROUTE_ETAG,
	  .answers = { { 200, NULL, "The OpenAPI 3.1 document." } },
	  .cache = "public, max-age=300", .handler = on_openapi,
	  .id = "getOpenApi", .tag = "service",
	  .summary = "Read this document",
	  .description = "Printed from the tables that route and validate." },

	{ METHOD_GET, "/health",
	  .answers = { { 200, &form_health, "Healthy or degraded." },
	      { 503, &form_health, "Unhealthy: Postgres does not answer." } },
	  .cache = "no-store", .handler = on_health,
	  .id = "getHealth", .tag = "service",
	  .summary = "Ask for the health of the product",
	  .description = "Without Redis the product is degraded, and right." },

	{ METHOD_GET, "/health/live",
	  .answers = { { 200, &form_health, "The process answers." } },
	  .cache = "no-store", .handler = on_health_live,
	  .id = "getLiveness", .tag = "service",
	  .summary = "Ask whether the process lives",
	  .description = "Touches neither Postgres nor Redis." },

	{ METHOD_GET, "/health/ready",
	  .answers = { { 200, &form_health, "Requests may be sent here." },
	      { 503, &form_health, "Unhealthy: Postgres does not answer." } },
	  .cache = "no-store", .handler = on_health,
	  .id = "getReadiness", .tag = "service",
	  .summary = "Ask whether requests can be served",
	  .description = "The same as /health, for load balancers." },

	{ METHOD_POST, API "/payments",
	  .who = ROUTE_CUSTOMER,
	  .rights = ACCESS_BOOKING_CREATE | ACCESS_BOOKING_UPDATE,
	  .flags = ROUTE_KEYED,
	  .body = &form_payment_create, .body_max = KIB(8),
	  .answers = { { 200, &form_payment, "Paid, or the customer's turn:"
	      " see status, payment_url and next_action." },
	      { 202, &form_payment, "It is not known yet how it ends: read"
	      " the payment again." } },
	  .errors = ERR_PAYING | ROUTE_ERR(ERR_NOT_FOUND), .cache = PRIVATE,
	  .handler = on_payment_create,
	  .id = "createPayment", .tag = "payments",
	  .summary = "Pay the booking that the body names",
	  .description = "The same as POST /bookings/{booking_id}/payment." },

	{ METHOD_POST, API "/payments/{payment_id}/refund",
	  .who = ROUTE_KEY, .rights = ACCESS_PAYMENT_REFUND,
	  .flags = ROUTE_KEYED | ROUTE_BODY_OPTIONAL,
	  .body = &form_refund_create, .body_max = KIB(8),
	  .answers = { { 201, &form_refund, "The money is on its way back." } },
	  .errors = ROUTE_ERR(ERR_STATE), .cache = PRIVATE,
	  .handler = on_payment_refund,
	  .id = "refundPayment", .tag = "payments",
	  .summary = "Give money back",
	  .description = "For staff, with a secret key of the franchise. All"
	      " that is left when amount is absent, never more. The booking"
	      " stays as it is: to end it, cancel it." },

	{ METHOD_GET, "/api/v1/payments/{payment_id}",
	  .who = ROUTE_CUSTOMER, .rights = ACCESS_BOOKING_READ, .flags = ROUTE_MANAGE,
	  .answers = { { 200, &form_payment, "The payment." } },
	  .errors = ROUTE_ERR(ERR_NOT_FOUND),
	  .cache = "private, no-store", .handler = on_payment_get,
	  .id = "getPayment", .tag = "payments",
	  .summary = "Read a payment",
	  .description = "Where one attempt to pay stands, and what has gone"
	      " back of it." },

	{ METHOD_POST, "/api/v1/webhooks/stripe",
	  .flags = ROUTE_RAW, .body_max = KIB(256),
	  .answers = { { 200, &form_webhook_answer, "The event is stored." } },
	  .errors = ROUTE_ERR(ERR_BAD_CREDENTIALS) | ROUTE_ERR(ERR_MALFORMED) |
	      ROUTE_ERR(ERR_PAYMENTS_UNAVAILABLE) | ROUTE_ERR(ERR_CONFLICT),
	  .cache = "no-store", .handler = on_webhook,
	  .id = "stripeWebhook", .tag = "payments",
	  .summary = "Take an event of Stripe's",
	  .description = "For Stripe alone: signed by Stripe-Signature, stored"
	      " once, answered once it is stored." },

	{ METHOD_GET, "/pay/{booking_id}",
	  .query = &form_pay_query, .flags = ROUTE_PAGE,
	  .answers = { { 303, NULL, "On to the Checkout page." } },
	  .errors = ROUTE_ERR(ERR_PAYMENTS_UNAVAILABLE) | ROUTE_ERR(ERR_STATE) |
	      ROUTE_ERR(ERR_DECLINED) | ROUTE_ERR(ERR_NOT_FOUND),
	  .cache = "no-store", .handler = on_pay,
	  .id = "pay", .tag = "payments",
	  .summary = "Pay in the browser",
	  .description = "The payment link of a booking, which never dies: it"
	      " leads to an open Checkout page. For a customer's browser, not"
	      " for programs." },
};
/* clang-format on */

const size_t routes_count = ARRAY_LEN(routes);

const char *
routes_method(enum method method)
{
	static const char *const names[] = {
		[METHOD_GET] = "GET",
		[METHOD_POST] = "POST",
		[METHOD_PUT] = "PUT",
		[METHOD_DELETE] = "DELETE",
	};

	return names[method];
}

uint64_t
routes_errors(const struct route *route)
{
	uint64_t all = route->errors | ROUTE_ERR(ERR_BAD_REQUEST) |
	    ROUTE_ERR(ERR_TOO_MANY_HEADERS) |
	    ROUTE_ERR(ERR_BAD_CREDENTIALS) | ROUTE_ERR(ERR_NOT_ACCEPTABLE) |
	    ROUTE_ERR(ERR_INVALID) | ROUTE_ERR(ERR_RATE) |
	    ROUTE_ERR(ERR_INTERNAL) | ROUTE_ERR(ERR_NO_MEMORY) |
	    ROUTE_ERR(ERR_CORRUPT) | ROUTE_ERR(ERR_UNAVAILABLE) |
	    ROUTE_ERR(ERR_TIMEOUT);

	if (route->who != ROUTE_ANYONE)
		all |= ROUTE_ERR(ERR_UNAUTHENTICATED) |
		    ROUTE_ERR(ERR_FORBIDDEN);
	if (strchr(route->path, '{'))
		all |= ROUTE_ERR(ERR_NOT_FOUND);
	if (route->body)
		all |= ROUTE_ERR(ERR_MALFORMED) | ROUTE_ERR(ERR_TOO_LARGE) |
		    ROUTE_ERR(ERR_MEDIA);
	if (route->flags & ROUTE_KEYED)
		all |= ROUTE_ERR(ERR_KEY_BUSY) | ROUTE_ERR(ERR_KEY_REUSED) |
		    ROUTE_ERR(ERR_UNCERTAIN);
	if (route->flags & ROUTE_IF_MATCH)
		all |= ROUTE_ERR(ERR_VERSION);
	return all;
}
