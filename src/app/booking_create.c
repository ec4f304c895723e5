/* booking_create.c: make a booking: read the day, price it, place it. */
#include "app/bookings.h"

#include <string.h>

#include "app/app.h"
#include "app/booking_quote.h"
#include "app/booking_room.h"
#include "app/booking_write.h"
#include "app/callers.h"
#include "app/payments.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/instant.h"
#include "base/rng.h"
#include "base/scope.h"
#include "domain/access.h"
#include "domain/lifecycle.h"
#include "domain/names.h"
#include "store/db.h"

/* No 0 O 1 I L: codes are read out over the telephone.  No vowels: nor do they
 * spell words that nobody wants to read out. */
#define CODE_ALPHABET "23456789BCDFGHJKMNPQRSTVWXYZ"
/* Of the manage token: the booking can be moved on and on, and its own end is
 * what ends the token (booking_row_load). */
#define MANAGE_DAYS_MAX 3650
#define SESSION_GRACE_US (30 * USEC_PER_SEC)

/* Everything about one booking being made; its ids stay the same however
 * often it is tried, so that a lost answer can be looked up. */
struct making {
	const struct caller *caller;
	const struct booking_request *req;
	struct replay *replay;
	struct list children;
	struct uuid event_id;
	struct uuid contact_id;
	struct uuid attempt; /* to pay it; none when free, or without Stripe */
	struct uuid *child_ids;
	struct uuid *child_keys;
	struct data_key key;
	uint8_t wrapped[WRAPPED_KEY_LEN];
	struct booking *booking;
	struct span span;
	bool sent; /* an answer was lost: look before trying again */
	bool looked; /* for what keeps the children elsewhere */
};

static void
begin(struct app *app, struct scope *sc, struct making *m)
{
	const struct child *children = m->children.items;
	size_t count = m->children.count;

	m->booking = arena_new(sc->arena, struct booking);
	uuid_new(&m->booking->booking_id);
	uuid_random(&m->booking->reference_number);
	uuid_new(&m->event_id);
	uuid_new(&m->contact_id);
	m->child_ids = arena_new_array(sc->arena, struct uuid, count);
	m->child_keys = arena_new_array(sc->arena, struct uuid, count);
	for (size_t i = 0; i < count; i++) {
		uuid_new(&m->child_ids[i]);
		keyring_child_key(app->ring, &m->caller->customer,
		    names_normal(sc->arena, children[i].name),
		    &m->child_keys[i]);
	}
	keyring_new_key(app->ring, &m->booking->booking_id, &m->key,
	    m->wrapped);
}

static const char *
new_code(struct scope *sc)
{
	char text[9];

	rng_text(text, 8, CODE_ALPHABET);
	return arena_printf(sc->arena, "%.4s-%.4s", text, text + 4);
}

/* The booking as it will stand when it is placed on this day. */
/* Not beyond the booking: what is over must not be paid any more. */
static int64_t
hold_end(const struct app *app, int64_t now_us, int64_t end_us)
{
	int64_t until_us = now_us + app->conf->hold_s * USEC_PER_SEC;

	return until_us < end_us ? until_us : end_us;
}

static void
compose(struct app *app, struct scope *sc, struct making *m,
    const struct day *day, const struct line *lines, size_t line_count,
    int64_t total)
{
	struct booking *b = m->booking;
	bool free_of_charge = total == 0;
	enum booking_state state = BOOKING_PENDING;

	/* A free booking needs no payment: it is confirmed at once. */
	if (free_of_charge && !lifecycle_next(state, MOVE_CONFIRM, &state))
		state = BOOKING_PENDING;

	m->attempt = (struct uuid){ { 0 } };
	if (!free_of_charge && app->stripe)
		uuid_new(&m->attempt);
	b->booking_code = new_code(sc);
	b->customer_id = m->caller->customer;
	b->franchise_id = m->req->franchise_id;
	b->status = lifecycle_word(state);
	b->payment_status = free_of_charge ? "not_required" :
	    uuid_is_none(&m->attempt) ? "pending" : "queued";
	b->start_us = m->req->start_us;
	b->end_us = m->req->end_us;
	b->total_amount = total;
	b->currency = day->currency;
	b->payment_required = !free_of_charge;
	b->payment_url = free_of_charge ? NULL :
	    booking_pay_url(app, sc, &b->booking_id);
	b->manage_url = arena_printf(sc->arena, "%s/manage/%s#token=%s",
	    app->conf->public_url,
	    uuid_format(&b->booking_id, arena_alloc(sc->arena,
	    UUID_TEXT_MAX)), manage_token(app, sc, &b->booking_id,
	    &b->customer_id, b->end_us + MANAGE_DAYS_MAX * USEC_PER_DAY));
	b->hold_expires_us = free_of_charge ? NONE :
	    hold_end(app, day->as_of_us, b->end_us);
	b->child_count = (int64_t)m->children.count;
	b->line_items = lines_json(sc, lines, line_count, b->child_count);
	b->customer_info = m->req->customer_info;
	b->children = m->children;
	b->refund_amount = NONE;
	b->cancelled_us = NONE;
	b->created_us = day->as_of_us;
	b->updated_us = day->as_of_us;
	b->checked_in_us = NONE;
	b->checked_out_us = NONE;
	b->version = 1;
}

