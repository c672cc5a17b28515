// Firmware updates through object 5: by push and by pull, every way in which a device can fail, and the plug pulled in the
// middle.
//
// From the environment: CARDEA_KILLS moments (24), CARDEA_SEED.
import assert from 'node:assert/strict';
import test from 'node:test';
import { createHash, randomBytes } from 'node:crypto';
import { firmwarePackage, inLab, isSanitized, labTest } from './lab.mjs';

const kills = Number(process.env.CARDEA_KILLS ?? (isSanitized ? 8 : 24));
const seed = Number(process.env.CARDEA_SEED ?? (Date.now() & 0x7fffffff));
const large = 2 << 20;

async function upload(lab, content) {
	const headers = { 'Content-Type': 'application/octet-stream' };
	return (await lab.rest.call('POST', '/packages?kind=firmware&name=firmware', { body: content, headers })).json.id;
}

async function update(lab, endpoint, content, params) {
	return lab.run(endpoint, 'firmware.update', { package: await upload(lab, content), ...params });
}

async function read(lab, endpoint, path) {
	return (await lab.rest.get(`/devices/${endpoint}/lwm2m${path}`)).resources[0].value;
}

function assertFailed(job, reason) {
	assert.equal(job.state, 'failed', JSON.stringify(job));
	assert.match(job.error.reason, reason);
}

function assertSucceeded(job, what = '') {
	assert.equal(job.state, 'succeeded', `${what} ${JSON.stringify(job)}`);
}

labTest('describes a package, and refuses what means none', {}, async (lab) => {
	const content = firmwarePackage('2.0.0');
	const headers = { 'Content-Type': 'application/octet-stream' };
	const { json } = await lab.rest.call('POST', '/packages?kind=firmware&name=x', { body: content, headers });
	assert.equal(json.description.sizeBytes, content.length);
	assert.equal(json.description.sha256Hex, createHash('sha256').update(content).digest('hex').toUpperCase());
	for (const nothing of [Buffer.alloc(0), Buffer.alloc(1)]) {
		const answer = await lab.rest.request('POST', '/packages?kind=firmware&name=x', { body: nothing, headers });
		assert.ok(answer.status >= 400, answer.text);
	}
});

for (const isSecure of [false, true]) {
	for (const delivery of ['push', 'pull', 'auto']) {
		labTest(`${delivery}${isSecure ? ' over DTLS' : ''}, two megabytes, and nothing to do the second time`, {}, async (lab) => {
			await (isSecure ? lab.secureDevice('d') : lab.device('d'));
			const content = firmwarePackage('2.0.0', large);
			const job = await update(lab, 'd', content, { version: '2.0.0', delivery });
			assertSucceeded(job);
			assert.deepEqual(job.result, {
				version: '2.0.0', previousVersion: '1.0.0', alreadyInstalled: false, delivery: delivery === 'push' ? 'push' : 'pull',
			});
			assert.equal(await read(lab, 'd', '/3/0/3'), '2.0.0');
			const again = await update(lab, 'd', content, { version: '2.0.0', delivery });
			assertSucceeded(again);
			assert.deepEqual(again.result, { version: '2.0.0', alreadyInstalled: true });
			assertSucceeded(await update(lab, 'd', firmwarePackage('2.1.0'), { version: '2.1.0', delivery }));
		});
	}
}

labTest('a device that takes one way only', {}, async (lab) => {
	await lab.device('pushes', { 'firmware-delivery': 'push' });
	await lab.device('pulls', { 'firmware-delivery': 'pull' });
	const content = firmwarePackage('2.0.0');
	assertFailed(await update(lab, 'pushes', content, { version: '2.0.0', delivery: 'pull' }), /takes packages by push only/);
	assertFailed(await update(lab, 'pulls', content, { version: '2.0.0', delivery: 'push' }), /takes packages by pull only/);
	const [pushed, pulled] = await Promise.all(['pushes', 'pulls'].map((name) => update(lab, name, content, { version: '2.0.0' })));
	assertSucceeded(pushed);
	assertSucceeded(pulled);
	assert.equal(pushed.result.delivery, 'push');
	assert.equal(pulled.result.delivery, 'pull');
});

const failures = [
	[2, /not enough flash/], [3, /not enough RAM/], [4, /connection was lost/], [5, /integrity check/], [6, /type of the package/],
	[7, /URI of the package is invalid/], [8, /firmware update failed/], [9, /protocol of the URI/], [10, /was cancelled/],
	[11, /was deferred/],
];

labTest('every result of a failed update is told in words, and the next update works', {}, async (lab) => {
	await Promise.all(failures.map(async ([result, reason]) => {
		for (const delivery of ['push', 'pull']) {
			const endpoint = `fails-${result}-${delivery}`;
			// A lost connection is tried three times.
			await lab.device(endpoint, { 'firmware-fail': `${result}:${result === 4 ? 3 : 1}` });
			const job = await update(lab, endpoint, firmwarePackage('2.0.0'), { version: '2.0.0', delivery });
			assertFailed(job, reason);
			assert.match(job.error.reason, new RegExp(`result ${result}:`));
			assert.equal(await read(lab, endpoint, '/3/0/3'), '1.0.0');
			assertSucceeded(await update(lab, endpoint, firmwarePackage('2.0.0'), { version: '2.0.0', delivery }), endpoint);
		}
	}));
});

