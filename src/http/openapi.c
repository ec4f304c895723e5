/* openapi.c: the OpenAPI 3.1 document, printed from the tables. */
#include "http/openapi.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/compiler.h"
#include "base/form.h"
#include "base/json.h"
#include "domain/access.h"
#include "http/problem.h"
#include "http/routes.h"

#define API_VERSION "1.0.0"
#define JSON_TYPE "application/json"
#define FORMS_MAX 64
#define TEXT_MAX 4096

/* Every form the document names, and whether it is ever read. */
struct schemas {
	const struct form *forms[FORMS_MAX];
	bool input[FORMS_MAX];
	size_t count;
};

static void
put_member(struct buf *out, const char *name, const char *value)
{
	json_put_text(out, name);
	buf_putc(out, ':');
	json_put_text(out, value);
}

/* The comma before every member or item but the first. */
static void
put_comma(struct buf *out, bool *first)
{
	if (!*first)
		buf_putc(out, ',');
	*first = false;
}

static void
add_form(struct schemas *all, const struct form *form, bool input)
{
	size_t i;

	if (!form)
		return;
	for (i = 0; i < all->count && all->forms[i] != form; i++)
		;
	if (i < all->count && (all->input[i] || !input))
		return;
	if (i == all->count) {
		assert(all->count < FORMS_MAX);
		all->forms[all->count++] = form;
	}
	all->input[i] = input;
	for (size_t f = 0; f < form->count; f++)
		add_form(all, form->fields[f].form, input);
}

static void
collect(struct schemas *all)
{
	add_form(all, &form_problem, false);
	for (size_t i = 0; i < routes_count; i++) {
		add_form(all, routes[i].body, true);
		for (size_t a = 0; a < ROUTE_ANSWERS_MAX; a++)
			add_form(all, routes[i].answers[a].form, false);
	}
}

static void
put_ref(struct buf *out, const char *section, const char *name)
{
	buf_printf(out, "{\"$ref\":\"#/components/%s/%s\"}", section, name);
}

/* ---- one operation -------------------------------------------------------- */

static void
put_path_params(struct buf *out, const char *path, bool *first)
{
	while ((path = strchr(path, '{')) != NULL) {
		size_t len = strcspn(++path, "}");

		put_comma(out, first);
		buf_puts(out, "{\"name\":\"");
		buf_put(out, path, len);
		buf_puts(out, "\",\"in\":\"path\",\"required\":true,"
		    "\"description\":\"A UUID; anything else is 404.\","
		    "\"schema\":{\"type\":\"string\",\"format\":\"uuid\"}}");
		path += len;
	}
}

static void
put_params(struct buf *out, const struct route *route)
{
	const struct form *query = route->query;
	bool first = true;

	buf_puts(out, ",\"parameters\":[");
	put_path_params(out, route->path, &first);
	for (size_t i = 0; query && i < query->count; i++) {
		struct field field = query->fields[i];

		/* A query has no null; what is absent is not there. */
		field.flags &= ~(unsigned)FIELD_NULLABLE;
		put_comma(out, &first);
		buf_puts(out, "{\"in\":\"query\",");
		put_member(out, "name", field.name);
		buf_putc(out, ',');
		put_member(out, "description", field.help);
		if (field.flags & FIELD_REQUIRED)
			buf_puts(out, ",\"required\":true");
		buf_puts(out, ",\"schema\":");
		form_schema_field(out, &field);
		buf_putc(out, '}');
	}
	if (route->who == ROUTE_CUSTOMER) {
		put_comma(out, &first);
		put_ref(out, "parameters", "CustomerId");
	}
	if (route->flags & ROUTE_KEYED) {
		put_comma(out, &first);
		put_ref(out, "parameters", "IdempotencyKey");
	}
	if (route->flags & ROUTE_IF_MATCH) {
		put_comma(out, &first);
		put_ref(out, "parameters", "IfMatch");
	}
	if (route->flags & ROUTE_ETAG && route->method == METHOD_GET) {
		put_comma(out, &first);
		put_ref(out, "parameters", "IfNoneMatch");
	}
	put_comma(out, &first);
	put_ref(out, "parameters", "RequestId");
	buf_putc(out, ']');
}

/* Any one of the rights is enough, but of one requirement all are needed: so
 * each is one of its own. */
