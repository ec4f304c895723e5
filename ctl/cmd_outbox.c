/* cmd_outbox.c: bookingctl outbox: look at it, send again, watch it. */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "app/outbox_admin.h"
#include "app/relay.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/form.h"
#include "base/instant.h"
#include "ctl/ctl.h"
#include "ctl/options.h"

#define LIST_MAX 10000
#define LIST_USUAL 100
#define WATCH_MEMORY_MAX ((size_t)16 * 1024 * 1024)
#define WATCH_BUDGET_US (60 * USEC_PER_SEC)
#define ALWAYS (FIELD_REQUIRED | FIELD_NULLABLE)

static const char *const states[] = { "waiting", "later", "sent", "dead",
	NULL };

/* ---- as JSON -------------------------------------------------------------------- */

/* clang-format off */
#define AT(member) .offset = offsetof(struct outbox_topic, member)
static const struct field topic_rows[] = {
	{ "topic", FIELD_TEXT, ALWAYS, AT(topic) },
	{ "waiting", FIELD_INT, ALWAYS, AT(waiting) },
	{ "in_hand", FIELD_INT, ALWAYS, AT(in_hand) },
	{ "later", FIELD_INT, ALWAYS, AT(later) },
	{ "failing", FIELD_INT, ALWAYS, AT(failing) },
	{ "dead", FIELD_INT, ALWAYS, AT(dead) },
	{ "oldest_ms", FIELD_INT, ALWAYS, AT(oldest_ms) },
	{ "sent_last_hour", FIELD_INT, ALWAYS, AT(sent) },
	{ "median_ms", FIELD_INT, ALWAYS, AT(half_ms) },
	{ "p99_ms", FIELD_INT, ALWAYS, AT(most_ms) },
};
#undef AT
#define AT(member) .offset = offsetof(struct outbox_size, member)
static const struct field size_rows[] = {
	{ "bytes", FIELD_INT, ALWAYS, AT(bytes) },
	{ "rows", FIELD_INT, ALWAYS, AT(rows) },
	{ "dead_rows", FIELD_INT, ALWAYS, AT(dead_rows) },
};
#undef AT
#define AT(member) .offset = offsetof(struct outbox_line, member)
static const struct field line_rows[] = {
	{ "id", FIELD_INT, ALWAYS, AT(id) },
	{ "topic", FIELD_TEXT, ALWAYS, AT(topic) },
	{ "type", FIELD_TEXT, ALWAYS, AT(type) },
	{ "booking_id", FIELD_UUID, ALWAYS, AT(booking) },
	{ "event_id", FIELD_UUID, ALWAYS, AT(event) },
	{ "sequence", FIELD_INT, ALWAYS, AT(sequence) },
	{ "created_at", FIELD_INSTANT, ALWAYS, AT(created_us) },
	{ "due_at", FIELD_INSTANT, ALWAYS, AT(due_us) },
	{ "sent_at", FIELD_INSTANT, ALWAYS, AT(sent_us) },
	{ "attempts", FIELD_INT, ALWAYS, AT(attempts) },
	{ "failing_since", FIELD_INSTANT, ALWAYS, AT(failing_us) },
	{ "failure", FIELD_TEXT, ALWAYS, AT(failure) },
	{ "dead_at", FIELD_INSTANT, ALWAYS, AT(dead_us) },
};
#undef AT
/* clang-format on */

static const struct form topic_form = { .name = "OutboxTopic",
	.size = sizeof(struct outbox_topic), .fields = topic_rows,
	.count = ARRAY_LEN(topic_rows) };
static const struct form size_form = { .name = "OutboxSize",
	.size = sizeof(struct outbox_size), .fields = size_rows,
	.count = ARRAY_LEN(size_rows) };
static const struct form line_form = { .name = "OutboxLine",
	.size = sizeof(struct outbox_line), .fields = line_rows,
	.count = ARRAY_LEN(line_rows) };

static void
put_list(struct buf *out, const struct form *form, const void *items,
    size_t count)
{
	buf_putc(out, '[');
	for (size_t i = 0; i < count; i++) {
		buf_puts(out, i > 0 ? "," : "");
		form_print(out, form, (const char *)items + i * form->size);
	}
	buf_putc(out, ']');
}

/* ---- as text -------------------------------------------------------------------- */

