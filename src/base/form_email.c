/* form_email.c: the addr-spec of RFC 5321. */
#include "base/form_email.h"

#include <stddef.h>
#include <string.h>

#define LOCAL_MAX 64
#define LABEL_MAX 63

static const char letters_digits[] =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
static const char atom_text[] =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
    "!#$%&'*+-/=?^_`{|}~";

/* Atoms with single dots between them; its length, or 0. */
static size_t
dot_string(const char *text)
{
	size_t len = 0;

	for (;;) {
		size_t atom = strspn(text + len, atom_text);

		if (atom == 0)
			return 0;
		len += atom;
		if (text[len] != '.')
			return len;
		len++;
	}
}

/* "any printable, \" and \\ escaped", with its quotes; its length, or 0. */
static size_t
quoted_string(const char *text)
{
	size_t len = 1;

	while (text[len] != '"') {
		if (text[len] == '\\')
			len++;
		if (text[len] < 0x20 || text[len] > 0x7e)
			return 0;
		len++;
	}
	return len > 1 ? len + 1 : 0;
}

static bool
label_valid(const char *label, size_t len)
{
	return len >= 1 && len <= LABEL_MAX && label[0] != '-' &&
	    label[len - 1] != '-';
}

static bool
domain_valid(const char *domain)
{
	size_t labels = 0;
	const char *label = domain;

	for (;;) {
		size_t len = strcspn(label, ".");

		for (size_t i = 0; i < len; i++) {
			if (label[i] != '-' && !strchr(letters_digits, label[i]))
				return false;
		}
		if (!label_valid(label, len))
			return false;
		labels++;
		if (label[len] == '\0')
			break;
		label += len + 1;
	}
	/* No top-level domain is a number: that would be an address. */
	return labels >= 2 && label[strspn(label, "0123456789")] != '\0';
}

bool
form_email_valid(const char *text)
{
	size_t local;

	if (strlen(text) > EMAIL_MAX)
		return false;
	local = *text == '"' ? quoted_string(text) : dot_string(text);

	return local > 0 && local <= LOCAL_MAX && text[local] == '@' &&
	    domain_valid(text + local + 1);
}
