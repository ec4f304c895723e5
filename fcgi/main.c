/* main.c: booking-api: the API as a pool of FastCGI workers. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "app/app.h"
#include "app/customer_keys.h"
#include "app/settings.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/resolver.h"
#include "base/scope.h"
#include "base/shm.h"
#include "fcgi/handover.h"
#include "fcgi/listener.h"
#include "fcgi/pool.h"

#define PATH_BYTES 4096
#define CHECK_MEMORY (8 * 1024 * 1024)
#define CHECK_S 15 /* how long Postgres may take to answer at the start */

struct options {
	bool check;
	bool done;       /* --help or --version: nothing else is to do */
	int64_t workers; /* 0 = as the settings say */
	const char *socket;
};

/* clang-format off */
static const char help[] =
    "Usage: booking-api [OPTION]...\n"
    "Serve the booking API by FastCGI on a unix socket, with a pool of "
    "workers.\n"
    "\n"
    "  -w, --workers N     requests answered at the same time, 1 to 255\n"
    "                      (default: API_WORKERS, else two a core, 4 to 16)\n"
    "  -s, --socket PATH   the unix socket to make (default: API_SOCKET);\n"
    "                      a socket handed over by systemd goes first\n"
    "  -c, --check         say whether it would start, and end\n"
    "  -h, --help          show this text, and end\n"
    "  -V, --version       show the version, and end\n"
    "\n"
    "Settings come from the environment: bookingctl config --help lists "
    "them.\n"
    "It stays in the foreground and logs one JSON line per event to standard\n"
    "error.\n"
    "\n"
    "Signals\n"
    "  TERM, INT, QUIT     finish the requests in hand, then end\n"
    "  HUP                 check the binary now on disk and replace the "
    "workers\n"
    "                      by it, one by one; no request is lost\n"
    "\n"
    "Exit status\n"
    "  0   told to end, or --check found nothing wrong\n"
    "  64  wrong usage\n"
    "  69  the socket is not to be had, or Postgres has no room\n"
    "  78  a setting is wrong\n";
/* clang-format on */

static int
complain(int status, const char *sentence)
{
	(void)fprintf(stderr, "booking-api: %s\n", sentence);
	return status;
}

static bool
read_workers(const char *text, int64_t *ret_workers)
{
	char *end;
	long long workers;

	errno = 0;
	workers = strtoll(text, &end, 10);
	if (errno != 0 || end == text || *end != '\0' || workers < 1 ||
	    workers > POOL_WORKERS_MAX)
		return false;
	*ret_workers = workers;
	return true;
}

/* 0, or the exit status of a wrong usage. */
static int
read_options(int argc, char **argv, struct options *ret_options)
{
	static const struct option known[] = {
	    {"workers", required_argument, NULL, 'w'},
	    {"socket", required_argument, NULL, 's'},
	    {"check", no_argument, NULL, 'c'},
	    {"help", no_argument, NULL, 'h'},
	    {"version", no_argument, NULL, 'V'},
	    {0},
	};
	int c;

	while ((c = getopt_long(argc, argv, "w:s:chV", known, NULL)) != -1) {
		switch (c) {
		case 'w':
			if (!read_workers(optarg, &ret_options->workers))
				return complain(EX_USAGE,
				    "--workers must be a number from 1 to 255");
			break;
		case 's':
			ret_options->socket = optarg;
			break;
		case 'c':
			ret_options->check = true;
			break;
		case 'h':
			(void)fputs(help, stdout);
			ret_options->done = true;
			return 0;
		case 'V':
			(void)puts("booking-api " PACKAGE_VERSION);
			ret_options->done = true;
			return 0;
		default:
			return complain(EX_USAGE, "try booking-api --help");
		}
	}
	if (optind < argc)
		return complain(
		    EX_USAGE, "it takes no arguments: try booking-api --help");
	return 0;
}

/* A path by which the binary that is on disk later can be run: what was typed,
 * so that a link that moves on is followed, else where we are. */
static void
find_self(const char *typed, char out[PATH_BYTES])
{
	char folder[PATH_BYTES / 2];
	ssize_t len;

	if (typed && *typed == '/' && strlen(typed) < PATH_BYTES) {
		(void)snprintf(out, PATH_BYTES, "%s", typed);
		return;
	}
	if (typed && strchr(typed, '/') && strlen(typed) < PATH_BYTES / 2 - 1 &&
	    getcwd(folder, sizeof folder)) {
		(void)snprintf(out, PATH_BYTES, "%s/%s", folder, typed);
		return;
	}
	len = readlink("/proc/self/exe", out, PATH_BYTES - 1);
	out[len < 0 ? 0 : len] = '\0';
}

static enum err
ask_postgres(struct app *app, struct scope *sc, int64_t room)
{
	enum err e = app_ready(app, sc);

	if (!e && room > 0)
		e = app_room(app, sc, room);
	return e;
}

/* Postgres that is not there is no reason: the pool then answers that it is
 * not there. */
