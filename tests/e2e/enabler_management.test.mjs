// OMA enabler test cases 1.1-int-201 to 290: device management and service enablement.
import assert from 'node:assert/strict';
import { enablerTest, scriptedTest } from './enabler.mjs';
import { Multiple } from './scripted_device.mjs';

const text = 'text/plain', cbor = 'application/cbor', tlv = 'application/vnd.oma.lwm2m+tlv', json = 'application/vnd.oma.lwm2m+json',
	senmlJson = 'application/senml+json', senmlCbor = 'application/senml+cbor';
const hex = (digits) => Buffer.from(digits.replace(/ /g, ''), 'hex');

// Configuration 3 of the enabler test specification.
const configuration3 = () => ({
	1: { 0: { 0: 1, 1: 86400, 2: 1, 3: 10, 4: () => {}, 5: 86400, 6: false, 7: 'U', 8: () => {} } },
	3: { 0: { 0: 'OMA', 1: 'Enabler', 2: '0001', 3: '1.0', 4: () => {}, 11: new Multiple({ 0: 0 }), 16: 'U' } },
});
const deviceOf3 = { '/3/0/0': 'OMA', '/3/0/1': 'Enabler', '/3/0/2': '0001', '/3/0/3': '1.0', '/3/0/11/0': 0, '/3/0/16': 'U' };
const portfolio = (values, instance = 0) => ({ instance,
	resources: values.map((value, i) => ({ path: `/16/${instance}/0/${i}`, value })) });

// ---- reading and writing in each format ----

enablerTest('1.1-int-201', 'querying basic information in plain text', {}, async (seen) => {
	await seen.reads('3/0/0', { '/3/0/0': 'Cardea' }, 'text');
	await seen.reads('3/0/1', { '/3/0/1': 'reference device' }, 'text');
	await seen.reads('3/0/2', { '/3/0/2': 'd' }, 'text');
});

enablerTest('1.1-int-203', 'querying basic information in TLV', { version: '1.0' }, async (seen) => {
	await seen.reads('3/0', { '/3/0/0': 'Cardea', '/3/0/1': 'reference device', '/3/0/2': 'd', '/3/0/3': '1.0.0', '/3/0/11/0': 0,
		'/3/0/16': 'U' }, 'tlv');
});

scriptedTest('1.1-int-204', 'querying basic information in JSON', configuration3, async (seen, device) => {
	await seen.reads('3/0', deviceOf3, 'lwm2m-json');
	assert.equal(device.requests.at(-1).accept, 11543);
});

scriptedTest('1.1-int-205', 'setting basic information in plain text', configuration3, async (seen) => {
	for (const values of [{ 2: 101, 3: 1010, 5: 2000 }, { 2: 1, 3: 10, 5: 86400 }]) {
		for (const [resource, value] of Object.entries(values))
			assert.equal((await seen.writeBody('PUT', `1/0/${resource}`, text, String(value))).status, 204);
		await seen.reads('1/0', { '/1/0/2': values[2], '/1/0/3': values[3], '/1/0/5': values[5] }, 'tlv');
	}
});

enablerTest('1.1-int-211', 'querying basic information in CBOR', {}, async (seen) => {
	await seen.reads('1/0/0', { '/1/0/0': 101 }, 'cbor');
	await seen.reads('1/0/6', { '/1/0/6': true }, 'cbor');
	await seen.reads('1/0/7', { '/1/0/7': 'U' }, 'cbor');
});

enablerTest('1.1-int-212', 'setting basic information in CBOR', {}, async (seen) => {
	await seen.writeBody('PUT', '1/0/5', cbor, hex('19 07D0'));
	await seen.writeBody('PUT', '1/0/6', cbor, hex('F4'));
	await seen.reads('1/0', { '/1/0/5': 2000, '/1/0/6': false });
});

