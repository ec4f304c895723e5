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
#include "base/shm.h"
#include "fcgi/handover.h"
#include "fcgi/listener.h"
#include "fcgi/notify.h"
#include "fcgi/worker.h"

#define BACKOFF_FIRST_US (100 * INT64_C(1000))
#define BACKOFF_MAX_US (5 * USEC_PER_SEC)
#define LIFE_US (10 * USEC_PER_SEC)  /* after this a death is a first one */
#define STOP_US (20 * USEC_PER_SEC)  /* for the request in hand */
#define ABORT_US (2 * USEC_PER_SEC)  /* from SIGABRT to SIGKILL */
#define START_US (30 * USEC_PER_SEC) /* until a new worker serves */
#define CHECK_US (20 * USEC_PER_SEC) /* for --check of a new binary */
#define TICK_MAX_MS 1000
#define ARGS_MAX 32

enum slot_state {
	SLOT_FREE,
	SLOT_WAITING,  /* its worker died, start_at_us is when to try again */
	SLOT_STARTING, /* forked, not yet ready */
	SLOT_SERVING,
	SLOT_LEAVING /* told to go */
};

struct slot {
	enum slot_state state;
	bool due; /* to be replaced */
	pid_t pid;
	int64_t started_us;
	int64_t start_at_us;
	int64_t backoff_us; /* before the next but one start */
	int64_t kill_at_us; /* 0 = no reason to */
};

