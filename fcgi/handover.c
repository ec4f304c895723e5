/* handover.c: what a supervisor leaves to the image that replaces it. */
#include "fcgi/handover.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#define NAME "BOOKING_HANDOVER"
#define WORKER_TEXT_MAX 24
#define TEXT_MAX (64 + SHM_WORKERS_MAX * WORKER_TEXT_MAX)

bool
handover_leave(const struct handover *handover)
{
	const struct listener *l = &handover->listener;
	char text[TEXT_MAX];
	int used = snprintf(text, sizeof text, "listener:%d:%d:%" PRIu64, l->fd,
	    l->own, l->inode);

	for (size_t i = 0; i < handover->count; i++) {
		const struct handover_worker *w = &handover->workers[i];

		used += snprintf(text + used, sizeof text - (size_t)used,
		    ",%s%zu:%d", w->leaving ? "!" : "", w->slot, (int)w->pid);
	}
	return setenv(NAME, text, 1) == 0;
}

void
handover_forget(void)
{
	(void)unsetenv(NAME);
}

/* True when it is a child that still runs; one that ended is reaped here. */
static bool
is_child(pid_t pid)
{
	return waitpid(pid, NULL, WNOHANG) == 0;
}

static bool
take_worker(struct handover *handover, const char *text)
{
	struct handover_worker w = {.leaving = *text == '!'};
	int pid;
	int end = 0;

	if (w.leaving)
		text++;
	if (sscanf(text, "%zu:%d%n", &w.slot, &pid, &end) != 2 ||
	    text[end] != '\0' || w.slot >= SHM_WORKERS_MAX || pid <= 1)
		return false;

	w.pid = (pid_t)pid;
	if (is_child(w.pid) && handover->count < SHM_WORKERS_MAX)
		handover->workers[handover->count++] = w;
	return true;
}

static bool
take_listener(struct listener *l, const char *text)
{
	int own;
	int end = 0;

	if (sscanf(text, "listener:%d:%d:%" SCNu64 "%n", &l->fd, &own,
		&l->inode, &end) != 3 ||
	    text[end] != '\0' || l->fd <= 2)
		return false;

	l->own = own == 1;
	return true;
}

bool
handover_take(struct handover *ret_handover)
{
	const char *told = getenv(NAME);
	char text[TEXT_MAX];
	char *rest = text;
	char *word;
	bool ok;

	if (!told)
		return false;
	(void)snprintf(text, sizeof text, "%s", told);
	handover_forget();

	*ret_handover = (struct handover){0};
	word = strsep(&rest, ",");
	ok = take_listener(&ret_handover->listener, word);
	while (ok && (word = strsep(&rest, ",")) != NULL)
		ok = take_worker(ret_handover, word);
	return ok;
}
