// Delegated management: tokens, receipts, DAP blocks and ciphered load files, with keys that are stored over REST.
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import fs from 'node:fs/promises';
import path from 'node:path';
import { labTest } from './lab.mjs';
import { appletAid, factoryKey, packageAid, putKeys, readCard, succeeded, trace, uploadCap } from './secure_element.mjs';

const hexOf = (key, options) => key.export(options).toString('hex').toUpperCase();

function rsaKey(modulusLength) {
	const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength });
	return { privateKeyHex: hexOf(privateKey, { type: 'pkcs8', format: 'der' }), publicKeyHex: hexOf(publicKey, { type: 'spki', format: 'der' }) };
}

labTest('keys of tokens, receipts, DAP blocks and load files go in and never come out', {}, async (lab) => {
	await lab.device('d');
	const { privateKeyHex, publicKeyHex } = rsaKey(2048);
	const scalar = '11'.repeat(32);
	const generator = '046B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C2964FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5';
	const stored = [
		{ kind: 'token', version: 0x70, algorithm: 'aes', keyHex: factoryKey },
		{ kind: 'token', version: 0x6f, algorithm: 'rsa', privateKeyHex },
		{ kind: 'receipt', version: 0x71, algorithm: 'rsa', publicKeyHex },
		{ kind: 'receipt', version: 0x72, algorithm: 'ec', curve: 'P-256', publicKeyHex: generator },
		{ kind: 'dap', version: 0x73, aidHex: 'A000000151000001', algorithm: 'ec', curve: 'secp256r1', privateKeyHex: scalar },
		{ kind: 'load-file-cipher', version: 0x75, algorithm: 'des', keyHex: factoryKey },
	];
	for (const one of stored)
		await lab.rest.put('/devices/d/keysets', one);
	const { items } = await lab.rest.get('/devices/d/keysets');
	assert.equal(items.length, stored.length);
	const text = JSON.stringify(items).toUpperCase();
	for (const secret of [factoryKey, privateKeyHex, scalar])
		assert.ok(!text.includes(secret));
	assert.deepEqual(items.find(({ version }) => version === 0x70).checkValues, { algorithm: 'aes', key: '504A77' });
	await lab.rest.call('DELETE', '/devices/d/keysets?kind=load-file-cipher&version=117');
	assert.equal((await lab.rest.get('/devices/d/keysets')).items.length, stored.length - 1);

	const refused = [
		[{ algorithm: 'dsa' }, /algorithm/], [{ algorithm: 'aes', keyHex: '00' }, /keyHex/], [{ algorithm: 'aes' }, /keyHex/],
		[{ algorithm: 'des', keyHex: '00'.repeat(24) }, /keyHex/], [{ algorithm: 'rsa', privateKeyHex: publicKeyHex }, /privateKeyHex/],
		[{ algorithm: 'ec', privateKeyHex: scalar }, /curve/], [{ algorithm: 'ec', curve: 'P-256', privateKeyHex: '00'.repeat(32) }, /privateKeyHex/],
		[{ kind: 'receipt', algorithm: 'ec', curve: 'P-256', publicKeyHex: scalar }, /publicKeyHex/],
		[{ kind: 'receipt', algorithm: 'rsa', publicKeyHex: privateKeyHex }, /publicKeyHex/],
		[{ kind: 'load-file-cipher', algorithm: 'rsa', privateKeyHex }, /algorithm/], [{ kind: 'stamp', algorithm: 'aes', keyHex: factoryKey }, /kind/],
		[{ algorithm: 'aes', keyHex: factoryKey, encHex: factoryKey }, /encHex/],
	];
	for (const [change, detail] of refused)
		await lab.rest.refuse('PUT', '/devices/d/keysets', { json: { kind: 'token', version: 1, ...change } }, { status: 400, code: 'malformed', detail });
});

const delegate = 'A000000151DE01', verifier = 'A000000151DA01', owner = 'A000000151C101';
const symmetric = (byte) => Buffer.alloc(16, byte).toString('hex').toUpperCase();
const keyOf = (version, valueHex, aidHex = '', type = 0x88) => ({ aidHex, version, id: 1, components: [{ type, valueHex }] });

// A card with a delegate, one that mandates DAP blocks, and one that wants its load files ciphered.
async function delegatedDevice(lab, endpoint, domains, keys) {
	const file = path.join(lab.folder, `${endpoint}-profile.json`);
	await fs.writeFile(file, JSON.stringify({ domains, keys }));
	const device = await lab.device(endpoint, { 'se-profile': file });
	await putKeys(lab, endpoint);
	return device;
}

const delegatedCard = (lab, endpoint) => delegatedDevice(lab, endpoint, [{ aidHex: delegate, privilegesHex: 'A08000' }],
	[keyOf(0x70, symmetric(1)), keyOf(0x71, symmetric(2))]);

