/*
 * redis_line.c: one connection to Redis: its time limits, its pipelining and
 * its breaker.
 */
#include "store/redis_line.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/compiler.h"
#include "base/instant.h"
#include "base/scope.h"
#include "store/cache_url.h"

#define PAUSE_MIN_US USEC_PER_SEC /* leave a failed Redis alone: first */
#define PAUSE_MAX_US (5 * USEC_PER_SEC) /* and at most */
#define GET_MAX 64 /* bytes of the command that asks for the run key */

struct redis_line {
	struct cache_url url;
	int64_t timeout_us;
	const char *run_key;   /* borrowed */
	redisContext *context; /* NULL = not connected */
	int64_t armed_us; /* the socket's time limit as it is set now */
	char run[REDIS_LINE_RUN_LEN + 1]; /* who is there; "" = untold */
	bool strange; /* it is not who stored what is there */
	bool bold;    /* and that does not matter now */
	/* the breaker */
	int64_t pause_us; /* 0 = the last call went well */
	int64_t retry_at_us;
	int64_t burnt_deadline_us; /* deadline and request id of the request */
	const char *burnt_id;      /* that met the failure */
};

enum outcome {
	LINE_DONE,
	LINE_CLOSED, /* the other end hung up */
	LINE_FAILED, /* late, refused, or not the protocol */
	LINE_STRANGE, /* connected, but nothing it holds can be believed */
	LINE_FLOODED  /* a reply above the bound: its key's fault */
};

struct wire {
	char *data; /* hiredis owns the allocator: redisFreeCommand */
	size_t len;
};

static bool
words_wire(const struct redis_words *w, struct wire *ret_wire)
{
	char *data = NULL;
	int len = redisFormatCommandArgv(&data, (int)w->count,
	    (const char **)w->text, w->len);

	if (len < 0)
		return false;

	*ret_wire = (struct wire){ data, (size_t)len };
	return true;
}

/* ---- the line: one connection -----------------------------------------*/

static void
line_drop(struct redis_line *line)
{
	if (line->context)
		redisFree(line->context);
	line->context = NULL;
	line->armed_us = 0;
}

/*
 * Give the socket the time that is left.  A difference that does not matter is
 * not worth the system call: the usual request makes none.
 */
static bool
line_arm(struct redis_line *line, int64_t until_us)
{
	int64_t left = until_us - clock_mono_us();
	int64_t slack = line->timeout_us / 8;
	struct timeval tv;

	if (left <= 0)
		return false;
	if (line->armed_us > 0 && left > line->armed_us - slack &&
	    left < line->armed_us + slack)
		return true;

	tv.tv_sec = left / USEC_PER_SEC;
	tv.tv_usec = left % USEC_PER_SEC;
	if (redisSetTimeout(line->context, tv) != REDIS_OK)
		return false;
	line->armed_us = left;

	return true;
}

static enum outcome
outcome_errno(int error)
{
	return error == EPIPE || error == ECONNRESET ? LINE_CLOSED : LINE_FAILED;
}

/* hiredis would use write, and a peer that is gone would raise SIGPIPE. */
static enum outcome
line_send(struct redis_line *line, const struct wire *wire, int64_t until_us)
{
	size_t sent = 0;

	while (sent < wire->len) {
		ssize_t n;

		if (!line_arm(line, until_us))
			return LINE_FAILED;
		n = send(line->context->fd, wire->data + sent, wire->len - sent,
		    MSG_NOSIGNAL);
		if (n < 0 && errno != EINTR)
			return outcome_errno(errno);
		if (n > 0)
			sent += (size_t)n;
	}

	return LINE_DONE;
}

