/* visits.c: children come in, children go home. */
#include "app/visits.h"

#include <string.h>

#include "app/app.h"
#include "app/booking_write.h"
#include "app/bookings.h"
#include "app/tickets.h"
#include "app/visit_forms.h"
#include "base/arena.h"
#include "base/instant.h"
#include "base/scope.h"
#include "domain/access.h"
#include "domain/lifecycle.h"
#include "domain/pickup.h"
#include "domain/ticket.h"
#include "domain/visit.h"
#include "store/db.h"

/* One coming or going being worked out. */
struct moving {
	/* It reads any booking of its franchise, as ourselves. */
	struct caller reader;
	struct replay *replay;
	struct uuid id;
	struct uuid event_id;
	/* The same however often it is tried, so that a lost answer is found. */
	int64_t at_us;
	bool uncertain;
	/* coming */
	const char *with; /* "qr", "booking_code" */
	int64_t qr_version; /* of what was scanned; NONE */
	/* going */
	const struct checkout_request *req;
	const char *reason; /* NULL = the name is on the list */
	/* anew at every try */
	struct booking_row row;
	enum booking_state state;
	struct booking *booking;
	bool unreadable; /* booking has nobody in it */
	struct data_key key;
};

static void
begin(struct moving *m, const struct caller *caller, struct replay *replay)
{
	m->reader = *caller;
	m->reader.kind = CALLER_SYSTEM;
	/* Staff act for their franchise, for no customer. */
	m->reader.customer = (struct uuid){ { 0 } };
	m->replay = replay;
	m->at_us = NONE;
	uuid_new(&m->event_id);
}

/*
 * Who is at the desk comes in, whether we can read of them or not: else they
 * would be there and on no list.  What is read of such a booking is not known,
 * so nobody is shown; its answer cannot be sealed, so it is not kept.  Who goes
 * has to be known.
 */
static enum err
read_people(struct app *app, struct scope *sc, struct moving *m)
{
	char id[UUID_TEXT_MAX];
	enum err e = booking_row_view(app, sc, &m->row, &m->booking);

	m->unreadable = (e == ERR_CORRUPT || e == ERR_KEY_ABSENT) && !m->req;
	if (!m->unreadable)
		return e;

	scope_notice(sc, "booking %s cannot be read: %s",
	    uuid_format(&m->row.id, id), sc->why);
	m->booking = booking_row_outline(app, sc, &m->row);
	m->replay = NULL;
	return ERR_OK;
}

static enum err
load(struct app *app, struct scope *sc, struct moving *m)
{
	const struct booking_row *row = &m->row;
	enum err e;

	e = booking_row_load(app, sc, &m->reader, &m->id, m->replay, &m->row);
	if (!e)
		e = replay_find(app, sc, &row->stored, m->replay);
	if (e || (m->replay && m->replay->stored))
		return e;
	if (!lifecycle_parse(row->status, &m->state))
		return scope_fail(sc, ERR_INTERNAL, "unknown state in row");
	if (m->at_us == NONE)
		m->at_us = row->as_of_us;
	return read_people(app, sc, m);
}

static bool
is_me(const struct moving *m, const char *by)
{
	return by && strcmp(by, m->reader.name) == 0;
}

/* Did the write whose answer was lost take effect?  Its time is its own, to the
 * microsecond, and so is the hand. */
static bool
was_mine(const struct moving *m, int64_t at_us, const char *by)
{
	return m->uncertain && at_us == m->at_us && is_me(m, by);
}

static struct visit_facts
facts_of(const struct moving *m, int64_t done_us, const char *by)
{
	const struct booking_row *row = &m->row;

	return (struct visit_facts){
		.state = m->state,
		.lapsed = booking_row_lapsed(row),
		.day = row->local_day,
		.today = row->local_today,
		.end_us = row->end_us,
		.now_us = row->as_of_us,
		.same_hand = is_me(m, by),
		.done_us = done_us,
	};
}

static struct visit *
view(struct scope *sc, const struct moving *m, enum booking_state state,
    bool already)
{
	const struct booking_row *row = &m->row;
	struct visit *v = arena_new(sc->arena, struct visit);

	*v = (struct visit){
		.booking_id = row->id,
		.reference_number = row->reference,
		.booking_code = row->code,
		.franchise_id = row->franchise_id,
		.status = lifecycle_word(state),
		.start_us = row->start_us,
		.end_us = row->end_us,
		.time_zone = row->time_zone,
		.checked_in_us = row->visit.in_us,
		.checked_in_with = row->visit.in_with,
		.checked_out_us = row->visit.out_us,
		.already = already,
		.unreadable = m->unreadable,
		.contact = m->booking->customer_info,
		.children = m->booking->children,
	};
	return v;
}

