/*
 * access.h: who calls, and what they may.
 */
#ifndef DOMAIN_ACCESS_H
#define DOMAIN_ACCESS_H

#include <stdbool.h>

#include "base/compiler.h"
#include "base/uuid.h"

enum caller_kind {
	CALLER_NOBODY,      /* no credentials */
	CALLER_CUSTOMER,    /* a JWT of the customer's identity provider */
	CALLER_GUEST,       /* our own one-hour token */
	CALLER_MANAGE,      /* our own token of one booking */
	CALLER_PUBLISHABLE, /* an API key a browser may hold */
	CALLER_SECRET,      /* an API key of a server */
	CALLER_SYSTEM,      /* ourselves: due work on any booking */
	CALLER__MAX
};

enum access_right {
	ACCESS_NONE = 0,
	ACCESS_BOOKING_CREATE = 1 << 0,
	ACCESS_BOOKING_READ = 1 << 1,
	ACCESS_BOOKING_UPDATE = 1 << 2,
	ACCESS_CHECKIN_WRITE = 1 << 3,
	ACCESS_PAYMENT_REFUND = 1 << 4,
	ACCESS_GUEST_CREATE = 1 << 5
};

struct caller {
	enum caller_kind kind;
	unsigned rights;       /* of enum access_right */
	struct uuid customer;  /* whom it acts for; none: nobody in particular */
	struct uuid franchise; /* the one a key is bound to; none: any */
	struct uuid booking;   /* MANAGE: the only one it may touch */
	const char *name;      /* "customer:UUID" or "key:ID": owner of
	                          Idempotency-Keys; never NULL */
	const char *address;   /* the client's IP address */
};

/* "booking:create" -> ACCESS_BOOKING_CREATE; "booking:*" -> all of them;
 * an unknown word is no right. */
unsigned access_parse(const char *word);
/* The word of one right, for messages and the schema. */
const char *access_word(enum access_right right);

/* One of `any` suffices; 0 asks for nothing. */
bool access_allows(const struct caller *caller, unsigned any);

/* May the caller see this booking at all?  (Else it is "not found".) */
bool access_owns(const struct caller *caller, const struct uuid *booking,
    const struct uuid *customer, const struct uuid *franchise);

#endif
