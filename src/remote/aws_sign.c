/* aws_sign.c: canonical request, string to sign, signature. */
#include "remote/aws_sign.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "base/instant.h"

#define ALGORITHM "AWS4-HMAC-SHA256"
#define TERMINATOR "aws4_request"
#define DAY_LEN 8 /* of the date: "20150830" */
#define SEGMENTS_MAX 256

/* ---- letters -------------------------------------------------------------*/

static bool
is_unreserved(unsigned char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
	    (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' ||
	    c == '~';
}

static int
hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* The byte that "%XX" stands for, -1 when there is no such thing. */
static int
escaped(const char *text, size_t len)
{
	int high, low;

	if (len < 3 || text[0] != '%')
		return -1;
	high = hex_value(text[1]);
	low = hex_value(text[2]);
	return high < 0 || low < 0 ? -1 : high * 16 + low;
}

static void
put_encoded(struct buf *out, unsigned char c)
{
	if (is_unreserved(c))
		buf_putc(out, (char)c);
	else
		buf_printf(out, "%%%02X", c);
}

static bool
is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static char
lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* ---- the path ------------------------------------------------------------*/

struct piece {
	const char *text;
	size_t len;
};

static bool
is_dots(struct piece p, size_t count)
{
	return p.len == count && memcmp(p.text, "..", count) == 0;
}

/* The path's segments without empty ones, "." and ".."; false: too many. */
static bool
work_out(const char *path, struct piece *pieces, size_t *ret_count)
{
	size_t count = 0;

	while (*path) {
		size_t len = strcspn(path, "/");
		struct piece p = { path, len };

		path += len + (path[len] == '/');
		if (len == 0 || is_dots(p, 1))
			continue;
		if (is_dots(p, 2)) {
			count -= count > 0;
			continue;
		}
		if (count == SEGMENTS_MAX)
			return false;
		pieces[count++] = p;
	}
	*ret_count = count;
	return true;
}

static bool
put_path_normalised(struct buf *out, const char *path)
{
	struct piece pieces[SEGMENTS_MAX];
	size_t len = strlen(path);
	size_t count;

	if (!work_out(path, pieces, &count))
		return false;
	for (size_t i = 0; i < count; i++) {
		buf_putc(out, '/');
		for (size_t k = 0; k < pieces[i].len; k++)
			put_encoded(out, (unsigned char)pieces[i].text[k]);
	}
	if (count == 0 || path[len - 1] == '/')
		buf_putc(out, '/');
	return true;
}

/* What is encoded stays so; what would have to be, is. */
static void
put_path_as_is(struct buf *out, const char *path)
{
	size_t len = strlen(path);

	if (len == 0)
		buf_putc(out, '/');
	for (size_t i = 0; i < len; i++) {
		if (path[i] == '/' || escaped(path + i, len - i) >= 0)
			buf_putc(out, path[i]);
		else
			put_encoded(out, (unsigned char)path[i]);
	}
}

/* ---- the query -----------------------------------------------------------*/

/* Name or value, whatever of it was encoded and how. */
static const char *
encode_again(struct scope *sc, const char *text, size_t len)
{
	struct buf out;

	buf_init(&out, sc->arena, 3 * len);
	for (size_t i = 0; i < len; i++) {
		int byte = escaped(text + i, len - i);

		put_encoded(&out, byte >= 0 ? (unsigned char)byte :
		    (unsigned char)text[i]);
		i += byte >= 0 ? 2 : 0;
	}
	return out.data;
}

struct param {
	const char *name;
	const char *value;
};

static bool
comes_before(const struct param *a, const struct param *b)
{
	int order = strcmp(a->name, b->name);

	return order < 0 || (order == 0 && strcmp(a->value, b->value) < 0);
}

/* false: there are too many. */
static bool
read_params(struct scope *sc, const char *query, struct param *params,
    size_t *ret_count)
{
	size_t count = 0;

	while (*query) {
		size_t len = strcspn(query, "&");
		size_t name_len = strcspn(query, "=&");
		struct param p;
		size_t at;

		if (len > 0 && count == AWS_SIGN_PARAMS_MAX)
			return false;
		p.name = encode_again(sc, query, name_len);
		p.value = name_len == len ? "" : encode_again(sc,
		    query + name_len + 1, len - name_len - 1);
		query += len;
		query += *query == '&';
		if (len == 0)
			continue;
		/* In its order among those before it. */
		for (at = count++; at > 0 && comes_before(&p, &params[at - 1]);
		    at--)
			params[at] = params[at - 1];
		params[at] = p;
	}
	*ret_count = count;
	return true;
}

static bool
put_query(struct scope *sc, struct buf *out, const char *query)
{
	struct param params[AWS_SIGN_PARAMS_MAX];
	size_t count;

	if (!query)
		return true;
	if (!read_params(sc, query, params, &count))
		return false;
	for (size_t i = 0; i < count; i++)
		buf_printf(out, "%s%s=%s", i > 0 ? "&" : "", params[i].name,
		    params[i].value);
	return true;
}

/* ---- the headers ---------------------------------------------------------*/

static int
compare_names(const char *a, const char *b)
{
	while (*a && lower(*a) == lower(*b)) {
		a++;
		b++;
	}
	return (unsigned char)lower(*a) - (unsigned char)lower(*b);
}

/* Their order by name; those of one name stay as they were. */
static void
order_headers(const struct aws_sign_request *request, size_t *order)
{
	for (size_t i = 0; i < request->header_count; i++) {
		size_t at = i;

		for (; at > 0 && compare_names(request->headers[i].name,
		        request->headers[order[at - 1]].name) < 0; at--)
			order[at] = order[at - 1];
		order[at] = i;
	}
}

static void
put_name(struct buf *out, const char *name)
{
	for (; *name; name++)
		buf_putc(out, lower(*name));
}

/* Without white space around it; runs of it within, line ends among them, are
 * one space. */
static void
put_value(struct buf *out, const char *value)
{
	bool gap = false;

	while (is_space(*value))
		value++;
	for (; *value; value++) {
		if (is_space(*value)) {
			gap = true;
			continue;
		}
		if (gap)
			buf_putc(out, ' ');
		gap = false;
		buf_putc(out, *value);
	}
}

/* "name:value\n" each, and the list of names that is signed with them. */
static void
put_headers(struct buf *out, struct buf *names,
    const struct aws_sign_request *request)
{
	const struct http_client_header *headers = request->headers;
	size_t order[HTTP_CLIENT_HEADERS_MAX];

	order_headers(request, order);
	for (size_t i = 0; i < request->header_count; i++) {
		const struct http_client_header *h = &headers[order[i]];

		if (i > 0 && compare_names(headers[order[i - 1]].name,
		        h->name) == 0) {
			buf_putc(out, ',');
		} else {
			if (i > 0) {
				buf_putc(out, '\n');
				buf_putc(names, ';');
			}
			put_name(names, h->name);
			put_name(out, h->name);
			buf_putc(out, ':');
		}
		put_value(out, h->value);
	}
	buf_putc(out, '\n');
}

/* ---- the signature -------------------------------------------------------*/

char *
aws_sign_date(int64_t at_us, char out[AWS_SIGN_DATE_MAX])
{
	char text[INSTANT_TEXT_MAX];
	size_t len = 0;

	instant_format(at_us - at_us % USEC_PER_SEC, text);
	for (const char *p = text; *p && len < AWS_SIGN_DATE_MAX - 1; p++) {
		if (*p != '-' && *p != ':')
			out[len++] = *p;
	}
	out[len] = '\0';
	return out;
}

static void
put_hex(const uint8_t digest[SHA256_LEN], char out[AWS_SIGN_HASH_MAX])
{
	for (size_t i = 0; i < SHA256_LEN; i++)
		(void)snprintf(out + 2 * i, 3, "%02x", digest[i]);
}

char *
aws_sign_hash(const void *data, size_t len, char out[AWS_SIGN_HASH_MAX])
{
	uint8_t digest[SHA256_LEN];

	crypto_sha256(data, len, digest);
	put_hex(digest, out);
	return out;
}

/* key = HMAC(HMAC(HMAC(HMAC("AWS4" secret, day), region), service), "aws4_
 * request"), then over the text. */
static void
sign_text(const struct aws_sign_scope *by, const char *date,
    const char *text, char out[AWS_SIGN_HASH_MAX])
{
	const char *const steps[] = { by->region, by->service, TERMINATOR,
		text };
	char first[sizeof "AWS4" + AWS_SECRET_MAX];
	uint8_t key[SHA256_LEN];
	uint8_t next[SHA256_LEN];
	int len = snprintf(first, sizeof first, "AWS4%s", by->secret);

	crypto_hmac_sha256(first, (size_t)len, date, DAY_LEN, key);
	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		crypto_hmac_sha256(key, sizeof key, steps[i], strlen(steps[i]),
		    next);
		memcpy(key, next, sizeof key);
	}
	put_hex(key, out);
	crypto_wipe(first, sizeof first);
	crypto_wipe(key, sizeof key);
	crypto_wipe(next, sizeof next);
}

