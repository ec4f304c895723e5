/* aws.c: one call to a service of AWS. */
#include "remote/aws.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/instant.h"
#include "remote/aws_names.h"

/* AWS bears a quarter of an hour; its clients begin to correct at five
 * minutes, and take less for another fault of the signature. */
#define SKEW_MIN_US (5 * USEC_PER_MIN)
#define HEADERS_MAX (AWS_CALL_HEADERS_MAX + 5)

bool
aws_open(struct aws *aws, const struct aws_keys_settings *settings, char *why,
    size_t why_max)
{
	aws->skew_us = 0;
	return aws_keys_open(&aws->keys, settings, why, why_max);
}

void
aws_close(struct aws *aws)
{
	aws_keys_close(&aws->keys);
}

int64_t
aws_now_us(const struct aws *aws)
{
	return clock_wall_us() + aws->skew_us;
}

/* ---- signed ----------------------------------------------------------------*/

/* What goes with a request beside what the caller gave; texts in the arena. */
struct dress {
	struct http_client_header headers[HEADERS_MAX];
	size_t count;
};

static void
put(struct dress *d, const char *name, const char *value)
{
	assert(d->count < HEADERS_MAX);
	d->headers[d->count++] = (struct http_client_header){ name, value };
}

static enum err
sign(const struct aws_service *service, struct scope *sc,
    const struct aws_call *call, const struct aws_key *key, int64_t now_us,
    struct dress *d)
{
	const struct aws_sign_scope by = { key->id, key->secret,
		service->region, service->name, now_us };
	struct aws_sign_request request = {
		.method = call->method, .paths = service->paths };
	char *host = arena_alloc(sc->arena, AWS_HOST_MAX);
	char *date = arena_alloc(sc->arena, AWS_SIGN_DATE_MAX);
	char *hash = arena_alloc(sc->arena, AWS_SIGN_HASH_MAX);
	const char *behind = strstr(call->url, "://");
	struct aws_signature signature;
	enum err e;

	assert(call->header_count <= AWS_CALL_HEADERS_MAX);

	if (!behind || !aws_host_of_url(call->url, host))
		return scope_fail(sc, ERR_INVALID, "%s: its address is none",
		    service->name);
	behind += 3 + strcspn(behind + 3, "/?");
	request.path = arena_strndup(sc->arena, behind,
	    strcspn(behind, "?"));
	behind += strlen(request.path);
	request.query = *behind ? behind + 1 : NULL;
	request.payload = aws_sign_hash(call->body ? call->body : "",
	    call->body_len, hash);

	d->count = 0;
	for (size_t i = 0; i < call->header_count; i++)
		put(d, call->headers[i].name, call->headers[i].value);
	put(d, "Host", host);
	put(d, "X-Amz-Date", aws_sign_date(now_us, date));
	if (*key->token)
		put(d, "X-Amz-Security-Token", arena_strdup(sc->arena,
		    key->token));
	if (service->sends_hash)
		put(d, "X-Amz-Content-Sha256", hash);
	request.headers = d->headers;
	request.header_count = d->count;
	e = aws_sign(sc, &request, &by, &signature);
	if (!e)
		put(d, "Authorization", signature.authorization);
	return e;
}

/* ---- judged ----------------------------------------------------------------*/

/* What a call comes to that has no whole answer. */
static const struct {
	const char *code;
	enum aws_fate fate;
} causes[] = {
	[HTTP_CLIENT_FINE] = { "-", AWS_DONE },
	[HTTP_CLIENT_BREAKER] = { "breaker_open", AWS_LATER },
	[HTTP_CLIENT_BULKHEAD] = { "bulkhead_full", AWS_LATER },
	[HTTP_CLIENT_DEADLINE] = { "no_time", AWS_LATER },
	[HTTP_CLIENT_LOCAL] = { "not_sendable", AWS_STOPPED },
	[HTTP_CLIENT_CONNECT] = { "not_reached", AWS_LATER },
	[HTTP_CLIENT_TLS] = { "not_trusted", AWS_STOPPED },
	[HTTP_CLIENT_TIMEOUT] = { "timeout", AWS_LATER },
	[HTTP_CLIENT_CUT] = { "cut_off", AWS_LATER },
	[HTTP_CLIENT_OVERSIZE] = { "oversize", AWS_LATER },
};
_Static_assert(ARRAY_LEN(causes) == HTTP_CLIENT_CAUSE__MAX,
    "every cause has its code");

