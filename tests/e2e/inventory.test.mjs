// What the server knows of a secure element stays true: by its own operations, and by telling what others did.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { labTest } from './lab.mjs';
import { appletAid, audit, issuerAid, packageAid, putKeys, succeeded, uploadCap } from './secure_element.mjs';

async function item(lab, ep, key = '0') {
	const { items } = await lab.rest.get(`/devices/${ep}/secure-elements`);
	return items.find((one) => one.key === key)?.content;
}

const told = (changes) => changes.map(({ change, what, isExpected }) => `${change} ${what}${isExpected ? '' : '!'}`);

// Somebody else has the card for a while: another device, which leaves.
async function elsewhere(lab, device, work) {
	await device.stop();
	const other = await lab.device('elsewhere');
	await putKeys(lab, 'elsewhere');
	await other.stop();
	fs.copyFileSync(device.cardFile(), other.cardFile());
	await other.start();
	await work('elsewhere');
	await other.stop();
	fs.copyFileSync(other.cardFile(), device.cardFile());
	await device.start();
}

labTest('operations keep the inventory true, an audit tells who changed what', {}, async (lab) => {
	const device = await lab.device('d');
	await putKeys(lab, 'd');
	const pack = await uploadCap(lab);
	const first = await audit(lab, 'd');
	assert.equal(first.state, 'present');
	assert.equal(first.logicalChannels.count, 4);
	assert.equal(first.securityDomainTree[0].aidHex, issuerAid);
	assert.deepEqual(first.audit, { at: first.audit.at, since: null, changes: [] });
	assert.deepEqual(await item(lab, 'd'), first);

	succeeded(await lab.run('d', 'se.install', { package: pack.id }));
	const installed = await item(lab, 'd');
	assert.deepEqual(installed.applications.map(({ aidHex, state }) => [aidHex, state]), [[appletAid, 'selectable']]);
	assert.ok(installed.loadFiles.some(({ aidHex }) => aidHex === packageAid));
	assert.deepEqual(installed.securityDomainTree[0].applications, [appletAid]);
	assert.ok(installed.resources.freeNonVolatileBytes < first.resources.freeNonVolatileBytes);
	const ours = told(installed.changesSinceAudit);
	assert.deepEqual(ours.sort(), ['added application', 'added load-file', 'changed resources']);

	const events = await lab.rest.events();
	await elsewhere(lab, device, async (ep) => {
		succeeded(await lab.run(ep, 'se.set-state', { aidHex: appletAid, state: 'locked' }));
	});
	const job = succeeded(await lab.run('d', 'se.audit'));
	const { differences } = job.result;
	assert.equal(differences.since, first.audit.at);
	const found = differences.changes.filter(({ isExpected }) => !isExpected);
	assert.deepEqual(found.map(({ change, what, aidHex, before, after }) => ({ change, what, aidHex, before, after })),
		[{ change: 'changed', what: 'application', aidHex: appletAid, before: { state: 'selectable' }, after: { state: 'locked' } }]);
	const { data: event } = await events.find('secure-element.changed', (data) => data.endpoint === 'd');
	assert.equal(event.jobId, job.id);
	assert.deepEqual(event.changes, found);
	events.close();

	await lab.server.restart();
	assert.deepEqual((await item(lab, 'd')).audit, differences, 'it is kept');
	await device.process.line(/^registered /);
	assert.deepEqual(succeeded(await lab.run('d', 'se.audit')).result.differences.changes, []);
});

labTest('a reader without a card says so', {}, async (lab) => {
	await lab.device('d', { 'se-absent': true });
	await putKeys(lab, 'd');
	const { id } = await lab.rest.post('/devices/d/operations', { operation: 'se.audit', params: {} });
	const events = await lab.rest.events('1');
	await events.find('job.updated', (data) => data.id === id && data.state === 'running');
	events.close();
	while ((await item(lab, 'd'))?.state !== 'absent')
		await lab.server.turn();
	await lab.rest.delete(`/jobs/${id}`);
	await lab.end(id);
});

labTest('an audit of one secure element tells of all readers', {}, async (lab) => {
	await lab.device('d', { 'se-count': 3 });
	await putKeys(lab, 'd');
	await audit(lab, 'd', { se: 1 });
	const { items } = await lab.rest.get('/devices/d/secure-elements');
	assert.deepEqual(items.map(({ key, content }) => [key, content.state, content.audit !== undefined]),
		[['0', 'present', false], ['1', 'present', true], ['2', 'present', false]]);
});
