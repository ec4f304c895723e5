/*
 * conditional.h: entity tags (RFC 9110): what If-Match asks for, whether
 * If-None-Match holds, and the tags we answer.
 *
 * The tag of a booking is its version in quotes; that of other answers the
 * beginning of their SHA-256.  Both are strong.
 */
#ifndef HTTP_CONDITIONAL_H
#define HTTP_CONDITIONAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"

#define IF_MATCH_MAX 16
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

void conditional_etag_version(struct response *res, int64_t version);
void conditional_etag_body(struct response *res);

#endif
