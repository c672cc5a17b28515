// Bootstrap: a device that knows its bootstrap server only gets an account, a key of its own, and registers with it.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { randomBytes } from 'node:crypto';
import { Device, labTest } from './lab.mjs';

const listening = { server: { 'bootstrap-listen': '127.0.0.1:0', 'bootstrap-secure-listen': '127.0.0.1:0' } };

function bootstrapServer(lab, scheme) {
	return lab.server.process.lines.map((line) => /^bootstrap (\S+)$/.exec(line)?.[1])
		.find((address) => address?.startsWith(`${scheme}://`));
}

function generated(lab, more = {}) {
	return { servers: [{ shortServerId: 101, uri: lab.server.coaps, lifetime: 300,
		security: { mode: 'psk', generate: true } }], ...more };
}

// Options of a device that has a credential for the bootstrap server.
async function bootstrapCredential(lab, endpoint) {
	const key = randomBytes(16).toString('hex');
	await lab.rest.put(`/credentials/${endpoint}`, { kind: 'bootstrap-psk', identity: `bs-${endpoint}`, keyHex: key });
	return { bootstrap: bootstrapServer(lab, 'coaps'), 'bootstrap-identity': `bs-${endpoint}`, 'bootstrap-key': key };
}

labTest('a device gets a key of its own over DTLS and registers with it', listening, async (lab) => {
	const options = await bootstrapCredential(lab, 'lamp');
	await lab.rest.put('/bootstrap/lamp', generated(lab, { read: ['/1'] }));
	const events = await lab.rest.events();
	const device = await lab.device('lamp', options);
	const { data: finished } = await events.find('bootstrap.finished', (data) => data.endpoint === 'lamp');
	assert.equal(finished.interface, 'sequence');
	const registered = await lab.rest.get('/devices/lamp');
	assert.match(registered.address, /^coaps:/);
	assert.equal(registered.lifetime, 300);

	const { lastOutcome } = await lab.rest.get('/bootstrap/lamp');
	assert.equal(lastOutcome.state, 'finished');
	const lifetime = lastOutcome.read[0].resources.find((resource) => resource.path === '/1/0/1');
	assert.equal(lifetime.value, 300);

	// The key is in the device and nowhere to be seen in the server.
	const first = await lab.rest.get('/credentials/lamp');
	assert.equal(first.kind, 'psk');
	assert.equal(first.keyHex, undefined);
	assert.equal((await lab.rest.get('/credentials/lamp?kind=bootstrap-psk')).identity, 'bs-lamp');

	// With its state the device comes back without another bootstrap, also to a server that has been restarted.
	await device.kill();
	await lab.server.restart();
	device.options.bootstrap = bootstrapServer(lab, 'coaps');
	await device.start();
	assert.equal((await lab.rest.get('/credentials/lamp')).identity, first.identity);

	// Told to, it gets another key.
	await lab.rest.call('POST', '/bootstrap/lamp/start');
	await device.process.line(/^bootstrapped /);
	await device.process.line(/^registered /, device.process.lines.findIndex((line) => /^bootstrapped /.test(line)));
	assert.notEqual((await lab.rest.get('/credentials/lamp')).identity, first.identity);
	assert.match((await lab.rest.get('/devices/lamp')).address, /^coaps:/);
	events.close();
});

labTest('the default configuration is for whoever has none, each with a key of its own', listening, async (lab) => {
	await lab.rest.put('/bootstrap', generated(lab));
	const names = ['one', 'two', 'default'];
	for (const name of names)
		await lab.device(name, await bootstrapCredential(lab, name));
	const credentials = await Promise.all(names.map((name) => lab.rest.get(`/credentials/${name}`)));
	assert.equal(new Set(credentials.map((credential) => credential.identity)).size, names.length);
	const list = await lab.rest.get('/bootstrap');
	assert.equal(list.default.servers[0].uri, lab.server.coaps);
	assert.deepEqual(list.items, []);
	await lab.rest.delete('/bootstrap');
	assert.equal((await lab.rest.get('/bootstrap')).default, null);
});

