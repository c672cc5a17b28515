// The main job: an application is installed on a secure element, looked at, personalized and deleted.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { labTest } from './lab.mjs';
import { appletAid, audit, factoryKey, issuerAid, makeCap, packageAid, putKeys, readCard, succeeded, trace, uploadCap }
	from './secure_element.mjs';

const instanceAid = `${appletAid}01`;

async function wholeLife(lab, device, params = {}) {
	const ep = device.endpoint;
	await putKeys(lab, ep, device.keys);
	const pack = await uploadCap(lab);
	assert.equal(pack.description.aidHex, packageAid);
	assert.deepEqual(pack.description.appletAidsHex, [appletAid]);

	const empty = await audit(lab, ep, params);
	assert.equal(empty.securityDomainAidHex, issuerAid);
	assert.ok(!empty.loadFiles.some((file) => file.aidHex === packageAid));

	const install = succeeded(await lab.run(ep, 'se.install', { package: pack.id, instanceAidHex: instanceAid, ...params }));
	assert.equal(install.result.alreadyInstalled, false);
	assert.equal(install.result.instanceAidHex, instanceAid);
	assert.equal(install.progress.done, install.progress.total);

	const full = await audit(lab, ep, params);
	const file = full.loadFiles.find((one) => one.aidHex === packageAid);
	assert.equal(file.state, 'loaded');
	assert.deepEqual(full.applications.filter((one) => one.aidHex === instanceAid).map((one) => one.state), ['selectable']);
	assert.equal(full.applications.length, empty.applications.length + 1);
	const card = await readCard(device, [packageAid, instanceAid]);
	assert.equal(card.objects[instanceAid].kind, 'application');
	assert.equal(card.objects[packageAid].kind, 'load-file');
	const inventory = await lab.rest.get(`/devices/${ep}/secure-elements`);
	assert.equal(inventory.items.length, 1);
	assert.deepEqual(inventory.items[0].content.applications, full.applications);
	return { pack, install, full };
}

labTest('audit, install, audit, again, store data, put keys, delete', {}, async (lab) => {
	const device = await lab.device('d');
	const { pack, install } = await wholeLife(lab, device);

	const again = succeeded(await lab.run('d', 'se.install', { package: pack.id, instanceAidHex: instanceAid }));
	assert.equal(again.result.alreadyInstalled, true, 'nothing is done twice');

	const data = randomBytes(300).toString('hex').toUpperCase();
	const stored = succeeded(await lab.run('d', 'se.store-data', { aidHex: instanceAid, dataHex: data }));
	assert.equal(stored.result.bytes, 300);

	const newKey = randomBytes(16).toString('hex');
	await putKeys(lab, 'd', { version: 0x31, enc: newKey });
	const put = succeeded(await lab.run('d', 'se.put-keys', { newKeyVersion: 0x31 }));
	assert.equal(put.result.newKeyVersion, 0x31);
	const withNew = await lab.run('d', 'se.audit', { keyVersion: 0x31 });
	assert.equal(succeeded(withNew).result.keyVersion, 0x31);
	assert.ok(withNew.result.secureElement.keys.some((key) => key.version === 0x31));

	const deleted = succeeded(await lab.run('d', 'se.delete', { aidHex: packageAid, related: true }));
	assert.equal(deleted.result.alreadyAbsent, false);
	const card = await readCard(device, [packageAid, instanceAid]);
	assert.equal(card.objects[packageAid], null);
	assert.equal(card.objects[instanceAid], null);
	assert.equal(succeeded(await lab.run('d', 'se.delete', { aidHex: packageAid })).result.alreadyAbsent, true);

	const lines = await trace(lab, install);
	assert.ok(lines.some(({ layer, direction, text }) => layer === 'apdu' && direction === 'command' && /INSTALL/.test(text)));
	assert.ok(lines.some(({ layer, direction, text }) => layer === 'apdu' && direction === 'answer' && /9000/.test(text)));
	const shown = JSON.stringify([lines, await lab.rest.get('/jobs'), await lab.rest.get('/devices/d/keysets'), lab.logs()]).toUpperCase();
	for (const secret of [factoryKey, newKey.toUpperCase()])
		assert.ok(!shown.includes(secret), 'a key is shown nowhere');
});

