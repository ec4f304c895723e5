/* request.c: find a header of a request. */
#include "http/request.h"

#include <string.h>

const char *
request_header(const struct request *req, const char *name)
{
	for (size_t i = 0; i < req->header_count; i++) {
		if (strcmp(req->headers[i].name, name) == 0)
			return req->headers[i].value;
	}
	return NULL;
}
