/* test_http_client.c: outgoing HTTP against a server that misbehaves. */
#include "remote/http_client.h"

#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/bulkhead.h"
#include "base/clock.h"
#include "support/faults.h"
#include "unit/unit.h"

#define MS INT64_C(1000)
#define QUICKLY_US (10 * USEC_PER_SEC) /* even on a busy machine */

/* A client of its own per test, and the server. */
struct stand {
	struct faults faults;
	struct shm *shm;
	struct arena *arena;
	struct scope sc;
	struct http_client_settings conf;
	struct http_client *client;
	struct http_client_answer answer;
};

static void
reopen(struct stand *s)
{
	char why[256] = "";

	http_client_close(s->client);
	s->client = http_client_open(&s->conf, why, sizeof why);
	CU_ASSERT_STRING_EQUAL(why, "");
	CU_ASSERT_PTR_NOT_NULL_FATAL(s->client);
}

static void
stand_open_with(struct stand *s, bool tls)
{
	char why[256];

	memset(s, 0, sizeof *s);
	signal(SIGPIPE, SIG_IGN);
	faults_start(&s->faults, tls);
	s->shm = shm_open_file(NULL, why, sizeof why);
	s->arena = arena_open(8 * 1024 * 1024);
	CU_ASSERT_PTR_NOT_NULL_FATAL(s->shm);
	CU_ASSERT_PTR_NOT_NULL_FATAL(s->arena);
	scope_init(&s->sc, s->arena, 20 * USEC_PER_SEC);
	s->conf = (struct http_client_settings){
		.service = SHM_STRIPE,
		.shm = s->shm,
		.breaker = { 5, 30 * USEC_PER_SEC },
		.bulkhead = 1,
		.connect_us = 2 * USEC_PER_SEC,
		.total_us = 4 * USEC_PER_SEC,
		.retry_wait_us = 10 * MS,
		.user_agent = "customer-booking/test",
	};
	reopen(s);
}

static void
stand_open(struct stand *s)
{
	stand_open_with(s, false);
}

static void
stand_close(struct stand *s)
{
	/* Whatever happened, nobody is inside any more. */
	CU_ASSERT_EQUAL(bulkhead_used(s->shm, clock_mono_us()), 0);
	http_client_close(s->client);
	arena_close(s->arena);
	shm_close(s->shm);
	faults_stop(&s->faults);
}

static enum http_client_fate
call_url(struct stand *s, const char *method, const char *url,
    const char *body, unsigned retries)
{
	const struct http_client_request request = {
		.method = method,
		.url = url,
		.body = body,
		.body_len = body ? strlen(body) : 0,
		.answer_max = 1024 * 1024,
		.repeatable = retries > 0 || strcmp(method, "POST") != 0,
		.retries = retries,
	};

	memset(&s->answer, 0x55, sizeof s->answer);
	s->sc.why[0] = '\0';
	return http_client_call(s->client, &s->sc, &request, &s->answer);
}

static enum http_client_fate
get(struct stand *s, const char *path, unsigned retries)
{
	return call_url(s, "GET", faults_url(&s->faults, path), NULL, retries);
}

/* How many requests for the path arrived. */
static int
arrived(struct stand *s, const char *path)
{
	char query[256];
	int count = -1;

	snprintf(query, sizeof query, "/count?%s", path);
	CU_ASSERT_EQUAL(get(s, query, 0), HTTP_CLIENT_ANSWERED);
	CU_ASSERT_EQUAL(sscanf(s->answer.body, "{\"count\": %d}", &count), 1);
	return count;
}

static struct breaker_view
breaker(struct stand *s)
{
	struct breaker_view view;

	breaker_read(shm_breaker(s->shm, SHM_STRIPE), &s->conf.breaker,
	    clock_mono_us(), &view);
	return view;
}

