/* db.c: one Postgres connection and the statements it runs. */
#include "store/db.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/scope.h"
#include "store/link.h"
#include "store/refusal.h"

#define USEC_PER_MSEC INT64_C(1000)

/* How long Postgres may take to say that a statement's time is up. */
#define DB_SLACK_US (500 * USEC_PER_MSEC)
/* How long a connection that could not be had is not tried again. */
#define DB_DOWN_US (200 * USEC_PER_MSEC)
/* A connection idle for longer is looked at before a write is sent. */
#define DB_IDLE_US (10 * USEC_PER_MSEC)

static const int64_t waits_us[] = {
	10 * USEC_PER_MSEC, 40 * USEC_PER_MSEC, 160 * USEC_PER_MSEC
};

struct db {
	struct db_options options; /* url and program are ours */
	PGconn *conn;              /* NULL = none */
	bool farewell;             /* the server has said that it ends it */
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

/* ---- waiting ----------------------------------------------------------- */

static int64_t
earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
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
	return db->conn && !db->farewell &&
	    PQstatus(db->conn) == CONNECTION_OK;
}

/* A connection with its statements prepared, or none. */
static enum err
db_open_until(struct db *db, struct scope *sc, int64_t until_us)
{
	enum stmt list[STMT__MAX];
	size_t count = 0;
	enum err e;

	memset(db->prepared, 0, sizeof db->prepared);
	memset(db->checked, 0, sizeof db->checked);
	e = link_open(&db->options, sc, until_us, &db->farewell,
	    &db->conn);
	if (e || !db->options.prepare)
		return e;

	for (int i = 0; i < STMT__MAX; i++) {
		if (!stmt_table[i].late)
			list[count++] = (enum stmt)i;
	}
	e = link_prepare(db->conn, sc, list, count, until_us);
	/* Somebody changes the schema: no connection for now. */
	if (e)
		return e == ERR_TIMEOUT ? ERR_UNAVAILABLE : e;

	for (size_t i = 0; i < count; i++)
		db->prepared[list[i]] = true;
	return ERR_OK;
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
	    clock_mono_us() - db->used_us > DB_IDLE_US && link_went_away(db->conn))
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
	e = link_prepare(db->conn, sc, &call->stmt, 1, sc->deadline_us);
	if (e)
		db_drop(db);
	else
		db->prepared[call->stmt] = true;
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
	/* A script is at fault, unless others were only in its way. */
	if (call->script)
		return scope_fail(sc, refusal->err == ERR_RETRY ||
		    refusal->err == ERR_TIMEOUT ? refusal->err : ERR_INTERNAL,
		    "%s: line %d: %s", call->name,
		    script_line(call->script, error),
		    message ? message : sqlstate);

	return link_fail(sc, refusal->err, "statement ", call->name,
	    refusal->sentence ? refusal->sentence :
	    message ? message : sqlstate);
}

/* The connection went before the answer had come. */
static enum err
lost(struct db *db, struct scope *sc, const struct call *call,
    enum link_outcome outcome, bool *ret_again)
{
	const char *what = outcome == LINK_LATE ? "no answer in time" :
	    "the connection was lost";
	enum err e = ERR_UNCERTAIN;

	if (call->harmless)
		e = outcome == LINK_LATE ? ERR_TIMEOUT : ERR_UNAVAILABLE;
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
	enum link_outcome outcome;
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
	outcome = link_exchange(db->conn, answer_until(db, sc, now), answer_take,
	    answer);
	db->used_us = clock_mono_us();
	if (outcome == LINK_ANSWERED && answer->ok && !answer->error &&
	    !answer->broken)
		return ERR_OK;

	/* Parting words (FATAL) also mean that nothing was done, when they
	 * come before the statement's own answer; a commit has been done
	 * before it is answered.  An error without SQLSTATE is libpq's. */
	known = outcome == LINK_ANSWERED ||
	    (!answer->ok && call->stmt != STMT_TX_COMMIT);
	if (answer->error && known &&
	    PQresultErrorField(answer->error, PG_DIAG_SQLSTATE)) {
		e = refused(db, sc, call, ret_again);
		if (outcome != LINK_ANSWERED)
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
