/* booking_write.c: news, stored answers and the cache around a change. */
#include "app/booking_write.h"

#include <assert.h>
#include <string.h>

#include "app/app.h"
#include "app/bookings.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/crypto.h"
#include "base/instant.h"
#include "base/json.h"
#include "base/scope.h"
#include "domain/access.h"
#include "domain/day.h"
#include "store/cache.h"
#include "store/db.h"
#include "store/hint.h"

#define FACTS_MAX 4096
#define ANSWER_MAX (256 * 1024)
#define LINES_TEXT_MAX (64 * 1024)

static void
push(struct news *news, const char *topic, const char *type,
    const struct uuid *id, const char *facts, struct bytes sealed,
    int64_t due_us)
{
	size_t i = news->count++;

	assert(i < NEWS_MAX);
	news->topics[i] = topic;
	news->types[i] = type;
	news->ids[i] = *id;
	news->facts[i] = facts;
	news->sealed[i] = sealed;
	news->due_us[i] = due_us;
}

static const char *
open_facts(struct scope *sc, const struct booking *b, const struct news *news)
{
	struct buf out;

	buf_init(&out, sc->arena, FACTS_MAX);
	buf_puts(&out, "{\"customer_id\":");
	json_put_uuid(&out, &b->customer_id);
	buf_puts(&out, ",\"franchise_id\":");
	json_put_uuid(&out, &b->franchise_id);
	buf_puts(&out, ",\"reference_number\":");
	json_put_uuid(&out, &b->reference_number);
	buf_puts(&out, ",\"start_datetime\":");
	json_put_instant(&out, b->start_us);
	buf_puts(&out, ",\"end_datetime\":");
	json_put_instant(&out, b->end_us);
	if (news->was_us != 0 && news->was_us != b->start_us) {
		buf_puts(&out, ",\"was_start_datetime\":");
		json_put_instant(&out, news->was_us);
	}
	if (news->held_us != 0) {
		buf_puts(&out, ",\"held_start_datetime\":");
		json_put_instant(&out, news->held_us);
	}
	if (news->retaken)
		buf_puts(&out, ",\"retaken\":true");
	if (news->checked_in_us != 0) {
		buf_puts(&out, ",\"checked_in_at\":");
		json_put_instant(&out, news->checked_in_us);
	}
	if (news->checked_out_us != 0) {
		buf_puts(&out, ",\"checked_out_at\":");
		json_put_instant(&out, news->checked_out_us);
	}
	buf_puts(&out, ",\"total_amount\":");
	json_put_money(&out, b->total_amount);
	buf_puts(&out, ",\"currency\":");
	json_put_text(&out, b->currency);
	buf_puts(&out, ",\"child_count\":");
	json_put_int(&out, b->child_count);
	buf_puts(&out, ",\"status\":");
	json_put_text(&out, b->status);
	if (b->refund_amount != NONE) {
		buf_puts(&out, ",\"refund_amount\":");
		json_put_money(&out, b->refund_amount);
	}
	buf_putc(&out, '}');
	assert(!out.overflow);
	return out.data;
}

/* customer_email, child_name and the reason are personal: sealed. */
static struct bytes
sealed_facts(struct scope *sc, const struct booking *b,
    const struct data_key *key, const struct uuid *event_id)
{
	const struct child *children = b->children.items;
	struct sealed s;
	struct buf out;

	buf_init(&out, sc->arena, FACTS_MAX * 4);
	buf_puts(&out, "{\"customer_email\":");
	json_put_text(&out, b->customer_info->email);
	buf_puts(&out, ",\"child_name\":");
	json_put_text(&out, children[0].name);
	if (b->cancellation_reason) {
		buf_puts(&out, ",\"cancellation_reason\":");
		json_put_text(&out, b->cancellation_reason);
	}
	buf_putc(&out, '}');
	assert(!out.overflow);

	s = keyring_seal(sc, key, "outbox.sealed", event_id, out.data);
	return (struct bytes){ s.data, s.len };
}

void
news_event(struct news *news, struct scope *sc, const char *type,
    const struct uuid *event_id, const struct booking *booking,
    const struct data_key *key)
{
	if (uuid_is_none(&news->told))
		news->told = *event_id;
	push(news, "events", type, event_id, open_facts(sc, booking, news),
	    key ? sealed_facts(sc, booking, key, event_id) :
	    (struct bytes){ NULL, 0 }, NONE);
}

