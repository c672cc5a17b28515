// The content of a card in all its parts: security domains with keys of their own, applications that move below them, and
// key sets that take each other's place, over a real link that breaks.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { labTest } from './lab.mjs';
import { appletAid, audit, factoryKey, issuerAid, packageAid, putKeys, readCard, succeeded, uploadCap } from './secure_element.mjs';

const domainAid = 'A0000009990100FF';
const domainKey = '101112131415161718191A1B1C1D1E1F';

const run = async (lab, operation, params) => succeeded(await lab.run('d', operation, params)).result;

async function personalizedDomain(lab) {
	for (const [aidHex, version, key] of [[issuerAid, 0x30, factoryKey], [domainAid, 0x31, domainKey]])
		await lab.rest.put('/devices/d/keysets', { kind: 'scp03', aidHex, version, encHex: key, macHex: key, dekHex: key });
	const made = await run(lab, 'se.create-domain',
		{ aidHex: domainAid, privileges: ['authorized-management', 'trusted-path'], protocolsHex: ['0370'] });
	assert.equal(made.alreadyCreated, false);
	assert.equal(made.securityDomain.state, 'selectable');
	const put = await run(lab, 'se.put-keys',
		{ securityDomainAidHex: domainAid, newKeyVersion: 0x31, presentKeysAidHex: issuerAid, keyVersion: 0x30 });
	assert.equal(put.keyVersion, 0x31);
	await run(lab, 'se.set-state', { securityDomainAidHex: domainAid, state: 'personalized' });
}

labTest('a security domain from nothing, with an application below it', {}, async (lab) => {
	const device = await lab.device('d');
	await personalizedDomain(lab);
	const pack = await uploadCap(lab);
	const loaded = await run(lab, 'se.install', { package: pack.id, loadOnly: true });
	assert.ok(loaded.memoryAfter.freeNonVolatileBytes < loaded.memoryBefore.freeNonVolatileBytes);
	await run(lab, 'se.install', { loadFileAidHex: packageAid, moduleAidHex: appletAid, makeSelectable: false });
	await run(lab, 'se.extradite', { aidHex: appletAid, toSecurityDomainAidHex: domainAid });
	await run(lab, 'se.extradite', { aidHex: packageAid, toSecurityDomainAidHex: domainAid });

	// its own security domain does the rest
	const own = { securityDomainAidHex: domainAid };
	await run(lab, 'se.install', { ...own, loadFileAidHex: packageAid, instanceAidHex: appletAid, implicitSelection: ['contact:1'] });
	const updated = await run(lab, 'se.update-registry', { ...own, aidHex: appletAid, privileges: ['cvm-management'] });
	assert.deepEqual(updated.application.privileges, ['cvm-management']);
	assert.equal(updated.application.implicitSelectionHex, '41');
	const data = await run(lab, 'se.get-data', { ...own, tagHex: 'E0' });
	assert.deepEqual([...new Set(data.decoded.map((key) => key.version))], [0x31]);
	assert.match(data.explained, /key information template/);
	const seen = await audit(lab, 'd');
	assert.equal(seen.applications.find((one) => one.aidHex === appletAid).securityDomainAidHex, domainAid);

	await run(lab, 'se.set-state', { state: 'locked', aidHex: domainAid, related: true });
	const card = await readCard(device, [domainAid, appletAid]);
	assert.equal(card.objects[domainAid].lifeCycle, 0x8F);
	assert.equal(card.objects[appletAid].lifeCycle, 0x87);
});

labTest('a restricted security domain loads nothing any more', {}, async (lab) => {
	await lab.device('d');
	await personalizedDomain(lab);
	const pack = await uploadCap(lab);
	const refused = await lab.run('d', 'se.update-registry', { aidHex: domainAid, restrictions: ['load'] });
	assert.equal(refused.state, 'failed');
	assert.match(refused.error.reason, /confirmRestrictions/);
	await run(lab, 'se.update-registry', { aidHex: domainAid, restrictions: ['load'], confirmRestrictions: true });
	const job = await lab.run('d', 'se.install', { securityDomainAidHex: domainAid, package: pack.id });
	assert.equal(job.state, 'failed');
	assert.match(job.error.reason, /INSTALL \[for load\].*6985/);
});

labTest('key sets take each other\'s place while the server is killed', {}, async (lab) => {
	await lab.device('d');
	await putKeys(lab, 'd');
	const key = randomBytes(16).toString('hex');
	await putKeys(lab, 'd', { version: 0x31, enc: key });
	const job = await lab.rest.post('/devices/d/operations', { operation: 'se.rotate-keys', params: { newKeyVersion: 0x31 } });
	await lab.server.kill();
	await lab.server.start();
	const done = succeeded(await lab.end(job.id));
	assert.equal(done.result.oldKeyVersion, 0x30);
	const seen = await audit(lab, 'd', { keyVersion: 0x31 });
	assert.deepEqual([...new Set(seen.keys.map((one) => one.version))], [0x31]);
	const again = await run(lab, 'se.rotate-keys', { newKeyVersion: 0x31 });
	assert.equal(again.alreadyRotated, true);
	const inUse = await lab.run('d', 'se.delete-keys', { deleteKeyVersion: 0x31, keyVersion: 0x31 });
	assert.equal(inUse.state, 'failed');
	assert.equal(inUse.error.code, 'conflict');
});