static void
test_a_whole_answer_comes_with_its_headers(void)
{
	static const struct http_client_header headers[] = {
		{ "Content-Type", "application/x-www-form-urlencoded" },
		{ "X-Own", "a b" },
	};
	struct stand s;
	struct http_client_request request = {
		.method = "POST",
		.headers = headers,
		.header_count = 2,
		.body = "a=1&b=2",
		.body_len = 7,
		.answer_max = 4096,
	};

	stand_open(&s);
	request.url = faults_url(&s.faults, "/ok?x=1");
	CU_ASSERT_EQUAL(http_client_call(s.client, &s.sc, &request, &s.answer),
	    HTTP_CLIENT_ANSWERED);
	CU_ASSERT_EQUAL(s.answer.status, 200);
	CU_ASSERT_EQUAL(s.answer.cause, HTTP_CLIENT_FINE);
	CU_ASSERT_EQUAL(s.answer.trips, 1);
	CU_ASSERT_PTR_NOT_NULL_FATAL(s.answer.body);
	CU_ASSERT_EQUAL(strlen(s.answer.body), s.answer.len);
	CU_ASSERT_PTR_NOT_NULL(strstr(s.answer.body, "\"method\": \"POST\""));
	CU_ASSERT_PTR_NOT_NULL(strstr(s.answer.body, "\"body\": \"a=1&b=2\""));
	CU_ASSERT_PTR_NOT_NULL(strstr(s.answer.body, "\"x-own\": \"a b\""));
	CU_ASSERT_PTR_NOT_NULL(strstr(s.answer.body,
	    "\"user-agent\": \"customer-booking/test\""));
	CU_ASSERT_PTR_NULL(strstr(s.answer.body, "expect"));
	CU_ASSERT_STRING_EQUAL(s.answer.kept[HTTP_CLIENT_REQUEST_ID], "req_1");
	CU_ASSERT_PTR_NOT_NULL(s.answer.kept[HTTP_CLIENT_DATE]);
	CU_ASSERT_PTR_NULL(s.answer.kept[HTTP_CLIENT_RETRY_AFTER]);
	CU_ASSERT_STRING_EQUAL(s.sc.why, "");
	CU_ASSERT_EQUAL(s.sc.ext_trips, 1);
	CU_ASSERT(s.sc.ext_us > 0);
	stand_close(&s);
}

static void
test_a_post_without_a_body_says_so(void)
{
	struct stand s;

	stand_open(&s);
	CU_ASSERT_EQUAL(call_url(&s, "POST", faults_url(&s.faults, "/ok"),
	    NULL, 0), HTTP_CLIENT_ANSWERED);
	CU_ASSERT_PTR_NOT_NULL(strstr(s.answer.body,
	    "\"content-length\": \"0\""));
	CU_ASSERT_PTR_NULL(strstr(s.answer.body, "content-type"));
	CU_ASSERT_EQUAL(call_url(&s, "HEAD", faults_url(&s.faults, "/ok"),
	    NULL, 0), HTTP_CLIENT_ANSWERED);
	CU_ASSERT_EQUAL(s.answer.len, 0);
	CU_ASSERT_EQUAL(call_url(&s, "DELETE", faults_url(&s.faults, "/ok"),
	    NULL, 0), HTTP_CLIENT_ANSWERED);
	CU_ASSERT_PTR_NOT_NULL(strstr(s.answer.body,
	    "\"method\": \"DELETE\""));
	stand_close(&s);
}

static int
connection(struct stand *s)
{
	const char *at;

	CU_ASSERT_EQUAL_FATAL(get(s, "/ok", 0), HTTP_CLIENT_ANSWERED);
	at = strstr(s->answer.body, "\"connection\": ");
	CU_ASSERT_PTR_NOT_NULL_FATAL(at);
	return atoi(at + strlen("\"connection\": "));
}

static void
test_a_connection_is_kept_and_one_that_went_is_made_anew(void)
{
	struct stand s;
	int first;

	stand_open(&s);
	first = connection(&s);
	CU_ASSERT_EQUAL(connection(&s), first);
	CU_ASSERT_EQUAL(get(&s, "/then-close", 0), HTTP_CLIENT_ANSWERED);
	CU_ASSERT_NOT_EQUAL(connection(&s), first);
	stand_close(&s);
}

