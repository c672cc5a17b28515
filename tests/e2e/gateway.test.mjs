// What stands in front of a path: the prefix of a device behind a gateway, or a client's alternate path.
import assert from 'node:assert/strict';
import { CoapClient, encode, formatBytes, methods, options, pathOf, types } from './coap.mjs';
import { labTest } from './lab.mjs';

const senml = 110;

// A client that answers GET with the values of a table by path, accepts what observes them, and remembers what it was asked.
async function client(lab, links, values) {
	const device = await CoapClient.open(lab.server.coap);
	device.asked = [];
	device.serve((request) => {
		const path = pathOf(request);
		device.asked.push([request.code, path, request.payload.toString()]);
		if (request.code !== methods.GET)
			return { code: 0x44 };
		const observe = request.options.find(([number]) => number === options.observe);
		device.token = request.token;
		const below = Object.entries(values).filter(([name]) => name === path || name.startsWith(`${path}/`));
		return below.length === 0 ? { code: 0x84 }
			: { code: 0x45, format: senml, options: observe === undefined ? [] : [[options.observe, Buffer.of(1)]],
				payload: JSON.stringify(below.map(([name, value]) => ({ n: name, ...value }))) };
	});
	const answer = await device.request(methods.POST, { path: 'rd', format: 40, payload: links, query: ['ep=d', 'lt=60', 'lwm2m=1.1'] });
	assert.equal(answer.codeText, '2.01');
	return device;
}

const gateway = {
	'/25/0/0': { vs: 'sensor-1' }, '/25/0/1': { vs: 'd01' }, '/25/0/3': { vs: '</3/0>,</3303/0>;ver=1.1' },
	'/25/1/0': { vs: 'sensor-2' }, '/25/1/1': { vs: 'd02' }, '/25/1/3': { vs: '</3/0>' },
	'/d01/3303/0/5700': { v: 20.5 },
	'/3/0/0': { vs: 'gateway' }, '/d02/3/0/0': { vs: 'behind it' },
};

labTest('devices behind a gateway are listed and operated', {}, async (lab) => {
	const device = await client(lab, '</>;ct=110,</1/0>,</3/0>,</25/0>,</25/1>', gateway);
	const { items } = await lab.rest.get('/devices/d/end-devices');
	assert.deepEqual(items, [
		{ instance: 0, id: 'sensor-1', prefix: 'd01', objects: [{ object: 3, instance: 0 }, { object: 3303, instance: 0, version: '1.1' }] },
		{ instance: 1, id: 'sensor-2', prefix: 'd02', objects: [{ object: 3, instance: 0 }] },
	]);
	const read = async (path) => (await lab.rest.get(`/devices/d/lwm2m/${path}`)).resources.map((one) => [one.path, one.value]);
	assert.deepEqual(await read('3303/0/5700?prefix=d01'), [['/3303/0/5700', 20.5]]);
	assert.deepEqual(await read('3/0/0?prefix=d02'), [['/3/0/0', 'behind it']]);
	assert.deepEqual(await read('3/0/0'), [['/3/0/0', 'gateway']]);
	await lab.rest.call('POST', '/devices/d/lwm2m/3/0/4?prefix=d02');
	assert.deepEqual(device.asked.at(-1).slice(0, 2), [methods.POST, '/d02/3/0/4']);
	await lab.rest.call('PUT', '/devices/d/lwm2m/3303/0/attributes?pmin=5&prefix=d01');
	assert.equal(device.asked.at(-1)[1], '/d01/3303/0');
	const events = await lab.rest.events();
	const queued = (await lab.rest.call('GET', '/devices/d/lwm2m/3303/0/5700?prefix=d01&queue=60')).json;
	const ended = await events.find('request.ended', (data) => data.id === queued.id);
	assert.equal(ended.data.answer.resources[0].value, 20.5);
	events.close();
	device.close();
});

labTest('devices behind a gateway are observed', {}, async (lab) => {
	const device = await client(lab, '</>;ct=110,</1/0>,</3/0>,</25/0>,</25/1>', gateway);
	const events = await lab.rest.events();
	await lab.rest.put('/devices/d/lwm2m/3303/0/5700/observe?prefix=d01');
	assert.equal(device.asked.at(-1)[1], '/d01/3303/0/5700');
	assert.deepEqual((await lab.rest.get('/devices/d/observations')).items, [{ path: '/3303/0/5700', prefix: 'd01', contentFormat: 112 }]);

	await device.sendBytes(encode({ type: types.NON, code: 0x45, id: 9, token: device.token, payload: '[{"bn":"/d01/3303/0/","n":"5700","v":21}]',
		options: [[options.observe, Buffer.of(2)], [options.contentFormat, formatBytes(senml)]] }));
	const { data } = await events.find('notification', (one) => one.endpoint === 'd');
	assert.deepEqual([data.prefix, data.path, data.values[0].path, data.values[0].value], ['d01', '/3303/0/5700', '/3303/0/5700', 21]);
	await lab.rest.refuse('DELETE', '/devices/d/lwm2m/3303/0/5700/observe', {}, { status: 404, code: 'not-found', detail: /not observed/ });
	await lab.rest.call('DELETE', '/devices/d/lwm2m/3303/0/5700/observe?prefix=d01');
	assert.deepEqual((await lab.rest.get('/devices/d/observations')).items, []);
	events.close();
	device.close();
});

labTest('an observation of a device behind a gateway outlives a restart', {}, async (lab) => {
	const device = await client(lab, '</>;ct=110,</1/0>,</3/0>,</25/0>,</25/1>', gateway);
	await lab.rest.put('/devices/d/lwm2m/3/0/0/observe?prefix=d02');
	await lab.server.restart();
	assert.deepEqual((await lab.rest.get('/devices/d/observations')).items, [{ path: '/3/0/0', prefix: 'd02', contentFormat: 112 }]);
	device.close();
});

labTest('what is not behind the gateway is refused', {}, async (lab) => {
	const device = await client(lab, '</>;ct=110,</1/0>,</3/0>', { '/3/0/0': { vs: 'alone' } });
	assert.deepEqual((await lab.rest.get('/devices/d/end-devices')).items, []);
	await lab.rest.refuse('GET', '/devices/d/lwm2m/3/0/0?prefix=d01', {}, { status: 415, code: 'unsupported', detail: /no gateway/ });
	await lab.rest.refuse('GET', '/devices/d/lwm2m/3/0/0?prefix=a%2Fb', {}, { status: 400, code: 'malformed', detail: /prefix/ });
	await lab.rest.refuse('GET', '/devices/x/end-devices', {}, { status: 404, code: 'not-found', detail: /x/ });
	device.close();
});

labTest('names have the alternate path of the client', {}, async (lab) => {
	const device = await client(lab, '</lwm2m>;rt="oma.lwm2m";ct=110,</lwm2m/1/0>,</lwm2m/3/0>', { '/lwm2m/3/0/0': { vs: 'there' } });
	const [resource] = (await lab.rest.get('/devices/d/lwm2m/3/0')).resources;
	assert.deepEqual([resource.path, resource.value], ['/3/0/0', 'there']);
	await lab.rest.call('PATCH', '/devices/d/lwm2m/3/0', { json: { resources: [{ id: 14, value: '+01' }, { id: 15, value: 'UTC' }] } });
	const [code, path, body] = device.asked.at(-1);
	assert.deepEqual([code, path], [methods.POST, '/lwm2m/3/0']);
	assert.match(body, /"\/lwm2m\/3\/0\//);
	assert.ok(device.received.some((request) => request.options.some(([number, value]) => number === options.contentFormat &&
		value.at(-1) === senml)));
	device.close();
});
