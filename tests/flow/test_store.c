/* test_store.c: one connection under good and bad weather.  The statement
 * that writes is migration_note, whose table here carries traps. */
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <CUnit/CUnit.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/scope.h"
#include "store/db.h"
#include "store/link.h"
#include "support/pg.h"
#include "unit/unit.h"

#define ENDINGS 40
#define QUICKLY_US (10 * USEC_PER_SEC) /* even on a busy machine */

#define BACKEND \
	"(select pid from pg_stat_activity where application_name = 'store')"

struct world {
	struct arena *arena;
	struct scope scope;
	const char *url;
	struct db *db;
	PGconn *pg; /* the other side */
};

struct ping {
	int64_t now;
};
static const struct column ping_items[] = {
	{ "now", COLUMN_INSTANT, offsetof(struct ping, now) } };
static const struct columns ping_columns = { sizeof(struct ping), ping_items,
	1 };

/* A row whose name is a SQLSTATE is refused with it: "again" counts its tries
 * in a sequence, which no rollback takes back; "late" is refused at the end. */
static const char traps[] =
    "create schema meta;"
    "create table meta.migrations (number integer constraint bookings_pkey"
    " primary key, name text not null, checksum text not null,"
    " applied_at timestamptz not null default now());"
    "create sequence meta.tries;"
    "create function meta.trap() returns trigger language plpgsql as $$ begin"
    "  if new.name = 'again' then"
    "    if nextval('meta.tries') < 3 then"
    "      raise exception 'again' using errcode = '40001'; end if;"
    "  elsif new.name = 'worse' then"
    "    perform nextval('meta.tries');"
    "    raise exception 'worse' using errcode = '40P01';"
    "  elsif length(new.name) = 5 then"
    "    raise exception E'first line\\nsecond line' using"
    "      errcode = new.name, detail = new.checksum,"
    "      constraint = new.checksum;"
    "  end if; return new; end $$;"
    "create trigger trap before insert on meta.migrations"
    " for each row execute function meta.trap();"
    "create function meta.trap_late() returns trigger language plpgsql as $$"
    " begin raise exception 'too late' using errcode = 'CB001'; end $$;"
    "create constraint trigger trap_late after insert on meta.migrations"
    " deferrable initially deferred for each row when (new.name = 'late')"
    " execute function meta.trap_late();";

static struct db *
new_db(const char *url, int64_t statement_ms, int64_t lock_ms)
{
	const struct db_options options = { .url = url, .program = "store",
		.connect_timeout_s = 2, .statement_timeout_ms = statement_ms,
		.lock_timeout_ms = lock_ms };

	return db_new(&options);
}

static void
open_world(struct world *w)
{
	w->arena = arena_open(1 << 20);
	scope_init(&w->scope, w->arena, 10000000);
	w->url = pg_database("flow_store");
	w->pg = pg_open(w->url);
	pg_do(w->pg, "%s", traps);
	w->db = new_db(w->url, 5000, 2000);
}

static void
close_world(struct world *w)
{
	arena_close(w->arena);
	db_free(w->db);
	pg_close(w->pg);
}

static enum err
ping(struct world *w)
{
	struct ping row;

	return db_one(w->db, &w->scope, STMT_HEALTH_PING, NULL, &ping_columns,
	    &row);
}

static enum err
note(struct world *w, int64_t number, const char *name, const char *checksum)
{
	struct args args;

	args_init(&args, w->arena);
	args_i64(&args, number);
	args_text(&args, name);
	args_text(&args, checksum);
	return db_do(w->db, &w->scope, STMT_MIGRATION_NOTE, &args, NULL);
}

static int64_t
noted(struct world *w)
{
	return pg_number(w->pg, "select count(*) from meta.migrations");
}

static pid_t
backend(struct world *w)
{
	return (pid_t)pg_number(w->pg, "select pid from " BACKEND " p (pid)");
}

/* End our connection from the other side, and see that it is gone. */
static void
kill_backend(struct world *w)
{
	pg_do(w->pg, "select pg_terminate_backend(pid) from " BACKEND
	    " p (pid)");
	CU_ASSERT(pg_becomes(w->pg, 0, "select count(*) from pg_stat_activity"
	    " where application_name = 'store'"));
}

