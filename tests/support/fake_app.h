/*
 * fake_app.h: the use cases as the HTTP layer sees them, played by a puppet:
 * what they were asked is kept, what they answer is told beforehand.
 */
#ifndef TESTS_SUPPORT_FAKE_APP_H
#define TESTS_SUPPORT_FAKE_APP_H

#include <stdbool.h>

#include "app/app.h"
#include "app/bookings.h"
#include "app/forms.h"
#include "app/visit_forms.h"
#include "domain/access.h"
#include "http/request.h"
#include "http/response.h"

#define FAKE_BOOKING "0193a5c8-7b1e-7c3a-9d42-5f0e8a6b1c2d"
#define FAKE_FRANCHISE "11111111-1111-4111-8111-111111111111"
#define FAKE_CUSTOMER "3d1f6c0a-52b7-4e19-8c44-a9b0e7d6f512"
#define FAKE_ORIGIN "https://www.example.com"
#define FAKE_VERSION 7

/* Tokens: "customer", "reader" (booking:read alone), "guest", "manage"; keys:
 * "secret", "desk" (checkin:write alone), "publishable".  All else does not
 * hold. */
struct fake {
	/* told before */
	enum err fails;     /* what the next use case answers */
	const char *why;    /* and the sentence it leaves */
	const char *stored; /* what is stored under any key, or NULL */
	const char *health; /* "healthy" when NULL */
	bool exhaust;       /* the use case asks for endless memory */
	bool faulty;        /* it finds a fault, whatever it answers */
	/* seen after */
	int calls;
	struct caller caller;
	struct booking_request request;
	struct booking_query bookings;
	struct franchise_query franchises;
	struct slots_query slots;
	struct cancel_request cancel;
	int64_t if_match;
	char key[256];
	char fingerprint[1024];
	char rendered[4096]; /* what would be stored */
	char t[64];
	char url[128]; /* whose picture was drawn */
	struct checkin_request checkin;
	struct checkout_request checkout;
	struct roster_query roster;
};
extern struct fake fake;

/* One request after another; each forgets the one before. */
struct world {
	struct arena *arena;
	struct scope *sc;
	struct settings conf;
	struct app app;
	struct header headers[32];
	size_t header_count;
	struct request req;
	struct response res;
};

struct world *world_open(void); /* also makes the puppet forget everything */
void world_close(struct world *w);

/* A header of the next request; name in lower case. */
void world_header(struct world *w, const char *name, const char *value);

/* Serve; target is path?query.  body NULL sends none; with a body and no
 * content-type set, application/json is.  Returns the status.  The headers
 * are forgotten after it. */
int world_ask(struct world *w, const char *method, const char *target,
    const char *body);

/* Whether the last answer's body holds the text. */
bool world_says(const struct world *w, const char *text);
/* The last answer's header, "" when it is not there. */
const char *world_got(const struct world *w, const char *name);

#endif
