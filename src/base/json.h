/*
 * json.h: JSON text: the strict check that stands before any parser, and the
 * small writer everything we send is made with.
 */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"

struct buf;
struct uuid;

#define JSON_DEPTH_LIMIT 64    /* what depth_max may be at most */
#define JSON_MEMBERS_MAX 8192  /* of all objects of one document together */

/*
 * RFC 8259: one value and white space around it, UTF-8 without BOM, no NUL
 * (raw or \u0000), no lone surrogate, no duplicate member (compared after
 * unescaping), depth <= depth_max, numbers of at most 64 characters, at most
 * JSON_MEMBERS_MAX members.  No recursion on input, no memory; n log n in the
 * worst case.
 *
 * NULL when it holds; else a static sentence that says what is wrong, and
 * *ret_at the byte it was seen at.
 */
const char *json_check(const char *text, size_t len, int depth_max,
    size_t *ret_at) MUSTCHECK;

/* A string with its quotes; control characters, U+2028/9 and DEL escaped, a
 * byte that is not UTF-8 replaced by U+FFFD. */
void json_put_text(struct buf *out, const char *text);
void json_put_uuid(struct buf *out, const struct uuid *id);
void json_put_instant(struct buf *out, int64_t us);
void json_put_date(struct buf *out, int64_t day);
void json_put_int(struct buf *out, int64_t value);
void json_put_money(struct buf *out, int64_t hundredths); /* -12.00 */

#endif
