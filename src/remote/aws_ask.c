/* aws_ask.c: keys from the endpoints that hand them out. */
#include "remote/aws_ask.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "base/form.h"
#include "remote/http_client.h"

#define CONTAINER_BASE "http://169.254.170.2"
#define INSTANCE_BASE "http://169.254.169.254"
#define ROLES "/latest/meta-data/iam/security-credentials/"
#define INSTANCE_TTL "21600" /* s, the most there is */
#define INSTANCE_TTL_US (21600 * USEC_PER_SEC)
#define INSTANCE_SLACK_US (300 * USEC_PER_SEC)

#define RETRIES 1
#define ROLE_MAX 64
#define URL_MAX 2048
#define TOKEN_FILE_MAX (16 * 1024)
#define CODE_MAX 64

/* ---- what an endpoint answers ----------------------------------------------*/

struct answered {
	const char *code; /* of the instance: "Success" */
	const char *id;
	const char *secret;
	const char *token;
	int64_t expires_us;
};

#define TEXT(NAME, MEMBER, MAX) \
	{ .name = NAME, .type = FIELD_TEXT, .flags = FIELD_NULLABLE, \
	  .min = 0, .max = (MAX), .offset = offsetof(struct answered, MEMBER) }
/* clang-format off */
static const struct field answered_fields[] = {
	TEXT("Code", code, CODE_MAX),
	TEXT("AccessKeyId", id, AWS_KEY_ID_MAX),
	TEXT("SecretAccessKey", secret, AWS_SECRET_MAX),
	TEXT("Token", token, AWS_TOKEN_MAX),
	{ .name = "Expiration", .type = FIELD_INSTANT, .flags = FIELD_NULLABLE,
	  .offset = offsetof(struct answered, expires_us) },
};
/* clang-format on */
static const struct form answered_form = { .name = "credentials",
	.size = sizeof(struct answered), .fields = answered_fields,
	.count = ARRAY_LEN(answered_fields), .open = true };

static void
wipe_text(const char *text)
{
	if (text)
		crypto_wipe((void *)(uintptr_t)text, strlen(text));
}

