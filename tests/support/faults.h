/*
 * faults.h: a server that misbehaves as its paths say (fault_server.py), for as
 * long as a test needs it.
 */
#ifndef TESTS_SUPPORT_FAULTS_H
#define TESTS_SUPPORT_FAULTS_H

#include <stdbool.h>
#include <sys/types.h>

struct faults {
	pid_t pid;
	int stdin_fd; /* closed: it ends */
	int port;
	int tls_port;   /* its certificate is good for 127.0.0.1 */
	int wrong_port; /* its certificate is for another name */
	char dir[64];
	char ca[96]; /* the authority of both certificates */
	char url[160];
};

/* The test fails when it cannot.  tls takes a moment: keys are made. */
void faults_start(struct faults *f, bool tls);
void faults_stop(struct faults *f);

/* "http://127.0.0.1:PORT" + path, valid until the next call. */
const char *faults_url(struct faults *f, const char *path);

#endif
