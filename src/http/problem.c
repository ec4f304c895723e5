/* problem.c: RFC 9457 problem documents. */
#include "http/problem.h"

#include <stddef.h>
#include <string.h>

#include "app/forms.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/form.h"
#include "base/instant.h"
#include "base/rng.h"
#include "base/scope.h"
#include "http/response.h"
#include "http/trace.h"

#define INSTANCE_MAX 2048
#define DETAIL_FALLBACK "Quote the request_id when you report it."

/* The members of form_problem. */
struct problem {
	const char *type;
	const char *title;
	int64_t status;
	const char *detail;
	const char *instance;
	const char *code;
	const char *request_id;
	const char *errors;       /* JSON */
	const char *full_slots;   /* JSON */
	const char *alternatives; /* JSON */
	const char *decline_code;
};

/*
 * The public sentence of each error.  `own`: sc->why, when there is one, was
 * written for the caller by the use case or by a check of ours; everywhere
 * else it is for the operator alone.
 */
/* clang-format off */
static const struct sentence {
	bool own;
	const char *text;
} sentences[ERR__MAX] = {
	[ERR_MALFORMED] = { true, "The body must be one JSON object." },
	[ERR_BAD_REQUEST] = { true,
	    "The request line or a header cannot be read." },
	[ERR_UNAUTHENTICATED] = { false,
	    "Send Authorization: Bearer with a token, or X-API-Key." },
	[ERR_BAD_CREDENTIALS] = { false,
	    "The token or key is malformed, expired, revoked or not ours." },
	[ERR_DECLINED] = { true,
	    "The card was declined; use another one or ask your bank." },
	[ERR_FORBIDDEN] = { false,
	    "The token or key is good, but not for this." },
	[ERR_NOT_FOUND] = { false,
	    "It is not there, or it is not yours." },
	[ERR_NO_ROUTE] = { false,
	    "The paths of the API are listed in /api/v1/openapi.json." },
	[ERR_METHOD] = { false,
	    "The Allow header lists the methods of this path." },
	[ERR_NOT_ACCEPTABLE] = { false,
	    "Answers are application/json; let Accept allow it." },
	[ERR_CAPACITY] = { true,
	    "At least one of these hours has too few places left." },
	[ERR_CHILD_BUSY] = { false,
	    "A child of this booking has another booking at that time." },
	[ERR_KEY_BUSY] = { false,
	    "The first request with this key is still being worked on; try"
	    " again shortly." },
	[ERR_STATE] = { true,
	    "The booking's present state does not allow this." },
	[ERR_REFUND_CHANGED] = { true,
	    "The refund is no longer what was expected; ask for a new quote." },
	[ERR_CONFLICT] = { false,
	    "Something else stands against it; read the present state." },
	[ERR_FORGED] = { false,
	    "The code was not made by us, or with a key that we no longer use."
	    " Ask for the booking code instead." },
	[ERR_REVOKED] = { false,
	    "Another QR code was made for this booking: open it anew." },
	[ERR_OTHER_FRANCHISE] = { false,
	    "The booking stands, but not here." },
	[ERR_OTHER_DAY] = { true, "The booking is not for today." },
	[ERR_UNPAID] = { true,
	    "The booking is not confirmed until it is paid." },
	[ERR_CANCELLED] = { true, "The booking was cancelled." },
	[ERR_EXPIRED] = { true, "The booking was not paid in time." },
	[ERR_OVER] = { true, "Its hours are over, and nobody came." },
	[ERR_CHECKED_IN] = { true, "A booking is checked in once." },
	[ERR_NOT_CHECKED_IN] = { true,
	    "Who goes home must have come in." },
	[ERR_COLLECTED] = { true,
	    "Children are collected once." },
	[ERR_NOT_AUTHORISED] = { false,
	    "The name is neither the customer's nor on the list of every child"
	    " of the booking. Override it with a reason if you are sure." },
	[ERR_VERSION] = { true,
	    "It has changed since it was read; read it again." },
	[ERR_TOO_LARGE] = { false,
	    "The body has more bytes than this request may have." },
	[ERR_TOO_MANY_HEADERS] = { true, "Send fewer headers." },
	[ERR_MEDIA] = { false,
	    "Send the body as Content-Type: application/json." },
	[ERR_INVALID] = { true, "The input breaks a rule; errors names it." },
	[ERR_KEY_REUSED] = { true,
	    "This Idempotency-Key was used with another request; use a new one"
	    " for a new request." },
	[ERR_TOO_MANY_HOLDS] = { true,
	    "Too many bookings wait for payment; pay or cancel one first." },
	[ERR_RATE] = { false, "Slow down, and try again later." },
	[ERR_INTERNAL] = { false, DETAIL_FALLBACK },
	[ERR_NO_MEMORY] = { false, DETAIL_FALLBACK },
	[ERR_CORRUPT] = { false, DETAIL_FALLBACK },
	[ERR_KEY_ABSENT] = { false, "Nothing was done. Try again shortly." },
	[ERR_UNAVAILABLE] = { false,
	    "Nothing was done. Try again shortly." },
	[ERR_PAYMENTS_UNAVAILABLE] = { false,
	    "The booking stands; its payment can be made later." },
	[ERR_TIMEOUT] = { false, "Nothing was done. Try again shortly." },
	[ERR_UNCERTAIN] = { false,
	    "It may have been done. Send the same request with the same"
	    " Idempotency-Key to find out." },
	[ERR_RETRY] = { false, "Nothing was done. Try again shortly." },
	[ERR_STALE] = { false, "Nothing was done. Try again shortly." },
};

