/*
 * err.h: every way a call can fail, and the one table that gives each its
 * HTTP status, its public code and its title.
 *
 * The number never leaves the process; the public code is stable for ever
 * (a retired one stays in the table as a comment).
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <stdbool.h>

enum err {
	ERR_OK = 0,
	/* the caller's doing */
	ERR_MALFORMED,       /* bytes that are not what they claim to be */
	ERR_BAD_REQUEST,     /* a request line or header that makes no sense */
	ERR_UNAUTHENTICATED, /* no credentials */
	ERR_BAD_CREDENTIALS, /* credentials that do not hold */
	ERR_DECLINED,        /* the bank says no to the payment */
	ERR_FORBIDDEN,       /* a missing scope */
	ERR_NOT_FOUND,       /* not there, or not the caller's */
	ERR_NO_ROUTE,        /* no such path */
	ERR_METHOD,          /* the path knows other methods */
	ERR_NOT_ACCEPTABLE,  /* nothing we have suits Accept */
	ERR_CAPACITY,        /* fewer places are left than were asked for */
	ERR_CHILD_BUSY,      /* the child is elsewhere at that time */
	ERR_KEY_BUSY,        /* the same Idempotency-Key is being worked on */
	ERR_STATE,           /* the booking's state does not allow it */
	ERR_REFUND_CHANGED,  /* expected_refund no longer holds */
	ERR_CONFLICT,        /* something else stands against it */
	ERR_FORGED,          /* a QR code that we did not sign */
	ERR_REVOKED,         /* a QR code that holds no longer */
	ERR_OTHER_FRANCHISE, /* the booking is for another franchise */
	ERR_OTHER_DAY,       /* ... for another day */
	ERR_UNPAID,          /* ... not paid yet */
	ERR_CANCELLED,       /* ... cancelled */
	ERR_EXPIRED,         /* ... expired */
	ERR_OVER,            /* ... over, and nobody came */
	ERR_CHECKED_IN,      /* the children are in already */
	ERR_NOT_CHECKED_IN,  /* the children never came in */
	ERR_COLLECTED,       /* the children went home already */
	ERR_NOT_AUTHORISED,  /* on the list of no parent */
	ERR_VERSION,         /* If-Match does not hold */
	ERR_TOO_LARGE,       /* a body above the route's ceiling */
	ERR_TOO_MANY_HEADERS, /* more header lines than we read */
	ERR_MEDIA,           /* a Content-Type we do not read */
	ERR_INVALID,         /* well-formed, but breaks a rule: see faults */
	ERR_KEY_REUSED,      /* the same Idempotency-Key, another request */
	ERR_TOO_MANY_HOLDS,  /* too many unpaid bookings */
	ERR_RATE,            /* too many requests */
	/* our doing, or the world's */
	ERR_INTERNAL,             /* a bug */
	ERR_NO_MEMORY,            /* the request's arena is used up */
	ERR_CORRUPT,              /* stored bytes that do not decrypt */
	ERR_KEY_ABSENT,           /* ... by a key that we do not have (yet) */
	ERR_UNAVAILABLE,          /* Postgres is not to be had */
	ERR_PAYMENTS_UNAVAILABLE, /* no payment can be taken now */
	ERR_TIMEOUT,              /* the deadline passed, nothing was done */
	ERR_UNCERTAIN,            /* done or not: retry with the same key */
	/* never shown: the store's word to a use case */
	ERR_RETRY, /* serialisation or deadlock: run it again */
	ERR_STALE, /* what was read has changed: read it again */
	ERR__MAX
};

struct err_info {
	int status;        /* HTTP status */
	const char *code;  /* public, stable, snake_case */
	const char *title; /* one short sentence without a full stop */
	bool retryable;    /* the same request may succeed later */
};

/* Never NULL; an unknown number is answered as ERR_INTERNAL. */
const struct err_info *err_info(enum err e);

#endif
