// CoAP over TCP and TLS (RFC 8323, 3): to a CoapClient a connection looks like a socket with datagrams.
import net from 'node:net';
import tls from 'node:tls';
import { EventEmitter } from 'node:events';
import { CoapClient, types } from './coap.mjs';
import { withPatience } from './process.mjs';

const codes = { csm: 0xe1, ping: 0xe2, pong: 0xe3 };

function frameOf(datagram) {
	const tokenLength = datagram[0] & 15, rest = datagram.subarray(4);
	const length = rest.length - tokenLength;
	const [nibble, more] = length < 13 ? [length, []] : length < 269 ? [13, [length - 13]] : [14, [(length - 269) >> 8, (length - 269) & 255]];
	return Buffer.concat([Buffer.from([(nibble << 4) | tokenLength, ...more, datagram[1]]), rest]);
}

// [the message without what is only in datagrams, how many bytes it takes], or undefined while some of it is missing.
function readFrame(bytes) {
	const nibble = bytes[0] >> 4, tokenLength = bytes[0] & 15, width = [1, 2][nibble - 13] ?? 0;
	if (nibble === 15)
		throw new Error('a message of more than 65804 bytes');
	if (bytes.length < 2 + width)
		return undefined;
	const length = [nibble, 13 + bytes[1], 269 + bytes.readUInt16BE(Math.min(1, bytes.length - 2))][width];
	const end = 2 + width + tokenLength + length;
	return bytes.length < end ? undefined : [{ tokenLength, code: bytes[1 + width], rest: bytes.subarray(2 + width, end) }, end];
}

class StreamSocket extends EventEmitter {
	constructor(socket) {
		super();
		this.socket = socket;
		this.isReliable = true;
		this.lastId = 0;
		let bytes = Buffer.alloc(0);
		socket.on('error', (error) => this.emit('error', error));
		socket.on('data', (more) => {
			bytes = Buffer.concat([bytes, more]);
			for (let frame; bytes.length > 1 && (frame = readFrame(bytes)) !== undefined; bytes = bytes.subarray(frame[1]))
				this.#take(frame[0]);
		});
	}

	#take({ tokenLength, code, rest }) {
		if (code === codes.csm)
			this.emit('csm', rest);
		else if (code === codes.ping)
			this.socket.write(Buffer.concat([Buffer.of(tokenLength, codes.pong), rest.subarray(0, tokenLength)]));
		else if (code < 0xe0) {
			const id = ++this.lastId & 0xffff; // no two are the same message
			const type = code < 0x20 ? types.CON : types.ACK;
			this.emit('message', Buffer.concat([Buffer.of(0x40 | (type << 4) | tokenLength, code, id >> 8, id & 255), rest]));
		}
	}

	send(datagram, done) {
		this.socket.write(frameOf(datagram), done);
	}

	close() {
		this.socket.destroy();
	}
}

// A client whose connection stands, and both sides of which have told what they can. `options` are those of node's tls.
export async function openStream(uri, options = {}) {
	const { hostname: host, port, protocol } = new URL(uri.replace(/^coap/, 'http').replace('+tcp', ''));
	const open = protocol === 'https:' ? tls.connect : net.connect;
	const socket = open({ host, port: Number(port), ...options }).unref();
	const stream = new StreamSocket(socket);
	const capabilities = new Promise((resolve, reject) => {
		stream.once('csm', resolve);
		stream.once('error', reject);
		socket.once('close', () => reject(new Error('the connection was closed')));
	});
	capabilities.catch(() => {}); // that there is no connection is said first
	await withPatience(new Promise((resolve, reject) => {
		socket.once(protocol === 'https:' ? 'secureConnect' : 'connect', resolve);
		stream.once('error', reject);
	}), 'a connection');
	socket.write(Buffer.of(0, codes.csm));
	const client = new CoapClient(stream);
	client.capabilities = await withPatience(capabilities, 'the capabilities of the server');
	return client;
}

// TLS with a pre-shared key.
export function pskOptions(identity, key) {
	return { pskCallback: () => ({ identity, psk: key }), ciphers: 'PSK', maxVersion: 'TLSv1.2', checkServerIdentity: () => undefined };
}
