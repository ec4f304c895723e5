/* sqs.c: SendMessageBatch. */
#include "remote/sqs.h"

#include <assert.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/codec.h"
#include "base/crypto.h"
#include "base/form.h"
#include "base/json.h"
#include "remote/aws_names.h"

#define TARGET "AmazonSQS."
#define JSON_TYPE "application/x-amz-json-1.0"
/* Each byte of a body may be six in JSON; and there is more to an entry. */
#define REQUEST_MAX (6 * SQS_BATCH_BYTES_MAX + SQS_BATCH_MAX * 4096)
#define ANSWER_MAX (64 * 1024)
#define TYPE_MAX 200
#define APART_US (10 * USEC_PER_SEC) /* for the entries of a batch, by themselves */
#define MD5_TEXT (2 * MD5_LEN)
#define ID_LETTERS \
	"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"

/* ---- what goes out -----------------------------------------------------------*/

/* The bytes of the character at p, of which len are left; 0 = not UTF-8. */
static size_t
character(const char *p, size_t len)
{
	for (size_t n = 1; n <= 4 && n <= len; n++) {
		if (codec_utf8_valid(p, n))
			return n;
	}
	return 0;
}

/* The escape that goes out in a character's place, NULL when it may stand for
 * itself; *ret_taken bytes of the body are then done with. */
static const char *
escape_of(const char *p, size_t len, char escape[7], size_t *ret_taken)
{
	static const char hex[] = "0123456789abcdef";
	unsigned char c = (unsigned char)*p;

	*ret_taken = 1;
	if (c < 0x20 && c != '\t' && c != '\n' && c != '\r') {
		memcpy(escape, "\\u00", 4);
		escape[4] = hex[c >> 4];
		escape[5] = hex[c & 0x0f];
		escape[6] = '\0';
		return escape;
	}
	if (c < 0x80)
		return NULL;
	*ret_taken = character(p, len);
	if (*ret_taken == 0) {
		*ret_taken = 1;
		return "\\ufffd";
	}
	if (*ret_taken == 3 && memcmp(p, "\xef\xbf\xbe", 3) == 0)
		return "\\ufffe";
	if (*ret_taken == 3 && memcmp(p, "\xef\xbf\xbf", 3) == 0)
		return "\\uffff";
	return NULL;
}

void
sqs_put_body(struct buf *out, const char *body, size_t len)
{
	size_t plain = 0; /* what is not written yet begins there */
	size_t at = 0;

	while (at < len && !out->overflow) {
		char room[7];
		size_t taken;
		const char *escape = escape_of(body + at, len - at, room,
		    &taken);

		if (escape) {
			buf_put(out, body + plain, at - plain);
			buf_puts(out, escape);
			plain = at + taken;
		}
		at += taken;
	}
	buf_put(out, body + plain, at - plain);
}

/* How long it will be. */
static size_t
body_len(const char *body, size_t len)
{
	size_t sum = 0;
	size_t taken;

	for (size_t at = 0; at < len; at += taken) {
		char room[7];

		sum += escape_of(body + at, len - at, room, &taken) ?
		    strlen("\\u0000") : taken;
	}
	return sum;
}

size_t
sqs_fit(const struct sqs_entry *entries, size_t count)
{
	size_t sum = 0;

	if (count > SQS_BATCH_MAX)
		count = SQS_BATCH_MAX;
	for (size_t i = 0; i < count; i++) {
		sum += body_len(entries[i].body, entries[i].len);
		if (sum > SQS_BATCH_BYTES_MAX)
			return i > 0 ? i : 1;
	}
	return count;
}

/* ---- a batch -----------------------------------------------------------------*/

/* What is on its way of a batch, and which of the caller's it is. */
struct batch {
	const struct sqs *sqs;
	bool fifo;
	size_t count;
	struct sqs_entry entries[SQS_BATCH_MAX]; /* bodies as they go out */
	const char *sums[SQS_BATCH_MAX];
	struct sqs_result *results[SQS_BATCH_MAX];
};

static const char *
sum_of(struct scope *sc, const char *body, size_t len)
{
	uint8_t sum[MD5_LEN];

	return crypto_md5(body, len, sum) ? codec_hex(sc->arena, sum,
	    sizeof sum) : NULL;
}

