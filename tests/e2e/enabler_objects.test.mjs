// OMA enabler test cases of the objects: Connectivity Monitoring 701 and 710, Firmware Update 751, 755 and 772, Location 801
// and 810, Connectivity Statistics 901 to 910, connectivity management 1200 to 1350, application data 1900 and event log 2000.
import assert from 'node:assert/strict';
import { enablerTest, scriptedTest, values } from './enabler.mjs';
import { Float, Link, Multiple } from './scripted_device.mjs';

const noop = () => {};
const hex = (digits) => Buffer.from(digits.replace(/ /g, ''), 'hex');
const of = (path) => (data) => data.endpoint === 'd' && data.path === path;
const base = () => ({
	1: { 0: { 0: 1, 1: 86400, 2: 1, 3: 10, 5: 86400, 6: false, 7: 'U', 8: noop } },
	3: { 0: { 0: 'OMA', 1: 'Enabler', 2: '0001', 3: '1.0', 4: noop, 11: new Multiple({ 0: 0 }), 16: 'U' } },
});

// The definitions that a test needs and the server does not have: [id, name, operations, type, isMultiple].
function define(lab, object, name, items) {
	const rows = items.map(([id, item, operations, type, isMultiple]) => `<Item ID="${id}"><Name>${item}</Name><Operations>${operations}</Operations>
		<MultipleInstances>${isMultiple ? 'Multiple' : 'Single'}</MultipleInstances><Mandatory>Optional</Mandatory><Type>${type}</Type></Item>`);
	return lab.rest.call('POST', '/models', { headers: { 'Content-Type': 'application/xml' }, body: `<?xml version="1.0"?><LWM2M>
		<Object ObjectType="MODefinition"><Name>${name}</Name><ObjectID>${object}</ObjectID><ObjectURN>urn:oma:lwm2m:oma:${object}</ObjectURN>
		<MultipleInstances>Multiple</MultipleInstances><Mandatory>Optional</Mandatory><Resources>${rows.join('')}</Resources></Object></LWM2M>` });
}

// Observes with pmin and pmax, changes the resource, and waits for the notification.
async function notifies(seen, device, path, changed, before, after) {
	await seen.attributes(path, 'pmin=2&pmax=10');
	const events = await seen.lab.rest.events();
	const name = `/${changed}`;
	assert.deepEqual((await seen.observe(path))[name], before);
	device.change(changed, after);
	await events.find('notification', (data) => of(`/${path}`)(data) && values(data.values)[name] === (after.number ?? after));
	assert.deepEqual(device.attributes[path], { pmin: '2', pmax: '10' });
	await seen.cancel(path);
	events.close();
}

// ---- Connectivity Monitoring ----

enablerTest('1.1-int-701', 'Connectivity Monitoring: querying the readable resources', {}, async (seen) => {
	await seen.reads('4/0', { '/4/0/0': 6, '/4/0/1/0': 6, '/4/0/4/0': '127.0.0.1' });
	assert.ok((await seen.read('4/0'))['/4/0/2'] < 0);
});

enablerTest('1.1-int-710', 'Connectivity Monitoring: basic observation', { 'live-every-ms': 50 }, async (seen) => {
	await seen.attributes('4/0', 'pmin=0&pmax=2');
	const events = await seen.lab.rest.events();
	const before = (await seen.observe('4/0'))['/4/0/2'];
	await events.find('notification', (data) => of('/4/0')(data) && values(data.values)['/4/0/2'] !== before);
	events.close();
});

// ---- Firmware Update ----

enablerTest('1.1-int-751', 'Firmware Update: querying the readable resources', {}, async (seen) => {
	const read = await seen.read('5/0', 'tlv');
	assert.deepEqual([read['/5/0/3'], read['/5/0/5']], [0, 0]);
	assert.ok([0, 1, 2].includes(read['/5/0/9']));
});

enablerTest('1.1-int-772', 'Firmware Update: error case 1, no package', {}, async (seen) => {
	const before = await seen.read('5/0');
	assert.notEqual(before['/5/0/3'], 2);
	await seen.refused('POST', '5/0/2', '4.05');
	const after = await seen.read('5/0');
	assert.deepEqual([after['/5/0/3'], after['/5/0/5']], [before['/5/0/3'], before['/5/0/5']]);
});

// ---- Location ----

const location = () => ({ ...base(), 6: { 0: { 0: new Float(43.5723), 1: new Float(153.2176), 2: new Float(140), 3: new Float(100),
	4: hex('00'), 5: 1367491215, 6: new Float(3) } } });

scriptedTest('1.1-int-801', 'Location: querying the resources', location, async (seen) => {
	await seen.reads('6/0', { '/6/0/0': 43.5723, '/6/0/1': 153.2176, '/6/0/2': 140, '/6/0/3': 100, '/6/0/5': 1367491215, '/6/0/6': 3 });
});

