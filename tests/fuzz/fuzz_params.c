/* fuzz_params.c: any parameters as a request: whatever is accepted keeps the
 * promises of request.h, and nothing that came in is changed. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/codec.h"
#include "base/scope.h"
#include "fcgi/params.h"
#include "http/request.h"

#define SIZE_MOST (64 * 1024)
#define PARAMS_MOST 256
#define ARENA_MOST (16 * 1024 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool holds)
{
	if (!holds)
		abort();
}

static void
must_be_clean(const char *text)
{
	for (; *text; text++)
		must((unsigned char)*text >= 0x20 && *text != 0x7f);
}

/* How often a header is there. */
static size_t
times(const struct request *req, const char *name)
{
	size_t count = 0;

	for (size_t i = 0; i < req->header_count; i++)
		count += strcmp(req->headers[i].name, name) == 0;
	return count;
}

static void
hold_request(const struct request *req, size_t body_len)
{
	must(strlen(req->method) >= 1 &&
	    strlen(req->method) <= PARAMS_METHOD_MAX);
	must(req->path[0] == '/' && strlen(req->path) <= PARAMS_PATH_MAX);
	must(codec_utf8_valid(req->path, strlen(req->path)));
	must_be_clean(req->path);
	must_be_clean(req->query);
	must_be_clean(req->remote);
	must(body_len <= PARAMS_BODY_MAX);
	must(req->header_count <= REQUEST_HEADERS_MAX);

	for (size_t i = 0; i < req->header_count; i++) {
		const char *name = req->headers[i].name;

		must(*name != '\0' && !strpbrk(name, "_=\r\n \t"));
		for (const char *p = name; *p; p++)
			must(*p < 'A' || *p > 'Z');
		must(!strpbrk(req->headers[i].value, "\r\n"));
	}
	must(times(req, "authorization") <= 1);
	must(times(req, "content-type") <= 1);
	must(times(req, "idempotency-key") <= 1);
	must(times(req, "x-api-key") <= 1);
	must(times(req, "x-customer-id") <= 1);
	must(times(req, "proxy") == 0);
}

/* Zero bytes part the parameters. */
static void
split(char *text, size_t len, char *params[PARAMS_MOST + 1])
{
	size_t count = 0;
	size_t at = 0;

	while (at < len && count < PARAMS_MOST) {
		params[count++] = text + at;
		at += strlen(text + at) + 1;
	}
	params[count] = NULL;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *params[PARAMS_MOST + 1];
	struct request req;
	struct arena *arena;
	struct scope sc;
	size_t body_len;
	char *text;
	char *before;

	if (size > SIZE_MOST)
		return 0;
	arena = arena_open(ARENA_MOST);
	must(arena != NULL);
	text = arena_alloc(arena, size + 1);
	before = arena_alloc(arena, size + 1);
	if (size > 0) {
		memcpy(text, data, size);
		memcpy(before, data, size);
	}

	split(text, size, params);
	scope_init(&sc, arena, USEC_PER_SEC);
	if (params_read(&sc, params, &req, &body_len) == ERR_OK) {
		must(params_whole(params));
		hold_request(&req, body_len);
	} else {
		/* Told to the operator, and never a hole for a reader. */
		must(sc.why[0] != '\0');
		must(req.method && req.path && req.query && req.remote);
	}
	must(memcmp(text, before, size + 1) == 0);

	arena_close(arena);
	return 0;
}
