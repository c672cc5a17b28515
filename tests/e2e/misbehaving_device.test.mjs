// Bad links, cards that refuse, devices that answer nonsense or lose power at the worst instant.
import assert from 'node:assert/strict';
import test from 'node:test';
import { inLab, labTest } from './lab.mjs';
import { ScriptedDevice } from './scripted_device.mjs';
import { appletAid, audit, packageAid, putKeys, readCard, succeeded, uploadCap } from './secure_element.mjs';

const quick = { server: { 'ack-timeout-ms': 60, 'max-retransmit': 6 } };

labTest('the trace of a job says by which rule an answer was taken', {}, async (lab) => {
	const device = await ScriptedDevice.register(lab, 'd', { 1: { 0: { 0: 1, 1: 60 } }, 3: { 0: { 0: 'Acme', 1: 'Pump', 2: '7', 3: '1.0' } } });
	device.omitsFormat = true;
	const job = succeeded(await lab.run('d', 'example.identify'));
	const { items } = await lab.rest.get(`/jobs/${job.id}/trace`);
	assert.ok(items.some((item) => /^tolerated, missing-content-format: an answer has no Content-Format/.test(item.text)), JSON.stringify(items));
	device.close();
});

async function installedOnce(lab, device) {
	const card = await readCard(device);
	assert.equal(card.objects[appletAid]?.kind, 'application');
	assert.equal(card.objects[packageAid]?.kind, 'load-file');
	return card;
}

async function installsOnce(lab, isSecure, options) {
	const device = await (isSecure ? lab.secureDevice('d', options) : lab.device('d', options));
	await putKeys(lab, 'd');
	const before = await readCard(device);
	const pack = await uploadCap(lab);
	const job = succeeded(await lab.run('d', 'se.install', { package: pack.id }));
	assert.equal(job.result.alreadyInstalled, false);
	const after = await installedOnce(lab, device);
	assert.equal(after.applications, before.applications + 1);
	assert.equal(after.loadFiles, before.loadFiles + 1);
}

const badLinks = [
	['loses a fifth of the datagrams', { drop: 20 }],
	['doubles half of the datagrams', { duplicate: 50 }],
	['delays and reorders them', { 'delay-ms': 15 }],
	['does all of that', { drop: 10, duplicate: 20, 'delay-ms': 5 }],
];

// They mostly wait for retransmissions: all at once.
test('installs once over a link that', { concurrency: true }, async (t) => {
	const cases = badLinks.flatMap(([what, options]) => [false, true].map((isSecure) => t.test(`${what}${isSecure ? ', with DTLS' : ''}`,
		() => inLab(quick, (lab) => installsOnce(lab, isSecure, { ...options, seed: 7 })))));
	// Where bits break only DTLS notices.
	cases.push(t.test('breaks bits, with DTLS', () => inLab(quick, (lab) => installsOnce(lab, true, { corrupt: 10, seed: 3 }))));
	await Promise.all(cases);
});

for (const [what, refusal, code] of [
	['has no memory', 'E6=6A84', 'limit'],
	['does not allow it', 'E6=6985', 'conflict'],
	['refuses the load file', 'E8=6A80', 'malformed'],
]) {
	labTest(`a card that ${what} makes a clear failure`, {}, async (lab) => {
		const device = await lab.device('d', { 'card-refuse': refusal });
		await putKeys(lab, 'd');
		const before = await readCard(device);
		const pack = await uploadCap(lab);
		const job = await lab.run('d', 'se.install', { package: pack.id });
		assert.equal(job.state, 'failed', JSON.stringify(job.result));
		assert.equal(job.error.code, code);
		assert.match(job.error.reason, new RegExp(refusal.slice(3)));
		assert.deepEqual(await readCard(device), before);
	});
}

labTest('nonsense in place of an answer is said to be that', {}, async (lab) => {
	const device = await lab.device('d', { nonsense: true, seed: 5 });
	await putKeys(lab, 'd');
	const answer = await lab.rest.refuse('GET', '/devices/d/lwm2m/3/0', {}, { status: 502, code: 'bad-device-answer', detail: /./ });
	assert.ok(answer.json.detail.length > 10, answer.json.detail);
	const job = await lab.run('d', 'se.audit');
	assert.equal(job.state, 'failed');
	assert.match(job.error.reason, /./);
	assert.equal((await readCard(device)).objects[packageAid], null);
});

// The device loses power at the K-th C-APDU or request and comes back at once.
async function losesPower(moment) {
	for (const k of [1, 3, 5, 9, 14]) {
		await inLab(quick, async (lab) => {
			const device = await lab.device('d', { 'reboot-at': `${moment}:${k}`, 'reboot-by-exec': true });
			await putKeys(lab, 'd');
			const before = await readCard(device);
			const pack = await uploadCap(lab);
			succeeded(await lab.run('d', 'se.install', { package: pack.id }));
			const after = await installedOnce(lab, device);
			assert.equal(after.applications, before.applications + 1, `${moment}:${k}`);
			assert.equal((await audit(lab, 'd')).applications.filter((one) => one.aidHex === appletAid).length, 1);
		});
	}
}

test('a device that loses power has the application once:', { concurrency: true }, async (t) => {
	const moments = ['before-apdu', 'apdu', 'after-record', 'before-request', 'request'];
	await Promise.all(moments.map((moment) => t.test(moment, () => losesPower(moment))));
});
