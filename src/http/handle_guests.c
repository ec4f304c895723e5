/* handle_guests.c: a session for a customer without an account. */
#include "app/callers.h"
#include "app/forms.h"
#include "http/answer.h"
#include "http/call.h"
#include "http/handle.h"

enum err
on_guest_session(struct call *call)
{
	struct guest_session session = { 0 };
	enum err e;

	e = guest_session_open(call->app, call->sc, &call->caller, &session);
	if (e)
		return e;

	return answer_form(call->sc, call->res, 201, &form_guest_session,
	    &session);
}
