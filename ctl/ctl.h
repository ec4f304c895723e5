/*
 * ctl.h: what every command of bookingctl begins and ends with.
 *
 * A command is a function of the words behind its name; it prints its answer
 * on standard output, its complaints on standard error, and returns the exit
 * status of the program.
 */
#ifndef CTL_CTL_H
#define CTL_CTL_H

#include <stdbool.h>
#include <stddef.h>
#include <sysexits.h>

#include "base/err.h"
#include "base/scope.h"

struct admin;
struct app;
struct arena;
struct buf;
struct command;
struct settings;

enum {
	CTL_FINE = 0,
	CTL_FAILED = 1, /* refused, failed, or a difference was found */
	CTL_USAGE = 2,
	CTL_UNAVAILABLE = EX_UNAVAILABLE, /* 69: Postgres, Redis or Stripe is away */
	CTL_CONFIG = EX_CONFIG            /* 78: a setting is bad */
};

#define CTL_OUTPUT_MAX (16 * 1024 * 1024)

struct ctl {
	struct arena *arena;
	struct scope sc;
};

/* Read the words by the command's table.  false: *ret_status is the answer
 * (help was printed, or a complaint). */
bool ctl_options(struct ctl *ctl, const struct command *command, int argc,
    char **argv, void *values, int *ret_status);

/* The verb of a noun ("add" of "franchise add"). */
struct verb {
	const struct command *command; /* its name is "noun verb" */
	int (*run)(struct ctl *ctl, int argc, char **argv);
};

/* Run the verb that argv[0] names, or print the list of them. */
int ctl_verb(struct ctl *ctl, const char *noun, const struct verb *verbs,
    size_t count, int argc, char **argv);

/* The settings, of which none is required; NULL after a complaint. */
const struct settings *ctl_settings(struct ctl *ctl);

/* The owner's connection, made of the settings; false after a complaint. */
bool ctl_admin(struct ctl *ctl, struct admin **ret_admin, int *ret_status);

/*
 * The app as the services build it, but with the owner's connection and an
 * administrator's patience, for what speaks to Stripe or changes money; false
 * after a complaint.  Closed with the arena.
 */
bool ctl_app(struct ctl *ctl, struct app **ret_app, int *ret_status);

/* Complain and give the exit status that suits. */
int ctl_fail(const struct ctl *ctl, enum err e);
int ctl_usage(const char *command, const char *why);

/* Print what was put together. */
int ctl_print(const struct buf *out);

int cmd_apikey(struct ctl *ctl, int argc, char **argv);
int cmd_booking(struct ctl *ctl, int argc, char **argv);
int cmd_config(struct ctl *ctl, int argc, char **argv);
int cmd_doctor(struct ctl *ctl, int argc, char **argv);
int cmd_franchise(struct ctl *ctl, int argc, char **argv);
int cmd_migrate(struct ctl *ctl, int argc, char **argv);
int cmd_outbox(struct ctl *ctl, int argc, char **argv);
int cmd_payments(struct ctl *ctl, int argc, char **argv);
int cmd_reconcile(struct ctl *ctl, int argc, char **argv);
int cmd_token(struct ctl *ctl, int argc, char **argv);
int cmd_verify(struct ctl *ctl, int argc, char **argv);

#endif