/* ---- good weather ------------------------------------------------------ */

static void
a_statement_takes_one_round_trip_once_it_is_prepared(void)
{
	struct world w;
	unsigned before;

	open_world(&w);
	CU_ASSERT_FALSE(db_connected(w.db));
	CU_ASSERT_EQUAL(ping(&w), ERR_OK);
	CU_ASSERT_TRUE(db_connected(w.db));
	before = w.scope.pg_trips;
	CU_ASSERT_EQUAL(ping(&w), ERR_OK);
	CU_ASSERT_EQUAL(w.scope.pg_trips, before + 1);
	CU_ASSERT(w.scope.pg_us > 0);
	CU_ASSERT_STRING_EQUAL(w.scope.why, "");
	close_world(&w);
}

/* What our session's settings are, as a trigger of ours sees them. */
static void
the_session_has_its_limits_and_ignores_the_roles_settings(void)
{
	struct world w;

	open_world(&w);
	pg_do(w.pg, "create table meta.seen (what text);"
	    "create function meta.look() returns trigger language plpgsql as $$"
	    " begin insert into meta.seen"
	    "  select concat_ws('|', name, setting) from pg_settings;"
	    " return new; end $$;"
	    "create trigger look before insert on meta.migrations"
	    " for each row execute function meta.look();"
	    "alter role postgres set timezone to 'Asia/Kolkata';"
	    "alter role postgres set search_path to meta");
	CU_ASSERT_EQUAL(note(&w, 1, "written", "x"), ERR_OK);
	pg_do(w.pg, "alter role postgres reset all");
	CU_ASSERT_EQUAL(pg_number(w.pg, "select count(*) from meta.seen where"
	    " what in ('statement_timeout|5000', 'lock_timeout|2000',"
	    " 'idle_in_transaction_session_timeout|10000', 'TimeZone|UTC',"
	    " 'search_path|pg_catalog', 'client_min_messages|warning',"
	    " 'jit|off', 'plan_cache_mode|auto', 'application_name|store',"
	    " 'client_encoding|UTF8', 'client_connection_check_interval|1000')"
	    ), 11);
	close_world(&w);
}

static void
all_gives_every_row_in_order_and_none_is_no_error(void)
{
	struct noted { int64_t number; const char *name, *checksum;
		int64_t at; } *rows = NULL;
	static const struct column items[] = {
		{ "number", COLUMN_I64, offsetof(struct noted, number) },
		{ "name", COLUMN_TEXT, offsetof(struct noted, name) },
		{ "checksum", COLUMN_TEXT, offsetof(struct noted, checksum) },
		{ "applied_at", COLUMN_INSTANT, offsetof(struct noted, at) } };
	const struct columns columns = { sizeof(struct noted), items, 4 };
	size_t count = 77;
	struct world w;

	open_world(&w);
	CU_ASSERT_EQUAL(db_all(w.db, &w.scope, STMT_MIGRATION_LIST, NULL,
	    &columns, &rows, &count), ERR_OK);
	CU_ASSERT_EQUAL(count, 0);
	CU_ASSERT_EQUAL(note(&w, 2, "second", "b"), ERR_OK);
	CU_ASSERT_EQUAL(note(&w, 1, "the first", "a"), ERR_OK);
	CU_ASSERT_EQUAL(db_all(w.db, &w.scope, STMT_MIGRATION_LIST, NULL,
	    &columns, &rows, &count), ERR_OK);
	CU_ASSERT_EQUAL_FATAL(count, 2);
	CU_ASSERT_STRING_EQUAL(rows[0].name, "the first");
	CU_ASSERT_STRING_EQUAL(rows[1].name, "second");
	CU_ASSERT_EQUAL(rows[1].number, 2);
	close_world(&w);
}

