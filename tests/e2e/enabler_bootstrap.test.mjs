// OMA enabler test cases 0 to 12: bootstrap. Where the messages themselves count, the device is a script; where keys do, it is
// cardea-device.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { Device, labTest } from './lab.mjs';
import { Seen } from './enabler.mjs';
import { BootstrapDevice, bootstrapUri, codes, number } from './bootstrap_device.mjs';
import { CoapClient, methods, options } from './coap.mjs';
import { OscoreDevice } from './oscore_device.mjs';

const listening = { server: { 'bootstrap-listen': '127.0.0.1:0', 'bootstrap-secure-listen': '127.0.0.1:0' } };
const link = 40, senmlCbor = 112;

// The values of configuration 1, without security.
function account(lab, more = {}) {
	return { servers: [{ shortServerId: 1, uri: lab.server.coap, lifetime: 86400, storing: false, binding: 'U',
		security: { mode: 'nosec' } }], ...more };
}

// With the account that cases 0 and 8 expect.
function assertConfiguration1(device, lab) {
	const security = [0, 1, 2, 10].map((id) => device.resource(0, 0, id));
	assert.deepEqual([security[0].toString(), ...security.slice(1).map(number)], [lab.server.coap, 0, 3, 1]);
	assert.deepEqual([0, 1, 6].map((id) => number(device.resource(1, 0, id))), [1, 86400, 0]);
	assert.equal(device.resource(1, 0, 7).toString(), 'U');
}

labTest('1.1-int-0 client initiated bootstrap', listening, async (lab) => {
	await lab.rest.put('/bootstrap/d', account(lab, { delete: [], read: ['/'] }));
	const device = await BootstrapDevice.open(lab, 'd');
	const { read } = await device.bootstrap(lab);
	assert.deepEqual(device.requests, ['GET /', 'PUT /0/0', 'PUT /1/0', 'GET /', 'POST /bs']);
	assertConfiguration1(device, lab);
	assert.deepEqual(read, [{ path: '/', code: '2.05', links: '</>;lwm2m=1.1,</0/0>;ssid=1,</0/1>,</1/0>;ssid=1,</3/0>' }]);
	assert.equal((await device.register(lab)).lifetime, 86400);
	device.client.close();
});

// Options of a cardea-device that has a key for the bootstrap server, and a configuration with a key for the other one.
async function secured(lab, endpoint, more = {}) {
	const keyHex = randomBytes(16).toString('hex');
	await lab.rest.put(`/credentials/${endpoint}`, { kind: 'bootstrap-psk', identity: `bs-${endpoint}`, keyHex });
	await lab.rest.put(`/bootstrap/${endpoint}`, { servers: [{ shortServerId: 1, uri: lab.server.coaps,
		security: { mode: 'psk', generate: true } }], ...more });
	return { bootstrap: bootstrapUri(lab, 'coaps'), 'bootstrap-identity': `bs-${endpoint}`, 'bootstrap-key': keyHex };
}

