/* integration_event.c: facts of ours into events of the Admin Portal's. */
#include "domain/integration_event.h"

#include <stddef.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/form.h"
#include "base/instant.h"
#include "base/json.h"
#include "base/scope.h"

#define MONEY_MAX INT64_C(9999999999)

/* All that any type tells; absent as base/form.h says. */
struct facts {
	struct uuid booking_id;
	struct uuid customer_id;
	struct uuid franchise_id;
	struct uuid reference_number;
	int64_t start_us;
	int64_t end_us;
	int64_t was_start_us;
	int64_t child_count;
	int64_t total_amount;
	int64_t refund_amount;
	const char *currency;
	/* of money */
	struct uuid payment_id;
	struct uuid refund_id;
	int64_t amount;
	const char *reason;
	/* of the visit */
	int64_t checked_in_us;
	int64_t checked_out_us;
	/* personal */
	const char *customer_email;
	const char *child_name;
	const char *cancellation_reason;
};

/* clang-format off */
#define AT(member) .offset = offsetof(struct facts, member)
#define MUST .flags = FIELD_REQUIRED
#define ALWAYS .flags = FIELD_REQUIRED | FIELD_NULLABLE
#define MONEY FIELD_MONEY, .max = MONEY_MAX

/* ---- ours: what an outbox row holds -------------------------------------------- */

static const struct field open_rows[] = {
	{ "customer_id", FIELD_UUID, AT(customer_id) },
	{ "franchise_id", FIELD_UUID, AT(franchise_id) },
	{ "reference_number", FIELD_UUID, AT(reference_number) },
	{ "start_datetime", FIELD_INSTANT, AT(start_us) },
	{ "end_datetime", FIELD_INSTANT, AT(end_us) },
	{ "was_start_datetime", FIELD_INSTANT, AT(was_start_us) },
	{ "child_count", FIELD_INT, .max = 1000, AT(child_count) },
	{ "total_amount", MONEY, AT(total_amount) },
	{ "refund_amount", MONEY, AT(refund_amount) },
	{ "currency", FIELD_TEXT, .min = 3, .max = 3, AT(currency) },
	{ "payment_id", FIELD_UUID, AT(payment_id) },
	{ "refund_id", FIELD_UUID, AT(refund_id) },
	{ "amount", MONEY, AT(amount) },
	{ "reason", FIELD_TEXT, .max = 500, AT(reason) },
	{ "checked_in_at", FIELD_INSTANT, AT(checked_in_us) },
	{ "checked_out_at", FIELD_INSTANT, AT(checked_out_us) },
};
static const struct field personal_rows[] = {
	{ "customer_email", FIELD_TEXT, .max = 1000, AT(customer_email) },
	{ "child_name", FIELD_TEXT, .max = 1000, AT(child_name) },
	{ "cancellation_reason", FIELD_TEXT, .flags = FIELD_MULTILINE, .max = 4000,
	  AT(cancellation_reason) },
};

/* ---- theirs: `data` of each type ------------------------------------------------ */

#define BOOKING { "booking_id", FIELD_UUID, MUST, AT(booking_id) }
#define FRANCHISE { "franchise_id", FIELD_UUID, MUST, AT(franchise_id) }
#define TIMES { "start_datetime", FIELD_INSTANT, MUST, AT(start_us) }, \
	{ "end_datetime", FIELD_INSTANT, MUST, AT(end_us) }
#define WHAT { "customer_id", FIELD_UUID, MUST, AT(customer_id) }, \
	{ "reference_number", FIELD_UUID, MUST, AT(reference_number) }, \
	{ "child_count", FIELD_INT, MUST, AT(child_count) }, \
	{ "total_amount", MONEY, MUST, AT(total_amount) }, CURRENCY
#define CURRENCY { "currency", FIELD_TEXT, MUST, AT(currency) }
#define PAYMENT { "payment_id", FIELD_UUID, MUST, AT(payment_id) }, \
	{ "amount", MONEY, MUST, AT(amount) }, CURRENCY

static const struct field created_rows[] = {
	BOOKING, FRANCHISE, TIMES,
	{ "customer_email", FIELD_TEXT, ALWAYS, AT(customer_email) },
	{ "child_name", FIELD_TEXT, ALWAYS, AT(child_name) },
	WHAT,
};
static const struct field booking_rows[] = { BOOKING, FRANCHISE, TIMES, WHAT };
static const struct field modified_rows[] = { BOOKING, FRANCHISE, TIMES,
	{ "previous_start_datetime", FIELD_INSTANT, AT(was_start_us) }, WHAT };
static const struct field cancelled_rows[] = {
	BOOKING,
	{ "cancellation_reason", FIELD_TEXT, ALWAYS, AT(cancellation_reason) },
	{ "refund_amount", MONEY, MUST, AT(refund_amount) },
	CURRENCY, FRANCHISE, TIMES,
};
static const struct field ended_rows[] = { BOOKING, FRANCHISE, TIMES };
static const struct field visit_rows[] = { BOOKING, FRANCHISE, TIMES,
	{ "checked_in_at", FIELD_INSTANT, AT(checked_in_us) },
	{ "checked_out_at", FIELD_INSTANT, AT(checked_out_us) } };
