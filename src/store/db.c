/* db.c: one Postgres connection and the statements it runs. */
#include "store/db.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <libpq-fe.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/scope.h"
#include "store/refusal.h"

#define USEC_PER_MSEC INT64_C(1000)

/* How long Postgres may take to say that a statement's time is up. */
#define DB_SLACK_US (500 * USEC_PER_MSEC)
/* How long a connection that could not be had is not tried again. */
#define DB_DOWN_US (200 * USEC_PER_MSEC)
/* A connection idle for longer is looked at before a write is sent. */
#define DB_IDLE_US (10 * USEC_PER_MSEC)
#define DB_IDLE_READS_MAX 8
/* TLS hands over whole records: the part of one (16 KiB at most) for which
 * libpq had no room (it makes 8 KiB) is there without the socket saying so. */
#define DB_TLS_READS 2

static const int64_t waits_us[] = {
	10 * USEC_PER_MSEC, 40 * USEC_PER_MSEC, 160 * USEC_PER_MSEC
};

struct db {
	struct db_options options; /* url and program are ours */
	PGconn *conn;              /* NULL = none */
	bool in_tx;
	int64_t used_us; /* when the last answer came */
	const char *detail;
	/* why there is no connection, said again until then */
	int64_t down_until_us;
	enum err down_err;
	char down_why[SCOPE_WHY_MAX];
	/* of this connection */
	bool prepared[STMT__MAX];
	const struct columns *checked[STMT__MAX];
};

/* What came back.  It is handed to the arena before anything is sent, so
 * that a request that runs out of memory leaves nothing behind. */
struct answer {
	PGresult *ok;    /* the first that went well */
	PGresult *error; /* the first that did not; it may follow an ok: a
	                    deferred constraint speaks at the end */
	bool broken;     /* something we never ask for */
};

struct call {
	const char *name;
	enum stmt stmt;
	const struct args *args; /* NULL = none */
	const char *script;      /* instead of a statement */
	bool harmless;           /* lost, it has done nothing that lasts */
	struct answer *answer;
};

enum outcome { ANSWERED, LOST, LATE };

/* ---- waiting ----------------------------------------------------------- */

static int64_t
earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

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
		left = earlier(left / USEC_PER_MSEC + 1, INT32_MAX);
		n = poll(&p, 1, (int)left);
		if (n > 0)
			return true;
		if (n < 0 && errno != EINTR)
			return true; /* libpq will say what is wrong */
	}
}

/* false: the request has no time for it. */
static bool
pause_us(const struct scope *sc, int64_t us)
{
	struct timespec rest = { .tv_nsec = us * 1000 };

	if (scope_left_us(sc) <= us)
		return false;
	while (clock_nanosleep(CLOCK_MONOTONIC, 0, &rest, &rest) == EINTR)
		continue;

	return true;
}

/* ---- answers ----------------------------------------------------------- */

static void
answer_clear(void *data)
{
	struct answer *answer = data;

	PQclear(answer->ok);
	PQclear(answer->error);
	*answer = (struct answer){ 0 };
}

static struct answer *
answer_new(struct arena *arena)
{
	struct answer *answer = arena_new(arena, struct answer);

	arena_defer(arena, answer_clear, answer);
	return answer;
}

static void
answer_keep(struct answer *answer, PGresult *result)
{
	PGresult **place = NULL;

	switch (PQresultStatus(result)) {
	case PGRES_EMPTY_QUERY:
	case PGRES_COMMAND_OK:
	case PGRES_TUPLES_OK:
		place = &answer->ok;
		break;
	case PGRES_COPY_IN:
	case PGRES_COPY_OUT:
	case PGRES_COPY_BOTH:
		answer->broken = true;
		break;
	default:
		place = &answer->error;
		break;
	}

	if (place && !*place)
		*place = result;
	else
		PQclear(result);
}

/* Take what has come; true: that was all. */
static bool
answer_take(PGconn *conn, void *data)
{
	struct answer *answer = data;

	while (!answer->broken && !PQisBusy(conn)) {
		PGresult *result = PQgetResult(conn);

		if (!result)
			return true;
		answer_keep(answer, result);
	}

	return answer->broken;
}