static void
a_drift_of_the_schema_stops_the_connection_with_one_sentence(void)
{
	const struct db_options options = { .url = NULL, .program = "store",
		.connect_timeout_s = 2, .statement_timeout_ms = 5000,
		.lock_timeout_ms = 2000, .prepare = true };
	struct db_options o = options;
	struct world w;
	struct db *db;

	open_world(&w);
	o.url = w.url;
	db = db_new(&o);
	/* An empty database has none of the tables. */
	CU_ASSERT_EQUAL(db_connect(db, &w.scope), ERR_INTERNAL);
	CU_ASSERT_EQUAL(strncmp(w.scope.why, "statement ", 10), 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(w.scope.why, "does not exist"));
	CU_ASSERT_PTR_NULL(strchr(w.scope.why, '\n'));
	CU_ASSERT_FALSE(db_connected(db));
	db_free(db);
	close_world(&w);
}

/* Whichever allocation fails, the connection is as good as before and the
 * sanitizer finds nothing left behind. */
static void
a_request_that_runs_out_of_memory_leaves_the_connection_in_order(void)
{
	volatile size_t nth = 1;
	volatile bool failed = true;
	struct world w;
	jmp_buf out;

	open_world(&w);
	CU_ASSERT_EQUAL(note(&w, 1, "CB001", "a detail"), ERR_CAPACITY);
	for (; failed && nth < 100; nth++) {
		failed = setjmp(out) != 0;
		if (!failed) {
			arena_catch(w.arena, &out);
			arena_fail_after(w.arena, nth);
			CU_ASSERT_EQUAL(note(&w, 1, "CB001", "a detail"),
			    ERR_CAPACITY);
			CU_ASSERT_EQUAL(note(&w, (int64_t)nth, "written", "x"),
			    ERR_OK);
		}
		arena_fail_after(w.arena, 0);
		arena_catch(w.arena, NULL);
		arena_reset(w.arena);
		CU_ASSERT_TRUE(db_connected(w.db));
		CU_ASSERT_EQUAL(ping(&w), ERR_OK);
	}
	CU_ASSERT(nth > 4);
	CU_ASSERT_FALSE(failed);
	CU_ASSERT_EQUAL(noted(&w), 1);
	close_world(&w);
}

/* ---- refusals ---------------------------------------------------------- */

static void
each_refusal_has_its_meaning(void)
{
	static const struct {
		const char *sqlstate, *constraint;
		enum err err;
	} cases[] = {
		{ "CB001", "", ERR_CAPACITY },
		{ "CB002", "", ERR_KEY_BUSY },
		{ "CB003", "", ERR_STALE },
		{ "CB004", "1700000000", ERR_TOO_MANY_HOLDS },
		{ "CB005", "", ERR_NOT_FOUND },
		{ "CB006", "", ERR_STALE },
		{ "CB007", "", ERR_STATE },
		{ "CB008", "", ERR_STALE },
		{ "CB999", "", ERR_INTERNAL },
		{ "23P01", "booking_children_one_place", ERR_CHILD_BUSY },
		{ "23P01", "another", ERR_INTERNAL },
		{ "23514", "slot_ledger_not_oversold", ERR_CAPACITY },
		{ "23514", "another", ERR_INTERNAL },
		{ "23505", "bookings_pkey", ERR_STALE },
		{ "23505", "idx_bookings_reference", ERR_RETRY },
		{ "23505", "bookings_booking_code_key", ERR_RETRY },
		{ "23505", "another", ERR_INTERNAL },
		{ "57014", "", ERR_TIMEOUT },
		{ "55P03", "", ERR_TIMEOUT },
		{ "53300", "", ERR_UNAVAILABLE },
		{ "42P01", "", ERR_INTERNAL },
	};
	struct world w;

	open_world(&w);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		enum err e = note(&w, 1, cases[i].sqlstate,
		    cases[i].constraint);

		if (e != cases[i].err)
			fprintf(stderr, "%s %s gave %d\n", cases[i].sqlstate,
			    cases[i].constraint, e);
		CU_ASSERT_EQUAL(e, cases[i].err);
		CU_ASSERT_EQUAL(strncmp(w.scope.why,
		    "statement migration_note: ", 26), 0);
		CU_ASSERT_TRUE(db_connected(w.db));
	}
	CU_ASSERT_EQUAL(noted(&w), 0);
	close_world(&w);
}

