/* aws_error.c: the table of AWS's errors. */
#include "remote/aws_error.h"

#include <assert.h>
#include <string.h>

#define LETTERS \
	"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"
#define SQS_PREFIX "AWS.SimpleQueueService."
#define STATUS_TIMEOUT 408
#define STATUS_MANY 429

/*
 * Sources
 *	Q  the service model of SQS (botocore 1.43, sqs/2012-11-05), whose errors
 *	   have a name over JSON and, some of them, another over the query
 *	   protocol and in the entries of a batch
 *	C  "Common Errors" of the SQS API Reference
 *	R  botocore 1.43, retries/standard.py and _retry.json: what a client
 *	   tries again
 *	S  "Error responses" of the Amazon S3 API Reference
 *	J  aws-sdk-js-v3, service-error-classification: errors of the clock
 * KMS's throttling stands in no client's list of what to try again; it is an
 * outage all the same, also where a batch calls it the sender's fault.
 */
struct row {
	const char *code;
	enum aws_fate fate;
};

/* clang-format off */
static const struct row rows[] = {
	/* Too much at once. */
	{ "RequestThrottled", AWS_LATER },              /* Q R: HTTP 403 */
	{ "ThrottlingException", AWS_LATER },           /* C R */
	{ "Throttling", AWS_LATER },                    /* R */
	{ "ThrottledException", AWS_LATER },            /* R */
	{ "RequestThrottledException", AWS_LATER },     /* R */
	{ "TooManyRequestsException", AWS_LATER },      /* R */
	{ "RequestLimitExceeded", AWS_LATER },          /* R */
	{ "BandwidthLimitExceeded", AWS_LATER },        /* R */
	{ "LimitExceededException", AWS_LATER },        /* R */
	{ "PriorRequestNotComplete", AWS_LATER },       /* R */
	{ "SlowDown", AWS_LATER },                      /* R S */
	{ "Busy", AWS_LATER },                          /* S */
	{ "OverLimit", AWS_LATER },                     /* Q */
	{ "KmsThrottled", AWS_LATER },                  /* Q */
	{ "KMS.ThrottlingException", AWS_LATER },       /* Q */
	/* Not well. */
	{ "InternalFailure", AWS_LATER },               /* C */
	{ "InternalError", AWS_LATER },                 /* Q: of an entry; S */
	{ "ServiceUnavailable", AWS_LATER },            /* C S */
	{ "ServiceUnavailableException", AWS_LATER },
	{ "RequestTimeout", AWS_LATER },                /* R S: HTTP 400 */
	{ "RequestTimeoutException", AWS_LATER },       /* C R */
	{ "RequestAbortedException", AWS_LATER },       /* C */
	{ "OperationAborted", AWS_LATER },              /* S: another at once */
	{ "ConditionalRequestConflict", AWS_LATER },    /* S */
	/* Spoilt on its way. */
	{ "BadDigest", AWS_LATER },                     /* R S */
	{ "IncompleteBody", AWS_LATER },                /* S */
	{ "XAmzContentSHA256Mismatch", AWS_LATER },     /* S */

	/* The message or the object itself. */
	{ "InvalidMessageContents", AWS_REJECTED },     /* Q */
	{ "BatchRequestTooLong", AWS_REJECTED },        /* Q */
	{ "InvalidParameterValue", AWS_REJECTED },      /* C: too long, a group */
	{ "InvalidParameterValueException", AWS_REJECTED },
	{ "MissingParameter", AWS_REJECTED },           /* C */
	{ "MissingRequiredParameterException", AWS_REJECTED },
	{ "InvalidAttributeValue", AWS_REJECTED },      /* Q */
	{ "InvalidBatchEntryId", AWS_REJECTED },        /* Q */
	{ "BatchEntryIdsNotDistinct", AWS_REJECTED },   /* Q */
	{ "TooManyEntriesInBatchRequest", AWS_REJECTED }, /* Q */
	{ "EmptyBatchRequest", AWS_REJECTED },          /* Q */
	{ "RequestEntityTooLargeException", AWS_REJECTED }, /* C */
	{ "EntityTooLarge", AWS_REJECTED },             /* S */
	{ "KeyTooLongError", AWS_REJECTED },            /* S */
	{ "InvalidURI", AWS_REJECTED },                 /* S */
	{ "MetadataTooLarge", AWS_REJECTED },           /* S */

	/* A person's work: queue and bucket, ... */
	{ "QueueDoesNotExist", AWS_STOPPED },           /* Q */
	{ "NonExistentQueue", AWS_STOPPED },            /* Q, its other name */
	{ "QueueDeletedRecently", AWS_STOPPED },        /* Q */
	{ "InvalidAddress", AWS_STOPPED },              /* Q */
	{ "UnsupportedOperation", AWS_STOPPED },        /* Q */
	{ "ResourceNotFoundException", AWS_STOPPED },   /* Q */
	{ "NoSuchBucket", AWS_STOPPED },                /* S */
	{ "InvalidBucketName", AWS_STOPPED },           /* S */
	{ "PermanentRedirect", AWS_STOPPED },           /* S: another region */
	{ "TemporaryRedirect", AWS_LATER },             /* S: a bucket just made */
	{ "AuthorizationHeaderMalformed", AWS_STOPPED }, /* S: another region */
	{ "IllegalLocationConstraintException", AWS_STOPPED }, /* S */
	/* ... rights, ... */
	{ "AccessDenied", AWS_STOPPED },                /* C S */
	{ "AccessDeniedException", AWS_STOPPED },       /* C */
	{ "AllAccessDisabled", AWS_STOPPED },           /* S */
	{ "AccountProblem", AWS_STOPPED },              /* S */
	{ "NotAuthorized", AWS_STOPPED },               /* C */
	{ "OptInRequired", AWS_STOPPED },               /* C */
	{ "InvalidSecurity", AWS_STOPPED },             /* Q */
	/* ... keys, ... */
	{ "InvalidClientTokenId", AWS_STOPPED },        /* C */
	{ "UnrecognizedClientException", AWS_STOPPED }, /* C */
	{ "InvalidAccessKeyId", AWS_STOPPED },          /* S */
	{ "InvalidToken", AWS_STOPPED },                /* S */
	{ "ExpiredToken", AWS_STOPPED },                /* C S */
	{ "ExpiredTokenException", AWS_STOPPED },       /* C */
	{ "MissingAuthenticationToken", AWS_STOPPED },  /* C */
	{ "MissingAuthenticationTokenException", AWS_STOPPED },
	{ "IncompleteSignature", AWS_STOPPED },         /* C */
	{ "IncompleteSignatureException", AWS_STOPPED },
	{ "SignatureDoesNotMatch", AWS_STOPPED },       /* J S */
	{ "InvalidSignatureException", AWS_STOPPED },   /* J */
	{ "AuthFailure", AWS_STOPPED },                 /* J */
	{ "RequestExpired", AWS_STOPPED },              /* C J */
	{ "RequestInTheFuture", AWS_STOPPED },          /* J */
	{ "RequestTimeTooSkewed", AWS_STOPPED },        /* J S */
	/* ... the key that encrypts what lies there, ... */
	{ "KmsAccessDenied", AWS_STOPPED },             /* Q */
	{ "KmsDisabled", AWS_STOPPED },                 /* Q */
	{ "KmsInvalidKeyUsage", AWS_STOPPED },          /* Q */
	{ "KmsInvalidState", AWS_STOPPED },             /* Q */
	{ "KmsNotFound", AWS_STOPPED },                 /* Q */
	{ "KmsOptInRequired", AWS_STOPPED },            /* Q */
	{ "KMS.AccessDeniedException", AWS_STOPPED },   /* Q, their other names */
	{ "KMS.DisabledException", AWS_STOPPED },
	{ "KMS.InvalidKeyUsageException", AWS_STOPPED },
	{ "KMS.InvalidStateException", AWS_STOPPED },
	{ "KMS.KMSInvalidStateException", AWS_STOPPED }, /* S */
	{ "KMS.NotFoundException", AWS_STOPPED },
	{ "KMS.OptInRequired", AWS_STOPPED },
	/* ... and this program. */
	{ "InvalidAction", AWS_STOPPED },               /* C */
	{ "UnknownOperationException", AWS_STOPPED },   /* C */
	{ "SerializationException", AWS_STOPPED },
	{ "MalformedHttpRequestException", AWS_STOPPED }, /* C */
	{ "InvalidRequest", AWS_STOPPED },              /* S */
	{ "InvalidArgument", AWS_STOPPED },             /* S */
	{ "MethodNotAllowed", AWS_STOPPED },            /* S */
	{ "NotImplemented", AWS_STOPPED },              /* S: HTTP 501 */

	/* Not there. */
	{ "NoSuchKey", AWS_MISSING },                   /* S */
	{ "NoSuchVersion", AWS_MISSING },               /* S */
};
/* clang-format on */

