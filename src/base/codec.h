/*
 * codec.h: bytes as text and back: hex, base64url, percent, UTF-8.
 *
 * Outputs are in the arena.  Decoders are strict: no white space, no padding
 * where the form has none, no non-canonical last bits; they return false and
 * leave the outputs untouched.
 */
#ifndef BASE_CODEC_H
#define BASE_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;

char *codec_hex(struct arena *arena, const void *data, size_t len);
bool codec_unhex(struct arena *arena, const char *text, size_t len,
    uint8_t **ret_data, size_t *ret_len);

/* RFC 4648 section 5, without padding. */
char *codec_b64url(struct arena *arena, const void *data, size_t len);
bool codec_unb64url(struct arena *arena, const char *text, size_t len,
    uint8_t **ret_data, size_t *ret_len);

/* RFC 3986 percent-decoding; `plus` also reads + as a space (query values).
 * Refuses a bad escape, %00, and a result that is not UTF-8. */
bool codec_unpercent(struct arena *arena, const char *text, size_t len,
    bool plus, char **ret_text);
char *codec_percent(struct arena *arena, const char *text);

/* RFC 3629: no overlong form, no surrogate, nothing above U+10FFFF. */
bool codec_utf8_valid(const void *data, size_t len);
size_t codec_utf8_count(const char *text); /* code points of valid UTF-8 */

#endif