static void
put_scheme(struct buf *out, const char *scheme, unsigned rights, bool *first)
{
	for (unsigned bit = 1; bit && bit <= rights; bit <<= 1) {
		if (!(rights & bit))
			continue;
		put_comma(out, first);
		buf_printf(out, "{\"%s\":[", scheme);
		json_put_text(out, access_word((enum access_right)bit));
		buf_puts(out, "]}");
	}
}

static void
put_security(struct buf *out, const struct route *route)
{
	bool first = true;

	buf_puts(out, ",\"security\":[");
	if (route->who == ROUTE_CUSTOMER)
		put_scheme(out, "bearerAuth", route->rights, &first);
	if (route->who != ROUTE_ANYONE)
		put_scheme(out, "apiKey", route->rights, &first);
	buf_putc(out, ']');
}

static void
put_body(struct buf *out, const struct route *route)
{
	if (route->flags & ROUTE_RAW) {
		buf_puts(out, ",\"requestBody\":{\"required\":true,\"content\":"
		    "{\"application/json\":{\"schema\":{\"type\":\"object\"}}}}");
		return;
	}
	if (!route->body)
		return;
	buf_printf(out, ",\"requestBody\":{\"required\":%s,\"content\":"
	    "{\"application/json\":{\"schema\":",
	    route->flags & ROUTE_BODY_OPTIONAL ? "false" : "true");
	put_ref(out, "schemas", route->body->name);
	buf_puts(out, "}}}");
}

static void
put_header_ref(struct buf *out, const char *header, const char *component)
{
	buf_putc(out, ',');
	json_put_text(out, header);
	buf_putc(out, ':');
	put_ref(out, "headers", component);
}

static void
put_content(struct buf *out, const struct route *route,
    const struct route_answer *answer)
{
	buf_puts(out, ",\"content\":{");
	for (size_t i = 0; route->types && route->types[i]; i++) {
		/* Bytes have no schema (OpenAPI 3.1, 4.8.14.3). */
		if (strcmp(route->types[i], JSON_TYPE) != 0)
			buf_printf(out, "\"%s\":{},", route->types[i]);
	}
	buf_puts(out, "\"" JSON_TYPE "\":{\"schema\":");
	if (answer->form)
		put_ref(out, "schemas", answer->form->name);
	else
		buf_puts(out, "{\"type\":\"object\"}");
	buf_puts(out, "}}");
}

static void
put_answer(struct buf *out, const struct route *route,
    const struct route_answer *answer)
{
	bool leads_on = answer->status == 303;

	buf_printf(out, "\"%d\":{", answer->status);
	put_member(out, "description", answer->help);
	buf_puts(out, ",\"headers\":{\"X-Request-Id\":");
	put_ref(out, "headers", "RequestId");
	put_header_ref(out, "Cache-Control", "CacheControl");
	if (route->flags & ROUTE_ETAG)
		put_header_ref(out, "ETag", "ETag");
	if (route->flags & ROUTE_LOCATION)
		put_header_ref(out, "Location", "Location");
	if (leads_on)
		put_header_ref(out, "Location", "Onward");
	if (route->flags & ROUTE_KEYED)
		put_header_ref(out, "Idempotency-Replayed", "Replayed");
	if (answer->status == 503)
		put_header_ref(out, "Retry-After", "RetryAfter");
	buf_putc(out, '}');
	if (!leads_on)
		put_content(out, route, answer);
	buf_putc(out, '}');
}

static bool
answers_status(const struct route *route, int status)
{
	for (size_t i = 0; i < ROUTE_ANSWERS_MAX; i++) {
		if (route->answers[i].status == status)
			return true;
	}
	return false;
}

static bool
may_answer(uint64_t errors, int e)
{
	return (errors & ROUTE_ERR(e)) != 0;
}

/* "`code`: Title." for each code of one status, each code once. */
static void
put_codes(struct buf *out, uint64_t errors, int status)
{
	const char *last = "";
	struct buf text;

	buf_init(&text, out->arena, TEXT_MAX);
	for (int e = 1; e < ERR__MAX; e++) {
		const struct err_info *info = err_info((enum err)e);

		if (!may_answer(errors, e) || info->status != status ||
		    strcmp(info->code, last) == 0)
			continue;
		buf_printf(&text, "%s`%s`: %s.", text.len > 0 ? " " : "",
		    info->code, info->title);
		last = info->code;
	}
	put_member(out, "description", text.data);
}

