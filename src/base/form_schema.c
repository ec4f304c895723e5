/* form_schema.c: a table as JSON Schema 2020-12. */
#include <string.h>

#include "base/buf.h"
#include "base/form.h"
#include "base/form_email.h"
#include "base/form_value.h"
#include "base/json.h"

/* What a text type is called, and what it looks like. */
struct looks {
	const char *format;
	const char *pattern;
};

static struct looks
looks_of(const struct field *field)
{
	switch (field->type) {
	case FIELD_TEXT: /* white space alone is as good as empty */
		return (struct looks){ NULL, field->min > 0 ? "\\S" : NULL };
	case FIELD_EMAIL:
		return (struct looks){ "email", NULL };
	case FIELD_PHONE: /* five digits or more */
		return (struct looks){ NULL,
			"^[ +().-]*([0-9][ +().-]*){5,}$" };
	case FIELD_CLOCK:
		return (struct looks){ NULL,
			"^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$" };
	case FIELD_UUID:
		return (struct looks){ "uuid", NULL };
	case FIELD_INSTANT:
		return (struct looks){ "date-time", NULL };
	case FIELD_DATE:
		return (struct looks){ "date", NULL };
	default:
		return (struct looks){ NULL, NULL };
	}
}

static void
put_member(struct buf *out, const char *name)
{
	buf_putc(out, ',');
	json_put_text(out, name);
	buf_putc(out, ':');
}

/* The type, as the first member of the schema. */
static void
put_type(struct buf *out, const struct field *field, const char *type)
{
	if (field->flags & FIELD_NULLABLE)
		buf_printf(out, "\"type\":[\"%s\",\"null\"]", type);
	else
		buf_printf(out, "\"type\":\"%s\"", type);
}

static void
put_ref(struct buf *out, const struct form *form)
{
	buf_printf(out, "{\"$ref\":\"#/components/schemas/%s\"}", form->name);
}

/* Bounds by the names they have for this type. */
static void
put_bounds(struct buf *out, const struct field *field, const char *least,
    const char *most)
{
	bool money = field->type == FIELD_MONEY;
	bool number = money || field->type == FIELD_INT;

	/* No length is below 0: only a number has use for that bound. */
	if (form_has_min(field) && (number || field->min > 0)) {
		put_member(out, least);
		if (money)
			json_put_money(out, field->min);
		else
			json_put_int(out, field->min);
	}
	if (form_has_max(field)) {
		put_member(out, most);
		if (money)
			json_put_money(out, field->max);
		else
			json_put_int(out, field->max);
	}
}

static void
put_text(struct buf *out, const struct field *field)
{
	struct looks looks = looks_of(field);

	put_type(out, field, "string");
	if (looks.format) {
		put_member(out, "format");
		json_put_text(out, looks.format);
	}
	if (looks.pattern) {
		put_member(out, "pattern");
		json_put_text(out, looks.pattern);
	}

	if (field->type == FIELD_TEXT || field->type == FIELD_PHONE ||
	    field->type == FIELD_EMAIL)
		put_bounds(out, field, "minLength", "maxLength");
	if (field->type == FIELD_EMAIL && !form_has_max(field))
		buf_printf(out, ",\"maxLength\":%d", EMAIL_MAX);
}

static void
put_word(struct buf *out, const struct field *field)
{
	put_type(out, field, "string");
	buf_puts(out, ",\"enum\":[");
	for (size_t i = 0; field->words[i]; i++) {
		if (i > 0)
			buf_putc(out, ',');
		json_put_text(out, field->words[i]);
	}
	if (field->flags & FIELD_NULLABLE)
		buf_puts(out, ",null");
	buf_putc(out, ']');
}

static void
put_object(struct buf *out, const struct field *field)
{
	if (!field->form) { /* RAW that nobody describes */
		buf_puts(out, "\"description\":");
		json_put_text(out, field->help ? field->help : "");
	} else if (field->flags & FIELD_NULLABLE) {
		buf_puts(out, "\"anyOf\":[");
		put_ref(out, field->form);
		buf_puts(out, ",{\"type\":\"null\"}]");
	} else {
		buf_printf(out, "\"$ref\":\"#/components/schemas/%s\"",
		    field->form->name);
	}
}

static void
put_list(struct buf *out, const struct field *field)
{
	put_type(out, field, "array");
	put_member(out, "items");
	if (field->type == FIELD_TEXTS)
		buf_puts(out, "{\"type\":\"string\"}");
	else if (field->type == FIELD_INTS)
		buf_puts(out, "{\"type\":\"integer\"}");
	else if (field->form)
		put_ref(out, field->form);
	else
		buf_puts(out, "{}");
	put_bounds(out, field, "minItems", "maxItems");
}

static void
put_shape(struct buf *out, const struct field *field)
{
	switch (field->type) {
	case FIELD_WORD:
		put_word(out, field);
		return;
	case FIELD_INT:
		put_type(out, field, "integer");
		put_bounds(out, field, "minimum", "maximum");
		return;
	case FIELD_MONEY:
		put_type(out, field, "number");
		/* No multipleOf 0.01: validators that count in binary
		 * floating point refuse 20.01 by it. */
		put_bounds(out, field, "minimum", "maximum");
		return;
	case FIELD_BOOL:
		put_type(out, field, "boolean");
		return;
	case FIELD_OBJECT:
		put_object(out, field);
		return;
	case FIELD_RAW:
		if (!(field->flags & FIELD_RAW_LIST)) {
			put_object(out, field);
			return;
		}
		put_list(out, field);
		return;
	case FIELD_LIST:
	case FIELD_TEXTS:
	case FIELD_INTS:
		put_list(out, field);
		return;
	default:
		put_text(out, field);
		return;
	}
}

void
form_schema_field(struct buf *out, const struct field *field)
{
	bool bare_raw = field->type == FIELD_RAW && !field->form &&
	    !(field->flags & FIELD_RAW_LIST);

	buf_putc(out, '{');
	put_shape(out, field);
	if (field->help && !bare_raw) {
		put_member(out, "description");
		json_put_text(out, field->help);
	}
	if (field->example)
		buf_printf(out, ",\"examples\":[%s]", field->example);
	buf_putc(out, '}');
}

static void
put_required(struct buf *out, const struct form *form, bool input)
{
	bool first = true;

	for (size_t i = 0; i < form->count; i++) {
		const struct field *field = &form->fields[i];

		if (!(field->flags & FIELD_REQUIRED) ||
		    (input && !form_is_readable(field)))
			continue;
		buf_puts(out, first ? ",\"required\":[" : ",");
		first = false;
		json_put_text(out, field->name);
	}
	if (!first)
		buf_putc(out, ']');
}

void
form_schema(struct buf *out, const struct form *form, bool input)
{
	bool first = true;

	buf_puts(out, "{\"type\":\"object\"");
	if (form->help) {
		put_member(out, "description");
		json_put_text(out, form->help);
	}

	buf_puts(out, ",\"properties\":{");
	for (size_t i = 0; i < form->count; i++) {
		if (input && !form_is_readable(&form->fields[i]))
			continue;
		if (!first)
			buf_putc(out, ',');
		first = false;
		json_put_text(out, form->fields[i].name);
		buf_putc(out, ':');
		form_schema_field(out, &form->fields[i]);
	}
	buf_putc(out, '}');

	put_required(out, form, input);
	if (input)
		buf_puts(out, ",\"additionalProperties\":false");
	buf_putc(out, '}');
}
