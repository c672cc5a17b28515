// Delegated management: tokens, receipts, DAP blocks and ciphered load files, with keys that are stored over REST.
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { labTest } from './lab.mjs';
import { factoryKey } from './secure_element.mjs';

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
