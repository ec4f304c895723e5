/*
 * health.h: is the product able to serve?
 */
#ifndef APP_HEALTH_H
#define APP_HEALTH_H

struct app;
struct health;
struct scope;

/* Asks Postgres and Redis, each within its timeout; never fails. */
void health_check(struct app *app, struct scope *sc,
    struct health *ret_health);

#endif
