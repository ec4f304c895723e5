/*
 * forms.h: every body and every view of the API: the structs, and the tables
 * that read, check, print and describe them.
 *
 * Units    *_us instants UTC; money in hundredths of the currency's unit.
 * Absent   as base/form.h says: NULL, NONE, the zero UUID.
 */
#ifndef APP_FORMS_H
#define APP_FORMS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/form.h"
#include "base/uuid.h"

#define CHILDREN_MAX 10

/* ---- bookings ------------------------------------------------------------ */

/* customer_info: the parent.  All but emergency_contact required. */
struct contact {
	const char *name;  /* 1..100 */
	const char *email; /* ..254 */
	const char *phone; /* 5..20 */
	const char *emergency_contact; /* 1..255; of a change "": taken away */
};

/* child_info, children[]: name and age required. */
struct child {
	const char *name; /* 1..100 */
	int64_t age;      /* 0..17 */
	const char *special_needs;         /* ..1000, multiline, like the next */
	const char *allergies;
	const char *pickup_authorization;
	const char *special_instructions;
};

/* POST /bookings; PUT /bookings/{id} reads the same struct by another table
 * in which every field may be absent (absent = unchanged). */
struct booking_request {
	struct uuid franchise_id;
	int64_t start_us; /* start_datetime */
	int64_t end_us;   /* end_datetime */
	struct contact *customer_info;
	struct child *child_info; /* or children, not both */
	struct list children;     /* of struct child, 1..CHILDREN_MAX */
};

/* DELETE /bookings/{id}, as body or query. */
struct cancel_request {
	const char *reason;      /* ..500 */
	int64_t expected_refund; /* money */
};

struct line_item {
	int64_t start_us;
	int64_t end_us;
	int64_t rate;     /* per hour and child */
	int64_t minutes;  /* of the line, per child */
	int64_t children;
	int64_t amount;
	bool peak;
};

/* What a paid booking becomes once the difference is paid. */
struct pending_change {
	int64_t start_us;
	int64_t end_us;
	int64_t child_count;
	int64_t total_amount;
	int64_t amount_due;
	int64_t expires_us;
	const char *payment_url;
};

/* GET /bookings/{id} and PUT's answer; lists leave out the personal part. */
struct booking {
	struct uuid booking_id;
	struct uuid reference_number;
	const char *booking_code; /* "K7QM-4TXA": to be read out */
	struct uuid customer_id;
	struct uuid franchise_id;
	const char *status;
	const char *payment_status;
	int64_t start_us;
	int64_t end_us;
	int64_t total_amount;
	const char *currency;
	bool payment_required;
	const char *payment_url; /* NULL when nothing is to be paid */
	const char *manage_url;  /* create only */
	int64_t hold_expires_us;
	struct pending_change *pending_change; /* NULL: none waits */
	int64_t paid_amount;     /* what is the booking's own, like the next: not */
	int64_t refunded_amount; /* what came twice or late and went back */
	int64_t child_count;
	const char *line_items; /* JSON, list of struct line_item */
	struct contact *customer_info;
	struct list children;
	const char *cancellation_reason;
	int64_t refund_amount;
	int64_t cancelled_us;
	int64_t created_us;
	int64_t updated_us;
	const char *qr_code_url; /* of the stored image; NULL until there is one */
	int64_t checked_in_us;   /* NONE */
	int64_t checked_out_us;  /* NONE */
	int64_t version; /* the ETag has these three; not printed */
	int64_t qr_picture; /* number of that image, 0 = none */
	bool lapsed; /* shown as the clock has it, not as it lies in Postgres */
};

struct booking_query { /* GET /bookings */
	const char *status;
	int64_t from;  /* date: starts on or after, UTC */
	int64_t until; /* date: starts before the end of it, UTC */
	int64_t limit; /* 1..100, 20 */
	const char *cursor;
};

struct pay_query { /* GET /pay/{booking_id} */
	const char *t;
};

struct page { /* every list */
	struct list data;
	bool has_more;
	const char *next_cursor;
};

/* One rule of the franchise's cancellation policy, as snapshotted. */
struct cancel_tier {
	int64_t hours_before;   /* at least so many hours before the start */
	int64_t refund_percent; /* 0..100 */
};

/* GET /bookings/{id}/cancellation-quote */
struct cancel_quote {
	struct uuid booking_id;
	int64_t refund_amount;
	int64_t paid_amount;
	int64_t refunded_amount; /* already */
	int64_t refund_percent;  /* of the tier that holds now */
	int64_t cancellation_fee;
	const char *currency;
	int64_t hours_before; /* of that tier */
	int64_t valid_until_us; /* when the next tier begins; NONE */
	struct list policy; /* of struct cancel_tier */
	int64_t as_of_us;
};

