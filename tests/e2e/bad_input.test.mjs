// What comes in wrong is refused with a status, a stable code and a text that names the field and the reason; and leaves
// nothing behind.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { isSanitized, labTest } from './lab.mjs';
import { CoapClient, encode, location, methods, options, types } from './coap.mjs';
import { makeCap, putKeys, uploadCap } from './secure_element.mjs';

const JSON_TYPE = { 'Content-Type': 'application/json' };
const BINARY = { 'Content-Type': 'application/octet-stream' };

async function nothingIsThere(lab) {
	for (const path of ['/devices', '/packages', '/jobs', '/credentials'])
		assert.deepEqual((await lab.rest.get(path)).items, [], path);
}

// ---- from devices ----

labTest('a malformed registration', {}, async (lab) => {
	const client = await CoapClient.open(lab.server.coap);
	const good = { ep: 'ep=d', lt: 'lt=600', lwm2m: 'lwm2m=1.1', b: 'b=U' };
	const cases = [
		[{ ...good, ep: '' }, '</3/0>', '4.00', /ep/],
		[{ ...good, ep: 'ep=' }, '</3/0>', '4.00', /ep/],
		// More than a Uri-Query may have (RFC 7252, 5.10): a bad option.
		[{ ...good, ep: `ep=${'x'.repeat(256)}` }, '</3/0>', '4.02', /^/],
		[{ ...good, more: 'ep=other' }, '</3/0>', '4.00', /ep.*twice/],
		[{ ...good, ep: Buffer.from([0x65, 0x70, 0x3d, 0xff]) }, '</3/0>', '4.00', /ep.*UTF-8/],
		[{ ...good, lt: 'lt=tomorrow' }, '</3/0>', '4.00', /lt/],
		[{ ...good, lt: 'lt=-1' }, '</3/0>', '4.00', /lt/],
		[{ ...good, lt: 'lt=99999999999' }, '</3/0>', '4.00', /lt/],
		[{ ...good, lwm2m: 'lwm2m=9.0' }, '</3/0>', '4.12', /9\.0/],
		[{ ...good, lwm2m: 'lwm2m=new' }, '</3/0>', '4.00', /lwm2m/],
		[{ ...good, b: 'b=Z' }, '</3/0>', '4.00', /b /],
		[good, '', '4.00', /list of objects/],
		[good, '</3/0', '4.00', /./],
		[good, Buffer.from([0x3c, 0x2f, 0xff, 0xfe, 0x3e]), '4.00', /./],
	];
	for (const [query, payload, code, detail] of cases) {
		const answer = await client.request(methods.POST, { path: 'rd', query: Object.values(query).filter((q) => q.length > 0), format: 40, payload });
		assert.equal(answer.codeText, code, `${JSON.stringify(query)}: ${answer.payload}`);
		assert.match(answer.payload.toString(), detail);
		assert.equal(location(answer), '');
	}
	assert.equal((await client.request(methods.POST, { path: 'rd', query: Object.values(good), format: 60, payload: '</3/0>' })).codeText, '4.00');
	assert.equal((await client.request(methods.POST, { path: 'rd/nobody' })).codeText, '4.04');
	assert.equal((await client.request(methods.DELETE, { path: 'rd/nobody' })).codeText, '4.04');
	assert.match((await client.request(methods.GET, { path: 'somewhere' })).codeText, /^4\./);
	await nothingIsThere(lab);
	client.close();
});

labTest('datagrams that are no CoAP', {}, async (lab) => {
	const client = await CoapClient.open(lab.server.coap);
	const rubbish = [Buffer.alloc(0), Buffer.from([0]), Buffer.from('GET / HTTP/1.1\r\n\r\n'), Buffer.alloc(4, 0xff),
		Buffer.from([0x4f, 0x01, 0, 1]), Buffer.from([0x40, 0x02, 0, 2, 0xff]), Buffer.from([0x40, 0x02, 0, 3, 0xf0]),
		Buffer.from([0x40, 0x02, 0, 4, 0xdd]), Buffer.alloc(60000, 0x40)];
	for (const bytes of rubbish)
		await client.sendBytes(bytes);
	const registered = await client.request(methods.POST, { path: 'rd', query: ['ep=d', 'lwm2m=1.1'], format: 40, payload: '</3/0>' });
	assert.equal(registered.codeText, '2.01', 'it still listens');
	client.close();
});

