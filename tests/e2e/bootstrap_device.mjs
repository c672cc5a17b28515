// A device that bootstraps, in a few lines of script: configuration 13 of the enabler test specification, and what it becomes.
import assert from 'node:assert/strict';
import { CoapClient, methods, options, pathOf } from './coap.mjs';
import { kinds, readTlv, tlv } from './scripted_device.mjs';

const link = 40, tlvFormat = 11542;
export const codes = { deleted: 0x42, changed: 0x44, content: 0x45, notAcceptable: 0x86 };
export const number = (bytes) => (bytes.length === 0 ? 0 : bytes.readUIntBE(0, bytes.length));

export function bootstrapUri(lab, scheme) {
	return lab.server.process.lines.map((line) => /^bootstrap (\S+)$/.exec(line)?.[1]).find((uri) => uri?.startsWith(`${scheme}://`));
}

// The account of the bootstrap server is /0/1, object 1 has no instance. What it keeps of an instance is the
// TLV that was written.
export class BootstrapDevice {
	constructor(endpoint) {
		Object.assign(this, { endpoint, requests: [], finish: codes.changed,
			objects: { 0: { 1: tlv(kinds.resource, 0, Buffer.from('coap://bootstrap')) }, 1: {}, 2: {}, 3: { 0: Buffer.alloc(0) } } });
	}

	static async open(lab, endpoint, client) {
		const device = new BootstrapDevice(endpoint);
		device.client = client ?? await CoapClient.open(bootstrapUri(lab, 'coap'));
		device.client.serve((request) => device.answer(request));
		return device;
	}

	resource(object, instance, resource) {
		return readTlv(this.objects[object][instance]).find(({ id }) => id === resource).value;
	}

	links() {
		const links = ['</>;lwm2m=1.1'];
		for (const [object, instances] of Object.entries(this.objects))
			for (const instance of Object.keys(instances)) {
				const has = object === '0' && instance !== '1' || object === '1';
				const id = has ? `;ssid=${number(this.resource(object, instance, object === '0' ? 10 : 0))}` : '';
				links.push(`</${object}/${instance}>${id}`);
			}
		return links.join();
	}

	answer(request) {
		const path = pathOf(request), [object, instance] = path.split('/').filter(Boolean).map(Number);
		const value = (wanted) => request.options.find(([one]) => one === wanted)?.[1];
		this.requests.push(`${Object.keys(methods)[request.code - 1]} ${path}`);
		this.changed?.(path);
		if (path === '/bs')
			return { code: this.finish };
		if (request.code === methods.GET && number(value(options.accept)) === link)
			return { code: codes.content, format: link, payload: this.links() };
		if (request.code === methods.GET)
			return { code: codes.content, format: tlvFormat, payload: Buffer.concat(Object.entries(this.objects[object])
				.map(([id, resources]) => tlv(kinds.instance, Number(id), resources))) };
		if (request.code === methods.DELETE)
			return this.#delete(object, instance);
		assert.equal(request.code, methods.PUT);
		assert.equal(number(value(options.contentFormat)), tlvFormat);
		const [first] = readTlv(request.payload);
		this.objects[object][instance] = Buffer.from(first.kind === kinds.instance ? first.value : request.payload);
		return { code: codes.changed };
	}

	// The account of the bootstrap server stays, and so does the Device object.
	#delete(object, instance) {
		for (const [id, instances] of Object.entries(this.objects))
			for (const one of Object.keys(instances))
				if ((object === undefined || Number(id) === object) && (instance === undefined || Number(one) === instance) &&
					!(id === '0' && one === '1') && id !== '3')
					delete instances[one];
		return { code: codes.deleted };
	}

	// Until the Finish was answered: the outcome.
	async bootstrap(lab, query = []) {
		const events = await lab.rest.events();
		const asked = await this.client.request(methods.POST, { path: 'bs', query: [`ep=${this.endpoint}`, ...query] });
		assert.equal(asked.codeText, '2.04');
		const { data } = await events.find(this.finish === codes.changed ? 'bootstrap.finished' : 'bootstrap.failed',
			({ endpoint }) => endpoint === this.endpoint);
		events.close();
		return data;
	}

	async register(lab) {
		const client = await CoapClient.open(this.resource(0, 0, 0).toString());
		const answer = await client.request(methods.POST, { path: 'rd', format: link, payload: '</1/0>,</3/0>',
			query: [`ep=${this.endpoint}`, `lt=${number(this.resource(1, 0, 1))}`, 'lwm2m=1.1', `b=${this.resource(1, 0, 7)}`] });
		assert.equal(answer.codeText, '2.01');
		client.close();
		return lab.rest.get(`/devices/${this.endpoint}`);
	}
}
