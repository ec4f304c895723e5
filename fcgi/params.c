/* params.c: FastCGI parameters ("NAME=value") read as an HTTP request. */
#include "fcgi/params.h"

#include <stdint.h>
#include <string.h>

#include "base/arena.h"
#include "base/codec.h"
#include "base/scope.h"
#include "http/request.h"
#include "http/trace.h"

/*
 * Headers that decide who calls, on what, or what is done once: a second one
 * would let two readers see two requests, so it is refused.  nginx hands every
 * line on.
 */
static const char *const once_only[] = {
    "authorization",
    "content-type",
    "host",
    "idempotency-key",
    "if-match",
    "x-api-key",
    "x-customer-id",
    "x-request-id",
};

struct reader {
	struct scope *sc;
	struct request *req;
	struct header *headers;
	const char *content_type;
	const char *content_length;
	size_t lines;  /* of headers, those of one name each counted */
	unsigned seen; /* one bit for each of once_only */
	bool too_many;
};

static bool
is_control(unsigned char c)
{
	return c < 0x20 || c == 0x7f;
}

static bool
has_control(const char *text)
{
	for (; *text; text++) {
		if (is_control((unsigned char)*text))
			return true;
	}
	return false;
}

/* The value when the parameter has that name, else NULL. */
static const char *
param_value(const char *param, const char *name)
{
	size_t len = strlen(name);

	if (strncmp(param, name, len) != 0 || param[len] != '=')
		return NULL;
	return param + len + 1;
}

bool
params_whole(char *const *params)
{
	for (; *params; params++) {
		const char *value = param_value(*params, "REQUEST_METHOD");

		if (value)
			return *value != '\0';
	}
	return false;
}

/* "X_API_KEY" as "x-api-key", or NULL when it is no header's name. */
static const char *
header_name(struct scope *sc, const char *name, size_t len)
{
	char *out;

	if (len == 0)
		return NULL;

	out = arena_alloc(sc->arena, len + 1);
	for (size_t i = 0; i < len; i++) {
		char c = name[i];

		if (c >= 'A' && c <= 'Z')
			out[i] = (char)(c - 'A' + 'a');
		else if (c >= '0' && c <= '9')
			out[i] = c;
		else if (c == '_')
			out[i] = '-';
		else
			return NULL;
	}
	return out;
}

static enum err
header_once(struct reader *r, const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(once_only); i++) {
		unsigned bit = 1U << i;

		if (strcmp(name, once_only[i]) != 0)
			continue;
		if (r->seen & bit) {
			return scope_fail(r->sc, ERR_BAD_REQUEST,
			    "header %s came more than once", name);
		}
		r->seen |= bit;
	}
	return ERR_OK;
}

static enum err
header_add(struct reader *r, const char *name, const char *value)
{
	/* Values come as nginx read them: a tab may be inside, nothing else
	 * below a space. */
	for (const char *p = value; *p; p++) {
		if (is_control((unsigned char)*p) && *p != '\t') {
			return scope_fail(r->sc, ERR_BAD_REQUEST,
			    "header %s holds a control character", name);
		}
	}

	if (r->lines == REQUEST_HEADERS_MAX) {
		r->too_many = true;
		return ERR_OK;
	}
	r->lines++;

	/* Lines of one name are one list (RFC 9110 5.3). */
	for (size_t i = 0; i < r->req->header_count; i++) {
		if (strcmp(r->headers[i].name, name) != 0)
			continue;
		r->headers[i].value = arena_printf(r->sc->arena, "%s, %s",
		    r->headers[i].value, value);
		return ERR_OK;
	}

	r->headers[r->req->header_count].name = name;
	r->headers[r->req->header_count].value = value;
	r->req->header_count++;
	return ERR_OK;
}

static enum err
header_read(struct reader *r, const char *param)
{
	const char *equals = strchr(param, '=');
	const char *name;
	enum err e;

	if (!equals)
		return ERR_OK;
	name = header_name(r->sc, param, (size_t)(equals - param));

	/*
	 * A "Proxy:" line arrives as HTTP_PROXY, which half the world reads as
	 * a setting.  The length is the server's to say (CONTENT_LENGTH: right
	 * for chunked bodies too), not the client's.
	 */
	if (!name || strcmp(name, "proxy") == 0 ||
	    strcmp(name, "content-length") == 0)
		return ERR_OK;

	e = header_once(r, name);
	if (e)
		return e;
	return header_add(r, name, equals + 1);
}

