/* fuzz_aws_profile.c: any bytes as a shared credentials file, and as the address
 * of a queue. */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "remote/aws_names.h"
#include "remote/aws_profile.h"

#define SIZE_MOST (16 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool holds)
{
	if (!holds)
		abort();
}

static bool
is_inside(const char *text, size_t size, const char *value)
{
	return value >= text && value + strlen(value) <= text + size;
}

static void
try_profile(const uint8_t *data, size_t size)
{
	struct aws_profile p = { .key_id = NULL };
	char *text = malloc(size + 1);

	must(text != NULL);
	if (size > 0)
		memcpy(text, data, size);
	text[size] = '\0';
	if (aws_profile_find(text, size, "default", &p)) {
		must(!p.key_id && !p.secret && !p.token);
	} else {
		must(is_inside(text, size, p.key_id) && *p.key_id);
		must(is_inside(text, size, p.secret) && *p.secret);
		must(!p.token || (is_inside(text, size, p.token) && *p.token));
		must(!strpbrk(p.key_id, "\n") && p.key_id[0] != ' ');
	}
	free(text);
}

static void
try_url(const uint8_t *data, size_t size)
{
	char *url = malloc(size + 1);
	char region[AWS_REGION_MAX];
	char host[AWS_HOST_MAX];

	must(url != NULL);
	if (size > 0)
		memcpy(url, data, size);
	url[size] = '\0';
	if (aws_host_of_url(url, host))
		must(*host && !strpbrk(host, "/?#"));
	if (aws_region_of_queue(url, region))
		must(aws_region_valid(region) && (strstr(url, "aws") ||
		    strstr(url, "amazon")));
	if (aws_bucket_valid(url))
		must(!strpbrk(url, "/:@?#%"));
	free(url);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size > SIZE_MOST)
		return 0;
	try_profile(data, size);
	try_url(data, size);
	return 0;
}