labTest('a device that refuses what is written leaves the reason', listening, async (lab) => {
	const options = await bootstrapCredential(lab, 'plain');
	const objects = [{ path: '/7/0', resources: { 8: 60 } }];
	await lab.rest.put('/bootstrap/plain', generated(lab, { objects }));
	const events = await lab.rest.events();
	const device = new Device(lab, 'plain', options);
	device.launch();
	const { data: failed } = await events.find('bootstrap.failed', (data) => data.endpoint === 'plain');
	assert.deepEqual([failed.step, failed.path, failed.code], ['write', '/7/0', '4.00']);
	assert.match(failed.reason, /no such object/);
	const { lastOutcome } = await lab.rest.get('/bootstrap/plain');
	assert.equal(lastOutcome.state, 'failed');
	assert.equal(lastOutcome.reason, failed.reason);
	// It waits in vain for the Finish; when it begins anew it gets what it can take.
	await lab.rest.put('/bootstrap/plain', generated(lab));
	await device.kill();
	await device.start();
	events.close();
});

labTest('without security accounts are written, keys are not', listening, async (lab) => {
	await lab.rest.put('/bootstrap', generated(lab));
	await lab.rest.put('/bootstrap/open',
		{ servers: [{ shortServerId: 5, uri: lab.server.coap, security: { mode: 'nosec' } }] });
	await lab.device('open', { bootstrap: bootstrapServer(lab, 'coap') });
	assert.match((await lab.rest.get('/devices/open')).address, /^coap:/);

	const thief = new Device(lab, 'thief', { bootstrap: bootstrapServer(lab, 'coap') });
	thief.launch();
	await thief.process.line(/bootstrap\.failed .*code=4\.00/);
	await lab.server.process.line(/bootstrap\.refused endpoint=thief .*over DTLS/);
	await lab.rest.refuse('GET', '/credentials/thief', {}, { status: 404, code: 'not-found', detail: /thief/ });

	// Nor does a device with a credential come without it.
	await bootstrapCredential(lab, 'open2');
	const impostor = new Device(lab, 'open2', { bootstrap: bootstrapServer(lab, 'coap') });
	impostor.launch();
	await impostor.process.line(/bootstrap\.failed .*code=4\.00/);
});

labTest('no key serves both servers', listening, async (lab) => {
	const key = '000102030405060708090A0B0C0D0E0F';
	const refusal = { status: 409, code: 'conflict', detail: /own/ };
	await lab.rest.put('/credentials/a', { kind: 'psk', identity: 'a', keyHex: key });
	await lab.rest.refuse('PUT', '/credentials/a', { json: { kind: 'bootstrap-psk', identity: 'a', keyHex: key } }, refusal);
	await lab.rest.put('/credentials/b', { kind: 'bootstrap-psk', identity: 'b', keyHex: key });
	await lab.rest.refuse('PUT', '/credentials/b', { json: { kind: 'psk', identity: 'b', keyHex: key } }, refusal);
	const written = { servers: [{ shortServerId: 1, uri: 'coaps://x', security: { mode: 'psk', identity: 'b', keyHex: key } }] };
	await lab.rest.refuse('PUT', '/bootstrap/b', { json: written }, refusal);
	await lab.rest.put('/bootstrap/a', written);
	assert.equal((await lab.rest.get('/bootstrap/a')).servers[0].security.keyHex, undefined);

	// Sealed in the store, the key is not in its files.
	await lab.server.stop();
	for (const name of fs.readdirSync(lab.server.dataFolder)) {
		const content = fs.readFileSync(path.join(lab.server.dataFolder, name));
		assert.ok(!content.includes(key) && !content.includes(Buffer.from(key, 'hex')), name);
	}
});

