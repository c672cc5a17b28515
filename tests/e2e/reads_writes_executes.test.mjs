// The operations of LwM2M through /devices/{ep}/lwm2m/{path}, against the reference device.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { firmwarePackage, labTest } from './lab.mjs';

const lwm2m = (path) => `/devices/d/lwm2m/${path}`;

async function value(lab, path, query = '') {
	const { resources } = await lab.rest.get(`${lwm2m(path)}${query}`);
	assert.equal(resources.length, 1, JSON.stringify(resources));
	return resources[0].value;
}

function byPath(answer) {
	return Object.fromEntries(answer.resources.map((resource) => [resource.path, resource]));
}

labTest('reads a resource, an instance and an object', {}, async (lab) => {
	await lab.device('d');
	const resource = await lab.rest.get(lwm2m('3/0/0'));
	assert.equal(resource.endpoint, 'd');
	assert.equal(resource.path, '/3/0/0');
	assert.deepEqual(resource.resources, [{ path: '/3/0/0', name: 'Manufacturer', type: 'string', value: 'Cardea' }]);

	const instance = byPath(await lab.rest.get(lwm2m('3/0')));
	assert.equal(instance['/3/0/0'].value, 'Cardea');
	assert.equal(instance['/3/0/6/1'].value, 5);
	assert.equal(instance['/3/0/9'].type, 'integer');

	const object = byPath(await lab.rest.get(lwm2m('3')));
	assert.deepEqual(Object.keys(object).sort(), Object.keys(instance).sort());
	assert.equal(await value(lab, '3/0/7/0'), 3800);
});

labTest('reads in each format that fits', {}, async (lab) => {
	await lab.device('d');
	for (const format of ['tlv', 'senml-cbor']) {
		const answer = await lab.rest.get(`${lwm2m('3/0')}?format=${format}`);
		assert.equal(answer.format, format);
		assert.equal(byPath(answer)['/3/0/0'].value, 'Cardea');
	}
	for (const format of ['text', 'tlv', 'senml-cbor'])
		assert.equal(await value(lab, '3/0/0', `?format=${format}`), 'Cardea');
	assert.equal((await lab.rest.get(`${lwm2m('3/0/0')}?format=text`)).format, 'text');
	await lab.rest.refuse('GET', `${lwm2m('3/0')}?format=parchment`, {},
		{ status: 400, code: 'malformed', detail: /format.*parchment/ });
});

labTest('talks TLV to LwM2M 1.0', {}, async (lab) => {
	await lab.device('d', { version: '1.0' });
	const answer = await lab.rest.get(lwm2m('3/0'));
	assert.equal(answer.format, 'tlv');
	await lab.rest.put(lwm2m('3/0/14'), { value: '+03:00' });
	assert.equal(await value(lab, '3/0/14'), '+03:00');
});

labTest('writes a resource, and parts of an instance', {}, async (lab) => {
	await lab.device('d');
	assert.equal((await lab.rest.put(lwm2m('3/0/14'), { value: '+02:00' })).status, 204);
	assert.equal(await value(lab, '3/0/14'), '+02:00');
	await lab.rest.call('PATCH', lwm2m('3/0'),
		{ json: { resources: [{ id: 14, value: '-05:00' }, { path: '/3/0/15', value: 'America/Bogota' }] } });
	const device = byPath(await lab.rest.get(lwm2m('3/0')));
	assert.equal(device['/3/0/14'].value, '-05:00');
	assert.equal(device['/3/0/15'].value, 'America/Bogota');
	await lab.rest.put(lwm2m('1/0/1'), { value: 4000 });
	assert.equal(await value(lab, '1/0/1'), 4000);
	await lab.rest.call('PUT', lwm2m('3/0/15'), { body: 'Europe/Rome', headers: { 'Content-Type': 'text/plain' } });
	assert.equal(await value(lab, '3/0/15'), 'Europe/Rome');
});

