/* test_aws_sign.c: signatures against AWS's own cases and a client of AWS's. */
#include "remote/aws_sign.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/instant.h"
#include "unit/aws_vectors.h"
#include "unit/unit.h"

#define CASES 38 /* of the official suite */
#define EMPTY "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

static struct arena *arena;
static struct scope sc;

static void
begin(void)
{
	arena = arena_open(8 * 1024 * 1024);
	CU_ASSERT_PTR_NOT_NULL_FATAL(arena);
	scope_init(&sc, arena, USEC_PER_SEC);
}

static void
end(void)
{
	CU_ASSERT_EQUAL(sc.fault_count, 0);
	arena_close(arena);
}

/* ---- the official suite --------------------------------------------------*/

/* One folder of it. */
struct official {
	const char *name;
	struct json_object *context;
	struct http_client_header headers[HTTP_CLIENT_HEADERS_MAX];
	struct aws_sign_request request;
	const char *body;
};

static char *
slurp(const char *name, const char *file)
{
	const char *path = arena_printf(arena, "%s/aws-sigv4/v4/%s/%s",
	    unit_vectors(), name, file);
	unsigned long len;
	char *data = unit_slurp(path, &len);
	char *copy;

	CU_ASSERT_PTR_NOT_NULL_FATAL(data);
	copy = arena_strndup(arena, data, len);
	free(data);
	return copy;
}

static const char *
word(struct json_object *object, const char *name)
{
	struct json_object *found;

	if (!json_object_object_get_ex(object, name, &found))
		return NULL;
	return json_object_get_string(found);
}

static bool
flag(struct json_object *object, const char *name)
{
	struct json_object *found;

	return json_object_object_get_ex(object, name, &found) &&
	    json_object_get_boolean(found);
}

static void
add_header(struct official *o, const char *name, const char *value)
{
	o->headers[o->request.header_count++] =
	    (struct http_client_header){ name, value };
}

/* A header's line, or one that goes on with the value of the last. */
static void
take_line(struct official *o, char *line)
{
	size_t last = o->request.header_count - 1;
	char *colon;

	if (*line == ' ' || *line == '\t') {
		o->headers[last].value = arena_printf(arena, "%s\n%s",
		    o->headers[last].value, line);
		return;
	}
	colon = strchr(line, ':');
	CU_ASSERT_PTR_NOT_NULL_FATAL(colon);
	*colon = '\0';
	add_header(o, line, colon + 1);
}

/* "GET /a b/?c=d HTTP/1.1", headers, an empty line, the body. */
static void
read_request(struct official *o)
{
	char *text = slurp(o->name, "request.txt");
	char *line = strsep(&text, "\n");
	char *path = strchr(line, ' ');
	char *version = strstr(line, " HTTP/1.1");
	char *query;

	CU_ASSERT_PTR_NOT_NULL_FATAL(path);
	CU_ASSERT_PTR_NOT_NULL_FATAL(version);
	*path++ = '\0';
	*version = '\0';
	query = strchr(path, '?');
	if (query)
		*query++ = '\0';
	o->request.method = line;
	o->request.path = path;
	o->request.query = query;
	while (text && (line = strsep(&text, "\n")) && *line)
		take_line(o, line);
	o->body = text ? text : "";
}

/* What the client adds to the request before it signs. */
static void
add_own(struct official *o, int64_t at_us)
{
	struct json_object *keys = json_object_object_get(o->context,
	    "credentials");
	const char *token = word(keys, "token");
	char *hash = arena_alloc(arena, AWS_SIGN_HASH_MAX);
	char *date = arena_alloc(arena, AWS_SIGN_DATE_MAX);

	add_header(o, "X-Amz-Date", aws_sign_date(at_us, date));
	/* Some services want the token added behind the signature. */
	if (token && !flag(o->context, "omit_session_token"))
		add_header(o, "X-Amz-Security-Token", token);
	o->request.payload = EMPTY;
	if (flag(o->context, "sign_body")) {
		o->request.payload = aws_sign_hash(o->body, strlen(o->body),
		    hash);
		add_header(o, "x-amz-content-sha256", hash);
	}
}

static void
hold(const char *name, const char *file, const char *made)
{
	const char *want = slurp(name, file);

	if (strcmp(want, made) != 0)
		fprintf(stderr, "%s/%s:\n%s\n--- made:\n%s\n", name, file,
		    want, made);
	CU_ASSERT_STRING_EQUAL(want, made);
}

