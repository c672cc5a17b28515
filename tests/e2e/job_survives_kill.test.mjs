// kill -9 of the server or of the device at a random moment of an installation. Every case ends with the application
// installed exactly once, or with a clear failure and nothing on the card.
//
// From the environment: CARDEA_KILLS moments (50), CARDEA_SEED.
import assert from 'node:assert/strict';
import test from 'node:test';
import { finalStates, inLab, isSanitized } from './lab.mjs';
import { appletAid, audit, exchanges, packageAid, putKeys, readCard, trace, uploadCap } from './secure_element.mjs';

const kills = Number(process.env.CARDEA_KILLS ?? (isSanitized ? 20 : 50));
const seed = Number(process.env.CARDEA_SEED ?? (Date.now() & 0x7fffffff));

// Two labs of each kind take the moments one by one. A device that speaks DTLS to a server that was killed notices when its
// next update is not answered, which takes half a minute; meanwhile the other labs do most of the work.
const labs = [false, true, false, true];

// mulberry32
function dice(state) {
	return () => {
		state = (state + 0x6d2b79f5) | 0;
		let t = Math.imul(state ^ (state >>> 15), 1 | state);
		t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
		return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
	};
}

const settings = { server: { 'ack-timeout-ms': 100, 'max-retransmit': 3, 'log-level': 'info' } };

function makeDevice(lab, isSecure, endpoint) {
	return isSecure ? lab.secureDevice(endpoint, { lifetime: 4 }) : lab.device(endpoint);
}

function successfulInstalls(lines) {
	return exchanges(lines).filter(({ command, answer }) => /^INSTALL \[for install/.test(command) && /^9000/.test(answer)).length;
}

// How many times a job is said to have changed while nothing disturbs it.
async function undisturbed(lab, endpoint, pack) {
	const events = await lab.rest.events();
	const job = await lab.run(endpoint, 'se.install', { package: pack.id });
	assert.equal(job.state, 'succeeded', JSON.stringify(job.error));
	assert.equal(successfulInstalls(await trace(lab, job)), 1, 'this is how it looks in a trace');
	await events.find('job.updated', (data) => data.id === job.id && data.state === 'succeeded');
	events.close();
	return events.events.filter(({ type, data }) => type === 'job.updated' && data.id === job.id).length;
}

// Returns once the job has changed so many times, or has ended.
async function progress(events, id, changes) {
	let seen = 0;
	if (changes > 0)
		await events.find('job.updated', (data) => data.id === id && (++seen >= changes || finalStates.includes(data.state)));
}

// One moment: what dies, how far into the installation, and some milliseconds more.
async function strike(lab, round, roll, usual, pack, isSecure) {
	const endpoint = `d${round}`;
	const victim = roll() < 0.5 ? 'server' : 'device';
	const changes = Math.floor(roll() * usual);
	const more_ms = roll() * 4;
	const device = await makeDevice(lab, isSecure, endpoint);
	await putKeys(lab, endpoint);
	const before = await readCard(device);
	const what = `seed ${seed} round ${round}: ${victim} ${more_ms.toFixed(1)} ms after ${changes} of ${usual} changes`;
	const events = await lab.rest.events();
	const { id } = await lab.rest.post(`/devices/${endpoint}/operations`, { operation: 'se.install', params: { package: pack.id } });
	await progress(events, id, changes);
	await new Promise((resolve) => setTimeout(resolve, more_ms)); // the moment itself, not a wait for something
	events.close();
	const struckAt = Date.now();
	if (victim === 'server') {
		await lab.server.kill();
		await lab.server.start();
	} else {
		await device.kill();
		await device.start();
	}
	const job = await lab.end(id);
	const after = await readCard(device);
	if (job.state === 'succeeded') {
		assert.equal(after.objects[appletAid]?.kind, 'application', what);
		assert.equal(after.objects[packageAid]?.kind, 'load-file', what);
		assert.equal(after.applications, before.applications + 1, what);
		assert.equal(after.loadFiles, before.loadFiles + 1, what);
	} else {
		assert.equal(job.state, 'failed', `${what}: ${JSON.stringify(job.error)}`);
		assert.match(job.error.reason, /./, what);
		assert.deepEqual(after, before, what);
	}
	const seen = await audit(lab, endpoint);
	const isThere = job.state === 'succeeded' ? 1 : 0;
	assert.equal(seen.applications.filter((one) => one.aidHex === appletAid).length, isThere, what);
	assert.equal(seen.loadFiles.filter((one) => one.aidHex === packageAid).length, isThere, what);
	const installs = successfulInstalls(await trace(lab, job));
	assert.ok(installs <= 1, `${what}: installed ${installs} times`);
	await lab.rest.delete(`/devices/${endpoint}`);
	await device.kill();
	return { victim, isSecure, state: job.state, isHit: Date.parse(job.updatedAt) >= struckAt };
}

test(`${kills} random moments, seed ${seed}`, async () => {
	const outcomes = [];
	let round = 0;
	await Promise.all(labs.map((isSecure) => inLab(settings, async (lab) => {
		const pack = await uploadCap(lab, { size: 2500 });
		const device = await makeDevice(lab, isSecure, 'usual');
		await putKeys(lab, 'usual');
		const usual = await undisturbed(lab, 'usual', pack);
		await device.kill();
		await lab.rest.delete('/devices/usual');
		while (round < kills) {
			const mine = round++;
			outcomes.push(await strike(lab, mine, dice(seed + mine), usual, pack, isSecure));
		}
	})));
	const count = (fits) => outcomes.filter(fits).length;
	console.log(`seed ${seed}: ${outcomes.length} moments, ${count((o) => o.victim === 'server')} of the server, ${count((o) => o.isSecure)} over DTLS; ` +
		`${count((o) => o.state === 'succeeded')} installed, ${count((o) => o.state === 'failed')} failed clearly, ` +
		`${count((o) => o.isHit)} while it ran`);
	assert.equal(outcomes.length, kills);
	assert.ok(count((o) => o.state === 'succeeded') > kills / 2, 'most of them end with the application installed');
	assert.ok(count((o) => o.isHit) > kills / 2, 'the moments hit the jobs');
});