labTest('a 1.2 device gets all of it in one pack, and request by request when there is no pack', listening, async (lab) => {
	const events = await lab.rest.events();
	for (const format of ['senml-cbor', 'senml-json', 'lwm2m-cbor']) {
		const endpoint = `pack-${format}`;
		await lab.rest.put(`/bootstrap/${endpoint}`, generated(lab));
		await lab.device(endpoint, { ...await bootstrapCredential(lab, endpoint), version: '1.2', format, 'bootstrap-pack': true });
		const { data } = await events.find('bootstrap.finished', (event) => event.endpoint === endpoint);
		assert.equal(data.interface, 'pack');
		assert.match((await lab.rest.get(`/devices/${endpoint}`)).address, /^coaps:/);
		assert.equal((await lab.rest.get(`/devices/${endpoint}`)).lifetime, 300);
	}
	// A pack that the device cannot take is one that it does without.
	await lab.rest.put('/bootstrap/big', generated(lab, { objects: [{ path: '/9/0', resources: { 0: 'package' } }] }));
	const device = new Device(lab, 'big', { ...await bootstrapCredential(lab, 'big'), version: '1.2', 'bootstrap-pack': true });
	device.launch();
	await device.process.line(/bootstrap\.no_pack .*\/9 cannot be written/);
	await events.find('bootstrap.failed', (data) => data.endpoint === 'big' && data.interface === 'sequence');
	events.close();
});

labTest('a device holds off, and forgets its bootstrap server when that has done its work', listening, async (lab) => {
	await lab.rest.put('/bootstrap', generated(lab));
	const device = await lab.device('patient', { ...await bootstrapCredential(lab, 'patient'), 'hold-off': 1, 'bootstrap-timeout': 1 });
	const { lines } = device.process;
	const at = (expression) => lines.findIndex((line) => expression.test(line));
	assert.ok(at(/bootstrap\.held_off .*seconds=1/) >= 0 && at(/bootstrap\.held_off/) < at(/^bootstrapped /));
	await device.process.line(/bootstrap\.account_ended/);
	// There is nobody left to ask, also after the power was gone; what was written stays.
	const nobody = { status: 405, code: 'device-error', detail: /4\.05/ };
	await lab.rest.refuse('POST', '/bootstrap/patient/start', {}, nobody);
	await device.kill();
	await device.start();
	assert.ok(!device.process.lines.some((line) => /held_off|^bootstrapped /.test(line)));
	await lab.rest.refuse('POST', '/bootstrap/patient/start', {}, nobody);
});

labTest('what is wrong is said by its name', listening, async (lab) => {
	const server = { shortServerId: 1, uri: 'coap://x', security: { mode: 'nosec' } };
	const rows = [
		[{ servers: [] }, /servers/],
		[{ servers: [server, server] }, /servers\[1\]\.shortServerId/],
		[{ servers: [{ ...server, uri: 'coaps://x' }] }, /servers\[0\]\.uri/],
		[{ servers: [server], colour: 1 }, /colour/],
		[{ servers: [server], read: ['/0'] }, /read\[0\]/],
	];
	for (const [json, detail] of rows)
		await lab.rest.refuse('PUT', '/bootstrap/a', { json }, { status: 400, code: 'malformed', detail });
	await lab.rest.refuse('GET', '/bootstrap/a', {}, { status: 404, code: 'not-found', detail: /there is none/ });
	await lab.rest.refuse('DELETE', '/bootstrap/a', {}, { status: 404, code: 'not-found', detail: /./ });
	await lab.rest.refuse('POST', '/bootstrap/a/start', {}, { status: 404, code: 'not-found', detail: /not registered/ });
	// A device that has no bootstrap server cannot be told to ask it.
	await lab.device('simple');
	await lab.rest.refuse('POST', '/bootstrap/simple/start', {}, { status: 405, code: 'device-error', detail: /4\.05/ });
});
