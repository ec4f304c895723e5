/* handle_openapi.c: the OpenAPI document. */
#include "app/app.h"
#include "base/scope.h"
#include "http/answer.h"
#include "http/call.h"
#include "http/conditional.h"
#include "http/handle.h"
#include "http/openapi.h"
#include "http/response.h"

enum err
on_openapi(struct call *call)
{
	enum err e;

	openapi_print(&call->res->body, call->sc->arena,
	    call->app->conf->public_url);
	e = answer_json(call->sc, call->res, 200, "", 0);
	if (e)
		return e;

	conditional_etag_body(call->res);
	return ERR_OK;
}
