// Requests that wait for a device which sleeps: ?queue=<seconds>.
import assert from 'node:assert/strict';
import { CoapClient, methods, pathOf } from './coap.mjs';
import { labTest } from './lab.mjs';

const sleepy = { 'queue-mode': true, 'awake-ms': 300, 'wake-every-ms': 1500, log: 'debug' };
const server = { server: { 'ack-timeout-ms': 100, 'max-retransmit': 1, 'awake-ms': 300 } };

async function asleep(lab, options = {}) {
	const device = await lab.device('d', { ...sleepy, ...options });
	await device.process.line(/device\.asleep/);
	return device;
}

async function queue(lab, method, path, options = {}) {
	const answer = await lab.rest.call(method, `/devices/d/${path}`, options);
	assert.equal(answer.status, 202);
	assert.equal(answer.headers.location, `/api/v1/devices/d/queue/${answer.json.id}`);
	return answer.json;
}

async function ended(lab, events, item) {
	const event = await events.find('request.ended', (data) => data.id === item.id);
	const kept = await lab.rest.get(`/devices/d/queue/${item.id}`);
	assert.equal(kept.state, event.data.state);
	assert.deepEqual(kept.answer, event.data.answer);
	assert.notEqual(kept.endedAt, null);
	return kept;
}

labTest('they are done when the device wakes, in order, and their answers are kept', server, async (lab) => {
	const events = await lab.rest.events();
	await asleep(lab);
	const write = await queue(lab, 'PUT', 'lwm2m/3/0/14?queue=600', { json: { value: '+07' } });
	const read = await queue(lab, 'GET', 'lwm2m/3/0/14?queue=600&format=tlv');
	const attributes = await queue(lab, 'PUT', 'lwm2m/3/0/9/attributes?pmin=7&queue=600');
	const discover = await queue(lab, 'GET', 'lwm2m/3/0/discover?queue=600');
	const several = await queue(lab, 'POST', 'composite/read?queue=600', { json: { paths: ['/3/0/0', '/1/0/1'] } });
	const wrong = await queue(lab, 'GET', 'lwm2m/3/0/9999?queue=600');
	const observe = await queue(lab, 'PUT', 'lwm2m/3/0/9/observe?queue=600');
	assert.deepEqual([read.state, read.answer, read.endedAt, read.priority], ['queued', null, null, 'normal']);

	assert.deepEqual((await ended(lab, events, write)).answer, { code: '2.04' });
	const value = await ended(lab, events, read);
	assert.equal(value.state, 'done');
	assert.equal(value.answer.format, 'tlv');
	assert.deepEqual(value.answer.resources.map((one) => [one.path, one.type, one.value]), [['/3/0/14', 'string', '+07']]);
	assert.equal((await ended(lab, events, attributes)).state, 'done');
	assert.match((await ended(lab, events, discover)).answer.links, /<\/3\/0\/9>;pmin=7/);
	assert.deepEqual((await ended(lab, events, several)).answer.resources.map((one) => one.path).sort(), ['/1/0/1', '/3/0/0']);
	assert.equal((await ended(lab, events, wrong)).state, 'failed');
	assert.equal((await ended(lab, events, observe)).state, 'done');
	const order = events.events.filter((event) => event.type === 'request.ended').map((event) => event.data.id);
	assert.deepEqual(order, [write, read, attributes, discover, several, wrong, observe].map((item) => item.id));
	assert.deepEqual((await lab.rest.all('/devices/d/queue', 3)).map((item) => item.id), order.reverse());
	events.close();
});

labTest('they survive a restart, and those of high priority go first', server, async (lab) => {
	await asleep(lab, { 'wake-every-ms': 3000 });
	const late = await queue(lab, 'GET', 'lwm2m/3/0/0?queue=600');
	const soon = await queue(lab, 'GET', 'lwm2m/3/0/1?queue=600&priority=high');
	await lab.server.kill();
	await lab.server.start();
	const events = await lab.rest.events();
	assert.deepEqual((await lab.rest.get('/devices/d/queue')).items.map((item) => item.state), ['queued', 'queued']);
	assert.equal((await ended(lab, events, late)).answer.resources[0].value, 'Cardea');
	const order = events.events.filter((event) => event.type === 'request.ended').map((event) => event.data.id);
	assert.deepEqual(order, [soon.id, late.id]);
	await lab.server.restart();
	assert.equal((await lab.rest.get(`/devices/d/queue/${late.id}`)).answer.resources[0].value, 'Cardea');
	events.close();
});