struct pool {
	const struct pool_start *start;
	const struct settings *conf;
	int signals;
	int report[2];
	struct slot slots[SHM_WORKERS_MAX];
	/* one replacement at a time; -1 = none */
	int heir;
	int leaver;
	bool ready_told;
	bool rolling; /* until no worker of an older image is left */
	bool stopping;
	pid_t check; /* a new binary's --check, 0 = none */
	int64_t check_by_us;
	int64_t looked_us; /* when the workers were last looked at */
	int64_t pardon_us; /* nobody is taken for hung before */
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

/* ---- one slot ---- */

static void
clear_seat(struct pool *p, int i, pid_t pid, int64_t beat_us)
{
	struct shm_worker *seat = shm_worker(p->start->shm, (size_t)i);

	atomic_store(&seat->busy_since, 0);
	atomic_store(&seat->requests, 0);
	atomic_store(&seat->beat_us, beat_us);
	atomic_store(&seat->pid, (int32_t)pid);
}

static NORETURN void
be_worker(const struct pool *p, int i, pid_t parent)
{
	const struct worker_start start = {
	    .conf = p->conf,
	    .shm = p->start->shm,
	    .slot = (size_t)i,
	    .parent = parent,
	    .listener = p->start->listener->fd,
	    .report = p->report[1],
	};

	(void)close(p->signals);
	(void)close(p->report[0]);
	exit(worker_run(&start));
}

static void
wait_and_retry(struct slot *s, int64_t now)
{
	if (now - s->started_us >= LIFE_US)
		s->backoff_us = 0;
	s->state = SLOT_WAITING;
	s->pid = 0;
	s->kill_at_us = 0;
	s->start_at_us = now + s->backoff_us;
	s->backoff_us = s->backoff_us == 0
			    ? BACKOFF_FIRST_US
			    : sooner(2 * s->backoff_us, BACKOFF_MAX_US);
}

static void
slot_start(struct pool *p, int i, int64_t now)
{
	struct slot *s = &p->slots[i];
	pid_t parent = getpid();
	pid_t pid;

	/* Before the fork, so that it never undoes what the worker wrote. */
	clear_seat(p, i, 0, now);
	s->started_us = now;
	s->due = false;
	s->kill_at_us = 0;

	pid = fork();
	if (pid == 0)
		be_worker(p, i, parent);
	if (pid < 0) {
		log_event(
		    LOG_ERROR, "worker_fork", log_text("why", strerror(errno)));
		wait_and_retry(s, now);
		return;
	}

	s->state = SLOT_STARTING;
	s->pid = pid;
	atomic_store(&shm_worker(p->start->shm, (size_t)i)->pid, (int32_t)pid);
}

static void
slot_stop(struct slot *s, int64_t now)
{
	s->state = SLOT_LEAVING;
	s->kill_at_us = now + STOP_US;
	(void)kill(s->pid, SIGTERM);
}

static void
log_death(const struct slot *s, int i, int status)
{
	bool signalled = WIFSIGNALED(status);
	bool asked =
	    s->state == SLOT_LEAVING && !signalled && WEXITSTATUS(status) == 0;

	log_event(asked ? LOG_INFO : LOG_ERROR, "worker_exit",
	    log_int("slot", i), log_int("pid", (int64_t)s->pid),
	    log_int("status", signalled ? -1 : WEXITSTATUS(status)),
	    log_text("signal", signalled ? strsignal(WTERMSIG(status)) : NULL));
}

static void
slot_died(struct pool *p, int i, int status, int64_t now)
{
	struct slot *s = &p->slots[i];
	bool wanted = s->state != SLOT_LEAVING && !p->stopping;

	log_death(s, i, status);
	clear_seat(p, i, 0, 0);

	/* One that dies while its successor starts leaves its place to it. */
	if (i == p->leaver) {
		p->heir = -1;
		p->leaver = -1;
		wanted = false;
	}
	if (wanted)
		wait_and_retry(s, now);
	else
		*s = (struct slot){.state = SLOT_FREE};
}

static int
find_slot(const struct pool *p, pid_t pid)
{
	for (int i = 0; i < SHM_WORKERS_MAX; i++) {
		if (p->slots[i].pid == pid)
			return i;
	}
	return -1;
}

static int
free_slot(const struct pool *p)
{
	for (int i = 0; i < SHM_WORKERS_MAX; i++) {
		if (p->slots[i].state == SLOT_FREE)
			return i;
	}
	return -1;
}

static int64_t
count_state(const struct pool *p, enum slot_state state)
{
	int64_t count = 0;

	for (int i = 0; i < SHM_WORKERS_MAX; i++)
		count += p->slots[i].state == state;
	return count;
}

/* ---- what is to be done at each turn ---- */

static void
start_waiting(struct pool *p, int64_t now)
{
	for (int i = 0; i < SHM_WORKERS_MAX; i++) {
		const struct slot *s = &p->slots[i];

		if (s->state == SLOT_WAITING && s->start_at_us <= now)
			slot_start(p, i, now);
	}
}

static int
find_due(const struct pool *p)
{
	for (int i = 0; i < SHM_WORKERS_MAX; i++) {
		if (p->slots[i].due && p->slots[i].state == SLOT_SERVING)
			return i;
	}
	return -1;
}

/* Replace those that are due, one by one: the new one serves before the old
 * one is told to go, and has gone before the next one's turn. */
static void
renew(struct pool *p, int64_t now)
{
	if (p->heir < 0) {
		int due = find_due(p);
		int next = free_slot(p);

		if (due < 0 || next < 0)
			return;
		p->leaver = due;
		p->heir = next;
		p->slots[next] = (struct slot){.state = SLOT_FREE};
		slot_start(p, next, now);
	}

	if (p->slots[p->heir].state == SLOT_SERVING &&
	    p->slots[p->leaver].state == SLOT_SERVING)
		slot_stop(&p->slots[p->leaver], now);
}

static void
tell_ready(struct pool *p)
{
	int64_t serving = count_state(p, SLOT_SERVING);

	if (p->rolling && p->heir < 0 && find_due(p) < 0 &&
	    serving >= p->start->workers) {
		p->rolling = false;
		log_event(
		    LOG_INFO, "pool_renewed", log_int("workers", serving));
		notify_send(
		    "READY=1\nSTATUS=%" PRId64 " workers serve", serving);
		p->ready_told = true;
	} else if (!p->ready_told && !p->rolling &&
		   serving >= p->start->workers) {
		p->ready_told = true;
		log_event(LOG_INFO, "pool_ready", log_int("workers", serving));
		notify_send(
		    "READY=1\nSTATUS=%" PRId64 " workers serve", serving);
	}
}

/* A worker shows a sign of life when it takes a request and when it waits. */
static bool
is_hung(const struct pool *p, int i, int64_t now)
{
	const struct slot *s = &p->slots[i];
	const struct shm_worker *seat = shm_worker(p->start->shm, (size_t)i);
	int64_t limit = p->conf->api_hang_ms * 1000;

	if (now < p->pardon_us || s->kill_at_us != 0 ||
	    atomic_load(&seat->pid) != (int32_t)s->pid)
		return false;
	if (s->state == SLOT_STARTING && limit < START_US)
		limit = START_US;
	return now - atomic_load(&seat->beat_us) > limit;
}

static void
look_after(struct pool *p, int64_t now)
{
	int64_t hang_us = p->conf->api_hang_ms * 1000;

	/* Whoever was stopped himself (a frozen container, a debugger) cannot
	 * tell whether the others were idle. */
	if (p->looked_us != 0 && now - p->looked_us > hang_us / 2)
		p->pardon_us = now + hang_us;
	p->looked_us = now;

	for (int i = 0; i < SHM_WORKERS_MAX; i++) {
		struct slot *s = &p->slots[i];

		if (s->pid == 0)
			continue;
		if (is_hung(p, i, now)) {
			log_event(LOG_ERROR, "worker_hung", log_int("slot", i),
			    log_int("pid", (int64_t)s->pid));
			(void)kill(s->pid, SIGABRT);
			s->kill_at_us = now + ABORT_US;
		} else if (s->kill_at_us != 0 && now >= s->kill_at_us) {
			log_event(LOG_ERROR, "worker_killed",
			    log_int("slot", i),
			    log_int("pid", (int64_t)s->pid));
			(void)kill(s->pid, SIGKILL);
			s->kill_at_us = now + ABORT_US;
		}
	}
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

static void
note_workers(const struct pool *p, struct handover *h)
{
	for (int i = 0; i < SHM_WORKERS_MAX; i++) {
		const struct slot *s = &p->slots[i];

		if (s->pid == 0)
			continue;
		h->workers[h->count++] = (struct handover_worker){
		    .slot = (size_t)i,
		    .pid = s->pid,
		    .leaving = s->state == SLOT_LEAVING,
		};
	}
}

/* Become the new binary: same process, same children, same listener. */
static void
reload_finish(struct pool *p, int status)
{
	struct handover h = {.listener = *p->start->listener};
	int fd = h.listener.fd;

	p->check = 0;
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
		stay("the new binary refuses to start");
		return;
	}

	note_workers(p, &h);
	if (handover_leave(&h) && fcntl(fd, F_SETFD, 0) == 0)
		(void)execv(p->start->argv[0], p->start->argv);

	(void)fcntl(fd, F_SETFD, FD_CLOEXEC);
	handover_forget();
	stay("the new binary cannot be run");
}

/* Workers of the image before this one: they serve on until replaced. */
static int64_t
take_over(struct pool *p, const struct handover *h, int64_t now)
{
	int64_t serving = 0;

	for (size_t i = 0; i < h->count; i++) {
		struct slot *s = &p->slots[h->workers[i].slot];

		s->pid = h->workers[i].pid;
		s->started_us = now;
		if (h->workers[i].leaving || serving >= p->start->workers) {
			slot_stop(s, now);
		} else {
			s->state = SLOT_SERVING;
			s->due = true;
			serving++;
		}
	}
	return serving;
}

/* ---- what comes in ---- */

static void
reap(struct pool *p, int64_t now)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		int i = find_slot(p, pid);

