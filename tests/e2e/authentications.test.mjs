// Failed authentications are counted before the card counts them to its end: no job of ours locks a key set.
import assert from 'node:assert/strict';
import { finalStates, labTest } from './lab.mjs';
import { appletAid, factoryKey, packageAid, putKeys, readCard, succeeded, trace, uploadCap } from './secure_element.mjs';

const wrongKey = '00112233445566778899AABBCCDDEEFF';

async function failed(lab, code) {
	const job = await lab.run('d', 'se.audit');
	assert.equal(job.state, 'failed');
	assert.equal(job.error.code, code, job.error.reason);
	return job;
}

async function counted(lab, expected) {
	const { items } = await lab.rest.get('/devices/d/authentications');
	assert.equal(items.length, 1);
	for (const [name, value] of Object.entries({ secureElement: 0, keyVersion: 0x30, ...expected }))
		assert.equal(items[0].content[name], value, name);
}

labTest('a card that refuses us is left alone after two failures, through kill -9, and is not locked', {}, async (lab) => {
	const device = await lab.device('d', { 'se-tries': 3, 'card-refuse-host': true });
	await putKeys(lab, 'd');
	await failed(lab, 'denied');
	await lab.server.kill();
	await lab.server.start();
	await failed(lab, 'denied');
	await counted(lab, { failures: 2, possibleFailures: 0, isHeldBack: true });
	await lab.server.kill();
	await lab.server.start();
	for (let i = 0; i < 3; i++) {
		const job = await failed(lab, 'lock-risk');
		assert.match(job.error.reason, /acceptAuthenticationRisk/);
	}
	const pack = await uploadCap(lab);
	const held = await lab.run('d', 'se.install', { package: pack.id });
	assert.equal(held.error.code, 'lock-risk');

	// What was wrong with the card is mended: its key set is still there to be used.
	await device.stop();
	const mended = await lab.device('d', { 'se-tries': 3 });
	await failed(lab, 'lock-risk');
	succeeded(await lab.run('d', 'se.install', { package: pack.id, acceptAuthenticationRisk: true }));
	await counted(lab, { failures: 0, possibleFailures: 0, isHeldBack: false });
	succeeded(await lab.run('d', 'se.audit'));
	const card = await readCard(mended, [packageAid, appletAid]);
	assert.equal(card.objects[appletAid].kind, 'application');
});

labTest('wrong keys are held back by the configured limit', { server: { 'plugin-config': '{"se":{"maxFailedAuthentications":1}}' } },
	async (lab) => {
		await lab.device('d');
		await putKeys(lab, 'd', { enc: wrongKey });
		await failed(lab, 'denied');
		await failed(lab, 'lock-risk');
		await putKeys(lab, 'd', { enc: factoryKey });
		succeeded(await lab.run('d', 'se.audit', { acceptAuthenticationRisk: true }));
		succeeded(await lab.run('d', 'se.audit'));
	});

// The server dies while the card is asked; what became of it is learned from the agent.
labTest('a server that dies in the middle of an authentication counts it once', {}, async (lab) => {
	await lab.device('d', { 'se-tries': 3, 'apdu-delay-ms': 100 });
	await putKeys(lab, 'd');
	const job = await lab.rest.post('/devices/d/operations', { operation: 'se.audit', params: {} });
	for (let seen = 0, kills = 0; kills < 4;) {
		const lines = (await trace(lab, job)).length;
		const { state } = await lab.rest.get(`/jobs/${job.id}`);
		if (finalStates.includes(state))
			break;
		if (lines === seen)
			continue;
		seen = lines;
		kills++;
		await lab.server.kill();
		await lab.server.start();
	}
	succeeded(await lab.end(job.id));
	await counted(lab, { failures: 0, possibleFailures: 0, isHeldBack: false });
});

// What the card will say next is known from the session before, also after a restart.
for (const [what, options, kind] of [['SCP03', { 'se-scp03': '70' }, 'scp03'], ['SCP02', { 'se-scp02': '55' }, 'scp02']])
	labTest(`${what} with a pseudo-random challenge opens and works in one script`, {}, async (lab) => {
		const device = await lab.device('d', { ...options, 'se-tries': 3, 'se-max-request': 8192, 'se-max-response': 8192 });
		await lab.rest.put('/devices/d/keysets', { kind, version: 0x30, encHex: factoryKey, macHex: factoryKey, dekHex: factoryKey });
		assert.equal(succeeded(await lab.run('d', 'se.audit')).result.scripts, 2);
		await lab.server.restart();
		assert.equal(succeeded(await lab.run('d', 'se.audit')).result.scripts, 1);
		const pack = await uploadCap(lab);
		succeeded(await lab.run('d', 'se.install', { package: pack.id }));
		const card = await readCard(device, [packageAid, appletAid]);
		assert.equal(card.objects[appletAid].kind, 'application');
		await counted(lab, { failures: 0, possibleFailures: 0, isHeldBack: false });
	});
