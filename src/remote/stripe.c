/* stripe.c: the calls to Stripe, one shape for all of them. */
#include "remote/stripe.h"

#include <assert.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "remote/stripe_error.h"
#include "remote/stripe_object.h"
#include "remote/stripe_params.h"

#define ANSWER_MAX FORM_JSON_MAX
#define ID_CHARACTERS \
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_"

/* ---- one exchange --------------------------------------------------------*/

static size_t
put_header(struct http_client_header *headers, size_t count, const char *name,
    const char *value)
{
	if (!value)
		return count;
	headers[count] = (struct http_client_header){ name, value };
	return count + 1;
}

/* The answer's own words about itself. */
static void
note_answer(struct stripe_call *call, const struct http_client_answer *answer)
{
	const char *again = answer->kept[HTTP_CLIENT_SHOULD_RETRY];
	const char *replayed = answer->kept[HTTP_CLIENT_IDEMPOTENT_REPLAYED];

	call->cause = answer->cause;
	call->status = answer->status;
	call->request_id = answer->kept[HTTP_CLIENT_REQUEST_ID];
	call->replayed = replayed && strcmp(replayed, "true") == 0;
	call->final = again && strcmp(again, "false") == 0;
}

static const char *
or_dash(const char *text)
{
	return text ? text : "-";
}

/* An answer that is no success: what it says, and what that means. */
static enum stripe_kind
judge(struct scope *sc, struct stripe_call *call,
    const struct http_client_answer *answer)
{
	struct stripe_trouble trouble;
	enum stripe_kind kind;

	stripe_object_read_trouble(sc, answer->body, answer->len, &trouble);
	kind = stripe_error_kind(answer->status, trouble.type, trouble.code);
	call->type = trouble.type;
	call->code = trouble.code;
	call->decline_code = trouble.decline_code;
	call->param = trouble.param;
	call->intent = trouble.intent;
	if (kind == STRIPE_DECLINED)
		call->sentence = stripe_decline_sentence(trouble.code,
		    trouble.decline_code);

	(void)scope_fail(sc, ERR_UNAVAILABLE,
	    "stripe: %s: status %d, type %s, code %s, param %s, request %s",
	    stripe_kind_word(kind), answer->status, or_dash(trouble.type),
	    or_dash(trouble.code), or_dash(trouble.param),
	    or_dash(call->request_id));
	return kind;
}

/* Nothing that was said before this call may be taken for its result. */
static void
clear_call(struct stripe_call *call)
{
	*call = (struct stripe_call){
		.key = call->key,
		.account = call->account,
		.retries = call->retries,
	};
}

static enum stripe_kind
exchange(const struct stripe *stripe, struct scope *sc,
    struct stripe_call *call, struct http_client_request *request,
    struct http_client_answer *ret_answer)
{
	struct http_client_header headers[5];
	size_t n = 0;
	bool post = strcmp(request->method, "POST") == 0;

	n = put_header(headers, n, "Authorization", arena_printf(sc->arena,
	    "Bearer %s", stripe->secret_key));
	n = put_header(headers, n, "Stripe-Version", STRIPE_VERSION);
	n = put_header(headers, n, "Stripe-Account", call->account);
	if (post) {
		n = put_header(headers, n, "Content-Type",
		    "application/x-www-form-urlencoded");
		n = put_header(headers, n, "Idempotency-Key", call->key);
		assert(!call->key || strlen(call->key) <= STRIPE_KEY_MAX);
	}
	request->headers = headers;
	request->header_count = n;
	request->answer_max = ANSWER_MAX;
	/* Without a key a second arrival is a second deed. */
	request->repeatable = !post || call->key;
	request->retries = request->repeatable ? call->retries : 0;

	switch (http_client_call(stripe->http, sc, request, ret_answer)) {
	case HTTP_CLIENT_NOT_SENT:
		note_answer(call, ret_answer);
		return STRIPE_LATER;
	case HTTP_CLIENT_UNKNOWN:
		note_answer(call, ret_answer);
		return STRIPE_UNKNOWN;
	case HTTP_CLIENT_ANSWERED:
		break;
	}
	note_answer(call, ret_answer);
	if (ret_answer->status >= 200 && ret_answer->status < 300)
		return STRIPE_DONE;
	return judge(sc, call, ret_answer);
}

