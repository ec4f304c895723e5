/* test_resolver.c: a name server is waited for two seconds, unless somebody says
 * otherwise. */
#include "base/resolver.h"

#include <arpa/nameser.h>
#include <resolv.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit/unit.h"

/* Timeout and tries, by tens, that glibc reads in a process of its own: it reads
 * once. */
static int
read_back(const char *options)
{
	struct __res_state state = { 0 };
	int status = -1;
	pid_t pid = fork();

	CU_ASSERT_FATAL(pid >= 0);
	if (pid == 0) {
		if (options ? setenv("RES_OPTIONS", options, 1) :
		    unsetenv("RES_OPTIONS"))
			_exit(99);
		resolver_hurry();
		if (res_ninit(&state) != 0)
			_exit(99);
		status = state.retrans * 10 + state.retry;
		res_nclose(&state);
		_exit(status);
	}
	CU_ASSERT_EQUAL(waitpid(pid, &status, 0), pid);
	CU_ASSERT(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void
test_a_name_server_is_waited_for_two_seconds(void)
{
	CU_ASSERT_EQUAL(read_back(NULL), 12);
}

static void
test_what_an_operator_says_about_it_stands(void)
{
	CU_ASSERT_EQUAL(read_back("timeout:3 attempts:4"), 34);
}

UNIT_SUITE(resolver,
    UNIT_TEST(test_a_name_server_is_waited_for_two_seconds),
    UNIT_TEST(test_what_an_operator_says_about_it_stands))
