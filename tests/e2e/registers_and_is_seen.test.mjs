// Register, as devices and operators see it: over UDP in both families and over DTLS; and who is refused.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { Device, labTest } from './lab.mjs';

async function isSeen(lab, endpoint, scheme) {
	const device = await lab.rest.get(`/devices/${endpoint}`);
	assert.equal(device.endpoint, endpoint);
	assert.match(device.address, new RegExp(`^${scheme}://`));
	assert.equal(device.lifetime, 86400);
	assert.equal(device.version, '1.1');
	assert.equal(device.queueMode, false);
	assert.ok(Math.abs(Date.parse(device.registeredAt) - Date.now()) < 60000, device.registeredAt);
	assert.equal(Date.parse(device.expiresAt) - Date.parse(device.updatedAt), 86400 * 1000);
	const instances = device.objects.map(({ object, instance }) => `${object}/${instance ?? ''}`);
	for (const expected of ['1/0', '3/0', '5/0', '30401/0'])
		assert.ok(instances.includes(expected), `${expected} in ${instances}`);
	assert.ok(!instances.some((one) => one.startsWith('0/')), 'object 0 is never shown');
	const list = await lab.rest.get('/devices');
	assert.equal(list.next, null);
	assert.deepEqual(list.items.map((one) => one.endpoint), [endpoint]);
}

labTest('over UDP and IPv4', {}, async (lab) => {
	const events = await lab.rest.events();
	await lab.device('urn:dev:v4');
	await isSeen(lab, 'urn:dev:v4', 'coap');
	await events.find('device.registered', (data) => data.endpoint === 'urn:dev:v4');
	assert.equal(events.contentType, 'text/event-stream');
	events.close();
});

labTest('over UDP and IPv6', { server: { 'coap-listen': '[::1]:0' } }, async (lab) => {
	await lab.device('urn:dev:v6');
	await isSeen(lab, 'urn:dev:v6', 'coap');
	assert.match((await lab.rest.get('/devices/urn:dev:v6')).address, /^coap:\/\/\[::1\]:\d+$/);
});

labTest('on one socket for both families', { server: { 'coap-listen': '[::]:0' } }, async (lab) => {
	const port = /:(\d+)$/.exec(lab.server.coap)[1];
	await lab.device('four', { server: `coap://127.0.0.1:${port}` });
	await lab.device('six', { server: `coap://[::1]:${port}` });
	assert.deepEqual((await lab.rest.get('/devices')).items.map((one) => one.endpoint), ['four', 'six']);
});

labTest('over DTLS with a pre-shared key', {}, async (lab) => {
	await lab.secureDevice('urn:dev:secure');
	await isSeen(lab, 'urn:dev:secure', 'coaps');
	const credential = await lab.rest.get('/credentials/urn:dev:secure');
	assert.deepEqual([credential.kind, credential.identity], ['psk', 'id-of-urn:dev:secure']);
	assert.equal(credential.keyHex, undefined, 'a key never comes out');
});

labTest('as LwM2M 1.0', {}, async (lab) => {
	await lab.device('old', { version: '1.0' });
	assert.equal((await lab.rest.get('/devices/old')).version, '1.0');
});

labTest('not over DTLS with a wrong key', {}, async (lab) => {
	await lab.rest.put('/credentials/victim', { kind: 'psk', identity: 'victim', keyHex: randomBytes(16).toString('hex') });
	const thief = new Device(lab, 'victim', { server: lab.server.coaps, 'psk-key': randomBytes(16).toString('hex') }).launch();
	await thief.line(/line\.lost/);
	await lab.rest.refuse('GET', '/devices/victim', {}, { status: 404, code: 'not-found', detail: /victim/ });
	await thief.kill();
});

labTest('not with an identity that nobody knows', {}, async (lab) => {
	const stranger = new Device(lab, 'stranger', { server: lab.server.coaps, 'psk-key': randomBytes(16).toString('hex') }).launch();
	await stranger.line(/line\.lost/);
	assert.deepEqual((await lab.rest.get('/devices')).items, []);
	await stranger.kill();
});

labTest("not with the endpoint name of another's credential", {}, async (lab) => {
	const key = randomBytes(16).toString('hex');
	await lab.rest.put('/credentials/honest', { kind: 'psk', identity: 'honest', keyHex: key });
	const impostor = new Device(lab, 'somebody-else', { server: lab.server.coaps, 'psk-identity': 'honest', 'psk-key': key }).launch();
	await impostor.line(/registration\.refused .*code=4\.00/);
	assert.deepEqual((await lab.rest.get('/devices')).items, []);
	await impostor.kill();
});

labTest('not without security when it has a credential', {}, async (lab) => {
	await lab.rest.put('/credentials/careless', { kind: 'psk', identity: 'careless', keyHex: randomBytes(16).toString('hex') });
	const careless = new Device(lab, 'careless').launch();
	await careless.line(/registration\.refused .*code=4\.03/);
	assert.deepEqual((await lab.rest.get('/devices')).items, []);
	await careless.kill();
});

labTest('again after its credential has changed', {}, async (lab) => {
	const first = await lab.secureDevice('changing');
	await first.stop();
	await lab.secureDevice('changing');
	await lab.rest.get('/devices/changing');
	await lab.rest.delete('/credentials/changing');
	await lab.rest.refuse('GET', '/credentials/changing', {}, { status: 404, code: 'not-found', detail: /changing/ });
});