static enum stripe_kind
get(const struct stripe *stripe, struct scope *sc, struct stripe_call *call,
    const char *path, const struct buf *query,
    struct http_client_answer *ret_answer)
{
	struct http_client_request request = {
		.method = "GET",
		.url = arena_printf(sc->arena, "%s%s%s%s", stripe->base_url,
		    path, query ? "?" : "", query ? query->data : ""),
	};

	clear_call(call);
	return exchange(stripe, sc, call, &request, ret_answer);
}

static enum stripe_kind
post(const struct stripe *stripe, struct scope *sc, struct stripe_call *call,
    const char *path, const struct buf *body,
    struct http_client_answer *ret_answer)
{
	struct http_client_request request = {
		.method = "POST",
		.url = arena_printf(sc->arena, "%s%s", stripe->base_url, path),
		.body = body ? body->data : NULL,
		.body_len = body ? body->len : 0,
	};

	clear_call(call);
	if (body && body->overflow) {
		call->cause = HTTP_CLIENT_LOCAL;
		(void)scope_fail(sc, ERR_INTERNAL,
		    "stripe: the parameters are too long");
		return STRIPE_REFUSED;
	}
	return exchange(stripe, sc, call, &request, ret_answer);
}

/* ---- one object ----------------------------------------------------------*/

/* What is said to be done, and cannot be read, is not known. */
static enum stripe_kind
take_object(struct scope *sc, struct stripe_call *call,
    enum stripe_object kind, const char *id,
    const struct http_client_answer *answer, void *ret_object)
{
	size_t size = stripe_object_form(kind)->size;
	void *object = arena_alloc(sc->arena, size);

	if (stripe_object_read(sc, kind, answer->body, answer->len, object))
		return STRIPE_UNKNOWN;
	if (id && strcmp(stripe_object_id(kind, object), id) != 0) {
		(void)scope_fail(sc, ERR_UNAVAILABLE,
		    "stripe: another object than was asked for, request %s",
		    or_dash(call->request_id));
		return STRIPE_UNKNOWN;
	}
	memcpy(ret_object, object, size);
	return STRIPE_DONE;
}

static enum stripe_kind
create_object(const struct stripe *stripe, struct scope *sc,
    struct stripe_call *call, const char *path, const struct buf *body,
    enum stripe_object kind, void *ret_object)
{
	struct http_client_answer answer;
	enum stripe_kind done;

	assert(call->key && *call->key);

	done = post(stripe, sc, call, path, body, &answer);
	if (done != STRIPE_DONE)
		return done;
	return take_object(sc, call, kind, NULL, &answer, ret_object);
}

/* It was not asked: no row of ours may have led to such a call. */
static enum stripe_kind
no_amount(struct scope *sc, struct stripe_call *call)
{
	clear_call(call);
	call->cause = HTTP_CLIENT_LOCAL;
	call->param = "amount";
	(void)scope_fail(sc, ERR_INTERNAL,
	    "stripe: an amount that its currency does not have");
	return STRIPE_REFUSED;
}

/* An id goes into paths, so it is looked at wherever it comes from. */
static bool
is_id(const char *id)
{
	size_t len = id ? strlen(id) : 0;

	return len > 0 && len <= STRIPE_ID_MAX &&
	    strspn(id, ID_CHARACTERS) == len;
}

static const char *
object_path(struct scope *sc, struct stripe_call *call, const char *folder,
    const char *id, const char *verb)
{
	if (is_id(id))
		return arena_printf(sc->arena, "/v1/%s/%s%s", folder, id, verb);

	clear_call(call);
	call->cause = HTTP_CLIENT_LOCAL;
	(void)scope_fail(sc, ERR_NOT_FOUND, "stripe: no id of %s", folder);
	return NULL;
}