static void
only_our_own_refusals_give_their_detail(void)
{
	struct world w;

	open_world(&w);
	CU_ASSERT_EQUAL(note(&w, 1, "CB004", "1700000000"),
	    ERR_TOO_MANY_HOLDS);
	CU_ASSERT_STRING_EQUAL(db_detail(w.db), "1700000000");
	CU_ASSERT_STRING_EQUAL(w.scope.why,
	    "statement migration_note: first line");
	CU_ASSERT_EQUAL(note(&w, 1, "23505", "a name"), ERR_INTERNAL);
	CU_ASSERT_STRING_EQUAL(db_detail(w.db), "");
	CU_ASSERT_EQUAL(note(&w, 1, "CB001", "1"), ERR_CAPACITY);
	CU_ASSERT_EQUAL(ping(&w), ERR_OK);
	CU_ASSERT_STRING_EQUAL(db_detail(w.db), "");
	close_world(&w);
}

static void
a_message_that_may_quote_a_value_is_not_repeated(void)
{
	struct world w;

	open_world(&w);
	CU_ASSERT_EQUAL(note(&w, INT64_C(1) << 40, "too large", "x"),
	    ERR_INTERNAL);
	CU_ASSERT_STRING_EQUAL(w.scope.why,
	    "statement migration_note: a value does not fit");
	close_world(&w);
}

static void
a_refusal_at_the_commit_is_not_taken_for_success(void)
{
	struct world w;

	open_world(&w);
	CU_ASSERT_EQUAL(note(&w, 1, "late", "x"), ERR_CAPACITY);
	CU_ASSERT_EQUAL(noted(&w), 0);
	CU_ASSERT_TRUE(db_connected(w.db));
	close_world(&w);
}

static void
a_serialisation_failure_is_run_again_and_done_once(void)
{
	struct world w;

	open_world(&w);
	CU_ASSERT_EQUAL(note(&w, 1, "again", "x"), ERR_OK);
	CU_ASSERT_EQUAL(noted(&w), 1);
	CU_ASSERT_EQUAL(pg_number(w.pg, "select last_value from meta.tries"),
	    3);
	close_world(&w);
}

static void
a_deadlock_is_run_again_three_times_and_then_given_up(void)
{
	int64_t start = clock_mono_us();
	struct world w;

	open_world(&w);
	CU_ASSERT_EQUAL(note(&w, 1, "worse", "x"), ERR_RETRY);
	CU_ASSERT_EQUAL(pg_number(w.pg, "select last_value from meta.tries"),
	    4);
	CU_ASSERT(clock_mono_us() - start >= 210000);
	CU_ASSERT_EQUAL(noted(&w), 0);
	close_world(&w);
}

/* ---- bad weather ------------------------------------------------------- */

static void
an_idle_connection_that_was_closed_costs_no_request(void)
{
	struct world w;

	open_world(&w);
	CU_ASSERT_EQUAL(ping(&w), ERR_OK);
	kill_backend(&w);
	CU_ASSERT_EQUAL(ping(&w), ERR_OK);
	kill_backend(&w);
	CU_ASSERT_EQUAL(note(&w, 1, "written", "x"), ERR_OK);
	CU_ASSERT_EQUAL(noted(&w), 1);
	close_world(&w);
}

/* The first try ends its own backend in the middle of the statement. */
static void
a_write_that_was_ended_before_it_answered_is_done_once(void)
{
	struct world w;

	open_world(&w);
	CU_ASSERT_EQUAL(ping(&w), ERR_OK);
	pg_do(w.pg, "create function meta.end_once() returns trigger"
	    " language plpgsql as $$ begin"
	    "  if nextval('meta.tries') = 1 then"
	    "    perform pg_terminate_backend(pg_backend_pid());"
	    "    perform pg_sleep(5); end if;"
	    "  return new; end $$;"
	    "create trigger end_once before insert on meta.migrations"
	    " for each row execute function meta.end_once()");
	CU_ASSERT_EQUAL(note(&w, 1, "written", "x"), ERR_OK);
	CU_ASSERT_EQUAL(pg_number(w.pg, "select last_value from meta.tries"),
	    2);
	CU_ASSERT_EQUAL(noted(&w), 1);
	close_world(&w);
}

