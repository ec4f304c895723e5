/* books.c: do the books balance? */
#include "app/books.h"

#include <assert.h>

#include "app/admin.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/instant.h"
#include "base/json.h"
#include "base/scope.h"
#include "base/uuid.h"
#include "store/db.h"

#define MONEY_TEXT_MAX 64
#define CHECKS 9 /* books_verify calls so many */

struct counts {
	int64_t slots;
	int64_t bookings;
};
static const struct column counts_items[] = {
	{ "slots", COLUMN_I64, offsetof(struct counts, slots) },
	{ "bookings", COLUMN_I64, offsetof(struct counts, bookings) },
};
static const struct columns counts_columns = { sizeof(struct counts),
	counts_items, ARRAY_LEN(counts_items) };

struct ledger_row {
	struct uuid franchise;
	int64_t start_us;
	int64_t booked;
	int64_t capacity;
	int64_t children;
};
static const struct column ledger_items[] = {
	{ "franchise_id", COLUMN_UUID, offsetof(struct ledger_row, franchise) },
	{ "slot_start", COLUMN_INSTANT, offsetof(struct ledger_row, start_us) },
	{ "booked", COLUMN_I64, offsetof(struct ledger_row, booked) },
	{ "capacity", COLUMN_I64, offsetof(struct ledger_row, capacity) },
	{ "children", COLUMN_I64, offsetof(struct ledger_row, children) },
};
static const struct columns ledger_columns = { sizeof(struct ledger_row),
	ledger_items, ARRAY_LEN(ledger_items) };

struct uncovered_row {
	struct uuid booking;
	struct uuid franchise;
	int64_t start_us;
	int64_t end_us;
	int64_t minutes;
	int64_t covered;
};
static const struct column uncovered_items[] = {
	{ "id", COLUMN_UUID, offsetof(struct uncovered_row, booking) },
	{ "franchise_id", COLUMN_UUID, offsetof(struct uncovered_row,
	    franchise) },
	{ "start_datetime", COLUMN_INSTANT, offsetof(struct uncovered_row,
	    start_us) },
	{ "end_datetime", COLUMN_INSTANT, offsetof(struct uncovered_row,
	    end_us) },
	{ "minutes", COLUMN_I64, offsetof(struct uncovered_row, minutes) },
	{ "covered", COLUMN_I64, offsetof(struct uncovered_row, covered) },
};
static const struct columns uncovered_columns = {
	sizeof(struct uncovered_row), uncovered_items,
	ARRAY_LEN(uncovered_items)
};

struct events_row {
	struct uuid booking;
	int64_t sequence;
	int64_t events;
	int64_t last;
};
static const struct column events_items[] = {
	{ "id", COLUMN_UUID, offsetof(struct events_row, booking) },
	{ "event_sequence", COLUMN_I64, offsetof(struct events_row, sequence) },
	{ "events", COLUMN_I64, offsetof(struct events_row, events) },
	{ "last_event", COLUMN_I64, offsetof(struct events_row, last) },
};
static const struct columns events_columns = { sizeof(struct events_row),
	events_items, ARRAY_LEN(events_items) };

struct children_row {
	struct uuid booking;
	int64_t child_count;
	int64_t children;
	int64_t active;
	const char *status;
};
static const struct column children_items[] = {
	{ "id", COLUMN_UUID, offsetof(struct children_row, booking) },
	{ "child_count", COLUMN_I64, offsetof(struct children_row,
	    child_count) },
	{ "children", COLUMN_I64, offsetof(struct children_row, children) },
	{ "active", COLUMN_I64, offsetof(struct children_row, active) },
	{ "booking_status", COLUMN_TEXT, offsetof(struct children_row,
	    status) },
};
static const struct columns children_columns = { sizeof(struct children_row),
	children_items, ARRAY_LEN(children_items) };

static void
add(struct books *books, const char *kind, const char *text)
{
	assert(books->count < CHECKS * BOOKS_KIND_MAX);

	books->differences[books->count++] =
	    (struct books_difference){ kind, text };
}

/* How many of what a check found are told; *books notes that it found more. */
static size_t
told(struct books *books, size_t found)
{
	if (found <= BOOKS_KIND_MAX)
		return found;
	books->more = true;
	return BOOKS_KIND_MAX;
}

static const char *
id_text(struct scope *sc, const struct uuid *id)
{
	return uuid_format(id, arena_alloc(sc->arena, UUID_TEXT_MAX));
}

