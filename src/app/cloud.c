/* cloud.c: the queue and the bucket at AWS. */
#include "app/cloud.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/app.h"
#include "app/settings.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/instant.h"
#include "base/scope.h"
#include "remote/aws.h"
#include "remote/aws_names.h"
#include "remote/s3.h"
#include "remote/sqs.h"

#define CONNECT_US (2 * USEC_PER_SEC)
#define ENDPOINT_MAX (AWS_HOST_MAX + 8)
/* No object has this name; reading it shows the way, the keys, the bucket. */
#define PROBE_KEY "bookingctl-doctor"

struct cloud {
	struct aws aws;
	struct sqs sqs; /* service.http NULL: no queue */
	struct s3 s3;   /* the same */
	char queue_region[AWS_REGION_MAX];
	char queue_host[ENDPOINT_MAX]; /* "https://sqs.eu-west-1.amazonaws.com" */
};

static bool
refuse(char *why, size_t why_max, const char *name, const char *wrong)
{
	(void)snprintf(why, why_max, "%s: %s", name, wrong);
	return false;
}

static struct http_client *
open_http(enum shm_service service, struct shm *shm, int64_t timeout_ms,
    char *why, size_t why_max)
{
	/* Only relays and tools call: they are none of the pool.  What is to
	 * be tried again the outbox tries again. */
	const struct http_client_settings settings = {
		.service = service,
		.shm = shm,
		.breaker = { APP_BREAKER_FAILURES, APP_BREAKER_OPEN_US },
		.connect_us = CONNECT_US,
		.total_us = timeout_ms * 1000,
		.user_agent = "customer-booking",
	};

	return http_client_open(&settings, why, why_max);
}

static bool
open_aws(struct cloud *c, const struct settings *conf, char *why,
    size_t why_max)
{
	const struct aws_keys_settings keys = {
		.key_id = conf->aws_access_key_id,
		.secret = conf->aws_secret_access_key,
		.token = conf->aws_session_token,
		.file = conf->aws_shared_credentials_file,
		.profile = conf->aws_profile,
		.container_path = conf->aws_container_relative_uri,
		.container_url = conf->aws_container_full_uri,
		.container_token = conf->aws_container_token,
		.container_token_file = conf->aws_container_token_file,
		.instance_url = conf->aws_metadata_endpoint,
		.instance_off = conf->aws_metadata_disabled,
	};

	return aws_open(&c->aws, &keys, why, why_max);
}

/* The address of a queue is also where it is asked for, unless another is
 * given; it tells its region better than a setting that is there for both. */
static bool
open_queue(struct cloud *c, const struct settings *conf, struct shm *shm,
    char *why, size_t why_max)
{
	const char *url = conf->sqs_queue_url;
	const char *endpoint = conf->aws_endpoint_url_sqs;
	const char *host = strstr(url, "://");
	const char *wrong;

	if (!*url)
		return true;
	wrong = http_client_url_check(*endpoint ? endpoint : url);
	if (wrong)
		return refuse(why, why_max, *endpoint ? "AWS_ENDPOINT_URL_SQS"
		    : "SQS_QUEUE_URL", wrong);
	if (!host || (size_t)(host - url) + 3 + strcspn(host + 3, "/") >=
	    ENDPOINT_MAX)
		return refuse(why, why_max, "SQS_QUEUE_URL",
		    "its host is too long");
	(void)snprintf(c->queue_host, sizeof c->queue_host, "%.*s",
	    (int)((size_t)(host - url) + 3 + strcspn(host + 3, "/")), url);
	if (!aws_region_of_queue(url, c->queue_region))
		(void)snprintf(c->queue_region, sizeof c->queue_region, "%s",
		    conf->aws_region);
	c->sqs = (struct sqs){
		.service = { .aws = &c->aws, .name = "sqs",
		    .region = c->queue_region, .paths = AWS_SIGN_NORMALISED,
		    .read_code = sqs_read_code },
		.endpoint = *endpoint ? endpoint : c->queue_host,
		.queue_url = url,
	};
	c->sqs.service.http = open_http(SHM_SQS, shm, conf->sqs_timeout_ms,
	    why, why_max);
	return c->sqs.service.http != NULL;
}

static bool
open_bucket(struct cloud *c, const struct settings *conf, struct shm *shm,
    char *why, size_t why_max)
{
	const char *endpoint = conf->aws_endpoint_url_s3;
	const char *wrong = NULL;

	if (!*conf->s3_bucket)
		return true;
	if (*endpoint)
		wrong = http_client_url_check(endpoint);
	if (wrong)
		return refuse(why, why_max, "AWS_ENDPOINT_URL_S3", wrong);
	c->s3 = (struct s3){
		.service = { .aws = &c->aws, .name = "s3",
		    .region = conf->aws_region, .paths = AWS_SIGN_AS_IS,
		    .sends_hash = true, .read_code = s3_read_code },
		.endpoint = endpoint,
		.bucket = conf->s3_bucket,
		.sse = conf->s3_sse,
		.kms_key_id = conf->s3_kms_key_id,
	};
	c->s3.service.http = open_http(SHM_S3, shm, conf->s3_timeout_ms, why,
	    why_max);
	return c->s3.service.http != NULL;
}

