/* forms_other.c: the tables of guest sessions and of health. */
#include "app/forms.h"

#include "app/forms_rows.h"

static const char *const health_states[] = { "healthy", "degraded",
	"unhealthy", NULL };
static const char *const up_states[] = { "up", "down", NULL };
static const char *const token_types[] = { "Bearer", NULL };

/* clang-format off */

static const struct field guest_session_rows[] = {
	{ "token", FIELD_TEXT, MUST, 1, 4096, AT(guest_session, token), NULL,
	  NULL, "Send it as Authorization: Bearer.", "\"eyJhbGciOi...\"" },
	{ "token_type", FIELD_WORD, MUST, 0, 0, AT(guest_session, token_type),
	  NULL, token_types, "How the token is sent.", "\"Bearer\"" },
	{ "expires_in", FIELD_INT, MUST, 1, 86400,
	  AT(guest_session, expires_in), NULL, NULL,
	  "Seconds until the token ends.", "3600" },
	{ "customer_id", FIELD_UUID, MUST, 0, 0,
	  AT(guest_session, customer_id), NULL, NULL,
	  "The customer made for this session.", EX_CUSTOMER },
	{ "scope", FIELD_TEXTS, MUST, 0, 16, AT(guest_session, scope), NULL,
	  NULL, "What the token allows.",
	  "[\"booking:create\",\"booking:read\",\"booking:update\"]" },
};
FORM(guest_session, "GuestSession", guest_session, guest_session_rows,
    "A session for a customer without an account.", NULL);

static const struct field health_rows[] = {
	{ "status", FIELD_WORD, MUST, 0, 0, AT(health, status), NULL,
	  health_states, "degraded: slower, but every answer is right.",
	  "\"healthy\"" },
	{ "database", FIELD_WORD, 0, 0, 0, AT(health, database), NULL,
	  up_states, "Whether Postgres answers.", "\"up\"" },
	{ "cache", FIELD_WORD, 0, 0, 0, AT(health, cache), NULL, up_states,
	  "Whether Redis answers.", "\"up\"" },
	{ "timestamp", FIELD_INSTANT, MUST, 0, 0, AT(health, timestamp_us),
	  NULL, NULL, "When this was asked.", "\"2027-01-10T10:00:00Z\"" },
};
FORM(health, "Health", health, health_rows,
    "Whether the product can serve.", NULL);

/* clang-format on */
