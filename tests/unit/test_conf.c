/* test_conf.c: settings: where they come from, what is refused, what is
 * shown of them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <json-c/json.h>

#include "app/settings.h"
#include "base/conf.h"
#include "unit/unit.h"

#define KEY32 "0123456789abcdef0123456789abcdef"

struct values {
	const char *text;
	int64_t number;
	bool flag;
	const char *word;
	const char *secret;
	const char *url;
};

#define AT(member) offsetof(struct values, member)

static const struct conf_setting table[] = {
	{ "T_TEXT", CONF_TEXT, 0, "plain", 2, 8, AT(text), NULL, NULL,
	  "A text." },
	{ "T_NUMBER", CONF_INT, 0, "5", -10, 100, AT(number), NULL, "ms",
	  "A number that says how long something takes, in a sentence that is "
	  "longer than a line of the manual." },
	{ "T_FLAG", CONF_BOOL, 0, "off", 0, 0, AT(flag), NULL, NULL,
	  "A switch." },
	{ "T_WORD", CONF_WORD, 0, "one", 0, 0, AT(word), "one|two|three", NULL,
	  "A word." },
	{ "T_SECRET", CONF_TEXT, CONF_SECRET | CONF_REQUIRED, NULL, 4, 64,
	  AT(secret), NULL, NULL, "A secret." },
	{ "T_URL", CONF_TEXT, CONF_URL, "", 1, 200, AT(url), NULL, NULL,
	  "A URL." },
};

static char why[256];

static void
forget(void)
{
	static const char *const names[] = { "T_TEXT", "T_NUMBER", "T_FLAG",
		"T_WORD", "T_SECRET", "T_URL", "T_SECRET_FILE", "T_TEXT_FILE" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		unsetenv(names[i]);
	why[0] = '\0';
}

/* Load with the required secret and one more variable set. */
static bool
load(struct values *values, const char *name, const char *value)
{
	forget();
	setenv("T_SECRET", "s3cret", 1);
	if (name)
		setenv(name, value, 1);
	return conf_load(table, ARRAY_LEN(table), values, why, sizeof why);
}

static void
drop(struct values *values)
{
	conf_free(table, ARRAY_LEN(table), values);
}

static void
hold_refused(const char *name, const char *value, const char *sentence)
{
	struct values values;

	CU_ASSERT_FALSE(load(&values, name, value));
	CU_ASSERT_STRING_EQUAL(why, sentence);
	CU_ASSERT_PTR_NULL(values.text);
	CU_ASSERT_PTR_NULL(values.secret);
}

static void
test_defaults_hold_when_nothing_is_given(void)
{
	struct values values;

	CU_ASSERT_FATAL(load(&values, NULL, NULL));
	CU_ASSERT_STRING_EQUAL(values.text, "plain");
	CU_ASSERT_EQUAL(values.number, 5);
	CU_ASSERT_FALSE(values.flag);
	CU_ASSERT_STRING_EQUAL(values.word, "one");
	CU_ASSERT_STRING_EQUAL(values.secret, "s3cret");
	CU_ASSERT_STRING_EQUAL(values.url, "");
	drop(&values);
}

static void
test_values_are_taken_from_the_environment(void)
{
	static const char *const yes[] = { "on", "true", "1" };
	static const char *const no[] = { "off", "false", "0" };
	struct values values;

	CU_ASSERT_FATAL(load(&values, "T_NUMBER", "-10"));
	CU_ASSERT_EQUAL(values.number, -10);
	drop(&values);
	CU_ASSERT_FATAL(load(&values, "T_WORD", "three"));
	CU_ASSERT_STRING_EQUAL(values.word, "three");
	drop(&values);
	for (size_t i = 0; i < ARRAY_LEN(yes); i++) {
		CU_ASSERT_FATAL(load(&values, "T_FLAG", yes[i]));
		CU_ASSERT(values.flag);
		drop(&values);
		CU_ASSERT_FATAL(load(&values, "T_FLAG", no[i]));
		CU_ASSERT_FALSE(values.flag);
		drop(&values);
	}
}

