/*
 * stripe_sandbox.h: the sandbox's Stripe, running for as long as a test needs
 * it, on a port of its own.
 */
#ifndef TESTS_SUPPORT_STRIPE_SANDBOX_H
#define TESTS_SUPPORT_STRIPE_SANDBOX_H

#include <sys/types.h>

#define STRIPE_SANDBOX_KEY "sk_test_flow"
#define STRIPE_SANDBOX_SECRET "whsec_flow"

struct stripe_sandbox {
	pid_t pid;
	char url[64]; /* "http://127.0.0.1:PORT" */
};

void stripe_sandbox_start(struct stripe_sandbox *s); /* fails the test */
void stripe_sandbox_stop(struct stripe_sandbox *s);

#endif
