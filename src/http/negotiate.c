/* negotiate.c: Accept, Content-Type and the size of a body. */
#include "http/negotiate.h"

#include <string.h>
#include <strings.h>

#include "base/scope.h"
#include "http/call.h"
#include "http/request.h"

#define JSON_TYPE "application/json"
#define PAGE_TYPE "text/html"

/* A piece of a header value. */
struct span {
	const char *text;
	size_t len;
};

static bool
is_token_char(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
	    (c >= 'a' && c <= 'z') || (c && strchr("!#$%&'*+-.^_`|~", c));
}

static const char *
skip_blank(const char *p)
{
	return p + strspn(p, " \t");
}

static bool
take_token(const char **p, struct span *ret_span)
{
	const char *at = *p;

	while (is_token_char(*at))
		at++;
	*ret_span = (struct span){ *p, (size_t)(at - *p) };
	*p = at;
	return ret_span->len > 0;
}

static bool
span_is(struct span span, const char *text)
{
	return span.len == strlen(text) &&
	    strncasecmp(span.text, text, span.len) == 0;
}

/* A token or a quoted string (without its quotes; escapes stay). */
static bool
take_value(const char **p, struct span *ret_span)
{
	const char *at = *p;

	if (*at != '"')
		return take_token(p, ret_span);
	for (at++; *at && *at != '"'; at++) {
		if (*at == '\\' && at[1])
			at++;
	}
	if (*at != '"')
		return false;
	*ret_span = (struct span){ *p + 1, (size_t)(at - *p - 1) };
	*p = at + 1;
	return true;
}

/* "; name=value"; false at the end of the parameters, or with *ret_bad. */
static bool
take_param(const char **p, struct span *ret_name, struct span *ret_value,
    bool *ret_bad)
{
	const char *at = skip_blank(*p);

	if (*at != ';') {
		*p = at;
		return false;
	}
	at = skip_blank(at + 1);
	*ret_bad = true;
	if (!take_token(&at, ret_name) || *at++ != '=' ||
	    !take_value(&at, ret_value))
		return false;
	*ret_bad = false;
	*p = at;
	return true;
}

/* "0.5" as 500; -1: not a weight (RFC 9110 12.4.2). */
static int
weight_of(struct span q)
{
	int weight;
	int unit = 100;

	if (q.len == 0 || q.len > 5 || (q.text[0] != '0' && q.text[0] != '1'))
		return -1;
	weight = (q.text[0] - '0') * 1000;
	if (q.len > 1 && q.text[1] != '.')
		return -1;
	for (size_t i = 2; i < q.len; i++, unit /= 10) {
		if (q.text[i] < '0' || q.text[i] > '9')
			return -1;
		weight += (q.text[i] - '0') * unit;
	}
	return weight <= 1000 ? weight : -1;
}

/* How specific the range is for the type: 3 itself, 2 its family, 1 all, 0
 * another; *p moves behind the range. */
static int
range_fits(const char **p, const char *type)
{
	const char *slash = strchr(type, '/');
	struct span family = { type, (size_t)(slash - type) };
	struct span have, sub;

	if (!take_token(p, &have) || **p != '/')
		return 0;
	(*p)++;
	if (!take_token(p, &sub))
		return 0;
	if (span_is(have, "*"))
		return span_is(sub, "*") ? 1 : 0;
	if (have.len != family.len ||
	    strncasecmp(have.text, family.text, have.len) != 0)
		return 0;
	if (span_is(sub, "*"))
		return 2;
	return span_is(sub, slash + 1) ? 3 : 0;
}

int
negotiate_quality(const char *accept, const char *type)
{
	struct span name, value;
	int best = 0, quality = 0;

	if (!accept || !*skip_blank(accept))
		return 1000;
	for (const char *p = accept; *p;) {
		bool bad = false;
		int weight = 1000;
		int fits;

		p = skip_blank(p);
		fits = range_fits(&p, type);
		while (take_param(&p, &name, &value, &bad)) {
			if (span_is(name, "q"))
				weight = weight_of(value);
		}
		if (!bad && weight >= 0 && (*p == ',' || !*p) &&
		    (fits > best ||
		        (fits > 0 && fits == best && weight > quality))) {
			best = fits;
			quality = weight;
		}
		p += strcspn(p, ",");
		p += *p == ',';
	}
	return quality;
}

bool
negotiate_is_json(const char *content_type)
{
	struct span name, value;
	const char *p = skip_blank(content_type);
	bool bad = false;

	if (range_fits(&p, JSON_TYPE) != 3)
		return false;
	while (take_param(&p, &name, &value, &bad)) {
		if (!span_is(name, "charset") || !span_is(value, "utf-8"))
			return false;
	}
	return !bad && !*p;
}

bool
negotiate_wants_page(const struct call *call)
{
	const char *accept = request_header(call->req, "accept");

	return call->route && call->route->flags & ROUTE_PAGE && accept &&
	    negotiate_quality(accept, PAGE_TYPE) >
	    negotiate_quality(accept, JSON_TYPE);
}

size_t
negotiate_type(const struct call *call)
{
	const char *accept = request_header(call->req, "accept");
	const char *const *types = call->route->types;
	int most = 0;
	size_t best = 0;

	for (size_t i = 0; types && types[i]; i++) {
		int quality = negotiate_quality(accept, types[i]);

		if (quality > most) {
			most = quality;
			best = i;
		}
	}
	return best;
}

enum err
negotiate_accept(struct call *call)
{
	const char *accept = request_header(call->req, "accept");
	const char *const *types = call->route->types;

	if (negotiate_quality(accept, JSON_TYPE) > 0)
		return ERR_OK;
	if (types && negotiate_quality(accept, types[negotiate_type(call)]) > 0)
		return ERR_OK;
	if (negotiate_wants_page(call))
		return ERR_OK;
	return scope_fail(call->sc, ERR_NOT_ACCEPTABLE,
	    "Accept allows no application/json");
}

enum err
negotiate_body(struct call *call)
{
	const struct route *route = call->route;
	const struct request *req = call->req;
	const char *type = request_header(req, "content-type");

	if (!route->body && !(route->flags & ROUTE_RAW)) {
		if (req->body_len == 0)
			return ERR_OK;
		return scope_fail(call->sc, ERR_BAD_REQUEST,
		    "this request takes no body");
	}
	if (req->body_len > route->body_max)
		return scope_fail(call->sc, ERR_TOO_LARGE,
		    "the body has more than %zu bytes", route->body_max);
	if (req->body_len == 0) {
		if (route->flags & ROUTE_BODY_OPTIONAL)
			return ERR_OK;
		return scope_fail(call->sc, ERR_MALFORMED,
		    "a JSON body is needed");
	}
	if (route->flags & ROUTE_RAW)
		return ERR_OK;
	if (!type || !negotiate_is_json(type))
		return scope_fail(call->sc, ERR_MEDIA,
		    "the body is not sent as application/json");
	return ERR_OK;
}
