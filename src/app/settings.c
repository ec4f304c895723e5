/* settings.c: every setting, its default, its bounds and what it means. */
#include "app/settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "remote/aws_names.h"

#define AT(member) offsetof(struct settings, member)
#define TEXT_MAX 4096

/* clang-format off */
const struct conf_setting settings_table[] = {
	/* where things are */
	{ "DATABASE_URL", CONF_TEXT, CONF_URL | CONF_REQUIRED, NULL,
	  1, TEXT_MAX, AT(database_url), NULL, NULL,
	  "The Postgres database that holds the truth, as a URL or a libpq "
	  "connection string. Use a role that may read and write rows, and "
	  "nothing more." },
	{ "DATABASE_ADMIN_URL", CONF_TEXT, CONF_URL, "",
	  1, TEXT_MAX, AT(database_admin_url), NULL, NULL,
	  "The same database as the role that owns its tables. Only bookingctl "
	  "migrate uses it; DATABASE_URL stands in when it is not set." },
	{ "REDIS_URL", CONF_TEXT, CONF_URL, "",
	  1, TEXT_MAX, AT(redis_url), NULL, NULL,
	  "The Redis that caches answers, redis://host:6379/0 or "
	  "unix:///path. Without it every answer comes from Postgres: slower, "
	  "never wrong." },
	{ "PUBLIC_URL", CONF_TEXT, CONF_REQUIRED, NULL,
	  8, TEXT_MAX, AT(public_url), NULL, NULL,
	  "What parents type to reach this service, such as "
	  "https://booking.example.com, without a slash at the end. Every link "
	  "the service hands out begins with it." },
	{ "RUNTIME_DIR", CONF_TEXT, 0, "/run/customer-booking",
	  1, TEXT_MAX, AT(runtime_dir), NULL, NULL,
	  "The directory of sockets and of the memory the processes of this "
	  "host share. It may be lost with the host." },
	{ "SQL_DIR", CONF_TEXT, 0, SQL_DIR,
	  1, TEXT_MAX, AT(sql_dir), NULL, NULL,
	  "Where the migrations lie that bookingctl migrate applies." },

	/* money */
	{ "STRIPE_SECRET_KEY", CONF_TEXT, CONF_SECRET, "",
	  8, 255, AT(stripe_secret_key), NULL, NULL,
	  "Stripe's secret key, sk_live_... or sk_test_.... Without it bookings "
	  "are held but cannot be paid." },
	{ "STRIPE_WEBHOOK_SECRETS", CONF_TEXT, CONF_SECRET, "",
	  8, 1024, AT(stripe_webhook_secrets), NULL, NULL,
	  "The signing secret of the webhook endpoint, whsec_.... While it is "
	  "rolled, the new one and the old one with a comma between." },
	{ "STRIPE_URL", CONF_TEXT, 0, "https://api.stripe.com",
	  8, TEXT_MAX, AT(stripe_url), NULL, NULL,
	  "Where Stripe's API is. Only the sandbox is ever anywhere else." },
	{ "STRIPE_TIMEOUT_MS", CONF_INT, 0, "4000",
	  100, 30000, AT(stripe_timeout_ms), NULL, "ms",
	  "How long one call to Stripe may take. When it takes longer the "
	  "booking is made all the same and its payment is finished later." },

	/* queue and bucket */
	{ "SQS_QUEUE_URL", CONF_TEXT, 0, "",
	  8, TEXT_MAX, AT(sqs_queue_url), NULL, NULL,
	  "The SQS queue that events go to, as "
	  "https://sqs.REGION.amazonaws.com/ACCOUNT/NAME. One whose name ends "
	  "in .fifo keeps the events of a booking in order. Without it events "
	  "go to EVENTS_FILE." },
	{ "SQS_TIMEOUT_MS", CONF_INT, 0, "4000",
	  100, 30000, AT(sqs_timeout_ms), NULL, "ms",
	  "How long one call to SQS may take." },
	{ "S3_BUCKET", CONF_TEXT, 0, "",
	  3, 63, AT(s3_bucket), NULL, NULL,
	  "The S3 bucket that pictures of QR codes go to. Without it they go "
	  "to DOCUMENTS_DIR." },
	{ "S3_SSE", CONF_WORD, 0, "AES256",
	  0, 0, AT(s3_sse), "AES256|aws:kms", NULL,
	  "How S3 encrypts them at rest: by keys of its own, or by KMS." },
	{ "S3_KMS_KEY_ID", CONF_TEXT, 0, "",
	  1, 2048, AT(s3_kms_key_id), NULL, NULL,
	  "The KMS key for S3_SSE=aws:kms, by id or ARN. The account's own key "
	  "for S3 when not set." },
	{ "S3_TIMEOUT_MS", CONF_INT, 0, "4000",
	  100, 30000, AT(s3_timeout_ms), NULL, "ms",
	  "How long one call to S3 may take." },
	{ "DOCUMENTS_DIR", CONF_TEXT, 0, STATE_DIR "/documents",
	  1, TEXT_MAX, AT(documents_dir), NULL, NULL,
	  "The folder that pictures of QR codes go to when no bucket is "
	  "configured; nginx serves them from there." },
	{ "DOCUMENTS_URL", CONF_TEXT, 0, "",
	  8, TEXT_MAX, AT(documents_url), NULL, NULL,
	  "What the addresses of those pictures begin with, such as that of a "
	  "CDN before the bucket, without a slash at the end. PUBLIC_URL and "
	  "/documents when not set, which is nginx's folder; with a bucket it "
	  "has to be set." },

	/* AWS, by the names of its own tools */
	{ "AWS_REGION", CONF_TEXT, 0, "",
	  1, 32, AT(aws_region), NULL, NULL,
	  "The region of queue and bucket, such as eu-west-1. That of a queue "
	  "at AWS is in its address." },
	{ "AWS_ENDPOINT_URL_SQS", CONF_TEXT, 0, "",
	  8, TEXT_MAX, AT(aws_endpoint_url_sqs), NULL, NULL,
	  "Where SQS is asked instead of at the host of SQS_QUEUE_URL: a VPC "
	  "endpoint, or the sandbox." },
	{ "AWS_ENDPOINT_URL_S3", CONF_TEXT, 0, "",
	  8, TEXT_MAX, AT(aws_endpoint_url_s3), NULL, NULL,
	  "Where S3 is instead of at AWS; the bucket then stands in the path." },
	{ "AWS_ACCESS_KEY_ID", CONF_TEXT, CONF_SECRET, "",
	  1, 128, AT(aws_access_key_id), NULL, NULL,
	  "The id of the key that calls to AWS are signed with. Leave it out "
	  "where a container or an instance has a role." },
	{ "AWS_SECRET_ACCESS_KEY", CONF_TEXT, CONF_SECRET, "",
	  1, 256, AT(aws_secret_access_key), NULL, NULL,
	  "The secret of that key; both are given or neither." },
	{ "AWS_SESSION_TOKEN", CONF_TEXT, CONF_SECRET, "",
	  1, 6144, AT(aws_session_token), NULL, NULL,
	  "What belongs to a key that is temporary. It expires and is not "
	  "renewed: for trying things out." },
	{ "AWS_PROFILE", CONF_TEXT, 0, "",
	  1, 128, AT(aws_profile), NULL, NULL,
	  "The profile of the shared credentials file whose key is used; "
	  "default when only the file is named." },
	{ "AWS_SHARED_CREDENTIALS_FILE", CONF_TEXT, 0, "",
	  1, TEXT_MAX, AT(aws_shared_credentials_file), NULL, NULL,
	  "That file. It is read again when it changes. When only a profile is "
	  "named it is ~/.aws/credentials." },
	{ "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", CONF_TEXT, 0, "",
	  1, 1024, AT(aws_container_relative_uri), NULL, NULL,
	  "Set by ECS: where the task finds its role's keys." },
	{ "AWS_CONTAINER_CREDENTIALS_FULL_URI", CONF_TEXT, 0, "",
	  8, 2047, AT(aws_container_full_uri), NULL, NULL,
	  "Set by EKS: where the pod finds its role's keys." },
	{ "AWS_CONTAINER_AUTHORIZATION_TOKEN", CONF_TEXT, CONF_SECRET, "",
	  1, 8000, AT(aws_container_token), NULL, NULL,
	  "What is shown there. When it is in a file it is read anew each time, "
	  "since EKS replaces it." },
	{ "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", CONF_TEXT, 0, "",
	  1, TEXT_MAX, AT(aws_container_token_file), NULL, NULL,
	  "The file that token is in: set by EKS." },
	{ "AWS_EC2_METADATA_DISABLED", CONF_BOOL, 0, "off",
	  0, 0, AT(aws_metadata_disabled), NULL, NULL,
	  "Whether the instance is not to be asked for its role's keys, which "
	  "it is when nothing above gives any." },
	{ "AWS_EC2_METADATA_SERVICE_ENDPOINT", CONF_TEXT, 0, "",
	  8, 1024, AT(aws_metadata_endpoint), NULL, NULL,
	  "Where the instance's metadata are; http://169.254.169.254 when not "
	  "set." },

	/* the pool */
	{ "API_SOCKET", CONF_TEXT, 0, "/run/customer-booking/api.sock",
	  1, 107, AT(api_socket), NULL, NULL,
	  "The unix socket on which booking-api listens and to which nginx "
	  "speaks FastCGI. Under systemd the socket unit decides instead." },
	{ "API_SOCKET_MODE", CONF_TEXT, 0, "0660",
	  3, 4, AT(api_socket_mode), NULL, NULL,
	  "The permissions of that socket, in octal. Whoever may write to it "
	  "may speak in nginx's name: keep it to nginx's group." },
	{ "API_WORKERS", CONF_INT, 0, "0",
	  0, 255, AT(api_workers), NULL, NULL,
	  "How many requests are answered at the same time; each worker holds "
	  "one connection to Postgres. 0 chooses by the number of cores." },
	{ "API_BACKLOG", CONF_INT, 0, "0",
	  0, 4096, AT(api_backlog), NULL, NULL,
	  "How many requests may wait for a worker before the next is told to "
	  "come back later. 0 chooses by the number of workers." },
	{ "API_WORKER_REQUESTS", CONF_INT, 0, "1000000",
	  100, 1000000000, AT(api_worker_requests), NULL, NULL,
	  "A worker is replaced after so many requests, between two of them." },
	{ "API_HANG_MS", CONF_INT, 0, "25000",
	  1000, 600000, AT(api_hang_ms), NULL, "ms",
	  "A worker busy with one request for longer than this is taken for "
	  "hung, and replaced. It should be well above REQUEST_DEADLINE_MS." },
	{ "REQUEST_DEADLINE_MS", CONF_INT, 0, "10000",
	  100, 60000, AT(request_deadline_ms), NULL, "ms",
	  "The time a request has for everything it does; each wait gets what "
	  "is left of it. It must not be below DB_STATEMENT_TIMEOUT_MS." },
	{ "REQUEST_MEMORY_KIB", CONF_INT, 0, "8192",
	  1024, 65536, AT(request_memory_kib), NULL, "KiB",
	  "The memory one request may use. A request that needs more fails; "
	  "its worker goes on." },

	/* waits */
	{ "DB_CONNECT_TIMEOUT_S", CONF_INT, 0, "2",
	  1, 30, AT(db_connect_timeout_s), NULL, "s",
	  "How long to wait for a new connection to Postgres." },
	{ "DB_STATEMENT_TIMEOUT_MS", CONF_INT, 0, "5000",
	  10, 60000, AT(db_statement_timeout_ms), NULL, "ms",
	  "The longest a single statement may run. It must not be below "
	  "DB_LOCK_TIMEOUT_MS." },
	{ "DB_LOCK_TIMEOUT_MS", CONF_INT, 0, "2000",
	  10, 60000, AT(db_lock_timeout_ms), NULL, "ms",
	  "The longest a statement may wait for a row that another request "
	  "holds." },
	{ "REDIS_TIMEOUT_MS", CONF_INT, 0, "50",
	  5, 1000, AT(redis_timeout_ms), NULL, "ms",
	  "How long Redis may take before Postgres is asked instead." },

	/* the relays */
	{ "EVENTS_FILE", CONF_TEXT, 0, STATE_DIR "/events.jsonl",
	  1, TEXT_MAX, AT(events_file), NULL, NULL,
	  "Where events go, one JSON object a line, when no queue is "
	  "configured. It holds names and e-mail addresses, and only its owner "
	  "may read it." },
	{ "RELAY_POLL_MS", CONF_INT, 0, "1000",
	  20, 60000, AT(relay_poll_ms), NULL, "ms",
	  "How often an idle relay asks Postgres for due work, though nobody "
	  "told it of any. Without Redis nobody tells, and it asks four times "
	  "as often." },
	{ "RELAY_LEASE_S", CONF_INT, 0, "60",
	  2, 3600, AT(relay_lease_s), NULL, "s",
	  "How long a relay has a row to itself. When the relay dies, another "
	  "takes the row after that time. It should be well above all that the "
	  "outside may take: a row in two hands is sent twice." },
	{ "RELAY_RETRIES", CONF_INT, 0, "5",
	  0, 100, AT(relay_retries), NULL, NULL,
	  "How often a row that is refused is tried again before it is given "
	  "up as dead. Outages use up none of them." },
	{ "RELAY_BACKOFF_MS", CONF_INT, 0, "1000",
	  10, 60000, AT(relay_backoff_ms), NULL, "ms",
	  "The wait before the first of those tries; it doubles with each, and "
	  "chance shortens it." },
	{ "RELAY_BACKOFF_MAX_MS", CONF_INT, 0, "300000",
	  10, 3600000, AT(relay_backoff_max_ms), NULL, "ms",
	  "The longest such wait. It must not be below RELAY_BACKOFF_MS." },
	{ "RELAY_PATIENCE_S", CONF_INT, 0, "86400",
	  60, 2592000, AT(relay_patience_s), NULL, "s",
	  "How long an outage may last before the rows that met it are given "
	  "up as dead; bookingctl outbox replay revives them all." },
	{ "OUTBOX_KEEP_S", CONF_INT, 0, "2592000",
	  60, 31536000, AT(outbox_keep_s), NULL, "s",
	  "How long rows that were sent are kept, and can be replayed." },
	{ "STRIPE_EVENTS_KEEP_S", CONF_INT, 0, "7776000",
	  2678400, 315360000, AT(stripe_events_keep_s), NULL, "s",
	  "How long it is remembered which of Stripe's events have come, lest "
	  "one that comes again has its effect again. Stripe sends one again for "
	  "three days by itself, and for thirty when it is told to." },
	{ "COMPLETE_AFTER_S", CONF_INT, 0, "14400",
	  0, 604800, AT(complete_after_s), NULL, "s",
	  "How long after its end a booking whose children came, and whom "
	  "nobody checked out, becomes completed by itself." },

	/* who may */
	{ "JWT_SECRET", CONF_TEXT, CONF_SECRET, "",
	  32, 4096, AT(jwt_secret), NULL, NULL,
	  "The key, shared with whoever signs customers in, by which their "
	  "tokens (HS256) are verified. It or JWT_JWKS_FILE must be set." },
	{ "JWT_JWKS_FILE", CONF_TEXT, 0, "",
	  1, TEXT_MAX, AT(jwt_jwks_file), NULL, NULL,
	  "A file with the public keys of whoever signs customers in, as a "
	  "JSON Web Key Set, by which their tokens (RS256, ES256, EdDSA) are "
	  "verified. It is read again when it changes: replace it, by a "
	  "rename, when a key is added or withdrawn." },
	{ "JWT_ISSUER", CONF_TEXT, 0, "",
	  1, TEXT_MAX, AT(jwt_issuer), NULL, NULL,
	  "The issuer (iss) a customer's token must name. Not checked when "
	  "not set." },
	{ "JWT_AUDIENCE", CONF_TEXT, 0, "",
	  1, TEXT_MAX, AT(jwt_audience), NULL, NULL,
	  "The audience (aud) a customer's token must name. Not checked when "
	  "not set." },
	{ "SESSION_SECRET", CONF_TEXT, CONF_SECRET | CONF_REQUIRED, NULL,
	  32, 4096, AT(session_secret), NULL, NULL,
	  "The key of the tokens this service signs itself: guest sessions, "
	  "manage links and QR codes. To change it is to revoke them all." },
	{ "LOOKUP_SECRET", CONF_TEXT, CONF_SECRET | CONF_REQUIRED, NULL,
	  32, 4096, AT(lookup_secret), NULL, NULL,
	  "The key of the fingerprints by which encrypted names and addresses "
	  "are found again. Never change it: with another key no child booked "
	  "twice is noticed, and no booking is found by its e-mail address." },
	{ "ENCRYPTION_KEYS", CONF_TEXT, CONF_SECRET | CONF_REQUIRED, NULL,
	  32, 8192, AT(encryption_keys), NULL, NULL,
	  "The keys that encrypt personal data, as id:key[,id:key...], each "
	  "key 32 bytes in base64url. The first one encrypts, all of them "
	  "decrypt. To rotate: the new key second, everywhere; then first." },
	{ "CORS_ORIGINS", CONF_TEXT, 0, "",
	  1, TEXT_MAX, AT(cors_origins), NULL, NULL,
	  "The web origins whose pages may call the API from a browser, such "
	  "as https://www.example.com, separated by commas. None when not "
	  "set." },
	{ "GUEST_SESSION_S", CONF_INT, 0, "3600",
	  60, 86400, AT(guest_session_s), NULL, "s",
	  "How long a guest may book after opening the page." },

	/* rules */
	{ "HOLD_S", CONF_INT, 0, "2100",
	  2, 86400, AT(hold_s), NULL, "s",
	  "How long the places of an unpaid booking are kept, and those that a "
	  "dearer change of a paid one needs. The payment page lives 30 "
	  "minutes, so the default lets it end first." },
	{ "HOLDS_MAX", CONF_INT, 0, "5",
	  1, 1000000, AT(holds_max), NULL, NULL,
	  "How many unpaid bookings one customer may have at a time." },
	{ "GUEST_HOLDS_MAX", CONF_INT, 0, "2",
	  1, 1000000, AT(guest_holds_max), NULL, NULL,
	  "The same for a guest's session, and for all guests who give one "
	  "e-mail address." },
	{ "GUEST_HOLDS_PER_ADDRESS", CONF_INT, 0, "6",
	  1, 1000000, AT(guest_holds_per_address), NULL, NULL,
	  "The same for all guests behind one network address." },

	/* logs */
	{ "LOG_LEVEL", CONF_WORD, 0, "info",
	  0, 0, AT(log_level), "debug|info|warn|error", NULL,
	  "The least important lines that are still logged." },
};
/* clang-format on */

