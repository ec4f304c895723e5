/* payment_admin.c: payments as an operator sees them. */
#include "app/payment_admin.h"

#include "app/admin.h"
#include "app/app.h"
#include "app/payment_forms.h"
#include "app/payments.h"
#include "base/instant.h"
#include "base/scope.h"
#include "domain/access.h"
#include "store/db.h"

#define COLUMN(name, kind, field) \
	{ name, kind, offsetof(struct payment_line, field) }
static const struct column line_items[] = {
	COLUMN("id", COLUMN_UUID, id),
	COLUMN("booking_id", COLUMN_UUID, booking),
	COLUMN("payment_status", COLUMN_TEXT, status),
	COLUMN("amount", COLUMN_I64, amount),
	COLUMN("refunded_amount", COLUMN_I64, refunded),
	COLUMN("currency", COLUMN_TEXT, currency),
	COLUMN("payment_method", COLUMN_TEXT, method),
	COLUMN("stripe_payment_id", COLUMN_TEXT, intent),
	COLUMN("failure_code", COLUMN_TEXT, failure),
	COLUMN("created_at", COLUMN_INSTANT, created_us),
};
#undef COLUMN
static const struct columns line_columns = { sizeof(struct payment_line),
	line_items, ARRAY_LEN(line_items) };

#define COLUMN(name, kind, field) \
	{ name, kind, offsetof(struct payment_entry, field) }
static const struct column entry_items[] = {
	COLUMN("kind", COLUMN_TEXT, kind),
	COLUMN("account", COLUMN_TEXT, account),
	COLUMN("amount", COLUMN_I64, amount),
	COLUMN("currency", COLUMN_TEXT, currency),
	COLUMN("created_at", COLUMN_INSTANT, created_us),
};
#undef COLUMN
static const struct columns entry_columns = { sizeof(struct payment_entry),
	entry_items, ARRAY_LEN(entry_items) };

#define COLUMN(name, kind, field) \
	{ name, kind, offsetof(struct payment_dispute, field) }
static const struct column dispute_items[] = {
	COLUMN("stripe_dispute_id", COLUMN_TEXT, id),
	COLUMN("dispute_status", COLUMN_TEXT, status),
	COLUMN("amount", COLUMN_I64, amount),
	COLUMN("held", COLUMN_I64, held),
	COLUMN("currency", COLUMN_TEXT, currency),
	COLUMN("told_at", COLUMN_INSTANT, told_us),
};
#undef COLUMN
static const struct columns dispute_columns = { sizeof(struct payment_dispute),
	dispute_items, ARRAY_LEN(dispute_items) };

#define COLUMN(name, kind, field) \
	{ name, kind, offsetof(struct payment_due, field) }
static const struct column due_items[] = {
	COLUMN("id", COLUMN_I64, id),
	COLUMN("type", COLUMN_TEXT, type),
	COLUMN("due_at", COLUMN_INSTANT, due_us),
	COLUMN("attempts", COLUMN_I64, attempts),
	COLUMN("dead_at", COLUMN_INSTANT, dead_us),
};
#undef COLUMN
static const struct columns due_columns = { sizeof(struct payment_due),
	due_items, ARRAY_LEN(due_items) };

enum err
payment_browse(struct admin *admin, struct scope *sc,
    const struct payment_filter *filter, struct payment_line **ret_lines,
    size_t *ret_count)
{
	struct args args;

	args_init(&args, sc->arena);
	args_text(&args, filter->status);
	args_uuid(&args, &filter->booking);
	args_instant(&args, filter->since_us);
	args_i64(&args, filter->max);
	return db_all(admin->db, sc, STMT_PAYMENT_BROWSE, &args, &line_columns,
	    ret_lines, ret_count);
}

/* What payment_row.c reads with. */
static struct app
app_of(const struct admin *admin)
{
	return (struct app){ .conf = admin->conf, .shm = admin->shm,
		.db = admin->db, .cache = admin->cache };
}

enum err
payment_inspect(struct admin *admin, struct scope *sc, const struct uuid *id,
    struct payment_file *ret_file)
{
	struct app app = app_of(admin);
	struct payment_file file;
	struct args args;
	enum err e;

	e = payment_find(&app, sc, id, NULL, NULL, &file.payment);
	if (e == ERR_NOT_FOUND)
		return scope_fail(sc, e, "there is no such payment");
	if (!e)
		e = refund_rows(&app, sc, id, &file.refunds,
		    &file.refund_count);
	args_init(&args, sc->arena);
	args_uuid(&args, id);
	if (!e)
		e = db_all(admin->db, sc, STMT_PAYMENT_DISPUTES, &args,
		    &dispute_columns, &file.disputes, &file.dispute_count);
	if (!e)
		e = db_all(admin->db, sc, STMT_PAYMENT_ENTRIES, &args,
		    &entry_columns, &file.entries, &file.entry_count);
	if (!e)
		e = db_all(admin->db, sc, STMT_PAYMENT_DUE, &args,
		    &due_columns, &file.due, &file.due_count);
	if (e)
		return e;

	*ret_file = file;
	return ERR_OK;
}

enum err
payment_retry(struct admin *admin, struct scope *sc, const struct uuid *id,
    int64_t *ret_count)
{
	struct app app = app_of(admin);
	struct payment_row row;
	struct args args;
	enum err e;

	e = payment_find(&app, sc, id, NULL, NULL, &row);
	if (e == ERR_NOT_FOUND)
		return scope_fail(sc, e, "there is no such payment");
	if (e)
		return e;
	args_init(&args, sc->arena);
	args_uuid(&args, id);
	return db_do(admin->db, sc, STMT_PAYMENT_RETRY, &args, ret_count);
}

/* ---- refunds by staff ---------------------------------------------------------- */

enum err
payment_give_back(struct app *app, struct scope *sc, const struct uuid *id,
    int64_t amount, struct payment_back *ret_back)
{
	static const struct caller staff = { .kind = CALLER_SYSTEM,
		.name = "system" };
	struct refund *refund;
	enum err e;

	e = payment_refund(app, sc, &staff, id, amount, NULL, &refund);
	/* A faulty amount was an option, not a body. */
	if (e == ERR_INVALID)
		return scope_fail(sc, ERR_CONFLICT, "amount %s",
		    sc->faults->detail);
	if (e)
		return e;

	*ret_back = (struct payment_back){ refund->refund_id, refund->amount,
		refund->currency };
	return ERR_OK;
}
