// coap-client of libcoap, over UDP and TCP, with a pre-shared key and without security: each message is a process, a port and a
// handshake of its own.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { labTest } from '../e2e/lab.mjs';

const key = 'a-key-in-letters';
const links = '</1/0>,</3/0>';

// The flavours of Debian are told apart by their name; any does, since all of them speak to the same server.
const program = ['coap-client', 'coap-client-openssl', 'coap-client-gnutls'].find((name) => {
	try {
		execFileSync('sh', ['-c', `command -v ${name}`]);
		return true;
	} catch {
		return false;
	}
});
if (program === undefined) {
	console.log('SKIPPED: libcoap_client needs coap-client with DTLS (Debian: libcoap3-bin), which this machine does not have');
	process.exit(77);
}

let count = 0;

// One request: the code of the answer, the path where something was created, and all that was said.
async function send(lab, method, uri, { identity, secret = key, payload, format } = {}) {
	const args = ['-v', '7', '-B', '10', '-m', method];
	if (identity !== undefined)
		args.push('-u', identity, '-k', secret);
	if (payload !== undefined)
		args.push('-e', payload);
	if (format !== undefined)
		args.push('-t', format);
	const client = lab.start(`coap-client ${++count}`, program, [...args, uri]);
	await client.exited;
	const said = client.lines.join('\n');
	const answer = /t:(?:ACK|CON) c:([245]\.\d\d)[^[]*\[ ([^\]]*)\]/.exec(said);
	return {
		code: answer?.[1],
		location: [...(answer?.[2] ?? '').matchAll(/Location-Path:([^, ]+)/g)].map((match) => match[1]).join('/'),
		said,
	};
}

function register(lab, base, endpoint, options = {}, binding = 'U') {
	return send(lab, 'post', `${base}/rd?ep=${endpoint}&lt=600&lwm2m=1.1&b=${binding}`, { payload: links, format: '40', ...options });
}

labTest('coap-client registers, updates and de-registers', {}, async (lab) => {
	const { coap } = lab.server;
	const registered = await register(lab, coap, 'd');
	assert.equal(registered.code, '2.01', registered.said);
	assert.match(registered.location, /^rd\/[0-9a-f]+$/);
	const device = await lab.rest.get('/devices/d');
	assert.equal(device.lifetime, 600);
	assert.equal((await send(lab, 'post', `${coap}/${registered.location}?lt=900`)).code, '2.04');
	const updated = await lab.rest.get('/devices/d');
	assert.equal(updated.lifetime, 900);
	assert.notEqual(updated.address, device.address);
	assert.equal((await send(lab, 'delete', `${coap}/${registered.location}`)).code, '2.02');
	assert.equal((await send(lab, 'post', `${coap}/${registered.location}`)).code, '4.04');
	await lab.rest.refuse('GET', '/devices/d', {}, { status: 404, code: 'not-found', detail: /device d/ });
});

labTest('coap-client registers over DTLS, with another handshake for each message', {}, async (lab) => {
	const { coaps, coap } = lab.server;
	await lab.rest.put('/credentials/d', { kind: 'psk', identity: 'id-of-d', keyHex: Buffer.from(key).toString('hex') });
	const registered = await register(lab, coaps, 'd', { identity: 'id-of-d' });
	assert.equal(registered.code, '2.01', registered.said);
	assert.match((await lab.rest.get('/devices/d')).address, /^coaps:/);
	const identity = 'id-of-d';
	assert.equal((await send(lab, 'post', `${coaps}/${registered.location}?lt=900`, { identity })).code, '2.04');
	assert.equal((await lab.rest.get('/devices/d')).lifetime, 900);

	// Neither another key, nor another device, nor the same one without security may speak for it.
	assert.equal((await register(lab, coaps, 'd', { identity, secret: 'some-other-key!!' })).code, undefined);
	assert.equal((await register(lab, coaps, 'other', { identity })).code, '4.00');
	assert.equal((await register(lab, coap, 'd')).code, '4.03');
	assert.equal((await send(lab, 'delete', `${coap}/${registered.location}`)).code, '4.00');
	assert.equal((await lab.rest.get('/devices/d')).lifetime, 900);
	assert.equal((await send(lab, 'delete', `${coaps}/${registered.location}`, { identity })).code, '2.02');
});

const connections = { server: { 'tcp-listen': '127.0.0.1:0', 'tls-listen': '127.0.0.1:0' } };

labTest('coap-client registers over TCP, and over TLS', connections, async (lab) => {
	const address = (scheme) => lab.server.addresses.find((one) => one.startsWith(`${scheme}://`));
	await lab.rest.put('/credentials/d', { kind: 'psk', identity: 'id-of-d', keyHex: Buffer.from(key).toString('hex') });
	for (const [endpoint, scheme, options] of [['plain', 'coap+tcp', {}], ['d', 'coaps+tcp', { identity: 'id-of-d' }]]) {
		const base = address(scheme);
		const registered = await register(lab, base, endpoint, options, 'T');
		assert.equal(registered.code, '2.01', registered.said);
		assert.match(registered.said, /c:CSM .*Max-Message-Size/);
		const device = await lab.rest.get(`/devices/${endpoint}`);
		assert.deepEqual([device.binding, device.address.split(':')[0]], ['T', scheme]);
		// Its connection has ended with it: it cannot be asked, but it is still registered.
		await lab.rest.refuse('GET', `/devices/${endpoint}/lwm2m/3/0/0`, {}, { status: 503, code: 'unavailable', detail: /./ });
		assert.equal((await send(lab, 'post', `${base}/${registered.location}?lt=900`, options)).code, '2.04');
		assert.equal((await lab.rest.get(`/devices/${endpoint}`)).lifetime, 900);
		assert.equal((await send(lab, 'delete', `${base}/${registered.location}`, options)).code, '2.02');
	}
	assert.equal((await register(lab, address('coap+tcp'), 'd', {}, 'T')).code, '4.03'); // it has a credential
	assert.equal((await register(lab, address('coaps+tcp'), 'd', { identity: 'id-of-d', secret: 'some-other-key!!' }, 'T')).code, undefined);
});

labTest('coap-client is told what it did wrong', {}, async (lab) => {
	const { coap } = lab.server;
	const cases = [
		[`rd?ep=d&lt=600&lwm2m=2.0`, links, '4.12', /2\.0/],
		[`rd?ep=d&lt=soon&lwm2m=1.1`, links, '4.00', /lt/],
		[`rd?ep=d&lt=600&lt=700&lwm2m=1.1`, links, '4.00', /lt stands there twice/],
		[`rd?ep=d&lt=600&lwm2m=1.1`, '</3/0', '4.00', /./],
		[`rd?lt=600&lwm2m=1.1`, links, '4.00', /ep/],
	];
	for (const [path, payload, code, reason] of cases) {
		const answer = await send(lab, 'post', `${coap}/${path}`, { payload, format: '40' });
		assert.equal(answer.code, code, path);
		assert.match(answer.said, reason);
	}
	assert.equal((await send(lab, 'get', `${coap}/rd`)).code, '4.05');
	assert.deepEqual((await lab.rest.get('/devices')).items, []);
});
