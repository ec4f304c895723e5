/*
 * params.h: FastCGI parameters ("NAME=value") read as an HTTP request.
 *
 * Pure: no connection, no library, so that it can be tested and fuzzed alone.
 *
 * Input    Untrusted where the client chose it (HTTP_*, the path, the query);
 *          nginx chose the names that do not begin with HTTP_.
 * Memory   Header names and the header list are in the scope's arena, values
 *          point into the parameters, but for those of several lines.
 */
#ifndef FCGI_PARAMS_H
#define FCGI_PARAMS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/compiler.h"
#include "base/err.h"

struct request;
struct scope;

/* No route takes more; what a route takes is checked where it is known. */
#define PARAMS_BODY_MAX (256 * 1024)
#define PARAMS_METHOD_MAX 16
#define PARAMS_PATH_MAX 2048
#define PARAMS_REMOTE_MAX 64

/*
 * False when REQUEST_METHOD is not there: the connection broke while the
 * parameters came in (libfcgi calls that a request), so nobody waits for an
 * answer and no work may be done.
 */
bool params_whole(char *const *params) MUSTCHECK;

/*
 * Fill everything of ret_req but the body; ret_body_len is what the body must
 * come to.  Both are set even when the request is refused, as far as was read.
 *
 * ERR_BAD_REQUEST       a method, path, length or header that makes no sense,
 *                       or a header that may come once came twice
 * ERR_TOO_LARGE         a body above PARAMS_BODY_MAX
 * ERR_TOO_MANY_HEADERS  more than REQUEST_HEADERS_MAX
 */
enum err params_read(struct scope *sc, char *const *params,
    struct request *ret_req, size_t *ret_body_len) MUSTCHECK;

#endif