static void
test_a_variable_set_to_nothing_is_not_set(void)
{
	struct values values;

	CU_ASSERT_FATAL(load(&values, "T_TEXT", ""));
	CU_ASSERT_STRING_EQUAL(values.text, "plain");
	drop(&values);
	hold_refused("T_SECRET", "",
	    "T_SECRET is missing: set it, or T_SECRET_FILE");
}

static void
test_a_bad_value_is_refused_with_its_rule_and_without_the_value(void)
{
	static const char between[] = "T_NUMBER must be between -10 and 100 ms";
	static const char whole[] = "T_NUMBER must be a whole number of ms";

	hold_refused("T_NUMBER", "101", between);
	hold_refused("T_NUMBER", "-11", between);
	hold_refused("T_NUMBER", "99999999999999999999", between);
	hold_refused("T_NUMBER", "5x", whole);
	hold_refused("T_NUMBER", "5.0", whole);
	hold_refused("T_NUMBER", " 5", whole);
	hold_refused("T_NUMBER", "-", whole);
	hold_refused("T_NUMBER", "0x10", whole);
	hold_refused("T_FLAG", "yes", "T_FLAG must be on or off");
	hold_refused("T_WORD", "tw", "T_WORD must be one of one|two|three");
	hold_refused("T_WORD", "one|two", "T_WORD must be one of one|two|three");
	hold_refused("T_TEXT", "x", "T_TEXT must have at least 2 bytes");
	hold_refused("T_TEXT", "123456789", "T_TEXT must have at most 8 bytes");
	hold_refused("T_SECRET", "abc", "T_SECRET must have at least 4 bytes");
}

/* A temporary file of these bytes; its path. */
static const char *
file_of(const char *data, size_t len)
{
	static char path[64];
	int fd;

	snprintf(path, sizeof path, "/tmp/test_conf_XXXXXX");
	fd = mkstemp(path);
	CU_ASSERT_FATAL(fd >= 0);
	CU_ASSERT_EQUAL(write(fd, data, len), (ssize_t)len);
	close(fd);
	return path;
}

static void
hold_file(const char *data, size_t len, const char *want)
{
	const char *path = file_of(data, len);
	struct values values;
	bool fine;

	forget();
	setenv("T_SECRET_FILE", path, 1);
	fine = conf_load(table, ARRAY_LEN(table), &values, why, sizeof why);
	unlink(path);
	CU_ASSERT_EQUAL(fine, want != NULL);
	if (!fine)
		return;
	CU_ASSERT_STRING_EQUAL(values.secret, want);
	drop(&values);
}

static void
test_a_file_gives_its_content_less_one_newline(void)
{
	hold_file("12345", 5, "12345");
	hold_file("12345\n", 6, "12345");
	hold_file("12345\n\n", 7, "12345\n");
	hold_file("123\n", 4, NULL); /* the bounds hold there too */
	CU_ASSERT_STRING_EQUAL(why, "T_SECRET must have at least 4 bytes");
	hold_file("12\0" "45", 5, NULL);
	CU_ASSERT_STRING_EQUAL(why, "T_SECRET_FILE: the file holds a NUL");
}

static void
test_a_file_that_is_missing_too_large_or_one_too_many_is_refused(void)
{
	struct values values;
	char *large = calloc(1, 70000);
	const char *path;

	CU_ASSERT_PTR_NOT_NULL_FATAL(large);
	hold_file(memset(large, 'x', 70000), 70000, NULL);
	CU_ASSERT_STRING_EQUAL(why, "T_SECRET_FILE: the file is too large");
	free(large);

	CU_ASSERT_FALSE(load(&values, "T_TEXT_FILE", "/nowhere/at/all"));
	CU_ASSERT_STRING_EQUAL(why, "T_TEXT_FILE: the file cannot be opened: "
	    "No such file or directory");
	path = file_of("12345", 5);
	CU_ASSERT_FALSE(load(&values, "T_SECRET_FILE", path));
	unlink(path);
	CU_ASSERT_STRING_EQUAL(why,
	    "T_SECRET and T_SECRET_FILE are both set: give one");
	/* What cannot be read may hold anything: it is not passed over. */
	CU_ASSERT_FALSE(load(&values, "T_SECRET_FILE", "/nowhere/at/all"));
	CU_ASSERT_STRING_EQUAL(why, "T_SECRET_FILE: the file cannot be opened: "
	    "No such file or directory");
}

