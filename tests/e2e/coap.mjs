// CoAP messages byte by byte (RFC 7252, 3), for what no proper client would send.
import dgram from 'node:dgram';
import { randomBytes } from 'node:crypto';
import { withPatience } from './process.mjs';

export const types = { CON: 0, NON: 1, ACK: 2, RST: 3 };
export const methods = { GET: 1, POST: 2, PUT: 3, DELETE: 4 };
export const options = { observe: 6, locationPath: 8, uriPath: 11, contentFormat: 12, uriQuery: 15, accept: 17, block2: 23 };

function nibble(number) {
	if (number < 13)
		return [number, []];
	if (number < 269)
		return [13, [number - 13]];
	return [14, [(number - 269) >> 8, (number - 269) & 255]];
}

// `options` is a list of [number, Buffer | string], in any order.
export function encode({ type, code, id, token = Buffer.alloc(0), options: list = [], payload = Buffer.alloc(0) }) {
	const parts = [Buffer.from([0x40 | (type << 4) | token.length, code, id >> 8, id & 255]), token];
	let last = 0;
	for (const [number, value] of [...list].sort((a, b) => a[0] - b[0])) {
		const bytes = Buffer.from(value);
		const [delta, deltaMore] = nibble(number - last);
		const [length, lengthMore] = nibble(bytes.length);
		parts.push(Buffer.from([(delta << 4) | length, ...deltaMore, ...lengthMore]), bytes);
		last = number;
	}
	if (payload.length > 0)
		parts.push(Buffer.from([0xff]), Buffer.from(payload));
	return Buffer.concat(parts);
}

export function decode(bytes) {
	const tokenLength = bytes[0] & 15;
	const message = {
		type: (bytes[0] >> 4) & 3,
		code: bytes[1],
		codeText: `${bytes[1] >> 5}.${String(bytes[1] & 31).padStart(2, '0')}`,
		id: bytes.readUInt16BE(2),
		token: bytes.subarray(4, 4 + tokenLength),
		options: [],
		payload: Buffer.alloc(0),
	};
	let at = 4 + tokenLength, number = 0;
	const extended = (value) => {
		if (value === 13)
			return bytes[at++] + 13;
		if (value === 14) {
			at += 2;
			return bytes.readUInt16BE(at - 2) + 269;
		}
		return value;
	};
	while (at < bytes.length) {
		const first = bytes[at++];
		if (first === 0xff) {
			message.payload = bytes.subarray(at);
			break;
		}
		number += extended(first >> 4);
		const length = extended(first & 15);
		message.options.push([number, bytes.subarray(at, at + length)]);
		at += length;
	}
	return message;
}

export function formatBytes(format) {
	return Buffer.from(format > 255 ? [format >> 8, format & 255] : format > 0 ? [format] : []);
}

export function pathOf(message) {
	return `/${message.options.filter(([number]) => number === options.uriPath).map(([, value]) => value.toString()).join('/')}`;
}

// A socket that talks to one server.
export class CoapClient {
	static async open(uri) {
		const url = new URL(uri.replace(/^coap/, 'http'));
		const host = url.hostname.replace(/^\[|\]$/g, '');
		const socket = dgram.createSocket(host.includes(':') ? 'udp6' : 'udp4');
		await new Promise((resolve, reject) => {
			socket.once('error', reject);
			socket.connect(Number(url.port), host, resolve);
		});
		socket.unref(); // a test that failed ends without closing it
		return new CoapClient(socket);
	}

	constructor(socket) {
		this.socket = socket;
		this.received = [];
		this.waiting = new Set();
		this.nextId = randomBytes(2).readUInt16BE();
		socket.on('error', () => {});
		socket.on('message', (bytes) => {
			const message = decode(bytes);
			this.received.push(message);
			for (const look of [...this.waiting])
				look(message);
		});
	}

	close() {
		this.socket.close();
	}

	sendBytes(bytes) {
		return new Promise((resolve, reject) => this.socket.send(bytes, (error) => (error ? reject(error) : resolve())));
	}

	find(fits, what) {
		const past = this.received.find(fits);
		if (past)
			return Promise.resolve(past);
		let look;
		const found = new Promise((resolve) => {
			look = (message) => fits(message) && resolve(message);
			this.waiting.add(look);
		});
		return withPatience(found, what).finally(() => this.waiting.delete(look));
	}

	// Answers requests from now on with what `answer` says to them, { code, format, payload, options }; undefined: nothing. One
	// that comes again is answered again, and `answer` is not asked.
	serve(answer) {
		const answers = new Map();
		this.waiting.add((request) => {
			if (request.type !== types.CON || request.code === 0 || request.code >= 0x40)
				return;
			if (!answers.has(request.id))
				answers.set(request.id, answer(request));
			const said = answers.get(request.id);
			if (said === undefined)
				return;
			const list = [...said.options ?? []];
			if (said.format !== undefined)
				list.push([options.contentFormat, formatBytes(said.format)]);
			this.sendBytes(encode({ type: types.ACK, code: said.code, id: request.id, token: request.token, options: list,
				payload: said.payload })).catch(() => {});
		});
	}

	// A confirmable request, repeated until it is answered; the answer may come separately and is acknowledged.
	async request(code, { path = '', query = [], format, payload, options: more = [] } = {}) {
		const id = this.nextId++ & 0xffff;
		const token = randomBytes(4);
		const list = path.split('/').filter(Boolean).map((segment) => [options.uriPath, segment])
			.concat(query.map((part) => [options.uriQuery, part]), more);
		if (format !== undefined)
			list.push([options.contentFormat, formatBytes(format)]);
		const bytes = encode({ type: types.CON, code, id, token, options: list, payload });
		const again = this.socket.isReliable ? undefined : setInterval(() => this.sendBytes(bytes).catch(() => {}), 500);
		try {
			await this.sendBytes(bytes);
			const answer = await this.find((message) => message.code !== 0 && message.token.equals(token) ||
				message.type === types.RST && message.id === id, 'a CoAP answer');
			if (answer.type === types.CON)
				await this.sendBytes(encode({ type: types.ACK, code: 0, id: answer.id }));
			return answer;
		} finally {
			clearInterval(again);
		}
	}
}

export function location(answer) {
	return answer.options.filter(([number]) => number === options.locationPath).map(([, value]) => value.toString()).join('/');
}
