/* test_visit_forms.c: what is sent at the desk, good and bad. */
#include "app/visit_forms.h"

#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/compiler.h"
#include "base/json.h"
#include "base/scope.h"
#include "unit/unit.h"

#define MEMORY (1024 * 1024)
#define QR "\"qr\":\"https://a/checkin/x\""
#define CODE "\"booking_code\":\"K7QM-4TXA\""
#define WHO "\"collected_by\":\"Jane Doe\""

union request {
	struct checkin_request in;
	struct checkout_request out;
};

/* "pointer rule", or NULL for a body that is taken. */
static void
fault_is(const struct form *form, const char *body, const char *want)
{
	struct arena *arena = arena_open(MEMORY);
	union request req;
	struct scope sc;
	char text[256];
	enum err e;

	scope_init(&sc, arena, 1000000);
	e = form_read_json(&sc, form, body, strlen(body), &req);
	CU_ASSERT_EQUAL(e, want ? ERR_INVALID : ERR_OK);
	CU_ASSERT_EQUAL(sc.fault_count, want ? 1 : 0);
	if (want && sc.faults) {
		snprintf(text, sizeof text, "%s %s", sc.faults->pointer,
		    sc.faults->rule);
		CU_ASSERT_STRING_EQUAL(text, want);
	}
	arena_close(arena);
}

static void
a_check_in_takes_one_of_code_and_short_code(void)
{
	fault_is(&form_checkin_create, "{" QR "}", NULL);
	fault_is(&form_checkin_create, "{" CODE "}", NULL);
	fault_is(&form_checkin_create, "{}", "/qr required");
	fault_is(&form_checkin_create, "{" QR "," CODE "}",
	    "/booking_code exclusive");
	fault_is(&form_checkin_create, "{\"qr\":\"\"}", "/qr min_length");
	fault_is(&form_checkin_create, "{\"qr\":7}", "/qr type");
	fault_is(&form_checkin_create, "{\"qr\":null}", "/qr type");
	fault_is(&form_checkin_create, "{\"qr\":\"a\\nb\"}",
	    "/qr characters");
	fault_is(&form_checkin_create, "{" QR ",\"sig\":\"x\"}",
	    "/sig unknown_field");
	fault_is(&form_checkin_create, "{\"booking_code\":\"K7QM-4TXA-K7QM-4TXA\"}",
	    "/booking_code max_length");
}

static void
a_check_out_needs_a_name_and_an_override_its_reason(void)
{
	fault_is(&form_checkout_create, "{" WHO "}", NULL);
	fault_is(&form_checkout_create, "{" WHO ",\"override\":false}", NULL);
	fault_is(&form_checkout_create, "{" WHO ",\"override\":true,"
	    "\"reason\":\"She\\ncalled\"}", NULL);
	fault_is(&form_checkout_create, "{}", "/collected_by required");
	fault_is(&form_checkout_create, "{\"collected_by\":\" \"}",
	    "/collected_by min_length");
	fault_is(&form_checkout_create, "{" WHO ",\"override\":true}",
	    "/reason required");
	fault_is(&form_checkout_create, "{" WHO ",\"override\":true,"
	    "\"reason\":\"\"}", "/reason min_length");
	fault_is(&form_checkout_create, "{" WHO ",\"reason\":\"so\"}",
	    "/reason unexpected");
	fault_is(&form_checkout_create, "{" WHO ",\"override\":\"true\"}",
	    "/override type");
}

static void
every_field_says_what_it_is_and_its_example_is_json(void)
{
	static const struct form *const all[] = { &form_ticket,
		&form_checkin_create, &form_checkin, &form_checkout_create,
		&form_checkout, &form_desk_contact, &form_roster_query,
		&form_roster_entry, &form_occupancy, &form_roster };

	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		CU_ASSERT_PTR_NOT_NULL(all[i]->help);
		for (size_t f = 0; f < all[i]->count; f++) {
			const struct field *field = &all[i]->fields[f];
			size_t at;

			CU_ASSERT_EQUAL(field->help[strlen(field->help) - 1],
			    '.');
			if (field->example)
				CU_ASSERT_PTR_NULL(json_check(field->example,
				    strlen(field->example), 4, &at));
			CU_ASSERT_TRUE(field->offset < all[i]->size);
		}
	}
}

/* The desk needs no e-mail address, and is shown none. */
static void
the_desk_is_shown_no_email_address(void)
{
	for (size_t f = 0; f < form_desk_contact.count; f++)
		CU_ASSERT_STRING_NOT_EQUAL(form_desk_contact.fields[f].name,
		    "email");
}

UNIT_SUITE(visit_forms,
    UNIT_TEST(a_check_in_takes_one_of_code_and_short_code),
    UNIT_TEST(a_check_out_needs_a_name_and_an_override_its_reason),
    UNIT_TEST(every_field_says_what_it_is_and_its_example_is_json),
    UNIT_TEST(the_desk_is_shown_no_email_address))
