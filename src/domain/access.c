/* access.c: who calls, and what they may. */
#include "domain/access.h"

#include <stddef.h>
#include <string.h>

#define BOOKING_ANY \
	(ACCESS_BOOKING_CREATE | ACCESS_BOOKING_READ | ACCESS_BOOKING_UPDATE)

static const struct right {
	const char *word;
	unsigned rights;
} rights[] = {
	{ "booking:create", ACCESS_BOOKING_CREATE },
	{ "booking:read", ACCESS_BOOKING_READ },
	{ "booking:update", ACCESS_BOOKING_UPDATE },
	{ "checkin:write", ACCESS_CHECKIN_WRITE },
	{ "payment:refund", ACCESS_PAYMENT_REFUND },
	{ "guest:create", ACCESS_GUEST_CREATE },
	{ "booking:*", BOOKING_ANY },
};

unsigned
access_parse(const char *word)
{
	for (size_t i = 0; i < ARRAY_LEN(rights); i++) {
		if (strcmp(rights[i].word, word) == 0)
			return rights[i].rights;
	}
	return ACCESS_NONE;
}

const char *
access_word(enum access_right right)
{
	for (size_t i = 0; i < ARRAY_LEN(rights); i++) {
		if (rights[i].rights == (unsigned)right)
			return rights[i].word;
	}
	return "";
}

bool
access_allows(const struct caller *caller, unsigned any)
{
	return any == 0 || (caller->rights & any) != 0;
}

/* Nobody's customer is not a customer: none never equals none. */
static bool
same_customer(const struct caller *caller, const struct uuid *customer)
{
	return !uuid_is_none(&caller->customer) &&
	    uuid_equal(&caller->customer, customer);
}

bool
access_owns(const struct caller *caller, const struct uuid *booking,
    const struct uuid *customer, const struct uuid *franchise)
{
	switch (caller->kind) {
	case CALLER_CUSTOMER:
	case CALLER_GUEST:
		return same_customer(caller, customer);
	case CALLER_MANAGE:
		return !uuid_is_none(&caller->booking) &&
		    uuid_equal(&caller->booking, booking) &&
		    same_customer(caller, customer);
	case CALLER_SECRET:
		return same_customer(caller, customer) &&
		    (uuid_is_none(&caller->franchise) ||
		        uuid_equal(&caller->franchise, franchise));
	case CALLER_SYSTEM:
		return true;
	case CALLER_NOBODY:
	case CALLER_PUBLISHABLE:
	case CALLER__MAX:
		break;
	}
	return false;
}