static enum stripe_kind
read_object(const struct stripe *stripe, struct scope *sc,
    struct stripe_call *call, const char *folder, const char *id,
    enum stripe_object kind, void *ret_object)
{
	const char *path = object_path(sc, call, folder, id, "");
	struct http_client_answer answer;
	enum stripe_kind done;

	if (!path)
		return STRIPE_MISSING;
	done = get(stripe, sc, call, path, NULL, &answer);
	if (done != STRIPE_DONE)
		return done;
	return take_object(sc, call, kind, id, &answer, ret_object);
}

/* "expire", "cancel": a verb behind the object's path. */
static enum stripe_kind
act_on_object(const struct stripe *stripe, struct scope *sc,
    struct stripe_call *call, const char *path, const char *id,
    const struct buf *body, enum stripe_object kind, void *ret_object)
{
	struct http_client_answer answer;
	enum stripe_kind done;

	if (!path)
		return STRIPE_MISSING;
	done = post(stripe, sc, call, path, body, &answer);
	if (done != STRIPE_DONE)
		return done;
	return take_object(sc, call, kind, id, &answer, ret_object);
}

/* ---- the calls -----------------------------------------------------------*/

enum stripe_kind
stripe_session_create(const struct stripe *stripe, struct scope *sc,
    struct stripe_call *call, const struct stripe_session_new *wanted,
    struct stripe_session *ret_session)
{
	struct buf body;

	buf_init(&body, sc->arena, STRIPE_PARAMS_MAX);
	if (stripe_session_params(&body, wanted))
		return no_amount(sc, call);
	return create_object(stripe, sc, call, "/v1/checkout/sessions", &body,
	    STRIPE_SESSION, ret_session);
}

enum stripe_kind
stripe_session_read(const struct stripe *stripe, struct scope *sc,
    struct stripe_call *call, const char *id,
    struct stripe_session *ret_session)
{
	return read_object(stripe, sc, call, "checkout/sessions", id,
	    STRIPE_SESSION, ret_session);
}

enum stripe_kind
stripe_session_expire(const struct stripe *stripe, struct scope *sc,
    struct stripe_call *call, const char *id,
    struct stripe_session *ret_session)
{
	const char *path = object_path(sc, call, "checkout/sessions", id,
	    "/expire");

	return act_on_object(stripe, sc, call, path, id, NULL, STRIPE_SESSION,
	    ret_session);
}

enum stripe_kind
stripe_intent_create(const struct stripe *stripe, struct scope *sc,
    struct stripe_call *call, const struct stripe_intent_new *wanted,
    struct stripe_intent *ret_intent)
{
	struct buf body;

	buf_init(&body, sc->arena, STRIPE_PARAMS_MAX);
	if (stripe_intent_params(&body, wanted))
		return no_amount(sc, call);
	return create_object(stripe, sc, call, "/v1/payment_intents", &body,
	    STRIPE_INTENT, ret_intent);
}

enum stripe_kind
stripe_intent_read(const struct stripe *stripe, struct scope *sc,
    struct stripe_call *call, const char *id,
    struct stripe_intent *ret_intent)
{
	return read_object(stripe, sc, call, "payment_intents", id,
	    STRIPE_INTENT, ret_intent);
}

enum stripe_kind
stripe_intent_cancel(const struct stripe *stripe, struct scope *sc,
    struct stripe_call *call, const char *id,
    struct stripe_intent *ret_intent)
{
	const char *path = object_path(sc, call, "payment_intents", id,
	    "/cancel");
	struct buf body;

	buf_init(&body, sc->arena, STRIPE_PARAMS_MAX);
	stripe_intent_cancel_params(&body);
	return act_on_object(stripe, sc, call, path, id, &body, STRIPE_INTENT,
	    ret_intent);
}

enum stripe_kind
stripe_refund_create(const struct stripe *stripe, struct scope *sc,
    struct stripe_call *call, const struct stripe_refund_new *wanted,
    struct stripe_refund *ret_refund)
{
	struct buf body;

	buf_init(&body, sc->arena, STRIPE_PARAMS_MAX);
	if (stripe_refund_params(&body, wanted))
		return no_amount(sc, call);
	return create_object(stripe, sc, call, "/v1/refunds", &body,
	    STRIPE_REFUND, ret_refund);
}

