/*
 * forms_rows.h: what the tables of forms_*.c are written with: short names for
 * a row's cells, the bounds of money, the examples, the rows of every page.
 */
#ifndef APP_FORMS_ROWS_H
#define APP_FORMS_ROWS_H

#include <stddef.h>

#include "app/forms.h"
#include "base/compiler.h"

#define AT(type, member) offsetof(struct type, member)
#define MUST FIELD_REQUIRED
#define MAYBE FIELD_NULLABLE
#define ALWAYS (FIELD_REQUIRED | FIELD_NULLABLE) /* printed, null if absent */
#define PROSE (FIELD_NULLABLE | FIELD_MULTILINE)

#define MONEY_MAX INT64_C(9999999999) /* NUMERIC(10,2) */
#define SUM_MAX INT64_C(999999999999) /* NUMERIC(12,2): of several payments */
#define RATE_MAX INT64_C(99999999)    /* NUMERIC(8,2) */

#define FORM(id, title, type, rows, text, rule) \
	const struct form form_##id = { .name = (title), .help = (text), \
		.size = sizeof(struct type), .fields = (rows), \
		.count = ARRAY_LEN(rows), .check = (rule) }

/* Said once, used by many tables. */
#define EX_ID "\"0193a5c8-7b1e-7c3a-9d42-5f0e8a6b1c2d\""
#define EX_REFERENCE "\"7f9c24e8-3b12-4fef-91e0-1c1f8a2b9d37\""
#define EX_CUSTOMER "\"3d1f6c0a-52b7-4e19-8c44-a9b0e7d6f512\""
#define EX_FRANCHISE "\"11111111-1111-4111-8111-111111111111\""
#define EX_START "\"2027-01-15T09:00:00Z\""
#define EX_END "\"2027-01-15T17:00:00Z\""

/* The longest is that of franchises: an id and a name of 100 characters, each
 * of four bytes, of which base64url makes a third more. */
#define CURSOR_MAX 600

#define PAGE_ROWS(of) \
	{ "data", FIELD_LIST, MUST, 0, 100, AT(page, data), &(of), NULL, \
	  "The items of this page.", NULL }, \
	{ "has_more", FIELD_BOOL, MUST, 0, 0, AT(page, has_more), NULL, NULL, \
	  "Whether another page follows.", "false" }, \
	{ "next_cursor", FIELD_TEXT, ALWAYS, 0, CURSOR_MAX, \
	  AT(page, next_cursor), NULL, NULL, \
	  "What to send as cursor for the next page, or null.", "null" },

#endif
