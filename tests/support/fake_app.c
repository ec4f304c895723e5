/* fake_app.c: the use cases as the HTTP layer sees them, played by a puppet. */
#include "support/fake_app.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/availability.h"
#include "app/callers.h"
#include "app/payment_forms.h"
#include "app/payments.h"
#include "app/franchises.h"
#include "app/health.h"
#include "app/tickets.h"
#include "app/visits.h"
#include "base/arena.h"
#include "base/instant.h"
#include "base/scope.h"
#include "http/serve.h"

#define MEMORY (4 * 1024 * 1024)
#define DEADLINE_US INT64_C(10000000)
#define START_US INT64_C(1800003600000000)
#define HOUR_US INT64_C(3600000000)

struct fake fake;

static struct uuid
uuid_of(const char *text)
{
	struct uuid id = { 0 };

	if (!uuid_parse(text, &id))
		abort();
	return id;
}

static enum err
outcome(struct scope *sc)
{
	fake.calls++;
	while (fake.exhaust)
		(void)arena_alloc(sc->arena, 64 * 1024);
	if (fake.fails == ERR_INVALID || fake.faulty)
		scope_fault(sc, "/start_datetime", "on_grid",
		    "must be the start of a slot");
	if (fake.fails)
		return scope_fail(sc, fake.fails, "%s",
		    fake.why ? fake.why : "");
	return ERR_OK;
}

static struct booking *
example(struct scope *sc)
{
	struct booking *b = arena_new(sc->arena, struct booking);
	struct child *child = arena_new(sc->arena, struct child);
	struct contact *contact = arena_new(sc->arena, struct contact);

	*contact = (struct contact){ "John Doe", "john@example.com",
		"+1234567890", NULL };
	*child = (struct child){ .name = "Alice \"A\" Doe", .age = 5 };
	*b = (struct booking){
		.booking_id = uuid_of(FAKE_BOOKING),
		.reference_number = uuid_of(FAKE_FRANCHISE),
		.booking_code = "K7QM-4TXA",
		.customer_id = uuid_of(FAKE_CUSTOMER),
		.franchise_id = uuid_of(FAKE_FRANCHISE),
		.status = "pending",
		.payment_status = "pending",
		.start_us = START_US,
		.end_us = START_US + 8 * HOUR_US,
		.total_amount = 12000,
		.currency = "USD",
		.payment_required = true,
		.payment_url = "https://booking.example.com/pay/x",
		.manage_url = "https://booking.example.com/manage/x#token=y",
		.hold_expires_us = START_US - HOUR_US,
		.child_count = 1,
		.line_items = "[]",
		.customer_info = contact,
		.children = { child, 1 },
		.cancellation_reason = "Customer request",
		.refund_amount = 10000,
		.cancelled_us = START_US - HOUR_US,
		.created_us = START_US - 2 * HOUR_US,
		.updated_us = START_US - 2 * HOUR_US,
		.checked_in_us = NONE,
		.checked_out_us = NONE,
		.version = FAKE_VERSION,
	};
	return b;
}

/* Keep what would be stored; true when there is a stored answer instead. */
static bool
replayed(struct scope *sc, struct replay *replay, const void *object)
{
	struct buf out;

	fake.key[0] = '\0';
	if (!replay)
		return false;
	snprintf(fake.key, sizeof fake.key, "%s", replay->key);
	memcpy(fake.fingerprint, replay->fingerprint,
	    replay->fingerprint_len + 1);
	if (fake.stored) {
		replay->stored = fake.stored;
		return true;
	}
	buf_init(&out, sc->arena, sizeof fake.rendered - 1);
	replay->render(sc, object, &out);
	memcpy(fake.rendered, out.data, out.len + 1);
	return false;
}

/* ---- bookings ------------------------------------------------------------- */

