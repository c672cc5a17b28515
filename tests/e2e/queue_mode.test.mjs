// A device that sleeps: what is asked of it waits, jobs go on whenever it wakes.
import assert from 'node:assert/strict';
import { labTest } from './lab.mjs';
import { packageAid, putKeys, readCard, succeeded, uploadCap } from './secure_element.mjs';

const sleepy = { 'queue-mode': true, 'awake-ms': 300, 'wake-every-ms': 1500 };
const server = { server: { 'ack-timeout-ms': 100, 'max-retransmit': 1 } };

labTest('is shown as such', server, async (lab) => {
	await lab.device('d', sleepy);
	const device = await lab.rest.get('/devices/d');
	assert.equal(device.queueMode, true);
	assert.equal(device.awake, true);
});

labTest('a request to a sleeping device is refused at once, and works when it is awake', server, async (lab) => {
	const device = await lab.device('d', { ...sleepy, log: 'debug' });
	await device.process.line(/device\.asleep/);
	// The first one finds out that it sleeps, the second knows.
	const first = await lab.rest.request('GET', '/devices/d/lwm2m/3/0/0');
	assert.deepEqual([first.status, first.json.code], [504, 'timeout']);
	assert.equal((await lab.rest.get('/devices/d')).awake, false);
	const answer = await lab.rest.refuse('GET', '/devices/d/lwm2m/3/0/0', {}, { status: 503, code: 'unavailable', detail: /listen/ });
	assert.ok(answer.headers['retry-after']);
	await device.process.line(/^updated /, device.process.lines.length);
	assert.equal((await lab.rest.get('/devices/d/lwm2m/3/0/0')).resources[0].value, 'Cardea');
});

labTest('a job is done over many wakings', server, async (lab) => {
	// A script of two commands takes longer than the device stays awake.
	const device = await lab.device('d', { ...sleepy, 'awake-ms': 60, 'wake-every-ms': 300, 'apdu-delay-ms': 50, 'se-max-request': 600,
		'se-max-response': 600, log: 'debug' });
	await device.process.line(/device\.asleep/);
	await putKeys(lab, 'd');
	const pack = await uploadCap(lab, { size: 6000 });
	const job = succeeded(await lab.run('d', 'se.install', { package: pack.id }));
	assert.equal(job.result.alreadyInstalled, false);
	assert.ok(job.interruptions > 0, 'it was interrupted');
	assert.equal((await readCard(device)).objects[packageAid].kind, 'load-file');
});

labTest('a job waits for a device that is not there yet', server, async (lab) => {
	await putKeys(lab, 'late');
	const job = await lab.rest.post('/devices/late/operations', { operation: 'se.audit', params: {} });
	assert.equal(job.state, 'queued');
	await lab.secureDevice('late', sleepy);
	succeeded(await lab.end(job.id));
});
