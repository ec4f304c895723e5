/*
 * documents.h: where pictures of QR codes are kept: in a bucket, or in a folder
 * that nginx serves.
 *
 * Name     "qr/NAME.png" and ".svg", NAME being a MAC of reference and number:
 *          nobody can guess it, and whoever stores the picture again writes
 *          over it.
 * Public   Whoever knows the address can have the picture, as whoever has the
 *          picture can show it at the desk.  It holds no name.
 */
#ifndef APP_DOCUMENTS_H
#define APP_DOCUMENTS_H

#include <stdint.h>

#include "app/due.h"
#include "base/compiler.h"
#include "base/err.h"

struct app;
struct scope;
struct uuid;

/* Is there a place for them?  ERR_INVALID with a sentence. */
enum err documents_check(const struct app *app, struct scope *sc) MUSTCHECK;

/* Draw the code of that reference and number and store it.  Not DUE_DONE: with a
 * sentence in sc->why. */
enum due_outcome documents_store(struct app *app, struct scope *sc,
    const struct uuid *reference, int64_t number) MUSTCHECK;

/* Take away what was stored of it; the same when there is nothing. */
enum due_outcome documents_remove(struct app *app, struct scope *sc,
    const struct uuid *reference, int64_t number) MUSTCHECK;

/* The address of the PNG, in the arena. */
const char *documents_url(struct app *app, struct scope *sc,
    const struct uuid *reference, int64_t number);

#endif
