/*
 * aws_stand.h: clients of SQS and S3 beside the sandbox, for the tests of both.
 */
#ifndef TESTS_SUPPORT_AWS_STAND_H
#define TESTS_SUPPORT_AWS_STAND_H

#include "base/breaker.h"
#include "remote/aws.h"
#include "remote/s3.h"
#include "remote/sqs.h"
#include "support/aws_sandbox.h"

struct aws_stand {
	struct aws_sandbox sandbox;
	struct shm *shm;
	struct arena *arena;
	struct scope sc;
	struct http_client *control;
	struct http_client *sqs_http;
	struct http_client *s3_http;
	struct aws_keys_settings keys;
	struct aws aws;
	char queue_url[160];
	struct sqs sqs; /* to the FIFO queue, until another is chosen */
	struct s3 s3;
};

/* With the sandbox's own keys, one second for a call. */
void aws_stand_open(struct aws_stand *s);
void aws_stand_close(struct aws_stand *s);

/* Speak with the keys of s->keys from now on, as changed. */
void aws_stand_rekey(struct aws_stand *s);
void aws_stand_queue(struct aws_stand *s, const char *name);

/* Tell or ask the sandbox; the answer's body. */
const char *aws_stand_control(struct aws_stand *s, const char *method,
    const char *path, const char *json);
/* The next call of `match` ("sqs:SendMessageBatch", ...) goes wrong, as the
 * members of the JSON say: "\"kind\":\"fail\"". */
void aws_stand_fault(struct aws_stand *s, const char *match,
    const char *members);

/* How often a text stands in what the sandbox tells of that path. */
int aws_stand_count(struct aws_stand *s, const char *path, const char *what);
/* How many signed requests it has had. */
int aws_stand_calls(struct aws_stand *s);

struct breaker_view aws_stand_breaker(struct aws_stand *s,
    enum shm_service service);

#endif