scriptedTest('1.1-int-810', 'Location: basic observation', location, async (seen, device) => {
	await notifies(seen, device, '6/0', '6/0/0', 43.5723, new Float(44.5));
});

// ---- Connectivity Statistics ----

const statistics = () => {
	const resources = { 0: 0, 1: 0, 2: 0, 3: 0, 4: 0, 5: 0, 6: () => { resources[2] = 17; }, 7: () => { resources[3] = 4; }, 8: 0 };
	return { ...base(), 7: { 0: resources } };
};

scriptedTest('1.1-int-901', 'Connectivity Statistics: data collection', statistics, async (seen) => {
	await seen.execute('7/0/6');
	await seen.execute('7/0/7');
	await seen.reads('7/0', { '/7/0/0': 0, '/7/0/1': 0, '/7/0/2': 17, '/7/0/3': 4, '/7/0/4': 0, '/7/0/5': 0 });
});

scriptedTest('1.1-int-905', 'Connectivity Statistics: setting the writable resource', statistics, async (seen) => {
	await seen.reads('7/0', { '/7/0/8': 0 });
	await seen.write('7/0/8', 3600);
	await seen.reads('7/0', { '/7/0/8': 3600 });
});

scriptedTest('1.1-int-910', 'Connectivity Statistics: observation', statistics, async (seen, device) => {
	await seen.write('7/0/8', 0);
	await seen.execute('7/0/6');
	await notifies(seen, device, '7/0', '7/0/2', 17, 40);
	await seen.execute('7/0/7');
});

// ---- connectivity management ----

const cellular = [[4, 'PSM Timer', 'RW', 'Integer'], [5, 'Active Timer', 'RW', 'Integer'], [6, 'Serving PLMN Rate control', 'R', 'Integer'],
	[8, 'eDRX parameters for WB-S1 mode', 'RW', 'Opaque'], [9, 'eDRX parameters for NB-S1 mode', 'RW', 'Opaque'],
	[11, 'Activated Profile Names', 'R', 'Objlnk', true], [13, 'Power Saving Modes', 'R', 'Unsigned Integer'],
	[14, 'Active Power Saving Modes', 'RW', 'Unsigned Integer']];
const connectivity = () => ({ ...base(),
	10: { 0: { 4: 3600, 5: 600, 6: 40, 8: hex('14'), 9: hex('33'), 11: new Multiple({ 0: new Link(11, 0) }), 13: 3, 14: 1 } },
	11: { 0: { 0: 'internet', 3: true } },
	12: { 0: { 0: 'wlan0', 1: 0, 3: 0 } },
	13: {},
});

scriptedTest('1.1-int-1200', 'Cellular Connectivity: querying the readable resources', connectivity, async (seen, device, lab) => {
	await define(lab, 10, 'LWM2M Cellular Connectivity', cellular);
	await seen.reads('10/0', { '/10/0/4': 3600, '/10/0/5': 600, '/10/0/6': 40, '/10/0/8': hex('14').toString('base64') }, 'tlv');
});

scriptedTest('1.1-int-1201', 'Cellular Connectivity 1.1: querying the readable resources', connectivity, async (seen, device, lab) => {
	await define(lab, 10, 'LWM2M Cellular Connectivity', cellular);
	const links = await seen.discover('10');
	for (const resource of [4, 5, 6, 8, 9, 11, 13, 14])
		assert.ok(links.some((link) => link.startsWith(`</10/0/${resource}>`)), `/10/0/${resource} in ${links}`);
	await seen.reads('10/0', { '/10/0/11/0': '11:0', '/10/0/13': 3, '/10/0/14': 1 }, 'tlv');
});

scriptedTest('1.1-int-1202', 'Cellular Connectivity 1.1: setting the power saving mode', connectivity, async (seen, device, lab) => {
	await define(lab, 10, 'LWM2M Cellular Connectivity', cellular);
	await seen.reads('10/0/13', { '/10/0/13': 3 });
	await seen.write('10/0/14', 2);
	assert.equal(device.requests.at(-1).payload.toString('hex'), 'c10e02');
	await seen.reads('10/0/14', { '/10/0/14': 2 });
});

scriptedTest('1.1-int-1203', 'Cellular Connectivity 1.1: observing the power saving modes', connectivity, async (seen, device, lab) => {
	await define(lab, 10, 'LWM2M Cellular Connectivity', cellular);
	await notifies(seen, device, '10/0/13', '10/0/13', 3, 1);
	await notifies(seen, device, '10/0/14', '10/0/14', 1, 2);
});

scriptedTest('1.1-int-1204', 'Cellular Connectivity: observing the timers', connectivity, async (seen, device, lab) => {
	await define(lab, 10, 'LWM2M Cellular Connectivity', cellular);
	await notifies(seen, device, '10/0/4', '10/0/4', 3600, 7200);
	await notifies(seen, device, '10/0/5', '10/0/5', 600, 700);
});