static void
test_what_may_not_be_repeated_goes_over_a_connection_of_its_own(void)
{
	struct stand s;

	/* The connection is cut when the request has arrived.  Over a kept one
	 * libcurl sends it again by itself. */
	stand_open(&s);
	CU_ASSERT_EQUAL(get(&s, "/ok", 0), HTTP_CLIENT_ANSWERED);
	CU_ASSERT_EQUAL(call_url(&s, "POST", faults_url(&s.faults, "/silent"),
	    "a=1", 0), HTTP_CLIENT_UNKNOWN);
	CU_ASSERT_EQUAL(arrived(&s, "/silent"), 1);
	CU_ASSERT_EQUAL(get(&s, "/silent", 0), HTTP_CLIENT_UNKNOWN);
	CU_ASSERT_EQUAL(arrived(&s, "/silent"), 3);
	stand_close(&s);
}

static void
test_the_environment_names_no_proxy(void)
{
	struct stand s;

	setenv("http_proxy", "http://127.0.0.1:1", 1);
	setenv("ALL_PROXY", "http://127.0.0.1:1", 1);
	stand_open(&s);
	CU_ASSERT_EQUAL(get(&s, "/ok", 0), HTTP_CLIENT_ANSWERED);
	stand_close(&s);
	unsetenv("http_proxy");
	unsetenv("ALL_PROXY");
}

static void
test_a_redirect_is_an_answer_and_is_not_followed(void)
{
	struct stand s;

	stand_open(&s);
	CU_ASSERT_EQUAL(get(&s, "/redirect", 2), HTTP_CLIENT_ANSWERED);
	CU_ASSERT_EQUAL(s.answer.status, 302);
	CU_ASSERT_EQUAL(arrived(&s, "/ok"), 0);
	stand_close(&s);
}

/* A port where nobody listens: bound, and not listened on. */
static int
dead_port(int *ret_fd)
{
	struct sockaddr_in at = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	socklen_t len = sizeof at;

	*ret_fd = socket(AF_INET, SOCK_STREAM, 0);
	CU_ASSERT_EQUAL(bind(*ret_fd, (struct sockaddr *)&at, len), 0);
	CU_ASSERT_EQUAL(getsockname(*ret_fd, (struct sockaddr *)&at, &len), 0);
	return ntohs(at.sin_port);
}

static void
test_nobody_there_is_certainly_not_sent(void)
{
	struct stand s;
	char url[64];
	int fd;

	stand_open(&s);
	snprintf(url, sizeof url, "http://127.0.0.1:%d/", dead_port(&fd));
	CU_ASSERT_EQUAL(call_url(&s, "POST", url, "a=1", 0),
	    HTTP_CLIENT_NOT_SENT);
	CU_ASSERT_EQUAL(s.answer.cause, HTTP_CLIENT_CONNECT);
	CU_ASSERT_EQUAL(s.answer.status, 0);
	CU_ASSERT_PTR_NULL(s.answer.body);
	CU_ASSERT_PTR_EQUAL(strstr(s.sc.why, "stripe: not reached"), s.sc.why);

	CU_ASSERT_EQUAL(call_url(&s, "POST", url, "a=1", 2),
	    HTTP_CLIENT_NOT_SENT);
	CU_ASSERT_EQUAL(s.answer.trips, 3);
	CU_ASSERT_EQUAL(breaker(&s).failures, 4);
	close(fd);
	stand_close(&s);
}

static void
test_who_accepts_and_says_nothing_in_tls_was_not_sent_anything(void)
{
	struct stand s;
	char url[64];
	int fd;

	stand_open(&s);
	s.conf.connect_us = 100 * MS;
	reopen(&s);
	snprintf(url, sizeof url, "https://127.0.0.1:%d/", dead_port(&fd));
	CU_ASSERT_EQUAL(listen(fd, 1), 0); /* the kernel accepts */
	CU_ASSERT_EQUAL(call_url(&s, "POST", url, "a=1", 0),
	    HTTP_CLIENT_NOT_SENT);
	CU_ASSERT_EQUAL(s.answer.cause, HTTP_CLIENT_TIMEOUT);
	close(fd);
	stand_close(&s);
}

