// OMA enabler test cases 1.1-int-101 to 111, 401 and 950: registration, queue mode, security, two servers.
import assert from 'node:assert/strict';
import { Lab, labTest } from './lab.mjs';
import { Seen, enablerTest, scriptedTest } from './enabler.mjs';
import { Multiple, ScriptedDevice } from './scripted_device.mjs';
import { CoapClient, methods } from './coap.mjs';

const configuration1 = () => ({
	1: { 0: { 0: 1, 1: 86400, 6: false, 7: 'U', 8: () => {} } },
	3: { 0: { 0: 'OMA', 1: 'Enabler', 2: '0001', 3: '1.0', 4: () => {}, 11: new Multiple({ 0: 0 }), 16: 'U' } },
});
const ofDevice = (data) => data.endpoint === 'd';

enablerTest('1.1-int-101', 'initial registration', { lifetime: 300 }, async (seen) => {
	const device = await seen.lab.rest.get('/devices/d');
	assert.deepEqual([device.endpoint, device.lifetime, device.version, device.binding], ['d', 300, '1.1', 'U']);
	for (const object of [1, 3])
		assert.ok(device.objects.some((one) => one.object === object && one.instance === 0), `/${object}/0`);
	assert.ok(!device.objects.some(({ object }) => object === 0 || object === 21));
});

enablerTest('1.1-int-102', 'registration update', {}, async (seen, device) => {
	await seen.write('1/0/1', 6);
	await device.process.line(/^updated /);
	assert.equal((await seen.lab.rest.get('/devices/d')).lifetime, 6);
	const from = device.process.lines.length;
	await device.process.line(/^updated /, from); // before they are over, without being told
});

enablerTest('1.1-int-103', 'deregistration', {}, async (seen, device) => {
	const events = await seen.lab.rest.events();
	await seen.execute('1/0/4');
	await device.process.line(/^deregistered /);
	await events.find('device.deregistered', ofDevice);
	await seen.lab.rest.refuse('GET', '/devices/d', {}, { status: 404, code: 'not-found', detail: /device d/ });
	events.close();
});

scriptedTest('1.1-int-104', 'registration update trigger', () => {
	const objects = configuration1();
	objects[1][0][8] = () => objects.trigger();
	Object.defineProperty(objects, 'trigger', { enumerable: false, writable: true });
	return objects;
}, async (seen, device) => {
	const updated = new Promise((resolve) => { device.objects.trigger = () => device.update().then(resolve); });
	const before = await seen.lab.rest.get('/devices/d');
	await seen.execute('1/0/8');
	assert.equal((await updated).codeText, '2.04');
	const after = await seen.lab.rest.get('/devices/d');
	assert.equal(after.location, before.location);
	assert.ok(Date.parse(after.expiresAt) > Date.parse(before.expiresAt), 'its lifetime begins anew');
});

enablerTest('1.1-int-105', 'discarded registration update', { lifetime: 4 }, async (seen, device) => {
	const from = device.process.lines.length;
	await seen.lab.rest.delete('/devices/d');
	await device.process.line(/^registered /, from); // its Update is answered 4.04, so it registers
	assert.equal((await seen.lab.rest.get('/devices/d')).lifetime, 4);
});

enablerTest('1.1-int-107', 'extending the lifetime of a registration', { lifetime: 60 }, async (seen, device) => {
	await seen.write('1/0/1', 120);
	await device.process.line(/^updated /);
	const seenDevice = await seen.lab.rest.get('/devices/d');
	assert.equal(seenDevice.lifetime, 120);
	assert.ok(Date.parse(seenDevice.expiresAt) - Date.parse(seenDevice.updatedAt) === 120000);
});

// Configuration 1 is a profile that the server knows.
const knowing = { server: { profiles: JSON.stringify({ '6:27354b9a': '</1/0>,</3/0>' }) } };
const objectsOf = (device) => device.objects.map(({ object, instance }) => `/${object}/${instance}`);

function registerWithProfile(client, endpoint, pid, payload) {
	return client.request(methods.POST, { path: 'rd', query: [`ep=${endpoint}`, 'lt=86400', 'lwm2m=1.2', 'b=U', `pid=${pid}`],
		format: payload === undefined ? undefined : 40, payload });
}