labTest('a malformed payload of a device', {}, async (lab) => {
	const client = await CoapClient.open(lab.server.coap);
	await client.request(methods.POST, { path: 'rd', query: ['ep=d', 'lwm2m=1.1', 'b=U'], format: 40, payload: '</3/0>' });
	const asked = (n) => client.find((message) => message.code === methods.GET && client.received.indexOf(message) >= n, 'a Read');
	// A TLV whose length goes past its end; SenML CBOR that breaks off; a format that nobody knows.
	for (const [format, payload] of [[[0x2d, 0x16], 'C8000561'], [[0x70], '81A1'], [[0xff, 0x00], '00']]) {
		const answer = lab.rest.request('GET', '/devices/d/lwm2m/3/0');
		const request = await asked(client.received.length - client.received.filter((m) => m.isDone !== true && m.code === methods.GET).length);
		request.isDone = true;
		request.code = 0;
		await client.sendBytes(encode({ type: types.ACK, code: 0x45, id: request.id, token: request.token,
			options: [[options.contentFormat, Buffer.from(format)]], payload: Buffer.from(payload, 'hex') }));
		const { status, json } = await answer;
		assert.equal(status, 502, JSON.stringify(json));
		assert.equal(json.code, 'bad-device-answer');
		assert.ok(json.detail.length > 5, json.detail);
	}
	client.close();
});

// ---- over REST ----

labTest('a malformed load file', {}, async (lab) => {
	const good = await makeCap(lab);
	const plain = await makeCap(lab, { form: 'ijc' });
	const wrongMagic = Buffer.from(plain);
	wrongMagic.writeUInt32BE(0xdeadbeef, 3);
	const cases = {
		nothing: [Buffer.alloc(0), /./],
		'one byte': [Buffer.from([0]), /./],
		text: [Buffer.from('#!/bin/sh\n'), /./],
		'a ZIP that breaks off': [good.subarray(0, good.length / 2), /zip|archive/i],
		'a ZIP that breaks off early': [good.subarray(0, 40), /./],
		'a wrong magic': [wrongMagic, /magic|DECAFFED|header/i],
		'components that break off': [plain.subarray(0, plain.length - 7), /./],
		'something after the end': [Buffer.concat([plain, Buffer.from([9, 9, 9])]), /./],
	};
	for (const [what, [body, detail]] of Object.entries(cases)) {
		const answer = await lab.rest.refuse('POST', '/packages?kind=se-load-file&name=bad', { body, headers: BINARY },
			{ status: 400, code: 'malformed', detail });
		assert.ok(answer.json.detail.length > 8, `${what}: ${answer.json.detail}`);
	}
	await lab.rest.refuse('POST', '/packages?kind=se-sandwich&name=bad', { body: good, headers: BINARY },
		{ status: 404, code: 'not-found', detail: /se-sandwich/ });
	await lab.rest.refuse('POST', '/packages?name=bad', { body: good, headers: BINARY },
		{ status: 400, code: 'malformed', detail: /kind/ });
	await nothingIsThere(lab);
});