scriptedTest('CONMGMT-1.1-int-1250', 'APN connection profile: configuration', connectivity, async (seen, device, lab) => {
	await define(lab, 11, 'LWM2M APN Connection Profile', [[0, 'Profile name', 'RW', 'String'], [3, 'Enable status', 'RW', 'Boolean']]);
	await define(lab, 10, 'LWM2M Cellular Connectivity', cellular);
	const created = await seen.create(11, { instance: 1, resources: [{ path: '/11/1/0', value: 'second' }] });
	assert.equal(created.status, 201);
	await seen.execute('1/0/8');
	assert.equal((await device.update([], device.links())).codeText, '2.04');
	assert.ok((await lab.rest.get('/devices/d')).objects.some(({ object, instance }) => object === 11 && instance === 1));
	device.objects[11][1][3] = false;
	await seen.write('11/1/3', true);
	device.change('10/0/11', new Multiple({ 0: new Link(11, 0), 1: new Link(11, 1) }));
	await seen.reads('10/0/11', { '/10/0/11/0': '11:0', '/10/0/11/1': '11:1' }, 'tlv');
});

scriptedTest('CONMGMT-1.1-int-1350', 'Bearer Selection', connectivity, async (seen, device, lab) => {
	await define(lab, 13, 'LWM2M Bearer selection', [[0, 'Preferred Communications Bearer', 'RW', 'Integer', true]]);
	await define(lab, 12, 'LWM2M WLAN connectivity', [[0, 'Interface name', 'RW', 'String'], [1, 'Enable', 'RW', 'Integer'], [3, 'Status', 'R', 'Integer']]);
	const created = await seen.create(13, { instance: 0, resources: [{ path: '/13/0/0/0', value: 6 }] });
	assert.equal(created.status, 201);
	// The other bearer gives the device another port.
	const before = (await lab.rest.get('/devices/d')).address;
	await device.move(lab.server.coap);
	device.change('12/0/1', 1);
	assert.equal((await device.update()).codeText, '2.04');
	assert.notEqual((await lab.rest.get('/devices/d')).address, before);
	await seen.reads('12/0', { '/12/0/1': 1, '/12/0/3': 0 });
	await lab.rest.put('/devices/d/lwm2m/13/0', { resources: [{ path: '/13/0/0/0', value: 1 }] });
	await device.move(lab.server.coap);
	assert.equal((await device.update()).codeText, '2.04');
	assert.ok('/10/0/4' in await seen.read('10'));
});

// ---- Binary App Data Container, Event Log ----

const reading = Buffer.from(JSON.stringify({ meter: 17 })).toString('base64');
const container = () => ({ ...base(), 19: { 0: { 0: Buffer.from(reading, 'base64') }, 1: { 0: Buffer.alloc(0) } } });

scriptedTest('1.1-int-1900', 'Binary App Data Container: reporting', container, async (seen, device) => {
	assert.ok((await seen.discover('19')).includes('</19/0/0>'));
	await seen.attributes('19/0/0', 'pmin=300&pmax=3600');
	const events = await seen.lab.rest.events();
	assert.deepEqual(await seen.observe('19/0/0'), { '/19/0/0': reading });
	device.change('19/0/0', hex('0102'));
	const { data } = await events.find('notification', of('/19/0/0'));
	assert.deepEqual(values(data.values), { '/19/0/0': 'AQI=' });
	events.close();
});

scriptedTest('1.1-int-1901', 'Binary App Data Container: writing data', container, async (seen) => {
	await seen.writeBody('PUT', '19/1/0', 'application/octet-stream', hex('00FF10'));
	await seen.reads('19/1/0', { '/19/1/0': hex('00FF10').toString('base64') });
});

const eventLog = () => ({ ...base(), 20: { 0: { 4010: 0, 4011: '0,100', 4013: 3, 4014: hex('AABB') } } });
const eventLogItems = [[4010, 'LogClass', 'RW', 'Integer'], [4011, 'LogStart', 'RW', 'String'], [4013, 'LogStatus', 'R', 'Integer'],
	[4014, 'LogData', 'R', 'Opaque']];

scriptedTest('1.1-int-2000', 'Event Log: LogStart', eventLog, async (seen, device, lab) => {
	await define(lab, 20, 'Event Log', eventLogItems);
	await seen.write('20/0/4011', '5,60');
	await seen.reads('20/0/4011', { '/20/0/4011': '5,60' });
});

scriptedTest('1.1-int-2001', 'Event Log: querying the readable resources', eventLog, async (seen, device, lab) => {
	await define(lab, 20, 'Event Log', eventLogItems);
	await seen.reads('20/0', { '/20/0/4010': 0, '/20/0/4013': 3, '/20/0/4014': 'qrs=' }, 'tlv');
});