/* They may be read together with the answer before, while libpq still takes
 * the connection for a good one. */
static void
parting_words_while_nothing_was_asked_are_heard(void)
{
	struct db_options options = { .program = "store",
		.statement_timeout_ms = 5000, .lock_timeout_ms = 2000 };
	bool farewell = true;
	PGconn *conn = NULL;
	struct world w;

	open_world(&w);
	options.url = w.url;
	CU_ASSERT_EQUAL_FATAL(link_open(&options, &w.scope,
	    w.scope.deadline_us, &farewell, &conn), ERR_OK);
	CU_ASSERT_FALSE(farewell);
	kill_backend(&w);
	CU_ASSERT_EQUAL(PQconsumeInput(conn), 1);
	CU_ASSERT_FALSE(PQisBusy(conn));
	CU_ASSERT_EQUAL(PQstatus(conn), CONNECTION_OK);
	CU_ASSERT_TRUE(farewell);
	PQfinish(conn);
	close_world(&w);
}

/* In a child: end our backend again and again. */
static pid_t
end_backends(const char *url)
{
	pid_t child = fork();
	PGconn *pg;

	if (child != 0)
		return child;
	pg = pg_open(url);
	for (int i = 0; i < ENDINGS; i++) {
		if (!pg_becomes(pg, 1, "select count(*) from " BACKEND
		    " p (pid)"))
			_exit(1);
		pg_do(pg, "select pg_terminate_backend(pid) from " BACKEND
		    " p (pid)");
	}
	_exit(0);
}

/* Only an end that falls between a statement and its commit leaves a doubt;
 * what the server said while nothing was asked leaves none. */
static void
backends_ended_at_any_moment_lose_and_double_nothing(void)
{
	int64_t done = 0, unsure = 0, i = 0;
	int status = -1;
	struct world w;
	pid_t child;

	open_world(&w);
	child = end_backends(w.url);
	while (waitpid(child, &status, WNOHANG) == 0) {
		enum err e;

		arena_reset(w.arena);
		scope_init(&w.scope, w.arena, 10000000);
		e = note(&w, ++i, "written", "x");
		/* the last: ended four times over, and nothing was done */
		CU_ASSERT(e == ERR_OK || e == ERR_UNCERTAIN ||
		    e == ERR_UNAVAILABLE);
		done += e == ERR_OK;
		unsure += e == ERR_UNCERTAIN;
	}
	CU_ASSERT_EQUAL(status, 0);
	CU_ASSERT(done > 0);
	CU_ASSERT(unsure < ENDINGS / 2);
	CU_ASSERT(noted(&w) >= done);
	CU_ASSERT(noted(&w) <= done + unsure);
	close_world(&w);
}

static void
a_statement_timeout_is_a_timeout_and_keeps_the_connection(void)
{
	struct world w;

	open_world(&w);
	db_free(w.db);
	w.db = new_db(w.url, 150, 2000);
	CU_ASSERT_EQUAL(note(&w, 1, "prepared", "x"), ERR_OK);
	pg_do(w.pg, "begin; lock table meta.migrations");
	CU_ASSERT_EQUAL(note(&w, 2, "written", "x"), ERR_TIMEOUT);
	CU_ASSERT_TRUE(db_connected(w.db));
	pg_do(w.pg, "commit");
	CU_ASSERT_EQUAL(noted(&w), 1);
	close_world(&w);
}

static void
a_lock_timeout_is_a_timeout_and_nothing_was_done(void)
{
	struct world w;

	open_world(&w);
	db_free(w.db);
	w.db = new_db(w.url, 5000, 100);
	pg_do(w.pg, "begin; lock table meta.migrations");
	/* once while it is prepared, once when it is run */
	CU_ASSERT_EQUAL(note(&w, 1, "written", "x"), ERR_TIMEOUT);
	pg_do(w.pg, "commit");
	CU_ASSERT_EQUAL(note(&w, 1, "written", "x"), ERR_OK);
	pg_do(w.pg, "begin; lock table meta.migrations");
	CU_ASSERT_EQUAL(note(&w, 2, "written", "x"), ERR_TIMEOUT);
	CU_ASSERT_STRING_EQUAL(w.scope.why,
	    "statement migration_note: a lock was not to be had");
	pg_do(w.pg, "commit");
	CU_ASSERT_EQUAL(noted(&w), 1);
	close_world(&w);
}