labTest('1.2-int-110 initial registration with a profile id', knowing, async (lab) => {
	const client = await CoapClient.open(lab.server.coap);
	assert.equal((await registerWithProfile(client, 'd', '6:27354b9a')).codeText, '2.01');
	assert.deepEqual(objectsOf(await lab.rest.get('/devices/d')), ['/1/0', '/3/0']);
	// One that nobody knows does not tell what the device has.
	assert.equal((await registerWithProfile(client, 'other', '6:00000000')).codeText, '4.09');
	await lab.rest.refuse('GET', '/devices/other', {}, { status: 404, code: 'not-found', detail: /other/ });
	// A server that has forgotten the profile still knows the device.
	lab.server.options.profiles = '{}';
	await lab.server.restart();
	assert.deepEqual(objectsOf(await lab.rest.get('/devices/d')), ['/1/0', '/3/0']);
	client.close();
});

labTest('1.2-int-111 registration with a profile id and a list of objects', knowing, async (lab) => {
	const client = await CoapClient.open(lab.server.coap);
	assert.equal((await registerWithProfile(client, 'd', '6:27354b9a', '</4/0>')).codeText, '2.01');
	assert.deepEqual(objectsOf(await lab.rest.get('/devices/d')), ['/1/0', '/3/0', '/4/0']);
	client.close();
});

labTest('1.1-int-108 turn on queue mode', {}, async (lab) => {
	const client = await CoapClient.open(lab.server.coap);
	for (const [endpoint, query, isQueueMode] of [['q', ['b=U', 'Q'], true], ['u', ['b=U'], false]]) {
		const answer = await client.request(methods.POST, { path: 'rd', format: 40, payload: '</1/0>,</3/0>',
			query: [`ep=${endpoint}`, 'lt=600', 'lwm2m=1.1', ...query] });
		assert.equal(answer.codeText, '2.01');
		assert.equal((await lab.rest.get(`/devices/${endpoint}`)).queueMode, isQueueMode);
	}
	client.close();
});

labTest('1.1-int-109 behaviour in queue mode', { server: { 'awake-ms': 300 } }, async (lab) => {
	const device = await ScriptedDevice.register(lab, 'd', configuration1(), { query: ['lwm2m=1.1', 'b=U', 'Q', 'lt=600'] });
	await new Seen(lab).write('1/0/1', 240);
	assert.equal((await device.update(['lt=240'])).codeText, '2.04');
	while ((await lab.rest.get('/devices/d')).awake); // its time passes
	const asked = device.requests.length;
	const events = await lab.rest.events();
	const queued = await lab.rest.call('GET', '/devices/d/lwm2m/1/0/1?queue=60');
	assert.equal(queued.status, 202);
	assert.equal((await lab.rest.get('/devices/d')).awake, false);
	assert.equal(device.requests.length, asked, 'nothing is sent to a device that sleeps');
	assert.equal((await device.update()).codeText, '2.04');
	await events.find('request.ended', (data) => data.endpoint === 'd');
	assert.equal(device.requests.at(-1).path, '1/0/1');
	events.close();
	device.close();
});

labTest('1.1-int-401 DTLS with a pre-shared key', {}, async (lab) => {
	await lab.secureDevice('d');
	assert.match((await lab.rest.get('/devices/d')).address, /^coaps:/);
	await new Seen(lab).reads('3/0', { '/3/0/0': 'Cardea', '/3/0/16': 'U' }, 'tlv');
});

// Two servers, of which each has an account of its own in the device: here two sockets that share their objects.
labTest('1.1-int-950 1.1-int-951 two servers, each with its registration and its attributes', {}, async (lab) => {
	const other = new Lab();
	try {
		await other.server.start();
		const objects = configuration1();
		const devices = [await ScriptedDevice.register(lab, 'd', objects), await ScriptedDevice.register(other, 'd', objects)];
		const servers = [new Seen(lab), new Seen(other)];
		await servers[0].attributes('3/0', 'pmin=2&pmax=10');
		await servers[1].attributes('3/0', 'pmin=15&pmax=50');
		assert.equal((await servers[0].discover('3/0'))[0], '</3/0>;pmin=2;pmax=10');
		assert.equal((await servers[1].discover('3/0'))[0], '</3/0>;pmin=15;pmax=50');
		assert.notEqual((await lab.rest.get('/devices/d')).location, (await other.rest.get('/devices/d')).location);
		devices.forEach((device) => device.close());
		await other.close();
	} finally {
		await other.abandon();
	}
});
