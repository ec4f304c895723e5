/*
 * problem.h: what went wrong, told to the caller: RFC 9457 problem documents.
 */
#ifndef HTTP_PROBLEM_H
#define HTTP_PROBLEM_H

#include "base/err.h"

struct form;
struct refusal;
struct response;
struct scope;

/* The page that explains every code; "#code" is the anchor. */
#define PROBLEM_DOCS "/docs/errors"

extern const struct form form_problem;

/* Answer e: what the response held is dropped.  Sets Retry-After where there
 * is a use in trying again, and res->code and res->why for the log. */
void problem_answer(struct scope *sc, struct response *res, enum err e);

/* The same with the path it happened at and, for ERR_CAPACITY, what is full
 * and what would fit, for ERR_DECLINED, why.  Either may be NULL. */
void problem_answer_at(struct scope *sc, struct response *res, enum err e,
    const char *path, const struct refusal *refusal);

/* What the document of an error says when there is nothing more particular:
 * one or two sentences. */
const char *problem_sentence(enum err e);

/* What it says this time. */
const char *problem_detail(struct scope *sc, enum err e);

#endif
