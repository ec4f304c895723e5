/* fuzz_aws_answer.c: any bytes as what an endpoint of credentials answers: keys
 * that may stand in a header, or none; wiped either way. */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "remote/aws_ask.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool holds)
{
	if (!holds)
		abort();
}

static void
hold_plain(const char *text)
{
	for (; *text; text++)
		must(*text > ' ' && *text <= '~');
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct aws_key key;
	static struct arena *arena;
	struct scope sc;
	char *text;

	if (size > AWS_KEYS_ANSWER_MAX)
		return 0;
	if (!arena)
		arena = arena_open(4 * 1024 * 1024);
	must(arena != NULL);

	scope_init(&sc, arena, USEC_PER_SEC);
	text = arena_alloc(arena, size + 1);
	if (size > 0)
		memcpy(text, data, size);
	memset(&key, 0, sizeof key);
	if (aws_ask_parse(&sc, text, size, &key)) {
		must(!*key.id && !*key.secret && !*key.token);
		must(strncmp(sc.why, "AWS credentials: ", 17) == 0);
	} else {
		must(*key.id && *key.secret);
		hold_plain(key.id);
		hold_plain(key.secret);
		hold_plain(key.token);
	}
	for (size_t i = 0; i < size; i++)
		must(text[i] == '\0');
	must(sc.fault_count == 0);
	arena_reset(arena);
	return 0;
}
