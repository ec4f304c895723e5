/* cmd_token.c: bookingctl token. */
#include <stdio.h>
#include <string.h>

#include "app/app.h"
#include "app/callers.h"
#include "app/settings.h"
#include "base/arena.h"
#include "base/instant.h"
#include "base/uuid.h"
#include "ctl/ctl.h"
#include "ctl/options.h"
#include "domain/access.h"

#define SCOPES "booking:create booking:read booking:update"
#define TTL_S 3600

struct options {
	struct uuid sub;
	const char *scope;
	int64_t ttl;
};

static const struct option_spec specs[] = {
	{ .name = "sub", .type = OPTION_UUID, .metavar = "UUID",
	    .offset = offsetof(struct options, sub),
	    .help = "The customer; a new one when left out." },
	{ .name = "scope", .type = OPTION_TEXT, .metavar = "\"WORD WORD\"",
	    .min = 1, .max = 256, .offset = offsetof(struct options, scope),
	    .help = "What the token allows: booking:create, booking:read, "
	        "booking:update, all three when left out." },
	{ .name = "ttl", .type = OPTION_INT, .metavar = "SECONDS",
	    .min = 1, .max = 86400 * 30, .offset = offsetof(struct options, ttl),
	    .help = "How long it is good: 3600 when left out." },
};

static const struct command command = {
	.name = "token",
	.text = "Prints a customer's token, signed with JWT_SECRET as the "
	    "identity provider would sign it, and nothing else. It is for "
	    "trying the API; customers get theirs where they sign in.",
	.options = specs,
	.count = ARRAY_LEN(specs),
	.size = sizeof(struct options),
};

/* A customer's token knows only the rights of customers. */
static bool
scopes_known(const char *scopes)
{
	char word[64];

	while (*scopes) {
		size_t len = strcspn(scopes, " ");

		if (len >= sizeof word)
			return false;
		memcpy(word, scopes, len);
		word[len] = '\0';
		if (len > 0 && (strncmp(word, "booking:", 8) != 0 ||
		    access_parse(word) == ACCESS_NONE))
			return false;
		scopes += len + (scopes[len] == ' ');
	}
	return true;
}

int
cmd_token(struct ctl *ctl, int argc, char **argv)
{
	struct app app = { 0 };
	struct options options;
	int status;

	if (!ctl_options(ctl, &command, argc, argv, &options, &status))
		return status;
	if (!options.scope)
		options.scope = SCOPES;
	if (!scopes_known(options.scope))
		return ctl_usage(command.name, "--scope knows booking:create, "
		    "booking:read, booking:update and booking:*");
	if (uuid_is_none(&options.sub))
		uuid_random(&options.sub);
	if (options.ttl == NONE)
		options.ttl = TTL_S;

	app.conf = ctl_settings(ctl);
	if (!app.conf)
		return CTL_CONFIG;
	if (!*app.conf->jwt_secret) {
		fprintf(stderr, "bookingctl: JWT_SECRET must be set\n");
		return CTL_CONFIG;
	}
	printf("%s\n", customer_token(&app, &ctl->sc, &options.sub,
	    options.scope, options.ttl));
	return CTL_FINE;
}
