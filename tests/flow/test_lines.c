/* test_lines.c: whole lines in a file, whoever else writes and whatever fails. */
#include "remote/lines.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/scope.h"
#include "unit/unit.h"

#define WRITERS 6
#define BATCHES 40
#define BATCH 5
#define CHILD_S 20

struct place {
	char dir[64];
	char path[96];
	struct arena *arena;
	struct scope sc;
};

static struct place
place_open(int64_t budget_us)
{
	struct place p;

	snprintf(p.dir, sizeof p.dir, "/tmp/lines.XXXXXX");
	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(p.dir));
	snprintf(p.path, sizeof p.path, "%s/events.jsonl", p.dir);
	p.arena = arena_open(1 << 20);
	CU_ASSERT_PTR_NOT_NULL_FATAL(p.arena);
	scope_init(&p.sc, p.arena, budget_us);
	return p;
}

static void
place_close(struct place *p)
{
	unlink(p->path);
	rmdir(p->dir);
	arena_close(p->arena);
}

static struct line_text
line(const char *text)
{
	return (struct line_text){ text, strlen(text) };
}

static void
test_lines_are_appended_for_their_owner_alone(void)
{
	struct place p = place_open(USEC_PER_SEC);
	struct line_text lines[] = { line("{\"a\":1}"), line("{\"b\":2}") };
	mode_t mask = umask(0);
	struct stat st;
	char *text;

	CU_ASSERT_EQUAL(lines_append(&p.sc, p.path, lines, 2), ERR_OK);
	CU_ASSERT_EQUAL(lines_append(&p.sc, p.path, lines, 1), ERR_OK);
	CU_ASSERT_EQUAL(lines_append(&p.sc, p.path, lines, 0), ERR_OK);
	umask(mask);
	text = unit_slurp(p.path, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(text);
	CU_ASSERT_STRING_EQUAL(text, "{\"a\":1}\n{\"b\":2}\n{\"a\":1}\n");
	free(text);
	CU_ASSERT_EQUAL(stat(p.path, &st), 0);
	CU_ASSERT_EQUAL(st.st_mode & 0777, 0600);
	place_close(&p);
}

static void
test_a_file_that_cannot_be_is_an_outage_with_a_sentence(void)
{
	struct place p = place_open(USEC_PER_SEC);
	struct line_text one = line("{}");

	CU_ASSERT_EQUAL(lines_append(&p.sc, "/nonexistent/events", &one, 1),
	    ERR_UNAVAILABLE);
	CU_ASSERT_PTR_NOT_NULL(strstr(p.sc.why, "No such file"));
	/* A link could lead anywhere. */
	CU_ASSERT_EQUAL(symlink("/dev/null", p.path), 0);
	CU_ASSERT_EQUAL(lines_append(&p.sc, p.path, &one, 1),
	    ERR_UNAVAILABLE);
	place_close(&p);
}

static void
write_much(struct place *p, int who)
{
	char texts[BATCH][4096];
	struct line_text lines[BATCH];

	for (int b = 0; b < BATCHES; b++) {
		for (int i = 0; i < BATCH; i++) {
			int len = 100 + (who * 37 + b * 11 + i * 7) % 3800;

			memset(texts[i], 'a' + who, (size_t)len);
			lines[i] = (struct line_text){ texts[i],
				(size_t)len };
		}
		if (lines_append(&p->sc, p->path, lines, BATCH))
			_exit(1);
	}
	_exit(0);
}

static void
test_many_writers_mix_no_lines(void)
{
	struct place p = place_open(CHILD_S * USEC_PER_SEC);
	int counts[WRITERS] = { 0 };
	pid_t pids[WRITERS];
	char *text;
	int status;

	for (int i = 0; i < WRITERS; i++) {
		pids[i] = fork();
		CU_ASSERT_FATAL(pids[i] >= 0);
		if (pids[i] == 0) {
			alarm(CHILD_S);
			write_much(&p, i);
		}
	}
	for (int i = 0; i < WRITERS; i++) {
		CU_ASSERT_EQUAL(waitpid(pids[i], &status, 0), pids[i]);
		CU_ASSERT(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	}
	text = unit_slurp(p.path, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(text);
	for (char *at = text; *at;) {
		size_t len = strcspn(at, "\n");
		char own[2] = { *at, '\0' };

		CU_ASSERT_FATAL(len > 0 && at[len] == '\n');
		CU_ASSERT_EQUAL(strspn(at, own), len); /* of one letter */
		counts[*at - 'a']++;
		at += len + 1;
	}
	for (int i = 0; i < WRITERS; i++)
		CU_ASSERT_EQUAL(counts[i], BATCHES * BATCH);
	free(text);
	place_close(&p);
}

/* As a full disk does: the limit lets the first line in and cuts the second. */
static void
test_a_batch_that_does_not_fit_leaves_no_trace(void)
{
	struct place p = place_open(USEC_PER_SEC);
	struct line_text old = line("old");
	struct line_text lines[] = { line("0123456789"), line("abcdefghij") };
	struct rlimit limit;
	struct rlimit tight;
	void (*was)(int) = signal(SIGXFSZ, SIG_IGN);
	char *text;

	CU_ASSERT_EQUAL(lines_append(&p.sc, p.path, &old, 1), ERR_OK);
	CU_ASSERT_EQUAL_FATAL(getrlimit(RLIMIT_FSIZE, &limit), 0);
	tight = limit;
	tight.rlim_cur = 20;
	CU_ASSERT_EQUAL(setrlimit(RLIMIT_FSIZE, &tight), 0);
	CU_ASSERT_EQUAL(lines_append(&p.sc, p.path, lines, 2),
	    ERR_UNAVAILABLE);
	CU_ASSERT_EQUAL(setrlimit(RLIMIT_FSIZE, &limit), 0);
	signal(SIGXFSZ, was);

	text = unit_slurp(p.path, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(text);
	CU_ASSERT_STRING_EQUAL(text, "old\n");
	free(text);
	CU_ASSERT_EQUAL(lines_append(&p.sc, p.path, lines, 2), ERR_OK);
	place_close(&p);
}

static void
put_raw(const char *path, const char *text, size_t filler)
{
	FILE *f = fopen(path, "w");

	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	fputs(text, f);
	for (size_t i = 0; i < filler; i++)
		fputc('x', f);
	CU_ASSERT_EQUAL(fclose(f), 0);
}

/* As a kill in the midst of a write leaves it: longer than any one look. */
static void
test_half_a_line_that_a_dead_writer_left_goes_before_the_next(void)
{
	static const size_t halves[] = { 1, 7, 4095, 4096, 4097, 20000 };
	struct place p = place_open(USEC_PER_SEC);
	struct line_text one = line("{\"a\":1}");
	char *text;

	for (size_t i = 0; i < ARRAY_LEN(halves); i++) {
		put_raw(p.path, "old\n", halves[i]);
		CU_ASSERT_EQUAL(lines_append(&p.sc, p.path, &one, 1), ERR_OK);
		text = unit_slurp(p.path, NULL);
		CU_ASSERT_PTR_NOT_NULL_FATAL(text);
		CU_ASSERT_STRING_EQUAL(text, "old\n{\"a\":1}\n");
		free(text);
		put_raw(p.path, "", halves[i]); /* of the first line */
		CU_ASSERT_EQUAL(lines_append(&p.sc, p.path, &one, 1), ERR_OK);
		text = unit_slurp(p.path, NULL);
		CU_ASSERT_PTR_NOT_NULL_FATAL(text);
		CU_ASSERT_STRING_EQUAL(text, "{\"a\":1}\n");
		free(text);
	}
	place_close(&p);
}

static bool
has_open(pid_t pid, const char *path)
{
	char link[64];
	char to[256];

	for (int fd = 3; fd < 64; fd++) {
		ssize_t n;

		snprintf(link, sizeof link, "/proc/%d/fd/%d", (int)pid, fd);
		n = readlink(link, to, sizeof to - 1);
		if (n > 0 && (to[n] = '\0', strcmp(to, path) == 0))
			return true;
	}
	return false;
}

/* Moved away while we waited for its lock: whoever took it has read it. */
static void
test_a_file_that_is_moved_away_meanwhile_gets_no_line_more(void)
{
	struct place p = place_open(CHILD_S * USEC_PER_SEC);
	struct line_text one = line("{}");
	int fd = open(p.path, O_RDWR | O_CREAT, 0600);
	struct stat st;
	char moved[128];
	int ready[2];
	int status;
	pid_t pid;

	CU_ASSERT_FATAL(fd >= 0);
	CU_ASSERT_EQUAL(flock(fd, LOCK_EX), 0);
	CU_ASSERT_EQUAL_FATAL(pipe(ready), 0);
	pid = fork();
	CU_ASSERT_FATAL(pid >= 0);
	if (pid == 0) {
		alarm(CHILD_S);
		close(fd);
		close(ready[0]);
		close(ready[1]);
		_exit(lines_append(&p.sc, p.path, &one, 1) ? 1 : 0);
	}
	close(ready[1]);
	CU_ASSERT_EQUAL(read(ready[0], moved, 1), 0); /* it let go of ours */
	close(ready[0]);
	snprintf(moved, sizeof moved, "%s.1", p.path);
	while (!has_open(pid, p.path))
		sched_yield();
	CU_ASSERT_EQUAL(rename(p.path, moved), 0);
	close(fd);
	CU_ASSERT_EQUAL(waitpid(pid, &status, 0), pid);
	CU_ASSERT(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	CU_ASSERT_EQUAL(stat(moved, &st), 0);
	CU_ASSERT_EQUAL(st.st_size, 0);
	CU_ASSERT_EQUAL(stat(p.path, &st), 0);
	CU_ASSERT_EQUAL(st.st_size, 3);
	unlink(moved);
	place_close(&p);
}

static void
test_a_turn_that_does_not_come_ends_with_the_deadline(void)
{
	struct place p = place_open(50000);
	struct line_text one = line("{}");
	int fd = open(p.path, O_RDWR | O_CREAT, 0600);

	CU_ASSERT_FATAL(fd >= 0);
	CU_ASSERT_EQUAL(flock(fd, LOCK_EX), 0);
	CU_ASSERT_EQUAL(lines_append(&p.sc, p.path, &one, 1),
	    ERR_UNAVAILABLE);
	CU_ASSERT_PTR_NOT_NULL(strstr(p.sc.why, "another has it"));
	close(fd);
	place_close(&p);
}

UNIT_SUITE(lines,
    UNIT_TEST(test_lines_are_appended_for_their_owner_alone),
    UNIT_TEST(test_a_file_that_cannot_be_is_an_outage_with_a_sentence),
    UNIT_TEST(test_many_writers_mix_no_lines),
    UNIT_TEST(test_a_batch_that_does_not_fit_leaves_no_trace),
    UNIT_TEST(test_half_a_line_that_a_dead_writer_left_goes_before_the_next),
    UNIT_TEST(test_a_file_that_is_moved_away_meanwhile_gets_no_line_more),
    UNIT_TEST(test_a_turn_that_does_not_come_ends_with_the_deadline))
