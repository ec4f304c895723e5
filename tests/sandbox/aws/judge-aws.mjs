// judge-aws.mjs: AWS's own clients drive the sandbox: SQS over JSON, S3 with the
// checksums and streams they send unasked.
//
//	cd tests/sandbox/aws && npm ci --ignore-scripts && node --test judge-aws.mjs
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { after, before, beforeEach, test } from 'node:test';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import * as S3 from '@aws-sdk/client-s3';
import * as SQS from '@aws-sdk/client-sqs';

const here = path.dirname(fileURLToPath(import.meta.url));
// A copy may run beside its node_modules in a build folder.
const tree = process.env.TOP_SRCDIR ?? path.resolve(here, '../../..');
const KEY = { accessKeyId: 'AKIASANDBOXJUDGE2222', secretAccessKey: 'secret-of-the-judge' };
const ACCOUNT = '123456789012', FIFO = 'events.fifo', STANDARD = 'events', BUCKET = 'documents';
const PNG = Buffer.from([...Array(3000).keys()].map((i) => i % 256));
let program, port, where, sqs, s3;

// One try each: every answer is to be seen.
function client(Kind, more = {}) {
	return new Kind({ endpoint: where, region: 'us-east-1', credentials: KEY, maxAttempts: 1, ...more });
}

async function control(method, what, given) {
	const answer = await fetch(`${where}/_control${what}`, { method,
		headers: { 'Content-Type': 'application/json' }, body: given && JSON.stringify(given) });
	assert.equal(answer.status, 200);
	return answer.json();
}

const url = (queue) => `${where}/${ACCOUNT}/${queue}`;
const requests = async () => (await control('GET', '/requests')).requests;
const journal = async () => (await control('GET', '/journal')).entries;

function send(body, more = {}) {
	return sqs.send(new SQS.SendMessageCommand({ QueueUrl: url(FIFO), MessageBody: body,
		MessageGroupId: 'g', MessageDeduplicationId: body, ...more }));
}

function receive(more = {}) {
	return sqs.send(new SQS.ReceiveMessageCommand({ QueueUrl: url(FIFO), MaxNumberOfMessages: 10,
		...more }));
}

function put(more = {}) {
	return s3.send(new S3.PutObjectCommand({ Bucket: BUCKET, Key: 'k', Body: 'x', ...more }));
}

before(async () => {
	program = spawn(path.join(tree, 'sandbox/aws-sandbox'), ['--listen', '127.0.0.1:0',
		'--queue', FIFO, '--queue', STANDARD, '--bucket', BUCKET], {
		stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env,
			AWS_SANDBOX_KEY_ID: KEY.accessKeyId, AWS_SANDBOX_SECRET: KEY.secretAccessKey } });
	port = await new Promise((resolve, reject) => {
		let said = '';
		program.stdout.on('data', (piece) => {
			said += piece;
			const found = /:(\d+)\n/.exec(said);
			if (found)
				resolve(Number(found[1]));
		});
		program.on('exit', (status) => reject(new Error(`the sandbox ended: ${status}`)));
	});
	where = `http://127.0.0.1:${port}`;
	sqs = client(SQS.SQSClient);
	s3 = client(S3.S3Client);
});

after(async () => {
	sqs.destroy();
	s3.destroy();
	program.removeAllListeners('exit');
	const ended = new Promise((resolve) => program.on('exit', resolve));
	program.kill('SIGTERM');
	assert.equal(await ended, 0);
});

beforeEach(async () => {
	await control('POST', '/reset');
	await control('POST', '/settings', { skew_s: 0, unsigned_payload: false, credentials_lifetime_s: 3600 });
});

