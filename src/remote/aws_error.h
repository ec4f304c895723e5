/*
 * aws_error.h: what the refusals of SQS and S3 mean to us.
 */
#ifndef REMOTE_AWS_ERROR_H
#define REMOTE_AWS_ERROR_H

#include <stdbool.h>

#include "base/compiler.h"

#define AWS_CODE_MAX 64 /* characters of an error's code, with the NUL */

/* What became of a call, or of one entry of it. */
enum aws_fate {
	AWS_DONE,
	AWS_MISSING,  /* there is no such object (reading from S3 alone) */
	AWS_LATER,    /* an outage: no connection, 5xx, throttled, breaker open,
	                 no credentials to be had: wait, it uses up no try.  It
	                 may have been done all the same */
	AWS_REJECTED, /* what was sent is not taken, now or later: it uses up a
	                 try */
	AWS_STOPPED,  /* nothing will help but a person: no such queue, access
	                 denied, wrong keys, key disabled: wait, and alarm */
	AWS_FATE__MAX
};
const char *aws_fate_word(enum aws_fate fate); /* "stopped" */

/*
 * A code as it came ("com.amazonaws.sqs#QueueDoesNotExist",
 * "AWS.SimpleQueueService.NonExistentQueue", "InternalFailure:http://...")
 * without what stands around it; "-" when there is none, or it is no word.
 */
void aws_error_code(const char *raw, char out[AWS_CODE_MAX]);

/* A whole answer of that status, with that code ("-" = not told).  Never DONE;
 * what is in no row goes by the status, and without that is STOPPED: it waits
 * until somebody looked. */
enum aws_fate aws_error_fate(int status, const char *code);

/* One entry of a batch that failed: a code in no row goes by whose fault SQS
 * says it is. */
enum aws_fate aws_error_entry_fate(const char *code, bool sender_fault);

/* The service did not take the signature for its time, perhaps. */
bool aws_error_is_of_time(const char *code);
/* The keys have expired. */
bool aws_error_is_expiry(const char *code);

#endif
