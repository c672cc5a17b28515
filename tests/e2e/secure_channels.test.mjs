// An application is installed over each secure channel protocol; which one is used follows from keys and card.
import assert from 'node:assert/strict';
import fs from 'node:fs/promises';
import path from 'node:path';
import { labTest } from './lab.mjs';
import { appletAid, factoryKey, packageAid, putKeys, readCard, succeeded, uploadCap } from './secure_element.mjs';

const keys = (kind) => ({ kind, version: 0x30, encHex: factoryKey, macHex: factoryKey, dekHex: factoryKey });

async function install(lab, device, params = {}) {
	const pack = await uploadCap(lab);
	return lab.run(device.endpoint, 'se.install', { package: pack.id, ...params });
}

async function installed(lab, device, expected, params = {}) {
	const job = succeeded(await install(lab, device, params));
	for (const [name, value] of Object.entries(expected))
		assert.equal(job.result[name], value, name);
	const card = await readCard(device, [packageAid, appletAid]);
	assert.equal(card.objects[appletAid].kind, 'application');
}

// The device writes what its operator needs to know of the card.
async function scp11Device(lab, endpoint, list) {
	const file = path.join(lab.folder, `${endpoint}.json`);
	const device = await lab.device(endpoint, { 'se-scp11': list, 'se-scp11-keyset': file });
	return { device, keyset: JSON.parse(await fs.readFile(file, 'utf8')) };
}

for (const [i, level] of [['15', 'c-mac+c-dec'], ['55', 'c-mac+c-dec'], ['15', 'c-mac'], ['75', 'c-mac+c-dec+r-mac'],
	['35', 'c-mac+r-mac'], ['04', 'c-mac+c-dec'], ['27', 'c-mac+c-dec+r-mac']])
	labTest(`SCP02 with i=${i} at ${level}`, {}, async (lab) => {
		const device = await lab.device('d', { 'se-scp02': i });
		await lab.rest.put('/devices/d/keysets', keys('scp02'));
		await installed(lab, device, { protocol: 'scp02', securityLevel: level, keyVersion: 0x30 }, { securityLevel: level });
	});

for (const [i, what] of [['60', 'S8, random challenge'], ['70', 'S8, pseudo-random challenge'], ['61', 'S16, random challenge'],
	['71', 'S16, pseudo-random challenge']])
	labTest(`SCP03 with ${what}`, {}, async (lab) => {
		const device = await lab.device('d', { 'se-scp03': i });
		await putKeys(lab, 'd');
		await installed(lab, device, { protocol: 'scp03', securityLevel: 'full' });
	});

for (const [list, protocol] of [['11a', 'scp11a'], ['11a,s16:brainpoolP256r1', 'scp11a'], ['11c', 'scp11c'], ['11c:secp384r1', 'scp11c'],
	['11a,11b,11c:secp521r1', 'scp11a']])
	labTest(`SCP11 of a card with ${list}`, {}, async (lab) => {
		const { device, keyset } = await scp11Device(lab, 'd', list);
		await lab.rest.put('/devices/d/keysets', keyset);
		await installed(lab, device, { protocol, securityLevel: 'full', keyVersion: 3 });
		const [stored] = (await lab.rest.get('/devices/d/keysets')).items;
		assert.equal(stored.checkValues.curve, keyset.curve);
		const shown = JSON.stringify([stored, lab.logs(), await lab.rest.get('/jobs')]).toUpperCase();
		assert.ok(!shown.includes(keyset.privateKeyHex), 'the private key is shown to nobody');
	});

for (const list of ['11a', '11c'])
	labTest(`SCP11 of a card with ${list}, both sides named in the key derivation`, {}, async (lab) => {
		const { device, keyset } = await scp11Device(lab, 'd', list);
		await lab.rest.put('/devices/d/keysets', { ...keyset, hostIdHex: '436172646561' });
		await installed(lab, device, { protocol: `scp${list}`, securityLevel: 'full' });
	});

labTest('SCP11b proves the card and gives no right to change it', {}, async (lab) => {
	const { device, keyset } = await scp11Device(lab, 'd', '11b');
	await lab.rest.put('/devices/d/keysets', keyset);
	const job = await install(lab, device);
	assert.equal(job.state, 'failed');
	assert.match(job.error.reason, /6982/);
});

labTest('the card decides where several key sets are stored', {}, async (lab) => {
	const { device, keyset } = await scp11Device(lab, 'd', '11a,11c');
	for (const one of [keys('scp02'), keys('scp03'), keyset])
		await lab.rest.put('/devices/d/keysets', one);
	await installed(lab, device, { protocol: 'scp11a' });
	for (const protocol of ['scp03', 'scp11c']) {
		const job = succeeded(await install(lab, device, { protocol }));
		assert.equal(job.result.protocol, protocol);
		assert.equal(job.result.alreadyInstalled, true);
	}
	const refused = await install(lab, device, { protocol: 'scp02' });
	assert.equal(refused.state, 'failed');
	assert.match(refused.error.reason, /SCP03 .* not SCP02/);
});

labTest('a card whose certificate another authority signed is not spoken to', {}, async (lab) => {
	const { device, keyset } = await scp11Device(lab, 'd', '11a');
	const generator = '046B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C2964FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5';
	await lab.rest.put('/devices/d/keysets', { ...keyset, cardAuthorityPublicKeyHex: generator });
	const job = await install(lab, device);
	assert.equal(job.state, 'failed');
	assert.match(job.error.reason, /signature/);
});

labTest('key sets of SCP11 are checked member by member', {}, async (lab) => {
	const { keyset } = await scp11Device(lab, 'd', '11a');
	const wrong = [
		[{ curve: 'secp256k1' }, /curve/], [{ variants: [] }, /variants/], [{ variants: ['11d'] }, /variants\[0\]/],
		[{ privateKeyHex: '00'.repeat(32) }, /privateKeyHex/], [{ privateKeyHex: undefined }, /privateKeyHex/],
		[{ certificatesHex: ['00'] }, /certificatesHex\[0\]/], [{ certificatesHex: [] }, /certificatesHex/],
		[{ cardAuthorityPublicKeyHex: `04${'00'.repeat(64)}` }, /cardAuthorityPublicKeyHex/], [{ sessionKeyBytes: 17 }, /sessionKeyBytes/], [{ hostIdHex: '00'.repeat(17) }, /hostIdHex/], [{ hostIdHex: '' }, /hostIdHex/],
		[{ authorityKeyId: 128 }, /authorityKeyId/], [{ encHex: factoryKey }, /encHex/],
	];
	for (const [change, detail] of wrong)
		await lab.rest.refuse('PUT', '/devices/d/keysets', { json: { ...keyset, ...change } }, { status: 400, code: 'malformed', detail });
	await lab.rest.refuse('PUT', '/devices/d/keysets', { json: { ...keys('scp02'), encHex: '00'.repeat(24), macHex: '00'.repeat(24), dekHex: '00'.repeat(24) } },
		{ status: 400, code: 'malformed', detail: /16 bytes/ });
	assert.deepEqual((await lab.rest.get('/devices/d/keysets')).items, []);
});
