/*
 * cache_url.h: where Redis is, read from one line of the settings.
 *
 *	redis://[[user]:password@]host[:port][/db]	unix:///path	"" for none
 *
 * User, password and path may be percent-encoded; an IPv6 host stands in
 * brackets.  There is no rediss://: the client library speaks no TLS.
 */
#ifndef STORE_CACHE_URL_H
#define STORE_CACHE_URL_H

#include <stdbool.h>

#include "base/compiler.h"

#define CACHE_URL_PATH_MAX 108 /* what fits in sockaddr_un */
#define CACHE_URL_HOST_MAX 256
#define CACHE_URL_WORD_MAX 512
#define CACHE_URL_PORT 6379
#define CACHE_URL_DB_MAX 9999

struct cache_url {
	char path[CACHE_URL_PATH_MAX]; /* "" = TCP */
	char host[CACHE_URL_HOST_MAX]; /* "" and no path = no Redis */
	int port;
	int db;
	char user[CACHE_URL_WORD_MAX];     /* "" = the default user */
	char password[CACHE_URL_WORD_MAX]; /* "" = none */
};

/* false: none of the forms above; *ret_url is then untouched. */
bool cache_url_parse(const char *url, struct cache_url *ret_url) MUSTCHECK;

#endif
