/*
 * names.h: names as people mean them: the same child is the same child however
 * its name is typed.  The only user of libunistring.
 */
#ifndef DOMAIN_NAMES_H
#define DOMAIN_NAMES_H

struct arena;

/* White space trimmed and folded to one space, case folded, NFKC (Unicode
 * 3.13, UAX 15).  name is valid UTF-8.  Without memory the arena gives up. */
char *names_normal(struct arena *arena, const char *name);

/* An e-mail address for look-up: ASCII lower case. */
char *names_email(struct arena *arena, const char *email);

#endif