static const char *
instant_text(struct scope *sc, int64_t us)
{
	return instant_format(us, arena_alloc(sc->arena, INSTANT_TEXT_MAX));
}

static enum err
verify_ledger(struct admin *admin, struct scope *sc, struct books *books)
{
	struct ledger_row *rows;
	size_t count;
	enum err e = db_all(admin->db, sc, STMT_VERIFY_LEDGER, NULL,
	    &ledger_columns, &rows, &count);

	for (size_t i = 0; !e && i < told(books, count); i++)
		add(books, "ledger", arena_printf(sc->arena, "franchise %s, "
		    "slot %s: the ledger counts %lld of %lld, the bookings "
		    "%lld", id_text(sc, &rows[i].franchise),
		    instant_text(sc, rows[i].start_us),
		    (long long)rows[i].booked, (long long)rows[i].capacity,
		    (long long)rows[i].children));
	return e;
}

static enum err
verify_uncovered(struct admin *admin, struct scope *sc, struct books *books)
{
	struct uncovered_row *rows;
	size_t count;
	enum err e = db_all(admin->db, sc, STMT_VERIFY_UNCOVERED, NULL,
	    &uncovered_columns, &rows, &count);

	for (size_t i = 0; !e && i < told(books, count); i++)
		add(books, "uncovered", arena_printf(sc->arena, "booking %s, "
		    "franchise %s, from %s until %s: %lld minutes, of which "
		    "the ledger has %lld", id_text(sc, &rows[i].booking),
		    id_text(sc, &rows[i].franchise),
		    instant_text(sc, rows[i].start_us),
		    instant_text(sc, rows[i].end_us),
		    (long long)rows[i].minutes, (long long)rows[i].covered));
	return e;
}

static enum err
verify_events(struct admin *admin, struct scope *sc, struct books *books)
{
	struct events_row *rows;
	size_t count;
	enum err e = db_all(admin->db, sc, STMT_VERIFY_EVENTS, NULL,
	    &events_columns, &rows, &count);

	for (size_t i = 0; !e && i < told(books, count); i++)
		add(books, "events", arena_printf(sc->arena, "booking %s: it "
		    "counts %lld events, the outbox has %lld, the last is "
		    "number %lld", id_text(sc, &rows[i].booking),
		    (long long)rows[i].sequence, (long long)rows[i].events,
		    (long long)rows[i].last));
	return e;
}

static enum err
verify_children(struct admin *admin, struct scope *sc, struct books *books)
{
	struct children_row *rows;
	size_t count;
	enum err e = db_all(admin->db, sc, STMT_VERIFY_CHILDREN, NULL,
	    &children_columns, &rows, &count);

	for (size_t i = 0; !e && i < told(books, count); i++)
		add(books, "children", arena_printf(sc->arena, "booking %s, "
		    "%s: it counts %lld children, there are %lld, %lld of "
		    "them active, or their hours differ",
		    id_text(sc, &rows[i].booking), rows[i].status,
		    (long long)rows[i].child_count,
		    (long long)rows[i].children, (long long)rows[i].active));
	return e;
}

struct change_row {
	struct uuid booking;
	struct uuid change;
	const char *status;
	const char *wrong;
};
static const struct column change_items[] = {
	{ "id", COLUMN_UUID, offsetof(struct change_row, booking) },
	{ "change_id", COLUMN_UUID, offsetof(struct change_row, change) },
	{ "booking_status", COLUMN_TEXT, offsetof(struct change_row, status) },
	{ "wrong", COLUMN_TEXT, offsetof(struct change_row, wrong) },
};
static const struct columns change_columns = { sizeof(struct change_row),
	change_items, ARRAY_LEN(change_items) };

static enum err
verify_changes(struct admin *admin, struct scope *sc, struct books *books)
{
	struct change_row *rows;
	size_t count;
	enum err e = db_all(admin->db, sc, STMT_VERIFY_CHANGES, NULL,
	    &change_columns, &rows, &count);

	for (size_t i = 0; !e && i < told(books, count); i++)
		add(books, "changes", arena_printf(sc->arena, "booking %s, %s: "
		    "of its change %s, which waits for its money, %s",
		    id_text(sc, &rows[i].booking), rows[i].status,
		    id_text(sc, &rows[i].change), rows[i].wrong));
	return e;
}

/* ---- money -------------------------------------------------------------------- */

