/*
 * aws_sandbox.h: the sandbox's SQS and S3, running for as long as a test needs
 * it, on a port of its own.
 */
#ifndef TESTS_SUPPORT_AWS_SANDBOX_H
#define TESTS_SUPPORT_AWS_SANDBOX_H

#include <sys/types.h>

#define AWS_SANDBOX_KEY_ID "AKIASANDBOXFLOW22222"
#define AWS_SANDBOX_SECRET "flow/secret+of=ours"
#define AWS_SANDBOX_REGION "us-east-1"
#define AWS_SANDBOX_ACCOUNT "123456789012"
/* What is there from the start, and again after a reset. */
#define AWS_SANDBOX_FIFO "events.fifo"
#define AWS_SANDBOX_STANDARD "events"
#define AWS_SANDBOX_BUCKET "documents"

struct aws_sandbox {
	pid_t pid;
	char url[64]; /* "http://127.0.0.1:PORT" */
};

void aws_sandbox_start(struct aws_sandbox *s); /* fails the test */
void aws_sandbox_stop(struct aws_sandbox *s);

#endif
