/* cmd_doctor.c: bookingctl doctor. */
#include "app/doctor.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/json.h"
#include "ctl/ctl.h"
#include "ctl/options.h"

struct options {
	bool json;
	bool quiet;
};

static const struct option_spec specs[] = {
	{ .name = "json", .type = OPTION_FLAG,
	    .offset = offsetof(struct options, json),
	    .help = "Print JSON." },
	{ .name = "quiet", .type = OPTION_FLAG,
	    .offset = offsetof(struct options, quiet),
	    .help = "Leave out what is well." },
};

static const struct command command = {
	.name = "doctor",
	.text = "Examines every setting and everything the services depend "
	    "on: Postgres, its schema, its clock and its time zones, Redis, "
	    "the keys, the directories. One line each: ok, WARN or FAIL. It "
	    "changes nothing. The exit status is 78 when a setting fails, "
	    "else 69 when Postgres or Redis cannot be reached, else 1 when "
	    "anything fails; warnings do not count.",
	.options = specs,
	.count = ARRAY_LEN(specs),
	.size = sizeof(struct options),
};

static const char *const levels[FINDING__MAX] = {
	[FINDING_OK] = "ok",
	[FINDING_WARN] = "WARN",
	[FINDING_FAIL] = "FAIL",
};

static void
put_json(struct buf *out, const struct finding *f)
{
	buf_puts(out, "{\"level\":");
	json_put_text(out, levels[f->level]);
	buf_puts(out, ",\"what\":");
	json_put_text(out, f->what);
	buf_puts(out, ",\"detail\":");
	json_put_text(out, f->text);
	buf_putc(out, '}');
}

static void
put_findings(struct buf *out, const struct findings *findings,
    const struct options *options)
{
	size_t told = 0;

	buf_puts(out, options->json ? "{\"data\":[" : "");
	for (size_t i = 0; i < findings->count; i++) {
		const struct finding *f = &findings->items[i];

		if (options->quiet && f->level == FINDING_OK)
			continue;
		if (options->json && told++ > 0)
			buf_putc(out, ',');
		if (options->json)
			put_json(out, f);
		else
			buf_printf(out, "%-4s  %-24s %s\n", levels[f->level],
			    f->what, f->text);
	}
	buf_puts(out, options->json ? "]}\n" : "");
}

static int
verdict(const struct findings *findings)
{
	bool failed[3] = { false };

	for (size_t i = 0; i < findings->count; i++) {
		if (findings->items[i].level == FINDING_FAIL)
			failed[findings->items[i].cause] = true;
	}
	if (failed[CAUSE_SETTING])
		return CTL_CONFIG;
	if (failed[CAUSE_SERVICE])
		return CTL_UNAVAILABLE;
	return failed[CAUSE_STATE] ? CTL_FAILED : CTL_FINE;
}

int
cmd_doctor(struct ctl *ctl, int argc, char **argv)
{
	struct findings findings;
	struct options options;
	struct buf out;
	int status;

	if (!ctl_options(ctl, &command, argc, argv, &options, &status))
		return status;
	doctor_examine(&ctl->sc, &findings);
	buf_init(&out, ctl->arena, CTL_OUTPUT_MAX);
	put_findings(&out, &findings, &options);
	status = ctl_print(&out);
	return status == CTL_FINE ? verdict(&findings) : status;
}
