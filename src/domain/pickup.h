/*
 * pickup.h: is this name among those who may take a child home?
 *
 * What a parent typed is read as a list of names: "John Doe, Jane Doe (aunt)".
 * It is believed only when it can be nothing else: a text with a sentence in it
 * ("not Bob Doe, Tom Doe"), or with a note that may take a permission back ("Tom
 * Doe (not any more)", "Tom Doe (17:00)"), names nobody, and a person has to read
 * it.  To be too strict costs a reason; to be too kind could cost a child.
 * Outside of brackets it knows English alone.
 */
#ifndef DOMAIN_PICKUP_H
#define DOMAIN_PICKUP_H

#include <stdbool.h>

struct arena;

/* The same name, however it is typed: case, width, spaces, "J. Doe." */
bool pickup_same(struct arena *arena, const char *a, const char *b);

/* Is the name one of the list's?  NULL is an empty list. */
bool pickup_allows(struct arena *arena, const char *list, const char *name);

#endif