labTest('1.1-int-1 client initiated bootstrap with a pre-shared key', listening, async (lab) => {
	const device = await lab.device('d', await secured(lab, 'd', { read: ['/'] }));
	assert.ok(device.process.lines.some((line) => /^bootstrapped /.test(line)));
	const { lastOutcome } = await lab.rest.get('/bootstrap/d');
	assert.equal(lastOutcome.state, 'finished');
	const { links } = lastOutcome.read[0];
	for (const expected of [/<\/0\/1>;ssid=1;uri="coaps:/, /<\/1\/0>;ssid=1(,|$)/, /<\/3\/0>/])
		assert.match(links, expected);
	assert.match((await lab.rest.get('/devices/d')).address, /^coaps:/);
	await new Seen(lab).reads('3/0', { '/3/0/0': 'Cardea', '/3/0/16': 'U' });
});

labTest('1.1-int-4 bootstrap-delete', listening, async (lab) => {
	const device = await BootstrapDevice.open(lab, 'd');
	await lab.rest.put('/bootstrap/d', account(lab, { delete: [], read: ['/', '/1'] }));
	const before = await device.bootstrap(lab);
	assert.match(before.read[0].links, /<\/1\/0>;ssid=1/);
	assert.ok(before.read[1].resources.some(({ path, value }) => path === '/1/0/1' && value === 86400));
	// Now both are deleted, and what takes their place has another lifetime.
	const { servers } = account(lab);
	await lab.rest.put('/bootstrap/d', { servers: [{ ...servers[0], lifetime: 600 }], delete: ['/0', '/1'], read: ['/', '/1'] });
	device.requests.length = 0;
	let gone;
	device.changed = (path) => { gone ??= path === '/0/0' ? device.links() : undefined; };
	const after = await device.bootstrap(lab);
	assert.deepEqual(device.requests, ['GET /', 'DELETE /0', 'DELETE /1', 'PUT /0/0', 'PUT /1/0', 'GET /', 'GET /1', 'POST /bs']);
	assert.equal(gone, '</>;lwm2m=1.1,</0/1>,</3/0>', 'the account of the bootstrap server stays');
	assert.ok(after.read[1].resources.some(({ path, value }) => path === '/1/0/1' && value === 600));
	assert.equal((await device.register(lab)).lifetime, 600);
	device.client.close();
});

labTest('1.1-int-5 server initiated bootstrap', listening, async (lab) => {
	const device = await lab.device('d', await secured(lab, 'd'));
	const events = await lab.rest.events();
	const from = device.process.lines.length;
	await new Seen(lab).execute('1/0/9');
	await device.process.line(/^bootstrapped /, from);
	await events.find('bootstrap.finished', ({ endpoint }) => endpoint === 'd');
	await device.process.line(/^registered /, from);
	events.close();
});

labTest('1.1-int-6 bootstrap sequence', listening, async (lab) => {
	const isLine = (device, expression) => device.process.lines.some((line) => expression.test(line));
	// It has no account: it asks. Then it has one, and registers with that.
	const device = await lab.device('d', await secured(lab, 'd'));
	assert.ok(isLine(device, /^bootstrapped /));
	await device.kill();
	await device.start();
	assert.ok(!isLine(device, /^bootstrapped /));
	// The account of the bootstrap server is still there: a server can start another one.
	const from = device.process.lines.length;
	await lab.rest.call('POST', '/bootstrap/d/start');
	await device.process.line(/^bootstrapped /, from);
	await device.process.line(/^registered /, from);
});

labTest('1.1-int-7 fallback to bootstrap', listening, async (lab) => {
	const nobody = await CoapClient.open(lab.server.coap); // its port answers no registration
	const uri = `coap://127.0.0.1:${nobody.socket.address().port}`;
	await lab.rest.put('/bootstrap/d', { servers: [{ ...account(lab).servers[0], uri }] });
	const device = new Device(lab, 'd', { bootstrap: bootstrapUri(lab, 'coap') });
	device.launch();
	await device.process.line(/^bootstrapped /);
	nobody.close();
	await lab.rest.put('/bootstrap/d', account(lab));
	const from = device.process.lines.length;
	await device.process.line(/^bootstrapped /, from);
	await device.process.line(/^registered /, from);
	assert.equal((await lab.rest.get('/devices/d')).lifetime, 86400);
});

labTest('1.1-int-8 bootstrap-read', listening, async (lab) => {
	const acl = [{ object: 3, instance: 0, owner: 65535, rights: { 0: 31 } }];
	await lab.rest.put('/bootstrap/d', account(lab, { acl, delete: [], read: ['/1', '/2'] }));
	const device = await BootstrapDevice.open(lab, 'd');
	const { read } = await device.bootstrap(lab);
	assert.deepEqual(device.requests, ['GET /', 'PUT /0/0', 'PUT /1/0', 'PUT /2/0', 'GET /1', 'GET /2', 'POST /bs']);
	assertConfiguration1(device, lab);
	const values = (one) => Object.fromEntries(one.resources.map(({ path, value }) => [path, value]));
	assert.deepEqual(read.map(({ path, code }) => [path, code]), [['/1', '2.05'], ['/2', '2.05']]);
	assert.deepEqual(values(read[0]), { '/1/0/0': 1, '/1/0/1': 86400, '/1/0/6': false, '/1/0/7': 'U' });
	assert.deepEqual(values(read[1]), { '/2/0/0': 3, '/2/0/1': 0, '/2/0/2/0': 31, '/2/0/3': 65535 });
	device.client.close();
});

labTest('1.1-int-9 bootstrap and configuration consistency', listening, async (lab) => {
	// What no device could accept is refused before any is asked ...
	const lacking = { servers: [{ shortServerId: 1, uri: lab.server.coap, resources: { 5: 86400 } }] };
	await lab.rest.refuse('PUT', '/bootstrap/d', { json: lacking }, { status: 400, code: 'malformed', detail: /servers\[0\]\.security/ });
	// ... and what this one does not accept, its Finish says.
	await lab.rest.put('/bootstrap/d', account(lab));
	const device = await BootstrapDevice.open(lab, 'd');
	device.finish = codes.notAcceptable;
	const failed = await device.bootstrap(lab);
	assert.deepEqual([failed.step, failed.code], ['finish', '4.06']);
	assert.match(failed.reason, /inconsistent/);
	assert.equal((await lab.rest.get('/bootstrap/d')).lastOutcome.state, 'failed');
	device.client.close();
});

// { name: value } of a SenML CBOR pack of texts, whole numbers and booleans, with names that go on from a base name.
function readPack(bytes) {
	let at = 0, base = '';
	const item = () => {
		const first = bytes[at++], kind = first >> 5, small = first & 31;
		const width = { 24: 1, 25: 2, 26: 4 }[small] ?? 0;
		const length = width === 0 ? small : bytes.readUIntBE(at, width);
		at += width;
		if (kind === 0)
			return length;
		if (kind === 1)
			return -1 - length;
		if (kind === 2 || kind === 3) {
			at += length;
			return kind === 3 ? bytes.subarray(at - length, at).toString() : bytes.subarray(at - length, at);
		}
		if (kind === 4)
			return Array.from({ length }, item);
		if (kind === 5)
			return Object.fromEntries(Array.from({ length }, () => [item(), item()]));
		return first === 0xf5;
	};
	return Object.fromEntries(item().map((record) => {
		base = record[-2] ?? base;
		return [base + (record[0] ?? ''), record[2] ?? record[3] ?? record[4] ?? record[8]];
	}));
}

// The whole answer, which to an address that is not known yet comes in small blocks (RFC 7959; RFC 9175, 2.3).
async function getInBlocks(client, request) {
	const blocks = [];
	for (let block = Buffer.alloc(0), hasMore = true; hasMore;) {
		const answer = await client.request(methods.GET, { ...request,
			options: [...request.options, ...(blocks.length > 0 ? [[options.block2, block]] : [])] });
		assert.equal(answer.codeText, '2.05');
		blocks.push(answer.payload);
		const told = number(answer.options.find(([one]) => one === options.block2)?.[1] ?? Buffer.alloc(0));
		hasMore = (told & 8) !== 0;
		block = Buffer.of((blocks.length << 4) | (told & 7));
	}
	return Buffer.concat(blocks);
}

const context = () => ({ recipientIdHex: randomBytes(2).toString('hex'), senderIdHex: randomBytes(2).toString('hex'),
	masterSecretHex: randomBytes(16).toString('hex'), masterSaltHex: randomBytes(8).toString('hex') });
const base64 = (digits) => Buffer.from(digits, 'hex').toString('base64');

// Configuration 23: a context with the bootstrap server, which writes another one, for the LwM2M server (configuration 24).
labTest('1.2-int-11 client initiated bootstrap over OSCORE', listening, async (lab) => {
	const [ofBootstrap, ofServer] = [context(), context()];
	await lab.rest.put('/credentials/d', { kind: 'bootstrap-oscore', ...ofBootstrap });
	await lab.rest.put('/credentials/d', { kind: 'oscore', ...ofServer });
	const { servers: [server] } = account(lab);
	await lab.rest.put('/bootstrap/d', { delete: [], read: ['/'],
		servers: [{ ...server, security: { mode: 'nosec', resources: { 17: '21:1' } } }],
		objects: [{ path: '/21/1', resources: { 0: base64(ofServer.masterSecretHex), 1: base64(ofServer.recipientIdHex),
			2: base64(ofServer.senderIdHex), 5: base64(ofServer.masterSaltHex) } }] });
	const events = await lab.rest.events();
	const device = new BootstrapDevice('d');
	device.objects[21] = { 0: Buffer.alloc(0) };
	const line = new OscoreDevice(ofBootstrap);
	await line.connect(bootstrapUri(lab, 'coap'));
	assert.equal((await line.ask(methods.POST, [[options.uriPath, 'bs'], [options.uriQuery, 'ep=d']])).codeText, '2.04');
	while (device.requests.at(-1) !== 'POST /bs')
		await line.serve((request) => device.answer(request));
	const { data: { read } } = await events.find('bootstrap.finished', ({ endpoint }) => endpoint === 'd');
	assert.deepEqual(device.requests, ['GET /', 'PUT /0/0', 'PUT /1/0', 'PUT /21/1', 'GET /', 'POST /bs']);
	for (const link of ['</0/0>;ssid=1', '</0/1>', '</1/0>;ssid=1', '</3/0>', '</21/0>', '</21/1>'])
		assert.ok(read[0].links.split(',').includes(link), `${link} in ${read[0].links}`);
	assertConfiguration1(device, lab);
	assert.equal(device.resource(0, 0, 17).toString('hex'), '00150001');

	// With what was written it registers.
	const [masterSecretHex, recipientIdHex, senderIdHex, masterSaltHex] = [0, 1, 2, 5].map((id) => device.resource(21, 1, id).toString('hex'));
	const registering = new OscoreDevice({ masterSecretHex, recipientIdHex, senderIdHex, masterSaltHex });
	await registering.connect(lab.server.coap);
	assert.equal((await registering.register('d')).codeText, '2.01');

	// Without the context nobody gets what it protects.
	const thief = await CoapClient.open(bootstrapUri(lab, 'coap'));
	assert.equal((await thief.request(methods.POST, { path: 'bs', query: ['ep=d'] })).codeText, '4.00');
	[line.socket, registering.socket, thief, events].forEach((open) => open.close());
});

labTest('1.2-int-12 bootstrap-pack-request', listening, async (lab) => {
	await lab.rest.put('/bootstrap/d', account(lab));
	const events = await lab.rest.events();
	const client = await CoapClient.open(bootstrapUri(lab, 'coap'));
	const pack = readPack(await getInBlocks(client, { path: 'bspack', query: ['ep=d', 'acc=</0/1>'],
		options: [[options.accept, Buffer.of(senmlCbor)]] }));
	const { data } = await events.find('bootstrap.finished', ({ endpoint }) => endpoint === 'd');
	assert.equal(data.interface, 'pack');
	for (const [path, value] of Object.entries({ '/0/0/0': lab.server.coap, '/0/0/1': false, '/0/0/2': 3, '/0/0/10': 1,
		'/1/0/0': 1, '/1/0/1': 86400, '/1/0/6': false, '/1/0/7': 'U' }))
		assert.deepEqual(pack[path], value, `${path} in ${JSON.stringify(pack)}`);
	const device = await CoapClient.open(pack['/0/0/0']);
	const registered = await device.request(methods.POST, { path: 'rd', format: link, payload: '</1/0>,</3/0>',
		query: ['ep=d', `lt=${pack['/1/0/1']}`, 'lwm2m=1.2', `b=${pack['/1/0/7']}`] });
	assert.equal(registered.codeText, '2.01');
	[client, device, events].forEach((open) => open.close());
});
