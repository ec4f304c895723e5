/*
 * aws.h: one call to a service of AWS: signed, sent, judged.
 *
 * Twice    A call is made once, and once more when AWS did not take the
 *          signature for its time (how far our clock is from theirs is then
 *          known, and kept), or because the keys had expired.  Whatever else
 *          there is to try again, the caller tries, in one layer: it has the
 *          outbox.
 * Certainty What is not DONE may have been done all the same; every call here
 *          may be repeated without harm.
 * Errors   sc->why says what happened, with AWS's request id; no address, no
 *          key, no message of AWS's stands in it.
 * Breaker  The service's own (http_client.h); those who hand out keys are
 *          another's matter (aws_keys.h).
 * Never    run against live AWS: held to its documentation, its cases, and a
 *          sandbox that its own clients were held against.
 */
#ifndef REMOTE_AWS_H
#define REMOTE_AWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/scope.h"
#include "remote/aws_error.h"
#include "remote/aws_keys.h"
#include "remote/aws_sign.h"
#include "remote/http_client.h"

#define AWS_CALL_HEADERS_MAX 8 /* of the caller's own */

/* What the services of one process share. */
struct aws {
	struct aws_keys keys;
	int64_t skew_us; /* AWS's clock less ours; 0 until they differed */
};

/* false with a sentence in why: a setting makes no sense. */
bool aws_open(struct aws *aws, const struct aws_keys_settings *settings,
    char *why, size_t why_max) MUSTCHECK;
void aws_close(struct aws *aws); /* wipes the keys */

/* What time it is to AWS. */
int64_t aws_now_us(const struct aws *aws);

/* One of them; texts outlive it. */
struct aws_service {
	struct aws *aws;
	struct http_client *http;
	const char *name; /* "sqs": in the signature and in sentences */
	const char *region;
	enum aws_sign_paths paths;
	bool sends_hash; /* X-Amz-Content-Sha256: S3 wants it */
	/* The error's code as the service writes it, or NULL. */
	const char *(*read_code)(struct scope *sc,
	    const struct http_client_answer *answer);
};

struct aws_call {
	/* in */
	const char *method;
	const char *url;
	const struct http_client_header *headers;
	size_t header_count;
	const void *body;
	size_t body_len;
	size_t answer_max;
	/* out */
	struct http_client_answer answer; /* DONE: of status 2xx */
	char code[AWS_CODE_MAX]; /* not DONE: AWS's, or a word of ours in lower
	                            case ("timeout", "no_credentials") */
	const char *request_id;  /* "-" = not told */
};

enum aws_fate aws_call(const struct aws_service *service, struct scope *sc,
    struct aws_call *call) MUSTCHECK;

#endif
