/*
 * world.h: a whole application over a fresh database of the real schema, two
 * franchises and a customer: what the flow tests of the use cases stand on.
 *
 * Franchise 1: Atlantic/Reykjavik, every day 08:00-18:00, slots of 60
 * minutes, 3 places, 15.00 and 22.50 (07-09, 17-19).  Franchise 2 is the same
 * with one place and free of charge.
 */
#ifndef TESTS_SUPPORT_WORLD_H
#define TESTS_SUPPORT_WORLD_H

#include <stdint.h>

#include "app/app.h"
#include "app/bookings.h"
#include "app/forms.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/instant.h"
#include "base/scope.h"
#include "domain/access.h"
#include "support/pg.h"

struct world {
	struct arena *arena;
	struct scope scope;
	struct scope *sc;
	struct settings conf;
	struct app *app;
	PGconn *pg;         /* as the owner of everything */
	char url[512];
	struct caller customer;
	struct caller stranger;
	struct uuid franchise;
	struct uuid free_franchise;
	int64_t day_us; /* 00:00 there (= UTC), ten days from now */
};

void world_open(struct world *w);
/* From now on there is a Stripe key, and nobody who answers for Stripe: payments
 * are attempts in the rows. */
void world_pays(struct world *w);
/* Checks every invariant, then closes. */
void world_close(struct world *w);
/* A fresh scope: as a new request. */
void world_next(struct world *w);

/* A request for one child, from..until hours of w->day_us. */
struct booking_request *world_request(struct world *w, int from, int until,
    const char *child);
/* Make it, by the customer; NULL (and a failed assertion) when it fails. */
struct booking *world_book(struct world *w, int from, int until,
    const char *child);

/* As if it had been paid, and were for all of today, where its franchise is. */
void world_confirm(struct world *w, const struct booking *booking);
void world_today(struct world *w, const struct booking *booking);

int64_t world_count(struct world *w, const char *table);
/* The sum of the ledger's counters. */
int64_t world_taken(struct world *w);

#endif
