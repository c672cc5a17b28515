// Agents that speak SERAM over HTTP: the jobs of an operator reach their secure elements as those of any other device.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { Agent, agentIn, gatewayOf, gatewayTest, withGateway } from './http_gateway.mjs';
import { labTest, Server } from './lab.mjs';
import { request } from './rest.mjs';
import { appletAid, audit, packageAid, putKeys, readCard, succeeded, trace, uploadCap } from './secure_element.mjs';

const instanceAid = `${appletAid}01`;
const response = 'application/vnd.globalplatform.card-content-mgt-response;version=1.0';

const plain = { httpListen: '127.0.0.1:0' };
const inSmallScripts = { ...plain, maxRequestBytes: 600 }; // so that there are many points to break at

gatewayTest('an application is installed, audited and deleted over HTTP', { ...plain }, async (lab) => {
	await putKeys(lab, 'a');
	const agent = await agentIn(lab, 'a');
	await agent.sessionOver();
	const device = await lab.rest.get('/devices/a');
	assert.equal(device.address, null);
	assert.equal(device.queueMode, true);
	assert.deepEqual(device.objects, [{ object: 30401, instance: 0 }]);

	const empty = await audit(lab, 'a');
	assert.match(empty.identifier, /^\/\/se-id\/CUD\/[0-9A-F]+$/);
	const pack = await uploadCap(lab);
	const install = succeeded(await lab.run('a', 'se.install', { package: pack.id, instanceAidHex: instanceAid }));
	const full = await audit(lab, 'a');
	assert.equal(full.applications.length, empty.applications.length + 1);
	const card = await readCard(agent, [packageAid, instanceAid]);
	assert.equal(card.objects[instanceAid].kind, 'application');
	const deleted = succeeded(await lab.run('a', 'se.delete', { aidHex: packageAid, related: true }));
	assert.equal(deleted.result.alreadyAbsent, false);

	const lines = (await trace(lab, install)).filter(({ layer }) => layer === 'http');
	const scripts = lines.filter(({ direction, text }) => direction === 'command' && text.startsWith('200: script of '));
	const reports = lines.filter(({ direction, text }) => direction === 'answer' && text.includes('ended with ok'));
	assert.ok(scripts.length >= 4, 'each script is a response of the server');
	assert.equal(scripts.length, reports.length);
	assert.ok((await trace(lab, install)).some(({ layer }) => layer === 'apdu'), 'and decoded as over LwM2M');
});

gatewayTest('the same over TLS with the pre-shared key of the device', { pskListen: '127.0.0.1:0' }, async (lab) => {
	const key = randomBytes(16).toString('hex');
	await lab.rest.put('/credentials/s', { kind: 'psk', identity: 'card-7', keyHex: key });
	await putKeys(lab, 's');
	const options = { gateway: `${gatewayOf(lab, 'https')}/`, 'psk-identity': 'card-7' };
	const wrong = new Agent(lab, 's', { ...options, 'psk-key': randomBytes(16).toString('hex') });
	await wrong.start();
	await wrong.process.line(/admin\.interrupted reason=no connection/);
	await wrong.stop();
	await assert.rejects(lab.rest.get('/devices/s'), /404/);
	await agentIn(lab, 's', { ...options, 'psk-key': key });
	const element = await audit(lab, 's');
	assert.equal(element.instance, 0);
});

// A POST as an agent sends it.
function post(lab, headers = {}, { method = 'POST', body, path = '/adminagent?cmd=1' } = {}) {
	const all = { 'X-Admin-Protocol': 'globalplatform-remote-admin/1.1.1', 'X-Admin-From': 'h',
		'X-Admin-SE-List': '//se-id/CUD/0102', ...headers };
	const sent = Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
	return request(gatewayOf(lab), method, path, { headers: sent, body });
}

