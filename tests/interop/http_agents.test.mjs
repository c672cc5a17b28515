// Agents made of curl and of openssl s_client: what others say over HTTP, HTTPS and TLS with a pre-shared key, suite by suite.
import assert from 'node:assert/strict';
import { execFile, execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { promisify } from 'node:util';
import { gatewayOf, gatewayTest } from '../e2e/http_gateway.mjs';
import { key, make, pem } from '../e2e/papers.mjs';
import { putKeys } from '../e2e/secure_element.mjs';

const run = promisify(execFile);
const missing = ['curl', 'openssl'].filter((name) => {
	try {
		execFileSync('sh', ['-c', `command -v ${name}`]);
		return false;
	} catch {
		return true;
	}
});
if (missing.length > 0) {
	console.log(`SKIPPED: http_agents needs ${missing.join(' and ')} (Debian: the same), which this machine does not have`);
	process.exit(77);
}

const protocol = 'globalplatform-remote-admin/1.1.1';
const element = '//se-id/CUD/0102';

// One POST by curl: { status, headers, body }.
async function curl(uri, headers, { body, options = [] } = {}) {
	const said = Object.entries({ 'X-Admin-Protocol': protocol, 'X-Admin-From': 'c', ...headers })
		.flatMap(([name, value]) => ['-H', `${name}: ${value}`]);
	const sent = body === undefined ? ['-X', 'POST'] : ['--data-binary', '@-', '-H', 'Transfer-Encoding: chunked'];
	const call = run('curl', ['-sS', '-i', '--max-time', '60', ...options, ...said, ...sent, uri], { encoding: 'latin1' });
	call.child.stdin.end(body);
	return parse((await call).stdout);
}

function parse(text) {
	const end = text.indexOf('\r\n\r\n');
	const [status, ...lines] = text.slice(0, end).split('\r\n');
	const headers = Object.fromEntries(lines.map((line) => [line.split(':')[0].toLowerCase(), line.slice(line.indexOf(':') + 2)]));
	return { status: Number(status.split(' ')[1]), headers, body: Buffer.from(text.slice(end + 4), 'latin1') };
}

async function auditBy(lab, base, options) {
	await putKeys(lab, 'c');
	const job = await lab.rest.post('/devices/c/operations', { operation: 'se.audit', params: {} });
	const script = await curl(`${base}/server/adminagent?cmd=1`, { 'X-Admin-SE-List': element }, { options });
	assert.equal(script.status, 200);
	assert.equal(script.headers['x-admin-targeted-se'], element);
	assert.match(script.body.toString('hex'), /^ae80220.8050[0-9a-f]+0000$/);
	const end = await curl(base + script.headers['x-admin-next-uri'], { 'X-Admin-Script-Status': 'ok',
		'X-Admin-Targeted-SE': element,
		'Content-Type': 'application/vnd.globalplatform.card-content-mgt-response;version=1.0' },
	{ body: Buffer.from('af8023026a880000', 'hex'), options });
	assert.equal(end.status, 204);
	assert.equal(end.headers['x-admin-next-uri'], undefined);
	assert.equal((await lab.end(job.id)).state, 'failed', 'this card has no keys');
}

gatewayTest('curl over HTTP, its response in chunks', { httpListen: '127.0.0.1:0' }, (lab) => auditBy(lab, gatewayOf(lab), []));

make('gateway', { name: 'localhost', alternatives: 'DNS:localhost,IP:127.0.0.1' });
gatewayTest('curl over HTTPS', { httpsListen: '127.0.0.1:0', tlsCert: pem('gateway'), tlsKey: key('gateway') },
	(lab) => auditBy(lab, gatewayOf(lab, 'https'), ['--cacert', pem('gateway')]));

// One POST by s_client: what it prints. The server says when it is over.
function sClient(lab, identity, secret, options) {
	const to = new URL(gatewayOf(lab, 'https')).host;
	const client = spawn('openssl', ['s_client', '-connect', to, '-psk_identity', identity, '-psk', secret, '-ign_eof', ...options],
		{ stdio: ['pipe', 'pipe', 'pipe'] });
	let text = '';
	for (const stream of [client.stdout, client.stderr])
		stream.on('data', (part) => { text += part.toString('latin1'); });
	client.stdin.on('error', () => {});
	client.stdin.write(`POST /?a=1 HTTP/1.1\r\nHost: ${to}\r\nX-Admin-Protocol: ${protocol}\r\nX-Admin-From: who knows\r\n` +
		`X-Admin-SE-List: ${element}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`);
	return new Promise((resolve) => client.on('close', () => resolve(text)));
}

const suites = [
	['PSK-AES128-CBC-SHA256', ['-tls1_2', '-cipher', 'PSK-AES128-CBC-SHA256']],
	['PSK-AES128-CBC-SHA', ['-tls1_2', '-cipher', 'PSK-AES128-CBC-SHA:@SECLEVEL=0']],
	['PSK-AES128-GCM-SHA256', ['-tls1_2', '-cipher', 'PSK-AES128-GCM-SHA256']],
	['ECDHE-PSK-AES128-CBC-SHA256', ['-tls1_2', '-cipher', 'ECDHE-PSK-AES128-CBC-SHA256']],
	['TLS_AES_128_GCM_SHA256', ['-tls1_3', '-ciphersuites', 'TLS_AES_128_GCM_SHA256']],
];

gatewayTest('openssl s_client with a pre-shared key, in each suite', { pskListen: '127.0.0.1:0' }, async (lab) => {
	const secret = randomBytes(16).toString('hex');
	await lab.rest.put('/credentials/card', { kind: 'psk', identity: '8944000', keyHex: secret });
	for (const [suite, options] of suites) {
		const text = await sClient(lab, '8944000', secret, options);
		assert.match(text, /HTTP\/1\.1 204/, `${suite}: ${text}`);
		assert.match(text, new RegExp(`Cipher +(is|:) ${suite}`), text);
		assert.equal((await lab.rest.get('/devices/card')).address, null, 'the key says who it is');
		await lab.rest.call('DELETE', '/devices/card');
	}
	for (const options of [['-tls1_2', '-cipher', 'PSK'], ['-tls1_3'], ['-tls1_1', '-cipher', 'PSK:@SECLEVEL=0']]) {
		const wrong = await sClient(lab, '8944000', options[0] === '-tls1_1' ? secret : randomBytes(16).toString('hex'), options);
		assert.doesNotMatch(wrong, /HTTP\/1\.1/, options[0]);
		assert.doesNotMatch(await sClient(lab, 'nobody', secret, options), /HTTP\/1\.1/);
	}
	assert.deepEqual((await lab.rest.get('/devices')).items, []);
});
