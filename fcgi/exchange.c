/* exchange.c: one FastCGI connection, by libfcgi. */
#include "fcgi/exchange.h"

#include <fcgiapp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "base/arena.h"
#include "base/scope.h"
#include "fcgi/params.h"
#include "http/request.h"
#include "http/response.h"

/* As much of an unwanted body is read as nginx might let through by mistake. */
#define DRAIN_MAX (1024 * 1024)
/* nginx reads the head of an answer into a buffer of 8 KiB at most. */
#define HEAD_MAX (8 * 1024)

struct exchange {
	FCGX_Request fcgi;
	bool head;    /* the answer's length is not its body's */
	bool drained; /* nothing unread is left */
};

/* clang-format off */
static const struct {
	int status;
	const char *reason;
} reasons[] = {
	{ 200, "OK" },
	{ 201, "Created" },
	{ 202, "Accepted" },
	{ 204, "No Content" },
	{ 303, "See Other" },
	{ 304, "Not Modified" },
	{ 400, "Bad Request" },
	{ 401, "Unauthorized" },
	{ 403, "Forbidden" },
	{ 404, "Not Found" },
	{ 405, "Method Not Allowed" },
	{ 406, "Not Acceptable" },
	{ 409, "Conflict" },
	{ 412, "Precondition Failed" },
	{ 413, "Content Too Large" },
	{ 415, "Unsupported Media Type" },
	{ 422, "Unprocessable Content" },
	{ 429, "Too Many Requests" },
	{ 431, "Request Header Fields Too Large" },
	{ 500, "Internal Server Error" },
	{ 503, "Service Unavailable" },
	{ 504, "Gateway Timeout" },
};
/* clang-format on */

static const char *
reason_of(int status)
{
	for (size_t i = 0; i < ARRAY_LEN(reasons); i++) {
		if (reasons[i].status == status)
			return reasons[i].reason;
	}
	return "Unknown";
}

struct exchange *
exchange_open(void)
{
	struct exchange *ex = calloc(1, sizeof *ex);

	if (!ex)
		return NULL;
	if (FCGX_Init() != 0 || FCGX_InitRequest(&ex->fcgi, -1, 0) != 0) {
		free(ex);
		return NULL;
	}

	/*
	 * FCGX_Init catches signals for its own accept, which is not used: the
	 * worker waits for SIGTERM itself.  A client that is gone is seen by
	 * what write says.
	 */
	(void)signal(SIGTERM, SIG_DFL);
	(void)signal(SIGUSR1, SIG_DFL);
	(void)signal(SIGPIPE, SIG_IGN);
	return ex;
}

void
exchange_close(struct exchange *ex)
{
	if (!ex)
		return;
	exchange_end(ex);
	free(ex);
}

/* Close without a word: nginx makes its own answer of that, if it is there. */
static enum exchange_word
drop(struct exchange *ex)
{
	if (ex->fcgi.ipcFd >= 0)
		(void)FCGX_Detach(&ex->fcgi);
	FCGX_Free(&ex->fcgi, 1);
	return EXCHANGE_GONE;
}

/* Let libfcgi read up to the end of the parameters. */
static bool
begin(struct exchange *ex, int fd)
{
	const struct timeval wait = {.tv_sec = EXCHANGE_WAIT_S};

	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait);

	/*
	 * libfcgi reads from a connection that it believes to have kept.  Its
	 * listener is -1: when the parameters break off it closes the
	 * connection, fails to accept another, and says so.
	 */
	ex->fcgi.ipcFd = fd;
	ex->fcgi.keepConnection = 1;
	ex->fcgi.detached = 0;
	return FCGX_Accept_r(&ex->fcgi) == 0;
}

/*
 * Read what is left of the body and throw it away.  A connection that is
 * closed with unread bytes is reset, and the answer in it is lost.
 */
static void
drain(struct exchange *ex)
{
	char waste[8192];
	size_t total = 0;
	int got;

	do {
		got = FCGX_GetStr(waste, sizeof waste, ex->fcgi.in);
		total += got > 0 ? (size_t)got : 0;
	} while (got == (int)sizeof waste && total < DRAIN_MAX);

	ex->drained = total < DRAIN_MAX;
}

