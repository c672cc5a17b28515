// coap-node of npm, a LwM2M 1.0 client: TLV and text, IPSO objects, another port for each request of its own.
import assert from 'node:assert/strict';
import { labTest } from '../e2e/lab.mjs';
import { startClient, tell } from './client.mjs';

const lwm2m = (path) => `/devices/d/lwm2m/${path}`;
const byPath = (answer) => Object.fromEntries(answer.resources.map((resource) => [resource.path, resource.value]));

labTest('coap-node registers, updates from another port, and leaves', {}, async (lab) => {
	const client = await startClient(lab, 'coap_node.cjs', 'd');
	const events = await lab.rest.events();
	const before = await lab.rest.get('/devices/d');
	assert.equal(before.version, '1.0');
	assert.equal(before.lifetime, 600);
	for (const [object, instance] of [[3, 0], [4, 0], [3303, 0], [3303, 1], [3311, 0]])
		assert.ok(before.objects.some((one) => one.object === object && one.instance === instance), `/${object}/${instance}`);

	await tell(client, 'SIGUSR2', /^updated 2\.04/);
	const after = await lab.rest.get('/devices/d');
	assert.equal(after.lifetime, 700);
	assert.equal(after.location, before.location);
	assert.notEqual(after.address, before.address);
	assert.equal(byPath(await lab.rest.get(lwm2m('3/0/0')))['/3/0/0'], 'coap-node');
	assert.equal(after.tolerances['version-with-patch'], 1);
	assert.equal(after.tolerances['update-from-new-port'], 1);

	await tell(client, 'SIGTERM', /^left 2\.02/);
	await events.find('device.deregistered', (data) => data.endpoint === 'd');
	await lab.rest.refuse('GET', '/devices/d', {}, { status: 404, code: 'not-found', detail: /device d/ });
	events.close();
});

labTest('coap-node is read, written, executed and discovered', {}, async (lab) => {
	const client = await startClient(lab, 'coap_node.cjs', 'd');
	const device = byPath(await lab.rest.get(lwm2m('3/0')));
	assert.equal(device['/3/0/0'], 'coap-node');
	assert.equal(device['/3/0/1'], 'interop');
	assert.deepEqual(byPath(await lab.rest.get(lwm2m('3'))), device);
	assert.equal((await lab.rest.get(`${lwm2m('3/0/1')}?format=text`)).format, 'text');
	await lab.rest.refuse('GET', lwm2m('3/0/99'), {}, { status: 404, code: 'device-error', detail: /4\.04/ });

	for (const format of ['tlv', 'lwm2m-json', 'text']) {
		const answer = await lab.rest.get(`${lwm2m('3303/0/5700')}?format=${format}`);
		assert.equal(answer.format, format);
		assert.equal(byPath(answer)['/3303/0/5700'], 21.5);
	}
	// It has a word for what can only be executed.
	assert.deepEqual(byPath(await lab.rest.get(lwm2m('3303'))),
		{ '/3303/0/5605': '_exec_', '/3303/0/5700': 21.5, '/3303/0/5701': 'C', '/3303/1/5700': -30 });

	await lab.rest.put(lwm2m('3311/0/5850'), { value: true });
	assert.equal(byPath(await lab.rest.get(`${lwm2m('3311/0/5850')}?format=text`))['/3311/0/5850'], true);

	await lab.rest.call('POST', lwm2m('3303/0/5605'));
	await client.line(/^executed/);
	assert.match((await lab.rest.get(`${lwm2m('3303/0')}/discover`)).links, /<\/3303\/0>.*<\/3303\/0\/5700>/);
});

labTest('coap-node is observed, also after it moved', {}, async (lab) => {
	const client = await startClient(lab, 'coap_node.cjs', 'd');
	await lab.rest.put(`${lwm2m('3303/0/5700')}/attributes?pmin=0&pmax=60`);
	await lab.rest.put(`${lwm2m('3303/0/5700')}/observe`);
	const events = await lab.rest.events();
	await tell(client, 'SIGUSR2', /^updated 2\.04/);
	await events.find('notification', ({ path }) => path === '/3303/0/5700'); // it is observed anew
	client.child.kill('SIGHUP');
	await events.find('notification', ({ path, values }) => path === '/3303/0/5700' && values[0].value === 25);
	await lab.rest.delete(`${lwm2m('3303/0/5700')}/observe`);
	events.close();
});