/* What changes nothing still owns its key. */
static enum err
remember(struct app *app, struct scope *sc, const struct moving *m,
    struct visit *v, struct visit **ret_visit)
{
	enum err e = replay_remember(app, sc, &m->reader, m->replay, &m->row,
	    m->replay ? replay_text(sc, m->replay, v) : NULL);

	/* A lost answer is read again: then it is stored, or it is not. */
	if (e == ERR_UNCERTAIN)
		return ERR_STALE;
	if (e)
		return e;
	*ret_visit = v;
	return ERR_OK;
}

/* The event of it, and what stands under the caller's key. */
static void
tell(struct app *app, struct scope *sc, const struct moving *m,
    struct news *news, const char *event, enum booking_state to,
    const struct visit *v, struct args *args)
{
	struct booking now = *m->booking;

	now.status = lifecycle_word(to);
	news->checked_in_us = v->checked_in_us;
	if (v->checked_out_us != NONE)
		news->checked_out_us = v->checked_out_us;
	if (to != m->state)
		news_event(news, sc, event, &m->event_id, &now,
		    m->unreadable ? NULL : &m->key);
	news_args(args, news);
	replay_text_args(app, sc, args, &m->reader, m->replay, &m->row.id,
	    &m->key, m->replay ? replay_text(sc, m->replay, v) : NULL);
}

/* No day's places change, but for those that a change of the booking held. */
static enum err
commit(struct app *app, struct scope *sc, const struct moving *m,
    enum stmt stmt, const struct args *args, const struct news *news)
{
	const struct booking_row *row = &m->row;
	struct touched touched = { .count = 0 };
	enum err e;

	if (!uuid_is_none(&row->change.id))
		touch(&touched, &row->franchise_id, row->change.local_day);
	touch_relays(&touched, news);
	touched_before(app, &touched);
	e = db_do(app->db, sc, stmt, args, NULL);
	touched_after(app, sc, &touched, e);
	return e;
}

/* ---- coming --------------------------------------------------------------------- */

static enum err
write_in(struct app *app, struct scope *sc, struct moving *m,
    struct visit **ret_visit)
{
	struct news news = { 0 };
	enum booking_state to;
	struct visit *v;
	struct args args;
	enum err e;

	if (!lifecycle_next(m->state, MOVE_CHECK_IN, &to))
		return scope_fail(sc, ERR_STALE, "the state has changed");
	e = m->unreadable ? ERR_OK : keyring_unwrap(app->ring, sc, &m->row.id,
	    m->row.data_key.data, m->row.data_key.len, &m->key);
	if (e)
		return e;
	v = view(sc, m, to, false);
	v->checked_in_us = m->at_us;
	v->checked_in_with = m->with;

	args_init(&args, sc->arena);
	args_uuid(&args, &m->row.id);
	args_uuid(&args, &m->row.customer_id);
	args_i64(&args, m->row.version);
	args_text(&args, m->reader.name);
	args_text(&args, m->with);
	args_instant(&args, m->at_us);
	/* A change that waits for its money goes, and its page is closed. */
	if (!uuid_is_none(&m->row.change.id)) {
		news.held_us = m->row.change.start_us;
		news_work(&news, "payments", "close", "{}", NONE);
	}
	tell(app, sc, m, &news, "BookingCheckedIn", to, v, &args);
	crypto_wipe(&m->key, sizeof m->key);
	e = commit(app, sc, m, STMT_VISIT_CHECK_IN, &args, &news);
	if (e)
		return e;

	*ret_visit = v;
	return ERR_OK;
}

static enum err
try_in(struct app *app, struct scope *sc, struct moving *m,
    struct visit **ret_visit)
{
	const struct visit_row *visit = &m->row.visit;
	struct visit_facts facts;
	bool again;
	enum err e;

	e = load(app, sc, m);
	if (e || (m->replay && m->replay->stored))
		return e;
	if (m->qr_version != NONE && m->qr_version != m->row.qr_version)
		return scope_fail(sc, ERR_REVOKED, "the code was revoked");
	if (was_mine(m, visit->in_us, visit->in_by)) {
		*ret_visit = view(sc, m, m->state, false);
		return ERR_OK;
	}
	facts = facts_of(m, visit->in_us, visit->in_by);
	e = visit_may_begin(sc, &facts, &again);
	if (e)
		return e;

	if (again)
		return remember(app, sc, m, view(sc, m, m->state, true),
		    ret_visit);
	return write_in(app, sc, m, ret_visit);
}

