// CoAP over TCP and TLS (RFC 8323; LwM2M Transport TS 1.1, binding T) with the reference device, which is libcoap's client.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { Device, labTest } from './lab.mjs';

const server = { 'tcp-listen': '127.0.0.1:0', 'tls-listen': '127.0.0.1:0' };
const addressOf = (lab, scheme) => lab.server.addresses.find((address) => address.startsWith(`${scheme}://`));
const lwm2m = (endpoint, path) => `/devices/${endpoint}/lwm2m/${path}`;

async function value(lab, endpoint, path) {
	const { resources } = await lab.rest.get(lwm2m(endpoint, path));
	assert.equal(resources.length, 1, JSON.stringify(resources));
	return resources[0].value;
}

async function tlsDevice(lab, endpoint, options = {}) {
	const key = randomBytes(16).toString('hex');
	await lab.rest.put(`/credentials/${endpoint}`, { kind: 'psk', identity: `id-of-${endpoint}`, keyHex: key });
	return lab.device(endpoint, { server: addressOf(lab, 'coaps+tcp'), 'psk-identity': `id-of-${endpoint}`, 'psk-key': key,
		...options });
}

// What every device has to do, whatever it comes by.
async function manages(lab, endpoint) {
	assert.equal(await value(lab, endpoint, '3/0/0'), 'Cardea');
	assert.equal((await lab.rest.put(lwm2m(endpoint, '3/0/14'), { value: '+02:00' })).status, 204);
	assert.equal(await value(lab, endpoint, '3/0/14'), '+02:00');
	assert.equal((await lab.rest.call('POST', lwm2m(endpoint, '3/0/12'))).status, 204);
	const read = await lab.rest.post(`/devices/${endpoint}/composite/read`, { paths: ['/3/0/0', '/1/0/1'] });
	assert.deepEqual(read.resources.map((resource) => resource.path).sort(), ['/1/0/1', '/3/0/0']);
}

labTest('a device registers with binding T, updates and is managed over TCP', { server }, async (lab) => {
	const device = await lab.device('d', { server: addressOf(lab, 'coap+tcp') });
	const shown = await lab.rest.get('/devices/d');
	assert.equal(shown.binding, 'T');
	assert.match(shown.address, /^coap\+tcp:\/\/127\.0\.0\.1:\d+$/);
	assert.equal(shown.queueMode, false);
	await manages(lab, 'd');
	assert.equal((await lab.rest.call('POST', lwm2m('d', '1/0/8'))).status, 204);
	await device.process.line(/^updated /);
	assert.equal((await lab.rest.get('/devices/d')).address, shown.address);
	await device.stop();
	assert.equal((await lab.rest.request('GET', '/devices/d')).status, 404);
});

labTest('a device is observed over TCP', { server }, async (lab) => {
	await lab.device('d', { server: addressOf(lab, 'coap+tcp'), 'live-every-ms': 100 });
	const events = await lab.rest.events();
	await lab.rest.put(`${lwm2m('d', '3/0/9')}/observe`, {});
	for (let i = 0; i < 3; i++)
		await events.find('notification', (data) => data.endpoint === 'd' && data.path === '/3/0/9');
	events.close();
	await lab.rest.call('DELETE', `${lwm2m('d', '3/0/9')}/observe`);
});

labTest('a big write goes in one message', { server }, async (lab) => {
	const device = await lab.device('d', { server: addressOf(lab, 'coap+tcp') });
	const content = Buffer.concat([Buffer.from('VERSION 2.0.0\n'), randomBytes(300000)]);
	const answer = await lab.rest.request('PUT', lwm2m('d', '5/0/0'),
		{ body: content, headers: { 'Content-Type': 'application/octet-stream' } });
	assert.equal(answer.status, 204, answer.text);
	assert.equal(await value(lab, 'd', '5/0/3'), 2);
	assert.equal(device.process.status, null);
});