/* As a unit of systemd gives it: the files of all secrets, some of them empty. */
static void
test_an_empty_file_is_as_if_it_were_not_named(void)
{
	struct values values;

	hold_file("", 0, NULL);
	CU_ASSERT_STRING_EQUAL(why,
	    "T_SECRET is missing: set it, or T_SECRET_FILE");
	hold_file("\n", 1, NULL);
	CU_ASSERT_STRING_EQUAL(why,
	    "T_SECRET is missing: set it, or T_SECRET_FILE");

	CU_ASSERT_FATAL(load(&values, "T_SECRET_FILE", "/dev/null"));
	CU_ASSERT_STRING_EQUAL(values.secret, "s3cret");
	drop(&values);
	CU_ASSERT_FATAL(load(&values, "T_TEXT_FILE", "/dev/null"));
	CU_ASSERT_STRING_EQUAL(values.text, "plain");
	drop(&values);
}

/* What conf_print writes of these values; malloc'ed. */
static char *
printed(const struct values *values, bool json)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	CU_ASSERT_PTR_NOT_NULL_FATAL(out);
	conf_print(out, table, ARRAY_LEN(table), values, json);
	fclose(out);
	return text;
}

static void
test_the_print_out_masks_secrets(void)
{
	struct values values;
	struct json_object *parsed;
	char *text;

	CU_ASSERT_FATAL(load(&values, "T_URL", "redis://h/1"));
	text = printed(&values, false);
	CU_ASSERT_STRING_EQUAL(text, "T_TEXT=plain\nT_NUMBER=5\nT_FLAG=off\n"
	    "T_WORD=one\nT_SECRET=***\nT_URL=redis://h/1\n");
	free(text);

	text = printed(&values, true);
	CU_ASSERT_STRING_EQUAL(text, "{\"T_TEXT\":\"plain\",\"T_NUMBER\":5,"
	    "\"T_FLAG\":false,\"T_WORD\":\"one\",\"T_SECRET\":\"***\","
	    "\"T_URL\":\"redis://h/1\"}\n");
	parsed = json_tokener_parse(text);
	CU_ASSERT_PTR_NOT_NULL(parsed);
	json_object_put(parsed);
	free(text);
	drop(&values);
}

static void
hold_url(const char *url, const char *want)
{
	struct values values;
	char *text;
	char *line;

	CU_ASSERT_FATAL(load(&values, "T_URL", url));
	text = printed(&values, false);
	line = strstr(text, "T_URL=");
	CU_ASSERT_PTR_NOT_NULL_FATAL(line);
	line[strcspn(line, "\n")] = '\0';
	CU_ASSERT_STRING_EQUAL(line + 6, want);
	CU_ASSERT_PTR_NULL(strstr(text, "pa55"));
	free(text);
	drop(&values);
}

static void
test_only_the_password_of_a_url_is_masked(void)
{
	hold_url("postgres://api@db:5432/booking", "postgres://api@db:5432/booking");
	hold_url("postgres://api:pa55@db:5432/booking",
	    "postgres://api:***@db:5432/booking");
	hold_url("redis://:pa55@cache:6379/0", "redis://:***@cache:6379/0");
	hold_url("postgres://api:pa55/@x:pa55@db/b", "postgres://api:***@db/b");
	hold_url("postgres://db/b?user=api&password=pa55&sslmode=require",
	    "postgres://db/b?user=api&password=***&sslmode=require");
	hold_url("postgres://db/b?sslpassword=pa55", "postgres://db/b?sslpassword=***");
	hold_url("host=db password='pa55 word' user=api", "***");
	hold_url("host=db user=api", "host=db user=api");
}

