// judge.mjs: Stripe's own client drives the sandbox and checks its webhooks.
//
//	cd tests/sandbox && npm ci --ignore-scripts && node --test judge.mjs
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { createServer, request } from 'node:http';
import { after, before, beforeEach, test } from 'node:test';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import Stripe from 'stripe';

const here = path.dirname(fileURLToPath(import.meta.url));
// A copy may run beside its node_modules in a build folder.
const tree = process.env.TOP_SRCDIR ?? path.resolve(here, '../..');
const KEY = 'sk_test_judge', SECRET = 'whsec_judge';
const WAIT_S = 20;
let program, port, stripe, receiver;
const received = []; // what constructEvent made of each delivery, or its error

function client(options = {}) {
	return new Stripe(KEY, { host: '127.0.0.1', port, protocol: 'http', maxNetworkRetries: 0,
		telemetry: false, ...options });
}

function control(method, where, given) {
	return new Promise((resolve, reject) => {
		const call = request({ host: '127.0.0.1', port, method, path: '/_control' + where,
			headers: { 'Content-Type': 'application/json' } }, (answer) => {
			let text = '';
			answer.on('data', (piece) => { text += piece; });
			answer.on('end', () => {
				if (answer.statusCode !== 200)
					reject(new Error(text));
				else
					resolve(JSON.parse(text));
			});
		});
		call.on('error', reject);
		call.end(given ? JSON.stringify(given) : undefined);
	});
}

function press(url, how) {
	return fetch(url, { method: 'POST', redirect: 'manual', body: new URLSearchParams(how) });
}

function session(more = {}, options = {}) {
	return stripe.checkout.sessions.create({
		mode: 'payment',
		success_url: 'https://shop.example/done?s={CHECKOUT_SESSION_ID}',
		cancel_url: 'https://shop.example/back',
		client_reference_id: 'b1',
		customer_email: 'parent@example.com',
		line_items: [{ quantity: 1, price_data: { currency: 'usd', unit_amount: 12000,
			product_data: { name: 'Child care', description: 'Monday' } } }],
		metadata: { booking: 'b1' },
		payment_intent_data: { metadata: { booking: 'b1' } },
		...more,
	}, options);
}

function intent(more = {}, options = {}) {
	return stripe.paymentIntents.create({ amount: 12000, currency: 'usd', confirm: true,
		payment_method: 'pm_card_visa', return_url: 'https://shop.example/back', ...more }, options);
}

before(async () => {
	program = spawn(path.join(tree, 'sandbox/stripe-sandbox'), ['--listen', '127.0.0.1:0'], {
		stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, STRIPE_SANDBOX_KEY: KEY,
			STRIPE_SANDBOX_WEBHOOK_SECRET: SECRET } });
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
	stripe = client();
	receiver = createServer((call, answer) => {
		const pieces = [];
		call.on('data', (piece) => pieces.push(piece));
		call.on('end', () => {
			try {
				received.push(stripe.webhooks.constructEvent(Buffer.concat(pieces),
					call.headers['stripe-signature'], SECRET));
				answer.writeHead(200).end();
			} catch (error) {
				received.push(error);
				answer.writeHead(400).end();
			}
		});
	});
	await new Promise((resolve) => receiver.listen(0, '127.0.0.1', resolve));
	await control('POST', '/webhooks', { backoff_s: 0.02,
		url: `http://127.0.0.1:${receiver.address().port}/` });
});

after(async () => {
	program.removeAllListeners('exit');
	const ended = new Promise((resolve) => program.on('exit', resolve));
	program.kill('SIGTERM');
	assert.equal(await ended, 0);
	receiver.close();
});

beforeEach(async () => {
	await control('POST', '/reset');
	await control('POST', '/settings', { books_s: 1800, settle_s: 3600 });
	received.length = 0;
});

async function delivered() {
	assert.ok((await control('POST', '/webhooks/wait', { timeout_s: WAIT_S })).idle);
	return received;
}

