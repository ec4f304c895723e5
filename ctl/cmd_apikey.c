/* cmd_apikey.c: bookingctl apikey create, list, revoke. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "app/keys.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/instant.h"
#include "base/json.h"
#include "ctl/ctl.h"
#include "ctl/options.h"

#define WORDS_MAX 16

/* ---- create ------------------------------------------------------------ */

struct create {
	const char *name;
	const char *kind;
	const char *scope;
	struct uuid franchise;
	int64_t expires_us;
};

static const struct option_spec create_specs[] = {
	{ .name = "name", .type = OPTION_TEXT, .metavar = "NAME",
	    .min = 1, .max = 100, .offset = offsetof(struct create, name),
	    .help = "Whose key it is, for the list." },
	{ .name = "kind", .type = OPTION_TEXT, .metavar = "KIND",
	    .offset = offsetof(struct create, kind),
	    .help = "secret (of a server; the default) or publishable (of a "
	        "web page, where anyone can read it)." },
	{ .name = "scope", .type = OPTION_TEXT, .metavar = "\"WORD WORD\"",
	    .min = 1, .max = 256, .offset = offsetof(struct create, scope),
	    .help = "What the key allows: booking:create, booking:read, "
	        "booking:update, booking:* (these three), checkin:write, "
	        "payment:refund, guest:create. booking:* when left out; a "
	        "publishable key always has guest:create, and nothing else." },
	{ .name = "franchise", .type = OPTION_UUID, .metavar = "ID",
	    .offset = offsetof(struct create, franchise),
	    .help = "The only franchise the key is good for; all of them "
	        "when left out." },
	{ .name = "expires", .type = OPTION_INSTANT, .metavar = "INSTANT",
	    .offset = offsetof(struct create, expires_us),
	    .help = "When the key ends, such as 2027-12-31T23:59:59Z; never "
	        "when left out." },
};

static const struct command create_command = {
	.name = "apikey create",
	.summary = "make a key and print it, this once",
	.text = "Makes a key and prints it on standard output, and nothing "
	    "else there. Only its SHA-256 is stored: it cannot be shown "
	    "again.",
	.options = create_specs,
	.count = ARRAY_LEN(create_specs),
	.size = sizeof(struct create),
};

static struct texts
split_words(struct arena *arena, const char *text)
{
	struct texts words = { arena_new_array(arena, const char *, WORDS_MAX),
		0 };

	while (*text && words.count < WORDS_MAX) {
		size_t len = strcspn(text, " ,");

		if (len > 0)
			words.items[words.count++] = arena_strndup(arena, text,
			    len);
		text += len + (text[len] != '\0');
	}
	return words;
}

static int
create(struct ctl *ctl, int argc, char **argv)
{
	struct create options;
	struct key_request req;
	struct admin *admin;
	const char *key;
	int status;
	enum err e;

	if (!ctl_options(ctl, &create_command, argc, argv, &options, &status))
		return status;
	req = (struct key_request){ .name = options.name ? options.name : "",
		.kind = options.kind ? options.kind : "secret",
		.franchise = options.franchise,
		.expires_us = options.expires_us };
	if (!options.scope)
		options.scope = strcmp(req.kind, "publishable") == 0 ?
		    "guest:create" : "booking:*";
	req.scopes = split_words(ctl->arena, options.scope);

	if (!ctl_admin(ctl, &admin, &status))
		return status;
	e = key_create(admin, &ctl->sc, &req, &key);
	if (e)
		return ctl_fail(ctl, e);
	printf("%s\n", key);
	return CTL_FINE;
}

/* ---- list -------------------------------------------------------------- */

struct list_options {
	bool json;
};

static const struct option_spec list_specs[] = {
	{ .name = "json", .type = OPTION_FLAG,
	    .offset = offsetof(struct list_options, json),
	    .help = "Print JSON." },
};

static const struct command list_command = {
	.name = "apikey list",
	.summary = "list the keys, without their secrets",
	.text = "Lists every key, oldest first, without its secret.",
	.options = list_specs,
	.count = ARRAY_LEN(list_specs),
	.size = sizeof(struct list_options),
};

static const char *
key_state(const struct key *key)
{
	if (key->revoked_us != NONE)
		return "revoked";
	return key->expires_us != NONE && key->expires_us <= clock_wall_us() ?
	    "expired" : "active";
}

static void
put_instant(struct buf *out, const char *name, int64_t us)
{
	buf_printf(out, ",\"%s\":", name);
	if (us == NONE)
		buf_puts(out, "null");
	else
		json_put_instant(out, us);
}