// The client holds each MD5OfMessageBody against what it sent or got.
test('it sends and receives over the JSON protocol', async () => {
	const sent = await send('{"name": "Zoë ☃\\n"}', { MessageDeduplicationId: 'd', MessageAttributes: {
		n: { DataType: 'Number', StringValue: '1' },
		b: { DataType: 'Binary', BinaryValue: new Uint8Array([0, 255]) } } });
	assert.match(sent.SequenceNumber, /^\d{20}$/);
	const [message] = (await receive({ MessageSystemAttributeNames: ['All'],
		MessageAttributeNames: ['All'], WaitTimeSeconds: 1 })).Messages;
	assert.equal(message.Body, '{"name": "Zoë ☃\\n"}');
	assert.equal(message.MessageId, sent.MessageId);
	assert.deepEqual([...message.MessageAttributes.b.BinaryValue], [0, 255]);
	assert.equal(message.Attributes.MessageGroupId, 'g');
	assert.equal(message.Attributes.SequenceNumber, sent.SequenceNumber);
	const handle = { QueueUrl: url(FIFO), ReceiptHandle: message.ReceiptHandle };
	await sqs.send(new SQS.ChangeMessageVisibilityCommand({ ...handle, VisibilityTimeout: 60 }));
	await sqs.send(new SQS.DeleteMessageCommand(handle));
	assert.equal((await receive()).Messages, undefined);
	assert.ok((await requests()).every((row) => row.protocol === 'json'));
});

test('a batch tells what was taken and what was not', async () => {
	const told = await sqs.send(new SQS.SendMessageBatchCommand({ QueueUrl: url(STANDARD), Entries: [
		{ Id: 'good', MessageBody: 'x' }, { Id: 'bad', MessageBody: '\u0000' }] }));
	assert.deepEqual(told.Successful.map((row) => row.Id), ['good']);
	assert.deepEqual(told.Failed.map((row) => [row.Id, row.SenderFault, row.Code]),
		[['bad', true, 'InvalidMessageContents']]);
	const [message] = (await receive({ QueueUrl: url(STANDARD) })).Messages;
	const gone = await sqs.send(new SQS.DeleteMessageBatchCommand({ QueueUrl: url(STANDARD), Entries: [
		{ Id: 'a', ReceiptHandle: message.ReceiptHandle }, { Id: 'b', ReceiptHandle: 'x' }] }));
	assert.deepEqual([gone.Successful[0].Id, gone.Failed[0].Code], ['a', 'ReceiptHandleIsInvalid']);
});

test('queues are made, asked, changed and deleted', async () => {
	const made = await sqs.send(new SQS.CreateQueueCommand({ QueueName: 'mine.fifo',
		Attributes: { FifoQueue: 'true', ContentBasedDeduplication: 'true' }, tags: { a: 'b' } }));
	assert.equal(made.QueueUrl, url('mine.fifo'));
	const where = { QueueUrl: made.QueueUrl };
	await sqs.send(new SQS.SetQueueAttributesCommand({ ...where, Attributes: { VisibilityTimeout: '7' } }));
	const told = await sqs.send(new SQS.GetQueueAttributesCommand({ ...where, AttributeNames: ['All'] }));
	assert.equal(told.Attributes.VisibilityTimeout, '7');
	assert.equal((await sqs.send(new SQS.ListQueuesCommand({}))).QueueUrls.length, 3);
	assert.equal((await sqs.send(new SQS.GetQueueUrlCommand({ QueueName: 'mine.fifo' }))).QueueUrl,
		made.QueueUrl);
	await sqs.send(new SQS.PurgeQueueCommand(where));
	await sqs.send(new SQS.DeleteQueueCommand(where));
});

test('errors have the classes of the client', async () => {
	const queue = { QueueUrl: url(FIFO) };
	const entry = { Id: 'a', MessageBody: 'x', MessageGroupId: 'g', MessageDeduplicationId: 'd' };
	const cases = [
		[new SQS.GetQueueUrlCommand({ QueueName: 'nowhere' }), SQS.QueueDoesNotExist, 400],
		[new SQS.SendMessageBatchCommand({ ...queue, Entries: [] }), SQS.EmptyBatchRequest, 400],
		[new SQS.SendMessageBatchCommand({ ...queue, Entries: [entry, entry] }),
			SQS.BatchEntryIdsNotDistinct, 400],
		[new SQS.SendMessageBatchCommand({ ...queue, Entries: [{ ...entry, Id: 'a b' }] }),
			SQS.InvalidBatchEntryId, 400],
		[new SQS.SendMessageBatchCommand({ ...queue, Entries: Array(11).fill(entry) }),
			SQS.TooManyEntriesInBatchRequest, 400],
		[new SQS.SendMessageBatchCommand({ ...queue, Entries: [{ ...entry,
			MessageBody: 'x'.repeat(1048577) }] }), SQS.BatchRequestTooLong, 400],
		[new SQS.SendMessageCommand({ ...queue, ...entry, Id: undefined, MessageBody: '\u0001' }),
			SQS.InvalidMessageContents, 400],
		[new SQS.DeleteMessageCommand({ ...queue, ReceiptHandle: 'x' }), SQS.ReceiptHandleIsInvalid, 404],
		[new SQS.SendMessageCommand({ QueueUrl: 'http://127.0.0.1:1/1/x', MessageBody: 'x' }),
			SQS.InvalidAddress, 404],
	];
	// It would send a queue's requests to the queue's own address.
	const fixed = client(SQS.SQSClient, { useQueueUrlAsEndpoint: false });
	for (const [command, kind, status] of cases)
		await assert.rejects(fixed.send(command), (error) => error instanceof kind &&
			error.$metadata.httpStatusCode === status, kind.name);
	fixed.destroy();
	assert.deepEqual(await journal(), []);
});