gatewayTest('what an agent must not say is refused with a reason that names it', { ...plain }, async (lab) => {
	await lab.rest.put('/credentials/known', { kind: 'psk', identity: 'known', keyHex: '00112233445566778899AABBCCDDEEFF' });
	const rows = [
		[400, /X-Admin-Protocol is missing/, { 'X-Admin-Protocol': undefined }],
		[400, /X-Admin-Protocol is not globalplatform-remote-admin/, { 'X-Admin-Protocol': 'else/1.0' }],
		[400, /X-Admin-From is missing/, { 'X-Admin-From': undefined }],
		[400, /X-Admin-From is no short text/, { 'X-Admin-From': 'x'.repeat(300) }],
		[403, /X-Admin-From: this device has to come with its credential/, { 'X-Admin-From': 'known' }],
		[400, /X-Admin-SE-List is missing/, { 'X-Admin-SE-List': undefined }],
		[400, /X-Admin-SE-List has what is not/, { 'X-Admin-SE-List': 'CUD:1' }],
		[400, /X-Admin-SE-List has what is not/, { 'X-Admin-SE-List': '//se-id/CUD/01;//se-id/else/02' }],
		[400, /X-Admin-SE-List has too many/, { 'X-Admin-SE-List': [...Array(17)].map((_, i) => `//se-id/CUD/${i}`).join(';') }],
		[400, /X-Admin-Targeted-SE is not/, { 'X-Admin-Targeted-SE': 'x' }],
		[409, /X-Admin-Script-Status: the URI names no script/, { 'X-Admin-Script-Status': 'ok' }],
		[405, /an agent sends POST/, {}, { method: 'PUT', body: 'x' }],
		[415, /Content-Type is not/, { 'X-Admin-Script-Status': 'ok' }, { body: 'x' }],
		[400, /X-Admin-Script-Status is missing/, { 'Content-Type': response }, { body: 'x' }],
		[413, /too large/, { 'Content-Type': response }, { body: Buffer.alloc(20000) }],
		[414, /path of the URI is too long/, {}, { path: `/${'x'.repeat(200)}` }],
	];
	for (const [status, reason, headers, options] of rows) {
		const answer = await post(lab, headers, options);
		assert.match(answer.text, reason);
		assert.equal(answer.status, status, answer.text);
	}
	const nothing = await post(lab);
	assert.equal(nothing.status, 204);
	assert.equal(nothing.headers['x-admin-next-uri'], undefined, 'there is nothing to do: the session is over');
	assert.equal(nothing.headers['x-admin-protocol'], 'globalplatform-remote-admin/1.1.1');
	await assert.rejects(lab.rest.get('/devices/known'), /404/);
});

// What a job asks first is to open a channel: INITIALIZE UPDATE alone in a script.
async function firstScript(lab, endpoint, headers = {}) {
	await putKeys(lab, endpoint);
	const job = await lab.rest.post(`/devices/${endpoint}/operations`, { operation: 'se.audit', params: {} });
	const answer = await post(lab, { 'X-Admin-From': endpoint, ...headers });
	assert.equal(answer.status, 200, answer.text);
	return { job, answer };
}

gatewayTest('a script is an HTTP response as the protocol has it', { ...plain, holdSeconds: 1 }, async (lab) => {
	const two = { 'X-Admin-SE-List': '//se-id/CUD/0102;//se-id/ICCID/8949' };
	const { job, answer } = await firstScript(lab, 'h', two);
	assert.equal(answer.headers['content-type'], 'application/vnd.globalplatform.card-content-mgt;version=1.0');
	assert.equal(answer.headers['x-admin-targeted-se'], '//se-id/CUD/0102');
	assert.equal(answer.headers['x-admin-targeted-application'], '//aid/A000000151/000000');
	assert.match(answer.bytes.toString('hex'), /^ae80220.8050[0-9a-f]+0000$/, 'INITIALIZE UPDATE in a script without a length');
	const next = answer.headers['x-admin-next-uri'];
	assert.match(next, /^\/adminagent\?session=[0-9a-f]{16}&se=0&request=1$/);
	assert.equal((await lab.rest.get('/devices/h')).objects.length, 2);

	const again = await post(lab, two, { path: '/adminagent?cmd=1' });
	assert.equal(again.status, 200, 'a new session: the job begins again');
	assert.notEqual(again.headers['x-admin-next-uri'].split('&')[0], next.split('&')[0]);
	const stale = await post(lab, { 'X-Admin-SE-List': undefined, 'X-Admin-Script-Status': 'ok' }, { path: `${next}9` });
	assert.equal(stale.status, 400, stale.text);

	const here = again.headers['x-admin-next-uri'];
	const report = { 'X-Admin-SE-List': undefined, 'X-Admin-Script-Status': 'ok', 'Content-Type': response };
	const body = Buffer.from('af8023026a880000', 'hex');
	const nameless = await post(lab, report, { path: here, body });
	assert.match(nameless.text, /X-Admin-Targeted-SE is missing beside/);
	const other = await post(lab, { ...report, 'X-Admin-Targeted-SE': '//se-id/ICCID/8949' }, { path: here, body });
	assert.match(other.text, /X-Admin-Targeted-SE is not the secure element/);
	assert.equal(other.status, 409);
	const end = await post(lab, { ...report, 'X-Admin-Targeted-SE': '//se-id/cud/0102' }, { path: here, body });
	assert.equal(end.status, 204, 'the card does not know the key: the job fails, the session is over');
	assert.equal((await lab.end(job.id)).state, 'failed');
});

