// Bootstrap from smartcard (LwM2M-SCS-11): the server makes the files of a card, a device with that card boots from it by
// APDUs, and follows it when it changes.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { randomBytes } from 'node:crypto';
import { labTest } from './lab.mjs';
import { factoryKey, putKeys, succeeded } from './secure_element.mjs';

const listening = { server: { 'bootstrap-listen': '127.0.0.1:0', 'bootstrap-secure-listen': '127.0.0.1:0' } };
const application = 'A000000063504B43532D3135';

function bootstrapServer(lab, scheme) {
	return lab.server.process.lines.map((line) => /^bootstrap (\S+)$/.exec(line)?.[1])
		.find((address) => address?.startsWith(`${scheme}://`));
}

// An account of our server with a key of its own, as configuration and as credential.
async function account(lab, endpoint, lifetime) {
	const keyHex = randomBytes(16).toString('hex');
	const identity = `card-of-${endpoint}`;
	await lab.rest.put(`/credentials/${endpoint}`, { kind: 'psk', identity, keyHex });
	return { servers: [{ shortServerId: 101, uri: lab.server.coaps, lifetime, security: { mode: 'psk', identity, keyHex } }] };
}

// The files of a card as the server makes them, in a folder for cardea-device.
async function makeCard(lab, endpoint, query = '') {
	const card = await lab.rest.get(`/bootstrap/${endpoint}/smartcard?format=json${query}`);
	const folder = path.join(lab.folder, `card of ${endpoint}`);
	fs.rmSync(folder, { recursive: true, force: true });
	fs.mkdirSync(folder);
	for (const file of card.files)
		fs.writeFileSync(path.join(folder, file.fileIdHex), Buffer.from(file.contentHex, 'hex'));
	return { folder, ...card };
}

// Nobody answers at the factory's server, so that whoever registers does it with another account.
const nowhere = 'coap://127.0.0.1:9';

function options(card, more = {}) {
	return { bootstrap: 'smartcard', smartcard: card.folder, server: nowhere, ...more };
}

labTest('1.1-int-3 bootstrap from smartcard', listening, async (lab) => {
	// Registered to X with one lifetime; after power off and on with a card it registers to Y, whose lifetime is 43200.
	const device = await lab.device('lamp', { bootstrap: 'smartcard', server: lab.server.coap, lifetime: 86400 });
	assert.equal((await lab.rest.get('/devices/lamp')).lifetime, 86400);
	assert.match((await lab.rest.get('/devices/lamp')).address, /^coap:/);
	await device.kill();

	await lab.rest.put('/bootstrap/lamp', await account(lab, 'lamp', 43200));
	const card = await makeCard(lab, 'lamp');
	device.options.smartcard = card.folder;
	device.options.server = nowhere;
	await device.start();
	assert.ok(device.process.lines.includes('smartcard endpoint=lamp state=applied'));
	const registered = await lab.rest.get('/devices/lamp');
	assert.equal(registered.lifetime, 43200);
	assert.match(registered.address, /^coaps:/);
	const { resources } = await lab.rest.get('/devices/lamp/lwm2m/1/0/1');
	assert.equal(resources[0].value, 43200);

	// The same card is not applied again; without a card its account is gone, and the factory's is there again.
	await device.kill();
	await device.start();
	assert.ok(!device.process.lines.some((line) => /state=applied/.test(line)));
	await device.kill();
	device.options['se-absent'] = true;
	device.options.server = lab.server.coap;
	await lab.rest.delete('/credentials/lamp?kind=psk');
	await device.start();
	assert.ok(device.process.lines.includes('smartcard endpoint=lamp state=removed'));
	assert.equal((await lab.rest.get('/devices/lamp')).lifetime, 86400);
});

