// API tokens: made by an administrator, shown once, void when they are deleted or old.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { labTest } from './lab.mjs';

labTest('the first one lies in a file that only its owner reads', {}, async (lab) => {
	const file = path.join(lab.server.dataFolder, 'admin.token');
	assert.equal(fs.statSync(file).mode & 0o777, 0o600);
	const before = fs.readFileSync(file, 'utf8');
	await lab.server.restart();
	assert.equal(fs.readFileSync(file, 'utf8'), before, 'and stays the same');
});

labTest('a new one works at once, is shown once, and is nowhere in the store', {}, async (lab) => {
	const made = await lab.rest.call('POST', '/tokens', { json: { name: 'portal', scope: 'write' } });
	assert.equal(made.status, 201);
	assert.equal(made.headers.location, `/api/v1/tokens/${made.json.id}`);
	assert.match(made.json.token, /^cardea_[A-Za-z0-9_-]{43}$/);
	assert.deepEqual((await lab.rest.get('/devices', { token: made.json.token })).items, []);
	const { items } = await lab.rest.get('/tokens');
	assert.deepEqual(items.map((item) => item.name).sort(), ['admin', 'portal']);
	assert.ok(items.every((item) => item.token === undefined));
	await lab.server.stop();
	const secret = Buffer.from(made.json.token.slice('cardea_'.length));
	for (const name of fs.readdirSync(lab.server.dataFolder))
		assert.ok(!fs.readFileSync(path.join(lab.server.dataFolder, name)).includes(secret), name);
	await lab.server.start();
	assert.deepEqual((await lab.rest.get('/devices', { token: made.json.token })).items, []);
});

labTest('a deleted one is void', {}, async (lab) => {
	const made = await lab.rest.post('/tokens', { name: 'brief', scope: 'read' });
	await lab.rest.delete(`/tokens/${made.id}`);
	await lab.rest.refuse('GET', '/devices', { token: made.token }, { status: 401, code: 'unauthenticated', detail: /known/ });
	await lab.server.restart();
	await lab.rest.refuse('GET', '/devices', { token: made.token }, { status: 401, code: 'unauthenticated', detail: /known/ });
});

labTest('one with a lifetime expires', {}, async (lab) => {
	const made = await lab.rest.post('/tokens', { name: 'brief', scope: 'read', lifetime: 1 });
	const left_ms = Date.parse(made.expiresAt) - Date.now();
	assert.ok(left_ms <= 1000, made.expiresAt);
	await new Promise((resolve) => setTimeout(resolve, Math.max(0, left_ms) + 5)); // its end is a moment, not an event
	await lab.rest.refuse('GET', '/devices', { token: made.token }, { status: 401, code: 'unauthenticated', detail: /expired/ });
});

labTest('what is wrong about an order for one is said', {}, async (lab) => {
	for (const [json, detail] of [[{ scope: 'read' }, /name/], [{ name: 'x' }, /scope/], [{ name: 'x', scope: 'god' }, /scope/],
		[{ name: 'x', scope: 'read', lifetime: 0 }, /lifetime/], [{ name: 'x', scope: 'read', lifetime: 'long' }, /lifetime/],
		[{ name: 'x'.repeat(200), scope: 'read' }, /name/]])
		await lab.rest.refuse('POST', '/tokens', { json }, { status: 400, code: 'malformed', detail });
	assert.equal((await lab.rest.get('/tokens')).items.length, 1);
});

labTest('without authentication, when the operator says so', { server: { 'http-no-auth': true } }, async (lab) => {
	assert.deepEqual((await lab.rest.get('/devices', { token: null })).items, []);
});
