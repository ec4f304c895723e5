/*
 * rng.h: random bytes from the system's CSPRNG (getrandom).
 */
#ifndef BASE_RNG_H
#define BASE_RNG_H

#include <stddef.h>

/* Never fails: a kernel without random bytes ends the process. */
void rng_bytes(void *out, size_t len);

/* A text of `len` characters (and a NUL) drawn evenly from `alphabet`. */
void rng_text(char *out, size_t len, const char *alphabet);

#endif