static void
refuse(struct scope *sc, struct refusal *ret)
{
	struct full_slot *full = arena_new(sc->arena, struct full_slot);
	struct start_option *other = arena_new(sc->arena, struct start_option);

	*full = (struct full_slot){ START_US, START_US + HOUR_US, 0 };
	*other = (struct start_option){ START_US + HOUR_US,
		START_US + 2 * HOUR_US, 1500 };
	ret->full_slots = (struct list){ full, 1 };
	ret->alternatives = (struct list){ other, 1 };
}

enum err
booking_create(struct app *app, struct scope *sc, const struct caller *caller,
    const struct booking_request *req, struct replay *replay,
    struct booking **ret_booking, struct refusal *ret_refusal)
{
	enum err e = outcome(sc);

	(void)app;
	fake.caller = *caller;
	fake.request = *req;
	if (e == ERR_CAPACITY)
		refuse(sc, ret_refusal);
	if (!e && !replayed(sc, replay, example(sc)))
		*ret_booking = example(sc);
	return e;
}

enum err
booking_get(struct app *app, struct scope *sc, const struct caller *caller,
    const struct uuid *id, struct booking **ret_booking)
{
	struct uuid booking = uuid_of(FAKE_BOOKING);
	enum err e = outcome(sc);

	(void)app;
	fake.caller = *caller;
	if (!e && !uuid_equal(id, &booking))
		return scope_fail(sc, ERR_NOT_FOUND, "booking: secret %s",
		    "sentence");
	if (!e)
		*ret_booking = example(sc);
	return e;
}

enum err
booking_list(struct app *app, struct scope *sc, const struct caller *caller,
    const struct booking_query *query, struct page *ret_page)
{
	enum err e = outcome(sc);

	(void)app;
	fake.caller = *caller;
	fake.bookings = *query;
	if (!e)
		*ret_page = (struct page){
			.data = { example(sc), 1 },
			.has_more = true,
			.next_cursor = "abc",
		};
	return e;
}

enum err
booking_change(struct app *app, struct scope *sc, const struct caller *caller,
    const struct uuid *id, const struct booking_request *req,
    int64_t if_match, struct replay *replay, struct booking **ret_booking,
    struct refusal *ret_refusal)
{
	enum err e = booking_create(app, sc, caller, req, replay, ret_booking,
	    ret_refusal);

	(void)id;
	fake.if_match = if_match;
	return e;
}

enum err
booking_cancel(struct app *app, struct scope *sc, const struct caller *caller,
    const struct uuid *id, const struct cancel_request *req, int64_t if_match,
    struct replay *replay, struct booking **ret_booking)
{
	enum err e = outcome(sc);

	(void)app;
	(void)id;
	fake.caller = *caller;
	fake.cancel = *req;
	fake.if_match = if_match;
	if (!e && !replayed(sc, replay, example(sc)))
		*ret_booking = example(sc);
	return e;
}

enum err
booking_cancel_quote(struct app *app, struct scope *sc,
    const struct caller *caller, const struct uuid *id,
    struct cancel_quote *ret_quote)
{
	enum err e = outcome(sc);

	(void)app;
	fake.caller = *caller;
	if (!e)
		*ret_quote = (struct cancel_quote){ .booking_id = *id,
			.refund_amount = 10000, .paid_amount = 12000,
			.refund_percent = 100, .cancellation_fee = 2000,
			.currency = "USD", .hours_before = 48,
			.valid_until_us = NONE, .as_of_us = START_US };
	return e;
}

enum err
payment_link(struct app *app, struct scope *sc, const struct uuid *id,
    const char *t, const char **ret_url)
{
	enum err e = outcome(sc);

	(void)app;
	(void)id;
	snprintf(fake.t, sizeof fake.t, "%s", t);
	if (!e)
		*ret_url = "https://checkout.example.com/c/pay/cs_1";
	return e;
}

enum err
payment_link_check(struct app *app, struct scope *sc, const struct uuid *id,
    const char *t)
{
	(void)app;
	(void)id;
	snprintf(fake.t, sizeof fake.t, "%s", t);
	return outcome(sc);
}

static struct payment a_payment = { .status = "succeeded",
	.booking_status = "confirmed", .amount = 12000, .currency = "USD",
	.payment_method = "checkout", .created_us = START_US,
	.processed_us = NONE };

