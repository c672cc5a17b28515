// Object 30401 end to end: formats of bodies, several elements, targets, chains, statuses, retries, what a device asks for.
import assert from 'node:assert/strict';
import { labTest } from './lab.mjs';
import { appletAid, audit, putKeys, readCard, succeeded, uploadCap } from './secure_element.mjs';

const getIin = '80CA004200', getNothing = '80CA5F5000';

// The value of a resource of the first element.
async function read(lab, endpoint, resource) {
	return (await lab.rest.get(`/devices/${endpoint}/lwm2m/30401/0/${resource}`)).resources[0].value;
}

function script(lab, endpoint, params) {
	return lab.run(endpoint, 'se.script', params);
}

function statusWords(job) {
	return job.result.answers.map(({ sw }) => sw);
}

for (const [protocol, bodyFormat] of [['1.1.1', 'ts102226'], ['2.0.0', 'seram2'], ['1.1.1,2.0.0', 'seram2'], ['1.1.1', 'raw']])
	labTest(`an application is installed by ${bodyFormat} on an agent that announces ${protocol}`, {}, async (lab) => {
		const device = await lab.device('d', { 'se-protocol': protocol });
		await putKeys(lab, 'd');
		const pack = await uploadCap(lab, { size: 1500 });
		const params = protocol === '2.0.0' ? {} : { bodyFormat };
		succeeded(await lab.run('d', 'se.install', { package: pack.id, ...params }));
		assert.equal((await readCard(device)).objects[appletAid].kind, 'application');
		const job = succeeded(await script(lab, 'd', { commandsHex: [getIin], ...params }));
		assert.equal(job.result.bodyFormat, bodyFormat);
	});

labTest('a format that the agent does not announce is refused before anything is sent', {}, async (lab) => {
	await lab.device('d', {});
	const job = await script(lab, 'd', { commandsHex: [getIin], bodyFormat: 'seram2' });
	assert.equal(job.state, 'failed');
	assert.match(job.error.reason, /does not announce a protocol for bodyFormat seram2/);
});

labTest('each of several elements is reached, and answers for itself', {}, async (lab) => {
	await lab.device('d', { 'se-count': 3, 'se-protocol': '1.1.1,2.0.0' });
	await putKeys(lab, 'd');
	const identifiers = new Set();
	for (const [se, bodyFormat] of [[0, 'ts102226'], [1, 'seram2'], [2, 'raw']])
		identifiers.add((await audit(lab, 'd', { se, bodyFormat })).identifier);
	assert.equal(identifiers.size, 3);
	const missing = await script(lab, 'd', { se: 3, commandsHex: [getIin] });
	assert.equal(missing.state, 'failed');
	assert.match(missing.error.reason, /no secure element 3/);
});

labTest('commands go to the application that is targeted', {}, async (lab) => {
	await lab.device('d', {});
	await putKeys(lab, 'd');
	const pack = await uploadCap(lab);
	succeeded(await lab.run('d', 'se.install', { package: pack.id }));
	const unknown = await script(lab, 'd', { aidHex: 'A00000009999', commandsHex: [getIin] });
	assert.equal(unknown.state, 'failed');
	assert.match(unknown.error.reason, /unknown-application for \/\/aid\/A000000099\/99/);
	const job = succeeded(await script(lab, 'd', { aidHex: appletAid, commandsHex: ['0001000000'], stopOnError: false }));
	assert.equal(job.result.aidHex, appletAid);
	assert.equal(job.result.answers.length, 1);
});

labTest('what the agent keeps from a server has a reason', {}, async (lab) => {
	await lab.device('d', { 'allow-aid': 'D070' });
	const job = await script(lab, 'd', { commandsHex: [getIin] });
	assert.equal(job.state, 'failed');
	assert.match(job.error.reason, /security-error .*not on the list of allowed ones/);
});

labTest('an absent element is tried again as often as is asked', {}, async (lab) => {
	await lab.device('d', { 'se-absent': true });
	const job = await script(lab, 'd', { commandsHex: [getIin], retryCount: 1, retryDelaySeconds: 1 });
	assert.equal(job.state, 'failed');
	assert.match(job.error.reason, /absent, after 2 tries/);
});

