// A wanted state of several packages in one job: computed, told beforehand, made true over breaks, and made once.
import assert from 'node:assert/strict';
import { labTest } from './lab.mjs';
import { appletAid, exchanges, packageAid, putKeys, readCard, succeeded, trace, uploadCap } from './secure_element.mjs';

const otherPackage = 'A000000999020001';
const otherApplet = 'A00000099902000101';

async function prepare(lab) {
	const device = await lab.device('d');
	await putKeys(lab, 'd');
	const first = await uploadCap(lab, { size: 3000 });
	const second = await uploadCap(lab, { aid: otherPackage, applet: otherApplet, size: 2500 });
	const wanted = {
		present: [
			{ packageId: first.id, applications: [{ aidHex: `${appletAid}01` }, { aidHex: `${appletAid}02`, state: 'locked' }] },
			{ packageId: second.id, applications: [{}] },
		],
		absent: [{ aidHex: 'A0000009990300' }],
	};
	return { device, first, second, wanted };
}

const told = (job) => job.result.actions.map(({ action, aidHex }) => `${action} ${aidHex}`);

async function isAsWanted(device) {
	const { objects } = await readCard(device, [packageAid, otherPackage, `${appletAid}01`, `${appletAid}02`, otherApplet]);
	return Object.values(objects).every((object) => object !== null) && objects[`${appletAid}02`].lifeCycle === 0x87;
}

labTest('planned, made true, and true already', {}, async (lab) => {
	const { device, second, wanted } = await prepare(lab);
	const plan = succeeded(await lab.run('d', 'se.ensure', { ...wanted, plan: true }));
	assert.equal((await readCard(device)).objects[packageAid], null, 'a plan changes nothing');
	const done = succeeded(await lab.run('d', 'se.ensure', wanted));
	assert.deepEqual(done.result.actions, plan.result.actions);
	assert.deepEqual(told(done), [`load ${packageAid}`, `load ${otherPackage}`, `install ${appletAid}01`,
		`install ${appletAid}02`, `install ${otherApplet}`, `lock ${appletAid}02`]);
	assert.ok(await isAsWanted(device));
	const again = succeeded(await lab.run('d', 'se.ensure', wanted));
	assert.equal(again.result.alreadyAsWanted, true);
	assert.ok(!exchanges(await trace(lab, again)).some(({ command }) => /^(INSTALL|LOAD|DELETE|SET STATUS)/.test(command)));

	const cleared = succeeded(await lab.run('d', 'se.ensure',
		{ absent: [{ aidHex: packageAid }, { aidHex: `${appletAid}01` }, { aidHex: `${appletAid}02` }] }));
	assert.deepEqual(cleared.result.actions.map(({ action }) => action),
		['delete-application', 'delete-application', 'delete-load-file']);
	const refused = await lab.run('d', 'se.ensure', { absent: [{ aidHex: otherPackage }] });
	assert.deepEqual([refused.state, refused.error.code], ['failed', 'conflict']);
	assert.match(refused.error.reason, new RegExp(otherApplet));
	await lab.rest.delete(`/packages/${second.id}`);
	await lab.rest.refuse('POST', '/devices/d/operations', { json: { operation: 'se.ensure', params: wanted } },
		{ status: 404, code: 'not-found', detail: /present\[1\]\.packageId: there is none/ });
});

labTest('over a server that is killed again and again', {}, async (lab) => {
	const { device, first, wanted } = await prepare(lab);
	await device.stop();
	const { id } = await lab.rest.post('/devices/d/operations', { operation: 'se.ensure', params: wanted });
	await lab.rest.refuse('DELETE', `/packages/${first.id}`, {}, { status: 409, code: 'conflict', detail: /./ });
	await device.start();
	for (let kills = 0; kills < 4; kills++) {
		const events = await lab.rest.events();
		if ((await lab.rest.get(`/jobs/${id}`)).state === 'succeeded')
			break;
		await events.find('job.updated', (data) => data.id === id);
		events.close();
		await lab.server.kill();
		await lab.server.start();
	}
	succeeded(await lab.end(id));
	assert.ok(await isAsWanted(device));
	assert.equal(succeeded(await lab.run('d', 'se.ensure', wanted)).result.alreadyAsWanted, true);
});