enum err
payment_make(struct app *app, struct scope *sc, const struct caller *caller,
    const struct uuid *booking, const char *method, struct replay *replay,
    struct payment **ret_payment, struct refusal *ret_refusal)
{
	enum err e = outcome(sc);

	(void)app;
	fake.caller = *caller;
	a_payment.booking_id = *booking;
	snprintf(fake.t, sizeof fake.t, "%s", method ? method : "");
	if (e == ERR_DECLINED)
		ret_refusal->decline_code = "insufficient_funds";
	if (!e && !replayed(sc, replay, &a_payment))
		*ret_payment = &a_payment;
	return e;
}

enum err
payment_refund(struct app *app, struct scope *sc, const struct caller *caller,
    const struct uuid *payment, int64_t amount, struct replay *replay,
    struct refund **ret_refund)
{
	static struct refund refund = { .currency = "USD",
		.status = "queued", .reason = "staff",
		.created_us = START_US, .processed_us = NONE };
	enum err e = outcome(sc);

	(void)app;
	fake.caller = *caller;
	refund.payment_id = *payment;
	refund.amount = amount == NONE ? 12000 : amount;
	if (!e && !replayed(sc, replay, &refund))
		*ret_refund = &refund;
	return e;
}

enum err
payment_get(struct app *app, struct scope *sc, const struct caller *caller,
    const struct uuid *id, struct payment **ret_payment)
{
	enum err e = outcome(sc);

	(void)app;
	fake.caller = *caller;
	a_payment.payment_id = *id;
	a_payment.booking_id = *id;
	if (!e)
		*ret_payment = &a_payment;
	return e;
}

enum err
webhook_receive(struct app *app, struct scope *sc, const char *header,
    const char *body, size_t len)
{
	(void)app;
	(void)len;
	snprintf(fake.t, sizeof fake.t, "%s|%s", header ? header : "", body);
	return outcome(sc);
}

/* ---- the desk --------------------------------------------------------------- */

enum err
ticket_get(struct app *app, struct scope *sc, const struct caller *caller,
    const struct uuid *id, struct ticket_view *ret_ticket)
{
	enum err e = outcome(sc);

	(void)app;
	fake.caller = *caller;
	if (!e)
		*ret_ticket = (struct ticket_view){ .booking_id = *id,
			.reference_number = uuid_of(FAKE_FRANCHISE),
			.booking_code = "K7QM-4TXA",
			.url = "https://booking.example.com/checkin/x?sig=y",
			.date = 20833, .time_zone = "UTC" };
	return e;
}

enum err
ticket_draw(struct scope *sc, const char *text, enum ticket_picture picture,
    const void **ret_data, size_t *ret_len)
{
	/* A picture may hold any byte. */
	static const char png[] = "\x89PNG\0\r\n";

	(void)sc;
	snprintf(fake.url, sizeof fake.url, "%s", text);
	*ret_data = picture == TICKET_PNG ? png : "<svg/>";
	*ret_len = picture == TICKET_PNG ? sizeof png - 1 : 6;
	return ERR_OK;
}

static struct visit *
came(struct scope *sc)
{
	struct booking *b = example(sc);
	struct visit *v = arena_new(sc->arena, struct visit);

	*v = (struct visit){ .booking_id = b->booking_id,
		.reference_number = b->reference_number,
		.booking_code = b->booking_code,
		.franchise_id = b->franchise_id, .status = "checked_in",
		.start_us = START_US, .end_us = START_US + HOUR_US,
		.time_zone = "UTC", .checked_in_us = START_US,
		.checked_in_with = "qr", .checked_out_us = NONE,
		.contact = b->customer_info, .children = b->children };
	return v;
}

enum err
visit_check_in(struct app *app, struct scope *sc, const struct caller *caller,
    const struct checkin_request *req, struct replay *replay,
    struct visit **ret_visit)
{
	enum err e = outcome(sc);
	struct visit *v;

