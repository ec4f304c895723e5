/* slots.c: the workers of a pool, each in its slot. */
#include "fcgi/slots.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "app/settings.h"
#include "base/bulkhead.h"
#include "base/clock.h"
#include "base/log.h"
#include "fcgi/handover.h"
#include "fcgi/listener.h"
#include "fcgi/pool.h"
#include "fcgi/worker.h"

#define BACKOFF_FIRST_US (100 * INT64_C(1000))
#define BACKOFF_MAX_US (5 * USEC_PER_SEC)
#define LIFE_US (10 * USEC_PER_SEC)  /* after this a death is a first one */
#define ABORT_US (2 * USEC_PER_SEC)  /* from SIGABRT to SIGKILL */
#define START_US (30 * USEC_PER_SEC) /* until a new worker serves */

bool
slots_open(struct slots *slots, const struct pool_start *start, int signals)
{
	*slots = (struct slots){
	    .start = start,
	    .signals = signals,
	    .heir = -1,
	    .leaver = -1,
	};
	/* Only our end does not block: a worker's word is to arrive. */
	return pipe2(slots->report, O_CLOEXEC) == 0 &&
	       fcntl(slots->report[0], F_SETFL, O_NONBLOCK) == 0;
}

void
slots_close(struct slots *slots)
{
	(void)close(slots->report[0]);
	(void)close(slots->report[1]);
}

