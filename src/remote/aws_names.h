/*
 * aws_names.h: regions, hosts and buckets of AWS as their names have them.
 * Pure.
 */
#ifndef REMOTE_AWS_NAMES_H
#define REMOTE_AWS_NAMES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/compiler.h"

#define AWS_REGION_MAX 33 /* characters of a region's name, with the NUL */
#define AWS_HOST_MAX 256  /* of a URL's host and port, with the NUL */

/* Lower-case words and digits with dashes between: "eu-west-1". */
bool aws_region_valid(const char *region);

/* The host of a URL, with its port unless that is the scheme's own, as a Host
 * header has it.  false: it is no URL, or too long. */
bool aws_host_of_url(const char *url, char out[AWS_HOST_MAX]) MUSTCHECK;

/*
 * The region that the host of a queue's address names: sqs.REGION.amazonaws.com
 * (or .com.cn, .eu, .api.aws; with -fips; behind a VPC endpoint's own name), or
 * the older REGION.queue.amazonaws.com and queue.amazonaws.com (us-east-1).
 * false: it names none.
 */
bool aws_region_of_queue(const char *url, char out[AWS_REGION_MAX]) MUSTCHECK;

/* What the hosts of a region end in: "amazonaws.com", in China and in the
 * European sovereign cloud another. */
const char *aws_domain(const char *region);

/* The name of a FIFO queue, and of no other, ends in ".fifo". */
bool aws_queue_is_fifo(const char *url);

/* 3 to 63 lower-case letters, digits, dots and dashes, a letter or digit at
 * either end, no two dots together. */
bool aws_bucket_valid(const char *bucket);

#endif
