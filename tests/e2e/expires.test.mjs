// A device that is silent for its lifetime, and for as long as an update just in time may need, is gone.
import assert from 'node:assert/strict';
import { labTest } from './lab.mjs';

labTest('a registration expires, and one with updates does not', {}, async (lab) => {
	const events = await lab.rest.events();
	const silent = await lab.device('silent', { lifetime: 2 });
	await lab.device('talking', { lifetime: 2 });
	await silent.kill();
	await events.find('device.expired', (data) => data.endpoint === 'silent');
	await lab.rest.refuse('GET', '/devices/silent', {}, { status: 404, code: 'not-found', detail: /silent/ });
	assert.equal((await lab.rest.get('/devices/talking')).endpoint, 'talking');
	events.close();
});
