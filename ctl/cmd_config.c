/* cmd_config.c: bookingctl config. */
#include <stdio.h>

#include "app/settings.h"
#include "ctl/ctl.h"
#include "ctl/options.h"

struct options {
	bool json;
	bool manual;
};

static const struct option_spec specs[] = {
	{ .name = "json", .type = OPTION_FLAG,
	    .offset = offsetof(struct options, json),
	    .help = "Print one JSON object." },
	{ .name = "manual", .type = OPTION_FLAG,
	    .offset = offsetof(struct options, manual),
	    .help = "Print what every setting means, its default and its "
	        "bounds." },
};

static const struct command command = {
	.name = "config",
	.text = "Prints every setting as it is in force, secrets masked. A "
	    "setting that is bad, or missing although the services need it, "
	    "is named on standard error, and the exit status is 78.",
	.options = specs,
	.count = ARRAY_LEN(specs),
	.size = sizeof(struct options),
};

int
cmd_config(struct ctl *ctl, int argc, char **argv)
{
	const struct settings *settings;
	char why[SCOPE_WHY_MAX];
	struct options options;
	int status;

	if (!ctl_options(ctl, &command, argc, argv, &options, &status))
		return status;
	if (options.manual) {
		conf_manual(stdout, settings_table, settings_count);
		return CTL_FINE;
	}

	settings = ctl_settings(ctl);
	if (!settings)
		return CTL_CONFIG;
	conf_print(stdout, settings_table, settings_count, settings,
	    options.json);

	settings = settings_load(why, sizeof why);
	if (!settings) {
		fprintf(stderr, "bookingctl: %s\n", why);
		return CTL_CONFIG;
	}
	settings_free(settings);
	return CTL_FINE;
}
