// The enabler test cases of which the specification has a title and no procedure. What each of them tests is our reading of
// its title, in the manner of the cases beside it.
import assert from 'node:assert/strict';
import { enablerTest, scriptedTest } from './enabler.mjs';
import { Float, Multiple } from './scripted_device.mjs';

const opaque = 'application/octet-stream';
const of = (path) => (data) => data.endpoint === 'd' && data.path === path;
const valueOf = (data, path) => data.values.find((one) => one.path === path)?.value;
const device3 = () => ({ 0: 'OMA', 1: 'Enabler', 2: '0001', 3: '1.0', 11: new Multiple({ 0: 0 }), 16: 'U' });
const json = (value) => ({ json: { value } });

// What the first `count` notifications of a path say of a resource, in order.
async function told(events, path, resource, count) {
	const said = [];
	for (let from = 0; said.length < count;) {
		const event = await events.find('notification', of(path), from);
		from = events.events.indexOf(event) + 1;
		said.push(valueOf(event.data, resource));
	}
	return said;
}

// ---- content formats ----

const container = () => ({ 3: { 0: device3() }, 19: { 0: { 0: Buffer.from('00FF10', 'hex') } } });

scriptedTest('1.1-int-202', 'querying basic information in opaque', container, async (seen, device) => {
	await seen.reads('19/0/0', { '/19/0/0': Buffer.from('00FF10', 'hex').toString('base64') }, 'opaque');
	assert.equal(device.requests.at(-1).accept, 42);
});

scriptedTest('1.1-int-210', 'setting basic information in opaque', container, async (seen, device) => {
	await seen.writeBody('PUT', '19/0/0', opaque, Buffer.of(0, 1, 2));
	assert.equal(device.requests.at(-1).format, 42);
	assert.deepEqual(device.objects[19][0][0], Buffer.of(0, 1, 2));
});

// ---- Server ----

enablerTest('1.1-int-555', 'Server: disable capability', {}, async (seen, device, lab) => {
	const events = await lab.rest.events();
	await seen.write('1/0/5', 1);
	const from = device.process.lines.length;
	await seen.execute('1/0/4');
	await device.process.line(/^deregistered /, from);
	await events.find('device.deregistered', ({ endpoint }) => endpoint === 'd');
	await device.process.line(/^registered /, from); // after a second
	events.close();
});

scriptedTest('1.1-int-560', 'Server: notifications that waited while the device was offline', () => ({ 3: { 0: { ...device3(), 9: 100 } } }),
	async (seen, device, lab) => {
		await seen.observe('3/0/9');
		const events = await lab.rest.events();
		const { location } = await lab.rest.get('/devices/d');
		await device.move(lab.server.coap);
		assert.equal((await device.update()).codeText, '2.04');
		for (const level of [99, 98, 97])
			device.change('3/0/9', level); // what it kept, the oldest first
		assert.deepEqual(await told(events, '/3/0/9', '/3/0/9', 3), [99, 98, 97]);
		assert.equal((await lab.rest.get('/devices/d')).location, location);
		events.close();
	});

// Instances of it come and go by bootstrap alone.
enablerTest('1.1-int-565', 'Server: no instance is created', {}, async (seen) => {
	await seen.refused('POST', '1', '4.05', { json: { instance: 1, resources: [{ path: '/1/1/0', value: 2 }, { path: '/1/1/1', value: 60 },
		{ path: '/1/1/6', value: false }, { path: '/1/1/7', value: 'U' }] } });
});

enablerTest('1.1-int-566', 'Server: no instance is deleted', {}, async (seen) => {
	await seen.refused('DELETE', '1/0', '4.05');
	await seen.reads('1/0/0', { '/1/0/0': 101 });
});

// ---- Device ----

enablerTest('1.1-int-656', 'Device: factory reset', {}, async (seen, device) => {
	await seen.write('3/0/15', 'Europe/Paris');
	const from = device.process.lines.length;
	await seen.execute('3/0/5');
	await device.process.line(/^registered /, from);
	assert.notEqual((await seen.read('3/0'))['/3/0/15'], 'Europe/Paris');
});

