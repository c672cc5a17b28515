// A device that protects its messages by OSCORE (RFC 8613), over UDP in the clear; one message at a time.
import assert from 'node:assert/strict';
import dgram from 'node:dgram';
import { randomBytes } from 'node:crypto';
import { decode, encode, formatBytes, methods, options, types } from './coap.mjs';
import { OscoreContext, oscoreOption } from './oscore.mjs';

// With a credential as the server has it: its sender is our recipient.
export class OscoreDevice {
	constructor(credential) {
		this.own = { ...credential, senderIdHex: credential.recipientIdHex, recipientIdHex: credential.senderIdHex };
		this.context = new OscoreContext(this.own);
		this.nextId = 1;
		this.waiting = [];
		this.received = [];
	}

	async connect(uri) {
		this.socket?.close();
		const { port, hostname } = new URL(uri.replace(/^coap/, 'http'));
		this.socket = dgram.createSocket(hostname.includes(':') ? 'udp6' : 'udp4').unref(); // a test that failed ends
		this.socket.on('message', (bytes) => {
			const message = decode(bytes);
			if (message.type === types.ACK && message.id === this.lastAcknowledged)
				return; // the answer to a copy
			if (message.type === types.ACK)
				this.lastAcknowledged = message.id;
			const waiting = this.waiting.shift();
			if (waiting)
				waiting(message);
			else
				this.received.push(message);
		});
		this.socket.on('error', () => {}); // the server restarts
		await new Promise((resolve) => this.socket.connect(Number(port), hostname.replace(/^\[|\]$/g, ''), resolve));
	}

	next() {
		const first = this.received.shift();
		return first ? Promise.resolve(first) : new Promise((resolve) => this.waiting.push(resolve));
	}

	send(message) {
		this.socket.send(encode(message));
	}

	// Sends until there is an answer; resolves to it as it came, and to the `iv` that it is bound to.
	async exchange(code, list, payload = '') {
		const message = { type: types.CON, code, id: this.nextId++, token: randomBytes(4), options: list, payload };
		const { iv, message: sealed } = this.context.request(message);
		this.send(sealed);
		const again = setInterval(() => this.send(sealed), 500);
		try {
			return { iv, sealed, answer: await this.next() };
		} finally {
			clearInterval(again);
		}
	}

	// Answers the opened answer.
	async ask(code, list, payload) {
		const { iv, answer } = await this.exchange(code, list, payload);
		return this.context.openAnswer(answer, iv);
	}

	// All but the credential is lost: a new context by RFC 8613, appendix B.2, whose request #2 is the next one that is
	// asked. Resolves to request #1.
	async renew() {
		const r1 = randomBytes(8);
		this.context = OscoreContext.renewed(this.own, r1);
		const { iv, sealed, answer } = await this.exchange(methods.GET, [[options.uriPath, 'rd']]);
		const r2 = OscoreContext.offered(answer);
		assert.ok(r2, `the server says R2 and not ${answer.codeText} ${answer.payload}`);
		const second = OscoreContext.renewed(this.own, Buffer.concat([r2, r1]));
		assert.equal(second.openAnswer({ ...answer, options: [[oscoreOption, Buffer.alloc(0)]] }, iv).codeText, '4.01');
		this.context = OscoreContext.renewed(this.own, Buffer.concat([r2, randomBytes(8)]));
		return sealed;
	}

	register(endpoint) {
		return this.ask(methods.POST, [[options.uriPath, 'rd'], [options.contentFormat, Buffer.from([40])],
			[options.uriQuery, `ep=${endpoint}`], [options.uriQuery, 'lt=300'], [options.uriQuery, 'lwm2m=1.1'],
			[options.uriQuery, 'b=U']], '</1/0>,</3/0>');
	}

	// Answers the next request of the server with what `answer` says to it, { code, format, payload }; resolves to the request.
	async serve(answer) {
		const sealed = await this.next();
		assert.ok(sealed.options.some(([number]) => number === oscoreOption), 'nothing comes in the clear');
		const { iv, message } = this.context.openRequest(sealed);
		const { code, format, payload = '' } = answer(message);
		this.send(this.context.answer({ type: types.ACK, code, id: message.id, token: message.token, payload: Buffer.from(payload),
			options: format === undefined ? [] : [[options.contentFormat, formatBytes(format)]] }, iv));
		return message;
	}
}
