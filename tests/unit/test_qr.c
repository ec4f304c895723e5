/* test_qr.c: a QR code's modules, and the pictures made of them.  That a real
 * decoder reads them is for tests/http/test_qr.py. */
#include "remote/qr.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <png.h>

#include "base/arena.h"
#include "base/scope.h"
#include "unit/unit.h"

#define MEMORY ((size_t)16 * 1024 * 1024)
#define TEXT "https://booking.example.com/checkin/" \
	"7f9c24e8-3b12-4fef-91e0-1c1f8a2b9d37?sig=1.mK3d.nQ0r1vZ8fYw2b7uXcK5tEA"

struct easel {
	struct arena *arena;
	struct scope sc;
	struct qr qr;
};

static void
easel_open(struct easel *e, const char *text)
{
	e->arena = arena_open(MEMORY);
	CU_ASSERT_PTR_NOT_NULL_FATAL(e->arena);
	scope_init(&e->sc, e->arena, 1000000);
	CU_ASSERT_EQUAL_FATAL(qr_encode(&e->sc, text, &e->qr), ERR_OK);
}

static bool
dark(const struct qr *qr, int x, int y)
{
	return qr->modules[y * qr->side + x] != 0;
}

/* The mark in three corners: dark, white, dark from the outside in. */
static bool
finder_at(const struct qr *qr, int left, int top)
{
	for (int y = 0; y < 7; y++) {
		for (int x = 0; x < 7; x++) {
			int ring = x < y ? x : y;
			int far = 6 - (x > y ? x : y);

			ring = ring < far ? ring : far;
			if (dark(qr, left + x, top + y) != (ring != 1))
				return false;
		}
	}
	return true;
}

static void
a_code_has_its_marks_and_no_fourth(void)
{
	struct easel e;

	easel_open(&e, TEXT);
	CU_ASSERT_EQUAL((e.qr.side - 17) % 4, 0);
	CU_ASSERT_TRUE(e.qr.side <= 49); /* version 8 is enough */
	CU_ASSERT_TRUE(finder_at(&e.qr, 0, 0));
	CU_ASSERT_TRUE(finder_at(&e.qr, e.qr.side - 7, 0));
	CU_ASSERT_TRUE(finder_at(&e.qr, 0, e.qr.side - 7));
	CU_ASSERT_FALSE(finder_at(&e.qr, e.qr.side - 7, e.qr.side - 7));
	for (size_t i = 0; i < (size_t)(e.qr.side * e.qr.side); i++)
		CU_ASSERT_TRUE(e.qr.modules[i] <= 1);
	arena_close(e.arena);
}

static void
what_no_code_can_hold_is_refused(void)
{
	struct arena *arena = arena_open(MEMORY);
	char *text = arena_alloc(arena, 4000);
	struct qr qr = { .side = -1 };
	struct scope sc;

	scope_init(&sc, arena, 1000000);
	memset(text, 'a', 2331); /* version 40, M */
	CU_ASSERT_EQUAL(qr_encode(&sc, text, &qr), ERR_OK);
	CU_ASSERT_EQUAL(qr.side, QR_SIDE_MAX);
	qr.side = -1;
	text[2331] = 'a';
	CU_ASSERT_EQUAL(qr_encode(&sc, text, &qr), ERR_INTERNAL);
	CU_ASSERT_EQUAL(qr.side, -1);
	arena_close(arena);
}

/* The PNG as libpng reads it back, a byte a pixel, 0 = black. */
static uint8_t *
read_png(const void *data, size_t len, int *ret_side)
{
	png_image image = { .version = PNG_IMAGE_VERSION };
	uint8_t *pixels;

	CU_ASSERT_TRUE_FATAL(png_image_begin_read_from_memory(&image, data,
	    len));
	CU_ASSERT_EQUAL(image.width, image.height);
	image.format = PNG_FORMAT_GRAY;
	pixels = malloc(PNG_IMAGE_SIZE(image));
	CU_ASSERT_TRUE_FATAL(png_image_finish_read(&image, NULL, pixels, 0,
	    NULL));
	*ret_side = (int)image.width;
	return pixels;
}

