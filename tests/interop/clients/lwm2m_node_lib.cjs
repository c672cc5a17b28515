// A device made of lwm2m-node-lib (Telefonica): LwM2M 1.0, every value a text, no Content-Format anywhere, a new port for
// each Update.
//
//   node lwm2m_node_lib.cjs PORT ENDPOINT
const { promisify } = require('node:util');
const client = require('lwm2m-node-lib/lib/lwm2m-client.js');
const logger = require('logops');
const { fail, obey } = require('./signals.cjs');

const [port, endpoint] = process.argv.slice(2);
const create = promisify(client.registry.create);
const set = promisify(client.registry.setResource);

async function main() {
	logger.setLevel('FATAL');
	client.init({ client: {
		lifetime: '600',
		version: '1.0',
		ipProtocol: 'udp4',
		serverProtocol: 'udp4',
		// It is silent when it is asked for a format that it has no name for.
		formats: [{ name: 'text', value: 1541 }, { name: 'tlv', value: 11542 }, { name: 'senml-cbor', value: 112 }],
		writeFormat: 'text',
	} });
	await create('/1/0');
	await set('/1/0', '1', '600');
	await create('/3/0');
	await set('/3/0', '0', 'Telefonica');
	await set('/3/0', '14', '+01:00');

	const device = await promisify(client.register)('127.0.0.1', port, '', endpoint);
	client.setHandler(device.serverInfo, 'execute', (object, instance, resource, value, done) => {
		console.log(`executed /${object}/${instance}/${resource}`);
		done(null);
	});
	obey({
		async update() {
			const { location } = device;
			await promisify(client.update)(device);
			device.location = location; // it would append the location of the answer to the one that it has
			console.log('updated');
		},
		change: () => set('/3/0', '14', '+09:00'),
		async leave() {
			await promisify(client.unregister)(device);
			console.log('left');
			process.exit(0);
		},
	});
	console.log(`registered ${device.location}`);
}

main().catch(fail);
