/* test_forms.c: the bodies of the API, good and bad, and their tables. */
#include "app/forms.h"

#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/instant.h"
#include "base/json.h"
#include "base/scope.h"
#include "unit/unit.h"

#define MEMORY (1024 * 1024)
#define ID "\"11111111-1111-4111-8111-111111111111\""
#define PARENT \
	"\"customer_info\":{\"name\":\"John Doe\"," \
	"\"email\":\"john@example.com\",\"phone\":\"+1234567890\"}"
#define HOURS \
	"\"franchise_id\":" ID "," \
	"\"start_datetime\":\"2027-01-15T09:00:00Z\"," \
	"\"end_datetime\":\"2027-01-15T17:00:00Z\"," PARENT
#define ALICE "{\"name\":\"Alice\",\"age\":5}"

static const struct form *const all_forms[] = { &form_contact,
	&form_contact_change, &form_child, &form_booking_create,
	&form_booking_change, &form_booking_created, &form_booking,
	&form_booking_summary, &form_booking_query, &form_booking_page,
	&form_cancel, &form_cancelled, &form_cancel_tier, &form_cancel_quote,
	&form_line_item, &form_pending_change, &form_full_slot, &form_start_option, &form_hours,
	&form_day_slot, &form_pricing, &form_availability,
	&form_availability_query, &form_slots_query, &form_bookable_start,
	&form_slots_answer, &form_peak_window, &form_franchise,
	&form_closed_day, &form_franchise_query, &form_franchise_page,
	&form_guest_session, &form_health, &form_pay_query };

/* One body and the faults it must have: "pointer rule", in any order. */
static void
faults_are(const struct form *form, const char *body, const char *const *want)
{
	struct arena *arena = arena_open(MEMORY);
	struct scope sc;
	struct booking_request req;
	size_t count = 0;
	enum err e;

	scope_init(&sc, arena, 1000000);
	e = form_read_json(&sc, form, body, strlen(body), &req);
	for (; want[count]; count++) {
		bool found = false;

		for (const struct fault *f = sc.faults; f; f = f->next) {
			char text[256];

			snprintf(text, sizeof text, "%s %s", f->pointer,
			    f->rule);
			found = found || strcmp(text, want[count]) == 0;
		}
		if (!found)
			fprintf(stderr, "%s: no fault %s\n", body,
			    want[count]);
		CU_ASSERT_TRUE(found);
	}
	if (sc.fault_count != count)
		for (const struct fault *f = sc.faults; f; f = f->next)
			fprintf(stderr, "%s: %s %s\n", body, f->pointer,
			    f->rule);
	CU_ASSERT_EQUAL(sc.fault_count, count);
	CU_ASSERT_EQUAL(e, count ? ERR_INVALID : ERR_OK);
	arena_close(arena);
}
#define FAULTS(form, body, ...) \
	faults_are(&(form), (body), (const char *[]){ __VA_ARGS__ })

static void
the_seeds_body_is_read_whole(void)
{
	static const char body[] = "{" HOURS ",\"child_info\":{\"name\":"
		"\"Alice Doe\",\"age\":5,\"special_needs\":\"None\","
		"\"allergies\":\"Peanuts\",\"pickup_authorization\":"
		"\"John Doe\\nJane Doe\",\"special_instructions\":null}}";
	struct arena *arena = arena_open(MEMORY);
	struct booking_request req;
	struct scope sc;

	scope_init(&sc, arena, 1000000);
	CU_ASSERT_EQUAL_FATAL(form_read_json(&sc, &form_booking_create, body,
	    strlen(body), &req), ERR_OK);
	CU_ASSERT_EQUAL(req.start_us, INT64_C(1800003600000000));
	CU_ASSERT_EQUAL(req.end_us, INT64_C(1800032400000000));
	CU_ASSERT_STRING_EQUAL(req.customer_info->email, "john@example.com");
	CU_ASSERT_PTR_NULL(req.customer_info->emergency_contact);
	CU_ASSERT_STRING_EQUAL(req.child_info->allergies, "Peanuts");
	CU_ASSERT_STRING_EQUAL(req.child_info->pickup_authorization,
	    "John Doe\nJane Doe");
	CU_ASSERT_PTR_NULL(req.child_info->special_instructions);
	CU_ASSERT_EQUAL(req.children.count, 0);
	arena_close(arena);
}

static void
a_booking_needs_exactly_one_of_child_info_and_children(void)
{
	FAULTS(form_booking_create, "{" HOURS "}", "/child_info required",
	    NULL);
	FAULTS(form_booking_create, "{" HOURS ",\"child_info\":" ALICE
	    ",\"children\":[" ALICE "]}", "/child_info exclusive", NULL);
	FAULTS(form_booking_create, "{" HOURS ",\"children\":[" ALICE "]}",
	    NULL);
	FAULTS(form_booking_create, "{" HOURS ",\"children\":[]}",
	    "/children min_items", NULL);
	FAULTS(form_booking_create, "{" HOURS ",\"child_info\":5}",
	    "/child_info type", NULL);
}

