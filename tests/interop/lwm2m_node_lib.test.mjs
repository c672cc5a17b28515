// lwm2m-node-lib of npm, a LwM2M 1.0 client: every value is a text, and nothing says of what format it is.
import assert from 'node:assert/strict';
import { labTest } from '../e2e/lab.mjs';
import { startClient, tell } from './client.mjs';

const lwm2m = (path) => `/devices/d/lwm2m/${path}`;
const value = async (lab, path, query = '') => (await lab.rest.get(`${lwm2m(path)}${query}`)).resources[0].value;

labTest('lwm2m-node-lib registers, updates from another port, and leaves', {}, async (lab) => {
	const client = await startClient(lab, 'lwm2m_node_lib.cjs', 'd');
	const events = await lab.rest.events();
	const before = await lab.rest.get('/devices/d');
	assert.equal(before.lifetime, 600);
	assert.deepEqual(before.objects, [{ object: 1, instance: 0 }, { object: 3, instance: 0 }]);

	await tell(client, 'SIGUSR2', /^updated/);
	const after = await lab.rest.get('/devices/d');
	assert.equal(after.location, before.location);
	assert.notEqual(after.address, before.address);
	assert.equal(await value(lab, '3/0/0'), 'Telefonica');

	await tell(client, 'SIGTERM', /^left/);
	await events.find('device.deregistered', (data) => data.endpoint === 'd');
	events.close();
});

labTest('lwm2m-node-lib is read, written, executed and discovered', {}, async (lab) => {
	const client = await startClient(lab, 'lwm2m_node_lib.cjs', 'd');
	assert.equal(await value(lab, '3/0/0'), 'Telefonica');
	assert.equal(await value(lab, '3/0/14', '?format=text'), '+01:00');
	assert.equal(await value(lab, '1/0/1'), 600);
	await lab.rest.call('PUT', lwm2m('3/0/14'), { body: '+02:00', headers: { 'Content-Type': 'text/plain' } });
	assert.equal(await value(lab, '3/0/14'), '+02:00');
	await lab.rest.call('POST', lwm2m('3/0/4'));
	await client.line(/^executed \/3\/0\/4$/);
	assert.match((await lab.rest.get(`${lwm2m('3/0')}/discover`)).links, /<\/3\/0>.*<\/3\/0\/14>/);
	await lab.rest.refuse('GET', lwm2m('3/7/0'), {}, { status: 404, code: 'device-error', detail: /4\.04/ });

	const { tolerances } = await lab.rest.get('/devices/d');
	assert.ok(tolerances['missing-content-format'] >= 4, JSON.stringify(tolerances));
});

labTest('lwm2m-node-lib is observed', {}, async (lab) => {
	const client = await startClient(lab, 'lwm2m_node_lib.cjs', 'd');
	const events = await lab.rest.events();
	assert.equal((await lab.rest.call('PUT', `${lwm2m('3/0/14')}/observe`)).json.resources[0].value, '+01:00');
	client.child.kill('SIGHUP');
	const { data } = await events.find('notification', ({ path }) => path === '/3/0/14');
	assert.equal(data.values[0].value, '+09:00');
	events.close();
});
