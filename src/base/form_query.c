/* form_query.c: a query string into a struct, by the table. */
#include <assert.h>
#include <string.h>

#include "base/arena.h"
#include "base/codec.h"
#include "base/form.h"
#include "base/form_value.h"
#include "base/scope.h"

#define QUERY_PARAMS_MAX 64
#define QUERY_FIELDS_MAX 64

static bool
is_scalar(enum field_type type)
{
	return form_is_text(type) || type == FIELD_INT || type == FIELD_MONEY ||
	    type == FIELD_BOOL;
}

/* The index of the field, or form->count. */
static size_t
find_field(const struct form *form, const char *name)
{
	for (size_t i = 0; i < form->count; i++) {
		if (is_scalar(form->fields[i].type) &&
		    strcmp(form->fields[i].name, name) == 0)
			return i;
	}
	return form->count;
}

static void
take_value(const struct form_place *at, const struct field *field,
    const char *text, size_t len, void *object)
{
	char *value;

	if (!codec_unpercent(at->sc->arena, text, len, true, &value)) {
		form_note(at, "utf8", "must be percent-encoded UTF-8");
		return;
	}

	if (form_is_text(field->type)) {
		form_take_text(at, field, value, object);
	} else if (field->type == FIELD_BOOL) {
		if (strcmp(value, "true") == 0)
			*(bool *)form_member(field, object) = true;
		else if (strcmp(value, "false") != 0)
			form_note(at, "type", "must be true or false");
	} else {
		form_take_number(at, field, value, object);
	}
}

/* One "name=value"; `seen` has a bit for each field that came before. */
static void
take_param(struct scope *sc, const struct form *form, const char *text,
    size_t len, uint64_t *seen, void *object)
{
	const char *equals = memchr(text, '=', len);
	size_t name_len = equals ? (size_t)(equals - text) : len;
	struct form_place at = { .sc = sc };
	char *name;
	size_t i;

	if (!codec_unpercent(sc->arena, text, name_len, true, &name)) {
		at.param = "";
		form_note(&at, "utf8",
		    "a parameter's name must be percent-encoded UTF-8");
		return;
	}
	at.param = name;
	i = find_field(form, name);
	if (i == form->count) {
		form_note(&at, "unknown_field", "is not known here");
		return;
	}
	if (*seen & UINT64_C(1) << i) {
		form_note(&at, "repeated", "must be given once");
		return;
	}
	*seen |= UINT64_C(1) << i;
	take_value(&at, &form->fields[i], equals ? equals + 1 : "",
	    equals ? len - name_len - 1 : 0, object);
}

enum err
form_read_query(struct scope *sc, const struct form *form, const char *query,
    void *object)
{
	size_t params = 0;
	uint64_t seen = 0;

	assert(form->count <= QUERY_FIELDS_MAX);
	form_clear(form, object);

	while (query && *query) {
		size_t len = strcspn(query, "&");

		if (len > 0 && ++params > QUERY_PARAMS_MAX)
			return scope_fail(sc, ERR_MALFORMED,
			    "query: more than %d parameters", QUERY_PARAMS_MAX);
		if (len > 0)
			take_param(sc, form, query, len, &seen, object);
		query += len;
		query += *query == '&';
	}

	for (size_t i = 0; i < form->count; i++) {
		struct form_place at = { .sc = sc };

		if (!(form->fields[i].flags & FIELD_REQUIRED) ||
		    seen & UINT64_C(1) << i)
			continue;
		at.param = form->fields[i].name;
		form_note(&at, "required", "must be given");
	}
	if (form->check)
		form->check(sc, "", object);

	return scope_faults(sc);
}
