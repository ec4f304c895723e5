/* payments_look.c: bookingctl payments list, show, retry and refund. */
#include "ctl/payments_look.h"

#include <inttypes.h>
#include <stdio.h>

#include "app/payment_admin.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/instant.h"
#include "base/json.h"
#include "ctl/ctl.h"
#include "ctl/options.h"
#include "domain/settlement.h"

#define LIST_MAX 10000
#define LIST_USUAL 100

/* ---- JSON ---------------------------------------------------------------------- */

static void
put_text(struct buf *out, const char *name, const char *text)
{
	buf_printf(out, ",\"%s\":", name);
	if (text)
		json_put_text(out, text);
	else
		buf_puts(out, "null");
}

static void
put_instant(struct buf *out, const char *name, int64_t us)
{
	buf_printf(out, ",\"%s\":", name);
	if (us == NONE)
		buf_puts(out, "null");
	else
		json_put_instant(out, us);
}

static void
put_money(struct buf *out, const char *name, int64_t amount)
{
	buf_printf(out, ",\"%s\":", name);
	json_put_money(out, amount);
}

static void
put_id(struct buf *out, const char *name, const struct uuid *id)
{
	buf_printf(out, "\"%s\":", name);
	json_put_uuid(out, id);
}

/* ---- list ---------------------------------------------------------------------- */

struct list_options {
	const char *status;
	struct uuid booking;
	int64_t since;
	int64_t max;
	bool json;
};

static const struct option_spec list_specs[] = {
	{ .name = "status", .type = OPTION_TEXT, .metavar = "WORD", .min = 1,
	    .max = 20, .offset = offsetof(struct list_options, status),
	    .help = "Only those in that state: queued, open, requires_action, "
	    "processing, succeeded, failed, expired or superseded." },
	{ .name = "booking", .type = OPTION_UUID, .metavar = "BOOKING",
	    .offset = offsetof(struct list_options, booking),
	    .help = "Only those of that booking." },
	{ .name = "since", .type = OPTION_DATE, .metavar = "DAY",
	    .offset = offsetof(struct list_options, since),
	    .help = "Only those made on that day (UTC) or later." },
	{ .name = "max", .type = OPTION_INT, .metavar = "COUNT", .min = 1,
	    .max = LIST_MAX, .offset = offsetof(struct list_options, max),
	    .help = "At most so many; 100 when left out." },
	{ .name = "json", .type = OPTION_FLAG,
	    .offset = offsetof(struct list_options, json),
	    .help = "Print JSON." },
};

const struct command payments_list_command = {
	.name = "payments list",
	.summary = "list payments, newest first",
	.text = "Lists payments, newest first: what they are, not whose.",
	.options = list_specs,
	.count = ARRAY_LEN(list_specs),
	.size = sizeof(struct list_options),
};

static void
line_json(struct buf *out, const struct payment_line *p)
{
	buf_putc(out, '{');
	put_id(out, "payment_id", &p->id);
	buf_putc(out, ',');
	put_id(out, "booking_id", &p->booking);
	put_text(out, "status", p->status);
	put_money(out, "amount", p->amount);
	put_money(out, "refunded_amount", p->refunded);
	put_text(out, "currency", p->currency);
	put_text(out, "payment_method", p->method);
	put_text(out, "stripe_payment_id", p->intent);
	put_text(out, "failure_code", p->failure);
	put_instant(out, "created_at", p->created_us);
	buf_putc(out, '}');
}

static void
line_text(struct buf *out, const struct payment_line *p)
{
	char when[INSTANT_TEXT_MAX];
	char id[UUID_TEXT_MAX];
	char booking[UUID_TEXT_MAX];

	buf_printf(out, "%s  %s  booking %s  %-15s ", instant_format(
	    p->created_us, when), uuid_format(&p->id, id), uuid_format(
	    &p->booking, booking), p->status);
	json_put_money(out, p->amount);
	buf_printf(out, " %s", p->currency);
	if (p->refunded > 0) {
		buf_puts(out, ", refunded ");
		json_put_money(out, p->refunded);
	}
	if (p->failure)
		buf_printf(out, " (%s)", p->failure);
	buf_putc(out, '\n');
}

