/* fuzz_json.c: whatever json_check accepts, json-c parses too. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "base/json.h"

#define SIZE_MOST (64 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct json_tokener *tokener;
	struct json_object *root;
	size_t at = SIZE_MAX;
	const char *wrong;
	char *text;

	if (size > SIZE_MOST)
		return 0;
	/* First in memory of the exact size: no byte beyond may be read. */
	wrong = json_check((const char *)data, size, 16, &at);
	if (wrong) {
		if (at > size)
			abort();
		return 0;
	}

	text = malloc(size + 1);
	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	tokener = json_tokener_new_ex(17);
	json_tokener_set_flags(tokener,
	    JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	root = json_tokener_parse_ex(tokener, text, (int)size + 1);
	if (json_tokener_get_error(tokener) != json_tokener_success)
		abort();
	json_object_put(root);
	json_tokener_free(tokener);
	free(text);
	return 0;
}