void
news_due(struct news *news, const char *type, int64_t due_us)
{
	news_work(news, "bookings", type, "{}", due_us);
}

void
news_ticket(struct news *news)
{
	news_work(news, "documents", "qr", "{}", NONE);
}

void
news_mark(struct news *news, const struct uuid *id, const char *topic,
    const char *type, int64_t due_us)
{
	push(news, topic, type, id, "{}", (struct bytes){ NULL, 0 }, due_us);
}

void
news_work(struct news *news, const char *topic, const char *type,
    const char *facts, int64_t due_us)
{
	struct uuid id;

	uuid_new(&id);
	push(news, topic, type, &id, facts, (struct bytes){ NULL, 0 },
	    due_us);
}

void
news_payment(struct news *news, struct scope *sc, const char *type,
    const struct uuid *id, int64_t due_us)
{
	char text[UUID_TEXT_MAX];

	news_work(news, "payments", type, arena_printf(sc->arena,
	    "{\"id\":\"%s\"}", uuid_format(id, text)), due_us);
}

void
news_args(struct args *args, const struct news *news)
{
	args_texts(args, news->topics, news->count);
	args_texts(args, news->types, news->count);
	args_uuids(args, news->ids, news->count);
	args_texts(args, news->facts, news->count);
	args_bytess(args, news->sealed, news->count);
	args_instants(args, news->due_us, news->count);
}

enum err
replay_find(struct app *app, struct scope *sc,
    const struct stored_answer *stored, struct replay *replay)
{
	uint8_t fingerprint[SHA256_LEN];
	struct data_key key;
	enum err e;

	if (!replay || !stored->answer.data)
		return ERR_OK;

	keyring_request_hash(app->ring, replay->fingerprint,
	    replay->fingerprint_len, fingerprint);
	if (stored->fingerprint.len != sizeof fingerprint ||
	    !crypto_equal(stored->fingerprint.data, fingerprint,
	    sizeof fingerprint))
		return scope_fail(sc, ERR_KEY_REUSED, "this Idempotency-Key "
		    "was used for another request");

	e = keyring_unwrap(app->ring, sc, &stored->booking_id,
	    stored->data_key.data, stored->data_key.len, &key);
	if (e)
		return e;
	e = keyring_unseal(sc, &key, "idempotency_keys.answer",
	    &stored->booking_id, stored->answer.data, stored->answer.len,
	    &replay->stored);
	crypto_wipe(&key, sizeof key);
	return e;
}

const char *
replay_text(struct scope *sc, const struct replay *replay, const void *object)
{
	struct buf out;

	buf_init(&out, sc->arena, ANSWER_MAX);
	replay->render(sc, object, &out);
	assert(!out.overflow);
	return out.data;
}

void
replay_text_args(struct app *app, struct scope *sc, struct args *args,
    const struct caller *caller, const struct replay *replay,
    const struct uuid *booking, const struct data_key *key, const char *text)
{
	struct bytes fingerprint = { NULL, 0 };
	struct bytes answer = { NULL, 0 };

	if (replay) {
		uint8_t hash[SHA256_LEN];
		struct sealed s;

		keyring_request_hash(app->ring, replay->fingerprint,
		    replay->fingerprint_len, hash);
		s = keyring_seal(sc, key, "idempotency_keys.answer", booking,
		    text);
		answer = (struct bytes){ s.data, s.len };
		fingerprint = (struct bytes){ arena_memdup(sc->arena, hash,
		    sizeof hash), sizeof hash };
	}
	args_text(args, replay ? caller->name : NULL);
	args_text(args, replay ? replay->key : NULL);
	args_bytes(args, fingerprint);
	args_bytes(args, answer);
}

void
replay_args(struct app *app, struct scope *sc, struct args *args,
    const struct caller *caller, const struct replay *replay,
    const struct booking *booking, const struct data_key *key)
{
	replay_text_args(app, sc, args, caller, replay,
	    booking ? &booking->booking_id : NULL, key,
	    replay ? replay_text(sc, replay, booking) : NULL);
}