static void
test_no_answer_in_time_is_unknown_and_never_failed(void)
{
	static const char *const paths[] = { "/hang", "/drip" };
	struct stand s;

	stand_open(&s);
	s.conf.total_us = 500 * MS;
	s.conf.connect_us = 500 * MS;
	reopen(&s);
	for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
		int64_t start = clock_mono_us();
		int64_t took;

		CU_ASSERT_EQUAL(call_url(&s, "POST", faults_url(&s.faults,
		    paths[i]), "a=1", 0), HTTP_CLIENT_UNKNOWN);
		took = clock_mono_us() - start;
		CU_ASSERT_EQUAL(s.answer.cause, HTTP_CLIENT_TIMEOUT);
		CU_ASSERT_PTR_NULL(s.answer.body);
		CU_ASSERT(took >= 490 * MS && took < QUICKLY_US);
		CU_ASSERT_PTR_NOT_NULL(strstr(s.sc.why,
		    "stripe: too slow after it was sent"));
	}
	CU_ASSERT_EQUAL(breaker(&s).failures, 2);
	stand_close(&s);
}

static void
test_the_requests_own_deadline_comes_first_and_blames_nobody(void)
{
	struct stand s;
	int64_t start;

	stand_open(&s);
	scope_init(&s.sc, s.arena, 500 * MS);
	start = clock_mono_us();
	CU_ASSERT_EQUAL(get(&s, "/hang", 2), HTTP_CLIENT_UNKNOWN);
	CU_ASSERT(clock_mono_us() - start < QUICKLY_US);
	CU_ASSERT_EQUAL(s.answer.trips, 1); /* no time for a second */
	CU_ASSERT_EQUAL(breaker(&s).failures, 0);

	/* And without any time nothing is sent at all. */
	scope_init(&s.sc, s.arena, 0);
	CU_ASSERT_EQUAL(get(&s, "/ok", 0), HTTP_CLIENT_NOT_SENT);
	CU_ASSERT_EQUAL(s.answer.cause, HTTP_CLIENT_DEADLINE);
	CU_ASSERT_EQUAL(s.answer.trips, 0);
	scope_init(&s.sc, s.arena, 20 * USEC_PER_SEC);
	CU_ASSERT_EQUAL(arrived(&s, "/ok"), 0);
	stand_close(&s);
}

static void
test_half_an_answer_is_none(void)
{
	static const struct {
		const char *path;
		enum http_client_cause cause;
		int status;
	} cases[] = {
		{ "/cut", HTTP_CLIENT_CUT, 200 },
		{ "/silent", HTTP_CLIENT_CUT, 0 },
		{ "/open-ended", HTTP_CLIENT_CUT, 200 },
		{ "/headers", HTTP_CLIENT_OVERSIZE, 200 },
		{ "/large/1048577", HTTP_CLIENT_OVERSIZE, 200 },
	};
	struct stand s;

	stand_open(&s);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CU_ASSERT_EQUAL(call_url(&s, "POST", faults_url(&s.faults,
		    cases[i].path), "a=1", 0), HTTP_CLIENT_UNKNOWN);
		CU_ASSERT_EQUAL(s.answer.cause, cases[i].cause);
		CU_ASSERT_EQUAL(s.answer.status, cases[i].status);
		CU_ASSERT_PTR_NULL(s.answer.body);
		/* Nothing of it is left for the next one. */
		CU_ASSERT_EQUAL(get(&s, "/status/200", 0),
		    HTTP_CLIENT_ANSWERED);
		CU_ASSERT_STRING_EQUAL(s.answer.body, "{\"ok\": true}");
	}
	CU_ASSERT_EQUAL(get(&s, "/large/1048576", 0), HTTP_CLIENT_ANSWERED);
	CU_ASSERT_EQUAL(s.answer.len, 1048576);
	stand_close(&s);
}