/* "12 ms", "3.4 s", "5 min", "2 h": to be read, not to be reckoned with. */
static const char *
span(struct ctl *ctl, int64_t ms)
{
	if (ms == NONE)
		return "-";
	if (ms < 1000)
		return arena_printf(ctl->arena, "%" PRId64 " ms", ms);
	if (ms < 60000)
		return arena_printf(ctl->arena, "%" PRId64 ".%" PRId64 " s",
		    ms / 1000, ms % 1000 / 100);
	if (ms < 5400000)
		return arena_printf(ctl->arena, "%" PRId64 " min",
		    ms / 60000);
	return arena_printf(ctl->arena, "%" PRId64 " h", ms / 3600000);
}

static void
put_topics(struct ctl *ctl, struct buf *out,
    const struct outbox_topic *topics, size_t count)
{
	buf_printf(out, "%-10s %8s %8s %8s %8s %6s %8s %8s %8s %8s\n",
	    "topic", "waiting", "in hand", "later", "failing", "dead",
	    "oldest", "sent/h", "median", "p99");
	for (size_t i = 0; i < count; i++) {
		const struct outbox_topic *t = &topics[i];

		buf_printf(out, "%-10s %8" PRId64 " %8" PRId64 " %8" PRId64
		    " %8" PRId64 " %6" PRId64 " %8s %8" PRId64 " %8s %8s\n",
		    t->topic, t->waiting, t->in_hand, t->later, t->failing,
		    t->dead, span(ctl, t->oldest_ms), t->sent,
		    span(ctl, t->half_ms), span(ctl, t->most_ms));
	}
}

static void
put_line(struct buf *out, const struct outbox_line *l)
{
	char when[INSTANT_TEXT_MAX];
	char id[UUID_TEXT_MAX];

	buf_printf(out, "%" PRId64 "  %s  %s %s", l->id, instant_format(
	    l->created_us, when), l->topic, l->type);
	if (l->sequence != NONE)
		buf_printf(out, " (%" PRId64 ")", l->sequence);
	buf_printf(out, "  booking %s  ", uuid_format(&l->booking, id));
	if (l->sent_us != NONE)
		buf_printf(out, "sent %s", instant_format(l->sent_us, when));
	else if (l->dead_us != NONE)
		buf_printf(out, "dead since %s", instant_format(l->dead_us,
		    when));
	else
		buf_printf(out, "due %s", instant_format(l->due_us, when));
	if (l->failure)
		buf_printf(out, ": %s", l->failure);
	if (l->attempts > 0)
		buf_printf(out, ", refused %" PRId64 " time%s", l->attempts,
		    l->attempts == 1 ? "" : "s");
	buf_putc(out, '\n');
}

/* ---- stats ---------------------------------------------------------------------- */

struct plain_options {
	bool json;
};

static const struct option_spec stats_specs[] = {
	{ .name = "json", .type = OPTION_FLAG,
	    .offset = offsetof(struct plain_options, json),
	    .help = "Print JSON." },
};

static const struct command stats_command = {
	.name = "outbox stats",
	.summary = "say how much waits, fails and is dead",
	.text = "Says, for each topic, how many rows are due and wait, are in "
	    "a relay's hands, are due later, fail and are dead; how long the "
	    "oldest has waited; and how many were sent in the last hour, and "
	    "how soon. The exit status is 1 when something is dead.",
	.options = stats_specs,
	.count = ARRAY_LEN(stats_specs),
	.size = sizeof(struct plain_options),
};

static int
run_stats(struct ctl *ctl, int argc, char **argv)
{
	struct plain_options options;
	struct outbox_topic *topics;
	struct outbox_size size;
	struct admin *admin;
	struct buf out;
	size_t count;
	int64_t dead = 0;
	int status;
	enum err e;

	if (!ctl_options(ctl, &stats_command, argc, argv, &options,
	    &status) || !ctl_admin(ctl, &admin, &status))
		return status;
	e = outbox_stats(admin, &ctl->sc, &topics, &count, &size);
	if (e)
		return ctl_fail(ctl, e);

	for (size_t i = 0; i < count; i++)
		dead += topics[i].dead;
	buf_init(&out, ctl->arena, CTL_OUTPUT_MAX);
	if (options.json) {
		buf_puts(&out, "{\"topics\":");
		put_list(&out, &topic_form, topics, count);
		buf_puts(&out, ",\"table\":");
		form_print(&out, &size_form, &size);
		buf_puts(&out, "}\n");
	} else {
		put_topics(ctl, &out, topics, count);
		buf_printf(&out, "table: about %" PRId64 " rows, %" PRId64
		    " KiB with its indexes, %" PRId64 " row versions to be "
		    "vacuumed\n", size.rows, size.bytes / 1024,
		    size.dead_rows);
	}
	status = ctl_print(&out);
	return status == CTL_FINE && dead > 0 ? CTL_FAILED : status;
}

