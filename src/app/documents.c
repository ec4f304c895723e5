/* documents.c: pictures of QR codes into their store, and out of it. */
#include "app/documents.h"

#include <stddef.h>

#include "app/app.h"
#include "app/keyring.h"
#include "app/tickets.h"
#include "base/arena.h"
#include "base/scope.h"
#include "remote/folder.h"
#include "remote/s3.h"

/* It never changes, but it may be taken away: its code can be revoked. */
#define CACHE_CONTROL "private, max-age=86400"

static const struct {
	enum ticket_picture picture;
	const char *suffix;
	const char *type;
} kinds[] = {
	{ TICKET_SVG, "svg", "image/svg+xml" },
	/* The last one is what the booking links to: then all are there. */
	{ TICKET_PNG, "png", "image/png" },
};

enum err
documents_check(const struct app *app, struct scope *sc)
{
	if (app->s3 && !*app->conf->documents_url)
		return scope_fail(sc, ERR_INVALID, "DOCUMENTS_URL is missing: "
		    "the address under which the pictures in S3_BUCKET can be "
		    "had");
	return ERR_OK;
}

static const char *
name_of(struct app *app, struct scope *sc, const struct uuid *reference,
    int64_t number, const char *suffix)
{
	return arena_printf(sc->arena, "qr/%s.%s", keyring_sign_link(app->ring,
	    sc, "document.qr", reference, number), suffix);
}

const char *
documents_url(struct app *app, struct scope *sc, const struct uuid *reference,
    int64_t number)
{
	const char *name = name_of(app, sc, reference, number, "png");

	if (*app->conf->documents_url)
		return arena_printf(sc->arena, "%s/%s",
		    app->conf->documents_url, name);
	return arena_printf(sc->arena, "%s/documents/%s",
	    app->conf->public_url, name);
}

static enum due_outcome
put(struct app *app, struct scope *sc, const char *name, const char *type,
    const void *data, size_t len)
{
	const struct s3_object object = { .key = name, .type = type,
		.cache_control = CACHE_CONTROL, .body = data, .len = len };
	const char *code;

	if (app->s3)
		return due_outcome_of_aws(s3_put(app->s3, sc, &object,
		    &code));
	return folder_put(sc, app->conf->documents_dir, name, data, len) ?
	    DUE_OUTAGE : DUE_DONE;
}

enum due_outcome
documents_store(struct app *app, struct scope *sc,
    const struct uuid *reference, int64_t number)
{
	const char *text = ticket_text(app, sc, reference, number);
	enum due_outcome outcome = DUE_DONE;

	for (size_t i = 0; outcome == DUE_DONE && i < ARRAY_LEN(kinds); i++) {
		const void *data;
		size_t len;

		if (ticket_draw(sc, text, kinds[i].picture, &data, &len))
			return DUE_REFUSED;
		outcome = put(app, sc, name_of(app, sc, reference, number,
		    kinds[i].suffix), kinds[i].type, data, len);
	}
	return outcome;
}

enum due_outcome
documents_remove(struct app *app, struct scope *sc,
    const struct uuid *reference, int64_t number)
{
	enum due_outcome outcome = DUE_DONE;

	for (size_t i = 0; outcome == DUE_DONE && i < ARRAY_LEN(kinds); i++) {
		const char *name = name_of(app, sc, reference, number,
		    kinds[i].suffix);
		const char *code;

		if (app->s3)
			outcome = due_outcome_of_aws(s3_delete(app->s3, sc,
			    name, &code));
		else if (folder_delete(sc, app->conf->documents_dir, name))
			outcome = DUE_OUTAGE;
	}
	return outcome;
}
