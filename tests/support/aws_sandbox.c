/* aws_sandbox.c: start and stop the sandbox's SQS and S3. */
#include "support/aws_sandbox.h"

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

	snprintf(script, sizeof script, "%s/sandbox/aws-sandbox",
	    top ? top : ".");
	setenv("AWS_SANDBOX_KEY_ID", AWS_SANDBOX_KEY_ID, 1);
	setenv("AWS_SANDBOX_SECRET", AWS_SANDBOX_SECRET, 1);
	unsetenv("AWS_SANDBOX_PUBLIC_URL");
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	dup2(out, STDOUT_FILENO);
	for (int fd = 3; fd < 64; fd++)
		close(fd);
	execlp("python3", "python3", script, "--listen", "127.0.0.1:0",
	    "--region", AWS_SANDBOX_REGION, "--queue", AWS_SANDBOX_FIFO,
	    "--queue", AWS_SANDBOX_STANDARD, "--bucket", AWS_SANDBOX_BUCKET,
	    (char *)NULL);
	_exit(127);
}

void
aws_sandbox_start(struct aws_sandbox *s)
{
	FILE *from;
	int out[2];

	*s = (struct aws_sandbox){ .pid = -1 };
	CU_ASSERT_EQUAL_FATAL(pipe(out), 0);
	s->pid = fork();
	CU_ASSERT_FATAL(s->pid >= 0);
	if (s->pid == 0)
		be_sandbox(out[1]);
	close(out[1]);
	from = fdopen(out[0], "r");
	CU_ASSERT_PTR_NOT_NULL_FATAL(from);
	CU_ASSERT_EQUAL_FATAL(fscanf(from, "aws-sandbox: listening on %63s",
	    s->url), 1);
	fclose(from);
}

void
aws_sandbox_stop(struct aws_sandbox *s)
{
	int status;

	kill(s->pid, SIGTERM);
	CU_ASSERT_EQUAL(waitpid(s->pid, &status, 0), s->pid);
	CU_ASSERT(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}