labTest('the bytes are those of the card, and only an administrator gets them', listening, async (lab) => {
	await lab.rest.put('/bootstrap/lamp', await account(lab, 'lamp', 300));
	const card = await makeCard(lab, 'lamp');
	const answer = await lab.rest.call('GET', '/bootstrap/lamp/smartcard');
	assert.equal(answer.headers['content-type'], 'application/octet-stream');
	assert.equal(answer.headers['cache-control'], 'no-store');
	assert.equal(answer.bytes.toString('hex').toUpperCase(), card.files.at(-1).contentHex);
	assert.ok(card.resources.some((resource) => resource.path === '/0/0/3'));
	assert.ok(!card.resources.some((resource) => resource.path === '/0/0/5'));
	assert.match(card.warnings.join(), /private=true/);

	const reader = await lab.rest.post('/tokens', { name: 'reader', scope: 'write' });
	const refused = await lab.rest.request('GET', '/bootstrap/lamp/smartcard', { token: reader.token });
	assert.equal(refused.status, 403);
	const rows = [
		['style=plain', 400, 'malformed', /style/],
		['private=1', 400, 'malformed', /private/],
		['fileId=6430', 400, 'malformed', /6430/],
		['bootstrapServer=http://x', 400, 'malformed', /bootstrapServer/],
	];
	for (const [query, status, code, detail] of rows)
		await lab.rest.refuse('GET', `/bootstrap/lamp/smartcard?${query}`, {}, { status, code, detail });
	await lab.rest.refuse('GET', '/bootstrap/other/smartcard', {}, { status: 404, code: 'not-found', detail: /other/ });
	await lab.rest.put('/bootstrap/other',
		{ servers: [{ shortServerId: 1, uri: lab.server.coaps, security: { mode: 'psk', generate: true } }] });
	await lab.rest.refuse('GET', '/bootstrap/other/smartcard', {}, { status: 409, code: 'conflict', detail: /generate/ });
});

labTest('cards of all styles are read, and a PIN is asked for once', listening, async (lab) => {
	for (const [endpoint, query, more] of [
		['oid', '&style=oid', {}],
		['field', '&style=field&fileId=6F01&directoryId=6F02', {}],
		['private', '&private=true', { 'card-pin': '1234', 'smartcard-pin': '1234' }],
	]) {
		await lab.rest.put(`/bootstrap/${endpoint}`, await account(lab, endpoint, 300));
		const card = await makeCard(lab, endpoint, query);
		await lab.device(endpoint, options(card, more));
		assert.match((await lab.rest.get(`/devices/${endpoint}`)).address, /^coaps:/);
	}
});

labTest('a card is read over a secure channel, and who has other keys is refused', listening, async (lab) => {
	await lab.rest.put('/bootstrap/safe', await account(lab, 'safe', 300));
	const card = await makeCard(lab, 'safe', '&private=true');
	const more = { 'card-secure-channel': true, 'card-pin': '1234', 'smartcard-pin': '1234' };
	await lab.device('safe', options(card, { ...more, 'smartcard-key': factoryKey }));
	assert.match((await lab.rest.get('/devices/safe')).address, /^coaps:/);

	for (const [endpoint, keys, reason] of [
		['clear', {}, /the card refuses, 6982/],
		['stranger', { 'smartcard-key': '00'.repeat(16) }, /does not have the keys/],
	]) {
		const device = await lab.device(endpoint, options(card, { ...more, ...keys, server: lab.server.coap }));
		assert.match(device.process.lines.find((line) => /smartcard\.refused/.test(line)), reason);
	}
});

