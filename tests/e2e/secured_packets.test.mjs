// SCP80: packets to the applications of a UICC, and its files. What is counted is never counted twice, whoever dies.
import assert from 'node:assert/strict';
import fs from 'node:fs/promises';
import path from 'node:path';
import { labTest } from './lab.mjs';
import { appletAid, packageAid, readCard, succeeded, trace, uploadCap } from './secure_element.mjs';

const kicHex = '101112131415161718191A1B1C1D1E1F', kidHex = '202122232425262728292A2B2C2D2E2F';
const usim = 'A0000000871002';
const keyset = { kind: 'scp80', version: 1, kicHex, kidHex };

async function uicc(lab, endpoint, more = {}) {
	const file = path.join(lab.folder, `${endpoint}-profile.json`);
	const keys = [[1, kicHex], [2, kidHex], [3, kicHex]].map(([id, valueHex]) => ({ aidHex: '', version: 1, id, components: [{ type: 0x88, valueHex }] }));
	await fs.writeFile(file, JSON.stringify({ domains: [], keys, uicc: true, minimumSecurity: 0x16, ...more }));
	const device = await lab.device(endpoint, { 'se-profile': file });
	await lab.rest.put(`/devices/${endpoint}/keysets`, keyset);
	return device;
}

// Number to the packets that had it.
function packets(lines) {
	const all = new Map();
	for (const line of lines.filter(({ layer, direction }) => layer === 'scp80' && direction === 'command')) {
		const number = Number(/^packet (\d+) /.exec(line.text)[1]);
		all.set(number, [...(all.get(number) ?? []), line.rawHex]);
	}
	return all;
}

const update = (dataHex) => ({ tarHex: 'B00010', aidHex: usim, acts: [{ act: 'update', path: '7FFF/6F46', dataHex }] });

labTest('files are read, changed and made by packets, and read back', {}, async (lab) => {
	await uicc(lab, 'd');
	const job = succeeded(await lab.run('d', 'se.files', { tarHex: 'B00120', aidHex: usim, acts: [
		{ act: 'read', path: '3F00/2FE2' }, { act: 'update', path: '7FFF/6F46', offset: 1, dataHex: '4F70' },
		{ act: 'create', path: '3F00/7F20/6FAA', structure: 'cyclic', sizeBytes: 20, recordBytes: 5 },
		{ act: 'update', path: '3F00/7F20/6FAA', dataHex: '0102030405' }] }));
	assert.equal(job.result.protocol, 'scp80');
	assert.deepEqual(job.result.files.map(({ contentHex }) => contentHex),
		['989442000000000000F1', '4F70', undefined, `0102030405${'FF'.repeat(15)}`]);
	assert.equal(job.result.files[1].beforeHex, '4361');
	const lines = await trace(lab, job);
	assert.equal(packets(lines).size, job.result.counter);
	const receipt = lines.find(({ layer, direction }) => layer === 'scp80' && direction === 'answer');
	assert.equal(receipt.text, 'done');
	assert.ok(lines.some(({ layer, text }) => layer === 'apdu' && text.startsWith('ENVELOPE')));
	const { items } = await lab.rest.get(`/jobs/${job.id}/trace?explain=true&limit=1000`);
	assert.match(items.find(({ layer }) => layer === 'scp80').explained, /TAR {2}B00120 remote file management, expanded scripts/);
	const shown = JSON.stringify([lines, await lab.rest.get('/jobs'), await lab.rest.get('/devices/d/keysets'), lab.logs()]).toUpperCase();
	for (const secret of [kicHex, kidHex])
		assert.ok(!shown.includes(secret), 'keys are shown to nobody');

	const plain = succeeded(await lab.run('d', 'se.files', { protocol: 'none', acts: [{ act: 'read', path: '3F00/2FE2' }] }));
	assert.equal(plain.result.files[0].contentHex, '989442000000000000F1');
});

labTest('an application is installed by packets', {}, async (lab) => {
	const device = await uicc(lab, 'd');
	const pack = await uploadCap(lab);
	const job = succeeded(await lab.run('d', 'se.install', { package: pack.id, scriptFormat: 'expanded' }));
	assert.equal(job.result.protocol, 'scp80');
	assert.equal((await readCard(device, [packageAid, appletAid])).objects[appletAid].kind, 'application');
});

labTest('what the card refuses is told in words', {}, async (lab) => {
	await uicc(lab, 'd');
	const refused = async (params, code, reason) => {
		const job = await lab.run('d', 'se.files', params);
		assert.equal(job.state, 'failed');
		assert.equal(job.error.code, code);
		assert.match(job.error.reason, reason);
	};
	await refused({ ...update('00'), tarHex: 'B0FFFF' }, 'not-found', /09, no such application/);
	await refused({ ...update('00'), securityLevel: 'c-mac' }, 'denied', /0A, more security/);
	await lab.rest.put('/devices/d/keysets', { ...keyset, kidHex: kicHex });
	await refused(update('00'), 'denied', /does not verify/);
});

labTest('no number is used for two packets, whoever is killed', {}, async (lab) => {
	const device = await uicc(lab, 'd');
	const all = new Map();
	let last = 0;
	for (let round = 0; round < 12; round++) {
		const events = await lab.rest.events();
		const { id } = await lab.rest.post('/devices/d/operations', { operation: 'se.files', params: update(`00${'414243'.repeat(2)}0${round % 10}`) });
		let seen = 0;
		await events.find('job.updated', (data) => data.id === id && (++seen > round || ['succeeded', 'failed', 'unknown'].includes(data.state)));
		events.close();
		const victim = round % 2 === 0 ? lab.server : device;
		await victim.kill();
		await victim.start();
		const job = succeeded(await lab.end(id));
		const numbers = packets(await trace(lab, job));
		for (const [number, bytes] of numbers) {
			assert.ok(number > last, `packet ${number} of round ${round} comes after ${last}`);
			all.set(number, bytes);
			assert.equal(new Set(bytes).size, 1, `packet ${number} is one packet`);
		}
		last = Math.max(last, ...numbers.keys());
		assert.equal(job.result.counter, last);
	}
	assert.ok(all.size >= 24);
});
