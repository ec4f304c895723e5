/*
 * settings.h: every setting of the product, in one table.
 */
#ifndef APP_SETTINGS_H
#define APP_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/conf.h"

struct settings {
	/* where things are */
	const char *database_url;
	const char *database_admin_url; /* bookingctl migrate; "" = database_url */
	const char *redis_url;
	const char *public_url; /* "https://booking.example.com", no slash */
	const char *runtime_dir;
	const char *sql_dir;
	/* money */
	const char *stripe_secret_key; /* "" = no payments */
	const char *stripe_webhook_secrets; /* with commas between */
	const char *stripe_url;
	int64_t stripe_timeout_ms;
	/* queue and bucket, "" = not given */
	const char *sqs_queue_url; /* "" = events go to a file */
	int64_t sqs_timeout_ms;
	const char *s3_bucket; /* "" = documents go to a folder */
	const char *s3_sse; /* "AES256" or "aws:kms" */
	const char *s3_kms_key_id;
	int64_t s3_timeout_ms;
	const char *documents_dir;
	const char *documents_url; /* what their addresses begin with */
	const char *aws_region;
	const char *aws_endpoint_url_sqs;
	const char *aws_endpoint_url_s3;
	const char *aws_access_key_id;
	const char *aws_secret_access_key;
	const char *aws_session_token;
	const char *aws_profile;
	const char *aws_shared_credentials_file;
	const char *aws_container_relative_uri;
	const char *aws_container_full_uri;
	const char *aws_container_token;
	const char *aws_container_token_file;
	bool aws_metadata_disabled;
	const char *aws_metadata_endpoint;
	/* the pool */
	const char *api_socket;
	const char *api_socket_mode; /* "0660" */
	int64_t api_workers; /* 0 = from the cores */
	int64_t api_backlog; /* 0 = from the workers */
	int64_t api_worker_requests; /* a worker is replaced after so many */
	int64_t api_hang_ms; /* a worker busy longer is replaced */
	int64_t request_deadline_ms;
	int64_t request_memory_kib;
	/* waits */
	int64_t db_connect_timeout_s;
	int64_t db_statement_timeout_ms;
	int64_t db_lock_timeout_ms;
	int64_t redis_timeout_ms;
	/* the relays */
	const char *events_file;
	int64_t relay_poll_ms;
	int64_t relay_lease_s;
	int64_t relay_retries;
	int64_t relay_backoff_ms;
	int64_t relay_backoff_max_ms;
	int64_t relay_patience_s;
	int64_t outbox_keep_s;
	int64_t stripe_events_keep_s;
	int64_t complete_after_s;
	/* who may */
	const char *jwt_secret;
	const char *jwt_jwks_file;
	const char *jwt_issuer;
	const char *jwt_audience;
	const char *session_secret;
	const char *lookup_secret;
	const char *encryption_keys;
	const char *cors_origins;
	int64_t guest_session_s;
	/* rules */
	int64_t hold_s;
	int64_t holds_max;
	int64_t guest_holds_max;
	int64_t guest_holds_per_address;
	/* logs */
	const char *log_level;
};

extern const struct conf_setting settings_table[];
extern const size_t settings_count;

/* From the environment.  NULL with one sentence in why. */
const struct settings *settings_load(char *why, size_t why_max) MUSTCHECK;
/* For a relay: what only requests need is not required (JWT_SECRET,
 * LOOKUP_SECRET, and what relay_check asks for by topic). */
const struct settings *settings_load_relay(char *why, size_t why_max) MUSTCHECK;
/* For bookingctl: none is required, what is not given is "" or its default;
 * what is given must hold. */
const struct settings *settings_load_some(char *why, size_t why_max) MUSTCHECK;
void settings_free(const struct settings *settings); /* accepts NULL */

#endif
