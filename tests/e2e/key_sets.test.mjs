// Keys of secure elements: masters of whole fleets, keys that come wrapped, keys that stay in a token; and that nobody is
// shown any of them.
import { execFileSync } from 'node:child_process';
import { createCipheriv, createHash, randomBytes } from 'node:crypto';
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { inLab, labTest } from './lab.mjs';
import { audit, factoryKey, putKeys, succeeded } from './secure_element.mjs';

// ---- what is known of keys, without the server's code ----

const cipher = (name, key, data, iv = null) => {
	const one = createCipheriv(name, key, iv);
	one.setAutoPadding(false);
	return Buffer.concat([one.update(data), one.final()]);
};
const aes = (key, block) => cipher(`aes-${key.length * 8}-ecb`, key, block);
const des3 = (key, data) => cipher('des-ede-ecb', key, data);

function shift(block) {
	const number = BigInt(`0x${block.toString('hex')}`) << 1n;
	const left = Buffer.from((number & ((1n << 128n) - 1n)).toString(16).padStart(32, '0'), 'hex');
	if (number >> 128n)
		left[15] ^= 0x87;
	return left;
}

// NIST SP 800-38B
function cmac(key, data) {
	const k1 = shift(aes(key, Buffer.alloc(16))), k2 = shift(k1);
	const isWhole = data.length > 0 && data.length % 16 === 0;
	const padded = isWhole ? Buffer.from(data) : Buffer.concat([data, Buffer.from([0x80]), Buffer.alloc(15 - data.length % 16)]);
	const subkey = isWhole ? k1 : k2;
	for (let i = 0; i < 16; i++)
		padded[padded.length - 16 + i] ^= subkey[i];
	return cipher(`aes-${key.length * 8}-cbc`, key, padded, Buffer.alloc(16)).subarray(-16);
}

// What cards of the reference device say in INITIALIZE UPDATE.
const kddOf = (endpoint) => createHash('sha256').update(`${endpoint}/0`).digest().subarray(0, 10);
const derive = {
	none: (master) => master,
	emv: (master, kdd, k) => desBlock(master, kdd, [4, 5, 6, 7, 8, 9], k),
	visa2: (master, kdd, k) => desBlock(master, kdd, [0, 1, 4, 5, 6, 7], k),
	visa: (master, kdd, k) => desBlock(master, kdd, [0, 1, 2, 3, 8, 9], k),
	kdf3: (master, kdd, k) => Buffer.concat([1, 2].map((i) => cmac(master, Buffer.concat([Buffer.from([i, 0, 0, 0, k, 0]), kdd]))))
		.subarray(0, master.length),
};

function desBlock(master, kdd, from, k) {
	const half = from.map((i) => kdd[i]);
	return des3(master, Buffer.from([...half, 0xF0, k, ...half, 0x0F, k]));
}

const keysOfCard = (endpoint, scheme, master) => [1, 2, 3].map((k) => derive[scheme](master, kddOf(endpoint), k));
const cardKeys = (...from) => keysOfCard(...from).map((key) => key.toString('hex')).join('');
const checkValue = (key) => aes(key, Buffer.alloc(16, 1)).subarray(0, 3).toString('hex').toUpperCase();
const wrap = (under, key) => cipher(`aes${under.length * 8}-wrap`, under, key, Buffer.alloc(8, 0xA6)).toString('hex');

function threeTimes(member, value) {
	return Object.fromEntries(['enc', 'mac', 'dek'].map((role) => [role + member, value]));
}

// ---- fleets ----

for (const [kind, options] of [['scp02', { 'se-scp02': '55' }], ['scp03', { 'se-scp03': '70' }], ['scp03', { 'se-scp03': '61' }]])
	for (const scheme of Object.keys(derive))
		labTest(`one master opens the ${kind} of a card whose keys are derived by ${scheme} (${Object.values(options)})`, {}, async (lab) => {
			const master = randomBytes(16);
			await lab.rest.put('/keysets', { devices: 'urn:card:*', kind, version: 0x30, diversification: scheme,
				...threeTimes('Hex', master.toString('hex')) });
			await lab.device('urn:card:1', { ...options, 'se-key': cardKeys('urn:card:1', scheme, master) });
			await audit(lab, 'urn:card:1');
		});

