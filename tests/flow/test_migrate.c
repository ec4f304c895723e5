/* test_migrate.c: the runner of sql/migrations, on folders of its own. */
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <CUnit/CUnit.h>

#include "base/arena.h"
#include "base/instant.h"
#include "base/scope.h"
#include "store/db.h"
#include "store/migrate.h"
#include "support/pg.h"
#include "unit/unit.h"

#define RUNNERS 4

struct world {
	struct arena *arena;
	struct scope scope;
	char folder[64];
	const char *url;
	PGconn *pg;
};

static void
put_file(const struct world *w, const char *name, const char *text)
{
	char path[256];
	FILE *out;

	snprintf(path, sizeof path, "%s/%s", w->folder, name);
	out = fopen(path, "w");
	CU_ASSERT_PTR_NOT_NULL_FATAL(out);
	fputs(text, out);
	fclose(out);
}

static void
remove_file(const struct world *w, const char *name)
{
	char path[256];

	snprintf(path, sizeof path, "%s/%s", w->folder, name);
	unlink(path);
}

static void
open_world(struct world *w)
{
	char path[256];

	w->arena = arena_open(16 << 20);
	scope_init(&w->scope, w->arena, 30000000);
	snprintf(w->folder, sizeof w->folder, "/tmp/migrate.XXXXXX");
	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(w->folder));
	snprintf(path, sizeof path, "%s/migrations", w->folder);
	CU_ASSERT_EQUAL_FATAL(mkdir(path, 0700), 0);
	w->url = pg_database("flow_migrate");
	w->pg = pg_open(w->url);

	put_file(w, "migrations/0001_one.sql",
	    "create table one (n integer); insert into one values (1);\n");
	put_file(w, "migrations/0002_two.sql",
	    "create schema two; create table two.t (n integer);\n");
	put_file(w, "roles.sql", "create table if not exists graced (n int);"
	    " insert into graced values (1);");
}

static void
close_world(struct world *w)
{
	arena_close(w->arena);
	pg_close(w->pg);
	remove_file(w, "migrations/0001_one.sql");
	remove_file(w, "migrations/0002_two.sql");
	remove_file(w, "migrations/0003_three.sql");
	remove_file(w, "migrations/3_three.sql");
	remove_file(w, "roles.sql");
	{
		char path[256];

		snprintf(path, sizeof path, "%s/migrations", w->folder);
		rmdir(path);
	}
	CU_ASSERT_EQUAL(rmdir(w->folder), 0);
}

/* How many were applied, or minus the error. */
static long
apply(struct world *w)
{
	size_t applied = 777;
	enum err e = migrate_apply(&w->scope, w->url, w->folder, NULL,
	    &applied);

	CU_ASSERT(!e || applied == 777);
	return e ? -(long)e : (long)applied;
}

static void
applying_twice_changes_nothing_the_second_time(void)
{
	struct world w;

	open_world(&w);
	CU_ASSERT_EQUAL(apply(&w), 2);
	CU_ASSERT_STRING_EQUAL(w.scope.why, "");
	CU_ASSERT_EQUAL(pg_number(w.pg, "select count(*) from one"), 1);
	CU_ASSERT_EQUAL(apply(&w), 0);
	CU_ASSERT_EQUAL(pg_number(w.pg, "select count(*) from one"), 1);
	CU_ASSERT_EQUAL(pg_number(w.pg,
	    "select count(*) from meta.migrations where length(checksum) = 64"
	    " and name in ('0001_one', '0002_two')"), 2);
	/* the grants are run each time */
	CU_ASSERT_EQUAL(pg_number(w.pg, "select count(*) from graced"), 2);
	close_world(&w);
}

static void
a_report_has_one_line_for_each_file_applied(void)
{
	char *text = NULL;
	size_t len = 0;
	FILE *report = open_memstream(&text, &len);
	size_t applied;
	struct world w;

	open_world(&w);
	CU_ASSERT_EQUAL(migrate_apply(&w.scope, w.url, w.folder, report,
	    &applied), ERR_OK);
	fclose(report);
	CU_ASSERT_EQUAL(strncmp(text, "applied 0001_one (", 18), 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "\napplied 0002_two ("));
	free(text);
	close_world(&w);
}

