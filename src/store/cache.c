/*
 * cache.c: Redis in front of Postgres.
 *
 * Three parts, bottom up: the line (one connection, its time limits and its
 * breaker), the keys and scripts, and the rules (fill, change, mend).
 *
 * Beside the values stand two kinds of keys of our own:
 *	epoch:{franchise}[:{date}]  a random text; replaced by every change
 *	claim:{value key}           who is filling that value now
 *	cache:run                   the run_id of the Redis that is trusted
 * A value of a date lives under both epochs, so that a change of the franchise
 * itself refuses every late fill without naming the dates.
 *
 * A Redis that was restored from its disk, or a replica that took over, holds
 * values and epochs whose deletion it never saw.  Its run_id is then not the
 * one it stores, and all of ours is deleted before anything is believed.
 */
#include "store/cache.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <hiredis/hiredis.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/compiler.h"
#include "base/instant.h"
#include "base/rng.h"
#include "base/scope.h"
#include "base/shm.h"
#include "store/cache_url.h"

#define VALUE_MAX (1024 * 1024) /* bytes of one value, ours or not */
#define REPLY_MAX (VALUE_MAX + 64 * 1024) /* unread bytes in the reader */
#define KEY_MAX 80
#define WORDS_MAX 128 /* of one script call */

#define PAUSE_MIN_US USEC_PER_SEC /* leave a failed Redis alone: first */
#define PAUSE_MAX_US (5 * USEC_PER_SEC) /* and at most */

#define EPOCH_LEN 11  /* 66 random bits */
#define EPOCH_PX "600000" /* longer than any lease: a fill that finds another
                             epoch, or none, is refused */
#define TOKEN_LEN 22
#define CLAIM_PX "2000" /* a dead claimant is forgotten after this */
#define CLAIM_WAIT_US 150000 /* wait for another's fill, at most */
#define CLAIM_NAP_MIN_US 2000
#define CLAIM_NAP_MAX_US 10000

#define BATCH_DAYS 32 /* days forgotten in one script call */
#define MEND_MARKS_MAX BATCH_DAYS
#define MEND_EVERY_US 100000
#define MEND_AGE_US (3 * USEC_PER_SEC)
#define SWEEP_COUNT "2000" /* keys looked at per step */
#define SWEEP_MAX_US (2 * USEC_PER_SEC)
#define SWEEP_WORDS 8

#define RUN_KEY "cache:run"
#define RUN_LEN 40

#define HINT_CHANNEL "booking:outbox" /* what the relay listens to */

static const char alphabet[] =
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_";

/* The seed's keys and lifetimes, in the order of enum cache_kind. */
static const struct {
	const char *prefix;
	bool dated;
	int64_t ttl_s;
} kinds[CACHE__MAX] = {
	{ "availability:", true, 300 },
	{ "capacity:", true, 300 },
	{ "pricing:", false, 3600 },
	{ "franchise:", false, 86400 },
};

enum script {
	SCRIPT_CLAIM,
	SCRIPT_FILL,
	SCRIPT_FORGET,
	SCRIPT_SWEEP,
	SCRIPT__MAX
};

static const char *const scripts[SCRIPT__MAX] = {
	/* KEYS value, claim, epochs; ARGV token, px of claim and epoch, epochs
	 * to begin with.  Our own token counts as won: the first answer may
	 * have been lost with its connection. */
	[SCRIPT_CLAIM] =
	    "local v = redis.call('GET', KEYS[1])\n"
	    "if v then return {1, v} end\n"
	    "if not redis.call('SET', KEYS[2], ARGV[1], 'NX', 'PX', ARGV[2])\n"
	    "and redis.call('GET', KEYS[2]) ~= ARGV[1] then return {0} end\n"
	    "local r = {2}\n"
	    "for i = 3, #KEYS do\n"
	    "  local e = redis.call('GET', KEYS[i])\n"
	    "  if not e then\n"
	    "    e = ARGV[i + 1]\n"
	    "    redis.call('SET', KEYS[i], e, 'PX', ARGV[3])\n"
	    "  end\n"
	    "  r[#r + 1] = e\n"
	    "end\n"
	    "return r\n",
	/* KEYS value, claim, epochs; ARGV token, px, value, epochs expected. */
	[SCRIPT_FILL] =
	    "local good = ARGV[2] ~= '0'\n"
	    "for i = 3, #KEYS do\n"
	    "  if redis.call('GET', KEYS[i]) ~= ARGV[i + 1] then\n"
	    "    good = false\n"
	    "  end\n"
	    "end\n"
	    "if good then\n"
	    "  redis.call('SET', KEYS[1], ARGV[3], 'PX', ARGV[2])\n"
	    "end\n"
	    "if redis.call('GET', KEYS[2]) == ARGV[1] then\n"
	    "  redis.call('DEL', KEYS[2])\n"
	    "end\n"
	    "return good and 1 or 0\n",
	/* KEYS epochs, then values; ARGV epoch, px, number of epochs. */
	[SCRIPT_FORGET] =
	    "for i, k in ipairs(KEYS) do\n"
	    "  if i <= tonumber(ARGV[3]) then\n"
	    "    redis.call('SET', k, ARGV[1], 'PX', ARGV[2])\n"
	    "  else\n"
	    "    redis.call('DEL', k)\n"
	    "  end\n"
	    "end\n"
	    "redis.call('PUBLISH', '" HINT_CHANNEL "', '1')\n"
	    "return 1\n",
	/* ARGV cursor, count, prefixes. */
	[SCRIPT_SWEEP] =
	    "local r = redis.call('SCAN', ARGV[1], 'COUNT', ARGV[2])\n"
	    "for _, k in ipairs(r[2]) do\n"
	    "  for i = 3, #ARGV do\n"
	    "    if string.sub(k, 1, #ARGV[i]) == ARGV[i] then\n"
	    "      redis.call('UNLINK', k)\n"
	    "      break\n"
	    "    end\n"
	    "  end\n"
	    "end\n"
	    "return r[1]\n",
};