static bool
is_label(const char *text)
{
	size_t len = strlen(text);

	if (len == 0 || len > SQS_GROUP_MAX)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (text[i] <= ' ' || text[i] > '~')
			return false;
	}
	return true;
}

/* NULL, or the code SQS would refuse it with.  Some things it would take in
 * part, or refuse the whole batch for. */
static const char *
refusal_of(const struct sqs_entry *entry, const struct buf *body, bool fifo)
{
	if (body->overflow)
		return "BatchRequestTooLong";
	if (body->len == 0)
		return "MissingParameter";
	if (fifo && (!is_label(entry->group) || !is_label(entry->dedup)))
		return "InvalidParameterValue";
	return NULL;
}

/* Take an entry in, or say at once that it is refused. */
static void
add_entry(struct batch *b, struct scope *sc, const struct sqs_entry *entry,
    struct sqs_result *result)
{
	struct buf body;
	size_t id_len = strlen(entry->id);

	assert(id_len > 0 && id_len <= SQS_ID_MAX &&
	    strspn(entry->id, ID_LETTERS) == id_len);
	assert(!b->fifo || (entry->group && entry->dedup));

	buf_init(&body, sc->arena, SQS_BATCH_BYTES_MAX);
	sqs_put_body(&body, entry->body, entry->len);
	*result = (struct sqs_result){ .fate = AWS_REJECTED };
	result->code = refusal_of(entry, &body, b->fifo);
	if (result->code)
		return;
	*result = (struct sqs_result){ .fate = AWS_LATER, .code = "-" };
	b->entries[b->count] = *entry;
	b->entries[b->count].body = body.data;
	b->entries[b->count].len = body.len;
	b->sums[b->count] = sum_of(sc, body.data, body.len);
	b->results[b->count++] = result;
}

static void
put_member(struct buf *out, const char *name, const char *value)
{
	buf_printf(out, ",\"%s\":", name);
	json_put_text(out, value);
}

static void
put_request(struct buf *out, const struct batch *b, size_t first,
    size_t count)
{
	buf_puts(out, "{\"QueueUrl\":");
	json_put_text(out, b->sqs->queue_url);
	buf_puts(out, ",\"Entries\":[");
	for (size_t i = first; i < first + count; i++) {
		const struct sqs_entry *entry = &b->entries[i];

		buf_puts(out, i > first ? ",{\"Id\":" : "{\"Id\":");
		json_put_text(out, entry->id);
		put_member(out, "MessageBody", entry->body);
		if (b->fifo) {
			put_member(out, "MessageGroupId", entry->group);
			put_member(out, "MessageDeduplicationId",
			    entry->dedup);
		}
		buf_putc(out, '}');
	}
	buf_puts(out, "]}");
}

static enum aws_fate
call(const struct sqs *sqs, struct scope *sc, const char *target,
    const struct buf *body, struct aws_call *ret_call)
{
	const struct http_client_header headers[] = {
		{ "Content-Type", JSON_TYPE },
		{ "X-Amz-Target", target },
	};

	assert(!body->overflow);

	*ret_call = (struct aws_call){
		.method = "POST",
		.url = arena_printf(sc->arena, "%s/", sqs->endpoint),
		.headers = headers,
		.header_count = ARRAY_LEN(headers),
		.body = body->data,
		.body_len = body->len,
		.answer_max = ANSWER_MAX,
	};
	return aws_call(&sqs->service, sc, ret_call);
}

/* ---- what comes back ---------------------------------------------------------*/

struct taken {
	const char *id;
	const char *message_id;
	const char *sum;
};
struct failed {
	const char *id;
	const char *code;
	bool sender_fault;
};
struct outcome {
	struct list taken;
	struct list failed;
};

/* clang-format off */
#define TEXT(S, NAME, MEMBER, FLAGS, MAX) \
	{ .name = NAME, .type = FIELD_TEXT, .flags = (FLAGS), .min = 1, \
	  .max = (MAX), .offset = offsetof(struct S, MEMBER) }
#define FORM(S, FIELDS) \
	{ .name = #S, .size = sizeof(struct S), .fields = (FIELDS), \
	  .count = ARRAY_LEN(FIELDS), .open = true }