#define AT(member) offsetof(struct problem, member)

static const struct field fault_rows[] = {
	{ "pointer", FIELD_TEXT, 0, 0, 0, offsetof(struct fault, pointer),
	  NULL, NULL, "JSON Pointer (RFC 6901) of the faulty member of the"
	  " body.", "\"/child_info/age\"" },
	{ "parameter", FIELD_TEXT, 0, 0, 0, offsetof(struct fault, param),
	  NULL, NULL, "Name of the faulty query or path parameter, or header.",
	  NULL },
	{ "rule", FIELD_TEXT, FIELD_REQUIRED, 0, 0,
	  offsetof(struct fault, rule), NULL, NULL,
	  "A stable word for the rule it breaks.", "\"maximum\"" },
	{ "detail", FIELD_TEXT, FIELD_REQUIRED, 0, 0,
	  offsetof(struct fault, detail), NULL, NULL, "What the rule asks.",
	  "\"must be at most 17\"" },
};
static const struct form form_fault = {
	.name = "ProblemError", .help = "One faulty field.",
	.size = sizeof(struct fault),
	.fields = fault_rows, .count = ARRAY_LEN(fault_rows),
};

static const struct field problem_rows[] = {
	{ "type", FIELD_TEXT, FIELD_REQUIRED, 0, 0, AT(type), NULL, NULL,
	  "A link to the explanation of the code.",
	  "\"" PROBLEM_DOCS "#validation_failed\"" },
	{ "title", FIELD_TEXT, FIELD_REQUIRED, 0, 0, AT(title), NULL, NULL,
	  "The code in words.", "\"Some of the input breaks a rule\"" },
	{ "status", FIELD_INT, FIELD_REQUIRED, 400, 599, AT(status), NULL,
	  NULL, "The HTTP status.", "422" },
	{ "detail", FIELD_TEXT, FIELD_REQUIRED, 0, 0, AT(detail), NULL, NULL,
	  "What happened this time.", "\"One field is faulty.\"" },
	{ "instance", FIELD_TEXT, 0, 0, 0, AT(instance), NULL, NULL,
	  "The path it happened at.", "\"/api/v1/bookings\"" },
	{ "code", FIELD_TEXT, FIELD_REQUIRED, 0, 0, AT(code), NULL, NULL,
	  "A stable word for the kind of error: decide by this one.",
	  "\"validation_failed\"" },
	{ "request_id", FIELD_TEXT, FIELD_REQUIRED, 0, 0, AT(request_id),
	  NULL, NULL, "Names this request in our logs.",
	  "\"0193a5c8-7b1e-7c3a-9d42-5f0e8a6b1c2d\"" },
	{ "errors", FIELD_RAW, FIELD_RAW_LIST, 0, 0, AT(errors), &form_fault,
	  NULL, "Every faulty field, not only the first.", NULL },
	{ "full_slots", FIELD_RAW, FIELD_RAW_LIST, 0, 0, AT(full_slots),
	  &form_full_slot, NULL, "capacity_exceeded: the hours that are full.",
	  NULL },
	{ "alternatives", FIELD_RAW, FIELD_RAW_LIST, 0, 0, AT(alternatives),
	  &form_start_option, NULL,
	  "capacity_exceeded: nearby starts that fit.", NULL },
	{ "decline_code", FIELD_TEXT, 0, 0, 0, AT(decline_code), NULL, NULL,
	  "payment_declined: Stripe's word for why; refused_... where no card"
	  " would do.",
	  "\"insufficient_funds\"" },
};
/* clang-format on */

const struct form form_problem = { .name = "Problem",
	.help = "What went wrong, as RFC 9457 has it.",
	.size = sizeof(struct problem),
	.fields = problem_rows, .count = ARRAY_LEN(problem_rows) };

const char *
problem_sentence(enum err e)
{
	if ((unsigned)e >= ERR__MAX || !sentences[e].text)
		return DETAIL_FALLBACK;
	return sentences[e].text;
}

/* The sentence in sc->why as a sentence of its own.  NULL when there is none,
 * or when it is the store's: that one names a statement, for the operator. */