	(void)app;
	fake.caller = *caller;
	fake.checkin = *req;
	if (e)
		return e;
	v = came(sc);
	v->already = req->booking_code != NULL;
	if (!replayed(sc, replay, v))
		*ret_visit = v;
	return e;
}

enum err
visit_check_out(struct app *app, struct scope *sc, const struct caller *caller,
    const struct uuid *id, const struct checkout_request *req,
    struct replay *replay, struct visit **ret_visit)
{
	enum err e = outcome(sc);
	struct visit *v;

	(void)app;
	(void)id;
	fake.caller = *caller;
	fake.checkout = *req;
	if (e)
		return e;
	v = came(sc);
	v->status = "completed";
	v->checked_out_us = START_US + HOUR_US;
	v->collected_by = req->collected_by;
	v->overridden = req->override;
	if (!replayed(sc, replay, v))
		*ret_visit = v;
	return e;
}

enum err
visit_roster(struct app *app, struct scope *sc, const struct caller *caller,
    const struct uuid *franchise, const struct roster_query *query,
    struct roster *ret_roster)
{
	static struct occupancy occupancy = { 1, 2, 3, 4, 20 };
	enum err e = outcome(sc);

	(void)app;
	fake.caller = *caller;
	fake.roster = *query;
	if (!e)
		*ret_roster = (struct roster){ .franchise_id = *franchise,
			.date = 20833, .time_zone = "UTC",
			.occupancy = &occupancy, .as_of_us = START_US };
	return e;
}

/* ---- the rest ---------------------------------------------------------------- */

enum err
availability_day(struct app *app, struct scope *sc,
    const struct uuid *franchise, const struct availability_query *query,
    const char **ret_json, size_t *ret_len)
{
	enum err e = outcome(sc);

	(void)app;
	(void)franchise;
	(void)query;
	if (!e) {
		*ret_json = "{\"available_slots\":[]}";
		*ret_len = strlen(*ret_json);
	}
	return e;
}

enum err
availability_slots(struct app *app, struct scope *sc,
    const struct uuid *franchise, const struct slots_query *query,
    struct slots_answer *ret_answer)
{
	enum err e = outcome(sc);

	(void)app;
	fake.slots = *query;
	if (!e)
		*ret_answer = (struct slots_answer){
			.franchise_id = *franchise, .time_zone = "UTC",
			.currency = "USD", .children = query->children,
			.minutes = 60, .as_of_us = START_US };
	return e;
}

enum err
franchise_list(struct app *app, struct scope *sc,
    const struct franchise_query *query, struct page *ret_page)
{
	enum err e = outcome(sc);

	(void)app;
	fake.franchises = *query;
	if (!e)
		*ret_page = (struct page){ .next_cursor = NULL };
	return e;
}

enum err
franchise_json(struct app *app, struct scope *sc, const struct uuid *id,
    const char **ret_json, size_t *ret_len)
{
	return availability_day(app, sc, id, NULL, ret_json, ret_len);
}

void
health_check(struct app *app, struct scope *sc, struct health *ret_health)
{
	(void)app;
	(void)sc;
	fake.calls++;
	*ret_health = (struct health){ fake.health ? fake.health : "healthy",
		"up", "up", START_US };
}

enum err
guest_session_open(struct app *app, struct scope *sc,
    const struct caller *caller, struct guest_session *ret_session)
{
	enum err e = outcome(sc);
	const char **words = arena_new_array(sc->arena, const char *, 1);

	(void)app;
	(void)caller;
	words[0] = "booking:read";
	if (!e)
		*ret_session = (struct guest_session){ "token", "Bearer", 3600,
			uuid_of(FAKE_CUSTOMER), { words, 1 } };
	return e;
}

enum err
caller_from_bearer(struct app *app, struct scope *sc, const char *token,
    struct caller *ret_caller)
{
	struct caller c = { .kind = CALLER_CUSTOMER,
		.rights = access_parse("booking:*"),
		.customer = uuid_of(FAKE_CUSTOMER), .name = "customer:x" };

