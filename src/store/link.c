/* link.c: the wire below db.c: connect, send, wait, take. */
#include "store/link.h"

#include <errno.h>
#include <inttypes.h>
#include <libpq-fe.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/scope.h"
#include "store/db.h"
#include "store/refusal.h"

#define LINK_IDLE_READS_MAX 8
/* TLS hands over whole records: the part of one (16 KiB at most) for which
 * libpq had no room (it makes 8 KiB) is there without the socket saying so. */
#define LINK_TLS_READS 2

/* false: the moment came first. */
static bool
wait_for(int fd, short events, int64_t until_us)
{
	for (;;) {
		struct pollfd p = { .fd = fd, .events = events };
		int64_t left = until_us - clock_mono_us();
		int n;

		if (left <= 0)
			return false;
		left = left / 1000 + 1;
		n = poll(&p, 1, left < INT32_MAX ? (int)left : INT32_MAX);
		if (n > 0)
			return true;
		if (n < 0 && errno != EINTR)
			return true; /* libpq will say what is wrong */
	}
}

enum link_outcome
link_exchange(PGconn *conn, int64_t until_us,
    bool (*take)(PGconn *conn, void *data), void *data)
{
	int more = 0;

	for (;;) {
		int unsent = PQflush(conn);
		short events = unsent > 0 ? POLLIN | POLLOUT : POLLIN;

		if (unsent < 0)
			return LINK_LOST;
		if (take(conn, data))
			return PQstatus(conn) == CONNECTION_OK ?
			    LINK_ANSWERED : LINK_LOST;
		if (more > 0)
			more--;
		else if (!wait_for(PQsocket(conn), events, until_us))
			return LINK_LATE;
		else if (PQsslInUse(conn))
			more = LINK_TLS_READS;
		if (!PQconsumeInput(conn)) {
			/* Its last words may have come with the end. */
			(void)take(conn, data);
			return LINK_LOST;
		}
	}
}

enum err
link_fail(struct scope *sc, enum err e, const char *what, const char *name,
    const char *message)
{
	return scope_fail(sc, e, "%s%s: %.*s", what, name,
	    (int)strcspn(message, "\n"), message);
}

/* What the server says when nothing was asked comes as a notice, its parting
 * words (57P01, 57P02) among them.  All else is not for us. */
static void
hear_notice(void *data, const PGresult *result)
{
	const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	bool *farewell = data;

	if (sqlstate && refusal_find(sqlstate, NULL)->way == REFUSAL_LOST)
		*farewell = true;
}

static PGconn *
connect_start(const struct db_options *o)
{
	char session[1024];
	/* A worker's plans live as long as its connection.  One made while a
	 * table was small would read all of it for each row, however large it
	 * has grown since. */
	const char *plans = o->prepare ? " -c enable_seqscan=off" : "";
	/* What stands after dbname wins over the URL. */
	const char *const names[] = { "dbname", "application_name",
		"client_encoding", "tcp_user_timeout", "keepalives",
		"keepalives_idle", "keepalives_interval", "keepalives_count",
		"options", NULL };
	const char *const values[] = { o->url, o->program, "UTF8", "5000", "1",
		"10", "3", "3", session, NULL };

	/* What else decides is not left to the role's own settings: whoever had
	 * it for a moment could have changed them for good. */
	snprintf(session, sizeof session,
	    "-c statement_timeout=%" PRId64 " -c lock_timeout=%" PRId64
	    " -c idle_in_transaction_session_timeout=10000"
	    " -c idle_session_timeout=0"
	    " -c client_connection_check_interval=1000"
	    " -c TimeZone=UTC -c search_path=pg_catalog"
	    " -c default_transaction_read_only=off"
	    " -c default_transaction_deferrable=off"
	    " -c default_transaction_isolation=read\\ committed"
	    " -c DateStyle=ISO -c IntervalStyle=postgres"
	    " -c bytea_output=hex -c extra_float_digits=1"
	    " -c client_min_messages=warning -c jit=off%s",
	    o->statement_timeout_ms, o->lock_timeout_ms, plans);
	return PQconnectStartParams(names, values, 1);
}

/* A URL that does not parse may hold a password: it is not quoted. */
static bool
url_parses(const char *url)
{
	PQconninfoOption *options = PQconninfoParse(url, NULL);

	PQconninfoFree(options);
	return options != NULL;
}

static enum link_outcome
connect_poll(PGconn *conn, int64_t until_us)
{
	/* As after PGRES_POLLING_WRITING, says libpq's manual. */
	short events = POLLOUT;

	if (PQstatus(conn) == CONNECTION_BAD)
		return LINK_LOST;
	for (;;) {
		if (!wait_for(PQsocket(conn), events, until_us))
			return LINK_LATE;
		switch (PQconnectPoll(conn)) {
		case PGRES_POLLING_OK:
			return LINK_ANSWERED;
		case PGRES_POLLING_READING:
			events = POLLIN;
			break;
		case PGRES_POLLING_WRITING:
			events = POLLOUT;
			break;
		default:
			return LINK_LOST;
		}
	}
}