labTest('refuses to write what cannot be written, and says why', {}, async (lab) => {
	await lab.device('d');
	const cases = [
		['3/0/0', { value: 'Brand X' }, { status: 405, code: 'device-error', detail: /4\.05/ }],
		['3/0/14', { value: 42 }, { status: 400, code: 'malformed', detail: /3\/0\/14/ }],
		['1/0/1', { value: 'soon' }, { status: 400, code: 'malformed', detail: /1\/0\/1/ }],
		['1/0/1', { value: [1] }, { status: 400, code: 'malformed', detail: /scalar/ }],
		['1/0/1', {}, { status: 400, code: 'malformed', detail: /resources/ }],
		['1/0/1', { value: 1, colour: 'red' }, { status: 400, code: 'malformed', detail: /colour/ }],
		['3/0', { resources: [{ path: '/1/0/1', value: 5 }] }, { status: 400, code: 'malformed', detail: /below/ }],
		['0/0/0', { value: 'x' }, { status: 403, code: 'denied', detail: /bootstrap/ }],
		['3/0/nine', { value: 'x' }, { status: 400, code: 'malformed', detail: /path|nine/ }],
		['3/70000', { value: 'x' }, { status: 400, code: 'malformed', detail: /./ }],
	];
	const before = await lab.rest.get(lwm2m('3/0'));
	for (const [path, json, refusal] of cases)
		await lab.rest.refuse('PUT', lwm2m(path), { json }, refusal);
	const after = await lab.rest.get(lwm2m('3/0'));
	assert.equal(byPath(after)['/3/0/0'].value, 'Cardea');
	assert.deepEqual(byPath(after)['/3/0/14'], byPath(before)['/3/0/14']);
});

labTest('says what a device says that has no such thing', {}, async (lab) => {
	await lab.device('d');
	const answer = await lab.rest.refuse('GET', lwm2m('3/0/99'), {}, { status: 404, code: 'device-error', detail: /4\.04/ });
	assert.equal(answer.headers['x-device-code'], '4.04');
	await lab.rest.refuse('GET', lwm2m('3/7'), {}, { status: 404, code: 'device-error', detail: /4\.04/ });
	await lab.rest.refuse('GET', lwm2m('555'), {}, { status: 404, code: 'device-error', detail: /4\.04/ });
	await lab.rest.refuse('GET', lwm2m('3/0/4'), {}, { status: 405, code: 'device-error', detail: /4\.05/ });
});

labTest('executes, with and without arguments', {}, async (lab) => {
	const device = await lab.device('d');
	assert.equal((await lab.rest.call('POST', lwm2m('1/0/8'))).status, 204);
	await device.process.line(/^updated /);
	assert.equal((await lab.rest.call('POST', lwm2m('3/0/12'))).status, 204);
	// Clears the response to request 0, the only one that there is.
	for (const [argument, status] of [["0='0'", 204], ["0='7'", 400]]) {
		const asJson = { json: { arguments: argument } }, asText = { body: argument, headers: { 'Content-Type': 'text/plain' } };
		assert.equal((await lab.rest.request('POST', lwm2m('30401/0/19'), asJson)).status, status, argument);
		assert.equal((await lab.rest.request('POST', lwm2m('30401/0/19'), asText)).status, status, argument);
	}
	await lab.rest.refuse('POST', lwm2m('30401/0/19'), { json: { arguments: 'seven' } },
		{ status: 400, code: 'malformed', detail: /argument/ });
	await lab.rest.refuse('POST', lwm2m('3/0/0'), {}, { status: 405, code: 'device-error', detail: /4\.05/ });
	await lab.rest.refuse('POST', lwm2m('3/0'), {}, { status: 400, code: 'malformed', detail: /path/ });
});

labTest('reboots a device, which comes back', {}, async (lab) => {
	const device = await lab.device('d');
	const from = device.process.lines.length;
	await lab.rest.call('POST', lwm2m('3/0/4'));
	await device.process.line(/^registered /, from);
	assert.equal(await value(lab, '3/0/0'), 'Cardea');
});