labTest('a device without keys of its own has those of its closest fleet', {}, async (lab) => {
	const put = (devices, fill) => lab.rest.put('/keysets', { devices, kind: 'scp03', version: 0x30, ...threeTimes('Hex', fill.repeat(16)) });
	await put('*', 'aa');
	await put('urn:*', 'bb');
	await put('urn:a:1', 'cc');
	await lab.device('urn:a:1', { 'se-key': 'cc'.repeat(16) });
	await lab.device('urn:b', { 'se-key': 'bb'.repeat(16) });
	await lab.device('other', { 'se-key': 'aa'.repeat(16) });
	for (const endpoint of ['urn:a:1', 'urn:b', 'other'])
		await audit(lab, endpoint);

	const listed = (await lab.rest.get('/devices/urn%3Aa%3A1/keysets')).items;
	assert.deepEqual(listed.map((one) => one.devices), ['urn:a:1', 'urn:*', '*']);
	await putKeys(lab, 'urn:b', { enc: 'dd'.repeat(16) });
	const wrong = await lab.run('urn:b', 'se.audit');
	assert.equal(wrong.error.code, 'denied', 'its own keys come first');
	await lab.rest.request('DELETE', '/devices/urn%3Ab/keysets?kind=scp03&version=48');
	await audit(lab, 'urn:b');

	assert.equal((await lab.rest.get('/keysets')).items.length, 3);
	assert.equal((await lab.rest.request('DELETE', '/keysets?devices=*&kind=scp03&version=48')).status, 204);
	assert.equal((await lab.rest.request('DELETE', '/keysets?devices=*&kind=scp03&version=48')).status, 404);
	assert.equal((await lab.run('other', 'se.audit')).error.code, 'not-found');
});

labTest('a new master takes over card by card', {}, async (lab) => {
	const [first, second] = [randomBytes(16), randomBytes(32)];
	const put = (version, diversification, master) => lab.rest.put('/keysets', { devices: '*', kind: 'scp03', version, diversification,
		...threeTimes('Hex', master.toString('hex')) });
	await put(0x30, 'emv', first);
	await put(0x31, 'kdf3', second);
	await lab.device('d', { 'se-key': cardKeys('d', 'emv', first) });
	succeeded(await lab.run('d', 'se.put-keys', { newKeyVersion: 0x31, keyVersion: 0x30 }));
	await audit(lab, 'd', { keyVersion: 0x31 });
});

// ---- refusals, and wrapped keys ----

async function refused(lab, where, body, member) {
	const answer = await lab.rest.request('PUT', where, { json: body });
	assert.equal(answer.status >= 400 && answer.status < 500, true, `${member}: ${answer.status}`);
	assert.ok(answer.json.detail.startsWith(`${member}:`), answer.json.detail);
}

labTest('what is wrong with a key set is named', {}, async (lab) => {
	const good = { kind: 'scp03', version: 0x30, ...threeTimes('Hex', factoryKey) };
	const where = '/devices/d/keysets';
	await refused(lab, where, { ...good, devices: '*' }, 'devices');
	await refused(lab, '/keysets', good, 'devices');
	await refused(lab, '/keysets', { ...good, devices: 'a*b' }, 'devices');
	await refused(lab, where, { ...good, diversification: 'kdf4' }, 'diversification');
	await refused(lab, where, { ...good, encHex: factoryKey.slice(2) }, 'encHex');
	await refused(lab, where, { ...good, kind: 'scp02', macHex: factoryKey + factoryKey }, 'macHex');
	await refused(lab, where, { ...good, macWrappedHex: factoryKey }, 'macHex');
	await refused(lab, where, { ...good, dekHex: undefined, dekLabel: 'x' }, 'dekLabel');
	await refused(lab, where, { ...good, checkValues: { mac: '000000' } }, 'checkValues.mac');
	await refused(lab, where, { ...good, checkValues: { enc: 17 } }, 'checkValues.enc');
	await lab.rest.put(where, { ...good, checkValues: { enc: '504a77' } });
	await refused(lab, '/transport-keys', { name: 't', keyHex: factoryKey.slice(4) }, 'keyHex');
	await refused(lab, '/transport-keys', { name: 't', keyHex: factoryKey, checkValue: '000000' }, 'checkValue');
	await refused(lab, '/transport-keys', { name: 't', label: 'x' }, 'label');
});

