/*
 * integration_event.h: what the world is told: the facts of an outbox row,
 * translated into the events of the Admin Portal's contract.  The one place
 * where our words become theirs (the anti-corruption layer).
 *
 * Shape    The envelope and `data` of the seed, exactly; schema_version,
 *          aggregate_id and sequence are ours.  docs/events has a JSON Schema
 *          per type, docs/events.md the consumer's side.
 * Order    sequence counts a booking's events from 1 without a gap.
 */
#ifndef DOMAIN_INTEGRATION_EVENT_H
#define DOMAIN_INTEGRATION_EVENT_H

#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/err.h"
#include "base/uuid.h"

#define INTEGRATION_EVENT_SOURCE "customer-booking-service"
#define INTEGRATION_EVENT_VERSION 1
#define INTEGRATION_EVENT_MAX (32 * 1024) /* bytes of a message */

struct scope;

struct integration_event {
	const char *type; /* "BookingCreated" */
	struct uuid event_id;
	struct uuid booking_id;
	int64_t occurred_us;  /* when its commit was made */
	int64_t sequence;     /* 1.. */
	const char *facts;    /* JSON: what is open */
	const char *personal; /* JSON: what was sealed; NULL = nothing */
};

/*
 * The message, one JSON object in the arena, without white space.
 *
 * ERR_INTERNAL  a type nobody knows
 * ERR_CORRUPT   facts that are no such facts, or lack what the type promises
 */
enum err integration_event_write(struct scope *sc,
    const struct integration_event *event, const char **ret_text,
    size_t *ret_len) MUSTCHECK;

#endif