static const struct field paid_rows[] = { BOOKING, PAYMENT };
static const struct field failed_rows[] = { BOOKING, PAYMENT,
	{ "reason", FIELD_TEXT, ALWAYS, AT(reason) } };
static const struct field refunded_rows[] = { BOOKING,
	{ "refund_id", FIELD_UUID, MUST, AT(refund_id) }, PAYMENT,
	{ "reason", FIELD_TEXT, ALWAYS, AT(reason) } };

#define FORM(rows) { .name = #rows, .size = sizeof(struct facts), \
	.fields = rows, .count = ARRAY_LEN(rows) }
static const struct form open_form = { .name = "Facts",
	.size = sizeof(struct facts), .fields = open_rows,
	.count = ARRAY_LEN(open_rows), .open = true };
static const struct form personal_form = { .name = "Personal",
	.size = sizeof(struct facts), .fields = personal_rows,
	.count = ARRAY_LEN(personal_rows), .open = true };

static const struct {
	const char *type;
	struct form data;
} types[] = {
	{ "BookingCreated",   FORM(created_rows) },
	{ "BookingConfirmed", FORM(booking_rows) },
	{ "BookingModified",  FORM(modified_rows) },
	{ "BookingCancelled", FORM(cancelled_rows) },
	{ "BookingExpired",   FORM(ended_rows) },
	{ "BookingCheckedIn", FORM(visit_rows) },
	{ "BookingCompleted", FORM(visit_rows) },
	{ "BookingNoShow",    FORM(ended_rows) },
	{ "PaymentProcessed", FORM(paid_rows) },
	{ "PaymentFailed",    FORM(failed_rows) },
	{ "RefundProcessed",  FORM(refunded_rows) },
};
/* clang-format on */

static const struct form *
data_of(const char *type)
{
	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		if (strcmp(types[i].type, type) == 0)
			return &types[i].data;
	}
	return NULL;
}

static bool
is_absent(const struct field *field, const struct facts *facts)
{
	const char *at = (const char *)facts + field->offset;

	switch (field->type) {
	case FIELD_UUID:
		return uuid_is_none((const struct uuid *)(const void *)at);
	case FIELD_TEXT:
		return *(const char *const *)(const void *)at == NULL;
	default:
		return *(const int64_t *)(const void *)at == NONE;
	}
}

/* The contract's words are promised: better no message than half of one. */
static enum err
check_whole(struct scope *sc, const char *type, const struct form *data,
    const struct facts *facts)
{
	for (size_t i = 0; i < data->count; i++) {
		const struct field *f = &data->fields[i];

		if ((f->flags & FIELD_REQUIRED) &&
		    !(f->flags & FIELD_NULLABLE) && is_absent(f, facts))
			return scope_fail(sc, ERR_CORRUPT, "the facts of %s "
			    "have no %s", type, f->name);
	}
	return ERR_OK;
}

static enum err
read_facts(struct scope *sc, const struct integration_event *event,
    struct facts *facts)
{
	struct facts personal;
	enum err e;

	e = form_read_json(sc, &open_form, event->facts, strlen(event->facts),
	    facts);
	if (!e && event->personal) {
		e = form_read_json(sc, &personal_form, event->personal,
		    strlen(event->personal), &personal);
		if (!e) {
			facts->customer_email = personal.customer_email;
			facts->child_name = personal.child_name;
			facts->cancellation_reason =
			    personal.cancellation_reason;
		}
	}
	if (e)
		return scope_fail(sc, ERR_CORRUPT, "the facts of an event "
		    "cannot be read");
	facts->booking_id = event->booking_id;
	return ERR_OK;
}

static void
put_envelope(struct buf *out, const struct integration_event *event,
    const struct form *data, const struct facts *facts)
{
	buf_puts(out, "{\"event_type\":");
	json_put_text(out, event->type);
	buf_puts(out, ",\"event_id\":");
	json_put_uuid(out, &event->event_id);
	buf_puts(out, ",\"timestamp\":");
	json_put_instant(out, event->occurred_us);
	buf_puts(out, ",\"source\":\"" INTEGRATION_EVENT_SOURCE "\",\"data\":");
	form_print(out, data, facts);
	buf_puts(out, ",\"schema_version\":");
	json_put_int(out, INTEGRATION_EVENT_VERSION);
	buf_puts(out, ",\"aggregate_id\":");
	json_put_uuid(out, &event->booking_id);
	buf_puts(out, ",\"sequence\":");
	json_put_int(out, event->sequence);
	buf_putc(out, '}');
}

enum err
integration_event_write(struct scope *sc, const struct integration_event *event,
    const char **ret_text, size_t *ret_len)
{
	const struct form *data = data_of(event->type);
	struct facts facts;
	struct buf out;
	enum err e;

	if (!data)
		return scope_fail(sc, ERR_INTERNAL, "nobody knows events of "
		    "type %s", event->type);
	e = read_facts(sc, event, &facts);
	if (!e)
		e = check_whole(sc, event->type, data, &facts);
	if (e)
		return e;

	buf_init(&out, sc->arena, INTEGRATION_EVENT_MAX);
	put_envelope(&out, event, data, &facts);
	if (out.overflow)
		return scope_fail(sc, ERR_CORRUPT, "an event is longer than "
		    "a message may be");
	*ret_text = out.data;
	*ret_len = out.len;
	return ERR_OK;
}