scriptedTest('1.1-int-657', 'Device: error codes', () => {
	const resources = { ...device3(), 11: new Multiple({ 0: 1, 1: 7 }), 12: () => { resources[11] = new Multiple({ 0: 0 }); } };
	return { 3: { 0: resources } };
}, async (seen) => {
	assert.deepEqual(await seen.read('3/0/11'), { '/3/0/11/0': 1, '/3/0/11/1': 7 });
	await seen.execute('3/0/12');
	assert.deepEqual(await seen.read('3/0/11'), { '/3/0/11/0': 0 });
});

// With thresholds and a step: what is told has gone that far, or beyond one of them.
async function tellsSteps(seen, path, { query, step }) {
	await seen.attributes(path, query);
	const events = await seen.lab.rest.events();
	const before = (await seen.observe(path))[`/${path}`];
	const values = [before, ...await told(events, `/${path}`, `/${path}`, 3)];
	for (let i = 1; i < values.length; i++)
		assert.ok(Math.abs(values[i] - values[i - 1]) >= step, `${values}`);
	const links = await seen.discover(path);
	for (const attribute of query.split('&').filter((one) => !one.startsWith('pm')))
		assert.ok(links[0].split(';').includes(attribute), links[0]);
	await seen.cancel(path);
	events.close();
}

const live = { 'live-every-ms': 50 };

enablerTest('1.1-int-661', 'Device: extended observation', live, async (seen) => {
	await tellsSteps(seen, '3/0/9', { query: 'pmin=0&pmax=60&gt=1000&lt=-1000&st=3', step: 3 });
});

enablerTest('1.1-int-670', 'Device: no resource instance is created', {}, async (seen) => {
	await seen.refused('PUT', '3/0/6/2', '4.05', json(1));
	assert.deepEqual(await seen.read('3/0/6'), { '/3/0/6/0': 1, '/3/0/6/1': 5 });
});

// ---- objects that a server only reads ----

const location = () => ({ 0: new Float(43.5), 1: new Float(153.25), 5: 1367491215 });
const statistics = () => ({ 0: 1, 1: 2, 2: 17, 3: 4, 4: 5, 5: 6, 6: () => {}, 7: () => {}, 8: 0 });

// [name, object, a resource and how much it changes, resources, the cases]
const readOnly = [
	['Location', 6, 0, 0.5, location, ['1.1-int-811', '1.1-int-820', '1.1-int-830', '1.1-int-835']],
	['Connectivity Statistics', 7, 2, 10, statistics, ['1.1-int-911', '1.1-int-920', '1.1-int-930', '1.1-int-935']],
];

for (const [name, object, resource, step, resources, ids] of readOnly) {
	const configuration = () => ({ 3: { 0: device3() }, [object]: { 0: resources() } });
	const refusing = (id, title, body) => scriptedTest(id, title, configuration, async (seen, device) => {
		device.fixed = [object];
		await body(seen, device);
		assert.deepEqual(Object.keys(device.objects[object]), ['0']);
	});

	scriptedTest(ids[0], `${name}: extended observation`, configuration, async (seen, device) => {
		const path = `${object}/0/${resource}`;
		await seen.attributes(path, `pmin=0&pmax=60&st=${step}`);
		assert.deepEqual(device.attributes[path], { pmin: '0', pmax: '60', st: String(step) });
		const events = await seen.lab.rest.events();
		const before = (await seen.observe(path))[`/${path}`];
		const after = [1, 2].map((times) => before + times * step);
		for (const value of after)
			device.change(path, Number.isInteger(step) ? value : new Float(value));
		assert.deepEqual(await told(events, `/${path}`, `/${path}`, 2), after);
		events.close();
	});
	// No resource of the object has instances: the server does not even ask.
	refusing(ids[1], `${name}: no resource instance is created`, (seen) => seen.lab.rest.refuse('PUT', `${seen.base}${object}/0/${resource}/1`,
		json(1), { status: 400, code: 'malformed', detail: /has no instances/ }));
	refusing(ids[2], `${name}: no instance is created`, (seen) =>
		seen.refused('POST', `${object}`, '4.05', { json: { instance: 1, resources: [{ path: `/${object}/1/${resource}`, value: 1 }] } }));
	refusing(ids[3], `${name}: its instance stays`, (seen) => seen.refused('DELETE', `${object}/0`, '4.05'));
	if (object === 6)
		refusing('1.1-int-805', 'Location: nothing is writable', (seen) => seen.refused('PUT', '6/0/0', '4.05', json(1)));
}