struct cache {
	struct cache_url url;
	int64_t timeout_us;
	struct shm *shm; /* borrowed, may be NULL */
	redisContext *line; /* NULL = not connected */
	int64_t armed_us; /* the socket's time limit as it is set now */
	char run[RUN_LEN + 1]; /* who is at the other end; "" = untold */
	bool strange; /* it is not who stored what is there */
	bool bold; /* this call does not mind */
	/* the breaker */
	int64_t pause_us; /* 0 = the last call went well */
	int64_t retry_at_us;
	int64_t burnt_deadline_us; /* deadline and request id of the request */
	const char *burnt_id;      /* that met the failure */
	int64_t meet_at_us; /* not before then: acquaint, mend */
	int64_t mend_at_us;
	bool owes; /* a deletion of ours failed, its marks were left */
	char sha[SCRIPT__MAX][41]; /* learnt from Redis; "" = not yet */
};

enum outcome {
	LINE_DONE,
	LINE_CLOSED, /* the other end hung up */
	LINE_FAILED, /* late, refused, or not the protocol */
	LINE_STRANGE, /* connected, but nothing it holds can be believed */
	LINE_FLOODED  /* an answer above REPLY_MAX: the key's fault */
};

/* ---- words: one command -----------------------------------------------*/

struct words {
	const char **text;
	size_t *len;
	size_t count;
	size_t max;
};

/* The usual room for words; cache_get_many has its own. */
struct room {
	const char *text[WORDS_MAX];
	size_t len[WORDS_MAX];
};

static struct words
words_in(struct room *room)
{
	return (struct words){ room->text, room->len, 0, WORDS_MAX };
}

static void
words_add(struct words *w, const char *text, size_t len)
{
	assert(w->count < w->max);

	w->text[w->count] = text;
	w->len[w->count] = len;
	w->count++;
}

static void
words_put(struct words *w, const char *text)
{
	words_add(w, text, strlen(text));
}

struct wire {
	char *data; /* hiredis owns the allocator: redisFreeCommand */
	size_t len;
};

static bool
words_wire(const struct words *w, struct wire *ret_wire)
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
line_drop(struct cache *c)
{
	if (c->line)
		redisFree(c->line);
	c->line = NULL;
	c->armed_us = 0;
}

/*
 * Give the socket the time that is left.  A difference that does not matter is
 * not worth the system call: the usual request makes none.
 */
static bool
line_arm(struct cache *c, int64_t until_us)
{
	int64_t left = until_us - clock_mono_us();
	int64_t slack = c->timeout_us / 8;
	struct timeval tv;

	if (left <= 0)
		return false;
	if (c->armed_us > 0 && left > c->armed_us - slack &&
	    left < c->armed_us + slack)
		return true;

	tv.tv_sec = left / USEC_PER_SEC;
	tv.tv_usec = left % USEC_PER_SEC;
	if (redisSetTimeout(c->line, tv) != REDIS_OK)
		return false;
	c->armed_us = left;

	return true;
}

static enum outcome
outcome_errno(int error)
{
	return error == EPIPE || error == ECONNRESET ? LINE_CLOSED : LINE_FAILED;
}

/* hiredis would use write, and a peer that is gone would raise SIGPIPE. */
static enum outcome
line_send(struct cache *c, const struct wire *wire, int64_t until_us)
{
	size_t sent = 0;

	while (sent < wire->len) {
		ssize_t n;

		if (!line_arm(c, until_us))
			return LINE_FAILED;
		n = send(c->line->fd, wire->data + sent, wire->len - sent,
		    MSG_NOSIGNAL);
		if (n < 0 && errno != EINTR)
			return outcome_errno(errno);
		if (n > 0)
			sent += (size_t)n;
	}

	return LINE_DONE;
}

static enum outcome
line_read(struct cache *c, int64_t until_us, redisReply **ret_reply)
{
	const redisReader *reader = c->line->reader;
	void *reply = NULL;

	for (;;) {
		if (redisGetReplyFromReader(c->line, &reply) != REDIS_OK)
			return LINE_FAILED;
		if (reply)
			break;
		if (reader->len - reader->pos > REPLY_MAX)
			return LINE_FLOODED;
		if (!line_arm(c, until_us))
			return LINE_FAILED;
		errno = 0;
		if (redisBufferRead(c->line) != REDIS_OK)
			return c->line->err == REDIS_ERR_EOF ? LINE_CLOSED
			                                     : outcome_errno(errno);
	}

	*ret_reply = reply;
	return LINE_DONE;
}

