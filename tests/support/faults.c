/* faults.c: start and stop the server that misbehaves. */
#include "support/faults.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <CUnit/CUnit.h>

static void
be_server(const struct faults *f, bool tls, int in, int out)
{
	const char *top = getenv("TOP_SRCDIR");
	char script[4096];

	snprintf(script, sizeof script, "%s/tests/support/fault_server.py",
	    top ? top : ".");
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	dup2(in, STDIN_FILENO);
	dup2(out, STDOUT_FILENO);
	for (int fd = 3; fd < 64; fd++)
		close(fd);
	execlp("python3", "python3", script, tls ? f->dir : (char *)NULL,
	    (char *)NULL);
	_exit(127);
}

static void
read_ports(struct faults *f, int fd)
{
	FILE *from = fdopen(fd, "r");

	CU_ASSERT_PTR_NOT_NULL_FATAL(from);
	CU_ASSERT_EQUAL_FATAL(fscanf(from, "%d %d %d", &f->port, &f->tls_port,
	    &f->wrong_port), 3);
	fclose(from);
}

void
faults_start(struct faults *f, bool tls)
{
	const char *tmp = getenv("TMPDIR");
	int in[2];
	int out[2];

	*f = (struct faults){ .pid = -1 };
	snprintf(f->dir, sizeof f->dir, "%s/faults-XXXXXX",
	    tmp && strlen(tmp) < 40 ? tmp : "/tmp");
	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(f->dir));
	snprintf(f->ca, sizeof f->ca, "%s/ca.pem", f->dir);
	CU_ASSERT_EQUAL_FATAL(pipe(in), 0);
	CU_ASSERT_EQUAL_FATAL(pipe(out), 0);

	f->pid = fork();
	CU_ASSERT_FATAL(f->pid >= 0);
	if (f->pid == 0)
		be_server(f, tls, in[0], out[1]);
	close(in[0]);
	close(out[1]);
	f->stdin_fd = in[1];
	read_ports(f, out[0]);
}

void
faults_stop(struct faults *f)
{
	static const char *const names[] = {
		"ca.pem", "ca.key", "ca.srl", "right.ext", "right.key",
		"right.csr", "right.pem", "wrong.ext", "wrong.key",
		"wrong.csr", "wrong.pem",
	};
	char path[128];
	int status;

	close(f->stdin_fd);
	CU_ASSERT_EQUAL(waitpid(f->pid, &status, 0), f->pid);
	CU_ASSERT(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		snprintf(path, sizeof path, "%s/%s", f->dir, names[i]);
		unlink(path);
	}
	CU_ASSERT_EQUAL(rmdir(f->dir), 0);
}

const char *
faults_url(struct faults *f, const char *path)
{
	snprintf(f->url, sizeof f->url, "http://127.0.0.1:%d%s", f->port,
	    path);
	return f->url;
}