enablerTest('1.1-int-705', 'Connectivity Monitoring: nothing is writable', {}, async (seen) => {
	for (const resource of [0, 2])
		await seen.refused('PUT', `4/0/${resource}`, '4.05', json(1));
});

enablerTest('1.1-int-711', 'Connectivity Monitoring: extended observation', live, async (seen) => {
	await tellsSteps(seen, '4/0/2', { query: 'pmin=0&pmax=60&gt=1000&lt=-1000&st=4', step: 4 });
});

enablerTest('1.1-int-720', 'Connectivity Monitoring: no resource instance is created', {}, async (seen) => {
	await seen.refused('PUT', '4/0/4/1', '4.05', json('127.0.0.2'));
	assert.deepEqual(await seen.read('4/0/4'), { '/4/0/4/0': '127.0.0.1' });
});

enablerTest('1.1-int-730', 'Connectivity Monitoring: no instance is created', {}, async (seen) => {
	await seen.refused('POST', '4', '4.05', { json: { instance: 1, resources: [{ path: '/4/1/0', value: 6 }] } });
});

enablerTest('1.1-int-735', 'Connectivity Monitoring: its instance stays', {}, async (seen) => {
	await seen.refused('DELETE', '4/0', '4.05');
	assert.equal((await seen.read('4/0'))['/4/0/0'], 6);
});

// ---- Portfolio ----

const identities = (texts) => ({ instance: 0, resources: texts.map((value, i) => ({ path: `/16/0/0/${i}`, value })) });

enablerTest('1.1-int-271', 'creating a resource instance', {}, async (seen) => {
	await seen.create(16, identities(['aa']));
	await seen.writePart('16/0', [{ path: '/16/0/0/3', value: 'dd' }]);
	assert.deepEqual(await seen.read('16/0'), { '/16/0/0/0': 'aa', '/16/0/0/3': 'dd' });
});

enablerTest('1.1-int-1600', 'Portfolio: querying the readable resources', {}, async (seen) => {
	await seen.create(16, identities(['aa', 'bb', 'cc', 'dd']));
	const expected = { '/16/0/0/0': 'aa', '/16/0/0/1': 'bb', '/16/0/0/2': 'cc', '/16/0/0/3': 'dd' };
	for (const path of ['16', '16/0', '16/0/0'])
		assert.deepEqual(await seen.read(path), expected);
});

enablerTest('1.1-int-1605', 'Portfolio: setting the writable resources', {}, async (seen, device, lab) => {
	await seen.create(16, identities(['aa', 'bb']));
	await lab.rest.put(`${seen.base}16/0/0`, { resources: [{ path: '/16/0/0/0', value: 'xx' }] });
	assert.deepEqual(await seen.read('16/0'), { '/16/0/0/0': 'xx' });
});

for (const [id, title, query] of [['1.1-int-1610', 'basic observation', ''], ['1.1-int-1611', 'extended observation', 'pmin=1&pmax=60']]) {
	enablerTest(id, `Portfolio: ${title}`, {}, async (seen, device, lab) => {
		await seen.create(16, identities(['aa', 'bb']));
		if (query !== '')
			await seen.attributes('16/0', query);
		const events = await lab.rest.events();
		const from = Date.now();
		assert.deepEqual(await seen.observe('16/0'), { '/16/0/0/0': 'aa', '/16/0/0/1': 'bb' });
		await seen.write('16/0/0/1', 'changed');
		assert.deepEqual(await told(events, '/16/0', '/16/0/0/1', 1), ['changed']);
		assert.ok(query === '' || Date.now() - from >= 900, 'not before pmin');
		events.close();
	});
}

enablerTest('1.1-int-1620', 'Portfolio: creating resource instances', {}, async (seen) => {
	await seen.create(16, identities(['aa']));
	await seen.writePart('16/0', [1, 2].map((id) => ({ path: `/16/0/0/${id}`, value: `new ${id}` })));
	assert.ok((await seen.discover('16/0')).includes('</16/0/0>;dim=3'));
	assert.deepEqual(await seen.read('16/0/0'), { '/16/0/0/0': 'aa', '/16/0/0/1': 'new 1', '/16/0/0/2': 'new 2' });
});
