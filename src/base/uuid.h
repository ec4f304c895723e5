/*
 * uuid.h: UUIDs (RFC 9562) as sixteen bytes.
 */
#ifndef BASE_UUID_H
#define BASE_UUID_H

#include <stdbool.h>
#include <stdint.h>

#define UUID_TEXT_MAX 37 /* with the NUL */

struct uuid {
	uint8_t b[16]; /* all zero = none */
};

void uuid_new(struct uuid *ret_id);    /* version 7: rows stay in order */
void uuid_random(struct uuid *ret_id); /* version 4: says nothing */

/* The 8-4-4-4-12 form, either case; nothing else. */
bool uuid_parse(const char *text, struct uuid *ret_id);
char *uuid_format(const struct uuid *id, char out[UUID_TEXT_MAX]);
bool uuid_equal(const struct uuid *a, const struct uuid *b);
bool uuid_is_none(const struct uuid *id);

#endif
