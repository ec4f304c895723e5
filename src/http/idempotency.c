/* idempotency.c: the Idempotency-Key header and stored answers. */
#include "http/idempotency.h"

#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/form.h"
#include "base/scope.h"
#include "http/answer.h"
#include "http/call.h"
#include "http/request.h"
#include "http/response.h"

#define FINGERPRINT_EXTRA (16 * 1024) /* method, path and query */
#define HEAD_MAX 256

static bool
is_printable(char c)
{
	return c >= 0x20 && c <= 0x7e;
}

/* RFC 8941 3.3.3; value stands behind the opening quote. */
static bool
take_quoted(const char *value, char *out)
{
	size_t len = 0;

	for (; *value != '"'; value++) {
		if (*value == '\\') {
			value++;
			if (*value != '"' && *value != '\\')
				return false;
		}
		if (!is_printable(*value) || len == IDEMPOTENCY_KEY_MAX)
			return false;
		out[len++] = *value;
	}
	value++;
	return len > 0 && value[strspn(value, " \t")] == '\0';
}

static bool
take_bare(const char *value, char *out)
{
	size_t len = strcspn(value, " \t");

	if (len == 0 || len > IDEMPOTENCY_KEY_MAX ||
	    value[len + strspn(value + len, " \t")] != '\0')
		return false;
	for (size_t i = 0; i < len; i++) {
		if (!is_printable(value[i]) || strchr("\",", value[i]))
			return false;
	}
	memcpy(out, value, len);
	return true;
}

bool
idempotency_key(struct arena *arena, const char *value, const char **ret_key)
{
	char key[IDEMPOTENCY_KEY_MAX + 1] = "";
	bool good;

	value += strspn(value, " \t");
	if (*value == '"')
		good = take_quoted(value + 1, key);
	else
		good = take_bare(value, key);
	if (good)
		*ret_key = arena_strdup(arena, key);
	return good;
}

enum err
idempotency_read(struct call *call)
{
	const struct request *req = call->req;
	const char *value = request_header(req, "idempotency-key");
	char customer[UUID_TEXT_MAX];
	struct buf print;

	if (!value || !(call->route->flags & ROUTE_KEYED))
		return ERR_OK;
	if (!idempotency_key(call->sc->arena, value, &call->replay.key)) {
		scope_fault_param(call->sc, "Idempotency-Key", "format",
		    "must be 1 to %d printable ASCII characters, quoted or "
		    "bare", IDEMPOTENCY_KEY_MAX);
		return scope_fail(call->sc, ERR_BAD_REQUEST,
		    "the Idempotency-Key is malformed");
	}

	buf_init(&print, call->sc->arena,
	    call->route->body_max + FINGERPRINT_EXTRA);
	buf_printf(&print, "%s\n%s\n", req->method, req->path);
	if (call->route->query)
		buf_printf(&print, "%s\n", req->query);
	/* A program's keys are its own, whomever it acts for. */
	if (call->caller.kind == CALLER_SECRET)
		buf_printf(&print, "%s\n",
		    uuid_format(&call->caller.customer, customer));
	buf_put(&print, req->body, req->body_len);
	if (print.overflow)
		return scope_fail(call->sc, ERR_TOO_LARGE,
		    "path and query are too long");
	call->replay.fingerprint = print.data;
	call->replay.fingerprint_len = print.len;
	return ERR_OK;
}

void
idempotency_store(struct buf *out, int status, const char *etag,
    const char *location, const struct form *form, const void *object)
{
	buf_printf(out, "%d\n%s\n%s\n", status, etag, location);
	form_print(out, form, object);
}

/* The line at *p without its newline, as a copy; NULL when there is none. */
static char *
take_line(struct arena *arena, const char **p)
{
	const char *end = strchr(*p, '\n');
	char *line;

	if (!end || end - *p > HEAD_MAX)
		return NULL;
	line = arena_strndup(arena, *p, (size_t)(end - *p));
	*p = end + 1;
	return line;
}

enum err
idempotency_answer(struct scope *sc, const char *stored, struct response *res)
{
	const char *status = take_line(sc->arena, &stored);
	const char *etag = status ? take_line(sc->arena, &stored) : NULL;
	const char *location = etag ? take_line(sc->arena, &stored) : NULL;

	if (!location || strlen(status) != 3 || status[0] != '2' ||
	    status[1] != '0' || status[2] < '0' || status[2] > '9')
		return scope_fail(sc, ERR_CORRUPT,
		    "a stored answer is not one of ours");

	if (*etag)
		response_header(res, "ETag", "%s", etag);
	if (*location)
		response_header(res, "Location", "%s", location);
	return answer_json(sc, res, 200 + (status[2] - '0'), stored,
	    strlen(stored));
}

enum err
idempotency_reply(struct call *call, const void *object)
{
	const char *text = call->replay.stored;
	struct buf fresh;

	if (text) {
		response_header(call->res, "Idempotency-Replayed", "true");
	} else {
		buf_init(&fresh, call->sc->arena, RESPONSE_BODY_MAX);
		call->replay.render(call->sc, object, &fresh);
		if (fresh.overflow)
			return scope_fail(call->sc, ERR_INTERNAL,
			    "the answer is too large");
		text = fresh.data;
	}
	return idempotency_answer(call->sc, text, call->res);
}
