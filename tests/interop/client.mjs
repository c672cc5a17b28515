// Starts a client of clients/ as a device of a lab.
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const scripts = path.join(path.dirname(fileURLToPath(import.meta.url)), 'clients');

export async function startClient(lab, script, endpoint) {
	const { port } = new URL(lab.server.coap.replace(/^coap/, 'http'));
	const client = lab.start(endpoint, process.execPath, [path.join(scripts, script), port, endpoint],
		{ NODE_PATH: process.env.CLIENT_MODULES });
	await client.line(/^registered /);
	return client;
}

// Sends a signal (clients/signals.cjs) and waits for the line that follows.
export function tell(client, signal, line) {
	const from = client.lines.length;
	client.child.kill(signal);
	return client.line(line, from);
}