static const char *
own_sentence(struct scope *sc)
{
	size_t len = strlen(sc->why);
	char *text;

	if (len == 0 || strncmp(sc->why, "statement ", 10) == 0)
		return NULL;
	text = arena_printf(sc->arena, "%s%s", sc->why,
	    strchr(".!?", sc->why[len - 1]) ? "" : ".");
	if (*text >= 'a' && *text <= 'z')
		*text = (char)(*text - 'a' + 'A');
	return text;
}

/* What was found faulty on the way to another failure, or in a try before, is
 * not what this one is about. */
static bool
is_about_faults(enum err e)
{
	return e == ERR_INVALID || e == ERR_BAD_REQUEST || e == ERR_NOT_FOUND;
}

const char *
problem_detail(struct scope *sc, enum err e)
{
	const char *own = NULL;

	if (is_about_faults(e) && sc->fault_count == 1)
		return "One field is faulty.";
	if (is_about_faults(e) && sc->fault_count > 1)
		return arena_printf(sc->arena, "%zu fields are faulty.",
		    sc->fault_count);
	if ((unsigned)e < ERR__MAX && sentences[e].own)
		own = own_sentence(sc);
	return own ? own : problem_sentence(e);
}

/* The path came decoded: encode again what a URI reference may not hold. */
static const char *
instance_of(struct arena *arena, const char *path)
{
	static const char plain[] = "/-._~!$&'()*+,;=:@";
	struct buf out;

	buf_init(&out, arena, INSTANCE_MAX);
	for (; *path; path++) {
		unsigned char c = (unsigned char)*path;

		if ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
		    (c >= 'a' && c <= 'z') || strchr(plain, c))
			buf_putc(&out, (char)c);
		else
			buf_printf(&out, "%%%02X", c);
	}
	return out.overflow ? NULL : out.data;
}

static const char *
faults_json(struct scope *sc)
{
	struct buf out;

	if (!sc->faults)
		return NULL;
	buf_init(&out, sc->arena, RESPONSE_BODY_MAX / 2);
	buf_putc(&out, '[');
	for (const struct fault *f = sc->faults; f; f = f->next) {
		if (f != sc->faults)
			buf_putc(&out, ',');
		form_print(&out, &form_fault, f);
	}
	buf_putc(&out, ']');
	return out.overflow ? NULL : out.data;
}

static const char *
list_json(struct arena *arena, const struct form *form,
    const struct list *list)
{
	struct buf out;

	buf_init(&out, arena, RESPONSE_BODY_MAX / 4);
	buf_putc(&out, '[');
	for (size_t i = 0; i < list->count; i++) {
		if (i > 0)
			buf_putc(&out, ',');
		form_print(&out, form,
		    (const char *)list->items + i * form->size);
	}
	buf_putc(&out, ']');
	return out.overflow ? NULL : out.data;
}

/* One or two seconds, so that those turned away do not come back as one. */
static int64_t
some_seconds(void)
{
	unsigned char byte;

	rng_bytes(&byte, 1);
	return 1 + (byte & 1);
}

static void
put_retry_after(struct scope *sc, struct response *res, enum err e)
{
	const struct err_info *info = err_info(e);
	int64_t seconds = sc->retry_after_s;

	if (!info->retryable)
		return;
	if (seconds <= 0)
		seconds = some_seconds();
	response_header(res, "Retry-After", "%lld", (long long)seconds);
}

void
problem_answer_at(struct scope *sc, struct response *res, enum err e,
    const char *path, const struct refusal *refusal)
{
	const struct err_info *info = err_info(e);
	const char *id = *sc->request_id ? sc->request_id : trace_new(sc);
	struct problem problem = {
		.type = arena_printf(sc->arena, PROBLEM_DOCS "#%s",
		    info->code),
		.title = info->title,
		.status = info->status,
		.code = info->code,
		.request_id = id,
	};

	problem.detail = problem_detail(sc, e);
	if (path)
		problem.instance = instance_of(sc->arena, path);
	if (is_about_faults(e))
		problem.errors = faults_json(sc);
	if (refusal && e == ERR_CAPACITY) {
		problem.full_slots = list_json(sc->arena, &form_full_slot,
		    &refusal->full_slots);
		problem.alternatives = list_json(sc->arena,
		    &form_start_option, &refusal->alternatives);
	}

	if (refusal && e == ERR_DECLINED)
		problem.decline_code = refusal->decline_code;

	response_clear(res);
	res->status = info->status;
	res->code = info->code;
	res->why = sc->why[0] ? arena_strdup(sc->arena, sc->why) : NULL;
	response_header(res, "Content-Type", "application/problem+json");
	response_header(res, "Cache-Control", "no-store");
	response_header(res, "X-Request-Id", "%s", id);
	put_retry_after(sc, res, e);
	form_print(&res->body, &form_problem, &problem);
}

void
problem_answer(struct scope *sc, struct response *res, enum err e)
{
	problem_answer_at(sc, res, e, NULL, NULL);
}
