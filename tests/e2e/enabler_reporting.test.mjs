// OMA enabler test cases 1.1-int-301 to 311: observations, composite observations and Send.
import assert from 'node:assert/strict';
import { enablerTest, notificationTimes, scriptedTest, values } from './enabler.mjs';
import { types } from './coap.mjs';
import { Multiple } from './scripted_device.mjs';

const live = { 'live-every-ms': 100 };
const ofPath = (path) => (data) => data.endpoint === 'd' && data.path === path;
const portfolio = (texts, instance) => ({ instance, resources: texts.map((value, i) => ({ path: `/16/${instance}/0/${i}`, value })) });

enablerTest('1.1-int-301', 'observation and notification of parameter values', {}, async (seen, device, lab) => {
	assert.deepEqual(await seen.read('3/0/6'), { '/3/0/6/0': 1, '/3/0/6/1': 5 });
	await seen.attributes('3/0/7', 'pmin=1&pmax=2');
	await seen.attributes('3/0/8', 'pmin=1&pmax=2');
	const times = notificationTimes(lab, '/3/0/7', 2);
	assert.deepEqual(await seen.observe('3/0/7'), { '/3/0/7/0': 3800, '/3/0/7/1': 5000 });
	assert.deepEqual(await seen.observe('3/0/8'), { '/3/0/8/0': 125, '/3/0/8/1': 900 });
	const [first, second] = await times;
	assert.ok(second - first >= 900, `${second - first} ms between two notifications`);
	const [current] = await notificationTimes(lab, '/3/0/8', 1);
	assert.ok(current > 0);
});

const meter = () => ({ 3: { 0: { 0: 'OMA', 7: 3800, 8: 125 } } });

scriptedTest('1.1-int-302', 'cancelling observations by Reset', meter, async (seen, device) => {
	const events = await seen.lab.rest.events();
	await seen.observe('3/0/7');
	device.change('3/0/7', 3700);
	await events.find('notification', ofPath('/3/0/7'));
	const observation = device.observations.get('3/0/7');
	await seen.cancel('3/0/7');
	device.observations.set('3/0/7', observation); // it has not heard of it
	const id = device.client.nextId & 0xffff;
	device.change('3/0/7', 3600);
	await device.client.find((message) => message.type === types.RST && message.id === id, 'a reset');
	events.close();
});

scriptedTest('1.1-int-303', 'cancelling observations with Observe 1', meter, async (seen, device) => {
	for (const path of ['3/0/7', '3/0/8'])
		await seen.observe(path);
	for (const path of ['3/0/7', '3/0/8']) {
		assert.equal((await seen.cancel(path)).status, 200);
		assert.deepEqual([device.requests.at(-1).path, device.requests.at(-1).observe], [path, 1]);
	}
	assert.equal(device.observations.size, 0);
});

enablerTest('1.1-int-304', 'observe-composite', live, async (seen, device, lab) => {
	await seen.attributes('1/0/1', 'pmin=1&pmax=2');
	const times = notificationTimes(lab, '/', 2);
	const paths = ['/1/0/1', '/3/0/11/0', '/3/0/16'];
	assert.deepEqual(await seen.composite('observe', paths), { '/1/0/1': 86400, '/3/0/11/0': 0, '/3/0/16': 'U' });
	const [first, second] = await times;
	assert.ok(second - first >= 900, `${second - first} ms between two notifications`);
});

enablerTest('1.1-int-305', 'cancelling observe-composite', live, async (seen, device, lab) => {
	const events = await lab.rest.events();
	const paths = ['/1/0/1', '/3/0/9'];
	await seen.composite('observe', paths);
	await events.find('notification', ofPath('/'));
	assert.equal((await lab.rest.delete('/devices/d/composite/observe', { json: { paths } })).status, 200);
	// Had it gone on, it would have notified before the device answers what comes later.
	await seen.read('3/0/9');
	const count = events.events.filter(({ type }) => type === 'notification').length;
	await seen.observe('3/0/9');
	await events.find('notification', ofPath('/3/0/9'));
	assert.equal(events.events.filter(({ type, data }) => type === 'notification' && data.path === '/').length, count);
	events.close();
});

enablerTest('1.1-int-307', 'muting Send', { version: '1.2', 'send-every-ms': 50 }, async (seen, device, lab) => {
	const events = await lab.rest.events();
	const sent = () => events.events.filter(({ type }) => type === 'send').length;
	await seen.write('1/0/23', false);
	await events.find('send', (data) => data.endpoint === 'd');
	await seen.write('1/0/23', true);
	await seen.read('3/0/0'); // what was under way has come
	const before = sent();
	await seen.attributes('4/0/2', 'pmin=0&pmax=1');
	await seen.observe('4/0/2');
	await events.find('notification', ofPath('/4/0/2')); // a second in which nothing was sent
	assert.equal(sent(), before);
	await seen.write('1/0/23', false);
	await events.find('send', (data) => data.endpoint === 'd', events.events.length);
	events.close();
});

