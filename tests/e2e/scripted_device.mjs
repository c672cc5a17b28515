// A LwM2M device in a few lines of script, which has whatever objects a test gives it and keeps every request that it
// gets. It speaks TLV, text and LwM2M JSON; values are strings, whole numbers, Float, booleans, Buffers, Link, Multiple, or
// a function, which is executed.
import { CoapClient, encode, location, methods, options, types } from './coap.mjs';

export class Float {
	constructor(number) { this.number = number; }
}

export class Multiple {
	constructor(values) { this.values = values; }
}

export class Link {
	constructor(object, instance) { Object.assign(this, { object, instance }); }
}

const formats = { text: 0, link: 40, opaque: 42, tlv: 11542, json: 11543 };
const code = (text) => { const [kind, detail] = text.split('.').map(Number); return (kind << 5) | detail; };
const numberOf = (bytes) => (bytes.length === 0 ? 0 : bytes.readUIntBE(0, bytes.length));

// ---- values ----

function bytesOf(value) {
	if (Buffer.isBuffer(value))
		return value;
	if (typeof value === 'string')
		return Buffer.from(value);
	if (typeof value === 'boolean')
		return Buffer.of(Number(value));
	if (value instanceof Link)
		return Buffer.of(value.object >> 8, value.object & 255, value.instance >> 8, value.instance & 255);
	const bytes = Buffer.alloc(8);
	if (value instanceof Float) {
		bytes.writeDoubleBE(value.number);
		return bytes;
	}
	bytes.writeBigInt64BE(BigInt(value));
	const width = [1, 2, 4, 8].find((one) => BigInt.asIntN(8 * one, BigInt(value)) === BigInt(value));
	return bytes.subarray(8 - width);
}

// The bytes of a request as a value of the type that is there already.
function valueOf(bytes, before) {
	if (typeof before === 'string')
		return bytes.toString();
	if (typeof before === 'boolean')
		return bytes[0] === 1;
	if (typeof before === 'number')
		return Number(BigInt.asIntN(8 * bytes.length, BigInt(`0x${bytes.toString('hex')}`)));
	if (before instanceof Float)
		return new Float(bytes.length === 4 ? bytes.readFloatBE() : bytes.readDoubleBE());
	return bytes;
}

function valueOfText(text, before) {
	if (typeof before === 'boolean')
		return text === '1';
	if (before instanceof Float)
		return new Float(Number(text));
	return typeof before === 'number' ? Number(text) : text;
}

function textOf(value) {
	if (typeof value === 'boolean')
		return value ? '1' : '0';
	if (value instanceof Link)
		return `${value.object}:${value.instance}`;
	return Buffer.isBuffer(value) ? value.toString('base64') : String(value instanceof Float ? value.number : value);
}

function jsonOf(name, value) {
	if (typeof value === 'boolean')
		return { n: name, bv: value };
	if (typeof value === 'number' || value instanceof Float)
		return { n: name, v: value.number ?? value };
	return value instanceof Link ? { n: name, ov: textOf(value) } : { n: name, sv: textOf(value) };
}

// ---- TLV ----

export const kinds = { instance: 0, resourceInstance: 1, multiple: 2, resource: 3 };

export function tlv(kind, id, value) {
	const width = value.length < 8 ? 0 : value.length < 256 ? 1 : value.length < 65536 ? 2 : 3;
	const head = [(kind << 6) | (id > 255 ? 0x20 : 0) | (width << 3) | (width === 0 ? value.length : 0)];
	head.push(...(id > 255 ? [id >> 8, id & 255] : [id]));
	for (let i = width - 1; i >= 0; i--)
		head.push((value.length >> (8 * i)) & 255);
	return Buffer.concat([Buffer.from(head), value]);
}