labTest('keys come wrapped under a transport key', {}, async (lab) => {
	const under = randomBytes(32), key = Buffer.from(factoryKey, 'hex');
	await lab.rest.put('/transport-keys', { name: 'maker', keyHex: under.toString('hex'), checkValue: checkValue(under) });
	assert.deepEqual((await lab.rest.get('/transport-keys')).items.map((one) => [one.name, one.checkValue]), [['maker', checkValue(under)]]);
	const good = { kind: 'scp03', version: 0x30, transportKey: 'maker', ...threeTimes('WrappedHex', wrap(under, key)),
		checkValues: threeTimes('', checkValue(key)) };
	const where = '/devices/d/keysets';
	await refused(lab, where, { ...good, transportKey: 'nobody' }, 'transportKey');
	await refused(lab, where, { ...good, transportKey: undefined }, 'transportKey');
	await refused(lab, where, { ...good, macWrappedHex: wrap(randomBytes(32), key) }, 'macWrappedHex');
	await refused(lab, where, { ...good, dekWrappedHex: wrap(under, randomBytes(40)) }, 'dekWrappedHex');
	await refused(lab, where, { ...good, checkValues: undefined }, 'checkValues.enc');
	await refused(lab, where, { ...good, checkValues: { ...good.checkValues, dek: '112233' } }, 'checkValues.dek');
	assert.equal((await lab.rest.get(where)).items.length, 0);
	await lab.rest.put(where, good);
	await lab.device('d');
	await audit(lab, 'd');
	assert.equal((await lab.rest.request('DELETE', '/transport-keys?name=maker')).status, 204);
	await audit(lab, 'd');
});

// ---- keys of other kinds get to the card ----

labTest('the authority of our certificates and a key for receipts get to the card', {}, async (lab) => {
	const file = path.join(lab.folder, 'scp11.json');
	await lab.device('d', { 'se-scp11': '11a,11c', 'se-scp11-keyset': file });
	const set = { ...JSON.parse(fs.readFileSync(file, 'utf8')), version: 7, authorityKeyVersion: 9, authorityKeyId: 0x22 };
	set.authorityPublicKeyHex = set.cardAuthorityPublicKeyHex;
	const where = '/devices/d/keysets';
	await refused(lab, where, { ...set, authorityPublicKeyHex: factoryKey }, 'authorityPublicKeyHex');
	await refused(lab, where, { ...set, cardPrivateKeyHex: set.privateKeyHex }, 'cardPrivateKeyHex, cardCertificatesHex');
	await refused(lab, where, { ...set, cardPrivateKeyHex: factoryKey, cardCertificatesHex: set.certificatesHex }, 'cardPrivateKeyHex');
	await putKeys(lab, 'd');
	await lab.rest.put(where, set);
	await lab.rest.put(where, { kind: 'receipt', version: 0x71, algorithm: 'aes', keyHex: factoryKey });
	const params = { keyVersion: 0x30, protocol: 'scp03' };
	succeeded(await lab.run('d', 'se.put-keys', { ...params, kind: 'scp11', newKeyVersion: 7 }));
	succeeded(await lab.run('d', 'se.put-keys', { ...params, kind: 'receipt', newKeyVersion: 0x71 }));
	const again = await lab.run('d', 'se.put-keys', { ...params, kind: 'receipt', newKeyVersion: 0x71 });
	assert.equal(again.error.code, 'conflict');
	const { keys } = await audit(lab, 'd', params);
	const versions = keys.map((key) => [key.id, key.version].join('/'));
	assert.ok(versions.includes(`${0x22}/9`) && versions.includes(`1/${0x71}`), versions.join());

	// a certificate of ours is not one of the card's key
	await lab.rest.put(where, { ...set, version: 8, cardPrivateKeyHex: set.privateKeyHex, cardCertificatesHex: set.certificatesHex });
	const unfit = await lab.run('d', 'se.put-keys', { ...params, kind: 'scp11', newKeyVersion: 8 });
	assert.equal(unfit.state, 'failed');
	assert.match(unfit.error.reason, /certificate/);
});

