/* main.c: bookingctl: the sysadmin's one tool, a table of commands. */
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "app/admin.h"
#include "app/app.h"
#include "app/settings.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/resolver.h"
#include "base/shm.h"
#include "ctl/ctl.h"
#include "ctl/options.h"

#define MEMORY_MAX ((size_t)128 * 1024 * 1024)
#define DEADLINE_US (30 * USEC_PER_MIN) /* a migration may take its time */
#define STATEMENT_MS 60000 /* an administrator waits longer than a parent */

/* clang-format off */
static const struct noun {
	const char *name;
	int (*run)(struct ctl *ctl, int argc, char **argv);
	const char *summary;
} nouns[] = {
	{ "apikey",    cmd_apikey,    "make, list and revoke the keys of programs" },
	{ "booking",   cmd_booking,   "revoke the QR code of a booking" },
	{ "config",    cmd_config,    "print the settings in force, or their manual" },
	{ "doctor",    cmd_doctor,    "examine every setting and every dependency" },
	{ "franchise", cmd_franchise, "set franchises up, show and change them" },
	{ "migrate",   cmd_migrate,   "bring the database's schema up to date" },
	{ "outbox",    cmd_outbox,    "see what waits, fails and is dead; send it again" },
	{ "payments",  cmd_payments,  "list payments, retry and refund them, do what is due" },
	{ "reconcile", cmd_reconcile, "prove that Stripe, payments and journal agree" },
	{ "token",     cmd_token,     "print a customer's token, to try the API with" },
	{ "verify",    cmd_verify,    "prove that the books balance" },
};
/* clang-format on */

static const char intro[] =
    "bookingctl administers Customer Booking. It reads the same settings from "
    "the environment as the services do (bookingctl config --manual explains "
    "them), and speaks to Postgres as the role that owns the tables, by "
    "DATABASE_ADMIN_URL, or else by DATABASE_URL.";

static const char statuses[] =
    "Exit status:\n"
    "   0  all is well\n"
    "   1  something was refused or failed, or a difference was found\n"
    "   2  the command line makes no sense\n"
    "  69  Postgres, Redis or Stripe could not be reached\n"
    "  78  a setting is missing or bad\n";

static void
put_help(struct buf *out)
{
	buf_puts(out, "Usage: bookingctl COMMAND [ARGUMENT]...\n\n");
	options_fold(out, 0, intro);
	buf_puts(out, "\nCommands:\n");
	for (size_t i = 0; i < ARRAY_LEN(nouns); i++)
		buf_printf(out, "  %-10s %s\n", nouns[i].name,
		    nouns[i].summary);
	buf_puts(out, "\nbookingctl COMMAND --help says more of each.\n\n");
	buf_puts(out, statuses);
}

int
ctl_print(const struct buf *out)
{
	if (out->overflow) {
		fprintf(stderr, "bookingctl: the answer is too long to "
		    "print\n");
		return CTL_FAILED;
	}
	if (fwrite(out->data, 1, out->len, stdout) != out->len ||
	    fflush(stdout) != 0) {
		fprintf(stderr, "bookingctl: the answer could not be "
		    "written\n");
		return CTL_FAILED;
	}
	return CTL_FINE;
}

int
ctl_usage(const char *command, const char *why)
{
	fprintf(stderr, "bookingctl: %s (bookingctl %s%s--help explains)\n",
	    why, command, *command ? " " : "");
	return CTL_USAGE;
}

bool
ctl_options(struct ctl *ctl, const struct command *command, int argc,
    char **argv, void *values, int *ret_status)
{
	char why[SCOPE_WHY_MAX] = "";
	struct buf out;
	bool help;

	if (!options_read(command, ctl->arena, argc, argv, values, &help, why,
	    sizeof why)) {
		*ret_status = ctl_usage(command->name, why);
		return false;
	}
	if (help) {
		buf_init(&out, ctl->arena, CTL_OUTPUT_MAX);
		options_manual(&out, command);
		buf_printf(&out, "\n%s", statuses);
		*ret_status = ctl_print(&out);
		return false;
	}
	return true;
}

/* "add" of "franchise add". */
static const char *
verb_name(const struct command *command)
{
	const char *space = strchr(command->name, ' ');

	return space ? space + 1 : command->name;
}

static int
verbs_help(struct ctl *ctl, const char *noun, const struct verb *verbs,
    size_t count)
{
	struct buf out;

	buf_init(&out, ctl->arena, CTL_OUTPUT_MAX);
	buf_printf(&out, "Usage: bookingctl %s VERB [ARGUMENT]...\n\nVerbs:\n",
	    noun);
	for (size_t i = 0; i < count; i++)
		buf_printf(&out, "  %-10s %s\n", verb_name(verbs[i].command),
		    verbs[i].command->summary);
	buf_printf(&out, "\nbookingctl %s VERB --help says more of each.\n\n",
	    noun);
	buf_puts(&out, statuses);
	return ctl_print(&out);
}