export function readTlv(bytes) {
	const elements = [];
	for (let at = 0; at < bytes.length;) {
		const type = bytes[at++], idWidth = type & 0x20 ? 2 : 1, lengthWidth = (type >> 3) & 3;
		const id = bytes.readUIntBE(at, idWidth);
		at += idWidth;
		const length = lengthWidth === 0 ? type & 7 : bytes.readUIntBE(at, lengthWidth);
		at += lengthWidth;
		elements.push({ kind: type >> 6, id, value: bytes.subarray(at, at + length) });
		at += length;
	}
	return elements;
}

function tlvOfResource(id, value) {
	if (!(value instanceof Multiple))
		return tlv(kinds.resource, id, bytesOf(value));
	return tlv(kinds.multiple, id, Buffer.concat(Object.entries(value.values).map(([instance, one]) =>
		tlv(kinds.resourceInstance, Number(instance), bytesOf(one)))));
}

const readable = (instance) => Object.entries(instance).filter(([, value]) => typeof value !== 'function');
const tlvOfInstance = (instance) => Buffer.concat(readable(instance).map(([id, value]) => tlvOfResource(Number(id), value)));

// ---- the device ----

const parametersOf = (query) => Object.fromEntries(query.map((part) => part.split('=')));

export class ScriptedDevice {
	constructor(client, objects) {
		Object.assign(this, { objects, requests: [], observations: new Map(), attributes: {}, number: 1 });
		this.#listen(client);
	}

	static async register(lab, endpoint, objects, { server = lab.server.coap, client, query = ['lwm2m=1.0', 'b=U', 'lt=600'] } = {}) {
		const device = new ScriptedDevice(client ?? await CoapClient.open(server), objects);
		const answer = await device.client.request(methods.POST, { path: 'rd', query: [`ep=${endpoint}`, ...query], format: 40,
			payload: device.links() });
		if (answer.codeText !== '2.01')
			throw new Error(`registration: ${answer.codeText} ${answer.payload}`);
		device.location = location(answer);
		return device;
	}

	#listen(client) {
		this.client = client;
		client.socket.on('message', () => this.#serve(client.received.at(-1)));
	}

	// To another port.
	async move(server) {
		this.client.close();
		this.#listen(await CoapClient.open(server));
	}

	links() {
		return Object.entries(this.objects).flatMap(([object, instances]) => Object.keys(instances).length === 0 ? [`</${object}>`]
			: Object.keys(instances).map((instance) => `</${object}/${instance}>`)).join();
	}

	update(query = [], payload) {
		return this.client.request(methods.POST, { path: this.location, query, payload, format: payload === undefined ? undefined : 40 });
	}

	close() {
		this.client.close();
	}

