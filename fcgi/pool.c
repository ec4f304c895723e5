/* pool.c: the supervisor: keeps a number of workers alive on one listener. */
#include "fcgi/pool.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "app/settings.h"
#include "base/clock.h"
#include "base/log.h"
#include "fcgi/handover.h"
#include "fcgi/listener.h"
#include "base/notify.h"
#include "fcgi/slots.h"
#include "fcgi/worker.h"

#define CHECK_US (20 * USEC_PER_SEC) /* for --check of a new binary */
#define TICK_MAX_MS 1000
#define ARGS_MAX 32

struct pool {
	const struct pool_start *start;
	const struct settings *conf;
	struct slots slots;
	int signals;
	bool ready_told;
	bool rolling; /* until no worker of an older image is left */
	bool stopping;
	pid_t check; /* a new binary's --check, 0 = none */
	int64_t check_by_us;
	int64_t watchdog_us;
	int64_t watchdog_at_us;
};

int64_t
pool_default_workers(void)
{
	cpu_set_t cores;
	int64_t workers = 4;

	/* The cores this process may use, not those the machine has.  Few
	 * workers: sixteen on two cores had a p99 of 1.6 s, four 11 ms. */
	if (sched_getaffinity(0, sizeof cores, &cores) == 0)
		workers = 2 * (int64_t)CPU_COUNT(&cores);
	return workers < 4 ? 4 : workers > 16 ? 16 : workers;
}

static int64_t
sooner(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* ---- systemd ---- */

/* Ready when all serve; again when all are of this image. */
static void
tell_ready(struct pool *p)
{
	int64_t serving = slots_count(&p->slots, SLOT_SERVING);

	if ((p->ready_told && !p->rolling) || serving < p->start->workers ||
	    (p->rolling && slots_renewing(&p->slots)))
		return;

	log_event(LOG_INFO, p->rolling ? "pool_renewed" : "pool_ready",
	    log_int("workers", serving));
	notify_send("READY=1\nSTATUS=%" PRId64 " workers serve", serving);
	p->ready_told = true;
	p->rolling = false;
}

static void
feed_watchdog(struct pool *p, int64_t now)
{
	if (p->watchdog_us > 0 && now >= p->watchdog_at_us) {
		notify_send("WATCHDOG=1");
		p->watchdog_at_us = now + p->watchdog_us;
	}
}

/* ---- a new binary ---- */

static void
stay(const char *why)
{
	log_event(LOG_ERROR, "reload_refused", log_text("why", why));
	notify_send("READY=1\nSTATUS=reload refused: %s", why);
}

static NORETURN void
be_check(const struct pool *p)
{
	const char *argv[ARGS_MAX + 2];
	sigset_t none;
	size_t n = 0;

	argv[n++] = p->start->argv[0];
	argv[n++] = "--check";
	for (size_t i = 1; p->start->argv[i] && n < ARGS_MAX; i++)
		argv[n++] = p->start->argv[i];
	argv[n] = NULL;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)unsetenv("NOTIFY_SOCKET");
	(void)execv(argv[0], (char *const *)(uintptr_t)argv);
	_exit(127);
}

/* Would what is on disk now start?  It says so in a process of its own, while
 * everything goes on as before. */
static void
reload_begin(struct pool *p, int64_t now)
{
	if (p->check > 0)
		(void)kill(p->check, SIGKILL);

	notify_send("RELOADING=1\nMONOTONIC_USEC=%" PRId64, now);
	p->check = fork();
	if (p->check == 0)
		be_check(p);
	if (p->check < 0) {
		p->check = 0;
		stay("no process for --check");
		return;
	}
	p->check_by_us = now + CHECK_US;
	log_event(LOG_INFO, "reload", log_int("pid", (int64_t)p->check));
}

/* Become the new binary: same process, same children, same listener. */
static void
reload_finish(struct pool *p, int status)
{
	struct handover h = {.listener = *p->start->listener};
	int fd = h.listener.fd;

	p->check = 0;
	if (p->stopping)
		return;
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
		stay("the new binary refuses to start");
		return;
	}

	slots_note(&p->slots, &h);
	if (handover_leave(&h) && fcntl(fd, F_SETFD, 0) == 0)
		(void)execv(p->start->argv[0], p->start->argv);

	(void)fcntl(fd, F_SETFD, FD_CLOEXEC);
	handover_forget();
	stay("the new binary cannot be run");
}

