/* worker.c: one process of the pool: take a connection, answer it, log it. */
#include "fcgi/worker.h"

#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "app/app.h"
#include "app/customer_keys.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/scope.h"
#include "base/shm.h"
#include "fcgi/exchange.h"
#include "http/problem.h"
#include "http/request.h"
#include "http/response.h"
#include "http/serve.h"

/* How many connections a worker takes at most on its way out. */
#define LAST_CALL 4
#define MARGIN_US USEC_PER_SEC
/* What is left for the words "out of memory" when a request used up its own. */
#define SPARE_MEMORY (64 * 1024)

struct worker {
	const struct worker_start *start;
	const struct settings *conf;
	struct shm_worker *seat;
	struct app *app;
	struct exchange *ex;
	struct arena *arena;
	struct arena *spare;
	int epoll;
	int signals;
	int64_t requests;
	int64_t requests_max;
	int64_t looked_us; /* when it last looked whether it is to go */
	/* the request in hand; here and not on a stack, because an allocation
	 * failure jumps */
	struct scope sc;
	struct request req;
	struct response res;
	bool refused;
	jmp_buf out;
};

int64_t
worker_beat_ms(int64_t hang_ms)
{
	int64_t beat = hang_ms / 4;

	return beat < 50 ? 50 : beat > 5000 ? 5000 : beat;
}

static void
report(const struct worker *w, enum worker_news news)
{
	const struct worker_report r = {
	    .slot = (int32_t)w->start->slot,
	    .pid = (int32_t)getpid(),
	    .news = (int32_t)news,
	};

	/* A supervisor that went on to a new binary reads another pipe: it
	 * knows us as old anyway. */
	if (write(w->start->report, &r, sizeof r) < 0)
		log_event(
		    LOG_DEBUG, "report_lost", log_int("news", (int64_t)news));
}

static void
beat(struct worker *w, bool busy)
{
	int64_t now = clock_mono_us();

	atomic_store(&w->seat->beat_us, now);
	atomic_store(&w->seat->busy_since, busy ? now : 0);
}

/*
 * All signals that ask for something stay blocked for good, and SIGTERM is a
 * file beside the listener: libfcgi takes an interrupted read for a broken
 * connection, and under full load a worker that only looked while it waits
 * would never look.
 */
static bool
open_signals(struct worker *w)
{
	sigset_t stop;

	(void)signal(SIGINT, SIG_IGN);
	(void)signal(SIGHUP, SIG_IGN);
	(void)signal(SIGQUIT, SIG_IGN);
	(void)signal(SIGCHLD, SIG_DFL);

	sigemptyset(&stop);
	sigaddset(&stop, SIGTERM);
	if (sigprocmask(SIG_SETMASK, &stop, NULL) != 0)
		return false;
	w->signals = signalfd(-1, &stop, SFD_CLOEXEC | SFD_NONBLOCK);
	return w->signals >= 0;
}

static bool
open_epoll(struct worker *w)
{
	/* One waiter is woken for one connection, not all of them. */
	struct epoll_event listener = {.events = EPOLLIN | EPOLLEXCLUSIVE};
	struct epoll_event signals = {.events = EPOLLIN};

	listener.data.fd = w->start->listener;
	signals.data.fd = w->signals;
	w->epoll = epoll_create1(EPOLL_CLOEXEC);
	return w->epoll >= 0 &&
	       epoll_ctl(w->epoll, EPOLL_CTL_ADD, w->start->listener,
		   &listener) == 0 &&
	       epoll_ctl(w->epoll, EPOLL_CTL_ADD, w->signals, &signals) == 0;
}

static bool
open_app(struct worker *w)
{
	char why[SCOPE_WHY_MAX];

	w->arena = arena_open((size_t)w->conf->request_memory_kib * 1024);
	w->spare = arena_open(SPARE_MEMORY);
	w->ex = exchange_open();
	if (!w->arena || !w->spare || !w->ex) {
		log_event(
		    LOG_ERROR, "worker_start", log_text("why", "no memory"));
		return false;
	}

	w->app = app_open(w->conf, w->start->shm, "booking-api", why,
	    sizeof why);
	if (!w->app) {
		log_event(LOG_ERROR, "worker_start", log_text("why", why));
		return false;
	}
	return true;
}

