/* http_client.c: outgoing HTTP; the only user of libcurl. */
#include "remote/http_client.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include <curl/curl.h>

#include "base/arena.h"
#include "base/bulkhead.h"
#include "base/clock.h"
#include "base/crypto.h"

#define CONNECTIONS_KEPT 4L
#define BODY_KEPT (64 * 1024) /* memory held between calls */
#define HEADER_LINE_MAX 8192 /* a session token of AWS alone may have 4 KiB */
#define LEASE_SLACK_US USEC_PER_SEC
#define RETRY_AFTER_DIGITS_MAX 4
#define MS_US 1000

/* What has arrived of an answer.  libcurl calls us in its midst, so nothing
 * here may come from the arena, which jumps when it is full. */
struct incoming {
	char *body;
	size_t len;
	size_t cap;
	size_t max;
	size_t head_len;
	bool oversize;
	bool framed; /* it says where it ends */
	bool no_memory;
	char kept[HTTP_CLIENT_KEPT__MAX][HTTP_CLIENT_VALUE_MAX];
};

struct http_client {
	struct http_client_settings conf;
	CURL *curl;
	CURLU *url;
	struct incoming in;
	char error[CURL_ERROR_SIZE];
};

static const char *const kept_names[] = {
	[HTTP_CLIENT_CONTENT_TYPE] = "Content-Type",
	[HTTP_CLIENT_DATE] = "Date",
	[HTTP_CLIENT_ETAG] = "ETag",
	[HTTP_CLIENT_RETRY_AFTER] = "Retry-After",
	[HTTP_CLIENT_REQUEST_ID] = "Request-Id",
	[HTTP_CLIENT_SHOULD_RETRY] = "Stripe-Should-Retry",
	[HTTP_CLIENT_IDEMPOTENT_REPLAYED] = "Idempotent-Replayed",
	[HTTP_CLIENT_AMZN_REQUEST_ID] = "x-amzn-RequestId",
	[HTTP_CLIENT_AMZN_ERROR_TYPE] = "x-amzn-ErrorType",
	[HTTP_CLIENT_AMZ_REQUEST_ID] = "x-amz-request-id",
};
_Static_assert(ARRAY_LEN(kept_names) == HTTP_CLIENT_KEPT__MAX,
    "every kept header has its name");

/* ---- opening -------------------------------------------------------------*/

struct http_client *
http_client_open(const struct http_client_settings *settings, char *why,
    size_t why_max)
{
	const curl_version_info_data *about;
	struct http_client *client;

	assert(settings->connect_us >= MS_US && settings->total_us >= MS_US);
	assert(settings->retry_wait_us >= 0);

	if (curl_global_init(CURL_GLOBAL_DEFAULT)) {
		snprintf(why, why_max, "libcurl cannot be initialised");
		return NULL;
	}
	/* Without the first there is no https, without the second a slow name
	 * server holds the worker beyond every deadline. */
	about = curl_version_info(CURLVERSION_NOW);
	if (!(about->features & CURL_VERSION_SSL) ||
	    !(about->features & CURL_VERSION_ASYNCHDNS)) {
		snprintf(why, why_max, "libcurl %s lacks TLS or asynchronous "
		    "name resolution", about->version);
		curl_global_cleanup();
		return NULL;
	}

	client = calloc(1, sizeof *client);
	if (client) {
		client->conf = *settings;
		client->curl = curl_easy_init();
		client->url = curl_url();
	}
	if (!client || !client->curl || !client->url) {
		snprintf(why, why_max, "libcurl: out of memory");
		http_client_close(client);
		return NULL;
	}
	return client;
}

void
http_client_close(struct http_client *client)
{
	if (!client)
		return;

	curl_easy_cleanup(client->curl);
	curl_url_cleanup(client->url);
	free(client->in.body);
	free(client);
	curl_global_cleanup();
}

/* ---- where calls may go --------------------------------------------------*/

static bool
is_loopback(const char *host)
{
	struct in_addr v4;

	/* libcurl itself resolves localhost to the loopback addresses. */
	if (strcmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0)
		return true;
	return inet_pton(AF_INET, host, &v4) == 1 &&
	    ntohl(v4.s_addr) >> 24 == 127;
}

static bool
is_among(const char *const *hosts, const char *host)
{
	for (; hosts && *hosts; hosts++) {
		if (strcmp(*hosts, host) == 0)
			return true;
	}
	return false;
}

