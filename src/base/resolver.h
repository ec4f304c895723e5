/*
 * resolver.h: how long a name server is waited for.
 *
 * getaddrinfo blocks, also inside libpq and hiredis, and knows nothing of a
 * request's deadline: with the defaults of resolv.conf(5) it waits for a name
 * server that does not answer 10 s and more.
 */
#ifndef BASE_RESOLVER_H
#define BASE_RESOLVER_H

/* Two tries of a second each, unless RES_OPTIONS says otherwise.  For the
 * beginning of a program: it changes the environment. */
void resolver_hurry(void);

#endif
