/*
 * qr.h: a text as a QR code (ISO/IEC 18004): its modules, and pictures of them.
 * With qr.c the only user of libqrencode and libpng.
 *
 * Memory   All results live in the scope's arena.
 * Sharp    A module is a whole number of pixels, and the quiet zone is at least
 *          the four modules that the standard asks for.
 */
#ifndef REMOTE_QR_H
#define REMOTE_QR_H

#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/err.h"

#define QR_QUIET 4      /* modules of white around */
#define QR_SIDE_MAX 177 /* modules of version 40 */

struct scope;

struct qr {
	int side;               /* modules */
	const uint8_t *modules; /* row by row; 1 = dark */
};

/* Bytes as they are, error correction M (a seventh may be dirt).  ERR_INTERNAL:
 * longer than a code can hold. */
enum err qr_encode(struct scope *sc, const char *text, struct qr *ret_qr)
    MUSTCHECK;

/* A picture of one bit a pixel, `pixels` wide and high; larger only when a
 * module would have less than three. */
enum err qr_png(struct scope *sc, const struct qr *qr, int pixels,
    const void **ret_data, size_t *ret_len) MUSTCHECK;

/* The same as a drawing that grows without blur. */
enum err qr_svg(struct scope *sc, const struct qr *qr, int pixels,
    const void **ret_data, size_t *ret_len) MUSTCHECK;

#endif
