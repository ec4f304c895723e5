/*
 * aws_vectors.h: requests signed by a client of AWS's that we did not write
 * (Debian's botocore 1.29.27, SigV4Auth and S3SigV4Auth), at 2026-11-27T10:20:30Z,
 * with the key of AWS's own examples.
 */
#ifndef TESTS_UNIT_AWS_VECTORS_H
#define TESTS_UNIT_AWS_VECTORS_H

#include "remote/http_client.h"

#define AWS_VECTOR_KEY_ID "AKIDEXAMPLE"
#define AWS_VECTOR_SECRET "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"

struct aws_vector {
	const char *service;
	const char *region;
	const char *method;
	const char *path;
	const char *query;
	const char *body;
	/* Beside X-Amz-Date, the hash and the token; the last is NULL. */
	struct http_client_header headers[6];
	const char *token;
	const char *authorization;
};

static const struct aws_vector aws_vectors[] = {
	{ "s3", "eu-west-1", "PUT",
	    "/qr/CB-7K2M.png",
	    NULL, "png",
	    {
	        { "Host", "booking-documents.s3.eu-west-1.amazonaws.com" },
	        { "Content-Type", "image/png" },
	        { "Cache-Control", "private, max-age=60" },
	        { "x-amz-server-side-encryption", "AES256" },
	        { "X-Amz-Content-SHA256",
	          "8f8cbb7dcf46e0bc7d53265749a6c17d116093a6ba95e442764060c76fd4a86c" },
	    },
	    NULL,
	    "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261127/eu-west-1/s3/aws4_request, "
	    "SignedHeaders=cache-control;content-type;host;x-amz-content-sha256;x-amz-date;x-amz-server-side-encryption, "
	    "Signature=e32b8a52a041c58dac85df3bdf01911744c3c30e3c6a6492673113b28f5e4370" },
	{ "s3", "eu-west-1", "GET",
	    "/documents/a%20b/%C3%A9//c/../d%2Bplus%25",
	    "x-id=GetObject&b=&a=2&a=1&sp=a%20b", "",
	    {
	        { "Host", "127.0.0.1:12121" },
	        { "X-Amz-Content-SHA256",
	          "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
	    },
	    "session+token/==",
	    "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261127/eu-west-1/s3/aws4_request, "
	    "SignedHeaders=host;x-amz-content-sha256;x-amz-date;x-amz-security-token, "
	    "Signature=de7b4731cd20c4617c7ddb4bce2f86c6f797a235691527cc52938e6f22446221" },
	{ "s3", "eu-west-1", "DELETE",
	    "/dotted.bucket/k%3D%26%3F",
	    NULL, "",
	    {
	        { "Host", "s3.eu-west-1.amazonaws.com" },
	        { "X-Amz-Content-SHA256",
	          "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
	    },
	    NULL,
	    "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261127/eu-west-1/s3/aws4_request, "
	    "SignedHeaders=host;x-amz-content-sha256;x-amz-date, "
	    "Signature=ceea9921e3e492969f6c29776c280122d57d9b1c77a95e8eb8275e0a343392a5" },
	{ "sqs", "us-east-1", "POST",
	    "/",
	    NULL, "{\"QueueUrl\":\"x\"}",
	    {
	        { "Host", "sqs.us-east-1.amazonaws.com" },
	        { "Content-Type", "application/x-amz-json-1.0" },
	        { "X-Amz-Target", "AmazonSQS.SendMessageBatch" },
	    },
	    "session+token/==",
	    "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261127/us-east-1/sqs/aws4_request, "
	    "SignedHeaders=content-type;host;x-amz-date;x-amz-security-token;x-amz-target, "
	    "Signature=1864083043f0a82ed7d842dc22b1086358be35414553a105659a119927f1ea9d" },
	{ "sqs", "us-east-1", "POST",
	    "/a%20b/./c//d/",
	    "q=%2Fx", "",
	    {
	        { "Host", "127.0.0.1:12121" },
	        { "X-Amz-Target", "  two   words " },
	    },
	    NULL,
	    "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261127/us-east-1/sqs/aws4_request, "
	    "SignedHeaders=host;x-amz-date;x-amz-target, "
	    "Signature=d86e494a719be7d24e98324a2269f6bb830f3c0f70cff7f79a2a35316d569ec5" },
};

#endif