static void
the_deadline_ends_a_read_of_a_server_that_hangs(void)
{
	struct world w;
	int64_t start;
	pid_t pid;

	open_world(&w);
	CU_ASSERT_EQUAL(ping(&w), ERR_OK);
	pid = backend(&w);
	CU_ASSERT_EQUAL_FATAL(kill(pid, SIGSTOP), 0);
	scope_init(&w.scope, w.arena, 200000);
	start = clock_mono_us();
	CU_ASSERT_EQUAL(ping(&w), ERR_TIMEOUT);
	CU_ASSERT(clock_mono_us() - start >= 200000);
	CU_ASSERT(clock_mono_us() - start < QUICKLY_US);
	CU_ASSERT_FALSE(db_connected(w.db));
	CU_ASSERT_STRING_EQUAL(w.scope.why,
	    "statement health_ping: no answer in time");
	kill(pid, SIGCONT);

	scope_init(&w.scope, w.arena, 10000000);
	CU_ASSERT_EQUAL(ping(&w), ERR_OK);
	close_world(&w);
}

static void
the_deadline_leaves_a_write_uncertain_and_never_failed(void)
{
	struct world w;
	pid_t pid;

	open_world(&w);
	CU_ASSERT_EQUAL(note(&w, 1, "the first", "x"), ERR_OK);
	pid = backend(&w);
	CU_ASSERT_EQUAL_FATAL(kill(pid, SIGSTOP), 0);
	scope_init(&w.scope, w.arena, 200000);
	CU_ASSERT_EQUAL(note(&w, 2, "the second", "x"), ERR_UNCERTAIN);
	CU_ASSERT_FALSE(db_connected(w.db));
	kill(pid, SIGCONT);
	/* It was uncertain indeed: Postgres goes on and does it. */
	CU_ASSERT(pg_becomes(w.pg, 2,
	    "select count(*) from meta.migrations"));
	close_world(&w);
}

static void
nothing_is_sent_once_the_deadline_has_passed(void)
{
	struct world w;

	open_world(&w);
	CU_ASSERT_EQUAL(note(&w, 1, "the first", "x"), ERR_OK);
	scope_init(&w.scope, w.arena, 0);
	CU_ASSERT_EQUAL(note(&w, 2, "the second", "x"), ERR_TIMEOUT);
	CU_ASSERT_EQUAL(w.scope.pg_trips, 0);
	CU_ASSERT_TRUE(db_connected(w.db));
	CU_ASSERT_EQUAL(noted(&w), 1);
	close_world(&w);
}

static void
a_postgres_that_is_down_is_told_quickly_and_not_asked_each_time(void)
{
	struct world w;
	int64_t start;
	char first[SCOPE_WHY_MAX];

	open_world(&w);
	db_free(w.db);
	w.db = new_db("host=/nowhere dbname=x", 5000, 2000);
	CU_ASSERT_EQUAL(ping(&w), ERR_UNAVAILABLE);
	memcpy(first, w.scope.why, sizeof first);
	CU_ASSERT_EQUAL(strncmp(first, "Postgres: ", 10), 0);
	start = clock_mono_us();
	for (int i = 0; i < 100; i++)
		CU_ASSERT_EQUAL(ping(&w), ERR_UNAVAILABLE);
	CU_ASSERT(clock_mono_us() - start < QUICKLY_US);
	CU_ASSERT_STRING_EQUAL(w.scope.why, first);
	CU_ASSERT_EQUAL(w.scope.pg_trips, 0);
	close_world(&w);
}