scriptedTest('1.1-int-215', 'setting basic information in TLV', configuration3, async (seen, device) => {
	const before = await seen.read('1/0');
	await seen.writePart('1/0', [{ id: 2, value: 101 }, { id: 3, value: 1010 }, { id: 5, value: 2000 }, { id: 6, value: true },
		{ id: 7, value: 'U' }]);
	assert.equal(device.requests.at(-1).payload.toString('hex'), hex('C1 02 65 C2 03 03F2 C2 05 07D0 C1 06 01 C1 07 55').toString('hex'));
	await seen.reads('1/0', { '/1/0/2': 101, '/1/0/3': 1010, '/1/0/5': 2000, '/1/0/6': true, '/1/0/7': 'U' });
	await seen.lab.rest.put('/devices/d/lwm2m/1/0',
		{ resources: Object.entries(before).map(([path, value]) => ({ path, value })) });
	assert.deepEqual(await seen.read('1/0'), before);
});

scriptedTest('1.1-int-220', 'setting basic information in JSON', configuration3, async (seen) => {
	const e = [{ n: '1/0/2', v: 101 }, { n: '1/0/3', v: 1010 }, { n: '1/0/5', v: 2000 }, { n: '1/0/6', bv: true }, { n: '1/0/7', sv: 'U' }];
	await seen.writeBody('PATCH', '1/0', json, JSON.stringify({ bn: '/', e }));
	await seen.reads('1/0', { '/1/0/2': 101, '/1/0/3': 1010, '/1/0/5': 2000, '/1/0/6': true, '/1/0/7': 'U' }, 'lwm2m-json');
});

enablerTest('1.1-int-221', 'operations on the Security object are refused', {}, async (seen) => {
	const refusal = { status: 403, code: 'denied', detail: /bootstrap/ };
	await seen.lab.rest.refuse('GET', `${seen.base}0`, {}, refusal);
	await seen.lab.rest.refuse('PUT', `${seen.base}0/0/0`, { json: { value: 'x' } }, refusal);
	await seen.lab.rest.refuse('PUT', `${seen.base}0/attributes?pmin=30&pmax=45`, {}, refusal);
});

enablerTest('1.1-int-222', 'read on an object', {}, async (seen) => {
	await seen.reads('1', { '/1/0/0': 101, '/1/0/1': 86400, '/1/0/6': true, '/1/0/7': 'U' });
	await seen.reads('3', { '/3/0/0': 'Cardea', '/3/0/11/0': 0, '/3/0/16': 'U' });
});

enablerTest('1.1-int-223', 'read on an object instance', {}, async (seen) => {
	await seen.reads('1/0', { '/1/0/0': 101, '/1/0/1': 86400, '/1/0/6': true, '/1/0/7': 'U' });
	await seen.reads('3/0', { '/3/0/0': 'Cardea', '/3/0/11/0': 0, '/3/0/16': 'U' });
});

enablerTest('1.1-int-224', 'read on a resource', {}, async (seen) => {
	for (const [path, value] of [['1/0/0', 101], ['1/0/1', 86400], ['1/0/6', true], ['1/0/7', 'U'], ['3/0/16', 'U']])
		assert.deepEqual(await seen.read(path), { [`/${path}`]: value });
});

enablerTest('1.1-int-225', 'read on a resource instance', {}, async (seen) => {
	assert.deepEqual(await seen.read('3/0/11/0'), { '/3/0/11/0': 0 });
});

enablerTest('1.1-int-226', 'partial update of an object instance', {}, async (seen, device) => {
	for (const [lifetime, isStoring] of [[61, false], [86400, true]]) {
		const from = device.process.lines.length;
		await seen.writePart('1/0', [{ id: 1, value: lifetime }, { id: 6, value: isStoring }]);
		await device.process.line(/^updated /, from);
		assert.equal((await seen.lab.rest.get('/devices/d')).lifetime, lifetime);
		await seen.reads('1/0', { '/1/0/1': lifetime, '/1/0/6': isStoring });
	}
});