labTest('over DTLS', {}, async (lab) => {
	await wholeLife(lab, await lab.secureDevice('d'));
});

labTest('an application is locked and unlocked, the card terminated only when that is confirmed', {}, async (lab) => {
	const device = await lab.device('d');
	await putKeys(lab, 'd');
	const pack = await uploadCap(lab);
	succeeded(await lab.run('d', 'se.install', { package: pack.id }));
	const states = async (state) => succeeded(await lab.run('d', 'se.set-state', { state, aidHex: appletAid })).result.alreadySet;
	assert.equal(await states('locked'), false);
	assert.equal((await readCard(device)).objects[appletAid].lifeCycle, 0x87);
	assert.equal(await states('locked'), true, 'nothing is done twice');
	assert.equal(await states('unlocked'), false);
	assert.equal((await readCard(device)).objects[appletAid].lifeCycle, 0x07);
	const refused = await lab.run('d', 'se.set-state', { state: 'terminated' });
	assert.deepEqual([refused.state, refused.error.code], ['failed', 'conflict']);
	assert.match(refused.error.reason, /confirmTermination/);
});

labTest('a load file of the other form, and of some size', {}, async (lab) => {
	const device = await lab.device('d');
	await putKeys(lab, 'd');
	const pack = await uploadCap(lab, { form: 'ijc', size: 20000 });
	const install = succeeded(await lab.run('d', 'se.install', { package: pack.id }));
	assert.equal(install.result.instanceAidHex, appletAid);
	assert.ok(install.result.scripts > 1);
	const content = (await lab.rest.call('GET', `/packages/${pack.id}/content`)).bytes;
	assert.deepEqual(content, await makeCap(lab, { form: 'ijc', size: 20000 }));
	const block = (await readCard(device)).objects[packageAid].sha256.toLowerCase();
	assert.equal(block, createHash('sha256').update(content).digest('hex'), 'the card holds what was uploaded');
});

const key128 = '000102030405060708090A0B0C0D0E0F';
const key256 = `${key128}101112131415161718191A1B1C1D1E1F`;

// i: 01 S16, 10 pseudo-random challenge, 20 R-MAC, 40 R-ENC besides
for (const [what, i, key] of [
	['S8, random challenge', '60', key128],
	['S8, pseudo-random challenge', '70', key128],
	['S16, random challenge', '61', key128],
	['S16, pseudo-random challenge, AES-256', '71', key256],
	['AES-192', '70', key256.slice(0, 48)],
	['S8, AES-256', '60', key256],
	['a card without R-MAC', '10', key128],
]) {
	labTest(`with SCP03: ${what}`, {}, async (lab) => {
		const device = await lab.device('d', { 'se-scp03': i, 'se-key': key });
		device.keys = { enc: key };
		const { install } = await wholeLife(lab, device);
		assert.equal(install.result.securityLevel === 'full', i[0] >= '6');
	});
}

for (const level of ['c-mac', 'c-mac+c-dec', 'c-mac+r-mac', 'c-mac+c-dec+r-mac', 'full']) {
	labTest(`with the security level ${level}`, {}, async (lab) => {
		const { install } = await wholeLife(lab, await lab.device('d'), { securityLevel: level });
		assert.equal(install.result.securityLevel, level);
	});
}

labTest('three different keys', {}, async (lab) => {
	const [enc, mac, dek] = [key128, factoryKey, key256.slice(32)];
	const device = await lab.device('d', { 'se-key': enc + mac + dek });
	device.keys = { enc, mac, dek };
	await wholeLife(lab, device);
});

labTest('in small scripts', {}, async (lab) => {
	await wholeLife(lab, await lab.device('d', { 'se-max-request': 300, 'se-max-response': 300 }));
});

