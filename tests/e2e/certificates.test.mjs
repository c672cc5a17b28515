// Certificates: which device comes with which, which server it believes, and what happens when either is not as it should be.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { Device, labTest } from './lab.mjs';
import { openStream } from './coap_stream.mjs';
import { accountWith, fingerprint, key, make, pem, text } from './papers.mjs';
import { Multiple, ScriptedDevice } from './scripted_device.mjs';

const ofServer = { alternatives: 'IP:127.0.0.1', usage: 'serverAuth' };
const ofDevice = { issuer: 'root', usage: 'clientAuth' };
make('root', { flags: ['authority'] });
make('middle', { issuer: 'root', flags: ['authority'] });
make('stranger', { flags: ['authority'] });
make('server', { issuer: 'middle', flags: ['chain'], ...ofServer });
make('another-server', { issuer: 'middle', alternatives: 'IP:127.0.0.2' });
make('lamp', ofDevice);
make('pump', ofDevice);
make('lamp-of-server', { ...ofDevice, name: 'lamp' });
make('expired', { ...ofDevice, name: 'lamp', from: -200, until: -100 });
make('foreign', { ...ofDevice, name: 'lamp', issuer: 'stranger' });
make('for-servers', { ...ofDevice, name: 'lamp', usage: 'serverAuth' });
make('alone', { name: 'nothing in particular' });

const issuer = 'CN=root,O=Cardea';
const certificates = { 'coaps-cert': pem('server'), 'coaps-key': key('server'), 'coaps-ca': pem('root') };
const listening = { server: certificates };

// Options of a device that shows `name`.
function showing(lab, name, more = {}) {
	return { server: lab.server.coaps, certificate: pem(name), 'certificate-key': key(name),
		'server-certificate': pem('server'), ...more };
}

async function refusedByServer(lab, endpoint, options, reason) {
	const device = new Device(lab, endpoint, options);
	device.launch();
	await lab.server.process.line(reason);
	await device.process.line(/line\.lost/);
	await device.kill();
	await lab.rest.refuse('GET', `/devices/${endpoint}`, {}, { status: 404, code: 'not-found', detail: /./ });
}

labTest('1.1-int-402 DTLS with certificates', listening, async (lab) => {
	await lab.rest.put('/credentials/lamp', { kind: 'x509', issuer });
	const device = await lab.device('lamp', showing(lab, 'lamp'));
	const registered = await lab.rest.get('/devices/lamp');
	assert.match(registered.address, /^coaps:/);
	const read = await lab.rest.get('/devices/lamp/lwm2m/3/0/0');
	assert.match(JSON.stringify(read), /Cardea/);
	await device.stop();
	await lab.rest.refuse('GET', '/devices/lamp', {}, { status: 404, code: 'not-found', detail: /lamp/ });
});

// The device is node's TLS, which knows nothing of CoAP.
labTest('1.1-int-404 TLS over TCP with certificates', { server: { ...certificates, 'tls-listen': '127.0.0.1:0' } }, async (lab) => {
	await lab.rest.put('/credentials/lamp', { kind: 'x509', issuer });
	const uri = lab.server.addresses.find((address) => address.startsWith('coaps+tcp://'));
	const objects = { 1: { 0: { 0: 1, 1: 86400, 6: false, 7: 'T' } }, 3: { 0: { 0: 'OMA', 11: new Multiple({ 0: 0 }), 16: 'T' } } };
	const showing = (name) => ({ ca: text('root'), cert: text(name), key: fs.readFileSync(key(name)), ALPNProtocols: ['coap'],
		checkServerIdentity: () => undefined });
	for (const maxVersion of ['TLSv1.2', 'TLSv1.3']) {
		const client = await openStream(uri, { ...showing('lamp'), maxVersion });
		const device = await ScriptedDevice.register(lab, 'lamp', objects, { client, query: ['lwm2m=1.1', 'b=T', 'lt=86400'] });
		const registered = await lab.rest.get('/devices/lamp');
		assert.match(registered.address, /^coaps\+tcp:/);
		assert.equal(registered.binding, 'T');
		const read = await lab.rest.get('/devices/lamp/lwm2m/3/0/0');
		assert.equal(read.resources[0].value, 'OMA');
		device.close();
	}
	for (const name of ['foreign', 'expired', 'pump'])
		await assert.rejects(openStream(uri, showing(name)), name);
	await assert.rejects(openStream(uri, { ...showing('lamp'), ALPNProtocols: ['http/1.1'] }));
});

