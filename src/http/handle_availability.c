/* handle_availability.c: what is free, by day and by stay. */
#include "app/availability.h"

#include "app/forms.h"
#include "base/form.h"
#include "base/instant.h"
#include "http/answer.h"
#include "http/call.h"
#include "http/conditional.h"
#include "http/handle.h"
#include "http/request.h"

enum err
on_availability_day(struct call *call)
{
	struct availability_query query;
	const char *json = NULL;
	size_t len = 0;
	enum err e;

	e = form_read_query(call->sc, call->route->query, call->req->query,
	    &query);
	if (e)
		return e;

	e = availability_day(call->app, call->sc, &call->ids[0], &query,
	    &json, &len);
	if (!e)
		e = answer_json(call->sc, call->res, 200, json, len);
	if (e)
		return e;

	conditional_etag_body(call->res);
	return ERR_OK;
}

enum err
on_availability_slots(struct call *call)
{
	struct slots_query query;
	struct slots_answer answer = { 0 };
	enum err e;

	e = form_read_query(call->sc, call->route->query, call->req->query,
	    &query);
	if (e)
		return e;
	if (query.days == NONE)
		query.days = 1;
	if (query.children == NONE)
		query.children = 1;

	e = availability_slots(call->app, call->sc, &call->ids[0], &query,
	    &answer);
	if (!e)
		e = answer_form(call->sc, call->res, 200, &form_slots_answer,
		    &answer);
	if (e)
		return e;

	conditional_etag_body(call->res);
	return ERR_OK;
}