labTest('chains, actions and scripts without report', {}, async (lab) => {
	await lab.device('d', {});
	const next = await script(lab, 'd', { commandsHex: [getIin], chaining: 'next' });
	assert.match(next.error.reason, /no previous script to chain to/);
	succeeded(await script(lab, 'd', { commandsHex: [getIin], chaining: 'first' }));
	assert.equal(await read(lab, 'd', 27), true);
	const last = succeeded(await script(lab, 'd', { commandsHex: [getNothing, getIin], chaining: 'last', errorActionHex: '',
		stopOnError: false }));
	assert.deepEqual(statusWords(last), ['6A88', '9000']);
	assert.equal(await read(lab, 'd', 27), false);
	const early = await script(lab, 'd', { commandsHex: [getIin], immediateActionHex: '82' });
	assert.match(early.error.reason, /suspension error/);
	const silent = succeeded(await script(lab, 'd', { commandsHex: [getIin], report: false }));
	assert.equal(silent.result.reported, false);
	assert.equal(await read(lab, 'd', 8), false);
	assert.deepEqual(statusWords(succeeded(await script(lab, 'd', { commandsHex: [getIin], scriptLength: 'definite' }))), ['9000']);
});

labTest('a device that wants a session is heard, and has it', {}, async (lab) => {
	const device = await lab.device('d', { 'se-wants-session': true });
	assert.equal(await read(lab, 'd', 15), 1);
	await putKeys(lab, 'd');
	await audit(lab, 'd');
	assert.equal(await read(lab, 'd', 15), 0);
	await device.stop();
});

// After a command of the card, before its answer is kept: nobody knows whether it ran.
labTest('a script that the device breaks off is not begun again', {}, async (lab) => {
	await lab.device('d', { 'se-protocol': '1.1.1,2.0.0', 'reboot-at': 'apdu:2', 'reboot-by-exec': true });
	const job = await script(lab, 'd', { commandsHex: [getIin, getIin, getIin] });
	assert.equal(job.state, 'unknown');
	assert.match(job.error.reason, /after 1 of 3 answers; whether the next command ran is not known/);
});

labTest('an order that the device breaks off is looked after and finished', {}, async (lab) => {
	const device = await lab.device('d', { 'se-protocol': '2.0.0', 'reboot-at': 'apdu:6', 'reboot-by-exec': true });
	await putKeys(lab, 'd');
	const pack = await uploadCap(lab, { size: 1500 });
	succeeded(await lab.run('d', 'se.install', { package: pack.id }));
	assert.equal((await readCard(device)).objects[appletAid].kind, 'application');
});

// The requests of a script are Read, Observe, Write, Run and, after the notification, Read.
for (const [what, moment, state] of [['a request that did not arrive is written again', 'before-request:3', 'succeeded'],
	['a request that arrived is run', 'request:3', 'succeeded'], ['a Run that did not arrive is sent again', 'before-request:4', 'succeeded'],
	['a Run that was broken off may have begun', 'request:4', 'unknown'],
	['a response that was lost is read again', 'request:5', 'succeeded'], ['a response that was not asked for is read', 'before-request:5', 'succeeded']])
	labTest(what, {}, async (lab) => {
		const device = await lab.device('d', { 'reboot-at': moment, 'reboot-by-exec': true });
		const job = await script(lab, 'd', { commandsHex: [getIin, getIin] });
		assert.equal(job.state, state, JSON.stringify(job.error));
		assert.equal(device.process.log().match(/: registered /g).length, 2, 'it did lose power');
		if (state === 'succeeded')
			assert.deepEqual(statusWords(job), ['9000', '9000']);
	});

labTest('a channel that was idle too long is gone, and a chain with it', {}, async (lab) => {
	await lab.device('d', {});
	succeeded(await script(lab, 'd', { commandsHex: [getIin], chaining: 'first', sessionTimeoutSeconds: 1 }));
	assert.equal(await read(lab, 'd', 25), 1);
	while (await read(lab, 'd', 27))
		await new Promise((resolve) => setTimeout(resolve, 100));
	const job = await script(lab, 'd', { commandsHex: [getIin], chaining: 'next' });
	assert.match(job.error.reason, /no previous script to chain to/);
});

labTest('a job waits until the agent wants a session', {}, async (lab) => {
	const device = await lab.device('d', {});
	const events = await lab.rest.events();
	const job = await lab.rest.post('/devices/d/operations',
		{ operation: 'se.script', params: { commandsHex: [getIin], whenAgentAsks: true } });
	await events.find('job.updated', (data) => data.id === job.id);
	await device.stop();
	assert.notEqual((await lab.rest.get(`/jobs/${job.id}`)).state, 'succeeded');
	device.options['se-wants-session'] = true;
	await device.start();
	const { data: wish } = await events.find('secure-element.session-wanted', (data) => data.jobId === job.id);
	assert.equal(wish.endpoint, 'd');
	assert.equal(wish.instance, 0);
	succeeded(await lab.end(job.id));
	events.close();
});