const failures = [
	['unknown-application', 'not-found'],
	['not-a-security-domain', 'not-found'],
	['security-error', 'denied'],
	['script-format-error', 'malformed'],
	['Something-New', 'unsupported'],
];

gatewayTest('each status of a script becomes the reason of the job', { ...plain }, async (lab) => {
	for (const [status, code] of failures) {
		const { job, answer } = await firstScript(lab, 'h');
		const end = await post(lab, { 'X-Admin-SE-List': undefined, 'X-Admin-Script-Status': status },
			{ path: answer.headers['x-admin-next-uri'] });
		assert.equal(end.status, 204, end.text);
		const failed = await lab.end(job.id);
		assert.equal(failed.state, 'failed');
		assert.equal(failed.error.code, code, `${status}: ${JSON.stringify(failed.error)}`);
		if (code !== 'unsupported')
			assert.ok(failed.error.reason.includes(status), failed.error.reason);
	}
});

gatewayTest('a request that is repeated gets the same script, one that resumes does not', { ...plain }, async (lab) => {
	const { answer } = await firstScript(lab, 'h');
	const report = { 'X-Admin-SE-List': undefined, 'X-Admin-Script-Status': 'ok', 'Content-Type': response,
		'X-Admin-Targeted-SE': '//se-id/CUD/0102' };
	const path = answer.headers['x-admin-next-uri'];
	// A card that has another key set than the one that is asked for: the job looks for another way, or fails.
	const resumed = await post(lab, { 'X-Admin-SE-List': undefined, 'X-Admin-Resume': 'true' }, { path });
	assert.equal(resumed.status, 200, 'the script was not run, as far as one knows');
	assert.notEqual(resumed.headers['x-admin-next-uri'], path, 'so the job begins again');
	const repeated = await post(lab, { 'X-Admin-SE-List': undefined }, { path });
	assert.equal(repeated.headers['x-admin-next-uri'], resumed.headers['x-admin-next-uri']);
	assert.deepEqual(repeated.bytes, resumed.bytes);
	const unknown = await post(lab, report, { path, body: Buffer.from('af8023026a880000', 'hex') });
	assert.equal(unknown.status, 409, 'that script is given up');
});

gatewayTest('while a job goes on the agent is told to ask again', { ...plain, holdSeconds: 1 }, async (lab) => {
	const { job, answer } = await firstScript(lab, 'h');
	const busy = await post(lab, { 'X-Admin-SE-List': undefined,
		'X-Admin-Script-Status': 'temporarily-unavailable-application' }, { path: answer.headers['x-admin-next-uri'] });
	assert.equal(busy.status, 204, 'the job waits some seconds before it tries again');
	const next = busy.headers['x-admin-next-uri'];
	assert.match(next, /^\/adminagent\?session=[0-9a-f]{16}$/);
	await lab.rest.call('DELETE', `/jobs/${job.id}`);
	const end = await post(lab, { 'X-Admin-SE-List': undefined }, { path: next });
	assert.equal(end.status, 204);
	assert.equal(end.headers['x-admin-next-uri'], undefined);
});

gatewayTest('a card with Amendment B names no secure element', { ...plain }, async (lab) => {
	const card = { 'X-Admin-Protocol': 'globalplatform-remote-admin/1.0', 'X-Admin-SE-List': undefined };
	const { answer } = await firstScript(lab, 'h', card);
	assert.equal(answer.headers['x-admin-protocol'], 'globalplatform-remote-admin/1.0');
	assert.equal(answer.headers['x-admin-targeted-se'], undefined);
	const end = await post(lab, { ...card, 'X-Admin-Script-Status': 'ok', 'Content-Type': response },
		{ path: answer.headers['x-admin-next-uri'], body: Buffer.from('af8023026a880000', 'hex') });
	assert.equal(end.status, 204);
});