static const char *
money_text(struct scope *sc, int64_t amount)
{
	struct buf out;

	buf_init(&out, sc->arena, MONEY_TEXT_MAX);
	json_put_money(&out, amount);
	return out.data;
}

struct money_row {
	struct uuid booking;
	int64_t says_paid;
	int64_t says_refunded;
	int64_t paid;
	int64_t refunded;
	int64_t shares; /* what the payments say was refunded of them */
	const char *currency;
};
static const struct column money_items[] = {
	{ "id", COLUMN_UUID, offsetof(struct money_row, booking) },
	{ "paid_amount", COLUMN_I64, offsetof(struct money_row, says_paid) },
	{ "refunded_amount", COLUMN_I64, offsetof(struct money_row,
	    says_refunded) },
	{ "paid", COLUMN_I64, offsetof(struct money_row, paid) },
	{ "refunded", COLUMN_I64, offsetof(struct money_row, refunded) },
	{ "shares", COLUMN_I64, offsetof(struct money_row, shares) },
	{ "currency", COLUMN_TEXT, offsetof(struct money_row, currency) },
};
static const struct columns money_columns = { sizeof(struct money_row),
	money_items, ARRAY_LEN(money_items) };

static enum err
verify_money(struct admin *admin, struct scope *sc, struct books *books)
{
	struct money_row *rows;
	size_t count;
	enum err e = db_all(admin->db, sc, STMT_VERIFY_MONEY, NULL,
	    &money_columns, &rows, &count);

	for (size_t i = 0; !e && i < told(books, count); i++)
		add(books, "money", arena_printf(sc->arena, "booking %s: it "
		    "says %s paid and %s refunded; its payments hold %s and "
		    "say %s refunded, its refunds are %s (%s)",
		    id_text(sc, &rows[i].booking),
		    money_text(sc, rows[i].says_paid),
		    money_text(sc, rows[i].says_refunded),
		    money_text(sc, rows[i].paid),
		    money_text(sc, rows[i].shares),
		    money_text(sc, rows[i].refunded), rows[i].currency));
	return e;
}

struct journal_row {
	const char *kind;
	struct uuid booking;
	int64_t rows;
	int64_t journal;
	const char *currency;
};
static const struct column journal_items[] = {
	{ "kind", COLUMN_TEXT, offsetof(struct journal_row, kind) },
	{ "booking_id", COLUMN_UUID, offsetof(struct journal_row, booking) },
	{ "rows", COLUMN_I64, offsetof(struct journal_row, rows) },
	{ "journal", COLUMN_I64, offsetof(struct journal_row, journal) },
	{ "currency", COLUMN_TEXT, offsetof(struct journal_row, currency) },
};
static const struct columns journal_columns = { sizeof(struct journal_row),
	journal_items, ARRAY_LEN(journal_items) };

static enum err
verify_journal(struct admin *admin, struct scope *sc, struct books *books)
{
	struct journal_row *rows;
	size_t count;
	enum err e = db_all(admin->db, sc, STMT_VERIFY_JOURNAL, NULL,
	    &journal_columns, &rows, &count);

	for (size_t i = 0; !e && i < told(books, count); i++)
		add(books, rows[i].kind, arena_printf(sc->arena, "booking %s: "
		    "%s by its rows, %s by the journal (%s)",
		    id_text(sc, &rows[i].booking),
		    money_text(sc, rows[i].rows),
		    money_text(sc, rows[i].journal), rows[i].currency));
	return e;
}

struct unfinished_row {
	struct uuid booking;
	int64_t count;
};
static const struct column unfinished_items[] = {
	{ "id", COLUMN_UUID, offsetof(struct unfinished_row, booking) },
	{ "unfinished", COLUMN_I64, offsetof(struct unfinished_row, count) },
};
static const struct columns unfinished_columns = {
	sizeof(struct unfinished_row), unfinished_items,
	ARRAY_LEN(unfinished_items)
};

static enum err
verify_unfinished(struct admin *admin, struct scope *sc, struct books *books)
{
	struct unfinished_row *rows;
	size_t count;
	enum err e = db_all(admin->db, sc, STMT_VERIFY_UNFINISHED, NULL,
	    &unfinished_columns, &rows, &count);

	for (size_t i = 0; !e && i < told(books, count); i++)
		add(books, "unfinished", arena_printf(sc->arena, "booking %s: "
		    "%lld payments are under way at once",
		    id_text(sc, &rows[i].booking), (long long)rows[i].count));
	return e;
}