struct found {
	struct uuid id;
	struct uuid franchise_id;
	int64_t qr_version;
};

static enum err
find(struct app *app, struct scope *sc, const struct uuid *reference,
    const char *code, struct found *ret_found)
{
	static const struct column items[] = {
		{ "id", COLUMN_UUID, offsetof(struct found, id) },
		{ "franchise_id", COLUMN_UUID, offsetof(struct found,
		    franchise_id) },
		{ "qr_version", COLUMN_I64, offsetof(struct found,
		    qr_version) },
	};
	static const struct columns columns = { sizeof(struct found), items,
		ARRAY_LEN(items) };
	struct args args;

	args_init(&args, sc->arena);
	args_uuid(&args, reference);
	args_text(&args, code);
	return db_one(app->db, sc, STMT_TICKET_FIND, &args, &columns,
	    ret_found);
}

static bool
is_ours(const struct moving *m, const struct found *found)
{
	return uuid_is_none(&m->reader.franchise) ||
	    uuid_equal(&m->reader.franchise, &found->franchise_id);
}

/* Whose code it is.  What we did not sign is refused before anything is looked
 * up: it cannot be used to ask which references there are. */
static enum err
find_by_qr(struct app *app, struct scope *sc, struct moving *m,
    const char *text)
{
	struct found found;
	struct ticket ticket;
	enum err e;

	e = ticket_read(app, sc, text, &ticket);
	if (!e)
		e = find(app, sc, &ticket.reference, NULL, &found);
	if (e == ERR_NOT_FOUND)
		return scope_fail(sc, ERR_FORGED, "a code of no booking");
	if (e)
		return e;
	if (ticket.version != found.qr_version)
		return scope_fail(sc, ERR_REVOKED, "the code was revoked");
	if (!is_ours(m, &found))
		return scope_fail(sc, ERR_OTHER_FRANCHISE, "a booking of "
		    "another franchise");

	m->id = found.id;
	m->with = "qr";
	m->qr_version = ticket.version;
	return ERR_OK;
}

/* A code is no secret: of another franchise's it is as if it were not there. */
static enum err
find_by_code(struct app *app, struct scope *sc, struct moving *m,
    const char *text)
{
	const char *code = ticket_code(sc->arena, text);
	struct found found;
	enum err e = ERR_NOT_FOUND;

	if (code)
		e = find(app, sc, NULL, code, &found);
	if (e == ERR_NOT_FOUND || (!e && !is_ours(m, &found)))
		return scope_fail(sc, ERR_NOT_FOUND, "no such booking code "
		    "here");
	if (e)
		return e;

	m->id = found.id;
	m->with = "booking_code";
	m->qr_version = NONE;
	return ERR_OK;
}

enum err
visit_check_in(struct app *app, struct scope *sc, const struct caller *caller,
    const struct checkin_request *req, struct replay *replay,
    struct visit **ret_visit)
{
	struct moving m = { .with = NULL };
	enum err e;

	begin(&m, caller, replay);
	e = req->qr ? find_by_qr(app, sc, &m, req->qr) :
	    find_by_code(app, sc, &m, req->booking_code);
	if (e)
		return e;

	e = ERR_STALE;
	for (int i = 0; i < WRITE_TRIES; i++) {
		e = try_in(app, sc, &m, ret_visit);
		if (e == ERR_UNCERTAIN)
			m.uncertain = true;
		else if (e != ERR_STALE && e != ERR_RETRY)
			break;
	}
	if (e && m.uncertain)
		return scope_fail(sc, ERR_UNCERTAIN, "the answer to a check-in "
		    "was lost and could not be looked up");
	return e;
}

/* ---- going ---------------------------------------------------------------------- */

/* The customer, or a name on the list of every child. */
static bool
may_collect(struct scope *sc, const struct booking *b, const char *name)
{
	const struct child *children = b->children.items;

	if (pickup_same(sc->arena, b->customer_info->name, name))
		return true;
	for (size_t i = 0; i < b->children.count; i++) {
		if (!pickup_allows(sc->arena, children[i].pickup_authorization,
		    name))
			return false;
	}
	return b->children.count > 0;
}

/* Why they may go with that person: NULL, or the reason it is overridden. */
static enum err
check_hand(struct scope *sc, struct moving *m)
{
	m->reason = NULL;
	if (may_collect(sc, m->booking, m->req->collected_by))
		return ERR_OK;
	if (!m->req->override)
		return scope_fail(sc, ERR_NOT_AUTHORISED, "whoever collects is "
		    "not on the list");
	m->reason = m->req->reason;
	return ERR_OK;
}