const size_t settings_count = ARRAY_LEN(settings_table);

static bool
refuse(char *why, size_t why_max, const char *sentence)
{
	snprintf(why, why_max, "%s", sentence);
	return false;
}

/* "scheme://host[:port]" in `len` bytes, as a browser's Origin header writes
 * it: lower case, no user, no path, no slash. */
static bool
origin_valid(const char *text, size_t len)
{
	static const char *const schemes[] = { "https://", "http://" };
	size_t host = 0;
	size_t at;
	size_t port;

	for (size_t i = 0; i < ARRAY_LEN(schemes) && host == 0; i++) {
		if (strncmp(text, schemes[i], strlen(schemes[i])) == 0)
			host = strlen(schemes[i]);
	}
	if (host == 0)
		return false;

	at = host;
	if (text[at] == '[') { /* an IPv6 address */
		at += 1 + strspn(text + at + 1, "0123456789abcdef:.");
		if (text[at] != ']')
			return false;
		at++;
	} else {
		at += strspn(text + at, "abcdefghijklmnopqrstuvwxyz"
		    "0123456789-.");
	}
	if (at == host || at > len)
		return false;
	if (at == len)
		return true;

	port = strspn(text + at + 1, "0123456789");
	return text[at] == ':' && port >= 1 && port <= 5 && at + 1 + port == len;
}