static void
a_url_that_does_not_parse_is_not_quoted(void)
{
	struct world w;

	open_world(&w);
	db_free(w.db);
	w.db = new_db("postgres//user:geheim@host/x", 5000, 2000);
	CU_ASSERT_EQUAL(db_connect(w.db, &w.scope), ERR_INTERNAL);
	CU_ASSERT_PTR_NULL(strstr(w.scope.why, "geheim"));
	close_world(&w);
}

/* ---- transactions ------------------------------------------------------ */

static void
a_transaction_is_kept_or_undone_as_a_whole(void)
{
	struct world w;

	open_world(&w);
	CU_ASSERT_EQUAL(db_begin(w.db, &w.scope), ERR_OK);
	CU_ASSERT_EQUAL(note(&w, 1, "the first", "x"), ERR_OK);
	CU_ASSERT_EQUAL(note(&w, 2, "the second", "x"), ERR_OK);
	CU_ASSERT_EQUAL(noted(&w), 0);
	CU_ASSERT_EQUAL(db_end(w.db, &w.scope, ERR_OK), ERR_OK);
	CU_ASSERT_EQUAL(noted(&w), 2);

	CU_ASSERT_EQUAL(db_begin(w.db, &w.scope), ERR_OK);
	CU_ASSERT_EQUAL(note(&w, 3, "the third", "x"), ERR_OK);
	CU_ASSERT_EQUAL(db_end(w.db, &w.scope, scope_fail(&w.scope,
	    ERR_CONFLICT, "the reason")), ERR_CONFLICT);
	CU_ASSERT_STRING_EQUAL(w.scope.why, "the reason");
	CU_ASSERT_EQUAL(noted(&w), 2);
	close_world(&w);
}

static void
a_transaction_with_a_failed_statement_cannot_be_committed(void)
{
	struct world w;

	open_world(&w);
	CU_ASSERT_EQUAL(db_begin(w.db, &w.scope), ERR_OK);
	CU_ASSERT_EQUAL(note(&w, 1, "the first", "x"), ERR_OK);
	CU_ASSERT_EQUAL(note(&w, 1, "the first", "x"), ERR_STALE);
	CU_ASSERT_EQUAL(db_end(w.db, &w.scope, ERR_OK), ERR_INTERNAL);
	CU_ASSERT_EQUAL(noted(&w), 0);
	CU_ASSERT_EQUAL(note(&w, 1, "the first", "x"), ERR_OK);
	close_world(&w);
}

static void
a_transaction_that_lost_its_connection_goes_on_nowhere_else(void)
{
	struct world w;

	open_world(&w);
	CU_ASSERT_EQUAL(db_begin(w.db, &w.scope), ERR_OK);
	CU_ASSERT_EQUAL(note(&w, 1, "the first", "x"), ERR_OK);
	kill_backend(&w);
	CU_ASSERT_EQUAL(note(&w, 2, "the second", "x"), ERR_UNAVAILABLE);
	CU_ASSERT_EQUAL(note(&w, 3, "the third", "x"), ERR_UNAVAILABLE);
	CU_ASSERT_EQUAL(db_end(w.db, &w.scope, ERR_OK), ERR_UNAVAILABLE);
	CU_ASSERT_EQUAL(noted(&w), 0);
	CU_ASSERT_EQUAL(note(&w, 4, "the fourth", "x"), ERR_OK);
	close_world(&w);
}

static void
a_lost_commit_is_uncertain(void)
{
	struct world w;
	pid_t pid;

	open_world(&w);
	/* so that tx_commit is prepared */
	CU_ASSERT_EQUAL(db_begin(w.db, &w.scope), ERR_OK);
	CU_ASSERT_EQUAL(db_end(w.db, &w.scope, ERR_OK), ERR_OK);
	CU_ASSERT_EQUAL(db_begin(w.db, &w.scope), ERR_OK);
	CU_ASSERT_EQUAL(note(&w, 1, "the first", "x"), ERR_OK);
	pid = backend(&w);
	CU_ASSERT_EQUAL_FATAL(kill(pid, SIGSTOP), 0);
	w.scope.deadline_us = clock_mono_us() + 100000;
	CU_ASSERT_EQUAL(db_end(w.db, &w.scope, ERR_OK), ERR_UNCERTAIN);
	kill(pid, SIGCONT);
	close_world(&w);
}