test('throttling is an error of that name and worth another try', async () => {
	await control('POST', '/faults', { match: 'sqs:SendMessage', kind: 'throttle', times: 1 });
	await assert.rejects(send('x'), (error) => error instanceof SQS.RequestThrottled);
	await control('POST', '/faults', { match: 'sqs:SendMessage', kind: 'throttle', times: 1 });
	await control('POST', '/faults', { match: 's3:PutObject', kind: 'throttle', times: 1 });
	const patient = [client(SQS.SQSClient, { maxAttempts: 3 }), client(S3.S3Client, { maxAttempts: 3 })];
	await patient[0].send(new SQS.SendMessageCommand({ QueueUrl: url(STANDARD), MessageBody: 'y' }));
	await patient[1].send(new S3.PutObjectCommand({ Bucket: BUCKET, Key: 'k', Body: 'x' }));
	patient.forEach((one) => one.destroy());
	assert.deepEqual((await journal()).map((entry) => entry.kind), ['message', 'object']);
	assert.equal((await control('GET', '/counts')).faults.throttle, 3);
});

test('it notices a digest that is wrong', async () => {
	await control('POST', '/faults', { match: '*', kind: 'wrong_md5' });
	await assert.rejects(send('x'), /InvalidChecksumError/);
});

test('signatures, keys and tokens are held against what is known', async () => {
	const wrong = { ...KEY, secretAccessKey: 'x' };
	const list = new SQS.ListQueuesCommand({}), buckets = new S3.ListBucketsCommand({});
	const refusals = [
		[SQS.SQSClient, list, { credentials: wrong }, 'SignatureDoesNotMatch'],
		[SQS.SQSClient, list, { credentials: { ...KEY, accessKeyId: 'AKIASANDBOXNOBODY222' } },
			'InvalidClientTokenId'],
		[SQS.SQSClient, list, { credentials: { ...KEY, sessionToken: 'x' } }, 'InvalidClientTokenId'],
		[SQS.SQSClient, list, { region: 'eu-west-1' }, 'SignatureDoesNotMatch'],
		[S3.S3Client, buckets, { credentials: wrong }, 'SignatureDoesNotMatch'],
		[S3.S3Client, buckets, { credentials: { ...KEY, sessionToken: 'x' } }, 'InvalidToken'],
		[S3.S3Client, buckets, { region: 'eu-west-1' }, 'AuthorizationHeaderMalformed'],
	];
	for (const [Kind, command, more, code] of refusals) {
		const one = client(Kind, more);
		await assert.rejects(one.send(command), (error) =>
			[error.Code, error.Error?.Code, error.name].includes(code), code);
		one.destroy();
	}
});

test('it corrects its clock by the Date of a refusal', async () => {
	await control('POST', '/settings', { skew_s: 1800 });
	for (const [Kind, command] of [[SQS.SQSClient, new SQS.ListQueuesCommand({})],
		[S3.S3Client, new S3.ListBucketsCommand({})]]) {
		const one = client(Kind, { maxAttempts: 2 });
		await one.send(command);
		one.destroy();
	}
	assert.deepEqual((await requests()).map((row) => row.status), [403, 200, 403, 200]);
});