static void
test_a_certificate_counts_only_for_its_name_and_authority(void)
{
	struct stand s;
	char right[64];
	char wrong[64];

	stand_open_with(&s, true);
	snprintf(right, sizeof right, "https://127.0.0.1:%d/ok",
	    s.faults.tls_port);
	snprintf(wrong, sizeof wrong, "https://127.0.0.1:%d/ok",
	    s.faults.wrong_port);

	/* The system's authorities do not know this one. */
	CU_ASSERT_EQUAL(call_url(&s, "POST", right, "a=1", 2),
	    HTTP_CLIENT_NOT_SENT);
	CU_ASSERT_EQUAL(s.answer.cause, HTTP_CLIENT_TLS);
	CU_ASSERT_EQUAL(s.answer.trips, 1);

	s.conf.ca_file = s.faults.ca;
	reopen(&s);
	CU_ASSERT_EQUAL(call_url(&s, "POST", right, "a=1", 0),
	    HTTP_CLIENT_ANSWERED);
	CU_ASSERT_EQUAL(call_url(&s, "POST", wrong, "a=1", 2),
	    HTTP_CLIENT_NOT_SENT);
	CU_ASSERT_EQUAL(s.answer.cause, HTTP_CLIENT_TLS);
	CU_ASSERT_EQUAL(arrived(&s, "/ok"), 1);
	stand_close(&s);
}

static void
test_plain_http_goes_to_loopback_only(void)
{
	struct stand s;

	CU_ASSERT_PTR_NULL(http_client_url_check("https://api.stripe.com"));
	CU_ASSERT_PTR_NULL(http_client_url_check("http://127.0.0.1:1/a"));
	CU_ASSERT_PTR_NULL(http_client_url_check("http://127.9.9.9"));
	CU_ASSERT_PTR_NULL(http_client_url_check("http://[::1]:80/"));
	CU_ASSERT_PTR_NULL(http_client_url_check("http://localhost/"));
	CU_ASSERT_PTR_NOT_NULL(http_client_url_check("http://10.0.0.1/"));
	CU_ASSERT_PTR_NOT_NULL(http_client_url_check("http://127.a.example/"));
	CU_ASSERT_PTR_NOT_NULL(http_client_url_check("http://localhost.a/"));
	CU_ASSERT_PTR_NOT_NULL(http_client_url_check("http://a@127.0.0.1/"));
	CU_ASSERT_PTR_NOT_NULL(http_client_url_check("https://u:p@a.example"));
	CU_ASSERT_PTR_NOT_NULL(http_client_url_check("file:///etc/passwd"));
	CU_ASSERT_PTR_NOT_NULL(http_client_url_check("ftp://127.0.0.1/"));
	CU_ASSERT_PTR_NOT_NULL(http_client_url_check("api.stripe.com"));
	CU_ASSERT_PTR_NOT_NULL(http_client_url_check(""));

	stand_open(&s);
	CU_ASSERT_EQUAL(call_url(&s, "GET", "http://192.0.2.1/", NULL, 2),
	    HTTP_CLIENT_NOT_SENT);
	CU_ASSERT_EQUAL(s.answer.cause, HTTP_CLIENT_LOCAL);
	CU_ASSERT_EQUAL(s.answer.trips, 0);
	CU_ASSERT_EQUAL(breaker(&s).failures, 0);
	stand_close(&s);
}

static void
test_one_client_may_be_allowed_a_host_more(void)
{
	static const char *const hosts[] = { "169.254.169.254",
		"[fd00:ec2::254]", NULL };
	static const char *const fine[] = { "http://169.254.169.254/latest/",
		"http://169.254.169.254:80", "http://[fd00:ec2::254]/",
		"http://127.0.0.1/", "https://a.example/" };
	static const char *const bad[] = { "http://169.254.169.25/",
		"http://169.254.169.254.a.example/", "http://169.254.170.2/",
		"http://u@169.254.169.254/", "ftp://169.254.169.254/" };

	for (size_t i = 0; i < ARRAY_LEN(fine); i++)
		CU_ASSERT_PTR_NULL(http_client_url_check_hosts(fine[i], hosts));
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		CU_ASSERT_PTR_NOT_NULL(http_client_url_check_hosts(bad[i],
		    hosts));
	CU_ASSERT_PTR_NOT_NULL(http_client_url_check(fine[0]));
}

