/* test_params.c: FastCGI parameters read as a request. */
#include "fcgi/params.h"

#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/scope.h"
#include "http/request.h"
#include "unit/unit.h"

#define PARAMS_MAX 128

struct fixture {
	struct arena *arena;
	struct scope sc;
	struct request req;
	size_t body_len;
	char *params[PARAMS_MAX + 1];
	size_t count;
};

static void
add(struct fixture *f, const char *param)
{
	f->params[f->count++] = arena_strdup(f->arena, param);
	f->params[f->count] = NULL;
}

static struct fixture
open_fixture(void)
{
	struct fixture f = { .arena = arena_open(1024 * 1024) };

	scope_init(&f.sc, f.arena, USEC_PER_SEC);
	add(&f, "FCGI_ROLE=RESPONDER");
	return f;
}

/* A good POST, but for the parameters given. */
static enum err
read_with(struct fixture *f, const char *one, const char *two)
{
	*f = open_fixture();
	if (one)
		add(f, one);
	if (two)
		add(f, two);
	add(f, "REQUEST_METHOD=POST");
	add(f, "DOCUMENT_URI=/api/v1/bookings");
	add(f, "QUERY_STRING=");
	add(f, "REMOTE_ADDR=192.0.2.1");
	add(f, "CONTENT_TYPE=application/json");
	add(f, "CONTENT_LENGTH=12");
	return params_read(&f->sc, f->params, &f->req, &f->body_len);
}

static void
expect(const char *one, const char *two, enum err wanted)
{
	struct fixture f;
	enum err got = read_with(&f, one, two);

	if (got != wanted)
		printf("\n    %s %s: %d", one, two ? two : "", (int)got);
	CU_ASSERT_EQUAL(got, wanted);
	arena_close(f.arena);
}

static void
a_request_comes_out_whole(void)
{
	struct fixture f;

	CU_ASSERT_EQUAL(read_with(&f, "HTTP_X_API_KEY=a=b", "HTTP_HOST=h"),
	    ERR_OK);
	CU_ASSERT_STRING_EQUAL(f.req.method, "POST");
	CU_ASSERT_STRING_EQUAL(f.req.path, "/api/v1/bookings");
	CU_ASSERT_STRING_EQUAL(f.req.query, "");
	CU_ASSERT_STRING_EQUAL(f.req.remote, "192.0.2.1");
	CU_ASSERT_EQUAL(f.req.header_count, 3);
	CU_ASSERT_STRING_EQUAL(request_header(&f.req, "x-api-key"), "a=b");
	CU_ASSERT_STRING_EQUAL(request_header(&f.req, "content-type"),
	    "application/json");
	CU_ASSERT_EQUAL(f.body_len, 12);
	arena_close(f.arena);
}

static void
params_without_a_method_are_not_whole(void)
{
	struct fixture f = open_fixture();

	add(&f, "DOCUMENT_URI=/");
	CU_ASSERT_FALSE(params_whole(f.params));
	add(&f, "REQUEST_METHODS=GET");
	CU_ASSERT_FALSE(params_whole(f.params));
	add(&f, "REQUEST_METHOD=GET");
	CU_ASSERT_TRUE(params_whole(f.params));
	arena_close(f.arena);
}

static void
a_header_that_decides_comes_once(void)
{
	static const char *const names[] = { "AUTHORIZATION", "X_API_KEY",
		"IDEMPOTENCY_KEY", "IF_MATCH", "CONTENT_TYPE", "HOST",
		"X_CUSTOMER_ID", "X_REQUEST_ID" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		char param[64];

		snprintf(param, sizeof param, "HTTP_%s=1", names[i]);
		expect(param, NULL, ERR_OK);
		expect(param, param, ERR_BAD_REQUEST);
	}
	expect("HTTP_X_FORWARDED_FOR=1", "HTTP_X_FORWARDED_FOR=2", ERR_OK);
}

/* RFC 9110 5.3: the lines of one name are one list. */
static void
a_list_may_come_in_several_lines(void)
{
	struct fixture f;

	CU_ASSERT_EQUAL(read_with(&f, "HTTP_ACCEPT=text/html",
	    "HTTP_ACCEPT=application/json"), ERR_OK);
	CU_ASSERT_STRING_EQUAL(request_header(&f.req, "accept"),
	    "text/html, application/json");
	CU_ASSERT_EQUAL(f.req.header_count, 2);
	arena_close(f.arena);
}

/* nginx sends the type as CONTENT_TYPE and again as HTTP_CONTENT_TYPE. */
static void
the_type_told_twice_by_nginx_is_one_header(void)
{
	struct fixture f;

	CU_ASSERT_EQUAL(read_with(&f, "HTTP_CONTENT_TYPE=application/json",
	    "HTTP_CONTENT_LENGTH=12"), ERR_OK);
	CU_ASSERT_EQUAL(f.req.header_count, 1);
	arena_close(f.arena);
}

static void
a_proxy_header_is_not_seen(void)
{
	struct fixture f;

	CU_ASSERT_EQUAL(read_with(&f, "HTTP_PROXY=http://evil", NULL), ERR_OK);
	CU_ASSERT_PTR_NULL(request_header(&f.req, "proxy"));
	arena_close(f.arena);
}

