// Ports that stay ours: a server that is started again must find its port free, so it may not be one that the system gives
// to whoever connects next (on Linux 32768 to 60999).
import dgram from 'node:dgram';
import net from 'node:net';

const first = 10000, slices = 110, perSlice = 200;
const begin = first + (process.pid % slices) * perSlice; // tests that run beside this one have other slices
let taken = 0;

function opens(server, bind) {
	return new Promise((resolve) => {
		server.once('error', () => resolve(false));
		bind(() => server.close(() => resolve(true)));
	});
}

// Free for datagrams and streams, on every address.
async function isFree(port) {
	const stream = net.createServer(), datagrams = dgram.createSocket('udp6');
	return await opens(stream, (done) => stream.listen(port, '::', done)) &&
		await opens(datagrams, (done) => datagrams.bind(port, '::', done));
}

async function takePort() {
	for (;;) {
		const port = begin + taken++ % perSlice;
		if (await isFree(port))
			return port;
	}
}

// "127.0.0.1:0" with a port in place of the 0; other addresses, and lists of them, likewise or as they are.
export async function withPorts(addresses) {
	const chosen = addresses.split(',').map(async (address) =>
		(address.endsWith(':0') ? address.replace(/0$/, await takePort()) : address));
	return (await Promise.all(chosen)).join(',');
}
