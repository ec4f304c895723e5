/* handle_franchises.c: the franchises, listed and shown. */
#include "app/franchises.h"

#include "app/forms.h"
#include "base/form.h"
#include "base/instant.h"
#include "http/answer.h"
#include "http/call.h"
#include "http/conditional.h"
#include "http/handle.h"
#include "http/request.h"

#define LIMIT_DEFAULT 20

enum err
on_franchise_list(struct call *call)
{
	struct franchise_query query;
	struct page page = { 0 };
	enum err e;

	e = form_read_query(call->sc, call->route->query, call->req->query,
	    &query);
	if (e)
		return e;
	if (query.limit == NONE)
		query.limit = LIMIT_DEFAULT;

	e = franchise_list(call->app, call->sc, &query, &page);
	if (!e)
		e = answer_form(call->sc, call->res, 200,
		    &form_franchise_page, &page);
	if (e)
		return e;

	conditional_etag_body(call->res);
	return ERR_OK;
}

enum err
on_franchise_get(struct call *call)
{
	const char *json = NULL;
	size_t len = 0;
	enum err e;

	e = franchise_json(call->app, call->sc, &call->ids[0], &json, &len);
	if (!e)
		e = answer_json(call->sc, call->res, 200, json, len);
	if (e)
		return e;

	conditional_etag_body(call->res);
	return ERR_OK;
}