static void
a_changed_file_is_refused_and_nothing_after_it_applied(void)
{
	struct world w;

	open_world(&w);
	CU_ASSERT_EQUAL(apply(&w), 2);
	put_file(&w, "migrations/0001_one.sql", "create table one (n int);\n");
	put_file(&w, "migrations/0003_three.sql", "create table three ();\n");
	CU_ASSERT_EQUAL(apply(&w), -ERR_CONFLICT);
	CU_ASSERT_STRING_EQUAL(w.scope.why,
	    "0001_one was changed after it had been applied");
	CU_ASSERT_EQUAL(pg_number(w.pg,
	    "select count(*) from pg_class where relname = 'three'"), 0);
	CU_ASSERT_EQUAL(pg_number(w.pg, "select count(*) from graced"), 1);
	close_world(&w);
}

static void
a_file_that_is_gone_is_refused(void)
{
	struct world w;

	open_world(&w);
	CU_ASSERT_EQUAL(apply(&w), 2);
	remove_file(&w, "migrations/0001_one.sql");
	CU_ASSERT_EQUAL(apply(&w), -ERR_CONFLICT);
	CU_ASSERT_STRING_EQUAL(w.scope.why,
	    "0001_one was applied, but the folder does not have it");
	close_world(&w);
}

static void
a_new_file_before_an_applied_one_is_refused(void)
{
	struct world w;

	open_world(&w);
	remove_file(&w, "migrations/0001_one.sql");
	CU_ASSERT_EQUAL(apply(&w), 1);
	put_file(&w, "migrations/0001_one.sql", "create table one ();\n");
	CU_ASSERT_EQUAL(apply(&w), -ERR_CONFLICT);
	CU_ASSERT_STRING_EQUAL(w.scope.why,
	    "0001_one is new, but 0002 has been applied already");
	CU_ASSERT_EQUAL(pg_number(w.pg,
	    "select count(*) from pg_class where relname = 'one'"), 0);
	close_world(&w);
}

static void
a_file_that_fails_leaves_nothing_of_itself_and_names_its_line(void)
{
	struct world w;

	open_world(&w);
	put_file(&w, "migrations/0003_three.sql",
	    "-- \xe2\x82\xac\ncreate table three (n integer);\n\n"
	    "insert into three select m from one;\n");
	CU_ASSERT_EQUAL(apply(&w), -ERR_INTERNAL);
	CU_ASSERT_STRING_EQUAL(w.scope.why,
	    "0003_three: line 4: column \"m\" does not exist");
	CU_ASSERT_EQUAL(pg_number(w.pg,
	    "select count(*) from pg_class where relname = 'three'"), 0);
	CU_ASSERT_EQUAL(pg_number(w.pg,
	    "select count(*) from meta.migrations"), 2);

	/* mended, it goes on from there */
	put_file(&w, "migrations/0003_three.sql", "create table three ();\n");
	CU_ASSERT_EQUAL(apply(&w), 1);
	close_world(&w);
}

static void
a_file_that_ends_its_transaction_is_refused(void)
{
	struct world w;

	open_world(&w);
	put_file(&w, "migrations/0003_three.sql", "commit;\n");
	CU_ASSERT_EQUAL(apply(&w), -ERR_INTERNAL);
	CU_ASSERT_STRING_EQUAL(w.scope.why,
	    "0003_three: it ends the transaction it is run in");
	CU_ASSERT_EQUAL(pg_number(w.pg,
	    "select count(*) from meta.migrations"), 2);
	close_world(&w);
}

