// Update and De-register; and an operator who removes a device.
import assert from 'node:assert/strict';
import { labTest } from './lab.mjs';
import { CoapClient, location, methods } from './coap.mjs';

const isOf = (endpoint) => (data) => data.endpoint === endpoint;

labTest('an update keeps the registration', {}, async (lab) => {
	const device = await lab.device('d');
	const before = await lab.rest.get('/devices/d');
	await lab.rest.call('POST', '/devices/d/lwm2m/1/0/8');
	await device.process.line(/^updated /);
	const after = await lab.rest.get('/devices/d');
	assert.equal(after.location, before.location);
	assert.equal(after.registeredAt, before.registeredAt);
	assert.ok(Date.parse(after.updatedAt) >= Date.parse(before.updatedAt));
});

labTest('an update changes what it says', {}, async (lab) => {
	const client = await CoapClient.open(lab.server.coap);
	const registered = await client.request(methods.POST, { path: 'rd', query: ['ep=d', 'lt=600', 'lwm2m=1.1', 'b=U'],
		format: 40, payload: '</1/0>,</3/0>' });
	assert.equal(registered.codeText, '2.01');
	const path = location(registered);
	const events = await lab.rest.events();
	assert.match(path, /^rd\/./);
	const updated = await client.request(methods.POST, { path, query: ['lt=900'], format: 40, payload: '</1/0>,</3/0>,</16/4>' });
	assert.equal(updated.codeText, '2.04');
	await events.find('device.updated', isOf('d'));
	events.close();
	const device = await lab.rest.get('/devices/d');
	assert.equal(device.lifetime, 900);
	assert.ok(device.objects.some(({ object, instance }) => object === 16 && instance === 4));
	client.close();
});

labTest('an update from a new address moves the device there', {}, async (lab) => {
	const first = await CoapClient.open(lab.server.coap), second = await CoapClient.open(lab.server.coap);
	const registered = await first.request(methods.POST, { path: 'rd', query: ['ep=d', 'lt=600', 'lwm2m=1.1', 'b=U'],
		format: 40, payload: '</3/0>' });
	assert.equal((await second.request(methods.POST, { path: location(registered) })).codeText, '2.04');
	assert.ok((await lab.rest.get('/devices/d')).address.endsWith(`:${second.socket.address().port}`));
	first.close();
	second.close();
});

labTest('a new registration replaces the old one', {}, async (lab) => {
	const client = await CoapClient.open(lab.server.coap);
	const register = () => client.request(methods.POST, { path: 'rd', query: ['ep=d', 'lt=600', 'lwm2m=1.1', 'b=U'],
		format: 40, payload: '</3/0>' });
	const first = await register(), second = await register();
	assert.notEqual(location(first), location(second));
	assert.equal((await client.request(methods.POST, { path: location(first) })).codeText, '4.04');
	assert.equal((await client.request(methods.POST, { path: location(second) })).codeText, '2.04');
	assert.equal((await lab.rest.get('/devices')).items.length, 1);
	client.close();
});

labTest('a device that de-registers is gone', {}, async (lab) => {
	const events = await lab.rest.events();
	const device = await lab.device('d');
	await device.stop();
	await device.process.line(/^deregistered /);
	await events.find('device.deregistered', isOf('d'));
	await lab.rest.refuse('GET', '/devices/d', {}, { status: 404, code: 'not-found', detail: /device d/ });
	assert.deepEqual((await lab.rest.get('/devices')).items, []);
	events.close();
});

labTest('an operator removes a device, which then has to register anew', {}, async (lab) => {
	const device = await lab.device('d');
	assert.equal((await lab.rest.delete('/devices/d')).status, 204);
	await lab.rest.refuse('GET', '/devices/d', {}, { status: 404, code: 'not-found', detail: /device d/ });
	await lab.rest.refuse('DELETE', '/devices/d', {}, { status: 404, code: 'not-found', detail: /device d/ });
	await device.kill();
	await device.start();
	await lab.rest.get('/devices/d');
});
