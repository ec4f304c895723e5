/* form_print.c: a struct as JSON, by the table. */
#include "base/buf.h"
#include "base/form.h"
#include "base/form_value.h"
#include "base/instant.h"
#include "base/json.h"
#include "base/uuid.h"

/* A list that must be there has no way to be absent: it is empty. */
static bool
no_list(const struct field *field, const void *items)
{
	bool needed = field->flags & FIELD_REQUIRED &&
	    !(field->flags & FIELD_NULLABLE);

	return !items && !needed;
}

static bool
is_absent(const struct field *field, const void *slot)
{
	switch (field->type) {
	case FIELD_UUID:
		return uuid_is_none(slot);
	case FIELD_INSTANT:
	case FIELD_DATE:
	case FIELD_INT:
	case FIELD_MONEY:
		return *(const int64_t *)slot == NONE;
	case FIELD_BOOL:
		return false;
	case FIELD_LIST:
		return no_list(field, ((const struct list *)slot)->items);
	case FIELD_TEXTS:
		return no_list(field, ((const struct texts *)slot)->items);
	case FIELD_INTS:
		return no_list(field, ((const struct ints *)slot)->items);
	default:
		return !*(const void *const *)slot;
	}
}

static void
print_list(struct buf *out, const struct form *form, const struct list *list)
{
	buf_putc(out, '[');
	for (size_t i = 0; i < list->count && !out->overflow; i++) {
		if (i > 0)
			buf_putc(out, ',');
		form_print(out, form,
		    (const char *)list->items + i * form->size);
	}
	buf_putc(out, ']');
}

static void
print_texts(struct buf *out, const struct texts *texts)
{
	buf_putc(out, '[');
	for (size_t i = 0; i < texts->count && !out->overflow; i++) {
		if (i > 0)
			buf_putc(out, ',');
		json_put_text(out, texts->items[i]);
	}
	buf_putc(out, ']');
}

static void
print_ints(struct buf *out, const struct ints *ints)
{
	buf_putc(out, '[');
	for (size_t i = 0; i < ints->count && !out->overflow; i++) {
		if (i > 0)
			buf_putc(out, ',');
		json_put_int(out, ints->items[i]);
	}
	buf_putc(out, ']');
}

static void
print_value(struct buf *out, const struct field *field, const void *slot)
{
	switch (field->type) {
	case FIELD_UUID:
		json_put_uuid(out, slot);
		return;
	case FIELD_INSTANT:
		json_put_instant(out, *(const int64_t *)slot);
		return;
	case FIELD_DATE:
		json_put_date(out, *(const int64_t *)slot);
		return;
	case FIELD_INT:
		json_put_int(out, *(const int64_t *)slot);
		return;
	case FIELD_MONEY:
		json_put_money(out, *(const int64_t *)slot);
		return;
	case FIELD_BOOL:
		buf_puts(out, *(const bool *)slot ? "true" : "false");
		return;
	case FIELD_OBJECT:
		form_print(out, field->form, *(const void *const *)slot);
		return;
	case FIELD_LIST:
		print_list(out, field->form, slot);
		return;
	case FIELD_TEXTS:
		print_texts(out, slot);
		return;
	case FIELD_INTS:
		print_ints(out, slot);
		return;
	case FIELD_RAW:
		buf_puts(out, *(const char *const *)slot);
		return;
	default:
		json_put_text(out, *(const char *const *)slot);
		return;
	}
}

void
form_print(struct buf *out, const struct form *form, const void *object)
{
	bool first = true;

	buf_putc(out, '{');
	for (size_t i = 0; i < form->count; i++) {
		const struct field *field = &form->fields[i];
		const void *slot = form_member_const(field, object);
		bool absent = is_absent(field, slot);

		if (absent && !(field->flags & FIELD_NULLABLE))
			continue;
		if (!first)
			buf_putc(out, ',');
		first = false;
		json_put_text(out, field->name);
		buf_putc(out, ':');
		if (absent)
			buf_puts(out, "null");
		else
			print_value(out, field, slot);
	}
	buf_putc(out, '}');
}