struct cloud *
cloud_open(const struct settings *conf, struct shm *shm, char *why,
    size_t why_max)
{
	struct cloud *c = calloc(1, sizeof *c);

	if (!c) {
		(void)snprintf(why, why_max, "there is no memory to start");
		return NULL;
	}
	if (!open_aws(c, conf, why, why_max) ||
	    !open_queue(c, conf, shm, why, why_max) ||
	    !open_bucket(c, conf, shm, why, why_max)) {
		cloud_close(c);
		return NULL;
	}
	return c;
}

void
cloud_close(struct cloud *cloud)
{
	if (!cloud)
		return;

	http_client_close(cloud->s3.service.http);
	http_client_close(cloud->sqs.service.http);
	aws_close(&cloud->aws);
	free(cloud);
}

const struct sqs *
cloud_sqs(const struct cloud *cloud)
{
	return cloud->sqs.service.http ? &cloud->sqs : NULL;
}

const struct s3 *
cloud_s3(const struct cloud *cloud)
{
	return cloud->s3.service.http ? &cloud->s3 : NULL;
}

/* ---- for the doctor -----------------------------------------------------------*/

static struct finding
found(enum finding_level level, enum finding_cause cause, const char *what,
    const char *text)
{
	return (struct finding){ level, cause, what, text };
}

static struct finding
examine_keys(struct scope *sc, struct cloud *c)
{
	const char *source = aws_keys_source_word(c->aws.keys.source);
	const struct aws_key *key;
	char until[INSTANT_TEXT_MAX];

	if (aws_keys_get(&c->aws.keys, sc, aws_now_us(&c->aws), &key))
		return found(FINDING_FAIL, c->aws.keys.source ==
		    AWS_KEYS_NONE ? CAUSE_SETTING : CAUSE_SERVICE,
		    "aws credentials", arena_strdup(sc->arena, sc->why));
	if (key->expires_us == NONE)
		return found(FINDING_OK, CAUSE_SETTING, "aws credentials",
		    arena_printf(sc->arena, "from: %s", source));
	return found(FINDING_OK, CAUSE_SETTING, "aws credentials",
	    arena_printf(sc->arena, "from: %s, good until %s", source,
	    instant_format(key->expires_us, until)));
}

static bool
is_denied(const char *code)
{
	return code && (strcmp(code, "AccessDenied") == 0 ||
	    strcmp(code, "AccessDeniedException") == 0);
}

static struct finding
examine_failure(struct scope *sc, const char *what, enum aws_fate fate)
{
	return found(FINDING_FAIL, fate == AWS_LATER ? CAUSE_SERVICE :
	    CAUSE_SETTING, what, arena_strdup(sc->arena, sc->why));
}

static struct finding
examine_queue(struct scope *sc, const struct sqs *sqs)
{
	const char *kind = aws_queue_is_fifo(sqs->queue_url) ? "FIFO"
	    : "standard";
	const char *code;
	enum aws_fate fate = sqs_probe(sqs, sc, &code);

	if (fate == AWS_DONE)
		return found(FINDING_OK, CAUSE_SERVICE, "queue",
		    arena_printf(sc->arena, "it is there, %s, in %s", kind,
		    sqs->service.region));
	if (is_denied(code))
		return found(FINDING_OK, CAUSE_SERVICE, "queue",
		    arena_printf(sc->arena, "SQS answers in %s and knows the "
		    "key; without sqs:GetQueueAttributes only sending shows "
		    "more", sqs->service.region));
	return examine_failure(sc, "queue", fate);
}

static struct finding
examine_bucket(struct scope *sc, const struct s3 *s3)
{
	const char *body;
	const char *code;
	size_t len;
	enum aws_fate fate = s3_get(s3, sc, PROBE_KEY, 0, &body, &len, &code);

	if (fate == AWS_DONE || fate == AWS_MISSING ||
	    (code && strcmp(code, "oversize") == 0))
		return found(FINDING_OK, CAUSE_SERVICE, "bucket",
		    arena_printf(sc->arena, "it is there, in %s",
		    s3->service.region));
	if (is_denied(code))
		return found(FINDING_OK, CAUSE_SERVICE, "bucket",
		    arena_printf(sc->arena, "S3 answers in %s and knows the "
		    "key; without s3:GetObject only storing shows more",
		    s3->service.region));
	return examine_failure(sc, "bucket", fate);
}

size_t
cloud_examine(struct scope *sc, const struct settings *conf,
    struct finding findings[CLOUD_FINDINGS_MAX])
{
	char why[SCOPE_WHY_MAX];
	struct cloud *c;
	bool keys;
	size_t n = 0;

	if (!*conf->sqs_queue_url)
		findings[n++] = found(FINDING_OK, CAUSE_SETTING, "queue",
		    "none is configured: events go to EVENTS_FILE");
	if (!*conf->s3_bucket)
		findings[n++] = found(FINDING_OK, CAUSE_SETTING, "bucket",
		    "none is configured: documents go to DOCUMENTS_DIR");
	if (n == 2)
		return n;
	c = cloud_open(conf, NULL, why, sizeof why);
	if (!c) {
		findings[n++] = found(FINDING_FAIL, CAUSE_SETTING, "aws",
		    arena_strdup(sc->arena, why));
		return n;
	}
	findings[n] = examine_keys(sc, c);
	keys = findings[n++].level == FINDING_OK;
	if (keys && cloud_sqs(c))
		findings[n++] = examine_queue(sc, cloud_sqs(c));
	if (keys && cloud_s3(c))
		findings[n++] = examine_bucket(sc, cloud_s3(c));
	cloud_close(c);
	assert(n <= CLOUD_FINDINGS_MAX);
	return n;
}