static void
test_the_manual_says_all_of_each_setting_and_folds_its_lines(void)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	CU_ASSERT_PTR_NOT_NULL_FATAL(out);
	conf_manual(out, table, ARRAY_LEN(table));
	fclose(out);
	CU_ASSERT_PTR_NOT_NULL(strstr(text,
	    "T_TEXT (text, 2 to 8 bytes; default plain)\n    A text.\n"));
	CU_ASSERT_PTR_NOT_NULL(strstr(text,
	    "\nT_NUMBER (whole number, -10 to 100 ms; default 5)\n"
	    "    A number that says how long something takes, in a sentence "
	    "that is\n    longer than a line of the manual.\n"));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "T_FLAG (on or off; default off)"));
	CU_ASSERT_PTR_NOT_NULL(strstr(text,
	    "T_WORD (one of one|two|three; default one)"));
	CU_ASSERT_PTR_NOT_NULL(strstr(text,
	    "T_SECRET (text, 4 to 64 bytes; secret; required)"));
	CU_ASSERT_PTR_NOT_NULL(strstr(text,
	    "T_URL (URL, 1 to 200 bytes; default none)"));
	free(text);
}

/* ---- the settings of the product ------------------------------------------ */

/* The least the product starts with, and one variable more. */
static const struct settings *
product(const char *name, const char *value)
{
	char file[80];

	for (size_t i = 0; i < settings_count; i++) {
		unsetenv(settings_table[i].name);
		snprintf(file, sizeof file, "%s_FILE", settings_table[i].name);
		unsetenv(file);
	}
	setenv("DATABASE_URL", "postgres://db/b", 1);
	setenv("PUBLIC_URL", "https://booking.example.com", 1);
	setenv("JWT_SECRET", KEY32, 1);
	setenv("SESSION_SECRET", KEY32, 1);
	setenv("LOOKUP_SECRET", KEY32, 1);
	setenv("ENCRYPTION_KEYS", "1:" KEY32 KEY32, 1);
	why[0] = '\0';
	if (name && value)
		setenv(name, value, 1);
	else if (name)
		unsetenv(name);
	return settings_load(why, sizeof why);
}

static void
hold_product(const char *name, const char *value, bool want)
{
	const struct settings *settings = product(name, value);

	if ((settings != NULL) != want)
		fprintf(stderr, "%s=%s: %s\n", name, value, why);
	CU_ASSERT_EQUAL(settings != NULL, want);
	/* The sentence names the setting; with a rule of two, either. */
	if (!settings)
		CU_ASSERT(strstr(why, name) != NULL);
	settings_free(settings);
}

static void
test_every_default_of_the_product_is_within_its_bounds(void)
{
	const struct settings *s = product(NULL, NULL);

	CU_ASSERT_PTR_NOT_NULL_FATAL(s);
	CU_ASSERT_STRING_EQUAL(s->redis_url, "");
	CU_ASSERT_STRING_EQUAL(s->api_socket_mode, "0660");
	CU_ASSERT_EQUAL(s->api_workers, 0);
	CU_ASSERT_EQUAL(s->api_hang_ms, 25000);
	CU_ASSERT_EQUAL(s->request_deadline_ms, 10000);
	CU_ASSERT_EQUAL(s->db_statement_timeout_ms, 5000);
	CU_ASSERT_EQUAL(s->db_lock_timeout_ms, 2000);
	CU_ASSERT_EQUAL(s->hold_s, 2100);
	CU_ASSERT_EQUAL(s->holds_max, 5);
	CU_ASSERT_STRING_EQUAL(s->log_level, "info");
	settings_free(s);
}

static void
test_every_setting_of_the_product_is_told_and_has_a_place_of_its_own(void)
{
	for (size_t i = 0; i < settings_count; i++) {
		const struct conf_setting *a = &settings_table[i];
		size_t len = strlen(a->help);

		CU_ASSERT(len > 20 && a->help[len - 1] == '.');
		CU_ASSERT(strstr(a->name, "SECRET") == NULL ||
		    a->flags & CONF_SECRET);
		/* KMS's names a key that never leaves AWS. */
		CU_ASSERT(strstr(a->name, "KEY") == NULL ||
		    strstr(a->name, "KMS_KEY_ID") != NULL ||
		    a->flags & CONF_SECRET);
		for (size_t k = 0; k < i; k++) {
			CU_ASSERT(a->offset != settings_table[k].offset);
			CU_ASSERT(strcmp(a->name, settings_table[k].name) != 0);
		}
	}
	/* Each of them is 8 bytes: none of the struct is left without one. */
	CU_ASSERT_EQUAL(settings_count * 8, sizeof(struct settings));
}