static void
test_a_client_without_shared_memory_judges_nobody_and_has_its_own_name(void)
{
	struct stand s;
	char url[64];
	int fd;

	stand_open(&s);
	s.conf.shm = NULL;
	s.conf.name = "credentials";
	reopen(&s);
	snprintf(url, sizeof url, "http://127.0.0.1:%d/", dead_port(&fd));
	for (int i = 0; i < 6; i++)
		CU_ASSERT_EQUAL(call_url(&s, "GET", url, NULL, 0),
		    HTTP_CLIENT_NOT_SENT);
	CU_ASSERT_EQUAL(s.answer.cause, HTTP_CLIENT_CONNECT);
	CU_ASSERT_PTR_EQUAL(strstr(s.sc.why, "credentials: not reached"),
	    s.sc.why);
	CU_ASSERT_EQUAL(breaker(&s).failures, 0);
	CU_ASSERT_EQUAL(breaker(&s).state, BREAKER_CLOSED);
	close(fd);
	stand_close(&s);
}

static void
test_a_long_header_and_a_host_of_ones_own_are_sent(void)
{
	static char token[7001];
	const struct http_client_header headers[] = {
		{ "X-Token", token }, { "Host", "queue.example:99" },
	};
	struct stand s;
	struct http_client_request request = {
		.method = "GET", .headers = headers, .header_count = 2,
		.answer_max = 64 * 1024,
	};

	memset(token, 'x', sizeof token - 1);
	stand_open(&s);
	request.url = faults_url(&s.faults, "/ok");
	CU_ASSERT_EQUAL(http_client_call(s.client, &s.sc, &request, &s.answer),
	    HTTP_CLIENT_ANSWERED);
	CU_ASSERT_PTR_NOT_NULL(strstr(s.answer.body, token));
	CU_ASSERT_PTR_NOT_NULL(strstr(s.answer.body,
	    "\"host\": \"queue.example:99\""));
	http_client_forget(s.client);
	CU_ASSERT_PTR_NOT_NULL(strstr(s.answer.body, token)); /* the caller's */
	CU_ASSERT_EQUAL(get(&s, "/status/200", 0), HTTP_CLIENT_ANSWERED);
	CU_ASSERT_STRING_EQUAL(s.answer.body, "{\"ok\": true}");
	stand_close(&s);
}

static void
test_a_header_that_breaks_the_line_is_not_sent(void)
{
	static const struct http_client_header bad = { "X-Key",
		"a\r\nX-Other: b" };
	struct stand s;
	struct http_client_request request = {
		.method = "GET", .headers = &bad, .header_count = 1,
		.answer_max = 1000,
	};

	stand_open(&s);
	request.url = faults_url(&s.faults, "/ok");
	CU_ASSERT_EQUAL(http_client_call(s.client, &s.sc, &request, &s.answer),
	    HTTP_CLIENT_NOT_SENT);
	CU_ASSERT_EQUAL(s.answer.cause, HTTP_CLIENT_LOCAL);
	CU_ASSERT_EQUAL(arrived(&s, "/ok"), 0);
	stand_close(&s);
}

static void
test_what_may_be_repeated_is_repeated_twice_and_what_may_not_is_not(void)
{
	static const struct {
		const char *path;
		unsigned retries;
		int status;
		unsigned trips;
	} cases[] = {
		{ "/fail/2/500", 2, 200, 3 },
		{ "/fail/3/500", 2, 500, 3 },
		{ "/fail/9/500", 0, 500, 1 },
		{ "/fail/1/409", 2, 200, 2 },
		{ "/fail/1/429", 2, 429, 1 },
		{ "/fail/1/400", 2, 400, 1 },
		{ "/retry/false/500", 2, 500, 1 },
		{ "/retry/true/400", 2, 400, 3 },
		{ "/retry/true/402", 0, 402, 1 },
		{ "/retry/maybe/402", 2, 402, 1 },
	};
	struct stand s;

	stand_open(&s);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CU_ASSERT_EQUAL(get(&s, cases[i].path, cases[i].retries),
		    HTTP_CLIENT_ANSWERED);
		CU_ASSERT_EQUAL(s.answer.status, cases[i].status);
		CU_ASSERT_EQUAL(s.answer.trips, cases[i].trips);
		CU_ASSERT_EQUAL(arrived(&s, cases[i].path),
		    (int)cases[i].trips);
	}
	stand_close(&s);
}