int
payments_list(struct ctl *ctl, int argc, char **argv)
{
	struct payment_filter filter = { .since_us = NONE };
	struct list_options options;
	struct payment_line *lines;
	enum attempt_state state;
	struct admin *admin;
	struct buf out;
	size_t count;
	int status;
	enum err e;

	if (!ctl_options(ctl, &payments_list_command, argc, argv, &options,
	    &status) || !ctl_admin(ctl, &admin, &status))
		return status;
	if (options.status && !attempt_parse(options.status, &state))
		return ctl_usage(payments_list_command.name,
		    "--status is no state of a payment");
	filter.status = options.status;
	filter.booking = options.booking;
	filter.max = options.max == NONE ? LIST_USUAL : options.max;
	if (options.since != NONE)
		filter.since_us = options.since * USEC_PER_DAY;
	e = payment_browse(admin, &ctl->sc, &filter, &lines, &count);
	if (e)
		return ctl_fail(ctl, e);

	buf_init(&out, ctl->arena, CTL_OUTPUT_MAX);
	buf_puts(&out, options.json ? "{\"data\":[" : "");
	for (size_t i = 0; i < count; i++) {
		if (options.json && i > 0)
			buf_putc(&out, ',');
		if (options.json)
			line_json(&out, &lines[i]);
		else
			line_text(&out, &lines[i]);
	}
	buf_puts(&out, options.json ? "]}\n" : "");
	return ctl_print(&out);
}

/* ---- show ---------------------------------------------------------------------- */

struct show_options {
	struct uuid id;
	bool json;
};

static const struct option_spec show_specs[] = {
	{ .name = "PAYMENT", .type = OPTION_UUID, .required = true,
	    .offset = offsetof(struct show_options, id),
	    .help = "Its id." },
	{ .name = "json", .type = OPTION_FLAG,
	    .offset = offsetof(struct show_options, json),
	    .help = "Print JSON." },
};

const struct command payments_show_command = {
	.name = "payments show",
	.summary = "show one with its refunds, disputes, entries and due work",
	.text = "Shows a payment: its state here, its ids at Stripe, its "
	    "refunds and disputes, its lines in the journal, and the work "
	    "that is still to be done about it.",
	.options = show_specs,
	.count = ARRAY_LEN(show_specs),
	.size = sizeof(struct show_options),
};

static void
refunds_json(struct buf *out, const struct payment_file *f)
{
	for (size_t i = 0; i < f->refund_count; i++) {
		const struct refund_row *r = &f->refunds[i];

		buf_puts(out, i > 0 ? ",{" : "{");
		put_id(out, "refund_id", &r->id);
		put_text(out, "status", r->status);
		put_money(out, "amount", r->amount);
		put_text(out, "reason", r->reason);
		put_text(out, "stripe_refund_id", r->stripe_id);
		put_text(out, "failure_reason", r->failure);
		put_instant(out, "created_at", r->created_us);
		put_instant(out, "processed_at", r->processed_us);
		buf_putc(out, '}');
	}
}

static void
disputes_json(struct buf *out, const struct payment_file *f)
{
	for (size_t i = 0; i < f->dispute_count; i++) {
		const struct payment_dispute *d = &f->disputes[i];

		buf_puts(out, i > 0 ? ",{\"dispute_id\":" :
		    "{\"dispute_id\":");
		json_put_text(out, d->id);
		put_text(out, "status", d->status);
		put_money(out, "amount", d->amount);
		put_money(out, "held", d->held);
		put_text(out, "currency", d->currency);
		put_instant(out, "told_at", d->told_us);
		buf_putc(out, '}');
	}
}

