/*
 * idempotency.h: the Idempotency-Key header, what makes two requests the same,
 * and the text an answer is stored as.
 *
 * A stored answer is "STATUS\nETAG\nLOCATION\nBODY"; ETag and Location may be
 * empty.  It is opaque to whoever stores it.
 */
#ifndef HTTP_IDEMPOTENCY_H
#define HTTP_IDEMPOTENCY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/compiler.h"
#include "base/err.h"

#define IDEMPOTENCY_KEY_MAX 255

struct arena;
struct booking;
struct buf;
struct call;
struct form;
struct response;
struct scope;

/* 1..255 printable characters, as an sf-string ("..." with \" and \\, as the
 * IETF draft has it) or bare (then without space, quote or comma). */
bool idempotency_key(struct arena *arena, const char *value,
    const char **ret_key) MUSTCHECK;

/* Fill call->replay from the request: key and fingerprint.  ERR_BAD_REQUEST
 * with a fault when the header is there and no key. */
enum err idempotency_read(struct call *call) MUSTCHECK;

/* Write a stored answer. */
void idempotency_store(struct buf *out, int status, const char *etag,
    const char *location, const struct form *form, const void *object);

/* Make the answer again.  ERR_CORRUPT: not such a text. */
enum err idempotency_answer(struct scope *sc, const char *stored,
    struct response *res) MUSTCHECK;

/* Answer with what is stored when there is something, else with what
 * call->replay.render would have stored of the object: a first answer and its
 * replay cannot differ. */
enum err idempotency_reply(struct call *call, const void *object) MUSTCHECK;

#endif
