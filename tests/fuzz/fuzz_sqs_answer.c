/* fuzz_sqs_answer.c: any bytes as what SQS answers to a batch, or as an error of
 * its; and any bytes as a body that goes out. */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/codec.h"
#include "remote/sqs.h"

#define SIZE_MOST (32 * 1024)
#define COUNT 3
#define SUM "0cc175b9c0f1b6a831c399e269772661" /* of "a" */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool holds)
{
	if (!holds)
		abort();
}

/* Done only when it is told, once and with our sum. */
static void
try_answer(struct scope *sc, const char *text, size_t len)
{
	static const struct sqs_entry entries[COUNT] = {
		{ "a", "a", 1, NULL, NULL }, { "b", "a", 1, NULL, NULL },
		{ "c", "a", 1, NULL, NULL } };
	static const char *const sums[COUNT] = { SUM, SUM, NULL };
	struct sqs_result results[COUNT];

	memset(results, 0x55, sizeof results);
	sqs_read_answer(sc, text, len, entries, sums, COUNT, results);
	for (size_t i = 0; i < COUNT; i++) {
		bool done = results[i].fate == AWS_DONE;

		must(done || results[i].fate == AWS_LATER ||
		    results[i].fate == AWS_REJECTED ||
		    results[i].fate == AWS_STOPPED);
		must(done == (results[i].code == NULL));
		must(done == (results[i].message_id != NULL));
		must(!done || strlen(results[i].message_id) > 0);
		must(done || (strlen(results[i].code) < AWS_CODE_MAX &&
		    !strpbrk(results[i].code, "\r\n \"<")));
		must(!done || !sums[i] || memmem(text, len, SUM,
		    strlen(SUM)) || memchr(text, '\\', len));
	}
}

static void
try_error(struct scope *sc, const char *text, size_t len)
{
	const struct http_client_answer answer = { .status = 400,
		.body = text, .len = len };
	char code[AWS_CODE_MAX];

	aws_error_code(sqs_read_code(sc, &answer), code);
	must(*code && strlen(code) < AWS_CODE_MAX);
	must(!strpbrk(code, "\r\n \"<#:"));
	must(aws_error_fate(400, code) != AWS_DONE);
}

/* UTF-8 without a character that SQS does not take, and twice is once. */
static void
try_body(struct scope *sc, const char *text, size_t len)
{
	const struct sqs_entry entry = { "a", text, len, NULL, NULL };
	struct buf out, again;

	buf_init(&out, sc->arena, 6 * SIZE_MOST);
	sqs_put_body(&out, text, len);
	must(!out.overflow && strlen(out.data) == out.len);
	must(codec_utf8_valid(out.data, out.len));
	must(!strstr(out.data, "\xef\xbf\xbe"));
	must(!strstr(out.data, "\xef\xbf\xbf"));
	for (const char *p = out.data; *p; p++)
		must((unsigned char)*p >= 0x20 || strchr("\t\r\n", *p));
	buf_init(&again, sc->arena, 6 * SIZE_MOST);
	sqs_put_body(&again, out.data, out.len);
	must(strcmp(again.data, out.data) == 0);
	must(sqs_fit(&entry, 1) == 1);
}

/* The first byte says what it is to be. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct arena *arena;
	struct scope sc;
	char *text;

	if (size < 1 || size > SIZE_MOST)
		return 0;
	if (!arena)
		arena = arena_open(16 * 1024 * 1024);
	must(arena != NULL);

	scope_init(&sc, arena, USEC_PER_SEC);
	text = arena_alloc(arena, size); /* with a NUL behind */
	memcpy(text, data + 1, size - 1);
	switch (data[0] % 3) {
	case 0:
		try_answer(&sc, text, size - 1);
		break;
	case 1:
		try_error(&sc, text, size - 1);
		break;
	default:
		try_body(&sc, (const char *)data + 1, size - 1);
	}
	must(sc.fault_count == 0);
	arena_reset(arena);
	return 0;
}
