/* test_folder.c: whole files in a folder. */
#include "remote/folder.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/scope.h"
#include "unit/unit.h"

struct stage {
	struct arena *arena;
	struct scope sc;
	char dir[64];
};

static void
stage_open(struct stage *s)
{
	s->arena = arena_open(1 << 20);
	CU_ASSERT_PTR_NOT_NULL_FATAL(s->arena);
	scope_init(&s->sc, s->arena, USEC_PER_SEC);
	snprintf(s->dir, sizeof s->dir, "/tmp/folder.XXXXXX");
	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(s->dir));
}

static const char *
at(const struct stage *s, const char *name)
{
	static char path[256];

	snprintf(path, sizeof path, "%s/%s", s->dir, name);
	return path;
}

static void
stage_close(struct stage *s)
{
	(void)unlink(at(s, "qr/a.png"));
	(void)rmdir(at(s, "qr"));
	(void)unlink(at(s, "a.png"));
	(void)rmdir(at(s, ".new"));
	CU_ASSERT_EQUAL(rmdir(s->dir), 0); /* nothing else was left there */
	arena_close(s->arena);
}

static void
hold(const struct stage *s, const char *name, const char *want)
{
	char *text = unit_slurp(at(s, name), NULL);

	CU_ASSERT_PTR_NOT_NULL_FATAL(text);
	CU_ASSERT_STRING_EQUAL(text, want);
	free(text);
}

static mode_t
mode_of(const struct stage *s, const char *name)
{
	struct stat st;

	return stat(at(s, name), &st) == 0 ? st.st_mode & 07777 : 0;
}

static void
test_a_file_is_replaced_as_a_whole_and_taken_away(void)
{
	struct stage s;

	stage_open(&s);
	CU_ASSERT_EQUAL(folder_check(&s.sc, s.dir), ERR_OK);
	CU_ASSERT_EQUAL(folder_put(&s.sc, s.dir, "a.png", "one", 3), ERR_OK);
	hold(&s, "a.png", "one");
	CU_ASSERT_EQUAL(folder_put(&s.sc, s.dir, "a.png", "two", 3), ERR_OK);
	hold(&s, "a.png", "two");
	CU_ASSERT_EQUAL(folder_put(&s.sc, s.dir, "qr/a.png", "", 0), ERR_OK);
	hold(&s, "qr/a.png", "");
	CU_ASSERT_EQUAL(folder_delete(&s.sc, s.dir, "qr/a.png"), ERR_OK);
	CU_ASSERT_NOT_EQUAL(access(at(&s, "qr/a.png"), F_OK), 0);
	hold(&s, "a.png", "two");
	stage_close(&s);
}

static void
test_taking_away_what_is_not_there_is_no_fault(void)
{
	struct stage s;

	stage_open(&s);
	CU_ASSERT_EQUAL(folder_delete(&s.sc, s.dir, "a.png"), ERR_OK);
	CU_ASSERT_EQUAL(folder_delete(&s.sc, s.dir, "qr/a.png"), ERR_OK);
	CU_ASSERT_EQUAL(folder_delete(&s.sc, "/nowhere", "a.png"),
	    ERR_UNAVAILABLE);
	stage_close(&s);
}

static void
test_who_knows_a_name_may_read_it_and_nobody_else_may_list_them(void)
{
	mode_t before = umask(0077);
	struct stage s;

	stage_open(&s);
	CU_ASSERT_EQUAL(folder_put(&s.sc, s.dir, "qr/a.png", "x", 1), ERR_OK);
	CU_ASSERT_EQUAL(mode_of(&s, "qr/a.png"), 0644);
	CU_ASSERT_EQUAL(mode_of(&s, "qr"), 0711);
	stage_close(&s);
	umask(before);
}