static enum outcome
line_read(struct redis_line *line, int64_t until_us, redisReply **ret_reply)
{
	const redisReader *reader = line->context->reader;
	void *reply = NULL;

	for (;;) {
		if (redisGetReplyFromReader(line->context, &reply) != REDIS_OK)
			return LINE_FAILED;
		if (reply)
			break;
		if (reader->len - reader->pos > REDIS_LINE_REPLY_MAX)
			return LINE_FLOODED;
		if (!line_arm(line, until_us))
			return LINE_FAILED;
		errno = 0;
		if (redisBufferRead(line->context) != REDIS_OK)
			return line->context->err == REDIS_ERR_EOF ? LINE_CLOSED
			                                     : outcome_errno(errno);
	}

	*ret_reply = reply;
	return LINE_DONE;
}

/* Send all, then read one reply for each; all are freed unless DONE. */
static enum outcome
line_exchange(struct redis_line *line, const struct wire *wires, size_t count,
    int64_t until_us, redisReply **ret_replies)
{
	enum outcome o = LINE_DONE;
	size_t got = 0;

	for (size_t i = 0; i < count && o == LINE_DONE; i++)
		o = line_send(line, &wires[i], until_us);
	while (got < count && o == LINE_DONE) {
		o = line_read(line, until_us, &ret_replies[got]);
		if (o == LINE_DONE)
			got++;
	}
	if (o != LINE_DONE) {
		while (got > 0)
			freeReplyObject(ret_replies[--got]);
	}

	return o;
}

/* One command whose answer must be OK. */
static enum outcome
line_say(struct redis_line *line, const char *const *text, size_t count,
    int64_t until_us)
{
	struct redis_words_room room;
	struct redis_words w = redis_words_in(&room);
	struct wire wire;
	redisReply *reply;
	enum outcome o;

	for (size_t i = 0; i < count; i++)
		redis_words_put(&w, text[i]);
	if (!words_wire(&w, &wire))
		return LINE_FAILED;
	o = line_exchange(line, &wire, 1, until_us, &reply);
	redisFreeCommand(wire.data);
	if (o != LINE_DONE)
		return o;

	o = reply->type == REDIS_REPLY_STATUS ? LINE_DONE : LINE_FAILED;
	freeReplyObject(reply);
	return o;
}

static enum outcome
line_greet(struct redis_line *line, int64_t until_us)
{
	const struct cache_url *url = &line->url;
	enum outcome o = LINE_DONE;
	char db[16];

	if (url->password[0] && url->user[0])
		o = line_say(line, (const char *const[]){ "AUTH", url->user,
		    url->password }, 3, until_us);
	else if (url->password[0])
		o = line_say(line, (const char *const[]){ "AUTH",
		    url->password }, 2, until_us);
	if (o == LINE_DONE && url->db != 0) {
		snprintf(db, sizeof db, "%d", url->db);
		o = line_say(line, (const char *const[]){ "SELECT", db }, 2,
		    until_us);
	}

	return o;
}

/*
 * Who is it?  Where INFO is not allowed nobody can say, and it is believed;
 * where GET fails (it is still loading, say) it is not.
 */
static enum outcome
line_meet(struct redis_line *line, int64_t until_us)
{
	static const char info[] = "INFO server\r\n";
	char get[GET_MAX];
	int len = snprintf(get, sizeof get, "GET %s\r\n", line->run_key);
	const struct wire wires[] = {
		{ (char *)info, sizeof info - 1 },
		{ get, (size_t)len },
	};
	redisReply *replies[2];
	const char *id = NULL;
	enum outcome o;

	line->run[0] = '\0';
	line->strange = false;
	o = line_exchange(line, wires, 2, until_us, replies);
	if (o != LINE_DONE)
		return o;

	if (replies[0]->type == REDIS_REPLY_STRING)
		id = strstr(replies[0]->str, "\nrun_id:");
	if (id && strspn(id + 8, "0123456789abcdef") == REDIS_LINE_RUN_LEN) {
		memcpy(line->run, id + 8, REDIS_LINE_RUN_LEN);
		line->run[REDIS_LINE_RUN_LEN] = '\0';
		line->strange = replies[1]->type != REDIS_REPLY_STRING ||
		    strcmp(replies[1]->str, line->run) != 0;
	}
	freeReplyObject(replies[0]);
	freeReplyObject(replies[1]);

	return LINE_DONE;
}

