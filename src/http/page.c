/* page.c: an error as a small page, for the one route browsers come to. */
#include "http/page.h"

#include <string.h>

#include "base/arena.h"
#include "base/scope.h"
#include "http/problem.h"
#include "http/response.h"

#define PAGE_MAX 4096

struct text {
	const char *head;
	const char *title;
	const char *text;
};

/* A sentence of ours, but one that may quote. */
static const char *
escaped(struct arena *arena, const char *text)
{
	struct buf out;

	buf_init(&out, arena, PAGE_MAX / 2);
	for (; *text; text++) {
		if (strchr("&<>", *text))
			buf_printf(&out, "&#%d;", *text);
		else
			buf_putc(&out, *text);
	}
	return out.overflow ? "" : out.data;
}

static struct text
text_of(struct scope *sc, enum err e)
{
	switch (e) {
	case ERR_NOT_FOUND:
	case ERR_INVALID:
		return (struct text){ "", "This payment link does not work",
			"It may be incomplete or out of date. Open your booking"
			" again and follow the link that stands there." };
	case ERR_PAYMENTS_UNAVAILABLE:
	case ERR_UNAVAILABLE:
	case ERR_KEY_ABSENT:
	case ERR_TIMEOUT:
		return (struct text){
			"<meta http-equiv=\"refresh\" content=\"30\">",
			"Payment is not possible at the moment",
			"Your booking stands, and nothing was charged. This"
			" page tries again by itself." };
	case ERR_DECLINED:
		return (struct text){ "", "This booking cannot be paid by card",
			escaped(sc->arena, problem_detail(sc, e)) };
	/* Paid, cancelled, expired: who comes back to the link learns which. */
	case ERR_STATE:
		return (struct text){ "", "There is nothing to pay",
			arena_printf(sc->arena, "%s Open your booking to see"
			" how it stands.", escaped(sc->arena,
			problem_detail(sc, e))) };
	default:
		return (struct text){ "", "Something went wrong",
			"Nothing was charged. Please try again later." };
	}
}

void
page_answer(struct scope *sc, struct response *res, enum err e)
{
	struct text text = text_of(sc, e);

	buf_init(&res->body, res->arena, PAGE_MAX);
	buf_printf(&res->body,
	    "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n"
	    "<meta charset=\"utf-8\">\n"
	    "<meta name=\"viewport\" content=\"width=device-width\">\n"
	    "<meta name=\"color-scheme\" content=\"light dark\">\n"
	    "<meta name=\"robots\" content=\"noindex\">\n"
	    "<link rel=\"stylesheet\" href=\"/docs/page.css\">\n%s"
	    "<title>%s</title>\n</head>\n<body>\n<main>\n<h1>%s</h1>\n"
	    "<p>%s</p>\n</main>\n</body>\n</html>\n",
	    text.head, text.title, text.title, text.text);
	response_header(res, "Content-Type", "text/html; charset=utf-8");
}
