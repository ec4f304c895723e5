/* test_breaker.c: breakers and the bulkhead among processes that come and go. */
#include "base/breaker.h"

#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/bulkhead.h"
#include "base/clock.h"
#include "unit/unit.h"

#define SEC USEC_PER_SEC
#define T0 (1000 * SEC) /* any instant */
#define LEASE (5 * SEC)
#define CHILD_S 20 /* a child that hangs kills itself, and the test fails */
#define CHILDREN 8

static const struct breaker_rules rules = { 5, 30 * SEC };

static struct shm *
open_shm(void)
{
	char why[256];
	struct shm *shm = shm_open_file(NULL, why, sizeof why);

	CU_ASSERT_PTR_NOT_NULL_FATAL(shm);
	return shm;
}

static enum breaker_answer
call_at(struct shm_breaker *b, int64_t now, enum breaker_outcome outcome)
{
	struct breaker_pass pass;
	enum breaker_answer answer =
	    breaker_enter(b, &rules, now, LEASE, &pass);

	if (answer == BREAKER_PASS)
		breaker_report(b, &rules, &pass, outcome, now);
	return answer;
}

static void
fail_times(struct shm_breaker *b, int64_t now, int times)
{
	for (int i = 0; i < times; i++)
		CU_ASSERT_EQUAL(call_at(b, now, BREAKER_FAILED), BREAKER_PASS);
}

static struct breaker_view
view_at(const struct shm_breaker *b, int64_t now)
{
	struct breaker_view view;

	memset(&view, 0x55, sizeof view);
	breaker_read(b, &rules, now, &view);
	return view;
}

static void
test_the_fifth_failure_in_a_row_opens_and_not_the_fourth(void)
{
	struct shm *shm = open_shm();
	struct shm_breaker *b = shm_breaker(shm, SHM_STRIPE);

	fail_times(b, T0, 4);
	CU_ASSERT_EQUAL(view_at(b, T0).state, BREAKER_CLOSED);
	CU_ASSERT_EQUAL(view_at(b, T0).failures, 4);
	CU_ASSERT_EQUAL(view_at(b, T0).opened, 0);

	/* A success forgets the four. */
	CU_ASSERT_EQUAL(call_at(b, T0, BREAKER_WELL), BREAKER_PASS);
	CU_ASSERT_EQUAL(view_at(b, T0).failures, 0);
	fail_times(b, T0, 4);
	CU_ASSERT_EQUAL(call_at(b, T0, BREAKER_MUTE), BREAKER_PASS);
	CU_ASSERT_EQUAL(view_at(b, T0).failures, 4);
	fail_times(b, T0 + 7, 1);

	CU_ASSERT_EQUAL(view_at(b, T0 + 7).state, BREAKER_OPEN);
	CU_ASSERT_EQUAL(view_at(b, T0 + 7).failures, 5);
	CU_ASSERT_EQUAL(view_at(b, T0 + 7).opened_us, T0 + 7);
	CU_ASSERT_EQUAL(view_at(b, T0 + 7).probe_after_us, T0 + 7 + 30 * SEC);
	CU_ASSERT_EQUAL(view_at(b, T0 + 7).opened, 1);
	CU_ASSERT_EQUAL(view_at(b, T0 + 7).refused, 0);
	shm_close(shm);
}

static void
test_each_service_has_a_breaker_of_its_own(void)
{
	struct shm *shm = open_shm();

	fail_times(shm_breaker(shm, SHM_SQS), T0, 5);
	CU_ASSERT_EQUAL(view_at(shm_breaker(shm, SHM_SQS), T0).state,
	    BREAKER_OPEN);
	CU_ASSERT_EQUAL(view_at(shm_breaker(shm, SHM_STRIPE), T0).state,
	    BREAKER_CLOSED);
	CU_ASSERT_EQUAL(view_at(shm_breaker(shm, SHM_S3), T0).failures, 0);
	CU_ASSERT_STRING_EQUAL(breaker_service_word(SHM_SQS), "sqs");
	CU_ASSERT_STRING_EQUAL(breaker_state_word(BREAKER_HALF_OPEN),
	    "half_open");
	shm_close(shm);
}