enablerTest('1.1-int-227', 'replacement of a resource', {}, async (seen, device) => {
	for (const lifetime of [63, 86400]) {
		const from = device.process.lines.length;
		await seen.write('1/0/1', lifetime);
		await device.process.line(/^updated /, from);
		await seen.reads('1/0/1', { '/1/0/1': lifetime });
	}
});

enablerTest('1.1-int-228', 'write on a resource instance', {}, async (seen) => {
	await seen.create(16, portfolio(['aa', 'bb']));
	await seen.write('16/0/0/1', 'test');
	assert.deepEqual(await seen.read('16/0/0/1'), { '/16/0/0/1': 'test' });
	await seen.reads('16/0', { '/16/0/0/0': 'aa', '/16/0/0/1': 'test' });
});

for (const [id, format, version] of [['1.1-int-231', 'senml-json', '1.2'], ['1.1-int-232', 'senml-cbor', '1.1']]) {
	enablerTest(id, `querying in ${format}`, { version }, async (seen) => {
		await seen.reads('1', { '/1/0/0': 101, '/1/0/1': 86400 }, format);
		await seen.reads('3/0', { '/3/0/0': 'Cardea', '/3/0/11/0': 0 }, format);
		assert.deepEqual(await seen.read('3/0/16', format), { '/3/0/16': 'U' });
		assert.deepEqual(await seen.read('3/0/11/0', format), { '/3/0/11/0': 0 });
	});
}

const senmlName = (name) => Buffer.concat([Buffer.of(0x60 + name.length), Buffer.from(name)]);
const inCbor = {
	lifetime61: Buffer.concat([hex('82 A2 00'), senmlName('/1/0/1'), hex('02 18 3D A2 00'), senmlName('/1/0/6'), hex('04 F4')]),
	identity: Buffer.concat([hex('81 A2 00'), senmlName('/16/0/0/0'), hex('03'), senmlName('test_value')]),
	lifetime63: Buffer.concat([hex('81 A2 00'), senmlName('/1/0/1'), hex('02 18 3F')]),
};
const inJson = {
	lifetime61: JSON.stringify([{ n: '/1/0/1', v: 61 }, { n: '/1/0/6', vb: false }]),
	identity: JSON.stringify([{ n: '/16/0/0/0', vs: 'test_value' }]),
	lifetime63: JSON.stringify([{ n: '/1/0/1', v: 63 }]),
};
for (const [id, type, version, bodies] of [['1.1-int-233', senmlCbor, '1.1', inCbor], ['1.1-int-234', senmlJson, '1.2', inJson]]) {
	enablerTest(id, `setting in ${type}`, { version }, async (seen, device) => {
		await seen.create(16, portfolio(['aa']));
		await device.process.line(/^updated /);
		let from = device.process.lines.length;
		await seen.writeBody('PATCH', '1/0', type, bodies.lifetime61);
		await device.process.line(/^updated /, from);
		await seen.reads('1', { '/1/0/1': 61, '/1/0/6': false });
		await seen.writeBody('PUT', '16/0/0/0', type, bodies.identity);
		await seen.reads('16', { '/16/0/0/0': 'test_value' });
		from = device.process.lines.length;
		await seen.writeBody('PUT', '1/0/1', type, bodies.lifetime63);
		await device.process.line(/^updated /, from);
		await seen.reads('1/0/1', { '/1/0/1': 63 });
	});
}

scriptedTest('1.1-int-237', 'read on an object without Accept', configuration3, async (seen, device) => {
	device.chooses = 11543;
	await seen.reads('1', { '/1/0/0': 1, '/1/0/7': 'U' });
	await seen.reads('3', deviceOf3);
	assert.equal(device.requests.at(-1).accept, undefined);
});

// ---- composites ----

