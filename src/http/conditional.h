/*
 * conditional.h: entity tags (RFC 9110): what If-Match asks for, whether
 * If-None-Match holds, and the tags we answer.
 *
 * The tag of a booking is its version in quotes and, once a picture of its QR
 * code is stored, a dot and that picture's number: the picture comes by itself,
 * a moment after the booking.  It ends with ".lapsed" once the time of the hold,
 * or of the change that waits, is up: the answer says so at once, though nobody
 * has ended it yet.  If-Match, which guards what people changed, reads the
 * version alone.  The tag of other answers is the beginning of their SHA-256.
 * All are strong.
 */
#ifndef HTTP_CONDITIONAL_H
#define HTTP_CONDITIONAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"

#define IF_MATCH_MAX 16
#define CONDITIONAL_TAG_MAX 52
#define VERSION_NEVER INT64_C(-1) /* a version nothing ever has */

struct response;

struct if_match {
	bool given;
	bool any;     /* "*" */
	size_t count; /* 0: none of the tags can be one of ours */
	int64_t versions[IF_MATCH_MAX];
};

/* false: not a list of entity tags, or too long a one.  value may be NULL. */
bool conditional_if_match(const char *value, struct if_match *ret_match)
    MUSTCHECK;

/* Does the list hold the tag (weak comparison), or is it "*"?  A list that
 * does not parse holds nothing. */
bool conditional_none_match(const char *value, const char *etag);

/* VERSION[.PICTURE][.lapsed] in quotes; picture 0: there is none. */
const char *conditional_tag(int64_t version, int64_t picture, bool lapsed,
    char out[CONDITIONAL_TAG_MAX]);
void conditional_etag_version(struct response *res, int64_t version,
    int64_t picture, bool lapsed);
void conditional_etag_body(struct response *res);

#endif