static enum outcome
line_connect(struct redis_line *line, int64_t until_us)
{
	int64_t left = until_us - clock_mono_us();
	struct timeval tv = { left / USEC_PER_SEC, left % USEC_PER_SEC };
	enum outcome o;

	if (left <= 0)
		return LINE_FAILED;
	line->armed_us = 0;
	line->context = line->url.path[0]
	    ? redisConnectUnixWithTimeout(line->url.path, tv)
	    : redisConnectWithTimeout(line->url.host, line->url.port, tv);
	if (!line->context || line->context->err) {
		line_drop(line);
		return LINE_FAILED;
	}
	fcntl(line->context->fd, F_SETFD, FD_CLOEXEC);

	o = line_greet(line, until_us);
	if (o == LINE_DONE)
		o = line_meet(line, until_us);
	if (o != LINE_DONE)
		line_drop(line);
	return o;
}

/* ---- the breaker ------------------------------------------------------*/

/* Is it worth a try?  A request that waited for a dead Redis once does not do
 * so again, however long it lives. */
static bool
line_worth(const struct redis_line *line, const struct scope *sc,
    int64_t now_us)
{
	if (line->url.host[0] == '\0' && line->url.path[0] == '\0')
		return false;
	if (line->pause_us == 0)
		return true;
	if (line->burnt_id == sc->request_id &&
	    line->burnt_deadline_us == sc->deadline_us)
		return false;

	return now_us >= line->retry_at_us;
}

static void
line_burn(struct redis_line *line, const struct scope *sc)
{
	line->pause_us = line->pause_us == 0 ? PAUSE_MIN_US
	                                     : line->pause_us * 2;
	if (line->pause_us > PAUSE_MAX_US)
		line->pause_us = PAUSE_MAX_US;
	line->retry_at_us = clock_mono_us() + line->pause_us;
	line->burnt_id = sc->request_id;
	line->burnt_deadline_us = sc->deadline_us;
}

/*
 * One round trip; true when every reply is there (of no command: when there is
 * a line).  A connection that was kept may have been closed since (a restart,
 * an idle limit): that is no sign of a dead Redis and worth one fresh
 * connection.
 */
static bool
line_ask(struct redis_line *line, struct scope *sc, const struct wire *wires,
    size_t count, redisReply **ret_replies)
{
	int64_t start = clock_mono_us();
	int64_t left = scope_left_us(sc);
	bool hurried = left < line->timeout_us;
	int64_t until = start + (hurried ? left : line->timeout_us);
	enum outcome o = LINE_FAILED;

	if (left <= 0 || !line_worth(line, sc, start))
		return false;

	for (int tries = 0; tries < 2; tries++) {
		bool kept = line->context != NULL;

		o = kept ? LINE_DONE : line_connect(line, until);
		if (o == LINE_DONE && line->strange && !line->bold)
			o = LINE_STRANGE;
		if (o == LINE_DONE)
			o = line_exchange(line, wires, count, until,
			    ret_replies);
		if (o != LINE_DONE && o != LINE_STRANGE)
			line_drop(line);
		if (o != LINE_CLOSED || !kept)
			break;
	}
	sc->redis_us += clock_mono_us() - start;
	if (count > 0 && o != LINE_STRANGE)
		sc->redis_trips++;

	if (o == LINE_DONE || o == LINE_STRANGE)
		line->pause_us = 0;
	else if (o != LINE_FLOODED && !(hurried && clock_mono_us() >= until))
		line_burn(line, sc);

	return o == LINE_DONE;
}

/* ---- replies ----------------------------------------------------------*/