test('the table of parameters is what the types of this client say', () => {
	const done = spawnSync(process.execPath, [path.join(tree, 'tools/stripe-params'),
		path.join(here, 'node_modules/stripe'), '--check',
		path.join(tree, 'sandbox/stripe/params.json')], { encoding: 'utf8' });
	assert.equal(done.status, 0, done.stderr);
	assert.equal(Stripe.API_VERSION ?? client().getApiField('version'), '2026-10-28.endive');
});

test('a session is made, paid on its page and announced', async () => {
	const made = await session();
	assert.match(made.id, /^cs_test_/);
	assert.equal(made.url, `http://127.0.0.1:${port}/c/pay/${made.id}`);
	assert.equal((await press(made.url, { how: 'pay' })).status, 303);
	const now = await stripe.checkout.sessions.retrieve(made.id, { expand: ['payment_intent'] });
	assert.equal(now.payment_status, 'paid');
	assert.equal(now.payment_intent.amount_received, 12000);
	const events = await delivered();
	const done = events.find((e) => e.type === 'checkout.session.completed');
	assert.equal(done.data.object.metadata.booking, 'b1');
	assert.ok(events.every((e) => !(e instanceof Error)));
});

test('a session is expired once', async () => {
	const made = await session();
	assert.equal((await stripe.checkout.sessions.expire(made.id)).status, 'expired');
	await assert.rejects(stripe.checkout.sessions.expire(made.id),
		(e) => e instanceof Stripe.errors.StripeInvalidRequestError && e.statusCode === 400);
	assert.ok((await delivered()).some((e) => e.type === 'checkout.session.expired'));
});

test('an intent is paid, found and refunded in parts', async () => {
	const paid = await intent({ expand: ['latest_charge'] });
	assert.equal(paid.status, 'succeeded');
	assert.equal(paid.latest_charge.paid, true);
	assert.equal((await stripe.paymentIntents.retrieve(paid.id)).id, paid.id);
	const part = await stripe.refunds.create({ payment_intent: paid.id, amount: 2000,
		reason: 'requested_by_customer', metadata: { refund: 'r1' } });
	assert.equal(part.status, 'succeeded');
	await stripe.refunds.create({ charge: paid.latest_charge.id });
	await assert.rejects(stripe.refunds.create({ payment_intent: paid.id }),
		(e) => e.code === 'charge_already_refunded');
	assert.equal((await stripe.refunds.list({ payment_intent: paid.id })).data.length, 2);
	assert.equal((await stripe.charges.retrieve(paid.latest_charge.id)).refunded, true);
});

test('errors become the errors of this client', async () => {
	const { errors } = Stripe;
	await assert.rejects(intent({ payment_method: 'pm_card_visa_chargeDeclined' }), (e) =>
		e instanceof errors.StripeCardError && e.statusCode === 402 &&
		e.decline_code === 'generic_decline' && e.payment_intent.status ===
		'requires_payment_method' && /^req_/.test(e.requestId));
	await assert.rejects(intent({ colour: 'red' }), (e) =>
		e instanceof errors.StripeInvalidRequestError && e.code === 'parameter_unknown' &&
		e.param === 'colour');
	await assert.rejects(stripe.paymentIntents.retrieve('pi_none'), (e) =>
		e instanceof errors.StripeInvalidRequestError && e.code === 'resource_missing');
	await assert.rejects(new Stripe('sk_test_other', { host: '127.0.0.1', port,
		protocol: 'http', maxNetworkRetries: 0 }).paymentIntents.list(), (e) =>
		e instanceof errors.StripeAuthenticationError);
	await control('POST', '/faults', { match: '* /v1/charges', kind: 'rate_limit', times: 1 });
	await assert.rejects(stripe.charges.list(), (e) => e instanceof errors.StripeRateLimitError);
	await control('POST', '/faults', { match: '* /v1/charges', kind: 'fail', times: 1 });
	await assert.rejects(stripe.charges.list(), (e) => e instanceof errors.StripeAPIError);
	// A kept connection that is cut is tried once more, whatever the retries.
	await control('POST', '/faults', { match: '* /v1/charges', kind: 'drop', times: 2 });
	await assert.rejects(stripe.charges.list(), (e) => e instanceof errors.StripeConnectionError);
});