static bool
may_be_retried(uint64_t errors, int status)
{
	for (int e = 1; e < ERR__MAX; e++) {
		const struct err_info *info = err_info((enum err)e);

		if (may_answer(errors, e) && info->status == status &&
		    info->retryable)
			return true;
	}
	return false;
}

static void
put_problem(struct buf *out, const struct route *route, uint64_t errors,
    int status)
{
	buf_printf(out, "\"%d\":{", status);
	put_codes(out, errors, status);
	buf_puts(out, ",\"headers\":{\"X-Request-Id\":");
	put_ref(out, "headers", "RequestId");
	if (may_be_retried(errors, status))
		put_header_ref(out, "Retry-After", "RetryAfter");
	if (status == 401 || status == 403)
		put_header_ref(out, "WWW-Authenticate", "Challenge");
	buf_printf(out, "},\"content\":{%s\"application/problem+json\":"
	    "{\"schema\":", route->flags & ROUTE_PAGE ?
	    "\"text/html\":{\"schema\":{\"type\":\"string\"}}," : "");
	put_ref(out, "schemas", form_problem.name);
	buf_puts(out, "}}}");
}

static void
put_responses(struct buf *out, const struct route *route)
{
	uint64_t errors = routes_errors(route);
	bool first = true;

	buf_puts(out, ",\"responses\":{");
	for (size_t i = 0; i < ROUTE_ANSWERS_MAX; i++) {
		if (route->answers[i].status == 0)
			break;
		put_comma(out, &first);
		put_answer(out, route, &route->answers[i]);
	}
	if (route->flags & ROUTE_ETAG && route->method == METHOD_GET) {
		put_comma(out, &first);
		buf_puts(out, "\"304\":{\"description\":"
		    "\"It is as If-None-Match has it.\","
		    "\"headers\":{\"X-Request-Id\":");
		put_ref(out, "headers", "RequestId");
		put_header_ref(out, "Cache-Control", "CacheControl");
		put_header_ref(out, "ETag", "ETag");
		buf_puts(out, "}}");
	}
	for (int status = 400; status < 600; status++) {
		bool any = false;

		for (int e = 1; e < ERR__MAX; e++)
			any = any || (may_answer(errors, e) &&
			    err_info((enum err)e)->status == status);
		if (!any || answers_status(route, status))
			continue;
		put_comma(out, &first);
		put_problem(out, route, errors, status);
	}
	buf_putc(out, '}');
}

static void
put_operation(struct buf *out, const struct route *route)
{
	static const char *const names[] = { "get", "post", "put", "delete" };

	buf_printf(out, "\"%s\":{", names[route->method]);
	put_member(out, "operationId", route->id);
	buf_puts(out, ",\"tags\":[");
	json_put_text(out, route->tag);
	buf_puts(out, "],");
	put_member(out, "summary", route->summary);
	buf_putc(out, ',');
	put_member(out, "description", route->description);
	put_security(out, route);
	put_params(out, route);
	put_body(out, route);
	put_responses(out, route);
	buf_putc(out, '}');
}

/* Routes of one path stand together in the table or not: the first row of a
 * path prints them all. */
static bool
seen_before(size_t at)
{
	for (size_t i = 0; i < at; i++) {
		if (strcmp(routes[i].path, routes[at].path) == 0)
			return true;
	}
	return false;
}

static void
put_paths(struct buf *out)
{
	bool first_path = true;

	buf_puts(out, ",\"paths\":{");
	for (size_t i = 0; i < routes_count; i++) {
		bool first = true;

		if (seen_before(i))
			continue;
		put_comma(out, &first_path);
		json_put_text(out, routes[i].path);
		buf_puts(out, ":{");
		for (size_t k = i; k < routes_count; k++) {
			if (strcmp(routes[k].path, routes[i].path) != 0)
				continue;
			put_comma(out, &first);
			put_operation(out, &routes[k]);
		}
		buf_putc(out, '}');
	}
	buf_putc(out, '}');
}

/* ---- what operations share --------------------------------------------------- */

