/* schema.c: the migrations, as bookingctl sees them. */
#include "app/schema.h"

#include "app/settings.h"
#include "base/arena.h"
#include "base/scope.h"
#include "store/migrate.h"

const char *
schema_url(const struct settings *settings)
{
	if (*settings->database_admin_url)
		return settings->database_admin_url;
	return *settings->database_url ? settings->database_url : NULL;
}

enum err
schema_apply(struct scope *sc, const struct settings *settings, FILE *report,
    size_t *ret_applied)
{
	return migrate_apply(sc, schema_url(settings), settings->sql_dir,
	    report, ret_applied);
}

enum err
schema_status(struct scope *sc, const struct settings *settings,
    struct schema_step **ret_steps, size_t *ret_count)
{
	struct migration *list;
	struct schema_step *steps;
	size_t count;
	enum err e;

	e = migrate_status(sc, schema_url(settings), settings->sql_dir, &list,
	    &count);
	if (e)
		return e;

	steps = arena_new_array(sc->arena, struct schema_step, count);
	for (size_t i = 0; i < count; i++)
		steps[i] = (struct schema_step){ list[i].name,
			list[i].applied_us, list[i].gone, list[i].changed };
	*ret_steps = steps;
	*ret_count = count;
	return ERR_OK;
}
