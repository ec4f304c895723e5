/* test_openapi.c: the printed document is JSON and leaves nothing out. */
#include "http/openapi.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "base/json.h"
#include "http/routes.h"
#include "support/fake_app.h"
#include "unit/unit.h"

static struct json_object *
member(struct json_object *object, const char *name)
{
	return json_object_object_get(object, name);
}

/* The document as it is served; OPENAPI_OUT keeps a copy for validators. */
static struct json_object *
document(struct world *w)
{
	const char *keep = getenv("OPENAPI_OUT");
	size_t at;

	CU_ASSERT_EQUAL_FATAL(world_ask(w, "GET", "/api/v1/openapi.json",
	    NULL), 200);
	CU_ASSERT_PTR_NULL(json_check(w->res.body.data, w->res.body.len, 32,
	    &at));
	if (keep) {
		FILE *file = fopen(keep, "w");

		CU_ASSERT_PTR_NOT_NULL_FATAL(file);
		fwrite(w->res.body.data, 1, w->res.body.len, file);
		fclose(file);
	}
	return json_tokener_parse(w->res.body.data);
}

static void
every_route_is_in_the_document_and_nothing_else(void)
{
	static const char *const methods[] = { "get", "post", "put",
		"delete" };
	struct world *w = world_open();
	struct json_object *doc = document(w);
	struct json_object *paths = member(doc, "paths");
	size_t operations = 0;

	CU_ASSERT_STRING_EQUAL(json_object_get_string(member(doc, "openapi")),
	    "3.1.0");
	for (size_t i = 0; i < routes_count; i++) {
		struct json_object *operation = member(
		    member(paths, routes[i].path), methods[routes[i].method]);

		CU_ASSERT_PTR_NOT_NULL_FATAL(operation);
		CU_ASSERT_STRING_EQUAL(json_object_get_string(
		    member(operation, "operationId")), routes[i].id);
	}
	json_object_object_foreach(paths, path, item)
	{
		(void)path;
		operations += (size_t)json_object_object_length(item);
	}
	CU_ASSERT_EQUAL(operations, routes_count);
	json_object_put(doc);
	world_close(w);
}

/* Every $ref below the object leads somewhere. */
static void
follow(struct json_object *doc, struct json_object *at, int *ret_refs)
{
	struct json_object *to = NULL;

	if (json_object_is_type(at, json_type_array)) {
		for (size_t i = 0; i < json_object_array_length(at); i++)
			follow(doc, json_object_array_get_idx(at, i),
			    ret_refs);
		return;
	}
	if (!json_object_is_type(at, json_type_object))
		return;
	json_object_object_foreach(at, name, value)
	{
		if (strcmp(name, "$ref") == 0) {
			const char *ref = json_object_get_string(value);

			++*ret_refs;
			CU_ASSERT_EQUAL(ref[0], '#');
			CU_ASSERT_EQUAL(json_pointer_get(doc, ref + 1, &to),
			    0);
		}
		follow(doc, value, ret_refs);
	}
}

static void
every_reference_leads_somewhere(void)
{
	struct world *w = world_open();
	struct json_object *doc = document(w);
	int refs = 0;

	follow(doc, doc, &refs);
	CU_ASSERT_TRUE(refs > 100);
	json_object_put(doc);
	world_close(w);
}

static void
every_public_code_is_explained_once(void)
{
	struct world *w = world_open();
	struct json_object *doc = document(w);
	struct json_object *codes = member(doc, "x-error-codes");
	size_t count = json_object_array_length(codes);

	for (int e = 1; e < ERR__MAX; e++) {
		int found = 0;

		for (size_t i = 0; i < count; i++) {
			struct json_object *row =
			    json_object_array_get_idx(codes, i);

			if (strcmp(json_object_get_string(member(row, "code")),
			        err_info((enum err)e)->code) == 0)
				found++;
		}
		CU_ASSERT_EQUAL(found, 1);
	}
	json_object_put(doc);
	world_close(w);
}

static void
a_body_that_is_read_refuses_unknown_members(void)
{
	struct world *w = world_open();
	struct json_object *doc = document(w);
	struct json_object *schemas =
	    member(member(doc, "components"), "schemas");
	struct json_object *strict = member(
	    member(schemas, "BookingCreate"), "additionalProperties");

	CU_ASSERT_PTR_NOT_NULL_FATAL(strict);
	CU_ASSERT_FALSE(json_object_get_boolean(strict));
	CU_ASSERT_PTR_NULL(
	    member(member(schemas, "Booking"), "additionalProperties"));
	CU_ASSERT_PTR_NOT_NULL(
	    member(member(schemas, "ChildInfo"), "additionalProperties"));
	json_object_put(doc);
	world_close(w);
}

UNIT_SUITE(openapi, UNIT_TEST(every_route_is_in_the_document_and_nothing_else),
    UNIT_TEST(every_reference_leads_somewhere),
    UNIT_TEST(every_public_code_is_explained_once),
    UNIT_TEST(a_body_that_is_read_refuses_unknown_members))