/* ---- last: it takes every backend with it ------------------------------ */

/* In a child: when that backend sleeps in the trap, kill it. */
static void
kill_when_asleep(const char *url, pid_t pid)
{
	PGconn *pg;

	if (fork() != 0)
		return;
	pg = pg_open(url);
	if (pg_becomes(pg, 1, "select count(*) from pg_stat_activity"
	    " where pid = %d and wait_event = 'PgSleep'", (int)pid))
		kill(pid, SIGKILL);
	_exit(0);
}

static void
a_crash_of_the_server_leaves_a_write_uncertain(void)
{
	struct world w;

	open_world(&w);
	CU_ASSERT_EQUAL(ping(&w), ERR_OK);
	pg_do(w.pg, "create function meta.crash() returns trigger"
	    " language plpgsql as $$ begin"
	    "  perform pg_sleep(20); return new; end $$;"
	    "create trigger crash before insert on meta.migrations"
	    " for each row execute function meta.crash()");
	kill_when_asleep(w.url, backend(&w));
	CU_ASSERT_EQUAL(note(&w, 1, "written", "x"), ERR_UNCERTAIN);
	CU_ASSERT_STRING_EQUAL(w.scope.why,
	    "statement migration_note: the connection was lost");
	wait(NULL);

	w.pg = pg_reopen(w.pg, w.url);
	scope_init(&w.scope, w.arena, 10000000);
	CU_ASSERT_EQUAL(ping(&w), ERR_OK);
	CU_ASSERT_EQUAL(noted(&w), 0);
	close_world(&w);
}

UNIT_SUITE(store,
    UNIT_TEST(a_statement_takes_one_round_trip_once_it_is_prepared),
    UNIT_TEST(the_session_has_its_limits_and_ignores_the_roles_settings),
    UNIT_TEST(all_gives_every_row_in_order_and_none_is_no_error),
    UNIT_TEST(a_drift_of_the_schema_stops_the_connection_with_one_sentence),
    UNIT_TEST(a_request_that_runs_out_of_memory_leaves_the_connection_in_order),
    UNIT_TEST(each_refusal_has_its_meaning),
    UNIT_TEST(only_our_own_refusals_give_their_detail),
    UNIT_TEST(a_message_that_may_quote_a_value_is_not_repeated),
    UNIT_TEST(a_refusal_at_the_commit_is_not_taken_for_success),
    UNIT_TEST(a_serialisation_failure_is_run_again_and_done_once),
    UNIT_TEST(a_deadlock_is_run_again_three_times_and_then_given_up),
    UNIT_TEST(an_idle_connection_that_was_closed_costs_no_request),
    UNIT_TEST(a_write_that_was_ended_before_it_answered_is_done_once),
    UNIT_TEST(parting_words_while_nothing_was_asked_are_heard),
    UNIT_TEST(backends_ended_at_any_moment_lose_and_double_nothing),
    UNIT_TEST(a_statement_timeout_is_a_timeout_and_keeps_the_connection),
    UNIT_TEST(a_lock_timeout_is_a_timeout_and_nothing_was_done),
    UNIT_TEST(the_deadline_ends_a_read_of_a_server_that_hangs),
    UNIT_TEST(the_deadline_leaves_a_write_uncertain_and_never_failed),
    UNIT_TEST(nothing_is_sent_once_the_deadline_has_passed),
    UNIT_TEST(a_postgres_that_is_down_is_told_quickly_and_not_asked_each_time),
    UNIT_TEST(a_url_that_does_not_parse_is_not_quoted),
    UNIT_TEST(a_transaction_is_kept_or_undone_as_a_whole),
    UNIT_TEST(a_transaction_with_a_failed_statement_cannot_be_committed),
    UNIT_TEST(a_transaction_that_lost_its_connection_goes_on_nowhere_else),
    UNIT_TEST(a_lost_commit_is_uncertain),
    UNIT_TEST(a_crash_of_the_server_leaves_a_write_uncertain))