static void
test_an_open_breaker_lets_one_probe_through_after_its_time(void)
{
	struct shm *shm = open_shm();
	struct shm_breaker *b = shm_breaker(shm, SHM_STRIPE);
	struct breaker_pass probe;
	struct breaker_pass other;
	int64_t due = T0 + 30 * SEC;

	fail_times(b, T0, 5);
	CU_ASSERT_EQUAL(call_at(b, due - 1, BREAKER_WELL), BREAKER_REFUSED);
	CU_ASSERT_EQUAL(view_at(b, due).state, BREAKER_OPEN);
	CU_ASSERT_EQUAL_FATAL(breaker_enter(b, &rules, due, LEASE, &probe),
	    BREAKER_PASS);
	CU_ASSERT_EQUAL(view_at(b, due).state, BREAKER_HALF_OPEN);
	CU_ASSERT_EQUAL(view_at(b, due).probe_pid, (int32_t)getpid());
	CU_ASSERT_EQUAL(breaker_enter(b, &rules, due, LEASE, &other),
	    BREAKER_REFUSED);
	CU_ASSERT_EQUAL(view_at(b, due).refused, 2);

	breaker_report(b, &rules, &probe, BREAKER_WELL, due + SEC);
	CU_ASSERT_EQUAL(view_at(b, due).state, BREAKER_CLOSED);
	CU_ASSERT_EQUAL(view_at(b, due).failures, 0);
	CU_ASSERT_EQUAL(view_at(b, due).probe_pid, 0);
	CU_ASSERT_EQUAL(view_at(b, due).opened_us, 0);
	fail_times(b, due + SEC, 4);
	CU_ASSERT_EQUAL(view_at(b, due).state, BREAKER_CLOSED);
	shm_close(shm);
}

static void
test_a_probe_that_fails_opens_for_the_whole_time_again(void)
{
	struct shm *shm = open_shm();
	struct shm_breaker *b = shm_breaker(shm, SHM_STRIPE);
	int64_t due = T0 + 30 * SEC;

	fail_times(b, T0, 5);
	CU_ASSERT_EQUAL(call_at(b, due, BREAKER_FAILED), BREAKER_PASS);
	CU_ASSERT_EQUAL(view_at(b, due).state, BREAKER_OPEN);
	CU_ASSERT_EQUAL(view_at(b, due).failures, 6);
	CU_ASSERT_EQUAL(view_at(b, due).opened_us, T0);
	CU_ASSERT_EQUAL(call_at(b, due + 30 * SEC - 1, BREAKER_WELL),
	    BREAKER_REFUSED);
	CU_ASSERT_EQUAL(call_at(b, due + 30 * SEC, BREAKER_WELL),
	    BREAKER_PASS);
	CU_ASSERT_EQUAL(view_at(b, due).state, BREAKER_CLOSED);
	shm_close(shm);
}

static void
test_a_probe_not_made_leaves_the_probe_to_the_next(void)
{
	struct shm *shm = open_shm();
	struct shm_breaker *b = shm_breaker(shm, SHM_STRIPE);
	int64_t due = T0 + 30 * SEC;

	fail_times(b, T0, 5);
	CU_ASSERT_EQUAL(call_at(b, due, BREAKER_MUTE), BREAKER_PASS);
	CU_ASSERT_EQUAL(view_at(b, due).state, BREAKER_OPEN);
	CU_ASSERT_EQUAL(view_at(b, due).probe_after_us, due);
	CU_ASSERT_EQUAL(call_at(b, due, BREAKER_WELL), BREAKER_PASS);
	CU_ASSERT_EQUAL(view_at(b, due).state, BREAKER_CLOSED);
	shm_close(shm);
}

