/* s3.c: objects in a bucket. */
#include "remote/s3.h"

#include <assert.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/codec.h"
#include "remote/aws_names.h"

#define ANSWER_MAX (64 * 1024) /* of what is no object */
#define URL_MAX (3 * S3_KEY_MAX + 1024)
#define KMS "aws:kms"

/* ---- where it is -------------------------------------------------------------*/

/* "." and ".." are parts of a key to S3, and steps to who stands before it. */
static bool
has_steps(const char *key)
{
	for (;;) {
		size_t len = strcspn(key, "/");

		if ((len == 1 || len == 2) && strncmp(key, "..", len) == 0)
			return true;
		if (key[len] == '\0')
			return false;
		key += len + 1;
	}
}

static void
put_base(struct buf *out, const struct s3 *s3)
{
	const char *region = s3->service.region;

	if (*s3->endpoint)
		buf_printf(out, "%s/%s", s3->endpoint, s3->bucket);
	else if (strchr(s3->bucket, '.'))
		buf_printf(out, "https://s3.%s.%s/%s", region,
		    aws_domain(region), s3->bucket);
	else
		buf_printf(out, "https://%s.s3.%s.%s", s3->bucket, region,
		    aws_domain(region));
}

const char *
s3_url(const struct s3 *s3, struct scope *sc, const char *key)
{
	size_t len = strlen(key);
	struct buf out;

	if (len == 0 || len > S3_KEY_MAX || !codec_utf8_valid(key, len) ||
	    has_steps(key))
		return NULL;
	buf_init(&out, sc->arena, URL_MAX);
	put_base(&out, s3);
	/* Each part encoded, the slashes between left alone. */
	while (*key) {
		size_t part = strcspn(key, "/");

		buf_putc(&out, '/');
		buf_puts(&out, codec_percent(sc->arena,
		    arena_strndup(sc->arena, key, part)));
		key += part;
		if (key[0] == '/' && key[1] == '\0')
			buf_putc(&out, '/');
		key += *key == '/';
	}
	return out.overflow ? NULL : out.data;
}

/* ---- what is said of it --------------------------------------------------------*/

const char *
s3_find_code(struct scope *sc, const char *xml, size_t len)
{
	const char *error = memmem(xml, len, "<Error>", 7);
	const char *code;
	const char *end;

	if (!error)
		return NULL;
	len -= (size_t)(error - xml);
	code = memmem(error, len, "<Code>", 6);
	if (!code)
		return NULL;
	code += 6;
	len -= (size_t)(code - error);
	end = memchr(code, '<', len < AWS_CODE_MAX ? len : AWS_CODE_MAX);
	if (!end || end == code)
		return NULL;
	return arena_strndup(sc->arena, code, (size_t)(end - code));
}

const char *
s3_read_code(struct scope *sc, const struct http_client_answer *answer)
{
	return s3_find_code(sc, answer->body, answer->len);
}

/* ---- the calls -----------------------------------------------------------------*/

static enum aws_fate
make_call(const struct s3 *s3, struct scope *sc, const char *key,
    struct aws_call *call, const char **ret_code)
{
	enum aws_fate fate;

	*ret_code = NULL;
	call->url = s3_url(s3, sc, key);
	if (!call->url) {
		(void)scope_fail(sc, ERR_INVALID, "s3: rejected: its name can "
		    "be none of an object");
		*ret_code = "InvalidURI";
		return AWS_REJECTED;
	}
	fate = aws_call(&s3->service, sc, call);
	if (fate != AWS_DONE)
		*ret_code = arena_strdup(sc->arena, call->code);
	return fate;
}

enum aws_fate
s3_put(const struct s3 *s3, struct scope *sc, const struct s3_object *object,
    const char **ret_code)
{
	struct http_client_header headers[AWS_CALL_HEADERS_MAX] = {
		{ "Content-Type", object->type },
		{ "X-Amz-Server-Side-Encryption", s3->sse },
	};
	struct aws_call call = {
		.method = "PUT",
		.headers = headers,
		.header_count = 2,
		.body = object->body,
		.body_len = object->len,
		.answer_max = ANSWER_MAX,
	};
	enum aws_fate fate;

	assert(object->len <= S3_BODY_MAX);

	if (object->cache_control)
		headers[call.header_count++] = (struct http_client_header){
			"Cache-Control", object->cache_control };
	if (strcmp(s3->sse, KMS) == 0 && *s3->kms_key_id)
		headers[call.header_count++] = (struct http_client_header){
			"X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id",
			s3->kms_key_id };
	fate = make_call(s3, sc, object->key, &call, ret_code);
	/* Nothing is missing that is to be put there. */
	return fate == AWS_MISSING ? AWS_STOPPED : fate;
}

enum aws_fate
s3_delete(const struct s3 *s3, struct scope *sc, const char *key,
    const char **ret_code)
{
	struct aws_call call = { .method = "DELETE",
		.answer_max = ANSWER_MAX };
	enum aws_fate fate = make_call(s3, sc, key, &call, ret_code);

	if (fate != AWS_MISSING)
		return fate;
	*ret_code = NULL;
	return AWS_DONE;
}

enum aws_fate
s3_get(const struct s3 *s3, struct scope *sc, const char *key, size_t max,
    const char **ret_body, size_t *ret_len, const char **ret_code)
{
	struct aws_call call = { .method = "GET",
		.answer_max = max > ANSWER_MAX ? max : ANSWER_MAX };
	enum aws_fate fate = make_call(s3, sc, key, &call, ret_code);

	if (fate != AWS_DONE)
		return fate;
	if (call.answer.len > max) {
		*ret_code = "oversize";
		return AWS_LATER;
	}
	*ret_body = call.answer.body;
	*ret_len = call.answer.len;
	return AWS_DONE;
}
