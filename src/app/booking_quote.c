/* booking_quote.c: read the day a booking would fall on. */
#include "app/booking_quote.h"

#include "app/app.h"
#include "app/bookings.h"
#include "app/days.h"
#include "base/scope.h"
#include "domain/access.h"
#include "store/db.h"

static const struct column items[] = {
	DAY_COLUMNS(struct booking_quote, day),
	{ "fingerprint", COLUMN_BYTES,
	    offsetof(struct booking_quote, stored.fingerprint) },
	{ "answer", COLUMN_BYTES,
	    offsetof(struct booking_quote, stored.answer) },
	{ "answered", COLUMN_UUID,
	    offsetof(struct booking_quote, stored.booking_id) },
	{ "answered_key", COLUMN_BYTES,
	    offsetof(struct booking_quote, stored.data_key) },
};

enum err
booking_quote(struct app *app, struct scope *sc, const struct uuid *franchise,
    int64_t start_us, const struct caller *caller,
    const struct replay *replay, struct booking_quote *ret_quote)
{
	static const struct columns columns = { sizeof(struct booking_quote),
		items, ARRAY_LEN(items) };
	struct args args;

	args_init(&args, sc->arena);
	args_uuid(&args, franchise);
	args_instant(&args, start_us);
	args_text(&args, replay ? caller->name : NULL);
	args_text(&args, replay ? replay->key : NULL);

	return db_one(app->db, sc, STMT_BOOKING_QUOTE, &args, &columns,
	    ret_quote);
}

enum err
booking_quote_day(struct app *app, struct scope *sc,
    const struct uuid *franchise, int64_t start_us, struct day *ret_day)
{
	struct booking_quote quote;
	enum err e;

	e = booking_quote(app, sc, franchise, start_us, NULL, NULL, &quote);
	if (e)
		return e;
	if (!quote.day.is_active)
		return scope_fail(sc, ERR_STATE, "the franchise takes no "
		    "bookings any more");

	*ret_day = quote.day;
	return ERR_OK;
}
