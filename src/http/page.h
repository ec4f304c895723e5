/*
 * page.h: an error as a small page, for the one route browsers come to.
 */
#ifndef HTTP_PAGE_H
#define HTTP_PAGE_H

#include "base/err.h"

struct response;
struct scope;

/* Replace the body of a problem answer; status and headers stay. */
void page_answer(struct scope *sc, struct response *res, enum err e);

#endif