static void
test_what_has_no_default_must_be_given(void)
{
	hold_product("DATABASE_URL", NULL, false);
	hold_product("PUBLIC_URL", NULL, false);
	hold_product("JWT_SECRET", NULL, false); /* nor is JWT_JWKS_FILE */
	hold_product("SESSION_SECRET", NULL, false);
	hold_product("LOOKUP_SECRET", NULL, false);
	hold_product("ENCRYPTION_KEYS", NULL, false);
	hold_product("JWT_SECRET", "too short", false);
}

static void
test_timeouts_nest(void)
{
	hold_product("REQUEST_DEADLINE_MS", "5000", true);
	hold_product("REQUEST_DEADLINE_MS", "4999", false);
	hold_product("DB_LOCK_TIMEOUT_MS", "5000", true);
	hold_product("DB_LOCK_TIMEOUT_MS", "5001", false);
	hold_product("DB_STATEMENT_TIMEOUT_MS", "1999", false);
	hold_product("API_HANG_MS", "9999", false);
	hold_product("API_SOCKET_MODE", "0680", false);
	hold_product("LOG_LEVEL", "loud", false);
}

/* Beside the first setting, which is set already. */
static void
hold_with(const char *given, const char *given_value, const char *name,
    const char *value, bool want)
{
	const struct settings *settings = product(name, value);

	settings_free(settings);
	setenv(given, given_value, 1);
	why[0] = '\0';
	settings = settings_load(why, sizeof why);
	if ((settings != NULL) != want)
		fprintf(stderr, "%s=%s: %s\n", name, value, why);
	CU_ASSERT_EQUAL(settings != NULL, want);
	if (!settings)
		CU_ASSERT(strstr(why, name) != NULL);
	settings_free(settings);
	unsetenv(given);
}

static void
test_a_queue_and_a_bucket_have_their_region_and_their_names(void)
{
	hold_product("SQS_QUEUE_URL",
	    "https://sqs.eu-west-1.amazonaws.com/1/q.fifo", true);
	hold_product("SQS_QUEUE_URL", "http://127.0.0.1:1/1/q", false);
	hold_with("AWS_REGION", "eu-west-1", "SQS_QUEUE_URL",
	    "http://127.0.0.1:1/1/q", true);
	hold_product("SQS_QUEUE_URL", "arn:aws:sqs:eu-west-1:1:q", false);
	hold_product("SQS_QUEUE_URL", "https://sqs.eu-west-1.amazonaws.com/",
	    false);
	hold_product("AWS_REGION", "eu-west-1", true);
	hold_product("AWS_REGION", "EU (Ireland)", false);
	hold_product("S3_BUCKET", "documents", false);
	hold_with("AWS_REGION", "eu-west-1", "S3_BUCKET", "documents", true);
	hold_with("AWS_REGION", "eu-west-1", "S3_BUCKET", "Documents", false);
	hold_product("S3_SSE", "aws:kms", true);
	hold_product("S3_SSE", "none", false);
	hold_product("S3_KMS_KEY_ID", "alias/documents", false);
	hold_with("S3_SSE", "aws:kms", "S3_KMS_KEY_ID", "alias/documents",
	    true);
	hold_product("DOCUMENTS_URL", "https://cdn.example.com/d", true);
	hold_product("DOCUMENTS_URL", "https://cdn.example.com/", false);
	hold_product("AWS_ENDPOINT_URL_SQS", "http://127.0.0.1:1", true);
	hold_product("AWS_ENDPOINT_URL_SQS", "127.0.0.1:1", false);
	hold_product("AWS_ENDPOINT_URL_S3", "https://s3.example.com/", false);
}

