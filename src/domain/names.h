/*
 * names.h: names as people mean them: the same child is the same child however
 * its name is typed.  The only user of libunistring.
 */
#ifndef DOMAIN_NAMES_H
#define DOMAIN_NAMES_H

struct arena;

/* White space trimmed and folded to one space, characters that nobody sees left
 * out, case folded, NFKC (Unicode 3.13, UAX 15, UAX 31).  name is valid UTF-8.
 * Without memory the arena gives up. */
char *names_normal(struct arena *arena, const char *name);

/* An e-mail address for look-up: ASCII lower case. */
char *names_email(struct arena *arena, const char *email);

/* Whom a network address stands for, to be counted: itself, but of IPv6 the
 * /64 that one household is given; "2001:db8:1:2::/64".  An IPv4 address in
 * IPv6 clothes is the IPv4 address. */
char *names_network(struct arena *arena, const char *address);

#endif