static void
file_json(struct buf *out, const struct payment_file *f)
{
	const struct payment_row *p = &f->payment;

	buf_putc(out, '{');
	put_id(out, "payment_id", &p->id);
	buf_putc(out, ',');
	put_id(out, "booking_id", &p->booking_id);
	put_text(out, "status", p->status);
	put_money(out, "amount", p->amount);
	put_money(out, "refunded_amount", p->refunded);
	put_text(out, "currency", p->currency);
	put_text(out, "payment_method", p->method);
	put_text(out, "stripe_payment_id", p->intent);
	put_text(out, "stripe_session_id", p->session);
	put_text(out, "stripe_account", p->account);
	put_text(out, "failure_code", p->failure);
	put_instant(out, "session_expires_at", p->session_expires_us);
	put_instant(out, "created_at", p->created_us);
	put_instant(out, "processed_at", p->processed_us);
	buf_puts(out, ",\"refunds\":[");
	refunds_json(out, f);
	buf_puts(out, "],\"disputes\":[");
	disputes_json(out, f);
	buf_puts(out, "],\"journal\":[");
	for (size_t i = 0; i < f->entry_count; i++) {
		buf_puts(out, i > 0 ? ",{\"kind\":" : "{\"kind\":");
		json_put_text(out, f->entries[i].kind);
		put_text(out, "account", f->entries[i].account);
		put_money(out, "amount", f->entries[i].amount);
		put_text(out, "currency", f->entries[i].currency);
		put_instant(out, "created_at", f->entries[i].created_us);
		buf_putc(out, '}');
	}
	buf_puts(out, "],\"due\":[");
	for (size_t i = 0; i < f->due_count; i++) {
		buf_puts(out, i > 0 ? ",{\"type\":" : "{\"type\":");
		json_put_text(out, f->due[i].type);
		put_instant(out, "due_at", f->due[i].due_us);
		buf_printf(out, ",\"attempts\":%" PRId64,
		    f->due[i].attempts);
		put_instant(out, "dead_at", f->due[i].dead_us);
		buf_putc(out, '}');
	}
	buf_puts(out, "]}\n");
}

static void
label(struct buf *out, const char *name, const char *text)
{
	if (text)
		buf_printf(out, "%-12s %s\n", name, text);
}

static void
rows_text(struct buf *out, const struct payment_file *f)
{
	char when[INSTANT_TEXT_MAX];
	char id[UUID_TEXT_MAX];

	for (size_t i = 0; i < f->refund_count; i++) {
		const struct refund_row *r = &f->refunds[i];

		buf_printf(out, "%-12s %s %s %s ", "refund", uuid_format(
		    &r->id, id), r->stripe_id ? r->stripe_id : "-",
		    r->status);
		json_put_money(out, r->amount);
		buf_printf(out, " %s (%s%s%s)\n", r->currency, r->reason,
		    r->failure ? ", " : "", r->failure ? r->failure : "");
	}
	for (size_t i = 0; i < f->dispute_count; i++) {
		const struct payment_dispute *d = &f->disputes[i];

		buf_printf(out, "%-12s %s %s ", "dispute", d->id, d->status);
		json_put_money(out, d->amount);
		buf_printf(out, " %s, held ", d->currency);
		json_put_money(out, d->held);
		buf_putc(out, '\n');
	}
	for (size_t i = 0; i < f->entry_count; i++) {
		const struct payment_entry *j = &f->entries[i];

		buf_printf(out, "%-12s %s %s %s ", "journal", instant_format(
		    j->created_us, when), j->kind, j->account);
		json_put_money(out, j->amount);
		buf_printf(out, " %s\n", j->currency);
	}
	for (size_t i = 0; i < f->due_count; i++)
		buf_printf(out, "%-12s %s at %s, tried %" PRId64 " times%s\n",
		    "due", f->due[i].type, instant_format(f->due[i].due_us,
		    when), f->due[i].attempts,
		    f->due[i].dead_us == NONE ? "" : ", dead");
}

static void
file_text(struct buf *out, const struct payment_file *f)
{
	const struct payment_row *p = &f->payment;
	char when[INSTANT_TEXT_MAX];
	char id[UUID_TEXT_MAX];

	label(out, "payment", uuid_format(&p->id, id));
	label(out, "booking", uuid_format(&p->booking_id, id));
	label(out, "status", p->status);
	buf_printf(out, "%-12s ", "amount");
	json_put_money(out, p->amount);
	buf_printf(out, " %s, refunded ", p->currency);
	json_put_money(out, p->refunded);
	buf_putc(out, '\n');
	label(out, "method", p->method);
	label(out, "intent", p->intent);
	label(out, "session", p->session);
	label(out, "account", p->account);
	label(out, "failure", p->failure);
	label(out, "created", instant_format(p->created_us, when));
	if (p->processed_us != NONE)
		label(out, "processed", instant_format(p->processed_us,
		    when));
	rows_text(out, f);
}