/* The body, exactly as long as was said, and the end of the stream after it. */
static bool
read_body(
    struct exchange *ex, struct scope *sc, size_t len, struct request *req)
{
	char *body = arena_alloc(sc->arena, len + 1);
	int got = FCGX_GetStr(body, (int)len, ex->fcgi.in);
	bool longer = FCGX_GetChar(ex->fcgi.in) != EOF;

	if (longer)
		drain(ex);
	else
		ex->drained = true;
	if (longer || got < 0 || (size_t)got != len ||
	    FCGX_GetError(ex->fcgi.in) != 0)
		return false;

	body[len] = '\0';
	req->body = body;
	req->body_len = len;
	return true;
}

enum exchange_word
exchange_read(struct exchange *ex, int fd, struct scope *sc,
    struct request *ret_req, enum err *ret_e)
{
	size_t body_len;
	enum err e;

	ex->head = false;
	ex->drained = false;
	if (!begin(ex, fd)) {
		(void)scope_fail(sc, ERR_BAD_REQUEST,
		    "the connection broke within the parameters");
		return drop(ex);
	}
	if (!params_whole(ex->fcgi.envp)) {
		(void)scope_fail(sc, ERR_BAD_REQUEST,
		    "the parameters have no REQUEST_METHOD");
		return drop(ex);
	}

	e = params_read(sc, ex->fcgi.envp, ret_req, &body_len);
	ex->head = strcmp(ret_req->method, "HEAD") == 0;
	if (e) {
		drain(ex);
		*ret_e = e;
		return EXCHANGE_REFUSED;
	}

	if (!read_body(ex, sc, body_len, ret_req)) {
		*ret_e = scope_fail(
		    sc, ERR_BAD_REQUEST, "the body is not as long as was said");
		return EXCHANGE_REFUSED;
	}
	return EXCHANGE_WHOLE;
}

/* The head of the answer as CGI has it: Status instead of a status line. */
static void
put_head(const struct exchange *ex, const struct response *res, struct buf *out)
{
	bool bare = res->status == 204 || res->status == 304 || ex->head;

	buf_printf(
	    out, "Status: %d %s\r\n", res->status, reason_of(res->status));
	for (size_t i = 0; i < res->header_count; i++) {
		buf_printf(out, "%s: %s\r\n", res->headers[i].name,
		    res->headers[i].value);
	}
	if (!bare && !response_get(res, "Content-Length"))
		buf_printf(out, "Content-Length: %zu\r\n", res->body.len);
	buf_puts(out, "\r\n");
}

void
exchange_write(
    struct exchange *ex, const struct response *res, struct arena *arena)
{
	static const char broken[] =
	    "Status: 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n";
	struct buf head;

	buf_init(&head, arena, HEAD_MAX);
	put_head(ex, res, &head);

	/* Both go to libfcgi's buffer of 8 KiB: a small answer is one write. */
	if (head.overflow) {
		(void)FCGX_PutStr(broken, (int)sizeof broken - 1, ex->fcgi.out);
	} else {
		(void)FCGX_PutStr(head.data, (int)head.len, ex->fcgi.out);
		if (!ex->head && res->body.len > 0) {
			(void)FCGX_PutStr(
			    res->body.data, (int)res->body.len, ex->fcgi.out);
		}
	}

	/* The last writer to close also sends the end of the request. */
	(void)FCGX_FClose(ex->fcgi.err);
	(void)FCGX_FClose(ex->fcgi.out);
}

void
exchange_end(struct exchange *ex)
{
	/*
	 * libfcgi's close lingers until nginx closed first, up to 2 s; detached
	 * it is a plain close, which is safe once nothing unread is left.
	 */
	if (ex->drained && ex->fcgi.ipcFd >= 0)
		(void)FCGX_Detach(&ex->fcgi);

	/* The peer may have asked to keep the connection; we never do: an idle
	 * connection would own this worker. */
	ex->fcgi.keepConnection = 0;
	FCGX_Finish_r(&ex->fcgi);
	ex->fcgi.ipcFd = -1;
	ex->drained = false;
}