/* Send all, then read one reply for each; all are freed unless DONE. */
static enum outcome
line_exchange(struct cache *c, const struct wire *wires, size_t count,
    int64_t until_us, redisReply **ret_replies)
{
	enum outcome o = LINE_DONE;
	size_t got = 0;

	for (size_t i = 0; i < count && o == LINE_DONE; i++)
		o = line_send(c, &wires[i], until_us);
	while (got < count && o == LINE_DONE) {
		o = line_read(c, until_us, &ret_replies[got]);
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
line_say(struct cache *c, const char *const *text, size_t count,
    int64_t until_us)
{
	struct room room;
	struct words w = words_in(&room);
	struct wire wire;
	redisReply *reply;
	enum outcome o;

	for (size_t i = 0; i < count; i++)
		words_put(&w, text[i]);
	if (!words_wire(&w, &wire))
		return LINE_FAILED;
	o = line_exchange(c, &wire, 1, until_us, &reply);
	redisFreeCommand(wire.data);
	if (o != LINE_DONE)
		return o;

	o = reply->type == REDIS_REPLY_STATUS ? LINE_DONE : LINE_FAILED;
	freeReplyObject(reply);
	return o;
}

static enum outcome
line_greet(struct cache *c, int64_t until_us)
{
	const struct cache_url *url = &c->url;
	enum outcome o = LINE_DONE;
	char db[16];

	if (url->password[0] && url->user[0])
		o = line_say(c, (const char *const[]){ "AUTH", url->user,
		    url->password }, 3, until_us);
	else if (url->password[0])
		o = line_say(c, (const char *const[]){ "AUTH",
		    url->password }, 2, until_us);
	if (o == LINE_DONE && url->db != 0) {
		snprintf(db, sizeof db, "%d", url->db);
		o = line_say(c, (const char *const[]){ "SELECT", db }, 2,
		    until_us);
	}

	return o;
}

/*
 * Who is it?  Where INFO is not allowed nobody can say, and it is believed;
 * where GET fails (it is still loading, say) it is not.
 */
static enum outcome
line_meet(struct cache *c, int64_t until_us)
{
	static const char info[] = "INFO server\r\n";
	static const char get[] = "GET " RUN_KEY "\r\n";
	const struct wire wires[] = {
		{ (char *)info, sizeof info - 1 },
		{ (char *)get, sizeof get - 1 },
	};
	redisReply *replies[2];
	const char *id = NULL;
	enum outcome o;

	c->run[0] = '\0';
	c->strange = false;
	o = line_exchange(c, wires, 2, until_us, replies);
	if (o != LINE_DONE)
		return o;

	if (replies[0]->type == REDIS_REPLY_STRING)
		id = strstr(replies[0]->str, "\nrun_id:");
	if (id && strspn(id + 8, "0123456789abcdef") == RUN_LEN) {
		memcpy(c->run, id + 8, RUN_LEN);
		c->run[RUN_LEN] = '\0';
		c->strange = replies[1]->type != REDIS_REPLY_STRING ||
		    strcmp(replies[1]->str, c->run) != 0;
	}
	freeReplyObject(replies[0]);
	freeReplyObject(replies[1]);

	return LINE_DONE;
}

static enum outcome
line_open(struct cache *c, int64_t until_us)
{
	int64_t left = until_us - clock_mono_us();
	struct timeval tv = { left / USEC_PER_SEC, left % USEC_PER_SEC };
	enum outcome o;

	if (left <= 0)
		return LINE_FAILED;
	c->armed_us = 0;
	c->line = c->url.path[0]
	    ? redisConnectUnixWithTimeout(c->url.path, tv)
	    : redisConnectWithTimeout(c->url.host, c->url.port, tv);
	if (!c->line || c->line->err) {
		line_drop(c);
		return LINE_FAILED;
	}
	fcntl(c->line->fd, F_SETFD, FD_CLOEXEC);

	o = line_greet(c, until_us);
	if (o == LINE_DONE)
		o = line_meet(c, until_us);
	if (o != LINE_DONE)
		line_drop(c);
	return o;
}

/* ---- the breaker ------------------------------------------------------*/

/* Is it worth a try?  A request that waited for a dead Redis once does not do
 * so again, however long it lives. */
static bool
line_worth(const struct cache *c, const struct scope *sc, int64_t now_us)
{
	if (c->url.host[0] == '\0' && c->url.path[0] == '\0')
		return false;
	if (c->pause_us == 0)
		return true;
	if (c->burnt_id == sc->request_id &&
	    c->burnt_deadline_us == sc->deadline_us)
		return false;

	return now_us >= c->retry_at_us;
}

static void
line_burn(struct cache *c, const struct scope *sc)
{
	c->pause_us = c->pause_us == 0 ? PAUSE_MIN_US : c->pause_us * 2;
	if (c->pause_us > PAUSE_MAX_US)
		c->pause_us = PAUSE_MAX_US;
	c->retry_at_us = clock_mono_us() + c->pause_us;
	c->burnt_id = sc->request_id;
	c->burnt_deadline_us = sc->deadline_us;
}

/*
 * One round trip; true when every reply is there (of no command: when there
 * is a line).  A connection that was kept
 * may have been closed since (a restart, an idle limit): that is no sign of a
 * dead Redis and worth one fresh connection.  Every command sent here may be
 * sent twice.
 */
static bool
line_ask(struct cache *c, struct scope *sc, const struct wire *wires,
    size_t count, redisReply **ret_replies)
{
	int64_t start = clock_mono_us();
	int64_t left = scope_left_us(sc);
	bool hurried = left < c->timeout_us;
	int64_t until = start + (hurried ? left : c->timeout_us);
	enum outcome o = LINE_FAILED;

	if (left <= 0 || !line_worth(c, sc, start))
		return false;

	for (int tries = 0; tries < 2; tries++) {
		bool kept = c->line != NULL;

		o = kept ? LINE_DONE : line_open(c, until);
		if (o == LINE_DONE && c->strange && !c->bold)
			o = LINE_STRANGE;
		if (o == LINE_DONE)
			o = line_exchange(c, wires, count, until, ret_replies);
		if (o != LINE_DONE && o != LINE_STRANGE)
			line_drop(c);
		if (o != LINE_CLOSED || !kept)
			break;
	}
	sc->redis_us += clock_mono_us() - start;
	if (count > 0 && o != LINE_STRANGE)
		sc->redis_trips++;

	if (o == LINE_DONE || o == LINE_STRANGE)
		c->pause_us = 0;
	else if (o != LINE_FLOODED && !(hurried && clock_mono_us() >= until))
		line_burn(c, sc);

	return o == LINE_DONE;
}

/* One command, one reply; NULL when there is none or it is an error. */
static redisReply *
ask(struct cache *c, struct scope *sc, const struct words *w)
{
	struct wire wire;
	redisReply *reply;
	bool done;

	if (!words_wire(w, &wire))
		return NULL;
	done = line_ask(c, sc, &wire, 1, &reply);
	redisFreeCommand(wire.data);
	if (!done)
		return NULL;
	if (reply->type == REDIS_REPLY_ERROR) {
		freeReplyObject(reply);
		return NULL;
	}

	return reply;
}

/* ---- scripts ----------------------------------------------------------*/

/* The first three words are left free for the call itself. */
static struct words
script_words(struct room *room)
{
	struct words w = words_in(room);

	words_put(&w, "");
	words_put(&w, "");
	words_put(&w, "");
	return w;
}

/* Send the text with its call, and learn the digest in the same trip. */
static redisReply *
script_teach(struct cache *c, struct scope *sc, enum script s, struct words *w)
{
	struct room room;
	struct words load = words_in(&room);
	struct wire wires[2];
	redisReply *replies[2];
	bool done;

	words_put(&load, "SCRIPT");
	words_put(&load, "LOAD");
	words_put(&load, scripts[s]);
	if (!words_wire(&load, &wires[0]))
		return NULL;
	w->text[0] = "EVAL";
	w->len[0] = 4;
	w->text[1] = scripts[s];
	w->len[1] = strlen(scripts[s]);
	if (!words_wire(w, &wires[1])) {
		redisFreeCommand(wires[0].data);
		return NULL;
	}

	done = line_ask(c, sc, wires, 2, replies);
	redisFreeCommand(wires[0].data);
	redisFreeCommand(wires[1].data);
	if (!done)
		return NULL;

	if (replies[0]->type == REDIS_REPLY_STRING && replies[0]->len == 40)
		memcpy(c->sha[s], replies[0]->str, 41);
	freeReplyObject(replies[0]);
	return replies[1];
}

/* Words from the fourth on are `keys` keys and the arguments. */
static redisReply *
script_run(struct cache *c, struct scope *sc, enum script s, struct words *w,
    size_t keys)
{
	char number[16];
	struct wire wire;
	redisReply *reply = NULL;
	bool done;

	w->len[2] = (size_t)snprintf(number, sizeof number, "%zu", keys);
	w->text[2] = number;
	if (c->sha[s][0]) {
		w->text[0] = "EVALSHA";
		w->len[0] = 7;
		w->text[1] = c->sha[s];
		w->len[1] = 40;
		if (!words_wire(w, &wire))
			return NULL;
		done = line_ask(c, sc, &wire, 1, &reply);
		redisFreeCommand(wire.data);
		if (!done)
			return NULL;
	}

	/* Redis forgets scripts when it restarts. */
	if (!reply || (reply->type == REDIS_REPLY_ERROR &&
	        strncmp(reply->str, "NOSCRIPT", 8) == 0)) {
		if (reply)
			freeReplyObject(reply);
		reply = script_teach(c, sc, s, w);
	}
	if (reply && reply->type == REDIS_REPLY_ERROR) {
		freeReplyObject(reply);
		return NULL;
	}

	return reply;
}

/* ---- keys -------------------------------------------------------------*/

static void
day_text(int64_t day, char out[DATE_TEXT_MAX])
{
	if (day == CACHE_TODAY)
		snprintf(out, DATE_TEXT_MAX, "today");
	else
		date_format(day, out);
}

static void
key_text(const struct cache_key *key, char out[KEY_MAX])
{
	char franchise[UUID_TEXT_MAX];
	char date[DATE_TEXT_MAX] = "";

	assert(key->kind < CACHE__MAX);

	if (kinds[key->kind].dated)
		day_text(key->day, date);
	snprintf(out, KEY_MAX, "%s%s%s%s", kinds[key->kind].prefix,
	    uuid_format(&key->franchise, franchise), date[0] ? ":" : "", date);
}

/* day NONE: the epoch of the franchise itself. */
static void
epoch_text(const struct uuid *franchise, int64_t day, char out[KEY_MAX])
{
	char id[UUID_TEXT_MAX];
	char date[DATE_TEXT_MAX] = "";

	if (day != NONE)
		day_text(day, date);
	snprintf(out, KEY_MAX, "epoch:%s%s%s", uuid_format(franchise, id),
	    date[0] ? ":" : "", date);
}

/* The keys a fill is about, as both scripts take them. */
struct fill_keys {
	char value[KEY_MAX];
	char claim[KEY_MAX];
	char epochs[2][KEY_MAX];
	size_t epoch_count;
};

static void
fill_keys(const struct cache_key *key, struct fill_keys *out)
{
	key_text(key, out->value);
	snprintf(out->claim, KEY_MAX, "claim:%.*s", KEY_MAX - 7, out->value);
	epoch_text(&key->franchise, NONE, out->epochs[0]);
	out->epoch_count = 1;
	if (kinds[key->kind].dated) {
		epoch_text(&key->franchise, key->day, out->epochs[1]);
		out->epoch_count = 2;
	}
}

static size_t
fill_keys_put(const struct fill_keys *k, struct words *w)
{
	words_put(w, k->value);
	words_put(w, k->claim);
	for (size_t i = 0; i < k->epoch_count; i++)
		words_put(w, k->epochs[i]);

	return 2 + k->epoch_count;
}

static bool
key_marked(const struct cache *c, const struct cache_key *key)
{
	if (!c->shm)
		return false;
	if (shm_mark_find(c->shm, &key->franchise, NONE))
		return true;

	return kinds[key->kind].dated &&
	    shm_mark_find(c->shm, &key->franchise, key->day);
}

/* ---- forgetting -------------------------------------------------------*/

/* What one script call does away with.  It stands on the stack, not in the
 * arena: after a commit nothing may fail for want of memory. */
struct doom {
	char epochs[BATCH_DAYS + 2][KEY_MAX];
	char values[2 * (BATCH_DAYS + 2)][KEY_MAX];
	size_t epoch_count;
	size_t value_count;
};

static_assert(3 + 3 * (BATCH_DAYS + 2) + 3 <= WORDS_MAX,
    "a batch of days fits one call");

static void
doom_put(struct doom *d, enum cache_kind kind, const struct uuid *franchise,
    int64_t day)
{
	struct cache_key key = { kind, *franchise, day };

	assert(d->value_count < ARRAY_LEN(d->values));

	key_text(&key, d->values[d->value_count++]);
}

/* day NONE: the franchise itself. */
static void
doom_add(struct doom *d, const struct uuid *franchise, int64_t day)
{
	assert(d->epoch_count < ARRAY_LEN(d->epochs));

	epoch_text(franchise, day, d->epochs[d->epoch_count++]);
	for (enum cache_kind kind = 0; kind < CACHE__MAX; kind++) {
		if (kinds[kind].dated == (day != NONE))
			doom_put(d, kind, franchise, day);
	}
}

static bool
doom_run(struct cache *c, struct scope *sc, const struct doom *d)
{
	struct room room;
	struct words w = script_words(&room);
	char epoch[EPOCH_LEN + 1];
	char number[16];
	redisReply *reply;
	bool done;

	for (size_t i = 0; i < d->epoch_count; i++)
		words_put(&w, d->epochs[i]);
	for (size_t i = 0; i < d->value_count; i++)
		words_put(&w, d->values[i]);
	rng_text(epoch, EPOCH_LEN, alphabet);
	snprintf(number, sizeof number, "%zu", d->epoch_count);
	words_put(&w, epoch);
	words_put(&w, EPOCH_PX);
	words_put(&w, number);

	reply = script_run(c, sc, SCRIPT_FORGET, &w,
	    d->epoch_count + d->value_count);
	done = reply && reply->type == REDIS_REPLY_INTEGER;
	if (reply)
		freeReplyObject(reply);

	return done;
}

/*
 * Unlink every key that begins with one of `prefixes`, step by step.  A key
 * that was there when the sweep began is met; one stored during it stands
 * under a newer epoch.  false: not all was seen in time.
 */
static bool
sweep(struct cache *c, struct scope *sc, const char *const *prefixes,
    size_t count)
{
	int64_t until = clock_mono_us() + SWEEP_MAX_US;
	char cursor[24] = "0";

	assert(count <= SWEEP_WORDS);

	do {
		struct room room;
		struct words w = script_words(&room);
		redisReply *reply;
		bool good;

		words_put(&w, cursor);
		words_put(&w, SWEEP_COUNT);
		for (size_t i = 0; i < count; i++)
			words_put(&w, prefixes[i]);
		reply = script_run(c, sc, SCRIPT_SWEEP, &w, 0);
		good = reply && reply->type == REDIS_REPLY_STRING &&
		    reply->len > 0 && reply->len < sizeof cursor;
		if (good)
			memcpy(cursor, reply->str, reply->len + 1);
		if (reply)
			freeReplyObject(reply);
		if (!good || clock_mono_us() >= until)
			return false;
	} while (strcmp(cursor, "0") != 0);

	return true;
}

static bool
sweep_franchise(struct cache *c, struct scope *sc, const struct uuid *franchise)
{
	char id[UUID_TEXT_MAX];
	char text[CACHE__MAX][KEY_MAX];
	const char *prefixes[CACHE__MAX];
	size_t count = 0;

	uuid_format(franchise, id);
	for (size_t i = 0; i < CACHE__MAX; i++) {
		if (!kinds[i].dated)
			continue;
		snprintf(text[count], KEY_MAX, "%s%s:", kinds[i].prefix, id);
		prefixes[count] = text[count];
		count++;
	}

	return sweep(c, sc, prefixes, count);
}

/* Epochs first: with them gone, no fill that is under way can put back what
 * the second sweep takes. */
static bool
sweep_all(struct cache *c, struct scope *sc)
{
	const char *const epochs[] = { "epoch:" };
	const char *prefixes[CACHE__MAX];

	for (size_t i = 0; i < CACHE__MAX; i++)
		prefixes[i] = kinds[i].prefix;

	return sweep(c, sc, epochs, 1) &&
	    sweep(c, sc, prefixes, CACHE__MAX);
}

/* ---- acquaintance ----------------------------------------------------*/

/* Make a Redis that is not who it was start afresh. */
static bool
start_afresh(struct cache *c, struct scope *sc)
{
	char run[RUN_LEN + 1];
	struct room room;
	struct words w = words_in(&room);
	redisReply *reply;
	bool done;

	memcpy(run, c->run, sizeof run);
	words_put(&w, "SET");
	words_put(&w, RUN_KEY);
	words_put(&w, run);

	c->bold = true;
	done = sweep_all(c, sc);
	reply = done ? ask(c, sc, &w) : NULL;
	c->bold = false;

	/* A line that broke in between may have led to yet another. */
	done = reply && strcmp(run, c->run) == 0;
	if (reply)
		freeReplyObject(reply);
	return done;
}

/* Have a line to a Redis that can be believed; false: not now. */
static bool
acquaint(struct cache *c, struct scope *sc)
{
	int64_t start = clock_mono_us();
	int64_t end;

	if (!c->line) {
		c->bold = true;
		line_ask(c, sc, NULL, 0, NULL);
		c->bold = false;
	}
	if (!c->line || !c->strange)
		return c->line != NULL;
	if (start < c->meet_at_us)
		return false;

	if (start_afresh(c, sc)) {
		c->strange = false;
		return true;
	}

	/* A sweep that does not end must not cost every request its time. */
	end = clock_mono_us();
	c->meet_at_us = end + MEND_EVERY_US + 4 * (end - start);
	return false;
}

/* ---- mending ----------------------------------------------------------*/

/* Redo what was left: days by one call, then a franchise at a time. */
static bool
mend_marks(struct cache *c, struct scope *sc, const struct shm_mark *marks,
    size_t count)
{
	struct doom doom = { .epoch_count = 0 };

	for (size_t i = 0; i < count; i++)
		doom_add(&doom, &marks[i].franchise, marks[i].day);
	if (!doom_run(c, sc, &doom))
		return false;

	for (size_t i = 0; i < count; i++) {
		if (marks[i].day == NONE &&
		    !sweep_franchise(c, sc, &marks[i].franchise))
			return false;
		shm_marks_redone(c->shm, &marks[i], 1, false);
	}

	return true;
}

/*
 * Deletions that nobody confirmed: their writer died, or Redis was away.  Who
 * reads next does them again.  Until then those keys are not served, so a
 * failure here costs speed and nothing else.
 */
static void
mend(struct cache *c, struct scope *sc)
{
	struct shm_mark marks[MEND_MARKS_MAX];
	int64_t now = clock_mono_us();
	bool all = false;
	bool good = true;
	size_t count;

	if (!acquaint(c, sc) || !c->shm || now < c->mend_at_us)
		return;

	c->mend_at_us = now + MEND_EVERY_US;
	count = shm_marks_left(c->shm, MEND_AGE_US, marks, MEND_MARKS_MAX,
	    &all);
	if (count > 0)
		good = mend_marks(c, sc, marks, count);
	if (good && all) {
		good = sweep_all(c, sc);
		if (good)
			shm_marks_redone(c->shm, NULL, 0, true);
	}

	if (!good)
		c->mend_at_us += 5 * (clock_mono_us() - now);
}

/* ---- values -----------------------------------------------------------*/

/* A reply that the arena frees.  The box is made before the reply is there, so
 * that no failed allocation can lose it. */
struct box {
	redisReply *reply;
};

static void
box_free(void *data)
{
	struct box *box = data;

	if (box->reply)
		freeReplyObject(box->reply);
}

static struct box *
box_new(struct scope *sc)
{
	struct box *box = arena_new(sc->arena, struct box);

	arena_defer(sc->arena, box_free, box);
	return box;
}

/* What Redis holds under our keys need not be ours: bytes of a bounded length
 * is all that is believed here. */
static bool
value_take(const redisReply *reply, struct cache_text *ret_value)
{
	if (reply->type != REDIS_REPLY_STRING || reply->len > VALUE_MAX)
		return false;

	*ret_value = (struct cache_text){ reply->str, reply->len };
	return true;
}

/* ---- the exported calls -----------------------------------------------*/

struct cache *
cache_new(const char *url, int64_t timeout_ms, struct shm *shm)
{
	struct cache_url parsed;
	struct cache *c;

	assert(timeout_ms > 0);

	if (!cache_url_parse(url, &parsed))
		return NULL;
	c = calloc(1, sizeof *c);
	if (!c)
		return NULL;
	c->url = parsed;
	c->timeout_us = timeout_ms * 1000;
	c->shm = shm;

	return c;
}

void
cache_free(struct cache *c)
{
	if (!c)
		return;

	line_drop(c);
	free(c);
}

enum cache_answer
cache_get(struct cache *c, struct scope *sc, const struct cache_key *key,
    struct cache_text *ret_value)
{
	struct room room;
	struct words w = words_in(&room);
	char text[KEY_MAX];
	struct box *box;

	mend(c, sc);
	if (key_marked(c, key))
		return CACHE_OFF;

	key_text(key, text);
	words_put(&w, "GET");
	words_put(&w, text);
	box = box_new(sc);
	box->reply = ask(c, sc, &w);
	if (!box->reply)
		return CACHE_OFF;
	if (box->reply->type == REDIS_REPLY_NIL)
		return CACHE_MISS;

	return value_take(box->reply, ret_value) ? CACHE_HIT : CACHE_OFF;
}

enum cache_answer
cache_get_many(struct cache *c, struct scope *sc, const struct cache_key *keys,
    size_t count, struct cache_text *ret_values)
{
	struct words w = { .max = count + 1 };
	struct box *box;

	for (size_t i = 0; i < count; i++)
		ret_values[i] = (struct cache_text){ NULL, 0 };
	if (count == 0)
		return CACHE_HIT;

	mend(c, sc);
	w.text = arena_new_array(sc->arena, const char *, count + 1);
	w.len = arena_new_array(sc->arena, size_t, count + 1);
	words_put(&w, "MGET");
	for (size_t i = 0; i < count; i++) {
		char *text = arena_alloc(sc->arena, KEY_MAX);

		key_text(&keys[i], text);
		words_put(&w, text);
	}

	box = box_new(sc);
	box->reply = ask(c, sc, &w);
	if (!box->reply || box->reply->type != REDIS_REPLY_ARRAY ||
	    box->reply->elements != count)
		return CACHE_OFF;
	for (size_t i = 0; i < count; i++) {
		if (!key_marked(c, &keys[i]))
			value_take(box->reply->element[i], &ret_values[i]);
	}

	return CACHE_HIT;
}

/* What the claim script says: {0}, {1, value} or {2, epoch, ...}. */
static enum cache_answer
claim_read(const redisReply *reply, const struct fill_keys *k,
    struct cache_lease *lease, struct cache_text *ret_value)
{
	redisReply *const *e = reply->element;

	if (reply->type != REDIS_REPLY_ARRAY || reply->elements == 0 ||
	    e[0]->type != REDIS_REPLY_INTEGER)
		return CACHE_OFF;
	if (e[0]->integer == 0)
		return CACHE_MISS;
	if (e[0]->integer == 1)
		return reply->elements == 2 && value_take(e[1], ret_value)
		    ? CACHE_HIT : CACHE_OFF;
	if (reply->elements != 1 + k->epoch_count)
		return CACHE_OFF;

	/* An epoch of another length is not ours and never will stand. */
	for (size_t i = 0; i < k->epoch_count; i++) {
		if (e[1 + i]->type != REDIS_REPLY_STRING ||
		    e[1 + i]->len != EPOCH_LEN)
			return CACHE_OFF;
		memcpy(lease->epoch + i * EPOCH_LEN, e[1 + i]->str, EPOCH_LEN);
	}

	return CACHE_CLAIM;
}

static void
nap(int64_t us)
{
	struct timespec ts = { us / USEC_PER_SEC, us % USEC_PER_SEC * 1000 };

	nanosleep(&ts, NULL);
}

/* Ask once.  CACHE_MISS: another holds the claim. */
static enum cache_answer
claim_try(struct cache *c, struct scope *sc, const struct fill_keys *k,
    struct cache_lease *lease, struct cache_text *ret_value)
{
	struct room room;
	struct words w = script_words(&room);
	struct box *box = box_new(sc);
	char fresh[2][EPOCH_LEN + 1];
	size_t keys = fill_keys_put(k, &w);

	words_put(&w, lease->token);
	words_put(&w, CLAIM_PX);
	words_put(&w, EPOCH_PX);
	for (size_t i = 0; i < k->epoch_count; i++) {
		rng_text(fresh[i], EPOCH_LEN, alphabet);
		words_put(&w, fresh[i]);
	}

	box->reply = script_run(c, sc, SCRIPT_CLAIM, &w, keys);
	if (!box->reply)
		return CACHE_OFF;
	return claim_read(box->reply, k, lease, ret_value);
}

/*
 * Who does not get the claim asks again, so that a claim that was given back
 * (or whose fill a change refused) passes on instead of holding everyone up.
 */
enum cache_answer
cache_claim(struct cache *c, struct scope *sc, const struct cache_key *key,
    struct cache_lease *ret_lease, struct cache_text *ret_value)
{
	struct cache_lease lease = { .key = *key };
	struct fill_keys k;
	int64_t until = clock_mono_us() + CLAIM_WAIT_US;
	int64_t rest = CLAIM_NAP_MIN_US;
	enum cache_answer answer = CACHE_MISS;

	static_assert(sizeof lease.epoch > 2 * EPOCH_LEN &&
	    sizeof lease.token > TOKEN_LEN, "both fit their fields");
	mend(c, sc);
	fill_keys(key, &k);
	rng_text(lease.token, TOKEN_LEN, alphabet);
	for (;;) {
		if (key_marked(c, key))
			return CACHE_OFF;
		answer = claim_try(c, sc, &k, &lease, ret_value);
		if (answer != CACHE_MISS)
			break;
		if (clock_mono_us() + rest >= until ||
		    scope_left_us(sc) <= rest)
			return CACHE_OFF;
		nap(rest);
		rest = rest * 2 > CLAIM_NAP_MAX_US ? CLAIM_NAP_MAX_US
		                                   : rest * 2;
	}

	if (answer == CACHE_CLAIM)
		*ret_lease = lease;
	return answer;
}

void
cache_fill(struct cache *c, struct scope *sc, const struct cache_lease *lease,
    const char *value, size_t len, int64_t ttl_ms)
{
	int64_t ttl_max = kinds[lease->key.kind].ttl_s * 1000;
	struct room room;
	struct words w = script_words(&room);
	struct fill_keys k;
	size_t keys;
	char px[24];
	redisReply *reply;

	if (ttl_ms > ttl_max)
		ttl_ms = ttl_max;
	if (ttl_ms <= 0 || len > VALUE_MAX || key_marked(c, &lease->key)) {
		ttl_ms = 0;
		len = 0;
	}
	snprintf(px, sizeof px, "%" PRId64, ttl_ms);
	fill_keys(&lease->key, &k);
	keys = fill_keys_put(&k, &w);
	words_put(&w, lease->token);
	words_put(&w, px);
	words_add(&w, len > 0 ? value : "", len);
	for (size_t i = 0; i < k.epoch_count; i++)
		words_add(&w, lease->epoch + i * EPOCH_LEN, EPOCH_LEN);

	reply = script_run(c, sc, SCRIPT_FILL, &w, keys);
	if (reply)
		freeReplyObject(reply);
}

static void
mark_each(struct cache *c, const struct uuid *franchise, const int64_t *days,
    size_t count, bool facts,
    void (*fn)(struct shm *, const struct uuid *, int64_t))
{
	if (!c->shm)
		return;

	fn(c->shm, franchise, CACHE_TODAY);
	if (facts)
		fn(c->shm, franchise, NONE);
	for (size_t i = 0; i < count; i++)
		fn(c->shm, franchise, days[i]);
}

void
cache_intend(struct cache *c, const struct uuid *franchise,
    const int64_t *days, size_t count, bool facts)
{
	mark_each(c, franchise, days, count, facts, shm_mark);
}

void
cache_unintend(struct cache *c, const struct uuid *franchise,
    const int64_t *days, size_t count, bool facts)
{
	mark_each(c, franchise, days, count, facts, shm_unmark);
}

static bool
among(const struct shm_mark *mark, const int64_t *days, size_t count,
    bool facts)
{
	for (size_t i = 0; i < count; i++) {
		if (mark->day == days[i])
			return true;
	}

	return mark->day == CACHE_TODAY || (facts && mark->day == NONE);
}

/*
 * What was deleted now also answers for what we failed to delete before.  Left
 * alone, those marks would only grow old once we stop writing these days, and
 * the busiest days would be the ones that are not cached.
 */
static void
settle(struct cache *c, const struct uuid *franchise, const int64_t *days,
    size_t count, bool facts)
{
	struct shm_mark marks[SHM_MARKS_MAX];
	pid_t pid = getpid();
	bool still = false;
	bool all;
	size_t left = shm_marks_left(c->shm, 0, marks, SHM_MARKS_MAX, &all);

	for (size_t i = 0; i < left; i++) {
		if (marks[i].pid != pid)
			continue;
		if (uuid_equal(&marks[i].franchise, franchise) &&
		    among(&marks[i], days, count, facts))
			shm_marks_redone(c->shm, &marks[i], 1, false);
		else
			still = true;
	}
	c->owes = still;
}

void
cache_forget(struct cache *c, struct scope *sc, const struct uuid *franchise,
    const int64_t *days, size_t count, bool facts)
{
	size_t next = 0;
	bool done = acquaint(c, sc);

	while (done && (next == 0 || next < count)) {
		struct doom doom = { .epoch_count = 0 };

		if (next == 0) {
			doom_add(&doom, franchise, CACHE_TODAY);
			if (facts)
				doom_add(&doom, franchise, NONE);
		}
		for (size_t i = 0; i < BATCH_DAYS && next < count; i++)
			doom_add(&doom, franchise, days[next++]);
		done = doom_run(c, sc, &doom);
		if (count == 0)
			break;
	}
	if (done && facts)
		done = sweep_franchise(c, sc, franchise);

	/* Marks that grew old while the commit was slow have been redone and
	 * taken away by a reader, before there was anything to redo: so a
	 * failure marks again instead of trusting that they still stand. */
	mark_each(c, franchise, days, count, facts,
	    done ? shm_unmark : shm_mark);
	if (!c->shm)
		return;
	if (!done)
		c->owes = true;
	else if (c->owes)
		settle(c, franchise, days, count, facts);
}

bool
cache_ping(struct cache *c, struct scope *sc)
{
	struct room room;
	struct words w = words_in(&room);
	redisReply *reply;
	bool good;

	words_put(&w, "PING");
	c->bold = true;
	reply = ask(c, sc, &w);
	c->bold = false;
	good = reply && reply->type == REDIS_REPLY_STATUS;
	if (reply)
		freeReplyObject(reply);

	return good;
}