static void
test_a_retry_waits_and_is_left_out_where_it_does_not_fit(void)
{
	struct stand s;
	int64_t start;

	stand_open(&s);
	s.conf.retry_wait_us = 150 * MS;
	reopen(&s);
	start = clock_mono_us();
	CU_ASSERT_EQUAL(get(&s, "/fail/1/500", 2), HTTP_CLIENT_ANSWERED);
	CU_ASSERT_EQUAL(s.answer.status, 200);
	CU_ASSERT(clock_mono_us() - start >= 150 * MS);

	/* The server knows how long it needs. */
	start = clock_mono_us();
	CU_ASSERT_EQUAL(get(&s, "/after/1/503", 1), HTTP_CLIENT_ANSWERED);
	CU_ASSERT_EQUAL(s.answer.trips, 2);
	CU_ASSERT(clock_mono_us() - start >= USEC_PER_SEC);
	start = clock_mono_us();
	CU_ASSERT_EQUAL(get(&s, "/after/60/503", 2), HTTP_CLIENT_ANSWERED);
	CU_ASSERT_EQUAL(s.answer.trips, 1);
	CU_ASSERT(clock_mono_us() - start < QUICKLY_US);

	/* Four seconds of a try do not fit into what is left. */
	scope_init(&s.sc, s.arena, 4 * USEC_PER_SEC);
	CU_ASSERT_EQUAL(get(&s, "/fail/8/500", 2), HTTP_CLIENT_ANSWERED);
	CU_ASSERT_EQUAL(s.answer.trips, 1);
	stand_close(&s);
}

static void
test_one_unknown_try_makes_the_whole_unknown(void)
{
	struct stand s;

	stand_open(&s);
	s.conf.breaker = (struct breaker_rules){ 1, 30 * USEC_PER_SEC };
	reopen(&s);
	/* The first try is cut off and opens the breaker; the second is
	 * turned away, surely not sent; and yet it may have been done. */
	CU_ASSERT_EQUAL(get(&s, "/silent", 2), HTTP_CLIENT_UNKNOWN);
	CU_ASSERT_EQUAL(s.answer.cause, HTTP_CLIENT_BREAKER);
	CU_ASSERT_EQUAL(s.answer.trips, 1);
	CU_ASSERT_EQUAL(get(&s, "/silent", 2), HTTP_CLIENT_NOT_SENT);
	CU_ASSERT_EQUAL(s.answer.trips, 0);
	stand_close(&s);
}

static void
test_five_failures_stop_the_calls_until_a_probe_succeeds(void)
{
	struct stand s;

	stand_open(&s);
	s.conf.breaker.open_us = 2 * USEC_PER_SEC;
	reopen(&s);
	for (int i = 0; i < 5; i++)
		CU_ASSERT_EQUAL(get(&s, "/status/503", 0),
		    HTTP_CLIENT_ANSWERED);
	CU_ASSERT_EQUAL(breaker(&s).state, BREAKER_OPEN);
	CU_ASSERT_EQUAL(get(&s, "/ok", 2), HTTP_CLIENT_NOT_SENT);
	CU_ASSERT_EQUAL(s.answer.cause, HTTP_CLIENT_BREAKER);
	CU_ASSERT_STRING_EQUAL(s.sc.why,
	    "stripe: not asked: its breaker is open");
	CU_ASSERT_EQUAL(s.answer.trips, 0);

	while (clock_mono_us() < breaker(&s).probe_after_us)
		usleep(1000);
	CU_ASSERT_EQUAL(get(&s, "/ok", 0), HTTP_CLIENT_ANSWERED);
	CU_ASSERT_EQUAL(breaker(&s).state, BREAKER_CLOSED);
	CU_ASSERT_EQUAL(arrived(&s, "/ok"), 1);

	/* A refusal of the caller is no failure of the service; 429 is. */
	for (int i = 0; i < 5; i++)
		CU_ASSERT_EQUAL(get(&s, "/status/402", 0),
		    HTTP_CLIENT_ANSWERED);
	CU_ASSERT_EQUAL(breaker(&s).failures, 0);
	CU_ASSERT_EQUAL(get(&s, "/status/429", 0), HTTP_CLIENT_ANSWERED);
	CU_ASSERT_EQUAL(breaker(&s).failures, 1);
	stand_close(&s);
}

