/*
 * ticket.h: what stands in the QR code of a booking, and the short code that
 * people read out.
 *
 *	https://HOST/checkin/REFERENCE?sig=VERSION.KEY.MAC
 *
 * MAC is over REFERENCE, VERSION and KEY.  VERSION is the booking's: raised, it
 * revokes every code signed before.  KEY names the key that signed, so that a
 * code of another key is not taken for one of this.
 */
#ifndef DOMAIN_TICKET_H
#define DOMAIN_TICKET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/uuid.h"

#define TICKET_TEXT_MAX 2048 /* bytes that are read at all */
#define TICKET_KEY_LEN 4
#define TICKET_MAC_LEN 22 /* 16 bytes, base64url */

struct arena;

struct ticket {
	struct uuid reference;
	int64_t version; /* 1.. */
	char key[TICKET_KEY_LEN + 1];
	char mac[TICKET_MAC_LEN + 1];
};

/* The address the code holds; base is "https://HOST". */
char *ticket_url(struct arena *arena, const char *base,
    const struct ticket *ticket);

/*
 * Read what a scanner saw: the whole address, of whatever host, or what stands
 * behind its "/checkin/".  false: no such text.  Nothing in it is to be
 * believed before its MAC has been checked.
 */
bool ticket_parse(const char *text, struct ticket *ret_ticket) MUSTCHECK;

/* "k7qm 4txa" is "K7QM-4TXA", as it is stored; NULL: no such code. */
char *ticket_code(struct arena *arena, const char *text);

#endif