enum err
link_open(const struct db_options *options, struct scope *sc, int64_t until_us,
    bool *farewell, PGconn **ret_conn)
{
	enum link_outcome outcome;
	PGconn *conn;
	enum err e = ERR_OK;

	if (!url_parses(options->url))
		return scope_fail(sc, ERR_INTERNAL,
		    "the database's URL is not a connection string");

	conn = connect_start(options);
	if (!conn)
		return scope_fail(sc, ERR_UNAVAILABLE, "no memory to connect");
	outcome = connect_poll(conn, until_us);
	if (outcome == LINK_LATE)
		e = scope_fail(sc, ERR_UNAVAILABLE,
		    "connecting to Postgres took too long");
	else if (outcome == LINK_LOST)
		e = link_fail(sc, ERR_UNAVAILABLE, "Postgres", "",
		    PQerrorMessage(conn));
	else if (PQsetnonblocking(conn, 1) != 0)
		e = scope_fail(sc, ERR_UNAVAILABLE, "no memory to connect");
	if (e) {
		PQfinish(conn);
		return e;
	}

	*farewell = false;
	PQsetNoticeReceiver(conn, hear_notice, farewell);
	*ret_conn = conn;
	return ERR_OK;
}

/* The answers to many Parse messages and the Sync behind them. */
struct parses {
	size_t seen;
	unsigned nulls; /* one closes each answer, two in a row are the end */
	PGresult *error;
	size_t error_at;
};

static bool
parses_take(PGconn *conn, void *data)
{
	struct parses *p = data;

	while (!PQisBusy(conn)) {
		PGresult *result = PQgetResult(conn);
		ExecStatusType status = PQresultStatus(result);

		if (!result) {
			if (++p->nulls == 2)
				return true;
			continue;
		}
		p->nulls = 0;
		if (status == PGRES_FATAL_ERROR && !p->error) {
			p->error = result;
			p->error_at = p->seen;
		} else {
			PQclear(result);
		}
		p->seen++;
		if (status == PGRES_PIPELINE_SYNC)
			return true;
	}

	return false;
}

/* Why a statement could not be prepared. */
static enum err
parse_failed(struct scope *sc, const PGresult *error, const char *name)
{
	const char *sqlstate = PQresultErrorField(error, PG_DIAG_SQLSTATE);
	enum err e = refusal_find(sqlstate, NULL)->err;

	/* Without SQLSTATE it is libpq that speaks: of the connection. */
	if (!sqlstate || e == ERR_RETRY)
		e = ERR_UNAVAILABLE;
	return link_fail(sc, e, "statement ", name,
	    sqlstate ? PQresultErrorField(error, PG_DIAG_MESSAGE_PRIMARY) :
	    PQresultErrorMessage(error));
}

enum err
link_prepare(PGconn *conn, struct scope *sc, const enum stmt *list,
    size_t count, int64_t until_us)
{
	struct parses parses = { 0 };
	enum link_outcome outcome = LINK_LOST;
	bool sent;
	enum err e = ERR_OK;

	sent = PQenterPipelineMode(conn);
	for (size_t i = 0; sent && i < count; i++)
		sent = PQsendPrepare(conn, stmt_table[list[i]].name,
		    stmt_table[list[i]].text, 0, NULL);
	if (sent && PQpipelineSync(conn)) {
		sc->pg_trips++;
		outcome = link_exchange(conn, until_us, parses_take, &parses);
	}

	if (parses.error)
		e = parse_failed(sc, parses.error, parses.error_at < count ?
		    stmt_table[list[parses.error_at]].name : "?");
	else if (outcome == LINK_LATE)
		e = scope_fail(sc, ERR_TIMEOUT, "preparing took too long");
	else if (outcome != LINK_ANSWERED || parses.seen != count + 1)
		e = scope_fail(sc, ERR_UNAVAILABLE,
		    "the connection was lost while preparing");
	PQclear(parses.error);
	if (!e && !PQexitPipelineMode(conn))
		e = scope_fail(sc, ERR_INTERNAL, "the pipeline did not end");

	return e;
}

bool
link_went_away(PGconn *conn)
{
	for (int i = 0; i < LINK_IDLE_READS_MAX; i++) {
		struct pollfd p = { .fd = PQsocket(conn), .events = POLLIN };

		if (poll(&p, 1, 0) == 0)
			return false;
		if (!PQconsumeInput(conn))
			return true;
		(void)PQisBusy(conn); /* parses a parting message */
	}

	return true;
}