static int64_t
sooner(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static void
clear_seat(struct slots *slots, int i, pid_t pid, int64_t beat_us)
{
	struct shm_worker *seat = shm_worker(slots->start->shm, (size_t)i);

	atomic_store(&seat->busy_since, 0);
	atomic_store(&seat->requests, 0);
	atomic_store(&seat->beat_us, beat_us);
	atomic_store(&seat->pid, (int32_t)pid);
}

static NORETURN void
be_worker(const struct slots *slots, int i, pid_t parent)
{
	const struct worker_start start = {
	    .conf = slots->start->conf,
	    .shm = slots->start->shm,
	    .slot = (size_t)i,
	    .parent = parent,
	    .listener = slots->start->listener->fd,
	    .report = slots->report[1],
	};

	(void)close(slots->signals);
	(void)close(slots->report[0]);
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
slot_start(struct slots *slots, int i, int64_t now)
{
	struct slot *s = &slots->slot[i];
	pid_t parent = getpid();
	pid_t pid;

	/* Before the fork, so that it never undoes what the worker wrote. */
	clear_seat(slots, i, 0, now);
	s->started_us = now;
	s->due = false;
	s->kill_at_us = 0;

	pid = fork();
	if (pid == 0)
		be_worker(slots, i, parent);
	if (pid < 0) {
		log_event(
		    LOG_ERROR, "worker_fork", log_text("why", strerror(errno)));
		wait_and_retry(s, now);
		return;
	}

	s->state = SLOT_STARTING;
	s->pid = pid;
	atomic_store(
	    &shm_worker(slots->start->shm, (size_t)i)->pid, (int32_t)pid);
}

static void
slot_stop(struct slot *s, int64_t now)
{
	log_event(LOG_INFO, "worker_leaves", log_int("pid", (int64_t)s->pid));
	s->state = SLOT_LEAVING;
	s->kill_at_us = now + WORKER_STOP_US;
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
end_slot(struct slots *slots, int i, int status, int64_t now)
{
	struct slot *s = &slots->slot[i];
	bool wanted = s->state != SLOT_LEAVING;

	log_death(s, i, status);
	clear_seat(slots, i, 0, 0);
	bulkhead_clear(slots->start->shm, s->pid);

	/* One that dies while its successor starts leaves its place to it. */
	if (i == slots->leaver) {
		slots->heir = -1;
		slots->leaver = -1;
		wanted = false;
	}
	if (wanted)
		wait_and_retry(s, now);
	else
		*s = (struct slot){.state = SLOT_FREE};
}

static int
find_slot(const struct slots *slots, pid_t pid)
{
	for (int i = 0; i < SHM_WORKERS_MAX; i++) {
		if (slots->slot[i].pid == pid)
			return i;
	}
	return -1;
}

static int
free_slot(const struct slots *slots)
{
	for (int i = 0; i < SHM_WORKERS_MAX; i++) {
		if (slots->slot[i].state == SLOT_FREE)
			return i;
	}
	return -1;
}

int64_t
slots_count(const struct slots *slots, enum slot_state state)
{
	int64_t count = 0;

	for (int i = 0; i < SHM_WORKERS_MAX; i++)
		count += slots->slot[i].state == state;
	return count;
}

static void
start_waiting(struct slots *slots, int64_t now)
{
	for (int i = 0; i < SHM_WORKERS_MAX; i++) {
		const struct slot *s = &slots->slot[i];

		if (s->state == SLOT_WAITING && s->start_at_us <= now)
			slot_start(slots, i, now);
	}
}

static int
find_due(const struct slots *slots)
{
	for (int i = 0; i < SHM_WORKERS_MAX; i++) {
		if (slots->slot[i].due && slots->slot[i].state == SLOT_SERVING)
			return i;
	}
	return -1;
}

/* Replace those that are due, one by one: the new one serves before the old
 * one is told to go, and has gone before the next one's turn. */
static void
renew(struct slots *slots, int64_t now)
{
	if (slots->heir < 0) {
		int due = find_due(slots);
		int next = free_slot(slots);

		if (due < 0 || next < 0)
			return;
		slots->leaver = due;
		slots->heir = next;
		slots->slot[next] = (struct slot){.state = SLOT_FREE};
		slot_start(slots, next, now);
	}

	if (slots->slot[slots->heir].state == SLOT_SERVING &&
	    slots->slot[slots->leaver].state == SLOT_SERVING)
		slot_stop(&slots->slot[slots->leaver], now);
}

/* A worker shows a sign of life when it takes a request and when it waits. */
static bool
is_hung(const struct slots *slots, int i, int64_t now)
{
	const struct slot *s = &slots->slot[i];
	const struct shm_worker *seat =
	    shm_worker(slots->start->shm, (size_t)i);
	int64_t limit = slots->start->conf->api_hang_ms * 1000;

	if (now < slots->pardon_us || s->kill_at_us != 0 ||
	    atomic_load(&seat->pid) != (int32_t)s->pid)
		return false;
	if (s->state == SLOT_STARTING && limit < START_US)
		limit = START_US;
	return now - atomic_load(&seat->beat_us) > limit;
}

void
slots_watch(struct slots *slots, int64_t now)
{
	int64_t hang_us = slots->start->conf->api_hang_ms * 1000;

	/* Whoever was stopped himself (a frozen container, a debugger) cannot
	 * tell whether the others were idle. */
	if (slots->looked_us != 0 && now - slots->looked_us > hang_us / 2)
		slots->pardon_us = now + hang_us;
	slots->looked_us = now;

	for (int i = 0; i < SHM_WORKERS_MAX; i++) {
		struct slot *s = &slots->slot[i];

		if (s->pid == 0)
			continue;
		if (is_hung(slots, i, now)) {
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

void
slots_note(const struct slots *slots, struct handover *handover)
{
	for (int i = 0; i < SHM_WORKERS_MAX; i++) {
		const struct slot *s = &slots->slot[i];

		if (s->pid == 0)
			continue;
		handover->workers[handover->count++] = (struct handover_worker){
		    .slot = (size_t)i,
		    .pid = s->pid,
		    .leaving = s->state == SLOT_LEAVING,
		};
	}
}

/* Workers of the image before this one: they serve on until replaced. */
static int64_t
take_over(struct slots *slots, const struct handover *h, int64_t now)
{
	int64_t serving = 0;

	for (size_t i = 0; i < h->count; i++) {
		struct slot *s = &slots->slot[h->workers[i].slot];

		s->pid = h->workers[i].pid;
		s->started_us = now;
		if (h->workers[i].leaving || serving >= slots->start->workers) {
			slot_stop(s, now);
		} else {
			s->state = SLOT_SERVING;
			s->due = true;
			serving++;
		}
	}
	return serving;
}

void
slots_read(struct slots *slots)
{
	struct worker_report r;

	while (read(slots->report[0], &r, sizeof r) == (ssize_t)sizeof r) {
		struct slot *s =
		    &slots->slot[(uint32_t)r.slot % SHM_WORKERS_MAX];

		/* A report may outlive its worker. */
		if (s->pid != (pid_t)r.pid)
			continue;
		if (r.news == WORKER_READY && s->state == SLOT_STARTING) {
			s->state = SLOT_SERVING;
			log_event(LOG_INFO, "worker_ready",
			    log_int("pid", (int64_t)s->pid));
		} else if (r.news == WORKER_DUE) {
			s->due = true;
		}
	}
}

void
slots_fill(struct slots *slots, int64_t now)
{
	int64_t count = 0;

	if (slots->start->handover)
		count = take_over(slots, slots->start->handover, now);
	for (; count < slots->start->workers; count++) {
		int i = free_slot(slots);

		if (i >= 0)
			slot_start(slots, i, now);
	}
}

void
slots_turn(struct slots *slots, int64_t now)
{
	start_waiting(slots, now);
	renew(slots, now);
}

void
slots_died(struct slots *slots, pid_t pid, int status, int64_t now)
{
	int i = find_slot(slots, pid);

	if (i >= 0)
		end_slot(slots, i, status, now);
}

void
slots_stop(struct slots *slots, int64_t now)
{
	for (int i = 0; i < SHM_WORKERS_MAX; i++) {
		struct slot *s = &slots->slot[i];

		if (s->pid > 0 && s->state != SLOT_LEAVING)
			slot_stop(s, now);
		else if (s->pid == 0)
			s->state = SLOT_FREE;
	}
}

bool
slots_renewing(const struct slots *slots)
{
	return slots->heir >= 0 || find_due(slots) >= 0;
}

int64_t
slots_until(const struct slots *slots, int64_t until)
{
	for (int i = 0; i < SHM_WORKERS_MAX; i++) {
		const struct slot *s = &slots->slot[i];

		if (s->state == SLOT_WAITING)
			until = sooner(until, s->start_at_us);
		if (s->kill_at_us != 0)
			until = sooner(until, s->kill_at_us);
	}
	return until;
}