labTest('a malformed JSON body', {}, async (lab) => {
	await lab.device('d');
	const refusal = (detail) => ({ status: 400, code: 'malformed', detail });
	for (const [method, path] of [['POST', '/devices/d/operations'], ['PUT', '/devices/d/keysets'], ['PUT', '/credentials/d'],
		['POST', '/tokens'], ['PUT', '/devices/d/lwm2m/3/0/14']]) {
		for (const [body, detail] of [['{"operation": ', /body: line 1/], ['[]', /object/], ['', /body/], ['{"a":1,"a":2}', /body|duplicate/],
			['\xff\xfe', /body/], ['nonsense', /body/]])
			await lab.rest.refuse(method, path, { body, headers: JSON_TYPE }, refusal(detail));
		await lab.rest.refuse(method, path, { body: '<operation/>', headers: { 'Content-Type': 'application/xml' } },
			{ status: 415, code: 'unsupported', detail: /Content-Type/ });
	}
	const orders = [
		[{}, /operation/], [{ operation: 7 }, /operation/], [{ operation: 'se.audit', params: 3 }, /params/],
		[{ operation: 'se.audit', colour: 'red' }, /colour/], [{ operation: 'se.audit', params: { se: 'zero' } }, /se/],
		[{ operation: 'se.audit', params: { se: -1 } }, /se/], [{ operation: 'se.audit', params: { nose: 1 } }, /nose/],
		[{ operation: 'se.delete', params: {} }, /aidHex/], [{ operation: 'se.delete', params: { aidHex: 'xyz' } }, /aidHex/],
		[{ operation: 'se.install', params: { package: 1 } }, /package/],
		[{ operation: 'se.audit', params: { securityLevel: 'some' } }, /securityLevel/],
	];
	for (const [json, detail] of orders)
		await lab.rest.refuse('POST', '/devices/d/operations', { json }, refusal(detail));
	const keys = { kind: 'scp03', version: 0x30, encHex: '00'.repeat(16), macHex: '00'.repeat(16), dekHex: '00'.repeat(16) };
	const keysets = [
		[{ ...keys, version: 0 }, /version/], [{ ...keys, version: 128 }, /version/], [{ ...keys, version: '48' }, /version/],
		[{ ...keys, kind: 'scp99' }, /kind/], [{ ...keys, encHex: '00' }, /encHex/], [{ ...keys, macHex: 'zz'.repeat(16) }, /macHex/],
		[{ ...keys, dekHex: undefined }, /dekHex/], [{ ...keys, dekHex: '00'.repeat(32) }, /same length/], [{ ...keys, aidHex: '00' }, /aidHex/],
	];
	const packets = { kind: 'scp80', version: 1, kicHex: '11'.repeat(16), kidHex: '22'.repeat(16) };
	keysets.push([{ ...packets, version: 16 }, /version/], [{ ...packets, kicHex: '11'.repeat(8) }, /kicHex/], [{ ...packets, kidAlgorithm: 'crc' }, /kidAlgorithm/],
		[{ ...packets, kidAlgorithm: 'des' }, /kidHex/], [{ ...packets, kikHex: '' }, /kikHex/], [{ ...packets, counter: -1 }, /counter/], [{ ...packets, encHex: '00' }, /encHex/]);
	for (const [json, detail] of keysets)
		await lab.rest.refuse('PUT', '/devices/d/keysets', { json }, refusal(detail));
	for (const [json, detail] of [[{ kind: 'psk', identity: 'x', keyHex: '00' }, /keyHex/], [{ kind: 'psk', keyHex: '00'.repeat(16) }, /identity/],
		[{ kind: 'bones', identity: 'x', keyHex: '00'.repeat(16) }, /kind/]])
		await lab.rest.refuse('PUT', '/credentials/d', { json }, refusal(detail));
	assert.deepEqual((await lab.rest.get('/jobs')).items, []);
	assert.deepEqual((await lab.rest.get('/devices/d/keysets')).items, []);
	assert.deepEqual((await lab.rest.get('/credentials')).items, []);
});

labTest('an identity that another device has', {}, async (lab) => {
	const json = { kind: 'psk', identity: 'x', keyHex: '00'.repeat(16) };
	assert.equal((await lab.rest.call('PUT', '/credentials/d', { json })).status, 204);
	await lab.rest.refuse('PUT', '/credentials/e', { json: { ...json, keyHex: '01'.repeat(16) } },
		{ status: 409, code: 'conflict', detail: /^identity: another device has it/ });
	assert.equal((await lab.rest.get('/credentials')).items.length, 1);
});