// ---- nobody is shown a key ----

function* filesOf(folder) {
	for (const entry of fs.readdirSync(folder, { withFileTypes: true })) {
		const file = path.join(folder, entry.name);
		if (entry.isDirectory())
			yield* filesOf(file);
		else if (entry.isFile())
			yield file;
	}
}

// As bytes, and as people and JSON write bytes.
function formsOf(key) {
	const hex = key.toString('hex');
	return [key, ...[hex, hex.toUpperCase(), key.toString('base64').replace(/=*$/, ''), key.toString('base64url')].map((text) => Buffer.from(text))];
}

async function assertHidden(lab, keys) {
	const answers = [];
	for (const where of ['/keysets', '/transport-keys', '/devices/d/keysets', '/jobs', '/devices/d', '/devices/d/secure-elements'])
		answers.push(JSON.stringify(await lab.rest.get(where)));
	for (const job of (await lab.rest.get('/jobs')).items)
		answers.push(JSON.stringify(await lab.rest.get(`/jobs/${job.id}/trace`)));
	const places = [['the answers', Buffer.from(answers.join('\n'))], ['the logs', Buffer.from(lab.logs())],
		...[...filesOf(lab.server.dataFolder)].map((file) => [file, fs.readFileSync(file)])];
	assert.ok(places.some(([place]) => /\.(db|sqlite)/.test(place)), places.map(([place]) => place).join());
	for (const [name, key] of Object.entries(keys))
		for (const form of formsOf(key))
			for (const [place, content] of places)
				assert.ok(!content.includes(form), `${name} is in ${place}`);
}

labTest('no key is in the database, in logs, traces or answers', { server: { 'log-level': 'debug' } }, async (lab) => {
	const keys = { under: randomBytes(16), wrapped: randomBytes(16), clear: randomBytes(16), master: randomBytes(16), next: randomBytes(16) };
	await lab.rest.put('/transport-keys', { name: 'maker', keyHex: keys.under.toString('hex') });
	await lab.rest.put('/devices/d/keysets', { kind: 'scp03', version: 0x40, transportKey: 'maker',
		...threeTimes('WrappedHex', wrap(keys.under, keys.wrapped)), checkValues: threeTimes('', checkValue(keys.wrapped)) });
	await lab.rest.put('/devices/d/keysets', { kind: 'scp02', version: 0x20, ...threeTimes('Hex', keys.clear.toString('hex')) });
	await lab.rest.put('/keysets', { devices: '*', kind: 'scp03', version: 0x30, diversification: 'kdf3', ...threeTimes('Hex', keys.master.toString('hex')) });
	await putKeys(lab, 'd', { version: 0x31, enc: keys.next.toString('hex') });
	await lab.device('d', { 'se-key': cardKeys('d', 'kdf3', keys.master) });
	await audit(lab, 'd', { keyVersion: 0x30 });
	for (const level of ['c-mac', 'full']) {
		succeeded(await lab.run('d', 'se.put-keys', { newKeyVersion: 0x31, keyVersion: 0x30, securityLevel: level }));
		await refused(lab, '/devices/d/keysets', { kind: 'scp03', version: 1, ...threeTimes('Hex', keys.next.toString('hex')),
			checkValues: { enc: '000000' } }, 'checkValues.enc');
	}
	[keys.cardEnc, keys.cardMac, keys.cardDek] = keysOfCard('d', 'kdf3', keys.master);
	await assertHidden(lab, keys);
	await lab.server.restart(); // what a restart writes and reads is looked at too
	await assertHidden(lab, keys);
});

// ---- in a token ----