labTest('creates and deletes instances', {}, async (lab) => {
	const device = await lab.device('d');
	const resources = [{ path: '/16/3/0/0', value: 'first' }];
	const named = await lab.rest.call('POST', lwm2m('16'), { json: { instance: 3, resources } });
	assert.equal(named.status, 201);
	assert.equal(await value(lab, '16/3/0/0'), 'first');

	const chosen = await lab.rest.call('POST', lwm2m('16'), { json: { resources: [{ id: 0, resourceInstance: 0, value: 'second' }] } });
	assert.equal(chosen.status, 201);
	assert.match(chosen.headers.location, /^\/api\/v1\/devices\/d\/lwm2m\/16\/\d+$/);
	const instance = /(\d+)$/.exec(chosen.headers.location)[1];
	assert.equal(await value(lab, `16/${instance}/0/0`), 'second');

	await device.process.line(/^updated /);
	await lab.rest.refuse('POST', lwm2m('16'), { json: { instance: 3, resources } },
		{ status: 400, code: 'device-error', detail: /4\.00/ });
	await lab.rest.delete(lwm2m('16/3'));
	await lab.rest.refuse('GET', lwm2m('16/3'), {}, { status: 404, code: 'device-error', detail: /4\.04/ });
	await lab.rest.refuse('DELETE', lwm2m('16/3'), {}, { status: 404, code: 'device-error', detail: /4\.04/ });
	await lab.rest.refuse('DELETE', lwm2m('3/0'), {}, { status: 405, code: 'device-error', detail: /4\.05/ });
	await lab.rest.refuse('DELETE', lwm2m('3/0/0'), {}, { status: 400, code: 'malformed', detail: /resource/ });
	await lab.rest.refuse('POST', lwm2m('3'), { json: { instance: 1, resources: [{ path: '/3/1/14', value: 'x' }] } },
		{ status: 405, code: 'device-error', detail: /4\.05/ });
});

labTest('an instance that was created is seen after the update that follows', {}, async (lab) => {
	await lab.device('d');
	const events = await lab.rest.events();
	await lab.rest.call('POST', lwm2m('16'), { json: { instance: 5, resources: [{ path: '/16/5/0/0', value: 'x' }] } });
	await events.find('device.updated', (data) => data.endpoint === 'd');
	const { objects } = await lab.rest.get('/devices/d');
	assert.ok(objects.some(({ object, instance }) => object === 16 && instance === 5), JSON.stringify(objects));
	events.close();
});

labTest('carries values of many blocks both ways', {}, async (lab) => {
	await lab.device('d');
	// Block1: an opaque of 40 kB.
	const firmware = firmwarePackage('9', 40000);
	await lab.rest.put(lwm2m('5/0/0'), { value: firmware.toString('base64') });
	assert.equal(await value(lab, '5/0/3'), 2, 'downloaded');
	// Block2: many long strings.
	const texts = Array.from({ length: 60 }, (_, i) => createHash('sha512').update(String(i)).digest('hex'));
	await lab.rest.call('POST', lwm2m('16'),
		{ json: { instance: 0, resources: texts.map((text, i) => ({ path: `/16/0/0/${i}`, value: text })) } });
	for (const format of ['senml-cbor', 'tlv']) {
		const read = byPath(await lab.rest.get(`${lwm2m('16/0')}?format=${format}`));
		assert.deepEqual(texts.map((_, i) => read[`/16/0/0/${i}`].value), texts);
	}
});

labTest('writes and observes in the format that is asked for', {}, async (lab) => {
	await lab.device('d', { version: '1.2' });
	const formats = { 'text': '+01', 'cbor': '+02', 'senml-json': '+03', 'senml-cbor': '+04', 'tlv': '+05', 'lwm2m-cbor': '+06' };
	for (const [format, offset] of Object.entries(formats)) {
		assert.equal((await lab.rest.call('PUT', `${lwm2m('3/0/14')}?format=${format}`, { json: { value: offset } })).status, 204, format);
		assert.equal((await lab.rest.call('PUT', `${lwm2m('3/0/14')}/observe?format=${format}`)).json.format, format);
		assert.equal(await value(lab, '3/0/14'), offset);
	}
	await lab.rest.call('PATCH', `${lwm2m('1/0')}?format=tlv`, { json: { resources: [{ id: 2, value: 7 }] } });
	assert.equal(await value(lab, '1/0/2'), 7);
	// LwM2M JSON ended with 1.0: no other format is tried in its place.
	await lab.rest.refuse('PUT', `${lwm2m('3/0/14')}?format=lwm2m-json`, { json: { value: '+07' } }, { status: 415, code: 'device-error', detail: /4\.15/ });
	await lab.rest.refuse('PATCH', `${lwm2m('1/0')}?format=text`, { json: { resources: [{ id: 2, value: 8 }] } }, { status: 415, code: 'unsupported', detail: /./ });
	await lab.rest.refuse('PUT', `${lwm2m('3/0/14')}?format=tlv`, { headers: { 'Content-Type': 'text/plain' }, body: '+08' },
		{ status: 400, code: 'malformed', detail: /format/ });
	assert.equal(await value(lab, '3/0/14'), '+06');
});

