/*
 * sqs.h: messages into a queue of AWS's, ten at a time (SendMessageBatch over
 * AWS JSON 1.0).
 *
 * Fate     Each entry has its own: a batch may be taken in part.  What the
 *          answer does not mention, or mentions twice, or took with another
 *          checksum, is LATER: it may be in the queue, and is sent again under
 *          the same id.
 * Text     A body is JSON.  SQS takes the characters of XML 1.0 alone, and
 *          refuses a message for any other or puts U+FFFD in its place.  In
 *          JSON such a character can only stand in a string, where its escape
 *          says the same: so U+FFFE, U+FFFF and control characters go out as
 *          \ufffe, \uffff, \u0001; a byte that is not UTF-8 as \ufffd.
 *          Lengths are counted and checksums compared of what goes out.
 * Order    A queue whose address ends in .fifo gets group and dedup with each
 *          entry; others get neither.  Of one group at most one entry may be
 *          in a batch: a later one could be taken where an earlier one was
 *          not.
 * Again    One call, as aws.h has it; but when SQS refuses a batch as a whole
 *          for what is in it, each entry is sent by itself, so that one that
 *          is bad costs the others no try.
 */
#ifndef REMOTE_SQS_H
#define REMOTE_SQS_H

#include <stddef.h>

#include "base/buf.h"
#include "base/compiler.h"
#include "base/scope.h"
#include "remote/aws.h"

#define SQS_BATCH_MAX 10
/* SQS takes 1 MiB since 2025; some regions and stand-ins still take this. */
#define SQS_BATCH_BYTES_MAX (256 * 1024)
#define SQS_ID_MAX 80     /* of letters, digits, - and _ */
#define SQS_GROUP_MAX 128 /* of group and dedup, printable ASCII */
#define SQS_MESSAGE_ID_MAX 100
#define SQS_DEDUP_S 300 /* so long a FIFO queue takes no dedup twice */

/* What one process needs to send; texts outlive it. */
struct sqs {
	struct aws_service service;
	const char *endpoint;  /* http_client_url_check'ed, without a / behind */
	const char *queue_url; /* in each request; of AWS or a stand-in */
};

struct sqs_entry {
	const char *id; /* distinct in its batch */
	const char *body; /* len bytes, NUL or not */
	size_t len;
	const char *group; /* to FIFO queues */
	const char *dedup;
};

struct sqs_result {
	enum aws_fate fate; /* DONE, LATER, REJECTED or STOPPED */
	const char *code;   /* not DONE: AWS's or a word of ours; else NULL */
	const char *message_id; /* DONE: the queue's; else NULL */
};

/* How many of the next entries go into one batch: at least one of one or more;
 * that one may be too long by itself, and is then REJECTED. */
size_t sqs_fit(const struct sqs_entry *entries, size_t count);

/*
 * Send one batch, which sqs_fit has measured.  results has count items, all
 * set, and says what became of each; its texts live in sc->arena.  Returned is
 * whether the queue is to be had: DONE; or LATER, STOPPED: leave it alone for a
 * while, what is left would meet the same.  sc->why speaks of what was not
 * taken.
 */
enum aws_fate sqs_send(const struct sqs *sqs, struct scope *sc,
    const struct sqs_entry *entries, size_t count,
    struct sqs_result *results) MUSTCHECK;

/*
 * Is the queue there, and who are we to it?  Asks for one attribute, which
 * takes the right sqs:GetQueueAttributes; without that right it answers
 * "AccessDenied", which still shows the way there and the keys.
 * *ret_code: as in sqs_result.
 */
enum aws_fate sqs_probe(const struct sqs *sqs, struct scope *sc,
    const char **ret_code) MUSTCHECK;

/* ---- the parts, for tests and fuzzing ----------------------------------------*/

/* The body as it goes out; overflow when it has more than max bytes. */
void sqs_put_body(struct buf *out, const char *body, size_t len);

/* The answer of status 200 to a batch, held against what was sent.  `sums` are
 * the MD5 of what went out, as hex; NULL = not known, not compared. */
void sqs_read_answer(struct scope *sc, const char *text, size_t len,
    const struct sqs_entry *entries, const char *const *sums, size_t count,
    struct sqs_result *results);

/* "__type" of an error's body, NULL when it has none. */
const char *sqs_read_code(struct scope *sc,
    const struct http_client_answer *answer);

#endif