	(void)app;
	if (strcmp(token, "guest") == 0) {
		c.kind = CALLER_GUEST;
	} else if (strcmp(token, "manage") == 0) {
		c.kind = CALLER_MANAGE;
		c.booking = uuid_of(FAKE_BOOKING);
	} else if (strcmp(token, "reader") == 0) {
		c.rights = ACCESS_BOOKING_READ;
	} else if (strcmp(token, "customer") != 0) {
		return scope_fail(sc, ERR_BAD_CREDENTIALS,
		    "jwt: operator's sentence");
	}
	*ret_caller = c;
	return ERR_OK;
}

enum err
caller_from_key(struct app *app, struct scope *sc, const char *key,
    const char *customer_id, struct caller *ret_caller)
{
	struct caller c = { .kind = CALLER_SECRET,
		.rights = access_parse("booking:*") | ACCESS_GUEST_CREATE,
		.name = "key:x" };

	(void)app;
	if (strcmp(key, "publishable") == 0) {
		c.kind = CALLER_PUBLISHABLE;
		c.rights = ACCESS_GUEST_CREATE;
	} else if (strcmp(key, "desk") == 0) {
		c.rights = ACCESS_CHECKIN_WRITE;
	} else if (strcmp(key, "secret") != 0) {
		return scope_fail(sc, ERR_BAD_CREDENTIALS, "no such key");
	}
	if (customer_id)
		c.customer = uuid_of(customer_id);
	*ret_caller = c;
	return ERR_OK;
}

/* ---- asking -------------------------------------------------------------------- */

struct world *
world_open(void)
{
	struct world *w = calloc(1, sizeof *w);

	if (!w)
		abort();
	fake = (struct fake){ 0 };
	w->arena = arena_open(MEMORY);
	w->sc = calloc(1, sizeof *w->sc);
	if (!w->arena || !w->sc)
		abort();
	w->conf.cors_origins = "https://a.example," FAKE_ORIGIN;
	w->conf.public_url = "https://booking.example.com";
	w->app.conf = &w->conf;
	return w;
}

void
world_close(struct world *w)
{
	arena_close(w->arena);
	free(w->sc);
	free(w);
}

void
world_header(struct world *w, const char *name, const char *value)
{
	w->headers[w->header_count++] = (struct header){ name, value };
}

int
world_ask(struct world *w, const char *method, const char *target,
    const char *body)
{
	const char *query = strchr(target, '?');
	size_t path_len = query ? (size_t)(query - target) : strlen(target);
	struct arena *spare = NULL;
	jmp_buf out;

	arena_reset(w->arena);
	scope_init(w->sc, w->arena, DEADLINE_US);
	response_init(&w->res, w->arena);
	w->req = (struct request){
		.method = method,
		.path = arena_strndup(w->arena, target, path_len),
		.query = query ? query + 1 : "",
		.remote = "192.0.2.1",
		.headers = w->headers,
		.body = body ? body : "",
		.body_len = body ? strlen(body) : 0,
	};
	w->req.header_count = w->header_count;
	if (body && !request_header(&w->req, "content-type"))
		world_header(w, "content-type", "application/json");
	w->req.header_count = w->header_count;

	if (setjmp(out) == 0) {
		arena_catch(w->arena, &out);
		serve(&w->app, w->sc, &w->req, &w->res);
	} else {
		/* As the worker does it; the used-up arena stays as it is. */
		spare = arena_open(MEMORY);
		w->sc->arena = spare;
		response_init(&w->res, spare);
		serve_failed(w->sc, &w->req, &w->res);
		arena_close(w->arena);
		w->arena = spare;
	}
	arena_catch(w->arena, NULL);
	w->header_count = 0;
	return w->res.status;
}

bool
world_says(const struct world *w, const char *text)
{
	return strstr(w->res.body.data, text) != NULL;
}

const char *
world_got(const struct world *w, const char *name)
{
	const char *value = response_get(&w->res, name);

	return value ? value : "";
}
