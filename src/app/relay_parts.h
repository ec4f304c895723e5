/*
 * relay_parts.h: the turn of each topic.  For relay.c alone.
 */
#ifndef APP_RELAY_PARTS_H
#define APP_RELAY_PARTS_H

#include "app/relay.h"

enum err relay_events_turn(struct app *app, struct scope *sc,
    struct relay_turn *ret_turn) MUSTCHECK;
enum err relay_documents_turn(struct app *app, struct scope *sc,
    struct relay_turn *ret_turn) MUSTCHECK;
enum err relay_bookings_turn(struct app *app, struct scope *sc,
    struct relay_turn *ret_turn) MUSTCHECK;
enum err relay_bookings_sweep(struct app *app, struct scope *sc,
    struct relay_swept *ret_swept) MUSTCHECK;

#endif
