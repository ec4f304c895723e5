/*
 * form_email.h: is this text an e-mail address?
 *
 * The addr-spec of RFC 5321 with a domain of two labels or more: nothing is
 * ever sent to an address literal or to a host without a dot from here.
 */
#ifndef BASE_FORM_EMAIL_H
#define BASE_FORM_EMAIL_H

#include <stdbool.h>

#define EMAIL_MAX 254 /* RFC 5321 4.5.3.1.3, less the angle brackets */

bool form_email_valid(const char *text);

#endif