for (const [format, version] of [['senml-cbor', '1.1'], ['senml-json', '1.2']]) {
	enablerTest('1.1-int-229', `read-composite in ${format}`, { version }, async (seen) => {
		const read = await seen.composite('read', ['/3', '/1/0', '/1/0/1', '/3/0/11/0'], format);
		assert.deepEqual([read['/1/0/1'], read['/3/0/11/0'], read['/3/0/0']], [86400, 0, 'Cardea']);
	});

	enablerTest('1.1-int-230', `write-composite in ${format}`, { version }, async (seen, device) => {
		await seen.create(16, portfolio(['a']));
		await device.process.line(/^updated /);
		const from = device.process.lines.length;
		const wanted = { '/1/0/1': 61, '/1/0/6': false, '/16/0/0/0': 'aa', '/16/0/0/1': 'bb', '/16/0/0/2': 'cc', '/16/0/0/3': 'dd' };
		await seen.writeComposite(Object.entries(wanted).map(([path, value]) => ({ path, value })), format);
		await device.process.line(/^updated /, from);
		await seen.reads('1/0', { '/1/0/1': 61, '/1/0/6': false });
		await seen.reads('16', { '/16/0/0/0': 'aa', '/16/0/0/1': 'bb', '/16/0/0/2': 'cc', '/16/0/0/3': 'dd' });
	});

	enablerTest('1.1-int-235', `read-composite on the root in ${format}`, { version }, async (seen) => {
		const paths = Object.keys(await seen.composite('read', ['/'], format));
		for (const object of [1, 3, 4, 5])
			assert.ok(paths.some((path) => path.startsWith(`/${object}/`)), `/${object} in ${paths}`);
		assert.ok(!paths.some((path) => /^\/(0|21|23)\//.test(path)), String(paths));
	});

	enablerTest('1.1-int-236', `read-composite of what is partly there in ${format}`, { version }, async (seen) => {
		const read = await seen.composite('read', ['/1/0/1', '/3/0/11/0', '/3339/0/5522', '/3353/0/6030'], format);
		assert.deepEqual(read, { '/1/0/1': 86400, '/3/0/11/0': 0 });
	});

	enablerTest('1.1-int-257', `write-composite on Server and Device in ${format}`, { version }, async (seen) => {
		const wanted = { '/1/0/5': 101, '/1/0/6': false, '/3/0/13': 0, '/3/0/14': '+09:00' };
		await seen.writeComposite(Object.entries(wanted).map(([path, value]) => ({ path, value })), format);
		await seen.reads('1/0', { '/1/0/5': 101, '/1/0/6': false });
		const { '/3/0/13': time, '/3/0/14': offset } = await seen.read('3/0');
		assert.ok(time >= 0 && time < 600 && offset === '+09:00', `${time} ${offset}`);
	});

	enablerTest('1.1-int-280', `successful read-composite in ${format}`, { version }, async (seen) => {
		const read = await seen.composite('read', ['/3/0/16', '/3/0/11/0', '/1/0'], format);
		for (const [path, value] of Object.entries({ '/3/0/16': 'U', '/3/0/11/0': 0, '/1/0/0': 101, '/1/0/1': 86400, '/1/0/7': 'U' }))
			assert.equal(read[path], value, path);
		assert.deepEqual(Object.keys(read).filter((path) => !path.startsWith('/1/0/')).sort(), ['/3/0/11/0', '/3/0/16']);
	});

	enablerTest('1.1-int-281', `partially successful read-composite in ${format}`, { version }, async (seen) => {
		assert.deepEqual(await seen.composite('read', ['/1/0/1', '/1/0/7', '/1/0/8'], format), { '/1/0/1': 86400, '/1/0/7': 'U' });
	});
}

// ---- the other operations ----

enablerTest('1.1-int-241', 'executable resource: rebooting the device', {}, async (seen, device) => {
	const from = device.process.lines.length;
	const before = (await seen.lab.rest.get('/devices/d')).location;
	await seen.execute('3/0/4');
	await device.process.line(/^registered /, from);
	assert.notEqual((await seen.lab.rest.get('/devices/d')).location, before);
});

enablerTest('1.1-int-256', 'write operation failure', {}, async (seen) => {
	await seen.refused('PUT', '1/0/0', '4.05', { json: { value: 123 } });
	await seen.reads('1/0/0', { '/1/0/0': 101 });
});

enablerTest('1.1-int-260', 'discover', {}, async (seen) => {
	const object = await seen.discover('3');
	for (const link of ['</3/0>', '</3/0/1>', '</3/0/4>', '</3/0/6>;dim=2', '</3/0/7>;dim=2', '</3/0/9>', '</3/0/16>'])
		assert.ok(object.includes(link), `${link} in ${object}`);
	assert.match(object[0], /^<\/3>/);
	await seen.attributes('3', 'pmin=10&pmax=200');
	assert.ok(!(await seen.discover('3/0')).some((link) => link.startsWith('</3>')));
	await seen.attributes('3/0/9', 'lt=1&gt=6&st=1');
	const after = (await seen.discover('3/0')).find((link) => link.startsWith('</3/0/9>'));
	assert.deepEqual(after.split(';').slice(1).sort(), ['gt=6', 'lt=1', 'st=1']);
	const [resource] = await seen.discover('3/0/9');
	for (const attribute of ['gt=6', 'lt=1', 'st=1'])
		assert.ok(resource.includes(attribute), resource);
});

scriptedTest('1.1-int-261', 'write-attributes on a multiple resource', configuration3, async (seen) => {
	assert.match((await seen.discover('3/0/11'))[0], /^<\/3\/0\/11>;dim=1$/);
	await seen.attributes('3', 'pmin=10&pmax=200');
	await seen.attributes('3/0', 'pmax=320');
	await seen.attributes('3/0/11/0', 'pmax=100&epmin=1&epmax=20');
	assert.deepEqual(await seen.discover('3/0/11'), ['</3/0/11>;dim=1', '</3/0/11/0>;pmax=100;epmin=1;epmax=20']);
	assert.equal((await seen.discover('3'))[0], '</3>;pmin=10;pmax=200');
});

// Configuration 4: with two batteries, and a server that has periods of its own.
const configuration4 = () => {
	const objects = configuration3();
	Object.assign(objects[3][0], { 6: new Multiple({ 0: 1, 1: 2 }), 7: new Multiple({ 0: 0, 1: 0 }), 8: new Multiple({ 0: 0, 1: 0 }), 9: 0 });
	return objects;
};
const of12 = { query: ['lwm2m=1.2', 'b=U', 'lt=600'] };
const resources4 = ['</3/0/0>', '</3/0/1>', '</3/0/2>', '</3/0/3>', '</3/0/4>', '</3/0/6>;dim=2', '</3/0/7>;dim=2', '</3/0/8>;dim=2', '</3/0/9>',
	'</3/0/11>;dim=1', '</3/0/16>'];

scriptedTest('1.2-int-264', 'discover with depth 1', configuration4, async (seen, device) => {
	assert.deepEqual(await seen.discover('3', '?depth=1'), ['</3>', '</3/0>']);
	assert.deepEqual(device.requests.at(-1).query, ['depth=1']);
	await seen.attributes('3/0', 'pmax=200');
	assert.deepEqual(await seen.discover('3', '?depth=1'), ['</3>', '</3/0>;pmax=200']);
}, of12);

scriptedTest('1.2-int-266', 'discover with depth 3', configuration4, async (seen, device) => {
	assert.deepEqual(await seen.discover('3', '?depth=2'), ['</3>', '</3/0>', ...resources4]);
	await seen.attributes('3', 'pmin=10&pmax=200');
	await seen.attributes('3/0/7', 'lt=1&gt=6&st=1');
	await seen.attributes('3/0/7/1', 'gt=8');
	const links = await seen.discover('3', '?depth=3');
	assert.deepEqual(device.requests.at(-1).query, ['depth=3']);
	assert.equal(links[0], '</3>;pmin=10;pmax=200');
	for (const link of ['</3/0/6/0>', '</3/0/6/1>', '</3/0/7/0>', '</3/0/7/1>;gt=8', '</3/0/8/1>'])
		assert.ok(links.includes(link), `${link} in ${links}`);
	const voltage = links.find((link) => link.startsWith('</3/0/7>')).split(';').slice(1);
	assert.deepEqual(voltage.sort(), ['dim=2', 'gt=6', 'lt=1', 'st=1']);
}, of12);

// ---- the Device object ----

enablerTest('1.1-int-651', 'Device: access to its resources', {}, async (seen) => {
	const before = await seen.read('3/0');
	await seen.writeBody('PATCH', '3/0', tlv, hex('C4 0D 5182428F C6 0E 2B30323A3030 C8 0F 0C 4575726F70652F5061726973'));
	const after = await seen.read('3/0');
	assert.ok(after['/3/0/13'] >= 1367491215 && after['/3/0/13'] < 1367491815, `${after['/3/0/13']}`);
	assert.deepEqual([after['/3/0/14'], after['/3/0/15']], ['+02:00', 'Europe/Paris']);
	await seen.writePart('3/0', [14, 15].map((id) => ({ id, value: before[`/3/0/${id}`] })));
	await seen.reads('3/0', { '/3/0/14': before['/3/0/14'], '/3/0/15': before['/3/0/15'] });
});

enablerTest('1.1-int-652', 'Device: querying the firmware version', {}, async (seen) => {
	assert.deepEqual(await seen.read('3/0/3'), { '/3/0/3': '1.0.0' });
});

enablerTest('1.1-int-680', 'Device: no second instance', {}, async (seen) => {
	await seen.refused('POST', '3', '4.05', { json: { instance: 1, resources: [{ path: '/3/1/14', value: 'x' }] } });
});

enablerTest('1.1-int-685', 'Device: its instance stays', {}, async (seen) => {
	await seen.refused('DELETE', '3/0', '4.05');
	await seen.reads('3/0/0', { '/3/0/0': 'Cardea' });
});

// ---- the Portfolio object ----

enablerTest('1.1-int-1630', 'creating a Portfolio instance', { version: '1.0' }, async (seen) => {
	await seen.create(16, portfolio(['Host Device ID #1', 'Manufacturer #1', 'Model #1', 'Software #1']));
	assert.ok((await seen.discover('16/0')).includes('</16/0/0>;dim=4'));
	// Instance 1 with two identities, as TLV.
	const created = await seen.lab.rest.call('POST', `${seen.base}16`, { headers: { 'Content-Type': tlv },
		body: Buffer.concat([hex('08 01 2E 88 00 2B 48 00 11'), Buffer.from('Host Device ID #2'), hex('48 01 14'), Buffer.from('Host Device Model #2')]) });
	assert.equal(created.status, 201);
	assert.ok((await seen.discover('16/1')).includes('</16/1/0>;dim=2'));
	const read = await seen.read('16');
	assert.deepEqual(Object.keys(read).length, 6);
	assert.equal(read['/16/1/0/0'], 'Host Device ID #2');
});

enablerTest('1.1-int-1635', 'deleting all Portfolio instances', {}, async (seen) => {
	for (const instance of [0, 1])
		await seen.create(16, portfolio(['aa', 'bb', 'cc', 'dd'], instance));
	assert.ok((await seen.discover('16/0')).includes('</16/0/0>;dim=4'));
	for (const instance of [0, 1])
		assert.equal((await seen.delete(`16/${instance}`)).status, 204);
	assert.deepEqual((await seen.discover('16')).map((link) => link.replace(/;.*/, '')), ['</16>']);
});
