/* cors.c: which web pages may call us from a browser. */
#include "http/cors.h"

#include <stddef.h>
#include <string.h>

#include "http/request.h"
#include "http/response.h"

#define REQUEST_HEADERS \
	"Authorization, Content-Type, Idempotency-Key, If-Match, " \
	"If-None-Match, X-API-Key, X-Customer-Id, X-Request-Id, " \
	"traceparent, tracestate, X-Amzn-Trace-Id"
#define ANSWER_HEADERS \
	"ETag, Location, Retry-After, Idempotency-Replayed, X-Request-Id, " \
	"WWW-Authenticate"
#define MAX_AGE "600"

bool
cors_allows(const char *origins, const char *origin)
{
	size_t want = strlen(origin);

	while (want > 0 && *origins) {
		size_t len = strcspn(origins, ",");

		if (len == want && memcmp(origins, origin, len) == 0)
			return true;
		origins += len;
		origins += *origins == ',';
	}
	return false;
}

static bool
allow_origin(const char *origins, const struct request *req,
    struct response *res)
{
	const char *origin = request_header(req, "origin");

	if (!origin || !cors_allows(origins, origin))
		return false;
	response_header(res, "Access-Control-Allow-Origin", "%s", origin);
	return true;
}

void
cors_answer(const char *origins, const struct request *req,
    struct response *res)
{
	if (allow_origin(origins, req, res))
		response_header(res, "Access-Control-Expose-Headers", "%s",
		    ANSWER_HEADERS);
}

bool
cors_preflight(const char *origins, const struct request *req,
    const char *methods, struct response *res)
{
	if (!request_header(req, "origin") ||
	    !request_header(req, "access-control-request-method"))
		return false;

	/* A browser takes the missing headers for a no. */
	if (allow_origin(origins, req, res)) {
		response_header(res, "Access-Control-Allow-Methods", "%s",
		    methods);
		response_header(res, "Access-Control-Allow-Headers", "%s",
		    REQUEST_HEADERS);
		response_header(res, "Access-Control-Max-Age", "%s", MAX_AGE);
	}
	return true;
}
