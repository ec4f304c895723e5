/*
 * s3.h: objects in a bucket of AWS's: put, read, deleted.
 *
 * Private  No ACL is sent: an object is its bucket's owner's.  Who may read it
 *          is the bucket's policy, or what stands before it (a CDN).
 * At rest  Every put asks for encryption by name, also where the bucket would
 *          do so by itself.
 * Whole    The SHA-256 of the body is signed and sent; S3 takes no other body.
 * Address  https://BUCKET.s3.REGION.amazonaws.com/KEY at AWS (a bucket with
 *          dots in its name in the path, for its certificate's sake), and
 *          ENDPOINT/BUCKET/KEY anywhere else.
 * Again    One call, as aws.h has it; each may be repeated.
 */
#ifndef REMOTE_S3_H
#define REMOTE_S3_H

#include <stddef.h>

#include "base/compiler.h"
#include "base/scope.h"
#include "remote/aws.h"

#define S3_KEY_MAX 1024 /* bytes, UTF-8 */
#define S3_BODY_MAX (16 * 1024 * 1024)

/* What one process needs to speak to a bucket; texts outlive it. */
struct s3 {
	struct aws_service service;
	const char *endpoint; /* http_client_url_check'ed, without a / behind;
	                         "" = AWS's own */
	const char *bucket;   /* aws_bucket_valid */
	const char *sse;      /* "AES256" or "aws:kms" */
	const char *kms_key_id; /* of aws:kms; "" = the account's own */
};

struct s3_object {
	const char *key; /* not of AWS: "qr/CB-7K2M.png", no / in front */
	const char *type;
	const char *cache_control; /* or NULL */
	const void *body;
	size_t len; /* at most S3_BODY_MAX */
};

/*
 * Replaces what was there.  REJECTED: the key can be none (it is empty, too
 * long, not UTF-8, or has a part "." or ".."), or S3 does not take the object.
 * *ret_code: not DONE: as in struct aws_call, in sc->arena; else NULL.
 */
enum aws_fate s3_put(const struct s3 *s3, struct scope *sc,
    const struct s3_object *object, const char **ret_code) MUSTCHECK;

/* DONE also when there was none.  A bucket that keeps versions keeps this one
 * too: bytes are gone only where it does not, or its lifecycle says so. */
enum aws_fate s3_delete(const struct s3 *s3, struct scope *sc,
    const char *key, const char **ret_code) MUSTCHECK;

/* MISSING: there is no such object; LATER with code "oversize": it has more
 * than max bytes.  On DONE *ret_body lives in sc->arena, with a NUL behind. */
enum aws_fate s3_get(const struct s3 *s3, struct scope *sc, const char *key,
    size_t max, const char **ret_body, size_t *ret_len,
    const char **ret_code) MUSTCHECK;

/* ---- the parts, for tests and fuzzing ----------------------------------------*/

/* NULL when the key can be none. */
const char *s3_url(const struct s3 *s3, struct scope *sc, const char *key);

/* What stands in <Error><Code>...</Code>; NULL when there is none.  The rest of
 * the XML is not looked at. */
const char *s3_find_code(struct scope *sc, const char *xml, size_t len);

const char *s3_read_code(struct scope *sc,
    const struct http_client_answer *answer);

#endif
