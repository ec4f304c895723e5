/* roster.c: who comes on a day, and who is there. */
#include "app/visits.h"

#include <stdio.h>
#include <string.h>

#include "app/app.h"
#include "app/booking_row.h"
#include "app/visit_forms.h"
#include "base/arena.h"
#include "base/codec.h"
#include "base/crypto.h"
#include "base/instant.h"
#include "base/scope.h"
#include "domain/access.h"
#include "domain/lifecycle.h"
#include "store/db.h"

#define LIMIT_DEFAULT 20
/* Of a page; JSON at most doubles it, and an answer has a mebibyte. */
#define TEXT_MAX ((size_t)400 * 1024)

struct day_row {
	struct uuid id;
	const char *time_zone;
	int64_t day;
	int64_t as_of_us;
	struct occupancy occupancy;
};

#define COLUMN(name, kind, field) \
	{ name, kind, offsetof(struct day_row, field) }
static const struct column day_items[] = {
	COLUMN("id", COLUMN_UUID, id),
	COLUMN("time_zone", COLUMN_TEXT, time_zone),
	COLUMN("day", COLUMN_DATE, day),
	COLUMN("as_of", COLUMN_INSTANT, as_of_us),
	COLUMN("expected", COLUMN_I64, occupancy.expected),
	COLUMN("present", COLUMN_I64, occupancy.present),
	COLUMN("collected", COLUMN_I64, occupancy.collected),
	COLUMN("no_show", COLUMN_I64, occupancy.no_show),
	COLUMN("capacity", COLUMN_I64, occupancy.capacity),
};
#undef COLUMN

/* Of the booking only what a desk needs is read. */
struct entry_row {
	struct booking_row b;
	const char *start_label;
	const char *end_label;
};

#define COLUMN(name, kind, field) \
	{ name, kind, offsetof(struct entry_row, field) }
static const struct column entry_items[] = {
	COLUMN("id", COLUMN_UUID, b.id),
	COLUMN("booking_status", COLUMN_TEXT, b.status),
	COLUMN("booking_code", COLUMN_TEXT, b.code),
	COLUMN("start_datetime", COLUMN_INSTANT, b.start_us),
	COLUMN("end_datetime", COLUMN_INSTANT, b.end_us),
	COLUMN("child_count", COLUMN_I64, b.child_count),
	COLUMN("data_key", COLUMN_BYTES, b.data_key),
	COLUMN("start_label", COLUMN_TEXT, start_label),
	COLUMN("end_label", COLUMN_TEXT, end_label),
	COLUMN("checked_in_at", COLUMN_INSTANT, b.visit.in_us),
	COLUMN("checked_out_at", COLUMN_INSTANT, b.visit.out_us),
	COLUMN("contact_id", COLUMN_UUID, b.contact_id),
	COLUMN("contact_name", COLUMN_BYTES, b.contact[0]),
	COLUMN("contact_email", COLUMN_BYTES, b.contact[1]),
	COLUMN("contact_phone", COLUMN_BYTES, b.contact[2]),
	COLUMN("contact_emergency", COLUMN_BYTES, b.contact[3]),
	COLUMN("child_ids", COLUMN_UUIDS, b.child_ids),
	COLUMN("child_ages", COLUMN_I64S, b.child_ages),
	COLUMN("child_texts", COLUMN_BYTESS, b.child_texts),
	COLUMN("as_of", COLUMN_INSTANT, b.as_of_us),
};
#undef COLUMN

/* A cursor is where the page ended: start and id, as base64url. */
static const char *
cursor_write(struct scope *sc, const struct booking_row *last)
{
	char id[UUID_TEXT_MAX];
	const char *text = arena_printf(sc->arena, "%lld,%s",
	    (long long)last->start_us, uuid_format(&last->id, id));

	return codec_b64url(sc->arena, text, strlen(text));
}

static enum err
cursor_read(struct scope *sc, const char *cursor, int64_t *ret_us,
    struct uuid *ret_id)
{
	uint8_t *data;
	size_t len;
	long long us;
	char id[UUID_TEXT_MAX];
	int end = 0;

	if (codec_unb64url(sc->arena, cursor, strlen(cursor), &data, &len)) {
		const char *text = arena_strndup(sc->arena, (char *)data, len);

		if (strlen(text) < 80 && sscanf(text, "%18lld,%36[0-9a-f-]%n",
		    &us, id, &end) == 2 && text[end] == '\0' && us > 0 &&
		    uuid_parse(id, ret_id)) {
			*ret_us = us;
			return ERR_OK;
		}
	}
	scope_fault_param(sc, "cursor", "format",
	    "must be the next_cursor of an earlier page");
	return scope_faults(sc);
}

/* A visit is what it is until somebody records its end, whatever became of the
 * booking by itself. */
static const char *
status_of(const struct booking_row *row)
{
	if (row->visit.out_us != NONE)
		return "collected";
	if (row->visit.in_us != NONE)
		return "checked_in";
	if (strcmp(row->status, lifecycle_word(BOOKING_NO_SHOW)) == 0 ||
	    row->end_us <= row->as_of_us)
		return "no_show";
	return "expected";
}

static size_t
length(const char *text)
{
	return text ? strlen(text) : 0;
}

