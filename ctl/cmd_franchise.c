/* cmd_franchise.c: bookingctl franchise add, list, show, set, close-day,
 * open-day. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "app/franchise_admin.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/instant.h"
#include "base/json.h"
#include "ctl/ctl.h"
#include "ctl/franchise_words.h"
#include "ctl/options.h"

/* ---- what add and set take ----------------------------------------------- */

struct change {
	struct franchise_facts facts;
	const char *days;
	const char *policy;
	struct texts peaks;
	bool json;
};

#define FACT(field) .offset = offsetof(struct change, facts.field)
#define CHANGE(field) .offset = offsetof(struct change, field)

#define FACT_SPECS(need) \
	{ .name = "name", .type = OPTION_TEXT, .required = need, \
	    .metavar = "NAME", .min = 1, .max = 100, FACT(name), \
	    .help = "What parents call it." }, \
	{ .name = "address", .type = OPTION_TEXT, .required = need, \
	    .metavar = "ADDRESS", .min = 1, .max = 500, FACT(address), \
	    .help = "Street and number." }, \
	{ .name = "city", .type = OPTION_TEXT, .required = need, \
	    .metavar = "CITY", .min = 1, .max = 50, FACT(city), \
	    .help = "The city, by which parents search." }, \
	{ .name = "postal-code", .type = OPTION_TEXT, .required = need, \
	    .metavar = "CODE", .min = 1, .max = 10, FACT(postal_code), \
	    .help = "The postal code, by which parents search." }, \
	{ .name = "timezone", .type = OPTION_TEXT, .required = need, \
	    .metavar = "ZONE", .min = 1, .max = 64, FACT(time_zone), \
	    .help = "The time zone of its clock, such as America/New_York. " \
	        "It cannot change while future bookings stand." }, \
	{ .name = "capacity", .type = OPTION_INT, .required = need, \
	    .metavar = "CHILDREN", .min = 1, .max = 10000, FACT(capacity), \
	    .help = "How many children at a time. It cannot fall below what " \
	        "is booked; the refusal names the slots." }, \
	{ .name = "standard-rate", .type = OPTION_MONEY, .required = need, \
	    .metavar = "AMOUNT", .max = 99999999, FACT(standard_rate), \
	    .help = "The price of an hour for one child, such as 15.00; 0 is " \
	        "free of charge." }, \
	{ .name = "open", .type = OPTION_CLOCK, .required = need, \
	    .metavar = "HH:MM", FACT(open), \
	    .help = "When it opens, by its own clock." }, \
	{ .name = "close", .type = OPTION_CLOCK, .required = need, \
	    .metavar = "HH:MM", FACT(close), \
	    .help = "When it closes; 24:00 is midnight. Hours in which a " \
	        "booking stands cannot be taken away." }

#define CHOICE_SPECS \
	{ .name = "peak-rate", .type = OPTION_MONEY, .metavar = "AMOUNT", \
	    .max = 99999999, FACT(peak_rate), \
	    .help = "The same in a peak window." }, \
	{ .name = "peak", .type = OPTION_TEXTS, \
	    .metavar = "HH:MM-HH:MM[@DAYS]", .min = 1, .max = 64, \
	    CHANGE(peaks), \
	    .help = "A peak window, on all days or those behind the @, such " \
	        "as 07:00-09:00@1-5. May be repeated; the windows given " \
	        "replace all there were; none removes them." }, \
	{ .name = "days", .type = OPTION_TEXT, .metavar = "DAYS", \
	    .min = 1, .max = 32, CHANGE(days), \
	    .help = "The weekdays it is open, 1 Monday to 7 Sunday, such as " \
	        "1-5 or 1,3,5." }, \
	{ .name = "currency", .type = OPTION_TEXT, .metavar = "CODE", \
	    .min = 3, .max = 3, FACT(currency), \
	    .help = "The currency of its prices, such as USD." }, \
	{ .name = "slot-minutes", .type = OPTION_INT, .metavar = "MINUTES", \
	    .min = 1, .max = 1440, FACT(slot_minutes), \
	    .help = "The length of a slot: 15, 30 or 60. It cannot change " \
	        "while future bookings stand." }, \
	{ .name = "lead-minutes", .type = OPTION_INT, .metavar = "MINUTES", \
	    .max = 43200, FACT(lead_minutes), \
	    .help = "How long before its start a slot can still be booked." }, \
	{ .name = "horizon-days", .type = OPTION_INT, .metavar = "DAYS", \
	    .min = 1, .max = 730, FACT(horizon_days), \
	    .help = "How many days ahead can be booked." }, \
	{ .name = "cancel", .type = OPTION_TEXT, .metavar = "HOURS:PERCENT,...", \
	    .min = 1, .max = 128, CHANGE(policy), \
	    .help = "What a cancellation refunds so many hours before the " \
	        "start, such as 48:100,24:50; none refunds nothing." }, \
	{ .name = "cancel-fee", .type = OPTION_MONEY, .metavar = "AMOUNT", \
	    .max = 99999999, FACT(cancel_fee), \
	    .help = "What is kept of every refund." }, \
	{ .name = "stripe-account", .type = OPTION_TEXT, .metavar = "ACCOUNT", \
	    .min = 1, .max = 100, FACT(stripe_account), \
	    .help = "Its account at Stripe, acct_..., connected to ours: what " \
	        "is booked from now on is paid there; none is our own. What was " \
	        "paid goes back from where it is." }, \
	{ .name = "active", .type = OPTION_SWITCH, .metavar = "on|off", \
	    FACT(active), \
	    .help = "Whether parents see it and may book." }, \
	{ .name = "json", .type = OPTION_FLAG, CHANGE(json), \
	    .help = "Print the result as JSON." }