static void
a_file_that_copies_from_the_client_does_not_hang_the_runner(void)
{
	struct world w;

	open_world(&w);
	put_file(&w, "migrations/0003_three.sql", "copy one from stdin;\n");
	CU_ASSERT(apply(&w) < 0);
	CU_ASSERT_EQUAL(pg_number(w.pg,
	    "select count(*) from meta.migrations"), 2);
	close_world(&w);
}

static void
a_name_that_is_not_of_the_form_is_refused_before_anything_is_done(void)
{
	struct world w;

	open_world(&w);
	put_file(&w, "migrations/3_three.sql", "create table three ();\n");
	CU_ASSERT_EQUAL(apply(&w), -ERR_INTERNAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(w.scope.why,
	    "3_three.sql: its name is not NNNN_name.sql"));
	CU_ASSERT_EQUAL(pg_number(w.pg, "select count(*) from pg_namespace"
	    " where nspname = 'meta'"), 0);
	close_world(&w);
}

static void
runners_at_once_apply_each_file_once(void)
{
	pid_t pids[RUNNERS];
	struct world w;
	int total = 0;

	open_world(&w);
	put_file(&w, "migrations/0003_three.sql",
	    "select pg_sleep(0.05); create table three ();\n");
	for (int i = 0; i < RUNNERS; i++) {
		pids[i] = fork();
		if (pids[i] == 0) {
			size_t applied;
			enum err e = migrate_apply(&w.scope, w.url, w.folder,
			    NULL, &applied);

			if (e)
				fprintf(stderr, "%s\n", w.scope.why);
			_exit(e ? 99 : (int)applied);
		}
	}
	for (int i = 0; i < RUNNERS; i++) {
		int status = -1;

		CU_ASSERT_EQUAL(waitpid(pids[i], &status, 0), pids[i]);
		CU_ASSERT_TRUE_FATAL(WIFEXITED(status));
		CU_ASSERT_NOT_EQUAL(WEXITSTATUS(status), 99);
		total += WEXITSTATUS(status);
	}
	CU_ASSERT_EQUAL(total, 3);
	CU_ASSERT_EQUAL(pg_number(w.pg, "select count(*) from one"), 1);
	CU_ASSERT_EQUAL(pg_number(w.pg, "select count(*) from graced"),
	    RUNNERS);
	close_world(&w);
}

/* Longer than the lock of a table is waited for, which holds for files still. */
static void
a_runner_waits_for_one_that_takes_its_time(void)
{
	const struct timespec more = { 10, 500000000 };
	struct world w;
	int status = -1;
	pid_t pid;

	open_world(&w);
	put_file(&w, "migrations/0003_three.sql", "create table patience as "
	    "select current_setting('lock_timeout') as of_locks;\n");
	pg_do(w.pg, "select pg_advisory_lock(4841369599423283200)");
	pid = fork();
	if (pid == 0) {
		size_t applied;

		alarm(60);
		_exit(migrate_apply(&w.scope, w.url, w.folder, NULL,
		    &applied) ? 99 : (int)applied);
	}
	while (pg_number(w.pg, "select count(*) from pg_locks where locktype "
	    "= 'advisory' and not granted") == 0)
		sched_yield();
	nanosleep(&more, NULL);
	pg_do(w.pg, "select pg_advisory_unlock(4841369599423283200)");
	CU_ASSERT_EQUAL(waitpid(pid, &status, 0), pid);
	CU_ASSERT(WIFEXITED(status) && WEXITSTATUS(status) == 3);
	CU_ASSERT_EQUAL(pg_number(w.pg, "select count(*) from patience where "
	    "of_locks = '1s'"), 1);
	close_world(&w);
}