static bool
open_worker(struct worker *w)
{
	/* A supervisor that is killed takes its workers along, each after the
	 * request in hand; it may be gone before the kernel knows our wish. */
	if (prctl(PR_SET_PDEATHSIG, SIGTERM) != 0 ||
	    getppid() != w->start->parent)
		return false;

	if (!open_app(w))
		return false;
	if (!open_signals(w) || !open_epoll(w)) {
		log_event(LOG_ERROR, "worker_start",
		    log_text("why", strerror(errno)));
		return false;
	}
	return true;
}

static void
close_worker(struct worker *w)
{
	app_close(w->app);
	exchange_close(w->ex);
	arena_close(w->arena);
	arena_close(w->spare);
	if (w->epoll >= 0)
		(void)close(w->epoll);
	if (w->signals >= 0)
		(void)close(w->signals);
}

/* What a look at the file of keys brought. */
static void
tell_news(const struct worker *w)
{
	struct customer_keys_news news;

	if (w->app->customer_keys &&
	    customer_keys_news(w->app->customer_keys, &news))
		log_event(news.refused ? LOG_ERROR : LOG_INFO, "customer_keys",
		    log_text("why", news.sentence));
}

/* Connect before the first request waits for it.  Without Postgres, or keys of
 * customers, a worker serves all the same: somebody must say so. */
static void
get_ready(struct worker *w)
{
	enum err e;

	scope_init(&w->sc, w->arena, w->conf->request_deadline_ms * 1000);
	if (setjmp(w->out) == 0) {
		arena_catch(w->arena, &w->out);
		if (w->app->customer_keys)
			(void)customer_keys_now(w->app->customer_keys, &w->sc);
		e = app_ready(w->app, &w->sc);
	} else {
		e = scope_fail(&w->sc, ERR_NO_MEMORY, "out of memory");
	}
	arena_catch(w->arena, NULL);

	tell_news(w);
	if (e) {
		log_event(LOG_WARN, "worker_without_database",
		    log_text("code", err_info(e)->code),
		    log_text("why", w->sc.why));
	}
	arena_reset(w->arena);
}

/* The line a request leaves, and another when it was answered though something
 * is to be mended.  Never its path, query or client. */
static void
log_request(const struct worker *w, int64_t began_us)
{
	const struct scope *sc = &w->sc;
	const struct response *res = &w->res;
	const char *why = res->why ? res->why : sc->why;
	bool ours = res->status >= 500;

	log_event(ours ? LOG_ERROR : LOG_INFO, "request",
	    log_text("request_id", sc->request_id),
	    log_text("trace_id", sc->trace_id),
	    log_text("method", w->req.method), log_text("route", res->route),
	    log_int("status", res->status), log_text("code", res->code),
	    log_text("why", ours && *why ? why : NULL),
	    log_int("us", clock_mono_us() - began_us),
	    log_int("pg_us", sc->pg_us),
	    log_int("pg_trips", (int64_t)sc->pg_trips),
	    log_int("redis_us", sc->redis_us),
	    log_int("redis_trips", (int64_t)sc->redis_trips),
	    log_int("ext_us", sc->ext_us),
	    log_int("ext_trips", (int64_t)sc->ext_trips),
	    log_int("bytes", (int64_t)res->body.len));
	if (sc->notice[0] != '\0') {
		log_event(LOG_ERROR, "answered_in_part",
		    log_text("request_id", sc->request_id),
		    log_text("route", res->route),
		    log_text("why", sc->notice));
	}
	if (!ours && *why) {
		log_event(LOG_DEBUG, "refused",
		    log_text("request_id", sc->request_id),
		    log_text("why", why));
	}
}

/* Read and answer; false when there was nobody to answer. */
static bool
work(struct worker *w, int fd)
{
	enum err e = ERR_OK;

	switch (exchange_read(w->ex, fd, &w->sc, &w->req, &e)) {
	case EXCHANGE_GONE:
		return false;
	case EXCHANGE_REFUSED:
		problem_answer(&w->sc, &w->res, e);
		return true;
	case EXCHANGE_WHOLE:
		break;
	}
	serve(w->app, &w->sc, &w->req, &w->res);
	return true;
}