static const struct option_spec add_specs[] = {
	FACT_SPECS(true),
	CHOICE_SPECS,
	{ .name = "id", .type = OPTION_UUID, .metavar = "ID", FACT(id),
	    .help = "Its id; a new one when left out." },
};
static const struct option_spec set_specs[] = {
	{ .name = "FRANCHISE", .type = OPTION_UUID, .required = true,
	    FACT(id), .help = "The id of the franchise." },
	FACT_SPECS(false),
	CHOICE_SPECS,
};

static const struct command add_command = {
	.name = "franchise add",
	.summary = "set up a franchise",
	.text = "Sets up a franchise and prints it. What is left out is: USD, "
	    "slots of 60 minutes, Monday to Friday, no lead time, 180 days "
	    "ahead, a peak rate equal to the standard rate, no peak windows, "
	    "48:100,24:50 without a fee, active.",
	.options = add_specs,
	.count = ARRAY_LEN(add_specs),
	.size = sizeof(struct change),
};
static const struct command set_command = {
	.name = "franchise set",
	.summary = "change a franchise",
	.text = "Changes what is given, leaves the rest as it is, and prints "
	    "the franchise. Bookings that stand keep their price. A change "
	    "that would break one is refused.",
	.options = set_specs,
	.count = ARRAY_LEN(set_specs),
	.size = sizeof(struct change),
};

/* ---- printing ------------------------------------------------------------ */

static void
put_money(struct buf *out, int64_t hundredths)
{
	buf_printf(out, "%lld.%02d", (long long)(hundredths / 100),
	    (int)(hundredths % 100));
}

static void
put_text(struct buf *out, const struct franchise_facts *f)
{
	char text[UUID_TEXT_MAX];

	buf_printf(out, "%s\n  id             %s\n", f->name,
	    uuid_format(&f->id, text));
	buf_printf(out, "  address        %s, %s %s\n", f->address,
	    f->postal_code, f->city);
	buf_printf(out, "  open           %s-%s on days ", f->open, f->close);
	words_put_weekdays(out, &f->weekdays);
	buf_printf(out, " (%s)\n", f->time_zone);
	buf_printf(out, "  capacity       %lld children, slots of %lld "
	    "minutes\n", (long long)f->capacity, (long long)f->slot_minutes);
	buf_printf(out, "  bookable       %lld minutes to %lld days ahead\n",
	    (long long)f->lead_minutes, (long long)f->horizon_days);
	buf_puts(out, "  price          ");
	put_money(out, f->standard_rate);
	buf_puts(out, " an hour, ");
	put_money(out, f->peak_rate);
	buf_printf(out, " at peak (%s)\n", f->currency);
	for (size_t i = 0; i < f->peak_count; i++) {
		buf_printf(out, "  peak           %s-%s on days ",
		    f->peaks[i].start, f->peaks[i].end);
		words_put_weekdays(out, &f->peaks[i].weekdays);
		buf_putc(out, '\n');
	}
	buf_puts(out, "  cancellation   ");
	for (size_t i = 0; i < f->cancel_hours.count; i++)
		buf_printf(out, "%d hours before: %d %%, ",
		    (int)f->cancel_hours.items[i],
		    (int)f->cancel_percent.items[i]);
	buf_puts(out, "later: 0 %; fee ");
	put_money(out, f->cancel_fee);
	if (f->stripe_account)
		buf_printf(out, "\n  paid on        %s", f->stripe_account);
	buf_printf(out, "\n  state          %s, version %lld\n",
	    f->active == 1 ? "active" : "not active", (long long)f->version);
	for (size_t i = 0; i < f->closed_count; i++)
		buf_printf(out, "  closed         %s %s\n",
		    date_format(f->closed[i].day, text), f->closed[i].reason);
}