/* ---- list and dead ---------------------------------------------------------------- */

struct list_options {
	const char *topic;
	const char *type;
	const char *state;
	struct uuid booking;
	int64_t max;
	bool json;
};

#define LIST_AT(member) .offset = offsetof(struct list_options, member)
#define TOPIC_SPEC { .name = "topic", .type = OPTION_TEXT, .metavar = "TOPIC", \
	.min = 1, .max = 20, LIST_AT(topic), .help = "Only that topic: events, " \
	"payments, documents or bookings." }
#define BOOKING_SPEC { .name = "booking", .type = OPTION_UUID, \
	.metavar = "BOOKING", LIST_AT(booking), \
	.help = "Only rows of that booking." }
#define MAX_SPEC { .name = "max", .type = OPTION_INT, .metavar = "COUNT", \
	.min = 1, .max = LIST_MAX, LIST_AT(max), \
	.help = "At most so many; 100 when left out." }
#define JSON_SPEC { .name = "json", .type = OPTION_FLAG, LIST_AT(json), \
	.help = "Print JSON." }

static const struct option_spec list_specs[] = {
	TOPIC_SPEC,
	{ .name = "type", .type = OPTION_TEXT, .metavar = "TYPE", .min = 1,
	    .max = 40, LIST_AT(type),
	    .help = "Only that type, such as BookingCreated." },
	{ .name = "state", .type = OPTION_TEXT, .metavar = "WORD", .min = 1,
	    .max = 20, LIST_AT(state),
	    .help = "Only those that are waiting, later, sent or dead." },
	BOOKING_SPEC, MAX_SPEC, JSON_SPEC,
};
static const struct option_spec dead_specs[] = {
	TOPIC_SPEC, BOOKING_SPEC, MAX_SPEC, JSON_SPEC,
};

static const struct command list_command = {
	.name = "outbox list",
	.summary = "list rows, newest first",
	.text = "Lists rows of the outbox, newest first: what they are, when "
	    "they are due or were sent, and why they were not.",
	.options = list_specs,
	.count = ARRAY_LEN(list_specs),
	.size = sizeof(struct list_options),
};
static const struct command dead_command = {
	.name = "outbox dead",
	.summary = "list what nobody tries any more",
	.text = "Lists the rows that were given up, and why. A dead event "
	    "holds back the later ones of its booking. When the cause is "
	    "mended, bookingctl outbox replay --dead tries them again. The "
	    "exit status is 1 when there are any.",
	.options = dead_specs,
	.count = ARRAY_LEN(dead_specs),
	.size = sizeof(struct list_options),
};

static bool
known_topic(const char *topic)
{
	enum relay_topic found;

	return !topic || relay_topic_parse(topic, &found) ||
	    strcmp(topic, "documents") == 0;
}

static bool
known_state(const char *state)
{
	for (size_t i = 0; states[i]; i++) {
		if (strcmp(states[i], state) == 0)
			return true;
	}
	return false;
}

static int
print_lines(struct ctl *ctl, const struct command *command,
    const struct list_options *options, size_t *ret_count)
{
	struct outbox_filter filter = { .topic = options->topic,
		.type = options->type, .state = options->state,
		.booking = options->booking,
		.max = options->max == NONE ? LIST_USUAL : options->max };
	struct outbox_line *lines;
	struct admin *admin;
	struct buf out;
	int status;
	enum err e;

	if (!known_topic(options->topic))
		return ctl_usage(command->name, "--topic is none of events, "
		    "payments, documents and bookings");
	if (options->state && !known_state(options->state))
		return ctl_usage(command->name, "--state is none of waiting, "
		    "later, sent and dead");
	if (!ctl_admin(ctl, &admin, &status))
		return status;
	e = outbox_browse(admin, &ctl->sc, &filter, &lines, ret_count);
	if (e)
		return ctl_fail(ctl, e);

	buf_init(&out, ctl->arena, CTL_OUTPUT_MAX);
	if (options->json) {
		buf_puts(&out, "{\"data\":");
		put_list(&out, &line_form, lines, *ret_count);
		buf_puts(&out, "}\n");
	} else {
		for (size_t i = 0; i < *ret_count; i++)
			put_line(&out, &lines[i]);
	}
	return ctl_print(&out);
}

