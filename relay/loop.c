/* loop.c: wait for a hint or poll, claim, work, mark, back off. */
#include "relay/loop.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sysexits.h>
#include <unistd.h>

#include "app/app.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/notify.h"
#include "base/rng.h"
#include "base/scope.h"

#define MEMORY_MAX ((size_t)64 * 1024 * 1024)
#define TURN_US (60 * USEC_PER_SEC)
/* After work more is likely: look again soon, then less and less often. */
#define BUSY_MS 20
/* Without hints polling is all there is. */
#define UNHINTED_PART 4
#define SWEEP_US USEC_PER_MIN
/* Seed: the queue is tried again with exponential back-off. */
#define OUTAGE_MS 200
#define OUTAGE_MAX_MS 20000
#define COMPLAIN_US (30 * USEC_PER_SEC) /* between two lines about one outage */

struct loop {
	const struct loop_start *start;
	struct app *app;
	struct arena *arena;
	struct scope sc;
	jmp_buf out;
	int signals;
	int64_t poll_ms;   /* the next wait, when nobody tells */
	int64_t outage_ms; /* the most the next wait may be; 0 = all is well */
	bool outside;      /* it is the place that rows go to that is away */
	int64_t complained_us;
	int64_t sweep_us; /* when the next one is due */
	size_t silenced;  /* outages of which no line was written */
};

static const char *
topic_of(const struct loop *l)
{
	return relay_topic_word(l->start->topic);
}

/* ---- a turn --------------------------------------------------------------------- */

static enum err
do_turn(struct loop *l, void *ret_turn)
{
	return relay_turn(l->app, &l->sc, l->start->topic, ret_turn);
}

static enum err
do_sweep(struct loop *l, void *ret_swept)
{
	return relay_sweep(l->app, &l->sc, l->start->topic, ret_swept);
}

/* Memory that is used up ends the part, not the relay.  A part may last as long
 * as its scope, so each begins with a sign of life. */
static enum err
safely(struct loop *l, enum err (*part)(struct loop *l, void *ret), void *ret)
{
	enum err e;

	notify_send("WATCHDOG=1");
	scope_init(&l->sc, l->arena, TURN_US);
	if (setjmp(l->out) == 0) {
		arena_catch(l->arena, &l->out);
		e = part(l, ret);
	} else {
		e = scope_fail(&l->sc, ERR_NO_MEMORY, "out of memory");
	}
	arena_catch(l->arena, NULL);
	return e;
}

/* One line about an outage now and then, however often it is met. */
static void
complain(struct loop *l, enum log_level level, const char *event,
    const char *why)
{
	int64_t now = clock_mono_us();

	if (l->complained_us != 0 && now < l->complained_us + COMPLAIN_US) {
		l->silenced++;
		return;
	}
	log_event(level, event, log_text("topic", topic_of(l)),
	    log_text("why", why ? why : ""),
	    log_int("times", (int64_t)l->silenced + 1));
	l->complained_us = now;
	l->silenced = 0;
}

static void
recovered(struct loop *l)
{
	if (l->outage_ms == 0)
		return;
	l->outage_ms = 0;
	l->complained_us = 0;
	l->silenced = 0;
	log_event(LOG_INFO, "relay_recovered",
	    log_text("topic", topic_of(l)));
}

static void
met_outage(struct loop *l, bool outside)
{
	l->outside = outside;
	l->outage_ms = l->outage_ms == 0 ? OUTAGE_MS : l->outage_ms * 2;
	if (l->outage_ms > OUTAGE_MAX_MS)
		l->outage_ms = OUTAGE_MAX_MS;
}