static void
news_of_creation(struct scope *sc, const struct making *m, struct news *news)
{
	const struct booking *b = m->booking;
	struct uuid second;

	news_event(news, sc, "BookingCreated", &m->event_id, b, &m->key);
	if (b->payment_required) {
		news_due(news, "expire", b->hold_expires_us);
		/* The request opens the session itself; this row is for when it
		 * cannot, or does not live to. */
		if (!uuid_is_none(&m->attempt))
			news_payment(news, sc, "session", &m->attempt,
			    b->created_us + SESSION_GRACE_US);
	} else {
		uuid_new(&second);
		news_event(news, sc, "BookingConfirmed", &second, b, &m->key);
		news_ticket(news);
	}
}

static void
place_what(struct scope *sc, struct args *args, const struct making *m,
    const struct day *day)
{
	const struct booking *b = m->booking;

	args_uuid(args, &b->booking_id);
	args_uuid(args, &b->customer_id);
	args_uuid(args, &b->franchise_id);
	args_i64(args, day->version);
	args_instant(args, b->start_us);
	args_instant(args, b->end_us);
	args_i64(args, day->slot_minutes);
	args_text(args, b->status);
	args_text(args, b->payment_status);
	args_i64(args, b->total_amount);
	args_text(args, b->currency);
	args_uuid(args, &b->reference_number);
	args_text(args, b->booking_code);
	args_instant(args, b->hold_expires_us);
	args_bytes(args, (struct bytes){ m->wrapped, sizeof m->wrapped });
	args_text(args, b->line_items);
	args_i64s(args, day->cancel_hours.items, day->cancel_hours.count);
	args_i64s(args, day->cancel_percent.items, day->cancel_percent.count);
	args_i64(args, day->cancel_fee);
	(void)sc;
}

static void
place_whom(struct app *app, struct scope *sc, struct args *args,
    const struct making *m)
{
	const struct child *children = m->children.items;
	size_t count = m->children.count;
	struct bytes *contact = arena_new_array(sc->arena, struct bytes,
	    CONTACT_TEXTS);
	struct bytes *texts = arena_new_array(sc->arena, struct bytes,
	    count * CHILD_TEXTS);
	int64_t *ages = arena_new_array(sc->arena, int64_t, count);
	uint8_t *email = arena_alloc(sc->arena, SHA256_LEN);

	booking_seal_contact(sc, &m->key, &m->contact_id,
	    m->req->customer_info, contact);
	booking_seal_children(sc, &m->key, m->child_ids, children, count,
	    texts);
	for (size_t i = 0; i < count; i++)
		ages[i] = children[i].age;
	keyring_email_hash(app->ring, names_email(sc->arena,
	    m->req->customer_info->email), email);

	args_uuid(args, &m->contact_id);
	args_bytess(args, contact, CONTACT_TEXTS);
	args_bytes(args, (struct bytes){ email, SHA256_LEN });
	args_uuids(args, m->child_ids, count);
	args_uuids(args, m->child_keys, count);
	args_i64s(args, ages, count);
	args_bytess(args, texts, count * CHILD_TEXTS);
}

static void
place_limits(struct app *app, struct scope *sc, struct args *args,
    const struct making *m)
{
	bool guest = m->caller->kind == CALLER_GUEST;
	struct bytes address = { NULL, 0 };

	if (guest) {
		uint8_t *hash = arena_alloc(sc->arena, SHA256_LEN);

		keyring_address_hash(app->ring, names_network(sc->arena,
		    m->caller->address), hash);
		address = (struct bytes){ hash, SHA256_LEN };
	}
	args_i64(args, guest ? app->conf->guest_holds_max :
	    app->conf->holds_max);
	args_bytes(args, address);
	args_i64(args, app->conf->guest_holds_per_address);
	args_uuid(args, &m->attempt);
}

/* How long until the earliest hold lapses, for Retry-After. */
static void
note_holds(struct app *app, struct scope *sc, const struct day *day)
{
	int64_t first_s = 0;

	for (const char *p = db_detail(app->db); *p >= '0' && *p <= '9'; p++)
		first_s = first_s * 10 + (*p - '0');
	sc->retry_after_s = first_s - day->as_of_us / USEC_PER_SEC;
	if (sc->retry_after_s < 1)
		sc->retry_after_s = 1;
	scope_fail(sc, ERR_TOO_MANY_HOLDS, "there are unpaid bookings already: "
	    "pay or cancel one, or wait until the earliest hold ends");
}