static void
test_a_folder_that_cannot_be_written_to_is_told(void)
{
	struct stage s;
	char path[256];

	stage_open(&s);
	CU_ASSERT_EQUAL(folder_put(&s.sc, "/nowhere", "a.png", "x", 1),
	    ERR_UNAVAILABLE);
	CU_ASSERT_PTR_NOT_NULL(strstr(s.sc.why, "No such file"));
	CU_ASSERT_EQUAL(folder_check(&s.sc, "/nowhere"), ERR_UNAVAILABLE);
	/* A link below is not followed out of the folder. */
	snprintf(path, sizeof path, "%s", at(&s, "qr"));
	CU_ASSERT_EQUAL(symlink("/tmp", path), 0);
	CU_ASSERT_EQUAL(folder_put(&s.sc, s.dir, "qr/a.png", "x", 1),
	    ERR_UNAVAILABLE);
	CU_ASSERT_NOT_EQUAL(access("/tmp/a.png", F_OK), 0);
	CU_ASSERT_EQUAL(unlink(path), 0);
	stage_close(&s);
}

#define WRITERS 4
#define PUTS 60

static void *
put_much(void *arg)
{
	const struct stage *s = arg;
	struct arena *arena = arena_open(1 << 20);
	static atomic_int numbers;
	int me = atomic_fetch_add(&numbers, 1);
	char name[32];
	char text[32];
	struct scope sc;
	size_t faults = 0;

	scope_init(&sc, arena, 20 * USEC_PER_SEC);
	for (int i = 0; i < PUTS; i++) {
		snprintf(name, sizeof name, "qr/%d-%d", me, i);
		snprintf(text, sizeof text, "of %d, the %d", me, i);
		if (folder_put(&sc, s->dir, name, text, strlen(text)))
			faults++;
	}
	arena_close(arena);
	return (void *)(uintptr_t)faults;
}

/* As on two hosts that share the folder, or in two containers: one's pid may be
 * the other's. */
static void
test_writers_of_one_pid_do_not_write_over_each_other(void)
{
	pthread_t threads[WRITERS];
	struct stage s;
	char name[32];
	char want[32];
	void *faults;

	stage_open(&s);
	for (int i = 0; i < WRITERS; i++)
		CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[i], NULL,
		    put_much, &s), 0);
	for (int i = 0; i < WRITERS; i++) {
		CU_ASSERT_EQUAL(pthread_join(threads[i], &faults), 0);
		CU_ASSERT_PTR_NULL(faults);
	}
	for (int w = 0; w < WRITERS; w++) {
		for (int i = 0; i < PUTS; i++) {
			snprintf(name, sizeof name, "qr/%d-%d", w, i);
			snprintf(want, sizeof want, "of %d, the %d", w, i);
			hold(&s, name, want);
			CU_ASSERT_EQUAL(unlink(at(&s, name)), 0);
		}
	}
	stage_close(&s);
}

static void
leave_half(const struct stage *s, const char *name, time_t age_s)
{
	FILE *f = fopen(at(s, name), "w");
	struct timespec times[2] = { { time(NULL) - age_s, 0 },
		{ time(NULL) - age_s, 0 } };

	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	CU_ASSERT_EQUAL(fclose(f), 0);
	CU_ASSERT_EQUAL(utimensat(AT_FDCWD, at(s, name), times, 0), 0);
}

static void
test_what_a_killed_writer_left_is_cleared_away_in_time(void)
{
	struct stage s;

	stage_open(&s);
	CU_ASSERT_EQUAL(folder_put(&s.sc, s.dir, "a.png", "x", 1), ERR_OK);
	CU_ASSERT_EQUAL(mode_of(&s, ".new"), 0700);
	leave_half(&s, ".new/old", 2 * 3600);
	leave_half(&s, ".new/young", 60); /* it may be under way */
	CU_ASSERT_EQUAL(folder_put(&s.sc, s.dir, "a.png", "y", 1), ERR_OK);
	CU_ASSERT_NOT_EQUAL(access(at(&s, ".new/old"), F_OK), 0);
	CU_ASSERT_EQUAL(unlink(at(&s, ".new/young")), 0);
	hold(&s, "a.png", "y");
	stage_close(&s);
}

UNIT_SUITE(folder,
    UNIT_TEST(test_writers_of_one_pid_do_not_write_over_each_other),
    UNIT_TEST(test_what_a_killed_writer_left_is_cleared_away_in_time),
    UNIT_TEST(test_a_file_is_replaced_as_a_whole_and_taken_away),
    UNIT_TEST(test_taking_away_what_is_not_there_is_no_fault),
    UNIT_TEST(test_who_knows_a_name_may_read_it_and_nobody_else_may_list_them),
    UNIT_TEST(test_a_folder_that_cannot_be_written_to_is_told))