static void
status_tells_applied_from_pending_gone_and_changed(void)
{
	struct migration *list;
	size_t count;
	struct world w;

	open_world(&w);
	CU_ASSERT_EQUAL_FATAL(migrate_status(&w.scope, w.url, w.folder, &list,
	    &count), ERR_OK);
	CU_ASSERT_EQUAL_FATAL(count, 2);
	CU_ASSERT_EQUAL(list[0].applied_us, NONE);
	CU_ASSERT_EQUAL(pg_number(w.pg, "select count(*) from pg_namespace"
	    " where nspname = 'meta'"), 0);

	CU_ASSERT_EQUAL(apply(&w), 2);
	remove_file(&w, "migrations/0001_one.sql");
	put_file(&w, "migrations/0002_two.sql", "select 1;\n");
	put_file(&w, "migrations/0003_three.sql", "create table three ();\n");
	CU_ASSERT_EQUAL_FATAL(migrate_status(&w.scope, w.url, w.folder, &list,
	    &count), ERR_OK);
	CU_ASSERT_EQUAL_FATAL(count, 3);
	CU_ASSERT_STRING_EQUAL(list[0].name, "0001_one");
	CU_ASSERT_TRUE(list[0].gone);
	CU_ASSERT_NOT_EQUAL(list[0].applied_us, NONE);
	CU_ASSERT_EQUAL(list[1].number, 2);
	CU_ASSERT_TRUE(list[1].changed);
	CU_ASSERT_FALSE(list[1].gone);
	CU_ASSERT_EQUAL(list[2].applied_us, NONE);
	CU_ASSERT_FALSE(list[2].changed);
	close_world(&w);
}

/* What the API finds when it starts on a database made by the runner. */
static void
the_products_own_files_apply_and_every_statement_prepares(void)
{
	const char *top = getenv("TOP_SRCDIR");
	struct db_options options = { .program = "flow",
		.connect_timeout_s = 2, .statement_timeout_ms = 5000,
		.lock_timeout_ms = 2000, .prepare = true };
	size_t applied = 0;
	struct db *db;
	struct world w;
	enum err e;

	open_world(&w);
	e = migrate_apply(&w.scope, w.url,
	    arena_printf(w.arena, "%s/sql", top ? top : "."), NULL, &applied);
	if (e)
		fprintf(stderr, "%s\n", w.scope.why);
	CU_ASSERT_EQUAL(e, ERR_OK);
	CU_ASSERT(applied >= 2);

	options.url = w.url;
	db = db_new(&options);
	e = db_connect(db, &w.scope);
	if (e)
		fprintf(stderr, "%s\n", w.scope.why);
	CU_ASSERT_EQUAL(e, ERR_OK);
	db_free(db);

	pg_do(w.pg, "set search_path to pg_catalog");
	for (int i = 0; i < STMT__MAX; i++) {
		PGresult *result = PQprepare(w.pg, stmt_table[i].name,
		    stmt_table[i].text, 0, NULL);

		if (PQresultStatus(result) != PGRES_COMMAND_OK)
			fprintf(stderr, "%s: %s", stmt_table[i].name,
			    PQresultErrorMessage(result));
		CU_ASSERT_EQUAL(PQresultStatus(result), PGRES_COMMAND_OK);
		PQclear(result);
	}
	close_world(&w);
}

UNIT_SUITE(migrate,
    UNIT_TEST(applying_twice_changes_nothing_the_second_time),
    UNIT_TEST(a_report_has_one_line_for_each_file_applied),
    UNIT_TEST(a_changed_file_is_refused_and_nothing_after_it_applied),
    UNIT_TEST(a_file_that_is_gone_is_refused),
    UNIT_TEST(a_new_file_before_an_applied_one_is_refused),
    UNIT_TEST(a_file_that_fails_leaves_nothing_of_itself_and_names_its_line),
    UNIT_TEST(a_file_that_ends_its_transaction_is_refused),
    UNIT_TEST(a_file_that_copies_from_the_client_does_not_hang_the_runner),
    UNIT_TEST(a_name_that_is_not_of_the_form_is_refused_before_anything_is_done),
    UNIT_TEST(runners_at_once_apply_each_file_once),
    UNIT_TEST(a_runner_waits_for_one_that_takes_its_time),
    UNIT_TEST(status_tells_applied_from_pending_gone_and_changed),
    UNIT_TEST(the_products_own_files_apply_and_every_statement_prepares))