const char *
aws_fate_word(enum aws_fate fate)
{
	static const char *const words[] = {
		[AWS_DONE] = "done",
		[AWS_MISSING] = "missing",
		[AWS_LATER] = "later",
		[AWS_REJECTED] = "rejected",
		[AWS_STOPPED] = "stopped",
	};

	assert((size_t)fate < AWS_FATE__MAX);
	return words[fate];
}

void
aws_error_code(const char *raw, char out[AWS_CODE_MAX])
{
	const char *hash = raw ? strrchr(raw, '#') : NULL;
	size_t len;

	memcpy(out, "-", 2);
	if (!raw)
		return;
	if (hash)
		raw = hash + 1;
	if (strncmp(raw, SQS_PREFIX, strlen(SQS_PREFIX)) == 0)
		raw += strlen(SQS_PREFIX);
	len = strcspn(raw, ":");
	if (len == 0 || len >= AWS_CODE_MAX || strspn(raw, LETTERS) < len)
		return;
	memcpy(out, raw, len);
	out[len] = '\0';
}

static const struct row *
find(const char *code)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (strcmp(rows[i].code, code) == 0)
			return &rows[i];
	}
	return NULL;
}

enum aws_fate
aws_error_fate(int status, const char *code)
{
	const struct row *row = find(code);

	if (row)
		return row->fate;
	if (status >= 500 || status == STATUS_TIMEOUT ||
	    status == STATUS_MANY)
		return AWS_LATER;
	/* It said that all is well, and then something else. */
	if (status >= 200 && status < 300)
		return AWS_LATER;
	return AWS_STOPPED;
}

enum aws_fate
aws_error_entry_fate(const char *code, bool sender_fault)
{
	const struct row *row = find(code);

	if (row)
		return row->fate;
	return sender_fault ? AWS_REJECTED : AWS_LATER;
}

static bool
is_among(const char *code, const char *const *codes, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(codes[i], code) == 0)
			return true;
	}
	return false;
}

bool
aws_error_is_of_time(const char *code)
{
	/* The last three say no more than that the signature is not good. */
	static const char *const codes[] = { "RequestTimeTooSkewed",
		"RequestExpired", "RequestInTheFuture", "AuthFailure",
		"InvalidSignatureException", "SignatureDoesNotMatch" };

	return is_among(code, codes, ARRAY_LEN(codes));
}

bool
aws_error_is_expiry(const char *code)
{
	static const char *const codes[] = { "ExpiredToken",
		"ExpiredTokenException" };

	return is_among(code, codes, ARRAY_LEN(codes));
}