labTest('an unknown device, operation, package, job or token', {}, async (lab) => {
	await lab.device('d');
	const notFound = (detail) => ({ status: 404, code: 'not-found', detail });
	await lab.rest.refuse('POST', '/devices/nobody/operations', { json: { operation: 'se.audit' } }, notFound(/nobody|device/));
	await lab.rest.refuse('POST', '/devices/d/operations', { json: { operation: 'se.fly' } }, notFound(/se\.fly/));
	await lab.rest.refuse('POST', '/devices/d/operations', { json: { operation: 'se.install', params: { package: '99' } } }, notFound(/package.*99|99/));
	for (const path of ['/devices/nobody', '/jobs/99', '/jobs/99/trace', '/packages/99', '/packages/99/content', '/jobs/x', '/packages/-1',
		'/credentials/nobody'])
		await lab.rest.refuse('GET', path, {}, notFound(/./));
	for (const path of ['/devices/nobody', '/jobs/99', '/packages/99', '/tokens/99', '/credentials/nobody',
		'/devices/d/keysets?kind=scp03&version=48'])
		await lab.rest.refuse('DELETE', path, {}, notFound(/./));
	await lab.rest.refuse('POST', '/jobs/99/retry', {}, notFound(/99/));
	assert.deepEqual((await lab.rest.get('/jobs')).items, []);
});

labTest('no token, a wrong one, or one that may not', {}, async (lab) => {
	const reader = await lab.rest.post('/tokens', { name: 'reader', scope: 'read' });
	const writer = await lab.rest.post('/tokens', { name: 'writer', scope: 'write' });
	const missing = { status: 401, code: 'unauthenticated', detail: /bearer/ };
	const answer = await lab.rest.refuse('GET', '/devices', { token: null }, missing);
	assert.equal(answer.headers['www-authenticate'], 'Bearer');
	await lab.rest.refuse('GET', '/devices', { token: null, headers: { Authorization: 'Basic YTpi' } }, missing);
	await lab.rest.refuse('GET', '/devices', { token: `${lab.rest.token}x` }, { ...missing, detail: /known/ });
	await lab.rest.refuse('GET', '/events', { token: 'cardea_' }, { ...missing, detail: /known/ });
	const tooSmall = (detail) => ({ status: 403, code: 'denied', detail });
	await lab.rest.refuse('DELETE', '/devices/d', { token: reader.token }, tooSmall(/read.*write/));
	await lab.rest.refuse('GET', '/tokens', { token: writer.token }, tooSmall(/write.*admin/));
	await lab.rest.refuse('PUT', '/credentials/d', { token: writer.token, json: {} }, tooSmall(/admin/));
	await lab.rest.refuse('POST', '/packages?kind=se-load-file', { token: reader.token, body: Buffer.alloc(100), headers: BINARY }, tooSmall(/write/));
	await nothingIsThere(lab);
});

labTest('an unknown path, and a method that is not for it', {}, async (lab) => {
	for (const path of ['/api/v1/nothing', '/api/v1/devices/d/lwm2m', '/api/v1/jobs/1/trace/x', '/api/v2/devices', '/..%2f..%2fetc/passwd'])
		await lab.rest.refuse('GET', path.startsWith('/api/v1') ? path : `/api/../${path}`, {}, { status: 404, code: 'not-found', detail: /path/ });
	const answer = await lab.rest.refuse('PUT', '/devices', { json: {} }, { status: 405, code: 'method-not-allowed', detail: /method/ });
	assert.equal(answer.headers.allow, 'GET');
	await lab.rest.refuse('DELETE', '/packages', {}, { status: 405, code: 'method-not-allowed', detail: /method/ });
	const strange = await lab.rest.request('BREW', '/devices');
	assert.ok(strange.status >= 400 && strange.status < 500 || strange.status === 501, String(strange.status));
});

labTest('a parameter that the request does not take', {}, async (lab) => {
	await lab.device('d');
	for (const [method, path, detail] of [['GET', '/devices?state=awake', /state.*limit cursor/], ['GET', '/devices/d?limit=1', /limit.*none/],
		['PUT', '/devices/d/lwm2m/3/0/0/observe?pmni=5', /pmni/], ['GET', '/devices/d/lwm2m/3/0?formt=112', /formt.*format/]])
		await lab.rest.refuse(method, path, {}, { status: 400, code: 'malformed', detail });
	assert.deepEqual((await lab.rest.get('/devices/d/observations')).items, []);
});