#define LIST(NAME, MEMBER, FORM) \
	{ .name = NAME, .type = FIELD_LIST, .flags = FIELD_NULLABLE, .min = 0, \
	  .max = SQS_BATCH_MAX, .form = &(FORM), \
	  .offset = offsetof(struct outcome, MEMBER) }
static const struct field taken_fields[] = {
	TEXT(taken, "Id", id, FIELD_REQUIRED, SQS_ID_MAX),
	TEXT(taken, "MessageId", message_id, FIELD_REQUIRED, SQS_MESSAGE_ID_MAX),
	TEXT(taken, "MD5OfMessageBody", sum, FIELD_REQUIRED, MD5_TEXT),
};
static const struct form taken_form = FORM(taken, taken_fields);
static const struct field failed_fields[] = {
	TEXT(failed, "Id", id, FIELD_REQUIRED, SQS_ID_MAX),
	TEXT(failed, "Code", code, FIELD_REQUIRED, TYPE_MAX),
	{ .name = "SenderFault", .type = FIELD_BOOL, .flags = FIELD_NULLABLE,
	  .offset = offsetof(struct failed, sender_fault) },
};
static const struct form failed_form = FORM(failed, failed_fields);
static const struct field outcome_fields[] = {
	LIST("Successful", taken, taken_form),
	LIST("Failed", failed, failed_form),
};
static const struct form outcome_form = FORM(outcome, outcome_fields);
/* clang-format on */

static size_t
index_of(const struct sqs_entry *entries, size_t count, const char *id)
{
	size_t i = 0;

	while (i < count && strcmp(entries[i].id, id) != 0)
		i++;
	return i;
}

static void
note_taken(const struct taken *taken, const char *sum,
    struct sqs_result *result)
{
	if (sum && strcmp(sum, taken->sum) != 0) {
		*result = (struct sqs_result){ .fate = AWS_LATER,
			.code = "wrong_checksum" };
		return;
	}
	*result = (struct sqs_result){ .fate = AWS_DONE,
		.message_id = taken->message_id };
}

static void
note_failed(struct scope *sc, const struct failed *failed,
    struct sqs_result *result)
{
	char *code = arena_alloc(sc->arena, AWS_CODE_MAX);

	aws_error_code(failed->code, code);
	*result = (struct sqs_result){
		.fate = aws_error_entry_fate(code, failed->sender_fault),
		.code = code,
	};
}

static void
set_all(struct sqs_result *results, size_t count, enum aws_fate fate,
    const char *code)
{
	for (size_t i = 0; i < count; i++)
		results[i] = (struct sqs_result){ .fate = fate, .code = code };
}

void
sqs_read_answer(struct scope *sc, const char *text, size_t len,
    const struct sqs_entry *entries, const char *const *sums, size_t count,
    struct sqs_result *results)
{
	unsigned seen[SQS_BATCH_MAX] = { 0 };
	struct outcome o;

	assert(count <= SQS_BATCH_MAX);

	set_all(results, count, AWS_LATER, "not_mentioned");
	if (form_read_answer(sc, "sqs", &outcome_form, text, len, &o)) {
		set_all(results, count, AWS_LATER, "unreadable");
		return;
	}
	for (size_t i = 0; i < o.taken.count; i++) {
		const struct taken *taken = (struct taken *)o.taken.items + i;
		size_t at = index_of(entries, count, taken->id);

		if (at < count && seen[at]++ == 0)
			note_taken(taken, sums[at], &results[at]);
	}
	for (size_t i = 0; i < o.failed.count; i++) {
		const struct failed *failed = (struct failed *)o.failed.items +
		    i;
		size_t at = index_of(entries, count, failed->id);

		if (at < count && seen[at]++ == 0)
			note_failed(sc, failed, &results[at]);
	}
	for (size_t i = 0; i < count; i++) {
		if (seen[i] > 1)
			set_all(&results[i], 1, AWS_LATER, "mentioned_twice");
	}
}

struct refusal {
	const char *type;
};

const char *
sqs_read_code(struct scope *sc, const struct http_client_answer *answer)
{
	static const struct field fields[] = {
		TEXT(refusal, "__type", type, FIELD_NULLABLE, TYPE_MAX),
	};
	static const struct form form = FORM(refusal, fields);
	struct refusal refusal;

	if (!form_read_answer(sc, "sqs", &form, answer->body, answer->len,
	        &refusal) && refusal.type)
		return refusal.type;
	return answer->kept[HTTP_CLIENT_AMZN_ERROR_TYPE];
}