for (const [id, title, isDeleted] of [['1.1-int-308', 'observe-composite and create', false],
	['1.1-int-309', 'observe-composite and delete', true]]) {
	enablerTest(id, title, {}, async (seen, device, lab) => {
		const events = await lab.rest.events();
		await seen.create(16, portfolio(['aa', 'bb', 'cc', 'dd'], 0));
		if (isDeleted)
			await seen.create(16, portfolio(['11', '22', '33', '44'], 1));
		await seen.attributes('16/0', 'pmin=0&pmax=1');
		const first = await seen.composite('observe', ['/16/0', '/16/1']);
		const hasBoth = (resources) => '/16/0/0/0' in values(resources) && '/16/1/0/3' in values(resources);
		assert.equal('/16/1/0/3' in first, isDeleted);
		await events.find('notification', (data) => data.path === '/' && hasBoth(data.values) === isDeleted);
		if (isDeleted)
			await seen.delete('16/1');
		else
			await seen.create(16, portfolio(['11', '22', '33', '44'], 1));
		await events.find('notification', (data) => data.path === '/' && hasBoth(data.values) !== isDeleted, events.events.length);
		events.close();
	});
}

enablerTest('1.1-int-310', 'observe-composite with modification of attributes', {}, async (seen, device, lab) => {
	const first = await seen.composite('observe', ['/3/0', '/1/0/1']);
	assert.deepEqual([first['/1/0/1'], first['/3/0/0']], [86400, 'Cardea']);
	await seen.attributes('3', 'pmax=1');
	const times = await notificationTimes(lab, '/', 2);
	assert.ok(times[1] - times[0] >= 0);
});

for (const [format, version] of [['senml-cbor', '1.1'], ['senml-json', '1.2']]) {
	enablerTest('1.1-int-306 1.1-int-311', `Send in ${format}`, { version: '1.2', format, 'send-every-ms': 50 }, async (seen, device, lab) => {
		const events = await lab.rest.events();
		await seen.write('1/0/23', false);
		const { data } = await events.find('send', (one) => one.endpoint === 'd');
		assert.equal(values(data.values)['/3/0/9'], 100);
		const from = events.events.length;
		await events.find('send', () => true, from); // so the first was answered 2.04
		events.close();
	});
}

// A device that keeps to pmax: it tells the voltage again and again, by the parameters of the Observe before its attributes.
async function tellsRegularly(device) {
	const { pmax } = { ...device.attributes['3/0/7'], ...device.observations.get('3/0/7') };
	return setInterval(() => device.change('3/0/7', device.objects[3][0][7]), pmax * 1000).unref();
}

const batteries = () => ({ 3: { 0: { 0: 'OMA', 7: new Multiple({ 0: 3800, 1: 5000 }), 8: new Multiple({ 0: 125, 1: 900 }) } } });
const of12 = { query: ['lwm2m=1.2', 'b=U', 'lt=600'] };

scriptedTest('1.2-int-312', 'observe with attributes as parameters', batteries, async (seen, device, lab) => {
	const times = notificationTimes(lab, '/3/0/7', 2);
	assert.deepEqual(await seen.observe('3/0/7', '?pmin=0&pmax=1'), { '/3/0/7/0': 3800, '/3/0/7/1': 5000 });
	assert.deepEqual(device.requests.at(-1).query, ['pmin=0', 'pmax=1']);
	const timer = await tellsRegularly(device);
	await times;
	clearInterval(timer);
	await seen.cancel('3/0/7');
	assert.deepEqual([device.requests.at(-1).observe, device.requests.at(-1).query], [1, ['pmin=0', 'pmax=1']]);
}, of12);

scriptedTest('1.2-int-313', 'parameters of Observe override attributes', batteries, async (seen, device, lab) => {
	await seen.attributes('3/0/7', 'pmin=0&pmax=60');
	const times = notificationTimes(lab, '/3/0/7', 2);
	assert.deepEqual(await seen.observe('3/0/7', '?pmin=0&pmax=1'), { '/3/0/7/0': 3800, '/3/0/7/1': 5000 });
	assert.deepEqual(device.attributes['3/0/7'], { pmin: '0', pmax: '60' });
	const timer = await tellsRegularly(device);
	const [, second] = await times;
	assert.ok(second < 60000);
	clearInterval(timer);
}, of12);
