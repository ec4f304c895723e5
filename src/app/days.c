/* days.c: load a franchise's day. */
#include "app/days.h"

#include "app/app.h"
#include "base/clock.h"
#include "base/instant.h"
#include "base/scope.h"
#include "store/db.h"

struct loaded {
	struct day day;
};

static const struct column columns[] = { DAY_COLUMNS(struct loaded, day) };
static const struct columns day_columns = { sizeof(struct day), columns,
	ARRAY_LEN(columns) };

enum err
day_load(struct app *app, struct scope *sc, const struct uuid *franchise,
    int64_t date, struct day *ret_day)
{
	struct args args;

	args_init(&args, sc->arena);
	args_uuid(&args, franchise);
	args_date(&args, date);

	return db_one(app->db, sc, STMT_FRANCHISE_DAY, &args, &day_columns,
	    ret_day);
}

enum err
days_load(struct app *app, struct scope *sc, const struct uuid *franchise,
    int64_t date, int64_t count, struct day **ret_days, size_t *ret_count)
{
	struct day *days = NULL;
	size_t found = 0;
	struct args args;
	enum err e;

	args_init(&args, sc->arena);
	args_uuid(&args, franchise);
	args_date(&args, date);
	args_i64(&args, count);

	e = db_all(app->db, sc, STMT_FRANCHISE_DAYS, &args, &day_columns,
	    &days, &found);
	if (e)
		return e;
	if (found == 0)
		return scope_fail(sc, ERR_NOT_FOUND, "no such franchise");

	*ret_days = days;
	*ret_count = found;
	return ERR_OK;
}

int64_t
day_lifetime_ms(const struct day *day, int64_t since_us)
{
	return (day->valid_until_us - day->as_of_us -
	    (clock_mono_us() - since_us)) / 1000;
}