		if (pid == p->check)
			reload_finish(p, status);
		else if (i >= 0)
			slot_died(p, i, status, now);
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
	    log_int("workers", count_state(p, SLOT_SERVING)));

	/* Whoever comes now is to be refused at once, not to queue in vain. */
	listener_close(p->start->listener, p->conf->api_socket, true);
	if (p->check > 0)
		(void)kill(p->check, SIGKILL);
	for (int i = 0; i < SHM_WORKERS_MAX; i++) {
		struct slot *s = &p->slots[i];

		if (s->pid > 0 && s->state != SLOT_LEAVING)
			slot_stop(s, now);
		else if (s->pid == 0)
			s->state = SLOT_FREE;
	}
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

static void
read_reports(struct pool *p)
{
	struct worker_report r;

	while (read(p->report[0], &r, sizeof r) == (ssize_t)sizeof r) {
		struct slot *s = &p->slots[(uint32_t)r.slot % SHM_WORKERS_MAX];

		/* A report may outlive its worker. */
		if (s->pid != (pid_t)r.pid)
			continue;
		if (r.news == WORKER_READY && s->state == SLOT_STARTING)
			s->state = SLOT_SERVING;
		else if (r.news == WORKER_DUE)
			s->due = true;
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
	for (int i = 0; i < SHM_WORKERS_MAX; i++) {
		const struct slot *s = &p->slots[i];

		if (s->state == SLOT_WAITING)
			until = sooner(until, s->start_at_us);
		if (s->kill_at_us != 0)
			until = sooner(until, s->kill_at_us);
	}
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
	if (p->signals < 0 || pipe2(p->report, O_CLOEXEC) != 0)
		return false;
	/* Only our end: a worker's word is to arrive. */
	return fcntl(p->report[0], F_SETFL, O_NONBLOCK) == 0;
}

static void
fill(struct pool *p, int64_t now)
{
	int64_t count = 0;

	if (p->start->handover) {
		p->rolling = true;
		count = take_over(p, p->start->handover, now);
	}
	for (; count < p->start->workers; count++) {
		int i = free_slot(p);

		if (i >= 0)
			slot_start(p, i, now);
	}
}

static void
turn(struct pool *p)
{
	struct pollfd in[2] = {
	    {.fd = p->signals, .events = POLLIN},
	    {.fd = p->report[0], .events = POLLIN},
	};
	int64_t now;

	(void)poll(in, 2, quiet_ms(p, clock_mono_us()));

	now = clock_mono_us();
	read_signals(p, now);
	read_reports(p);
	reap(p, now);
	if (!p->stopping) {
		start_waiting(p, now);
		renew(p, now);
		tell_ready(p);
	}
	if (p->check > 0 && now > p->check_by_us) {
		(void)kill(p->check, SIGKILL);
		p->check_by_us = now + CHECK_US;
	}
	look_after(p, now);
	feed_watchdog(p, now);
}

int
pool_run(const struct pool_start *start)
{
	struct pool p = {
	    .start = start, .conf = start->conf, .heir = -1, .leaver = -1};

	if (!open_pool(&p)) {
		log_event(
		    LOG_ERROR, "pool_start", log_text("why", strerror(errno)));
		return 1;
	}
	p.watchdog_us = notify_watchdog_us();
	log_event(LOG_INFO, "pool_start", log_int("workers", start->workers),
	    log_text("listener", start->listener->own ? "own" : "inherited"),
	    log_text("after", start->handover ? "reload" : NULL));
	fill(&p, clock_mono_us());

	while (!p.stopping || count_state(&p, SLOT_LEAVING) > 0)
		turn(&p);

	log_event(LOG_INFO, "pool_end", log_int("workers", 0));
	(void)close(p.signals);
	(void)close(p.report[0]);
	(void)close(p.report[1]);
	return 0;
}