static const char *
parts_check(const char *scheme, const char *host, bool user,
    const char *const *plain_hosts)
{
	if (user)
		return "the URL must not hold a user or password";
	if (strcmp(scheme, "https") == 0)
		return NULL;
	if (strcmp(scheme, "http") != 0)
		return "the URL must begin with https://";
	return is_loopback(host) || is_among(plain_hosts, host)
	    ? NULL : "plain http is for a loopback address only: use https";
}

/* Leaves the URL in `parsed`, which the call then uses: what was checked is
 * what is called. */
static const char *
parse_url(CURLU *parsed, const char *url, const char *const *plain_hosts,
    bool *ret_tls)
{
	char *scheme = NULL;
	char *host = NULL;
	char *user = NULL;
	const char *wrong = "it is not a URL";

	if (!curl_url_set(parsed, CURLUPART_URL, url, 0) &&
	    !curl_url_get(parsed, CURLUPART_SCHEME, &scheme, 0) &&
	    !curl_url_get(parsed, CURLUPART_HOST, &host, 0)) {
		(void)curl_url_get(parsed, CURLUPART_USER, &user, 0);
		wrong = parts_check(scheme, host, user != NULL, plain_hosts);
		*ret_tls = strcmp(scheme, "https") == 0;
	}
	curl_free(scheme);
	curl_free(host);
	curl_free(user);
	return wrong;
}

const char *
http_client_url_check_hosts(const char *url, const char *const *plain_hosts)
{
	CURLU *parsed = curl_url();
	const char *wrong = "out of memory";
	bool tls;

	if (parsed)
		wrong = parse_url(parsed, url, plain_hosts, &tls);
	curl_url_cleanup(parsed);
	return wrong;
}

const char *
http_client_url_check(const char *url)
{
	return http_client_url_check_hosts(url, NULL);
}

/* ---- what arrives --------------------------------------------------------*/

static bool
has_prefix(const char *data, size_t len, const char *prefix)
{
	size_t n = strlen(prefix);

	return len >= n && strncasecmp(data, prefix, n) == 0;
}

static void
keep_header(struct incoming *in, const char *name, size_t name_len,
    const char *value, size_t len)
{
	for (size_t i = 0; i < HTTP_CLIENT_KEPT__MAX; i++) {
		if (strlen(kept_names[i]) != name_len ||
		    strncasecmp(kept_names[i], name, name_len) != 0)
			continue;
		/* The first holds; one that is too long was not there. */
		if (in->kept[i][0] != '\0' || len >= HTTP_CLIENT_VALUE_MAX)
			return;
		for (size_t k = 0; k < len; k++) {
			if (value[k] < ' ' || value[k] > '~')
				return;
		}
		memcpy(in->kept[i], value, len);
		in->kept[i][len] = '\0';
		return;
	}
}

static size_t
take_header(char *line, size_t size, size_t count, void *data)
{
	struct incoming *in = data;
	size_t len = size * count;
	const char *colon;
	const char *value;
	const char *end = line + len;

	in->head_len += len;
	if (in->head_len > HTTP_CLIENT_HEAD_MAX) {
		in->oversize = true;
		return 0;
	}
	if (has_prefix(line, len, "HTTP/")) { /* of an answer behind a 1xx */
		memset(in->kept, 0, sizeof in->kept);
		in->framed = false;
		return len;
	}
	in->framed = in->framed || has_prefix(line, len, "Content-Length:") ||
	    has_prefix(line, len, "Transfer-Encoding:");

	colon = memchr(line, ':', len);
	if (!colon)
		return len;
	value = colon + 1;
	while (value < end && (*value == ' ' || *value == '\t'))
		value++;
	while (end > value && strchr(" \t\r\n", end[-1]))
		end--;
	keep_header(in, line, (size_t)(colon - line), value,
	    (size_t)(end - value));
	return len;
}

static size_t
take_body(char *data, size_t size, size_t count, void *to)
{
	struct incoming *in = to;
	size_t len = size * count;

	if (len > in->max - in->len) {
		in->oversize = true;
		return 0;
	}
	if (in->len + len + 1 > in->cap) {
		size_t cap = 2 * (in->len + len) + 1;
		char *more = realloc(in->body, cap);

		if (!more) {
			in->no_memory = true;
			return 0;
		}
		in->body = more;
		in->cap = cap;
	}
	memcpy(in->body + in->len, data, len);
	in->len += len;
	return len;
}