static void
two_children_of_a_booking_have_two_names(void)
{
	FAULTS(form_booking_create, "{" HOURS ",\"children\":[" ALICE
	    ",{\"name\":\"  aLICE \",\"age\":6}]}",
	    "/children/1/name unique", NULL);
	FAULTS(form_booking_create, "{" HOURS ",\"children\":["
	    "{\"name\":\"Zo\xc3\xab  B\",\"age\":1},"
	    "{\"name\":\"zo\xc3\x8b b\",\"age\":6}]}",
	    "/children/1/name unique", NULL);
	FAULTS(form_booking_create, "{" HOURS ",\"children\":[" ALICE
	    ",{\"name\":\"Alice B\",\"age\":6}]}", NULL);
	FAULTS(form_booking_change, "{\"children\":[" ALICE "," ALICE "]}",
	    "/children/1/name unique", NULL);
}

static void
every_faulty_field_of_a_booking_is_named(void)
{
	FAULTS(form_booking_create, "{}", "/franchise_id required",
	    "/start_datetime required", "/end_datetime required",
	    "/customer_info required", "/child_info required", NULL);
	FAULTS(form_booking_create,
	    "{\"franchise_id\":\"1\",\"start_datetime\":\"2027-02-30T09:00:00Z\""
	    ",\"end_datetime\":9,\"customer_info\":{\"name\":\"\","
	    "\"email\":\"john\",\"phone\":\"x\",\"total_amount\":1},"
	    "\"child_info\":{\"name\":\"A\\u0007\",\"age\":18},"
	    "\"total_amount\":0}",
	    "/franchise_id format", "/start_datetime format",
	    "/end_datetime type", "/customer_info/name min_length",
	    "/customer_info/email format", "/customer_info/phone characters",
	    "/customer_info/total_amount unknown_field",
	    "/child_info/name characters", "/child_info/age maximum",
	    "/total_amount unknown_field", NULL);
	FAULTS(form_booking_create,
	    "{\"franchise_id\":" ID
	    ",\"start_datetime\":\"2027-01-15T09:00:00Z\""
	    ",\"end_datetime\":\"2027-01-15T10:00:00+01:00\"," PARENT
	    ",\"child_info\":" ALICE "}",
	    "/end_datetime after_start", NULL);
}

static void
a_change_needs_a_field_and_takes_a_part_of_the_contact(void)
{
	FAULTS(form_booking_change, "{}", " min_properties", NULL);
	FAULTS(form_booking_change, "{\"x\":1}", "/x unknown_field", NULL);
	FAULTS(form_booking_change,
	    "{\"customer_info\":{\"phone\":\"+44 20 7946\"}}", NULL);
	FAULTS(form_booking_change, "{\"customer_info\":{\"phone\":null}}",
	    "/customer_info/phone type", NULL);
	FAULTS(form_booking_change,
	    "{\"end_datetime\":\"2027-01-15T17:00:00Z\"}", NULL);
	FAULTS(form_booking_change, "{\"children\":[{\"name\":\"A\"}]}",
	    "/children/0/age required", NULL);
}

static void
every_field_says_what_it_is_and_its_example_is_json(void)
{
	size_t at;

	for (size_t i = 0; i < ARRAY_LEN(all_forms); i++) {
		const struct form *form = all_forms[i];

		CU_ASSERT_PTR_NOT_NULL(form->help);
		for (size_t f = 0; f < form->count; f++) {
			const struct field *field = &form->fields[f];

			CU_ASSERT_TRUE(field->help && *field->help);
			CU_ASSERT_TRUE(field->offset < form->size);
			if (field->example)
				CU_ASSERT_PTR_NULL(json_check(field->example,
				    strlen(field->example), 4, &at));
			if (!field->form && field->type != FIELD_BOOL)
				CU_ASSERT_TRUE(field->example ||
				    strcmp(field->name, "cursor") == 0 ||
				    strcmp(field->name, "t") == 0);
			for (size_t k = 0; k < f; k++)
				CU_ASSERT_STRING_NOT_EQUAL(field->name,
				    form->fields[k].name);
		}
	}
}

/* The example of each field that can be read is taken by its own table. */
static void
an_example_keeps_the_rules_it_stands_beside(void)
{
	static const struct form *const inputs[] = { &form_contact,
		&form_child, &form_cancel };

	for (size_t i = 0; i < ARRAY_LEN(inputs); i++) {
		struct arena *arena = arena_open(MEMORY);
		void *object = arena_alloc(arena, inputs[i]->size);
		struct scope sc;
		struct buf body;

		scope_init(&sc, arena, 1000000);
		buf_init(&body, arena, 4096);
		for (size_t f = 0; f < inputs[i]->count; f++)
			buf_printf(&body, "%s\"%s\":%s", f ? "," : "{",
			    inputs[i]->fields[f].name,
			    inputs[i]->fields[f].example);
		buf_putc(&body, '}');
		CU_ASSERT_EQUAL(form_read_json(&sc, inputs[i], body.data,
		    body.len, object), ERR_OK);
		arena_close(arena);
	}
}

UNIT_SUITE(forms, UNIT_TEST(the_seeds_body_is_read_whole),
    UNIT_TEST(a_booking_needs_exactly_one_of_child_info_and_children),
    UNIT_TEST(two_children_of_a_booking_have_two_names),
    UNIT_TEST(every_faulty_field_of_a_booking_is_named),
    UNIT_TEST(a_change_needs_a_field_and_takes_a_part_of_the_contact),
    UNIT_TEST(every_field_says_what_it_is_and_its_example_is_json),
    UNIT_TEST(an_example_keeps_the_rules_it_stands_beside))
