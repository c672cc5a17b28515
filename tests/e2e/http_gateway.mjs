// The gateway of the plugin se: a server that has one, and the reference device as an agent of it.
import { Device, labTest } from './lab.mjs';
import { withPorts } from './ports.mjs';

// The settings of a lab whose server has a plugin se with these as "gateway".
export async function withGateway(settings) {
	const section = { ...settings };
	for (const listen of Object.keys(section).filter((one) => one.endsWith('Listen')))
		section[listen] = await withPorts(section[listen]);
	return { server: { 'plugin-config': JSON.stringify({ se: { gateway: section } }) } };
}

export async function gatewayTest(name, settings, body) {
	labTest(name, await withGateway(settings), body);
}

// Where it listens: "http://127.0.0.1:12345".
export function gatewayOf(lab, scheme = 'http') {
	return lab.server.process.lines.map((line) => /^plugin se (\S+)$/.exec(line)?.[1])
		.find((address) => address?.startsWith(`${scheme}://`));
}

export class Agent extends Device {
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

export async function agentIn(lab, endpoint, options = {}) {
	const agent = new Agent(lab, endpoint, options);
	await agent.start();
	return agent;
}
