/* test_buf.c: the growing buffer and its ceiling. */
#include "base/buf.h"

#include <string.h>

#include "base/arena.h"
#include "unit/unit.h"

#define CEILING ((size_t)1024 * 1024)

static void
a_new_buffer_is_an_empty_text(void)
{
	struct arena *arena = arena_open(CEILING);
	struct buf b;

	buf_init(&b, arena, 0);
	CU_ASSERT_STRING_EQUAL(b.data, "");
	buf_put(&b, "", 0);
	CU_ASSERT_FALSE(b.overflow);
	buf_putc(&b, 'x');
	CU_ASSERT_TRUE(b.overflow);
	CU_ASSERT_EQUAL(b.len, 0);
	arena_close(arena);
}

static void
pieces_follow_each_other_and_end_in_a_nul(void)
{
	struct arena *arena = arena_open(CEILING);
	struct buf b;

	buf_init(&b, arena, 100);
	buf_puts(&b, "ab");
	buf_putc(&b, 'c');
	buf_put(&b, "d\0e", 3);
	buf_printf(&b, "-%d-%s", 7, "z");
	CU_ASSERT_EQUAL(b.len, 10);
	CU_ASSERT_EQUAL(memcmp(b.data, "abcd\0e-7-z", 11), 0);
	CU_ASSERT_FALSE(b.overflow);
	arena_close(arena);
}

static void
it_grows_to_its_ceiling_and_not_a_byte_above(void)
{
	struct arena *arena = arena_open(CEILING);
	struct buf b;

	buf_init(&b, arena, 1000);
	for (int i = 0; i < 1000; i++)
		buf_putc(&b, (char)('a' + i % 26));
	CU_ASSERT_EQUAL(b.len, 1000);
	CU_ASSERT_FALSE(b.overflow);
	CU_ASSERT_EQUAL(b.data[999], 'a' + 999 % 26);
	CU_ASSERT_EQUAL(strlen(b.data), 1000);

	buf_putc(&b, '!');
	CU_ASSERT_TRUE(b.overflow);
	CU_ASSERT_EQUAL(b.len, 1000);
	CU_ASSERT_EQUAL(strlen(b.data), 1000);
	arena_close(arena);
}

static void
a_piece_that_does_not_fit_leaves_no_part_and_ends_the_writing(void)
{
	struct arena *arena = arena_open(CEILING);
	struct buf b;

	buf_init(&b, arena, 8);
	buf_puts(&b, "12345");
	buf_printf(&b, "%d", 6789);
	CU_ASSERT_TRUE(b.overflow);
	CU_ASSERT_STRING_EQUAL(b.data, "12345");
	buf_puts(&b, "6");
	CU_ASSERT_TRUE(b.overflow);
	CU_ASSERT_STRING_EQUAL(b.data, "12345");
	arena_close(arena);
}

static void
a_formatted_piece_may_be_longer_than_the_room_so_far(void)
{
	struct arena *arena = arena_open(CEILING);
	struct buf b;

	buf_init(&b, arena, 5000);
	buf_printf(&b, "%*d", 4999, 3);
	buf_printf(&b, "%s", "e");
	CU_ASSERT_EQUAL(b.len, 5000);
	CU_ASSERT_STRING_EQUAL(b.data + 4997, " 3e");
	CU_ASSERT_FALSE(b.overflow);
	arena_close(arena);
}

UNIT_SUITE(buf, UNIT_TEST(a_new_buffer_is_an_empty_text),
    UNIT_TEST(pieces_follow_each_other_and_end_in_a_nul),
    UNIT_TEST(it_grows_to_its_ceiling_and_not_a_byte_above),
    UNIT_TEST(a_piece_that_does_not_fit_leaves_no_part_and_ends_the_writing),
    UNIT_TEST(a_formatted_piece_may_be_longer_than_the_room_so_far))
