// The server stops, or is killed, and starts again: nothing that it acknowledged is gone.
import assert from 'node:assert/strict';
import { labTest, Server } from './lab.mjs';
import { putKeys, succeeded, uploadCap } from './secure_element.mjs';

for (const how of ['stop', 'kill']) {
	labTest(`registrations, jobs, packages, keys and tokens, after ${how}`, {}, async (lab) => {
		const device = await lab.device('d');
		await putKeys(lab, 'd');
		const pack = await uploadCap(lab);
		const done = succeeded(await lab.run('d', 'se.install', { package: pack.id }));
		await putKeys(lab, 'absent');
		const waiting = await lab.rest.post('/devices/absent/operations', { operation: 'se.audit', params: {} });
		await lab.rest.put('/credentials/other', { kind: 'psk', identity: 'other', keyHex: '00112233445566778899aabbccddeeff' });
		const token = await lab.rest.post('/tokens', { name: 'reader', scope: 'read' });
		const paths = ['/devices/d/keysets', '/packages', `/jobs/${done.id}`, `/jobs/${done.id}/trace`, '/credentials', '/tokens',
			'/devices/d/secure-elements', `/jobs/${waiting.id}`];
		const before = await Promise.all(paths.map((path) => lab.rest.get(path)));
		const registered = await lab.rest.get('/devices/d');
		const from = device.process.lines.length;

		await lab.server[how]();
		await lab.server.start();

		const after = await Promise.all(paths.map((path) => lab.rest.get(path)));
		assert.deepEqual(after, before);
		const { awake, lastSeenAt, ...kept } = await lab.rest.get('/devices/d');
		assert.deepEqual(kept, (({ awake: a, lastSeenAt: s, ...rest }) => rest)(registered));
		assert.equal((await lab.rest.get('/devices', { token: token.token })).items.length, 1);
		// It goes on talking to the device, which noticed nothing.
		assert.equal((await lab.rest.get('/devices/d/lwm2m/3/0/0')).resources[0].value, 'Cardea');
		assert.equal(device.process.lines.slice(from).filter((line) => /^registered /.test(line)).length, 0);
		// And the keys still open the card.
		succeeded(await lab.run('d', 'se.audit'));
		await lab.device('absent');
		succeeded(await lab.end(waiting.id));
	});
}

labTest('an observation goes on', {}, async (lab) => {
	await lab.device('d');
	await lab.rest.call('PUT', '/devices/d/lwm2m/3/0/14/observe');
	await lab.server.restart();
	const events = await lab.rest.events();
	await lab.rest.put('/devices/d/lwm2m/3/0/14', { value: '+09:00' });
	await events.find('notification', (data) => data.path === '/3/0/14' && data.values[0].value === '+09:00');
	assert.equal((await lab.rest.call('DELETE', '/devices/d/lwm2m/3/0/14/observe')).status, 200);
	events.close();
});

labTest('an observation is asked for again when the device registers anew', {}, async (lab) => {
	const device = await lab.device('d');
	const events = await lab.rest.events();
	const isTold = async (rest, stream, value) => {
		await rest.put('/devices/d/lwm2m/3/0/14', { value });
		await stream.find('notification', (data) => data.path === '/3/0/14' && data.values?.[0].value === value);
	};
	await lab.rest.call('PUT', '/devices/d/lwm2m/3/0/14/observe');
	await isTold(lab.rest, events, '+01:00');
	// A device without power forgets who observes it.
	await device.kill();
	await device.start();
	await isTold(lab.rest, events, '+02:00');
	events.close();
	// And so when the server was not there either.
	await lab.server.kill();
	await device.kill();
	device.launch();
	await lab.server.start();
	await device.process.line(/^registered /);
	const later = await lab.rest.events();
	await isTold(lab.rest, later, '+03:00');
	later.close();
});

labTest('over DTLS the next message of the device brings it back', {}, async (lab) => {
	const device = await lab.secureDevice('d', { lifetime: 3 });
	await putKeys(lab, 'd');
	await lab.server.kill();
	await lab.server.start();
	const registered = await lab.rest.get('/devices/d');
	const job = await lab.rest.post('/devices/d/operations', { operation: 'se.audit', params: {} });
	succeeded(await lab.end(job.id));
	const later = await lab.rest.get('/devices/d');
	assert.ok(Date.parse(later.lastSeenAt) > Date.parse(registered.lastSeenAt));
	assert.equal(device.process.status, null);
});

labTest('with another key encryption key it does not start', {}, async (lab) => {
	await lab.rest.put('/credentials/other', { kind: 'psk', identity: 'other', keyHex: '00112233445566778899aabbccddeeff' });
	await lab.server.stop();
	const other = new Server(lab);
	await assert.rejects(other.start(), /ended \(status 1\)/);
	assert.match(other.process.log(), /credential/);
});

labTest('a second server cannot have the same data directory', {}, async (lab) => {
	const kek = lab.server.options['kek-file'];
	const second = new Server(lab, { 'kek-file': '' });
	second.options['kek-file'] = kek;
	await assert.rejects(second.start(), /ended \(status 1\)/);
	assert.equal((await lab.rest.get('/devices')).items.length, 0);
});