test('it uses the credentials of a container until they end, then gets others', async () => {
	await control('POST', '/settings', { credentials_lifetime_s: 240 });
	Object.assign(process.env, { AWS_CONTAINER_CREDENTIALS_FULL_URI: `${where}/_ecs/credentials` });
	const one = client(SQS.SQSClient, { credentials: undefined });
	const names = ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_SESSION_TOKEN', 'AWS_PROFILE'];
	for (const name of names)
		delete process.env[name];
	await one.send(new SQS.ListQueuesCommand({}));
	await control('POST', '/credentials/rotate');
	// It asks again within five minutes of the end, beside its work.
	const used = async () => new Set((await requests()).map((row) => row.key_id).filter((key) => key));
	for (let calls = 0; calls < 100 && (await used()).size < 2; calls++)
		await one.send(new SQS.ListQueuesCommand({}));
	one.destroy();
	delete process.env.AWS_CONTAINER_CREDENTIALS_FULL_URI;
	assert.equal((await used()).size, 2);
	assert.ok([...await used()].every((key) => key.startsWith('ASIA')));
});

test('objects come back as they were put', async () => {
	const sent = await put({ Key: 'qr/é & 1+2.png', Body: PNG, ContentType: 'image/png',
		ServerSideEncryption: 'AES256', Metadata: { booking: 'b1' } });
	assert.equal(sent.ETag, `"${createHash('md5').update(PNG).digest('hex')}"`);
	// A checksum that nobody asked for: the client's default since 2025.
	assert.ok(sent.ChecksumCRC32);
	const where = { Bucket: BUCKET, Key: 'qr/é & 1+2.png' };
	const got = await s3.send(new S3.GetObjectCommand(where));
	assert.deepEqual(Buffer.from(await got.Body.transformToByteArray()), PNG);
	assert.deepEqual([got.ContentType, got.ServerSideEncryption, got.Metadata],
		['image/png', 'AES256', { booking: 'b1' }]);
	assert.equal(got.ChecksumCRC32, sent.ChecksumCRC32);
	assert.equal((await s3.send(new S3.HeadObjectCommand(where))).ContentLength, PNG.length);
	const listed = await s3.send(new S3.ListObjectsV2Command({ Bucket: BUCKET, Prefix: 'qr/' }));
	assert.deepEqual(listed.Contents.map((row) => [row.Key, row.Size]), [[where.Key, PNG.length]]);
	await s3.send(new S3.DeleteObjectCommand(where));
	await assert.rejects(s3.send(new S3.GetObjectCommand(where)), S3.NoSuchKey);
	await assert.rejects(s3.send(new S3.HeadObjectCommand(where)), S3.NotFound);
});

for (const algorithm of ['CRC32', 'CRC32C', 'CRC64NVME', 'SHA1', 'SHA256'])
	test(`a checksum of ${algorithm} is the same on both sides`, async () => {
		const sent = await put({ ChecksumAlgorithm: algorithm, Body: PNG });
		assert.ok(sent[`Checksum${algorithm}`]);
		// The client holds it against what it gets.
		const got = await s3.send(new S3.GetObjectCommand({ Bucket: BUCKET, Key: 'k',
			ChecksumMode: 'ENABLED' }));
		assert.equal((await got.Body.transformToByteArray()).length, PNG.length);
	});

test('a stream is sent in chunks: taken once unsigned payloads are allowed', async () => {
	const stream = () => ({ Body: Readable.from([PNG.subarray(0, 1000), PNG.subarray(1000)]),
		ContentLength: PNG.length });
	await assert.rejects(put(stream()), (error) => error.Code === 'AccessDenied');
	await control('POST', '/settings', { unsigned_payload: true });
	const sent = await put(stream());
	assert.equal(sent.ETag, `"${createHash('md5').update(PNG).digest('hex')}"`);
	assert.equal((await journal()).length, 1);
});

test('buckets are made and taken away, and refuse what is wrong', async () => {
	await s3.send(new S3.CreateBucketCommand({ Bucket: 'mine' }));
	await s3.send(new S3.HeadBucketCommand({ Bucket: 'mine' }));
	await put({ Bucket: 'mine' });
	await assert.rejects(s3.send(new S3.DeleteBucketCommand({ Bucket: 'mine' })),
		(error) => error.Code === 'BucketNotEmpty');
	await s3.send(new S3.DeleteObjectCommand({ Bucket: 'mine', Key: 'k' }));
	await s3.send(new S3.DeleteBucketCommand({ Bucket: 'mine' }));
	await assert.rejects(put({ Bucket: 'mine' }), S3.NoSuchBucket);
	await assert.rejects(put({ IfNoneMatch: '*' }).then(() => put({ IfNoneMatch: '*' })),
		(error) => error.Code === 'PreconditionFailed');
});
