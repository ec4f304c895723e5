/* main.c: booking-relay: what must follow a commit, one topic a process. */
#include "config.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "app/settings.h"
#include "base/log.h"
#include "base/resolver.h"
#include "base/scope.h"
#include "base/shm.h"
#include "relay/loop.h"

#define PATH_BYTES 4096

struct options {
	bool done; /* --help or --version: nothing else is to do */
	bool once;
	enum relay_topic topic;
};

/* clang-format off */
static const char help[] =
    "Usage: booking-relay [OPTION]... TOPIC\n"
    "Carry out what must follow a commit: the due rows of one topic of the "
    "outbox.\n"
    "\n"
    "Topics\n"
    "  events      events, in order, to the queue (or to EVENTS_FILE)\n"
    "  payments    payment pages and refunds that Stripe has still to hear of\n"
    "  documents   QR codes to their store\n"
    "  bookings    holds and changes that lapsed, bookings that are over, old "
    "rows\n"
    "\n"
    "  -o, --once          end when nothing is due any more\n"
    "  -h, --help          show this text, and end\n"
    "  -V, --version       show the version, and end\n"
    "\n"
    "Any number may run on one topic: they share the work, and one booking's "
    "events\nstay in order. Settings come from the environment: bookingctl "
    "config --help lists\nthem. It stays in the foreground and logs one JSON "
    "line per event to standard\nerror.\n"
    "\n"
    "Signals\n"
    "  TERM, INT, QUIT     finish the batch in hand, then end\n"
    "\n"
    "Exit status\n"
    "  0   told to end\n"
    "  64  wrong usage\n"
    "  70  the database's schema is another one\n"
    "  78  a setting is wrong\n";
/* clang-format on */

static int
complain(int status, const char *sentence)
{
	(void)fprintf(stderr, "booking-relay: %s\n", sentence);
	return status;
}

/* 0, or the exit status of a wrong usage. */
static int
read_options(int argc, char **argv, struct options *ret_options)
{
	static const struct option known[] = {
		{ "once", no_argument, NULL, 'o' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "ohV", known, NULL)) != -1) {
		switch (c) {
		case 'o':
			ret_options->once = true;
			break;
		case 'h':
			(void)fputs(help, stdout);
			ret_options->done = true;
			return 0;
		case 'V':
			(void)puts("booking-relay " PACKAGE_VERSION);
			ret_options->done = true;
			return 0;
		default:
			return complain(EX_USAGE, "try booking-relay --help");
		}
	}
	if (optind + 1 != argc ||
	    !relay_topic_parse(argv[optind], &ret_options->topic))
		return complain(EX_USAGE, "it takes one topic: events, "
		    "payments, documents or bookings");
	return 0;
}

static int
run(const struct options *options, struct settings conf)
{
	struct loop_start start = { .conf = &conf, .topic = options->topic,
		.once = options->once };
	char why[SCOPE_WHY_MAX];
	char path[PATH_BYTES];
	int status;

	log_open("booking-relay", log_level_of(conf.log_level), STDERR_FILENO);
	/* A relay is none of the pool: the bulkhead is not for it. */
	conf.api_workers = 0;
	(void)snprintf(path, sizeof path, "%s/%s", conf.runtime_dir, SHM_FILE);
	start.shm = shm_open_file(path, why, sizeof why);
	if (!start.shm)
		return complain(EX_CONFIG, why);
	status = loop_run(&start);
	shm_close(start.shm);
	return status;
}

int
main(int argc, char **argv)
{
	struct options options = { 0 };
	const struct settings *settings;
	char why[SCOPE_WHY_MAX];
	int status = read_options(argc, argv, &options);

	if (status != 0 || options.done)
		return status;

	resolver_hurry();
	settings = settings_load_relay(why, sizeof why);
	if (!settings)
		return complain(EX_CONFIG, why);
	status = run(&options, *settings);
	settings_free(settings);
	return status;
}