/* Every pixel is its module's colour, or the quiet zone's white. */
static void
picture_is_sharp(struct easel *e, int wanted, int side_wanted, int scale)
{
	const void *data = NULL;
	size_t len = 0;
	uint8_t *pixels;
	int wrong = 0;
	int side;
	int at;

	CU_ASSERT_EQUAL(qr_png(&e->sc, &e->qr, wanted, &data, &len), ERR_OK);
	pixels = read_png(data, len, &side);
	CU_ASSERT_EQUAL(side, side_wanted);
	at = (side - scale * e->qr.side) / 2;
	CU_ASSERT_TRUE(at >= QR_QUIET * scale);
	for (int y = 0; y < side; y++) {
		for (int x = 0; x < side; x++) {
			int mx = x < at ? -1 : (x - at) / scale;
			int my = y < at ? -1 : (y - at) / scale;
			bool in = mx >= 0 && my >= 0 && mx < e->qr.side &&
			    my < e->qr.side;
			int want = in && dark(&e->qr, mx, my) ? 0 : 255;

			wrong += pixels[y * side + x] != want;
		}
	}
	CU_ASSERT_EQUAL(wrong, 0);
	free(pixels);
}

static void
a_picture_is_as_large_as_asked_and_sharp(void)
{
	struct easel e;
	int whole;

	easel_open(&e, TEXT);
	whole = e.qr.side + 2 * QR_QUIET;
	picture_is_sharp(&e, 300, 300, 300 / whole);
	picture_is_sharp(&e, whole * 8, whole * 8, 8);
	/* Never so small that a camera has to guess. */
	picture_is_sharp(&e, 10, whole * 3, 3);
	arena_close(e.arena);
}

static void
a_picture_has_one_bit_a_pixel(void)
{
	const uint8_t *data = NULL;
	struct easel e;
	size_t len = 0;

	easel_open(&e, TEXT);
	CU_ASSERT_EQUAL(qr_png(&e.sc, &e.qr, 300, (const void **)&data, &len),
	    ERR_OK);
	CU_ASSERT_EQUAL(memcmp(data, "\x89PNG\r\n\x1a\n", 8), 0);
	CU_ASSERT_EQUAL(memcmp(data + 12, "IHDR", 4), 0);
	CU_ASSERT_EQUAL(data[24], 1); /* bit depth */
	CU_ASSERT_TRUE(len < 2048);
	arena_close(e.arena);
}

static void
a_drawing_has_the_same_modules(void)
{
	const char *text = NULL;
	struct easel e;
	size_t len = 0;
	int drawn = 0;
	int all = 0;

	easel_open(&e, TEXT);
	CU_ASSERT_EQUAL(qr_svg(&e.sc, &e.qr, 300, (const void **)&text, &len),
	    ERR_OK);
	CU_ASSERT_EQUAL(strlen(text), len);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "width=\"300\" height=\"300\""));
	for (const char *p = strstr(text, "<path d=\"") + 9; *p == 'M';) {
		int x, y, run, back, used = 0;

		CU_ASSERT_EQUAL_FATAL(sscanf(p, "M%d %dh%dv1h-%dz%n", &x, &y,
		    &run, &back, &used), 4);
		CU_ASSERT_EQUAL(run, back);
		for (int i = 0; i < run; i++)
			CU_ASSERT_TRUE(dark(&e.qr, x - QR_QUIET + i,
			    y - QR_QUIET));
		drawn += run;
		p += used;
	}
	for (int i = 0; i < e.qr.side * e.qr.side; i++)
		all += e.qr.modules[i];
	CU_ASSERT_EQUAL(drawn, all);
	arena_close(e.arena);
}

static void
without_memory_nothing_is_lost(void)
{
	struct arena *arena = arena_open(MEMORY);
	const void *data;
	struct scope sc;
	jmp_buf out;
	size_t len;
	volatile int failures = 0;

	for (volatile size_t n = 1; n <= 8; n++) {
		struct qr qr;

		arena_reset(arena);
		scope_init(&sc, arena, 1000000);
		if (setjmp(out) == 0) {
			arena_catch(arena, &out);
			arena_fail_after(arena, n);
			CU_ASSERT_TRUE(!qr_encode(&sc, TEXT, &qr) &&
			    !qr_png(&sc, &qr, 300, &data, &len) &&
			    !qr_svg(&sc, &qr, 300, &data, &len));
		} else {
			failures++;
		}
		arena_fail_after(arena, 0);
		arena_catch(arena, NULL);
	}
	CU_ASSERT_TRUE(failures >= 4);
	arena_close(arena);
}

UNIT_SUITE(qr, UNIT_TEST(a_code_has_its_marks_and_no_fourth),
    UNIT_TEST(what_no_code_can_hold_is_refused),
    UNIT_TEST(a_picture_is_as_large_as_asked_and_sharp),
    UNIT_TEST(a_picture_has_one_bit_a_pixel),
    UNIT_TEST(a_drawing_has_the_same_modules),
    UNIT_TEST(without_memory_nothing_is_lost))
