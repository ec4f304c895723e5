/*
 * stripe_object.h: Stripe's answers as tables: each object is read like any
 * input from outside, then turned into our units and words.
 */
#ifndef REMOTE_STRIPE_OBJECT_H
#define REMOTE_STRIPE_OBJECT_H

#include <stddef.h>

#include "base/compiler.h"
#include "base/form.h"
#include "base/scope.h"
#include "remote/stripe.h"

/* Members we do not know are passed over; new ones come with every month. */
const struct form *stripe_object_form(enum stripe_object kind);

/* Fill what is "made of the above". */
void stripe_object_finish(enum stripe_object kind, void *object);

/* The id that Stripe gave it. */
const char *stripe_object_id(enum stripe_object kind, const void *object);

/*
 * Read one object, or one page of a list.  ERR_MALFORMED, ERR_INVALID: it is
 * not what it should be; sc->why says where.  sc->faults, which is for our own
 * caller, stays as it was.
 */
enum err stripe_object_read(struct scope *sc, enum stripe_object kind,
    const char *text, size_t len, void *object) MUSTCHECK;
enum err stripe_object_read_list(struct scope *sc, enum stripe_object kind,
    const char *text, size_t len, struct list *ret_items,
    bool *ret_has_more) MUSTCHECK;

/* form_read_json, keeping its faults to itself. */
enum err stripe_object_read_form(struct scope *sc, const struct form *form,
    const char *text, size_t len, void *object) MUSTCHECK;

/* {"error": {...}}.  What cannot be read leaves all NULL. */
struct stripe_trouble {
	const char *type;
	const char *code;
	const char *decline_code;
	const char *param;
	struct stripe_intent *intent;
};
void stripe_object_read_trouble(struct scope *sc, const char *text,
    size_t len, struct stripe_trouble *ret_trouble);

#endif