/* ---- sending -------------------------------------------------------------------*/

/* One call with some of the batch. */
static enum aws_fate
send_part(struct batch *b, struct scope *sc, size_t first, size_t count)
{
	struct sqs_result results[SQS_BATCH_MAX];
	struct aws_call done;
	enum aws_fate fate;
	struct buf body;

	buf_init(&body, sc->arena, REQUEST_MAX);
	put_request(&body, b, first, count);
	fate = call(b->sqs, sc, TARGET "SendMessageBatch", &body, &done);
	if (fate == AWS_DONE)
		sqs_read_answer(sc, done.answer.body, done.answer.len,
		    &b->entries[first], &b->sums[first], count, results);
	else
		set_all(results, count, fate, arena_strdup(sc->arena,
		    done.code));
	for (size_t i = 0; i < count; i++)
		*b->results[first + i] = results[i];
	return fate;
}

/* One by one.  What is met on the way and is not of the entry's own doing
 * holds for those behind it too. */
static enum aws_fate
send_apart(struct batch *b, struct scope *sc)
{
	int64_t until_us = clock_mono_us() + APART_US;
	enum aws_fate fate = AWS_DONE;
	size_t i = 0;

	for (; i < b->count && clock_mono_us() < until_us; i++) {
		fate = send_part(b, sc, i, 1);
		if (fate != AWS_DONE && fate != AWS_REJECTED)
			break;
	}
	if (i == b->count)
		return AWS_DONE;
	for (size_t k = i; k < b->count; k++) {
		if (fate == AWS_DONE || fate == AWS_REJECTED)
			set_all(b->results[k], 1, AWS_LATER, "no_time");
		else
			*b->results[k] = *b->results[i];
	}
	return fate == AWS_REJECTED ? AWS_DONE : fate;
}

/* The first entry's that did not get through, for who reads the log. */
static void
tell(struct scope *sc, const struct sqs_result *results, size_t count)
{
	size_t left = 0;
	size_t first = 0;

	for (size_t i = count; i > 0; i--) {
		if (results[i - 1].fate != AWS_DONE) {
			left++;
			first = i - 1;
		}
	}
	if (left > 0)
		(void)scope_fail(sc, ERR_UNAVAILABLE, "sqs: %zu of %zu "
		    "messages were not taken, the first: %s, code %s", left,
		    count, aws_fate_word(results[first].fate),
		    results[first].code);
}

enum aws_fate
sqs_send(const struct sqs *sqs, struct scope *sc,
    const struct sqs_entry *entries, size_t count,
    struct sqs_result *results)
{
	struct batch b = { .sqs = sqs,
		.fifo = aws_queue_is_fifo(sqs->queue_url) };
	enum aws_fate fate = AWS_DONE;

	assert(count >= 1 && count <= SQS_BATCH_MAX &&
	    sqs_fit(entries, count) == count);

	for (size_t i = 0; i < count; i++) {
		assert(index_of(entries, i, entries[i].id) == i);
		add_entry(&b, sc, &entries[i], &results[i]);
	}
	if (b.count > 0)
		fate = send_part(&b, sc, 0, b.count);
	if (fate == AWS_REJECTED)
		fate = b.count > 1 ? send_apart(&b, sc) : AWS_DONE;
	if (fate == AWS_DONE)
		tell(sc, results, count);
	return fate;
}

enum aws_fate
sqs_probe(const struct sqs *sqs, struct scope *sc, const char **ret_code)
{
	struct aws_call done;
	enum aws_fate fate;
	struct buf body;

	buf_init(&body, sc->arena, REQUEST_MAX);
	buf_puts(&body, "{\"QueueUrl\":");
	json_put_text(&body, sqs->queue_url);
	buf_puts(&body, ",\"AttributeNames\":[\"QueueArn\"]}");
	fate = call(sqs, sc, TARGET "GetQueueAttributes", &body, &done);
	*ret_code = fate == AWS_DONE ? NULL : arena_strdup(sc->arena,
	    done.code);
	return fate;
}