test('a key replays, and is refused to another request', async () => {
	const options = { idempotencyKey: 'pay:1' };
	const [first, again] = [await intent({}, options), await intent({}, options)];
	assert.equal(first.id, again.id);
	assert.equal(again.lastResponse.headers['idempotent-replayed'], 'true');
	await assert.rejects(intent({ amount: 500 }, options),
		(e) => e instanceof Stripe.errors.StripeIdempotencyError);
	assert.equal((await stripe.charges.list()).data.length, 1);
});

test('the client retries a lost answer and pays once', async () => {
	await control('POST', '/faults', { match: 'POST /v1/payment_intents', times: 1,
		kind: 'drop_after_effect' });
	stripe = client({ maxNetworkRetries: 2 });
	try {
		assert.equal((await intent()).status, 'succeeded');
	} finally {
		stripe = client();
	}
	assert.equal((await stripe.charges.list()).data.length, 1);
	assert.equal((await control('GET', '/counts')).replayed, 1);
});

test('3-D Secure asks on a page', async () => {
	const asked = await intent({ payment_method: 'pm_card_authenticationRequired' });
	assert.equal(asked.status, 'requires_action');
	assert.equal(asked.next_action.type, 'redirect_to_url');
	const back = await press(asked.next_action.redirect_to_url.url, { answer: 'complete' });
	assert.match(back.headers.get('location'), /^https:\/\/shop\.example\/back\?payment_intent=pi_/);
	assert.equal((await stripe.paymentIntents.retrieve(asked.id)).status, 'succeeded');
});

test('the balance is paged through to its end', async () => {
	for (let n = 0; n < 7; n++)
		await intent({ capture_method: 'automatic' });
	const rows = [];
	for await (const row of stripe.balanceTransactions.list({ limit: 3, created: { gte: 1 } }))
		rows.push(row);
	assert.equal(rows.length, 7);
	assert.equal(new Set(rows.map((row) => row.id)).size, 7);
	assert.ok(rows.every((row) => row.net === row.amount - row.fee));
});

test('an account has objects of its own', async () => {
	const theirs = await intent({}, { stripeAccount: 'acct_1Theirs' });
	assert.equal((await stripe.paymentIntents.list()).data.length, 0);
	assert.equal((await stripe.paymentIntents.retrieve(theirs.id, {},
		{ stripeAccount: 'acct_1Theirs' })).id, theirs.id);
	assert.equal((await delivered()).at(-1).account, 'acct_1Theirs');
});

test('forged and stale webhooks do not pass constructEvent, true ones do', async () => {
	for (const kind of ['tamper', 'stale'])
		await control('POST', '/webhooks/faults', { kind, times: 1,
			match: kind === 'tamper' ? 'charge.succeeded' : 'payment_intent.succeeded' });
	await intent();
	const events = await delivered();
	const errors = events.filter((e) => e instanceof Error);
	assert.equal(errors.length, 2);
	assert.ok(errors.every((e) => e instanceof Stripe.errors.StripeSignatureVerificationError));
	assert.equal(events.length, 5);
	const { counts } = await control('GET', '/webhooks');
	assert.deepEqual([counts.tamper_refused, counts.stale_refused], [1, 1]);
});

test('a dispute is announced, lost and told in the balance', async () => {
	await intent({ payment_method: 'pm_card_createDispute', capture_method: 'automatic' });
	await control('POST', '/clock', { advance_s: 3601 });
	const [dispute] = (await stripe.disputes.list()).data;
	await control('POST', `/disputes/${dispute.id}`, { status: 'lost' });
	const kinds = (await delivered()).map((e) => e.type);
	assert.ok(kinds.includes('charge.dispute.created') && kinds.includes('charge.dispute.closed'));
	const { data } = await stripe.balanceTransactions.list({ type: 'adjustment' });
	assert.deepEqual([data[0].amount, data[0].fee], [-12000, 1500]);
});