/* ---- what comes in ---- */

static void
reap(struct pool *p, int64_t now)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid == p->check)
			reload_finish(p, status);
		else
			slots_died(&p->slots, pid, status, now);
	}
}

static void
stop_all(struct pool *p, int64_t now)
{
	if (p->stopping)
		return;
	p->stopping = true;
	notify_send("STOPPING=1");
	log_event(LOG_INFO, "pool_stop",
	    log_int("workers", slots_count(&p->slots, SLOT_SERVING)));

	/* Whoever comes now is to be refused at once, not to queue in vain. */
	listener_close(p->start->listener, p->conf->api_socket, true);
	if (p->check > 0)
		(void)kill(p->check, SIGKILL);
	slots_stop(&p->slots, now);
}

static void
read_signals(struct pool *p, int64_t now)
{
	struct signalfd_siginfo info;

	while (read(p->signals, &info, sizeof info) == (ssize_t)sizeof info) {
		switch (info.ssi_signo) {
		case SIGCHLD:
			break; /* reaped at every turn */
		case SIGHUP:
			if (!p->stopping)
				reload_begin(p, now);
			break;
		default:
			stop_all(p, now);
			break;
		}
	}
}

/* How long nothing needs to be done, unless somebody says something. */
static int
quiet_ms(const struct pool *p, int64_t now)
{
	int64_t until = now + worker_beat_ms(p->conf->api_hang_ms) * 1000;

	until = sooner(until, now + TICK_MAX_MS * 1000);
	if (p->watchdog_us > 0)
		until = sooner(until, p->watchdog_at_us);
	until = slots_until(&p->slots, until);
	return until <= now ? 0 : (int)((until - now) / 1000 + 1);
}

static bool
open_pool(struct pool *p)
{
	sigset_t ours;

	sigemptyset(&ours);
	sigaddset(&ours, SIGCHLD);
	sigaddset(&ours, SIGHUP);
	sigaddset(&ours, SIGINT);
	sigaddset(&ours, SIGQUIT);
	sigaddset(&ours, SIGTERM);
	(void)signal(SIGPIPE, SIG_IGN);
	if (sigprocmask(SIG_SETMASK, &ours, NULL) != 0)
		return false;
	p->signals = signalfd(-1, &ours, SFD_CLOEXEC | SFD_NONBLOCK);
	return p->signals >= 0 && slots_open(&p->slots, p->start, p->signals);
}

static void
turn(struct pool *p)
{
	struct pollfd in[2] = {
	    {.fd = p->signals, .events = POLLIN},
	    {.fd = p->slots.report[0], .events = POLLIN},
	};
	int64_t now;

	(void)poll(in, 2, quiet_ms(p, clock_mono_us()));

	now = clock_mono_us();
	read_signals(p, now);
	slots_read(&p->slots);
	reap(p, now);
	if (!p->stopping) {
		slots_turn(&p->slots, now);
		tell_ready(p);
	}
	if (p->check > 0 && now > p->check_by_us) {
		(void)kill(p->check, SIGKILL);
		p->check_by_us = now + CHECK_US;
	}
	slots_watch(&p->slots, now);
	feed_watchdog(p, now);
}

int
pool_run(const struct pool_start *start)
{
	struct pool p = {.start = start, .conf = start->conf};

	if (!open_pool(&p)) {
		log_event(
		    LOG_ERROR, "pool_start", log_text("why", strerror(errno)));
		return 1;
	}
	p.watchdog_us = notify_watchdog_us();
	log_event(LOG_INFO, "pool_start", log_int("workers", start->workers),
	    log_text("listener", start->listener->own ? "own" : "inherited"),
	    log_text("after", start->handover ? "reload" : NULL));
	p.rolling = start->handover != NULL;
	slots_fill(&p.slots, clock_mono_us());

	while (!p.stopping || slots_count(&p.slots, SLOT_LEAVING) > 0)
		turn(&p);

	log_event(LOG_INFO, "pool_end", log_int("workers", 0));
	(void)close(p.signals);
	slots_close(&p.slots);
	return 0;
}
