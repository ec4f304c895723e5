/*
 * err.c: the one table of errors: HTTP status, public code, title, retryable.
 */
#include "base/err.h"

#include <assert.h>
#include <stddef.h>

#include "base/compiler.h"

/* One title per public code: a caller may group by either. */
#define TITLE_INTERNAL "Something went wrong on our side"
#define TITLE_UNAVAILABLE "The service cannot be reached right now"

/* clang-format off */
static const struct err_info table[] = {
	[ERR_OK] = { 200, "ok", "All is well", false },

	[ERR_MALFORMED] = { 400, "malformed_body",
	    "The body is not what its type claims", false },
	[ERR_BAD_REQUEST] = { 400, "bad_request",
	    "The request makes no sense", false },
	[ERR_UNAUTHENTICATED] = { 401, "unauthenticated",
	    "Credentials are needed", false },
	[ERR_BAD_CREDENTIALS] = { 401, "invalid_credentials",
	    "The credentials are not valid", false },
	[ERR_DECLINED] = { 402, "payment_declined",
	    "The payment was declined", false },
	[ERR_FORBIDDEN] = { 403, "insufficient_scope",
	    "The credentials do not allow this", false },
	[ERR_NOT_FOUND] = { 404, "not_found",
	    "There is no such thing", false },
	[ERR_NO_ROUTE] = { 404, "no_such_path",
	    "There is no such path", false },
	[ERR_METHOD] = { 405, "method_not_allowed",
	    "The path does not know this method", false },
	[ERR_NOT_ACCEPTABLE] = { 406, "not_acceptable",
	    "No answer suits the Accept header", false },
	[ERR_CAPACITY] = { 409, "capacity_exceeded",
	    "Fewer places are left than were asked for", false },
	[ERR_CHILD_BUSY] = { 409, "child_already_booked",
	    "The child is already booked at that time", false },
	[ERR_KEY_BUSY] = { 409, "idempotency_key_in_use",
	    "A request with this Idempotency-Key is under way", true },
	[ERR_STATE] = { 409, "state_conflict",
	    "The present state does not allow this", false },
	[ERR_REFUND_CHANGED] = { 409, "refund_changed",
	    "The refund is no longer what was expected", false },
	[ERR_CONFLICT] = { 409, "conflict",
	    "Something else stands against it", false },
	[ERR_FORGED] = { 422, "forged",
	    "This is no QR code of ours", false },
	[ERR_REVOKED] = { 409, "revoked",
	    "The QR code was replaced by another", false },
	[ERR_OTHER_FRANCHISE] = { 409, "wrong_franchise",
	    "The booking is for another franchise", false },
	[ERR_OTHER_DAY] = { 409, "wrong_day",
	    "The booking is for another day", false },
	[ERR_UNPAID] = { 409, "unpaid",
	    "The booking is not paid yet", false },
	[ERR_CANCELLED] = { 409, "cancelled",
	    "The booking was cancelled", false },
	[ERR_EXPIRED] = { 409, "expired",
	    "The booking has expired", false },
	[ERR_OVER] = { 409, "booking_over",
	    "The booking's hours are over", false },
	[ERR_CHECKED_IN] = { 409, "already_checked_in",
	    "The children were checked in already", false },
	[ERR_NOT_CHECKED_IN] = { 409, "not_checked_in",
	    "The children were not checked in", false },
	[ERR_COLLECTED] = { 409, "already_collected",
	    "The children were collected already", false },
	[ERR_NOT_AUTHORISED] = { 409, "not_authorised",
	    "Whoever collects is not on the list", false },
	[ERR_VERSION] = { 412, "precondition_failed",
	    "It has changed since it was read", false },
	[ERR_TOO_LARGE] = { 413, "body_too_large",
	    "The body is too large", false },
	[ERR_TOO_MANY_HEADERS] = { 431, "too_many_headers",
	    "The request has too many headers", false },
	[ERR_MEDIA] = { 415, "unsupported_media_type",
	    "The Content-Type is not one we read", false },
	[ERR_INVALID] = { 422, "validation_failed",
	    "Some of the input breaks a rule", false },
	[ERR_KEY_REUSED] = { 422, "idempotency_key_reused",
	    "The Idempotency-Key was used for another request", false },
	[ERR_TOO_MANY_HOLDS] = { 429, "too_many_holds",
	    "Too many bookings are waiting for payment", true },
	[ERR_RATE] = { 429, "rate_limited",
	    "Too many requests", true },

	[ERR_INTERNAL] = { 500, "internal_error", TITLE_INTERNAL, false },
	[ERR_NO_MEMORY] = { 500, "out_of_memory",
	    "The request needs more memory than it may have", false },
	[ERR_CORRUPT] = { 500, "internal_error", TITLE_INTERNAL, false },
	[ERR_KEY_ABSENT] = { 503, "service_unavailable",
	    TITLE_UNAVAILABLE, true },
	[ERR_UNAVAILABLE] = { 503, "service_unavailable",
	    TITLE_UNAVAILABLE, true },
	[ERR_PAYMENTS_UNAVAILABLE] = { 503, "payments_unavailable",
	    "No payment can be taken right now", true },
	[ERR_TIMEOUT] = { 503, "deadline_exceeded",
	    "It took too long, and nothing was done", true },
	[ERR_UNCERTAIN] = { 503, "outcome_unknown",
	    "It may or may not have been done", true },
	[ERR_RETRY] = { 503, "service_unavailable", TITLE_UNAVAILABLE, true },
	[ERR_STALE] = { 503, "service_unavailable", TITLE_UNAVAILABLE, true },
};
/* clang-format on */

static_assert(ARRAY_LEN(table) == ERR__MAX, "every error has a row");

const struct err_info *
err_info(enum err e)
{
	if ((unsigned)e >= ERR__MAX)
		return &table[ERR_INTERNAL];
	return &table[e];
}