static void
test_late_reports_change_nothing(void)
{
	struct shm *shm = open_shm();
	struct shm_breaker *b = shm_breaker(shm, SHM_STRIPE);
	struct breaker_pass early;
	struct breaker_pass stale;
	struct breaker_pass probe;
	int64_t due = T0 + 30 * SEC;

	CU_ASSERT_EQUAL(breaker_enter(b, &rules, T0, LEASE, &early),
	    BREAKER_PASS);
	fail_times(b, T0, 5);

	/* Of calls from before it opened: neither closes nor prolongs. */
	breaker_report(b, &rules, &early, BREAKER_WELL, T0 + SEC);
	breaker_report(b, &rules, &early, BREAKER_FAILED, T0 + SEC);
	CU_ASSERT_EQUAL(view_at(b, T0 + SEC).state, BREAKER_OPEN);
	CU_ASSERT_EQUAL(view_at(b, T0 + SEC).probe_after_us, due);

	/* Of a probe whose lease has ended: another has it. */
	CU_ASSERT_EQUAL(breaker_enter(b, &rules, due, LEASE, &stale),
	    BREAKER_PASS);
	CU_ASSERT_EQUAL(breaker_enter(b, &rules, due + LEASE - 1, LEASE,
	    &probe), BREAKER_REFUSED);
	CU_ASSERT_EQUAL(view_at(b, due + LEASE).state, BREAKER_OPEN);
	CU_ASSERT_EQUAL(breaker_enter(b, &rules, due + LEASE, LEASE, &probe),
	    BREAKER_PASS);
	breaker_report(b, &rules, &stale, BREAKER_WELL, due + LEASE);
	CU_ASSERT_EQUAL(view_at(b, due + LEASE).state, BREAKER_HALF_OPEN);
	breaker_report(b, &rules, &stale, BREAKER_FAILED, due + LEASE);
	CU_ASSERT_EQUAL(view_at(b, due + LEASE).state, BREAKER_HALF_OPEN);
	breaker_report(b, &rules, &probe, BREAKER_WELL, due + LEASE + SEC);
	CU_ASSERT_EQUAL(view_at(b, due + LEASE).state, BREAKER_CLOSED);
	shm_close(shm);
}

/* ---- among processes -----------------------------------------------------*/

/* Shared with the children beside the memory under test. */
struct stage {
	_Atomic int ready;
	_Atomic int go;
	_Atomic int won;
};