labTest('1.1-int-403 certificates, the identity of the server fails', listening, async (lab) => {
	await lab.rest.put('/credentials/lamp', { kind: 'x509', issuer });
	const noMatch = /server\.refused reason="no matching DANE TLSA records"/;
	const noIssuer = /server\.refused reason="(unable to get (local )?issuer certificate|self-signed certificate in certificate chain)"/;
	const wrong = [
		[{ 'server-certificate': pem('another-server') }, noMatch],
		[{ 'server-certificate': pem('another-server'), 'matching-type': 1 }, noMatch],
		[{ 'server-certificate': pem('stranger'), 'certificate-usage': 2 }, noMatch],
		[{ 'server-certificate': pem('root'), 'certificate-usage': 0 }, noIssuer],
		[{ 'server-certificate': pem('middle'), 'certificate-usage': 0, 'trust-store': pem('stranger') }, noIssuer],
		[{ 'certificate-usage': 1, 'trust-store': pem('stranger') }, noIssuer],
		[{ 'server-certificate': pem('another-server'), 'certificate-usage': 1, 'trust-store': pem('root') }, noMatch],
	];
	for (const [options, reason] of wrong) {
		const device = new Device(lab, 'lamp', showing(lab, 'lamp', options));
		device.launch();
		await device.process.line(reason);
		await device.kill();
		await lab.rest.refuse('GET', '/devices/lamp', {}, { status: 404, code: 'not-found', detail: /lamp/ });
	}
});

labTest('a device knows its server by each certificate usage and matching type', listening, async (lab) => {
	await lab.rest.put('/credentials/lamp', { kind: 'x509', issuer });
	const right = [
		{ 'certificate-usage': 0, 'server-certificate': pem('middle'), 'trust-store': pem('root') },
		{ 'certificate-usage': 1, 'trust-store': pem('root'), 'matching-type': 2 },
		{ 'certificate-usage': 2, 'server-certificate': pem('root') },
		{ 'certificate-usage': 2, 'server-certificate': pem('middle'), 'matching-type': 3 },
		...[0, 1, 2, 3].map((type) => ({ 'matching-type': type })),
	];
	for (const options of right) {
		const device = await lab.device('lamp', showing(lab, 'lamp', options));
		await device.stop();
	}
});

labTest('a server of another name is not believed, whoever has issued its certificate', { server: {
	...certificates, 'coaps-cert': pem('another-server'), 'coaps-key': key('another-server') } }, async (lab) => {
	await lab.rest.put('/credentials/lamp', { kind: 'x509', issuer });
	const device = new Device(lab, 'lamp', showing(lab, 'lamp', { 'certificate-usage': 2, 'server-certificate': pem('middle') }));
	device.launch();
	await device.process.line(/server\.refused reason="IP address mismatch"/);
	await device.kill();
	// Unless it is this very certificate that the device has been told.
	await lab.device('lamp', showing(lab, 'lamp', { 'server-certificate': pem('another-server') }));
});

labTest('a certificate that is not as it should be gets nowhere', listening, async (lab) => {
	await lab.rest.put('/credentials/lamp', { kind: 'x509', issuer });
	const bad = [['expired', 'certificate has expired'], ['foreign', 'no authority that is trusted has issued it'],
		['for-servers', 'unsuitable certificate purpose'], ['alone', 'no authority that is trusted']];
	for (const [name, reason] of bad) {
		const endpoint = name === 'alone' ? 'nothing in particular' : 'lamp';
		await refusedByServer(lab, 'lamp', showing(lab, name), new RegExp(
			`certificate\\.refused endpoint=.*${endpoint.split(' ')[0]}.* reason="${reason}`));
	}
	await refusedByServer(lab, 'pump', showing(lab, 'pump'), /refused endpoint=pump .* reason="the device has no credential"/);
});

labTest('nobody registers as another device', listening, async (lab) => {
	await lab.rest.put('/credentials/lamp', { kind: 'x509', issuer });
	await lab.rest.put('/credentials/pump', { kind: 'x509', issuer });
	const thief = new Device(lab, 'lamp', showing(lab, 'pump'));
	thief.launch();
	await lab.server.process.line(/registration\.refused .* identity=pump .*not the endpoint name of the credential/);
	await thief.process.line(/registration\.refused .*code=4\.00/);
	await thief.kill();
	const plain = new Device(lab, 'lamp', {});
	plain.launch();
	await plain.process.line(/registration\.refused .*code=4\.03/);
	await plain.kill();
	assert.deepEqual((await lab.rest.get('/devices')).items, []);
});

