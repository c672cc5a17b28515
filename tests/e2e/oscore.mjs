// The device's side of OSCORE (RFC 8613), written from the specification and by node's cryptography alone: it shares
// nothing with the server's. Enough for short messages without Observe.
import { createCipheriv, createDecipheriv, hkdfSync } from 'node:crypto';
import { decode, encode } from './coap.mjs';

export const oscoreOption = 9;
const outerOptions = [3, 7, oscoreOption, 35, 39];
const algorithm = 10; // AES-CCM-16-64-128

function bstr(bytes) {
	if (bytes.length > 23)
		return Buffer.concat([Buffer.from([0x58, bytes.length]), bytes]);
	return Buffer.concat([Buffer.from([0x40 | bytes.length]), bytes]);
}

function partialIv(number) {
	const hex = number.toString(16);
	return Buffer.from(hex.length % 2 ? `0${hex}` : hex, 'hex');
}

export class OscoreContext {
	// All of them hexadecimal, as in a credential, seen from the device.
	constructor({ masterSecretHex, masterSaltHex = '', senderIdHex, recipientIdHex = '', idContextHex = '' }) {
		const secret = Buffer.from(masterSecretHex, 'hex'), salt = Buffer.from(masterSaltHex, 'hex');
		this.idContext = Buffer.from(idContextHex, 'hex');
		this.senderId = Buffer.from(senderIdHex, 'hex');
		this.recipientId = Buffer.from(recipientIdHex, 'hex');
		const derive = (id, type, length) => {
			const context = this.idContext.length > 0 ? bstr(this.idContext) : Buffer.from([0xf6]);
			const info = Buffer.concat([Buffer.from([0x85]), bstr(id), context, Buffer.from([algorithm]),
				Buffer.from([0x60 | type.length]), Buffer.from(type), Buffer.from([length])]);
			return Buffer.from(hkdfSync('sha256', secret, salt, info, length));
		};
		this.senderKey = derive(this.senderId, 'Key', 16);
		this.recipientKey = derive(this.recipientId, 'Key', 16);
		this.commonIv = derive(Buffer.alloc(0), 'IV', 13);
		this.nextNumber = 0;
		this.kidContext = this.idContext;
	}

	// A context of appendix B.2 with this ID context, which goes with requests as a byte string of CBOR.
	static renewed(credential, idContext) {
		const context = new OscoreContext({ ...credential, idContextHex: idContext.toString('hex') });
		context.kidContext = bstr(idContext);
		return context;
	}

	// R2, the server's part of a new ID context, in an answer; undefined: it says none.
	static offered(message) {
		const value = message.options.find(([number]) => number === oscoreOption)?.[1];
		if (value === undefined || value.length < 3 || value[0] !== 0x10)
			return undefined;
		const wrapped = value.subarray(2, 2 + value[1]);
		const r2 = wrapped.subarray(wrapped[0] === 0x58 ? 2 : 1);
		return bstr(r2).equals(wrapped) ? r2 : undefined;
	}

	nonce(id, iv) {
		const nonce = Buffer.from(this.commonIv);
		nonce[0] ^= id.length;
		id.forEach((byte, i) => { nonce[8 - id.length + i] ^= byte; });
		iv.forEach((byte, i) => { nonce[13 - iv.length + i] ^= byte; });
		return nonce;
	}

	static additional(requestId, requestIv) {
		const external = Buffer.concat([Buffer.from([0x85, 1, 0x81, algorithm]), bstr(requestId), bstr(requestIv), bstr(Buffer.alloc(0))]);
		return Buffer.concat([Buffer.from([0x83, 0x68]), Buffer.from('Encrypt0'), Buffer.from([0x40]), bstr(external)]);
	}

	// What goes in place of a message: the same in type, id and token.
	seal(message, outerCode, iv, requestId, requestIv, optionValue) {
		const inner = encode({ type: 0, code: message.code, id: 0, payload: message.payload,
			options: (message.options ?? []).filter(([number]) => !outerOptions.includes(number)) });
		const plain = Buffer.concat([Buffer.from([message.code]), inner.subarray(4)]);
		const cipher = createCipheriv('aes-128-ccm', this.senderKey, iv, { authTagLength: 8 });
		cipher.setAAD(OscoreContext.additional(requestId, requestIv), { plaintextLength: plain.length });
		const payload = Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
		return { ...message, code: outerCode, options: [[oscoreOption, optionValue]], payload };
	}

	// Throws when it is not of this context.
	unseal(message, nonce, requestId, requestIv) {
		const cipher = createDecipheriv('aes-128-ccm', this.recipientKey, nonce, { authTagLength: 8 });
		const sealed = message.payload.subarray(0, -8);
		cipher.setAuthTag(message.payload.subarray(-8));
		cipher.setAAD(OscoreContext.additional(requestId, requestIv), { plaintextLength: sealed.length });
		const plain = cipher.update(sealed);
		cipher.final();
		const inner = decode(Buffer.concat([Buffer.from([0x40, plain[0], 0, 0]), plain.subarray(1)]));
		return { ...inner, type: message.type, id: message.id, token: message.token };
	}

	// A request of the device; `iv` is what its answer is bound to.
	request(message) {
		const iv = partialIv(this.nextNumber++);
		const hasContext = this.kidContext.length > 0;
		const value = Buffer.concat([Buffer.from([iv.length | 0x08 | (hasContext ? 0x10 : 0)]), iv,
			...(hasContext ? [Buffer.from([this.kidContext.length]), this.kidContext] : []), this.senderId]);
		return { iv, message: this.seal(message, 2, this.nonce(this.senderId, iv), this.senderId, iv, value) };
	}

	openAnswer(message, iv) {
		const value = message.options.find(([number]) => number === oscoreOption)?.[1];
		if (value === undefined)
			throw new Error(`${message.codeText} in the clear: ${message.payload}`);
		const own = value.subarray(1, 1 + (value.length > 0 ? value[0] & 7 : 0));
		const nonce = own.length > 0 ? this.nonce(this.recipientId, own) : this.nonce(this.senderId, iv);
		return this.unseal(message, nonce, this.senderId, iv);
	}

	// A request of the server, and the answer to it.
	openRequest(message) {
		const [, value] = message.options.find(([number]) => number === oscoreOption);
		const iv = value.subarray(1, 1 + (value[0] & 7));
		return { iv, message: this.unseal(message, this.nonce(this.recipientId, iv), this.recipientId, iv) };
	}

	answer(message, iv) {
		return this.seal(message, (2 << 5) | 4, this.nonce(this.recipientId, iv), this.recipientId, iv, Buffer.alloc(0));
	}
}
