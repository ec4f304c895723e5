/* outbox_admin.c: the outbox as an operator sees it. */
#include "app/outbox_admin.h"

#include "app/admin.h"
#include "app/settings.h"
#include "base/compiler.h"
#include "base/scope.h"
#include "remote/aws_names.h"
#include "remote/sqs.h"
#include "store/cache.h"
#include "store/db.h"
#include "store/hint.h"

#define DEDUP_SLACK_S 10

#define COLUMN(name, kind, field) \
	{ name, kind, offsetof(struct outbox_topic, field) }
static const struct column topic_items[] = {
	COLUMN("topic", COLUMN_TEXT, topic),
	COLUMN("waiting", COLUMN_I64, waiting),
	COLUMN("in_hand", COLUMN_I64, in_hand),
	COLUMN("later", COLUMN_I64, later),
	COLUMN("failing", COLUMN_I64, failing),
	COLUMN("dead", COLUMN_I64, dead),
	COLUMN("oldest_ms", COLUMN_I64, oldest_ms),
	COLUMN("sent", COLUMN_I64, sent),
	COLUMN("half_ms", COLUMN_I64, half_ms),
	COLUMN("most_ms", COLUMN_I64, most_ms),
};
#undef COLUMN
#define COLUMN(name, kind, field) \
	{ name, kind, offsetof(struct outbox_size, field) }
static const struct column size_items[] = {
	COLUMN("bytes", COLUMN_I64, bytes),
	COLUMN("rows", COLUMN_I64, rows),
	COLUMN("dead_rows", COLUMN_I64, dead_rows),
};
#undef COLUMN
#define COLUMN(name, kind, field) \
	{ name, kind, offsetof(struct outbox_line, field) }
static const struct column line_items[] = {
	COLUMN("id", COLUMN_I64, id),
	COLUMN("topic", COLUMN_TEXT, topic),
	COLUMN("type", COLUMN_TEXT, type),
	COLUMN("booking_id", COLUMN_UUID, booking),
	COLUMN("event_id", COLUMN_UUID, event),
	COLUMN("sequence", COLUMN_I64, sequence),
	COLUMN("created_at", COLUMN_INSTANT, created_us),
	COLUMN("due_at", COLUMN_INSTANT, due_us),
	COLUMN("sent_at", COLUMN_INSTANT, sent_us),
	COLUMN("attempts", COLUMN_I64, attempts),
	COLUMN("failing_since", COLUMN_INSTANT, failing_us),
	COLUMN("failure", COLUMN_TEXT, failure),
	COLUMN("dead_at", COLUMN_INSTANT, dead_us),
};
#undef COLUMN

struct rows {
	int64_t rows;
};

static enum err
count_rows(struct admin *admin, struct scope *sc, enum stmt stmt,
    const struct args *args, int64_t *ret_rows)
{
	static const struct column items[] = { { "rows", COLUMN_I64,
	    offsetof(struct rows, rows) } };
	static const struct columns columns = { sizeof(struct rows), items,
		1 };
	struct rows row;
	enum err e = db_one(admin->db, sc, stmt, args, &columns, &row);

	if (!e)
		*ret_rows = row.rows;
	return e;
}

enum err
outbox_stats(struct admin *admin, struct scope *sc,
    struct outbox_topic **ret_topics, size_t *ret_count,
    struct outbox_size *ret_size)
{
	static const struct columns topics = { sizeof(struct outbox_topic),
		topic_items, ARRAY_LEN(topic_items) };
	static const struct columns size = { sizeof(struct outbox_size),
		size_items, ARRAY_LEN(size_items) };
	enum err e;

	e = db_all(admin->db, sc, STMT_OUTBOX_STATS, NULL, &topics,
	    ret_topics, ret_count);
	if (e)
		return e;
	return db_one(admin->db, sc, STMT_OUTBOX_SIZE, NULL, &size, ret_size);
}

enum err
outbox_browse(struct admin *admin, struct scope *sc,
    const struct outbox_filter *filter, struct outbox_line **ret_lines,
    size_t *ret_count)
{
	static const struct columns columns = { sizeof(struct outbox_line),
		line_items, ARRAY_LEN(line_items) };
	struct args args;

	args_init(&args, sc->arena);
	args_text(&args, filter->topic);
	args_text(&args, filter->type);
	args_uuid(&args, &filter->booking);
	args_text(&args, filter->state);
	args_i64(&args, filter->max);
	return db_all(admin->db, sc, STMT_OUTBOX_BROWSE, &args, &columns,
	    ret_lines, ret_count);
}

enum err
outbox_revive(struct admin *admin, struct scope *sc, const char *topic,
    const struct uuid *booking, bool dry, int64_t *ret_rows)
{
	struct args args;
	enum err e;

	args_init(&args, sc->arena);
	args_text(&args, topic);
	args_uuid(&args, booking);
	args_bool(&args, dry);
	e = count_rows(admin, sc, STMT_OUTBOX_REVIVE, &args, ret_rows);
	if (!e && !dry)
		cache_hint(admin->cache, sc, topic ? hint_of(topic) : HINT_ALL);
	return e;
}

enum err
outbox_replay(struct admin *admin, struct scope *sc,
    const struct uuid *booking, int64_t from_us, int64_t until_us, bool dry,
    struct outbox_replayed *ret_replayed)
{
	struct outbox_replayed replayed = {
		.waits = aws_queue_is_fifo(admin->conf->sqs_queue_url) };
	struct args args;
	enum err e;

	args_init(&args, sc->arena);
	args_uuid(&args, booking);
	args_instant(&args, from_us);
	args_instant(&args, until_us);
	args_bool(&args, dry);
	args_i64(&args, replayed.waits ? SQS_DEDUP_S + DEDUP_SLACK_S : 0);
	e = count_rows(admin, sc, STMT_OUTBOX_REPLAY, &args, &replayed.rows);
	if (e)
		return e;

	if (!dry)
		cache_hint(admin->cache, sc, HINT_EVENTS);
	*ret_replayed = replayed;
	return ERR_OK;
}