static struct redis_line_reply
reply_of(redisReply *raw)
{
	static const enum redis_line_kind kinds[] = {
		[REDIS_REPLY_NIL] = REDIS_LINE_NIL,
		[REDIS_REPLY_STRING] = REDIS_LINE_TEXT,
		[REDIS_REPLY_STATUS] = REDIS_LINE_STATUS,
		[REDIS_REPLY_ERROR] = REDIS_LINE_ERROR,
		[REDIS_REPLY_INTEGER] = REDIS_LINE_NUMBER,
		[REDIS_REPLY_ARRAY] = REDIS_LINE_LIST,
	};
	size_t type = (size_t)raw->type;
	enum redis_line_kind kind = type < ARRAY_LEN(kinds) ? kinds[type]
	                                                    : REDIS_LINE_NONE;

	return (struct redis_line_reply){
		.kind = kind == REDIS_LINE_NONE ? REDIS_LINE_OTHER : kind,
		.text = raw->str,
		.len = raw->len,
		.number = raw->integer,
		.count = raw->elements,
		.raw = raw,
	};
}

struct redis_line_reply
redis_line_item(const struct redis_line_reply *list, size_t i)
{
	const redisReply *raw = list->raw;

	assert(list->kind == REDIS_LINE_LIST && i < list->count);

	return reply_of(raw->element[i]);
}

void
redis_line_reply_free(struct redis_line_reply *reply)
{
	if (reply->kind != REDIS_LINE_NONE)
		freeReplyObject(reply->raw);
	*reply = (struct redis_line_reply){ .kind = REDIS_LINE_NONE };
}

/* ---- the exported calls -----------------------------------------------*/

struct redis_line *
redis_line_new(const struct cache_url *url, int64_t timeout_us,
    const char *run_key)
{
	struct redis_line *line = calloc(1, sizeof *line);

	assert(strlen(run_key) + sizeof "GET \r\n" <= GET_MAX);

	if (!line)
		return NULL;
	line->url = *url;
	line->timeout_us = timeout_us;
	line->run_key = run_key;

	return line;
}

void
redis_line_free(struct redis_line *line)
{
	if (!line)
		return;

	line_drop(line);
	free(line);
}

bool
redis_line_exchange(struct redis_line *line, struct scope *sc,
    const struct redis_words *commands, size_t count,
    struct redis_line_reply *ret_replies)
{
	struct wire wires[REDIS_LINE_PIPE_MAX];
	redisReply *raw[REDIS_LINE_PIPE_MAX] = { NULL };
	size_t made = 0;
	bool done;

	assert(count >= 1 && count <= REDIS_LINE_PIPE_MAX);

	while (made < count && words_wire(&commands[made], &wires[made]))
		made++;
	done = made == count && line_ask(line, sc, wires, count, raw);
	while (made > 0)
		redisFreeCommand(wires[--made].data);
	if (!done)
		return false;

	for (size_t i = 0; i < count; i++)
		ret_replies[i] = reply_of(raw[i]);
	return true;
}

bool
redis_line_ask(struct redis_line *line, struct scope *sc,
    const struct redis_words *command, struct redis_line_reply *ret_reply)
{
	struct redis_line_reply reply;

	if (!redis_line_exchange(line, sc, command, 1, &reply))
		return false;
	if (reply.kind == REDIS_LINE_ERROR) {
		redis_line_reply_free(&reply);
		return false;
	}

	*ret_reply = reply;
	return true;
}

void
redis_line_open(struct redis_line *line, struct scope *sc)
{
	line->bold = true;
	line_ask(line, sc, NULL, 0, NULL);
	line->bold = false;
}

enum redis_line_state
redis_line_state(const struct redis_line *line)
{
	if (!line->context)
		return REDIS_LINE_DOWN;
	return line->strange ? REDIS_LINE_STRANGE : REDIS_LINE_TRUSTED;
}

const char *
redis_line_run(const struct redis_line *line)
{
	return line->run;
}

void
redis_line_believe(struct redis_line *line)
{
	line->strange = false;
}

void
redis_line_dare(struct redis_line *line, bool dare)
{
	line->bold = dare;
}