int
payments_show(struct ctl *ctl, int argc, char **argv)
{
	struct show_options options;
	struct payment_file file;
	struct admin *admin;
	struct buf out;
	int status;
	enum err e;

	if (!ctl_options(ctl, &payments_show_command, argc, argv, &options,
	    &status) || !ctl_admin(ctl, &admin, &status))
		return status;
	e = payment_inspect(admin, &ctl->sc, &options.id, &file);
	if (e)
		return ctl_fail(ctl, e);
	buf_init(&out, ctl->arena, CTL_OUTPUT_MAX);
	if (options.json)
		file_json(&out, &file);
	else
		file_text(&out, &file);
	return ctl_print(&out);
}

/* ---- retry --------------------------------------------------------------------- */

static const struct option_spec retry_specs[] = {
	{ .name = "PAYMENT", .type = OPTION_UUID, .required = true,
	    .offset = offsetof(struct show_options, id),
	    .help = "Its id." },
};

const struct command payments_retry_command = {
	.name = "payments retry",
	.summary = "do its due work now, also what was given up",
	.text = "Makes the work that is due about a payment and its refunds "
	    "due now, and what was given up live again; bookingctl payments "
	    "work, or its relay, then does it. Nothing can be charged or "
	    "refunded twice by it. The exit status is 1 when nothing is left "
	    "to do.",
	.options = retry_specs,
	.count = ARRAY_LEN(retry_specs),
	.size = sizeof(struct show_options),
};

int
payments_retry(struct ctl *ctl, int argc, char **argv)
{
	struct show_options options;
	struct admin *admin;
	int64_t count = 0;
	int status;
	enum err e;

	if (!ctl_options(ctl, &payments_retry_command, argc, argv, &options,
	    &status) || !ctl_admin(ctl, &admin, &status))
		return status;
	e = payment_retry(admin, &ctl->sc, &options.id, &count);
	if (e)
		return ctl_fail(ctl, e);
	if (count == 0) {
		fprintf(stderr, "bookingctl: nothing is left to do about it\n");
		return CTL_FAILED;
	}
	printf("%" PRId64 " row%s due now\n", count, count == 1 ? "" : "s");
	return CTL_FINE;
}

/* ---- refund -------------------------------------------------------------------- */

struct refund_options {
	struct uuid id;
	int64_t amount;
};

static const struct option_spec refund_specs[] = {
	{ .name = "PAYMENT", .type = OPTION_UUID, .required = true,
	    .offset = offsetof(struct refund_options, id),
	    .help = "Its id." },
	{ .name = "amount", .type = OPTION_MONEY, .metavar = "AMOUNT",
	    .min = 1, .max = INT64_C(99999999999),
	    .offset = offsetof(struct refund_options, amount),
	    .help = "So much of it; else all that is left." },
};

const struct command payments_refund_command = {
	.name = "payments refund",
	.summary = "give money of one back",
	.text = "Gives money of a payment back, whatever the booking's policy "
	    "says: all that is left of it, or so much, never more. It changes "
	    "nothing else about the booking. bookingctl payments work, or its "
	    "relay, sends it.",
	.options = refund_specs,
	.count = ARRAY_LEN(refund_specs),
	.size = sizeof(struct refund_options),
};

int
payments_refund(struct ctl *ctl, int argc, char **argv)
{
	struct refund_options options;
	struct payment_back back;
	char id[UUID_TEXT_MAX];
	struct app *app;
	struct buf out;
	int status;
	enum err e;

	if (!ctl_options(ctl, &payments_refund_command, argc, argv, &options,
	    &status) || !ctl_app(ctl, &app, &status))
		return status;
	e = payment_give_back(app, &ctl->sc, &options.id, options.amount,
	    &back);
	if (e)
		return ctl_fail(ctl, e);
	buf_init(&out, ctl->arena, CTL_OUTPUT_MAX);
	buf_printf(&out, "refund %s of ", uuid_format(&back.refund, id));
	json_put_money(&out, back.amount);
	buf_printf(&out, " %s is due\n", back.currency);
	return ctl_print(&out);
}