static void
start_incoming(struct incoming *in, size_t max)
{
	if (in->cap > BODY_KEPT) {
		free(in->body);
		in->body = NULL;
		in->cap = 0;
	}
	*in = (struct incoming){
		.body = in->body, .cap = in->cap, .max = max,
	};
}

/* ---- one try -------------------------------------------------------------*/

static bool
is_plain(const char *text)
{
	for (; *text; text++) {
		if (*text < ' ' || *text > '~')
			return false;
	}
	return true;
}

static bool
names_type(const struct http_client_request *request)
{
	for (size_t i = 0; i < request->header_count; i++) {
		if (strcasecmp(request->headers[i].name, "Content-Type") == 0)
			return true;
	}
	return false;
}

/* The headers that libcurl is not to make up: a body is sent at once, without
 * waiting to be asked for it, and what is not there is of no type. */
static struct curl_slist *
first_headers(const struct http_client_request *request)
{
	struct curl_slist *list = curl_slist_append(NULL, "Expect:");
	struct curl_slist *longer;

	if (!list || request->body_len > 0 || names_type(request))
		return list;
	longer = curl_slist_append(list, "Content-Type:");
	if (!longer)
		curl_slist_free_all(list);
	return longer;
}

/* NULL when a header cannot be sent, or for want of memory. */
static struct curl_slist *
make_headers(const struct http_client_request *request)
{
	struct curl_slist *list = first_headers(request);
	char line[HEADER_LINE_MAX];

	assert(request->header_count <= HTTP_CLIENT_HEADERS_MAX);

	for (size_t i = 0; list && i < request->header_count; i++) {
		const struct http_client_header *h = &request->headers[i];
		struct curl_slist *longer = NULL;
		int len = snprintf(line, sizeof line, "%s: %s", h->name,
		    h->value);

		if (len > 0 && (size_t)len < sizeof line && *h->value &&
		    is_plain(line))
			longer = curl_slist_append(list, line);
		if (!longer)
			curl_slist_free_all(list);
		list = longer;
	}
	crypto_wipe(line, sizeof line); /* the last may have been a key */
	return list;
}

#define SET(option, value) \
	(curl_easy_setopt(client->curl, (option), (value)) == CURLE_OK)

static bool
set_transport(struct http_client *client, bool tls, int64_t limit_us)
{
	const struct http_client_settings *conf = &client->conf;
	int64_t connect_us =
	    conf->connect_us < limit_us ? conf->connect_us : limit_us;

	return SET(CURLOPT_PROTOCOLS_STR, tls ? "https" : "http") &&
	    SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) &&
	    SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) &&
	    SET(CURLOPT_SSL_VERIFYPEER, 1L) &&
	    SET(CURLOPT_SSL_VERIFYHOST, 2L) &&
	    /* One file names all authorities there are, not some more. */
	    (!conf->ca_file || (SET(CURLOPT_CAINFO, conf->ca_file) &&
	    SET(CURLOPT_CAPATH, (const char *)NULL))) &&
	    SET(CURLOPT_PROXY, "") &&
	    SET(CURLOPT_FOLLOWLOCATION, 0L) &&
	    SET(CURLOPT_NOSIGNAL, 1L) &&
	    /* A name server that hangs is not waited for at the end. */
	    SET(CURLOPT_QUICK_EXIT, 1L) &&
	    SET(CURLOPT_TCP_KEEPALIVE, 1L) &&
	    SET(CURLOPT_MAXCONNECTS, CONNECTIONS_KEPT) &&
	    SET(CURLOPT_UNIX_SOCKET_PATH, conf->unix_socket) &&
	    SET(CURLOPT_USERAGENT, conf->user_agent) &&
	    SET(CURLOPT_CONNECTTIMEOUT_MS, (long)(connect_us / MS_US)) &&
	    SET(CURLOPT_TIMEOUT_MS, (long)(limit_us / MS_US));
}

/* These say how long their body is also when there is none. */
static bool
takes_body(const char *method)
{
	return strcmp(method, "POST") == 0 || strcmp(method, "PUT") == 0;
}

