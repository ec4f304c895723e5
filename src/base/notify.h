/*
 * notify.h: tell systemd how we are, by its NOTIFY_SOCKET; silent without one.
 */
#ifndef BASE_NOTIFY_H
#define BASE_NOTIFY_H

#include <stdint.h>

#include "base/compiler.h"

/* One message, "READY=1\nSTATUS=...".  What cannot be sent is lost. */
void notify_send(const char *fmt, ...) PRINTF_LIKE(1, 2);

/* Microseconds between signs of life that systemd wants, 0 = none. */
int64_t notify_watchdog_us(void);

#endif
