/* aws_profile.c: one profile's keys out of a shared credentials file. */
#include "remote/aws_profile.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

#define SPACE " \t\r"

/* Without the white space around it. */
static char *
trim(char *text)
{
	size_t len;

	text += strspn(text, SPACE);
	len = strlen(text);
	while (len > 0 && strchr(SPACE, text[len - 1]))
		len--;
	text[len] = '\0';
	return text;
}

/* "[name]", perhaps with a comment behind; NULL: it is no such line. */
static char *
section_name(char *line)
{
	char *end = *line == '[' ? strchr(line, ']') : NULL;

	if (!end)
		return NULL;
	*end = '\0';
	return trim(line + 1);
}

static void
cut_comment(char *value)
{
	for (char *p = value; *p; p++) {
		if ((*p == '#' || *p == ';') &&
		    (p == value || strchr(SPACE, p[-1]))) {
			*p = '\0';
			return;
		}
	}
}

static void
take_line(char *line, struct aws_profile *profile)
{
	char *value = strchr(line, '=');
	const char *name;

	if (!value)
		return;
	*value++ = '\0';
	cut_comment(value);
	name = trim(line);
	value = trim(value);
	if (strcasecmp(name, "aws_access_key_id") == 0)
		profile->key_id = value;
	else if (strcasecmp(name, "aws_secret_access_key") == 0)
		profile->secret = value;
	else if (strcasecmp(name, "aws_session_token") == 0)
		profile->token = value;
}

const char *
aws_profile_find(char *text, size_t len, const char *name,
    struct aws_profile *ret_profile)
{
	struct aws_profile found = { .key_id = NULL };
	bool there = false; /* the profile has been seen */
	bool inside = false;
	char *line;

	if (strlen(text) != len)
		return "it holds a NUL";
	if (strncmp(text, "\xef\xbb\xbf", 3) == 0) /* some editors' mark */
		text += 3;
	while ((line = strsep(&text, "\n"))) {
		const char *section;

		if (*line == '\0' || strchr("#;" SPACE, *line))
			continue;
		section = section_name(line);
		if (section) {
			inside = strcmp(section, name) == 0;
			there = there || inside;
		} else if (inside) {
			take_line(line, &found);
		}
	}

	if (!there)
		return "it has no such profile";
	if (!found.key_id || !*found.key_id || !found.secret || !*found.secret)
		return "the profile has no aws_access_key_id and "
		    "aws_secret_access_key (what needs a program, a sign-on or "
		    "another role is not read)";
	if (found.token && !*found.token)
		found.token = NULL;
	*ret_profile = found;
	return NULL;
}
