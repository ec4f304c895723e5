/* form.c: JSON into a struct, by the table; the only user of json-c. */
#include "base/form.h"

#include <inttypes.h>
#include <string.h>

#include <json-c/json.h>

#include "base/arena.h"
#include "base/form_value.h"
#include "base/instant.h"
#include "base/json.h"
#include "base/scope.h"

/* What json-c made, owned by the arena. */
struct parsed {
	struct json_tokener *tokener;
	struct json_object *root;
};

void
form_clear(const struct form *form, void *object)
{
	memset(object, 0, form->size);

	for (size_t i = 0; i < form->count; i++) {
		const struct field *field = &form->fields[i];

		if (field->type == FIELD_INSTANT || field->type == FIELD_DATE ||
		    field->type == FIELD_INT || field->type == FIELD_MONEY)
			*(int64_t *)form_member(field, object) = NONE;
	}
}

/* The JSON Pointer of a member (RFC 6901). */
static const char *
member_pointer(struct arena *arena, const char *at, const char *name)
{
	size_t len = strlen(at);
	char *pointer = arena_alloc(arena, len + 2 + 2 * strlen(name));
	char *p = pointer + len;

	memcpy(pointer, at, len);
	*p++ = '/';
	for (; *name; name++) {
		if (*name == '~' || *name == '/') {
			*p++ = '~';
			*p++ = *name == '~' ? '0' : '1';
		} else {
			*p++ = *name;
		}
	}
	*p = '\0';
	return pointer;
}

static void read_object(struct scope *sc, const struct form *form,
    struct json_object *json, const char *at, void *object);

static void
read_list(const struct form_place *at, const struct field *field,
    struct json_object *json, struct list *ret_list)
{
	struct arena *arena = at->sc->arena;
	const struct form *form = field->form;
	size_t count = json_object_array_length(json);
	char *items;

	if (form_has_min(field) && (int64_t)count < field->min) {
		form_note(at, "min_items", "must have at least %" PRId64
		    " items", field->min);
		return;
	}
	if (form_has_max(field) && (int64_t)count > field->max) {
		form_note(at, "max_items", "must have at most %" PRId64
		    " items", field->max);
		return;
	}

	/* One more, so that an empty list is not taken for an absent one. */
	items = arena_array(arena, count + 1, form->size);
	for (size_t i = 0; i < count; i++) {
		struct json_object *item = json_object_array_get_idx(json, i);
		struct form_place place = { .sc = at->sc };

		place.pointer = arena_printf(arena, "%s/%zu", at->pointer, i);
		form_clear(form, items + i * form->size);
		if (json_object_is_type(item, json_type_object))
			read_object(at->sc, form, item, place.pointer,
			    items + i * form->size);
		else
			form_note(&place, "type", "must be an object");
	}
	ret_list->items = items;
	ret_list->count = count;
}

/* Words with single spaces between, as a list of texts. */
static void
split_words(struct arena *arena, const char *text, struct texts *ret_texts)
{
	char *copy = arena_strdup(arena, text);
	const char **items = arena_new_array(arena, const char *,
	    strlen(text) / 2 + 1);
	size_t count = 0;

	while (*copy) {
		size_t len = strcspn(copy, " ");
		bool last = copy[len] == '\0';

		copy[len] = '\0';
		if (len > 0)
			items[count++] = copy;
		copy += len + (last ? 0 : 1);
	}
	*ret_texts = (struct texts){ items, count };
}

static void
read_texts(const struct form_place *at, const struct field *field,
    struct json_object *json, struct texts *ret_texts)
{
	struct arena *arena = at->sc->arena;
	struct texts texts = { NULL, 0 };

	if (json_object_is_type(json, json_type_string) &&
	    field->flags & FIELD_SPLIT) {
		split_words(arena, json_object_get_string(json), &texts);
	} else if (json_object_is_type(json, json_type_string) &&
	    field->flags & FIELD_ALONE) {
		texts.items = arena_new_array(arena, const char *, 1);
		texts.items[texts.count++] = json_object_get_string(json);
	} else if (json_object_is_type(json, json_type_array)) {
		size_t count = json_object_array_length(json);

		texts.items = arena_new_array(arena, const char *, count + 1);
		for (; texts.count < count; texts.count++) {
			struct json_object *item = json_object_array_get_idx(
			    json, texts.count);

			if (!json_object_is_type(item, json_type_string)) {
				form_note(at, "type", "must hold only strings");
				return;
			}
			texts.items[texts.count] = json_object_get_string(item);
		}
	} else {
		form_note(at, "type", "must be a list of strings");
		return;
	}
	if (form_has_max(field) && (int64_t)texts.count > field->max) {
		form_note(at, "max_items", "must have at most %" PRId64
		    " items", field->max);
		return;
	}
	*ret_texts = texts;
}

/* Of a type other than the text types; json-c's getters coerce, hence each
 * one stands behind a check of the type. */
static void
read_other(const struct form_place *at, const struct field *field,
    struct json_object *json, void *object)
{
	enum json_type type = json_object_get_type(json);
	void *slot = form_member(field, object);
	void *nested;

