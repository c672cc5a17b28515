// The same order with the same Idempotency-Key is one job, however often it is sent.
import assert from 'node:assert/strict';
import { labTest } from './lab.mjs';
import { putKeys } from './secure_element.mjs';

const order = (lab, key, params = {}, operation = 'se.audit') => lab.rest.request('POST', '/devices/absent/operations',
	{ json: { operation, params }, headers: key === undefined ? {} : { 'Idempotency-Key': key } });

labTest('one key, one job', {}, async (lab) => {
	await putKeys(lab, 'absent');
	const answers = await Promise.all(Array.from({ length: 8 }, () => order(lab, 'key-1')));
	const ids = new Set(answers.map((answer) => {
		assert.equal(answer.status, 202, answer.text);
		return answer.json.id;
	}));
	assert.equal(ids.size, 1);
	assert.equal((await order(lab, 'key-1')).json.id, [...ids][0]);
	assert.notEqual((await order(lab, 'key-2')).json.id, [...ids][0]);
	assert.notEqual((await order(lab)).json.id, (await order(lab)).json.id);
	assert.equal((await lab.rest.get('/jobs')).items.length, 4);
});

labTest('still after a restart', {}, async (lab) => {
	await putKeys(lab, 'absent');
	const { id } = (await order(lab, 'key-1')).json;
	await lab.server.kill();
	await lab.server.start();
	assert.equal((await order(lab, 'key-1')).json.id, id);
	assert.equal((await lab.rest.get('/jobs')).items.length, 1);
});

labTest('another order with a used key is refused', {}, async (lab) => {
	await putKeys(lab, 'absent');
	await order(lab, 'key-1');
	for (const [params, operation] of [[{ se: 1 }, 'se.audit'], [{ aidHex: 'A000000999' }, 'se.delete']]) {
		const answer = await order(lab, 'key-1', params, operation);
		assert.deepEqual([answer.status, answer.json.code], [409, 'conflict'], answer.text);
		assert.match(answer.json.detail, /Idempotency-Key/i);
	}
	assert.equal((await lab.rest.get('/jobs')).items.length, 1);
});

labTest('the order of the parameters does not matter', {}, async (lab) => {
	await putKeys(lab, 'absent');
	const first = await order(lab, 'key-1', { se: 1, securityLevel: 'auto' });
	const second = await order(lab, 'key-1', { securityLevel: 'auto', se: 1 });
	assert.equal(first.json.id, second.json.id);
});

labTest('a key of another caller is another key', {}, async (lab) => {
	await putKeys(lab, 'absent');
	const mine = await order(lab, 'key-1');
	const other = await lab.rest.post('/tokens', { name: 'other', scope: 'write' });
	const theirs = await lab.rest.request('POST', '/devices/absent/operations',
		{ token: other.token, json: { operation: 'se.audit', params: {} }, headers: { 'Idempotency-Key': 'key-1' } });
	assert.equal(theirs.status, 202);
	assert.notEqual(theirs.json.id, mine.json.id);
});

labTest('a key that is too long is refused', {}, async (lab) => {
	await putKeys(lab, 'absent');
	const answer = await order(lab, 'k'.repeat(256));
	assert.deepEqual([answer.status, answer.json.code], [400, 'malformed']);
	assert.match(answer.json.detail, /Idempotency-Key/);
});