/* Send what is left to send and take the answer. */
static enum outcome
exchange(PGconn *conn, int64_t until_us,
    bool (*take)(PGconn *conn, void *data), void *data)
{
	int more = 0;

	for (;;) {
		int unsent = PQflush(conn);
		short events = unsent > 0 ? POLLIN | POLLOUT : POLLIN;

		if (unsent < 0)
			return LOST;
		if (take(conn, data))
			return PQstatus(conn) == CONNECTION_OK ? ANSWERED : LOST;
		if (more > 0)
			more--;
		else if (!wait_for(PQsocket(conn), events, until_us))
			return LATE;
		else if (PQsslInUse(conn))
			more = DB_TLS_READS;
		if (!PQconsumeInput(conn)) {
			/* Its last words may have come with the end. */
			(void)take(conn, data);
			return LOST;
		}
	}
}

/* ---- the connection ---------------------------------------------------- */

struct db *
db_new(const struct db_options *options)
{
	struct db *db = calloc(1, sizeof *db);

	if (!db)
		return NULL;

	db->options = *options;
	db->options.url = strdup(options->url);
	db->options.program = strdup(options->program);
	db->detail = "";
	if (!db->options.url || !db->options.program) {
		db_free(db);
		return NULL;
	}

	return db;
}

static void
db_drop(struct db *db)
{
	PQfinish(db->conn);
	db->conn = NULL;
}

void
db_free(struct db *db)
{
	if (!db)
		return;
	db_drop(db);
	free((char *)(uintptr_t)db->options.url);
	free((char *)(uintptr_t)db->options.program);
	free(db);
}

bool
db_connected(const struct db *db)
{
	return db->conn && PQstatus(db->conn) == CONNECTION_OK;
}

/* The first line of a message of libpq or Postgres. */
static enum err
fail_line(struct scope *sc, enum err e, const char *what, const char *name,
    const char *message)
{
	return scope_fail(sc, e, "%s%s: %.*s", what, name,
	    (int)strcspn(message, "\n"), message);
}

static void
ignore_notice(void *data, const PGresult *result)
{
	(void)data;
	(void)result;
}