static void
hold_official(const char *name)
{
	struct official o = { .name = name };
	struct aws_signature s = { 0 };
	struct json_object *keys;
	struct aws_sign_scope by;

	o.context = json_tokener_parse(slurp(name, "context.json"));
	CU_ASSERT_PTR_NOT_NULL_FATAL(o.context);
	keys = json_object_object_get(o.context, "credentials");
	by = (struct aws_sign_scope){
		.key_id = word(keys, "access_key_id"),
		.secret = word(keys, "secret_access_key"),
		.region = word(o.context, "region"),
		.service = word(o.context, "service"),
	};
	CU_ASSERT(instant_parse(word(o.context, "timestamp"), &by.at_us));
	read_request(&o);
	o.request.headers = o.headers;
	o.request.paths = flag(o.context, "normalize")
	    ? AWS_SIGN_NORMALISED : AWS_SIGN_AS_IS;
	add_own(&o, by.at_us);

	CU_ASSERT_EQUAL_FATAL(aws_sign(&sc, &o.request, &by, &s), ERR_OK);
	hold(name, "header-canonical-request.txt", s.canonical);
	hold(name, "header-string-to-sign.txt", s.to_sign);
	hold(name, "header-signature.txt", s.signature);
	CU_ASSERT_PTR_NOT_NULL(strstr(slurp(name,
	    "header-signed-request.txt"), s.authorization));
	json_object_put(o.context);
}

static void
test_every_case_of_the_official_suite_is_signed_as_it_says(void)
{
	struct dirent *entry;
	int count = 0;
	DIR *dir;

	if (!unit_have_vectors())
		return;
	begin();
	dir = opendir(arena_printf(arena, "%s/aws-sigv4/v4", unit_vectors()));
	CU_ASSERT_PTR_NOT_NULL_FATAL(dir);
	while ((entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		hold_official(arena_strdup(arena, entry->d_name));
		count++;
	}
	closedir(dir);
	CU_ASSERT_EQUAL(count, CASES);
	end();
}

/* ---- a client of AWS's ---------------------------------------------------*/

static const char *
sign_vector(const struct aws_vector *v, const char *secret, int64_t at_us)
{
	struct http_client_header headers[HTTP_CLIENT_HEADERS_MAX];
	struct aws_signature s = { 0 };
	struct aws_sign_scope by = { AWS_VECTOR_KEY_ID, secret, v->region,
		v->service, at_us };
	struct aws_sign_request request = {
		.method = v->method,
		.path = v->path,
		.query = v->query,
		.headers = headers,
		.paths = strcmp(v->service, "s3") == 0 ? AWS_SIGN_AS_IS
		    : AWS_SIGN_NORMALISED,
	};
	char date[AWS_SIGN_DATE_MAX];
	char hash[AWS_SIGN_HASH_MAX];
	size_t n = 0;

	for (; v->headers[n].name; n++)
		headers[n] = v->headers[n];
	headers[n++] = (struct http_client_header){ "x-amz-date",
		aws_sign_date(at_us, date) };
	if (v->token)
		headers[n++] = (struct http_client_header){
			"x-amz-security-token", v->token };
	request.header_count = n;
	request.payload = aws_sign_hash(v->body, strlen(v->body), hash);
	CU_ASSERT_EQUAL_FATAL(aws_sign(&sc, &request, &by, &s), ERR_OK);
	return s.authorization;
}

static void
test_requests_to_sqs_and_s3_are_signed_as_by_awss_own_client(void)
{
	int64_t at_us = 0;

	begin();
	CU_ASSERT(instant_parse("2026-11-27T10:20:30.987654Z", &at_us));
	for (size_t i = 0; i < ARRAY_LEN(aws_vectors); i++) {
		const struct aws_vector *v = &aws_vectors[i];

		CU_ASSERT_STRING_EQUAL(sign_vector(v, AWS_VECTOR_SECRET,
		    at_us), v->authorization);
		CU_ASSERT_STRING_NOT_EQUAL(sign_vector(v, AWS_VECTOR_SECRET
		    "x", at_us), v->authorization);
		CU_ASSERT_STRING_NOT_EQUAL(sign_vector(v, AWS_VECTOR_SECRET,
		    at_us + USEC_PER_SEC), v->authorization);
	}
	end();
}

/* ---- the rest ------------------------------------------------------------*/

static enum err
sign_parts(const char *path, const char *query, const char *secret,
    struct aws_signature *s)
{
	static const struct http_client_header headers[] = {
		{ "Host", "a.example" },
	};
	const struct aws_sign_scope by = { "AKID", secret, "r", "s", 0 };
	const struct aws_sign_request request = {
		.method = "GET", .path = path, .query = query,
		.headers = headers, .header_count = 1, .payload = EMPTY,
	};

	return aws_sign(&sc, &request, &by, s);
}

static void
test_a_query_is_sorted_by_name_then_value_however_it_is_encoded(void)
{
	static const struct {
		const char *query;
		const char *canonical;
	} cases[] = {
		{ NULL, "" },
		{ "", "" },
		{ "a", "a=" },
		{ "b=2&a=1&b=1", "a=1&b=1&b=2" },
		{ "a-b=1&a=2", "a=2&a-b=1" },
		{ "a=%7e%2f&a=%C3%a9", "a=%C3%A9&a=~%2F" },
		{ "a=1+2 3", "a=1%2B2%203" },
		{ "a=%&b=%2&c=%zz", "a=%25&b=%252&c=%25zz" },
		{ "&&a=b=c&", "a=b%3Dc" },
	};
	struct aws_signature s;

	begin();
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const char *want = arena_printf(arena, "GET\n/\n%s\nhost:",
		    cases[i].canonical);

		CU_ASSERT_EQUAL(sign_parts("/", cases[i].query, "k", &s),
		    ERR_OK);
		CU_ASSERT_PTR_EQUAL(strstr(s.canonical, want), s.canonical);
	}
	end();
}