static void
take(struct worker *w, int fd)
{
	int64_t began_us = clock_mono_us();
	bool answer;

	w->req = (struct request){
	    .method = "", .path = "", .query = "", .remote = "", .body = ""};
	scope_init(&w->sc, w->arena, w->conf->request_deadline_ms * 1000);
	response_init(&w->res, w->arena);

	if (setjmp(w->out) == 0) {
		arena_catch(w->arena, &w->out);
		answer = work(w, fd);
	} else {
		/* The request's own memory is used up: speak from the spare. */
		arena_catch(w->arena, NULL);
		w->sc.arena = w->spare;
		response_init(&w->res, w->spare);
		serve_failed(&w->sc, &w->req, &w->res);
		answer = true;
	}

	arena_catch(w->arena, NULL);
	if (answer) {
		/* The head is put together in memory that is left. */
		exchange_write(w->ex, &w->res, w->spare);
		log_request(w, began_us);
	} else {
		log_event(LOG_DEBUG, "dropped", log_text("why", w->sc.why));
	}
	exchange_end(w->ex);
	tell_news(w);
	arena_reset(w->arena);
	arena_reset(w->spare);
}

static void
count(struct worker *w)
{
	w->requests++;
	atomic_store(&w->seat->requests, w->requests);
	/* It goes on serving until its successor is there. */
	if (w->requests == w->requests_max)
		report(w, WORKER_DUE);
}

/* Take one connection, if a sibling was not faster. */
static bool
serve_one(struct worker *w)
{
	int fd = accept4(w->start->listener, NULL, NULL, SOCK_CLOEXEC);

	if (fd >= 0) {
		beat(w, true);
		take(w, fd);
		count(w);
		return true;
	}
	if (errno == EAGAIN || errno == EINTR || errno == ECONNABORTED)
		return true;

	/* Out of descriptors or memory: to try again at once would only spin.
	 */
	log_event(LOG_ERROR, "accept", log_text("why", strerror(errno)));
	return false;
}

/*
 * Told to go: the same wake-up may have brought a connection too, and as
 * EPOLLEXCLUSIVE gave it to this worker alone, no sibling would be woken for
 * it.  So the listener is left first, and then what waits there is taken; but
 * nothing that might not be done before this worker is killed.  That stays for
 * the siblings, who look again when they next wake up.
 */
static void
leave(struct worker *w, int64_t told_us)
{
	int64_t last_us = told_us + WORKER_STOP_US - MARGIN_US -
	    w->conf->request_deadline_ms * 1000;

	(void)epoll_ctl(w->epoll, EPOLL_CTL_DEL, w->start->listener, NULL);
	for (int i = 0; i < LAST_CALL && clock_mono_us() < last_us; i++) {
		int fd = accept4(w->start->listener, NULL, NULL, SOCK_CLOEXEC);

		if (fd < 0)
			return;
		beat(w, true);
		take(w, fd);
	}
}

/*
 * Wait for something to do.  What is there at once may have come at any time
 * since the last look, when the request that is done now began, say; so a
 * worker that is told to go counts from there.
 */
static int
await(struct worker *w, struct epoll_event events[2], int64_t *ret_since_us)
{
	int wait_ms = (int)worker_beat_ms(w->conf->api_hang_ms);
	int count_ready = epoll_wait(w->epoll, events, 2, 0);

	*ret_since_us = w->looked_us;
	if (count_ready == 0) {
		count_ready = epoll_wait(w->epoll, events, 2, wait_ms);
		*ret_since_us = clock_mono_us();
	}
	w->looked_us = clock_mono_us();
	return count_ready;
}

/* 0 when told to go, 1 when the listener is of no use any more. */
static int
loop(struct worker *w)
{
	for (;;) {
		struct epoll_event events[2];
		int64_t since_us;
		int count_ready;

		beat(w, false);
		count_ready = await(w, events, &since_us);
		if (count_ready < 0 && errno != EINTR)
			return 1;

		for (int i = 0; i < count_ready; i++) {
			if (events[i].data.fd != w->signals)
				continue;
			leave(w, since_us);
			return 0;
		}
		if (count_ready > 0 && !serve_one(w))
			return 1;
	}
}

int
worker_run(const struct worker_start *start)
{
	struct worker *w = calloc(1, sizeof *w);
	int status = 1;

	if (!w)
		return 1;
	w->start = start;
	w->conf = start->conf;
	w->seat = shm_worker(start->shm, start->slot);
	w->epoll = -1;
	w->signals = -1;
	w->looked_us = clock_mono_us();
	/* Not all at the same time: the slot spreads them over half as much. */
	w->requests_max =
	    start->conf->api_worker_requests +
	    start->conf->api_worker_requests * (int64_t)(start->slot % 8) / 16;

	if (open_worker(w)) {
		get_ready(w);
		report(w, WORKER_READY);
		status = loop(w);
	}
	close_worker(w);
	free(w);
	return status;
}
