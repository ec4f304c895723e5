/* qr.c: QR codes by libqrencode, as PNG by libpng, as SVG by hand. */
#include "remote/qr.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include <png.h>
#include <qrencode.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/scope.h"

#define PIXELS_MIN 3 /* of a module, or cameras begin to guess */
#define SVG_MAX ((size_t)512 * 1024)

static void
free_code(void *code)
{
	QRcode_free(code);
}

enum err
qr_encode(struct scope *sc, const char *text, struct qr *ret_qr)
{
	QRcode *code;
	uint8_t *modules;
	size_t count;

	errno = 0;
	code = QRcode_encodeString8bit(text, 0, QR_ECLEVEL_M);
	if (!code && errno == ENOMEM)
		arena_give_up(sc->arena);
	if (!code)
		return scope_fail(sc, ERR_INTERNAL, "a text is longer than a "
		    "QR code can hold");

	assert(code->width <= QR_SIDE_MAX);
	arena_defer(sc->arena, free_code, code);
	count = (size_t)code->width * (size_t)code->width;
	modules = arena_alloc(sc->arena, count);
	for (size_t i = 0; i < count; i++)
		modules[i] = code->data[i] & 1;
	*ret_qr = (struct qr){ code->width, modules };
	return ERR_OK;
}

/* The picture in pixels, 1 = dark, and how large it is. */
static uint8_t *
paint(struct scope *sc, const struct qr *qr, int pixels, int *ret_side)
{
	int whole = qr->side + 2 * QR_QUIET;
	int scale = pixels / whole < PIXELS_MIN ? PIXELS_MIN : pixels / whole;
	int side = scale * whole > pixels ? scale * whole : pixels;
	/* What does not divide makes the quiet zone wider. */
	int at = (side - scale * qr->side) / 2;
	uint8_t *out = arena_alloc(sc->arena, (size_t)side * (size_t)side);

	for (int y = 0; y < qr->side * scale; y++) {
		uint8_t *line = out + (size_t)(at + y) * (size_t)side + at;
		const uint8_t *row = qr->modules +
		    (size_t)(y / scale) * (size_t)qr->side;

		for (int x = 0; x < qr->side * scale; x++)
			line[x] = row[x / scale];
	}
	*ret_side = side;
	return out;
}

enum err
qr_png(struct scope *sc, const struct qr *qr, int pixels,
    const void **ret_data, size_t *ret_len)
{
	static const uint8_t colours[] = { 255, 255, 255, 0, 0, 0 };
	png_image image = { .version = PNG_IMAGE_VERSION,
		.format = PNG_FORMAT_RGB_COLORMAP, .colormap_entries = 2 };
	png_alloc_size_t len = 0;
	uint8_t *data;
	uint8_t *painted;
	int side;

	painted = paint(sc, qr, pixels, &side);
	image.width = image.height = (png_uint_32)side;
	/* Two colours: it becomes one bit a pixel.  Once for its size. */
	if (!png_image_write_to_memory(&image, NULL, &len, 0, painted, side,
	    colours))
		return scope_fail(sc, ERR_INTERNAL, "PNG: %s", image.message);
	data = arena_alloc(sc->arena, len);
	if (!png_image_write_to_memory(&image, data, &len, 0, painted, side,
	    colours))
		return scope_fail(sc, ERR_INTERNAL, "PNG: %s", image.message);

	*ret_data = data;
	*ret_len = len;
	return ERR_OK;
}

enum err
qr_svg(struct scope *sc, const struct qr *qr, int pixels,
    const void **ret_data, size_t *ret_len)
{
	int whole = qr->side + 2 * QR_QUIET;
	struct buf out;

	buf_init(&out, sc->arena, SVG_MAX);
	buf_printf(&out, "<svg xmlns=\"http://www.w3.org/2000/svg\" "
	    "width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\" "
	    "shape-rendering=\"crispEdges\">"
	    "<path fill=\"#fff\" d=\"M0 0h%dv%dH0z\"/><path d=\"", pixels,
	    pixels, whole, whole, whole, whole);
	for (int y = 0; y < qr->side; y++) {
		const uint8_t *row = qr->modules + (size_t)y * (size_t)qr->side;

		for (int x = 0; x < qr->side;) {
			int run = 0;

			while (x + run < qr->side && row[x + run] == row[x])
				run++;
			if (row[x])
				buf_printf(&out, "M%d %dh%dv1h-%dz",
				    x + QR_QUIET, y + QR_QUIET, run, run);
			x += run;
		}
	}
	buf_puts(&out, "\"/></svg>\n");
	if (out.overflow)
		return scope_fail(sc, ERR_INTERNAL, "a QR code is too large "
		    "to draw");

	*ret_data = out.data;
	*ret_len = out.len;
	return ERR_OK;
}