static void
a_path_is_text_of_one_line(void)
{
	char path[PARAMS_PATH_MAX + 32];

	expect("DOCUMENT_URI=/a\nb", NULL, ERR_BAD_REQUEST);
	expect("DOCUMENT_URI=/a\x7f", NULL, ERR_BAD_REQUEST);
	expect("DOCUMENT_URI=/\xc3\x28", NULL, ERR_BAD_REQUEST);
	expect("DOCUMENT_URI=/\xed\xa0\x80", NULL, ERR_BAD_REQUEST);
	expect("DOCUMENT_URI=", NULL, ERR_BAD_REQUEST);
	expect("DOCUMENT_URI=a", NULL, ERR_BAD_REQUEST);
	expect("DOCUMENT_URI=/\xc3\xa4", NULL, ERR_OK);

	snprintf(path, sizeof path, "DOCUMENT_URI=/%0*d", PARAMS_PATH_MAX - 1,
	    0);
	expect(path, NULL, ERR_OK);
	snprintf(path, sizeof path, "DOCUMENT_URI=/%0*d", PARAMS_PATH_MAX, 0);
	expect(path, NULL, ERR_BAD_REQUEST);
}

static void
a_method_is_a_short_word_in_capitals(void)
{
	expect("REQUEST_METHOD=PATCH", NULL, ERR_OK);
	expect("REQUEST_METHOD=get", NULL, ERR_BAD_REQUEST);
	expect("REQUEST_METHOD=", NULL, ERR_BAD_REQUEST);
	expect("REQUEST_METHOD=GET /", NULL, ERR_BAD_REQUEST);
	expect("REQUEST_METHOD=ABCDEFGHIJKLMNOP", NULL, ERR_OK);
	expect("REQUEST_METHOD=ABCDEFGHIJKLMNOPQ", NULL, ERR_BAD_REQUEST);
}

static void
a_length_is_digits_and_bounded(void)
{
	struct fixture f;

	expect("CONTENT_LENGTH=+1", NULL, ERR_BAD_REQUEST);
	expect("CONTENT_LENGTH=-1", NULL, ERR_BAD_REQUEST);
	expect("CONTENT_LENGTH=1 ", NULL, ERR_BAD_REQUEST);
	expect("CONTENT_LENGTH=0x1", NULL, ERR_BAD_REQUEST);
	expect("CONTENT_LENGTH=262144", NULL, ERR_OK);
	expect("CONTENT_LENGTH=262145", NULL, ERR_TOO_LARGE);
	expect("CONTENT_LENGTH=18446744073709551617", NULL, ERR_TOO_LARGE);

	CU_ASSERT_EQUAL(read_with(&f, "CONTENT_LENGTH=", NULL), ERR_OK);
	CU_ASSERT_EQUAL(f.body_len, 0);
	arena_close(f.arena);
}

static void
controls_are_refused_in_values_and_query(void)
{
	expect("HTTP_ACCEPT=a\x01", NULL, ERR_BAD_REQUEST);
	expect("HTTP_ACCEPT=a\tb", NULL, ERR_OK);
	expect("QUERY_STRING=a\nb", NULL, ERR_BAD_REQUEST);
	expect("QUERY_STRING=a b", NULL, ERR_BAD_REQUEST);
	expect("QUERY_STRING=a=%0a", NULL, ERR_OK);
}

static void
one_header_too_many_is_refused(void)
{
	for (int extra = 0; extra <= 1; extra++) {
		struct fixture f = open_fixture();
		enum err e;

		add(&f, "REQUEST_METHOD=GET");
		add(&f, "DOCUMENT_URI=/");
		for (int i = 0; i < REQUEST_HEADERS_MAX + extra; i++) {
			char param[32];

			snprintf(param, sizeof param, "HTTP_X_%d=v", i);
			add(&f, param);
		}
		e = params_read(&f.sc, f.params, &f.req, &f.body_len);
		CU_ASSERT_EQUAL(e, extra ? ERR_TOO_MANY_HEADERS : ERR_OK);
		CU_ASSERT_EQUAL(f.req.header_count, REQUEST_HEADERS_MAX);
		arena_close(f.arena);
	}
}

static void
what_is_refused_keeps_its_name(void)
{
	struct fixture f;

	CU_ASSERT_EQUAL(read_with(&f, "HTTP_X_API_KEY=a\x01",
	    "HTTP_X_REQUEST_ID=support-4711"), ERR_BAD_REQUEST);
	CU_ASSERT_STRING_EQUAL(f.sc.request_id, "support-4711");
	arena_close(f.arena);
	CU_ASSERT_EQUAL(read_with(&f, "HTTP_X_API_KEY=a\x01",
	    "HTTP_X_REQUEST_ID=no good one"), ERR_BAD_REQUEST);
	CU_ASSERT_STRING_EQUAL(f.sc.request_id, "");
	arena_close(f.arena);
}

UNIT_SUITE(params,
    UNIT_TEST(a_request_comes_out_whole),
    UNIT_TEST(params_without_a_method_are_not_whole),
    UNIT_TEST(a_header_that_decides_comes_once),
    UNIT_TEST(a_list_may_come_in_several_lines),
    UNIT_TEST(the_type_told_twice_by_nginx_is_one_header),
    UNIT_TEST(a_proxy_header_is_not_seen),
    UNIT_TEST(a_path_is_text_of_one_line),
    UNIT_TEST(a_method_is_a_short_word_in_capitals),
    UNIT_TEST(a_length_is_digits_and_bounded),
    UNIT_TEST(controls_are_refused_in_values_and_query),
    UNIT_TEST(one_header_too_many_is_refused),
    UNIT_TEST(what_is_refused_keeps_its_name))