const module_ = ['/usr/lib/softhsm/libsofthsm2.so', '/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so'].find((file) => fs.existsSync(file));
const hasTools = ['softhsm2-util', 'pkcs11-tool'].every((name) =>
	(process.env.PATH ?? '').split(':').some((folder) => fs.existsSync(path.join(folder, name))));
const noToken = module_ !== undefined && hasTools ? false : 'SoftHSM (softhsm2) or pkcs11-tool (opensc) is not installed: no key was tried in a token';

class Token {
	constructor(folder) {
		this.folder = folder;
		fs.mkdirSync(path.join(folder, 'tokens'), { recursive: true });
		this.pinFile = path.join(folder, 'pin');
		fs.writeFileSync(this.pinFile, '4321\n', { mode: 0o600 });
		const configuration = path.join(folder, 'softhsm2.conf');
		fs.writeFileSync(configuration, `directories.tokendir = ${path.join(folder, 'tokens')}\nlog.level = ERROR\n`);
		process.env.SOFTHSM2_CONF = configuration;
		execFileSync('softhsm2-util', ['--init-token', '--free', '--label', 'lab', '--so-pin', '87654321', '--pin', '4321']);
	}

	add(label, type, key) {
		const file = path.join(this.folder, 'key');
		fs.writeFileSync(file, key);
		execFileSync('pkcs11-tool', ['--module', module_, '--token-label', 'lab', '--login', '--pin', '4321', '--write-object', file,
			'--type', 'secrkey', '--key-type', type, '--label', label, '--sensitive', '--private',
			'--usage-sign', '--usage-decrypt', '--usage-wrap'], { stdio: 'pipe' });
		fs.rmSync(file);
	}

	options() {
		return { 'pkcs11-module': module_, 'pkcs11-token': 'lab', 'pkcs11-pin-file': this.pinFile };
	}
}

test('keys in a token open cards, unwrap others and seal the database', { skip: noToken }, async () => {
	const token = new Token(fs.mkdtempSync(path.join(process.env.CARDEA_LAB_DIR, 'token-')));
	const keys = { enc: randomBytes(16), mac: randomBytes(16), dek: randomBytes(16), kek: randomBytes(32), under: randomBytes(32), next: randomBytes(16) };
	for (const [name, key] of Object.entries(keys).filter(([label]) => label !== 'next'))
		token.add(name, `AES:${key.length}`, key);
	await inLab({ server: { ...token.options(), 'kek-file': '', 'kek-label': 'kek' } }, async (lab) => {
		const labels = { kind: 'scp03', version: 0x30, encLabel: 'enc', macLabel: 'mac', dekLabel: 'dek' };
		await refused(lab, '/devices/d/keysets', { ...labels, macLabel: 'gone' }, 'macLabel');
		await refused(lab, '/devices/d/keysets', { ...labels, kind: 'scp02' }, 'encLabel');
		await refused(lab, '/devices/d/keysets', { ...labels, checkValues: { mac: '112233' } }, 'checkValues.mac');
		await lab.rest.put('/keysets', { devices: '*', ...labels, checkValues: { mac: checkValue(keys.mac) } });
		await lab.rest.put('/transport-keys', { name: 'maker', label: 'under' });
		await lab.rest.put('/devices/d/keysets', { kind: 'scp03', version: 0x31, transportKey: 'maker',
			...threeTimes('WrappedHex', wrap(keys.under, keys.next)), checkValues: threeTimes('', checkValue(keys.next)) });
		const [, fleet] = (await lab.rest.get('/devices/d/keysets')).items;
		assert.deepEqual([fleet.encLabel, fleet.macLabel, fleet.dekLabel], ['enc', 'mac', 'dek']);

		await lab.device('d', { 'se-key': ['enc', 'mac', 'dek'].map((name) => keys[name].toString('hex')).join('') });
		await audit(lab, 'd', { keyVersion: 0x30 });
		succeeded(await lab.run('d', 'se.put-keys', { newKeyVersion: 0x31, keyVersion: 0x30 }));
		await lab.server.restart();
		await audit(lab, 'd');
		await audit(lab, 'd', { keyVersion: 0x30 });
		await assertHidden(lab, keys);
	});
	fs.rmSync(token.folder, { recursive: true });
});