	// Sets a resource and notifies who observes it, or what is above it.
	change(path, value) {
		const [object, instance, resource] = path.split('/').map(Number);
		this.objects[object][instance][resource] = value;
		for (const [observed, { token, accept }] of this.observations)
			if (path === observed || path.startsWith(`${observed}/`))
				this.#send({ type: types.NON, id: this.client.nextId++ & 0xffff, token }, this.#read(observed.split('/').map(Number),
					accept, [[options.observe, Buffer.of(++this.number)]]));
	}

	#send(head, { answer, list = [], payload = '' }) {
		this.client.sendBytes(encode({ ...head, code: code(answer), options: list, payload: Buffer.from(payload) })).catch(() => {});
	}

	#serve(message) {
		if (message.type !== types.CON || message.code === 0 || message.code > 31)
			return;
		const all = (number) => message.options.filter(([one]) => one === number).map(([, value]) => value);
		const one = (number) => (all(number).length > 0 ? numberOf(all(number)[0]) : undefined);
		const request = { method: message.code, path: all(options.uriPath).map(String).join('/'), query: all(options.uriQuery).map(String),
			format: one(options.contentFormat), accept: one(options.accept), observe: one(options.observe), payload: message.payload };
		this.requests.push(request);
		this.#send({ type: types.ACK, id: message.id, token: message.token }, this.#answer(request, message.token));
	}

	#answer(request, token) {
		const ids = request.path.split('/').map(Number), [object, instance, resource] = ids;
		const there = object in this.objects && (ids.length < 2 || instance in this.objects[object]) &&
			(ids.length < 3 || resource in this.objects[object][instance]);
		if (!there)
			return { answer: '4.04' };
		const value = ids.length < 3 ? undefined : this.objects[object][instance][resource];
		if (request.method === methods.GET)
			return this.#get(request, ids, value, token);
		if (request.method === methods.PUT && request.format === undefined)
			return this.#writeAttributes(request);
		if (this.fixed?.includes(object)) // a server writes nothing there
			return { answer: '4.05' };
		if (request.method === methods.DELETE && ids.length === 2)
			return { answer: delete this.objects[object][instance] ? '2.02' : '4.00' };
		if (request.method === methods.POST && ids.length === 1)
			return this.#create(request, object);
		if (typeof value === 'function')
			return request.method === methods.POST ? (value(request.payload.toString()), { answer: '2.04' }) : { answer: '4.05' };
		return request.method === methods.PUT || request.method === methods.POST ? this.#write(request, ids) : { answer: '4.05' };
	}

	#get(request, ids, value, token) {
		if (request.accept === formats.link)
			return { answer: '2.05', list: [[options.contentFormat, Buffer.of(40)]], payload: this.#discoverTo(ids, request.query) };
		if (typeof value === 'function')
			return { answer: '4.05' };
		if (request.observe === 0)
			this.observations.set(request.path, { token: Buffer.from(token), accept: request.accept, ...parametersOf(request.query) });
		if (request.observe === 1)
			this.observations.delete(request.path);
		return this.#read(ids, request.accept, request.observe === 0 ? [[options.observe, Buffer.of(this.number)]] : []);
	}

	#read(ids, accept, list) {
		const [object, instance, resource, resourceInstance] = ids;
		const instances = this.objects[object], value = instances[instance]?.[resource];
		const single = resourceInstance === undefined ? value : value?.values[resourceInstance];
		const answer = (format, payload) => ({ answer: '2.05', payload,
			list: this.omitsFormat ? list
				: [...list, [options.contentFormat, Buffer.of(...(format > 255 ? [format >> 8, format & 255] : format > 0 ? [format] : []))]] });
		if (this.chooses !== undefined && accept !== undefined) // it takes no Accept
			return { answer: '4.06' };
		accept ??= this.chooses;
		if (accept === formats.text && ids.length >= 3 && !(single instanceof Multiple))
			return answer(formats.text, textOf(single));
		if (accept === formats.opaque && Buffer.isBuffer(single))
			return answer(formats.opaque, single);
		if (accept === formats.json)
			return answer(formats.json, JSON.stringify(this.#json(ids)));
		if (![undefined, formats.tlv].includes(accept))
			return { answer: '4.06' };
		if (ids.length === 4)
			return answer(formats.tlv, tlv(kinds.resourceInstance, resourceInstance, bytesOf(single)));
		if (ids.length === 3)
			return answer(formats.tlv, tlvOfResource(resource, value));
		const all = ids.length === 2 ? [[instance, instances[instance]]] : Object.entries(instances);
		return answer(formats.tlv, Buffer.concat(all.map(([id, one]) => tlv(kinds.instance, Number(id), tlvOfInstance(one)))));
	}

	#json(ids) {
		const [object, instance, resource] = ids, e = [];
		for (const [i, one] of Object.entries(this.objects[object]))
			for (const [r, value] of readable(one))
				if ((instance === undefined || Number(i) === instance) && (resource === undefined || Number(r) === resource))
					for (const [ri, single] of value instanceof Multiple ? Object.entries(value.values) : [[undefined, value]])
						e.push(jsonOf([i, r, ri].filter((part) => part !== undefined).join('/'), single));
		return { bn: `/${object}/`, e };
	}

	// To a depth below the path (LwM2M 1.2), 2 from an object being the resources.
	#discoverTo(ids, query) {
		const depth = parametersOf(query).depth;
		if (depth === undefined)
			return this.#discover(ids);
		const resources = Object.entries(this.objects[ids[0]]).flatMap(([instance, one]) => Object.keys(one)
			.map((resource) => [ids[0], instance, resource])).filter((path) => ids.every((id, i) => Number(path[i]) === id));
		const all = [this.#discover(ids), ...resources.map((path) => this.#discover(path.map(Number)))].join().split(',');
		const levels = (link) => link.slice(1, link.indexOf('>')).split('/').length - 1;
		const byPath = new Map(all.filter((link) => levels(link) <= ids.length + Number(depth)).map((link) => [link.split(';')[0], link]));
		return [...byPath].sort(([a], [b]) => a.slice(0, -1).localeCompare(b.slice(0, -1), 'en', { numeric: true })).map(([, link]) => link).join();
	}

	#discover(ids) {
		const [object, instance, resource] = ids;
		const attributes = (path) => Object.entries(this.attributes[path] ?? {}).map(([name, value]) => `;${name}=${value}`).join('');
		const dimension = (value) => (value instanceof Multiple ? `;dim=${Object.keys(value.values).length}` : '');
		const link = (path, value) => `</${path}>${dimension(value)}${attributes(path)}`;
		if (ids.length === 3)
			return this.#discoverResource(`${object}/${instance}/${resource}`, this.objects[object][instance][resource], link);
		const links = ids.length === 1 ? [link(`${object}`)] : [];
		for (const [i, one] of Object.entries(this.objects[object]))
			if (instance === undefined || Number(i) === instance)
				links.push(link(`${object}/${i}`), ...Object.entries(one).map(([r, value]) => link(`${object}/${i}/${r}`, value)));
		return links.join();
	}

	#discoverResource(path, value, link) {
		const instances = value instanceof Multiple ? Object.keys(value.values).map((instance) => link(`${path}/${instance}`)) : [];
		return [link(path, value), ...instances].join();
	}

	#writeAttributes({ path, query }) {
		const attributes = this.attributes[path] ??= {};
		for (const part of query) {
			const [name, value] = part.split('=');
			attributes[name] = value;
		}
		return { answer: '2.04' };
	}

	#write(request, [object, instance, resource]) {
		const target = this.objects[object][instance];
		if (request.format === formats.text)
			target[resource] = valueOfText(request.payload.toString(), target[resource]);
		else if (request.format === formats.opaque)
			target[resource] = Buffer.from(request.payload);
		else if (request.format === formats.json)
			for (const { n, v, bv, sv } of JSON.parse(request.payload).e)
				target[Number(n.split('/').at(-1))] = v ?? bv ?? sv;
		else if (request.format === formats.tlv)
			for (const element of readTlv(request.payload))
				for (const { id, value } of element.kind === kinds.instance ? readTlv(element.value) : [element])
					target[id] = valueOf(Buffer.from(value), target[id]);
		else
			return { answer: '4.15' };
		return { answer: '2.04' };
	}

	#create(request, object) {
		if (request.format !== formats.tlv)
			return { answer: '4.15' };
		const elements = readTlv(request.payload);
		const isNamed = elements[0]?.kind === kinds.instance;
		let instance = isNamed ? elements[0].id : 0;
		while (!isNamed && instance in this.objects[object])
			instance++;
		if (instance in this.objects[object])
			return { answer: '4.00' };
		const made = this.objects[object][instance] = {};
		for (const { kind, id, value } of isNamed ? readTlv(elements[0].value) : elements)
			made[id] = kind === kinds.multiple ? new Multiple(Object.fromEntries(readTlv(value).map((one) => [one.id, Buffer.from(one.value)])))
				: Buffer.from(value);
		return { answer: '2.01', list: isNamed ? [] : [[options.locationPath, String(object)], [options.locationPath, String(instance)]] };
	}
}