static bool
origins_valid(const char *list)
{
	while (*list) {
		size_t len = strcspn(list, ",");

		if (!origin_valid(list, len))
			return false;
		list += len;
		if (*list == ',' && !*++list)
			return false;
	}
	return true;
}

/* A base to which "/path" is added: an origin, and perhaps a path. */
static bool
base_url_valid(const char *url)
{
	const char *host = strstr(url, "://");
	size_t len = strlen(url);

	if (strncmp(url, "https://", 8) != 0 && strncmp(url, "http://", 7) != 0)
		return false;
	if (host[3] == '\0' || host[3] == '/' || host[3] == ':' ||
	    url[len - 1] == '/')
		return false;
	for (const char *p = url; *p; p++) {
		if (*p <= ' ' || *p == 0x7f || strchr("?#\"<>\\", *p))
			return false;
	}
	return true;
}

/* NULL, or the rule of queue and bucket that does not hold. */
static const char *
cloud_rule(const struct settings *s)
{
	char region[AWS_REGION_MAX];

	if (*s->aws_region && !aws_region_valid(s->aws_region))
		return "AWS_REGION must be a region's name such as eu-west-1";
	if (*s->sqs_queue_url && !base_url_valid(s->sqs_queue_url))
		return "SQS_QUEUE_URL must be the address of a queue, "
		    "https://HOST/ACCOUNT/NAME";
	if (*s->sqs_queue_url && !*s->aws_region &&
	    !aws_region_of_queue(s->sqs_queue_url, region))
		return "AWS_REGION must be set: SQS_QUEUE_URL does not tell "
		    "its region";
	if (*s->s3_bucket && !aws_bucket_valid(s->s3_bucket))
		return "S3_BUCKET must be a bucket's name, in lower case";
	if (*s->s3_bucket && !*s->aws_region)
		return "AWS_REGION must be set where S3_BUCKET is";
	if (*s->s3_kms_key_id && strcmp(s->s3_sse, "aws:kms") != 0)
		return "S3_KMS_KEY_ID is for S3_SSE=aws:kms alone";
	if (!*s->aws_access_key_id != !*s->aws_secret_access_key)
		return "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are both "
		    "given or neither";
	if (*s->aws_session_token && !*s->aws_access_key_id)
		return "AWS_SESSION_TOKEN belongs to an AWS_ACCESS_KEY_ID";
	if (*s->documents_url && !base_url_valid(s->documents_url))
		return "DOCUMENTS_URL must be https:// or http:// and a host, "
		    "without a slash at the end";
	if (*s->aws_endpoint_url_sqs &&
	    !base_url_valid(s->aws_endpoint_url_sqs))
		return "AWS_ENDPOINT_URL_SQS must be https:// and a host, "
		    "without a slash at the end";
	if (*s->aws_endpoint_url_s3 && !base_url_valid(s->aws_endpoint_url_s3))
		return "AWS_ENDPOINT_URL_S3 must be https:// and a host, "
		    "without a slash at the end";
	return NULL;
}