static void
json_text(struct buf *out, const char *name, const char *text)
{
	buf_printf(out, ",\"%s\":", name);
	json_put_text(out, text);
}

static void
json_int(struct buf *out, const char *name, int64_t value)
{
	buf_printf(out, ",\"%s\":", name);
	json_put_int(out, value);
}

static void
json_money(struct buf *out, const char *name, int64_t value)
{
	buf_printf(out, ",\"%s\":", name);
	json_put_money(out, value);
}

static void
json_ints(struct buf *out, const char *name, const struct ints *list)
{
	buf_printf(out, "\"%s\":[", name);
	for (size_t i = 0; i < list->count; i++) {
		buf_puts(out, i > 0 ? "," : "");
		json_put_int(out, list->items[i]);
	}
	buf_putc(out, ']');
}

static void
json_lists(struct buf *out, const struct franchise_facts *f)
{
	buf_putc(out, ',');
	json_ints(out, "operating_days", &f->weekdays);
	buf_puts(out, ",\"cancellation_policy\":[");
	for (size_t i = 0; i < f->cancel_hours.count; i++)
		buf_printf(out, "%s{\"hours_before\":%d,\"refund_percent\":%d}",
		    i > 0 ? "," : "", (int)f->cancel_hours.items[i],
		    (int)f->cancel_percent.items[i]);
	buf_putc(out, ']');
	if (!f->peaks)
		return;
	buf_puts(out, ",\"peak_windows\":[");
	for (size_t i = 0; i < f->peak_count; i++) {
		buf_printf(out, "%s{\"start\":\"%s\",\"end\":\"%s\",",
		    i > 0 ? "," : "", f->peaks[i].start, f->peaks[i].end);
		json_ints(out, "weekdays", &f->peaks[i].weekdays);
		buf_putc(out, '}');
	}
	buf_puts(out, "],\"closed_days\":[");
	for (size_t i = 0; i < f->closed_count; i++) {
		buf_puts(out, i > 0 ? ",{\"date\":" : "{\"date\":");
		json_put_date(out, f->closed[i].day);
		json_text(out, "reason", f->closed[i].reason);
		buf_putc(out, '}');
	}
	buf_putc(out, ']');
}

static void
put_json(struct buf *out, const struct franchise_facts *f)
{
	buf_puts(out, "{\"franchise_id\":");
	json_put_uuid(out, &f->id);
	json_text(out, "name", f->name);
	json_text(out, "address", f->address);
	json_text(out, "city", f->city);
	json_text(out, "postal_code", f->postal_code);
	json_text(out, "time_zone", f->time_zone);
	json_text(out, "currency", f->currency);
	json_int(out, "max_capacity", f->capacity);
	json_money(out, "standard_rate", f->standard_rate);
	json_money(out, "peak_hour_rate", f->peak_rate);
	json_text(out, "open", f->open);
	json_text(out, "close", f->close);
	json_int(out, "slot_minutes", f->slot_minutes);
	json_int(out, "lead_minutes", f->lead_minutes);
	json_int(out, "horizon_days", f->horizon_days);
	json_money(out, "cancellation_fee", f->cancel_fee);
	buf_puts(out, ",\"stripe_account\":");
	if (f->stripe_account)
		json_put_text(out, f->stripe_account);
	else
		buf_puts(out, "null");
	buf_printf(out, ",\"is_active\":%s", f->active == 1 ? "true" : "false");
	json_int(out, "version", f->version);
	json_lists(out, f);
	buf_putc(out, '}');
}

static int
print_one(struct ctl *ctl, const struct franchise_facts *facts, bool json)
{
	struct buf out;

	buf_init(&out, ctl->arena, CTL_OUTPUT_MAX);
	if (json) {
		put_json(&out, facts);
		buf_putc(&out, '\n');
	} else {
		put_text(&out, facts);
	}
	return ctl_print(&out);
}

static int
fail(const struct ctl *ctl, const struct admin *admin, enum err e)
{
	int status = ctl_fail(ctl, e);

	if (*franchise_refusal_detail(admin))
		fprintf(stderr, "%s\n", franchise_refusal_detail(admin));
	return status;
}

