/* tickets.c: the QR code of a booking: signed, drawn, read. */
#include "app/tickets.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "app/app.h"
#include "app/booking_row.h"
#include "app/booking_write.h"
#include "app/keyring.h"
#include "app/visit_forms.h"
#include "base/arena.h"
#include "base/scope.h"
#include "domain/lifecycle.h"
#include "domain/ticket.h"
#include "remote/qr.h"

static_assert(TICKET_KEY_LEN + 1 == KEYRING_LINK_NAME_MAX,
    "a ticket has room for the name of its key");

/* What is signed names the key too: "ticket.KEY|REFERENCE|VERSION". */
static const char *
purpose_of(struct scope *sc, const char *key)
{
	return arena_printf(sc->arena, "ticket.%s", key);
}

const char *
ticket_text(struct app *app, struct scope *sc, const struct uuid *reference,
    int64_t version)
{
	struct ticket t = { .reference = *reference, .version = version };

	keyring_link_name(app->ring, t.key);
	(void)snprintf(t.mac, sizeof t.mac, "%s", keyring_sign_link(app->ring,
	    sc, purpose_of(sc, t.key), reference, version));
	return ticket_url(sc->arena, app->conf->public_url, &t);
}

enum err
ticket_read(struct app *app, struct scope *sc, const char *text,
    struct ticket *ret_ticket)
{
	char ours[KEYRING_LINK_NAME_MAX];
	struct ticket t;

	keyring_link_name(app->ring, ours);
	if (!ticket_parse(text, &t) || strcmp(t.key, ours) != 0 ||
	    !keyring_check_link(app->ring, sc, purpose_of(sc, ours),
	    &t.reference, t.version, t.mac))
		return scope_fail(sc, ERR_FORGED, "a code that we did not "
		    "sign");

	*ret_ticket = t;
	return ERR_OK;
}

enum err
ticket_draw(struct scope *sc, const char *text, enum ticket_picture picture,
    const void **ret_data, size_t *ret_len)
{
	struct qr qr;
	enum err e;

	e = qr_encode(sc, text, &qr);
	if (e)
		return e;
	return picture == TICKET_PNG ?
	    qr_png(sc, &qr, TICKET_PIXELS, ret_data, ret_len) :
	    qr_svg(sc, &qr, TICKET_PIXELS, ret_data, ret_len);
}

/* One that is not paid yet may be kept ready; the desk will say so. */
static enum err
check_state(struct scope *sc, const struct booking_row *row)
{
	enum booking_state state;

	if (booking_row_lapsed(row))
		return scope_fail(sc, ERR_STATE, "the booking has expired");
	if (!lifecycle_parse(row->status, &state))
		return scope_fail(sc, ERR_INTERNAL, "unknown state in row");
	if (state != BOOKING_PENDING && state != BOOKING_CONFIRMED &&
	    state != BOOKING_CHECKED_IN)
		return scope_fail(sc, ERR_STATE, "a booking that is %s has no "
		    "QR code", row->status);
	return ERR_OK;
}

enum err
ticket_get(struct app *app, struct scope *sc, const struct caller *caller,
    const struct uuid *id, struct ticket_view *ret_ticket)
{
	struct booking_row row;
	enum err e;

	e = caller_needs_customer(sc, caller);
	if (!e)
		e = booking_row_load(app, sc, caller, id, NULL, &row);
	if (!e)
		e = check_state(sc, &row);
	if (e)
		return e;

	*ret_ticket = (struct ticket_view){
		.booking_id = row.id,
		.reference_number = row.reference,
		.booking_code = row.code,
		.url = ticket_text(app, sc, &row.reference, row.qr_version),
		.date = row.local_day,
		.time_zone = row.time_zone,
	};
	return ERR_OK;
}