static void
test_a_full_bulkhead_sends_nothing(void)
{
	struct stand s;
	struct bulkhead_place place;
	int64_t now;

	stand_open(&s);
	now = clock_mono_us();
	CU_ASSERT(bulkhead_enter(s.shm, 1, now, now + 60 * USEC_PER_SEC,
	    &place));
	CU_ASSERT_EQUAL(get(&s, "/ok", 2), HTTP_CLIENT_NOT_SENT);
	CU_ASSERT_EQUAL(s.answer.cause, HTTP_CLIENT_BULKHEAD);
	CU_ASSERT_EQUAL(s.sc.ext_trips, 0);
	CU_ASSERT_EQUAL(breaker(&s).failures, 0);

	/* Who is outside of the pool needs no place. */
	s.conf.bulkhead = 0;
	reopen(&s);
	CU_ASSERT_EQUAL(arrived(&s, "/ok"), 0);
	bulkhead_leave(s.shm, &place);
	stand_close(&s);
}

static void
test_a_full_arena_leaves_nothing_taken(void)
{
	struct stand s;
	jmp_buf out;
	volatile bool jumped = false;

	stand_open(&s);
	if (setjmp(out) == 0) {
		arena_catch(s.arena, &out);
		arena_fail_after(s.arena, 1);
		(void)get(&s, "/ok", 0);
	} else {
		jumped = true;
	}
	arena_fail_after(s.arena, 0);
	arena_catch(s.arena, NULL);
	CU_ASSERT(jumped);
	CU_ASSERT_EQUAL(bulkhead_used(s.shm, clock_mono_us()), 0);
	CU_ASSERT_EQUAL(get(&s, "/ok", 0), HTTP_CLIENT_ANSWERED);
	stand_close(&s);
}

UNIT_SUITE(http_client,
    UNIT_TEST(test_a_whole_answer_comes_with_its_headers),
    UNIT_TEST(test_a_post_without_a_body_says_so),
    UNIT_TEST(test_a_connection_is_kept_and_one_that_went_is_made_anew),
    UNIT_TEST(test_what_may_not_be_repeated_goes_over_a_connection_of_its_own),
    UNIT_TEST(test_the_environment_names_no_proxy),
    UNIT_TEST(test_a_redirect_is_an_answer_and_is_not_followed),
    UNIT_TEST(test_nobody_there_is_certainly_not_sent),
    UNIT_TEST(test_who_accepts_and_says_nothing_in_tls_was_not_sent_anything),
    UNIT_TEST(test_no_answer_in_time_is_unknown_and_never_failed),
    UNIT_TEST(test_the_requests_own_deadline_comes_first_and_blames_nobody),
    UNIT_TEST(test_half_an_answer_is_none),
    UNIT_TEST(test_a_certificate_counts_only_for_its_name_and_authority),
    UNIT_TEST(test_plain_http_goes_to_loopback_only),
    UNIT_TEST(test_one_client_may_be_allowed_a_host_more),
    UNIT_TEST(test_a_client_without_shared_memory_judges_nobody_and_has_its_own_name),
    UNIT_TEST(test_a_long_header_and_a_host_of_ones_own_are_sent),
    UNIT_TEST(test_a_header_that_breaks_the_line_is_not_sent),
    UNIT_TEST(test_what_may_be_repeated_is_repeated_twice_and_what_may_not_is_not),
    UNIT_TEST(test_a_retry_waits_and_is_left_out_where_it_does_not_fit),
    UNIT_TEST(test_one_unknown_try_makes_the_whole_unknown),
    UNIT_TEST(test_five_failures_stop_the_calls_until_a_probe_succeeds),
    UNIT_TEST(test_a_full_bulkhead_sends_nothing),
    UNIT_TEST(test_a_full_arena_leaves_nothing_taken))