static void
test_keys_of_aws_come_together_or_not_at_all(void)
{
	const struct settings *s;

	hold_product("AWS_ACCESS_KEY_ID", "AKIA1", false);
	hold_product("AWS_SECRET_ACCESS_KEY", "secret", false);
	hold_product("AWS_SESSION_TOKEN", "token", false);
	hold_with("AWS_ACCESS_KEY_ID", "AKIA1", "AWS_SECRET_ACCESS_KEY",
	    "secret", true);
	hold_product("AWS_EC2_METADATA_DISABLED", "true", true);
	hold_product("AWS_EC2_METADATA_DISABLED", "perhaps", false);

	/* The token of a pod: its path is kept, and what it held at the start
	 * is never used. */
	s = product("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "/dev/null");
	CU_ASSERT_PTR_NOT_NULL_FATAL(s);
	CU_ASSERT_STRING_EQUAL(s->aws_container_token_file, "/dev/null");
	CU_ASSERT_STRING_EQUAL(s->aws_container_token, "");
	settings_free(s);
}

static void
test_public_url_is_a_base_one_can_add_a_path_to(void)
{
	hold_product("PUBLIC_URL", "http://127.0.0.1:8080", true);
	hold_product("PUBLIC_URL", "https://example.com/care", true);
	hold_product("PUBLIC_URL", "https://example.com/", false);
	hold_product("PUBLIC_URL", "https:///care", false);
	hold_product("PUBLIC_URL", "https://", false);
	hold_product("PUBLIC_URL", "ftp://example.com", false);
	hold_product("PUBLIC_URL", "example.com", false);
	hold_product("PUBLIC_URL", "https://example.com?x=1", false);
	hold_product("PUBLIC_URL", "https://exa mple.com", false);
}

static void
test_origins_are_exact(void)
{
	hold_product("CORS_ORIGINS", "https://a.example", true);
	hold_product("CORS_ORIGINS", "https://a.example:8443,http://b", true);
	hold_product("CORS_ORIGINS", "http://[::1]:8080", true);
	hold_product("CORS_ORIGINS", "*", false);
	hold_product("CORS_ORIGINS", "https://*.example", false);
	hold_product("CORS_ORIGINS", "https://a.example/", false);
	hold_product("CORS_ORIGINS", "https://a.example, https://b", false);
	hold_product("CORS_ORIGINS", "https://a.example,", false);
	hold_product("CORS_ORIGINS", ",https://a.example", false);
	hold_product("CORS_ORIGINS", "https://A.example", false);
	hold_product("CORS_ORIGINS", "https://u@a.example", false);
	hold_product("CORS_ORIGINS", "https://a:", false);
	hold_product("CORS_ORIGINS", "https://a:123456", false);
	hold_product("CORS_ORIGINS", "https://", false);
	hold_product("CORS_ORIGINS", "null", false);
}

UNIT_SUITE(conf,
    UNIT_TEST(test_defaults_hold_when_nothing_is_given),
    UNIT_TEST(test_values_are_taken_from_the_environment),
    UNIT_TEST(test_a_variable_set_to_nothing_is_not_set),
    UNIT_TEST(test_a_bad_value_is_refused_with_its_rule_and_without_the_value),
    UNIT_TEST(test_a_file_gives_its_content_less_one_newline),
    UNIT_TEST(test_a_file_that_is_missing_too_large_or_one_too_many_is_refused),
    UNIT_TEST(test_an_empty_file_is_as_if_it_were_not_named),
    UNIT_TEST(test_the_print_out_masks_secrets),
    UNIT_TEST(test_only_the_password_of_a_url_is_masked),
    UNIT_TEST(test_the_manual_says_all_of_each_setting_and_folds_its_lines),
    UNIT_TEST(test_every_default_of_the_product_is_within_its_bounds),
    UNIT_TEST(test_every_setting_of_the_product_is_told_and_has_a_place_of_its_own),
    UNIT_TEST(test_what_has_no_default_must_be_given),
    UNIT_TEST(test_timeouts_nest),
    UNIT_TEST(test_a_queue_and_a_bucket_have_their_region_and_their_names),
    UNIT_TEST(test_keys_of_aws_come_together_or_not_at_all),
    UNIT_TEST(test_public_url_is_a_base_one_can_add_a_path_to),
    UNIT_TEST(test_origins_are_exact))
