/* test_arena.c: the memory of one request. */
#include "base/arena.h"

#include <stdalign.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit/unit.h"

#define CEILING ((size_t)1024 * 1024)

static int notes[8];
static int note_count;

static void
take_note(void *data)
{
	notes[note_count++] = *(int *)data;
}

static void
memory_is_zeroed_also_when_used_again(void)
{
	struct arena *arena = arena_open(CEILING);
	unsigned dirty = 0;

	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 100; i++) {
			unsigned char *at = arena_alloc(arena, 1000);

			for (int k = 0; k < 1000; k++)
				dirty += at[k];
			memset(at, 0xa5, 1000);
		}
		arena_reset(arena);
	}
	CU_ASSERT_EQUAL(dirty, 0);
	arena_close(arena);
}

static void
every_size_is_aligned_for_any_type(void)
{
	struct arena *arena = arena_open(CEILING);
	unsigned skewed = 0;

	for (size_t size = 0; size < 200; size++) {
		uintptr_t at = (uintptr_t)arena_alloc(arena, size);

		skewed += at % alignof(max_align_t) != 0;
	}
	skewed += (uintptr_t)arena_alloc(arena, 100001) %
	        alignof(max_align_t) != 0;
	CU_ASSERT_EQUAL(skewed, 0);
	arena_close(arena);
}

static void
objects_do_not_overlap_across_blocks(void)
{
	struct arena *arena = arena_open(CEILING);
	unsigned char *at[600];
	unsigned broken = 0;

	for (size_t i = 0; i < 600; i++) {
		size_t size = i % 97 == 0 ? 70000 / (i + 1) + 1 : i;

		at[i] = arena_alloc(arena, size + 1);
		memset(at[i], (int)(i & 0xff), size + 1);
	}
	for (size_t i = 0; i < 600; i++) {
		size_t size = i % 97 == 0 ? 70000 / (i + 1) + 1 : i;

		for (size_t k = 0; k <= size; k++)
			broken += at[i][k] != (i & 0xff);
	}
	CU_ASSERT_EQUAL(broken, 0);
	arena_close(arena);
}

static void
an_empty_object_has_an_address_of_its_own(void)
{
	struct arena *arena = arena_open(CEILING);
	void *a = arena_alloc(arena, 0);
	void *b = arena_alloc(arena, 0);

	CU_ASSERT_PTR_NOT_NULL(a);
	CU_ASSERT_PTR_NOT_EQUAL(a, b);
	CU_ASSERT_EQUAL(arena_used(arena), 0);
	arena_close(arena);
}

static void
used_counts_what_was_asked_for_until_reset(void)
{
	struct arena *arena = arena_open(CEILING);

	CU_ASSERT_EQUAL(arena_used(arena), 0);
	arena_alloc(arena, 10);
	arena_alloc(arena, 100000);
	CU_ASSERT_EQUAL(arena_used(arena), 100010);
	arena_reset(arena);
	CU_ASSERT_EQUAL(arena_used(arena), 0);
	arena_close(arena);
}

static void
a_reset_gives_the_first_block_back_for_use(void)
{
	struct arena *arena = arena_open(CEILING);
	void *first = arena_alloc(arena, 16);

	for (int i = 0; i < 50; i++)
		arena_alloc(arena, 10000);
	arena_reset(arena);
	CU_ASSERT_PTR_EQUAL(arena_alloc(arena, 16), first);
	arena_close(arena);
}

static void
above_the_ceiling_it_jumps_and_a_reset_makes_room(void)
{
	struct arena *arena = arena_open(100000);
	jmp_buf out;
	volatile int jumps = 0;
	volatile size_t taken = 0;

	if (setjmp(out) == 0) {
		arena_catch(arena, &out);
		for (;;) {
			arena_alloc(arena, 1000);
			taken += 1000;
		}
	}
	jumps++;
	CU_ASSERT_TRUE(taken >= 80000 && taken <= 100000);

	arena_reset(arena);
	if (setjmp(out) == 0) {
		arena_alloc(arena, 50000);
		arena_alloc(arena, 100001);
	}
	jumps++;
	CU_ASSERT_EQUAL(jumps, 2);
	CU_ASSERT_EQUAL(arena_used(arena), 50000);
	arena_close(arena);
}

static void
sizes_that_overflow_jump(void)
{
	struct arena *arena = arena_open(CEILING);
	jmp_buf out;
	volatile int jumps = 0;

	arena_catch(arena, &out);
	if (setjmp(out) == 0)
		arena_array(arena, SIZE_MAX / 2, 3);
	else
		jumps++;
	if (setjmp(out) == 0)
		arena_alloc(arena, SIZE_MAX);
	else
		jumps++;
	if (setjmp(out) == 0)
		arena_alloc(arena, SIZE_MAX - 64);
	else
		jumps++;
	CU_ASSERT_EQUAL(jumps, 3);
	CU_ASSERT_EQUAL(arena_used(arena), 0);
	arena_close(arena);
}