/* ---- add and set --------------------------------------------------------- */

/* The texts of the command line into the facts. */
static bool
read_words(struct ctl *ctl, const struct command *command,
    struct change *change, int *ret_status)
{
	struct franchise_facts *f = &change->facts;
	const char *why = NULL;
	bool none = change->peaks.count == 1 &&
	    strcmp(change->peaks.items[0], "none") == 0;

	if (change->days &&
	    !words_weekdays(ctl->arena, change->days, &f->weekdays))
		why = "--days must be weekdays such as 1-5 or 1,3,5";
	if (change->policy && !words_policy(ctl->arena, change->policy,
	    &f->cancel_hours, &f->cancel_percent))
		why = "--cancel must be HOURS:PERCENT,... such as 48:100,24:50";
	if (change->peaks.items)
		f->peaks = arena_new_array(ctl->arena, struct peak_rule,
		    change->peaks.count);
	for (size_t i = 0; !none && i < change->peaks.count; i++) {
		if (!words_peak(ctl->arena, change->peaks.items[i],
		    &f->peaks[f->peak_count++]))
			why = "--peak must be HH:MM-HH:MM, perhaps with @ and "
			    "weekdays, such as 07:00-09:00@1-5";
	}
	if (why)
		*ret_status = ctl_usage(command->name, why);
	if (f->stripe_account && strcmp(f->stripe_account, "none") == 0)
		f->stripe_account = "";
	return !why;
}

static int
change(struct ctl *ctl, const struct command *command,
    enum err (*apply)(struct admin *, struct scope *, struct franchise_facts *),
    int argc, char **argv)
{
	struct franchise_facts stored;
	struct change change;
	struct admin *admin;
	int status;
	enum err e;

	if (!ctl_options(ctl, command, argc, argv, &change, &status) ||
	    !read_words(ctl, command, &change, &status) ||
	    !ctl_admin(ctl, &admin, &status))
		return status;

	e = apply(admin, &ctl->sc, &change.facts);
	if (e)
		return fail(ctl, admin, e);
	e = franchise_facts_get(admin, &ctl->sc, &change.facts.id, &stored);
	if (e)
		return fail(ctl, admin, e);
	return print_one(ctl, &stored, change.json);
}

static int
add(struct ctl *ctl, int argc, char **argv)
{
	return change(ctl, &add_command, franchise_add, argc, argv);
}

static int
set(struct ctl *ctl, int argc, char **argv)
{
	return change(ctl, &set_command, franchise_set, argc, argv);
}

/* ---- list and show ------------------------------------------------------- */

struct list_options {
	bool json;
};
static const struct option_spec list_specs[] = {
	{ .name = "json", .type = OPTION_FLAG,
	    .offset = offsetof(struct list_options, json),
	    .help = "Print JSON." },
};
static const struct command list_command = {
	.name = "franchise list",
	.summary = "list the franchises",
	.text = "Lists every franchise by name, the inactive ones too.",
	.options = list_specs,
	.count = ARRAY_LEN(list_specs),
	.size = sizeof(struct list_options),
};

static void
put_line(struct buf *out, const struct franchise_facts *f)
{
	char id[UUID_TEXT_MAX];

	buf_printf(out, "%s  %-8s %5lld  %s-%s  %-20s  %s, %s\n",
	    uuid_format(&f->id, id), f->active == 1 ? "active" : "off",
	    (long long)f->capacity, f->open, f->close, f->time_zone, f->name,
	    f->city);
}

static int
list(struct ctl *ctl, int argc, char **argv)
{
	struct franchise_facts *facts;
	struct list_options options;
	struct admin *admin;
	struct buf out;
	size_t count;
	int status;
	enum err e;

	if (!ctl_options(ctl, &list_command, argc, argv, &options, &status) ||
	    !ctl_admin(ctl, &admin, &status))
		return status;
	e = franchise_facts_list(admin, &ctl->sc, &facts, &count);
	if (e)
		return ctl_fail(ctl, e);

	buf_init(&out, ctl->arena, CTL_OUTPUT_MAX);
	buf_puts(&out, options.json ? "{\"data\":[" : "");
	for (size_t i = 0; i < count; i++) {
		if (options.json && i > 0)
			buf_putc(&out, ',');
		if (options.json)
			put_json(&out, &facts[i]);
		else
			put_line(&out, &facts[i]);
	}
	buf_puts(&out, options.json ? "]}\n" : "");
	return ctl_print(&out);
}

