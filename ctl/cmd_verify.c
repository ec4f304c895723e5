/* cmd_verify.c: bookingctl verify. */
#include <stdint.h>

#include "app/books.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/json.h"
#include "ctl/ctl.h"
#include "ctl/options.h"

struct options {
	bool json;
};

static const struct option_spec specs[] = {
	{ .name = "json", .type = OPTION_FLAG,
	    .offset = offsetof(struct options, json),
	    .help = "Print one JSON object." },
};

static const struct command command = {
	.name = "verify",
	.text = "Proves that the books balance: the counter of every slot "
	    "equals the children of the bookings that stand on it and the "
	    "places that changes hold there until they are paid, every "
	    "booking's hours are in the ledger, its events are numbered "
	    "without a gap, its children are as many as it says, what it says "
	    "was paid and refunded is the sum of its payments and refunds, "
	    "and so says the journal, and its visit is what its state says. Prints each difference, of one "
	    "kind the first thousand, and says so where there are more; the exit "
	    "status is then 1. Lists as owed the refunds that failed, which "
	    "are no difference. It only reads, and may run while bookings are "
	    "made.",
	.options = specs,
	.count = ARRAY_LEN(specs),
	.size = sizeof(struct options),
};

static void
put_json(struct buf *out, const struct books *books)
{
	buf_puts(out, "{\"slots\":");
	json_put_int(out, books->slots);
	buf_puts(out, ",\"bookings\":");
	json_put_int(out, books->bookings);
	buf_puts(out, ",\"differences\":[");
	for (size_t i = 0; i < books->count; i++) {
		buf_puts(out, i > 0 ? ",{\"kind\":" : "{\"kind\":");
		json_put_text(out, books->differences[i].kind);
		buf_puts(out, ",\"detail\":");
		json_put_text(out, books->differences[i].text);
		buf_putc(out, '}');
	}
	buf_printf(out, "],\"more\":%s,\"owed\":[",
	    books->more ? "true" : "false");
	for (size_t i = 0; i < books->owed_count; i++) {
		buf_puts(out, i > 0 ? "," : "");
		json_put_text(out, books->owed[i].text);
	}
	buf_puts(out, "]}\n");
}

static void
put_text(struct buf *out, const struct books *books)
{
	for (size_t i = 0; i < books->count; i++)
		buf_printf(out, "%s: %s\n", books->differences[i].kind,
		    books->differences[i].text);
	for (size_t i = 0; i < books->owed_count; i++)
		buf_printf(out, "owed: %s\n", books->owed[i].text);
	buf_printf(out, "%s: %lld slots, %s%zu difference%s\n",
	    books->count == 0 ? "ledger = bookings" :
	    "the books do not balance", (long long)books->slots,
	    books->more ? "more than " : "", books->count,
	    books->count == 1 ? "" : "s");
	if (books->more)
		buf_printf(out, "only the first %d of each kind are told\n",
		    BOOKS_KIND_MAX);
}

int
cmd_verify(struct ctl *ctl, int argc, char **argv)
{
	struct options options;
	struct admin *admin;
	struct books books;
	struct buf out;
	int status;
	enum err e;

	if (!ctl_options(ctl, &command, argc, argv, &options, &status) ||
	    !ctl_admin(ctl, &admin, &status))
		return status;
	e = books_verify(admin, &ctl->sc, &books);
	if (e)
		return ctl_fail(ctl, e);

	buf_init(&out, ctl->arena, CTL_OUTPUT_MAX);
	if (options.json)
		put_json(&out, &books);
	else
		put_text(&out, &books);
	status = ctl_print(&out);
	return status == CTL_FINE && books.count > 0 ? CTL_FAILED : status;
}