static void
set_code(struct aws_call *call, const char *code)
{
	(void)snprintf(call->code, sizeof call->code, "%s", code);
}

static enum aws_fate
judge(const struct aws_service *service, struct scope *sc,
    struct aws_call *call)
{
	const struct http_client_answer *answer = &call->answer;
	const char *id = answer->kept[HTTP_CLIENT_AMZN_REQUEST_ID];
	enum aws_fate fate;

	if (!id)
		id = answer->kept[HTTP_CLIENT_AMZ_REQUEST_ID];
	call->request_id = id ? id : "-";
	if (answer->status >= 200 && answer->status < 300)
		return AWS_DONE;
	aws_error_code(service->read_code(sc, answer), call->code);
	fate = aws_error_fate(answer->status, call->code);
	(void)scope_fail(sc, ERR_UNAVAILABLE,
	    "%s: %s: status %d, code %s, request %s", service->name,
	    aws_fate_word(fate), answer->status, call->code,
	    call->request_id);
	return fate;
}

/* What will do better only when somebody does something. */
static enum aws_fate
without_keys(const struct aws_service *service, struct aws_call *call)
{
	enum aws_keys_source source = service->aws->keys.source;

	set_code(call, "no_credentials");
	return source == AWS_KEYS_NONE || source == AWS_KEYS_FILE
	    ? AWS_STOPPED : AWS_LATER;
}

static enum aws_fate
try_once(const struct aws_service *service, struct scope *sc,
    struct aws_call *call)
{
	int64_t now_us = aws_now_us(service->aws);
	const struct aws_key *key = NULL;
	struct dress dress;
	struct http_client_request request = {
		.method = call->method,
		.url = call->url,
		.body = call->body,
		.body_len = call->body_len,
		.answer_max = call->answer_max,
		.repeatable = true,
	};

	if (aws_keys_get(&service->aws->keys, sc, now_us, &key))
		return without_keys(service, call);
	if (sign(service, sc, call, key, now_us, &dress)) {
		set_code(call, "not_signable");
		return AWS_STOPPED;
	}
	request.headers = dress.headers;
	request.header_count = dress.count;
	if (http_client_call(service->http, sc, &request, &call->answer) ==
	    HTTP_CLIENT_ANSWERED)
		return judge(service, sc, call);
	set_code(call, causes[call->answer.cause].code);
	return causes[call->answer.cause].fate;
}

/* ---- once more -------------------------------------------------------------*/

/* Whether it was our clock, which is then known better. */
static bool
learn_time(struct aws *aws, const struct aws_call *call)
{
	const char *date = call->answer.kept[HTTP_CLIENT_DATE];
	int64_t theirs_us;

	if (!aws_error_is_of_time(call->code) || !date ||
	    !instant_parse_http(date, &theirs_us) ||
	    llabs(theirs_us - aws_now_us(aws)) < SKEW_MIN_US)
		return false;
	aws->skew_us = theirs_us - clock_wall_us();
	return true;
}

enum aws_fate
aws_call(const struct aws_service *service, struct scope *sc,
    struct aws_call *call)
{
	struct aws *aws = service->aws;
	enum aws_fate fate;

	for (int i = 0;; i++) {
		call->answer = (struct http_client_answer){ 0 };
		set_code(call, "-");
		call->request_id = "-";
		fate = try_once(service, sc, call);
		if (fate == AWS_DONE || i > 0)
			return fate;
		if (!learn_time(aws, call) &&
		    !(aws_error_is_expiry(call->code) &&
		    aws_keys_expired(&aws->keys)))
			return fate;
	}
}