static PGconn *
connect_start(const struct db *db)
{
	const struct db_options *o = &db->options;
	char session[512];
	/* What stands after dbname wins over the URL. */
	const char *const names[] = { "dbname", "application_name",
		"client_encoding", "tcp_user_timeout", "keepalives",
		"keepalives_idle", "keepalives_interval", "keepalives_count",
		"options", NULL };
	const char *const values[] = { o->url, o->program, "UTF8", "5000", "1",
		"10", "3", "3", session, NULL };

	snprintf(session, sizeof session,
	    "-c statement_timeout=%" PRId64 " -c lock_timeout=%" PRId64
	    " -c idle_in_transaction_session_timeout=10000"
	    " -c client_connection_check_interval=1000"
	    " -c TimeZone=UTC -c search_path=pg_catalog"
	    " -c client_min_messages=warning -c jit=off",
	    o->statement_timeout_ms, o->lock_timeout_ms);
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

static enum outcome
connect_poll(PGconn *conn, int64_t until_us)
{
	/* As after PGRES_POLLING_WRITING, says libpq's manual. */
	short events = POLLOUT;

	if (PQstatus(conn) == CONNECTION_BAD)
		return LOST;
	for (;;) {
		if (!wait_for(PQsocket(conn), events, until_us))
			return LATE;
		switch (PQconnectPoll(conn)) {
		case PGRES_POLLING_OK:
			return ANSWERED;
		case PGRES_POLLING_READING:
			events = POLLIN;
			break;
		case PGRES_POLLING_WRITING:
			events = POLLOUT;
			break;
		default:
			return LOST;
		}
	}
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
	return fail_line(sc, e, "statement ", name,
	    sqlstate ? PQresultErrorField(error, PG_DIAG_MESSAGE_PRIMARY) :
	    PQresultErrorMessage(error));
}

/* Prepare these statements in one round trip. */
static enum err
db_prepare(struct db *db, struct scope *sc, const enum stmt *list,
    size_t count, int64_t until_us)
{
	struct parses parses = { 0 };
	enum outcome outcome = LOST;
	bool sent;
	enum err e = ERR_OK;

	sent = PQenterPipelineMode(db->conn);
	for (size_t i = 0; sent && i < count; i++)
		sent = PQsendPrepare(db->conn, stmt_table[list[i]].name,
		    stmt_table[list[i]].text, 0, NULL);
	if (sent && PQpipelineSync(db->conn)) {
		sc->pg_trips++;
		outcome = exchange(db->conn, until_us, parses_take, &parses);
	}

	if (parses.error)
		e = parse_failed(sc, parses.error, parses.error_at < count ?
		    stmt_table[list[parses.error_at]].name : "?");
	else if (outcome == LATE)
		e = scope_fail(sc, ERR_TIMEOUT, "preparing took too long");
	else if (outcome != ANSWERED || parses.seen != count + 1)
		e = scope_fail(sc, ERR_UNAVAILABLE,
		    "the connection was lost while preparing");
	PQclear(parses.error);
	if (!e && !PQexitPipelineMode(db->conn))
		e = scope_fail(sc, ERR_INTERNAL, "the pipeline did not end");
	for (size_t i = 0; !e && i < count; i++)
		db->prepared[list[i]] = true;

	return e;
}

static enum err
db_prepare_all(struct db *db, struct scope *sc, int64_t until_us)
{
	enum stmt list[STMT__MAX];
	size_t count = 0;
	enum err e;

	for (int i = 0; i < STMT__MAX; i++) {
		if (!stmt_table[i].late)
			list[count++] = (enum stmt)i;
	}

	e = db_prepare(db, sc, list, count, until_us);
	/* Somebody changes the schema: no connection for now. */
	return e == ERR_TIMEOUT ? ERR_UNAVAILABLE : e;
}

static enum err
db_open_until(struct db *db, struct scope *sc, int64_t until_us)
{
	enum outcome outcome;

	memset(db->prepared, 0, sizeof db->prepared);
	memset(db->checked, 0, sizeof db->checked);
	if (!url_parses(db->options.url))
		return scope_fail(sc, ERR_INTERNAL,
		    "the database's URL is not a connection string");

	db->conn = connect_start(db);
	if (!db->conn)
		return scope_fail(sc, ERR_UNAVAILABLE, "no memory to connect");
	outcome = connect_poll(db->conn, until_us);
	if (outcome == LATE)
		return scope_fail(sc, ERR_UNAVAILABLE,
		    "connecting to Postgres took too long");
	if (outcome == LOST)
		return fail_line(sc, ERR_UNAVAILABLE, "Postgres", "",
		    PQerrorMessage(db->conn));

	PQsetNoticeReceiver(db->conn, ignore_notice, NULL);
	if (PQsetnonblocking(db->conn, 1) != 0)
		return scope_fail(sc, ERR_UNAVAILABLE, "no memory to connect");

	return db->options.prepare ? db_prepare_all(db, sc, until_us) : ERR_OK;
}

/* insist: a connection was lost a moment ago, so do not heed the rest that a
 * connection that could not be had is given. */
static enum err
db_open(struct db *db, struct scope *sc, bool insist)
{
	int64_t now = clock_mono_us();
	int64_t until_us = now + db->options.connect_timeout_s * USEC_PER_SEC;
	enum err e;

	if (!insist && now < db->down_until_us)
		return scope_fail(sc, db->down_err, "%s", db->down_why);
	if (sc->deadline_us <= now)
		return scope_fail(sc, ERR_TIMEOUT,
		    "no time was left to connect to Postgres");

	e = db_open_until(db, sc, earlier(until_us, sc->deadline_us));
	db->used_us = clock_mono_us();
	if (!e)
		return ERR_OK;

	db_drop(db);
	/* A request in a hurry says nothing about Postgres. */
	if (e == ERR_UNAVAILABLE && db->used_us >= sc->deadline_us)
		return scope_fail(sc, ERR_TIMEOUT,
		    "the deadline struck while connecting to Postgres");

	db->down_until_us = db->used_us + DB_DOWN_US;
	db->down_err = e;
	snprintf(db->down_why, sizeof db->down_why, "%s", sc->why);
	return e;
}

enum err
db_connect(struct db *db, struct scope *sc)
{
	int64_t start = clock_mono_us();
	enum err e;

	if (db_connected(db))
		return ERR_OK;

	db_drop(db);
	e = db_open(db, sc, false);
	sc->pg_us += clock_mono_us() - start;
	return e;
}

/* Did the server close the connection while nobody looked?  What it said
 * before is read away. */
static bool
went_away(const struct db *db)
{
	for (int i = 0; i < DB_IDLE_READS_MAX; i++) {
		struct pollfd p = { .fd = PQsocket(db->conn),
			.events = POLLIN };

		if (poll(&p, 1, 0) == 0)
			return false;
		if (!PQconsumeInput(db->conn))
			return true;
		(void)PQisBusy(db->conn); /* parses a parting message */
	}

	return true;
}

/* A connection on which the statement is prepared.  *ret_again: the try may
 * be made once more. */
static enum err
db_ready(struct db *db, struct scope *sc, const struct call *call, bool insist,
    bool *ret_again)
{
	enum err e;

	if (db->in_tx && !db_connected(db))
		return scope_fail(sc, ERR_UNAVAILABLE,
		    "the transaction was lost with its connection");

	if (db_connected(db) && !db->in_tx && !call->harmless &&
	    clock_mono_us() - db->used_us > DB_IDLE_US && went_away(db))
		db_drop(db);
	if (!db_connected(db)) {
		int64_t start = clock_mono_us();
		int64_t patience = db->options.connect_timeout_s *
		    USEC_PER_SEC / 2;

		db_drop(db);
		e = db_open(db, sc, insist);
		if (e) {
			*ret_again = insist && e == ERR_UNAVAILABLE &&
			    clock_mono_us() - start < patience;
			return e;
		}
	}

	if (call->script || db->prepared[call->stmt])
		return ERR_OK;
	e = db_prepare(db, sc, &call->stmt, 1, sc->deadline_us);
	if (e)
		db_drop(db);
	*ret_again = e == ERR_UNAVAILABLE;
	return e;
}

/* ---- running a statement ----------------------------------------------- */

/* The line of a script on which the message's position falls; 0: unknown. */
static int
script_line(const char *script, const PGresult *error)
{
	const char *position = PQresultErrorField(error,
	    PG_DIAG_STATEMENT_POSITION);
	long left = position ? strtol(position, NULL, 10) : 0;
	int line = left > 0;

	/* The position counts characters: bytes that begin one. */
	for (const char *p = script; left > 1 && *p; p++) {
		if (((unsigned char)p[1] & 0xC0) != 0x80)
			left--;
		line += *p == '\n';
	}

	return line;
}

/* An error of Postgres's own: nothing was done. */
static enum err
refused(struct db *db, struct scope *sc, const struct call *call,
    bool *ret_again)
{
	const PGresult *error = call->answer->error;
	const char *sqlstate = PQresultErrorField(error, PG_DIAG_SQLSTATE);
	const char *message = PQresultErrorField(error,
	    PG_DIAG_MESSAGE_PRIMARY);
	const char *detail = PQresultErrorField(error,
	    PG_DIAG_MESSAGE_DETAIL);
	const struct refusal *refusal = refusal_find(sqlstate,
	    PQresultErrorField(error, PG_DIAG_CONSTRAINT_NAME));

	if (refusal->way == REFUSAL_LOST)
		db_drop(db);
	*ret_again = refusal->way != REFUSAL_FINAL;
	if (detail && strncmp(sqlstate, "CB", 2) == 0)
		db->detail = arena_strdup(sc->arena, detail);
	if (call->script)
		return scope_fail(sc, ERR_INTERNAL, "%s: line %d: %s",
		    call->name, script_line(call->script, error),
		    message ? message : sqlstate);

	return fail_line(sc, refusal->err, "statement ", call->name,
	    refusal->sentence ? refusal->sentence :
	    message ? message : sqlstate);
}

/* The connection went before the answer had come. */
static enum err
lost(struct db *db, struct scope *sc, const struct call *call,
    enum outcome outcome, bool *ret_again)
{
	const char *what = outcome == LATE ? "no answer in time" :
	    "the connection was lost";
	enum err e = ERR_UNCERTAIN;

	if (call->harmless)
		e = outcome == LATE ? ERR_TIMEOUT : ERR_UNAVAILABLE;
	db_drop(db);
	*ret_again = e == ERR_UNAVAILABLE;
	return scope_fail(sc, e, "statement %s: %s", call->name, what);
}

static bool
call_send(PGconn *conn, const struct call *call)
{
	const struct args *a = call->args;

	if (call->script)
		return PQsendQuery(conn, call->script);

	return PQsendQueryPrepared(conn, call->name, a ? a->count : 0,
	    a ? a->values : NULL, a ? a->lengths : NULL, a ? a->formats : NULL,
	    1);
}

/* Postgres ends a statement at its own timeout: a little later it is not
 * Postgres that answers any more. */
static int64_t
answer_until(const struct db *db, const struct scope *sc, int64_t now)
{
	int64_t timeout_us = db->options.statement_timeout_ms * USEC_PER_MSEC;

	if (timeout_us <= 0) /* none */
		return sc->deadline_us;
	return earlier(sc->deadline_us, now + timeout_us + DB_SLACK_US);
}

static enum err
db_try(struct db *db, struct scope *sc, const struct call *call, bool insist,
    bool *ret_again)
{
	struct answer *answer = call->answer;
	enum outcome outcome;
	int64_t now;
	bool known;
	enum err e;

	*ret_again = false;
	e = db_ready(db, sc, call, insist, ret_again);
	if (e)
		return e;
	now = clock_mono_us();
	if (sc->deadline_us <= now)
		return scope_fail(sc, ERR_TIMEOUT,
		    "statement %s: no time was left to send it", call->name);

	if (!call_send(db->conn, call)) {
		/* Without the Sync at its end the server commits nothing. */
		db_drop(db);
		*ret_again = true;
		return scope_fail(sc, ERR_UNAVAILABLE,
		    "statement %s: it could not be sent", call->name);
	}
	sc->pg_trips++;
	outcome = exchange(db->conn, answer_until(db, sc, now), answer_take,
	    answer);
	db->used_us = clock_mono_us();
	if (outcome == ANSWERED && answer->ok && !answer->error &&
	    !answer->broken)
		return ERR_OK;

	/* Parting words (FATAL) also mean that nothing was done, when they
	 * come before the statement's own answer; a commit has been done
	 * before it is answered.  An error without SQLSTATE is libpq's. */
	known = outcome == ANSWERED ||
	    (!answer->ok && call->stmt != STMT_TX_COMMIT);
	if (answer->error && known &&
	    PQresultErrorField(answer->error, PG_DIAG_SQLSTATE)) {
		e = refused(db, sc, call, ret_again);
		if (outcome != ANSWERED)
			db_drop(db);
		return e;
	}

	return lost(db, sc, call, outcome, ret_again);
}

static enum err
db_run(struct db *db, struct scope *sc, struct call *call)
{
	int64_t start = clock_mono_us();
	bool again;
	enum err e;

	call->answer = answer_new(sc->arena);
	db->detail = "";
	for (size_t i = 0;; i++) {
		e = db_try(db, sc, call, i > 0, &again);
		if (!e || !again || db->in_tx || i == ARRAY_LEN(waits_us) ||
		    !pause_us(sc, waits_us[i]))
			break;
		answer_clear(call->answer);
	}

	sc->pg_us += clock_mono_us() - start;
	return e;
}

static enum err
db_send(struct db *db, struct scope *sc, enum stmt stmt,
    const struct args *args, const PGresult **ret_result)
{
	const struct stmt_info *info = &stmt_table[stmt];
	/* Inside a transaction only its commit does anything that lasts. */
	struct call call = { .name = info->name, .stmt = stmt, .args = args,
		.harmless = info->read ||
		    (db->in_tx && stmt != STMT_TX_COMMIT) };
	enum err e;

	assert((args ? args->count : 0) == info->params);

	e = db_run(db, sc, &call);
	if (e)
		return e;

	*ret_result = call.answer->ok;
	return ERR_OK;
}

static enum err
db_check(struct db *db, struct scope *sc, enum stmt stmt,
    const PGresult *result, const struct columns *columns)
{
	enum err e;

	if (db->checked[stmt] == columns)
		return ERR_OK;

	e = row_check(sc, stmt_table[stmt].name, result, columns);
	if (!e)
		db->checked[stmt] = columns;
	return e;
}

enum err
db_one(struct db *db, struct scope *sc, enum stmt stmt,
    const struct args *args, const struct columns *columns, void *row)
{
	const char *name = stmt_table[stmt].name;
	const PGresult *result;
	enum err e;

	assert(stmt_table[stmt].rows);

	e = db_send(db, sc, stmt, args, &result);
	if (e)
		return e;
	e = db_check(db, sc, stmt, result, columns);
	if (e)
		return e;

	if (PQntuples(result) == 0)
		return scope_fail(sc, ERR_NOT_FOUND, "statement %s: no row",
		    name);
	if (PQntuples(result) > 1)
		return scope_fail(sc, ERR_INTERNAL,
		    "statement %s: %d rows, not one", name,
		    PQntuples(result));

	return row_read(sc, name, result, 0, columns, row);
}

enum err
db_all(struct db *db, struct scope *sc, enum stmt stmt,
    const struct args *args, const struct columns *columns, void *ret_rows,
    size_t *ret_count)
{
	const PGresult *result;
	char *rows;
	int count;
	enum err e;

	assert(stmt_table[stmt].rows);

	e = db_send(db, sc, stmt, args, &result);
	if (e)
		return e;
	e = db_check(db, sc, stmt, result, columns);
	if (e)
		return e;

	count = PQntuples(result);
	rows = arena_array(sc->arena, (size_t)count, columns->size);
	for (int i = 0; i < count; i++) {
		e = row_read(sc, stmt_table[stmt].name, result, i, columns,
		    rows + (size_t)i * columns->size);
		if (e)
			return e;
	}

	memcpy(ret_rows, &rows, sizeof rows);
	*ret_count = (size_t)count;
	return ERR_OK;
}

enum err
db_do(struct db *db, struct scope *sc, enum stmt stmt,
    const struct args *args, int64_t *ret_affected)
{
	const PGresult *result;
	enum err e;

	e = db_send(db, sc, stmt, args, &result);
	if (e)
		return e;

	if (ret_affected)
		*ret_affected = strtoll(PQcmdTuples((PGresult *)(uintptr_t)
		    result), NULL, 10);
	return ERR_OK;
}

const char *
db_detail(const struct db *db)
{
	return db->detail;
}

/* ---- transactions ------------------------------------------------------ */

enum err
db_begin(struct db *db, struct scope *sc)
{
	enum err e;

	assert(!db->in_tx);

	e = db_do(db, sc, STMT_TX_BEGIN, NULL, NULL);
	if (!e)
		db->in_tx = true;
	return e;
}

/* Whatever happens here, the first failure is the one to tell. */
static void
db_rollback(struct db *db, struct scope *sc)
{
	char why[SCOPE_WHY_MAX];
	const char *detail = db->detail;

	memcpy(why, sc->why, sizeof why);
	if (db_do(db, sc, STMT_TX_ROLLBACK, NULL, NULL))
		db_drop(db);
	memcpy(sc->why, why, sizeof why);
	db->detail = detail;
}

enum err
db_end(struct db *db, struct scope *sc, enum err e)
{
	assert(db->in_tx);

	/* Postgres would take this commit for a rollback and call it fine. */
	if (!e && db_connected(db) &&
	    PQtransactionStatus(db->conn) == PQTRANS_INERROR)
		e = scope_fail(sc, ERR_INTERNAL,
		    "a transaction with a failed statement was to be committed");

	if (!e)
		e = db_do(db, sc, STMT_TX_COMMIT, NULL, NULL);
	else if (db_connected(db))
		db_rollback(db, sc);

	db->in_tx = false;
	return e;
}

enum err
db_script(struct db *db, struct scope *sc, const char *name, const char *text)
{
	struct call call = { .name = name, .stmt = STMT__MAX, .script = text,
		.harmless = true };
	enum err e;

	assert(db->in_tx);

	e = db_run(db, sc, &call);
	if (!e && PQtransactionStatus(db->conn) != PQTRANS_INTRANS)
		e = scope_fail(sc, ERR_INTERNAL,
		    "%s: it ends the transaction it is run in", name);
	return e;
}