int
ctl_verb(struct ctl *ctl, const char *noun, const struct verb *verbs,
    size_t count, int argc, char **argv)
{
	if (argc == 0)
		return ctl_usage(noun, "a verb is missing");
	if (strcmp(argv[0], "--help") == 0 || strcmp(argv[0], "-h") == 0)
		return verbs_help(ctl, noun, verbs, count);
	for (size_t i = 0; i < count; i++) {
		if (strcmp(verb_name(verbs[i].command), argv[0]) == 0)
			return verbs[i].run(ctl, argc - 1, argv + 1);
	}
	return ctl_usage(noun, "there is no such verb");
}

static void
free_settings(void *settings)
{
	settings_free(settings);
}

const struct settings *
ctl_settings(struct ctl *ctl)
{
	char why[SCOPE_WHY_MAX];
	const struct settings *settings = settings_load_some(why, sizeof why);

	if (!settings) {
		fprintf(stderr, "bookingctl: %s\n", why);
		return NULL;
	}
	arena_defer(ctl->arena, free_settings, (void *)(uintptr_t)settings);
	return settings;
}

bool
ctl_admin(struct ctl *ctl, struct admin **ret_admin, int *ret_status)
{
	const struct settings *settings = ctl_settings(ctl);
	enum err e;

	*ret_status = CTL_CONFIG;
	if (!settings)
		return false;
	e = admin_open(&ctl->sc, settings, ret_admin);
	if (e)
		*ret_status = ctl_fail(ctl, e);
	if (e == ERR_INVALID)
		*ret_status = CTL_CONFIG;
	return !e;
}

/* The settings in an app's own words, which must outlive it. */
struct own {
	struct settings conf;
	const struct settings *loaded;
	struct shm *shm;
	struct app *app;
};

/* What the pool has learnt of the outside, so that no outage is learnt anew;
 * where there is no pool, something of our own. */
static struct shm *
share(const struct settings *conf, char *why, size_t why_max)
{
	char path[PATH_MAX];
	struct shm *shm = NULL;
	int len = snprintf(path, sizeof path, "%s/%s", conf->runtime_dir,
	    SHM_FILE);

	if (len > 0 && (size_t)len < sizeof path && access(path, W_OK) == 0)
		shm = shm_open_file(path, why, why_max);
	return shm ? shm : shm_open_file(NULL, why, why_max);
}

static void
close_app(void *data)
{
	struct own *own = data;

	app_close(own->app);
	shm_close(own->shm);
	settings_free(own->loaded);
}

bool
ctl_app(struct ctl *ctl, struct app **ret_app, int *ret_status)
{
	struct own *own = arena_new(ctl->arena, struct own);
	char why[SCOPE_WHY_MAX];

	*ret_status = CTL_CONFIG;
	own->loaded = settings_load(why, sizeof why);
	if (!own->loaded) {
		fprintf(stderr, "bookingctl: %s\n", why);
		return false;
	}
	arena_defer(ctl->arena, close_app, own);
	own->conf = *own->loaded;
	if (*own->conf.database_admin_url)
		own->conf.database_url = own->conf.database_admin_url;
	own->conf.db_statement_timeout_ms = STATEMENT_MS;
	own->conf.api_workers = 0; /* outside of the pool: no bulkhead */
	signal(SIGPIPE, SIG_IGN);
	own->shm = share(&own->conf, why, sizeof why);
	if (own->shm)
		own->app = app_open(&own->conf, own->shm, "bookingctl", why,
		    sizeof why);
	if (!own->app) {
		fprintf(stderr, "bookingctl: %s\n", why);
		return false;
	}
	*ret_app = own->app;
	return true;
}

int
ctl_fail(const struct ctl *ctl, enum err e)
{
	fprintf(stderr, "bookingctl: %s\n", ctl->sc.why[0] ? ctl->sc.why :
	    err_info(e)->title);
	if (e == ERR_UNAVAILABLE || e == ERR_TIMEOUT ||
	    e == ERR_PAYMENTS_UNAVAILABLE)
		return CTL_UNAVAILABLE;
	return CTL_FAILED;
}

static int
run(struct ctl *ctl, int argc, char **argv)
{
	struct buf out;

	if (argc < 2)
		return ctl_usage("", "a command is missing");
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
	    strcmp(argv[1], "help") == 0) {
		buf_init(&out, ctl->arena, CTL_OUTPUT_MAX);
		put_help(&out);
		return ctl_print(&out);
	}
	for (size_t i = 0; i < ARRAY_LEN(nouns); i++) {
		if (strcmp(nouns[i].name, argv[1]) == 0)
			return nouns[i].run(ctl, argc - 2, argv + 2);
	}
	return ctl_usage("", "there is no such command");
}

int
main(int argc, char **argv)
{
	struct ctl ctl = { .arena = arena_open(MEMORY_MAX) };
	int status;

	if (!ctl.arena) {
		fprintf(stderr, "bookingctl: there is no memory\n");
		return CTL_FAILED;
	}
	resolver_hurry();
	scope_init(&ctl.sc, ctl.arena, DEADLINE_US);
	status = run(&ctl, argc, argv);
	arena_close(ctl.arena);
	return status;
}
