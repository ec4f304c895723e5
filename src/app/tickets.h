/*
 * tickets.h: the QR code of a booking: drawn for its owner, read at the desk.
 */
#ifndef APP_TICKETS_H
#define APP_TICKETS_H

#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/err.h"

#define TICKET_PIXELS 300 /* of a picture's side */

struct app;
struct caller;
struct scope;
struct ticket;
struct ticket_view;
struct uuid;

enum ticket_picture {
	TICKET_PNG,
	TICKET_SVG
};

/* What the code of that reference and version holds: PUBLIC_URL/checkin/... */
const char *ticket_text(struct app *app, struct scope *sc,
    const struct uuid *reference, int64_t version);

/* Read what was scanned.  ERR_FORGED: it is no text of ours, in the same time
 * whatever it names; no booking is looked at. */
enum err ticket_read(struct app *app, struct scope *sc, const char *text,
    struct ticket *ret_ticket) MUSTCHECK;

/* The picture of a text, in the arena. */
enum err ticket_draw(struct scope *sc, const char *text,
    enum ticket_picture picture, const void **ret_data, size_t *ret_len)
    MUSTCHECK;

/*
 * The code of the caller's own booking.
 *
 * ERR_NOT_FOUND  not there, or not the caller's
 * ERR_STATE      no booking anybody could be checked in with
 */
enum err ticket_get(struct app *app, struct scope *sc,
    const struct caller *caller, const struct uuid *id,
    struct ticket_view *ret_ticket) MUSTCHECK;

#endif
