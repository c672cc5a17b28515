// Agents that speak SERAM over HTTP: the jobs of an operator reach their secure elements as those of any other device.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { Device, labTest } from './lab.mjs';
import { withPorts } from './ports.mjs';
import { request } from './rest.mjs';
import { appletAid, audit, packageAid, putKeys, readCard, succeeded, trace, uploadCap } from './secure_element.mjs';

const instanceAid = `${appletAid}01`;
const response = 'application/vnd.globalplatform.card-content-mgt-response;version=1.0';

// The server's settings with a gateway: `settings` is the plugin's section.
async function withGateway(settings) {
	for (const name of Object.keys(settings).filter((one) => one.endsWith('Listen')))
		settings[name] = await withPorts(settings[name]);
	return { server: { 'plugin-config': JSON.stringify({ se: { gateway: settings } }) } };
}

class Agent extends Device {
	constructor(lab, endpoint, options = {}) {
		super(lab, endpoint, { gateway: `${gatewayOf(lab)}/adminagent?cmd=1`, ...options });
	}

	async start() {
		this.launch();
		await this.process.line(/^gateway /);
	}

	sessionOver(from = 0) {
		return this.process.line(/^session over$/, from);
	}
}

function gatewayOf(lab, scheme = 'http') {
	return lab.server.process.lines.map((line) => /^plugin se (\S+)$/.exec(line)?.[1])
		.find((address) => address?.startsWith(`${scheme}://`));
}

async function agentIn(lab, endpoint, options = {}) {
	const agent = new Agent(lab, endpoint, options);
	await agent.start();
	return agent;
}

function gatewayTest(name, settings, body) {
	withGateway(settings).then((server) => labTest(name, server, body));
}

const plain = { httpListen: '127.0.0.1:0' };

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
