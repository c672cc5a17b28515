// se.upgrade: a load file is exchanged, its application stays as it was, and a version that will not do goes again.
import assert from 'node:assert/strict';
import { labTest } from './lab.mjs';
import { appletAid, packageAid, putKeys, readCard, succeeded, uploadCap } from './secure_element.mjs';

const locked = 0x80;

async function installed(lab, endpoint) {
	const device = await lab.device(endpoint);
	await putKeys(lab, endpoint);
	const before = await uploadCap(lab);
	succeeded(await lab.run(endpoint, 'se.install', { package: before.id }));
	succeeded(await lab.run(endpoint, 'se.set-state', { aidHex: appletAid, state: 'locked' }));
	return { device, before, card: await readCard(device) };
}

labTest('an application outlives its load file', {}, async (lab) => {
	const { device, card } = await installed(lab, 'd');
	const after = await uploadCap(lab, { version: '1.1', size: 3000 });
	const job = succeeded(await lab.run('d', 'se.upgrade', { package: after.id }));
	assert.deepEqual([job.result.version, job.result.alreadyUpgraded, job.result.keptAidsHex], ['1.1', false, [appletAid]]);
	const { objects } = await readCard(device);
	assert.notEqual(objects[packageAid].sha256, card.objects[packageAid].sha256);
	assert.ok(objects[appletAid].lifeCycle & locked, 'it is locked still');
	assert.equal(succeeded(await lab.run('d', 'se.upgrade', { package: after.id })).result.alreadyUpgraded, true);
});

labTest('the version before comes back when the new one has no place for the application', {}, async (lab) => {
	const { device, before, card } = await installed(lab, 'd');
	const bad = await uploadCap(lab, { version: '1.1', applet: `${packageAid}7F` });
	const job = await lab.run('d', 'se.upgrade', { package: bad.id, rollback: { package: before.id } });
	assert.equal(job.state, 'failed');
	assert.match(job.error.reason, /version 1\.0 is back/);
	assert.deepEqual((await readCard(device)).objects, card.objects);
});
