"""aws: what stands in for SQS, S3 and the endpoints of credentials."""

ACCOUNT = "123456789012"
