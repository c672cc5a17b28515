// A device that protects its messages by OSCORE, over UDP in the clear.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import { methods, options, types } from './coap.mjs';
import { labTest } from './lab.mjs';
import { OscoreContext } from './oscore.mjs';
import { OscoreDevice } from './oscore_device.mjs';

const echoOption = 252;
const endpoint = 'urn:dev:oscore';

const serve = (device, text) => device.serve(() => ({ code: (2 << 5) | 5, format: 0, payload: text }));

async function oscoreDevice(lab, more = {}) {
	const credential = { recipientIdHex: 'A1', senderIdHex: '', masterSecretHex: randomBytes(16).toString('hex'),
		masterSaltHex: randomBytes(8).toString('hex'), ...more };
	await lab.rest.put(`/credentials/${endpoint}`, { kind: 'oscore', ...credential });
	const device = new OscoreDevice(credential);
	await device.connect(lab.server.coap);
	return device;
}

async function updateAfterRestart(lab, device, registered) {
	const location = registered.options.filter(([number]) => number === options.locationPath).map(([, value]) => [options.uriPath, value]);
	await lab.server.restart();
	await device.connect(lab.server.coap);
	const challenge = await device.ask(methods.POST, location);
	assert.equal(challenge.codeText, '4.01');
	const echo = challenge.options.find(([number]) => number === echoOption);
	assert.equal((await device.ask(methods.POST, [...location, echo])).codeText, '2.04');
}

labTest('it registers and is read, also with an ID context', {}, async (lab) => {
	for (const more of [{}, { idContextHex: '37CBF3210017A2D3' }]) {
		const device = await oscoreDevice(lab, more);
		assert.equal((await device.register(endpoint)).codeText, '2.01');
		const seen = await lab.rest.get(`/devices/${endpoint}`);
		assert.equal(seen.endpoint, endpoint);
		const [request, answer] = await Promise.all([serve(device, 'Cardea'),
			lab.rest.get(`/devices/${endpoint}/lwm2m/3/0/0`)]);
		assert.equal(request.code, methods.GET);
		assert.equal(JSON.stringify(answer).includes('Cardea'), true);
		device.socket.close();
	}
	const listed = await lab.rest.get(`/credentials/${endpoint}?kind=oscore`);
	assert.deepEqual([listed.kind, listed.identity], ['oscore', 'A1/37CBF3210017A2D3']);
	assert.ok(!JSON.stringify(listed).includes('master'));
});

labTest('its name is not taken without the key', {}, async (lab) => {
	const device = await oscoreDevice(lab);
	device.send({ type: types.CON, code: methods.POST, id: 77, options: [[options.uriPath, 'rd'],
		[options.uriQuery, `ep=${endpoint}`], [options.uriQuery, 'lt=300'], [options.uriQuery, 'lwm2m=1.1']],
		payload: '</3/0>' });
	assert.equal((await device.next()).codeText, '4.03');
	device.context.senderKey[0] ^= 1;
	await assert.rejects(device.register(endpoint), /4\.00 in the clear: Decryption failed/);
	device.socket.close();
});

labTest('after a restart it shows that it is there, and goes on', {}, async (lab) => {
	const device = await oscoreDevice(lab);
	await updateAfterRestart(lab, device, await device.register(endpoint));
	await Promise.all([serve(device, 'again'), lab.rest.get(`/devices/${endpoint}/lwm2m/3/0/0`)]);
	device.socket.close();
});

labTest('a device that has forgotten everything comes back', {}, async (lab) => {
	const device = await oscoreDevice(lab);
	const read = (text) => Promise.all([serve(device, text), lab.rest.get(`/devices/${endpoint}/lwm2m/3/0/0`)]);
	await device.register(endpoint);
	await read('before');
	const first = await device.renew();
	const registered = await device.register(endpoint);
	assert.equal(registered.codeText, '2.01');
	assert.equal(JSON.stringify(await read('after')).includes('after'), true);

	await updateAfterRestart(lab, device, registered);
	assert.equal(JSON.stringify(await read('and again')).includes('and again'), true);

	device.send({ ...first, id: 60000 }); // whoever has recorded it sends it again
	assert.equal((await device.next()).codeText, '2.04'); // another offer, which nobody can read without the key
	assert.equal(JSON.stringify(await read('still')).includes('still'), true);
	device.socket.close();
});

// By the commands of docs/operations.md.
labTest('an older database is gone on with in new contexts', {}, async (lab) => {
	const database = `${lab.server.dataFolder}/cardea.db`, copy = `${lab.folder}/copy.db`;
	const device = await oscoreDevice(lab), ofTheCopy = device.context;
	await device.register(endpoint);
	execFileSync('sqlite3', [database, `.backup ${copy}`]);
	await device.renew();
	await device.register(endpoint);
	const latest = device.context;

	await lab.server.stop();
	fs.copyFileSync(copy, database);
	['-wal', '-shm'].forEach((suffix) => fs.rmSync(database + suffix, { force: true }));
	execFileSync('sqlite3', [database, 'UPDATE oscore_numbers SET reserved = 1 << 40']);
	await lab.server.start();
	await device.connect(lab.server.coap);

	device.context = ofTheCopy;
	const { answer } = await device.exchange(methods.GET, [[options.uriPath, 'rd']]);
	assert.deepEqual([answer.codeText, `${answer.payload}`], ['4.01', 'Security context not found']);
	device.context = latest;
	assert.ok(OscoreContext.offered((await device.exchange(methods.GET, [[options.uriPath, 'rd']])).answer));
	await device.renew();
	await device.register(endpoint);
	const [, read] = await Promise.all([serve(device, 'restored'), lab.rest.get(`/devices/${endpoint}/lwm2m/3/0/0`)]);
	assert.equal(JSON.stringify(read).includes('restored'), true);
	device.socket.close();
});

labTest('a credential that makes no sense is refused by name', {}, async (lab) => {
	const good = { kind: 'oscore', recipientIdHex: '01', masterSecretHex: '00112233445566778899AABBCCDDEEFF' };
	for (const [member, value] of [['masterSecretHex', '0011'], ['recipientIdHex', '0102030405060708'], ['senderIdHex', '01'],
		['idContextHex', 'xx'], ['keyHex', '00']])
		await lab.rest.refuse('PUT', `/credentials/${endpoint}`, { json: { ...good, [member]: value } },
			{ status: 400, code: 'malformed', detail: new RegExp(member) });
	await lab.rest.put(`/credentials/${endpoint}`, good);
	await lab.rest.refuse('PUT', '/credentials/urn:dev:2', { json: good }, { status: 409, code: 'conflict', detail: /^recipientIdHex, idContextHex: another device/ });
	await lab.rest.delete(`/credentials/${endpoint}?kind=oscore`);
	await lab.rest.put('/credentials/urn:dev:2', good);
});
