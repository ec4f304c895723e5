/* answer.c: put a good answer's status, type and body into the response. */
#include "http/answer.h"

#include "base/form.h"
#include "base/scope.h"
#include "http/response.h"

#define JSON_TYPE "application/json"

static enum err
complete(struct scope *sc, struct response *res, int status, const char *type)
{
	if (res->body.overflow)
		return scope_fail(sc, ERR_INTERNAL,
		    "the answer is larger than %d bytes", RESPONSE_BODY_MAX);

	res->status = status;
	response_header(res, "Content-Type", "%s", type);
	return ERR_OK;
}

enum err
answer_form(struct scope *sc, struct response *res, int status,
    const struct form *form, const void *object)
{
	form_print(&res->body, form, object);
	return complete(sc, res, status, JSON_TYPE);
}

enum err
answer_json(struct scope *sc, struct response *res, int status,
    const char *json, size_t len)
{
	buf_put(&res->body, json, len);
	return complete(sc, res, status, JSON_TYPE);
}

enum err
answer_bytes(struct scope *sc, struct response *res, int status,
    const char *type, const void *data, size_t len)
{
	buf_put(&res->body, data, len);
	return complete(sc, res, status, type);
}
