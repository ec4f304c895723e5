/*
 * aws_profile.h: the shared credentials file of AWS's own tools: one profile's
 * keys out of its text.
 *
 *	[default]
 *	aws_access_key_id = AKIA...
 *	aws_secret_access_key = ...
 *	aws_session_token = ...		(only with temporary keys)
 *
 * Read     as those tools do: "#" and ";" begin a comment at the start of a line
 *          and behind white space; names in any case; indented lines belong to
 *          the line before and are passed over; of what is given twice the
 *          last holds, also when a profile stands in two places.
 * Not read what would need a program, a browser or another call
 *          (credential_process, SSO, role_arn).
 * Source   AWS SDKs and Tools Reference Guide, "Shared config and credentials
 *          files".
 */
#ifndef REMOTE_AWS_PROFILE_H
#define REMOTE_AWS_PROFILE_H

#include <stddef.h>

#include "base/compiler.h"

struct aws_profile {
	const char *key_id;
	const char *secret;
	const char *token; /* NULL = none */
};

/* Find the profile in `text` (of len bytes, with a NUL behind), which is taken
 * apart: the results point into it.  NULL when found, else a static sentence;
 * *ret_profile is then untouched. */
const char *aws_profile_find(char *text, size_t len, const char *name,
    struct aws_profile *ret_profile) MUSTCHECK;

#endif