static bool
set_request(struct http_client *client,
    const struct http_client_request *request, struct curl_slist *headers)
{
	bool head = strcmp(request->method, "HEAD") == 0;

	return SET(CURLOPT_CURLU, client->url) &&
	    SET(CURLOPT_FRESH_CONNECT, request->repeatable ? 0L : 1L) &&
	    SET(CURLOPT_PATH_AS_IS, 1L) &&
	    (!takes_body(request->method) ||
	    (SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body_len) &&
	    SET(CURLOPT_POSTFIELDS, request->body ? request->body : ""))) &&
	    SET(CURLOPT_NOBODY, head ? 1L : 0L) &&
	    (head || SET(CURLOPT_CUSTOMREQUEST, request->method)) &&
	    SET(CURLOPT_HTTPHEADER, headers) &&
	    SET(CURLOPT_ERRORBUFFER, client->error) &&
	    SET(CURLOPT_HEADERFUNCTION, take_header) &&
	    SET(CURLOPT_HEADERDATA, &client->in) &&
	    SET(CURLOPT_WRITEFUNCTION, take_body) &&
	    SET(CURLOPT_WRITEDATA, &client->in);
}

/* What libcurl's code means for who has to know whether it was done. */
static enum http_client_cause
cause_of(const struct incoming *in, CURLcode code)
{
	switch (code) {
	case CURLE_OK:
		return in->framed ? HTTP_CLIENT_FINE : HTTP_CLIENT_CUT;
	case CURLE_OPERATION_TIMEDOUT:
		return HTTP_CLIENT_TIMEOUT;
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_CONNECT:
	case CURLE_SSL_CONNECT_ERROR: /* ended before any certificate */
		return HTTP_CLIENT_CONNECT;
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_ISSUER_ERROR:
	case CURLE_SSL_INVALIDCERTSTATUS:
		return HTTP_CLIENT_TLS;
	case CURLE_WRITE_ERROR:
		return in->oversize ? HTTP_CLIENT_OVERSIZE : HTTP_CLIENT_LOCAL;
	case CURLE_OUT_OF_MEMORY:
	case CURLE_FAILED_INIT:
	case CURLE_URL_MALFORMAT:
	case CURLE_UNSUPPORTED_PROTOCOL:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_BAD_FUNCTION_ARGUMENT:
		return HTTP_CLIENT_LOCAL;
	default:
		return HTTP_CLIENT_CUT;
	}
}

static const char *
cause_word(enum http_client_cause cause)
{
	static const char *const words[] = {
		[HTTP_CLIENT_FINE] = "answered",
		[HTTP_CLIENT_BREAKER] = "not asked: its breaker is open",
		[HTTP_CLIENT_BULKHEAD] = "not asked: the bulkhead is full",
		[HTTP_CLIENT_DEADLINE] = "not asked: no time is left",
		[HTTP_CLIENT_LOCAL] = "not to be asked",
		[HTTP_CLIENT_CONNECT] = "not reached",
		[HTTP_CLIENT_TLS] = "not who it should be",
		[HTTP_CLIENT_TIMEOUT] = "too slow",
		[HTTP_CLIENT_CUT] = "cut off",
		[HTTP_CLIENT_OVERSIZE] = "too talkative",
	};

	return words[cause];
}

static enum http_client_fate
fail(struct http_client *client, struct scope *sc,
    struct http_client_answer *answer, enum http_client_cause cause,
    bool sent, const char *detail)
{
	answer->cause = cause;
	(void)scope_fail(sc, ERR_UNAVAILABLE, "%s: %s%s%s%s",
	    client->conf.name ? client->conf.name :
	    breaker_service_word(client->conf.service), cause_word(cause),
	    sent ? " after it was sent" : "", *detail ? ": " : "", detail);
	return sent ? HTTP_CLIENT_UNKNOWN : HTTP_CLIENT_NOT_SENT;
}

/* Whether any of it has left: from the first byte on nothing is certain. */
static bool
was_sent(const struct http_client *client)
{
	long bytes = 0;

	return curl_easy_getinfo(client->curl, CURLINFO_REQUEST_SIZE, &bytes) ||
	    bytes > 0;
}

static enum http_client_fate
try_once(struct http_client *client, struct scope *sc,
    const struct http_client_request *request, int64_t limit_us,
    struct http_client_answer *answer)
{
	struct curl_slist *headers;
	int64_t start;
	const char *wrong;
	long status = 0;
	bool tls = true;
	bool sent;
	CURLcode code;

