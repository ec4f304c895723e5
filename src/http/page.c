/* page.c: an error as a small page, for the one route browsers come to. */
#include "http/page.h"

#include "base/arena.h"
#include "http/response.h"

#define PAGE_MAX 4096

struct text {
	const char *head;
	const char *title;
	const char *text;
};

static struct text
text_of(enum err e)
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
	default:
		return (struct text){ "", "Something went wrong",
			"Nothing was charged. Please try again later." };
	}
}

void
page_answer(struct response *res, enum err e)
{
	struct text text = text_of(e);

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
