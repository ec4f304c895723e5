/*
 * aws_sign.h: Signature Version 4 of AWS: sign a request by its headers.
 *
 * Pure     No clock, no I/O; the same input gives the same signature.
 * Memory   Results live in sc->arena.  Nothing of the secret key stays behind:
 *          it and what is derived of it are wiped.
 * Source   AWS, IAM User Guide, "Create a signed AWS API request"; held against
 *          AWS's own cases (tests/unit/test_aws_sign.c).
 * Not here Presigned URLs and bodies signed in chunks: the product sends
 *          neither.
 */
#ifndef REMOTE_AWS_SIGN_H
#define REMOTE_AWS_SIGN_H

#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/scope.h"
#include "remote/http_client.h"

#define AWS_SIGN_PARAMS_MAX 64          /* of a query */
#define AWS_SIGN_CANONICAL_MAX (64 * 1024)
#define AWS_SIGN_DATE_MAX 17            /* "20150830T123600Z" and the NUL */
#define AWS_SIGN_HASH_MAX 65            /* SHA-256 in hex, and the NUL */
#define AWS_SECRET_MAX 256              /* characters of a secret key */

/* How the path of the URL is written into what is signed. */
enum aws_sign_paths {
	AWS_SIGN_NORMALISED, /* "a/../b//c" worked out, then percent-encoded
	                        once more than in the URL: all but S3 */
	AWS_SIGN_AS_IS       /* as in the URL, in which each byte is encoded
	                        once: S3, where "a//b" is another key */
};

struct aws_sign_request {
	const char *method;
	const char *path;  /* as in the URL; "" = "/" */
	const char *query; /* behind its "?"; NULL = none */
	/* All of them are signed: Host and X-Amz-Date have to be among them,
	 * and X-Amz-Security-Token where there is a session. */
	const struct http_client_header *headers;
	size_t header_count; /* at most HTTP_CLIENT_HEADERS_MAX */
	const char *payload; /* SHA-256 of the body, as hex */
	enum aws_sign_paths paths;
};

/* By whom, for whom, when. */
struct aws_sign_scope {
	const char *key_id;
	const char *secret; /* at most AWS_SECRET_MAX characters */
	const char *region;
	const char *service;
	int64_t at_us; /* the instant of X-Amz-Date */
};

struct aws_signature {
	const char *canonical; /* the canonical request */
	const char *to_sign;   /* the string to sign */
	const char *signature; /* hex */
	const char *authorization; /* the header's value */
};

/* ERR_INVALID with a sentence (that quotes nothing): there is too much of
 * something.  *ret_signature is set on ERR_OK. */
enum err aws_sign(struct scope *sc, const struct aws_sign_request *request,
    const struct aws_sign_scope *by, struct aws_signature *ret_signature)
    MUSTCHECK;

/* "20150830T123600Z"; returns out. */
char *aws_sign_date(int64_t at_us, char out[AWS_SIGN_DATE_MAX]);

/* SHA-256 as hex; returns out. */
char *aws_sign_hash(const void *data, size_t len, char out[AWS_SIGN_HASH_MAX]);

#endif
