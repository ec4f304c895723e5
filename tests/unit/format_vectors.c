/* format_vectors.c: hold a parser against the JSON Schema format vectors. */
#include "unit/format_vectors.h"

#include <stdio.h>
#include <string.h>

#include <json-c/json.h>

#include "unit/unit.h"

/* Whether the vector is a string, and so was meant for the parser. */
static bool
try_one(struct json_object *test, bool (*accepts)(const char *text))
{
	struct json_object *data = json_object_object_get(test, "data");
	bool valid = json_object_get_boolean(
	    json_object_object_get(test, "valid"));
	const char *text;

	if (!json_object_is_type(data, json_type_string))
		return false;

	text = json_object_get_string(data);
	if (strlen(text) != (size_t)json_object_get_string_len(data))
		return true;
	if (accepts(text) != valid) {
		fprintf(stderr, "\"%s\" should be %s: %s\n", text,
		    valid ? "accepted" : "refused",
		    json_object_get_string(
		        json_object_object_get(test, "description")));
		CU_FAIL("a vector does not hold");
	}
	return true;
}

void
format_vectors_hold(const char *file, int count,
    bool (*accepts)(const char *text))
{
	const char *vectors = unit_vectors();
	struct json_object *groups;
	char path[4200];
	int tried = 0;

	if (!vectors)
		return;

	snprintf(path, sizeof path, "%s/json-schema-formats/%s", vectors, file);
	groups = json_object_from_file(path);
	CU_ASSERT_PTR_NOT_NULL_FATAL(groups);
	for (size_t g = 0; g < json_object_array_length(groups); g++) {
		struct json_object *tests = json_object_object_get(
		    json_object_array_get_idx(groups, g), "tests");

		for (size_t t = 0; t < json_object_array_length(tests); t++)
			tried += try_one(json_object_array_get_idx(tests, t),
			    accepts);
	}
	json_object_put(groups);
	CU_ASSERT_EQUAL(tried, count);
}