labTest('a device that is killed stays registered, cannot be reached, and is when it comes again', { server }, async (lab) => {
	const device = await lab.device('d', { server: addressOf(lab, 'coap+tcp'), 'live-every-ms': 100 });
	await lab.rest.put(`${lwm2m('d', '3/0/9')}/observe`, {});
	const before = await lab.rest.get('/devices/d');
	await device.kill();
	await lab.server.process.line(/device\.unreachable endpoint=d /);
	const refused = await lab.rest.request('GET', lwm2m('d', '3/0/0'));
	assert.equal(refused.status, 503, refused.text);
	const lost = await lab.rest.get('/devices/d');
	assert.equal(lost.address, before.address);
	assert.equal(before.awake, true);
	assert.equal(lost.awake, false);
	const events = await lab.rest.events();
	await device.start();
	assert.notEqual((await lab.rest.get('/devices/d')).address, before.address);
	assert.equal(await value(lab, 'd', '3/0/0'), 'Cardea');
	await events.find('notification', (data) => data.endpoint === 'd' && data.path === '/3/0/9');
	events.close();
});

labTest('a device in queue mode is asked when it comes again', { server }, async (lab) => {
	const device = await lab.device('d', { server: addressOf(lab, 'coap+tcp'), 'queue-mode': true, 'awake-ms': 300,
		'wake-every-ms': 1500 });
	const shown = await lab.rest.get('/devices/d');
	assert.equal(shown.queueMode, true);
	assert.equal(shown.binding, 'T');
	await device.process.line(/^updated /);
	assert.equal(await value(lab, 'd', '3/0/0'), 'Cardea');
});

labTest('after a restart of the server its devices come again', { server }, async (lab) => {
	const device = await lab.device('d', { server: addressOf(lab, 'coap+tcp') });
	const seen = device.process.lines.length;
	await lab.server.restart();
	assert.match((await lab.rest.get('/devices/d')).address, /^coap\+tcp:/);
	await device.process.line(/^registered /, seen);
	assert.equal(await value(lab, 'd', '3/0/0'), 'Cardea');
});

labTest('a device comes over TLS with its pre-shared key', { server }, async (lab) => {
	await tlsDevice(lab, 'd');
	const shown = await lab.rest.get('/devices/d');
	assert.match(shown.address, /^coaps\+tcp:/);
	assert.equal(shown.binding, 'T');
	await manages(lab, 'd');
});

labTest('over TLS a wrong key, and a device without one, are refused', { server }, async (lab) => {
	const device = await tlsDevice(lab, 'd');
	await device.stop();
	device.options['psk-key'] = randomBytes(16).toString('hex');
	await device.launch().line(/ line\.lost /);
	assert.equal((await lab.rest.request('GET', '/devices/d')).status, 404);
	await device.kill();
	const plain = new Device(lab, 'd', { server: addressOf(lab, 'coap+tcp') });
	await plain.launch().line(/registration\.(refused|failed)|4\.03/);
	assert.equal((await lab.rest.request('GET', '/devices/d')).status, 404);
});

labTest('a connection whose key has been replaced is closed with its next message', { server }, async (lab) => {
	const device = await tlsDevice(lab, 'd', { 'live-every-ms': 100 });
	await lab.rest.put(`${lwm2m('d', '3/0/9')}/observe`, {});
	await lab.rest.put('/credentials/d', { kind: 'psk', identity: 'id-of-d', keyHex: randomBytes(16).toString('hex') });
	await lab.server.process.line(/device\.unreachable endpoint=d /);
	await device.process.line(/ line\.lost /);
	const refused = await lab.rest.request('GET', lwm2m('d', '3/0/0'));
	assert.equal(refused.status, 503, refused.text);
	await device.kill();
});

labTest('a device that comes again over TLS is the same one, and observed again', { server }, async (lab) => {
	const device = await tlsDevice(lab, 'd', { 'live-every-ms': 100 });
	await lab.rest.put(`${lwm2m('d', '3/0/9')}/observe`, {});
	await device.kill();
	const events = await lab.rest.events();
	await device.start();
	await events.find('notification', (data) => data.endpoint === 'd' && data.path === '/3/0/9');
	events.close();
	await manages(lab, 'd');
});
