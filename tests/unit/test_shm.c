/* test_shm.c: shared memory among processes that come, go and die. */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/instant.h"
#include "base/shm.h"
#include "unit/unit.h"

#define OLD (INT64_C(3600) * USEC_PER_SEC) /* older than any test */
#define CHILD_S 20 /* a child that hangs kills itself, and the test fails */

static const struct uuid one = { { 1 } };
static const struct uuid two = { { 2 } };

struct place {
	char dir[64];
	char path[96];
};

static struct place
place_open(void)
{
	struct place p = { .dir = "/tmp/booking-shm-XXXXXX" };

	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(p.dir));
	snprintf(p.path, sizeof p.path, "%s/state", p.dir);
	return p;
}

static void
place_close(const struct place *p)
{
	unlink(p->path);
	/* Fails when anything else was left behind. */
	CU_ASSERT_EQUAL(rmdir(p->dir), 0);
}

static struct shm *
open_at(const char *path)
{
	char why[256] = "";
	struct shm *shm = shm_open_file(path, why, sizeof why);

	CU_ASSERT_STRING_EQUAL(why, "");
	CU_ASSERT_PTR_NOT_NULL_FATAL(shm);
	return shm;
}

/* Run fn(shm) in a child and return its status, reaped: its pid is free. */
static int
in_child(int (*fn)(struct shm *shm), struct shm *shm)
{
	pid_t pid = fork();
	int status = -1;

	CU_ASSERT_FATAL(pid >= 0);
	if (pid == 0) {
		alarm(CHILD_S);
		_exit(fn(shm));
	}
	CU_ASSERT_EQUAL(waitpid(pid, &status, 0), pid);
	CU_ASSERT(WIFEXITED(status));
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void
test_two_that_open_one_path_see_one_memory(void)
{
	struct place p = place_open();
	struct shm *a = open_at(p.path);
	struct shm *b = open_at(p.path);

	CU_ASSERT_PTR_NOT_EQUAL(a, b);
	shm_worker(a, SHM_WORKERS_MAX - 1)->beat_us = 77;
	CU_ASSERT_EQUAL(shm_worker(b, SHM_WORKERS_MAX - 1)->beat_us, 77);
	shm_mark(a, &one, 5);
	CU_ASSERT(shm_mark_find(b, &one, 5));
	shm_unmark(b, &one, 5);
	CU_ASSERT_FALSE(shm_mark_find(a, &one, 5));
	shm_close(a);
	shm_close(b);
	shm_close(NULL);
	place_close(&p);
}

static void
test_the_file_is_for_owner_and_group_whatever_the_umask(void)
{
	struct place p = place_open();
	mode_t mask = umask(0077);
	struct shm *shm = open_at(p.path);
	struct stat st;

	umask(mask);
	CU_ASSERT_EQUAL_FATAL(stat(p.path, &st), 0);
	CU_ASSERT_EQUAL(st.st_mode & 07777, 0660);
	shm_close(shm);
	place_close(&p);
}

static void
test_a_path_that_cannot_be_is_refused_with_a_sentence(void)
{
	char why[256] = "";

	CU_ASSERT_PTR_NULL(shm_open_file("/nonexistent/dir/state", why,
	    sizeof why));
	CU_ASSERT_PTR_NOT_NULL(strstr(why, "/nonexistent/dir/state"));
}

static void
test_a_link_is_not_followed(void)
{
	struct place p = place_open();
	char target[128], why[256] = "";

	snprintf(target, sizeof target, "%s/elsewhere", p.dir);
	CU_ASSERT_EQUAL_FATAL(symlink(target, p.path), 0);
	CU_ASSERT_PTR_NULL(shm_open_file(p.path, why, sizeof why));
	CU_ASSERT(why[0] != '\0');
	CU_ASSERT_EQUAL(access(target, F_OK), -1);
	place_close(&p);
}

/* Turn over one byte of the file. */
static void
spoil(const char *path, long at)
{
	FILE *file = fopen(path, "r+b");
	int c;

	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	CU_ASSERT_EQUAL(fseek(file, at, SEEK_SET), 0);
	c = fgetc(file);
	CU_ASSERT_EQUAL(fseek(file, at, SEEK_SET), 0);
	fputc(c ^ 1, file);
	CU_ASSERT_EQUAL(fclose(file), 0);
}

static void
test_a_file_of_another_version_or_boot_is_replaced_not_reused(void)
{
	/* magic, version, size, boot id */
	static const long heads[] = { 0, 8, 12, 16, 51 };

	for (size_t i = 0; i < ARRAY_LEN(heads); i++) {
		struct place p = place_open();
		struct shm *old = open_at(p.path);
		struct shm *new;

		shm_worker(old, 0)->pid = 4711;
		spoil(p.path, heads[i]);
		new = open_at(p.path);
		CU_ASSERT_EQUAL(shm_worker(new, 0)->pid, 0);
		/* Who has the old one mapped keeps it, whole. */
		CU_ASSERT_EQUAL(shm_worker(old, 0)->pid, 4711);
		shm_close(old);
		shm_close(new);
		place_close(&p);
	}
}

static void
test_a_file_of_another_size_is_replaced(void)
{
	struct place p = place_open();
	struct shm *shm = open_at(p.path);

	shm_close(shm);
	CU_ASSERT_EQUAL_FATAL(truncate(p.path, 100), 0);
	shm = open_at(p.path);
	shm_worker(shm, SHM_WORKERS_MAX - 1)->pid = 1;
	shm_close(shm);

	CU_ASSERT_EQUAL_FATAL(truncate(p.path, 0), 0);
	shm = open_at(p.path);
	CU_ASSERT_EQUAL(shm_worker(shm, SHM_WORKERS_MAX - 1)->pid, 0);
	shm_close(shm);
	place_close(&p);
}

static void
test_many_that_start_at_once_share_one_file(void)
{
	enum { STARTERS = 16 };
	struct place p = place_open();
	struct shm *shm;
	pid_t pids[STARTERS];
	int go[2], status;
	int64_t total;

	CU_ASSERT_EQUAL_FATAL(pipe(go), 0);
	for (int i = 0; i < STARTERS; i++) {
		pids[i] = fork();
		CU_ASSERT_FATAL(pids[i] >= 0);
		if (pids[i] == 0) {
			char c, why[256];

			alarm(CHILD_S);
			close(go[1]);
			if (read(go[0], &c, 1) != 0) /* until it is closed */
				_exit(2);
			shm = shm_open_file(p.path, why, sizeof why);
			if (!shm)
				_exit(3);
			shm_worker(shm, 0)->requests++;
			_exit(0);
		}
	}
	close(go[0]);
	close(go[1]);
	for (int i = 0; i < STARTERS; i++) {
		CU_ASSERT_EQUAL(waitpid(pids[i], &status, 0), pids[i]);
		CU_ASSERT(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	}

	/* One that had made its own file would be missing here. */
	shm = open_at(p.path);
	total = shm_worker(shm, 0)->requests;
	CU_ASSERT_EQUAL(total, STARTERS);
	shm_close(shm);
	place_close(&p);
}

static void
test_a_mark_is_found_for_its_own_day_only(void)
{
	struct shm *shm = open_at(NULL);

	CU_ASSERT_FALSE(shm_mark_find(shm, &one, 5));
	shm_mark(shm, &one, 5);
	shm_mark(shm, &one, NONE);
	CU_ASSERT(shm_mark_find(shm, &one, 5));
	CU_ASSERT(shm_mark_find(shm, &one, NONE));
	CU_ASSERT_FALSE(shm_mark_find(shm, &one, 6));
	CU_ASSERT_FALSE(shm_mark_find(shm, &two, 5));
	shm_unmark(shm, &one, 6); /* not there: nothing happens */
	shm_unmark(shm, &one, 5);
	CU_ASSERT_FALSE(shm_mark_find(shm, &one, 5));
	CU_ASSERT(shm_mark_find(shm, &one, NONE));
	shm_close(shm);
}

static void
test_a_day_marked_twice_takes_two_to_clear(void)
{
	struct shm *shm = open_at(NULL);

	shm_mark(shm, &one, 5);
	shm_mark(shm, &one, 5);
	shm_unmark(shm, &one, 5);
	CU_ASSERT(shm_mark_find(shm, &one, 5));
	shm_unmark(shm, &one, 5);
	CU_ASSERT_FALSE(shm_mark_find(shm, &one, 5));
	shm_unmark(shm, &one, 5); /* one too many owes nothing */
	shm_mark(shm, &one, 5);
	CU_ASSERT(shm_mark_find(shm, &one, 5));
	shm_close(shm);
}

static int
mark_and_die(struct shm *shm)
{
	shm_mark(shm, &one, 5);
	return 0;
}

static int
mark_and_unmark(struct shm *shm)
{
	shm_mark(shm, &one, 5);
	shm_unmark(shm, &one, 5);
	return shm_mark_find(shm, &one, 5);
}

/* What the dead left, once their grace is over; says how long that took. */
static size_t
left_by_the_dead(struct shm *shm, struct shm_mark left[4], int64_t *ret_us)
{
	int64_t start = clock_mono_us();
	size_t count = 0;
	bool all = true;

	while (count == 0 && clock_mono_us() - start < CHILD_S * USEC_PER_SEC) {
		count = shm_marks_left(shm, OLD, left, 4, &all);
		usleep(10000);
	}
	CU_ASSERT_FALSE(all);
	*ret_us = clock_mono_us() - start;
	return count;
}

static void
test_the_mark_of_the_dead_is_left_and_then_redone(void)
{
	struct shm *shm = open_at(NULL);
	struct shm_mark left[4];
	int64_t us;
	bool all = true;

	CU_ASSERT_EQUAL(in_child(mark_and_die, shm), 0);
	CU_ASSERT(shm_mark_find(shm, &one, 5));
	shm_mark(shm, &two, 6); /* ours, and we live */

	/* Not before its commit can no longer come. */
	CU_ASSERT_EQUAL_FATAL(left_by_the_dead(shm, left, &us), 1);
	CU_ASSERT(us >= SHM_DEAD_GRACE_US);
	CU_ASSERT(uuid_equal(&left[0].franchise, &one));
	CU_ASSERT_EQUAL(left[0].day, 5);
	CU_ASSERT(shm_mark_find(shm, &one, 5)); /* until redone */

	shm_marks_redone(shm, left, 1, false);
	CU_ASSERT_FALSE(shm_mark_find(shm, &one, 5));
	CU_ASSERT(shm_mark_find(shm, &two, 6));
	CU_ASSERT_EQUAL(shm_marks_left(shm, OLD, left, 4, &all), 0);
	shm_close(shm);
}

static void
test_the_dead_take_no_mark_of_the_living_with_them(void)
{
	struct shm *shm = open_at(NULL);
	struct shm_mark left[4];
	int64_t us;

	/* Both marked the same day; the other died, or finished. */
	shm_mark(shm, &one, 5);
	CU_ASSERT_EQUAL(in_child(mark_and_unmark, shm), 1);
	CU_ASSERT(shm_mark_find(shm, &one, 5));
	CU_ASSERT_EQUAL(in_child(mark_and_die, shm), 0);
	CU_ASSERT_EQUAL_FATAL(left_by_the_dead(shm, left, &us), 1);
	shm_marks_redone(shm, left, 1, false);
	CU_ASSERT(shm_mark_find(shm, &one, 5));
	shm_unmark(shm, &one, 5);
	CU_ASSERT_FALSE(shm_mark_find(shm, &one, 5));

	/* Nor does our clearing clear what the dead left. */
	CU_ASSERT_EQUAL(in_child(mark_and_die, shm), 0);
	shm_mark(shm, &one, 5);
	shm_unmark(shm, &one, 5);
	CU_ASSERT(shm_mark_find(shm, &one, 5));
	shm_close(shm);
}

static void
test_a_mark_grown_old_is_left_though_its_owner_lives(void)
{
	struct shm *shm = open_at(NULL);
	struct shm_mark left[4];
	bool all;

	shm_mark(shm, &one, 5);
	shm_mark(shm, &one, 6);
	CU_ASSERT_EQUAL(shm_marks_left(shm, OLD, left, 4, &all), 0);
	CU_ASSERT_EQUAL(shm_marks_left(shm, 0, left, 1, &all), 1); /* max */
	CU_ASSERT_EQUAL_FATAL(shm_marks_left(shm, 0, left, 4, &all), 2);

	/* Marked again while the deletion was under way: it stays. */
	shm_mark(shm, &one, 6);
	shm_marks_redone(shm, left, 2, false);
	CU_ASSERT_FALSE(shm_mark_find(shm, &one, 5));
	CU_ASSERT(shm_mark_find(shm, &one, 6));
	shm_close(shm);
}

static void
fill(struct shm *shm)
{
	for (int64_t day = 0; day < SHM_MARKS_MAX; day++)
		shm_mark(shm, &one, day);
}

static void
test_a_full_table_distrusts_everything_until_all_is_redone(void)
{
	static struct shm_mark left[SHM_MARKS_MAX];
	struct shm *shm = open_at(NULL);
	bool all = true;

	fill(shm);
	CU_ASSERT_FALSE(shm_mark_find(shm, &two, 9)); /* full, not over */
	CU_ASSERT_EQUAL(shm_marks_left(shm, OLD, left, 1, &all), 0);
	CU_ASSERT_FALSE(all);

	shm_mark(shm, &two, 9);
	shm_unmark(shm, &two, 9);
	CU_ASSERT(shm_mark_find(shm, &two, 8));
	for (int64_t day = 0; day < SHM_MARKS_MAX; day++)
		shm_unmark(shm, &one, day);
	CU_ASSERT(shm_mark_find(shm, &two, 8)); /* room again, still not */

	/* The lost writer may be before its commit for as long as any. */
	CU_ASSERT_EQUAL(shm_marks_left(shm, OLD, left, 1, &all), 0);
	CU_ASSERT_FALSE(all);
	shm_marks_redone(shm, left, 0, true);
	CU_ASSERT(shm_mark_find(shm, &two, 8));

	CU_ASSERT_EQUAL(shm_marks_left(shm, 0, left, 1, &all), 0);
	CU_ASSERT(all);
	shm_marks_redone(shm, left, 0, false);
	CU_ASSERT(shm_mark_find(shm, &two, 8));
	shm_marks_redone(shm, left, 0, true);
	CU_ASSERT_FALSE(shm_mark_find(shm, &two, 8));
	shm_close(shm);
}

static void
test_a_mark_lost_during_the_deletion_keeps_the_distrust(void)
{
	static struct shm_mark left[SHM_MARKS_MAX];
	struct shm *shm = open_at(NULL);
	int64_t before;
	size_t count;
	bool all;

	fill(shm);
	shm_mark(shm, &two, 9);
	count = shm_marks_left(shm, 0, left, SHM_MARKS_MAX, &all);
	CU_ASSERT_EQUAL(count, SHM_MARKS_MAX);
	CU_ASSERT(all);
	before = clock_mono_us();
	while (clock_mono_us() == before) /* a microsecond at most */
		continue;
	shm_mark(shm, &two, 10);
	shm_marks_redone(shm, left, count, true);
	CU_ASSERT(shm_mark_find(shm, &two, 10));
	shm_close(shm);
}

static int
look(struct shm *shm)
{
	struct shm_mark mark;
	bool all;

	(void)shm_marks_left(shm, 0, &mark, 1, &all);
	return all;
}

static void
test_what_another_saw_lost_is_not_redone_by_our_deletion(void)
{
	struct shm_mark mark;
	struct shm *shm = open_at(NULL);
	int64_t before;
	bool all;

	fill(shm);
	shm_mark(shm, &two, 9);
	(void)shm_marks_left(shm, 0, &mark, 1, &all);
	CU_ASSERT(all);
	before = clock_mono_us();
	while (clock_mono_us() == before)
		continue;
	/* While we delete, one more is lost, and another process sees it. */
	shm_mark(shm, &two, 10);
	CU_ASSERT_EQUAL(in_child(look, shm), true);
	shm_marks_redone(shm, NULL, 0, true);
	CU_ASSERT(shm_mark_find(shm, &two, 10));

	(void)shm_marks_left(shm, 0, &mark, 1, &all);
	shm_marks_redone(shm, NULL, 0, true);
	CU_ASSERT_FALSE(shm_mark_find(shm, &two, 10));
	shm_close(shm);
}

/*
 * Where the lock lies is shm.c's secret, so the death inside it is had by
 * chance made near certain: a child marks and clears for ever and is killed in the
 * middle, again and again.
 */
static int
mark_for_ever(struct shm *shm)
{
	for (;;) {
		shm_mark(shm, &one, 5);
		shm_unmark(shm, &one, 5);
		shm_worker(shm, 0)->requests++;
	}
	return 0;
}

/* Until the child has gone round so often; bounded by its own alarm. */
static void
await_rounds(struct shm *shm, int64_t rounds)
{
	int64_t start = clock_mono_us();

	while (shm_worker(shm, 0)->requests < rounds &&
	    clock_mono_us() - start < CHILD_S * USEC_PER_SEC)
		continue;
}

static void
test_a_death_inside_the_lock_blocks_nobody_and_is_distrusted(void)
{
	enum { DEATHS = 300, DEATHS_MAX = 30000 };
	static struct shm_mark left[SHM_MARKS_MAX];
	struct shm *shm = open_at(NULL);
	int inside = 0;

	/* How often one dies inside is the machine's matter: until one has. */
	for (int i = 0; i < DEATHS || (inside == 0 && i < DEATHS_MAX); i++) {
		int64_t rounds = shm_worker(shm, 0)->requests;
		pid_t pid = fork();
		size_t count;
		int status;
		bool all;

		CU_ASSERT_FATAL(pid >= 0);
		if (pid == 0) {
			alarm(CHILD_S);
			_exit(mark_for_ever(shm));
		}
		await_rounds(shm, rounds + 50 + i % 7);
		kill(pid, SIGKILL);
		CU_ASSERT_EQUAL(waitpid(pid, &status, 0), pid);
		CU_ASSERT(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);

		/* The next one gets the lock and repairs; had it waited for
		 * the dead in vain, nothing below would hold. */
		shm_mark(shm, &two, 1);
		shm_unmark(shm, &two, 1);

		count = shm_marks_left(shm, 0, left, SHM_MARKS_MAX, &all);
		CU_ASSERT(count <= 1);
		inside += all;
		if (all)
			CU_ASSERT(shm_mark_find(shm, &two, 77));
		shm_marks_redone(shm, left, count, all);
		/* The count the readers go by is right again. */
		CU_ASSERT_FALSE(shm_mark_find(shm, &two, 77));
		CU_ASSERT_EQUAL(shm_marks_left(shm, 0, left, SHM_MARKS_MAX,
		    &all), 0);
		CU_ASSERT_FALSE(all);
	}
	CU_ASSERT(inside > 0); /* or nothing was tested */
	shm_close(shm);
}

static void
test_a_holder_that_stands_still_costs_trust_and_not_the_service(void)
{
	enum { TRIES = 30000 };
	struct shm *shm = open_at(NULL);
	bool held = false;
	pid_t pid = fork();
	int status;
	bool all;

	CU_ASSERT_FATAL(pid >= 0);
	if (pid == 0) {
		alarm(5 * CHILD_S);
		_exit(mark_for_ever(shm));
	}
	/* Stop it until it happens to have the lock. */
	for (int i = 0; i < TRIES && !held; i++) {
		await_rounds(shm, shm_worker(shm, 0)->requests + 50 + i % 7);
		kill(pid, SIGSTOP);
		CU_ASSERT_EQUAL(waitpid(pid, &status, WUNTRACED), pid);
		CU_ASSERT_FATAL(WIFSTOPPED(status));
		/* What cannot be looked up is not trusted. */
		held = shm_mark_find(shm, &two, 99);
		/* What cannot be marked is remembered as lost. */
		if (held)
			shm_mark(shm, &two, 3);
		kill(pid, SIGCONT);
	}
	CU_ASSERT(held);
	CU_ASSERT(shm_mark_find(shm, &two, 3));
	CU_ASSERT(shm_mark_find(shm, &two, 99));
	shm_marks_redone(shm, NULL, 0, true); /* whom nobody told to */
	CU_ASSERT(shm_mark_find(shm, &two, 99));

	kill(pid, SIGKILL);
	CU_ASSERT_EQUAL(waitpid(pid, &status, 0), pid);
	shm_mark(shm, &two, 3);
	shm_unmark(shm, &two, 3);
	(void)shm_marks_left(shm, 0, (struct shm_mark[1]){ { .day = 0 } }, 1,
	    &all);
	CU_ASSERT(all);
	shm_marks_redone(shm, NULL, 0, all);
	CU_ASSERT_FALSE(shm_mark_find(shm, &two, 99));
	shm_close(shm);
}

static void
test_every_slot_is_its_own(void)
{
	struct shm *shm = open_at(NULL);

	for (size_t i = 0; i < SHM_WORKERS_MAX; i++)
		shm_worker(shm, i)->pid = (int32_t)i + 1;
	for (size_t i = 0; i < SHM_WORKERS_MAX; i++)
		CU_ASSERT_EQUAL(shm_worker(shm, i)->pid, (int32_t)i + 1);
	CU_ASSERT_FALSE(shm_mark_find(shm, &one, 0));
	shm_close(shm);
}

UNIT_SUITE(shm,
    UNIT_TEST(test_two_that_open_one_path_see_one_memory),
    UNIT_TEST(test_the_file_is_for_owner_and_group_whatever_the_umask),
    UNIT_TEST(test_a_path_that_cannot_be_is_refused_with_a_sentence),
    UNIT_TEST(test_a_link_is_not_followed),
    UNIT_TEST(test_a_file_of_another_version_or_boot_is_replaced_not_reused),
    UNIT_TEST(test_a_file_of_another_size_is_replaced),
    UNIT_TEST(test_many_that_start_at_once_share_one_file),
    UNIT_TEST(test_a_mark_is_found_for_its_own_day_only),
    UNIT_TEST(test_a_day_marked_twice_takes_two_to_clear),
    UNIT_TEST(test_the_mark_of_the_dead_is_left_and_then_redone),
    UNIT_TEST(test_the_dead_take_no_mark_of_the_living_with_them),
    UNIT_TEST(test_a_mark_grown_old_is_left_though_its_owner_lives),
    UNIT_TEST(test_a_full_table_distrusts_everything_until_all_is_redone),
    UNIT_TEST(test_a_mark_lost_during_the_deletion_keeps_the_distrust),
    UNIT_TEST(test_what_another_saw_lost_is_not_redone_by_our_deletion),
    UNIT_TEST(test_a_death_inside_the_lock_blocks_nobody_and_is_distrusted),
    UNIT_TEST(test_a_holder_that_stands_still_costs_trust_and_not_the_service),
    UNIT_TEST(test_every_slot_is_its_own))