/* A word that may stand in a sentence. */
static const char *
code_word(const char *code)
{
	return code && *code && code[strspn(code, "abcdefghijklmnopqrstuvwxyz"
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")] == '\0' ? code : "-";
}

static enum err
judge(struct scope *sc, const struct answered *a, struct aws_key *ret_key)
{
	struct aws_key key;
	const char *wrong;

	/* The instance says so with status 200. */
	if (a->code && strcmp(a->code, "Success") != 0)
		return aws_keys_none(sc, "the endpoint gives none: code %s",
		    code_word(a->code));
	if (!a->id || !a->secret)
		return aws_keys_none(sc, "the endpoint's answer has no keys");
	wrong = aws_key_make(&key, a->id, a->secret, a->token, a->expires_us);
	if (wrong)
		return aws_keys_none(sc, "of the endpoint: %s", wrong);
	*ret_key = key;
	crypto_wipe(&key, sizeof key);
	return ERR_OK;
}

enum err
aws_ask_parse(struct scope *sc, char *text, size_t len,
    struct aws_key *ret_key)
{
	struct answered a;
	enum err e;

	e = form_read_answer(sc, "AWS credentials", &answered_form, text, len,
	    &a);
	e = e ? ERR_UNAVAILABLE : judge(sc, &a, ret_key);
	wipe_text(a.secret);
	wipe_text(a.token);
	crypto_wipe(text, len);
	return e;
}

/* ---- asking ----------------------------------------------------------------*/

/* false: there is no answer of status 200 (sc->why says so), but perhaps a
 * status. */
static bool
ask(struct aws_keys *keys, struct scope *sc, const char *method,
    const char *url, const struct http_client_header *headers, size_t count,
    struct http_client_answer *answer)
{
	const struct http_client_request request = {
		.method = method,
		.url = url,
		.headers = headers,
		.header_count = count,
		.answer_max = AWS_KEYS_ANSWER_MAX,
		.repeatable = true,
		.retries = RETRIES,
	};

	if (http_client_call(keys->http, sc, &request, answer) !=
	    HTTP_CLIENT_ANSWERED)
		return false; /* the client's sentence says it */
	http_client_forget(keys->http);
	if (answer->status == 200)
		return true;
	(void)aws_keys_none(sc, "the %s answers with status %d",
	    aws_keys_source_word(keys->source), answer->status);
	return false;
}

/* The keys in an answer of status 200. */
static enum err
take_answer(struct scope *sc, const struct http_client_answer *answer,
    struct aws_key *ret_key)
{
	return aws_ask_parse(sc, (char *)(uintptr_t)answer->body, answer->len,
	    ret_key);
}

/* ---- the container's endpoint ------------------------------------------------*/

/* The token as it is now: EKS replaces it in its file. */
static enum err
container_token(const struct aws_keys *keys, struct scope *sc,
    const char **ret_token)
{
	const char *token = keys->conf.container_token;
	char *text;
	ssize_t len;

	if (*keys->conf.container_token_file) {
		text = arena_alloc(sc->arena, TOKEN_FILE_MAX);
		len = aws_keys_read_file(keys->conf.container_token_file, text,
		    TOKEN_FILE_MAX);
		if (len < 0)
			return aws_keys_none(sc, "AWS_CONTAINER_AUTHORIZATION_"
			    "TOKEN_FILE cannot be read: %s", strerror(errno));
		while (len > 0 && strchr("\r\n", text[len - 1]))
			text[--len] = '\0';
		token = text;
	}
	for (const char *p = token; *p; p++) {
		if (*p < ' ' || *p > '~')
			return aws_keys_none(sc, "the container's authorization "
			    "token cannot stand in a header");
	}
	*ret_token = token;
	return ERR_OK;
}

enum err
aws_ask_container(struct aws_keys *keys, struct scope *sc,
    struct aws_key *ret_key)
{
	struct http_client_answer answer;
	struct http_client_header headers[2] = {
		{ "Accept", "application/json" },
	};
	const char *token;
	char url[URL_MAX];
	enum err e = container_token(keys, sc, &token);

	if (e)
		return e;
	if (*keys->conf.container_path)
		(void)snprintf(url, sizeof url, CONTAINER_BASE "%s",
		    keys->conf.container_path);
	else
		(void)snprintf(url, sizeof url, "%s",
		    keys->conf.container_url);
	if (*token)
		headers[1] = (struct http_client_header){ "Authorization",
			token };
	if (!ask(keys, sc, "GET", url, headers, *token ? 2 : 1, &answer))
		return ERR_UNAVAILABLE;
	return take_answer(sc, &answer, ret_key);
}

/* ---- the instance's metadata ---------------------------------------------------*/

/* The instance's address, in full. */
static const char *
instance_path(const struct aws_keys *keys, struct scope *sc, const char *path,
    const char *more)
{
	const char *base = *keys->conf.instance_url ? keys->conf.instance_url
	    : INSTANCE_BASE;
	size_t len = strlen(base);

	while (len > 0 && base[len - 1] == '/')
		len--;
	return arena_printf(sc->arena, "%.*s%s%s", (int)len, base, path, more);
}

/* A session with the instance, six hours long. */
static enum err
need_session(struct aws_keys *keys, struct scope *sc)
{
	static const struct http_client_header ttl = {
		"X-aws-ec2-metadata-token-ttl-seconds", INSTANCE_TTL };
	struct http_client_answer answer;
	int64_t now = clock_mono_us();

	if (*keys->instance_token && now < keys->instance_token_until_us)
		return ERR_OK;
	keys->instance_token[0] = '\0';
	if (!ask(keys, sc, "PUT", instance_path(keys, sc, "/latest/api/token",
	        ""), &ttl, 1, &answer))
		return ERR_UNAVAILABLE;
	if (answer.len == 0 || strlen(answer.body) != answer.len ||
	    !aws_key_is_plain(answer.body,
	    sizeof keys->instance_token - 1))
		return aws_keys_none(sc, "the instance's session has no token");
	memcpy(keys->instance_token, answer.body, answer.len + 1);
	keys->instance_token_until_us = now + INSTANCE_TTL_US -
	    INSTANCE_SLACK_US;
	return ERR_OK;
}

static bool
ask_instance(struct aws_keys *keys, struct scope *sc, const char *role,
    struct http_client_answer *answer)
{
	const struct http_client_header session = { "X-aws-ec2-metadata-token",
		keys->instance_token };

	if (ask(keys, sc, "GET", instance_path(keys, sc, ROLES, role),
	        &session, 1, answer))
		return true;
	if (answer->status == 401) /* the session is over before its time */
		keys->instance_token[0] = '\0';
	if (answer->status == 404 && !*role)
		(void)aws_keys_none(sc, "the instance has no role");
	return false;
}

/* The first line is the role's name; there is but one. */
static bool
is_role(const struct http_client_answer *answer, char role[ROLE_MAX + 1])
{
	size_t len = strcspn(answer->body, "\r\n");

	if (len == 0 || len > ROLE_MAX)
		return false;
	memcpy(role, answer->body, len);
	role[len] = '\0';
	return strspn(role, "abcdefghijklmnopqrstuvwxyz"
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+=,.@_-") == len;
}

enum err
aws_ask_instance(struct aws_keys *keys, struct scope *sc,
    struct aws_key *ret_key)
{
	struct http_client_answer answer = { 0 };
	char role[ROLE_MAX + 1];
	bool there = false;
	enum err e = ERR_OK;

	/* Twice, because a session may be gone though its time is not. */
	for (int i = 0; i < 2 && !there && !e; i++) {
		e = need_session(keys, sc);
		if (e)
			break;
		there = ask_instance(keys, sc, "", &answer);
		if (!there && *keys->instance_token)
			break;
	}
	if (!there)
		return ERR_UNAVAILABLE;
	if (!is_role(&answer, role))
		return aws_keys_none(sc, "the instance's role has no name");
	if (!ask_instance(keys, sc, role, &answer))
		return ERR_UNAVAILABLE;
	return take_answer(sc, &answer, ret_key);
}
