/*
 * booking_row.h: a booking as it lies in Postgres: loaded, its personal part
 * sealed and unsealed, and turned into what the API shows.  Only for the
 * use cases of bookings.
 */
#ifndef APP_BOOKING_ROW_H
#define APP_BOOKING_ROW_H

#include <stdbool.h>
#include <stdint.h>

#include "app/forms.h"
#include "app/keyring.h"
#include "base/compiler.h"
#include "base/err.h"
#include "domain/cancellation.h"
#include "store/args.h"
#include "store/row.h"

struct app;
struct caller;
struct replay;
struct scope;

#define PAY_LINK_VERSION 1
#define MANAGE_DAYS 30 /* after its end nobody manages a booking by a link */

#define CHILD_TEXTS 5   /* name, special_needs, allergies, pickup, instructions */
#define CONTACT_TEXTS 4 /* name, email, phone, emergency_contact */

/* An answer stored under an Idempotency-Key, as a statement gives it. */
struct stored_answer {
	struct bytes fingerprint;
	struct bytes answer;
	struct uuid booking_id;
	struct bytes data_key;
};

/* Of its visit; NONE and NULL: not yet. */
struct visit_row {
	int64_t in_us;
	const char *in_by; /* "key:ID" */
	const char *in_with;
	int64_t out_us;
	const char *out_by;
	struct bytes collected_by;
	struct bytes reason;
};

/* A change of a paid booking that waits for its money, in the open; id none:
 * there is none. */
struct change_row {
	struct uuid id;
	int64_t start_us;
	int64_t end_us;
	int64_t child_count;
	int64_t total;
	int64_t expires_us;
	int64_t created_us;
	int64_t local_day;
};

struct booking_row {
	struct uuid id;
	struct uuid customer_id;
	struct uuid franchise_id;
	const char *status;
	int64_t start_us;
	int64_t end_us;
	int64_t total;
	const char *currency;
	const char *payment_status;
	struct uuid reference;
	const char *code;
	int64_t child_count;
	int64_t hold_expires_us;
	int64_t version;
	struct bytes data_key;
	const char *line_items;
	struct ints cancel_hours;
	struct ints cancel_percent;
	int64_t cancel_fee;
	int64_t refund_cap;
	int64_t paid;
	int64_t refunded;
	int64_t refund_amount;
	struct bytes cancel_reason;
	int64_t cancelled_us;
	int64_t created_us;
	int64_t updated_us;
	int64_t qr_version;
	const char *qr_code_url;
	struct visit_row visit;
	struct uuid contact_id;
	struct bytes contact[CONTACT_TEXTS];
	struct uuids child_ids;
	struct ints child_ages;
	struct bytess child_texts; /* CHILD_TEXTS a child */
	int64_t local_day;   /* where the franchise is: of its start */
	int64_t local_today; /* ... and of as_of_us */
	const char *time_zone;
	int64_t as_of_us;
	struct change_row change;
	struct stored_answer stored;
};

/* The caller's own booking, and the answer stored under its key if there is
 * one.  ERR_NOT_FOUND also for someone else's; ERR_BAD_CREDENTIALS for the link
 * of one that was over long ago. */
enum err booking_row_load(struct app *app, struct scope *sc,
    const struct caller *caller, const struct uuid *id,
    const struct replay *replay, struct booking_row *ret_row) MUSTCHECK;

/* A pending hold whose time has passed is shown as expired. */
bool booking_row_lapsed(const struct booking_row *row);

/* A change waits for its money, and has not lapsed: one that has is shown no
 * more, though it still stands there. */
bool booking_row_waits(const struct booking_row *row);
/* What the change costs; only when there is one. */
int64_t booking_row_change_due(const struct booking_row *row);
/* As the API shows it; NULL when none waits.  The time is that of as_of_us. */
struct pending_change *booking_pending_change(struct app *app,
    struct scope *sc, const struct uuid *booking, int64_t total,
    const struct change_row *change, int64_t as_of_us);

/* May it be cancelled now?  ERR_STATE with a sentence for the caller. */
enum err booking_row_cancellable(struct scope *sc,
    const struct booking_row *row) MUSTCHECK;
/* What would come back if it were cancelled when the row was read. */
struct cancellation booking_row_cancellation(const struct booking_row *row);
/* So much more goes back from now on: the view as payments.sum_up makes it. */
void booking_show_refund(struct booking *booking, int64_t refund);

/* The view without anything personal: what the end of a booking needs, so that
 * one whose key is lost ends as well. */
struct booking *booking_row_outline(struct app *app, struct scope *sc,
    const struct booking_row *row);
/* Unseal everything personal and make the view. */
enum err booking_row_view(struct app *app, struct scope *sc,
    const struct booking_row *row, struct booking **ret_booking) MUSTCHECK;

/* The parts of it; ERR_CORRUPT: they do not fit together. */
enum err booking_unseal_contact(struct scope *sc, const struct data_key *key,
    const struct uuid *contact_id, const struct bytes texts[CONTACT_TEXTS],
    struct contact *ret_contact) MUSTCHECK;
enum err booking_unseal_children(struct scope *sc, const struct data_key *key,
    const struct uuids *ids, const struct ints *ages,
    const struct bytess *texts, struct list *ret_children) MUSTCHECK;
/* The terms a booking was made under. */
struct cancellation_terms booking_row_terms(const struct booking_row *row);

/* Seal a contact (CONTACT_TEXTS values) and children (CHILD_TEXTS each). */
void booking_seal_contact(struct scope *sc, const struct data_key *key,
    const struct uuid *contact_id, const struct contact *contact,
    struct bytes out[CONTACT_TEXTS]);
void booking_seal_children(struct scope *sc, const struct data_key *key,
    const struct uuid *ids, const struct child *children, size_t count,
    struct bytes *out);

/* The link that pays a booking: PUBLIC_URL/pay/{id}?t=... */
const char *booking_pay_url(struct app *app, struct scope *sc,
    const struct uuid *id);

/* The children of a request, however they were given. */
struct list booking_request_children(const struct booking_request *req);

#endif