	wrong = parse_url(client->url, request->url, client->conf.plain_hosts,
	    &tls);
	if (wrong)
		return fail(client, sc, answer, HTTP_CLIENT_LOCAL, false,
		    wrong);
	headers = make_headers(request);
	curl_easy_reset(client->curl); /* connections stay */
	client->error[0] = '\0';
	start_incoming(&client->in, request->answer_max);
	if (!headers || !set_transport(client, tls, limit_us) ||
	    !set_request(client, request, headers)) {
		curl_slist_free_all(headers);
		return fail(client, sc, answer, HTTP_CLIENT_LOCAL, false,
		    "it cannot be put into words");
	}

	start = clock_mono_us();
	code = curl_easy_perform(client->curl);
	sc->ext_us += clock_mono_us() - start;
	sc->ext_trips++;
	answer->trips++;

	sent = was_sent(client);
	(void)curl_easy_getinfo(client->curl, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_reset(client->curl);
	curl_slist_free_all(headers);

	/* All of it stands in client->in until the next try. */
	for (size_t i = 0; i < HTTP_CLIENT_KEPT__MAX; i++) {
		answer->kept[i] = client->in.kept[i][0] != '\0'
		    ? client->in.kept[i] : NULL;
	}
	if (status > 0) {
		answer->status = (int)status;
		/* These have no body, and need not say so. */
		client->in.framed |= status == 204 || status == 304 ||
		    strcmp(request->method, "HEAD") == 0;
	}
	answer->cause = cause_of(&client->in, code);
	if (answer->cause == HTTP_CLIENT_FINE)
		return HTTP_CLIENT_ANSWERED;
	return fail(client, sc, answer, answer->cause, sent,
	    code == CURLE_OK ? "it does not say where it ends"
	    : client->error);
}

/* ---- the guards ----------------------------------------------------------*/

static int64_t
smaller(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static enum breaker_outcome
outcome_of(const struct http_client *client, int64_t limit_us,
    enum http_client_fate fate, const struct http_client_answer *answer)
{
	if (fate == HTTP_CLIENT_ANSWERED)
		return answer->status >= 500 || answer->status == 429
		    ? BREAKER_FAILED : BREAKER_WELL;
	if (answer->cause == HTTP_CLIENT_LOCAL)
		return BREAKER_MUTE;
	/* Our request was late already: that is not the service's doing. */
	if (answer->cause == HTTP_CLIENT_TIMEOUT &&
	    limit_us < client->conf.total_us / 2)
		return BREAKER_MUTE;
	return BREAKER_FAILED;
}

static enum http_client_fate
try_guarded(struct http_client *client, struct scope *sc,
    const struct http_client_request *request,
    struct http_client_answer *answer)
{
	const struct http_client_settings *conf = &client->conf;
	int64_t limit_us = smaller(conf->total_us, scope_left_us(sc));
	struct shm_breaker *breaker;
	struct breaker_pass pass;
	enum http_client_fate fate;

	if (limit_us < MS_US) /* libcurl takes 0 for "no limit" */
		return fail(client, sc, answer, HTTP_CLIENT_DEADLINE, false,
		    "");
	if (!conf->shm)
		return try_once(client, sc, request, limit_us, answer);

	breaker = shm_breaker(conf->shm, conf->service);
	if (breaker_enter(breaker, &conf->breaker, clock_mono_us(),
	        limit_us + LEASE_SLACK_US, &pass) != BREAKER_PASS)
		return fail(client, sc, answer, HTTP_CLIENT_BREAKER, false,
		    "");
	fate = try_once(client, sc, request, limit_us, answer);
	breaker_report(breaker, &conf->breaker, &pass,
	    outcome_of(client, limit_us, fate, answer), clock_mono_us());
	return fate;
}

/* ---- again ---------------------------------------------------------------*/

static bool
is_worth_repeating(enum http_client_fate fate,
    const struct http_client_answer *answer)
{
	const char *told = answer->kept[HTTP_CLIENT_SHOULD_RETRY];

	if (fate != HTTP_CLIENT_ANSWERED)
		return answer->cause == HTTP_CLIENT_CONNECT ||
		    answer->cause == HTTP_CLIENT_TIMEOUT ||
		    answer->cause == HTTP_CLIENT_CUT;
	if (told && strcmp(told, "true") == 0)
		return true;
	if (told && strcmp(told, "false") == 0)
		return false;
	return answer->status == 409 || answer->status >= 500;
}

/* Retry-After as seconds; a date, or nonsense, is passed over. */
static int64_t
retry_after_us(const struct http_client_answer *answer)
{
	const char *text = answer->kept[HTTP_CLIENT_RETRY_AFTER];
	size_t len = text ? strlen(text) : 0;

	if (len == 0 || len > RETRY_AFTER_DIGITS_MAX ||
	    strspn(text, "0123456789") != len)
		return 0;
	return strtol(text, NULL, 10) * USEC_PER_SEC;
}

/* Wait, unless a whole further try would end after the deadline. */
static bool
wait_to_repeat(const struct http_client *client, const struct scope *sc,
    const struct http_client_answer *answer)
{
	int64_t wait_us = retry_after_us(answer);
	struct timespec until;
	int64_t until_us;

	if (wait_us < client->conf.retry_wait_us)
		wait_us = client->conf.retry_wait_us;
	if (wait_us + client->conf.total_us > scope_left_us(sc))
		return false;

	until_us = clock_mono_us() + wait_us;
	until = (struct timespec){
		.tv_sec = (time_t)(until_us / USEC_PER_SEC),
		.tv_nsec = (long)(until_us % USEC_PER_SEC * 1000),
	};
	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) ==
	    EINTR)
		continue;
	return true;
}