for (const size of [16, 64, 1024]) {
	labTest(`carries them in blocks of ${size} bytes`, { server: { 'block-size': size } }, async (lab) => {
		await lab.secureDevice('d');
		await lab.rest.put(lwm2m('5/0/0'), { value: firmwarePackage('9').toString('base64') });
		assert.equal(await value(lab, '5/0/3'), 2, 'downloaded');
	});
}

labTest('discovers what is there', {}, async (lab) => {
	await lab.device('d');
	const object = await lab.rest.get(`${lwm2m('3')}/discover`);
	assert.equal(object.path, '/3');
	assert.match(object.links, /<\/3\/0>.*<\/3\/0\/0>/s);
	assert.match((await lab.rest.get(`${lwm2m('3/0/6')}/discover`)).links, /<\/3\/0\/6>;dim=2/);
	await lab.rest.refuse('GET', `${lwm2m('77')}/discover`, {}, { status: 404, code: 'device-error', detail: /4\.04/ });
});

labTest('writes attributes, which discover shows', {}, async (lab) => {
	await lab.device('d');
	assert.equal((await lab.rest.call('PUT', `${lwm2m('3/0/9')}/attributes?pmin=1&pmax=300&gt=90.5`)).status, 204);
	const { links } = await lab.rest.get(`${lwm2m('3/0/9')}/discover`);
	for (const attribute of ['pmin=1', 'pmax=300', 'gt=90.5'])
		assert.ok(links.includes(attribute), `${attribute} in ${links}`);
	await lab.rest.call('PUT', `${lwm2m('3/0/9')}/attributes?gt`);
	assert.ok(!(await lab.rest.get(`${lwm2m('3/0/9')}/discover`)).links.includes('gt='));
	for (const [query, detail] of [['', /attribute/], ['pmin=soon', /pmin/], ['colour=red', /colour/]])
		await lab.rest.refuse('PUT', `${lwm2m('3/0/9')}/attributes?${query}`, {}, { status: 400, code: 'malformed', detail });
});

labTest('observes: notifications become events until it is cancelled', {}, async (lab) => {
	await lab.device('d');
	const events = await lab.rest.events();
	const first = await lab.rest.call('PUT', `${lwm2m('3/0/14')}/observe`);
	assert.equal(first.json.resources[0].path, '/3/0/14');
	await lab.rest.put(lwm2m('3/0/14'), { value: '+01:00' });
	const isOfOffset = (offset) => (data) => data.endpoint === 'd' && data.path === '/3/0/14' && data.values[0].value === offset;
	await events.find('notification', isOfOffset('+01:00'));
	assert.equal((await lab.rest.call('DELETE', `${lwm2m('3/0/14')}/observe`)).status, 200);
	await lab.rest.refuse('DELETE', `${lwm2m('3/0/14')}/observe`, {}, { status: 404, code: 'not-found', detail: /observed|registered/ });

	// What is observed after it comes last: had the cancelled one notified, we would have heard it before.
	await lab.rest.call('PUT', `${lwm2m('3/0/15')}/observe`);
	await lab.rest.put(lwm2m('3/0/14'), { value: '+04:00' });
	await lab.rest.put(lwm2m('3/0/15'), { value: 'Asia/Dubai' });
	await events.find('notification', (data) => data.path === '/3/0/15' && data.values[0].value === 'Asia/Dubai');
	assert.ok(!events.events.some(({ type, data }) => type === 'notification' && isOfOffset('+04:00')(data)));
	events.close();
});

labTest('a stream of events goes on where another ended', {}, async (lab) => {
	await lab.device('d');
	const before = await lab.rest.events();
	await lab.rest.call('PUT', `${lwm2m('3/0/14')}/observe`);
	await lab.rest.put(lwm2m('3/0/14'), { value: '+06:00' });
	const last = await before.find('notification', (data) => data.values[0].value === '+06:00');
	before.close();
	await lab.rest.put(lwm2m('3/0/14'), { value: '+07:00' });
	const after = await lab.rest.events(last.id);
	const next = await after.find('notification');
	assert.equal(next.data.values[0].value, '+07:00');
	assert.ok(BigInt(next.id) > BigInt(last.id));
	after.close();
});

labTest('a device that is not there cannot be asked', {}, async (lab) => {
	for (const [method, path, json] of [['GET', '3/0'], ['PUT', '3/0/14', { value: 'x' }], ['POST', '3/0/4'], ['DELETE', '16/0']])
		await lab.rest.refuse(method, lwm2m(path), { json }, { status: 404, code: 'not-found', detail: /device d/ });
});
