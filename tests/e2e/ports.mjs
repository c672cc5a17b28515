// Ports that stay ours: a server that is started again must find its port free, so it may not be one that the system gives
// to whoever connects next (on Linux 32768 to 60999).
import dgram from 'node:dgram';
import net from 'node:net';

const first = 10000, slices = 110, perSlice = 200;
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

// The first port of a slice that no other test has: whoever listens on its last port has it, until he ends.
async function takeSlice() {
	for (let slice = process.pid % slices; ; slice = (slice + 1) % slices) {
		const begin = first + slice * perSlice, holder = net.createServer().unref();
		const isOurs = await new Promise((resolve) => {
			holder.once('error', () => resolve(false));
			holder.listen(begin + perSlice - 1, '::', () => resolve(true));
		});
		if (isOurs)
			return begin;
	}
}

const slice = takeSlice();

async function takePort() {
	const begin = await slice;
	for (;;) {
		const port = begin + taken++ % (perSlice - 1);
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