/* Bytes of what people wrote, before JSON escapes any. */
static size_t
text_of(const struct roster_entry *entry)
{
	const struct child *children = entry->children.items;
	const struct contact *c = entry->contact;
	size_t len = 0;

	if (c)
		len = length(c->name) + length(c->email) + length(c->phone) +
		    length(c->emergency_contact);

	for (size_t i = 0; i < entry->children.count; i++)
		len += length(children[i].name) +
		    length(children[i].special_needs) +
		    length(children[i].allergies) +
		    length(children[i].pickup_authorization) +
		    length(children[i].special_instructions);
	return len;
}

static enum err
read_contact(struct scope *sc, const struct data_key *key,
    const struct booking_row *b, struct contact **ret_contact)
{
	struct contact *contact = arena_new(sc->arena, struct contact);
	enum err e;

	e = booking_unseal_contact(sc, key, &b->contact_id, b->contact,
	    contact);
	if (e)
		return e;

	*ret_contact = contact;
	return ERR_OK;
}

/*
 * Who they are.  One booking that cannot be read, its key being lost or its
 * bytes spoilt, must not hide the others of the day: it is marked, with what is
 * left.  Of its children all are shown or none: among words that are there a
 * missing allergy would pass for none.
 */
static void
read_people(struct app *app, struct scope *sc, const struct booking_row *b,
    struct roster_entry *entry)
{
	char id[UUID_TEXT_MAX];
	struct data_key key;
	enum err contact;
	enum err children;

	contact = keyring_unwrap(app->ring, sc, &b->id, b->data_key.data,
	    b->data_key.len, &key);
	children = contact;
	if (!contact) {
		contact = read_contact(sc, &key, b, &entry->contact);
		children = booking_unseal_children(sc, &key, &b->child_ids,
		    &b->child_ages, &b->child_texts, &entry->children);
		crypto_wipe(&key, sizeof key);
	}
	entry->unreadable = contact || children;
	if (entry->unreadable)
		scope_notice(sc, "booking %s cannot be read: %s",
		    uuid_format(&b->id, id), sc->why);
}

/* As many as an answer holds, at least one; the others are the next page's. */
static void
entries(struct app *app, struct scope *sc, const struct entry_row *rows,
    size_t count, struct list *ret_list)
{
	struct roster_entry *items = arena_new_array(sc->arena,
	    struct roster_entry, count);
	size_t text = 0;
	size_t i;

	for (i = 0; i < count && (i == 0 || text < TEXT_MAX); i++) {
		const struct booking_row *b = &rows[i].b;

		items[i] = (struct roster_entry){
			.booking_id = b->id,
			.booking_code = b->code,
			.status = status_of(b),
			.start_time = rows[i].start_label,
			.end_time = rows[i].end_label,
			.start_us = b->start_us,
			.end_us = b->end_us,
			.checked_in_us = b->visit.in_us,
			.checked_out_us = b->visit.out_us,
			.child_count = b->child_count,
			.child_ages = b->child_ages,
		};
		read_people(app, sc, b, &items[i]);
		text += text_of(&items[i]);
	}
	*ret_list = (struct list){ items, i };
}

static enum err
read_day(struct app *app, struct scope *sc, const struct caller *caller,
    const struct uuid *franchise, int64_t date, struct day_row *ret_row)
{
	static const struct columns columns = { sizeof(struct day_row),
		day_items, ARRAY_LEN(day_items) };
	struct args args;
	enum err e;

	args_init(&args, sc->arena);
	args_uuid(&args, franchise);
	args_date(&args, date);
	args_uuid(&args, &caller->franchise);
	e = db_one(app->db, sc, STMT_ROSTER_DAY, &args, &columns, ret_row);
	if (e == ERR_NOT_FOUND)
		return scope_fail(sc, e, "no such franchise of the caller's");
	return e;
}

enum err
visit_roster(struct app *app, struct scope *sc, const struct caller *caller,
    const struct uuid *franchise, const struct roster_query *query,
    struct roster *ret_roster)
{
	static const struct columns columns = { sizeof(struct entry_row),
		entry_items, ARRAY_LEN(entry_items) };
	int64_t limit = query->limit == NONE ? LIMIT_DEFAULT : query->limit;
	struct day_row *day = arena_new(sc->arena, struct day_row);
	struct uuid after_id = { { 0 } };
	int64_t after_us = NONE;
	struct entry_row *rows = NULL;
	size_t count = 0;
	struct args args;
	enum err e;

	e = query->cursor ? cursor_read(sc, query->cursor, &after_us,
	    &after_id) : ERR_OK;
	if (!e)
		e = read_day(app, sc, caller, franchise, query->date, day);
	if (e)
		return e;

	args_init(&args, sc->arena);
	args_uuid(&args, franchise);
	args_date(&args, day->day);
	args_instant(&args, after_us);
	args_uuid(&args, &after_id);
	args_i64(&args, limit + 1);
	e = db_all(app->db, sc, STMT_ROSTER_LIST, &args, &columns, &rows,
	    &count);
	if (e)
		return e;

	entries(app, sc, rows, (int64_t)count > limit ? (size_t)limit : count,
	    &ret_roster->data);
	ret_roster->has_more = count > ret_roster->data.count;
	ret_roster->next_cursor = ret_roster->has_more ?
	    cursor_write(sc, &rows[ret_roster->data.count - 1].b) : NULL;
	ret_roster->franchise_id = day->id;
	ret_roster->date = day->day;
	ret_roster->time_zone = day->time_zone;
	ret_roster->occupancy = &day->occupancy;
	ret_roster->as_of_us = day->as_of_us;
	return ERR_OK;
}