static int
judge(struct app *app, struct arena *arena, int64_t room)
{
	struct scope sc;
	enum err e;

	scope_init(&sc, arena, CHECK_S * USEC_PER_SEC);
	if (app->customer_keys && customer_keys_read(app->customer_keys, &sc))
		return complain(EX_CONFIG, sc.why);
	e = ask_postgres(app, &sc, room);
	if (e == ERR_UNAVAILABLE || e == ERR_TIMEOUT || e == ERR_RETRY) {
		log_event(LOG_WARN, "start_without_database",
		    log_text("why", sc.why));
		return EX_OK;
	}
	if (e)
		return complain(e == ERR_CONFLICT ? EX_UNAVAILABLE :
		    EX_CONFIG, sc.why);
	return EX_OK;
}

/*
 * Would we serve?  Keys are read, statements prepared and, when room > 0, so
 * many connections asked for.
 */
static int
check(const struct settings *conf, int64_t room)
{
	char why[SCOPE_WHY_MAX];
	struct arena *arena = arena_open(CHECK_MEMORY);
	struct shm *shm = shm_open_file(NULL, why, sizeof why);
	struct app *app;
	int status;

	if (!arena || !shm)
		return complain(EX_OSERR, "no memory");
	app = app_open(conf, shm, "booking-api", why, sizeof why);
	status = app ? judge(app, arena, room) : complain(EX_CONFIG, why);

	app_close(app);
	shm_close(shm);
	arena_close(arena);
	return status;
}

/* The same in a process of its own: the supervisor keeps no connection, and
 * must not wait for ever. */
static int
check_apart(const struct settings *conf, int64_t room)
{
	const struct timespec wait = {.tv_sec = CHECK_S + 5};
	sigset_t child;
	int status = 0;
	pid_t pid;

	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	(void)sigprocmask(SIG_BLOCK, &child, NULL);
	pid = fork();
	if (pid < 0)
		return complain(EX_OSERR, strerror(errno));
	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		exit(check(conf, room));
	}

	if (sigtimedwait(&child, NULL, &wait) < 0) {
		(void)kill(pid, SIGKILL);
		log_event(LOG_WARN, "start_without_database",
		    log_text("why", "Postgres did not answer in time"));
	}
	if (waitpid(pid, &status, 0) != pid)
		return EX_OSERR;
	return WIFEXITED(status) ? WEXITSTATUS(status) : EX_OK;
}

static int
start_pool(const struct settings *conf, int64_t workers, char *const *argv)
{
	struct handover handover;
	bool handed = handover_take(&handover);
	struct listener listener = {.fd = -1};
	struct pool_start start = {.conf = conf,
	    .workers = workers,
	    .listener = &listener,
	    .argv = argv};
	char why[SCOPE_WHY_MAX];
	char path[PATH_BYTES];
	int status;

	if (handed) {
		listener = handover.listener;
		start.handover = &handover;
		if (fcntl(listener.fd, F_SETFD, FD_CLOEXEC) != 0)
			return complain(EX_OSERR, "the listener got lost");
	} else {
		/* One more: a successor serves before the old one goes. */
		status = check_apart(conf, workers + 1);
		if (status != EX_OK)
			return status;
	}

	(void)snprintf(path, sizeof path, "%s/%s", conf->runtime_dir, SHM_FILE);
	start.shm = shm_open_file(path, why, sizeof why);
	if (!start.shm)
		return complain(EX_CONFIG, why);
	if (!handed &&
	    !listener_open(&listener, conf, workers, why, sizeof why)) {
		shm_close(start.shm);
		return complain(EX_UNAVAILABLE, why);
	}

	status = pool_run(&start);
	listener_close(&listener, conf->api_socket, true);
	shm_close(start.shm);
	return status;
}

/* With the settings as the command line changed them. */
static int
run(const struct options *options, struct settings conf, char **argv)
{
	char self[PATH_BYTES];
	int64_t workers;

	if (options->socket)
		conf.api_socket = options->socket;
	log_open("booking-api", log_level_of(conf.log_level), STDERR_FILENO);
	if (options->check)
		return check(&conf, 0);

	workers = options->workers > 0   ? options->workers
		  : conf.api_workers > 0 ? conf.api_workers
					 : pool_default_workers();
	find_self(argv[0], self);
	argv[0] = self;
	/* What a worker shares by the size of the pool, it reads here. */
	conf.api_workers = workers;
	return start_pool(&conf, workers, argv);
}

int
main(int argc, char **argv)
{
	struct options options = {0};
	const struct settings *settings;
	char why[SCOPE_WHY_MAX];
	int status = read_options(argc, argv, &options);

	if (status != 0 || options.done)
		return status;

	resolver_hurry();
	settings = settings_load(why, sizeof why);
	if (!settings)
		return complain(EX_CONFIG, why);
	status = run(&options, *settings, argv);
	settings_free(settings);
	return status;
}