enum err
replay_remember(struct app *app, struct scope *sc,
    const struct caller *caller, const struct replay *replay,
    const struct booking_row *row, const char *text)
{
	struct data_key key;
	struct args args;
	enum err e;

	if (!replay)
		return ERR_OK;
	e = keyring_unwrap(app->ring, sc, &row->id, row->data_key.data,
	    row->data_key.len, &key);
	if (e)
		return e;
	args_init(&args, sc->arena);
	args_uuid(&args, &row->id);
	replay_text_args(app, sc, &args, caller, replay, &row->id, &key,
	    text);
	crypto_wipe(&key, sizeof key);

	return db_do(app->db, sc, STMT_BOOKING_REMEMBER, &args, NULL);
}

enum err
replay_restate(struct app *app, struct scope *sc, const struct caller *caller,
    const struct replay *replay, const struct booking_row *row,
    const char *text)
{
	struct data_key key;
	struct sealed answer;
	struct args args;
	enum err e;

	if (!replay)
		return ERR_OK;
	e = keyring_unwrap(app->ring, sc, &row->id, row->data_key.data,
	    row->data_key.len, &key);
	if (e)
		return e;
	answer = keyring_seal(sc, &key, "idempotency_keys.answer", &row->id,
	    text);
	crypto_wipe(&key, sizeof key);

	args_init(&args, sc->arena);
	args_text(&args, caller->name);
	args_text(&args, replay->key);
	args_uuid(&args, &row->id);
	args_bytes(&args, (struct bytes){ answer.data, answer.len });
	return db_do(app->db, sc, STMT_ANSWER_RESTATE, &args, NULL);
}

struct stands {
	bool stands;
};

enum err
event_stands(struct app *app, struct scope *sc, const struct uuid *event_id,
    bool *ret_stands)
{
	static const struct column items[] = { { "stands", COLUMN_BOOL,
	    offsetof(struct stands, stands) } };
	static const struct columns columns = { sizeof(struct stands), items,
		1 };
	struct stands row;
	struct args args;
	enum err e;

	args_init(&args, sc->arena);
	args_uuid(&args, event_id);
	e = db_one(app->db, sc, STMT_BOOKING_EVENT_STANDS, &args, &columns,
	    &row);
	if (e)
		return e;

	*ret_stands = row.stands;
	return ERR_OK;
}

void
touch(struct touched *t, const struct uuid *franchise, int64_t day)
{
	t->franchise = *franchise;
	for (size_t i = 0; i < t->count; i++) {
		if (t->days[i] == day)
			return;
	}
	assert(t->count < ARRAY_LEN(t->days));
	t->days[t->count++] = day;
}

/* Of what is due at once; whatever is due later is found then. */
void
touch_relays(struct touched *t, const struct news *news)
{
	t->news.receipt = news->told;
	for (size_t i = 0; i < news->count; i++) {
		if (news->due_us[i] == NONE)
			t->news.topics |= hint_of(news->topics[i]);
	}
}

void
touched_before(struct app *app, const struct touched *t)
{
	if (t->count > 0)
		cache_intend(app->cache, &t->franchise, t->days, t->count, false);
}

void
touched_after(struct app *app, struct scope *sc, const struct touched *t,
    enum err e)
{
	/* A lost answer may be a commit: forget, to be safe. */
	bool committed = e == ERR_OK || e == ERR_UNCERTAIN ||
	    e == ERR_TIMEOUT;

	if (committed && t->count > 0)
		cache_forget(app->cache, sc, &t->franchise, t->days, t->count,
		    false, &t->news);
	else if (committed)
		cache_hint(app->cache, sc, t->news.topics);
	else if (t->count > 0)
		cache_unintend(app->cache, &t->franchise, t->days, t->count,
		    false);
}

enum err
caller_needs_customer(struct scope *sc, const struct caller *caller)
{
	if (!uuid_is_none(&caller->customer))
		return ERR_OK;
	scope_fault_param(sc, "X-Customer-Id", "required",
	    "a key must name the customer it acts for");
	return scope_fail(sc, ERR_INVALID, "no customer is named");
}

const char *
lines_json(struct scope *sc, const struct line *lines, size_t count,
    int64_t children)
{
	struct buf out;

	buf_init(&out, sc->arena, LINES_TEXT_MAX);
	buf_putc(&out, '[');
	for (size_t i = 0; i < count; i++) {
		struct line_item item = { lines[i].start_us, lines[i].end_us,
			lines[i].rate, lines[i].minutes, children,
			lines[i].amount, lines[i].peak };

		if (i > 0)
			buf_putc(&out, ',');
		form_print(&out, &form_line_item, &item);
	}
	buf_putc(&out, ']');
	assert(!out.overflow);
	return out.data;
}
