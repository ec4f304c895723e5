/* stripe_sandbox.c: start and stop the sandbox's Stripe. */
#include "support/stripe_sandbox.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <CUnit/CUnit.h>

static void
be_sandbox(int out)
{
	const char *top = getenv("TOP_SRCDIR");
	char script[4096];

	snprintf(script, sizeof script, "%s/sandbox/stripe-sandbox",
	    top ? top : ".");
	setenv("STRIPE_SANDBOX_KEY", STRIPE_SANDBOX_KEY, 1);
	setenv("STRIPE_SANDBOX_WEBHOOK_SECRET", STRIPE_SANDBOX_SECRET, 1);
	unsetenv("STRIPE_SANDBOX_WEBHOOK_URL");
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	dup2(out, STDOUT_FILENO);
	for (int fd = 3; fd < 64; fd++)
		close(fd);
	execlp("python3", "python3", script, "--listen", "127.0.0.1:0",
	    (char *)NULL);
	_exit(127);
}

void
stripe_sandbox_start(struct stripe_sandbox *s)
{
	FILE *from;
	int out[2];

	*s = (struct stripe_sandbox){ .pid = -1 };
	CU_ASSERT_EQUAL_FATAL(pipe(out), 0);
	s->pid = fork();
	CU_ASSERT_FATAL(s->pid >= 0);
	if (s->pid == 0)
		be_sandbox(out[1]);
	close(out[1]);
	from = fdopen(out[0], "r");
	CU_ASSERT_PTR_NOT_NULL_FATAL(from);
	CU_ASSERT_EQUAL_FATAL(fscanf(from,
	    "stripe-sandbox: listening on %63s", s->url), 1);
	fclose(from);
}

void
stripe_sandbox_stop(struct stripe_sandbox *s)
{
	int status;

	kill(s->pid, SIGTERM);
	CU_ASSERT_EQUAL(waitpid(s->pid, &status, 0), s->pid);
	CU_ASSERT(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}