/* The rules that span settings, and those a bound cannot say. */
static bool
rules_hold(const struct settings *s, char *why, size_t why_max)
{
	const char *wrong;

	if (*s->public_url && !base_url_valid(s->public_url))
		return refuse(why, why_max, "PUBLIC_URL must be https:// or "
		    "http:// and a host, without a slash at the end");
	if (!origins_valid(s->cors_origins))
		return refuse(why, why_max, "CORS_ORIGINS must be origins such "
		    "as https://www.example.com, in lower case, separated by "
		    "commas, without spaces or paths");
	if (s->api_socket_mode[strspn(s->api_socket_mode, "01234567")] != '\0')
		return refuse(why, why_max,
		    "API_SOCKET_MODE must be an octal number such as 0660");
	if (s->request_deadline_ms < s->db_statement_timeout_ms)
		return refuse(why, why_max, "REQUEST_DEADLINE_MS must not be "
		    "below DB_STATEMENT_TIMEOUT_MS");
	if (s->db_statement_timeout_ms < s->db_lock_timeout_ms)
		return refuse(why, why_max, "DB_STATEMENT_TIMEOUT_MS must not "
		    "be below DB_LOCK_TIMEOUT_MS");
	if (s->relay_backoff_max_ms < s->relay_backoff_ms)
		return refuse(why, why_max, "RELAY_BACKOFF_MAX_MS must not be "
		    "below RELAY_BACKOFF_MS");
	if (s->api_hang_ms < s->request_deadline_ms)
		return refuse(why, why_max,
		    "API_HANG_MS must not be below REQUEST_DEADLINE_MS");
	wrong = cloud_rule(s);
	return wrong ? refuse(why, why_max, wrong) : true;
}