labTest('on one of two secure elements', {}, async (lab) => {
	const device = await lab.device('d', { 'se-count': 2 });
	await putKeys(lab, 'd');
	const pack = await uploadCap(lab);
	succeeded(await lab.run('d', 'se.install', { package: pack.id, se: 1 }));
	assert.ok((await audit(lab, 'd', { se: 1 })).loadFiles.some((file) => file.aidHex === packageAid));
	assert.ok(!(await audit(lab, 'd', { se: 0 })).loadFiles.some((file) => file.aidHex === packageAid));
	assert.equal((await readCard(device)).objects[packageAid], null);
	const inventory = await lab.rest.get('/devices/d/secure-elements');
	assert.deepEqual(inventory.items.map((item) => item.key), ['0', '1']);
});

labTest('not with wrong keys', {}, async (lab) => {
	const device = await lab.device('d');
	await putKeys(lab, 'd', { enc: key128 });
	const pack = await uploadCap(lab);
	const job = await lab.run('d', 'se.install', { package: pack.id });
	assert.equal(job.state, 'failed');
	assert.equal(job.error.code, 'denied');
	assert.match(job.error.reason, /key|cryptogram/i);
	assert.equal((await readCard(device)).objects[packageAid], null);
});

labTest('not without keys, without a secure element, or with one that is absent', {}, async (lab) => {
	await lab.device('without-keys');
	const pack = await uploadCap(lab);
	const keyless = await lab.run('without-keys', 'se.install', { package: pack.id });
	assert.deepEqual([keyless.state, keyless.error.code], ['failed', 'not-found']);
	assert.match(keyless.error.reason, /key set/);

	await lab.device('without-se', { 'se-count': 0 });
	await putKeys(lab, 'without-se');
	const blind = await lab.run('without-se', 'se.audit');
	assert.equal(blind.state, 'failed');
	assert.match(blind.error.reason, /secure element|30401/i);

	// One that is absent may come back: the job waits for it, and can be cancelled.
	await lab.device('empty-reader', { 'se-absent': true });
	await putKeys(lab, 'empty-reader');
	const absent = await lab.rest.post('/devices/empty-reader/operations', { operation: 'se.audit', params: {} });
	const events = await lab.rest.events('1');
	await events.find('job.updated', (data) => data.id === absent.id && data.state === 'running');
	await lab.rest.delete(`/jobs/${absent.id}`);
	assert.equal((await lab.end(absent.id)).state, 'cancelled');
	events.close();
});

labTest('on a card that has something else under the name', {}, async (lab) => {
	const device = await lab.device('d');
	await putKeys(lab, 'd');
	const first = await uploadCap(lab, { size: 1000 });
	succeeded(await lab.run('d', 'se.install', { package: first.id }));
	const before = await readCard(device);
	const other = 'A00000099901000102';
	const second = await uploadCap(lab, { size: 1000, applet: other });
	const job = await lab.run('d', 'se.install', { package: second.id, instanceAidHex: other });
	assert.equal(job.state, 'failed', JSON.stringify(job.result));
	assert.match(job.error.reason, /./);
	assert.deepEqual(await readCard(device), before, 'what was there is as it was');
});

labTest('a job that never ran is cancelled', {}, async (lab) => {
	await lab.device('d', {});
	await putKeys(lab, 'offline');
	const job = await lab.rest.post('/devices/offline/operations', { operation: 'se.audit', params: {} });
	assert.equal(job.state, 'queued');
	assert.equal((await lab.rest.call('DELETE', `/jobs/${job.id}`)).status, 202);
	assert.equal((await lab.end(job.id)).state, 'cancelled');
	await lab.rest.refuse('DELETE', `/jobs/${job.id}`, {}, { status: 409, code: 'conflict', detail: /cancelled/ });
});

labTest('a job that failed is retried', {}, async (lab) => {
	await lab.device('d');
	await putKeys(lab, 'd', { enc: key128 });
	const failed = await lab.run('d', 'se.audit');
	assert.equal(failed.state, 'failed');
	await putKeys(lab, 'd');
	const retry = await lab.rest.call('POST', `/jobs/${failed.id}/retry`);
	assert.equal(retry.status, 202);
	assert.equal(retry.headers.location, `/api/v1/jobs/${retry.json.id}`);
	assert.notEqual(retry.json.id, failed.id);
	succeeded(await lab.end(retry.json.id));
	await lab.rest.refuse('POST', `/jobs/${retry.json.id}/retry`, {}, { status: 409, code: 'conflict', detail: /succeeded/ });
});
