/* fuzz_form.c: any bytes as a body: read, printed and read again it is the
 * same; and a request that runs out of memory leaks nothing. */
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/json.h"
#include "support/sample_form.h"

#define SIZE_MOST (64 * 1024)
#define ARENA_MOST (16 * 1024 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool holds)
{
	if (!holds)
		abort();
}

/* A fault for a body has a pointer, a rule and a sentence. */
static void
hold_faults(const struct scope *sc)
{
	must(sc->fault_count > 0);
	for (const struct fault *f = sc->faults; f; f = f->next) {
		must(f->pointer && !f->param && f->rule && f->detail);
		must(*f->pointer == '\0' || *f->pointer == '/');
		must(f->detail[0] != '\0');
	}
}

static void
try_body(struct arena *arena, const char *text, size_t len)
{
	struct scope sc;
	struct sample first;
	struct sample second;
	struct buf a;
	struct buf b;
	size_t at;
	enum err e;

	scope_init(&sc, arena, 1000000);
	e = form_read_json(&sc, &sample_form, text, len, &first);
	if (e == ERR_INVALID)
		hold_faults(&sc);
	if (e != ERR_OK) {
		must(e == ERR_INVALID || (e == ERR_MALFORMED && *sc.why));
		return;
	}

	buf_init(&a, arena, 8 * SIZE_MOST);
	form_print(&a, &sample_form, &first);
	must(!a.overflow);
	must(!json_check(a.data, a.len, FORM_DEPTH_MAX, &at));
	must(form_read_json(&sc, &sample_form, a.data, a.len, &second) ==
	    ERR_OK);
	buf_init(&b, arena, 8 * SIZE_MOST);
	form_print(&b, &sample_form, &second);
	must(a.len == b.len && memcmp(a.data, b.data, a.len) == 0);
}

/* The first byte says which allocation fails; 0 none. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct arena *arena;
	jmp_buf out;

	if (size < 1 || size > SIZE_MOST)
		return 0;
	if (!arena)
		arena = arena_open(ARENA_MOST);
	must(arena != NULL);

	arena_catch(arena, &out);
	if (setjmp(out) == 0) {
		arena_fail_after(arena, data[0]);
		try_body(arena, (const char *)data + 1, size - 1);
	}
	arena_fail_after(arena, 0);
	arena_catch(arena, NULL);
	arena_reset(arena);
	return 0;
}
