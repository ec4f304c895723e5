/* cmd_migrate.c: bookingctl migrate. */
#include <inttypes.h>
#include <stdio.h>

#include "app/schema.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/instant.h"
#include "base/json.h"
#include "ctl/ctl.h"
#include "ctl/options.h"

struct options {
	bool status;
	bool json;
};

static const struct option_spec specs[] = {
	{ .name = "status", .type = OPTION_FLAG,
	    .offset = offsetof(struct options, status),
	    .help = "Change nothing: list the migrations and when each was "
	        "applied. The exit status is 1 when one is missing or was "
	        "changed afterwards." },
	{ .name = "json", .type = OPTION_FLAG,
	    .offset = offsetof(struct options, json),
	    .help = "With --status: print JSON." },
};

static const struct command command = {
	.name = "migrate",
	.text = "Applies the migrations of SQL_DIR that the database does not "
	    "have yet, in order, each in a transaction of its own, and then "
	    "the grants of roles.sql. Safe to repeat, safe to run from two "
	    "hosts at once, and safe while the previous release still serves.",
	.options = specs,
	.count = ARRAY_LEN(specs),
	.size = sizeof(struct options),
};

static const char *
state_of(const struct schema_step *step)
{
	if (step->changed)
		return "changed after it had been applied";
	if (step->gone)
		return "applied, but not in SQL_DIR";
	return step->applied_us == NONE ? "missing" : "applied";
}

static void
put_text(struct buf *out, const struct schema_step *step)
{
	char at[INSTANT_TEXT_MAX] = "";

	if (step->applied_us != NONE)
		instant_format(step->applied_us -
		    step->applied_us % 1000000, at);
	buf_printf(out, "%-36s %-20s %s\n", step->name, at, state_of(step));
}

static void
put_json(struct buf *out, const struct schema_step *step)
{
	buf_puts(out, "{\"name\":");
	json_put_text(out, step->name);
	buf_puts(out, ",\"state\":");
	json_put_text(out, state_of(step));
	buf_puts(out, ",\"applied_at\":");
	if (step->applied_us == NONE)
		buf_puts(out, "null}");
	else {
		json_put_instant(out, step->applied_us);
		buf_putc(out, '}');
	}
}

static int
print_status(struct ctl *ctl, const struct settings *settings, bool json)
{
	struct schema_step *steps;
	struct buf out;
	size_t count;
	bool current = true;
	int status;
	enum err e;

	e = schema_status(&ctl->sc, settings, &steps, &count);
	if (e)
		return ctl_fail(ctl, e);

	buf_init(&out, ctl->arena, CTL_OUTPUT_MAX);
	buf_puts(&out, json ? "{\"data\":[" : "");
	for (size_t i = 0; i < count; i++) {
		if (json && i > 0)
			buf_putc(&out, ',');
		if (json)
			put_json(&out, &steps[i]);
		else
			put_text(&out, &steps[i]);
		if (steps[i].applied_us == NONE || steps[i].changed ||
		    steps[i].gone)
			current = false;
	}
	buf_puts(&out, json ? "]}\n" : "");
	status = ctl_print(&out);
	return status == CTL_FINE && !current ? CTL_FAILED : status;
}

int
cmd_migrate(struct ctl *ctl, int argc, char **argv)
{
	const struct settings *settings;
	struct options options;
	size_t applied;
	int status;
	enum err e;

	if (!ctl_options(ctl, &command, argc, argv, &options, &status))
		return status;
	settings = ctl_settings(ctl);
	if (!settings)
		return CTL_CONFIG;
	if (!schema_url(settings)) {
		fprintf(stderr, "bookingctl: DATABASE_ADMIN_URL or "
		    "DATABASE_URL must be set\n");
		return CTL_CONFIG;
	}
	if (options.status)
		return print_status(ctl, settings, options.json);

	e = schema_apply(&ctl->sc, settings, stdout, &applied);
	if (e)
		return ctl_fail(ctl, e);
	if (applied == 0)
		printf("nothing to apply: the schema is current\n");
	return CTL_FINE;
}