/* clang-format off */
static const struct shared {
	const char *name;
	const char *json;
} parameters[] = {
	{ "CustomerId", "{\"name\":\"X-Customer-Id\",\"in\":\"header\","
	    "\"description\":\"With a secret API key: the customer it acts"
	    " for.\",\"schema\":{\"type\":\"string\",\"format\":\"uuid\"}}" },
	{ "IdempotencyKey", "{\"name\":\"Idempotency-Key\",\"in\":\"header\","
	    "\"description\":\"A key of your own for this request: sent again"
	    " within 24 hours, it gets the first answer again and nothing is"
	    " done twice. Quoted or bare.\",\"schema\":{\"type\":\"string\","
	    "\"minLength\":1,\"maxLength\":257,"
	    "\"examples\":[\"8e03978e-40d5-43dd-bc93-6894a57f9324\"]}}" },
	{ "IfMatch", "{\"name\":\"If-Match\",\"in\":\"header\","
	    "\"description\":\"The ETag you read: if the booking has changed"
	    " since, the answer is 412 and nothing is done.\","
	    "\"schema\":{\"type\":\"string\",\"examples\":[\"\\\"3\\\"\"]}}" },
	{ "IfNoneMatch", "{\"name\":\"If-None-Match\",\"in\":\"header\","
	    "\"description\":\"The ETag you have: 304 if it still holds.\","
	    "\"schema\":{\"type\":\"string\",\"examples\":[\"\\\"3\\\"\"]}}" },
	{ "RequestId", "{\"name\":\"X-Request-Id\",\"in\":\"header\","
	    "\"description\":\"A name of your own for this request; it comes"
	    " back and stands in our logs. One of another form is replaced.\","
	    "\"schema\":{\"type\":\"string\","
	    "\"pattern\":\"^[A-Za-z0-9._-]{8,64}$\"}}" },
}, headers[] = {
	{ "RequestId", "{\"description\":\"Names this request in our logs.\","
	    "\"schema\":{\"type\":\"string\"}}" },
	{ "CacheControl", "{\"description\":\"How long it may be kept.\","
	    "\"schema\":{\"type\":\"string\"}}" },
	{ "ETag", "{\"description\":\"Names this state; what If-Match and"
	    " If-None-Match take.\",\"schema\":{\"type\":\"string\"}}" },
	{ "Location", "{\"description\":\"The path of what was made.\","
	    "\"schema\":{\"type\":\"string\",\"format\":\"uri-reference\"}}" },
	{ "Onward", "{\"description\":\"Where to go on.\","
	    "\"schema\":{\"type\":\"string\",\"format\":\"uri\"}}" },
	{ "Replayed", "{\"description\":\"true: the stored answer to an"
	    " earlier request with this Idempotency-Key.\","
	    "\"schema\":{\"type\":\"string\",\"const\":\"true\"}}" },
	{ "RetryAfter", "{\"description\":\"Seconds after which to try"
	    " again.\",\"schema\":{\"type\":\"integer\",\"minimum\":1}}" },
	{ "Challenge", "{\"description\":\"What credentials are needed"
	    " (RFC 6750).\",\"schema\":{\"type\":\"string\"}}" },
}, schemes[] = {
	{ "bearerAuth", "{\"type\":\"http\",\"scheme\":\"bearer\","
	    "\"bearerFormat\":\"JWT\",\"description\":\"A customer's token,"
	    " the token of a guest session, or the token of a manage_url for"
	    " its one booking.\"}" },
	{ "apiKey", "{\"type\":\"apiKey\",\"in\":\"header\","
	    "\"name\":\"X-API-Key\",\"description\":\"A program's key: secret"
	    " ones act for the customer named in X-Customer-Id, publishable"
	    " ones open guest sessions.\"}" },
};

static const char intro[] =
	"\"info\":{\"title\":\"Customer Booking\",\"version\":\"" API_VERSION
	"\",\"summary\":\"Hours of child care, booked online.\","
	"\"description\":\"Find a franchise, see what is free, book hours of"
	" care, change or cancel them. Instants are RFC 3339 and answered in"
	" UTC; amounts are JSON numbers with two decimals; errors are RFC 9457"
	" problem documents whose code is stable. Unknown members and"
	" parameters are refused.\"}";

