// Lists come in pages that together are the whole list.
import assert from 'node:assert/strict';
import { labTest } from './lab.mjs';
import { putKeys, succeeded, trace, uploadCap } from './secure_element.mjs';

async function pagesOf(lab, path, limit) {
	const pages = [];
	for (let cursor = null; ;) {
		const page = await lab.rest.get(`${path}${path.includes('?') ? '&' : '?'}limit=${limit}${cursor === null ? '' : `&cursor=${encodeURIComponent(cursor)}`}`);
		assert.ok(page.items.length <= limit);
		pages.push(page.items);
		if (page.next === null)
			return pages;
		cursor = page.next;
	}
}

labTest('devices, in the order of their names', {}, async (lab) => {
	const fleet = lab.start('fleet', process.env.CARDEA_DEVICE, [`--server=${lab.server.coap}`, '--endpoint=urn:d/%&=?', '--fleet=25', '--se-count=0']);
	const events = await lab.rest.events('1');
	for (let i = 1; i <= 25; i++)
		await fleet.line(new RegExp(`^registered endpoint=urn:d/%&=\\?-0000${String(i).padStart(2, '0')} `));
	const names = (await lab.rest.all('/devices', 7)).map((device) => device.endpoint);
	assert.equal(names.length, 25);
	assert.deepEqual(names, [...names].sort());
	assert.deepEqual((await pagesOf(lab, '/devices', 7)).map((page) => page.length), [7, 7, 7, 4]);
	const one = await lab.rest.get(`/devices/${encodeURIComponent(names[3])}`);
	assert.equal(one.endpoint, names[3], 'a name with any characters is found');
	assert.equal((await lab.rest.get(`/devices/${encodeURIComponent(names[3])}/lwm2m/3/0/2`)).resources[0].value, names[3]);
	events.close();
});

labTest('jobs, the newest first, also filtered', {}, async (lab) => {
	for (const endpoint of ['a', 'b'])
		await putKeys(lab, endpoint);
	const ids = [];
	for (let i = 0; i < 11; i++)
		ids.unshift((await lab.rest.post(`/devices/${i % 2 ? 'a' : 'b'}/operations`, { operation: 'se.audit', params: {} })).id);
	for (const limit of [1, 3, 11, 12])
		assert.deepEqual((await pagesOf(lab, '/jobs', limit)).flat().map((job) => job.id), ids);
	assert.equal((await pagesOf(lab, '/jobs?endpoint=a', 2)).flat().length, 5);
	assert.equal((await lab.rest.all('/jobs?state=queued')).length, 11);
	assert.equal((await lab.rest.all('/jobs?state=failed')).length, 0);
	await lab.rest.delete(`/jobs/${ids[4]}`);
	await lab.end(ids[4]);
	assert.deepEqual((await lab.rest.all('/jobs?state=cancelled')).map((job) => job.id), [ids[4]]);
});

labTest('packages, the newest first', {}, async (lab) => {
	const ids = [];
	for (let i = 0; i < 5; i++)
		ids.unshift((await uploadCap(lab, { size: 100 + i })).id);
	assert.deepEqual((await pagesOf(lab, '/packages', 2)).flat().map((one) => one.id), ids);
	assert.equal((await lab.rest.all('/packages?kind=se-load-file')).length, 5);
	assert.equal((await lab.rest.all('/packages?kind=firmware')).length, 0);
	await lab.rest.delete(`/packages/${ids[2]}`);
	assert.equal((await lab.rest.all('/packages')).length, 4);
});

labTest('a trace, from its beginning', {}, async (lab) => {
	await lab.device('d');
	await putKeys(lab, 'd');
	const job = succeeded(await lab.run('d', 'se.audit'));
	const whole = await trace(lab, job);
	assert.ok(whole.length > 10);
	const numbers = whole.map((line) => line.number);
	assert.deepEqual(numbers, [...numbers].sort((a, b) => a - b));
	assert.deepEqual((await pagesOf(lab, `/jobs/${job.id}/trace`, 4)).flat(), whole);
});
