/*
 * http_client.h: one outgoing HTTP exchange, within the request's deadline: the
 * only user of libcurl.
 *
 * Certainty What became of the request is one of three, and no caller may take
 *          one for another: ANSWERED (a whole answer, whatever its status),
 *          NOT_SENT (surely not done) and UNKNOWN (done or not).
 * Transport TLS 1.2 or later, certificate and name always verified; plain HTTP
 *          to a loopback address only, and to hosts that a client names in its
 *          settings.  HTTP/1.1, connections kept; no proxy (whatever the
 *          environment says), no redirect, no cookie, no compression.
 * Guards   A breaker per service and the pool's bulkhead stand before every
 *          call (breaker.h, bulkhead.h).
 * Memory   Answers live in sc->arena.  Nothing of a call stays behind but
 *          connections.
 * Process  One client per process and service, made after the last fork; the
 *          process ignores SIGPIPE.
 */
#ifndef REMOTE_HTTP_CLIENT_H
#define REMOTE_HTTP_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/breaker.h"
#include "base/compiler.h"
#include "base/scope.h"

#define HTTP_CLIENT_HEADERS_MAX 32      /* of a request */
#define HTTP_CLIENT_VALUE_MAX 192       /* of a captured header, with NUL */
#define HTTP_CLIENT_HEAD_MAX (64 * 1024) /* all headers of an answer */

struct http_client;

/* Texts and shm must outlive the client. */
struct http_client_settings {
	enum shm_service service;
	const char *name; /* in sentences; NULL = the service's word */
	struct shm *shm; /* NULL: neither breaker nor bulkhead */
	struct breaker_rules breaker;
	size_t bulkhead;          /* places of the pool; 0 = outside of it */
	int64_t connect_us;       /* to be connected, TLS included */
	int64_t total_us;         /* one try, from the first to the last byte */
	int64_t retry_wait_us;    /* before a retry */
	const char *ca_file;      /* PEM; NULL = the system's authorities */
	const char *user_agent;
	const char *unix_socket;  /* NULL = connect to the URL's host */
	/* Hosts as a URL has them that plain HTTP may go to beside loopback,
	 * NULL-terminated; NULL = none. */
	const char *const *plain_hosts;
};

/* NULL with a sentence in why: libcurl is not fit for this. */
struct http_client *http_client_open(
    const struct http_client_settings *settings, char *why, size_t why_max);
void http_client_close(struct http_client *client); /* accepts NULL */

/* NULL when calls may go to this URL; else a static sentence that says why
 * not: https only, or http to 127.0.0.0/8, [::1] or localhost; no user in it. */
const char *http_client_url_check(const char *url) MUSTCHECK;
/* The same with a client's plain_hosts. */
const char *http_client_url_check_hosts(const char *url,
    const char *const *plain_hosts) MUSTCHECK;

struct http_client_header {
	const char *name;
	const char *value; /* printable, or the call is refused as LOCAL */
};

struct http_client_request {
	const char *method; /* GET POST PUT DELETE HEAD */
	const char *url;
	const struct http_client_header *headers; /* Host: overrules the URL's;
	                                             Content-Type: unless given,
	                                             none without a body */
	size_t header_count;
	const void *body; /* of POST and PUT; NULL = empty */
	size_t body_len;
	size_t answer_max; /* ceiling of the answer's body */
	/* A second arrival does no harm.  Only then is a kept connection used:
	 * libcurl sends anew what went into one that was dead, and cannot
	 * know whether it had arrived. */
	bool repeatable;
	unsigned retries; /* how often it may be sent again, if repeatable */
};

/* Headers of an answer that are kept. */
enum http_client_kept {
	HTTP_CLIENT_CONTENT_TYPE,
	HTTP_CLIENT_DATE,
	HTTP_CLIENT_ETAG,
	HTTP_CLIENT_RETRY_AFTER,
	HTTP_CLIENT_REQUEST_ID,          /* Stripe */
	HTTP_CLIENT_SHOULD_RETRY,        /* Stripe-Should-Retry */
	HTTP_CLIENT_IDEMPOTENT_REPLAYED, /* Stripe */
	HTTP_CLIENT_AMZN_REQUEST_ID,
	HTTP_CLIENT_AMZN_ERROR_TYPE,
	HTTP_CLIENT_AMZ_REQUEST_ID, /* S3 */
	HTTP_CLIENT_KEPT__MAX
};

enum http_client_fate {
	HTTP_CLIENT_ANSWERED,
	HTTP_CLIENT_NOT_SENT,
	HTTP_CLIENT_UNKNOWN
};

enum http_client_cause {
	HTTP_CLIENT_FINE,     /* ANSWERED */
	HTTP_CLIENT_BREAKER,  /* the service is not asked at the moment */
	HTTP_CLIENT_BULKHEAD, /* too many of the pool are outside already */
	HTTP_CLIENT_DEADLINE, /* the request has no time left */
	HTTP_CLIENT_LOCAL,    /* our own fault: URL, header, memory */
	HTTP_CLIENT_CONNECT,  /* no such host, or nobody there */
	HTTP_CLIENT_TLS,      /* who answered is not who it should be */
	HTTP_CLIENT_TIMEOUT,
	HTTP_CLIENT_CUT,      /* the answer ended before its end */
	HTTP_CLIENT_OVERSIZE, /* the answer is above a ceiling */
	HTTP_CLIENT_CAUSE__MAX
};

struct http_client_answer {
	int status; /* of the last answer seen, 0 = none */
	enum http_client_cause cause;
	const char *body; /* ANSWERED: with a NUL behind it; else NULL */
	size_t len;
	const char *kept[HTTP_CLIENT_KEPT__MAX]; /* NULL = not there */
	unsigned trips;                          /* tries that went outside */
};

/*
 * Make the call, and make it again as request->retries allows: after
 * retry_wait_us (or the answer's Retry-After, if longer), for as long as a
 * whole further try fits into the request's deadline.  Sent again are what
 * did not get through, 409 and 5xx; Stripe-Should-Retry overrules this.
 *
 * NOT_SENT is told only when it holds for every try.  *ret_answer is always
 * set; unless ANSWERED, sc->why says what happened (never the URL's path, a
 * header or a body).
 */
enum http_client_fate http_client_call(struct http_client *client,
    struct scope *sc, const struct http_client_request *request,
    struct http_client_answer *ret_answer) MUSTCHECK;

/* Wipe what the client still holds of the last answer: it was a secret.  The
 * caller's copy is the caller's. */
void http_client_forget(struct http_client *client);

#endif
