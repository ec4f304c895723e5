/* migrate.c: apply sql/migrations in order, each once. */
#include "store/migrate.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/codec.h"
#include "base/crypto.h"
#include "base/instant.h"
#include "base/scope.h"
#include "store/db.h"

#define MIGRATION_FILES_MAX 1000
#define MIGRATION_FILE_MAX (4 * 1024 * 1024)
#define MIGRATION_LOCK_MS 1000 /* as migration_hurry says */
#define MIGRATION_TRIES 30
#define MIGRATION_PAUSE_NS (500 * 1000 * 1000)

/* A file of the folder. */
struct file {
	int number;
	const char *name; /* without .sql */
	const char *path;
	const char *checksum; /* SHA-256, hex */
	const char *text;
};

/* A row of meta.migrations. */
struct applied {
	int64_t number;
	const char *name;
	const char *checksum;
	int64_t applied_us;
};

struct state {
	struct db *db;
	const char *folder;
	struct file *files; /* by number */
	size_t file_count;
	struct applied *applied; /* by number */
	size_t applied_count;
};

static const struct column applied_items[] = {
	{ "number", COLUMN_I64, offsetof(struct applied, number) },
	{ "name", COLUMN_TEXT, offsetof(struct applied, name) },
	{ "checksum", COLUMN_TEXT, offsetof(struct applied, checksum) },
	{ "applied_at", COLUMN_INSTANT, offsetof(struct applied, applied_us) },
};
static const struct columns applied_columns = { sizeof(struct applied),
	applied_items, ARRAY_LEN(applied_items) };

struct known {
	bool known;
};
static const struct column known_items[] = {
	{ "known", COLUMN_BOOL, offsetof(struct known, known) },
};
static const struct columns known_columns = { sizeof(struct known),
	known_items, ARRAY_LEN(known_items) };

/* ---- the folder -------------------------------------------------------- */

static enum err
file_fail(struct scope *sc, const char *path)
{
	return scope_fail(sc, ERR_INTERNAL, "%s: %s", path, strerror(errno));
}

static void
close_file(void *data)
{
	fclose(data);
}

/* The whole text, NUL-terminated. */
static enum err
file_read(struct scope *sc, const char *path, const char **ret_text,
    size_t *ret_len)
{
	FILE *in = fopen(path, "rbe");
	char *text;
	long size;

	if (!in)
		return file_fail(sc, path);
	arena_defer(sc->arena, close_file, in);

	if (fseek(in, 0, SEEK_END) != 0 || (size = ftell(in)) < 0)
		return file_fail(sc, path);
	if (size > MIGRATION_FILE_MAX)
		return scope_fail(sc, ERR_INTERNAL, "%s: above %d bytes", path,
		    MIGRATION_FILE_MAX);
	rewind(in);
	text = arena_alloc(sc->arena, (size_t)size + 1);
	if (fread(text, 1, (size_t)size, in) != (size_t)size)
		return file_fail(sc, path);
	if (strlen(text) != (size_t)size)
		return scope_fail(sc, ERR_INTERNAL, "%s: it holds a NUL", path);

	*ret_text = text;
	*ret_len = (size_t)size;
	return ERR_OK;
}

/* NNNN_name.sql, NNNN from 0001. */
static bool
is_migration(const char *name)
{
	size_t len = strlen(name);

	return len > 9 && strspn(name, "0123456789") == 4 && name[4] == '_' &&
	    strcmp(name + len - 4, ".sql") == 0 &&
	    strncmp(name, "0000", 4) != 0;
}

static int
wanted(const struct dirent *entry)
{
	size_t len = strlen(entry->d_name);

	return entry->d_name[0] != '.' && len > 4 &&
	    strcmp(entry->d_name + len - 4, ".sql") == 0;
}

static enum err
file_add(struct scope *sc, const char *folder, const char *name,
    struct file *file)
{
	uint8_t digest[SHA256_LEN];
	size_t len;
	enum err e;

	if (!is_migration(name))
		return scope_fail(sc, ERR_INTERNAL,
		    "%s/%s: its name is not NNNN_name.sql", folder, name);

	file->number = (int)strtol(name, NULL, 10);
	file->name = arena_strndup(sc->arena, name, strlen(name) - 4);
	file->path = arena_printf(sc->arena, "%s/%s", folder, name);
	e = file_read(sc, file->path, &file->text, &len);
	if (e)
		return e;

	crypto_sha256(file->text, len, digest);
	file->checksum = codec_hex(sc->arena, digest, sizeof digest);
	return ERR_OK;
}

