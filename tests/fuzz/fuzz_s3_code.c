/* fuzz_s3_code.c: any bytes as the XML of S3's errors, and as an object's key. */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/codec.h"
#include "remote/s3.h"

#define SIZE_MOST (8 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool holds)
{
	if (!holds)
		abort();
}

static void
try_xml(struct scope *sc, const uint8_t *data, size_t size)
{
	/* Of exactly its size, so that a look beyond the end is found. */
	char *xml = malloc(size > 0 ? size : 1);
	char code[AWS_CODE_MAX];
	const char *raw;

	must(xml != NULL);
	if (size > 0)
		memcpy(xml, data, size);
	raw = s3_find_code(sc, xml, size);
	if (raw)
		must(memmem(xml, size, raw, strlen(raw)) != NULL);
	aws_error_code(raw, code);
	must(*code && !strpbrk(code, "\r\n <>&"));
	free(xml);
}

/* The address says the key and nothing else, and leads to no other place. */
static void
try_key(struct scope *sc, const uint8_t *data, size_t size)
{
	static const struct s3 s3 = { .service = { .region = "r" },
		.endpoint = "http://127.0.0.1:1", .bucket = "bucket" };
	const char *key = arena_strndup(sc->arena, (const char *)data, size);
	const char *url = s3_url(&s3, sc, key);
	const char *path;
	char *back;

	if (!url)
		return;
	must(strncmp(url, "http://127.0.0.1:1/bucket/", 26) == 0);
	path = url + 26;
	must(!strpbrk(path, "?#\\ \r\n"));
	must(!strstr(url, "/../") && !strstr(url, "/./"));
	must(codec_unpercent(sc->arena, path, strlen(path), false, &back));
	must(strcmp(back, key) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct arena *arena;
	struct scope sc;

	if (size > SIZE_MOST)
		return 0;
	if (!arena)
		arena = arena_open(1024 * 1024);
	must(arena != NULL);

	scope_init(&sc, arena, USEC_PER_SEC);
	try_xml(&sc, data, size);
	try_key(&sc, data, size);
	arena_reset(arena);
	return 0;
}