static void
tell(struct loop *l, const struct relay_turn *t)
{
	const struct due_turn *d = &t->due;

	log_event(LOG_DEBUG, "relay_turn", log_text("topic", topic_of(l)),
	    log_int("done", (int64_t)d->counts[DUE_DONE]),
	    log_int("soon", (int64_t)d->counts[DUE_SOON]),
	    log_int("outage", (int64_t)(d->counts[DUE_OUTAGE] +
	        d->counts[DUE_STOPPED])),
	    log_int("refused", (int64_t)d->counts[DUE_REFUSED]),
	    log_int("pg_us", l->sc.pg_us), log_int("ext_us", l->sc.ext_us));
	if (d->given_up > 0)
		log_event(LOG_ERROR, "outbox_dead",
		    log_text("topic", topic_of(l)),
		    log_int("rows", (int64_t)d->given_up),
		    log_text("why", d->why ? d->why : ""),
		    log_text("next", "bookingctl outbox dead"));
	else if (d->counts[DUE_REFUSED] > 0)
		log_event(LOG_WARN, "outbox_refused",
		    log_text("topic", topic_of(l)),
		    log_int("rows", (int64_t)d->counts[DUE_REFUSED]),
		    log_text("why", d->why ? d->why : ""));
	if (d->counts[DUE_STOPPED] > 0)
		complain(l, LOG_ERROR, "relay_stopped", d->why);
	else if (t->outage || d->counts[DUE_OUTAGE] > 0)
		complain(l, LOG_WARN, "relay_outage", d->why);
}

/* Claim and work once.  true: there may be more at once. */
static bool
work(struct loop *l)
{
	struct relay_turn t = { .outage = false };
	enum err e = safely(l, do_turn, &t);
	bool again = false;

	tell(l, &t); /* what was given up before it failed, too */
	if (e) {
		complain(l, LOG_ERROR, "relay_failed", l->sc.why);
		met_outage(l, false);
	} else if (t.outage) {
		met_outage(l, true);
	} else {
		/* Who found nothing to send has not seen the place again. */
		if (!l->outside || t.due.counts[DUE_DONE] > 0)
			recovered(l);
		again = t.due.counts[DUE_DONE] > 0;
	}
	arena_reset(l->arena);
	return again;
}

static bool
sweep_if_due(struct loop *l)
{
	struct relay_swept swept = { .more = false };
	bool more;
	enum err e;

	if (clock_mono_us() < l->sweep_us)
		return false;
	e = safely(l, do_sweep, &swept);
	if (e)
		complain(l, LOG_ERROR, "sweep_failed", l->sc.why);
	else if (swept.skipped > 0)
		log_event(LOG_ERROR, "sweep_skipped",
		    log_text("topic", topic_of(l)),
		    log_int("rows", (int64_t)swept.skipped),
		    log_text("why", swept.why));
	more = swept.more && !e;
	arena_reset(l->arena);
	l->sweep_us = clock_mono_us() + (more ? 0 : SWEEP_US);
	return more;
}

/* ---- waiting -------------------------------------------------------------------- */

/* Full jitter: lest all relays come back at the same moment. */
static int64_t
part_of(int64_t most_ms)
{
	uint32_t dice;

	rng_bytes(&dice, sizeof dice);
	return most_ms * (int64_t)(dice % 1001) / 1000;
}

static int64_t
wait_ms(struct loop *l, bool hinted)
{
	int64_t most = l->app->conf->relay_poll_ms;
	int64_t ms = l->poll_ms;

	if (l->outage_ms > 0)
		return part_of(l->outage_ms) + 1;
	if (!hinted)
		most = most / UNHINTED_PART;
	if (ms > most)
		ms = most;
	l->poll_ms = ms * 2;
	return ms;
}

static int64_t
beat_ms(int64_t ms)
{
	int64_t every_ms = notify_watchdog_us() / 1000;

	return every_ms > 0 && every_ms < ms ? every_ms : ms;
}

