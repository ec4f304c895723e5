/* cmd_reconcile.c: bookingctl reconcile. */
#include <inttypes.h>
#include <stdio.h>

#include "app/reconcile.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/instant.h"
#include "base/json.h"
#include "ctl/ctl.h"
#include "ctl/options.h"

#define LINE_MAX_BYTES 2048

struct options {
	int64_t since; /* days since 1970 */
	bool dry_run;
	bool json;
};

static const struct option_spec specs[] = {
	{ .name = "since", .type = OPTION_DATE, .metavar = "DAY",
	    .offset = offsetof(struct options, since),
	    .help = "Look at what was made at Stripe on that day (UTC) or "
	    "later; else at all there ever was." },
	{ .name = "dry-run", .type = OPTION_FLAG,
	    .offset = offsetof(struct options, dry_run),
	    .help = "Enter no fees." },
	{ .name = "json", .type = OPTION_FLAG,
	    .offset = offsetof(struct options, json),
	    .help = "Print one JSON object." },
};

static const struct command command = {
	.name = "reconcile",
	.text = "Proves that Stripe, the payments and the journal say the same "
	    "of every booking: reads Stripe's charges, refunds and balance "
	    "page by page, compares them with ours in both directions, and "
	    "our rows with the journal. Prints each difference in one line; "
	    "the exit status is then 1. What happens meanwhile, or what a "
	    "webhook is still to tell, may be seen on one side only: run it "
	    "again. Enters in the journal what Stripe kept as its fees, once "
	    "for each movement of the balance; changes nothing else.",
	.options = specs,
	.count = ARRAY_LEN(specs),
	.size = sizeof(struct options),
};

/* Where differences go as they are found. */
struct print {
	bool json;
	bool broken;  /* standard output took no more */
	size_t count;
};

static void
put_amount(struct buf *out, int64_t amount)
{
	if (amount == NONE)
		buf_puts(out, "nothing");
	else
		json_put_money(out, amount);
}

static void
put_line(struct buf *out, const struct difference *d)
{
	char booking[UUID_TEXT_MAX];
	char ours[UUID_TEXT_MAX];

	buf_printf(out, "%s: booking %s, ours %s, Stripe's %s: ", d->kind,
	    uuid_is_none(&d->booking) ? "-" : uuid_format(&d->booking,
	    booking), uuid_is_none(&d->ours) ? "-" : uuid_format(&d->ours,
	    ours), d->stripe ? d->stripe : "-");
	put_amount(out, d->theirs);
	buf_puts(out, " there, ");
	put_amount(out, d->here);
	buf_printf(out, " here%s%s%s%s\n", d->currency ? " " : "",
	    d->currency ? d->currency : "", d->note ? "; " : "",
	    d->note ? d->note : "");
}

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
put_id(struct buf *out, const char *name, const struct uuid *id)
{
	buf_printf(out, ",\"%s\":", name);
	if (uuid_is_none(id))
		buf_puts(out, "null");
	else
		json_put_uuid(out, id);
}

static void
put_money(struct buf *out, const char *name, int64_t amount)
{
	buf_printf(out, ",\"%s\":", name);
	if (amount == NONE)
		buf_puts(out, "null");
	else
		json_put_money(out, amount);
}

static void
put_json(struct buf *out, const struct difference *d, bool first)
{
	buf_puts(out, first ? "{\"kind\":" : ",{\"kind\":");
	json_put_text(out, d->kind);
	put_id(out, "booking_id", &d->booking);
	put_id(out, "our_id", &d->ours);
	put_text(out, "stripe_id", d->stripe);
	put_money(out, "at_stripe", d->theirs);
	put_money(out, "here", d->here);
	put_text(out, "currency", d->currency);
	put_text(out, "note", d->note);
	buf_putc(out, '}');
}

static void
tell(void *data, const struct difference *d)
{
	struct print *print = data;
	struct arena *arena = arena_open(1024 * 1024);
	struct buf out;

	if (!arena) {
		print->broken = true;
		return;
	}
	buf_init(&out, arena, LINE_MAX_BYTES);
	if (print->json)
		put_json(&out, d, print->count == 0);
	else
		put_line(&out, d);
	print->count++;
	if (ctl_print(&out) != CTL_FINE)
		print->broken = true;
	arena_close(arena);
}

static void
put_counts(struct buf *out, bool json, bool complete,
    const struct reconciled *r)
{
	const struct {
		const char *name;
		int64_t count;
	} counts[] = {
		{ "charges", r->charges },
		{ "refunds", r->refunds },
		{ "movements", r->movements },
		{ "fees_entered", r->fees },
		{ "fees_waiting", r->waiting },
	};

	if (json) {
		buf_printf(out, "],\"complete\":%s", complete ? "true" :
		    "false");
		for (size_t i = 0; i < ARRAY_LEN(counts); i++)
			buf_printf(out, ",\"%s\":%" PRId64, counts[i].name,
			    counts[i].count);
		buf_puts(out, "}\n");
		return;
	}
	buf_printf(out, "%s: %" PRId64 " charges, %" PRId64 " refunds, %"
	    PRId64 " movements of the balance, %" PRId64 " fee%s entered, %"
	    PRId64 " not told yet, %" PRId64 " difference%s\n",
	    !complete ? "Stripe could not be asked to the end" :
	    r->differences == 0 ? "Stripe = payments = journal" :
	    "they do not agree", r->charges, r->refunds, r->movements, r->fees,
	    r->fees == 1 ? "" : "s", r->waiting, r->differences,
	    r->differences == 1 ? "" : "s");
}

int
cmd_reconcile(struct ctl *ctl, int argc, char **argv)
{
	struct print print = { .json = false };
	struct reconcile_request request = { .tell = tell, .data = &print };
	struct reconciled reconciled;
	struct options options;
	struct app *app;
	struct buf out;
	int status;
	enum err e;

	if (!ctl_options(ctl, &command, argc, argv, &options, &status) ||
	    !ctl_app(ctl, &app, &status))
		return status;
	print.json = options.json;
	request.dry_run = options.dry_run;
	if (options.since != NONE)
		request.from_us = options.since * USEC_PER_DAY;
	if (options.json)
		fputs("{\"differences\":[", stdout);
	e = reconcile_run(app, &ctl->sc, &request, &reconciled);

	buf_init(&out, ctl->arena, LINE_MAX_BYTES);
	put_counts(&out, options.json, !e, &reconciled);
	status = ctl_print(&out);
	if (e)
		return ctl_fail(ctl, e);
	return status == CTL_FINE && !print.broken &&
	    reconciled.differences == 0 ? CTL_FINE : CTL_FAILED;
}
