// OMA enabler test cases 1.1-int-106, 404 and 406: CoAP over TCP and TLS, with a device of a script.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { randomBytes } from 'node:crypto';
import { labTest } from './lab.mjs';
import { Seen } from './enabler.mjs';
import { BootstrapDevice, bootstrapUri } from './bootstrap_device.mjs';
import { openStream, pskOptions } from './coap_stream.mjs';
import { accountWith, fingerprint, key, make, pem, text } from './papers.mjs';
import { Multiple, ScriptedDevice } from './scripted_device.mjs';

const here = '127.0.0.1:0';
const address = (lab, scheme) => lab.server.addresses.find((one) => one.startsWith(`${scheme}://`));
const overTcp = ['lwm2m=1.1', 'b=T', 'lt=86400'];
const objects = () => ({ 1: { 0: { 0: 1, 1: 86400, 6: false, 7: 'T', 8: () => {} } },
	3: { 0: { 0: 'OMA', 1: 'Enabler', 2: '0001', 3: '1.0', 4: () => {}, 11: new Multiple({ 0: 0 }), 16: 'T' } } });

async function isRegisteredAndRead(lab, scheme) {
	const seen = await lab.rest.get('/devices/d');
	assert.equal(seen.binding, 'T');
	assert.ok(seen.address.startsWith(`${scheme}://`), seen.address);
	assert.deepEqual(seen.objects.map(({ object, instance }) => `/${object}/${instance}`), ['/1/0', '/3/0']);
	await new Seen(lab).reads('3/0', { '/3/0/0': 'OMA', '/3/0/16': 'T' });
}

labTest('1.1-int-106 TCP binding', { server: { 'tcp-listen': here } }, async (lab) => {
	const client = await openStream(address(lab, 'coap+tcp'));
	assert.ok(client.capabilities.length > 0);
	const device = await ScriptedDevice.register(lab, 'd', objects(), { client, query: overTcp });
	await isRegisteredAndRead(lab, 'coap+tcp');
	await new Seen(lab).write('3/0/2', '0002');
	assert.equal(device.objects[3][0][2], '0002');
	device.close();
});

make('root', { flags: ['authority'] });
make('server', { issuer: 'root', alternatives: 'IP:127.0.0.1', usage: 'serverAuth' });
for (const name of ['of-bootstrap', 'of-server'])
	make(name, { name: 'd', issuer: 'root', usage: 'clientAuth' });

// TLS with a certificate, DER or PEM; the server is believed when the root has issued its certificate for that address.
const showing = (cert, privateKey) => ({ cert, key: privateKey, ca: text('root') });
const pemOf = (label, der) => `-----BEGIN ${label}-----\n${der.toString('base64')}\n-----END ${label}-----\n`;

labTest('1.1-int-404 TLS over TCP with certificates', { server: { 'tls-listen': here, 'bootstrap-tls-listen': here,
	'coaps-cert': pem('server'), 'coaps-key': key('server'), 'coaps-ca': pem('root') } }, async (lab) => {
	await lab.rest.put('/credentials/d', { kind: 'bootstrap-x509', sha256Hex: fingerprint('of-bootstrap') });
	await lab.rest.put('/credentials/d', { kind: 'x509', sha256Hex: fingerprint('of-server') });
	await lab.rest.put('/bootstrap/d', { delete: [], servers: [{ shortServerId: 1, uri: address(lab, 'coaps+tcp'), binding: 'T',
		security: accountWith('of-server') }] });
	const own = showing(text('of-bootstrap'), fs.readFileSync(key('of-bootstrap')));
	const account = await BootstrapDevice.open(lab, 'd', await openStream(bootstrapUri(lab, 'coaps+tcp'), own));
	await account.bootstrap(lab);
	account.client.close();

	const [uri, certificate, ofServer, privateKey] = [0, 3, 4, 5].map((id) => account.resource(0, 0, id));
	const client = await openStream(uri.toString(), showing(pemOf('CERTIFICATE', certificate), pemOf('PRIVATE KEY', privateKey)));
	assert.deepEqual(client.socket.socket.getPeerCertificate().raw, ofServer);
	const device = await ScriptedDevice.register(lab, 'd', objects(), { client, query: overTcp });
	await isRegisteredAndRead(lab, 'coaps+tcp');
	device.close();
});

// Bootstraps over one connection, then registers over another one with what was written.
labTest('1.1-int-406 TLS over TCP with a pre-shared key', { server: { 'tls-listen': here, 'bootstrap-tls-listen': here } }, async (lab) => {
	const ofBootstrap = randomBytes(16);
	await lab.rest.put('/credentials/d', { kind: 'bootstrap-psk', identity: 'bs-d', keyHex: ofBootstrap.toString('hex') });
	await lab.rest.put('/bootstrap/d', { delete: [], servers: [{ shortServerId: 1, uri: address(lab, 'coaps+tcp'), binding: 'T',
		security: { mode: 'psk', generate: true } }] });
	const account = await BootstrapDevice.open(lab, 'd', await openStream(bootstrapUri(lab, 'coaps+tcp'), pskOptions('bs-d', ofBootstrap)));
	await account.bootstrap(lab);
	assert.deepEqual(account.requests, ['GET /', 'PUT /0/0', 'PUT /1/0', 'POST /bs']);
	account.client.close();

	const [uri, identity, secret] = [0, 3, 5].map((id) => account.resource(0, 0, id));
	const client = await openStream(uri.toString(), pskOptions(identity.toString(), secret));
	const device = await ScriptedDevice.register(lab, 'd', objects(), { client, query: overTcp });
	await isRegisteredAndRead(lab, 'coaps+tcp');
	device.close();
	await assert.rejects(openStream(uri.toString(), pskOptions(identity.toString(), randomBytes(16))));
});