labTest('a certificate is a credential: pinned, replaced, removed, and kept over a restart', listening, async (lab) => {
	const print = fingerprint('alone');
	await lab.rest.put('/credentials/lamp', { kind: 'x509', certificatePem: text('alone') });
	assert.equal((await lab.rest.get('/credentials/lamp?kind=x509')).identity, `sha256:${print}`);
	await lab.rest.refuse('PUT', '/credentials/pump', { json: { kind: 'x509', sha256Hex: print } }, { status: 409, code: 'conflict', detail: /^certificate: another device/ });
	const device = await lab.device('lamp', showing(lab, 'alone', { lifetime: 4 }));
	await device.stop();
	await lab.server.restart();
	device.options.server = lab.server.coaps;
	await device.start();

	// The session ends with the credential that it was made with.
	await lab.rest.put('/credentials/lamp', { kind: 'x509', issuer });
	assert.equal((await lab.rest.get('/credentials/lamp?kind=x509')).identity, `name:lamp,issuer:${issuer}`);
	await device.process.line(/line\.lost .*security closed/);
	await lab.server.process.line(/certificate\.refused .*no device's credential/);
	const from = device.process.lines.length;
	await lab.rest.put('/credentials/lamp', { kind: 'x509', sha256Hex: print });
	await device.process.line(/^registered /, from);
});

labTest('what cannot be a credential is refused by name', listening, async (lab) => {
	const refused = [
		[{ kind: 'rpk' }, 415, 'unsupported', /^kind: raw public keys \(RFC 7250\)/],
		[{ kind: 'x509' }, 400, 'malformed', /certificatePem, sha256Hex, issuer: one of them/],
		[{ kind: 'x509', issuer, sha256Hex: '00'.repeat(32) }, 400, 'malformed', /one of them/],
		[{ kind: 'x509', certificatePem: 'no' }, 400, 'malformed', /certificatePem: no certificate/],
		[{ kind: 'x509', certificatePem: text('server') }, 400, 'malformed', /more than one/],
		[{ kind: 'x509', sha256Hex: '00' }, 400, 'malformed', /sha256Hex: 32 bytes/],
		[{ kind: 'x509', issuer, keyHex: '00' }, 400, 'malformed', /keyHex/],
		[{ kind: 'bootstrap-x509', issuer: '' }, 400, 'malformed', /issuer/],
	];
	for (const [json, status, code, detail] of refused)
		await lab.rest.refuse('PUT', '/credentials/lamp', { json }, { status, code, detail });
	assert.deepEqual((await lab.rest.get('/credentials')).items, []);
});

labTest('an authority is enough where the configuration says so, and then nobody comes without', { server: {
	...certificates, 'coaps-accept-issued': true } }, async (lab) => {
	await lab.device('lamp', showing(lab, 'lamp'));
	assert.match((await lab.rest.get('/devices/lamp')).address, /^coaps:/);
	const plain = new Device(lab, 'lamp', {});
	plain.launch();
	await plain.process.line(/registration\.refused .*code=4\.03/);
	await plain.kill();
	await lab.rest.put('/credentials/pump', { kind: 'psk', identity: 'pump', keyHex: '00'.repeat(16) });
	await refusedByServer(lab, 'pump', showing(lab, 'pump'), /refused endpoint=pump .* reason="the device has another credential"/);
});

labTest('keys and certificates at one port', listening, async (lab) => {
	await lab.rest.put('/credentials/lamp', { kind: 'x509', issuer });
	await lab.device('lamp', showing(lab, 'lamp'));
	await lab.secureDevice('pump');
	for (const name of ['lamp', 'pump'])
		assert.match((await lab.rest.get(`/devices/${name}`)).address, /^coaps:/);
});

labTest('a device that comes back from another address keeps its certificate', listening, async (lab) => {
	await lab.rest.put('/credentials/lamp', { kind: 'x509', issuer });
	const device = await lab.device('lamp', showing(lab, 'lamp'));
	const first = (await lab.rest.get('/devices/lamp')).address;
	await device.kill();
	await device.start();
	assert.notEqual((await lab.rest.get('/devices/lamp')).address, first);
});

const bootstrapping = { server: { ...certificates, 'bootstrap-secure-listen': '127.0.0.1:0' } };

function bootstrapServer(lab) {
	return lab.server.process.lines.map((line) => /^bootstrap (\S+)$/.exec(line)?.[1]).find(Boolean);
}

labTest('1.1-int-2 client initiated bootstrap with a certificate', bootstrapping, async (lab) => {
	await lab.rest.put('/bootstrap/lamp', { servers: [{ shortServerId: 101, uri: lab.server.coaps, security: accountWith('lamp-of-server') }],
		read: ['/'] });
	await lab.rest.put('/credentials/lamp', { kind: 'bootstrap-x509', sha256Hex: fingerprint('lamp') });
	await lab.rest.put('/credentials/lamp', { kind: 'x509', sha256Hex: fingerprint('lamp-of-server') });
	const device = await lab.device('lamp', { ...showing(lab, 'lamp'), bootstrap: bootstrapServer(lab) });
	assert.match((await lab.rest.get('/bootstrap/lamp')).lastOutcome.read[0].links, /<\/0\/1>;ssid=101;uri="coaps:/);
	assert.match((await lab.rest.get('/devices/lamp')).address, /^coaps:/);
	await device.stop();
});

labTest('a device that bootstraps with a certificate may get a key', bootstrapping, async (lab) => {
	await lab.rest.put('/bootstrap/lamp', { servers: [{ shortServerId: 101, uri: lab.server.coaps,
		security: { mode: 'psk', generate: true } }] });
	await lab.rest.put('/credentials/lamp', { kind: 'x509', issuer });
	const options = { ...showing(lab, 'lamp'), bootstrap: bootstrapServer(lab) };
	await refusedByServer(lab, 'lamp', options, /refused endpoint=lamp .* reason="the device has no credential"/);
	await lab.rest.call('DELETE', '/credentials/lamp?kind=x509');
	await lab.rest.put('/credentials/lamp', { kind: 'bootstrap-x509', issuer });
	const device = await lab.device('lamp', options);
	assert.match((await lab.rest.get('/devices/lamp')).address, /^coaps:/);
	await device.stop();
});

labTest('a bootstrap gives a device its certificate, and what it expects of the server', bootstrapping, async (lab) => {
	const account = accountWith('lamp');
	const configuration = (security) => ({ servers: [{ shortServerId: 101, uri: lab.server.coaps, security }] });
	const refused = [
		['/bootstrap/lamp', { ...account, certificatePem: undefined }, /servers\[0\]\.security\.certificatePem/],
		['/bootstrap/lamp', { ...account, privateKeyPem: fs.readFileSync(key('pump'), 'utf8') },
			/servers\[0\]\.security\.privateKeyPem: is not the key of the certificate/],
		['/bootstrap/lamp', { ...account, serverCertificatePem: 'x' }, /serverCertificatePem: no certificate/],
		['/bootstrap/lamp', { ...account, keyHex: '00'.repeat(16) }, /keyHex/],
		['/bootstrap/lamp', { ...account, mode: 'psk', generate: true }, /certificatePem/],
		['/bootstrap', account, /servers\[0\]\.security\.certificatePem: is of one device/],
	];
	for (const [at, security, detail] of refused)
		await lab.rest.refuse('PUT', at, { json: configuration(security) }, { status: 400, code: 'malformed', detail });

	await lab.rest.put('/bootstrap/lamp', configuration(account));
	const { security } = (await lab.rest.get('/bootstrap/lamp')).servers[0];
	assert.deepEqual(Object.keys(security).sort(), ['certificatePem', 'mode']); // the key is not shown
	await lab.rest.put('/credentials/lamp', { kind: 'x509', certificatePem: text('lamp') });
	const bootstrapKey = '00112233445566778899AABBCCDDEEFF';
	await lab.rest.put('/credentials/lamp', { kind: 'bootstrap-psk', identity: 'lamp', keyHex: bootstrapKey });
	const device = await lab.device('lamp', { bootstrap: bootstrapServer(lab), 'bootstrap-key': bootstrapKey });
	assert.match((await lab.rest.get('/devices/lamp')).address, /^coaps:/);
	await device.stop();

	// Which is not believed when it is another.
	await lab.rest.put('/bootstrap/lamp', configuration({ ...account, serverCertificatePem: text('pump') }));
	const other = new Device(lab, 'lamp', { bootstrap: bootstrapServer(lab), 'bootstrap-key': bootstrapKey, state: `${device.stateFolder}-2` });
	fs.mkdirSync(`${device.stateFolder}-2`);
	other.launch();
	await other.process.line(/^bootstrapped /);
	await other.process.line(/server\.refused reason="no matching DANE TLSA records"/);
	await other.kill();
});