struct show_options {
	struct uuid id;
	bool json;
};
static const struct option_spec show_specs[] = {
	{ .name = "FRANCHISE", .type = OPTION_UUID, .required = true,
	    .offset = offsetof(struct show_options, id),
	    .help = "The id of the franchise." },
	{ .name = "json", .type = OPTION_FLAG,
	    .offset = offsetof(struct show_options, json),
	    .help = "Print JSON." },
};
static const struct command show_command = {
	.name = "franchise show",
	.summary = "show one franchise in full",
	.text = "Shows a franchise with its peak windows and the days it is "
	    "closed from today on.",
	.options = show_specs,
	.count = ARRAY_LEN(show_specs),
	.size = sizeof(struct show_options),
};

static int
show(struct ctl *ctl, int argc, char **argv)
{
	struct franchise_facts facts;
	struct show_options options;
	struct admin *admin;
	int status;
	enum err e;

	if (!ctl_options(ctl, &show_command, argc, argv, &options, &status) ||
	    !ctl_admin(ctl, &admin, &status))
		return status;
	e = franchise_facts_get(admin, &ctl->sc, &options.id, &facts);
	if (e)
		return ctl_fail(ctl, e);
	return print_one(ctl, &facts, options.json);
}

/* ---- days ---------------------------------------------------------------- */

struct day_options {
	struct uuid id;
	int64_t day;
	const char *reason;
};

#define DAY_SPECS \
	{ .name = "FRANCHISE", .type = OPTION_UUID, .required = true, \
	    .offset = offsetof(struct day_options, id), \
	    .help = "The id of the franchise." }, \
	{ .name = "DAY", .type = OPTION_DATE, .required = true, \
	    .offset = offsetof(struct day_options, day), \
	    .help = "The day by its own calendar, such as 2026-12-24." }

static const struct option_spec close_specs[] = {
	DAY_SPECS,
	{ .name = "reason", .type = OPTION_TEXT, .metavar = "TEXT",
	    .min = 1, .max = 200, .offset = offsetof(struct day_options, reason),
	    .help = "Why; parents read it." },
};
static const struct option_spec open_specs[] = { DAY_SPECS };

static const struct command close_command = {
	.name = "franchise close-day",
	.summary = "close a franchise on a day",
	.text = "Closes a franchise on a day, such as a holiday. Refused while "
	    "bookings stand on it: cancel those first.",
	.options = close_specs,
	.count = ARRAY_LEN(close_specs),
	.size = sizeof(struct day_options),
};
static const struct command open_command = {
	.name = "franchise open-day",
	.summary = "open it again",
	.text = "Takes close-day back. To open a day that is not closed "
	    "changes nothing.",
	.options = open_specs,
	.count = ARRAY_LEN(open_specs),
	.size = sizeof(struct day_options),
};

static int
close_day(struct ctl *ctl, int argc, char **argv)
{
	char day[DATE_TEXT_MAX];
	struct day_options options;
	struct admin *admin;
	int status;
	enum err e;

	if (!ctl_options(ctl, &close_command, argc, argv, &options, &status) ||
	    !ctl_admin(ctl, &admin, &status))
		return status;
	e = franchise_close_day(admin, &ctl->sc, &options.id, options.day,
	    options.reason ? options.reason : "");
	if (e)
		return fail(ctl, admin, e);
	printf("closed on %s\n", date_format(options.day, day));
	return CTL_FINE;
}

static int
open_day(struct ctl *ctl, int argc, char **argv)
{
	char day[DATE_TEXT_MAX];
	struct day_options options;
	struct admin *admin;
	bool was_closed;
	int status;
	enum err e;

	if (!ctl_options(ctl, &open_command, argc, argv, &options, &status) ||
	    !ctl_admin(ctl, &admin, &status))
		return status;
	e = franchise_open_day(admin, &ctl->sc, &options.id, options.day,
	    &was_closed);
	if (e)
		return fail(ctl, admin, e);
	printf(was_closed ? "open again on %s\n" : "%s was not closed\n",
	    date_format(options.day, day));
	return CTL_FINE;
}

int
cmd_franchise(struct ctl *ctl, int argc, char **argv)
{
	static const struct verb verbs[] = {
		{ &add_command, add },
		{ &list_command, list },
		{ &show_command, show },
		{ &set_command, set },
		{ &close_command, close_day },
		{ &open_command, open_day },
	};

	return ctl_verb(ctl, "franchise", verbs, ARRAY_LEN(verbs), argc, argv);
}
