/* aws_names.c: regions, hosts and buckets of AWS as their names have them. */
#include "remote/aws_names.h"

#include <stdio.h>
#include <string.h>

#define LOWER "abcdefghijklmnopqrstuvwxyz0123456789"
#define BUCKET_MIN 3
#define BUCKET_MAX 63
#define LABELS_MAX 16

static bool
ends_in(const char *text, const char *end)
{
	size_t len = strlen(text);
	size_t end_len = strlen(end);

	return len >= end_len && strcmp(text + len - end_len, end) == 0;
}

bool
aws_region_valid(const char *region)
{
	size_t len = strlen(region);

	return len > 0 && len < AWS_REGION_MAX &&
	    strspn(region, LOWER "-") == len && region[0] != '-' &&
	    region[len - 1] != '-';
}

bool
aws_host_of_url(const char *url, char out[AWS_HOST_MAX])
{
	bool tls = strncmp(url, "https://", 8) == 0;
	const char *own_port = tls ? ":443" : ":80";
	const char *host = url + (tls ? 8 : 7);
	size_t len;

	if (!tls && strncmp(url, "http://", 7) != 0)
		return false;
	len = strcspn(host, "/?#");
	if (len == 0 || len >= AWS_HOST_MAX)
		return false;
	memcpy(out, host, len);
	out[len] = '\0';
	if (ends_in(out, own_port) && out[0] != ':')
		out[len - strlen(own_port)] = '\0';
	return true;
}

/* Whether the host's last labels are those of AWS; then they are cut off. */
static bool
cut_domain(char *host)
{
	static const char *const domains[] = { ".amazonaws.com",
		".amazonaws.com.cn", ".amazonaws.eu", ".api.aws",
		".api.amazonwebservices.com.cn", ".api.amazonwebservices.eu" };

	for (size_t i = 0; i < ARRAY_LEN(domains); i++) {
		if (ends_in(host, domains[i])) {
			host[strlen(host) - strlen(domains[i])] = '\0';
			return true;
		}
	}
	return false;
}

/* Takes it apart; 0 when there are too many. */
static size_t
split_labels(char *host, const char *labels[LABELS_MAX])
{
	size_t count = 0;

	while (host) {
		if (count == LABELS_MAX)
			return 0;
		labels[count++] = strsep(&host, ".");
	}
	return count;
}

bool
aws_region_of_queue(const char *url, char out[AWS_REGION_MAX])
{
	const char *labels[LABELS_MAX];
	const char *region = NULL;
	char host[AWS_HOST_MAX];
	size_t count;

	if (!aws_host_of_url(url, host) || !cut_domain(host))
		return false;
	count = split_labels(host, labels);
	for (size_t i = 0; i < count; i++) {
		bool sqs = strcmp(labels[i], "sqs") == 0 ||
		    strcmp(labels[i], "sqs-fips") == 0;

		if (sqs && i + 1 < count)
			region = labels[i + 1];
		if (strcmp(labels[i], "queue") == 0 && i + 1 == count)
			region = i > 0 ? labels[i - 1] : "us-east-1";
	}
	if (!region || !aws_region_valid(region))
		return false;
	memcpy(out, region, strlen(region) + 1);
	return true;
}

/* As botocore 1.43 has them (partitions.json), but for those that are closed to
 * the public, whose hosts have to be given. */
const char *
aws_domain(const char *region)
{
	if (strncmp(region, "cn-", 3) == 0)
		return "amazonaws.com.cn";
	return strncmp(region, "eusc-", 5) == 0 ? "amazonaws.eu"
	    : "amazonaws.com";
}

bool
aws_queue_is_fifo(const char *url)
{
	return ends_in(url, ".fifo");
}

bool
aws_bucket_valid(const char *bucket)
{
	size_t len = strlen(bucket);

	return len >= BUCKET_MIN && len <= BUCKET_MAX &&
	    strspn(bucket, LOWER ".-") == len &&
	    !strchr(".-", bucket[0]) && !strchr(".-", bucket[len - 1]) &&
	    !strstr(bucket, "..");
}
