/* handle_health.c: is the product alive, and able to serve? */
#include "app/health.h"

#include <string.h>

#include "app/forms.h"
#include "base/clock.h"
#include "http/answer.h"
#include "http/call.h"
#include "http/handle.h"
#include "http/response.h"

#define RETRY_S "2" /* as nginx says when no worker is there */

enum err
on_health(struct call *call)
{
	struct health health = { 0 };
	int status;

	health_check(call->app, call->sc, &health);
	status = strcmp(health.status, "unhealthy") == 0 ? 503 : 200;
	if (status == 503)
		response_header(call->res, "Retry-After", RETRY_S);
	return answer_form(call->sc, call->res, status, &form_health, &health);
}

enum err
on_health_live(struct call *call)
{
	struct health health = {
		.status = "healthy",
		.timestamp_us = clock_wall_us(),
	};

	return answer_form(call->sc, call->res, 200, &form_health, &health);
}
