// The composite operations, through /devices/{ep}/composite and against the reference device.
import assert from 'node:assert/strict';
import { CoapClient, methods, options } from './coap.mjs';
import { labTest } from './lab.mjs';

const composite = (what, endpoint = 'd') => `/devices/${endpoint}/composite/${what}`;
const lwm2m = (path) => `/devices/d/lwm2m/${path}`;
const ofDevice = (data) => data.endpoint === 'd';

function byPath(resources) {
	return Object.fromEntries(resources.map((resource) => [resource.path, resource.value]));
}

async function read(lab, paths, query = '') {
	const answer = await lab.rest.post(`${composite('read')}${query}`, { paths });
	assert.equal(answer.path, '/');
	return byPath(answer.resources);
}

labTest('reads what there is of several paths', {}, async (lab) => {
	await lab.device('d');
	const values = await read(lab, ['/3/0/0', '/1/0/1', '/3/0/6', '/3/0/6000', '/9']);
	assert.deepEqual(values, { '/3/0/0': 'Cardea', '/1/0/1': 86400, '/3/0/6/0': 1, '/3/0/6/1': 5 });
	assert.deepEqual(await read(lab, ['/9/0/1']), {});
});

labTest('writes all or nothing', {}, async (lab) => {
	await lab.device('d');
	const write = (resources) => lab.rest.call('POST', composite('write'), { json: { resources } });
	assert.equal((await write([{ path: '/3/0/14', value: '+02:00' }, { path: '/1/0/1', value: 7200 }])).status, 204);
	assert.deepEqual(await read(lab, ['/3/0/14', '/1/0/1']), { '/3/0/14': '+02:00', '/1/0/1': 7200 });
	assert.equal((await lab.rest.get('/devices/d')).lifetime, 7200);

	await lab.rest.refuse('POST', composite('write'),
		{ json: { resources: [{ path: '/3/0/14', value: '+05:00' }, { path: '/3/0/0', value: 'Brand X' }] } },
		{ status: 405, code: 'device-error', detail: /4\.05/ });
	assert.deepEqual(await read(lab, ['/3/0/14']), { '/3/0/14': '+02:00' });
});

labTest('an observation of several paths has attributes of its own', {}, async (lab) => {
	const device = await CoapClient.open(lab.server.coap), asked = [];
	device.serve((request) => {
		asked.push(request);
		return { code: 0x45, format: 112, options: [[options.observe, Buffer.of(1)]], payload: Buffer.from([0x80]) };
	});
	const registered = await device.request(methods.POST, { path: 'rd', format: 40, payload: '</3/0>,</1/0>', query: ['ep=d', 'lt=60', 'lwm2m=1.2'] });
	assert.equal(registered.codeText, '2.01');
	const paths = ['/3/0/14', '/1/0/1'];
	await lab.rest.post(`${composite('observe')}?pmin=0&pmax=9&con=1`, { paths });
	assert.deepEqual(asked.at(-1).options.filter(([number]) => number === options.uriQuery).map(([, value]) => value.toString()), ['pmin=0', 'pmax=9', 'con=1']);
	assert.equal((await lab.rest.get('/devices/d/observations')).items[0].attributes, 'pmin=0&pmax=9&con=1');
	for (const [query, detail] of [['pmin=9&pmax=2', /pmin/], ['gt=5', /gt/], ['pmin', /pmin.*value/]])
		await lab.rest.refuse('POST', `${composite('observe')}?${query}`, { json: { paths } }, { status: 400, code: 'malformed', detail });
	device.close();
});

labTest('observes until it is told to stop, through a restart of the server', {}, async (lab) => {
	await lab.device('d');
	const paths = ['/3/0/14', '/1/0/1'];
	const first = await lab.rest.post(composite('observe'), { paths });
	assert.deepEqual(Object.keys(byPath(first.resources)), paths);
	await lab.server.restart();
	const events = await lab.rest.events();
	await lab.rest.put(lwm2m('3/0/14'), { value: '-04:00' });
	const { data } = await events.find('notification', ofDevice);
	assert.equal(data.path, '/');
	assert.equal(byPath(data.values)['/3/0/14'], '-04:00');

	await lab.rest.call('DELETE', composite('observe'), { json: { paths } });
	const ended = { status: 404, code: 'not-found', detail: /observed/ };
	await lab.rest.refuse('DELETE', composite('observe'), { json: { paths } }, ended);
	await lab.rest.put(lwm2m('3/0/14'), { value: '-05:00' });
	await lab.rest.put(`${lwm2m('3/0/14')}/observe`);
	await lab.rest.put(lwm2m('3/0/14'), { value: '-06:00' });
	await events.find('notification', (last) => last.path === '/3/0/14');
	assert.equal(events.events.filter(({ type, data: one }) => type === 'notification' && one.path === '/').length, 1);
	events.close();
});