// Each of these kills the agent at another point of an installation; it comes back and resumes.
for (const moment of ['before-apdu:9', 'apdu:12', 'after-record:6', 'before-request:4', 'request:5', 'request:7'])
	gatewayTest(`an installation survives an agent that loses power at ${moment}`, { ...inSmallScripts }, async (lab) => {
		await putKeys(lab, 'p');
		const pack = await uploadCap(lab);
		const job = await lab.rest.post('/devices/p/operations',
			{ operation: 'se.install', params: { package: pack.id, instanceAidHex: instanceAid } });
		const agent = new Agent(lab, 'p', { 'reboot-at': moment, 'reboot-by-exec': true });
		await agent.start();
		succeeded(await lab.end(job.id));
		const card = await readCard(agent, [packageAid, instanceAid]);
		assert.equal(card.applications, 1);
		assert.equal(card.objects[packageAid].kind, 'load-file');
		assert.equal(agent.process.lines.filter((line) => line.startsWith('gateway ')).length, 2, 'it did lose power');
	});

gatewayTest('an installation survives a server that is killed again and again', { ...inSmallScripts }, async (lab) => {
	await putKeys(lab, 'k');
	const pack = await uploadCap(lab);
	const agent = await agentIn(lab, 'k', { 'apdu-delay-ms': 20 });
	const job = await lab.rest.post('/devices/k/operations',
		{ operation: 'se.install', params: { package: pack.id, instanceAidHex: instanceAid } });
	for (let kills = 0; kills < 4; kills++) {
		const from = lab.server.process.lines.length;
		await lab.server.process.line(/job\.updated id=\d+ endpoint=k operation=se.install state=(running|verifying)/, from)
			.catch(() => {});
		await lab.server.kill();
		await lab.server.start();
	}
	succeeded(await lab.end(job.id));
	assert.equal((await readCard(agent, [packageAid, instanceAid])).applications, 1);
});

gatewayTest('an agent is sent to another server once there is nothing more to do',
	{ ...plain, nextServer: 'http://127.0.0.1:1/adminagent?from=first' }, async (lab) => {
		const nothing = await post(lab);
		assert.equal(nothing.status, 204);
		assert.equal(nothing.headers['x-admin-next-uri'], 'http://127.0.0.1:1/adminagent?from=first');
	});

// The first server has no job and sends the agent on to the second, which has one.
withGateway({ ...plain }).then((settings) => labTest('an agent goes where it is sent', settings, async (lab) => {
	const first = new Server(lab, (await withGateway({ ...plain, nextServer: `${gatewayOf(lab)}/adminagent?from=first` })).server,
		'first');
	await first.start();
	await putKeys(lab, 'a');
	const job = await lab.rest.post('/devices/a/operations', { operation: 'se.audit', params: {} });
	const agent = await agentIn(lab, 'a', { gateway: `${gatewayOf({ server: first })}/?a=1`, 'reboot-at': 'apdu:4',
		'reboot-by-exec': true });
	succeeded(await lab.end(job.id));
	await agent.sessionOver();
	assert.equal((await first.rest.get('/devices/a')).awake, false);
}));

// ---- SERAM 2.0.0 ----

gatewayTest('an agent that speaks SERAM 2.0.0 has the same jobs', { ...plain }, async (lab) => {
	await putKeys(lab, 'l');
	const agent = await agentIn(lab, 'l', { gateway: `${gatewayOf(lab)}/gp/seram` });
	const pack = await uploadCap(lab);
	const install = succeeded(await lab.run('l', 'se.install', { package: pack.id, instanceAidHex: instanceAid }));
	assert.equal((await readCard(agent, [packageAid, instanceAid])).applications, 1);
	const element = await audit(lab, 'l');
	assert.equal(element.type, 'eSE');
	assert.match(element.identifier, /^\/\/se-id\/eSE\/[0-9A-F]+$/);
	const lines = (await trace(lab, install)).filter(({ layer }) => layer === 'http').map(({ text }) => text);
	assert.ok(lines.includes('POST: Handshake Command'));
	assert.ok(lines.some((text) => /^200: Order of \d+ bytes$/.test(text)));
	assert.ok(lines.some((text) => /^POST: Report PROCESSED, 1 responses$/.test(text)));
	succeeded(await lab.run('l', 'se.delete', { aidHex: packageAid, related: true }));
});