static void
put_json(struct buf *out, const struct key *key)
{
	buf_puts(out, "{\"id\":");
	json_put_text(out, key->id);
	buf_puts(out, ",\"name\":");
	json_put_text(out, key->name);
	buf_printf(out, ",\"kind\":\"%s\",\"state\":\"%s\",\"scopes\":[",
	    key->kind, key_state(key));
	for (size_t i = 0; i < key->scopes.count; i++) {
		buf_puts(out, i > 0 ? "," : "");
		json_put_text(out, key->scopes.items[i]);
	}
	buf_puts(out, "],\"franchise_id\":");
	if (uuid_is_none(&key->franchise))
		buf_puts(out, "null");
	else
		json_put_uuid(out, &key->franchise);
	put_instant(out, "created_at", key->created_us);
	put_instant(out, "expires_at", key->expires_us);
	put_instant(out, "revoked_at", key->revoked_us);
	buf_putc(out, '}');
}

static void
put_text(struct buf *out, const struct key *key)
{
	char franchise[UUID_TEXT_MAX] = "any franchise";
	char created[INSTANT_TEXT_MAX];

	if (!uuid_is_none(&key->franchise))
		uuid_format(&key->franchise, franchise);
	instant_format(key->created_us - key->created_us % USEC_PER_SEC,
	    created);
	buf_printf(out, "%-12s %-11s %-8s %s  %-36s  ", key->id, key->kind,
	    key_state(key), created, franchise);
	for (size_t i = 0; i < key->scopes.count; i++)
		buf_printf(out, "%s%s", i > 0 ? " " : "", key->scopes.items[i]);
	buf_printf(out, "  %s\n", key->name);
}

static int
list(struct ctl *ctl, int argc, char **argv)
{
	struct list_options options;
	struct admin *admin;
	struct key *keys;
	struct buf out;
	size_t count;
	int status;
	enum err e;

	if (!ctl_options(ctl, &list_command, argc, argv, &options, &status) ||
	    !ctl_admin(ctl, &admin, &status))
		return status;
	e = key_list(admin, &ctl->sc, &keys, &count);
	if (e)
		return ctl_fail(ctl, e);

	buf_init(&out, ctl->arena, CTL_OUTPUT_MAX);
	buf_puts(&out, options.json ? "{\"data\":[" : "");
	for (size_t i = 0; i < count; i++) {
		if (options.json && i > 0)
			buf_putc(&out, ',');
		if (options.json)
			put_json(&out, &keys[i]);
		else
			put_text(&out, &keys[i]);
	}
	buf_puts(&out, options.json ? "]}\n" : "");
	return ctl_print(&out);
}

/* ---- revoke ------------------------------------------------------------ */

struct revoke {
	const char *id;
};

static const struct option_spec revoke_specs[] = {
	{ .name = "ID", .type = OPTION_TEXT, .required = true,
	    .min = 1, .max = 128, .offset = offsetof(struct revoke, id),
	    .help = "The key's id as the list shows it, or the whole key." },
};

static const struct command revoke_command = {
	.name = "apikey revoke",
	.summary = "end a key, at once and for good",
	.text = "Ends a key at once and for good. To revoke it again changes "
	    "nothing.",
	.options = revoke_specs,
	.count = ARRAY_LEN(revoke_specs),
	.size = sizeof(struct revoke),
};

/* Who holds a leaked key holds all of it: "cbk_<id>_<secret>" will do. */
static const char *
id_of(struct arena *arena, const char *text)
{
	if (strncmp(text, "cbk_", 4) != 0)
		return text;
	return arena_strndup(arena, text + 4, strcspn(text + 4, "_"));
}

static int
revoke(struct ctl *ctl, int argc, char **argv)
{
	char at[INSTANT_TEXT_MAX];
	struct revoke options;
	struct admin *admin;
	int64_t revoked_us;
	const char *id;
	int status;
	enum err e;

	if (!ctl_options(ctl, &revoke_command, argc, argv, &options,
	    &status) || !ctl_admin(ctl, &admin, &status))
		return status;
	id = id_of(ctl->arena, options.id);
	e = key_revoke(admin, &ctl->sc, id, &revoked_us);
	if (e)
		return ctl_fail(ctl, e);
	printf("%s is revoked since %s\n", id,
	    instant_format(revoked_us - revoked_us % USEC_PER_SEC, at));
	return CTL_FINE;
}

int
cmd_apikey(struct ctl *ctl, int argc, char **argv)
{
	static const struct verb verbs[] = {
		{ &create_command, create },
		{ &list_command, list },
		{ &revoke_command, revoke },
	};

	return ctl_verb(ctl, "apikey", verbs, ARRAY_LEN(verbs), argc, argv);
}
