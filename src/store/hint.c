/* hint.c: hear at once that there is work. */
#include "store/hint.h"

#include <errno.h>
#include <fcntl.h>
#include <hiredis/hiredis.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "base/clock.h"
#include "base/compiler.h"
#include "base/instant.h"
#include "store/cache_url.h"

#define RETRY_US USEC_PER_SEC    /* between two tries to connect */
#define QUIET_US (5 * USEC_PER_SEC) /* nothing heard: is anybody there? */
#define PONG_US (2 * USEC_PER_SEC)
#define READ_MAX 4096
#define HINTS_MAX 1000 /* messages taken in one go */

struct hint {
	struct cache_url url;
	int64_t timeout_us;
	redisContext *context; /* NULL = not subscribed */
	int64_t retry_at_us;
	int64_t heard_us;
	int64_t asked_us; /* when a PING went out, 0 = none is */
};

static const struct {
	char letter;
	unsigned bit;
	const char *topic;
} letters[] = {
	{ 'e', HINT_EVENTS, "events" },
	{ 'p', HINT_PAYMENTS, "payments" },
	{ 'd', HINT_DOCUMENTS, "documents" },
	{ 'b', HINT_BOOKINGS, "bookings" },
};

const char *
hint_word(unsigned topics, char word[HINT_WORD_MAX])
{
	size_t len = 0;

	for (size_t i = 0; i < ARRAY_LEN(letters); i++) {
		if (topics & letters[i].bit)
			word[len++] = letters[i].letter;
	}
	word[len] = '\0';
	return word;
}

unsigned
hint_of(const char *topic)
{
	for (size_t i = 0; i < ARRAY_LEN(letters); i++) {
		if (strcmp(letters[i].topic, topic) == 0)
			return letters[i].bit;
	}
	return 0;
}

static unsigned
topics_of(const char *word)
{
	unsigned topics = 0;

	for (size_t i = 0; i < ARRAY_LEN(letters); i++) {
		if (strchr(word, letters[i].letter))
			topics |= letters[i].bit;
	}
	return topics;
}

struct hint *
hint_open(const char *url, int64_t timeout_ms)
{
	struct hint *h = calloc(1, sizeof *h);

	if (!h)
		return NULL;
	if (!cache_url_parse(url, &h->url)) {
		free(h);
		return NULL;
	}
	h->timeout_us = timeout_ms * 1000;
	return h;
}

static void
drop(struct hint *h)
{
	if (h->context)
		redisFree(h->context);
	h->context = NULL;
	h->asked_us = 0;
	h->retry_at_us = clock_mono_us() + RETRY_US;
}

void
hint_close(struct hint *h)
{
	if (!h)
		return;

	drop(h);
	free(h);
}

/* One command whose answer is no error.  hiredis writes as it does: whoever
 * listens ignores SIGPIPE. */
static bool
say(redisContext *context, int argc, const char **argv)
{
	redisReply *reply = redisCommandArgv(context, argc, argv, NULL);
	bool good = reply && reply->type != REDIS_REPLY_ERROR;

	if (reply)
		freeReplyObject(reply);
	return good;
}

static bool
subscribe(struct hint *h)
{
	const struct cache_url *url = &h->url;
	bool good = true;

	if (url->password[0] && url->user[0])
		good = say(h->context, 3, (const char *[]){ "AUTH", url->user,
		    url->password });
	else if (url->password[0])
		good = say(h->context, 2, (const char *[]){ "AUTH",
		    url->password });
	return good && say(h->context, 2, (const char *[]){ "SUBSCRIBE",
	    HINT_CHANNEL });
}

static void
connect_now(struct hint *h)
{
	struct timeval tv = { h->timeout_us / USEC_PER_SEC,
		h->timeout_us % USEC_PER_SEC };

	h->context = h->url.path[0] ?
	    redisConnectUnixWithTimeout(h->url.path, tv) :
	    redisConnectWithTimeout(h->url.host, h->url.port, tv);
	if (!h->context || h->context->err ||
	    fcntl(h->context->fd, F_SETFD, FD_CLOEXEC) != 0 ||
	    redisSetTimeout(h->context, tv) != REDIS_OK || !subscribe(h)) {
		drop(h);
		return;
	}
	h->heard_us = clock_mono_us();
	h->asked_us = 0;
}

/* A line that is cut without a word is silent for ever: ask. */
static void
look_after(struct hint *h, int64_t now)
{
	static const char ping[] = "PING\r\n";

	if (h->asked_us != 0) {
		if (now - h->asked_us > PONG_US)
			drop(h);
		return;
	}
	if (now - h->heard_us < QUIET_US)
		return;
	if (send(h->context->fd, ping, sizeof ping - 1,
	        MSG_DONTWAIT | MSG_NOSIGNAL) != (ssize_t)sizeof ping - 1) {
		drop(h);
		return;
	}
	h->asked_us = now;
}

int
hint_fd(struct hint *h)
{
	int64_t now = clock_mono_us();

	if (h->url.path[0] == '\0' && h->url.host[0] == '\0')
		return -1;
	if (h->context)
		look_after(h, now);
	else if (now >= h->retry_at_us)
		connect_now(h);
	return h->context ? h->context->fd : -1;
}

/* "message", channel, word: else it is a pong or no matter. */
static unsigned
topics_told(const redisReply *reply)
{
	if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 3 ||
	    reply->element[0]->type != REDIS_REPLY_STRING ||
	    strcmp(reply->element[0]->str, "message") != 0 ||
	    reply->element[2]->type != REDIS_REPLY_STRING)
		return 0;
	return topics_of(reply->element[2]->str);
}

/* What arrived, into the reader; false: the line is no more. */
static bool
fill(struct hint *h)
{
	char text[READ_MAX];
	ssize_t n;

	do {
		n = recv(h->context->fd, text, sizeof text, MSG_DONTWAIT);
		if (n > 0 && redisReaderFeed(h->context->reader, text,
		    (size_t)n) != REDIS_OK)
			return false;
	} while (n == (ssize_t)sizeof text || (n < 0 && errno == EINTR));
	return n > 0 || (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK));
}

bool
hint_read(struct hint *h, unsigned topics)
{
	unsigned told = 0;

	if (!h->context)
		return false;
	if (!fill(h)) {
		drop(h);
		return false;
	}
	h->heard_us = clock_mono_us();
	h->asked_us = 0;
	for (int i = 0; i < HINTS_MAX; i++) {
		void *reply = NULL;

		if (redisReaderGetReply(h->context->reader, &reply) !=
		    REDIS_OK) {
			drop(h);
			break;
		}
		if (!reply)
			break;
		told |= topics_told(reply);
		freeReplyObject(reply);
	}
	return (told & topics) != 0;
}
