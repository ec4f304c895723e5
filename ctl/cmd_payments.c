/* cmd_payments.c: bookingctl payments: its verbs, and the due work. */
#include <signal.h>
#include <stdio.h>
#include <time.h>

#include "app/app.h"
#include "app/due.h"
#include "app/payments.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/scope.h"
#include "ctl/ctl.h"
#include "ctl/options.h"
#include "ctl/payments_look.h"

#define BATCH 20
#define BATCH_MEMORY_MAX ((size_t)64 * 1024 * 1024)
#define IDLE_MS 250
#define BUDGET_US (60 * USEC_PER_SEC)

struct work_options {
	bool watch;
};

static const struct option_spec work_specs[] = {
	{ .name = "watch", .type = OPTION_FLAG,
	    .offset = offsetof(struct work_options, watch),
	    .help = "Go on until a signal ends it, instead of once." },
};

static const struct command work_command = {
	.name = "payments work",
	.summary = "do what is due about payments",
	.text = "Does what is due about payments: opens the Checkout Sessions "
	    "that Stripe could not open in time, sends refunds, reads what no "
	    "webhook has told, closes sessions nobody wants. Any number of "
	    "these may run at once; each row is worked on by one of them.",
	.options = work_specs,
	.count = ARRAY_LEN(work_specs),
	.size = sizeof(struct work_options),
};

static volatile sig_atomic_t stopping;

static void
on_stop(int signal)
{
	(void)signal;
	stopping = 1;
}

/* Idle a little; a signal ends the wait. */
static void
idle(void)
{
	struct timespec wait = { .tv_nsec = IDLE_MS * 1000000L };

	if (!stopping)
		nanosleep(&wait, NULL);
}

static enum err
work_on(struct app *app, struct ctl *ctl, bool watch, size_t *ret_total)
{
	size_t total = 0;
	enum err e = ERR_OK;

	do {
		struct due_turn turn = { .given_up = 0 };
		size_t done = 0;

		arena_reset(ctl->arena);
		scope_init(&ctl->sc, ctl->arena, BUDGET_US);
		e = payments_work(app, &ctl->sc, BATCH, &turn);
		for (size_t i = 0; i < DUE__MAX; i++)
			done += turn.counts[i];
		total += done;
		if (e && (!watch || e == ERR_PAYMENTS_UNAVAILABLE))
			break;
		if (e)
			fprintf(stderr, "bookingctl: %s\n", ctl->sc.why);
		if (done == 0 && !watch)
			break;
		if (done == 0)
			idle();
	} while (!stopping);
	*ret_total = total;
	return e;
}

static int
run_work(struct ctl *ctl, int argc, char **argv)
{
	struct sigaction action = { .sa_handler = on_stop };
	struct work_options options;
	struct app *app;
	/* Emptied for each batch; what the app is made of is not. */
	struct ctl batch = { .arena = arena_open(BATCH_MEMORY_MAX) };
	size_t total = 0;
	int status;
	enum err e;

	if (!ctl_options(ctl, &work_command, argc, argv, &options, &status) ||
	    !ctl_app(ctl, &app, &status)) {
		arena_close(batch.arena);
		return status;
	}
	if (!batch.arena) {
		fprintf(stderr, "bookingctl: there is no memory\n");
		return CTL_FAILED;
	}
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	e = work_on(app, &batch, options.watch, &total);
	status = e ? ctl_fail(&batch, e) : CTL_FINE;
	if (!e)
		printf("%zu row%s worked on\n", total, total == 1 ? "" : "s");
	arena_close(batch.arena);
	return status;
}

static const struct verb verbs[] = {
	{ &payments_list_command, payments_list },
	{ &payments_show_command, payments_show },
	{ &payments_retry_command, payments_retry },
	{ &payments_refund_command, payments_refund },
	{ &work_command, run_work },
};

int
cmd_payments(struct ctl *ctl, int argc, char **argv)
{
	return ctl_verb(ctl, "payments", verbs, ARRAY_LEN(verbs), argc, argv);
}