static enum err
folder_read(struct scope *sc, struct state *s)
{
	const char *folder = arena_printf(sc->arena, "%s/migrations",
	    s->folder);
	struct dirent **entries;
	int count = scandir(folder, &entries, wanted, alphasort);
	enum err e = ERR_OK;

	if (count < 0)
		return file_fail(sc, folder);
	if (count > MIGRATION_FILES_MAX)
		e = scope_fail(sc, ERR_INTERNAL, "%s: too many files", folder);

	s->files = arena_new_array(sc->arena, struct file, (size_t)count);
	for (int i = 0; i < count; i++) {
		struct file *file = &s->files[s->file_count];

		if (!e)
			e = file_add(sc, folder, entries[i]->d_name, file);
		if (!e && i > 0 && file->number == file[-1].number)
			e = scope_fail(sc, ERR_CONFLICT,
			    "%s and %s have one number", file[-1].name,
			    file->name);
		s->file_count += !e;
		free(entries[i]);
	}
	free(entries);

	return e;
}

/* ---- the database ------------------------------------------------------ */

static void
free_db(void *db)
{
	db_free(db);
}

static enum err
state_open(struct scope *sc, const char *url, const char *folder,
    struct state *ret_state)
{
	int64_t left_ms = scope_left_us(sc) / 1000;
	const struct db_options options = { .url = url,
		.program = "booking-migrate", .connect_timeout_s = 5,
		.statement_timeout_ms = left_ms < INT32_MAX ? left_ms : 0,
		.lock_timeout_ms = MIGRATION_LOCK_MS };
	struct state s = { .folder = folder };
	enum err e;

	s.db = db_new(&options);
	if (!s.db)
		return scope_fail(sc, ERR_NO_MEMORY, "no memory to connect");
	arena_defer(sc->arena, free_db, s.db);

	e = folder_read(sc, &s);
	if (e)
		return e;

	*ret_state = s;
	return ERR_OK;
}

static enum err
applied_read(struct scope *sc, struct state *s)
{
	struct known known;
	enum err e;

	e = db_one(s->db, sc, STMT_MIGRATION_KNOWN, NULL, &known_columns,
	    &known);
	if (e || !known.known)
		return e;

	return db_all(s->db, sc, STMT_MIGRATION_LIST, NULL, &applied_columns,
	    &s->applied, &s->applied_count);
}

static const struct applied *
applied_find(const struct state *s, int number)
{
	for (size_t i = 0; i < s->applied_count; i++) {
		if (s->applied[i].number == number)
			return &s->applied[i];
	}
	return NULL;
}

static bool
file_there(const struct state *s, int64_t number)
{
	for (size_t i = 0; i < s->file_count; i++) {
		if (s->files[i].number == number)
			return true;
	}
	return false;
}

/* What was applied is the beginning of what is there, letter by letter. */
static enum err
history_check(struct scope *sc, const struct state *s)
{
	int64_t last = s->applied_count > 0 ?
	    s->applied[s->applied_count - 1].number : 0;

	for (size_t i = 0; i < s->applied_count; i++) {
		if (!file_there(s, s->applied[i].number))
			return scope_fail(sc, ERR_CONFLICT,
			    "%s was applied, but the folder does not have it",
			    s->applied[i].name);
	}
	for (size_t i = 0; i < s->file_count; i++) {
		const struct file *file = &s->files[i];
		const struct applied *a = applied_find(s, file->number);

		if (a && strcmp(a->checksum, file->checksum) != 0)
			return scope_fail(sc, ERR_CONFLICT,
			    "%s was changed after it had been applied",
			    file->name);
		if (!a && file->number < last)
			return scope_fail(sc, ERR_CONFLICT,
			    "%s is new, but %04" PRId64
			    " has been applied already", file->name, last);
	}

	return ERR_OK;
}

/* A transaction that no other runner is in. */
static enum err
locked_begin(struct scope *sc, struct db *db)
{
	enum err e = db_begin(db, sc);

	if (e)
		return e;

	e = db_do(db, sc, STMT_MIGRATION_WAIT, NULL, NULL);
	if (!e)
		e = db_do(db, sc, STMT_MIGRATION_LOCK, NULL, NULL);
	if (!e)
		e = db_do(db, sc, STMT_MIGRATION_HURRY, NULL, NULL);
	if (!e)
		e = db_do(db, sc, STMT_MIGRATION_PATH, NULL, NULL);
	return e ? db_end(db, sc, e) : ERR_OK;
}

static enum err
table_make(struct scope *sc, struct state *s)
{
	enum err e = locked_begin(sc, s->db);

	if (e)
		return e;

	e = db_do(s->db, sc, STMT_MIGRATION_SCHEMA, NULL, NULL);
	if (!e)
		e = db_do(s->db, sc, STMT_MIGRATION_TABLE, NULL, NULL);
	return db_end(s->db, sc, e);
}