static void
test_what_is_too_much_is_refused_and_nothing_is_signed(void)
{
	struct aws_signature s = { .signature = "untouched" };
	char *longest;
	struct {
		const char *path;
		const char *query;
		const char *secret;
	} cases[4];

	begin();
	longest = arena_alloc(arena, 70000);
	memset(longest, 'x', 69999);
	cases[0].path = longest;
	cases[0].query = NULL;
	cases[0].secret = "k";
	longest = arena_alloc(arena, 2 * 257 + 1);
	for (size_t i = 0; i < 257; i++)
		memcpy(longest + 2 * i, "/a", 2);
	cases[1].path = longest;
	cases[1].query = NULL;
	cases[1].secret = "k";
	longest = arena_alloc(arena, 2 * (AWS_SIGN_PARAMS_MAX + 1) + 1);
	for (size_t i = 0; i <= AWS_SIGN_PARAMS_MAX; i++)
		memcpy(longest + 2 * i, "a&", 2);
	cases[2].path = "/";
	cases[2].query = longest;
	cases[2].secret = "k";
	longest = arena_alloc(arena, AWS_SECRET_MAX + 2);
	memset(longest, 'x', AWS_SECRET_MAX + 1);
	cases[3].path = "/";
	cases[3].query = NULL;
	cases[3].secret = longest;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CU_ASSERT_EQUAL(sign_parts(cases[i].path, cases[i].query,
		    cases[i].secret, &s), ERR_INVALID);
		CU_ASSERT_PTR_NULL(strstr(sc.why, "xxx"));
	}
	CU_ASSERT_STRING_EQUAL(s.signature, "untouched");
	longest[AWS_SECRET_MAX] = '\0';
	CU_ASSERT_EQUAL(sign_parts("/", NULL, longest, &s), ERR_OK);
	end();
}

static void
test_the_date_is_of_the_second_and_has_no_marks(void)
{
	char date[AWS_SIGN_DATE_MAX];
	int64_t us = 0;

	CU_ASSERT(instant_parse("2015-08-30T12:36:00.999999Z", &us));
	CU_ASSERT_STRING_EQUAL(aws_sign_date(us, date), "20150830T123600Z");
	CU_ASSERT_STRING_EQUAL(aws_sign_date(0, date), "19700101T000000Z");
}

UNIT_SUITE(aws_sign,
    UNIT_TEST(test_every_case_of_the_official_suite_is_signed_as_it_says),
    UNIT_TEST(test_requests_to_sqs_and_s3_are_signed_as_by_awss_own_client),
    UNIT_TEST(test_a_query_is_sorted_by_name_then_value_however_it_is_encoded),
    UNIT_TEST(test_what_is_too_much_is_refused_and_nothing_is_signed),
    UNIT_TEST(test_the_date_is_of_the_second_and_has_no_marks))