static int
run_list(struct ctl *ctl, int argc, char **argv)
{
	struct list_options options;
	size_t count;
	int status;

	if (!ctl_options(ctl, &list_command, argc, argv, &options, &status))
		return status;
	return print_lines(ctl, &list_command, &options, &count);
}

static int
run_dead(struct ctl *ctl, int argc, char **argv)
{
	struct list_options options;
	size_t count = 0;
	int status;

	if (!ctl_options(ctl, &dead_command, argc, argv, &options, &status))
		return status;
	options.state = "dead";
	status = print_lines(ctl, &dead_command, &options, &count);
	return status == CTL_FINE && count > 0 ? CTL_FAILED : status;
}

/* ---- replay ---------------------------------------------------------------------- */

struct replay_options {
	bool dead;
	bool dry_run;
	const char *topic;
	struct uuid booking;
	int64_t since;
	int64_t until;
};

#define REPLAY_AT(member) .offset = offsetof(struct replay_options, member)
static const struct option_spec replay_specs[] = {
	{ .name = "dead", .type = OPTION_FLAG, REPLAY_AT(dead),
	    .help = "What was given up, of any topic, instead of events that "
	    "were sent." },
	{ .name = "topic", .type = OPTION_TEXT, .metavar = "TOPIC", .min = 1,
	    .max = 20, REPLAY_AT(topic),
	    .help = "With --dead: only that topic." },
	{ .name = "booking", .type = OPTION_UUID, .metavar = "BOOKING",
	    REPLAY_AT(booking), .help = "Only of that booking." },
	{ .name = "since", .type = OPTION_INSTANT, .metavar = "INSTANT",
	    REPLAY_AT(since), .help = "Only events that happened then or "
	    "later (2027-01-10T12:00:00Z)." },
	{ .name = "until", .type = OPTION_INSTANT, .metavar = "INSTANT",
	    REPLAY_AT(until), .help = "Only events that happened before." },
	{ .name = "dry-run", .type = OPTION_FLAG, REPLAY_AT(dry_run),
	    .help = "Only say how many there are." },
};

static const struct command replay_command = {
	.name = "outbox replay",
	.summary = "send events again; try again what is dead",
	.text = "Sends events again that were sent, under the same event_id "
	    "and sequence, to a receiver that lost them: those of a booking, "
	    "or of a time, or both. Where SQS_QUEUE_URL is a FIFO queue, an "
	    "event waits until five minutes after its last time: sooner it "
	    "would be taken for a repeat, and not delivered. With --dead it "
	    "tries again what was given up, with all its tries before it.",
	.options = replay_specs,
	.count = ARRAY_LEN(replay_specs),
	.size = sizeof(struct replay_options),
};

/* All events there are is nobody's wish by accident. */
static const char *
wrong_wish(const struct replay_options *o)
{
	bool timed = o->since != NONE || o->until != NONE;

	if (!known_topic(o->topic))
		return "--topic is none of events, payments, documents and "
		    "bookings";
	if (o->dead && timed)
		return "--dead goes without --since and --until";
	if (!o->dead && o->topic)
		return "--topic goes with --dead";
	if (!o->dead && !timed && uuid_is_none(&o->booking))
		return "say which: --booking, --since, --until or --dead";
	if (o->since != NONE && o->until != NONE && o->since >= o->until)
		return "--since must be earlier than --until";
	return NULL;
}