labTest('a card that cannot be used is refused with the reason, and the next way is taken', listening, async (lab) => {
	const damage = {
		truncated: (folder) => fs.truncateSync(path.join(folder, '6432'), 40),
		headless: (folder) => fs.writeFileSync(path.join(folder, '6432'), Buffer.from('c80016626f6f74', 'hex')),
		pathless: (folder) => fs.writeFileSync(path.join(folder, '6430'), Buffer.from('a103300000', 'hex')),
		accountless: (folder) => fs.writeFileSync(path.join(folder, '6432'), Buffer.alloc(4)),
		lost: (folder) => fs.rmSync(path.join(folder, '6432')),
	};
	const reasons = { truncated: /shorter than it says/, headless: /shorter than it says/, pathless: /EF\(DODF\)/,
		accountless: /no account/, lost: /EF\(LwM2M_Bootstrap\) is not on the card/ };
	for (const [endpoint, spoil] of Object.entries(damage)) {
		await lab.rest.put(`/bootstrap/${endpoint}`, await account(lab, endpoint, 300));
		const card = await makeCard(lab, endpoint);
		await lab.rest.delete(`/credentials/${endpoint}?kind=psk`);
		spoil(card.folder);
		const device = await lab.device(endpoint, options(card, { server: lab.server.coap })); // as from the factory
		assert.ok(device.process.lines.includes(`smartcard endpoint=${endpoint} state=refused`));
		assert.match(device.process.lines.find((line) => /smartcard\.refused/.test(line)), reasons[endpoint]);
		assert.match((await lab.rest.get(`/devices/${endpoint}`)).address, /^coap:/);
	}

	// A wrong PIN likewise, and it is not tried again.
	await lab.rest.put('/bootstrap/pin', await account(lab, 'pin', 300));
	const card = await makeCard(lab, 'pin', '&private=true');
	await lab.rest.delete('/credentials/pin?kind=psk');
	const device = await lab.device('pin', options(card, { server: lab.server.coap, 'card-pin': '1234', 'smartcard-pin': '4321' }));
	assert.match(device.process.lines.find((line) => /smartcard\.refused/.test(line)), /the PIN is wrong; 2 more tries/);

	// After the card comes the bootstrap server that the device knows.
	await lab.rest.put('/bootstrap/server', { servers: [{ shortServerId: 1, uri: lab.server.coap, security: { mode: 'nosec' } }] });
	const folder = path.join(lab.folder, 'empty card');
	fs.mkdirSync(folder);
	const asking = await lab.device('server', { bootstrap: ['smartcard', bootstrapServer(lab, 'coap')], smartcard: folder });
	assert.ok(asking.process.lines.includes('smartcard endpoint=server state=absent'));
	assert.ok(asking.process.lines.includes('bootstrapped endpoint=server'));
});

labTest('a card with a bootstrap server leads there', listening, async (lab) => {
	const keyHex = randomBytes(16).toString('hex');
	await lab.rest.put('/credentials/meter', { kind: 'bootstrap-psk', identity: 'bs-meter', keyHex });
	const card = await makeCard(lab, 'meter', `&bootstrapServer=${bootstrapServer(lab, 'coaps')}`);
	assert.equal(card.resources.length, 5);
	await lab.rest.put('/bootstrap/meter',
		{ servers: [{ shortServerId: 101, uri: lab.server.coaps, lifetime: 300, security: { mode: 'psk', generate: true } }] });
	const device = await lab.device('meter', options(card));
	assert.ok(device.process.lines.includes('bootstrapped endpoint=meter'));
	assert.match((await lab.rest.get('/devices/meter')).address, /^coaps:/);

	// What the bootstrap server wrote stays while the card is as it was.
	const { identity } = await lab.rest.get('/credentials/meter');
	await device.kill();
	await device.start();
	assert.ok(!device.process.lines.includes('bootstrapped endpoint=meter'));
	assert.equal((await lab.rest.get('/credentials/meter')).identity, identity);
});

labTest('the server changes the card, and at its next update the device follows', listening, async (lab) => {
	const configuration = await account(lab, 'lamp', 300);
	await lab.rest.put('/bootstrap/lamp', configuration);
	const device = await lab.device('lamp', options(await makeCard(lab, 'lamp')));
	await putKeys(lab, 'lamp');

	// The new file as STORE DATA brings it: identifier, length, content.
	configuration.servers[0].lifetime = 600;
	await lab.rest.put('/bootstrap/lamp', configuration);
	const file = (await lab.rest.call('GET', '/bootstrap/lamp/smartcard')).bytes;
	const dgi = Buffer.concat([Buffer.from('6432', 'hex'), Buffer.from([file.length]), file]);
	succeeded(await lab.run('lamp', 'se.store-data', { aidHex: application, format: 'dgi', dataHex: dgi.toString('hex') }));

	const seen = device.process.lines.length;
	await lab.rest.post('/devices/lamp/lwm2m/1/0/8');
	await device.process.line(/^smartcard endpoint=lamp state=applied$/, seen);
	await device.process.line(/^registered endpoint=lamp/, seen);
	assert.equal((await lab.rest.get('/devices/lamp')).lifetime, 600);
});