static enum http_client_fate
call_with_retries(struct http_client *client, struct scope *sc,
    const struct http_client_request *request,
    struct http_client_answer *answer)
{
	bool certain = true; /* that nothing of it was done */

	for (unsigned i = 0;; i++) {
		enum http_client_fate fate;

		/* Of the tries before only the status and count remain. */
		memset(answer->kept, 0, sizeof answer->kept);
		fate = try_guarded(client, sc, request, answer);
		if (fate != HTTP_CLIENT_NOT_SENT)
			certain = false;
		if (i >= request->retries ||
		    !is_worth_repeating(fate, answer) ||
		    !wait_to_repeat(client, sc, answer)) {
			if (fate == HTTP_CLIENT_NOT_SENT && !certain)
				fate = HTTP_CLIENT_UNKNOWN;
			return fate;
		}
	}
}

/* What is told of the last try, into the arena.  Only now: the arena jumps
 * when it is full, and by now nothing is held any more. */
static void
keep_answer(const struct incoming *in, struct scope *sc,
    enum http_client_fate fate, struct http_client_answer *answer)
{
	for (size_t i = 0; i < HTTP_CLIENT_KEPT__MAX; i++) {
		if (answer->kept[i])
			answer->kept[i] =
			    arena_strdup(sc->arena, answer->kept[i]);
	}
	if (fate == HTTP_CLIENT_ANSWERED) {
		char *body = arena_alloc(sc->arena, in->len + 1);

		if (in->len > 0)
			memcpy(body, in->body, in->len);
		answer->body = body;
		answer->len = in->len;
	}
}

enum http_client_fate
http_client_call(struct http_client *client, struct scope *sc,
    const struct http_client_request *request,
    struct http_client_answer *ret_answer)
{
	const struct http_client_settings *conf = &client->conf;
	int64_t now = clock_mono_us();
	int64_t longest_us = ((int64_t)request->retries + 1) *
	    (conf->total_us + conf->retry_wait_us);
	bool guarded = conf->shm && conf->bulkhead > 0;
	struct bulkhead_place place = { 0 };
	enum http_client_fate fate;

	assert(request->repeatable || request->retries == 0);

	*ret_answer = (struct http_client_answer){ 0 };
	if (guarded && !bulkhead_enter(conf->shm, conf->bulkhead, now,
	        now + smaller(scope_left_us(sc), longest_us) + LEASE_SLACK_US,
	        &place))
		return fail(client, sc, ret_answer, HTTP_CLIENT_BULKHEAD,
		    false, "");
	fate = call_with_retries(client, sc, request, ret_answer);
	if (guarded)
		bulkhead_leave(conf->shm, &place);

	keep_answer(&client->in, sc, fate, ret_answer);
	return fate;
}

void
http_client_forget(struct http_client *client)
{
	if (client->in.body)
		crypto_wipe(client->in.body, client->in.cap);
	client->in.len = 0;
}