static enum err
file_note(struct scope *sc, struct db *db, const struct file *file)
{
	struct args args;

	args_init(&args, sc->arena);
	args_i64(&args, file->number);
	args_text(&args, file->name);
	args_text(&args, file->checksum);
	return db_do(db, sc, STMT_MIGRATION_NOTE, &args, NULL);
}

/* One file in its transaction, unless another runner was faster. */
static enum err
file_apply(struct scope *sc, struct state *s, const struct file *file,
    bool *ret_done)
{
	enum err e = locked_begin(sc, s->db);
	bool todo = false;

	if (e)
		return e;

	e = applied_read(sc, s);
	if (!e)
		e = history_check(sc, s);
	if (!e)
		todo = !applied_find(s, file->number);
	if (!e && todo)
		e = db_do(s->db, sc, STMT_MIGRATION_GATE, NULL, NULL);
	if (!e && todo)
		e = db_script(s->db, sc, file->name, file->text);
	if (!e && todo)
		e = file_note(sc, s->db, file);
	e = db_end(s->db, sc, e);
	if (e)
		return e;

	*ret_done = todo;
	return ERR_OK;
}

static enum err
roles_apply(struct scope *sc, struct state *s)
{
	const char *path = arena_printf(sc->arena, "%s/roles.sql", s->folder);
	const char *text;
	size_t len;
	enum err e;

	e = file_read(sc, path, &text, &len);
	if (e)
		return e;
	e = locked_begin(sc, s->db);
	if (e)
		return e;

	e = db_script(s->db, sc, "roles.sql", text);
	return db_end(s->db, sc, e);
}

/* Who waits for a table lets all others wait behind him.  A lock that is not to
 * be had at once, of a backup say, is tried again after they have had their turn;
 * so is what ended in a deadlock.  Nothing is left of a file that failed. */
static bool
again(const struct scope *sc, enum err e, int tries)
{
	struct timespec pause = { 0, MIGRATION_PAUSE_NS };

	if ((e != ERR_TIMEOUT && e != ERR_RETRY) || tries >= MIGRATION_TRIES ||
	    scope_left_us(sc) <= 0)
		return false;
	nanosleep(&pause, NULL);
	return true;
}

enum err
migrate_apply(struct scope *sc, const char *url, const char *folder,
    FILE *report, size_t *ret_applied)
{
	struct state s;
	size_t applied = 0;
	enum err e;

	e = state_open(sc, url, folder, &s);
	if (e)
		return e;
	e = table_make(sc, &s);
	if (!e)
		e = applied_read(sc, &s);
	if (!e)
		e = history_check(sc, &s);

	for (size_t i = 0; !e && i < s.file_count; i++) {
		const struct file *file = &s.files[i];
		int64_t start = clock_mono_us();
		bool done = false;

		if (applied_find(&s, file->number))
			continue;
		for (int tries = 1;; tries++) {
			e = file_apply(sc, &s, file, &done);
			if (!again(sc, e, tries))
				break;
		}
		applied += done;
		if (done && report)
			fprintf(report, "applied %s (%" PRId64 " ms)\n",
			    file->name, (clock_mono_us() - start) / 1000);
	}
	for (int tries = 1; !e; tries++) {
		e = roles_apply(sc, &s);
		if (!again(sc, e, tries))
			break;
		e = ERR_OK;
	}
	if (e)
		return e;

	*ret_applied = applied;
	return ERR_OK;
}

enum err
migrate_status(struct scope *sc, const char *url, const char *folder,
    struct migration **ret_list, size_t *ret_count)
{
	struct migration *list;
	struct state s;
	size_t count = 0;
	enum err e;

	e = state_open(sc, url, folder, &s);
	if (!e)
		e = applied_read(sc, &s);
	if (e)
		return e;

	/* Both are in order: merge them. */
	list = arena_new_array(sc->arena, struct migration,
	    s.file_count + s.applied_count);
	for (size_t f = 0, a = 0; f < s.file_count || a < s.applied_count;) {
		const struct file *file = f < s.file_count ? &s.files[f] : NULL;
		const struct applied *row = a < s.applied_count ?
		    &s.applied[a] : NULL;
		bool has_file = file && (!row || file->number <= row->number);
		bool has_row = row && (!file || row->number <= file->number);

		list[count++] = (struct migration){
			.number = has_file ? file->number : (int)row->number,
			.name = has_file ? file->name : row->name,
			.applied_us = has_row ? row->applied_us : NONE,
			.gone = !has_file,
			.changed = has_file && has_row &&
			    strcmp(file->checksum, row->checksum) != 0,
		};
		f += has_file;
		a += has_row;
	}

	*ret_list = list;
	*ret_count = count;
	return ERR_OK;
}