labTest('an observation ends with the paths that it was made with', {}, async (lab) => {
	await lab.device('d');
	await lab.rest.post(composite('observe'), { paths: ['/3/0/14', '/1/0/1'] });
	await lab.rest.refuse('DELETE', composite('observe'), { json: { paths: ['/3/0/14'] } },
		{ status: 404, code: 'not-found', detail: /observed/ });
	await lab.rest.call('DELETE', composite('observe'), { json: { paths: ['/3/0/14', '/1/0/1'] } });
});

labTest('refuses what no composite operation can do, and says why', {}, async (lab) => {
	await lab.device('d');
	await lab.device('old', { version: '1.0' });
	const malformed = (detail) => ({ status: 400, code: 'malformed', detail });
	const unsupported = (detail) => ({ status: 415, code: 'unsupported', detail });
	const cases = [
		['read', 'd', { paths: [] }, malformed(/paths/)],
		['read', 'd', {}, malformed(/paths/)],
		['read', 'd', { paths: ['/3/x'] }, malformed(/paths|path/)],
		['read', 'd', { paths: ['/3'], cancel: true }, malformed(/cancel/)],
		['read', 'd', { paths: ['/0/0/1'] }, { status: 403, code: 'denied', detail: /bootstrap/ }],
		['write', 'd', { resources: [{ id: 14, value: 'x' }] }, malformed(/path/)],
		['write', 'd', { resources: [{ path: '/3/0/14', value: null }] }, malformed(/null/)],
		['write', 'd', { resources: [{ path: '/16/0/0/1', value: null }] }, unsupported(/1\.2/)],
		['read', 'old', { paths: ['/3'] }, unsupported(/1\.0/)],
		['observe', 'nobody', { paths: ['/3'] }, { status: 404, code: 'not-found', detail: /nobody/ }],
	];
	for (const [what, endpoint, json, refusal] of cases)
		await lab.rest.refuse('POST', composite(what, endpoint), { json }, refusal);
});

labTest('speaks the formats of LwM2M 1.2 to who announces them', {}, async (lab) => {
	await lab.device('d', { version: '1.2' });
	assert.equal((await lab.rest.get(lwm2m('3/0'))).format, 'lwm2m-cbor');
	for (const format of ['senml-json', 'senml-cbor', 'lwm2m-cbor']) {
		const answer = await lab.rest.post(`${composite('read')}?format=${format}`, { paths: ['/3/0/6', '/3/0/0'] });
		assert.equal(answer.format, format);
		assert.deepEqual(byPath(answer.resources), { '/3/0/0': 'Cardea', '/3/0/6/0': 1, '/3/0/6/1': 5 });
		assert.equal((await lab.rest.get(`${lwm2m('3/0')}?format=${format}`)).format, format);
	}
	assert.deepEqual(await read(lab, ['/9']), {});
});

labTest('null removes one instance of a resource', {}, async (lab) => {
	await lab.device('d', { version: '1.2' });
	await lab.rest.post(lwm2m('16'), { instance: 0, resources: [
		{ id: 0, resourceInstance: 0, value: 'host' }, { id: 0, resourceInstance: 1, value: 'other' }] });
	const resources = [{ path: '/16/0/0/1', value: null }, { path: '/3/0/14', value: '+03:00' }];
	await lab.rest.call('POST', composite('write'), { json: { resources } });
	assert.deepEqual(await read(lab, ['/16/0', '/3/0/14']), { '/16/0/0/0': 'host', '/3/0/14': '+03:00' });
});

for (const format of ['senml-cbor', 'senml-json', 'lwm2m-cbor']) {
	labTest(`hears what a device sends in ${format}, once it is unmuted`, {}, async (lab) => {
		const events = await lab.rest.events();
		await lab.device('d', { version: '1.2', format, 'send-every-ms': 50 });
		await lab.device('muted', { version: '1.2', 'send-every-ms': 50 });
		await lab.rest.put(lwm2m('1/0/23'), { value: false });
		const { data } = await events.find('send', ofDevice);
		assert.deepEqual(byPath(data.values), { '/3/0/9': 100, '/4/0/2': data.values[1].value });
		assert.ok(!('path' in data));
		await events.find('send', ofDevice);
		assert.ok(!events.events.some(({ type, data: one }) => type === 'send' && one.endpoint === 'muted'));
		events.close();
	});
}