/* what a 409 capacity_exceeded carries */
struct full_slot {
	int64_t start_us;
	int64_t end_us;
	int64_t available; /* places left */
};
struct start_option {
	int64_t start_us;
	int64_t end_us;
	int64_t total_amount;
};
struct refusal {
	struct list full_slots;   /* of struct full_slot */
	struct list alternatives; /* of struct start_option, at most 3 */
	const char *decline_code; /* ERR_DECLINED: Stripe's word */
};

/* ---- availability --------------------------------------------------------- */

struct hours {
	const char *open;  /* "08:00" */
	const char *close; /* "18:00" */
};
struct slot {
	const char *start_time; /* local "09:00" */
	const char *end_time;
	int64_t start_us;
	int64_t end_us;
	int64_t available_capacity;
	int64_t rate; /* per hour */
	bool peak;
	bool bookable; /* not past, lead time kept; not printed when false:
	                  such slots are left out of available_slots */
};
struct pricing {
	int64_t standard_rate;
	int64_t peak_hour_rate;
	const char *currency;
};
struct availability { /* GET /availability/{franchise_id} */
	struct uuid franchise_id;
	int64_t date;
	const char *time_zone;
	struct hours *operating_hours; /* NULL (null) when closed that day */
	const char *closed_reason;     /* "closed_day", "not_operating", "beyond_horizon", "past" or NULL */
	struct list available_slots;   /* of struct slot */
	struct pricing *pricing;
	int64_t slot_minutes;
	int64_t as_of_us;
};
struct availability_query {
	int64_t date; /* NONE = today there */
};
struct slots_query { /* GET /availability/{franchise_id}/slots */
	int64_t date;
	int64_t days;     /* 1..31, 1 */
	int64_t children; /* 1..10, 1 */
	int64_t hours;    /* 1..24; NONE = one slot */
};
struct bookable_start {
	int64_t date;
	const char *start_time;
	const char *end_time;
	int64_t start_us;
	int64_t end_us;
	int64_t available_capacity;
	int64_t total_amount;
};
struct slots_answer {
	struct uuid franchise_id;
	const char *time_zone;
	const char *currency;
	int64_t children;
	int64_t minutes;
	struct list data; /* of struct bookable_start */
	bool has_more;
	const char *next_cursor; /* always null: the days bound the list */
	int64_t as_of_us;
};

/* ---- franchises ------------------------------------------------------------ */

struct peak_window {
	struct ints weekdays; /* ISO 1..7 */
	const char *start;
	const char *end;
};
struct franchise {
	struct uuid franchise_id;
	const char *name;
	const char *address;
	const char *city;
	const char *postal_code;
	const char *time_zone;
	int64_t max_capacity;
	struct pricing *pricing;
	struct hours *operating_hours;
	struct ints operating_days;
	int64_t slot_minutes;
	int64_t lead_minutes;
	int64_t horizon_days;
	struct list peak_windows;        /* of struct peak_window */
	struct list cancellation_policy; /* of struct cancel_tier */
	int64_t cancellation_fee;
	const char *stripe_account; /* NULL: our own */
	struct list closed_days; /* of struct closed_day: the next ones */
	int64_t version;         /* the ETag; not printed */
};
struct closed_day {
	int64_t date;
	const char *reason;
};
struct franchise_query {
	const char *city;
	const char *postal_code;
	int64_t limit;
	const char *cursor;
};

/* ---- the rest --------------------------------------------------------------- */

struct guest_session {
	const char *token;
	const char *token_type; /* "Bearer" */
	int64_t expires_in;     /* seconds */
	struct uuid customer_id;
	struct texts scope;
};
struct health {
	const char *status;   /* healthy, degraded, unhealthy */
	const char *database; /* up, down */
	const char *cache;    /* up, down */
	int64_t timestamp_us;
};

extern const struct form form_contact, form_contact_change, form_child,
    form_booking_create, form_booking_change, form_booking_created,
    form_booking, form_booking_summary, form_booking_query, form_booking_page,
    form_cancel, form_cancelled, form_cancel_tier, form_cancel_quote,
    form_line_item, form_pending_change, form_full_slot, form_start_option,
    form_hours, form_day_slot,
    form_pricing, form_availability, form_availability_query, form_slots_query,
    form_bookable_start, form_slots_answer, form_peak_window, form_franchise,
    form_closed_day, form_franchise_query, form_franchise_page,
    form_guest_session, form_health, form_pay_query;

#endif