/* ---- visits -------------------------------------------------------------------- */

struct visits_row {
	struct uuid booking;
	const char *status;
	bool visited;
	bool collected;
};
static const struct column visits_items[] = {
	{ "id", COLUMN_UUID, offsetof(struct visits_row, booking) },
	{ "booking_status", COLUMN_TEXT, offsetof(struct visits_row, status) },
	{ "visited", COLUMN_BOOL, offsetof(struct visits_row, visited) },
	{ "collected", COLUMN_BOOL, offsetof(struct visits_row, collected) },
};
static const struct columns visits_columns = { sizeof(struct visits_row),
	visits_items, ARRAY_LEN(visits_items) };

static enum err
verify_visits(struct admin *admin, struct scope *sc, struct books *books)
{
	struct visits_row *rows;
	size_t count;
	enum err e = db_all(admin->db, sc, STMT_VERIFY_VISITS, NULL,
	    &visits_columns, &rows, &count);

	for (size_t i = 0; !e && i < told(books, count); i++)
		add(books, "visits", arena_printf(sc->arena, "booking %s: it "
		    "is %s, but its children %s", id_text(sc,
		    &rows[i].booking), rows[i].status,
		    !rows[i].visited ? "never came" : rows[i].collected ?
		    "came and were collected" : "came"));
	return e;
}

struct owed_row {
	struct uuid refund;
	struct uuid payment;
	struct uuid booking;
	int64_t amount;
	const char *currency;
	const char *failure;
};
static const struct column owed_items[] = {
	{ "id", COLUMN_UUID, offsetof(struct owed_row, refund) },
	{ "payment_id", COLUMN_UUID, offsetof(struct owed_row, payment) },
	{ "booking_id", COLUMN_UUID, offsetof(struct owed_row, booking) },
	{ "amount", COLUMN_I64, offsetof(struct owed_row, amount) },
	{ "currency", COLUMN_TEXT, offsetof(struct owed_row, currency) },
	{ "failure_reason", COLUMN_TEXT, offsetof(struct owed_row, failure) },
};
static const struct columns owed_columns = { sizeof(struct owed_row),
	owed_items, ARRAY_LEN(owed_items) };

static enum err
list_owed(struct admin *admin, struct scope *sc, struct books *books)
{
	struct owed_row *rows;
	size_t count;
	enum err e = db_all(admin->db, sc, STMT_REFUNDS_OWED, NULL,
	    &owed_columns, &rows, &count);

	if (e)
		return e;
	books->owed = arena_new_array(sc->arena, struct books_difference,
	    count);
	for (size_t i = 0; i < count; i++)
		books->owed[books->owed_count++] = (struct books_difference){
			"owed", arena_printf(sc->arena, "booking %s, payment "
			    "%s, refund %s: %s %s could not be sent back%s%s",
			    id_text(sc, &rows[i].booking),
			    id_text(sc, &rows[i].payment),
			    id_text(sc, &rows[i].refund),
			    money_text(sc, rows[i].amount), rows[i].currency,
			    rows[i].failure ? ": " : "",
			    rows[i].failure ? rows[i].failure : "") };
	return ERR_OK;
}

enum err
books_verify(struct admin *admin, struct scope *sc, struct books *ret_books)
{
	struct books books = { .differences = arena_new_array(sc->arena,
	    struct books_difference, CHECKS * BOOKS_KIND_MAX) };
	struct counts counts;
	enum err e;

	e = db_one(admin->db, sc, STMT_VERIFY_COUNTS, NULL, &counts_columns,
	    &counts);
	if (!e)
		e = verify_ledger(admin, sc, &books);
	if (!e)
		e = verify_uncovered(admin, sc, &books);
	if (!e)
		e = verify_events(admin, sc, &books);
	if (!e)
		e = verify_children(admin, sc, &books);
	if (!e)
		e = verify_changes(admin, sc, &books);
	if (!e)
		e = verify_money(admin, sc, &books);
	if (!e)
		e = verify_journal(admin, sc, &books);
	if (!e)
		e = verify_unfinished(admin, sc, &books);
	if (!e)
		e = verify_visits(admin, sc, &books);
	if (!e)
		e = list_owed(admin, sc, &books);
	if (e)
		return e;

	books.slots = counts.slots;
	books.bookings = counts.bookings;
	*ret_books = books;
	return ERR_OK;
}
