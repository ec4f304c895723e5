/* fuzz_query.c: any text as a query string. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/json.h"
#include "support/sample_form.h"

#define SIZE_MOST (16 * 1024)
#define ARENA_MOST (16 * 1024 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool holds)
{
	if (!holds)
		abort();
}

static void
try_query(struct arena *arena, const char *query)
{
	struct sample sample;
	struct scope sc;
	struct buf out;
	size_t at;
	enum err e;

	scope_init(&sc, arena, 1000000);
	e = form_read_query(&sc, &sample_form, query, &sample);
	must(e == ERR_OK || e == ERR_INVALID || e == ERR_MALFORMED);
	must(e != ERR_INVALID || sc.fault_count > 0);
	for (const struct fault *f = sc.faults; f; f = f->next)
		must(f->param && !f->pointer && f->rule && *f->detail);
	if (e != ERR_OK)
		return;

	/* What was taken is fit to be sent on. */
	buf_init(&out, arena, 8 * SIZE_MOST);
	form_print(&out, &sample_form, &sample);
	must(!out.overflow);
	must(!json_check(out.data, out.len, FORM_DEPTH_MAX, &at));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct arena *arena;

	if (size > SIZE_MOST)
		return 0;
	if (!arena)
		arena = arena_open(ARENA_MOST);
	must(arena != NULL);

	try_query(arena, arena_strndup(arena, (const char *)data, size));
	arena_reset(arena);
	return 0;
}