static void
clean_ups_run_once_and_newest_first(void)
{
	static int one = 1, two = 2, three = 3;
	struct arena *arena = arena_open(CEILING);

	note_count = 0;
	arena_defer(arena, take_note, &one);
	arena_defer(arena, take_note, &two);
	CU_ASSERT_EQUAL(note_count, 0);
	arena_reset(arena);
	CU_ASSERT_EQUAL(note_count, 2);
	CU_ASSERT_EQUAL(notes[0], 2);
	CU_ASSERT_EQUAL(notes[1], 1);

	arena_defer(arena, take_note, &three);
	arena_close(arena);
	CU_ASSERT_EQUAL(note_count, 3);
	CU_ASSERT_EQUAL(notes[2], 3);
}

static void
the_nth_allocation_fails_once(void)
{
	struct arena *arena = arena_open(CEILING);
	jmp_buf out;
	volatile int done = 0;
	volatile int jumps = 0;

	arena_catch(arena, &out);
	arena_fail_after(arena, 3);
	if (setjmp(out))
		jumps++;
	while (done < 10) {
		arena_alloc(arena, 1);
		done++;
		if (done == 2)
			CU_ASSERT_EQUAL(jumps, 0);
	}
	CU_ASSERT_EQUAL(jumps, 1);

	arena_fail_after(arena, 1);
	arena_fail_after(arena, 0);
	arena_alloc(arena, 1);
	CU_ASSERT_EQUAL(jumps, 1);
	arena_close(arena);
}

static void
a_defer_that_fails_cleans_up_before_it_jumps(void)
{
	static int seven = 7;
	struct arena *arena = arena_open(CEILING);
	jmp_buf out;
	volatile int jumps = 0;

	note_count = 0;
	arena_catch(arena, &out);
	arena_fail_after(arena, 1);
	if (setjmp(out) == 0)
		arena_defer(arena, take_note, &seven);
	else
		jumps++;
	CU_ASSERT_EQUAL(jumps, 1);
	CU_ASSERT_EQUAL(note_count, 1);
	CU_ASSERT_EQUAL(notes[0], 7);
	arena_close(arena);
	CU_ASSERT_EQUAL(note_count, 1);
}

static void
without_a_catch_the_process_aborts(void)
{
	struct arena *arena = arena_open(1000);
	jmp_buf out;
	int status = 0;
	pid_t pid;

	arena_catch(arena, &out);
	arena_catch(arena, NULL);
	pid = fork();
	CU_ASSERT_FATAL(pid >= 0);
	if (pid == 0) {
		setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
		arena_alloc(arena, 1001);
		_exit(0);
	}
	CU_ASSERT_EQUAL(waitpid(pid, &status, 0), pid);
	CU_ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	arena_close(arena);
}

static void
copies_hold_what_was_copied(void)
{
	static const char raw[4] = { 'a', '\0', 'b', 'c' };
	struct arena *arena = arena_open(CEILING);
	char *text = arena_strdup(arena, "hello");

	CU_ASSERT_STRING_EQUAL(text, "hello");
	CU_ASSERT_STRING_EQUAL(arena_strndup(arena, text, 3), "hel");
	CU_ASSERT_STRING_EQUAL(arena_strndup(arena, text, 99), "hello");
	CU_ASSERT_STRING_EQUAL(arena_strndup(arena, text, 0), "");
	CU_ASSERT_EQUAL(memcmp(arena_memdup(arena, raw, 4), raw, 4), 0);
	CU_ASSERT_PTR_NOT_NULL(arena_memdup(arena, NULL, 0));
	CU_ASSERT_STRING_EQUAL(arena_printf(arena, "%s-%05d", text, 42),
	    "hello-00042");
	CU_ASSERT_EQUAL(strlen(arena_printf(arena, "%*s", 5000, "x")), 5000);
	arena_close(arena);
}

static void
the_smallest_ceilings_hold_nothing_and_do_not_crash(void)
{
	struct arena *arena = arena_open(0);
	jmp_buf out;
	volatile int jumps = 0;

	CU_ASSERT_PTR_NOT_NULL_FATAL(arena);
	arena_catch(arena, &out);
	if (setjmp(out) == 0)
		arena_alloc(arena, 1);
	else
		jumps++;
	CU_ASSERT_EQUAL(jumps, 1);
	arena_reset(arena);
	arena_close(arena);
	arena_close(NULL);
}

UNIT_SUITE(arena, UNIT_TEST(memory_is_zeroed_also_when_used_again),
    UNIT_TEST(every_size_is_aligned_for_any_type),
    UNIT_TEST(objects_do_not_overlap_across_blocks),
    UNIT_TEST(an_empty_object_has_an_address_of_its_own),
    UNIT_TEST(used_counts_what_was_asked_for_until_reset),
    UNIT_TEST(a_reset_gives_the_first_block_back_for_use),
    UNIT_TEST(above_the_ceiling_it_jumps_and_a_reset_makes_room),
    UNIT_TEST(sizes_that_overflow_jump),
    UNIT_TEST(clean_ups_run_once_and_newest_first),
    UNIT_TEST(the_nth_allocation_fails_once),
    UNIT_TEST(a_defer_that_fails_cleans_up_before_it_jumps),
    UNIT_TEST(without_a_catch_the_process_aborts),
    UNIT_TEST(copies_hold_what_was_copied),
    UNIT_TEST(the_smallest_ceilings_hold_nothing_and_do_not_crash))