static const struct settings *
load(const struct conf_setting *table, char *why, size_t why_max)
{
	struct settings *settings = calloc(1, sizeof *settings);

	if (!settings) {
		refuse(why, why_max, "there is no memory");
		return NULL;
	}
	if (!conf_load(table, settings_count, settings, why, why_max)) {
		free(settings);
		return NULL;
	}
	if (!rules_hold(settings, why, why_max)) {
		settings_free(settings);
		return NULL;
	}
	return settings;
}

const struct settings *
settings_load(char *why, size_t why_max)
{
	const struct settings *settings = load(settings_table, why, why_max);

	if (settings && !*settings->jwt_secret && !*settings->jwt_jwks_file) {
		settings_free(settings);
		refuse(why, why_max, "JWT_SECRET and JWT_JWKS_FILE are both "
		    "missing: set one, or no customer can be known");
		return NULL;
	}
	return settings;
}

/* Only these are required (NULL: none). */
static const struct settings *
load_requiring(const char *const *names, char *why, size_t why_max)
{
	struct conf_setting table[ARRAY_LEN(settings_table)];

	memcpy(table, settings_table, sizeof table);
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		const char *const *name = names;

		while (name && *name && strcmp(*name, table[i].name) != 0)
			name++;
		if (!name || !*name)
			table[i].flags &= ~(unsigned)CONF_REQUIRED;
	}
	return load(table, why, why_max);
}

const struct settings *
settings_load_relay(char *why, size_t why_max)
{
	static const char *const names[] = { "DATABASE_URL",
		"ENCRYPTION_KEYS", NULL };

	return load_requiring(names, why, why_max);
}

const struct settings *
settings_load_some(char *why, size_t why_max)
{
	return load_requiring(NULL, why, why_max);
}

void
settings_free(const struct settings *settings)
{
	struct settings *own = (struct settings *)(uintptr_t)settings;

	if (!own)
		return;
	conf_free(settings_table, settings_count, own);
	free(own);
}