static struct stage *
open_stage(void)
{
	struct stage *stage = mmap(NULL, sizeof *stage,
	    PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	CU_ASSERT_FATAL(stage != MAP_FAILED);
	return stage;
}

static void
be_child(struct shm *shm, struct stage *stage,
    void (*act)(struct shm *shm, struct stage *stage))
{
	alarm(CHILD_S);
	stage->ready++;
	while (!stage->go)
		sched_yield();
	act(shm, stage);
	_exit(0);
}

/* CHILDREN processes act at one moment. */
static void
all_at_once(struct shm *shm, struct stage *stage,
    void (*act)(struct shm *shm, struct stage *stage))
{
	pid_t pids[CHILDREN];
	int status;

	stage->ready = 0;
	stage->go = 0;
	for (int i = 0; i < CHILDREN; i++) {
		pids[i] = fork();
		CU_ASSERT_FATAL(pids[i] >= 0);
		if (pids[i] == 0)
			be_child(shm, stage, act);
	}
	while (stage->ready < CHILDREN)
		usleep(100);
	stage->go = 1;
	for (int i = 0; i < CHILDREN; i++) {
		CU_ASSERT_EQUAL(waitpid(pids[i], &status, 0), pids[i]);
		CU_ASSERT(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	}
}

static void
take_probe(struct shm *shm, struct stage *stage)
{
	struct breaker_pass pass;

	if (breaker_enter(shm_breaker(shm, SHM_STRIPE), &rules,
	        T0 + 30 * SEC, LEASE, &pass) == BREAKER_PASS)
		stage->won++;
}

static void
test_of_many_processes_one_gets_the_probe(void)
{
	enum { ROUNDS = 10 };
	struct stage *stage = open_stage();

	for (int i = 0; i < ROUNDS; i++) {
		struct shm *shm = open_shm();
		struct shm_breaker *b = shm_breaker(shm, SHM_STRIPE);
		int64_t due = T0 + 30 * SEC;

		stage->won = 0;
		fail_times(b, T0, 5);
		all_at_once(shm, stage, take_probe);
		CU_ASSERT_EQUAL(stage->won, 1);
		CU_ASSERT_EQUAL(view_at(b, due).refused, CHILDREN - 1);

		/* He is dead and never reported; his lease ends all the same. */
		CU_ASSERT_EQUAL(call_at(b, due + LEASE - 1, BREAKER_WELL),
		    BREAKER_REFUSED);
		CU_ASSERT_EQUAL(call_at(b, due + LEASE, BREAKER_WELL),
		    BREAKER_PASS);
		CU_ASSERT_EQUAL(view_at(b, due).state, BREAKER_CLOSED);
		shm_close(shm);
	}
	munmap(stage, sizeof *stage);
}

static void
fail_often(struct shm *shm, struct stage *stage)
{
	static const struct breaker_rules many = { 1000000, SEC };
	struct breaker_pass pass;

	(void)stage;
	for (int i = 0; i < 2000; i++) {
		if (breaker_enter(shm_breaker(shm, SHM_S3), &many, T0, LEASE,
		        &pass) != BREAKER_PASS)
			_exit(1);
		breaker_report(shm_breaker(shm, SHM_S3), &many, &pass,
		    BREAKER_FAILED, T0);
	}
}

static void
test_no_failure_of_any_process_is_lost(void)
{
	struct shm *shm = open_shm();
	struct stage *stage = open_stage();

	all_at_once(shm, stage, fail_often);
	CU_ASSERT_EQUAL(view_at(shm_breaker(shm, SHM_S3), T0).failures,
	    CHILDREN * 2000);
	munmap(stage, sizeof *stage);
	shm_close(shm);
}

/* ---- bulkhead ------------------------------------------------------------*/

static void
test_the_bulkhead_is_a_quarter_of_the_pool_and_at_least_one(void)
{
	CU_ASSERT_EQUAL(bulkhead_limit(1), 1);
	CU_ASSERT_EQUAL(bulkhead_limit(4), 1);
	CU_ASSERT_EQUAL(bulkhead_limit(7), 1);
	CU_ASSERT_EQUAL(bulkhead_limit(8), 2);
	CU_ASSERT_EQUAL(bulkhead_limit(19), 4);
	CU_ASSERT_EQUAL(bulkhead_limit(256), 64);
	CU_ASSERT_EQUAL(bulkhead_limit(100000), SHM_BULKHEAD_MAX);
}

static void
test_a_full_bulkhead_refuses_at_once_until_one_leaves(void)
{
	struct shm *shm = open_shm();
	struct bulkhead_place a;
	struct bulkhead_place b;
	struct bulkhead_place c;

	CU_ASSERT(bulkhead_enter(shm, 2, T0, T0 + SEC, &a));
	CU_ASSERT(bulkhead_enter(shm, 2, T0, T0 + SEC, &b));
	CU_ASSERT_FALSE(bulkhead_enter(shm, 2, T0, T0 + SEC, &c));
	CU_ASSERT_EQUAL(bulkhead_used(shm, T0), 2);
	bulkhead_leave(shm, &a);
	CU_ASSERT_EQUAL(bulkhead_used(shm, T0), 1);
	CU_ASSERT(bulkhead_enter(shm, 2, T0, T0 + SEC, &c));
	bulkhead_leave(shm, &b);
	bulkhead_leave(shm, &c);
	CU_ASSERT_EQUAL(bulkhead_used(shm, T0), 0);
	shm_close(shm);
}

static void
test_a_place_not_left_is_free_when_its_lease_ends(void)
{
	struct shm *shm = open_shm();
	struct bulkhead_place slow;
	struct bulkhead_place next;

	CU_ASSERT(bulkhead_enter(shm, 1, T0, T0 + SEC, &slow));
	CU_ASSERT_FALSE(bulkhead_enter(shm, 1, T0 + SEC, T0 + 2 * SEC, &next));
	CU_ASSERT(bulkhead_enter(shm, 1, T0 + SEC + 2000, T0 + 3 * SEC,
	    &next));
	/* The slow one comes back: the place is no longer his to give. */
	bulkhead_leave(shm, &slow);
	CU_ASSERT_EQUAL(bulkhead_used(shm, T0 + SEC), 1);
	bulkhead_leave(shm, &next);
	CU_ASSERT_EQUAL(bulkhead_used(shm, T0 + SEC), 0);
	shm_close(shm);
}

static void
take_place(struct shm *shm, struct stage *stage)
{
	struct bulkhead_place place;

	if (bulkhead_enter(shm, 3, T0, T0 + SEC, &place))
		stage->won++;
	/* and dies with it */
}

static void
test_of_many_processes_only_so_many_get_a_place(void)
{
	struct stage *stage = open_stage();
	struct shm *shm = open_shm();

	all_at_once(shm, stage, take_place);
	CU_ASSERT_EQUAL(stage->won, 3);
	CU_ASSERT_EQUAL(bulkhead_used(shm, T0), 3);
	CU_ASSERT_EQUAL(bulkhead_used(shm, T0 + 2 * SEC), 0);
	shm_close(shm);
	munmap(stage, sizeof *stage);
}

static void
test_the_supervisor_frees_what_the_dead_had_and_no_more(void)
{
	struct shm *shm = open_shm();
	struct bulkhead_place mine;
	struct bulkhead_place place;
	pid_t pid;
	int status;

	CU_ASSERT(bulkhead_enter(shm, 2, T0, T0 + SEC, &mine));
	pid = fork();
	CU_ASSERT_FATAL(pid >= 0);
	if (pid == 0) {
		alarm(CHILD_S);
		if (!bulkhead_enter(shm, 2, T0, T0 + SEC, &place))
			_exit(1);
		kill(getpid(), SIGKILL);
	}
	CU_ASSERT_EQUAL(waitpid(pid, &status, 0), pid);
	CU_ASSERT(WIFSIGNALED(status));
	CU_ASSERT_FALSE(bulkhead_enter(shm, 2, T0, T0 + SEC, &place));

	bulkhead_clear(shm, pid);
	CU_ASSERT_EQUAL(bulkhead_used(shm, T0), 1);
	CU_ASSERT(bulkhead_enter(shm, 2, T0, T0 + SEC, &place));
	CU_ASSERT_EQUAL(bulkhead_used(shm, T0), 2);
	shm_close(shm);
}

UNIT_SUITE(breaker,
    UNIT_TEST(test_the_fifth_failure_in_a_row_opens_and_not_the_fourth),
    UNIT_TEST(test_each_service_has_a_breaker_of_its_own),
    UNIT_TEST(test_an_open_breaker_lets_one_probe_through_after_its_time),
    UNIT_TEST(test_a_probe_that_fails_opens_for_the_whole_time_again),
    UNIT_TEST(test_a_probe_not_made_leaves_the_probe_to_the_next),
    UNIT_TEST(test_late_reports_change_nothing),
    UNIT_TEST(test_of_many_processes_one_gets_the_probe),
    UNIT_TEST(test_no_failure_of_any_process_is_lost),
    UNIT_TEST(test_the_bulkhead_is_a_quarter_of_the_pool_and_at_least_one),
    UNIT_TEST(test_a_full_bulkhead_refuses_at_once_until_one_leaves),
    UNIT_TEST(test_a_place_not_left_is_free_when_its_lease_ends),
    UNIT_TEST(test_of_many_processes_only_so_many_get_a_place),
    UNIT_TEST(test_the_supervisor_frees_what_the_dead_had_and_no_more))
