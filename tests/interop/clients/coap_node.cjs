// A device made of coap-node: LwM2M 1.0 in TLV and text, IPSO objects, a socket of its own for each request.
//
//   node coap_node.cjs PORT ENDPOINT
const CoapNode = require('coap-node');
const SmartObject = require('smartobject');
const { fail, obey } = require('./signals.cjs');

// It would look for the interface of the default route, which a machine need not have.
require('network').get_active_interface = (done) =>
	done(null, { ip_address: '127.0.0.1', gateway_ip: '127.0.0.1', mac_address: '00:00:00:00:00:00' });

const [port, endpoint] = process.argv.slice(2);
const objects = new SmartObject();
objects.init('temperature', 0, {
	sensorValue: 21.5,
	units: 'C',
	resetMinMaxMeaValues: { exec: (...args) => {
		console.log('executed');
		args.at(-1)(null);
	} },
});
objects.init('temperature', 1, { sensorValue: -30 });
objects.init('lightCtrl', 0, {
	onOff: false,
	dimmer: 50,
});

const node = new CoapNode(endpoint, objects, { lifetime: 600, manuf: 'coap-node', model: 'interop' });

function answered(what) {
	return (error, response) => {
		if (error)
			fail(error);
		console.log(`${what} ${response.status}`);
		if (what === 'left')
			process.exit(0);
	};
}

node.on('error', (error) => console.log(`error ${error.message}`));
obey({
	update: () => node.update({ lifetime: 700 }, answered('updated')),
	change: () => objects.write('temperature', 0, 'sensorValue', 25, () => {}),
	leave: () => node.deregister(answered('left')),
});
node.register('127.0.0.1', Number(port), answered('registered'));