labTest('a connection that is lost once is tried again', {}, async (lab) => {
	await lab.device('d', { 'firmware-fail': '4:2' });
	assertSucceeded(await update(lab, 'd', firmwarePackage('2.0.0'), { version: '2.0.0' }));
});

labTest('a device may defer the update when it is allowed to', {}, async (lab) => {
	await lab.device('d', { 'firmware-fail': '11:1' });
	const job = await update(lab, 'd', firmwarePackage('2.0.0'), { version: '2.0.0', deferUpdateSeconds: 1, severity: 'optional' });
	assertSucceeded(job);
	assert.equal(await read(lab, 'd', '/5/0/11'), 2);
});

labTest('a package that is damaged, of another kind, or of another version', {}, async (lab) => {
	await lab.device('d');
	assertFailed(await update(lab, 'd', firmwarePackage('2.0.0', 5000, true), { version: '2.0.0' }), /result 5: .*integrity/);
	assertFailed(await update(lab, 'd', randomBytes(5000), { version: '2.0.0', delivery: 'push' }), /result 6: .*type/);
	assertFailed(await update(lab, 'd', firmwarePackage('3.0.0'), { version: '2.0.0' }), /says that it has updated, but reports version "3.0.0"/);
});

labTest('an update that does not come in time ends, and the device forgets the package', {}, async (lab) => {
	await lab.device('d', { 'firmware-fail': '11:1' });
	const job = await update(lab, 'd', firmwarePackage('2.0.0'), { version: '2.0.0', deferUpdateSeconds: 3600, timeoutSeconds: 2 });
	assertFailed(job, /did not report the version in time; it was downloaded, the update was deferred/);
	assert.equal(await read(lab, 'd', '/5/0/3'), 0);
});

labTest('cancels what a device holds', {}, async (lab) => {
	await lab.device('d', { 'firmware-fail': '11:1' });
	assertFailed(await update(lab, 'd', firmwarePackage('2.0.0'), { version: '2.0.0' }), /deferred/);
	assert.equal(await read(lab, 'd', '/5/0/3'), 2);
	const job = await lab.run('d', 'firmware.cancel');
	assertSucceeded(job);
	assert.deepEqual(job.result, { alreadyIdle: false });
	assert.equal(await read(lab, 'd', '/5/0/5'), 10);
	assert.deepEqual((await lab.run('d', 'firmware.cancel')).result, { alreadyIdle: true });
});

labTest('a device in queue mode', {}, async (lab) => {
	await lab.device('d', { 'queue-mode': true, 'awake-ms': 300, 'wake-every-ms': 500 });
	for (const delivery of ['push', 'pull']) {
		const version = `2.0.0-${delivery}`;
		assertSucceeded(await update(lab, 'd', firmwarePackage(version, 200000), { version, delivery }));
	}
});

// ---- the plug is pulled ----

// mulberry32
function dice(state) {
	return () => {
		state = (state + 0x6d2b79f5) | 0;
		let t = Math.imul(state ^ (state >>> 15), 1 | state);
		t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
		return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
	};
}

const killed = { server: { 'ack-timeout-ms': 100, 'max-retransmit': 3, 'log-level': 'info' } };

async function strike(lab, round, roll, usual_ms) {
	const endpoint = `d${round}`, version = '2.0.0';
	const delivery = roll() < 0.5 ? 'push' : 'pull', victim = roll() < 0.5 ? 'server' : 'device', moment_ms = roll() * usual_ms;
	const what = `seed ${seed} round ${round}: ${delivery}, ${victim} after ${moment_ms.toFixed(1)} of ${usual_ms.toFixed(1)} ms`;
	const device = await lab.device(endpoint);
	const id = await upload(lab, firmwarePackage(version, large));
	const job = await lab.rest.post(`/devices/${endpoint}/operations`,
		{ operation: 'firmware.update', params: { package: id, version, delivery } });
	await new Promise((resolve) => setTimeout(resolve, moment_ms)); // the moment itself, not a wait for something
	const struck = victim === 'server' ? lab.server : device;
	await struck.kill();
	await struck.start();
	const ended = await lab.end(job.id);
	assertSucceeded(ended, what);
	assert.equal(await read(lab, endpoint, '/3/0/3'), version, what);
	await lab.rest.delete(`/devices/${endpoint}`);
	await device.kill();
	return ended.interruptions;
}

test(`${kills} random moments, seed ${seed}`, async () => {
	let round = 0, interrupted = 0;
	await Promise.all([0, 1].map(() => inLab(killed, async (lab) => {
		const device = await lab.device('usual');
		const began = performance.now();
		assertSucceeded(await update(lab, 'usual', firmwarePackage('2.0.0', large), { version: '2.0.0', delivery: 'pull' }));
		const usual_ms = performance.now() - began;
		await device.kill();
		await lab.rest.delete('/devices/usual');
		while (round < kills) {
			const mine = round++;
			interrupted += await strike(lab, mine, dice(seed + mine), usual_ms) > 0;
		}
	})));
	console.log(`seed ${seed}: ${kills} moments, ${interrupted} jobs interrupted`);
	assert.ok(interrupted > kills / 4, 'the moments hit the jobs');
});
