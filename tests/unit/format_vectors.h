/* format_vectors.h: hold a parser against the JSON Schema format vectors. */
#ifndef TESTS_UNIT_FORMAT_VECTORS_H
#define TESTS_UNIT_FORMAT_VECTORS_H

#include <stdbool.h>

/*
 * Every string of json-schema-formats/<file> must be accepted exactly when
 * the vector says valid; there must be `count` of them, so that an empty file
 * does not pass.  Vectors with a NUL inside are counted and not tried: a C
 * text ends there, and the JSON reader refuses them before any parser sees
 * them.  Does nothing when the vectors are not there.
 */
void format_vectors_hold(const char *file, int count,
    bool (*accepts)(const char *text));

#endif