async function seram2(lab, what, json, { session = 'm', ...options } = {}) {
	const answer = await request(gatewayOf(lab), 'POST', `/gp/seram/${what}?sessionId=${session}`, { json, ...options });
	return { status: answer.status, text: answer.text, json: answer.status === 200 ? JSON.parse(answer.text) : null };
}

const polling = { localAgentStatus: { localAgentStatusEnum: 'POLLING', executedSeRamCommands: 0 } };

gatewayTest('messages of SERAM 2.0.0 are answered as its schema says', { ...plain, holdSeconds: 0 }, async (lab) => {
	const elements = [{ seType: 'eSE', seId: '0102' }, { seType: 'uicc', seId: '8949', seExtraInfo: 'SAM' }];
	assert.equal((await seram2(lab, 'remoteManagement', polling)).status, 404);
	assert.equal((await seram2(lab, 'handshake', { secureElements: elements, supportedVersions: ['9.9'] })).status, 406);
	assert.equal((await seram2(lab, 'handshake', { secureElements: [] })).status, 400);
	assert.equal((await seram2(lab, 'handshake', { secureElements: elements }, { headers: { 'Content-Type': 'text/plain' } }))
		.status, 415);
	const choice = await seram2(lab, 'handshake', { secureElements: elements });
	assert.deepEqual(choice.json,
		{ chosenTransportProtocol: 'HTTPS', chosenDataFormat: 'application/json', chosenVersion: '2.0.0' });
	const nothing = await seram2(lab, 'remoteManagement', polling);
	assert.deepEqual(nothing.json.ramCommands.map((one) => one.ramCommandType), ['ramStartCommand', 'ramStopCommand']);
	assert.equal((await seram2(lab, 'remoteManagement', polling)).status, 404, 'the session is over');

	await putKeys(lab, 'm');
	const job = await lab.rest.post('/devices/m/operations', { operation: 'se.audit', params: { se: 1 } });
	await seram2(lab, 'handshake', { secureElements: elements });
	assert.equal((await seram2(lab, 'remoteManagement', polling, { session: 'other' })).status, 404);
	let order;
	do
		order = (await seram2(lab, 'remoteManagement', polling)).json;
	while (order.ramCommands === undefined);
	assert.deepEqual(order.chosenSecureElement, { seType: 'uicc', seId: '8949' });
	assert.deepEqual(order.ramCommands.map((one) => one.ramCommandType), ['ramStartCommand', 'seRamCommand']);
	const [select, update] = order.ramCommands[1].listOfCAPDU;
	assert.equal(select, '00A4040008A00000015100000000');
	assert.match(update, /^8050/);
	const malformed = await seram2(lab, 'remoteManagement', { ...polling, ramResponses: 7 });
	assert.equal(malformed.status, 400);
	const report = { localAgentStatus: { localAgentStatusEnum: 'UNGRANTED_ACCESS', executedSeRamCommands: 0 } };
	const end = await lab.end((await seram2(lab, 'remoteManagement', report), job.id));
	assert.equal(end.error.code, 'denied');
});

for (const moment of ['apdu:14', 'request:6', 'before-request:7'])
	gatewayTest(`with SERAM 2.0.0 too an agent may lose power at ${moment}`, { ...inSmallScripts }, async (lab) => {
		await putKeys(lab, 'p');
		const pack = await uploadCap(lab);
		const job = await lab.rest.post('/devices/p/operations',
			{ operation: 'se.install', params: { package: pack.id, instanceAidHex: instanceAid } });
		const agent = new Agent(lab, 'p', { gateway: `${gatewayOf(lab)}/gp/seram`, 'reboot-at': moment, 'reboot-by-exec': true });
		await agent.start();
		succeeded(await lab.end(job.id));
		assert.equal((await readCard(agent, [packageAid, instanceAid])).applications, 1);
		assert.equal(agent.process.lines.filter((line) => line.startsWith('gateway ')).length, 2, 'it did lose power');
	});
