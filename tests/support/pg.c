/* pg.c: the tests' own hand on the temporary Postgres. */
#include "support/pg.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SQL_MAX 8192
#define BECOMES_TRIES 1000

static void
pg_die(const char *what, const char *message)
{
	fprintf(stderr, "pg: %s: %s\n", what, message);
	exit(99);
}

static const char *
server_url(void)
{
	const char *url = getenv("TEST_PG_URL");

	if (!url)
		pg_die("TEST_PG_URL", "not set: run tools/with-services");
	return url;
}

static void
ignore_notice(void *data, const char *message)
{
	(void)data;
	(void)message;
}

PGconn *
pg_open(const char *url)
{
	PGconn *conn = PQconnectdb(url);

	if (PQstatus(conn) != CONNECTION_OK)
		pg_die("connect", PQerrorMessage(conn));
	PQsetNoticeProcessor(conn, ignore_notice, NULL);
	return conn;
}

static void
rest(void)
{
	const struct timespec pause = { .tv_nsec = 10 * 1000 * 1000 };

	nanosleep(&pause, NULL);
}

PGconn *
pg_reopen(PGconn *conn, const char *url)
{
	for (int i = 0; i < BECOMES_TRIES &&
	    PQstatus(conn) == CONNECTION_OK; i++) {
		PQclear(PQexec(conn, "select 1"));
		rest();
	}
	PQfinish(conn);

	for (int i = 0; i < BECOMES_TRIES; i++) {
		if (PQping(url) == PQPING_OK)
			break;
		rest();
	}
	return pg_open(url);
}

void
pg_close(PGconn *conn)
{
	PQfinish(conn);
}

static PGresult *
run(PGconn *conn, const char *sql)
{
	PGresult *result = PQexec(conn, sql);
	ExecStatusType status = PQresultStatus(result);

	if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
		pg_die(sql, PQresultErrorMessage(result));
	return result;
}

void
pg_do(PGconn *conn, const char *fmt, ...)
{
	char sql[SQL_MAX];
	va_list args;

	va_start(args, fmt);
	vsnprintf(sql, sizeof sql, fmt, args);
	va_end(args);
	PQclear(run(conn, sql));
}

static int64_t
number(PGconn *conn, const char *sql)
{
	PGresult *result = run(conn, sql);
	int64_t n;

	if (PQntuples(result) != 1)
		pg_die(sql, "not one row");
	n = strtoll(PQgetvalue(result, 0, 0), NULL, 10);
	PQclear(result);
	return n;
}

int64_t
pg_number(PGconn *conn, const char *fmt, ...)
{
	char sql[SQL_MAX];
	va_list args;

	va_start(args, fmt);
	vsnprintf(sql, sizeof sql, fmt, args);
	va_end(args);
	return number(conn, sql);
}

int
pg_becomes(PGconn *conn, int64_t wanted, const char *fmt, ...)
{
	char sql[SQL_MAX];
	va_list args;

	va_start(args, fmt);
	vsnprintf(sql, sizeof sql, fmt, args);
	va_end(args);
	for (int i = 0; i < BECOMES_TRIES; i++) {
		if (number(conn, sql) == wanted)
			return 1;
		rest();
	}

	return 0;
}

const char *
pg_database(const char *name)
{
	static char url[1024];
	PGconn *conn = pg_open(server_url());

	pg_do(conn, "set client_min_messages = warning");
	pg_do(conn, "drop database if exists %s with (force)", name);
	pg_do(conn, "create database %s template template0", name);
	pg_close(conn);
	snprintf(url, sizeof url, "%s dbname=%s", server_url(), name);
	return url;
}

/* Commits that wait for a standby that does not exist: the server is told, and
 * obeys a moment later. */
static void
make_commits_wait(PGconn *conn, const char *url)
{
	pg_do(conn, "alter system set synchronous_standby_names = 'nobody'");
	pg_do(conn, "select pg_reload_conf()");
	for (int i = 0; i < BECOMES_TRIES; i++) {
		PGconn *probe = pg_open(url);
		int pid = PQbackendPID(probe);
		int64_t waits = 0;

		if (!PQsendQuery(probe, "create table public.probe ()"))
			pg_die("probe", PQerrorMessage(probe));
		while (!waits && PQconsumeInput(probe) && PQisBusy(probe)) {
			waits = pg_number(conn, "select count(*) from "
			    "pg_stat_activity where pid = %d and wait_event "
			    "= 'SyncRep'", pid);
			rest();
		}
		pg_do(conn, "select pg_terminate_backend(%d, 5000)", pid);
		PQfinish(probe);
		if (waits)
			return;
		pg_do(conn, "drop table public.probe");
	}
	pg_die("probe", "commits never wait");
}

/* What waits so has been committed, and nothing cancels that: whoever ends its
 * backend loses the answer alone. */
void
pg_lose_answer(PGconn *conn, const char *url, const char *program)
{
	PGconn *mine;
	int seen;

	/* Its own writes wait for nobody. */
	pg_do(conn, "set synchronous_commit = local");
	make_commits_wait(conn, url);
	fflush(NULL);
	if (fork() != 0)
		return;
	mine = pg_open(url);
	seen = pg_becomes(mine, 1, "select count(*) from pg_stat_activity "
	    "where application_name = '%s' and wait_event = 'SyncRep'",
	    program);
	pg_do(mine, "select pg_terminate_backend(pid, 5000) from "
	    "pg_stat_activity where application_name = '%s' and "
	    "wait_event = 'SyncRep'", program);
	pg_do(mine, "alter system reset synchronous_standby_names");
	pg_do(mine, "select pg_reload_conf()");
	_exit(seen ? 0 : 1);
}

int
pg_answer_lost(void)
{
	int status = -1;

	wait(&status);
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}