static enum err
write_out(struct app *app, struct scope *sc, struct moving *m,
    struct visit **ret_visit)
{
	enum booking_state to = BOOKING_COMPLETED;
	struct news news = { 0 };
	struct sealed by;
	struct sealed reason;
	struct visit *v;
	struct args args;
	enum err e;

	/* One that ended by itself stays as it is, and gets the record. */
	if (m->state != to && !lifecycle_next(m->state, MOVE_COMPLETE, &to))
		return scope_fail(sc, ERR_STALE, "the state has changed");
	e = keyring_unwrap(app->ring, sc, &m->row.id, m->row.data_key.data,
	    m->row.data_key.len, &m->key);
	if (e)
		return e;
	by = keyring_seal(sc, &m->key, "visits.collected_by", &m->row.id,
	    m->req->collected_by);
	reason = keyring_seal(sc, &m->key, "visits.override_reason",
	    &m->row.id, m->reason);
	v = view(sc, m, to, false);
	v->checked_out_us = m->at_us;
	v->collected_by = m->req->collected_by;
	v->overridden = m->reason != NULL;

	args_init(&args, sc->arena);
	args_uuid(&args, &m->row.id);
	args_uuid(&args, &m->row.customer_id);
	args_i64(&args, m->row.version);
	args_text(&args, m->reader.name);
	args_instant(&args, m->at_us);
	args_bytes(&args, (struct bytes){ by.data, by.len });
	args_bytes(&args, (struct bytes){ reason.data, reason.len });
	tell(app, sc, m, &news, "BookingCompleted", to, v, &args);
	crypto_wipe(&m->key, sizeof m->key);
	e = commit(app, sc, m, STMT_VISIT_CHECK_OUT, &args, &news);
	if (e)
		return e;

	*ret_visit = v;
	return ERR_OK;
}

/* As it was recorded. */
static enum err
view_out(struct app *app, struct scope *sc, struct moving *m, bool already,
    struct visit **ret_visit)
{
	const struct visit_row *visit = &m->row.visit;
	struct visit *v = view(sc, m, m->state, already);
	enum err e;

	e = keyring_unwrap(app->ring, sc, &m->row.id, m->row.data_key.data,
	    m->row.data_key.len, &m->key);
	if (!e)
		e = keyring_unseal(sc, &m->key, "visits.collected_by",
		    &m->row.id, visit->collected_by.data,
		    visit->collected_by.len, &v->collected_by);
	crypto_wipe(&m->key, sizeof m->key);
	if (e)
		return e;

	v->overridden = visit->reason.data != NULL;
	*ret_visit = v;
	return ERR_OK;
}

static enum err
try_out(struct app *app, struct scope *sc, struct moving *m,
    struct visit **ret_visit)
{
	const struct visit_row *visit = &m->row.visit;
	struct visit_facts facts;
	struct visit *v;
	bool again;
	enum err e;

	e = load(app, sc, m);
	if (e || (m->replay && m->replay->stored))
		return e;
	if (was_mine(m, visit->out_us, visit->out_by))
		return view_out(app, sc, m, false, ret_visit);
	facts = facts_of(m, visit->out_us, visit->out_by);
	e = visit_may_end(sc, &facts, &again);
	if (e)
		return e;
	if (!again) {
		/* Clocks may step back, children do not. */
		if (m->at_us < visit->in_us)
			m->at_us = visit->in_us;
		e = check_hand(sc, m);
		return e ? e : write_out(app, sc, m, ret_visit);
	}

	/* The same hand again, but about somebody else: that is not a repeat. */
	e = view_out(app, sc, m, true, &v);
	if (e)
		return e;
	if (!pickup_same(sc->arena, v->collected_by, m->req->collected_by))
		return scope_fail(sc, ERR_COLLECTED, "the children were "
		    "collected already, by somebody else");
	return remember(app, sc, m, v, ret_visit);
}

enum err
visit_check_out(struct app *app, struct scope *sc, const struct caller *caller,
    const struct uuid *id, const struct checkout_request *req,
    struct replay *replay, struct visit **ret_visit)
{
	struct moving m = { .id = *id, .req = req, .qr_version = NONE };
	enum err e = ERR_STALE;

	begin(&m, caller, replay);
	for (int i = 0; i < WRITE_TRIES; i++) {
		e = try_out(app, sc, &m, ret_visit);
		if (e == ERR_UNCERTAIN)
			m.uncertain = true;
		else if (e != ERR_STALE && e != ERR_RETRY)
			break;
	}
	if (e && m.uncertain)
		return scope_fail(sc, ERR_UNCERTAIN, "the answer to a "
		    "check-out was lost and could not be looked up");
	return e;
}
