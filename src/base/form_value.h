/*
 * form_value.h: one value and its field: what reading JSON and reading a
 * query string have in common.  Only form*.c includes it.
 *
 * Memory   Texts are kept where they are: they must live as long as the
 *          object.
 */
#ifndef BASE_FORM_VALUE_H
#define BASE_FORM_VALUE_H

#include <stdbool.h>

#include "base/compiler.h"
#include "base/form.h"

/* Where a value stands: one of pointer and param. */
struct form_place {
	struct scope *sc;
	const char *pointer;
	const char *param;
};

void form_note(const struct form_place *at, const char *rule, const char *fmt,
    ...) PRINTF_LIKE(3, 4);

/* A field whose bounds are both 0 has none; one whose max is below its min
 * has no maximum. */
bool form_has_min(const struct field *field);
bool form_has_max(const struct field *field);

/* The JSON of this type is a string; it can be read at all. */
bool form_is_text(enum field_type type);
bool form_is_readable(const struct field *field);

void *form_member(const struct field *field, void *object);
const void *form_member_const(const struct field *field, const void *object);

/* Check the text, valid UTF-8, of a form_is_text field and store it; or note
 * a fault and leave the field absent. */
void form_take_text(const struct form_place *at, const struct field *field,
    const char *text, void *object);

/* The same for INT and MONEY, from the number as it was written. */
void form_take_number(const struct form_place *at, const struct field *field,
    const char *text, void *object);

#endif