static enum err
place(struct app *app, struct scope *sc, struct making *m,
    const struct day *day)
{
	struct news news = { 0 };
	struct touched touched = { 0 };
	struct args args;
	enum err e;

	news_of_creation(sc, m, &news);
	args_init(&args, sc->arena);
	place_what(sc, &args, m, day);
	place_whom(app, sc, &args, m);
	news_args(&args, &news);
	replay_args(app, sc, &args, m->caller, m->replay, m->booking,
	    &m->key);
	place_limits(app, sc, &args, m);

	touch(&touched, &m->req->franchise_id, day->day);
	touch_relays(&touched, &news);
	touched_before(app, &touched);
	e = db_do(app->db, sc, STMT_BOOKING_PLACE, &args, NULL);
	touched_after(app, sc, &touched, e);
	if (e == ERR_TOO_MANY_HOLDS)
		note_holds(app, sc, day);
	return e;
}

/* It stands, but as it was sent and not as it was last worked out: a try that
 * came after it may have drawn another code or read another price. */
static enum err
read_placed(struct app *app, struct scope *sc, struct making *m)
{
	const char *manage_url = m->booking->manage_url;
	enum err e = booking_get(app, sc, m->caller, &m->booking->booking_id,
	    &m->booking);

	if (!e)
		m->booking->manage_url = manage_url;
	return e;
}

/* One try: ERR_STALE and ERR_RETRY ask for another. */
static enum err
try_place(struct app *app, struct scope *sc, struct making *m,
    struct refusal *ret_refusal)
{
	struct line lines[DAY_LINES_MAX] = { 0 };
	size_t line_count = 0;
	struct booking_quote quote;
	int64_t total;
	enum err e;

	e = booking_quote(app, sc, &m->req->franchise_id, m->req->start_us,
	    m->caller, m->replay, &quote);
	if (!e)
		e = replay_find(app, sc, &quote.stored, m->replay);
	if (e || (m->replay && m->replay->stored))
		return e;
	if (uuid_is_none(&quote.day.franchise_id) || !quote.day.is_active) {
		scope_fault(sc, "/franchise_id", "unknown",
		    "there is no such franchise");
		return scope_faults(sc);
	}

	e = day_span(sc, &quote.day, m->req->start_us, m->req->end_us,
	    &m->span);
	if (e)
		return e;
	e = day_price(sc, &quote.day, m->span,
	    (int64_t)m->children.count, lines, &line_count, &total);
	if (e)
		return e;

	e = ERR_CAPACITY;
	if (day_room(&quote.day, m->span) >= (int64_t)m->children.count) {
		compose(app, sc, m, &quote.day, lines, line_count, total);
		e = place(app, sc, m, &quote.day);
	}
	if (e == ERR_CHILD_BUSY)
		return booking_child_busy(app, sc, &m->caller->customer,
		    m->req->start_us, m->req->end_us, &m->looked);
	if (e != ERR_CAPACITY)
		return e;

	return booking_no_room(app, sc, &quote.day, m->span,
	    (int64_t)m->children.count, ret_refusal);
}

enum err
booking_create(struct app *app, struct scope *sc, const struct caller *caller,
    const struct booking_request *req, struct replay *replay,
    struct booking **ret_booking, struct refusal *ret_refusal)
{
	struct making m = { .caller = caller, .req = req, .replay = replay,
		.children = booking_request_children(req) };
	bool stands = false;
	enum err e;

	e = caller_needs_customer(sc, caller);
	if (e)
		return e;
	if (!uuid_is_none(&caller->franchise) &&
	    !uuid_equal(&caller->franchise, &req->franchise_id)) {
		scope_fault(sc, "/franchise_id", "unknown",
		    "there is no such franchise");
		return scope_faults(sc);
	}

	begin(app, sc, &m);
	for (int i = 0; i < WRITE_TRIES; i++) {
		if (m.sent) {
			e = event_stands(app, sc, &m.event_id, &stands);
			if (e || stands)
				break;
		}
		e = try_place(app, sc, &m, ret_refusal);
		if (e == ERR_UNCERTAIN)
			m.sent = true;
		else if (e != ERR_STALE && e != ERR_RETRY)
			break;
	}
	crypto_wipe(&m.key, sizeof m.key);
	if (stands)
		e = read_placed(app, sc, &m);
	if (e && m.sent)
		return scope_fail(sc, ERR_UNCERTAIN, "the answer to a booking "
		    "was lost and could not be looked up");
	if (e)
		return e;

	if (replay && replay->stored)
		return ERR_OK;
	if (!uuid_is_none(&m.attempt))
		payment_open_now(app, sc, caller, replay, m.booking,
		    &m.attempt);
	*ret_booking = m.booking;
	return ERR_OK;
}