/* Until there may be work; false: told to go. */
static bool
wait(struct loop *l)
{
	int64_t until_us = 0;

	for (;;) {
		struct pollfd fds[2] = { { .fd = l->signals, .events = POLLIN },
			{ .fd = -1, .events = POLLIN } };
		int64_t now = clock_mono_us();
		int64_t ms;

		notify_send("WATCHDOG=1");
		fds[1].fd = l->outage_ms > 0 ? -1 : relay_hint_fd(l->app);
		if (until_us == 0)
			until_us = now + wait_ms(l, fds[1].fd >= 0) * 1000;
		ms = until_us > now ? (until_us - now + 999) / 1000 : 0;
		if (poll(fds, 2, (int)beat_ms(ms)) < 0 && errno != EINTR)
			return false;
		if (fds[0].revents)
			return false;
		if (fds[1].revents && relay_hint_read(l->app, l->start->topic))
			return true;
		if (clock_mono_us() >= until_us)
			return true;
	}
}

/* Between two turns: has anybody told us to go? */
static bool
told_to_go(const struct loop *l)
{
	struct pollfd fd = { .fd = l->signals, .events = POLLIN };

	notify_send("WATCHDOG=1");
	return poll(&fd, 1, 0) > 0;
}

static void
run(struct loop *l)
{
	for (;;) {
		bool more = work(l);

		more = sweep_if_due(l) || more;
		if (more)
			l->poll_ms = BUSY_MS;
		if (more ? told_to_go(l) : l->start->once || !wait(l))
			return;
	}
}

/* ---- begin and end ---------------------------------------------------------------- */

static bool
open_signals(struct loop *l)
{
	sigset_t stop;

	(void)signal(SIGPIPE, SIG_IGN);
	sigemptyset(&stop);
	sigaddset(&stop, SIGTERM);
	sigaddset(&stop, SIGINT);
	sigaddset(&stop, SIGQUIT);
	if (sigprocmask(SIG_BLOCK, &stop, NULL) != 0)
		return false;
	l->signals = signalfd(-1, &stop, SFD_CLOEXEC | SFD_NONBLOCK);
	return l->signals >= 0;
}

static int
refuse(const char *why, int status)
{
	log_event(LOG_ERROR, "relay_start", log_text("why", why));
	return status;
}

/* Postgres that is away is waited for; a schema that does not fit is not. */
static int
get_ready(struct loop *l)
{
	int status = EX_OK;
	enum err e;

	scope_init(&l->sc, l->arena, TURN_US);
	e = relay_check(l->app, &l->sc, l->start->topic);
	if (!e)
		e = app_ready(l->app, &l->sc);
	if (e == ERR_INVALID)
		status = refuse(l->sc.why, EX_CONFIG);
	else if (e == ERR_INTERNAL)
		status = refuse(l->sc.why, EX_SOFTWARE);
	else if (e)
		complain(l, LOG_WARN, "relay_without_database", l->sc.why);
	arena_reset(l->arena);
	return status;
}

static int
serve(struct loop *l)
{
	char program[64];
	char why[SCOPE_WHY_MAX];
	int status;

	snprintf(program, sizeof program, "booking-relay %s", topic_of(l));
	l->arena = arena_open(MEMORY_MAX);
	if (!l->arena || !open_signals(l))
		return refuse(strerror(errno), EX_OSERR);
	l->app = app_open(l->start->conf, l->start->shm, program, why,
	    sizeof why);
	if (!l->app)
		return refuse(why, EX_CONFIG);
	status = get_ready(l);
	if (status != EX_OK)
		return status;

	notify_send("READY=1\nSTATUS=Relays what is due on %s", topic_of(l));
	log_event(LOG_INFO, "relay_started", log_text("topic", topic_of(l)));
	run(l);
	notify_send("STOPPING=1");
	log_event(LOG_INFO, "relay_stopped_as_told",
	    log_text("topic", topic_of(l)));
	return EX_OK;
}

int
loop_run(const struct loop_start *start)
{
	struct loop *l = calloc(1, sizeof *l);
	int status;

	if (!l)
		return EX_OSERR;
	l->start = start;
	l->signals = -1;
	l->poll_ms = BUSY_MS;
	status = serve(l);
	app_close(l->app);
	arena_close(l->arena);
	if (l->signals >= 0)
		(void)close(l->signals);
	free(l);
	return status;
}
