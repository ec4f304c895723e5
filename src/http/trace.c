/* trace.c: the names a request goes by: its own id and that of its trace. */
#include "http/trace.h"

#include <stddef.h>
#include <string.h>

#include "base/arena.h"
#include "base/scope.h"
#include "base/uuid.h"
#include "http/request.h"

#define REQUEST_ID_MAX 64
#define ID_CHARS \
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-"
#define HEX "0123456789abcdef"
#define TRACE_LEN 32
#define SPAN_LEN 16

bool
trace_request_id_valid(const char *id)
{
	size_t len = strspn(id, ID_CHARS);

	return len > 0 && len <= REQUEST_ID_MAX && id[len] == '\0';
}

/* A field of exactly len hex digits, not all zero. */
static bool
hex_field(const char *p, size_t len)
{
	return strspn(p, HEX) == len && strspn(p, "0") < len;
}

/* version "-" trace-id "-" parent-id "-" flags; a later version may go on. */
const char *
trace_from_parent(struct arena *arena, const char *value)
{
	const char *trace, *span, *flags;

	if (strspn(value, HEX) != 2 || value[2] != '-' ||
	    strncmp(value, "ff", 2) == 0)
		return NULL;
	trace = value + 3;
	if (!hex_field(trace, TRACE_LEN) || trace[TRACE_LEN] != '-')
		return NULL;
	span = trace + TRACE_LEN + 1;
	if (!hex_field(span, SPAN_LEN) || span[SPAN_LEN] != '-')
		return NULL;
	flags = span + SPAN_LEN + 1;
	if (strspn(flags, HEX) != 2 ||
	    (flags[2] && (strncmp(value, "00", 2) == 0 || flags[2] != '-')))
		return NULL;
	return arena_strndup(arena, trace, TRACE_LEN);
}

/* "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=...;Sampled=1" */
const char *
trace_from_amazon(struct arena *arena, const char *value)
{
	const char *root = strstr(value, "Root=1-");

	if (!root || (root != value && root[-1] != ';' && root[-1] != ' '))
		return NULL;
	root += strlen("Root=1-");
	if (strspn(root, HEX) != 8 || root[8] != '-' ||
	    !hex_field(root + 9, 24) || (root[33] && root[33] != ';'))
		return NULL;
	return arena_printf(arena, "%.8s%.24s", root, root + 9);
}

const char *
trace_new(struct scope *sc)
{
	char text[UUID_TEXT_MAX];
	struct uuid id;

	uuid_new(&id);
	sc->request_id = arena_strdup(sc->arena, uuid_format(&id, text));
	return sc->request_id;
}

void
trace_take(struct scope *sc, const struct request *req)
{
	const char *id = request_header(req, "x-request-id");
	const char *parent = request_header(req, "traceparent");
	const char *amazon = request_header(req, "x-amzn-trace-id");
	const char *trace = NULL;

	if (id && trace_request_id_valid(id))
		sc->request_id = id;
	else
		(void)trace_new(sc);

	if (parent)
		trace = trace_from_parent(sc->arena, parent);
	if (!trace && amazon)
		trace = trace_from_amazon(sc->arena, amazon);
	sc->trace_id = trace ? trace : "";
}
