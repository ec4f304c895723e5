/*
 * sample_form.h: a form with a field of every type that can be read, and one
 * of those that can only be printed: what the tests and the fuzz targets of
 * base/form use.
 */
#ifndef TESTS_SUPPORT_SAMPLE_FORM_H
#define TESTS_SUPPORT_SAMPLE_FORM_H

#include <stdio.h>
#include <string.h>

#include "base/form.h"
#include "base/instant.h"
#include "base/scope.h"
#include "base/uuid.h"

struct sample_child {
	const char *name;
	int64_t age;
	struct list siblings; /* of struct sample_child */
};

struct sample {
	const char *text;
	const char *notes;
	const char *email;
	const char *phone;
	const char *word;
	const char *clock;
	struct uuid id;
	int64_t instant;
	int64_t date;
	int64_t number;
	int64_t any_number;
	int64_t money;
	bool flag;
	struct sample_child *child;
	struct list children; /* of struct sample_child */
	struct texts texts;
	struct ints ints;
	const char *raw;
};

static const char *const sample_words[] = { "red", "green", "blue", NULL };

/* A rule that spans fields: nobody called "twin" is older than 1. */
static void
sample_child_check(struct scope *sc, const char *at, const void *object)
{
	const struct sample_child *child = object;
	char pointer[256];

	if (!child->name || strcmp(child->name, "twin") != 0 || child->age <= 1)
		return;
	snprintf(pointer, sizeof pointer, "%s/age", at);
	scope_fault(sc, pointer, "maximum", "a twin is at most 1");
}

static const struct form sample_child_form;

static const struct field sample_child_fields[] = {
	{ .name = "name", .type = FIELD_TEXT, .flags = FIELD_REQUIRED,
	  .min = 1, .max = 10, .offset = offsetof(struct sample_child, name) },
	{ .name = "age", .type = FIELD_INT, .flags = FIELD_REQUIRED,
	  .min = 0, .max = 17, .offset = offsetof(struct sample_child, age) },
	{ .name = "siblings", .type = FIELD_LIST, .min = 0, .max = 3,
	  .offset = offsetof(struct sample_child, siblings),
	  .form = &sample_child_form },
};

static const struct form sample_child_form = {
	.name = "SampleChild",
	.help = "A child.",
	.size = sizeof(struct sample_child),
	.fields = sample_child_fields,
	.count = ARRAY_LEN(sample_child_fields),
	.check = sample_child_check,
};

#define SAMPLE_AT(member) .offset = offsetof(struct sample, member)

static const struct field sample_fields[] = {
	{ .name = "text", .type = FIELD_TEXT, .flags = FIELD_REQUIRED,
	  .min = 1, .max = 10, SAMPLE_AT(text), .help = "A \"text\".",
	  .example = "\"abc\"" },
	{ .name = "notes", .type = FIELD_TEXT,
	  .flags = FIELD_MULTILINE | FIELD_NULLABLE, .max = 100,
	  SAMPLE_AT(notes) },
	{ .name = "email", .type = FIELD_EMAIL, SAMPLE_AT(email) },
	{ .name = "phone", .type = FIELD_PHONE, .min = 5, .max = 20,
	  SAMPLE_AT(phone) },
	{ .name = "word", .type = FIELD_WORD, .flags = FIELD_NULLABLE,
	  SAMPLE_AT(word), .words = sample_words },
	{ .name = "clock", .type = FIELD_CLOCK, SAMPLE_AT(clock) },
	{ .name = "id", .type = FIELD_UUID, SAMPLE_AT(id) },
	{ .name = "instant", .type = FIELD_INSTANT, SAMPLE_AT(instant) },
	{ .name = "date", .type = FIELD_DATE, SAMPLE_AT(date) },
	{ .name = "number", .type = FIELD_INT, .min = -5, .max = 100,
	  SAMPLE_AT(number) },
	{ .name = "any_number", .type = FIELD_INT, SAMPLE_AT(any_number) },
	{ .name = "money", .type = FIELD_MONEY, .min = 0, .max = 999999999999,
	  SAMPLE_AT(money) },
	{ .name = "flag", .type = FIELD_BOOL, SAMPLE_AT(flag) },
	{ .name = "child", .type = FIELD_OBJECT, .flags = FIELD_NULLABLE,
	  SAMPLE_AT(child), .form = &sample_child_form },
	{ .name = "children", .type = FIELD_LIST, .min = 1, .max = 3,
	  SAMPLE_AT(children), .form = &sample_child_form },
	{ .name = "texts", .type = FIELD_TEXTS, SAMPLE_AT(texts) },
	{ .name = "ints", .type = FIELD_INTS, SAMPLE_AT(ints) },
	{ .name = "raw", .type = FIELD_RAW, .flags = FIELD_RAW_LIST,
	  SAMPLE_AT(raw), .form = &sample_child_form },
};

static const struct form sample_form = {
	.name = "Sample",
	.help = "One of each.",
	.size = sizeof(struct sample),
	.fields = sample_fields,
	.count = ARRAY_LEN(sample_fields),
};

#endif
