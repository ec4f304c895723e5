/*
 * answer.h: put a good answer's status, type and body into the response.
 */
#ifndef HTTP_ANSWER_H
#define HTTP_ANSWER_H

#include <stddef.h>

#include "base/compiler.h"
#include "base/err.h"

struct form;
struct response;
struct scope;

/* ERR_INTERNAL: the body is larger than any answer may be. */
enum err answer_form(struct scope *sc, struct response *res, int status,
    const struct form *form, const void *object) MUSTCHECK;
enum err answer_json(struct scope *sc, struct response *res, int status,
    const char *json, size_t len) MUSTCHECK;
/* What is not JSON. */
enum err answer_bytes(struct scope *sc, struct response *res, int status,
    const char *type, const void *data, size_t len) MUSTCHECK;

#endif
