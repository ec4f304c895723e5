/* cmd_booking.c: bookingctl booking revoke-qr. */
#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <unistd.h>

#include "app/ticket_admin.h"
#include "base/arena.h"
#include "base/uuid.h"
#include "ctl/ctl.h"
#include "ctl/options.h"

struct revoke {
	struct uuid booking;
	const char *by;
};

static const struct option_spec revoke_specs[] = {
	{ .name = "BOOKING", .type = OPTION_UUID, .required = true,
	    .offset = offsetof(struct revoke, booking),
	    .help = "The booking's id." },
	{ .name = "by", .type = OPTION_TEXT, .min = 1, .max = 100,
	    .offset = offsetof(struct revoke, by), .metavar = "NAME",
	    .help = "Who does it, for the record; the login name when left "
	    "out." },
};

static const struct command revoke_command = {
	.name = "booking revoke-qr",
	.summary = "make every QR code shown until now worthless",
	.text = "Revokes the QR code of a booking: whatever was shown, sent or "
	    "printed until now is refused at the desk, and the customer gets a "
	    "new code when the booking is opened again. Who did it and when is "
	    "kept in bookings.qr_revocations. A stored picture is made anew.",
	.options = revoke_specs,
	.count = ARRAY_LEN(revoke_specs),
	.size = sizeof(struct revoke),
};

/* The name of whoever runs this, or at least the number. */
static const char *
login_name(struct arena *arena)
{
	const struct passwd *who = getpwuid(getuid());

	if (who && who->pw_name)
		return arena_strdup(arena, who->pw_name);
	return arena_printf(arena, "uid %u", (unsigned)getuid());
}

static int
revoke_qr(struct ctl *ctl, int argc, char **argv)
{
	char id[UUID_TEXT_MAX];
	struct revoke options;
	struct admin *admin;
	int64_t version;
	int status;
	enum err e;

	if (!ctl_options(ctl, &revoke_command, argc, argv, &options,
	    &status) || !ctl_admin(ctl, &admin, &status))
		return status;
	e = ticket_revoke(admin, &ctl->sc, &options.booking,
	    options.by ? options.by : login_name(ctl->arena), &version);
	if (e)
		return ctl_fail(ctl, e);
	printf("%s: QR codes up to number %" PRId64 " are revoked\n",
	    uuid_format(&options.booking, id), version - 1);
	return CTL_FINE;
}

int
cmd_booking(struct ctl *ctl, int argc, char **argv)
{
	static const struct verb verbs[] = {
		{ &revoke_command, revoke_qr },
	};

	return ctl_verb(ctl, "booking", verbs, ARRAY_LEN(verbs), argc, argv);
}