labTest('a delegate installs with tokens, and its receipts prove it', {}, async (lab) => {
	const device = await delegatedCard(lab, 'd');
	await lab.rest.put('/devices/d/keysets', { kind: 'token', version: 0x70, algorithm: 'aes', keyHex: symmetric(1) });
	await lab.rest.put('/devices/d/keysets', { kind: 'receipt', version: 0x71, algorithm: 'aes', keyHex: symmetric(2) });
	const pack = await uploadCap(lab);
	const params = { package: pack.id, securityDomainAidHex: delegate, requireReceipts: true };
	const job = succeeded(await lab.run('d', 'se.install', params));
	assert.deepEqual(job.result.receipts.map(({ of, counter, isVerified }) => [of, counter, isVerified]),
		[['load', 1, true], ['install', 2, true]]);
	assert.equal((await readCard(device)).objects[appletAid].kind, 'application');
	const again = succeeded(await lab.run('d', 'se.install', params));
	assert.equal(again.result.alreadyInstalled, true);
	assert.deepEqual(again.result.receipts, []);

	// the operator of another card has its counter, the server remembers this one's over a restart
	await lab.server.restart();
	const deleted = succeeded(await lab.run('d', 'se.delete', { aidHex: packageAid, related: true, securityDomainAidHex: delegate }));
	assert.deepEqual(deleted.result.receipts.map(({ of, counter }) => [of, counter]), [['change', 3]]);
	const shown = JSON.stringify([lab.logs(), await lab.rest.get('/jobs'), await trace(lab, deleted)]).toUpperCase();
	for (const secret of [symmetric(1), symmetric(2)])
		assert.ok(!shown.includes(secret), 'keys are shown to nobody');
});

labTest('a delegate with wrong keys changes nothing, or proves nothing', {}, async (lab) => {
	const device = await delegatedCard(lab, 'd');
	const pack = await uploadCap(lab);
	const params = { package: pack.id, securityDomainAidHex: delegate };
	const without = await lab.run('d', 'se.install', params);
	assert.equal(without.state, 'failed');
	assert.match(without.result.tokenInputHex, /^0200/);
	await lab.rest.put('/devices/d/keysets', { kind: 'token', version: 0x70, algorithm: 'aes', keyHex: symmetric(3) });
	const refused = await lab.run('d', 'se.install', params);
	assert.equal(refused.state, 'failed');
	assert.match(refused.error.reason, /6982/);
	assert.equal((await readCard(device)).objects[packageAid], null);
	await lab.rest.put('/devices/d/keysets', { kind: 'token', version: 0x70, algorithm: 'aes', keyHex: symmetric(1) });
	await lab.rest.put('/devices/d/keysets', { kind: 'receipt', version: 0x71, algorithm: 'aes', keyHex: symmetric(3) });
	const unproven = await lab.run('d', 'se.install', params);
	assert.equal(unproven.state, 'failed');
	assert.match(unproven.error.reason, /receipt .* does not verify; the change itself is on the card/);
	assert.equal((await readCard(device)).objects[appletAid].kind, 'application');
});

labTest('load files are signed and ciphered for the security domains that ask for it', {}, async (lab) => {
	const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
	const jwk = publicKey.export({ format: 'jwk' });
	const part = (member) => Buffer.from(jwk[member], 'base64url').toString('hex');
	const rsa = { aidHex: verifier, version: 0x73, id: 1, components: [{ type: 0xa1, valueHex: part('n') }, { type: 0xa0, valueHex: part('e') }] };
	const device = await delegatedDevice(lab, 'd', [{ aidHex: verifier, privilegesHex: 'C18000' }, { aidHex: owner, privilegesHex: '80C040' }],
		[rsa, keyOf(0x75, symmetric(4), owner)]);
	const pack = await uploadCap(lab);
	const refused = await lab.run('d', 'se.install', { package: pack.id });
	assert.equal(refused.state, 'failed');
	assert.match(refused.error.reason, /6985/);
	await lab.rest.put('/devices/d/keysets', { kind: 'dap', aidHex: verifier, version: 0x73, algorithm: 'rsa',
		privateKeyHex: hexOf(privateKey, { type: 'pkcs8', format: 'der' }) });
	await lab.rest.put('/devices/d/keysets', { kind: 'load-file-cipher', aidHex: owner, version: 0x75, algorithm: 'aes', keyHex: symmetric(4) });
	succeeded(await lab.run('d', 'se.install', { package: pack.id, dapDomainsHex: [verifier], loadIntoAidHex: owner }));
	assert.equal((await readCard(device)).objects[appletAid].kind, 'application');
});