labTest('a wrong cursor or limit', {}, async (lab) => {
	for (const path of ['/jobs', '/packages', '/devices']) {
		for (const limit of ['0', '-1', '1001', 'many', '', '99999999999999999999'])
			await lab.rest.refuse('GET', `${path}?limit=${limit}`, {}, { status: 400, code: 'malformed', detail: /limit/ });
	}
	for (const path of ['/jobs', '/packages'])
		await lab.rest.refuse('GET', `${path}?cursor=abc`, {}, { status: 400, code: 'malformed', detail: /cursor/ });
});

// ---- too much ----

const MEBIBYTE = 1 << 20;

async function* zeros(total) {
	const part = Buffer.alloc(MEBIBYTE);
	for (let sent = 0; sent < total; sent += part.length)
		yield part;
}

function peak_kib(lab) {
	return Number(/VmHWM:\s+(\d+)/.exec(fs.readFileSync(`/proc/${lab.server.process.pid}/status`, 'utf8'))[1]);
}

for (const [what, path, headers] of [
	['a JSON route', '/devices/d/operations', JSON_TYPE],
	['the packages', '/packages?kind=se-load-file&name=big', BINARY],
]) {
	for (const isChunked of [false, true]) {
		labTest(`200 MiB to ${what}${isChunked ? ' of unknown length' : ''}`, {}, async (lab) => {
			await lab.rest.get('/jobs');
			const before = peak_kib(lab);
			const length = isChunked ? {} : { 'Content-Length': 200 * MEBIBYTE };
			const answer = await lab.rest.request('POST', path, { body: zeros(200 * MEBIBYTE), headers: { ...headers, ...length } })
				.catch((error) => error);
			// A client that goes on writing may lose the answer with the connection.
			if (answer instanceof Error)
				assert.match(answer.code, /ECONNRESET|EPIPE/);
			else
				assert.deepEqual([answer.status, answer.json.code], [413, 'limit'], answer.text);
			await nothingIsThere(lab);
			if (!isSanitized)
				assert.ok(peak_kib(lab) - before < 100 * 1024, `${before} KiB became ${peak_kib(lab)}`);
		});
	}
}

labTest('a package that breaks off leaves nothing', {}, async (lab) => {
	const cap = await makeCap(lab, { size: 60000 });
	async function* broken() {
		yield cap.subarray(0, 20000);
		throw new Error('the cable is cut');
	}
	await assert.rejects(lab.rest.request('POST', '/packages?kind=se-load-file&name=cut', { body: broken(), headers: { ...BINARY, 'Content-Length': cap.length } }));
	await nothingIsThere(lab);
	assert.equal((await uploadCap(lab, { size: 60000 })).name, 'test.cap', 'and the next one works');
});

labTest('a package that an unfinished job needs stays', {}, async (lab) => {
	const pack = await uploadCap(lab);
	await putKeys(lab, 'absent');
	const job = await lab.rest.post('/devices/absent/operations', { operation: 'se.install', params: { package: pack.id } });
	await lab.rest.refuse('DELETE', `/packages/${pack.id}`, {}, { status: 409, code: 'conflict', detail: /./ });
	await lab.rest.delete(`/jobs/${job.id}`);
	await lab.end(job.id);
	await lab.rest.delete(`/packages/${pack.id}`);
	await lab.rest.refuse('GET', `/packages/${pack.id}`, {}, { status: 404, code: 'not-found', detail: /package/ });
});

labTest('a request that takes a device past the queue it has', {}, async (lab) => {
	const device = await lab.device('d');
	await device.kill();
	const answers = await Promise.all(Array.from({ length: 200 }, () => lab.rest.request('GET', '/devices/d/lwm2m/3/0/0')));
	for (const answer of answers) {
		assert.ok([503, 504].includes(answer.status), answer.text);
		if (answer.status === 503)
			assert.ok(answer.headers['retry-after']);
	}
	assert.ok(answers.some(({ status }) => status === 503));
});