static const char tags[] =
	",\"tags\":["
	"{\"name\":\"bookings\",\"description\":\"Make, read, change and"
	" cancel bookings.\"},"
	"{\"name\":\"payments\",\"description\":\"Pay a booking, and see"
	" what goes back.\"},"
	"{\"name\":\"visits\",\"description\":\"The QR code; and for staff,"
	" with a secret key of the franchise that has checkin:write: check in,"
	" check out, and who comes today.\"},"
	"{\"name\":\"availability\",\"description\":\"What is free, and when."
	"\"},"
	"{\"name\":\"franchises\",\"description\":\"Where children are looked"
	" after.\"},"
	"{\"name\":\"guests\",\"description\":\"Booking without an account."
	"\"},"
	"{\"name\":\"service\",\"description\":\"Health and this document."
	"\"}]";

/* The web server's own: requests that never reach us. */
static const char front_codes[] =
	",{\"status\":408,\"retryable\":true,\"code\":\"request_timeout\","
	"\"title\":\"The request took too long to arrive\","
	"\"detail\":\"Send the whole request at once.\"}"
	",{\"status\":414,\"retryable\":false,\"code\":\"uri_too_long\","
	"\"title\":\"The address is too long\","
	"\"detail\":\"An address may have 8,000 bytes.\"}"
	",{\"status\":501,\"retryable\":false,\"code\":\"not_implemented\","
	"\"title\":\"This transfer coding is not understood\","
	"\"detail\":\"Send a Content-Length, or Transfer-Encoding: chunked.\"}";
/* clang-format on */

static void
put_shared(struct buf *out, const char *section, const struct shared *rows,
    size_t count)
{
	bool first = true;

	json_put_text(out, section);
	buf_puts(out, ":{");
	for (size_t i = 0; i < count; i++) {
		put_comma(out, &first);
		json_put_text(out, rows[i].name);
		buf_putc(out, ':');
		buf_puts(out, rows[i].json);
	}
	buf_putc(out, '}');
}

static void
put_components(struct buf *out, struct arena *arena)
{
	struct schemas *all = arena_new(arena, struct schemas);
	bool first = true;

	collect(all);
	buf_puts(out, ",\"components\":{\"schemas\":{");
	for (size_t i = 0; i < all->count; i++) {
		put_comma(out, &first);
		json_put_text(out, all->forms[i]->name);
		buf_putc(out, ':');
		form_schema(out, all->forms[i], all->input[i]);
	}
	buf_puts(out, "},");
	put_shared(out, "parameters", parameters, ARRAY_LEN(parameters));
	buf_putc(out, ',');
	put_shared(out, "headers", headers, ARRAY_LEN(headers));
	buf_putc(out, ',');
	put_shared(out, "securitySchemes", schemes, ARRAY_LEN(schemes));
	buf_putc(out, '}');
}

/* Every public code: what the page behind `type` lists; at the end those that
 * the web server answers in our stead. */
static void
put_error_codes(struct buf *out)
{
	const char *last = "";
	bool first = true;

	buf_puts(out, ",\"x-error-codes\":[");
	for (int e = 1; e < ERR_RETRY; e++) {
		const struct err_info *info = err_info((enum err)e);

		/* Shown as internal_error and as service_unavailable. */
		if (e == ERR_CORRUPT || e == ERR_KEY_ABSENT)
			continue;
		assert(strcmp(info->code, last) != 0);
		last = info->code;
		put_comma(out, &first);
		buf_printf(out, "{\"status\":%d,\"retryable\":%s,",
		    info->status, info->retryable ? "true" : "false");
		put_member(out, "code", info->code);
		buf_putc(out, ',');
		put_member(out, "title", info->title);
		buf_putc(out, ',');
		put_member(out, "detail", problem_sentence((enum err)e));
		buf_putc(out, '}');
	}
	buf_puts(out, front_codes);
	buf_putc(out, ']');
}

void
openapi_print(struct buf *out, struct arena *arena, const char *server)
{
	buf_puts(out, "{\"openapi\":\"3.1.0\",");
	buf_puts(out, intro);
	buf_puts(out, ",\"servers\":[{");
	put_member(out, "url", server);
	buf_puts(out, "}]");
	buf_puts(out, tags);
	put_paths(out);
	put_components(out, arena);
	put_error_codes(out);
	buf_putc(out, '}');
}