/* One parameter that is not a header; the first of a name holds. */
static void
param_read(struct reader *r, const char *param)
{
	const struct {
		const char *name;
		const char **place;
	} wanted[] = {
	    {"REQUEST_METHOD", &r->req->method},
	    {"DOCUMENT_URI", &r->req->path},
	    {"QUERY_STRING", &r->req->query},
	    {"REMOTE_ADDR", &r->req->remote},
	    {"CONTENT_TYPE", &r->content_type},
	    {"CONTENT_LENGTH", &r->content_length},
	};

	for (size_t i = 0; i < ARRAY_LEN(wanted); i++) {
		const char *value = param_value(param, wanted[i].name);

		if (value && !*wanted[i].place)
			*wanted[i].place = value;
	}
}

static enum err
check_line(struct scope *sc, const struct request *req)
{
	size_t method_len = strlen(req->method);
	size_t path_len = strlen(req->path);

	if (method_len == 0 || method_len > PARAMS_METHOD_MAX ||
	    strspn(req->method, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != method_len)
		return scope_fail(sc, ERR_BAD_REQUEST, "the method is no word");

	/* nginx decodes %0a: a path may hold a real newline. */
	if (req->path[0] != '/' || path_len > PARAMS_PATH_MAX ||
	    has_control(req->path) || !codec_utf8_valid(req->path, path_len))
		return scope_fail(sc, ERR_BAD_REQUEST, "the path is no text");

	if (has_control(req->query) || strchr(req->query, ' ')) {
		return scope_fail(sc, ERR_BAD_REQUEST,
		    "the query holds a space or a control character");
	}
	if (strlen(req->remote) > PARAMS_REMOTE_MAX || has_control(req->remote))
		return scope_fail(sc, ERR_BAD_REQUEST, "no remote address");

	return ERR_OK;
}

static enum err
read_length(struct scope *sc, const char *text, size_t *ret_len)
{
	size_t len = 0;

	for (const char *p = text; *p; p++) {
		if (*p < '0' || *p > '9') {
			return scope_fail(sc, ERR_BAD_REQUEST,
			    "the content length is no number");
		}
		if (len <= PARAMS_BODY_MAX)
			len = len * 10 + (size_t)(*p - '0');
	}

	*ret_len = len;
	if (len > PARAMS_BODY_MAX) {
		return scope_fail(sc, ERR_TOO_LARGE,
		    "the body is longer than %d bytes", PARAMS_BODY_MAX);
	}
	return ERR_OK;
}

/* What was not told reads as nothing, so that nobody meets a NULL. */
static void
fill_gaps(struct reader *r)
{
	struct request *req = r->req;

	req->method = req->method ? req->method : "";
	req->path = req->path ? req->path : "";
	req->query = req->query ? req->query : "";
	req->remote = req->remote ? req->remote : "";
	r->content_length = r->content_length ? r->content_length : "";
}

enum err
params_read(struct scope *sc, char *const *params, struct request *ret_req,
    size_t *ret_body_len)
{
	struct reader r = {.sc = sc, .req = ret_req};
	enum err e = ERR_OK;
	enum err e2;

	*ret_body_len = 0;
	*ret_req = (struct request){.body = ""};
	r.headers =
	    arena_new_array(sc->arena, struct header, REQUEST_HEADERS_MAX);
	ret_req->headers = r.headers;

	for (; *params; params++) {
		const char *id = param_value(*params, "HTTP_X_REQUEST_ID");

		/* What is refused is answered and logged under its name, too. */
		if (id && trace_request_id_valid(id))
			sc->request_id = id;
		if (strncmp(*params, "HTTP_", 5) != 0)
			param_read(&r, *params);
		else if (!e)
			e = header_read(&r, *params + 5);
	}
	fill_gaps(&r);
	if (!e && r.content_type && *r.content_type &&
	    !request_header(ret_req, "content-type"))
		e = header_add(&r, "content-type", r.content_type);
	if (!e && r.too_many) {
		e = scope_fail(sc, ERR_TOO_MANY_HEADERS, "more than %d headers",
		    REQUEST_HEADERS_MAX);
	}

	/* The length is read in any case: the body must be drained. */
	e2 = read_length(sc, r.content_length, ret_body_len);
	if (!e)
		e = e2;
	if (!e)
		e = check_line(sc, ret_req);
	return e;
}