static enum err
too_much(struct scope *sc, const char *what)
{
	return scope_fail(sc, ERR_INVALID, "the request cannot be signed: %s",
	    what);
}

static enum err
put_canonical(struct scope *sc, const struct aws_sign_request *request,
    struct buf *out, struct buf *names)
{
	buf_puts(out, request->method);
	buf_putc(out, '\n');
	if (request->paths == AWS_SIGN_AS_IS)
		put_path_as_is(out, request->path);
	else if (!put_path_normalised(out, request->path))
		return too_much(sc, "its path has too many parts");
	buf_putc(out, '\n');
	if (!put_query(sc, out, request->query))
		return too_much(sc, "its query has too many parts");
	buf_putc(out, '\n');
	put_headers(out, names, request);
	buf_printf(out, "\n%s\n%s", names->data, request->payload);
	if (out->overflow || names->overflow)
		return too_much(sc, "it is too long");
	return ERR_OK;
}

enum err
aws_sign(struct scope *sc, const struct aws_sign_request *request,
    const struct aws_sign_scope *by, struct aws_signature *ret_signature)
{
	char date[AWS_SIGN_DATE_MAX];
	char hash[AWS_SIGN_HASH_MAX];
	char signature[AWS_SIGN_HASH_MAX];
	struct aws_signature made;
	struct buf canonical;
	struct buf names;
	const char *scope;
	enum err e;

	assert(request->header_count > 0 &&
	    request->header_count <= HTTP_CLIENT_HEADERS_MAX);

	if (strlen(by->secret) > AWS_SECRET_MAX)
		return too_much(sc, "its key is too long");
	buf_init(&canonical, sc->arena, AWS_SIGN_CANONICAL_MAX);
	buf_init(&names, sc->arena, AWS_SIGN_CANONICAL_MAX);
	e = put_canonical(sc, request, &canonical, &names);
	if (e)
		return e;

	aws_sign_date(by->at_us, date);
	scope = arena_printf(sc->arena, "%.*s/%s/%s/" TERMINATOR, DAY_LEN,
	    date, by->region, by->service);
	made.canonical = canonical.data;
	made.to_sign = arena_printf(sc->arena, ALGORITHM "\n%s\n%s\n%s", date,
	    scope, aws_sign_hash(canonical.data, canonical.len, hash));
	sign_text(by, date, made.to_sign, signature);
	made.signature = arena_strdup(sc->arena, signature);
	made.authorization = arena_printf(sc->arena, ALGORITHM
	    " Credential=%s/%s, SignedHeaders=%s, Signature=%s", by->key_id,
	    scope, names.data, signature);
	*ret_signature = made;
	return ERR_OK;
}