enum stripe_kind
stripe_refund_read(const struct stripe *stripe, struct scope *sc,
    struct stripe_call *call, const char *id,
    struct stripe_refund *ret_refund)
{
	return read_object(stripe, sc, call, "refunds", id, STRIPE_REFUND,
	    ret_refund);
}

enum stripe_kind
stripe_charge_read(const struct stripe *stripe, struct scope *sc,
    struct stripe_call *call, const char *id,
    struct stripe_charge *ret_charge)
{
	return read_object(stripe, sc, call, "charges", id, STRIPE_CHARGE,
	    ret_charge);
}

enum stripe_kind
stripe_dispute_read(const struct stripe *stripe, struct scope *sc,
    struct stripe_call *call, const char *id,
    struct stripe_dispute *ret_dispute)
{
	return read_object(stripe, sc, call, "disputes", id, STRIPE_DISPUTE,
	    ret_dispute);
}

enum stripe_kind
stripe_event_read(const struct stripe *stripe, struct scope *sc,
    struct stripe_call *call, const char *id, struct stripe_event *ret_event)
{
	const char *path = object_path(sc, call, "events", id, "");
	struct http_client_answer answer;
	struct stripe_event event;
	enum stripe_kind done;

	if (!path)
		return STRIPE_MISSING;
	done = get(stripe, sc, call, path, NULL, &answer);
	if (done != STRIPE_DONE)
		return done;
	if (stripe_event_parse(sc, answer.body, answer.len, &event))
		return STRIPE_UNKNOWN;
	if (strcmp(event.id, id) != 0) {
		(void)scope_fail(sc, ERR_UNAVAILABLE,
		    "stripe: another event than was asked for, request %s",
		    or_dash(call->request_id));
		return STRIPE_UNKNOWN;
	}
	*ret_event = event;
	return STRIPE_DONE;
}

/* ---- lists ---------------------------------------------------------------*/

static const char *
list_path(enum stripe_object object)
{
	switch (object) {
	case STRIPE_CHARGE:
		return "/v1/charges";
	case STRIPE_REFUND:
		return "/v1/refunds";
	case STRIPE_BALANCE:
		return "/v1/balance_transactions";
	default:
		assert(false); /* only lists that we read */
		return "";
	}
}

/* Where the next page begins: behind the last of this one. */
static bool
step(struct stripe_pages *pages, const struct list *items, bool has_more)
{
	const struct form *form = stripe_object_form(pages->object);
	const char *last;

	if (!has_more) {
		pages->over = true;
		return true;
	}
	/* More to come behind nothing, or behind what we had: no way on. */
	if (items->count == 0)
		return false;
	last = stripe_object_id(pages->object, (const char *)items->items +
	    (items->count - 1) * form->size);
	if (!is_id(last) || strcmp(last, pages->after) == 0)
		return false;
	memcpy(pages->after, last, strlen(last) + 1);
	return true;
}

enum stripe_kind
stripe_pages_next(const struct stripe *stripe, struct scope *sc,
    struct stripe_call *call, struct stripe_pages *pages,
    struct list *ret_items)
{
	struct http_client_answer answer;
	struct list items;
	struct buf query;
	enum stripe_kind done;
	bool has_more;

	assert(!pages->over);

	buf_init(&query, sc->arena, STRIPE_PARAMS_MAX);
	stripe_pages_params(&query, pages);
	done = get(stripe, sc, call, list_path(pages->object), &query,
	    &answer);
	if (done != STRIPE_DONE)
		return done;
	if (stripe_object_read_list(sc, pages->object, answer.body, answer.len,
	        &items, &has_more))
		return STRIPE_UNKNOWN;
	if (!step(pages, &items, has_more)) {
		(void)scope_fail(sc, ERR_UNAVAILABLE,
		    "stripe: a list that does not go on, request %s",
		    or_dash(call->request_id));
		return STRIPE_UNKNOWN;
	}
	*ret_items = items;
	return STRIPE_DONE;
}
