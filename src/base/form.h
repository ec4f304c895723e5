/*
 * form.h: the table that says what an object looks like, used four ways: to
 * read JSON and query strings into a struct, to print a struct as JSON, and
 * to print its schema.
 *
 * Shapes   what a field of each type is in the struct:
 *	TEXT EMAIL PHONE WORD CLOCK RAW   const char *, NULL = absent
 *	UUID                              struct uuid, all zero = absent
 *	INSTANT DATE INT                  int64_t, NONE = absent
 *	MONEY                             int64_t hundredths, NONE = absent
 *	BOOL                              bool (absent reads as false)
 *	OBJECT                            pointer, NULL = absent
 *	LIST                              struct list of structs laid end to end
 *	TEXTS INTS                        struct texts, struct ints
 *	A list whose items are NULL is absent; but one that is REQUIRED and
 *	not NULLABLE is printed as [].
 *
 * Bounds   min and max both 0: none.  max below min: no maximum.
 *
 * Rules    a fault's rule is one of: required unknown_field repeated type
 *          min_length max_length minimum maximum min_items max_items format
 *          one_of characters utf8.  Its detail never quotes the input.
 */
#ifndef BASE_FORM_H
#define BASE_FORM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/err.h"

struct buf;
struct scope;

enum field_type {
	FIELD_TEXT,    /* min..max code points, no control characters; white
	                  space alone is as good as empty */
	FIELD_EMAIL,   /* the addr-spec of RFC 5321, with a domain */
	FIELD_PHONE,   /* digits (5 or more), spaces, + - ( ) . ; min..max
	                  characters */
	FIELD_WORD,    /* one of `words` */
	FIELD_CLOCK,   /* "HH:MM", 00:00 to 24:00 */
	FIELD_UUID,    /* RFC 9562, 8-4-4-4-12 */
	FIELD_INSTANT, /* RFC 3339 date-time; printed in UTC with Z */
	FIELD_DATE,    /* RFC 3339 full-date */
	FIELD_INT,     /* min..max */
	FIELD_MONEY,   /* min..max hundredths; printed 120.00, read with at
	                  most two decimals */
	FIELD_BOOL,
	FIELD_OBJECT, /* `form` */
	FIELD_LIST,   /* min..max objects of `form` */
	FIELD_TEXTS,  /* list of strings; read only with FIELD_SPLIT or
	                 FIELD_ALONE */
	FIELD_INTS,   /* list of integers (printed only) */
	FIELD_RAW,    /* ready JSON text (printed only); `form` describes it */
	FIELD__MAX
};

enum {
	FIELD_REQUIRED = 1 << 0,  /* read: must be there; schema: required */
	FIELD_NULLABLE = 1 << 1,  /* print null when absent, not nothing; read:
	                             null is taken as absent, also when
	                             REQUIRED */
	FIELD_MULTILINE = 1 << 2, /* TEXT may hold newline and tab */
	FIELD_RAW_LIST = 1 << 3,  /* RAW is a list of `form` */
	FIELD_SPLIT = 1 << 4,     /* TEXTS is read too: a list, or one text of
	                             words with spaces between (a JWT's scope) */
	FIELD_ALONE = 1 << 5,     /* TEXTS is read too: a list, or one text as
	                             it is (a JWT's aud) */
	FIELD_CLEARS = 1 << 6,    /* a NULLABLE text: null is read as "", so that
	                             to take it away is not to leave it out */
	FIELD_CUT = 1 << 7        /* INT: a fraction is taken, and cut off */
};

struct form;

struct field {
	const char *name;
	enum field_type type;
	unsigned flags;
	int64_t min;
	int64_t max;
	size_t offset;
	const struct form *form;
	const char *const *words; /* NULL-terminated */
	const char *help;         /* one sentence, for the schema */
	const char *example;      /* JSON text, or NULL */
};

/*
 * check: rules that span fields; notes faults, returns nothing.  `at` is the
 * JSON Pointer of the object itself ("" at the top).  It is called also when
 * fields were faulty or missing: those are absent, whatever the table says.
 */
struct form {
	const char *name; /* schema name, "BookingCreate" */
	const char *help;
	size_t size; /* of the struct */
	const struct field *fields;
	size_t count;
	void (*check)(struct scope *sc, const char *at, const void *object);
	bool open; /* read: unknown members are passed over, not faults */
};

struct list {
	void *items; /* count structs of the form's size */
	size_t count;
};
struct texts {
	const char **items;
	size_t count;
};
struct ints {
	int64_t *items;
	size_t count;
};

#define FORM_DEPTH_MAX 16
#define FORM_JSON_MAX (1024 * 1024) /* bytes; a route asks for far less */

/*
 * Read one JSON document: RFC 8259 strictly, UTF-8, no duplicate member, no
 * NUL, depth <= FORM_DEPTH_MAX; then each member by its field.  Every fault
 * is noted, not only the first.  The object's texts live until the arena is
 * reset; `text` may go.  A member of a type that is only printed is unknown.
 *
 * ERR_MALFORMED   not such a document (sc->why says where; it never quotes)
 * ERR_INVALID     a document, but faulty: see sc->faults
 *
 * object is a struct of form->size; it is set to "all absent" first.
 */
enum err form_read_json(struct scope *sc, const struct form *form,
    const char *text, size_t len, void *object) MUSTCHECK;

/* The same of what another service answered: its faults are none of our
 * caller's, so sc->faults stays as it was and sc->why says, behind `who`, where
 * the first is. */
enum err form_read_answer(struct scope *sc, const char *who,
    const struct form *form, const char *text, size_t len, void *object)
    MUSTCHECK;

/* The same as form_read_json for "a=1&b=2"; only scalar fields; a repeated or unknown name is a
 * fault with `param`.  query may be NULL or "".  ERR_MALFORMED when it has
 * more than 64 parameters. */
enum err form_read_query(struct scope *sc, const struct form *form,
    const char *query, void *object) MUSTCHECK;

/* Set every field to its absent value, and every other byte to zero. */
void form_clear(const struct form *form, void *object);

/* Print the object as JSON, members in table order, no white space. */
void form_print(struct buf *out, const struct form *form, const void *object);

/* Print the JSON Schema (2020-12, as OpenAPI 3.1 embeds it) of one form;
 * nested forms are $ref "#/components/schemas/NAME".  `input` chooses whether
 * unknown members are refused (additionalProperties: false). */
void form_schema(struct buf *out, const struct form *form, bool input);

/* The schema of one field alone, as a query parameter has it. */
void form_schema_field(struct buf *out, const struct field *field);

#endif