	switch (field->type) {
	case FIELD_INT:
	case FIELD_MONEY:
		/* json-c keeps a fraction or exponent as it was written, and
		 * saturates an integer outside of what int64_t holds. */
		if (type == json_type_int || type == json_type_double)
			form_take_number(at, field,
			    json_object_to_json_string(json), object);
		else
			form_note(at, "type", field->type == FIELD_INT
			    ? "must be an integer" : "must be a number");
		return;
	case FIELD_BOOL:
		if (type == json_type_boolean)
			*(bool *)slot = json_object_get_boolean(json);
		else
			form_note(at, "type", "must be true or false");
		return;
	case FIELD_OBJECT:
		if (type != json_type_object) {
			form_note(at, "type", "must be an object");
			return;
		}
		nested = arena_alloc(at->sc->arena, field->form->size);
		form_clear(field->form, nested);
		*(void **)slot = nested;
		read_object(at->sc, field->form, json, at->pointer, nested);
		return;
	case FIELD_TEXTS:
		read_texts(at, field, json, slot);
		return;
	case FIELD_LIST:
		if (type == json_type_array)
			read_list(at, field, json, slot);
		else
			form_note(at, "type", "must be a list");
		return;
	default:
		return;
	}
}

static void
read_member(struct scope *sc, const struct field *field,
    struct json_object *parent, const char *parent_at, void *object)
{
	struct form_place at = { .sc = sc };
	struct json_object *json;

	if (!json_object_object_get_ex(parent, field->name, &json)) {
		if (!(field->flags & FIELD_REQUIRED))
			return;
		at.pointer = member_pointer(sc->arena, parent_at, field->name);
		form_note(&at, "required", "must be given");
		return;
	}
	if (!json && field->flags & FIELD_NULLABLE) {
		if (field->flags & FIELD_CLEARS)
			*(const char **)form_member(field, object) = "";
		return;
	}

	at.pointer = member_pointer(sc->arena, parent_at, field->name);
	if (!json)
		form_note(&at, "type", "must not be null");
	else if (!form_is_text(field->type))
		read_other(&at, field, json, object);
	else if (json_object_is_type(json, json_type_string))
		form_take_text(&at, field, json_object_get_string(json),
		    object);
	else
		form_note(&at, "type", "must be a string");
}

static bool
knows_member(const struct form *form, const char *name)
{
	for (size_t i = 0; i < form->count; i++) {
		if (form_is_readable(&form->fields[i]) &&
		    strcmp(form->fields[i].name, name) == 0)
			return true;
	}
	return false;
}

static void
read_object(struct scope *sc, const struct form *form,
    struct json_object *json, const char *at, void *object)
{
	struct json_object_iterator it = json_object_iter_begin(json);
	struct json_object_iterator end = json_object_iter_end(json);

	for (size_t i = 0; i < form->count; i++) {
		if (form_is_readable(&form->fields[i]))
			read_member(sc, &form->fields[i], json, at, object);
	}

	for (; !form->open && !json_object_iter_equal(&it, &end);
	    json_object_iter_next(&it)) {
		const char *name = json_object_iter_peek_name(&it);
		struct form_place place = { .sc = sc };

		if (knows_member(form, name))
			continue;
		place.pointer = member_pointer(sc->arena, at, name);
		form_note(&place, "unknown_field", "is not known here");
	}

	if (form->check)
		form->check(sc, at, object);
}

static void
parsed_free(void *data)
{
	struct parsed *parsed = data;

	json_object_put(parsed->root);
	if (parsed->tokener)
		json_tokener_free(parsed->tokener);
}

enum err
form_read_json(struct scope *sc, const struct form *form, const char *text,
    size_t len, void *object)
{
	const struct form_place top = { .sc = sc, .pointer = "" };
	struct parsed *parsed;
	const char *wrong;
	size_t at = 0;

	form_clear(form, object);

	if (len > FORM_JSON_MAX)
		return scope_fail(sc, ERR_MALFORMED, "JSON: too long");
	wrong = json_check(text, len, FORM_DEPTH_MAX, &at);
	if (wrong)
		return scope_fail(sc, ERR_MALFORMED, "JSON, byte %zu: %s", at,
		    wrong);
	while (strchr(" \t\r\n", *text)) { /* it holds a value: this ends */
		text++;
		len--;
	}
	if (*text != '{') {
		form_note(&top, "type", "must be an object");
		return scope_faults(sc);
	}

	/* Its owner first: an arena that is full jumps away. */
	parsed = arena_new(sc->arena, struct parsed);
	arena_defer(sc->arena, parsed_free, parsed);
	parsed->tokener = json_tokener_new_ex(FORM_DEPTH_MAX + 1);
	if (!parsed->tokener)
		return scope_fail(sc, ERR_NO_MEMORY, "JSON: no memory");
	parsed->root = json_tokener_parse_ex(parsed->tokener, text, (int)len);
	if (!json_object_is_type(parsed->root, json_type_object))
		return scope_fail(sc, ERR_MALFORMED, "JSON: %s",
		    json_tokener_error_desc(
		    json_tokener_get_error(parsed->tokener)));

	read_object(sc, form, parsed->root, "", object);
	return scope_faults(sc);
}

enum err
form_read_answer(struct scope *sc, const char *who, const struct form *form,
    const char *text, size_t len, void *object)
{
	struct scope own = *sc;
	enum err e;

	own.faults = NULL;
	own.faults_end = &own.faults;
	own.fault_count = 0;
	e = form_read_json(&own, form, text, len, object);
	if (e == ERR_INVALID && own.faults)
		return scope_fail(sc, e, "%s: %s: %s: %s", who, form->name,
		    own.faults->pointer, own.faults->rule);
	if (e)
		return scope_fail(sc, e, "%s: %s: %s", who, form->name,
		    own.why);
	return ERR_OK;
}