labTest('an Execute that may have been done is not done again', server, async (lab) => {
	const device = await CoapClient.open(lab.server.coap);
	let executed = 0;
	device.serve((request) => {
		executed += request.code === methods.POST && pathOf(request) === '/3/0/4' ? 1 : 0;
		return undefined;
	});
	const links = { path: 'rd', format: 40, payload: '</1/0>,</3/0>' };
	const registered = await device.request(methods.POST, { ...links, query: ['ep=d', 'lt=60', 'lwm2m=1.1', 'b=U', 'Q'] });
	assert.equal(registered.codeText, '2.01');
	const events = await lab.rest.events();
	const item = await queue(lab, 'POST', 'lwm2m/3/0/4?queue=600');
	assert.equal((await ended(lab, events, item)).state, 'unknown');
	await device.request(methods.POST, { ...links, query: ['ep=d', 'lt=60', 'lwm2m=1.1', 'b=U', 'Q'] });
	const last = await queue(lab, 'GET', 'lwm2m/3/0/0?queue=1');
	assert.equal((await ended(lab, events, last)).state, 'expired');
	assert.equal(executed, 1);
	events.close();
	device.close();
});

labTest('one that waits may be cancelled', server, async (lab) => {
	await asleep(lab, { 'wake-every-ms': 60000 });
	const item = await queue(lab, 'GET', 'lwm2m/3/0/0?queue=600');
	await lab.rest.refuse('DELETE', `/devices/other/queue/${item.id}`, {}, { status: 404, code: 'not-found', detail: /none/ });
	assert.equal((await lab.rest.delete(`/devices/d/queue/${item.id}`)).status, 204);
	assert.equal((await lab.rest.get(`/devices/d/queue/${item.id}`)).state, 'cancelled');
	await lab.rest.refuse('DELETE', `/devices/d/queue/${item.id}`, {}, { status: 409, code: 'conflict', detail: /is cancelled/ });
	await lab.rest.refuse('DELETE', '/devices/d/queue/99', {}, { status: 404, code: 'not-found', detail: /none/ });
});

labTest('what cannot be done is refused at once', server, async (lab) => {
	await asleep(lab);
	for (const [method, path, json, status, code, detail] of [
		['GET', 'd/lwm2m/3/0/0?queue=0', undefined, 400, 'malformed', /queue/],
		['GET', 'd/lwm2m/3/0/0?queue=soon', undefined, 400, 'malformed', /queue/],
		['GET', 'd/lwm2m/3/0/0?queue=60&priority=low', undefined, 400, 'malformed', /priority/],
		['PUT', 'd/lwm2m/3/0/15?queue=60', { value: true, type: 'boolean' }, 400, 'malformed', /\/3\/0\/15/],
		['GET', 'd/lwm2m/0/0/5?queue=60', undefined, 403, 'denied', /bootstrap/],
		['DELETE', 'd/lwm2m/3/0/0/observe?queue=60', undefined, 400, 'malformed', /queue/],
		['GET', 'nobody/lwm2m/3/0/0?queue=60', undefined, 404, 'not-found', /registered/],
	])
		await lab.rest.refuse(method, `/devices/${path}`, json === undefined ? {} : { json }, { status, code, detail });
	assert.deepEqual((await lab.rest.get('/devices/d/queue')).items, []);
});

labTest('how long a device listens may be said, and stays said', server, async (lab) => {
	await lab.device('d', sleepy);
	assert.equal((await lab.rest.get('/devices/d')).awakeMs, 300);
	assert.equal((await lab.rest.request('PATCH', '/devices/d', { json: { awakeMs: 5000 } })).status, 204);
	assert.equal((await lab.rest.get('/devices/d')).awakeMs, 5000);
	await lab.server.restart();
	assert.equal((await lab.rest.get('/devices/d')).awakeMs, 5000);
	assert.equal((await lab.rest.request('PATCH', '/devices/d', { json: { awakeMs: null } })).status, 204);
	assert.equal((await lab.rest.get('/devices/d')).awakeMs, 300);
	for (const json of [{}, { awakeMs: 5 }, { awakeMs: 'x' }, { other: 1 }])
		await lab.rest.refuse('PATCH', '/devices/d', { json }, { status: 400, code: 'malformed', detail: /awakeMs|other/ });
	await lab.rest.refuse('PATCH', '/devices/x', { json: { awakeMs: 500 } }, { status: 404, code: 'not-found', detail: /x/ });
});
