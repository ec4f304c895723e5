/*
 * visit_forms.h: the bodies and views of QR codes, check-in, check-out and the
 * roster.
 *
 * Units    *_us instants UTC.
 * Absent   as base/form.h says: NULL, NONE, the zero UUID.
 */
#ifndef APP_VISIT_FORMS_H
#define APP_VISIT_FORMS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/form.h"
#include "base/uuid.h"

struct contact;

/* GET /bookings/{id}/qr as JSON. */
struct ticket_view {
	struct uuid booking_id;
	struct uuid reference_number;
	const char *booking_code;
	const char *url; /* what the code holds */
	int64_t date;    /* local: the day it is good for */
	const char *time_zone;
};

struct checkin_request { /* POST /checkins: one of them */
	const char *qr;
	const char *booking_code;
};

struct checkout_request { /* POST /bookings/{id}/checkout */
	const char *collected_by;
	bool override;
	const char *reason; /* with override */
};

/* What staff see of a booking: check-in and check-out answer it. */
struct visit {
	struct uuid booking_id;
	struct uuid reference_number;
	const char *booking_code;
	struct uuid franchise_id;
	const char *status;
	int64_t start_us;
	int64_t end_us;
	const char *time_zone;
	int64_t checked_in_us;
	const char *checked_in_with; /* "qr", "booking_code" */
	int64_t checked_out_us;
	const char *collected_by;
	bool overridden; /* whoever collected was on no list */
	bool already;    /* it had been done before this request */
	bool unreadable; /* contact is NULL and there are no children */
	struct contact *contact; /* without the e-mail address */
	struct list children;    /* of struct child */
};

struct roster_query { /* GET /franchises/{id}/roster */
	int64_t date; /* NONE = today there */
	int64_t limit;
	const char *cursor;
};

struct roster_entry {
	struct uuid booking_id;
	const char *booking_code;
	const char *status; /* expected, checked_in, collected, no_show */
	const char *start_time; /* local */
	const char *end_time;
	int64_t start_us;
	int64_t end_us;
	int64_t checked_in_us;
	int64_t checked_out_us;
	int64_t child_count;
	struct ints child_ages;
	bool unreadable; /* something below is not there that should be */
	struct contact *contact; /* NULL: it cannot be read */
	struct list children;    /* empty: they cannot be read */
};

struct occupancy { /* children of the day */
	int64_t present;
	int64_t expected;
	int64_t collected;
	int64_t no_show;
	int64_t capacity; /* of the current slot */
};

struct roster {
	struct uuid franchise_id;
	int64_t date;
	const char *time_zone;
	struct occupancy *occupancy;
	struct list data; /* of struct roster_entry */
	bool has_more;
	const char *next_cursor;
	int64_t as_of_us;
};

extern const struct form form_ticket, form_checkin_create, form_checkin,
    form_checkout_create, form_checkout, form_desk_contact, form_roster_query,
    form_roster_entry, form_occupancy, form_roster;

#endif