static int
run_replay(struct ctl *ctl, int argc, char **argv)
{
	struct outbox_replayed replayed = { .waits = false };
	struct replay_options options;
	struct admin *admin;
	const char *wrong;
	int status;
	enum err e;

	if (!ctl_options(ctl, &replay_command, argc, argv, &options, &status))
		return status;
	wrong = wrong_wish(&options);
	if (wrong)
		return ctl_usage(replay_command.name, wrong);
	if (!ctl_admin(ctl, &admin, &status))
		return status;
	if (options.dead)
		e = outbox_revive(admin, &ctl->sc, options.topic,
		    &options.booking, options.dry_run, &replayed.rows);
	else
		e = outbox_replay(admin, &ctl->sc, &options.booking,
		    options.since, options.until, options.dry_run, &replayed);
	if (e)
		return ctl_fail(ctl, e);
	printf("%" PRId64 " %s%s %s%s again\n", replayed.rows, options.dead ?
	    "row" : "event", replayed.rows == 1 ? "" : "s", options.dry_run ?
	    "would be " : "", options.dead ? "tried" : "sent");
	if (replayed.waits && replayed.rows > 0)
		puts("none of them sooner than five minutes after its last "
		    "time: until then a FIFO queue delivers no repeat");
	return CTL_FINE;
}

/* ---- watch ----------------------------------------------------------------------- */

struct watch_options {
	int64_t every;
	int64_t times;
};

static const struct option_spec watch_specs[] = {
	{ .name = "every", .type = OPTION_INT, .metavar = "SECONDS", .min = 1,
	    .max = 3600, .offset = offsetof(struct watch_options, every),
	    .help = "How often to look; every 2 seconds when left out." },
	{ .name = "times", .type = OPTION_INT, .metavar = "COUNT", .min = 1,
	    .max = 1000000, .offset = offsetof(struct watch_options, times),
	    .help = "End after so many looks; a signal ends it otherwise." },
};

static const struct command watch_command = {
	.name = "outbox watch",
	.summary = "say it again and again",
	.text = "Prints the table of bookingctl outbox stats again and again, "
	    "until a signal ends it. A Postgres that goes away meanwhile is "
	    "waited for.",
	.options = watch_specs,
	.count = ARRAY_LEN(watch_specs),
	.size = sizeof(struct watch_options),
};

static volatile sig_atomic_t stopping;

static void
on_stop(int signal)
{
	(void)signal;
	stopping = 1;
}

/* One look, with memory of its own. */
static int
look(struct ctl *own)
{
	char now[INSTANT_TEXT_MAX];
	struct outbox_topic *topics;
	struct outbox_size size;
	struct admin *admin;
	struct buf out;
	size_t count;
	int status;
	enum err e;

	scope_init(&own->sc, own->arena, WATCH_BUDGET_US);
	if (!ctl_admin(own, &admin, &status))
		return status;
	e = outbox_stats(admin, &own->sc, &topics, &count, &size);
	if (e)
		return ctl_fail(own, e);
	buf_init(&out, own->arena, CTL_OUTPUT_MAX);
	buf_printf(&out, "%s\n", instant_format(clock_wall_us() /
	    USEC_PER_SEC * USEC_PER_SEC, now));
	put_topics(own, &out, topics, count);
	buf_putc(&out, '\n');
	return ctl_print(&out);
}

static int
run_watch(struct ctl *ctl, int argc, char **argv)
{
	struct sigaction action = { .sa_handler = on_stop };
	struct ctl own = { .arena = NULL };
	struct watch_options options;
	struct timespec rest;
	int status = CTL_FINE;
	bool seen = false;

	if (!ctl_options(ctl, &watch_command, argc, argv, &options, &status))
		return status;
	rest = (struct timespec){ .tv_sec = options.every == NONE ? 2 :
	    options.every };
	own.arena = arena_open(WATCH_MEMORY_MAX);
	if (!own.arena) {
		fprintf(stderr, "bookingctl: there is no memory\n");
		return CTL_FAILED;
	}
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	for (int64_t i = 1; !stopping; i++) {
		status = look(&own);
		arena_reset(own.arena);
		seen = seen || status == CTL_FINE;
		/* An outage is what one watches. */
		if (i == options.times || (status != CTL_FINE &&
		    !(status == CTL_UNAVAILABLE && seen)))
			break;
		if (!stopping)
			nanosleep(&rest, NULL);
	}
	arena_close(own.arena);
	return status;
}

static const struct verb verbs[] = {
	{ &stats_command, run_stats },
	{ &list_command, run_list },
	{ &dead_command, run_dead },
	{ &replay_command, run_replay },
	{ &watch_command, run_watch },
};

int
cmd_outbox(struct ctl *ctl, int argc, char **argv)
{
	return ctl_verb(ctl, "outbox", verbs, ARRAY_LEN(verbs), argc, argv);
}
